package gate

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/sample"
)

// TrendVersion is the version of the shape of a Trend as JSON. It rises when a field changes its meaning
// or goes.
const TrendVersion = 1

// A Release is the samples of one version in a history.
type Release struct {
	Name    string // the tag, or what stands in its place
	Time    string // RFC 3339 in UTC: of the commit, or where that is not known of measuring
	Commit  string // full hash, or empty
	Head    bool   // it is the present head, and no release yet
	Samples *sample.Set
}

// A History is what a trend is made of.
type History struct {
	Releases []Release  // the oldest first
	Budgets  budget.Set // whose limits are shown; may be empty
	// Match selects benchmarks: one that any of these matches is shown; none is no restriction.
	Match []budget.Selector
	// Unit is the tidied unit to show; empty is all.
	Unit string
}

// A Trend is the history of every benchmark and unit, with what changed in it. Its JSON form is that of
// perfgate trend --format json. The same history gives the same bytes.
type Trend struct {
	Version  int            `json:"version"`
	Releases []TrendRelease `json:"releases"` // the oldest first
	// Environments are the machines and toolchains that can be told apart, in order of appearance.
	Environments []string `json:"environments"`
	Series       []Series `json:"series"`
	// Growth is how values of the last release grow with size, where budgets limit that.
	Growth []Growth `json:"growth"`
	// Paired counts the values of head that were measured beside another version: they took longer than
	// those measured alone, and are left out.
	Paired int `json:"paired,omitempty"`
}

// A TrendRelease is one version of a Trend.
type TrendRelease struct {
	Name   string `json:"name"`
	Time   string `json:"time,omitempty"` // RFC 3339 in UTC
	Commit string `json:"commit,omitempty"`
	Head   bool   `json:"head,omitempty"`
	// Environment is the index into Environments; values that vary are compared within one only.
	Environment int `json:"environment"`
	// Details are goos, goarch, cpu, go and runner in full, where known.
	Details map[string]string `json:"details,omitempty"`
}

// A Series is the values of one benchmark in one unit.
type Series struct {
	Package   string `json:"package,omitempty"`
	Benchmark string `json:"benchmark"`
	Unit      string `json:"unit"`      // tidied
	Direction string `json:"direction"` // lower or higher is better, or unknown
	// Exact says that the values of one release do not differ, so that every step is a change.
	Exact bool `json:"exact"`
	// Everywhere says that the unit is declared exact, so that the values are the same in every environment.
	Everywhere bool          `json:"everywhere,omitempty"`
	Points     []TrendPoint  `json:"points"` // the oldest first
	Changes    []LevelChange `json:"changes"`
	Drift      *Drift        `json:"drift,omitempty"`
	Limits     []TrendLimit  `json:"limits"`
}

// A TrendPoint is the value of one release.
type TrendPoint struct {
	Release int     `json:"release"` // index into Releases
	Value   float64 `json:"value"`   // the median, and for allocs/op the maximum
	// Low and High hold the median with a confidence of at least 95 % from six values on, by order
	// statistics; of fewer they are the least and the largest. Of exact values they are Value.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	N    int     `json:"n"` // values
}

// A LevelChange is a release from which on the values have another level.
type LevelChange struct {
	From    int     `json:"from"`    // the release before, as index into Releases
	Release int     `json:"release"` // the first of the new level
	Before  float64 `json:"before"`  // the levels
	After   float64 `json:"after"`
	// Change is the relative change; nil from zero. Low and High hold it with a confidence of 95 %, and
	// are nil of exact values.
	Change *float64 `json:"change"`
	Low    *float64 `json:"low,omitempty"`
	High   *float64 `json:"high,omitempty"`
	// Kind is worse, better, or changed where nobody says which way is better.
	Kind string `json:"kind"`
	// Also names what else is different between the two releases: the Go version, the runner's image.
	Also []string `json:"also,omitempty"`
}

