package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/sample"
)

// A tester is what *testing.T and *rapid.T share.
type tester interface {
	Helper()
	Fatal(...any)
}

// rules returns the budgets of one file whose entries are given in flow style, without id.
func rules(t tester, entries ...string) budget.Set {
	t.Helper()
	text := "version: 1\nbudgets:\n"
	for i, e := range entries {
		text += fmt.Sprintf("  - {id: b%d, %s}\n", i, e)
	}
	set, err := budget.Parse([]budget.Source{{Name: "b.yaml", Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func read(t tester, file, text string) *sample.Set {
	t.Helper()
	s, err := sample.Read(strings.NewReader(text), file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run prints one result line per value; runs of two arms are pairs, numbered from 1.
func run(name, unit string, values ...float64) string {
	var b strings.Builder
	for i, v := range values {
		fmt.Fprintf(&b, "pair: %d\nBenchmark%s 1 %v %s\n", i+1, name, v, unit)
	}
	return b.String()
}

// loose is run without pairs.
func loose(name, unit string, values ...float64) string {
	var b strings.Builder
	for _, v := range values {
		fmt.Fprintf(&b, "Benchmark%s 1 %v %s\n", name, v, unit)
	}
	return b.String()
}

func repeat(n int, values ...float64) []float64 {
	var out []float64
	for range n {
		out = append(out, values...)
	}
	return out
}

// mine makes a whole file of perfgate's own out of result lines.
func mine(session, text string) string {
	return fmt.Sprintf("# perfgate-samples: 1\n# kind: measured\n# session: %s\n%s# end: %d\n", session, text, strings.Count(text, "Benchmark"))
}

func marshal(t tester, r Result) string {
	t.Helper()
	out, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

const (
	exactLower  = "Unit rounds/op better=lower assume=exact\n"
	exactHigher = "Unit ops/s better=higher assume=exact\n"
)

// A scenario is one judgement and what has to come of it. Base "-" is no base.
type scenario struct {
	name       string
	budget     string
	base, head string
	set        func(*Input)

	exit   int
	want   Kind   // of the first verdict
	reason string // part of its reason
	also   string // part of the JSON form
	not    string // no part of the JSON form
}

func (s scenario) judge(t tester) (Result, error) {
	in := Input{Budgets: rules(t, strings.Split(s.budget, " | ")...), Head: read(t, "head.txt", s.head)}
	if s.base == "-" {
		in.NoBase = "the repository has no history; use --base"
	} else {
		in.Base = read(t, "base.txt", s.base)
	}
	if s.set != nil {
		s.set(&in)
	}
	return Judge(in)
}

func (s scenario) test(t *testing.T) {
	r, err := s.judge(t)
	if err != nil {
		t.Fatal(err)
	}
	out := marshal(t, r)
	if r.ExitCode != s.exit {
		t.Errorf("exit code %d, want %d: %s", r.ExitCode, s.exit, out)
	}
	if s.want != "" && (len(r.Verdicts) == 0 || r.Verdicts[0].Verdict != s.want || !strings.Contains(r.Verdicts[0].Reason, s.reason)) {
		t.Errorf("want %s because %q: %s", s.want, s.reason, out)
	}
	if !strings.Contains(out, s.also) {
		t.Errorf("want %q in %s", s.also, out)
	}
	if s.not != "" && strings.Contains(out, s.not) {
		t.Errorf("do not want %q in %s", s.not, out)
	}
	for _, v := range r.Verdicts {
		if v.Reason == "" || v.Limits == nil || v.Warnings == nil {
			t.Errorf("a verdict without words: %+v", v)
		}
		if r.ExitCode == ExitPass && v.Blocks {
			t.Errorf("passed although this blocks: %+v", v)
		}
	}
	// Whatever the policy, unfit evidence and fails never end in 0.
	if again, _ := s.judge(t); marshal(t, again) != out {
		t.Errorf("another run gives other bytes:\n%s\n%s", out, marshal(t, again))
	}
}

var (
	steady = []float64{100, 101, 99, 100, 102, 98, 100, 101}
	nearly = []float64{101, 100, 100, 101, 101, 99, 100, 101}
	slower = []float64{131, 130, 129, 132, 131, 128, 130, 133}
	wild   = []float64{100, 180, 60, 150, 80, 170, 90, 120}
)

const timeRule = "match: A, unit: ns/op, max_rise: 10%"

func allowNoBase(in *Input) { in.AllowNoBase = true }

func recorded(in *Input) {
	in.Recorded, in.NoBase = true, "the clone has no history; fetch it"
}

func TestJudge(t *testing.T) {
	a := func(values ...float64) string { return run("A", "ns/op", values...) }
	rounds := func(values ...float64) string { return exactLower + run("A", "rounds/op", values...) }
	const roundsRule = "match: A, unit: rounds/op, max_rise: 10%"
	for _, s := range []scenario{
		// The margin test.
		{name: "unchanged", budget: timeRule, base: a(steady...), head: a(nearly...), exit: 0, want: Pass, reason: "proved within max_rise 10%", also: `"pairs":8`},
		{name: "slower", budget: timeRule, base: a(steady...), head: a(slower...), exit: 1, want: Fail, reason: "proved beyond max_rise 10%"},
		{name: "noise", budget: timeRule, base: a(steady...), head: a(wild...), exit: 3, want: Inconclusive, reason: "neither within nor beyond max_rise 10% is proved"},
		{name: "at the limit", budget: timeRule, base: a(repeat(6, 100)...), head: a(105, 115, 104, 116, 110, 110), exit: 3, want: Inconclusive, reason: "it is too close to the limit to be told by measuring"},
		{name: "how much more", budget: timeRule, base: a(steady...), head: a(100, 120, 105, 95), exit: 3, want: Inconclusive, reason: "would tell"},
		{name: "noise is not excused from a real rise", budget: timeRule, base: a(steady...), head: a(250, 380, 260, 350, 280, 370, 290, 320), exit: 1, want: Fail},
		{name: "noise with warn", budget: timeRule + ", on_inconclusive: warn", base: a(steady...), head: a(wild...), exit: 0, want: Inconclusive, also: `"blocks":false`},
		{name: "a mean of outliers", budget: timeRule, base: a(repeat(12, 100)...), head: a(append(repeat(7, 109), repeat(5, 135)...)...), exit: 3, want: Inconclusive},
		{name: "two lines to a pair", budget: timeRule, base: run("A", "ns/op", 100, 100) + run("A", "ns/op", 400, 400), head: run("A", "ns/op", 100, 100) + run("A", "ns/op", 400, 400), exit: 0, want: Pass, also: `"pairs":4`},
		{name: "a drop of a rate", budget: "match: A, unit: MB/s, max_drop: 10%", base: run("A", "MB/s", slower...), head: run("A", "MB/s", steady...), exit: 1, want: Fail, reason: "max_drop"},
		{name: "a rise of a rate", budget: "match: A, unit: MB/s, max_drop: 10%", base: run("A", "MB/s", steady...), head: run("A", "MB/s", slower...), exit: 0, want: Pass, also: `"improved":1`},
		{name: "three pairs", budget: timeRule, base: a(100, 100, 100), head: a(100, 100, 100), exit: 3, want: Inconclusive, reason: "3 pairs are too few"},
		{name: "three measurements", budget: timeRule, base: loose("A", "ns/op", 100, 100, 100), head: loose("A", "ns/op", 100, 100, 100), exit: 3, want: Inconclusive, reason: "3 measurements on each side"},
		{name: "unpaired", budget: timeRule, base: loose("A", "ns/op", steady...), head: loose("A", "ns/op", nearly...), exit: 0, want: Pass, also: "judged unpaired"},
		{name: "unpaired and slower", budget: timeRule, base: loose("A", "ns/op", steady...), head: loose("A", "ns/op", slower...), exit: 1, want: Fail, also: `"pairs":0`},
		{name: "pairs by value, not by place", budget: timeRule,
			base: a(100, 200, 400, 800, 1600), head: "pair: 5\nBenchmarkA 1 1601 ns/op\n" + run("A", "ns/op", 100, 201, 401, 800), exit: 0, want: Pass, also: `"pairs":5`},
		{name: "no partner", budget: timeRule, base: a(steady...), head: a(nearly[:6]...), exit: 0, want: Pass, also: "2 measurements have no partner", not: `"pairs":8`},
		{name: "0 % is never proved by noise", budget: "match: A, unit: ns/op, max_rise: 0%", base: a(steady...), head: a(nearly...), exit: 3, want: Inconclusive},
		{name: "ignore_below", budget: timeRule + ", ignore_below: 50ns", base: a(steady...), head: a(slower...), exit: 0, want: Pass},
		{name: "beyond ignore_below", budget: timeRule + ", ignore_below: 20ns", base: a(steady...), head: a(slower...), exit: 1, want: Fail},
		{name: "ignore_below does not soften at_most", budget: timeRule + ", ignore_below: 50ns, at_most: 110ns", base: a(steady...), head: a(slower...), exit: 1, want: Fail, reason: "at_most 110ns"},
		{name: "absurdly better", budget: timeRule, base: a(steady...), head: a(repeat(8, 5)...), exit: 0, want: Pass, also: "more than three times better"},
		{name: "absurdly better rate", budget: "match: A, unit: MB/s, max_drop: 10%", base: run("A", "MB/s", repeat(8, 5)...), head: run("A", "MB/s", steady...), exit: 0, want: Pass, also: "more than three times better"},
		{name: "a ratio beyond every number", budget: timeRule, base: a(repeat(4, 1e-290)...), head: a(repeat(4, 1e300)...), exit: 1, want: Fail},
		{name: "an exact ratio beyond every number", budget: roundsRule, base: rounds(1e-290), head: rounds(1e300), exit: 1, want: Fail},
		{name: "better", budget: timeRule, base: a(slower...), head: a(steady...), exit: 0, want: Pass, also: `"improved":1`, not: "three times"},

		// Absolute limits.
		{name: "at_most", budget: "match: A, unit: ns/op, at_most: 110ns", base: "-", head: a(steady...), exit: 0, want: Pass, reason: "proved within at_most 110ns"},
		{name: "beyond at_most", budget: "match: A, unit: ns/op, at_most: 90ns", base: "-", head: a(steady...), exit: 1, want: Fail},
		{name: "close to at_most", budget: "match: A, unit: ns/op, at_most: 101ns", base: "-", head: a(wild...), exit: 3, want: Inconclusive},
		{name: "within at_most by luck", budget: "match: A, unit: ns/op, at_most: 121ns", base: "-", head: a(wild...), exit: 3, want: Inconclusive, reason: "too close to at_most"},
		{name: "beyond at_most by luck", budget: "match: A, unit: ns/op, at_most: 100ns", base: "-", head: a(wild...), exit: 3, want: Inconclusive},
		{name: "at_least", budget: "match: A, unit: MB/s, at_least: 90", base: "-", head: run("A", "MB/s", steady...), exit: 0, want: Pass},
		{name: "under at_least", budget: "match: A, unit: MB/s, at_least: 110", base: "-", head: run("A", "MB/s", steady...), exit: 1, want: Fail},
		{name: "a ceiling beside a base that only ran once", budget: "match: A, unit: ns/op, at_most: 110ns", base: loose("A", "ns/op", 9000, 8000), head: a(steady...), exit: 0, want: Pass, also: `"base":null`},
		{name: "a ceiling beside an unfit base", budget: "match: A, unit: ns/op, at_most: 110ns", base: a(math.NaN(), 1, 1, 1), head: a(steady...), exit: 0, want: Pass, also: `"base":null`},
		{name: "close to a ceiling beside an unfit base", budget: "match: A, unit: ns/op, at_most: 101ns, on_inconclusive: warn", base: a(-1, 1, 1, 1), head: a(wild...), exit: 0, want: Inconclusive},
		{name: "at_most of three", budget: "match: A, unit: ns/op, at_most: 110ns", base: "-", head: a(100, 100, 100), exit: 3, want: Inconclusive, reason: "3 measurements are too few"},
		{name: "at_most of zeros", budget: "match: A, unit: ns/op, at_most: 110ns", base: "-", head: a(0, 0, 0, 0, 0), exit: 3, want: Inconclusive, reason: "zero"},
		{name: "at_most of no allocations", budget: "match: A, unit: allocs/op, at_most: 0", base: "-", head: run("A", "allocs/op", 0, 0), exit: 0, want: Pass},
		{name: "worst of two limits", budget: timeRule + ", at_most: 1s", base: a(steady...), head: a(slower...), exit: 1, want: Fail, reason: "max_rise"},
		{name: "ceiling of an exact unit", budget: "match: A, unit: rounds/op, at_most: 2", base: "-", head: rounds(2), exit: 0, want: Pass, reason: "exactly within"},
		{name: "beyond the ceiling of an exact unit", budget: "match: A, unit: rounds/op, at_most: 2", base: "-", head: rounds(2.1), exit: 1, want: Fail, reason: "exactly beyond"},
		{name: "floor of an exact unit", budget: "match: A, unit: ops/s, at_least: 2", base: "-", head: exactHigher + run("A", "ops/s", 1.9), exit: 1, want: Fail},

		// Exact units: no test, one value is enough.
		{name: "exact and unchanged", budget: roundsRule, base: rounds(20), head: rounds(20), exit: 0, want: Pass, reason: "exactly as the base", also: `"class":"exact"`},
		{name: "exact and at the limit", budget: roundsRule, base: rounds(20), head: rounds(22), exit: 0, want: Pass, reason: "exactly +10.0 %, within"},
		{name: "exact and just beyond", budget: roundsRule, base: rounds(20), head: rounds(22.001), exit: 1, want: Fail, reason: "beyond"},
		{name: "exact has no interval", budget: roundsRule, base: rounds(20), head: rounds(22), exit: 0, also: `"interval":null`},
		{name: "exact and less", budget: roundsRule, base: rounds(20), head: rounds(10), exit: 0, want: Pass, also: `"improved":1`},
		{name: "exact at 0 %", budget: "match: A, unit: rounds/op, max_rise: 0%", base: rounds(20), head: rounds(20.001), exit: 1, want: Fail},
		{name: "exact at 0 % and unchanged", budget: "match: A, unit: rounds/op, max_rise: 0%", base: rounds(20), head: rounds(20), exit: 0, want: Pass},
		{name: "exact drop of a rate", budget: "match: A, unit: ops/s, max_drop: 10%", base: exactHigher + run("A", "ops/s", 100), head: exactHigher + run("A", "ops/s", 89), exit: 1, want: Fail},
		{name: "exact drop at the limit", budget: "match: A, unit: ops/s, max_drop: 10%", base: exactHigher + run("A", "ops/s", 100), head: exactHigher + run("A", "ops/s", 90), exit: 0, want: Pass},
		{name: "exact drop to nothing", budget: "match: A, unit: ops/s, max_drop: 10%", base: exactHigher + run("A", "ops/s", 100), head: exactHigher + run("A", "ops/s", 0), exit: 1, want: Fail},
		{name: "exact rate from nothing", budget: "match: A, unit: ops/s, max_drop: 10%", base: exactHigher + run("A", "ops/s", 0), head: exactHigher + run("A", "ops/s", 5), exit: 3, want: Inconclusive},
		{name: "declared exact, yet varies", budget: roundsRule, base: rounds(20, 20), head: rounds(20, 21), exit: 3, want: Inconclusive, reason: "declared exact"},
		{name: "declared exact, base varies", budget: roundsRule, base: rounds(20, 21), head: rounds(20, 20), exit: 3, want: Inconclusive, reason: "declared exact"},
		{name: "a ceiling does not care for the base", budget: "match: A, unit: rounds/op, at_most: 30", base: rounds(20, 21), head: rounds(20, 20), exit: 0, want: Pass},
		{name: "a ceiling of what varies", budget: "match: A, unit: rounds/op, at_most: 30", base: "-", head: rounds(20, 21), exit: 3, want: Inconclusive, reason: "declared exact"},
		{name: "exact by the budget", budget: "match: A, unit: x, max_rise: 10%, better: lower, class: exact", base: run("A", "x", 5), head: run("A", "x", 5), exit: 0, want: Pass},
		{name: "exact needs no machine", budget: roundsRule, base: mine("s1", "cpu: one\n"+rounds(20)), head: mine("s2", "cpu: two\n"+rounds(20)), exit: 0, want: Pass},

		// Allocations.
		{name: "allocations that repeat are exact", budget: "match: A, unit: allocs/op, max_rise: 0%", base: run("A", "allocs/op", 3, 3), head: run("A", "allocs/op", 3, 3), exit: 0, want: Pass, also: `"class":"exact"`},
		{name: "one more allocation", budget: "match: A, unit: allocs/op, max_rise: 0%", base: run("A", "allocs/op", 3, 3), head: run("A", "allocs/op", 4, 4), exit: 1, want: Fail},
		{name: "allocations that vary are not exact", budget: "match: A, unit: B/op, max_rise: 10%", base: run("A", "B/op", steady...), head: run("A", "B/op", nearly...), exit: 0, want: Pass, also: `"class":"compute"`},
		{name: "allocations that vary in base alone", budget: "match: A, unit: B/op, max_rise: 10%", base: run("A", "B/op", steady...), head: run("A", "B/op", repeat(8, 100)...), exit: 0, want: Pass, also: `"class":"compute"`},
		{name: "one measurement shows no repetition", budget: "match: A, unit: B/op, max_rise: 10%", base: run("A", "B/op", 9), head: run("A", "B/op", 9), exit: 3, want: Inconclusive, also: `"class":"compute"`},
		{name: "the largest of cut numbers", budget: "match: A, unit: allocs/op, max_rise: 0%", base: run("A", "allocs/op", 4000, 4000, 4000), head: run("A", "allocs/op", 4000, 4000, 4001), exit: 1, want: Fail, also: `"head":4001`},
		{name: "first allocation", budget: "match: A, unit: allocs/op, max_rise: 50%", base: run("A", "allocs/op", 0, 0), head: run("A", "allocs/op", 1, 1), exit: 1, want: Fail, reason: "the base is zero, head is not", also: `"change":null`},
		{name: "first allocation, sometimes", budget: "match: A, unit: allocs/op, max_rise: 50%", base: run("A", "allocs/op", 0, 0, 0, 0), head: run("A", "allocs/op", 0, 1, 0, 0), exit: 1, want: Fail},
		{name: "none on both sides", budget: "match: A, unit: allocs/op, max_rise: 50%", base: run("A", "allocs/op", 0, 0), head: run("A", "allocs/op", 0, 0), exit: 0, want: Pass, reason: "zero on both sides"},
		{name: "first allocation under ignore_below", budget: "match: A, unit: allocs/op, max_rise: 50%, ignore_below: 2", base: run("A", "allocs/op", 0, 0), head: run("A", "allocs/op", 1, 1), exit: 0, want: Pass},
		{name: "first allocations at ignore_below", budget: "match: A, unit: allocs/op, max_rise: 50%, ignore_below: 2", base: run("A", "allocs/op", 0, 0), head: run("A", "allocs/op", 2, 2), exit: 1, want: Fail},
	} {
		t.Run(s.name, s.test)
	}
}

func TestNeverGreenByAccident(t *testing.T) {
	a := func(values ...float64) string { return run("A", "ns/op", values...) }
	good := a(steady...)
	warn := timeRule + ", on_inconclusive: warn"
	const both = "match: A, unit: ns/op, max_rise: 10%, at_most: 1s"
	nan := math.NaN()
	for _, s := range []scenario{
		{name: "no samples", budget: timeRule, base: good, head: "PASS\n", exit: 3, want: Missing, also: "head: no samples in head.txt"},
		{name: "no samples anywhere", budget: timeRule, base: "", head: "", exit: 3, want: Missing},
		{name: "no head", budget: timeRule, base: good, set: func(in *Input) { in.Head = nil }, exit: 3, want: Missing},
		{name: "no samples in base", budget: both, base: "PASS\n", head: good, exit: 3, also: "base: no samples"},
		{name: "no budgets", budget: timeRule, base: good, head: good, set: func(in *Input) { in.Budgets.Budgets = nil }, exit: 3},
		{name: "benchmark gone", budget: timeRule, base: good + run("A/x=1", "ns/op", steady...), head: good, exit: 3, also: "deleted, renamed or not run"},
		{name: "benchmark gone, absolute", budget: "match: A, unit: ns/op, at_most: 1s", base: good + run("A/x=1", "ns/op", steady...), head: good, exit: 3, also: "deleted, renamed"},
		{name: "gone is not excused", budget: timeRule + " | match: B, unit: ns/op, max_rise: 10%", base: good + run("B", "ns/op", steady...), head: good, set: allowNoBase, exit: 3, also: "deleted"},
		{name: "unit gone", budget: "match: A, unit: ns/op, at_most: 1s", base: good, head: run("A", "B/op", steady...), exit: 3, want: Missing, reason: "head does not print ns/op"},
		{name: "unit on some lines", budget: timeRule, base: good, head: good + run("A", "B/op", 1), exit: 3, want: Inconclusive, reason: "only 8 of 9"},
		{name: "unit on some lines, warn", budget: warn, base: good, head: good + run("A", "B/op", 1), exit: 3, want: Inconclusive},
		{name: "NaN", budget: timeRule, base: good, head: a(append([]float64{nan}, steady...)...), exit: 3, want: Inconclusive, reason: "no number (NaN)"},
		{name: "NaN, warn", budget: warn, base: good, head: a(append([]float64{nan}, steady...)...), exit: 3, want: Inconclusive, also: `"blocks":true`},
		{name: "NaN in base", budget: timeRule, base: a(append([]float64{nan}, steady...)...), head: good, exit: 3, want: Inconclusive, reason: "base has a value that is no number"},
		{name: "NaN in base, no excuse", budget: warn, base: a(append([]float64{nan}, steady...)...), head: good, set: allowNoBase, exit: 3, want: Inconclusive},
		{name: "infinite", budget: timeRule, base: good, head: a(append([]float64{math.Inf(1)}, steady...)...), exit: 3, want: Inconclusive, reason: "no number"},
		{name: "negative", budget: warn, base: good, head: a(append([]float64{-5}, steady...)...), exit: 3, want: Inconclusive, reason: "negative"},
		{name: "negative, absolute", budget: "match: A, unit: ns/op, at_most: 1s", base: "-", head: a(append([]float64{-5}, steady...)...), exit: 3, want: Inconclusive, reason: "negative"},
		{name: "zero time in base", budget: timeRule, base: a(0, 0, 0, 0), head: a(0, 0, 0, 0), exit: 3, want: Inconclusive, reason: "both sides are zero"},
		{name: "zero time, warn", budget: warn, base: a(0, 0, 0, 0), head: a(0, 0, 0, 0), exit: 3, want: Inconclusive},
		{name: "time from zero", budget: timeRule, base: a(0, 0, 0, 0), head: good, exit: 1, want: Fail, reason: "the base is zero"},
		{name: "time to zero", budget: warn, base: a(1, 1, 1, 1), head: a(0, 0, 0, 0), exit: 3, want: Inconclusive, reason: "head is zero"},
		{name: "one zero among times", budget: warn, base: good, head: a(append([]float64{0}, steady...)...), exit: 3, want: Inconclusive, reason: "is zero"},
		{name: "declared exact, varies, warn", budget: "match: A, unit: rounds/op, max_rise: 10%, on_inconclusive: warn", base: exactLower + run("A", "rounds/op", 2, 2), head: exactLower + run("A", "rounds/op", 2, 3), exit: 3, want: Inconclusive},
		{name: "ceiling, declared exact, varies, warn", budget: "match: A, unit: rounds/op, at_most: 10, on_inconclusive: warn", base: "-", head: exactLower + run("A", "rounds/op", 2, 3), exit: 3, want: Inconclusive},
		{name: "ceiling of zero times, warn", budget: "match: A, unit: ns/op, at_most: 1s, on_inconclusive: warn", base: "-", head: a(0, 1, 1, 1, 1), exit: 3, want: Inconclusive},

		{name: "crash that the base did not have", budget: timeRule, base: good, head: "BenchmarkA \tpanic: boom\nexit status 2\n", exit: 1, want: Fail, reason: "panic: boom; the base did not fail"},
		{name: "failed benchmark that the base had", budget: "match: A, unit: ns/op, at_most: 1s", base: good, head: "--- FAIL: BenchmarkA\n    a_test.go:5: no convergence\n", exit: 1, want: Fail, reason: "no convergence"},
		{name: "timeout of the whole run", budget: timeRule, base: good, head: run("Z", "ns/op", 5) + "panic: test timed out after 1m0s\n", exit: 1, want: Fail, reason: "run ended early: panic: test timed out"},
		{name: "crash, no base", budget: "match: A, unit: ns/op, at_most: 1s", base: "-", head: "BenchmarkA \tpanic: boom\n", exit: 3, want: Missing, reason: "panic: boom"},
		{name: "crash of both", budget: timeRule, base: "BenchmarkA \tpanic: boom\n", head: "BenchmarkA \tpanic: boom\n", exit: 3, want: Missing, reason: "head ran the benchmark and it did not finish"},
		{name: "crash of base alone", budget: timeRule, base: "BenchmarkA \tpanic: boom\n" + run("Z", "ns/op", 5), head: good, exit: 3, want: Missing, reason: "base ran the benchmark and it did not finish"},
		{name: "crash of base alone is no lack of a base", budget: timeRule, base: "BenchmarkA \tpanic: boom\n" + run("Z", "ns/op", 5), head: good, set: allowNoBase, exit: 3, want: Missing},
		{name: "crash in the middle", budget: timeRule, base: good, head: good + "BenchmarkA \tpanic: boom\n", exit: 1, want: Fail},
		{name: "crash in the middle of both", budget: timeRule, base: good + "BenchmarkA \tpanic: boom\n", head: good + "BenchmarkA \tpanic: boom\n", exit: 3, want: Missing},
		{name: "run failed before the benchmark", budget: timeRule, base: good, head: run("Z", "ns/op", 5) + "FAIL\texample.com/a\t1s\n", exit: 1, want: Fail, reason: "run ended early: FAIL"},
		{name: "run of base failed before the benchmark", budget: both + " | match: Z, unit: ns/op, max_rise: 10%", base: run("Z", "ns/op", steady...) + "FAIL\texample.com/a\t1s\n", head: good + run("Z", "ns/op", steady...), exit: 3, want: Missing, reason: "not measured in base"},
		{name: "a failure of base that nobody asked for", budget: timeRule, base: good + "--- FAIL: BenchmarkB\n", head: good, exit: 0, want: Pass},
		{name: "one size crashed, no base", budget: "match: A, unit: ns/op, at_most: 1s", base: "-", head: run("A/x=1", "ns/op", steady...) + "--- FAIL: BenchmarkA/x=2\n    boom\n", exit: 3, also: `"benchmark":"A/x=2"`},
		{name: "a crash may hide what follows", budget: "match: A, unit: ns/op, at_most: 1s", base: "-", head: good + "BenchmarkB \tpanic: boom\n", exit: 3, want: Pass, also: "B failed, which no budget covers: panic: boom"},
		{name: "a crash of base may hide what follows", budget: both + " | match: C, unit: ns/op, max_rise: 10%", base: run("C", "ns/op", steady...) + "BenchmarkB \tpanic: boom\n", head: good + run("C", "ns/op", steady...), exit: 3, want: Missing, reason: "not measured in base, whose run ended early"},
		{name: "exit status", budget: timeRule, base: good, head: good + "FAIL\texample.com/a\t1s\n", exit: 3, want: Pass, also: "the run failed"},
		{name: "crash behind an exact selector", budget: "match: A/x=1, unit: ns/op, at_most: 1s", base: "-", head: run("A", "ns/op", steady...) + "--- FAIL: BenchmarkB\n", exit: 3, want: Missing, reason: "not measured in head"},
		{name: "failed function behind an exact selector", budget: "match: A/x=1, unit: ns/op, at_most: 1s", base: "-", head: run("B", "ns/op", steady...) + "--- FAIL: BenchmarkA\n    boom\n", exit: 3, want: Missing, reason: "boom"},

		{name: "cut file", budget: timeRule, base: mine("s", good), head: strings.TrimSuffix(mine("s", good), "# end: 8\n"), exit: 3, want: Pass, also: "the file is cut"},
		{name: "cut file does not hide a fail", budget: timeRule, base: mine("s", good), head: strings.TrimSuffix(mine("s", a(slower...)), "# end: 8\n"), exit: 1, want: Fail},
		{name: "cut base", budget: both, base: strings.TrimSuffix(mine("s", run("Z", "ns/op", 5)), "# end: 1\n"), head: mine("s", good), exit: 3, want: Missing, also: "base: base.txt:"},
		{name: "damaged line", budget: warn, base: good, head: good + "BenchmarkA 100 abc ns/op\n", exit: 3, want: Inconclusive, reason: "damaged (head.txt:17"},
		{name: "damaged base line", budget: warn, base: good + "BenchmarkA 100 abc ns/op\n", head: good, exit: 3, want: Inconclusive, reason: "a result line of base is damaged"},
		{name: "damaged new line in base", budget: both + " | match: Z, unit: ns/op, max_rise: 10%", base: "BenchmarkA 100 abc ns/op\n" + run("Z", "ns/op", steady...), head: good + run("Z", "ns/op", steady...), exit: 3, want: Inconclusive},

		{name: "nothing in common", budget: timeRule, base: run("Z", "ns/op", steady...), head: good, exit: 3, want: Pass, reason: "new", also: "nothing was compared"},
		{name: "nothing in common, allowed", budget: timeRule, base: run("Z", "ns/op", steady...), head: good, set: allowNoBase, exit: 0, want: Pass, not: "nothing was compared"},
		{name: "one new among others", budget: timeRule, base: good, head: good + run("A/x=1", "ns/op", steady...), exit: 0, also: `"new":1`},
		{name: "new unit", budget: both + " | match: A, unit: B/op, max_rise: 10%", base: good, head: "BenchmarkA 1 5 ns/op 5 B/op\n" + "BenchmarkA 1 5 ns/op 5 B/op\n", exit: 3, also: "new: the base does not print this unit"},
		{name: "new is held to its ceiling", budget: "match: A, unit: ns/op, max_rise: 10%, at_most: 90ns | match: Z, unit: ns/op, max_rise: 10%", base: run("Z", "ns/op", steady...), head: good + run("Z", "ns/op", steady...), exit: 1, want: Fail, reason: "at_most 90ns"},
	} {
		t.Run(s.name, s.test)
	}
}

func TestBases(t *testing.T) {
	good := run("A", "ns/op", steady...)
	rounds := exactLower + run("A", "rounds/op", 2)
	const roundsRule = "match: A, unit: rounds/op, max_rise: 10%"
	for _, s := range []scenario{
		{name: "no base", budget: timeRule, base: "-", head: good, exit: 3, want: Missing, reason: "no base: the repository has no history", also: `"blocks":true`},
		{name: "no base is one problem", budget: timeRule + " | " + timeRule, base: "-", head: good, exit: 3, want: Missing, also: `"problems":["no base: the repository has no history; use --base"]`},
		{name: "no base, allowed", budget: timeRule, base: "-", head: good, set: allowNoBase, exit: 0, want: Missing, also: `"problems":[]`},
		{name: "no base is not needed", budget: "match: A, unit: ns/op, at_most: 1s", base: "-", head: good, exit: 0, want: Pass, also: `"problems":[]`},
		{name: "no base and no word of it", budget: timeRule, base: "-", head: good, set: func(in *Input) { in.NoBase = "" }, exit: 3, want: Missing, reason: "none was given; name one with --base"},
		{name: "no base, beyond the ceiling", budget: timeRule + ", at_most: 90ns", base: "-", head: good, set: allowNoBase, exit: 1, want: Fail},
		{name: "no base, close to the ceiling", budget: timeRule + ", at_most: 101ns", base: "-", head: run("A", "ns/op", wild...), set: allowNoBase, exit: 3, want: Missing, also: `"blocks":true`},
		{name: "no base, close to the ceiling, warn", budget: timeRule + ", at_most: 101ns, on_inconclusive: warn", base: "-", head: run("A", "ns/op", wild...), set: allowNoBase, exit: 0, want: Missing},
		{name: "no base, unfit for the ceiling, warn", budget: timeRule + ", at_most: 101ns, on_inconclusive: warn", base: "-", head: run("A", "ns/op", 0, 1, 1, 1, 1), set: allowNoBase, exit: 3, want: Missing},
		{name: "no base, within the ceiling", budget: timeRule + ", at_most: 1s", base: "-", head: good, set: allowNoBase, exit: 0, want: Missing, also: `"kind":"at_most","text":"1s","value":1,"verdict":"pass"`},
		{name: "no base, few requests", budget: "match: A, unit: p99-ns, max_rise: 10%, better: lower, at_most: 1s", base: "-", head: strings.ReplaceAll(run("A", "p99-ns", steady...), " p99-ns", " p99-ns 100 requests"), set: allowNoBase, exit: 3, want: Missing},

		{name: "recorded, exact", budget: roundsRule, base: rounds, head: rounds, set: recorded, exit: 0, want: Pass, also: `"kind":"recorded"`},
		{name: "recorded, exact and worse", budget: roundsRule, base: rounds, head: exactLower + run("A", "rounds/op", 3), set: recorded, exit: 1, want: Fail},
		{name: "recorded, time", budget: timeRule, base: good, head: good, set: recorded, exit: 3, want: Missing, reason: "serves exact units only", also: `"base":null`},
		{name: "recorded, time, allowed", budget: timeRule, base: good, head: good, set: func(in *Input) { recorded(in); allowNoBase(in) }, exit: 0, want: Missing},
		{name: "recorded, ceiling of a time", budget: "match: A, unit: ns/op, at_most: 1s", base: good, head: good, set: recorded, exit: 0, want: Pass, also: `"base":null`},
		{name: "recorded without it", budget: roundsRule + " | match: B, unit: rounds/op, max_rise: 10%", base: rounds, head: rounds + run("B", "rounds/op", 2), set: recorded, exit: 3, also: "not in the recorded baseline base.txt"},
		{name: "recorded, damaged", budget: roundsRule, base: exactLower + "BenchmarkA 1 abc rounds/op\n" + run("Z", "ns/op", 1), head: rounds, set: func(in *Input) { recorded(in); allowNoBase(in) }, exit: 3, want: Inconclusive},

		{name: "another session", budget: timeRule, base: mine("s1", good), head: mine("s2", good), exit: 3, want: Inconclusive, reason: "proves nothing: the base was measured in another session", not: `"improved":1`},
		{name: "another session, better", budget: timeRule, base: mine("s1", run("A", "ns/op", slower...)), head: mine("s2", good), exit: 3, want: Inconclusive, also: `"improved":0`},
		{name: "another session, beyond the limit", budget: timeRule, base: mine("s1", good), head: mine("s2", run("A", "ns/op", repeat(4, 114, 115)...)), exit: 3, want: Inconclusive},
		{name: "another session, beyond twice the limit", budget: timeRule, base: mine("s1", good), head: mine("s2", run("A", "ns/op", slower...)), exit: 1, want: Fail, reason: "beyond twice max_rise"},
		{name: "another session, not surely beyond twice the limit", budget: timeRule, base: mine("s1", run("A", "ns/op", repeat(8, 100)...)), head: mine("s2", run("A", "ns/op", 115, 120, 125, 130, 124, 125, 118, 135)), exit: 3, want: Inconclusive},
		{name: "another session, outliers beyond twice the limit", budget: timeRule, base: mine("s1", run("A", "ns/op", repeat(8, 100)...)), head: mine("s2", run("A", "ns/op", append(repeat(5, 120), repeat(3, 300)...)...)), exit: 3, want: Inconclusive},
		{name: "machine of one side unknown", budget: timeRule, base: good, head: "cpu: two\n" + good, exit: 0, want: Pass},
		{name: "another machine", budget: timeRule, base: "cpu: one\n" + good, head: "cpu: two\n" + good, exit: 3, want: Inconclusive, reason: "another machine (cpu one, head two)"},
		{name: "another machine, unpaired", budget: timeRule, base: "goarch: amd64\n" + loose("A", "ns/op", steady...), head: "goarch: arm64\n" + loose("A", "ns/op", steady...), exit: 3, want: Inconclusive, reason: "another machine"},
		{name: "one session", budget: timeRule, base: mine("s1", "cpu: one\n"+good), head: mine("s1", "cpu: one\n"+good), exit: 0, want: Pass, also: `"kind":"measured"`},
	} {
		t.Run(s.name, s.test)
	}
}

func TestQuantiles(t *testing.T) {
	lines := func(requests string, values ...float64) string {
		return strings.ReplaceAll(run("A", "p99-ns", values...), " p99-ns", " p99-ns"+requests)
	}
	const rule = "match: A, unit: p99-ns, max_rise: 20%, better: lower"
	const ceiling = "match: A, unit: p99-ns, at_most: 1s"
	for _, s := range []scenario{
		{name: "enough", budget: rule, base: lines(" 2000 requests", steady...), head: lines(" 2000 requests", nearly...), exit: 0, want: Pass, not: "requests"},
		{name: "too few", budget: rule, base: lines(" 2000 requests", steady...), head: lines(" 1999 requests", nearly...), exit: 3, want: Inconclusive, reason: "1999 requests are too few"},
		{name: "too few in base", budget: rule, base: lines(" 20 requests", steady...), head: lines(" 2000 requests", nearly...), exit: 3, want: Inconclusive, reason: "20 requests are too few"},
		{name: "too few in base, ceiling", budget: ceiling, base: lines(" 20 requests", steady...), head: lines(" 2000 requests", nearly...), exit: 0, want: Pass},
		{name: "too few in base, beyond the ceiling", budget: rule + ", at_most: 90ns", base: lines(" 20 requests", steady...), head: lines(" 2000 requests", nearly...), exit: 1, want: Fail},
		{name: "too few for the ceiling", budget: ceiling, base: "-", head: lines(" 1999 requests", nearly...), exit: 3, want: Inconclusive},
		{name: "unknown", budget: ceiling, base: "-", head: lines("", nearly...), exit: 0, want: Pass, also: "at least 2000"},
		{name: "unknown on a line", budget: ceiling, base: "-", head: lines(" 5000 requests", nearly...) + "BenchmarkA 1 100 p99-ns\n", exit: 3, want: Inconclusive, reason: "on every line"},
		{name: "no number of requests", budget: ceiling, base: "-", head: lines(" NaN requests", nearly...), exit: 3, want: Inconclusive},
		{name: "median", budget: "match: A, unit: p50-ns, at_most: 1s", base: "-", head: strings.ReplaceAll(lines(" 40 requests", nearly...), "p99", "p50"), exit: 0, want: Pass},
		{name: "far tail", budget: "match: A, unit: p99.9-ns, at_most: 1s", base: "-", head: strings.ReplaceAll(lines(" 19999 requests", nearly...), "p99", "p99.9"), exit: 3, want: Inconclusive, reason: "at least 20000"},
	} {
		t.Run(s.name, s.test)
	}
}

func TestScales(t *testing.T) {
	power := func(unit string, k float64, sizes []float64, noise ...float64) string {
		var b strings.Builder
		for _, n := range sizes {
			for i, e := range noise {
				fmt.Fprintf(&b, "pair: %d\nBenchmarkA/n=%.0f/net=x 1 %v %s\n", i, n, 10*math.Pow(n, k)*e, unit)
			}
		}
		return b.String()
	}
	sizes := []float64{10, 1000, 30000000}
	const exact, noisy = "match: A, unit: rounds/op, scales: {with: n, exponent_at_most: 1}", "match: A, unit: ns/op, scales: {with: n, exponent_at_most: 1.1}"
	shaky := []float64{1, 1.05, 0.95, 1.02, 0.98}
	for _, s := range []scenario{
		{name: "exactly linear", budget: exact, base: "-", head: exactLower + power("rounds/op", 1, sizes, 1), exit: 0, want: Pass, reason: "grows with n^1.000", also: `"benchmark":"A/n=*/net=x"`},
		{name: "exactly linear, with logarithms that round up", budget: exact, base: "-", head: exactLower + run("A/n=2", "rounds/op", 4) + run("A/n=4", "rounds/op", 8) + run("A/n=8", "rounds/op", 16), exit: 0, want: Pass},
		{name: "exactly linear by the medians", budget: exact, base: "-", head: exactLower + run("A/n=10", "rounds/op", 100, 100, 100) + run("A/n=100", "rounds/op", 1000, 1000, 1000) + run("A/n=1000", "rounds/op", 10001, 10000, 10000), exit: 0, want: Pass},
		{name: "beyond linear", budget: exact, base: "-", head: exactLower + power("rounds/op", 1.001, sizes, 1), exit: 1, want: Fail, reason: "beyond exponent 1"},
		{name: "linear time", budget: noisy, base: "-", head: power("ns/op", 1, sizes, shaky...), exit: 0, want: Pass, reason: "proved to grow no faster"},
		{name: "quadratic time", budget: noisy, base: power("ns/op", 1, sizes, shaky...), head: power("ns/op", 2, sizes, shaky...), exit: 1, want: Fail, reason: "proved to grow faster", also: `"tidy_unit":"exponent"`},
		{name: "three measurements", budget: noisy, base: "-", head: power("ns/op", 1, sizes, 1, 1, 1), exit: 3, want: Inconclusive, reason: "3 measurements of each size"},
		{name: "class of the budget", budget: noisy + ", class: waiting", base: "-", head: power("ns/op", 1, sizes, shaky...), exit: 0, want: Pass, also: `"class":"waiting"`},
		{name: "two sizes", budget: noisy, base: "-", head: power("ns/op", 1, sizes[:2], shaky...), exit: 3, want: Inconclusive, reason: "2 sizes are too few"},
		{name: "a size gone", budget: noisy, base: power("ns/op", 1, append(sizes, 5), shaky...), head: power("ns/op", 1, sizes, shaky...), exit: 3, want: Missing, reason: "A/n=5/net=x: not measured in head"},
		{name: "a size crashed", budget: noisy, base: power("ns/op", 1, sizes, shaky...), head: power("ns/op", 1, sizes, shaky...) + "--- FAIL: BenchmarkA/n=30000000\n    boom\n", exit: 1, want: Fail, reason: "A/n=30000000/net=x: head ran the benchmark and it did not finish: boom"},
		{name: "a size damaged", budget: noisy + ", on_inconclusive: warn", base: "-", head: power("ns/op", 1, sizes, shaky...) + "BenchmarkA/n=30000000/net=x 1 abc ns/op\n", exit: 3, want: Inconclusive, reason: "damaged"},
		{name: "a size of zero", budget: noisy + ", on_inconclusive: warn", base: "-", head: power("ns/op", 1, sizes, 0, 1, 1, 1, 1), exit: 3, want: Inconclusive, reason: "is zero"},
		{name: "a base of zero", budget: exact, base: exactLower + run("A/n=1", "rounds/op", 0) + run("A/n=2", "rounds/op", 0) + run("A/n=4", "rounds/op", 0), head: exactLower + run("A/n=1", "rounds/op", 1) + run("A/n=2", "rounds/op", 2) + run("A/n=4", "rounds/op", 4), exit: 0, want: Pass, also: `"base":null`},
		{name: "the law beside the verdict", budget: exact, base: "-", head: exactLower + power("rounds/op", 1, sizes, 1), exit: 0, want: Pass, also: `"law":{"with":"n","unit":"rounds/op","points":[{"size":10,"head":100}`},
		{name: "exact varies", budget: exact + ", on_inconclusive: warn", base: "-", head: exactLower + power("rounds/op", 0.5, sizes, 1, 1.1), exit: 3, want: Inconclusive, reason: "declared exact"},
		{name: "beside a ceiling", budget: noisy + ", at_most: 1us", base: "-", head: power("ns/op", 1, sizes, shaky...), exit: 1, want: Pass, also: `"kind":"scales"`},
		{name: "too noisy", budget: noisy + ", on_inconclusive: warn", base: "-", head: run("A/n=1", "ns/op", 10, 90, 20, 70, 50) + run("A/n=2", "ns/op", 20, 20, 20, 20, 20) + run("A/n=4", "ns/op", 90, 20, 80, 30, 10), exit: 0, want: Inconclusive, reason: "exponent between"},
	} {
		t.Run(s.name, s.test)
	}
	_, err := scenario{budget: noisy, base: "-", head: run("A/m=1", "ns/op", 5)}.judge(t)
	if err == nil || !strings.Contains(err.Error(), "has no part n=NUMBER") {
		t.Errorf("benchmark without the key: %v", err)
	}
	_, err = scenario{budget: noisy, base: "-", head: run("A/n=0", "ns/op", 5)}.judge(t)
	if err == nil || !strings.Contains(err.Error(), "has no part n=NUMBER") {
		t.Errorf("size zero: %v", err)
	}
}

// What is wrong with the budgets is an error with a place, not a verdict.
func TestBudgetErrors(t *testing.T) {
	for _, c := range []struct{ name, budget, base, head, want string }{
		{"selector of nothing", "match: JurnalSync, unit: ns/op, max_rise: 10%", "-", run("JournalSync", "ns/op", 5), `b.yaml:3:21: match "JurnalSync" of budget b0 matches no benchmark; did you mean JournalSync?`},
		{"selector of no such part", "match: A/x=2, unit: ns/op, max_rise: 10%", "-", run("A/x=1", "ns/op", 5), "A exists, but not with these parts"},
		{"unit of nothing", "match: A, unit: n/op, max_rise: 10%", "-", run("A", "B/op", 5), "b.yaml:3:30: unit \"n/op\" of budget b0 is printed by no benchmark that A matches; did you mean B/op?"},
		{"unknown direction", "match: A, unit: x/op, max_rise: 10%", "-", run("A", "x/op", 5), "nobody says whether x/op is better lower or higher"},
		{"rise of what should rise", "match: A, unit: ops/s, max_rise: 10%", "-", exactHigher + run("A", "ops/s", 5), "did you mean max_drop?"},
		{"drop of what should drop", "match: A, unit: rounds/op, max_drop: 10%", "-", exactLower + run("A", "rounds/op", 5), "did you mean max_rise?"},
		{"better against the Unit line", "match: A, unit: ops/s, max_rise: 10%, better: lower", "-", exactHigher + run("A", "ops/s", 5), "budget b0 says ops/s is better when lower, the suite says higher"},
		{"better against the Unit line of the base", "match: A, unit: ops/s, max_rise: 10%, better: lower", exactHigher + run("A", "ops/s", 5), run("A", "ops/s", 5), "the suite says higher"},
		{"class against the Unit line", "match: A, unit: rounds/op, max_rise: 10%, class: compute", "-", exactLower + run("A", "rounds/op", 5), "says rounds/op is compute, the suite says assume=exact"},
		{"class exact against the Unit line", "match: A, unit: x, at_most: 1, class: exact", "-", "Unit x assume=nothing\n" + run("A", "x", 5), "the suite says assume=nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := scenario{budget: c.budget, base: c.base, head: c.head}.judge(t)
			var ps budget.Problems
			if !errors.As(err, &ps) || !strings.Contains(err.Error(), c.want) || len(r.Verdicts) > 0 {
				t.Errorf("got %v, want %q", err, c.want)
			}
			for _, p := range ps {
				if p.Pos.Line == 0 || p.Pos.Column == 0 || p.Help == "" {
					t.Errorf("no place or no way out: %+v", p)
				}
			}
		})
	}
	_, err := scenario{budget: "match: A, unit: x, max_rise: 10% | match: B, unit: ns/op, max_rise: 1% | match: A, unit: y, at_most: 1", base: "-", head: run("A", "x", 5)}.judge(t)
	if err == nil || strings.Count(err.Error(), "\n") != 2 || !strings.HasPrefix(err.Error(), "b.yaml:3:") || !strings.Contains(err.Error(), "\nb.yaml:4:") {
		t.Errorf("all errors in the order of the file: %v", err)
	}
	_, err = scenario{budget: "match: A, unit: x, at_most: 1, class: compute, better: lower", base: "-", head: "Unit x better=higher assume=exact\n" + run("A", "x", 5)}.judge(t)
	if err == nil || strings.Index(err.Error(), "is compute") > strings.Index(err.Error(), "is better when lower") {
		t.Errorf("errors of one budget in the order of the file: %v", err)
	}
	// A run that broke off cannot show that a selector is wrong.
	if _, err := (scenario{budget: "match: B, unit: ns/op, max_rise: 10%", base: "-", head: run("A", "ns/op", 5) + "panic: boom\n"}).judge(t); err != nil {
		t.Errorf("broken run: %v", err)
	}
}

// Budgets keep the order of the file, benchmarks the natural order of their names; the exit code is
// that of the worst.
func TestOrderAndExitCode(t *testing.T) {
	text := func(a, b []float64) string {
		return run("B", "ns/op", b...) + run("A/n=1000", "ns/op", a...) + run("A/n=20", "ns/op", steady...) + run("A/n=100", "ns/op", steady...)
	}
	set := rules(t, "match: B, unit: ns/op, max_rise: 10%", timeRule)
	for _, c := range []struct {
		a, b []float64
		exit int
		word string
	}{
		{steady, steady, 0, "pass"},
		{steady, wild, 3, "not judged"},
		{slower, steady, 1, "fail"},
		{slower, wild, 1, "fail"},
	} {
		r, err := Judge(Input{Budgets: set, Base: read(t, "base.txt", text(steady, steady)), Head: read(t, "head.txt", text(c.a, c.b))})
		if err != nil {
			t.Fatal(err)
		}
		if r.ExitCode != c.exit || r.Outcome != c.word || r.Version != Version {
			t.Errorf("exit code %d (%s), want %d (%s)", r.ExitCode, r.Outcome, c.exit, c.word)
		}
		var names []string
		for _, v := range r.Verdicts {
			names = append(names, v.Benchmark)
		}
		if got := strings.Join(names, " "); got != "B A/n=20 A/n=100 A/n=1000" {
			t.Errorf("order %s", got)
		}
		if r.Counts.Pass+r.Counts.Fail+r.Counts.Inconclusive+r.Counts.Missing != len(r.Verdicts) {
			t.Errorf("counts %+v of %d", r.Counts, len(r.Verdicts))
		}
	}
	// A broken budget is no result at all: the caller ends with misuse, whatever else failed.
	set.Budgets[0].Match.Name = "C"
	if r, err := Judge(Input{Budgets: set, Base: read(t, "base.txt", text(steady, steady)), Head: read(t, "head.txt", text(slower, wild))}); err == nil || r.Verdicts != nil {
		t.Errorf("got %+v and %v", r, err)
	}
}

// The order in which two packages and shuffled rounds print does not matter to paired samples.
func TestShuffledRounds(t *testing.T) {
	var blocks []string
	for i, v := range slower {
		blocks = append(blocks, fmt.Sprintf("pair: %d\nBenchmarkA 1 %v ns/op\n", i+1, v))
	}
	head := strings.Join(blocks, "")
	for i, j := 0, len(blocks)-1; i < j; i, j = i+1, j-1 {
		blocks[i], blocks[j] = blocks[j], blocks[i]
	}
	base := run("A", "ns/op", steady...)
	x, err := scenario{budget: timeRule, base: base, head: head}.judge(t)
	y, err2 := scenario{budget: timeRule, base: base, head: strings.Join(blocks, "")}.judge(t)
	if err != nil || err2 != nil || !bytes.Equal([]byte(marshal(t, x)), []byte(marshal(t, y))) {
		t.Errorf("%s\n%s", marshal(t, x), marshal(t, y))
	}
}

// Exact comparisons take no risk and so no share of it; each limit on a unit that varies takes one.
func TestSharesOfError(t *testing.T) {
	exact := exactLower + run("B", "rounds/op", 2)
	detectable := func(rules ...string) float64 {
		r, err := scenario{budget: strings.Join(rules, " | "), base: run("A", "ns/op", steady...) + exact, head: run("A", "ns/op", nearly...) + exact}.judge(t)
		if err != nil || r.Verdicts[0].Detectable == nil {
			t.Fatal(err, r)
		}
		return *r.Verdicts[0].Detectable
	}
	alone := detectable(timeRule)
	if got := detectable(timeRule, "match: B, unit: rounds/op, max_rise: 10%, at_most: 3"); got != alone {
		t.Errorf("alone %v, beside an exact unit %v", alone, got)
	}
	two, three := detectable(timeRule, timeRule), detectable(timeRule, timeRule+", at_most: 1s")
	if !(alone < two && two < three) {
		t.Errorf("one limit %v, two %v, three %v", alone, two, three)
	}
}

// What is called detectable is the limit plus what the bounds of both errors take.
func TestDetectable(t *testing.T) {
	v := judgeOne(t, timeRule, run("A", "ns/op", steady...), run("A", "ns/op", nearly...))
	tF, tP := tQuantile(0.95, 7), tQuantile(0.95, 7) // one comparison: both errors are 5 %
	se := (math.Log1p(v.Interval.High) - math.Log1p(*v.Change)) / tP
	if want := math.Expm1(math.Log(1.1) + (tF+tP)*se); math.Abs(*v.Detectable-want) > 1e-9 {
		t.Errorf("detectable %v, want %v", *v.Detectable, want)
	}
}
