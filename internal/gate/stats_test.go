package gate

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Values of the printed tables of Student's t, one-sided.
func TestTQuantile(t *testing.T) {
	table := map[float64][]float64{ // by degrees of freedom: 0.95, 0.975, 0.99, 0.995, 0.9995
		1:   {6.314, 12.706, 31.821, 63.657, 636.619},
		2:   {2.920, 4.303, 6.965, 9.925, 31.599},
		3:   {2.353, 3.182, 4.541, 5.841, 12.924},
		5:   {2.015, 2.571, 3.365, 4.032, 6.869},
		7:   {1.895, 2.365, 2.998, 3.499, 5.408},
		10:  {1.812, 2.228, 2.764, 3.169, 4.587},
		14:  {1.761, 2.145, 2.624, 2.977, 4.140},
		19:  {1.729, 2.093, 2.539, 2.861, 3.883},
		30:  {1.697, 2.042, 2.457, 2.750, 3.646},
		120: {1.658, 1.980, 2.358, 2.617, 3.373},
	}
	for df, row := range table {
		for i, p := range []float64{0.95, 0.975, 0.99, 0.995, 0.9995} {
			if got := tQuantile(p, df); math.Abs(got-row[i]) > 0.0006 {
				t.Errorf("t(%v, %v) = %v, want %v", p, df, got, row[i])
			}
			if got := tQuantile(1-p, df); math.Abs(got+row[i]) > 0.0006 {
				t.Errorf("t(%v, %v) = %v, want %v", 1-p, df, got, -row[i])
			}
		}
	}
	if got := tQuantile(0.5, 4); math.Abs(got) > 1e-6 {
		t.Errorf("the median is %v", got)
	}
	// Welch's degrees of freedom are no whole numbers; the smallest error that failError allows must
	// still have a quantile.
	last := math.Inf(1)
	for df := 3.0; df < 60; df += 0.37 {
		q := tQuantile(1-failError(1<<30), df)
		if !(q < last && q > 3.5) {
			t.Fatalf("t(%v) = %v after %v", df, q, last)
		}
		last = q
	}
}

func TestFailError(t *testing.T) {
	for n, want := range map[int]float64{0: 0.05, 1: 0.05, 2: 0.025, 50: 0.001, 250: 0.0002, 100000: 0.0002} {
		if got := failError(n); math.Abs(got-want) > 1e-12 {
			t.Errorf("failError(%d) = %v, want %v", n, got, want)
		}
	}
}

// Worked by hand: base 1, 2, 3, 4 and head 4, 6, 8, 10 have means 2.5 and 7, variances 5/3 and 20/3.
func TestEstimates(t *testing.T) {
	near := func(what string, got, want float64) {
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	e := estimateUnpaired([]float64{1, 2, 3, 4}, []float64{4, 6, 8, 10})
	near("mean", e.mean, 4.5)
	near("se", e.se, math.Sqrt(5.0/12+20.0/12))
	near("df", e.df, 75.0/17) // (5/12 + 20/12)^2 / ((5/12)^2/3 + (20/12)^2/3)
	near("median", e.median, 4.5)
	e = estimatePaired([]float64{3, 4, 5, 6})
	near("paired mean", e.mean, 4.5)
	near("paired se", e.se, math.Sqrt(5.0/12))
	near("paired df", e.df, 3)
	// From eight on, the outer fifth is trimmed: of 1, 2, ... 9, 100 the two smallest and largest. Drawn
	// in, they are 3, 3, 3, 4, 5, 6, 7, 8, 8, 8, whose squared distances from 5.5 sum to 42.5.
	trimmed := estimatePaired([]float64{9, 1, 8, 2, 100, 7, 3, 6, 4, 5})
	near("trimmed mean", trimmed.mean, 5.5)
	near("trimmed se", trimmed.se, math.Sqrt(42.5/(6*5)))
	near("trimmed df", trimmed.df, 5)
	near("median beside it", trimmed.median, 5.5)
	near("seven are not trimmed", estimatePaired([]float64{1, 2, 3, 4, 5, 6, 77}).mean, 14)
	near("lower", e.lower(0.05), 4.5-2.3533634348*math.Sqrt(5.0/12))
	near("upper", e.upper(0.05), 4.5+2.3533634348*math.Sqrt(5.0/12))
	// A sample that repeats claims no infinite precision.
	near("floor", estimatePaired([]float64{1, 1, 1, 1}).se, 0.0001)
	e = estimateUnpaired([]float64{1, 1, 1, 1}, []float64{2, 2, 2, 2, 2})
	near("unpaired floor", e.se, 0.0001)
	near("df without spread", e.df, 3)
	near("df of rounding errors", estimateUnpaired([]float64{1, 1, 1, 1 + 1e-15}, []float64{2, 2, 2, 2, 2}).df, 3)
	near("slope", slope([]float64{0, 1, 2, 3}, []float64{1, 3, 5, 7}), 2)
	near("slope of scatter", slope([]float64{0, 1, 2}, []float64{0, 3, 0}), 0)
}

// The median and Welch's estimate against their definitions, written as plainly as they can be.
func TestNaiveTwins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.SliceOfN(rapid.Float64Range(-1000, 1000), 2, 12)
		xs, ys := draw.Draw(t, "xs"), draw.Draw(t, "ys")
		before := slices.Clone(xs)

		m := median(xs)
		below, above := 0, 0
		for _, x := range xs {
			if x <= m {
				below++
			}
			if x >= m {
				above++
			}
		}
		if 2*below < len(xs) || 2*above < len(xs) {
			t.Fatalf("median %v of %v", m, xs)
		}
		if !slices.Equal(xs, before) {
			t.Fatal("median changed its argument")
		}

		// The variance as half the mean squared difference of all ordered pairs.
		naive := func(xs []float64) float64 {
			sum, n := 0.0, float64(len(xs))
			for _, a := range xs {
				for _, b := range xs {
					sum += (a - b) * (a - b)
				}
			}
			return sum / (2 * n * (n - 1))
		}
		e := estimateUnpaired(xs, ys)
		se := math.Sqrt(naive(xs)/float64(len(xs)) + naive(ys)/float64(len(ys)))
		if math.Abs(e.se-max(se, seFloor)) > 1e-6*(1+se) {
			t.Fatalf("se %v, naively %v", e.se, se)
		}
		lo, hi := float64(min(len(xs), len(ys))-1), float64(len(xs)+len(ys)-2)
		if e.df < lo-1e-9 || e.df > hi+1e-9 {
			t.Fatalf("df %v outside of %v to %v", e.df, lo, hi)
		}
	})
}

func TestNaturalCompare(t *testing.T) {
	ordered := []string{"", "A", "A/n=1", "A/n=2", "A/n=10", "A/n=10/b", "A/n=100", "A10", "A010x", "B", "a"}
	for i, a := range ordered {
		for j, b := range ordered {
			if got, want := naturalCompare(a, b), i-j; (got < 0) != (want < 0) || (got > 0) != (want > 0) {
				t.Errorf("naturalCompare(%q, %q) = %d", a, b, got)
			}
		}
	}
}

func TestPercent(t *testing.T) {
	for x, want := range map[float64]string{
		0: "+0.0 %", 0.1: "+10.0 %", -0.1234: "-12.3 %", 0.0001: "+0.01 %", 0.00099: "+0.099 %", 9.99: "+999.0 %", 10: "+1000 %",
	} {
		if got := percent(x); got != want {
			t.Errorf("percent(%v) = %q, want %q", x, got, want)
		}
	}
}
