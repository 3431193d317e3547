package antientropy

import (
	"encoding/binary"
	"fmt"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/cells"
)

// The parts of a message, which begins with its leg (2 bytes). Each part is its kind (1), the length
// of its body (4) and the body.
const (
	// partShow: show of the digest (16), epoch, records applied (uvarints). It ends the side's turn.
	partShow byte = iota + 1
	// partMarks and partWish: see runs.go.
	partMarks
	partWish
	// partCells: as Log.appendCells makes them.
	partCells
	// partShorts: the short ids that the sender lacks (4 each), ascending.
	partShorts
	// partBatch: as Cursor.AppendBatch makes it.
	partBatch
	// partRanges: as package cells makes them, of salted short ids.
	partRanges
	// partList: bits of a range (1), its lowest salted id (8), those that the sender has in it (8
	// each), ascending.
	partList
	// partSalted: salted short ids that the sender lacks (8 each), ascending.
	partSalted
	// partShare: the members that are asked at the same time, as in runs.go without anything more.
	partShare
)

const (
	messageHeader = 2
	partHeader    = 1 + 4
	shortSize     = shortBits / 8
	cellSize      = shortSize + 2 + 1
	listHeader    = 1 + 8
)

type part struct {
	kind byte
	body []byte
}

// cutPart splits the first part off a message that parseMessage has checked.
func cutPart(b []byte) (part, []byte) {
	end := partHeader + int(binary.LittleEndian.Uint32(b[1:]))
	return part{b[0], b[partHeader:end:end]}, b[end:]
}

// beginPart appends the header of a part, to be completed by endPart once its body is there.
func beginPart(dst []byte, kind byte) []byte { return append(dst, kind, 0, 0, 0, 0) }

// endPart completes the part whose header begins at start.
func endPart(dst []byte, start int) []byte {
	binary.LittleEndian.PutUint32(dst[start+1:], uint32(len(dst)-start-partHeader))
	return dst
}

func appendPart(dst []byte, p part) []byte {
	start := len(dst)
	return endPart(append(beginPart(dst, p.kind), p.body...), start)
}

// parseMessage checks the form of a whole message, but for that of batches and cells, which is
// checked where they are taken in, and returns its leg and its parts. It holds no memory of its own.
// Each message has one encoding only. The error wraps protocols.ErrVerification.
func parseMessage(b []byte) (leg uint16, parts []byte, err error) {
	bad := func(what string) (uint16, []byte, error) {
		return 0, nil, fmt.Errorf("decode message: %s: %w", what, protocols.ErrVerification)
	}
	if len(b) < messageHeader+partHeader {
		return bad("cut short")
	}
	leg, parts = binary.LittleEndian.Uint16(b), b[messageHeader:]
	for rest := parts; len(rest) > 0; {
		if len(rest) < partHeader || len(rest)-partHeader < int(binary.LittleEndian.Uint32(rest[1:])) {
			return bad("part cut short")
		}
		var p part
		p, rest = cutPart(rest)
		if err := p.check(); err != nil {
			return 0, nil, err
		}
	}
	return leg, parts, nil
}

// check checks the form of a part.
func (p *part) check() error {
	ok := true
	switch p.kind {
	case partShow:
		_, ok = parseClosing(p.body)
	case partMarks:
		return eachMark(p.body, nil)
	case partWish:
		return eachWish(p.body, nil)
	case partShorts:
		ok = ascends(p.body, shortSize)
	case partSalted:
		ok = ascends(p.body, 8)
	case partList:
		ok = len(p.body) >= listHeader && p.body[0] <= 64 && ascends(p.body[listHeader:], 8)
	case partShare:
		ok = eachShare(p.body, nil)
	case partBatch, partCells, partRanges:
	default:
		return fmt.Errorf("decode message: part of unknown kind %d: %w", p.kind, protocols.ErrVerification)
	}
	if !ok {
		return fmt.Errorf("decode message: part of kind %d of the wrong length or order: %w", p.kind, protocols.ErrVerification)
	}
	return nil
}

// ascends reports whether b is a list of numbers of that size in bytes, each greater than the one
// before.
func ascends(b []byte, size int) bool {
	if len(b)%size != 0 {
		return false
	}
	for i := size; i < len(b); i += size {
		if number(b[i:], size) <= number(b[i-size:], size) {
			return false
		}
	}
	return true
}

// number decodes the little-endian number of that size that b begins with.
func number(b []byte, size int) (v uint64) {
	for i := size - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	return v
}

func appendNumber(dst []byte, v uint64, size int) []byte {
	for range size {
		dst = append(dst, byte(v))
		v >>= 8
	}
	return dst
}

// A closing is what partShow says.
type closing struct {
	epoch   uint64
	show    show
	applied uint64
}

func (c *closing) append(dst []byte) []byte {
	dst = binary.AppendUvarint(append(dst, c.show[:]...), c.epoch)
	return binary.AppendUvarint(dst, c.applied)
}

func parseClosing(b []byte) (c closing, ok bool) {
	if len(b) < len(c.show) {
		return closing{}, false
	}
	r := reader{b: b[copy(c.show[:], b):]}
	c.epoch, c.applied = r.uvarint(^uint64(0)), r.uvarint(maxSeq)
	return c, !r.bad && len(r.b) == 0
}

// parseList splits a list into its range, of which count and fingerprint are missing, and its ids.
func parseList(b []byte) (cells.Range, []byte) {
	return cells.Range{Bits: b[0], Low: binary.LittleEndian.Uint64(b[1:])}, b[listHeader:]
}
