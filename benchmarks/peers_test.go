package benchmarks

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/journal"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// syncAll has the first of a crowd sync with all others and returns how that went, once all are synced.
func (c *crowd) syncAll(b *testing.B) journal.Result {
	c.left = nil // nobody watches single records
	err := c.net.Do(c.group.Members[0], func(now time.Duration, out *protocols.Output) {
		if err := c.nodes[0].SyncAll(now, nil, out); err != nil {
			b.Fatal(err)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	c.net.Run(time.Hour, nil)
	r := c.nodes[0].TakeResults()
	if len(r) != 1 || r[0].Err() != nil {
		b.Fatalf("%+v", r)
	}
	return r[0]
}

// newcomerOps is about how many records there are that a newcomer lacks.
const newcomerOps = 1000

// newcomerLogs returns an empty log, and those of so many peers, each of which holds its own records and
// those of the half of the others that come next in a circle.
func newcomerLogs(b *testing.B, peers int) []*antientropy.Log {
	g := crowdGroup(peers + 1)
	logs := make([]*antientropy.Log, peers+1)
	for i := range logs {
		var err error
		if logs[i], err = antientropy.NewLog(g); err != nil {
			b.Fatal(err)
		}
		for k := 0; i > 0 && k <= peers/2; k++ {
			author := 1 + (i-1+k)%peers
			for seq := range newcomerOps / peers {
				r := record(0, author<<16|seq+1)
				r.Author, r.Seq = g.Members[author], uint64(seq+1)
				if added, err := logs[i].Insert(r); !added || err != nil {
					b.Fatal(added, err)
				}
			}
		}
	}
	return logs
}

// PeersEfficiency has a new replica sync with so many peers whose records overlap, as many at once as is
// usual, and for comparison with one after the other.
func BenchmarkPeersEfficiency(b *testing.B) {
	for _, peers := range []int{3, 10, 50} {
		for _, s := range simnet.Scenarios() {
			b.Run(fmt.Sprintf("peers=%d/net=%s", peers, s.Name), func(b *testing.B) {
				logs := newcomerLogs(b, peers)
				all := peers * (newcomerOps / peers)
				one := func(seed uint64, concurrent int) journal.Result {
					c := newCrowd(b, len(logs), s.Options(seed), journal.Config{Concurrent: concurrent}, func(i int, l *antientropy.Log) { l.CopyFrom(logs[i]) })
					r := c.syncAll(b)
					if n := c.nodes[0].Log().Len(); n != all || r.Applied != all {
						b.Fatalf("the newcomer has %d records and applied %d, want %d", n, r.Applied, all)
					}
					return r
				}
				for b.Loop() {
					one(1, 0)
				}
				runs := 10 // what varies is little, and less among many
				if peers > 10 {
					runs = 2
				}
				var times []time.Duration
				var turns time.Duration
				received := 0
				for seed := range uint64(runs) {
					r := one(seed+1, 0)
					received += r.Applied + r.Duplicates
					times = append(times, r.Ended-r.Started)
					r = one(seed+1, 1)
					turns += r.Ended - r.Started
				}
				b.ReportMetric(float64(received)/float64(all*runs), "received/applied")
				b.ReportMetric(turns.Seconds()/sum(times).Seconds(), "speedup")
				b.ReportMetric(float64(all*runs)/sum(times).Seconds(), "ops/s")
				b.ReportMetric(float64(mean(times).Nanoseconds()), "mean-ns")
				b.ReportMetric(float64(runs), "requests")
			})
		}
	}
}

func sum(times []time.Duration) (total time.Duration) {
	for _, t := range times {
		total += t
	}
	return total
}

func mean(times []time.Duration) time.Duration { return sum(times) / time.Duration(len(times)) }

// overheadOps is how many records each peer has at first that all others lack.
const overheadOps = 10

// PeersOverhead has one peer sync with so many others, at most five at once or all, and once for each of them
// with one alone. What all take more than
// the slowest one alone is what it costs that they are many.
func BenchmarkPeersOverhead(b *testing.B) {
	for _, peers := range []int{2, 5, 10, 25, 50, 100} {
		for _, way := range []string{"five", "all"} {
			b.Run(fmt.Sprintf("peers=%d/way=%s", peers, way), func(b *testing.B) {
				var cfg journal.Config
				if way == "all" {
					cfg.Concurrent, cfg.Session.MaxSessions = peers, peers
				}
				play := func(seed uint64, others int) time.Duration {
					members := crowdGroup(1 + others).Members
					c := newCrowd(b, 1+others, simnet.Realistic(seed), cfg, func(i int, l *antientropy.Log) {
						for seq := range overheadOps {
							r := record(0, i<<16|seq+1)
							r.Author, r.Seq = members[i], uint64(seq+1)
							if added, err := l.Insert(r); !added || err != nil {
								b.Fatal(added, err)
							}
						}
					})
					r := c.syncAll(b)
					if n := c.nodes[0].Log().Len(); n != overheadOps*(1+others) {
						b.Fatalf("the first has %d records after %d syncs", n, others)
					}
					return r.Ended - r.Started
				}
				for b.Loop() {
					play(1, peers)
				}
				var all, slowest time.Duration
				const runs = 4
				for seed := range uint64(runs) {
					var alone time.Duration
					for i := range uint64(peers) {
						alone = max(alone, play(1000*seed+i+1, 1))
					}
					slowest += alone
					all += play(seed+1, peers)
				}
				b.ReportMetric(float64((all-slowest).Nanoseconds())/runs, "overhead-ns")
				b.ReportMetric(float64(all)/float64(slowest), "xslowest")
				b.ReportMetric(runs, "requests")
			})
		}
	}
}

// Consistency is how much like each other runs are: a sync of two replicas, and of three peers.
func BenchmarkConsistency(b *testing.B) {
	for _, peers := range []int{2, 3} {
		for _, s := range simnet.Scenarios() {
			name := fmt.Sprintf("peers=%d/net=%s", peers, s.Name)
			b.Run(name, func(b *testing.B) {
				applied := 6 * coldOps
				one := func(seed uint64) run { return run{time: newStrangers(b, s.Options(seed)).meet(b)} }
				if peers == 2 {
					d := duoOf(b, 1000)
					applied = d.missing
					one = func(seed uint64) run {
						net, nodes := d.prepareWith(b, s.Options(seed), protocols.ChannelOptions{})
						return d.sync(b, net, nodes, seed)
					}
				}
				for b.Loop() {
					one(1)
				}
				var times []time.Duration
				for _, r := range panelOf("consistency/"+name, sweepTail, one) {
					times = append(times, r.time)
				}
				slices.Sort(times)
				average, square := mean(times), 0.0
				for _, t := range times {
					square += math.Pow(float64(t-average), 2)
				}
				deviation := math.Sqrt(square / float64(len(times)-1))
				b.ReportMetric(100*deviation/float64(average), "cv-%")
				b.ReportMetric(float64(rank(times, 95))/float64(rank(times, 50)), "xp50-p95")
				b.ReportMetric(float64(average.Nanoseconds()), "mean-ns")
				b.ReportMetric(float64(applied*len(times))/sum(times).Seconds(), "ops/s")
				reportTimes(b, times, 0)
				b.ReportMetric(float64(len(times)), "requests")
			})
		}
	}
}
