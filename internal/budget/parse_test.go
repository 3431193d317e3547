package budget

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func file(lines string) []Source {
	return []Source{{"a.yaml", []byte("version: 1\nbudgets:\n  - id: a\n    match: A/k=1\n    " + strings.ReplaceAll(lines, "\n", "\n    ") + "\n")}}
}

func TestParseAccepts(t *testing.T) {
	for _, c := range []struct {
		text string
		get  func(Budget) *Limit
		want float64
	}{
		{"unit: p99-ns\nat_most: 15ms", func(b Budget) *Limit { return b.AtMost }, 0.015},
		{"unit: ns/op\nmax_rise: 0%", func(b Budget) *Limit { return b.MaxRise }, 0},
		{"unit: ops/s\nmax_drop: 99.9%", func(b Budget) *Limit { return b.MaxDrop }, 0.999},
		{"unit: B/op\nat_most: 2KiB", func(b Budget) *Limit { return b.AtMost }, 2048},
		{"unit: MB/s\nat_least: 3", func(b Budget) *Limit { return b.AtLeast }, 3e6},
		{"unit: MB/s\nat_least: 3MB/s", func(b Budget) *Limit { return b.AtLeast }, 3e6},
		{"unit: rounds/op\nat_most: 1e3", func(b Budget) *Limit { return b.AtMost }, 1000},
	} {
		set, err := Parse(file(c.text))
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if l := c.get(set.Budgets[0]); l == nil || math.Abs(l.Value-c.want) > 1e-9*c.want {
			t.Errorf("%q: got %+v, want %v", c.text, l, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	ok := "unit: ns/op\nmax_rise: 20%"
	for _, c := range []struct {
		sources []Source
		want    string
	}{
		{nil, "no budget files"},
		{[]Source{{"a.yaml", nil}}, "a.yaml:1:1: file is empty"},
		{[]Source{{"a.yaml", []byte("# x\n")}}, "a.yaml:1:1: file is empty"},
		{[]Source{{"a.yaml", []byte("- x\n")}}, "not a mapping"},
		{[]Source{{"a.yaml", []byte("version: 2\nbudgets: []\n")}}, "budgets is not a list with entries"},
		{[]Source{{"a.yaml", []byte("version: 2\n")}}, `a.yaml:1:10: version "2" is not known`},
		{[]Source{{"a.yaml", []byte("version: 1\n\tx: 1\n")}}, "not valid YAML"},
		{[]Source{{"a.yaml", make([]byte, maxBytes+1)}}, "over 1 MiB"},
		{append(file(ok), Source{"b.yaml", file(ok)[0].Data}), "b.yaml:3:9: id a is used already at a.yaml:3:9"},
		{file(ok + "\n<<: {id: b}"), "merge keys are not allowed"},
		{file("unit: &x ns/op\nmax_rise: 20%"), "anchors"},
		{file("unit: ns/op\nmax_rize: 20%"), "a.yaml:6:5: unknown key \"max_rize\" in budget; did you mean max_rise?"},
		{file(ok + "\nunit: B/op"), "a.yaml:7:5: key unit stands twice"},
		{file("unit: ns/op"), "budget has no limit"},
		{file("max_rise: 20%"), "budget has no unit"},
		{file("unit: ns/op\nmax_rise: 20"), "not a usable percentage"},
		{file("unit: ns/op\nmax_rise: -1%"), "not a usable percentage"},
		{file("unit: ns/op\nmax_rise: NaN%"), "not a usable percentage"},
		{file("unit: ops/s\nmax_drop: 100%"), "not a usable percentage"},
		{file("unit: ns/op\nat_most: 15"), "write 15ns, 15us, 15ms or 15s"},
		{file("unit: rounds\nat_most: 15ms"), "not a value in rounds"},
		{file("unit: x\nmax_rise: 1%\nmax_drop: 1%"), "both max_rise and max_drop"},
		{file("unit: x\nat_most: 1\nat_least: 2"), "is greater than at_most"},
		{file("unit: MB/s\nmax_rise: 1%"), "better when higher"},
		{file("unit: ns/op\nmax_drop: 1%"), "better when lower"},
		{file("unit: x\nmax_drop: 1%\nbetter: lower"), "better when lower"},
		{file(ok + "\nclass: exat"), "did you mean exact?"},
		{file("unit: x\nat_most: 1\nignore_below: 1"), "without a relative limit"},
		{file("unit: x\nscales: {with: k, exponent_at_most: 1}"), "match fixes the key k"},
		{file("unit: x\nscales: {with: j, exponent_at_most: 0}"), "not a positive number"},
		{file(ok + "\nwhy: " + strings.Repeat("x", maxWhy+1)), "why is over 500"},
		{file(ok + "\nwhy: a\u202eb"), "direction character"},
		{[]Source{{"a.yaml", append(file(ok)[0].Data, "---\nx: 1\n"...)}}, "second document"},
	} {
		set, err := Parse(c.sources)
		var ps Problems
		if !errors.As(err, &ps) || !strings.Contains(err.Error(), c.want) || len(set.Budgets) > 0 {
			t.Errorf("want %q, got %v", c.want, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(file("unit: ns/op\nmax_rise: 20%")[0].Data)
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := Parse([]Source{{"a.yaml", data}})
		if err != nil {
			return
		}
		if len(set.Budgets) == 0 {
			t.Fatal("accepted without a budget")
		}
		for _, b := range set.Budgets {
			if b.ID == "" || b.Unit == "" || b.Match.Name == "" || b.MaxRise == nil && b.MaxDrop == nil && b.AtMost == nil && b.AtLeast == nil && b.Scales == nil {
				t.Fatalf("accepted an unusable budget %+v", b)
			}
		}
	})
}
