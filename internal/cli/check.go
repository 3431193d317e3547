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

	"github.com/urfave/cli/v2"

	"github.com/perfgate/perfgate/internal/bottleneck"
	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/measure"
	"github.com/perfgate/perfgate/internal/sample"
	"github.com/perfgate/perfgate/report"
)

// baselineFile is the recorded baseline beside the budgets; recordedKey marks samples taken from it.
const (
	baselineFile = "baseline.txt"
	recordedKey  = "recorded"
)

// outDir is where files go unless a flag says otherwise.
const outDir = ".perfgate"

func checkCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:  "check",
		Usage: "measure base and head, judge them against the budgets, report",
		Flags: append([]cli.Flag{
			budgetsFlag(),
			&cli.StringFlag{Name: "base", Usage: "compare with git `REF`, with a FILE of benchmark text, with baseline:NAME or the highest baseline, or with the oldest of last-N-releases, whatever the budgets say"},
			storeFlag(),
			suiteFlag(),
			budgetFlag(),
			quickFlag(),
			&cli.StringFlag{Name: "out", Value: outDir, Usage: "`DIR` for " + strings.Join([]string{baseFile, headFile, resultFile, reportFile, pageFile}, ", ")},
			allowNoBaseFlag(),
			checkProfileFlag(),
			shardFlag(),
			verboseFlag(),
		}, measureFlags()...),
		Action: func(c *cli.Context) error {
			k, err := newPairChecker(c, s, c.String("out"))
			if err != nil {
				return err
			}
			if k.budgets, k.suites, k.only, err = readPart(c); err != nil {
				return err
			}
			k.base, k.allowNoBase, k.profiles = c.String("base"), c.Bool("allow-no-base"), c.Bool("profile")
			k.blames = k.profiles || !c.IsSet("profile")
			k.store = c.String(storeFlagName)
			if err := checkStore(k.store); err != nil {
				return err
			}
			if err := k.divide(c); err != nil {
				return err
			}
			return k.check(c.Context)
		},
	}
}

// A checker is one check on its way.
type checker struct {
	s                     Streams
	show                  *show
	budgetsDir, base, out string
	allowNoBase           bool
	anyway                bool // what is the same program in both versions is measured all the same
	profiles              bool // what failed is profiled
	blames                bool // and in both versions, to say which functions changed
	steps                 int  // judgements that share the error of one
	alone                 bool // head is measured and nothing judged
	quick                 bool // as few samples as may be judged
	session               measure.Session
	budgets               budget.Set
	suites                []budget.Suite // of the budgets, those asked for; none is all benchmarks
	only                  only           // the budgets asked for, which then are all that there are
	found                 *measure.Found
	store                 string      // of baselines, as the flag has it
	shard                 gate.Shard  // the part that is measured; zero is all
	options               string      // how a shard is measured
	part                  []string    // the functions of the shard
	stored                *sample.Set // the record of the base that is measured anew
	storedText            []byte
}

// input is what a judgement by the check's budgets rests on.
func (k *checker) input(base, head *sample.Set, noBase string, allow bool) gate.Input {
	in := judgeInput(k.budgets, k.suites, base, head, noBase, allow)
	in.Stored, in.Steps = k.stored, k.steps
	// A check that goes on past midnight is one of the day on which it began.
	in.Today = day(k.session.Now)
	if k.shard.Of > 0 {
		in = gate.Restrict(in, k.part)
	}
	in.IDs, in.Declared = k.only.ids, k.only.declared
	return in
}

// A world is what a check measures in.
type world struct {
	repo  *measure.Repo
	head  measure.Version
	tmp   string // for what is built
	close func()
}

// open finds the repository and head. The caller calls close at the end.
func (k *checker) open(ctx context.Context) (*world, error) {
	guard := measure.NewGuard()
	w := &world{close: guard.Close}
	k.session.Exec = measure.System{Guard: guard}
	tmp, remove, err := guard.TempDir("build")
	if err != nil {
		w.close()
		return nil, notJudged(fmt.Errorf("make a directory for the test binaries: %w; have TMPDIR name one with room", err))
	}
	w.tmp, w.close = tmp, func() {
		remove()
		guard.Close()
	}
	if w.repo, err = measure.Open(ctx, k.session.Exec, "."); err != nil {
		w.close()
		return nil, notJudged(err)
	}
	w.repo.Guard = guard
	swept, err := measure.Sweep(ctx, w.repo)
	for _, path := range swept {
		k.show.line("removed %s, left behind by a check that was killed", path)
	}
	if err != nil {
		k.show.line("%v", err)
	}
	if w.head, err = w.repo.Head(ctx); err != nil {
		w.close()
		return nil, notJudged(err)
	}
	return w, nil
}

