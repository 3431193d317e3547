package gate

// A Next is what the measuring of one benchmark has to do next.
type Next int

// The answers of Pending.
const (
	Done    Next = iota // every relative limit on it is decided, or cannot be by more pairs
	More                // another look at more pairs may decide
	Layouts             // a fail is so close that it has to be seen in other orders of the functions
)

// Pending says, while a session measures, what the benchmarks in the input still need: the same looks
// as Judge, at the pairs that are there. The input holds the samples of one benchmark so far, with the
// provenance that the finished files will have.
func Pending(in Input) Next {
	j := judge{in: in}
	var cases []*testcase
	for i := range in.Budgets.Budgets {
		b := &in.Budgets.Budgets[i]
		if relativeLimit(b) == nil {
			continue
		}
		cases = append(cases, j.plainCases(b, j.matching(b.Match))...)
	}
	// The provenance says among how many comparisons these are.
	j.prepare(cases)
	next := Done
	for _, c := range cases {
		j.decide(c)
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
	j := judge{in: in}
	n := 0
	for i := range in.Budgets.Budgets {
		n += comparisons(j.cases(&in.Budgets.Budgets[i]))
	}
	return n
}
