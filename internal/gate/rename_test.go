package gate

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/sample"
)

const stepsUnit = "Unit steps/op better=lower assume=exact\n"

func steps(name string, value float64) string { return loose(name, "steps/op", value, value) }

// With a rename the verdict is that of one benchmark; without it two are told, one missing and one new.
func TestRenamed(t *testing.T) {
	budgets := []string{"match: New, unit: steps/op, max_rise: 0%", "match: Other, unit: steps/op, max_rise: 0%"}
	base := stepsUnit + steps("Old", 10) + steps("Old/n=1", 10) + steps("Other", 1) + steps("Other/n=1", 1)
	head := stepsUnit + steps("New", 10) + steps("New/n=1", 11) + steps("Other", 1) + steps("Other/size=1", 2)
	set := reviewedSet(t, nil, []string{"from: Old, to: New", "from: Other/n=1, to: Other/size=1"}, budgets...)
	r, err := Judge(Input{Budgets: set, Base: read(t, "base", base), Head: read(t, "head", head)})
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		name, from string
		verdict    Kind
	}
	var got []row
	for _, v := range r.Verdicts {
		got = append(got, row{v.Benchmark, v.RenamedFrom, v.Verdict})
	}
	want := []row{{"New", "Old", Pass}, {"New/n=1", "Old/n=1", Fail}, {"Other", "", Pass}, {"Other/size=1", "Other/n=1", Fail}}
	if !reflect.DeepEqual(got, want) || r.Counts.New+r.Counts.Missing != 0 || len(r.Notes) > 0 {
		t.Errorf("%v, not %v: %s", got, want, marshal(t, r))
	}
	set.Renames = nil
	r, err = Judge(Input{Budgets: set, Base: read(t, "base", base), Head: read(t, "head", head)})
	if err != nil || r.Counts.New != 3 || r.Counts.Missing != 1 {
		t.Errorf("without the renames: %v %s", err, marshal(t, r))
	}
}

// The record of the base has the names of its time too.
func TestRenamedRecord(t *testing.T) {
	set := reviewedSet(t, nil, []string{"from: Old, to: New"}, "match: New, unit: steps/op, max_rise: 0%")
	in := Input{Budgets: set, Base: read(t, "base", stepsUnit+steps("Old", 10)), Head: read(t, "head", stepsUnit+steps("New", 10)), Stored: read(t, "stored", stepsUnit+steps("Old", 9))}
	r, err := Judge(in)
	if err != nil || r.Verdicts[0].Verdict != Fail || *r.Verdicts[0].Base != 9 {
		t.Errorf("%v %s", err, marshal(t, r))
	}
	// One that has both names keeps the new one.
	in.Stored = read(t, "stored", stepsUnit+steps("Old", 10)+steps("New", 9))
	if r, err = Judge(in); err != nil || *r.Verdicts[0].Base != 9 {
		t.Errorf("%v %s", err, marshal(t, r))
	}
	in.Stored = read(t, "stored", stepsUnit+steps("New", 9)+steps("Old", 10))
	if r, err = Judge(in); err != nil || *r.Verdicts[0].Base != 9 {
		t.Errorf("%v %s", err, marshal(t, r))
	}
}

// A benchmark that went into another function and of which base's function broke off is not new.
func TestRenamedFromWhatBroke(t *testing.T) {
	set := reviewedSet(t, nil, []string{"from: Old/n=1, to: New/n=1"}, "match: New/n=1, unit: steps/op, max_rise: 0%")
	for _, broke := range []string{"--- FAIL: BenchmarkOld\n    no\n", "BenchmarkOld/n=1 1 x steps/op\n"} {
		r, err := Judge(Input{Budgets: set, Base: read(t, "base", stepsUnit+steps("X", 1)+broke), Head: read(t, "head", stepsUnit+steps("New/n=1", 10))})
		if err != nil || r.ExitCode == ExitPass || r.Verdicts[0].New {
			t.Errorf("%q: %v %s", broke, err, marshal(t, r))
		}
	}
}

