package perfgate_test

import (
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A rule is one thing that holds for every Go file of the repository.
type rule struct {
	name  string
	check func(u *unit) []violation
}

var rules = []rule{
	{"imports", checkImports},
	{"exit", checkExit},
	{"print", checkPrint},
	{"pure", checkPure},
	{"clock", checkClock},
	{"sleep", checkSleep},
	{"random", checkRandom},
	{"state", checkState},
	{"order", checkOrder},
	{"messages", checkMessages},
	{"skips", checkSkips},
	{"loops", checkLoops},
	{"package comments", checkPackageComment},
	{"comments", checkComments},
}

// A layer is a row of the table of who may import whom. Everything not named is not allowed.
type layer struct {
	dir      string   // a path.Match pattern
	ours     []string // path.Match patterns of the directories of this module that it may import
	tests    []string // and those that only its tests may
	foreign  []string // packages of other modules
	foreignT []string // and those that only its tests may import
}

// Rapid is for every test; the sole user of each other dependency is the one row that names it.
const rapid = "pgregory.net/rapid"

var layers = []layer{
	{dir: "."},
	{dir: "cmd/perfgate", ours: []string{"internal/cli"}},
	{dir: "cmd/simulate", ours: []string{"protocols/simulation"}},
	{
		dir: "internal/cli",
		ours: []string{
			"internal/budget", "internal/measure", "internal/sample", "internal/baseline", "internal/gate", "internal/prove", "internal/replay", "internal/bottleneck", "report", "internal/github",
		},
		foreign: []string{"github.com/urfave/cli/v2"}, foreignT: []string{"github.com/rogpeppe/go-internal/testscript"},
	},
	{
		dir: "report", ours: []string{"internal/gate", "internal/bottleneck"},
		// Comments are looked at as GitHub renders them.
		foreignT: []string{"github.com/yuin/goldmark", "github.com/yuin/goldmark/extension", "github.com/yuin/goldmark/renderer/html"},
	},
	{dir: "internal/bottleneck", foreign: []string{"github.com/google/pprof/profile"}},
	{
		dir: "internal/gate", ours: []string{"internal/budget", "internal/sample"}, foreign: []string{"github.com/aclements/go-moremath/stats"},
		foreignT: []string{"github.com/santhosh-tekuri/jsonschema/v6"},
	},
	{dir: "internal/prove", ours: []string{"internal/budget", "internal/gate", "internal/sample"}},
	{
		dir: "internal/replay", ours: []string{"internal/gate", "internal/sample", "internal/budget"},
		foreign: []string{"golang.org/x/perf/benchfmt", "github.com/aclements/go-moremath/stats"},
	},
	{dir: "internal/baseline", ours: []string{"internal/sample"}, foreign: []string{"golang.org/x/mod/semver"}},
	{
		dir: "internal/measure", foreign: []string{"golang.org/x/mod/semver", "golang.org/x/sys/unix"},
		foreignT: []string{"golang.org/x/perf/benchfmt"},
	},
	{dir: "internal/sample", foreign: []string{"golang.org/x/perf/benchfmt", "golang.org/x/perf/benchunit"}},
	{
		dir: "internal/budget", foreign: []string{"gopkg.in/yaml.v3", "golang.org/x/perf/benchunit"},
		foreignT: []string{"github.com/santhosh-tekuri/jsonschema/v6"},
	},
	{dir: "internal/github", foreign: []string{"github.com/google/go-github/v60/github"}},
	// The text that benchmarks print is read back as the gate reads it: the format is what joins the two.
	{dir: "benchmarks", ours: []string{"protocols", "protocols/*"}, foreignT: []string{"golang.org/x/perf/benchfmt"}},
	{dir: "protocols", tests: []string{"protocols/simnet"}, foreign: []string{"github.com/klauspost/reedsolomon"}},
	{
		dir: "protocols/journal", ours: []string{"protocols", "protocols/antientropy"}, tests: []string{"protocols/simnet"},
		foreign: []string{"github.com/klauspost/reedsolomon"},
	},
	{dir: "protocols/signature", ours: []string{"protocols"}, foreign: []string{"filippo.io/edwards25519"}},
	{dir: "protocols/receipt", ours: []string{"protocols", "protocols/signature"}},
	{dir: "protocols/antientropy", ours: []string{"protocols", "protocols/cells", "protocols/signature"}, tests: []string{"protocols/simnet"}},
	{dir: "protocols/quorum", ours: []string{"protocols", "protocols/signature"}},
	{dir: "protocols/epoch", ours: []string{"protocols", "protocols/signature", "protocols/quorum"}, tests: []string{"protocols/simnet"}},
	{
		dir: "protocols/snapshot", ours: []string{"protocols", "protocols/signature", "protocols/quorum", "protocols/chunk", "protocols/antientropy"},
		tests: []string{"protocols/simnet", "protocols/explore"},
	},
	{dir: "protocols/chunk", ours: []string{"protocols"}, tests: []string{"protocols/simnet"}},
	{
		dir: "protocols/ota", ours: []string{"protocols", "protocols/signature", "protocols/quorum", "protocols/chunk"}, tests: []string{"protocols/simnet"},
		foreign: []string{"github.com/klauspost/compress/zstd"},
	},
	// What simnet says, held against the kernel's network stack.
	{dir: "protocols/truth", tests: []string{"protocols", "protocols/simnet"}, foreignT: []string{"golang.org/x/sys/unix"}},
	// Whole worlds: every protocol on the network.
	{dir: "protocols/simulation", ours: []string{"protocols", "protocols/*"}},
	{dir: "protocols/*", ours: []string{"protocols"}, tests: []string{"protocols/simnet"}},
}

func checkImports(u *unit) []violation {
	i := slices.IndexFunc(layers, func(l layer) bool { return matches([]string{l.dir}, u.dir) })
	if i < 0 {
		return []violation{u.violation(u.files[0].Name, "directory %s is not in the table of who may import whom (layers in rules_test.go); add a row, with the reason in the commit", u.dir)}
	}
	l := layers[i]
	var out []violation
	for _, f := range u.files {
		for _, imp := range f.Imports {
			of, _ := strconv.Unquote(imp.Path.Value)
			if imp.Name != nil && imp.Name.Name == "." {
				out = append(out, u.violation(imp, "imports %s as a dot, which hides where a name is from", of))
			}
			ours, foreign := l.ours, l.foreign
			if f.test {
				// An external test imports what it tests.
				ours = slices.Concat(ours, l.tests, []string{u.dir})
				foreign = slices.Concat(foreign, l.foreignT, []string{rapid})
			}
			switch dir, own := strings.CutPrefix(of, module+"/"); {
			case own && !matches(ours, dir):
				out = append(out, u.violation(imp, "%s imports %s; it may import of ours: %s", u.dir, dir, list(ours)))
			case !own && of != module && strings.Contains(strings.Split(of, "/")[0], ".") && !slices.Contains(foreign, of):
				out = append(out, u.violation(imp, "%s imports %s; it may import of others: %s", u.dir, of, list(foreign)))
			}
		}
	}
	return out
}

func matches(patterns []string, dir string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(p, dir)
		return ok
	})
}