// A Drift is what many small changes in one direction add up to.
type Drift struct {
	From   int     `json:"from"`   // the first release, as index into Releases
	Change float64 `json:"change"` // the relative change from there to the last
	// Releases counts those that it is founded on.
	Releases int `json:"releases"`
	// Kind is as that of a LevelChange.
	Kind string `json:"kind"`
}

// A TrendLimit is a limit of a budget on the series.
type TrendLimit struct {
	ID    string  `json:"id"`    // of the budget
	Kind  string  `json:"kind"`  // max_rise, max_drop, at_most, at_least
	Text  string  `json:"text"`  // as the budget file says it
	Value float64 `json:"value"` // a fraction, or a value in the unit
}

// Span returns the first and the last point of the series that can be compared, which of values that
// differ between machines are of the last one's environment, and the relative change between them; nil
// where there is only one point, or the first is zero.
func (t Trend) Span(s Series) (first, last TrendPoint, change *float64) {
	last = s.Points[len(s.Points)-1]
	first = last
	for _, p := range s.Points {
		if s.Everywhere || t.Releases[p.Release].Environment == t.Releases[last.Release].Environment {
			first = p
			break
		}
	}
	if first.Release != last.Release && first.Value != 0 {
		change = ref(last.Value/first.Value - 1)
	}
	return first, last, change
}

// A Growth is the law of one scales budget.
type Growth struct {
	ID        string  `json:"id"`
	Benchmark string  `json:"benchmark"` // with * in the place of the size
	Package   string  `json:"package,omitempty"`
	Limit     float64 `json:"limit"` // the largest exponent allowed
	Law       *Law    `json:"law"`
}

// A drift is looked for in the last driftReleases releases. Of values that vary a line through them has
// to rise or fall with a chance of error of driftError, fit better than levels do, and lead to a change of
// at least driftLeast; of exact ones there have to be driftSteps steps, all in one direction.
const (
	driftReleases = 10
	driftSteps    = 3
	driftError    = 0.001
	driftLeast    = 0.01
)

// NewTrend returns the history of every benchmark and unit that is asked for. The error says that nothing
// was.
func NewTrend(h History) (Trend, error) {
	h.Releases = h.Releases[max(0, len(h.Releases)-maxHistory):]
	t := Trend{Version: TrendVersion, Environments: []string{}, Series: []Series{}, Growth: []Growth{}}
	for _, r := range h.Releases {
		name := environment(r.Samples)
		i := slices.Index(t.Environments, name)
		if i < 0 {
			i, t.Environments = len(t.Environments), append(t.Environments, name)
		}
		t.Releases = append(t.Releases, TrendRelease{
			Name: r.Name, Time: r.Time, Commit: r.Commit, Head: r.Head, Environment: i, Details: r.Samples.Environment,
		})
	}
	for _, k := range h.keys() {
		for _, unit := range h.units(k) {
			s := h.series(k, unit, &t)
			if len(s.Points) > 0 {
				t.Series = append(t.Series, s)
			}
		}
	}
	if len(t.Series) == 0 {
		return Trend{}, h.nothing()
	}
	t.Growth = h.growth()
	return t, nil
}

// environment says in words what values that vary depend on besides the code. The patch version of Go and
// the version of the runner's image are left out: both change every few weeks, and seldom matter.
func environment(s *sample.Set) string {
	var words []string
	for _, key := range []string{"goos", "goarch", "cpu", "go", "runner"} {
		v := s.Environment[key]
		switch key {
		case "go":
			if parts := strings.SplitN(v, ".", 3); len(parts) == 3 {
				v = parts[0] + "." + parts[1]
			}
		case "runner":
			v, _, _ = strings.Cut(v, " ")
		}
		if v != "" {
			words = append(words, v)
		}
	}
	if len(words) == 0 {
		return "an unknown machine"
	}
	return strings.Join(words, " ")
}

