package cells

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/perfgate/perfgate/protocols"
)

// Every small difference, in several splits and beside sets of several sizes, against the naive
// difference; and larger ones at random.
func TestEverySmallDifference(t *testing.T) {
	const seed = 5
	rnd := newRand(seed)
	d := NewDecoder(NewPrefix(testKey, 1))
	for n := range 65 {
		for _, local := range []int{0, 1, n / 3, n / 2, n} {
			for _, common := range []int{0, 1, 40, 1000} {
				p := newPair(rnd, 400, common, min(local, n), n-min(local, n))
				d.Reset(p.local)
				p.until(t, d, none)
				if p.check(t, d); t.Failed() {
					t.Fatalf("seed %d: %d differences, %d of them local, beside %d", seed, n, local, common)
				}
			}
		}
	}
}

func TestLargeDifferences(t *testing.T) {
	const seed = 6
	rnd := newRand(seed)
	for range 30 {
		n := 1 + rnd.IntN(10_000)
		local := rnd.IntN(n + 1)
		p := newPair(rnd, MaxCells/2, rnd.IntN(10_000), local, n-local)
		d := NewDecoder(p.local)
		for at := 0; !d.Done() && at < p.remote.Len(); at += 90 {
			if err := d.Add(message(t, p.remote, at, at+90)); err != nil {
				t.Fatal(err)
			}
		}
		if p.check(t, d); t.Failed() {
			t.Fatalf("seed %d: %d differences, %d of them local", seed, n, local)
		}
	}
}