func list(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

// Only main ends the process: anything deferred elsewhere would not run, work trees and child
// processes would stay. In tests TestMain may.
func checkExit(u *unit) []violation {
	var out []violation
	for _, r := range u.refs() {
		ends := r.is("os", "Exit") || r.is("syscall", "Exit") || r.is("log", "Fatal", "Fatalf", "Fatalln", "Panic", "Panicf", "Panicln")
		may := r.file.test && r.in == "TestMain" || matches([]string{"cmd/*/main.go"}, r.file.path)
		if ends && !may {
			out = append(out, u.violation(r.node, "uses %s; only cmd/*/main.go ends the process: return an error", r))
		}
	}
	return out
}

// Only internal/cli speaks to people. Tests may print what they like.
func checkPrint(u *unit) []violation {
	if under(u.dir, "internal/cli", "cmd") {
		return nil
	}
	var out []violation
	for _, r := range u.refs() {
		prints := r.is("os", "Stdout", "Stderr", "Stdin") || r.is("fmt", "Print", "Printf", "Println") || r.is("log") || r.is("log/slog")
		if prints && !r.file.test {
			out = append(out, u.violation(r.node, "uses %s; only internal/cli and cmd print: take an io.Writer or return an error", r))
		}
	}
	for id, obj := range u.info.Uses {
		b, ok := obj.(*types.Builtin)
		if ok && (b.Name() == "print" || b.Name() == "println") && !isTest(u.fset.Position(id.Pos()).Filename) {
			out = append(out, u.violation(id, "uses %s, which writes to standard error; only internal/cli and cmd print", b.Name()))
		}
	}
	return out
}

func isTest(name string) bool { return strings.HasSuffix(name, "_test.go") }

// The packages that do no input or output beyond the reader or writer handed to them.
var pure = []string{"internal/gate", "internal/prove", "internal/budget", "internal/replay", "internal/bottleneck", "report", "protocols"}

// impure is what a pure package does not import, by path or the path's first elements.
var impure = []string{
	"crypto/rand", "database/sql", "expvar", "io/ioutil", "log", "net", "os", "plugin", "runtime/debug", "runtime/metrics", "syscall", "testing", "unsafe",
}

// adapters are the packages among the pure ones that stand between these and the machine, each with
// what it may import nevertheless, and what its tests may.
var adapters = map[string]struct{ code, tests []string }{
	"protocols/disk":  {code: []string{"os"}, tests: []string{"os/exec"}},
	"protocols/truth": {tests: []string{"net", "net/netip"}},
	// Pages are looked at in a browser.
	"report": {tests: []string{"os/exec"}},
}

var filesystem = []string{"Abs", "EvalSymlinks", "Glob", "Walk", "WalkDir"}

func checkPure(u *unit) []violation {
	if !under(u.dir, pure...) {
		return nil
	}
	var out []violation
	for _, f := range u.files {
		banned, may := impure, adapters[u.dir].code
		if f.test {
			// Tests read their expected files. No test of a protocol opens a socket or starts a program.
			banned, may = []string{"net", "os/exec", "syscall"}, adapters[u.dir].tests
		}
		for _, imp := range f.Imports {
			if of, _ := strconv.Unquote(imp.Path.Value); under(of, banned...) && !slices.Contains(may, of) {
				out = append(out, u.violation(imp, "imports %s; %s does no input or output of its own and asks nothing of the machine: take what it needs as an argument", of, u.dir))
			}
		}
		if f.test {
			continue
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				out = append(out, u.violation(g, "starts a goroutine; %s is single-threaded, so that the same input gives the same bytes", u.dir))
			}
			return true
		})
	}
	for _, r := range u.refs() {
		if !r.file.test && (r.is("path/filepath", filesystem...) || r.is("runtime", "NumCPU", "GOMAXPROCS", "NumGoroutine", "ReadMemStats")) {
			out = append(out, u.violation(r.node, "uses %s; %s asks nothing of the machine: take it as an argument", r, u.dir))
		}
	}
	return out
}

