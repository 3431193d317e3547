package session

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"pgregory.net/rapid"
)

// A twin is a manager as one writes it down first: a list of all sessions that ever were.
type twin struct {
	opts   Options
	all    []*entry
	serial int
}

type entry struct {
	info   Info
	serial int
	result Result
	gone   bool // the result was taken or dropped
	done   int  // when it was completed, in the order of completions
}

func (w *twin) entry(id ID) *entry {
	for _, e := range w.all {
		if e.result.ID == id && !e.gone {
			return e
		}
	}
	return nil
}

func (w *twin) count(states ...State) (n int) {
	for _, e := range w.all {
		if !e.gone && slices.Contains(states, e.info.State) {
			n++
		}
	}
	return n
}

func (w *twin) live() int { return w.count(Initializing, Active, Terminating) }

func (w *twin) enter(e *entry, s State, deadline time.Duration) {
	w.serial++
	e.info.State, e.info.Deadline, e.serial = s, deadline, w.serial
}

func (w *twin) open(now time.Duration, peers []protocols.PeerID) error {
	switch {
	case len(peers) == 0 || len(slices.Compact(slices.SortedFunc(slices.Values(peers), comparePeers))) != len(peers) && len(peers) <= w.opts.MaxParticipants:
		return protocols.ErrVerification
	case len(peers) > w.opts.MaxParticipants:
		return ErrLimit
	case w.live() == w.opts.Capacity:
		return ErrCapacity
	}
	e := &entry{info: Info{Participants: peers}, result: Result{Opened: now, Participants: peers}}
	w.enter(e, Initializing, now+w.opts.Timeout)
	w.all = append(w.all, e)
	return nil
}

func comparePeers(a, b protocols.PeerID) int { return slices.Compare(a[:], b[:]) }

func (w *twin) may(now time.Duration, e *entry, states ...State) error {
	switch {
	case e == nil:
		return ErrUnknown
	case !slices.Contains(states, e.info.State):
		return ErrTransition
	case now >= e.info.Deadline:
		return protocols.ErrTimeout
	}
	return nil
}

func (w *twin) activate(now time.Duration, e *entry) error {
	if err := w.may(now, e, Initializing); err != nil {
		return err
	}
	w.enter(e, Active, now+w.opts.Timeout)
	return nil
}

func (w *twin) charge(now time.Duration, e *entry, ops, bytes int64) error {
	if err := w.may(now, e, Active); err != nil {
		return err
	}
	if ops < 0 || bytes < 0 {
		return protocols.ErrVerification
	}
	if e.info.Ops+ops > w.opts.MaxOps || e.info.Bytes+bytes > w.opts.MaxBytes {
		return ErrLimit
	}
	e.info.Ops += ops
	e.info.Bytes += bytes
	return nil
}

func (w *twin) end(e *entry, at time.Duration, o Outcome, cause error) {
	r := &e.result
	r.Outcome, r.Last, r.Cause, r.Duration = o, e.info.State, cause, at-r.Opened
	r.Ops, r.Bytes = e.info.Ops, e.info.Bytes
	w.enter(e, Terminating, at+w.opts.Linger)
}

func (w *twin) terminate(now time.Duration, e *entry, cause error) error {
	o, states := Failure, []State{Initializing, Active}
	if cause == nil {
		o, states = Success, states[1:]
	} else if errors.Is(cause, protocols.ErrTimeout) {
		o = Timeout
	}
	if err := w.may(now, e, states...); err != nil {
		return err
	}
	w.end(e, now, o, cause)
	return nil
}

func (w *twin) finish(e *entry) {
	e.info.State = Completed
	w.serial++
	e.done = w.serial
	if w.count(Completed) > w.opts.Results {
		oldest := e
		for _, o := range w.all {
			if !o.gone && o.info.State == Completed && o.done < oldest.done {
				oldest = o
			}
		}
		oldest.gone = true
	}
}

func (w *twin) close(now time.Duration, e *entry) error {
	if err := w.may(now, e, Terminating); err != nil {
		return err
	}
	w.finish(e)
	return nil
}

