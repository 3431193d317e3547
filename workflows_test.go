package perfgate_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	jobLine  = regexp.MustCompile(`^  ([a-z][a-z0-9_-]*):\s*$`)
	usesLine = regexp.MustCompile(`^\s*(?:- )?uses:\s*(\S+)(.*)$`)
	pinned   = regexp.MustCompile(`^\S+@[0-9a-f]{40}$`)
	release  = regexp.MustCompile(`^ # v\d+\.\d+\.\d+$`)
	target   = regexp.MustCompile(`(?m)^  pull_request_target:|^on:.*pull_request_target`)
	follows  = regexp.MustCompile(`(?m)^on:\n  workflow_run:\n(?:    .*\n)+\n`)
	ofTags   = regexp.MustCompile(`(?m)^on:\n  push:\n    tags: \[.*\]\n\n`)
	proposed = regexp.MustCompile(`pull_request\.head|workflow_run\.head|head_ref|github\.ref\b|github\.sha|refs/pull`)
	refLine  = regexp.MustCompile(`(?m)^ +ref:`)
	caching  = regexp.MustCompile(`(?m)^ +cache: false$`)
	fetched  = regexp.MustCompile(`(?m)^ +path: \$\{\{ runner\.temp \}\}/\S+$`)
	writes   = regexp.MustCompile(`([a-z-]+): write\b`)
	measures = regexp.MustCompile(`perfgate"? (?:check|run|prove|profile)\b|\bgo test\b|uses: \./\n`)
	runLine  = regexp.MustCompile(`^( *)(- )?run: *(.*)$`)
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
	if !strings.Contains(head+"\n", "\npermissions:\n  contents: read\n\n") {
		problem("does not begin with permissions of nothing but contents: read")
	}
	if target.MatchString(head) {
		problem("runs on pull_request_target, which gives a token that writes to whatever is checked out")
	}
	for i, line := range strings.Split(text, "\n") {
		m := usesLine.FindStringSubmatch(line)
		if m != nil && !strings.HasPrefix(m[1], "./") && (!pinned.MatchString(m[1]) || !release.MatchString(m[2])) {
			problem("line %d: %s is not pinned to a full commit with its release in a comment", i+1, m[1])
		}
	}
	for _, script := range scripts(text) {
		if strings.Contains(script, "${{") {
			problem("a script has an expression in it, whose value would be read as shell: pass it as a variable: %s", script)
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
		checkouts := strings.Count(job, "uses: actions/checkout@")
		pushes := strings.Contains(job, "contents: write") && ofTags.MatchString(head)
		if n := strings.Count(job, "persist-credentials: false"); n != checkouts && !pushes {
			problem("job %s: a checkout leaves its token in the work tree; set persist-credentials: false", name)
		}
		if !strings.Contains(job, "timeout-minutes:") {
			problem("job %s has no timeout-minutes", name)
		}
		if len(fetched.FindAllString(job, -1)) < strings.Count(job, "uses: actions/download-artifact@") {
			problem("job %s: what another job left behind belongs below ${{ runner.temp }}, not in the work tree, where it could replace what is built", name)
		}
		if !strings.Contains(job, ": write") && !strings.Contains(job, "write-all") {
			continue
		}
		if !ofTags.MatchString(head) && !follows.MatchString(head) {
			problem("job %s may write: only a workflow of workflow_run alone, or of tags alone, may have such a job", name)
		}
		for _, m := range writes.FindAllStringSubmatch(job, -1) {
			if m[1] == "contents" && !pushes || m[1] != "contents" && m[1] != "pull-requests" {
				problem("job %s may write %s, which it has no need of", name, m[1])
			}
		}
		if found := proposed.FindString(job); found != "" {
			problem("job %s may write and mentions %s: it must not run what a pull request brings along", name, found)
		}
		if refLine.MatchString(job) {
			problem("job %s may write and checks out a ref; without one it is that of the event", name)
		}
		if found := measures.FindString(job); found != "" {
			problem("job %s may write and measures (%s): leave that to a job that can only read", name, strings.TrimSpace(found))
		}
		if strings.Contains(job, "baseline record") && !strings.Contains(job, " --samples ") {
			problem("job %s may write and measures (baseline record without --samples): leave that to a job that can only read", name)
		}
		if len(caching.FindAllString(job, -1)) != strings.Count(job, "uses: actions/setup-go@") {
			problem("job %s may write: setup-go must not restore a cache that a job of a pull request filled; set cache: false", name)
		}
		if pushes && !strings.Contains(head, "\n  cancel-in-progress: false\n") {
			problem("job %s pushes, and might be cancelled on its way: set concurrency without cancel-in-progress", name)
		}
	}
	return out
}

