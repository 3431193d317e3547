// Package perfgate_test holds the repository to its own rules: who may import whom, where the
// program may end, print, read or tell the time, and what must be documented.
//
// A rule is a function from parsed source to a list of violations. It is applied to every Go file
// here, and to small sources that break it (rules_bite_test.go), which must turn it red: a rule that
// cannot fail would be worse than none. The package sees syntax and the types that this repository
// declares. It does not load the standard library or any dependency, and so knows nothing of what
// these return. Nothing imports it; it stands beside the flow.
package perfgate_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/perfgate/perfgate"

// A source is one Go file: its slash-separated path from the root of the repository, and its text.
type source struct{ path, text string }

// A file is a parsed source.
type file struct {
	path string
	test bool
	*ast.File
}

// A unit is what is type-checked together: the files of one directory with one package name.
type unit struct {
	dir, name string
	alone     bool // no other package has files in the directory
	files     []*file
	fset      *token.FileSet
	info      types.Info
	pkg       *types.Package
}

// A violation says where which rule is broken, in words for the person who broke it.
type violation struct {
	pos  token.Position
	text string
}

func (v violation) String() string { return fmt.Sprintf("%s: %s", v.pos, v.text) }

func (u *unit) violation(at ast.Node, format string, args ...any) violation {
	return violation{u.fset.Position(at.Pos()), fmt.Sprintf(format, args...)}
}

// TestRules applies every rule to every Go file of the root module.
func TestRules(t *testing.T) {
	own, _ := repository(t)
	units := load(t, own)
	for _, dir := range []string{"cmd/perfgate", "internal/budget", "internal/cli", "internal/gate", "internal/measure", "protocols", "report"} {
		if !slices.ContainsFunc(units, func(u *unit) bool { return u.dir == dir }) {
			t.Errorf("no Go file of %s was found: either it was moved, and the rules have to follow, or the search is broken", dir)
		}
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, u := range units {
				for _, v := range r.check(u) {
					t.Error(v)
				}
			}
		})
	}
}

// notNested are the rules that nested modules need not keep: what these import is in their go.mod,
// and waiting and talking to sockets may be what they measure.
var notNested = []string{"imports", "sleep", "pure"}

// TestRulesOfNestedModules applies what rules are left to the modules below this one.
func TestRulesOfNestedModules(t *testing.T) {
	_, nested := repository(t)
	units := load(t, nested)
	for _, dir := range []string{"internal/replay/corpus", "benchmarks/opponents"} {
		if !slices.ContainsFunc(units, func(u *unit) bool { return u.dir == dir }) {
			t.Errorf("no Go file of %s was found: either it was moved, or the search is broken", dir)
		}
	}
	for _, r := range rules {
		if slices.Contains(notNested, r.name) {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			for _, u := range units {
				for _, v := range r.check(u) {
					t.Error(v)
				}
			}
		})
	}
}

// repository reads the Go files of this module, and those of modules in directories below it. It walks
// the directory instead of asking git, so that it holds in an archive too.
func repository(t *testing.T) (own, nested []source) {
	t.Helper()
	var modules []string // the directories of nested modules
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if name == "." {
				return nil
			}
			if base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
				return fs.SkipDir
			}
			// The table of who may import whom is of one module: another has requirements of its own.
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
				modules = append(modules, filepath.ToSlash(name))
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		s := source{filepath.ToSlash(name), string(text)}
		if under(s.path, modules...) {
			nested = append(nested, s)
		} else {
			own = append(own, s)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return own, nested
}

// load parses and type-checks sources, whatever system they are for.
func load(t *testing.T, sources []source) []*unit {
	t.Helper()
	l := &loader{fset: token.NewFileSet(), imported: map[string]*types.Package{}}
	for _, s := range sources {
		parsed, err := parser.ParseFile(l.fset, s.path, s.text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("parse: %v", err)
		}
		dir, name := path.Dir(s.path), parsed.Name.Name
		i := slices.IndexFunc(l.units, func(u *unit) bool { return u.dir == dir && u.name == name })
		if i < 0 {
			i = len(l.units)
			l.units = append(l.units, &unit{dir: dir, name: name, fset: l.fset})
		}
		l.units[i].files = append(l.units[i].files, &file{s.path, strings.HasSuffix(s.path, "_test.go"), parsed})
	}
	for _, u := range l.units {
		u.alone = !slices.ContainsFunc(l.units, func(o *unit) bool { return o != u && o.dir == u.dir })
		u.info = types.Info{
			Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{},
		}
		u.pkg = l.check(u, true)
	}
	return l.units
}

