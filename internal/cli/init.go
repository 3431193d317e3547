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
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/measure"
	"github.com/perfgate/perfgate/internal/prove"
	"github.com/perfgate/perfgate/internal/sample"
	"github.com/perfgate/perfgate/report"
)

const (
	// initPairs is how many pairs init measures of each benchmark, and initQuickPairs with --quick.
	initPairs      = 20
	initQuickPairs = 8
	// checkPairs is the default of perfgate check, for which budgets are proposed.
	checkPairs = 40
	// initPatience ends the measuring of one benchmark at the next look, so that a slow one does not hold
	// up the rest: its limit is then the wider. Below the pairs of --quick it takes more, since on a loaded
	// machine the runs of a quick one take long too.
	initPatience      = 20 * time.Second
	initQuickPatience = 90 * time.Second
	// widenings bounds how often budgets are proved anew with wider limits.
	widenings = 8
)

func initCommand(s Streams) *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "budgets", Value: "budgets/", Usage: "`DIR` to write the budgets to"},
		&cli.StringSliceFlag{Name: "match", Usage: "only the benchmarks that `SELECTOR` means, as in a budget; may be given again"},
		&cli.StringSliceFlag{Name: "unit", Usage: "only budgets on `UNIT`, such as allocs/op; may be given again"},
		&cli.IntFlag{Name: "pairs", Value: initPairs, Usage: "pairs measured of each benchmark, to learn its noise"},
		&cli.BoolFlag{Name: "quick", Usage: fmt.Sprintf("measure %d pairs: what so few say of the noise makes wider limits", initQuickPairs)},
		&cli.BoolFlag{Name: "dry-run", Usage: "print the files to stdout, and write nothing"},
		&cli.BoolFlag{Name: "no-workflow", Usage: "write no workflow for GitHub Actions"},
		verboseFlag(),
	}
	return &cli.Command{
		Name:  "init",
		Usage: "propose budgets for the module in this directory by what its benchmarks' own noise allows, and write them with a workflow",
		Flags: append(flags, aloneFlags()...),
		Action: func(c *cli.Context) error {
			i, err := newInitializer(c, s)
			if err != nil {
				return err
			}
			return i.init(c.Context)
		},
	}
}

// An initializer is one init on its way.
type initializer struct {
	k          *checker
	s          Streams
	selectors  []budget.Selector
	units      []string // tidied
	dir        string   // for the budgets
	dry        bool
	noWorkflow bool
	pairs      int

	mu    sync.Mutex
	took  map[string]time.Duration // of all runs of a benchmark
	each  map[string]int           // pairs of a benchmark
	taken int                      // pairs of all
	// built is what building and the first runs took, measured what measuring did.
	built, measured time.Duration
}

func newInitializer(c *cli.Context, s Streams) (*initializer, error) {
	k, err := newChecker(c, s, outDir)
	if err != nil {
		return nil, err
	}
	// These samples are no check's and no baseline's; how many there are is said in another way.
	k.quick, k.session.AloneRuns, k.session.Confidence = false, 0, ""
	i := &initializer{
		k: k, s: s, dir: filepath.Clean(c.String("budgets")), dry: c.Bool("dry-run"), noWorkflow: c.Bool("no-workflow"),
		pairs: c.Int("pairs"), took: map[string]time.Duration{}, each: map[string]int{},
	}
	switch {
	case c.Bool("quick") && c.IsSet("pairs"):
		return nil, misuse("--quick measures %d pairs: leave --pairs out", initQuickPairs)
	case i.pairs < gate.MinRuns || i.pairs > sample.MaxRuns:
		return nil, misuse("--pairs %d is not between %d and %d", i.pairs, gate.MinRuns, sample.MaxRuns)
	case c.String("budgets") == "":
		return nil, misuse("init needs a directory for the budgets; leave --budgets out for budgets/")
	}
	if c.Bool("quick") {
		i.pairs = initQuickPairs
	}
	k.session.Looks = gate.Looks(i.pairs)
	for _, text := range c.StringSlice("match") {
		sel, err := budget.ParseSelector(text)
		if err != nil {
			return nil, misuse("--match %q: %w", text, err)
		}
		i.selectors = append(i.selectors, sel)
	}
	for _, u := range c.StringSlice("unit") {
		i.units = append(i.units, sample.Tidy(u))
	}
	logged := k.session.Ran
	k.session.Ran = func(r measure.Run) {
		i.ran(r)
		if logged != nil {
			logged(r)
		}
	}
	k.session.Ask = i.patience
	return i, nil
}

