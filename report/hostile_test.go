package report

import (
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/perfgate/perfgate/internal/gate"
)

// hostile puts s into every text of a result.
func hostile(s string) gate.Result {
	f := func(x float64) *float64 { return &x }
	r := gate.Result{Version: gate.Version, ExitCode: gate.ExitFail, Outcome: s, Problems: []string{s, s + s}, Confidence: s}
	r.Selected = &gate.Selected{Suites: slices.Repeat([]string{s}, maxSuites+1), Judged: 1, Budgets: 60}
	side := gate.Side{Kind: s, Ref: s, Why: s, Commit: s, Tag: s, CommitTime: s, Measured: s, Environment: map[string]string{s: s, "cpu": s}}
	r.Compared = gate.Compared{Base: side, Head: side}
	for i, k := range []gate.Kind{gate.Fail, gate.Missing, gate.Inconclusive, gate.Pass, gate.Fail} {
		r.Verdicts = append(r.Verdicts, gate.Verdict{
			ID: s, Benchmark: s, Package: fmt.Sprint(s, i), Unit: s, Direction: s, Class: s, Verdict: k, Reason: s, Blocks: true,
			TidyUnit: s, Base: f(1), Head: f(2), Change: f(1), Interval: &gate.Interval{Low: .9, High: 1.1, Confidence: .95}, Pairs: 4,
			Law:         &gate.Law{With: s, Unit: s, Points: []gate.Point{{Size: 1, Base: f(1), Head: 2}}, Factor: 2, Exponent: 1, Scatter: .1, R2: f(.5), Knee: &gate.Knee{At: 3, Below: 1, Above: 2}, Forecast: &gate.Forecast{Size: 9, Value: 8, Low: 7, High: 9, Confidence: .95}},
			RenamedFrom: s, Waived: &gate.Waived{Ceiling: s, Until: s, Reason: s, Link: s, At: s + ":2", Beyond: i == 4},
			Detectable: f(.3), Limits: []gate.LimitVerdict{{Kind: s, Text: s, Verdict: k, Reason: s}}, Warnings: []string{s, s + "2"}, Why: s, At: s + ":1",
		})
	}
	r.Notes, r.Today = []string{s, s}, s
	r.Verdicts[0].Waived = &gate.Waived{Ceiling: s, Until: s, Reason: s, Link: s, At: s, Verdict: gate.Fail, Found: s, Beyond: true}
	r.Verdicts[4].Waived = &gate.Waived{Ceiling: s, Until: s, Reason: s, Link: "https://e.example/" + s, At: s, Verdict: gate.Pass, Found: s}
	r.Verdicts[1].Policy, r.Verdicts[1].Blocks = s, false
	for i := range r.Verdicts {
		r.Verdicts[i].RenamedFrom = s
	}
	excused, better := r.Verdicts[0], r.Verdicts[3]
	excused.Blocks, better.Blocks, better.Improved = false, false, true
	r.Verdicts = append(r.Verdicts, excused, better)
	return r
}

var (
	tag      = regexp.MustCompile(`</?(code|sub|b|details|summary)>|<br>|<a href="https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~:/?#=%+-]*)?">|</a>`)
	entity   = regexp.MustCompile(`&#[0-9]+;`)
	codeText = regexp.MustCompile(`<code>[^<]*</code>`)
	// What GitHub would make something of in text, once entities are resolved.
	live       = regexp.MustCompile(`(?i)@[a-z0-9]|://|www\.[a-z0-9]`)
	liveProse  = regexp.MustCompile(`(?i)#[0-9]|\bgh-[0-9]|:[a-z0-9_+-]+:`)
	command    = regexp.MustCompile(`^perfgate check( --budgets [\w./+-]+)?( --suite [a-z0-9][a-z0-9-]*)*( --budget [a-z0-9][a-z0-9._-]*)*( --base [\w./+-]+)?$`)
	listOrHead = regexp.MustCompile(`^([-+*>#=~]|[0-9]+[.)])`)
)

