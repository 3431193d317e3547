package gate

import (
	"math"
	"testing"

	"github.com/perfgate/perfgate/internal/sample"
)

func TestRelativeEvidenceIsWhatJudgeRestsOn(t *testing.T) {
	values := []float64{130, 131, 129, 130, 132, 130}
	base, head := run("Walk", "ns/op", repeat(6, 100)...), run("Walk", "ns/op", values...)
	tests := []struct {
		rule       string
		base, head string
		name       string
		ok         bool
		limit      float64
		pairs      int
	}{
		{"match: Walk, unit: ns/op, max_rise: 10%", base, head, "Walk", true, math.Log(1.1), 6},
		{"match: Walk, unit: ns/op, max_rise: 10%, ignore_below: 50ns", base, head, "Walk", true, math.Log(1.5), 6},
		{"match: Walk, unit: ns/op, max_rise: 10%", loose("Walk", "ns/op", values...), head, "Walk", true, math.Log(1.1), 0},
		{"match: Walk, unit: ops/s, max_drop: 10%", exactHigher + run("Walk", "ops/s", 5, 5), exactHigher + run("Walk", "ops/s", 5, 5), "Walk", true, -math.Log(0.9), 2},
		{"match: Walk, unit: ops/s, max_drop: 10%, ignore_below: 9", exactHigher + run("Walk", "ops/s", 5, 5), exactHigher + run("Walk", "ops/s", 5, 5), "Walk", true, math.Inf(1), 2},
		{"match: Walk, unit: ns/op, at_most: 1us", base, head, "Walk", false, 0, 0},
		{"match: Walk, unit: ns/op, max_rise: 10%", base, head, "Wolk", false, 0, 0},
		{"match: Walk, unit: allocs/op, max_rise: 10%", run("Walk", "allocs/op", 0, 0), run("Walk", "allocs/op", 1, 1), "Walk", false, 0, 0},
		{"match: Walk, unit: ns/op, max_rise: 10%", run("Other", "ns/op", 1), head, "Walk", false, 0, 0},
		{"match: Wolk, unit: ns/op, max_rise: 10%", base, head, "Walk", false, 0, 0},
	}
	for _, tt := range tests {
		in := Input{Budgets: rules(t, tt.rule), Base: read(t, "base.txt", tt.base), Head: read(t, "head.txt", tt.head)}
		e, ok := RelativeEvidence(in, "b0", sample.Key{Name: tt.name})
		if ok != tt.ok || ok && !(e.Limit == tt.limit || math.Abs(e.Limit-tt.limit) < 1e-12) || len(e.Logs) != tt.pairs || tt.pairs >= minPairs && e.Plan.Pairs() != tt.pairs {
			t.Errorf("%s: %v %+v", tt.rule, ok, e)
		}
		if tt.pairs < minPairs {
			continue
		}
		r, err := Judge(in)
		if err != nil {
			t.Fatal(err)
		}
		v, d := r.Verdicts[0], e.Plan.Decide(e.Logs, e.Wall, e.Limit)
		if d.Kind != v.Verdict || math.Abs(math.Expm1(d.Mean)-*v.Change) > 1e-12 {
			t.Errorf("%s: decided %+v, judged %+v", tt.rule, d, v)
		}
	}
	// The looks are those of the provenance.
	in := Input{Budgets: rules(t, "match: Walk, unit: ns/op, max_rise: 10%"), Base: read(t, "base.txt", mine("s", base)), Head: read(t, "head.txt", mine("s", head))}
	in.Head.Provenance["looks"] = "4 8 20"
	if e, ok := RelativeEvidence(in, "b0", sample.Key{Name: "Walk"}); !ok || e.Plan.Pairs() != 20 || len(e.Logs) != 6 {
		t.Errorf("looks: %v %+v", ok, e)
	}
	if (Plan{}).Pairs() != 0 {
		t.Error("a plan without looks waits for pairs")
	}
	if _, ok := RelativeEvidence(Input{Budgets: in.Budgets, Head: in.Head}, "b0", sample.Key{Name: "Walk"}); ok {
		t.Error("evidence without base")
	}
}

func TestCutSize(t *testing.T) {
	if x, rest, ok := CutSize("Walk/ops=100/net=ideal", "ops"); x != 100 || rest != "Walk/ops=*/net=ideal" || !ok {
		t.Error(x, rest, ok)
	}
	if _, _, ok := CutSize("Walk/net=ideal", "ops"); ok {
		t.Error("a name without the key has a size")
	}
}
