package epoch

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A mind is what one member thinks and has written down.
type mind struct {
	node      *Node
	store     simnet.Memory
	at        int
	certified bool      // it holds a certificate: nothing more is to be learned from it
	proposal  ID        // of that
	effects   []*effect // of events, from crashed on; nil where none was asked for
}

// A letter is a datagram that was sent.
type letter struct {
	from, to int
	data     []byte
}

// Events other than the delivery of a letter.
const (
	fires   = -1
	crashed = -2
)

// An effect is the mind after an event, and the letters that were sent.
type effect struct {
	mind int
	sent []int
}

// copyNode returns a node that shares nothing that changes.
func copyNode(n *Node, store simnet.Memory) *Node {
	c := *n
	c.cfg.Store = store
	c.scratch, c.votes, c.checks, c.of = nil, nil, nil, nil
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

// meet returns the number of a mind.
func (x *explorer) meet(at int, n *Node, store simnet.Memory) int {
	b := append(n.appendState([]byte{byte(at)}), byte(n.race.tries), bit(n.race.active), bit(n.mine != nil),
		bit(n.askedAt != 0 && n.now < n.askedAt+n.cfg.Retry/8))
	for _, name := range []string{fileVote, fileCertificate} {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(store[name]))), store[name]...)
	}
	sum := sha256.Sum256(b)
	i, ok := x.known[sum]
	if !ok {
		i = len(x.minds)
		m := &mind{node: n, store: store, at: at, certified: n.epoch == 1}
		if m.certified {
			m.proposal = n.current.Proposal.ID()
		}
		x.known[sum] = i
		x.minds = append(x.minds, m)
	}
	return i
}

// said returns the numbers of the letters in the output. Copies of a datagram sent at once are one:
// doubling is an event of its own.
func (x *explorer) said(from int) (numbers []int) {
	for _, d := range x.out.Datagrams {
		to, _ := x.group.Index(d.To)
		if x.liar && to == x.owner(1, 0) {
			continue
		}
		numbers = append(numbers, x.mail(from, to, d.Data))
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

func (x *explorer) mail(from, to int, data []byte) int {
	name := string(append([]byte{byte(from), byte(to)}, data...))
	i, ok := x.sent[name]
	if !ok {
		i = len(x.letters)
		x.sent[name] = i
		x.letters = append(x.letters, letter{from, to, slices.Clone(data)})
	}
	return i
}

// effect returns what a mind makes of an event.
func (x *explorer) effect(of, what int) *effect {
	m := x.minds[of]
	for len(m.effects) <= what-crashed {
		m.effects = append(m.effects, nil)
	}
	if f := m.effects[what-crashed]; f != nil {
		return f
	}
	store := maps.Clone(m.store)
	x.out.Reset()
	var n *Node
	switch what {
	case crashed:
		var err error
		if n, err = NewNode(x.config(m.at, store)); err != nil {
			x.t.Fatal(err)
		}
		n.Step(0, protocols.Input{}, &x.out)
	case fires:
		n = copyNode(m.node, store)
		// The second try at once: what is repeated is in the air already.
		n.race.tries = roundTries - 1
		n.Step(n.race.retryAt, protocols.Input{}, &x.out)
	default:
		n = copyNode(m.node, store)
		l := x.letters[what]
		n.Step(n.now, protocols.Input{From: x.group.Member(l.from), Data: l.data}, &x.out)
	}
	f := &effect{x.meet(m.at, n, store), x.said(m.at)}
	m.effects[what-crashed] = f
	return f
}
