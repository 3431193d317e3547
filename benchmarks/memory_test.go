package benchmarks

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/journal"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// memoryPayloads are the sizes of payload, in bytes, that ten thousand records have: 2.56 MB and 25 MB.
var memoryPayloads = []int{payloadSize, largePayload}

// heapInUse returns the bytes of what is reachable. The second collection takes what the first one only
// put aside, as it does with pools and with what had a finalizer.
func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	return heapNow()
}

// heapNow returns the bytes of all objects in the heap, whether they are still used or not.
func heapNow() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// collector has the collector run when the heap has grown by so many percent, until the function that it
// returns is called.
func collector(percent int) (restore func()) {
	percent = debug.SetGCPercent(percent)
	return func() { debug.SetGCPercent(percent) }
}

// median returns the middle of the values, of two the lesser.
func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[(len(v)-1)/2]
}

// newFlood returns a replica with ten thousand records of one author and one that has nothing but a record
// of its own, ready to sync. While it makes them the collector runs far more often than usual, so that the
// most memory is not that of the preparation.
func newFlood(b *testing.B, payload int, opts simnet.Options) (*duo, *simnet.Network, [2]*antientropy.Node) {
	defer collector(10)()
	d := &duo{group: team(), a: journalLog(b, payload, 1), b: newLog(b), missing: largeRecords + 1}
	if added, err := d.b.Insert(record(1, 1)); !added || err != nil {
		b.Fatal(added, err)
	}
	d.from, d.to = d.a, d.b // a log copied from itself stays as it is: there is no second one beside it
	net, nodes := d.prepare(b, opts)
	return d, net, nodes
}

// peakEvery is how many events of the network lie between two looks at the heap.
const peakEvery = 32

// peakHeap returns the most bytes in the heap during one sync of ten thousand records, both replicas
// and all that is not collected yet included, less what was there before either of them.
func peakHeap(b *testing.B, payload int, opts simnet.Options) float64 {
	defer collector(100)() // the default, whatever the environment says
	var highest int64
	events := 0
	opts.Observe = func(simnet.Event) {
		if events++; events%peakEvery == 0 {
			highest = max(highest, heapNow())
		}
	}
	before := heapInUse()
	d, net, nodes := newFlood(b, payload, opts)
	highest = heapInUse() // which also makes the collector begin from here
	d.sync(b, net, nodes, 1)
	if events < peakEvery*100 {
		b.Fatalf("%d events are too few to find a peak", events)
	}
	return float64(highest - before)
}

// MemoryPeak is how much memory a sync of ten thousand records takes at its most.
func BenchmarkMemoryPeak(b *testing.B) {
	for _, payload := range memoryPayloads {
		b.Run(fmt.Sprintf("ops=%d/payload=%d/net=ideal", largeRecords, payload), func(b *testing.B) {
			var heaps, resident []float64
			for b.Loop() {
				switch *role {
				case "sync":
					d, net, nodes := newFlood(b, payload, simnet.Ideal(1))
					d.sync(b, net, nodes, 1)
					continue
				case "middle":
					_, state, err := playRole(b.Context(), b.Name(), "sync")
					if err != nil {
						b.Fatal(err)
					}
					resident = append(resident, maxResident(state))
					continue
				}
				heaps = append(heaps, peakHeap(b, payload, simnet.Ideal(1)))
				bytes, err := peakResident(b.Context(), b.Name())
				if err != nil {
					b.Fatal(err)
				}
				resident = append(resident, bytes)
			}
			if heaps != nil {
				b.ReportMetric(median(heaps), "peak-heap-B")
				b.ReportMetric(median(heaps)/float64(2*largeRecords*payload), "xheap")
			}
			if resident != nil && median(resident) > 0 {
				b.ReportMetric(median(resident), "peak-rss-B")
			}
		})
	}
}

// retainedBySync returns by how many bytes what is reachable grows in a sync of ten thousand records:
// the records at the replica that lacked them, its tables, and what both nodes keep for later. The
// network is gone by then.
func retainedBySync(b *testing.B, payload int) float64 {
	d, net, nodes := newFlood(b, payload, simnet.Ideal(1))
	before := heapInUse()
	d.sync(b, net, nodes, 1)
	after := heapInUse() // nobody asks for the network any more
	runtime.KeepAlive(d)
	runtime.KeepAlive(nodes)
	return float64(after - before)
}

