package benchmarks

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/signature"
	"github.com/perfgate/perfgate/protocols/simnet"
	"github.com/perfgate/perfgate/protocols/snapshot"
)

// A council is a group that cuts its logs, with keys and everything that is the same in every run:
// what a member signs is made once, and checked once.
type council struct {
	group  antientropy.Group
	q      *quorum.Group
	keys   []ed25519.PrivateKey // in the order of the group
	log    *antientropy.Log     // what all hold
	memo   *signature.Memo
	signed map[string]quorum.Vote
}

func newCouncil(b *testing.B, members, records, payload int) *council {
	c := &council{
		group: antientropy.Group{ID: [32]byte{4}, Unsigned: true, Cells: 64},
		memo:  &signature.Memo{Of: new(signature.Ed25519)}, signed: map[string]quorum.Vote{},
	}
	keys := map[protocols.PeerID]ed25519.PrivateKey{}
	for i := range members {
		seed := make([]byte, ed25519.SeedSize)
		binary.LittleEndian.PutUint64(seed, uint64(i))
		key := ed25519.NewKeyFromSeed(seed)
		id := protocols.PeerID(key.Public().(ed25519.PublicKey))
		keys[id] = key
		c.group.Members = append(c.group.Members, id)
	}
	var err error
	if c.q, err = quorum.NewGroup(c.group.ID, c.group.Members); err != nil {
		b.Fatal(err)
	}
	for i := range members {
		c.keys = append(c.keys, keys[c.q.Member(i)])
	}
	c.log = c.fill(b, records, payload)
	return c
}

// fill returns a log of so many records by up to four members, of which every tenth states a fact of
// its own and so outlives pruning.
func (c *council) fill(b *testing.B, records, payload int) *antientropy.Log {
	l, err := antientropy.NewLog(c.group)
	if err != nil {
		b.Fatal(err)
	}
	authors := min(4, c.q.Len())
	for i := range records {
		r := antientropy.Record{Kind: antientropy.Op, Author: c.q.Member(i % authors), Seq: uint64(i/authors + 1), Payload: make([]byte, payload)}
		if binary.LittleEndian.PutUint64(r.Payload, uint64(i)); i%10 == 9 {
			r.Kind, r.Payload = antientropy.Fact, antientropy.NewFact(fmt.Sprintf("key %07d", i), r.Payload[:payload-13])
		}
		if added, err := l.Insert(r); !added || err != nil {
			b.Fatal(added, err)
		}
	}
	return l
}

func (c *council) config(i int, seed uint64, l *antientropy.Log) snapshot.Config {
	return snapshot.Config{
		Self: c.q.Member(i), Group: c.q, Log: l, Store: simnet.Memory{}, Verifier: c.memo, Seed: seed,
		Sign: func(s quorum.Statement) (quorum.Vote, error) {
			key := string(s[:]) + fmt.Sprint(i)
			v, ok := c.signed[key]
			if !ok {
				var err error
				if v, err = c.q.Sign(c.keys[i], s); err != nil {
					return v, err
				}
				c.signed[key] = v
			}
			return v, nil
		},
	}
}

// prepare puts new members on a network. All read one log, to which nobody writes.
func (c *council) prepare(b *testing.B, opts simnet.Options) (*simnet.Network, []*snapshot.Node, []protocols.Store) {
	net, err := simnet.New(opts)
	if err != nil {
		b.Fatal(err)
	}
	nodes, stores := make([]*snapshot.Node, c.q.Len()), make([]protocols.Store, c.q.Len())
	for i := range nodes {
		cfg := c.config(i, opts.Seed, c.log)
		stores[i] = cfg.Store
		if nodes[i], err = snapshot.NewNode(cfg); err != nil {
			b.Fatal(err)
		}
		if err := net.Add(c.q.Member(i), nodes[i]); err != nil {
			b.Fatal(err)
		}
	}
	return net, nodes, stores
}

