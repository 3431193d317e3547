package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/perfgate/perfgate/internal/bottleneck"
	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/measure"
	"github.com/perfgate/perfgate/report"
)

const diagnoseName = "diagnose"

func diagnoseCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:      diagnoseName,
		Usage:     "say which functions a regression is in, and with --bisect which commit",
		ArgsUsage: "[NAME]",
		Flags: []cli.Flag{
			budgetsFlag(),
			&cli.StringFlag{Name: "result", Value: filepath.ToSlash(filepath.Join(outDir, resultFile)), Usage: "result `FILE` of the check whose failed budgets are looked into"},
			&cli.StringFlag{Name: "base", Usage: "compare with git `REF`; without, with the base of --result, or as the budgets say"},
			&cli.BoolFlag{Name: "bisect", Usage: "search the commit between base and head"},
			&cli.StringFlag{Name: "good", Usage: "with --bisect: git `REF` that is within the budget; without, the base"},
			&cli.StringFlag{Name: "bad", Usage: "with --bisect: git `REF` that is beyond the budget", Value: "HEAD"},
			&cli.IntFlag{Name: "max-commits", Value: 1000, Usage: "with --bisect: most commits between good and bad"},
			&cli.IntFlag{Name: "pairs", Value: 40, Usage: "with --bisect: most pairs measured of each commit beside the good one"},
			&cli.IntFlag{Name: "layouts", Value: 4, Usage: "with --bisect: other orders of the functions in which a close fail has to be seen; 0 is none, else 3 or more"},
			&cli.IntFlag{Name: "top", Value: 10, Usage: "functions listed of each cost"},
			&cli.IntFlag{Name: "runs", Value: 6, Usage: "profiles of each version"},
			&cli.DurationFlag{Name: "run-time", Value: profileTime, Usage: "time of the iterations in each profile; the processor is sampled every 10ms"},
			&cli.StringFlag{Name: "format", Value: "text", Usage: "markdown, json or text"},
			&cli.StringFlag{Name: "out", Usage: "write to `FILE` instead of stdout"},
			&cli.DurationFlag{Name: "limit", Value: 5 * time.Minute, Usage: "longest that one benchmark process may take"},
			&cli.IntFlag{Name: "cpu", Value: 1, Usage: "Go processors of each benchmark, as go test -cpu has it"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "seed of the order of measuring"},
			verboseFlag(),
		},
		Action: func(c *cli.Context) error {
			d, err := newDiagnoser(c, s)
			if err != nil {
				return err
			}
			return d.diagnose(c)
		},
	}
}

// nameLast puts the name that stands behind the command behind its flags, where the library wants it.
func nameLast(args []string) []string {
	if len(args) < 3 || args[1] != diagnoseName || strings.HasPrefix(args[2], "-") {
		return args
	}
	return slices.Concat(args[:2], args[3:], args[2:3])
}

// A diagnoser is one run of the command.
type diagnoser struct {
	k      *checker
	name   string
	failed []gate.Verdict // of the result, without a name
	of     gate.Compared  // what it compared
	plan   measure.ComparePlan
	top    int
	tmp    string
	steps  int // directories made below tmp
	good   string
	bad    string
	most   int
}

