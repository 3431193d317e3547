package gate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/sample"
)

// The catalog finds what a look at every benchmark finds.
func TestCatalogFindsAll(t *testing.T) {
	names := rapid.SliceOfN(rapid.StringMatching(`[AB](/[xy](=[12])?){0,3}`), 0, 8)
	rapid.Check(t, func(t *rapid.T) {
		text := func(label string) string {
			var b strings.Builder
			for _, n := range names.Draw(t, label) {
				fmt.Fprintf(&b, "Benchmark%s 1 5 ns/op\n", n)
			}
			for _, n := range names.Draw(t, label+" fails") {
				fmt.Fprintf(&b, "--- FAIL: Benchmark%s\n", n)
			}
			return b.String()
		}
		in := Input{Head: read(t, "head.txt", text("head")), Base: read(t, "base.txt", text("base"))}
		sel, err := budget.ParseSelector(rapid.StringMatching(`[AB](/(x=[12]|y)){0,2}`).Draw(t, "selector"))
		if err != nil {
			return
		}
		var want []string
		for _, s := range []*sample.Set{in.Head, in.Base} {
			for _, b := range s.Benchmarks {
				if sel.Match(b.Name) && !slices.Contains(want, b.Name) {
					want = append(want, b.Name)
				}
			}
		}
		for _, s := range []*sample.Set{in.Head, in.Base} {
			for _, f := range s.Failures {
				if f.Name != "" && sel.Match(f.Name) && !slices.ContainsFunc(want, func(n string) bool { return within(n, f.Name) }) {
					want = append(want, f.Name)
				}
			}
		}
		var got []string
		j := judge{in: in}
		for _, k := range j.matching(sel) {
			got = append(got, k.Name)
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("%s matches %q, want %q", sel.Text, got, want)
		}
	})
}

// Whatever the order of the lines, a measurement's partner is the first one left of its pair.
func TestPartners(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		side := func(label string) arm {
			pairs := rapid.SliceOfN(rapid.SampledFrom([]string{"", "1", "2", "3"}), 1, 8).Draw(t, label)
			var b strings.Builder
			for i, p := range pairs {
				fmt.Fprintf(&b, "pair: %s\nlayout: %s\nBenchmarkA 1 %d x\n", p, rapid.SampledFrom([]string{"", "5"}).Draw(t, "layout"), i)
			}
			return newArm(read(t, label, b.String()), sample.Key{Name: "A"}, "x")
		}
		c := testcase{base: side("base"), head: side("head")}
		if rapid.Bool().Draw(t, "same") {
			c.head = c.base
		}
		taken := map[int]bool{}
		var want [][2]sample.Measurement
		for _, b := range c.base.ms {
			r := c.base.run(b)
			i := slices.IndexFunc(c.head.ms, func(h sample.Measurement) bool { return !taken[h.Run] && c.head.run(h) == r })
			if r.Pair != "" && i >= 0 {
				taken[c.head.ms[i].Run] = true
				want = append(want, [2]sample.Measurement{b, c.head.ms[i]})
			}
		}
		if got := c.partners(); !slices.Equal(got, want) {
			t.Fatalf("partners %v, want %v", got, want)
		}
	})
}

func TestValueAtRun(t *testing.T) {
	ms := []sample.Measurement{{Value: 10, Run: 0}, {Value: 13, Run: 3}, {Value: 14, Run: 4}, {Value: 19, Run: 9}}
	for run, want := range map[int]float64{0: 10, 1: 0, 3: 13, 4: 14, 5: 0, 9: 19, 10: 0} {
		if got, ok := at(ms, run); got != want || ok != (want != 0) {
			t.Errorf("run %d has %v %v, want %v", run, got, ok, want)
		}
	}
}

// Lines beyond those that are kept are not left out in silence.
func TestDroppedLinesAreTold(t *testing.T) {
	long := func(name string) string { return run(name, "ns/op", repeat(151, steady...)...) }
	short := func(name string) string { return run(name, "ns/op", steady...) }
	for _, tt := range []struct {
		budget, base, head string
		want               []string
	}{
		{"match: A, unit: ns/op, max_rise: 10%", short("A"), long("A"), []string{"judged on the first 1000 of 1208 result lines of head"}},
		{"match: A, unit: ns/op, max_rise: 10%", long("A"), short("A"), []string{"judged on the first 1000 of 1208 result lines of base"}},
		{"match: A, unit: ns/op, max_rise: 10%", short("A"), short("A"), nil},
		{"match: A, unit: ns/op, scales: {with: n, exponent_at_most: 1}", short("A/n=1") + short("A/n=2"), long("A/n=1") + short("A/n=2"),
			[]string{"A/n=1: judged on the first 1000 of 1208 result lines of head"}},
	} {
		r, err := scenario{budget: tt.budget, base: tt.base, head: tt.head}.judge(t)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range r.Verdicts[0].Warnings {
			if strings.Contains(w, "judged on") {
				got = append(got, w)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: warnings %q, want %q", tt.budget, got, tt.want)
		}
	}
}

// A benchmark whose damage no longer fits into the list does not look sound.
func TestMoreDamageThanIsListed(t *testing.T) {
	var b strings.Builder
	for i := range sample.MaxNotes {
		fmt.Fprintf(&b, "BenchmarkB%d oops\n", i)
	}
	good := run("A", "ns/op", steady...)
	for _, tt := range []struct {
		head string
		exit int
	}{
		{good, ExitPass},
		{b.String() + good, ExitPass}, // others are damaged
		{b.String() + good + "BenchmarkA oops\n", ExitNotJudged},
		{strings.ReplaceAll(b.String(), "Benchmark", "--- FAIL: Benchmark") + "--- FAIL: BenchmarkA\n" + good, ExitNotJudged},
	} {
		r, err := scenario{budget: "match: A, unit: ns/op, max_rise: 10%", base: good, head: tt.head}.judge(t)
		if err != nil {
			t.Fatal(err)
		}
		if r.ExitCode != tt.exit {
			t.Errorf("exit code %d, want %d: %.300s", r.ExitCode, tt.exit, marshal(t, r))
		}
	}
}