// A loader type-checks the packages of this module for one another.
type loader struct {
	fset     *token.FileSet
	units    []*unit
	imported map[string]*types.Package
}

// check type-checks u. What it says of the standard library and of dependencies is empty, and so
// most files have errors; these are the compiler's business.
func (l *loader) check(u *unit, tests bool) *types.Package {
	var files []*ast.File
	for _, f := range u.files {
		if tests || !f.test {
			files = append(files, f.File)
		}
	}
	conf := types.Config{Importer: l, Error: func(error) {}}
	info := &u.info
	if !tests {
		info = nil
	}
	pkg, _ := conf.Check(importPath(u.dir), l.fset, files, info)
	return pkg
}

// Import implements types.Importer. A package of another module is an empty one: enough to know
// which package a name before a dot stands for.
func (l *loader) Import(of string) (*types.Package, error) {
	if pkg := l.imported[of]; pkg != nil {
		return pkg, nil
	}
	pkg := types.NewPackage(of, packageName(of))
	pkg.MarkComplete()
	// Before the check: a cycle, which the compiler reports, must not go round here.
	l.imported[of] = pkg
	for _, u := range l.units {
		if importPath(u.dir) == of && !strings.HasSuffix(u.name, "_test") {
			l.imported[of] = l.check(u, false)
		}
	}
	return l.imported[of], nil
}

func importPath(dir string) string { return strings.TrimSuffix(module+"/"+dir, "/.") }

var versionSuffix = regexp.MustCompile(`[./]v\d+$`)

// packageName guesses a package's name from its path.
func packageName(of string) string {
	return strings.TrimPrefix(path.Base(versionSuffix.ReplaceAllString(of, "")), "go-")
}

// A ref is a mention of a name of another package: os.Exit.
type ref struct {
	file *file
	in   string // the top-level function around it, "" if there is none
	path string // of the package
	name string
	node *ast.SelectorExpr
}

func (r ref) String() string { return packageName(r.path) + "." + r.name }

// is reports whether r is a name of package of, one of names if there are any.
func (r ref) is(of string, names ...string) bool {
	return r.path == of && (len(names) == 0 || slices.Contains(names, r.name))
}

// refs lists what the files of u mention of other packages, under whatever name they import them.
func (u *unit) refs() []ref {
	var out []ref
	for _, f := range u.files {
		for _, decl := range f.Decls {
			in := ""
			if d, ok := decl.(*ast.FuncDecl); ok {
				in = d.Name.Name
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, ok := sel.X.(*ast.Ident); ok {
					if p, ok := u.info.Uses[x].(*types.PkgName); ok {
						out = append(out, ref{f, in, p.Imported().Path(), sel.Sel.Name, sel})
					}
				}
				return true
			})
		}
	}
	return out
}

// under reports whether dir is one of roots or lies below one.
func under(dir string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(r string) bool { return dir == r || strings.HasPrefix(dir, r+"/") })
}

var relativeLink = regexp.MustCompile(`\]\(([^)#\s:]+)(?:#[^)\s]*)?\)`)

// deadLinks lists the relative links of a document that lead to no file.
func deadLinks(name, text string) (dead []string) {
	for _, m := range relativeLink.FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join(filepath.Dir(name), filepath.FromSlash(m[1]))); err != nil {
			dead = append(dead, m[1])
		}
	}
	return dead
}

// TestLinks follows every relative link of the documents, pictures among them.
func TestLinks(t *testing.T) {
	found := 0
	for _, pattern := range []string{"*.md", "docs/*.md", "budgets/*.md", "benchmarks/*/*.md", "internal/*/*/*.md"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			found += len(relativeLink.FindAllString(string(data), -1))
			for _, link := range deadLinks(name, string(data)) {
				t.Errorf("%s: the link %s leads to no file", filepath.ToSlash(name), link)
			}
		}
	}
	if found < 50 {
		t.Errorf("%d links were found: the search is broken", found)
	}
	if dead := deadLinks("docs/a.md", "[a](../README.md#x) ![b](pictures/none.png) [c](https://example.com/x)"); len(dead) != 1 || dead[0] != "pictures/none.png" {
		t.Errorf("dead links: %q", dead)
	}
}
