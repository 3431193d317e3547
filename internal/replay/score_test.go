package replay

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
)

// row finds a score.
func row(t *testing.T, s Scores, machine, name string, d Design, u Unit) Score {
	t.Helper()
	for _, r := range s.Rows {
		if r.Machine == machine && r.Rule == name && r.Design == d && r.Unit == u {
			return r
		}
	}
	t.Fatalf("no row %s, %s, %s, %s", machine, name, d, u)
	return Score{}
}

// byHand is a recording whose scores can be counted on fingers: three unchanged benchmarks, of which one
// reads 30 % slower in its first stored run, and two with 15 % more work, of which one does not show it.
const byHand = `machine: quiet
pkg: p
session: 1
design: stored
share: 0
arm: base
run: 1
BenchmarkA 10 100 ns/op 1000000000 process-ns
BenchmarkB 10 100 ns/op 1000000000 process-ns
BenchmarkC 10 100 ns/op 1000000000 process-ns
run: 2
BenchmarkA 10 100 ns/op 1000000000 process-ns
arm: head
run: 1
BenchmarkA 10 130 ns/op 2000000000 process-ns
BenchmarkB 10 95 ns/op 3000000000 process-ns
BenchmarkC 10 105 ns/op 10000000000 process-ns
share: 0.15
BenchmarkA 10 115 ns/op
BenchmarkB 10 101 ns/op
arm: base
BenchmarkA 10 100 ns/op
BenchmarkB 10 100 ns/op
`

func TestEvaluateByHand(t *testing.T) {
	s := Evaluate(read(t, byHand), Options{Seed: 1})
	got := row(t, s, "quiet", "cob", Stored, Wall)
	if got.FalseRed.Count != (Count{1, 3}) || !near(got.FalseRed.Low, 0.0084, 0.01) || !near(got.FalseRed.High, 0.9057, 0.001) {
		t.Errorf("false red %+v", got.FalseRed)
	}
	// There are fewer trials than a suite has benchmarks: it is all of them, once.
	if want := (Suites{Count{1, 1}, 3, 3}); got.SuiteRed != want {
		t.Errorf("suites %+v, want %+v", got.SuiteRed, want)
	}
	if got.MedianSeconds != 4 || !near(got.MeanSeconds, 6, 1e-12) || got.Unjudged != 0 {
		t.Errorf("seconds %v, %v; %d unjudged", got.MedianSeconds, got.MeanSeconds, got.Unjudged)
	}
	want := []struct {
		share       float64
		synthetic   bool
		red, passed int
		total       int
	}{
		{0.15, false, 1, 1, 2},
		// 130, 95 and 105 times 1.05 and so on against 110.
		{0.05, true, 2, 1, 3},
		{0.10, true, 2, 1, 3},
		{0.12, true, 2, 1, 3},
		{0.15, true, 2, 1, 3},
		{0.20, true, 3, 0, 3},
		{0.30, true, 3, 0, 3},
	}
	if len(got.Changes) != len(want) {
		t.Fatalf("changes %+v", got.Changes)
	}
	for i, w := range want {
		c := got.Changes[i]
		if c.Share != w.share || c.Synthetic != w.synthetic || c.Beyond != (w.share > 0.10) || c.Red.Count != (Count{w.red, w.total}) || c.Passed != (Count{w.passed, w.total}) || c.Inconclusive != (Count{0, w.total}) {
			t.Errorf("change %d is %+v, want %+v", i, c, w)
		}
	}
	if got.WrongPass != (Count{3, 14}) {
		t.Errorf("wrong passes %+v", got.WrongPass)
	}
	// Two stored runs of the base of A are in its history, and paid for.
	bencher := row(t, s, "quiet", "Bencher percentage", Stored, Wall)
	if !near(bencher.MeanSeconds, (4+4+11)/3.0, 1e-12) {
		t.Errorf("a rule that takes all stored runs costs %v s", bencher.MeanSeconds)
	}
	// Nothing was recorded in pairs.
	tango := row(t, s, "quiet", "tango", Pairs, Wall)
	if tango.FalseRed.Total != 0 || tango.Unjudged != 5 || len(tango.Changes) != 0 {
		t.Errorf("without pairs: %+v", tango)
	}
}

