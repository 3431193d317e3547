package report

import (
	"math"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/gate"
)

func TestValue(t *testing.T) {
	for _, c := range []struct {
		x    float64
		unit string
		want string
	}{
		{0, "sec/op", "0 ns"},
		{3.2e-10, "sec/op", "0.320 ns"},
		{1e-9, "sec/op", "1 ns"},
		{9.99e-7, "sec/op", "999 ns"},
		{1e-6, "sec/op", "1 µs"},
		{1.5e-3, "p99-sec", "1.50 ms"},
		{0.9999, "sec/op", "1,000 ms"},
		{1, "sec/op", "1 s"},
		{90, "sec/op", "90 s"},
		{-0.002, "sec/op", "-2 ms"},
		{0, "B/op", "0 B"},
		{1023, "B/op", "1,023 B"},
		{1024, "wire-B/op", "1 KiB"},
		{1536, "B/op", "1.50 KiB"},
		{1 << 20, "B/op", "1 MiB"},
		{3 << 30, "B/op", "3 GiB"},
		{5 << 40, "B/op", "5 TiB"},
		{2.5e6, "B/s", "2.38 MiB/s"},
		{41, "allocs/op", "41"},
		{1234567, "ops/s", "1,234,567"},
		{1234567.8, "ops/s", "1,234,568"},
		{999.5, "rounds/op", "1,000"},
		{12.345, "rounds/op", "12.3"},
		{0.0123, "rounds/op", "0.0123"},
		{1e-7, "rounds/op", "1e-07"},
		{1e18, "rounds/op", "1e+18"},
		{1.004, "exponent", "1.00"},
		{math.NaN(), "rounds/op", "NaN"},
	} {
		got := strings.ReplaceAll(value(c.x, c.unit), "\u00a0", " ")
		if got != c.want {
			t.Errorf("value(%v, %s) = %q, want %q", c.x, c.unit, got, c.want)
		}
		if strings.Contains(value(c.x, c.unit), " ") {
			t.Errorf("value(%v, %s) may break", c.x, c.unit)
		}
	}
}

// Base and head share a scale while they are of a like size, and never look the same when they are
// not.
func TestValues(t *testing.T) {
	for _, c := range []struct {
		base, head float64
		unit       string
		b, h       string
	}{
		{9e-7, 1.2e-6, "sec/op", "0.900 µs", "1.20 µs"},
		{9e-9, 1.2e-3, "sec/op", "9 ns", "1.20 ms"},
		{0, 1.2e-3, "sec/op", "0 ns", "1.20 ms"},
		{1 << 20, 1<<20 + 1, "wire-B/op", "1 MiB", "1.000001 MiB"},
		{12.345, 12.346, "rounds/op", "12.345", "12.346"},
		{41, 42, "allocs/op", "41", "42"},
		{100000, 100001, "msgs/op", "100,000", "100,001"},
		{7, 7, "rounds/op", "7", "7"},
		{1, 1 + 1e-15, "rounds/op", "1", "1.00000000"},
	} {
		b, h := values(c.base, c.head, c.unit)
		b, h = strings.ReplaceAll(b, "\u00a0", " "), strings.ReplaceAll(h, "\u00a0", " ")
		if b != c.b || h != c.h {
			t.Errorf("values(%v, %v, %s) = %q, %q; want %q, %q", c.base, c.head, c.unit, b, h, c.b, c.h)
		}
	}
}

func TestPercent(t *testing.T) {
	for _, c := range []struct {
		x    float64
		want string
	}{
		{0, "0 %"}, {0.2, "+20 %"}, {-0.1, "-10 %"}, {0.0123, "+1.2 %"}, {0.0994, "+9.9 %"}, {0.0996, "+10 %"},
		{0.001, "+0.1 %"}, {0.00012, "+0.012 %"}, {-0.00012, "-0.012 %"}, {41, "+4,100 %"}, {1e12, "+1e+14 %"},
		{math.NaN(), "unknown"}, {math.Inf(1), "unknown"},
	} {
		if got := strings.ReplaceAll(percent(c.x), "\u00a0", " "); got != c.want {
			t.Errorf("percent(%v) = %q, want %q", c.x, got, c.want)
		}
	}
}

