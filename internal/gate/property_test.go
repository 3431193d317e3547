package gate

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// rank orders verdicts from worst to best.
var rank = map[Kind]int{Fail: 0, Inconclusive: 1, Pass: 2}

func judgeOne(t tester, rule, base, head string) Verdict {
	t.Helper()
	r, err := scenario{budget: rule, base: base, head: head}.judge(t)
	if err != nil {
		t.Fatal(err)
	}
	return r.Verdicts[0]
}

// around draws n to 12 values, at least 4, about a centre.
func around(t *rapid.T, label string) []float64 {
	centre := rapid.Float64Range(50, 200).Draw(t, label+" centre")
	spread := rapid.Float64Range(0, 0.3).Draw(t, label+" spread")
	out := rapid.SliceOfN(rapid.Float64Range(-1, 1), 4, 12).Draw(t, label)
	for i := range out {
		out[i] = centre * (1 + spread*out[i])
	}
	return out
}

func arms(t *rapid.T) (base, head []float64, paired bool) {
	base, head = around(t, "base"), around(t, "head")
	if paired = rapid.Bool().Draw(t, "paired"); paired {
		n := min(len(base), len(head))
		base, head = base[:n], head[:n]
	}
	return base, head, paired
}

func text(paired bool, values []float64) string {
	if paired {
		return run("A", "x", values...)
	}
	return loose("A", "x", values...)
}

// Lower-is-better seen from the other side is higher-is-better: a rise by b against base is a drop
// by b/(1+b) when the two change places.
func TestOrientation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base, head, paired := arms(t)
		b := rapid.Float64Range(0, 100).Draw(t, "limit")
		x := judgeOne(t, fmt.Sprintf("match: A, unit: x, better: lower, max_rise: %.17g%%", b), text(paired, base), text(paired, head))
		y := judgeOne(t, fmt.Sprintf("match: A, unit: x, better: higher, max_drop: %.17g%%", 100*b/(100+b)), text(paired, head), text(paired, base))
		if x.Verdict != y.Verdict || x.Improved != y.Improved || x.Pairs != y.Pairs {
			t.Fatalf("%+v\n%+v", x, y)
		}
	})
}

// A wider limit never gives a worse verdict: so nothing can both pass and fail.
func TestMonotoneInLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base, head, paired := arms(t)
		rise := rapid.Float64Range(0, 100).Draw(t, "limit")
		wider := rise + rapid.Float64Range(0, 50).Draw(t, "wider")
		const rule = "match: A, unit: x, better: lower, max_rise: %.17g%%, class: %s"
		class := rapid.SampledFrom([]string{"compute", "waiting"}).Draw(t, "class")
		x := judgeOne(t, fmt.Sprintf(rule, rise, class), text(paired, base), text(paired, head))
		y := judgeOne(t, fmt.Sprintf(rule, wider, class), text(paired, base), text(paired, head))
		if rank[x.Verdict] > rank[y.Verdict] {
			t.Fatalf("at %v %%: %s; at %v %%: %s", rise, x.Reason, wider, y.Reason)
		}
		if x.Interval == nil || x.Interval.Low > x.Interval.High || *x.Change < x.Interval.Low || *x.Change > x.Interval.High {
			t.Fatalf("change %v, interval %+v", x.Change, x.Interval)
		}
	})
}

// More noise about the same mean decides nothing that less noise left open or decided otherwise.
func TestNoiseDecidesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := 2 * rapid.IntRange(2, 8).Draw(t, "half")
		e := make([]float64, n)
		for i := 0; i < n; i += 2 {
			e[i] = rapid.Float64Range(0, 0.2).Draw(t, "e")
			e[i+1] = -e[i]
		}
		m := rapid.Float64Range(-0.3, 0.5).Draw(t, "mean")
		factor := rapid.Float64Range(1, 10).Draw(t, "factor")
		at := func(k float64) Verdict {
			head := make([]float64, n)
			for i := range head {
				head[i] = 100 * math.Exp(m+k*e[i])
			}
			return judgeOne(t, "match: A, unit: x, better: lower, max_rise: 10%", run("A", "x", repeat(n, 100)...), run("A", "x", head...))
		}
		if quiet, loud := at(1), at(factor); loud.Verdict != Inconclusive && loud.Verdict != quiet.Verdict {
			t.Fatalf("quiet: %s; loud: %s", quiet.Reason, loud.Reason)
		}
	})
}

// Only ratios count: both sides times a power of two, which rounds nothing, is the same result.
func TestScaleInvariance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base, head, paired := arms(t)
		c := math.Ldexp(1, rapid.IntRange(-40, 40).Draw(t, "power"))
		times := func(xs []float64) []float64 {
			out := make([]float64, len(xs))
			for i := range xs {
				out[i] = c * xs[i]
			}
			return out
		}
		const rule = "match: A, unit: x, better: lower, max_rise: 10%"
		x := judgeOne(t, rule, text(paired, base), text(paired, head))
		y := judgeOne(t, rule, text(paired, times(base)), text(paired, times(head)))
		if x.Verdict != y.Verdict || math.Abs(*x.Change-*y.Change) > 1e-9 || math.Abs(x.Interval.High-y.Interval.High) > 1e-6*(1+x.Interval.High) {
			t.Fatalf("%+v\n%+v", x, y)
		}
	})
}

