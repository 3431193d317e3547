package epoch

import (
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A liar owns round 0 and shows each of the others one of two proposals, and votes for both. Four
// members, one faulty: the three honest ones must agree, and end.
func TestEquivocatingOwner(t *testing.T) {
	g := newTeam(4)
	liar := g.owner(1, 0)
	two := [2]Proposal{g.proposal(liar, Proposal{Epoch: 1, Attempt: 1}), g.proposal(liar, Proposal{Epoch: 1, Attempt: 2})}
	for shown := range 27 { // to each of the three: the first, the second, both
		w := g.world(t, simnet.Realistic(uint64(shown)), Config{Faulty: 1})
		w.nodes[liar].err = protocols.ErrExhausted // it says only what we say for it
		at := shown
		for i := range 4 {
			if i == liar {
				continue
			}
			for k, p := range two {
				if at%3 == k || at%3 == 2 {
					w.net.Do(g.group.Member(liar), func(_ time.Duration, out *protocols.Output) {
						out.Datagrams = append(out.Datagrams, protocols.Datagram{To: g.group.Member(i), Data: pack(g.voteFor(liar, 0, p))})
					})
				}
			}
			at /= 3
		}
		honest := func() bool {
			for i, n := range w.nodes {
				if i != liar && n.Epoch() == 0 {
					return false
				}
			}
			return true
		}
		if !w.net.Run(time.Minute, honest) {
			t.Fatalf("shown %d: no epoch after a minute", shown)
		}
		w.nodes = append(w.nodes[:liar:liar], w.nodes[liar+1:]...)
		w.agree(t, 1)
	}
}

// A member that votes for both of two proposals counts for one of them, and is found out.
func TestEquivocatingVoter(t *testing.T) {
	g := newTeam(5)
	o := g.owner(1, 0)
	a, b := (o+1)%5, (o+2)%5
	n := g.node(t, a, Config{Faulty: 1})
	p := g.proposal(o, Proposal{Epoch: 1, Attempt: 1})
	q := g.proposal(o, Proposal{Epoch: 1, Attempt: 2})
	for range 3 {
		g.give(n, 0, b, g.voteFor(b, 0, p))
		g.give(n, 0, b, g.voteFor(b, 0, q))
	}
	if !n.race.faulty[b] || n.Epoch() != 0 || n.race.count(0, p.ID()) != 3 || n.race.count(0, q.ID()) != 0 {
		t.Errorf("found out: %v, votes %d and %d, epoch %d", n.race.faulty[b], n.race.count(0, p.ID()), n.race.count(0, q.ID()), n.Epoch())
	}
	if !n.race.faulty[o] {
		t.Error("the owner voted for both, too")
	}
	// What seems to be a second vote and is none accuses nobody.
	c := (o + 3) % 5
	g.give(n, 0, c, g.voteFor(c, 0, p))
	forged := g.voteFor(c, 0, q)
	forged.vote.Signature[0] ^= 1
	g.give(n, 0, c, forged)
	if n.race.faulty[c] {
		t.Error("accused by a forged vote")
	}
}

// Votes put off are checked before they make a certificate; a false one costs only itself.
func TestFalseVoteInTheBatch(t *testing.T) {
	g := newTeam(5)
	o := g.owner(1, 0)
	n := g.node(t, o, Config{})
	_, sent := g.start(t, n, 0, Proposal{})
	p := sent[0].proposal
	bad := g.voteFor((o+1)%5, 0, p)
	bad.vote.Signature[9] ^= 4
	g.give(n, 0, (o+1)%5, bad)
	g.give(n, 0, (o+2)%5, g.voteFor((o+2)%5, 0, p))
	if n.Epoch() != 0 || n.race.ballots[(o+1)%5].v != nil {
		t.Fatal("a false vote counts")
	}
	g.give(n, 0, (o+1)%5, g.voteFor((o+1)%5, 0, p))
	if n.Epoch() != 1 {
		t.Error("the true vote after the false one does not count")
	}
	c, _ := n.Certificate()
	if err := c.Verify(g.group, g.memo, n.Quorum()); err != nil {
		t.Error(err)
	}
}

func TestForgedCertificates(t *testing.T) {
	g := newTeam(5)
	other := newTeam(5)
	p := g.proposal(1, Proposal{Epoch: 4})
	good := g.certify(p, 0, 0, 1, 2)
	for what, forge := range map[string]func(c *Certificate){
		"too few":          func(c *Certificate) { c.Votes = c.Votes[:2] },
		"one twice":        func(c *Certificate) { c.Votes[2] = c.Votes[1] },
		"other epoch":      func(c *Certificate) { c.Proposal.Epoch++ },
		"other round":      func(c *Certificate) { c.Round++ },
		"other proposal":   func(c *Certificate) { c.Proposal.Fence++ },
		"other member":     func(c *Certificate) { c.Votes[2].Member = 4 },
		"no member":        func(c *Certificate) { c.Votes[2].Member = 5 },
		"not its proposer": func(c *Certificate) { c.Proposal.Signature = other.proposal(2, Proposal{Epoch: 4}).Signature },
		"a turned bit":     func(c *Certificate) { c.Votes[0].Signature[63] ^= 1 },
	} {
		n := g.node(t, 4, Config{})
		c := good
		c.Votes = append(c.Votes[:0:0], c.Votes...)
		forge(&c)
		for i := range 3 {
			g.give(n, 0, i, certificatePart(&c))
		}
		if n.Epoch() != 0 || c.Verify(g.group, g.memo, n.Quorum()) == nil {
			t.Errorf("%s: in epoch %d", what, n.Epoch())
		}
	}
	// One that sends nonsense for an epoch far away does not keep others from sending theirs.
	n := g.node(t, 2, Config{})
	far := g.certify(g.proposal(3, Proposal{Epoch: 1 << 60}), 0, 3)
	g.give(n, 0, 3, certificatePart(&far))
	for _, v := range good.Votes {
		one := good
		one.Votes = append(good.Votes[:0:0], v)
		g.give(n, 0, 0, certificatePart(&one))
	}
	if n.Epoch() != 4 {
		t.Errorf("epoch %d, want 4", n.Epoch())
	}
	// An old certificate again, and what belongs to old epochs.
	before := n.AppendState(nil)
	g.give(n, 0, 1, certificatePart(&good))
	g.give(n, 0, 1, g.voteFor(1, 0, g.proposal(1, Proposal{Epoch: 2})))
	if string(n.AppendState(nil)) != string(before) {
		t.Error("a replay changed something")
	}
}

func TestStrayDatagrams(t *testing.T) {
	g := newTeam(3)
	n := g.node(t, 0, Config{})
	p := g.proposal(1, Proposal{Epoch: 1})
	vote := pack(g.voteFor(1, 0, p))
	version := append([]byte{9}, vote[1:]...)
	kind := append([]byte{1, protocols.TypeJournal}, vote[2:]...)
	before := n.AppendState(nil)
	for what, in := range map[string]protocols.Input{
		"a stranger": {From: protocols.PeerID{9}, Data: vote}, "ourselves": {From: g.group.Member(0), Data: vote},
		"in another's name": {From: g.group.Member(2), Data: vote}, "another version": {From: g.group.Member(1), Data: version},
		"another protocol": {From: g.group.Member(1), Data: kind}, "cut short": {From: g.group.Member(1), Data: vote[:len(vote)-1]}, "empty": {From: g.group.Member(1), Data: []byte{}},
	} {
		was := n.Stats().Refused
		if said := g.raw(n, 0, in.From, in.Data); len(said) != 0 || n.Stats().Refused != was+1 || string(n.AppendState(nil)) != string(before) {
			t.Errorf("%s: answered %d, refused %d", what, len(said), n.Stats().Refused-was)
		}
	}
}

// Reports of one liar move nobody to another round; those of more members than can lie do.
func TestOneLiarMovesNobody(t *testing.T) {
	g := newTeam(4)
	n := g.node(t, 0, Config{Faulty: 1})
	g.give(n, 0, 1, g.reportOf(1, 1, 1<<30, 0, nil))
	if n.race.round != 0 {
		t.Fatalf("round %d by one report", n.race.round)
	}
	g.give(n, 0, 2, g.reportOf(2, 1, 7, 0, nil))
	if n.race.round != 7 {
		t.Errorf("round %d, want 7", n.race.round)
	}
}
