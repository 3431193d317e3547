package gate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/sample"
)

// planned makes a file of a session that looks for a decision as its provenance says.
func planned(extra, text string) string {
	return mine("1", "# looks: 4 6 8 11 15 20 28 40\n"+extra+text)
}

// owned prints pairs whose wall time is twice the own time given, as of two on one processor.
func owned(name string, own ...float64) string { return ownedWall(name, 2, own...) }

func ownedWall(name string, factor float64, own ...float64) string {
	var b strings.Builder
	for i, v := range own {
		fmt.Fprintf(&b, "pair: %d\nBenchmark%s 1 %v ns/op %v own-ns/op %v cpu-ns/op\n", i+1, name, factor*v, v, v)
	}
	return b.String()
}

func ordered(name, seed string, values ...float64) string {
	return "layout: " + seed + "\n" + run(name, "ns/op", values...) + "layout:\npair:\n"
}

var (
	steady8 = []float64{100, 101, 99, 100, 102, 98, 101, 99}
	times   = func(k float64, xs ...float64) []float64 {
		out := slices.Clone(xs)
		for i := range out {
			out[i] *= k
		}
		return out
	}
)

func TestLooks(t *testing.T) {
	for n, want := range map[int]string{3: "[]", 4: "[4]", 5: "[4 5]", 8: "[4 6 8]", 40: "[4 6 8 11 15 20 28 40]", 41: "[4 6 8 11 15 20 28 40 41]", 100: "[4 6 8 11 15 20 28 40 53 70 93 100]"} {
		if got := fmt.Sprint(Looks(n)); got != want {
			t.Errorf("Looks(%d) = %s, want %s", n, got, want)
		}
	}
	if d := NewPlan(3, 1).Decide(times(0.001, steady8...), nil, 1); d.Kind != Inconclusive || d.Pairs != 0 {
		t.Errorf("a plan without looks decides %+v", d)
	}
	// All looks together spend what one would.
	for _, n := range []int{4, 5, 40, 100} {
		fail, pass := 0.0, 0.0
		for _, s := range NewPlan(n, 50).stages {
			fail, pass = fail+s.alphaFail, pass+s.alphaPass
		}
		if math.Abs(fail-0.001) > 1e-12 || math.Abs(pass-0.05) > 1e-12 {
			t.Errorf("a plan for %d pairs spends %v and %v", n, fail, pass)
		}
	}
}

