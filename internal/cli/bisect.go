package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/measure"
	"github.com/perfgate/perfgate/report"
)

// bisect searches the first commit beyond a budget, and the functions that it is in.
func (d *diagnoser) bisect(ctx context.Context, w *world, out *gate.Diagnosis) error {
	k := d.k
	good, err := d.baseVersion(ctx, w)
	if err != nil {
		return err
	}
	bad, err := w.repo.FindBase(ctx, w.head, d.bad, "")
	if err != nil {
		return interruptedOr(ctx, misuse("--bad %s: %w", d.bad, err))
	}
	commits, err := w.repo.FirstParents(ctx, good, bad, d.most)
	if err != nil {
		return interruptedOr(ctx, misuse("bisect: %w", err))
	}
	steps := gate.BisectSteps(len(commits))
	k.steps = steps
	out.Compared = compared(good, bad)
	k.show.line("good is %s, bad is %s: %d commits, at most %d judgements", describe(good), describe(bad), len(commits), steps)
	if w.head.Dirty && bad.Commit == w.head.Commit {
		k.show.line("the work tree differs from its commit; only commits are searched")
	}
	remove, err := d.checkout(ctx, w, &good)
	if err != nil {
		return err
	}
	defer remove()

	found := &gate.Bisected{Commits: len(commits), Good: step(measure.Commit{Hash: good.Commit, Subject: good.Ref}), Steps: []gate.Step{}, Limits: []string{}}
	out.Bisected = found
	last := len(commits) - 1
	ends, err := d.judge(ctx, w, good, commits[last], nil)
	if err != nil {
		return err
	}
	worst := gate.Worst(ends.verdicts)
	if worst < 0 {
		found.Conclusion, found.Reason, found.ExitCode = gate.NothingToDo, ends.why(describe(bad)), gate.ExitNotJudged
		return nil
	}
	v := ends.verdicts[worst]
	if n := len(ends.verdicts); n > 1 {
		k.show.line("of %d verdicts the worst is searched for: %s on %s", n, v.ID, report.ASCII(v.Benchmark, 80))
	}
	i := slices.IndexFunc(k.budgets.Budgets, func(b budget.Budget) bool { return b.ID == v.ID && (b.Scales != nil || b.Match.Match(v.Benchmark)) })
	k.budgets.Budgets = []budget.Budget{onBenchmark(k.budgets.Budgets[i], v)}
	found.ID, found.Benchmark, found.Package, found.Unit, found.TidyUnit = v.ID, v.Benchmark, v.Package, v.Unit, v.TidyUnit
	for _, l := range v.Limits {
		found.Limits = append(found.Limits, l.Kind+" "+l.Text)
	}
	found.Error = gate.BisectErrorOf(v)
	at := map[int]gate.Step{last: told(step(commits[last]), v)}
	found.Steps = append(found.Steps, at[last])

	search := gate.NewBisection(len(commits))
	for {
		i, ok := search.Next()
		if !ok {
			break
		}
		got, err := d.judge(ctx, w, good, commits[i], &v)
		if err != nil {
			return err
		}
		s := step(commits[i])
		if !got.built {
			s.Outcome, s.Reason = gate.Skipped, got.reason
		} else {
			s = told(s, got.verdicts[0])
		}
		search.Tell(i, s.Outcome, got.built)
		at[i] = s
		found.Steps = append(found.Steps, s)
		k.show.line("%s is %s: %s", short(s.Commit), s.Outcome, report.ASCII(s.Reason, 200))
	}
	from, to := search.Range()
	if to-from > 1 {
		for i := from + 1; i <= to; i++ {
			s, ok := at[i]
			if !ok {
				s = step(commits[i])
			}
			found.Left = append(found.Left, s)
		}
		found.Conclusion, found.Reason, found.ExitCode = search.Conclude(nil)
		return nil
	}
	first := at[to]
	found.First = &first
	return d.confirm(ctx, w, commits[to], v, search, out)
}

// confirm judges the first bad commit against its parent, and looks for the functions.
func (d *diagnoser) confirm(ctx context.Context, w *world, first measure.Commit, of gate.Verdict, search *gate.Bisection, out *gate.Diagnosis) error {
	found := out.Bisected
	before, err := w.repo.Parent(ctx, first.Hash)
	if err != nil {
		return interruptedOr(ctx, notJudged(err))
	}
	parent := measure.Version{Ref: short(before.Hash), Commit: before.Hash, Why: "the parent of the first bad commit"}
	remove, err := d.checkout(ctx, w, &parent)
	if err != nil {
		return err
	}
	defer remove()
	d.k.show.line("confirm %s against its parent %s", short(first.Hash), short(before.Hash))
	p := step(before)
	out.Compared = compared(measure.Version{Ref: "its parent", Commit: before.Hash}, measure.Version{Ref: "the first bad commit", Commit: first.Hash})
	found.Parent = &p
	got, err := d.judgeThen(ctx, w, parent, first, &of, func(k *checker, tmp string) error {
		items := slices.DeleteFunc(chosen(k.budgets, k.found.Items), func(it measure.Item) bool { return of.Package != "" && it.Package != of.Package })
		k.show = d.k.show
		var err error
		if k.session.Base != nil && len(items) > 0 {
			out.Blame, out.Problems, err = k.blame(ctx, items[:1], tmp, d.plan, d.top)
		}
		return err
	})
	if err != nil {
		return err
	}
	if got.built {
		found.Confirmed = &got.verdicts[0]
	}
	found.Conclusion, found.Reason, found.ExitCode = search.Conclude(found.Confirmed)
	return nil
}

