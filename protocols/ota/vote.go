package ota

import "slices"

// judge says what a member answers to a proposal now.
func (n *Node) judge(c *ceremony) Reason {
	p := &c.proposal
	switch {
	case n.rec.epoch >= p.Expiry || p.Expiry <= p.Activation:
		return Expired
	case p.Package.Version.Compare(n.rec.floor) <= 0:
		return OldVersion
	case p.Prestate != Prestate(n.Running()):
		return OtherState
	case p.Activation < n.rec.epoch+n.cfg.Policy.Notice || p.Activation < n.cfg.Policy.Notice:
		return TooSoon
	case p.Package.Size > n.cfg.Policy.MaxSize || p.Patch != nil && p.Patch.Size > p.Package.Size:
		return Unwanted
	case n.busy(c):
		return Busy
	case n.cfg.Accept != nil && !n.cfg.Accept(p):
		return Unwanted
	}
	return Ready
}

// word reports whether a ceremony has this peer's word, or is about to get it, or needs it no more.
func (n *Node) word(c *ceremony) bool {
	return c.outcome != Aborted && n.rec.epoch < c.proposal.Expiry &&
		(c.voted && c.own == Ready || c.outcome == Committed || !c.voted && c.id == n.rec.install)
}

// busy reports whether another ceremony has this peer's word. That of one that came to nothing here, as
// its package was rolled back, still holds on its state and in its time: others may activate it yet.
func (n *Node) busy(c *ceremony) bool {
	return slices.ContainsFunc(n.cers, func(o *ceremony) bool {
		p, q := &c.proposal, &o.proposal
		finished := o.id == n.rec.install && n.rec.phase >= Confirmed || q.Package.Version.Compare(n.rec.floor) <= 0
		excludes := q.Prestate == p.Prestate && q.Activation < p.Expiry && p.Activation < q.Expiry
		return o != c && n.word(o) && (!finished || excludes)
	})
}

// binds reports whether a word that was given must be kept: the peer is on the state of the ceremony, or
// could come back to it.
func (n *Node) binds(c *ceremony) bool {
	return n.word(c) && (c.proposal.Prestate == Prestate(n.Running()) ||
		n.rec.phase == Activated && c.proposal.Prestate == Prestate(n.rec.slots[1-n.rec.active]))
}

// vote gives and writes down this member's word. It is final.
func (n *Node) vote(c *ceremony, r Reason) error {
	if n.member < 0 || c.voted {
		return nil
	}
	s := readyStatement(n.cfg.Policy.Group, c.id)
	if r != Ready {
		s = refusal(n.cfg.Policy.Group, c.id, r)
	}
	v, err := n.cfg.Policy.Group.Sign(n.cfg.Key, s)
	if err == nil {
		_, err = n.count(c, ballotPaper{r, v})
	}
	if err != nil {
		return err
	}
	c.voted, c.own = true, r
	c.hurry()
	if r != Ready {
		c.reason = r
	}
	return nil
}
