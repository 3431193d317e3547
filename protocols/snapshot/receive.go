package snapshot

import (
	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
)

func (n *Node) receive(in protocols.Input) {
	from, ok := n.g.Index(in.From)
	e, err := protocols.ParseEnvelope(in.Data)
	if !ok || from == n.self || err != nil || e.Type != protocols.TypeSnapshot && e.Type != protocols.TypeChunk {
		n.stats.Refused++
		return
	}
	if e.Type == protocols.TypeChunk {
		n.onChunk(in, e)
		return
	}
	m, err := parseMessage(e.Session, n.n, e.Body)
	if err != nil {
		n.stats.Refused++
		return
	}
	switch m.kind {
	case kindCut:
		n.onCut(from, &m)
	case kindVotes:
		n.onVotes(from, &m)
	case kindAsk:
		n.onAsk(from, &m)
	case kindNote:
		n.onNote(from, &m)
	case kindFile:
		n.onFile(from, &m)
	}
}

// onCut takes a proposal with votes for it.
func (n *Node) onCut(from int, m *message) {
	m.statement = m.proposal.Statement(n.g)
	if m.epoch <= n.epoch() {
		n.onLate(from, m)
		return
	}
	r := n.count(from, m)
	if r == nil {
		return
	}
	if from == m.proposer || r.proposer < 0 {
		r.proposer = m.proposer
	}
	if !r.known {
		r.known, r.proposal = true, m.proposal
	}
	if r.state == refused && from == r.proposer {
		n.note(from, r, r.why) // it did not hear
	}
	if r.state == lacking && from == r.proposer {
		n.note(from, r, NotYet)
	}
	n.consider(r)
}

// onLate answers a proposal that is decided, or whose time has passed: its proposer is told.
func (n *Node) onLate(from int, m *message) {
	switch {
	case from != m.proposer:
	case m.statement == n.agreed:
		n.send(from, message{kind: kindNote, epoch: m.epoch, statement: m.statement, reason: done}, false)
	default:
		n.sendCommit(from)
	}
}

// count adds the votes of a message to its round, which it opens if one of them is good.
func (n *Node) count(from int, m *message) *round {
	r := n.find(m.epoch, m.statement)
	for b := m.votes; len(b) > 0; b = b[quorum.VoteSize:] {
		v := quorum.ParseVote(b)
		if r == nil {
			if n.g.Verify(n.cfg.Verifier, m.statement, &v) != nil {
				n.stats.Refused++
				continue
			}
			if r = n.open(m.epoch, m.statement, from); r == nil {
				n.stats.Refused++
				return nil
			}
		}
		if _, err := r.ballot.Add(v); err != nil {
			n.stats.Refused++
		}
		if r.mine && int(v.Member) < n.n {
			r.answered[v.Member] = true
		}
	}
	return r
}

// onVotes takes votes for a statement that may not be known yet; then it is asked for.
func (n *Node) onVotes(from int, m *message) {
	if m.epoch <= n.epoch() {
		return
	}
	before := len(n.rounds)
	r := n.count(from, m)
	switch {
	case r == nil:
	case r.known:
		n.settle(r)
	case len(n.rounds) > before:
		n.ask(from, r, false)
	}
}

// onAsk answers with what the asker lacks.
func (n *Node) onAsk(from int, m *message) {
	if m.wants&wantFile != 0 {
		n.offerFile(from, m)
		return
	}
	if m.epoch <= n.epoch() && n.commit != nil {
		if m.statement == n.agreed {
			n.sendVotes(from, &n.commit.Proposal, n.agreed, n.commit.Certificate.Votes, m)
		} else {
			n.sendCommit(from)
		}
		return
	}
	if r := n.find(m.epoch, m.statement); r != nil {
		if r.mine {
			r.answered[from] = true
		}
		if r.known {
			n.sendVotes(from, &r.proposal, r.statement, r.ballot.Votes(), m)
		} else {
			n.sendVotes(from, nil, r.statement, r.ballot.Votes(), m)
		}
		return
	}
	if m.statement == (quorum.Statement{}) {
		n.send(from, message{kind: kindNote, epoch: n.epoch(), statement: n.agreed, reason: done}, false)
	}
}

func (n *Node) onNote(from int, m *message) {
	if m.reason == done {
		if n.greet != nil {
			n.greet.heard(from, n.n)
		}
		if n.spread != nil && m.statement == n.agreed {
			n.spread.heard(from)
		}
		if m.epoch > n.epoch() {
			n.send(from, message{kind: kindAsk, epoch: m.epoch, wants: wantProposal, held: n.bitmap(nil)}, false)
		}
		return
	}
	r := n.find(m.epoch, m.statement)
	if r == nil {
		return
	}
	switch {
	case r.mine:
		r.answered[from] = true
		if m.reason >= Voted && m.reason <= Policy {
			r.against[from] = true
			n.settle(r)
		}
	case from == r.proposer && m.reason >= TimedOut:
		n.abort(r, m.reason, false)
	}
}
