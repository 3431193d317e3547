package snapshot

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/quorum"
)

// MaxMembers bounds a group: a proposal names one number for each member and must fit into one
// datagram, together with a vote.
const MaxMembers = 120

// A Proposal is what a group agrees on: a frontier, what lies at or below it, and under which policy.
// The group is bound by the statement that is signed.
type Proposal struct {
	// Epoch counts cuts. It rises strictly; aborted ones leave gaps.
	Epoch    uint64
	Frontier antientropy.Frontier
	// Root is that of antientropy.Cut at the frontier: it binds the digest of everything below and
	// each byte that is kept.
	Root [32]byte
	// Policy is the hash of what the members have agreed on otherwise.
	Policy [32]byte
}

func (p *Proposal) size() int { return 8 + 2 + 8*len(p.Frontier) + 64 }

// append appends the one encoding: epoch (8), members (2), frontier (8 each), root (32), policy (32).
func (p *Proposal) append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, p.Epoch)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(p.Frontier)))
	for _, n := range p.Frontier {
		dst = binary.LittleEndian.AppendUint64(dst, n)
	}
	dst = append(dst, p.Root[:]...)
	return append(dst, p.Policy[:]...)
}

// parseProposal decodes a proposal at the beginning of b and returns the rest.
func parseProposal(b []byte) (p Proposal, rest []byte, err error) {
	if len(b) < 10 {
		return p, nil, fmt.Errorf("decode proposal: cut short: %w", protocols.ErrVerification)
	}
	n := int(binary.LittleEndian.Uint16(b[8:]))
	if n == 0 || n > MaxMembers || len(b) < 10+8*n+64 {
		return p, nil, fmt.Errorf("decode proposal of %d members: cut short or too many: %w", n, protocols.ErrVerification)
	}
	p.Epoch = binary.LittleEndian.Uint64(b)
	b = b[10:]
	p.Frontier = make(antientropy.Frontier, n)
	for i := range p.Frontier {
		p.Frontier[i] = binary.LittleEndian.Uint64(b)
		b = b[8:]
	}
	p.Root, p.Policy = [32]byte(b), [32]byte(b[32:])
	return p, b[64:], nil
}

// Statement is what members sign to approve the proposal.
func (p *Proposal) Statement(g *quorum.Group) quorum.Statement {
	return g.State("snapshot", p.append(make([]byte, 0, p.size())))
}

// A Commit is a proposal with the certificate that a group has agreed on it.
type Commit struct {
	Proposal
	Certificate quorum.Certificate
}

// Append appends the encoded commit: proposal, certificate.
func (c *Commit) Append(dst []byte) []byte { return c.Certificate.Append(c.append(dst)) }

// ParseCommit decodes a commit at the beginning of b and returns the rest. It proves nothing before
// it is verified. The error wraps protocols.ErrVerification.
func ParseCommit(b []byte) (c Commit, rest []byte, err error) {
	if c.Proposal, b, err = parseProposal(b); err != nil {
		return Commit{}, nil, fmt.Errorf("decode commit: %w", err)
	}
	if c.Certificate, b, err = quorum.ParseCertificate(b); err != nil {
		return Commit{}, nil, fmt.Errorf("decode commit: %w", err)
	}
	return c, b, nil
}

// Stable returns the highest frontier that lies nowhere above any of those given: what all who named
// them hold. Without any it returns nil.
func Stable(of ...antientropy.Frontier) antientropy.Frontier {
	if len(of) == 0 {
		return nil
	}
	f := slices.Clone(of[0])
	for _, g := range of[1:] {
		for i := range f {
			f[i] = min(f[i], g[i])
		}
	}
	return f
}
