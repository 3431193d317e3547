package gate

import (
	"fmt"
	"math"

	"github.com/perfgate/perfgate/internal/budget"
)

// layoutAllowance is how much the mere order in which the linker lays out functions moves a time, in
// units of the logarithm of a ratio. A fail that is closer to its limit than twice this may be of that
// order and not of the code.
const layoutAllowance = 0.04

// MinLayouts is how many other orders of the functions a close fail has to be seen in, at least; of
// fewer Judge says nothing.
const MinLayouts = 3

// layouts judges what other orders of the functions say of a fail that the present one proved. It
// says nothing where the fail stands.
func (j *judge) layouts(c *testcase, p pairing, d Decision, limit float64, text string) (Kind, string) {
	if !c.closeFail(d, limit) {
		return "", ""
	}
	agree, low, high := 0, math.Inf(1), math.Inf(-1)
	for _, l := range p.layouts {
		m := median(logRatios(l.base, l.head, c.sign()))
		if m > limit {
			agree++
		}
		low, high = min(low, m), max(high, m)
	}
	n := len(p.layouts)
	c.v.Layouts = n
	switch {
	case n >= MinLayouts && agree >= n-n/4:
		return "", ""
	case n >= MinLayouts:
		return Inconclusive, fmt.Sprintf("beyond %s as linked, but between %s and %s in %d other orders of the functions, %d of them within: where the code lies decides, not what it does",
			text, percent(math.Expm1(c.sign()*low)), percent(math.Expm1(c.sign()*high)), n, n-agree)
	case j.in.Head.Provenance["layouts"] != "":
		c.unconfirmed = true
		only := "not measured in other orders"
		if n > 0 {
			only = fmt.Sprintf("measured in only %d of the %d other orders that would tell", n, MinLayouts)
		}
		return Inconclusive, fmt.Sprintf("beyond %s as linked, by less than the order of the functions may do, and %s%s", text, only, j.cut(c))
	}
	c.warn("the fail is close: the mere order of the functions in the binary moves times by several percent, and no other order was measured")
	return "", ""
}

// closeFail reports whether the order of the functions may be what made a fail.
func (c *testcase) closeFail(d Decision, limit float64) bool {
	timed := c.class == budget.Compute && c.b.Unit != "B/op" && c.b.Unit != "allocs/op"
	return timed && d.Kind == Fail && d.Mean < limit+2*layoutAllowance
}
