package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/perfgate/perfgate/internal/bottleneck"
	"github.com/perfgate/perfgate/internal/gate"
)

//go:embed page/page.tmpl
var pageText string

//go:embed page/page.css
var pageStyle string

//go:embed page/page.js
var pageScript string

// Long names break between their parts.
var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"parts": func(name string) []string { return strings.SplitAfter(name, "/") },
}).Parse(pageText))

// The most entries of the sections of a page that stand above the table of all verdicts.
const (
	maxCards = 100 // fails, each with a picture
	maxLaws  = 100
	maxList  = 500 // rows of the other sections
	// maxOpen is up to how many verdicts the table of all is unfolded from the start.
	maxOpen = 12
)

// HTML writes a report as one HTML page that needs nothing else: no file beside it, no network, and no
// script to be read. It answers in the order of Markdown, with a picture of how sure each fail is, and
// lists all verdicts in a table that its own script filters and sorts. The policy in its head forbids
// every other script and everything that would have to be loaded. The error is one of w.
func HTML(w io.Writer, r gate.Result) error { return HTMLProfiled(w, r, bottleneck.Report{}) }

// HTMLProfiled writes the same with what was found in profiles of what broke, below what broke.
func HTMLProfiled(w io.Writer, r gate.Result, seen bottleneck.Report) error {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, newPage(r, seen)); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// htmlWord is a word with the sign and the colour that stand beside it.
type htmlWord struct{ Sign, Text, Class string }

func outcomeHTML(r gate.Result) htmlWord {
	w := htmlWord{Sign: "✕", Text: outcomeText(r), Class: "bad"}
	switch r.ExitCode {
	case gate.ExitPass:
		w.Sign, w.Class = "✓", "good"
	case gate.ExitNotJudged:
		w.Sign, w.Class = "!", "warn"
	}
	return w
}

func wordHTML(v gate.Verdict) htmlWord {
	w := htmlWord{Sign: "!", Text: wordOf(v).text, Class: "warn"}
	switch {
	case excused(v):
		w.Sign, w.Class = "◆", "wait"
	case v.Verdict == gate.Fail:
		w.Sign, w.Class = "✕", "bad"
	case v.Verdict == gate.Inconclusive:
		w.Sign = "?"
	case v.Verdict == gate.Pass:
		w.Sign, w.Class = "✓", "good"
	}
	return w
}

// A htmlVerdict is a verdict in words.
type htmlVerdict struct {
	Benchmark, Unit, Renamed         string
	Word                             htmlWord
	Order                            int
	Notes, ID, At, Package           string
	Base, Head, Change, ChangeKey    string
	Limits, Reason, Evidence, Advice string
	Why                              string
	Warnings                         []string
	Command                          string
	Bar                              *htmlBar
	Law, Fit, Knee, Forecast         string
	Picture                          *htmlLaw
	Waiver                           *htmlWaiver
	Names                            []htmlName // of the benchmarks that share all else
	More                             int
}

// A htmlName names a benchmark and a unit.
type htmlName struct{ Benchmark, Unit, Renamed string }

type htmlWaiver struct{ Until, Ceiling, Reason, Link, URL, At string }

type htmlCount struct {
	N           int
	Text, Class string
}

type htmlSide struct {
	Name       string
	Base, Head []string
}

type htmlDoubt struct {
	Text  string
	Names []htmlName
	More  int
}

type htmlFinding struct{ Benchmark, Saw, Next string }

// A htmlPage is what the template shows. Nothing in it is escaped, which the template does; everything
// from a result is cleaned and cut.
type htmlPage struct {
	Hash    string
	Style   template.CSS
	Script  template.HTML
	Outcome htmlWord
	Tail    string
	Meaning string
	Exit    int
	Counts  []htmlCount
	Worst   *htmlVerdict

	Compared     string
	Problems     []string
	ProblemsMore int
	Broken       []htmlVerdict
	BrokenMore   int
	Findings     []htmlFinding
	Unjudged     []htmlVerdict
	UnjudgedMore int
	Better       []htmlVerdict
	BetterMore   int
	Notes        []string
	NotesMore    int
	Blame        []htmlBlame
	Waived       []htmlVerdict
	WaivedMore   int
	Laws         []htmlVerdict
	LawsMore     int
	Command      string
	Sides        []htmlSide
	Doubts       []htmlDoubt
	DoubtCount   string
	All          []htmlVerdict
	AllCount     string
	Words        []string
	Open         bool
}

