package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// A sandbox is a directory in which commands of the documentation run, made from a fixture of testdata/docs:
// files behind the script that is run when they are there.
type sandbox struct {
	dir  string
	env  []string
	code int // of the last command
}

func newSandbox(t *testing.T, fixture string) *sandbox {
	t.Helper()
	for _, prog := range []string{"git", "go", "bash"} {
		if _, err := exec.LookPath(prog); err != nil {
			t.Skip("needs " + prog)
		}
	}
	data, err := os.ReadFile(filepath.Join("testdata", "docs", fixture+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	s := &sandbox{dir: t.TempDir()}
	goenv, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE", "GOTOOLCHAIN").Output()
	if err != nil {
		t.Fatal(err)
	}
	is := strings.Fields(string(goenv))
	for _, e := range os.Environ() {
		// As on a developer's machine, whoever runs the tests.
		if name, _, _ := strings.Cut(e, "="); name == "CI" || strings.HasPrefix(name, "GITHUB_") || strings.HasPrefix(name, "GIT_") || name == "ImageOS" {
			continue
		}
		s.env = append(s.env, e)
	}
	s.env = append(s.env, "HOME="+s.dir, "GOCACHE="+is[0], "GOMODCACHE="+is[1], "GOTOOLCHAIN="+is[2], "GOFLAGS=-mod=mod",
		"GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull,
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	parts := regexp.MustCompile(`(?m)^-- (\S+) --\n`).FindAllStringSubmatchIndex(string(data), -1)
	for i, p := range parts {
		end := len(data)
		if i+1 < len(parts) {
			end = parts[i+1][0]
		}
		name := filepath.Join(s.dir, string(data[p[2]:p[3]]))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data[p[1]:end], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, code := s.run(t, "set -e\n"+string(data[:parts[0][0]])); code != 0 {
		t.Fatalf("fixture %s: %s", fixture, out)
	}
	return s
}

// run runs a command as a person would at a prompt, and returns what it shows.
func (s *sandbox) run(t *testing.T, command string) (string, int) {
	t.Helper()
	cmd := exec.Command("bash", "-c", fmt.Sprintf("(exit %d)\n%s", s.code, command))
	cmd.Dir, cmd.Env = s.dir, s.env
	out, err := cmd.CombinedOutput()
	var ee *exec.ExitError
	if err != nil && !errors.As(err, &ee) {
		t.Fatal(err)
	}
	s.code = cmd.ProcessState.ExitCode()
	return string(out), s.code
}

// A block is a fenced block of a document.
type block struct {
	file     string
	line     int // of the fence, from 1
	language string
	note     string // the comment on the line before, without its marks
	lines    []string
}

func (b block) at() string { return fmt.Sprintf("%s:%d", filepath.Base(b.file), b.line) }

var comment = regexp.MustCompile(`^<!-- (.*) -->$`)

// blocks reads the fenced blocks of the documents.
func blocks(t *testing.T) []block {
	t.Helper()
	files, _ := filepath.Glob("../../docs/*.md")
	var out []block
	for _, name := range append(files, "../../README.md", "../../CONTRIBUTING.md") {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, blocksOf(name, string(data))...)
	}
	return out
}

func blocksOf(name, text string) (out []block) {
	note, open := "", false
	for i, line := range strings.Split(text, "\n") {
		switch {
		case open && line == "```":
			open = false
		case open:
			b := &out[len(out)-1]
			b.lines = append(b.lines, line)
		case strings.HasPrefix(line, "```"):
			open = true
			out = append(out, block{file: name, line: i + 1, language: line[3:], note: note})
		}
		if m := comment.FindStringSubmatch(line); m != nil {
			note = m[1]
		} else if line != "" {
			note = ""
		}
	}
	return out
}

// Every session that a document shows runs here and gives what is shown, or says why it does not run. In what
// is shown, a line of three dots stands for any lines, three dots at the end for any end of the line; commits
// and times may be others.
func TestSessions(t *testing.T) {
	if testing.Short() {
		t.Skip("needs time, which -short does not give")
	}
	ran := 0
	tests := testFiles(t)
	for _, b := range blocks(t) {
		fixture, run := strings.CutPrefix(b.note, "run: ")
		reason, not := strings.CutPrefix(b.note, "not run: ")
		other, elsewhere := strings.CutPrefix(b.note, "run by ")
		switch {
		case b.language != "console":
			if run || not {
				t.Errorf("%s: only a block of console is run", b.at())
			}
		case not && len(reason) > 10:
			t.Logf("%s: not run: %s", b.at(), reason)
		case elsewhere && strings.Contains(tests, "\nfunc "+other+"(t *testing.T) {"):
		case !run:
			t.Errorf("%s: say before the block <!-- run: FIXTURE -->, of internal/cli/testdata/docs, <!-- run by TEST -->, or <!-- not run: REASON -->", b.at())
		default:
			ran++
			t.Run(b.at(), func(t *testing.T) { session(t, newSandbox(t, fixture), b.lines) })
		}
	}
	if ran == 0 {
		t.Error("no session of the documents runs")
	}
}

// testFiles is the text of the tests of this package, which run what a document says is run by them.
func testFiles(t *testing.T) string {
	t.Helper()
	names, _ := filepath.Glob("*_test.go")
	var b strings.Builder
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(data)
	}
	return b.String()
}

// session runs the commands of a block, each of which begins with a dollar.
func session(t *testing.T, s *sandbox, lines []string) {
	t.Helper()
	for len(lines) > 0 {
		command, ok := strings.CutPrefix(lines[0], "$ ")
		if !ok {
			t.Fatalf("a session begins with $ and a command, not with %q", lines[0])
		}
		end := slices.IndexFunc(lines[1:], func(l string) bool { return strings.HasPrefix(l, "$ ") }) + 1
		if end == 0 {
			end = len(lines)
		}
		got, _ := s.run(t, command)
		if want := strings.Join(lines[1:end], "\n"); !shown(want, got) {
			t.Errorf("$ %s\ngives\n%s\nand not\n%s", command, got, want)
		}
		lines = lines[end:]
	}
}

var (
	commits = regexp.MustCompile(`\b[0-9a-f]{12}\b|\b[0-9a-f]{40}\b`)
	spans   = regexp.MustCompile(`\bin [0-9.]+ m?s\b`)
	counted = regexp.MustCompile(`\b[0-9]+ runs\b`)
)

// shown reports whether a document's text shows what a command gave.
func shown(want, got string) bool {
	var pattern strings.Builder
	mask := func(s string) string {
		s = commits.ReplaceAllString(s, "COMMIT")
		s = spans.ReplaceAllString(s, "in TIME")
		return counted.ReplaceAllString(s, "RUNS")
	}
	for _, line := range strings.Split(strings.TrimRight(want, "\n"), "\n") {
		start, any := strings.CutSuffix(line, "...")
		switch {
		case line == "...":
			pattern.WriteString(`(?:.*\n)*`)
		case any:
			pattern.WriteString(regexp.QuoteMeta(mask(start)) + `.*\n`)
		default:
			pattern.WriteString(regexp.QuoteMeta(mask(line)) + `\n`)
		}
	}
	got = strings.TrimRight(mask(got), "\n") + "\n"
	return regexp.MustCompile(`^` + pattern.String() + `$`).MatchString(got)
}

func TestShown(t *testing.T) {
	for _, c := range []struct {
		want, got string
		ok        bool
	}{
		{"a\nb", "a\nb\n", true},
		{"a\nb", "a\nc\n", false},
		{"a", "a\nb\n", false},
		{"a\n...", "a\nb\nc\n", true},
		{"a\n...\nd", "a\nb\nc\n", false},
		{"a\n...\nc", "a\nc\n", true},
		{"build: ...", "build: 7\n", true},
		{"build head: 2 functions in 0.8 s", "build head: 2 functions in 12 s\n", true},
		{"build head: 2 functions in 0.8 s", "build head: 3 functions in 0.8 s\n", false},
		{"base 568b69e2bbef", "base aaaabbbbcccc\n", true},
		{"value 10", "value 12\n", false},
		{"", "\n", true},
		{"", "a\n", false},
	} {
		if got := shown(c.want, c.got); got != c.ok {
			t.Errorf("%q shows %q: %v", c.want, c.got, got)
		}
	}
}

// A block must not slip past the test by its fence.
func TestBlocks(t *testing.T) {
	got := blocksOf("a.md", "<!-- run: x -->\n\n```console\n$ a\nb\n```\n\n```sh\nc\n```\n<!-- not run: y -->\ntext\n```console\n```\n")
	if len(got) != 3 || got[0].note != "run: x" || got[0].line != 3 || len(got[0].lines) != 2 || got[1].note != "" || got[2].note != "" {
		t.Errorf("%+v", got)
	}
	for _, b := range blocks(t) {
		if !slices.Contains([]string{"console", "sh", "yaml", "json", "text", "go"}, b.language) {
			t.Errorf("%s: a block of %q: it is a console, sh, yaml, json, text or go, or nothing looks at it", b.at(), b.language)
		}
		if b.language != "console" && slices.ContainsFunc(b.lines, func(l string) bool { return strings.HasPrefix(l, "$ ") }) {
			t.Errorf("%s: a session is a block of console", b.at())
		}
	}
}

// Every script of a document is one that a shell can read, and calls perfgate as it can be called. So does
// every command within running text.
func TestScriptsOfDocuments(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("needs bash")
	}
	calls := 0
	for _, b := range blocks(t) {
		text := strings.Join(b.lines, "\n")
		switch b.language {
		case "sh":
			cmd := exec.Command("bash", "-n")
			cmd.Stdin = strings.NewReader(text)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", b.at(), err, out)
			}
		case "console":
			text = strings.Join(slices.DeleteFunc(slices.Clone(b.lines), func(l string) bool { return !strings.HasPrefix(l, "$ ") }), "\n")
		case "yaml":
			// Steps of a workflow.
		default:
			continue
		}
		for _, call := range perfgateCalls(text) {
			calls++
			if err := callable(call); err != nil {
				t.Errorf("%s: perfgate %s: %v", b.at(), strings.Join(call, " "), err)
			}
		}
	}
	files, _ := filepath.Glob("../../docs/*.md")
	span := regexp.MustCompile("`((?:go run \\./cmd/|go tool )?perfgate [^`]+)`")
	for _, name := range append(files, "../../README.md", "../../CHANGELOG.md", "../../budgets/README.md") {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range span.FindAllStringSubmatch(string(data), -1) {
			for _, call := range perfgateCalls(strings.ReplaceAll(m[1], "\n", " ")) {
				calls++
				if err := callable(call); err != nil {
					t.Errorf("%s: `%s`: %v", filepath.Base(name), m[1], err)
				}
			}
		}
	}
	if calls < 40 {
		t.Errorf("only %d calls found", calls)
	}
	for _, bad := range []string{"perfgate chek", "perfgate check --budgts x", "x && perfgate baseline recrod", "perfgate baseline list --tag x", "y=$(perfgate run --nosuch)"} {
		found := perfgateCalls(bad)
		if len(found) != 1 || callable(found[0]) == nil {
			t.Errorf("%q is found callable: %q", bad, found)
		}
	}
}

