package gate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/budget"
)

// A waiver for budgets that are not asked for goes with them; one that is for no budget at all stays, and
// is told.
func TestOnlyWithWaivers(t *testing.T) {
	budgets := []string{"match: A, unit: ns/op, max_rise: 10%", "match: B, unit: ns/op, max_rise: 10%", "match: A, unit: ns/op, at_most: 1s"}
	set := reviewedSet(t, []string{waiverOf("A", "ns/op", "40%"), waiverOf("B", "ns/op", "40%")}, nil, budgets...)
	for id, want := range map[string]string{"b0": "A", "b1": "B", "b2": "A"} {
		part, _, err := Only(set, []string{id})
		var got []string
		for _, w := range part.Waivers {
			got = append(got, w.Match.Text)
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: waivers %v, %v; want %q", id, got, err, want)
		}
		if err := CheckWaivers(part, testDay); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	if len(set.Waivers) != 2 {
		t.Error("the set that was given is changed")
	}
	set = reviewedSet(t, []string{waiverOf("A", "B/op", "40%")}, nil, budgets...)
	part, _, err := Only(set, []string{"b1"})
	if err != nil || CheckWaivers(part, testDay) == nil {
		t.Errorf("a waiver that is for nothing is no mistake in a part: %v", err)
	}
}

// A shard reads the waivers and renames of its part, and takes those of the others for no mistake.
func TestRestrictWithReviewed(t *testing.T) {
	_, slow := pairsOf(t, "A", "ns/op", 1.3)
	base, _ := pairsOf(t, "OldA", "ns/op", 1)
	in := Input{
		Budgets: reviewedSet(t, []string{waiverOf("A", "ns/op", "40%"), waiverOf("B", "ns/op", "40%")}, []string{"from: OldA, to: A", "from: OldB, to: B"},
			"match: A, unit: ns/op, max_rise: 10%", "match: B, unit: ns/op, max_rise: 10%"),
		Head: read(t, "h", slow), Base: read(t, "b", base), Today: testDay,
	}
	r, err := Judge(Restrict(in, []string{"A"}))
	if err != nil || len(r.Verdicts) != 1 || r.Counts.Waived != 1 || r.Verdicts[0].RenamedFrom != "OldA" {
		t.Errorf("%v, %+v", err, r.Verdicts)
	}
	if got := Restrict(in, []string{"B"}).Budgets; len(got.Waivers) != 1 || got.Waivers[0].Match.Text != "B" || len(got.Renames) != 1 || got.Renames[0].To != "B" {
		t.Errorf("%+v, %+v", got.Waivers, got.Renames)
	}
	// What a function lost to one of another part is no mistake in its own.
	in.Budgets.Renames = []budget.Rename{{From: "A/x", To: "B/x"}}
	in.Budgets.Waivers = nil
	if _, err := Judge(Restrict(in, []string{"A"})); err != nil {
		t.Errorf("a rename to another part: %v", err)
	}
}

// with is a text of samples with one of a benchmark more.
func with(text, name string, value float64) string {
	text, _, _ = strings.Cut(text, "# end:")
	text += run(name, "ns/op", value)
	return fmt.Sprintf("%s# end: %d\n", text, strings.Count(text, "\nBenchmark"))
}

// The base of a shard has its benchmarks under their old names.
func TestMergeShardsRenamed(t *testing.T) {
	at := Assign(partedFunctions, 2)
	old := func(text string) string { return strings.ReplaceAll(text, "BenchmarkA ", "BenchmarkOld ") }
	p := parted{
		set:  func(in *Input) { in.Budgets.Renames = []budget.Rename{{From: "Old", To: "A"}} },
		base: [2]func(string) string{old, old},
	}
	r, err := p.judge(t)
	if err != nil || r.Counts.Pass != 3 || r.Verdicts[0].RenamedFrom != "Old" || r.Verdicts[0].Pairs == 0 {
		t.Fatalf("%v, %+v", err, r.Verdicts)
	}
	// The other shard ran nothing that is now A.
	stray := p
	stray.base[2-at[0]] = func(text string) string { return with(text, "Old", 100) }
	if _, err := stray.judge(t); err == nil || !strings.Contains(err.Error(), "has samples of Old, which is not of its part") {
		t.Errorf("another part: %v", err)
	}
	// One that a function lost to one of a later part is compared there alone, by the pairs of one machine.
	from, to := partedFunctions[slices.Index(at, 1)], partedFunctions[slices.Index(at, 2)]
	p = parted{
		set: func(in *Input) { in.Budgets.Renames = []budget.Rename{{From: from + "/x", To: to}} },
		base: [2]func(string) string{
			func(text string) string { return with(text, from+"/x", 1) },
			func(text string) string {
				return strings.ReplaceAll(text, "Benchmark"+to+" ", "Benchmark"+from+"/x ")
			},
		},
	}
	r, err = p.judge(t)
	if i := slices.Index(partedFunctions, to); err != nil || r.Counts.Pass != 3 || r.Verdicts[i].RenamedFrom != from+"/x" {
		t.Errorf("%v, %+v", err, r.Verdicts)
	}
}

// The shards of some budgets are judged as those, and of others not.
func TestMergeShardsOfBudgets(t *testing.T) {
	said := swap("# shard-options: o", "# shard-budget-ids: b0 b1\n# shard-options: o")
	only := func(ids ...string) func(*Input) {
		return func(in *Input) {
			in.Declared = len(in.Budgets.Budgets)
			in.Budgets, in.IDs, _ = Only(in.Budgets, ids)
		}
	}
	p := parted{head: [2]func(string) string{said, said}, set: only("b0", "b1")}
	r, err := p.judge(t)
	if err != nil || r.Selected == nil || r.Selected.Judged != 2 || r.Selected.Budgets != 3 {
		t.Errorf("%v, %+v", err, r.Selected)
	}
	p.set = only("b0")
	if _, err := p.judge(t); err == nil || !strings.Contains(err.Error(), "d1/head.txt is of the budgets b0 b1; judge it with the same --budget") {
		t.Errorf("fewer: %v", err)
	}
	p.set = nil
	if _, err := p.judge(t); err == nil || !strings.Contains(err.Error(), "judge it with the same --budget") {
		t.Errorf("all: %v", err)
	}
	if _, err := (parted{set: only("b0")}).judge(t); err == nil || !strings.Contains(err.Error(), "is of all budgets; judge it with the same --budget") {
		t.Errorf("a part of all: %v", err)
	}
	p = parted{head: [2]func(string) string{said, nil}, set: only("b0", "b1")}
	if _, err := p.judge(t); err == nil || !strings.Contains(err.Error(), "in the budgets asked for") {
		t.Errorf("mixed: %v", err)
	}
}
