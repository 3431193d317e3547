package corpus

import (
	"encoding/binary"
	"testing"

	"github.com/cespare/xxhash/v2"
)

// performed returns how many operations b has done after its loop.
func performed(b *testing.B, d diffusion) uint64 {
	return uint64(b.N) + uint64(b.N)*d.step/whole
}

// checked bounds the operations that are done again after the loop to check the outcome: a
// measurement does millions of them, a test run less.
const checked = 100_000

func mix(x uint64) uint64 {
	x = (x ^ x>>31) * 0x9e3779b97f4a7c15
	x = (x ^ x>>29) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>32) * 0x94d049bb133111eb
	return (x ^ x>>30) * 0xd6e8feb86659fd93
}

func BenchmarkTinyMix(b *testing.B) {
	d := begin(b)
	x := uint64(1)
	for b.Loop() {
		x = mix(x)
		for range d.extra() {
			x = mix(x)
		}
	}
	if n := performed(b, d); n <= checked {
		want := uint64(1)
		for range n {
			want = mix(want)
		}
		if x != want {
			b.Errorf("%d operations give %x, want %x", n, x, want)
		}
	}
}

func BenchmarkTinyHash(b *testing.B) {
	d := begin(b)
	var data [32]byte
	for b.Loop() {
		binary.LittleEndian.PutUint64(data[:], xxhash.Sum64(data[:]))
		for range d.extra() {
			binary.LittleEndian.PutUint64(data[:], xxhash.Sum64(data[:]))
		}
	}
	if n := performed(b, d); n <= checked {
		var want [32]byte
		for range n {
			h := xxhash.New()
			h.Write(want[:])
			binary.LittleEndian.PutUint64(want[:], h.Sum64())
		}
		if data != want {
			b.Errorf("%d operations give %x, want %x", n, data, want)
		}
	}
}

// The map is one cycle through all of its keys: where it is left tells how many lookups there were.
func BenchmarkTinyMap(b *testing.B) {
	d := begin(b)
	order := seeded(50).Perm(256)
	next := map[int]int{}
	for i, k := range order {
		next[k] = order[(i+1)%len(order)]
	}
	at := order[0]
	for b.Loop() {
		at = next[at]
		for range d.extra() {
			at = next[at]
		}
	}
	if n := performed(b, d); at != order[n%uint64(len(order))] {
		b.Errorf("%d lookups end at %d, want %d", n, at, order[n%uint64(len(order))])
	}
}
