package epoch

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/signature"
)

// What a member must still know after a crash: the certificate of the epoch in force, and for the
// next the round it is in and what it last voted for.
const (
	fileCertificate = "epoch-certificate"
	fileVote        = "epoch-vote"
)

func (n *Node) saveCertificate(c *Certificate) error {
	n.scratch = c.Append(n.scratch[:0])
	if err := n.cfg.Store.Write(fileCertificate, n.scratch); err != nil {
		return fmt.Errorf("keep certificate of epoch %d: %w", c.Proposal.Epoch, exhausted(err))
	}
	return nil
}

// saveVote writes epoch (8), round (4), and twice a vote: the last one, and the one that was reported
// when the round was entered. A vote is 0 for none, or 1 and its round (4), proposal (114) and
// owner's signature (64).
func (n *Node) saveVote() error {
	r := &n.race
	b := binary.LittleEndian.AppendUint64(n.scratch[:0], n.epoch+1)
	b = binary.LittleEndian.AppendUint32(b, r.round)
	for _, v := range [...]*value{r.last, r.reports[n.self].v} {
		if v == nil {
			b = append(b, 0)
			continue
		}
		b = binary.LittleEndian.AppendUint32(append(b, 1), v.round)
		b = append(v.proposal.append(b), v.owner[:]...)
	}
	n.scratch = b
	if err := n.cfg.Store.Write(fileVote, b); err != nil {
		return fmt.Errorf("keep vote for epoch %d: %w", n.epoch+1, exhausted(err))
	}
	return nil
}

// exhausted gives an error of the store the name of one of the ways in which protocols fail.
func exhausted(err error) error {
	for _, e := range []error{protocols.ErrExhausted, protocols.ErrVerification, protocols.ErrTimeout, protocols.ErrVersion} {
		if errors.Is(err, e) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", err, protocols.ErrExhausted)
}

// load reads both files. What they say is checked like what arrives.
func (n *Node) load() error {
	b, err := n.cfg.Store.Read(fileCertificate)
	switch {
	case errors.Is(err, protocols.ErrNotStored):
	case err != nil:
		return fmt.Errorf("restore epoch: %w", exhausted(err))
	default:
		c, err := ParseCertificate(b)
		if err == nil {
			err = c.Verify(n.g, n.cfg.Verifier, n.cfg.Quorum)
		}
		if err == nil && c.Proposal.Epoch <= n.cfg.Start {
			err = refuse("a certificate of before the start")
		}
		if err != nil {
			return fmt.Errorf("restore epoch: %w", err)
		}
		n.epoch, n.current = c.Proposal.Epoch, c
	}
	b, err = n.cfg.Store.Read(fileVote)
	if errors.Is(err, protocols.ErrNotStored) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("restore vote: %w", exhausted(err))
	}
	if len(b) < 8+4 {
		return fmt.Errorf("restore vote: %w", refuse("a file cut short"))
	}
	epoch := binary.LittleEndian.Uint64(b)
	round := binary.LittleEndian.Uint32(b[8:])
	last, b, err := parseStored(epoch, b[12:])
	if err != nil {
		return fmt.Errorf("restore vote: %w", err)
	}
	reported, b, err := parseStored(epoch, b)
	if err != nil || len(b) != 0 {
		return fmt.Errorf("restore vote: %w", refuse("a file of the wrong length"))
	}
	if epoch <= n.epoch {
		return nil // that epoch has begun
	}
	if epoch != n.epoch+1 {
		return fmt.Errorf("restore vote: for epoch %d, while %d is in force: %w", epoch, n.epoch, protocols.ErrVerification)
	}
	r := &n.race
	r.round = round
	if last != nil {
		r.vote(last)
		vote, err := n.cfg.Sign(*n.statement(last))
		if err != nil {
			return fmt.Errorf("restore vote: %w", err)
		}
		r.put(n.self, ballot{last, vote, true})
	}
	if r.round > 0 {
		r.reports[n.self] = report{held: true, round: r.round, v: reported}
	}
	return nil
}

// parseStored reads one vote of a file and returns what follows it.
func parseStored(epoch uint64, b []byte) (*value, []byte, error) {
	const size = 1 + 4 + proposalSize + signature.Size
	switch {
	case len(b) > 0 && b[0] == 0:
		return nil, b[1:], nil
	case len(b) >= size && b[0] == 1:
		p := parseProposal(epoch, b[5:])
		return &value{
			proposal: p, id: p.ID(), round: binary.LittleEndian.Uint32(b[1:]),
			owner: [signature.Size]byte(b[5+proposalSize:]), vouched: true,
		}, b[size:], nil
	}
	return nil, nil, refuse("a file cut short")
}
