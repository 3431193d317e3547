package prove

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/sample"
)

// rate is the tidied unit of bytes per second, which falls as an operation takes longer.
const rate = "B/s"

// timed reports whether a tidied unit says how long an operation took, on the wall or by the clock of the
// process. A change of one is a change of all.
func timed(unit string) bool {
	return slices.Contains([]string{"sec/op", "own-sec/op", "cpu-sec/op", rate}, unit)
}

// multiply multiplies what every run of a benchmark shows in a unit by factor(run), together with what
// else the same cause moves.
func multiply(s *sample.Set, k sample.Key, unit string, factor func(run int) float64) {
	s.Replace(k, func(u string, values []sample.Measurement) []sample.Measurement {
		for i, m := range values {
			switch {
			case u == unit, timed(u) && timed(unit) && (u == rate) == (unit == rate):
				values[i].Value *= factor(m.Run)
			case timed(u) && timed(unit):
				values[i].Value /= factor(m.Run)
			}
		}
		return values
	})
}

// always is the same factor for every run.
func always(f float64) func(int) float64 { return func(int) float64 { return f } }

// set gives every measurement of a benchmark in a unit one value.
func set(s *sample.Set, k sample.Key, unit string, x float64) {
	s.Replace(k, func(u string, values []sample.Measurement) []sample.Measurement {
		for i := range values {
			if u == unit {
				values[i].Value = x
			}
		}
		return values
	})
}

// borrow gives a side that lacks a benchmark or its unit that of the other: a rule on what is new can be
// tried as if it were there already.
func (t *trial) borrow() {
	for _, m := range t.members {
		b, h := t.in.Base.Lookup(m.Key), t.in.Head.Lookup(m.Key)
		has := func(bm *sample.Benchmark) bool { return bm != nil && len(bm.Samples[t.b.Unit]) > 0 }
		switch {
		case has(h) && !has(b):
			t.in.Base.Put(h)
		case has(b) && !has(h):
			t.in.Head.Put(b)
		}
	}
}

// plantedLayouts is how many other orders of the functions a plant shows itself in, where measuring
// would look at any.
const plantedLayouts = 4

// minPairs is how many pairs must have been measured for their noise to be known at all.
const minPairs = 4

// extend makes of the samples what a check would have measured had it come close: as many pairs as its
// plan may take, drawn from those that are there, and other orders of the functions.
func (t *trial) extend() {
	e, k := t.measured, t.members[0].Key
	if len(e.Logs) < minPairs {
		return
	}
	base, head := t.in.Base.Lookup(k), t.in.Head.Lookup(k)
	pairs := map[string][2]int{}
	var names []string
	other := false
	for i, r := range base.Runs {
		other = other || r.Layout != ""
		j := slices.IndexFunc(head.Runs, func(h sample.Run) bool { return h == (sample.Run{Pair: r.Pair, Method: h.Method}) })
		if _, twice := pairs[r.Pair]; r.Pair == "" || r.Layout != "" || j < 0 || twice {
			continue
		}
		pairs[r.Pair] = [2]int{i, j}
		names = append(names, r.Pair)
	}
	again := func(name, as, layout string) {
		at := pairs[name]
		repeat(base, at[0], as, layout)
		repeat(head, at[1], as, layout)
	}
	rng := t.rng("more pairs")
	for n := len(e.Logs); n < e.Plan.Pairs() && len(names) > 0; n++ {
		again(names[rng.IntN(len(names))], fmt.Sprintf("planted-%d", n+1), "")
	}
	if t.in.Head.Provenance["layouts"] != "" && !other {
		for l := range plantedLayouts {
			for _, name := range names {
				again(name, name, fmt.Sprintf("planted-%d", l+1))
			}
		}
	}
}

// repeat appends a copy of a run, as another pair.
func repeat(b *sample.Benchmark, run int, pair, layout string) {
	r := b.Runs[run]
	r.Pair, r.Layout = pair, layout
	b.Runs = append(b.Runs, r)
	// any order: each unit has its own measurements
	for unit, ms := range b.Samples {
		if i := slices.IndexFunc(ms, func(m sample.Measurement) bool { return m.Run == run }); i >= 0 {
			b.Samples[unit] = append(ms, sample.Measurement{Value: ms[i].Value, Run: len(b.Runs) - 1})
		}
	}
}

// A step is a change beyond the limit.
type step struct {
	name string
	by   float64 // times the limit
	over float64 // of a scales limit: how much is added to the exponent; 0 is no such plant
	want Want
}

var (
	twice = step{Twice, 2, 0.3, Fail}
	steps = []step{{Near, 1.2, 0, Anything}, {Half, 1.5, 0.1, Anything}, twice, {Thrice, 3, 1, Fail}}
)

func (t *trial) beyond() []Plant {
	var out []Plant
	for _, s := range steps {
		if t.l.kind == "scales" && s.over == 0 {
			continue
		}
		head, size := t.worse(t.in.Base, t.in.Head, s)
		out = append(out, t.try(s.name, size, s.want, t.in.Base, head))
	}
	return out
}

