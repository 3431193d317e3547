package snapshot

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/quorum"
)

// What this member thinks of a proposal.
type state byte

const (
	fresh   state = iota // not known, or not looked at
	lacking              // records below the frontier are missing
	refused
	approved
)

// A round is what is known of one statement that somebody wants agreed on.
type round struct {
	statement  quorum.Statement
	epoch      uint64
	known      bool // what the statement says
	proposal   Proposal
	proposer   int // -1: nobody has said so
	introducer int
	ballot     *quorum.Ballot
	state      state
	why        Reason
	mine       bool
	attempts   int    // left, if mine
	answered   []bool // if mine: members that were heard of
	against    []bool // if mine: those that refused
	started    time.Duration
	until      time.Duration
	at         time.Duration
	tries      int
}

// maxLead bounds how far ahead of what is agreed on, or was voted for, an epoch may be: numbers are
// never used up by one member's fancy. A certificate may be of any later epoch.
const maxLead = 1 << 10

// maxIntroduced bounds the rounds that one member can make others remember.
const maxIntroduced = 2

func (n *Node) epoch() uint64 {
	if n.commit == nil {
		return 0
	}
	return n.commit.Epoch
}

func (n *Node) find(epoch uint64, s quorum.Statement) *round {
	for _, r := range n.rounds {
		if r.epoch == epoch && r.statement == s {
			return r
		}
	}
	return nil
}

// open makes a round for a statement, or returns nil when there are too many already.
func (n *Node) open(epoch uint64, s quorum.Statement, introducer int) *round {
	if epoch <= n.epoch() || epoch > max(n.epoch(), n.vote.epoch)+maxLead {
		return nil
	}
	count := 0
	for _, r := range n.rounds {
		if r.introducer == introducer {
			count++
		}
	}
	if count >= maxIntroduced && introducer != n.self {
		return nil
	}
	ballot, err := n.g.NewBallot(n.cfg.Verifier, s, n.cfg.Threshold)
	if err != nil {
		return nil // the threshold was checked
	}
	r := &round{
		statement: s, epoch: epoch, proposer: -1, introducer: introducer, ballot: ballot,
		started: n.now, until: n.now + n.cfg.Timeout, at: n.now + n.spreadOut(n.cfg.Resend),
	}
	n.rounds = append(n.rounds, r)
	return r
}

// Propose asks the group to agree on the cut at a frontier, which the log must cover, and returns its
// epoch. The error wraps protocols.ErrExhausted while another cut is pending here, those of
// antientropy.Log.CutAt when there is no such cut, and protocols.ErrVersion when the frontier lies
// below what is agreed on or was approved by this member.
func (n *Node) Propose(now time.Duration, f antientropy.Frontier, out *protocols.Output) (epoch uint64, err error) {
	n.begin(now, out)
	defer n.end()
	return n.propose(f, n.cfg.Attempts)
}

func (n *Node) propose(f antientropy.Frontier, attempts int) (uint64, error) {
	if n.fence != nil {
		return 0, fmt.Errorf("propose cut: that of epoch %d is pending: %w", n.fence.Epoch, protocols.ErrExhausted)
	}
	if !n.above(f) {
		return 0, fmt.Errorf("propose cut: a higher one is agreed on, or approved here: %w", protocols.ErrVersion)
	}
	cut, err := n.log.CutAt(f)
	if err != nil {
		return 0, fmt.Errorf("propose cut: %w", err)
	}
	epoch := max(n.epoch(), n.vote.epoch)
	for _, r := range n.rounds {
		epoch = max(epoch, r.epoch)
	}
	p := Proposal{Epoch: epoch + 1, Frontier: cut.Frontier, Root: cut.Root, Policy: n.cfg.Policy}
	s := p.Statement(n.g)
	r := n.open(p.Epoch, s, n.self)
	if r == nil {
		return 0, fmt.Errorf("propose cut of epoch %d: too far ahead: %w", p.Epoch, protocols.ErrExhausted)
	}
	r.known, r.proposal, r.proposer, r.mine, r.attempts = true, p, n.self, true, attempts
	r.answered, r.against = make([]bool, n.n), make([]bool, n.n)
	if err := n.approve(r); err != nil {
		n.drop(r)
		return 0, fmt.Errorf("propose cut: %w", err)
	}
	n.settle(r)
	return p.Epoch, nil
}

// Withdraw gives up this member's own pending proposal, if there is one, and tells the others.
func (n *Node) Withdraw(now time.Duration, out *protocols.Output) {
	n.begin(now, out)
	defer n.end()
	for _, r := range slices.Clone(n.rounds) {
		if r.mine {
			n.abort(r, Withdrawn, true)
		}
	}
}

// Advance looks again at proposals that waited for records. The log's owner calls it after inserting.
func (n *Node) Advance(now time.Duration, out *protocols.Output) {
	n.begin(now, out)
	n.look()
	n.end()
}

// look votes for what can be voted for by now: of several proposals for one epoch, that with the
// least statement.
func (n *Node) look() {
	waiting := []*round{}
	for _, r := range n.rounds {
		if r.known && (r.state == lacking || r.state == fresh) {
			waiting = append(waiting, r)
		}
	}
	slices.SortFunc(waiting, func(a, b *round) int { return bytes.Compare(a.statement[:], b.statement[:]) })
	for _, r := range waiting {
		if r.state == lacking && !n.log.Covers(r.proposal.Frontier) {
			continue
		}
		if n.find(r.epoch, r.statement) == r {
			n.consider(r)
		}
	}
}

// consider decides about a proposal that is known.
func (n *Node) consider(r *round) {
	if r.state == approved || r.ballot.Reached() {
		n.settle(r)
		return
	}
	switch why := n.judge(r); why {
	case 0:
		if n.approve(r) != nil {
			return // not written down: timers try again
		}
	case NotYet:
		r.state, r.why = lacking, why
		n.note(r.proposer, r, why)
	default:
		r.state, r.why = refused, why
		n.note(r.proposer, r, why)
	}
	n.settle(r)
}

// above reports whether a frontier lies nowhere below one that is agreed on or was approved here.
func (n *Node) above(f antientropy.Frontier) bool {
	return (n.commit == nil || f.Covers(n.commit.Frontier)) && (n.vote.epoch == 0 || f.Covers(n.vote.frontier))
}

// judge recomputes a cut and says why it must not be approved, or 0.
func (n *Node) judge(r *round) Reason {
	p := &r.proposal
	switch {
	case !n.vote.permits(r.epoch, r.statement):
		return Voted
	case p.Policy != n.cfg.Policy:
		return Policy
	case !n.above(p.Frontier):
		return Stale
	case !n.log.Covers(p.Frontier):
		return NotYet
	}
	cut, err := n.log.CutAt(p.Frontier)
	switch {
	case err != nil:
		return Stale
	case cut.Root != p.Root:
		return Differs
	}
	return 0
}

// approve signs a proposal: first on the store, then to all.
func (n *Node) approve(r *round) error {
	if err := n.promise(&r.proposal, r.statement); err != nil {
		return err
	}
	v, err := n.cfg.Sign(r.statement)
	if err != nil {
		return err
	}
	if _, err := r.ballot.Add(v); err != nil {
		return err
	}
	r.state, r.why = approved, 0
	n.stats.Approved++
	for _, other := range slices.Clone(n.rounds) {
		if other.mine && other != r {
			n.abort(other, Superseded, true)
		}
	}
	n.raise(r)
	n.publish(r, v)
	return nil
}
