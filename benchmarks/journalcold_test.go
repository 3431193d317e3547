package benchmarks

import (
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/journal"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// coldOps is how many records each of three peers has at first that the others lack.
const coldOps = 100

// newStrangers puts three peers on a network that have nothing in common.
func newStrangers(b *testing.B, opts simnet.Options) *crowd {
	members := crowdGroup(3).Members
	return newCrowd(b, 3, opts, journal.Config{}, func(i int, l *antientropy.Log) {
		for seq := range coldOps {
			r := record(i, seq+1)
			r.Author = members[i]
			if added, err := l.Insert(r); !added || err != nil {
				b.Fatal(added, err)
			}
		}
	})
}

// meet has each pair of three strangers sync in one session, all at once, and tells when all had everything.
func (c *crowd) meet(b *testing.B) time.Duration {
	for i := range 2 {
		c.net.Do(c.group.Members[i], func(now time.Duration, out *protocols.Output) {
			if err := c.nodes[i].SyncAll(now, c.group.Members[i+1:], out); err != nil {
				b.Fatal(err)
			}
		})
	}
	done := c.net.Run(time.Hour, func() bool {
		return c.nodes[0].Log().Len() == 3*coldOps && c.nodes[1].Log().Len() == 3*coldOps && c.nodes[2].Log().Len() == 3*coldOps
	})
	if !done {
		b.Fatal("the logs did not become equal")
	}
	return c.net.Now()
}

// JournalCold has three peers, each with a hundred records that the others lack, sync with all at
// once: each pair in one session.
func BenchmarkJournalCold(b *testing.B) {
	for _, s := range simnet.Scenarios() {
		b.Run("peers=3/net="+s.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				c := newStrangers(b, s.Options(1))
				b.StartTimer()
				c.meet(b)
			}
			b.StopTimer()
			panel := 400
			if s.Options(1).Link.Loss == 0 {
				panel = growthRuns // all alike; here the processor's time is what counts
			}
			runs := panelOf("cold/net="+s.Name, panel, func(seed uint64) run {
				c := newStrangers(b, s.Options(seed))
				r := run{time: c.meet(b)}
				r.count(c.net.Total(), simnet.Counters{})
				return r
			})
			// Each of three gets the records of two others, in a flow from either.
			reportRuns(b, runs, 3*s.Options(1).Link.Delay, recordsFloor(3*2, coldOps))
		})
	}
}
