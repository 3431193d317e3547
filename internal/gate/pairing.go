package gate

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/perfgate/perfgate/internal/sample"
)

// prepare sets what depends on how many comparisons are judged together and on how the samples were
// taken. Samples of perfgate's own say after how many pairs their measuring looked for a decision, and
// among how many comparisons: the same looks at the same pairs give the same verdicts.
//
// Each shard has its own share of the error, by what it counted itself: what it took for decided is not
// open again since others measured more.
func (j *judge) prepare(cases []*testcase) {
	p := j.in.Head.Provenance
	counts, said := map[int]int{}, map[int]int{}
	for _, c := range cases {
		shard := j.in.Shards.of(c.key.Name)
		counts[shard] += c.noisy()
		if n, err := strconv.Atoi(j.in.Head.Said(c.key.Name)["comparisons"]); err == nil {
			said[shard] = n
		}
	}
	steps := max(j.in.Steps, 1)
	j.alphaPass = passError / float64(steps)
	j.alphas = map[int]float64{}
	for shard, n := range counts { // any order: each sets its own
		j.alphas[shard] = failError(max(n, said[shard]) * steps)
	}
	j.plans = map[planKey]Plan{}
	for _, f := range strings.Fields(p["looks"]) {
		n, err := strconv.Atoi(f)
		if err != nil || n < minPairs || n > sample.MaxRuns || len(j.looks) > 0 && n <= j.looks[len(j.looks)-1] {
			j.problem(fmt.Sprintf("head: the looks %q are not growing numbers of pairs from %d on", p["looks"], minPairs))
			j.looks = nil
			return
		}
		j.looks = append(j.looks, n)
	}
}

// alpha returns the error that a fail of the testcase may have.
func (j *judge) alpha(c *testcase) float64 { return j.alphas[j.in.Shards.of(c.key.Name)] }

// A planKey is what the test for one testcase depends on.
type planKey struct {
	last  int
	alpha float64
}

// plan returns the test for n pairs.
func (j *judge) plan(paired bool, n int) Plan {
	looks := j.looks
	if len(looks) == 0 || !paired {
		looks = []int{max(n, minPairs)}
	}
	key := planKey{looks[len(looks)-1], j.alphaFail}
	p, ok := j.plans[key]
	if !ok {
		p = newPlan(looks, j.alphaFail, j.alphaPass)
		j.plans[key] = p
	}
	return p
}

// A pairing is the measurements of a testcase that are compared, base[i] with head[i] where they are
// pairs.
type pairing struct {
	base, head []float64
	paired     bool
	// own says that base and head are times by the processes' own clocks; wall are then the logarithms
	// of the ratios of what the clock on the wall showed, and wallBase what it showed of the base.
	own            bool
	wall, wallBase []float64
	// interleaved says that the arms of a pair ran one after the other.
	interleaved bool
	// layouts are the pairs whose binaries the linker laid out in another order, by its seed.
	layouts []layout
}

// A layout is the pairs of one order of the functions.
type layout struct {
	seed       string
	base, head []float64
}

// logs returns the logarithms of the ratios of head to base, more being worse.
func (p pairing) logs(sign float64) []float64 { return logRatios(p.base, p.head, sign) }

// wallLogs are the same by the clock on the wall, or nil.
func (p pairing) wallLogs(sign float64) []float64 {
	if !p.own {
		return nil
	}
	out := make([]float64, len(p.wall))
	for i, d := range p.wall {
		out[i] = sign * d
	}
	return out
}

func logRatios(base, head []float64, sign float64) []float64 {
	out := make([]float64, len(base))
	for i := range out {
		// Not the logarithm of the ratio, which could overflow.
		out[i] = sign * (math.Log(head[i]) - math.Log(base[i]))
	}
	return out
}

// pairing returns the values to compare. Measurements are pairs when both carry the same value of the
// key pair and come from one session of measuring.
func (c *testcase) pairing() pairing {
	var p pairing
	if c.base.set.Said(c.key.Name)["session"] == c.head.set.Said(c.key.Name)["session"] {
		p = c.pairs()
	}
	if p.paired {
		return p
	}
	own := c.base.clocked() && c.head.clocked()
	for _, single := range []bool{true, false} {
		b, h := c.base.measured(single, own), c.head.measured(single, own)
		if len(b) > 0 && len(h) > 0 {
			return pairing{base: b, head: h, own: own}
		}
	}
	return pairing{}
}

