package report

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/perfgate/perfgate/internal/gate"
)

func TestNotes(t *testing.T) {
	f := func(x float64) *float64 { return &x }
	r := gate.Result{ExitCode: gate.ExitFail, Counts: gate.Counts{Fail: 2, Missing: 1, Inconclusive: 1, Pass: 1}, Verdicts: []gate.Verdict{
		{Benchmark: "A", Unit: "ns/op", Verdict: gate.Pass, Reason: "passed", At: "b/a.yaml:1"},
		{Benchmark: "B", Unit: "ns/op", Verdict: gate.Inconclusive, Reason: "noise", At: "b/a.yaml:2"},
		{Benchmark: "C", Unit: "ns/op", Verdict: gate.Missing, Blocks: true, Reason: "not measured", At: "b/a.yaml:3"},
		{Benchmark: "D", Unit: "rounds/op", Direction: "lower", Verdict: gate.Fail, Blocks: true, Reason: "more than allowed", Base: f(10), Head: f(12), Change: f(.2), At: "b/a.yaml:4",
			Limits: []gate.LimitVerdict{{Kind: "max_rise", Text: "10%"}}, Why: "rooms feel instant"},
		{Benchmark: "E", Unit: "rounds/op", Direction: "lower", Verdict: gate.Fail, Blocks: true, Reason: "far more", Change: f(2), At: "../x.yaml:5"},
	}}
	notes, more := Notes(r, 10)
	var got []string
	for _, n := range notes {
		got = append(got, fmt.Sprintf("%v %s:%d %s | %s", n.Fail, n.File, n.Line, n.Title, n.Text))
	}
	want := []string{
		"true :0 perfgate FAIL: E rounds/op | far more",
		"true b/a.yaml:4 perfgate FAIL: D rounds/op | more than allowed; base 10, head 12; max_rise 10%; rooms feel instant",
		"false b/a.yaml:3 perfgate MISSING: C ns/op | not measured",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || more != 0 {
		t.Errorf("%d more, got\n%s\nwant\n%s", more, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if notes, more := Notes(r, 2); len(notes) != 2 || more != 1 || notes[1].Line != 4 {
		t.Errorf("of two: %+v, %d more", notes, more)
	}
	if got, want := Line(r), "FAIL: 2 failed, 1 missing, 1 inconclusive, 1 passed, not compared with a base"; got != want {
		t.Errorf("line %q, want %q", got, want)
	}
}

// Whatever stands in a result, a note is one line, of text that can be seen, of bounded length.
func TestHostileNotes(t *testing.T) {
	for _, s := range []string{
		"a\n::error::b", "\r\n::stop-commands::x", "##[error]x", "a\u202eb\u200b", strings.Repeat("x", 100_000), "\xff\xfe", "../../etc/passwd", "/etc/passwd", "C:\\x", "a/../../b", "-", "",
	} {
		r := hostile(s)
		notes, _ := Notes(r, 10)
		if len(notes) == 0 {
			t.Fatal("no notes")
		}
		texts := []string{Line(r)}
		for _, n := range notes {
			texts = append(texts, n.Title, n.Text, n.File)
			if strings.Contains(n.File, "..") || strings.HasPrefix(n.File, "/") || n.Line < 0 {
				t.Errorf("%.50q: file %q, line %d", s, n.File, n.Line)
			}
		}
		for _, text := range texts {
			if len([]rune(text)) > 2*maxName+2*maxText || strings.Contains(text, "##[") || strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) && r != '\u00a0' }) >= 0 {
				t.Errorf("%.50q: %.300q", s, text)
			}
		}
	}
}
