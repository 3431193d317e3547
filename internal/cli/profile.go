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
	"github.com/perfgate/perfgate/internal/sample"
	"github.com/perfgate/perfgate/report"
)

// mostProfiled is how many benchmarks are profiled for budgets that failed: each takes some ten seconds.
const mostProfiled = 8

func profileCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:  "profile",
		Usage: "profile benchmarks of head, and say what bounds them and what to try",
		Flags: []cli.Flag{
			budgetsFlag(),
			&cli.StringSliceFlag{Name: "match", Usage: "profile the benchmarks that `SELECTOR` means, as in a budget; may be given again. Without, those of the failed budgets of --result"},
			&cli.StringFlag{Name: "result", Value: filepath.ToSlash(filepath.Join(".perfgate", resultFile)), Usage: "result `FILE` of the check whose failed budgets are profiled"},
			&cli.IntFlag{Name: "top", Value: 10, Usage: "functions and packages listed of each profile"},
			&cli.StringFlag{Name: "format", Value: "text", Usage: "markdown, json or text"},
			&cli.StringFlag{Name: "out", Usage: "write to `FILE` instead of stdout"},
			&cli.DurationFlag{Name: "run-time", Value: profileTime, Usage: "time of the iterations in each profile; the processor is sampled every 10ms"},
			&cli.DurationFlag{Name: "limit", Value: 5 * time.Minute, Usage: "longest that one benchmark process may take"},
			&cli.IntFlag{Name: "cpu", Value: 1, Usage: "Go processors of each benchmark, as go test -cpu has it"},
		},
		Action: func(c *cli.Context) error {
			p, err := newProfiler(c, s)
			if err != nil {
				return err
			}
			return p.profile(c)
		},
	}
}

// A profiler is one run of the command.
type profiler struct {
	k         *checker
	selectors []budget.Selector
	failed    []bottleneck.Failure // without selectors
	of        gate.Side            // the head that failed
	top       int
}

func newProfiler(c *cli.Context, s Streams) (*profiler, error) {
	if err := refuseTarget(os.Getenv); err != nil {
		return nil, err
	}
	p := &profiler{top: c.Int("top"), k: &checker{
		s: s, budgetsDir: c.String("budgets"), show: newShow(s),
		session: measure.Session{
			CPUs: measure.CPUs(), Procs: c.Int("cpu"), Target: c.Duration("run-time"), Limit: c.Duration("limit"), Seed: 1, Now: time.Now(),
		},
	}}
	switch {
	case p.top < 1 || p.top > 1000:
		return nil, misuse("--top %d is not between 1 and 1000", p.top)
	case p.k.session.Target < 10*time.Millisecond || p.k.session.Target > 10*time.Minute:
		return nil, misuse("--run-time %v is not between 10ms and 10m", p.k.session.Target)
	}
	if err := refuseProcess(&p.k.session); err != nil {
		return nil, err
	}
	if _, err := renderProfile(bottleneck.Report{}, c.String("format")); err != nil {
		return nil, err // before it takes a minute
	}
	for _, text := range c.StringSlice("match") {
		sel, err := budget.ParseSelector(text)
		if err != nil {
			return nil, misuse("--match %q: %w; write Name/key=value, as in a budget", text, err)
		}
		p.selectors = append(p.selectors, sel)
	}
	if len(p.selectors) > 0 {
		return p, nil
	}
	if _, err := os.Stat(c.String("result")); errors.Is(err, os.ErrNotExist) {
		return nil, misuse("%s is not there: name benchmarks with --match SELECTOR, or run perfgate check first", c.String("result"))
	}
	r, err := readResult(c)
	if err != nil {
		return nil, err
	}
	p.of, p.failed = r.Compared.Head, failures(r)
	return p, nil
}

// failures lists the failed verdicts of a result, as the rules want them.
func failures(r gate.Result) []bottleneck.Failure {
	var out []bottleneck.Failure
	for _, v := range r.Verdicts {
		if v.Verdict != gate.Fail || !v.Blocks { // or it is waived
			continue
		}
		f := bottleneck.Failure{Package: v.Package, Benchmark: v.Benchmark, Unit: v.Unit, Reason: v.Reason}
		for _, l := range v.Limits {
			if l.Kind == "scales" && v.Head != nil {
				f.Scales, f.Exponent = l.Text, *v.Head
			}
		}
		out = append(out, f)
	}
	return out
}

func (p *profiler) profile(c *cli.Context) error {
	if len(p.selectors) == 0 && len(p.failed) == 0 {
		p.k.show.line("no budget failed in %s: nothing to profile; name benchmarks with --match SELECTOR", c.String("result"))
	}
	r := bottleneck.Report{Version: bottleneck.Version, Processors: p.k.session.Procs, Benchmarks: []bottleneck.Benchmark{}, Problems: []string{}}
	if len(p.selectors)+len(p.failed) > 0 {
		if err := p.run(c.Context, &r); err != nil {
			return interruptedOr(c.Context, err)
		}
	}
	data, err := renderProfile(r, c.String("format"))
	if err != nil {
		return err
	}
	if out := c.String("out"); out != "" {
		if err := writeFile(filepath.Clean(out), data); err != nil {
			return misuse("%w; name another file with --out", err)
		}
	} else if _, err := p.k.s.Out.Write(data); err != nil {
		return notJudged(fmt.Errorf("write the profile: %w", err))
	}
	if len(r.Problems) > 0 {
		return exitError{code: gate.ExitNotJudged}
	}
	return nil
}

