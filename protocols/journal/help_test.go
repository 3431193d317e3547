package journal

import (
	"crypto/ed25519"
	"encoding/binary"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A team is a group whose private keys the test holds.
type team struct {
	antientropy.Group
	keys map[protocols.PeerID]ed25519.PrivateKey
}

func newTeam(members int, unsigned bool) *team {
	t := &team{keys: map[protocols.PeerID]ed25519.PrivateKey{}}
	t.ID, t.Key, t.Epoch, t.Unsigned = [32]byte{1}, [32]byte{2}, 3, unsigned
	for i := range members {
		if unsigned {
			t.Members = append(t.Members, protocols.PeerID{1, byte(i >> 8), byte(i)})
			continue
		}
		var seed [32]byte
		binary.LittleEndian.PutUint64(seed[:], uint64(i)+1)
		key := ed25519.NewKeyFromSeed(seed[:])
		id := protocols.PeerID(key.Public().(ed25519.PublicKey))
		t.Members = append(t.Members, id)
		t.keys[id] = key
	}
	return t
}

func (t *team) newLog(tb testing.TB) *antientropy.Log {
	tb.Helper()
	l, err := antientropy.NewLog(t.Group)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// record makes an author's record of a number, with a payload of at least 8 bytes.
func (t *team) record(author int, seq uint64, size int) antientropy.Record {
	r := antientropy.Record{Kind: antientropy.Op, Author: t.Members[author], Seq: seq}
	switch {
	case seq%11 == 0:
		r.Kind, r.Payload = antientropy.Fact, antientropy.NewFact("key", []byte{byte(author), byte(seq)})
	case seq%13 == 0:
		r.Kind, r.Payload = antientropy.Cap, antientropy.NewCap(t.Members[0], ^(uint64(1)<<(seq%64)))
	default:
		r.Payload = make([]byte, size)
		binary.LittleEndian.PutUint64(r.Payload, seq<<8|uint64(author))
	}
	if !t.Unsigned {
		r.Sign(t.Group, t.keys[r.Author])
	}
	return r
}

func (t *team) records(author int, first, last uint64, size int) []antientropy.Record {
	var rs []antientropy.Record
	for seq := first; seq <= last; seq++ {
		rs = append(rs, t.record(author, seq, size))
	}
	return rs
}

func (t *team) fill(tb testing.TB, l *antientropy.Log, author int, first, last uint64) {
	tb.Helper()
	for _, r := range t.records(author, first, last, 100) {
		if added, err := l.Insert(r); !added || err != nil {
			tb.Fatal(added, err)
		}
	}
}

// A world is a network with one node for each member.
type world struct {
	*team
	net   *simnet.Network
	nodes []*Node
}

func (t *team) world(tb testing.TB, opts simnet.Options, cfg Config, logs ...*antientropy.Log) *world {
	tb.Helper()
	net, err := simnet.New(opts)
	if err != nil {
		tb.Fatal(err)
	}
	w := &world{team: t, net: net}
	for i, id := range t.Members {
		l := t.newLog(tb)
		if i < len(logs) && logs[i] != nil {
			l = logs[i]
		}
		cfg.Self, cfg.Seed = id, opts.Seed
		n, err := New(l, cfg)
		if err != nil {
			tb.Fatal(err)
		}
		w.nodes = append(w.nodes, n)
		if err := net.Add(id, n); err != nil {
			tb.Fatal(err)
		}
	}
	return w
}

func (w *world) do(tb testing.TB, i int, f func(n *Node, now time.Duration, out *protocols.Output) error) {
	tb.Helper()
	err := w.net.Do(w.Members[i], func(now time.Duration, out *protocols.Output) {
		if err := f(w.nodes[i], now, out); err != nil {
			tb.Fatal(err)
		}
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// publish lets a member write so many records of a size.
func (w *world) publish(tb testing.TB, author, count, size int) {
	tb.Helper()
	w.do(tb, author, func(n *Node, now time.Duration, out *protocols.Output) error {
		first := n.log.High(n.cfg.Self) + 1
		return n.Publish(now, w.records(author, first, first+uint64(count)-1, size), out)
	})
}

func (w *world) syncAll(tb testing.TB, i int, peers ...protocols.PeerID) {
	tb.Helper()
	w.do(tb, i, func(n *Node, now time.Duration, out *protocols.Output) error { return n.SyncAll(now, peers, out) })
}

// only returns the one result of a node.
func (w *world) only(tb testing.TB, i int) Result {
	tb.Helper()
	rs := w.nodes[i].TakeResults()
	if len(rs) != 1 {
		tb.Fatalf("node %d has %d results: %+v", i, len(rs), rs)
	}
	return rs[0]
}

// rest runs until nothing is left to happen and checks that nothing is kept.
func (w *world) rest(tb testing.TB) {
	tb.Helper()
	w.net.Run(w.net.Now()+time.Hour, nil)
	for i, n := range w.nodes {
		if n.Held() != 0 || n.Sessions() != 0 {
			tb.Fatalf("node %d at rest keeps %d stretches, groups and tasks, and %d sessions", i, n.Held(), n.Sessions())
		}
	}
}

// equal reports whether all logs hold the same records.
func (w *world) equal() bool {
	first := w.nodes[0].log.Digest()
	for _, n := range w.nodes[1:] {
		if d := n.log.Digest(); !d.Equal(&first) {
			return false
		}
	}
	return true
}

// same checks that all logs hold the same so many records, and reduce to the same state.
func (w *world) same(tb testing.TB, records int) {
	tb.Helper()
	first := w.nodes[0].log
	for i, n := range w.nodes {
		l := n.log
		if l.Len() != records || l.Compare(first) != antientropy.Equal || l.Digest() != l.Recompute() {
			tb.Fatalf("node %d holds %d records, want %d; against node 0: %v", i, l.Len(), records, l.Compare(first))
		}
		v, ok := l.Fact("key")
		v0, ok0 := first.Fact("key")
		if string(v) != string(v0) || ok != ok0 || l.Caps(w.Members[0]) != first.Caps(w.Members[0]) {
			tb.Fatalf("node %d reduces to another state", i)
		}
	}
}

func (w *world) stats() (s Stats) {
	for _, n := range w.nodes {
		t := n.Stats()
		s.Pushes += t.Pushes
		s.Parity += t.Parity
		s.Answers += t.Answers
		s.Beacons += t.Beacons
		s.Nacks += t.Nacks
		s.Applied += t.Applied
		s.Duplicates += t.Duplicates
		s.Rebuilt += t.Rebuilt
		s.GivenUp += t.GivenUp
		s.Refused += t.Refused
		s.Silent += t.Silent
	}
	return s
}

func newLogOf(t *team) (*antientropy.Log, error) { return antientropy.NewLog(t.Group) }