func TestLooksAndOwnTime(t *testing.T) {
	const rule = timeRule
	base := run("A", "ns/op", repeat(5, 100, 101, 99, 100)...)
	double := run("A", "ns/op", repeat(5, 200, 203, 197, 201)...)
	late := append(repeat(1, 100, 101, 99, 100), repeat(16, 300)...)
	closer := run("A", "ns/op", times(1.14, repeat(5, 100, 101, 99, 100)...)...)
	for _, s := range []scenario{
		{name: "the first look ends it", budget: rule, base: planned("", base), head: planned("", base), want: Pass, also: `"pairs":4`},
		{name: "what comes after is not looked at", budget: rule, base: planned("", base), head: planned("", run("A", "ns/op", late...)), want: Pass, also: `"pairs":4,"base_n":4`},
		{name: "a fail takes a look more", budget: rule, base: planned("", base), head: planned("", run("A", "ns/op", repeat(5, 130, 137, 122, 131)...)), exit: 1, want: Fail, also: `"pairs":6`},
		{name: "without a plan all are looked at", budget: rule, base: base, head: double, exit: 1, want: Fail, also: `"pairs":20`},
		{name: "another session has no plan", budget: rule, base: planned("", base), head: mine("2", double), exit: 1, want: Fail, reason: "beyond twice", also: `"pairs":0`},
		{name: "fewer pairs than the first look", budget: rule, base: planned("", run("A", "ns/op", 1, 1, 1)), head: planned("", run("A", "ns/op", 1, 1, 1)), exit: 3, want: Inconclusive, reason: "3 pairs are too few"},
		{name: "cut by the clock", budget: rule, base: planned("", run("A", "ns/op", 1, 1, 1)), head: planned("# stopped: time was up\n", run("A", "ns/op", 1, 1, 1)), exit: 3, want: Inconclusive, reason: "measuring was stopped: time was up"},
		{name: "a plan that is none", budget: rule, base: mine("1", base), head: mine("1", "# looks: 4 3\n"+base), exit: 3, want: Pass, also: "not growing numbers"},
		{name: "a plan of too few", budget: rule, base: mine("1", base), head: mine("1", "# looks: 1 40\n"+base), exit: 3, want: Pass, also: "not growing numbers"},

		{name: "own time decides", budget: rule, base: owned("A", steady8...), head: owned("A", times(1.3, steady8...)...), exit: 1, want: Fail, also: `"own_time":true`},
		{name: "wall time of a disturbed machine does not", budget: rule, base: owned("A", steady8...), head: ownedWall("A", 2.1, steady8...), want: Pass, also: `"own_time":true`},
		{name: "yet waiting must not pass", budget: rule, base: owned("A", steady8...), head: ownedWall("A", 3, steady8...), exit: 3, want: Inconclusive, reason: "disagree"},
		{name: "it is the value shown", budget: rule, base: owned("A", steady8...), head: owned("A", steady8...), want: Pass, also: `"base":1.0000000000000001e-7`},
		{name: "both have to have it", budget: rule, base: owned("A", steady8...), head: run("A", "ns/op", times(2, steady8...)...), want: Pass, not: "own_time"},
		{name: "on every line", budget: rule, base: owned("A", steady8...), head: owned("A", steady8[:7]...) + "pair: 8\nBenchmarkA 1 200 ns/op\n", want: Pass, not: "own_time"},
		{name: "a rate follows", budget: "match: A, unit: MB/s, max_drop: 10%",
			base: rate(200, 100, 50), head: rate(210, 100, 1000.0/21), want: Pass, also: `"base":990099`},
		{name: "a rate that fell", budget: "match: A, unit: MB/s, max_drop: 10%",
			base: rate(200, 100, 50), head: rate(260, 130, 500.0/13), exit: 1, want: Fail, also: `"own_time":true`},
		{name: "other units do not", budget: "match: A, unit: B/op, max_rise: 10%, class: compute", base: rate(200, 100, 50), head: rate(200, 100, 50), want: Pass, not: "own_time"},

		{name: "the wider limit is named", budget: "match: A, unit: ns/op, max_rise: 10%, ignore_below: 1us", base: base, head: double, want: Pass, reason: "proved within ignore_below 1us"},
		{name: "not the narrower", budget: "match: A, unit: ns/op, max_rise: 10%, ignore_below: 1ns", base: base, head: double, exit: 1, want: Fail, reason: "proved beyond max_rise 10%"},
		{name: "one after the other is said", budget: rule, base: "method: interleaved\n" + base, head: "method: interleaved\n" + base, want: Pass, also: `"interleaved":true`},
		{name: "a ceiling is on own time too", budget: "match: A, unit: ns/op, at_most: 110ns", base: "-", head: strings.ReplaceAll(owned("A", steady8...), "pair", "run"), want: Pass, also: `"own_time":true`},
		{name: "or on what there is", budget: "match: A, unit: ns/op, at_most: 110ns", base: "-", head: strings.ReplaceAll(owned("A", steady8...), "pair", "run") + "BenchmarkA 1 200 ns/op\n", exit: 1, want: Fail, not: "own_time"},
		{name: "runs apart by their own clocks", budget: rule, base: strings.ReplaceAll(owned("A", steady8...), "pair", "run"), head: strings.ReplaceAll(ownedWall("A", 5, steady8...), "pair", "run"), want: Pass, also: `"own_time":true`},
		{name: "or neither", budget: rule, base: strings.ReplaceAll(owned("A", steady8...), "pair", "run"), head: loose("A", "ns/op", times(2, steady8...)...), want: Pass, not: "own_time"},
		{name: "or neither, the other way", budget: rule, base: loose("A", "ns/op", times(2, steady8...)...), head: strings.ReplaceAll(owned("A", steady8...), "pair", "run"), want: Pass, not: "own_time"},
		{name: "growth by own clocks", budget: "match: A, unit: ns/op, scales: {with: n, exponent_at_most: 1.05}", base: "-", head: grows(), want: Pass},
		{name: "a close fail without other orders", budget: rule, base: base, head: closer, exit: 1, want: Fail, also: "no other order was measured"},
		{name: "that were to be measured", budget: rule, base: planned("", base), head: planned("# layouts: 4\n", closer), exit: 3, want: Inconclusive, reason: "not measured in other orders"},
		{name: "of which too few were", budget: rule, base: planned("", base+orders(0, 0)), head: planned("# layouts: 4\n", closer+orders(.14, .15)), exit: 3, want: Inconclusive, reason: "measured in only 2 of the 3 other orders"},
		{name: "and agree", budget: rule, base: planned("", base+orders(0, 0, 0, 0)), head: planned("# layouts: 4\n", closer+orders(.14, .15, .13, .02)), exit: 1, want: Fail, also: `"layouts":4`},
		{name: "or don't", budget: rule, base: planned("", base+orders(0, 0, 0, 0)), head: planned("# layouts: 4\n", closer+orders(.14, .01, .13, .02)), exit: 3, want: Inconclusive, reason: "where the code lies decides"},
		{name: "a clear fail needs none", budget: rule, base: planned("", base), head: planned("# layouts: 4\n", double), exit: 1, want: Fail, not: "order"},
		{name: "nor do allocations", budget: "match: A, unit: B/op, max_rise: 10%", base: planned("", run("A", "B/op", repeat(5, 1000, 1010, 990, 1000)...)), head: planned("# layouts: 4\n", run("A", "B/op", repeat(5, 1140, 1151, 1129, 1140)...)), exit: 1, want: Fail},
		{name: "counts that vary, and in no pair", budget: "match: A, unit: B/op, max_rise: 0%", base: planned("", run("A", "B/op", 64, 80, 64, 96, 64)), head: planned("", run("A", "B/op", 64, 80, 64, 96, 64)), want: Pass, reason: "the same in every pair", also: `"pairs":4`},
		{name: "counts that vary in a pair", budget: "match: A, unit: B/op, max_rise: 0%", base: planned("", run("A", "B/op", 64, 80, 64, 96)), head: planned("", run("A", "B/op", 64, 80, 64, 97)), exit: 3, want: Inconclusive},
		{name: "mostly no bytes", budget: "match: A, unit: B/op, max_rise: 10%", base: planned("", run("A", "B/op", 0, 1, 0, 0, 0)), head: planned("", run("A", "B/op", 0, 0, 0, 1, 0)), want: Pass, reason: "zero on both sides"},
		{name: "other orders are no pairs", budget: rule, base: base + orders(0, 0, 0, 0), head: base + orders(1, 1, 1, 1), want: Pass, also: `"pairs":20`, not: "no partner"},

		{name: "the same program", budget: rule, base: planned("# binary.: x\n", base), head: planned("# binary.: x\n", double), want: Pass, reason: "byte for byte", also: `"identical":true`, not: `"base":1`},
		{name: "not the same", budget: rule, base: planned("# binary.: x\n", base), head: planned("# binary.: y\n", double), exit: 1, want: Fail},
		{name: "of another session", budget: rule, base: mine("1", "# binary.: x\n"+base), head: mine("2", "# binary.: x\n"+double), exit: 1, want: Fail},
		{name: "what is exact is compared all the same", budget: "match: A, unit: rounds/op, max_rise: 0%", base: planned("# binary.: x\n", exactLower+run("A", "rounds/op", 5, 5)), head: planned("# binary.: x\n", exactLower+run("A", "rounds/op", 6, 6)), exit: 1, want: Fail},
		{name: "the same program is still held to a ceiling", budget: rule + ", at_most: 50ns", base: planned("# binary.: x\n", base), head: planned("# binary.: x\n", base), exit: 1, want: Fail, reason: "beyond at_most"},
	} {
		t.Run(s.name, s.test)
	}
}

