package gate

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// A Blame is which functions one benchmark spends more or less in than it did, by profiles of both versions
// that did equal work. No verdict rests on it.
type Blame struct {
	Package    string `json:"package,omitempty"` // import path
	Benchmark  string `json:"benchmark"`         // without the word Benchmark
	Runs       int    `json:"runs"`              // profiles of each version
	Iterations int    `json:"iterations"`        // in each of them
	// Tables are of processor time, allocated bytes and allocated objects, in this order; what could not
	// be profiled is left out.
	Tables []BlameTable `json:"tables"`
}

// A BlameTable is one kind of cost of one operation, base against head, by function.
type BlameTable struct {
	Kind string `json:"kind"` // processor time, allocated bytes or allocated objects
	Unit string `json:"unit"` // tidied: sec/op, B/op or allocs/op
	// Base and Head are the whole cost of one operation, the means of the runs. Beyond says that they
	// differ by more than the runs of one version differ among themselves.
	Base   float64 `json:"base"`
	Head   float64 `json:"head"`
	Beyond bool    `json:"beyond"`
	// Samples are the ticks of the processor's time, or the objects, in the profiles of base and head.
	Samples [2]int `json:"samples"`
	// Explained is the part of the whole change that the rows which are Beyond add up to; 1 is all of it.
	// Nil where the whole did not change beyond the spread.
	Explained *float64 `json:"explained,omitempty"`
	// Rows are worst first: what rose beyond the spread, what fell beyond it, and then the rest. Left
	// counts further functions that are Beyond and have no row.
	Rows []BlameRow `json:"rows"`
	Left int        `json:"left,omitempty"`
}

// A BlameRow is one function, with what the runtime does for it.
type BlameRow struct {
	Function string `json:"function"`
	// For is the first-party function that calls it where most of the change arises; empty where the
	// function is first-party itself.
	For string `json:"for,omitempty"`
	// Base and Head are its own cost in one operation, BaseAll and HeadAll those with all that it calls.
	Base    float64 `json:"base"`
	Head    float64 `json:"head"`
	BaseAll float64 `json:"base_all"`
	HeadAll float64 `json:"head_all"`
	Samples [2]int  `json:"samples"` // behind Base and Head
	// Beyond says that Base and Head differ by more than the runs of one version differ among themselves.
	Beyond bool `json:"beyond"`
	// Note says that the function is new in head or gone from base, or is inlined in one of them only.
	Note string `json:"note,omitempty"`
}

// Costs is one kind of cost as profiles of both versions have it: what Attribute decides on.
type Costs struct {
	Kind, Unit string
	// Base and Head are the whole cost of one operation in each run, in Unit. Run i of both was taken at
	// the same time, so that what disturbs one disturbs the other.
	Base, Head []float64
	// Ticks says that costs are counted by sampling at fixed times, so that a count is off by chance; else
	// every one was counted.
	Ticks     bool
	Samples   [2]int
	Functions []FunctionCost
}

// A FunctionCost is the cost of one function in each run.
type FunctionCost struct {
	Name, For        string
	Base, Head       []float64
	BaseAll, HeadAll float64
	Samples          [2]int
	Note             string
}

const (
	// blameError is the chance taken of saying of any function of one table that it changed, where none did.
	blameError = 0.05
	// blameShare is the part of the whole below which a function is not asked about.
	blameShare = 0.005
)

// Attribute says where a change of a cost arises, in at most top rows.
//
// Functions are compared with a test of Student's t on the runs, in which the speed of the machine in
// each run, which both versions had alike, is divided out. What sampling alone would make a count vary by
// is a floor to the spread. The chance of naming anything where nothing changed is shared out evenly
// among the functions asked about.
func Attribute(c Costs, top int) BlameTable {
	t := BlameTable{Kind: c.Kind, Unit: c.Unit, Samples: c.Samples, Rows: []BlameRow{}}
	n := min(len(c.Base), len(c.Head))
	if n == 0 {
		return t
	}
	f := speeds(c.Base[:n], c.Head[:n])
	base, head := scaled(c.Base[:n], f), scaled(c.Head[:n], f)
	t.Base, t.Head = mean(base), mean(head)
	t.Beyond = differs(base, head, 0, blameError)
	whole := max(t.Base, t.Head)
	var asked []FunctionCost
	for _, fn := range c.Functions {
		if max(mean(scaled(fn.Base, f)), mean(scaled(fn.Head, f))) >= blameShare*whole {
			asked = append(asked, fn)
		}
	}
	rows := make([]BlameRow, len(asked))
	for i, fn := range asked {
		b, h := scaled(fn.Base, f), scaled(fn.Head, f)
		floor := 0.0
		if c.Ticks {
			floor = math.Hypot(chance(t.Base, c.Samples[0], fn.Samples[0]), chance(t.Head, c.Samples[1], fn.Samples[1]))
		}
		rows[i] = BlameRow{
			Function: fn.Name, For: fn.For, Base: mean(b), Head: mean(h), BaseAll: fn.BaseAll, HeadAll: fn.HeadAll,
			Samples: fn.Samples, Note: fn.Note, Beyond: differs(b, h, floor, blameError/float64(len(asked))),
		}
	}
	slices.SortStableFunc(rows, func(a, b BlameRow) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), -cmp.Compare(math.Abs(a.Head-a.Base), math.Abs(b.Head-b.Base)), strings.Compare(a.Function, b.Function))
	})
	explained := 0.0
	for i, r := range rows {
		if r.Beyond {
			explained += r.Head - r.Base
		}
		if r.Beyond && i >= top {
			t.Left++
		}
	}
	if t.Beyond {
		t.Explained = ref(explained / (t.Head - t.Base))
	}
	t.Rows = append(t.Rows, rows[:min(len(rows), top)]...)
	return t
}

// rank orders what rose, what fell and what is within the spread.
func (r BlameRow) rank() int {
	switch {
	case !r.Beyond:
		return 2
	case r.Head < r.Base:
		return 1
	}
	return 0
}

// speeds returns the factor for each run that divides out how fast the machine was.
func speeds(base, head []float64) []float64 {
	both := make([]float64, len(base))
	for i := range both {
		both[i] = base[i] + head[i]
	}
	m := mean(both)
	out := make([]float64, len(both))
	for i, x := range both {
		out[i] = 1
		if x > 0 {
			out[i] = m / x
		}
	}
	return out
}

func scaled(xs, by []float64) []float64 {
	out := make([]float64, len(by))
	for i := range out {
		if i < len(xs) {
			out[i] = xs[i] * by[i]
		}
	}
	return out
}

// chance is the standard error of a cost that is known from so many of all samples.
func chance(whole float64, all, samples int) float64 {
	if all <= 0 {
		return 0
	}
	// At least one, since none seen does not mean none.
	k := float64(max(samples, 1))
	return whole / float64(all) * math.Sqrt(k*max(1-k/float64(all), 0))
}

// differs reports whether two means differ by more than a standard error, at least floor, allows, in
// either direction, with a chance of alpha to be wrong where they are the same.
func differs(base, head []float64, floor, alpha float64) bool {
	n := float64(len(base))
	d := math.Abs(mean(head) - mean(base))
	if n < 2 || d == 0 {
		return false
	}
	se := max(math.Sqrt((variance(base)+variance(head))/n), floor)
	// What repeats exactly is told by any difference that is not one of rounding.
	return d > max(tQuantile(1-alpha/2, 2*(n-1))*se, 1e-9*max(mean(base), mean(head)))
}
