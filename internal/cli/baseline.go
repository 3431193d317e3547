package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/perfgate/perfgate/internal/baseline"
	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/measure"
	"github.com/perfgate/perfgate/internal/sample"
)

const storeFlagName = "store"

func storeFlag() cli.Flag {
	return &cli.StringFlag{Name: storeFlagName, Value: "branch:" + baseline.DefaultBranch, Usage: "`STORE` of baselines: dir:PATH, or branch:NAME of the remote origin"}
}

func baselineCommand(s Streams) *cli.Command {
	sub := func(name, usage, args string, flags []cli.Flag, action func(*cli.Context) error) *cli.Command {
		return &cli.Command{
			Name: name, Usage: usage, ArgsUsage: args, Flags: append([]cli.Flag{storeFlag()}, flags...),
			OnUsageError: usageError, HideHelpCommand: true,
			Action: func(c *cli.Context) error {
				want := 0
				if args != "" {
					want = 1
				}
				if c.NArg() > want {
					return misuse("baseline %s takes no argument %q; flags begin with --, and stand before it", name, c.Args().Get(want))
				}
				if c.NArg() < want {
					return misuse("baseline %s needs the name of a baseline; perfgate baseline list shows them", name)
				}
				if err := checkStore(c.String(storeFlagName)); err != nil {
					return err
				}
				return action(c)
			},
		}
	}
	cmd := &cli.Command{
		Name: "baseline", Usage: "record the samples of a release, list, show and prune what is recorded", HideHelpCommand: true,
		Subcommands: []*cli.Command{
			sub("record", "store the samples of head, or of a file, under a tag or a name", "", append([]cli.Flag{
				&cli.StringFlag{Name: "tag", Usage: "record the release that git knows by `TAG`; by default the release tag of head"},
				&cli.StringFlag{Name: "name", Usage: "record under `NAME`, whatever is tagged"},
				&cli.StringFlag{Name: "samples", Usage: "`FILE` of perfgate run or check, instead of measuring"},
				&cli.BoolFlag{Name: "replace", Usage: "put it in the place of the baseline that has the name"},
				&cli.BoolFlag{Name: "accept-spread", Usage: "record runs that lie much farther apart than those of the last baselines"},
				budgetsFlag(), verboseFlag(),
			}, aloneFlags()...), func(c *cli.Context) error { return baselineRecord(c, s) }),
			sub("list", "list the baselines, the highest version first", "", nil, func(c *cli.Context) error { return baselineList(c, s) }),
			sub("show", "print a baseline, which is Go benchmark text", "NAME", nil, func(c *cli.Context) error { return baselineShow(c, s) }),
			sub("prune", "remove all versions but the highest; what is no version stays", "", []cli.Flag{
				&cli.IntFlag{Name: "keep", Usage: "how many versions to keep, `N` (required)"},
			}, func(c *cli.Context) error { return baselinePrune(c, s) }),
		},
	}
	cmd.Action = func(c *cli.Context) error {
		var names []string
		for _, sub := range cmd.Subcommands {
			names = append(names, sub.Name)
		}
		if word := c.Args().First(); word != "" {
			return misuse("unknown command %q of baseline%s; there are %s", word, didYouMean(word, names), strings.Join(names, ", "))
		}
		return misuse("baseline needs a command: %s", strings.Join(names, ", "))
	}
	return cmd
}

// checkStore refuses what --store cannot be.
func checkStore(spec string) error {
	kind, name, _ := strings.Cut(spec, ":")
	if (kind != "dir" && kind != "branch") || name == "" {
		return misuse("--store %q is neither dir:PATH nor branch:NAME", spec)
	}
	return nil
}

