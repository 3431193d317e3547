package antientropy

import (
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols/simnet"
)

// Every difference of small sets is found, on every step of the ladder: each side has any of four
// records of one author, one of another, and one that both have.
func TestEveryDifferenceIsFound(t *testing.T) {
	g := newTeam(2, true)
	g.Cells = 512
	set := func(bits int) *Log {
		l := g.log(t)
		g.add(t, l, 1, 1, 1)
		for i := range 5 {
			if bits>>i&1 != 0 {
				g.add(t, l, i/4, uint64(i%4)+uint64(i/4)+1, uint64(i%4)+uint64(i/4)+1)
			}
		}
		return l
	}
	sets := make([]*Log, 32)
	for i := range sets {
		sets[i] = set(i)
	}
	a, b := g.log(t), g.log(t)
	for level := byMarks; level <= byRanges; level++ {
		legs := 0
		for x := range sets {
			for y := range sets {
				a.CopyFrom(sets[x])
				b.CopyFrom(sets[y])
				want := a.Compare(b)
				ra, rb := g.world(t, simnet.Options{}, Config{level: level}, a, b).sync(t)
				if ra.Outcome != want || a.Digest() != sets[x|y].Digest() || ra.Duplicates+rb.Duplicates != 0 {
					t.Fatalf("level %d, %05b and %05b: %v, want %v; %+v %+v", level, x, y, ra.Outcome, want, ra, rb)
				}
				legs = max(legs, ra.Legs)
			}
		}
		// Ranges this small are listed at once, which is one leg more.
		if want := []int{4, 4, 5}[level]; legs > want {
			t.Errorf("level %d: %d legs, want at most %d", level, legs, want)
		}
	}
}

// What marks do not explain is found by cells in as many legs, up to 60 differences; more takes one
// or two legs more, and what no cells can tell takes ranges.
func TestLadder(t *testing.T) {
	for _, c := range []struct {
		differences, legs int
	}{{2, 4}, {60, 4}, {300, 6}, {1000, 6}, {6000, 8}} {
		g := newTeam(2, true)
		most := 0
		for seed := range uint64(5) {
			rng := random(seed)
			missing := map[uint64]int{}
			for len(missing) < c.differences {
				if seq := 2 + 2*rng.Uint64N(10_000); missing[seq] == 0 {
					missing[seq] = 1 + len(missing)%2
				}
			}
			side := func(i int) *Log {
				return g.thinned(t, 20_002, func(seq uint64) bool { return missing[seq] == 1+i })
			}
			a, b := side(0), side(1)
			ra, rb := g.world(t, simnet.Realistic(seed), Config{}, a, b).sync(t)
			if ra.Applied != c.differences/2 || rb.Applied != c.differences/2 || ra.Duplicates+rb.Duplicates > 0 {
				t.Errorf("%d differences, seed %d: applied %d and %d, %d duplicates", c.differences, seed, ra.Applied, rb.Applied, ra.Duplicates+rb.Duplicates)
			}
			most = max(most, ra.Legs)
		}
		if most > c.legs {
			t.Errorf("%d differences: %d legs, want at most %d", c.differences, most, c.legs)
		}
	}
}

// Tails that marks explain do not burden the cells, however long they are.
func TestTailsBesideDamage(t *testing.T) {
	g := newTeam(2, true)
	side := func(i uint64, tail uint64) *Log {
		l := g.thinned(t, 4000, func(seq uint64) bool { return seq%200 == 2*i })
		g.add(t, l, 1, 1, tail)
		return l
	}
	for _, c := range []struct{ here, there, legs int }{{0, 3000, 4}, {3000, 0, 5}, {3000, 1, 5}} {
		a, b := side(0, uint64(c.here)), side(1, uint64(c.there))
		ra, rb := g.world(t, simnet.Realistic(1), Config{}, a, b).sync(t)
		if want := 40 + max(c.here, c.there) - min(c.here, c.there); ra.Applied+rb.Applied != want || ra.Legs > c.legs {
			t.Errorf("%+v: applied %d in %d legs, want %d", c, ra.Applied+rb.Applied, ra.Legs, want)
		}
	}
}

// Records whose short ids collide hide from cells, and are found all the same.
func TestCollidingShortIDs(t *testing.T) {
	g := newTeam(3, true)
	for _, mask := range []uint64{0, 1, 0xff, 0xfff} {
		for seed := range uint64(20) {
			a, b := g.log(t), g.log(t)
			a.shortMask, b.shortMask = mask, mask
			rng := random(seed)
			for author := range 3 {
				for seq := uint64(1); seq <= 40; seq++ {
					for i, l := range []*Log{a, b} {
						if in := rng.IntN(8); in > 0 || i == int(seq%2) {
							g.add(t, l, author, seq, seq)
						}
					}
				}
			}
			want := a.Compare(b)
			ra, _ := g.world(t, simnet.Ideal(seed), Config{level: byCells}, a, b).sync(t)
			if ra.Outcome != want {
				t.Errorf("mask %x, seed %d: %v, want %v", mask, seed, ra.Outcome, want)
			}
		}
	}
}

// Both sides hold everything after three legs, whatever the weather: the delay of a fourth that may
// be needed to know so is not waited for.
func TestThreeLegs(t *testing.T) {
	g := newTeam(2, true)
	for _, damage := range []bool{false, true} {
		for seed := range uint64(30) {
			for _, s := range simnet.Scenarios() {
				a, b := g.log(t), g.log(t)
				g.add(t, a, 0, 1, 30)
				g.add(t, b, 1, 1, 30)
				if damage {
					a = g.thinned(t, 3000, func(seq uint64) bool { return seq%200 == 0 })
					b = g.thinned(t, 3000, func(seq uint64) bool { return seq%200 == 2 })
				}
				o := s.Options(seed)
				ra, rb := g.world(t, o, Config{}, a, b).sync(t)
				all := max(ra.HaveAll, rb.HaveAll) - ra.Started
				if floor := 3 * o.Link.Delay; all < floor || floor > 0 && all > floor*3/2 {
					t.Errorf("damage %v, net=%s, seed %d: all there after %v, three legs are %v", damage, s.Name, seed, all, floor)
				}
				if ra.HaveAll > ra.Ended || ra.Ended < all+ra.Started+o.Link.Delay {
					t.Errorf("net=%s, seed %d: all there after %v, known after %v", s.Name, seed, all, ra.Ended-ra.Started)
				}
			}
		}
	}
	r, _ := g.world(t, simnet.Realistic(1), Config{}, g.log(t), g.log(t)).sync(t)
	if r.HaveAll != r.Started || r.Ended < 50*time.Millisecond {
		t.Errorf("equal from the start: %+v", r)
	}
}
