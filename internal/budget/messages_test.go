package budget

import (
	"go/ast"
	goparser "go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// notGolden are messages of files too large to keep: TestCaps holds them, and this says by which words.
var notGolden = map[string]string{
	"file is over 1 MiB":                "file is over 1 MiB",
	"more than %d suites":               "more than 500 suites",
	"more than %d selectors in a suite": "more than 1000 selectors in a suite",
	"no budget files":                   "no budget files",
	"more than %d waivers":              "more than 1000 waivers",
	"more than %d renames":              "more than 1000 renames",
	// Of a flag: TestLastReleases holds it.
	"%q does not say how many releases: write last-%d-releases to last-%d-releases": "does not say how many releases: write last-2-releases",
}

// Every message that this package can give stands in an expected file of testdata/err.
func TestEveryMessageHasItsGolden(t *testing.T) {
	var said strings.Builder
	goldens, _ := filepath.Glob("testdata/err/*.txt")
	for _, name := range goldens {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		said.Write(data)
	}
	tests, err := os.ReadFile("parse_test.go")
	if err != nil {
		t.Fatal(err)
	}
	formats := messages(t)
	if len(formats) < 40 {
		t.Fatalf("only %d messages found in the source: %q", len(formats), formats)
	}
	for _, format := range formats {
		has := saying(format).MatchString(said.String())
		elsewhere, listed := notGolden[format]
		switch {
		case has && listed:
			t.Errorf("%q has an expected file: take it off notGolden", format)
		case !has && !listed:
			t.Errorf("no file of testdata/err shows the message %q: add one that gives it", format)
		case !has && !strings.Contains(string(tests), elsewhere):
			t.Errorf("neither testdata/err nor parse_test.go shows the message %q", format)
		}
	}
	// That a message without its file is seen is seen here.
	if saying("no file says %q of %d").MatchString(said.String()) {
		t.Error("a message that nobody gives is found")
	}
}

// verb is a verb of a format.
var verb = regexp.MustCompile(`%[+#]*[a-zA-Z]`)

// saying matches a message of this format as a golden has it.
func saying(format string) *regexp.Regexp {
	var b strings.Builder
	rest := format
	for {
		at := verb.FindStringIndex(rest)
		if at == nil {
			break
		}
		b.WriteString(regexp.QuoteMeta(rest[:at[0]]) + ".+")
		rest = rest[at[1]:]
	}
	return regexp.MustCompile(b.String() + regexp.QuoteMeta(rest))
}

// messages lists the formats of problems: those of p.bad, p.near and Problem{Text: ...}, and of the errors of
// selectors, each once.
func messages(t *testing.T) []string {
	t.Helper()
	var out []string
	seen := map[string]bool{}
	names, _ := filepath.Glob("*.go")
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := goparser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		add := func(e ast.Expr) {
			lit, ok := e.(*ast.BasicLit)
			if !ok {
				return // p.near passes on what p.bad was given
			}
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			if !seen[text] {
				seen[text] = true
				out = append(out, text)
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				sel, ok := n.Fun.(*ast.SelectorExpr)
				switch {
				case !ok:
				case sel.Sel.Name == "bad":
					add(n.Args[2])
				case sel.Sel.Name == "near":
					add(n.Args[3])
				case sel.Sel.Name == "Errorf":
					add(n.Args[0])
				}
			case *ast.KeyValueExpr:
				if k, ok := n.Key.(*ast.Ident); ok && k.Name == "Text" {
					add(n.Value)
				}
			}
			return true
		})
	}
	return out
}
