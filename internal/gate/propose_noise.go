package gate

import (
	"math"
	"math/rand/v2"

	"github.com/perfgate/perfgate/internal/budget"
)

// A noise is what the pairs of a benchmark show where nothing changed.
type noise struct {
	draws  []draw
	spread float64 // a standard deviation, as a fraction
	// worst is how many times wider the spread behind so few pairs may be.
	worst float64
}

// A draw is the pairs of one check that is played, by the processes' own clocks and on the wall.
type draw struct{ own, wall []float64 }

func newNoise(own, wall []float64, plan Plan, rng *rand.Rand) noise {
	own, wall = middled(own), middled(wall)
	n := noise{worst: spreadBound(len(own))}
	narrow := own
	if wall != nil && estimatePaired(wall).se < wallShare*estimatePaired(own).se {
		narrow = wall
	}
	n.spread = math.Expm1(math.Sqrt(variance(narrow)))
	for range played {
		var d draw
		for range plan.Pairs() {
			i := rng.IntN(len(own))
			d.own = append(d.own, own[i])
			if wall != nil {
				d.wall = append(d.wall, wall[i])
			}
		}
		n.draws = append(n.draws, d)
	}
	return n
}

// middled returns the values around zero: what was measured is one version, whatever its pairs say.
func middled(xs []float64) []float64 {
	if xs == nil {
		return nil
	}
	return scaled(xs, 1, -estimatePaired(xs).mean)
}

func scaled(xs []float64, times, plus float64) []float64 {
	if xs == nil {
		return nil
	}
	out := make([]float64, len(xs))
	for i, x := range xs {
		out[i] = times*x + plus
	}
	return out
}

// spreadBound returns how many times wider than that of n pairs their spread may be in truth, nine times
// of ten: of few pairs, those that happen to lie close make a limit that later ones do not keep. It is
// the quantile of chi-squared with n-1 degrees of freedom, as Wilson and Hilferty give it.
func spreadBound(n int) float64 {
	const z = 1.2816
	df := float64(max(n, 2) - 1)
	x := 1 - 2/(9*df) - z*math.Sqrt(2/(9*df))
	return 1 / math.Sqrt(max(x, 0.2)*max(x, 0.2)*max(x, 0.2))
}

func logLimitOf(limit float64, dir budget.Direction) float64 {
	if dir == budget.Higher {
		return -math.Log1p(-limit)
	}
	return math.Log1p(limit)
}

// holds reports whether a limit is kept by unchanged code in as many checks as the rule promises, also
// where the functions lie otherwise and the noise is the worst that these pairs may come from, and a
// change of twice the limit is found at that noise. Shift is how far the order of the functions moves
// unchanged code, as a logarithm.
func (n noise) holds(limit, shift float64, dir budget.Direction, plan Plan, chance float64) bool {
	m := logLimitOf(limit, dir)
	twice := math.Log1p(2 * limit)
	if dir == budget.Higher {
		twice = 2 * m
	}
	falseReds := int(played * chance)
	count := func(times, plus float64) (fails, undecided int) {
		for _, d := range n.draws {
			switch plan.Decide(scaled(d.own, times, plus), scaled(d.wall, times, plus), m).Kind {
			case Fail:
				fails++
			case Inconclusive:
				undecided++
			}
		}
		return fails, undecided
	}
	if fails, undecided := count(1, 0); fails > falseReds || undecided > playedUndecided {
		return false
	}
	if fails, undecided := count(n.worst, shift); fails > falseReds || undecided > playedUndecidedWorst {
		return false
	}
	fails, _ := count(n.worst, twice)
	return fails >= playedFound
}

// wait returns after how many pairs a check of unchanged code mostly ends.
func (n noise) wait(limit float64, dir budget.Direction, plan Plan) int {
	var pairs []float64
	for _, d := range n.draws {
		pairs = append(pairs, float64(plan.Decide(d.own, d.wall, logLimitOf(limit, dir)).Pairs))
	}
	return int(median(pairs))
}