func plainName(s string) string { return clean(s, maxName) }

// plainText returns s for running text, with numbers and their units on one line.
func plainText(s string) string {
	return quantity.ReplaceAllString(clean(s, maxText), "$1\u00a0$2")
}

// script returns the element of the page's own script, and what the policy knows it by.
func script() (element template.HTML, hash string) {
	sum := sha256.Sum256([]byte(pageScript))
	return template.HTML("<script>" + pageScript + "</script>"), "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func newPage(r gate.Result, seen bottleneck.Report) htmlPage {
	p := htmlPage{Style: template.CSS(pageStyle), Outcome: outcomeHTML(r), Exit: r.ExitCode, Meaning: meaning(r), Command: reproduce(r)}
	p.Script, p.Hash = script()
	if !compared(r) {
		p.Tail = ", NOT COMPARED with a base"
	}
	p.Tail += reservations(r, plainName)
	for _, c := range []htmlCount{
		{r.Counts.Fail, "failed", "bad"}, {r.Counts.Missing, "missing", "warn"}, {r.Counts.Inconclusive, "inconclusive", "warn"}, {r.Counts.Waived, "waived", "wait"},
		{r.Counts.Pass, "passed", "good"}, {r.Counts.New, "of these new", ""}, {r.Counts.Improved, "improved", "good"},
	} {
		if c.N > 0 {
			p.Counts = append(p.Counts, c)
		}
	}
	p.Compared = comparedLine(r)
	if s := textShards(r); s != "" {
		p.Compared += "; " + s
	}
	for _, n := range r.Notes {
		p.Notes = append(p.Notes, plainText(n))
	}
	p.Notes, p.NotesMore = cut(p.Notes, maxList)
	p.Blame = blameHTML(r.Blame)
	for _, s := range r.Problems {
		p.Problems = append(p.Problems, plainText(s))
	}
	p.Problems, p.ProblemsMore = cut(p.Problems, maxList)
	verdicts := worstFirst(r.Verdicts)
	packages := manyPackages(verdicts)
	for _, v := range verdicts {
		h := newHTMLVerdict(v)
		if !packages {
			h.Package = ""
		}
		p.All = append(p.All, h)
		if !slices.Contains(p.Words, h.Word.Text) {
			p.Words = append(p.Words, h.Word.Text)
		}
		switch {
		case failed(v):
			if len(p.Broken) < maxCards {
				h.Bar, h.Command = newBar(v, h.Word.Class), reproduceOne(r, v)
				p.Broken = append(p.Broken, h)
			} else {
				p.BrokenMore++
			}
		case excused(v):
			w := v.Waived
			h.Waiver = &htmlWaiver{Until: plainName(w.Until), Ceiling: plainName(w.Ceiling), Reason: plainText(w.Reason), Link: plainName(w.Link), URL: safeURL(w.Link), At: plainName(w.At)}
			p.Waived = append(p.Waived, h)
		}
		if v.Law != nil {
			if len(p.Laws) < maxLaws {
				p.Laws = append(p.Laws, withLaw(h, v.Law))
			} else {
				p.LawsMore++
			}
		}
	}
	if len(p.Broken) > 0 {
		p.Worst = &p.Broken[0]
	}
	p.Waived, p.WaivedMore = cut(p.Waived, maxList)
	p.Unjudged, p.UnjudgedMore = cut(unjudgedHTML(verdicts), maxList)
	for _, v := range better(verdicts) {
		h := newHTMLVerdict(v)
		h.Bar = newBar(v, "good")
		p.Better = append(p.Better, h)
	}
	p.Better, p.BetterMore = cut(p.Better, maxCards)
	for _, x := range seen.Benchmarks {
		for _, f := range x.Findings {
			p.Findings = append(p.Findings, htmlFinding{plainName(x.Name), plainText(f.Saw), plainText(f.Next)})
		}
	}
	p.Sides = sidesHTML(r)
	p.Doubts, p.DoubtCount = doubtsHTML(verdicts)
	p.AllCount = count(len(verdicts), "verdict")
	p.Open = len(verdicts) <= maxOpen
	return p
}

