package gate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/sample"
)

// cases lists what a budget has to be judged on.
func (j *judge) cases(b *budget.Budget) []*testcase {
	keys := j.matching(b.Match)
	if len(keys) == 0 {
		if j.outside(b) {
			return nil
		}
		if c := j.unmatched(b); c != nil {
			return []*testcase{c}
		}
		return nil
	}
	if !j.checkUnit(b, keys) {
		return nil
	}
	if b.Scales != nil {
		cs := j.whole(j.scaleGroups(b, j.everywhere(b.Match)))
		if !hasPlainLimits(b) {
			return cs
		}
		return append(j.plainCases(b, keys), cs...)
	}
	return j.plainCases(b, keys)
}

func hasPlainLimits(b *budget.Budget) bool {
	return b.MaxRise != nil || b.MaxDrop != nil || b.AtMost != nil || b.AtLeast != nil
}

func (j *judge) plainCases(b *budget.Budget, keys []sample.Key) []*testcase {
	var out []*testcase
	for _, k := range keys {
		c := &testcase{b: b, key: k, base: newArm(j.in.Base, k, b.Unit), head: newArm(j.in.Head, k, b.Unit)}
		c.class = j.class(b, c.base, c.head)
		c.declared = j.declaredExact(b)
		c.dir = j.direction(b)
		j.keep(c)
		out = append(out, c)
	}
	return out
}

func newArm(s *sample.Set, k sample.Key, unit string) arm {
	a := arm{set: s, unit: unit}
	if s == nil {
		return a
	}
	if f, ok := s.Failed(k.Name); ok {
		a.failure = &f
	}
	a.bench = s.Lookup(k)
	if a.bench != nil {
		a.ms = a.bench.Samples[unit]
	}
	if a.bench == nil && a.failure == nil {
		a.failure = cutShort(s)
	}
	return a
}

// cutShort returns the failure that ended a whole run, and with it every benchmark still to come.
// A benchmark that says it failed lets the others run; one that panics does not.
func cutShort(s *sample.Set) *sample.Failure {
	for i, f := range s.Failures {
		for _, end := range []string{"panic: ", "fatal error: ", "signal: "} {
			if f.Name == "" || strings.HasPrefix(f.Text, end) {
				return &s.Failures[i]
			}
		}
	}
	return nil
}

// A catalog lists benchmarks by the parts of their names, so that a budget finds its own without a look
// at all others.
type catalog struct {
	keys   []sample.Key         // of head, then those that base alone has
	places map[namePart][]int32 // indices of keys, in order
	failed map[string][]string  // names of failures, by function
}

// A namePart is a function together with one part that a benchmark of it has, or "".
type namePart struct{ function, part string }

func newCatalog(in Input) *catalog {
	c := &catalog{places: map[namePart][]int32{}, failed: map[string][]string{}}
	for i, s := range []*sample.Set{in.Head, in.Base} {
		if s == nil {
			continue
		}
		for _, b := range s.Benchmarks {
			if i == 0 || in.Head == nil || in.Head.Lookup(b.Key) == nil {
				c.add(b.Key)
			}
		}
		for _, f := range s.Failures {
			if f.Name != "" {
				function, _, _ := strings.Cut(f.Name, "/")
				c.failed[function] = append(c.failed[function], f.Name)
			}
		}
	}
	return c
}

func (c *catalog) add(k sample.Key) {
	i := int32(len(c.keys))
	c.keys = append(c.keys, k)
	function, rest, more := strings.Cut(k.Name, "/")
	c.places[namePart{function: function}] = append(c.places[namePart{function: function}], i)
	for more {
		p := namePart{function: function}
		p.part, rest, more = strings.Cut(rest, "/")
		// A part may stand in a name twice.
		if at := c.places[p]; len(at) == 0 || at[len(at)-1] != i {
			c.places[p] = append(at, i)
		}
	}
}

// matching returns the keys that the selector matches.
func (c *catalog) matching(sel budget.Selector) []sample.Key {
	few := c.places[namePart{function: sel.Name}]
	for _, part := range sel.Parts {
		if at := c.places[namePart{sel.Name, part}]; len(at) < len(few) {
			few = at
		}
	}
	var keys []sample.Key
	for _, i := range few {
		if sel.Match(c.keys[i].Name) {
			keys = append(keys, c.keys[i])
		}
	}
	return keys
}

// matching returns the benchmarks of either side that are asked for and that the selector matches,
// measured or failed, in natural order.
func (j *judge) matching(sel budget.Selector) []sample.Key {
	return slices.DeleteFunc(j.everywhere(sel), func(k sample.Key) bool { return !j.wanted(k.Name) })
}

