package github

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A machine runs workflows by act, on a repository of its own with a pull request, 7. What they send goes
// to a fake; what they push, to a bare repository.
type machine struct {
	*fake
	dir    string // what is below it is the machine's
	repo   string // the repository: what is checked out there is what is tested
	remote string
	kept   string   // artifacts, by run and name
	uses   []string // the actions that stand in for those of others
	env    []string
	runs   int64  // the number of the last run
	head   string // the newest commit of the pull request
	from   string // whose account it is in
}

// newMachine makes a repository with a first commit on main. The action's reference in workflows of others
// leads to the directory action.
func newMachine(t *testing.T, files map[string]string, action string) *machine {
	m := &machine{fake: newFake(t), dir: t.TempDir(), runs: 499, from: "o"}
	m.repo, m.remote, m.kept = filepath.Join(m.dir, "repo"), filepath.Join(m.dir, "remote.git"), filepath.Join(m.dir, "kept")
	for _, dir := range []string{m.kept, filepath.Join(m.dir, "home"), filepath.Join(m.dir, "tmp")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// The job sees what is named here: neither credentials of whoever runs the test, nor the variables of
	// a runner, if this is one.
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOTOOLCHAIN"} {
		if value := output(t, ".", nil, "go", "env", name); value != "" {
			m.env = append(m.env, name+"="+value)
		}
	}
	for _, name := range []string{"PATH", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy", "SSL_CERT_FILE"} {
		if value, ok := os.LookupEnv(name); ok {
			m.env = append(m.env, name+"="+value)
		}
	}
	global := filepath.Join(m.dir, "gitconfig")
	write(t, global, "[user]\n\tname = perfgate\n\temail = perfgate@example.com\n[safe]\n\tdirectory = *\n[init]\n\tdefaultBranch = main\n")
	m.env = append(m.env, "HOME="+filepath.Join(m.dir, "home"), "TMPDIR="+filepath.Join(m.dir, "tmp"), "GIT_CONFIG_GLOBAL="+global, "GIT_CONFIG_NOSYSTEM=1",
		// Where the repository lies is then no reason to compile it anew.
		"GOFLAGS=-trimpath", "PERFGATE_TEST_KEPT="+m.kept)
	stubs, err := filepath.Abs("testdata/act")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"setup-go", "upload-artifact", "download-artifact"} {
		for _, pin := range pins(t, name) {
			m.uses = append(m.uses, "actions/"+name+"@"+pin+"="+filepath.Join(stubs, name))
		}
	}
	m.uses = append(m.uses, "perfgate/perfgate@v1="+action)
	m.git(t, m.dir, "init", "--quiet", "--bare", m.remote)
	m.git(t, m.dir, "clone", "--quiet", m.remote, m.repo)
	for name, text := range files {
		write(t, filepath.Join(m.repo, name), text)
	}
	m.commit(t, "first")
	m.git(t, m.repo, "push", "--quiet", "origin", "HEAD:main")
	return m
}

// pins lists the commits by which the workflows here and in the documents name an action.
func pins(t *testing.T, name string) []string {
	t.Helper()
	files, err := filepath.Glob("../../.github/workflows/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, file := range append(files, "../../docs/github.md") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, after := range strings.Split(string(data), "uses: actions/"+name+"@")[1:] {
			if pin, _, _ := strings.Cut(after, " "); !slices.Contains(out, pin) {
				out = append(out, pin)
			}
		}
	}
	if len(out) == 0 {
		t.Fatalf("nothing uses actions/%s", name)
	}
	return out
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func output(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, env
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

func (m *machine) git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return output(t, dir, m.env, "git", args...)
}

// commit commits all files, and returns the commit.
func (m *machine) commit(t *testing.T, message string) string {
	t.Helper()
	m.git(t, m.repo, "add", "-A")
	m.git(t, m.repo, "commit", "--quiet", "--allow-empty", "-m", message)
	return m.git(t, m.repo, "rev-parse", "HEAD")
}

// main goes back to the branch.
func (m *machine) main(t *testing.T) {
	t.Helper()
	m.git(t, m.repo, "checkout", "--quiet", "main")
}