// openStore returns a store as --store has it. A branch puts what it fetches into a directory below tmp.
func openStore(spec, tmp string, seed uint64) (baseline.Store, error) {
	kind, name, _ := strings.Cut(spec, ":")
	if kind == "dir" {
		return baseline.Dir{Path: filepath.Clean(name)}, nil
	}
	own := filepath.Join(tmp, "baselines")
	if err := os.Mkdir(own, 0o700); err != nil {
		return nil, notJudged(fmt.Errorf("open the store of baselines: %w", err))
	}
	// The seed of measuring is the same for all who write: what they wait must not be.
	return &baseline.Branch{Repo: ".", Name: name, Temp: own, Seed: seed + uint64(os.Getpid())}, nil
}

// withStore calls f with the store that the flags name.
func withStore(c *cli.Context, f func(baseline.Store) error) error {
	guard := measure.NewGuard()
	defer guard.Close()
	tmp, remove, err := guard.TempDir("store")
	if err != nil {
		return notJudged(fmt.Errorf("make a directory for what is fetched: %w; have TMPDIR name one with room", err))
	}
	defer remove()
	store, err := openStore(c.String(storeFlagName), tmp, 0)
	if err != nil {
		return err
	}
	return interruptedOr(c.Context, storeError(f(store)))
}

// storeError gives the errors of a store their exit codes.
func storeError(err error) error {
	var code exitError
	var none baseline.NotFound
	switch {
	case err == nil || errors.As(err, &code):
		return err
	case errors.As(err, &none):
		return misuse("%w; perfgate baseline list shows what there is", err)
	case errors.As(err, &baseline.NoRepository{}):
		return misuse("%w", err)
	case errors.As(err, &baseline.Exists{}), errors.As(err, &baseline.Refused{}):
		return exitError{gate.ExitNotStored, err}
	}
	return notJudged(err)
}

// notStored is storeError of what was to be written: whatever kept it from the store, it is not there.
func notStored(err error) error {
	var code exitError
	if err == nil || errors.As(err, &code) {
		return err
	}
	if errors.As(err, &baseline.NoRepository{}) {
		return misuse("%w", err)
	}
	return exitError{gate.ExitNotStored, err}
}

func baselineList(c *cli.Context, s Streams) error {
	return withStore(c, func(store baseline.Store) error {
		names, err := store.List(c.Context)
		if err != nil {
			return err
		}
		if len(names) == 0 {
			newShow(s).line("no baselines in %s", store)
		}
		var broken []error
		for _, name := range names {
			text, err := store.Read(c.Context, name)
			if err != nil {
				return err
			}
			r, err := baseline.Read(text, name)
			if err != nil {
				broken = append(broken, err)
				fmt.Fprintf(s.Out, "%s\tcannot be read\n", name)
				continue
			}
			commit := describe(measure.Version{Ref: "commit", Commit: r.Commit})
			fmt.Fprintf(s.Out, "%s\t%s\t%s\t%s\t%s\n", name, r.Recorded.Format(time.RFC3339), commit, plural(len(r.Samples.Benchmarks), "benchmark"), machine(r.Samples))
		}
		if len(broken) > 0 {
			return notJudged(errors.Join(broken...))
		}
		return nil
	})
}

// machine says in a few words where samples are from.
func machine(s *sample.Set) string {
	var words []string
	for _, key := range []string{"goos", "goarch", "cpu", "go"} {
		if v := s.Environment[key]; v != "" {
			words = append(words, v)
		}
	}
	return strings.Join(words, " ")
}

func baselineShow(c *cli.Context, s Streams) error {
	name := c.Args().First()
	return withStore(c, func(store baseline.Store) error {
		text, err := store.Read(c.Context, name)
		if err != nil {
			return err
		}
		if _, err := baseline.Read(text, name); err != nil {
			return err
		}
		if _, err := s.Out.Write(text); err != nil {
			return fmt.Errorf("write the baseline: %w", err)
		}
		return nil
	})
}

