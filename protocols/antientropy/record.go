package antientropy

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/perfgate/perfgate/protocols"
)

// A Kind says what a record is about.
type Kind byte

const (
	// Op is an operation: any payload.
	Op Kind = 1
	// Fact states a value for a key; facts only accumulate, and Log.Fact reduces them.
	Fact Kind = 2
	// Cap restricts what a subject may do; capabilities only shrink, and Log.Caps reduces them.
	Cap Kind = 3
)

// MaxPayload bounds the payload of a record, in bytes.
const MaxPayload = 64 << 10

const (
	recordHeader  = 1 + 8 + 4
	signatureSize = ed25519.SignatureSize
	capPayload    = 32 + 8
)

// A Record is one entry of one author's log. Each author numbers its own records from 1 without
// gaps; author and number together name the record for good.
type Record struct {
	Kind    Kind
	Author  protocols.PeerID
	Seq     uint64
	Payload []byte
	// Signature is the author's Ed25519 signature of 64 bytes, or nil in an unsigned group.
	Signature []byte
}

// NewFact returns the payload that states value for key. The key has at most 65,535 bytes.
func NewFact(key string, value []byte) []byte {
	b := binary.LittleEndian.AppendUint16(nil, uint16(len(key)))
	return append(append(b, key...), value...)
}

// NewCap returns the payload that restricts subject to the capabilities in mask, one bit each.
func NewCap(subject protocols.PeerID, mask uint64) []byte {
	return binary.LittleEndian.AppendUint64(subject[:len(subject):len(subject)], mask)
}

// Sign signs the record for a group, which its signature is bound to.
func (r *Record) Sign(g Group, key ed25519.PrivateKey) {
	tag := g.tag()
	r.Signature = ed25519.Sign(key, signed(nil, &tag, &r.Author, r.append(nil, false)))
}

// append appends the stored form: kind (1 byte), number (8), length (4), payload, signature (64 or
// none). The author is not in it: records of one author share it.
func (r *Record) append(dst []byte, signature bool) []byte {
	dst = append(dst, byte(r.Kind))
	dst = binary.LittleEndian.AppendUint64(dst, r.Seq)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(r.Payload)))
	dst = append(dst, r.Payload...)
	if signature {
		dst = append(dst, r.Signature...)
	}
	return dst
}

// signed appends what is hashed to the record's id and signed: the group, the author, the record.
func signed(dst []byte, tag *[32]byte, author *protocols.PeerID, body []byte) []byte {
	return append(append(append(dst, tag[:]...), author[:]...), body...)
}

// cutRecord splits the stored form of one record from the front of b. It checks the form alone.
func cutRecord(b []byte, signature bool) (record, rest []byte, err error) {
	bad := func(what string) ([]byte, []byte, error) {
		return nil, nil, fmt.Errorf("decode record: %s: %w", what, protocols.ErrVerification)
	}
	if len(b) < recordHeader {
		return bad("cut short")
	}
	n := int(binary.LittleEndian.Uint32(b[9:]))
	if n > MaxPayload {
		return bad(fmt.Sprintf("payload of %d bytes, at most %d", n, MaxPayload))
	}
	size := recordHeader + n
	if signature {
		size += signatureSize
	}
	if len(b) < size {
		return bad("cut short")
	}
	payload := b[recordHeader : recordHeader+n]
	switch Kind(b[0]) {
	case Op:
	case Fact:
		if n < 2 || int(binary.LittleEndian.Uint16(payload)) > n-2 {
			return bad("fact whose key is longer than its payload")
		}
	case Cap:
		if n != capPayload {
			return bad(fmt.Sprintf("capability of %d bytes, want %d", n, capPayload))
		}
	default:
		return bad(fmt.Sprintf("unknown kind %d", b[0]))
	}
	return b[:size:size], b[size:], nil
}

// parseRecord decodes the stored form, which cutRecord has checked. Payload and signature are parts
// of b.
func parseRecord(b []byte, author protocols.PeerID, signature bool) Record {
	r := Record{Kind: Kind(b[0]), Author: author, Seq: recordSeq(b)}
	r.Payload = b[recordHeader:]
	if signature {
		at := len(r.Payload) - signatureSize
		r.Payload, r.Signature = r.Payload[:at:at], r.Payload[at:]
	}
	return r
}

func recordSeq(b []byte) uint64 { return binary.LittleEndian.Uint64(b[1:]) }

// factParts splits a fact's payload.
func factParts(p []byte) (key, value []byte) {
	n := int(binary.LittleEndian.Uint16(p)) + 2
	return p[2:n], p[n:]
}

// Clone returns a record that shares no memory with r.
func (r Record) Clone() Record {
	r.Payload, r.Signature = slices.Clone(r.Payload), slices.Clone(r.Signature)
	return r
}

func capMask(p []byte) uint64 { return binary.LittleEndian.Uint64(p[32:]) }
