package replay

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strings"
)

// The measures of a panel, in the units of the drawing.
const (
	chartWidth   = 1120
	plotHeight   = 340
	plotTop      = 62
	leftX        = 66
	leftWidth    = 450
	rightX       = 620
	rightWidth   = 450
	legendLine   = 18
	legendTop    = plotTop + plotHeight + 66
	letter       = 7.0 // about as wide as a letter or figure is
	labelHeight  = 14.0
	markerRadius = 5.0
)

// style holds the colours, light and dark. Kinds of rules differ in the form of their mark too.
const style = `<style>
svg { --paper: #ffffff; --ink: #1f2328; --soft: #59636e; --grid: #d9dee3; --own: #0a58ca; --stored: #b35900; --pairs: #1a7f5a; }
@media (prefers-color-scheme: dark) { svg { --paper: #0d1117; --ink: #e6edf3; --soft: #9198a1; --grid: #30363d; --own: #6cb0ff; --stored: #f0a35e; --pairs: #5fd0a0; } }
.paper { fill: var(--paper); }
text { font: 12px system-ui, sans-serif; fill: var(--ink); }
.title { font-size: 16px; font-weight: 600; }
.soft { fill: var(--soft); }
.name { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; stroke-linejoin: round; }
.grid { stroke: var(--grid); fill: none; }
.lead { stroke: var(--soft); stroke-width: 0.8; fill: none; }
.limit { stroke: var(--soft); stroke-dasharray: 4 4; }
.own { stroke: var(--own); fill: var(--own); }
.stored { stroke: var(--stored); fill: var(--stored); }
.pairs { stroke: var(--pairs); fill: var(--pairs); }
.curve { fill: none; stroke-width: 1.3; stroke-opacity: 0.75; }
.own.curve { stroke-width: 3; stroke-opacity: 1; }
.hollow { fill: var(--paper); }
</style>
`

