package gate

import (
	"fmt"
	"slices"

	"github.com/perfgate/perfgate/internal/budget"
)

// Only returns the set with the budgets of these ids alone, in the order of the files, and the ids in
// that order, each once. The suites and the waivers for the rest of the budgets go with it: nothing is
// asked of them. The error is budget.Problems and tells of every id that no budget has.
func Only(set budget.Set, ids []string) (budget.Set, []string, error) {
	var declared []string
	for _, b := range set.Budgets {
		declared = append(declared, b.ID)
	}
	var problems budget.Problems
	for _, id := range ids {
		if !slices.Contains(declared, id) {
			problems = append(problems, budget.Problem{Text: fmt.Sprintf("no budget has the id %.100q", id), Near: budget.Nearest(id, declared), Help: "perfgate lint names the files that were read"})
		}
	}
	if len(problems) > 0 {
		return set, nil, problems
	}
	asked := func(id string) bool { return slices.Contains(ids, id) }
	whole := set
	set.Budgets = slices.DeleteFunc(slices.Clone(set.Budgets), func(b budget.Budget) bool { return !asked(b.ID) })
	set.Suites = nil
	// A waiver that is for no budget at all is a mistake whatever is asked for.
	set.Waivers = slices.DeleteFunc(slices.Clone(set.Waivers), func(w budget.Waiver) bool {
		_, here := pointless(set, &w)
		_, anywhere := pointless(whole, &w)
		return here && !anywhere
	})
	return set, slices.DeleteFunc(declared, func(id string) bool { return !asked(id) }), nil
}

// inPart reports whether a part of the budgets is judged, so that what is for the others is no mistake.
func (j *judge) inPart() bool { return len(j.in.Suites)+len(j.in.IDs) > 0 }
