package gate

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var makeCritical = flag.Bool("critical", false, "simulate the table of critical values anew, which takes minutes")

// unchanged returns a series of releases without a change, with normal noise of the size given.
func unchanged(r *rand.Rand, n int, noise float64) []float64 {
	ys := make([]float64, n)
	for i := range ys {
		ys[i] = noise * r.NormFloat64()
	}
	return ys
}

// stepped returns one that rises by step, as a share, somewhere not at its ends.
func stepped(r *rand.Rand, n int, noise, step float64) (ys []float64, at int) {
	ys, at = unchanged(r, n, noise), 3+r.IntN(n-5)
	for i := at; i < n; i++ {
		ys[i] += math.Log1p(step)
	}
	return ys, at
}

// TestCritical prints the table of critical values with -critical, and else holds some of its rows against
// a shorter simulation.
func TestCritical(t *testing.T) {
	sizes, series := []int{6, 9, 10, 16, 35, 80}, 4000
	if *makeCritical {
		sizes, series = nil, 100_000
		for n := minHistory; n <= 20; n++ {
			sizes = append(sizes, n)
		}
		sizes = append(sizes, 25, 30, 40, 50, 70, 100, 200)
	}
	for _, n := range sizes {
		r := rand.New(rand.NewPCG(7, uint64(n)))
		series := series
		if n > 50 {
			series /= 5
		}
		fs := make([]float64, series)
		for i := range fs {
			fs[i], _ = levelStat(despike(unchanged(r, n, 1)))
		}
		slices.Sort(fs)
		if *makeCritical {
			fmt.Printf("{%d, %.2f}, ", n, fs[len(fs)-int(levelError*float64(series))])
			continue
		}
		beyond := 0
		for _, f := range fs {
			if f > criticalAt(n) {
				beyond++
			}
		}
		// A half of one percent is expected; the bounds are four standard deviations away.
		if want := levelError * float64(series); math.Abs(float64(beyond)-want) > 4*math.Sqrt(want) {
			t.Errorf("%d releases: %d of %d series without a change exceed %.2f", n, beyond, series, criticalAt(n))
		}
	}
}

// naiveStat is levelStat by trying every way to cut.
func naiveStat(ys []float64) (float64, []int) {
	n := len(ys)
	rest := func(cuts []int) float64 {
		sum, bounds := 0.0, slices.Concat([]int{0}, cuts, []int{n})
		for i := range len(bounds) - 1 {
			part := ys[bounds[i]:bounds[i+1]]
			for _, y := range part {
				sum += (y - mean(part)) * (y - mean(part))
			}
		}
		return sum
	}
	top, best := 0.0, []int(nil)
	var try func(k, from int, cuts []int)
	try = func(k, from int, cuts []int) {
		if len(cuts) == k {
			if n-from >= minLevel {
				floor := seFloor * seFloor * float64(n)
				if f := (rest(nil) - rest(cuts)) / float64(k) / (max(rest(cuts), floor) / float64(n-k-1)); f > top*(1+1e-9) {
					top, best = f, slices.Clone(cuts)
				}
			}
			return
		}
		for c := from + minLevel; c <= n-minLevel; c++ {
			try(k, c, append(slices.Clone(cuts), c))
		}
	}
	for k := 1; k <= max(1, min(maxLevels, n/perChange)); k++ {
		try(k, 0, nil)
	}
	return top, best
}

// The cuts found by dynamic programming are the best there are.
func TestLevelStatAgainstNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(minHistory, 17).Draw(t, "n")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		ys, level := unchanged(r, n, 0.02), 5.0
		for i := range ys {
			if r.IntN(4) == 0 {
				level += 0.1 * r.NormFloat64()
			}
			ys[i] += level
		}
		f, cuts := levelStat(ys)
		want, best := naiveStat(ys)
		if math.Abs(f-want) > 1e-6*want || !slices.Equal(cuts, best) {
			t.Fatalf("F %v at %v, want %v at %v", f, cuts, want, best)
		}
	})
}

