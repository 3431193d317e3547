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
