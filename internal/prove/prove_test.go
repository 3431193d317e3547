package prove

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/sample"
)

func budgets(t *testing.T, entries ...string) budget.Set {
	t.Helper()
	text := "version: 1\nbudgets:\n"
	for i, e := range entries {
		text += fmt.Sprintf("  - {id: b%d, %s}\n", i, e)
	}
	set, err := budget.Parse([]budget.Source{{Name: "b.yaml", Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func read(t *testing.T, file, text string) *sample.Set {
	t.Helper()
	s, err := sample.Read(strings.NewReader(text), file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A world says how samples are made.
type world struct {
	provenance string // lines in front
	units      string // Unit lines
	lines      string // in both arms, as they are
	names      []string
	format     string  // of one line behind the name and count: %[1]v is the value, by size
	pairs      int     // measured together
	alone      int     // of head, measured alone
	noise      float64 // of the logarithm
	change     float64 // head over base; 0 is 1
	seed       uint64
}

// sets makes base and head. Noise is in head alone: all that is compared are ratios.
func (w world) sets(t *testing.T) (base, head *sample.Set) {
	rng := rand.New(rand.NewPCG(w.seed, 1))
	if w.change == 0 {
		w.change = 1
	}
	var arms [2]strings.Builder
	for i := range arms {
		arms[i].WriteString(w.provenance + w.units + w.lines)
	}
	for _, name := range w.names {
		size := 1.0
		if x, _, ok := gate.CutSize(name, "ops"); ok {
			size = x
		}
		line := func(i, pair int, factor float64) {
			fmt.Fprintf(&arms[i], "pair: %s\nBenchmark%s 10 ", strings.TrimSuffix(fmt.Sprint(pair), "0"), name)
			fmt.Fprintf(&arms[i], w.format+"\n", size*1000*factor, size*1000/factor)
		}
		for range w.alone {
			line(1, 0, math.Exp(w.noise*rng.NormFloat64()))
		}
		for p := range w.pairs {
			// Not a multiple of ten: such would lose its zero.
			line(0, 10*p+1, 1)
			line(1, 10*p+1, w.change*math.Exp(w.noise*rng.NormFloat64()))
		}
	}
	if w.provenance != "" {
		for i := range arms {
			fmt.Fprintf(&arms[i], "# end: %d\n", strings.Count(arms[i].String(), "\nBenchmark"))
		}
	}
	return read(t, "base.txt", arms[0].String()), read(t, "head.txt", arms[1].String())
}

func (w world) prove(t *testing.T, entries ...string) Proof {
	t.Helper()
	base, head := w.sets(t)
	p, err := Prove(gate.Input{Budgets: budgets(t, entries...), Base: base, Head: head}, 1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (r Rule) plant(t *testing.T, name string) Plant {
	t.Helper()
	i := slices.IndexFunc(r.Plants, func(p Plant) bool { return p.Name == name })
	if i < 0 {
		t.Fatalf("%s has no plant %s", r.Kind, name)
	}
	return r.Plants[i]
}

func dump(v any) string {
	out, _ := json.MarshalIndent(v, "", " ")
	return string(out)
}

const units = "Unit rounds/op better=lower assume=exact\nUnit ops/s better=higher assume=exact\nUnit p99-ns better=lower assume=exact\n"

// healthy is a suite whose rules can all go red.
var healthy = world{
	units: units,
	lines: strings.Repeat("BenchmarkSync 1 2 rounds/op 500 ops/s 40 p99-ns 3000 requests 0 allocs/op 64 B/op\n", 2) + "BenchmarkOther 1 5 ns/op\n",
	names: []string{"Walk/ops=1", "Walk/ops=10", "Walk/ops=100"}, format: "%v ns/op %v MB/s", pairs: 30, alone: 24, noise: 0.02, seed: 7,
}

var healthyRules = []string{
	"match: Walk, unit: ns/op, max_rise: 10%",
	"match: Walk, unit: MB/s, max_drop: 10%",
	"match: Walk/ops=1, unit: ns/op, at_most: 2us",
	"match: Walk/ops=1, unit: MB/s, at_least: 400MB/s",
	"match: Walk, unit: ns/op, scales: {with: ops, exponent_at_most: 1.1}",
	"match: Sync, unit: rounds/op, max_rise: 0%, at_most: 2",
	"match: Sync, unit: ops/s, max_drop: 60%, at_least: 120",
	"match: Sync, unit: p99-ns, max_rise: 20%, ignore_below: 5ns",
	"match: Sync, unit: allocs/op, max_rise: 0%, at_most: 0",
	"match: Sync, unit: B/op, max_rise: 5000%",
}

func TestHealthyRulesAreProved(t *testing.T) {
	// That head has changed already, to the better or the worse, shows nothing wrong with the rules.
	for _, change := range []float64{1, 0.7, 1.3} {
		w := healthy
		w.change = change
		p := w.prove(t, healthyRules...)
		if p.Proved != 17 || p.Unproved != 0 {
			for _, r := range p.Rules {
				if !r.Proved {
					t.Errorf("change %v: %s on %s: %s; %s", w.change, r.ID, r.Benchmark, r.Problem, r.Help)
				}
			}
			t.Fatalf("change %v: %d rules proved, %d not", w.change, p.Proved, p.Unproved)
		}
		for _, r := range p.Rules {
			for name, want := range map[string]gate.Kind{
				Twice: gate.Fail, Thrice: gate.Fail, Dropped: gate.Missing, Renamed: gate.Missing, NoHead: gate.Missing, Crashed: gate.Fail, Constant: gate.Fail,
			} {
				plant := r.plant(t, name)
				exit := gate.ExitFail
				if want == gate.Missing {
					exit = gate.ExitNotJudged
				}
				if plant.Verdict != want || plant.ExitCode != exit {
					t.Errorf("%s on %s: %s", r.ID, r.Benchmark, dump(plant))
				}
			}
			if self := r.plant(t, Self); self.Verdict != gate.Pass {
				t.Errorf("%s on %s against itself: %s", r.ID, r.Benchmark, dump(self))
			}
			if none := r.plant(t, NoBase); none.ExitCode != gate.ExitNotJudged {
				t.Errorf("%s on %s without base: %s", r.ID, r.Benchmark, dump(none))
			}
			for _, name := range []string{Noise15, Noise40} {
				if plant := r.plant(t, name); plant.Verdict == gate.Pass || plant.Verdict == "" {
					t.Errorf("%s on %s: %s", r.ID, r.Benchmark, dump(plant))
				}
			}
		}
	}
}

// A budget whose benchmark may be absent is proved: what head lacks is missing, and holds nothing up.
func TestExcusedAbsenceIsProved(t *testing.T) {
	p := healthy.prove(t, "match: Walk, unit: ns/op, max_rise: 10%, on_missing: warn", "match: Sync, unit: rounds/op, max_rise: 0%, on_missing: warn")
	if p.Proved != 4 || p.Unproved != 0 {
		t.Fatalf("%d rules proved, %d not", p.Proved, p.Unproved)
	}
	for _, r := range p.Rules {
		for name, want := range map[string]Want{Dropped: Excused, Renamed: Excused, NoHead: Missing} {
			if plant := r.plant(t, name); plant.Verdict != gate.Missing || plant.Want != want {
				t.Errorf("%s on %s: %s", r.ID, r.Benchmark, dump(plant))
			}
		}
	}
}

// What is planted is what its name says: the gate reports the same change.
func TestPlantsAreOfTheSizeThatTheySay(t *testing.T) {
	w := healthy
	w.change = 0.8
	p := w.prove(t, "match: Walk/ops=10, unit: ns/op, max_rise: 10%", "match: Walk/ops=10, unit: MB/s, max_drop: 10%", "match: Sync, unit: rounds/op, max_rise: 0%")
	for i, want := range []string{"a change of +20 %", "a change of -20 %", "a change of +100 %"} {
		if got := p.Rules[i].plant(t, Twice).Size; got != want {
			t.Errorf("%s: %q, want %q", p.Rules[i].ID, got, want)
		}
	}
	// Also where a check would have ended at its first look: the change is that of all pairs.
	w.provenance = "# perfgate-samples: 1\n# looks: 4 8 15 30\n"
	base, head := w.sets(t)
	in := gate.Input{Budgets: budgets(t, "match: Walk/ops=10, unit: ns/op, max_rise: 10%"), Base: base, Head: head}
	r, err := gate.Judge(in)
	if err != nil || r.Verdicts[0].Pairs != 4 {
		t.Fatal(err, dump(r))
	}
	b := in.Budgets.Budgets[0]
	trial := newTrial(in, b, r.Verdicts[0], limits(&b)[0], 1)
	worse, _ := trial.worse(trial.in.Base, trial.in.Head, twice)
	delete(worse.Provenance, "looks")
	v, _, err := trial.judge(trial.in.Base, worse)
	if err != nil || v.Change == nil || math.Abs(*v.Change-0.2) > 1e-9 {
		t.Errorf("planted 20 %%, the gate sees %v (%v)", v.Change, err)
	}
}

func TestRulesThatCannotGoRed(t *testing.T) {
	loud := healthy
	loud.pairs, loud.noise, loud.alone = 6, 0.5, 5
	wild := loud
	wild.noise = 2
	few := healthy
	few.pairs, few.alone = 1, 1
	same := few
	same.provenance = "# perfgate-samples: 1\n# kind: measured\n# session: s\n# " + gate.BinaryKey("") + ": d\n"
	tests := []struct {
		name, budget string
		w            world
		plant        string // that shows it
		want         gate.Kind
		problem      string
		help         string
	}{
		{"hopeless noise and warn", "match: Walk/ops=1, unit: ns/op, max_rise: 5%, on_inconclusive: warn", loud, Twice, gate.Inconclusive, "cannot go red: 2x (a change of +10 %) ends inconclusive", "delete on_inconclusive: warn"},
		{"hopeless noise", "match: Walk/ops=1, unit: ns/op, max_rise: 5%", loud, Thrice, gate.Inconclusive, "cannot go red", "raise the limit"},
		{"noise under a ceiling", "match: Walk/ops=1, unit: ns/op, at_most: 5us", wild, Twice, gate.Inconclusive, "cannot go red", "quieter"},
		{"too few", "match: Walk/ops=1, unit: ns/op, max_rise: 5%", few, Thrice, gate.Inconclusive, "too few", "more measurements"},
		{"one program", "match: Walk/ops=1, unit: ns/op, max_rise: 5%", same, Thrice, gate.Inconclusive, "too few", "one program"},
		{"every drop excused", "match: Sync, unit: ops/s, max_drop: 10%, ignore_below: 900", healthy, Thrice, gate.Pass, "cannot go red", "lower ignore_below"},
		{"a floor of nothing", "match: Sync, unit: ops/s, at_least: 0", healthy, Thrice, gate.Pass, "cannot go red", "no protection"},
		{"too few requests", "match: Sync, unit: p99-ns, at_most: 1us", func() world {
			w := healthy
			w.lines = strings.ReplaceAll(w.lines, "3000 requests", "30 requests")
			return w
		}(), Twice, gate.Inconclusive, "30 requests are too few", "what the samples lack"},
		{"red by itself, exact", "match: Sync, unit: rounds/op, at_most: 1", healthy, Self, gate.Fail, "is red by itself", "mend"},
		{"red by itself", "match: Walk/ops=1, unit: ns/op, at_most: 100ns", healthy, Self, gate.Fail, "is red by itself", "mend"},
	}
	for _, tt := range tests {
		p := tt.w.prove(t, tt.budget)
		r := p.Rules[0]
		if p.Unproved != 1 || p.Proved != 0 || r.Proved || r.plant(t, tt.plant).Verdict != tt.want || r.plant(t, tt.plant).OK || r.AnyBeyond != (tt.plant == Self && r.Class == "exact") ||
			!strings.Contains(r.Problem, tt.problem) || !strings.Contains(r.Help, tt.help) || !strings.HasPrefix(r.At, "b.yaml:3") {
			t.Errorf("%s: %s", tt.name, dump(r))
		}
		// It is the noise that hides the change, where noise does: without any it is found.
		if tt.w.noise > 0.1 && r.plant(t, Constant).Verdict != gate.Fail {
			t.Errorf("%s: %s", tt.name, dump(r))
		}
	}
}

// Measuring ends at the first look that decides, here at four pairs: a check that met the planted change
// would have gone on, and would have looked at other layouts where the fail is close.
func TestWhatEndedEarlyIsProved(t *testing.T) {
	w := healthy
	w.pairs = 6
	w.provenance = "# perfgate-samples: 1\n# kind: measured\n# session: s\n# looks: 4 6 8 11 15 20 28 40\n# comparisons: 60\n# layouts: 5\n"
	p := w.prove(t, "match: Walk, unit: ns/op, max_rise: 4%")
	for _, r := range p.Rules {
		if !strings.Contains(r.plant(t, Twice).Reason, "proved beyond") || !r.Proved || r.Smallest == nil {
			t.Errorf("%s: %s %s", r.Benchmark, r.Problem, r.Help)
		}
	}
}

// One cause moves all that says how long an operation took, and nothing else.
func TestMultiply(t *testing.T) {
	text := "BenchmarkWalk 1 8 sec/op 8 cpu-sec/op 8 own-sec/op 8 B/s 8 B/op\n"
	for unit, want := range map[string]string{
		"sec/op": "16 16 16 4 8", "cpu-sec/op": "16 16 16 4 8", "B/s": "4 4 4 16 8", "B/op": "8 8 8 8 16",
	} {
		s := read(t, "x.txt", text)
		k := sample.Key{Name: "Walk"}
		multiply(s, k, unit, always(2))
		var got []string
		for _, u := range []string{"sec/op", "cpu-sec/op", "own-sec/op", "B/s", "B/op"} {
			got = append(got, fmt.Sprint(s.Lookup(k).Samples[u][0].Value))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("twice %s: %v, want %s", unit, got, want)
		}
	}
}

// Times by the process's own clock are planted into as well as those of the wall.
func TestOwnTimeIsPlantedInto(t *testing.T) {
	w := healthy
	w.format = "%v ns/op %v MB/s %[1]v cpu-ns/op %[1]v own-ns/op"
	for _, rule := range []string{"match: Walk, unit: ns/op, max_rise: 10%", "match: Walk, unit: MB/s, max_drop: 10%"} {
		p := w.prove(t, rule)
		for _, r := range p.Rules {
			if !r.Proved {
				t.Errorf("%s: %s", r.Benchmark, r.Problem)
			}
		}
		base, head := w.sets(t)
		res, err := gate.Judge(gate.Input{Budgets: budgets(t, rule), Base: base, Head: head})
		if err != nil || !res.Verdicts[0].OwnTime {
			t.Fatalf("not judged by own time: %v %s", err, dump(res))
		}
	}
}

// A benchmark that one side lacks is tried as if it had it.
func TestNewBenchmarksAreProved(t *testing.T) {
	base, head := healthy.sets(t)
	base.Remove(sample.Key{Name: "Sync"})
	base.Remove(sample.Key{Name: "Walk/ops=10"})
	p, err := Prove(gate.Input{Budgets: budgets(t, healthyRules...), Base: base, Head: head}, 1)
	if err != nil || p.Unproved > 0 || p.Proved != 17 {
		t.Errorf("%v %s", err, dump(p))
	}
}

func TestSmallestChange(t *testing.T) {
	w := healthy
	var before float64
	for _, noise := range []float64{0.01, 0.03, 0.06} {
		w.noise = noise
		for i, rule := range []string{"match: Walk/ops=1, unit: ns/op, max_rise: 10%", "match: Walk/ops=1, unit: MB/s, max_drop: 10%"} {
			r := w.prove(t, rule).Rules[0]
			if r.Smallest == nil || r.AnyBeyond {
				t.Fatalf("noise %v: %s", noise, dump(r))
			}
			small := *r.Smallest
			if i == 1 {
				small = -small
			}
			if small <= 0.10 || small >= 0.30 {
				t.Errorf("noise %v: the smallest change is %v", noise, small)
			}
			if i == 0 {
				if small <= before {
					t.Errorf("noise %v: %v is no more than %v at less noise", noise, small, before)
				}
				before = small
			}
		}
	}
	// About where theory has it: the bound of a fail and that of 95 of 100 from the limit, each by its
	// quantile of the standard error.
	w.noise, w.pairs = 0.03, 40
	small := *w.prove(t, "match: Walk/ops=1, unit: ns/op, max_rise: 10%").Rules[0].Smallest
	se := 0.03 / math.Sqrt(40*0.94)
	want := math.Expm1(math.Log1p(0.1) + (1.64+1.64)*se)
	if math.Abs(small-want) > 0.012 {
		t.Errorf("the smallest change is %v, theory says about %v", small, want)
	}
	// What head has changed already is no noise.
	w.change = 1.3
	if got := *w.prove(t, "match: Walk/ops=1, unit: ns/op, max_rise: 10%").Rules[0].Smallest; math.Abs(got-small) > 1e-6 {
		t.Errorf("the smallest change is %v where head is slower by 30 %% already, else %v", got, small)
	}
	if r := w.prove(t, "match: Sync, unit: rounds/op, max_rise: 5%").Rules[0]; r.Smallest != nil || !r.AnyBeyond {
		t.Errorf("exact: %s", dump(r))
	}
}

func TestSameInputSameProof(t *testing.T) {
	base, head := healthy.sets(t)
	again, headAgain := healthy.sets(t)
	in := gate.Input{Budgets: budgets(t, healthyRules...), Base: base, Head: head}
	first, err := Prove(in, 1)
	if err != nil {
		t.Fatal(err)
	}
	second, _ := Prove(in, 1)
	if dump(first) != dump(second) {
		t.Error("two proofs differ")
	}
	other, _ := Prove(in, 2)
	if dump(first.Rules) == dump(other.Rules) {
		t.Error("the seed changes nothing")
	}
	if !reflect.DeepEqual(base, again) || !reflect.DeepEqual(head, headAgain) {
		t.Error("the samples were changed")
	}
}

func TestUnfitSamples(t *testing.T) {
	base, head := healthy.sets(t)
	set := budgets(t, "match: Walk, unit: ns/op, max_rise: 10%")
	for name, s := range map[string]*sample.Set{
		"Walk failed":   read(t, "x.txt", "BenchmarkWalk 1 5 ns/op\n--- FAIL: BenchmarkWalk\n"),
		"whole files":   read(t, "x.txt", "BenchmarkWalk 1 5 ns/op\nBenchmarkWalk 1 x ns/op\n"),
		"has no sample": read(t, "x.txt", ""),
	} {
		for _, in := range []gate.Input{{Budgets: set, Base: base, Head: s}, {Budgets: set, Base: s, Head: head}} {
			if _, err := Prove(in, 1); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	var problems budget.Problems
	if _, err := Prove(gate.Input{Budgets: budgets(t, "match: Wakl, unit: ns/op, max_rise: 10%"), Base: base, Head: head}, 1); !errors.As(err, &problems) {
		t.Errorf("a selector that matches nothing: %v", err)
	}
}

// Every want takes the verdicts that it is meant to take, and no other.
func TestWants(t *testing.T) {
	in := gate.Input{Budgets: budgets(t, "match: Walk/ops=1, unit: ns/op, max_rise: 10%")}
	in.Base, in.Head = healthy.sets(t)
	r, err := gate.Judge(in)
	if err != nil {
		t.Fatal(err)
	}
	b := in.Budgets.Budgets[0]
	trial := newTrial(in, b, r.Verdicts[0], limits(&b)[0], 1)
	k := trial.members[0].Key
	slow, near, none := trial.in.Head.Clone(), trial.in.Head.Clone(), trial.in.Head.Clone()
	multiply(slow, k, "sec/op", always(2))
	multiply(near, k, "sec/op", always(1.1/trial.present(trial.in.Base, near)))
	none.Remove(k)
	for _, tt := range []struct {
		head  *sample.Set
		comes gate.Kind
		ok    []Want
	}{
		{trial.in.Head, gate.Pass, []Want{NotFail, Anything}},
		{slow, gate.Fail, []Want{Fail, NotPass, NotGreen, Anything}},
		{near, gate.Inconclusive, []Want{NotPass, NotFail, NotGreen, Anything}},
		{none, gate.Missing, []Want{Missing, Excused, NotPass, NotFail, NotGreen, Anything}},
	} {
		for _, want := range []Want{Fail, Missing, Excused, NotPass, NotFail, NotGreen, Anything} {
			p := trial.try("x", "", want, trial.in.Base, tt.head)
			if p.Verdict != tt.comes || p.OK != slices.Contains(tt.ok, want) {
				t.Errorf("%s where %s is wanted: %+v", tt.comes, want, p)
			}
		}
	}
}