// rate prints eight pairs with a wall time and an own time in nanoseconds, a rate and a size.
func rate(wall, own, mbs float64) string {
	var b strings.Builder
	for i := range 8 {
		k := 1 + 0.01*float64(i%3)
		fmt.Fprintf(&b, "pair: %d\nBenchmarkA 1 %v ns/op %v own-ns/op %v MB/s %v B/op\n", i+1, wall*k, own*k, mbs/k, 100+i)
	}
	return b.String()
}

// grows prints what grows linearly by its own clock, and faster on a disturbed wall.
func grows() string {
	var b strings.Builder
	for i, n := range []float64{1, 10, 100} {
		b.WriteString(strings.ReplaceAll(ownedWall(fmt.Sprintf("A/n=%v", n), 1+float64(i), times(n, steady8...)...), "pair", "run"))
	}
	return b.String()
}

// orders prints six lines in each of several orders of the functions, slower by so much.
func orders(slower ...float64) string {
	var b strings.Builder
	for i, s := range slower {
		b.WriteString(ordered("A", fmt.Sprint(i+1), times(1+s, 100, 101, 99, 100, 101, 99)...))
	}
	return b.String()
}

// Live and from files, the same pairs give the same verdict: whenever Pending asks for no more, the
// verdict stands, whatever comes after.
func TestPendingAgreesWithJudge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		change, noise := rapid.Float64Range(-0.1, 0.3).Draw(t, "change"), rapid.Float64Range(0, 0.1).Draw(t, "noise")
		n := 40
		var base, head []float64
		for range n {
			base = append(base, 100*math.Exp(noise*r.NormFloat64()))
			head = append(head, 100*(1+change)*math.Exp(noise*r.NormFloat64()))
		}
		budgets := rules(t, timeRule, "match: A, unit: ns/op, max_rise: 20%")
		input := func(n int) Input {
			return Input{Budgets: budgets, Base: read(t, "base.txt", planned("", run("A", "ns/op", base[:n]...))), Head: read(t, "head.txt", planned("# comparisons: 7\n", run("A", "ns/op", head[:n]...)))}
		}
		for _, k := range Looks(n) {
			if Pending(input(k)) == More {
				continue
			}
			now, err := Judge(input(k))
			if err != nil {
				t.Fatal(err)
			}
			later, err := Judge(input(n))
			if err != nil {
				t.Fatal(err)
			}
			if marshal(t, now) != marshal(t, later) {
				t.Fatalf("after %d pairs:\n%s\nafter all:\n%s", k, marshal(t, now), marshal(t, later))
			}
			return
		}
		t.Fatal("still pending after the last look")
	})
}