// What is known to change is found where it changes, and what is known not to is not.
func TestFindLevels(t *testing.T) {
	const n = 24
	r := rand.New(rand.NewPCG(3, 3))
	series := func(f func(i int) float64) []float64 {
		ys := unchanged(r, n, 0.01)
		for i := range ys {
			ys[i] += f(i)
		}
		return ys
	}
	at := func(from, to int, by float64) func(int) float64 {
		return func(i int) float64 {
			if i >= from && i < to {
				return by
			}
			return 0
		}
	}
	tiny := make([]float64, n)
	for i := range tiny {
		tiny[i] = 0.004 * float64(i/12)
	}
	for _, c := range []struct {
		name string
		ys   []float64
		want []int
	}{
		{"nothing", series(at(0, 0, 0)), nil},
		{"a rise", series(at(15, n, 0.1)), []int{15}},
		{"a drop", series(at(15, n, -0.1)), []int{15}},
		{"a rise and a fall back", series(at(8, 16, 0.15)), []int{8, 16}},
		{"three releases that were worse", series(at(8, 11, 0.15)), []int{8, 11}},
		{"two disturbed releases", series(at(8, 10, 0.3)), nil},
		{"one disturbed release", series(at(8, 9, 0.3)), nil},
		{"a disturbed first", series(at(0, 1, 0.3)), nil},
		{"a disturbed last, or a change that the next releases will tell", series(at(n-2, n, 0.3)), nil},
		{"a rise beside a disturbed release", series(func(i int) float64 { return at(15, n, 0.1)(i) + at(5, 6, 0.4)(i) }), []int{15}},
		{"a staircase", series(func(i int) float64 { return 0.1 * float64(i/6) }), []int{6, 12, 18}},
		{"a staircase of eight", longStaircase(), []int{6, 12, 18, 24, 30, 36, 42}},
		{"too small to be worth a word", tiny, nil},
		{"five releases", series(at(3, n, 0.5))[:5], nil},
		{"exactly equal", make([]float64, n), nil},
		{"exact steps", []float64{0, 0, 0, 0, 0.1, 0.1, 0.1, 0.1, 0.1}, []int{4}},
	} {
		if got := findLevels(c.ys); !slices.Equal(got, c.want) {
			t.Errorf("%s: levels begin at %v, want %v", c.name, got, c.want)
		}
		// The unit does not matter, nor the direction of writing.
		moved := make([]float64, len(c.ys))
		for i, y := range c.ys {
			moved[i] = y - 20
		}
		if got := findLevels(moved); !slices.Equal(got, c.want) {
			t.Errorf("%s in another unit: levels begin at %v, want %v", c.name, got, c.want)
		}
	}
}

func longStaircase() []float64 {
	ys := unchanged(rand.New(rand.NewPCG(4, 4)), 48, 0.01)
	for i := range ys {
		ys[i] += 0.1 * float64(i/6)
	}
	return ys
}

// eDivisive is the opponent: energy statistics with a permutation test (Matteson and James), as the tools
// that watch benchmarks have it, at the chance of error that findLevels has. It tells only whether there is a change.
func eDivisive(ys []float64, r *rand.Rand, permutations int) bool {
	stat := func(ys []float64) float64 {
		best, n := 0.0, len(ys)
		for k := minLevel; k <= n-minLevel; k++ {
			var between, left, right float64
			for i := range n {
				for j := range i {
					d := math.Abs(ys[i] - ys[j])
					switch {
					case i < k:
						left += d
					case j >= k:
						right += d
					default:
						between += d
					}
				}
			}
			a, b := float64(k), float64(n-k)
			q := (2*between/(a*b) - left*2/(a*(a-1)) - right*2/(b*(b-1))) * a * b / (a + b)
			best = max(best, q)
		}
		return best
	}
	found, more := stat(ys), 0
	ys = slices.Clone(ys)
	for range permutations {
		r.Shuffle(len(ys), func(i, j int) { ys[i], ys[j] = ys[j], ys[i] })
		if stat(ys) >= found {
			more++
		}
	}
	return float64(more+1)/float64(permutations+1) <= levelError
}

