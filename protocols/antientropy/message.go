package antientropy

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/perfgate/perfgate/protocols"
)

// The messages of a session. Each begins with its type (1 byte) and its leg (2).
const (
	msgSummary byte = 1 // digest, marks (2), each: author (32), high (8)
	msgBatch   byte = 2 // as Cursor.AppendBatch makes it
	msgEnd     byte = 3 // digest, applied (8): all that was planned has been sent
	msgDone    byte = 4 // digest, applied (8): both sides hold the same
	msgBuckets byte = 5 // one sum (8) for each of the 256 first bytes that an id can have
	msgIDs     byte = 6 // buckets that differ (32, one bit each), last (1), ids (2), each 32
	msgWant    byte = 7 // ids (2), each 32
)

const (
	messageHeader = 3
	bucketCount   = 256
	maxIDs        = 1024 // in one message
)

// A message is decoded in place: batch is a part of the bytes that arrived, and lists are read with
// their count.
type message struct {
	kind    byte
	leg     uint16
	digest  Digest
	applied uint64
	marks   []Mark
	batch   []byte
	buckets *[bucketCount]uint64
	differ  [bucketCount / 8]byte
	last    bool
	ids     []byte // 32 each
}

func (m *message) append(dst []byte) []byte {
	dst = append(dst, m.kind)
	dst = binary.LittleEndian.AppendUint16(dst, m.leg)
	switch m.kind {
	case msgSummary:
		dst = m.digest.append(dst)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(len(m.marks)))
		for i := range m.marks {
			dst = append(dst, m.marks[i].Author[:]...)
			dst = binary.LittleEndian.AppendUint64(dst, m.marks[i].High)
		}
	case msgBatch:
		dst = append(dst, m.batch...)
	case msgEnd, msgDone:
		dst = m.digest.append(dst)
		dst = binary.LittleEndian.AppendUint64(dst, m.applied)
	case msgBuckets:
		for _, b := range m.buckets {
			dst = binary.LittleEndian.AppendUint64(dst, b)
		}
	case msgIDs:
		dst = append(dst, m.differ[:]...)
		dst = append(dst, 0)
		if m.last {
			dst[len(dst)-1] = 1
		}
		fallthrough
	case msgWant:
		dst = binary.LittleEndian.AppendUint16(dst, uint16(len(m.ids)/32))
		dst = append(dst, m.ids...)
	}
	return dst
}

// parseMessage decodes a whole message. Each has one encoding only: what parses re-encodes to the
// same bytes. The error wraps protocols.ErrVerification.
func parseMessage(b []byte) (message, error) {
	var m message
	bad := func(what string) (message, error) {
		return message{}, fmt.Errorf("decode message of type %d: %s: %w", m.kind, what, protocols.ErrVerification)
	}
	if len(b) < messageHeader {
		return bad("cut short")
	}
	m.kind, m.leg = b[0], binary.LittleEndian.Uint16(b[1:])
	b = b[messageHeader:]
	switch m.kind {
	case msgSummary:
		if len(b) < digestSize+2 {
			return bad("cut short")
		}
		m.digest = parseDigest(b)
		n := int(binary.LittleEndian.Uint16(b[digestSize:]))
		b = b[digestSize+2:]
		if len(b) != n*(32+8) {
			return bad("marks of the wrong length")
		}
		m.marks = make([]Mark, n)
		for i := range m.marks {
			m.marks[i] = Mark{protocols.PeerID(b[:32]), binary.LittleEndian.Uint64(b[32:])}
			b = b[40:]
			if i > 0 && bytes.Compare(m.marks[i-1].Author[:], m.marks[i].Author[:]) >= 0 {
				return bad("marks out of order")
			}
		}
	case msgBatch:
		m.batch = b
	case msgEnd, msgDone:
		if len(b) != digestSize+8 {
			return bad("of the wrong length")
		}
		m.digest, m.applied = parseDigest(b), binary.LittleEndian.Uint64(b[digestSize:])
	case msgBuckets:
		if len(b) != 8*bucketCount {
			return bad("of the wrong length")
		}
		m.buckets = new([bucketCount]uint64)
		for i := range m.buckets {
			m.buckets[i] = binary.LittleEndian.Uint64(b[8*i:])
		}
	case msgIDs, msgWant:
		if m.kind == msgIDs {
			if len(b) < len(m.differ)+1 || b[len(m.differ)] > 1 {
				return bad("cut short")
			}
			copy(m.differ[:], b)
			m.last = b[len(m.differ)] == 1
			b = b[len(m.differ)+1:]
		}
		if len(b) < 2 {
			return bad("cut short")
		}
		n := int(binary.LittleEndian.Uint16(b))
		m.ids = b[2:]
		if n > maxIDs || len(m.ids) != 32*n {
			return bad("ids of the wrong length")
		}
		for i := 32; i < len(m.ids); i += 32 {
			if bytes.Compare(m.ids[i-32:i], m.ids[i:i+32]) >= 0 {
				return bad("ids out of order")
			}
		}
	default:
		return bad("unknown type")
	}
	return m, nil
}

// id returns the i-th id of the message.
func (m *message) id(i int) *[32]byte { return (*[32]byte)(m.ids[32*i:]) }