var calling = regexp.MustCompile("(?m)(?:^|[\\s;&|('\"!])(?:\\$ )?(?:(?:\\S*/)?perfgate|go run \\./cmd/perfgate|go tool perfgate)((?:[ \\t]+[^\\s;&|)#'\"`>]+|\\\\\\n)+)")

// perfgateCalls finds the arguments of each call of perfgate in a script.
func perfgateCalls(script string) (out [][]string) {
	for _, line := range strings.Split(strings.ReplaceAll(script, "\\\n", " "), "\n") {
		for _, m := range calling.FindAllStringSubmatch(line, -1) {
			if args := strings.Fields(m[1]); regexp.MustCompile(`^(--)?[a-z]`).MatchString(args[0]) {
				out = append(out, args)
			}
		}
	}
	return out
}

// callable says what of a call there is not: a command or a flag.
func callable(args []string) error {
	if args[0] == "--version" || args[0] == "--help" {
		return nil
	}
	commands, path := newApp(Streams{}).Commands, "perfgate"
	var command *cli.Command
	for i, a := range args {
		if strings.HasPrefix(a, "-") {
			if command == nil || !regexp.MustCompile(`^--[a-z]`).MatchString(a) {
				return fmt.Errorf("flag %s of no command", a)
			}
			name, _, _ := strings.Cut(a, "=")
			if !slices.Contains(flagsOf(command), name) {
				return fmt.Errorf("%s has no flag %s", path, name)
			}
			continue
		}
		if i > 0 && (len(command.Subcommands) == 0 || i > 1) {
			continue // an argument or the value of a flag
		}
		c := named(commands, a)
		if c == nil {
			return fmt.Errorf("%s has no command %s", path, a)
		}
		command, commands, path = c, c.Subcommands, path+" "+a
	}
	return nil
}

