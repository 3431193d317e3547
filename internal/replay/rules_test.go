package replay

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// same is n values alike; ramp is n values around center that differ by step.
func same(n int, x float64) []float64 { return slices.Repeat([]float64{x}, n) }

func ramp(n int, center, step float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		// Not in order of size, which no rule should need.
		out[i] = center + step*(float64((i*7)%n)-float64(n-1)/2)
	}
	return out
}

// TestRules has for each rule a change that it finds and one that it does not.
func TestRules(t *testing.T) {
	const limit = 0.10
	for _, c := range []struct {
		what       string
		name       string
		d          Design
		u          Unit
		e          Evidence
		want       Verdict
		base, head int
	}{
		{"proved beyond", "perfgate", Pairs, Own, Evidence{Base: ramp(30, 100, 1), Head: ramp(30, 120, 1.2)}, Fail, 20, 20},
		{"proved within", "perfgate", Pairs, Wall, Evidence{Base: ramp(30, 100, 1), Head: ramp(30, 105, 1.05)}, Pass, 20, 20},
		{"too few", "perfgate", Pairs, Own, Evidence{Base: same(3, 100), Head: same(3, 200)}, Inconclusive, 3, 3},
		{"a rate that dropped", "perfgate", Pairs, Own, Evidence{Base: same(8, 100), Head: same(8, 80), Higher: true}, Fail, 8, 8},
		// A drop by the limit is 0.9; the logarithm of 0.905 is further from zero than that of 1.1.
		{"a rate that dropped less", "perfgate", Pairs, Own, Evidence{Base: same(8, 100), Head: same(8, 90.5), Higher: true}, Pass, 8, 8},

		{"above", "github-action-benchmark", Stored, Wall, Evidence{Base: same(1, 100), Head: same(1, 110.1)}, Fail, 1, 1},
		{"below", "github-action-benchmark", Stored, Wall, Evidence{Base: same(1, 100), Head: same(1, 109.9)}, Pass, 1, 1},
		{"above", "cob", Stored, Wall, Evidence{Base: same(1, 100), Head: same(1, 110.1)}, Fail, 1, 1},
		{"below", "cob", Stored, Wall, Evidence{Base: same(1, 100), Head: same(1, 109.9)}, Pass, 1, 1},
		{"above", "gobenchdata", Stored, Wall, Evidence{Base: same(1, 100), Head: same(1, 110.1)}, Fail, 1, 1},
		{"below", "gobenchdata", Stored, Wall, Evidence{Base: same(1, 100), Head: same(1, 109.9)}, Pass, 1, 1},
		{"a rate that dropped", "gobenchdata", Stored, Wall, Evidence{Base: same(1, 100), Head: same(1, 89), Higher: true}, Fail, 1, 1},

		{"beyond and different", "benchdiff", Stored, Wall, Evidence{Base: ramp(12, 100, 1), Head: ramp(12, 112, 1)}, Fail, 10, 10},
		{"beyond by an outlier", "benchdiff", Stored, Wall, Evidence{Base: ramp(10, 100, 1), Head: append(ramp(9, 101, 1), 900)}, Pass, 10, 10},
		{"beyond, too few to differ", "benchdiff", Stored, Wall, Evidence{Base: ramp(3, 100, 1), Head: ramp(3, 150, 1)}, Pass, 3, 3},
		{"beyond and different", "benchstat", Stored, Wall, Evidence{Base: ramp(12, 100, 1), Head: ramp(12, 115, 1)}, Fail, 10, 10},
		// The smallest p of 4 against 4 is 2/70, of 3 against 3 it is 2/20.
		{"four", "benchstat", Stored, Wall, Evidence{Base: ramp(4, 100, 1), Head: ramp(4, 115, 1)}, Fail, 4, 4},
		{"three", "benchstat", Stored, Wall, Evidence{Base: ramp(3, 100, 1), Head: ramp(3, 115, 1)}, Pass, 3, 3},
		{"different, within", "benchstat", Stored, Wall, Evidence{Base: ramp(10, 100, 0.1), Head: ramp(10, 109, 0.1)}, Pass, 10, 10},
		{"a rate that dropped", "benchstat", Pairs, Own, Evidence{Base: ramp(10, 100, 1), Head: ramp(10, 85, 1), Higher: true}, Fail, 10, 10},

		{"above", "Bencher percentage", Stored, Wall, Evidence{Base: []float64{90, 110}, Head: []float64{110.5, 1}}, Fail, 2, 1},
		{"below", "Bencher percentage", Stored, Wall, Evidence{Base: []float64{90, 110}, Head: []float64{109.5, 900}}, Pass, 2, 1},
		{"a rate that dropped", "Bencher percentage", Stored, Wall, Evidence{Base: same(2, 100), Head: same(1, 89), Higher: true}, Fail, 2, 1},
		// s of 98 to 102 is 1.5811, and t(0.99) with 4 degrees of freedom 3.7469: the boundary is 105.924.
		{"above", "Bencher t", Stored, Wall, Evidence{Base: ramp(5, 100, 1), Head: same(1, 105.93)}, Fail, 5, 1},
		{"below", "Bencher t", Stored, Wall, Evidence{Base: ramp(5, 100, 1), Head: same(1, 105.92)}, Pass, 5, 1},
		{"a rate that dropped", "Bencher t", Stored, Wall, Evidence{Base: ramp(5, 100, 1), Head: same(1, 94.07), Higher: true}, Fail, 5, 1},

		{"beyond", "criterion", Stored, Wall, Evidence{Base: ramp(20, 100, 0.5), Head: ramp(20, 115, 0.5)}, Fail, 20, 20},
		{"mean beyond, interval not", "criterion", Pairs, Own, Evidence{Base: ramp(10, 100, 4), Head: ramp(10, 113, 4)}, Pass, 10, 10},
		{"a rate that dropped", "criterion", Stored, Wall, Evidence{Base: ramp(20, 100, 0.5), Head: ramp(20, 85, 0.5), Higher: true}, Fail, 20, 20},

		{"beyond", "tango", Pairs, Own, Evidence{Base: ramp(20, 100, 1), Head: ramp(20, 112, 1.3)}, Fail, 20, 20},
		{"beyond, z too small", "tango", Pairs, Wall, Evidence{Base: same(20, 100), Head: ramp(20, 115, 6)}, Pass, 20, 20},
		{"within", "tango", Pairs, Wall, Evidence{Base: same(20, 100), Head: ramp(20, 109, 0.1)}, Pass, 20, 20},
		{"as many outliers on both ends", "tango", Pairs, Own, Evidence{Base: same(20, 1000), Head: append(ramp(18, 1150, 1), 2300, 0.1)}, Fail, 20, 20},
		{"an outlier on one end is kept", "tango", Pairs, Own, Evidence{Base: same(20, 1000), Head: append(ramp(19, 1120, 1), 9000)}, Pass, 20, 20},
		// z of 13, 17 and so on: mean 15 over sd/sqrt n.
		{"beyond, z just large enough", "tango", Pairs, Wall, Evidence{Base: same(20, 100), Head: ramp(20, 115, 4)}, Fail, 20, 20},

		{"beyond and different", "asv", Stored, Wall, Evidence{Base: ramp(10, 100, 1), Head: ramp(10, 115, 1)}, Fail, 10, 10},
		{"different, within", "asv", Pairs, Own, Evidence{Base: ramp(10, 100, 0.1), Head: ramp(10, 109, 0.1)}, Pass, 10, 10},
		{"beyond, p is 0.01", "asv", Stored, Wall, Evidence{Base: ramp(10, 100, 3), Head: append(ramp(8, 115, 1), 96, 97)}, Pass, 10, 10},
		{"one each, no test", "asv", Stored, Wall, Evidence{Base: same(1, 100), Head: same(1, 111)}, Fail, 1, 1},
		{"five each, intervals apart", "asv", Stored, Wall, Evidence{Base: ramp(5, 100, 0.1), Head: ramp(5, 115, 0.1)}, Fail, 5, 5},
		{"five each, intervals overlap", "asv", Stored, Wall, Evidence{Base: ramp(5, 100, 4), Head: ramp(5, 115, 4)}, Pass, 5, 5},

		{"smallest above", "pytest-benchmark min", Stored, Wall, Evidence{Base: []float64{100, 300}, Head: []float64{111, 112}}, Fail, 2, 2},
		{"smallest below", "pytest-benchmark min", Stored, Wall, Evidence{Base: []float64{100, 101}, Head: []float64{109, 900}}, Pass, 2, 2},
		{"mean above", "pytest-benchmark mean", Stored, Wall, Evidence{Base: []float64{100, 101}, Head: []float64{99, 130}}, Fail, 2, 2},
		{"mean below", "pytest-benchmark mean", Stored, Wall, Evidence{Base: []float64{100, 300}, Head: []float64{200, 202}}, Pass, 2, 2},

		{"medians of the first seven", "perfgate (Rust)", Stored, Wall, Evidence{Base: append(ramp(7, 100, 1), 900, 900), Head: append(ramp(7, 112, 1), 1, 1)}, Fail, 7, 7},
		{"within", "perfgate (Rust)", Pairs, Own, Evidence{Base: ramp(7, 100, 1), Head: ramp(7, 109, 1)}, Pass, 7, 7},
		{"beyond", "perfgate (Rust) paired", Pairs, Wall, Evidence{Base: same(7, 100), Head: ramp(7, 115, 1)}, Fail, 7, 7},
		// Population sd of the differences is 4, 4/sqrt 4 = 2; 12 is 6 of them, 12 of sd 14 is not two.
		{"beyond, not significant", "perfgate (Rust) paired", Pairs, Own, Evidence{Base: same(4, 100), Head: []float64{98, 98, 126, 126}}, Pass, 4, 4},
		{"within", "perfgate (Rust) paired", Pairs, Wall, Evidence{Base: same(7, 100), Head: ramp(7, 109, 0.1)}, Pass, 7, 7},
	} {
		got := rule(t, c.name, c.d, c.u).Judge(c.e, limit)
		if want := (Outcome{c.want, c.base, c.head}); got != want {
			t.Errorf("%s, %s, %s: %s: %v, want %v", c.name, c.d, c.u, c.what, got, want)
		}
	}
}

