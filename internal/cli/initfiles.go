package cli

import (
	"bytes"
	"errors"
	"fmt"
	goversion "go/version"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/measure"
	"github.com/perfgate/perfgate/internal/prove"
	"github.com/perfgate/perfgate/report"
)

// initFile is the file that init writes budgets to.
const initFile = "perfgate.yaml"

// A newFile is one that init writes where none is.
type newFile struct {
	path, shown string
	data        []byte
}

// files says what is to be written: the budgets and, unless refused, the workflow, which GitHub looks for
// in the root of the repository.
func (i *initializer) files(repo *measure.Repo) []newFile {
	name := filepath.Join(i.dir, initFile)
	out := []newFile{{path: name, shown: filepath.ToSlash(name)}}
	if i.noWorkflow {
		return out
	}
	name = filepath.Join(".github", "workflows", "perf.yml")
	if repo.Root != "" && repo.Module != "." {
		if up, err := filepath.Rel(filepath.Join(repo.Root, repo.Module), repo.Root); err == nil {
			name = filepath.Join(up, name)
		}
	}
	return append(out, newFile{path: name, shown: filepath.ToSlash(name)})
}

// free refuses to touch what somebody has written: the files themselves, and budgets of other names.
func free(files []newFile, dir string) error {
	var there []string
	for _, f := range files {
		if _, err := os.Lstat(f.path); err == nil {
			there = append(there, f.shown)
		} else if !errors.Is(err, os.ErrNotExist) {
			return misuse("look for %s: %w", f.shown, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return misuse("look for budgets: %w", err)
	}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); (ext == ".yaml" || ext == ".yml") && e.Name() != initFile {
			there = append(there, filepath.ToSlash(filepath.Join(dir, e.Name())))
		}
	}
	if len(there) == 0 {
		return nil
	}
	return misuse("init writes the first budgets of a module and changes nothing: %s there already; see what it would write with --dry-run --budgets DIR --no-workflow, DIR being another directory", strings.Join(there, ", ")+map[bool]string{true: " is", false: " are"}[len(there) == 1])
}

// writeNew writes all files, or none where one is there by now.
func writeNew(files []newFile, dir string) error {
	if err := free(files, dir); err != nil {
		return err
	}
	for n, f := range files {
		err := os.MkdirAll(filepath.Dir(f.path), 0o755)
		if err == nil {
			err = writeFile(f.path, f.data)
		}
		if err != nil {
			for _, g := range files[:n] {
				_ = os.Remove(g.path)
			}
			return misuse("write what was proposed: %w", err)
		}
	}
	return nil
}

// draft lays out the file of budgets.
func (i *initializer) draft(p gate.Proposal, survey gate.Survey, suite string, head measure.Version) budget.Draft {
	env := survey.Head.Environment
	where := strings.Join(nonEmpty(env["cpu"], strings.Trim(env["goos"]+"/"+env["goarch"], "/"), env["go"]), ", ")
	d := budget.Draft{
		Comment: []string{
			"Performance budgets, proposed by perfgate init: each benchmark was measured against itself in up to",
			fmt.Sprintf("%d pairs (%s).", i.pairs, report.ASCII(where, 120)),
			"A time gets the tightest of 5, 10, 15, 20, 25, 30 and 50 % that unchanged code keeps at this noise and",
			"beyond which a change of twice the limit is found; what repeats exactly gets 0 %. They are yours to edit:",
			"perfgate lint checks the file, perfgate prove shows of each budget that it can go red.",
		},
		Suite: suite,
		AgainstComment: []string{
			"What a pull request will replace. With `release` it is the last release tag, so that many small",
			"rises do not add up unseen.",
		},
		Against: "merge-base",
	}
	if suite == "./..." {
		d.Suite = ""
	}
	function := ""
	for _, b := range p.Budgets {
		if b.Match.Name != function {
			function = b.Match.Name
			d.Sections = append(d.Sections, budget.Section{Comment: []string{"Benchmark" + report.ASCII(function, 200)}})
		}
		s := &d.Sections[len(d.Sections)-1]
		s.Budgets = append(s.Budgets, b)
	}
	if len(p.Left) > 0 {
		d.Left = []string{"Not budgeted, and so not held:"}
	}
	for _, l := range p.Left {
		d.Left = append(d.Left, "  "+leftText(l))
	}
	return d
}