// TestLimit counts a recorded change as one to find only where it is beyond the limit.
func TestLimit(t *testing.T) {
	s := Evaluate(read(t, byHand), Options{Limits: []float64{0.15}})
	got := row(t, s, "quiet", "cob", Stored, Wall)
	if c := got.Changes[0]; c.Share != 0.15 || c.Beyond || c.Red.Count.Count != 0 {
		t.Errorf("a change at the limit: %+v", c)
	}
	if got.WrongPass.Total != 12 {
		t.Errorf("wrong passes of %d", got.WrongPass.Total)
	}
	for i, share := range []float64{0.075, 0.15, 0.18, 0.225, 0.3, 0.45} {
		if c := got.Changes[1+i]; c.Share != share || !c.Synthetic {
			t.Errorf("change %+v, want %v planted", c, share)
		}
	}
}

// TestSuites compares the suites drawn with what combinations say.
func TestSuites(t *testing.T) {
	fails := make([]bool, 200)
	for _, i := range []int{3, 77, 78} {
		fails[i] = true
	}
	got := suites(fails, "m", Options{Suite: 50, Suites: 20000, Seed: 3})
	none := 1.0
	for i := range 50 {
		none *= float64(197-i) / float64(200-i)
	}
	if got.Size != 50 || got.Trials != 200 || math.Abs(got.Share()-(1-none)) > 0.01 {
		t.Errorf("%+v, share %v, want %v", got, got.Share(), 1-none)
	}
	if again := suites(fails, "m", Options{Suite: 50, Suites: 20000, Seed: 3}); again != got {
		t.Errorf("drawn again %+v, not %+v", again, got)
	}
	if other := suites(fails, "m", Options{Suite: 50, Suites: 20000, Seed: 4}); other == got {
		t.Error("another seed draws the same")
	}
	if none := suites(nil, "m", Options{Suite: 50, Suites: 10}); none != (Suites{}) {
		t.Errorf("of nothing %+v", none)
	}
}

// full is a recording with all there is: two machines, two designs, recorded changes.
func full(t *testing.T) *Recording {
	quiet := fake{machine: "quiet", benchmarks: 6, sessions: 2, shares: []float64{0, 0.05, 0.15}, pairs: 12, runs: 10, shared: 0.02, alone: 0.01, between: 0.005, seed: 1}
	busy := quiet
	busy.machine, busy.shared, busy.alone, busy.between, busy.seed = "busy", 0.20, 0.04, 0.10, 2
	return read(t, quiet.text()+busy.text())
}

func TestEvaluate(t *testing.T) {
	rec := full(t)
	s := Evaluate(rec, Options{Decide: fixed(12), Suite: 5, Seed: 1})
	if again := Evaluate(rec, Options{Decide: fixed(12), Suite: 5, Seed: 1}); !reflect.DeepEqual(again, s) {
		t.Error("scored again, it scores otherwise")
	}
	ours, theirs := row(t, s, "busy", "perfgate", Pairs, Own), row(t, s, "busy", "cob", Stored, Wall)
	if ours.FalseRed.Count != (Count{0, 12}) || theirs.FalseRed.Count.Count == 0 {
		t.Errorf("false red %+v on pairs, %+v on stored runs whose machine changes its mood", ours.FalseRed, theirs.FalseRed)
	}
	// 12 pairs of 60 ms each.
	if !near(ours.MedianSeconds, 0.72, 1e-9) || !near(theirs.MedianSeconds, 0.12, 1e-9) {
		t.Errorf("seconds %v and %v", ours.MedianSeconds, theirs.MedianSeconds)
	}
	for _, r := range s.Rows {
		for _, c := range r.Changes {
			if c.Red.Count.Count+c.Passed.Count+c.Inconclusive.Count != 12 || c.Beyond != (c.Share > 0.10) {
				t.Errorf("%s on %s: %+v", r.title(), r.Machine, c)
			}
		}
		if r.SuiteRed.Size != 5 || r.SuiteRed.Trials != 12 || r.SuiteRed.Total != 2000 {
			t.Errorf("%s: suites %+v", r.title(), r.SuiteRed)
		}
	}
	for _, b := range s.Bias {
		for _, r := range []Reading{b.Own, b.Wall} {
			if r.Trials != 12 || math.Abs(r.Change-b.Share) > 4*r.Error || r.Error > 0.02 {
				t.Errorf("%s, %v planted, reads %+v", b.Machine, b.Share, r)
			}
		}
	}
	if len(s.Bias) != 6 {
		t.Errorf("%d lines of bias", len(s.Bias))
	}
	// The halves of a pair are apart by twice half of alone, squared and summed; by the clock by more.
	for i, alone := range []float64{0.01, 0.04} {
		own := alone / math.Sqrt2
		if v := s.Spread[i]; v.Trials != 12 || !near(v.Own, own, 0.2) || !near(v.CPU, v.Own, 1e-3) || !near(v.Wall, math.Sqrt(own*own+2*alone*alone), 0.2) {
			t.Errorf("spread %+v, alone %v", v, alone)
		}
	}
}

