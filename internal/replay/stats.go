package replay

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/aclements/go-moremath/stats"
)

func mean(xs []float64) float64 {
	sum := 0.0
	for _, x := range xs {
		sum += x
	}
	return sum / float64(len(xs))
}

// variance is the unbiased sample variance; exactly zero where all values are the same, which rounding in
// the mean could hide, or there is only one.
func variance(xs []float64) float64 {
	if slices.Min(xs) == slices.Max(xs) {
		return 0
	}
	m, sum := mean(xs), 0.0
	for _, x := range xs {
		sum += (x - m) * (x - m)
	}
	return sum / float64(len(xs)-1)
}

func median(xs []float64) float64 {
	s := slices.Sorted(slices.Values(xs))
	if n := len(s); n%2 == 0 {
		return s[n/2-1]/2 + s[n/2]/2
	}
	return s[len(s)/2]
}

// tQuantile returns the p quantile of Student's t with df degrees of freedom, at least 1.
func tQuantile(p float64, df int) float64 {
	return stats.InvCDF(stats.TDist{V: float64(df)})(p)
}

// uTest returns the two-sided p of the Mann-Whitney test, exact for the sizes used here. Samples whose
// values are all the same are not different: 1.
func uTest(base, head []float64) float64 {
	r, err := stats.MannWhitneyUTest(base, head, stats.LocationDiffers)
	if err != nil {
		return 1
	}
	return r.P
}

// withoutOutliers leaves out what lies beyond 1.5 interquartile ranges from the quartiles.
func withoutOutliers(xs []float64) []float64 {
	s := stats.Sample{Xs: xs}
	q1, q3 := s.Quantile(0.25), s.Quantile(0.75)
	low, high := q1-1.5*(q3-q1), q3+1.5*(q3-q1)
	var out []float64
	for _, x := range xs {
		if low <= x && x <= high {
			out = append(out, x)
		}
	}
	return out
}

// choose is the number of ways to take k of n.
func choose(n, k int) float64 {
	c := 1.0
	for i := 1; i <= k; i++ {
		c *= float64(n-k+i) / float64(i)
	}
	return c
}

// medianInterval99 is an interval that holds the median with 99 % confidence: between order statistics
// where the sample is large enough, otherwise of the posterior for noise with the tails of Laplace's
// distribution, stretched to hold the sample. It is infinite for one value.
func medianInterval99(xs []float64) (low, high float64) {
	s := slices.Sorted(slices.Values(xs))
	n := len(s)
	low, high = math.Inf(-1), math.Inf(+1)
	below := 0.0 // chance that at most k of n are below the median
	for k, x := range s {
		below += choose(n, k) / math.Pow(2, float64(n))
		if below <= 0.005 {
			low = x
		}
		if below >= 0.995 {
			high = x
			break
		}
	}
	if n > 1 && math.IsInf(low, 0) {
		low = min(laplaceQuantile(s, 0.005), s[0])
	}
	if n > 1 && math.IsInf(high, 0) {
		high = max(laplaceQuantile(s, 0.995), s[n-1])
	}
	return low, high
}

// laplaceQuantile returns the p quantile of the density over m that is proportional to the sum of |x - m|
// to the power of -n, for n sorted values, at least two.
func laplaceQuantile(s []float64, p float64) float64 {
	n := len(s)
	center, scale := median(s), 0.0
	for _, x := range s {
		scale += math.Abs(x - center)
	}
	if scale == 0 {
		return center
	}
	// mass integrates the density up to m. Between two neighbours the sum is a straight line, c*m + y.
	mass := func(m float64) float64 {
		total := 0.0
		for k := 0; k <= n; k++ {
			from, to := math.Inf(-1), m
			if k > 0 {
				from = (s[k-1] - center) / scale
			}
			if k < n {
				to = min(to, (s[k]-center)/scale)
			}
			if from >= to {
				continue
			}
			c, y := float64(2*k-n), 0.0
			for i, x := range s {
				if i < k {
					y -= (x - center) / scale
				} else {
					y += (x - center) / scale
				}
			}
			power := float64(n - 1)
			if c == 0 {
				total += (to - from) / math.Pow(y, power+1)
				continue
			}
			// At the far ends the sum is infinite and its inverse zero.
			a, b := math.Pow(c*from+y, -power), math.Pow(c*to+y, -power)
			if math.IsInf(from, 0) {
				a = 0
			}
			if math.IsInf(to, 0) {
				b = 0
			}
			total += (a - b) / (power * c)
		}
		return total
	}
	want := p * mass(math.Inf(+1))
	low, high := -1.0, 1.0
	for mass(low) > want {
		low *= 2
	}
	for mass(high) < want {
		high *= 2
	}
	for range 60 {
		if mid := (low + high) / 2; mass(mid) < want {
			low = mid
		} else {
			high = mid
		}
	}
	return center + scale*(low+high)/2
}

