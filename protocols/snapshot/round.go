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

// settle does what follows from the votes: commit, or giving up what is mine when there can be no
// certificate any more.
func (n *Node) settle(r *round) {
	if !r.known {
		return
	}
	if c, ok := r.ballot.Certificate(); ok {
		n.conclude(r, &Commit{Proposal: r.proposal, Certificate: c})
		return
	}
	if r.mine && n.hopeless(r) {
		n.split(r)
	}
}

// conclude takes a certificate in.
func (n *Node) conclude(r *round, c *Commit) {
	if n.accept(c, r.statement) != nil {
		return // timers try again
	}
	if n.fence != nil && n.fence.Epoch <= r.epoch {
		n.fall()
	}
	for _, other := range slices.Clone(n.rounds) {
		switch {
		case other == r:
			n.drop(r)
			n.result(r, 0)
		case other.epoch <= r.epoch:
			n.drop(other)
			if other.state == approved || other.mine {
				n.result(other, Superseded)
			}
		}
	}
	n.spread = nil
	switch {
	case r.mine:
		n.spread = newSpread(n, r)
	case r.proposer >= 0:
		n.note(r.proposer, r, done)
	}
}

// hopeless reports whether a certificate is out of reach even if everybody who has not been heard of
// approves.
func (n *Node) hopeless(r *round) bool {
	left := 0
	for i := range n.n {
		if !r.ballot.Has(i) && !r.against[i] && !n.elsewhere(r, i) {
			left++
		}
	}
	return r.ballot.Count()+left < n.cfg.Threshold
}

// elsewhere reports whether a member has voted for another statement of the same epoch.
func (n *Node) elsewhere(r *round, member int) bool {
	return slices.ContainsFunc(n.rounds, func(o *round) bool { return o != r && o.epoch == r.epoch && o.ballot.Has(member) })
}

// split gives up what cannot be agreed on. If it was because of other proposals for the same epoch,
// the proposer of that with the least statement proposes what covers them all: nobody who approved one
// of them approves less.
func (n *Node) split(r *round) {
	first, others := true, false
	join := slices.Clone(r.proposal.Frontier)
	for _, o := range n.rounds {
		if o == r || o.epoch != r.epoch {
			continue
		}
		others = true
		first = first && bytes.Compare(r.statement[:], o.statement[:]) < 0
		for a, f := range o.proposal.Frontier { // none, if it is not known
			join[a] = max(join[a], f)
		}
	}
	n.abort(r, Split, true)
	if others && first && r.attempts > 1 {
		if _, err := n.propose(join, r.attempts-1); err != nil {
			return // the result of this attempt stands
		}
	}
}

// abort ends a round without a certificate; tell tells the others.
func (n *Node) abort(r *round, why Reason, tell bool) {
	n.drop(r)
	if n.fence != nil && n.fence.statement == r.statement {
		n.fall()
	}
	if tell {
		for i := range n.n {
			n.note(i, r, why)
		}
	}
	if r.mine || r.state == approved {
		n.result(r, why)
	}
}

func (n *Node) drop(r *round) {
	n.rounds = slices.DeleteFunc(n.rounds, func(o *round) bool { return o == r })
}

func (n *Node) result(r *round, why Reason) {
	x := Result{
		Epoch: r.epoch, Statement: r.statement, Mine: r.mine, Approved: r.state == approved, Reason: why,
		Started: r.started, Ended: n.now,
	}
	switch why {
	case 0:
	case TimedOut:
		x.Err = fmt.Errorf("agree on cut of epoch %d: %d of %d votes within %v: %w", r.epoch, r.ballot.Count(), n.cfg.Threshold, n.cfg.Timeout, protocols.ErrTimeout)
	default:
		x.Err = fmt.Errorf("agree on cut of epoch %d: %v: %w", r.epoch, why, protocols.ErrExhausted)
	}
	if len(n.results) == resultsKept {
		n.results = slices.Delete(n.results, 0, 1)
	}
	n.results = append(n.results, x)
}
