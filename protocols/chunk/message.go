package chunk

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// The kinds of message, each the body of one envelope. Numbers are little-endian.
//
//	have   1, offer (2), flags (1), wait in ms (2), held (4), first (4), bits   what I have; with flagWants: offer me more after the wait
//	offer  2, offer (2), credit (2), first (4), bits     what you may ask me for, so many chunks of it
//	want   3, offer (2), then for each chunk: chunk (4), length (1), piece bits   no bits: all pieces
//	piece  4, chunk (4), piece (1), data
//	ask    5, level (1), page (4)                                      level 255: the top page
//	page   6, level (1), page (4), size (8), size of chunk (4), hashes (32 each)
//
// The number of the offer that is answered is 0 where none is. Bits say which of the chunks from first, or of the pieces from 0, are meant: bit i of byte j is number
// 8j+i. Their last byte is not zero.
const (
	kindHave byte = iota + 1
	kindOffer
	kindWant
	kindPiece
	kindAsk
	kindPage
)

const (
	flagWants byte = 1 << iota // offer me chunks
	flagHello                  // answer: I may not know you
	flagMask  = flagWants | flagHello

	topLevel    = 255
	pieceHeader = 1 + 4 + 1
	maxWanted   = 64 // chunks in one want
)

// A request is one chunk of a want, or pieces of it.
type request struct {
	chunk int
	bits  []byte // of pieces; none means all
}

type message struct {
	kind   byte
	offer  uint16
	flags  byte
	wait   time.Duration
	held   int
	credit int
	first  int
	bits   []byte
	wants  []request
	chunk  int
	piece  int
	data   []byte
	level  int
	page   int
	size   int64
	length int // of a chunk
	hashes []Hash
}

func (m *message) append(dst []byte) []byte {
	le := binary.LittleEndian
	dst = append(dst, m.kind)
	switch m.kind {
	case kindHave:
		dst = le.AppendUint16(append(le.AppendUint16(dst, m.offer), m.flags), uint16(min(m.wait/time.Millisecond, 65535)))
		dst = le.AppendUint32(le.AppendUint32(dst, uint32(m.held)), uint32(m.first))
		dst = append(dst, m.bits...)
	case kindOffer:
		dst = le.AppendUint16(le.AppendUint16(dst, m.offer), uint16(m.credit))
		dst = le.AppendUint32(dst, uint32(m.first))
		dst = append(dst, m.bits...)
	case kindWant:
		dst = le.AppendUint16(dst, m.offer)
		for _, w := range m.wants {
			dst = append(le.AppendUint32(dst, uint32(w.chunk)), byte(len(w.bits)))
			dst = append(dst, w.bits...)
		}
	case kindPiece:
		dst = append(le.AppendUint32(dst, uint32(m.chunk)), byte(m.piece))
		dst = append(dst, m.data...)
	case kindAsk:
		dst = le.AppendUint32(append(dst, byte(m.level)), uint32(m.page))
	case kindPage:
		dst = le.AppendUint32(append(dst, byte(m.level)), uint32(m.page))
		dst = le.AppendUint32(le.AppendUint64(dst, uint64(m.size)), uint32(m.length))
		for i := range m.hashes {
			dst = append(dst, m.hashes[i][:]...)
		}
	}
	return dst
}

// parse decodes a message; bits and data are parts of b. What parses re-encodes to the same bytes.
func parse(b []byte) (m message, err error) {
	le := binary.LittleEndian
	bad := func(what string) (message, error) {
		return message{}, fmt.Errorf("decode chunk message: %s: %w", what, protocols.ErrVerification)
	}
	trimmed := func(bits []byte) bool { return len(bits) == 0 || bits[len(bits)-1] != 0 }
	if len(b) < 2 || len(b) > protocols.MaxBody {
		return bad("cut short or too long")
	}
	m.kind, b = b[0], b[1:]
	switch m.kind {
	case kindHave:
		if len(b) < 13 {
			return bad("cut short")
		}
		m.offer, b = le.Uint16(b), b[2:]
		m.flags, m.wait = b[0], time.Duration(le.Uint16(b[1:]))*time.Millisecond
		m.held, m.first, m.bits = int(le.Uint32(b[3:])), int(le.Uint32(b[7:])), b[11:]
		if m.flags&^flagMask != 0 {
			return bad("unknown flags")
		}
	case kindOffer:
		if len(b) < 8 {
			return bad("cut short")
		}
		m.offer, b = le.Uint16(b), b[2:]
		m.credit, m.first, m.bits = int(le.Uint16(b)), int(le.Uint32(b[2:])), b[6:]
	case kindWant:
		if len(b) < 2 {
			return bad("cut short")
		}
		m.offer, b = le.Uint16(b), b[2:]
		for len(b) > 0 {
			if len(b) < 5 || len(b) < 5+int(b[4]) || int(b[4]) > (maxPieces+7)/8 || len(m.wants) == maxWanted {
				return bad("want cut short or too long")
			}
			w := request{int(le.Uint32(b)), b[5 : 5+int(b[4])]}
			if !trimmed(w.bits) || w.chunk >= MaxChunks {
				return bad("want out of bounds")
			}
			if m.wants == nil {
				m.wants = make([]request, 0, 1)
			}
			m.wants, b = append(m.wants, w), b[5+int(b[4]):]
		}
		return m, nil
	case kindPiece:
		if len(b) < 6 || len(b)-5 > PieceSize {
			return bad("piece of the wrong length")
		}
		m.chunk, m.piece, m.data = int(le.Uint32(b)), int(b[4]), b[5:]
	case kindAsk:
		if len(b) != 5 {
			return bad("ask of the wrong length")
		}
		m.level, m.page = int(b[0]), int(le.Uint32(b[1:]))
	case kindPage:
		if len(b) < 17+32 || (len(b)-17)%32 != 0 || (len(b)-17)/32 > fan {
			return bad("page of the wrong length")
		}
		m.level, m.page = int(b[0]), int(le.Uint32(b[1:]))
		m.size, m.length = int64(le.Uint64(b[5:])), int(le.Uint32(b[13:]))
		m.hashes = parseHashes(b[17:])
	default:
		return bad("unknown kind")
	}
	if m.first%span != 0 || m.first >= MaxChunks || len(m.bits) > span/8 || !trimmed(m.bits) || m.held > MaxChunks || m.chunk >= MaxChunks {
		return bad("out of bounds")
	}
	return m, nil
}
