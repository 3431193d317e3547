package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/gate"
)

// huge is a result with as many verdicts as a result may have, half of them failed.
func huge() gate.Result {
	r := hostile("JournalSync/peers=3/net=ideal")
	fail, pass := r.Verdicts[0], r.Verdicts[3]
	r.Verdicts = nil
	for i := range MaxVerdicts {
		v := fail
		if i%2 == 1 {
			v = pass
		}
		v.Benchmark = fmt.Sprintf("Case/i=%d", i)
		v.Reason = "exactly as the base"
		r.Verdicts = append(r.Verdicts, v)
	}
	r.Counts = gate.Counts{Fail: MaxVerdicts / 2, Pass: MaxVerdicts / 2}
	return r
}

func TestNothingIsLeftOutAtTheFullSize(t *testing.T) {
	for _, name := range names(t) {
		r := load(t, name)
		full := markdown(t, r, SummaryLimit)
		if got := markdown(t, r, len(full)); got != full {
			t.Errorf("%s: %d bytes of %d at a limit of the full size", name, len(got), len(full))
		}
		if got := markdown(t, r, len(full)-1); len(got) >= len(full) {
			t.Errorf("%s: %d bytes at a limit of %d", name, len(got), len(full)-1)
		}
	}
}

// At limits from nothing to everything the report fits, is well formed, and says the outcome as
// soon as there is room for its word.
func TestEveryLimit(t *testing.T) {
	for _, name := range []string{"fail", "missing", "hostile"} {
		r := load(t, name)
		full := len(markdown(t, r, SummaryLimit))
		step := full/700 + 1
		word, folded := outcome(r).text, false
		for limit := -1; limit <= full+1; limit += step {
			md := markdown(t, r, limit)
			if len(md) > max(limit, 0) {
				t.Fatalf("%s: %d bytes at a limit of %d", name, len(md), limit)
			}
			if limit >= len(word) && !strings.Contains(md, word) {
				t.Fatalf("%s: at a limit of %d the outcome is not said: %q", name, limit, md)
			}
			checkMarkdown(t, md)
			// The line that counts what is left out must not cost a table its place. (Between rows as
			// unequal as the hostile ones, a longer row of another table may.)
			if has := strings.Contains(md, "<summary>All"); folded && !has && name != "hostile" {
				t.Fatalf("%s: at a limit of %d the table of all verdicts is gone again", name, limit)
			} else {
				folded = has
			}
		}
	}
}

// Rungs of the ladder: what goes first, and that what goes is counted.
func TestLadder(t *testing.T) {
	r := load(t, "many")
	full := markdown(t, r, SummaryLimit)
	details := strings.Index(full, "\n<details>")
	if details < 0 {
		t.Fatal("the full report has no details")
	}
	for _, c := range []struct {
		name     string
		limit    int
		has, not []string
	}{
		{"all", len(full), []string{"What broke", "All 90"}, []string{"more not shown here"}},
		{"a row of the details less", len(full) - 1, []string{"What broke", "What was compared", "Repeat it", "All 90", "1 more not shown here"}, nil},
		{"no details", details, []string{"What broke", "could not be judged", "What was compared", "Repeat it"}, []string{"All 90", "more not shown here"}},
		{"half of the main tables", details / 2, []string{"What broke", "more not shown here", "What was compared", "Repeat it"}, []string{"<details>"}},
		{"headline", 400, []string{"FAIL", "Worst"}, []string{"What broke"}},
		{"outcome", 60, []string{"## ❌ perfgate: FAIL"}, []string{"Worst"}},
		{"word", 5, []string{"FAIL"}, []string{"perfgate"}},
	} {
		md := markdown(t, r, c.limit)
		for _, s := range c.has {
			if !strings.Contains(md, s) {
				t.Errorf("%s, at %d bytes: no %q in %d bytes", c.name, c.limit, s, len(md))
			}
		}
		for _, s := range c.not {
			if strings.Contains(md, s) {
				t.Errorf("%s, at %d bytes: %q is there", c.name, c.limit, s)
			}
		}
	}
}

