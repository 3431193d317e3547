package receipt

import (
	"crypto/ed25519"
	"slices"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/signature"
)

// A Resolver returns the public key of a signer, and whether the signer was entitled to sign at an epoch.
// It must be trusted: all that a chain proves is as good as it.
type Resolver func(signer protocols.PeerID, epoch uint64) (key ed25519.PublicKey, ok bool)

// A Verifier checks chains.
type Verifier struct {
	// Resolve must be given; without it no signer is known.
	Resolve Resolver
	// Context is the one that chains must be of; zero means any, but one for the whole chain.
	Context [32]byte
	// Version is the protocol's version; zero means protocols.Version.
	Version uint16
	// Signatures checks those of a whole chain at once; nil means a signature.Ed25519 of its own.
	Signatures signature.Verifier
	// MinEpoch is the fence: receipts of epochs below it are refused.
	MinEpoch uint64
	// MaxDepth bounds the receipts of a chain; zero means the constant MaxDepth.
	MaxDepth int
	// AllowEmpty accepts a chain without receipts, which then proves nothing.
	AllowEmpty bool
}

// A Report is what a chain proves.
type Report struct {
	// Verified is how many receipts were checked, and so how many signatures.
	Verified int
	// Signers are the peers that signed, each once, in the order in which they first did.
	Signers []protocols.PeerID
}

// Verify checks a whole chain, from its root on. The error is a LinkError: it wraps
// protocols.ErrExhausted for a chain that is too long, protocols.ErrVersion for another version, and
// protocols.ErrVerification for everything else. If several receipts are wrong, it names the first of those
// whose signature need not be checked to tell.
func (v *Verifier) Verify(chain []Receipt) (Report, error) {
	depth := v.MaxDepth
	if depth == 0 {
		depth = MaxDepth
	}
	if len(chain) == 0 && !v.AllowEmpty {
		return Report{}, &LinkError{0, ErrEmpty, protocols.ErrVerification}
	}
	if len(chain) > depth {
		return Report{}, &LinkError{max(depth, 0), ErrDepth, protocols.ErrExhausted}
	}
	keys := make([]ed25519.PublicKey, len(chain))
	var before *Receipt
	for i := range chain {
		key, err := v.link(&chain[i], before)
		if err != nil {
			kind := protocols.ErrVerification
			if err == ErrContext && chain[i].Version != v.version() {
				kind = protocols.ErrVersion
			}
			return Report{}, &LinkError{i, err, kind}
		}
		keys[i], before = key, &chain[i]
	}
	report := Report{Verified: len(chain), Signers: make([]protocols.PeerID, 0, len(chain))}
	checks := make([]signature.Check, len(chain))
	buf := make([]byte, 0, len(chain)*TranscriptSize)
	for i := range chain {
		r, at := &chain[i], len(buf)
		buf = r.AppendTranscript(buf)
		checks[i] = signature.Check{Key: protocols.PeerID(keys[i]), Message: buf[at:], Signature: r.Signature[:]}
		if !slices.Contains(report.Signers, r.Signer) {
			report.Signers = append(report.Signers, r.Signer)
		}
	}
	if by := v.by(); !by.Verify(checks) {
		return Report{}, &LinkError{signature.Failing(by, checks)[0], ErrSignature, protocols.ErrVerification}
	}
	return report, nil
}

func (v *Verifier) by() signature.Verifier {
	if v.Signatures == nil {
		v.Signatures = new(signature.Ed25519)
	}
	return v.Signatures
}

func (v *Verifier) version() uint16 {
	if v.Version == 0 {
		return protocols.Version
	}
	return v.Version
}

// link checks all of a receipt but its signature, and returns the key for that.
func (v *Verifier) link(r, before *Receipt) (ed25519.PublicKey, error) {
	if r.Version != v.version() || v.Context != ([32]byte{}) && r.Context != v.Context {
		return nil, ErrContext
	}
	if err := r.follows(before); err != nil {
		return nil, err
	}
	if r.Epoch < v.MinEpoch {
		return nil, ErrFence
	}
	if v.Resolve == nil {
		return nil, ErrSigner
	}
	key, ok := v.Resolve(r.Signer, r.Epoch)
	if !ok || len(key) != ed25519.PublicKeySize {
		return nil, ErrSigner
	}
	return key, nil
}
