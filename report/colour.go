package report

import (
	"bytes"
	"slices"
)

// colours gives each word that a line of a text report may begin with its colour. The word stays: colour says
// nothing alone.
var colours = []struct{ word, code string }{
	{"FAIL", "31"}, {"INVALID", "31"}, {"NOT STORED", "31"}, {"UNKNOWN", "31"},
	{"MISSING", "33"}, {"INCONCLUSIVE", "33"}, {"NOT JUDGED", "33"}, {"problem", "33"},
	{"PASS", "32"},
}

// Colour returns a text that Text wrote with its verdicts in colour, for a terminal. Text shows what comes from
// a result in printable ASCII only, so that every colour is one of ours.
func Colour(text []byte) []byte {
	lines := bytes.SplitAfter(text, []byte("\n"))
	for i, line := range lines {
		for _, c := range colours {
			rest, ok := bytes.CutPrefix(line, []byte(c.word))
			if ok && len(rest) > 0 && bytes.IndexByte([]byte(" :(\n"), rest[0]) >= 0 {
				lines[i] = slices.Concat([]byte("\x1b["+c.code+"m"+c.word+"\x1b[0m"), rest)
				break
			}
		}
	}
	return bytes.Join(lines, nil)
}