func TestRenameMistakes(t *testing.T) {
	budgets := []string{"match: New, unit: steps/op, max_rise: 0%"}
	for _, c := range []struct {
		name, base, head string
		rename           string
		err, note        string
	}{
		{"fine", steps("Old", 1), steps("New", 1), "from: Old, to: New", "", ""},
		{"still in head", steps("Old", 1), steps("New", 1) + steps("Old/n=1", 1), "from: Old, to: New", "renames.yaml:3:12: Old is said to be called New, and head still has Old/n=1", ""},
		{"not in head", steps("Old", 1) + steps("New", 1), steps("New", 1), "from: Old, to: Nwe", "renames.yaml:3:21: Old is said to be called Nwe, which head does not have; did you mean New?", ""},
		{"both in base", steps("Old", 1) + steps("New", 1), steps("New", 1), "from: Old, to: New", "the base has both Old and New", ""},
		{"released", steps("New", 1), steps("New", 1), "from: Old, to: New", "", "renames.yaml:3: the rename of Old to New is done, since neither base nor head has Old; delete it"},
		{"head broke off", steps("Old", 1), "--- FAIL: BenchmarkNew\n    no\n" + steps("X", 1), "from: Old, to: New", "", ""},
		{"base broke off", steps("X", 1) + "--- FAIL: BenchmarkOld\n    no\n", steps("New", 1), "from: Old, to: New", "", ""},
		{"no base", "", steps("New", 1), "from: Old, to: New", "", ""},
		{"into a part of itself", steps("New", 1), steps("New/mode=all", 1), "from: New, to: New/mode=all", "", ""},
		{"into a part of itself beside another", steps("New", 1), steps("New/mode=all", 1) + steps("New/mode=b", 1), "from: New, to: New/mode=all", "", ""},
	} {
		in := Input{Budgets: reviewedSet(t, nil, []string{c.rename}, budgets...), Head: read(t, "head", stepsUnit+c.head)}
		if c.base != "" {
			in.Base = read(t, "base", stepsUnit+c.base)
		}
		r, err := Judge(in)
		lint := Lint(in)
		var ps budget.Problems
		switch {
		case c.err == "" && (err != nil || lint != nil):
			t.Errorf("%s: %v", c.name, err)
		case c.err != "" && (!errors.As(err, &ps) || !strings.Contains(err.Error(), c.err) || lint == nil || lint.Error() != err.Error()):
			t.Errorf("%s: %v, lint %v", c.name, err, lint)
		case strings.Join(r.Notes, ";") != c.note:
			t.Errorf("%s: notes %v", c.name, r.Notes)
		}
		if c.name == "into a part of itself" && r.Verdicts[0].RenamedFrom != "New" {
			t.Errorf("%s: %s", c.name, marshal(t, r))
		}
	}
}

// What is handed in stays as it is.
func TestRenamedLeavesInput(t *testing.T) {
	base := read(t, "base", stepsUnit+steps("Old", 1)+"--- FAIL: BenchmarkOld/x\n    no\n")
	in := Input{Budgets: reviewedSet(t, nil, []string{"from: Old, to: New"}, "match: New, unit: steps/op, max_rise: 0%"), Base: base, Head: read(t, "head", stepsUnit+steps("New", 1))}
	out := Renamed(in)
	if base.Benchmarks[0].Name != "Old" || base.Failures[0].Name != "Old/x" || base.Lookup(sample.Key{Name: "Old"}) == nil {
		t.Error("the base was changed")
	}
	if out.Base.Benchmarks[0].Name != "New" || out.Base.Failures[0].Name != "New/x" || out.Base.Lookup(sample.Key{Name: "New"}) == nil || len(out.Budgets.Renames) > 0 {
		t.Errorf("%+v", out.Base)
	}
}
