package journal

import (
	"encoding/binary"
	"fmt"

	"github.com/perfgate/perfgate/protocols"
)

// The kinds of message. Each is one datagram: the body of one envelope.
const (
	msgPush   byte = 1
	msgParity byte = 2
	msgBeacon byte = 3
	msgNack   byte = 4
)

// Flags of a push, of a beacon and of a nack.
const (
	pushParity byte = 1 // parity over this datagram and its neighbours will follow
	pushAnswer byte = 2 // sent because somebody asked
	pushFlags       = pushParity | pushAnswer

	beaconCompare byte = 1 // tell me where you are ahead
	beaconSync    byte = 2 // what is new does not fit into a datagram: open a session
	beaconFlags        = beaconCompare | beaconSync

	nackRetry byte = 1 // nobody answered before
)

const (
	pushHeader   = 1 + 1 + 2 + 8 + 1
	parityHeader = 1 + 2 + 8 + 3
	beaconHeader = 1 + 1 + 1
	markSize     = 2 + 8
	nackHeader   = 1 + 1 + 2 + 4 + 1
	rangeSize    = 8 + 2

	// maxGroup is how many pushes one group of parity covers at most; maxSpare how many parity
	// datagrams a group may have.
	maxGroup = 24
	maxSpare = 24
	// MaxRun is how many bytes of records fit into one push, in stored form. Parity over pushes must
	// fit into a datagram too, together with the list of what it covers.
	MaxRun = protocols.MaxBody - parityHeader - maxGroup
	// maxMarks and maxRanges bound a beacon and a nack.
	maxMarks  = (protocols.MaxBody - beaconHeader) / markSize
	maxRanges = 32
)

// A mark says that somebody holds an author's records up to high.
type mark struct {
	author uint16
	high   uint64
}

// A span is n records from first on.
type span struct {
	first uint64
	n     uint16
}

// A message is what a datagram says:
//
//	push    1, flags (1), author (2), first number (8), records (1), records in stored form
//	parity  2, author (2), first number (8), pushes (1), parity datagrams (1), which (1), records of each push (1 each), shard
//	beacon  3, flags (1), marks (1), each: author (2), number (8)
//	nack    4, flags (1), author (2), nonce (4), ranges (1), each: first number (8), records (2)
//
// Authors are numbered in the order of their names. Marks ascend by author and ranges by number,
// with room between them, so a message has one encoding only.
type message struct {
	kind   byte
	flags  byte
	author uint16
	first  uint64
	count  byte   // push: records; parity: pushes
	spare  byte   // parity: how many
	index  byte   // parity: which of them
	counts []byte // parity: records of each push
	data   []byte // push: records; parity: shard
	nonce  uint32
	marks  []mark
	ranges []span
}

func (m *message) append(dst []byte) []byte {
	dst = append(dst, m.kind)
	switch m.kind {
	case msgPush:
		dst = append(dst, m.flags)
		dst = binary.LittleEndian.AppendUint16(dst, m.author)
		dst = binary.LittleEndian.AppendUint64(dst, m.first)
		dst = append(dst, m.count)
		return append(dst, m.data...)
	case msgParity:
		dst = binary.LittleEndian.AppendUint16(dst, m.author)
		dst = binary.LittleEndian.AppendUint64(dst, m.first)
		dst = append(dst, m.count, m.spare, m.index)
		return append(append(dst, m.counts...), m.data...)
	case msgBeacon:
		dst = append(dst, m.flags, byte(len(m.marks)))
		for _, k := range m.marks {
			dst = binary.LittleEndian.AppendUint16(dst, k.author)
			dst = binary.LittleEndian.AppendUint64(dst, k.high)
		}
		return dst
	}
	dst = append(dst, m.flags)
	dst = binary.LittleEndian.AppendUint16(dst, m.author)
	dst = binary.LittleEndian.AppendUint32(dst, m.nonce)
	dst = append(dst, byte(len(m.ranges)))
	for _, r := range m.ranges {
		dst = binary.LittleEndian.AppendUint64(dst, r.first)
		dst = binary.LittleEndian.AppendUint16(dst, r.n)
	}
	return dst
}