// TestTraps are what the other tools get wrong by their own rules, as their documentation and code have
// it. Each has a neighbour that shows that the trap and nothing else makes the difference.
func TestTraps(t *testing.T) {
	const limit = 0.10
	noisy := []float64{200, 260, 300, 340, 380, 400, 420} // varies by 24 %
	for _, c := range []struct {
		trap string
		name string
		d    Design
		e    Evidence
		want Verdict
	}{
		{"6 against 6 cannot reach p < 0.002, however far apart", "asv", Stored, Evidence{Base: ramp(6, 100, 1), Head: ramp(6, 300, 1)}, Pass},
		{"5 against 5 are not tested and can", "asv", Stored, Evidence{Base: ramp(5, 100, 1), Head: ramp(5, 300, 1)}, Fail},
		{"7 against 7 can", "asv", Stored, Evidence{Base: ramp(7, 100, 1), Head: ramp(7, 300, 1)}, Fail},

		{"a history that never varies has no boundary", "Bencher t", Stored, Evidence{Base: same(10, 100), Head: same(1, 300)}, Pass},
		{"nor does one of thirds, whose mean is rounded", "Bencher t", Stored, Evidence{Base: same(10, 100.0/3), Head: same(1, 300)}, Pass},
		{"one that varies has", "Bencher t", Stored, Evidence{Base: ramp(10, 100, 0.1), Head: same(1, 300)}, Fail},
		{"nor has a history of one", "Bencher t", Stored, Evidence{Base: same(1, 100), Head: same(1, 300)}, Pass},
		{"a change within the limit is beyond a steady history", "Bencher t", Stored, Evidence{Base: ramp(10, 100, 0.1), Head: same(1, 102)}, Fail},

		{"runs that vary by more than 10 % turn 3x slower into a warning", "perfgate (Rust)", Stored, Evidence{Base: ramp(7, 100, 1), Head: noisy}, Pass},
		{"runs that do not, do not", "perfgate (Rust)", Stored, Evidence{Base: ramp(7, 100, 1), Head: ramp(7, 300, 1)}, Fail},
		{"two standard errors of three pairs are too few", "perfgate (Rust) paired", Pairs, Evidence{Base: same(3, 100), Head: []float64{100.5, 118, 125}}, Fail},
		{"a t test of the same pairs sees nothing", "perfgate", Pairs, Evidence{Base: same(3, 100), Head: []float64{100.5, 118, 125}}, Inconclusive},

		{"a drop of throughput is negative, below any tolerance", "benchdiff", Stored, Evidence{Base: ramp(10, 100, 1), Head: ramp(10, 30, 1), Higher: true}, Pass},
		{"the same rise of time is not", "benchdiff", Stored, Evidence{Base: ramp(10, 30, 1), Head: ramp(10, 100, 1)}, Fail},

		{"nothing to something counts as no change", "cob", Stored, Evidence{Base: same(1, 0), Head: same(1, 1000)}, Pass},
		{"for others it is infinitely more", "github-action-benchmark", Stored, Evidence{Base: same(1, 0), Head: same(1, 1000)}, Fail},
		{"nothing to nothing is a ratio of one", "github-action-benchmark", Stored, Evidence{Base: same(1, 0), Head: same(1, 0)}, Pass},

		{"of repeated names the first decides: the others are not seen", "github-action-benchmark", Stored, Evidence{Base: []float64{100, 100, 100}, Head: []float64{100, 300, 300}}, Pass},
		{"and a first that is off decides alone", "github-action-benchmark", Stored, Evidence{Base: []float64{100, 300, 300}, Head: []float64{300, 300, 300}}, Fail},
		{"a rise of throughput alarms", "github-action-benchmark", Stored, Evidence{Base: same(1, 100), Head: same(1, 200), Higher: true}, Fail},
		{"and a drop does not", "github-action-benchmark", Stored, Evidence{Base: same(1, 200), Head: same(1, 100), Higher: true}, Pass},

		{"one lucky run hides all others", "pytest-benchmark min", Stored, Evidence{Base: same(10, 100), Head: append(same(9, 300), 100)}, Pass},
		{"one disturbed run is all others' fault", "pytest-benchmark mean", Stored, Evidence{Base: same(10, 100), Head: append(same(9, 100), 300)}, Fail},

		{"p < 0.05 is one in twenty: a difference by chance", "benchstat", Stored, Evidence{
			Base: []float64{88, 90, 92, 94, 95, 97, 99, 101, 103, 105}, Head: []float64{94.5, 96.5, 104, 106, 108, 108.5, 109, 110, 112, 113},
		}, Fail},
		{"that a stricter level does not believe", "asv", Stored, Evidence{
			Base: []float64{88, 90, 92, 94, 95, 97, 99, 101, 103, 105}, Head: []float64{94.5, 96.5, 104, 106, 108, 108.5, 109, 110, 112, 113},
		}, Pass},
	} {
		var found bool
		for _, r := range Rules(fixed(20), 50) {
			if r.Name != c.name || r.Design != c.d {
				continue
			}
			found = true
			if got := r.Judge(c.e, limit).Verdict; got != c.want {
				t.Errorf("%s: %s: %s, want %s", c.name, c.trap, got, c.want)
			}
		}
		if !found {
			t.Errorf("no rule %s on %s", c.name, c.d)
		}
	}
}

