package gate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// noisy returns n values about a centre whose logarithms spread so much.
func noisy(seed uint64, n int, centre, spread float64) []float64 {
	r := rand.New(rand.NewPCG(seed, 7))
	out := make([]float64, n)
	for i := range out {
		out[i] = centre * math.Exp(spread*r.NormFloat64())
	}
	return out
}

// Each of these has made some gate green or red that should not have been.
func TestTraps(t *testing.T) {
	a := func(values ...float64) string { return run("A", "ns/op", values...) }
	requests := func(p99 float64, n int) string {
		var b strings.Builder
		r := rand.New(rand.NewPCG(3, 3))
		for i := range 40 {
			// A tail so heavy that now and then it is three times as long.
			fmt.Fprintf(&b, "pair: %d\nBenchmarkA 1 %v p99-ns %d requests\n", i+1, p99*math.Exp(0.2*r.ExpFloat64()), n)
		}
		return b.String()
	}
	in := func(pkg, text string) string { return "pkg: " + pkg + "\n" + text + "pair:\n" }
	const p99 = "match: A, unit: p99-ns, better: lower, max_rise: 20%"
	for _, s := range []scenario{
		{name: "0 to 1 allocation", budget: "match: A, unit: allocs/op, max_rise: 50%", base: run("A", "allocs/op", 0, 0, 0, 0), head: run("A", "allocs/op", 1, 1, 1, 1), exit: 1, want: Fail, reason: "the base is zero"},
		{name: "constant history, then more", budget: timeRule, base: a(repeat(40, 100)...), head: a(repeat(40, 120)...), exit: 1, want: Fail},
		{name: "constant history, unchanged", budget: timeRule, base: a(repeat(40, 100)...), head: a(repeat(40, 100)...), want: Pass},
		{name: "throughput drop", budget: "match: A, unit: MB/s, max_drop: 10%", base: run("A", "MB/s", noisy(1, 20, 100, 0.02)...), head: run("A", "MB/s", noisy(2, 20, 70, 0.02)...), exit: 1, want: Fail},
		{name: "throughput gain", budget: "match: A, unit: MB/s, max_drop: 10%", base: run("A", "MB/s", noisy(1, 20, 70, 0.02)...), head: run("A", "MB/s", noisy(2, 20, 100, 0.02)...), want: Pass, also: `"improved":true`},
		{name: "rename", budget: "match: A, unit: ns/op, max_rise: 10%", base: run("A/old", "ns/op", steady8...), head: run("A/new", "ns/op", steady8...), exit: 3, also: "deleted, renamed or not run"},
		{name: "crash", budget: timeRule, base: a(steady8...), head: "--- FAIL: BenchmarkA\n    panic: no\n", exit: 1, want: Fail, reason: "the base did not fail"},
		{name: "head that hangs", budget: timeRule, base: a(steady8...), head: "--- FAIL: BenchmarkA\n    ran into its time limit of 5m0s\n", exit: 1, want: Fail, reason: "time limit"},
		{name: "two packages with one name, one slower", budget: timeRule, base: in("p", a(steady8...)) + in("q", a(steady8...)), head: in("p", a(steady8...)) + in("q", a(times(2, steady8...)...)), exit: 1, also: `"package":"q","unit":"ns/op","direction":"lower","class":"compute","verdict":"fail"`},
		{name: "two packages with one name, one gone", budget: timeRule, base: in("p", a(steady8...)) + in("q", a(steady8...)), head: in("p", a(steady8...)), exit: 3, also: `"missing":1`},
		{name: "three repetitions", budget: timeRule, base: loose("A", "ns/op", 100, 101, 99), head: loose("A", "ns/op", 300, 301, 299), exit: 3, want: Inconclusive, reason: "too few"},
		{name: "6 + 6 samples", budget: timeRule, base: loose("A", "ns/op", noisy(1, 6, 100, 0.02)...), head: loose("A", "ns/op", noisy(2, 6, 150, 0.02)...), exit: 1, want: Fail},
		{name: "15 % noise and three times slower", budget: timeRule, base: a(noisy(1, 8, 100, 0.15)...), head: a(noisy(2, 8, 300, 0.15)...), exit: 1, want: Fail},
		{name: "a few nanoseconds", budget: timeRule, base: a(noisy(1, 20, 2.5, 0.02)...), head: a(noisy(2, 20, 3.0, 0.02)...), exit: 1, want: Fail},
		{name: "a few nanoseconds within ignore_below", budget: timeRule + ", ignore_below: 1ns", base: a(noisy(1, 20, 2.5, 0.02)...), head: a(noisy(2, 20, 3.0, 0.02)...), want: Pass},
		{name: "heavy tail, unchanged", budget: p99, base: requests(100, 5000), head: requests(100, 5000), want: Pass},
		{name: "heavy tail, slower", budget: p99, base: requests(100, 5000), head: requests(150, 5000), exit: 1, want: Fail},
		{name: "heavy tail of too few", budget: p99, base: requests(100, 40), head: requests(150, 40), exit: 3, want: Inconclusive, reason: "40 requests are too few"},
		{name: "a line cut in half", budget: timeRule, base: a(steady8...), head: a(steady8...) + "pair: 9\nBenchmarkA 1 10", exit: 3, want: Inconclusive, reason: "damaged"},
		{name: "a unit cut in half", budget: timeRule, base: a(steady8...), head: a(steady8...) + "pair: 9\nBenchmarkA 1 100 ns/o", exit: 3, want: Inconclusive},
		{name: "a base that does not build", budget: timeRule, base: "-", set: func(in *Input) { in.NoBase = "the benchmarks of v1 do not build" }, head: a(steady8...), exit: 3, want: Missing, reason: "do not build"},
		{name: "a base that printed nothing", budget: timeRule, base: "PASS\nok  \tm\t0.1s\n", head: a(steady8...), exit: 3},
	} {
		t.Run(s.name, s.test)
	}
}