// scripts returns the scripts of the steps of a workflow or an action.
func scripts(text string) []string {
	var out []string
	inside, indent := false, 0
	for _, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		if inside && (strings.TrimSpace(line) == "" || len(line)-len(strings.TrimLeft(line, " ")) > indent) {
			out[len(out)-1] += strings.TrimPrefix(line, strings.Repeat(" ", indent+2)) + "\n"
			continue
		}
		m := runLine.FindStringSubmatch(line)
		if inside = m != nil; !inside {
			continue
		}
		indent = len(m[1]) + len(m[2])
		first := m[3]
		if first == "|" {
			first = ""
		}
		out = append(out, first)
	}
	return out
}

// actionProblems reads an action of ours. What a caller writes as input must not become shell.
func actionProblems(text string) []string {
	var out []string
	all := scripts(text)
	if len(all) == 0 {
		out = append(out, "has no script")
	}
	if strings.Count(text, "shell: bash\n") != len(all) {
		out = append(out, "has a script that is not for bash")
	}
	if usesLine.MatchString(text) || strings.Contains(text, "uses:") {
		out = append(out, "uses another action, which its own pin does not cover")
	}
	for _, script := range all {
		if strings.Contains(script, "${{") {
			out = append(out, "has an expression in a script: pass it as a variable")
		}
		if regexp.MustCompile(`\beval\b|\bxargs\b|bash -c`).MatchString(script) {
			out = append(out, "reads an input as shell")
		}
	}
	return out
}

// TestDocumentedWorkflows has actionlint read the workflows that the documents tell others to write, and
// holds them to the rules of our own; but for the first, which is for those who need no more than one job.
func TestDocumentedWorkflows(t *testing.T) {
	found := 0
	dir := t.TempDir()
	var names []string
	for _, page := range []string{"README.md", "docs/github.md", "docs/baselines.md", "docs/sharding.md"} {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "```yaml\n")[1:] {
			block, _, _ = strings.Cut(block, "```")
			if !strings.Contains(block, "\njobs:\n") {
				continue // of budgets
			}
			found++
			name := filepath.Join(dir, fmt.Sprintf("%d.yml", found))
			names = append(names, name)
			if err := os.WriteFile(name, []byte(block), 0o600); err != nil {
				t.Fatal(err)
			}
			// The release is what others name, and the line before jobs is not empty there.
			block = regexp.MustCompile(`uses: perfgate/perfgate(/publish)?@v1\n`).ReplaceAllString(block, "uses: ./$1\n")
			block = strings.ReplaceAll(strings.ReplaceAll(block, "\njobs:\n", "\n\njobs:\n"), "\npermissions:\n", "\n\npermissions:\n")
			block = strings.ReplaceAll(block, "\n  contents: read\nconcurrency", "\n  contents: read\n\nconcurrency")
			for _, p := range workflowProblems(block) {
				if found > 1 || !strings.HasPrefix(p, "does not begin with permissions") {
					t.Errorf("%s, workflow %d: %s", page, found, p)
				}
			}
		}
	}
	if found < 4 {
		t.Errorf("%d workflows were found in the documents: the search is broken", found)
	}
	if _, err := exec.LookPath("actionlint"); err != nil {
		t.Skip("needs actionlint")
	}
	if out, err := exec.Command("actionlint", append([]string{"-color=false"}, names...)...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if err := os.WriteFile(names[0], []byte("on: pull_requests\njobs: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("actionlint", names[0]).CombinedOutput(); err == nil {
		t.Errorf("actionlint finds nothing in an event that there is not\n%s", out)
	}
}

// TestActions holds the actions to the rules, changes one thing at a time, which must be refused, and has their
// scripts read by shellcheck, which actionlint does for workflows alone.
func TestActions(t *testing.T) {
	for _, name := range []string{"action.yml", "publish/action.yml"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(data), "\r\n", "\n")
		for _, p := range actionProblems(text) {
			t.Errorf("%s %s", name, p)
		}
		for _, c := range []struct{ old, new, want string }{
			{`--comment="$PERFGATE_COMMENT"`, `--comment="${{ inputs.comment }}"`, "has an expression in a script"},
			{"shell: bash\n", "shell: sh\n", "not for bash"},
			{"code=0\n", "eval code=0\n", "as shell"},
			{"    - ", "    - uses: a/b@v1\n    - ", "uses another"},
			{"run:", "ran:", "no script"},
		} {
			got := strings.Join(actionProblems(strings.ReplaceAll(text, c.old, c.new)), "\n")
			if !strings.Contains(got, c.want) {
				t.Errorf("%s with %q for %q: problems %q, want %q", name, c.new, c.old, got, c.want)
			}
		}
	}
	t.Run("shell", func(t *testing.T) {
		if _, err := exec.LookPath("shellcheck"); err != nil {
			t.Skip("needs shellcheck")
		}
		for _, name := range []string{"action.yml", "publish/action.yml"} {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, script := range scripts(string(data)) {
				cmd := exec.Command("shellcheck", "--shell=bash", "-")
				cmd.Stdin = strings.NewReader("set -eo pipefail\n" + script) // as the runner starts bash
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s: %v\n%s", name, err, out)
				}
			}
		}
	})
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