// TestComparisons sees that the size of the suite and the oriented logarithms reach perfgate's decision.
func TestComparisons(t *testing.T) {
	var ds []float64
	var limit float64
	var comparisons int
	decide := func(d, _ []float64, l float64, c int) (Verdict, int) {
		ds, limit, comparisons = d, l, c
		return Fail, 1
	}
	r := Rules(decide, 37)[0]
	if got := r.Judge(Evidence{Base: []float64{1, 2}, Head: []float64{2, 2}}, 0.10); got != (Outcome{Fail, 1, 1}) {
		t.Errorf("outcome %v", got)
	}
	if comparisons != 37 || limit != math.Log1p(0.10) || !slices.Equal(ds, []float64{math.Ln2, 0}) {
		t.Errorf("asked with %v, %v, %v", ds, limit, comparisons)
	}
	if n := len(Rules(nil, 50)); n != len(Rules(decide, 50))-2 {
		t.Errorf("%d rules without a decision", n)
	}
}

// measurements draws evidence that is noisy enough to lie on either side of the limit.
func measurements(t *rapid.T, d Design) Evidence {
	n := rapid.IntRange(2, 14).Draw(t, "base runs")
	m := n
	if d == Stored {
		m = rapid.IntRange(1, 14).Draw(t, "head runs")
	}
	value := rapid.Map(rapid.IntRange(-3000, 3000), func(i int) float64 { return 100 * math.Exp(float64(i)/1e4) })
	change := rapid.Float64Range(0.9, 1.5).Draw(t, "change")
	e := Evidence{
		Base: rapid.SliceOfN(value, n, n).Draw(t, "base"),
		Head: rapid.SliceOfN(value, m, m).Draw(t, "head"),
		Seed: rapid.Uint64().Draw(t, "seed"),
	}
	for i := range e.Head {
		e.Head[i] *= change
	}
	return e
}

