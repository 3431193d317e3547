package benchmarks

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/session"
)

// sessionCounts are the numbers of sessions at once that the benchmarks run with.
var sessionCounts = []int{1, 3, 5, 10, 15, 20, 50}

var sessionPair = []protocols.PeerID{{1}, {2}}

// newSessionManager returns a manager with room for so many sessions and not one more.
func newSessionManager(b *testing.B, room int) *session.Manager {
	m, err := session.New(session.Options{Seed: 1, Capacity: room})
	if err != nil {
		b.Fatal(err)
	}
	return m
}

// sessionCycle is the life of one session, from nothing to nothing; live is how many were live meanwhile.
func sessionCycle(b *testing.B, m *session.Manager, now time.Duration, r *session.Result) (live int) {
	id, err := m.Open(now, sessionPair)
	if err != nil {
		b.Fatal(err)
	}
	live = m.Live()
	err = errors.Join(m.Activate(now, id), m.Charge(now, id, 128, 33000), m.Terminate(now, id, nil), m.Close(now, id), m.Take(id, r))
	if err != nil || r.Ops != 128 {
		b.Fatal(r, err)
	}
	return live
}

// SessionCycle is the life of one session beside so many others that all the room is taken.
func BenchmarkSessionCycle(b *testing.B) {
	for _, n := range sessionCounts {
		b.Run(fmt.Sprintf("sessions=%d", n), func(b *testing.B) {
			m := newSessionManager(b, n)
			for i := range n - 1 {
				if _, err := m.Open(time.Duration(i), sessionPair); err != nil {
					b.Fatal(err)
				}
			}
			var r session.Result
			now := time.Second
			most := sessionCycle(b, m, now, &r) // gives the result its memory
			b.ReportAllocs()
			for b.Loop() {
				now++
				most = max(most, sessionCycle(b, m, now, &r))
			}
			b.ReportMetric(float64(most), "sessions")
			if _, err := m.Open(now, sessionPair); err != nil || m.Live() != n {
				b.Fatalf("%d live at the end, %v", m.Live(), err)
			}
		})
	}
}

// SessionExpire opens so many sessions that nobody ends, and steps the manager until all room is free again.
func BenchmarkSessionExpire(b *testing.B) {
	for _, n := range sessionCounts {
		b.Run(fmt.Sprintf("sessions=%d", n), func(b *testing.B) {
			m := newSessionManager(b, n)
			events := make([]session.Event, 0, n)
			var now time.Duration
			most := 0
			b.ReportAllocs()
			for b.Loop() {
				for range n {
					if _, err := m.Open(now, sessionPair); err != nil {
						b.Fatal(err)
					}
				}
				most = max(most, m.Live())
				for m.Live() > 0 {
					now = m.NextDeadline()
					events = m.Step(now, events[:0])
				}
			}
			if s := m.Stats(); s.TimedOut != s.Opened || s.Completed != s.Opened {
				b.Fatalf("stats %+v", s)
			}
			b.ReportMetric(float64(most), "sessions")
		})
	}
}
