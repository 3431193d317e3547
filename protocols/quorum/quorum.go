// Package quorum turns the signatures of a group's members into certificates that anybody who knows
// the group can check.
//
// A statement is what is agreed on: a purpose and some bytes that bind everything it depends on.
// Members sign it; each signature is a vote. As many votes of distinct members as the policy asks
// for make a certificate.
//
// The laws: a vote counts only from a member, once, with a valid signature over exactly this
// statement of this group and purpose; a threshold is at least 1 and at most the number of members;
// a certificate lists its voters in ascending order without repetition, so what says one thing has
// one encoding. Lengths of lists are never trusted as counts of votes.
//
// The package holds no state of a protocol and does not say who may propose, nor keep anybody from
// signing two statements: the protocols above it do (epoch, snapshot, ota).
package quorum

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/signature"
)

// MaxMembers bounds a group.
const MaxMembers = 1024

// A Group is who may vote, in a fixed order.
type Group struct {
	id      [32]byte
	members []protocols.PeerID // sorted
	heads   []uint64           // their first eight bytes, which mostly tell them apart
}

// NewGroup returns the group of these members, in any order. The id tells groups with the same
// members apart. The error wraps protocols.ErrVerification when there are no members, more than
// MaxMembers, or one twice.
func NewGroup(id [32]byte, members []protocols.PeerID) (*Group, error) {
	g := &Group{id: id, members: slices.Clone(members)}
	slices.SortFunc(g.members, func(a, b protocols.PeerID) int { return bytes.Compare(a[:], b[:]) })
	if len(members) == 0 || len(members) > MaxMembers {
		return nil, fmt.Errorf("form group of %d members, at least 1 and at most %d: %w", len(members), MaxMembers, protocols.ErrVerification)
	}
	for i := range g.members[1:] {
		if g.members[i] == g.members[i+1] {
			return nil, fmt.Errorf("form group: member %v stands twice: %w", g.members[i], protocols.ErrVerification)
		}
	}
	for i := range g.members {
		g.heads = append(g.heads, binary.BigEndian.Uint64(g.members[i][:]))
	}
	return g, nil
}

// ID is the group's id.
func (g *Group) ID() [32]byte { return g.id }

// Len is the number of members.
func (g *Group) Len() int { return len(g.members) }

// Member returns the member with an index below Len.
func (g *Group) Member(i int) protocols.PeerID { return g.members[i] }

// Index returns the index of a member.
func (g *Group) Index(p protocols.PeerID) (int, bool) {
	at, found := slices.BinarySearch(g.heads, binary.BigEndian.Uint64(p[:]))
	if !found {
		return at, false
	}
	for ; at < len(g.members); at++ {
		if c := bytes.Compare(g.members[at][:], p[:]); c >= 0 {
			return at, c == 0
		}
	}
	return at, false
}

// Majority is the smallest threshold of which no two disjoint sets of members reach it.
func (g *Group) Majority() int { return len(g.members)/2 + 1 }

// CheckThreshold returns an error that wraps protocols.ErrVerification unless 1 <= threshold <= Len.
func (g *Group) CheckThreshold(threshold int) error {
	if threshold < 1 || threshold > len(g.members) {
		return fmt.Errorf("threshold %d of %d members, want 1 to %d: %w", threshold, len(g.members), len(g.members), protocols.ErrVerification)
	}
	return nil
}

// A Statement is what votes sign, of 32 bytes: it binds group, purpose and body.
type Statement [32]byte

// State returns the statement of a purpose, such as "epoch vote", and a body. Bodies must be encoded
// so that different contents have different bytes.
func (g *Group) State(purpose string, body []byte) Statement {
	var short [192]byte // the usual ones need no memory
	b := append(short[:0], "perfgate statement 1\n"...)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(purpose)))
	b = append(b, purpose...)
	b = append(b, g.id[:]...)
	return sha256.Sum256(append(b, body...))
}

// A Vote is a member's signature of a statement.
type Vote struct {
	Member    uint16 // index within the group
	Signature [signature.Size]byte
}

// VoteSize is the length of a vote in bytes: index (2), signature (64).
const VoteSize = 2 + signature.Size

// Sign returns the vote of the owner of a key. The error wraps protocols.ErrVerification when the
// owner is no member.
func (g *Group) Sign(key ed25519.PrivateKey, s Statement) (Vote, error) {
	self := protocols.PeerID(key.Public().(ed25519.PublicKey))
	i, ok := g.Index(self)
	if !ok {
		return Vote{}, fmt.Errorf("sign as %v: no member of the group: %w", self, protocols.ErrVerification)
	}
	v := Vote{Member: uint16(i)}
	copy(v.Signature[:], ed25519.Sign(key, s[:]))
	return v, nil
}

// Append appends the encoded vote.
func (v *Vote) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, v.Member)
	return append(dst, v.Signature[:]...)
}

// ParseVote decodes the first VoteSize bytes of b, of which there must be as many.
func ParseVote(b []byte) Vote {
	return Vote{Member: binary.LittleEndian.Uint16(b), Signature: [signature.Size]byte(b[2:VoteSize])}
}

// check returns the question whether a vote holds, or an error if its member does not exist.
func (g *Group) check(s *Statement, v *Vote) (signature.Check, error) {
	if int(v.Member) >= len(g.members) {
		return signature.Check{}, fmt.Errorf("verify vote of member %d of %d: %w", v.Member, len(g.members), protocols.ErrVerification)
	}
	return signature.Check{Key: g.members[v.Member], Message: s[:], Signature: v.Signature[:]}, nil
}

// Verify checks one vote. The error wraps protocols.ErrVerification.
func (g *Group) Verify(by signature.Verifier, s Statement, v *Vote) error {
	c, err := g.check(&s, v)
	if err != nil {
		return err
	}
	if !by.Verify([]signature.Check{c}) {
		return fmt.Errorf("verify vote of %v: the signature is not the member's over this statement: %w", g.members[v.Member], protocols.ErrVerification)
	}
	return nil
}
