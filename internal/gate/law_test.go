package gate

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// power returns points of factor·size^exponent.
func power(factor, exponent float64, sizes ...float64) []Point {
	points := make([]Point, len(sizes))
	for i, s := range sizes {
		points[i] = Point{Size: s, Head: factor * math.Pow(s, exponent)}
	}
	return points
}

func TestLawOfPowers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		factor := rapid.Float64Range(1e-9, 1e9).Draw(t, "factor")
		exponent := rapid.Float64Range(-3, 3).Draw(t, "exponent")
		sizes := rapid.Permutation([]float64{2, 5, 10, 25, 50, 100}).Draw(t, "sizes")
		l := newLaw("n", "B/op", power(factor, exponent, sizes...))
		if math.Abs(l.Exponent-exponent) > 1e-9 || math.Abs(l.Factor/factor-1) > 1e-9 || l.Scatter > 1e-9 || l.Knee != nil {
			t.Fatalf("%+v", l)
		}
		f, want := l.Forecast, factor*math.Pow(200, exponent)
		if f.Size != 200 || math.Abs(f.Value/want-1) > 1e-6 || f.Low > want*(1+1e-6) || f.High < want*(1-1e-6) {
			t.Fatalf("%+v, want %v", f, want)
		}
		for i, p := range l.Points[1:] {
			if p.Size <= l.Points[i].Size {
				t.Fatalf("not by size: %+v", l.Points)
			}
		}
	})
}

func TestKnee(t *testing.T) {
	// Flat, then linear; and the same with what is no more than noise.
	bends := power(7, 0, 2, 5, 10)
	bends = append(bends, power(0.7, 1, 20, 50, 100)...)
	wavy := power(7, 1, 2, 5, 10, 20, 50, 100)
	for i := range wavy {
		wavy[i].Head *= 1 + 0.04*float64(i%2)
	}
	saw := power(7, 1, 2, 5, 10, 20, 50, 100)
	for i := range saw {
		saw[i].Head *= 1 + 0.5*float64(i%2)
	}
	for _, c := range []struct {
		name   string
		points []Point
		at     float64 // 0 for none
	}{
		{"flat, then linear", bends, 10},
		{"four sizes", bends[1:5], 0},
		{"within a twentieth", wavy, 0},
		{"up and down", saw, 0},
	} {
		l := newLaw("n", "B/op", c.points)
		switch {
		case c.at == 0 && l.Knee != nil:
			t.Errorf("%s: a knee %+v", c.name, *l.Knee)
		case c.at > 0 && (l.Knee == nil || l.Knee.At != c.at || math.Abs(l.Knee.Below) > 1e-9 || math.Abs(l.Knee.Above-1) > 1e-9):
			t.Errorf("%s: %+v, want one at %v from exponent 0 to 1", c.name, l.Knee, c.at)
		}
	}
	// The forecast of what bends follows the part above: twice as much again.
	if f := newLaw("n", "B/op", bends).Forecast; math.Abs(f.Value-140) > 1e-6 {
		t.Errorf("forecast %+v, want 140 at 200", f)
	}
}

// The interval of a forecast is that of the textbook, computed here step by step.
func TestForecast(t *testing.T) {
	points := []Point{{Size: 1, Head: math.Exp(1)}, {Size: math.E, Head: math.Exp(2.2)}, {Size: math.Exp(2), Head: math.Exp(2.8)}, {Size: math.Exp(3), Head: math.Exp(4)}}
	// y = 1.06 + 0.96 x; residuals -0.06, 0.18, -0.18, 0.06, so s² = 0.072/2.
	l := newLaw("n", "B/op", points)
	x := 3 + math.Ln2
	half := 4.302653 * math.Sqrt(0.036*(1+0.25+(x-1.5)*(x-1.5)/5))
	y := 1.06 + 0.96*x
	near := func(what string, got, want float64) {
		if math.Abs(got-want) > 1e-5*math.Abs(want) {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	near("exponent", l.Exponent, 0.96)
	near("r2", *l.R2, 1-0.072/4.68)
	near("scatter", l.Scatter, math.Expm1(math.Sqrt(0.018)))
	near("value", l.Forecast.Value, math.Exp(y))
	near("low", l.Forecast.Low, math.Exp(y-half))
	near("high", l.Forecast.High, math.Exp(y+half))
	if l := newLaw("n", "B/op", power(3, 0, 1, 2, 4)); l.R2 != nil || l.Forecast != nil {
		t.Errorf("three equal values: %+v", l)
	}
}

// Two lines that meet are the best such pair: no small change of what was found does better.
func TestBentIsBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xs := []float64{0, 1, 2, 3, 4, 5}
		ys := rapid.SliceOfN(rapid.Float64Range(-5, 5), len(xs), len(xs)).Draw(t, "ys")
		at := xs[rapid.IntRange(1, len(xs)-2).Draw(t, "at")]
		below, above, residue := bent(xs, ys, at)
		for _, d := range [][2]float64{{1e-3, 0}, {-1e-3, 0}, {0, 1e-3}, {0, -1e-3}} {
			// The best height at the knee for these slopes.
			b, a := below+d[0], above+d[1]
			rest := make([]float64, len(xs))
			for i, x := range xs {
				rest[i] = ys[i] - b*min(x-at, 0) - a*max(x-at, 0)
			}
			if other := variance(rest) * float64(len(rest)-1); other < residue-1e-12 {
				t.Fatalf("slopes %v and %v leave %v, %v and %v leave less: %v", below, above, residue, b, a, other)
			}
		}
	})
}
