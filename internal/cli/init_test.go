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
	text := string(workflow(`sub/a: b`, true, "budgets"))
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
	if text := string(workflow("/tmp/x", false, "budgets")); strings.Contains(text, "working-directory") {
		t.Errorf("outside git there is a directory:\n%s", text)
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
