package gate

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/sample"
)

// release makes a release of benchmark text; env are lines such as "cpu: x".
func release(t *testing.T, name, env, text string) Release {
	t.Helper()
	set, err := sample.Read(strings.NewReader(env+"\nUnit steps/op better=lower assume=exact\n"+text), name)
	if err != nil || len(set.Damage) > 0 {
		t.Fatal(err, set.Damage)
	}
	return Release{Name: name, Samples: set}
}

func trendOf(t *testing.T, h History) Trend {
	t.Helper()
	tr, err := NewTrend(h)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// one returns the series of a benchmark and unit.
func one(t *testing.T, tr Trend, name, unit string) Series {
	t.Helper()
	for _, s := range tr.Series {
		if s.Benchmark == name && s.Unit == unit {
			return s
		}
	}
	t.Fatalf("no series %s %s", name, unit)
	return Series{}
}

// begins lists the releases at which levels begin.
func begins(s Series) []int {
	var out []int
	for _, c := range s.Changes {
		out = append(out, c.Release)
	}
	return out
}

// Times are compared within one environment only, what is declared exact in all, and allocations that
// repeat are exact within one.
func TestTrendOfTwoMachines(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var h History
	for i := range 24 {
		env, factor, allocs := "cpu: a", 1.0, 1000
		if i%3 == 1 { // a machine twice as slow, on which nothing changes
			env, factor, allocs = "cpu: b", 2, 1100
		}
		steps := 7
		if i >= 10 {
			steps = 8
			if env == "cpu: a" {
				factor *= 1.2
			}
		}
		if i >= 18 {
			allocs += 50
		}
		var b strings.Builder
		for range 6 {
			fmt.Fprintf(&b, "BenchmarkSum 1 %.3f ns/op %d B/op %d steps/op\n", 100*factor*math.Exp(0.01*r.NormFloat64()), allocs, steps)
		}
		h.Releases = append(h.Releases, release(t, fmt.Sprintf("v1.%d.0", i), env, b.String()))
	}
	tr := trendOf(t, h)
	if len(tr.Environments) != 2 || tr.Releases[0].Environment == tr.Releases[1].Environment {
		t.Fatalf("environments %v", tr.Environments)
	}
	times, bytes, steps := one(t, tr, "Sum", "sec/op"), one(t, tr, "Sum", "B/op"), one(t, tr, "Sum", "steps/op")
	if got := begins(times); !slices.Equal(got, []int{11}) || times.Exact || times.Changes[0].From != 9 || times.Changes[0].Kind != "worse" {
		// The tenth is of the other machine.
		t.Errorf("times change at %+v", times.Changes)
	}
	if c := times.Changes[0]; *c.Low > 0.2 || *c.High < 0.2 {
		t.Errorf("+20 %% is called %v to %v", *c.Low, *c.High)
	}
	if got := begins(bytes); !slices.Equal(got, []int{18, 19}) || !bytes.Exact || bytes.Everywhere {
		t.Errorf("bytes change at %v", got)
	}
	if got := begins(steps); !slices.Equal(got, []int{10}) || !steps.Everywhere {
		t.Errorf("steps change at %v", got)
	}
	if first, last, change := tr.Span(times); first.Release != 0 || last.Release != 23 || *change < 0.15 || *change > 0.25 {
		t.Errorf("the span of times is %v to %v, %v", first, last, *change)
	}
	// The same again, and nothing of the order of maps in it.
	a, _ := json.Marshal(tr)
	b, _ := json.Marshal(trendOf(t, h))
	if string(a) != string(b) {
		t.Error("the same history gives two trends")
	}
}

// A patch of Go or of the runner's image makes no other environment, and is named beside a change; a
// minor version makes one.
func TestTrendEnvironments(t *testing.T) {
	mk := func(i, steps int, goVersion, runner string) Release {
		r := release(t, fmt.Sprintf("v1.%d.0", i), "goos: linux", fmt.Sprintf("BenchmarkA 1 %d steps/op\n", steps))
		r.Samples.Environment = map[string]string{"goos": "linux", "go": goVersion, "runner": runner}
		return r
	}
	tr := trendOf(t, History{Releases: []Release{
		mk(0, 5, "go1.26.1", "ubuntu24 2026.1"), mk(1, 5, "go1.26.2", "ubuntu24 2026.2"), mk(2, 6, "go1.26.3", "ubuntu24 2026.2"), mk(3, 6, "go1.27.0", "ubuntu24 2026.2"),
	}})
	if want := []string{"linux go1.26 ubuntu24", "linux go1.27 ubuntu24"}; !slices.Equal(tr.Environments, want) {
		t.Errorf("environments %q, want %q", tr.Environments, want)
	}
	s := one(t, tr, "A", "steps/op")
	if len(s.Changes) != 1 || !slices.Equal(s.Changes[0].Also, []string{"go: go1.26.3, before go1.26.2"}) {
		t.Errorf("changes %+v", s.Changes)
	}
}

// A rise from zero is a change without a size, and an exact unit whose values differ is none.
func TestTrendOfExactValues(t *testing.T) {
	mk := func(name string, values ...float64) Release {
		var b strings.Builder
		for _, v := range values {
			fmt.Fprintf(&b, "BenchmarkA 1 %v steps/op\n", v)
		}
		return release(t, name, "goos: linux", b.String())
	}
	s := one(t, trendOf(t, History{Releases: []Release{mk("v1", 0, 0), mk("v2", 3, 3), mk("v3", 2)}}), "A", "steps/op")
	if got := begins(s); !slices.Equal(got, []int{1, 2}) || s.Changes[0].Change != nil || s.Changes[1].Kind != "better" {
		t.Errorf("changes %+v", s.Changes)
	}
	s = one(t, trendOf(t, History{Releases: []Release{mk("v1", 1, 1), mk("v2", 3, 4)}}), "A", "steps/op")
	if s.Exact || len(s.Changes) > 0 {
		t.Errorf("values that differ in one release are exact: %+v", s)
	}
}

// Values of head that shared their processor with another version are left out and counted.
func TestTrendLeavesOutPairs(t *testing.T) {
	old := release(t, "v1", "goos: linux", "BenchmarkA 1 100 ns/op 5 steps/op\nBenchmarkA 1 101 ns/op 5 steps/op\n")
	head := release(t, "head", "goos: linux", "pair: 1\nBenchmarkA 1 200 ns/op 5 steps/op\npair: 2\nBenchmarkA 1 201 ns/op 5 steps/op\n")
	tr := trendOf(t, History{Releases: []Release{old, head}})
	if s := one(t, tr, "A", "sec/op"); len(s.Points) != 1 || tr.Paired != 1 {
		t.Errorf("points %+v, %d left out", s.Points, tr.Paired)
	}
	if s := one(t, tr, "A", "steps/op"); len(s.Points) != 2 {
		t.Errorf("exact values are left out: %+v", s.Points)
	}
}

// Many small steps add up, of exact values and of others; one step is no drift.
func TestTrendDrift(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	history := func(f func(i int) float64) Trend {
		var h History
		for i := range 14 {
			var b strings.Builder
			for range 6 {
				fmt.Fprintf(&b, "BenchmarkA 1 %.4f ns/op %.0f steps/op\n", 1000*f(i)*math.Exp(0.005*r.NormFloat64()), 100*f(i))
			}
			h.Releases = append(h.Releases, release(t, fmt.Sprintf("v1.%d.0", i), "goos: linux", b.String()))
		}
		return trendOf(t, h)
	}
	tr := history(func(i int) float64 { return math.Pow(1.03, float64(max(i-3, 0))) })
	for _, unit := range []string{"sec/op", "steps/op"} {
		if d := one(t, tr, "A", unit).Drift; d == nil || d.From != 4 || d.Releases != 10 || math.Abs(d.Change-0.30) > 0.04 || d.Kind != "worse" {
			t.Errorf("%s: drift %+v", unit, d)
		}
	}
	for name, f := range map[string]func(i int) float64{
		"nothing":  func(int) float64 { return 1 },
		"one step": func(i int) float64 { return []float64{1, 1.2}[min(i/9, 1)] },
	} {
		tr := history(f)
		for _, unit := range []string{"sec/op", "steps/op"} {
			if d := one(t, tr, "A", unit).Drift; d != nil {
				t.Errorf("%s, %s: drift %+v", name, unit, d)
			}
		}
	}
	// Up and down again is no drift.
	if d := one(t, history(func(i int) float64 { return 1 + 0.05*float64(i%3) }), "A", "steps/op").Drift; d != nil {
		t.Errorf("drift %+v", d)
	}
}

// Drift is rarely seen where there is none.
func TestTrendDriftErrors(t *testing.T) {
	const series = 4000
	tr, alarms := Trend{Releases: make([]TrendRelease, driftReleases)}, 0
	for i := range series {
		r := rand.New(rand.NewPCG(9, uint64(i)))
		s := Series{Direction: "lower"}
		for k, y := range unchanged(r, driftReleases, 0.03) {
			s.Points = append(s.Points, TrendPoint{Release: k, Value: math.Exp(y)})
		}
		if s.find(&tr); s.Drift != nil {
			alarms++
		}
	}
	t.Logf("drift is seen in %.1f of 1,000 series without one (%d series)", 1000*float64(alarms)/series, series)
	if alarms > 14 {
		t.Errorf("drift is seen in %d of %d series without one", alarms, series)
	}
}

// The bounds of a median hold it as often as they say.
func TestMedianBounds(t *testing.T) {
	for n := 1; n <= 60; n++ {
		xs := make([]float64, n)
		for i := range xs {
			xs[i] = float64(n - i)
		}
		low, high := medianBounds(xs)
		k := int(low) - 1
		// The chance that at most j of n values lie below the median, by counting.
		below := func(j int) float64 {
			sum, c := 0.0, 1.0
			for i := 0; i <= j; i++ {
				sum += c
				c = c * float64(n-i) / float64(i+1)
			}
			return sum / math.Pow(2, float64(n))
		}
		if int(high) != n-k || k > 0 && 2*below(k) > 0.05 || n >= 6 && 2*below(k+1) <= 0.05 {
			t.Errorf("%d values: bounds %v and %v", n, low, high)
		}
	}
}

// Budgets give limits, laws and what a suite does not say; selectors and units choose.
func TestTrendOfBudgets(t *testing.T) {
	set, err := budget.Parse([]budget.Source{{Name: "b.yaml", Data: []byte(`
version: 1
budgets:
  - {id: a, match: Grow/ops=100, unit: ns/op, max_rise: 10%, at_most: 1ms}
  - {id: b, match: Grow, unit: hops/op, better: lower, class: exact, max_rise: 0%}
  - {id: c, match: Grow, unit: hops/op, better: lower, class: exact, scales: {with: ops, exponent_at_most: 1.1}}
`)}})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, ops := range []int{100, 200, 400, 800} {
		fmt.Fprintf(&text, "BenchmarkGrow/ops=%d 1 %d ns/op %d hops/op\n", ops, ops, ops/10)
	}
	h := History{Budgets: set, Releases: []Release{release(t, "v1", "goos: linux", text.String())}}
	tr := trendOf(t, h)
	s := one(t, tr, "Grow/ops=100", "sec/op")
	if len(s.Limits) != 2 || s.Limits[0].Kind != "max_rise" || s.Limits[1].Value != 1e-3 {
		t.Errorf("limits %+v", s.Limits)
	}
	if s := one(t, tr, "Grow/ops=200", "hops/op"); !s.Everywhere || s.Direction != "lower" {
		t.Errorf("the budget is not heard: %+v", s)
	}
	if len(tr.Growth) != 1 || math.Abs(tr.Growth[0].Law.Exponent-1) > 1e-9 || tr.Growth[0].Benchmark != "Grow/ops=*" {
		t.Errorf("growth %+v", tr.Growth)
	}
	sel, _ := budget.ParseSelector("Grow/ops=100")
	h.Match, h.Unit = []budget.Selector{sel}, "hops/op"
	if tr := trendOf(t, h); len(tr.Series) != 1 {
		t.Errorf("%d series are chosen", len(tr.Series))
	}
	for _, c := range []struct{ match, unit, want string }{
		{"Gorw", "", `no record has a benchmark that Gorw matches; did you mean Grow?`},
		{"Grow", "hop/op", `no record has values in hop/op; did you mean hops/op?`},
	} {
		sel, _ := budget.ParseSelector(c.match)
		h.Match, h.Unit = []budget.Selector{sel}, c.unit
		if _, err := NewTrend(h); err == nil || err.Error() != c.want {
			t.Errorf("%s %s: %v, want %q", c.match, c.unit, err, c.want)
		}
	}
}
