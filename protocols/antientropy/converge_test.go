package antientropy

import (
	"fmt"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols/simnet"
)

// weather are the conditions under which replicas must converge: the three scenarios, and each with
// jitter that reorders, duplicates and more loss on top.
func weather() []simnet.Scenario {
	all := simnet.Scenarios()
	for _, s := range simnet.Scenarios() {
		all = append(all, simnet.Scenario{Name: s.Name + "-rough", Options: func(seed uint64) simnet.Options {
			o := s.Options(seed)
			o.Link.Jitter = 10 * time.Millisecond
			o.Link.Duplicate = 0.05
			o.Link.Loss += 0.05
			return o
		}})
	}
	return all
}

// scatter gives two logs of five authors a random difference: tails missing on either side and, if
// holes, records missing in the middle.
func (t *team) scatter(tb testing.TB, seed uint64, holes bool) (a, b *Log) {
	rng := random(seed)
	a, b = t.log(tb), t.log(tb)
	for author := range t.Members {
		n := rng.Uint64N(40)
		ends := [2]uint64{rng.Uint64N(n + 1), rng.Uint64N(n + 1)}
		for seq := uint64(1); seq <= n; seq++ {
			for i, l := range []*Log{a, b} {
				if seq <= ends[i] && !(holes && rng.IntN(8) == 0) {
					t.add(tb, l, author, seq, seq)
				}
			}
		}
	}
	return a, b
}

func TestConvergesInAllWeather(t *testing.T) {
	seeds := uint64(200) // times six: 1,200 runs
	if testing.Short() {
		seeds = 20
	}
	g := newTeam(5, true)
	for _, s := range weather() {
		t.Run("net="+s.Name, func(t *testing.T) {
			var lost, again int
			for seed := range seeds {
				ok := t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
					a, b := g.scatter(t, seed, seed%2 == 1)
					before, hereLacks, thereLacks := a.Compare(b), b.lackedBy(a), a.lackedBy(b)
					w := g.world(t, s.Options(seed), Config{Batch: 16}, a, b)
					ra, rb := w.sync(t)
					if ra.Outcome != before {
						t.Errorf("seed %d: outcome %v, want %v", seed, ra.Outcome, before)
					}
					if ra.Applied != hereLacks || rb.Applied != thereLacks {
						t.Errorf("seed %d: applied %d and %d, want %d and %d", seed, ra.Applied, rb.Applied, hereLacks, thereLacks)
					}
					if ra.Duplicates+rb.Duplicates != 0 && seed%2 == 0 {
						t.Errorf("seed %d: %d duplicates between logs without holes", seed, ra.Duplicates+rb.Duplicates)
					}
					if limit := 4; ra.Rounds > limit || seed%2 == 0 && ra.Rounds > 2 {
						t.Errorf("seed %d: %d rounds", seed, ra.Rounds)
					}
					total := w.net.Total()
					lost += total.Lost
					again += total.Retransmissions
				})
				if !ok {
					t.Fatalf("replay with: go test ./protocols/antientropy -run '%s/seed=%d$'", t.Name(), seed)
				}
			}
			// Parity stands in for most of what is lost, so that little is sent again.
			if s.Name != "ideal" && seeds > 100 && (lost == 0 || 4*again > 3*lost) {
				t.Errorf("%d datagrams lost, %d sent again", lost, again)
			}
			if s.Name == "ideal" && (lost != 0 || again != 0) {
				t.Errorf("%d datagrams lost, %d sent again in ideal conditions", lost, again)
			}
		})
	}
}

func TestSignedReplicasConverge(t *testing.T) {
	g := newTeam(3, false)
	for seed := range uint64(3) {
		a, b := g.scatter(t, seed, true)
		want := a.Compare(b)
		if r, _ := g.world(t, simnet.Stressed(seed), Config{}, a, b).sync(t); r.Outcome != want {
			t.Errorf("seed %d: outcome %v, want %v", seed, r.Outcome, want)
		}
	}
}

// Holes are named by number, and only what is missing travels.
func TestHolesAreFilledWithoutResendingTheRest(t *testing.T) {
	g := newTeam(2, true)
	whole := g.log(t)
	g.add(t, whole, 0, 1, 3000)
	holes := func(missing ...uint64) *Log {
		l := g.log(t)
		next := uint64(1)
		for _, m := range append(missing, 3001) {
			g.add(t, l, 0, next, m-1)
			next = m + 1
		}
		return l
	}
	for _, c := range []struct {
		name         string
		a, b         *Log
		aGets, bGets int
		legs         int // until the initiator knows: one less if the second leg tells it all
	}{
		{"here", holes(5, 77, 1024, 2999), holes(), 4, 0, 3},
		{"there", holes(), holes(1, 2, 3), 0, 3, 4},
		{"both", holes(10, 20, 30), holes(20, 40), 2, 1, 4},
		{"the last one", holes(3000), holes(7), 1, 1, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, s := g.world(t, simnet.Realistic(1), Config{}, c.a, c.b).sync(t)
			if r.Applied != c.aGets || s.Applied != c.bGets || r.Duplicates+s.Duplicates != 0 {
				t.Errorf("applied %d and %d, want %d and %d; %d duplicates", r.Applied, s.Applied, c.aGets, c.bGets, r.Duplicates+s.Duplicates)
			}
			if r.Rounds != 2 || r.Legs != c.legs {
				t.Errorf("%d rounds, %d legs; want 2 and %d", r.Rounds, r.Legs, c.legs)
			}
		})
	}
}

