package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/perfgate/perfgate/internal/gate"
)

// The parts of the page. The charts are uPlot's, whose licence stands in the page with it.
var (
	//go:embed assets/trend.html
	trendPage string
	//go:embed assets/trend.css
	trendStyle string
	//go:embed assets/trend.js
	trendScript string
	//go:embed assets/uplot.js
	uplotScript string
	//go:embed assets/uplot.css
	uplotStyle string
	//go:embed assets/uplot-LICENSE.txt
	uplotLicence string

	trendTemplate = template.Must(template.New("trend").Parse(trendPage))
)

// The bounds of a page: what it holds at most, and the length in bytes that its tables of values are
// shortened for.
const (
	maxTrendSeries  = 5000
	maxTrendChanges = 500
	trendLength     = 960_000
)

// tableReleases are how many releases the table of a series has without the script, the first that fits.
var tableReleases = []int{1000, 20, 10, 5, 3, 1}

// A trendView is what the template shows. Texts are clean; the template escapes them.
type trendView struct {
	Policy, Title, Span    string
	Environments, Notes    []string
	Style                  template.CSS
	Library, Script, Data  template.JS
	Changes                []changeView
	MoreChanges            int
	Drifts                 []driftView
	Growth                 []growthView
	Groups                 []groupView
	Series, More, Releases int
	Whole                  bool // the tables have all releases
}

type changeView struct{ Release, Day, Kind, Name, Unit, From, To, Change, Also, Anchor string }

type driftView struct{ Kind, Name, Unit, Change, Over, Anchor string }

type growthView struct {
	Index            int
	Name, Unit, Text string
	Rows             [][2]string
}

type groupView struct {
	Name   string
	Series []seriesView
}

type seriesView struct {
	Index                           int
	Name, Unit, Last, Since, Limits string
	Kind                            string // of the last change, for its colour
	Rows                            [][2]string
}

