// Package bottleneck says from the profiles of a benchmark where its time goes, what bounds it and what
// to try next.
//
// It reads profiles that it is given as bytes, adds them up by package, function and kind of work, and
// applies two tables of rules: one for the word that says what bounds the benchmark, one for what was
// seen, by which number, and the next step. The same profiles give the same report. It takes no
// profiles, judges no budget and has no say in an exit code: that is why it is not part of package
// gate, which knows samples and limits only and has no use for a reader of profiles.
//
// Names in profiles were written by whoever wrote the benchmark: they are capped here, and escaped where they
// are shown.
//
// Position in the flow: measure takes the profiles, bottleneck reads them, report renders.
package bottleneck

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Version is the version of the report's shape. It rises when a field changes its meaning or goes.
const Version = 1

// A Report is what the profiles of some benchmarks showed. Its JSON form is that of perfgate profile.
type Report struct {
	Version int `json:"version"`
	// Ref and Commit are the version that was profiled, Go the toolchain; empty is unknown.
	Ref        string      `json:"ref,omitempty"`
	Commit     string      `json:"commit,omitempty"`
	Go         string      `json:"go,omitempty"`
	Processors int         `json:"processors"`
	Benchmarks []Benchmark `json:"benchmarks"`
	// Problems says, one sentence each, what was to be profiled and was not.
	Problems []string `json:"problems"`
}

// A Benchmark is what bounds one benchmark, and why.
type Benchmark struct {
	Package string   `json:"package,omitempty"`
	Name    string   `json:"name"`   // without the word Benchmark
	Failed  []string `json:"failed"` // the failed budgets for which it was profiled: unit and reason
	Bound   Bound    `json:"bound"`
	// BoundWhy says in one sentence by which numbers.
	BoundWhy string `json:"bound_why"`

	Iterations int `json:"iterations"`
	// Wall and CPU are nanoseconds for one iteration; CPU is of all threads.
	Wall float64 `json:"wall_ns"`
	CPU  float64 `json:"cpu_ns"`
	// Waiting is the share of the wall time in which no processor was used, from 0 to 1, other
	// processes' use of the processor left out; nil where it cannot be told.
	Waiting *float64 `json:"waiting"`
	// Timed is the share of the profiled processor time that was inside the benchmark's timer; nil where
	// that cannot be told. What is outside is in the profiles too.
	Timed *float64 `json:"timed"`

	Work     []Share   `json:"work"` // processor time by kind of work
	Profiles []Profile `json:"profiles"`
	Findings []Finding `json:"findings"`
}

// A Bound is the word for what bounds a benchmark.
type Bound string

// What bounds.
const (
	Computing  Bound = "computing"
	Allocating Bound = "allocating"
	Collecting Bound = "garbage collection"
	Locking    Bound = "lock"
	Waiting    Bound = "waiting"
	Unknown    Bound = "not known"
)

// A Kind is what a profile shows.
type Kind string

// The kinds.
const (
	CPU   Kind = "cpu"   // nanoseconds of processor time
	Alloc Kind = "alloc" // bytes allocated
	Mutex Kind = "mutex" // nanoseconds that others waited for a lock, at who let go of it
	Block Kind = "block" // nanoseconds waited for locks and channels, at who waited
)

// A Profile is where one kind of cost arises. Shares are of Total.
type Profile struct {
	Kind Kind `json:"kind"`
	// Total is for one iteration, in nanoseconds or bytes. Samples is how many ticks, objects or waits it
	// is of, in all iterations.
	Total   float64 `json:"total"`
	Samples int     `json:"samples"`

	Origins    []Share    `json:"origins"`
	Packages   []Share    `json:"packages"`
	Functions  []Function `json:"functions"`  // most on their own first
	Cumulative []Function `json:"cumulative"` // most with what they call first
}

// A Share is a part of a whole, from 0 to 1.
type Share struct {
	Name  string  `json:"name"`
	Share float64 `json:"share"`
}

// A Function is the share of a function: Flat of itself, Cumulative with all that it calls.
type Function struct {
	Name       string  `json:"name"`
	Flat       float64 `json:"flat"`
	Cumulative float64 `json:"cumulative"`
}

// A Finding is what a rule saw, the number by which, and what to try.
type Finding struct {
	Rule  string  `json:"rule"`
	Saw   string  `json:"saw"`
	Value float64 `json:"value"` // a share from 0 to 1, or for growth the exponent
	Next  string  `json:"next"`
}

// A Raw is a pair of profiles of one kind in the format of pprof, of few iterations and of many.
type Raw struct {
	Kind        Kind
	Few, Many   int
	Short, Long []byte
}

