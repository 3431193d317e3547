package journal

import (
	"fmt"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// All that can go wrong with datagrams at once.
func foul(seed uint64, group ...protocols.PeerID) simnet.Options {
	o := simnet.Options{Seed: seed, Processing: 200 * time.Microsecond, Link: simnet.Link{
		Delay: 10 * time.Millisecond, Jitter: 15 * time.Millisecond, Loss: 0.2, Duplicate: 0.1, Rate: 100_000_000, Queue: 1 << 16,
	}}
	if len(group) > 0 {
		o.Partitions = []simnet.Partition{{From: 0, Until: 3 * time.Second, Group: group}}
	}
	return o
}

func TestConvergesInFoulWeather(t *testing.T) {
	for n := 2; n <= 10; n++ {
		for _, parity := range []float64{0, 0.25, 1} {
			t.Run(fmt.Sprintf("peers=%d/parity=%v", n, parity), func(t *testing.T) {
				for seed := range uint64(6) {
					g := newTeam(n, true)
					opts := foul(seed)
					if seed%2 == 1 {
						opts = foul(seed, g.Members[:n/2]...)
					}
					w := g.world(t, opts, Config{Parity: parity, Interval: 300 * time.Millisecond})
					want := 0
					for round := range 4 {
						for i := range w.nodes {
							count := 1 + (i+round)*7%40
							w.publish(t, i, count, 100)
							want += count
						}
						w.net.Run(time.Duration(round+1)*400*time.Millisecond, nil)
					}
					if !w.net.Run(time.Minute, func() bool { return w.nodes[0].log.Len() == want && w.equal() }) {
						t.Fatalf("seed %d: not converged after a minute: %+v", seed, w.stats())
					}
					w.same(t, want)
					if s := w.stats(); s.Refused != 0 {
						t.Errorf("seed %d: %d datagrams refused among friends", seed, s.Refused)
					}
				}
			})
		}
	}
}

func TestSignedReplicasConverge(t *testing.T) {
	g := newTeam(4, false)
	w := g.world(t, simnet.Stressed(1), Config{Parity: 0.5})
	for i := range w.nodes {
		w.publish(t, i, 30, 200)
	}
	w.rest(t)
	w.same(t, 120)
	if s := w.stats(); s.Refused != 0 || s.Rebuilt == 0 {
		t.Errorf("%+v: want nothing refused, and something rebuilt", s)
	}
}

// The last record of a burst has nothing behind it that could show its loss.
func TestLossOfTheLastRecordIsFound(t *testing.T) {
	found := 0
	for seed := range uint64(300) {
		g := newTeam(3, true)
		w := g.world(t, simnet.Stressed(seed), Config{})
		w.publish(t, 0, 1, 256)
		w.rest(t)
		w.same(t, 1)
		if w.stats().Nacks > 0 {
			found++
		}
	}
	if found == 0 {
		t.Error("no run lost anything")
	}
}

// Without an interval, nothing more is sent once everybody has everything: a fixed number of beacons
// for each publish.
func TestFallsSilent(t *testing.T) {
	g := newTeam(5, true)
	w := g.world(t, simnet.Realistic(2), Config{})
	for round := range 3 {
		w.publish(t, 1, 2, 100)
		w.rest(t)
		w.same(t, 2*(round+1))
	}
	if s := w.stats(); s.Beacons != 3*6*4 || s.Pushes != 3*4 {
		t.Errorf("%d beacons and %d pushes, want 72 and 12", s.Beacons, s.Pushes)
	}
	// In a row, only the last is followed by beacons.
	w = g.world(t, simnet.Realistic(2), Config{Beacons: 2})
	for range 10 {
		w.publish(t, 1, 2, 100)
		w.net.Run(w.net.Now()+time.Millisecond, nil)
	}
	w.rest(t)
	w.same(t, 20)
	if s := w.stats(); s.Beacons != 2*4 {
		t.Errorf("%d beacons after ten publishes in a row, want 8", s.Beacons)
	}
}

// A replica that comes back after a partition learns from a beacon how far the others are, and
// fetches all of it in one session.
func TestCatchesUpAfterPartition(t *testing.T) {
	g := newTeam(4, true)
	opts := simnet.Realistic(1)
	opts.Partitions = []simnet.Partition{{Until: 1990 * time.Millisecond, Group: g.Members[3:]}}
	w := g.world(t, opts, Config{})
	for i := range 20 {
		w.publish(t, 0, 50, 100)
		w.net.Run(time.Duration(i+1)*99*time.Millisecond, nil)
	}
	if l := w.nodes[3].log.Len(); l != 0 {
		t.Fatalf("%d records crossed the partition", l)
	}
	w.rest(t)
	w.same(t, 1000)
	st, _ := w.nodes[3].Status(g.Members[0])
	if st.State != Synced || st.Attempts != 1 || st.Applied != 1000 {
		t.Errorf("caught up with %+v; want one session that applied 1000", st)
	}
}

// Comparing marks now and then is enough where nobody publishes any more and the author is gone.
func TestMarksAreComparedAtAnInterval(t *testing.T) {
	g := newTeam(3, true)
	a, b := g.newLog(t), g.newLog(t)
	g.fill(t, a, 0, 1, 20)
	g.fill(t, a, 2, 1, 5)
	g.fill(t, b, 1, 1, 20)
	w := g.world(t, simnet.Stressed(1), Config{Interval: time.Second}, a, b)
	for i := range w.nodes {
		w.do(t, i, func(n *Node, now time.Duration, out *protocols.Output) error { n.Start(now, out); return nil })
	}
	if !w.net.Run(time.Minute, w.equal) {
		t.Fatal("not converged after a minute")
	}
	w.same(t, 45)
	if s := w.stats(); s.Answers == 0 || s.GivenUp != 0 {
		t.Errorf("%+v: want answers, and nothing left to sessions", s)
	}
}

// Who compares marks with somebody that is ahead is told so: it need not wait to be asked itself.
func TestWhoIsAheadAnswers(t *testing.T) {
	g := newTeam(2, true)
	a := g.newLog(t)
	g.fill(t, a, 0, 1, 20)
	w := g.world(t, simnet.Ideal(1), Config{}, a)
	w.nodes[1].cfg.Interval, w.nodes[1].gossipAt = time.Second, time.Second
	w.do(t, 1, func(n *Node, now time.Duration, out *protocols.Output) error { n.Start(now, out); return nil })
	w.net.Run(1900*time.Millisecond, nil)
	w.same(t, 20)
	if s := w.stats(); s.Beacons != 2 || s.GivenUp != 0 {
		t.Errorf("%+v: want one beacon each way", s)
	}
}

// The announcement of a record that fits into no datagram opens a session at once.
func TestLargeRecordsNeedNoNack(t *testing.T) {
	g := newTeam(3, true)
	w := g.world(t, simnet.Ideal(1), Config{})
	w.publish(t, 0, 1, 60000)
	w.net.Run(1900*time.Microsecond, nil) // before the first beacon
	w.same(t, 1)
	if s := w.stats(); s.Nacks != 0 || s.Pushes != 0 {
		t.Errorf("%+v: want neither nacks nor pushes", s)
	}
}

// A record that fits into no datagram is announced and fetched.
func TestLargeRecords(t *testing.T) {
	for _, parity := range []float64{0, 0.5} {
		for seed := range uint64(20) {
			g := newTeam(3, true)
			w := g.world(t, simnet.Stressed(seed), Config{Parity: parity})
			w.publish(t, 0, 3, MaxRun-13) // just fits
			w.publish(t, 0, 1, MaxRun-12)
			w.publish(t, 0, 2, 60000)
			w.publish(t, 0, 2, 10)
			w.rest(t)
			w.same(t, 8)
			if s := w.stats(); s.Refused != 0 {
				t.Errorf("seed %d: %d refused", seed, s.Refused)
			}
		}
	}
}

// Where parity makes up for what was lost, nobody asks, although it is behind the whole group and each
// datagram takes its time.
func TestParitySavesNacks(t *testing.T) {
	var sum Stats
	for seed := range uint64(40) {
		g := newTeam(4, true)
		opts := simnet.Realistic(seed)
		opts.Processing = 500 * time.Microsecond
		w := g.world(t, opts, Config{Parity: 0.25})
		for range 3 {
			w.publish(t, 0, 80, 256)
			w.net.Run(w.net.Now()+time.Second, nil)
		}
		w.rest(t)
		w.same(t, 240)
		s := w.stats()
		sum.Nacks += s.Nacks
		sum.Rebuilt += s.Rebuilt
	}
	if sum.Rebuilt < 50 || sum.Nacks > 4 {
		t.Errorf("%d pushes were rebuilt, and %d nacks sent", sum.Rebuilt, sum.Nacks)
	}
}

// Own records that others gave back are no news to them.
func TestOldRecordsAreNotPushedAgain(t *testing.T) {
	g := newTeam(3, true)
	b := g.newLog(t)
	g.fill(t, b, 0, 1, 200)
	w := g.world(t, simnet.Ideal(1), Config{}, nil, b)
	w.syncAll(t, 0)
	w.rest(t)
	w.publish(t, 0, 1, 100)
	if p := w.nodes[0].Stats().Pushes; p != 2 {
		t.Errorf("%d pushes for one record to two peers", p)
	}
}

func TestSameSeedSameTrace(t *testing.T) {
	run := func(seed uint64) (uint64, Stats) {
		g := newTeam(5, true)
		w := g.world(t, foul(seed, g.Members[:2]...), Config{Parity: 0.3, Interval: 100 * time.Millisecond})
		for i := range w.nodes {
			w.publish(t, i, 60, 100)
		}
		w.net.Run(time.Second, nil)
		w.syncAll(t, 0)
		w.net.Run(10*time.Second, nil)
		return w.net.Trace(), w.stats()
	}
	for seed := range uint64(5) {
		t1, s1 := run(seed)
		t2, s2 := run(seed)
		if t1 != t2 || s1 != s2 {
			t.Fatalf("seed %d: traces %x and %x, %+v and %+v", seed, t1, t2, s1, s2)
		}
		if t3, _ := run(seed + 100); t3 == t1 {
			t.Fatalf("seeds %d and %d: one trace", seed, seed+100)
		}
	}
}
