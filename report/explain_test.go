package report

import (
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
	"unicode"

	"github.com/perfgate/perfgate/internal/gate"
)

func explain(t testing.TB, e Explanation) string {
	t.Helper()
	var b strings.Builder
	if err := Explain(&b, e); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// explained is one case: the verdicts of a saved result that are of one budget, and that budget.
func explanation(t testing.TB, result string, r Rule, change func(*gate.Verdict)) Explanation {
	t.Helper()
	saved := load(t, result)
	e := Explanation{Name: r.ID, Rules: []Rule{r}, Result: &saved}
	for _, v := range saved.Verdicts {
		if v.ID == r.ID {
			if change != nil {
				change(&v)
			}
			e.Verdicts = append(e.Verdicts, v)
		}
	}
	if len(e.Verdicts) == 0 {
		t.Fatalf("no verdict of %s in %s", r.ID, result)
	}
	return e
}

// Each class of verdict is told in words that stand in testdata/explain.
func TestExplainGolden(t *testing.T) {
	rule := func(id, match, unit string, limits ...[2]string) Rule {
		return Rule{ID: id, At: "budgets/a.yaml:7", Match: match, Unit: unit, Limits: limits, Against: "release"}
	}
	f := func(x float64) *float64 { return &x }
	fail := func(id string) Rule { return ruleOfVerdict(t, "fail", id) }
	scales := fail("digest-is-linear")
	scales.With = "ops"
	tail := fail("journal-sync-tail")
	tail.Why, tail.Better, tail.IgnoreBelow = "three replicas in one room must feel instant.", "lower", "50us"
	waived := tail
	waived.Waivers = []RuleWaiver{{At: "budgets/waivers.yaml:3", Match: "JournalSync/net=lan", Ceiling: "18ms", Until: "2026-12-31", Reason: "the journal is checked now.", Link: "https://example.com/1"}}
	waived.Renames = []RuleRename{{At: "budgets/renames.yaml:3", From: "Sync", To: "JournalSync"}}
	changed := ruleOfVerdict(t, "inconclusive", "snapshot-time")
	changed.Limits = [][2]string{{"max_rise", "30%"}}
	soft := ruleOfVerdict(t, "inconclusive", "snapshot-tail")
	soft.Warn = true
	for name, e := range map[string]Explanation{
		"pass-exact":        explanation(t, "pass", ruleOfVerdict(t, "pass", "sync-wire"), nil),
		"pass-timed":        explanation(t, "pass", ruleOfVerdict(t, "pass", "digest-time"), nil),
		"fail-timed":        explanation(t, "fail", fail("encode-time"), nil),
		"fail-exact":        explanation(t, "fail", tail, nil),
		"fail-crashed":      explanation(t, "fail", rule("epoch-time", "EpochAdvance/peers=50", "ns/op", [2]string{"max_rise", "20%"}), nil),
		"fail-from-zero":    explanation(t, "fail", fail("encode-allocs"), nil),
		"inconclusive":      explanation(t, "inconclusive", changed, nil),
		"inconclusive-warn": explanation(t, "inconclusive", soft, nil),
		"missing":           explanation(t, "missing", ruleOfVerdict(t, "missing", "digest-time"), nil),
		"new-absolute":      explanation(t, "new", ruleOfVerdict(t, "new", "apply-allocs"), nil),
		"improved":          explanation(t, "fail", fail("sync-throughput"), nil),
		"scales":            explanation(t, "fail", scales, nil),
		"growth": explanation(t, "growth", func() Rule {
			r := ruleOfVerdict(t, "growth", load(t, "growth").Verdicts[0].ID)
			r.With = "peers"
			return r
		}(), nil),
		"identical": explanation(t, "pass", ruleOfVerdict(t, "pass", "digest-time"), func(v *gate.Verdict) {
			v.Base, v.Head, v.Change, v.Interval, v.Detectable, v.Pairs, v.BaseN, v.HeadN, v.Identical = nil, nil, nil, nil, nil, 0, 0, 0, true
			v.Reason = "unchanged: both versions compile to the same test binary, byte for byte"
		}),
		"layouts-own-clock": explanation(t, "fail", fail("ota-throughput"), func(v *gate.Verdict) { v.OwnTime, v.Layouts = true, 4 }),
		"waived": explanation(t, "fail", fail("encode-time"), func(v *gate.Verdict) {
			v.Blocks = false
			v.Waived = &gate.Waived{Ceiling: "80% of change", Until: "2026-12-31", Reason: "the encoder checks its input now", Link: "https://example.com/1", At: "budgets/waivers.yaml:3", Verdict: gate.Pass, Found: "proved within ceiling 80% of change: at most +66.7 %"}
		}),
		"waived-beyond": explanation(t, "fail", fail("encode-time"), func(v *gate.Verdict) {
			v.Waived = &gate.Waived{Ceiling: "25% of change", Until: "2026-12-31", Reason: "the encoder checks its input now", At: "budgets/waivers.yaml:3", Beyond: true, Verdict: gate.Fail, Found: "proved beyond ceiling 25% of change: at least +58.9 %"}
		}),
		"waived-open": explanation(t, "inconclusive", ruleOfVerdict(t, "inconclusive", "snapshot-time"), func(v *gate.Verdict) {
			v.Waived = &gate.Waived{Ceiling: "40%", Until: "2026-12-31", Reason: "snapshots are checked now", At: "budgets/waivers.yaml:3", Beyond: true, Verdict: gate.Inconclusive, Found: "too close to ceiling 40%"}
		}),
		"rule-waived": {Name: "journal-sync-tail", Rules: []Rule{waived}, NoResult: "There is no result."},
		"renamed":     explanation(t, "pass", ruleOfVerdict(t, "pass", "sync-wire"), func(v *gate.Verdict) { v.RenamedFrom = "AntiEntropy/ops=1000/net=ideal" }),
		"no-result":   {Name: "x", Rules: []Rule{tail}, NoResult: "There is no result in .perfgate/result.json yet: run perfgate check."},
		"gone":        {Name: "y", Result: &gate.Result{}, Verdicts: []gate.Verdict{{ID: "y", Benchmark: "Y", Unit: "B/op", Class: "exact", Verdict: gate.Pass, Reason: "exactly as the base", Base: f(2), Head: f(2), Change: f(0)}}},
	} {
		t.Run(name, func(t *testing.T) { golden(t, filepath.Join("explain", name+".txt"), explain(t, e)) })
	}
}

// ruleOfVerdict makes the budget that a saved verdict was judged by.
func ruleOfVerdict(t testing.TB, result, id string) Rule {
	t.Helper()
	for _, v := range load(t, result).Verdicts {
		if v.ID == id {
			r := Rule{ID: v.ID, At: v.At, Match: v.Benchmark, Unit: v.Unit, Against: "release", Why: v.Why}
			for _, l := range v.Limits {
				r.Limits = append(r.Limits, [2]string{l.Kind, l.Text})
			}
			if name, _, ok := strings.Cut(v.Benchmark, "/"); ok && strings.Contains(v.Benchmark, "*") {
				r.Match = name
			}
			return r
		}
	}
	t.Fatalf("no verdict of %s in %s", id, result)
	return Rule{}
}

// Many verdicts of one budget do not bury the ones that matter: all that is no pass comes first, and passes
// become lines.
func TestExplainMany(t *testing.T) {
	saved := load(t, "many")
	got := explain(t, Explanation{Result: &saved, Verdicts: saved.Verdicts})
	if n := strings.Count(got, "  verdict: "); n > maxExplained+maxExplainedPasses || n == 0 {
		t.Errorf("%d verdicts in full", n)
	}
	if strings.Count(got, "\n") > 1000 {
		t.Errorf("%d lines", strings.Count(got, "\n"))
	}
}

// What a result says is written by others: nothing of it reaches the terminal but printable ASCII, and no
// line that a runner would obey.
func TestExplainHostile(t *testing.T) {
	saved := load(t, "hostile")
	for i := range saved.Verdicts {
		v := &saved.Verdicts[i]
		v.Waived = &gate.Waived{Ceiling: "\x1b[31m\u202e", Until: "::error::x", Reason: strings.Repeat("x ", 1e5), Link: "##[error]", At: "\n::add-mask::a"}
		v.RenamedFrom = "\n::warning::\u200b"
		v.Warnings = append(v.Warnings, "\n::debug::\x00")
		v.Law = &gate.Law{With: "\x1b]0;t\x07", Unit: "\n::x::", Exponent: 1, Points: []gate.Point{{Size: 1, Head: 1}}}
	}
	got := explain(t, Explanation{Result: &saved, NoResult: "\x1b", Verdicts: saved.Verdicts, Rules: []Rule{{ID: "\n::error::", At: "\x1b[0m", Match: "\u202ea", Unit: "\x00", Limits: [][2]string{{"\x1b", "\n::x"}}, Why: "##[error]",
		Waivers: []RuleWaiver{{At: "\n::error::", Match: "\x1b[0m", Ceiling: "\u202e", Until: "\n::x", Reason: "##[error]" + strings.Repeat("x ", 1e5), Link: "\x00"}},
		Renames: []RuleRename{{At: "\n::error::", From: "\x1b", To: "##[error]"}}}}})
	for _, line := range strings.Split(got, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") || strings.IndexFunc(line, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }) >= 0 {
			t.Errorf("line %q", line)
		}
	}
}

