package ota

import (
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols/chunk"
)

func (n *Node) stop(err error) error {
	if n.err == nil {
		n.err = err
	}
	return err
}

// begin starts to install the package of a ceremony. The slot that does not run is given up for it.
func (n *Node) begin(c *ceremony) {
	spare := &n.rec.slots[1-n.rec.active]
	n.transfers, n.whole, n.stalled = nil, false, 0
	n.rec.install, n.rec.phase, n.rec.starts = c.id, Offered, 0
	if old := *spare; old.Size > 0 {
		*spare = Package{}
		n.save()
		if n.err == nil && old.Root != n.Running().Root && !n.wanted(old.Root) {
			if err := chunk.Discard(n.store, old.Root); err != nil {
				n.stop(err)
			}
		}
	}
}

// wanted reports whether a ceremony that is not lost is about a package: then this may be the only copy.
func (n *Node) wanted(root chunk.Root) bool {
	return slices.ContainsFunc(n.cers, func(c *ceremony) bool {
		return c.outcome != Aborted && c.proposal.Package.Root == root && c.proposal.Package.Version.Compare(n.rec.floor) > 0
	})
}

// drop ends an installation that did not come to its activation.
func (n *Node) drop(c *ceremony) {
	n.rec.phase, n.transfers = 0, nil
	n.rec.slots[1-n.rec.active] = Package{}
	n.save()
	n.discard(c)
}

// discard clears away what was fetched for a ceremony, but never what runs.
func (n *Node) discard(c *ceremony) {
	roots := []chunk.Root{c.proposal.Package.Root}
	if p := c.proposal.Patch; p != nil {
		roots = append(roots, p.Root)
	}
	for _, r := range roots {
		if n.err == nil && r != n.Running().Root {
			if err := chunk.Discard(n.store, r); err != nil {
				n.stop(err)
			}
		}
	}
}

// advance takes the next step that is possible now, and reports whether there may be another.
func (n *Node) advance(now time.Duration) bool {
	for i, c := range n.cers {
		if c.began == 0 {
			c.began = max(now, 1) // known from before a restart
		}
		p := &c.proposal
		installing := c.id == n.rec.install && n.rec.phase > 0 && n.rec.phase < Activated
		switch {
		case n.rec.epoch >= p.Expiry && !(c.id == n.rec.install && n.rec.phase == Activated):
			if n.forget(i); installing {
				n.drop(c)
			} else {
				n.save()
				if slots := n.rec.slots; !n.wanted(p.Package.Root) && p.Package.Root != slots[0].Root && p.Package.Root != slots[1].Root {
					n.discard(c)
				}
			}
			return n.err == nil
		case c.outcome == Undecided && !c.given && now >= c.began+n.cfg.Policy.Timeout:
			if err := n.giveUp(c, TimedOut); err != nil {
				n.stop(err)
			}
			return n.err == nil
		case installing && (c.outcome == Aborted || c.given && c.outcome == Undecided && p.Coordinator != n.cfg.Self):
			// The coordinator may have the only copy, and the votes may still come together.
			n.drop(c)
			return n.err == nil
		}
	}
	if n.rec.phase == 0 || n.rec.phase >= Confirmed {
		return n.next()
	}
	c := n.find(n.rec.install)
	if c == nil {
		n.rec.phase = 0
		return true
	}
	if n.rec.phase < Activated && c.outcome == Undecided && c.given && n.next() {
		return true // what was committed meanwhile goes before what was given up
	}
	before := n.rec.phase
	switch n.rec.phase {
	case Offered:
		n.fetch(now, c)
	case Fetched:
		n.verify(c)
	case Verified:
		n.rec.slots[1-n.rec.active] = c.proposal.Package
		n.rec.phase = Staged
		n.save()
	case Staged:
		n.serve(c)
		if n.cfg.Staged && !c.voted && n.member >= 0 && c.outcome == Undecided && !c.given {
			if err := n.vote(c, n.judge(c)); err != nil {
				n.stop(err)
			}
			n.decide(c)
			n.save()
			return true
		}
		if n.mayActivate(c) {
			n.rec.active = 1 - n.rec.active
			n.rec.floor, n.rec.phase, n.rec.starts = c.proposal.Package.Version, Activated, 1
			n.save()
		}
	case Activated:
		n.serve(c)
		n.judgeHealth(now, c)
	}
	return n.err == nil && n.rec.phase != before
}

// next begins with a ceremony that was committed, if there is one for this peer.
func (n *Node) next() bool {
	for _, c := range n.cers {
		p := &c.proposal
		if c.outcome == Committed && p.Package.Version.Compare(n.rec.floor) > 0 && p.Prestate == Prestate(n.Running()) && p.Package.Size <= n.cfg.Policy.MaxSize {
			n.begin(c)
			n.save()
			return n.err == nil
		}
	}
	if c := n.find(n.rec.install); c != nil && n.rec.phase == Confirmed {
		n.serve(c)
	}
	return false
}

// mayActivate is the only gate to another package: a certificate, its time, its state, its version.
func (n *Node) mayActivate(c *ceremony) bool {
	p := &c.proposal
	return c.outcome == Committed && n.rec.epoch >= p.Activation && n.rec.epoch < p.Expiry &&
		p.Prestate == Prestate(n.Running()) && p.Package.Version.Compare(n.rec.floor) > 0 &&
		n.rec.slots[1-n.rec.active] == p.Package && n.cfg.Policy.enough(c.ready.Votes())
}
