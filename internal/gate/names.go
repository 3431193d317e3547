package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perfgate/perfgate/internal/budget"
)

// CheckNames reports the budgets, the waivers, the renames and the selectors of suites whose benchmark function is not among
// functions, which have the word Benchmark: a mistake that can be told before anything is measured. The error is
// budget.Problems.
func CheckNames(set budget.Set, functions []string) error {
	names := make([]string, len(functions))
	for i, f := range functions {
		names[i] = strings.TrimPrefix(f, "Benchmark")
	}
	slices.Sort(names)
	var problems budget.Problems
	check := func(sel budget.Selector, pos budget.Pos, of string) {
		if slices.Contains(names, sel.Name) {
			return
		}
		p := noBenchmark(sel, pos, of, budget.Nearest(sel.Name, names))
		if len(names) == 0 {
			p.Help = "the suite has no benchmarks at all: is `suite:` right?"
		}
		problems = append(problems, p)
	}
	for _, b := range set.Budgets {
		check(b.Match, b.MatchPos, "budget "+b.ID)
	}
	for _, r := range set.Renames {
		if function, _, _ := strings.Cut(r.To, "/"); !slices.Contains(names, function) {
			problems = append(problems, budget.Problem{
				Pos: r.ToPos, Text: fmt.Sprintf("%s is said to be called %s, and there is no function %s", r.From, r.To, function),
				Near: budget.Nearest(function, names), Help: "write the name that it has in head, or delete the rename",
			})
		}
	}
	for _, w := range set.Waivers {
		check(w.Match, w.MatchPos, "waiver of "+w.UnitText)
	}
	for _, s := range set.Suites {
		for _, m := range s.Match {
			check(m.Selector, m.Pos, "suite "+s.Name)
		}
	}
	if len(problems) > 0 {
		problems.Sort()
		return problems
	}
	return nil
}

// noBenchmark is the problem of a selector, of a budget or a suite, that matches nothing.
func noBenchmark(sel budget.Selector, pos budget.Pos, of, near string) budget.Problem {
	p := budget.Problem{
		Pos:  pos,
		Text: fmt.Sprintf("match %q of %s matches no benchmark", sel.Text, of),
		Near: near,
		Help: "write the name of a benchmark of the suite, or delete the budget with the benchmark",
	}
	if strings.HasPrefix(of, "waiver ") {
		p.Help = "write the name of a benchmark of the suite, or delete the waiver with the benchmark"
	}
	if strings.HasPrefix(of, "suite ") {
		p.Help = "write the name of a benchmark of `suite:`, or delete the selector with the benchmark"
	}
	return p
}
