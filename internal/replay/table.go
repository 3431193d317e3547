package replay

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Table writes the scores for people, as aligned text or as markdown tables.
func Table(w io.Writer, s Scores, markdown bool) error {
	p := &page{markdown: markdown}
	for i, g := range groups(s) {
		if i > 0 {
			p.line("")
		}
		p.group(g, s)
	}
	p.truth(s)
	if n := s.Incomplete; n.Pairs > 0 || n.Stored > 0 {
		p.note(fmt.Sprintf("Left out as incomplete: %d pairs with one half, %d trials with stored runs of one version.", n.Pairs, n.Stored))
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

// A group is the rows of one machine and limit.
type group struct {
	machine string
	limit   float64
	rows    []Score
}

func groups(s Scores) []group {
	var out []group
	for _, r := range s.Rows {
		if n := len(out); n == 0 || out[n-1].machine != r.Machine || out[n-1].limit != r.Limit {
			out = append(out, group{machine: r.Machine, limit: r.Limit})
		}
		g := &out[len(out)-1]
		g.rows = append(g.rows, r)
	}
	return out
}

func (g group) title() string {
	return fmt.Sprintf("Machine %s, limit %s", g.machine, percent(g.limit))
}

// sizes are the changes that any row has, recorded ones first, each growing.
func (g group) sizes() []Change {
	var out []Change
	for _, r := range g.rows {
		for _, c := range r.Changes {
			if !slices.ContainsFunc(out, c.sameSize) {
				out = append(out, Change{Share: c.Share, Synthetic: c.Synthetic, Beyond: c.Beyond})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Change) int {
		switch {
		case a.Synthetic != b.Synthetic && b.Synthetic, a.Synthetic == b.Synthetic && a.Share < b.Share:
			return -1
		}
		return 1
	})
	return out
}

func (c Change) sameSize(d Change) bool { return c.Share == d.Share && c.Synthetic == d.Synthetic }

// of finds the change of one size in a row.
func (s Score) of(size Change) (Change, bool) {
	i := slices.IndexFunc(s.Changes, size.sameSize)
	if i < 0 {
		return Change{}, false
	}
	return s.Changes[i], true
}

// A page collects text.
type page struct {
	b        strings.Builder
	markdown bool
}

func (p *page) line(s string) { p.b.WriteString(s + "\n") }

func (p *page) heading(s string) {
	if p.markdown {
		p.line("### " + cell(s) + "\n")
		return
	}
	p.line(s + "\n")
}

func (p *page) note(s string) { p.line("\n" + s) }

func (p *page) group(g group, s Scores) {
	p.heading(g.title())
	// What was planted by arithmetic within the limit is for the chart.
	sizes := slices.DeleteFunc(g.sizes(), func(c Change) bool { return c.Synthetic && !c.Beyond })
	head := []string{"rule", "measured", "false red", "95 % interval", "red suites"}
	synthetic := false
	for _, c := range sizes {
		label := "+" + percent(c.Share)
		if c.Synthetic {
			label += " *"
			synthetic = true
		}
		if !c.Beyond {
			label += " (within)"
		}
		head = append(head, label)
	}
	head = append(head, "wrong pass", "inconclusive", "s median", "s mean")
	rows := [][]string{head}
	var unjudged []string
	size, trials := 0, 0
	for _, r := range g.rows {
		row := []string{r.Rule, strings.TrimPrefix(r.title(), r.Rule+", ")}
		if r.FalseRed.Total == 0 {
			row = append(row, "-", "-", "-")
		} else {
			row = append(row, of(r.FalseRed.Count), interval(r.FalseRed), percent(r.SuiteRed.Share()))
		}
		for _, c := range sizes {
			text := "-"
			if seen, ok := r.of(c); ok {
				text = of(seen.Red.Count)
			}
			row = append(row, text)
		}
		row = append(row, of(r.WrongPass), percent(r.Inconclusive.Share()), fmt.Sprintf("%.2f", r.MedianSeconds), fmt.Sprintf("%.2f", r.MeanSeconds))
		rows = append(rows, row)
		size, trials = max(size, r.SuiteRed.Size), max(trials, r.SuiteRed.Trials)
		if r.Unjudged > 0 {
			unjudged = append(unjudged, fmt.Sprintf("%s: %d", r.title(), r.Unjudged))
		}
	}
	p.table(rows, 2)
	drawn := fmt.Sprintf("Suites of %d, drawn %d times from %d unchanged trials, so they overlap.", size, s.Suites, trials)
	if trials <= s.Suite {
		drawn = fmt.Sprintf("One suite, of the %d unchanged trials there are.", trials)
	}
	p.note(drawn + " Seconds are those that pass while both versions of an unchanged benchmark are measured.")
	if synthetic {
		p.line("* measured heads of unchanged benchmarks, multiplied; without the star the extra work was in what was measured.")
	}
	p.detail(g)
	if len(unjudged) > 0 {
		p.line("Trials not recorded as the rule needs them: " + strings.Join(unjudged, "; ") + ".")
	}
}

// detail writes what perfgate makes of each change, with its intervals.
func (p *page) detail(g group) {
	rows := [][]string{{"perfgate on", "planted", "fails", "95 % interval", "passes", "95 % interval", "undecided"}}
	for _, r := range g.rows {
		if r.Rule != "perfgate" {
			continue
		}
		for _, c := range r.Changes {
			size := "+" + percent(c.Share)
			if c.Synthetic {
				size += " *"
			}
			passed := proportion(c.Passed.Count, c.Passed.Total)
			rows = append(rows, []string{strings.TrimPrefix(r.title(), r.Rule+", "), size, of(c.Red.Count), interval(c.Red), of(passed.Count), interval(passed), percent(c.Inconclusive.Share())})
		}
	}
	if len(rows) > 1 {
		p.line("")
		p.table(rows, 2)
	}
}

// truth writes what the measurements themselves are worth.
func (p *page) truth(s Scores) {
	if len(s.Bias) > 0 {
		p.line("")
		p.heading("Planted and measured change, mean of trials ± standard error")
		rows := [][]string{{"machine", "planted", "own time", "wall time", "trials"}}
		for _, b := range s.Bias {
			if b.Wall.Trials > 0 {
				rows = append(rows, []string{b.Machine, "+" + percent(b.Share), b.Own.String(), b.Wall.String(), fmt.Sprint(b.Wall.Trials)})
			}
		}
		p.table(rows, 1)
	}
	if len(s.Spread) > 0 {
		p.line("")
		p.heading("Standard deviation of log(head/base) within the pairs of an unchanged trial, median of trials")
		rows := [][]string{{"machine", "own time", "processor time", "wall time", "trials"}}
		for _, v := range s.Spread {
			sd := func(x float64) string {
				if x == 0 {
					return "-"
				}
				return percent(x)
			}
			rows = append(rows, []string{v.Machine, sd(v.Own), sd(v.CPU), sd(v.Wall), fmt.Sprint(v.Trials)})
		}
		p.table(rows, 1)
	}
}

// String is such as "+14.8 % ± 0.2 %", or "-" without trials.
func (r Reading) String() string {
	switch {
	case r.Trials == 0:
		return "-"
	case r.Trials == 1:
		return fmt.Sprintf("%+.2f %%", r.Change*100)
	}
	return fmt.Sprintf("%+.2f %% ± %.2f %%", r.Change*100, r.Error*100)
}

// table writes rows, the first of which is the head, with the first left columns to the left and numbers
// to the right.
func (p *page) table(rows [][]string, left int) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, c := range row {
			if p.markdown {
				row[i] = cell(c)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	for n, row := range rows {
		var cells []string
		for i, c := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
			if i < left {
				cells = append(cells, c+pad)
			} else {
				cells = append(cells, pad+c)
			}
		}
		if !p.markdown {
			p.line(strings.TrimRight(strings.Join(cells, "  "), " "))
			continue
		}
		p.line("| " + strings.Join(cells, " | ") + " |")
		if n == 0 {
			var rule []string
			for i, w := range widths {
				if i < left {
					rule = append(rule, strings.Repeat("-", max(w, 3)))
				} else {
					rule = append(rule, strings.Repeat("-", max(w, 3)-1)+":")
				}
			}
			p.line("| " + strings.Join(rule, " | ") + " |")
		}
	}
}

// cell makes text safe inside a markdown table: the names in it come from files.
func cell(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case strings.ContainsRune("\\`*_[]<>|&@#", r):
			b.WriteString("\\" + string(r))
		case r < ' ':
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// percent is exact at nothing and all, and never rounds to either.
func percent(share float64) string {
	switch x := share * 100; {
	case share == 0:
		return "0 %"
	case share == 1:
		return "100 %"
	case x < 0.05:
		return fmt.Sprintf("%.2g %%", x)
	case x > 99.9 && x < 100:
		return fmt.Sprintf("%.3f %%", x)
	default:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", x), ".0") + " %"
	}
}

func of(c Count) string {
	if c.Total == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d = %s", c.Count, c.Total, percent(c.Share()))
}

func interval(p Proportion) string {
	return strings.TrimSuffix(percent(p.Low), " %") + " to " + percent(p.High)
}
