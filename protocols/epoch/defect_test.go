package epoch

import (
	"errors"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// The defects of the protocol's original, each with the test that shows it absent.

func TestDefectStrangersConfirm(t *testing.T) {
	g := newTeam(4)
	stranger := newTeam(5)
	n := g.node(t, g.owner(1, 0), Config{})
	_, sent := g.start(t, n, 0, Proposal{})
	p := sent[0].proposal
	var other int // a key that is in the larger group alone
	for i := range 5 {
		if _, ok := g.group.Index(stranger.group.Member(i)); !ok {
			other = i
		}
	}
	m := g.voteFor(0, 0, p)
	m.vote.Signature = stranger.sign(other, voteStatement(g.group, 1, 0, p.ID())).Signature
	for i := range 4 {
		m.vote.Member = uint16(i)
		g.raw(n, 0, stranger.group.Member(other), pack(m))
		if i != n.self {
			g.give(n, 0, i, m)
		}
	}
	if n.Epoch() != 0 || n.Stats().Refused == 0 {
		t.Errorf("epoch %d begun by votes of a stranger, %d refused", n.Epoch(), n.Stats().Refused)
	}
}

func TestDefectCurrentEpochOfVotersIgnored(t *testing.T) {
	g := newTeam(4)
	n := g.node(t, 0, Config{})
	// Members that are elsewhere vote for epoch 5 here; we are in 0 and vote for 1 alone.
	p := g.proposal(g.owner(5, 0), Proposal{Epoch: 5})
	for i := 1; i < 4; i++ {
		for _, s := range g.give(n, time.Duration(i)*time.Second, i, g.voteFor(i, 0, p)) {
			if s.kind != kindBeacon {
				t.Errorf("answered with kind %d", s.kind)
			}
		}
	}
	if n.Epoch() != 0 {
		t.Errorf("in epoch %d by votes alone; epochs between were skipped", n.Epoch())
	}
}

func TestDefectTwoDisjointPairs(t *testing.T) {
	for _, c := range []struct{ members, faulty, quorum, want int }{
		{4, 0, 2, 0}, {4, 0, 0, 3}, {5, 0, 2, 0}, {5, 0, 3, 3}, {5, 0, 6, 0}, {5, 0, 5, 5}, {4, 1, 2, 0}, {4, 1, 0, 3}, {7, 2, 4, 0}, {7, 2, 0, 5}, {3, 1, 3, 0}, {3, -1, 2, 0},
		{100, 25, 0, 63}, {100, 33, 0, 67}, {100, 34, 0, 0},
	} {
		g := newTeam(c.members)
		n, err := NewNode(g.config(0, Config{Faulty: c.faulty, Quorum: c.quorum}))
		if (err == nil) != (c.want > 0) || err != nil && !errors.Is(err, protocols.ErrVerification) || err == nil && n.Quorum() != c.want {
			t.Errorf("%+v: %v", c, err)
		}
		if q := c.want; q > 0 && 2*q-c.members <= c.faulty {
			t.Errorf("%+v: two quorums may have no honest member in common", c)
		}
	}
}

func TestDefectStaleRotationLowersEpoch(t *testing.T) {
	g := newTeam(3)
	n := g.node(t, 0, Config{})
	certs := map[uint64]Certificate{}
	for e := uint64(1); e <= 3; e++ {
		certs[e] = g.certify(g.proposal(1, Proposal{Epoch: e}), 0, 0, 1)
	}
	for _, e := range []uint64{2, 1, 3, 2, 1} {
		before := n.Epoch()
		c := certs[e]
		g.give(n, 0, 1, certificatePart(&c))
		if n.Epoch() != max(before, e) {
			t.Fatalf("epoch %d after certificate of %d, was %d", n.Epoch(), e, before)
		}
	}
	// Nor by votes for an epoch that has begun.
	p := g.proposal(1, Proposal{Epoch: 1, Attempt: 9})
	g.give(n, 0, 1, g.voteFor(1, 0, p))
	g.give(n, 0, 2, g.voteFor(2, 0, p))
	if c, _ := n.Certificate(); n.Epoch() != 3 || c.Proposal.Epoch != 3 {
		t.Errorf("epoch %d", n.Epoch())
	}
}

func certificatePart(c *Certificate) *message {
	m := &message{kind: kindCertificate, epoch: c.Proposal.Epoch, round: c.Round, proposal: c.Proposal}
	for i := range c.Votes {
		m.votes = c.Votes[i].Append(m.votes)
	}
	return m
}

func TestDefectLateConfirmationReopens(t *testing.T) {
	g := newTeam(5)
	o := g.owner(1, 0)
	n := g.node(t, o, Config{})
	_, sent := g.start(t, n, 0, Proposal{})
	p := sent[0].proposal
	voters := []int{(o + 1) % 5, (o + 2) % 5, (o + 3) % 5, (o + 4) % 5}
	for _, v := range voters[:2] {
		g.give(n, time.Second/10, v, g.voteFor(v, 0, p))
	}
	r := n.TakeResults()
	if n.Epoch() != 1 || len(r) != 1 || !r[0].Won || r[0].Err != nil {
		t.Fatalf("epoch %d, %+v", n.Epoch(), r)
	}
	before, _ := n.Certificate()
	for _, v := range voters {
		if said := g.give(n, time.Second/5, v, g.voteFor(v, 0, p)); len(said) != 0 {
			t.Errorf("a late vote is answered: %+v", said)
		}
	}
	after, _ := n.Certificate()
	if n.Epoch() != 1 || len(n.TakeResults()) != 0 || len(after.Votes) != len(before.Votes) || n.race.active {
		t.Error("late votes changed something")
	}
	if _, err := n.Propose(time.Second, Proposal{}, new(protocols.Output)); err != nil {
		t.Errorf("the next: %v", err)
	}
}

func TestDefectOneWrongConfirmationFailsAll(t *testing.T) {
	g := newTeam(5)
	o := g.owner(1, 0)
	n := g.node(t, o, Config{})
	_, sent := g.start(t, n, 0, Proposal{})
	p := sent[0].proposal
	a, b, c := (o+1)%5, (o+2)%5, (o+3)%5
	wrong := g.voteFor(a, 0, p)
	wrong.vote.Signature[5] ^= 1
	elsewhere := g.voteFor(a, 0, g.proposal(o, Proposal{Epoch: 1, Attempt: 77}))
	elsewhere.owner = g.voteFor(a, 1, p).owner // not the owner's
	later := g.voteFor(a, 1, p)
	later.round = 0
	for _, m := range []*message{wrong, elsewhere, later} {
		g.give(n, 0, a, m)
	}
	g.give(n, 0, b, g.voteFor(b, 0, p))
	if n.Epoch() != 0 {
		t.Fatal("a wrong vote counts")
	}
	g.give(n, 0, c, g.voteFor(c, 0, p))
	if n.Epoch() != 1 || n.Stats().Refused == 0 {
		t.Errorf("epoch %d, %d refused: a wrong vote failed the rotation", n.Epoch(), n.Stats().Refused)
	}
}

func TestDefectRotationIDsCollide(t *testing.T) {
	base := Proposal{Epoch: 1, Attempt: 2, Proposer: 3, Life: 4, Fence: 5, Digest: [32]byte{6}}
	all := []Proposal{base, base, base, base, base, base, base}
	all[1].Epoch++
	all[2].Attempt++
	all[3].Proposer++
	all[4].Life++
	all[5].Fence++
	all[6].Digest[31]++
	seen := map[ID]bool{}
	for i := range all {
		seen[all[i].ID()] = true
	}
	if len(seen) != len(all) {
		t.Errorf("%d names for %d proposals", len(seen), len(all))
	}
	base.Signature[0]++
	if base.ID() != all[0].ID() {
		t.Error("the signature changes the name")
	}
}

func TestDefectNoTimeoutNoDelivery(t *testing.T) {
	g := newTeam(3)
	dead := simnet.Ideal(1)
	dead.Link.Loss = 1
	w := g.world(t, dead, Config{})
	owner := w.nodes[0].Owner(1)
	w.propose(t, owner, Proposal{Life: 5000})
	w.net.Run(time.Hour, nil)
	r := w.nodes[owner].TakeResults()
	if len(r) != 1 || !errors.Is(r[0].Err, protocols.ErrTimeout) || r[0].Ended != 5*time.Second {
		t.Fatalf("%+v", r)
	}
	if !w.nodes[owner].Idle() || w.net.Now() > time.Minute {
		t.Errorf("not silent after the end: now %v", w.net.Now())
	}

	// Whoever missed everything is told until it says so: here one is cut off for 3 s.
	o := simnet.Realistic(1)
	out := (w.nodes[0].Owner(1) + 1) % 3
	o.Partitions = []simnet.Partition{{Until: 3 * time.Second, Group: []protocols.PeerID{g.group.Member(out)}}}
	w = g.world(t, o, Config{})
	w.propose(t, owner, Proposal{})
	w.net.Run(3*time.Second, nil)
	if w.nodes[out].Epoch() != 0 || w.nodes[owner].Epoch() != 1 {
		t.Fatal("the partition does not hold, or stops the others")
	}
	w.net.Run(time.Hour, nil)
	w.agree(t, 1)
	for i, n := range w.nodes {
		if !n.Idle() {
			t.Errorf("member %d is not silent at the end", i)
		}
	}
}

// A proposal that fails makes room for the next, unless it may have won; then that one is finished.
func TestAttemptAfterExpiry(t *testing.T) {
	for _, reached := range []int{0, 1} { // how many others heard of the first attempt
		g := newTeam(5)
		o := simnet.Realistic(1)
		owner := g.owner(1, 0)
		for i := 1; i < 5; i++ {
			if i > reached {
				o.Partitions = append(o.Partitions, simnet.Partition{Until: 10 * time.Second, Group: []protocols.PeerID{g.group.Member((owner + i) % 5)}})
			}
		}
		w := g.world(t, o, Config{})
		first := w.propose(t, owner, Proposal{Attempt: 1, Life: 2000})
		w.net.Run(10*time.Second, nil)
		if r := w.nodes[owner].TakeResults(); len(r) != 1 || !errors.Is(r[0].Err, protocols.ErrTimeout) {
			t.Fatalf("first attempt: %+v", r)
		}
		w.net.Run(20*time.Second, nil)
		w.propose(t, owner, Proposal{Attempt: 2})
		w.net.Run(time.Hour, nil)
		p := w.agree(t, 1)
		if s := w.nodes[owner].Stats(); s.Proposals != 2 || s.Expired != 1 || s.Epochs != 1 || s.Votes == 0 || s.Refused != 0 {
			t.Errorf("counted %+v of two attempts, the first of which ran out", s)
		}
		r := w.nodes[owner].TakeResults()
		if len(r) != 1 || r[0].Err != nil || r[0].Won != (p.Attempt == 2) || r[0].Certified != p {
			t.Errorf("second attempt: %+v", r)
		}
		if p.Attempt == 1 && p.ID() != first {
			t.Error("another proposal of the same attempt")
		}
	}
}

// Operations and receipts of old epochs are refused, but for those under the fence.
func TestAccept(t *testing.T) {
	g := newTeam(3)
	n := g.node(t, 0, Config{Start: 7})
	want := func(epoch, position uint64, kind error) {
		t.Helper()
		if err := n.Accept(epoch, position); !errors.Is(err, kind) {
			t.Errorf("position %d of epoch %d: %v, want %v", position, epoch, err, kind)
		}
	}
	want(7, 1<<60, nil)
	want(6, 0, protocols.ErrVerification)
	want(8, 0, protocols.ErrVersion)
	c := g.certify(g.proposal(1, Proposal{Epoch: 8, Fence: 100}), 0, 0, 1)
	g.give(n, 0, 1, certificatePart(&c))
	want(8, 1<<60, nil)
	want(7, 100, nil)
	want(7, 101, protocols.ErrVerification)
	want(6, 1, protocols.ErrVerification)
	want(9, 1, protocols.ErrVersion)
}

// A proposal that is refused must not make the node forget to wake.
func TestRefusedProposalKeepsTheWake(t *testing.T) {
	g := newTeam(3)
	n := g.node(t, g.owner(1, 0), Config{})
	g.start(t, n, 0, Proposal{})
	var out protocols.Output
	out.Reset()
	if _, err := n.Propose(1, Proposal{}, &out); !errors.Is(err, protocols.ErrExhausted) || out.Wake == protocols.Never {
		t.Errorf("%v, wake %v", err, out.Wake)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	g := newTeam(3)
	good := g.config(0, Config{})
	for what, spoil := range map[string]func(*Config){
		"no group": func(c *Config) { c.Group = nil }, "no store": func(c *Config) { c.Store = nil }, "no key": func(c *Config) { c.Key = nil },
		"a stranger's key": func(c *Config) { c.Key = keyOf(99) }, "negative retry": func(c *Config) { c.Retry = -1 },
		"another's vote": func(c *Config) { c.Store = simnet.Memory{fileVote: make([]byte, 5)} },
		"a forged certificate": func(c *Config) {
			f := g.certify(g.proposal(1, Proposal{Epoch: 8}), 0, 0)
			c.Store = simnet.Memory{fileCertificate: f.Append(nil)}
		},
	} {
		c := good
		spoil(&c)
		if _, err := NewNode(c); !errors.Is(err, protocols.ErrVerification) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := g.node(t, 0, Config{}).Propose(0, Proposal{Life: maxLife + 1}, new(protocols.Output)); !errors.Is(err, protocols.ErrVerification) {
		t.Errorf("a life without end: %v", err)
	}
	if _, err := g.node(t, 0, Config{Start: ^uint64(0)}).Propose(0, Proposal{}, new(protocols.Output)); !errors.Is(err, protocols.ErrExhausted) {
		t.Errorf("epochs have run out: %v", err)
	}
}
