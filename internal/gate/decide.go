package gate

import (
	"fmt"
	"math"
	"strings"

	"github.com/perfgate/perfgate/internal/budget"
)

// decide fills in the verdict of a testcase.
func (j *judge) decide(c *testcase) {
	c.v = Verdict{
		ID: c.b.ID, Benchmark: c.key.Name, Package: c.key.Package,
		Unit: c.b.UnitText, TidyUnit: c.b.Unit,
		Direction: c.dir.String(), Class: string(c.class),
		Limits: []LimitVerdict{}, Warnings: []string{},
		Why: c.b.Why, At: fmt.Sprintf("%s:%d", c.b.Pos.File, c.b.Pos.Line),
		Shard: j.in.Shards.of(c.key.Name),
	}
	j.alphaFail = j.alpha(c)
	if c.class == "" {
		c.v.Class = string(budget.Compute)
	}
	switch why := j.in.Shards.lost(c.key.Name); {
	case why != "":
		c.v.Verdict, c.v.Reason = Missing, ShardLost+why
		if c.base.ms != nil {
			c.v.Base, c.v.BaseN = ref(centre(c.b.Unit, c.base.values())), len(c.base.ms)
		}
	case c.group != nil:
		j.decideScale(c)
	default:
		j.decidePlain(c)
	}
	c.warnDropped()
	if c.unlike != "" {
		c.warn(c.unlike)
	}
	c.v.Blocks = c.v.Verdict != Pass
	j.lacksBase = j.lacksBase || c.lacksBase
	c.v.RenamedFrom = j.original[c.key]
	warn := c.b.OnInconclusive == budget.Warn && !c.suspect
	switch {
	case c.v.Verdict == Inconclusive && warn:
		c.v.Policy = "on_inconclusive: warn"
	case c.v.Verdict == Missing && c.absent && c.b.OnMissing == budget.Warn:
		c.v.Policy = "on_missing: warn"
	case c.v.Verdict == Missing && j.in.AllowNoBase && c.lacksBase && c.onlyLacksBase(warn):
		c.v.Policy = "--allow-no-base"
	}
	c.v.Blocks = c.v.Blocks && c.v.Policy == ""
}

// warnDropped says so where a file has more result lines of a benchmark than are kept.
func (c *testcase) warnDropped() {
	group := c.group
	if group == nil {
		group = []member{{key: c.key, base: c.base, head: c.head}}
	}
	for _, m := range group {
		of := ""
		if c.group != nil {
			of = m.key.Name + ": "
		}
		for _, side := range []struct {
			name string
			arm  arm
		}{{"base", m.base}, {"head", m.head}} {
			if b := side.arm.bench; b != nil && b.Dropped > 0 {
				c.warn(fmt.Sprintf("%sjudged on the first %d of %d result lines of %s", of, len(b.Runs), len(b.Runs)+b.Dropped, side.name))
			}
		}
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
	if l := c.b.AtMost; l != nil {
		limits = append(limits, j.absoluteVerdict(c, l, c.kindOf(l, "at_most"), +1))
	}
	if l := c.b.AtLeast; l != nil {
		limits = append(limits, j.absoluteVerdict(c, l, c.kindOf(l, "at_least"), -1))
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
			return Inconclusive, fmt.Sprintf("a result line of %s is damaged (%s: %s)", side, d.At(a.set), d.Text)
		}
	}
	switch {
	case a.bench == nil:
		c.absent = side == "head" && len(a.set.Benchmarks) > 0 && !c.damaged(a)
		return Missing, "not measured in " + side + ": deleted, renamed or not run"
	case len(a.ms) == 0:
		c.absent = side == "head"
		return Missing, fmt.Sprintf("%s does not print %s", side, c.b.UnitText)
	case len(a.ms) < len(a.bench.Runs):
		c.suspect = true
		return Inconclusive, fmt.Sprintf("%s prints %s on only %d of %d result lines", side, c.b.UnitText, len(a.ms), len(a.bench.Runs))
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
