package benchmarks

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/epoch"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/signature"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// An assembly is a group that moves to its next epoch over and over. Its members share what they know
// of signatures, made and checked: both are computed once, before what is timed.
type assembly struct {
	group *quorum.Group
	keys  map[protocols.PeerID]ed25519.PrivateKey
	memo  *signature.Memo
	made  map[quorum.Statement][]quorum.Vote
}

func newAssembly(b *testing.B, peers int) *assembly {
	a := &assembly{keys: map[protocols.PeerID]ed25519.PrivateKey{}, memo: &signature.Memo{Of: new(signature.Ed25519)}, made: map[quorum.Statement][]quorum.Vote{}}
	var ids []protocols.PeerID
	for i := range peers {
		seed := make([]byte, ed25519.SeedSize)
		binary.LittleEndian.PutUint64(seed, uint64(i)+1)
		key := ed25519.NewKeyFromSeed(seed)
		id := protocols.PeerID(key.Public().(ed25519.PublicKey))
		ids, a.keys[id] = append(ids, id), key
	}
	var err error
	if a.group, err = quorum.NewGroup([32]byte{1}, ids); err != nil {
		b.Fatal(err)
	}
	return a
}

// nowhere is a store that keeps nothing, as no member is restarted.
type nowhere struct{}

func (nowhere) Read(string) ([]byte, error) { return nil, protocols.ErrNotStored }
func (nowhere) Write(string, []byte) error  { return nil }
func (nowhere) Remove(string) error         { return nil }
func (nowhere) Names() ([]string, error)    { return nil, nil }

func (a *assembly) config(i int, seed uint64) epoch.Config {
	self := a.group.Member(i)
	return epoch.Config{
		Group: a.group, Self: self, Verifier: a.memo, Store: nowhere{}, Seed: seed,
		Sign: func(s quorum.Statement) (quorum.Vote, error) {
			if a.made[s] == nil {
				a.made[s] = make([]quorum.Vote, a.group.Len())
			}
			v := &a.made[s][i]
			if *v == (quorum.Vote{}) {
				var err error
				if *v, err = a.group.Sign(a.keys[self], s); err != nil {
					return *v, err
				}
			}
			return *v, nil
		},
	}
}

// prepare puts new members on a network.
func (a *assembly) prepare(b *testing.B, opts simnet.Options, direct int) (*simnet.Network, []*epoch.Node) {
	net, err := simnet.New(opts)
	if err != nil {
		b.Fatal(err)
	}
	nodes := make([]*epoch.Node, a.group.Len())
	for i := range nodes {
		cfg := a.config(i, opts.Seed)
		cfg.Direct = direct
		if nodes[i], err = epoch.NewNode(cfg); err != nil {
			b.Fatal(err)
		}
		if err := net.Add(a.group.Member(i), nodes[i]); err != nil {
			b.Fatal(err)
		}
	}
	return net, nodes
}

// begin runs one epoch, proposed by its owner, until nothing is left to happen. The time of the run is
// that until the last member holds the certificate.
func (a *assembly) begin(b *testing.B, net *simnet.Network, nodes []*epoch.Node) run {
	start, next := net.Now(), nodes[0].Epoch()+1
	before := net.Total()
	owner := nodes[0].Owner(next)
	err := net.Do(a.group.Member(owner), func(now time.Duration, out *protocols.Output) {
		if _, err := nodes[owner].Propose(now, epoch.Proposal{Digest: [32]byte{7}}, out); err != nil {
			b.Fatal(err)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	waits := 0 // all before it hold the certificate
	if !net.Run(start+time.Minute, func() bool {
		for waits < len(nodes) && nodes[waits].Epoch() == next {
			waits++
		}
		return waits == len(nodes)
	}) {
		b.Fatalf("member %d has not begun the epoch", waits)
	}
	r := run{time: net.Now() - start}
	net.Run(start+time.Hour, nil)
	for i, n := range nodes {
		if !n.Idle() {
			b.Fatalf("member %d is not silent at the end", i)
		}
	}
	c, ok := nodes[0].Certificate()
	if d, _ := nodes[len(nodes)-1].Certificate(); !ok || len(c.Votes) != a.group.Majority() || c.Proposal != d.Proposal {
		b.Fatalf("a certificate of %d votes, want %d", len(c.Votes), a.group.Majority())
	}
	r.count(net.Total(), before)
	return r
}

// EpochBegin is one epoch from the owner's proposal until the last member holds the certificate, and
// what goes on until all are silent.
func BenchmarkEpochBegin(b *testing.B) {
	for _, peers := range []int{3, 10, 50, 100} {
		for _, votes := range []string{"direct", "relayed"} {
			if votes == "relayed" && peers < 100 {
				continue // they go to all
			}
			direct := map[string]int{"direct": 0, "relayed": 1}[votes]
			for _, s := range simnet.Scenarios() {
				name := fmt.Sprintf("peers=%d/votes=%s/net=%s", peers, votes, s.Name)
				b.Run(name, func(b *testing.B) {
					a := newAssembly(b, peers)
					play := func(seed uint64) run {
						net, nodes := a.prepare(b, s.Options(seed), direct)
						return a.begin(b, net, nodes)
					}
					var runs []run
					for b.Loop() {
						runs = panelOf("epoch/"+name, votesPanel(peers), play)
					}
					least := votesFloor
					if votes == "relayed" {
						least = relayFloor
					}
					reportRuns(b, runs, 2*s.Options(1).Link.Delay, least(peers, a.group.Majority(), epochProposal()))
					b.ReportMetric(0, "ns/op") // of a panel that was there already it says nothing
				})
			}
		}
	}
}

// EpochWork is what one epoch costs the processor, for all members together, without signatures.
func BenchmarkEpochWork(b *testing.B) {
	for _, peers := range []int{3, 10, 50, 100} {
		b.Run(fmt.Sprintf("peers=%d", peers), func(b *testing.B) {
			a := newAssembly(b, peers)
			net, nodes := a.prepare(b, simnet.Ideal(1), 0)
			a.begin(b, net, nodes)
			a.begin(b, net, nodes)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				// The network makes its links in the first epoch; the second is timed.
				net, nodes = a.prepare(b, simnet.Ideal(1), 0)
				a.begin(b, net, nodes)
				b.StartTimer()
				a.begin(b, net, nodes)
			}
		})
	}
}

// EpochCreate makes a member of a group of ten.
func BenchmarkEpochCreate(b *testing.B) {
	a := newAssembly(b, 10)
	cfg := a.config(3, 1)
	var n *epoch.Node
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if n, err = epoch.NewNode(cfg); err != nil {
			b.Fatal(err)
		}
	}
	if n.Epoch() != 0 || !n.Idle() || n.Quorum() != 6 {
		b.Fatalf("a node in epoch %d with a quorum of %d", n.Epoch(), n.Quorum())
	}
}

// proposed returns a member that has just put its proposal out.
func proposed(b *testing.B, cfg epoch.Config, out *protocols.Output) *epoch.Node {
	n, err := epoch.NewNode(cfg)
	if err != nil {
		b.Fatal(err)
	}
	out.Reset()
	if _, err := n.Propose(0, epoch.Proposal{}, out); err != nil {
		b.Fatal(err)
	}
	return n
}

// votes returns an owner of ten who has proposed, and the datagrams with the votes of the others.
func votes(b *testing.B, a *assembly) (owner int, others []protocols.Input) {
	n, err := epoch.NewNode(a.config(0, 1))
	if err != nil {
		b.Fatal(err)
	}
	owner = n.Owner(1)
	var out protocols.Output
	proposed(b, a.config(owner, 1), &out)
	first := out.Datagrams[0]
	for i := range a.group.Len() {
		if i == owner {
			continue
		}
		m, err := epoch.NewNode(a.config(i, 1))
		if err != nil {
			b.Fatal(err)
		}
		var out protocols.Output
		out.Reset()
		m.Step(0, protocols.Input{From: a.group.Member(owner), Data: first.Data}, &out)
		for _, d := range out.Datagrams {
			if d.To == a.group.Member(owner) {
				others = append(others, protocols.Input{From: a.group.Member(i), Data: d.Data})
				break
			}
		}
	}
	return owner, others
}

// EpochConfirm takes the votes of five others, of which the last makes the certificate of ten members:
// decoding, checking the five signatures together and for real, the certificate, and the end of the
// race. The proposal itself is not timed.
func BenchmarkEpochConfirm(b *testing.B) {
	a := newAssembly(b, 10)
	owner, others := votes(b, a)
	cfg := a.config(owner, 1)
	cfg.Verifier = new(signature.Ed25519)
	var out protocols.Output
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		n, err := epoch.NewNode(cfg)
		if err != nil {
			b.Fatal(err)
		}
		out.Reset()
		if _, err := n.Propose(0, epoch.Proposal{}, &out); err != nil {
			b.Fatal(err)
		}
		out.Reset()
		b.StartTimer()
		for _, v := range others[:5] {
			n.Step(time.Millisecond, v, &out)
		}
		b.StopTimer()
		if n.Epoch() != 1 {
			b.Fatal("no certificate")
		}
		b.StartTimer()
	}
}

// EpochCleanup lets a proposal's life run out at its owner: the result, and all that stood by it goes.
func BenchmarkEpochCleanup(b *testing.B) {
	a := newAssembly(b, 10)
	owner, _ := votes(b, a)
	cfg := a.config(owner, 1)
	var out protocols.Output
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		n, err := epoch.NewNode(cfg)
		if err != nil {
			b.Fatal(err)
		}
		out.Reset()
		if _, err := n.Propose(0, epoch.Proposal{}, &out); err != nil {
			b.Fatal(err)
		}
		out.Reset()
		b.StartTimer()
		n.Step(time.Hour, protocols.Input{}, &out)
		b.StopTimer()
		if r := n.TakeResults(); len(r) != 1 || r[0].Err == nil || !n.Idle() {
			b.Fatalf("%+v", r)
		}
		b.StartTimer()
	}
}
