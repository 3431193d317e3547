package measure

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// The units that a binary built with an overlay adds to each result, beside those of the benchmark.
const (
	unitCPU = "cpu-ns/op"
	unitOwn = "own-ns/op"
	// unitProcs marks a benchmark that called RunParallel; its value is GOMAXPROCS.
	unitProcs = "parallel-procs"
)

// clocks is the file that is added to package testing: it reads the clocks.
//
//go:embed clocks.go.txt
var clocks []byte

// Overlay prepares test binaries whose results also tell what the clocks of their process showed
// inside the benchmark timer. It writes into dir, which must stay until all is built, and returns the
// path of the file to give to go test -c -overlay, and what to add to the environment of that command. Goroot is the directory of the toolchain, as go env GOROOT prints it in the directory of
// the build; the command to run is its bin/go, since one found elsewhere may be of another version.
//
// On systems other than Linux the error is errors.ErrUnsupported; a testing package that is not as
// expected is an error too, and then the benchmarks can be built without.
func Overlay(goroot, dir string) (path string, env []string, err error) {
	if runtime.GOOS != "linux" {
		return "", nil, fmt.Errorf("the clocks inside the benchmark timer: needs linux: %w", errors.ErrUnsupported)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", nil, fmt.Errorf("place the overlay: %w", err)
	}
	if goroot == "" {
		return "", nil, errors.New("the directory of the toolchain is not known")
	}
	// From Go 1.25 on nothing in the module cache may be replaced, and there is where a toolchain
	// that the go command fetched lies. By way of a link it lies elsewhere.
	link := filepath.Join(dir, "goroot")
	if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", nil, fmt.Errorf("write the overlay: %w", err)
	}
	if err := os.Symlink(goroot, link); err != nil {
		return "", nil, fmt.Errorf("write the overlay: %w", err)
	}
	testing := filepath.Join(link, "src", "testing")
	src, err := os.ReadFile(filepath.Join(testing, "benchmark.go"))
	if err != nil {
		return "", nil, fmt.Errorf("read the testing package: %w", err)
	}
	patched, err := patchBenchmark(src)
	if err != nil {
		return "", nil, fmt.Errorf("patch the testing package: %w", err)
	}
	replace := map[string]string{}
	for _, f := range []struct {
		name string
		text []byte
	}{{"benchmark.go", patched}, {"perfgate_linux.go", clocks}} {
		at := filepath.Join(dir, f.name)
		if err := os.WriteFile(at, f.text, 0o600); err != nil {
			return "", nil, fmt.Errorf("write the overlay: %w", err)
		}
		replace[filepath.Join(testing, f.name)] = at
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", nil, fmt.Errorf("write the overlay: %w", err)
	}
	path = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", nil, fmt.Errorf("write the overlay: %w", err)
	}
	return path, []string{"GOROOT=" + link, "GOTOOLCHAIN=local"}, nil
}

// An anchor is a statement of benchmark.go beside which a call goes: the one that assigns to a field
// of the receiver in a method of B.
type anchor struct {
	method, field string
	op            token.Token
	after         bool
	call          string // on the receiver
}

// anchors puts the readings outside what the wall clock times, and next to its readings.
var anchors = []anchor{
	{method: "StartTimer", field: "start", op: token.ASSIGN, call: "perfgate.begin()"},
	{method: "StopTimer", field: "duration", op: token.ADD_ASSIGN, after: true, call: "perfgate.end()"},
	{method: "ResetTimer", field: "start", op: token.ASSIGN, call: "perfgate.begin()"},
	{method: "ResetTimer", field: "duration", op: token.ASSIGN, call: "perfgate.reset()"},
	{method: "launch", field: "result", op: token.ASSIGN, call: "perfgateReport()"},
}

// patchBenchmark returns the text of the standard library's testing/benchmark.go with the calls that
// read the clocks. It fails where the text is not as expected, rather than guess.
func patchBenchmark(src []byte) ([]byte, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "benchmark.go", src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	type edit struct {
		at   int
		text string
	}
	var edits []edit
	insert := func(at token.Pos, text string) {
		edits = append(edits, edit{fset.File(file.FileStart).Offset(at), text})
	}

	fields, err := structB(file)
	if err != nil {
		return nil, err
	}
	insert(fields.Opening+1, " perfgate perfgateTimer;")

	known := map[ast.Stmt]bool{}
	for _, a := range anchors {
		fn, recv, err := methodB(file, a.method)
		if err != nil {
			return nil, err
		}
		var found []ast.Stmt
		for _, s := range assignments(fn.Body, a.field) {
			if s.Tok == a.op && isField(s.Lhs[0], recv, a.field) {
				found = append(found, s)
			}
		}
		if len(found) != 1 {
			return nil, fmt.Errorf("method %s has %d statements of the form %s.%s %s, not 1", a.method, len(found), recv, a.field, a.op)
		}
		known[found[0]] = true
		if a.after {
			insert(found[0].End(), "; "+recv+"."+a.call)
		} else {
			insert(found[0].Pos(), recv+"."+a.call+"; ")
		}
	}
	// A timer that is started or stopped in some other place would be read wrong.
	for _, field := range []string{"start", "duration"} {
		for _, s := range assignments(file, field) {
			if !known[s] {
				return nil, fmt.Errorf("line %d: %s is set in a place that is not known", fset.PositionFor(s.Pos(), false).Line, field)
			}
		}
	}

	fn, recv, err := methodB(file, "RunParallel")
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(file.Imports, func(s *ast.ImportSpec) bool { return s.Name == nil && s.Path.Value == `"runtime"` }) {
		return nil, errors.New("package runtime is not imported")
	}
	insert(fn.Body.Lbrace+1, " "+recv+".perfgate.procs = int64(runtime.GOMAXPROCS(0));")

	slices.SortStableFunc(edits, func(a, b edit) int { return a.at - b.at })
	var out []byte
	done := 0
	for _, e := range edits {
		out = append(append(out, src[done:e.at]...), e.text...)
		done = e.at
	}
	out = append(out, src[done:]...)
	if _, err := parser.ParseFile(token.NewFileSet(), "benchmark.go", out, parser.SkipObjectResolution); err != nil {
		return nil, fmt.Errorf("the patched text is wrong: %w", err)
	}
	return out, nil
}

