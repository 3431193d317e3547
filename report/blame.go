package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/perfgate/perfgate/internal/gate"
)

// The bounds of what a result may say of functions: more is shown of none.
const (
	maxBlames    = 100  // benchmarks
	maxBlameRows = 1000 // functions of one cost
)

// blameKinds are the kinds of cost.
var blameKinds = []string{"processor time", "allocated bytes", "allocated objects"}

// validBlame returns what no blame of a result can be.
func validBlame(bs []gate.Blame) error {
	if len(bs) > maxBlames {
		return fmt.Errorf("it blames functions of %d benchmarks, more than %d", len(bs), maxBlames)
	}
	for _, b := range bs {
		if len(b.Tables) > len(blameKinds) {
			return fmt.Errorf("it has %d kinds of cost for %.100q, more than %d", len(b.Tables), b.Benchmark, len(blameKinds))
		}
		for _, t := range b.Tables {
			if !slices.Contains(blameKinds, t.Kind) {
				return fmt.Errorf("a cost of %.100q is %.100q, which is none", b.Benchmark, t.Kind)
			}
			if len(t.Rows) > maxBlameRows {
				return fmt.Errorf("it has %d functions for %.100q, more than %d", len(t.Rows), b.Benchmark, maxBlameRows)
			}
			xs := []float64{t.Base, t.Head}
			if t.Explained != nil {
				xs = append(xs, *t.Explained)
			}
			rows := t.Rows
			if t.Through != nil {
				rows = append(slices.Clone(rows), *t.Through)
			}
			for _, r := range rows {
				xs = append(xs, r.Base, r.Head, r.BaseAll, r.HeadAll)
			}
			if slices.ContainsFunc(xs, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }) {
				return fmt.Errorf("a cost of %.100q has a value that is no number", b.Benchmark)
			}
		}
	}
	return nil
}

// added says a difference with its sign, in the scale of the larger of two values.
func added(base, head float64, unit string) string {
	d := head - base
	s := value(math.Abs(d), unit)
	switch {
	case d < 0:
		return "-" + s
	case d > 0:
		return "+" + s
	}
	return s
}

// rise says a difference in relation to base, where there is one.
func rise(base, head float64) string {
	if base <= 0 {
		return ""
	}
	return percent(head/base - 1)
}

// ofChange says which part of the whole change a row is.
func ofChange(t gate.BlameTable, r gate.BlameRow) string {
	if !t.Beyond || t.Head == t.Base {
		return ""
	}
	return fmt.Sprintf("%.0f\u00a0%% of the change", 100*(r.Head-r.Base)/(t.Head-t.Base))
}

// totals says what a cost was and is.
func totals(t gate.BlameTable) string {
	b, h := value(t.Base, t.Unit), value(t.Head, t.Unit)
	if t.Beyond {
		b, h = values(t.Base, t.Head, t.Unit)
	}
	s := fmt.Sprintf("%s %s → %s in one operation", t.Kind, b, h)
	switch r := rise(t.Base, t.Head); {
	case !t.Beyond:
		s += ", no change beyond what runs of one version vary"
	case r != "":
		s += fmt.Sprintf(" (%s, %s)", added(t.Base, t.Head, t.Unit), r)
	default:
		s += fmt.Sprintf(" (%s)", added(t.Base, t.Head, t.Unit))
	}
	return s
}

// explained says how much of the whole change the named functions add up to.
func explained(t gate.BlameTable) string {
	n := t.Left
	for _, r := range t.Rows {
		if r.Beyond {
			n++
		}
	}
	switch {
	case !t.Beyond:
		return ""
	case n == 0:
		return "no function's own cost changed beyond what runs of one version vary: the change is spread, or too small for so few samples"
	}
	s := fmt.Sprintf("%s changed beyond what runs of one version vary", count(n, "function"))
	if t.Explained != nil {
		add := "add"
		if n == 1 {
			add = "adds"
		}
		s += fmt.Sprintf(", and %s up to %.0f\u00a0%% of the change", add, 100**t.Explained)
	}
	return s
}

// function is the name of a function without the path of its package but for the last element, as a stack
// trace of a program is read; the whole name stands in the JSON form.
func function(name string) string {
	head, _, _ := strings.Cut(name, "[") // type arguments have paths of their own
	return name[strings.LastIndexByte(head, '/')+1:]
}