// worse returns a copy of head in which the rule is broken by a step, and says how. A change that head
// has already is taken out: what is planted is the whole change against base.
func (t *trial) worse(base, head *sample.Set, s step) (planted *sample.Set, size string) {
	planted = head.Clone()
	if t.l.kind == "scales" {
		return t.steeper(base, planted, s.over)
	}
	k := t.members[0].Key
	if t.relative() {
		ratio, ok := t.ratio(base, head, s.by)
		if !ok {
			// Any rise from zero is beyond a relative limit, unless ignore_below excuses it.
			set(planted, k, t.b.Unit, s.by*t.unitStep())
			return planted, fmt.Sprintf("from zero to %.4g", s.by*t.unitStep())
		}
		multiply(planted, k, t.b.Unit, always(ratio/t.present(base, head)))
		return planted, fmt.Sprintf("a change of %+.4g %%", 100*(ratio-1))
	}
	target := t.l.value * s.by
	if t.l.kind == "at_least" {
		target = t.l.value / s.by
	} else if target == 0 {
		target = s.by
	}
	return t.moveTo(planted, base, target), fmt.Sprintf("%.4g times the limit", target/t.l.value)
}

// moveTo moves what an absolute limit looks at to a value in the tidied unit.
func (t *trial) moveTo(head, base *sample.Set, target float64) *sample.Set {
	k := t.members[0].Key
	alone := *t
	b := *t.b
	b.MaxRise, b.MaxDrop, b.IgnoreBelow, b.Scales = nil, nil, nil, nil
	alone.in.Budgets.Budgets = []budget.Budget{b}
	v, _, err := alone.judge(base, head)
	if err != nil || v.Head == nil || *v.Head == 0 {
		set(head, k, t.b.Unit, target)
	} else {
		multiply(head, k, t.b.Unit, always(target / *v.Head))
	}
	return head
}

// unitStep is the least that a count can rise from zero and be seen.
func (t *trial) unitStep() float64 {
	if t.b.IgnoreBelow != nil {
		return max(1, t.b.IgnoreBelow.Value)
	}
	return 1
}

// The changes that stand for a limit of 0 %, in fractions: of a unit that is no whole number, and of one
// that varies.
const (
	exactStep  = 0.01
	variedStep = 0.05
)

// ratio is head over base when head is worse by so many times the relative limit. It reports false
// where the base is zero.
func (t *trial) ratio(base, head *sample.Set, by float64) (float64, bool) {
	in := t.in
	in.Base, in.Head = base, head
	e, ok := gate.RelativeEvidence(in, t.b.ID, t.members[0].Key)
	if !ok {
		return 0, false
	}
	if t.l.kind == "max_rise" {
		bound := math.Expm1(e.Limit)
		if bound == 0 {
			bound = t.zeroBound(base)
		}
		return 1 + by*bound, true
	}
	bound := -math.Expm1(-e.Limit)
	if bound == 0 {
		bound = t.zeroBound(base)
	}
	if r := 1 - by*bound; r > 0.1 {
		return r, true
	}
	// So many drops to the limit, one upon the other: nothing drops by more than all of it.
	return max(math.Exp(-by*e.Limit), 1e-3), true
}

// zeroBound is the change that stands for a limit of 0 %: one unit of a whole number.
func (t *trial) zeroBound(base *sample.Set) float64 {
	if t.v.Class != string(budget.Exact) {
		return variedStep
	}
	if ms := base.Lookup(t.members[0].Key).Samples[t.b.Unit]; len(ms) > 0 && ms[0].Value >= 1 && ms[0].Value == math.Trunc(ms[0].Value) {
		return 1 / ms[0].Value
	}
	return exactStep
}

// present is head over base as the gate sees them, by all pairs there are.
func (t *trial) present(base, head *sample.Set) float64 {
	head = head.Clone()
	delete(head.Provenance, "looks")
	v, _, err := t.judge(base, head)
	if err != nil || v.Change == nil || !(*v.Change > -1) {
		return 1
	}
	return 1 + *v.Change
}

// steeper makes head grow with an exponent so much over the limit.
func (t *trial) steeper(base, head *sample.Set, over float64) (*sample.Set, string) {
	now := t.l.value
	if v, _, err := t.judge(base, head); err == nil && v.Head != nil {
		now = *v.Head
	}
	extra := t.l.value + over - now
	for _, m := range t.members {
		multiply(head, m.Key, t.b.Unit, always(math.Pow(m.size/t.members[0].size, extra)))
	}
	return head, fmt.Sprintf("exponent %.4g", t.l.value+over)
}