func (c *testcase) pairs() pairing {
	pairs := c.partners()
	bc, hc := c.base.clock(), c.head.clock()
	own := true
	for _, pair := range pairs {
		if own = own && bc.own(pair[0]) > 0 && hc.own(pair[1]) > 0; !own {
			break
		}
	}
	p, seeds := pairing{own: own, base: make([]float64, 0, len(pairs)), head: make([]float64, 0, len(pairs))}, map[string]int{}
	for _, pair := range pairs {
		b, h := pair[0].Value, pair[1].Value
		layoutSeed := c.base.run(pair[0]).Layout
		p.interleaved = p.interleaved || c.base.run(pair[0]).Method == interleavedMethod
		if own {
			if layoutSeed == "" {
				p.wall, p.wallBase = append(p.wall, math.Log(h)-math.Log(b)), append(p.wallBase, b)
			}
			b, h = bc.own(pair[0]), hc.own(pair[1])
		}
		if layoutSeed == "" {
			p.base, p.head, p.paired = append(p.base, b), append(p.head, h), true
			continue
		}
		i, ok := seeds[layoutSeed]
		if !ok {
			i = len(p.layouts)
			seeds[layoutSeed] = i
			p.layouts = append(p.layouts, layout{seed: layoutSeed})
		}
		l := &p.layouts[i]
		l.base, l.head = append(l.base, b), append(l.head, h)
	}
	if lost := max(len(c.base.measured(false, false)), len(c.head.measured(false, false))) - len(p.base); lost > 0 && p.paired {
		c.warn(fmt.Sprintf("%d measurements have no partner and were left out", lost))
	}
	return p
}

// interleavedMethod is the method of a pair whose arms ran one after the other.
const interleavedMethod = "interleaved"

// A place is what two measurements have in common that are a pair.
type place struct{ layout, pair string }

func (a arm) place(m sample.Measurement) place {
	r := &a.bench.Runs[m.Run]
	return place{r.Layout, r.Pair}
}

// inPairs returns the measurements that say which pair they belong to.
func (a arm) inPairs() []sample.Measurement {
	alone := func(m sample.Measurement) bool { return a.bench.Runs[m.Run].Pair == "" }
	if !slices.ContainsFunc(a.ms, alone) {
		return a.ms
	}
	return slices.DeleteFunc(slices.Clone(a.ms), alone)
}

// partners returns each measurement of the base with its partner: the first of head at the same place
// that is not yet taken.
func (c *testcase) partners() [][2]sample.Measurement {
	base, head := c.base.inPairs(), c.head.inPairs()
	pairs := make([][2]sample.Measurement, 0, len(base))
	// Mostly both were measured in one order.
	same := slices.EqualFunc(base, head, func(b, h sample.Measurement) bool { return c.base.place(b) == c.head.place(h) })
	if same {
		for i := range base {
			pairs = append(pairs, [2]sample.Measurement{base[i], head[i]})
		}
		return pairs
	}
	waiting := map[place][]sample.Measurement{}
	for _, h := range head {
		waiting[c.head.place(h)] = append(waiting[c.head.place(h)], h)
	}
	for _, b := range base {
		at := c.base.place(b)
		if q := waiting[at]; len(q) > 0 {
			pairs = append(pairs, [2]sample.Measurement{b, q[0]})
			waiting[at] = q[1:]
		}
	}
	return pairs
}

// ownUnit is the unit in which a process says how long an operation took, the time left out for which
// it waited for a processor.
const ownUnit = "own-sec/op"

// A clock is what the processes of one arm said of their time.
type clock struct {
	unit       string
	times, sec []sample.Measurement
}

func (a arm) clock() clock {
	ms := a.bench.Samples
	return clock{unit: a.unit, times: ms[ownUnit], sec: ms["sec/op"]}
}

// own returns a time or a rate as it would be had the process had its processor to itself, by what its
// own clock says; 0 where that is not known or the unit is of another kind.
func (k clock) own(m sample.Measurement) float64 {
	own, ok := at(k.times, m.Run)
	sec, ok2 := at(k.sec, m.Run)
	if !ok || !ok2 || !(own > 0) || !(sec > 0) || math.IsInf(own+sec, 0) {
		return 0
	}
	switch k.unit {
	case "sec/op":
		return own
	case "B/s":
		return m.Value * (sec / own)
	}
	return 0
}

// at returns the value that a run has among measurements, which are in the order of runs.
func at(ms []sample.Measurement, run int) (float64, bool) {
	// Nearly always every run has every unit.
	if run < len(ms) && ms[run].Run == run {
		return ms[run].Value, true
	}
	i, ok := slices.BinarySearchFunc(ms, run, func(m sample.Measurement, run int) int { return m.Run - run })
	if !ok {
		return 0, false
	}
	return ms[i].Value, true
}
