package benchmarks

import (
	"fmt"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A panel of lines has so many short syncs on each of so many lines, enough for a p95.
const (
	lineSyncs = 20
	linePanel = 20 * lineSyncs
)

// A lineWay is one way to have many short syncs on a line: whether the nodes are kept from one to the next,
// and what their channels are told.
type lineWay struct {
	name  string
	fresh bool
	ch    protocols.ChannelOptions
}

// insightLines measures ways of having short syncs, each of which ships twenty records of a hundred; the
// first is the plain one.
func insightLines(b *testing.B, name string, scenarios []simnet.Scenario, ways ...lineWay) {
	d := new(duo)
	for _, w := range ways {
		for _, s := range scenarios {
			b.Run(fmt.Sprintf("%s/net=%s", w.name, s.Name), func(b *testing.B) {
				if d.group.Members == nil {
					d = newDuo(b, 100)
				}
				// player returns what runs the syncs of a panel one after the other.
				player := func(w lineWay) func(seed uint64) run {
					var l *line
					return func(seed uint64) run {
						k := (seed - 1) % lineSyncs
						if k == 0 {
							l = newLine(b, d, s.Options((seed-1)/lineSyncs+1))
						}
						if k == 0 || w.fresh {
							l.renew(b, antientropy.Config{Channel: w.ch})
						}
						l.rewind()
						return l.sync(b, seed)
					}
				}
				play, seed := player(w), uint64(0)
				for b.Loop() {
					seed++
					play(seed)
				}
				b.StopTimer()
				panel := func(w lineWay) []run {
					return panelOf(fmt.Sprintf("insight/%s/%s/%s", name, w.name, s.Name), linePanel, player(w))
				}
				reportGains(b, panel(ways[0]), panel(w))
			})
		}
	}
}

// InsightReuse is many short syncs with one peer, with nodes that begin anew each time or with those that were
// there before. There is no handshake that could be saved: what is kept is what was measured of the path.
func BenchmarkInsightReuse(b *testing.B) {
	insightLines(b, "reuse", simnet.Scenarios(), lineWay{name: "way=fresh", fresh: true}, lineWay{name: "way=reused"})
}

// InsightAdaptiveTimer is many short syncs with a timer that waits for three seconds before anything is sent
// again, or for as long as round trips take. Without parity every loss has to wait for it or for
// what comes later; with it hardly any has.
func BenchmarkInsightAdaptiveTimer(b *testing.B) {
	const wait = 3 * time.Second
	for _, p := range []struct {
		percent int
		loss    float64
	}{{0, -1}, {5, 0.05}} {
		b.Run(fmt.Sprintf("parity=%d", p.percent), func(b *testing.B) {
			insightLines(b, fmt.Sprint("timer/", p.percent), simnet.Scenarios()[1:],
				lineWay{name: "way=fixed", ch: protocols.ChannelOptions{Loss: p.loss, InitialRTO: wait, MinRTO: wait}},
				lineWay{name: "way=adaptive", ch: protocols.ChannelOptions{Loss: p.loss}})
		})
	}
}

// InsightAdaptiveParity is many short syncs with parity for a loss, in percent, that the network does not
// have: far too little or far too much. Fixed, each sync begins with that again; adaptive, with what
// those before it have measured.
func BenchmarkInsightAdaptiveParity(b *testing.B) {
	for _, percent := range []float64{0.1, 20} {
		b.Run(fmt.Sprintf("loss=%g", percent), func(b *testing.B) {
			ch := protocols.ChannelOptions{Loss: percent / 100}
			insightLines(b, fmt.Sprint("parity/", percent), simnet.Scenarios()[1:],
				lineWay{name: "way=fixed", fresh: true, ch: ch}, lineWay{name: "way=adaptive", ch: ch})
		})
	}
}
