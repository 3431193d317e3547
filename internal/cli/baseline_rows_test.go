package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A shop is a repository with budgets and samples, a bare remote of it, and what perfgate said in it.
type shop struct {
	t        *testing.T
	top, dir string
	out, err string
}

func newShop(t *testing.T) *shop {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
	s := &shop{t: t, top: t.TempDir()}
	s.dir = filepath.Join(s.top, "m")
	s.file("m/budgets/b.yaml", "version: 1\nbudgets:\n  - {id: sum, match: Sum, unit: ns/op, max_rise: 10%}\n  - {id: walk, match: Walk, unit: steps/op, max_rise: 0%, class: exact, better: lower}\n")
	s.git(".", "init", "--quiet", "--bare", "--initial-branch=main", "remote.git")
	s.git("m", "init", "--quiet", "--initial-branch=main")
	s.git("m", "remote", "add", "origin", "file://"+filepath.Join(s.top, "remote.git"))
	s.git("m", "add", "-A")
	s.git("m", "commit", "--quiet", "-m", "first")
	s.git("m", "push", "--quiet", "origin", "main")
	s.file("good.txt", s.samples("one", 100))
	t.Chdir(s.dir)
	return s
}

// samples is a file of head of the machine, whose times are about ns.
func (s *shop) samples(cpu string, ns int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# perfgate-samples: 1\n# kind: measured\n# session: %s\n# commit: %s\ngoos: linux\ncpu: %s\n", cpu, s.git("m", "rev-parse", "HEAD"), cpu)
	for i := range 8 {
		fmt.Fprintf(&b, "BenchmarkSum 1 %d ns/op\n", ns+i%3)
	}
	b.WriteString("BenchmarkWalk 1 10 steps/op\nBenchmarkWalk 1 10 steps/op\n# end: 10\n")
	return b.String()
}

