package gate

import (
	"fmt"
	"slices"
	"time"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/sample"
)

// A waiver does not switch a limit off: it puts a ceiling in its place. A row that did not pass is judged
// again, by all the rules, with the ceiling instead of the limits that hold the same side; only a pass of
// that keeps it from blocking. What is not proved within the ceiling is what it was without the waiver.

// maxWaiverDays is how far ahead of a judgement a waiver may end: it is a loan, not a limit.
const maxWaiverDays = 366

// CheckWaivers reports the waivers that are over on a day, as 2026-12-31, or too far from their end, and
// those that no budget is for or whose ceiling is within the limits: all that can be told before anything
// is measured. The error is budget.Problems.
func CheckWaivers(set budget.Set, today string) error {
	var problems budget.Problems
	for i := range set.Waivers {
		w := &set.Waivers[i]
		if p, bad := outOfTime(w, today); bad {
			problems = append(problems, p)
		}
		if p, bad := pointless(set, w); bad {
			problems = append(problems, p)
		}
	}
	if len(problems) == 0 {
		return nil
	}
	problems.Sort()
	return problems
}

func outOfTime(w *budget.Waiver, today string) (budget.Problem, bool) {
	now, err := time.Parse(time.DateOnly, today)
	until, err2 := time.Parse(time.DateOnly, w.Until)
	p := budget.Problem{Pos: w.UntilPos}
	name := fmt.Sprintf("waiver of %s %s", w.Match.Text, w.UnitText)
	switch {
	case err != nil || err2 != nil:
		p.Text, p.Help = fmt.Sprintf("%s holds until %s, and nobody says which day it is", name, w.Until), "give the day of the judgement, such as 2026-12-31"
	case now.After(until):
		p.Text = fmt.Sprintf("%s expired on %s", name, w.Until)
		p.Help = "mend what is slow and delete the waiver, raise the limit of the budget, or have a new day agreed"
	case until.Sub(now).Hours() > 24*maxWaiverDays:
		p.Text = fmt.Sprintf("%s holds for more than %d days from %s", name, maxWaiverDays, today)
		p.Help = "write a day within a year, or raise the limit of the budget"
	default:
		return p, false
	}
	return p, true
}

// pointless says of a waiver that it can excuse nothing, as far as the texts tell.
func pointless(set budget.Set, w *budget.Waiver) (budget.Problem, bool) {
	var units []string
	limit := ""
	for i := range set.Budgets {
		b := &set.Budgets[i]
		if !b.Match.Meets(w.Match) || !hasPlainLimits(b) {
			continue
		}
		units = append(units, b.UnitText)
		if b.Unit != w.Unit {
			continue
		}
		kind, l := sameKind(b, w)
		if l == nil {
			return budget.Problem{}, false
		}
		beyond := w.Ceiling.Value > l.Value
		if l == b.AtLeast {
			beyond = w.Ceiling.Value < l.Value
		}
		if beyond {
			return budget.Problem{}, false
		}
		limit = fmt.Sprintf("%s %s of budget %s", kind, l.Text, b.ID)
	}
	if limit != "" {
		return budget.Problem{
			Pos:  w.Ceiling.Pos,
			Text: fmt.Sprintf("the ceiling %s is within %s, so that the waiver excuses nothing", w.Ceiling.Text, limit),
			Help: "write a ceiling beyond the limit, or delete the waiver",
		}, true
	}
	p := budget.Problem{
		Pos:  w.UnitPos,
		Text: fmt.Sprintf("no budget limits %s of %s, so that there is nothing to waive", w.UnitText, w.Match.Text),
		Near: budget.Nearest(w.UnitText, units),
		Help: "write benchmark and unit as a budget does, or delete the waiver; growth cannot be waived",
	}
	if len(units) == 0 {
		p.Pos = w.MatchPos
		var names []string
		for _, b := range set.Budgets {
			names = append(names, b.Match.Name)
		}
		p.Near = budget.Nearest(w.Match.Name, names)
	}
	return p, true
}