// A Growth is a budget on how a value grows with a key of the name, and failed.
type Growth struct {
	Key, Unit string
	Exponent  float64 // fitted
	Limit     string  // as the budget says it
}

// A Value is a value that the benchmark prints for one iteration.
type Value struct {
	Unit  string
	Value float64
}

// An Input is one benchmark as it was measured.
type Input struct {
	Package, Name  string // without the word Benchmark
	Failed         []string
	Growth         []Growth
	Iterations     int
	Processors     int
	Wall, Own, CPU float64 // seconds for one iteration; Own and CPU are 0 where they are not known
	Values         []Value
	Profiles       []Raw
}

// Options are what a report shows.
type Options struct {
	// Modules are the paths of the modules that are first-party.
	Modules []string
	// Top is how many functions and packages are listed; 0 is 10.
	Top int
}

// Examine reads the profiles of one benchmark and applies the rules. The error says which profile
// cannot be read, and why.
func Examine(in Input, o Options) (Benchmark, error) {
	if o.Top <= 0 {
		o.Top = 10
	}
	b := Benchmark{
		Package: in.Package, Name: in.Name, Failed: slices.Clone(in.Failed), Iterations: in.Iterations,
		Wall: in.Wall * 1e9, CPU: in.CPU * 1e9, Work: []Share{}, Profiles: []Profile{}, Findings: []Finding{},
	}
	if b.Failed == nil {
		b.Failed = []string{}
	}
	f := facts{in: in, b: &b, modules: o.Modules, sums: map[Kind]*sums{}}
	for _, raw := range in.Profiles {
		s, err := read(raw, o.Modules)
		if err != nil {
			return b, fmt.Errorf("read the %s profile of %s: %w", raw.Kind, in.Name, err)
		}
		f.sums[raw.Kind] = s
		b.Profiles = append(b.Profiles, s.profile(raw.Kind, o.Top))
		if raw.Kind == CPU {
			b.Work = shares(s.work, s.total, len(s.work))
		}
	}
	f.times()
	b.Bound, b.BoundWhy = f.bound()
	for _, r := range rules {
		for _, saw := range r.see(&f) {
			saw.Rule = r.name
			b.Findings = append(b.Findings, saw)
		}
	}
	return b, nil
}

// times works out how much of the time was waiting, and how much of the profile was timed.
func (f *facts) times() {
	cpu := f.sums[CPU]
	if f.in.CPU > 0 && f.in.Own > 0 {
		w := clamp(1 - f.in.CPU/f.in.Own)
		f.b.Waiting = &w
		if cpu != nil && cpu.total > 0 {
			t := clamp(f.in.CPU * 1e9 / cpu.total)
			f.b.Timed = &t
		}
		return
	}
	if cpu == nil || f.in.Wall <= 0 {
		return
	}
	// Without the process's own clock, the samples are all there is.
	f.b.CPU = max(0, cpu.total)
	w := clamp(1 - f.b.CPU/(f.in.Wall*1e9))
	f.b.Waiting = &w
}

func clamp(x float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return min(max(x, 0), 1)
}

// profile lists the most of what was added up.
func (s *sums) profile(kind Kind, top int) Profile {
	p := Profile{
		Kind: kind, Total: max(0, s.total), Samples: int(min(max(0, s.samples), math.MaxInt32)),
		Origins: shares(s.origins, s.total, len(s.origins)), Packages: shares(s.packages, s.total, top),
		Functions: []Function{}, Cumulative: []Function{},
	}
	list := func(parts map[string]float64) []Function {
		out := []Function{}
		for _, sh := range shares(parts, s.total, top) {
			out = append(out, Function{Name: sh.Name, Flat: clamp(s.flat[sh.Name] / s.total), Cumulative: clamp(s.cumulative[sh.Name] / s.total)})
		}
		return out
	}
	p.Functions, p.Cumulative = list(s.flat), list(s.cumulative)
	return p
}

// shares returns the largest parts of total, at most so many, by size and then by name. A part that
// is under one in a thousand is left out, and so is one below zero, which is noise.
func shares(parts map[string]float64, total float64, most int) []Share {
	out := []Share{}
	if total <= 0 {
		return out
	}
	for name, v := range parts {
		out = append(out, Share{name, clamp(v / total)})
	}
	slices.SortFunc(out, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), strings.Compare(a.Name, b.Name))
	})
	out = slices.DeleteFunc(out, func(s Share) bool { return s.Share < 0.001 })
	return out[:min(len(out), most)]
}