func (k *checker) check(ctx context.Context) error {
	if err := gate.CheckSuites(k.budgets, k.suites); err != nil {
		return exitError{gate.ExitMisuse, err}
	}
	if err := checkWaivers(k.budgets); err != nil {
		return err
	}
	if err := prepareOut(k.out); err != nil {
		return err
	}
	w, err := k.open(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	base, err := k.findBase(ctx, w)
	if err != nil {
		return err
	}
	if base.version != nil {
		k.show.line("base is %s: %s", describe(*base.version), base.version.Why)
		remove, err := w.repo.Checkout(ctx, base.version)
		if err != nil {
			return interruptedOr(ctx, notJudged(err))
		}
		defer func() {
			if err := remove(); err != nil {
				k.show.line("the work tree of the base was not removed: %v", err)
			}
		}()
	} else if base.none != "" {
		k.show.line("no base: %s", base.none)
	}
	texts, err := k.measure(ctx, w.repo, w.head, base, w.tmp)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	if k.shard.Of > 0 {
		return k.leave(texts)
	}
	return k.judge(texts, func(r *gate.Result) (seen bottleneck.Report, err error) {
		if r.Blame, err = k.blameFailed(ctx, *r, w.tmp); err != nil {
			return seen, err
		}
		return k.profileFailed(ctx, *r, w.tmp)
	})
}

// interruptedOr returns the cause of ctx, if it has ended: what failed then failed for that reason.
func interruptedOr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func describe(v measure.Version) string {
	if v.Commit == "" {
		return v.Ref
	}
	return v.Ref + " (" + short(v.Commit) + ")"
}

// A baseSource is where the samples of the base come from: a version to be measured, text that is
// there already, or nowhere.
type baseSource struct {
	version *measure.Version
	text    []byte
	name    string // of the file that the text is from
	none    string // why there is no version
}

func (k *checker) findBase(ctx context.Context, w *world) (baseSource, error) {
	against := k.budgets.Against
	if k.base != "" {
		against = k.base
	}
	if name, ok := baselineNamed(against); ok {
		return k.fromStore(ctx, w, name)
	}
	if n, ok, err := budget.LastReleases(against); err != nil {
		return baseSource{}, misuse("--base %w", err) // of budget files it is known before
	} else if ok {
		return k.fromLast(ctx, w, n)
	}
	if against != "release" && against != "merge-base" {
		if info, err := os.Stat(against); err == nil && info.Mode().IsRegular() {
			set, text, err := readSamples(against)
			if err == nil {
				err = usableBase(set)
			}
			return baseSource{text: text, name: against}, err
		}
	}
	v, err := w.repo.FindBase(ctx, w.head, against, os.Getenv("GITHUB_BASE_REF"))
	var none measure.ErrNoBase
	switch {
	case err == nil:
		return baseSource{version: &v}, nil
	case !errors.As(err, &none):
		return baseSource{}, interruptedOr(ctx, notJudged(err))
	case k.base != "":
		// Somebody named it: to go on without would not be what was asked for.
		return baseSource{}, misuse("--base %s is no file, and %s", k.base, none.Text)
	}
	return k.recorded(none.Text)
}

// usableBase refuses a file that serves as none, before anything is measured to compare with it.
func usableBase(set *sample.Set) error {
	if err := gate.CheckBase(set, nil); err != nil {
		return exitError{gate.ExitMisuse, err}
	}
	return nil
}

// recorded returns the baseline file beside the budgets, if there is one.
func (k *checker) recorded(why string) (baseSource, error) {
	dir := k.budgetsDir
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		dir = filepath.Dir(dir)
	}
	name := filepath.Join(dir, baselineFile)
	data, err := readCapped(name, maxSamples)
	if errors.Is(err, os.ErrNotExist) {
		return baseSource{none: why}, nil
	}
	if err != nil {
		return baseSource{}, notJudged(fmt.Errorf("read the recorded baseline: %w; make it readable, or delete it", err))
	}
	first := []byte("# perfgate-samples: " + sample.Format + "\n")
	if !bytes.HasPrefix(data, first) {
		return baseSource{}, misuse("%s does not begin with %q; record it from the %s of a check", name, bytes.TrimSpace(first), headFile)
	}
	set, err := parseSamples(name, data)
	if err != nil {
		return baseSource{}, err
	}
	if err := usableBase(set); err != nil {
		return baseSource{}, err
	}
	// The samples say themselves that they serve exact units only, so that judging them again from
	// the file gives the same verdicts.
	text := slices.Concat(first, []byte("# "+recordedKey+": "+why+"\n"), data[len(first):])
	return baseSource{text: text, name: name, none: why}, nil
}

