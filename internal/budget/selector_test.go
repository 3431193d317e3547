package budget

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSelectorMatch(t *testing.T) {
	for _, c := range []struct {
		selector, name string
		want           bool
	}{
		{"A", "A", true},
		{"A", "A/k=1", true},
		{"A", "AB", false},
		{"AB", "A", false},
		{"BenchmarkA", "A", true},
		{"A/k=1", "A", false},
		{"A/k=1", "A/k=1", true},
		{"A/k=1", "A/k=10", false},
		{"A/k=1", "A/n=2/k=1", true},
		{"A/n=2/k=1", "A/k=1/n=2", true},
		{"A/k=1/n=2", "A/k=1/n=3", false},
		{"A/fast", "A/k=1/fast", true},
		{"A/A", "A", false},
		{"A/x=a=b", "A/x=a=b", true},
		{"a", "A", false},
	} {
		s, err := ParseSelector(c.selector)
		if err != nil {
			t.Errorf("%s: %v", c.selector, err)
		} else if got := s.Match(c.name); got != c.want {
			t.Errorf("%s matches %s: %v, want %v", c.selector, c.name, got, c.want)
		}
	}
	s, _ := ParseSelector("A/ops=10/fast")
	for key, want := range map[string]bool{"ops": true, "op": false, "fast": false, "": false} {
		if s.Fixes(key) != want {
			t.Errorf("Fixes(%q) is not %v", key, want)
		}
	}
}

// The order of the parts never matters, and a selector with fewer parts matches no less.
func TestSelectorOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a=1", "b=1", "c=2", "d", "e=0"}), 0, 5, rapid.ID).Draw(t, "parts")
		have := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a=1", "a=2", "b=1", "c=2", "d", "e=0"}), 0, 6, rapid.ID).Draw(t, "have")
		parse := func(parts []string) Selector {
			s, err := ParseSelector(strings.Join(append([]string{"X"}, parts...), "/"))
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		name := strings.Join(append([]string{"X"}, have...), "/")
		want := parse(parts).Match(name)
		r := rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "seed")))
		r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		r.Shuffle(len(have), func(i, j int) { have[i], have[j] = have[j], have[i] })
		if got := parse(parts).Match(strings.Join(append([]string{"X"}, have...), "/")); got != want {
			t.Fatalf("%v on %v: %v, in another order %v", parts, have, want, got)
		}
		if len(parts) > 0 && want && !parse(parts[1:]).Match(name) {
			t.Fatalf("%v matches %s, %v does not", parts, name, parts[1:])
		}
	})
}

func TestNearest(t *testing.T) {
	keys := []string{"max_rise", "max_drop", "at_most", "at_least", "why"}
	for word, want := range map[string]string{
		"max_rize": "max_rise", "maxrise": "max_rise", "MAX_RISE": "max_rise", "at_mots": "at_most",
		"at_lest": "at_least", "wyh": "why", "severity": "", "x": "", "": "", "max_": "",
	} {
		if got := Nearest(word, keys); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

// naiveDistance is distance by its definition, with no limit.
func naiveDistance(a, b string) int {
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	x, y := a[:len(a)-1], b[:len(b)-1]
	if a[len(a)-1] == b[len(b)-1] {
		return naiveDistance(x, y)
	}
	d := 1 + min(naiveDistance(x, b), naiveDistance(a, y), naiveDistance(x, y))
	if x != "" && y != "" && a[len(a)-1] == y[len(y)-1] && x[len(x)-1] == b[len(b)-1] {
		d = min(d, 1+naiveDistance(x[:len(x)-1], y[:len(y)-1]))
	}
	return d
}

func TestDistanceNaively(t *testing.T) {
	word := rapid.StringOfN(rapid.RuneFrom([]rune("abc")), 0, 6, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b, limit := word.Draw(t, "a"), word.Draw(t, "b"), rapid.IntRange(1, 8).Draw(t, "limit")
		if got, want := distance(a, b, limit), min(limit, naiveDistance(a, b)); got != want {
			t.Fatalf("distance(%q, %q, %d) = %d, want %d", a, b, limit, got, want)
		}
	})
}

func TestSelectorMeets(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"A", "A", true},
		{"A", "B", false},
		{"A", "AB", false},
		{"A/k=1", "A", true},
		{"A/k=1", "A/k=1/n=2", true},
		{"A/k=1", "A/k=2", false},
		{"A/k=1", "A/n=1", true},
		{"A/k=1/fast", "A/slow", true},
		{"A/k=1/n=2", "A/n=3", false},
	} {
		a, errA := ParseSelector(c.a)
		b, errB := ParseSelector(c.b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if a.Meets(b) != c.want || b.Meets(a) != c.want {
			t.Errorf("%s meets %s: %v and %v, want %v", c.a, c.b, a.Meets(b), b.Meets(a), c.want)
		}
	}
}