// Every command has a help that teaches: what it is for, and a command that works.
func TestHelp(t *testing.T) {
	var check func(commands []*cli.Command, path []string)
	check = func(commands []*cli.Command, path []string) {
		for _, c := range commands {
			if c.Hidden {
				continue
			}
			args := append(slices.Clone(path), c.Name)
			name := strings.Join(args, " ")
			if len(helps[name].examples) == 0 {
				t.Errorf("%s has no example in helps (help.go)", name)
			}
			out, stderr, code := runs(append(args, "--help")...)
			if code != 0 || stderr != "" {
				t.Errorf("%s --help: exit code %d, %s", name, code, stderr)
			}
			golden(t, filepath.Join("testdata", "help", strings.ReplaceAll(name, " ", "-")+".txt"), out)
			check(c.Subcommands, args)
		}
	}
	app := newApp(Streams{})
	check(app.Commands, nil)
	out, _, _ := runs("--help")
	golden(t, filepath.Join("testdata", "help", "perfgate.txt"), strings.ReplaceAll(out, version(), "VERSION"))
	files, _ := filepath.Glob("testdata/help/*.txt")
	if len(files) != len(helps)+1 {
		t.Errorf("%d expected files for %d commands: delete those of commands that are gone", len(files), len(helps)+1)
	}
}