func nonEmpty(texts ...string) []string {
	var out []string
	for _, s := range texts {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

func leftText(l gate.Left) string {
	of := report.ASCII(l.Benchmark, 200)
	if l.Unit != "" {
		of += " " + report.ASCII(l.Unit, 60)
	}
	return of + ": " + report.ASCII(l.Why, 400)
}

// The actions that a proposed workflow uses, by the commit of a release; a test compares them with those
// of this repository's own workflows.
const (
	actionCheckout = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
	actionSetupGo  = "actions/setup-go@b7ad1dad31e06c5925ef5d2fc7ad053ef454303e # v7.0.0"
	actionPerfgate = "perfgate/perfgate@v1"
)

// perfgateGo is the Go that the action needs to build perfgate, as go.mod of this repository says.
const perfgateGo = "go1.26"

var goLines = regexp.MustCompile(`(?m)^(?:go[ \t]+|toolchain[ \t]+go)([0-9][0-9a-z.]*)`)

// buildsPerfgate reports whether the Go that a go.mod asks for is new enough to build perfgate.
func buildsPerfgate(goMod []byte) bool {
	return slices.ContainsFunc(goLines.FindAllSubmatch(goMod, -1), func(m [][]byte) bool {
		return goversion.Compare("go"+string(m[1]), perfgateGo) >= 0
	})
}

// workflow is the gate on pull requests, for a module in a directory of its repository. With newest the job
// takes the newest Go, since that of go.mod cannot build perfgate.
func workflow(module string, inGit bool, budgets string, newest bool) []byte {
	var b bytes.Buffer
	goMod, dir := "go.mod", ""
	if inGit && module != "." {
		dir = filepath.ToSlash(module)
		goMod = path.Join(dir, goMod)
	}
	goVersion := "          go-version-file: " + budget.Scalar(goMod) + "\n"
	if newest {
		goVersion = "          # perfgate is built with Go " + strings.TrimPrefix(perfgateGo, "go") + " or newer, and go.mod asks for an older one.\n          go-version: stable\n"
	}
	fmt.Fprintf(&b, `# Each pull request is measured against what it will replace, and held to the budgets in %s.
name: perf

on:
  pull_request:
  workflow_dispatch:

# Enough to check. The report is in the summary of the run.
permissions:
  contents: read

jobs:
  perf:
    runs-on: ubuntu-latest
    timeout-minutes: 30
    steps:
      - uses: %s
        with:
          # The version to compare with is found in the history.
          fetch-depth: 0
          persist-credentials: false
      - uses: %s
        with:
%s      - uses: %s
        with:
          budgets: %s
`, report.ASCII(budgets, 200), actionCheckout, actionSetupGo, goVersion, actionPerfgate, budget.Scalar(budgets))
	if dir != "" {
		fmt.Fprintf(&b, "          working-directory: %s\n", budget.Scalar(dir))
	}
	return b.Bytes()
}

// tell says what was written, what each budget finds, and what to do next.
func (i *initializer) tell(files []newFile, p gate.Proposal, proof prove.Proof, check time.Duration, inGit bool) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%-40s %-12s %-14s %s\n", "budget", "unit", "limit", "smallest change found")
	for _, bd := range p.Budgets {
		kind, limit := "max_rise", bd.MaxRise
		if bd.MaxDrop != nil {
			kind, limit = "max_drop", bd.MaxDrop
		}
		fmt.Fprintf(&b, "%-40s %-12s %-14s %s\n", cut(bd.ID, 40), cut(report.ASCII(bd.UnitText, 60), 12), kind+" "+limit.Text, smallestOf(proof, bd.ID))
	}
	for _, l := range p.Left {
		fmt.Fprintf(&b, "not budgeted: %s\n", leftText(l))
	}
	for _, r := range proof.Rules {
		if !r.Proved {
			fmt.Fprintf(&b, "%s: %s on %s %s; %s\n", report.ASCII(r.At, 200), r.ID, report.ASCII(r.Benchmark, 200), report.ASCII(r.Problem, 800), report.ASCII(r.Help, 400))
		}
	}
	fmt.Fprintf(&b, "%s proved able to fail, %d not; a check of unchanged code takes about %s\n", plural(proof.Proved, "rule"), proof.Unproved, seconds(check))
	for _, f := range files {
		fmt.Fprintf(&b, "wrote %s\n", f.shown)
	}
	b.WriteString("next:\n")
	dir := filepath.ToSlash(i.dir)
	if !inGit {
		b.WriteString("  git init && git add -A && git commit     a check compares with an earlier version, which it finds in git\n")
	}
	fmt.Fprintf(&b, "  perfgate check --budgets %-15s is green now; make something slower or let it allocate, and see it red\n", dir)
	var names []string
	for _, f := range files {
		names = append(names, f.shown)
	}
	fmt.Fprintf(&b, "  git add %s\n", strings.Join(names, " "))
	b.WriteString("  read docs/newcomer.md of perfgate for the way from here, docs/init.md about these budgets, docs/budgets.md about their format\n")
	if _, err := i.s.Out.Write(b.Bytes()); err != nil {
		return notJudged(fmt.Errorf("say what was written: %w", err))
	}
	return nil
}

// smallestOf says which change the rules of a budget all find.
func smallestOf(proof prove.Proof, id string) string {
	word, worst, rules := "-", 0.0, 0
	for _, r := range proof.Rules {
		if r.ID != id {
			continue
		}
		rules++
		switch {
		case r.Smallest != nil && max(*r.Smallest, -*r.Smallest) > worst:
			worst = max(*r.Smallest, -*r.Smallest)
			word = fmt.Sprintf("%+.1f %%", 100**r.Smallest)
		case r.AnyBeyond && worst == 0:
			word = "any"
		}
	}
	if rules > 1 {
		word += fmt.Sprintf(", in %d benchmarks", rules)
	}
	return word
}
