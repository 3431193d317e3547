package benchmarks

import (
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
			sync := func(c *crowd) run {
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
				r := run{time: c.net.Now()}
				r.count(c.net.Total(), simnet.Counters{})
				return r
			}
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				c := prepare(1)
				b.StartTimer()
				sync(c)
			}
			b.StopTimer()
			panel := 400
			if s.Options(1).Link.Loss == 0 {
				panel = growthRuns // all alike; here the processor's time is what counts
			}
			runs := panelOf("cold/net="+s.Name, panel, func(seed uint64) run { return sync(prepare(seed)) })
			// Each of three gets the records of two others, in a flow from either.
			reportRuns(b, runs, 3*s.Options(1).Link.Delay, recordsFloor(3*2, ops))
		})
	}
}
