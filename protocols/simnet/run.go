package simnet

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// Do calls f for one peer at the present time, for what starts from outside the network, and sends
// what f puts out.
func (n *Network) Do(id protocols.PeerID, f func(now time.Duration, out *protocols.Output)) error {
	i, ok := n.index[id]
	if !ok {
		return fmt.Errorf("act at peer %v: no such peer; add it first", id)
	}
	n.out.Reset()
	f(n.now, &n.out)
	n.dispatch(i)
	return nil
}

// Run steps nodes until nothing is left to happen, the next event would be after limit, or done
// returns true; done may be nil and is asked after every step. It reports whether done did.
func (n *Network) Run(limit time.Duration, done func() bool) bool {
	for n.queue.len() > 0 {
		if n.queue.top().at > limit {
			n.now = limit
			return false
		}
		if n.step(n.queue.pop()) && done != nil && done() {
			return true
		}
	}
	return false
}

// step handles one event and reports whether a node was stepped.
func (n *Network) step(e event) bool {
	p := n.peers[e.to]
	if e.kind == eventWake {
		if e.at != p.pending {
			return false // replaced by an earlier one
		}
		p.pending = protocols.Never
		if p.wake > e.at {
			n.schedule(int(e.to)) // the node has changed its mind since
			return false
		}
		p.wake = protocols.Never
	}
	n.now = e.at
	switch e.kind {
	case eventWake:
		n.mix(uint64(n.now), uint64(e.to)<<8|eventWake, nil)
		n.out.Reset()
		p.node.Step(n.now, protocols.Input{}, &n.out)
	case eventArrive:
		if n.opts.Processing > 0 {
			p.busyUntil = max(p.busyUntil, n.now) + n.opts.Processing
			n.push(event{at: p.busyUntil, kind: eventHandle, from: e.from, to: e.to, data: e.data})
			return false
		}
		fallthrough
	case eventHandle:
		n.peers[e.from].links[e.to].Delivered++
		n.mix(uint64(n.now), uint64(e.from)<<32|uint64(e.to)<<8|eventHandle, e.data)
		n.out.Reset()
		p.node.Step(n.now, protocols.Input{From: n.peers[e.from].id, Data: e.data}, &n.out)
		n.out.Recycle(e.data)
	}
	n.steps++
	n.dispatch(int(e.to))
	return true
}

// dispatch sends what peer i put out and arranges its waking.
func (n *Network) dispatch(i int) {
	for _, d := range n.out.Datagrams {
		n.send(i, d)
	}
	p := n.peers[i]
	p.wake = max(n.out.Wake, n.now)
	n.schedule(i)
}

// schedule makes sure that a wake event is due no later than the node wants. One that is too early
// is left in the queue: pushing for every change would fill it with stale ones.
func (n *Network) schedule(i int) {
	p := n.peers[i]
	if p.wake == protocols.Never || p.pending <= p.wake {
		return
	}
	p.pending = p.wake
	n.push(event{at: p.wake, kind: eventWake, to: int32(i)})
}

func (n *Network) push(e event) {
	n.seq++
	e.seq = n.seq
	n.queue.push(e)
}

func (n *Network) send(from int, d protocols.Datagram) {
	to, ok := n.index[d.To]
	if !ok || to == from {
		n.out.Recycle(d.Data) // nobody there: as on a real network, silence
		return
	}
	l := n.link(from, to)
	size := len(d.Data) + HeaderSize
	l.Datagrams++
	l.PayloadBytes += int64(len(d.Data))
	l.WireBytes += int64(size)
	if d.Message {
		l.Messages++
	}
	if d.Again {
		l.Retransmissions++
	}
	at := n.now
	if rate := n.opts.Link.Rate; rate > 0 {
		l.freeAt = max(l.freeAt, n.now)
		waiting := int64(l.freeAt-n.now) * rate / 8 / int64(time.Second)
		if q := n.opts.Link.Queue; q > 0 && waiting+int64(size) > int64(q) {
			l.Overflowed++
			n.out.Recycle(d.Data)
			return
		}
		l.freeAt += time.Duration(int64(size) * 8 * int64(time.Second) / rate)
		at = l.freeAt
	}
	// Every source is asked for every datagram, so that one draw's outcome shifts no other.
	lost := n.opts.Link.Loss > 0 && l.loss.Float64() < n.opts.Link.Loss
	twice := n.opts.Link.Duplicate > 0 && l.dup.Float64() < n.opts.Link.Duplicate
	first, second := n.delay(l), time.Duration(0)
	if n.opts.Link.Duplicate > 0 {
		second = n.delay(l)
	}
	switch {
	case n.cut(from, to):
		l.Cut++
		n.out.Recycle(d.Data)
		return
	case lost:
		l.Lost++
		n.out.Recycle(d.Data)
		return
	case twice:
		l.Duplicated++
		b := append(n.out.Buffer(), d.Data...)
		n.push(event{at: at + second, kind: eventArrive, from: int32(from), to: int32(to), data: b})
	}
	n.push(event{at: at + first, kind: eventArrive, from: int32(from), to: int32(to), data: d.Data})
}

func (n *Network) delay(l *link) time.Duration {
	d := n.opts.Link.Delay
	if j := n.opts.Link.Jitter; j > 0 {
		d += time.Duration(l.jitter.Int64N(int64(j) + 1))
	}
	return d
}

func (n *Network) cut(from, to int) bool {
	for _, p := range n.opts.Partitions {
		if n.now >= p.From && n.now < p.Until &&
			slices.Contains(p.Group, n.peers[from].id) != slices.Contains(p.Group, n.peers[to].id) {
			return true
		}
	}
	return false
}

// mix folds an event into the trace: eight bytes at a time, each through a full multiplication, so
// that any changed bit changes what follows.
func (n *Network) mix(at, what uint64, data []byte) {
	h := fold(fold(n.trace, at), what^uint64(len(data))<<48)
	for len(data) >= 8 {
		h = fold(h, binary.LittleEndian.Uint64(data))
		data = data[8:]
	}
	var tail [8]byte
	copy(tail[:], data)
	n.trace = fold(h, binary.LittleEndian.Uint64(tail[:]))
}

func fold(h, v uint64) uint64 {
	hi, lo := bits.Mul64(h^v^0xa0761d6478bd642f, 0xe7037ed1a0b428db)
	return hi ^ lo + h
}
