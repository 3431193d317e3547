// Package gate judges samples against budgets.
//
// It is pure: budgets and two sets of samples in, a Result out; no I/O, no clock, no environment.
// Every decision of perfgate is made here and nowhere else, the exit code included.
//
// A relative limit is judged against the limit, not against zero change. With s = +1 where lower is
// better and -1 where higher is better, and d = s*ln(head/base) for each pair of measurements, the
// limit "may rise at most b" becomes M = ln(1+b) and "may drop at most b" becomes M = -ln(1-b). A
// budget passes when the upper bound of the mean of d lies below M, fails when the lower bound and
// the median lie above M, and is inconclusive otherwise: noise widens the bounds and so can only
// lead to inconclusive, never from a fail to a pass. Exact units need no test; what is absent is
// never a pass.
//
// Position in the flow: sample and budget feed it, report renders what it returns.
package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/sample"
)

// An Input is all that a judgement rests on.
type Input struct {
	Budgets budget.Set
	Head    *sample.Set
	// Base is nil when there is nothing to compare with; NoBase then says why and what to do.
	Base   *sample.Set
	NoBase string
	// Recorded says that Base is the stored baseline of a repository without usable history: it
	// serves for exact units, which are the same on every machine, and for nothing else. NoBase is
	// then set too.
	Recorded bool
	// Stored is the record of the version that Base measured anew, or nil. Where it has an exact unit
	// head is compared with it, whatever machine it is from, and with Base in everything else.
	Stored *sample.Set
	// Suites are the suites of Budgets to which the judgement is restricted: budgets that select no
	// benchmark of one are left out, and so are the other benchmarks of the rest. None is no restriction.
	Suites []budget.Suite
	// Steps is how many judgements share the error of a single one, since a wrong one among them would
	// mislead: those of a bisection. 0 is 1.
	Steps int
	// Shards are those that Head and Base were merged from; nil where they were measured as a whole.
	Shards *Shards
	// Part says that the input is that of one shard, by Restrict: a suite of which it judges nothing is
	// no mistake then.
	Part bool
	// IDs are the ids to which Budgets was cut down by Only, and Declared is how many budgets there were
	// before. None is no restriction.
	IDs      []string
	Declared int
	// AllowNoBase keeps what could not be compared for want of a base from blocking. It does not
	// excuse a benchmark that head lacks.
	AllowNoBase bool
	// Today is the day of the judgement, as 2026-12-31: that on which the waivers of Budgets have to hold.
	// It may be empty where there are none.
	Today string
}

// Judge returns the verdict of every budget on every benchmark that its selector matches in base or
// head. The error, a budget.Problems, is one of the budgets: a selector or unit that nothing has, a
// contradiction with what the suite says of a unit, a suite that selects nothing, a waiver that is over or
// for nothing, a rename that the samples contradict; or the base is that of a quick run. Bad samples are no error but verdicts.
func Judge(in Input) (Result, error) {
	if in.Head == nil {
		in.Head = &sample.Set{File: "nothing"}
	}
	if in.Base == nil && in.NoBase == "" {
		in.NoBase = "none was given; name one with --base"
	}
	if err := CheckBase(in.Base, in.Head); err != nil {
		return Result{}, err
	}
	if err := checkWhole(in); err != nil {
		return Result{}, err
	}
	if err := CheckWaivers(in.Budgets, in.Today); err != nil {
		return Result{}, err
	}
	j := newJudge(in)
	j.problems = append(j.problems, in.Shards.problems()...)
	j.inspect("head", in.Head)
	if in.Base != nil {
		j.inspect("base", in.Base)
	}
	j.checkRenames(in.Base)
	var cases []*testcase
	for i := range in.Budgets.Budgets {
		cases = append(cases, j.cases(&in.Budgets.Budgets[i])...)
	}
	selected := j.selected(cases)
	j.checkWaivers(cases)
	if err := j.mistakes(); err != nil {
		return Result{}, err
	}
	j.uncovered(cases)
	j.prepare(cases)
	for _, c := range cases {
		j.decide(c)
	}
	j.waive(cases)
	j.findShift(cases)
	r := j.result(cases)
	r.Selected, r.Confidence, r.Shards = selected, in.Head.Confidence, in.Shards.results()
	return r, nil
}

// A judge carries the state of one judgement.
type judge struct {
	in        Input
	errs      budget.Problems
	problems  []string
	alphaFail float64         // of the testcase that is being decided
	alphas    map[int]float64 // by shard, 0 where there are none
	alphaPass float64
	looks     []int // after how many pairs a decision is looked for; nil is once, at all of them
	plans     map[planKey]Plan
	shift     *Shift
	compared  bool // a relative limit met a base
	relative  bool // a relative limit was declared and its benchmark measured in head
	lacksBase bool // a relative limit found no base
	notes     []string
	original  map[sample.Key]string // what base calls the benchmarks that have another name there
	catalog   *catalog
}

