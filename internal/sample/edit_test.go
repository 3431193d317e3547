package sample

import (
	"reflect"
	"testing"
)

const two = `# perfgate-samples: 1
# session: s1
goos: linux
pkg: example.com/a
Unit rounds/op better=lower assume=exact
pair: 1
BenchmarkSync 	100	1500 ns/op	2.000 rounds/op
pair: 2
BenchmarkSync 	100	1600 ns/op	2.000 rounds/op
BenchmarkLoad 	100	7 ns/op
BenchmarkSave 	100	9 ns/op
# end: 4
`

var (
	syncKey = Key{"example.com/a", "Sync"}
	loadKey = Key{"example.com/a", "Load"}
)

// edits are all there are; each must leave the original as it was.
var edits = map[string]func(s *Set){
	"put": func(s *Set) {
		s.Put(&Benchmark{Key: loadKey, Runs: []Run{{}}, Samples: map[string][]Measurement{"sec/op": {{Value: 1}}}})
		s.Put(&Benchmark{Key: Key{Name: "New"}})
	},
	"remove": func(s *Set) { s.Remove(syncKey) },
	"rename": func(s *Set) { s.Rename(syncKey, "Other") },
	"replace": func(s *Set) {
		s.Replace(syncKey, func(unit string, values []Measurement) []Measurement {
			if unit == "rounds/op" {
				return nil
			}
			for i := range values {
				values[i].Value *= 2
			}
			return values
		})
	},
	"fail":        func(s *Set) { s.Fail("Sync", "panic: x") },
	"provenance":  func(s *Set) { s.Provenance["session"] = "s2" },
	"environment": func(s *Set) { s.Environment["goos"] = "plan9" },
	"runs":        func(s *Set) { s.Benchmarks[0].Runs[0].Pair = "9" },
}

func TestEditsOfACloneLeaveTheOriginal(t *testing.T) {
	for name, edit := range edits {
		s, fresh := read(t, two), read(t, two)
		c := s.Clone()
		if !reflect.DeepEqual(c, s) {
			t.Fatalf("%s: the clone is another", name)
		}
		edit(c)
		if reflect.DeepEqual(c, s) {
			t.Errorf("%s: changed nothing", name)
		}
		if !reflect.DeepEqual(s, fresh) {
			t.Errorf("%s: changed the original", name)
		}
		// What Lookup finds is what stands in the list.
		for _, b := range c.Benchmarks {
			if c.Lookup(b.Key) != b {
				t.Errorf("%s: %v is looked up as another", name, b.Key)
			}
		}
		if len(c.index) != len(c.Benchmarks) {
			t.Errorf("%s: %d benchmarks, %d can be looked up", name, len(c.Benchmarks), len(c.index))
		}
	}
}

func TestEdits(t *testing.T) {
	s := read(t, two)
	if c := s.Only(func(k Key) bool { return k == loadKey }); len(c.Benchmarks) != 1 || c.Lookup(loadKey) == nil || c.Better("rounds/op") != "lower" || c.Assume("rounds/op") != "exact" {
		t.Errorf("only: %+v", c)
	}
	if !s.Remove(loadKey) || s.Remove(loadKey) || s.Lookup(loadKey) != nil || len(s.Benchmarks) != 2 {
		t.Errorf("remove: %v", s.Benchmarks)
	}
	if s.Rename(syncKey, "Save") || s.Rename(loadKey, "X") {
		t.Error("rename: onto another, or what is not there")
	}
	if !s.Rename(syncKey, "Sync/peers=2") || s.Lookup(syncKey) != nil || s.Benchmarks[0].Name != "Sync/peers=2" {
		t.Errorf("rename: %v", s.Benchmarks[0])
	}
	s.Fail("Save", "panic: x")
	if f, ok := s.Failed("Save"); !ok || f.Text != "panic: x" {
		t.Errorf("fail: %v", s.Failures)
	}
	if s.Replace(loadKey, nil) {
		t.Error("replace: what is not there")
	}
	var bare Set
	bare.Put(&Benchmark{Key: loadKey})
	if bare.Lookup(loadKey) == nil {
		t.Error("put: into an empty set")
	}
}