// A difference that touches every part of the id space needs several pages of ids each way.
func TestLargeDamageIsPaged(t *testing.T) {
	g := newTeam(2, true)
	a, b := g.log(t), g.log(t)
	for seq := uint64(1); seq <= 6000; seq++ {
		if seq%2 == 0 || seq == 5999 {
			g.add(t, a, 0, seq, seq)
		}
		if seq%2 == 1 || seq == 6000 {
			g.add(t, b, 0, seq, seq)
		}
	}
	r, s := g.world(t, simnet.Realistic(3), Config{}, a, b).sync(t)
	if r.Applied != 2999 || s.Applied != 2999 {
		t.Errorf("applied %d and %d, want 2999 each", r.Applied, s.Applied)
	}
	if a.Len() != 6000 {
		t.Errorf("%d records, want 6000", a.Len())
	}
}

func TestPartitionHeals(t *testing.T) {
	g := newTeam(5, true)
	for seed := range uint64(20) {
		a, b := g.scatter(t, seed, false)
		o := simnet.Realistic(seed)
		o.Partitions = []simnet.Partition{{From: 30 * time.Millisecond, Until: 2 * time.Second, Group: g.Members[:1]}}
		w := g.world(t, o, Config{}, a, b)
		if r, _ := w.sync(t); r.Ended < 2*time.Second && r.Outcome != Equal {
			t.Errorf("seed %d: through at %v, within the partition", seed, r.Ended)
		}
		if w.net.Total().Cut == 0 {
			t.Errorf("seed %d: nothing was cut", seed)
		}
	}
}

func TestSameSeedSameTrace(t *testing.T) {
	g := newTeam(5, true)
	run := func(seed uint64, s simnet.Scenario) (uint64, Result, simnet.Counters) {
		a, b := g.scatter(t, 9, true)
		w := g.world(t, s.Options(seed), Config{}, a, b)
		r, _ := w.sync(t)
		return w.net.Trace(), r, w.net.Total()
	}
	seen := map[uint64]string{}
	for _, s := range weather() {
		for seed := range uint64(5) {
			t1, r1, c1 := run(seed, s)
			t2, r2, c2 := run(seed, s)
			if t1 != t2 || r1 != r2 || c1 != c2 {
				t.Errorf("net=%s seed %d: two runs differ: %x %x\n%+v\n%+v\n%+v\n%+v", s.Name, seed, t1, t2, r1, r2, c1, c2)
			}
			what := fmt.Sprintf("net=%s seed %d", s.Name, seed)
			if other, ok := seen[t1]; ok {
				t.Errorf("%s has the trace of %s", what, other)
			}
			seen[t1] = what
		}
	}
}

// Virtual time obeys the delay, and every datagram is accounted for.
func TestPhysics(t *testing.T) {
	g := newTeam(2, true)
	for _, s := range simnet.Scenarios() {
		o := s.Options(1)
		lost := 0
		for seed := range uint64(40) {
			a, b := g.log(t), g.log(t)
			g.add(t, a, 0, 1, 100)
			g.add(t, b, 1, 1, 100)
			w := g.world(t, s.Options(seed), Config{}, a, b)
			ra, rb := w.sync(t)
			if floor := time.Duration(ra.Legs) * (o.Link.Delay + o.Processing); ra.Ended-ra.Started < floor || ra.Ended == 0 {
				t.Errorf("net=%s seed %d: %v for %d legs, at least %v", s.Name, seed, ra.Ended, ra.Legs, floor)
			}
			sum := w.net.Total()
			x, y := ra.Channel, rb.Channel
			// The initiator's result is of the moment it knew; it may have acknowledged since.
			after := sum.Datagrams - (x.Fragments + x.Retransmissions + x.Parity + x.Acks + y.Fragments + y.Retransmissions + y.Parity + y.Acks)
			if again := sum.Retransmissions; again < x.Retransmissions+y.Retransmissions || after < 0 {
				t.Errorf("net=%s seed %d: %d retransmissions on the wire, %+v %+v, %d more datagrams", s.Name, seed, again, x, y, after)
			}
			if sum.Messages != x.Messages+y.Messages {
				t.Errorf("net=%s seed %d: %d messages on the wire, %d sent", s.Name, seed, sum.Messages, x.Messages+y.Messages)
			}
			if sum.Delivered != sum.Datagrams-sum.Drops()+sum.Duplicated || sum.WireBytes != sum.PayloadBytes+int64(simnet.HeaderSize*sum.Datagrams) {
				t.Errorf("net=%s seed %d: %+v does not add up", s.Name, seed, sum)
			}
			if sum.Lost == 0 && sum.Retransmissions != 0 {
				t.Errorf("net=%s seed %d: %d retransmissions without loss", s.Name, seed, sum.Retransmissions)
			}
			lost += sum.Lost
		}
		if (lost > 0) != (o.Link.Loss > 0) {
			t.Errorf("net=%s: %d lost at %v loss", s.Name, lost, o.Link.Loss)
		}
	}
}
