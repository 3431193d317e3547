package epoch

import (
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/signature"
)

// activate makes sure that the node repeats itself until the race is over, or until the given time.
func (n *Node) activate(now, until time.Duration) {
	r := &n.race
	r.until = max(r.until, until)
	if !r.active {
		r.active, r.tries = true, 0
		r.retryAt = now + n.interval()
	}
}

// lead puts a proposal forward if this member owns the round and may, and reports whether it has.
func (n *Node) lead(out *protocols.Output) bool {
	r := &n.race
	if n.owner(n.epoch+1, r.round) != n.self || n.err != nil {
		return false
	}
	if r.voted() {
		return true
	}
	p := r.choose(n.now, n.cfg.Quorum, n.cfg.Faulty)
	if p == nil || n.cfg.Approve != nil && !n.cfg.Approve(*p) {
		return false
	}
	n.vote(&value{proposal: *p, id: p.ID(), round: r.round}, out)
	return true
}

// consider votes for what the owner of this round put forward, as soon as the reports allow it.
func (n *Node) consider(v *value, out *protocols.Output) {
	r := &n.race
	if v == nil || !v.vouched || v.proposal.Epoch != n.epoch+1 || v.round != r.round || r.voted() || n.err != nil {
		return
	}
	over := r.round == 0 && r.wish != nil && r.wishID == v.id && n.now >= r.wishEnd
	if over || n.cfg.Approve != nil && !n.cfg.Approve(v.proposal) {
		return
	}
	if r.round > 0 && !r.acceptable(v.id, n.cfg.Quorum, n.cfg.Faulty) {
		r.pending = v
		return
	}
	n.vote(v, out)
}

// vote writes the vote down, and then sends it.
func (n *Node) vote(v *value, out *protocols.Output) {
	r := &n.race
	mine, err := n.cfg.Sign(*n.statement(v))
	if err != nil {
		n.err = err
		return
	}
	owner := n.owner(n.epoch+1, v.round)
	if owner == n.self {
		v.owner, v.vouched = mine.Signature, true
	}
	r.vote(v)
	if n.err = n.saveVote(); n.err != nil {
		return
	}
	n.stats.Votes++
	n.activate(n.now, n.now+v.proposal.life())
	r.put(n.self, ballot{v, mine, true})
	to := n.everyone()
	if owner != n.self && n.g.Len() > n.cfg.Direct {
		to = n.aggregators(owner)
	}
	n.broadcast(out, n.myVote(), to)
	n.tally(v, out)
}

// enter begins a round: what this member last voted for is written down and told to all, and it will
// vote in no earlier round any more.
func (n *Node) enter(round uint32, out *protocols.Output) {
	r := &n.race
	r.round, r.pending, r.tries = round, nil, 0
	r.reports[n.self] = report{held: true, round: round, v: r.last, until: r.until}
	if n.err = n.saveVote(); n.err != nil {
		return
	}
	r.retryAt = n.now + n.interval()
	m, err := n.myReport()
	if err != nil {
		n.err = err
		return
	}
	n.broadcast(out, m, n.everyone())
	n.settle(out)
}

// settle does what has become possible in this round by a report.
func (n *Node) settle(out *protocols.Output) {
	r := &n.race
	if n.lead(out) || n.err != nil {
		return
	}
	v := r.pending
	if v == nil {
		v = r.ballots[n.owner(n.epoch+1, r.round)].v
	}
	n.consider(v, out)
}

func (n *Node) myVote() *message {
	v := n.race.last
	return &message{kind: kindVote, epoch: n.epoch + 1, round: v.round, proposal: v.proposal, owner: v.owner, vote: n.race.ballots[n.self].vote}
}

func (n *Node) myReport() (*message, error) {
	r := &n.race
	m := &message{kind: kindReport, epoch: n.epoch + 1, round: r.round}
	var id ID
	if v := r.reports[n.self].v; v != nil {
		m.flags, m.in, m.proposal, m.owner, id = flagVoted, v.round, v.proposal, v.owner, v.id
	}
	if r.reportRound != r.round || r.round == 0 {
		var err error
		if r.reportVote, err = n.cfg.Sign(reportStatement(n.g, m.epoch, m.round, m.flags&flagVoted != 0, m.in, id)); err != nil {
			return nil, err
		}
		r.reportRound = r.round
	}
	m.vote = r.reportVote
	return m, nil
}

// tally makes a certificate if there are votes enough; those that were not checked yet are, together.
func (n *Node) tally(v *value, out *protocols.Output) {
	r := &n.race
	if n.err != nil || r.cast < n.cfg.Quorum || v.proposal.Epoch != n.epoch+1 || r.count(v.round, v.id) < n.cfg.Quorum {
		return
	}
	checks, of := n.checks[:0], n.of[:0]
	for i := range r.ballots {
		if b := &r.ballots[i]; b.v != nil && b.v.round == v.round && b.v.id == v.id && !b.checked {
			checks = append(checks, n.check(n.statement(v), i, b.vote.Signature[:]))
			of = append(of, i)
			b.checked = true
		}
	}
	n.checks, n.of = checks, of
	for _, at := range signature.Failing(n.cfg.Verifier, checks) {
		r.put(of[at], ballot{})
		n.stats.Refused++
	}
	if r.count(v.round, v.id) < n.cfg.Quorum {
		return
	}
	c := Certificate{Proposal: v.proposal, Round: v.round}
	c.Votes = make([]quorum.Vote, 0, n.cfg.Quorum)
	for i := range r.ballots {
		if b := &r.ballots[i]; b.v != nil && b.v.round == v.round && b.v.id == v.id && len(c.Votes) < n.cfg.Quorum {
			c.Votes = append(c.Votes, b.vote)
		}
	}
	n.commit(c, out)
}

// statement is what a vote for a value signs.
func (n *Node) statement(v *value) *quorum.Statement {
	if v.statement == (quorum.Statement{}) {
		v.statement = voteStatement(n.g, v.proposal.Epoch, v.round, v.id)
	}
	return &v.statement
}

func (n *Node) check(s *quorum.Statement, member int, sig []byte) signature.Check {
	return signature.Check{Key: n.g.Member(member), Message: s[:], Signature: sig}
}

// commit begins an epoch. Everything about the way there goes.
func (n *Node) commit(c Certificate, out *protocols.Output) {
	if n.err = n.saveCertificate(&c); n.err != nil {
		return
	}
	var heard []bool // by who leads
	if n.self == n.owner(c.Proposal.Epoch, c.Round) || n.self == int(c.Proposal.Proposer) {
		heard = make([]bool, n.g.Len())
		heard[n.self] = true
	}
	if c.Proposal.Epoch == n.epoch+1 {
		for i := range heard {
			heard[i] = heard[i] || n.race.ballots[i].v != nil
		}
	}
	n.stats.Epochs++
	n.epoch, n.current = c.Proposal.Epoch, c
	n.race.reset()
	for i, p := range n.parts {
		if p != nil && p.c.Proposal.Epoch <= n.epoch {
			n.parts[i] = nil
		}
	}
	if e := n.mine; e != nil {
		// An epoch learned from far ahead may have passed the one that was proposed.
		won := e.id == c.Proposal.ID()
		n.results = append(n.results, Result{Proposed: e.proposal, Certified: c.Proposal, Won: won, Started: e.started, Ended: n.now})
		n.mine = nil
	}
	n.hand(heard, out)
}