func TestPending(t *testing.T) {
	base := run("A", "ns/op", repeat(2, steady8...)...)
	at := func(rule, base, head string) Next {
		return Pending(Input{Budgets: rules(t, strings.Split(rule, " | ")...), Base: read(t, "base.txt", base), Head: read(t, "head.txt", head)})
	}
	wild := run("A", "ns/op", repeat(4, 70, 140, 80, 120)...)
	closer := run("A", "ns/op", times(1.14, repeat(2, steady8...)...)...)
	for _, tt := range []struct {
		name             string
		rule, base, head string
		want             Next
	}{
		{"decided", timeRule, planned("", base), planned("", base), Done},
		{"wild", timeRule, planned("", base), planned("", wild), More},
		{"too few", timeRule, planned("", base), planned("", run("A", "ns/op", 1, 2)), More},
		{"one of two budgets open", "match: A, unit: ns/op, max_rise: 500% | " + timeRule, planned("", base), planned("", wild), More},
		{"no relative limit", "match: A, unit: ns/op, at_most: 1ns", planned("", base), planned("", wild), Done},
		{"nothing to judge", timeRule, planned("", base), planned("", run("A", "ns/op", repeat(8, 0)...)), Done},
		{"close", timeRule, planned("", base), planned("# layouts: 4\n", closer), Layouts},
		{"close, but another is open", timeRule + " | match: A, unit: ns/op, max_rise: 14%", planned("", base), planned("# layouts: 4\n", closer), More},
		{"seen in other orders", timeRule, planned("", base+orders(0, 0, 0, 0)), planned("# layouts: 4\n", closer+orders(0, 0, 0, 0)), Done},
		{"no other orders are to be had", timeRule, planned("", base), planned("", closer), Done},
	} {
		if got := at(tt.rule, tt.base, tt.head); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// What all share is no fault of one, and never silently a pass.
func TestShift(t *testing.T) {
	suite := func(pairs bool, ks ...float64) string {
		var b strings.Builder
		for i, k := range ks {
			name := fmt.Sprintf("A/i=%d", i)
			if pairs {
				b.WriteString(run(name, "ns/op", times(k, steady8...)...))
			} else {
				b.WriteString(loose(name, "ns/op", times(k, steady8...)...))
			}
		}
		return b.String()
	}
	same, moved := []float64{1, 1, 1, 1, 1, 1}, []float64{1.3, 1.31, 1.29, 1.3, 1.28, 1.32}
	for _, s := range []scenario{
		{name: "pairs that moved together fail, and the headline says so", base: suite(true, same...), head: suite(true, moved...), exit: 1, want: Fail, also: "6 of 6 benchmarks changed together"},
		{name: "runs apart that moved together are not judged", base: suite(false, same...), head: suite(false, moved...), exit: 3, want: Inconclusive, reason: "the machine or the toolchain", also: `"shift":{"change":0.2`},
		{name: "one that moved more fails all the same", base: suite(false, same...), head: suite(false, 1.9, 1.31, 1.29, 1.3, 1.28, 1.32), exit: 1, want: Fail, also: `"fail":1,"inconclusive":5`},
		{name: "half that moved are no shift", base: suite(true, same...), head: suite(true, 1.3, 1.3, 1.3, 1, 1, 1), exit: 1, want: Fail, not: "together"},
		{name: "seven of ten that moved are none", base: suite(true, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), head: suite(true, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3, 1, 1, 1), exit: 1, want: Fail, not: "together"},
		{name: "four are too few to tell", base: suite(false, 1, 1, 1, 1), head: suite(false, 1.3, 1.3, 1.3, 1.3), exit: 1, want: Fail, not: "together"},
		{name: "all better is said and no problem", base: suite(true, moved...), head: suite(true, same...), want: Pass, also: `"problems":[],"shift"`},
		{name: "a small shift is none", base: suite(true, same...), head: suite(true, 1.03, 1.03, 1.03, 1.03, 1.03, 1.03), want: Pass, not: "shift"},
		{name: "seen twice", base: planned("", suite(true, same...)), head: planned("# repeated: all moved\n", suite(true, moved...)), exit: 1, want: Fail, also: "shows it again"},
		{name: "another toolchain", base: planned("# go: go1.25\n", suite(true, same...)), head: planned("# go: go1.26\n", suite(true, moved...)), exit: 1, want: Fail, also: "base was built by go1.25, head by go1.26"},
	} {
		s.budget = timeRule
		t.Run(s.name, s.test)
	}
	// A ceiling has nothing to do with what others did.
	scenario{budget: timeRule + ", at_most: 120ns", base: suite(false, same...), head: suite(false, moved...), exit: 1, want: Fail, reason: "beyond at_most"}.test(t)
}

// The comparisons that share the error are counted before anything is measured, so that the count
// cannot depend on it.
func TestComparisons(t *testing.T) {
	in := Input{
		Budgets: rules(t, timeRule+", at_most: 1s", "match: A, unit: B/op, max_rise: 10%", "match: A, unit: rounds/op, max_rise: 10%"),
		Head:    read(t, "head.txt", exactLower+strings.Repeat("BenchmarkA/n=1 1 5 ns/op 3 B/op 7 rounds/op\nBenchmarkA/n=2 1 5 ns/op 3 B/op 7 rounds/op\n", 2)),
	}
	if got := Comparisons(in); got != 6 {
		t.Errorf("%d comparisons, want 6: two benchmarks, each with two limits on its time and one on its bytes", got)
	}
	// A file that was judged among more is not judged among fewer later.
	for count, want := range map[string]float64{"": 0.025, "# comparisons: 50\n": 0.001, "# comparisons: 1\n": 0.025, "# comparisons: x\n": 0.025} {
		j := judge{in: Input{Head: read(t, "head.txt", mine("1", count+"BenchmarkA 1 5 ns/op\n")), Base: &sample.Set{}}}
		c := &testcase{b: &budget.Budget{MaxRise: &budget.Limit{}, AtMost: &budget.Limit{}}}
		j.prepare([]*testcase{c})
		if got := j.alpha(c); math.Abs(got-want) > 1e-12 {
			t.Errorf("with %q the error is %v, want %v", count, got, want)
		}
	}
}