// everywhere is matching without regard to what is asked for.
func (j *judge) everywhere(sel budget.Selector) []sample.Key {
	keys := j.known().matching(sel)
	// A benchmark that failed before its first line is declared too.
	for _, name := range j.known().failed[sel.Name] {
		if sel.Match(name) && !slices.ContainsFunc(keys, func(k sample.Key) bool { return within(k.Name, name) }) {
			keys = append(keys, sample.Key{Name: name})
		}
	}
	slices.SortFunc(keys, func(x, y sample.Key) int {
		if c := naturalCompare(x.Name, y.Name); c != 0 {
			return c
		}
		return strings.Compare(x.Package, y.Package)
	})
	return keys
}

// unmatched deals with a selector that matches nothing measured. That is a mistake in the budget,
// unless a run broke off and so nobody knows what it would have matched.
func (j *judge) unmatched(b *budget.Budget) *testcase {
	if j.in.Shards.lost(b.Match.Name) != "" || broken(j.in.Head) || j.in.Base != nil && broken(j.in.Base) {
		c := &testcase{b: b, key: sample.Key{Name: strings.Join(append([]string{b.Match.Name}, b.Match.Parts...), "/")}, dir: j.direction(b), class: b.Class}
		c.head, c.base = arm{set: j.in.Head}, arm{set: j.in.Base}
		for _, a := range []*arm{&c.head, &c.base} {
			if a.set == nil {
				continue
			}
			// The function's own failure speaks for all that it would have run.
			if f, ok := a.set.Failed(b.Match.Name); ok {
				a.failure = &f
			}
		}
		return c
	}
	j.errs = append(j.errs, j.matchesNothing(b.Match, b.MatchPos, "budget "+b.ID))
	return nil
}

// matchesNothing is the problem of a selector that no benchmark has.
func (j *judge) matchesNothing(sel budget.Selector, pos budget.Pos, of string) budget.Problem {
	var names, heads []string
	for _, s := range []*sample.Set{j.in.Head, j.in.Base} {
		if s == nil {
			continue
		}
		for _, bm := range s.Benchmarks {
			names = append(names, bm.Name)
			head, _, _ := strings.Cut(bm.Name, "/")
			heads = append(heads, head)
		}
	}
	p := noBenchmark(sel, pos, of, budget.Nearest(sel.Text, names))
	if slices.Contains(heads, sel.Name) {
		p.Help = fmt.Sprintf("%s exists, but not with these parts; leave a part out to match any value of it", sel.Name)
	} else if near := budget.Nearest(sel.Name, heads); near != "" {
		p.Near = near
	}
	return p
}

func broken(s *sample.Set) bool {
	return len(s.Failures) > 0 || len(s.Damage) > 0 || len(s.Benchmarks) == 0
}

// checkUnit reports whether the unit, its direction and its class make sense with what the suite
// says, and records an error where they don't.
func (j *judge) checkUnit(b *budget.Budget, keys []sample.Key) bool {
	before := len(j.errs)
	measured, failed := false, false
	for _, s := range []*sample.Set{j.in.Head, j.in.Base} {
		if s == nil {
			continue
		}
		failed = failed || broken(s) || j.in.Shards.lost(b.Match.Name) != ""
		for _, k := range keys {
			if bm := s.Lookup(k); bm != nil && len(bm.Samples[b.Unit]) > 0 {
				measured = true
				break
			}
		}
	}
	if !measured && !failed {
		units := j.printed(keys)
		j.errs = append(j.errs, budget.Problem{
			Pos:  b.UnitPos,
			Text: fmt.Sprintf("unit %q of budget %s is printed by no benchmark that %s matches", b.UnitText, b.ID, b.Match.Text),
			Near: budget.Nearest(b.Unit, units),
			Help: "the benchmarks print " + strings.Join(units, ", "),
		})
	}
	if printed := j.better(b.Unit); printed != "" && b.Better != budget.Unknown && b.Better.String() != printed {
		j.errs = append(j.errs, budget.Problem{
			Pos:  b.BetterPos,
			Text: fmt.Sprintf("budget %s says %s is better when %s, the suite says %s", b.ID, b.UnitText, b.Better, printed),
			Help: "delete the key better: the Unit line of the suite serves",
		})
	}
	if assume := j.assume(b.Unit); assume != "" && b.Class != "" && (assume == "exact") != (b.Class == budget.Exact) {
		j.errs = append(j.errs, budget.Problem{
			Pos:  b.ClassPos,
			Text: fmt.Sprintf("budget %s says %s is %s, the suite says assume=%s", b.ID, b.UnitText, b.Class, assume),
			Help: "delete the key class: the Unit line of the suite serves",
		})
	}
	if limit := relativeLimit(b); limit != nil && measured {
		dir := j.direction(b)
		switch {
		case dir == budget.Unknown:
			j.errs = append(j.errs, budget.Problem{
				Pos:  limit.Pos,
				Text: fmt.Sprintf("nobody says whether %s is better lower or higher, so budget %s cannot have a relative limit", b.UnitText, b.ID),
				Help: fmt.Sprintf("add `better: lower` or `better: higher`, or print `Unit %s better=lower` in the suite", b.UnitText),
			})
		case dir == budget.Higher && b.MaxRise != nil:
			j.errs = append(j.errs, budget.Problem{
				Pos: limit.Pos, Near: "max_drop",
				Text: fmt.Sprintf("a rise of %s is an improvement, so max_rise of budget %s can never fail", b.UnitText, b.ID),
				Help: "limit the drop",
			})
		case dir == budget.Lower && b.MaxDrop != nil:
			j.errs = append(j.errs, budget.Problem{
				Pos: limit.Pos, Near: "max_rise",
				Text: fmt.Sprintf("a drop of %s is an improvement, so max_drop of budget %s can never fail", b.UnitText, b.ID),
				Help: "limit the rise",
			})
		}
	}
	return len(j.errs) == before
}

