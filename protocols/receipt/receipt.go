package receipt

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// A Receipt is one link of a chain: a peer's signed word that it handled a message.
type Receipt struct {
	// Context names the group or the relation in which the message was sent.
	Context [32]byte
	// Operation names what was done with it.
	Operation [32]byte
	// Version is that of the protocol which the message belongs to.
	Version uint16
	Epoch   uint64
	// Message is the SHA-256 hash of the message.
	Message [32]byte
	Signer  protocols.PeerID
	// Time is when it was handled, since a start that the group shares; not negative.
	Time time.Duration
	// Root says that nothing went before; Previous is zero then, and else the hash of the receipt before.
	Root      bool
	Previous  [32]byte
	Signature [ed25519.SignatureSize]byte
}

const (
	// MaxDepth bounds the receipts of a chain.
	MaxDepth = 100
	// Size is the length of an encoded receipt in bytes.
	Size = bodySize + ed25519.SignatureSize

	bodySize = 32 + 32 + 2 + 8 + 32 + 32 + 8 + 1 + 32
)

// domain begins each transcript, so that no signature made for something else is one for a receipt.
const domain = "perfgate receipt 1\n"

// TranscriptSize is the length of a transcript in bytes.
const TranscriptSize = len(domain) + bodySize

// AppendTranscript appends what is hashed and signed: the domain and all fields but the signature, in a
// fixed little-endian form.
func (r *Receipt) AppendTranscript(dst []byte) []byte { return r.appendBody(append(dst, domain...)) }

func (r *Receipt) appendBody(dst []byte) []byte {
	dst = append(dst, r.Context[:]...)
	dst = append(dst, r.Operation[:]...)
	dst = binary.LittleEndian.AppendUint16(dst, r.Version)
	dst = binary.LittleEndian.AppendUint64(dst, r.Epoch)
	dst = append(dst, r.Message[:]...)
	dst = append(dst, r.Signer[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(r.Time))
	root := byte(0)
	if r.Root {
		root = 1
	}
	dst = append(dst, root)
	return append(dst, r.Previous[:]...)
}

// Hash returns the SHA-256 hash of the transcript, which the next link names.
func (r *Receipt) Hash() [32]byte {
	var buf [TranscriptSize]byte
	return sha256.Sum256(r.AppendTranscript(buf[:0]))
}

// Append signs a receipt as the next of a chain and returns the longer chain, which takes the memory of the
// shorter if there is room in it, as append does. It sets Root, Previous and
// Signature; all other fields are the caller's. The error is that of a verifier, for what any would refuse: see
// Verifier.Verify.
func Append(chain []Receipt, r Receipt, key ed25519.PrivateKey) ([]Receipt, error) {
	if len(key) != ed25519.PrivateKeySize {
		return chain, fmt.Errorf("append receipt: key of %d bytes, want %d: %w", len(key), ed25519.PrivateKeySize, protocols.ErrVerification)
	}
	n := len(chain)
	if n >= MaxDepth {
		return chain, &LinkError{n, ErrDepth, protocols.ErrExhausted}
	}
	r.Root, r.Previous = n == 0, [32]byte{}
	var before *Receipt
	if n > 0 {
		before = &chain[n-1]
		r.Previous = before.Hash()
	}
	if err := r.follows(before); err != nil {
		return chain, &LinkError{n, err, protocols.ErrVerification}
	}
	var buf [TranscriptSize]byte
	copy(r.Signature[:], ed25519.Sign(key, r.AppendTranscript(buf[:0])))
	return append(chain, r), nil
}

// follows checks a receipt against the one before it, nil if it must be the root.
func (r *Receipt) follows(before *Receipt) error {
	if r.Time < 0 {
		return ErrOrder
	}
	if before == nil {
		if !r.Root || r.Previous != ([32]byte{}) {
			return ErrRoot
		}
		return nil
	}
	switch {
	case r.Root:
		return ErrRoot
	case r.Previous != before.Hash():
		return ErrLinkage
	case r.Context != before.Context || r.Version != before.Version:
		return ErrContext
	case r.Time < before.Time || r.Epoch < before.Epoch:
		return ErrOrder
	}
	return nil
}

// What is wrong with a chain. Each comes in a LinkError with the error of package protocols that says
// what kind it is.
var (
	// ErrEmpty says that the chain has no receipts.
	ErrEmpty = errors.New("chain is empty")
	// ErrDepth says that the chain has more receipts than it may.
	ErrDepth = errors.New("chain is too long")
	// ErrRoot says that the chain does not begin with a root, that a root stands elsewhere, or that it names
	// something before it.
	ErrRoot = errors.New("no root where one belongs, or one elsewhere")
	// ErrLinkage says that the receipt was not made for the one before it.
	ErrLinkage = errors.New("hash of another receipt before it")
	// ErrContext says that the context or the version is another one than before, or than the verifier's.
	ErrContext = errors.New("of another context or version")
	// ErrOrder says that time or epoch went back.
	ErrOrder = errors.New("time or epoch goes back")
	// ErrFence says that the receipt's epoch is over.
	ErrFence = errors.New("epoch below the fence")
	// ErrSigner says that the resolver knows no key of the signer at the receipt's epoch.
	ErrSigner = errors.New("signer is none at that epoch")
	// ErrSignature says that the signature is not the signer's for this receipt.
	ErrSignature = errors.New("signature is not the signer's")
)

// A LinkError says which receipt of a chain is wrong, counted from 0, and why.
type LinkError struct {
	Link int
	Why  error // one of the errors of this package
	Kind error // protocols.ErrVerification, ErrExhausted or ErrVersion
}

// Error names the link and the reason.
func (e *LinkError) Error() string { return fmt.Sprintf("receipt %d: %v: %v", e.Link, e.Why, e.Kind) }

// Unwrap returns the reason and its kind.
func (e *LinkError) Unwrap() []error { return []error{e.Why, e.Kind} }