// texts are the two files of samples.
type texts struct {
	base, head []byte // base is nil when there is none
	baseName   string
	none       string
}

// measure builds and measures what is to be measured.
func (k *checker) measure(ctx context.Context, repo *measure.Repo, headVersion measure.Version, base baseSource, tmp string) (texts, error) {
	out := texts{base: base.text, baseName: base.name, none: base.none}
	pattern := suite(k.budgets)
	if image := os.Getenv("ImageOS"); image != "" {
		k.session.Environment = [][2]string{{"runner", strings.TrimSpace(image + " " + os.Getenv("ImageVersion"))}}
	}
	if base.version != nil {
		// What a benchmark reads may differ though the binaries are the same.
		same, err := repo.SameData(ctx, *base.version)
		if err != nil {
			return out, notJudged(err)
		}
		if !same {
			headVersion.Data = "files"
		}
	}
	b := builder{k: k, ctx: ctx, pattern: pattern, tmp: tmp, ownClock: true}
	var err error
	var broken measure.BuildError
	k.session.Head, err = b.build("head", headVersion)
	if errors.As(err, &broken) {
		k.show.line("%v", err)
		var r measure.Recording
		if k.shard.Of > 0 {
			r.Provenance = k.unbuilt(headVersion, out)
		}
		r.Fail("the benchmarks of head do not build: " + broken.Output)
		out.head, err = text(&r)
		return out, err
	}
	if err != nil {
		return out, notJudged(err)
	}
	if base.version != nil {
		k.session.Base, err = b.build("base", *base.version)
		switch {
		case errors.As(err, &broken):
			k.show.line("%v", err)
			out.none = fmt.Sprintf("the benchmarks of %s do not build; give another version with --base REF", describe(*base.version))
			k.session.Base = nil
			if k.stored != nil {
				out.base, out.baseName, out.none = k.storedText, filepath.Join(k.out, baseFile), ""
				k.stored = nil
			}
		case err != nil:
			return out, notJudged(err)
		}
	}
	all := functions(k.session.Head, k.session.Base)
	if base.text == nil {
		if err := gate.CheckNames(k.budgets, all); err != nil {
			return out, exitError{gate.ExitMisuse, err}
		}
	}
	wanted := slices.DeleteFunc(all, func(name string) bool { return !k.runs(strings.TrimPrefix(name, "Benchmark")) })
	if k.shard.Of > 0 {
		wanted = k.share(wanted, out)
	}
	k.session.Progress, k.session.Narrow = k.show.progress, k.narrow(wanted)
	k.session.Renames = renames(k.budgets)
	found, err := b.find(wanted)
	if err != nil {
		return out, err
	}
	k.found = found
	if k.anyway {
		k.session.ForgetDigests()
	}
	items, err := k.items(found, out)
	if err != nil {
		return out, err
	}
	k.session.Ask = k.ask
	if out, err = k.take(ctx, found, items, out); err != nil || k.session.Base == nil {
		return out, err
	}
	together, err := k.movedTogether(out)
	if err != nil || together == "" || ctx.Err() != nil {
		return out, err
	}
	// The code of one version rarely slows everything alike.
	k.show.line("%s; measuring once more", together)
	k.session.Again(together)
	return k.take(ctx, found, items, out)
}

// take measures the items once.
func (k *checker) take(ctx context.Context, found *measure.Found, items []measure.Item, out texts) (texts, error) {
	base, head, err := k.session.Measure(ctx, found, items)
	if err != nil {
		return out, err
	}
	if out.head, err = text(head); err != nil || base == nil {
		return out, err
	}
	out.base, err = text(base)
	out.baseName = filepath.Join(k.out, baseFile)
	return out, err
}

