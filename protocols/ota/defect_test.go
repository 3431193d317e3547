package ota

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// lonely is peer 0 of a fleet in which nobody else ever speaks; what it is to hear is given to it.
type lonely struct {
	tb  testing.TB
	f   *fleet
	n   *Node
	now time.Duration
}

func newLonely(tb testing.TB, n int, change func(*Config)) *lonely {
	f := newFleet(tb, simnet.Ideal(1), n, change)
	return &lonely{tb, f, f.nodes[0], time.Second}
}

func (l *lonely) hear(from protocols.PeerID, m message) protocols.Output {
	l.tb.Helper()
	b, err := protocols.Envelope{Type: protocols.TypeOTA, Session: m.id.session(), Body: m.append(nil)}.Append(nil)
	if err != nil {
		l.tb.Fatal(err)
	}
	var out protocols.Output
	out.Reset()
	l.n.Step(l.now, protocols.Input{From: from, Data: b}, &out)
	return out
}

// proposal is a good one by peer 1.
func (l *lonely) proposal(change func(*Proposal)) Proposal {
	p := Proposal{
		Package: Package{v2, [32]byte{1}, 5000, 4 << 10}, Activation: 100, Expiry: 200,
		Prestate: Prestate(l.n.Running()), Coordinator: peer(1), Nonce: 1,
	}
	if change != nil {
		change(&p)
	}
	return p
}

func (l *lonely) propose(p Proposal, signer int) ID {
	l.hear(peer(1), message{kind: kindProposal, id: p.ID(), proposal: p, sig: signProposal(key(signer), &p)})
	return p.ID()
}

// ready is the vote of a key, under the index of a member.
func (l *lonely) ready(id ID, signer int, as int) ballotPaper {
	i, ok := l.f.cfg.Policy.Group.Index(peer(as))
	if !ok {
		i = 999
	}
	s := readyStatement(l.f.cfg.Policy.Group, id)
	v := quorum.Vote{Member: uint16(i)}
	copy(v.Signature[:], sign(signer, s[:]))
	return ballotPaper{Ready, v}
}

func (l *lonely) state(id ID, want State) {
	l.tb.Helper()
	if got, why := l.n.State(id); got != want {
		l.tb.Errorf("ceremony %v (%v), want %v", got, why, want)
	}
}

// Any device may declare itself ready: here strangers are not counted, nor members under other names.
func TestDefectAnyDeviceMayDeclare(t *testing.T) {
	l := newLonely(t, 5, nil)
	id := l.propose(l.proposal(nil), 1)
	l.state(id, Awaiting) // its own vote is the first of three
	for _, p := range []ballotPaper{l.ready(id, 9, 9), l.ready(id, 9, 2), l.ready(id, 3, 2)} {
		l.hear(peer(1), message{kind: kindVotes, id: id, papers: []ballotPaper{p}})
	}
	l.hear(peer(77), message{kind: kindVotes, id: id, papers: []ballotPaper{l.ready(id, 2, 2)}})
	l.state(id, Awaiting)
	if l.n.find(id).ready.Count() != 1 {
		t.Errorf("%d votes", l.n.find(id).ready.Count())
	}
}

// One device's declarations count by the list's length: here distinct members count.
func TestDefectDeclarationsAreCountedNotMembers(t *testing.T) {
	l := newLonely(t, 5, nil)
	id := l.propose(l.proposal(nil), 1)
	for range 5 {
		l.hear(peer(1), message{kind: kindVotes, id: id, papers: []ballotPaper{l.ready(id, 1, 1), l.ready(id, 1, 1)}})
	}
	l.state(id, Awaiting)
	l.hear(peer(1), message{kind: kindVotes, id: id, papers: []ballotPaper{l.ready(id, 2, 2)}})
	l.state(id, Done)
}

