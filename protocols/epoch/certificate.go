package epoch

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/signature"
)

// A Certificate proves that a quorum voted for a proposal in one round. The zero value stands for
// the epoch before any certificate.
type Certificate struct {
	Proposal Proposal
	Round    uint32
	quorum.Certificate
}

// Append appends the encoded certificate: epoch (8), round (4), proposal (114), number of votes (2),
// votes.
func (c *Certificate) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, c.Proposal.Epoch)
	dst = binary.LittleEndian.AppendUint32(dst, c.Round)
	return c.Certificate.Append(c.Proposal.append(dst))
}

// ParseCertificate decodes what Append encoded; all of b is used. The error wraps
// protocols.ErrVerification.
func ParseCertificate(b []byte) (Certificate, error) {
	const head = 8 + 4 + proposalSize
	if len(b) < head {
		return Certificate{}, fmt.Errorf("decode epoch certificate: cut short: %w", protocols.ErrVerification)
	}
	c := Certificate{Proposal: parseProposal(binary.LittleEndian.Uint64(b), b[12:]), Round: binary.LittleEndian.Uint32(b[8:])}
	votes, rest, err := quorum.ParseCertificate(b[head:])
	if err != nil {
		return Certificate{}, err
	}
	if len(rest) != 0 {
		return Certificate{}, fmt.Errorf("decode epoch certificate: %d bytes left over: %w", len(rest), protocols.ErrVerification)
	}
	c.Certificate = votes
	return c, nil
}

// Verify checks a certificate against a group and a quorum. The error wraps
// protocols.ErrVerification.
func (c *Certificate) Verify(g *quorum.Group, by signature.Verifier, threshold int) error {
	id := c.Proposal.ID()
	v := quorum.Vote{Member: c.Proposal.Proposer, Signature: c.Proposal.Signature}
	if err := g.Verify(by, proposalStatement(g, id), &v); err != nil {
		return err
	}
	return g.VerifyCertificate(by, voteStatement(g, c.Proposal.Epoch, c.Round, id), &c.Certificate, threshold)
}

// Merge returns the certificate that wins of two valid ones: that of the higher epoch. Two of one
// epoch certify the same proposal, and the choice between them, by round and votes, is only there to
// be the same everywhere.
func Merge(a, b Certificate) Certificate {
	if compare(&a, &b) < 0 {
		return b
	}
	return a
}

func compare(a, b *Certificate) int {
	ia, ib := a.Proposal.ID(), b.Proposal.ID()
	return cmp.Or(cmp.Compare(a.Proposal.Epoch, b.Proposal.Epoch), cmp.Compare(b.Round, a.Round), slices.Compare(ia[:], ib[:]),
		slices.CompareFunc(a.Votes, b.Votes, func(x, y quorum.Vote) int {
			return cmp.Or(cmp.Compare(x.Member, y.Member), slices.Compare(x.Signature[:], y.Signature[:]))
		}), slices.Compare(a.Proposal.Signature[:], b.Proposal.Signature[:]))
}

// add puts a vote in its place, unless the member's is there.
func (c *Certificate) add(v quorum.Vote) {
	at, held := slices.BinarySearchFunc(c.Votes, v.Member, func(v quorum.Vote, m uint16) int { return cmp.Compare(v.Member, m) })
	if !held {
		c.Votes = slices.Insert(c.Votes, at, v)
	}
}
