package ota

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
	case p.Activation < n.rec.epoch+n.policy.Notice || p.Activation < n.policy.Notice:
		return TooSoon
	case p.Package.Size > n.policy.MaxSize || p.Patch != nil && p.Patch.Size > p.Package.Size:
		return Unwanted
	case n.busy(c):
		return Busy
	case n.cfg.Accept != nil && !n.cfg.Accept(p):
		return Unwanted
	}
	return Ready
}

// busy reports whether another ceremony has this peer's word.
func (n *Node) busy(c *ceremony) bool {
	for _, o := range n.cers {
		if o == c || o.outcome == Aborted || n.rec.epoch >= o.proposal.Expiry {
			continue
		}
		finished := o.id == n.rec.install && n.rec.phase >= Confirmed || o.proposal.Package.Version.Compare(n.rec.floor) <= 0
		word := o.voted && o.own == Ready || o.outcome == Committed || !o.voted && o.id == n.rec.install
		if word && !finished {
			return true
		}
	}
	return false
}

// vote gives and writes down this member's word. It is final.
func (n *Node) vote(c *ceremony, r Reason) error {
	if n.member < 0 || c.voted {
		return nil
	}
	s := readyStatement(n.policy.Group, c.id)
	if r != Ready {
		s = refusal(n.policy.Group, c.id, r)
	}
	v, err := n.policy.Group.Sign(n.cfg.Key, s)
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