// The examples of help run one after the other in a repository whose head walks a fifth further than its
// release, so that the check is red.
func TestExamples(t *testing.T) {
	if testing.Short() {
		t.Skip("needs time, which -short does not give")
	}
	s := newSandbox(t, "walk")
	recording, err := os.ReadFile("../replay/testdata/small.txt.gz")
	if err == nil {
		err = os.WriteFile(filepath.Join(s.dir, "recording.txt.gz"), recording, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	// Init is for a repository that has no budgets yet.
	bare := newSandbox(t, "walk")
	if err := os.RemoveAll(filepath.Join(bare.dir, "budgets")); err != nil {
		t.Fatal(err)
	}
	// Another machine measures the other shard.
	if out, code := s.run(t, "perfgate check --shard 2/2 --out shards/2"); code != 0 {
		t.Fatal(out)
	}
	s.code = 0
	// In the order in which one builds on another, with the exit codes that may come of each.
	red := []int{1}
	codes := map[string][]int{"check": red, "publish": red, "report": red, "judge": red, "check --shard": {0}, "diagnose": {0, 3}}
	// The words are tried: what only takes time is left out, and how well a profile tells is not asked.
	quick := map[string]string{
		"check": " --profile=false", "init": " --pairs 4 --run-time 2ms", "profile": " --run-time 20ms", "diagnose": " --runs 3 --run-time 20ms",
	}
	order := []string{
		"init", "run", "check", "judge", "report", "publish", "lint", "explain", "prove", "replay", "profile", "diagnose",
		"baseline record", "baseline list", "baseline", "baseline show", "baseline prune", "trend", "completion",
	}
	for name := range helps {
		if !slices.Contains(order, name) {
			t.Errorf("the examples of %s are not run", name)
		}
	}
	for _, name := range order {
		for _, example := range helps[name].examples {
			for _, call := range perfgateCalls(example) {
				if err := callable(call); err != nil {
					t.Errorf("%s: %v", example, err)
				}
			}
			want := codes[name]
			if strings.HasPrefix(example, "perfgate check --shard") {
				want = codes["check --shard"]
			}
			if want == nil {
				want = []int{0}
			}
			where := s
			if name == "init" {
				where = bare
			}
			where.code = 0
			if out, code := where.run(t, example+quick[name]); !slices.Contains(want, code) {
				t.Errorf("$ %s\nexit code %d, want %v:\n%s", example, code, want, out)
			}
		}
	}
}
