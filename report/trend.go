package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/perfgate/perfgate/internal/gate"
)

// maxTrendRows is how many rows a part of a trend's text has at most.
const maxTrendRows = 2000

// A trendChange is a change together with the series that it is in.
type trendChange struct {
	series int
	gate.LevelChange
}

// newestFirst returns the changes of all series: of one release the worse before the better, and the
// larger first.
func newestFirst(t gate.Trend) []trendChange {
	var out []trendChange
	for i, s := range t.Series {
		for _, c := range s.Changes {
			out = append(out, trendChange{i, c})
		}
	}
	place := map[string]int{"worse": 0, "changed": 1, "better": 2}
	slices.SortStableFunc(out, func(a, b trendChange) int {
		return cmp.Or(
			cmp.Compare(b.Release, a.Release), cmp.Compare(place[a.Kind], place[b.Kind]),
			cmp.Compare(size(b.LevelChange), size(a.LevelChange)),
		)
	})
	return out
}

// size is how large a change is, whichever way it goes; from zero it is beyond all others.
func size(c gate.LevelChange) float64 {
	if c.Change == nil {
		return 1e300
	}
	return max(*c.Change, -*c.Change)
}

// drifting returns the indices of the series that drift, the worse before the better.
func drifting(t gate.Trend) []int {
	var out []int
	for i, s := range t.Series {
		if s.Drift != nil {
			out = append(out, i)
		}
	}
	place := map[string]int{"worse": 0, "changed": 1, "better": 2}
	slices.SortStableFunc(out, func(a, b int) int {
		x, y := t.Series[a].Drift, t.Series[b].Drift
		return cmp.Or(cmp.Compare(place[x.Kind], place[y.Kind]), cmp.Compare(max(y.Change, -y.Change), max(x.Change, -x.Change)))
	})
	return out
}

// changeText says how large a change is: "+12 % (+9.8 % to +14 %)".
func changeText(c gate.LevelChange) string {
	if c.Change == nil {
		return "from\u00a0zero"
	}
	text := percent(*c.Change)
	if c.Low != nil && c.High != nil {
		text += fmt.Sprintf(" (%s to %s)", percent(*c.Low), percent(*c.High))
	}
	return text
}

// day returns the date of a time in RFC 3339, or nothing.
func day(time string) string {
	d, _, ok := strings.Cut(time, "T")
	if !ok {
		return ""
	}
	return d
}

// spanText says from which release to which a trend goes; names are left to the caller to escape.
func spanText(t gate.Trend, escape func(string) string) string {
	name := func(r gate.TrendRelease) string {
		if d := day(r.Time); d != "" {
			return fmt.Sprintf("%s (%s)", escape(r.Name), escape(d))
		}
		return escape(r.Name)
	}
	first, last := t.Releases[0], t.Releases[len(t.Releases)-1]
	releases, head := len(t.Releases), ""
	if last.Head {
		releases, head = releases-1, " and "+name(last)
		if releases > 0 {
			last = t.Releases[releases-1]
		}
	}
	switch releases {
	case 0:
		return name(first)
	case 1:
		return "1 release, " + name(first) + head
	}
	return fmt.Sprintf("%d releases, %s to %s%s", releases, name(first), name(last), head)
}

// environmentTexts say how many releases were measured where.
func environmentTexts(t gate.Trend) []string {
	n := make([]int, len(t.Environments))
	for _, r := range t.Releases {
		n[r.Environment]++
	}
	out := make([]string, len(n))
	for i, e := range t.Environments {
		out[i] = fmt.Sprintf("%s: %d of %d", e, n[i], len(t.Releases))
	}
	return out
}

// pairedText says what of head is not shown, if anything.
func pairedText(t gate.Trend) string {
	if t.Paired == 0 {
		return ""
	}
	return fmt.Sprintf("%s of head left out: measured beside another version, they took longer than those of a baseline; give the samples of perfgate run", count(t.Paired, "value"))
}

