package gate

import (
	"math"
	"math/rand/v2"
	"testing"
)

// sampled draws profiles of a benchmark in which functions take the given times in one operation: ticks,
// and in each run a machine of another speed, which both versions have alike.
func sampled(rng *rand.Rand, runs int, base, head []float64) Costs {
	c := Costs{Kind: "processor time", Unit: "sec/op", Ticks: true, Functions: make([]FunctionCost, len(base))}
	const perTick = 1.0 // of 100 ticks a run
	total := [2][]float64{make([]float64, runs), make([]float64, runs)}
	for f := range c.Functions {
		c.Functions[f].Name = string(rune('a' + f))
	}
	for run := range runs {
		speed := math.Exp(0.2 * rng.NormFloat64())
		for side, of := range [2][]float64{base, head} {
			whole := 0.0
			for _, x := range of {
				whole += x
			}
			ticks := make([]int, len(of))
			// The processor is sampled at fixed times: how many ticks there are is no chance, where they fall is.
			for range int(speed*whole/perTick + rng.Float64()) {
				at, f := whole*rng.Float64(), 0
				for f < len(of)-1 && at >= of[f] {
					at -= of[f]
					f++
				}
				ticks[f]++
			}
			for f, n := range ticks {
				fn := &c.Functions[f]
				fn.Samples[side] += n
				c.Samples[side] += n
				total[side][run] += float64(n) * perTick
				if side == 0 {
					fn.Base = append(fn.Base, float64(n)*perTick)
				} else {
					fn.Head = append(fn.Head, float64(n)*perTick)
				}
			}
		}
	}
	for f := range c.Functions {
		fn := &c.Functions[f]
		fn.BaseAll, fn.HeadAll, fn.Behind, fn.FirstParty = fn.Base, fn.Head, fn.Samples, true
	}
	c.Base, c.Head = total[0], total[1]
	return c
}

// Where nothing changed a function is named no more often than was agreed; where one takes twice as
// long it is named, first, and is the change.
func TestAttribute(t *testing.T) {
	const seed, rounds = 3, 400
	rng := rand.New(rand.NewPCG(seed, 1))
	same := []float64{40, 20, 15, 10, 5, 4, 3, 2, 1}
	wrong := 0
	for range rounds {
		for _, r := range Attribute(sampled(rng, 6, same, same), 10).Rows {
			if r.Beyond {
				wrong++
				break
			}
		}
	}
	found, named := 0, 0
	slower := append([]float64(nil), same...)
	slower[1] += 20
	for range rounds {
		got := Attribute(sampled(rng, 6, same, slower), 10)
		for _, r := range got.Rows[1:] {
			if r.Beyond {
				named++
				break
			}
		}
		if r := got.Rows[0]; r.Function == "b" && r.Beyond && got.Through != nil && got.Through.Function == "b" && got.Beyond && *got.Explained > 0.5 && *got.Explained < 2 {
			found++
		}
	}
	t.Logf("seed %d: %d of %d name one where nothing changed, %d find it, %d name another", seed, wrong, rounds, found, named)
	if float64(wrong) > blameError*rounds+3*math.Sqrt(blameError*rounds) || float64(named) > blameError*rounds+3*math.Sqrt(blameError*rounds) {
		t.Errorf("%d and %d of %d are named by chance", wrong, named, rounds)
	}
	if found < rounds*9/10 {
		t.Errorf("found in %d of %d", found, rounds)
	}
}

