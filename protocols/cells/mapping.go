package cells

import (
	"math"
	"math/bits"
)

// A mixer is the keyed function from which an item's check and its cells come. Short ids are keyed
// and well spread already; this keeps checks from being linear in them, since otherwise the check of
// a sum of items would be the sum of their checks and tell nothing.
type mixer struct {
	a, b uint64
	bits uint32 // of checks that are in use
}

func (k *Key) mixer() mixer {
	return mixer{k.Short(&[32]byte{'c', 'e', 'l', 'l', 's', 1}), k.Short(&[32]byte{'c', 'e', 'l', 'l', 's', 2}), 1<<32 - 1}
}

func (m mixer) mix(short uint64) uint64 {
	hi, lo := bits.Mul64(short^m.a, 0x9e3779b97f4a7c15)
	hi, lo = bits.Mul64(hi^lo^m.b, 0xd6e8feb86659fd93)
	return hi ^ lo
}

// check is the part of a mixed item that is summed beside it.
func (m mixer) check(mixed uint64) uint32 { return uint32(mixed>>32) & m.bits }

// A walk goes over the indices of the cells that an item is in, upwards from 0, where all are.
// Index i is on it with the probability rho(i) = 1/(1+i/2).
type walk struct {
	state uint64
	at    int64
}

func newWalk(mixed uint64) walk { return walk{state: mixed | 1} }

// next moves on. From i the chance that the next index is beyond i+g is the product of 1-rho over
// what lies between, (i+1)(i+2)/((i+g+1)(i+g+2)), close to ((i+1.5)/(i+g+1.5))^2; solved for g, with
// that chance drawn evenly from (0, 1]. The products below are never followed by a sum, so no
// compiler may fuse them: the walk is the same on every machine.
func (w *walk) next() {
	w.state *= 0xf1357aea2e62a9c5
	r := 65536 / math.Sqrt(float64(w.state>>32+1))
	w.at += int64((float64(w.at)+1.5)*(r-1)) + 1
}

// expected returns how many of n items are in the cell with index i, rounded: n*rho(i).
func expected(n int64, i int) int64 {
	m := int64(i) + 2
	if n < 0 {
		return -((-4*n + m) / (2 * m))
	}
	return (4*n + m) / (2 * m)
}

// Need returns with how many cells, counted from 0 without gaps, 19 of 20 differences of d are
// decoded: 1.37 d plus 3.3 times the root of d, fitted to what the tests of this package count.
func Need(d int) int {
	if d <= 1 {
		return 1
	}
	return int(math.Ceil(float64(1.37*float64(d)) + float64(3.3*math.Sqrt(float64(d)))))
}
