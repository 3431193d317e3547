package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/measure"
)

// The workflow that is proposed pins actions as this repository's own does, and asks for no more than to
// read.
func TestProposedWorkflow(t *testing.T) {
	ours, err := os.ReadFile(filepath.Join("..", "..", ".github", "workflows", "perf.yml"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(workflow(`sub/a: b`, true, "budgets", false))
	uses := 0
	for line := range strings.SplitSeq(text, "\n") {
		use, ok := strings.CutPrefix(strings.TrimSpace(line), "- uses: ")
		if !ok {
			continue
		}
		uses++
		if use != actionPerfgate && !strings.Contains(string(ours), "uses: "+use+"\n") {
			t.Errorf("%s is not what .github/workflows/perf.yml pins", use)
		}
	}
	if uses != 3 || strings.Contains(text, "write") || !strings.Contains(text, "\npermissions:\n  contents: read\n\n") || !strings.Contains(text, "fetch-depth: 0\n") {
		t.Errorf("the workflow is\n%s", text)
	}
	if !strings.Contains(text, `working-directory: "sub/a: b"`) || !strings.Contains(text, `go-version-file: "sub/a: b/go.mod"`) {
		t.Errorf("a directory is not quoted:\n%s", text)
	}
	if text := string(workflow("/tmp/x", false, "budgets", false)); strings.Contains(text, "working-directory") {
		t.Errorf("outside git there is a directory:\n%s", text)
	}
}

// The job's Go can build perfgate, whatever the module's go.mod asks for.
func TestWorkflowGo(t *testing.T) {
	ours, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(ours), "\ngo "+strings.TrimPrefix(perfgateGo, "go")+".0\n") {
		t.Errorf("go.mod of this repository does not ask for %s", perfgateGo)
	}
	for _, c := range []struct {
		goMod string
		want  bool
	}{
		{string(ours), true},
		{"module m\n\ngo 1.26\n", true},
		{"module m\n\ngo 1.26.3 // why\n", true},
		{"module m\n\ngo 1.27rc1\n", true},
		{"module m\n\ngo 1.7\n", false},
		{"module m\n\ngo 1.25.9\n", false},
		{"module m\n\ngo 1.24\n\ntoolchain go1.26.1\n", true},
		{"module m\n", false},
		{"module m\n\ngo 1.24\n\nrequire example.test/go v1.99.0\n", false},
	} {
		if got := buildsPerfgate([]byte(c.goMod)); got != c.want {
			t.Errorf("%q builds perfgate: %v", c.goMod, got)
		}
	}
	if text := string(workflow(".", true, "budgets", true)); !strings.Contains(text, "          go-version: stable\n") || strings.Contains(text, "go-version-file") {
		t.Errorf("an old go.mod does not get the newest Go:\n%s", text)
	}
}

// A pattern names the directories that it was made of, and no neighbours.
func TestWithin(t *testing.T) {
	for _, c := range []struct {
		dirs []string
		dir  string
		want bool
	}{
		{[]string{"."}, ".", true},
		{[]string{"."}, "a", false},
		{[]string{"a"}, "a", true},
		{[]string{"a"}, "a/b", false},
		{[]string{"a/b", "a/c"}, "a/d/e", true},
		{[]string{"a/b", "a/c"}, "ab", false},
		{[]string{"a", "b"}, ".", true},
	} {
		if p := measure.CommonPattern(c.dirs); within(p, c.dir) != c.want {
			t.Errorf("%s names %s: %v", p, c.dir, !c.want)
		}
	}
}

// Nothing is written where one of the files is there, also if it came while measuring; and a write that
// fails takes back the others.
func TestWriteNewIsAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	budgets := filepath.Join(dir, "budgets")
	files := []newFile{{path: filepath.Join(budgets, initFile), shown: "a"}, {path: filepath.Join(dir, "flows", "perf.yml"), shown: "b"}}
	if err := os.WriteFile(filepath.Join(dir, "flows"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeNew(files, budgets); err == nil {
		t.Fatal("a file in the place of a directory is no error")
	}
	if _, err := os.Stat(files[0].path); err == nil {
		t.Error("half of it was written")
	}
	if err := os.Remove(filepath.Join(dir, "flows")); err != nil {
		t.Fatal(err)
	}
	if err := writeNew(files, budgets); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(files[0].path); err != nil {
		t.Fatal(err)
	}
	if err := writeNew(files, budgets); err == nil || !strings.Contains(err.Error(), "b is there already") {
		t.Errorf("the second time: %v", err)
	}
	if _, err := os.Stat(files[0].path); err == nil {
		t.Error("one of the files was written beside another that was there")
	}
}
