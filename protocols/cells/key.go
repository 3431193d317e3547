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
	s := sip{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573}
	s.word(binary.LittleEndian.Uint64(id[0:]))
	s.word(binary.LittleEndian.Uint64(id[8:]))
	s.word(binary.LittleEndian.Uint64(id[16:]))
	s.word(binary.LittleEndian.Uint64(id[24:]))
	s.word(32 << 56) // the length
	s.c ^= 0xff
	s.round()
	s.round()
	s.round()
	s.round()
	return s.a ^ s.b ^ s.c ^ s.d
}

// A sip is the state of a SipHash.
type sip struct{ a, b, c, d uint64 }

func (s *sip) word(w uint64) {
	s.d ^= w
	s.round()
	s.round()
	s.a ^= w
}

func (s *sip) round() {
	s.a += s.b
	s.b = bits.RotateLeft64(s.b, 13) ^ s.a
	s.a = bits.RotateLeft64(s.a, 32)
	s.c += s.d
	s.d = bits.RotateLeft64(s.d, 16) ^ s.c
	s.a += s.d
	s.d = bits.RotateLeft64(s.d, 21) ^ s.a
	s.c += s.b
	s.b = bits.RotateLeft64(s.b, 17) ^ s.c
	s.c = bits.RotateLeft64(s.c, 32)
}