func baselinePrune(c *cli.Context, s Streams) error {
	keep := c.Int("keep")
	if keep < 1 {
		return misuse("baseline prune needs --keep N, with N at least 1")
	}
	return withStore(c, func(store baseline.Store) error {
		names, err := store.List(c.Context)
		if err != nil {
			return err
		}
		var gone []string
		kept := map[string]int{} // of each module
		for _, name := range names {
			dir, _, ok := baseline.Version(name)
			if !ok {
				continue
			}
			if kept[dir]++; kept[dir] > keep {
				gone = append(gone, name)
			}
		}
		if err := store.Delete(c.Context, gone); err != nil {
			return notStored(err)
		}
		for _, name := range gone {
			fmt.Fprintln(s.Out, name)
		}
		newShow(s).line("removed %d of %d baselines from %s", len(gone), len(names), store)
		return nil
	})
}

func baselineRecord(c *cli.Context, s Streams) error {
	if c.IsSet("tag") && c.IsSet("name") {
		return misuse("--tag and --name both name the baseline: give one of them")
	}
	k, err := newChecker(c, s, outDir)
	if err != nil {
		return err
	}
	k.alone = true
	if k.budgets, err = readBudgets(c.String("budgets")); err != nil {
		return err
	}
	w, err := k.open(c.Context)
	if err != nil {
		return err
	}
	defer w.close()
	store, err := openStore(c.String(storeFlagName), w.tmp, k.session.Seed)
	if err != nil {
		return err
	}
	r := recording{k: k, w: w, store: store, replace: c.Bool("replace"), wide: c.Bool("accept-spread")}
	if err := r.choose(c.Context, c.String("tag"), c.String("name")); err != nil {
		return err
	}
	return interruptedOr(c.Context, notStored(r.record(c.Context, c.String("samples"))))
}

// A recording is a baseline on its way into a store.
type recording struct {
	k             *checker
	w             *world
	store         baseline.Store
	name          string
	commit        string // that samples have to be of; empty where the name is no tag
	replace, wide bool
}

// choose finds the name of the baseline, and for a tag its commit.
func (r *recording) choose(ctx context.Context, tag, name string) error {
	if tag == "" && name == "" {
		if tag = r.w.head.Tag; tag == "" {
			return misuse("head has no release tag to record a baseline of; give --tag TAG or --name NAME")
		}
	}
	r.name = name
	if tag != "" {
		r.name = tag
		v, err := r.w.repo.FindBase(ctx, r.w.head, "refs/tags/"+tag, "")
		if err != nil {
			return interruptedOr(ctx, misuse("--tag %s: %w; fetch the tag, or record under --name", tag, err))
		}
		r.commit = v.Commit
	}
	if err := baseline.CheckName(r.name); err != nil {
		return misuse("%w", err)
	}
	return nil
}

// record takes or measures the samples, has the gate look at them, and stores them.
func (r *recording) record(ctx context.Context, file string) error {
	var head *sample.Set
	var text []byte
	var err error
	commit := r.w.head.Commit
	if r.w.head.Dirty {
		commit += "+dirty"
	}
	if file != "" {
		if head, text, err = readSamples(filepath.Clean(file)); err != nil {
			return err
		}
		commit = head.Provenance["commit"]
	}
	if r.commit != "" && commit != r.commit {
		return misuse("%s is the commit %s, and the samples are of %s; check out the tag, or record under --name", r.name, short(r.commit), short(commit))
	}
	// Before minutes of measuring.
	if done, err := r.already(ctx, commit); done || err != nil {
		return err
	}
	if file == "" {
		if err := prepareOut(r.k.out); err != nil {
			return err
		}
		file = filepath.Join(r.k.out, headFile)
		var code exitError
		if head, text, err = r.k.headAlone(ctx, r.w, file); errors.As(err, &code) {
			return err
		} else if err != nil {
			return notJudged(err)
		}
	}
	earlier, err := r.earlier(ctx)
	if err != nil {
		return err
	}
	note, err := r.fit(head, earlier)
	if err != nil {
		return err
	}
	out, err := baseline.Make(r.name, r.k.session.Now, note, text)
	if err != nil {
		return misuse("%w", err)
	}
	if err := r.store.Write(ctx, r.name, out, r.replace); err != nil {
		if ctx.Err() == nil {
			r.k.show.line("the samples are in %s: give them again with --samples", file)
			r.keep(out)
		}
		return err
	}
	r.k.show.line("recorded %s, %s, in %s", r.name, plural(len(head.Benchmarks), "benchmark"), r.store)
	return nil
}

