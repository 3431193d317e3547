package journal

import (
	"errors"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

func TestSyncAllRefusesNonsense(t *testing.T) {
	g := newTeam(3, true)
	w := g.world(t, simnet.Ideal(1), Config{})
	try := func(want error, peers ...protocols.PeerID) {
		t.Helper()
		w.net.Do(g.Members[0], func(now time.Duration, out *protocols.Output) {
			if err := w.nodes[0].SyncAll(now, peers, out); !errors.Is(err, want) {
				t.Errorf("sync with %v: %v, want %v", peers, err, want)
			}
		})
	}
	try(protocols.ErrVerification, protocols.PeerID{9})
	try(protocols.ErrVerification, g.Members[0])
	try(protocols.ErrVerification, g.Members[1], g.Members[1])
	w.syncAll(t, 0)
	try(protocols.ErrExhausted)
	w.rest(t)
	check(t, w.only(t, 0), 2)
	// A group of one has nobody to sync with, and ends at once.
	alone := newTeam(1, true)
	w = alone.world(t, simnet.Ideal(1), Config{Interval: time.Second})
	w.syncAll(t, 0)
	check(t, w.only(t, 0), 0)
	w.publish(t, 0, 3, 10)
}

// A cancellation reaches the other side too: it does not wait for its timeout.
func TestCancelFreesBothSides(t *testing.T) {
	g := newTeam(4, true)
	opts := simnet.Realistic(1)
	opts.Link.Loss = 0
	w := g.world(t, opts, Config{})
	for i := range w.nodes {
		g.fill(t, w.nodes[i].log, i, 1, 300)
	}
	w.syncAll(t, 0)
	w.net.Run(40*time.Millisecond, nil) // the others have answered, nothing has ended
	open := 0
	for _, n := range w.nodes[1:] {
		open += n.Sessions()
	}
	if open != 3 {
		t.Fatalf("%d sessions are open at the others, want 3", open)
	}
	w.do(t, 0, func(n *Node, now time.Duration, out *protocols.Output) error { n.Cancel(now, out); return nil })
	w.net.Run(w.net.Now()+30*time.Millisecond, nil)
	for i, n := range w.nodes {
		if n.Sessions() != 0 {
			t.Errorf("node %d has %d sessions one flight after the cancellation", i, n.Sessions())
		}
	}
}

// Who claims, again and again, to have what it has not is asked ever more rarely.
func TestVainCatchUpsBecomeRare(t *testing.T) {
	g := newTeam(3, true)
	w := g.world(t, simnet.Ideal(1), Config{})
	began := 0
	for w.net.Now() < 10*time.Second {
		w.do(t, 0, func(n *Node, now time.Duration, out *protocols.Output) error {
			lie := message{kind: msgBeacon, marks: []mark{{2, 1 << 40}}}
			data, err := protocols.Envelope{Type: protocols.TypeJournal, Session: n.tag, Body: lie.append(nil)}.Append(nil)
			if err != nil {
				return err
			}
			before := n.running()
			n.Step(now, protocols.Input{From: g.Members[1], Data: data}, out)
			began += max(0, n.running()-before)
			return nil
		})
		before := w.nodes[0].running()
		w.net.Run(w.net.Now()+10*time.Millisecond, func() bool {
			k := w.nodes[0].running()
			began += max(0, k-before)
			before = k
			return false
		})
	}
	if began < 3 || began > 7 {
		t.Errorf("%d sessions within 10 s for one lie", began)
	}
}

// Three replicas, each with records that the others lack, are equal after three flights, with one
// session for each pair.
func TestColdSyncTakesThreeFlights(t *testing.T) {
	g := newTeam(3, true)
	opts := simnet.Realistic(1)
	opts.Link.Loss, opts.Processing = 0, 0
	w := g.world(t, opts, Config{})
	for i := range w.nodes {
		g.fill(t, w.nodes[i].log, i, 1, 100)
	}
	w.syncAll(t, 0)
	w.syncAll(t, 1, g.Members[2])
	if !w.net.Run(time.Hour, w.equal) {
		t.Fatal("not converged")
	}
	if d := w.net.Now(); d < 75*time.Millisecond || d > 77*time.Millisecond {
		t.Errorf("equal after %v, want three flights of 25 ms and what the bytes take", d)
	}
	w.rest(t)
	w.same(t, 300)
	for i, want := range []int{2, 1} {
		r := w.only(t, i)
		check(t, r, want)
		if r.Err() != nil {
			t.Error(r.Err())
		}
	}
}

// Who missed what all others hold gets it from each of them in part, not from each of them whole.
func TestDefectSameRecordsFromAll(t *testing.T) {
	g := newTeam(5, true)
	for seed := range uint64(20) {
		w := g.world(t, simnet.Realistic(seed), Config{})
		for i, n := range w.nodes {
			for author := range g.Members {
				if (i == 0) == (author == 0) {
					g.fill(t, n.log, author, 1, 100)
				}
			}
		}
		w.syncAll(t, 0)
		w.rest(t)
		w.same(t, 500)
		r := w.only(t, 0)
		check(t, r, 4)
		if r.Applied != 400 || r.Duplicates > 400 {
			t.Errorf("seed %d: %d records applied and %d received again", seed, r.Applied, r.Duplicates)
		}
	}
}