// propose makes the pull request one of a commit by which a walk takes so many steps; main has 10. As
// on GitHub, what is checked out is a merge of it.
func (m *machine) propose(t *testing.T, steps int) {
	t.Helper()
	m.git(t, m.repo, "checkout", "--quiet", "-B", "topic", "main")
	write(t, filepath.Join(m.repo, walkFile), walk(steps))
	m.head = m.commit(t, fmt.Sprintf("%d steps, for run %d", steps, m.runs+1))
	m.git(t, m.repo, "checkout", "--quiet", "--detach", "main")
	m.git(t, m.repo, "merge", "--quiet", "--no-ff", "-m", "merge", "topic")
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pulls = []fakePull{{number: 7, state: "open", head: m.head, merge: m.git(t, m.repo, "rev-parse", "HEAD"), from: m.from + ":topic"}}
}

// An event is what GitHub starts a workflow with.
type event map[string]any

// opened is the event of the pull request.
func (m *machine) opened() event {
	return event{"action": "synchronize", "number": 7, "repository": m.repository(), "pull_request": event{
		"number": 7, "state": "open",
		"head": event{"sha": m.head, "ref": "topic", "repo": event{"full_name": m.from + "/r"}},
		"base": event{"ref": "main", "repo": m.repository()},
	}}
}

// completed is the event of the end of the last run.
func (m *machine) completed(conclusion string) event {
	list := []any{}
	if m.from == "o" { // of one from a fork GitHub does not tell the number
		list = append(list, event{"number": 7, "head": event{"sha": m.head}, "base": event{"repo": m.repository()}})
	}
	return event{"action": "completed", "repository": m.repository(), "workflow_run": event{
		"id": m.runs, "run_attempt": 1, "name": "perf", "event": "pull_request", "conclusion": conclusion, "head_sha": m.head, "head_branch": "topic",
		"head_repository": event{"full_name": m.from + "/r", "owner": event{"login": m.from}}, "pull_requests": list,
	}}
}

func (m *machine) repository() event {
	return event{"id": 1, "name": "r", "full_name": "o/r", "default_branch": "main", "owner": event{"login": "o"}}
}

// run runs a workflow file of the repository and fails unless it ends as expected. It returns the log.
func (m *machine) run(t *testing.T, workflow, on string, e event, green bool, more ...string) string {
	t.Helper()
	m.runs++
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	payload := filepath.Join(m.dir, "event.json")
	write(t, payload, string(data))
	args := append([]string{
		on, "--directory", m.repo, "--workflows", filepath.Join(".github", "workflows", workflow), "--eventpath", payload, "--defaultbranch", "main",
		"--platform", "ubuntu-latest=-self-hosted", "--no-cache-server", "--action-cache-path", filepath.Join(m.dir, "actions"),
		"--env", "GITHUB_API_URL=" + m.server.URL, "--env", "GITHUB_REPOSITORY=o/r", "--env", fmt.Sprint("GITHUB_RUN_ID=", m.runs),
	}, more...)
	for _, one := range m.uses {
		args = append(args, "--local-repository", one)
	}
	cmd := exec.Command("act", args...)
	cmd.Dir, cmd.Env = m.dir, m.env
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if (err == nil) != green {
		t.Fatalf("%s on %s: the run ended with %v, want green %v\n%s", workflow, on, err, green, out)
	}
	return string(out)
}

// withToken is what a run needs that has a token.
func withToken() []string { return []string{"--secret", "GITHUB_TOKEN=" + token} }

// comment fails unless there is one comment, with the text, by the run. It returns its number.
func (m *machine) comment(t *testing.T, run int64, text string) int64 {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.comments) != 1 {
		t.Fatalf("there are %d comments, want one", len(m.comments))
	}
	c := m.comments[0]
	if by, _, ok := (marker{key: "default"}).parse(c.body); !ok || by != run || c.author != jobLogin || !strings.Contains(c.body, text) {
		t.Errorf("the comment by %s is not that of run %d, or without %q:\n%s", c.author, run, text, c.body)
	}
	return c.id
}

// requests returns how many requests there were since it was asked last, and forgets them.
func (m *machine) requests() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(m.calls)
	m.calls = nil
	return n
}

