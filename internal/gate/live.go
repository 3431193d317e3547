package gate

import "github.com/perfgate/perfgate/internal/budget"

// A Next is what the measuring of one benchmark has to do next.
type Next int

// The answers of Pending.
const (
	Done    Next = iota // every relative limit on it is decided, or cannot be by more pairs
	More                // another look at more pairs may decide
	Layouts             // a fail is so close that it has to be seen in other orders of the functions
)

// Wants says what the limits of a budget on one benchmark, and a waiver that it may need, have measured:
// the change against base, the value itself, or both. Growth rests on values.
func Wants(set budget.Set, b budget.Budget, name string) (change, value bool) {
	change, value = relativeLimit(&b) != nil, b.AtMost != nil || b.AtLeast != nil || b.Scales != nil
	if w := set.Waiver(name, b.Unit); w != nil && hasPlainLimits(&b) {
		change, value = change || w.Relative, value || !w.Relative
	}
	return change, value
}

// Pending says, while a session measures, what the benchmarks in the input still need: the same looks
// as Judge, at the pairs that are there. The input holds the samples of one benchmark so far, with the
// provenance that the finished files will have.
func Pending(in Input) Next {
	j := newJudge(in)
	var cases []*testcase
	for i := range in.Budgets.Budgets {
		b := &in.Budgets.Budgets[i]
		if keys := j.matching(b.Match); j.comparable(b, keys) {
			cases = append(cases, j.plainCases(b, keys)...)
		}
	}
	// The provenance says among how many comparisons these are.
	j.prepare(cases)
	next := Done
	for _, c := range cases {
		j.decide(c)
		j.pendingCeiling(c)
		switch {
		case c.undecided:
			return More
		case c.unconfirmed:
			next = Layouts
		}
	}
	return next
}

// Comparisons counts the statistical comparisons that Judge would share its error among.
func Comparisons(in Input) int {
	j := newJudge(in)
	n := 0
	for i := range in.Budgets.Budgets {
		n += comparisons(j.cases(&in.Budgets.Budgets[i]))
	}
	return n
}