// kept is where a record is put that its store does not take, within the directory of output.
const kept = "baselines"

// keep puts a record that was not stored into a directory that serves as a store.
func (r *recording) keep(text []byte) {
	err := makeOut(r.k.out)
	dir := baseline.Dir{Path: filepath.Join(r.k.out, kept)}
	if err == nil {
		err = dir.Write(context.Background(), r.name, text, true)
	}
	if err != nil {
		r.k.show.line("the record could not be kept as a file either: %v", err)
		return
	}
	r.k.show.line("the record is kept in %s, which is a store too: --store dir:%s", dir.Path, filepath.ToSlash(dir.Path))
}

func short(commit string) string {
	hash, dirty, changed := strings.Cut(commit, "+")
	if hash == "" {
		return "no commit that they name"
	}
	if changed {
		return hash[:min(len(hash), 12)] + "+" + dirty
	}
	return hash[:min(len(hash), 12)]
}

// already reports whether the baseline is there: a workflow that is run again has nothing to do. One of
// another commit is an error.
func (r *recording) already(ctx context.Context, commit string) (bool, error) {
	if r.replace {
		return false, nil
	}
	text, err := r.store.Read(ctx, r.name)
	if errors.As(err, &baseline.NotFound{}) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	was, err := baseline.Read(text, r.name)
	if err != nil {
		return false, fmt.Errorf("%w; replace it with --replace", err)
	}
	if commit == "" || was.Commit != commit {
		return false, fmt.Errorf("%w, of %s and recorded %s; replace it with --replace", baseline.Exists{Name: r.name, In: r.store.String()}, short(was.Commit), was.Recorded.Format(time.RFC3339))
	}
	r.k.show.line("%s has the baseline %s of this commit already, recorded %s", r.store, r.name, was.Recorded.Format(time.RFC3339))
	return true, nil
}

// maxEarlier is how many records are looked at for those that the gate holds new samples against.
const maxEarlier = 10

// earlier returns the samples of the records before, the highest first.
func (r *recording) earlier(ctx context.Context) ([]*sample.Set, error) {
	names, err := r.store.List(ctx)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == r.name })
	var out []*sample.Set
	for _, name := range names[:min(len(names), maxEarlier)] {
		text, err := r.store.Read(ctx, name)
		if err != nil {
			return nil, err
		}
		was, err := baseline.Read(text, name)
		if err != nil {
			r.k.show.line("an earlier baseline cannot be read, and its spread is not compared: %v", err)
			continue
		}
		out = append(out, was.Samples)
	}
	return out, nil
}

// fit has the gate decide whether the samples may be a baseline, and returns what was accepted.
func (r *recording) fit(head *sample.Set, earlier []*sample.Set) (note string, err error) {
	unfit := gate.CheckRecord(r.k.input(nil, head, runNoBase, true), earlier)
	for _, why := range unfit.Reasons {
		r.k.show.line("no baseline: %s", why)
	}
	if !r.wide {
		for _, why := range unfit.Spread {
			r.k.show.line("no baseline: %s", why)
		}
	}
	switch {
	case head.Confidence != "":
		return "", exitError{gate.ExitMisuse, fmt.Errorf("%s was not recorded; measure without --quick", r.name)}
	case len(unfit.Reasons) > 0:
		return "", notJudged(fmt.Errorf("%s was not recorded; mend what is named above, and measure again", r.name))
	case len(unfit.Spread) > 0 && !r.wide:
		return "", notJudged(fmt.Errorf("%s was not recorded; measure again on a quiet machine, or give --accept-spread", r.name))
	case len(unfit.Spread) > 0:
		return fmt.Sprintf("a wide spread of %d samples was accepted", len(unfit.Spread)), nil
	}
	return "", nil
}

