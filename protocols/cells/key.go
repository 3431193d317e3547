package cells

import (
	"encoding/binary"
	"math/bits"
)

// A Key keys the short ids and the checks of one epoch. Peers that compare sets share it; who makes
// up ids should not know it.
type Key [16]byte

// Short returns the keyed 64-bit short id of a 32-byte id: its SipHash-2-4.
func (k *Key) Short(id *[32]byte) uint64 {
	k0, k1 := binary.LittleEndian.Uint64(k[:8]), binary.LittleEndian.Uint64(k[8:])
	// The state is in variables, not in a struct, so that it stays in registers.
	a, b, c, d := k0^0x736f6d6570736575, k1^0x646f72616e646f6d, k0^0x6c7967656e657261, k1^0x7465646279746573
	for i := 0; i <= len(id); i += 8 {
		w := uint64(len(id)) << 56 // the length comes last
		if i < len(id) {
			w = binary.LittleEndian.Uint64(id[i:])
		}
		d ^= w
		a, b, c, d = round(a, b, c, d)
		a, b, c, d = round(a, b, c, d)
		a ^= w
	}
	c ^= 0xff
	for range 4 {
		a, b, c, d = round(a, b, c, d)
	}
	return a ^ b ^ c ^ d
}

func round(a, b, c, d uint64) (uint64, uint64, uint64, uint64) {
	a += b
	b = bits.RotateLeft64(b, 13) ^ a
	a = bits.RotateLeft64(a, 32)
	c += d
	d = bits.RotateLeft64(d, 16) ^ c
	a += d
	d = bits.RotateLeft64(d, 21) ^ a
	c += b
	b = bits.RotateLeft64(b, 17) ^ c
	c = bits.RotateLeft64(c, 32)
	return a, b, c, d
}