// TestTrendErrorRates measures how often a change is called in series that have none, and how often one
// is found that is there, at the release where it is or next to it. It prints what docs/trend.md quotes.
func TestTrendErrorRates(t *testing.T) {
	const series = 2000
	sizes, noises, steps := []int{10, 20, 50}, []float64{0.01, 0.03, 0.05}, []float64{0.05, 0.10, 0.20}
	seed := uint64(11)
	var b strings.Builder
	fmt.Fprintf(&b, "\nfalse alarms per 1,000 series without a change (seed %d, %d series each)\n%-9s %8s %8s %8s\n", seed, series, "releases", "normal", "spiked", "heavy")
	for _, n := range append([]int{6, 8}, append(sizes, 100)...) {
		fmt.Fprintf(&b, "%-9d", n)
		for kind := range 3 {
			r, alarms := rand.New(rand.NewPCG(seed, uint64(100*n+kind))), 0
			for range series {
				ys := unchanged(r, n, 0.03)
				for i := range ys {
					switch kind {
					case 1: // one release in twenty was disturbed
						if r.IntN(20) == 0 {
							ys[i] += 0.3
						}
					case 2: // Student's t with four degrees of freedom
						chi := 0.0
						for range 4 {
							z := r.NormFloat64()
							chi += z * z
						}
						ys[i] /= math.Sqrt(chi / 4)
					}
				}
				if len(findLevels(ys)) > 0 {
					alarms++
				}
			}
			rate := 1000 * float64(alarms) / series
			fmt.Fprintf(&b, " %8.1f", rate)
			// 10 are expected of 2,000 by design; 22 are less likely than one time in a thousand.
			if kind == 0 && alarms > 22 {
				t.Errorf("%d releases: %.1f false alarms per 1,000, want about %v", n, rate, 1000*levelError)
			}
			// Where one release in twenty is disturbed, three of five may be, which is a level like any other.
			if kind > 0 && rate > max(20, 1.5*float64(n)) {
				t.Errorf("%d releases of kind %d: %.1f false alarms per 1,000", n, kind, rate)
			}
		}
		fmt.Fprintln(&b)
	}
	fmt.Fprintf(&b, "\nsteps found, in percent of %d series\n%-9s %-6s", series, "releases", "noise")
	for _, s := range steps {
		fmt.Fprintf(&b, " %7.0f %%", 100*s)
	}
	fmt.Fprintln(&b)
	for _, n := range sizes {
		for _, noise := range noises {
			fmt.Fprintf(&b, "%-9d %-6s", n, fmt.Sprintf("%.0f %%", 100*noise))
			for _, s := range steps {
				r, found := rand.New(rand.NewPCG(seed, uint64(n))), 0
				for range series {
					ys, at := stepped(r, n, noise, s)
					if slices.ContainsFunc(findLevels(ys), func(i int) bool { return i >= at-1 && i <= at+1 }) {
						found++
					}
				}
				fmt.Fprintf(&b, " %9.0f", 100*float64(found)/series)
				if s/noise >= 10 && found < series*95/100 {
					t.Errorf("%d releases with %v noise: %d of %d steps of %v were found", n, noise, found, series, s)
				}
			}
			fmt.Fprintln(&b)
		}
	}
	t.Log(b.String())
}

// The usual way to find changes of level finds fewer of them at the same rate of false alarms.
func TestLevelsAgainstEDivisive(t *testing.T) {
	const series, permutations = 60, 399
	for _, c := range []struct {
		n           int
		noise, step float64
	}{{10, 0.01, 0.10}, {20, 0.03, 0.10}} {
		r := rand.New(rand.NewPCG(5, uint64(c.n)))
		ours, theirs := 0, 0
		for range series {
			ys, _ := stepped(r, c.n, c.noise, c.step)
			if len(findLevels(ys)) > 0 {
				ours++
			}
			if eDivisive(ys, r, permutations) {
				theirs++
			}
		}
		t.Logf("%d releases, noise %v, step %v: found %d of %d, E-divisive %d", c.n, c.noise, c.step, ours, series, theirs)
		if ours < theirs {
			t.Errorf("%d releases: E-divisive finds %d of %d, findLevels %d", c.n, theirs, series, ours)
		}
	}
}
