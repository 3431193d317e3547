package perfgate_test

import (
	"slices"
	"strings"
	"testing"
)

// A bite is a small file that breaks a rule once, or keeps it.
type bite struct {
	rule string
	path string
	text string
	want string // part of the one violation; "" when there must be none
}

// TestRulesBite proves of every rule that it can turn red, and that it leaves alone what it should.
func TestRulesBite(t *testing.T) {
	seen := map[string][2]bool{}
	for _, b := range slices.Concat(boundaries, comments, habits) {
		i := slices.IndexFunc(rules, func(r rule) bool { return r.name == b.rule })
		if i < 0 {
			t.Errorf("no rule is called %q", b.rule)
			continue
		}
		s := seen[b.rule]
		seen[b.rule] = [2]bool{s[0] || b.want != "", s[1] || b.want == ""}
		var got []string
		for _, u := range load(t, []source{{b.path, b.text}}) {
			for _, v := range rules[i].check(u) {
				got = append(got, v.String())
			}
		}
		switch {
		case b.want == "" && len(got) > 0:
			t.Errorf("rule %q: %s\n%s\nis refused: %s", b.rule, b.path, b.text, got)
		case b.want != "" && (len(got) != 1 || !strings.Contains(got[0], b.want) || !strings.HasPrefix(got[0], b.path+":")):
			t.Errorf("rule %q: %s\n%s\nviolations %q, want one with %q", b.rule, b.path, b.text, got, b.want)
		}
	}
	for _, r := range rules {
		if seen[r.name] != [2]bool{true, true} {
			t.Errorf("rule %q lacks a source that breaks it or one that keeps it", r.name)
		}
	}
}

const here = `"github.com/perfgate/perfgate/`