func newDiagnoser(c *cli.Context, s Streams) (*diagnoser, error) {
	if err := refuseTarget(os.Getenv); err != nil {
		return nil, err
	}
	if c.Args().Len() > 1 {
		return nil, misuse("diagnose takes one NAME; flags stand before it or after it, not %q", c.Args().Get(1))
	}
	d := &diagnoser{
		name: c.Args().First(), top: c.Int("top"), good: c.String("good"), bad: c.String("bad"), most: c.Int("max-commits"),
		plan: measure.ComparePlan{Runs: c.Int("runs"), Time: c.Duration("run-time")},
		k:    &checker{s: s, budgetsDir: c.String("budgets"), base: c.String("base"), out: outDir, show: newShow(s)},
	}
	pairs := c.Int("pairs")
	d.k.session = measure.Session{
		CPUs: measure.CPUs(), Procs: c.Int("cpu"), Target: 60 * time.Millisecond, Limit: c.Duration("limit"), Seed: c.Uint64("seed"),
		Now: time.Now(), Relinks: c.Int("layouts"),
	}
	if c.Bool("verbose") {
		d.k.session.Ran = d.k.show.logger()
	}
	switch {
	case !c.Bool("bisect") && (c.IsSet("good") || c.IsSet("bad")):
		return nil, misuse("--good and --bad are the ends of --bisect; for the functions alone give --base REF")
	case c.Bool("bisect") && c.IsSet("base") && c.IsSet("good"):
		return nil, misuse("--base and --good are the same end: leave one out")
	case d.top < 1 || d.top > 1000:
		return nil, misuse("--top %d is not between 1 and 1000", d.top)
	case d.plan.Runs < 3 || d.plan.Runs > 100:
		return nil, misuse("--runs %d is not between 3 and 100", d.plan.Runs)
	case d.plan.Time < 10*time.Millisecond || d.plan.Time > 10*time.Minute:
		return nil, misuse("--run-time %v is not between 10ms and 10m", d.plan.Time)
	case d.most < 1 || d.most > 100_000:
		return nil, misuse("--max-commits %d is not between 1 and 100000", d.most)
	}
	for _, err := range []error{refusePairs(pairs, d.k.session.Relinks), refuseProcess(&d.k.session)} {
		if err != nil {
			return nil, err
		}
	}
	if _, err := renderDiagnosis(gate.Diagnosis{}, c.String("format")); err != nil {
		return nil, err // before it takes a minute
	}
	d.k.session.Looks = gate.Looks(pairs)
	var err error
	if d.k.budgets, err = readBudgets(d.k.budgetsDir); err != nil {
		return nil, err
	}
	// A waiver does not move a regression, and what a rename says of two versions it does not of those between.
	d.k.budgets.Waivers = nil
	if c.Bool("bisect") {
		d.k.budgets.Renames = nil
	}
	if d.name != "" {
		d.k.budgets, err = meant(d.k.budgets, d.name, c.Bool("bisect"))
		return d, err
	}
	if _, err := os.Stat(c.String("result")); errors.Is(err, os.ErrNotExist) {
		return nil, misuse("%s is not there: name a budget or benchmarks, or run perfgate check first", c.String("result"))
	}
	r, err := readResult(c)
	if err != nil {
		return nil, err
	}
	d.of = r.Compared
	for _, v := range r.Verdicts {
		if v.Verdict == gate.Fail {
			d.failed = append(d.failed, v)
		}
	}
	if len(d.failed) == 0 {
		return nil, misuse("no budget failed in %s: name a budget or benchmarks", c.String("result"))
	}
	d.k.budgets = those(d.k.budgets, d.failed)
	if len(d.k.budgets.Budgets) == 0 {
		return nil, misuse("none of the budgets that failed in %s is in %s any more", c.String("result"), d.k.budgetsDir)
	}
	return d, nil
}

// meant returns the budgets that a name means: the one of that id, or those on benchmarks that the
// selector means. Where none is needed, a selector that no budget is on makes one that stands for it.
func meant(set budget.Set, name string, needed bool) (budget.Set, error) {
	var ids []string
	for _, b := range set.Budgets {
		ids = append(ids, b.ID)
	}
	if i := slices.Index(ids, name); i >= 0 {
		set.Budgets = set.Budgets[i : i+1]
		return set, nil
	}
	sel, err := budget.ParseSelector(name)
	if err != nil {
		return set, misuse("%q is neither the id of a budget nor a selector: %w", name, err)
	}
	var on []budget.Budget
	for _, b := range set.Budgets {
		if b.Match.Meets(sel) {
			if b.Scales == nil {
				b.Match = both(b.Match, sel)
			}
			on = append(on, b)
		}
	}
	if len(on) == 0 && !needed {
		on = []budget.Budget{{ID: name, Match: sel}}
	}
	if len(on) == 0 {
		return set, misuse("%q is not the id of a budget, and no budget is on such benchmarks%s", name, didYouMean(name, ids))
	}
	set.Budgets = on
	return set, nil
}

// both returns the selector that means what two mean that meet.
func both(a, b budget.Selector) budget.Selector {
	for _, p := range b.Parts {
		if !slices.Contains(a.Parts, p) {
			a.Parts = append(slices.Clone(a.Parts), p)
		}
	}
	a.Text = strings.Join(append([]string{a.Name}, a.Parts...), "/")
	return a
}

// those returns the budgets of the verdicts, on the benchmarks of these alone.
func those(set budget.Set, failed []gate.Verdict) budget.Set {
	var out []budget.Budget
	for _, v := range failed {
		i := slices.IndexFunc(set.Budgets, func(b budget.Budget) bool { return b.ID == v.ID })
		if i >= 0 {
			out = append(out, onBenchmark(set.Budgets[i], v))
		}
	}
	set.Budgets = slices.CompactFunc(out, func(a, b budget.Budget) bool { return a.ID == b.ID && a.Match.Text == b.Match.Text })
	return set
}

