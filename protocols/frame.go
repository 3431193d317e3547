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
)

// Flags of a data frame.
const (
	flagFirst byte = 1 << iota // a message begins here
	flagLast                   // and ends here
	flagPush                   // nothing follows for now: acknowledge at once
	flagMask  = flagFirst | flagLast | flagPush
)

const (
	dataHeader = 1 + 4 + 4 + 1
	// MaxFragment is how much of a message fits into one datagram, in bytes.
	MaxFragment = MaxBody - dataHeader
	// maxWindow bounds how far past the first gap an acknowledgement can speak.
	maxWindow = 512
)

// A frame is the body of one envelope of a channel.
//
//	data   1, sequence (4), next wanted (4), flags (1), fragment
//	ack    2, next wanted (4), number of words (1), words (8 each; bit i of word w: next+1+64w+i is here)
//	reset  3, code (1)
type frame struct {
	kind  byte
	seq   uint32
	next  uint32 // every sequence number before this one has arrived
	flags byte
	data  []byte
	words [maxWindow / 64]uint64
	code  byte
}

func (f *frame) append(dst []byte) []byte {
	dst = append(dst, f.kind)
	switch f.kind {
	case frameData:
		dst = binary.LittleEndian.AppendUint32(dst, f.seq)
		dst = binary.LittleEndian.AppendUint32(dst, f.next)
		dst = append(dst, f.flags)
		return append(dst, f.data...)
	case frameAck:
		dst = binary.LittleEndian.AppendUint32(dst, f.next)
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
	return append(dst, f.code)
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
	switch f.kind {
	case frameData:
		if len(b) < dataHeader+1 {
			return bad("data cut short")
		}
		f.seq = binary.LittleEndian.Uint32(b[1:])
		f.next = binary.LittleEndian.Uint32(b[5:])
		f.flags = b[9]
		f.data = b[dataHeader:]
		if f.flags&^flagMask != 0 || len(f.data) > MaxFragment {
			return bad("data with unknown flags or too long")
		}
		return f, nil
	case frameAck:
		if len(b) < 6 || int(b[5]) > len(f.words) || len(b) != 6+8*int(b[5]) {
			return bad("acknowledgement of the wrong length")
		}
		f.next = binary.LittleEndian.Uint32(b[1:])
		for i := range int(b[5]) {
			f.words[i] = binary.LittleEndian.Uint64(b[6+8*i:])
		}
		if n := int(b[5]); n > 0 && f.words[n-1] == 0 {
			return bad("acknowledgement with an empty last word")
		}
		return f, nil
	case frameReset:
		if len(b) != 2 {
			return bad("reset of the wrong length")
		}
		f.code = b[1]
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
