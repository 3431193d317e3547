package epoch

import (
	"encoding/binary"
	"math/bits"
)

// A point is where the course of events has come to.
type point struct {
	minds  []int // by member; -1 is the liar
	air    []int // sorted letters
	timers int
	crash  int
	double int
}

func (p *point) append(dst []byte) []byte {
	dst = append(dst, byte(p.timers), byte(p.crash), byte(p.double))
	for _, m := range p.minds {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(m))
	}
	for _, l := range p.air {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(l))
	}
	return dst
}

func (p *point) parse(b []byte) {
	p.timers, p.crash, p.double = int(b[0]), int(b[1]), int(b[2])
	b = b[3:]
	for i := range p.minds {
		p.minds[i] = int(int32(binary.LittleEndian.Uint32(b)))
		b = b[4:]
	}
	p.air = p.air[:0]
	for ; len(b) > 0; b = b[2:] {
		p.air = append(p.air, int(binary.LittleEndian.Uint16(b)))
	}
}

// digest tells points apart: 128 bits are enough for all there will ever be.
func digest(b []byte) (d [2]uint64) {
	d = [2]uint64{uint64(len(b)), 0x9e3779b97f4a7c15}
	var w [8]byte
	for len(b) > 0 {
		clear(w[:])
		b = b[copy(w[:], b):]
		v := binary.LittleEndian.Uint64(w[:])
		hi, lo := bits.Mul64(d[0]^v^0xa0761d6478bd642f, 0xe7037ed1a0b428db)
		d[0] = hi ^ lo + d[0]
		hi, lo = bits.Mul64(d[1]^v^0x8ebc6af09c88c6e3, 0x589965cc75374cc3)
		d[1] = hi ^ lo + d[1]
	}
	return d
}

// A set of digests.
type set struct {
	slots [][2]uint64 // a power of two of them; zero where empty
	len   int
}

// add reports whether d is new.
func (s *set) add(d [2]uint64) bool {
	if 4*s.len >= 3*len(s.slots) {
		old := s.slots
		*s = set{slots: make([][2]uint64, max(1024, 2*len(old)))}
		for _, d := range old {
			if d != [2]uint64{} {
				s.add(d)
			}
		}
	}
	at := int(d[0]) & (len(s.slots) - 1)
	for s.slots[at] != [2]uint64{} {
		if s.slots[at] == d {
			return false
		}
		at = (at + 1) & (len(s.slots) - 1)
	}
	s.slots[at] = d
	s.len++
	return true
}