// onBenchmark returns the budget on the benchmark of the verdict alone.
func onBenchmark(b budget.Budget, v gate.Verdict) budget.Budget {
	if sel, err := budget.ParseSelector(v.Benchmark); err == nil && b.Scales == nil && b.Match.Match(v.Benchmark) {
		b.Match = sel
	}
	return b
}

func (d *diagnoser) diagnose(c *cli.Context) error {
	w, err := d.k.open(c.Context)
	if err != nil {
		return err
	}
	defer w.close()
	d.tmp = w.tmp
	out := gate.Diagnosis{Version: gate.Version, Blame: []gate.Blame{}, Problems: []string{}}
	if c.Bool("bisect") {
		err = d.bisect(c.Context, w, &out)
	} else {
		err = d.functions(c.Context, w, &out)
	}
	if err != nil {
		return interruptedOr(c.Context, err)
	}
	out.Conclude()
	data, err := renderDiagnosis(out, c.String("format"))
	if err != nil {
		return err
	}
	if name := c.String("out"); name != "" {
		if err := writeFile(filepath.Clean(name), data); err != nil {
			return misuse("%w", err)
		}
	} else if _, err := d.k.s.Out.Write(data); err != nil {
		return notJudged(fmt.Errorf("write the diagnosis: %w", err))
	}
	return ended(out.ExitCode)
}

// baseVersion is the version compared with: the one asked for, that of the result, or the one that a check
// would choose.
func (d *diagnoser) baseVersion(ctx context.Context, w *world) (measure.Version, error) {
	if d.k.base == "" && d.good == "" && d.of.Base.Kind == "measured" && d.of.Base.Commit != "" {
		d.k.base = d.of.Base.Commit
	}
	if d.good != "" {
		d.k.base = d.good
	}
	base, err := d.k.findBase(ctx, w)
	if err != nil {
		return measure.Version{}, err
	}
	if base.version == nil {
		return measure.Version{}, misuse("there is no earlier version that can be built; name one with --base REF")
	}
	if base.version.Ref == d.of.Base.Commit && d.of.Base.Ref != "" {
		base.version.Ref = d.of.Base.Ref
	}
	return *base.version, nil
}

// checkout puts a version into a work tree of its own.
func (d *diagnoser) checkout(ctx context.Context, w *world, v *measure.Version) (remove func(), err error) {
	rm, err := w.repo.Checkout(ctx, v)
	if err != nil {
		return nil, interruptedOr(ctx, notJudged(err))
	}
	return func() {
		if err := rm(); err != nil {
			d.k.show.line("a work tree was not removed: %v", err)
		}
	}, nil
}

// dir makes a directory for what is built of two versions.
func (d *diagnoser) dir() (string, error) {
	d.steps++
	dir := filepath.Join(d.tmp, fmt.Sprintf("step-%d", d.steps))
	return dir, os.MkdirAll(dir, 0o700)
}

// functions compares the profiles of base and of the work tree.
func (d *diagnoser) functions(ctx context.Context, w *world, out *gate.Diagnosis) error {
	k := d.k
	base, err := d.baseVersion(ctx, w)
	if err != nil {
		return err
	}
	k.show.line("base is %s: %s", describe(base), base.Why)
	remove, err := d.checkout(ctx, w, &base)
	if err != nil {
		return err
	}
	defer remove()
	if commit := strings.TrimSuffix(d.of.Head.Commit, "+dirty"); commit != "" && commit != w.head.Commit {
		k.show.line("what failed was %s, what is profiled is %s", describe(measure.Version{Ref: d.of.Head.Ref, Commit: commit}), describe(w.head))
	}
	b := builder{k: k, ctx: ctx, pattern: suite(k.budgets), tmp: w.tmp, ownClock: true}
	if k.session.Head, err = b.build("head", w.head); err != nil {
		return notJudged(err)
	}
	if k.session.Base, err = b.build("base", base); err != nil {
		return notJudged(err)
	}
	k.session.Progress, k.session.Renames = k.show.progress, renames(k.budgets)
	all := functions(k.session.Head)
	var names []string
	for _, bu := range k.budgets.Budgets {
		names = append(names, bu.Match.Name)
		if !slices.Contains(all, "Benchmark"+bu.Match.Name) {
			for i := range all {
				all[i] = strings.TrimPrefix(all[i], "Benchmark")
			}
			return misuse("%q means no benchmark%s", bu.Match.Text, didYouMean(bu.Match.Name, all))
		}
	}
	found, err := b.find(slices.DeleteFunc(all, func(f string) bool { return !slices.Contains(names, strings.TrimPrefix(f, "Benchmark")) }))
	if err != nil {
		return err
	}
	out.Compared = compared(base, w.head)
	items := chosen(k.budgets, found.Items)
	if len(items) == 0 {
		return misuse("%q means no benchmark; one part of it is of none", k.budgets.Budgets[0].Match.Text)
	}
	if more := len(items) - mostProfiled; more > 0 {
		k.show.line("%d more benchmarks are meant and not profiled; name them more closely", more)
		items = items[:mostProfiled]
	}
	out.Blame, out.Problems, err = k.blame(ctx, items, w.tmp, d.plan, d.top)
	return err
}

