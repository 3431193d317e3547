package replay

import (
	"math"
	"testing"
)

func TestClopperPearson(t *testing.T) {
	for _, c := range []struct {
		count, total int
		low, high    float64
	}{
		// From 1 - 0.025^(1/n) for none of n, and from printed tables of the beta quantiles.
		{0, 10, 0, 1 - math.Pow(0.025, 0.1)},
		{10, 10, math.Pow(0.025, 0.1), 1},
		{0, 300, 0, 1 - math.Pow(0.025, 1.0/300)},
		{5, 10, 0.1870860, 0.8129140},
		{1, 20, 0.0012651, 0.2487328},
		{3, 1000, 0.0006190, 0.0087420},
		{0, 0, 0, 1},
	} {
		low, high := clopperPearson(c.count, c.total)
		if !near(low, c.low, 1e-3) && math.Abs(low-c.low) > 1e-12 || !near(high, c.high, 1e-3) {
			t.Errorf("%d of %d: %v to %v, want %v to %v", c.count, c.total, low, high, c.low, c.high)
		}
	}
	// By definition, also where single terms underflow.
	for _, c := range [][2]int{{1, 7}, {6, 7}, {250, 2000}, {1990, 2000}, {9000, 20000}} {
		low, high := clopperPearson(c[0], c[1])
		if p := atMost(c[0], c[1], high); !near(p, 0.025, 1e-6) {
			t.Errorf("%v: at the upper end as few or fewer have chance %v", c, p)
		}
		if p := atMost(c[1]-c[0], c[1], 1-low); !near(p, 0.025, 1e-6) {
			t.Errorf("%v: at the lower end as many or more have chance %v", c, p)
		}
	}
}

// TestLaplaceQuantile compares with adding up the density by rectangles.
func TestLaplaceQuantile(t *testing.T) {
	for _, xs := range [][]float64{{1, 2}, {10, 11, 13}, {5, 5, 6, 9, 30}} {
		density := func(m float64) float64 {
			sum := 0.0
			for _, x := range xs {
				sum += math.Abs(x - m)
			}
			return math.Pow(sum, -float64(len(xs)))
		}
		for _, p := range []float64{0.2, 0.5, 0.9} {
			q := laplaceQuantile(xs, p)
			const step = 0.002
			below, all := 0.0, 0.0
			for m := -4000.0; m < 4000; m += step {
				d := density(m + step/2)
				all += d
				if m < q {
					below += d
				}
			}
			// Two values have tails so thick that some lie outside of what is added up.
			if math.Abs(below/all-p) > 2e-3 {
				t.Errorf("%v: the %v quantile is %v, which has %v below", xs, p, q, below/all)
			}
		}
	}
}

func TestMedianInterval99(t *testing.T) {
	// The chance that all of 8 values lie on one side of the median is 1/256 each, under 0.5 %.
	low, high := medianInterval99([]float64{8, 1, 7, 2, 6, 3, 5, 4})
	if low != 1 || high != 8 {
		t.Errorf("of 1 to 8: %v to %v", low, high)
	}
	// 7 are too few for that, and the interval goes beyond them.
	if low, high := medianInterval99([]float64{1, 2, 3, 4, 5, 6, 7}); low > 1 || high < 7 || low < -9 || high > 17 {
		t.Errorf("of 1 to 7: %v to %v", low, high)
	}
	if low, high := medianInterval99([]float64{3}); !math.IsInf(low, -1) || !math.IsInf(high, +1) {
		t.Errorf("of one value: %v to %v", low, high)
	}
	if low, high := medianInterval99([]float64{3, 3, 3}); low != 3 || high != 3 {
		t.Errorf("of one value thrice: %v to %v", low, high)
	}
}

func TestBootstrap(t *testing.T) {
	base := []float64{99, 100, 101, 100, 98, 102, 100, 101, 99, 100}
	head := make([]float64, len(base))
	for i, x := range base {
		head[i] = 1.2 * x
	}
	low, high := newBootstrap(1).ratioOfMeans(base, head)
	// The standard error of the mean is 0.37 %, of the ratio 0.53 %.
	if low > 1.194 || low < 1.175 || high < 1.206 || high > 1.225 {
		t.Errorf("interval %v to %v around 1.2", low, high)
	}
	if p := newBootstrap(1).tTest(base, head); p > 0.01 {
		t.Errorf("p of a plain difference is %v", p)
	}
	if p := newBootstrap(1).tTest(base, base); p < 0.5 {
		t.Errorf("p of no difference is %v", p)
	}
	again, _ := newBootstrap(1).ratioOfMeans(base, head)
	other, _ := newBootstrap(2).ratioOfMeans(base, head)
	if again != low || other == low {
		t.Errorf("one seed gives %v and %v, another %v", low, again, other)
	}
}

func TestWithoutOutliers(t *testing.T) {
	if got := withoutOutliers([]float64{10, 11, 12, 13, 14, 90}); len(got) != 5 {
		t.Errorf("kept %v", got)
	}
}
