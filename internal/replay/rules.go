package replay

import (
	"math"
	"slices"
)

// A Verdict is what a rule says of one benchmark.
type Verdict string

// The verdicts. A tool that knows warnings or prints without stopping the build passes by them.
const (
	Pass         Verdict = "pass"
	Fail         Verdict = "fail"
	Inconclusive Verdict = "inconclusive"
)

// A Design says how the two versions were measured.
type Design string

// The designs.
const (
	// Stored is each version alone, the base well before the head.
	Stored Design = "stored"
	// Pairs is both versions at once on one processor.
	Pairs Design = "pairs"
)

// A Unit says which time is compared.
type Unit string

// The units.
const (
	// Wall is time by the clock, which ns/op is.
	Wall Unit = "wall"
	// Own is the time a benchmark itself took, see Run.Own; time by the clock where it is not recorded.
	Own Unit = "own"
)

// Evidence is what a rule sees of one benchmark.
type Evidence struct {
	// Base and Head are measurements in the order they were taken. In the design Pairs they are of one
	// length, and those of one index are a pair.
	Base, Head []float64
	// BaseWall and HeadWall are the same by the clock where Base and Head are own time, else nil.
	BaseWall, HeadWall []float64
	// Higher says that more is better, as for throughput.
	Higher bool
	// Seed is for rules that draw random numbers.
	Seed uint64
}

// An Outcome is a verdict and what it took.
type Outcome struct {
	Verdict Verdict
	// Base and Head are how many runs of each the rule needed, counted from the first.
	Base, Head int
}

// A Rule is one way to decide from measurements whether head is worse than base by more than a limit,
// a share such as 0.10.
type Rule struct {
	// Name is the tool's.
	Name string
	// Design and Unit say which measurements of a trial it gets.
	Design Design
	Unit   Unit
	// Borrowed says that the tool itself does not measure so: on pairs in own time the rule sees what
	// perfgate's sees, which tells what is owed to measuring from what is owed to deciding.
	Borrowed bool
	// About states the rule in a line.
	About string
	// Judge decides. The evidence has at least one measurement on each side.
	Judge func(e Evidence, limit float64) Outcome
}

// A Decider is perfgate's own decision: it reads ds, the logarithms of head/base of pairs in the order
// they were measured, more being worse, until they prove a change beyond or within limit, itself the
// logarithm of a ratio, and says how many pairs that took. Wall are the same by the clock where ds are
// own time, else nil. Comparisons is how many are judged together.
type Decider func(ds, wall []float64, limit float64, comparisons int) (v Verdict, pairs int)

