package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/perfgate/perfgate/internal/gate"
)

// Numbers of pictures are strings: with one form for each, the same result gives the same bytes.

type htmlSpan struct{ X, Width string }

type htmlLimit struct{ X, Anchor, Text string }

// A htmlBar shows a change on a line: where zero is, where the relative limits are, and the interval
// that holds the change. Places are in percent of the width.
type htmlBar struct {
	Class, Label string
	Zero, Centre string
	Range        *htmlSpan // nil where the value is exact
	Limits       []htmlLimit
	Beyond       []htmlSpan
}

// newBar draws the change of a verdict, or nothing where it has none.
func newBar(v gate.Verdict, class string) *htmlBar {
	if v.Change == nil {
		return nil
	}
	xs := []float64{0, *v.Change}
	if v.Interval != nil {
		xs = append(xs, v.Interval.Low, v.Interval.High)
	}
	type mark struct {
		at   float64
		text string
	}
	var marks []mark
	for _, l := range v.Limits {
		switch l.Kind {
		case "max_rise":
			marks = append(marks, mark{l.Value, "limit +" + plainName(l.Text)})
		case "max_drop":
			marks = append(marks, mark{-l.Value, "limit -" + plainName(l.Text)})
		}
	}
	marks = marks[:min(len(marks), 4)]
	for _, m := range marks {
		xs = append(xs, m.at)
	}
	low, high := slices.MinFunc(xs, cmp.Compare[float64]), slices.MaxFunc(xs, cmp.Compare[float64])
	width := high - low
	if !(width < 1e300) {
		return nil
	}
	if width == 0 {
		width = 1
	}
	// Room on both sides for what is written at the outermost marks.
	low, width = low-.12*width, 1.24*width
	place := func(x float64) float64 { return 100 * (x - low) / width }
	b := &htmlBar{Class: class, Zero: percentPlace(place(0)), Centre: percentPlace(place(*v.Change))}
	said := []string{"change " + change(v)}
	if i := v.Interval; i != nil && i.Low <= i.High {
		b.Range = &htmlSpan{percentPlace(place(i.Low)), percentPlace(math.Max(place(i.High)-place(i.Low), .6))}
		said = append(said, fmt.Sprintf("between %s and %s", percent(i.Low), percent(i.High)))
	}
	for _, m := range marks {
		x := place(m.at)
		anchor := "start"
		if x > 50 {
			anchor = "end"
		}
		b.Limits = append(b.Limits, htmlLimit{percentPlace(x), anchor, m.text})
		said = append(said, m.text)
		if m.at >= 0 {
			b.Beyond = append(b.Beyond, htmlSpan{percentPlace(x), percentPlace(100 - x)})
		} else {
			b.Beyond = append(b.Beyond, htmlSpan{percentPlace(0), percentPlace(x)})
		}
	}
	b.Label = strings.Join(said, ", ")
	return b
}

func percentPlace(x float64) string { return fmt.Sprintf("%.2f", math.Max(0, math.Min(100, x))) }

type (
	htmlPoint struct{ X, Y string }
	htmlTick  struct{ X, Y, Text string }
	htmlLine  struct{ X1, Y1, X2, Y2 string }
)

// A htmlLaw shows values by size on logarithmic axes, with the law that was fitted. Places are in units
// of the picture, which is 360 wide and 210 high.
type htmlLaw struct {
	Label, With   string
	Ticks, Levels []htmlTick
	Base, Head    []htmlPoint
	Line, Ahead   *htmlLine
	Knee          *htmlPoint
	Guess         *htmlLine
	GuessAt       *htmlPoint
}

// The field within the axes.
const (
	fieldLeft, fieldRight = 82.0, 340.0
	fieldTop, fieldBottom = 22.0, 165.0
	// maxPoints bounds the points of a picture; beyond, it shows as many of them evenly.
	maxPoints = 60
)