// cut returns at most so many, and how many are left out.
func cut[T any](all []T, most int) ([]T, int) {
	n := min(len(all), most)
	return all[:n], len(all) - n
}

func newHTMLVerdict(v gate.Verdict) htmlVerdict {
	h := htmlVerdict{
		Benchmark: plainName(v.Benchmark), Unit: plainName(v.Unit), Renamed: plainName(v.RenamedFrom), Word: wordHTML(v), Order: order(v), Notes: verdictNotes(v),
		ID: plainName(v.ID), At: plainName(v.At), Package: plainName(v.Package), Change: change(v), Limits: plainName(strings.Join(limits(v), ", ")),
		Reason: plainText(v.Reason), Evidence: evidence(v), Advice: advice(v), Why: plainText(v.Why),
	}
	h.Base, h.Head = centres(v)
	if v.Change != nil {
		h.ChangeKey = strconv.FormatFloat(*v.Change, 'g', 4, 64)
	}
	for _, w := range v.Warnings[:min(len(v.Warnings), maxNames)] {
		h.Warnings = append(h.Warnings, plainText(w))
	}
	return h
}

func withLaw(h htmlVerdict, l *gate.Law) htmlVerdict {
	with := plainName(l.With)
	h.Law, h.Fit, h.Knee, h.Forecast = lawText(l, with), fitText(l), kneeText(l, with), forecastText(l)
	h.Picture = newLawPicture(l)
	return h
}

// unjudgedHTML returns what proves nothing; verdicts that share reason and advice share a row.
func unjudgedHTML(verdicts []gate.Verdict) []htmlVerdict {
	var out []htmlVerdict
	index := map[[5]string]int{}
	for _, v := range verdicts {
		if !unjudged(v) {
			continue
		}
		h := newHTMLVerdict(v)
		if v.Verdict != gate.Inconclusive {
			h.Evidence = ""
		}
		key := [5]string{h.Word.Text, h.Notes, h.Reason, h.Advice, h.Evidence}
		i, ok := index[key]
		if !ok {
			i = len(out)
			index[key] = i
			out = append(out, h)
		}
		if len(out[i].Names) < maxNames {
			out[i].Names = append(out[i].Names, htmlName{h.Benchmark, h.Unit, h.Renamed})
		} else {
			out[i].More++
		}
	}
	return out
}

// doubtsHTML returns the warnings, each once with its benchmarks, and how many there are.
func doubtsHTML(verdicts []gate.Verdict) ([]htmlDoubt, string) {
	var out []htmlDoubt
	index := map[string]int{}
	total := 0
	for _, v := range verdicts {
		for _, w := range v.Warnings {
			total++
			text := plainText(w)
			i, ok := index[text]
			if !ok {
				i = len(out)
				index[text] = i
				out = append(out, htmlDoubt{Text: text})
			}
			if len(out[i].Names) < maxNames {
				out[i].Names = append(out[i].Names, htmlName{Benchmark: plainName(v.Benchmark), Unit: plainName(v.Unit)})
			} else {
				out[i].More++
			}
		}
	}
	return out, count(total, "warning")
}

