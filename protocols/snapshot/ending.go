package snapshot

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/perfgate/perfgate/protocols"
)

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