// keys lists the benchmarks asked for, in natural order.
func (h History) keys() []sample.Key {
	seen := map[sample.Key]bool{}
	var keys []sample.Key
	for _, r := range h.Releases {
		for _, b := range r.Samples.Benchmarks {
			if !seen[b.Key] && h.wants(b.Name) {
				keys = append(keys, b.Key)
			}
			seen[b.Key] = true
		}
	}
	slices.SortFunc(keys, func(a, b sample.Key) int {
		return cmp.Or(naturalCompare(a.Name, b.Name), strings.Compare(a.Package, b.Package))
	})
	return keys
}

func (h History) wants(name string) bool {
	return len(h.Match) == 0 || slices.ContainsFunc(h.Match, func(m budget.Selector) bool { return m.Match(name) })
}

// unitOrder puts Go's own units first; the others follow by name.
var unitOrder = []string{"sec/op", "B/s", "B/op", "allocs/op"}

// units lists the units of a benchmark, but for the times of the processes' own clocks, by which those of
// the clock on the wall are told already.
func (h History) units(k sample.Key) []string {
	seen := map[string]bool{}
	for _, r := range h.Releases {
		if b := r.Samples.Lookup(k); b != nil {
			for u := range b.Samples { // any order: they are sorted
				seen[u] = h.Unit == "" && u != ownUnit && u != "cpu-sec/op" || u == h.Unit
			}
		}
	}
	units := slices.DeleteFunc(slices.Sorted(maps.Keys(seen)), func(u string) bool { return !seen[u] })
	place := func(u string) int {
		if i := slices.Index(unitOrder, u); i >= 0 {
			return i
		}
		return len(unitOrder)
	}
	slices.SortStableFunc(units, func(a, b string) int { return place(a) - place(b) })
	return units
}

// nothing is the error of a history that has nothing of what was asked for.
func (h History) nothing() error {
	var names, units []string
	for _, r := range h.Releases {
		for _, b := range r.Samples.Benchmarks {
			names = append(names, b.Name)
			function, _, _ := strings.Cut(b.Name, "/")
			names = append(names, function)
			if h.wants(b.Name) {
				for u := range b.Samples { // any order: they are sorted
					units = append(units, u)
				}
			}
		}
	}
	slices.Sort(units)
	units = slices.Compact(units)
	near := func(word string, of []string) string {
		if n := budget.Nearest(word, of); n != "" {
			return "; did you mean " + n + "?"
		}
		return ""
	}
	switch {
	case len(units) == 0 && len(h.Match) > 0:
		return fmt.Errorf("no record has a benchmark that %s matches%s", h.Match[0].Text, near(h.Match[0].Text, names))
	case h.Unit != "" && len(units) > 0:
		return fmt.Errorf("no record has values in %s%s", h.Unit, near(h.Unit, units))
	}
	return errors.New("no record has values that can be shown")
}

// series makes the series of one benchmark and unit.
func (h History) series(k sample.Key, unit string, t *Trend) Series {
	s := Series{
		Package: k.Package, Benchmark: k.Name, Unit: unit, Direction: "unknown",
		Points: []TrendPoint{}, Changes: []LevelChange{}, Limits: []TrendLimit{},
	}
	arms := make([]arm, len(h.Releases))
	repeated, clocked := unit == "B/op" || unit == "allocs/op", true
	for i, r := range h.Releases {
		arms[i] = newArm(r.Samples, k, unit)
		if len(arms[i].ms) == 0 {
			continue
		}
		s.Everywhere = r.Samples.Assume(unit) == "exact" // the last release knows best
		if b := r.Samples.Better(unit); b != "" {
			s.Direction = b
		}
		repeated = repeated && repeats(arms[i].values())
		clocked = clocked && arms[i].clocked()
	}
	h.limits(&s)
	s.Exact = s.Everywhere || repeated
	for _, a := range arms {
		if s.Everywhere && varies(a) {
			s.Exact, s.Everywhere = false, false
		}
	}
	for i, a := range arms {
		if len(a.ms) == 0 {
			continue
		}
		xs := a.values()
		if !s.Exact {
			xs = a.measured(true, clocked)
		}
		xs = slices.DeleteFunc(xs, func(x float64) bool { return !numbers(x) || x < 0 })
		if len(xs) == 0 {
			t.Paired++
			continue
		}
		p := TrendPoint{Release: i, Value: centre(unit, xs), N: len(xs)}
		if p.Low, p.High = p.Value, p.Value; !s.Exact {
			p.Low, p.High = medianBounds(xs)
		}
		s.Points = append(s.Points, p)
	}
	s.find(t)
	return s
}