// next returns the live session with the earliest deadline, nil if none is live.
func (w *twin) next() (first *entry) {
	for _, e := range w.all {
		if e.gone || e.info.State == Completed {
			continue
		}
		if first == nil || e.info.Deadline < first.info.Deadline || e.info.Deadline == first.info.Deadline && e.serial < first.serial {
			first = e
		}
	}
	return first
}

func (w *twin) step(now time.Duration) (events []Event) {
	for e := w.next(); e != nil && e.info.Deadline <= now; e = w.next() {
		at := e.info.Deadline
		if e.info.State == Terminating {
			w.finish(e)
		} else {
			w.end(e, at, Timeout, protocols.ErrTimeout)
		}
		events = append(events, Event{at, e.result.ID, e.info.State, e.result.Outcome})
	}
	return events
}

func (w *twin) take(e *entry) (Result, error) {
	switch {
	case e == nil:
		return Result{}, ErrUnknown
	case e.info.State != Completed:
		return Result{}, ErrTransition
	}
	e.gone = true
	return e.result, nil
}

// kinds are the errors that all others must be exactly one of.
var kinds = []error{protocols.ErrTimeout, protocols.ErrExhausted, protocols.ErrVerification, protocols.ErrVersion}

// agree checks that a call failed if, and as, the twin did, and with one kind of error.
func agree(t *rapid.T, what string, got, want error) {
	if (got == nil) != (want == nil) || got != nil && !errors.Is(got, want) {
		t.Fatalf("%s: %v, the twin says %v", what, got, want)
	}
	n := 0
	for _, k := range kinds {
		if errors.Is(got, k) {
			n++
		}
	}
	if got != nil && n != 1 {
		t.Fatalf("%s: %v is %d kinds of errors", what, got, n)
	}
}

// TestAgainstATwin drives a manager and its twin through the same calls.
func TestAgainstATwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opts := Options{
			Seed: rapid.Uint64().Draw(t, "seed"), Capacity: rapid.SampledFrom([]int{1, 2, 3, 6, 20}).Draw(t, "capacity"), Results: rapid.IntRange(1, 6).Draw(t, "results"),
			Timeout: time.Duration(rapid.IntRange(1, 20).Draw(t, "timeout")), Linger: time.Duration(rapid.IntRange(1, 20).Draw(t, "linger")),
			MaxParticipants: rapid.IntRange(1, 3).Draw(t, "participants"), MaxOps: 3, MaxBytes: 50,
		}
		m, err := New(opts)
		if err != nil {
			t.Fatal(err)
		}
		w := &twin{opts: opts}
		var now time.Duration
		ids := []ID{0, 12345}
		seen := map[ID]bool{0: true, 12345: true}
		// Small draws are frequent: the latest.
		id := func() ID { return ids[len(ids)-1-rapid.IntRange(0, len(ids)-1).Draw(t, "age")] }
		causes := []error{nil, nil, errors.New("broken"), protocols.ErrTimeout, protocols.ErrExhausted}
		var events []Event
		var result Result
		open := func(names ...byte) {
			var peers []protocols.PeerID
			for _, n := range names {
				peers = append(peers, protocols.PeerID{n})
			}
			id, err := m.Open(now, peers)
			agree(t, "open", err, w.open(now, peers))
			if err == nil {
				if seen[id] {
					t.Fatalf("id %v comes again", id)
				}
				seen[id] = true
				ids = append(ids, id)
				w.all[len(w.all)-1].result.ID = id
			}
		}
		charge := func(x ID) {
			ops, bytes := rapid.Int64Range(-1, 4).Draw(t, "ops"), rapid.Int64Range(-1, 60).Draw(t, "bytes")
			agree(t, "charge", m.Charge(now, x, ops, bytes), w.charge(now, w.entry(x), ops, bytes))
		}
		actions := []func(){
			func() { now += time.Duration(rapid.IntRange(0, 12).Draw(t, "time")) },
			func() { open(1, 2) }, func() { open(2, 1, 3) },
			func() { open(rapid.SliceOfN(rapid.ByteRange(1, 9), 0, opts.MaxParticipants+1).Draw(t, "peers")...) },
			func() {
				for range opts.Capacity {
					open(3)
					now += time.Duration(rapid.IntRange(0, 1).Draw(t, "time"))
				}
			},
			func() { x := id(); agree(t, "activate", m.Activate(now, x), w.activate(now, w.entry(x))) },
			func() { charge(id()) },
			func() { // one that is active, most often
				x := ids[len(ids)-1]
				agree(t, "activate", m.Activate(now, x), w.activate(now, w.entry(x)))
				for range 3 {
					charge(x)
				}
			},
			func() {
				x, cause := id(), rapid.SampledFrom(causes).Draw(t, "cause")
				agree(t, "terminate", m.Terminate(now, x, cause), w.terminate(now, w.entry(x), cause))
			},
			func() { x := id(); agree(t, "close", m.Close(now, x), w.close(now, w.entry(x))) },
			func() {
				x := id()
				want, err := w.take(w.entry(x))
				agree(t, "take", m.Take(x, &result), err)
				if err == nil && !equal(result, want) {
					t.Fatalf("result %+v, want %+v", result, want)
				}
			},
			func() {
				events = m.Step(now, events[:0])
				if want := w.step(now); !slices.Equal(events, want) {
					t.Fatalf("step to %d: %v, want %v", now, events, want)
				}
			},
		}
		// Far more steps than rapid takes by itself: a slot must be used again and again.
		for range 200 {
			actions[rapid.IntRange(0, len(actions)-1).Draw(t, "action")]()
			same(t, m, w, ids)
		}
	})
}