// clock is what of package time depends on when or where a program runs.
var clock = []string{"After", "AfterFunc", "LoadLocation", "Local", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"}

func checkClock(u *unit) []violation {
	// The comparison with a real network takes real time, and synctest, an opponent of simnet, stands in
	// for package time itself.
	virtual := under(u.dir, "protocols", "benchmarks") && u.dir != "protocols/truth" && u.dir != "benchmarks/opponents"
	if !virtual && !under(u.dir, pure...) {
		return nil
	}
	var out []violation
	for _, r := range u.refs() {
		// Protocols run in virtual time, in their tests and benchmarks too.
		if r.is("time", clock...) && (virtual || !r.file.test) {
			out = append(out, u.violation(r.node, "uses %s; %s knows no clock: take the time as an argument", r, u.dir))
		}
	}
	return out
}

// waits are the places that may sleep: where the thing waited for is another process, which gives
// no sign but a file or its end.
var waits = []string{"internal/cli/script_test.go"}

func checkSleep(u *unit) []violation {
	if under(u.dir, "internal/measure") {
		return nil
	}
	var out []violation
	for _, r := range u.refs() {
		if r.is("time", "Sleep") && !slices.Contains(waits, r.file.path) {
			out = append(out, u.violation(r.node, "sleeps; wait for what has to happen, or make the clock an argument"))
		}
	}
	return out
}

// Every random number of a protocol, a scenario or a test comes from a seed that can be given again.
func checkRandom(u *unit) []violation {
	if under(u.dir, "internal/measure") {
		return nil
	}
	var out []violation
	for _, f := range u.files {
		for _, imp := range f.Imports {
			switch of, _ := strconv.Unquote(imp.Path.Value); {
			case of == "math/rand":
				out = append(out, u.violation(imp, "imports math/rand, whose sources are seeded by chance and slow; use math/rand/v2 with a seeded PCG"))
			case of == "crypto/rand" && under(u.dir, "protocols", "benchmarks"):
				out = append(out, u.violation(imp, "imports crypto/rand, which cannot be seeded; take an io.Reader"))
			}
		}
	}
	for _, r := range u.refs() {
		if !r.is("math/rand/v2") || strings.HasPrefix(r.name, "New") || slices.Contains([]string{"Rand", "Source", "PCG", "ChaCha8", "Zipf"}, r.name) {
			continue
		}
		out = append(out, u.violation(r.node, "uses the global generator in %s, which is seeded by chance; use a seeded *rand.Rand", r))
	}
	return out
}

// constant is what a package-level variable of a pure package may be made with: things that are
// compiled or composed once and then only read.
var constant = map[string][]string{
	"errors": {"New"}, "regexp": {"MustCompile"}, "strings": {"NewReplacer"}, "text/template": {"Must"}, "html/template": {"Must"},
}

// writers are functions that change their first argument.
var writers = map[string][]string{
	"slices": {"Sort", "SortFunc", "SortStableFunc", "Reverse", "Delete", "DeleteFunc", "Insert", "Compact", "CompactFunc", "Replace"},
	"sort":   {"Sort", "Stable", "Slice", "SliceStable", "Ints", "Strings", "Float64s"},
	"maps":   {"Copy", "DeleteFunc", "Insert"},
}

// checkState finds package-level variables of pure packages that change, or look as if they could.
func checkState(u *unit) []violation {
	if !under(u.dir, pure...) {
		return nil
	}
	var out []violation
	for _, f := range u.files {
		if f.test {
			continue
		}
		for _, decl := range f.Decls {
			g, ok := decl.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				for i, name := range v.Names {
					if name.Name != "_" && !embedded(g, v) && (len(v.Values) != len(v.Names) || !u.constantValue(v.Values[i])) {
						out = append(out, u.violation(name, "package-level variable %s is not a table, an error or a compiled pattern; keep state in a value that the caller owns", name.Name))
					}
				}
			}
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			for _, e := range u.written(n) {
				if id := root(e); id != nil && u.global(id) {
					out = append(out, u.violation(id, "writes package-level variable %s, which is shared by all callers", id.Name))
				}
			}
			return true
		})
	}
	return out
}