// baselineNamed reports whether --base or against: means a record, and which; no name is the highest
// version.
func baselineNamed(against string) (name string, ok bool) {
	if against == "baseline" {
		return "", true
	}
	return strings.CutPrefix(against, "baseline:")
}

// fromStore returns the base that a record names: its commit, to be measured anew, with the exact values
// of the record; or where git does not know the commit the record itself, as a file of samples.
func (k *checker) fromStore(ctx context.Context, w *world, name string) (baseSource, error) {
	store, err := openStore(k.store, w.tmp, k.session.Seed)
	if err != nil {
		return baseSource{}, err
	}
	record, text, err := k.pick(ctx, w, store, name)
	var none baseline.NotFound
	switch {
	case errors.As(err, &none) && k.base != "":
		// Somebody named it: to go on without would not be what was asked for.
		return baseSource{}, misuse("--base %s: %w", k.base, err)
	case errors.As(err, &none):
		return k.recorded(err.Error() + "; record one with perfgate baseline record")
	case err != nil:
		return baseSource{}, interruptedOr(ctx, storeError(err))
	}
	return k.fromRecord(ctx, w, store, record, text, "the baseline in "+store.String())
}

// fromRecord returns the base that a record is, with why it was chosen.
func (k *checker) fromRecord(ctx context.Context, w *world, store baseline.Store, record baseline.Record, text []byte, why string) (baseSource, error) {
	missing := "it names no commit"
	if commit := record.Clean(); commit != "" {
		v, err := w.repo.FindBase(ctx, w.head, commit, "")
		var unknown measure.ErrNoBase
		switch {
		case err == nil:
			v.Ref, v.Why = record.Name, why
			k.stored, k.storedText = record.Samples, text
			return baseSource{version: &v}, nil
		case !errors.As(err, &unknown):
			return baseSource{}, interruptedOr(ctx, notJudged(err))
		}
		missing = unknown.Text
	}
	k.show.line("base is the record %s of %s: its exact values serve, its times prove little, for the version cannot be measured anew: %s", record.Name, store, missing)
	return baseSource{text: text, name: filepath.Join(k.out, baseFile)}, nil
}

// pick reads the record of that name, or with none the highest version of the module that is not head
// itself: head compared with itself would pass whatever it does.
func (k *checker) pick(ctx context.Context, w *world, store baseline.Store, name string) (baseline.Record, []byte, error) {
	names := []string{name}
	if name == "" {
		all, err := store.List(ctx)
		if err != nil {
			return baseline.Record{}, nil, err
		}
		names = baseline.Versions(all, moduleDir(w.repo))
	}
	for _, n := range names {
		text, err := store.Read(ctx, n)
		if err != nil {
			return baseline.Record{}, nil, err
		}
		r, err := baseline.Read(text, n)
		if err != nil {
			return baseline.Record{}, nil, err
		}
		if name == "" && isHead(w, r) {
			k.show.line("the baseline %s is head itself: comparing with the one before", n)
			continue
		}
		return r, text, nil
	}
	return baseline.Record{}, nil, baseline.NotFound{Name: "of an earlier release", In: store.String()}
}

// isHead reports whether a record is of head itself.
func isHead(w *world, r baseline.Record) bool {
	return r.Commit != "" && r.Commit == w.head.Commit && !w.head.Dirty
}

// moduleDir is what stands before the versions of the module in the names of its records and tags.
func moduleDir(repo *measure.Repo) string {
	if repo.Root == "" || repo.Module == "." {
		return ""
	}
	return filepath.ToSlash(repo.Module) + "/"
}
