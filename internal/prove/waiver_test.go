package prove

import (
	"slices"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/sample"
)

// A waived budget is proved able to fail without its waiver, and red beyond the ceiling with it.
func TestWaivedIsProved(t *testing.T) {
	waivers := "version: 1\nwaivers:\n  - {benchmark: A, unit: steps/op, ceiling: CEILING, until: 2026-12-31, reason: r, link: https://example.test/1}\n"
	renames := "version: 1\nrenames:\n  - {from: Old, to: A}\n"
	unit := "Unit steps/op better=lower assume=exact\n"
	read := func(file, name string, value string) *sample.Set {
		line := "Benchmark" + name + " 1 " + value + " steps/op\n"
		return read(t, file, unit+line+line+"BenchmarkX 1 1 steps/op\n")
	}
	for _, c := range []struct {
		budget, ceiling string
		planted         bool
	}{
		{"max_rise: 10%", "40%", true},
		{"max_rise: 10%", "150", false},
		{"at_most: 120", "200", true},
		{"at_most: 120", "40%", false},
	} {
		set, err := budget.Parse([]budget.Source{
			{Name: "b.yaml", Data: []byte("version: 1\nbudgets:\n  - {id: a, match: A, unit: steps/op, " + c.budget + "}\n")},
			{Name: "waivers.yaml", Data: []byte(strings.ReplaceAll(waivers, "CEILING", c.ceiling))},
			{Name: "renames.yaml", Data: []byte(renames)},
		})
		if err != nil {
			t.Fatal(err)
		}
		in := gate.Input{Budgets: set, Base: read("base", "Old", "100"), Head: read("head", "A", "130"), Today: "2026-06-15"}
		proof, err := Prove(in, 1)
		if err != nil || proof.Unproved > 0 || proof.Proved != 1 {
			t.Fatalf("%+v: %v %+v", c, err, proof)
		}
		i := slices.IndexFunc(proof.Rules[0].Plants, func(p Plant) bool { return p.Name == Ceiling })
		if (i >= 0) != c.planted {
			t.Fatalf("%+v: %+v", c, proof.Rules[0].Plants)
		}
		if i >= 0 {
			if p := proof.Rules[0].Plants[i]; p.ExitCode != gate.ExitFail || p.Want != Fail {
				t.Errorf("%+v: %+v", c, p)
			}
		}
		in.Today = "2027-01-01"
		if _, err := Prove(in, 1); err == nil {
			t.Error("an expired waiver is proved")
		}
	}
}