// embedded reports whether v is filled by a go:embed line.
func embedded(g *ast.GenDecl, v *ast.ValueSpec) bool {
	for _, doc := range []*ast.CommentGroup{g.Doc, v.Doc} {
		if doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") }) {
			return true
		}
	}
	return false
}

func (u *unit) constantValue(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit, *ast.CompositeLit, *ast.FuncLit:
		return true
	case *ast.CallExpr:
		if sel, ok := e.Fun.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok {
				p, ok := u.info.Uses[x].(*types.PkgName)
				return ok && slices.Contains(constant[p.Imported().Path()], sel.Sel.Name)
			}
		}
		_, conversion := e.Fun.(*ast.ArrayType)
		return conversion
	}
	return false
}

// written lists the expressions that n assigns to, takes the address of, or has changed by a call.
func (u *unit) written(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			return []ast.Expr{n.X}
		}
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			return []ast.Expr{n.Key, n.Value}
		}
	case *ast.CallExpr:
		if len(n.Args) == 0 {
			return nil
		}
		switch fun := n.Fun.(type) {
		case *ast.Ident:
			if b, ok := u.info.Uses[fun].(*types.Builtin); ok && slices.Contains([]string{"clear", "copy", "delete"}, b.Name()) {
				return n.Args[:1]
			}
		case *ast.SelectorExpr:
			if x, ok := fun.X.(*ast.Ident); ok {
				if p, ok := u.info.Uses[x].(*types.PkgName); ok && slices.Contains(writers[p.Imported().Path()], fun.Sel.Name) {
					return n.Args[:1]
				}
			}
		}
	}
	return nil
}

// root is the variable that e is a part of, nil if e is a part of something computed.
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		default:
			return nil
		}
	}
}

func (u *unit) global(id *ast.Ident) bool {
	v, ok := u.info.Uses[id].(*types.Var)
	return ok && v.Parent() != nil && v.Parent() == u.pkg.Scope()
}

// anyOrder marks a range over a map whose order cannot be seen outside; the reason follows.
const anyOrder = "any order: "

