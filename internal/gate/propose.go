package gate

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/sample"
)

// A Survey is a version measured against itself, which a Proposal is made of.
type Survey struct {
	// First is one run of every benchmark of the version, one iteration each.
	First *sample.Set
	// Base and Head are the two sides: what there is in both was measured in pairs.
	Base, Head *sample.Set
	// Pairs is how many pairs a check will take at most.
	Pairs int
	// Units are those to propose budgets for, tidied; none is all.
	Units []string
	// Seed determines the checks that are played.
	Seed uint64
}

// A Proposal is budgets that unchanged code keeps and a change of twice the limit breaks, as far as
// measuring a version against itself tells.
type Proposal struct {
	// Budgets are in the order of the functions, and for each time, bytes and allocations first. They
	// have no place in a file.
	Budgets []budget.Budget
	// Left is what no budget is proposed for, in the same order.
	Left []Left
	// Pairs is how many pairs checks of unchanged code wait for, at the median and over all benchmarks.
	Pairs int
}

// A Left is a unit that no budget is proposed for.
type Left struct {
	Function  string // without the word Benchmark
	Benchmark string // with its parts; that of the function where it is so for all
	Unit      string // as a benchmark prints it; empty for all units
	Why       string
}

// TooSlow is the time of one operation, in seconds, from which a benchmark is left out of a Survey: the
// fewest pairs that are judged would take the better part of a minute, for one benchmark.
const TooSlow = 5

// Slow reports whether a benchmark of the first run is left out of a Survey for its time, which is
// returned in seconds.
func Slow(first *sample.Set, k sample.Key) (seconds float64, slow bool) {
	b := first.Lookup(k)
	if b == nil {
		return 0, false
	}
	for _, m := range b.Samples["sec/op"] {
		seconds = max(seconds, m.Value)
	}
	return seconds, seconds >= TooSlow
}

// The limits that are proposed, as fractions. Round ones, since a limit is no measurement; 1 % for
// allocations alone, which the order of the functions does not move, and only where they differ by far less.
var (
	wideLimits  = []float64{0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.50}
	allocLimits = []float64{0.01, 0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.50}
)

const (
	// played is how many checks are played for each limit and each kind of noise.
	played = 200
	// playedUndecided is how many of these may end inconclusive at the noise measured, and
	// playedUndecidedWorst at the worst noise that these pairs may come from.
	playedUndecided      = played / 100
	playedUndecidedWorst = played * 5 / 100
	// playedFound is how many have to find a change of twice the limit.
	playedFound = played * 95 / 100
	// cycle is a cycle of the processor, in seconds: where an operation is short, the order of the functions
	// moves its time by at least that, beyond layoutAllowance.
	cycle = 0.33e-9
	// fewBytes is how many bytes an operation has to allocate for a percentage to say something where runs
	// differ: fewer are what is allocated once, spread over the operations of a run and rounded.
	fewBytes = 16
	// exactPairs is how many pairs have to show the same value for a unit to be given no room that nobody
	// declared to be exact. Of few runs none may be the one in which the runtime allocates by itself.
	exactPairs = 8
	// mostRules is how many budgets one unit of a function gets, where one would do.
	mostRules = 12
)

// Propose returns the budgets for what was surveyed. It compares nothing but one version with itself.
func Propose(s Survey) Proposal {
	p := proposer{s: s, ids: map[string]bool{}}
	p.prepare()
	var functions []string
	for _, set := range []*sample.Set{s.First, s.Head} {
		for _, b := range set.Benchmarks {
			if f := functionName(b.Name); !slices.Contains(functions, f) {
				functions = append(functions, f)
			}
		}
		for _, f := range set.Failures {
			if name := functionName(f.Name); name != "" && !slices.Contains(functions, name) {
				functions = append(functions, name)
			}
		}
	}
	for _, f := range functions {
		p.function(f)
	}
	slices.SortStableFunc(p.waits, func(a, b wait) int {
		return cmp.Or(strings.Compare(a.key.Package, b.key.Package), strings.Compare(a.key.Name, b.key.Name))
	})
	for i, w := range p.waits {
		// A check of a benchmark ends with the last of its units.
		if last := i == len(p.waits)-1 || p.waits[i+1].key != w.key; last {
			p.out.Pairs += w.pairs
		} else {
			p.waits[i+1].pairs = max(p.waits[i+1].pairs, w.pairs)
		}
	}
	return p.out
}

// A proposer is a proposal on its way.
type proposer struct {
	s     Survey
	out   Proposal
	ids   map[string]bool
	plan  Plan
	error float64 // the chance of a false red that the plan takes
	waits []wait
}

// A wait is how many pairs the checks of one benchmark wait for.
type wait struct {
	key   sample.Key
	pairs int
}

