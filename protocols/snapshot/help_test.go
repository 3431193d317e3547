package snapshot

import (
	"crypto/ed25519"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/signature"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A team is a group whose private keys the test holds; keys and logs are in the order of the group.
type team struct {
	tb    testing.TB
	group antientropy.Group
	q     *quorum.Group
	keys  []ed25519.PrivateKey
	memo  *signature.Memo
}

func newTeam(tb testing.TB, n int) *team {
	t := &team{tb: tb, memo: &signature.Memo{Of: new(signature.Ed25519)}}
	t.group = antientropy.Group{ID: [32]byte{1}, Epoch: 3, Key: [32]byte{2}, Unsigned: true}
	byID := map[protocols.PeerID]ed25519.PrivateKey{}
	for i := range n {
		var seed [32]byte
		binary.LittleEndian.PutUint64(seed[:], uint64(i)+1)
		key := ed25519.NewKeyFromSeed(seed[:])
		id := protocols.PeerID(key.Public().(ed25519.PublicKey))
		t.group.Members = append(t.group.Members, id)
		byID[id] = key
	}
	var err error
	if t.q, err = quorum.NewGroup(t.group.ID, t.group.Members); err != nil {
		tb.Fatal(err)
	}
	for i := range n {
		t.keys = append(t.keys, byID[t.q.Member(i)])
	}
	return t
}

func (t *team) log() *antientropy.Log {
	l, err := antientropy.NewLog(t.group)
	if err != nil {
		t.tb.Fatal(err)
	}
	return l
}

// record makes a member's record of a number: every third is a fact, every seventh a capability.
func (t *team) record(member int, seq uint64) antientropy.Record {
	r := antientropy.Record{Kind: antientropy.Op, Author: t.q.Member(member), Seq: seq, Payload: []byte{byte(member), byte(seq)}}
	switch {
	case seq%3 == 0:
		r.Kind, r.Payload = antientropy.Fact, antientropy.NewFact(string(rune('a'+seq%2)), []byte{byte(member), byte(seq)})
	case seq%7 == 0:
		r.Kind, r.Payload = antientropy.Cap, antientropy.NewCap(t.q.Member(0), ^(uint64(1)<<(seq%9)))
	}
	return r
}

func (t *team) add(l *antientropy.Log, member int, first, last uint64) {
	for seq := first; seq <= last; seq++ {
		if _, err := l.Insert(t.record(member, seq)); err != nil {
			t.tb.Fatal(err)
		}
	}
}

func (t *team) config(i int, l *antientropy.Log) Config {
	return Config{Key: t.keys[i], Group: t.q, Log: l, Store: simnet.Memory{}, Verifier: t.memo, Seed: uint64(i)}
}

func (t *team) node(cfg Config) *Node {
	n, err := NewNode(cfg)
	if err != nil {
		t.tb.Fatal(err)
	}
	return n
}

// A world is members on a network, each with a log of ten records of member 0.
type world struct {
	*team
	net   *simnet.Network
	nodes []*Node
}

func newWorld(tb testing.TB, n int, opts simnet.Options, change func(i int, c *Config)) *world {
	w := &world{team: newTeam(tb, n)}
	var err error
	if w.net, err = simnet.New(opts); err != nil {
		tb.Fatal(err)
	}
	for i := range n {
		l := w.log()
		w.add(l, 0, 1, 10)
		c := w.config(i, l)
		c.Seed ^= opts.Seed << 8
		if change != nil {
			change(i, &c)
		}
		node := w.node(c)
		w.nodes = append(w.nodes, node)
		if err := w.net.Add(w.q.Member(i), node); err != nil {
			tb.Fatal(err)
		}
	}
	return w
}

func (w *world) do(i int, f func(now time.Duration, out *protocols.Output)) {
	if err := w.net.Do(w.q.Member(i), f); err != nil {
		w.tb.Fatal(err)
	}
}

// propose lets a member propose all that its log covers.
func (w *world) propose(i int) {
	w.do(i, func(now time.Duration, out *protocols.Output) {
		if _, err := w.nodes[i].Propose(now, w.nodes[i].log.Frontier(), out); err != nil {
			w.tb.Fatal(err)
		}
	})
}

func (w *world) everywhere(epoch uint64) bool {
	return !slices.ContainsFunc(w.nodes, func(n *Node) bool { return n.epoch() != epoch })
}
