package perfgate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	jobLine   = regexp.MustCompile(`^  ([a-z][a-z0-9_-]*):\s*$`)
	usesLine  = regexp.MustCompile(`^\s*(?:- )?uses:\s*(\S+)(.*)$`)
	pinned    = regexp.MustCompile(`^\S+@[0-9a-f]{40}$`)
	release   = regexp.MustCompile(`^ # v\d+\.\d+\.\d+$`)
	proposed  = regexp.MustCompile(`pull_request\.head|head_ref|github\.ref|github\.sha|refs/pull`)
	fixedBase = regexp.MustCompile(`(?m)^\s*ref: \$\{\{ github\.event\.pull_request\.base\.sha \}\}$`)
	caching   = regexp.MustCompile(`(?m)^\s*cache: false$`)
)

// workflowProblems reads a workflow for what a linter does not know: which jobs may write, and that
// none of these runs what a pull request brings along. It reads lines, as the workflows here are
// written: jobs indented by two, one key per line.
func workflowProblems(text string) []string {
	var out []string
	problem := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	text = strings.ReplaceAll(text, "\r\n", "\n")
	head, body, ok := strings.Cut(text, "\njobs:\n")
	if !ok {
		return []string{"has no jobs"}
	}
	if !strings.HasSuffix(head+"\n", "\npermissions:\n  contents: read\n") && !strings.Contains(head, "\npermissions:\n  contents: read\n\n") {
		problem("does not begin with permissions of nothing but contents: read")
	}
	if regexp.MustCompile(`(?m)^  pull_request_target:|^on:.*pull_request_target`).MatchString(head) {
		problem("runs on pull_request_target, which gives a token that writes to whatever is checked out")
	}
	for i, line := range strings.Split(text, "\n") {
		m := usesLine.FindStringSubmatch(line)
		if m != nil && !strings.HasPrefix(m[1], "./") && (!pinned.MatchString(m[1]) || !release.MatchString(m[2])) {
			problem("line %d: %s is not pinned to a full commit with its release in a comment", i+1, m[1])
		}
	}
	name := ""
	jobs := map[string]string{}
	var names []string
	for _, line := range strings.Split(body, "\n") {
		if m := jobLine.FindStringSubmatch(line); m != nil {
			name = m[1]
			names = append(names, name)
			continue
		}
		jobs[name] += line + "\n"
	}
	for _, name := range names {
		job := jobs[name]
		if n := strings.Count(job, "persist-credentials: false"); n != strings.Count(job, "uses: actions/checkout@") {
			problem("job %s: a checkout leaves its token in the work tree; set persist-credentials: false", name)
		}
		if !strings.Contains(job, "timeout-minutes:") {
			problem("job %s has no timeout-minutes", name)
		}
		if !strings.Contains(job, ": write") && !strings.Contains(job, "write-all") {
			continue
		}
		if found := proposed.FindString(job); found != "" {
			problem("job %s may write and mentions %s: it must not run what a pull request brings along", name, found)
		}
		if n := len(fixedBase.FindAllString(job, -1)); n == 0 || n != strings.Count(job, "uses: actions/checkout@") {
			problem("job %s may write: each checkout must be of github.event.pull_request.base.sha", name)
		}
		if len(caching.FindAllString(job, -1)) != strings.Count(job, "uses: actions/setup-go@") {
			problem("job %s may write: setup-go must not restore a cache that a job of a pull request filled; set cache: false", name)
		}
	}
	return out
}

func TestWorkflows(t *testing.T) {
	files, err := filepath.Glob(".github/workflows/*.y*ml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no workflow found: %v", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range workflowProblems(string(text)) {
			t.Errorf("%s %s", filepath.ToSlash(name), p)
		}
	}
}

// TestWorkflowsBite changes one thing at a time in perf.yml, each of which must be refused.
func TestWorkflowsBite(t *testing.T) {
	data, err := os.ReadFile(".github/workflows/perf.yml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	for _, c := range []struct{ old, new, want string }{
		{"permissions:\n  contents: read\n\n", "", "does not begin with permissions"},
		{"permissions:\n  contents: read\n\n", "permissions:\n  contents: write\n\n", "does not begin with permissions"},
		{"permissions:\n  contents: read\n\n", "permissions:\n  contents: read\n  issues: write\n\n", "does not begin with permissions"},
		{"  pull_request:\n", "  pull_request_target:\n", "runs on pull_request_target"},
		{"@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7", "is not pinned"},
		{" # v7.0.1", "", "is not pinned"},
		{"          persist-credentials: false\n", "", "leaves its token"},
		{"    timeout-minutes: 10\n", "", "has no timeout-minutes"},
		{"          ref: ${{ github.event.pull_request.base.sha }}\n", "", "each checkout must be of"},
		{"pull_request.base.sha", "pull_request.head.sha", "mentions pull_request.head"},
		{"          cache: false\n", "", "must not restore a cache"},
		{"    timeout-minutes: 30\n    outputs:", "    timeout-minutes: 30\n    permissions:\n      statuses: write\n    outputs:", "job check may write"},
		{"\njobs:\n", "\nwork:\n", "has no jobs"},
	} {
		if !strings.Contains(text, c.old) {
			t.Errorf("perf.yml does not contain %q any more: change this test with it", c.old)
			continue
		}
		got := strings.Join(workflowProblems(strings.Replace(text, c.old, c.new, 1)), "\n")
		if !strings.Contains(got, c.want) {
			t.Errorf("with %q for %q: problems %q, want %q", c.new, c.old, got, c.want)
		}
	}
}