// A bootstrap draws samples from samples.
type bootstrap struct {
	rng *rand.Rand
}

func newBootstrap(seed uint64) bootstrap {
	return bootstrap{rand.New(rand.NewPCG(seed, 1))}
}

// moments returns mean and unbiased variance of n values drawn from xs with replacement.
func (b bootstrap) moments(xs []float64, n int) (m, v float64) {
	// Sums of differences from one of the values, so that little is lost where all are alike.
	shift, sum, squares := xs[0], 0.0, 0.0
	for range n {
		x := xs[b.rng.IntN(len(xs))] - shift
		sum += x
		squares += x * x
	}
	m = sum / float64(n)
	return shift + m, max(0, squares-float64(n)*m*m) / float64(n-1)
}

// ratioOfMeans returns the 95 % percentile interval of mean(head)/mean(base).
func (b bootstrap) ratioOfMeans(base, head []float64) (low, high float64) {
	ratios := make([]float64, resamples)
	for i := range ratios {
		mb, _ := b.moments(base, len(base))
		mh, _ := b.moments(head, len(head))
		ratios[i] = mh / mb
	}
	slices.Sort(ratios)
	return percentile(ratios, 0.025), percentile(ratios, 0.975)
}

// percentile interpolates between the values of s, which are sorted.
func percentile(s []float64, p float64) float64 {
	at := p * float64(len(s)-1)
	i := int(at)
	if i >= len(s)-1 {
		return s[len(s)-1]
	}
	return s[i] + (at-float64(i))*(s[i+1]-s[i])
}

// tTest returns the two-sided p of Welch's t: how often two samples drawn from all values together are
// as different as base and head.
func (b bootstrap) tTest(base, head []float64) float64 {
	nb, nh := float64(len(base)), float64(len(head))
	if len(base) < 2 || len(head) < 2 {
		return 1
	}
	seen := (mean(head) - mean(base)) / math.Sqrt(variance(base)/nb+variance(head)/nh)
	all := slices.Concat(base, head)
	above := 0
	for range resamples {
		mb, vb := b.moments(all, len(base))
		mh, vh := b.moments(all, len(head))
		if t := (mh - mb) / math.Sqrt(vb/nb+vh/nh); t >= seen {
			above++
		}
	}
	return 2 * float64(min(above, resamples-above)) / resamples
}

// clopperPearson returns the exact 95 % interval of a share of which count of total were seen. It is
// never narrower than it claims. Nothing seen in nothing leaves all open.
func clopperPearson(count, total int) (low, high float64) {
	return 1 - upper(total-count, total), upper(count, total)
}

// upper is the share at which count or fewer of total would be seen with a chance of 2.5 %.
func upper(count, total int) float64 {
	if count >= total {
		return 1
	}
	low, high := 0.0, 1.0
	for range 60 {
		if mid := (low + high) / 2; atMost(count, total, mid) > 0.025 {
			low = mid
		} else {
			high = mid
		}
	}
	return (low + high) / 2
}

// atMost is the chance of count or fewer of total, each with chance p, strictly between 0 and 1.
func atMost(count, total int, p float64) float64 {
	n, k := float64(total), float64(count)
	lg := func(x float64) float64 {
		y, _ := math.Lgamma(x + 1)
		return y
	}
	// From the last term downwards; under its peak they shrink fast.
	term := math.Exp(lg(n) - lg(k) - lg(n-k) + k*math.Log(p) + (n-k)*math.Log1p(-p))
	if term == 0 {
		// Too far from the middle to be told from zero, on one side or the other.
		if k > n*p {
			return 1
		}
		return 0
	}
	sum := term
	for i := count; i > 0; i-- {
		term *= float64(i) * (1 - p) / (float64(total-i+1) * p)
		sum += term
		if term < sum*1e-17 {
			break
		}
	}
	return min(1, sum)
}
