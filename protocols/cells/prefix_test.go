package cells

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The set decides, not the order in which it came, nor what came and went.
func TestPrefixDependsOnTheSetAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.IntRange(1, 200).Draw(t, "cells")
		set := rapid.SliceOfNDistinct(rapid.Uint64(), 0, 50, rapid.ID[uint64]).Draw(t, "set")
		passing := rapid.SliceOfN(rapid.Uint64(), 0, 10).Draw(t, "passing")
		other := rapid.Permutation(set).Draw(t, "order")
		at := rapid.IntRange(0, len(set)).Draw(t, "at")
		a, b := prefixOf(m, set...), prefixOf(m, passing...)
		for i, s := range other {
			if i == at {
				for _, s := range passing {
					b.Remove(s)
				}
			}
			b.Add(s)
		}
		if at == len(set) {
			for _, s := range passing {
				b.Remove(s)
			}
		}
		if a.Count() != len(set) || b.Count() != len(set) || !slices.Equal(a.cells, b.cells) {
			t.Fatalf("%d and %d items with other cells", a.Count(), b.Count())
		}
		c := NewPrefix(Key{9}, 3)
		c.CopyFrom(a)
		if !bytes.Equal(c.AppendCells(nil, 0, m), a.AppendCells(nil, 0, m)) {
			t.Fatal("a copy has other cells")
		}
		c.Add(1)
		a.Add(1)
		if !slices.Equal(a.cells, c.cells) {
			t.Fatal("a copy maps by another key")
		}
	})
}

// Items that are added together are added as one by one.
func TestPrefixAddAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.IntRange(1, 200).Draw(t, "cells")
		set := rapid.SliceOfNDistinct(rapid.Uint64(), 0, 9, rapid.ID[uint64]).Draw(t, "set")
		want := prefixOf(m, set...)
		p := NewPrefix(testKey, m)
		p.AddAll(set)
		if p.Count() != want.Count() || p.version != want.version || !slices.Equal(p.cells, want.cells) {
			t.Fatalf("%d items, version %d; want %d and %d, or other cells", p.Count(), p.version, want.Count(), want.version)
		}
	})
}

func TestPrefixAgainstDefinition(t *testing.T) {
	rnd := newRand(2)
	p := NewPrefix(testKey, 100)
	var want [100]Cell
	for range 500 {
		s := rnd.Uint64()
		p.Add(s)
		mixed := p.mixer.mix(s)
		for w := newWalk(mixed); w.at < 100; w.next() {
			c := &want[w.at]
			*c = Cell{c.Sum ^ s, c.Check ^ p.mixer.check(mixed), c.Count + 1}
		}
	}
	if !slices.Equal(p.cells, want[:]) {
		t.Error("cells are not the sums of what is mapped to them")
	}
}

func TestLengthIsBounded(t *testing.T) {
	for _, c := range []struct{ m, want int }{{-1, 1}, {0, 1}, {1, 1}, {MaxCells, MaxCells}, {MaxCells + 1, MaxCells}} {
		if got := NewPrefix(testKey, c.m).Len(); got != c.want {
			t.Errorf("prefix of %d cells has %d, want %d", c.m, got, c.want)
		}
	}
}

// The share of items in cell i is 1/(1+i/2), to within five times the root of the expected number.
func TestMappingHasItsDensity(t *testing.T) {
	const items = 100_000
	rnd := newRand(3)
	p := NewPrefix(testKey, 1024)
	for range items {
		p.Add(rnd.Uint64())
	}
	for _, i := range []int{0, 1, 2, 3, 5, 10, 30, 100, 300, 1023} {
		want := float64(expected(items, i))
		if i == 0 && want != items {
			t.Errorf("expects %v items in cell 0", want)
		}
		// From i the walk approximates the exact chance, which shows at the first cells: 2 % at most.
		if got := float64(p.cells[i].Count); math.Abs(got-want) > 5*math.Sqrt(want)+0.02*want {
			t.Errorf("%v items in cell %d, want %v", got, i, want)
		}
	}
}

