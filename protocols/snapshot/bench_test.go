package snapshot

import (
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/quorum"
)

// A bench is one member of a group whose others are played by the test.
type bench struct {
	*team
	*Node
	out  protocols.Output
	time time.Duration
}

func newBench(tb testing.TB, members int, change func(c *Config)) *bench {
	b := &bench{team: newTeam(tb, members)}
	l := b.team.log()
	b.add(l, 0, 1, 10)
	c := b.config(0, l)
	if change != nil {
		change(&c)
	}
	b.Node = b.node(c)
	return b
}

// proposal is what a member would propose at a number of member 0's records.
func (b *bench) proposal(epoch, number uint64) Proposal {
	l := b.team.log()
	b.add(l, 0, 1, 10)
	f := make(antientropy.Frontier, b.n)
	f[0] = number
	cut, err := l.CutAt(f)
	if err != nil {
		b.tb.Fatal(err)
	}
	return Proposal{Epoch: epoch, Frontier: f, Root: cut.Root}
}

func (b *bench) sign(member int, s quorum.Statement) quorum.Vote {
	v, err := b.q.Sign(b.keys[member], s)
	if err != nil {
		b.tb.Fatal(err)
	}
	return v
}

// hear hands a message of another member to the node, and returns what it sends.
func (b *bench) hear(from int, m message) []message {
	e, err := protocols.Envelope{Type: protocols.TypeSnapshot, Session: m.epoch, Body: m.append(nil)}.Append(nil)
	if err != nil {
		b.tb.Fatal(err)
	}
	b.out.Reset()
	b.Step(b.time, protocols.Input{From: b.q.Member(from), Data: e}, &b.out)
	return b.said()
}

func (b *bench) said() (said []message) {
	for _, d := range b.out.Datagrams {
		e, err := protocols.ParseEnvelope(d.Data)
		if err != nil {
			b.tb.Fatal(err)
		}
		m, err := parseMessage(e.Session, b.n, e.Body)
		if err != nil {
			b.tb.Fatal(err)
		}
		said = append(said, m)
	}
	return said
}

func (b *bench) wait(d time.Duration) []message {
	b.time += d
	b.out.Reset()
	b.Step(b.time, protocols.Input{}, &b.out)
	return b.said()
}

func (b *bench) propose() (Proposal, quorum.Statement) {
	b.out.Reset()
	if _, err := b.Propose(b.time, b.Node.log.Frontier(), &b.out); err != nil {
		b.tb.Fatal(err)
	}
	if len(b.rounds) == 0 {
		return b.commit.Proposal, b.agreed // alone
	}
	r := b.rounds[len(b.rounds)-1]
	return r.proposal, r.statement
}

func votes(s quorum.Statement, epoch uint64, of ...quorum.Vote) message {
	m := message{kind: kindVotes, epoch: epoch, statement: s}
	for _, v := range of {
		m.votes = v.Append(m.votes)
	}
	return m
}
