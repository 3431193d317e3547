package benchmarks

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols/simnet"
)

// The panels that the gate measures again and again are as small as their quantiles allow; with
// -seeds=1000 each has as many runs as docs/protocols.md speaks of.
var seeds = flag.Int("seeds", 0, "how many runs, by seed, every panel has; 0 leaves it to the panel")

// A run is what one run of a panel cost.
type run struct {
	time      time.Duration   // until who began it knows, or everybody does
	all       time.Duration   // until both replicas hold everything
	records   []time.Duration // until all peers have each record that was published
	rounds    int
	messages  int
	datagrams int
	wire      int64
	pushes    int // datagrams with fresh records
	sends     int // those, parity and answers
}

// count takes what the links have carried since before.
func (r *run) count(total, before simnet.Counters) {
	r.messages = total.Messages - before.Messages
	r.datagrams = total.Datagrams - before.Datagrams
	r.wire = total.WireBytes - before.WireBytes
}

// panels keeps what was computed in this process: a benchmark function runs several times while Go
// looks for an iteration count, and the panel does not depend on that.
var panels = map[string][]run{}

// panelOf returns the runs of seeds from 1, size of them unless -seeds says otherwise.
func panelOf(name string, size int, play func(seed uint64) run) []run {
	if *seeds > 0 {
		size = *seeds
	}
	if panels[name] == nil {
		runs := make([]run, size)
		for i := range runs {
			runs[i] = play(uint64(i + 1))
		}
		panels[name] = runs
	}
	return panels[name]
}

// sizesOf returns the group sizes of a panel: all that docs/protocols.md speaks of where -seeds is given.
func sizesOf(few ...int) []int {
	if *seeds > 0 {
		return []int{3, 10, 50, 100}
	}
	return few
}

// behind is how many runs must lie beyond a quantile for it to be worth printing, and for the gate to
// judge by it. Where -seeds asks for another number of runs, half as many do.
const behind = 20

// reportRuns prints the exact units of a panel, times also as multiples of a limit if there is one.
func reportRuns(b *testing.B, runs []run, limit time.Duration, least floor) {
	times := make([]time.Duration, len(runs))
	for i, r := range runs {
		times[i] = r.time
	}
	b.ReportMetric(float64(len(runs)), "requests")
	reportLinks(b, runs, 1, least)
	reportTimes(b, times, limit)
}

// reportLinks prints what the links carried, for each of so many ops of a run, and over the least that a
// run takes, if anybody has worked that out.
func reportLinks(b *testing.B, runs []run, ops int, least floor) {
	var sum run
	for _, r := range runs {
		sum.messages += r.messages
		sum.datagrams += r.datagrams
		sum.wire += r.wire
	}
	k := float64(len(runs))
	b.ReportMetric(float64(sum.messages)/k/float64(ops), "msgs/op")
	b.ReportMetric(float64(sum.wire)/k/float64(ops), "wire-B/op")
	if least.datagrams > 0 {
		b.ReportMetric(float64(sum.datagrams)/k/float64(least.datagrams), "xmsgs")
		b.ReportMetric(float64(sum.wire)/k/float64(least.wire()), "xwire")
	}
}

// reportTimes prints the quantiles for which there are runs enough.
func reportTimes(b *testing.B, times []time.Duration, limit time.Duration) {
	beyond := behind
	if *seeds > 0 {
		beyond = behind / 2
	}
	times = slices.Clone(times)
	slices.Sort(times)
	for _, percent := range []int{50, 95, 99} {
		if len(times)*(100-percent) < beyond*100 {
			continue
		}
		t := rank(times, percent)
		b.ReportMetric(float64(t.Nanoseconds()), fmt.Sprintf("p%d-ns", percent))
		if limit > 0 {
			b.ReportMetric(float64(t)/float64(limit), fmt.Sprintf("xlimit-p%d", percent))
		}
	}
}

// rank returns the smallest of the sorted values that at least this share is no greater than.
func rank(sorted []time.Duration, percent int) time.Duration {
	return sorted[(len(sorted)*percent+99)/100-1]
}

// votesPanel is how many runs a panel of so many voters has: enough for a p99 where a run is cheap, for
// a median where it is not.
func votesPanel(peers int) int {
	if peers <= 10 {
		return 100 * behind
	}
	return 2 * behind
}