// Rules returns all rules: perfgate's with decide, if it is not nil, then those of the other tools.
// Comparisons is the size of the suites that they are scored on, which only perfgate's takes into
// account.
//
// What differs from the tools in all rules: they see one number per run of one process, where some take
// many within it; their own limit for what is a change is replaced by the limit; and what they ignore,
// such as a benchmark that vanished, is not asked.
func Rules(decide Decider, comparisons int) []Rule {
	var out []Rule
	if decide != nil {
		about := "log ratios of pairs, looked at as they come: fail once the change is proved beyond the limit, pass once it is proved within"
		judge := perfgate(decide, comparisons)
		out = append(out,
			Rule{Name: "perfgate", Design: Pairs, Unit: Own, About: about + "; time by the clock where that varies less", Judge: judge},
			Rule{Name: "perfgate", Design: Pairs, Unit: Wall, About: about + ", by the clock alone", Judge: judge})
	}
	return append(out,
		Rule{Name: "github-action-benchmark", Design: Stored, Unit: Wall, Judge: githubActionBenchmark, About: "one run against the stored one: fail if the ratio is above 1 + limit"},
		Rule{Name: "cob", Design: Stored, Unit: Wall, Judge: cob, About: "one run against one: fail if the change is above the limit"},
		Rule{Name: "gobenchdata", Design: Stored, Unit: Wall, Judge: gobenchdata, About: "one run against one, a formula for the change in percent: fail if above the limit"},
		Rule{Name: "benchdiff", Design: Stored, Unit: Wall, Judge: benchdiff, About: "10 runs each without outliers: fail if the U test has p < 0.05 and the means differ by more than the limit"},
		Rule{Name: "benchstat", Design: Stored, Unit: Wall, Judge: benchstat, About: "10 runs each: fail if the U test has p <= 0.05 and the medians differ by more than the limit"},
		Rule{Name: "benchstat", Design: Pairs, Unit: Own, Borrowed: true, Judge: benchstat, About: "the same on pairs in own time"},
		Rule{Name: "Bencher percentage", Design: Stored, Unit: Wall, Judge: bencherPercentage, About: "one run against the mean of the history: fail if above it by more than the limit"},
		Rule{Name: "Bencher t", Design: Stored, Unit: Wall, Judge: bencherT, About: "one run against the history: fail if above mean + t(0.99) * s; knows no limit"},
		Rule{Name: "criterion", Design: Stored, Unit: Wall, Judge: criterion, About: "fail if the bootstrapped t test has p < 0.05 and the 95 % interval of the ratio of means lies beyond the limit"},
		Rule{Name: "criterion", Design: Pairs, Unit: Own, Borrowed: true, Judge: criterion, About: "the same on pairs in own time"},
		Rule{Name: "tango", Design: Pairs, Unit: Wall, Judge: tango, About: "differences of pairs without outliers: fail if z >= 2.6 and the mean difference is above the limit"},
		Rule{Name: "tango", Design: Pairs, Unit: Own, Borrowed: true, Judge: tango, About: "the same in own time"},
		Rule{Name: "asv", Design: Stored, Unit: Wall, Judge: asv, About: "10 runs each: fail if the medians differ by more than the limit and the U test has p < 0.002"},
		Rule{Name: "asv", Design: Pairs, Unit: Own, Borrowed: true, Judge: asv, About: "the same on pairs in own time"},
		Rule{Name: "pytest-benchmark min", Design: Stored, Unit: Wall, Judge: pytestMin, About: "fail if the smallest run is above the smallest of the base by more than the limit"},
		Rule{Name: "pytest-benchmark mean", Design: Stored, Unit: Wall, Judge: pytestMean, About: "fail if the mean is above that of the base by more than the limit"},
		Rule{Name: "perfgate (Rust)", Design: Stored, Unit: Wall, Judge: rustMedian, About: "7 runs each: fail if the medians differ by more than the limit, unless the runs vary by more than 10 %"},
		Rule{Name: "perfgate (Rust)", Design: Pairs, Unit: Own, Borrowed: true, Judge: rustMedian, About: "the same on pairs in own time"},
		Rule{Name: "perfgate (Rust) paired", Design: Pairs, Unit: Wall, Judge: rustPaired, About: "7 pairs: fail if the mean difference is above the limit and above 2 standard errors"},
		Rule{Name: "perfgate (Rust) paired", Design: Pairs, Unit: Own, Borrowed: true, Judge: rustPaired, About: "the same in own time"},
	)
}

// worse returns the logarithms of the ratios of pairs, more being worse.
func (e Evidence) worse(base, head []float64) []float64 {
	var ds []float64
	for i := range min(len(base), len(head)) {
		d := math.Log(head[i]) - math.Log(base[i])
		if e.Higher {
			d = -d
		}
		ds = append(ds, d)
	}
	return ds
}

// perfgate hands the logarithms of the ratios of pairs to the gate's own decision.
func perfgate(decide Decider, comparisons int) func(Evidence, float64) Outcome {
	return func(e Evidence, limit float64) Outcome {
		bound := math.Log1p(limit)
		if e.Higher {
			bound = -math.Log1p(-limit)
		}
		v, n := decide(e.worse(e.Base, e.Head), e.worse(e.BaseWall, e.HeadWall), bound, comparisons)
		return Outcome{Verdict: v, Base: n, Head: n}
	}
}

// red is the verdict of a rule that knows two.
func red(fails bool, base, head int) Outcome {
	o := Outcome{Verdict: Pass, Base: base, Head: head}
	if fails {
		o.Verdict = Fail
	}
	return o
}

// worsening is how much worse head is, as a share of base, for a rule that knows the direction.
func (e Evidence) worsening(base, head float64) float64 {
	if e.Higher {
		return (base - head) / base
	}
	return (head - base) / base
}

// first returns at most n of the first measurements of each side.
func (e Evidence) first(n int) (base, head []float64) {
	return e.Base[:min(n, len(e.Base))], e.Head[:min(n, len(e.Head))]
}

// githubActionBenchmark is github-action-benchmark, default fail-threshold 200 %: the ratio of the new
// value to the newest stored one fails above the threshold, here 1 + limit. All units of Go benchmarks
// count as smaller is better. Of a name that is there several times the first stored value is used, so
// that -count changes nothing. Nothing stored means that nothing is checked.
func githubActionBenchmark(e Evidence, limit float64) Outcome {
	base, head := e.Base[0], e.Head[0]
	ratio := head / base
	if base == 0 && head == 0 {
		ratio = 1
	}
	return red(ratio > 1+limit, 1, 1)
}

