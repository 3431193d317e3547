package gate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// A benchmark measured alone at 50 ns and, sharing its processor with the other version, at 100.
func sharing(name string, alone, shared float64) string {
	return loose(name, "ns/op", alone, alone*1.01, alone*0.99, alone, alone) +
		run(name, "ns/op", shared, shared*1.01, shared*0.99, shared, shared*1.01, shared*0.99) + "pair:\n"
}

// A limit on the value is judged on what was measured alone, one on the change on the pairs.
func TestValuesAloneAndChangesTogether(t *testing.T) {
	both := sharing("X", 50, 100)
	for _, s := range []scenario{
		{name: "ceiling between the two", budget: "match: X, unit: ns/op, at_most: 70ns", base: both, head: both, want: Pass, also: `"head_n":5`},
		{name: "floor between the two", budget: "match: X, unit: ns/op, at_least: 70ns", base: both, head: both, exit: 1, want: Fail},
		{name: "no change is claimed without a test", budget: "match: X, unit: ns/op, at_most: 70ns", base: both, head: both, want: Pass, also: `"change":null`},
		{name: "pairs decide the change", budget: "match: X, unit: ns/op, max_rise: 10%", base: both, head: sharing("X", 50, 150), exit: 1, want: Fail, also: `"pairs":6`},
		{name: "and single runs don't", budget: "match: X, unit: ns/op, max_rise: 10%", base: both, head: sharing("X", 90, 100), want: Pass, not: "no partner"},
		{name: "other session: alone against alone", budget: "match: X, unit: ns/op, max_rise: 10%", base: mine("1", both), head: mine("2", loose("X", "ns/op", 50, 51, 49, 50, 50)), exit: 3, want: Inconclusive, reason: "another session", also: `"base_n":5`},
		{name: "other session: pairs against alone", budget: "match: X, unit: ns/op, max_rise: 10%", base: mine("1", loose("X", "ns/op", 50, 51, 49, 50, 50)), head: mine("2", run("X", "ns/op", 120, 121, 119, 120)), exit: 3, want: Inconclusive, reason: "cannot be compared"},
		{name: "ceiling under one disturbed run in ten", budget: "match: X, unit: ns/op, at_most: 55ns", base: both, head: loose("X", "ns/op", repeat(2, 50, 51, 49, 50, 52, 48, 50, 49, 51, 900)...), want: Pass},
		{name: "pairs only", budget: "match: X, unit: ns/op, at_most: 70ns", base: both, head: run("X", "ns/op", 100, 101, 99, 100), exit: 1, want: Fail},
	} {
		t.Run(s.name, s.test)
	}
}

// The sizes of one fit are measured in one way, or the ways would show as growth.
func TestScalesFitsOneWayOfMeasuring(t *testing.T) {
	text := func(of func(n float64) string) string {
		var b strings.Builder
		for _, n := range []float64{100, 1000, 10000} {
			b.WriteString(of(n))
		}
		return b.String()
	}
	name := func(n float64) string { return fmt.Sprintf("X/n=%v", n) }
	pairs := func(n float64) string { return run(name(n), "ns/op", repeat(3, 2*n, 2.02*n)...) + "pair:\n" }
	// Grows faster where the processor is shared.
	both := text(func(n float64) string { return sharing(name(n), n, n*math.Sqrt(n)) })
	mixed := text(func(n float64) string {
		if n == 100 {
			return loose(name(n), "ns/op", n, n, n, n, n, n)
		}
		return pairs(n)
	})
	for _, s := range []scenario{
		{name: "alone where all are", base: both, head: both, want: Pass},
		{name: "pairs where only these are", base: text(pairs), head: text(pairs), want: Pass},
		{name: "not the one with the other", base: mixed, head: mixed, exit: 3, want: Inconclusive, reason: "no law fits both"},
	} {
		s.budget = "match: X, unit: ns/op, scales: {with: n, exponent_at_most: 1.05}"
		t.Run(s.name, s.test)
	}
}

// Three in four measurements are disturbed, by up to half: the law shows all the same, either way
// round.
func TestScalesFitsTheBestOfABlock(t *testing.T) {
	text := func(unit string) string {
		var b strings.Builder
		r := rand.New(rand.NewPCG(3, 3))
		for _, n := range []float64{100, 1000, 10000} {
			var xs []float64
			for i := range 20 {
				disturbed := 1.0
				if i%4 != int(n)%3 {
					disturbed = 1 + 0.5*r.Float64()
				}
				if unit == "MB/s" {
					disturbed = 1 / disturbed
				}
				xs = append(xs, n*disturbed)
			}
			b.WriteString(loose(fmt.Sprintf("X/n=%v", n), unit, xs...))
		}
		return b.String()
	}
	for _, s := range []scenario{
		{name: "lower", base: text("ns/op"), budget: "match: X, unit: ns/op, scales: {with: n, exponent_at_most: 1.001}", want: Pass, also: `"head_n":5`},
		{name: "higher", base: text("MB/s"), budget: "match: X, unit: MB/s, scales: {with: n, exponent_at_most: 1.001}", want: Pass, also: `"head_n":5`},
	} {
		s.head = s.base
		t.Run(s.name, s.test)
	}
}

// Among many comparisons some look better by chance; better is said only where it is as sure as a
// A remark that something got better needs more than a pass does, or one unchanged benchmark in twenty
// would have it.
func TestImprovedIsSurerThanAPass(t *testing.T) {
	base := run("X", "ns/op", 100, 100, 100, 100, 100, 100)
	s := scenario{budget: "match: X, unit: ns/op, max_rise: 50%", base: base, head: run("X", "ns/op", 94, 96, 95, 93, 96, 97), want: Pass, also: `"improved":true`}
	t.Run("clearly", s.test)
	s.head, s.also, s.not = run("X", "ns/op", 97, 99, 98, 94, 99, 100), "", `"improved":true`
	t.Run("barely", s.test)
}
