package benchmarks

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/journal"
	"github.com/perfgate/perfgate/protocols/simnet"
	"golang.org/x/perf/benchfmt"
)

// Every benchmark of an insight has one way, or batch, that is the plain one. The others print what they
// save against it.

// gain is how much less a way costs than the plain one, in percent.
func gain(plain, way float64) float64 { return 100 * (plain - way) / plain }

// reportGains prints the exact units of a panel of one way, and its gains against that of the plain one.
func reportGains(b *testing.B, plain, way []run) {
	was, is := times(plain), times(way)
	b.ReportMetric(float64(len(way)), "requests")
	b.ReportMetric(meanWire(way), "wire-B/op")
	reportTimes(b, is, 0)
	slices.Sort(was)
	slices.Sort(is)
	b.ReportMetric(gain(float64(rank(was, 50)), float64(rank(is, 50))), "gain-%")
	if len(way)*5 >= behind*100 {
		b.ReportMetric(gain(float64(rank(was, 95)), float64(rank(is, 95))), "tail-gain-%")
	}
	b.ReportMetric(gain(meanWire(plain), meanWire(way)), "wire-gain-%")
}

func times(runs []run) []time.Duration {
	t := make([]time.Duration, len(runs))
	for i, r := range runs {
		t[i] = r.time
	}
	return t
}

func meanWire(runs []run) float64 {
	sum := int64(0)
	for _, r := range runs {
		sum += r.wire
	}
	return float64(sum) / float64(len(runs))
}

// versus runs the plain way and another by turns, each after reset, and prints the other's time over the plain
// one's, and what it so saves, by the median of the pairs. Without a plain way the other is the plain one.
// The time in ns/op stays that of both: by it readers decide how often to run this.
func versus(b *testing.B, reset, plain, way func()) {
	lap := func(f func()) float64 {
		b.StopTimer()
		reset()
		b.StartTimer()
		began := b.Elapsed()
		f()
		return float64(b.Elapsed() - began)
	}
	var ratios []float64
	for b.Loop() {
		if plain == nil {
			lap(way)
			continue
		}
		was := lap(plain)
		ratios = append(ratios, lap(way)/max(was, 1))
	}
	if plain != nil {
		slices.Sort(ratios)
		x := ratios[len(ratios)/2]
		b.ReportMetric(x, "xcpu")
		b.ReportMetric(gain(1, x), "cpu-gain-%")
	}
}

// A line is two replicas on a network that outlives their nodes.
type line struct {
	d     *duo
	net   *simnet.Network
	ends  [2]*end
	nodes [2]*antientropy.Node
	made  uint64
}

// An end stands for a peer on a network, whichever node it has.
type end struct{ protocols.Node }

func newLine(b *testing.B, d *duo, opts simnet.Options) *line {
	l := &line{d: d, made: opts.Seed << 32}
	var err error
	if l.net, err = simnet.New(opts); err != nil {
		b.Fatal(err)
	}
	for i := range l.ends {
		l.ends[i] = new(end)
		if err := l.net.Add(d.group.Members[i], l.ends[i]); err != nil {
			b.Fatal(err)
		}
	}
	return l
}

// renew gives both peers nodes that remember nothing.
func (l *line) renew(b *testing.B, cfg antientropy.Config) {
	l.renewOne(b, 0, l.d.a, cfg)
	l.renewOne(b, 1, l.d.b, cfg)
}

func (l *line) renewOne(b *testing.B, i int, log *antientropy.Log, cfg antientropy.Config) {
	l.made++ // no node has the seed of another: their sessions would have the same names
	cfg.Self, cfg.Seed = l.d.group.Members[i], l.made
	n, err := antientropy.NewNode(log, cfg)
	if err != nil {
		b.Fatal(err)
	}
	l.nodes[i], l.ends[i].Node = n, n
}

// rewind restores the replicas to before a sync.
func (l *line) rewind() {
	l.d.a.CopyFrom(l.d.from)
	l.d.b.CopyFrom(l.d.to)
}

// sync runs one sync to its end, and counts what it took of the network.
func (l *line) sync(b *testing.B, seed uint64) run {
	before := l.net.Total()
	r := l.d.sync(b, l.net, l.nodes, seed)
	total := l.net.Total()
	r.messages, r.wire = total.Messages-before.Messages, total.WireBytes-before.WireBytes
	return r
}

// insightBatches are the sizes of batches; the first is the plain way.
var insightBatches = []int{1, 16, 64, 128, 512}

// InsightBatch is a sync that ships a thousand records, half of them each way, in batches of so many.
func BenchmarkInsightBatch(b *testing.B) {
	for _, size := range insightBatches {
		for _, s := range simnet.Scenarios()[1:] {
			b.Run(fmt.Sprintf("batch=%d/net=%s", size, s.Name), func(b *testing.B) {
				d := newPair(b, false, 2000, 1000, 1)
				ready := func(size int, seed uint64) *line {
					opts := s.Options(seed)
					l := newLine(b, d, opts)
					l.renew(b, antientropy.Config{Batch: size, Channel: protocols.ChannelOptions{Loss: opts.Link.Loss}})
					l.rewind()
					return l
				}
				for b.Loop() {
					b.StopTimer()
					l := ready(size, 1)
					b.StartTimer()
					l.sync(b, 1)
				}
				b.StopTimer()
				panel := func(size int) []run {
					return panelOf(fmt.Sprintf("insight/batch/%d/%s", size, s.Name), 2*behind, func(seed uint64) run {
						return ready(size, seed).sync(b, seed)
					})
				}
				reportGains(b, panel(insightBatches[0]), panel(size))
			})
		}
	}
}

