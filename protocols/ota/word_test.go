package ota

import (
	"errors"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/chunk"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// rolledBack is a fleet of three that all took back a package which may be activated from 100 to 1000.
func rolledBack(t *testing.T) (*fleet, ID) {
	f := newFleet(t, simnet.Ideal(1), 3, nil)
	f.health = func(int, Package) Health { return Bad }
	o := offer()
	o.Expiry = 1000
	id := f.propose(t, 0, o)
	f.net.Run(time.Hour, nil)
	f.epoch(t, 100)
	f.net.Run(2*time.Hour, nil)
	f.phases(t, RolledBack, v1)
	f.health = nil
	return f, id
}

// Who took a package back is on the state before again, and others may activate that package yet: two
// certificates on one state, both valid at one time, would split the fleet. Later is free.
func TestRolledBackWordHolds(t *testing.T) {
	f, _ := rolledBack(t)
	o := offer()
	o.Version = v3
	o.Activation, o.Expiry = 999, 2000
	f.do(t, 1, func(n *Node, now time.Duration, out *protocols.Output) {
		if _, err := n.Propose(now, o, out); !errors.Is(err, protocols.ErrVerification) {
			t.Errorf("a second ceremony on one state, both valid at epoch 999: %v", err)
		}
	})
	o.Activation = 1000
	f.propose(t, 1, o)
	f.net.Run(3*time.Hour, nil)
	f.epoch(t, 1000)
	f.net.Run(4*time.Hour, nil)
	f.phases(t, Confirmed, v3)
}

// Other ceremonies do not push out the memory of a word that holds.
func TestRolledBackWordIsNotForgotten(t *testing.T) {
	f, id := rolledBack(t)
	l := &lonely{t, f, f.nodes[0], f.net.Now()}
	for i := range uint64(2 * maxOpen) {
		l.propose(l.proposal(func(p *Proposal) { p.Nonce, p.Package.Version, p.Activation, p.Expiry = i, v3, 500, 600 }), 1)
	}
	if c := l.n.find(id); c == nil || !l.n.binds(c) {
		t.Fatal("the word is forgotten")
	}
	for _, c := range l.n.cers {
		if c.id != id && (!c.voted || c.own != Busy) {
			t.Errorf("ceremony %v: voted %v, %v", c.id, c.voted, c.own)
		}
	}
	// Restarting changes nothing about it.
	n := f.start(t, 0)
	if c := n.find(id); c == nil || !n.binds(c) {
		t.Error("the word does not survive a restart")
	}
}

// A peer that comes late gets the package from one that runs it, also after that one started anew and
// has forgotten all ceremonies; and the one that ran before, as long as it is there.
func TestWhatIsHereIsServed(t *testing.T) {
	f := newFleet(t, simnet.Realistic(1), 3, nil)
	f.propose(t, 0, offer())
	f.net.Run(time.Hour, nil)
	f.epoch(t, 100)
	f.net.Run(2*time.Hour, nil)
	f.epoch(t, 200)
	f.phases(t, Confirmed, v2)
	for _, p := range f.nodes[1].rec.slots {
		*f.nodes[0] = *f.start(t, 0)
		if len(f.nodes[0].cers) != 0 || p.Size == 0 {
			t.Fatal("not as this test needs it")
		}
		store := simnet.Memory{}
		late, err := chunk.NewFetcher(f.cfg.Chunk, p.Root, nil, store, f.nodes[1].random())
		if err != nil {
			t.Fatal(err)
		}
		late.AddSource(peer(0))
		f.nodes[1].transfers = []*chunk.Fetcher{late}
		f.epoch(t, f.nodes[0].Epoch()+1)
		f.net.Run(f.net.Now()+time.Minute, nil)
		if !late.Done() {
			t.Errorf("%v was not served", p.Version)
		}
	}
}
