// Package sample reads benchmark text into sets of samples with their environment.
//
// Benchmark text is what `go test -bench` prints and stock benchstat reads: result lines, Unit
// lines and file configuration such as `pair: 7`. The grammar is golang.org/x/perf/benchfmt's; this
// package adds what a gate needs and a viewer does not: it remembers lines that were cut or made
// unreadable, benchmarks that failed, and whether a file that perfgate wrote is whole. It judges
// nothing: package gate decides what such damage means.
//
// Position in the flow: measure (or any `go test -bench` run) writes text, sample reads it, gate
// judges it.
package sample

import (
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchunit"
)

// ConfidenceKey is the file configuration key by which samples say that they are too few to be
// believed as others are: those of a quick run. A text has it or not as a whole.
const ConfidenceKey = "perfgate-confidence"

// A Key names one benchmark: Name is without the word Benchmark and without the processor count,
// such as AntiEntropySync/ops=100/net=ideal. Two packages may each have a benchmark of one name.
type Key struct {
	Package string
	Name    string
}

// A Set is every sample of one file of benchmark text.
type Set struct {
	// File is the name the text was read under; used in messages only.
	File string
	// Benchmarks are in order of first appearance.
	Benchmarks []*Benchmark
	// Provenance holds the `# key: value` lines of a file that perfgate wrote: kind, ref, why,
	// commit, tag, commit-time, measured, session and so on. Empty for other files.
	Provenance map[string]string
	// Environment holds goos, goarch and cpu of the first result, and go and runner where known.
	Environment map[string]string
	// Confidence is what the file configuration key perfgate-confidence says, such as "low (quick)", and
	// ConfidenceLine the line, counted from 1; empty and 0 where the text does not say, as usual.
	Confidence     string
	ConfidenceLine int
	// Failures are benchmarks, or whole runs, that said they failed.
	Failures []Failure
	// Damage lists what could not be read.
	Damage []Damage

	units   benchfmt.UnitMetadataMap
	index   map[Key]*Benchmark
	origins map[string]*origin // by function, where the Set was merged
}

// The bounds of what is kept. What a Set takes of memory grows with the number of benchmarks and not
// with the length of the text.
const (
	// MaxRuns is how many result lines of one benchmark are kept, the first ones; more than any decision
	// waits for.
	MaxRuns = 1000
	// MaxBenchmarks is how many different benchmarks a text may have, far above what a large suite has.
	MaxBenchmarks = 200_000
	// MaxNotes is how many entries Failures and Damage have at most, each, without a last one that counts
	// those left out.
	MaxNotes = 1000
)

// A Benchmark is the samples of one benchmark, one per unit.
type Benchmark struct {
	Key
	// Runs are the result lines in file order, at most MaxRuns; a unit with fewer measurements was
	// missing from some. Benchmarks whose runs are alike share the slice: its elements are not to be
	// written to.
	Runs []Run
	// Dropped counts the result lines that came after MaxRuns.
	Dropped int
	// Samples holds, by tidied unit (sec/op, B/op), the measurements in file order.
	Samples map[string][]Measurement
}

// A Run is how one result line was measured: the values of the file configuration keys in force,
// each empty where the key is not there.
type Run struct {
	Pair   string // lines of base and head with the same are a pair
	Layout string // the seed of the order in which the linker laid out the functions
	Method string // how a pair was run where not as the file's provenance says: interleaved
}

// A Measurement is one number from one result line, in the tidied unit.
type Measurement struct {
	Value float64
	Run   int // index into Runs
}

// A Failure is a benchmark that ended in an error, a crash or a timeout. Name is empty when the
// text does not say which benchmark it was. Line counts from 1; File is empty where it is that of the Set.
type Failure struct {
	Name string
	Line int
	Text string
	File string
}

// Damage is a line, or the end of a file, that could not be understood. Name is the benchmark it
// concerns, or empty; File is empty where it is that of the Set.
type Damage struct {
	Name string
	Line int
	Text string
	File string
}

// Lookup returns the samples of a benchmark, or nil.
func (s *Set) Lookup(k Key) *Benchmark { return s.index[k] }

// Better returns "higher" or "lower" as the text's Unit lines say or, without one, as Go's own
// units are known to be; otherwise "".
func (s *Set) Better(unit string) string {
	switch s.units.GetBetter(unit) {
	case +1:
		return "higher"
	case -1:
		return "lower"
	}
	return ""
}

// Assume returns the value of the Unit line key assume: "exact", "nothing", or "" when no line
// says.
func (s *Set) Assume(unit string) string {
	if m := s.units.Get(unit, "assume"); m != nil {
		return m.Value
	}
	return ""
}

// Failed returns the first failure that concerns the benchmark: its own, or that of the function
// which it is a sub-benchmark of.
func (s *Set) Failed(name string) (Failure, bool) {
	for _, f := range s.Failures {
		if f.Name == name || f.Name != "" && strings.HasPrefix(name, f.Name+"/") {
			return f, true
		}
	}
	return Failure{}, false
}

// Tidy returns unit as Samples is keyed: ns/op is sec/op.
func Tidy(unit string) string {
	_, t := benchunit.Tidy(1, unit)
	return t
}

// StripProcs removes the -N that the testing package appends for a processor count above one.
func StripProcs(name string) string { return name[:procs(name)] }

// procs returns where in a name the -N begins, which is the end if there is none.
func procs[T string | []byte](name T) int {
	i := len(name)
	for i > 0 && '0' <= name[i-1] && name[i-1] <= '9' {
		i--
	}
	if i > 0 && i < len(name) && name[i-1] == '-' {
		return i - 1
	}
	return len(name)
}