// What is counted and repeats is told by any difference worth the name.
func TestAttributeCounts(t *testing.T) {
	c := Costs{Kind: "allocated bytes", Unit: "B/op", Base: []float64{1000, 1000, 1000}, Head: []float64{1300, 1300, 1300}, Functions: []FunctionCost{
		{Name: "more", Base: []float64{0, 0, 0}, Head: []float64{400, 400, 400}, BaseAll: []float64{0, 0, 0}, HeadAll: []float64{400, 400, 400}, Note: "new in head"},
		{Name: "less", Base: []float64{300, 300, 300}, Head: []float64{200, 200, 200}, BaseAll: []float64{300, 300, 300}, HeadAll: []float64{200, 200, 200}},
		{Name: "same", Base: []float64{700, 700, 700}, Head: []float64{700, 700, 700.1}, BaseAll: []float64{700, 700, 700}, HeadAll: []float64{700, 700, 700}},
	}}
	got := Attribute(c, 1)
	if !got.Beyond || got.Explained == nil || math.Abs(*got.Explained-1) > 0.01 || len(got.Rows) != 1 || got.Left != 1 {
		t.Fatalf("%+v", got)
	}
	if r := got.Rows[0]; r.Function != "more" || !r.Beyond || r.Note == "" {
		t.Errorf("%+v", r)
	}
	rows := Attribute(c, 10).Rows
	if len(rows) != 3 || rows[1].Function != "less" || !rows[1].Beyond || rows[2].Beyond {
		t.Errorf("%+v", rows)
	}
}

// What is left of a subtraction is nothing, and not 8.5e-22 bytes.
func TestAttributeRounds(t *testing.T) {
	c := Costs{Kind: "allocated bytes", Unit: "B/op", Base: []float64{0.0005, 0.0005, 0.0005}, Head: []float64{48, 48, 48}}
	left := []float64{-8.5e-22, -8.5e-22, -8.5e-22}
	c.Functions = []FunctionCost{{Name: "f", FirstParty: true, Base: left, Head: c.Head, BaseAll: left, HeadAll: c.Head}}
	table := Attribute(c, 5)
	if len(table.Rows) != 1 || table.Through == nil {
		t.Fatalf("%+v", table)
	}
	for _, r := range []BlameRow{table.Rows[0], *table.Through} {
		if r.Base != 0 || r.BaseAll != 0 || math.Abs(r.Head-48) > 1e-9 {
			t.Errorf("what is left of nothing is shown: %+v", r)
		}
	}
}

// What a process allocates once is no difference of an operation, though all runs agree.
func TestAttributeNothing(t *testing.T) {
	for unit, x := range map[string]float64{"B/op": 0.01, "allocs/op": 0.001} {
		xs, zero := []float64{x, x, x}, []float64{0, 0, 0}
		got := Attribute(Costs{Unit: unit, Base: xs, Head: zero, Functions: []FunctionCost{{Name: "f", FirstParty: true, Base: xs, Head: zero, BaseAll: xs, HeadAll: zero}}}, 10)
		if got.Changed() {
			t.Errorf("%s: %+v", unit, got)
		}
	}
}

// The exit code says whether something was found.
func TestDiagnosisConclude(t *testing.T) {
	changed := Blame{Tables: []BlameTable{{}, {Rows: []BlameRow{{Beyond: true}}}}}
	for _, c := range []struct {
		d    Diagnosis
		want int
	}{
		{Diagnosis{}, ExitNotJudged},
		{Diagnosis{Blame: []Blame{changed}}, ExitPass},
		{Diagnosis{Blame: []Blame{changed, {Tables: []BlameTable{{}}}}}, ExitNotJudged},
		{Diagnosis{Blame: []Blame{changed}, Problems: []string{"one more was not profiled"}}, ExitNotJudged},
		{Diagnosis{Bisected: &Bisected{ExitCode: ExitPass}}, ExitPass},
	} {
		if c.d.Conclude(); c.d.ExitCode != c.want {
			t.Errorf("%+v, want %d", c.d, c.want)
		}
	}
}

// Of several fails the one that is furthest off is searched for; a crash has no change to search for.
func TestWorst(t *testing.T) {
	x, up, down := 1.0, 0.5, -0.6
	vs := []Verdict{{Verdict: Pass, Head: &x}, {Verdict: Fail, Head: &x, Change: &up}, {Verdict: Fail}, {Verdict: Fail, Head: &x, Change: &down}}
	if got := Worst(vs); got != 3 {
		t.Errorf("got %d", got)
	}
	if got := Worst(vs[2:3]); got != -1 {
		t.Errorf("got %d of a crash", got)
	}
}
