package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/gate"
)

// What is linked is a plain https address and nothing else.
func TestLink(t *testing.T) {
	for s, linked := range map[string]bool{
		"https://example.test/pr/1":               true,
		"https://example.test:8443/a?b=c#d":       true,
		"https://example.test":                    true,
		"http://example.test/pr/1":                false,
		"javascript:alert(1)":                     false,
		"https://user@example.test/":              false,
		"https://example.test/\"><b>":             false,
		"https://example.test/a b":                false,
		"https://example.test/&quot;":             false,
		"HTTPS://example.test/":                   false,
		"https:///etc":                            false,
		"https://example.test/\u202e":             false,
		"https://" + strings.Repeat("x", maxText): false,
	} {
		if got := strings.Contains(link(s), "<a "); got != linked {
			t.Errorf("%q becomes %s", s, link(s))
		}
	}
	if link("") != "" {
		t.Error("a link to nothing")
	}
}

// The words of an outcome never say a plain pass where something was waived or not judged.
func TestOutcomeSaysWhatItIsNot(t *testing.T) {
	for _, c := range []struct {
		counts gate.Counts
		code   int
		want   string
	}{
		{gate.Counts{Pass: 2}, 0, "PASS"},
		{gate.Counts{Pass: 1, Waived: 1}, 0, "PASS (1 waived)"},
		{gate.Counts{Pass: 1, Missing: 1, Inconclusive: 1}, 0, "PASS (2 not judged)"},
		{gate.Counts{Pass: 1, Waived: 3, Missing: 1}, 0, "PASS (3 waived, 1 not judged)"},
		{gate.Counts{Fail: 1, Waived: 3}, 1, "FAIL"},
	} {
		if got := outcomeText(gate.Result{ExitCode: c.code, Counts: c.counts}); got != c.want {
			t.Errorf("%+v: %s, want %s", c.counts, got, c.want)
		}
	}
}

// A result whose waivers contradict its verdicts was not written by perfgate.
func TestReadRefusesFalseWaivers(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(r *gate.Result, within, beyond *gate.Verdict)
	}{
		{"waived that blocks", func(_ *gate.Result, w, _ *gate.Verdict) { w.Blocks = true }},
		{"beyond that does not block", func(_ *gate.Result, _, b *gate.Verdict) { b.Blocks = false }},
		{"beyond called within", func(_ *gate.Result, _, b *gate.Verdict) { b.Waived.Beyond = false }},
		{"beyond without a fail of the ceiling", func(_ *gate.Result, _, b *gate.Verdict) { b.Waived.Verdict = gate.Pass }},
		{"no day", func(_ *gate.Result, w, _ *gate.Verdict) { w.Waived.Until = "" }},
		{"a pass that is waived", func(r *gate.Result, w, _ *gate.Verdict) { w.Verdict = gate.Pass }},
		{"counted as a fail", func(r *gate.Result, _, _ *gate.Verdict) { r.Counts.Fail++; r.Counts.Waived-- }},
		{"many notes", func(r *gate.Result, _, _ *gate.Verdict) { r.Notes = make([]string, maxAllNotes+1) }},
		{"green", func(r *gate.Result, _, _ *gate.Verdict) { r.ExitCode = 0 }},
	} {
		r := load(t, "waived")
		var within, beyond *gate.Verdict
		for i := range r.Verdicts {
			if v := &r.Verdicts[i]; v.Waived != nil && v.Verdict == gate.Fail && v.Waived.Beyond {
				beyond = v
			} else if excused(*v) {
				within = v
			}
		}
		c.edit(&r, within, beyond)
		if err := JSON(new(bytes.Buffer), r); err == nil {
			t.Errorf("%s: accepted", c.name)
		}
	}
}
