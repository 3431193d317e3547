package benchmarks

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/chunk"
	"github.com/perfgate/perfgate/protocols/journal"
	"github.com/perfgate/perfgate/protocols/ota"
	"github.com/perfgate/perfgate/protocols/signature"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// heapOf lets go of nodes, of which nothing else may hold any, and returns how many bytes of the heap each of
// them had.
func heapOf(nodes []any) float64 {
	heapInUse() // what was started by the first collection is there now
	with := heapInUse()
	clear(nodes)
	return float64(with-heapInUse()) / float64(len(nodes))
}

func TestHeapOf(t *testing.T) {
	const each = 1 << 20 // beside which the few KB that the runtime may need meanwhile are nothing
	shared := make([]byte, each)
	var nodes []any
	for range 4 {
		nodes = append(nodes, [2][]byte{make([]byte, each), shared})
	}
	if got := heapOf(nodes); got < each*99/100 || got > each*101/100 {
		t.Errorf("four slices of %d bytes take %v bytes each", each, got)
	}
	runtime.KeepAlive(shared)
}

// states keeps what was measured in this process, as panels do.
var states = map[string]float64{}

// reportState prints how much of the heap becomes free with each of the nodes that build returns. What
// they share with others, and what is not to be counted, is the rest.
func reportState(b *testing.B, name string, build func(b *testing.B) (nodes []any, rest any)) {
	b.Run(name, func(b *testing.B) {
		for b.Loop() {
			if _, ok := states[name]; ok {
				continue
			}
			nodes, rest := build(b)
			states[name] = heapOf(nodes)
			runtime.KeepAlive(rest)
		}
		b.ReportMetric(0, "ns/op") // of what was measured already it says nothing
		b.ReportMetric(states[name], "state-B")
	})
}

// anys is a slice of anything.
func anys[T any](s []T) []any {
	a := make([]any, len(s))
	for i, v := range s {
		a[i] = v
	}
	return a
}

// StateMemory is what a node of each protocol holds in memory while nothing goes on, beside its log, its
// store and what a group has in common: after an epoch, a cut, a committed upgrade, a publish or a sync.
func BenchmarkStateMemory(b *testing.B) {
	for _, peers := range []int{10, 100} {
		reportState(b, fmt.Sprintf("of=epoch/peers=%d", peers), func(b *testing.B) ([]any, any) {
			a := newAssembly(b, peers)
			net, nodes := a.prepare(b, simnet.Ideal(1), 0)
			a.begin(b, net, nodes)
			return anys(nodes), a
		})
	}
	for _, peers := range []int{10, 100} {
		reportState(b, fmt.Sprintf("of=snapshot/peers=%d", peers), func(b *testing.B) ([]any, any) {
			c := newCouncil(b, peers, 100, 64)
			net, nodes, stores := c.prepare(b, simnet.Ideal(1))
			c.cut(b, net, nodes, 0)
			return anys(nodes), []any{c, stores}
		})
	}
	for _, peers := range []int{10, 100} {
		reportState(b, fmt.Sprintf("of=ota/peers=%d", peers), func(b *testing.B) ([]any, any) { return committed(b, peers) })
	}
	for _, chunks := range []int{100, 1000} {
		reportState(b, fmt.Sprintf("of=transfer/chunks=%d", chunks), func(b *testing.B) ([]any, any) { return fetched(b, chunks) })
	}
	for _, peers := range []int{10, 100} {
		reportState(b, fmt.Sprintf("of=journal/peers=%d", peers), func(b *testing.B) ([]any, any) {
			c := newCrowd(b, peers, simnet.Ideal(1), journal.Config{}, nil)
			c.publish(b, c.batch(0, 80))
			var logs []any
			for _, n := range c.nodes {
				logs = append(logs, n.Log())
			}
			return anys(c.nodes), []any{logs, c.group}
		})
	}
	for _, records := range []int{1000, 10000} {
		for _, sessions := range []int{0, 1} {
			reportState(b, fmt.Sprintf("of=anti-entropy/ops=%d/sessions=%d", records, sessions), func(b *testing.B) ([]any, any) {
				d := newPair(b, true, records, 100, 1)
				return anys(d.reconciling(b, sessions)), d
			})
		}
	}
}

