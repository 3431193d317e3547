// Package report renders the result of a check for people and for machines: Markdown for a
// pull-request comment or a job summary, a page of HTML for a browser, text for a terminal, JSON for
// the next stage, JUnit XML for a test view.
//
// It decides nothing. Verdicts, exit code and reasons are shown as the result has them; no measured
// number is compared with a limit here. It reads and writes only through the reader or writer that
// it is given.
//
// A result may come from a run of somebody else's code, so every name, reason and reference in it is
// hostile: each is stripped of what cannot be seen, capped in length and escaped before it is shown.
//
// Position in the flow: gate makes the result, report renders it, github delivers the rendering.
package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/perfgate/perfgate/internal/gate"
)

// A word is how an exit code or a verdict is shown: never by symbol or colour alone.
type word struct {
	symbol  string
	text    string
	meaning string
}

// outcomes gives each exit code its word.
var outcomes = [...]word{
	gate.ExitPass:      {"✅", "PASS", "nothing failed and nothing blocks"},
	gate.ExitFail:      {"❌", "FAIL", "at least one budget failed"},
	gate.ExitMisuse:    {"❌", "INVALID", "bad arguments or invalid budgets"},
	gate.ExitNotJudged: {"⚠️", "NOT JUDGED", "nothing failed, but something could not be judged"},
	gate.ExitNotStored: {"❌", "NOT STORED", "judged, but a delivery that was required failed"},
}

// outcome never calls an exit code that it does not know a pass.
func outcome(r gate.Result) word {
	if r.ExitCode < 0 || r.ExitCode >= len(outcomes) {
		return word{"⚠️", "UNKNOWN", "an exit code that this version does not know"}
	}
	return outcomes[r.ExitCode]
}

// kinds gives each verdict its word; the order is that of a report, worst first.
var kinds = []struct {
	kind gate.Kind
	word
}{
	{gate.Fail, word{symbol: "❌", text: "FAIL"}},
	{gate.Missing, word{symbol: "⚠️", text: "MISSING"}},
	{gate.Inconclusive, word{symbol: "🟡", text: "INCONCLUSIVE"}},
	{gate.Pass, word{symbol: "✅", text: "PASS"}},
}

// waivedWord is that of a fail that a waiver keeps from blocking.
var waivedWord = word{symbol: "🟠", text: "WAIVED"}

// excused reports whether a waiver keeps a fail from blocking.
func excused(v gate.Verdict) bool {
	return v.Verdict == gate.Fail && v.Waived != nil && !v.Waived.Beyond && !v.Blocks
}

// failed reports whether a verdict is a fail that counts as one.
func failed(v gate.Verdict) bool { return v.Verdict == gate.Fail && !excused(v) }

// rank returns the place of a verdict in kinds, or -1 for one that is none.
func rank(k gate.Kind) int {
	for i := range kinds {
		if kinds[i].kind == k {
			return i
		}
	}
	return -1
}

func kindWord(k gate.Kind) word {
	if i := rank(k); i >= 0 {
		return kinds[i].word
	}
	return word{symbol: "⚠️", text: "UNKNOWN"}
}

// wordOf returns the word of a verdict.
func wordOf(v gate.Verdict) word {
	if excused(v) {
		return waivedWord
	}
	return kindWord(v.Verdict)
}

// order returns the place of a verdict in a report: what is waived comes before what passed.
func order(v gate.Verdict) int {
	if excused(v) {
		return 2*rank(gate.Pass) - 1
	}
	return 2 * rank(v.Verdict)
}

// worstFirst returns the verdicts in the order of a report: by kind, blocking before not blocking,
// then the largest change in the bad direction. A fail without a change comes first: it crashed, or
// else rose from zero.
func worstFirst(verdicts []gate.Verdict) []gate.Verdict {
	out := slices.Clone(verdicts)
	slices.SortStableFunc(out, func(a, b gate.Verdict) int {
		if c := cmp.Compare(order(a), order(b)); c != 0 {
			return c
		}
		if a.Blocks != b.Blocks {
			if a.Blocks {
				return -1
			}
			return +1
		}
		return cmp.Compare(badness(b), badness(a))
	})
	return out
}

// badness is the change as a log ratio, oriented so that more is worse: a rate that halves is as
// bad as a time that doubles.
func badness(v gate.Verdict) float64 {
	switch {
	case v.Verdict == gate.Fail && v.Head == nil:
		return math.Inf(+1)
	case v.Verdict == gate.Fail && v.Change == nil:
		return math.MaxFloat64
	case v.Change == nil:
		return 0
	}
	d := math.Log1p(*v.Change)
	switch {
	case math.IsNaN(d):
		return 0
	case v.Direction == "lower":
		return d
	case v.Direction == "higher":
		return -d
	}
	return math.Abs(d)
}

// counts says how many verdicts there are of each kind, worst first, leaving out the kinds with
// none: "1 failed, 1 waived, 2 missing, 30 passed (4 new), 3 improved".
func counts(c gate.Counts) string {
	var parts []string
	add := func(n int, text string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, text))
		}
	}
	add(c.Fail, "failed")
	add(c.Waived, "waived")
	add(c.Missing, "missing")
	add(c.Inconclusive, "inconclusive")
	passed := "passed"
	if c.New > 0 {
		passed = fmt.Sprintf("passed (%d new)", c.New)
	}
	add(c.Pass, passed)
	add(c.Improved, "improved")
	if len(parts) == 0 {
		return "nothing was judged"
	}
	return strings.Join(parts, ", ")
}

// part says which part of the budgets was judged, "" where all were: "suite memory: 12 of 60 budgets
// judged". The names are left to the caller to escape.
func part(r gate.Result, escape func(string) string) string {
	if r.Selected == nil {
		return ""
	}
	asked, word := r.Selected.Suites, "suite"
	if len(r.Selected.IDs) > 0 {
		asked, word = r.Selected.IDs, "budget"
	}
	names := make([]string, min(len(asked), maxSuites))
	for i := range names {
		names[i] = escape(asked[i])
	}
	if n := len(asked) - len(names); n > 0 {
		names = append(names, fmt.Sprintf("%d more", n))
	}
	if len(asked) != 1 {
		word += "s"
	}
	return fmt.Sprintf("%s %s: %d of %d budgets judged", word, strings.Join(names, ", "), r.Selected.Judged, r.Selected.Budgets)
}

// maxSuites is how many suites, or budgets, are named.
const maxSuites = 6

// compared reports whether the result rests on a base at all.
func compared(r gate.Result) bool {
	return r.Compared.Base.Kind != "none" && r.Compared.Base.Kind != ""
}