// written returns how many comments there are.
func (m *machine) written() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.comments)
}

// forget takes the comments away, and says whose the next pull request is and what its token may.
func (m *machine) forget(from string, readOnly bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.comments, m.from, m.readOnly = nil, from, readOnly
}

func (m *machine) mayWrite() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.readOnly = false
}

func logged(t *testing.T, log string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(log, text) {
			t.Errorf("the log does not say %q:\n%s", text, log)
		}
	}
}

// walkFile has the benchmark that is measured: it is the same on every machine, and quick.
const walkFile = "benchmarks/walk_test.go"

func walk(steps int) string {
	return fmt.Sprintf(`package benchmarks

import "testing"

func BenchmarkWalk(b *testing.B) {
	for b.Loop() {
	}
	b.ReportMetric(%d, "steps/op")
}
`, steps)
}

const walkBudget = `version: 1
suite: ./benchmarks
suites:
  - {name: walks, match: [Walk], why: there is one}
budgets:
  - {id: walk, match: Walk, unit: steps/op, better: lower, class: exact, max_rise: 10%}
`

// ownFiles returns as much of this repository as perfgate and its workflows are, with a benchmark and a
// budget that take no time in the place of its own.
func ownFiles(t *testing.T) map[string]string {
	t.Helper()
	root := filepath.Join("..", "..")
	files := map[string]string{walkFile: walk(10), "budgets/walk.yaml": walkBudget}
	take := func(name string) {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.ToSlash(name)] = string(data)
	}
	for _, name := range []string{"go.mod", "go.sum", "action.yml"} {
		take(name)
	}
	for _, dir := range []string{"cmd", "internal", "report", "publish", ".github"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			name, err := filepath.Rel(root, path)
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "testdata" || d.Name() == "corpus" || d.Name() == "simulate"):
				return fs.SkipDir
			case !d.IsDir() && !strings.HasSuffix(name, "_test.go"):
				take(name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// documented returns the workflow of a name in docs/github.md; of several of that name, the one that
// contains the text.
func documented(t *testing.T, name, text string) string {
	t.Helper()
	data, err := os.ReadFile("../../docs/github.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(string(data), "```yaml\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		if strings.HasPrefix(block, "name: "+name+"\n") && strings.Contains(block, text) {
			return block
		}
	}
	t.Fatalf("docs/github.md has no workflow %s with %q", name, text)
	return ""
}

// TestWorkflowsRun runs the workflows of this repository, and those that docs/github.md tells others to
// write, for each event that starts them.
func TestWorkflowsRun(t *testing.T) {
	if _, err := exec.LookPath("act"); err != nil {
		t.Skip("needs act")
	}
	if testing.Short() {
		t.Skip("needs time, which -short does not give")
	}
	ours := newMachine(t, ownFiles(t), "")
	t.Run("ours", func(t *testing.T) { testOurs(t, ours) })
	t.Run("of others", func(t *testing.T) { testOfOthers(t, ours.repo) })
}

func testOurs(t *testing.T, m *machine) {
	t.Run("pull request", func(t *testing.T) {
		var first int64
		for i, c := range []struct {
			steps      int
			conclusion string
			text       string
		}{{9, "success", "PASS"}, {12, "failure", "FAIL"}, {10, "success", "PASS"}} {
			m.requests()
			m.propose(t, c.steps)
			m.run(t, "perf.yml", "pull_request", m.opened(), c.conclusion == "success", withToken()...)
			if n := m.requests(); n != 0 {
				t.Errorf("the run that measures sent %d requests", n)
			}
			m.main(t)
			run := m.runs
			m.run(t, "publish.yml", "workflow_run", m.completed(c.conclusion), true, withToken()...)
			id := m.comment(t, run, c.text)
			if i == 0 {
				first = id
			}
			if id != first {
				t.Errorf("the comment is %d, and was %d", id, first)
			}
		}
	})
	t.Run("fork", func(t *testing.T) {
		m.forget("stranger", true)
		m.propose(t, 12)
		log := m.run(t, "perf.yml", "pull_request", m.opened(), false, withToken()...)
		logged(t, log, "FAIL: 1 failed", "::error file=budgets/walk.yaml,line=6")
		m.main(t)
		m.mayWrite() // the token of the second run may
		run := m.runs
		log = m.run(t, "publish.yml", "workflow_run", m.completed("failure"), true, withToken()...)
		m.comment(t, run, "FAIL")
		if strings.Contains(log, "::error file=") {
			t.Errorf("the run of the default branch is annotated:\n%s", log)
		}
	})
	t.Run("nothing to publish", func(t *testing.T) {
		m.forget("stranger", true)
		m.propose(t, 9)
		write(t, filepath.Join(m.repo, "budgets/walk.yaml"), "version: 1\nbudgets: [{match: Walk}]\n")
		m.commit(t, "a budget without a limit")
		log := m.run(t, "perf.yml", "pull_request", m.opened(), false, withToken()...)
		logged(t, log, "budgets/walk.yaml:2")
		m.main(t)
		m.mayWrite()
		m.requests()
		m.run(t, "publish.yml", "workflow_run", m.completed("failure"), true, withToken()...)
		if n := m.requests(); n != 0 {
			t.Errorf("%d requests were sent without a result", n)
		}
	})
	t.Run("merge queue", func(t *testing.T) {
		m.requests()
		m.propose(t, 9)
		m.run(t, "perf.yml", "merge_group", m.queued(t), true, withToken()...)
		if n := m.requests(); n != 0 {
			t.Errorf("the run sent %d requests", n)
		}
	})
	t.Run("tag", func(t *testing.T) {
		m.main(t)
		m.git(t, m.repo, "tag", "v1.2.0")
		m.git(t, m.repo, "push", "--quiet", "origin", "v1.2.0")
		commit := m.git(t, m.repo, "rev-parse", "HEAD")
		log := m.run(t, "baseline.yml", "push", m.pushed(t, "refs/tags/v1.2.0"), true)
		logged(t, log, "recorded v1.2.0, 1 benchmark")
		names := m.git(t, m.remote, "ls-tree", "-r", "--name-only", "perfgate-baselines")
		if names == "" || strings.Contains(names, "\n") {
			t.Fatalf("the branch of the remote has the files %q, want one", names)
		}
		record := m.git(t, m.remote, "show", "perfgate-baselines:"+names)
		for _, want := range []string{"# baseline-name: v1.2.0\n", "# commit: " + commit + "\n", "\t10.00 steps/op"} {
			if !strings.Contains(record, want) {
				t.Errorf("the record has no %q:\n%s", want, record)
			}
		}
	})
}

// queued is the event of a merge queue.
func (m *machine) queued(t *testing.T) event {
	return event{"action": "checks_requested", "repository": m.repository(), "merge_group": event{
		"head_sha": m.git(t, m.repo, "rev-parse", "HEAD"), "head_ref": "refs/heads/gh-readonly-queue/main/pr-7", "base_ref": "refs/heads/main",
		"base_sha": m.git(t, m.repo, "rev-parse", "main"),
	}}
}

// pushed is the event of a push.
func (m *machine) pushed(t *testing.T, ref string) event {
	return event{"ref": ref, "after": m.git(t, m.repo, "rev-parse", "HEAD"), "repository": m.repository()}
}

func testOfOthers(t *testing.T, action string) {
	files := map[string]string{
		"go.mod": "module example.com/walk\n\ngo 1.26\n", walkFile: walk(10), "budgets/walk.yaml": walkBudget,
		".github/workflows/perf.yml":         documented(t, "perf", "pull-requests: write"),
		".github/workflows/perf-fork.yml":    documented(t, "perf", "comment: \"off\""),
		".github/workflows/perf-comment.yml": documented(t, "perf-comment", ""),
		"below the root/go.mod":              "module example.com/walk/below\n\ngo 1.26\n", "below the root/" + walkFile: walk(10),
		"below the root/my-budgets/walk.yaml": walkBudget,
	}
	for _, name := range []string{"inputs.yml", "shell.yml"} {
		data, err := os.ReadFile(filepath.Join("testdata", "act", name))
		if err != nil {
			t.Fatal(err)
		}
		files[".github/workflows/"+name] = string(data)
	}
	m := newMachine(t, files, action)
	t.Run("pull request", func(t *testing.T) {
		m.propose(t, 9)
		m.run(t, "perf.yml", "pull_request", m.opened(), true, withToken()...)
		first := m.comment(t, m.runs, "PASS")
		m.propose(t, 12)
		log := m.run(t, "perf.yml", "pull_request", m.opened(), false, withToken()...)
		logged(t, log, "::error file=budgets/walk.yaml,line=6", "updated the comment", "exit status 1")
		red := m.comment(t, m.runs, "FAIL")
		m.propose(t, 10)
		m.run(t, "perf.yml", "pull_request", m.opened(), true, withToken()...)
		if green := m.comment(t, m.runs, "PASS"); first != red || red != green {
			t.Errorf("the comments are %d, %d and %d, want one", first, red, green)
		}
	})
	t.Run("fork", func(t *testing.T) {
		m.forget("stranger", true)
		for _, c := range []struct {
			steps int
			green bool
		}{{12, false}, {9, true}} {
			m.propose(t, c.steps)
			m.requests()
			log := m.run(t, "perf.yml", "pull_request", m.opened(), c.green, withToken()...)
			logged(t, log, "not done: ", "pull_requests=write", "docs/github.md")
			if n, comments := m.requests(), m.written(); n == 0 || comments != 0 {
				t.Errorf("%d requests, %d comments; want a refusal", n, comments)
			}
		}
	})
	t.Run("fork in two workflows", func(t *testing.T) {
		m.forget("stranger", true)
		m.propose(t, 12)
		m.requests()
		m.run(t, "perf-fork.yml", "pull_request", m.opened(), false, withToken()...)
		if n := m.requests(); n != 0 {
			t.Errorf("the first sent %d requests", n)
		}
		m.main(t)
		m.mayWrite()
		run := m.runs
		m.run(t, "perf-comment.yml", "workflow_run", m.completed("failure"), true, withToken()...)
		m.comment(t, run, "FAIL")
	})
	t.Run("merge queue", func(t *testing.T) {
		m.propose(t, 12)
		m.requests()
		m.run(t, "perf.yml", "merge_group", m.queued(t), false, withToken()...)
		if n := m.requests(); n != 0 {
			t.Errorf("the run sent %d requests", n)
		}
	})
	t.Run("push", func(t *testing.T) {
		m.main(t)
		write(t, filepath.Join(m.repo, walkFile), walk(11))
		m.commit(t, "a tenth more, which the budget allows")
		m.requests()
		// No token, and none is missed.
		m.run(t, "perf.yml", "push", m.pushed(t, "refs/heads/main"), true)
		if n := m.requests(); n != 0 {
			t.Errorf("the run sent %d requests", n)
		}
	})
	t.Run("inputs", func(t *testing.T) {
		write(t, filepath.Join(m.repo, "below the root", walkFile), walk(20))
		m.commit(t, "twice the steps below the root")
		log := m.run(t, "inputs.yml", "push", m.pushed(t, "refs/heads/main"), false)
		logged(t, log, "base is HEAD~1", "::error file=below the root/my-budgets/walk.yaml,line=6", "exit status 1")
		data, err := os.ReadFile(filepath.Join(m.kept, "outputs.json"))
		if err != nil {
			t.Fatal(err)
		}
		var out map[string]string
		if err := json.Unmarshal(data, &out); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{
			"verdict": "fail", "exit-code": "1", "passed": "0", "failed": "1", "inconclusive": "0", "missing": "0", "waived": "0", "new": "0", "improved": "0",
		} {
			if out[name] != want {
				t.Errorf("output %s is %q, want %q", name, out[name], want)
			}
		}
		if dir := out["directory"]; dir == "" || out["result"] != dir+"/result.json" || out["report"] != dir+"/report.md" || len(out) != 12 {
			t.Errorf("outputs %q", out)
		}
	})
	t.Run("shell", func(t *testing.T) {
		log := m.run(t, "shell.yml", "push", m.pushed(t, "refs/heads/main"), false)
		logged(t, log, "exit status 2")
		if _, err := os.Stat(filepath.Join(m.kept, "run")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("an input was read as shell: %v", err)
		}
	})
}
