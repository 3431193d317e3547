package antientropy

import (
	"crypto/ed25519"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A team is a group whose private keys the test holds.
type team struct {
	Group
	keys map[protocols.PeerID]ed25519.PrivateKey
}

func newTeam(members int, unsigned bool) *team {
	t := &team{keys: map[protocols.PeerID]ed25519.PrivateKey{}}
	t.ID, t.Key, t.Epoch, t.Unsigned = [32]byte{1}, [32]byte{2}, 3, unsigned
	for i := range members {
		var seed [32]byte
		binary.LittleEndian.PutUint64(seed[:], uint64(i)+1)
		key := ed25519.NewKeyFromSeed(seed[:])
		id := protocols.PeerID(key.Public().(ed25519.PublicKey))
		t.Members = append(t.Members, id)
		t.keys[id] = key
	}
	return t
}

func (t *team) log(tb testing.TB) *Log {
	tb.Helper()
	l, err := NewLog(t.Group)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// record makes an author's record of a number: every fifth is a fact, every seventh a capability.
func (t *team) record(author int, seq uint64) Record {
	r := Record{Kind: Op, Author: t.Members[author], Seq: seq}
	switch {
	case seq%5 == 0:
		r.Kind, r.Payload = Fact, NewFact("key", []byte{byte(author), byte(seq)})
	case seq%7 == 0:
		r.Kind, r.Payload = Cap, NewCap(t.Members[0], ^(uint64(1)<<(seq%64)))
	default:
		r.Payload = binary.LittleEndian.AppendUint64(make([]byte, 100), seq<<8|uint64(author))
	}
	return t.signed(r)
}

func (t *team) signed(r Record) Record {
	if !t.Unsigned {
		r.Sign(t.Group, t.keys[r.Author])
	}
	return r
}

// add inserts an author's records first to last.
func (t *team) add(tb testing.TB, l *Log, author int, first, last uint64) {
	tb.Helper()
	for seq := first; seq <= last; seq++ {
		if added, err := l.Insert(t.record(author, seq)); err != nil || !added {
			tb.Fatalf("insert %d of author %d: added %v, %v", seq, author, added, err)
		}
	}
}

// thinned returns a log with every second record of the first author, so many holes that they are not
// told one by one, and without those that are left out.
func (t *team) thinned(tb testing.TB, last uint64, without func(seq uint64) bool) *Log {
	tb.Helper()
	l := t.log(tb)
	for seq := uint64(2); seq <= last; seq += 2 {
		if without == nil || !without(seq) {
			t.add(tb, l, 0, seq, seq)
		}
	}
	if l.exact() {
		tb.Fatal("too few holes")
	}
	return l
}

// A world is a network with one node for each log; node i is member i.
type world struct {
	net   *simnet.Network
	nodes []*Node
}

func (t *team) world(tb testing.TB, opts simnet.Options, cfg Config, logs ...*Log) *world {
	tb.Helper()
	net, err := simnet.New(opts)
	if err != nil {
		tb.Fatal(err)
	}
	w := &world{net: net}
	for i, l := range logs {
		cfg.Self, cfg.Seed = t.Members[i], opts.Seed
		n, err := NewNode(l, cfg)
		if err != nil {
			tb.Fatal(err)
		}
		w.nodes = append(w.nodes, n)
		if err := net.Add(cfg.Self, n); err != nil {
			tb.Fatal(err)
		}
	}
	return w
}

func (w *world) start(tb testing.TB, from, to int) {
	tb.Helper()
	err := w.net.Do(w.nodes[from].cfg.Self, func(now time.Duration, out *protocols.Output) {
		if _, err := w.nodes[from].Start(now, w.nodes[to].cfg.Self, out); err != nil {
			tb.Fatal(err)
		}
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// sync runs one session from node 0 to node 1 until nothing is left to happen, checks what must
// hold of every session that converged, and returns both results.
func (w *world) sync(tb testing.TB) (a, b Result) {
	tb.Helper()
	w.start(tb, 0, 1)
	w.net.Run(time.Hour, nil)
	a, b = w.only(tb, 0), w.only(tb, 1)
	if a.Err != nil || b.Err != nil || !a.Converged || !b.Converged {
		tb.Fatalf("not converged: %v, %v", a.Err, b.Err)
	}
	w.same(tb)
	for i, n := range w.nodes {
		if n.Sessions() != 0 {
			tb.Fatalf("node %d still holds %d sessions", i, n.Sessions())
		}
	}
	return a, b
}

func (w *world) only(tb testing.TB, i int) Result {
	tb.Helper()
	rs := w.nodes[i].TakeResults()
	if len(rs) != 1 {
		tb.Fatalf("node %d has %d results: %+v", i, len(rs), rs)
	}
	return rs[0]
}

// same checks that all logs hold the same set, record by record and in every view of it.
func (w *world) same(tb testing.TB) {
	tb.Helper()
	first := w.nodes[0].log
	for i, n := range w.nodes {
		l := n.log
		if o := first.Compare(l); o != Equal {
			tb.Fatalf("node 0 against node %d: %v", i, o)
		}
		if d := l.Digest(); d != first.Digest() || d != l.Recompute() {
			tb.Fatalf("node %d: digest %+v", i, d)
		}
		v, ok := l.Fact("key")
		v0, ok0 := first.Fact("key")
		if string(v) != string(v0) || ok != ok0 || l.Caps(l.group.Members[0]) != first.Caps(l.group.Members[0]) {
			tb.Fatalf("node %d reduces to another state", i)
		}
	}
}

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }
