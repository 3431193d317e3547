package benchmarks

import (
	"bytes"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/chunk"
	"github.com/perfgate/perfgate/protocols/epoch"
	"github.com/perfgate/perfgate/protocols/ota"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// upgradeSize is the size of the package in bytes, and upgradeEpoch when it is activated.
const (
	upgradeSize  = 256 << 10
	upgradeEpoch = 1
)

// upgrade has one of five propose a package. Each says that it is ready once it has staged it, and
// all five have to; the same member then proposes the epoch at which all activate it.
func (a *assembly) upgrade(b *testing.B, opts simnet.Options, content []byte) passage {
	policy, ids := otaPolicy(b, travellers)
	policy.Threshold, policy.Notice = travellers, upgradeEpoch
	before, after := ota.Version{Major: 1}, ota.Version{Major: 2}
	nodes, epochs := make([]*ota.Node, travellers), make([]*epoch.Node, travellers)
	replicas := make([]*replica, travellers)
	for i := range nodes {
		self := a.group.Member(i)
		store := simnet.Memory{}
		if _, err := ota.Install(store, before, []byte("the first"), chunk.MinChunk); err != nil {
			b.Fatal(err)
		}
		n, err := ota.NewNode(ota.Config{Policy: policy, Self: self, Key: a.keys[self], Peers: ids, Seed: opts.Seed, Verifier: a.memo, Staged: true}, store)
		if err != nil {
			b.Fatal(err)
		}
		cfg := a.config(i, opts.Seed)
		cfg.Approve = func(epoch.Proposal) bool {
			_, phase := n.Installing()
			return phase >= ota.Staged
		}
		e, err := epoch.NewNode(cfg)
		if err != nil {
			b.Fatal(err)
		}
		upgrades, fences := newPart(n, protocols.TypeOTA, protocols.TypeChunk), newPart(e, protocols.TypeEpoch)
		coordinator, proposed, id := i == e.Owner(upgradeEpoch), false, ota.ID{}
		replicas[i] = &replica{parts: []*part{upgrades, fences}, then: func(now time.Duration, out *protocols.Output) {
			if n.Running().Version == after && e.Epoch() < upgradeEpoch {
				b.Fatalf("seed %d: peer %d activates before the fence", opts.Seed, i)
			}
			if st, _ := n.State(id); coordinator && st == ota.Done && !proposed {
				proposed = true
				fences.do(out, func() {
					if _, err := e.Propose(now, epoch.Proposal{Digest: id}, out); err != nil {
						b.Fatal(err)
					}
				})
			}
			if e.Epoch() > n.Epoch() {
				upgrades.do(out, func() { n.SetEpoch(now, e.Epoch(), out) })
			}
		}}
		if coordinator {
			replicas[i].parts = append(replicas[i].parts, newAlarm(0, func(now time.Duration, out *protocols.Output) {
				upgrades.do(out, func() {
					var err error
					if id, err = n.Propose(now, ota.Offer{Version: after, Content: content, Activation: upgradeEpoch, Expiry: 10 * upgradeEpoch}, out); err != nil {
						b.Fatal(err)
					}
				})
				out.Wake = protocols.Never
			}))
		}
		nodes[i], epochs[i] = n, e
	}
	return passage{
		walk: func() run {
			net := board(b, opts, membersOf(a.group), replicas)
			waits := 0
			if !net.Run(time.Hour, func() bool {
				for ; waits < travellers; waits++ {
					if _, phase := nodes[waits].Installing(); phase != ota.Confirmed {
						return false
					}
				}
				return true
			}) {
				_, phase := nodes[waits].Installing()
				b.Fatalf("seed %d: peer %d is in epoch %d, and its package is %v", opts.Seed, waits, epochs[waits].Epoch(), phase)
			}
			at := net.Now()
			net.Run(at+time.Hour, nil)
			r := costSince(net, 0, simnet.Counters{})
			r.time = at
			return r
		},
		check: func() {
			for i, n := range nodes {
				got, err := n.Content()
				if err != nil || !bytes.Equal(got, content) || n.Running().Version != after || n.Err() != nil || !epochs[i].Idle() {
					b.Fatalf("seed %d: peer %d runs %v, %d bytes, %v", opts.Seed, i, n.Running().Version, len(got), err)
				}
			}
		},
	}
}

// JourneyUpgrade brings a package to five peers, who all switch to it at one epoch.
func BenchmarkJourneyUpgrade(b *testing.B) {
	a, content := newAssembly(b, travellers), noise(upgradeSize, 1)
	travel(b, journeyRuns, 6, func(b *testing.B, _ string, opts simnet.Options) passage { return a.upgrade(b, opts, content) }, nil)
}