// boundaries are about what a package reaches.
var boundaries = []bite{
	{"imports", "report/a.go", `package report; import _ ` + here + `internal/budget"`, "it may import of ours: internal/gate"},
	{"imports", "report/a.go", `package report; import _ ` + here + `internal/gate"`, ""},
	{"imports", "report/a_test.go", `package report; import _ ` + here + `internal/sample"`, "report imports internal/sample"},
	{"imports", "report/a_test.go", `package report_test; import _ ` + here + `report"`, ""},
	{"imports", "internal/gate/a.go", `package gate; import _ ` + here + `internal/measure"`, "internal/gate imports internal/measure"},
	{"imports", "internal/github/a.go", `package github; import _ ` + here + `internal/gate"`, "it may import of ours: nothing"},
	{"imports", "internal/cli/a.go", `package cli; import _ ` + here + `benchmarks"`, "imports benchmarks"},
	{"imports", "cmd/perfgate/main.go", `package main; import _ ` + here + `internal/gate"`, "imports internal/gate"},
	{"imports", "protocols/journal/a.go", `package journal; import _ ` + here + `internal/sample"`, "imports internal/sample"},
	{"imports", "protocols/journal/a.go", `package journal; import _ ` + here + `protocols/simnet"`, "imports protocols/simnet"},
	{"imports", "protocols/journal/a_test.go", `package journal; import _ ` + here + `protocols/simnet"`, ""},
	{"imports", "protocols/journal/a_test.go", `package journal; import _ ` + here + `protocols/ota"`, "imports protocols/ota"},
	{"imports", "benchmarks/a_test.go", `package benchmarks; import _ ` + here + `report"`, "imports report"},
	{"imports", "internal/util/a.go", `package util`, "not in the table"},
	{"imports", "internal/sample/a.go", `package sample; import _ "gopkg.in/yaml.v3"`, "imports gopkg.in/yaml.v3"},
	{"imports", "internal/cli/a.go", `package cli; import _ "gopkg.in/yaml.v3"`, "imports gopkg.in/yaml.v3"},
	{"imports", "internal/cli/a.go", `package cli; import _ "github.com/google/go-github/v60/github"`, "imports github.com/google"},
	{"imports", "cmd/perfgate/main.go", `package main; import _ "github.com/urfave/cli/v2"`, "of others: nothing"},
	{"imports", "protocols/a.go", `package protocols; import _ "pgregory.net/rapid"`, "imports pgregory.net/rapid"},
	{"imports", "protocols/a_test.go", `package protocols; import _ "pgregory.net/rapid"`, ""},
	{"imports", "internal/measure/a.go", `package measure; import . "os"`, "as a dot"},

	{"exit", "internal/cli/a.go", `package cli; import "os"; func F() { os.Exit(1) }`, "uses os.Exit"},
	{"exit", "internal/cli/a.go", `package cli; import system "os"; func F() { system.Exit(1) }`, "uses os.Exit"},
	{"exit", "internal/measure/a.go", `package measure; import "log"; func F() { log.Fatalf("x") }`, "uses log.Fatalf"},
	{"exit", "cmd/perfgate/other.go", `package main; import "os"; func f() { os.Exit(1) }`, "uses os.Exit"},
	{"exit", "cmd/perfgate/main.go", `package main; import "os"; func main() { os.Exit(1) }`, ""},
	{"exit", "internal/cli/a_test.go", `package cli; import ("os"; "testing"); func TestMain(m *testing.M) { func() { os.Exit(m.Run()) }() }`, ""},
	{"exit", "internal/cli/a_test.go", `package cli; import ("os"; "testing"); func TestX(t *testing.T) { os.Exit(0) }`, "uses os.Exit"},
	{"exit", "internal/cli/a.go", `package cli; type s struct{}; func (s) Exit(int) {}; func F(os s) { os.Exit(1) }`, ""},

	{"print", "internal/measure/a.go", `package measure; import "fmt"; func F() { fmt.Println() }`, "uses fmt.Println"},
	{"print", "internal/gate/a.go", `package gate; import "os"; var _ = os.Stderr`, "uses os.Stderr"},
	{"print", "internal/github/a.go", `package github; import "log/slog"; func F() { slog.Info("x") }`, "uses slog.Info"},
	{"print", "report/a.go", `package report; func F() { println("x") }`, "uses println"},
	{"print", "report/a.go", `package report; import ("fmt"; "io"); func F(w io.Writer) { fmt.Fprintln(w) }`, ""},
	{"print", "internal/cli/a.go", `package cli; import "os"; var _ = os.Stdout`, ""},
	{"print", "benchmarks/a_test.go", `package benchmarks; import "fmt"; func F() { fmt.Println() }`, ""},

	{"pure", "internal/gate/a.go", `package gate; import _ "os"`, "imports os;"},
	{"pure", "internal/budget/a.go", `package budget; import _ "net/http"`, "imports net/http;"},
	{"pure", "report/a.go", `package report; import _ "os/exec"`, "imports os/exec;"},
	{"pure", "protocols/journal/a.go", `package journal; import _ "crypto/rand"`, "imports crypto/rand;"},
	{"pure", "protocols/a_test.go", `package protocols; import _ "net"`, "imports net;"},
	{"pure", "protocols/diskette/a.go", `package diskette; import _ "os"`, "imports os;"},
	{"pure", "protocols/disk/deep/a.go", `package deep; import _ "os"`, "imports os;"},
	{"pure", "protocols/disk/a.go", `package disk; import _ "os"`, ""},
	{"pure", "protocols/disk/a.go", `package disk; import _ "os/exec"`, "imports os/exec;"},
	{"pure", "protocols/disk/a.go", `package disk; import _ "net"`, "imports net;"},
	{"pure", "protocols/disk/a.go", `package disk; func F() { go F() }`, "starts a goroutine"},
	{"pure", "protocols/disk/a_test.go", `package disk; import _ "os/exec"`, ""},
	{"pure", "protocols/disk/a_test.go", `package disk; import _ "net"`, "imports net;"},
	{"pure", "protocols/journal/a_test.go", `package journal; import _ "os/exec"`, "imports os/exec;"},
	{"pure", "report/a_test.go", `package report; import _ "os"`, ""},
	{"pure", "report/a.go", `package report; import _ "path/filepath"`, ""},
	{"pure", "report/a.go", `package report; import "path/filepath"; var _, _ = filepath.Glob("*")`, "uses filepath.Glob"},
	{"pure", "internal/gate/a.go", `package gate; import "runtime"; var N = runtime.NumCPU()`, "uses runtime.NumCPU"},
	{"pure", "protocols/a.go", `package protocols; func F() { go F() }`, "starts a goroutine"},
	{"pure", "internal/measure/a.go", `package measure; import _ "os"; func F() { go F() }`, ""},

	{"clock", "internal/gate/a.go", `package gate; import "time"; var X = time.Now()`, "uses time.Now"},
	{"clock", "protocols/simnet/a.go", `package simnet; import t "time"; var X = t.After(1)`, "uses time.After"},
	{"clock", "protocols/simnet/a_test.go", `package simnet; import "time"; var X = time.Now()`, "uses time.Now"},
	{"clock", "benchmarks/a_test.go", `package benchmarks; import "time"; var X = time.Since`, "uses time.Since"},
	{"clock", "protocols/a.go", `package protocols; import "time"; const RTO = 200 * time.Millisecond`, ""},
	{"clock", "internal/gate/a_test.go", `package gate; import "time"; var X = time.Now()`, ""},
	{"clock", "internal/measure/a.go", `package measure; import "time"; var X = time.Now()`, ""},
}

