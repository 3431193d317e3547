// Package gate judges samples against budgets.
//
// It is pure: budgets and two sets of samples in, a Result out; no I/O, no clock, no environment.
// Every decision of perfgate is made here and nowhere else, the exit code included.
//
// A relative limit is judged against the limit, not against zero change. With s = +1 where lower is
// better and -1 where higher is better, and d = s*ln(head/base) for each pair of measurements, the
// limit "may rise at most b" becomes M = ln(1+b) and "may drop at most b" becomes M = -ln(1-b). A
// budget passes when the upper bound of the mean of d lies below M, fails when the lower bound and
// the median lie above M, and is inconclusive otherwise: noise widens the bounds and so can only
// lead to inconclusive, never from a fail to a pass. Exact units need no test; what is absent is
// never a pass.
//
// Position in the flow: sample and budget feed it, report renders what it returns.
package gate

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/sample"
)

// An Input is all that a judgement rests on.
type Input struct {
	Budgets budget.Set
	Head    *sample.Set
	// Base is nil when there is nothing to compare with; NoBase then says why and what to do.
	Base   *sample.Set
	NoBase string
	// Recorded says that Base is the stored baseline of a repository without usable history: it
	// serves for exact units, which are the same on every machine, and for nothing else. NoBase is
	// then set too.
	Recorded bool
	// AllowNoBase keeps what could not be compared for want of a base from blocking. It does not
	// excuse a benchmark that head lacks.
	AllowNoBase bool
}

// Judge returns the verdict of every budget on every benchmark that its selector matches in base or
// head. The error, a budget.Problems, is one of the budgets: a selector or unit that nothing has, a
// contradiction with what the suite says of a unit. Bad samples are no error but verdicts.
func Judge(in Input) (Result, error) {
	if in.Head == nil {
		in.Head = &sample.Set{File: "nothing"}
	}
	if in.Base == nil && in.NoBase == "" {
		in.NoBase = "none was given; name one with --base"
	}
	j := judge{in: in}
	j.inspect("head", in.Head)
	if in.Base != nil {
		j.inspect("base", in.Base)
	}
	var cases []*testcase
	for i := range in.Budgets.Budgets {
		cases = append(cases, j.cases(&in.Budgets.Budgets[i])...)
	}
	if len(j.errs) > 0 {
		j.errs.Sort()
		return Result{}, j.errs
	}
	j.uncovered(cases)
	comparisons := 0
	for _, c := range cases {
		comparisons += c.noisy()
	}
	j.alphaFail = failError(comparisons)
	for _, c := range cases {
		j.decide(c)
	}
	return j.result(cases), nil
}

// A judge carries the state of one judgement.
type judge struct {
	in        Input
	errs      budget.Problems
	problems  []string
	alphaFail float64
	compared  bool // a relative limit met a base
	relative  bool // a relative limit was declared and its benchmark measured in head
	lacksBase bool // a relative limit found no base
}

func (j *judge) problem(text string) { j.problems = append(j.problems, text) }

// inspect turns what is wrong with a whole file into problems.
func (j *judge) inspect(side string, s *sample.Set) {
	if len(s.Benchmarks) == 0 {
		j.problem(fmt.Sprintf("%s: no samples in %s", side, s.File))
	}
	for _, d := range s.Damage {
		if d.Name == "" {
			j.problem(fmt.Sprintf("%s: %s:%d: %s", side, s.File, d.Line, d.Text))
		}
	}
	for _, f := range s.Failures {
		if f.Name == "" {
			j.problem(fmt.Sprintf("%s: %s:%d: the run failed: %s", side, s.File, f.Line, firstLine(f.Text)))
		}
	}
}

// uncovered makes a problem of every benchmark that failed in head and that no verdict speaks of. It
// may have kept others from running, which a selector would have matched had they been there. In
// base it is past mending, and what it kept from running is missing, not new.
func (j *judge) uncovered(cases []*testcase) {
	for _, f := range j.in.Head.Failures {
		if f.Name != "" && !slices.ContainsFunc(cases, func(c *testcase) bool { return c.about(f.Name) }) {
			j.problem(fmt.Sprintf("head: %s:%d: %s failed, which no budget covers: %s", j.in.Head.File, f.Line, f.Name, firstLine(f.Text)))
		}
	}
}

// about reports whether the verdict of a testcase takes the failure of the named benchmark in.
func (c *testcase) about(failed string) bool {
	if c.group == nil {
		return within(c.key.Name, failed)
	}
	return slices.ContainsFunc(c.group, func(m member) bool { return within(m.key.Name, failed) })
}

// within reports whether a benchmark is the named one or a sub-benchmark of it.
func within(name, of string) bool { return name == of || strings.HasPrefix(name, of+"/") }

