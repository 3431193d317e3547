package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/perfgate/perfgate/internal/gate"
)

// The most rows of a text report: beyond, the passes of one budget share a row, and then the rest is
// only counted.
const (
	maxPassRows = 50
	maxTextRows = 200
)

// Text writes a short table of the verdicts for a terminal, worst first, in printable ASCII only. A
// column is verdict, benchmark, unit, base -> head, change and limits; the reason of what is not a
// pass stands under its row. The last line sums up and says what the exit code means. The error is
// one of w.
func Text(w io.Writer, r gate.Result) error {
	var b bytes.Buffer
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "problem: %s\n", ascii(p, maxText))
	}
	textNotes(&b, r)
	verdicts := worstFirst(r.Verdicts)
	name := textName(verdicts)
	var rows [][]string
	left := map[string]int{} // by word
	grouped := len(verdicts) > maxPassRows
	for i, v := range verdicts {
		if v.Verdict == gate.Pass && grouped {
			rows = append(rows, passRows(verdicts[i:], name, maxTextRows-len(rows), left)...)
			break // passes come last
		}
		if len(rows) == maxTextRows {
			left[wordOf(v).text]++
			continue
		}
		rows = append(rows, textRow(v, name(v)))
	}
	widths := columnWidths(rows)
	for i, row := range rows {
		writeRow(&b, row, widths)
		v := verdicts[i] // rows leaves out only what comes after
		if v.Verdict == gate.Pass && grouped {
			continue
		}
		if v.Verdict != gate.Pass {
			fmt.Fprintf(&b, "    why: %s\n", ascii(v.Reason, maxText))
			if e := evidence(v); e != "" {
				fmt.Fprintf(&b, "    evidence: %s\n", plainASCII(e))
			}
			textWaived(&b, v)
			if a := advice(v); a != "" {
				fmt.Fprintf(&b, "    next: %s\n", plainASCII(a))
			}
			if c := reproduceOne(r, v); c != "" && failed(v) {
				fmt.Fprintf(&b, "    repeat: %s\n", c)
			}
		}
		for _, warning := range v.Warnings {
			fmt.Fprintf(&b, "    warning: %s\n", ascii(warning, maxText))
		}
	}
	for _, w := range []word{kindWord(gate.Fail), kindWord(gate.Missing), kindWord(gate.Inconclusive), waivedWord, kindWord(gate.Pass)} {
		if left[w.text] > 0 {
			fmt.Fprintf(&b, "%-4s  %d more, not listed\n", w.text, left[w.text])
		}
	}
	for _, line := range textLaws(verdicts) {
		fmt.Fprintln(&b, line)
	}
	blameText(&b, r.Blame, false)
	fmt.Fprintln(&b, textCompared(r))
	if s := textShards(r); s != "" {
		fmt.Fprintln(&b, plainASCII(s))
	}
	fmt.Fprintf(&b, "%s%s: %s (exit code %d: %s)\n", outcome(r).text, textReservations(r), counts(r.Counts), r.ExitCode, meaning(r))
	_, err := w.Write(b.Bytes())
	return err
}

// textReservations say beside the outcome what keeps a result from being the usual one.
func textReservations(r gate.Result) string {
	parts := notQuite(r)
	if p := part(r, func(s string) string { return ascii(s, maxName) }); p != "" {
		parts = append(parts, p)
	}
	if r.Confidence != "" {
		parts = append(parts, "confidence "+ascii(r.Confidence, maxName))
	}
	parts = append(parts, policyReservations(r)...)
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, "; ") + ")"
}

// passRows returns one row for each budget among verdicts that all passed, worst first: that of its
// worst, and how many more there are. What does not fit into most rows is counted in left.
func passRows(verdicts []gate.Verdict, name func(gate.Verdict) string, most int, left map[string]int) [][]string {
	var firsts []gate.Verdict
	more := map[string]int{}
	for _, v := range verdicts {
		switch n, seen := more[v.ID]; {
		case seen:
			more[v.ID] = n + 1
		case len(firsts) < most:
			more[v.ID] = 0
			firsts = append(firsts, v)
		default:
			left[wordOf(v).text]++
		}
	}
	var rows [][]string
	for _, v := range firsts {
		row := textRow(v, name(v))
		if n := more[v.ID]; n > 0 {
			row[1] += fmt.Sprintf(" and %d more", n)
		}
		rows = append(rows, row)
	}
	return rows
}

// textName returns how each of the verdicts names its benchmark: with the package where another
// package has a benchmark of that name.
func textName(verdicts []gate.Verdict) func(gate.Verdict) string {
	first := map[string]string{} // package by benchmark
	several := map[string]bool{}
	for _, v := range verdicts {
		if pkg, ok := first[v.Benchmark]; ok && pkg != v.Package {
			several[v.Benchmark] = true
		}
		first[v.Benchmark] = v.Package
	}
	return func(v gate.Verdict) string {
		name := ascii(v.Benchmark, maxName)
		if v.RenamedFrom != "" {
			name = ascii(v.RenamedFrom, maxName) + " -> " + name
		}
		if several[v.Benchmark] && v.Package != "" {
			name += " (" + ascii(v.Package, maxName) + ")"
		}
		return name
	}
}

func textRow(v gate.Verdict, name string) []string {
	verdict := wordOf(v).text
	if notes := verdictNotes(v); notes != "" {
		verdict += " (" + notes + ")"
	}
	base, head := centres(v)
	return []string{
		verdict,
		name,
		ascii(v.Unit, maxName),
		plainASCII(base + " -> " + head),
		plainASCII(change(v)),
		ascii(strings.Join(limits(v), ", "), maxName),
	}
}

// widest bounds a column that others are aligned to: one long name does not push all the rest away.
const widest = 60

func columnWidths(rows [][]string) []int {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = min(max(widths[i], len(cell)), widest)
		}
	}
	return widths
}

func writeRow(b *bytes.Buffer, row []string, widths []int) {
	var line strings.Builder
	for i, cell := range row {
		fmt.Fprintf(&line, "%-*s  ", widths[i], cell)
	}
	b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
}

// textCompared says on one line what was compared.
func textCompared(r gate.Result) string {
	base := "nothing"
	switch {
	case compared(r):
		base = "base " + textSide(r.Compared.Base)
	case r.Compared.Base.Why != "":
		base = "nothing: " + ascii(r.Compared.Base.Why, maxText)
	}
	return fmt.Sprintf("compared head %s with %s", textSide(r.Compared.Head), base)
}

func textSide(s gate.Side) string {
	parts := []string{ascii(s.Ref, maxName)}
	if parts[0] == "" {
		parts[0] = "(unnamed)"
	}
	if s.Commit != "" {
		parts = append(parts, ascii(shortCommit(s.Commit), maxName))
	}
	return strings.Join(parts, " ")
}

// shortCommit cuts a full hash to twelve digits, which are enough to find it.
func shortCommit(commit string) string {
	hash, dirty := strings.CutSuffix(commit, "+dirty")
	if safeHash.MatchString(hash) && len(hash) > 12 {
		hash = hash[:12]
	}
	if dirty {
		hash += "+dirty"
	}
	return hash
}

// plainASCII spells our own words and numbers without what a terminal may lack.
func plainASCII(s string) string {
	return strings.NewReplacer("\u00a0", " ", "µ", "u", "R²", "R2").Replace(s)
}
