package gate

import (
	"slices"
	"strings"

	"github.com/perfgate/perfgate/internal/budget"
)

// A rule is a selector and the benchmarks that it covers, or why there is no selector for one.
type rule struct {
	selector budget.Selector
	fits     []held
	why      string
}

// alike reports whether benchmarks with these limits may share one: the same, or neighbours among the
// limits for noise. What repeats exactly is never given room for the sake of others.
func alike(fits []held) bool {
	low, high := fits[0].limit, fits[0].limit
	for _, x := range fits {
		low, high = min(low, x.limit), max(high, x.limit)
	}
	if low == high {
		return true
	}
	i, j := slices.Index(allocLimits, low), slices.Index(allocLimits, high)
	return low > 0 && j-i <= 1
}

// rules finds as few selectors as cover the benchmarks and nothing unfit. A function whose limits are alike
// gets one; else parts of the names that have them in common; else each benchmark its own.
func (p *proposer) rules(f string, good []held, unfit map[string]bool) []rule {
	if len(good) == 0 {
		return nil
	}
	covered := func(sel budget.Selector) (in []held, ok bool) {
		for _, x := range good {
			if sel.Match(x.key.Name) {
				in = append(in, x)
			}
		}
		for name := range unfit { // any order: one is enough
			if sel.Match(name) {
				return nil, false
			}
		}
		return in, true
	}
	whole := rule{selector: budget.Selector{Text: f, Name: f}, fits: good}
	if len(unfit) == 0 && alike(good) {
		return []rule{whole}
	}
	var out []rule
	done := map[string]bool{}
	left := func(fits []held) int {
		n := 0
		for _, x := range fits {
			if !done[x.key.Name] {
				n++
			}
		}
		return n
	}
	for {
		var best rule
		tried := map[string]bool{}
		for _, x := range good {
			for _, part := range strings.Split(x.key.Name, "/")[1:] {
				if tried[part] || done[x.key.Name] {
					continue
				}
				tried[part] = true
				sel, err := budget.ParseSelector(f + "/" + part)
				if err != nil {
					continue
				}
				if in, ok := covered(sel); ok && alike(in) && left(in) > max(1, left(best.fits)) {
					best = rule{selector: sel, fits: in}
				}
			}
		}
		if len(best.fits) == 0 {
			break
		}
		for _, x := range best.fits {
			done[x.key.Name] = true
		}
		out = append(out, best)
	}
	for _, x := range good {
		if done[x.key.Name] {
			continue
		}
		done[x.key.Name] = true
		sel, err := budget.ParseSelector(x.key.Name)
		in, ok := covered(sel)
		switch {
		case err != nil:
			out = append(out, rule{selector: budget.Selector{Text: x.key.Name}, why: "no selector can name it: " + err.Error()})
		case !ok:
			out = append(out, rule{selector: sel, why: "no selector names it and not another that cannot be held"})
		default:
			out = append(out, rule{selector: sel, fits: in})
		}
	}
	if len(out) > mostRules && len(unfit) == 0 {
		return []rule{whole}
	}
	return out
}
