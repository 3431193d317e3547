package ota

import (
	"fmt"
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/signature"
)

// A ceremony is one proposal on its way to a decision.
type ceremony struct {
	id       ID
	proposal Proposal
	sig      [signature.Size]byte
	voted    bool
	own      Reason
	outcome  Outcome
	reason   Reason
	given    bool
	ready    *quorum.Ballot
	refused  []ballotPaper // verified, of distinct members, in order of member
	links    []link        // by peer
	spare    []ballotPaper // votes that came after the certificate, to be passed on by spareAt
	spareAt  time.Duration
	began    time.Duration // 0 until the first step
	polls    int
}

// A State is where a ceremony is, seen from one peer.
type State int

// The states of a ceremony.
const (
	Unknown    State = iota // never heard of it, or forgotten
	Collecting              // known, and no vote given here
	Awaiting                // voted, and waiting for the votes of others
	Done                    // committed
	Failed                  // aborted
)

// String returns the state in words.
func (s State) String() string {
	return [...]string{"unknown", "collecting", "awaiting", "committed", "aborted"}[s]
}

// State says where a ceremony is; for one that failed also why. A ceremony that this peer gave up
// waiting for counts as failed, but a certificate that comes later still holds.
func (n *Node) State(id ID) (State, Reason) {
	if c := n.find(id); c != nil {
		switch {
		case c.outcome == Committed:
			return Done, Ready
		case c.outcome == Aborted || c.given:
			return Failed, c.reason
		case c.voted:
			return Awaiting, c.own
		}
		return Collecting, Ready
	}
	for i := range n.rec.past {
		if p := &n.rec.past[i]; p.id == id {
			if p.outcome == Committed {
				return Done, Ready
			}
			return Failed, Expired
		}
	}
	return Unknown, Ready
}

// Ceremonies lists the ceremonies that are not forgotten here, oldest first.
func (n *Node) Ceremonies() (ids []ID) {
	for _, c := range n.cers {
		ids = append(ids, c.id)
	}
	return ids
}

// Certificate returns the proposal of a ceremony that was committed, and the votes that prove it.
func (n *Node) Certificate(id ID) (Proposal, quorum.Certificate, bool) {
	c := n.find(id)
	if c == nil || c.outcome != Committed {
		return Proposal{}, quorum.Certificate{}, false
	}
	return c.proposal, quorum.Certificate{Votes: slices.Clone(c.ready.Votes())}, true
}

// VerifyCommit checks that a certificate commits exactly this proposal under a policy: enough distinct
// members of enough distinct authorities signed it. The error wraps protocols.ErrVerification.
func VerifyCommit(policy Policy, by signature.Verifier, p *Proposal, c *quorum.Certificate) error {
	policy, err := policy.check()
	if err != nil {
		return err
	}
	if err := policy.Group.VerifyCertificate(by, readyStatement(policy.Group, p.ID()), c, policy.Threshold); err != nil {
		return err
	}
	if !policy.enough(c.Votes) {
		return fmt.Errorf("verify certificate: fewer than %d authorities: %w", policy.AuthorityThreshold, protocols.ErrVerification)
	}
	return nil
}

func readyStatement(g *quorum.Group, id ID) quorum.Statement { return g.State("ota ready", id[:]) }

func refusal(g *quorum.Group, id ID, r Reason) quorum.Statement {
	return g.State("ota refusal", append(id[:], byte(r)))
}

func (n *Node) find(id ID) *ceremony {
	at := slices.IndexFunc(n.cers, func(c *ceremony) bool { return c.id == id })
	if at < 0 {
		return nil
	}
	return n.cers[at]
}

func (n *Node) newCeremony(p *Proposal, sig [signature.Size]byte) (*ceremony, error) {
	c := &ceremony{id: p.ID(), proposal: *p, sig: sig, links: make([]link, len(n.others()))}
	var err error
	c.ready, err = n.cfg.Policy.Group.NewBallot(n.cfg.Verifier, readyStatement(n.cfg.Policy.Group, c.id), n.cfg.Policy.Threshold)
	return c, err
}

// restore makes a ceremony of what was saved. Its votes are checked again: a disk is no friend.
func (n *Node) restore(s *saved) (*ceremony, error) {
	c, err := n.newCeremony(&s.proposal, s.sig)
	if err != nil {
		return nil, err
	}
	c.voted, c.own, c.outcome, c.reason, c.given = s.voted, s.own, s.outcome, s.reason, s.given
	for _, p := range s.papers {
		if _, err := n.count(c, p); err != nil {
			return nil, err
		}
	}
	if c.outcome == Committed && !n.cfg.Policy.enough(c.ready.Votes()) {
		return nil, fmt.Errorf("restore ceremony %v: committed without certificate: %w", c.id, protocols.ErrVerification)
	}
	return c, nil
}