// throughText says which function holds the change, with its name as it is to be written.
func throughText(t gate.BlameTable, name func(string) string) string {
	r := t.Through
	if r == nil {
		return ""
	}
	base, head := values(r.BaseAll, r.HeadAll, t.Unit)
	s := fmt.Sprintf("look first at %s: with all that it calls %s → %s, %.0f %% of the change", name(function(r.Function)), base, head, 100*(r.HeadAll-r.BaseAll)/(t.Head-t.Base))
	if r.Note != "" {
		s += "; " + r.Note
	}
	return s
}

// samples says how much a row rests on.
func samples(t gate.BlameTable, n [2]int) string {
	if t.Kind != "processor time" {
		return "counted"
	}
	return fmt.Sprintf("%d, %d", n[0], n[1])
}

// shown returns the tables of a blame that say something: of objects only where bytes do not.
func shown(b gate.Blame) []gate.BlameTable {
	var out []gate.BlameTable
	sized := false
	for _, t := range b.Tables {
		if t.Kind == "allocated objects" && sized || !t.Changed() {
			continue
		}
		sized = sized || t.Kind == "allocated bytes"
		out = append(out, t)
	}
	return out
}

// blameTable lists, below what broke, the functions that changed most.
func blameTable(bs []gate.Blame) section {
	s := section{
		head: "\n### Which functions\n\n| Benchmark | Function | Cost, base → head | Change | Samples |\n| :-- | :-- | :-- | --: | --: |\n",
		most: maxRows,
		more: moreRows,
	}
	for _, b := range bs {
		tables := shown(b)
		if len(tables) == 0 {
			s.rows = append(s.rows, row(code(b.Benchmark), "no function changed beyond what runs of one version vary", "", "", ""))
		}
		for _, t := range tables {
			name := lines(code(b.Benchmark), small(prose(totals(t))))
			if r := t.Through; r != nil {
				base, head := values(r.BaseAll, r.HeadAll, t.Unit)
				s.rows = append(s.rows, row(name, lines(code(function(r.Function)), small(prose(r.Note)), small("with all that it calls; look here first")), base+" → "+head,
					lines(bold(added(r.BaseAll, r.HeadAll, t.Unit)), small(fmt.Sprintf("%.0f %% of the change", 100*(r.HeadAll-r.BaseAll)/(t.Head-t.Base)))), ""))
				name = ""
			}
			for _, r := range t.Rows {
				if r.Beyond {
					s.rows = append(s.rows, blameRow(name, t, r))
					name = ""
				}
			}
			if name != "" && t.Through == nil {
				s.rows = append(s.rows, row(name, prose(explained(t)), "", "", ""))
			}
		}
	}
	if len(s.rows) > 0 {
		s.foot = "\n<sub>From profiles of both versions doing equal work side by side. A function's cost is its own, with what libraries and the runtime do for it, unless it says otherwise. More: <code>perfgate diagnose NAME</code>.</sub>\n"
	}
	return s
}

func blameRow(name string, t gate.BlameTable, r gate.BlameRow) string {
	b, h := values(r.Base, r.Head, t.Unit)
	return row(name, lines(code(function(r.Function)), small(prose(about(r)))), b+" → "+h,
		lines(bold(added(r.Base, r.Head, t.Unit)), small(ofChange(t, r))), samples(t, r.Samples))
}

// about says of a row for whom it works and what is remarkable.
func about(r gate.BlameRow) string {
	var parts []string
	if r.In != "" {
		parts = append(parts, "mostly in "+function(r.In))
	}
	if r.For != "" {
		parts = append(parts, "for "+function(r.For))
	}
	if r.Note != "" {
		parts = append(parts, r.Note)
	}
	return strings.Join(parts, "; ")
}

