package gate

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/sample"
)

// minSizes is the smallest number of sizes that a power law is fitted to: two always fit.
const minSizes = 3

// scaleGroups puts together the benchmarks that differ only in the value of the key that a scales
// limit names.
func (j *judge) scaleGroups(b *budget.Budget, keys []sample.Key) []*testcase {
	var out []*testcase
	index := map[sample.Key]*testcase{}
	for _, k := range keys {
		x, rest, ok := cutSize(k.Name, b.Scales.With)
		if !ok {
			j.errs = append(j.errs, budget.Problem{
				Pos:  b.Scales.Pos,
				Text: fmt.Sprintf("budget %s scales with %s, but benchmark %s has no part %s=NUMBER", b.ID, b.Scales.With, k.Name, b.Scales.With),
				Help: "name a key that every matched benchmark has, with a positive number",
			})
			return nil
		}
		g := sample.Key{Package: k.Package, Name: rest}
		c := index[g]
		if c == nil {
			c = &testcase{b: b, key: g, class: budget.Exact, declared: j.declaredExact(b), dir: j.direction(b), group: []member{}}
			index[g] = c
			out = append(out, c)
		}
		m := member{key: k, x: x, base: newArm(j.in.Base, k, b.Unit), head: newArm(j.in.Head, k, b.Unit)}
		if j.class(b, m.base, m.head) != budget.Exact {
			c.class = budget.Compute
			if b.Class != "" {
				c.class = b.Class
			}
		}
		c.group = append(c.group, m)
	}
	return out
}

// cutSize returns the number after key= in a benchmark name and the name with that number made *.
func cutSize(name, key string) (x float64, rest string, ok bool) {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		if v, found := strings.CutPrefix(p, key+"="); found {
			x, err := strconv.ParseFloat(v, 64)
			parts[i] = key + "=*"
			return x, strings.Join(parts, "/"), err == nil && x > 0 && !math.IsInf(x, 0)
		}
	}
	return 0, "", false
}

// decideScale fits value = c * x^k to head and judges k. A noisy unit is fitted once per
// measurement, so that the interval of k comes from how k itself varies.
func (j *judge) decideScale(c *testcase) {
	v := &c.v
	v.TidyUnit = "exponent"
	s := c.b.Scales
	lv := LimitVerdict{Kind: "scales", Text: fmt.Sprintf("exponent_at_most %v", s.ExponentAtMost), Value: s.ExponentAtMost}
	done := func(kind Kind, reason string) {
		lv.Verdict, lv.Reason = kind, reason
		v.Limits, v.Verdict, v.Reason = []LimitVerdict{lv}, kind, reason
	}
	sizes := map[float64]bool{}
	for _, m := range c.group {
		name := m.key.Name
		single := testcase{b: c.b, key: m.key}
		if kind, reason := single.unusable(m.head, "head"); kind != "" {
			c.suspect, c.absent = true, single.absent
			done(broke(m.head, m.base, kind, name+": "+reason))
			return
		}
		if slices.Contains(m.head.values(), 0) {
			c.suspect = true
			done(Inconclusive, name+" is zero: no power law fits")
			return
		}
		if c.class == budget.Exact && varies(m.head) {
			c.suspect = true
			done(Inconclusive, name+": the unit is declared exact, yet its values differ between runs of one version")
			return
		}
		sizes[m.x] = true
	}
	if len(sizes) < minSizes {
		done(Inconclusive, fmt.Sprintf("%d sizes are too few to fit a power law; at least %d are needed", len(sizes), minSizes))
		return
	}
	ks, heads := c.exponents(func(m member) arm { return m.head })
	if len(ks) == 0 {
		done(Inconclusive, "some sizes were measured in pairs and some alone: versions that share a processor take longer, so no law fits both")
		return
	}
	v.Head, v.HeadN = ref(mean(ks)), len(ks)
	bs, bases := c.exponents(func(m member) arm { return m.base })
	if len(bs) > 0 {
		v.Base, v.BaseN = ref(mean(bs)), len(bs)
	}
	points := make([]Point, len(c.group))
	for i, m := range c.group {
		points[i] = Point{Size: m.x, Head: heads[i]}
		if len(bs) > 0 {
			points[i].Base = ref(bases[i])
		}
	}
	v.Law = newLaw(s.With, c.b.Unit, points)
	if c.class == budget.Exact {
		// The tolerance covers the rounding of the logarithms, nothing else.
		if ks[0] > s.ExponentAtMost+1e-9 {
			done(Fail, fmt.Sprintf("grows with %s^%.3f, beyond exponent %v", s.With, ks[0], s.ExponentAtMost))
			return
		}
		done(Pass, fmt.Sprintf("grows with %s^%.3f, within exponent %v", s.With, ks[0], s.ExponentAtMost))
		return
	}
	if len(ks) < minPairs {
		done(Inconclusive, fmt.Sprintf("%d measurements of each size are too few for a unit that varies; at least %d are needed", len(ks), minPairs))
		return
	}
	e := estimatePaired(ks)
	switch {
	case e.lower(j.alphaFail) > s.ExponentAtMost && e.median > s.ExponentAtMost:
		done(Fail, fmt.Sprintf("proved to grow faster than %s^%v: exponent %.3f, at least %.3f", s.With, s.ExponentAtMost, e.mean, e.lower(j.alphaFail)))
	case e.upper(passError) < s.ExponentAtMost:
		done(Pass, fmt.Sprintf("proved to grow no faster than %s^%v: exponent %.3f, at most %.3f", s.With, s.ExponentAtMost, e.mean, e.upper(passError)))
	default:
		done(Inconclusive, fmt.Sprintf("exponent between %.3f and %.3f: neither within nor beyond %v is proved", e.lower(passError), e.upper(passError), s.ExponentAtMost))
	}
}