// checkOrder finds ranges over maps, whose order differs from run to run.
func checkOrder(u *unit) []violation {
	var out []violation
	for _, f := range u.files {
		if f.test {
			continue
		}
		sorted := map[ast.Node]bool{}
		ast.Inspect(f.File, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.RangeStmt:
				t := u.info.Types[n.X].Type
				if t == nil {
					return true
				}
				if _, ok := t.Underlying().(*types.Map); ok && !u.excused(f, n) && !u.collects(f, n) {
					out = append(out, u.violation(n, "ranges over a map, in another order each time; range over slices.Sorted(maps.Keys(m)), or say in a comment %q why it cannot be seen", anyOrder+"..."))
				}
			case *ast.CallExpr:
				switch name := u.callee(n); {
				case slices.Contains([]string{"slices.Sorted", "slices.SortedFunc", "slices.SortedStableFunc"}, name) && len(n.Args) > 0:
					sorted[n.Args[0]] = true
				case slices.Contains([]string{"maps.Keys", "maps.Values", "maps.All"}, name) && !sorted[n] && !u.excused(f, n):
					out = append(out, u.violation(n, "uses %s unsorted; wrap it in slices.Sorted, or say in a comment %q why its order cannot be seen", name, anyOrder+"..."))
				}
			}
			return true
		})
	}
	return out
}

// collects reports whether n only appends to a slice that is sorted further down.
func (u *unit) collects(f *file, n *ast.RangeStmt) bool {
	if len(n.Body.List) != 1 {
		return false
	}
	assign, ok := n.Body.List[0].(*ast.AssignStmt)
	if !ok || len(assign.Lhs) != 1 {
		return false
	}
	into, ok := assign.Lhs[0].(*ast.Ident)
	if !ok {
		return false
	}
	call, ok := assign.Rhs[0].(*ast.CallExpr)
	if !ok {
		return false
	}
	if fun, ok := call.Fun.(*ast.Ident); !ok || fun.Name != "append" {
		return false
	}
	found := false
	ast.Inspect(f.File, func(m ast.Node) bool {
		if call, ok := m.(*ast.CallExpr); ok && call.Pos() > n.End() && len(call.Args) > 0 && strings.HasPrefix(u.callee(call), "slices.Sort") {
			x, ok := call.Args[0].(*ast.Ident)
			found = found || ok && u.info.Uses[x] != nil && u.info.Uses[x] == u.info.Uses[into]
		}
		return true
	})
	return found
}

// excused reports whether a comment that begins with anyOrder and goes on stands at n or right above.
func (u *unit) excused(f *file, n ast.Node) bool {
	line := u.fset.Position(n.Pos()).Line
	for _, g := range f.Comments {
		first, last := u.fset.Position(g.Pos()).Line, u.fset.Position(g.End()).Line
		if (last == line-1 || first == line) && strings.HasPrefix(g.Text(), anyOrder) {
			return true
		}
	}
	return false
}

// callee is the function of another package that call calls, as path.Name, else "".
func (u *unit) callee(call *ast.CallExpr) string {
	if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
		if x, ok := sel.X.(*ast.Ident); ok {
			if p, ok := u.info.Uses[x].(*types.PkgName); ok {
				return p.Imported().Path() + "." + sel.Sel.Name
			}
		}
	}
	return ""
}

var (
	capital  = regexp.MustCompile(`^[A-Z][a-z]`)
	fullStop = regexp.MustCompile(`[.!\n]$`)
	goType   = regexp.MustCompile(`%[+#]*[TV]`)
)

// checkMessages reads the texts of errors.
func checkMessages(u *unit) []violation {
	var out []violation
	for _, f := range u.files {
		if f.test {
			continue
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 || !slices.Contains([]string{"errors.New", "fmt.Errorf"}, u.callee(call)) {
				return true
			}
			text := leading(call.Args[0])
			switch {
			case capital.MatchString(text):
				out = append(out, u.violation(call, "error %q begins with a capital letter; messages are joined to others", text))
			case fullStop.MatchString(text):
				out = append(out, u.violation(call, "error %q ends with a full stop or a new line; messages are joined to others", text))
			case goType.MatchString(text):
				out = append(out, u.violation(call, "error %q prints the name of a Go type, which says nothing to a user", text))
			}
			return true
		})
	}
	return out
}

// leading is the literal that e begins with: all of "a", the first part of "a" + x.
func leading(e ast.Expr) string {
	for {
		b, ok := e.(*ast.BinaryExpr)
		if !ok {
			break
		}
		e = b.X
	}
	lit, ok := e.(*ast.BasicLit)
	if !ok {
		return ""
	}
	text, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return text
}