// Every warning of the gate is explained.
func TestWarningsExplained(t *testing.T) {
	files, _ := filepath.Glob("../internal/gate/*.go")
	verb := regexp.MustCompile(`%[^a-z]*[a-z]`)
	var texts []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, data, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			var from ast.Node
			switch n := n.(type) {
			case *ast.CallExpr:
				if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "warn" {
					from = n
				}
			case *ast.AssignStmt:
				if sel, ok := n.Lhs[0].(*ast.SelectorExpr); ok && sel.Sel.Name == "unlike" {
					from = n // a warning, once it is known to be one
				}
			}
			if from == nil {
				return true
			}
			ast.Inspect(from, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					text, _ := strconv.Unquote(lit.Value)
					texts = append(texts, verb.ReplaceAllString(text, "7"))
				}
				return true
			})
			return false
		})
	}
	if len(texts) < len(warnings) {
		t.Fatalf("%d warnings found in the gate, %d explained", len(texts), len(warnings))
	}
	for _, text := range texts {
		if warningWords(text) == "" {
			t.Errorf("the warning %q is not explained: add it to warnings in explain.go", text)
		}
	}
	for _, w := range warnings {
		if !slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, w.has) }) {
			t.Errorf("no warning of the gate says %q", w.has)
		}
	}
}