// A testcase is one budget on one benchmark, or for scales on one group of benchmarks.
type testcase struct {
	b     *budget.Budget
	key   sample.Key
	base  arm
	head  arm
	group []member // scales only
	class budget.Class
	dir   budget.Direction
	v     Verdict
	// lacksBase says that a relative limit had no base to be judged against, through no fault of
	// the samples.
	lacksBase bool
	// suspect says that the samples are unfit, not merely too few: no policy excuses that.
	suspect bool
}

// An arm is one side of a testcase.
type arm struct {
	set     *sample.Set
	bench   *sample.Benchmark // nil when absent
	ms      []sample.Measurement
	failure *sample.Failure
}

func (a arm) values() []float64 {
	out := make([]float64, len(a.ms))
	for i, m := range a.ms {
		out[i] = m.Value
	}
	return out
}

// measured returns the values that were measured alone, or those measured in a pair.
func (a arm) measured(alone bool) []float64 {
	var out []float64
	for _, m := range a.ms {
		if alone == (m.Pair == "") {
			out = append(out, m.Value)
		}
	}
	return out
}

// alone returns the values measured without a partner, or all where there are none such: a process
// that shared its processor took longer than it would have, which cancels in a ratio only.
func (a arm) alone() []float64 {
	if xs := a.measured(true); len(xs) > 0 {
		return xs
	}
	return a.values()
}

// shown returns the values of an arm whose centre stands in the verdict where no pairs are compared.
func (c *testcase) shown(a arm) []float64 {
	if c.class == budget.Exact || relativeLimit(c.b) != nil {
		return a.values()
	}
	return a.alone()
}

// A member is one size of a scales group.
type member struct {
	key        sample.Key
	x          float64
	base, head arm
}

// cases lists what a budget has to be judged on.
func (j *judge) cases(b *budget.Budget) []*testcase {
	keys := j.matching(b.Match)
	if len(keys) == 0 {
		if c := j.unmatched(b); c != nil {
			return []*testcase{c}
		}
		return nil
	}
	if !j.checkUnit(b, keys) {
		return nil
	}
	if b.Scales != nil {
		cs := j.scaleGroups(b, keys)
		if !hasPlainLimits(b) {
			return cs
		}
		return append(j.plainCases(b, keys), cs...)
	}
	return j.plainCases(b, keys)
}

func hasPlainLimits(b *budget.Budget) bool {
	return b.MaxRise != nil || b.MaxDrop != nil || b.AtMost != nil || b.AtLeast != nil
}

func (j *judge) plainCases(b *budget.Budget, keys []sample.Key) []*testcase {
	var out []*testcase
	for _, k := range keys {
		c := &testcase{b: b, key: k, base: newArm(j.in.Base, k, b.Unit), head: newArm(j.in.Head, k, b.Unit)}
		c.class = j.class(b, c.base, c.head)
		c.dir = j.direction(b)
		out = append(out, c)
	}
	return out
}

func newArm(s *sample.Set, k sample.Key, unit string) arm {
	a := arm{set: s}
	if s == nil {
		return a
	}
	if f, ok := s.Failed(k.Name); ok {
		a.failure = &f
	}
	a.bench = s.Lookup(k)
	if a.bench != nil {
		a.ms = a.bench.Samples[unit]
	}
	if a.bench == nil && a.failure == nil {
		a.failure = cutShort(s)
	}
	return a
}

// cutShort returns the failure that ended a whole run, and with it every benchmark still to come.
// A benchmark that says it failed lets the others run; one that panics does not.
func cutShort(s *sample.Set) *sample.Failure {
	for i, f := range s.Failures {
		for _, end := range []string{"panic: ", "fatal error: ", "signal: "} {
			if f.Name == "" || strings.HasPrefix(f.Text, end) {
				return &s.Failures[i]
			}
		}
	}
	return nil
}

// matching returns the benchmarks of either side that the selector matches, measured or failed, in
// natural order.
func (j *judge) matching(sel budget.Selector) []sample.Key {
	var keys []sample.Key
	for _, s := range []*sample.Set{j.in.Head, j.in.Base} {
		if s == nil {
			continue
		}
		for _, b := range s.Benchmarks {
			if sel.Match(b.Name) && !slices.Contains(keys, b.Key) {
				keys = append(keys, b.Key)
			}
		}
	}
	// A benchmark that failed before its first line is declared too.
	for _, s := range []*sample.Set{j.in.Head, j.in.Base} {
		if s == nil {
			continue
		}
		for _, f := range s.Failures {
			if f.Name != "" && sel.Match(f.Name) && !slices.ContainsFunc(keys, func(k sample.Key) bool { return within(k.Name, f.Name) }) {
				keys = append(keys, sample.Key{Name: f.Name})
			}
		}
	}
	slices.SortFunc(keys, func(x, y sample.Key) int {
		if c := naturalCompare(x.Name, y.Name); c != 0 {
			return c
		}
		return strings.Compare(x.Package, y.Package)
	})
	return keys
}