// checkSkips requires of a skipped test that it says what it needs: .ci/run installs what it can,
// and fails when a test was skipped for want of it.
func checkSkips(u *unit) []violation {
	var out []violation
	for _, f := range u.files {
		if !f.test {
			continue
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) || u.callee(call) != "" {
				return true
			}
			if len(call.Args) == 0 || !strings.HasPrefix(leading(call.Args[0]), "needs ") {
				out = append(out, u.violation(call, `skips without a message that begins "needs " and names what is missing`))
			}
			return true
		})
	}
	return out
}

// checkLoops finds benchmarks that count to b.N: what they compute may be optimised away, and what
// they prepare is measured.
func checkLoops(u *unit) []violation {
	if !under(u.dir, "benchmarks", "internal/replay/corpus") {
		return nil
	}
	var out []violation
	for _, f := range u.files {
		ast.Inspect(f.File, func(n ast.Node) bool {
			var until ast.Expr
			switch n := n.(type) {
			case *ast.ForStmt:
				until = n.Cond
			case *ast.RangeStmt:
				until = n.X
			}
			if until == nil {
				return true
			}
			ast.Inspect(until, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "N" {
					out = append(out, u.violation(sel, "loops to b.N; use b.Loop"))
				}
				return true
			})
			return true
		})
	}
	return out
}

// moreThanOne is a sentence that has ended and something after it.
var moreThanOne = regexp.MustCompile(`[.:]\s+\S`)

// checkPackageComment requires one comment per package, which says more than a name.
func checkPackageComment(u *unit) []violation {
	if strings.HasSuffix(u.name, "_test") && !u.alone {
		return nil
	}
	begin := "Package " + u.name + " "
	if u.name == "main" {
		begin = "Command " + path.Base(u.dir) + " "
	}
	var docs []*ast.CommentGroup
	for _, f := range u.files {
		if f.Doc != nil && f.Doc.Text() != "" {
			docs = append(docs, f.Doc)
		}
	}
	switch {
	case len(docs) == 0:
		return []violation{u.violation(u.files[0].Name, "package %s has no package comment: what it does, what it does not, where it stands in the flow", u.name)}
	case len(docs) > 1:
		return []violation{u.violation(docs[1], "package %s has a second package comment", u.name)}
	case !strings.HasPrefix(docs[0].Text(), begin):
		return []violation{u.violation(docs[0], "the package comment does not begin with %q", begin)}
	case !moreThanOne.MatchString(docs[0].Text()):
		return []violation{u.violation(docs[0], "the package comment is one sentence: what does %s not do, and where does it stand in the flow?", u.name)}
	}
	return nil
}

// checkComments requires a comment for each exported name, beginning with the name.
func checkComments(u *unit) []violation {
	if u.name == "main" {
		return nil
	}
	var out []violation
	require := func(name *ast.Ident, docs ...*ast.CommentGroup) {
		if !name.IsExported() || slices.ContainsFunc(docs, func(d *ast.CommentGroup) bool { return begins(d, name.Name) }) {
			return
		}
		out = append(out, u.violation(name, "exported %s has no comment that begins with its name", name.Name))
	}
	for _, f := range u.files {
		if f.test {
			continue
		}
		for _, decl := range f.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil || ast.IsExported(receiver(d)) {
					require(d.Name, d.Doc)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch s := spec.(type) {
					case *ast.TypeSpec:
						require(s.Name, s.Doc, d.Doc)
					case *ast.ValueSpec:
						if d.Lparen.IsValid() && (described(s.Doc) || described(s.Comment) || described(d.Doc)) {
							// In a group the comment of the group, or beside the name, says it.
							continue
						}
						for _, name := range s.Names {
							require(name, s.Doc, d.Doc)
						}
					}
				}
			}
		}
	}
	return out
}

func described(doc *ast.CommentGroup) bool { return doc != nil && strings.TrimSpace(doc.Text()) != "" }

func begins(doc *ast.CommentGroup, name string) bool {
	if !described(doc) {
		return false
	}
	text := doc.Text()
	for _, article := range []string{"A ", "An ", "The "} {
		text = strings.TrimPrefix(text, article)
	}
	rest, ok := strings.CutPrefix(text, name)
	return ok && (rest == "" || !token.IsIdentifier(rest[:1]))
}

// receiver is the name of the type whose method d is.
func receiver(d *ast.FuncDecl) string {
	e := d.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}
