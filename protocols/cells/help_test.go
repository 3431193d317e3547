package cells

import (
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "write the expected files anew")

var testKey = Key{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0xce115)) }

// A pair is two sets of short ids, their prefixes, and what only one side has, in order.
type pair struct {
	localSet, remoteSet   []uint64
	local, remote         *Prefix
	onlyLocal, onlyRemote []uint64
}

// newPair makes two sets with prefixes of m cells.
func newPair(rnd *rand.Rand, m, common, local, remote int) *pair {
	var l, r []uint64
	for range common {
		s := rnd.Uint64()
		l, r = append(l, s), append(r, s)
	}
	for range local {
		l = append(l, rnd.Uint64())
	}
	for range remote {
		r = append(r, rnd.Uint64())
	}
	p := &pair{localSet: l, remoteSet: r, local: prefixOf(m, l...), remote: prefixOf(m, r...)}
	p.onlyLocal, p.onlyRemote = without(l, r), without(r, l)
	return p
}

func prefixOf(m int, items ...uint64) *Prefix {
	p := NewPrefix(testKey, m)
	for _, s := range items {
		p.Add(s)
	}
	return p
}

// without is the naive set difference, sorted.
func without(a, b []uint64) []uint64 {
	in := make(map[uint64]bool, len(b))
	for _, s := range b {
		in[s] = true
	}
	return sorted(slices.DeleteFunc(slices.Clone(a), func(s uint64) bool { return in[s] }))
}

// message returns the cells of p as they come out of the wire.
func message(tb testing.TB, p *Prefix, from, to int) *Cells {
	tb.Helper()
	c, err := ParseCells(p.AppendCells(nil, from, to))
	if err != nil {
		tb.Fatal(err)
	}
	return &c
}

// until feeds the decoder cell by cell until it is done, and returns how many were sent. Of all but
// cell 0, which is sent until it arrives, lost says which do not.
func (p *pair) until(tb testing.TB, d *Decoder, lost func() bool) int {
	tb.Helper()
	for i := range p.remote.Len() {
		if i > 0 && lost() {
			continue
		}
		if err := d.Add(message(tb, p.remote, i, i+1)); err != nil {
			tb.Fatal(err)
		}
		if d.Done() {
			return i + 1
		}
	}
	tb.Fatalf("%d cells are not enough for %d and %d differences", p.remote.Len(), len(p.onlyLocal), len(p.onlyRemote))
	return 0
}

func none() bool { return false }

// check fails unless the decoder has found the difference exactly.
func (p *pair) check(tb testing.TB, d *Decoder) {
	tb.Helper()
	if !d.Done() {
		tb.Errorf("not done; want %d and %d differences", len(p.onlyLocal), len(p.onlyRemote))
	}
	if !slices.Equal(sorted(d.Local()), p.onlyLocal) || !slices.Equal(sorted(d.Remote()), p.onlyRemote) {
		tb.Errorf("found %d and %d, want %d and %d, or others", len(d.Local()), len(d.Remote()), len(p.onlyLocal), len(p.onlyRemote))
	}
	if got, want := d.Estimate(), len(p.onlyLocal)+len(p.onlyRemote); got != want {
		tb.Errorf("estimates %d when done, want %d", got, want)
	}
}

func sorted(s []uint64) []uint64 {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}

// quantile returns the least value with more than a share q at or below it.
func quantile(v []float64, q float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[min(int(q*float64(len(v))), len(v)-1)]
}

// golden compares with an expected file, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs; if that is meant, write it anew with -update:\n%s", file, got)
	}
}
