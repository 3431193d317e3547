package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/gate"
)

// aTrend returns a history of benchmarks in two units, the second exact, with a change in some; every third
// release is of another machine.
func aTrend(benchmarks, releases int) gate.Trend {
	r := rand.New(rand.NewPCG(1, 2))
	t := gate.Trend{Version: gate.TrendVersion, Environments: []string{"linux amd64 one", "linux amd64 two"}, Growth: []gate.Growth{}}
	for i := range releases {
		t.Releases = append(t.Releases, gate.TrendRelease{Name: fmt.Sprintf("v1.%d.0", i), Time: fmt.Sprintf("2025-01-%02dT10:00:00Z", 1+i%28), Environment: map[bool]int{true: 1}[i%3 == 2]})
	}
	for b := range benchmarks {
		name := fmt.Sprintf("Sync%d/peers=%d/ops=1000/net=ideal", b/50, b%50)
		noisy := gate.Series{Benchmark: name, Unit: "sec/op", Direction: "lower", Limits: []gate.TrendLimit{{ID: "a", Kind: "max_rise", Text: "10%", Value: 0.1}, {ID: "a", Kind: "at_most", Text: "2ms", Value: 2e-3}}}
		exact := gate.Series{Benchmark: name, Unit: "rounds/op", Direction: "lower", Exact: true, Everywhere: true}
		for i := range releases {
			if b%10 == 4 && i == 0 && releases > 1 {
				continue // a benchmark that is younger than the history
			}
			v := 1e-3 * (1 + 0.02*r.NormFloat64()) * (1 + 0.5*float64(t.Releases[i].Environment))
			noisy.Points = append(noisy.Points, gate.TrendPoint{Release: i, Value: v, Low: v * (1 - 0.02*r.Float64()), High: v * (1 + 0.02*r.Float64()), N: 10})
			rounds := float64(5 + i/20)
			exact.Points = append(exact.Points, gate.TrendPoint{Release: i, Value: rounds, Low: rounds, High: rounds, N: 10})
		}
		if half := releases / 2; b%25 == 1 && releases > 2 {
			c, low, high := 0.12, 0.1, 0.14
			noisy.Changes = append(noisy.Changes, gate.LevelChange{From: half - 1, Release: half, Before: 1e-3, After: 1.12e-3, Change: &c, Low: &low, High: &high, Kind: "worse", Also: []string{"go: go1.26.2, before go1.26.1"}})
			exact.Changes = append(exact.Changes, gate.LevelChange{From: half - 1, Release: half, Before: 0, After: 2, Kind: "worse"})
			noisy.Drift = &gate.Drift{From: half, Change: -0.07, Releases: releases - half, Kind: "better"}
		}
		t.Series = append(t.Series, noisy, exact)
	}
	r2, base := 0.999, 1e-3
	t.Growth = append(t.Growth, gate.Growth{ID: "g", Benchmark: "Sync0/ops=*", Limit: 1.2, Law: &gate.Law{
		With: "ops", Unit: "sec/op", Factor: 1e-5, Exponent: 1.02, Scatter: 0.02, R2: &r2,
		Points: []gate.Point{{Size: 100, Head: base}, {Size: 200, Head: 2.1e-3}, {Size: 1000, Head: 1.1e-2}},
	}})
	return t
}