// TestOwnTimeOfAll: where one half of one pair lacks its own time, all of the trial is by the clock.
func TestOwnTimeOfAll(t *testing.T) {
	run := Run{Wall: 200, CPU: 50, OwnTime: 60, HasCPU: true, HasOwn: true}
	trial := &Trial{Pairs: []Pair{{run, run}, {run, run}}}
	r := rule(t, "perfgate", Pairs, Own)
	if e, _ := r.evidence(trial, 0); e.Base[0] != 60 || e.Head[1] != 60 {
		t.Errorf("own times %v, %v", e.Base, e.Head)
	}
	trial.Pairs[1].Head.HasOwn = false
	if e, _ := r.evidence(trial, 0); e.Base[0] != 200 || e.Head[1] != 200 {
		t.Errorf("times by the clock %v, %v", e.Base, e.Head)
	}
}

// The arms of a pair take as long as the longer, or both one after the other.
func TestSeconds(t *testing.T) {
	trial := &Trial{
		Pairs:      []Pair{{Run{Process: 2}, Run{Process: 3}}, {Run{Process: 5, Alone: true}, Run{Process: 7, Alone: true}}, {Run{Process: 11}, Run{Process: 13}}},
		StoredBase: []Run{{Process: 100}, {Process: 200}}, StoredHead: []Run{{Process: 400}},
	}
	pairs, stored := rule(t, "perfgate", Pairs, Own), rule(t, "cob", Stored, Wall)
	if got := pairs.seconds(trial, Outcome{Base: 2, Head: 2}); got != 3+12 {
		t.Errorf("two pairs take %v s", got)
	}
	if got := stored.seconds(trial, Outcome{Base: 1, Head: 1}); got != 500 {
		t.Errorf("two runs take %v s", got)
	}
}

// A change is planted where there are pairs enough to find it.
func TestPlantedInLongTrials(t *testing.T) {
	long, short := Evaluate(full(t), Options{Decide: fixed(12), Pairs: 12}), Evaluate(full(t), Options{Decide: fixed(12), Pairs: 13})
	for _, r := range short.Rows {
		full := row(t, long, r.Machine, r.Rule, r.Design, r.Unit)
		for _, c := range r.Changes {
			if c.Synthetic && r.Design == Pairs {
				t.Fatalf("%s: planted %v in trials that are too short", r.title(), c)
			}
		}
		if r.Design == Stored && !reflect.DeepEqual(r, full) {
			t.Errorf("%s is scored otherwise for want of pairs", r.title())
		}
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	s := Evaluate(full(t), Options{Decide: fixed(12), Seed: 1})
	if err := JSON(&b, s); err != nil {
		t.Fatal(err)
	}
	var back Scores
	d := json.NewDecoder(strings.NewReader(b.String()))
	d.DisallowUnknownFields()
	if err := d.Decode(&back); err != nil || !reflect.DeepEqual(back, s) {
		t.Errorf("read back it is another (%v)", err)
	}
	if err := JSON(&b, Evaluate(&Recording{}, Options{})); err != nil {
		t.Errorf("scores of nothing: %v", err)
	}
}

// BenchmarkEvaluate scores 1,000 trials of 40 pairs and 20 stored runs.
func BenchmarkEvaluate(b *testing.B) {
	f := fake{machine: "busy", benchmarks: 50, sessions: 20, shares: []float64{0}, pairs: 40, runs: 10, shared: 0.02, alone: 0.02, between: 0.03, seed: 1}
	rec, err := Read(strings.NewReader(f.text()))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if s := Evaluate(rec, Options{Decide: fixed(40), Seed: 1}); s.Rows[0].FalseRed.Total != 1000 {
			b.Fatalf("scored %d trials", s.Rows[0].FalseRed.Total)
		}
	}
}