// Twenty releases, each a percent slower than the last: none fails against its predecessor, and a base
// that stays where it was shows the sum.
func TestDriftIsSeenFromAFixedBase(t *testing.T) {
	release := func(i int) string {
		return run("A", "ns/op", noisy(uint64(i), 40, 100*math.Pow(1.01, float64(i)), 0.02)...)
	}
	judge := func(base, head int) Verdict {
		return judgeOne(t, timeRule, release(base), release(head))
	}
	for i := 1; i <= 20; i++ {
		if v := judge(i-1, i); v.Verdict != Pass {
			t.Errorf("release %d against %d: %s", i, i-1, v.Reason)
		}
	}
	if v := judge(0, 20); v.Verdict != Fail {
		t.Errorf("release 20 against 0: %s", v.Reason)
	}
}

// suiteOf draws what a session measured of a benchmark, by looks.
func suiteOf(t *rapid.T) (base, head []float64) {
	n := rapid.SampledFrom([]int{4, 6, 9, 20, 40}).Draw(t, "pairs")
	spread := rapid.Float64Range(0, 0.5).Draw(t, "spread")
	change := rapid.Float64Range(0.5, 2).Draw(t, "change")
	seed := rapid.Uint64().Draw(t, "seed")
	return noisy(seed, n, 100, spread), noisy(seed+1, n, 100*change, spread)
}

func TestLooksKeepTheLaws(t *testing.T) {
	const rule = "match: A, unit: ns/op, max_rise: %v%%"
	at := func(t *rapid.T, limit float64, base, head string) Verdict {
		return judgeOne(t, fmt.Sprintf(rule, limit), planned("", base), planned("", head))
	}
	a := func(xs []float64) string { return run("A", "ns/op", xs...) }
	t.Run("a wider limit is never worse", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			base, head := suiteOf(t)
			limit := rapid.Float64Range(0, 100).Draw(t, "limit")
			wider := limit + rapid.Float64Range(0, 50).Draw(t, "wider")
			if x, y := at(t, limit, a(base), a(head)), at(t, wider, a(base), a(head)); rank[x.Verdict] > rank[y.Verdict] {
				t.Fatalf("at %v %%: %s; at %v %%: %s", limit, x.Reason, wider, y.Reason)
			}
		})
	})
	t.Run("a sample against itself never fails", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			base, _ := suiteOf(t)
			limit := rapid.Float64Range(0, 30).Draw(t, "limit")
			if v := at(t, limit, a(base), a(base)); v.Verdict == Fail || v.Improved {
				t.Fatal(v.Reason)
			}
		})
	})
	t.Run("the order of lines does not matter", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			base, head := suiteOf(t)
			lines := strings.SplitAfter(strings.TrimSuffix(a(head), "\n"), "s/op\n")
			shuffled := rapid.Permutation(lines).Draw(t, "lines")
			for i := range shuffled {
				shuffled[i] = strings.TrimSuffix(shuffled[i], "\n") + "\n"
			}
			x, y := at(t, 10, a(base), a(head)), at(t, 10, a(base), strings.Join(shuffled, ""))
			if x.Verdict != y.Verdict || x.Reason != y.Reason {
				t.Fatalf("%s; shuffled: %s", x.Reason, y.Reason)
			}
		})
	})
	t.Run("no noise makes three times slower a pass", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			n := rapid.SampledFrom([]int{8, 20, 40}).Draw(t, "pairs")
			seed := rapid.Uint64().Draw(t, "seed")
			spread := rapid.Float64Range(0, 0.4).Draw(t, "spread")
			if v := at(t, 10, a(noisy(seed, n, 100, spread)), a(noisy(seed+1, n, 300, spread))); v.Verdict == Pass {
				t.Fatal(v.Reason)
			}
		})
	})
	t.Run("what is absent never passes", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			base, head := suiteOf(t)
			gone := rapid.SampledFrom([]string{"", "PASS\n", run("B", "ns/op", head...), run("A", "B/op", head...), "--- FAIL: BenchmarkA\n", a(head)[:len(a(head))/2] + "\nFAIL\n"}).Draw(t, "head")
			r, err := scenario{budget: timeRule, base: planned("", a(base)), head: gone}.judge(t)
			if err == nil && (r.ExitCode == ExitPass || r.Verdicts[0].Verdict == Pass && gone[:2] != "pa") {
				t.Fatalf("exit code %d: %+v", r.ExitCode, r.Verdicts)
			}
		})
	})
	t.Run("a mirror shows the mirrored verdict", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			base, head := suiteOf(t)
			b := rapid.Float64Range(1, 80).Draw(t, "limit")
			x := judgeOne(t, fmt.Sprintf("match: A, unit: x, better: lower, max_rise: %.17g%%", b), planned("", run("A", "x", base...)), planned("", run("A", "x", head...)))
			y := judgeOne(t, fmt.Sprintf("match: A, unit: x, better: higher, max_drop: %.17g%%", 100*b/(100+b)), planned("", run("A", "x", head...)), planned("", run("A", "x", base...)))
			if x.Verdict != y.Verdict || x.Pairs != y.Pairs || x.Improved != y.Improved {
				t.Fatalf("%s; mirrored: %s", x.Reason, y.Reason)
			}
		})
	})
}