// Chart writes a self-contained SVG: for each machine and limit, every rule's red suites against what it
// finds, and what it finds against the size of the change. It follows the reader's preference for light
// or dark.
func Chart(w io.Writer, s Scores) error {
	var b strings.Builder
	height := 0.0
	var panels strings.Builder
	for _, g := range groups(s) {
		fmt.Fprintf(&panels, "<g transform=\"translate(0 %.0f)\">\n", height)
		height += panel(&panels, g)
		panels.WriteString("</g>\n")
	}
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" width=\"%d\" height=\"%.0f\" role=\"img\">\n", chartWidth, height, chartWidth, height)
	b.WriteString("<title>Decision rules scored on recordings</title>\n" + style)
	fmt.Fprintf(&b, "<rect class=\"paper\" width=\"%d\" height=\"%.0f\"/>\n", chartWidth, height)
	b.WriteString(panels.String() + "</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// A rect is a piece of the drawing that is taken.
type rect struct{ x, y, w, h float64 }

func (r rect) meets(o rect) bool {
	return r.x < o.x+o.w && o.x < r.x+r.w && r.y < o.y+o.h && o.y < r.y+r.h
}

// kind is the class of a rule: ours, or how another's was measured.
func (s Score) kind() string {
	switch {
	case s.Rule == "perfgate":
		return "own"
	case s.Design == Stored:
		return "stored"
	}
	return "pairs"
}

// shown picks the change whose detection the left plot shows: the recorded one of 15 %, if there is one,
// otherwise what was multiplied by 1.5 limits.
func (g group) shown() (Change, bool) {
	sizes := g.sizes()
	for _, want := range []Change{{Share: 0.15}, {Share: round(1.5 * g.limit), Synthetic: true}} {
		if i := slices.IndexFunc(sizes, want.sameSize); i >= 0 && sizes[i].Beyond {
			return sizes[i], true
		}
	}
	return Change{}, false
}

// A spot is a place in a plot where the marks of one or more rules lie.
type spot struct {
	x, y    float64
	numbers []int
	kind    string
}

func (p spot) label() string {
	var out []string
	for i := 0; i < len(p.numbers); i++ {
		j := i
		for j+1 < len(p.numbers) && p.numbers[j+1] == p.numbers[j]+1 {
			j++
		}
		switch {
		case j > i+1:
			out = append(out, fmt.Sprintf("%d–%d", p.numbers[i], p.numbers[j]))
			i = j
		default:
			out = append(out, fmt.Sprint(p.numbers[i]))
		}
	}
	return strings.Join(out, " ")
}

func panel(b *strings.Builder, g group) float64 {
	text(b, 20, 28, "title", "start", g.title())
	size, ok := g.shown()
	how := "with the extra work in what was measured"
	if size.Synthetic {
		how = "multiplied into measured unchanged heads"
	}
	found := fmt.Sprintf("found at +%s", percent(size.Share))
	frame(b, leftX, leftWidth, fmt.Sprintf("suites of %d with a false red", suiteSize(g)), found, []float64{0, 0.25, 0.5, 0.75, 1})
	if ok {
		scatter(b, g, size)
	}
	last := g.limit
	for _, c := range g.sizes() {
		last = max(last, c.Share)
	}
	var ticks []float64
	for _, step := range []float64{0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5} {
		if last/step <= 8 {
			for i := 0; float64(i)*step <= last+1e-9; i++ {
				ticks = append(ticks, round(float64(i)*step))
			}
			break
		}
	}
	frame(b, rightX, rightWidth, "change planted; at 0 an unchanged benchmark", "share that is red", ticks)
	if len(ticks) > 1 {
		curves(b, g, last)
	}
	return legend(b, g, size, how)
}

func suiteSize(g group) int {
	size := 0
	for _, r := range g.rows {
		size = max(size, r.SuiteRed.Size)
	}
	return size
}

// frame draws the axes of a plot whose vertical one goes from nothing to all.
func frame(b *strings.Builder, x0, width float64, horizontal, vertical string, ticks []float64) {
	for _, y := range []float64{0, 0.25, 0.5, 0.75, 1} {
		at := plotTop + (1-y)*plotHeight
		fmt.Fprintf(b, "<path class=\"grid\" d=\"M%.1f %.1fh%.1f\"/>\n", x0, at, width)
		text(b, x0-8, at+4, "soft", "end", percent(y))
	}
	end := 1.0
	if len(ticks) > 0 {
		end = ticks[len(ticks)-1]
	}
	for _, t := range ticks {
		at := x0
		if end > 0 {
			at += t / end * width
		}
		fmt.Fprintf(b, "<path class=\"grid\" d=\"M%.1f %dv%d\"/>\n", at, plotTop, plotHeight)
		text(b, at, plotTop+plotHeight+18, "soft", "middle", percent(t))
	}
	text(b, x0+width/2, plotTop+plotHeight+38, "", "middle", horizontal)
	text(b, x0-40, plotTop-12, "", "start", vertical)
}

// scatter marks each rule by its red suites and by what it finds.
func scatter(b *strings.Builder, g group, size Change) {
	var spots []spot
	var taken []rect
	for i, r := range g.rows {
		c, ok := r.of(size)
		if !ok || r.SuiteRed.Total == 0 {
			continue
		}
		p := spot{
			x: leftX + r.SuiteRed.Share()*leftWidth, y: plotTop + (1-c.Red.Share())*plotHeight,
			numbers: []int{i + 1}, kind: r.kind(),
		}
		j := slices.IndexFunc(spots, func(q spot) bool { return math.Hypot(q.x-p.x, q.y-p.y) < 2.6*markerRadius })
		mark(b, p, "")
		taken = append(taken, p.taken())
		if j >= 0 {
			spots[j].numbers = append(spots[j].numbers, i+1)
			continue
		}
		spots = append(spots, p)
	}
	// Around the spot, then further out.
	for _, p := range spots {
		var at []spot
		for _, away := range []float64{10, 18, 28, 40, 54, 70, 90, 110} {
			for turn := range 16 {
				angle := float64(turn) * math.Pi / 8
				at = append(at, spot{x: p.x + away*math.Cos(angle), y: p.y - away*math.Sin(angle)})
			}
		}
		name(b, p, at, &taken, leftX, leftWidth)
	}
}

// taken is the place of a mark.
func (p spot) taken() rect {
	return rect{p.x - markerRadius, p.y - markerRadius, 2 * markerRadius, 2 * markerRadius}
}

// name writes the label of a spot at the first of some places that is free, and reports whether one was.
func name(b *strings.Builder, p spot, at []spot, taken *[]rect, x0, width float64) bool {
	label := p.label()
	w := float64(len([]rune(label)))*letter + 2
	for _, q := range at {
		r := rect{q.x, q.y - labelHeight/2, w, labelHeight}
		if q.x < p.x {
			r.x -= w
		}
		inside := r.x >= x0+2 && r.x+w <= x0+width-2 && r.y >= plotTop-2 && r.y+r.h <= plotTop+plotHeight+2
		if !inside || slices.ContainsFunc(*taken, r.meets) {
			continue
		}
		*taken = append(*taken, r)
		if math.Hypot(q.x-p.x, q.y-p.y) > 14 {
			fmt.Fprintf(b, "<path class=\"lead\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", p.x, p.y, q.x, q.y)
		}
		text(b, r.x+1, q.y+4, "name", "start", label)
		return true
	}
	return false
}

// mark draws a rule's mark: a disc for ours, a square for stored runs, a diamond for pairs.
func mark(b *strings.Builder, p spot, class string) {
	switch r := markerRadius; p.kind {
	case "own":
		fmt.Fprintf(b, "<circle class=\"own%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>\n", class, p.x, p.y, r+1)
	case "stored":
		fmt.Fprintf(b, "<rect class=\"stored%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", class, p.x-r+1, p.y-r+1, 2*r-2, 2*r-2)
	default:
		fmt.Fprintf(b, "<path class=\"pairs%s\" d=\"M%.1f %.1fl%.1f %.1fl%.1f %.1fl%.1f %.1fz\"/>\n", class, p.x, p.y-r, r, r, -r, r, -r, -r)
	}
}

// curves draws what each rule finds against the size of the change: lines for what was multiplied, hollow
// marks for what was recorded.
func curves(b *strings.Builder, g group, last float64) {
	place := func(share, red float64) (x, y float64) {
		return rightX + share/last*rightWidth, plotTop + (1-red)*plotHeight
	}
	x, _ := place(g.limit, 0)
	fmt.Fprintf(b, "<path class=\"limit\" d=\"M%.1f %dv%d\"/>\n", x, plotTop, plotHeight)
	text(b, x, plotTop-12, "soft", "middle", "limit")
	var lines []spot
	paths := map[string]int{}
	var taken []rect
	var ends [][]spot
	// Ours are drawn last, above the others.
	order := make([]int, 0, len(g.rows))
	for _, ours := range []bool{false, true} {
		for i, r := range g.rows {
			if (r.kind() == "own") == ours {
				order = append(order, i)
			}
		}
	}
	for _, i := range order {
		r := g.rows[i]
		if r.FalseRed.Total == 0 {
			continue
		}
		points := []spot{}
		add := func(share, red float64) {
			x, y := place(share, red)
			points = append(points, spot{x: x, y: y})
		}
		add(0, r.FalseRed.Share())
		for _, c := range r.Changes {
			if c.Synthetic {
				add(c.Share, c.Red.Share())
			}
		}
		var d strings.Builder
		for n, p := range points {
			fmt.Fprintf(&d, "%c%.1f %.1f", "ML"[min(n, 1)], p.x, p.y)
		}
		fmt.Fprintf(b, "<path class=\"%s curve\" d=\"%s\"/>\n", r.kind(), d.String())
		for _, c := range r.Changes {
			if !c.Synthetic {
				x, y := place(c.Share, c.Red.Share())
				p := spot{x: x, y: y, kind: r.kind()}
				mark(b, p, " hollow")
				taken = append(taken, p.taken())
			}
		}
		// Curves that lie on one another share a label.
		if j, ok := paths[d.String()]; ok {
			lines[j].numbers = append(lines[j].numbers, i+1)
			continue
		}
		paths[d.String()] = len(lines)
		lines = append(lines, spot{numbers: []int{i + 1}, kind: r.kind()})
		ends = append(ends, points)
	}
	// Ours are named first, where they rise most; the others from the left, where most of them are apart.
	for n := len(lines) - 1; n >= 0; n-- {
		slices.Sort(lines[n].numbers)
		nameCurve(b, lines[n], ends[n], &taken)
	}
}

// nameCurve writes the label of a curve beside it, at the first place that is free, if there is one.
func nameCurve(b *strings.Builder, p spot, points []spot, taken *[]rect) {
	var pieces []int
	for i := range len(points) - 1 {
		pieces = append(pieces, i)
	}
	if p.kind == "own" {
		rise := func(i int) float64 { return points[i].y - points[i+1].y }
		slices.SortStableFunc(pieces, func(i, j int) int { return cmp.Compare(rise(j), rise(i)) })
	}
	for _, t := range []float64{0.25, 0.5, 0.75, 0.12, 0.38, 0.62, 0.88} {
		for _, i := range pieces {
			a, c := points[i], points[i+1]
			p.x, p.y = a.x+t*(c.x-a.x), a.y+t*(c.y-a.y)
			at := []spot{{x: p.x + 3, y: p.y - 8}, {x: p.x - 3, y: p.y - 8}, {x: p.x + 3, y: p.y + 9}, {x: p.x - 3, y: p.y + 9}}
			if name(b, p, at, taken, rightX, rightWidth) {
				return
			}
		}
	}
}

// legend lists the rules with their numbers, in two columns, and returns the height of the panel.
func legend(b *strings.Builder, g group, size Change, how string) float64 {
	half := (len(g.rows) + 1) / 2
	for i, r := range g.rows {
		x, y := 40.0, legendTop+float64(i%half)*legendLine
		if i >= half {
			x = rightX - 26
		}
		mark(b, spot{x: x - 12, y: y - 4, kind: r.kind()}, "")
		text(b, x+16, y, "", "end", fmt.Sprint(i+1))
		text(b, x+24, y, "", "start", r.title())
		figures := "not recorded"
		if c, ok := r.of(size); ok && r.SuiteRed.Total > 0 {
			figures = fmt.Sprintf("%s red suites, %s found", percent(r.SuiteRed.Share()), percent(c.Red.Share()))
		}
		text(b, x+505, y, "soft", "end", figures)
	}
	y := legendTop + float64(half)*legendLine + 10
	trials := 0
	for _, r := range g.rows {
		trials = max(trials, r.SuiteRed.Trials)
	}
	notes := []string{
		"Disc: perfgate. Square: other rules on stored runs, base before head. Diamond: other rules on pairs measured at once on one processor.",
		fmt.Sprintf("Left: found at +%s, %s.", percent(size.Share), how),
		"Right: lines for changes multiplied into measured unchanged heads; hollow marks for extra work in what was measured.",
		fmt.Sprintf("%d unchanged trials stand behind a row; suites are drawn from them and overlap. Rules that lie on one another share a label.", trials),
	}
	for _, n := range notes {
		text(b, 20, y, "soft", "start", n)
		y += legendLine
	}
	return y + 24
}

func text(b *strings.Builder, x, y float64, class, anchor, s string) {
	fmt.Fprintf(b, "<text x=\"%.1f\" y=\"%.1f\"", x, y)
	if class != "" {
		fmt.Fprintf(b, " class=\"%s\"", class)
	}
	fmt.Fprintf(b, " text-anchor=\"%s\">%s</text>\n", anchor, html.EscapeString(s))
}