// movedTogether says which fails nearly all benchmarks share, if they do.
func (k *checker) movedTogether(t texts) (string, error) {
	head, err := parseSamples(headFile, t.head)
	if err != nil {
		return "", err
	}
	base, err := parseSamples(baseFile, t.base)
	if err != nil {
		return "", err
	}
	r, err := judge(k.input(base, head, t.none, k.allowNoBase))
	if err != nil || r.Shift == nil || r.Counts.Fail == 0 {
		return "", err
	}
	return fmt.Sprintf("%d of %d benchmarks changed together", r.Shift.Together, r.Shift.Benchmarks), nil
}

// ask is the live side of the looks that judging repeats on the files.
func (k *checker) ask(_ measure.Item, base, head *measure.Recording) measure.Need {
	var sets [2]*sample.Set
	for i, r := range []*measure.Recording{base, head} {
		data, err := text(r)
		if err != nil {
			return measure.Pairs
		}
		if sets[i], err = parseSamples(headFile, data); err != nil {
			return measure.Pairs
		}
	}
	switch gate.Pending(k.input(sets[0], sets[1], "", true)) {
	case gate.More:
		return measure.Pairs
	case gate.Layouts:
		return measure.Orders
	}
	return measure.Nothing
}

func text(r *measure.Recording) ([]byte, error) {
	var b bytes.Buffer
	_, err := r.WriteTo(&b)
	return b.Bytes(), err
}

// functions lists the benchmark functions of the arms, each once.
func functions(arms ...*measure.Arm) []string {
	var out []string
	for _, a := range arms {
		if a == nil {
			continue
		}
		for _, b := range a.Binaries {
			for _, f := range b.Functions {
				if !slices.Contains(out, f) {
					out = append(out, f)
				}
			}
		}
	}
	return out
}

// has reports whether one of the suites has the benchmark.
func has(suites []budget.Suite, name string) bool {
	return slices.ContainsFunc(suites, func(s budget.Suite) bool { return s.Has(name) })
}

// unbudgeted are the suites whose benchmarks are run also where no budget selects them.
func (k *checker) unbudgeted() []budget.Suite {
	if k.alone && len(k.suites) == 0 {
		return k.budgets.Suites
	}
	return k.suites
}

// runs reports whether a benchmark function, named without the word Benchmark, is run.
func (k *checker) runs(function string) bool {
	is := func(sel budget.Selector) bool { return sel.Name == function }
	return slices.ContainsFunc(k.unbudgeted(), func(s budget.Suite) bool {
		return slices.ContainsFunc(s.Match, func(m budget.Match) bool { return is(m.Selector) })
	}) || len(k.suites) == 0 && slices.ContainsFunc(k.budgets.Budgets, func(b budget.Budget) bool { return is(b.Match) })
}

// narrow returns the patterns by which the functions run where suites are asked for: their selectors and
// those of growth, which is judged of all its sizes or not at all. Where budgets are, it is by theirs.
func (k *checker) narrow(functions []string) map[string]string {
	out := map[string]string{}
	for _, f := range functions {
		var selectors []budget.Selector
		for _, s := range k.suites {
			for _, m := range s.Match {
				selectors = append(selectors, m.Selector)
			}
		}
		for _, b := range k.budgets.Budgets {
			if len(k.only.ids) > 0 || b.Scales != nil && slices.ContainsFunc(k.suites, func(s budget.Suite) bool { return s.Meets(b.Match) }) {
				selectors = append(selectors, b.Match)
			}
		}
		selectors = slices.DeleteFunc(selectors, func(s budget.Selector) bool { return "Benchmark"+s.Name != f })
		if p := budget.Pattern(selectors); p != "" {
			out[f] = p
		}
	}
	return out
}

// lint finds the mistakes of budgets and suites that the first run shows.
func (k *checker) lint(in gate.Input) error {
	err := error(nil)
	if k.alone {
		err = gate.Lint(in)
	} else if _, err = judge(in); err == nil && len(k.suites) == 0 {
		err = gate.CheckSelectors(in)
	}
	var told exitError
	if err != nil && !errors.As(err, &told) {
		err = exitError{gate.ExitMisuse, err}
	}
	return err
}

