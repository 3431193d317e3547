package epoch

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
)

// The explorer tries every order of events, breadth first, over the nodes themselves: which message
// is delivered next, or never, or once more later (a delivered message stays in the air for as often
// as it may be doubled), whose timer fires, and when one member crashes and comes back with what it
// had written. States that were seen are not entered again. A scene says with what it begins and how
// often each thing may happen.
type scene struct {
	name      string
	members   int
	faulty    int
	proposers []int // members that propose at the start, as offsets from the owner
	liar      bool  // the owner of round 0 lies: it says two votes and two reports, and nothing else
	timers    int   // how often any timer may fire
	crashes   int
	doubles   int
	events    int // how long a course of events may be
	states    int // at least so many must be found, or the scene shows less than it says
}

// A point is where the course of events has come to.
type point struct {
	nodes  []*Node // nil: the liar
	stores []memory
	air    []letter // sorted
	timers int
	crash  int
	double int
	depth  int
}

type letter struct {
	from, to int
	data     string
	sum      [32]byte
}

func compareLetters(a, b letter) int {
	return bytes.Compare(a.sum[:], b.sum[:])
}

func mail(from, to int, data []byte) letter {
	return letter{from, to, string(data), sha256.Sum256(append([]byte{byte(from), byte(to)}, data...))}
}

// copyNode returns a node that shares nothing that changes.
func copyNode(n *Node, store memory) *Node {
	c := *n
	c.cfg.Store = store
	c.scratch = nil
	r := &c.race
	r.ballots, r.reports, r.faulty = slices.Clone(r.ballots), slices.Clone(r.reports), slices.Clone(r.faulty)
	if n.mine != nil {
		m := *n.mine
		c.mine = &m
	}
	if n.spread != nil {
		s := *n.spread
		s.heard = slices.Clone(s.heard)
		c.spread = &s
	}
	c.parts = slices.Clone(n.parts)
	for i, p := range c.parts {
		if p != nil {
			q := *p
			q.c.Votes = slices.Clone(q.c.Votes)
			c.parts[i] = &q
		}
	}
	return &c
}

// with returns a copy of the point in which member i is a copy of its own.
func (p *point) with(i int) *point {
	q := *p
	q.depth++
	q.nodes, q.stores, q.air = slices.Clone(p.nodes), slices.Clone(p.stores), slices.Clone(p.air)
	q.stores[i] = maps.Clone(p.stores[i])
	if p.nodes[i] != nil {
		q.nodes[i] = copyNode(p.nodes[i], q.stores[i])
	}
	return &q
}

func (p *point) hash() [32]byte {
	h := sha256.New()
	var b []byte
	for i, n := range p.nodes {
		if n == nil {
			continue
		}
		b = append(n.appendState(b[:0]), byte(n.race.tries), flag(n.race.active), flag(n.mine != nil))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(p.stores[i][fileVote])))
		h.Write(b)
	}
	for i := range p.air {
		h.Write(p.air[i].sum[:])
	}
	h.Write([]byte{byte(p.timers), byte(p.crash), byte(p.double)})
	return [32]byte(h.Sum(nil))
}

// send puts what a member said into the air. Copies of a datagram sent at once are one letter: doubling
// is an event of its own.
func (g *team) send(p *point, from int, out *protocols.Output) {
	for _, d := range out.Datagrams {
		to, _ := g.group.Index(d.To)
		if p.nodes[to] == nil || p.nodes[from] == nil {
			continue
		}
		l := mail(from, to, d.Data)
		if at, held := slices.BinarySearchFunc(p.air, l, compareLetters); !held {
			p.air = slices.Insert(p.air, at, l)
		}
	}
}

