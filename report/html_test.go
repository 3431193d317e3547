package report

import (
	"fmt"
	"html"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/perfgate/perfgate/internal/bottleneck"
	"github.com/perfgate/perfgate/internal/gate"
)

func htmlText(t testing.TB, r gate.Result) string {
	t.Helper()
	var b strings.Builder
	if err := HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var (
	htmlTag  = regexp.MustCompile(`^</?([a-z0-9]+)((?: [a-zA-Z0-9-]+(?:="[^"<>]*")?)*)/?>`)
	htmlAttr = regexp.MustCompile(` ([a-zA-Z0-9-]+)(?:="([^"<>]*)")?`)
	htmlBare = regexp.MustCompile(`&(?:[a-zA-Z]+|#[0-9]+|#x[0-9a-fA-F]+);`)
)

// What a page is made of. Nothing loads anything but a link that is followed, and nothing acts.
var (
	htmlElements = strings.Fields("html head meta title style body header main footer section article h1 h2 h3 p ul li b code pre span div small table caption thead tbody tr th td details summary form label input select option svg line rect circle text a script wbr")
	htmlAttrs    = strings.Fields("lang charset http-equiv content name class id role aria-label aria-hidden scope data-is data-key data-word type value hidden open href rel viewBox x y x1 x2 y1 y2 cx cy r rx width height dx dy text-anchor transform")
	htmlVoid     = strings.Fields("meta input line rect circle wbr")
)

// checkHTML fails when anything in a page is not what the template has.
func checkHTML(t *testing.T, page string) {
	t.Helper()
	if !utf8.ValidString(page) {
		t.Fatal("not UTF-8")
	}
	rest, ok := strings.CutPrefix(page, "<!DOCTYPE html>")
	if !ok {
		t.Fatalf("begins with %.50q", page)
	}
	element, _ := script()
	for _, whole := range []string{string(element), "<style>" + pageStyle + "</style>"} {
		if strings.Count(rest, whole) != 1 {
			t.Fatalf("%.30q is not there once, as it was written", whole)
		}
		rest = strings.Replace(rest, whole, "", 1)
	}
	var open []string
	for rest != "" {
		i := strings.IndexAny(rest, "<>")
		if i < 0 {
			i = len(rest)
		}
		text := rest[:i]
		if at := strings.IndexByte(htmlBare.ReplaceAllString(text, ""), '&'); at >= 0 {
			t.Fatalf("a bare & in %.100q", text)
		}
		for _, r := range html.UnescapeString(text) {
			if unicode.Is(unicode.Cf, r) || unicode.IsControl(r) && r != '\n' || unicode.In(r, unicode.Zl, unicode.Zp) {
				t.Fatalf("invisible character %U in %.100q", r, text)
			}
		}
		if rest = rest[i:]; rest == "" {
			break
		}
		m := htmlTag.FindStringSubmatch(rest)
		if m == nil {
			t.Fatalf("no tag that the page has: %.100q", rest)
		}
		rest = rest[len(m[0]):]
		if !slices.Contains(htmlElements, m[1]) || m[1] == "script" || m[1] == "style" {
			t.Fatalf("element %s", m[0])
		}
		switch {
		case strings.HasPrefix(m[0], "</"):
			if len(open) == 0 || open[len(open)-1] != m[1] || m[2] != "" {
				t.Fatalf("%s closes %v", m[0], open)
			}
			open = open[:len(open)-1]
		case !slices.Contains(htmlVoid, m[1]):
			open = append(open, m[1])
		}
		for _, a := range htmlAttr.FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(htmlAttrs, a[1]) {
				t.Fatalf("attribute %s of %s", a[1], m[0])
			}
			if a[1] == "href" && (m[1] != "a" || !strings.HasPrefix(a[2], "https://") || !strings.Contains(m[0], `rel="noopener nofollow noreferrer"`)) {
				t.Fatalf("link %s", m[0])
			}
		}
	}
	if len(open) > 0 {
		t.Fatalf("left open: %v", open)
	}
}

func TestHostileHTML(t *testing.T) {
	for _, s := range attacks {
		checkHTML(t, htmlText(t, hostile(s)))
	}
	for _, name := range names(t) {
		checkHTML(t, htmlText(t, load(t, name)))
	}
}

func FuzzHostileHTML(f *testing.F) {
	for _, s := range attacks {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkHTML(t, htmlText(t, hostile(s))) })
}

// The check of pages sees what it is there for.
func TestCheckHTMLBites(t *testing.T) {
	good := htmlText(t, load(t, "fail"))
	for _, bad := range []string{"<img src=x>", "<b onclick=\"x\">a</b>", "</main>", "a & b", "\u202e", "<a href=\"http://e.example\">x</a>", "<script>x</script>", "<", "\x00"} {
		page := strings.Replace(good, "<footer", bad+"<footer", 1)
		if !t.Run("", func(t *testing.T) {
			s := &testing.T{}
			done := make(chan bool)
			go func() {
				defer close(done)
				checkHTML(s, page)
			}()
			<-done
			if !s.Failed() {
				t.Errorf("%q goes unseen", bad)
			}
		}) {
			return
		}
	}
}