// habits are about how code is written.
var habits = []bite{
	{"sleep", "internal/gate/a_test.go", `package gate; import "time"; func F() { time.Sleep(1) }`, "sleeps"},
	{"sleep", "internal/github/a.go", `package github; import "time"; func F() { time.Sleep(1) }`, "sleeps"},
	{"sleep", "internal/cli/other_test.go", `package cli; import "time"; func F() { time.Sleep(1) }`, "sleeps"},
	{"sleep", "internal/cli/script_test.go", `package cli; import "time"; func F() { time.Sleep(1) }`, ""},
	{"sleep", "internal/measure/a_test.go", `package measure; import "time"; func F() { time.Sleep(1) }`, ""},

	{"random", "protocols/a.go", `package protocols; import _ "math/rand"`, "imports math/rand,"},
	{"random", "internal/gate/a_test.go", `package gate; import _ "math/rand"`, "imports math/rand,"},
	{"random", "protocols/a_test.go", `package protocols; import _ "crypto/rand"`, "imports crypto/rand,"},
	{"random", "benchmarks/a_test.go", `package benchmarks; import "math/rand/v2"; func F() int { return rand.IntN(3) }`, "global generator in rand.IntN"},
	{"random", "internal/gate/a_test.go", `package gate; import r "math/rand/v2"; func F() { r.Shuffle(3, nil) }`, "global generator in rand.Shuffle"},
	{"random", "protocols/a.go", `package protocols; import "math/rand/v2"; func F() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }`, ""},
	{"random", "internal/measure/a.go", `package measure; import _ "crypto/rand"`, ""},

	{"state", "internal/gate/a.go", `package gate; var count int`, "variable count is not a table"},
	{"state", "internal/gate/a.go", `package gate; import "sync"; var mu sync.Mutex`, "variable mu is not a table"},
	{"state", "report/a.go", `package report; var cache = make(map[string]int)`, "variable cache is not a table"},
	{"state", "report/a.go", `package report; import "errors"; var a, b = errors.Join(nil), 1`, "variable a is not a table"},
	{"state", "report/a.go", "package report; var cache = map[string]int{}\nfunc f() { cache[`x`] = 1 }", "writes package-level variable cache"},
	{"state", "report/a.go", "package report; var cache = map[string]int{}\nfunc f() { delete(cache, `x`) }", "writes package-level variable cache"},
	{"state", "report/a.go", "package report; var t = []int{1}\nfunc f() *int { return &t[0] }", "writes package-level variable t"},
	{"state", "report/a.go", "package report; var t = struct{ n int }{}\nfunc f() { (t).n++ }", "writes package-level variable t"},
	{"state", "report/a.go", "package report; import `slices`; var t = []int{1}\nfunc f() { slices.Sort(t[:]) }", "writes package-level variable t"},
	{"state", "report/a.go", "package report; var k = 1\nfunc f() { for k = range 3 {} }", "writes package-level variable k"},
	{"state", "report/a.go", "package report; var t = []int{1}\nfunc f() { t := []int{2}; t[0] = 3 }", ""},
	{"state", "report/a.go", "package report; import `regexp`; var re = regexp.MustCompile(`x`)\nvar _ = 1", ""},
	{"state", "protocols/a.go", `package protocols; import "errors"; var ErrX = errors.New("x"); var magic = []byte("x")`, ""},
	{"state", "report/a_test.go", `package report; var update bool`, ""},
	{"state", "internal/measure/a.go", `package measure; var n int`, ""},

	{"order", "report/a.go", `package report; func F(m map[string]int) { for range m {} }`, "ranges over a map"},
	{"order", "internal/gate/a.go", `package gate; type m map[string]int; type s struct{ m m }; func F(x s) { for k := range x.m { _ = k } }`, "ranges over a map"},
	{"order", "internal/measure/a.go", `package measure; import "maps"; func F(m map[string]int) any { return maps.Keys(m) }`, "uses maps.Keys unsorted"},
	{"order", "internal/measure/a.go", `package measure; import ("maps"; "slices"); func F(m map[string]int) any { return slices.Sorted(maps.Keys(m)) }`, ""},
	{"order", "report/a.go", "package report\nfunc F(m map[string]int) (n int) {\n\t// any order: a sum\n\tfor _, v := range m {\n\t\tn += v\n\t}\n\treturn n\n}", ""},
	{"order", "report/a.go", "package report\nfunc F(m map[string]int) (n int) {\n\t// some order\n\tfor _, v := range m {\n\t\tn += v\n\t}\n\treturn n\n}", "ranges over a map"},
	{"order", "report/a.go", "package report\nimport `slices`\nfunc F(m map[string]int) (all []string) {\n\tfor k := range m {\n\t\tall = append(all, k)\n\t}\n\tslices.Sort(all)\n\treturn all\n}", ""},
	{"order", "report/a.go", "package report\nimport `slices`\nfunc F(m map[string]int) (all, other []string) {\n\tfor k := range m {\n\t\tall = append(all, k)\n\t}\n\tslices.Sort(other)\n\treturn\n}", "ranges over a map"},
	{"order", "report/a.go", `package report; func F(m []int) { for range m {} }`, ""},

	{"skips", "internal/cli/a_test.go", `package cli; import "testing"; func TestX(t *testing.T) { t.Skip("no git here") }`, "skips without a message"},
	{"skips", "internal/cli/a_test.go", `package cli; import "testing"; func TestX(t *testing.T) { t.SkipNow() }`, "skips without a message"},
	{"skips", "internal/cli/a_test.go", `package cli; import "testing"; func TestX(t *testing.T) { t.Skipf("%s", "needs git") }`, "skips without a message"},
	{"skips", "internal/cli/a_test.go", `package cli; import "testing"; func TestX(t *testing.T) { t.Skip("needs " + t.Name()) }`, ""},

	{"loops", "benchmarks/a_test.go", `package benchmarks; import "testing"; func BenchmarkX(b *testing.B) { for i := 0; i < b.N; i++ {} }`, "loops to b.N"},
	{"loops", "benchmarks/a_test.go", `package benchmarks; import "testing"; func BenchmarkX(b *testing.B) { for range b.N {} }`, "loops to b.N"},
	{"loops", "benchmarks/a_test.go", `package benchmarks; import "testing"; func BenchmarkX(b *testing.B) { for b.Loop() {} }`, ""},
}

