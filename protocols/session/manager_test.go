package session

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

func TestOptions(t *testing.T) {
	m := manager(t, Options{})
	want := Options{0, 20, 20, 300 * time.Second, 60 * time.Second, 10, 10000, 10 << 20}
	if m.opts != want {
		t.Errorf("defaults %+v", m.opts)
	}
	for _, o := range []Options{
		{Capacity: -1}, {Capacity: 1<<20 + 1}, {Results: -1}, {Results: 1<<20 + 1}, {Timeout: -1}, {Linger: -1}, {MaxParticipants: -1},
		{MaxParticipants: 257}, {MaxOps: -1}, {MaxBytes: -1},
	} {
		if _, err := New(o); !errors.Is(err, protocols.ErrVerification) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// TestMint follows ids back to their slots, and wants them to look unlike each other.
func TestMint(t *testing.T) {
	one := uint64(mixer)
	if one *= unmixer; one != 1 {
		t.Fatalf("mixer times unmixer is %#x", one)
	}
	for _, slots := range []int{2, 3, 40, 1 << 21} {
		seen := map[ID]bool{}
		m, other := newMint(1, slots), newMint(2, slots)
		for use := range uint64(50) {
			for slot := 0; slot < slots; slot += 1 + slots/37 {
				id := m.id(slot, use)
				if seen[id] || m.slot(id) != slot || id == other.id(slot, use) {
					t.Fatalf("slot %d of %d, use %d: id %v", slot, slots, use, id)
				}
				seen[id] = true
			}
		}
	}
}

// cycle is the life of a session, from nothing to nothing.
func cycle(t testing.TB, m *Manager, now time.Duration, r *Result) {
	id := open(t, m, now)
	ok(t, m.Activate(now, id), m.Charge(now, id, 10, 1000), m.Terminate(now, id, nil), m.Close(now, id), m.Take(id, r))
}

// TestNothingLeaks goes through a million sessions of each way to end, and finds every slot free.
func TestNothingLeaks(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 10_000
	}
	m := manager(t, Options{Timeout: 50, Linger: 5})
	slots, peers, heap := len(m.slots), len(m.peers), cap(m.heap)
	var now time.Duration
	var r Result
	events := make([]Event, 0, 2*m.opts.Capacity)
	for i := range n {
		now++
		switch id := open(t, m, now); i % 4 {
		case 0: // closed, and taken
			ok(t, m.Activate(now, id), m.Terminate(now, id, nil), m.Close(now, id), m.Take(id, &r))
		case 1: // closed, and never taken
			ok(t, m.Terminate(now, id, protocols.ErrExhausted), m.Close(now, id))
		case 2: // terminated, and never closed
			ok(t, m.Terminate(now, id, protocols.ErrExhausted))
		case 3: // forgotten
		}
		events = m.Step(now, events[:0])
	}
	m.Step(now+55, nil)
	if m.Live() != 0 || freeSlots(m)+m.Count(Completed) != slots || m.Count(Completed) > m.opts.Results {
		t.Errorf("%d live, %d free, %d kept", m.Live(), freeSlots(m), m.Count(Completed))
	}
	if len(m.slots) != slots || len(m.peers) != peers || cap(m.heap) != heap || cap(events) != 2*m.opts.Capacity {
		t.Errorf("grown: %d slots, %d peers, heap %d, events %d", len(m.slots), len(m.peers), cap(m.heap), cap(events))
	}
	if s := m.Stats(); s.Opened != uint64(n) || s.Completed != uint64(n) || s.TimedOut != uint64(n/4) || s.Refused != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestNoAllocations(t *testing.T) {
	m := manager(t, Options{Timeout: 2 * time.Second, Linger: time.Second})
	for range 10 {
		open(t, m, 0)
	}
	var now time.Duration
	var r Result
	var events []Event
	round := func() {
		now += time.Second
		cycle(t, m, now, &r)
		open(t, m, now) // which is left to time out
		events = m.Step(now, events[:0])
	}
	round()
	for range 100 {
		round()
	}
	if n := testing.AllocsPerRun(1000, round); n != 0 {
		t.Errorf("%v allocations per round", n)
	}
}

// TestSessionsKeepApart runs many at once and gives each what is its own.
func TestSessionsKeepApart(t *testing.T) {
	for _, n := range []int{1, 3, 5, 10, 15, 20, 50} {
		m := manager(t, Options{Capacity: n, Seed: uint64(n)})
		var ids []ID
		for i := range n {
			id, err := m.Open(time.Duration(i), []protocols.PeerID{{byte(i)}, {byte(i), 1}})
			ok(t, err, m.Activate(time.Duration(i), id))
			ids = append(ids, id)
		}
		for round := range 10 {
			for i, id := range ids {
				ok(t, m.Charge(time.Duration(n+round), id, int64(i), int64(i*i)))
			}
		}
		for i, id := range slices.Backward(ids) {
			at := time.Duration(1000 - i)
			ok(t, m.Terminate(at, id, nil), m.Close(at, id))
		}
		for i, id := range ids {
			var r Result
			ok(t, m.Take(id, &r))
			want := Result{
				ID: id, Outcome: Success, Last: Active, Ops: int64(10 * i), Bytes: int64(10 * i * i), Opened: time.Duration(i),
				Duration: time.Duration(1000 - 2*i), Participants: []protocols.PeerID{{byte(i)}, {byte(i), 1}},
			}
			if !equal(r, want) {
				t.Errorf("%d at once: result %+v, want %+v", n, r, want)
			}
			if err := m.Take(id, &r); !errors.Is(err, ErrUnknown) {
				t.Errorf("taken twice: %v", err)
			}
		}
	}
}

// TestTimeDoesNotGoBack also holds at the end of all time.
func TestTimeDoesNotGoBack(t *testing.T) {
	m := manager(t, Options{})
	a := open(t, m, 100)
	ok(t, m.Activate(50, a), m.Terminate(40, a, nil), m.Close(30, a))
	var r Result
	ok(t, m.Take(a, &r))
	if r.Opened != 100 || r.Duration != 0 {
		t.Errorf("result %+v", r)
	}
	b := open(t, m, protocols.Never-1)
	if info, _ := m.Get(b); info.Deadline != protocols.Never {
		t.Errorf("deadline %v", info.Deadline)
	}
}

func TestNames(t *testing.T) {
	var all []string
	for i := range 6 {
		all = append(all, State(i).String())
	}
	for i := range 5 {
		all = append(all, Outcome(i).String())
	}
	all = append(all, ID(255).String())
	want := []string{
		"none", "initializing", "active", "terminating", "completed", "state 5", "none", "success", "failure", "timeout", "outcome 4", "00000000000000ff",
	}
	if !slices.Equal(all, want) {
		t.Errorf("%q", all)
	}
}
