package simnet

import "time"

// The kinds of event.
const (
	eventArrive  = iota + 1 // a datagram reaches a peer's access
	eventHandle             // the peer has processed it
	eventWake               // a node may want to be stepped
	eventCrash              // a peer loses its memory
	eventBoot               // and starts again
	eventReceive            // a datagram has come through the access
)

// An event is a value, not a pointer: the queue is one block of memory.
type event struct {
	at   time.Duration
	seq  uint64
	kind uint8
	boot uint16 // of the receiving peer when it took the datagram
	from int32
	to   int32
	back time.Duration // of a crash
	data []byte
}

// before is a total order: simultaneous events keep the order in which they were caused.
func (e *event) before(f *event) bool {
	return e.at < f.at || e.at == f.at && e.seq < f.seq
}

// An eventHeap is a heap with four children to a node: half as deep as a binary one, and the four
// lie side by side.
type eventHeap struct{ e []event }

func (h *eventHeap) len() int    { return len(h.e) }
func (h *eventHeap) top() *event { return &h.e[0] }

func (h *eventHeap) push(e event) {
	h.e = append(h.e, e)
	i := len(h.e) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if !e.before(&h.e[parent]) {
			break
		}
		h.e[i] = h.e[parent]
		i = parent
	}
	h.e[i] = e
}

func (h *eventHeap) pop() event {
	top := h.e[0]
	n := len(h.e) - 1
	last := h.e[n]
	h.e[n] = event{} // lets go of the datagram
	h.e = h.e[:n]
	if n == 0 {
		return top
	}
	i := 0
	for {
		least := 4*i + 1
		if least >= n {
			break
		}
		for c := least + 1; c < min(4*i+5, n); c++ {
			if h.e[c].before(&h.e[least]) {
				least = c
			}
		}
		if !h.e[least].before(&last) {
			break
		}
		h.e[i] = h.e[least]
		i = least
	}
	h.e[i] = last
	return top
}
