package cells

import (
	"encoding/binary"
	"fmt"

	"github.com/perfgate/perfgate/protocols"
)

// A Range says what one side has among the short ids that begin with the same bits.
type Range struct {
	// Low is the lowest short id of the range: the common bits, followed by zeros.
	Low uint64
	// FP is the fingerprint of the items in it, as Ranges.Sum tells.
	FP uint64
	// Count is their number.
	Count uint32
	// Bits is how many bits are in common, at most 64.
	Bits uint8
}

// High returns the highest short id of the range.
func (g Range) High() uint64 { return g.Low | ^uint64(0)>>g.Bits }

// AppendRanges appends the message of the ranges, which are to be in ascending order and not to
// overlap, as Split returns them: for each the number of common bits (1 byte), those bits (as many
// whole bytes as they need, the first bits first), count (4 bytes), fingerprint (8 bytes).
func AppendRanges(dst []byte, ranges []Range) []byte {
	for _, g := range ranges {
		dst = append(dst, g.Bits)
		for i := range (int(g.Bits) + 7) / 8 {
			dst = append(dst, byte(g.Low>>(56-8*i)))
		}
		dst = binary.LittleEndian.AppendUint32(dst, g.Count)
		dst = binary.LittleEndian.AppendUint64(dst, g.FP)
	}
	return dst
}

// ParseRanges decodes a message of ranges, which fills b. The error wraps protocols.ErrVerification.
func ParseRanges(b []byte) ([]Range, error) {
	n, err := eachRange(b, func(Range) {})
	if err != nil {
		return nil, err
	}
	ranges := make([]Range, 0, n)
	_, err = eachRange(b, func(g Range) { ranges = append(ranges, g) })
	return ranges, err
}

// eachRange decodes and checks range by range, and returns how many there are.
func eachRange(b []byte, yield func(Range)) (n int, err error) {
	var last Range
	for ; len(b) > 0; n++ {
		g := Range{Bits: b[0]}
		size := (int(g.Bits) + 7) / 8
		if g.Bits > 64 || len(b) < size+13 {
			return n, fmt.Errorf("decode ranges: range %d is cut short or of %d bits: %w", n, g.Bits, protocols.ErrVerification)
		}
		for i := range size {
			g.Low |= uint64(b[1+i]) << (56 - 8*i)
		}
		b = b[1+size:]
		g.Count, g.FP = binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint64(b[4:])
		b = b[12:]
		switch {
		case g.Low&(^uint64(0)>>g.Bits) != 0:
			return n, fmt.Errorf("decode ranges: range %d has more than its %d bits: %w", n, g.Bits, protocols.ErrVerification)
		case n > 0 && g.Low <= last.High():
			return n, fmt.Errorf("decode ranges: range %d does not come after the one before: %w", n, protocols.ErrVerification)
		}
		last = g
		yield(g)
	}
	return n, nil
}
