package ota

import (
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/chunk"
	"github.com/perfgate/perfgate/protocols/signature"
)

// A Version is a semantic version without pre-release: major, minor, patch.
type Version struct{ Major, Minor, Patch uint32 }

// Compare returns -1, 0 or +1 as v is less than, equal to or greater than o.
func (v Version) Compare(o Version) int {
	return cmp.Or(cmp.Compare(v.Major, o.Major), cmp.Compare(v.Minor, o.Minor), cmp.Compare(v.Patch, o.Patch))
}

// String returns the version as x.y.z.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// A Package is a content with a version.
type Package struct {
	Version Version
	Root    chunk.Root // of its manifest: the hash of everything in it
	Size    int64      // bytes
	Chunk   int        // size of its chunks in bytes
}

// A Patch is a way from one package to another.
type Patch struct {
	Base chunk.Root // the package that it is applied to
	Root chunk.Root
	Size int64 // bytes; its chunks are as large as those of the package
}

// An ID names a ceremony: it is the hash of the proposal, which binds the state before and the nonce.
type ID [32]byte

// String returns the first 8 of the 64 hexadecimal digits.
func (id ID) String() string { return fmt.Sprintf("%x", id[:4]) }

// A Proposal is what the members decide about.
type Proposal struct {
	Package     Package
	Hard        bool   // peers that did not activate it can no longer take part after Activation
	Activation  uint64 // epoch
	Expiry      uint64 // epoch from which on it must not be activated any more
	Prestate    [32]byte
	Coordinator protocols.PeerID
	Nonce       uint64
	Patch       *Patch // nil if there is none
}

const (
	flagHard byte = 1 << iota
	flagPatch

	packageSize  = 12 + 32 + 8 + 4
	proposalSize = 1 + packageSize + 8 + 8 + 32 + 32 + 8
	patchSize    = 32 + 32 + 8
)

func (p *Package) append(dst []byte) []byte {
	le := binary.LittleEndian
	dst = le.AppendUint32(le.AppendUint32(le.AppendUint32(dst, p.Version.Major), p.Version.Minor), p.Version.Patch)
	dst = append(dst, p.Root[:]...)
	return le.AppendUint32(le.AppendUint64(dst, uint64(p.Size)), uint32(p.Chunk))
}

func parsePackage(b []byte) (p Package) {
	le := binary.LittleEndian
	p.Version = Version{le.Uint32(b), le.Uint32(b[4:]), le.Uint32(b[8:])}
	p.Root = chunk.Root(b[12:])
	p.Size, p.Chunk = int64(le.Uint64(b[44:])), int(le.Uint32(b[52:]))
	return p
}

// Append appends the encoded proposal: flags (1), package (56), activation (8), expiry (8), state before
// (32), coordinator (32), nonce (8), and where there is one the patch (72).
func (p *Proposal) Append(dst []byte) []byte {
	le := binary.LittleEndian
	flags := byte(0)
	if p.Hard {
		flags |= flagHard
	}
	if p.Patch != nil {
		flags |= flagPatch
	}
	dst = p.Package.append(append(dst, flags))
	dst = le.AppendUint64(le.AppendUint64(dst, p.Activation), p.Expiry)
	dst = append(append(dst, p.Prestate[:]...), p.Coordinator[:]...)
	dst = le.AppendUint64(dst, p.Nonce)
	if d := p.Patch; d != nil {
		dst = append(append(dst, d.Base[:]...), d.Root[:]...)
		dst = le.AppendUint64(dst, uint64(d.Size))
	}
	return dst
}

// ParseProposal decodes a proposal at the beginning of b and returns the rest of b. What parses
// re-encodes to the same bytes. The error wraps protocols.ErrVerification.
func ParseProposal(b []byte) (p Proposal, rest []byte, err error) {
	le := binary.LittleEndian
	bad := func(what string) (Proposal, []byte, error) {
		return Proposal{}, nil, fmt.Errorf("decode proposal: %s: %w", what, protocols.ErrVerification)
	}
	if len(b) < proposalSize {
		return bad("cut short")
	}
	flags := b[0]
	if flags&^(flagHard|flagPatch) != 0 {
		return bad("unknown flags")
	}
	p.Hard, b = flags&flagHard != 0, b[1:]
	p.Package, b = parsePackage(b), b[packageSize:]
	p.Activation, p.Expiry = le.Uint64(b), le.Uint64(b[8:])
	p.Prestate, p.Coordinator = [32]byte(b[16:]), protocols.PeerID(b[48:])
	p.Nonce, b = le.Uint64(b[80:]), b[88:]
	if p.Package.Size < 1 || p.Package.Chunk < chunk.MinChunk || p.Package.Chunk > chunk.MaxChunk {
		return bad("sizes out of bounds")
	}
	if flags&flagPatch != 0 {
		if len(b) < patchSize {
			return bad("patch cut short")
		}
		p.Patch = &Patch{chunk.Root(b), chunk.Root(b[32:]), int64(le.Uint64(b[64:]))}
		b = b[patchSize:]
		if p.Patch.Size < 1 {
			return bad("patch without bytes")
		}
	}
	return p, b, nil
}

// ID names the ceremony.
func (p *Proposal) ID() ID {
	return sha256.Sum256(p.Append([]byte("perfgate ota ceremony 1\n")))
}

// Prestate is the state in which a peer is that runs a package.
func Prestate(running Package) [32]byte {
	return sha256.Sum256(running.append([]byte("perfgate ota state 1\n")))
}

func proposalText(id ID) []byte { return append([]byte("perfgate ota proposal 1\n"), id[:]...) }

func signProposal(key ed25519.PrivateKey, p *Proposal) (sig [signature.Size]byte) {
	copy(sig[:], ed25519.Sign(key, proposalText(p.ID())))
	return sig
}

func verifyProposal(by signature.Verifier, p *Proposal, sig []byte) error {
	if !by.Verify([]signature.Check{{Key: p.Coordinator, Message: proposalText(p.ID()), Signature: sig}}) {
		return fmt.Errorf("verify proposal of %v: not signed by it: %w", p.Coordinator, protocols.ErrVerification)
	}
	return nil
}