// TrendHTML writes a trend as one HTML page that needs nothing else: charts that a script in it draws, and
// tables of the same numbers that need none. It is under a megabyte for 500 benchmarks and 50 releases,
// for which the tables have the last releases only until the script fills them. The error is one of w.
func TrendHTML(w io.Writer, t gate.Trend) error {
	var b bytes.Buffer
	for _, n := range tableReleases {
		b.Reset()
		v, err := newTrendView(t, n)
		if err != nil {
			return err
		}
		if err := trendTemplate.Execute(&b, v); err != nil {
			return fmt.Errorf("write the page: %w", err)
		}
		if b.Len() <= trendLength {
			break
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

func newTrendView(t gate.Trend, rows int) (trendView, error) {
	name := func(s string) string { return clean(s, maxName) }
	more := max(0, len(t.Series)-maxTrendSeries)
	data, err := json.Marshal(newTrendData(t))
	if err != nil {
		return trendView{}, fmt.Errorf("write the page: %s", describe(err))
	}
	v := trendView{
		Title: "History of benchmarks", Span: spanText(t, name),
		Style:   template.CSS(uplotStyle + trendStyle),
		Library: template.JS("/*\n" + strings.TrimSpace(uplotLicence) + "\n*/\n" + uplotScript), Script: template.JS(trendScript), Data: template.JS(data),
		Series: len(t.Series) - more, More: more, Releases: len(t.Releases), Whole: rows >= len(t.Releases),
	}
	v.Policy = fmt.Sprintf("default-src 'none'; script-src %s %s; style-src %s; img-src data:; base-uri 'none'; form-action 'none'", hash(string(v.Library)), hash(string(v.Script)), hash(string(v.Style)))
	for _, e := range environmentTexts(t) {
		v.Environments = append(v.Environments, clean(e, maxText))
	}
	if p := pairedText(t); p != "" {
		v.Notes = append(v.Notes, p)
	}
	anchor := func(series int) string {
		if series >= maxTrendSeries {
			return ""
		}
		return "s" + strconv.Itoa(series)
	}
	changes := newestFirst(t)
	v.MoreChanges = max(0, len(changes)-maxTrendChanges)
	for _, c := range changes[:len(changes)-v.MoreChanges] {
		s, r := t.Series[c.series], t.Releases[c.Release]
		before, after := values(c.Before, c.After, s.Unit)
		v.Changes = append(v.Changes, changeView{
			Release: name(r.Name), Day: name(day(r.Time)), Kind: c.Kind, Name: name(s.Benchmark), Unit: name(s.Unit), From: before, To: after,
			Change: changeText(c.LevelChange), Also: clean(strings.Join(c.Also, "; "), maxText), Anchor: anchor(c.series),
		})
	}
	for _, i := range drifting(t) {
		s := t.Series[i]
		v.Drifts = append(v.Drifts, driftView{
			Kind: s.Drift.Kind, Name: name(s.Benchmark), Unit: name(s.Unit), Change: percent(s.Drift.Change),
			Over: fmt.Sprintf("over %d releases, since %s", s.Drift.Releases, name(t.Releases[s.Drift.From].Name)), Anchor: anchor(i),
		})
	}
	for i, g := range t.Growth {
		view := growthView{Index: i, Name: name(g.Benchmark), Unit: name(g.Law.Unit), Text: growthText(g, name(g.Law.With))}
		for _, p := range g.Law.Points {
			view.Rows = append(view.Rows, [2]string{fmt.Sprintf("%s=%s", name(g.Law.With), number(p.Size, 3)), value(p.Head, g.Law.Unit)})
		}
		v.Growth = append(v.Growth, view)
	}
	for i, s := range t.Series[:v.Series] {
		function, rest, _ := strings.Cut(s.Benchmark, "/")
		group := name(function)
		if n := len(v.Groups); n == 0 || v.Groups[n-1].Name != group {
			v.Groups = append(v.Groups, groupView{Name: group})
		}
		g := &v.Groups[len(v.Groups)-1]
		g.Series = append(g.Series, newSeriesView(t, s, i, rest, rows))
	}
	return v, nil
}

func newSeriesView(t gate.Trend, s gate.Series, i int, rest string, rows int) seriesView {
	name := func(s string) string { return clean(s, maxName) }
	first, last, change := t.Span(s)
	v := seriesView{Index: i, Name: name(rest), Unit: name(s.Unit), Last: value(last.Value, s.Unit), Limits: clean(strings.Join(limitTexts(s), ", "), maxText)}
	switch {
	case change == nil:
	case *change == 0:
		v.Since = "as in " + name(t.Releases[first.Release].Name)
	default:
		v.Since = fmt.Sprintf("%s since %s", percent(*change), name(t.Releases[first.Release].Name))
	}
	if n := len(s.Changes); n > 0 {
		v.Kind = s.Changes[n-1].Kind
	}
	row := func(releases, value string) { v.Rows = append(v.Rows, [2]string{releases, value}) }
	points := s.Points[max(0, len(s.Points)-rows):]
	for k := 0; k < len(points); k++ {
		from := k
		// Exact values repeat, and a row of each would say the same.
		for s.Exact && k+1 < len(points) && points[k+1].Value == points[from].Value {
			k++
		}
		releases, text := name(t.Releases[points[from].Release].Name), value(points[from].Value, s.Unit)
		if k > from {
			releases += " to " + name(t.Releases[points[k].Release].Name)
		}
		if p := points[from]; !s.Exact {
			text += fmt.Sprintf(" (%s to %s)", value(p.Low, s.Unit), value(p.High, s.Unit))
		}
		row(releases, text)
	}
	slices.Reverse(v.Rows)
	return v
}

// hash is the source expression of a content security policy that allows a text as it is.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// A trendData is what the script draws, in few bytes.
type trendData struct {
	Releases     []releaseData `json:"r"`
	Environments []string      `json:"e"`
	Series       []seriesData  `json:"s"`
	Growth       []growthData  `json:"g"`
}

type releaseData struct {
	Name        string `json:"n"`
	Day         string `json:"t,omitempty"`
	Environment int    `json:"e"`
}

type seriesData struct {
	Name string `json:"n"`
	Unit string `json:"u"`
	// Scale is 1 for times, 2 for bytes and 0 for the rest; Per is /s for rates.
	Scale int    `json:"k"`
	Per   string `json:"p,omitempty"`
	// Values are integers in units of ten to the power of Exponent, null where a release has none. Of exact
	// ones each comes with how many releases have it: value, count, value, count.
	Exponent int    `json:"x"`
	Values   []*int `json:"v"`
	Exact    bool   `json:"q,omitempty"`
	Joined   bool   `json:"j,omitempty"` // the same in every environment
	// Low and High are how far the bounds lie below and above the value, in ten-thousandths of it.
	Low     []int       `json:"l,omitempty"`
	High    []int       `json:"h,omitempty"`
	Changes [][2]any    `json:"c,omitempty"` // release, and the change in words
	Kinds   []int       `json:"w,omitempty"` // of the changes: 0 worse, 1 better, -1 changed
	Limits  []limitData `json:"m,omitempty"`
}

type limitData struct {
	Kind  string  `json:"k"`
	Text  string  `json:"t"`
	Value float64 `json:"v"`
}

type growthData struct {
	With   string       `json:"w"`
	Unit   string       `json:"u"`
	Scale  int          `json:"k"`
	Per    string       `json:"p,omitempty"`
	Points [][2]float64 `json:"d"`
	Factor float64      `json:"f"`
	Power  float64      `json:"x"`
}

func newTrendData(t gate.Trend) trendData {
	d := trendData{Series: []seriesData{}, Growth: []growthData{}}
	for _, r := range t.Releases {
		d.Releases = append(d.Releases, releaseData{clean(r.Name, maxName), clean(day(r.Time), 10), r.Environment})
	}
	for _, e := range t.Environments {
		d.Environments = append(d.Environments, clean(e, maxText))
	}
	for _, s := range t.Series[:min(len(t.Series), maxTrendSeries)] {
		d.Series = append(d.Series, newSeriesData(s, len(t.Releases)))
	}
	for _, g := range t.Growth {
		scale, per := scaleOf(g.Law.Unit)
		n := growthData{With: clean(g.Law.With, maxName), Unit: clean(g.Law.Unit, maxName), Scale: scale, Per: per, Factor: g.Law.Factor, Power: g.Law.Exponent}
		for _, p := range g.Law.Points {
			n.Points = append(n.Points, [2]float64{p.Size, significant(p.Head, 5)})
		}
		d.Growth = append(d.Growth, n)
	}
	return d
}

// scaleOf says by which scales the script writes values of a unit.
func scaleOf(unit string) (scale int, per string) {
	scales, per := scalesOf(unit)
	switch scales[0].name {
	case times[0].name:
		return 1, per
	case sizes[0].name:
		return 2, per
	}
	return 0, per
}

// dataDigits are the significant digits of the values that the script draws.
const dataDigits = 5

func newSeriesData(s gate.Series, releases int) seriesData {
	d := seriesData{Name: clean(s.Benchmark, maxName), Unit: clean(s.Unit, maxName), Exact: s.Exact, Joined: s.Everywhere, Values: []*int{}}
	d.Scale, d.Per = scaleOf(s.Unit)
	top := 0.0
	for _, p := range s.Points {
		top = max(top, p.Value)
	}
	if top > 0 {
		d.Exponent = int(math.Floor(math.Log10(top))) - dataDigits + 1
	}
	if s.Exact && top < 1e12 && !slices.ContainsFunc(s.Points, func(p gate.TrendPoint) bool { return p.Value != math.Trunc(p.Value) }) {
		d.Exponent = 0 // counts are not rounded
	}
	vs := make([]*int, releases)
	for _, p := range s.Points {
		v := int(math.Round(p.Value * math.Pow10(-d.Exponent)))
		vs[p.Release] = &v
	}
	if !s.Exact {
		d.Values, d.Low, d.High = vs, make([]int, releases), make([]int, releases)
		for _, p := range s.Points {
			if p.Value > 0 {
				d.Low[p.Release] = int(math.Round(1e4 * min((p.Value-p.Low)/p.Value, 1)))
				d.High[p.Release] = int(math.Round(1e4 * min((p.High-p.Value)/p.Value, 1e4)))
			}
		}
	} else {
		for i := 0; i < releases; {
			k := i
			for k < releases && (vs[k] == nil) == (vs[i] == nil) && (vs[k] == nil || *vs[k] == *vs[i]) {
				k++
			}
			n := k - i
			d.Values = append(d.Values, vs[i], &n)
			i = k
		}
	}
	for _, c := range s.Changes {
		text := "from zero"
		if c.Change != nil {
			text = percent(*c.Change)
		}
		d.Changes = append(d.Changes, [2]any{c.Release, text})
		d.Kinds = append(d.Kinds, slices.Index([]string{"worse", "better"}, c.Kind))
	}
	for _, l := range s.Limits {
		d.Limits = append(d.Limits, limitData{l.Kind, clean(l.Text, maxName), l.Value})
	}
	return d
}
