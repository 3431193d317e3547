package gate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/budget"
)

// suiteSet is budgets with suites; each entry of suites is "name: selector, selector".
func suiteSet(t tester, budgets string, suites ...string) budget.Set {
	t.Helper()
	text := "version: 1\nbudgets:\n"
	for i, e := range strings.Split(budgets, " | ") {
		text += fmt.Sprintf("  - {id: b%d, %s}\n", i, e)
	}
	if len(suites) > 0 {
		text += "suites:\n"
	}
	for _, s := range suites {
		name, match, _ := strings.Cut(s, ": ")
		text += fmt.Sprintf("  - {name: %s, match: [%s]}\n", name, match)
	}
	set, err := budget.Parse([]budget.Source{{Name: "b.yaml", Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestSuitesByName(t *testing.T) {
	set := suiteSet(t, "match: A, unit: ns/op, at_most: 1s", "memory: A", "latency: B", "growth: C")
	for _, tt := range []struct {
		names string
		want  string // names, or the error
	}{
		{"", ""},
		{"memory", "memory"},
		{"growth memory growth", "memory growth"},
		{"memroy", `no suite is called "memroy"; did you mean memory?; the suites are memory, latency, growth`},
		{"memory x", `no suite is called "x"; the suites are memory, latency, growth`},
	} {
		suites, err := Suites(set, strings.Fields(tt.names))
		var got []string
		for _, s := range suites {
			got = append(got, s.Name)
		}
		if text := strings.Join(got, " "); err != nil && (err.Error() != tt.want || text != "") || err == nil && text != tt.want {
			t.Errorf("%q: %q, %v; want %s", tt.names, text, err, tt.want)
		}
	}
	if _, err := Suites(suiteSet(t, "match: A, unit: ns/op, at_most: 1s"), []string{"a"}); err == nil || !strings.Contains(err.Error(), "declare no suites") {
		t.Errorf("none declared: %v", err)
	}
}

// What is judged under --suite, and what then has to come.
func TestJudgeSuites(t *testing.T) {
	sync := func(net string, rounds float64) string { return run("Sync/net="+net, "rounds/op", rounds, rounds) }
	grow := func(sizes ...int) string {
		var b strings.Builder
		for _, n := range sizes {
			b.WriteString(run(fmt.Sprintf("Grow/ops=%d", n), "rounds/op", float64(n), float64(n)))
		}
		return b.String()
	}
	const (
		syncs  = "match: Sync, unit: rounds/op, max_rise: 0%"
		hash   = "match: Hash, unit: rounds/op, at_most: 5"
		growth = "match: Grow, unit: rounds/op, scales: {with: ops, exponent_at_most: 1.1}"
	)
	both := exactLower + sync("ideal", 2) + sync("real", 3) + run("Hash", "rounds/op", 4, 4) + grow(10, 100, 1000)
	worse := strings.ReplaceAll(both, "BenchmarkSync/net=real 1 3", "BenchmarkSync/net=real 1 9")
	without := func(part string) string {
		var kept []string
		for _, line := range strings.Split(both, "\n") {
			if !strings.Contains(line, part) {
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "\n")
	}
	for _, tt := range []struct {
		name, budgets string
		suites        []string // the first is asked for
		base, head    string   // base "-" is none
		exit          int
		names         string // of the verdicts, in order
		judged        string // "N of M"
		problem       string // part of the problems
		err           string // part of the error
	}{
		{name: "all of a budget", budgets: syncs + " | " + hash, suites: []string{"s: Sync"}, exit: 0, names: "Sync/net=ideal Sync/net=real", judged: "1 of 2"},
		{name: "a part of a budget", budgets: syncs + " | " + hash, suites: []string{"s: Sync/net=ideal"}, exit: 0, names: "Sync/net=ideal", judged: "1 of 2"},
		{name: "what is worse outside does not show", budgets: syncs, suites: []string{"s: Sync/net=ideal"}, head: worse, exit: 0, names: "Sync/net=ideal", judged: "1 of 1"},
		{name: "what is worse inside does", budgets: syncs, suites: []string{"s: Sync/net=real, Hash"}, head: worse, exit: 1, names: "Sync/net=real", judged: "1 of 1"},
		{name: "several selectors", budgets: syncs + " | " + hash, suites: []string{"s: Hash, Sync/net=ideal"}, exit: 0, names: "Sync/net=ideal Hash", judged: "2 of 2"},
		{name: "all sizes", budgets: syncs + " | " + growth, suites: []string{"s: Grow"}, exit: 0, names: "Grow/ops=*", judged: "1 of 2"},
		{name: "all sizes, one by one", budgets: growth, suites: []string{"s: Grow/ops=10, Grow/ops=100, Grow/ops=1000"}, exit: 0, names: "Grow/ops=*", judged: "1 of 1"},
		{name: "not all sizes", budgets: syncs + " | " + growth, suites: []string{"s: Grow/ops=10, Grow/ops=100, Sync/net=ideal"}, exit: 0, names: "Sync/net=ideal", judged: "1 of 2"},
		{name: "growth beside a ceiling", budgets: growth + " | match: Grow, unit: rounds/op, at_most: 10", suites: []string{"s: Grow/ops=10"}, exit: 0, names: "Grow/ops=10", judged: "1 of 2"},
		{name: "nothing but growth, and not all sizes", budgets: growth, suites: []string{"s: Grow/ops=10"}, err: "b.yaml:5:5: suite s selects no budget"},
		{name: "a budget that has none of the suite, though it could", budgets: syncs + " | match: Sync/slow, unit: rounds/op, at_most: 5", suites: []string{"s: Sync/net=ideal"}, exit: 0, names: "Sync/net=ideal", judged: "1 of 2"},
		{name: "the same where another one crashed", budgets: syncs + " | match: Sync/slow, unit: rounds/op, at_most: 5", suites: []string{"s: Sync/net=ideal, Hash"}, head: both + "--- FAIL: BenchmarkHash\n    no luck\n", exit: 3, names: "Sync/net=ideal", judged: "1 of 2", problem: "Hash failed"},
		{name: "no budget", budgets: syncs, suites: []string{"s: Hash"}, err: "b.yaml:5:5: suite s selects no budget"},
		{name: "a selector that matches nothing", budgets: syncs, suites: []string{"s: Sync, Hush"}, err: `b.yaml:5:29: match "Hush" of suite s matches no benchmark; did you mean Hash?`},
		{name: "a part that matches nothing", budgets: syncs, suites: []string{"s: Sync, Hash/n=1"}, err: "Hash exists, but not with these parts"},
		{name: "lost by head", budgets: syncs, suites: []string{"s: Sync"}, head: without("net=real"), exit: 3, names: "Sync/net=ideal Sync/net=real", judged: "1 of 1"},
		{name: "a selector lost by head", budgets: syncs, suites: []string{"s: Sync/net=ideal, Sync/net=real"}, head: without("net=real"), exit: 3, names: "Sync/net=ideal Sync/net=real", judged: "1 of 1", problem: "suite s: Sync/net=real is missing"},
		{name: "a selector lost by head that no budget covers", budgets: syncs, suites: []string{"s: Sync, Hash"}, head: without("Hash"), exit: 3, names: "Sync/net=ideal Sync/net=real", judged: "1 of 1", problem: "suite s: Hash is missing"},
		{name: "crashed before any line", budgets: syncs + " | " + hash, suites: []string{"s: Sync"}, base: "-", head: without("Sync") + "--- FAIL: BenchmarkSync\n    no luck\n", exit: 3, names: "Sync", judged: "1 of 2", problem: "suite s: Sync is missing"},
		{name: "crashed, a part asked for", budgets: "match: Sync/net=real, unit: rounds/op, at_most: 5", suites: []string{"s: Sync/net=real"}, base: "-", head: without("Sync") + "--- FAIL: BenchmarkSync\n    no luck\n", exit: 3, names: "Sync/net=real", judged: "1 of 1", problem: "is missing"},
		{name: "another one crashed", budgets: syncs + " | " + hash, suites: []string{"s: Sync"}, head: without("Hash") + "--- FAIL: BenchmarkHash\n    no luck\n", exit: 3, names: "Sync/net=ideal Sync/net=real", judged: "1 of 2", problem: "Hash failed, which no budget judged here covers"},
		{name: "nothing was measured", budgets: syncs + " | " + hash, suites: []string{"s: Sync"}, base: "-", head: "FAIL\n", exit: 3, names: "Sync", judged: "1 of 2"},
		{name: "the other suites do not matter", budgets: syncs, suites: []string{"s: Sync", "other: Nonesuch"}, exit: 0, names: "Sync/net=ideal Sync/net=real", judged: "1 of 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set := suiteSet(t, tt.budgets, tt.suites...)
			suites, err := Suites(set, []string{"s"})
			if err != nil {
				t.Fatal(err)
			}
			in := Input{Budgets: set, Suites: suites, Head: read(t, "head.txt", both), Base: read(t, "base.txt", both)}
			if tt.head != "" {
				in.Head = read(t, "head.txt", tt.head)
			}
			if tt.base == "-" {
				in.Base, in.NoBase, in.AllowNoBase = nil, "none", true
			}
			r, err := Judge(in)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got %v and %s, want the error %s", err, marshal(t, r), tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, v := range r.Verdicts {
				names = append(names, v.Benchmark)
			}
			judged := fmt.Sprintf("%d of %d", r.Selected.Judged, r.Selected.Budgets)
			if r.ExitCode != tt.exit || strings.Join(names, " ") != tt.names || judged != tt.judged || !strings.Contains(strings.Join(r.Problems, "\n"), tt.problem) || r.Selected.Suites[0] != "s" {
				t.Errorf("got exit code %d, verdicts on %v, %s budgets, problems %q; want %d, %s, %s, %q", r.ExitCode, names, judged, r.Problems, tt.exit, tt.names, tt.judged, tt.problem)
			}
			in.Suites = nil
			if r, err := Judge(in); err == nil && r.Selected != nil {
				t.Errorf("judged as a part without suites: %+v", r.Selected)
			}
		})
	}
}

// The share of error of a comparison is that of what is judged.
func TestComparisonsOfSuites(t *testing.T) {
	text := run("A/n=1", "ns/op", 1, 2) + run("A/n=2", "ns/op", 1, 2) + run("B", "ns/op", 1, 2)
	set := suiteSet(t, "match: A, unit: ns/op, max_rise: 10% | match: B, unit: ns/op, max_rise: 10%", "s: A/n=2")
	in := Input{Budgets: set, Base: read(t, "b", text), Head: read(t, "h", text)}
	if n := Comparisons(in); n != 3 {
		t.Errorf("%d comparisons of all", n)
	}
	in.Suites = set.Suites
	if n := Comparisons(in); n != 1 {
		t.Errorf("%d comparisons of the suite", n)
	}
}

func TestCheckSuites(t *testing.T) {
	set := suiteSet(t, "match: A/n=1, unit: ns/op, at_most: 1s", "all: A", "part: B, A/net=x", "none: A/n=2, B", "else: B")
	err := CheckSuites(set, set.Suites)
	if err == nil || strings.Count(err.Error(), "\n") != 1 || !strings.Contains(err.Error(), "suite none selects no budget") || !strings.Contains(err.Error(), "b.yaml:8:5: suite else selects no budget") {
		t.Errorf("got %v", err)
	}
	if err := CheckSuites(set, set.Suites[:2]); err != nil {
		t.Error(err)
	}
}

func TestCheckNamesOfSuites(t *testing.T) {
	set := suiteSet(t, "match: Sync, unit: ns/op, at_most: 1s", "s: Sync/net=ideal, Hush")
	err := CheckNames(set, []string{"BenchmarkHash", "BenchmarkSync"})
	if err == nil || err.Error() != "b.yaml:5:39: match \"Hush\" of suite s matches no benchmark; did you mean Hash?; write the name of a benchmark of `suite:`, or delete the selector with the benchmark" {
		t.Errorf("got %v", err)
	}
}

// Selectors of suites beside samples: lint wants all of them to match, a check those whose function ran.
func TestSelectorsOfSuites(t *testing.T) {
	set := suiteSet(t, "match: Sync, unit: ns/op, at_most: 1s", "one: Sync/net=ideal", "two: Sync/net=none", "three: Hash")
	in := Input{Budgets: set, Head: read(t, "head.txt", run("Sync/net=ideal", "ns/op", 1, 1))}
	const two, three = `b.yaml:6:25: match "Sync/net=none" of suite two`, `b.yaml:7:27: match "Hash" of suite three`
	for _, tt := range []struct {
		name string
		err  error
		want []string
	}{
		{"check", CheckSelectors(in), []string{two}},
		{"lint", Lint(in), []string{two, three}},
		{"lint of one suite", Lint(Input{Budgets: set, Head: in.Head, Suites: set.Suites[:1]}), nil},
		{"broken", CheckSelectors(Input{Budgets: set, Head: read(t, "head.txt", run("Sync/net=ideal", "ns/op", 1, 1)+"--- FAIL: BenchmarkSync/net=x\n")}), nil},
		{"in base", CheckSelectors(Input{Budgets: set, Head: in.Head, Base: read(t, "base.txt", run("Sync/net=none", "ns/op", 1))}), nil},
	} {
		lines := 0
		if tt.err != nil {
			lines = 1 + strings.Count(tt.err.Error(), "\n")
		}
		for _, w := range tt.want {
			if tt.err == nil || !strings.Contains(tt.err.Error(), w) {
				t.Errorf("%s: got %v, want %s", tt.name, tt.err, w)
			}
		}
		if lines != len(tt.want) {
			t.Errorf("%s: %d lines: %v", tt.name, lines, tt.err)
		}
	}
}

func TestUnmeasured(t *testing.T) {
	set := suiteSet(t, "match: Sync, unit: ns/op, at_most: 1s | match: Hash, unit: ns/op, at_most: 1s", "s: Sync, Extra")
	whole := run("Sync", "ns/op", 1) + run("Hash", "ns/op", 1) + run("Extra", "ns/op", 1)
	for _, tt := range []struct {
		name, text, suite, want string
	}{
		{"whole", whole, "", ""},
		{"whole suite", run("Sync", "ns/op", 1) + run("Extra", "ns/op", 1), "s", ""},
		{"a budget's is not there", run("Sync", "ns/op", 1) + run("Extra", "ns/op", 1), "", "nothing was measured of Hash, which budget b1 selects"},
		{"a suite's is not there", run("Sync", "ns/op", 1), "s", "nothing was measured of Extra, which suite s selects"},
		{"failed", whole + "--- FAIL: BenchmarkSync/x\n    no luck\n", "", "Sync/x did not finish: no luck"},
		{"cut", strings.Replace(mine("1", whole), "# end: 3", "# end: 4", 1), "", "head: h:10: the file says it has 4 result lines, 3 can be read"},
		{"stopped", strings.Replace(mine("1", whole), "# session", "# stopped: time is up\n# session", 1), "", "measuring was stopped: time is up"},
		{"nothing", "", "s", "head: no samples in h"},
	} {
		in := Input{Budgets: set, Head: read(t, "h", tt.text)}
		if tt.suite != "" {
			in.Suites = set.Suites
		}
		if got := strings.Join(Unmeasured(in), "\n"); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

const quickMark = "perfgate-confidence: low (quick)\n"

// Samples of a quick run are no base, unless head was measured with them.
func TestQuickIsNoBase(t *testing.T) {
	text := exactLower + run("A", "rounds/op", 2, 2)
	set := rules(t, "match: A, unit: rounds/op, max_rise: 0%")
	for _, tt := range []struct {
		name, base, head string
		refused          bool
	}{
		{"usual", mine("1", text), mine("2", text), false},
		{"quick head", mine("1", text), mine("2", quickMark+text), false},
		{"quick base", mine("1", quickMark+text), mine("2", text), true},
		{"both", mine("1", quickMark+text), mine("2", quickMark+text), true},
		{"one session", mine("1", quickMark+text), mine("1", quickMark+text), false},
		{"plain text", quickMark + text, text, true},
		{"at its end", text + quickMark, text, true},
	} {
		for _, recorded := range []bool{false, true} {
			in := Input{Budgets: set, Base: read(t, "base.txt", tt.base), Head: read(t, "head.txt", tt.head), Recorded: recorded, NoBase: "none"}
			r, err := Judge(in)
			if refused := err != nil; refused != tt.refused {
				t.Errorf("%s: error %v, exit code %d", tt.name, err, r.ExitCode)
			}
			if err != nil && !strings.Contains(err.Error(), "samples of low (quick) confidence are no baseline; record one with perfgate run --out FILE, without --quick") {
				t.Errorf("%s: %v", tt.name, err)
			}
			if err == nil && (r.Confidence != "") != strings.Contains(tt.head, quickMark) {
				t.Errorf("%s: confidence %q", tt.name, r.Confidence)
			}
		}
	}
	if err := CheckBase(read(t, "base.txt", mine("1", quickMark+text)), nil); err == nil || !strings.HasPrefix(err.Error(), "base.txt:4:1: ") {
		t.Errorf("got %v", err)
	}
}

// The mark takes nothing away and adds nothing: few values prove as little as they always do.
func TestQuickProvesNoMore(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		limit  string
		want   Kind
	}{
		{[]float64{100, 101, 99, 100}, "at_most: 200ns", Pass},
		{[]float64{100, 130, 80, 100}, "at_most: 110ns", Inconclusive},
		{[]float64{100}, "at_most: 200ns", Inconclusive},
		{[]float64{100, 101, 99}, "at_most: 200ns", Inconclusive},
		{[]float64{300, 301, 299, 300}, "at_most: 200ns", Fail},
	} {
		var got [2]Kind
		for i, mark := range []string{"", quickMark} {
			r, err := Judge(Input{Budgets: rules(t, "match: A, unit: ns/op, "+tt.limit), Head: read(t, "h", mark+loose("A", "ns/op", tt.values...)), NoBase: "none"})
			if err != nil {
				t.Fatal(err)
			}
			got[i] = r.Verdicts[0].Verdict
		}
		if got != [2]Kind{tt.want, tt.want} {
			t.Errorf("%v, %s: %v, want %s", tt.values, tt.limit, got, tt.want)
		}
	}
}