// unmatched deals with a selector that matches nothing measured. That is a mistake in the budget,
// unless a run broke off and so nobody knows what it would have matched.
func (j *judge) unmatched(b *budget.Budget) *testcase {
	if broken(j.in.Head) || j.in.Base != nil && broken(j.in.Base) {
		c := &testcase{b: b, key: sample.Key{Name: strings.Join(append([]string{b.Match.Name}, b.Match.Parts...), "/")}, dir: j.direction(b), class: b.Class}
		c.head, c.base = arm{set: j.in.Head}, arm{set: j.in.Base}
		for _, a := range []*arm{&c.head, &c.base} {
			if a.set == nil {
				continue
			}
			// The function's own failure speaks for all that it would have run.
			if f, ok := a.set.Failed(b.Match.Name); ok {
				a.failure = &f
			}
		}
		return c
	}
	var names, heads []string
	for _, s := range []*sample.Set{j.in.Head, j.in.Base} {
		if s == nil {
			continue
		}
		for _, bm := range s.Benchmarks {
			names = append(names, bm.Name)
			head, _, _ := strings.Cut(bm.Name, "/")
			heads = append(heads, head)
		}
	}
	p := budget.Problem{
		Pos:  b.MatchPos,
		Text: fmt.Sprintf("match %q of budget %s matches no benchmark", b.Match.Text, b.ID),
		Near: budget.Nearest(b.Match.Text, names),
		Help: "write the name of a benchmark of the suite, or delete the budget with the benchmark",
	}
	if slices.Contains(heads, b.Match.Name) {
		p.Help = fmt.Sprintf("%s exists, but not with these parts; leave a part out to match any value of it", b.Match.Name)
	} else if near := budget.Nearest(b.Match.Name, heads); near != "" {
		p.Near = near
	}
	j.errs = append(j.errs, p)
	return nil
}

func broken(s *sample.Set) bool {
	return len(s.Failures) > 0 || len(s.Damage) > 0 || len(s.Benchmarks) == 0
}

// checkUnit reports whether the unit, its direction and its class make sense with what the suite
// says, and records an error where they don't.
func (j *judge) checkUnit(b *budget.Budget, keys []sample.Key) bool {
	before := len(j.errs)
	var units []string
	measured, failed := false, false
	for _, s := range []*sample.Set{j.in.Head, j.in.Base} {
		if s == nil {
			continue
		}
		failed = failed || broken(s)
		for _, k := range keys {
			if bm := s.Lookup(k); bm != nil {
				for u := range bm.Samples {
					units = append(units, u)
				}
				measured = measured || len(bm.Samples[b.Unit]) > 0
			}
		}
	}
	slices.Sort(units)
	if !measured && !failed {
		j.errs = append(j.errs, budget.Problem{
			Pos:  b.UnitPos,
			Text: fmt.Sprintf("unit %q of budget %s is printed by no benchmark that %s matches", b.UnitText, b.ID, b.Match.Text),
			Near: budget.Nearest(b.Unit, units),
			Help: "the benchmarks print " + strings.Join(slices.Compact(units), ", "),
		})
	}
	if printed := j.better(b.Unit); printed != "" && b.Better != budget.Unknown && b.Better.String() != printed {
		j.errs = append(j.errs, budget.Problem{
			Pos:  b.BetterPos,
			Text: fmt.Sprintf("budget %s says %s is better when %s, the suite says %s", b.ID, b.UnitText, b.Better, printed),
			Help: "delete the key better: the Unit line of the suite serves",
		})
	}
	if assume := j.assume(b.Unit); assume != "" && b.Class != "" && (assume == "exact") != (b.Class == budget.Exact) {
		j.errs = append(j.errs, budget.Problem{
			Pos:  b.ClassPos,
			Text: fmt.Sprintf("budget %s says %s is %s, the suite says assume=%s", b.ID, b.UnitText, b.Class, assume),
			Help: "delete the key class: the Unit line of the suite serves",
		})
	}
	if limit := relativeLimit(b); limit != nil && measured {
		dir := j.direction(b)
		switch {
		case dir == budget.Unknown:
			j.errs = append(j.errs, budget.Problem{
				Pos:  limit.Pos,
				Text: fmt.Sprintf("nobody says whether %s is better lower or higher, so budget %s cannot have a relative limit", b.UnitText, b.ID),
				Help: fmt.Sprintf("add `better: lower` or `better: higher`, or print `Unit %s better=lower` in the suite", b.UnitText),
			})
		case dir == budget.Higher && b.MaxRise != nil:
			j.errs = append(j.errs, budget.Problem{
				Pos: limit.Pos, Near: "max_drop",
				Text: fmt.Sprintf("a rise of %s is an improvement, so max_rise of budget %s can never fail", b.UnitText, b.ID),
				Help: "limit the drop",
			})
		case dir == budget.Lower && b.MaxDrop != nil:
			j.errs = append(j.errs, budget.Problem{
				Pos: limit.Pos, Near: "max_rise",
				Text: fmt.Sprintf("a drop of %s is an improvement, so max_drop of budget %s can never fail", b.UnitText, b.ID),
				Help: "limit the rise",
			})
		}
	}
	return len(j.errs) == before
}