// Authorities are as good as devices: here three devices of one authority are one.
func TestDefectAuthoritiesAreNotDistinct(t *testing.T) {
	l := newLonely(t, 5, func(c *Config) {
		for i := range 5 {
			at, _ := c.Policy.Group.Index(peer(i))
			c.Policy.Authorities[at] = Authority{1}
			if i == 4 {
				c.Policy.Authorities[at] = Authority{2}
			}
		}
	})
	id := l.propose(l.proposal(nil), 1)
	for i := 1; i < 4; i++ {
		l.hear(peer(1), message{kind: kindVotes, id: id, papers: []ballotPaper{l.ready(id, i, i)}})
		l.state(id, Awaiting)
	}
	l.hear(peer(1), message{kind: kindVotes, id: id, papers: []ballotPaper{l.ready(id, 4, 4)}})
	l.state(id, Done)
}

// A failed activation consumes the pending proposal: here an early one leaves everything as it was.
func TestDefectFailedActivationConsumesTheProposal(t *testing.T) {
	f := newFleet(t, simnet.Ideal(1), 3, nil)
	o := offer()
	o.Activation, o.Expiry = 200, 300
	id := f.propose(t, 0, o)
	f.epoch(t, 50) // before anybody has the package
	f.net.Run(time.Hour, nil)
	f.epoch(t, 199)
	f.net.Run(2*time.Hour, nil)
	f.phases(t, Staged, v1)
	f.epoch(t, 200)
	f.net.Run(3*time.Hour, nil)
	f.phases(t, Confirmed, v2)
	if st, _ := f.nodes[1].State(id); st != Done {
		t.Errorf("ceremony %v", st)
	}
}

// The activation epoch is always absent: here one without enough notice, or after expiry, is refused.
func TestDefectActivationEpochIsAbsent(t *testing.T) {
	for what, change := range map[string]func(*Proposal){
		"none":              func(p *Proposal) { p.Activation = 0 },
		"too little notice": func(p *Proposal) { p.Activation = 99 },
		"expires before":    func(p *Proposal) { p.Expiry = 100 },
	} {
		l := newLonely(t, 3, nil)
		id := l.propose(l.proposal(change), 1)
		c := l.n.find(id)
		if c == nil || !c.voted || c.own == Ready {
			t.Errorf("%s: %+v", what, c)
		}
	}
	f := newFleet(t, simnet.Ideal(1), 3, nil)
	o := offer()
	o.Activation = 99
	f.do(t, 0, func(n *Node, now time.Duration, out *protocols.Output) {
		if _, err := n.Propose(now, o, out); !errors.Is(err, protocols.ErrVerification) {
			t.Errorf("proposed: %v", err)
		}
	})
}

// The fence is never enforced: here a hard fork is active at its epoch and not before, and who missed it
// knows that it is out.
func TestDefectFenceIsNotEnforced(t *testing.T) {
	f := newFleet(t, simnet.Ideal(1), 4, nil)
	o := offer()
	o.Hard = true
	f.propose(t, 0, o)
	f.net.Run(time.Hour, nil)
	for e := uint64(1); e < 100; e += 7 {
		f.epoch(t, e)
		f.phases(t, Staged, v1)
	}
	n := f.nodes[3]
	n.rec.phase, n.rec.slots[1-n.rec.active] = Offered, Package{} // it did not get it in time
	n.transfers = nil
	n.rec.epoch = 100
	if !n.Fenced() {
		t.Error("a peer behind a hard fork does not know it")
	}
	n.rec.epoch = 99
	f.epoch(t, 100)
	for i, n := range f.nodes[:3] {
		if n.Running().Version != v2 || n.Fenced() {
			t.Errorf("peer %d runs %v at the fence", i, n.Running().Version)
		}
	}
}

