package receipt

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// form is the first byte of an encoded chain.
const form = 1

// HeaderSize is what an encoded chain has before its receipts, in bytes: form (1), count (1).
const HeaderSize = 2

// Append appends the encoded receipt to dst: the transcript without its domain, and the signature.
func (r *Receipt) Append(dst []byte) []byte { return append(r.appendBody(dst), r.Signature[:]...) }

// Parse decodes a receipt, which has one encoding only. Nothing but its form is checked. The error wraps
// protocols.ErrVerification.
func Parse(b []byte) (Receipt, error) {
	if len(b) != Size {
		return Receipt{}, fmt.Errorf("decode receipt: %d bytes, want %d: %w", len(b), Size, protocols.ErrVerification)
	}
	var r Receipt
	next := func(n int) []byte {
		field := b[:n]
		b = b[n:]
		return field
	}
	copy(r.Context[:], next(32))
	copy(r.Operation[:], next(32))
	r.Version = binary.LittleEndian.Uint16(next(2))
	r.Epoch = binary.LittleEndian.Uint64(next(8))
	copy(r.Message[:], next(32))
	copy(r.Signer[:], next(32))
	at := binary.LittleEndian.Uint64(next(8))
	root := next(1)[0]
	copy(r.Previous[:], next(32))
	copy(r.Signature[:], b)
	if at > math.MaxInt64 || root > 1 || root == 1 && r.Previous != ([32]byte{}) {
		return Receipt{}, fmt.Errorf("decode receipt: not the form of one: %w", protocols.ErrVerification)
	}
	r.Time, r.Root = time.Duration(at), root == 1
	return r, nil
}

// AppendChain appends an encoded chain to dst. The error wraps protocols.ErrExhausted when it has more
// than MaxDepth receipts.
func AppendChain(dst []byte, chain []Receipt) ([]byte, error) {
	if len(chain) > MaxDepth {
		return dst, fmt.Errorf("encode chain: %d receipts, at most %d: %w", len(chain), MaxDepth, protocols.ErrExhausted)
	}
	dst = append(dst, form, byte(len(chain)))
	for i := range chain {
		dst = chain[i].Append(dst)
	}
	return dst, nil
}

// ParseChain decodes a whole chain. Nothing but its form is checked: Verify does the rest. The error
// wraps protocols.ErrVersion for another form of encoding, and protocols.ErrVerification for everything else.
func ParseChain(b []byte) ([]Receipt, error) {
	if len(b) > 0 && b[0] != form {
		return nil, fmt.Errorf("decode chain: form %d, want %d: %w", b[0], form, protocols.ErrVersion)
	}
	if len(b) < HeaderSize || b[1] > MaxDepth || len(b) != HeaderSize+int(b[1])*Size {
		return nil, fmt.Errorf("decode chain: %d bytes are not what its count says: %w", len(b), protocols.ErrVerification)
	}
	chain := make([]Receipt, b[1])
	for i := range chain {
		r, err := Parse(b[HeaderSize+i*Size:][:Size])
		if err != nil {
			return nil, fmt.Errorf("decode chain: receipt %d: %w", i, err)
		}
		chain[i] = r
	}
	return chain, nil
}