// comments are about what is written for people.
var comments = []bite{
	{"messages", "report/a.go", `package report; import "errors"; var E = errors.New("Cannot read")`, "begins with a capital"},
	{"messages", "report/a.go", `package report; import "fmt"; func F() error { return fmt.Errorf("read %s: failed.", "x") }`, "ends with a full stop"},
	{"messages", "report/a.go", `package report; import "fmt"; func F(v any) error { return fmt.Errorf("cannot read %T", v) }`, "name of a Go type"},
	{"messages", "report/a.go", `package report; import "errors"; var E = errors.New("GITHUB_TOKEN is not set; set it")`, ""},
	{"messages", "report/a_test.go", `package report; import "errors"; var E = errors.New("Any text.")`, ""},

	{"package comments", "report/a.go", `package report`, "has no package comment"},
	{"package comments", "report/a.go", "// Renders. Really.\npackage report", "does not begin with"},
	{"package comments", "report/a.go", "// Package report renders.\npackage report", "is one sentence"},
	{"package comments", "cmd/perfgate/main.go", "// Package main does it. It does not.\npackage main", `does not begin with "Command perfgate "`},
	{"package comments", "benchmarks/a_test.go", "package benchmarks_test", "has no package comment"},
	{"package comments", "report/a.go", "// Package report renders. It decides nothing.\npackage report", ""},
	{"package comments", "cmd/perfgate/main.go", "// Command perfgate gates. It wires.\npackage main", ""},

	{"comments", "report/a.go", "package report\nfunc Read() {}", "exported Read"},
	{"comments", "report/a.go", "package report\n// Reads.\nfunc Read() {}", "exported Read"},
	{"comments", "report/a.go", "package report\n// Reader reads.\nfunc Read() {}", "exported Read"},
	{"comments", "report/a.go", "package report\n// T is.\ntype T struct{}\nfunc (*T) M() {}", "exported M"},
	{"comments", "report/a.go", "package report\n// T is.\ntype T[K any] struct{}\nfunc (t T[K]) M() {}", "exported M"},
	{"comments", "report/a.go", "package report\ntype T int", "exported T"},
	{"comments", "report/a.go", "package report\nconst A = 1", "exported A"},
	{"comments", "report/a.go", "package report\nconst (\n\tA = 1\n)", "exported A"},
	{"comments", "report/a.go", "package report\nconst (\n\tA = 1 // one\n)", ""},
	{"comments", "report/a.go", "package report\n// A T is.\ntype T int\n// M does.\nfunc (T) M() {}\ntype t int\nfunc (t) M() {}\nfunc f() {}", ""},
	{"comments", "report/a_test.go", "package report\nfunc Read() {}", ""},
}

// TestSecondPackageComment needs two files, which a bite does not have.
func TestSecondPackageComment(t *testing.T) {
	const text = "// Package report renders. It decides nothing.\npackage report"
	units := load(t, []source{{"report/a.go", text}, {"report/b.go", text}})
	if got := checkPackageComment(units[0]); len(units) != 1 || len(got) != 1 || !strings.Contains(got[0].text, "second package comment") {
		t.Errorf("two package comments: %d units, violations %v", len(units), got)
	}
}

// TestTypesOfOwnPackages shows that a map is seen through a type of another package of ours.
func TestTypesOfOwnPackages(t *testing.T) {
	units := load(t, []source{
		{"internal/gate/a.go", "package gate\ntype Result struct{ Notes map[string]string }"},
		{"report/a.go", "package report\nimport " + here + "internal/gate\"\nfunc F(r gate.Result) { for range r.Notes {} }"},
	})
	found := 0
	for _, u := range units {
		found += len(checkOrder(u))
	}
	if found != 1 {
		t.Errorf("%d violations, want 1", found)
	}
}