func functionName(name string) string {
	f, _, _ := strings.Cut(name, "/")
	return f
}

// prepare makes the plan that checks will have: it depends on how many comparisons share the error.
func (p *proposer) prepare() {
	n := 0
	for _, b := range p.s.Head.Benchmarks {
		for _, u := range p.units([]sample.Key{b.Key}) {
			if p.s.Head.Assume(u) != "exact" && (p.s.Head.Better(u) != "") {
				n++
			}
		}
	}
	p.error = failError(n)
	p.plan = newPlan(Looks(p.s.Pairs), p.error, passError)
}

// units lists what is proposed for the benchmarks: first Go's own in a fixed order, then others by name.
func (p *proposer) units(keys []sample.Key) []string {
	own := []string{"sec/op", "B/op", "allocs/op"}
	seen := map[string]bool{}
	for _, k := range keys {
		b := p.s.Head.Lookup(k)
		if b == nil {
			continue
		}
		for u := range b.Samples { // any order: they are sorted
			seen[u] = true
		}
	}
	var out, others []string
	for u := range seen { // any order: they are sorted
		asked := slices.Contains(p.s.Units, u)
		switch {
		case len(p.s.Units) > 0 && !asked, u == ownUnit, u == "cpu-sec/op", u == requestsUnit && !asked:
			// What is measured for our own purposes is no promise of anybody.
		case u == "B/s" && seen["sec/op"] && !asked:
			// It is the time over again.
		case !slices.Contains(own, u):
			others = append(others, u)
		}
	}
	for _, u := range own {
		if seen[u] && (len(p.s.Units) == 0 || slices.Contains(p.s.Units, u)) {
			out = append(out, u)
		}
	}
	slices.Sort(others)
	return append(out, others...)
}

// A held is the tightest limit that fits one benchmark in one unit.
type held struct {
	key     sample.Key
	limit   float64
	exact   bool    // every run printed the same value
	waiting bool    // its pairs ran one after the other, for what they wait
	spread  float64 // of the pairs, a standard deviation as a fraction; of what is not compared in pairs, the range
	pairs   int
}

// function proposes for one function of whatever packages: selectors do not name these.
func (p *proposer) function(f string) {
	var keys []sample.Key
	for _, b := range p.s.First.Benchmarks {
		if functionName(b.Name) == f {
			keys = append(keys, b.Key)
		}
	}
	left := func(benchmark, unit, why string) {
		p.out.Left = append(p.out.Left, Left{Function: f, Benchmark: benchmark, Unit: unit, Why: why})
	}
	for _, set := range []*sample.Set{p.s.First, p.s.Base, p.s.Head} {
		for _, x := range set.Failures {
			if functionName(x.Name) == f {
				left(x.Name, "", "it did not finish: "+firstLine(x.Text))
				return
			}
		}
	}
	slow := map[string]bool{}
	for _, k := range keys {
		if sec, ok := Slow(p.s.First, k); ok && !slow[k.Name] {
			slow[k.Name] = true
			left(k.Name, "", fmt.Sprintf("one operation takes %.1f s, and a check would need several: make it smaller", sec))
		}
	}
	for _, u := range p.units(keys) {
		p.unit(f, u, keys, slow)
	}
}

// unit proposes for one unit of one function.
func (p *proposer) unit(f, u string, keys []sample.Key, slow map[string]bool) {
	left := func(benchmark, why string) {
		p.out.Left = append(p.out.Left, Left{Function: f, Benchmark: benchmark, Unit: printedUnit(u), Why: why})
	}
	better := p.s.Head.Better(u)
	if better == "" {
		left(f, fmt.Sprintf("nobody says which way it is better: print `Unit %s better=lower`, or write a budget with `better: lower`, or higher", printedUnit(u)))
		return
	}
	var good []held
	unfit := map[string]bool{} // by name
	for _, k := range keys {
		bm := p.s.Head.Lookup(k)
		switch {
		case slow[k.Name]:
			unfit[k.Name] = true
		case bm == nil || len(bm.Samples[u]) == 0:
			unfit[k.Name] = true
		default:
			x, why := p.fit(k, u, better)
			if why != "" {
				unfit[k.Name] = true
				left(k.Name, why)
				continue
			}
			good = append(good, x)
		}
	}
	good = slices.DeleteFunc(good, func(x held) bool { return unfit[x.key.Name] })
	for _, r := range p.rules(f, good, unfit) {
		if r.why != "" {
			left(r.selector.Text, r.why)
			continue
		}
		p.out.Budgets = append(p.out.Budgets, p.budget(u, better, r))
	}
}

