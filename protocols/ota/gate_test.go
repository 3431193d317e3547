package ota

import (
	"errors"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// What is checked last, before another package runs, does not rely on what was checked before: each of
// its conditions alone keeps the peer where it is.
func TestMayActivate(t *testing.T) {
	staged := func() (*Node, *ceremony) {
		f := newFleet(t, simnet.Ideal(1), 3, nil)
		id := f.propose(t, 0, offer())
		f.net.Run(time.Hour, nil)
		f.phases(t, Staged, v1)
		n := f.nodes[0]
		n.rec.epoch = 100
		return n, n.find(id)
	}
	for what, change := range map[string]func(n *Node, c *ceremony){
		"before its epoch":         func(n *Node, _ *ceremony) { n.rec.epoch = 99 },
		"expired":                  func(n *Node, _ *ceremony) { n.rec.epoch = 200 },
		"not decided":              func(_ *Node, c *ceremony) { c.outcome = Undecided },
		"aborted":                  func(_ *Node, c *ceremony) { c.outcome = Aborted },
		"votes of too few":         func(n *Node, _ *ceremony) { n.cfg.Policy.Threshold = 4 },
		"too few authorities":      func(n *Node, _ *ceremony) { n.cfg.Policy.AuthorityThreshold = 4 },
		"another state":            func(n *Node, _ *ceremony) { n.rec.slots[n.rec.active].Size++ },
		"the version was here":     func(n *Node, _ *ceremony) { n.rec.floor = v2 },
		"a greater one was here":   func(n *Node, _ *ceremony) { n.rec.floor = v3 },
		"another package is there": func(n *Node, _ *ceremony) { n.rec.slots[1-n.rec.active].Root[0] ^= 1 },
	} {
		n, c := staged()
		if !n.mayActivate(c) {
			t.Fatal("not staged as this test needs it")
		}
		if change(n, c); n.mayActivate(c) {
			t.Errorf("%s: may be activated", what)
		}
	}
	n, c := staged()
	n.rec.epoch = 199
	if !n.mayActivate(c) {
		t.Error("may not be activated in its last epoch")
	}
}

// Each threshold counts by itself: all members of few authorities are not enough, nor few members who are
// all the authorities that are asked for.
func TestBothThresholds(t *testing.T) {
	l := newLonely(t, 5, func(c *Config) { c.Policy.Threshold, c.Policy.AuthorityThreshold = 4, 1 })
	id := l.propose(l.proposal(nil), 1)
	for i := 1; i < 4; i++ {
		l.state(id, Awaiting)
		l.hear(peer(1), message{kind: kindVotes, id: id, papers: []ballotPaper{l.ready(id, i, i)}})
	}
	l.state(id, Done)
}

// Every start before the package was found healthy counts, also when each is far shorter than the trial.
func TestTooManyStarts(t *testing.T) {
	f := newFleet(t, simnet.Ideal(1), 3, func(c *Config) { c.Starts = 2 })
	f.health = func(int, Package) Health { return Waiting }
	f.propose(t, 0, offer())
	f.net.Run(time.Hour, nil)
	f.epoch(t, 100)
	var out protocols.Output
	for start, want := range []Phase{Activated, RolledBack} { // the first was when it was activated
		n := f.start(t, 1)
		out.Reset()
		n.Step(f.net.Now(), protocols.Input{}, &out)
		if _, got := n.Installing(); got != want {
			t.Errorf("after start %d: %v, want %v", start+2, got, want)
		}
	}
}

// What was decided stands in the record before anything is said of it, and a record that claims more than
// its votes prove is refused.
func TestRecordProvesItself(t *testing.T) {
	l := newLonely(t, 5, nil)
	l.n.cfg.Accept = func(*Proposal) bool { return false }
	id := l.propose(l.proposal(nil), 1)
	no := func(i int) ballotPaper {
		p := l.ready(id, i, i)
		s := refusal(l.f.cfg.Policy.Group, id, Unwanted)
		copy(p.vote.Signature[:], sign(i, s[:]))
		p.reason = Unwanted
		return p
	}
	l.hear(peer(1), message{kind: kindVotes, id: id, papers: []ballotPaper{no(1)}})
	l.state(id, Awaiting) // two of five: three could still be ready
	l.hear(peer(1), message{kind: kindVotes, id: id, papers: []ballotPaper{no(2)}})
	l.state(id, Failed)
	r, err := load(l.f.stores[0])
	if err != nil || len(r.open) != 1 || r.open[0].outcome != Aborted || len(r.open[0].papers) != 3 {
		t.Fatalf("%v, %+v", err, r.open)
	}
	r.open[0].outcome = Committed
	if err := l.f.stores[0].Write(recordName, r.encode()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.f.build(0, l.f.stores[0]); !errors.Is(err, protocols.ErrVerification) {
		t.Errorf("committed without a certificate: %v", err)
	}
}

// A ceremony that was given up is not installed any more, except at the coordinator, whose copy may be the
// only one; and there another that was committed goes before it.
func TestGivenUp(t *testing.T) {
	l := newLonely(t, 5, func(c *Config) { c.Staged = true })
	l.propose(l.proposal(nil), 1)
	if _, p := l.n.Installing(); p != Offered {
		t.Fatal(p)
	}
	var out protocols.Output
	out.Reset()
	l.n.Step(l.now+25*time.Hour, protocols.Input{}, &out)
	if _, p := l.n.Installing(); p != 0 {
		t.Errorf("still installing: %v", p)
	}

	l = newLonely(t, 5, nil)
	out.Reset()
	own, err := l.n.Propose(l.now, offer(), &out)
	if err != nil {
		t.Fatal(err)
	}
	l.now += 25 * time.Hour
	out.Reset()
	l.n.Step(l.now, protocols.Input{}, &out)
	if id, p := l.n.Installing(); id != own || p != Staged {
		t.Errorf("the coordinator's own: %v, %v", id, p)
	}
	other := l.propose(l.proposal(nil), 1)
	for i := 1; i < 4; i++ {
		l.hear(peer(1), message{kind: kindVotes, id: other, papers: []ballotPaper{l.ready(other, i, i)}})
	}
	if id, p := l.n.Installing(); id != other || p != Offered {
		t.Errorf("%v is being installed, %v, though %v was committed", id, p, other)
	}
}

// A ceremony that was forgotten before its expiry is not taken up again.
func TestForgottenIsNotReplayed(t *testing.T) {
	l := newLonely(t, 5, nil)
	p := l.proposal(nil)
	id := l.propose(p, 1)
	if !l.n.forget(0) {
		t.Fatal("not forgotten")
	}
	l.propose(p, 1)
	if l.n.find(id) != nil || len(l.n.strays) != 0 {
		t.Error("taken up again")
	}
}
