package gate

import (
	"fmt"
	"math"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/sample"
)

// A change is common where so many benchmarks were compared, so large a share of them moved by about
// the same, and that by so much, in units of the logarithm of a ratio.
const (
	shiftBenchmarks = 5
	shiftShare      = 0.8
	shiftSize       = 0.05
)

// findShift finds a change that nearly all benchmarks have in common. A fail of what was measured one
// version after the other, and that goes away without the common change, tells of the machine and not
// of the code, so it is not one. Pairs share their machine: there the fails stand, and the reader is
// told.
func (j *judge) findShift(cases []*testcase) {
	var ds []float64
	seen := map[sample.Key]bool{}
	for _, c := range cases {
		if d, ok := c.moved(); ok && !seen[c.key] {
			seen[c.key] = true
			ds = append(ds, d)
		}
	}
	if len(ds) < shiftBenchmarks {
		return
	}
	m, together := median(ds), 0
	for _, d := range ds {
		if d*m > 0 && math.Abs(d) >= math.Abs(m)/2 && math.Abs(d) <= math.Abs(m)*1.5 {
			together++
		}
	}
	if math.Abs(m) < shiftSize || float64(together) < shiftShare*float64(len(ds)) {
		return
	}
	j.shift = &Shift{Change: math.Expm1(m), Together: together, Benchmarks: len(ds)}
	fails := 0
	for _, c := range cases {
		d, ok := c.moved()
		if !ok || c.v.Verdict != Fail || c.v.waived() {
			continue
		}
		fails++
		// The relative limit comes first; what an absolute one says stays.
		l := &c.v.Limits[0]
		if c.v.Pairs > 0 || l.Verdict != Fail || d-m > c.logLimit(relativeLimit(c.b), *c.v.Base) {
			continue
		}
		l.Verdict = Inconclusive
		l.Reason = fmt.Sprintf("%s, and so did %d of %d benchmarks: the machine or the toolchain changed, not the code alone", percent(math.Expm1(d)), together, len(ds))
		c.v.Verdict, c.v.Reason = worst(c.v.Limits)
		c.v.Blocks, c.v.Waived = true, nil
	}
	if fails > 0 {
		text := fmt.Sprintf("%d of %d benchmarks changed together, by about %s: look first at the machine, the toolchain or what all of them use", together, len(ds), percent(math.Expm1(m)))
		if b, h := j.in.Base.Environment["go"], j.in.Head.Environment["go"]; b != h {
			text += fmt.Sprintf("; base was built by %s, head by %s", b, h)
		}
		if j.in.Head.Provenance["repeated"] != "" {
			text += "; measuring was repeated, and shows it again"
		}
		j.problem(text)
	}
}

// moved returns the change of a testcase whose values vary as the logarithm of a ratio, more being
// worse.
func (c *testcase) moved() (float64, bool) {
	if c.class == budget.Exact || c.group != nil || c.v.Change == nil || c.v.Interval == nil || *c.v.Change <= -1 {
		return 0, false
	}
	return c.sign() * math.Log1p(*c.v.Change), true
}