// chosen lists the items that the budgets are on, of growth the last of each.
func chosen(set budget.Set, items []measure.Item) []measure.Item {
	var out []measure.Item
	for _, b := range set.Budgets {
		var on []measure.Item
		for _, it := range items {
			if b.Match.Match(nameOf(it)) {
				on = append(on, it)
			}
		}
		if b.Scales != nil && len(on) > 0 {
			on = on[len(on)-1:]
		}
		for _, it := range on {
			if !slices.Contains(out, it) {
				out = append(out, it)
			}
		}
	}
	return out
}

// compared says what two versions were.
func compared(base, head measure.Version) gate.Compared {
	side := func(v measure.Version) gate.Side {
		s := gate.Side{Kind: "measured", Ref: v.Ref, Why: v.Why, Commit: v.Commit, Tag: v.Tag, CommitTime: v.CommitTime}
		if v.Dirty && v.Commit != "" {
			s.Commit += "+dirty"
		}
		return s
	}
	return gate.Compared{Base: side(base), Head: side(head)}
}

// Plans of the profiles that a check takes of what failed.
const (
	checkRuns  = 12
	checkMost  = 12 * time.Second // then no further run begins
	checkLimit = 30 * time.Second // and then it is given up
	checkTop   = 5
	// checkTimes is how many times longer than one process of a pair a profile is of: half a second, as a rule.
	checkTimes = 8
)

// blameFailed compares the profiles of what failed in a check, with the binaries that were measured. What
// cannot be profiled is told, and changes no verdict.
func (k *checker) blameFailed(ctx context.Context, r gate.Result, tmp string) ([]gate.Blame, error) {
	if !k.blames || k.found == nil || k.session.Base == nil || k.session.Head == nil {
		return nil, nil
	}
	there := make([]bottleneck.Named, len(k.found.Items))
	for i, it := range k.found.Items {
		there[i] = bottleneck.Named{Package: it.Package, Name: nameOf(it)}
	}
	// Of what crashed there is nothing to compare.
	r.Verdicts = slices.DeleteFunc(slices.Clone(r.Verdicts), func(v gate.Verdict) bool { return v.Head == nil })
	failed := failures(r)
	same := identical(k.session.Base, k.session.Head)
	failed = slices.DeleteFunc(failed, func(f bottleneck.Failure) bool { return slices.Contains(same, f.Package) })
	picked, left := bottleneck.Choose(failed, there, mostProfiled)
	if left > 0 {
		k.show.line("%d more benchmarks failed and are not profiled; perfgate diagnose NAME does", left)
	}
	var items []measure.Item
	for _, c := range picked {
		items = append(items, k.found.Items[c.Index])
	}
	var out []gate.Blame
	for _, it := range items {
		if d := k.session.Deadline; !d.IsZero() && time.Until(d) < checkLimit {
			k.show.line("not all that failed was profiled: the time limit is near")
			break
		}
		one, cancel := context.WithTimeoutCause(ctx, checkLimit, fmt.Errorf("profile %s: it takes over %v; perfgate diagnose takes the time", nameOf(it), checkLimit))
		got, _, err := k.blame(one, []measure.Item{it}, tmp, measure.ComparePlan{Runs: checkRuns, Time: min(checkTimes*k.session.Target, profileTime), Most: checkMost}, checkTop)
		cancel()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			k.show.line("%s", report.ASCII(err.Error(), 400))
		}
		out = append(out, got...)
	}
	return out, nil
}

// blame compares the profiles of both versions of each item. The error is the cause of ctx.
func (k *checker) blame(ctx context.Context, items []measure.Item, tmp string, plan measure.ComparePlan, top int) (out []gate.Blame, problems []string, err error) {
	out, problems = []gate.Blame{}, []string{}
	modules, err := k.session.Head.Modules(ctx, k.session.Exec)
	if err != nil {
		return out, problems, err
	}
	for _, it := range items {
		name := nameOf(it)
		done := k.show.stage("profile both versions of " + report.ASCII(name, 80))
		taken, err := k.session.Compare(ctx, it, tmp, plan)
		var one gate.Blame
		if err == nil {
			one, err = k.attribute(it, taken, modules, top)
		}
		if ctx.Err() != nil {
			return out, problems, context.Cause(ctx)
		}
		if err != nil {
			problems = append(problems, err.Error())
			k.show.line("%s", report.ASCII(err.Error(), 400))
			continue
		}
		out = append(out, one)
		done("%d runs of each, %d iterations", one.Runs, one.Iterations)
	}
	return out, problems, nil
}

