package quorum

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/signature"
)

// A Certificate is votes of distinct members for one statement, in ascending order of member. What
// the statement says travels beside it.
type Certificate struct{ Votes []Vote }

// Size is the length of the encoded certificate in bytes.
func (c *Certificate) Size() int { return 2 + VoteSize*len(c.Votes) }

// Append appends the encoded certificate: number of votes (2), votes.
func (c *Certificate) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(c.Votes)))
	for i := range c.Votes {
		dst = c.Votes[i].Append(dst)
	}
	return dst
}

// ParseCertificate decodes a certificate at the beginning of b and returns the rest of b. What parses
// re-encodes to the same bytes. The error wraps protocols.ErrVerification.
func ParseCertificate(b []byte) (c Certificate, rest []byte, err error) {
	bad := func(what string) (Certificate, []byte, error) {
		return Certificate{}, nil, fmt.Errorf("decode certificate: %s: %w", what, protocols.ErrVerification)
	}
	if len(b) < 2 {
		return bad("cut short")
	}
	n := int(binary.LittleEndian.Uint16(b))
	b = b[2:]
	if n > MaxMembers || len(b) < n*VoteSize {
		return bad("cut short or too many votes")
	}
	c.Votes = make([]Vote, n)
	for i := range c.Votes {
		c.Votes[i] = ParseVote(b)
		b = b[VoteSize:]
		if i > 0 && c.Votes[i-1].Member >= c.Votes[i].Member {
			return bad("voters out of order or twice")
		}
	}
	return c, b, nil
}

// VerifyCertificate checks that at least threshold distinct members signed the statement, and that
// every vote in the certificate holds. The error wraps protocols.ErrVerification.
func (g *Group) VerifyCertificate(by signature.Verifier, s Statement, c *Certificate, threshold int) error {
	if err := g.CheckThreshold(threshold); err != nil {
		return err
	}
	if len(c.Votes) < threshold {
		return fmt.Errorf("verify certificate: %d votes, want %d: %w", len(c.Votes), threshold, protocols.ErrVerification)
	}
	checks := make([]signature.Check, len(c.Votes))
	for i := range c.Votes {
		if i > 0 && c.Votes[i-1].Member >= c.Votes[i].Member {
			return fmt.Errorf("verify certificate: voters out of order or twice: %w", protocols.ErrVerification)
		}
		var err error
		if checks[i], err = g.check(&s, &c.Votes[i]); err != nil {
			return err
		}
	}
	if !by.Verify(checks) {
		return fmt.Errorf("verify certificate: a vote is not its member's over this statement: %w", protocols.ErrVerification)
	}
	return nil
}

// A Ballot collects the votes for one statement. It is made for each statement anew.
type Ballot struct {
	group     *Group
	by        signature.Verifier
	statement Statement
	threshold int
	votes     []Vote // verified, in ascending order of member
}

// NewBallot returns a ballot without votes. The error wraps protocols.ErrVerification when the
// threshold makes no sense for the group.
func (g *Group) NewBallot(by signature.Verifier, s Statement, threshold int) (*Ballot, error) {
	if err := g.CheckThreshold(threshold); err != nil {
		return nil, err
	}
	return &Ballot{group: g, by: by, statement: s, threshold: threshold}, nil
}

// Statement is what the ballot is about.
func (b *Ballot) Statement() Statement { return b.statement }

// Has reports whether a member's vote was counted.
func (b *Ballot) Has(member int) bool {
	_, ok := slices.BinarySearchFunc(b.votes, uint16(member), func(v Vote, m uint16) int { return cmp.Compare(v.Member, m) })
	return ok
}

// Add counts a vote after checking it, and reports whether it is new. A second vote of a member is
// ignored without being checked. The error wraps protocols.ErrVerification.
func (b *Ballot) Add(v Vote) (fresh bool, err error) {
	at, held := slices.BinarySearchFunc(b.votes, v.Member, func(v Vote, m uint16) int { return cmp.Compare(v.Member, m) })
	if held {
		return false, nil
	}
	if err := b.group.Verify(b.by, b.statement, &v); err != nil {
		return false, err
	}
	b.votes = slices.Insert(b.votes, at, v)
	return true, nil
}

// Count is the number of votes counted.
func (b *Ballot) Count() int { return len(b.votes) }

// Reached reports whether the threshold is reached.
func (b *Ballot) Reached() bool { return len(b.votes) >= b.threshold }

// Votes returns the votes counted, in ascending order of member. The caller must not change them.
func (b *Ballot) Votes() []Vote { return b.votes }

// Certificate returns the first threshold votes as a certificate, once they are reached.
func (b *Ballot) Certificate() (Certificate, bool) {
	if !b.Reached() {
		return Certificate{}, false
	}
	return Certificate{Votes: slices.Clone(b.votes[:b.threshold])}, true
}
