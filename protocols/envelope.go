package protocols

import (
	"encoding/binary"
	"fmt"
)

// Version is the first byte of every datagram. A datagram of another version is refused whole.
const Version = 1

const (
	// MaxDatagram bounds a datagram in bytes. It passes unfragmented over every common path.
	MaxDatagram = 1200
	// EnvelopeSize is what an envelope adds to its body, in bytes.
	EnvelopeSize = 12
	// MaxBody bounds the body of an envelope in bytes.
	MaxBody = MaxDatagram - EnvelopeSize
)

// The protocols that an envelope can carry.
const (
	TypeAntiEntropy byte = 1
	TypeJournal     byte = 2
	TypeSnapshot    byte = 3
	TypeOTA         byte = 4
	TypeEpoch       byte = 5
	TypeChunk       byte = 6
)

// An Envelope is the frame around everything that is sent, in fixed little-endian form: version
// (1 byte), type (1), session (8), length of the body (2), body. The session tells concurrent
// exchanges between the same two peers apart.
type Envelope struct {
	Type    byte
	Session uint64
	Body    []byte
}

// Append appends the encoded envelope to dst. The error wraps ErrExhausted when the body is longer
// than MaxBody.
func (e Envelope) Append(dst []byte) ([]byte, error) {
	if len(e.Body) > MaxBody {
		return dst, fmt.Errorf("encode envelope: body of %d bytes, at most %d: %w", len(e.Body), MaxBody, ErrExhausted)
	}
	dst = e.appendHeader(dst, len(e.Body))
	return append(dst, e.Body...), nil
}

func (e Envelope) appendHeader(dst []byte, body int) []byte {
	dst = append(dst, Version, e.Type)
	dst = binary.LittleEndian.AppendUint64(dst, e.Session)
	return binary.LittleEndian.AppendUint16(dst, uint16(body))
}

// ParseEnvelope decodes a whole datagram. Body is a part of b, not a copy. The error wraps
// ErrVersion for another version and ErrVerification for everything else.
func ParseEnvelope(b []byte) (Envelope, error) {
	switch {
	case len(b) == 0:
		return Envelope{}, fmt.Errorf("decode envelope: empty datagram: %w", ErrVerification)
	case b[0] != Version:
		return Envelope{}, fmt.Errorf("decode envelope: version %d, want %d: %w", b[0], Version, ErrVersion)
	case len(b) < EnvelopeSize:
		return Envelope{}, fmt.Errorf("decode envelope: %d bytes, at least %d: %w", len(b), EnvelopeSize, ErrVerification)
	case len(b) > MaxDatagram:
		return Envelope{}, fmt.Errorf("decode envelope: %d bytes, at most %d: %w", len(b), MaxDatagram, ErrVerification)
	}
	e := Envelope{Type: b[1], Session: binary.LittleEndian.Uint64(b[2:]), Body: b[EnvelopeSize:]}
	if n := int(binary.LittleEndian.Uint16(b[10:])); n != len(e.Body) {
		return Envelope{}, fmt.Errorf("decode envelope: body of %d bytes said to have %d: %w", len(e.Body), n, ErrVerification)
	}
	return e, nil
}
