package ota

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/chunk"
)

// An Offer is what a coordinator proposes.
type Offer struct {
	Version Version
	Content []byte
	Hard    bool
	// Activation and Expiry are epochs.
	Activation, Expiry uint64
	// Patch, where not nil, is what Delta made of the running package and the content.
	Patch []byte
	// Chunk is the size of chunks in bytes; default chunk.DefaultChunk.
	Chunk int
}

// Propose begins a ceremony for an offer: it is stored, signed and, with the next datagrams, sent to
// everybody. The error wraps protocols.ErrVerification when this peer is no member or would not be
// ready for it itself, and protocols.ErrExhausted when there is no room for it.
func (n *Node) Propose(now time.Duration, o Offer, out *protocols.Output) (ID, error) {
	if n.err != nil || n.member < 0 {
		return ID{}, fmt.Errorf("propose %v: no member of the group, or stopped: %w", o.Version, protocols.ErrVerification)
	}
	if o.Chunk == 0 {
		o.Chunk = chunk.DefaultChunk
	}
	m, err := chunk.NewManifest(o.Content, o.Chunk)
	if err != nil {
		return ID{}, fmt.Errorf("propose %v: %w", o.Version, err)
	}
	p := Proposal{
		Package: Package{o.Version, m.Root(), m.Size(), o.Chunk}, Hard: o.Hard, Activation: o.Activation, Expiry: o.Expiry,
		Prestate: Prestate(n.Running()), Coordinator: n.cfg.Self, Nonce: n.rng.Uint64(),
	}
	if o.Patch != nil {
		d, err := chunk.NewManifest(o.Patch, o.Chunk)
		if err != nil {
			return ID{}, fmt.Errorf("propose %v: patch: %w", o.Version, err)
		}
		p.Patch = &Patch{n.Running().Root, d.Root(), d.Size()}
	}
	trial, err := n.newCeremony(&p, signProposal(n.cfg.Key, &p))
	if err != nil {
		return ID{}, err
	}
	if r := n.judge(trial); r != Ready {
		return ID{}, fmt.Errorf("propose %v: %v: %w", o.Version, r, protocols.ErrVerification)
	}
	if _, err := chunk.Import(n.store, o.Content, o.Chunk); err != nil {
		return ID{}, n.stop(err)
	}
	if o.Patch != nil {
		if _, err := chunk.Import(n.store, o.Patch, o.Chunk); err != nil {
			return ID{}, n.stop(err)
		}
	}
	c, err := n.admit(now, &p, trial.sig)
	if err != nil {
		return ID{}, err
	}
	n.decide(c) // alone it may be enough
	n.save()
	n.settle(now, out)
	return c.id, n.err
}

// Abort asks for the end of a ceremony: this member refuses it, if it has not voted yet, and gives up
// waiting. The error wraps protocols.ErrVerification when the ceremony is not known, or decided, or
// this member has said that it is ready: that word is final.
func (n *Node) Abort(now time.Duration, id ID, out *protocols.Output) error {
	c := n.find(id)
	if c == nil || c.outcome != Undecided || c.voted && c.own == Ready {
		return fmt.Errorf("abort ceremony %v: unknown, decided, or this member is ready for it: %w", id, protocols.ErrVerification)
	}
	if err := n.giveUp(c, Manual); err != nil {
		return err
	}
	n.settle(now, out)
	return n.err
}

// giveUp stops waiting for a ceremony, and refuses it where there is still a choice.
func (n *Node) giveUp(c *ceremony, r Reason) error {
	if err := n.vote(c, r); err != nil {
		return err
	}
	c.reason = r
	c.given = r == TimedOut // who refuses by hand still tells the others
	n.decide(c)
	n.save()
	return n.err
}

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