// newLawPicture draws a law, or nothing where its points cannot stand on logarithmic axes.
func newLawPicture(l *gate.Law) *htmlLaw {
	points := slices.DeleteFunc(slices.Clone(l.Points), func(p gate.Point) bool { return !(p.Size > 0) || !(p.Head > 0) })
	if len(points) < 2 || !(l.Factor > 0) || math.IsNaN(l.Exponent) || math.IsInf(l.Exponent, 0) {
		return nil
	}
	slices.SortStableFunc(points, func(a, b gate.Point) int { return cmp.Compare(a.Size, b.Size) })
	if n := len(points); n > maxPoints {
		some := make([]gate.Point, maxPoints)
		for i := range some {
			some[i] = points[i*(n-1)/(maxPoints-1)]
		}
		points = some
	}
	law := func(n float64) float64 { return l.Factor * math.Pow(n, l.Exponent) }
	first, last := points[0].Size, points[len(points)-1].Size
	sizes := []float64{first, last}
	values := []float64{law(first), law(last)}
	for _, p := range points {
		values = append(values, p.Head)
		if p.Base != nil && *p.Base > 0 {
			values = append(values, *p.Base)
		}
	}
	f := l.Forecast
	if f != nil && !(f.Size > 0 && f.Low > 0 && f.Value > 0 && f.High > 0) {
		f = nil
	}
	if f != nil {
		sizes, values = append(sizes, f.Size), append(values, f.Low, f.High, f.Value, law(f.Size))
	}
	x, okX := logScale(sizes, fieldLeft, fieldRight)
	y, okY := logScale(values, fieldBottom, fieldTop)
	if !okX || !okY {
		return nil
	}
	pic := &htmlLaw{With: plainName(l.With), Label: fmt.Sprintf("values by %s, from %s to %s, growing as %s", plainName(l.With), number(first, 3), number(last, 3), lawText(l, plainName(l.With)))}
	at := func(n, v float64) htmlPoint { return htmlPoint{coordinate(x(n)), coordinate(y(v))} }
	for _, p := range points {
		if p.Base != nil && *p.Base > 0 {
			pic.Base = append(pic.Base, at(p.Size, *p.Base))
		}
		pic.Head = append(pic.Head, at(p.Size, p.Head))
	}
	segment := func(from, to float64) *htmlLine {
		a, b := at(from, law(from)), at(to, law(to))
		return &htmlLine{a.X, a.Y, b.X, b.Y}
	}
	pic.Line = segment(first, last)
	if f != nil {
		if f.Size > last {
			pic.Ahead = segment(last, f.Size)
		}
		low, high, guess := at(f.Size, f.Low), at(f.Size, f.High), at(f.Size, f.Value)
		pic.Guess, pic.GuessAt = &htmlLine{low.X, low.Y, high.X, high.Y}, &guess
	}
	if l.Knee != nil && l.Knee.At >= first && l.Knee.At <= last {
		pic.Knee = &htmlPoint{X: coordinate(x(l.Knee.At))}
	}
	// Sizes are written where there is room, first and last always.
	shown := []float64{x(first), x(sizes[len(sizes)-1])}
	pic.Ticks = []htmlTick{{X: coordinate(shown[0]), Text: number(first, 3)}, {X: coordinate(shown[1]), Text: number(sizes[len(sizes)-1], 3)}}
	for _, p := range points[1:] {
		if !slices.ContainsFunc(shown, func(s float64) bool { return math.Abs(s-x(p.Size)) < 40 }) {
			shown = append(shown, x(p.Size))
			pic.Ticks = append(pic.Ticks, htmlTick{X: coordinate(x(p.Size)), Text: number(p.Size, 3)})
		}
	}
	low, high := slices.MinFunc(values, cmp.Compare[float64]), slices.MaxFunc(values, cmp.Compare[float64])
	pic.Levels = []htmlTick{{Y: coordinate(y(low)), Text: value(low, l.Unit)}}
	if y(low)-y(high) > 16 {
		pic.Levels = append(pic.Levels, htmlTick{Y: coordinate(y(high)), Text: value(high, l.Unit)})
	}
	return pic
}

// logScale returns how positive values lie on a logarithmic axis between two places. It reports whether
// they can.
func logScale(values []float64, from, to float64) (scale func(float64) float64, ok bool) {
	low, high := math.Log(slices.MinFunc(values, cmp.Compare[float64])), math.Log(slices.MaxFunc(values, cmp.Compare[float64]))
	if math.IsNaN(low) || math.IsInf(low, 0) || math.IsNaN(high) || math.IsInf(high, 0) {
		return nil, false
	}
	// A tenth of the value is less than a difference to be seen: it lies in the middle and is flat.
	if spare := .2 - (high - low); spare > 0 {
		low, high = low-spare/2, high+spare/2
	}
	return func(v float64) float64 { return from + (to-from)*(math.Log(v)-low)/(high-low) }, true
}

func coordinate(x float64) string { return fmt.Sprintf("%.1f", x) }