func (c *ceremony) saved() saved {
	s := saved{c.proposal, c.sig, c.voted, c.own, c.outcome, c.reason, c.given, c.papers(Committed)}
	s.papers = append(s.papers, c.papers(Aborted)...)
	return s
}

// papers returns the votes for an outcome.
func (c *ceremony) papers(o Outcome) (out []ballotPaper) {
	if o == Aborted {
		return c.refused
	}
	for _, v := range c.ready.Votes() {
		out = append(out, ballotPaper{Ready, v})
	}
	return out
}

// count counts a vote after checking it, and reports whether it is new.
func (n *Node) count(c *ceremony, p ballotPaper) (bool, error) {
	if p.reason == Ready {
		return c.ready.Add(p.vote)
	}
	at, held := slices.BinarySearchFunc(c.refused, p.vote.Member, func(q ballotPaper, m uint16) int { return int(q.vote.Member) - int(m) })
	if held {
		return false, nil
	}
	if err := n.cfg.Policy.Group.Verify(n.cfg.Verifier, refusal(n.cfg.Policy.Group, c.id, p.reason), &p.vote); err != nil {
		return false, err
	}
	c.refused = slices.Insert(c.refused, at, p)
	return true, nil
}

// admit takes up a ceremony that was not known.
func (n *Node) admit(now time.Duration, p *Proposal, sig [signature.Size]byte) (*ceremony, error) {
	if _, ok := n.cfg.Policy.Group.Index(p.Coordinator); !ok {
		return nil, fmt.Errorf("admit ceremony: coordinator %v is no member: %w", p.Coordinator, protocols.ErrVerification)
	}
	if err := verifyProposal(n.cfg.Verifier, p, sig[:]); err != nil {
		return nil, err
	}
	if n.rec.epoch >= p.Expiry {
		return nil, fmt.Errorf("admit ceremony %v: expired: %w", p.ID(), protocols.ErrVerification)
	}
	if len(n.cers) >= maxOpen && !n.evict() || len(n.rec.past) >= maxPast {
		return nil, fmt.Errorf("admit ceremony %v: %d are open: %w", p.ID(), len(n.cers), protocols.ErrExhausted)
	}
	c, err := n.newCeremony(p, sig)
	if err != nil {
		return nil, err
	}
	c.began = max(now, 1)
	n.cers = append(n.cers, c)
	r := n.judge(c)
	if r != Ready || !n.cfg.Staged {
		if err := n.vote(c, r); err != nil {
			return nil, err
		}
	}
	if free := n.rec.phase == 0 || n.rec.phase >= Confirmed; r == Ready && free && (n.cfg.Staged || p.Coordinator == n.cfg.Self) {
		n.begin(c)
	}
	n.save()
	return c, n.err
}

// evict makes room by forgetting the oldest ceremony that is through here and does not bind.
func (n *Node) evict() bool {
	for i, c := range n.cers {
		installed := c.id == n.rec.install && n.rec.phase > 0 && n.rec.phase < Confirmed
		through := c.outcome == Committed && !installed && c.proposal.Package.Version.Compare(n.rec.floor) <= 0
		if c.outcome == Aborted || !n.binds(c) && (through || c.given && !(c.voted && c.own == Ready)) {
			return n.forget(i)
		}
	}
	return false
}

// forget moves a ceremony to those of which only the name is kept.
func (n *Node) forget(i int) bool {
	c := n.cers[i]
	n.rec.past = slices.DeleteFunc(n.rec.past, func(p passed) bool { return p.expiry <= n.rec.epoch })
	if n.rec.epoch < c.proposal.Expiry {
		if len(n.rec.past) >= maxPast {
			return false
		}
		n.rec.past = append(n.rec.past, passed{c.id, c.proposal.Expiry, c.outcome})
	}
	n.cers = slices.Delete(n.cers, i, i+1)
	return true
}

// decide draws the conclusion from the votes, and reports whether there is a new one.
func (n *Node) decide(c *ceremony) bool {
	switch {
	case c.outcome != Committed && n.cfg.Policy.enough(c.ready.Votes()):
		// It stands also against refusals that came first: then a member signed both, and a
		// certificate is what counts.
		c.outcome, c.reason = Committed, Ready
	case c.outcome == Undecided && len(c.refused) > n.cfg.Policy.Group.Len()-n.cfg.Policy.Threshold:
		c.outcome, c.reason = Aborted, c.refused[0].reason
	default:
		return false
	}
	if c.proposal.Coordinator == n.cfg.Self {
		c.hurry() // others say nothing new by it
	}
	return true
}

// hurry has everything said anew, since there is something new to say.
func (c *ceremony) hurry() {
	for i := range c.links {
		c.links[i].tries, c.links[i].next = 0, 0
	}
}