// medianBounds returns the order statistics that hold the median of where values come from with a
// confidence of at least 95 %, or the least and the largest where no two do.
func medianBounds(xs []float64) (low, high float64) {
	s := slices.Sorted(slices.Values(xs))
	n := len(s)
	// tail is the chance that at most k-1 of n values lie below the median, and p that of exactly k.
	k, p, tail := 0, math.Pow(0.5, float64(n)), 0.0
	for i := 0; i < n/2; i++ {
		if tail += p; tail > 0.025 {
			break
		}
		k, p = i, p*float64(n-i)/float64(i+1)
	}
	return s[k], s[n-1-k]
}

// limits adds those of the budgets, and what these say of unit and direction.
func (h History) limits(s *Series) {
	for i := range h.Budgets.Budgets {
		b := &h.Budgets.Budgets[i]
		if b.Unit != s.Unit || !b.Match.Match(s.Benchmark) {
			continue
		}
		if b.Class != "" {
			s.Everywhere = b.Class == budget.Exact
		}
		if s.Direction == "unknown" {
			s.Direction = b.Better.String()
		}
		for _, l := range []struct {
			kind  string
			limit *budget.Limit
		}{{"max_rise", b.MaxRise}, {"max_drop", b.MaxDrop}, {"at_most", b.AtMost}, {"at_least", b.AtLeast}} {
			if l.limit != nil {
				s.Limits = append(s.Limits, TrendLimit{ID: b.ID, Kind: l.kind, Text: l.limit.Text, Value: l.limit.Value})
			}
		}
	}
}

// find finds changes and drift: those of values that differ between machines within each environment,
// which is never compared with another.
func (s *Series) find(t *Trend) {
	parts := make([][]TrendPoint, max(1, len(t.Environments)))
	for _, p := range s.Points {
		e := t.Releases[p.Release].Environment
		if s.Everywhere {
			e = 0
		}
		parts[e] = append(parts[e], p)
	}
	last := s.Points
	for _, part := range parts {
		if len(part) == 0 {
			continue
		}
		if part[len(part)-1] == s.Points[len(s.Points)-1] {
			last = part // the environment that is in use
		}
		if s.Exact {
			s.steps(part, t)
		} else {
			s.levels(part, t)
		}
	}
	slices.SortFunc(s.Changes, func(a, b LevelChange) int { return a.Release - b.Release })
	s.drift(last)
}

// steps makes a change of every step: of values that do not vary each is real.
func (s *Series) steps(points []TrendPoint, t *Trend) {
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		if s.differ(a.Value, b.Value) {
			s.Changes = append(s.Changes, s.change(t, a, b, a.Value, b.Value))
		}
	}
}

// differ reports whether two exact values are not the same. What is not declared exact is called so for
// repeating within a thousandth.
func (s *Series) differ(a, b float64) bool {
	return a != b && (s.Everywhere || math.Abs(a-b) > 0.001*min(a, b))
}

// levels makes a change of every level that begins.
func (s *Series) levels(points []TrendPoint, t *Trend) {
	ys, ok := logPoints(points)
	if !ok {
		return
	}
	cuts := findLevels(ys)
	ys = despike(ys)
	bounds := slices.Concat([]int{0}, cuts, []int{len(ys)})
	for i, c := range cuts {
		d, half := step(ys, cuts, i)
		before := mean(ys[bounds[i]:c])
		n := s.change(t, points[c-1], points[c], math.Exp(before), math.Exp(before+d))
		n.Low, n.High = ref(math.Expm1(d-half)), ref(math.Expm1(d+half))
		s.Changes = append(s.Changes, n)
	}
}

