package simnet

import (
	"math/bits"
	"math/rand/v2"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

const million = 1_000_000

// A clock is what one peer takes for the time: ahead of the network's by some, and a little too fast
// or too slow.
type clock struct {
	ahead time.Duration
	drift int64 // parts per million
}

func (n *Network) clock(i int) clock {
	if n.opts.Skew == 0 && n.opts.Drift == 0 {
		return clock{}
	}
	rng := rand.New(rand.NewPCG(n.opts.Seed, forClock<<32|uint64(i)))
	return clock{
		ahead: time.Duration(rng.Int64N(int64(n.opts.Skew) + 1)),
		drift: rng.Int64N(2*n.opts.Drift+1) - n.opts.Drift,
	}
}

// local is what the peer's clock shows at a time of the network.
func (c clock) local(now time.Duration) time.Duration {
	if c.drift == 0 {
		return now + c.ahead
	}
	return c.ahead + scale(now, million+c.drift, million)
}

// global is the first time of the network at which the peer's clock shows at least t.
func (c clock) global(t time.Duration) time.Duration {
	if t == protocols.Never {
		return t
	}
	t = max(t-c.ahead, 0)
	if c.drift == 0 {
		return t
	}
	g := scale(t, million, million+c.drift)
	for c.local(g)-c.ahead < t {
		g++
	}
	return g
}

// scale returns d*num/den, rounded down, without overflow on the way.
func scale(d time.Duration, num, den int64) time.Duration {
	hi, lo := bits.Mul64(uint64(d), uint64(num))
	q, _ := bits.Div64(hi, lo, uint64(den))
	return time.Duration(q)
}