// growthText says the law of a Growth.
func growthText(g gate.Growth, with string) string {
	parts := []string{
		"as " + lawText(g.Law, with) + fmt.Sprintf(" (exponent_at_most %v)", g.Limit), fitText(g.Law), kneeText(g.Law, with), forecastText(g.Law),
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
}

// TrendText writes a trend for a terminal, in printable ASCII: what changed, what drifts, how values grow,
// and then each benchmark and unit with its first and last value. The error is one of w.
func TrendText(w io.Writer, t gate.Trend) error {
	var b bytes.Buffer
	name := func(s string) string { return ascii(s, maxName) }
	fmt.Fprintf(&b, "history: %s\n", spanText(t, name))
	for _, e := range environmentTexts(t) {
		fmt.Fprintf(&b, "measured on %s\n", name(e))
	}
	if p := pairedText(t); p != "" {
		fmt.Fprintln(&b, plainASCII(p))
	}
	part := func(title, none string, n int, row func(i int) []string) {
		fmt.Fprintf(&b, "\n%s\n", title)
		var rows [][]string
		for i := range min(n, maxTrendRows) {
			rows = append(rows, row(i))
		}
		widths := columnWidths(rows)
		for _, r := range rows {
			b.WriteString("  ")
			writeRow(&b, r, widths)
		}
		switch {
		case n == 0:
			fmt.Fprintf(&b, "  %s\n", none)
		case n > maxTrendRows:
			fmt.Fprintf(&b, "  %d more, not listed\n", n-maxTrendRows)
		}
	}
	changes := newestFirst(t)
	part("what changed, the newest first", "nothing", len(changes), func(i int) []string {
		c := changes[i]
		s := t.Series[c.series]
		before, after := values(c.Before, c.After, s.Unit)
		row := []string{
			name(t.Releases[c.Release].Name), c.Kind, name(s.Benchmark), name(s.Unit), plainASCII(before + " -> " + after), plainASCII(changeText(c.LevelChange)),
		}
		if len(c.Also) > 0 {
			row = append(row, "also "+ascii(strings.Join(c.Also, "; "), maxText))
		}
		return row
	})
	drifts := drifting(t)
	part("slow drift, over the last releases", "none", len(drifts), func(i int) []string {
		s := t.Series[drifts[i]]
		return []string{
			s.Drift.Kind, name(s.Benchmark), name(s.Unit), plainASCII(percent(s.Drift.Change)),
			fmt.Sprintf("over %d releases, since %s", s.Drift.Releases, name(t.Releases[s.Drift.From].Name)),
		}
	})
	if len(t.Growth) > 0 {
		part("growth, in the last release", "", len(t.Growth), func(i int) []string {
			g := t.Growth[i]
			return []string{name(g.Benchmark), name(g.Law.Unit), plainASCII(growthText(g, name(g.Law.With)))}
		})
	}
	part("every benchmark and unit: the first and the last value that can be compared", "", len(t.Series), func(i int) []string {
		s := t.Series[i]
		first, last, change := t.Span(s)
		before, after := values(first.Value, last.Value, s.Unit)
		row := []string{name(s.Benchmark), name(s.Unit), plainASCII(before + " -> " + after), "", name(t.Releases[first.Release].Name) + " -> " + name(t.Releases[last.Release].Name)}
		if change != nil {
			row[3] = plainASCII(percent(*change))
		}
		if texts := limitTexts(s); len(texts) > 0 {
			row = append(row, name(strings.Join(texts, ", ")))
		}
		return row
	})
	_, err := w.Write(b.Bytes())
	return err
}

// limitTexts says the limits of a series as the budget file does.
func limitTexts(s gate.Series) []string {
	texts := make([]string, len(s.Limits))
	for i, l := range s.Limits {
		texts[i] = l.Kind + " " + l.Text
	}
	return texts
}

// TrendJSON writes a trend as indented JSON with a newline at the end; the same trend gives the same
// bytes. The error is one of w, or of a number that JSON does not have.
func TrendJSON(w io.Writer, t gate.Trend) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	if err := e.Encode(t); err != nil {
		return fmt.Errorf("write the trend: %s", describe(err))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// significant returns x with so many significant digits.
func significant(x float64, digits int) float64 {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', digits, 64), 64)
	if err != nil {
		return x
	}
	return y
}