// ran keeps account of what a run took.
func (i *initializer) ran(r measure.Run) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if r.Stage != "find" {
		i.took[r.Benchmark] += r.Took
	}
	if r.Stage == "pairs" && r.Arm == "head" {
		i.taken++
		i.each[r.Benchmark]++
	}
}

// patience asks for all pairs, unless the benchmark has taken long enough.
func (i *initializer) patience(it measure.Item, _, _ *measure.Recording) measure.Need {
	i.mu.Lock()
	defer i.mu.Unlock()
	name, patience := strings.TrimPrefix(it.Name, "Benchmark"), initPatience
	if i.each[name] < initQuickPairs {
		patience = initQuickPatience
	}
	if i.took[name] > patience {
		return measure.Nothing
	}
	return measure.Pairs
}

// inModule reports why the directory is no module's, if so.
func inModule() error {
	info, err := os.Stat("go.mod")
	if err == nil && info.Mode().IsRegular() {
		return nil
	}
	dir, err := filepath.Abs(".")
	if err != nil {
		return notJudged(err)
	}
	for up := filepath.Dir(dir); up != filepath.Dir(up); up = filepath.Dir(up) {
		if _, err := os.Stat(filepath.Join(up, "go.mod")); err == nil {
			return misuse("no go.mod in this directory, but in %s: run perfgate init there", up)
		}
	}
	if _, err := os.Stat("go.work"); err == nil {
		return misuse("no go.mod in this directory, which is a workspace: run perfgate init in the directory of one of its modules, which go.work lists")
	}
	return misuse("no go.mod in this directory: run perfgate init in the root of a Go module, or make one with go mod init")
}

func (i *initializer) init(ctx context.Context) error {
	if err := inModule(); err != nil {
		return err
	}
	w, err := i.k.open(ctx)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	defer w.close()
	files := i.files(w.repo)
	if err := free(files, i.dir); err != nil {
		return err
	}
	if !i.dry {
		if err := prepareOut(i.k.out); err != nil {
			return err
		}
	}
	survey, suite, err := i.survey(ctx, w)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	p, proof, data, err := i.propose(survey, suite, w.head)
	if err != nil {
		return err
	}
	files[0].data = data
	if len(files) > 1 {
		goMod, err := os.ReadFile("go.mod")
		if err != nil {
			return notJudged(fmt.Errorf("read the version of Go: %w", err))
		}
		files[1].data = workflow(w.repo.Module, w.repo.Root != "", filepath.ToSlash(i.dir), !buildsPerfgate(goMod))
	}
	if i.dry {
		var b bytes.Buffer
		for _, f := range files {
			fmt.Fprintf(&b, "--- %s\n%s", f.shown, f.data)
		}
		if _, err := i.s.Out.Write(b.Bytes()); err != nil {
			return notJudged(fmt.Errorf("write the files to stdout: %w", err))
		}
		i.k.show.line("wrote nothing: --dry-run")
		return nil
	}
	if err := writeNew(files, i.dir); err != nil {
		return err
	}
	return i.tell(files, p, proof, i.estimate(p), w.repo.Root != "")
}

// survey measures the module against itself.
func (i *initializer) survey(ctx context.Context, w *world) (gate.Survey, string, error) {
	k := i.k
	began := time.Now()
	out := gate.Survey{Pairs: checkPairs, Units: i.units, Seed: k.session.Seed}
	packages, err := measure.TestPackages(ctx, k.session.Exec, w.head)
	if err != nil {
		return out, "", notJudged(err)
	}
	if len(packages) == 0 {
		return out, "", notJudged(errors.New("nothing to gate: no package of this module has a benchmark; write one, func BenchmarkX(b *testing.B) in a file that ends in _test.go, and run perfgate init again"))
	}
	b, suite, err := i.build(ctx, w, packages)
	if err != nil {
		return out, "", err
	}
	wanted := i.wanted()
	if len(wanted) == 0 {
		return out, "", misuse("--match selects no benchmark; the functions are %s", strings.Join(functions(k.session.Head), ", "))
	}
	k.session.Progress, k.session.Narrow = k.show.progress, i.narrow(wanted)
	found, err := b.find(wanted)
	if err != nil {
		return out, "", err
	}
	// Should the binaries have been built anew.
	k.session.ForgetDigests()
	first, err := text(found.Head)
	if err != nil {
		return out, "", notJudged(err)
	}
	if out.First, err = parseSamples(headFile, first); err != nil {
		return out, "", err
	}
	i.built = time.Since(began)
	items := i.items(found, out.First)
	k.show.line("measure %d benchmarks against themselves, in up to %d pairs each", len(items), i.pairs)
	base, head, err := k.session.Measure(ctx, found, items)
	if err != nil {
		return out, "", notJudged(err)
	}
	i.measured = time.Since(began) - i.built
	for _, f := range []struct {
		name string
		rec  *measure.Recording
		set  **sample.Set
	}{{baseFile, base, &out.Base}, {headFile, head, &out.Head}} {
		looksOfCheck(f.rec)
		data, err := text(f.rec)
		if err != nil {
			return out, "", notJudged(err)
		}
		name := filepath.Join(k.out, f.name)
		if !i.dry {
			if err := writeFile(name, data); err != nil {
				return out, "", notJudged(err)
			}
		}
		if *f.set, err = parseSamples(name, data); err != nil {
			return out, "", err
		}
	}
	return out, suite, nil
}

