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
	// Through is the function that most of the change passes through and little else does: with all that it
	// calls. It is the place to look at first; nil where there is none.
	Through *BlameRow `json:"through,omitempty"`
	// Rows are worst first: what rose beyond the spread, what fell beyond it, and then the rest. Left
	// counts further functions that are Beyond and have no row.
	Rows []BlameRow `json:"rows"`
	Left int        `json:"left,omitempty"`
}

// A BlameRow is one function, with what libraries and the runtime do for it.
type BlameRow struct {
	Function string `json:"function"`
	// In is the function of a library where most of the change arises; empty where that is Function itself.
	In string `json:"in,omitempty"`
	// For is of the garbage collector the function for which most of the change arises.
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
	Name, In, For    string
	FirstParty       bool
	Base, Head       []float64 // of itself
	BaseAll, HeadAll []float64 // with all that it calls
	Samples, Behind  [2]int    // behind the former and behind the latter
	Note             string
}

// row is the row of a function, with the speed of the machine divided out.
func (fn FunctionCost) row(f []float64) BlameRow {
	r := BlameRow{
		Function: fn.Name, In: fn.In, For: fn.For, Base: mean(timesEach(fn.Base, f)), Head: mean(timesEach(fn.Head, f)),
		BaseAll: mean(timesEach(fn.BaseAll, f)), HeadAll: mean(timesEach(fn.HeadAll, f)), Samples: fn.Samples, Note: fn.Note,
	}
	r.Base, r.Head = rounded(r.Base, r.Head), rounded(r.Head, r.Base)
	r.BaseAll, r.HeadAll = rounded(r.BaseAll, r.HeadAll), rounded(r.HeadAll, r.BaseAll)
	return r
}

// rounded is x, or 0 when beside the other value it is only what floating point leaves of a subtraction of equals.
func rounded(x, other float64) float64 {
	if math.Abs(x) < 1e-12*math.Abs(other) {
		return 0
	}
	return x
}

const (
	// blameError is the chance taken of saying of any function of one table that it changed, where none did.
	blameError = 0.05
	// wholeError is that of saying that the whole cost changed.
	wholeError = 0.01
	// blameLeast is the part of the whole that a difference has to be, however exactly it repeats. Processes
	// allocate a little of their own now and then: half a byte and an object in a hundred operations are
	// nothing either.
	blameLeast = 0.001
	// manyDegrees of freedom make Student's t a normal distribution.
	manyDegrees = 1000
	// throughShare is the part of the whole change that has to pass through a function for it to hold the change.
	throughShare = 0.6
	// blameShare is the part of the whole below which a function is not asked about.
	blameShare = 0.005
)

// least is the smallest difference that is one.
func (c Costs) least(whole float64) float64 {
	return max(blameLeast*whole, map[string]float64{"B/op": 0.5, "allocs/op": 0.01}[c.Unit])
}

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
	base, head := timesEach(c.Base[:n], f), timesEach(c.Head[:n], f)
	t.Base, t.Head = mean(base), mean(head)
	floor := 0.0
	if c.Ticks {
		// A tick more or less in each run says nothing.
		floor = math.Hypot(t.Base/float64(max(c.Samples[0], 1)), t.Head/float64(max(c.Samples[1], 1))) * math.Sqrt(float64(n))
	}
	whole := max(t.Base, t.Head)
	t.Beyond = differs(base, head, floor, c.least(whole), wholeError)
	var asked []FunctionCost
	for _, fn := range c.Functions {
		if max(mean(timesEach(fn.Base, f)), mean(timesEach(fn.Head, f))) >= blameShare*whole {
			asked = append(asked, fn)
		}
	}
	rows := make([]BlameRow, len(asked))
	for i, fn := range asked {
		rows[i] = fn.row(f)
		rows[i].Beyond = differs(timesEach(fn.Base, f), timesEach(fn.Head, f), c.floor(t, fn.Samples), c.least(whole), blameError/float64(len(asked)))
	}
	t.Through = c.through(t, f)
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