func TestSafeURL(t *testing.T) {
	for s, want := range map[string]bool{
		"https://example.test/a/b?c=d#e": true, "https://example.test": true, "https://example.test:8443/x": true, "https://example.test/x@y": false,
		"http://example.test": false, "javascript:alert(1)": false, "https://user@example.test/": false, "https://": false, "HTTPS://example.test": false,
		"https://example.test/\" onclick=x": false, "//example.test": false, "https:example.test": false, "https://ex\u00e4mple.test": false, "https://a.test\n": false, "": false,
	} {
		if got := safeURL(s) != ""; got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	}
	page := htmlText(t, load(t, "excused"))
	if !strings.Contains(page, `<a href="https://example.test/perfgate/discussions/41" rel="noopener nofollow noreferrer">https://example.test/perfgate/discussions/41</a>`) {
		t.Error("the link of a waiver is no link")
	}
	r := load(t, "excused")
	r.Verdicts[0].Waived.Link = "javascript:alert(1)"
	if page := htmlText(t, r); strings.Contains(page, "<a ") || !strings.Contains(page, "<small>javascript:alert(1)</small>") {
		t.Error("a link that is not to be followed is not shown as text")
	}
}

// The questions are answered in this order.
func TestHTMLOrder(t *testing.T) {
	r := load(t, "fail")
	for _, name := range []string{"excused", "growth"} {
		r.Verdicts = append(r.Verdicts, load(t, name).Verdicts...)
	}
	var b strings.Builder
	seen := bottleneck.Report{Benchmarks: []bottleneck.Benchmark{{Name: "X", Findings: []bottleneck.Finding{{Saw: "seen so", Next: "try this"}}}}}
	if err := HTMLProfiled(&b, r, seen); err != nil {
		t.Fatal(err)
	}
	page, at := strings.ReplaceAll(b.String(), "&#43;", "+"), 0
	for _, s := range []string{
		"<h1>", "FAIL</span>", "(exit code 1)", "<b>5</b> <span class=\"bad\">failed</span>", "Worst: ", "was compared with v1.4.0 (8c1f0a7d3b5e)",
		"<h2>What broke", "perfgate check --budgets budgets/ --budget epoch-time --base 8c1f", "<svg class=\"bar bad\"", "limit +20%", "<h2>What to try", "try this",
		"<h2>What could not be judged", "<h2>What got better", "<h2>What is waived", "2026-12-31", "<h2>How values grow", "<svg viewBox", "<h2>Repeat it locally", "What was compared</summary>", "2\u00a0warnings</summary>", "All ",
	} {
		i := strings.Index(page[at:], s)
		if i < 0 {
			t.Fatalf("no %q after byte %d", s, at)
		}
		at += i
	}
}

// The exit code alone makes a page green.
func TestHTMLOutcome(t *testing.T) {
	r := load(t, "pass")
	for code, class := range map[int]string{0: "good", 1: "bad", 2: "bad", 3: "warn", 4: "bad", 5: "bad", -1: "bad"} {
		r.ExitCode = code
		if page := htmlText(t, r); !strings.Contains(page, `<header class="top `+class+`">`) {
			t.Errorf("exit code %d is not shown as %s", code, class)
		}
	}
}

// crowd is a result of so many verdicts, a tenth of them failed.
func crowd(t testing.TB, n int) gate.Result {
	r := load(t, "many")
	some := r.Verdicts
	r.Verdicts, r.Counts = nil, gate.Counts{}
	for i := range n {
		v := some[i%len(some)]
		v.Benchmark = fmt.Sprintf("%s/case=%d", v.Benchmark, i)
		r.Verdicts = append(r.Verdicts, v)
		switch v.Verdict {
		case gate.Pass:
			r.Counts.Pass++
		case gate.Fail:
			r.Counts.Fail++
		case gate.Inconclusive:
			r.Counts.Inconclusive++
		case gate.Missing:
			r.Counts.Missing++
		}
	}
	r.Problems = nil
	return r
}

func TestHTMLSize(t *testing.T) {
	for _, c := range []struct{ verdicts, most int }{{500, 1_000_000}, {5000, 8_000_000}} {
		page := htmlText(t, crowd(t, c.verdicts))
		if len(page) > c.most {
			t.Errorf("%d verdicts make %d bytes, more than %d", c.verdicts, len(page), c.most)
		}
		if n := strings.Count(page, "data-word="); n != c.verdicts {
			t.Errorf("%d rows of %d verdicts", n, c.verdicts)
		}
	}
	r := crowd(t, 5000)
	page := htmlText(t, r)
	if more := fmt.Sprintf("%d more not shown here", r.Counts.Fail-maxCards); strings.Count(page, "<article") != maxCards || !strings.Contains(page, more) {
		t.Errorf("the fails left out are not counted: no %q", more)
	}
}

