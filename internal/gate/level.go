package gate

import (
	"math"
	"slices"
)

// When a series of releases has changed its level. All of it was chosen on simulated series, by what
// TestTrendErrorRates prints.
const (
	minLevel    = 3     // releases of a level: fewer cannot be told from disturbed measurements
	maxLevels   = 4     // changes that are looked for at once; each level is then searched for more
	perChange   = 5     // releases that each change looked for at once has to have
	minHistory  = 6     // releases below which nothing is called
	maxHistory  = 200   // releases that are looked at, the last ones
	spikeTimes  = 6     // standard deviations that a release has to lie from the middle of those around it
	spikeWindow = 5     // how many these are
	leastLevel  = 0.005 // smallest change of level, as the logarithm of a ratio, that is worth a word
	// levelError is the chance of calling any change in a series that has none.
	levelError = 0.005
)

// critical are the values that the statistic of levelStat exceeds with chance levelError in a series
// without a change, by the number of releases; TestCritical makes the table anew. Between two rows it is
// interpolated.
var critical = []struct {
	n int
	f float64
}{
	{6, 32.67}, {7, 30.33}, {8, 29.61}, {9, 28.57}, {10, 27.09}, {11, 24.98}, {12, 23.75}, {13, 23.24}, {14, 22.80}, {15, 21.90}, {16, 21.37},
	{17, 20.49}, {18, 19.81}, {19, 19.66}, {20, 19.46}, {25, 18.08}, {30, 17.46}, {40, 16.37}, {50, 16.09}, {70, 15.23}, {100, 15.10}, {200, 15.10},
}

func criticalAt(n int) float64 {
	for i, c := range critical {
		if n <= c.n {
			if i == 0 || n == c.n {
				return c.f
			}
			b := critical[i-1]
			return b.f + (c.f-b.f)*float64(n-b.n)/float64(c.n-b.n)
		}
	}
	return critical[len(critical)-1].f
}

// findLevels returns the indices at which the logarithms ys begin a new level, in growing order: levels
// are constant but for noise of one size and for single releases that lie far beyond both neighbours.
//
// The best ways to cut the series into two, three, ... levels are found exactly, by dynamic programming.
// That there is a change at all is told by the largest of their F statistics (the double maximum of Bai
// and Perron), whose distribution under no change depends on nothing but the number of releases; so it
// is known beforehand, and no series is permuted. The noise is that around the levels: of a rise and a
// later fall one does not hide the other, as it does where only one change is looked for at a time.
func findLevels(ys []float64) []int {
	if len(ys) < minHistory {
		return nil
	}
	ys = despike(ys)
	cuts := searchLevels(ys, 0, nil)
	slices.Sort(cuts)
	return weed(ys, cuts)
}

// searchLevels adds the cuts of ys, whose first index is at, to cuts.
func searchLevels(ys []float64, at int, cuts []int) []int {
	if len(ys) < minHistory {
		return cuts
	}
	f, found := levelStat(ys)
	if f <= criticalAt(len(ys)) {
		return cuts
	}
	from := 0
	for _, c := range append(slices.Clone(found), len(ys)) {
		cuts = searchLevels(ys[from:c], at+from, cuts)
		if c < len(ys) {
			cuts = append(cuts, at+c)
		}
		from = c
	}
	return cuts
}

