package gate

import (
	"fmt"
	"math/bits"

	"github.com/perfgate/perfgate/internal/budget"
)

// An Outcome is what a bisection knows of a commit.
type Outcome string

// The outcomes; empty is not known yet.
const (
	Good    Outcome = "good"
	Bad     Outcome = "bad"
	Skipped Outcome = "skipped" // it cannot be judged: it does not build, or the evidence proves neither
)

// OutcomeOf says what the verdict on a commit, judged against the good one, means for the search.
func OutcomeOf(v Verdict) Outcome {
	switch {
	case v.Verdict == Pass && !v.New:
		return Good
	case v.Verdict == Fail && v.Head != nil:
		return Bad
	}
	return Skipped // one that crashes has not the fault that is searched for
}

// A Bisection searches the first commit that is beyond a budget. Commits are numbered from 0, the oldest
// after the good one, to the bad one, which is the last.
type Bisection struct {
	outcomes  []Outcome
	good, bad int // good is -1 for the one before the first
	steps     int // judgements that may still be made
}

// BisectErrorOf is the chance taken that any judgement of a bisection by the budget of the verdict is wrong,
// where a commit sits exactly at the limit: that of a single check, and none where the unit is exact.
func BisectErrorOf(v Verdict) float64 {
	if v.Class == string(budget.Exact) {
		return 0
	}
	return passError
}

// BisectSteps is among how many judgements the error of a bisection over so many commits is shared: both
// ends, one for each halving, the confirmation at the end, and as many as the halvings, at least two, for
// those that prove nothing. Each then has that part of the error of a single check, and all together are
// as often wrong as a single check is.
func BisectSteps(commits int) int {
	halvings := bits.Len(uint(max(commits, 1) - 1))
	return 2 + halvings + max(halvings, 2)
}

// NewBisection begins a search over commits commits, at least one, whose ends have been judged.
func NewBisection(commits int) *Bisection {
	b := &Bisection{outcomes: make([]Outcome, commits), good: -1, bad: commits - 1, steps: BisectSteps(commits) - 2}
	b.outcomes[b.bad] = Bad
	return b
}

// Next returns the commit to judge next. It is false where the first bad commit is known, where all in
// between have been skipped, and where as many judgements have been made as the error was shared among.
//
// It is the middle one. After commits that had to be skipped it steps away from the middle, to either side
// in turn and twice as far each time: neighbours of one that does not build often do not either.
func (b *Bisection) Next() (commit int, ok bool) {
	if b.steps == 0 {
		return 0, false
	}
	skipped := 0
	for i := b.good + 1; i < b.bad; i++ {
		if b.outcomes[i] == Skipped {
			skipped++
		}
	}
	want := (b.good + b.bad) / 2
	if away := min(skipped, 30); away > 0 {
		far := 1 << ((away - 1) / 2)
		if away%2 == 0 {
			far = -far
		}
		want += far
	}
	best := -1
	distance := func(i int) int { return max(i-want, want-i) }
	for i := b.good + 1; i < b.bad; i++ {
		if b.outcomes[i] == "" && (best < 0 || distance(i) < distance(best)) {
			best = i
		}
	}
	return best, best >= 0
}

// Tell takes the outcome of a commit that Next returned. Measured says that it was judged, which takes a
// part of the error: what does not build does not.
func (b *Bisection) Tell(commit int, o Outcome, measured bool) {
	b.outcomes[commit] = o
	switch o {
	case Good:
		b.good = commit
	case Bad:
		b.bad = commit
	}
	if measured {
		b.steps--
	}
}

// Range returns the last commit that is known to be good, -1 for the one before the first, and the first
// that is known to be bad. The one that is searched is after the former and not after the latter.
func (b *Bisection) Range() (good, bad int) { return b.good, b.bad }

// Bisected is what a bisection found. Its JSON form is that of perfgate diagnose --bisect.
type Bisected struct {
	ID        string   `json:"id"` // of the budget
	Benchmark string   `json:"benchmark"`
	Package   string   `json:"package,omitempty"`
	Unit      string   `json:"unit"`      // as the budget says it
	TidyUnit  string   `json:"tidy_unit"` // of all values
	Limits    []string `json:"limits"`    // max_rise 10%
	Commits   int      `json:"commits"`   // between the good one, without it, and the bad one, with it
	// Error is the chance taken that any of the judgements is wrong, at a change of exactly the limit.
	Error float64 `json:"error"`
	Good  Step    `json:"good"`
	Steps []Step  `json:"steps"` // in the order of judging, the bad end first
	// Conclusion says what came of it.
	Conclusion Conclusion `json:"conclusion"`
	// First is the first commit that is beyond the limit against the good one, as it stands in Steps; nil
	// where that is not known. Parent is the commit before it, and Confirmed the fresh judgement of
	// First against Parent.
	First     *Step    `json:"first,omitempty"`
	Parent    *Step    `json:"parent,omitempty"`
	Confirmed *Verdict `json:"confirmed,omitempty"`
	// Left are the commits of which one is the first, where it is not known which.
	Left []Step `json:"left,omitempty"`
	// Reason says in one sentence why the conclusion is what it is.
	Reason   string `json:"reason"`
	ExitCode int    `json:"exit_code"`
}

// A Step is one commit of a bisection and how it was judged against the good one.
type Step struct {
	Commit  string  `json:"commit"`
	Subject string  `json:"subject"`
	Outcome Outcome `json:"outcome,omitempty"`
	// Base, Head, Change and Pairs are those of the verdict; nil and 0 where there is none.
	Base   *float64 `json:"base,omitempty"`
	Head   *float64 `json:"head,omitempty"`
	Change *float64 `json:"change,omitempty"`
	Pairs  int      `json:"pairs,omitempty"`
	Reason string   `json:"reason,omitempty"`
}

// A Conclusion is the end of a bisection.
type Conclusion string

// The conclusions.
const (
	Found       Conclusion = "found"       // one commit is beyond the limit, against its parent too
	Accumulated Conclusion = "accumulated" // none is by itself: several add up
	Undecided   Conclusion = "undecided"   // one of several, or the confirmation proves nothing
	NothingToDo Conclusion = "nothing"     // the bad end is within the limit, or it is not known
)

// Conclude says what came of a search that has ended. Confirmed is the judgement of the first bad commit
// against its parent, nil where the first is not known.
func (b *Bisection) Conclude(confirmed *Verdict) (c Conclusion, reason string, exit int) {
	if left := b.bad - b.good; left > 1 {
		why := "all others between the last good and the first bad one had to be skipped"
		if b.steps == 0 {
			why = "as many judgements have been made as the error was shared among"
		}
		return Undecided, fmt.Sprintf("one of %d commits: %s", left, why), ExitNotJudged
	}
	switch {
	case confirmed == nil:
		return Undecided, "the first bad commit was not judged against its parent", ExitNotJudged
	case OutcomeOf(*confirmed) == Bad:
		return Found, "against its parent it is beyond the limit too: " + confirmed.Reason, ExitPass
	case OutcomeOf(*confirmed) == Good:
		return Accumulated, "the limit is first passed here, yet against its parent the commit is within it: several commits add up", ExitPass
	}
	return Undecided, "judged against its parent, nothing is proved: " + confirmed.Reason, ExitNotJudged
}