func TestExpected(t *testing.T) {
	for i := range 50 {
		for n := int64(-200); n <= 200; n++ {
			exact := float64(n) * 2 / float64(i+2)
			if got := float64(expected(n, i)); math.Abs(got-exact) > 0.5 {
				t.Fatalf("expected(%d, %d) = %v, want %v", n, i, got, exact)
			}
		}
	}
}

// Peers must map alike for ever: these lines are part of the wire form.
func TestGoldenMapping(t *testing.T) {
	var out bytes.Buffer
	k := testKey
	m := k.mixer()
	for i := range 16 {
		id := [32]byte{byte(i), 31: byte(i * i)}
		short := k.Short(&id)
		mixed := m.mix(short)
		fmt.Fprintf(&out, "id %02x..%02x short %016x check %08x cells", id[0], id[31], short, m.check(mixed))
		for w := newWalk(mixed); w.at < MaxCells; w.next() {
			fmt.Fprintf(&out, " %d", w.at)
		}
		out.WriteByte('\n')
	}
	golden(t, "mapping.txt", out.Bytes())
}

// The function is SipHash-2-4: it is held against a naive twin, and that against the known hashes of
// 00, 01, ... under the key 00..0f.
func TestShortIsSipHash(t *testing.T) {
	var key Key
	var id [32]byte
	for i := range key {
		key[i] = byte(i)
	}
	for i := range id {
		id[i] = byte(i)
	}
	for n, want := range map[int]uint64{0: 0x726fdb47dd0e0e31, 1: 0x74f839c593dc67fd, 8: 0x93f5f5799a932462, 15: 0xa129ca6149be45e5, 32: 0x7127512f72f27cce} {
		if got := naiveSip(key, id[:n]); got != want {
			t.Errorf("naive hash of %d bytes is %x, want %x", n, got, want)
		}
	}
	rnd := newRand(4)
	for range 100 {
		if got, want := key.Short(&id), naiveSip(key, id[:]); got != want {
			t.Fatalf("short id of %x under %x is %x, want %x", id, key, got, want)
		}
		for i := range id {
			id[i] = byte(rnd.Uint32())
			key[i/2] = byte(rnd.Uint32())
		}
	}
}

// naiveSip is SipHash-2-4 of any number of bytes, after the paper.
func naiveSip(key Key, b []byte) uint64 {
	word := func(b []byte) (w uint64) {
		for i := range b {
			w |= uint64(b[i]) << (8 * i)
		}
		return w
	}
	rotl := func(x uint64, n int) uint64 { return x<<n | x>>(64-n) }
	k0, k1 := word(key[:8]), word(key[8:])
	v := []uint64{word([]byte("uespemos")) ^ k0, word([]byte("modnarod")) ^ k1, word([]byte("arenegyl")) ^ k0, word([]byte("setybdet")) ^ k1}
	rounds := func(n int) {
		for range n {
			v[0] += v[1]
			v[2] += v[3]
			v[1] = rotl(v[1], 13) ^ v[0]
			v[3] = rotl(v[3], 16) ^ v[2]
			v[0] = rotl(v[0], 32)
			v[2] += v[1]
			v[0] += v[3]
			v[1] = rotl(v[1], 17) ^ v[2]
			v[3] = rotl(v[3], 21) ^ v[0]
			v[2] = rotl(v[2], 32)
		}
	}
	padded := append(slices.Clone(b), make([]byte, 8-len(b)%8)...)
	padded[len(padded)-1] = byte(len(b))
	for ; len(padded) > 0; padded = padded[8:] {
		w := word(padded[:8])
		v[3] ^= w
		rounds(2)
		v[0] ^= w
	}
	v[2] ^= 0xff
	rounds(4)
	return v[0] ^ v[1] ^ v[2] ^ v[3]
}

func TestAddAllocatesNothing(t *testing.T) {
	p := NewPrefix(testKey, 1024)
	q := NewPrefix(testKey, 1024)
	id := [32]byte{1}
	k := testKey
	buf := make([]byte, 0, 20_000)
	if n := testing.AllocsPerRun(100, func() {
		s := k.Short(&id)
		p.Add(s)
		q.CopyFrom(p)
		buf = q.AppendCells(buf[:0], 0, 1024)
		p.Remove(s)
	}); n != 0 {
		t.Errorf("adding, copying, encoding and removing allocate %v times", n)
	}
}
