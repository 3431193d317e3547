package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/explore"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A tangle is a few members and the datagrams between them, of which any may arrive next, get lost,
// or find its receiver crashed.
type tangle struct {
	*team
	plan   plan
	nodes  []*Node
	stores []simnet.Memory
	votes  map[string]quorum.Vote // signatures made so far, whoever needed them
	flying []protocols.Datagram   // in order of content; equal ones are one
	from   map[string]int
	out    protocols.Output
	losses int
	crash  int
	ticks  []int
	signed map[[2]uint64]quorum.Statement // by member and epoch, as seen on the way
	agreed map[uint64]quorum.Statement
}

// A plan says what can go wrong, and how often.
type plan struct {
	members, proposers     int
	losses, crashes, ticks int
	timeout                bool // timers are those that give up
	lags                   bool // the last member lacks records and gets them at some time
}

func newTangle(t *team, votes map[string]quorum.Vote, p plan) *tangle {
	s := &tangle{
		team: t, plan: p, votes: votes, from: map[string]int{}, ticks: make([]int, p.members),
		signed: map[[2]uint64]quorum.Statement{}, agreed: map[uint64]quorum.Statement{},
	}
	for i := range p.members {
		s.stores = append(s.stores, simnet.Memory{})
		s.nodes = append(s.nodes, s.boot(i))
	}
	for i := range p.proposers {
		s.out.Reset()
		f := antientropy.Frontier{}
		for range p.members {
			f = append(f, 0)
		}
		f[0] = 10 - uint64(i)
		if _, err := s.nodes[i].Propose(0, f, &s.out); err != nil {
			t.tb.Fatal(err)
		}
		if err := s.fly(i); err != nil {
			t.tb.Fatal(err)
		}
	}
	return s
}

func (s *tangle) boot(i int) *Node {
	l := s.log()
	if last := uint64(10); s.plan.lags && i == s.plan.members-1 {
		s.add(l, 0, 1, last/2)
	} else {
		s.add(l, 0, 1, last)
	}
	c := s.config(i, l)
	c.Store, c.Self = s.stores[i], s.q.Member(i)
	c.Sign = func(st quorum.Statement) (quorum.Vote, error) {
		key := string(append(st[:], byte(i)))
		v, ok := s.votes[key]
		if !ok {
			var err error
			if v, err = s.q.Sign(s.keys[i], st); err != nil {
				return v, err
			}
			s.votes[key] = v
		}
		return v, nil
	}
	c.Twice = 1 // a copy in flight is no news
	if c.Resend, c.Timeout = time.Second, time.Hour; s.plan.timeout {
		c.Resend, c.Timeout = time.Hour, time.Second
	}
	return s.node(c)
}

// fly takes in what a member sent, and checks the laws.
func (s *tangle) fly(from int) error {
	for _, d := range s.out.Datagrams {
		key := string(d.To[:]) + string(d.Data)
		if at, ok := slices.BinarySearchFunc(s.flying, key, func(d protocols.Datagram, k string) int {
			return bytes.Compare(append(slices.Clone(d.To[:]), d.Data...), []byte(k))
		}); !ok {
			s.flying = slices.Insert(s.flying, at, protocols.Datagram{To: d.To, Data: slices.Clone(d.Data)})
			s.from[key] = from
		}
		e, err := protocols.ParseEnvelope(d.Data)
		if err != nil {
			return err
		}
		m, err := parseMessage(e.Session, len(s.nodes), e.Body)
		if err != nil {
			return err
		}
		if m.kind == kindCut {
			m.statement = m.proposal.Statement(s.q)
		}
		for b := m.votes; len(b) > 0; b = b[quorum.VoteSize:] {
			v := quorum.ParseVote(b)
			k := [2]uint64{uint64(v.Member), m.epoch}
			if before, ok := s.signed[k]; ok && before != m.statement {
				return fmt.Errorf("member %d signed two cuts of epoch %d", v.Member, m.epoch)
			}
			s.signed[k] = m.statement
		}
	}
	for i, n := range s.nodes {
		if c := n.commit; c != nil {
			if before, ok := s.agreed[c.Epoch]; ok && before != n.agreed {
				return fmt.Errorf("two cuts of epoch %d are agreed on", c.Epoch)
			}
			s.agreed[c.Epoch] = n.agreed
			for _, o := range s.nodes {
				if o.commit != nil && o.commit.Epoch > c.Epoch && !o.commit.Frontier.Covers(c.Frontier) {
					return fmt.Errorf("the cut of epoch %d does not cover that of epoch %d", o.commit.Epoch, c.Epoch)
				}
			}
			if err := n.Verify(c); err != nil {
				return err
			}
		}
		pending := slices.ContainsFunc(n.rounds, func(r *round) bool { return n.fence != nil && r.statement == n.fence.statement })
		if n.fence != nil && !pending {
			return fmt.Errorf("member %d keeps a fence with nothing pending", i)
		}
	}
	return nil
}