// floor is the standard error that a difference has by sampling alone.
func (c Costs) floor(t BlameTable, samples [2]int) float64 {
	if !c.Ticks {
		return 0
	}
	return math.Hypot(chance(t.Base, c.Samples[0], samples[0]), chance(t.Head, c.Samples[1], samples[1]))
}

// through finds the first-party function of which, with all that it calls, the change is most of the whole
// change and the largest part of its own cost. Callers further out have the same change in a larger
// cost.
func (c Costs) through(t BlameTable, f []float64) *BlameRow {
	if !t.Beyond {
		return nil
	}
	var holding []FunctionCost
	for _, fn := range c.Functions {
		r := fn.row(f)
		if fn.FirstParty && (r.HeadAll-r.BaseAll)/(t.Head-t.Base) >= throughShare {
			holding = append(holding, fn)
		}
	}
	var best *BlameRow
	most := 0.0
	for _, fn := range holding {
		r := fn.row(f)
		part := math.Abs(r.HeadAll-r.BaseAll) / max(r.BaseAll, r.HeadAll)
		if part > most && differs(timesEach(fn.BaseAll, f), timesEach(fn.HeadAll, f), c.floor(t, fn.Behind), 0, blameError/float64(len(holding))) {
			r.Beyond = true
			best, most = &r, part
		}
	}
	return best
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

func timesEach(xs, by []float64) []float64 {
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

// differs reports whether two means differ by more than least and by more than a standard error, at least
// floor, allows, in either direction, with a chance of alpha to be wrong where they are the same.
func differs(base, head []float64, floor, least, alpha float64) bool {
	n := float64(len(base))
	d := math.Abs(mean(head) - mean(base))
	if n < 2 || d == 0 {
		return false
	}
	se := math.Sqrt((variance(base) + variance(head)) / n)
	// The floor is known and not estimated from a few runs.
	return d > max(tQuantile(1-alpha/2, 2*(n-1))*se, tQuantile(1-alpha/2, manyDegrees)*floor, least)
}

// A Diagnosis is what was found out about a regression. Its JSON form is that of perfgate diagnose.
type Diagnosis struct {
	Version  int       `json:"version"` // as that of a Result
	ExitCode int       `json:"exit_code"`
	Compared Compared  `json:"compared"`
	Blame    []Blame   `json:"blame"`
	Bisected *Bisected `json:"bisected,omitempty"`
	// Problems says, one sentence each, what was to be looked at and could not be.
	Problems []string `json:"problems"`
}

// Conclude sets the exit code: that of the bisection where there was one, else ExitPass where of every
// benchmark a cost was seen to change, and ExitNotJudged where not.
func (d *Diagnosis) Conclude() {
	if d.Bisected != nil {
		d.ExitCode = d.Bisected.ExitCode
		return
	}
	d.ExitCode = ExitPass
	if len(d.Blame) == 0 || len(d.Problems) > 0 {
		d.ExitCode = ExitNotJudged
	}
	for _, b := range d.Blame {
		if !slices.ContainsFunc(b.Tables, BlameTable.Changed) {
			d.ExitCode = ExitNotJudged
		}
	}
}

// Changed reports whether the whole cost or that of a function changed beyond the spread.
func (t BlameTable) Changed() bool {
	return t.Beyond || t.Through != nil || slices.ContainsFunc(t.Rows, func(r BlameRow) bool { return r.Beyond })
}

// Worst returns the index of the fail with the largest change for the worse, -1 where nothing failed that
// was measured.
func Worst(verdicts []Verdict) int {
	best, most := -1, 0.0
	for i, v := range verdicts {
		if OutcomeOf(v) != Bad {
			continue
		}
		size := 0.0
		if v.Change != nil {
			size = math.Abs(math.Log1p(max(*v.Change, -1+1e-9)))
		}
		if best < 0 || size > most {
			best, most = i, size
		}
	}
	return best
}