func (j *judge) problem(text string) { j.problems = append(j.problems, text) }

// inspect turns what is wrong with a whole file into problems.
func (j *judge) inspect(side string, s *sample.Set) {
	if len(s.Benchmarks) == 0 {
		j.problem(fmt.Sprintf("%s: no samples in %s", side, s.File))
	}
	for _, d := range s.Damage {
		if d.Name == "" {
			j.problem(fmt.Sprintf("%s: %s: %s", side, d.At(s), d.Text))
		}
	}
	for _, f := range s.Failures {
		if f.Name == "" {
			j.problem(fmt.Sprintf("%s: %s: the run failed: %s", side, f.At(s), firstLine(f.Text)))
		}
	}
}

// uncovered makes a problem of every benchmark that failed in head and that no verdict speaks of. It
// may have kept others from running, which a selector would have matched had they been there. In
// base it is past mending, and what it kept from running is missing, not new.
func (j *judge) uncovered(cases []*testcase) {
	if len(j.in.Head.Failures) == 0 {
		return
	}
	// What the verdicts speak of, and every function and sub-benchmark that this is in.
	about := map[string]bool{}
	add := func(name string) {
		for ; !about[name]; name = name[:max(strings.LastIndexByte(name, '/'), 0)] {
			about[name] = true
		}
	}
	for _, c := range cases {
		if c.group == nil {
			add(c.key.Name)
		}
		for _, m := range c.group {
			add(m.key.Name)
		}
	}
	covers := "covers"
	if j.inPart() {
		covers = "judged here covers"
	}
	for _, f := range j.in.Head.Failures {
		if f.Name != "" && !about[f.Name] {
			j.problem(fmt.Sprintf("head: %s: %s failed, which no budget %s: %s", f.At(j.in.Head), f.Name, covers, firstLine(f.Text)))
		}
	}
}

// within reports whether a benchmark is the named one or a sub-benchmark of it.
func within(name, of string) bool { return name == of || strings.HasPrefix(name, of+"/") }

// A testcase is one budget on one benchmark, or for scales on one group of benchmarks.
type testcase struct {
	b     *budget.Budget
	key   sample.Key
	base  arm
	head  arm
	group []member // scales only
	class budget.Class
	// declared says that the unit is exact by what budget or suite say, not by how its values look.
	declared bool
	dir      budget.Direction
	v        Verdict
	// lacksBase says that a relative limit had no base to be judged against, through no fault of
	// the samples.
	lacksBase bool
	// undecided says that more pairs may decide a relative limit, unconfirmed that other orders of the
	// functions would.
	undecided, unconfirmed bool
	// unlike says that the record has another exact value than the base that was measured anew.
	unlike string
	// suspect says that the samples are unfit, not merely too few: no policy excuses that.
	suspect bool
	// absent says that head simply lacks the benchmark or its unit, and nothing failed.
	absent bool
	// ceiling is the limit that comes from a waiver, where the testcase asks for that.
	ceiling *budget.Limit
}

// An arm is one side of a testcase.
type arm struct {
	set     *sample.Set
	unit    string
	bench   *sample.Benchmark // nil when absent
	ms      []sample.Measurement
	failure *sample.Failure
}

func (a arm) values() []float64 {
	out := make([]float64, len(a.ms))
	for i, m := range a.ms {
		out[i] = m.Value
	}
	return out
}

func (a arm) run(m sample.Measurement) sample.Run { return a.bench.Runs[m.Run] }

// measured returns the values that were measured alone, or those measured in a pair; with own as the
// processes' own clocks say, which they then all have to.
func (a arm) measured(alone, own bool) []float64 {
	var out []float64
	if a.bench == nil {
		return nil
	}
	k := a.clock()
	for _, m := range a.ms {
		if r := a.run(m); r.Layout == "" && alone == (r.Pair == "") {
			v := m.Value
			if own {
				v = k.own(m)
			}
			out = append(out, v)
		}
	}
	return out
}

// clocked reports whether every value of the arm is known by its process's own clock.
func (a arm) clocked() bool {
	if a.bench == nil {
		return false
	}
	k := a.clock()
	return !slices.ContainsFunc(a.ms, func(m sample.Measurement) bool { return k.own(m) == 0 })
}

// alone returns the values measured without a partner, or all where there are none such: a process
// that shared its processor took longer than it would have, which cancels in a ratio only. Those alone
// are by the process's own clock where there is one: other programs take their turns too.
func (a arm) alone() []float64 {
	if xs := a.measured(true, a.clocked()); len(xs) > 0 {
		return xs
	}
	return a.values()
}

// shown returns the values of an arm whose centre stands in the verdict where no pairs are compared.
func (c *testcase) shown(a arm) []float64 {
	if c.class == budget.Exact || relativeLimit(c.b) != nil {
		return a.values()
	}
	return a.alone()
}

// A member is one size of a scales group.
type member struct {
	key        sample.Key
	x          float64
	base, head arm
}
