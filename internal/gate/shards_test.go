package gate

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/perfgate/perfgate/internal/sample"
)

func TestParseShard(t *testing.T) {
	for text, want := range map[string]string{
		"1/1": "", "2/5": "", "1000/1000": "",
		"": "is not a shard: write", "2": "write", "2/": "write", "/5": "write", "a/b": "write", "1/2/3": "write",
		"0/5": "its number is from 1 to 5", "6/5": "its number is from 1 to 5", "-1/5": "its number", "1/0": "there are 1 to 1000", "1/1001": "there are 1 to 1000",
	} {
		s, err := ParseShard(text)
		if want == "" && (err != nil || s.String() != text) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, %v", text, s, err)
		}
	}
}

func functionNames(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("Function%d", i))
	}
	return out
}

// Every function is in one shard, whatever the order; no shard has two more than another.
func TestAssign(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[A-Z][a-z]{1,3}`), 0, 60, rapid.ID).Draw(t, "names")
		of := rapid.IntRange(1, 70).Draw(t, "of")
		in := Assign(names, of)
		counts := make([]int, of)
		for _, n := range in {
			counts[n-1]++
		}
		if slices.Max(counts)-slices.Min(counts) > 1 {
			t.Fatalf("counts %v", counts)
		}
		other := rapid.Permutation(names).Draw(t, "other")
		for i, n := range Assign(other, of) {
			if n != in[slices.Index(names, other[i])] {
				t.Fatalf("%s moves with the order", other[i])
			}
		}
	})
}

// What was measured where does not change with every new benchmark.
func TestAssignIsStable(t *testing.T) {
	before := functionNames(100)
	in, moved := Assign(before, 5), 0
	const added = 20
	for i := range added {
		more := append([]string{fmt.Sprintf("New%d", i)}, before...)
		for i, n := range Assign(more, 5)[1:] {
			if n != in[i] {
				moved++
			}
		}
	}
	// Dealt out in turn, 80 of 100 would move each time.
	if share := float64(moved) / added; share > 10 {
		t.Errorf("%.1f of 100 functions move when one is added", share)
	}
}

// headed writes samples of a shard with its header.
func headed(h ShardHeader, session, extra, text string) string {
	var b strings.Builder
	for _, kv := range h.Provenance() {
		if kv[1] != "" {
			fmt.Fprintf(&b, "# %s: %s\n", kv[0], kv[1])
		}
	}
	return mine(session, b.String()+extra+text)
}

const commitLine = "# commit: c1\n"

// A parted is a measuring of functions A, B and C in two shards.
type parted struct {
	set   func(*Input)
	head  [2]func(string) string // edits of the text of each shard; nil is none
	base  [2]func(string) string
	lost  []int // shards that are not there
	extra func(t tester) []ShardSamples

	err    string
	exit   int
	states []ShardState
	says   string // in the JSON of the result
}

var partedFunctions = []string{"A", "B", "C"}

func (p parted) samples(t tester, in Input) []ShardSamples {
	t.Helper()
	at := Assign(partedFunctions, 2)
	var out []ShardSamples
	for shard := range 2 {
		if slices.Contains(p.lost, shard+1) {
			continue
		}
		h := ShardHeader{Shard: Shard{shard + 1, 2}, Budgets: in.Budgets.Digest, Options: "o", Functions: partedFunctions, In: at}
		var base, head string
		for i, f := range partedFunctions {
			if at[i] == shard+1 {
				base += run(f, "ns/op", 100, 101, 99, 100, 101, 99)
				head += run(f, "ns/op", 101, 100, 100, 99, 101, 100)
			}
		}
		edit := func(f func(string) string, text string) string {
			if f != nil {
				return f(text)
			}
			return text
		}
		base = edit(p.base[shard], headed(h, fmt.Sprint("s", shard), "# commit: c0\ngoos: linux\n", base))
		head = edit(p.head[shard], headed(h, fmt.Sprint("s", shard), commitLine+"# comparisons: 6\n# go: go1.26\ngoos: linux\n", head))
		dir := fmt.Sprintf("d%d/", shard+1)
		s := ShardSamples{Name: dir, Head: read(t, dir+"head.txt", head), HeadDigest: head, BaseDigest: base}
		if base != "" {
			s.Base = read(t, dir+"base.txt", base)
		}
		out = append(out, s)
	}
	if p.extra != nil {
		out = append(out, p.extra(t)...)
	}
	return out
}

func (p parted) judge(t tester) (Result, error) {
	t.Helper()
	in := Input{Budgets: rules(t, "match: A, unit: ns/op, max_rise: 10%", "match: B, unit: ns/op, max_rise: 10%", "match: C, unit: ns/op, max_rise: 10%")}
	got := p.samples(t, in)
	if p.set != nil {
		p.set(&in)
	}
	in, err := MergeShards(in, got)
	if err != nil {
		return Result{}, err
	}
	return Judge(in)
}

func swap(old, new string) func(string) string {
	return func(text string) string {
		if !strings.Contains(text, old) {
			panic("not in the text: " + old)
		}
		return strings.ReplaceAll(text, old, new)
	}
}

func TestMergeShards(t *testing.T) {
	at := Assign(partedFunctions, 2)
	// The shard with two of the functions, and the other.
	two := 1
	if at[0]+at[1]+at[2] > 4 {
		two = 2
	}
	var its, other []string
	for i, f := range partedFunctions {
		if at[i] == two {
			its = append(its, f)
		} else {
			other = append(other, f)
		}
	}
	second := func(old, new string) [2]func(string) string { return [2]func(string) string{nil, swap(old, new)} }
	gone := func(string) string { return "" }
	for name, tt := range map[string]parted{
		"whole":               {states: []ShardState{ShardMerged, ShardMerged}, says: `"pass":3`},
		"dropped":             {lost: []int{two}, exit: 3, states: map[int][]ShardState{1: {ShardDropped, ShardMerged}, 2: {ShardMerged, ShardDropped}}[two], says: fmt.Sprintf(`"shard %d of 2 was dropped, it left no samples; it was to measure %s"`, two, strings.Join(its, ", "))},
		"all dropped":         {lost: []int{1, 2}, exit: 3, says: "there is no shard"},
		"allow no base":       {lost: []int{2}, set: func(in *Input) { in.AllowNoBase = true }, exit: 3, says: "was dropped"},
		"base not there":      {base: [2]func(string) string{nil, gone}, exit: 3, states: []ShardState{ShardMerged, ShardDamaged}, says: "the samples of its base are not beside d2/head.txt"},
		"head is cut":         {head: second("# end:", "# dne:"), exit: 3, states: []ShardState{ShardMerged, ShardDamaged}, says: "the samples of shard 2 of 2 are damaged: d2/head.txt:"},
		"base is cut":         {base: second("# end:", "# dne:"), exit: 3, states: []ShardState{ShardMerged, ShardDamaged}, says: "d2/base.txt:"},
		"no base there":       {head: second("# shard-base: measured", "# shard-base: none\n# shard-no-base: a shallow clone"), exit: 3, states: []ShardState{ShardMerged, ShardFailed}, says: "shard 2 of 2 failed: it had nothing to compare with: a shallow clone"},
		"a benchmark crashed": {head: second("# end:", "--- FAIL: BenchmarkX\n    panic: x\n# end:"), exit: 3, states: []ShardState{ShardMerged, ShardMerged}, says: "d2/head.txt:"},
		"stray":               {extra: func(t tester) []ShardSamples { return []ShardSamples{{Name: "d3", Head: read(t, "d3/head.txt", "")}} }, exit: 3, says: "d3/head.txt is damaged and does not say which shard it is"},

		"no shard": {extra: func(t tester) []ShardSamples {
			return []ShardSamples{{Name: "d3", Head: read(t, "d3/head.txt", run("A", "ns/op", 1))}}
		}, err: "d3/head.txt is of no shard"},
		"another number":  {head: second("# shard: 2/2", "# shard: 2/3"), err: "they are of different checks"},
		"twice":           {head: second("# shard: 2/2", "# shard: 1/2"), err: "are both shard 1/2 and differ"},
		"no number":       {head: second("# shard: 2/2", "# shard: x"), err: `d2/head.txt: "x" is not a shard`},
		"bad plan":        {head: second("# shard-of.A: ", "# shard-of.A: 7"), err: "of A is none of 2"},
		"commit":          {head: second("# commit: c1", "# commit: c2"), err: `do not belong together in the commit: "c1" of the one and "c2" of the other`},
		"commit of base":  {base: second("# commit: c0", "# commit: c2"), err: "in the commit of the base"},
		"budgets":         {head: second("# shard-budgets: ", "# shard-budgets: x"), err: "in the budgets"},
		"other budgets":   {set: func(in *Input) { in.Budgets.Digest = "x" }, err: "was measured by other budgets than those given"},
		"suites":          {head: second("# shard-options: o", "# shard-suites: s\n# shard-options: o"), err: "in the suites"},
		"options":         {head: second("# shard-options: o", "# shard-options: p"), err: "in the options"},
		"record":          {head: second("# shard-options: o", "# shard-options: o\n# shard-baseline: x"), exit: 3, says: "the record of its base is not the one"},
		"looks":           {head: second("# comparisons: 6", "# comparisons: 6\n# looks: 4 8"), err: "in the looks"},
		"go":              {head: second("# go: go1.26", "# go: go1.25"), err: "in the Go version"},
		"goos":            {head: second("goos: linux", "goos: plan9"), err: "in the goos"},
		"confidence":      {head: second("goos: linux", "perfgate-confidence: low\ngoos: linux"), err: "in the confidence"},
		"session":         {base: second("# session: s1", "# session: s7"), err: "were not measured together"},
		"plan":            {head: second("# shard-of.A: ", "# shard-of.D: 1\n# shard-of.A: "), err: "divide the benchmarks differently"},
		"not of its part": {head: [2]func(string) string{1: func(text string) string { return strings.ReplaceAll(text, "Benchmark", "BenchmarkX/") }}, err: "which is not of its part"},
		"no commit, other trees": {
			head: [2]func(string) string{swap("# commit: c1", "# commit: c1+dirty\n# binary.p: x"), swap("# commit: c1", "# commit: c1+dirty\n# binary.p: y")},
			err:  "p is not the same program in both work trees",
		},
		"a commit, other compilers": {
			head: [2]func(string) string{swap("# commit: c1", "# commit: c1\n# binary.p: x"), swap("# commit: c1", "# commit: c1\n# binary.p: y")}, says: `"pass":3`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := tt.judge(t)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := marshal(t, r); r.ExitCode != tt.exit || !strings.Contains(got, tt.says) {
				t.Errorf("exit code %d, want %d and %q in:\n%s", r.ExitCode, tt.exit, tt.says, got)
			}
			var states []ShardState
			for _, s := range r.Shards {
				states = append(states, s.State)
			}
			if tt.states != nil && !slices.Equal(states, tt.states) {
				t.Errorf("states %v, want %v", states, tt.states)
			}
		})
	}
	// What was dropped says so in its verdict, and the rest is judged.
	r, err := parted{lost: []int{two}}.judge(t)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range r.Verdicts {
		if want := map[bool]Kind{true: Missing, false: Pass}[slices.Contains(its, v.Benchmark)]; v.Verdict != want || !v.Blocks != (want == Pass) {
			t.Errorf("%s: %s: %s", v.Benchmark, v.Verdict, v.Reason)
		}
		if want := fmt.Sprintf("not measured: shard %d of 2 was dropped, it left no samples", two); v.Verdict == Missing && v.Reason != want {
			t.Errorf("%s: %s", v.Benchmark, v.Reason)
		}
		if slices.Contains(other, v.Benchmark) == (v.Shard == two) {
			t.Errorf("%s is of shard %d", v.Benchmark, v.Shard)
		}
	}
	// A copy is no second shard.
	p := parted{}
	p.extra = func(t tester) []ShardSamples {
		return parted{}.samples(t, Input{Budgets: rules(t, "match: A, unit: ns/op, max_rise: 10%", "match: B, unit: ns/op, max_rise: 10%", "match: C, unit: ns/op, max_rise: 10%")})
	}
	if r, err := p.judge(t); err != nil || r.Counts.Pass != 3 {
		t.Errorf("copies: %v, %+v", err, r.Counts)
	}
}

// A shard spends the share of the error that it has counted itself: a fail that it was content with is not
// open again since another shard made more comparisons.
func TestShardsShareTheError(t *testing.T) {
	at := Assign([]string{"A", "B"}, 2)
	if at[0] == at[1] {
		t.Fatal("both in one shard")
	}
	in := Input{Budgets: rules(t, "match: A, unit: ns/op, max_rise: 10%", "match: B, unit: ns/op, max_rise: 10%")}
	var got []ShardSamples
	for i, f := range []string{"A", "B"} {
		h := ShardHeader{Shard: Shard{at[i], 2}, Budgets: in.Budgets.Digest, Functions: []string{"A", "B"}, In: at}
		comparisons := []int{2, 2000}[i]
		base := headed(h, f, "", run(f, "ns/op", 100, 100, 100, 100, 100, 100))
		head := headed(h, f, fmt.Sprintf("# comparisons: %d\n", comparisons), run(f, "ns/op", 121, 113, 122, 114, 123, 112))
		got = append(got, ShardSamples{Name: f, Head: read(t, f, head), Base: read(t, f, base)})
	}
	in, err := MergeShards(in, got)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Judge(in)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := r.Verdicts[0], r.Verdicts[1]; a.Verdict != Fail || b.Verdict != Inconclusive {
		t.Errorf("A among 2 comparisons: %s (%s); B among 2000: %s (%s)", a.Verdict, a.Reason, b.Verdict, b.Reason)
	}
}

// Whether two processes are one program is a matter of the machine that built them.
func TestIdenticalIsOfOneShard(t *testing.T) {
	at := Assign([]string{"A", "B"}, 2)
	in := Input{Budgets: rules(t, "match: A, unit: ns/op, max_rise: 10%", "match: B, unit: ns/op, max_rise: 10%")}
	var got []ShardSamples
	for i, f := range []string{"A", "B"} {
		h := ShardHeader{Shard: Shard{at[i], 2}, Budgets: in.Budgets.Digest, Functions: []string{"A", "B"}, In: at}
		base := headed(h, f, "# binary.p: x\n# commit: c0\n", "pkg: p\n"+run(f, "ns/op", 100))
		head := headed(h, f, "# binary.p: "+[]string{"x", "y"}[i]+"\n# commit: c1\n", "pkg: p\n"+run(f, "ns/op", 100))
		got = append(got, ShardSamples{Name: f, Head: read(t, f, head), Base: read(t, f, base)})
	}
	in, err := MergeShards(in, got)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Judge(in)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := r.Verdicts[0], r.Verdicts[1]; !a.Identical || b.Identical || b.Verdict != Inconclusive {
		t.Errorf("A: %+v, B: %+v", a, b)
	}
}

// Whatever the number of shards, the verdicts are those of the samples in one piece.
func TestShardsAreTheWhole(t *testing.T) {
	functions := []string{"Alpha", "Beta", "Gamma", "Delta", "Epsilon"}
	verdicts := map[Kind]int{}
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.IntRange(1, 7).Draw(t, "of")
		var entries []string
		base, head := map[string]string{}, map[string]string{}
		// As a measuring counted them, of which there may have been more.
		comparisons := fmt.Sprintf("# comparisons: %d\n", rapid.IntRange(60, 200).Draw(t, "comparisons"))
		for _, f := range functions {
			sizes := rapid.IntRange(0, 3).Draw(t, "sizes")
			limit := rapid.SampledFrom([]string{"max_rise: 10%", "max_rise: 10%, at_most: 150ns", "scales: {with: n, exponent_at_most: 1}"}).Draw(t, "limit")
			entries = append(entries, "match: "+f+", unit: ns/op, "+limit, "match: "+f+", unit: rounds/op, max_rise: 0%")
			for n := 1; n <= sizes+1; n++ {
				name := fmt.Sprintf("%s/n=%d", f, n)
				var bs, hs []float64
				slower := rapid.SampledFrom([]float64{1, 1, 1.05, 1.3}).Draw(t, "slower")
				for range rapid.IntRange(3, 12).Draw(t, "pairs") {
					b := rapid.Float64Range(99, 101).Draw(t, "b")
					bs, hs = append(bs, b), append(hs, b*slower*rapid.Float64Range(0.98, 1.02).Draw(t, "noise"))
				}
				rounds := rapid.SampledFrom([]float64{7, 7, 8}).Draw(t, "rounds")
				both := func(values []float64, rounds float64) string {
					return strings.ReplaceAll(run(name, "ns/op", values...), "ns/op", fmt.Sprintf("ns/op %v rounds/op", rounds))
				}
				switch rapid.IntRange(0, 9).Draw(t, "what") {
				case 0:
					head[f] += both(hs, rounds) // new
				case 1:
					base[f] += both(bs, 7) // gone
				case 2:
					base[f] += both(bs, 7)
					head[f] += "--- FAIL: Benchmark" + name + "\n    boom\n"
				default:
					base[f] += both(bs, 7)
					head[f] += both(hs, rounds)
				}
			}
		}
		whole := Input{Budgets: rules(t, entries...)}
		side := func(texts map[string]string, functions []string) string {
			out := exactLower
			for _, f := range functions {
				out += texts[f]
			}
			return out
		}
		count := func(session, extra, text string) string {
			return fmt.Sprintf("# perfgate-samples: 1\n# kind: measured\n# session: %s\n%s%s# end: %d\n", session, extra, text, strings.Count(text, " rounds/op\n"))
		}
		one := whole
		one.Base, one.Head = read(t, "base", count("s", "", side(base, functions))), read(t, "head", count("s", comparisons, side(head, functions)))
		want, wantErr := Judge(one)

		at := Assign(functions, of)
		var got []ShardSamples
		for n := 1; n <= of; n++ {
			h := ShardHeader{Shard: Shard{n, of}, Budgets: whole.Budgets.Digest, Functions: functions, In: at}
			var mine []string
			for i, f := range functions {
				if at[i] == n {
					mine = append(mine, f)
				}
			}
			extra := ""
			for _, kv := range h.Provenance() {
				if kv[1] != "" {
					extra += fmt.Sprintf("# %s: %s\n", kv[0], kv[1])
				}
			}
			session := fmt.Sprint("s", n)
			got = append(got, ShardSamples{
				Name: session,
				Base: read(t, "base", count(session, extra, side(base, mine))), Head: read(t, "head", count(session, comparisons+extra, side(head, mine))),
			})
		}
		got = rapid.Permutation(got).Draw(t, "order")
		merged, err := MergeShards(whole, got)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Judge(merged)
		if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
			t.Fatalf("error %v of the shards, %v of the whole", err, wantErr)
		}
		if err != nil {
			return
		}
		for i := range r.Verdicts {
			verdicts[r.Verdicts[i].Verdict]++
			if r.Verdicts[i].Shard == 0 {
				t.Fatalf("%s has no shard", r.Verdicts[i].Benchmark)
			}
			r.Verdicts[i].Shard = 0
		}
		for i, v := range want.Verdicts {
			if i < len(r.Verdicts) && !reflect.DeepEqual(r.Verdicts[i], v) {
				t.Fatalf("of %d shards:\n%+v\nof the whole:\n%+v", of, r.Verdicts[i], v)
			}
		}
		if len(r.Verdicts) != len(want.Verdicts) || r.ExitCode != want.ExitCode || r.Counts != want.Counts || len(r.Shards) != of {
			t.Fatalf("of %d shards: exit code %d, %+v; of the whole: %d, %+v", of, r.ExitCode, r.Counts, want.ExitCode, want.Counts)
		}
	})
	// A property of nothing but one verdict would show little.
	for _, kind := range []Kind{Pass, Fail, Inconclusive, Missing} {
		if verdicts[kind] == 0 {
			t.Errorf("no verdict was %s: %v", kind, slices.Sorted(maps.Keys(verdicts)))
		}
	}
}

// A shard reads the budgets of its part and takes those of the others for no mistake.
func TestRestrict(t *testing.T) {
	in := Input{Budgets: rules(t, "match: A, unit: ns/op, max_rise: 10%", "match: B, unit: ns/op, max_rise: 10%"), Head: read(t, "h", run("A", "ns/op", 1, 1, 1, 1))}
	in.Base = in.Head
	if _, err := Judge(in); err == nil {
		t.Error("B is not missed in the whole")
	}
	r, err := Judge(Restrict(in, []string{"A"}))
	if err != nil || len(r.Verdicts) != 1 || r.Verdicts[0].Benchmark != "A" {
		t.Errorf("%v, %+v", err, r.Verdicts)
	}
	if n := len(Restrict(in, nil).Budgets.Budgets); n != 0 {
		t.Errorf("a part of nothing has %d budgets", n)
	}
}

// What is of one shard is not taken for everything.
func TestPartsAreNotTheWhole(t *testing.T) {
	part := read(t, "part.txt", headed(ShardHeader{Shard: Shard{1, 2}}, "s", "", run("A", "ns/op", 1, 1, 1, 1)))
	in := Input{Budgets: rules(t, "match: A, unit: ns/op, max_rise: 10%"), Head: part, Base: part}
	if _, err := Judge(in); err == nil || !strings.Contains(err.Error(), "part.txt is shard 1/2 and not all of what was measured") {
		t.Errorf("judge: %v", err)
	}
	if err := CheckBase(part, &sample.Set{}); err == nil || !strings.Contains(err.Error(), "part.txt is shard 1/2, and no baseline") {
		t.Errorf("base: %v", err)
	}
	if u := CheckRecord(in, nil); !slices.Contains(u.Reasons, "shard 1/2 is no baseline but a part of one") {
		t.Errorf("record: %v", u.Reasons)
	}
}