// Rejections never abort: here as many as make a commitment impossible do, with their reason.
func TestDefectRejectionsDoNotAbort(t *testing.T) {
	f := newFleet(t, simnet.Realistic(1), 3, nil)
	for _, n := range f.nodes[1:] {
		n.cfg.Accept = func(*Proposal) bool { return false }
	}
	id := f.propose(t, 0, offer())
	f.net.Run(time.Hour, nil)
	for i, n := range f.nodes {
		if st, why := n.State(id); st != Failed || why != Unwanted {
			t.Errorf("peer %d: %v, %v", i, st, why)
		}
	}
	f.epoch(t, 150)
	f.net.Run(2*time.Hour, nil)
	f.phases(t, 0, v1)
	// And the way is free for another.
	for _, n := range f.nodes {
		n.cfg.Accept = nil
	}
	o := offer()
	o.Activation, o.Expiry = 300, 400
	f.propose(t, 1, o)
	f.net.Run(3*time.Hour, nil)
	f.epoch(t, 300)
	f.net.Run(4*time.Hour, nil)
	f.phases(t, Confirmed, v2)
}

// The package hash is never checked: here a patch that makes something else is found out, and the whole
// package comes instead.
func TestDefectPackageHashIsNotChecked(t *testing.T) {
	wrong, err := Delta(oldContent, append([]byte("worse"), newContent[5:]...))
	if err != nil {
		t.Fatal(err)
	}
	for what, patch := range map[string][]byte{"other content": wrong, "no patch at all": noise(3000, 9)} {
		f := newFleet(t, simnet.Realistic(1), 3, nil)
		o := offer()
		o.Patch = patch
		f.propose(t, 0, o)
		f.net.Run(time.Hour, nil)
		f.epoch(t, 100)
		f.net.Run(2*time.Hour, nil)
		f.phases(t, Confirmed, v2)
		for i, n := range f.nodes[1:] {
			if b, err := n.Content(); err != nil || !bytes.Equal(b, newContent) || n.Stats().Fallback != 1 {
				t.Errorf("%s: peer %d: %v, %+v", what, i+1, err, n.Stats())
			}
		}
	}
}

// There is no rollback: here a sick package gives way to the one before, and never comes back.
func TestDefectThereIsNoRollback(t *testing.T) {
	f := newFleet(t, simnet.Realistic(1), 3, func(c *Config) { c.Trial = time.Minute })
	f.health = func(i int, _ Package) Health { return []Health{Bad, Waiting, Bad}[i] }
	f.propose(t, 0, offer())
	f.net.Run(time.Hour, nil)
	f.epoch(t, 100)
	f.net.Run(2*time.Hour, nil)
	f.phases(t, RolledBack, v1)
	o := offer()
	o.Activation, o.Expiry = 500, 600
	f.do(t, 0, func(n *Node, now time.Duration, out *protocols.Output) {
		if _, err := n.Propose(now, o, out); !errors.Is(err, protocols.ErrVerification) {
			t.Errorf("the version that was rolled back is proposed again: %v", err)
		}
	})
	f.health = nil
	o.Version = v3
	f.propose(t, 0, o)
	f.net.Run(3*time.Hour, nil)
	f.epoch(t, 500)
	f.net.Run(4*time.Hour, nil)
	f.phases(t, Confirmed, v3)
}

// There is no timeout: here a ceremony without an answer ends, and says why.
func TestDefectThereIsNoTimeout(t *testing.T) {
	dead := simnet.Ideal(1)
	dead.Link.Loss = 1
	f := newFleet(t, dead, 3, func(c *Config) { c.Policy.Timeout = time.Minute })
	id := f.propose(t, 0, offer())
	f.net.Run(time.Hour, nil)
	if st, why := f.nodes[0].State(id); st != Failed || why != TimedOut {
		t.Errorf("%v, %v", st, why)
	}
	f.epoch(t, 200)
	f.phases(t, 0, v1)
}

// The service falls back to fence epoch 0: here a peer that knows no epoch activates nothing.
func TestDefectFenceEpochZero(t *testing.T) {
	f := newFleet(t, simnet.Ideal(1), 3, nil)
	f.propose(t, 0, offer())
	f.net.Run(time.Hour, nil)
	f.epoch(t, 0)
	f.net.Run(2*time.Hour, nil)
	f.phases(t, Staged, v1)
}

func sign(i int, b []byte) []byte { return ed25519.Sign(key(i), b) }
