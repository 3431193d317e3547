package sample

import (
	"strings"
	"testing"
)

const (
	partOne = `# perfgate-samples: 1
# session: s1
# commit: c
goos: linux
cpu: one
Unit rounds/op better=lower assume=exact
BenchmarkSync/n=1 1 5 ns/op 2 rounds/op
FAIL	whole
--- FAIL: BenchmarkSync/n=2
    why
# end: 1
`
	partTwo = `# perfgate-samples: 1
# session: s2
# commit: c
goos: linux
cpu: two
Unit x better=higher
BenchmarkLoad 1 7 ns/op
BenchmarkBad 1 x
FAIL	whole
# end: 1
`
)

func TestMerge(t *testing.T) {
	one, err := Read(strings.NewReader(partOne), "one.txt")
	if err != nil {
		t.Fatal(err)
	}
	two, err := Read(strings.NewReader(partTwo), "two.txt")
	if err != nil {
		t.Fatal(err)
	}
	m := Merge("all", []Part{{one, []string{"Sync"}}, {two, []string{"Load", "Bad"}}})
	if len(m.Benchmarks) != 2 || m.Lookup(Key{Name: "Load"}) == nil || m.Lookup(Key{Name: "Load"}) == two.Lookup(Key{Name: "Load"}) {
		t.Errorf("benchmarks %v", m.Benchmarks)
	}
	if m.Assume("rounds/op") != "exact" || m.Better("x") != "higher" {
		t.Error("what one part says of units is lost")
	}
	// Both could not run for the same reason, which is told once.
	if len(m.Failures) != 2 || m.Failures[0].At(m) != "one.txt:8" || m.Failures[1].At(m) != "one.txt:9" {
		t.Errorf("failures %+v", m.Failures)
	}
	if len(m.Damage) != 1 || m.Damage[0].At(m) != "two.txt:8" || two.Damage[0].At(two) != "two.txt:8" || two.Damage[0].File != "" {
		t.Errorf("damage %+v, %+v", m.Damage, two.Damage)
	}
	if m.Provenance["session"] != "s1" || m.Said("Load")["session"] != "s2" || m.Said("Sync/n=1")["session"] != "s1" || m.Said("Other")["session"] != "s1" {
		t.Error("provenance")
	}
	if m.Environment["cpu"] != "one" || m.Machine("Load")["cpu"] != "two" || m.Clone().Machine("Load")["cpu"] != "two" || two.Machine("Load")["cpu"] != "two" {
		t.Error("environment")
	}
	m.Said("Load")["session"] = "x"
	if two.Provenance["session"] != "s2" {
		t.Error("an edit of the whole changes the part")
	}
}