func scaled(xs []float64, by float64) []float64 {
	out := make([]float64, len(xs))
	for i, x := range xs {
		out[i] = x * by
	}
	return out
}

// TestUnitDoesNotMatter: nanoseconds or years, a ratio is a ratio. Powers of two round nothing.
func TestUnitDoesNotMatter(t *testing.T) {
	rules := Rules(fixed(20), 50)
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom(rules).Draw(t, "rule")
		e := measurements(t, r.Design)
		by := math.Ldexp(1, rapid.IntRange(-20, 20).Draw(t, "power"))
		other := e
		other.Base, other.Head = scaled(e.Base, by), scaled(e.Head, by)
		before, after := r.Judge(e, 0.10), r.Judge(other, 0.10)
		if before != after {
			t.Fatalf("%s: %v, and %v times as large %v", r.Name, before, by, after)
		}
	})
}

// steady are the rules that a larger change never turns from red to green. With the others it can, since
// multiplying head makes its noise larger too: where differences within pairs are judged by their own
// spread, the spread may grow more than their mean; and where criterion draws from both versions at once,
// what it draws gets more spread out as well.
var steady = []string{
	"github-action-benchmark", "cob", "gobenchdata", "benchdiff", "benchstat", "Bencher percentage", "Bencher t", "asv",
	"pytest-benchmark min", "pytest-benchmark mean", "perfgate (Rust)", "perfgate",
}

func TestMoreIsNeverGreener(t *testing.T) {
	rules := slices.DeleteFunc(Rules(fixed(20), 50), func(r Rule) bool { return !slices.Contains(steady, r.Name) })
	reds := 0
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom(rules).Draw(t, "rule")
		e := measurements(t, r.Design)
		more := e
		more.Head = scaled(e.Head, rapid.Float64Range(1, 3).Draw(t, "more"))
		before, after := r.Judge(e, 0.10), r.Judge(more, 0.10)
		if before.Verdict == Fail {
			reds++
			if after.Verdict != Fail {
				t.Fatalf("%s: %v, with more planted %v", r.Name, before, after)
			}
		}
	})
	if reds == 0 {
		t.Error("nothing was red: the property was not tested")
	}
}