// Whatever the samples, the result can be written, and ends in 0 only when every verdict passed.
func TestAnyValues(t *testing.T) {
	value := rapid.OneOf(rapid.Float64Range(0, math.MaxFloat64), rapid.Float64Range(0, 2),
		rapid.SampledFrom([]float64{0, math.NaN(), math.Inf(1), math.Inf(-1), -1, 1, 100, math.SmallestNonzeroFloat64, math.MaxFloat64}))
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(value, 0, 9)
		unit := rapid.SampledFrom([]string{"x", "ns/op", "allocs/op", "p99-ns"}).Draw(t, "unit")
		limit := "10"
		if strings.Contains(unit, "ns") {
			limit = "10ns"
		}
		class := rapid.SampledFrom([]string{"", ", class: exact"}).Draw(t, "class")
		in := scenario{
			budget: fmt.Sprintf("match: A, unit: %s, better: lower, max_rise: 10%%, at_most: %s, at_least: 0%s%s", unit, limit, strings.TrimPrefix(limit, "10"), class) +
				fmt.Sprintf(" | match: A, unit: %s, scales: {with: n, exponent_at_most: 1}", unit),
			base: run("A/n=1", unit, values.Draw(t, "b1")...) + run("A/n=2", unit, values.Draw(t, "b2")...) + run("A/n=3", unit, values.Draw(t, "b3")...),
			head: run("A/n=1", unit, values.Draw(t, "h1")...) + run("A/n=2", unit, values.Draw(t, "h2")...) + run("A/n=3", unit, values.Draw(t, "h3")...),
		}
		r, err := in.judge(t)
		if err != nil {
			return // the unit is on neither side
		}
		if _, err := json.Marshal(r); err != nil {
			t.Fatalf("%v: %+v", err, r)
		}
		for _, v := range r.Verdicts {
			if v.Blocks != (v.Verdict != Pass) || r.ExitCode == ExitPass && v.Verdict != Pass || v.Verdict == Fail && r.ExitCode != ExitFail {
				t.Fatalf("exit code %d with %+v", r.ExitCode, v)
			}
		}
	})
}

// simulate judges suites of size benchmarks whose pairs spread by 4 % about a true change, 20 pairs
// each at a limit of 10 %, and returns the shares of suites with a fail, of fails and of passes. A
// share disturbed of the pairs is thrown off by half or by double, and more.
func simulate(t *testing.T, seed uint64, suites, size int, change, disturbed float64) (red, fails, passes float64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	for range suites {
		var base, head strings.Builder
		for i := range size {
			var bs, hs []float64
			for range 20 {
				// What both arms of a pair share does not matter.
				shared := 1000 * math.Exp(0.3*r.NormFloat64())
				bs = append(bs, shared)
				head := shared * (1 + change) * math.Exp(0.04*r.NormFloat64())
				if r.Float64() < disturbed {
					head *= math.Exp(r.NormFloat64())
				}
				hs = append(hs, head)
			}
			name := fmt.Sprintf("A/i=%d", i)
			base.WriteString(run(name, "ns/op", bs...))
			head.WriteString(run(name, "ns/op", hs...))
		}
		res, err := scenario{budget: timeRule, base: base.String(), head: head.String()}.judge(t)
		if err != nil {
			t.Fatal(err)
		}
		fails += float64(res.Counts.Fail)
		passes += float64(res.Counts.Pass)
		if res.ExitCode == ExitFail {
			red++
		}
	}
	n := float64(suites * size)
	return red / float64(suites), fails / n, passes / n
}

func TestErrorRates(t *testing.T) {
	const seed = 20
	t.Logf("seed %d", seed)
	for _, tt := range []struct {
		name              string
		suites, size      int
		change, disturbed float64
		ok                func(red, fails, passes float64) bool
	}{
		// Exactly at the limit either verdict is wrong: each may come as often as its error says, here
		// with a margin of three standard errors of 3000 draws.
		{"at the limit", 3000, 1, 0.10, 0, func(_, fails, passes float64) bool { return fails <= 0.062 && passes <= 0.062 && passes >= 0.035 }},
		// The same for a whole suite, all of it at the limit: one red in twenty.
		{"suites at the limit", 200, 20, 0.10, 0, func(red, _, _ float64) bool { return red <= 0.10 }},
		{"unchanged", 60, 50, 0, 0, func(red, _, passes float64) bool { return red == 0 && passes >= 0.99 }},
		{"twice the limit", 40, 50, 0.20, 0, func(_, fails, passes float64) bool { return fails >= 0.99 && passes == 0 }},
		// A loaded machine throws off one pair in ten. That may cost a verdict now and then, but turn
		// none, and most must still be reached.
		{"disturbed", 40, 50, 0, 0.1, func(red, _, passes float64) bool { return red == 0 && passes >= 0.98 }},
		{"disturbed and 30 % slower", 40, 50, 0.30, 0.1, func(_, fails, passes float64) bool { return fails >= 0.98 && passes == 0 }},
		{"disturbed at the limit", 3000, 1, 0.10, 0.1, func(_, fails, passes float64) bool { return fails <= 0.062 && passes <= 0.062 }},
	} {
		red, fails, passes := simulate(t, seed, tt.suites, tt.size, tt.change, tt.disturbed)
		t.Logf("%s: %.4f red, %.4f fail, %.4f pass", tt.name, red, fails, passes)
		if !tt.ok(red, fails, passes) {
			t.Errorf("%s: too many or too few of these", tt.name)
		}
	}
}
