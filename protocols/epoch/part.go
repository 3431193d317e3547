package epoch

import (
	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
)

// A part is what one sender has sent of a certificate. Each sender has a place of its own, so that
// none can push out what another sends.
type part struct {
	c  Certificate
	id ID
}

// part takes some votes of a certificate for an epoch after the one in force.
func (n *Node) part(from int, m *message, out *protocols.Output) error {
	if m.epoch <= n.epoch {
		n.acknowledge(from, m, out)
		return nil
	}
	id := m.proposal.ID()
	if n.parts == nil {
		n.parts = make([]*part, n.g.Len())
	}
	p := n.parts[from]
	if p == nil || p.c.Proposal.Epoch != m.epoch || p.c.Round != m.round || p.id != id {
		p = &part{Certificate{Proposal: m.proposal, Round: m.round}, id}
	}
	if int(m.proposal.Proposer) >= n.g.Len() {
		return refuse("a proposal of no member")
	}
	s := voteStatement(n.g, m.epoch, m.round, id)
	ps := proposalStatement(n.g, id)
	checks := append(n.checks[:0], n.check(&ps, int(m.proposal.Proposer), m.proposal.Signature[:]))
	votes := make([]quorum.Vote, 0, maxPart)
	for b := m.votes; len(b) > 0; b = b[quorum.VoteSize:] {
		v := quorum.ParseVote(b)
		if int(v.Member) >= n.g.Len() {
			return refuse("a vote of no member")
		}
		votes = append(votes, v)
	}
	for i := range votes {
		checks = append(checks, n.check(&s, int(votes[i].Member), votes[i].Signature[:]))
	}
	n.checks = checks
	if !n.cfg.Verifier.Verify(checks) {
		return refuse("a signature that does not hold")
	}
	n.parts[from] = p
	for _, v := range votes {
		p.c.add(v)
	}
	switch {
	case len(p.c.Votes) >= n.cfg.Quorum:
		p.c.Votes = p.c.Votes[:n.cfg.Quorum]
		n.commit(p.c, out)
	case m.epoch == n.epoch+1:
		// They are votes like any other, and complete those that are here.
		v := n.race.find(m.round, id)
		if v == nil {
			v = &value{proposal: m.proposal, id: id, round: m.round}
		}
		for _, b := range votes {
			n.cast(int(b.Member), ballot{v, b, true})
		}
		n.activate(n.now, n.now+patience*n.cfg.Retry)
		n.follow(out)
		if n.epoch < m.epoch {
			n.tally(v, out)
		}
	}
	if n.epoch >= m.epoch {
		n.acknowledge(from, m, out)
	}
	return nil
}

// acknowledge tells who asks that we have what it sends.
func (n *Node) acknowledge(from int, m *message, out *protocols.Output) {
	switch {
	case n.err != nil:
	case m.epoch < n.epoch:
		n.sendCertificate(out, from, 0)
	case m.flags&flagAsk != 0:
		n.send(out, from, &message{kind: kindBeacon, epoch: n.epoch}, false)
	}
	if s := n.spread; s != nil && m.epoch == n.epoch {
		s.heard[from] = true
	}
}
