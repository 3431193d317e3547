package ota

import (
	"crypto/ed25519"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/signature"
	"github.com/perfgate/perfgate/protocols/simnet"
)

func key(i int) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	binary.LittleEndian.PutUint64(seed, uint64(i)+1)
	return ed25519.NewKeyFromSeed(seed)
}

func peer(i int) protocols.PeerID { return protocols.PeerID(key(i).Public().(ed25519.PublicKey)) }

// noise is content that does not compress.
func noise(size int, seed uint64) []byte {
	b := make([]byte, size)
	r := rand.New(rand.NewPCG(seed, 5))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

var (
	v1, v2, v3 = Version{1, 0, 0}, Version{1, 1, 0}, Version{2, 0, 0}
	oldContent = noise(20_000, 1)
	newContent = append(noise(3_000, 2), oldContent...)
)

// A fleet is peers of whom the first are members, each of an authority of its own.
type fleet struct {
	net     *simnet.Network
	cfg     Config // common to all
	nodes   []*Node
	stores  []protocols.Store
	checked []int // how often each peer's health was asked
	health  func(peer int, p Package) Health
	away    []bool // peers that hear nothing, and whom nobody hears
	sent    int    // datagrams, by those that are not away
}

// A gate is between a peer and the network.
type gate struct {
	f *fleet
	i int
}

func (g gate) Step(now time.Duration, in protocols.Input, out *protocols.Output) {
	if g.f.away[g.i] {
		in = protocols.Input{}
	}
	g.f.nodes[g.i].Step(now, in, out)
	g.leave(out)
}

func (g gate) AppendState(dst []byte) []byte { return g.f.nodes[g.i].AppendState(dst) }

func (g gate) leave(out *protocols.Output) {
	if g.f.away[g.i] {
		out.Datagrams = nil
	}
	g.f.sent += len(out.Datagrams)
}

func members(n int) (*quorum.Group, []Authority) {
	var ids []protocols.PeerID
	for i := range n {
		ids = append(ids, peer(i))
	}
	g, err := quorum.NewGroup([32]byte{3}, ids)
	if err != nil {
		panic(err)
	}
	var a []Authority
	for i := range n {
		a = append(a, Authority{byte(i + 1)})
	}
	return g, a
}

func newFleet(tb testing.TB, opts simnet.Options, n int, change func(*Config)) *fleet {
	tb.Helper()
	net, err := simnet.New(opts)
	if err != nil {
		tb.Fatal(err)
	}
	f := &fleet{net: net, checked: make([]int, n), away: make([]bool, n)}
	g, a := members(n)
	f.cfg = Config{Policy: Policy{Group: g, Authorities: a}, Seed: opts.Seed, Verifier: &signature.Memo{Of: new(signature.Ed25519)}}
	if change != nil {
		change(&f.cfg)
	}
	if f.cfg.Peers == nil {
		for i := range n {
			f.cfg.Peers = append(f.cfg.Peers, peer(i))
		}
	}
	for i := range n {
		store := simnet.Memory{}
		if _, err := Install(store, v1, oldContent, 4<<10); err != nil {
			tb.Fatal(err)
		}
		f.stores = append(f.stores, store)
		f.nodes = append(f.nodes, f.start(tb, i))
		if err := net.Add(peer(i), gate{f, i}); err != nil {
			tb.Fatal(err)
		}
	}
	return f
}

// start makes the node of a peer from its store.
func (f *fleet) start(tb testing.TB, i int) *Node {
	tb.Helper()
	n, err := f.build(i, f.stores[i])
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func (f *fleet) build(i int, store protocols.Store) (*Node, error) {
	cfg := f.cfg
	cfg.Self, cfg.Key = peer(i), key(i)
	cfg.Check = func(p Package) Health {
		f.checked[i]++
		if f.health != nil {
			return f.health(i, p)
		}
		return Good
	}
	return NewNode(cfg, store)
}

func (f *fleet) do(tb testing.TB, i int, act func(n *Node, now time.Duration, out *protocols.Output)) {
	tb.Helper()
	err := f.net.Do(peer(i), func(now time.Duration, out *protocols.Output) {
		act(f.nodes[i], now, out)
		gate{f, i}.leave(out)
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// offer is an upgrade to version 1.1.0 at epoch 100.
func offer() Offer {
	return Offer{Version: v2, Content: newContent, Activation: 100, Expiry: 200, Chunk: 4 << 10}
}

func (f *fleet) propose(tb testing.TB, i int, o Offer) ID {
	tb.Helper()
	var id ID
	f.do(tb, i, func(n *Node, now time.Duration, out *protocols.Output) {
		var err error
		if id, err = n.Propose(now, o, out); err != nil {
			tb.Fatal(err)
		}
	})
	return id
}

func (f *fleet) epoch(tb testing.TB, e uint64) {
	tb.Helper()
	for i := range f.nodes {
		f.do(tb, i, func(n *Node, now time.Duration, out *protocols.Output) { n.SetEpoch(now, e, out) })
	}
}

// phases checks that every peer is in a phase and runs a version.
func (f *fleet) phases(tb testing.TB, p Phase, v Version) {
	tb.Helper()
	for i, n := range f.nodes {
		if _, got := n.Installing(); got != p || n.Running().Version != v || n.Err() != nil {
			tb.Fatalf("peer %d: %v, runs %v, %v; want %v, %v", i, got, n.Running().Version, n.Err(), p, v)
		}
	}
}