// cut lets one member propose, and runs until all have the certificate and then until nobody sends any
// more.
func (c *council) cut(b *testing.B, net *simnet.Network, nodes []*snapshot.Node, proposer int) run {
	start, before := net.Now(), net.Total()
	var epoch uint64
	err := net.Do(c.q.Member(proposer), func(now time.Duration, out *protocols.Output) {
		var err error
		if epoch, err = nodes[proposer].Propose(now, c.log.Frontier(), out); err != nil {
			b.Fatal(err)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	left := len(nodes)
	all := net.Run(start+time.Minute, func() bool {
		for left > 0 {
			if k, _ := nodes[left-1].Committed(); k.Epoch != epoch {
				return false
			}
			left--
		}
		return true
	})
	r := run{time: net.Now() - start}
	net.Run(start+time.Hour, nil)
	if !all {
		b.Fatalf("member %d has no certificate", left-1)
	}
	r.count(net.Total(), before)
	return r
}

// SnapshotCertificate is one cut, from the proposal until the last member has the certificate.
func BenchmarkSnapshotCertificate(b *testing.B) {
	for _, n := range []int{3, 10, 50, 100} {
		for _, s := range simnet.Scenarios() {
			name := fmt.Sprintf("peers=%d/net=%s", n, s.Name)
			b.Run(name, func(b *testing.B) {
				c := newCouncil(b, n, 100, 64)
				play := func(seed uint64) run {
					net, nodes, _ := c.prepare(b, s.Options(seed))
					return c.cut(b, net, nodes, int(seed)%n)
				}
				var runs []run
				for b.Loop() {
					runs = panelOf("snapshot/"+name, votesPanel(n), play)
				}
				reportRuns(b, runs, 2*s.Options(1).Link.Delay, votesFloor(n, c.q.Majority(), cutProposal(n)))
				b.ReportMetric(0, "ns/op") // of a panel that was there already it says nothing
			})
		}
	}
}

// SnapshotWork is what one cut costs the processor, for all members together, without signatures.
func BenchmarkSnapshotWork(b *testing.B) {
	for _, peers := range []int{3, 10, 50, 100} {
		b.Run(fmt.Sprintf("peers=%d", peers), func(b *testing.B) {
			c := newCouncil(b, peers, 100, 64)
			prepare := func() (*simnet.Network, []*snapshot.Node) {
				net, nodes, _ := c.prepare(b, simnet.Ideal(1))
				c.cut(b, net, nodes, 0) // makes the links
				return net, nodes
			}
			net, nodes := prepare()
			c.cut(b, net, nodes, 0) // signs what is signed below, once and for all
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				net, nodes = prepare()
				b.StartTimer()
				c.cut(b, net, nodes, 0)
			}
		})
	}
}

// SnapshotCreate sets a member up.
func BenchmarkSnapshotCreate(b *testing.B) {
	c := newCouncil(b, 3, 100, 64)
	cfg := c.config(0, 1, c.log)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := snapshot.NewNode(cfg); err != nil {
			b.Fatal(err)
		}
	}
}

// SnapshotVerify checks a certificate of 67 votes, with nothing remembered.
func BenchmarkSnapshotVerify(b *testing.B) {
	c := newCouncil(b, 100, 10, 64)
	cfg := c.config(0, 1, c.log)
	cfg.Threshold, cfg.Verifier = 67, new(signature.Ed25519)
	n, err := snapshot.NewNode(cfg)
	if err != nil {
		b.Fatal(err)
	}
	cut, err := c.log.CutAt(c.log.Frontier())
	if err != nil {
		b.Fatal(err)
	}
	k := snapshot.Commit{Proposal: snapshot.Proposal{Epoch: 1, Frontier: cut.Frontier, Root: cut.Root}}
	s := k.Statement(c.q)
	for i := range 67 {
		v, err := c.q.Sign(c.keys[i], s)
		if err != nil {
			b.Fatal(err)
		}
		k.Certificate.Votes = append(k.Certificate.Votes, v)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := n.Verify(&k); err != nil {
			b.Fatal(err)
		}
	}
}

// SnapshotCompute recomputes a cut, as an approver does before it signs.
func BenchmarkSnapshotCompute(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("ops=%d", n), func(b *testing.B) {
			l := newCouncil(b, 4, n, payloadSize).log
			f := l.Frontier()
			for a := range f {
				f[a] -= f[a] / 10
			}
			for b.Loop() {
				if _, err := l.CutAt(f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What a log of 25 MB is made of, and how much of it one step may copy.
const (
	largeRecords = 10000
	largePayload = 2500
	stepBudget   = 64 << 10
)

// half returns the frontier at half of what a log holds.
func half(l *antientropy.Log) antientropy.Frontier {
	f := l.Frontier()
	for a := range f {
		f[a] /= 2
	}
	return f
}

// SnapshotCompact prunes the older half of 25 MB in slices. An op is the whole of it.
func BenchmarkSnapshotCompact(b *testing.B) {
	c := newCouncil(b, 4, largeRecords, largePayload)
	l, err := antientropy.NewLog(c.group)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(c.log.Bytes()))
	b.ReportAllocs()
	var steps, most int
	var total int64
	for b.Loop() {
		b.StopTimer()
		l.CopyFrom(c.log)
		b.StartTimer()
		k, err := antientropy.NewCompactor(l, half(l), nil)
		if err != nil {
			b.Fatal(err)
		}
		steps = 0
		for done := false; !done; steps++ {
			if done, err = k.Step(stepBudget); err != nil {
				b.Fatal(err)
			}
		}
		total, most = k.Copied()
	}
	if x, y := l.Digest(), c.log.Digest(); !x.Equal(&y) || l.Len() != largeRecords/2+largeRecords/20 {
		b.Fatalf("%d records left", l.Len())
	}
	b.ReportMetric(float64(steps), "steps/op")
	b.ReportMetric(float64(total), "copied-B/op")
	b.ReportMetric(float64(most), "step-B")
	b.ReportMetric(float64(l.Footprint())/float64(l.Bytes()), "xretained")
}

// SnapshotStep is one step of such a compaction: what a writer waits for.
func BenchmarkSnapshotStep(b *testing.B) {
	c := newCouncil(b, 4, largeRecords, largePayload)
	l, err := antientropy.NewLog(c.group)
	if err != nil {
		b.Fatal(err)
	}
	var k *antientropy.Compactor
	b.ReportAllocs()
	for b.Loop() {
		if k == nil {
			b.StopTimer()
			l.CopyFrom(c.log)
			if k, err = antientropy.NewCompactor(l, half(l), nil); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
		done, err := k.Step(stepBudget)
		if err != nil {
			b.Fatal(err)
		}
		if done {
			k = nil
		}
	}
}