// checkMarkdown fails when anything in md is live that the report did not mean to be.
func checkMarkdown(t *testing.T, md string) {
	t.Helper()
	if !utf8.ValidString(md) {
		t.Fatal("not UTF-8")
	}
	columns, fence, open := 0, false, 0
	for n, line := range strings.Split(md, "\n") {
		fatal := func(format string, args ...any) {
			t.Helper()
			t.Fatalf("line %d: %s\n%.500q", n+1, fmt.Sprintf(format, args...), line)
		}
		if strings.HasPrefix(line, "```") {
			fence = !fence
			continue
		}
		if fence {
			if !command.MatchString(line) {
				fatal("the command line holds more than a command")
			}
			continue
		}
		for _, r := range line {
			if unicode.Is(unicode.Cf, r) || unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) {
				fatal("invisible character %U", r)
			}
		}
		if n := strings.Count(line, "|"); strings.HasPrefix(line, "|") {
			if columns == 0 {
				columns = n
			}
			if n != columns || columns > 6 || !strings.HasSuffix(line, "|") {
				fatal("%d bars in a table of %d", n, columns)
			}
		} else {
			columns = 0
			if n != 0 {
				fatal("a bar outside of a table")
			}
		}
		rest := tag.ReplaceAllString(entity.ReplaceAllString(line, ""), "")
		if i := strings.IndexAny(rest, "<&@`*_[]!\\$~\""); i >= 0 {
			fatal("%q is not escaped", rest[i])
		}
		if item, ok := strings.CutPrefix(line, "- "); ok && listOrHead.MatchString(item) {
			fatal("an item opens something of its own")
		}
		for _, name := range []string{"code", "sub", "b", "summary", "a"} {
			if strings.Count(line, "<"+name+">")+strings.Count(line, "<"+name+" ") != strings.Count(line, "</"+name+">") {
				fatal("element %s is not whole", name)
			}
		}
		open += strings.Count(line, "<details>") - strings.Count(line, "</details>")
		if open < 0 || open > 1 {
			fatal("details are nested or closed twice")
		}
		shown := html.UnescapeString(tag.ReplaceAllString(line, "\x00"))
		if m := live.FindString(shown); m != "" {
			fatal("%q is live", m)
		}
		shown = html.UnescapeString(tag.ReplaceAllString(codeText.ReplaceAllString(line, "\x00"), "\x00"))
		if m := liveProse.FindString(shown); m != "" {
			fatal("%q is live outside of code", m)
		}
	}
	if fence || open != 0 {
		t.Fatal("a fence or details are left open")
	}
}

// checkText fails when a line of a text report could do something to a terminal or a log.
func checkText(t *testing.T, s string) {
	t.Helper()
	for _, line := range strings.Split(s, "\n") {
		for _, r := range line {
			if r < ' ' || r > '~' {
				t.Fatalf("character %U in %q", r, line)
			}
		}
		if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") {
			t.Fatalf("a log would obey %q", line)
		}
	}
	if !strings.HasSuffix(s, ")\n") {
		t.Fatalf("the last line is cut: %q", s)
	}
}

var attacks = []string{
	"<script>alert(1)</script>", "a|b|c", "@octocat", "fixes #1 GH-2 gh-3 o/r#4", "`x` ``y`` ```", "![x](https://e.example/p.png)",
	"[x](javascript:x)", "https://e.example", "www.e.example WWW.E", "a@e.example", "a\nb\r\n## c\n| d |", "\u202eabc\u202c\u2066d\u2069\u200b\u2060\ufeff",
	"</details>", "</code></td>", "<!-- perfgate:x -->", "::error::x", "##[error]x", "x ##\u200b[error]", "&lt;", "&#60;b&#62;", "- [ ] x", "1. x", "1) x", "+ x", "> x", "---", "===",
	"$x^2$", ":tada:", "\\|", "\x1b[31m\a\x00", strings.Repeat("x", 5000), strings.Repeat("|", 500), strings.Repeat("@", 500), "\xff\xfe|\xc0", "\u00a0\u2028\u2029\u0085", "中文é😀", "", " ", "\t", "e\u0301\u0301",
	"~~x~~", "_x_ *y* __z__", "<details open>", "-base", "budgets/$(x)/a.yaml", "a;b", "--x", "GH-1#1@1:1:1", "ghs_x GH-", "|---|---|", "https\u200b://e.example", "w\u200bww.e.example", "@\u200boctocat",
}

func TestHostile(t *testing.T) {
	for _, s := range attacks {
		r := hostile(s)
		checkMarkdown(t, markdown(t, r, CommentLimit))
		checkText(t, text(t, r))
	}
	for _, name := range names(t) {
		r := load(t, name)
		checkMarkdown(t, markdown(t, r, SummaryLimit))
		checkText(t, text(t, r))
	}
}

func FuzzHostile(f *testing.F) {
	for _, s := range attacks {
		f.Add(s, 3000)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		r := hostile(s)
		limit = max(0, min(limit, CommentLimit))
		md := markdown(t, r, limit)
		if len(md) > limit {
			t.Fatalf("%d bytes, the limit is %d", len(md), limit)
		}
		checkMarkdown(t, md)
		checkText(t, text(t, r))
	})
}

// What may be shown of a text is bounded, also where each character takes many bytes.
func TestCaps(t *testing.T) {
	for _, c := range []struct {
		in   string
		want int
	}{
		{strings.Repeat("x", maxName-1), maxName - 1},
		{strings.Repeat("x", maxName+1), maxName},
		{strings.Repeat("😀", 5000), maxName},
		{strings.Repeat("a b ", 5000), maxName},
		{"x" + strings.Repeat("a b ", 5000), maxName},
		{strings.Repeat("\u200b", 5000), 0},
	} {
		shown := []rune(html.UnescapeString(strings.TrimSuffix(strings.TrimPrefix(code(c.in), "<code>"), "</code>")))
		if len(shown) > c.want || len(shown) < c.want-1 {
			t.Errorf("%.10q...: %d characters shown, want %d", c.in, len(shown), c.want)
		}
		if len([]rune(c.in)) > maxName && c.want > 0 && !slices.Contains(shown, '…') {
			t.Errorf("%.10q...: cut without a mark", c.in)
		}
	}
}
