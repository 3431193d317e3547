package gate

import (
	"fmt"
	"math"
	"slices"

	"github.com/perfgate/perfgate/internal/budget"
)

// relativeVerdict judges max_rise or max_drop.
func (j *judge) relativeVerdict(c *testcase, l *budget.Limit) LimitVerdict {
	lv := LimitVerdict{Kind: "max_rise", Text: l.Text, Value: l.Value}
	if c.b.MaxDrop != nil {
		lv.Kind = "max_drop"
	}
	lv.Kind = c.kindOf(l, lv.Kind)
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
	if !c.declared && j.identical(c) {
		// What was measured of it was measured once, to see that it runs.
		v.Base, v.Head, v.BaseN, v.HeadN, v.Identical = nil, nil, 0, 0, true
		lv.Verdict, lv.Reason = Pass, "unchanged: both versions compile to the same test binary, byte for byte"
		return lv
	}
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
	limit := c.logLimit(l, base)
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

// logLimit returns a relative limit as a logarithm of the ratio of head to base, more being worse, at
// the centre of the base; infinite where ignore_below excuses every drop.
func (c *testcase) logLimit(l *budget.Limit, base float64) float64 {
	bound := l.Value
	if c.b.IgnoreBelow != nil {
		bound = max(bound, c.b.IgnoreBelow.Value/base)
	}
	if c.dir != budget.Higher {
		return math.Log1p(bound)
	}
	if bound < 1 {
		return -math.Log1p(-bound)
	}
	return math.Inf(+1)
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

// BinaryKey is the provenance key under which both files of one session of measuring say by which
// digest the test binary of a package, and the files that it may read, are known.
func BinaryKey(pkg string) string { return "binary." + pkg }

// identical reports whether both versions were the same program.
func (j *judge) identical(c *testcase) bool {
	b, h := j.in.Base.Said(c.key.Name), j.in.Head.Said(c.key.Name)
	digest := h[BinaryKey(c.key.Package)]
	return digest != "" && digest == b[BinaryKey(c.key.Package)] && h["session"] != "" && h["session"] == b["session"]
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
	if c.class != budget.Exact && relativeLimit(c.b) == nil && len(xs) < minPairs {
		return // it ran to see that it runs: one iteration, cold, beside which any head looks well
	}
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
	case c.class == budget.Exact, c.b.Unit == "B/op", c.b.Unit == "allocs/op":
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
	p := c.pairing()
	n := min(len(p.base), len(p.head))
	if n == 0 {
		return Inconclusive, "one side was measured in pairs and the other alone: versions that share a processor take longer, so the two cannot be compared"
	}
	if slices.Contains(p.base, 0) || slices.Contains(p.head, 0) {
		c.suspect = true
		return Inconclusive, "one of the measurements is zero: nothing was measured"
	}
	// Of a small base ignore_below is the wider limit, and the one that is tested.
	excused := c.b.IgnoreBelow != nil && *v.Base > 0 && c.b.IgnoreBelow.Value > lv.Value**v.Base
	v.Base, v.Head = ref(centre(c.b.Unit, p.base)), ref(centre(c.b.Unit, p.head))
	v.BaseN, v.HeadN = len(p.base), len(p.head)
	what := "measurements on each side"
	if p.paired {
		v.Pairs, what = n, "pairs"
	}
	plan := j.plan(p.paired, n)
	if n < minPairs || p.paired && n < plan.first() {
		c.undecided = true
		return Inconclusive, fmt.Sprintf("%d %s are too few for a unit that varies; at least %d are needed%s", n, what, max(minPairs, plan.first()), j.cut(c))
	}
	decide := func(limit float64) Decision { return plan.Decide(p.logs(c.sign()), p.wallLogs(c.sign()), limit) }
	if !p.paired {
		e := estimateUnpaired(logs(p.base), logs(p.head))
		e.mean, e.median = c.sign()*e.mean, c.sign()*e.median
		decide = func(limit float64) Decision { return j.unpaired(e, n, limit) }
		c.warn("judged unpaired: repeats of one process are not independent, so the interval is too narrow")
	}
	d := decide(limit)
	if p.paired {
		v.Pairs, v.BaseN, v.HeadN = d.Pairs, d.Pairs, d.Pairs
		// Head as base and the change, since medians of the two need not differ as the pairs do.
		base := p.base
		if d.Wall {
			base = p.wallBase
		}
		v.Base = ref(centre(c.b.Unit, base[:d.Pairs]))
		v.Head = ref(finite(*v.Base * math.Exp(c.sign()*d.Mean)))
		v.Interleaved = p.interleaved
	}
	v.OwnTime = p.own && !d.Wall
	v.Change = ref(finite(math.Expm1(c.sign() * d.Mean)))
	ends := []float64{finite(math.Expm1(c.sign() * d.Low)), finite(math.Expm1(c.sign() * d.High))}
	v.Interval = &Interval{Low: slices.Min(ends), High: slices.Max(ends), Confidence: d.Confidence}
	v.Detectable = ref(finite(math.Expm1(c.sign() * d.Detectable)))
	text := lv.Kind + " " + lv.Text
	if excused {
		text = "ignore_below " + c.b.IgnoreBelow.Text
	}
	if stored := j.stored(c, p.paired); stored != "" {
		if twice := decide(2 * limit); twice.Kind == Fail {
			return Fail, fmt.Sprintf("beyond twice %s (at least %s)", text, percent(math.Expm1(c.sign()*twice.FailLow)))
		}
		return Inconclusive, "time against a stored sample proves nothing: " + stored
	}
	v.Improved = d.Better
	switch d.Kind {
	case Fail:
		if kind, reason := j.layouts(c, p, d, limit, text); kind != "" {
			return kind, reason
		}
		return Fail, fmt.Sprintf("proved beyond %s: at least %s", text, percent(math.Expm1(c.sign()*d.FailLow)))
	case Pass:
		if d.Low == 0 && d.High == 0 {
			return Pass, "the same in every pair"
		}
		return Pass, fmt.Sprintf("proved within %s: at worst %s", text, percent(math.Expm1(c.sign()*d.High)))
	}
	c.undecided = d.Pairs < plan.last()
	if d.Conflict {
		return Inconclusive, fmt.Sprintf("the processes' own time and the time on the wall disagree: one is proved within %s, the other beyond; where head waits more, class: waiting measures that%s", text, j.cut(c))
	}
	return Inconclusive, fmt.Sprintf("between %s and %s: neither within nor beyond %s is proved%s%s",
		percent(v.Interval.Low), percent(v.Interval.High), text, j.more(d, limit), j.cut(c))
}

// unpaired makes a decision of an estimate from n unpaired measurements on each side, in one look.
func (j *judge) unpaired(e estimate, n int, limit float64) Decision {
	d := Decision{
		Pairs: n, Mean: e.mean, median: e.median, se: e.se, Confidence: 1 - passError,
		Low: e.lower(passError), High: e.upper(passError), FailLow: e.lower(j.alphaFail),
		Better:     e.upper(betterError) < 0,
		Detectable: limit + (tQuantile(1-j.alphaFail, e.df)+tQuantile(1-passError, e.df))*e.se,
	}
	return d.settled(limit)
}

// cut says that measuring ended before its plan did, where it did.
func (j *judge) cut(c *testcase) string {
	if why := j.in.Head.Said(c.key.Name)["stopped"]; why != "" {
		return "; measuring was stopped: " + why
	}
	return ""
}

// more says how much evidence would decide.
func (j *judge) more(d Decision, limit float64) string {
	alpha, gap := passError, limit-d.Mean
	if gap < 0 {
		alpha, gap = j.alphaFail, -gap
	}
	if gap == 0 {
		return ""
	}
	r := tQuantile(1-alpha, max(float64(trimmed(d.Pairs))-1, 1)) * d.se / gap
	need := math.Ceil(float64(d.Pairs) * r * r)
	if need > 1000 {
		return "; it is too close to the limit to be told by measuring"
	}
	return fmt.Sprintf("; about %.0f would tell", max(need, float64(d.Pairs+1)))
}

// stored says why times of the base cannot prove a pass, if they cannot: they were taken on another
// machine or in another session.
func (j *judge) stored(c *testcase, paired bool) string {
	for _, key := range []string{"goos", "goarch", "cpu"} {
		b, h := j.in.Base.Machine(c.key.Name)[key], j.in.Head.Machine(c.key.Name)[key]
		if b != "" && h != "" && b != h {
			return fmt.Sprintf("the base was measured on another machine (%s %s, head %s)", key, b, h)
		}
	}
	if !paired && j.in.Base.Said(c.key.Name)["session"] != j.in.Head.Said(c.key.Name)["session"] {
		return "the base was measured in another session"
	}
	return ""
}
