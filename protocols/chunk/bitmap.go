package chunk

import "math/bits"

// A Bitmap is a set of chunks, or of the pieces of one.
type Bitmap struct {
	words []uint64
	n     int
	count int
}

func newBitmap(n int) Bitmap { return Bitmap{words: make([]uint64, (n+63)/64), n: n} }

// Len is how many there are altogether.
func (b *Bitmap) Len() int { return b.n }

// Count is how many are in the set.
func (b *Bitmap) Count() int { return b.count }

// Full reports whether all are in the set, of at least one.
func (b *Bitmap) Full() bool { return b.n > 0 && b.count == b.n }

// Has reports whether i is in the set.
func (b *Bitmap) Has(i int) bool { return i >= 0 && i < b.n && b.words[i/64]>>(i%64)&1 != 0 }

func (b *Bitmap) set(i int) bool {
	if i < 0 || i >= b.n || b.Has(i) {
		return false
	}
	b.words[i/64] |= 1 << (i % 64)
	b.count++
	return true
}

func (b *Bitmap) clear(i int) {
	if b.Has(i) {
		b.words[i/64] &^= 1 << (i % 64)
		b.count--
	}
}

// span is how many bits one message tells of.
const span = 8192

// appendSpan appends the bits from first, at most span of them, without zero bytes at the end.
func (b *Bitmap) appendSpan(dst []byte, first int) []byte {
	at := len(dst)
	for w := first / 64; w < len(b.words) && w < (first+span)/64; w++ {
		for i := range 8 {
			dst = append(dst, byte(b.words[w]>>(8*i)))
		}
	}
	for len(dst) > at && dst[len(dst)-1] == 0 {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// setSpan replaces the bits from first, at most span of them. Bits past the end are ignored.
func (b *Bitmap) setSpan(first int, raw []byte) {
	for w := first / 64; w < len(b.words) && w < (first+span)/64; w++ {
		var v uint64
		for i := range 8 {
			if at := (w-first/64)*8 + i; at < len(raw) {
				v |= uint64(raw[at]) << (8 * i)
			}
		}
		if rest := b.n - 64*w; rest < 64 {
			v &= 1<<rest - 1
		}
		b.count += bits.OnesCount64(v) - bits.OnesCount64(b.words[w])
		b.words[w] = v
	}
}

// misses reports whether o has something that b lacks.
func (b *Bitmap) misses(o *Bitmap) bool {
	for i := range o.words {
		if i >= len(b.words) && o.words[i] != 0 || i < len(b.words) && o.words[i]&^b.words[i] != 0 {
			return true
		}
	}
	return false
}