// A judgement is what came of judging one commit.
type judgement struct {
	built    bool
	reason   string // why it was not
	verdicts []gate.Verdict
}

// why says in one sentence why nothing failed.
func (j judgement) why(bad string) string {
	if !j.built {
		return bad + " cannot be judged: " + j.reason
	}
	for _, v := range j.verdicts {
		if gate.OutcomeOf(v) != gate.Good {
			return fmt.Sprintf("%s is not proved to be beyond %s on %s: %s", bad, v.ID, v.Benchmark, v.Reason)
		}
	}
	return bad + " is within the limits against the good commit: there is nothing to search for"
}

func (d *diagnoser) judge(ctx context.Context, w *world, base measure.Version, commit measure.Commit, of *gate.Verdict) (judgement, error) {
	return d.judgeThen(ctx, w, base, commit, of, nil)
}

// judgeThen checks a commit out, builds it, and judges it against base as a check would: by the budget of
// the verdict on its benchmark, or where there is none yet by all budgets. Then it does what it is given, where
// the commit is beyond the limit, while what was built is there.
func (d *diagnoser) judgeThen(ctx context.Context, w *world, base measure.Version, commit measure.Commit, of *gate.Verdict, then func(k *checker, tmp string) error) (judgement, error) {
	none := func(why string) (judgement, error) { return judgement{reason: why}, nil }
	v := measure.Version{Ref: short(commit.Hash), Commit: commit.Hash, Why: "a commit of the bisection"}
	remove, err := d.checkout(ctx, w, &v)
	if err != nil {
		return judgement{}, err
	}
	defer remove()
	if _, err := os.Stat(v.Dir); errors.Is(err, os.ErrNotExist) {
		return none("it does not have the module")
	}
	repo, err := measure.Open(ctx, d.k.session.Exec, v.Dir)
	if err != nil {
		return judgement{}, interruptedOr(ctx, notJudged(err))
	}
	tmp, err := d.dir()
	if err != nil {
		return judgement{}, notJudged(fmt.Errorf("make a directory for the test binaries: %w", err))
	}
	defer os.RemoveAll(tmp)
	k := d.k.anew()
	texts, err := k.measure(ctx, repo, v, baseSource{version: &base}, tmp)
	if err != nil {
		return judgement{}, err
	}
	if k.session.Head == nil {
		return none("it does not build")
	}
	if k.session.Base == nil {
		return judgement{}, notJudged(fmt.Errorf("the benchmarks of %s do not build; name another good commit with --good REF", describe(base)))
	}
	head, err := parseSamples(headFile, texts.head)
	if err != nil {
		return judgement{}, err
	}
	old, err := parseSamples(baseFile, texts.base)
	if err != nil {
		return judgement{}, err
	}
	r, err := judge(k.input(old, head, texts.none, false))
	if err != nil {
		return judgement{}, err
	}
	out := judgement{built: true, verdicts: r.Verdicts}
	if of != nil {
		i := slices.IndexFunc(r.Verdicts, func(v gate.Verdict) bool { return v.Benchmark == of.Benchmark && v.Package == of.Package })
		if i < 0 {
			return none("it does not have the benchmark")
		}
		out.verdicts = r.Verdicts[i : i+1]
		if then != nil && gate.OutcomeOf(out.verdicts[0]) == gate.Bad {
			return out, then(k, tmp)
		}
	}
	return out, nil
}

// anew returns a check as the flags said it, which has measured nothing yet and says nothing of its own.
func (k *checker) anew() *checker {
	s := &k.session
	return &checker{
		s: k.s, show: newShow(Streams{Err: io.Discard}), budgetsDir: k.budgetsDir, out: k.out, budgets: k.budgets, steps: k.steps,
		session: measure.Session{
			Exec: s.Exec, CPUs: s.CPUs, Procs: s.Procs, Target: s.Target, Limit: s.Limit, Seed: s.Seed, Now: s.Now,
			Relinks: s.Relinks, Looks: s.Looks, Ran: s.Ran,
		},
	}
}

func step(c measure.Commit) gate.Step { return gate.Step{Commit: c.Hash, Subject: c.Subject} }

// told returns the step with what its verdict says.
func told(s gate.Step, v gate.Verdict) gate.Step {
	s.Outcome, s.Base, s.Head, s.Change, s.Pairs, s.Reason = gate.OutcomeOf(v), v.Base, v.Head, v.Change, v.Pairs, v.Reason
	return s
}
