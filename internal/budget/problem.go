package budget

import (
	"fmt"
	"slices"
	"strings"
)

// A Problem is one thing wrong in a budget file.
type Problem struct {
	Pos  Pos
	Text string // what is wrong with what
	Near string // the valid word nearest to the one written, or empty
	Help string // the way out, or empty
}

// Error returns one line: file:line:column: what is wrong; did you mean ...?; the way out.
func (p Problem) Error() string {
	var b strings.Builder
	if p.Pos.File != "" {
		fmt.Fprintf(&b, "%s:%d:%d: ", p.Pos.File, p.Pos.Line, p.Pos.Column)
	}
	b.WriteString(p.Text)
	if p.Near != "" {
		fmt.Fprintf(&b, "; did you mean %s?", p.Near)
	}
	if p.Help != "" {
		b.WriteString("; " + p.Help)
	}
	return b.String()
}

// Problems is everything wrong in a set of budget files, in the order of the files and lines.
type Problems []Problem

// Error returns one problem to a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Sort puts the problems in order of file, line and column. What stands at one place keeps its
// order.
func (ps Problems) Sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		if c := strings.Compare(a.Pos.File, b.Pos.File); c != 0 {
			return c
		}
		if a.Pos.Line != b.Pos.Line {
			return a.Pos.Line - b.Pos.Line
		}
		return a.Pos.Column - b.Pos.Column
	})
}