// items says how each benchmark is to be measured: by what its budgets want to know. It judges the
// first run for errors of the budgets, since these should not take minutes to show.
func (k *checker) items(found *measure.Found, t texts) ([]measure.Item, error) {
	first, err := text(found.Head)
	if err != nil {
		return nil, err
	}
	head, err := parseSamples(headFile, first)
	if err != nil {
		return nil, err
	}
	base := (*sample.Set)(nil)
	if found.Base != nil {
		if t.base, err = text(found.Base); err != nil {
			return nil, err
		}
	}
	if t.base != nil {
		if base, err = parseSamples(baseFile, t.base); err != nil {
			return nil, err
		}
	}
	in := k.input(base, head, t.none, true)
	if err := k.lint(in); err != nil {
		return nil, err
	}
	// A shard does not know how many comparisons the others make, and so may err as often as one of them.
	k.session.Comparisons = gate.Comparisons(in) * max(k.shard.Of, 1)
	same := identical(k.session.Base, k.session.Head)
	var items []measure.Item
	for _, it := range found.Items {
		name := sample.StripProcs(strings.TrimPrefix(it.Name, "Benchmark") + "-1")
		asked, matched := len(k.suites) == 0 || has(k.suites, name), false
		for _, b := range k.budgets.Budgets {
			if !b.Match.Match(name) {
				continue
			}
			if !asked {
				// A growth over sizes of which not all are asked for is left out: it has to be seen that there
				// are others.
				matched, it.Seen = matched || b.Scales != nil, true
				continue
			}
			matched = true
			if b.Class == budget.Exact || head.Assume(b.Unit) == "exact" || base != nil && base.Assume(b.Unit) == "exact" {
				continue
			}
			change, value := gate.Wants(k.budgets, b, name)
			if change && !slices.Contains(same, it.Package) {
				it.Pairs = true
				it.Waiting = it.Waiting || b.Class == budget.Waiting
				it.Allocs = it.Allocs || b.Unit == "B/op" || b.Unit == "allocs/op"
				it.Wall = it.Wall || !slices.Contains([]string{"sec/op", "B/s", "B/op", "allocs/op"}, b.Unit)
			}
			it.Alone = it.Alone || value
		}
		if !matched && asked && has(k.unbudgeted(), name) {
			// To check is to judge, so that it is enough that it runs; else somebody wants its values.
			matched, it.Alone, it.Seen = true, k.alone, !k.alone
		}
		if k.quick && !it.Pairs && !it.Alone {
			it.Seen = true
		}
		if matched {
			items = append(items, it)
		}
	}
	return items, nil
}

// writeSamples writes what was measured and what it is compared with, head last.
func (k *checker) writeSamples(t texts) error {
	files := []struct {
		name string
		data []byte
	}{{baseFile, t.base}, {storedFile, nil}, {headFile, t.head}}
	if k.stored != nil {
		files[1].data = k.storedText
	}
	for _, f := range files {
		if f.data == nil {
			continue
		}
		if err := writeFile(filepath.Join(k.out, f.name), f.data); err != nil {
			return notJudged(err)
		}
	}
	return nil
}

// judge writes the samples, judges them as read back from the text, has what failed examined, and writes
// result and report.
func (k *checker) judge(t texts, examine func(*gate.Result) (bottleneck.Report, error)) error {
	if err := k.writeSamples(t); err != nil {
		return err
	}
	head, err := parseSamples(filepath.Join(k.out, headFile), t.head)
	if err != nil {
		return err
	}
	if k.stored != nil {
		if k.stored, err = parseSamples(filepath.Join(k.out, storedFile), k.storedText); err != nil {
			return err
		}
	}
	var base *sample.Set
	if t.base != nil {
		if base, err = parseSamples(t.baseName, t.base); err != nil {
			return err
		}
	}
	result, err := judge(k.input(base, head, t.none, k.allowNoBase))
	if err != nil {
		return err
	}
	seen, err := examine(&result)
	if err != nil {
		return err
	}
	if err := k.writeReport(result, seen); err != nil {
		return notJudged(err)
	}
	// Last of the files: whoever finds a result finds all that belongs to it.
	err = deliver(k.s, result, filepath.Join(k.out, resultFile))
	k.show.line("wrote %s, %s, %s, %s and %s to %s", baseFile, headFile, reportFile, pageFile, resultFile, k.out)
	_ = report.FindingsText(k.s.Out, seen)
	return err
}