// cob is cob, default threshold 20 %: the change of ns/op or B/op against the commit before, first
// repetition each. A base of zero counts as no change.
func cob(e Evidence, limit float64) Outcome {
	base, head := e.Base[0], e.Head[0]
	return red(base != 0 && (head-base)/base > limit, 1, 1)
}

// gobenchdata is gobenchdata with the check that its users write, (current/base - 1) * 100 with limit as
// its max; it has no default. With more is better they write a min.
func gobenchdata(e Evidence, limit float64) Outcome {
	change := (e.Head[0]/e.Base[0] - 1) * 100
	if e.Higher {
		return red(change < -limit*100, 1, 1)
	}
	return red(change > limit*100, 1, 1)
}

// benchdiff is benchdiff, default 10 runs, alpha 0.05 and tolerance 10 %: it compares means of what is
// left without outliers beyond 1.5 interquartile ranges, if the Mann-Whitney test finds a difference.
// Only a positive change is held against the tolerance. A drop of throughput is a negative one and so
// cannot fail.
func benchdiff(e Evidence, limit float64) Outcome {
	base, head := e.first(10)
	b, h := withoutOutliers(base), withoutOutliers(head)
	change := mean(h)/mean(b) - 1
	worse := change > limit && !e.Higher
	return red(worse && uTest(b, h) < 0.05, len(base), len(head))
}

// benchstat is benchstat with the limit that its users add, since it has none and always exits 0: ten
// runs each, medians, and the Mann-Whitney test at 0.05.
func benchstat(e Evidence, limit float64) Outcome {
	base, head := e.first(10)
	return red(e.worsening(median(base), median(head)) > limit && uTest(base, head) <= 0.05, len(base), len(head))
}

// bencherPercentage is Bencher's percentage test with limit as its upper boundary: the new value against
// the mean of the history, here all stored runs of the base. They are of one sitting, which is kinder
// than a history of many days.
func bencherPercentage(e Evidence, limit float64) Outcome {
	m := mean(e.Base)
	if e.Higher {
		return red(e.Head[0] < m*(1-limit), len(e.Base), 1)
	}
	return red(e.Head[0] > m*(1+limit), len(e.Base), 1)
}

// bencherT is Bencher's t test at its usual boundary of 0.99: the new value fails beyond mean + t * s of
// the history, t the quantile with n-1 degrees of freedom and s the standard deviation. It knows no
// limit. With fewer than two values in the history, or when they are all the same, there is no boundary
// and nothing is judged.
func bencherT(e Evidence, _ float64) Outcome {
	n := len(e.Base)
	s := math.Sqrt(variance(e.Base))
	if s == 0 {
		return red(false, n, 1)
	}
	away := tQuantile(0.99, n-1) * s
	if e.Higher {
		return red(e.Head[0] < mean(e.Base)-away, n, 1)
	}
	return red(e.Head[0] > mean(e.Base)+away, n, 1)
}

// resamples is how many bootstrap samples criterion draws here. It draws 100,000 itself; the percentile at
// 2.5 % of 400 normal values has a standard error of 3 % of the width of the interval.
const resamples = 400

// criterion is criterion.rs, 100 samples by default, here all there are: fail if a bootstrapped Welch t
// test has p < 0.05 and the 95 % bootstrap interval of the ratio of means lies beyond the noise threshold,
// here the limit. It always exits 0, so this is what it prints as regressed. An interval beyond the limit
// around a mean that is not is not looked for.
func criterion(e Evidence, limit float64) Outcome {
	ratio := mean(e.Head) / mean(e.Base)
	beyond := ratio > 1+limit
	if e.Higher {
		beyond = ratio < 1-limit
	}
	worse := false
	if beyond {
		b := newBootstrap(e.Seed)
		low, high := b.ratioOfMeans(e.Base, e.Head)
		worse = (low > 1+limit && !e.Higher || high < 1-limit && e.Higher) && b.tTest(e.Base, e.Head) < 0.05
	}
	return red(worse, len(e.Base), len(e.Head))
}