// blameText writes for a terminal which functions changed; whole says also what did not.
func blameText(b *bytes.Buffer, bs []gate.Blame, whole bool) {
	for _, x := range bs {
		fmt.Fprintf(b, "functions of %s, by %s of each version with %s each\n", ascii(x.Benchmark, maxName), count(x.Runs, "profile"), plainASCII(count(x.Iterations, "iteration")))
		tables := shown(x)
		if whole {
			tables = x.Tables
		}
		if len(tables) == 0 {
			b.WriteString("  none changed beyond what runs of one version vary\n")
		}
		for _, t := range tables {
			fmt.Fprintf(b, "  %s\n", plainASCII(strings.Replace(totals(t), "→", "->", 1)))
			if s := throughText(t, func(s string) string { return ascii(s, maxName) }); s != "" {
				fmt.Fprintf(b, "  %s\n", plainASCII(strings.Replace(s, "→", "->", 1)))
			}
			if s := explained(t); s != "" {
				fmt.Fprintf(b, "  %s\n", plainASCII(s))
			}
			if whole && !t.Changed() || !whole && !slices.ContainsFunc(t.Rows, func(r gate.BlameRow) bool { return r.Beyond }) {
				continue
			}
			rows := [][]string{{"", "change", "base", "head", "with all it calls", "samples", "function"}}
			for _, r := range t.Rows {
				if r.Beyond || whole {
					rows = append(rows, blameTextRow(t, r))
				}
			}
			if len(rows) == 1 {
				continue
			}
			widths := columnWidths(rows)
			for _, r := range rows {
				b.WriteString("  ")
				writeRow(b, r, widths)
			}
			if t.Left > 0 {
				fmt.Fprintf(b, "    %d more that changed\n", t.Left)
			}
		}
	}
}

func blameTextRow(t gate.BlameTable, r gate.BlameRow) []string {
	mark := "~"
	if r.Beyond {
		mark = "!"
	}
	base, head := values(r.Base, r.Head, t.Unit)
	baseAll, headAll := values(r.BaseAll, r.HeadAll, t.Unit)
	name := ascii(function(r.Function), maxName)
	if s := about(r); s != "" {
		name += ", " + ascii(s, maxText)
	}
	return []string{
		mark, plainASCII(added(r.Base, r.Head, t.Unit)), plainASCII(base), plainASCII(head), plainASCII(baseAll + " -> " + headAll), samples(t, r.Samples), name,
	}
}

// DiagnosisText writes for a terminal, in printable ASCII, which commit and which functions a regression is
// in. The error is one of w.
func DiagnosisText(w io.Writer, d gate.Diagnosis) error {
	var b bytes.Buffer
	for _, p := range d.Problems {
		fmt.Fprintf(&b, "problem: %s\n", ascii(p, maxText))
	}
	if d.Bisected != nil {
		bisectText(&b, *d.Bisected)
	}
	blameText(&b, d.Blame, true)
	if len(d.Blame) > 0 {
		b.WriteString("! changed beyond what runs of one version vary; ~ within that, so that it may be chance\n")
	}
	fmt.Fprintf(&b, "compared head %s with base %s\n", textSide(d.Compared.Head), textSide(d.Compared.Base))
	_, err := w.Write(b.Bytes())
	return err
}

// conclusionWords are the conclusions as they head a report.
var conclusionWords = map[gate.Conclusion]string{
	gate.Found: "FOUND", gate.Accumulated: "ACCUMULATED", gate.Undecided: "NOT DECIDED", gate.NothingToDo: "NOTHING TO SEARCH",
}

func bisectText(b *bytes.Buffer, x gate.Bisected) {
	if x.ID != "" {
		fmt.Fprintf(b, "searched %s for %s: %s of %s, %s\n", ascii(plainASCII(count(x.Commits, "commit")), maxName), ascii(x.ID, maxName), ascii(x.Unit, maxName), ascii(x.Benchmark, maxName), ascii(strings.Join(x.Limits, ", "), maxName))
	}
	rows := [][]string{}
	for _, s := range x.Steps {
		rows = append(rows, stepText(s, x.TidyUnit))
	}
	widths := columnWidths(rows)
	for _, r := range rows {
		b.WriteString("  ")
		writeRow(b, r, widths)
	}
	fmt.Fprintf(b, "%s: %s\n", conclusionWords[x.Conclusion], ascii(x.Reason, maxText))
	if x.First != nil {
		fmt.Fprintf(b, "  commit %s  %s\n", ascii(x.First.Commit, maxName), ascii(x.First.Subject, maxName))
	}
	if x.Parent != nil {
		fmt.Fprintf(b, "  parent %s  %s\n", ascii(x.Parent.Commit, maxName), ascii(x.Parent.Subject, maxName))
	}
	if v := x.Confirmed; v != nil {
		base, head := centres(*v)
		fmt.Fprintf(b, "  parent -> commit: %s -> %s  %s  %s\n", plainASCII(base), plainASCII(head), plainASCII(change(*v)), plainASCII(evidence(*v)))
	}
	for _, s := range x.Left {
		fmt.Fprintf(b, "  one of: %s  %s\n", shortCommit(ascii(s.Commit, maxName)), ascii(s.Subject, maxName))
	}
	if len(x.Steps) > 0 {
		chance := "the unit is exact, so that none is wrong by chance"
		if x.Error > 0 {
			chance = fmt.Sprintf("the chance that any is wrong is at most %.0f %%", 100*x.Error)
		}
		fmt.Fprintf(b, "%s looked at, each against the good one, %s; %s\n", plainASCII(count(len(x.Steps), "commit")), shortCommit(ascii(x.Good.Commit, maxName)), chance)
	}
}