// structB returns the fields of type B.
func structB(file *ast.File) (*ast.FieldList, error) {
	var found []*ast.FieldList
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range g.Specs {
			t, ok := s.(*ast.TypeSpec)
			if !ok || t.Name.Name != "B" {
				continue
			}
			if s, ok := t.Type.(*ast.StructType); ok {
				found = append(found, s.Fields)
			}
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("type B is declared as a struct %d times, not once", len(found))
	}
	for _, f := range found[0].List {
		if slices.ContainsFunc(f.Names, func(n *ast.Ident) bool { return n.Name == "perfgate" }) {
			return nil, errors.New("type B is patched already")
		}
	}
	return found[0], nil
}

// methodB returns the method of *B with a name, and how it calls its receiver.
func methodB(file *ast.File, name string) (*ast.FuncDecl, string, error) {
	var found *ast.FuncDecl
	var recv string
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Name.Name != name || f.Recv == nil || len(f.Recv.List) != 1 {
			continue
		}
		r := f.Recv.List[0]
		star, ok := r.Type.(*ast.StarExpr)
		if !ok {
			continue
		}
		if id, ok := star.X.(*ast.Ident); !ok || id.Name != "B" {
			continue
		}
		if found != nil {
			return nil, "", fmt.Errorf("method %s is declared twice", name)
		}
		if f.Body == nil || len(r.Names) != 1 || r.Names[0].Name == "_" {
			return nil, "", fmt.Errorf("method %s has no body or no name for its receiver", name)
		}
		found, recv = f, r.Names[0].Name
	}
	if found == nil {
		return nil, "", fmt.Errorf("method %s is not found", name)
	}
	return found, recv, nil
}

// assignments lists the statements under n that assign to a field of that name, whatever it is a
// field of. One that is the clause of another statement counts as well: nothing can go beside it,
// and the patched text would not parse.
func assignments(n ast.Node, field string) []*ast.AssignStmt {
	var out []*ast.AssignStmt
	ast.Inspect(n, func(n ast.Node) bool {
		if s, ok := n.(*ast.AssignStmt); ok {
			for _, e := range s.Lhs {
				if sel, ok := e.(*ast.SelectorExpr); ok && sel.Sel.Name == field {
					out = append(out, s)
					break
				}
			}
		}
		return true
	})
	return out
}

// isField reports whether e is the field of the variable.
func isField(e ast.Expr, variable, field string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != field {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && id.Name == variable
}

// checkOverlay returns an error if one result of a binary built with an overlay cannot be: then the
// clocks of this machine do not mean what is hoped. SecPerOp is the wall time per iteration in
// seconds; own and cpu are in nanoseconds per iteration, own negative where it was not reported. Procs
// is the number of processors that the process could use. A benchmark that reports ns/op itself must
// not be asked: its wall time is not known.
func checkOverlay(secPerOp, own, cpu float64, iterations, procs int) error {
	// The clocks are read one after the other, at each start and stop: that much they may differ.
	const (
		perOp  = 5e4 // for a benchmark that stops the timer in each iteration, with what the collector does then
		perRun = 1e5
	)
	slack := perOp + perRun/float64(iterations)
	most := 1.1*secPerOp*1e9 + slack
	switch {
	case iterations < 1 || procs < 1:
		return fmt.Errorf("%d iterations on %d processors is not a run", iterations, procs)
	case !(cpu >= 0) || cpu == 0 && secPerOp*float64(iterations) > 1e-5:
		// Nothing at all is what a benchmark that times next to nothing may take.
		return fmt.Errorf("CPU time of %g ns per iteration", cpu)
	case !(cpu <= most*float64(procs)):
		return fmt.Errorf("CPU time of %g ns per iteration in %g s on %d processors", cpu, secPerOp, procs)
	case own >= 0 && !(own <= most && own*float64(procs) >= cpu-slack):
		return fmt.Errorf("own time of %g ns per iteration, %g ns of it on %d processors, in %g s", own, cpu, procs, secPerOp)
	case own != own:
		return fmt.Errorf("own time of %g ns per iteration", own)
	}
	return nil
}
