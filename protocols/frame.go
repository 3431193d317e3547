package protocols

import (
	"encoding/binary"
	"fmt"
)

// The kinds of frame that a channel puts into envelopes.
const (
	frameData  byte = 1
	frameAck   byte = 2
	frameReset byte = 3
	// frameParity holds a sum of the fragments of a group: see parity.go.
	frameParity byte = 4
)

// Flags of a data frame.
const (
	flagFirst byte = 1 << iota // a message begins here
	flagLast                   // and ends here
	flagPush                   // nothing follows for now: acknowledge at once
	flagCoded                  // parity of the group follows: a gap may close by itself
	flagMask  = flagFirst | flagLast | flagPush | flagCoded
)

const (
	commonHeader = 1 + 2 + 2 + 1 + 4
	dataHeader   = commonHeader + 4 + 1
	parityHeader = commonHeader + 4 + 1 + 1 + 1
	// MaxFragment is how much of a message fits into one datagram, in bytes: as much as parity leaves
	// room for.
	MaxFragment = MaxBody - parityHeader - shardHead
	// maxWindow bounds how far past the first gap an acknowledgement can speak.
	maxWindow = 448
)

// A frame is the body of one envelope of a channel. All but a reset begin alike:
//
//	kind (1), life (2), serial (2), share lost (1), next wanted (4)
//	data    1, ..., sequence (4), flags (1), fragment
//	ack     2, ..., number of words (1), words (8 each; bit i of word w: next+1+64w+i is here)
//	parity  4, ..., first sequence of the group (4), fragments in it (1), row (1), flags (1), sum
//	reset   3, code (1)
type frame struct {
	kind   byte
	life   uint16 // of the sender's channel, by chance: after a crash it has another
	serial uint16 // counts all datagrams of a channel one way
	lost   share  // of those that came the other way
	next   uint32 // every sequence number before this one has arrived
	seq    uint32
	flags  byte
	group  byte
	row    byte
	data   []byte
	words  [maxWindow / 64]uint64
	code   byte
}

func (f *frame) append(dst []byte) []byte {
	dst = append(dst, f.kind)
	if f.kind == frameReset {
		return append(dst, f.code)
	}
	dst = binary.LittleEndian.AppendUint16(dst, f.life)
	dst = binary.LittleEndian.AppendUint16(dst, f.serial)
	dst = append(dst, byte(f.lost))
	dst = binary.LittleEndian.AppendUint32(dst, f.next)
	switch f.kind {
	case frameData:
		dst = binary.LittleEndian.AppendUint32(dst, f.seq)
		dst = append(dst, f.flags)
		return append(dst, f.data...)
	case frameParity:
		dst = binary.LittleEndian.AppendUint32(dst, f.seq)
		dst = append(dst, f.group, f.row, f.flags)
		return append(dst, f.data...)
	}
	n := len(f.words)
	for n > 0 && f.words[n-1] == 0 {
		n--
	}
	dst = append(dst, byte(n))
	for _, w := range f.words[:n] {
		dst = binary.LittleEndian.AppendUint64(dst, w)
	}
	return dst
}

// parseFrame decodes a frame; data is a part of b. Each frame has one encoding only: what parses
// re-encodes to the same bytes.
func parseFrame(b []byte) (frame, error) {
	bad := func(what string) (frame, error) {
		return frame{}, fmt.Errorf("decode frame: %s: %w", what, ErrVerification)
	}
	if len(b) < 2 {
		return bad("cut short")
	}
	f := frame{kind: b[0]}
	if f.kind == frameReset {
		if len(b) != 2 {
			return bad("reset of the wrong length")
		}
		f.code = b[1]
		return f, nil
	}
	if len(b) < commonHeader+1 {
		return bad("cut short")
	}
	f.life, f.serial, f.lost = binary.LittleEndian.Uint16(b[1:]), binary.LittleEndian.Uint16(b[3:]), share(b[5])
	f.next = binary.LittleEndian.Uint32(b[6:])
	switch f.kind {
	case frameData:
		if len(b) < dataHeader+1 {
			return bad("data cut short")
		}
		f.seq, f.flags, f.data = binary.LittleEndian.Uint32(b[10:]), b[14], b[dataHeader:]
		if f.flags&^flagMask != 0 || len(f.data) > MaxFragment {
			return bad("data with unknown flags or too long")
		}
		return f, nil
	case frameParity:
		if len(b) < parityHeader+shardHead+1 {
			return bad("parity cut short")
		}
		f.seq, f.group, f.row, f.flags = binary.LittleEndian.Uint32(b[10:]), b[14], b[15], b[16]
		f.data = b[parityHeader:]
		if f.flags&^flagPush != 0 || len(f.data) > MaxFragment+shardHead {
			return bad("parity with unknown flags or too long")
		}
		if f.group == 0 || f.group > groupSize || f.row >= parityRows {
			return bad("parity of no possible group")
		}
		return f, nil
	case frameAck:
		n := int(b[commonHeader])
		if n > len(f.words) || len(b) != commonHeader+1+8*n {
			return bad("acknowledgement of the wrong length")
		}
		for i := range n {
			f.words[i] = binary.LittleEndian.Uint64(b[commonHeader+1+8*i:])
		}
		if n > 0 && f.words[n-1] == 0 {
			return bad("acknowledgement with an empty last word")
		}
		return f, nil
	}
	return bad("unknown kind")
}

// has reports whether an acknowledgement says that seq arrived.
func (f *frame) has(seq uint32) bool {
	d := int32(seq - f.next)
	if d < 0 {
		return true
	}
	if d == 0 || d > maxWindow {
		return false
	}
	return f.words[(d-1)/64]>>((d-1)%64)&1 != 0
}

// DescribeFrame says in a few words what the body of a channel's envelope is.
func DescribeFrame(body []byte) string {
	f, err := parseFrame(body)
	switch {
	case err != nil:
		return err.Error()
	case f.kind == frameReset:
		return (&ResetError{Code: f.code}).Error()
	case f.kind == frameAck:
		return fmt.Sprintf("acknowledges all before %d", f.next)
	case f.kind == frameParity:
		return fmt.Sprintf("row %d of parity for %d datagrams from %d", f.row, f.group, f.seq)
	}
	s := fmt.Sprintf("datagram %d, %d B", f.seq, len(f.data))
	if f.flags&flagFirst != 0 {
		s += ", a message begins"
	}
	if f.flags&flagLast != 0 {
		s += ", it ends"
	}
	return s
}
