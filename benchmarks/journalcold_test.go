package benchmarks

import (
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/journal"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// JournalCold has three peers, each with a hundred records that the others lack, sync with all at
// once: each pair in one session.
func BenchmarkJournalCold(b *testing.B) {
	const ops = 100
	for _, s := range simnet.Scenarios() {
		b.Run("peers=3/net="+s.Name, func(b *testing.B) {
			prepare := func(seed uint64) *crowd {
				members := crowdGroup(3).Members
				return newCrowd(b, 3, s.Options(seed), journal.Config{}, func(i int, l *antientropy.Log) {
					for seq := range ops {
						r := record(i, seq+1)
						r.Author = members[i]
						if added, err := l.Insert(r); !added || err != nil {
							b.Fatal(added, err)
						}
					}
				})
			}
			run := func(c *crowd) time.Duration {
				for i := range 2 {
					c.net.Do(c.group.Members[i], func(now time.Duration, out *protocols.Output) {
						if err := c.nodes[i].SyncAll(now, c.group.Members[i+1:], out); err != nil {
							b.Fatal(err)
						}
					})
				}
				done := c.net.Run(time.Hour, func() bool {
					return c.nodes[0].Log().Len() == 3*ops && c.nodes[1].Log().Len() == 3*ops && c.nodes[2].Log().Len() == 3*ops
				})
				if !done {
					b.Fatal("the logs did not become equal")
				}
				return c.net.Now()
			}
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				c := prepare(1)
				b.StartTimer()
				run(c)
			}
			b.StopTimer()
			panel := 400
			if s.Options(1).Link.Loss == 0 {
				panel = growthRuns // all alike; here the processor's time is what counts
			}
			times := make([]time.Duration, panel)
			var wire int64
			for i := range times {
				c := prepare(uint64(i + 1))
				times[i] = run(c)
				wire += c.net.Total().WireBytes
			}
			slices.Sort(times)
			b.ReportMetric(float64(panel), "requests")
			b.ReportMetric(float64(wire)/float64(panel), "wire-B/op")
			reportTimes(b, times, 3*s.Options(1).Link.Delay)
		})
	}
}