func equal(a, b Result) bool {
	ok := slices.Equal(a.Participants, b.Participants) && a.Cause == b.Cause
	a.Participants, b.Participants, a.Cause, b.Cause = nil, nil, nil, nil
	return ok && a.ID == b.ID && a.Outcome == b.Outcome && a.Last == b.Last && a.Ops == b.Ops && a.Bytes == b.Bytes && a.Opened == b.Opened && a.Duration == b.Duration
}

// same compares all that can be seen of both, and counts the slots.
func same(t *rapid.T, m *Manager, w *twin, ids []ID) {
	next := protocols.Never
	if e := w.next(); e != nil {
		next = e.info.Deadline
	}
	if m.Live() != w.live() || m.NextDeadline() != next {
		t.Fatalf("%d live, next deadline %d; want %d, %d", m.Live(), m.NextDeadline(), w.live(), next)
	}
	for s := Initializing; s <= Completed; s++ {
		if m.Count(s) != w.count(s) {
			t.Fatalf("%d are %v, want %d", m.Count(s), s, w.count(s))
		}
	}
	for _, id := range ids {
		info, ok := m.Get(id)
		e := w.entry(id)
		if ok != (e != nil) {
			t.Fatalf("session %v is there: %v", id, ok)
		}
		if !ok {
			continue
		}
		x, y := info, e.info
		if !slices.Equal(x.Participants, y.Participants) || x.State != y.State || x.Ops != y.Ops || x.Bytes != y.Bytes || x.State != Completed && x.Deadline != y.Deadline {
			t.Fatalf("session %v: %+v, want %+v", id, x, y)
		}
	}
	if got := freeSlots(m) + m.Live() + m.Count(Completed); got != len(m.slots) {
		t.Fatalf("%d of %d slots are accounted for", got, len(m.slots))
	}
	st := m.Stats()
	if st.Opened != st.Completed+uint64(m.Live()) || st.Succeeded+st.Failed+st.TimedOut != st.Completed+uint64(m.Count(Terminating)) {
		t.Fatalf("stats %+v do not add up with %d live", st, m.Live())
	}
}

func freeSlots(m *Manager) (n int) {
	for i := m.free; i != none; i = m.slots[i].next {
		n++
	}
	return n
}
