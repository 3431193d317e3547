package cells

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestSumAgainstNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		edge := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 1, math.MaxUint64, math.MaxUint64 - 1}))
		set := rapid.SliceOfN(edge, 0, 40).Draw(t, "set")
		lo, hi := edge.Draw(t, "lo"), edge.Draw(t, "hi")
		if len(set) > 0 && rapid.Bool().Draw(t, "at an item") {
			lo = set[0]
		}
		var want []uint64
		var sum uint64
		for _, s := range set {
			if lo <= s && s <= hi {
				want = append(want, s)
				sum += spread(s)
			}
		}
		r := NewRanges(slices.Clone(set))
		n, fp := r.Sum(lo, hi)
		if n != len(want) || fp != sum || !slices.Equal(r.Between(lo, hi), sorted(want)) || r.Len() != len(set) {
			t.Fatalf("from %x to %x: %d, want %d", lo, hi, n, len(want))
		}
	})
}

// A split is two sides that answer each other until nothing is left to split.
type split struct {
	legs, bytes           int // messages of ranges, their size
	ids                   int // in ranges that were enumerated, on both sides
	onlyLocal, onlyRemote []uint64
}

func run(t *testing.T, local, remote []uint64, fanout, leaf int) split {
	t.Helper()
	a, b := NewRanges(slices.Clone(local)), NewRanges(slices.Clone(remote))
	var s split
	ranges := []Range{a.Whole()}
	for side := b; len(ranges) > 0; s.legs++ {
		wire := AppendRanges(nil, ranges)
		s.bytes += len(wire)
		parsed, err := ParseRanges(wire)
		if err != nil || !slices.Equal(parsed, ranges) {
			t.Fatalf("leg %d: %v", s.legs, err)
		}
		reply, enumerate := side.Split(parsed, fanout, leaf)
		for _, g := range enumerate {
			l, r := a.Between(g.Low, g.High()), b.Between(g.Low, g.High())
			s.ids += len(l) + len(r)
			s.onlyLocal = append(s.onlyLocal, without(l, r)...)
			s.onlyRemote = append(s.onlyRemote, without(r, l)...)
		}
		ranges = reply
		if side == b {
			side = a
		} else {
			side = b
		}
		if s.legs > 65 {
			t.Fatal("splitting does not end")
		}
	}
	return s
}

func TestSplitFindsTheDifference(t *testing.T) {
	for seed := range uint64(40) {
		rnd := newRand(seed)
		for _, c := range []struct{ common, local, remote int }{
			{0, 0, 0}, {1000, 0, 0}, {0, 1000, 0}, {0, 0, 1}, {1, 1, 1}, {1000, 1, 0}, {1000, 300, 400}, {10, 1000, 2000},
		} {
			fanout, leaf := 1+rnd.IntN(300), rnd.IntN(40)
			p := newPair(rnd, 1, c.common, c.local, c.remote)
			s := run(t, p.localSet, p.remoteSet, fanout, leaf)
			if !slices.Equal(s.onlyLocal, p.onlyLocal) && !slices.Equal(sorted(s.onlyLocal), p.onlyLocal) || !slices.Equal(sorted(s.onlyRemote), p.onlyRemote) {
				t.Fatalf("seed %d: %v, fanout %d, leaf %d: found another difference", seed, c, fanout, leaf)
			}
			if empty := c.common == 0 && (c.local == 0 || c.remote == 0); empty && (s.legs != 1 || s.bytes != 13) {
				t.Fatalf("seed %d: %v: one side has nothing, and it took %d legs and %d bytes", seed, c, s.legs, s.bytes)
			}
			if c.local == 0 && c.remote == 0 && (s.legs != 1 || s.ids != 0) {
				t.Fatalf("seed %d: equal sets took %d legs", seed, s.legs)
			}
		}
	}
}

// The legs are the logarithm of the set, and the cost is in proportion to it when most differs.
func TestSplitCost(t *testing.T) {
	for _, c := range []struct{ n, legs int }{{1000, 4}, {16_000, 5}, {128_000, 5}} {
		p := newPair(rand.New(rand.NewPCG(14, 0)), 1, c.n*7/10, c.n*3/20, c.n*3/20)
		s := run(t, p.localSet, p.remoteSet, 16, 16)
		d := len(p.onlyLocal) + len(p.onlyRemote)
		t.Logf("%d items, %d differences: %d legs, %.1f bytes of ranges and %.1f ids per difference", c.n, d, s.legs, float64(s.bytes)/float64(d), float64(s.ids)/float64(d))
		if s.legs > c.legs {
			t.Errorf("%d items took %d legs, want at most %d", c.n, s.legs, c.legs)
		}
		if s.ids > 8*d || s.bytes > 40*d {
			t.Errorf("%d differences of %d items: %d ids and %d bytes of ranges", d, c.n, s.ids, s.bytes)
		}
	}
}

// Ids crowded by someone with the key take more legs, but no more than the bits of a short id.
func TestSplitOfCrowdedIDs(t *testing.T) {
	var local, remote []uint64
	for i := range uint64(100) {
		local, remote = append(local, 1<<60+i), append(remote, 1<<60+i+1)
	}
	local = append(local, 1<<60+50, 1<<60+50, 1<<60+50, 1<<60+50, 1<<60+50)
	for _, fanout := range []int{2, 3, 16, 1000} {
		s := run(t, local, remote, fanout, 3)
		if want := []uint64{1 << 60}; !slices.Equal(s.onlyLocal, want) {
			t.Errorf("fanout %d: local has %x more, want %x", fanout, s.onlyLocal, want)
		}
		if want := []uint64{1<<60 + 100}; !slices.Equal(s.onlyRemote, want) {
			t.Errorf("fanout %d: remote has %x more, want %x", fanout, s.onlyRemote, want)
		}
	}
}

// Equal means in count and in fingerprint.
func TestSplitComparesBoth(t *testing.T) {
	r := NewRanges([]uint64{1, 2, 3})
	for _, c := range []struct {
		name  string
		g     Range
		equal bool
	}{
		{"as it is", r.Whole(), true},
		{"another count", Range{Count: 4, FP: r.Whole().FP}, false},
		{"another fingerprint", Range{Count: 3, FP: r.Whole().FP + 1}, false},
	} {
		if _, enumerate := r.Split([]Range{c.g}, 16, 16); c.equal != (len(enumerate) == 0) {
			t.Errorf("%s: %v is to be enumerated", c.name, enumerate)
		}
	}
}

func TestRangesOfAnyShape(t *testing.T) {
	r := NewRanges([]uint64{5})
	for _, g := range []Range{{}, {Bits: 64, Low: 5}, {Bits: 64}, {Bits: 63, Low: 4}} {
		n, _ := r.Sum(g.Low, g.High())
		if want := g.Bits == 0 || g.Low == 5 || g.Low == 4; want != (n == 1) {
			t.Errorf("%v from %x to %x holds %d", g, g.Low, g.High(), n)
		}
	}
	if n, fp := r.Sum(6, 4); n != 0 || fp != 0 {
		t.Error("a range from above to below holds something")
	}
}

func BenchmarkNewRanges(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("items=%d", n), func(b *testing.B) {
			p := newPair(newRand(1), 1, n, 0, 0)
			set := make([]uint64, n)
			for b.Loop() {
				copy(set, p.localSet)
				NewRanges(set)
			}
		})
	}
}
