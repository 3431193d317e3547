package report

import (
	"math"
	"strconv"
	"strings"
)

// A scale is a unit for people: multiply is how many of it one of the tidied unit holds.
type scale struct {
	name     string
	multiply float64
}

// The scales of a kind of unit, smallest first.
var (
	times = []scale{{"ns", 1e9}, {"µs", 1e6}, {"ms", 1e3}, {"s", 1}}
	sizes = []scale{{"B", 1}, {"KiB", 1. / (1 << 10)}, {"MiB", 1. / (1 << 20)}, {"GiB", 1. / (1 << 30)}, {"TiB", 1. / (1 << 40)}}
	plain = []scale{{"", 1}}
)

// scalesOf returns the scales for a tidied unit: sec/op and p99-sec are times, B/op, wire-B/op and
// B/s are bytes, everything else is counted.
func scalesOf(unit string) (scales []scale, per string) {
	top, bottom, _ := strings.Cut(unit, "/")
	if bottom == "s" || bottom == "sec" {
		per = "/s"
	}
	if i := strings.LastIndexByte(top, '-'); i >= 0 {
		top = top[i+1:]
	}
	switch top {
	case "sec":
		return times, ""
	case "B", "bytes":
		return sizes, per
	}
	return plain, ""
}

// fit returns the largest scale in which x is at least 1, or the smallest there is.
func fit(x float64, scales []scale) scale {
	for i := len(scales) - 1; i > 0; i-- {
		if math.Abs(x)*scales[i].multiply >= 1 {
			return scales[i]
		}
	}
	return scales[0]
}

// A value is a measured value of a tidied unit in words, such as "1.25 ms". The space within it is
// one that does not break.
func value(x float64, unit string) string {
	scales, per := scalesOf(unit)
	s := fit(x, scales)
	return quantityText(number(x*s.multiply, 3), s.name+per)
}

// values returns base and head in words: in the same scale where both are of a like size, and with
// as many digits as it takes to tell them apart.
func values(base, head float64, unit string) (b, h string) {
	scales, per := scalesOf(unit)
	sb, sh := fit(base, scales), fit(head, scales)
	if small, large := math.Abs(base), math.Abs(head); base != 0 && head != 0 && small < 100*large && large < 100*small {
		sb = fit(math.Max(small, large), scales)
		sh = sb
	}
	for digits := 3; ; digits++ {
		b = quantityText(number(base*sb.multiply, digits), sb.name+per)
		h = quantityText(number(head*sh.multiply, digits), sh.name+per)
		if base == head || digits == 9 || plainNumber(b) != plainNumber(h) {
			return b, h
		}
	}
}

// plainNumber drops what does not change the value of a number in words: 1.00 is 1.
func plainNumber(s string) string {
	number, unit, _ := strings.Cut(s, "\u00a0")
	if strings.Contains(number, ".") {
		number = strings.TrimRight(strings.TrimRight(number, "0"), ".")
	}
	return number + unit
}

func quantityText(number, unit string) string {
	if unit == "" || unit == "/s" {
		return number
	}
	return number + "\u00a0" + unit
}

// number prints x with at least so many significant digits, whole numbers in full and in groups of
// three.
func number(x float64, digits int) string {
	a := math.Abs(x)
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return strconv.FormatFloat(x, 'g', -1, 64)
	case a >= 1e15 || a > 0 && a < 1e-6:
		return strconv.FormatFloat(x, 'g', digits, 64)
	case x == math.Trunc(x):
		return group(strconv.FormatFloat(x, 'f', 0, 64))
	}
	whole := int(math.Floor(math.Log10(a))) + 1 // digits before the point; 0 or less under 1
	return group(strconv.FormatFloat(x, 'f', max(0, digits-whole), 64))
}

// group puts commas between the thousands of a decimal number.
func group(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	whole, fraction, point := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if point {
		whole += "." + fraction
	}
	return sign + whole
}

// percent prints a fraction as percent with its sign: one decimal under 10 %, two digits where it is
// very small.
func percent(x float64) string {
	a := math.Abs(100 * x)
	switch {
	case a == 0:
		return "0\u00a0%"
	case math.IsNaN(a) || math.IsInf(a, 0):
		return "unknown"
	case a < 0.1:
		return signed(strconv.FormatFloat(100*x, 'g', 2, 64))
	case a < 9.95:
		return signed(strconv.FormatFloat(100*x, 'f', 1, 64))
	case a < 1e9:
		return signed(group(strconv.FormatFloat(100*x, 'f', 0, 64)))
	}
	return signed(strconv.FormatFloat(100*x, 'g', 3, 64))
}

func signed(s string) string {
	if !strings.HasPrefix(s, "-") {
		s = "+" + s
	}
	return s + "\u00a0%"
}
