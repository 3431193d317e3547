package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/perfgate/perfgate/internal/gate"
)

// maxTextLaws is how many laws a text report shows.
const maxTextLaws = 20

// The texts of a law: what grows how, how well that fits, where it changes, and what to expect beyond.
// Its key and its unit are left to the caller to escape.

// lawText says how values grow: "peers^1.15".
func lawText(l *gate.Law, with string) string {
	return fmt.Sprintf("%s^%s", with, exponent(l.Exponent))
}

func kneeText(l *gate.Law, with string) string {
	if l.Knee == nil {
		return ""
	}
	return fmt.Sprintf("knee at %s %s: exponent %s below, %s above", number(l.Knee.At, 3), with, exponent(l.Knee.Below), exponent(l.Knee.Above))
}

// fitText says how well the law fits.
func fitText(l *gate.Law) string {
	text := fmt.Sprintf("%s, scatter %s", count(len(l.Points), "size"), scatter(l))
	if l.R2 != nil {
		text += fmt.Sprintf(", R² %s", strconv.FormatFloat(*l.R2, 'f', 4, 64))
	}
	return text
}

// forecastText says what the law makes of a size that was not measured.
func forecastText(l *gate.Law) string {
	f := l.Forecast
	if f == nil {
		return ""
	}
	low, high := value(f.Low, l.Unit), value(f.High, l.Unit)
	return fmt.Sprintf("estimate at %s: %s (%s %%: %s to %s)", number(f.Size, 3), value(f.Value, l.Unit), strconv.FormatFloat(100*f.Confidence, 'g', 3, 64), low, high)
}

func exponent(k float64) string { return strconv.FormatFloat(k, 'f', 2, 64) }

// lawTable folds away how values grow.
func lawTable(verdicts []gate.Verdict) section {
	s := section{more: moreRows, foot: "\n</details>\n"}
	for _, v := range verdicts {
		if l := v.Law; l != nil {
			s.rows = append(s.rows, row(
				lines(code(v.Benchmark), code(v.Unit)),
				lines(code(lawText(l, l.With)), kneeText(l, code(l.With))),
				fitText(l),
				forecastText(l),
			))
		}
	}
	s.head = fmt.Sprintf("\n<details>\n<summary>How %s with size</summary>\n\n| Benchmark | Grows as | Fit | Beyond what was measured |\n| :-- | :-- | :-- | :-- |\n", grows(len(s.rows)))
	return s
}

func grows(n int) string {
	if n == 1 {
		return "one value grows"
	}
	return fmt.Sprintf("%d values grow", n)
}

// textLaws says the same on a line each, those with a knee first.
func textLaws(verdicts []gate.Verdict) []string {
	var bent, straight []string
	for _, v := range verdicts {
		l := v.Law
		if l == nil {
			continue
		}
		with := ascii(l.With, maxName)
		parts := []string{"grows: " + ascii(v.Benchmark, maxName) + "  " + ascii(v.Unit, maxName) + "  as " + lawText(l, with), fitText(l), kneeText(l, with), forecastText(l)}
		line := plainASCII(strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; "))
		if l.Knee != nil {
			bent = append(bent, line)
		} else {
			straight = append(straight, line)
		}
	}
	all := append(bent, straight...)
	if len(all) > maxTextLaws {
		all = append(all[:maxTextLaws], fmt.Sprintf("grows: %d more, not listed", len(all)-maxTextLaws))
	}
	return all
}

// scatter says how far the values lie from the law. What is left by rounding alone is none.
func scatter(l *gate.Law) string {
	if l.Scatter < 1e-9 {
		return percent(0)
	}
	return strings.TrimPrefix(percent(l.Scatter), "+")
}