func relativeLimit(b *budget.Budget) *budget.Limit {
	if b.MaxRise != nil {
		return b.MaxRise
	}
	return b.MaxDrop
}

// better and assume ask head first: it is what the budget was written for.
func (j *judge) better(unit string) string {
	s := j.in.Head.Better(unit)
	if s == "" && j.in.Base != nil {
		s = j.in.Base.Better(unit)
	}
	return s
}

func (j *judge) assume(unit string) string {
	s := j.in.Head.Assume(unit)
	if s == "" && j.in.Base != nil {
		s = j.in.Base.Assume(unit)
	}
	return s
}

func (j *judge) direction(b *budget.Budget) budget.Direction {
	switch j.better(b.Unit) {
	case "lower":
		return budget.Lower
	case "higher":
		return budget.Higher
	}
	return b.Better
}

// class returns how the unit is to be compared. Allocation counts are exact wherever both sides
// show that they repeat; they cannot be called so beforehand, since maps and pools make some vary.
func (j *judge) class(b *budget.Budget, base, head arm) budget.Class {
	switch {
	case b.Class != "":
		return b.Class
	case j.assume(b.Unit) == "exact":
		return budget.Exact
	case b.Unit == "B/op" || b.Unit == "allocs/op":
		if repeats(head.values()) && (len(base.ms) == 0 || repeats(base.values())) {
			return budget.Exact
		}
	}
	return budget.Compute
}

// repeats reports whether at least two values agree within 0.1 %.
func repeats(xs []float64) bool {
	return len(xs) >= 2 && slices.Max(xs)-slices.Min(xs) <= 0.001*slices.Min(xs)
}

// noisy counts the statistical comparisons that a testcase takes part in.
func (c *testcase) noisy() int {
	if c.class == budget.Exact {
		return 0
	}
	if c.group != nil {
		return 1
	}
	n := 0
	for _, l := range []*budget.Limit{relativeLimit(c.b), c.b.AtMost, c.b.AtLeast} {
		if l != nil {
			n++
		}
	}
	return n
}

// decide fills in the verdict of a testcase.
func (j *judge) decide(c *testcase) {
	c.v = Verdict{
		ID: c.b.ID, Benchmark: c.key.Name, Package: c.key.Package,
		Unit: c.b.UnitText, TidyUnit: c.b.Unit,
		Direction: c.dir.String(), Class: string(c.class),
		Limits: []LimitVerdict{}, Warnings: []string{},
		Why: c.b.Why, At: fmt.Sprintf("%s:%d", c.b.Pos.File, c.b.Pos.Line),
	}
	if c.class == "" {
		c.v.Class = string(budget.Compute)
	}
	if c.group != nil {
		j.decideScale(c)
	} else {
		j.decidePlain(c)
	}
	c.v.Blocks = c.v.Verdict != Pass
	j.lacksBase = j.lacksBase || c.lacksBase
	warn := c.b.OnInconclusive == budget.Warn && !c.suspect
	switch c.v.Verdict {
	case Inconclusive:
		c.v.Blocks = !warn
	case Missing:
		c.v.Blocks = !(j.in.AllowNoBase && c.lacksBase && c.onlyLacksBase(warn))
	}
}

// onlyLacksBase reports whether nothing but the base stands between this testcase and a pass; warn
// says that an absolute limit may be inconclusive. The base concerns the relative limit alone, which
// comes first.
func (c *testcase) onlyLacksBase(warn bool) bool {
	for _, l := range c.v.Limits[1:] {
		if l.Verdict != Pass && !(warn && l.Verdict == Inconclusive) {
			return false
		}
	}
	return true
}

func (j *judge) decidePlain(c *testcase) {
	v := &c.v
	if kind, reason := c.unusable(c.head, "head"); kind != "" {
		if c.base.ms != nil {
			v.Base = ref(centre(c.b.Unit, c.base.values()))
			v.BaseN = len(c.base.ms)
		}
		v.Verdict, v.Reason = broke(c.head, c.base, kind, reason)
		return
	}
	xs := c.shown(c.head)
	v.HeadN = len(xs)
	v.Head = ref(centre(c.b.Unit, xs))
	var limits []LimitVerdict
	if l := relativeLimit(c.b); l != nil {
		limits = append(limits, j.relativeVerdict(c, l))
	} else {
		j.describe(c)
	}
	if c.b.AtMost != nil {
		limits = append(limits, j.absoluteVerdict(c, c.b.AtMost, "at_most", +1))
	}
	if c.b.AtLeast != nil {
		limits = append(limits, j.absoluteVerdict(c, c.b.AtLeast, "at_least", -1))
	}
	if q, ok := quantileOf(c.b.Unit); ok {
		j.checkRequests(c, q, limits)
	}
	v.Limits = limits
	v.Verdict, v.Reason = worst(limits)
}

