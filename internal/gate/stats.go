package gate

import (
	"math"
	"slices"

	"github.com/aclements/go-moremath/stats"
)

// minPairs is the smallest number of pairs, or of unpaired measurements on each side, from which
// anything noisy may be judged.
const minPairs = MinRuns

// MinRuns is the smallest number of measurements of a unit that varies from which anything is judged.
const MinRuns = 4

// seFloor keeps a sample that happens to repeat exactly from claiming infinite precision, in units
// of the logarithm of a ratio: 0.01 %.
const seFloor = 0.0001

// passError is the chance taken of passing a benchmark that sits exactly at its limit.
const passError = 0.05

// betterError is the chance taken of calling one that did not change improved. Nothing rests on it
// but a remark.
const betterError = 0.005

// failError is the chance taken of failing one that sits exactly at its limit, when comparisons
// noisy comparisons are judged together: 5 % for the whole suite, shared out evenly (Bonferroni).
// It has a floor since the tails of real noise, and of the t distribution fitted to it, cannot be
// trusted further out.
func failError(comparisons int) float64 {
	return max(0.05/float64(max(comparisons, 1)), 0.0002)
}

// An estimate is the centre of log values or log ratios with its standard error.
type estimate struct {
	mean, se, df float64
	median       float64
}

// lower and upper return the one-sided bounds of the mean that are wrong with chance alpha.
func (e estimate) lower(alpha float64) float64 { return e.mean - tQuantile(1-alpha, e.df)*e.se }
func (e estimate) upper(alpha float64) float64 { return e.mean + tQuantile(1-alpha, e.df)*e.se }

// trimFrom is the sample size from which the outer fifth on each side is trimmed.
const trimFrom = 8

// trimmed returns how many of n values are kept.
func trimmed(n int) int {
	if n < trimFrom {
		return n
	}
	return n - 2*(n/5)
}

// estimatePaired treats xs as independent log ratios, at least two: estimateTrimmed, with a floor.
func estimatePaired(xs []float64) estimate {
	e := estimateTrimmed(xs)
	e.se = max(e.se, seFloor)
	return e
}

// estimateTrimmed treats xs as independent draws, at least two, and returns their trimmed mean with
// the standard error of Tukey and McLaughlin: the spread of the values once those trimmed are drawn
// in to the last one kept. One pair that a third process disturbed says nothing about the code, and
// on a loaded machine there are several; the plain mean and its spread would be made of these. A
// change of the code moves all pairs, and the trimmed mean with them.
func estimateTrimmed(xs []float64) estimate {
	g := (len(xs) - trimmed(len(xs))) / 2
	s := slices.Clone(xs)
	slices.Sort(s)
	kept := s[g : len(s)-g]
	center := mean(kept)
	for i := range g {
		s[i], s[len(s)-1-i] = kept[0], kept[len(kept)-1]
	}
	n, h := float64(len(s)), float64(len(kept))
	return estimate{
		mean:   center,
		se:     math.Sqrt(variance(s) * (n - 1) / (h * (h - 1))),
		df:     h - 1,
		median: median(xs),
	}
}

// estimateUnpaired returns the estimate of mean(head)-mean(base) for two independent samples of at
// least two, with Welch's degrees of freedom: the spreads need not be equal.
func estimateUnpaired(base, head []float64) estimate {
	nb, nh := float64(len(base)), float64(len(head))
	vb, vh := variance(base)/nb, variance(head)/nh
	// Without spread worth the name the degrees of freedom would be those of rounding errors.
	df := min(nb, nh) - 1
	if math.Sqrt(vb+vh) > seFloor {
		df = (vb + vh) * (vb + vh) / (vb*vb/(nb-1) + vh*vh/(nh-1))
	}
	return estimate{
		mean:   mean(head) - mean(base),
		se:     max(math.Sqrt(vb+vh), seFloor),
		df:     df,
		median: median(head) - median(base),
	}
}

// tQuantile returns the p quantile of Student's t with df degrees of freedom, df at least 1.
func tQuantile(p, df float64) float64 {
	return stats.InvCDF(stats.TDist{V: df})(p)
}

func mean(xs []float64) float64 {
	sum := 0.0
	for _, x := range xs {
		sum += x
	}
	return sum / float64(len(xs))
}

// variance is the unbiased sample variance.
func variance(xs []float64) float64 {
	m, sum := mean(xs), 0.0
	for _, x := range xs {
		sum += (x - m) * (x - m)
	}
	return sum / float64(len(xs)-1)
}

func median(xs []float64) float64 {
	s := slices.Clone(xs)
	slices.Sort(s)
	if n := len(s); n%2 == 0 {
		// Halved before the sum, which could overflow.
		return s[n/2-1]/2 + s[n/2]/2
	}
	return s[len(s)/2]
}

func logs(xs []float64) []float64 {
	out := make([]float64, len(xs))
	for i, x := range xs {
		out[i] = math.Log(x)
	}
	return out
}

// slope returns the least-squares slope of ys on xs, which must hold two different values.
func slope(xs, ys []float64) float64 {
	mx, my := mean(xs), mean(ys)
	var sxy, sxx float64
	for i := range xs {
		sxy += (xs[i] - mx) * (ys[i] - my)
		sxx += (xs[i] - mx) * (xs[i] - mx)
	}
	return sxy / sxx
}