func trendHTML(t *testing.T, tr gate.Trend) string {
	t.Helper()
	var b strings.Builder
	if err := TrendHTML(&b, tr); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func trendText(t *testing.T, tr gate.Trend) string {
	t.Helper()
	var b strings.Builder
	if err := TrendText(&b, tr); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// withoutAssets takes away what is the same in every page.
func withoutAssets(page string) string {
	for _, asset := range []string{uplotStyle + trendStyle, uplotScript, trendScript} {
		page = strings.Replace(page, asset, "...", 1)
	}
	return regexp.MustCompile(`sha256-[^&]*`).ReplaceAllString(page, "sha256-...")
}

// A small history has one expected file per format.
func TestTrendGolden(t *testing.T) {
	tr := aTrend(3, 7)
	tr.Releases[6] = gate.TrendRelease{Name: "head", Head: true}
	tr.Paired = 2
	golden(t, "trend.txt", trendText(t, tr))
	golden(t, "trend.html", withoutAssets(trendHTML(t, tr)))
	var b bytes.Buffer
	if err := TrendJSON(&b, tr); err != nil {
		t.Fatal(err)
	}
	var back gate.Trend
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || len(back.Series) != len(tr.Series) || back.Series[1].Points[3] != tr.Series[1].Points[3] {
		t.Errorf("the JSON does not give the trend back: %v", err)
	}
	if one := trendText(t, gate.Trend{Environments: []string{"x"}, Releases: tr.Releases[:1]}); !strings.Contains(one, "history: 1 release, v1.0.0") {
		t.Errorf("a single release: %s", one)
	}
}

// The page of 500 benchmarks and 50 releases is under a megabyte, with a table for each.
func TestTrendSize(t *testing.T) {
	page := trendHTML(t, aTrend(500, 50))
	t.Logf("%d bytes for 500 benchmarks in two units and 50 releases", len(page))
	if len(page) >= 1_000_000 {
		t.Errorf("the page has %d bytes", len(page))
	}
	if n := strings.Count(page, "<figure id="); n != 1000 {
		t.Errorf("%d series are shown", n)
	}
	if n := strings.Count(page, "<tr>"); n < 2000 {
		t.Errorf("the tables have %d rows only", n)
	}
	if !strings.Contains(page, "The tables have the last releases only") {
		t.Error("it is not said that the tables are cut")
	}
	if small := trendHTML(t, aTrend(3, 50)); strings.Contains(small, "The tables have the last releases only") || strings.Count(small, "v1.0.0") < 3 {
		t.Error("the tables of a small history are cut")
	}
	if many := trendHTML(t, aTrend(maxTrendSeries/2+3, 1)); !strings.Contains(many, "6 more series are not shown") || strings.Count(many, "<figure id=") != maxTrendSeries {
		t.Error("what is too much is not left out, or not told")
	}
}

// What the script draws is what was measured, to five digits.
func TestTrendData(t *testing.T) {
	tr := aTrend(6, 30)
	// Values of every size, none, and a gap.
	for i, v := range []float64{0, 1e-9, 123456789, 1.5e300, 2.5e-310, 3} {
		tr.Series[2*i].Points = slices.Delete(tr.Series[2*i].Points, 4, 6)
		for k := range tr.Series[2*i].Points {
			p := &tr.Series[2*i].Points[k]
			p.Value, p.Low, p.High = v, v, v
		}
	}
	d := newTrendData(tr)
	if _, err := json.Marshal(d); err != nil {
		t.Fatal(err)
	}
	for i, s := range tr.Series {
		got := d.Series[i]
		at := make([]*int, 0, 30)
		if !s.Exact {
			at = got.Values
		}
		for k := 0; s.Exact && k < len(got.Values); k += 2 {
			for range *got.Values[k+1] {
				at = append(at, got.Values[k])
			}
		}
		if len(at) != 30 {
			t.Fatalf("series %d has %d values", i, len(at))
		}
		for _, p := range s.Points {
			// What is smaller than any clock tells need not be right.
			if v := float64(*at[p.Release]) * math.Pow10(got.Exponent); math.Abs(v-p.Value) > 5e-5*p.Value && (p.Value > 1e-300 || p.Value == 0) {
				t.Errorf("series %d: %v is drawn as %v", i, p.Value, v)
			}
			at[p.Release] = nil
		}
		if slices.ContainsFunc(at, func(v *int) bool { return v != nil }) {
			t.Errorf("series %d has values that were not measured", i)
		}
	}
}

// Names that somebody chose to break the page stay text, in the page, in its data and on a terminal.
func TestTrendHostile(t *testing.T) {
	for _, evil := range []string{
		`</script><script>document.title="owned"</script>`, `<img src=x onerror=alert(1)>`, `" onmouseover="alert(1)`, "<!--<script>", `javascript:alert(1)`, "a\u202eb\x1b[31mc\u2028d", `{{.Policy}}`, `]]>'};alert(1)//`, strings.Repeat("x", 5000),
	} {
		tr := aTrend(2, 6)
		for i := range tr.Releases {
			tr.Releases[i].Name, tr.Releases[i].Time = evil, evil+"T"
		}
		tr.Environments[0] = evil
		for i := range tr.Series {
			s := &tr.Series[i]
			s.Benchmark, s.Unit, s.Package = evil, evil, evil
			s.Limits = []gate.TrendLimit{{ID: evil, Kind: "max_rise", Text: evil, Value: 1}}
			for k := range s.Changes {
				s.Changes[k].Also = []string{evil}
			}
		}
		g := *tr.Growth[0].Law
		g.With, g.Unit = evil, evil
		tr.Growth[0].Law, tr.Growth[0].Benchmark = &g, evil
		page := withoutAssets(trendHTML(t, tr))
		if n := strings.Count(strings.ToLower(page), "<script"); n != 3 {
			t.Errorf("%.40q: the page has %d scripts", evil, n)
		}
		tags := regexp.MustCompile(`<[a-zA-Z!/][^>]*>`).FindAllString(page, -1)
		for _, tag := range tags {
			if strings.Contains(tag, "onerror") || strings.Contains(tag, "onmouseover") || strings.HasPrefix(tag, "<img") || strings.HasPrefix(tag, "<!--") {
				t.Errorf("%.40q became the tag %s", evil, tag)
			}
		}
		for _, r := range "\u202e\x1b\u2028" {
			if strings.ContainsRune(page, r) || strings.ContainsRune(trendText(t, tr), r) {
				t.Errorf("%.40q: %U is shown", evil, r)
			}
		}
		if strings.Contains(page, strings.Repeat("x", maxText+100)) {
			t.Error("a name is not cut")
		}
		data := page[strings.Index(page, `id="data">`)+len(`id="data">`):]
		if err := json.Unmarshal([]byte(data[:strings.Index(data, "</script>")]), &trendData{}); err != nil {
			t.Errorf("%.40q: the data is no JSON: %v", evil, err)
		}
	}
}

// Nothing runs and nothing is fetched but what the page names by its hash, and the licence goes with the
// library.
func TestTrendPolicy(t *testing.T) {
	page := trendHTML(t, aTrend(1, 3))
	policy := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(page)
	if policy == nil {
		t.Fatal("no policy")
	}
	allowed := strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(policy[1])
	if !strings.HasPrefix(allowed, "default-src 'none'; script-src 'sha256-") || strings.Contains(allowed, "unsafe") {
		t.Errorf("the policy is %s", allowed)
	}
	parts := regexp.MustCompile(`(?s)<(?:script|style)>(.*?)</(?:script|style)>`).FindAllStringSubmatch(page, -1)
	if len(parts) != 3 {
		t.Fatalf("%d scripts and styles", len(parts))
	}
	for _, p := range parts {
		if !strings.Contains(allowed, hash(p[1])) {
			t.Errorf("the policy forbids the part that begins %.60q", p[1])
		}
	}
	if regexp.MustCompile(` style="|(src|href)="(https?:)?//`).MatchString(page) {
		t.Error("the page has styles that its policy forbids, or fetches something")
	}
	if !strings.Contains(page, "Copyright (c) 2022 Leon Sorokin") || !strings.Contains(page, "The above copyright notice") {
		t.Error("the licence of the charts is missing")
	}
}
