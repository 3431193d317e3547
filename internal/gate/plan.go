package gate

import (
	"math"
	"slices"
)

// looks are the numbers of pairs after which a decision is looked for, unless a plan says otherwise:
// about a third more each time, so that a clear case ends early and few looks share the error.
var looks = []int{4, 6, 8, 11, 15, 20, 28, 40}

// A Plan is the sequential test of one relative limit: after how many pairs a decision is looked
// for, and with how much error each look may decide. The looks of a plan together spend its error
// once (Lan and DeMets): those of a fail with the square of the share of pairs, since a false red
// costs trust, those of a pass evenly, since most benchmarks are unchanged and should be done soon.
type Plan struct {
	stages []stage
	tPower float64 // quantile at the last look, for what would nearly always be proved
}

// A stage is one look.
type stage struct {
	n                    int
	alphaFail, alphaPass float64
	// quantiles of Student's t for n pairs
	tFail, tPass, tBetter float64
}

// NewPlan returns the plan for at most maxPairs pairs where comparisons comparisons are judged
// together. Fewer than 4 pairs make a plan that decides nothing.
func NewPlan(maxPairs, comparisons int) Plan {
	return newPlan(Looks(maxPairs), failError(comparisons), passError)
}

// Looks returns after how many of at most maxPairs pairs a decision is looked for, in growing order.
func Looks(maxPairs int) []int {
	var out []int
	for _, n := range looks {
		if n < maxPairs {
			out = append(out, n)
		}
	}
	for n := looks[len(looks)-1]; n < maxPairs; n = n * 4 / 3 {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	if maxPairs >= minPairs {
		out = append(out, maxPairs)
	}
	return out
}

func newPlan(looks []int, alphaFail, alphaPass float64) Plan {
	var p Plan
	if len(looks) == 0 {
		return p
	}
	before, last := 0.0, float64(looks[len(looks)-1])
	for _, n := range looks {
		f := float64(n) / last
		s := stage{n: n, alphaFail: alphaFail * (f*f - before*before), alphaPass: alphaPass * (f - before)}
		df := float64(trimmed(n)) - 1
		s.tFail, s.tPass, s.tBetter = tQuantile(1-s.alphaFail, df), tQuantile(1-s.alphaPass, df), tQuantile(1-betterError*(f-before), df)
		p.stages = append(p.stages, s)
		p.tPower = tQuantile(1-passError, df)
		before = f
	}
	return p
}

// first and last are the numbers of pairs of the first and of the last look.
func (p Plan) first() int { return p.stages[0].n }
func (p Plan) last() int  { return p.stages[len(p.stages)-1].n }

// A Decision is what a Plan makes of pairs.
type Decision struct {
	Kind Kind // pass, fail or inconclusive
	// Pairs counts the pairs on which the decision rests: the first so many.
	Pairs int
	// Mean, Low and High are the centre of the first Pairs logarithms and its bounds, each with the
	// confidence Confidence; FailLow is the bound that a fail is proved with.
	Mean, Low, High, FailLow, Confidence float64
	// Detectable is the logarithm of the smallest change that all pairs of the plan would nearly always
	// have proved beyond the limit, at the spread of those seen.
	Detectable float64
	// Better says that the change is proved better than none.
	Better bool
	// Wall says that wall times were judged, Conflict that one clock proves a pass and the other a fail.
	Wall, Conflict bool
	median, se     float64
}

// wallShare is how small the spread of wall times has to be, as a share of that of the processes' own
// times, for wall times to be judged. Own time is disturbed where the kernel works for one process on
// the account of another, as it does for sockets and files; what two processes that share a processor
// and finish together read on the wall is not.
const wallShare = 0.7

// Decide judges the logarithms ds of the ratios of head to base, oriented so that more is worse, in
// the order of measuring, against the logarithm of the limit. Where ds are by the processes' own
// clocks, wall are the same by the clock on the wall: each look judges what spreads less, and proves a
// pass only where the other clock does not prove a fail. Otherwise wall is nil.
//
// It looks at the first pairs only, as the plan says, and the first look that proves something ends it:
// what comes after changes nothing.
func (p Plan) Decide(ds, wall []float64, limit float64) Decision {
	d := Decision{Kind: Inconclusive}
	for _, s := range p.stages {
		if s.n > len(ds) {
			break
		}
		d = p.look(s, ds, limit)
		if wall != nil {
			w := p.look(s, wall, limit)
			if w.se < wallShare*d.se {
				d, w = w, d
				d.Wall = true
			}
			if d.Kind == Pass && w.Kind == Fail {
				d.Kind, d.Better, d.Conflict = Inconclusive, false, true
			}
		}
		if d.Kind != Inconclusive {
			break
		}
	}
	return d
}

// look judges the pairs of one look.
func (p Plan) look(s stage, ds []float64, limit float64) Decision {
	e, last := estimatePaired(ds[:s.n]), p.stages[len(p.stages)-1]
	d := Decision{
		Pairs: s.n, Mean: e.mean, median: e.median, se: e.se,
		Better: e.mean+s.tBetter*e.se < 0,
		Low:    e.mean - s.tPass*e.se, High: e.mean + s.tPass*e.se, FailLow: e.mean - s.tFail*e.se, Confidence: 1 - s.alphaPass,
		Detectable: limit + (last.tFail+p.tPower)*e.se*math.Sqrt(float64(s.n)/float64(last.n)),
	}
	if d = d.settled(limit); d.Kind == Inconclusive && limit >= 0 && !slices.ContainsFunc(ds[:s.n], func(d float64) bool { return d != 0 }) {
		// Counts may be the same in every pair, which then is no accident: there is no spread to speak of.
		d.Kind, d.Low, d.High = Pass, 0, 0
	}
	return d
}

// settled returns d with its kind, as its bounds and its median say.
func (d Decision) settled(limit float64) Decision {
	switch {
	case d.FailLow > limit && d.median > limit:
		d.Kind = Fail
	case d.High < limit:
		d.Kind = Pass
	default:
		d.Kind = Inconclusive
	}
	return d
}