// Actions are, in this order: each datagram arrives; each gets lost; each member crashes; the timer of
// each runs out; the one that lags gets its records.
func (s *tangle) Actions() int {
	n := len(s.flying)
	if s.losses < s.plan.losses {
		n += len(s.flying)
	}
	if s.crash < s.plan.crashes {
		n += len(s.nodes)
	}
	for i := range s.nodes {
		if s.awake(i) {
			n++
		}
	}
	if s.lagging() {
		n++
	}
	return n
}

func (s *tangle) awake(i int) bool {
	return s.ticks[i] < s.plan.ticks && s.nodes[i].wake() != protocols.Never
}

func (s *tangle) lagging() bool {
	l := s.nodes[len(s.nodes)-1].log
	return s.plan.lags && l.Len() < 10
}

func (s *tangle) decode(a int) (what string, i int) {
	if a < len(s.flying) {
		return "arrive", a
	}
	a -= len(s.flying)
	if s.losses < s.plan.losses {
		if a < len(s.flying) {
			return "lose", a
		}
		a -= len(s.flying)
	}
	if s.crash < s.plan.crashes {
		if a < len(s.nodes) {
			return "crash", a
		}
		a -= len(s.nodes)
	}
	for i := range s.nodes {
		if s.awake(i) {
			if a == 0 {
				return "tick", i
			}
			a--
		}
	}
	return "records", len(s.nodes) - 1
}

func (s *tangle) Do(a int) error {
	what, i := s.decode(a)
	s.out.Reset()
	switch what {
	case "arrive", "lose":
		d := s.flying[i]
		from := s.from[string(d.To[:])+string(d.Data)]
		s.flying = slices.Delete(s.flying, i, i+1)
		if what == "lose" {
			s.losses++
			return nil
		}
		i, _ = s.q.Index(d.To)
		n := s.nodes[i]
		n.Step(n.now, protocols.Input{From: s.q.Member(from), Data: d.Data}, &s.out)
	case "crash":
		s.crash++
		s.nodes[i] = s.boot(i)
		s.nodes[i].Step(0, protocols.Input{}, &s.out)
	case "tick":
		s.ticks[i]++
		s.nodes[i].Step(s.nodes[i].wake(), protocols.Input{}, &s.out)
	case "records":
		s.add(s.nodes[i].log, 0, 6, 10)
		s.nodes[i].Advance(s.nodes[i].now, &s.out)
	}
	return s.fly(i)
}

func (s *tangle) Describe(a int) string {
	what, i := s.decode(a)
	if what == "arrive" || what == "lose" {
		d := s.flying[i]
		to, _ := s.q.Index(d.To)
		return fmt.Sprintf("%s: kind %d from %d to %d", what, d.Data[protocols.EnvelopeSize], s.from[string(d.To[:])+string(d.Data)], to)
	}
	return fmt.Sprintf("%s %d", what, i)
}

func (s *tangle) State() []byte {
	h := sha256.New()
	var b []byte
	for i, n := range s.nodes {
		b = n.appendState(b[:0], false)
		b = binary.LittleEndian.AppendUint32(b, uint32(s.ticks[i]))
		h.Write(b)
	}
	for _, d := range s.flying {
		h.Write(d.To[:])
		h.Write(d.Data)
		h.Write([]byte{byte(s.from[string(d.To[:])+string(d.Data)])})
	}
	h.Write([]byte{byte(s.losses), byte(s.crash)})
	return h.Sum(nil)
}

// mostStates bounds each search; the plan with two proposals is whole with 60,000.
var mostStates = flag.Int("states", 1500, "states that each search looks at")

// All that three members can meet within a bound. States differ by far more than what is asserted, so
// each plan is kept small; together they take a few seconds.
func TestEveryInterleaving(t *testing.T) {
	for name, p := range map[string]plan{
		"nothing goes wrong":  {members: 3, proposers: 1},
		"a loss":              {members: 3, proposers: 1, losses: 1, ticks: 1},
		"two propose":         {members: 3, proposers: 2},
		"two propose, a loss": {members: 3, proposers: 2, losses: 1},
		"a crash":             {members: 3, proposers: 1, crashes: 1},
		"two and a crash":     {members: 3, proposers: 2, crashes: 1},
		"two and timeouts":    {members: 3, proposers: 2, ticks: 1, timeout: true},
		"one lags":            {members: 3, proposers: 1, lags: true, ticks: 1},
		"two members":         {members: 2, proposers: 2, losses: 1, crashes: 1, ticks: 1},
	} {
		t.Run(name, func(t *testing.T) {
			team, votes := newTeam(t, p.members), map[string]quorum.Vote{}
			r, err := explore.All(func() explore.System { return newTangle(team, votes, p) }, explore.Bounds{States: *mostStates})
			t.Logf("%+v", r)
			if err != nil {
				t.Error(err)
			}
			if r.States < 20 {
				t.Errorf("only %d states", r.States)
			}
		})
	}
}
