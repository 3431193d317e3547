package opponents

import (
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

// units says which way the units are better that Go does not know, and which repeat exactly.
const units = `Unit cpu-ns/op better=lower
Unit legs/op better=lower assume=exact
Unit msgs/op better=lower assume=exact
Unit wire-B/op better=lower assume=exact
Unit size-B/op better=lower assume=exact
Unit new-% better=lower assume=exact
`

var rounds = flag.Int("rounds", 1, "how often all benchmarks run, in turns")

// Running m several times is what puts the sides in turns: -count repeats each benchmark on the spot.
func TestMain(m *testing.M) {
	flag.Parse()
	bench, list := flag.Lookup("test.bench"), flag.Lookup("test.list")
	if bench.Value.String() == "" || list.Value.String() != "" {
		os.Exit(m.Run())
	}
	fmt.Print(units)
	code := 0
	for range *rounds {
		code = max(code, m.Run())
	}
	fmt.Print(results.table())
	os.Exit(code)
}

// A side is one way to do a piece of work. Run does it in b's loop and returns its exact figures.
type side struct {
	by  string
	run func(b *clocked) []figure
}

// A clocked benchmark counts beside the time of the wall the time that the process spent on processors,
// in all its threads: on a machine that others use too, only that belongs to the work.
type clocked struct {
	*testing.B
	begun bool
	from  time.Duration
	spent time.Duration
}

// Loop is that of testing.B.
func (c *clocked) Loop() bool {
	if !c.B.Loop() {
		c.pause()
		return false
	}
	if !c.begun {
		c.begun = true
		c.from = processTime()
	}
	return true
}

// StopTimer stops both clocks.
func (c *clocked) StopTimer() {
	c.B.StopTimer()
	c.pause()
}

// StartTimer starts both again.
func (c *clocked) StartTimer() {
	c.from = processTime()
	c.B.StartTimer()
}

func (c *clocked) pause() {
	if c.from >= 0 {
		c.spent += processTime() - c.from
	}
	c.from = -1
}

// perOp is what an op took in nanoseconds: of the processor, or of the wall where the system does not tell.
func (c *clocked) perOp() float64 {
	spent := c.spent
	if spent <= 0 {
		spent = c.Elapsed()
	}
	return float64(spent.Nanoseconds()) / float64(c.N)
}

// A figure is an exact number with its unit.
type figure struct {
	value float64
	unit  string
}

func exactly(value int, unit string) figure { return figure{float64(value), unit} }

// duel runs the sides one after the other, the first of which is ours, on the work that key describes.
func duel(b *testing.B, key string, sides ...side) {
	for _, s := range sides {
		b.Run("by="+s.by+"/"+key, func(b *testing.B) {
			b.ReportAllocs()
			c := &clocked{B: b}
			figures := s.run(c)
			if c.spent > 0 {
				b.ReportMetric(c.perOp(), "cpu-ns/op")
			}
			for _, f := range figures {
				b.ReportMetric(f.value, f.unit)
			}
			work := strings.TrimPrefix(strings.SplitN(b.Name(), "/", 2)[0], "Benchmark")
			results.add(work, key, s.by, c.perOp(), figures)
		})
	}
}

// A ledger holds what was measured in this process, in order of first appearance.
type ledger []*entry

type entry struct {
	work, key, by string
	best          float64 // nanoseconds per op, of the processor where it can be known
	figures       []figure
}

var results ledger

func (l *ledger) add(work, key, by string, ns float64, figures []figure) {
	for _, e := range *l {
		if e.work == work && e.key == key && e.by == by {
			e.best = min(e.best, ns)
			return
		}
	}
	*l = append(*l, &entry{work, key, by, ns, figures})
}

// table compares each side with the first of its work. The lines begin with a hash so that readers of
// benchmark text pass over them.
func (l ledger) table() string {
	var t strings.Builder
	first := &entry{}
	for _, e := range l {
		if e.work != first.work {
			fmt.Fprintf(&t, "#\n# %s\n#\n# | work | side | least time | times ours | exact |\n# |---|---|---|---|---|\n", e.work)
		}
		if e.work != first.work || e.key != first.key {
			first = e
		}
		fmt.Fprintf(&t, "# | %s | %s | %s | %s |", e.key, e.by, duration(e.best), rounded(e.best/first.best))
		for i, f := range e.figures {
			fmt.Fprintf(&t, " %s %s", rounded(f.value), f.unit)
			if e != first && i < len(first.figures) && first.figures[i].unit == f.unit && first.figures[i].value != 0 {
				fmt.Fprintf(&t, " (x%s)", rounded(f.value/first.figures[i].value))
			}
			if i+1 < len(e.figures) {
				t.WriteString(",")
			}
		}
		t.WriteString(" |\n")
	}
	return t.String()
}

func duration(ns float64) string {
	for _, unit := range []string{"ns", "us", "ms"} {
		if ns < 999.5 {
			return rounded(ns) + " " + unit
		}
		ns /= 1000
	}
	return rounded(ns) + " s"
}

// rounded prints three digits, or all before the point.
func rounded(v float64) string {
	if v == 0 {
		return "0"
	}
	digits := 2 - int(math.Floor(math.Log10(math.Abs(v))))
	return fmt.Sprintf("%.*f", max(digits, 0), v)
}