// broke makes a fail of a head that did not finish what the base did.
func broke(head, base arm, kind Kind, reason string) (Kind, string) {
	if head.failure != nil && len(base.ms) > 0 && base.failure == nil {
		return Fail, reason + "; the base did not fail"
	}
	return kind, reason
}

// worst combines the verdicts of several limits: one that failed decides, then one that could not
// be judged.
func worst(limits []LimitVerdict) (Kind, string) {
	for _, kind := range []Kind{Fail, Missing, Inconclusive} {
		for _, l := range limits {
			if l.Verdict == kind {
				return kind, l.Reason
			}
		}
	}
	reasons := make([]string, len(limits))
	for i, l := range limits {
		reasons[i] = l.Reason
	}
	return Pass, strings.Join(reasons, "; ")
}

// unusable reports why an arm cannot be judged at all, if it cannot. Values that are there and unfit
// make the testcase suspect.
func (c *testcase) unusable(a arm, side string) (Kind, string) {
	switch {
	case a.set == nil:
		return Missing, "there are no samples of " + side
	case a.failure != nil:
		text := firstLine(a.failure.Text)
		if text == "" {
			text = "it failed"
		}
		if a.failure.Name == "" || !within(c.key.Name, a.failure.Name) {
			return Missing, fmt.Sprintf("not measured in %s, whose run ended early: %s", side, text)
		}
		return Missing, fmt.Sprintf("%s ran the benchmark and it did not finish: %s", side, text)
	}
	for _, d := range a.set.Damage {
		if d.Name != "" && within(c.key.Name, d.Name) {
			c.suspect = true
			return Inconclusive, fmt.Sprintf("a result line of %s is damaged (%s:%d: %s)", side, a.set.File, d.Line, d.Text)
		}
	}
	switch {
	case a.bench == nil:
		return Missing, "not measured in " + side + ": deleted, renamed or not run"
	case len(a.ms) == 0:
		return Missing, fmt.Sprintf("%s does not print %s", side, c.b.UnitText)
	case len(a.ms) < a.bench.Lines:
		c.suspect = true
		return Inconclusive, fmt.Sprintf("%s prints %s on only %d of %d result lines", side, c.b.UnitText, len(a.ms), a.bench.Lines)
	}
	for _, x := range a.values() {
		switch {
		case math.IsNaN(x), math.IsInf(x, 0):
			c.suspect = true
			return Inconclusive, fmt.Sprintf("%s has a value that is no number (%v)", side, x)
		case x < 0:
			c.suspect = true
			return Inconclusive, fmt.Sprintf("%s has a negative value (%v)", side, x)
		}
	}
	return "", ""
}

// relativeVerdict judges max_rise or max_drop.
func (j *judge) relativeVerdict(c *testcase, l *budget.Limit) LimitVerdict {
	lv := LimitVerdict{Kind: "max_rise", Text: l.Text, Value: l.Value}
	if c.b.MaxDrop != nil {
		lv.Kind = "max_drop"
	}
	j.relative = true
	v := &c.v
	if kind, reason := j.noBase(c); kind != "" {
		lv.Verdict, lv.Reason = kind, reason
		v.New, c.lacksBase = kind == Pass, kind == Missing
		return lv
	}
	if kind, reason := c.unusable(c.base, "base"); kind != "" {
		lv.Verdict, lv.Reason = kind, reason
		return lv
	}
	j.compared = true
	j.describe(c)
	base, head := *v.Base, *v.Head
	if base == 0 {
		lv.Verdict, lv.Reason = zeroBase(c, head)
		c.suspect = c.suspect || lv.Verdict == Inconclusive
		return lv
	}
	if c.dir == budget.Lower && head*3 < base || c.dir == budget.Higher && head > base*3 {
		c.warn("more than three times better: check that the benchmark still does its work")
	}
	bound := l.Value
	if c.b.IgnoreBelow != nil {
		bound = max(bound, c.b.IgnoreBelow.Value/base)
	}
	limit := math.Log1p(bound)
	if c.dir == budget.Higher {
		limit = math.Inf(+1)
		if bound < 1 {
			limit = -math.Log1p(-bound)
		}
	}
	if c.class == budget.Exact {
		lv.Verdict, lv.Reason = j.exactRelative(c, lv, limit)
		return lv
	}
	if head == 0 {
		c.suspect = true
		lv.Verdict, lv.Reason = Inconclusive, "head is zero: nothing was measured"
		return lv
	}
	lv.Verdict, lv.Reason = j.noisyRelative(c, lv, limit)
	return lv
}

