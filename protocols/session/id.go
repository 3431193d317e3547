package session

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
)

// An ID names a session. It fits the session of a protocols.Envelope. Zero names none.
type ID uint64

// String returns 16 hexadecimal digits.
func (id ID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// A mint makes ids out of a slot and how often the slot has been used, which pair never comes again, by
// a seeded permutation of all 64-bit numbers. The way back finds the slot without a table.
type mint struct {
	key   uint64
	shift int // bits of the slot
}

func newMint(seed uint64, slots int) mint {
	return mint{rand.New(rand.NewPCG(seed, 0x5e5510)).Uint64(), bits.Len(uint(slots - 1))}
}

// mixer is odd, so that multiplying by it can be undone: by unmixer.
const (
	mixer   = 0x9e3779b97f4a7c15
	unmixer = 0xf1de83e19937733d
)

func (m mint) id(slot int, use uint64) ID {
	x := (use<<m.shift | uint64(slot)) ^ m.key
	for range 2 {
		x *= mixer
		x ^= x >> 32
	}
	return ID(x)
}

func (m mint) slot(id ID) int {
	x := uint64(id)
	for range 2 {
		x ^= x >> 32
		x *= unmixer
	}
	return int((x ^ m.key) & (1<<m.shift - 1))
}