// Messages in any order, doubled, overlapping, some lost: nothing false is found, and mostly all there
// is. Where a set of items hides from what arrived, the rest of the cells tells.
func TestAnyOrder(t *testing.T) {
	const seeds = 300
	whole := 0
	for seed := range uint64(seeds) {
		rnd := newRand(seed)
		n := rnd.IntN(100)
		local := rnd.IntN(n + 1)
		p := newPair(rnd, 1024, 100, local, n-local)
		d := NewDecoder(p.local)
		var messages, lost []*Cells
		for at := 0; at < p.remote.Len(); at += 20 {
			m := message(t, p.remote, at, at+20+rnd.IntN(20))
			if at == 0 || rnd.IntN(5) > 0 {
				messages = append(messages, m)
			} else {
				lost = append(lost, m)
			}
		}
		messages = append(messages, messages...)
		rnd.Shuffle(len(messages), func(i, j int) { messages[i], messages[j] = messages[j], messages[i] })
		for _, m := range messages {
			if err := d.Add(m); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		if d.Done() {
			whole++
		}
		for _, m := range lost {
			if err := d.Add(m); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		if p.check(t, d); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d of %d whole without what was lost", whole, seeds)
	if whole < seeds*9/10 {
		t.Errorf("%d of %d whole without what was lost", whole, seeds)
	}
}

// The prefixes may differ in length: the shorter one counts.
func TestPrefixesOfOtherLengths(t *testing.T) {
	p := newPair(newRand(7), 300, 100, 10, 10)
	for _, m := range []int{100, 1000} {
		d := NewDecoder(prefixOf(m, p.localSet...))
		if err := d.Add(message(t, p.remote, 0, 300)); err != nil {
			t.Fatal(err)
		}
		p.check(t, d)
		if want := min(m, 300); d.Received() != want {
			t.Errorf("received %d cells of 300 against %d, want %d", d.Received(), m, want)
		}
	}
}

func TestNotDoneWithoutCellZero(t *testing.T) {
	p := newPair(newRand(8), 300, 100, 10, 10)
	d := NewDecoder(p.local)
	if d.Done() || d.Estimate() != 0 {
		t.Error("done, or with an estimate, before anything was received")
	}
	if err := d.Add(message(t, p.remote, 1, 300)); err != nil {
		t.Fatal(err)
	}
	if d.Done() {
		t.Error("done without the cell that sums everything")
	}
	if err := d.Add(message(t, p.remote, 0, 1)); err != nil {
		t.Fatal(err)
	}
	p.check(t, d)
	d.Reset(p.local)
	if err := d.Add(message(t, p.local, 1, 300)); err != nil {
		t.Fatal(err)
	}
	if d.Done() {
		t.Error("done without the cell that sums everything, of equal sets")
	}
}

// While cells arrive, the local set gains some of what is missing and some that is new, and loses some.
func TestLocalSetMayChange(t *testing.T) {
	for seed := range uint64(200) {
		rnd := newRand(seed)
		p := newPair(rnd, 1024, 100, 20, 40)
		d := NewDecoder(p.local)
		set := slices.Clone(p.localSet)
		for at := 0; at < p.remote.Len() && !d.Done(); at += 30 {
			if err := d.Add(message(t, p.remote, at, at+30)); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if at > 120 || d.Done() {
				continue
			}
			for _, s := range []uint64{rnd.Uint64(), p.onlyRemote[at/30], p.onlyRemote[10+at/30]} {
				p.local.Add(s)
				set = append(set, s)
			}
			p.local.Remove(set[0])
			set = set[1:]
		}
		if !d.Done() {
			t.Fatalf("seed %d: not done", seed)
		}
		// What is in both lists cancels.
		here, remote := without(d.Local(), d.Remote()), without(d.Remote(), d.Local())
		if !slices.Equal(here, without(set, p.remoteSet)) || !slices.Equal(remote, without(p.remoteSet, set)) {
			t.Fatalf("seed %d: found another difference than there is now", seed)
		}
	}
}

// However often the local set changes, what that takes out is no contradiction.
func TestLocalSetMayChangeOften(t *testing.T) {
	p := newPair(newRand(15), 100, 50, 1, 0)
	d := NewDecoder(p.local)
	c := message(t, p.remote, 0, 5)
	for i := range uint64(50) {
		if err := d.Add(c); err != nil || !d.Done() {
			t.Fatalf("after %d changes: %v, done %v", i, err, d.Done())
		}
		p.local.Add(i)
	}
}

// Cells that arrive one by one are taken into work in few steps, as each goes through all that was found.
func TestFewSteps(t *testing.T) {
	p := newPair(newRand(16), 4096, 0, 1000, 1000)
	d := NewDecoder(p.local)
	steps, last := 0, 0
	for i := range 4096 {
		if err := d.Add(message(t, p.remote, i, i+1)); err != nil {
			t.Fatal(err)
		}
		if len(d.cells) != last {
			steps, last = steps+1, len(d.cells)
		}
	}
	if p.check(t, d); steps > 70 {
		t.Errorf("%d steps to 4096 cells", steps)
	}
}

func TestOtherSetMoves(t *testing.T) {
	p := newPair(newRand(9), 300, 100, 10, 10)
	d := NewDecoder(p.local)
	old := message(t, p.remote, 20, 300)
	if err := d.Add(message(t, p.remote, 0, 10)); err != nil {
		t.Fatal(err)
	}
	p.remote.Add(7)
	if err := d.Add(message(t, p.remote, 10, 20)); !errors.Is(err, ErrMoved) || !errors.Is(err, protocols.ErrVerification) {
		t.Errorf("cells of a set that has grown: %v, want %v", err, ErrMoved)
	}
	if err := d.Add(old); err != nil {
		t.Fatal(err)
	}
	p.check(t, d)
}

func TestPrefixMustKeepKeyAndLength(t *testing.T) {
	for _, other := range []*Prefix{NewPrefix(testKey, 10), NewPrefix(Key{}, 300)} {
		p := newPair(newRand(10), 300, 100, 10, 10)
		d := NewDecoder(p.local)
		c := message(t, p.remote, 0, 300)
		before := message(t, p.remote, 0, 299)
		if err := d.Add(before); err != nil || !d.Done() {
			t.Fatalf("%v, done %v", err, d.Done())
		}
		p.local.CopyFrom(other)
		for range 2 {
			if err := d.Add(c); !errors.Is(err, protocols.ErrVerification) || d.Done() {
				t.Errorf("prefix replaced: %v", err)
			}
		}
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	p := newPair(newRand(11), 2048, 1000, 300, 300)
	d := NewDecoder(p.local)
	var wire []byte
	var c Cells
	once := func() {
		d.Reset(p.local)
		for at := 0; !d.Done(); at += 90 {
			wire = p.remote.AppendCells(wire[:0], at, at+90)
			if c.Parse(wire) != nil || d.Add(&c) != nil {
				t.Fatal("not decoded")
			}
			d.Estimate()
		}
	}
	once()
	if n := testing.AllocsPerRun(20, once); n != 0 {
		t.Errorf("a decoder that is used again allocates %v times", n)
	}
	p.check(t, d)
}

// A difference is found for the same cells however large the sets are.
func TestCostFollowsTheDifference(t *testing.T) {
	rnd := newRand(12)
	p := newPair(rnd, 300, 0, 20, 20)
	d := NewDecoder(p.local)
	small := p.until(t, d, none)
	for range 50_000 {
		s := rnd.Uint64()
		p.local.Add(s)
		p.remote.Add(s)
	}
	d.Reset(p.local)
	if large := p.until(t, d, none); large != small {
		t.Errorf("%d cells beside 50000 items, %d beside none", large, small)
	}
	p.check(t, d)
}

func TestEstimate(t *testing.T) {
	for _, c := range []struct {
		common, local, remote int
		within                float64 // of the difference, for 19 of 20 seeds
	}{
		{1000, 100, 100, 0.4},
		{1000, 500, 500, 0.4},
		{1000, 0, 1000, 0.4},
		{1000, 10_000, 0, 0.4},
		{0, 3000, 7000, 0.4},
		{200, 20_000, 20_000, 0.4},
	} {
		t.Run(fmt.Sprint(c.common, c.local, c.remote), func(t *testing.T) {
			var off []float64
			for seed := range uint64(20) {
				p := newPair(newRand(seed), 80, c.common, c.local, c.remote)
				d := NewDecoder(p.local)
				if err := d.Add(message(t, p.remote, 0, 80)); err != nil {
					t.Fatal(err)
				}
				want := float64(c.local + c.remote)
				off = append(off, max(float64(d.Estimate())/want, want/float64(d.Estimate()))-1)
			}
			t.Logf("off by %.3f at the median, %.3f at 19 of 20", quantile(off, 0.5), quantile(off, 0.9))
			if got := quantile(off, 0.9); got > c.within {
				t.Errorf("estimates are off by %.3f, want at most %v", got, c.within)
			}
		})
	}
}

// Before the counts tell anything, the numbers of items do.
func TestEstimateFromCellZero(t *testing.T) {
	for _, c := range []struct{ local, remote, want int }{{0, 0, 0}, {1, 0, 1}, {0, 1, 1}, {0, 7, 7}, {9, 2, 7}, {4, 4, 1}} {
		p := newPair(newRand(17), 10, 20, c.local, c.remote)
		d := NewDecoder(p.local)
		if err := d.Add(message(t, p.remote, 0, 1)); err != nil {
			t.Fatal(err)
		}
		if got := d.Estimate(); got != c.want {
			t.Errorf("%d and %d differences are estimated as %d, want %d", c.local, c.remote, got, c.want)
		}
		for i := range uint64(10) {
			p.local.Add(i)
		}
		if err := d.Add(message(t, p.remote, 0, 1)); err != nil {
			t.Fatal(err)
		}
		// One was found if it was alone; now it is among eleven that differ.
		if got, want := d.Estimate(), max(10+c.local-c.remote, c.remote-c.local-10); got < want || got > want+2 {
			t.Errorf("%d and %d differences and ten more are estimated as %d, want %d", c.local, c.remote, got, want)
		}
	}
}

// Need is enough for 19 of 20, and not for all: more would be a waste.
func TestNeed(t *testing.T) {
	for _, d := range []int{1, 2, 3, 5, 10, 20, 50, 100, 300, 1000} {
		trials := min(400, 100_000/d)
		failed := 0
		for seed := range uint64(trials) {
			p := newPair(newRand(seed), Need(d), 10, d/2, d-d/2)
			dec := NewDecoder(p.local)
			if err := dec.Add(message(t, p.remote, 0, Need(d))); err != nil {
				t.Fatal(err)
			}
			if !dec.Done() {
				failed++
			}
		}
		share := float64(failed) / float64(trials)
		t.Logf("%d cells for %d differences: %.3f fail", Need(d), d, share)
		if share > 0.07 || d > 1 && d <= 300 && share == 0 {
			t.Errorf("%d cells for %d differences: a share of %.3f fails", Need(d), d, share)
		}
	}
}
