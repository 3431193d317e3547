package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/sample"
)

// Suites returns the named suites of a set, each once, in the order of the files. The error is
// budget.Problems and tells of every name that no suite has.
func Suites(set budget.Set, names []string) ([]budget.Suite, error) {
	var declared []string
	for _, s := range set.Suites {
		declared = append(declared, s.Name)
	}
	var problems budget.Problems
	for _, name := range names {
		if slices.Contains(declared, name) {
			continue
		}
		p := budget.Problem{Text: fmt.Sprintf("no suite is called %.100q", name), Near: budget.Nearest(name, declared), Help: "the suites are " + strings.Join(declared, ", ")}
		if len(declared) == 0 {
			p.Help = "the budget files declare no suites: add a list `suites:`"
		}
		problems = append(problems, p)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	var out []budget.Suite
	for _, s := range set.Suites {
		if slices.Contains(names, s.Name) {
			out = append(out, s)
		}
	}
	return out, nil
}

// CheckSuites reports the suites that select no budget of the set, as far as that can be told before
// anything is measured. The error is budget.Problems.
func CheckSuites(set budget.Set, suites []budget.Suite) error {
	var problems budget.Problems
	for _, s := range suites {
		if !slices.ContainsFunc(set.Budgets, func(b budget.Budget) bool { return s.Meets(b.Match) }) {
			problems = append(problems, selectsNone(s))
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// selectsNone is the problem of a suite of which nothing would be judged.
func selectsNone(s budget.Suite) budget.Problem {
	return budget.Problem{
		Pos:  s.Pos,
		Text: fmt.Sprintf("suite %s selects no budget, so nothing of it would be judged", s.Name),
		Help: "write a budget for one of its benchmarks; one that only scales counts where all its sizes are in the suite",
	}
}

// CheckSelectors reports the selectors of all suites that match no benchmark of head or base, of those
// functions that are there at all. The error is budget.Problems.
func CheckSelectors(in Input) error {
	j := newJudge(in)
	functions := map[string]bool{}
	for _, s := range []*sample.Set{in.Head, in.Base} {
		if s == nil {
			continue
		}
		for _, b := range s.Benchmarks {
			function, _, _ := strings.Cut(b.Name, "/")
			functions[function] = true
		}
	}
	for _, s := range in.Budgets.Suites {
		s.Match = slices.DeleteFunc(slices.Clone(s.Match), func(m budget.Match) bool { return !functions[m.Selector.Name] })
		j.checkSelectors(s)
	}
	return j.mistakes()
}

// Lint reports what Judge would find wrong with the budgets beside these samples, and every selector of
// the suites that matches no benchmark: of the suites in the input, or where it names none of all. The
// error is budget.Problems.
func Lint(in Input) error {
	j := newJudge(in)
	j.checkRenames(in.Base)
	var cases []*testcase
	for i := range in.Budgets.Budgets {
		cases = append(cases, j.cases(&in.Budgets.Budgets[i])...)
	}
	j.checkWaivers(cases)
	suites := in.Suites
	if len(suites) == 0 {
		suites = in.Budgets.Suites
	}
	for _, s := range suites {
		j.checkSelectors(s)
	}
	return j.mistakes()
}

// mistakes returns the errors in order, or nil.
func (j *judge) mistakes() error {
	if len(j.errs) == 0 {
		return nil
	}
	j.errs.Sort()
	return j.errs
}

// Unmeasured says, one sentence each, what of head's samples keeps them from being whole: a failure,
// damage, an early end, a selector of which nothing was measured. Where the input names suites their
// selectors alone count, otherwise those of all budgets and suites.
func Unmeasured(in Input) []string {
	j := newJudge(in)
	j.inspect("head", in.Head)
	for _, f := range in.Head.Failures {
		if f.Name != "" {
			j.problem(fmt.Sprintf("%s did not finish: %s", f.Name, firstLine(f.Text)))
		}
	}
	if why := in.Head.Provenance["stopped"]; why != "" {
		j.problem("measuring was stopped: " + why)
	}
	if len(in.Head.Benchmarks) == 0 {
		return j.problems // which says all of it
	}
	suites := in.Suites
	if len(suites) == 0 {
		suites = in.Budgets.Suites
		for _, b := range in.Budgets.Budgets {
			if !j.measuredInHead(b.Match) {
				j.problem(fmt.Sprintf("nothing was measured of %s, which budget %s selects", b.Match.Text, b.ID))
			}
		}
	}
	for _, s := range suites {
		for _, m := range s.Match {
			if !j.measuredInHead(m.Selector) {
				j.problem(fmt.Sprintf("nothing was measured of %s, which suite %s selects", m.Selector.Text, s.Name))
			}
		}
	}
	return j.problems
}

// measuredInHead reports whether head has samples of a benchmark that the selector matches.
func (j *judge) measuredInHead(sel budget.Selector) bool {
	return slices.ContainsFunc(j.known().matching(sel), func(k sample.Key) bool { return j.in.Head.Lookup(k) != nil })
}

// known returns the catalog of the input.
func (j *judge) known() *catalog {
	if j.catalog == nil {
		j.catalog = newCatalog(j.in)
	}
	return j.catalog
}

// wanted reports whether a benchmark is to be judged: all are where no suites are asked for.
func (j *judge) wanted(name string) bool {
	return len(j.in.Suites) == 0 || slices.ContainsFunc(j.in.Suites, func(s budget.Suite) bool { return s.Has(name) })
}

// outside reports whether a budget of which no benchmark is in the suites is not asked for. It is asked
// for nevertheless where a run broke off, and so nobody knows what of both would have been there.
func (j *judge) outside(b *budget.Budget) bool {
	if len(j.in.Suites) == 0 {
		return false
	}
	meets := slices.ContainsFunc(j.in.Suites, func(s budget.Suite) bool { return s.Meets(b.Match) })
	return !meets || !j.hides(b.Match.Name)
}

// hides reports whether benchmarks of a function may be absent from either side since its run broke off
// or its file is damaged.
func (j *judge) hides(function string) bool {
	if j.in.Shards.lost(function) != "" {
		return true
	}
	for _, s := range []*sample.Set{j.in.Head, j.in.Base} {
		if s == nil {
			continue
		}
		if len(s.Benchmarks) == 0 || cutShort(s) != nil {
			return true
		}
		for _, f := range s.Failures {
			if within(f.Name, function) {
				return true
			}
		}
		for _, d := range s.Damage {
			if d.Name == "" || within(d.Name, function) {
				return true
			}
		}
	}
	return false
}

// whole keeps those groups of sizes that are in the suites with all their sizes: of a part the growth
// could be another.
func (j *judge) whole(groups []*testcase) []*testcase {
	return slices.DeleteFunc(groups, func(c *testcase) bool {
		return slices.ContainsFunc(c.group, func(m member) bool { return !j.wanted(m.key.Name) })
	})
}

// checkSelectors looks for selectors of a suite of which nothing was measured: a mistake where neither
// side has it and nothing broke, otherwise a problem.
func (j *judge) checkSelectors(s budget.Suite) {
	for _, m := range s.Match {
		switch keys := j.known().matching(m.Selector); {
		case j.measuredInHead(m.Selector):
		case len(keys) > 0 || j.hides(m.Selector.Name):
			j.problem(fmt.Sprintf("suite %s: %s is missing: nothing of it was measured in head", s.Name, m.Selector.Text))
		default:
			j.errs = append(j.errs, j.matchesNothing(m.Selector, m.Pos, "suite "+s.Name))
		}
	}
}

// selected checks the suites that are asked for, and says how many budgets the testcases are of.
func (j *judge) selected(cases []*testcase) *Selected {
	if !j.inPart() {
		return nil
	}
	sel := &Selected{IDs: j.in.IDs, Budgets: max(j.in.Declared, len(j.in.Budgets.Budgets))}
	for _, s := range j.in.Suites {
		sel.Suites = append(sel.Suites, s.Name)
		before := len(j.errs)
		j.checkSelectors(s)
		if !j.in.Part && len(j.errs) == before && !slices.ContainsFunc(cases, func(c *testcase) bool { return c.in(s) }) {
			j.errs = append(j.errs, selectsNone(s))
		}
	}
	judged := map[*budget.Budget]bool{}
	for _, c := range cases {
		judged[c.b] = true
	}
	sel.Judged = len(judged)
	return sel
}

// in reports whether a testcase is of a benchmark of the suite. One that stands for a budget whose
// benchmarks nobody saw is, where the budget could have one.
func (c *testcase) in(s budget.Suite) bool {
	if c.group == nil && c.head.bench == nil && c.base.bench == nil {
		return s.Meets(c.b.Match)
	}
	return s.Has(c.key.Name) || slices.ContainsFunc(c.group, func(m member) bool { return s.Has(m.key.Name) })
}

// CheckBase refuses the samples of a quick run as a base: what is compared with too few values of
// another time would be judged by their accidents. Those of one session with head are not a baseline,
// but the other half of what was measured. Head may be nil. The error is budget.Problems and says what
// to do.
func CheckBase(base, head *sample.Set) error {
	if base == nil {
		return nil
	}
	if session := base.Provenance["session"]; head != nil && session != "" && session == head.Provenance["session"] {
		return nil
	}
	if part := base.Provenance[ShardKey]; part != "" {
		return budget.Problems{{
			Text: fmt.Sprintf("%s is shard %.20s, and no baseline", base.File, part),
			Help: "record one with perfgate run --out FILE, without --shard, or give a git ref",
		}}
	}
	if base.Confidence == "" {
		return nil
	}
	return budget.Problems{{
		Pos:  budget.Pos{File: base.File, Line: base.ConfidenceLine, Column: 1},
		Text: fmt.Sprintf("samples of %s confidence are no baseline", firstLine(base.Confidence)),
		Help: "record one with perfgate run --out FILE, without --quick, or give a git ref",
	}}
}
