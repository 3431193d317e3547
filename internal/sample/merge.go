package sample

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// A Part is one of several sets that were measured apart, of one version: the samples of some benchmark
// functions, which are named without the word Benchmark.
type Part struct {
	*Set
	Functions []string
}

// An origin is what the text that a benchmark is from says of itself.
type origin struct{ provenance, environment map[string]string }

// Merge returns one Set with the samples of all parts, to be called file in messages. Where parts have the
// same benchmark, the same unit or the same failure of a whole run, that of the first stands; whoever merges sees to it that they
// do not contradict one another. Provenance and environment are those of the first part; what the
// text of each benchmark says, Said and Machine tell. There has to be at least one part.
func Merge(file string, parts []Part) *Set {
	first := parts[0]
	out := &Set{
		File:        file,
		Provenance:  maps.Clone(first.Provenance),
		Environment: maps.Clone(first.Environment),
		Confidence:  first.Confidence, ConfidenceLine: first.ConfidenceLine,
		units: benchfmt.UnitMetadataMap{}, index: map[Key]*Benchmark{}, origins: map[string]*origin{},
	}
	for _, p := range parts {
		for _, b := range p.Benchmarks {
			if out.index[b.Key] == nil {
				out.Put(b)
			}
		}
		for _, f := range p.Failures {
			if f.Name == "" && slices.ContainsFunc(out.Failures, func(g Failure) bool { return g.Name == "" && g.Text == f.Text }) {
				continue
			}
			f.File = p.place(f.File)
			out.Failures = append(out.Failures, f)
		}
		for _, d := range p.Damage {
			d.File = p.place(d.File)
			out.Damage = append(out.Damage, d)
		}
		for k, u := range p.units { // any order: each has a key of its own
			if out.units[k] == nil {
				out.units[k] = u
			}
		}
		from := &origin{maps.Clone(p.Provenance), maps.Clone(p.Environment)}
		for _, f := range p.Functions {
			if out.origins[f] == nil {
				out.origins[f] = from
			}
		}
	}
	return out
}

// place returns the file that a failure or damage stands in.
func (s *Set) place(file string) string {
	if file == "" {
		return s.File
	}
	return file
}

// At returns the file that a failure or damage stands in, and its line, as file:line.
func (f Failure) At(s *Set) string { return at(s.place(f.File), f.Line) }

// At returns the file that a failure or damage stands in, and its line, as file:line.
func (d Damage) At(s *Set) string { return at(s.place(d.File), d.Line) }

// Said returns the provenance of the text that the named benchmark is from: that of the Set, unless it
// was merged.
func (s *Set) Said(name string) map[string]string {
	if o := s.origin(name); o != nil {
		return o.provenance
	}
	return s.Provenance
}

// Machine returns the environment in which the named benchmark was measured: that of the Set, unless it
// was merged.
func (s *Set) Machine(name string) map[string]string {
	if o := s.origin(name); o != nil {
		return o.environment
	}
	return s.Environment
}

func at(file string, line int) string { return fmt.Sprintf("%s:%d", file, line) }

func (s *Set) origin(name string) *origin {
	function, _, _ := strings.Cut(name, "/")
	return s.origins[function]
}