func (s *shop) file(name, text string) {
	s.t.Helper()
	name = filepath.Join(s.top, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) git(dir string, args ...string) string {
	s.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", filepath.Join(s.top, dir), "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// perfgate runs it, and wants the exit code and each text somewhere in what it says.
func (s *shop) perfgate(code int, args string, says ...string) {
	s.t.Helper()
	var out, err bytes.Buffer
	got := Main(s.t.Context(), strings.Fields("perfgate "+args), Streams{Out: &out, Err: &err})
	s.out, s.err = out.String(), err.String()
	if got != code {
		s.t.Errorf("perfgate %s: exit code %d, want %d\n%s%s", args, got, code, s.out, s.err)
	}
	for _, want := range says {
		if !strings.Contains(s.out+s.err, want) {
			s.t.Errorf("perfgate %s does not say %q:\n%s%s", args, want, s.out, s.err)
		}
	}
}

const storeBranch = "perfgate-baselines"

// baselineRows are what may go wrong with git and baselines, as docs/baselines.md lists it.
var baselineRows = []struct {
	row  string
	test func(s *shop)
}{
	{"shallow clone", func(s *shop) {
		s.perfgate(0, "baseline record --name v1.0.0 --samples ../good.txt")
		s.git("m", "commit", "--quiet", "--allow-empty", "-m", "second")
		s.git("m", "push", "--quiet", "origin", "main")
		s.git(".", "clone", "--quiet", "--depth=1", "--branch=main", "file://"+filepath.Join(s.top, "remote.git"), "shallow")
		s.t.Chdir(filepath.Join(s.top, "shallow"))
		s.perfgate(0, "baseline list", "v1.0.0\t")
		s.perfgate(0, "baseline record --name v1.1.0 --samples ../good.txt", "recorded v1.1.0")
		if s.git("shallow", "rev-parse", "--is-shallow-repository") != "true" {
			s.t.Error("the clone is no longer shallow")
		}
	}},
	{"no git at all", func(s *shop) {
		s.file("head.txt", strings.Replace(s.samples("one", 100), "session: one", "session: two", 1))
		if err := os.RemoveAll(filepath.Join(s.dir, ".git")); err != nil {
			s.t.Fatal(err)
		}
		s.t.Setenv("GIT_CEILING_DIRECTORIES", s.top)
		for _, args := range []string{"baseline list", "baseline show v1.0.0", "baseline prune --keep 1", "baseline record --name v1.0.0 --samples ../good.txt", "check --base baseline"} {
			s.perfgate(2, args, "baselines in a branch need a git repository", "--store dir:PATH")
		}
		s.perfgate(0, "baseline record --name v1.0.0 --samples ../good.txt --store dir:keep", "recorded v1.0.0")
		s.perfgate(3, "judge --base keep/v1.0.0.baseline.txt --head ../head.txt", "exactly as the base", "the base was measured in another session")
	}},
	{"git is not installed", func(s *shop) {
		s.t.Setenv("PATH", s.top)
		s.perfgate(2, "baseline list", "git is not installed", "--store dir:PATH")
		s.perfgate(0, "baseline record --name v1.0.0 --samples ../good.txt --store dir:keep", "recorded v1.0.0")
	}},
	{"the branch is not there, read", func(s *shop) {
		s.perfgate(0, "baseline list", "no baselines in branch "+storeBranch)
		s.file("m/budgets/against.yaml", "version: 1\ndefaults: {against: baseline}\nsuites:\n  - {name: x, match: [Sum]}\n")
		s.file("m/go.mod", "module example.test/m\n\ngo 1.24\n")
		s.file("m/b_test.go", "package b\n\nimport \"testing\"\n\nfunc BenchmarkSum(b *testing.B) {\n\tfor b.Loop() {\n\t}\n}\n\nfunc BenchmarkWalk(b *testing.B) {\n\tfor b.Loop() {\n\t}\n\tb.ReportMetric(10, \"steps/op\")\n}\n")
		s.perfgate(3, "check --quick --run-time 1ms", "no base: no baseline of an earlier release in branch "+storeBranch+"; record one with perfgate baseline record")
	}},
	{"the branch is not there, write", func(s *shop) {
		s.perfgate(0, "baseline record --name v1.0.0 --samples ../good.txt", "recorded v1.0.0")
		if got := s.git("remote.git", "ls-tree", "--name-only", storeBranch); got != "v1.0.0.baseline.txt" {
			s.t.Errorf("the branch has %q", got)
		}
	}},
	{"others push at the same time", func(s *shop) {
		// The first push of ours finds the branch moved, by a hook that moves it once.
		s.perfgate(0, "baseline record --name v1.0.0 --samples ../good.txt")
		other := s.git("remote.git", "commit-tree", storeBranch+"^{tree}", "-p", storeBranch, "-m", "another")
		s.file("remote.git/hooks/pre-receive", "#!/bin/sh\nif [ ! -e moved ]; then : >moved; env -u GIT_QUARANTINE_PATH git update-ref refs/heads/"+storeBranch+" "+other+"; fi\n")
		s.perfgate(0, "baseline record --name v1.1.0 --samples ../good.txt", "recorded v1.1.0")
		if got := s.git("remote.git", "log", "--format=%s", storeBranch); got != "Baseline v1.1.0\nanother\nBaseline v1.0.0" {
			s.t.Errorf("the branch has the commits\n%s", got)
		}
		if _, err := os.Stat(filepath.Join(s.top, "remote.git", "moved")); err != nil {
			s.t.Error("the branch was not moved")
		}
	}},
	{"a rule or a missing permission rejects the push", func(s *shop) {
		s.file("remote.git/hooks/pre-receive", "#!/bin/sh\necho x >>tries\necho 'GH013: rule violations' >&2\nexit 1\n")
		s.perfgate(4, "baseline record --name v1.0.0 --samples ../good.txt", "pre-receive hook declined", "GH013: rule violations", "permissions: contents: write", "the record is kept in .perfgate/baselines")
		if tries, _ := os.ReadFile(filepath.Join(s.top, "remote.git", "tries")); string(tries) != "x\n" {
			s.t.Errorf("tries: %q", tries)
		}
		s.perfgate(0, "baseline show --store dir:.perfgate/baselines v1.0.0", "# baseline-name: v1.0.0", "BenchmarkWalk")
	}},
	{"another machine", func(s *shop) {
		s.perfgate(0, "baseline record --name v1.0.0 --samples ../good.txt --store dir:keep")
		s.file("head.txt", s.samples("two", 101))
		s.perfgate(3, "judge --base keep/v1.0.0.baseline.txt --head ../head.txt --out ../result.json", "time against a stored sample proves nothing: the base was measured on another machine (cpu one, head two)", "PASS          Walk")
	}},
	{"the same commit again", func(s *shop) {
		s.perfgate(0, "baseline record --name v1.0.0 --samples ../good.txt")
		was := s.git("remote.git", "rev-parse", storeBranch)
		s.perfgate(0, "baseline record --name v1.0.0 --samples ../good.txt", "has the baseline v1.0.0 of this commit already")
		if s.git("remote.git", "rev-parse", storeBranch) != was {
			s.t.Error("the branch has another commit")
		}
	}},
	{"another commit of the same name", func(s *shop) {
		s.perfgate(0, "baseline record --name v1.0.0 --samples ../good.txt")
		s.git("m", "commit", "--quiet", "--allow-empty", "-m", "second")
		s.file("head.txt", s.samples("one", 101))
		s.perfgate(4, "baseline record --name v1.0.0 --samples ../head.txt", "has a baseline v1.0.0 already", "replace it with --replace")
	}},
}

func TestBaselineRows(t *testing.T) {
	for _, r := range baselineRows {
		t.Run(r.row, func(t *testing.T) { r.test(newShop(t)) })
	}
}

// The table in docs/baselines.md has these rows and no others.
func TestBaselineRowsAreTheDocs(t *testing.T) {
	doc, err := os.ReadFile("../../docs/baselines.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(doc), "## What may go wrong\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var rows []string
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, " | "); len(cells) > 1 && !strings.HasPrefix(line, "|---") && !strings.HasPrefix(line, "| situation") {
			rows = append(rows, strings.TrimPrefix(cells[0], "| "))
		}
	}
	var tested []string
	for _, r := range baselineRows {
		tested = append(tested, r.row)
	}
	if got, want := strings.Join(rows, "\n"), strings.Join(tested, "\n"); got != want {
		t.Errorf("the document has the rows\n%s\nand tested are\n%s", got, want)
	}
}

// masks hide what differs from one run to the next.
var masks = []struct {
	of   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(` in \d.*$`), " in a while"},
	{regexp.MustCompile(`\b[0-9a-f]{12}\b`), "COMMIT"},
}