// printed lists the units of the benchmarks.
func (j *judge) printed(keys []sample.Key) []string {
	units := map[string]bool{}
	for _, s := range []*sample.Set{j.in.Head, j.in.Base} {
		if s == nil {
			continue
		}
		for _, k := range keys {
			if bm := s.Lookup(k); bm != nil {
				for u := range bm.Samples { // any order: they are sorted
					units[u] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(units))
}

func relativeLimit(b *budget.Budget) *budget.Limit {
	if b.MaxRise != nil {
		return b.MaxRise
	}
	return b.MaxDrop
}

// better and assume ask head first: it is what the budget was written for.
func (j *judge) better(unit string) string {
	s := j.in.Head.Better(unit)
	if s == "" && j.in.Base != nil {
		s = j.in.Base.Better(unit)
	}
	return s
}

func (j *judge) assume(unit string) string {
	s := j.in.Head.Assume(unit)
	if s == "" && j.in.Base != nil {
		s = j.in.Base.Assume(unit)
	}
	return s
}

func (j *judge) direction(b *budget.Budget) budget.Direction {
	switch j.better(b.Unit) {
	case "lower":
		return budget.Lower
	case "higher":
		return budget.Higher
	}
	return b.Better
}

// class returns how the unit is to be compared. Allocation counts are exact wherever both sides
// show that they repeat; they cannot be called so beforehand, since maps and pools make some vary.
func (j *judge) class(b *budget.Budget, base, head arm) budget.Class {
	switch {
	case j.declaredExact(b):
		return budget.Exact
	case b.Class != "":
		return b.Class
	case b.Unit == "B/op" || b.Unit == "allocs/op":
		if repeats(head.values()) && (len(base.ms) == 0 || repeats(base.values())) {
			return budget.Exact
		}
	}
	return budget.Compute
}

// declaredExact reports whether budget or suite call the unit exact.
func (j *judge) declaredExact(b *budget.Budget) bool {
	return b.Class == budget.Exact || b.Class == "" && j.assume(b.Unit) == "exact"
}

// repeats reports whether at least two values agree within 0.1 %.
func repeats(xs []float64) bool {
	return len(xs) >= 2 && slices.Max(xs)-slices.Min(xs) <= 0.001*slices.Min(xs)
}

// comparisons counts the statistical comparisons of all testcases.
func comparisons(cases []*testcase) int {
	n := 0
	for _, c := range cases {
		n += c.noisy()
	}
	return n
}

// noisy counts the statistical comparisons that a testcase may take part in. What is exact by the looks
// of its values counts, since it may look otherwise once there are more: the error to be shared must
// not depend on what is measured.
func (c *testcase) noisy() int {
	if c.declared {
		return 0
	}
	if c.group != nil {
		return 1
	}
	n := 0
	for _, l := range []*budget.Limit{relativeLimit(c.b), c.b.AtMost, c.b.AtLeast} {
		if l != nil {
			n++
		}
	}
	return n
}