// TestWorkflowsBite changes one thing at a time in a workflow, each of which must be refused.
func TestWorkflowsBite(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"perf", "permissions:\n  contents: read\n\n", "", "does not begin with permissions"},
		{"perf", "permissions:\n  contents: read\n\n", "permissions:\n  contents: write\n\n", "does not begin with permissions"},
		{"perf", "permissions:\n  contents: read\n\n", "permissions:\n  contents: read\n  issues: write\n\n", "does not begin with permissions"},
		{"perf", "  pull_request:\n", "  pull_request_target:\n", "runs on pull_request_target"},
		{"perf", "@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7", "is not pinned"},
		{"perf", " # v7.0.1", "", "is not pinned"},
		{"perf", "          persist-credentials: false\n", "", "leaves its token"},
		{"perf", "    timeout-minutes: 30\n", "", "has no timeout-minutes"},
		{"perf", "    timeout-minutes: 30\n", "    timeout-minutes: 30\n    permissions:\n      pull-requests: write\n", "of workflow_run alone, or of tags alone"},
		{"perf", "      - uses: ./\n", "      - run: echo ${{ github.head_ref }}\n      - uses: ./\n", "has an expression in it"},
		{"perf", "\njobs:\n", "\nwork:\n", "has no jobs"},

		{"publish", "  workflow_run:\n", "  pull_request:\n  workflow_run:\n", "of workflow_run alone, or of tags alone"},
		{"publish", "          persist-credentials: false\n", "          persist-credentials: false\n          ref: ${{ github.event.workflow_run.head_sha }}\n", "mentions workflow_run.head"},
		{"publish", "          persist-credentials: false\n", "          persist-credentials: false\n          ref: topic\n", "checks out a ref"},
		{"publish", "          persist-credentials: false\n", "          persist-credentials: true\n", "leaves its token"},
		{"publish", "${{ runner.temp }}/checked\n", "checked\n", "not in the work tree"},
		{"publish", "          path: ${{ runner.temp }}/checked\n", "", "not in the work tree"},
		{"publish", "          cache: false\n", "", "must not restore a cache"},
		{"publish", "      contents: read\n", "      contents: write\n", "may write contents"},
		{"publish", "      actions: read\n", "      actions: write\n", "may write actions"},
		{"publish", "uses: ./publish\n", "uses: ./\n", "may write and measures"},
		{"publish", "    timeout-minutes: 10\n", "", "has no timeout-minutes"},

		{"baseline", "    tags: [\"v*\"]\n", "    tags: [\"v*\"]\n    branches: [main]\n", "of workflow_run alone, or of tags alone"},
		{"baseline", "    tags: [\"v*\"]\n", "    tags: [\"v*\"]\n  pull_request:\n", "leaves its token"},
		{"baseline", "perfgate\" baseline record", "perfgate\" run && perfgate baseline record", "may write and measures"},
		{"baseline", "--samples", "--note", "record without --samples"},
		{"baseline", "      contents: write\n", "      contents: write\n      packages: write\n", "may write packages"},
		{"baseline", "          cache: false\n      - run: go build -o \"$RUNNER_TEMP/perfgate\" ./cmd/perfgate\n      - uses: actions/download", "      - run: go build -o \"$RUNNER_TEMP/perfgate\" ./cmd/perfgate\n      - uses: actions/download", "must not restore a cache"},
		{"baseline", "  cancel-in-progress: false\n", "  cancel-in-progress: true\n", "might be cancelled"},
		{"baseline", "${{ runner.temp }}/measured\n", "measured\n", "not in the work tree"},
		{"baseline", "          persist-credentials: false\n", "", "leaves its token"},
	} {
		data, err := os.ReadFile(".github/workflows/" + c.name + ".yml")
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(data), "\r\n", "\n")
		if !strings.Contains(text, c.old) {
			t.Errorf("%s.yml does not contain %q any more: change this test with it", c.name, c.old)
			continue
		}
		got := strings.Join(workflowProblems(strings.Replace(text, c.old, c.new, 1)), "\n")
		if !strings.Contains(got, c.want) {
			t.Errorf("%s.yml with %q for %q: problems %q, want %q", c.name, c.new, c.old, got, c.want)
		}
	}
}