// looksOfCheck makes a recording say when a check would look for a decision: that is what is proved of
// these samples.
func looksOfCheck(r *measure.Recording) {
	for n, kv := range r.Provenance {
		if kv[0] == "looks" {
			r.Provenance[n][1] = strings.Trim(fmt.Sprint(gate.Looks(checkPairs)), "[]")
		}
	}
}

// build builds head, and base from the last commit where the work tree does not differ from it: then as
// a check will, in a directory of its own. It returns the package pattern of what has benchmarks.
func (i *initializer) build(ctx context.Context, w *world, packages []measure.TestPackage) (*builder, string, error) {
	k := i.k
	var dirs []string
	for _, p := range packages {
		dirs = append(dirs, p.Dir)
	}
	broken := map[string]error{}
	b := &builder{k: k, ctx: ctx, pattern: measure.CommonPattern(dirs), tmp: w.tmp, ownClock: true, skip: func(pkg string, err error) { broken[pkg] = err }}
	var err error
	if k.session.Head, err = b.build("head", w.head); err != nil {
		return nil, "", notJudged(err)
	}
	dirs = nil
	skipped := 0
	for _, p := range packages {
		why, bad := broken[p.Path]
		if !bad {
			dirs = append(dirs, p.Dir)
			continue
		}
		skipped++
		k.show.line("left out %s, which does not build: %s", report.ASCII(p.Path, 200), report.ASCII(firstReason(why), 300))
	}
	if len(k.session.Head.Binaries) == 0 {
		return nil, "", notJudged(fmt.Errorf("nothing to gate: no package with benchmarks builds; mend what go vet ./... says, and run perfgate init again"))
	}
	suite := measure.CommonPattern(dirs)
	if skipped > 0 && slices.ContainsFunc(packages, func(p measure.TestPackage) bool { return broken[p.Path] != nil && within(suite, p.Dir) }) {
		k.show.line("perfgate check builds all packages of %s: mend what does not build before the first check", suite)
	}
	k.session.Base = k.session.Head
	b.built = append(b.built, built{"base", w.head})
	if w.head.Commit == "" || w.head.Dirty || w.repo.Root == "" {
		return b, suite, nil
	}
	base := w.head
	b.built = b.built[:1]
	remove, err := w.repo.Checkout(ctx, &base)
	if err != nil {
		return nil, "", notJudged(err)
	}
	closeWorld := w.close
	w.close = func() {
		if err := remove(); err != nil {
			k.show.line("the work tree of the base was not removed: %v", err)
		}
		closeWorld()
	}
	arm, err := b.build("base", base)
	if err != nil {
		return nil, "", notJudged(err)
	}
	if len(arm.Binaries) < len(k.session.Head.Binaries) {
		k.show.line("some packages do not build in a fresh checkout of %s: is a file missing that git ignores?", short(base.Commit))
	}
	if len(arm.Binaries) > 0 {
		k.session.Base = arm
	}
	return b, suite, nil
}

// within reports whether a pattern of CommonPattern names the directory.
func within(pattern, dir string) bool {
	if tree, all := strings.CutSuffix(pattern, "/..."); all {
		tree = strings.TrimPrefix(strings.TrimPrefix(tree, "."), "/")
		return tree == "" || dir == tree || strings.HasPrefix(dir, tree+"/")
	}
	return strings.TrimPrefix(pattern, "./") == dir
}

// firstReason returns the line of a failed build that says most.
func firstReason(err error) string {
	var e measure.BuildError
	if !errors.As(err, &e) {
		return err.Error()
	}
	for line := range strings.SplitSeq(e.Output, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return line
		}
	}
	return "it says nothing more"
}

