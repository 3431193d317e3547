package prove

import (
	"math"

	"github.com/perfgate/perfgate/internal/gate"
)

const (
	// resamples is how many checks are made of the pairs that were measured.
	resamples = 400
	// found is how many of these a change must fail in to be called found.
	found = resamples * 95 / 100
	// accuracy is how closely the smallest change is looked for, as a part of it.
	accuracy = 0.005
	// farthest bounds the search, as a logarithm: a factor of a thousand.
	farthest = 6.9
)

// smallest returns the smallest change beyond the limit that 95 of 100 checks find, or nil where none
// does or no pairs are compared. The noise is that of the pairs measured: each check draws its pairs
// from them with replacement, as many as its plan may take.
func (t *trial) smallest() *float64 {
	e := t.measured
	if len(e.Logs) < minPairs || math.IsInf(e.Limit, 0) {
		return nil
	}
	x, ok := detect(e, t.draws(e))
	if !ok {
		return nil
	}
	change := math.Expm1(x)
	if t.l.kind == "max_drop" {
		change = math.Expm1(-x)
	}
	return &change
}

// A draw is the noise of one check, by the processes' own clocks and on the wall; wall is nil where
// there is one clock.
type draw struct{ own, wall []float64 }

// draws makes the noise of the checks. Both clocks of one pair stay together.
func (t *trial) draws(e gate.Evidence) []draw {
	rng := t.rng("smallest")
	own, wall := centred(e.Logs), centred(e.Wall)
	out := make([]draw, resamples)
	for i := range out {
		for range e.Plan.Pairs() {
			k := rng.IntN(len(own))
			out[i].own = append(out[i].own, own[k])
			if wall != nil {
				out[i].wall = append(out[i].wall, wall[k])
			}
		}
	}
	return out
}

func centred(xs []float64) []float64 {
	if xs == nil {
		return nil
	}
	return plus(xs, -centre(xs))
}

func plus(xs []float64, x float64) []float64 {
	if xs == nil {
		return nil
	}
	out := make([]float64, len(xs))
	for i := range xs {
		out[i] = xs[i] + x
	}
	return out
}

// detect returns the logarithm of the smallest ratio found in noise. The same noise serves for every
// size, so that a larger change is never found less often.
func detect(e gate.Evidence, noise []draw) (float64, bool) {
	finds := func(x float64) bool {
		n := 0
		for _, d := range noise {
			if e.Plan.Decide(plus(d.own, x), plus(d.wall, x), e.Limit).Kind == gate.Fail {
				n++
			}
		}
		return n >= found
	}
	low, gap := e.Limit, 0.001
	high := low + gap
	for ; !finds(high); high = e.Limit + gap {
		if low, gap = high, 2*gap; e.Limit+gap > e.Limit+farthest {
			return 0, false
		}
	}
	for math.Expm1(high)-math.Expm1(low) > accuracy*math.Expm1(high) {
		if mid := (low + high) / 2; finds(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return high, true
}
