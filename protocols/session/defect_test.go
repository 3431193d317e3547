package session

import (
	"errors"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// Each test here is named after a defect that other implementations have had.

func manager(t testing.TB, opts Options) *Manager {
	t.Helper()
	m, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var two = []protocols.PeerID{{1}, {2}}

func open(t testing.TB, m *Manager, now time.Duration) ID {
	t.Helper()
	id, err := m.Open(now, two)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func ok(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// TestDefectCapacityCountsActiveOnly opens sessions that never become active, and such that do not
// finish cleaning up: all of them take room.
func TestDefectCapacityCountsActiveOnly(t *testing.T) {
	m := manager(t, Options{Capacity: 3})
	a, b := open(t, m, 0), open(t, m, 0)
	open(t, m, 0)
	full := func(when string) {
		t.Helper()
		if _, err := m.Open(1, two); !errors.Is(err, ErrCapacity) || !errors.Is(err, protocols.ErrExhausted) || m.Live() != 3 {
			t.Errorf("%s: %v, %d live", when, err, m.Live())
		}
	}
	full("three initializing")
	ok(t, m.Activate(1, a))
	full("one active")
	ok(t, m.Terminate(1, a, nil), m.Terminate(1, b, errors.New("gone")))
	full("two terminating")
	ok(t, m.Close(1, a))
	open(t, m, 1)
	full("room taken again")
}

// TestDefectInitializingForEver lets sessions time out that nobody activates.
func TestDefectInitializingForEver(t *testing.T) {
	m := manager(t, Options{Capacity: 100})
	for range 100 {
		open(t, m, 0)
	}
	if ev := m.Step(300*time.Second, nil); len(ev) != 100 || ev[0].Outcome != Timeout {
		t.Errorf("%d events", len(ev))
	}
	if ev := m.Step(360*time.Second, nil); len(ev) != 100 || m.Live() != 0 || m.NextDeadline() != protocols.Never {
		t.Errorf("%d events, %d live", len(ev), m.Live())
	}
}

// TestDefectShortSessionsAreNeverFreed runs sessions far shorter than the time for cleaning up, with nobody
// who closes them or takes their results.
func TestDefectShortSessionsAreNeverFreed(t *testing.T) {
	m := manager(t, Options{})
	var now time.Duration
	for range 1000 {
		for m.Live() < 20 {
			id := open(t, m, now)
			ok(t, m.Activate(now, id), m.Terminate(now+time.Millisecond, id, nil))
		}
		now += time.Minute + time.Millisecond
		m.Step(now, nil)
		if m.Live() != 0 || m.Count(Completed) != 20 || freeSlots(m) != 20 {
			t.Fatalf("%d live, %d results kept, %d slots free", m.Live(), m.Count(Completed), freeSlots(m))
		}
	}
	if s := m.Stats(); s.Opened != 20000 || s.Completed != 20000 || s.Dropped != 20000-20 {
		t.Errorf("stats %+v", s)
	}
}

// TestDefectTimesInWholeSeconds needs timeouts and durations below a second, to the nanosecond.
func TestDefectTimesInWholeSeconds(t *testing.T) {
	m := manager(t, Options{Timeout: 1500*time.Millisecond + 1, Linger: 1})
	id := open(t, m, 7)
	deadline := 7 + 1500*time.Millisecond + 1
	if ev := m.Step(deadline-1, nil); len(ev) != 0 || m.NextDeadline() != deadline {
		t.Fatalf("%v a nanosecond early, next %v", ev, m.NextDeadline())
	}
	ok(t, m.Activate(deadline-1, id))
	ok(t, m.Terminate(deadline+299*time.Microsecond, id, nil), m.Close(deadline+299*time.Microsecond, id))
	var r Result
	ok(t, m.Take(id, &r))
	if r.Duration != 1500*time.Millisecond+1+299*time.Microsecond {
		t.Errorf("duration %v", r.Duration)
	}
	// However late the manager is stepped, times are those at which things were due.
	id = open(t, m, time.Second*10)
	ev := m.Step(time.Hour, nil)
	end := 10*time.Second + 1500*time.Millisecond + 1
	if len(ev) != 2 || ev[0] != (Event{end, id, Terminating, Timeout}) || ev[1] != (Event{end + 1, id, Completed, Timeout}) {
		t.Errorf("events %v", ev)
	}
	ok(t, m.Take(id, &r))
	if r.Duration != 1500*time.Millisecond+1 || r.Last != Initializing || r.Outcome != Timeout || !errors.Is(r.Cause, protocols.ErrTimeout) {
		t.Errorf("result %+v", r)
	}
}

// TestDefectLimitsAreNotEnforced charges to the limits and not a byte further.
func TestDefectLimitsAreNotEnforced(t *testing.T) {
	m := manager(t, Options{})
	id := open(t, m, 0)
	if err := m.Charge(0, id, 1, 1); !errors.Is(err, ErrTransition) {
		t.Errorf("charge before it is active: %v", err)
	}
	ok(t, m.Activate(0, id), m.Charge(0, id, 9999, 10<<20-1))
	const most = 1<<63 - 1
	for _, c := range [][2]int64{{2, 0}, {0, 2}, {most, 0}, {0, most}, {most, most}} {
		if err := m.Charge(0, id, c[0], c[1]); !errors.Is(err, ErrLimit) || !errors.Is(err, protocols.ErrExhausted) {
			t.Errorf("charge %v: %v", c, err)
		}
	}
	for _, c := range [][2]int64{{-1, 0}, {0, -1}} {
		if err := m.Charge(0, id, c[0], c[1]); !errors.Is(err, protocols.ErrVerification) {
			t.Errorf("charge %v: %v", c, err)
		}
	}
	ok(t, m.Charge(0, id, 1, 1), m.Charge(0, id, 0, 0))
	if info, _ := m.Get(id); info.Ops != 10000 || info.Bytes != 10<<20 {
		t.Errorf("charged %d, %d", info.Ops, info.Bytes)
	}
	// Limits are of each session.
	other := open(t, m, 0)
	ok(t, m.Activate(0, other), m.Charge(0, other, 10000, 10<<20))
	eleven := make([]protocols.PeerID, 11)
	for i := range eleven {
		eleven[i] = protocols.PeerID{byte(i)}
	}
	if _, err := m.Open(0, eleven); !errors.Is(err, ErrLimit) {
		t.Errorf("eleven participants: %v", err)
	}
	if _, err := m.Open(0, eleven[:10]); err != nil {
		t.Errorf("ten participants: %v", err)
	}
}

// TestDefectErrorsAreAlike finds for each refusal an error that no other has.
func TestDefectErrorsAreAlike(t *testing.T) {
	m := manager(t, Options{Capacity: 1, Timeout: 10})
	id := open(t, m, 0)
	_, full := m.Open(0, two)
	transition := m.Close(0, id)
	unknown := m.Activate(0, id+1)
	_, twice := m.Open(0, []protocols.PeerID{{1}, {1}})
	late := m.Activate(10, id)
	all := []error{ErrCapacity, ErrTransition, ErrUnknown, protocols.ErrTimeout}
	for i, err := range []error{full, transition, unknown, late, twice} {
		for j, is := range all {
			if errors.Is(err, is) != (i == j) {
				t.Errorf("%v is %v: %v", err, is, errors.Is(err, is))
			}
		}
	}
	if !errors.Is(twice, protocols.ErrVerification) {
		t.Error(twice)
	}
}
