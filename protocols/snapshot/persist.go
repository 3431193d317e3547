package snapshot

import (
	"errors"
	"fmt"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/quorum"
)

// The files of a store. Those of snapshots are in blocks.go.
const (
	fileVote   = "vote"
	fileCommit = "commit"
)

// A promise is a vote as it is remembered: whoever has given it gives no other for this epoch, none for
// an earlier one, and none for a frontier that lies anywhere below. So of two cuts that are agreed on
// the later one covers the earlier, even if nobody who proposed it knew: some member approved both.
type promise struct {
	epoch     uint64
	statement quorum.Statement
	frontier  antientropy.Frontier
}

// permits reports whether a vote for a statement of an epoch breaks no promise.
func (p *promise) permits(epoch uint64, s quorum.Statement) bool {
	return epoch > p.epoch || epoch == p.epoch && s == p.statement
}

// promise writes a vote down. Only then may it be sent.
func (n *Node) promise(p *Proposal, s quorum.Statement) error {
	if p.Epoch == n.vote.epoch && s == n.vote.statement {
		return nil
	}
	if n.failed = n.cfg.Store.Write(fileVote, p.append(nil)); n.failed != nil {
		return fmt.Errorf("write down vote: %w", n.failed)
	}
	n.vote = promise{p.Epoch, s, p.Frontier}
	return nil
}

// accept writes a certificate down. Only then is anything done about it.
func (n *Node) accept(c *Commit, s quorum.Statement) error {
	if n.failed = n.cfg.Store.Write(fileCommit, c.Append(nil)); n.failed != nil {
		return fmt.Errorf("write down commit: %w", n.failed)
	}
	n.commit, n.agreed = c, s
	n.stats.Commits++
	return nil
}

// load reads what the store has from before.
func (n *Node) load() error {
	b, err := n.cfg.Store.Read(fileVote)
	switch {
	case errors.Is(err, protocols.ErrNotStored):
	case err != nil:
		return err
	default:
		p, rest, err := parseProposal(b)
		if err == nil && (len(rest) > 0 || len(p.Frontier) != n.n) {
			err = fmt.Errorf("bytes left over, or of another group: %w", protocols.ErrVerification)
		}
		if err != nil {
			return fmt.Errorf("read vote: %w", err)
		}
		n.vote = promise{p.Epoch, p.Statement(n.g), p.Frontier}
		n.greet = &greeting{}
	}
	if err := n.loadCommit(); err != nil {
		return err
	}
	return n.loadSnapshot()
}

func (n *Node) loadCommit() error {
	b, err := n.cfg.Store.Read(fileCommit)
	if errors.Is(err, protocols.ErrNotStored) {
		return nil
	} else if err != nil {
		return err
	}
	c, rest, err := ParseCommit(b)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("read commit: bytes left over: %w", protocols.ErrVerification)
	}
	if err == nil {
		err = n.Verify(&c)
	}
	if err != nil {
		return err
	}
	n.commit, n.agreed = &c, c.Statement(n.g)
	n.greet = &greeting{}
	return nil
}

// Verify checks that a certificate proves that this group agreed on a cut, under this policy. The
// error wraps protocols.ErrVerification.
func (n *Node) Verify(c *Commit) error {
	switch {
	case len(c.Frontier) != n.n:
		return fmt.Errorf("verify commit: a frontier of %d members in a group of %d: %w", len(c.Frontier), n.n, protocols.ErrVerification)
	case c.Policy != n.cfg.Policy:
		return fmt.Errorf("verify commit: it is of another policy: %w", protocols.ErrVerification)
	}
	return n.g.VerifyCertificate(n.cfg.Verifier, c.Statement(n.g), &c.Certificate, n.cfg.Threshold)
}
