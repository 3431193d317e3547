package cells

import (
	"math/bits"
	"slices"
)

// Ranges tells the count and fingerprint of any range of a set of short ids in logarithmic time. It
// is built when it is needed, takes 16 bytes per id, and does not change.
type Ranges struct {
	shorts []uint64
	sums   []uint64 // of the fingerprints of shorts[:i], one longer
}

// NewRanges returns the ranges of a set. It keeps the slice and sorts it.
func NewRanges(shorts []uint64) *Ranges {
	slices.Sort(shorts)
	r := &Ranges{shorts: shorts, sums: make([]uint64, len(shorts)+1)}
	for i, s := range shorts {
		r.sums[i+1] = r.sums[i] + spread(s)
	}
	return r
}

// spread makes of a short id what fingerprints add. Neighbours in a narrow range share their upper
// bits, and sums of the ids themselves would be easier to meet by chance.
func spread(s uint64) uint64 {
	hi, lo := bits.Mul64(s^0x8f462907ce2f3b5d, 0x9e3779b97f4a7c15)
	hi, lo = bits.Mul64(hi^lo, 0xd6e8feb86659fd93)
	return hi ^ lo
}

// Len returns the number of items.
func (r *Ranges) Len() int { return len(r.shorts) }

// Between returns the short ids from lo to hi, both included, in order. They are a part of r.
func (r *Ranges) Between(lo, hi uint64) []uint64 {
	i, j := r.indices(lo, hi)
	return r.shorts[i:j:j]
}

// Sum returns how many items there are from lo to hi, both included, and their fingerprint: the sum
// modulo 2^64 of a fixed function of the short ids.
func (r *Ranges) Sum(lo, hi uint64) (count int, fp uint64) {
	i, j := r.indices(lo, hi)
	return j - i, r.sums[j] - r.sums[i]
}

func (r *Ranges) indices(lo, hi uint64) (from, to int) {
	if lo > hi {
		return 0, 0
	}
	from, _ = slices.BinarySearch(r.shorts, lo)
	rest := r.shorts[from:]
	to, _ = slices.BinarySearch(rest, hi)
	for to < len(rest) && rest[to] == hi {
		to++
	}
	return from, from + to
}

// Whole returns the range of everything: the first message of splitting.
func (r *Ranges) Whole() Range { return r.at(0, 0) }

func (r *Ranges) at(low uint64, width uint8) Range {
	g := Range{Low: low, Bits: width}
	n, fp := r.Sum(g.Low, g.High())
	g.Count, g.FP = uint32(n), fp
	return g
}

// Split compares ranges of the other side with those here. Equal ones need nothing more. Where either
// side has nothing, or neither more than leaf items, the range, as it was received, is to be enumerated:
// the sides tell each other what they have in it (Between), and if one side has nothing there, all of
// the other's is missing. All others are split into fanout parts, whose counts and fingerprints here are
// the reply, for the other side to split in turn. Fanout is brought to a power of two from 2 to 256, the
// next below. Both results are in the order of remote.
//
// With short ids spread as a keyed hash spreads them, two sides of N items are through after about
// log(N/leaf)/log(fanout) legs, and after 64/log2(fanout) whatever they hold.
func (r *Ranges) Split(remote []Range, fanout, leaf int) (reply, enumerate []Range) {
	step := uint8(bits.Len(uint(min(max(fanout, 2), 256))) - 1)
	for _, g := range remote {
		count, fp := r.Sum(g.Low, g.High())
		switch most := max(count, int(g.Count)); {
		case count == int(g.Count) && fp == g.FP:
		case count == 0 || g.Count == 0 || most <= leaf || g.Bits >= 64:
			enumerate = append(enumerate, g)
		default:
			to := min(g.Bits+step, 64)
			for i := range uint64(1) << (to - g.Bits) {
				reply = append(reply, r.at(g.Low|i<<(64-to), to))
			}
		}
	}
	return reply, enumerate
}
