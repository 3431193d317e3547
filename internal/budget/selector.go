package budget

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Selector says which benchmarks a budget is about: a base name and any number of parts that the
// benchmark's name must have, in any order. A part that the selector does not mention may be
// anything.
type Selector struct {
	Text  string   // as written
	Name  string   // base name without the word Benchmark
	Parts []string // key=value, or the bare name of a sub-benchmark
}

// maxSelector is longer than any name that fits a report.
const maxSelector = 500

// ParseSelector reads Name/part/part. The error says which part is wrong.
func ParseSelector(text string) (Selector, error) {
	s := Selector{Text: text}
	if len(text) > maxSelector {
		return s, fmt.Errorf("longer than %d bytes", maxSelector)
	}
	elems := strings.Split(text, "/")
	s.Name = strings.TrimPrefix(elems[0], "Benchmark")
	if s.Name == "" {
		return s, fmt.Errorf("the name of the benchmark is empty")
	}
	keys := map[string]bool{}
	for _, e := range elems {
		if e == "" {
			return s, fmt.Errorf("an empty part in %q", text)
		}
		if strings.ContainsAny(e, " \t\r\n") {
			return s, fmt.Errorf("white space in part %q", e)
		}
	}
	for _, e := range elems[1:] {
		if key, value, ok := strings.Cut(e, "="); ok {
			if key == "" || value == "" {
				return s, fmt.Errorf("part %q is not key=value", e)
			}
			if keys[key] {
				return s, fmt.Errorf("key %q stands twice", key)
			}
			keys[key] = true
		}
		s.Parts = append(s.Parts, e)
	}
	return s, nil
}

// Match reports whether the selector means the benchmark of this name, which has neither the word
// Benchmark nor a processor count: AntiEntropySync/ops=100/net=ideal.
func (s Selector) Match(name string) bool {
	elems := strings.Split(name, "/")
	if elems[0] != s.Name {
		return false
	}
	for _, p := range s.Parts {
		if !slices.Contains(elems[1:], p) {
			return false
		}
	}
	return true
}

// Fixes reports whether the selector names a value for the key.
func (s Selector) Fixes(key string) bool {
	return slices.ContainsFunc(s.Parts, func(p string) bool { return strings.HasPrefix(p, key+"=") })
}

// Meets reports whether one name could be matched by both selectors: they are of one function and give
// no key two values.
func (s Selector) Meets(other Selector) bool {
	if s.Name != other.Name {
		return false
	}
	for _, p := range s.Parts {
		key, _, ok := strings.Cut(p, "=")
		if ok && other.Fixes(key) && !slices.Contains(other.Parts, p) {
			return false
		}
	}
	return true
}

// Pattern returns what to add to the pattern ^BenchmarkName$ of go test -bench so that sub-benchmarks
// that none of the selectors, all of one function, could match do not run. It lets through all that one of
// them matches, and may let through others: parts may stand in any order, and below the first levels of a
// name nothing is said. It is empty where nothing can be left out. Of names that have one key twice it
// goes by each of the two.
func Pattern(selectors []Selector) string {
	if len(selectors) == 0 {
		return ""
	}
	levels := len(selectors[0].Parts)
	var elements []string
	for _, s := range selectors {
		// A pattern must not be longer than a name, or the benchmark runs without a result.
		levels = min(levels, len(s.Parts))
		elements = append(elements, s.element())
	}
	level := "/^(?:" + strings.Join(elements, "|") + ")$"
	return strings.Repeat(level, levels)
}

// element is a regular expression for one element of the names that the selector matches: where it has a
// key of the selector it has its value.
func (s Selector) element() string {
	var values, keys []string
	for _, p := range s.Parts {
		if key, _, ok := strings.Cut(p, "="); ok {
			values, keys = append(values, regexp.QuoteMeta(p)), append(keys, key+"=")
		}
	}
	return strings.Join(append(values, without(keys)), "|")
}

// without is a regular expression for the texts that begin with none of the prefixes.
func without(prefixes []string) string {
	next := map[rune][]string{}
	for _, p := range prefixes {
		if p == "" {
			return `[^\x00-\x{10FFFF}]` // nothing
		}
		first, size := utf8.DecodeRuneInString(p)
		next[first] = append(next[first], p[size:])
	}
	if len(next) == 0 {
		return ".*"
	}
	others, branches := "", []string{""}
	for _, r := range slices.Sorted(maps.Keys(next)) {
		others += fmt.Sprintf(`\x{%X}`, r)
		branches = append(branches, regexp.QuoteMeta(string(r))+"(?:"+without(next[r])+")")
	}
	return strings.Join(append(branches, "[^"+others+"].*"), "|")
}

// Nearest returns the candidate that word was most likely meant to be, or "" when none is close:
// at most one edit for every three letters, and never more than four. Letter case costs nothing.
func Nearest(word string, candidates []string) string {
	best, bestDistance := "", min(4, max(1, len(word)/3))+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(c), bestDistance); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is the Levenshtein distance with transposition of neighbours, or limit when it is no
// smaller.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit || len(a) > 500 {
		return limit
	}
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		prev2, prev, cur := rows[(i+2)%3], rows[i%3], rows[(i+1)%3]
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
	}
	return min(limit, rows[(len(a)+1)%3][len(b)])
}