// noBase reports the verdict where there is nothing to compare with: a pass where the benchmark or
// the unit is new, missing where there ought to be a base. It says nothing where the base may have
// lost the benchmark.
func (j *judge) noBase(c *testcase) (kind Kind, reason string) {
	switch {
	case j.in.Base == nil:
		return Missing, "no base: " + j.in.NoBase
	case j.in.Recorded && c.class != budget.Exact:
		return Missing, "no base: the recorded baseline serves exact units only; " + j.in.NoBase
	case len(c.base.ms) > 0 || c.base.failure != nil || c.damaged(c.base):
		return "", ""
	case j.in.Recorded:
		return Missing, "no base: not in the recorded baseline " + j.in.Base.File
	case c.base.bench == nil:
		return Pass, "new: the base does not have this benchmark, so only absolute limits apply"
	}
	return Pass, "new: the base does not print this unit, so only absolute limits apply"
}

// damaged reports whether the absence of the benchmark from this arm may be the fault of the file.
func (c *testcase) damaged(a arm) bool {
	for _, d := range a.set.Damage {
		if d.Name == "" || within(c.key.Name, d.Name) {
			return true
		}
	}
	return false
}

// describe sets centre and change of the base, where there is one.
func (j *judge) describe(c *testcase) {
	v := &c.v
	if len(c.base.ms) == 0 || v.Head == nil || j.in.Recorded && c.class != budget.Exact {
		return
	}
	// An unfit base is told where it is judged, which here it may not be.
	probe := *c
	if kind, _ := probe.unusable(c.base, "base"); kind != "" {
		return
	}
	xs := c.shown(c.base)
	v.Base = ref(centre(c.b.Unit, xs))
	v.BaseN = len(xs)
	// Values that vary are compared in a test or not at all: two medians invite to see a change.
	if *v.Base != 0 && (c.class == budget.Exact || relativeLimit(c.b) != nil) {
		v.Change = ref(finite(*v.Head / *v.Base - 1))
	}
}

// zeroBase judges where a ratio has no meaning. A count that was zero and stays zero is unchanged;
// a time or a rate of zero says that nothing was measured.
func zeroBase(c *testcase, head float64) (Kind, string) {
	switch {
	case c.dir == budget.Higher:
		return Inconclusive, "the base is zero: a rate of zero measures nothing"
	case head > 0 && c.b.IgnoreBelow != nil && head < c.b.IgnoreBelow.Value:
		return Pass, "the base is zero and head stays under ignore_below " + c.b.IgnoreBelow.Text
	case head > 0:
		return Fail, "the base is zero, head is not: any rise from zero is beyond a relative limit"
	case c.class == budget.Exact:
		return Pass, "zero on both sides"
	}
	return Inconclusive, "both sides are zero: nothing was measured"
}

// exactRelative judges values that must not vary at all.
func (j *judge) exactRelative(c *testcase, lv LimitVerdict, limit float64) (Kind, string) {
	if varies(c.base, c.head) {
		c.suspect = true
		return Inconclusive, "the unit is declared exact, yet its values differ between runs of one version"
	}
	base, head := *c.v.Base, *c.v.Head
	c.v.Pairs = 0
	d := c.sign() * math.Log(head/base)
	c.v.Improved = d < 0 && base != head
	switch {
	case base == head:
		return Pass, "exactly as the base"
	// The tolerance covers the rounding of the division, nothing else.
	case d <= limit+1e-12:
		return Pass, fmt.Sprintf("exactly %s, within %s %s", percent(*c.v.Change), lv.Kind, lv.Text)
	}
	return Fail, fmt.Sprintf("exactly %s, beyond %s %s", percent(*c.v.Change), lv.Kind, lv.Text)
}

// varies reports whether a unit that was declared exact does not repeat. Units found to be exact
// from their own values have passed this already.
func varies(arms ...arm) bool {
	for _, a := range arms {
		if xs := a.values(); len(xs) > 1 && slices.Max(xs)-slices.Min(xs) > 0.001*slices.Min(xs) {
			return true
		}
	}
	return false
}

func (c *testcase) sign() float64 {
	if c.dir == budget.Higher {
		return -1
	}
	return +1
}