// wanted lists the functions that are run, with the word Benchmark.
func (i *initializer) wanted() []string {
	return slices.DeleteFunc(functions(i.k.session.Head), func(f string) bool {
		return len(i.selectors) > 0 && !slices.ContainsFunc(i.selectors, func(s budget.Selector) bool { return "Benchmark"+s.Name == f })
	})
}

func (i *initializer) narrow(functions []string) map[string]string {
	out := map[string]string{}
	for _, f := range functions {
		of := slices.DeleteFunc(slices.Clone(i.selectors), func(s budget.Selector) bool { return "Benchmark"+s.Name != f })
		if p := budget.Pattern(of); p != "" {
			out[f] = p
		}
	}
	return out
}

// items says what is measured: in pairs, as a check does for times and allocations and for what else has
// a direction and may vary.
func (i *initializer) items(found *measure.Found, first *sample.Set) []measure.Item {
	var out []measure.Item
	for _, it := range found.Items {
		name := sample.StripProcs(strings.TrimPrefix(it.Name, "Benchmark") + "-1")
		if len(i.selectors) > 0 && !slices.ContainsFunc(i.selectors, func(s budget.Selector) bool { return s.Match(name) }) {
			continue
		}
		k := sample.Key{Package: it.Package, Name: name}
		if _, slow := gate.Slow(first, k); slow {
			it.Seen = true
		}
		it.Pairs, it.Allocs = true, true
		if b := first.Lookup(k); b != nil {
			for u := range b.Samples { // any order: one is enough
				plain := slices.Contains([]string{"sec/op", "B/s", "B/op", "allocs/op"}, u)
				it.Wall = it.Wall || !plain && first.Better(u) != "" && first.Assume(u) != "exact"
			}
		}
		out = append(out, it)
	}
	return out
}

// propose makes the budgets and proves them; what cannot go red gets a wider limit or none. It returns
// the text of the file too.
func (i *initializer) propose(survey gate.Survey, suite string, head measure.Version) (gate.Proposal, prove.Proof, []byte, error) {
	done := i.k.show.stage("find limits")
	p := gate.Propose(survey)
	for n := 0; ; n++ {
		if len(p.Budgets) == 0 {
			for _, l := range p.Left {
				i.k.show.line("not budgeted: %s", leftText(l))
			}
			return p, prove.Proof{}, nil, notJudged(errors.New("nothing to gate: no budget can be held for any of these benchmarks; make them quieter or smaller, or measure on a quieter machine"))
		}
		data := i.draft(p, survey, suite, head).Bytes()
		proof, err := proveDraft(survey, filepath.ToSlash(filepath.Join(i.dir, initFile)), data)
		if err != nil {
			return p, proof, nil, err
		}
		if proof.Unproved == 0 || n == widenings {
			done("%s, %s proved able to fail", plural(len(p.Budgets), "budget"), plural(proof.Proved, "rule"))
			return p, proof, data, nil
		}
		told := map[string]bool{}
		for _, r := range proof.Rules {
			if !r.Proved && !told[r.ID] {
				told[r.ID] = true
				p.Widen(r.ID, r.Problem)
			}
		}
	}
}

// proveDraft reads the text of budgets back as a check will, and proves them on the samples they were
// made from.
func proveDraft(survey gate.Survey, name string, data []byte) (prove.Proof, error) {
	set, err := budget.Parse([]budget.Source{{Name: name, Data: data}})
	if err != nil {
		return prove.Proof{}, exitError{gate.ExitMisuse, fmt.Errorf("the budgets proposed are not valid, which is a mistake of perfgate: %w", err)}
	}
	// What failed is in no budget, and a proof refuses samples in which something did.
	covered := func(k sample.Key) bool {
		return slices.ContainsFunc(set.Budgets, func(b budget.Budget) bool { return b.Match.Match(k.Name) })
	}
	base, head := survey.Base.Only(covered), survey.Head.Only(covered)
	base.Failures, head.Failures = nil, nil
	proof, err := prove.Prove(judgeInput(set, nil, base, head, "", false), survey.Seed)
	if err != nil {
		return proof, notJudged(fmt.Errorf("prove the budgets proposed: %w", err))
	}
	return proof, nil
}

// estimate is how long a check of unchanged code takes, by what it took here: what is measured shrinks
// with the pairs, the rest does not.
func (i *initializer) estimate(p gate.Proposal) time.Duration {
	share := 1.0
	if i.taken > 0 {
		share = min(float64(p.Pairs)/float64(i.taken), 1)
	}
	return i.built + time.Duration(share*float64(i.measured))
}
