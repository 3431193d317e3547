package sample

import (
	"maps"
	"slices"
)

// Clone returns a copy of s that shares nothing with it that an edit could change.
func (s *Set) Clone() *Set { return s.Only(func(Key) bool { return true }) }

// Only returns a copy of s with those benchmarks alone that keep accepts; provenance, environment,
// confidence, failures, damage and what the text says of units are as in s.
func (s *Set) Only(keep func(Key) bool) *Set {
	out := &Set{
		File:        s.File,
		Provenance:  maps.Clone(s.Provenance),
		Environment: maps.Clone(s.Environment),
		Confidence:  s.Confidence, ConfidenceLine: s.ConfidenceLine,
		Failures: slices.Clone(s.Failures),
		Damage:   slices.Clone(s.Damage),
		// Nothing changes a line about a unit once it is read.
		units: maps.Clone(s.units),
		index: map[Key]*Benchmark{},
		// Nor what its parts say.
		origins: maps.Clone(s.origins),
	}
	for _, b := range s.Benchmarks {
		if keep(b.Key) {
			out.Put(b)
		}
	}
	return out
}

// Put adds a copy of b, in place of the benchmark that has its key, if there is one.
func (s *Set) Put(b *Benchmark) {
	c := &Benchmark{Key: b.Key, Runs: slices.Clone(b.Runs), Dropped: b.Dropped, Samples: make(map[string][]Measurement, len(b.Samples))}
	for _, unit := range slices.Sorted(maps.Keys(b.Samples)) {
		c.Samples[unit] = slices.Clone(b.Samples[unit])
	}
	i := -1
	if s.index == nil || s.index[b.Key] != nil {
		i = s.find(b.Key)
	}
	if i >= 0 {
		s.Benchmarks[i] = c
	} else {
		s.Benchmarks = append(s.Benchmarks, c)
	}
	if s.index == nil {
		s.index = map[Key]*Benchmark{}
	}
	s.index[b.Key] = c
}

// find returns the place of a benchmark in Benchmarks, or -1.
func (s *Set) find(k Key) int {
	return slices.IndexFunc(s.Benchmarks, func(b *Benchmark) bool { return b.Key == k })
}

// Remove takes a benchmark out, and reports whether there was one.
func (s *Set) Remove(k Key) bool {
	i := s.find(k)
	if i < 0 {
		return false
	}
	s.Benchmarks = slices.Delete(s.Benchmarks, i, i+1)
	delete(s.index, k)
	return true
}

// Rename gives a benchmark another name, without the word Benchmark, in the same package and place. It
// reports whether it did: there must be such a benchmark, and none of the new name.
func (s *Set) Rename(k Key, name string) bool {
	to := Key{Package: k.Package, Name: name}
	b := s.index[k]
	if b == nil || s.index[to] != nil {
		return false
	}
	b.Key = to
	delete(s.index, k)
	s.index[to] = b
	return true
}

// Renamed returns s with the names that name gives, of benchmarks, and of failures and damage, whose
// package is not known. It shares the samples with s. No two benchmarks of a package may get one name.
func (s *Set) Renamed(name func(Key) string) *Set {
	out := *s
	out.Benchmarks, out.index = make([]*Benchmark, len(s.Benchmarks)), make(map[Key]*Benchmark, len(s.Benchmarks))
	for i, b := range s.Benchmarks {
		c := *b
		c.Name = name(b.Key)
		out.Benchmarks[i], out.index[c.Key] = &c, &c
	}
	out.Failures, out.Damage = slices.Clone(s.Failures), slices.Clone(s.Damage)
	for i := range out.Failures {
		if f := &out.Failures[i]; f.Name != "" {
			f.Name = name(Key{Name: f.Name})
		}
	}
	for i := range out.Damage {
		if d := &out.Damage[i]; d.Name != "" {
			d.Name = name(Key{Name: d.Name})
		}
	}
	return &out
}

// Replace calls edit with the measurements of a benchmark in each tidied unit, in the order of the units'
// names, and puts what it returns in their place; it may change and return those that it got. A unit
// for which it returns none goes. It reports whether there is such a benchmark.
func (s *Set) Replace(k Key, edit func(unit string, values []Measurement) []Measurement) bool {
	b := s.index[k]
	if b == nil {
		return false
	}
	for _, unit := range slices.Sorted(maps.Keys(b.Samples)) {
		if out := edit(unit, b.Samples[unit]); len(out) > 0 {
			b.Samples[unit] = out
		} else {
			delete(b.Samples, unit)
		}
	}
	return true
}

// Fail records that the named benchmark failed, or with no name a whole run, with what it printed.
func (s *Set) Fail(name, text string) {
	s.Failures = append(s.Failures, Failure{Name: name, Text: text})
}