// run builds head, and profiles what is wanted into r.
func (p *profiler) run(ctx context.Context, r *bottleneck.Report) error {
	k := p.k
	var err error
	if k.budgets, err = readBudgets(k.budgetsDir); err != nil {
		return err
	}
	guard := measure.NewGuard()
	defer guard.Close()
	k.session.Exec = measure.System{Guard: guard}
	tmp, remove, err := guard.TempDir("build")
	if err != nil {
		return notJudged(fmt.Errorf("make a directory for the test binaries: %w; have TMPDIR name one with room", err))
	}
	defer remove()
	repo, err := measure.Open(ctx, k.session.Exec, ".")
	if err != nil {
		return notJudged(err)
	}
	repo.Guard = guard
	head, err := repo.Head(ctx)
	if err != nil {
		return notJudged(err)
	}
	if commit := strings.TrimSuffix(p.of.Commit, "+dirty"); commit != "" && commit != head.Commit {
		k.show.line("what failed was %s, what is profiled is %s", describe(measure.Version{Ref: p.of.Ref, Commit: commit}), describe(head))
	}
	b := builder{k: k, ctx: ctx, pattern: suite(k.budgets), tmp: tmp, ownClock: true}
	if k.session.Head, err = b.build("head", head); err != nil {
		return notJudged(err)
	}
	modules, err := k.session.Head.Modules(ctx, k.session.Exec)
	if err != nil {
		return notJudged(err)
	}
	k.session.Progress = k.show.progress
	found, err := b.find(p.functions())
	if err != nil {
		return err
	}
	chosen, err := p.choose(found, r)
	if err != nil {
		return err
	}
	r.Ref, r.Commit, r.Go = head.Ref, head.Commit, k.session.Head.Go
	if head.Dirty && r.Commit != "" {
		r.Commit += "+dirty"
	}
	for _, c := range chosen {
		if err := p.one(ctx, found.Items[c.Index], c, modules, tmp, r); err != nil {
			return err
		}
	}
	return nil
}

// functions lists the benchmark functions to look into.
func (p *profiler) functions() []string {
	var names []string
	for _, sel := range p.selectors {
		names = append(names, "Benchmark"+sel.Name)
	}
	for _, f := range p.failed {
		names = append(names, "Benchmark"+f.Function())
	}
	all := functions(p.k.session.Head)
	return slices.DeleteFunc(all, func(f string) bool { return !slices.Contains(names, f) })
}

// nameOf is the name of an item as budgets and results have it.
func nameOf(it measure.Item) string {
	return sample.StripProcs(strings.TrimPrefix(it.Name, "Benchmark") + "-1")
}

// choose says which of the benchmarks that there are to profile. What is wanted and is not there is a
// problem.
func (p *profiler) choose(found *measure.Found, r *bottleneck.Report) ([]bottleneck.Choice, error) {
	for _, f := range found.Head.Failures() {
		first, _, _ := strings.Cut(f.Text, "\n")
		r.Problems = append(r.Problems, fmt.Sprintf("%s did not end well: %s", strings.TrimPrefix(f.Name, "Benchmark"), first))
	}
	if len(p.selectors) == 0 {
		there := make([]bottleneck.Named, len(found.Items))
		for i, it := range found.Items {
			there[i] = bottleneck.Named{Package: it.Package, Name: nameOf(it)}
		}
		chosen, left := bottleneck.Choose(p.failed, there, mostProfiled)
		if left > 0 {
			p.k.show.line("%d more benchmarks failed and are not profiled; name them with --match SELECTOR", left)
		}
		if len(chosen) == 0 {
			r.Problems = append(r.Problems, "none of the benchmarks that failed is there any more")
		}
		return chosen, nil
	}
	var chosen []bottleneck.Choice
	for i, it := range found.Items {
		if slices.ContainsFunc(p.selectors, func(s budget.Selector) bool { return s.Match(nameOf(it)) }) {
			chosen = append(chosen, bottleneck.Choice{Index: i})
		}
	}
	for _, sel := range p.selectors {
		if slices.ContainsFunc(found.Items, func(it measure.Item) bool { return sel.Match(nameOf(it)) }) || len(r.Problems) > 0 {
			continue
		}
		var names []string
		for _, f := range functions(p.k.session.Head) {
			names = append(names, strings.TrimPrefix(f, "Benchmark"))
		}
		near := didYouMean(sel.Name, names)
		if slices.Contains(names, sel.Name) {
			near = "; one part of it is of no benchmark"
		}
		return nil, misuse("--match %q means no benchmark%s", sel.Text, near)
	}
	return chosen, nil
}