// fit finds the tightest limit for a benchmark, or says why there is none.
func (p *proposer) fit(k sample.Key, u, better string) (held, string) {
	out := held{key: k}
	b, h := newArm(p.s.Base, k, u), newArm(p.s.Head, k, u)
	if len(b.ms) == 0 || len(h.ms) == 0 {
		return out, "it was not measured"
	}
	values := slices.Concat(b.values(), h.values())
	for _, x := range values {
		if math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
			return out, fmt.Sprintf("it printed %v", x)
		}
	}
	low, high := slices.Min(values), slices.Max(values)
	// A time that repeats was rounded.
	out.exact = low == high && u != "sec/op" && u != "B/s"
	if out.pairs = min(len(b.ms), len(h.ms)); out.pairs < minPairs {
		return out, fmt.Sprintf("%d pairs were measured, and it takes %d", out.pairs, minPairs)
	}
	if q, ok := quantileOf(u); ok {
		need := 20 / (1 - q)
		for _, m := range h.bench.Samples[requestsUnit] {
			if m.Value < need {
				return out, fmt.Sprintf("%.0f requests are too few for this quantile: it takes %.0f", m.Value, math.Ceil(need))
			}
		}
	}
	alloc := u == "B/op" || u == "allocs/op"
	declared := p.s.Head.Assume(u) == "exact"
	switch {
	case declared && varies(b, h):
		return out, fmt.Sprintf("the suite says it is exact, and it was between %v and %v", low, high)
	case high == 0 && better == "higher":
		return out, "it is zero: a drop from zero cannot be"
	case declared && out.exact:
		return out, ""
	case out.exact && out.pairs < exactPairs && alloc && low >= 100:
		out.limit = allocLimits[0]
		return out, ""
	case out.exact && out.pairs < exactPairs:
		return out, fmt.Sprintf("it was %v in every one of %d runs, which are too few to say that it always is", low, 2*out.pairs)
	case alloc && out.exact:
		return out, ""
	case out.exact:
		// It may still depend on how many iterations there are: a check of what is exact does one.
		first := newArm(p.s.First, k, u)
		if slices.ContainsFunc(first.values(), func(x float64) bool { return x != low }) {
			return out, "it depends on the number of iterations, and is else always the same"
		}
		return out, ""
	case low == 0:
		return out, "it is zero in some runs and not in others, where a percentage says nothing: give it at_most"
	case u == "B/op" && low < fewBytes:
		return out, fmt.Sprintf("it is %v to %v bytes, what is allocated once in a run, where a percentage says nothing: give it at_most", low, high)
	}
	dir := budget.Lower
	if better == "higher" {
		dir = budget.Higher
	}
	c := testcase{b: &budget.Budget{Unit: u, MaxRise: &budget.Limit{}}, key: k, base: b, head: h, dir: dir}
	pairs := c.pairing()
	if !pairs.paired {
		return out, "its measurements are no pairs"
	}
	out.pairs = len(pairs.base)
	out.waiting = pairs.interleaved
	n := newNoise(pairs.logs(c.sign()), pairs.wallLogs(c.sign()), p.plan, p.rng(k, u))
	out.spread = n.spread
	shift := 0.0
	if u == "sec/op" {
		// Unchanged code in a changed package keeps its limit too.
		shift = max(layoutAllowance, math.Log1p(cycle/median(values)))
	}
	limits := wideLimits
	if alloc {
		limits = allocLimits
		out.spread = 0
		for _, d := range pairs.logs(1) {
			out.spread = max(out.spread, math.Expm1(math.Abs(d)))
		}
	}
	for _, limit := range limits {
		if alloc && limit < wideLimits[0] && out.spread > limit/2 {
			continue
		}
		if n.holds(limit, shift, dir, p.plan, p.error) {
			out.limit = limit
			p.waits = append(p.waits, wait{k, n.wait(limit, dir, p.plan)})
			return out, ""
		}
	}
	return out, fmt.Sprintf("too noisy: %d unchanged pairs spread by %s, and of these no limit up to %s could be told from noise", out.pairs, spreadText(n.spread), limitText(limits[len(limits)-1]))
}

// rng returns the source of chance for one benchmark in one unit.
func (p *proposer) rng(k sample.Key, unit string) *rand.Rand {
	h := fnv.New64a()
	for _, s := range []string{k.Package, k.Name, unit} {
		_, _ = h.Write([]byte(s + "\x00"))
	}
	return rand.New(rand.NewPCG(p.s.Seed, h.Sum64()))
}