// reconciling returns nodes that have synced, or are in the midst of it: both know what they lack.
func (d *duo) reconciling(b *testing.B, sessions int) []*antientropy.Node {
	s := simnet.Realistic(1)
	net, nodes := d.prepare(b, s)
	if sessions == 0 {
		d.sync(b, net, nodes, 1)
	} else {
		err := net.Do(d.group.Members[0], func(now time.Duration, out *protocols.Output) {
			if _, err := nodes[0].Start(now, d.group.Members[1], out); err != nil {
				b.Fatal(err)
			}
		})
		if err != nil {
			b.Fatal(err)
		}
		net.Run(s.Link.Delay*5/2, nil)
	}
	for _, n := range nodes {
		if n.Sessions() != sessions {
			b.Fatalf("%d sessions, want %d", n.Sessions(), sessions)
		}
	}
	return nodes[:]
}

// committed returns the nodes of a fleet that has agreed on an upgrade of one chunk, and waits for its
// epoch.
func committed(b *testing.B, peers int) (nodes []any, rest any) {
	net, err := simnet.New(simnet.Ideal(1))
	if err != nil {
		b.Fatal(err)
	}
	policy, ids := otaPolicy(b, peers)
	by := &signature.Memo{Of: new(signature.Ed25519)}
	var stores []simnet.Memory
	var fleet []*ota.Node
	for i, id := range ids {
		stores = append(stores, simnet.Memory{})
		if _, err := ota.Install(stores[i], ota.Version{Major: 1}, []byte("the first"), chunk.MinChunk); err != nil {
			b.Fatal(err)
		}
		n, err := ota.NewNode(ota.Config{Policy: policy, Self: id, Key: otaKey(i), Peers: ids, Seed: 1, Verifier: by}, stores[i])
		if err != nil {
			b.Fatal(err)
		}
		if err := net.Add(id, n); err != nil {
			b.Fatal(err)
		}
		fleet = append(fleet, n)
	}
	var id ota.ID
	err = net.Do(ids[0], func(now time.Duration, out *protocols.Output) {
		o := ota.Offer{Version: ota.Version{Major: 2}, Content: []byte("the second"), Activation: 100, Expiry: 200, Chunk: chunk.MinChunk}
		if id, err = fleet[0].Propose(now, o, out); err != nil {
			b.Fatal(err)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	net.Run(time.Hour, nil)
	for i, n := range fleet {
		if _, phase := n.Installing(); phase != ota.Staged {
			st, why := n.State(id)
			b.Fatalf("peer %d: %v, %v, phase %v", i, st, why, phase)
		}
	}
	return anys(fleet), []any{policy, ids, by, stores}
}

// fetched returns what has fetched a content of so many chunks, manifest included, each by itself.
func fetched(b *testing.B, chunks int) (nodes []any, rest any) {
	data := noise(chunks*chunk.MinChunk, 1)
	var stores []simnet.Memory
	for i := range 4 {
		stores = append(stores, simnet.Memory{})
		f := transfer(b, data, chunk.MinChunk, stores[i], uint64(i)+1)
		nodes = append(nodes, f)
	}
	return nodes, stores
}

// transfer brings a content from one peer to another over a network without delay.
func transfer(b *testing.B, data []byte, size int, store protocols.Store, seed uint64) *chunk.Fetcher {
	net, err := simnet.New(simnet.Ideal(seed))
	if err != nil {
		b.Fatal(err)
	}
	m, err := chunk.NewManifest(data, size)
	if err != nil {
		b.Fatal(err)
	}
	server, err := chunk.NewServer(chunk.Config{}, m, chunk.Bytes{Manifest: m, Data: data}, rand.New(rand.NewPCG(seed, 0)))
	if err != nil {
		b.Fatal(err)
	}
	f, err := chunk.NewFetcher(chunk.Config{}, m.Root(), nil, store, rand.New(rand.NewPCG(seed, 1)))
	if err != nil {
		b.Fatal(err)
	}
	from, to := protocols.PeerID{1}, protocols.PeerID{2}
	f.AddSource(from)
	c := &carrier{f.Receive, f.Flush, f.Deadline, f.Done, 0}
	if err := net.Add(from, &carrier{server.Receive, server.Flush, server.Deadline, func() bool { return false }, 0}); err != nil {
		b.Fatal(err)
	}
	if err := net.Add(to, c); err != nil {
		b.Fatal(err)
	}
	if err := net.Do(to, func(now time.Duration, out *protocols.Output) { c.Step(now, protocols.Input{}, out) }); err != nil {
		b.Fatal(err)
	}
	net.Run(time.Hour, nil)
	if !f.Done() {
		b.Fatal("the content did not come")
	}
	return f
}

// OTATransfer is a content of a hundred chunks from one peer to another that has nothing, with all that
// both compute.
func BenchmarkOTATransfer(b *testing.B) {
	const chunks = 100
	data := noise(chunks*packChunk, 1)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		transfer(b, data, packChunk, nowhere{}, 1)
	}
}