// one profiles one benchmark into r.
func (p *profiler) one(ctx context.Context, it measure.Item, c bottleneck.Choice, modules []string, tmp string, r *bottleneck.Report) error {
	name := nameOf(it)
	done := p.k.show.stage("profile " + report.ASCII(name, 80))
	taken, err := p.k.session.Profile(ctx, it, tmp)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		r.Problems = append(r.Problems, err.Error())
		p.k.show.line("%s", report.ASCII(err.Error(), 400))
		return nil
	}
	in := bottleneck.Input{
		Package: it.Package, Name: name, Failed: c.Failed, Growth: c.Growth, Iterations: taken.Iterations,
		Processors: p.k.session.Procs, Wall: taken.Wall, Own: taken.Own, CPU: taken.CPU,
	}
	for _, v := range taken.Values {
		in.Values = append(in.Values, bottleneck.Value(v))
	}
	for _, pair := range taken.Pairs {
		in.Profiles = append(in.Profiles, bottleneck.Raw{Kind: profileKind[pair.Kind], Few: pair.Few, Many: pair.Many, Short: pair.Short, Long: pair.Long})
	}
	b, err := bottleneck.Examine(in, bottleneck.Options{Modules: modules, Top: p.top})
	if err != nil {
		r.Problems = append(r.Problems, err.Error())
		p.k.show.line("%s", report.ASCII(err.Error(), 400))
		return nil
	}
	r.Benchmarks = append(r.Benchmarks, b)
	done("%s", b.Bound)
	return nil
}

// profileTime is how long each profile is of, unless the command says otherwise.
const profileTime = 2 * time.Second

func checkProfileFlag() cli.Flag {
	return &cli.BoolFlag{Name: "profile", Usage: "profile what failed, some ten seconds each, and say in the report what bounds it and what to try; with --profile=false not even which functions changed"}
}

// profileFailed profiles what failed in a check, if it is to, with the binaries that were measured. What
// cannot be profiled is told, and changes no verdict.
func (k *checker) profileFailed(ctx context.Context, r gate.Result, tmp string) (bottleneck.Report, error) {
	out := bottleneck.Report{
		Version: bottleneck.Version, Ref: r.Compared.Head.Ref, Commit: r.Compared.Head.Commit, Processors: k.session.Procs,
		Benchmarks: []bottleneck.Benchmark{}, Problems: []string{},
	}
	failed := failures(r)
	if !k.profiles || len(failed) == 0 || k.found == nil {
		return out, nil
	}
	whole := ctx
	if d := k.session.Deadline; !d.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, d, measure.ErrDeadline)
		defer cancel()
	}
	k.session.Target = max(k.session.Target, profileTime)
	p := profiler{k: k, failed: failed, top: 10}
	modules, err := k.session.Head.Modules(ctx, k.session.Exec)
	if err == nil {
		out.Go = k.session.Head.Go
		var chosen []bottleneck.Choice
		if chosen, err = p.choose(k.found, &out); err == nil {
			for _, c := range chosen {
				if err = p.one(ctx, k.found.Items[c.Index], c, modules, tmp, &out); err != nil {
					break
				}
			}
		}
	}
	if whole.Err() != nil {
		return out, context.Cause(whole)
	}
	if err != nil {
		k.show.line("not all that failed was profiled: %v", err)
	}
	return out, nil
}

// writeReport writes the report of a check, and what was found in profiles if there were any.
func (k *checker) writeReport(r gate.Result, seen bottleneck.Report) error {
	var b bytes.Buffer
	if err := report.MarkdownProfiled(&b, r, seen, maxMarkdown); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(k.out, reportFile), b.Bytes()); err != nil {
		return err
	}
	b.Reset()
	if err := report.HTMLProfiled(&b, r, seen); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(k.out, pageFile), b.Bytes()); err != nil {
		return err
	}
	if len(seen.Benchmarks)+len(seen.Problems) == 0 {
		return nil
	}
	data, err := renderProfile(seen, "json")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(k.out, profileFile), data)
}

// profileKind is what package bottleneck calls the kinds of package measure.
var profileKind = map[measure.ProfileKind]bottleneck.Kind{
	measure.CPUProfile: bottleneck.CPU, measure.AllocProfile: bottleneck.Alloc, measure.MutexProfile: bottleneck.Mutex, measure.BlockProfile: bottleneck.Block,
}

// renderProfile returns a report of profiles in a format.
func renderProfile(r bottleneck.Report, format string) ([]byte, error) {
	var b bytes.Buffer
	var err error
	switch format {
	case "json":
		err = report.ProfileJSON(&b, r)
	case "markdown":
		err = report.ProfileMarkdown(&b, r, maxMarkdown)
	case "text":
		err = report.ProfileText(&b, r)
	default:
		formats := []string{"markdown", "json", "text"}
		return nil, misuse("unknown format %q%s; the formats are %s", format, didYouMean(format, formats), strings.Join(formats, ", "))
	}
	return b.Bytes(), err
}