// logPoints returns the logarithms of the values; it reports false where one is zero or there are too few.
func logPoints(points []TrendPoint) ([]float64, bool) {
	ys := make([]float64, len(points))
	for i, p := range points {
		ys[i] = math.Log(p.Value)
	}
	return ys, numbers(ys...) && len(ys) >= minHistory
}

func (s *Series) change(t *Trend, from, to TrendPoint, before, after float64) LevelChange {
	c := LevelChange{From: from.Release, Release: to.Release, Before: before, After: after, Kind: s.kind(after - before)}
	if before != 0 {
		c.Change = ref(after/before - 1)
	}
	a, b := t.Releases[from.Release].Details, t.Releases[to.Release].Details
	for _, key := range []string{"goos", "goarch", "cpu", "go", "runner"} {
		if a[key] != b[key] && a[key] != "" && b[key] != "" {
			c.Also = append(c.Also, fmt.Sprintf("%s: %s, before %s", key, b[key], a[key]))
		}
	}
	return c
}

func (s *Series) kind(d float64) string {
	switch {
	case s.Direction == "unknown":
		return "changed"
	case (d > 0) == (s.Direction == "lower"):
		return "worse"
	}
	return "better"
}

// drift looks for what the last releases add up to.
func (s *Series) drift(points []TrendPoint) {
	points = points[max(0, len(points)-driftReleases):]
	n := len(points)
	if n < minHistory {
		return
	}
	first, last := points[0], points[n-1]
	d := &Drift{From: first.Release, Releases: n}
	if s.Exact {
		up, down := 0, 0
		for i := 1; i < n; i++ {
			switch a, b := points[i-1].Value, points[i].Value; {
			case !s.differ(a, b):
			case b > a:
				up++
			default:
				down++
			}
		}
		if min(up, down) > 0 || max(up, down) < driftSteps || first.Value == 0 {
			return
		}
		d.Change, d.Kind = last.Value/first.Value-1, s.kind(last.Value-first.Value)
	} else {
		ys, ok := logPoints(points)
		if !ok {
			return
		}
		ys = despike(ys)
		xs := make([]float64, n)
		for i := range xs {
			xs[i] = float64(i)
		}
		l := fitLine(xs, ys)
		df := float64(n - 2)
		if se := max(math.Sqrt(l.residue/df/l.sxx), seFloor/float64(n)); math.Abs(l.slope) <= tQuantile(1-driftError/2, df)*se {
			return
		}
		// One step through as many points has as many numbers to fit.
		cost := squares(ys)
		for c := minLevel; c <= n-minLevel; c++ {
			if cost(0, c)+cost(c, n) <= l.residue {
				return // it is told as what it is
			}
		}
		total := l.slope * float64(n-1)
		d.Change, d.Kind = math.Expm1(total), s.kind(total)
	}
	if numbers(d.Change) && math.Abs(d.Change) >= driftLeast {
		s.Drift = d
	}
}

// growth fits the laws of the scales budgets to the last release.
func (h History) growth() []Growth {
	out := []Growth{}
	if len(h.Releases) == 0 {
		return out
	}
	last := h.Releases[len(h.Releases)-1].Samples
	j := judge{in: Input{Budgets: h.Budgets, Head: last}}
	j.prepare(nil)
	j.alphaFail = failError(1)
	for i := range h.Budgets.Budgets {
		b := &h.Budgets.Budgets[i]
		if b.Scales == nil || h.Unit != "" && b.Unit != h.Unit {
			continue
		}
		keys := slices.DeleteFunc(j.everywhere(b.Match), func(k sample.Key) bool { return !h.wants(k.Name) })
		for _, c := range j.scaleGroups(b, keys) {
			j.decideScale(c)
			if c.v.Law != nil {
				out = append(out, Growth{ID: b.ID, Benchmark: c.key.Name, Package: c.key.Package, Limit: b.Scales.ExponentAtMost, Law: c.v.Law})
			}
		}
	}
	return out
}