// exponents fits the values of one arm that were measured in one way: alone, or else in pairs. It
// returns nil when some size has neither; else the centre of what was fitted, too, for each size.
func (c *testcase) exponents(side func(member) arm) (ks, centres []float64) {
	if c.class == budget.Exact {
		return fit(c.group, func(m member) []float64 {
			xs := side(m).values()
			if len(xs) == 0 {
				return nil
			}
			return []float64{median(xs)}
		})
	}
	best := slices.Min[[]float64]
	if c.dir == budget.Higher {
		best = slices.Max[[]float64]
	}
	own := !slices.ContainsFunc(c.group, func(m member) bool { return !side(m).clocked() })
	for _, alone := range []bool{true, false} {
		ks, centres = fit(c.group, func(m member) []float64 { return bestOf(blockSize, side(m).measured(alone, own), best) })
		if len(ks) > 0 {
			return ks, centres
		}
	}
	return nil, nil
}

// blockSize is how many measurements of a size that varies make one point of a fit: the best of
// them. What disturbs a measurement makes it worse, and the sizes are not measured at one moment, so
// that nothing cancels; the best of four is mostly undisturbed.
const blockSize = 4

// bestOf returns the best of each block of size values, where these make minPairs blocks at least;
// otherwise xs.
func bestOf(size int, xs []float64, best func([]float64) float64) []float64 {
	if len(xs) < size*minPairs {
		return xs
	}
	var out []float64
	for ; len(xs) >= size; xs = xs[size:] {
		out = append(out, best(xs[:size]))
	}
	return out
}

// fit fits a power law to the i-th value of every size, for each i that all sizes have, and returns
// the median of each size's values, too. It returns nil when a size has none.
func fit(group []member, values func(member) []float64) (ks, centres []float64) {
	n := math.MaxInt
	ys := make([][]float64, len(group))
	for i, m := range group {
		ys[i] = values(m)
		n = min(n, len(ys[i]))
	}
	if n == 0 {
		return nil, nil
	}
	for i := range n {
		var lx, ly []float64
		for k, m := range group {
			lx, ly = append(lx, math.Log(m.x)), append(ly, math.Log(ys[k][i]))
		}
		ks = append(ks, slope(lx, ly))
	}
	for _, y := range ys {
		centres = append(centres, median(y[:n]))
	}
	return ks, centres
}