// levelStat returns the largest F statistic of the best cuts into two and more levels, and these cuts.
func levelStat(ys []float64) (float64, []int) {
	n := len(ys)
	most := max(1, min(maxLevels, n/perChange))
	// best[k][e] is the least sum of squares of the first e values in k+1 levels, and from[k][e] where
	// the last of these begins.
	cost := squares(ys)
	best, from := make([][]float64, most+1), make([][]int, most+1)
	best[0] = make([]float64, n+1)
	for e := 1; e <= n; e++ {
		best[0][e] = cost(0, e)
	}
	top, cuts := 0.0, []int(nil)
	for k := 1; k <= most; k++ {
		best[k], from[k] = make([]float64, n+1), make([]int, n+1)
		for e := range best[k] {
			best[k][e] = math.Inf(+1)
		}
		for e := (k + 1) * minLevel; e <= n; e++ {
			for s := k * minLevel; s <= e-minLevel; s++ {
				if c := best[k-1][s] + cost(s, e); c < best[k][e] {
					best[k][e], from[k][e] = c, s
				}
			}
		}
		df := float64(n - k - 1)
		floor := seFloor * seFloor * float64(n) // a series that repeats exactly has no noise to speak of
		f := (best[0][n] - best[k][n]) / float64(k) / (max(best[k][n], floor) / df)
		if f > top {
			top, cuts = f, make([]int, k)
			for e, i := n, k; i > 0; i-- {
				e = from[i][e]
				cuts[i-1] = e
			}
		}
	}
	return top, cuts
}

// squares returns a function for the sum of squares of ys[s:e] around their mean.
func squares(ys []float64) func(s, e int) float64 {
	m := mean(ys) // the differences of large sums would be rounding errors
	sum, sq := make([]float64, len(ys)+1), make([]float64, len(ys)+1)
	for i, y := range ys {
		sum[i+1], sq[i+1] = sum[i]+(y-m), sq[i]+(y-m)*(y-m)
	}
	return func(s, e int) float64 {
		d := sum[e] - sum[s]
		return max(0, sq[e]-sq[s]-d*d/float64(e-s))
	}
}

// despike draws values far from the middle of the five releases around them to that middle. It leaves
// edges of levels where they are, since of the five at least three are on the value's own side.
func despike(ys []float64) []float64 {
	limit := spikeTimes * neighbourNoise(ys)
	out := slices.Clone(ys)
	for i, y := range ys {
		from := max(0, min(i-spikeWindow/2, len(ys)-spikeWindow))
		if m := median(ys[from:min(from+spikeWindow, len(ys))]); math.Abs(y-m) > limit {
			out[i] = m
		}
	}
	return out
}

// neighbourNoise is the standard deviation of values around levels, told from the differences of
// neighbours without the largest quarter of these, which may be changes.
func neighbourNoise(ys []float64) float64 {
	ds := make([]float64, len(ys)-1)
	for i := range ds {
		d := ys[i+1] - ys[i]
		ds[i] = d * d
	}
	slices.Sort(ds)
	// The least three quarters of squares of a standard normal have 0.368 as their mean; a difference has
	// twice the variance of a value.
	return max(seFloor, math.Sqrt(mean(ds[:len(ds)-len(ds)/4])/(2*0.368)))
}

// weed leaves out, one at a time and the smallest first, the cuts between levels that differ by less
// than is worth a word, or than the noise around all levels lets one say.
func weed(ys []float64, cuts []int) []int {
	for len(cuts) > 0 {
		least, at := math.Inf(+1), -1
		for i := range cuts {
			d, half := step(ys, cuts, i)
			if d = math.Abs(d); (d < leastLevel || d < half) && d < least {
				least, at = d, i
			}
		}
		if at < 0 {
			break
		}
		cuts = slices.Delete(slices.Clone(cuts), at, at+1)
	}
	return cuts
}

// step returns the difference of the levels on both sides of a cut, and how far off that may be, with a
// confidence of 95 %.
func step(ys []float64, cuts []int, i int) (d, half float64) {
	bounds := slices.Concat([]int{0}, cuts, []int{len(ys)})
	cost, rest := squares(ys), 0.0
	for k := range len(bounds) - 1 {
		rest += cost(bounds[k], bounds[k+1])
	}
	before, after := ys[bounds[i]:bounds[i+1]], ys[bounds[i+1]:bounds[i+2]]
	df := float64(len(ys) - len(cuts) - 1)
	se := math.Sqrt(rest / df * (1/float64(len(before)) + 1/float64(len(after))))
	return mean(after) - mean(before), tQuantile(0.975, df) * max(se, seFloor)
}
