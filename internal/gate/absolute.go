package gate

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"

	"github.com/perfgate/perfgate/internal/budget"
)

// absoluteVerdict judges at_most (side +1) or at_least (side -1) on head alone.
func (j *judge) absoluteVerdict(c *testcase, l *budget.Limit, kind string, side float64) LimitVerdict {
	lv := LimitVerdict{Kind: kind, Text: l.Text, Value: l.Value}
	xs := c.head.alone()
	if relativeLimit(c.b) == nil && c.class != budget.Exact {
		c.v.OwnTime = c.head.clocked()
	}
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
	e := estimateTrimmed(xs)
	o := e
	o.mean, o.median = side*e.mean, side*e.median
	bound := side * l.Value
	switch {
	case o.lower(j.alphaFail) > bound && o.median > bound:
		lv.Verdict, lv.Reason = Fail, "proved beyond "+kind+" "+l.Text
	case o.upper(j.alphaPass) <= bound:
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
		if least >= need && len(reqs) == len(a.bench.Runs) {
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
