package benchmarks

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/chunk"
	"github.com/perfgate/perfgate/protocols/ota"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/signature"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A package of the benchmarks, and what connects every peer. At these rates the least time in which any
// protocol could bring the package to everybody is packageSize / accessUp: 32 s.
const (
	packageSize = 2_000_000
	packChunk   = 8 << 10
	accessUp    = 500_000 // bits per second
	accessDown  = 4 * accessUp
)

func noise(size int, seed uint64) []byte {
	b := make([]byte, size)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// A carrier is a transfer on a network.
type carrier struct {
	receive  func(now time.Duration, from protocols.PeerID, body []byte) error
	flush    func(now time.Duration, out *protocols.Output)
	deadline func() time.Duration
	done     func() bool
	at       time.Duration
}

func (c *carrier) Step(now time.Duration, in protocols.Input, out *protocols.Output) {
	if in.Data != nil {
		if e, err := protocols.ParseEnvelope(in.Data); err == nil {
			c.receive(now, in.From, e.Body)
		}
	}
	c.flush(now, out)
	if c.at == 0 && c.done() {
		c.at = now
	}
	out.Wake = c.deadline()
}

// A distribution is what it cost to bring a package to so many peers.
type distribution struct {
	time, bound, upload, wire float64
	links                     run
}

var distributions = map[string]distribution{}

func spreadPackage(b *testing.B, s simnet.Scenario, peers int) distribution {
	opts := s.Options(1)
	opts.Access = simnet.Access{Up: accessUp, Down: accessDown, Queue: 256 << 10}
	net, err := simnet.New(opts)
	if err != nil {
		b.Fatal(err)
	}
	data := noise(packageSize, 1)
	m, err := chunk.NewManifest(data, packChunk)
	if err != nil {
		b.Fatal(err)
	}
	name := func(i int) (p protocols.PeerID) { binary.BigEndian.PutUint32(p[:], uint32(i+1)); return p }
	config := func() chunk.Config { return chunk.Config{Uplink: chunk.NewUplink(accessUp), Down: accessDown} }
	source, err := chunk.NewServer(config(), m, chunk.Bytes{Manifest: m, Data: data}, rand.New(rand.NewPCG(1, 0)))
	if err != nil {
		b.Fatal(err)
	}
	never := func() bool { return false }
	if err := net.Add(name(0), &carrier{source.Receive, source.Flush, source.Deadline, never, 0}); err != nil {
		b.Fatal(err)
	}
	var fetchers []*chunk.Fetcher
	var carriers []*carrier
	for i := 1; i <= peers; i++ {
		f, err := chunk.NewFetcher(config(), m.Root(), nil, simnet.Memory{}, rand.New(rand.NewPCG(1, uint64(i))))
		if err != nil {
			b.Fatal(err)
		}
		for j := range peers + 1 {
			if j != i {
				f.AddSource(name(j))
			}
		}
		c := &carrier{f.Receive, f.Flush, f.Deadline, f.Done, 0}
		if err := net.Add(name(i), c); err != nil {
			b.Fatal(err)
		}
		fetchers, carriers = append(fetchers, f), append(carriers, c)
	}
	for i, c := range carriers {
		net.Do(name(i+1), func(now time.Duration, out *protocols.Output) { c.Step(now, protocols.Input{}, out) })
	}
	net.Run(time.Hour, nil)
	last, uploaded := time.Duration(0), source.Stats().Uploaded
	for i, f := range fetchers {
		if !f.Done() {
			b.Fatalf("peer %d is not through", i+1)
		}
		last = max(last, carriers[i].at)
		uploaded += f.Stats().Uploaded
	}
	const bits = 8 * float64(packageSize)
	n := float64(peers)
	bound := max(bits/accessUp, n*bits/((n+1)*accessUp))
	var r run
	r.count(net.Total(), simnet.Counters{})
	return distribution{last.Seconds(), bound, float64(uploaded) / packageSize / (n + 1), float64(r.wire) / packageSize / n, r}
}

// OTASpread brings a package of 2 MB from one peer to others, all with 500 kbit/s up and 2 Mbit/s down,
// in chunks of 8 KiB.
func BenchmarkOTASpread(b *testing.B) { spreadAmong(b, 3, 10) }

// OTASpreadLarge does so among more peers than a check has time for; no budget asks for it.
func BenchmarkOTASpreadLarge(b *testing.B) { spreadAmong(b, 50, 100) }

func spreadAmong(b *testing.B, sizes ...int) {
	for _, peers := range sizes {
		for _, s := range simnet.Scenarios() {
			name := fmt.Sprintf("peers=%d/net=%s", peers, s.Name)
			b.Run(name, func(b *testing.B) {
				for b.Loop() {
					if _, ok := distributions[name]; !ok {
						distributions[name] = spreadPackage(b, s, peers)
					}
				}
				r := distributions[name]
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(r.time/r.bound, "bounds/op")
				b.ReportMetric(r.upload, "uploads/op")
				b.ReportMetric(r.wire, "wire-x/op")
				var least floor
				least.add(peers, packageSize)
				b.ReportMetric(float64(r.links.datagrams)/float64(least.datagrams), "xmsgs")
				b.ReportMetric(float64(r.links.wire)/float64(least.wire()), "xwire")
			})
		}
	}
}

// OTAVerify checks the chunks of a package against its manifest, and in between hashes the same bytes with
// nothing but crypto/sha256: what checking takes as a multiple of that is the same on any machine.
func BenchmarkOTAVerify(b *testing.B) {
	const size = 256 << 10
	data := noise(size, 1)
	m, err := chunk.NewManifest(data, chunk.DefaultChunk)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(2 * size)
	b.ReportAllocs()
	ratios := make([]float64, 0, 1<<16)
	var sum byte
	for b.Loop() {
		began := b.Elapsed()
		for i := range m.Chunks() {
			if err := m.Verify(i, data[i*chunk.DefaultChunk:][:m.Length(i)]); err != nil {
				b.Fatal(err)
			}
		}
		checked := b.Elapsed()
		for i := range m.Chunks() {
			h := sha256.Sum256(data[i*chunk.DefaultChunk:][:m.Length(i)])
			sum ^= h[0]
		}
		ratios = append(ratios, float64(checked-began)/float64(max(b.Elapsed()-checked, 1)))
	}
	if sum != 0 && len(ratios)%2 == 0 { // an even number of equal sums leaves nothing
		b.Fatal("hashes differ")
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "sha256-x/op")
}

// linked is content like that of a program: functions of common instructions that call each other by the
// distance to where the linker put them. Some functions differ by edition, so all that comes after them
// lies elsewhere, and calls across them differ.
func linked(edition uint64) []byte {
	const functions = 4000
	rng := rand.New(rand.NewPCG(7, 7))
	common := make([][]byte, 200)
	for i := range common {
		common[i] = noise(2+rng.IntN(6), uint64(i))
	}
	var code []byte
	starts := make([]int, functions)
	var calls [][2]int // where, whom
	for f := range functions {
		starts[f] = len(code)
		own := rand.New(rand.NewPCG(uint64(f), 0))
		if edition > 0 && f%100 == 50 {
			own = rand.New(rand.NewPCG(uint64(f), edition))
		}
		for range 20 + own.IntN(60) {
			if own.IntN(6) == 0 {
				code = append(code, 0xe8)
				calls = append(calls, [2]int{len(code), own.IntN(functions)})
				code = append(code, 0, 0, 0, 0)
				continue
			}
			code = append(code, common[own.IntN(1+own.IntN(len(common)))]...)
		}
	}
	for _, c := range calls {
		binary.LittleEndian.PutUint32(code[c[0]:], uint32(starts[c[1]]-c[0]-4))
	}
	return code
}

// OTAPatch makes a program's next edition from the one before and a patch. Its size in percent of the
// whole is exact.
func BenchmarkOTAPatch(b *testing.B) {
	base, next := linked(0), linked(1)
	patch, err := ota.Delta(base, next)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(next)))
	for b.Loop() {
		if _, err := ota.Apply(base, patch, int64(len(next))); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(100*float64(len(patch))/float64(len(next)), "patch-%/op")
}