// transfer returns the transfer of a root, which it starts if need be.
func (n *Node) transfer(root chunk.Root) *chunk.Fetcher {
	for _, f := range n.transfers {
		if f.Root() == root {
			return f
		}
	}
	f, err := chunk.NewFetcher(n.cfg.Chunk, root, nil, n.store, rand.New(rand.NewPCG(n.rng.Uint64(), root.Session())))
	if err != nil {
		n.stop(err)
		return nil
	}
	for _, p := range n.cfg.Peers {
		f.AddSource(p)
	}
	n.transfers = append(n.transfers, f)
	return f
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
		case c.outcome == Undecided && !c.given && now >= c.began+n.policy.Timeout:
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
		if c.outcome == Committed && p.Package.Version.Compare(n.rec.floor) > 0 && p.Prestate == Prestate(n.Running()) && p.Package.Size <= n.policy.MaxSize {
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
	return c.outcome == Committed && n.policy.enough(c.ready.Votes()) &&
		n.rec.epoch >= p.Activation && n.rec.epoch < p.Expiry &&
		p.Prestate == Prestate(n.Running()) && p.Package.Version.Compare(n.rec.floor) > 0 &&
		n.rec.slots[1-n.rec.active] == p.Package
}

// patched reports whether the package is to be made by a patch.
func (n *Node) patched(c *ceremony) bool {
	return c.proposal.Patch != nil && c.proposal.Patch.Base == n.Running().Root && !n.whole
}

// serve keeps the transfers of what is here open for others.
func (n *Node) serve(c *ceremony) {
	if n.transfer(c.proposal.Package.Root) != nil && n.patched(c) {
		n.transfer(c.proposal.Patch.Root)
	}
}

// patchPatience is how long no piece of a patch may come before the whole package is fetched: it may be
// that all who had the patch have gone, or have taken the package back.
const patchPatience = 30 * time.Second

// fetch gets the patch or the whole package.
func (n *Node) fetch(now time.Duration, c *ceremony) {
	root, most := c.proposal.Package.Root, c.proposal.Package.Size
	if n.patched(c) {
		root, most = c.proposal.Patch.Root, c.proposal.Patch.Size
	}
	f := n.transfer(root)
	if f == nil {
		return
	}
	if c.proposal.Coordinator == n.cfg.Self {
		n.serve(c)
	}
	if f.Err() != nil && errors.Is(f.Err(), protocols.ErrExhausted) && n.patched(c) {
		n.fallBack(c)
		return
	}
	if pieces := f.Stats().Pieces; pieces != n.pieces || n.stalled == 0 {
		n.pieces, n.stalled = pieces, now+patchPatience
	}
	if !f.Done() {
		if now >= n.stalled && n.patched(c) {
			n.fallBack(c)
		}
		return
	}
	if m, ok := f.Manifest(); !ok || m.Size() != most {
		n.fallBack(c)
		return
	}
	n.rec.phase = Fetched
	n.save()
}

// fallBack forgets a patch that did not give what it should.
func (n *Node) fallBack(c *ceremony) {
	if n.patched(c) {
		n.whole = true
		n.stats.Fallback++
	}
	n.transfers = slices.DeleteFunc(n.transfers, func(f *chunk.Fetcher) bool { return f.Root() != c.proposal.Package.Root })
	if p := c.proposal.Patch; p != nil && n.err == nil {
		if err := chunk.Discard(n.store, p.Root); err != nil {
			n.stop(err)
		}
	}
	n.rec.phase = Offered
	n.save()
}

// verify checks the package as a whole, after making it from a patch where there is one.
func (n *Node) verify(c *ceremony) {
	p := &c.proposal.Package
	whole := n.transfer(p.Root)
	if whole == nil {
		return
	}
	if !whole.Done() && n.patched(c) {
		content, err := n.rebuild(c)
		if err != nil {
			n.fallBack(c)
			return
		}
		if _, err := chunk.Import(n.store, content, p.Chunk); err != nil {
			n.stop(err)
			return
		}
		n.transfers = slices.DeleteFunc(n.transfers, func(f *chunk.Fetcher) bool { return f == whole })
		if whole = n.transfer(p.Root); whole == nil {
			return
		}
		n.stats.Patched++
	}
	content, err := whole.Content()
	if err == nil {
		var m *chunk.Manifest
		if m, err = chunk.NewManifest(content, p.Chunk); err == nil && (m.Root() != p.Root || m.Size() != p.Size) {
			err = fmt.Errorf("verify package %v: not what was proposed: %w", p.Version, protocols.ErrVerification)
		}
	}
	if err != nil {
		n.fallBack(c) // fetch again what the store has lost
		return
	}
	n.rec.phase = Verified
	n.save()
}

// rebuild makes the package from the running one and the patch.
func (n *Node) rebuild(c *ceremony) ([]byte, error) {
	p := &c.proposal
	f := n.transfer(p.Patch.Root)
	if f == nil {
		return nil, n.err
	}
	patch, err := f.Content()
	if err != nil {
		return nil, err
	}
	base, err := n.content(n.Running().Root)
	if err != nil {
		return nil, err
	}
	content, err := Apply(base, patch, p.Package.Size)
	if err != nil {
		return nil, err
	}
	m, err := chunk.NewManifest(content, p.Package.Chunk)
	if err == nil && m.Root() != p.Package.Root {
		err = fmt.Errorf("rebuild %v: the patch makes something else: %w", p.Package.Version, protocols.ErrVerification)
	}
	return content, err
}

// content reads a package out of the store.
func (n *Node) content(root chunk.Root) ([]byte, error) {
	f, err := chunk.NewFetcher(n.cfg.Chunk, root, nil, n.store, n.rng)
	if err != nil {
		return nil, err
	}
	return f.Content()
}

// Content reads the running package out of the store. The error wraps protocols.ErrNotStored when the
// store has lost a part of it.
func (n *Node) Content() ([]byte, error) { return n.content(n.Running().Root) }

// judgeHealth confirms the activated package, or goes back to the one before.
func (n *Node) judgeHealth(now time.Duration, c *ceremony) {
	if n.trial == protocols.Never {
		n.trial = now + n.cfg.Trial
	}
	health := Good
	if n.cfg.Check != nil {
		health = n.cfg.Check(n.Running())
	}
	n.polled = now
	late := now >= n.trial || int(n.rec.starts) > n.cfg.Starts
	switch {
	case health == Good && int(n.rec.starts) <= n.cfg.Starts:
		n.rec.phase, n.trial = Confirmed, protocols.Never
		n.save()
	case health == Bad || late:
		n.rec.active = 1 - n.rec.active
		n.rec.slots[1-n.rec.active] = Package{}
		n.rec.phase, n.trial, n.transfers = RolledBack, protocols.Never, nil
		n.save()
		n.discard(c)
	}
}