// costKinds are the tables of a blame, in their order.
var costKinds = []struct {
	kind        bottleneck.Kind
	words, unit string
	scale       float64
	ticks       bool
}{
	{bottleneck.CPU, "processor time", "sec/op", 1e-9, true},
	{bottleneck.Alloc, "allocated bytes", "B/op", 1, false},
	{bottleneck.Objects, "allocated objects", "allocs/op", 1, false},
}

// attribute has what the profiles say decided.
func (k *checker) attribute(it measure.Item, taken *measure.Comparison, modules []string, top int) (gate.Blame, error) {
	out := gate.Blame{Package: it.Package, Benchmark: nameOf(it), Runs: len(taken.CPU), Iterations: taken.Iterations, Tables: []gate.BlameTable{}}
	for _, kind := range costKinds {
		runs := taken.CPU
		if !kind.ticks {
			runs = taken.Alloc
		}
		raws := make([]bottleneck.Run, len(runs))
		for i, run := range runs {
			for arm, p := range run.Arms {
				raws[i][arm] = bottleneck.Raw{Kind: profileKind[p.Kind], Few: p.Few, Many: p.Many, Short: p.Short, Long: p.Long}
			}
		}
		d, err := bottleneck.Compare(kind.kind, raws, modules)
		if err != nil {
			return out, fmt.Errorf("compare profiles of %s: %w", out.Benchmark, err)
		}
		c := gate.Costs{
			Kind: kind.words, Unit: kind.unit, Ticks: kind.ticks, Samples: d.Samples,
			Base: times(d.Total[0], kind.scale), Head: times(d.Total[1], kind.scale),
		}
		names := make([]string, len(d.Functions))
		for i, f := range d.Functions {
			names[i] = f.Name
		}
		inBase, inHead := k.session.Base.Has(it.Package, names), k.session.Head.Has(it.Package, names)
		for i, f := range d.Functions {
			group := strings.HasPrefix(f.Name, "(")
			c.Functions = append(c.Functions, gate.FunctionCost{
				Name: f.Name, In: f.In, For: f.For, FirstParty: f.FirstParty, Base: times(f.Sides[0].Own, kind.scale), Head: times(f.Sides[1].Own, kind.scale),
				BaseAll: times(f.Sides[0].All, kind.scale), HeadAll: times(f.Sides[1].All, kind.scale), Samples: [2]int{f.Sides[0].Samples, f.Sides[1].Samples}, Behind: [2]int{f.Sides[0].Behind, f.Sides[1].Behind},
				Note: noteOn(f, group || inBase[i], group || inHead[i]),
			})
		}
		out.Tables = append(out.Tables, gate.Attribute(c, top))
	}
	return out, nil
}

// noteOn says in words how a function is there in the one version and not in the other.
func noteOn(f bottleneck.Compared, inBase, inHead bool) string {
	base, head := f.Sides[0], f.Sides[1]
	switch {
	case !inBase:
		return "new in head, or renamed"
	case !inHead:
		return "gone from head, or renamed"
	case base.Seen && head.Seen && base.Inlined && !head.Inlined:
		return "no longer inlined"
	case base.Seen && head.Seen && !base.Inlined && head.Inlined:
		return "inlined in head"
	}
	return ""
}

func times(xs []float64, by float64) []float64 {
	out := make([]float64, len(xs))
	for i, x := range xs {
		out[i] = x * by
	}
	return out
}

// renderDiagnosis returns a diagnosis in a format.
func renderDiagnosis(d gate.Diagnosis, format string) ([]byte, error) {
	var b bytes.Buffer
	var err error
	switch format {
	case "json":
		err = report.DiagnosisJSON(&b, d)
	case "markdown":
		err = report.DiagnosisMarkdown(&b, d, maxMarkdown)
	case "text":
		err = report.DiagnosisText(&b, d)
	default:
		formats := []string{"markdown", "json", "text"}
		return nil, misuse("unknown format %q%s; the formats are %s", format, didYouMean(format, formats), strings.Join(formats, ", "))
	}
	return b.Bytes(), err
}
