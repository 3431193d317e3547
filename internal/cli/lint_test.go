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
	"slices"
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
// testdata/lint, whose first line is the command. An example with waivers or renames is a directory, since
// the names of their files say what they are; the command is the first line of its budgets.yaml.
func TestLintGolden(t *testing.T) {
	here, err := filepath.Abs("testdata/lint")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(here)
	names, _ := filepath.Glob("*.yaml")
	dirs, _ := filepath.Glob("*/budgets.yaml")
	for _, file := range append(names, dirs...) {
		name := strings.TrimSuffix(filepath.ToSlash(file), "/budgets.yaml")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
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

// What cannot stand in testdata/lint: the file that shows the message, and the words of it there.
var shownElsewhere = map[string][2]string{
	// The command line always says which day it is.
	"%s holds until %s, and nobody says which day it is": {"../gate/waive_test.go", "nobody says which day it is"},
	// Told of a suite that was built, before anything is measured.
	"%s is said to be called %s, and there is no function %s": {"testdata/script/rename.txtar", ", and there is no function "},
}

// Every message of the gate about budgets stands in an expected file.
func TestEveryLintMessageHasItsGolden(t *testing.T) {
	read := func(name string) string {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	var said strings.Builder
	goldens, _ := filepath.Glob("testdata/lint/*.txt")
	for _, name := range goldens {
		said.WriteString(read(name))
	}
	formats := gateMessages(t)
	if len(formats) < 22 {
		t.Fatalf("only %d messages found in the gate: %q", len(formats), formats)
	}
	verb := regexp.MustCompile(`%[+#.0-9]*[a-zA-Z]`)
	for _, format := range formats {
		var parts []string
		for _, part := range verb.Split(strings.ReplaceAll(format, "%%", "\x00"), -1) {
			parts = append(parts, regexp.QuoteMeta(strings.ReplaceAll(part, "\x00", "%")))
		}
		if elsewhere, ok := shownElsewhere[format]; ok {
			if !strings.Contains(format, elsewhere[1]) || !strings.Contains(read(elsewhere[0]), elsewhere[1]) {
				t.Errorf("%s does not show the message %q", elsewhere[0], format)
			}
			continue
		}
		if !regexp.MustCompile(strings.Join(parts, ".+")).MatchString(said.String()) {
			t.Errorf("no file of testdata/lint shows the message %q: add one that gives it", format)
		}
	}
	for format := range shownElsewhere { // any order: each is looked for
		if !slices.Contains(formats, format) {
			t.Errorf("the gate has no message %q any more", format)
		}
	}
}

// gateMessages lists the formats of the problems that package gate finds in budgets: what the field Text of
// a Problem is made with or set to later, and what the functions return whose result it is.
func gateMessages(t *testing.T) (formats []string) {
	t.Helper()
	fset := token.NewFileSet()
	names, _ := filepath.Glob("../gate/*.go")
	var files []*ast.File
	returns := map[string][]ast.Expr{} // of each function of one result
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) == 1 {
					returns[fn.Name.Name] = append(returns[fn.Name.Name], r.Results[0])
				}
				return true
			})
		}
	}
	var message func(fn *ast.FuncDecl, text ast.Expr)
	message = func(fn *ast.FuncDecl, text ast.Expr) {
		switch x := text.(type) {
		case *ast.BasicLit:
			s, err := strconv.Unquote(x.Value)
			if err != nil {
				t.Fatal(err)
			}
			if s != "" {
				formats = append(formats, s)
			}
			return
		case *ast.CallExpr:
			switch called := x.Fun.(type) {
			case *ast.SelectorExpr:
				if called.Sel.Name == "Sprintf" {
					message(fn, x.Args[0])
					return
				}
			case *ast.Ident:
				for _, r := range returns[called.Name] {
					message(fn, r)
				}
				if len(returns[called.Name]) > 0 {
					return
				}
			}
		case *ast.Ident:
			// A variable of the function: all that it is set to.
			found := false
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				if a, ok := n.(*ast.AssignStmt); ok && len(a.Lhs) == len(a.Rhs) {
					for i, l := range a.Lhs {
						if id, ok := l.(*ast.Ident); ok && id.Name == x.Name {
							found = true
							message(fn, a.Rhs[i])
						}
					}
				}
				return true
			})
			if found {
				return
			}
		}
		t.Errorf("%s: what this message says is not understood: have gateMessages read it", fset.Position(text.Pos()))
	}
	isProblem := func(e ast.Expr) bool {
		lit, ok := e.(*ast.CompositeLit)
		if !ok {
			return false
		}
		sel, ok := lit.Type.(*ast.SelectorExpr)
		return ok && sel.Sel.Name == "Problem"
	}
	for _, f := range files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			problems := map[string]bool{} // variables
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CompositeLit:
					if !isProblem(n) {
						return true
					}
					for _, e := range n.Elts {
						kv, ok := e.(*ast.KeyValueExpr)
						if !ok {
							t.Errorf("%s: name the fields of a Problem", fset.Position(e.Pos()))
						} else if kv.Key.(*ast.Ident).Name == "Text" {
							message(fn, kv.Value)
						}
					}
				case *ast.AssignStmt:
					for i, l := range n.Lhs {
						if id, ok := l.(*ast.Ident); ok && len(n.Lhs) == len(n.Rhs) && isProblem(n.Rhs[i]) {
							problems[id.Name] = true
						}
						sel, ok := l.(*ast.SelectorExpr)
						if !ok || sel.Sel.Name != "Text" {
							continue
						}
						if id, ok := sel.X.(*ast.Ident); ok && problems[id.Name] {
							message(fn, n.Rhs[i])
						}
					}
				}
				return true
			})
		}
	}
	return formats
}