func (g *team) explore(t *testing.T, s scene) {
	owner := g.owner(1, 0)
	base := Config{Faulty: s.faulty, Twice: -1, Retry: time.Second}
	made := map[quorum.Statement][]quorum.Vote{}
	config := func(i int, store memory) Config {
		cfg := g.config(i, base)
		cfg.Store = store
		cfg.Sign = func(s quorum.Statement) (quorum.Vote, error) {
			if made[s] == nil {
				made[s] = make([]quorum.Vote, g.group.Len())
			}
			if made[s][i] == (quorum.Vote{}) {
				made[s][i] = g.sign(i, s)
			}
			return made[s][i], nil
		}
		return cfg
	}
	start := &point{nodes: make([]*Node, s.members), stores: make([]memory, s.members)}
	for i := range s.members {
		start.stores[i] = memory{}
		if s.liar && i == owner {
			continue
		}
		n, err := NewNode(config(i, start.stores[i]))
		if err != nil {
			t.Fatal(err)
		}
		start.nodes[i] = n
	}
	var out protocols.Output
	for k, at := range s.proposers {
		i := (owner + at) % s.members
		out.Reset()
		if _, err := start.nodes[i].Propose(0, Proposal{Attempt: uint32(k)}, &out); err != nil {
			t.Fatal(err)
		}
		g.send(start, i, &out)
	}
	if s.liar {
		for k := range 2 {
			p := g.proposal(owner, Proposal{Epoch: 1, Attempt: uint32(k)})
			for i := range s.members {
				if i == owner {
					continue
				}
				for _, m := range []*message{g.voteFor(owner, 0, p), g.reportOf(owner, 1, 1, 0, &p)} {
					start.air = append(start.air, mail(owner, i, pack(m)))
				}
			}
		}
		slices.SortFunc(start.air, compareLetters)
	}

	seen := map[[32]byte]bool{start.hash(): true}
	queue := []*point{start}
	certified := map[ID]bool{}
	ends := 0
	visit := func(p *point, i int) {
		g.send(p, i, &out)
		if n := p.nodes[i]; n.epoch == 1 {
			ends++
			certified[n.current.Proposal.ID()] = true
			for j, o := range p.nodes {
				if o != nil && o.epoch == 1 && o.current.Proposal != n.current.Proposal {
					t.Fatalf("members %d and %d hold certificates of two proposals", i, j)
				}
			}
		}
		if h := p.hash(); p.depth < s.events && !seen[h] {
			seen[h] = true
			queue = append(queue, p)
		}
	}
	for at := 0; at < len(queue); at++ {
		p := queue[at]
		queue[at] = nil
		for k, l := range p.air {
			if p.nodes[l.to].epoch == 1 && Describe([]byte(l.data))[0] != 'b' {
				continue // what it answers then brings others to the same epoch at most: a certificate is in the air anyway
			}
			for keep := range 2 {
				if keep == 1 && p.double == s.doubles {
					continue
				}
				q := p.with(l.to)
				if keep == 0 {
					q.air = slices.Delete(q.air, k, k+1)
				}
				q.double += keep
				out.Reset()
				n := q.nodes[l.to]
				n.Step(n.now, protocols.Input{From: g.group.Member(l.from), Data: []byte(l.data)}, &out)
				visit(q, l.to)
			}
		}
		for i, n := range p.nodes {
			if n == nil {
				continue
			}
			if n.race.active && p.timers < s.timers {
				q := p.with(i)
				q.timers++
				out.Reset()
				c := q.nodes[i]
				// The second try at once: what is repeated is in the air already.
				c.race.tries = roundTries - 1
				c.Step(c.race.retryAt, protocols.Input{}, &out)
				visit(q, i)
			}
			if p.crash < s.crashes && n.epoch == 0 {
				q := p.with(i)
				q.crash++
				c, err := NewNode(config(i, q.stores[i]))
				if err != nil {
					t.Fatal(err)
				}
				q.nodes[i] = c
				out.Reset()
				c.Step(0, protocols.Input{}, &out)
				visit(q, i)
			}
		}
	}
	t.Logf("%d states, %d ends, %d proposals certified in one course or another", len(seen), ends, len(certified))
	if len(seen) < s.states || ends == 0 {
		t.Errorf("%d states, want %d; %d ends", len(seen), s.states, ends)
	}
	if len(certified) < 2 && (len(s.proposers) > 1 || s.liar) {
		t.Errorf("%d proposals certified in one course or another, want 2: there is no race to lose", len(certified))
	}
}

func TestExploreEveryOrder(t *testing.T) {
	for _, s := range []scene{
		{name: "three, two propose, one crashes", members: 3, proposers: []int{0, 1}, timers: 2, crashes: 1, events: 6, states: 3000},
		{name: "three, doubled", members: 3, proposers: []int{0, 1}, timers: 2, doubles: 2, events: 6, states: 3000},
		{name: "four, the owner lies", members: 4, faulty: 1, liar: true, timers: 3, events: 5, states: 3000},
	} {
		t.Run(s.name, func(t *testing.T) {
			newTeam(s.members).explore(t, s)
		})
	}
}
