package cli

import (
	"bytes"
	"context"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/gate"
)

var update = flag.Bool("update", false, "write the expected files in testdata anew")

// golden compares what was got with an expected file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("%v; run go test ./internal/cli -update and read what it wrote", err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// runs perfgate within the test and returns what it printed and its exit code.
func runs(args ...string) (stdout, stderr string, code int) {
	var out, err bytes.Buffer
	code = Main(context.Background(), append([]string{"perfgate"}, args...), Streams{Out: &out, Err: &err})
	return out.String(), err.String(), code
}

// The mistakes of budgets that only show beside samples are told as stands beside each example in
// testdata/lint, whose first line is the command.
func TestLintGolden(t *testing.T) {
	here, err := filepath.Abs("testdata/lint")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(here)
	names, _ := filepath.Glob("*.yaml")
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(data), "\n")
			args := strings.Fields(strings.ReplaceAll(strings.TrimPrefix(first, "# perfgate "), "FILE", name))
			stdout, stderr, code := runs(args...)
			if code != gate.ExitMisuse || stdout != "" {
				t.Errorf("exit code %d, stdout %q, stderr %s", code, stdout, stderr)
			}
			golden(t, strings.TrimSuffix(name, ".yaml")+".txt", stderr)
		})
	}
}

// Every message of the gate about budgets stands in an expected file.
func TestEveryLintMessageHasItsGolden(t *testing.T) {
	var said strings.Builder
	goldens, _ := filepath.Glob("testdata/lint/*.txt")
	for _, name := range goldens {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		said.Write(data)
	}
	formats := gateMessages(t)
	if len(formats) < 9 {
		t.Fatalf("only %d messages found in the gate: %q", len(formats), formats)
	}
	verb := regexp.MustCompile(`%[+#.0-9]*[a-zA-Z]`)
	for _, format := range formats {
		var parts []string
		for _, part := range verb.Split(format, -1) {
			parts = append(parts, regexp.QuoteMeta(part))
		}
		if !regexp.MustCompile(strings.Join(parts, ".+")).MatchString(said.String()) {
			t.Errorf("no file of testdata/lint shows the message %q: add one that gives it", format)
		}
	}
}

// gateMessages lists the formats of the problems that package gate finds in budgets.
func gateMessages(t *testing.T) (formats []string) {
	t.Helper()
	names, _ := filepath.Glob("../gate/*.go")
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			if sel, ok := lit.Type.(*ast.SelectorExpr); !ok || sel.Sel.Name != "Problem" {
				return true
			}
			for _, e := range lit.Elts {
				kv, ok := e.(*ast.KeyValueExpr)
				if !ok || kv.Key.(*ast.Ident).Name != "Text" {
					continue
				}
				text := kv.Value
				if call, ok := text.(*ast.CallExpr); ok {
					text = call.Args[0]
				}
				s, err := strconv.Unquote(text.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				formats = append(formats, s)
			}
			return true
		})
	}
	return formats
}