var otaKeys = map[int]ed25519.PrivateKey{}

func otaKey(i int) ed25519.PrivateKey {
	if otaKeys[i] == nil {
		seed := make([]byte, ed25519.SeedSize)
		binary.LittleEndian.PutUint64(seed, uint64(i)+1)
		otaKeys[i] = ed25519.NewKeyFromSeed(seed)
	}
	return otaKeys[i]
}

func otaPolicy(b *testing.B, peers int) (ota.Policy, []protocols.PeerID) {
	var ids []protocols.PeerID
	p := ota.Policy{}
	for i := range peers {
		ids = append(ids, protocols.PeerID(otaKey(i).Public().(ed25519.PublicKey)))
		p.Authorities = append(p.Authorities, ota.Authority{byte(i), 1})
	}
	var err error
	if p.Group, err = quorum.NewGroup([32]byte{1}, ids); err != nil {
		b.Fatal(err)
	}
	return p, ids
}

// OTACreate makes a node of a fleet of three.
func BenchmarkOTACreate(b *testing.B) {
	policy, ids := otaPolicy(b, 3)
	by, store := new(signature.Ed25519), simnet.Memory{}
	var n *ota.Node
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if n, err = ota.NewNode(ota.Config{Policy: policy, Self: ids[0], Key: otaKey(0), Peers: ids, Seed: 1, Verifier: by}, store); err != nil {
			b.Fatal(err)
		}
	}
	if n.Err() != nil {
		b.Fatal(n.Err())
	}
}

