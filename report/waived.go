package report

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/perfgate/perfgate/internal/gate"
)

// outcomeText is the outcome in words. One that is green says what it is not: "PASS (1 waived, 2 not judged)".
func outcomeText(r gate.Result) string {
	text := outcome(r).text
	if not := notQuite(r); len(not) > 0 {
		text += " (" + strings.Join(not, ", ") + ")"
	}
	return text
}

// notQuite says what a green result is not.
func notQuite(r gate.Result) []string {
	if r.ExitCode != gate.ExitPass {
		return nil
	}
	var but []string
	if n := r.Counts.Waived; n > 0 {
		but = append(but, fmt.Sprintf("%d waived", n))
	}
	if n := r.Counts.Missing + r.Counts.Inconclusive; n > 0 {
		but = append(but, fmt.Sprintf("%d not judged", n))
	}
	return but
}

// meaning says what the exit code means for this result.
func meaning(r gate.Result) string {
	if r.ExitCode == gate.ExitPass && r.Counts.Waived > 0 {
		return "nothing failed beyond its waiver and nothing blocks"
	}
	return outcome(r).meaning
}

// policies are what may keep a verdict from blocking, with what a headline calls it.
var policies = []struct{ policy, by string }{
	{"on_missing: warn", "policy"}, {"on_inconclusive: warn", "policy"}, {"--allow-no-base", "--allow-no-base"},
}

// policyReservations say for the headline where a policy made a difference: "2 missing, not blocking by policy".
func policyReservations(r gate.Result) []string {
	var out []string
	for _, k := range []struct {
		kind gate.Kind
		text string
	}{{gate.Missing, "missing"}, {gate.Inconclusive, "inconclusive"}} {
		for _, p := range policies {
			n := 0
			for _, v := range r.Verdicts {
				if v.Verdict == k.kind && !v.Blocks && v.Policy == p.policy {
					n++
				}
			}
			if n > 0 {
				out = append(out, fmt.Sprintf("%d %s, not blocking by %s", n, k.text, p.by))
			}
		}
	}
	return out
}

// nameCell is the benchmark of a verdict, with the name that it had in base.
func nameCell(v gate.Verdict) string {
	if v.RenamedFrom == "" {
		return code(v.Benchmark)
	}
	return code(v.RenamedFrom) + " →\u00a0" + code(v.Benchmark)
}

// waivedTable shows what is beyond its limits by permission, and what is beyond the permission too.
func waivedTable(verdicts []gate.Verdict) section {
	s := section{
		head: "\n### What is waived\n\n| Waiver | Benchmark | Change | Ceiling | Why |\n| :-- | :-- | --: | :-- | :-- |\n",
		most: maxRows,
		more: moreRows,
	}
	for _, v := range verdicts {
		w := v.Waived
		if w == nil {
			continue
		}
		mark := "🟠\u00a0WAIVED"
		if w.Beyond {
			mark = "❌\u00a0NOT WITHIN"
		}
		s.rows = append(s.rows, row(
			lines(mark, small(code(w.At))),
			lines(nameCell(v), code(v.Unit)),
			lines(bold(change(v)), centresCell(v)),
			lines(bold(prose(w.Ceiling)), "until "+strings.ReplaceAll(prose(w.Until), "-", "\u2011"), small(prose(w.Found))),
			lines(prose(w.Reason), link(w.Link)),
		))
	}
	return s
}

// noteList says what may be tidied up.
func noteList(r gate.Result) section {
	s := section{head: "\n### No longer needed\n\n", most: 10, more: moreItems}
	for _, n := range r.Notes {
		s.rows = append(s.rows, "- "+prose(n)+"\n")
	}
	return s
}

// safeLink is what is linked: an address that needs no escape in an attribute, with no user in it.
var safeLink = regexp.MustCompile(`^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~:/?#=%+-]*)?$`)

// link returns a link that opens nothing but what it shows, or the text alone.
func link(s string) string {
	if s == "" {
		return ""
	}
	if safeURL(s) == "" {
		return code(s)
	}
	return `<a href="` + s + `">` + breakable(code(s)) + "</a>"
}

var partEnd = regexp.MustCompile(`([A-Za-z0-9])/`)

// breakable lets an address go on in the next line behind its parts, so that a long one does not push the
// rest of its row out of sight.
func breakable(code string) string { return partEnd.ReplaceAllString(code, "$1/&#8203;") }

// textWaived writes the line about the waiver under the row of a verdict.
func textWaived(w io.Writer, v gate.Verdict) {
	if v.Waived == nil {
		return
	}
	word := "waived"
	if v.Waived.Beyond {
		word = "waiver does not hold"
	}
	fmt.Fprintf(w, "    %s: ceiling %s until %s: %s; %s (%s, %s)\n", word, ascii(v.Waived.Ceiling, maxName), ascii(v.Waived.Until, maxName),
		ascii(v.Waived.Found, maxText), ascii(v.Waived.Reason, maxText), ascii(v.Waived.Link, maxText), ascii(v.Waived.At, maxName))
}

// textNotes writes what may be tidied up.
func textNotes(w io.Writer, r gate.Result) {
	for i, n := range r.Notes {
		if i == maxNotes {
			fmt.Fprintf(w, "note: %d more\n", len(r.Notes)-i)
			return
		}
		fmt.Fprintf(w, "note: %s\n", ascii(n, maxText))
	}
}

// maxNotes is how many notes a text report shows, and maxAllNotes how many a result has.
const (
	maxNotes    = 20
	maxAllNotes = 5000
)

// validWaived returns what no waived verdict can be.
func validWaived(v gate.Verdict) error {
	w := v.Waived
	switch {
	case w == nil:
		return nil
	case v.Verdict != gate.Fail && v.Verdict != gate.Inconclusive:
		return fmt.Errorf("it is a %s, which needs no waiver", v.Verdict)
	case rank(w.Verdict) < 0 || w.Beyond != (w.Verdict != gate.Pass):
		return errors.New("its waiver says two things of the ceiling")
	case !w.Beyond && v.Blocks, w.Beyond && v.Verdict == gate.Fail && !v.Blocks:
		return errors.New("a waiver excuses what is within its ceiling, and nothing else")
	case slices.Contains([]string{w.Ceiling, w.Until, w.Reason, w.At}, ""):
		return errors.New("its waiver lacks ceiling, day, reason or place")
	}
	return nil
}