// sameKind returns the limit of a budget that the ceiling stands beside, or nil where it has none of that
// kind or it is open which.
func sameKind(b *budget.Budget, w *budget.Waiver) (string, *budget.Limit) {
	switch {
	case w.Relative && b.MaxRise != nil:
		return "max_rise", b.MaxRise
	case w.Relative:
		return "max_drop", b.MaxDrop
	case b.AtMost != nil && b.AtLeast == nil:
		return "at_most", b.AtMost
	case b.AtLeast != nil && b.AtMost == nil:
		return "at_least", b.AtLeast
	}
	return "", nil
}

// checkWaivers finds the waivers that are for none of the benchmarks that are there, or for one that
// another waiver is for, and those of which the direction does not make a ceiling.
func (j *judge) checkWaivers(cases []*testcase) {
	for i := range j.in.Budgets.Waivers {
		w := &j.in.Budgets.Waivers[i]
		if len(j.everywhere(w.Match)) == 0 {
			// In a part of the benchmarks, or after a run that broke off, nobody knows what there is.
			if !j.inPart() && !j.hides(w.Match.Name) {
				j.errs = append(j.errs, j.matchesNothing(w.Match, w.MatchPos, "waiver of "+w.UnitText))
			}
			continue
		}
		covered, told := false, false
		for _, c := range cases {
			if !covers(w, c) {
				continue
			}
			covered = true
			if first := j.in.Budgets.Waiver(c.key.Name, c.b.Unit); first != w && !told {
				told = true
				j.errs = append(j.errs, budget.Problem{
					Pos:  w.Pos,
					Text: fmt.Sprintf("%s %s is waived already at %s:%d:%d", c.key.Name, w.UnitText, first.Pos.File, first.Pos.Line, first.Pos.Column),
					Help: "add parts to one of the two so that each benchmark has one waiver",
				})
			}
			if text := noCeiling(w, c); text != "" && !told {
				told = true
				j.errs = append(j.errs, budget.Problem{Pos: w.Ceiling.Pos, Text: text, Help: "write a ceiling that can be reached"})
			}
		}
		if !covered && !j.inPart() && !j.hides(w.Match.Name) {
			j.errs = append(j.errs, budget.Problem{
				Pos:  w.MatchPos,
				Text: fmt.Sprintf("no budget limits %s of what %s matches, so that there is nothing to waive", w.UnitText, w.Match.Text),
				Help: "write benchmark and unit as a budget does, or delete the waiver; growth cannot be waived",
			})
		}
	}
}

// covers reports whether the waiver is for the testcase. An exponent has another unit than its budget,
// in which no ceiling is.
func covers(w *budget.Waiver, c *testcase) bool {
	return c.group == nil && c.b.Unit == w.Unit && w.Match.Match(c.key.Name)
}

// noCeiling says why a ceiling bounds nothing, if so.
func noCeiling(w *budget.Waiver, c *testcase) string {
	switch worse(c) {
	case 0:
		return fmt.Sprintf("nobody says whether %s is better lower or higher, so that the ceiling %s has no side", w.UnitText, w.Ceiling.Text)
	case -1:
		if w.Relative && w.Ceiling.Value >= 1 {
			return fmt.Sprintf("%s is better higher, and nothing drops by more than 100%%: the ceiling %s holds nothing", w.UnitText, w.Ceiling.Text)
		}
	}
	return ""
}

// worse is +1 where more is worse, -1 where less is, and 0 where nobody says so: not the suite, nor the
// budget, nor the one absolute limit that it has.
func worse(c *testcase) int {
	switch {
	case c.dir == budget.Lower:
		return +1
	case c.dir == budget.Higher:
		return -1
	case c.b.AtMost != nil && c.b.AtLeast == nil:
		return +1
	case c.b.AtLeast != nil && c.b.AtMost == nil:
		return -1
	}
	return 0
}

// waive judges those rows that did not pass and have a waiver against its ceiling, and notes the waivers
// that were not needed.
func (j *judge) waive(cases []*testcase) {
	type use struct{ rows, passed int }
	uses := make([]use, len(j.in.Budgets.Waivers))
	for i := range j.in.Budgets.Waivers {
		w := &j.in.Budgets.Waivers[i]
		for _, c := range cases {
			if !covers(w, c) {
				continue
			}
			uses[i].rows++
			switch c.v.Verdict {
			case Pass:
				uses[i].passed++
			case Fail, Inconclusive:
				j.against(c, w)
			}
		}
		if u := uses[i]; u.rows > 0 && u.rows == u.passed {
			j.note("%s: the waiver of %s %s is no longer needed, since all that it is for passed; delete it", lineOf(w.Pos), w.Match.Text, w.UnitText)
		}
	}
}