// comparedLine says in a sentence what was compared with what.
func comparedLine(r gate.Result) string {
	side := func(s gate.Side) string {
		parts := []string{plainName(s.Ref)}
		if parts[0] == "" {
			parts[0] = "(unnamed)"
		}
		if s.Commit != "" {
			parts = append(parts, "("+plainName(shortCommit(s.Commit))+")")
		}
		return strings.Join(parts, " ")
	}
	base := r.Compared.Base
	head := "Head, " + side(r.Compared.Head) + ", was compared with "
	switch {
	case compared(r) && base.Why != "":
		return head + side(base) + ": " + plainText(base.Why) + "."
	case compared(r):
		return head + side(base) + "."
	case base.Why != "":
		return head + "nothing: " + plainText(base.Why) + "."
	}
	return head + "nothing."
}

// sidesHTML sets base and head side by side, where they come from and where they were measured.
func sidesHTML(r gate.Result) []htmlSide {
	base, head := r.Compared.Base, r.Compared.Head
	var out []htmlSide
	add := func(name string, get func(gate.Side) []string) {
		some := func(s string) bool { return s != "" }
		b, h := get(base), get(head)
		if !slices.ContainsFunc(b, some) && !slices.ContainsFunc(h, some) {
			return
		}
		out = append(out, htmlSide{name, b, h})
	}
	one := func(get func(gate.Side) string) func(gate.Side) []string {
		return func(s gate.Side) []string { return []string{plainText(get(s))} }
	}
	add("Version", one(func(s gate.Side) string {
		if s.Kind == "none" || s.Kind == "" {
			return "none"
		}
		return s.Ref + " " + s.Kind
	}))
	add("Chosen", one(func(s gate.Side) string { return s.Why }))
	add("Commit", one(func(s gate.Side) string { return s.Commit }))
	add("Tag", one(func(s gate.Side) string { return s.Tag }))
	add("Committed", one(func(s gate.Side) string { return s.CommitTime }))
	add("Measured", one(func(s gate.Side) string { return s.Measured }))
	add("Environment", func(s gate.Side) []string {
		var facts []string
		for _, key := range slices.Sorted(maps.Keys(s.Environment)) {
			if len(facts) == maxEnvironment {
				return append(facts, fmt.Sprintf("and %d more", len(s.Environment)-maxEnvironment))
			}
			facts = append(facts, plainName(key)+" "+plainName(s.Environment[key]))
		}
		return facts
	})
	add("Method", one(func(s gate.Side) string { return s.Method }))
	return out
}

// A htmlBlame is a kind of cost of a benchmark that failed, and the functions in which it changed.
type htmlBlame struct {
	Benchmark string
	Facts     []string
	Rows      []htmlBlameRow
	More      int
}

type htmlBlameRow struct{ Function, Base, Head, Change, Note string }

// maxBlamed is how many functions of one cost the page names.
const maxBlamed = 10

func blameHTML(blames []gate.Blame) []htmlBlame {
	var out []htmlBlame
	for _, b := range blames {
		for _, t := range b.Tables {
			h := htmlBlame{Benchmark: plainName(b.Benchmark)}
			for _, fact := range []string{totals(t), throughText(t, plainName), explained(t)} {
				if fact != "" {
					h.Facts = append(h.Facts, plainText(fact))
				}
			}
			rows, more := cut(t.Rows, maxBlamed)
			for _, r := range rows {
				base, head := values(r.Base, r.Head, t.Unit)
				h.Rows = append(h.Rows, htmlBlameRow{plainName(function(r.Function)), base, head, added(r.Base, r.Head, t.Unit), plainText(strings.Join(nonEmpty(ofChange(t, r), r.Note), "; "))})
			}
			h.More = more
			out = append(out, h)
		}
	}
	return out
}

func nonEmpty(parts ...string) []string {
	return slices.DeleteFunc(parts, func(s string) bool { return s == "" })
}

// safeURL returns a link that may be followed from a page: one to a host by https, in printable ASCII and
// with no user in it; "" for any other.
func safeURL(s string) string {
	if !safeLink.MatchString(s) || len(s) > maxText {
		return ""
	}
	return s
}
