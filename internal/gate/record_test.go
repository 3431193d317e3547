package gate

import (
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/sample"
)

// What a record says of an exact unit holds on every machine; of time it says nothing.
func TestStored(t *testing.T) {
	stored := func(text string) func(*Input) {
		return func(in *Input) {
			s, err := sample.Read(strings.NewReader(text), "v1.0.0")
			if err != nil {
				t.Fatal(err)
			}
			in.Stored = s
		}
	}
	exact := func(v float64) string { return exactLower + run("A", "rounds/op", v, v) }
	const rule = "match: A, unit: rounds/op, max_rise: 10%"
	for _, s := range []scenario{
		{name: "as recorded", budget: rule, base: exact(2), head: exact(2), set: stored("cpu: other\n" + exact(2)), want: Pass, reason: "exactly as the base", also: "exact values are those of its record v1.0.0", not: "measured anew"},
		{name: "the record holds, not the base", budget: rule, base: exact(3), head: exact(3), set: stored(exact(2)), exit: 1, want: Fail, also: "the base measured anew has 3, and its record 2"},
		{name: "and the other way", budget: rule, base: exact(2), head: exact(3), set: stored(exact(3)), want: Pass, also: `"base":3`},
		{name: "not recorded", budget: rule, base: exact(2), head: exact(3), set: stored(run("Z", "ns/op", 1)), exit: 1, want: Fail},
		{name: "the base is gone", budget: rule, base: run("Z", "ns/op", 1), head: exact(3), set: stored(exact(2)), exit: 1, want: Fail, not: `"new":true`},
		{name: "a record that varies", budget: rule, base: exact(2), head: exact(2), set: stored(exactLower + run("A", "rounds/op", 2, 3)), exit: 3, want: Inconclusive},
		{name: "time is that of the base", budget: timeRule, base: run("A", "ns/op", steady...), head: run("A", "ns/op", steady...), set: stored(run("A", "ns/op", 1, 1, 1, 1)), want: Pass},
		{name: "so are allocations", budget: "match: A, unit: allocs/op, max_rise: 0%", base: run("A", "allocs/op", 5, 5), head: run("A", "allocs/op", 5, 5), set: stored(run("A", "allocs/op", 4, 4)), want: Pass},
	} {
		t.Run(s.name, s.test)
	}
}

func TestCheckRecord(t *testing.T) {
	set := func(text string) *sample.Set {
		s, err := sample.Read(strings.NewReader(text), "head.txt")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	times := func(values ...float64) string { return loose("A", "ns/op", values...) }
	calm, rough := times(steady...), times(wild...)
	other := "cpu: other\n" + calm
	for _, tt := range []struct {
		name    string
		head    string
		earlier []string
		want    string // a part of the one reason; empty is fit
		spread  string // a part of the one complaint of spread
	}{
		{name: "fit", head: calm},
		{name: "fit among others", head: calm, earlier: []string{calm, calm, calm}},
		{name: "quick", head: "perfgate-confidence: low (quick)\n" + calm, want: "samples of low (quick) confidence are no baseline"},
		{name: "crashed", head: calm + "--- FAIL: BenchmarkB\n    boom\n", want: "B did not finish: "},
		{name: "missing", head: loose("Z", "ns/op", 1), want: "nothing was measured of A, which budget b0 selects"},
		{name: "nothing", head: "", want: "no samples"},
		{name: "damaged", head: calm + "BenchmarkA 1 abc ns/op\n", want: "A is damaged"},
		{name: "cut", head: "# perfgate-samples: 1\n" + calm, want: "the file is cut"},
		{name: "stopped", head: "# perfgate-samples: 1\n# stopped: by the time limit\n" + calm + "# end: 8\n", want: "measuring was stopped: by the time limit"},
		{name: "exact and the same", head: calm + exactLower + loose("A", "rounds/op", 2, 2)},
		{name: "exact and differing, no budget needed", head: calm + exactLower + loose("A", "rounds/op", 2, 3), want: "A rounds/op is exact, yet its runs differ: 2 to 3"},
		{name: "wide, with nothing to hold it against", head: rough},
		{name: "wide, two records are too few", head: rough, earlier: []string{calm, calm}},
		{name: "wide", head: rough, earlier: []string{calm, calm, calm}, spread: "of the runs of A sec/op spans"},
		{name: "wide as one of the last", head: rough, earlier: []string{calm, calm, calm, calm, rough}},
		{name: "wide as one of long ago", head: rough, earlier: []string{calm, calm, calm, calm, calm, rough}, spread: "last 5 baselines"},
		{name: "wide on another machine", head: rough, earlier: []string{other, other, other, calm, calm}},
		{name: "three times as wide, and narrow all the same", head: times(100, 104, 108, 100, 104, 108, 100, 104, 108), earlier: []string{times(repeat(8, 100)...), times(repeat(8, 100)...), times(repeat(8, 100)...)}},
		{name: "few runs tell no spread", head: times(wild[:7]...), earlier: []string{calm, calm, calm}},
	} {
		var earlier []*sample.Set
		for _, text := range tt.earlier {
			earlier = append(earlier, set(text))
		}
		got := CheckRecord(Input{Budgets: rules(t, timeRule), Head: set(tt.head)}, earlier)
		for _, side := range []struct {
			got  []string
			want string
		}{{got.Reasons, tt.want}, {got.Spread, tt.spread}} {
			if side.want == "" && len(side.got) > 0 || side.want != "" && (len(side.got) != 1 || !strings.Contains(side.got[0], side.want)) {
				t.Errorf("%s: %q, want %q", tt.name, side.got, side.want)
			}
		}
	}
}