func TestHuge(t *testing.T) {
	r := huge()
	for _, limit := range []int{CommentLimit, SummaryLimit} {
		md := markdown(t, r, limit)
		if len(md) > limit || len(md) < limit*9/10 {
			t.Errorf("%d bytes at a limit of %d", len(md), limit)
		}
		checkMarkdown(t, md)
		if !strings.Contains(md, fmt.Sprintf("\n%d more not shown here.", MaxVerdicts/2-maxRows)) {
			t.Errorf("at %d bytes the rows left out of the first table are not counted", limit)
		}
	}
	s := text(t, r)
	checkText(t, s)
	// A row, and up to seven lines about it: why, evidence, waiver, what next, repeat, warnings.
	if n := strings.Count(s, "\n"); n > 8*maxTextRows+maxTextLaws+maxNotes+10 {
		t.Errorf("%d lines of text", n)
	}
	if !strings.Contains(s, fmt.Sprintf("FAIL  %d more, not listed", MaxVerdicts/2-maxTextRows)) || !strings.Contains(s, fmt.Sprintf("PASS  %d more, not listed", MaxVerdicts/2)) {
		t.Errorf("what is left out is not counted:\n%s", s[len(s)-400:])
	}
}

// A part of the budgets, and samples that are few, are told with the outcome as soon as there is room.
func TestAPartIsNotTakenForTheWhole(t *testing.T) {
	r := load(t, "part")
	said := "PASS, suites memory, latency-2: 5 of 60 budgets judged, confidence low (quick)"
	for limit := range 400 {
		md := markdown(t, r, limit)
		if has := strings.Contains(md, said); has != (limit >= len(said)) {
			t.Fatalf("at a limit of %d: %q", limit, md)
		}
	}
	if !strings.Contains(text(t, r), "\nPASS (suites memory, latency-2: 5 of 60 budgets judged; confidence low (quick)): ") {
		t.Errorf("not in the text:\n%s", text(t, r))
	}
}

// The lengths that a comment is tried in: each is well formed, keeps the outcome, the counts and what
// keeps the result from being the usual one, and the longer the more of what broke.
func TestRungs(t *testing.T) {
	large, part := crowd(t, 5000), crowd(t, 5000)
	part.Selected = &gate.Selected{IDs: []string{"digest-time"}, Judged: 1, Budgets: 60}
	part.Counts.Waived, part.Confidence = 12, "low (quick)"
	for name, r := range map[string]gate.Result{"huge": large, "a part of it": part, "hostile": huge()} {
		rows := -1
		for _, limit := range []int{800, 6_000, 20_000, CommentLimit} {
			md := markdown(t, r, limit)
			if len(md) > limit {
				t.Errorf("%s: %d bytes at a limit of %d", name, len(md), limit)
			}
			checkMarkdown(t, md)
			// What marks a comment as ours is appended: nothing may be open, nor look like it.
			if strings.Contains(md, "<!--") || strings.Contains(md, "-->") || !strings.HasSuffix(md, "\n") {
				t.Errorf("%s at %d: not safe for a marker", name, limit)
			}
			if name == "hostile" && limit == 800 {
				if !strings.HasPrefix(md, "## ❌ perfgate: FAIL") {
					t.Errorf("%s at %d: %.100q", name, limit, md)
				}
				continue
			}
			want := []string{"## ❌ perfgate: FAIL", counts(r.Counts)}
			if r.Confidence == "low (quick)" {
				want = append(want, "budget digest-time: 1 of 60 budgets judged", "12 waived", "confidence low (quick)")
			}
			for _, s := range want {
				if !strings.Contains(md, s) {
					t.Errorf("%s at %d: no %q in %.300q", name, limit, s, md)
				}
			}
			n := strings.Count(md, "<br>→")
			if n < rows {
				t.Errorf("%s at %d: %d rows, and %d in less room", name, limit, n, rows)
			}
			rows = n
		}
		if rows < maxRows {
			t.Errorf("%s: %d rows at most", name, rows)
		}
	}
}
