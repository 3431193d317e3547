package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perfgate/perfgate/internal/budget"
)

// CheckNames reports the budgets whose benchmark function is not among functions, which have the
// word Benchmark: a mistake that can be told before anything is measured. The error is
// budget.Problems.
func CheckNames(set budget.Set, functions []string) error {
	names := make([]string, len(functions))
	for i, f := range functions {
		names[i] = strings.TrimPrefix(f, "Benchmark")
	}
	slices.Sort(names)
	var problems budget.Problems
	for _, b := range set.Budgets {
		if slices.Contains(names, b.Match.Name) {
			continue
		}
		p := budget.Problem{
			Pos:  b.MatchPos,
			Text: fmt.Sprintf("match %q of budget %s matches no benchmark", b.Match.Text, b.ID),
			Near: budget.Nearest(b.Match.Name, names),
			Help: "write the name of a benchmark of the suite, or delete the budget with the benchmark",
		}
		if len(names) == 0 {
			p.Help = "the suite has no benchmarks at all: is `suite:` right?"
		}
		problems = append(problems, p)
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}
