package budget

import "slices"

// A Pos is a place in a budget file. Line and Column count from 1; zero means unknown.
type Pos struct {
	File   string
	Line   int
	Column int
}

// A Set is every budget of one check, in file order (files sorted by name), with what the files
// agree on.
type Set struct {
	// Suite is the Go package pattern that holds the benchmarks, such as ./benchmarks. It is the
	// same in every file; Pos of the first file that states it is SuitePos.
	Suite    string
	SuitePos Pos
	// Against says what head is compared with: "release" (the default), "merge-base", what LastReleases
	// reads, or a git ref or file. It is the same in every file.
	Against    string
	AgainstPos Pos
	Budgets    []Budget
	// Suites are the named parts of the benchmarks, in file order.
	Suites []Suite
	// Waivers are the reviewed permissions for fails, and Renames the benchmarks that have another name in
	// base, both in file order.
	Waivers []Waiver
	Renames []Rename
	// Files lists the names of the files read, in the order read.
	Files []string
	// Digest is the same for two sets only where the files have the same names, directories left out, and
	// the same content. It is not what the files say, so it is not shown with that.
	Digest string `json:"-"`
}

// A Suite is a part of the benchmarks under a name: those that any of its selectors matches. It says
// nothing of limits, and benchmarks may be in several suites or in none.
type Suite struct {
	// Name is unique over all files of a Set: a-z, 0-9 and dash.
	Name string
	Pos  Pos
	// Match has at least one entry.
	Match []Match
	// Why is the author's reason; may be empty.
	Why string
}

// A Match is one selector of a Suite and where it stands.
type Match struct {
	Selector Selector
	Pos      Pos
}

// Has reports whether the benchmark of this name, as Selector.Match takes it, is in the suite.
func (s Suite) Has(name string) bool {
	return slices.ContainsFunc(s.Match, func(m Match) bool { return m.Selector.Match(name) })
}

// Meets reports whether a benchmark could be in the suite and be matched by the selector, as far as the
// two texts tell.
func (s Suite) Meets(sel Selector) bool {
	return slices.ContainsFunc(s.Match, func(m Match) bool { return m.Selector.Meets(sel) })
}

// A Budget is one rule: a selector, a unit and at least one limit.
type Budget struct {
	// ID is unique over all files of a Set.
	ID  string
	Pos Pos

	Match    Selector
	MatchPos Pos

	// Unit is tidied as golang.org/x/perf/benchunit does it (ns/op is sec/op, p99-ns is p99-sec);
	// UnitText is what the file says. Limits are stored in the tidied unit.
	Unit     string
	UnitText string
	UnitPos  Pos

	// Better is the direction that the file states, or Unknown; a contradiction with a Unit line
	// of the suite is an error that package gate finds.
	Better    Direction
	BetterPos Pos
	// Class is the class that the file states, or empty.
	Class    Class
	ClassPos Pos

	// Relative limits: Value is a fraction (0.2 for 20 %). At most one of the two is set.
	MaxRise *Limit
	MaxDrop *Limit
	// Absolute limits: Value is in the tidied unit.
	AtMost  *Limit
	AtLeast *Limit
	// IgnoreBelow is an absolute change, in the tidied unit, under which MaxRise and MaxDrop do
	// not apply. It never softens AtMost or AtLeast.
	IgnoreBelow *Limit
	// Scales bounds the growth of the unit over the benchmarks that differ only in one key.
	Scales *Scales

	// OnInconclusive says whether an inconclusive verdict holds the check up (Block, the default)
	// or is only shown (Warn).
	OnInconclusive Policy
	// OnMissing says the same of a benchmark or unit that head simply does not have. It never excuses a
	// failure, nor that there is no base.
	OnMissing Policy
	// Why is the author's reason, shown beside a fail; may be empty.
	Why string
}

// A Limit is one bound of a budget.
type Limit struct {
	Value float64 // a fraction or a value in the tidied unit
	Text  string  // as the file says it: "20%", "15ms"
	Pos   Pos
}

// Scales bounds the exponent k of value = c * key^k, fitted over the benchmarks that a selector
// matches.
type Scales struct {
	With           string  // the name key that varies, such as ops
	ExponentAtMost float64 // largest exponent allowed
	Pos            Pos
}

// A Direction says which way a unit gets better.
type Direction int

// The directions. Unknown is an error wherever a relative limit needs one.
const (
	Unknown Direction = iota
	Lower
	Higher
)

// String returns "lower", "higher" or "unknown".
func (d Direction) String() string {
	switch d {
	case Lower:
		return "lower"
	case Higher:
		return "higher"
	}
	return "unknown"
}

// A Class says how values of a unit vary, and so how they are compared.
type Class string

// The classes. Exact values repeat on every machine; compute values vary with the processor and
// its neighbours; waiting values vary with what the benchmark waits for.
const (
	Exact   Class = "exact"
	Compute Class = "compute"
	Waiting Class = "waiting"
)

// A Policy says what an inconclusive or a missing verdict does to the exit code.
type Policy string

// The policies.
const (
	Block Policy = "block"
	Warn  Policy = "warn"
)
