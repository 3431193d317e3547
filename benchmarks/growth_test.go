package benchmarks

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/journal"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// The sizes that exponents are fitted to. Panels are small: what matters is how they compare.
var (
	growthPeers   = []int{2, 5, 10, 25, 50, 100}
	growthOps     = []int{100, 500, 1000, 2500, 5000, 10000}
	growthRecords = []int{1000, 10000, 100000, 1000000}
)

// growthRuns is how many runs a panel has: as many as a median needs.
const growthRuns = 40

// growthBurst is how many records one publish has.
const growthBurst = 80

// reportGrowth prints the exact units of a panel.
func reportGrowth(b *testing.B, times []time.Duration, messages int, wire int64) {
	k := float64(len(times))
	slices.Sort(times)
	b.ReportMetric(k, "requests")
	b.ReportMetric(float64(rank(times, 50).Nanoseconds()), "p50-ns")
	b.ReportMetric(float64(messages)/k, "msgs/op")
	b.ReportMetric(float64(wire)/k, "wire-B/op")
}

// growthPanel runs a panel once for each process.
func growthPanel(b *testing.B, name string, one func(seed uint64) run) {
	if panels[name] == nil {
		for seed := range uint64(growthRuns) {
			panels[name] = append(panels[name], one(seed+1))
		}
	}
	var times []time.Duration
	messages, wire := 0, int64(0)
	for _, r := range panels[name] {
		times = append(times, r.time)
		messages += r.messages
		wire += r.wire
	}
	reportGrowth(b, times, messages, wire)
}

var growthJournal = journal.Config{Parity: 0.25}

// burst publishes records in a new group, and tells when half of them were with all peers.
func burst(b *testing.B, peers int, opts simnet.Options) run {
	c := newCrowd(b, peers, opts, growthJournal, nil)
	c.publish(b, c.batch(0, growthBurst))
	total := c.net.Total()
	slices.Sort(c.out)
	return run{time: rank(c.out, 50), messages: total.Messages, wire: total.WireBytes}
}

// GrowthFresh is a publish of eighty records to so many peers, until half of the records are with all.
func BenchmarkGrowthFresh(b *testing.B) {
	for _, peers := range growthPeers {
		for _, s := range simnet.Scenarios() {
			name := fmt.Sprintf("peers=%d/net=%s", peers, s.Name)
			b.Run(name, func(b *testing.B) {
				for b.Loop() {
					burst(b, peers, s.Options(1))
				}
				growthPanel(b, "fresh/"+name, func(seed uint64) run { return burst(b, peers, s.Options(seed)) })
			})
		}
	}
}

// GrowthFreshTime is what such a publish costs the processor, for all peers and the network together.
func BenchmarkGrowthFreshTime(b *testing.B) {
	for _, peers := range growthPeers {
		b.Run(fmt.Sprintf("peers=%d", peers), func(b *testing.B) {
			const rounds = 10 // before all starts anew, so that small groups get no larger logs
			var c *crowd
			round := rounds
			for b.Loop() {
				b.StopTimer()
				if round == rounds {
					c, round = newCrowd(b, peers, simnet.Ideal(1), growthJournal, nil), 1
					c.publish(b, c.batch(0, growthBurst))
				}
				records := c.batch(round*growthBurst, growthBurst)
				round++
				b.StartTimer()
				c.publish(b, records)
			}
		})
	}
}

// late is a group in which the first has all records and the others have none.
func late(b *testing.B, peers int, opts simnet.Options, src *antientropy.Log) *crowd {
	return newCrowd(b, peers, opts, journal.Config{}, func(i int, l *antientropy.Log) {
		if i == 0 {
			l.CopyFrom(src)
		}
	})
}

// lateLog returns the log of the first of such a group.
func lateLog(b *testing.B, peers, ops int) *antientropy.Log {
	g := crowdGroup(peers)
	l, err := antientropy.NewLog(g)
	if err != nil {
		b.Fatal(err)
	}
	for i := range ops {
		r := record(0, i+1)
		r.Author = g.Members[0]
		if added, err := l.Insert(r); !added || err != nil {
			b.Fatal(added, err)
		}
	}
	return l
}