// gaps take away what was measured.
func (t *trial) gaps() []Plant {
	base := t.in.Base
	last := t.members[len(t.members)-1].Key
	dropped, renamed, crashed := t.in.Head.Clone(), t.in.Head.Clone(), t.in.Head.Clone()
	dropped.Remove(last)
	renamed.Rename(last, last.Name+"/renamed")
	crashed.Remove(last)
	crashed.Fail(last.Name, "panic: planted")
	nothing := func(sample.Key) bool { return false }
	lacks := Missing
	if t.b.OnMissing == budget.Warn {
		// The budget says that its benchmark may be absent. It does not say so of a head without any.
		lacks = Excused
	}
	return []Plant{
		t.try(Dropped, "head lacks "+last.Name, lacks, base, dropped),
		t.try(Renamed, "head has "+last.Name+"/renamed instead", lacks, base, renamed),
		t.try(Crashed, last.Name+" panics in head", Fail, base, crashed),
		t.try(NoHead, "head measured nothing", Missing, base, t.in.Head.Only(nothing)),
		t.try(NoBase, "base measured nothing", NotGreen, base.Only(nothing), t.in.Head),
	}
}

// constants plants a change into samples that do not vary at all.
func (t *trial) constants() []Plant {
	base, head := t.in.Base.Clone(), t.in.Head.Clone()
	for _, m := range t.members {
		centres := map[string]float64{}
		for _, s := range []*sample.Set{base, head} {
			s.Replace(m.Key, func(unit string, values []sample.Measurement) []sample.Measurement {
				if _, ok := centres[unit]; !ok {
					centres[unit] = median(values)
				}
				for i := range values {
					values[i].Value = centres[unit]
				}
				return values
			})
		}
	}
	head, size := t.worse(base, head, twice)
	return []Plant{t.try(Constant, size+", without any noise", Fail, base, head)}
}

// fromZero lets a count that was zero rise.
func (t *trial) fromZero() []Plant {
	counted := t.v.Class == string(budget.Exact) || t.b.Unit == "B/op" || t.b.Unit == "allocs/op"
	if t.l.kind != "max_rise" || !counted {
		return nil
	}
	base, head := t.in.Base.Clone(), t.in.Head.Clone()
	set(base, t.members[0].Key, t.b.Unit, 0)
	set(head, t.members[0].Key, t.b.Unit, t.unitStep())
	return []Plant{t.try(FromZero, fmt.Sprintf("from 0 to %.4g", t.unitStep()), Fail, base, head)}
}

// noisy plants a change three times over, and at least to a factor of three, into noise that is far
// beyond any that a check should meet.
func (t *trial) noisy() []Plant {
	var out []Plant
	for _, n := range []struct {
		name  string
		sigma float64
	}{{Noise15, 0.15}, {Noise40, 0.4}} {
		rng := t.rng(n.name)
		base, head := t.in.Base.Clone(), t.in.Head.Clone()
		head, size := t.worse(base, head, step{by: t.factorOfThree(base, head), over: 1})
		for _, m := range t.members {
			for _, s := range []*sample.Set{base, head} {
				multiply(s, m.Key, t.b.Unit, lognormal(rng, n.sigma, len(s.Lookup(m.Key).Runs)))
			}
		}
		out = append(out, t.try(n.name, size+" in noise", NotPass, base, head))
	}
	return out
}

// factorOfThree is how many times the limit make a factor of three, and at least three.
func (t *trial) factorOfThree(base, head *sample.Set) float64 {
	if !t.relative() {
		return 3
	}
	r, ok := t.ratio(base, head, 1)
	switch {
	case !ok:
		return 3
	case t.l.kind == "max_rise":
		return max(3, 2/(r-1))
	}
	return max(3, math.Log(3)/-math.Log(r))
}

func lognormal(rng *rand.Rand, sigma float64, runs int) func(int) float64 {
	fs := make([]float64, runs)
	for i := range fs {
		fs[i] = math.Exp(sigma * rng.NormFloat64())
	}
	return func(run int) float64 { return fs[run] }
}

// self compares the samples with themselves: base with base, or where a limit is on the values alone,
// head as it is.
func (t *trial) self() []Plant {
	same := t.in.Head
	if t.relative() {
		same = t.in.Base
	}
	head := same.Clone()
	head.Provenance = t.in.Head.Clone().Provenance
	base := same.Clone()
	base.Provenance = t.in.Base.Clone().Provenance
	p := t.try(Self, "no change", NotFail, base, head)
	if waived := t.withWaiver(); waived != nil && !p.OK {
		// What is red by itself and waived is not always red.
		q := waived.try(Self, "no change, with the waiver", NotFail, base, head)
		p.Size, p.ExitCode, p.OK = q.Size, q.ExitCode, q.ExitCode != gate.ExitFail && q.ExitCode != gate.ExitMisuse
	}
	return []Plant{p}
}

func median(ms []sample.Measurement) float64 {
	xs := make([]float64, len(ms))
	for i, m := range ms {
		xs[i] = m.Value
	}
	return centre(xs)
}

func centre(xs []float64) float64 {
	s := slices.Clone(xs)
	slices.Sort(s)
	return s[(len(s)-1)/2]/2 + s[len(s)/2]/2
}
