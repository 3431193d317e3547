package gate

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// warn attaches a doubt to the verdict.
func (c *testcase) warn(text string) { c.v.Warnings = append(c.v.Warnings, text) }

// centre is the value shown for a sample and, for exact units, compared. Go prints allocs/op cut to
// a whole number, so a true 40.9 prints 40 or 41 by chance of the run's length: the largest is the
// honest one. Elsewhere the median.
func centre(unit string, xs []float64) float64 {
	if unit == "allocs/op" {
		return slices.Max(xs)
	}
	return median(xs)
}

// finite keeps a bound that noise drove beyond every number printable: JSON has no infinity.
func finite(x float64) float64 { return max(min(x, math.MaxFloat64), -math.MaxFloat64) }

func ref(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// percent prints a fraction with sign and one decimal, or two digits where it is small.
func percent(x float64) string {
	switch a := math.Abs(x); {
	case a < 0.001 && a > 0:
		return fmt.Sprintf("%+.2g %%", 100*x)
	case a >= 10:
		return fmt.Sprintf("%+.0f %%", 100*x)
	}
	return fmt.Sprintf("%+.1f %%", 100*x)
}

func firstLine(s string) string {
	s = strings.TrimSpace(s)
	line, _, _ := strings.Cut(s, "\n")
	if len(line) > 200 {
		line = strings.ToValidUTF8(line[:200], "") + "..."
	}
	return line
}
