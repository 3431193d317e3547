package gate

import (
	"testing"
)

// Whatever text comes, a judgement ends in words; and in 0 only when every verdict passed.
func FuzzJudge(f *testing.F) {
	good := exactLower + run("A/n=1", "ns/op", steady...) + run("A/n=2", "rounds/op", 2, 2) + run("A/n=4", "p99-ns", nearly...)
	f.Add(good, good)
	f.Add(mine("s1", good), mine("s2", good))
	f.Add(good, "BenchmarkA \tpanic: boom\n")
	f.Add(good, "--- FAIL: BenchmarkA/n=2\n    why\nFAIL\n")
	f.Add("", "BenchmarkA/n=1 1 0 ns/op 1e308 rounds/op -1 p99-ns\n")
	f.Fuzz(func(t *testing.T, base, head string) {
		r, err := scenario{
			budget: "match: A, unit: ns/op, max_rise: 10% | match: A/n=2, unit: rounds/op, max_rise: 0%, at_most: 5" +
				" | match: A, unit: p99-ns, better: lower, max_rise: 10%, ignore_below: 1ns | match: A, unit: ns/op, scales: {with: n, exponent_at_most: 1}",
			base: base, head: head,
		}.judge(t)
		if err != nil {
			return
		}
		marshal(t, r)
		if len(r.Verdicts) < 4 {
			t.Fatalf("%d verdicts of 4 budgets", len(r.Verdicts))
		}
		for _, v := range r.Verdicts {
			if v.Reason == "" || v.Blocks != (v.Verdict != Pass) || r.ExitCode == ExitPass && v.Blocks {
				t.Fatalf("exit code %d with %+v", r.ExitCode, v)
			}
		}
	})
}