// Text stands out from what is behind it, by light and by dark, as WCAG AA asks of small text.
func TestContrast(t *testing.T) {
	blocks := regexp.MustCompile(`:root \{([^}]*)\}`).FindAllStringSubmatch(pageStyle, -1)
	if len(blocks) != 2 {
		t.Fatalf("%d sets of colours", len(blocks))
	}
	for i, block := range blocks {
		colour := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`).FindAllStringSubmatch(block[1], -1) {
			n, err := strconv.ParseUint(m[2], 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			linear := func(shift int) float64 {
				c := float64(n>>shift&255) / 255
				if c <= .04045 {
					return c / 12.92
				}
				return math.Pow((c+.055)/1.055, 2.4)
			}
			colour[m[1]] = .2126*linear(16) + .7152*linear(8) + .0722*linear(0)
		}
		for _, pair := range []string{
			"text bg", "text panel", "text bad-bg", "text warn-bg", "text good-bg", "muted bg", "muted bad-bg", "link bg", "bad bg", "bad bad-bg", "warn bg", "warn warn-bg", "good bg", "good good-bg", "wait bg", "wait wait-bg",
		} {
			a, b, _ := strings.Cut(pair, " ")
			x, y := colour[a], colour[b]
			if ratio := (math.Max(x, y) + .05) / (math.Min(x, y) + .05); ratio < 4.5 {
				t.Errorf("colours %d: %s: contrast %.1f", i, pair, ratio)
			}
		}
	}
}

// A bar never leaves its picture, whatever the numbers.
func TestBar(t *testing.T) {
	f := func(x float64) *float64 { return &x }
	v := gate.Verdict{Change: f(.63), Interval: &gate.Interval{Low: .59, High: .67}, Limits: []gate.LimitVerdict{{Kind: "max_rise", Text: "20%", Value: .2}, {Kind: "at_most", Text: "1s", Value: 1}}}
	b := newBar(v, "bad")
	if b.Zero != "9.68" || b.Limits[0].X != "33.75" || len(b.Limits) != 1 || b.Range.X != "80.69" || b.Label != "change +63\u00a0%, between +59\u00a0% and +67\u00a0%, limit +20%" {
		t.Errorf("got %+v", *b)
	}
	for _, x := range []float64{0, -1, 1e-300, 1e300, -1e300, math.MaxFloat64, math.NaN(), math.Inf(1)} {
		v.Change, v.Interval = f(x), &gate.Interval{Low: -x, High: math.MaxFloat64}
		b := newBar(v, "bad")
		if b == nil {
			continue
		}
		for _, s := range []string{b.Zero, b.Centre, b.Range.X, b.Range.Width} {
			if n, err := strconv.ParseFloat(s, 64); err != nil || !(n >= 0 && n <= 100) {
				t.Errorf("change %v is at %q", x, s)
			}
		}
	}
	if newBar(gate.Verdict{}, "bad") != nil {
		t.Error("a bar without a change")
	}
}

// Laws that cannot stand on logarithmic axes have no picture, and the rest stay within it.
func TestLawPicture(t *testing.T) {
	for _, l := range []gate.Law{
		{}, {Factor: 1, Points: []gate.Point{{Size: 0, Head: 1}, {Size: -1, Head: 2}, {Size: 1, Head: 0}}},
		{Factor: math.Inf(1), Points: []gate.Point{{Size: 1, Head: 1}, {Size: 2, Head: 2}}}, {Factor: 1, Exponent: 1e9, Points: []gate.Point{{Size: 1, Head: 1}, {Size: 2, Head: 2}}},
	} {
		if pic := newLawPicture(&l); pic != nil {
			t.Errorf("%+v has a picture", l)
		}
	}
	for _, v := range load(t, "growth").Verdicts {
		pic := newLawPicture(v.Law)
		if pic == nil {
			t.Fatalf("%s has no picture", v.Benchmark)
		}
		for _, p := range append(slices.Clone(pic.Head), pic.Base...) {
			x, _ := strconv.ParseFloat(p.X, 64)
			y, _ := strconv.ParseFloat(p.Y, 64)
			if x < fieldLeft-1 || x > fieldRight+1 || y < fieldTop-1 || y > fieldBottom+1 {
				t.Errorf("%s has a point at %v", v.Benchmark, p)
			}
		}
		// The fitted line goes through the midst of the points: it is drawn of the same values.
		if v.Benchmark == "GrowthFresh/peers=*" && pic.Line.Y1 != "" {
			a, _ := strconv.ParseFloat(pic.Line.Y1, 64)
			b, _ := strconv.ParseFloat(pic.Head[0].Y, 64)
			if math.Abs(a-b) > 5 {
				t.Errorf("the line begins at %v, the points at %v", a, b)
			}
		}
	}
}