// ceremony is a proposal until every peer has the certificate. Those who have it begin to fetch the
// package: that is not counted.
func ceremony(b *testing.B, opts simnet.Options, peers int, by signature.Verifier) (r run) {
	opts.Observe = func(e simnet.Event) {
		switch e.Kind {
		case simnet.Sent, simnet.Lost, simnet.Overflowed:
			if v, err := protocols.ParseEnvelope(e.Data); err == nil && v.Type == protocols.TypeOTA {
				r.datagrams++
				r.wire += int64(len(e.Data) + simnet.HeaderSize)
			}
		}
	}
	net, err := simnet.New(opts)
	if err != nil {
		b.Fatal(err)
	}
	policy, ids := otaPolicy(b, peers)
	nodes := make([]*ota.Node, peers)
	for i, id := range ids {
		store := simnet.Memory{}
		if _, err := ota.Install(store, ota.Version{Major: 1}, []byte("the first"), chunk.MinChunk); err != nil {
			b.Fatal(err)
		}
		if nodes[i], err = ota.NewNode(ota.Config{Policy: policy, Self: id, Key: otaKey(i), Peers: ids, Seed: opts.Seed, Verifier: by}, store); err != nil {
			b.Fatal(err)
		}
		if err := net.Add(id, nodes[i]); err != nil {
			b.Fatal(err)
		}
	}
	var id ota.ID
	net.Do(ids[0], func(now time.Duration, out *protocols.Output) {
		o := ota.Offer{Version: ota.Version{Major: 2}, Content: []byte("the second"), Activation: 100, Expiry: 200, Chunk: chunk.MinChunk}
		if id, err = nodes[0].Propose(now, o, out); err != nil {
			b.Fatal(err)
		}
	})
	if !net.Run(time.Hour, func() bool {
		return !slices.ContainsFunc(nodes, func(n *ota.Node) bool { st, _ := n.State(id); return st != ota.Done })
	}) {
		b.Fatalf("seed %d: not committed everywhere", opts.Seed)
	}
	r.time = net.Now()
	for _, n := range nodes {
		r.messages += n.Stats().Messages
	}
	return r
}

// OTACeremony takes a proposal to a certificate at every peer.
func BenchmarkOTACeremony(b *testing.B) { ceremonies(b, sizesOf(3, 10)...) }

// OTACeremonyRelayed does so in a group whose votes go through the coordinator, which takes more time
// than a check has; no budget asks for it.
func BenchmarkOTACeremonyRelayed(b *testing.B) { ceremonies(b, 150) }

func ceremonies(b *testing.B, sizes ...int) {
	for _, peers := range sizes {
		for _, s := range simnet.Scenarios() {
			name := fmt.Sprintf("peers=%d/net=%s", peers, s.Name)
			b.Run(name, func(b *testing.B) {
				by := &signature.Memo{Of: new(signature.Ed25519)}
				play := func(seed uint64) run { return ceremony(b, s.Options(seed), peers, by) }
				var runs []run
				for b.Loop() {
					runs = panelOf("ota/"+name, 20*behind, play)
				}
				b.ReportMetric(0, "ns/op") // of a panel that was there already it says nothing
				reportRuns(b, runs, 2*s.Options(1).Link.Delay, votesFloor(peers, peers/2+1, len(new(ota.Proposal).Append(nil))))
			})
		}
	}
}