// noisyRelative is the margin test.
func (j *judge) noisyRelative(c *testcase, lv LimitVerdict, limit float64) (Kind, string) {
	v := &c.v
	bs, hs, paired := j.pair(c)
	n := min(len(bs), len(hs))
	if n == 0 {
		return Inconclusive, "one side was measured in pairs and the other alone: versions that share a processor take longer, so the two cannot be compared"
	}
	if slices.Contains(bs, 0) || slices.Contains(hs, 0) {
		c.suspect = true
		return Inconclusive, "one of the measurements is zero: nothing was measured"
	}
	var e estimate
	v.Base, v.Head = ref(centre(c.b.Unit, bs)), ref(centre(c.b.Unit, hs))
	v.BaseN, v.HeadN = len(bs), len(hs)
	if paired {
		v.Pairs = n
	}
	if n < minPairs {
		what := "measurements on each side"
		if paired {
			what = "pairs"
		}
		return Inconclusive, fmt.Sprintf("%d %s are too few for a unit that varies; at least %d are needed", n, what, minPairs)
	}
	if paired {
		ds := make([]float64, n)
		for i := range ds {
			// Not the logarithm of the ratio, which could overflow.
			ds[i] = math.Log(hs[i]) - math.Log(bs[i])
		}
		e = estimatePaired(ds)
	} else {
		e = estimateUnpaired(logs(bs), logs(hs))
		c.warn("judged unpaired: repeats of one process are not independent, so the interval is too narrow")
	}
	v.Change = ref(finite(math.Expm1(e.mean)))
	v.Interval = &Interval{Low: finite(math.Expm1(e.lower(passError))), High: finite(math.Expm1(e.upper(passError))), Confidence: 1 - passError}
	o := e // oriented: more is worse
	o.mean, o.median = c.sign()*e.mean, c.sign()*e.median
	tolerable := limit + (tQuantile(1-j.alphaFail, e.df)+tQuantile(1-passError, e.df))*e.se
	v.Detectable = ref(finite(math.Expm1(c.sign() * tolerable)))
	stored := j.stored(paired)
	v.Improved = stored == "" && o.upper(j.alphaFail) < 0
	switch {
	case stored != "" && o.lower(j.alphaFail) > 2*limit && o.median > 2*limit:
		return Fail, fmt.Sprintf("beyond twice %s %s (at least %s)", lv.Kind, lv.Text, percent(math.Expm1(c.sign()*o.lower(j.alphaFail))))
	case stored != "":
		return Inconclusive, "time against a stored sample proves nothing: " + stored
	case o.lower(j.alphaFail) > limit && o.median > limit:
		return Fail, fmt.Sprintf("proved beyond %s %s: at least %s", lv.Kind, lv.Text, percent(math.Expm1(c.sign()*o.lower(j.alphaFail))))
	case o.upper(passError) < limit:
		return Pass, fmt.Sprintf("proved within %s %s: at worst %s", lv.Kind, lv.Text, percent(math.Expm1(c.sign()*o.upper(passError))))
	}
	return Inconclusive, fmt.Sprintf("between %s and %s: neither within nor beyond %s %s is proved%s",
		percent(v.Interval.Low), percent(v.Interval.High), lv.Kind, lv.Text, j.more(o, n, limit))
}

// more says how much evidence would decide.
func (j *judge) more(o estimate, n int, limit float64) string {
	alpha, gap := passError, limit-o.mean
	if gap < 0 {
		alpha, gap = j.alphaFail, -gap
	}
	if gap == 0 {
		return ""
	}
	r := tQuantile(1-alpha, o.df) * o.se / gap
	need := math.Ceil(float64(n) * r * r)
	if need > 1000 {
		return "; it is too close to the limit to be told by measuring"
	}
	return fmt.Sprintf("; about %.0f would tell", max(need, float64(n+1)))
}

// pair returns the values to compare. Measurements are pairs when both carry the same value of the
// key pair and come from one session of measuring.
func (j *judge) pair(c *testcase) (base, head []float64, paired bool) {
	if c.base.set.Provenance["session"] == c.head.set.Provenance["session"] {
		byPair := map[string][]float64{}
		for _, m := range c.head.ms {
			byPair[m.Pair] = append(byPair[m.Pair], m.Value)
		}
		for _, m := range c.base.ms {
			if q := byPair[m.Pair]; m.Pair != "" && len(q) > 0 {
				base, head = append(base, m.Value), append(head, q[0])
				byPair[m.Pair] = q[1:]
				paired = true
			}
		}
	}
	if !paired {
		for _, single := range []bool{true, false} {
			b, h := c.base.measured(single), c.head.measured(single)
			if len(b) > 0 && len(h) > 0 {
				return b, h, false
			}
		}
		return nil, nil, false
	}
	if lost := max(len(c.base.measured(false)), len(c.head.measured(false))) - len(base); lost > 0 {
		c.warn(fmt.Sprintf("%d measurements have no partner and were left out", lost))
	}
	return base, head, true
}

// stored says why times of the base cannot prove a pass, if they cannot: they were taken on another
// machine or in another session.
func (j *judge) stored(paired bool) string {
	for _, key := range []string{"goos", "goarch", "cpu"} {
		b, h := j.in.Base.Environment[key], j.in.Head.Environment[key]
		if b != "" && h != "" && b != h {
			return fmt.Sprintf("the base was measured on another machine (%s %s, head %s)", key, b, h)
		}
	}
	if !paired && j.in.Base.Provenance["session"] != j.in.Head.Provenance["session"] {
		return "the base was measured in another session"
	}
	return ""
}

