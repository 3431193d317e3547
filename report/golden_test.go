package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/gate"
)

var update = flag.Bool("update", false, "write the expected files of testdata anew")

// load reads a result of testdata.
func load(t testing.TB, name string) gate.Result {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := Read(f)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return r
}

// markdown and text return what the renderers write.
func markdown(t testing.TB, r gate.Result, limit int) string {
	t.Helper()
	var b strings.Builder
	if err := Markdown(&b, r, limit); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func text(t testing.TB, r gate.Result) string {
	t.Helper()
	var b strings.Builder
	if err := Text(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func names(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no results in testdata", err)
	}
	out := make([]string, len(files))
	for i, f := range files {
		out[i] = strings.TrimSuffix(filepath.Base(f), ".json")
	}
	return out
}

// pageOfItsOwn leaves out of a page what is the same in all.
func pageOfItsOwn(page string) string {
	page = strings.NewReplacer(pageStyle, "…", pageScript, "…").Replace(page)
	return regexp.MustCompile("sha256-[^']*'").ReplaceAllString(page, "sha256-…'")
}

// Every saved result has one expected file per format; its JSON is the result itself. Style and script,
// which are the same in all pages, are left out of the expected ones.
func TestGolden(t *testing.T) {
	for _, name := range names(t) {
		t.Run(name, func(t *testing.T) {
			r := load(t, name)
			var j bytes.Buffer
			if err := JSON(&j, r); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".json", j.String())
			golden(t, name+".md", markdown(t, r, CommentLimit))
			golden(t, name+".txt", text(t, r))
			golden(t, name+".html", pageOfItsOwn(htmlText(t, r)))
			golden(t, name+".xml", junit(t, r))
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; run go test ./report -update and read what it wrote", err)
	}
	if got == string(want) {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("%s:%d differs\n got: %.300s\nwant: %.300s", name, i+1, g[i], w[i])
		}
	}
	t.Fatalf("%s has %d lines, want %d", name, len(g), len(w))
}