func stepText(s gate.Step, unit string) []string {
	cells := []string{shortCommit(ascii(s.Commit, maxName)), string(s.Outcome), "", "", ""}
	if s.Base != nil && s.Head != nil {
		base, head := values(*s.Base, *s.Head, unit)
		cells[2] = plainASCII(base + " -> " + head)
	}
	if s.Outcome == gate.Skipped {
		cells[2] = ascii(s.Reason, 60)
	}
	if s.Change != nil {
		cells[3] = plainASCII(percent(*s.Change))
	}
	if s.Pairs > 0 {
		cells[4] = plainASCII(count(s.Pairs, "pair"))
	}
	return append(cells, ascii(s.Subject, 72))
}

// DiagnosisMarkdown writes the same for a job summary, of at most limit bytes. The error is one of w.
func DiagnosisMarkdown(w io.Writer, d gate.Diagnosis, limit int) error {
	p := page{left: limit}
	p.add("## perfgate: what the regression is in\n")
	problems := section{head: "\n### Not looked at\n\n", most: 10, more: moreItems}
	for _, s := range d.Problems {
		problems.rows = append(problems.rows, "- "+prose(s)+"\n")
	}
	p.table(problems)
	if x := d.Bisected; x != nil {
		bisectMarkdown(&p, *x)
	}
	p.table(blameTable(d.Blame))
	p.add(fmt.Sprintf("\nCompared: head %s with base %s.\n", sideMarkdown(d.Compared.Head), sideMarkdown(d.Compared.Base)))
	_, err := io.WriteString(w, p.text.String())
	return err
}

func sideMarkdown(s gate.Side) string {
	return strings.TrimSpace(code(s.Ref) + " " + code(shortCommit(s.Commit)))
}

func bisectMarkdown(p *page, x gate.Bisected) {
	head := "\n### Which commit\n\n" + bold(conclusionWords[x.Conclusion]) + ": " + prose(x.Reason) + ".\n"
	if f := x.First; f != nil {
		head += "\n" + code(shortCommit(f.Commit)) + " " + prose(f.Subject) + "\n"
	}
	if v := x.Confirmed; v != nil && x.Parent != nil {
		base, now := centres(*v)
		head += fmt.Sprintf("\nParent %s → commit: %s → %s, %s. %s.\n", code(shortCommit(x.Parent.Commit)), base, now, bold(change(*v)), prose(evidence(*v)))
	}
	p.add(head)
	left := section{head: "\nIt is one of these:\n\n", more: moreItems}
	for _, s := range x.Left {
		left.rows = append(left.rows, "- "+code(shortCommit(s.Commit))+" "+prose(s.Subject)+"\n")
	}
	p.table(left)
	steps := section{head: "\n| Commit | Outcome | Good → it | Change | Evidence |\n| :-- | :-- | :-- | --: | :-- |\n", more: moreRows}
	for _, s := range x.Steps {
		centre := ""
		if s.Base != nil && s.Head != nil {
			a, b := values(*s.Base, *s.Head, x.TidyUnit)
			centre = a + " → " + b
		}
		by := ""
		if s.Change != nil {
			by = percent(*s.Change)
		}
		steps.rows = append(steps.rows, row(lines(code(shortCommit(s.Commit)), small(prose(s.Subject))), prose(string(s.Outcome)), centre, by, prose(s.Reason)))
	}
	p.table(steps)
}

// DiagnosisJSON writes d as indented JSON with a new line at the end; the same diagnosis gives the same
// bytes. The error is one of w, or says that a number cannot be written.
func DiagnosisJSON(w io.Writer, d gate.Diagnosis) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(d); err != nil {
		return fmt.Errorf("write the diagnosis: %s", describe(err))
	}
	_, err := w.Write(b.Bytes())
	return err
}