// absoluteVerdict judges at_most (side +1) or at_least (side -1) on head alone.
func (j *judge) absoluteVerdict(c *testcase, l *budget.Limit, kind string, side float64) LimitVerdict {
	lv := LimitVerdict{Kind: kind, Text: l.Text, Value: l.Value}
	xs := c.head.alone()
	if c.class == budget.Exact {
		if varies(c.head) {
			c.suspect = true
			lv.Verdict, lv.Reason = Inconclusive, "the unit is declared exact, yet its values differ between runs of one version"
			return lv
		}
		lv.Verdict, lv.Reason = Pass, "exactly within "+kind+" "+l.Text
		if side*(*c.v.Head-l.Value) > 1e-12*math.Abs(l.Value) {
			lv.Verdict, lv.Reason = Fail, "exactly beyond "+kind+" "+l.Text
		}
		return lv
	}
	if len(xs) < minPairs {
		lv.Verdict = Inconclusive
		lv.Reason = fmt.Sprintf("%d measurements are too few for a unit that varies; at least %d are needed", len(xs), minPairs)
		return lv
	}
	if slices.Contains(xs, 0) && c.b.Unit != "B/op" && c.b.Unit != "allocs/op" {
		c.suspect = true
		lv.Verdict, lv.Reason = Inconclusive, "one of the measurements is zero: nothing was measured"
		return lv
	}
	// On the values themselves and not their logarithms: counts may be zero.
	e := estimatePaired(xs)
	e.se = math.Sqrt(variance(xs) / float64(len(xs)))
	o := e
	o.mean, o.median = side*e.mean, side*e.median
	bound := side * l.Value
	switch {
	case o.lower(j.alphaFail) > bound && o.median > bound:
		lv.Verdict, lv.Reason = Fail, "proved beyond "+kind+" "+l.Text
	case o.upper(passError) <= bound:
		lv.Verdict, lv.Reason = Pass, "proved within "+kind+" "+l.Text
	default:
		lv.Verdict = Inconclusive
		lv.Reason = fmt.Sprintf("too close to %s %s for %d measurements at this noise", kind, l.Text, len(xs))
	}
	return lv
}

var quantileUnit = regexp.MustCompile(`^p(\d{1,2}(?:\.\d+)?)-`)

// quantileOf returns 0.99 for p99-sec.
func quantileOf(unit string) (float64, bool) {
	m := quantileUnit.FindStringSubmatch(unit)
	if m == nil {
		return 0, false
	}
	q, err := strconv.ParseFloat(m[1], 64)
	return q / 100, err == nil && q > 0
}

// requestsUnit is the unit in which a benchmark says how many values its quantiles rest on.
const requestsUnit = "requests"

// checkRequests refuses to judge a quantile with too few values behind it: at least twenty must lie
// beyond it, or a single one decides.
func (j *judge) checkRequests(c *testcase, q float64, limits []LimitVerdict) {
	need := math.Ceil(20 / (1 - q) * (1 - 1e-9))
	arms := []arm{c.head}
	if relativeLimit(c.b) != nil && c.v.Base != nil {
		arms = append(arms, c.base)
	}
	for i, a := range arms {
		if i > 0 {
			// The base concerns the relative limit alone, which comes first.
			limits = limits[:1]
		}
		reqs := a.bench.Samples[requestsUnit]
		if len(reqs) == 0 {
			c.warn(fmt.Sprintf("how many requests stand behind this quantile is unknown; print them in the unit %s (at least %.0f)", requestsUnit, need))
			return
		}
		least := reqs[0].Value
		for _, m := range reqs {
			least = min(least, m.Value)
		}
		if least >= need && len(reqs) == a.bench.Lines {
			continue
		}
		for i := range limits {
			if limits[i].Verdict != Missing {
				limits[i].Verdict = Inconclusive
				limits[i].Reason = fmt.Sprintf("%.0f requests are too few for this quantile; at least %.0f are needed on every line", least, need)
			}
		}
	}
}

// warn attaches a doubt to the verdict.
func (c *testcase) warn(text string) { c.v.Warnings = append(c.v.Warnings, text) }

// centre is the value shown for a sample and, for exact units, compared. Go prints allocs/op cut to
// a whole number, so a true 40.9 prints 40 or 41 by chance of the run's length: the largest is the
// honest one. Elsewhere the median.
func centre(unit string, xs []float64) float64 {
	if unit == "allocs/op" {
		return slices.Max(xs)
	}
	return median(xs)
}

// finite keeps a bound that noise drove beyond every number printable: JSON has no infinity.
func finite(x float64) float64 { return max(min(x, math.MaxFloat64), -math.MaxFloat64) }

func ref(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// percent prints a fraction with sign and one decimal, or two digits where it is small.
func percent(x float64) string {
	switch a := math.Abs(x); {
	case a < 0.001 && a > 0:
		return fmt.Sprintf("%+.2g %%", 100*x)
	case a >= 10:
		return fmt.Sprintf("%+.0f %%", 100*x)
	}
	return fmt.Sprintf("%+.1f %%", 100*x)
}

func firstLine(s string) string {
	s = strings.TrimSpace(s)
	line, _, _ := strings.Cut(s, "\n")
	if len(line) > 200 {
		line = strings.ToValidUTF8(line[:200], "") + "..."
	}
	return line
}