// Selectors that match one name meet; a suite has what any of its selectors matches.
func TestSelectorsThatMatchOneNameMeet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a=1", "b=1", "c=2", "d", "e=0"}), 0, 5, rapid.ID).Draw(t, "have")
		name := strings.Join(append([]string{"X"}, have...), "/")
		draw := func(label string) Selector {
			parts := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a=1", "a=2", "b=1", "c=2", "d", "e=0"}), 0, 3,
				func(s string) string { return s[:1] }).Draw(t, label)
			s, err := ParseSelector(strings.Join(append([]string{"X"}, parts...), "/"))
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		a, b := draw("a"), draw("b")
		suite := Suite{Match: []Match{{Selector: a}, {Selector: b}}}
		if suite.Has(name) != (a.Match(name) || b.Match(name)) {
			t.Fatalf("a suite of %s and %s on %s: %v", a.Text, b.Text, name, suite.Has(name))
		}
		if a.Match(name) && b.Match(name) && !(a.Meets(b) && suite.Meets(b)) {
			t.Fatalf("%s matches %s and %s, which do not meet", name, a.Text, b.Text)
		}
	})
}

// lets reports whether go test -bench runs the benchmark of this name, with a result, under a pattern of
// Pattern: element by element, and none may be left over of the pattern.
func lets(t interface{ Fatal(...any) }, pattern, name string) bool {
	elems := strings.Split(name, "/")[1:]
	for i, p := range strings.Split(pattern, "/")[1:] {
		if i >= len(elems) {
			return false
		}
		re, err := regexp.Compile(p)
		if err != nil {
			t.Fatal(err)
		}
		if !re.MatchString(elems[i]) {
			return false
		}
	}
	return true
}

func TestPattern(t *testing.T) {
	for _, c := range []struct{ selectors, yes, no string }{
		{"A", "A A/ops=1 A/ops=1/net=x", ""},
		{"A/ops=1", "A/ops=1 A/net=x/ops=2 A/op=2 A/x A/opsops=1", "A A/ops=10 A/ops=2/ops=1 A/ops="},
		{"A/ops=1/net=x", "A/ops=1/net=x A/net=x/ops=1 A/net=x/o", "A/ops=1 A/ops=1/net=y A/ops=2/net=x"},
		{"A/ops=1 A/ops=2/net=x", "A/ops=1 A/ops=2/net=x A/ops=2 A/net=y", "A/ops=3"},
		{"A/ops=1 A", "A/ops=2 A", ""},
		{"A/fast", "A/fast A/slow A/k=1", "A"},
		{"A/k.=1+1/ü=ö", "A/k.=1+1/ü=ö A/kx=2/üb", "A/k.=1/ü=ö A/k.=1+1/ü=o"},
	} {
		var selectors []Selector
		for _, text := range strings.Fields(c.selectors) {
			s, err := ParseSelector(text)
			if err != nil {
				t.Fatal(err)
			}
			selectors = append(selectors, s)
		}
		for _, names := range []struct {
			text string
			want bool
		}{{c.yes, true}, {c.no, false}} {
			for _, name := range strings.Fields(names.text) {
				if got := lets(t, Pattern(selectors), name); got != names.want {
					t.Errorf("%s lets %s run: %v, by %s", c.selectors, name, got, Pattern(selectors))
				}
			}
		}
	}
	if p := Pattern(nil); p != "" {
		t.Errorf("no selectors: %s", p)
	}
}

// Whatever a selector matches runs.
func TestPatternLetsAllThatMatch(t *testing.T) {
	part := rapid.SampledFrom([]string{"a=1", "a=2", "ab=1", "b=1", "c=2", "d", "e=0", "é=1", "a-b=^]", "[x]=1"})
	key := func(s string) string { k, _, _ := strings.Cut(s, "="); return k }
	rapid.Check(t, func(t *rapid.T) {
		var selectors []Selector
		for range rapid.IntRange(1, 3).Draw(t, "selectors") {
			s, err := ParseSelector(strings.Join(append([]string{"X"}, rapid.SliceOfNDistinct(part, 0, 3, key).Draw(t, "parts")...), "/"))
			if err != nil {
				t.Fatal(err)
			}
			selectors = append(selectors, s)
		}
		name := strings.Join(append([]string{"X"}, rapid.SliceOfNDistinct(part, 0, 5, key).Draw(t, "name")...), "/")
		if (Suite{Match: matches(selectors)}).Has(name) && !lets(t, Pattern(selectors), name) {
			t.Fatalf("%s does not run under %s", name, Pattern(selectors))
		}
	})
}

func matches(selectors []Selector) []Match {
	var out []Match
	for _, s := range selectors {
		out = append(out, Match{Selector: s})
	}
	return out
}