// budget makes a rule a budget, with the widest limit of those that it covers.
func (p *proposer) budget(u, better string, r rule) budget.Budget {
	b := budget.Budget{Match: r.selector, Unit: u, UnitText: printedUnit(u), OnInconclusive: budget.Block, OnMissing: budget.Block}
	limit, exact, waiting, pairs := 0.0, true, true, math.MaxInt
	var spread float64
	for _, x := range r.fits {
		limit, spread, pairs = max(limit, x.limit), max(spread, x.spread), min(pairs, x.pairs)
		exact, waiting = exact && x.exact, waiting && x.waiting
	}
	l := &budget.Limit{Value: limit, Text: limitText(limit)}
	if better == "higher" {
		b.MaxDrop = l
	} else {
		b.MaxRise = l
	}
	alloc := u == "B/op" || u == "allocs/op"
	switch {
	case exact && !alloc && p.s.Head.Assume(u) != "exact":
		b.Class = budget.Exact
	case waiting && !alloc && !exact:
		b.Class = budget.Waiting
	}
	most := ""
	if n := len(r.fits); n > 1 {
		most = fmt.Sprintf(" at most, in %d benchmarks", n)
	} else if alloc {
		most = " at most"
	}
	switch {
	case exact:
		b.Why = fmt.Sprintf("the same in every one of %d runs", 2*pairs)
		if len(r.fits) > 1 {
			b.Why = fmt.Sprintf("the same in every one of %d runs, in %d benchmarks", 2*pairs, len(r.fits))
		}
	case alloc:
		b.Why = fmt.Sprintf("unchanged pairs differ by %s%s (%d pairs)", spreadText(spread), most, pairs)
	default:
		b.Why = fmt.Sprintf("unchanged pairs spread by %s%s (one standard deviation, %d pairs)", spreadText(spread), most, pairs)
	}
	b.ID = p.id(b)
	return b
}

// Widen gives the budget with this id the next wider limit, or leaves it out for the reason given where
// there is none or its unit is exact.
func (p *Proposal) Widen(id, why string) {
	i := slices.IndexFunc(p.Budgets, func(b budget.Budget) bool { return b.ID == id })
	if i < 0 {
		return
	}
	b := &p.Budgets[i]
	l := relativeLimit(b)
	next := slices.IndexFunc(wideLimits, func(x float64) bool { return x > l.Value })
	if l.Value > 0 && next >= 0 {
		*l = budget.Limit{Value: wideLimits[next], Text: limitText(wideLimits[next])}
		return
	}
	p.Left = append(p.Left, Left{Function: b.Match.Name, Benchmark: b.Match.Text, Unit: b.UnitText, Why: why})
	p.Budgets = slices.Delete(p.Budgets, i, i+1)
}

func limitText(x float64) string { return fmt.Sprintf("%.0f%%", 100*x) }

func spreadText(x float64) string {
	switch {
	case x < 0.0001:
		return "under 0.01 %"
	case x < 0.01:
		return fmt.Sprintf("%.2f %%", 100*x)
	}
	return fmt.Sprintf("%.1f %%", 100*x)
}

// printedUnit returns a tidied unit as a benchmark prints it.
func printedUnit(u string) string {
	for _, way := range [][2]string{{"sec", "ns"}, {"B/s", "MB/s"}} {
		if s := strings.Replace(u, way[0], way[1], 1); s != u && sample.Tidy(s) == u {
			return s
		}
	}
	return u
}

// maxID is how long a generated id is, which leaves room for a number behind it.
const maxID = 90

// id makes a name for a budget of what it is about.
func (p *proposer) id(b budget.Budget) string {
	unit := map[string]string{"sec/op": "time", "B/op": "bytes", "allocs/op": "allocs"}[b.Unit]
	if unit == "" {
		unit = b.UnitText
	}
	id := slugOf(strings.Join(append([]string{b.Match.Name}, append(slices.Clone(b.Match.Parts), unit)...), "-"))
	id = id[:min(len(id), maxID)]
	for n, base := 2, id; p.ids[id]; n++ {
		id = fmt.Sprintf("%s-%d", base, n)
	}
	p.ids[id] = true
	return id
}

// slugOf writes a text in a-z, 0-9 and dashes: ParseLongName/size=1k is parse-long-name-size-1k.
func slugOf(s string) string {
	var b strings.Builder
	before := ' '
	dash := func() {
		if b.Len() > 0 && !strings.HasSuffix(b.String(), "-") {
			b.WriteByte('-')
		}
	}
	for _, r := range s {
		if unicode.IsUpper(r) && (unicode.IsLower(before) || unicode.IsDigit(before)) {
			dash()
		}
		switch l := unicode.ToLower(r); {
		case 'a' <= l && l <= 'z', '0' <= l && l <= '9':
			b.WriteRune(l)
		default:
			dash()
		}
		before = r
	}
	if out := strings.Trim(b.String(), "-"); out != "" {
		return out
	}
	return "benchmark"
}