// The session that docs/baselines.md shows goes as shown, but for times and commits. A line of dots is any
// number of lines.
func TestBaselineSession(t *testing.T) {
	doc, err := os.ReadFile("../../docs/baselines.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(doc), "```console\n")
	shown, _, closed := strings.Cut(shown, "```\n")
	if !closed {
		t.Fatal("docs/baselines.md shows no session")
	}
	s := newShop(t)
	s.file("m/go.mod", "module example.test/m\n\ngo 1.24\n")
	s.file("m/b_test.go", "package b\n\nimport \"testing\"\n\nfunc BenchmarkSum(b *testing.B) {\n\tfor b.Loop() {\n\t}\n}\n\nfunc BenchmarkWalk(b *testing.B) {\n\tfor b.Loop() {\n\t}\n\tb.ReportMetric(10, \"steps/op\")\n}\n")
	s.git("m", "add", "-A")
	s.git("m", "commit", "--quiet", "-m", "the release")
	s.git("m", "tag", "v1.2.0")
	s.git("m", "commit", "--quiet", "--allow-empty", "-m", "more")

	mask := func(line string) string {
		for _, m := range masks {
			line = m.of.ReplaceAllString(line, m.with)
		}
		return line
	}
	commands := strings.Split(shown, "$ ")[1:]
	if len(commands) != 4 {
		t.Fatalf("the session has %d commands", len(commands))
	}
	for _, c := range commands {
		command, want, _ := strings.Cut(c, "\n")
		args, ours := strings.CutPrefix(command, "perfgate ")
		if !ours {
			s.git("m", strings.Fields(strings.TrimPrefix(command, "git "))...)
			continue
		}
		var out bytes.Buffer
		code := Main(t.Context(), append([]string{"perfgate"}, strings.Fields(args)...), Streams{Out: &out, Err: &out})
		if code != 0 && !strings.HasSuffix(want, "...\n") {
			t.Errorf("%s: exit code %d", command, code)
		}
		got := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		for i, line := range strings.Split(strings.TrimSuffix(want, "\n"), "\n") {
			if line == "..." {
				break
			}
			if i >= len(got) || mask(got[i]) != mask(line) {
				t.Errorf("%s: line %d is not %q:\n%s", command, i+1, line, out.String())
				break
			}
		}
		if n := strings.Count(want, "\n"); !strings.HasSuffix(want, "...\n") && len(got) != n {
			t.Errorf("%s: %d lines, shown are %d:\n%s", command, len(got), n, out.String())
		}
	}
}