func lineOf(p budget.Pos) string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// against judges a row against the ceiling of a waiver.
func (j *judge) against(c *testcase, w *budget.Waiver) {
	j.alphaFail = j.alpha(c)
	ceiling, ok := j.underCeiling(c, w)
	if !ok {
		return
	}
	c.v.Waived = &Waived{
		Ceiling: w.Ceiling.Text, Until: w.Until, Reason: w.Reason, Link: w.Link, At: lineOf(w.Pos),
		Verdict: ceiling.Verdict, Found: ceiling.Reason,
		Beyond: ceiling.Verdict != Pass,
	}
	if !c.v.Waived.Beyond {
		c.v.Blocks, c.v.Policy = false, ""
		return
	}
	if c.v.Verdict == Fail {
		c.v.Reason += "; not within the ceiling " + w.Ceiling.Text + " of its waiver: " + ceiling.Reason
	}
}

// underCeiling returns the verdict of a testcase that has the ceiling of a waiver instead of the limits on
// the side that is worse; false where the ceiling has no side.
func (j *judge) underCeiling(c *testcase, w *budget.Waiver) (Verdict, bool) {
	d := j.ceilingCase(c, w)
	if d == nil {
		return Verdict{}, false
	}
	// What is asked here tells nothing of whether the check could compare what its budgets declare.
	relative, compared := j.relative, j.compared
	j.decidePlain(d)
	j.relative, j.compared = relative, compared
	if w.Relative && d.v.New {
		d.v.Verdict, d.v.Reason = Missing, "the base does not have it, and a percentage of nothing is no ceiling"
	}
	c.undecided, c.unconfirmed = c.undecided || d.undecided, c.unconfirmed || d.unconfirmed
	return d.v, true
}

// ceilingCase returns a testcase with the same samples and the ceiling of a waiver instead of the limits,
// but for one on the other side; nil where it has no side.
func (j *judge) ceilingCase(c *testcase, w *budget.Waiver) *testcase {
	b := *c.b
	b.MaxRise, b.MaxDrop, b.IgnoreBelow, b.Scales = nil, nil, nil, nil
	l := w.Ceiling
	d := &testcase{b: &b, key: c.key, base: c.base, head: c.head, class: c.class, declared: c.declared, dir: c.dir, ceiling: &l}
	switch worse(c) {
	case +1:
		b.AtMost, d.dir = nil, budget.Lower
		if w.Relative {
			b.MaxRise = &l
		} else {
			b.AtMost = &l
		}
	case -1:
		b.AtLeast, d.dir = nil, budget.Higher
		if w.Relative {
			b.MaxDrop = &l
		} else {
			b.AtLeast = &l
		}
	default:
		return nil
	}
	d.v = Verdict{TidyUnit: b.Unit}
	return d
}

// kindOf is what a limit is called in a verdict.
func (c *testcase) kindOf(l *budget.Limit, kind string) string {
	if l == c.ceiling {
		return "ceiling"
	}
	return kind
}

// note keeps what a reviewer may tidy up.
func (j *judge) note(format string, args ...any) {
	j.notes = append(j.notes, fmt.Sprintf(format, args...))
}

// pendingCeiling finds out whether more pairs may decide between a row that did not pass and the ceiling of
// its waiver.
func (j *judge) pendingCeiling(c *testcase) {
	if w := j.in.Budgets.Waiver(c.key.Name, c.b.Unit); w != nil && w.Relative && c.v.Verdict != Pass {
		j.underCeiling(c, w)
	}
}

// comparable reports whether a budget or the waivers for its unit bound the change of one of the benchmarks.
func (j *judge) comparable(b *budget.Budget, keys []sample.Key) bool {
	return relativeLimit(b) != nil || hasPlainLimits(b) && slices.ContainsFunc(keys, func(k sample.Key) bool {
		w := j.in.Budgets.Waiver(k.Name, b.Unit)
		return w != nil && w.Relative
	})
}

// waived reports whether the verdict is a fail within the ceiling of its waiver.
func (v Verdict) waived() bool { return v.Verdict == Fail && v.Waived != nil && !v.Waived.Beyond }