// tango is tango with limit as its fail threshold: differences within pairs, without outliers, fail if
// their mean is above the limit relative to the base and z = mean / (s / sqrt n) is at least 2.6. It
// alternates the versions in one process; here it gets pairs measured at once.
func tango(e Evidence, limit float64) Outcome {
	n := min(len(e.Base), len(e.Head))
	diffs := make([]float64, n)
	for i := range diffs {
		diffs[i] = e.Head[i] - e.Base[i]
	}
	low, high := tangoRange(diffs)
	var base, kept []float64
	for i, d := range diffs {
		if low <= d && d <= high {
			base, kept = append(base, e.Base[i]), append(kept, d)
		}
	}
	m, se := mean(kept), 0.0
	if len(kept) > 1 {
		se = math.Sqrt(variance(kept) / float64(len(kept)))
	}
	change := m / mean(base)
	if e.Higher {
		change, m = -change, -m
	}
	// Without spread z is infinite.
	return red(change > limit && m >= 2.6*se, n, n)
}

// tangoRange returns the differences between which tango keeps pairs: as many are dropped from each end
// as lie beyond 1.5 interquartile ranges on the end that has fewer of them. It differs in that the range
// has no smallest width of a nanosecond, which scales nothing.
func tangoRange(diffs []float64) (low, high float64) {
	s := slices.Sorted(slices.Values(diffs))
	n := len(s)
	q1, q3 := n/4, n*3/4-1
	if n == 0 || q1 >= q3 {
		return math.Inf(-1), math.Inf(+1)
	}
	iqr := s[q3] - s[q1]
	under := 0
	for under < q1 && s[under] < s[q1]-1.5*iqr {
		under++
	}
	over := 0
	for over < n-1-q3 && s[n-1-over] > s[q3]+1.5*iqr {
		over++
	}
	drop := min(under, over)
	return s[drop], s[n-1-drop]
}

// asv is asv compare and continuous with 1 + limit as their factor, 1.1 by default: the medians differ by
// more, and a two-sided Mann-Whitney test has p < 0.002. With so few runs that the smallest p of one side
// could not be under 0.002, the 99 % intervals of the medians must not overlap instead; that smallest p
// leaves out that the test has two sides, so 6 against 6 are tested and can never be different. A single
// run each is compared without a test. Runs are ten here, asv's default number of repeats.
func asv(e Evidence, limit float64) Outcome {
	base, head := e.first(10)
	b, h := median(base), median(head)
	worse := h > b*(1+limit)
	if e.Higher {
		worse = h < b/(1+limit)
	}
	return red(worse && asvDiffer(base, head), len(base), len(head))
}

func asvDiffer(base, head []float64) bool {
	const p = 0.002
	if len(base) == 1 && len(head) == 1 {
		return true
	}
	if 1/choose(len(base)+len(head), len(base)) < p {
		return uTest(base, head) < p
	}
	bl, bh := medianInterval99(base)
	hl, hh := medianInterval99(head)
	return bh < hl || hh < bl
}

// pytestMin is pytest-benchmark with --benchmark-compare-fail=min:limit: the smallest value of the rounds
// against the smallest of the stored ones. It takes its rounds within one process.
func pytestMin(e Evidence, limit float64) Outcome {
	return red(slices.Min(e.Head)/slices.Min(e.Base)-1 > limit, len(e.Base), len(e.Head))
}

// pytestMean is the same with mean:limit.
func pytestMean(e Evidence, limit float64) Outcome {
	return red(mean(e.Head)/mean(e.Base)-1 > limit, len(e.Base), len(e.Head))
}

// rustMedian is the Rust program that is also called perfgate, with what its init writes: medians of 7
// runs; a worsening beyond the limit fails, beyond half of it warns. If the runs of head vary by more than
// 10 % (coefficient of variation), a fail becomes a warning too, however large. A warning does not stop a
// build.
func rustMedian(e Evidence, limit float64) Outcome {
	base, head := e.first(7)
	noisy := len(head) > 1 && math.Sqrt(variance(head)) > 0.10*mean(head)
	return red(e.worsening(median(base), median(head)) > limit && !noisy, len(base), len(head))
}

// rustPaired is the paired mode of that program: the mean difference of pairs, relative to the median of
// the base, is above the limit, and above 2 standard errors (1.96 from 30 pairs) from the standard deviation
// with n for n-1.
func rustPaired(e Evidence, limit float64) Outcome {
	base, head := e.first(7)
	n := min(len(base), len(head))
	diffs := make([]float64, n)
	for i := range diffs {
		diffs[i] = head[i] - base[i]
		if e.Higher {
			diffs[i] = -diffs[i]
		}
	}
	se := 0.0
	if n > 1 {
		population := variance(diffs) * float64(n-1) / float64(n)
		se = math.Sqrt(population / float64(n))
	}
	m := mean(diffs)
	return red(m/median(base) > limit && m-2*se > 0, n, n)
}