// parse decodes a body into m, whose lists it reuses; data and counts are parts of b. What parses
// re-encodes to the same bytes.
func (m *message) parse(b []byte) error {
	*m = message{marks: m.marks[:0], ranges: m.ranges[:0]}
	if len(b) == 0 {
		return malformed("empty")
	}
	m.kind = b[0]
	switch m.kind {
	case msgPush:
		if len(b) <= pushHeader {
			return malformed("push cut short")
		}
		m.flags, m.author = b[1], binary.LittleEndian.Uint16(b[2:])
		m.first, m.count, m.data = binary.LittleEndian.Uint64(b[4:]), b[12], b[pushHeader:]
		if m.flags&^pushFlags != 0 || m.count == 0 || badNumbers(m.first, uint64(m.count)) || len(m.data) > MaxRun {
			return malformed("push of no records, too many, or with unknown flags")
		}
		return nil
	case msgParity:
		if len(b) < parityHeader {
			return malformed("parity cut short")
		}
		m.author, m.first = binary.LittleEndian.Uint16(b[1:]), binary.LittleEndian.Uint64(b[3:])
		m.count, m.spare, m.index = b[11], b[12], b[13]
		if m.count == 0 || m.count > maxGroup || m.spare == 0 || m.spare > maxSpare || m.index >= m.spare || len(b) <= parityHeader+int(m.count) {
			return malformed("parity of no pushes or too many, or cut short")
		}
		m.counts, m.data = b[parityHeader:parityHeader+int(m.count)], b[parityHeader+int(m.count):]
		total := uint64(0)
		for _, n := range m.counts {
			if n == 0 {
				return malformed("parity over an empty push")
			}
			total += uint64(n)
		}
		if badNumbers(m.first, total) || len(m.data) > MaxRun {
			return malformed("parity over impossible numbers, or too long")
		}
		return nil
	case msgBeacon:
		return m.parseBeacon(b)
	case msgNack:
		return m.parseNack(b)
	}
	return malformed(fmt.Sprintf("unknown kind %d", m.kind))
}

func (m *message) parseBeacon(b []byte) error {
	if len(b) < beaconHeader || len(b) != beaconHeader+markSize*int(b[2]) {
		return malformed("beacon of the wrong length")
	}
	if m.flags = b[1]; m.flags&^beaconFlags != 0 || b[2] == 0 {
		return malformed("beacon without marks, or with unknown flags")
	}
	for b = b[beaconHeader:]; len(b) > 0; b = b[markSize:] {
		k := mark{binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint64(b[2:])}
		if n := len(m.marks); n > 0 && m.marks[n-1].author >= k.author {
			return malformed("marks out of order")
		}
		m.marks = append(m.marks, k)
	}
	return nil
}

func (m *message) parseNack(b []byte) error {
	if len(b) < nackHeader || len(b) != nackHeader+rangeSize*int(b[8]) {
		return malformed("nack of the wrong length")
	}
	if m.flags = b[1]; m.flags&^nackRetry != 0 || b[8] == 0 || b[8] > maxRanges {
		return malformed("nack without ranges or with too many, or with unknown flags")
	}
	m.author, m.nonce = binary.LittleEndian.Uint16(b[2:]), binary.LittleEndian.Uint32(b[4:])
	last, total := uint64(0), 0
	for b = b[nackHeader:]; len(b) > 0; b = b[rangeSize:] {
		r := span{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint16(b[8:])}
		if r.n == 0 || badNumbers(r.first, uint64(r.n)) || r.first <= last {
			return malformed("ranges empty, impossible or out of order")
		}
		if total += int(r.n); total > maxGap {
			return malformed(fmt.Sprintf("nack of more than %d records", maxGap))
		}
		last = r.first + uint64(r.n) // one more than its last: two that touch would be one
		m.ranges = append(m.ranges, r)
	}
	return nil
}

// badNumbers reports whether n records from first on have numbers that cannot be.
func badNumbers(first, n uint64) bool { return first == 0 || first+n < first }

func malformed(what string) error {
	return fmt.Errorf("decode journal message: %s: %w", what, protocols.ErrVerification)
}
