package bottleneck

import (
	"slices"
	"strconv"
	"strings"
)

// A Failure is a budget that failed.
type Failure struct {
	Package, Benchmark string // without the word Benchmark; of growth with * for the size
	Unit, Reason       string
	// Scales is the limit on growth as the budget says it, Exponent what was fitted; else "" and 0.
	Scales   string
	Exponent float64
}

// Function is the name of the failure's benchmark function, without the word Benchmark.
func (f Failure) Function() string {
	name, _, _ := strings.Cut(f.Benchmark, "/")
	return name
}

// A Named is a benchmark that can be profiled.
type Named struct{ Package, Name string }

// A Choice is a benchmark to profile, by its index among those that there are, and why.
type Choice struct {
	Index  int
	Failed []string
	Growth []Growth
}

// Choose returns which of the benchmarks that there are to profile for what failed, in the order of the
// failures, at most so many, and how many more there would be. Of a failure of growth it is the
// largest size.
func Choose(failed []Failure, there []Named, most int) (chosen []Choice, left int) {
	for _, f := range failed {
		best, size := -1, 0.0
		key := ""
		for i, n := range there {
			if f.Package != "" && n.Package != f.Package {
				continue
			}
			if k, x, ok := fits(n.Name, f.Benchmark); ok && (best < 0 || x > size) {
				best, size, key = i, x, k
			}
		}
		if best < 0 {
			continue
		}
		at := slices.IndexFunc(chosen, func(c Choice) bool { return c.Index == best })
		if at < 0 {
			at = len(chosen)
			chosen = append(chosen, Choice{Index: best})
		}
		c := &chosen[at]
		c.Failed = append(c.Failed, f.Unit+": "+f.Reason)
		if f.Scales != "" && key != "" {
			c.Growth = append(c.Growth, Growth{Key: key, Unit: f.Unit, Exponent: f.Exponent, Limit: f.Scales})
		}
	}
	left = max(0, len(chosen)-most)
	return chosen[:len(chosen)-left], left
}

// fits reports whether name is the benchmark that the pattern means, whose parts are equal but for one
// that may be key=*; then it returns the key and the number that stands there.
func fits(name, pattern string) (key string, size float64, ok bool) {
	ns, ps := strings.Split(name, "/"), strings.Split(pattern, "/")
	if len(ns) != len(ps) {
		return "", 0, false
	}
	for i, p := range ps {
		if ns[i] == p {
			continue
		}
		k, star := strings.CutSuffix(p, "=*")
		v, has := strings.CutPrefix(ns[i], k+"=")
		x, err := strconv.ParseFloat(v, 64)
		if !star || !has || err != nil || key != "" {
			return "", 0, false
		}
		key, size = k, x
	}
	return key, size, true
}