func TestWorstFirst(t *testing.T) {
	f := func(x float64) *float64 { return &x }
	order := []gate.Verdict{
		{ID: "crashed", Verdict: gate.Fail, Blocks: true, Base: f(1)},
		{ID: "from zero", Verdict: gate.Fail, Blocks: true, Base: f(0), Head: f(1)},
		{ID: "a third left of a rate", Verdict: gate.Fail, Blocks: true, Direction: "higher", Head: f(1), Change: f(-2. / 3)},
		{ID: "twice the time", Verdict: gate.Fail, Blocks: true, Direction: "lower", Head: f(1), Change: f(1)},
		{ID: "half of a rate, later in the file", Verdict: gate.Fail, Blocks: true, Direction: "higher", Head: f(1), Change: f(-.5)},
		{ID: "a better time over another limit", Verdict: gate.Fail, Blocks: true, Direction: "lower", Head: f(1), Change: f(-.9)},
		{ID: "missing", Verdict: gate.Missing, Blocks: true},
		{ID: "missing, excused", Verdict: gate.Missing},
		{ID: "inconclusive", Verdict: gate.Inconclusive, Blocks: true, Change: f(0)},
		{ID: "inconclusive, worse, not blocking", Verdict: gate.Inconclusive, Direction: "lower", Change: f(3)},
		{ID: "pass", Verdict: gate.Pass, Direction: "lower", Change: f(.1)},
		{ID: "better", Verdict: gate.Pass, Direction: "lower", Change: f(-.1)},
	}
	// The one tie must keep the order of the file; all else may come in any order.
	in := append([]gate.Verdict(nil), order...)
	in[0], in[11] = in[11], in[0]
	in[2], in[9] = in[9], in[2]
	in[1], in[6] = in[6], in[1]
	for i, v := range worstFirst(in) {
		if v.ID != order[i].ID {
			t.Errorf("place %d: %s, want %s", i+1, v.ID, order[i].ID)
		}
	}
	if in[0].ID != "better" {
		t.Error("the result itself was reordered")
	}
}

// An exit code is never taken for a pass that is not 0, nor a verdict that is unknown.
func TestOutcomeWords(t *testing.T) {
	for code := -2; code < 9; code++ {
		if got := outcome(gate.Result{ExitCode: code}).text; (got == "PASS") != (code == 0) || got == "" {
			t.Errorf("exit code %d is called %q", code, got)
		}
	}
	for _, k := range []gate.Kind{"", "PASS", "ok"} {
		if got := kindWord(k).text; got != "UNKNOWN" {
			t.Errorf("verdict %q is called %q", k, got)
		}
	}
}

func TestReproduce(t *testing.T) {
	hash := strings.Repeat("ab", 20)
	for _, c := range []struct {
		at   string
		base gate.Side
		want string
	}{
		{"budgets/a.yaml:3", gate.Side{Kind: "measured", Commit: hash, Ref: "v1"}, "perfgate check --budgets budgets/ --base " + hash},
		{"budgets/a.yaml:3", gate.Side{Kind: "measured", Commit: hash + "+dirty"}, "perfgate check --budgets budgets/ --base " + hash},
		{"a.yaml:3", gate.Side{Kind: "file", Ref: "old/base.txt"}, "perfgate check --budgets ./ --base old/base.txt"},
		{"/x/b/a.yaml:3", gate.Side{Kind: "none", Ref: "v1"}, "perfgate check --budgets /x/b/"},
		{"budgets/a.yaml:3", gate.Side{Kind: "recorded", Ref: "v1", Commit: hash}, "perfgate check --budgets budgets/"},
		{"", gate.Side{}, "perfgate check"},
		{"$(rm -rf x)/a.yaml:3", gate.Side{Kind: "measured", Commit: "$(reboot)", Ref: "a b"}, "perfgate check"},
		{"-x/a.yaml:3", gate.Side{Kind: "measured", Ref: "--help"}, "perfgate check"},
	} {
		r := gate.Result{Compared: gate.Compared{Base: c.base}, Verdicts: []gate.Verdict{{At: c.at}}}
		if got := reproduce(r); got != c.want {
			t.Errorf("at %q from %+v: %q, want %q", c.at, c.base, got, c.want)
		}
	}
}

