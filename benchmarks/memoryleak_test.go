package benchmarks

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/perfgate/perfgate/protocols/epoch"
	"github.com/perfgate/perfgate/protocols/session"
)

const (
	// leakWarm is how many cycles go before the first that counts: more than the ended sessions that a
	// node remembers.
	leakWarm = 80
	// leakGrowth is how many times as many there are at the end of what counts as at its beginning: a list
	// that doubles its room when it is full does so in between, and not at the edge.
	leakGrowth = 2.5
	// leakSamples is how often the heap is looked at meanwhile.
	leakSamples = 60
	// leakLimit is by how many bytes the heap may grow in each cycle, beyond leakNoise standard errors of
	// the slope: less than the least that a session or a proposal would leave behind.
	leakLimit = 64
	leakNoise = 3
	// leakGrain is the smallest block that the allocator hands out for what is not tiny; less is chance.
	leakGrain = 16
)

// A leak is what became more with every cycle.
type leak struct {
	trend
	goroutines int // how many more there are after all cycles
}

// beyond is by how many bytes each cycle, beyond chance and in whole blocks: 0 where nothing leaks, always.
func (l leak) beyond() float64 {
	return math.Floor(max(l.slope-leakNoise*l.err, 0)/leakGrain) * leakGrain
}

// found reports whether that is more than the limit allows.
func (l leak) found() bool { return l.beyond() >= leakLimit || l.goroutines > 0 }

// leakOf runs a cycle over and over and fits a line to what is reachable after some of them. A table that
// has grown for good looks like a slope too; so what is found counts only if it is found again in the
// cycles that follow, as many that a list which is never emptied has to grow once more.
func leakOf(cycle func()) leak {
	before := runtime.NumGoroutine()
	cycles := leakWarm
	for range cycles {
		cycle()
	}
	heapInUse() // what was left before is not to go in between
	var x, y []float64
	measure := func() trend {
		x, y = slices.Grow(x[:0], leakSamples), slices.Grow(y[:0], leakSamples)
		first, last := cycles, int(leakGrowth*float64(cycles))
		for cycles < last {
			cycle()
			cycles++
			if len(x) == (cycles-first)*leakSamples/(last-first)-1 {
				runtime.GC() // once is enough where only the slope matters
				x, y = append(x, float64(cycles)), append(y, float64(heapNow()))
			}
		}
		return fitTrend(x, y)
	}
	l := leak{trend: measure()}
	if l.beyond() > 0 {
		measure()
		// Where growth comes in steps, a fit says less than how much was added from beginning to end.
		if rise := (y[len(y)-1] - y[0]) / (x[len(x)-1] - x[0]); rise < l.slope {
			l.trend = trend{slope: rise}
		}
	}
	for range 100 { // whoever is about to end may
		if l.goroutines = runtime.NumGoroutine() - before; l.goroutines <= 0 {
			break
		}
		runtime.Gosched()
	}
	return l
}

// MemoryLeak repeats what a protocol's things go through from beginning to end, and fails if anything of
// it stays.
func BenchmarkMemoryLeak(b *testing.B) {
	for _, c := range lifecycles {
		b.Run("protocol="+c.protocol, func(b *testing.B) {
			cycle := c.prepare(b)
			var l leak
			for b.Loop() {
				if l = leakOf(cycle); l.found() {
					b.Fatalf("%.0f B more in use after each cycle, give or take %.0f, at most %d; %d goroutines more", l.slope, leakNoise*l.err, leakLimit, l.goroutines)
				}
			}
			b.ReportMetric(l.beyond(), "leak-B/cycle")
			b.ReportMetric(float64(max(l.goroutines, 0)), "goroutines")
		})
	}
}

// What is planted is found, and what only looks like a leak is not.
func TestLeaksAreFound(t *testing.T) {
	var kept []any
	var list [][96]byte
	stop := make(chan struct{})
	var started sync.WaitGroup
	defer started.Wait() // or what they leave is taken for the next test's
	defer close(stop)
	cycles := 0
	for _, c := range []struct {
		name  string
		cycle func()
		found bool
		none  bool // not a byte
	}{
		{"128 bytes", func() { kept = append(kept, new([128]byte)) }, true, false},
		{"a list of 96 bytes each", func() { list = append(list, [96]byte{}) }, true, false},
		{"a manager of sessions", func() {
			m, err := session.New(session.Options{Capacity: 1})
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, m)
		}, true, false},
		{"a member of an epoch", func() { kept = append(kept, new(epoch.Node)) }, true, false},
		{"a goroutine", func() { started.Go(func() { <-stop }) }, true, false},
		{"nothing", func() { cycles++ }, false, true},
		{"garbage", func() { _ = fmt.Sprint(make([]byte, 1<<12)) }, false, true},
		{"16 bytes", func() { kept = append(kept, new([16]byte)) }, false, false},
		{"a table that grows once", func() {
			if cycles++; cycles == 2*leakWarm {
				kept = append(kept, make([]byte, 1<<20))
			}
		}, false, true},
	} {
		kept, list, cycles = nil, nil, 0
		if l := leakOf(c.cycle); l.found() != c.found || c.none && l.beyond() > 0 {
			t.Errorf("%s: found %v, want %v: %.1f B a cycle, give or take %.1f; %d goroutines", c.name, !c.found, c.found, l.slope, leakNoise*l.err, l.goroutines)
		}
	}
	runtime.KeepAlive(kept)
	runtime.KeepAlive(list)
}
