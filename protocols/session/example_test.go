package session_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/session"
)

// What room sessions take, and when they give it back.
func Example() {
	m, err := session.New(session.Options{Seed: 1, Capacity: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	peers := []protocols.PeerID{{1}, {2}}
	var ids []session.ID
	for range 3 {
		id, err := m.Open(0, peers)
		if err != nil {
			fmt.Println(err)
			return
		}
		ids = append(ids, id)
	}
	_, err = m.Open(0, peers)
	fmt.Printf("%d live sessions; a fourth: %v\n", m.Live(), errors.Is(err, session.ErrCapacity))

	// The first does its work. The others are never heard of again.
	err = errors.Join(
		m.Activate(25*time.Millisecond, ids[0]),
		m.Charge(50*time.Millisecond, ids[0], 128, 33_000),
		m.Terminate(75*time.Millisecond, ids[0], nil),
		m.Close(80*time.Millisecond, ids[0]),
	)
	var r session.Result
	fmt.Println(err, m.Take(ids[0], &r))
	fmt.Printf("%v after %v: %d operations, %d bytes\n", r.Outcome, r.Duration, r.Ops, r.Bytes)
	fmt.Printf("%d live sessions, the next deadline is %v\n", m.Live(), m.NextDeadline())
	for now := m.NextDeadline(); now != protocols.Never; now = m.NextDeadline() {
		for _, e := range m.Step(now, nil) {
			fmt.Printf("%v: %v, %v; %d live\n", e.At, e.State, e.Outcome, m.Live())
		}
	}
	// Output:
	// 3 live sessions; a fourth: true
	// <nil> <nil>
	// success after 75ms: 128 operations, 33000 bytes
	// 2 live sessions, the next deadline is 5m0s
	// 5m0s: terminating, timeout; 2 live
	// 5m0s: terminating, timeout; 2 live
	// 6m0s: completed, timeout; 0 live
	// 6m0s: completed, timeout; 0 live
}