// MemoryRetained is how much memory a sync of ten thousand records leaves in use.
func BenchmarkMemoryRetained(b *testing.B) {
	for _, payload := range memoryPayloads {
		b.Run(fmt.Sprintf("ops=%d/payload=%d", largeRecords, payload), func(b *testing.B) {
			var bytes []float64
			for b.Loop() {
				bytes = append(bytes, retainedBySync(b, payload))
			}
			b.ReportMetric(median(bytes), "retained-B")
			b.ReportMetric(median(bytes)/float64(largeRecords*payload), "xheap")
		})
	}
}

// memoryMB are the sizes of a journal, in megabytes of payload.
var memoryMB = []int{1, 5, 10, 25}

// memoryRecords is how many records of payloadSize so many megabytes are.
func memoryRecords(mb int) int { return mb * 1_000_000 / payloadSize }

// retainedByJournal returns how many bytes each of two peers holds, nodes and logs, after the first has
// published so many megabytes to the second, a thousand records at a time.
func retainedByJournal(b *testing.B, mb int) float64 {
	before := heapInUse()
	c := newCrowd(b, 2, simnet.Ideal(1), journal.Config{}, nil)
	for at, all := 0, memoryRecords(mb); at < all; at += 1000 {
		c.write(b, c.batch(at, min(1000, all-at)))
	}
	x, y := c.nodes[0].Log().Digest(), c.nodes[1].Log().Digest()
	if !x.Equal(&y) || x.Count() != uint64(memoryRecords(mb)) {
		b.Fatalf("%d and %d records, want %d", x.Count(), y.Count(), memoryRecords(mb))
	}
	nodes := c.nodes
	after := heapInUse() // nobody asks for the network any more
	runtime.KeepAlive(nodes)
	return float64(after-before) / 2
}

// MemoryJournal is how much memory a journal holds for so many megabytes of payload.
func BenchmarkMemoryJournal(b *testing.B) {
	for _, mb := range memoryMB {
		b.Run(fmt.Sprintf("mb=%d", mb), func(b *testing.B) {
			var bytes []float64
			for b.Loop() {
				bytes = append(bytes, retainedByJournal(b, mb))
			}
			b.ReportMetric(median(bytes), "retained-B")
			b.ReportMetric(median(bytes)/float64(memoryRecords(mb)*payloadSize), "xheap")
		})
	}
}

// MemoryLine tells how well a straight line fits what MemoryJournal finds: how far memory can be told
// beforehand.
func BenchmarkMemoryLine(b *testing.B) {
	var r2 float64
	for b.Loop() {
		var x, y []float64
		for _, mb := range memoryMB {
			x = append(x, float64(memoryRecords(mb)*payloadSize))
			y = append(y, retainedByJournal(b, mb))
		}
		r2 = fitTrend(x, y).r2
	}
	b.ReportMetric(math.Round(r2*1e4)/1e4, "r2") // a hundred bytes, by which runs differ, are far behind that
}

// A trend is a line fitted by least squares.
type trend struct {
	slope float64
	err   float64 // standard error of the slope
	r2    float64 // share of the variance of y that the line explains, 0 where there is none
}

// fitTrend fits y = a + slope x to three or more points.
func fitTrend(x, y []float64) trend {
	n := float64(len(x))
	var mx, my float64
	for i := range x {
		mx += x[i] / n
		my += y[i] / n
	}
	var sxx, sxy, syy float64
	for i := range x {
		dx, dy := x[i]-mx, y[i]-my
		sxx += dx * dx
		sxy += dx * dy
		syy += dy * dy
	}
	l := trend{slope: sxy / sxx}
	rest := max(syy-l.slope*sxy, 0) // of the sum of squares
	l.err = math.Sqrt(rest / (n - 2) / sxx)
	if syy > 0 {
		l.r2 = 1 - rest/syy
	}
	return l
}

func TestFitTrend(t *testing.T) {
	l := fitTrend([]float64{1, 2, 3, 4}, []float64{5, 7, 9, 11})
	if l.slope != 2 || l.err != 0 || l.r2 != 1 {
		t.Errorf("a line of slope 2: %+v", l)
	}
	if l = fitTrend([]float64{1, 2, 3}, []float64{4, 4, 4}); l.slope != 0 || l.r2 != 0 {
		t.Errorf("a flat line: %+v", l)
	}
	// By hand: deviations -1.5, -0.5, 0.5, 1.5 and -1, 1, -1, 1 have products 2 and squares 5 and 4.
	if l = fitTrend([]float64{1, 2, 3, 4}, []float64{0, 2, 0, 2}); l.slope != 0.4 || l.r2 < 0.2-1e-12 || l.r2 > 0.2+1e-12 {
		t.Errorf("a scattered line: %+v", l)
	}
}