// InsightBatchVerify takes 512 signed records into an empty log, in batches of so many: the signatures of a
// batch are checked together.
func BenchmarkInsightBatchVerify(b *testing.B) {
	const records = 512
	g := team()
	g.Unsigned = false
	keys := make([]ed25519.PrivateKey, len(g.Members))
	for i := range keys {
		keys[i] = otaKey(i)
		g.Members[i] = protocols.PeerID(keys[i].Public().(ed25519.PublicKey))
	}
	newLog := func() *antientropy.Log {
		l, err := antientropy.NewLog(g)
		if err != nil {
			b.Fatal(err)
		}
		return l
	}
	var src, empty, l *antientropy.Log
	fill := func() {
		if src != nil {
			return
		}
		src, empty, l = newLog(), newLog(), newLog()
		for i := range records {
			r := record(i%4, i/4+1)
			r.Author = g.Members[i%4]
			r.Sign(g, keys[i%4])
			if added, err := src.Insert(r); !added || err != nil {
				b.Fatal(added, err)
			}
		}
	}
	for _, size := range insightBatches {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			fill()
			in := func(size int) func() {
				var batches [][]byte
				for c := src.Since(nil); ; {
					batch, n := c.AppendBatch(nil, 1, uint64(len(batches)), size)
					if n == 0 {
						return func() { apply(b, l, batches, records) }
					}
					batches = append(batches, batch)
				}
			}
			plain := in(insightBatches[0])
			if size == insightBatches[0] {
				plain = nil
			}
			versus(b, func() { l.CopyFrom(empty) }, plain, in(size))
			b.ReportMetric(records, "requests")
		})
	}
}

// InsightPublish is 512 records that the first of three peers has at once, and publishes in batches of so
// many, one call right after the other.
func BenchmarkInsightPublish(b *testing.B) {
	const records = 512
	for _, size := range []int{1, 16, 128} {
		for _, s := range simnet.Scenarios()[1:] {
			b.Run(fmt.Sprintf("batch=%d/peers=3/net=%s", size, s.Name), func(b *testing.B) {
				publish := func(size int, seed uint64) run {
					c := newCrowd(b, 3, s.Options(seed), journal.Config{}, nil)
					c.writes = records
					c.out, c.left = make([]time.Duration, records), slices.Repeat([]int{len(c.nodes) - 1}, records)
					err := c.net.Do(c.group.Members[0], func(now time.Duration, out *protocols.Output) {
						for batch := range slices.Chunk(c.batch(0, records), size) {
							if err := c.nodes[0].Publish(now, batch, out); err != nil {
								b.Fatal(err)
							}
						}
					})
					if err != nil {
						b.Fatal(err)
					}
					c.net.Run(time.Hour, nil)
					if slices.Contains(c.out, 0) {
						b.Fatalf("seed %d: a record did not reach all", seed)
					}
					total := c.net.Total()
					return run{time: slices.Max(c.out), messages: total.Messages, wire: total.WireBytes}
				}
				for b.Loop() {
					publish(size, 1)
				}
				panel := func(size int) []run {
					return panelOf(fmt.Sprintf("insight/publish/%d/%s", size, s.Name), 2*behind, func(seed uint64) run {
						return publish(size, seed)
					})
				}
				reportGains(b, panel(1), panel(size))
			})
		}
	}
}

// A gain is positive where a way costs less, and the plain way has none.
func TestGain(t *testing.T) {
	for way, want := range map[float64]float64{4: 0, 3: 25, 0: 100, 5: -25} {
		if got := gain(4, way); got != want {
			t.Errorf("gain of %v against 4 is %v, want %v", way, got, want)
		}
	}
}

// Every insight prints an exact unit, and none that readers of benchmark text do not know. Which of the gains are
// exact has to be known too: others vary.
func TestInsightUnitsAreUnderstood(t *testing.T) {
	printed(t, "^BenchmarkInsight(Batch|Publish|Reuse|Adaptive|Digest|Pooling|Recovery)", 50, func(rec *benchfmt.Result, units benchfmt.UnitMetadataMap) {
		exact := 0
		for _, v := range rec.Values {
			if units.GetBetter(v.Unit) == 0 {
				t.Errorf("unit %s: no line says which way is better", v.Unit)
			}
			declared := isExact(units, v.Unit)
			if declared {
				exact++
			}
			if varies := v.Unit == "cpu-gain-%" || v.Unit == "mem-gain-%"; strings.HasSuffix(v.Unit, "gain-%") && declared == varies {
				t.Errorf("unit %s: declared exact %v, varies %v", v.Unit, declared, varies)
			}
		}
		if exact == 0 {
			t.Errorf("%s has no exact unit", rec.Name)
		}
	})
}
