package report

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/perfgate/perfgate/internal/gate"
)

// A Note is one verdict in plain text on one line, for where a report cannot stand. Nothing in it is
// longer than a few hundred characters; it is not escaped, since each place needs that in its own way.
type Note struct {
	Fail  bool   // else it is one that could not be judged and blocks
	File  string // of the budget, with slashes, below the directory of the check; empty when unknown
	Line  int    // in File, from 1; 0 when unknown
	Title string
	Text  string
}

// Notes returns the verdicts that keep a result from passing, at most so many, in the order of the
// report: the worst first. More is how many are left out.
func Notes(r gate.Result, most int) (notes []Note, more int) {
	for _, v := range worstFirst(r.Verdicts) {
		if !failed(v) && (!v.Blocks || v.Verdict == gate.Pass) {
			continue
		}
		if len(notes) == most {
			more++
			continue
		}
		n := Note{Fail: v.Verdict == gate.Fail}
		n.File, n.Line = place(v.At)
		n.Title = oneLine(fmt.Sprintf("perfgate %s: %s %s", kindWord(v.Verdict).text, v.Benchmark, v.Unit), maxName)
		base, head := centres(v)
		parts := []string{oneLine(v.Reason, maxText)}
		if v.Base != nil || v.Head != nil {
			parts = append(parts, fmt.Sprintf("base %s, head %s", oneLine(base, maxName), oneLine(head, maxName)))
		}
		parts = append(parts, oneLine(strings.Join(limits(v), ", "), maxName), oneLine(v.Why, maxName))
		n.Text = strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
		notes = append(notes, n)
	}
	return notes, more
}

// Line says the outcome and the counts on one line of plain text: "FAIL: 1 failed, 30 passed".
func Line(r gate.Result) string {
	s := outcomeText(r) + ": " + counts(r.Counts)
	if p := part(r, func(s string) string { return s }); p != "" {
		s += ", " + p
	}
	for _, p := range policyReservations(r) {
		s += ", " + p
	}
	if !compared(r) {
		s += ", not compared with a base"
	}
	return oneLine(s, maxText)
}

// oneLine returns s on one line. A runner of GitHub Actions obeys ##[ anywhere in a line that it logs.
func oneLine(s string, limit int) string {
	return strings.ReplaceAll(clean(s, limit), "##[", "## [")
}

// place splits FILE:LINE. A file that is not below the directory of the check is unknown.
func place(at string) (file string, line int) {
	file = at
	if i := strings.LastIndexByte(at, ':'); i >= 0 {
		file = at[:i]
		line, _ = strconv.Atoi(at[i+1:])
	}
	if !safePath.MatchString(file) || path.IsAbs(file) || slices.Contains(strings.Split(file, "/"), "..") {
		return "", 0
	}
	return path.Clean(file), max(line, 0)
}
