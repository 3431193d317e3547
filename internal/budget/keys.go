package budget

import (
	"slices"

	"gopkg.in/yaml.v3"
)

// A shape is one mapping of a budget file: the keys that it may have. What reads the files and the schema that
// docs/budget.schema.json is made from both rest on the tables below, so that an editor and perfgate take the
// same files.
type shape struct {
	name string // as problems call the mapping
	keys []shapeKey
	// any are keys of which at least one has to be there; apart are pairs of which at most one may; beside
	// holds keys, each with others of which one has to stand beside it.
	any    []string
	apart  [][2]string
	beside []beside
}

// A beside is a key that means nothing without one of others.
type beside struct {
	key    string
	others []string
}

// A shapeKey is one key of a shape and what its value may be.
type shapeKey struct {
	name     string
	required bool
	kind     kind
	words    []string // of a word: all that there are
	most     int      // characters of a text, entries of a list; 0 is no bound
	of       []shape  // the one of a mapping, and of the entries of a list of mappings
}

// A kind says what the value of a key is.
type kind int

const (
	isText      kind = iota
	isOne            // the number 1
	isWord           // one of words
	isArgument       // text that may be an argument of a program
	isID             // text that slug matches
	isSuiteName      // text that suiteName matches
	isSelector       // text that ParseSelector takes
	isUnit           // text without white space
	isNameKey        // text that nameKey matches
	isPercent
	isPercentUnder100
	isValue    // of an absolute limit
	isCeiling  // isPercent or isValue
	isPositive // a number over 0
	isDay      // YEAR-MM-DD
	isLink     // text that httpsURL matches
	isName     // of a benchmark, or the beginning of one
	isMapping
	isMappings  // a list of mappings, with entries
	isSelectors // a list of selectors, with entries
)

var (
	fileShape = shape{
		name: "file",
		keys: []shapeKey{
			{name: "version", required: true, kind: isOne},
			{name: "suite", kind: isArgument},
			{name: "defaults", kind: isMapping, of: []shape{defaultsShape}},
			{name: "budgets", kind: isMappings, most: maxBudgets, of: []shape{budgetShape}},
			{name: "suites", kind: isMappings, most: maxSuites, of: []shape{suiteShape}},
		},
		any: []string{"budgets", "suites"},
	}
	defaultsShape = shape{
		name: "defaults",
		keys: []shapeKey{
			{name: "against", kind: isArgument},
			{name: "on_inconclusive", kind: isWord, words: policyWords},
			{name: "on_missing", kind: isWord, words: policyWords},
		},
	}
	budgetShape = shape{
		name: "budget",
		keys: []shapeKey{
			{name: "id", required: true, kind: isID},
			{name: "match", required: true, kind: isSelector},
			{name: "unit", required: true, kind: isUnit},
			{name: "max_rise", kind: isPercent},
			{name: "max_drop", kind: isPercentUnder100},
			{name: "at_most", kind: isValue},
			{name: "at_least", kind: isValue},
			{name: "ignore_below", kind: isValue},
			{name: "scales", kind: isMapping, of: []shape{scalesShape}},
			{name: "better", kind: isWord, words: betterWords},
			{name: "class", kind: isWord, words: classWords},
			{name: "on_inconclusive", kind: isWord, words: policyWords},
			{name: "on_missing", kind: isWord, words: policyWords},
			{name: "why", kind: isText, most: maxWhy},
		},
		any:    []string{"max_rise", "max_drop", "at_most", "at_least", "scales"},
		apart:  [][2]string{{"max_rise", "max_drop"}},
		beside: []beside{{"ignore_below", []string{"max_rise", "max_drop"}}},
	}
	scalesShape = shape{
		name: "scales",
		keys: []shapeKey{
			{name: "with", required: true, kind: isNameKey},
			{name: "exponent_at_most", required: true, kind: isPositive},
		},
	}
	suiteShape = shape{
		name: "suite",
		keys: []shapeKey{
			{name: "name", required: true, kind: isSuiteName},
			{name: "match", required: true, kind: isSelectors, most: maxMatch},
			{name: "why", kind: isText, most: maxWhy},
		},
	}

	waiversShape = shape{
		name: "file",
		keys: []shapeKey{
			{name: "version", required: true, kind: isOne},
			{name: "waivers", required: true, kind: isMappings, most: maxWaivers, of: []shape{waiverShape}},
		},
	}
	waiverShape = shape{
		name: "waiver",
		keys: []shapeKey{
			{name: "benchmark", required: true, kind: isSelector},
			{name: "unit", required: true, kind: isUnit},
			{name: "ceiling", required: true, kind: isCeiling},
			{name: "until", required: true, kind: isDay},
			{name: "reason", required: true, kind: isText, most: maxWhy},
			{name: "link", required: true, kind: isLink, most: maxLink},
		},
	}

	renamesShape = shape{
		name: "file",
		keys: []shapeKey{
			{name: "version", required: true, kind: isOne},
			{name: "renames", required: true, kind: isMappings, most: maxRenames, of: []shape{renameShape}},
		},
	}
	renameShape = shape{
		name: "rename",
		keys: []shapeKey{
			{name: "from", required: true, kind: isName},
			{name: "to", required: true, kind: isName},
		},
	}

	betterWords = []string{"lower", "higher"}
	classWords  = []string{"exact", "compute", "waiting"}
	policyWords = []string{"block", "warn"}
)

// names lists the keys in the order of the table.
func (s shape) names() []string {
	out := make([]string, len(s.keys))
	for i, k := range s.keys {
		out[i] = k.name
	}
	return out
}

// lacks reports whether a mapping has none of the keys of which it needs one.
func (s shape) lacks(m map[string]*yaml.Node) bool {
	return !slices.ContainsFunc(s.any, func(k string) bool { return m[k] != nil })
}