// catchUp has the first sync with all the others, and tells when the last had everything.
func (c *crowd) catchUp(b *testing.B) run {
	all := c.nodes[0].Log().Len()
	c.left = nil // nobody watches single records
	err := c.net.Do(c.group.Members[0], func(now time.Duration, out *protocols.Output) {
		if err := c.nodes[0].SyncAll(now, nil, out); err != nil {
			b.Fatal(err)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	waits := 0
	if !c.net.Run(time.Hour, func() bool {
		for waits < len(c.nodes) && c.nodes[waits].Log().Len() == all {
			waits++
		}
		return waits == len(c.nodes)
	}) {
		b.Fatalf("peer %d has %d of %d records", waits, c.nodes[waits].Log().Len(), all)
	}
	total := c.net.Total()
	return run{time: c.net.Now(), messages: total.Messages, wire: total.WireBytes}
}

// coldSizes are a hundred records with ever more peers, and three peers with ever more records.
func coldSizes() (sizes [][2]int) {
	for _, peers := range growthPeers {
		sizes = append(sizes, [2]int{peers, 100})
	}
	for _, ops := range growthOps {
		sizes = append(sizes, [2]int{3, ops})
	}
	return sizes
}

// GrowthColdSync has one peer that holds all records sync with all others, which hold none, where delay and
// loss are worst.
func BenchmarkGrowthColdSync(b *testing.B) {
	for _, size := range coldSizes() {
		name := fmt.Sprintf("peers=%d/ops=%d", size[0], size[1])
		b.Run(name, func(b *testing.B) {
			src := lateLog(b, size[0], size[1])
			one := func(seed uint64) run { return late(b, size[0], simnet.Stressed(seed), src).catchUp(b) }
			for b.Loop() {
				one(1)
			}
			growthPanel(b, "cold/"+name, one)
		})
	}
}

// GrowthColdTime is what that costs the processor, for all peers and the network together.
func BenchmarkGrowthColdTime(b *testing.B) {
	for _, size := range coldSizes() {
		b.Run(fmt.Sprintf("peers=%d/ops=%d", size[0], size[1]), func(b *testing.B) {
			src := lateLog(b, size[0], size[1])
			for b.Loop() {
				b.StopTimer()
				c := late(b, size[0], simnet.Ideal(1), src)
				b.StartTimer()
				c.catchUp(b)
			}
		})
	}
}

// growthEpochs calls f for every group size with votes to all, and relayed ones.
func growthEpochs(b *testing.B, f func(b *testing.B, name string, a *assembly, direct int)) {
	for _, peers := range growthPeers {
		for direct, votes := range []string{"direct", "relayed"} {
			name := fmt.Sprintf("peers=%d/votes=%s", peers, votes)
			b.Run(name, func(b *testing.B) {
				if votes == "direct" {
					direct = peers
				}
				f(b, name, newAssembly(b, peers), direct)
			})
		}
	}
}

// GrowthEpoch is one epoch of so many members.
func BenchmarkGrowthEpoch(b *testing.B) {
	growthEpochs(b, func(b *testing.B, name string, a *assembly, direct int) {
		for _, s := range simnet.Scenarios()[1:] {
			b.Run("net="+s.Name, func(b *testing.B) {
				one := func(seed uint64) run {
					net, nodes := a.prepare(b, s.Options(seed), direct)
					return a.begin(b, net, nodes)
				}
				for b.Loop() {
					one(1)
				}
				growthPanel(b, "epoch/"+name+"/"+s.Name, one)
			})
		}
	})
}

// GrowthEpochTime is what it costs the processor, the second on a network, without signatures.
func BenchmarkGrowthEpochTime(b *testing.B) {
	growthEpochs(b, func(b *testing.B, _ string, a *assembly, direct int) {
		for b.Loop() {
			b.StopTimer()
			net, nodes := a.prepare(b, simnet.Ideal(1), direct)
			a.begin(b, net, nodes)
			b.StartTimer()
			a.begin(b, net, nodes)
		}
	})
}

// GrowthSync is a sync of two replicas that each lack a tenth of so many records.
func BenchmarkGrowthSync(b *testing.B) {
	for _, n := range growthOps {
		for _, s := range simnet.Scenarios() {
			name := fmt.Sprintf("ops=%d/net=%s", n, s.Name)
			b.Run(name, func(b *testing.B) {
				d := newDuo(b, n)
				one := func(seed uint64) run {
					net, nodes := d.prepare(b, s.Options(seed))
					return d.sync(b, net, nodes, seed)
				}
				for b.Loop() {
					one(1)
				}
				growthPanel(b, "sync/"+name, one)
			})
		}
	}
}

// GrowthSyncTime is what that costs the processor.
func BenchmarkGrowthSyncTime(b *testing.B) {
	for _, n := range growthOps {
		b.Run(fmt.Sprintf("ops=%d", n), func(b *testing.B) {
			d := newDuo(b, n)
			net, nodes := d.prepare(b, simnet.Ideal(1))
			d.sync(b, net, nodes, 1)
			for b.Loop() {
				b.StopTimer()
				net, nodes = d.prepare(b, simnet.Ideal(1))
				b.StartTimer()
				d.sync(b, net, nodes, 1)
			}
		})
	}
}

// plain returns a log with so many records of eight bytes.
func plain(b *testing.B, records int) *antientropy.Log {
	l := newLog(b)
	l.Reserve(records, 8*records)
	r := record(0, 1)
	for i := range records {
		r.Author, r.Seq, r.Payload = l.Member(i%4), uint64(i/4+1), r.Payload[:8]
		if added, err := l.Insert(r); !added || err != nil {
			b.Fatal(added, err)
		}
	}
	return l
}

// GrowthDigest computes the digest of a log from all its records, which are of eight bytes.
func BenchmarkGrowthDigest(b *testing.B) {
	for _, n := range growthRecords {
		b.Run(fmt.Sprintf("ops=%d", n), func(b *testing.B) {
			l := plain(b, n)
			want, d := l.Digest(), antientropy.Digest{}
			for b.Loop() {
				d = l.Recompute()
			}
			if !d.Equal(&want) {
				b.Fatalf("digest %+v, want %+v", d, want)
			}
		})
	}
}

// GrowthCompare asks two equal logs for their digests and compares these.
func BenchmarkGrowthCompare(b *testing.B) {
	for _, n := range growthRecords[:3] {
		b.Run(fmt.Sprintf("ops=%d", n), func(b *testing.B) {
			x, y := plain(b, n), plain(b, n)
			equal := 0
			for b.Loop() {
				p, q := x.Digest(), y.Digest()
				if p.Equal(&q) {
					equal++
				}
			}
			if equal != b.N {
				b.Fatalf("%d of %d equal", equal, b.N)
			}
		})
	}
}
