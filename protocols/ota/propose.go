package ota

import (
	"fmt"
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
		Prestate: Prestate(n.Running()), Coordinator: n.cfg.Self, Nonce: n.random().Uint64(),
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
	if r == TimedOut { // who refuses by hand still tells the others
		c.given, c.polls = true, 0
	}
	n.decide(c)
	n.save()
	return n.err
}