// The advice is to measure more only where more would tell.
func TestAdvice(t *testing.T) {
	detectable := 0.3
	limit := func(kind string, value float64) []gate.LimitVerdict {
		return []gate.LimitVerdict{{Kind: kind, Value: value, Verdict: gate.Inconclusive}}
	}
	for _, c := range []struct {
		v    gate.Verdict
		want string
	}{
		{gate.Verdict{Verdict: gate.Inconclusive, Detectable: &detectable}, "measure more pairs"},
		{gate.Verdict{Verdict: gate.Inconclusive, Detectable: &detectable, Layouts: 4}, "more pairs would not tell"},
		{gate.Verdict{Verdict: gate.Inconclusive, Detectable: &detectable, Layouts: gate.MinLayouts - 1}, "measure more pairs"},
		{gate.Verdict{Verdict: gate.Inconclusive, Detectable: &detectable, Limits: limit("max_rise", 0)}, "allow a little"},
		{gate.Verdict{Verdict: gate.Inconclusive, Detectable: &detectable, Limits: limit("max_rise", .1)}, "measure more pairs"},
		{gate.Verdict{Verdict: gate.Inconclusive, Detectable: &detectable, Limits: limit("at_least", 0)}, "measure more pairs"},
		{gate.Verdict{Verdict: gate.Missing}, "make the benchmark run again"},
		{gate.Verdict{Verdict: gate.Fail, Detectable: &detectable, Layouts: 4}, ""},
	} {
		if got := advice(c.v); !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
			t.Errorf("advice on %s with %d other orders: %q, want %q", c.v.Verdict, c.v.Layouts, got, c.want)
		}
	}
}

// Two benchmarks of one name are told apart by their packages, and others are not made longer.
func TestTextNamesPackages(t *testing.T) {
	v := func(pkg, name string, k gate.Kind) gate.Verdict {
		return gate.Verdict{ID: "b", Package: pkg, Benchmark: name, Unit: "ns/op", Verdict: k}
	}
	var b strings.Builder
	if err := Text(&b, gate.Result{Verdicts: []gate.Verdict{
		v("example.com/m/x", "Same", gate.Fail), v("example.com/m/y", "Same", gate.Fail), v("example.com/m/y", "Other", gate.Fail),
	}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Same (example.com/m/x)", "Same (example.com/m/y)", " Other "} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report does not have %q:\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "Other (") {
		t.Errorf("a name that is alone has a package:\n%s", b.String())
	}
}

// How sure a change is, and by which clock, in which way and in how many orders it was measured.
func TestEvidenceSaysHow(t *testing.T) {
	x := 1.0
	i := &gate.Interval{Low: 0.02, High: 0.05, Confidence: 0.995}
	for _, c := range []struct {
		v          gate.Verdict
		want, base string
	}{
		{gate.Verdict{Interval: i, Pairs: 4}, "+2.0 % to +5.0 %, each bound 99.5 % sure; 4 pairs", "no base"},
		{gate.Verdict{Interval: i, Pairs: 4, OwnTime: true}, "+2.0 % to +5.0 %, each bound 99.5 % sure; 4 pairs by the processes' own clocks", "no base"},
		{gate.Verdict{Interval: i, Pairs: 4, OwnTime: true, Interleaved: true}, "+2.0 % to +5.0 %, each bound 99.5 % sure; 4 pairs, one version after the other", "no base"},
		{gate.Verdict{Interval: i, Pairs: 1, Layouts: 4}, "+2.0 % to +5.0 %, each bound 99.5 % sure; 1 pair; also with the functions in 4 other orders", "no base"},
		{gate.Verdict{Identical: true}, "", "same binary"},
		{gate.Verdict{Identical: true, Head: &x, HeadN: 24}, "24 measurements", "same binary"},
	} {
		if got := strings.ReplaceAll(evidence(c.v), "\u00a0", " "); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
		if base, _ := centres(c.v); base != c.base {
			t.Errorf("base %q, want %q", base, c.base)
		}
	}
}
