package benchmarks

import (
	"fmt"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// sweepDelay is the one-way delay of every link that a sweep does not give another.
const sweepDelay = 25 * time.Millisecond

// sweepLink is a link on which nothing but distance takes time, before a sweep changes one thing about it.
func sweepLink(seed uint64) simnet.Options {
	opts := simnet.Ideal(seed)
	opts.Link.Delay = sweepDelay
	return opts
}

// sweepLimit is the least that a sync can take on a link: four legs, and the payload that either side
// lacks once through it.
func sweepLimit(l simnet.Link, payload int) time.Duration {
	return 4*l.Delay + time.Duration(int64(payload)*8*int64(time.Second)/l.Rate)
}

// sweep syncs two replicas of a thousand records over links that differ in one thing, which set makes of
// each value. Channels know nothing of the link beforehand.
func sweep(b *testing.B, key string, values []int, runs int, set func(l *simnet.Link, value int)) {
	for _, value := range values {
		name := fmt.Sprintf("%s=%d", key, value)
		b.Run(name, func(b *testing.B) {
			d := newDuo(b, 1000)
			play := func(opts simnet.Options, ch protocols.ChannelOptions) run {
				net, nodes := d.prepareWith(b, opts, ch)
				return d.sync(b, net, nodes, opts.Seed)
			}
			one := func(seed uint64) run {
				opts := sweepLink(seed)
				set(&opts.Link, value)
				return play(opts, protocols.ChannelOptions{})
			}
			for b.Loop() {
				one(1)
			}
			b.StopTimer()
			panel := panelOf("sweep/"+name, runs, one)
			calm := play(sweepLink(1), protocols.ChannelOptions{Loss: -1}).datagrams
			sends := 0
			for _, r := range panel {
				sends += r.datagrams
			}
			link := sweepLink(1).Link
			set(&link, value)
			b.ReportMetric(float64(sends)/float64(calm*len(panel)), "sends/floor")
			reportRuns(b, panel, sweepLimit(link, d.missing/2*payloadSize), recordsFloor(2, d.missing/2))
		})
	}
}

const (
	sweepMedian = 2 * behind  // runs for a median
	sweepTail   = 20 * behind // and for a p95
)

// SweepLoss loses so many percent of all datagrams, each by itself.
func BenchmarkSweepLoss(b *testing.B) {
	sweep(b, "loss", []int{0, 1, 2, 5, 10, 20}, sweepTail, func(l *simnet.Link, percent int) {
		l.Loss = float64(percent) / 100
	})
}

// SweepBurst loses one datagram in twenty, so many in a row on average. A burst of simnet lasts for
// datagrams and not for a time: one of eight outlasts all attempts of a channel in one run of some hundred.
func BenchmarkSweepBurst(b *testing.B) {
	sweep(b, "burst", []int{1, 2, 4}, sweepTail, func(l *simnet.Link, length int) {
		end := 1 / float64(length)
		l.Burst = simnet.Burst{Begin: end * 0.05 / 0.95, End: end, Loss: 1}
	})
}

// SweepDelay has a one-way delay of so many milliseconds.
func BenchmarkSweepDelay(b *testing.B) {
	sweep(b, "delay", []int{1, 10, 25, 50, 100, 200}, sweepMedian, func(l *simnet.Link, ms int) {
		l.Delay = time.Duration(ms) * time.Millisecond
	})
}

// SweepDelayNone is the same without any, which no exponent can be fitted to.
func BenchmarkSweepDelayNone(b *testing.B) {
	sweep(b, "delay", []int{0}, sweepMedian, func(l *simnet.Link, _ int) { l.Delay = 0 })
}

// SweepJitter delays each datagram by up to so many milliseconds more, so that they overtake each other.
func BenchmarkSweepJitter(b *testing.B) {
	sweep(b, "jitter", []int{0, 5, 20, 50}, sweepTail, func(l *simnet.Link, ms int) {
		l.Jitter = time.Duration(ms) * time.Millisecond
	})
}

// SweepReorder holds so many percent of all datagrams back by up to 25 milliseconds.
func BenchmarkSweepReorder(b *testing.B) {
	sweep(b, "reorder", []int{0, 1, 5, 20, 50}, sweepTail, func(l *simnet.Link, percent int) {
		l.Reorder, l.HoldBack = float64(percent)/100, sweepDelay
	})
}

// SweepRate lets so many kbit/s through, with room for 64 KiB that wait.
func BenchmarkSweepRate(b *testing.B) {
	sweep(b, "rate", []int{256, 1000, 4000, 16000, 64000}, sweepMedian, func(l *simnet.Link, kbit int) {
		l.Rate, l.Queue = int64(kbit)*1000, 64<<10
	})
}
