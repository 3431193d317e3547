package benchmarks

import (
	"fmt"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/chunk"
	"github.com/perfgate/perfgate/protocols/journal"
	"github.com/perfgate/perfgate/protocols/ota"
	"github.com/perfgate/perfgate/protocols/session"
	"github.com/perfgate/perfgate/protocols/signature"
	"github.com/perfgate/perfgate/protocols/simnet"
	"github.com/perfgate/perfgate/protocols/snapshot"
)

// doAt does something at a peer.
func doAt(b *testing.B, net *simnet.Network, id protocols.PeerID, f func(now time.Duration, out *protocols.Output) error) {
	err := net.Do(id, func(now time.Duration, out *protocols.Output) {
		if err := f(now, out); err != nil {
			b.Fatal(err)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
}

// lifecycles are what MemoryLeak repeats: each makes things, uses them and lets go of them, and then uses
// those that it made at first once more.
var lifecycles = []struct {
	protocol string
	prepare  func(b *testing.B) (cycle func())
}{
	{"antientropy", syncCycle}, {"journal", journalCycle}, {"session", managerCycle}, {"epoch", epochCycle},
	{"snapshot", snapshotCycle}, {"ota", otaCycle}, {"receipt", receiptCycle},
}

// syncCycle makes two nodes that sync, and has two others, who hold the same, open a session.
func syncCycle(b *testing.B) func() {
	d, same := newDuo(b, 100), newDuo(b, 100)
	net, nodes := same.prepare(b, simnet.Ideal(1))
	same.sync(b, net, nodes, 1)
	return func() {
		n, pair := d.prepare(b, simnet.Ideal(1))
		d.sync(b, n, pair, 1)
		doAt(b, net, same.group.Members[0], func(now time.Duration, out *protocols.Output) error {
			_, err := nodes[0].Start(now, same.group.Members[1], out)
			return err
		})
		net.Run(protocols.Never, nil)
		for _, n := range nodes {
			if r := n.TakeResults(); len(r) != 1 || r[0].Outcome != antientropy.Equal || n.Sessions() != 0 {
				b.Fatalf("%+v, %d sessions", r, n.Sessions())
			}
		}
	}
}

// journalCycle has a new group publish, and an old one sync with all.
func journalCycle(b *testing.B) func() {
	const peers, ops = 3, 20
	old := newCrowd(b, peers, simnet.Ideal(1), journal.Config{Parity: 0.25}, nil)
	old.publish(b, old.batch(0, ops))
	return func() {
		c := newCrowd(b, peers, simnet.Ideal(1), journal.Config{Parity: 0.25}, nil)
		c.publish(b, c.batch(0, ops))
		doAt(b, old.net, old.group.Members[0], func(now time.Duration, out *protocols.Output) error {
			return old.nodes[0].SyncAll(now, nil, out)
		})
		old.net.Run(old.net.Now()+time.Hour, nil)
		if r := old.nodes[0].TakeResults(); len(r) != 1 || r[0].Synced != peers-1 {
			b.Fatalf("%+v", r)
		}
		for _, n := range append(c.nodes, old.nodes...) {
			if n.Log().Len() != ops || n.Held() != 0 || n.Sessions() != 0 {
				b.Fatalf("%d records, %d things kept, %d sessions", n.Log().Len(), n.Held(), n.Sessions())
			}
		}
	}
}

// managerCycle makes a manager; and in an old one a session lives beside others whose time runs out.
func managerCycle(b *testing.B) func() {
	const room = 20
	old := newSessionManager(b, room)
	var r session.Result
	var events []session.Event
	var now time.Duration
	return func() {
		m := newSessionManager(b, room)
		sessionCycle(b, m, now, &r)
		for range room - 1 {
			if _, err := old.Open(now, sessionPair); err != nil {
				b.Fatal(err)
			}
		}
		sessionCycle(b, old, now, &r)
		for events = events[:0]; old.Live() > 0; {
			now = old.NextDeadline()
			events = old.Step(now, events)
		}
		if len(events) != 2*(room-1) || m.Live() != 0 {
			b.Fatalf("%d events, %d live", len(events), m.Live())
		}
	}
}

// epochCycle has a new group begin an epoch, and an old one the next of its own.
func epochCycle(b *testing.B) func() {
	a := newAssembly(b, 3)
	net, nodes := a.prepare(b, simnet.Ideal(1), 0)
	return func() {
		n, members := a.prepare(b, simnet.Ideal(1), 0)
		a.begin(b, n, members)
		a.begin(b, net, nodes)
		for _, n := range nodes {
			n.TakeResults()
		}
		clear(a.made) // what the benchmark remembers is not the protocol's
		*a.memo = signature.Memo{Of: a.memo.Of}
	}
}

// snapshotCycle has new members agree on a cut, and old ones on the next, store it and prune.
func snapshotCycle(b *testing.B) func() {
	c := newCouncil(b, 3, 40, 64)
	net, err := simnet.New(simnet.Ideal(1))
	if err != nil {
		b.Fatal(err)
	}
	nodes := make([]*snapshot.Node, c.q.Len())
	logs := make([]*antientropy.Log, len(nodes))
	for i := range nodes {
		if logs[i], err = antientropy.NewLog(c.group); err != nil {
			b.Fatal(err)
		}
		logs[i].CopyFrom(c.log)
		if nodes[i], err = snapshot.NewNode(c.config(i, 1, logs[i])); err != nil {
			b.Fatal(err)
		}
		if err := net.Add(c.q.Member(i), nodes[i]); err != nil {
			b.Fatal(err)
		}
	}
	last := uint64(0)
	return func() {
		fresh, members, _ := c.prepare(b, simnet.Ideal(1))
		c.cut(b, fresh, members, 1)
		doAt(b, net, c.q.Member(0), func(now time.Duration, out *protocols.Output) error {
			_, err := nodes[0].Propose(now, logs[0].Frontier(), out)
			return err
		})
		net.Run(net.Now()+time.Hour, nil)
		for _, n := range nodes {
			for done := false; !done; {
				if done, err = n.Work(1 << 20); err != nil {
					b.Fatal(err)
				}
			}
			s, ok := n.Snapshot()
			if r := n.TakeResults(); !ok || s.Epoch != last+1 || len(r) != 1 || r[0].Err != nil || n.Rounds() != 0 {
				b.Fatalf("%+v after epoch %d, %d rounds", r, last, n.Rounds())
			}
		}
		last++
		clear(c.signed) // what the benchmark remembers is not the protocol's
		*c.memo = signature.Memo{Of: c.memo.Of}
	}
}

// otaCycle makes a node; and a fleet of three takes one upgrade after the other, from the proposal until it
// is forgotten.
func otaCycle(b *testing.B) func() {
	const notice = 100
	net, err := simnet.New(simnet.Ideal(1))
	if err != nil {
		b.Fatal(err)
	}
	policy, ids := otaPolicy(b, 3)
	config := func(i int) ota.Config {
		return ota.Config{Policy: policy, Self: ids[i], Key: otaKey(i), Peers: ids, Seed: 1, Verifier: new(signature.Ed25519)}
	}
	nodes := make([]*ota.Node, len(ids))
	for i, id := range ids {
		store := simnet.Memory{}
		if _, err := ota.Install(store, ota.Version{Major: 1}, []byte("version 000001"), chunk.MinChunk); err != nil {
			b.Fatal(err)
		}
		if nodes[i], err = ota.NewNode(config(i), store); err != nil {
			b.Fatal(err)
		}
		if err := net.Add(id, nodes[i]); err != nil {
			b.Fatal(err)
		}
	}
	major := uint32(1)
	return func() {
		if _, err := ota.NewNode(config(0), simnet.Memory{}); err != nil {
			b.Fatal(err)
		}
		major++
		v, from := ota.Version{Major: major}, nodes[0].Epoch()
		doAt(b, net, ids[0], func(now time.Duration, out *protocols.Output) error {
			_, err := nodes[0].Propose(now, ota.Offer{
				Version: v, Content: fmt.Appendf(nil, "version %06d", major), Activation: from + notice, Expiry: from + 2*notice, Chunk: chunk.MinChunk,
			}, out)
			return err
		})
		for _, to := range []uint64{from, from + notice, from + 2*notice} {
			for i, n := range nodes {
				doAt(b, net, ids[i], func(now time.Duration, out *protocols.Output) error {
					n.SetEpoch(now, to, out)
					return n.Err()
				})
			}
			net.Run(net.Now()+time.Hour, nil)
		}
		for _, n := range nodes {
			if n.Running().Version != v || len(n.Ceremonies()) != 0 || n.Err() != nil {
				b.Fatalf("runs %v, want %v; %d ceremonies, %v", n.Running().Version, v, len(n.Ceremonies()), n.Err())
			}
		}
	}
}

// receiptCycle makes a chain of five and checks it.
func receiptCycle(b *testing.B) func() {
	return func() {
		t := newTrail(b, 5)
		if r, err := t.verifier.Verify(t.chain); err != nil || r.Verified != 5 {
			b.Fatal(r, err)
		}
	}
}
