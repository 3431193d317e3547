package gate

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// search runs a bisection to its end and returns it with how often it asked.
func search(commits int, judge func(i int) (o Outcome, measured bool)) (b *Bisection, asked int) {
	b = NewBisection(commits)
	for {
		i, ok := b.Next()
		if !ok {
			return b, asked
		}
		asked++
		o, measured := judge(i)
		b.Tell(i, o, measured)
	}
}

// linear is the naive twin: every commit in turn.
func linear(commits int, judge func(i int) Outcome) (good, bad int) {
	good, bad = -1, commits-1
	for i := range commits - 1 {
		switch judge(i) {
		case Good:
			good = i
		case Bad:
			return good, i
		}
	}
	return good, bad
}

// With an oracle that is right, a bisection ends where a scan of every commit does, or before it has left that,
// whatever cannot be built; and where all can in as many steps as there are halvings.
func TestBisectionAgainstScan(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(rt, "commits")
		first := rapid.IntRange(0, n-1).Draw(rt, "first")
		broken := map[int]bool{}
		for range rapid.IntRange(0, n/2).Draw(rt, "breaks") {
			from := rapid.IntRange(0, n-1).Draw(rt, "from")
			for i := range rapid.IntRange(1, 10).Draw(rt, "run") {
				broken[from+i] = true
			}
		}
		truth := func(i int) Outcome {
			switch {
			case broken[i]:
				return Skipped
			case i >= first:
				return Bad
			}
			return Good
		}
		seen := map[int]bool{}
		b, asked := search(n, func(i int) (Outcome, bool) {
			if seen[i] || i < 0 || i >= n-1 {
				rt.Fatalf("commit %d is asked for again or is none in between", i)
			}
			seen[i] = true
			return truth(i), truth(i) != Skipped
		})
		good, bad := b.Range()
		// Around what cannot be built halves are uneven, so that the shared judgements may be used up before:
		// then what is left holds what a scan finds.
		g, x := linear(n, truth)
		if early := b.steps == 0 && len(broken) > 0; early && (good > g || bad < x) || !early && (good != g || bad != x) {
			rt.Fatalf("after %d and not after %d, a scan says %d and %d", good, bad, g, x)
		}
		if len(broken) == 0 && asked > BisectSteps(n)-2-max((BisectSteps(n)-2)/2, 2) {
			rt.Fatalf("%d steps for %d commits", asked, n)
		}
	})
}

// A long run of commits that do not build is left in a few strides, not commit by commit.
func TestBisectionLeavesWhatDoesNotBuild(t *testing.T) {
	_, asked := search(1000, func(i int) (Outcome, bool) {
		switch {
		case i > 400 && i < 600:
			return Skipped, false
		case i >= 700:
			return Bad, true
		}
		return Good, true
	})
	if asked > 40 {
		t.Errorf("%d commits were tried", asked)
	}
}

// What proves nothing takes its part of the error: a search of nothing else ends, and says so.
func TestBisectionEnds(t *testing.T) {
	b, asked := search(1000, func(int) (Outcome, bool) { return Skipped, true })
	if want := BisectSteps(1000) - 2; asked != want {
		t.Errorf("%d judgements, the error was shared among %d", asked, want)
	}
	c, reason, exit := b.Conclude(nil)
	if c != Undecided || exit != ExitNotJudged || !strings.Contains(reason, "one of 1000 commits: as many judgements") {
		t.Errorf("%s (%d): %s", c, exit, reason)
	}
}

func TestConclude(t *testing.T) {
	b := NewBisection(1)
	x := 1.0
	for _, c := range []struct {
		verdict *Verdict
		want    Conclusion
		exit    int
	}{
		{nil, Undecided, ExitNotJudged},
		{&Verdict{Verdict: Fail, Head: &x}, Found, ExitPass},
		{&Verdict{Verdict: Fail}, Undecided, ExitNotJudged}, // it crashed
		{&Verdict{Verdict: Pass}, Accumulated, ExitPass},
		{&Verdict{Verdict: Pass, New: true}, Undecided, ExitNotJudged},
		{&Verdict{Verdict: Inconclusive, Head: &x}, Undecided, ExitNotJudged},
	} {
		if got, _, exit := b.Conclude(c.verdict); got != c.want || exit != c.exit {
			t.Errorf("%+v: %s, exit code %d", c.verdict, got, exit)
		}
	}
}

// A jury judges commits by the plan of a bisection, with pairs that are drawn around the true change.
type jury struct {
	plan  Plan
	rng   *rand.Rand
	sd    float64
	limit float64
	pairs int
}

func (o *jury) judge(change float64) Outcome {
	ds := make([]float64, o.plan.last())
	for i := range ds {
		ds[i] = change + o.sd*o.rng.NormFloat64()
		if o.rng.IntN(20) == 0 {
			ds[i] += 3 * o.sd * o.rng.NormFloat64() // a neighbour was busy
		}
	}
	d := o.plan.Decide(ds, nil, o.limit)
	o.pairs += d.Pairs
	switch d.Kind {
	case Pass:
		return Good
	case Fail:
		return Bad
	}
	return Skipped
}

// In noise, no more searches name a wrong commit than the error says, they find nearly always, and they
// take less measuring than a scan. The error of a single check at every step would not do at the limit.
func TestBisectionInNoise(t *testing.T) {
	const (
		seed    = 7
		rounds  = 600
		commits = 32
	)
	t.Logf("seed %d", seed)
	limit := math.Log1p(0.10)
	for _, c := range []struct {
		name        string
		after       float64 // true change from the first bad commit on, and before it
		before      float64
		mostWrong   float64 // share of all searches
		leastFound  float64
		mostOfPairs float64 // of what a scan takes
	}{
		{"20 % at once", math.Log1p(0.20), 0, 0.01, 0.98, 0.5},
		{"15 % at once, on 3 %", math.Log1p(0.15), math.Log1p(0.03), 0.01, 0.75, 0.8},
		// At exactly the limit nothing can be told; what is told is wrong, as often as was agreed at most.
		{"exactly the limit from the first commit on", limit, limit, 0.05, 0, 1},
	} {
		rng := rand.New(rand.NewPCG(seed, 1))
		steps := BisectSteps(commits)
		o := &jury{plan: newPlan(Looks(40), failError(steps), passError/float64(steps)), rng: rng, sd: 0.05, limit: limit}
		scan := &jury{plan: o.plan, rng: rand.New(rand.NewPCG(seed, 2)), sd: o.sd, limit: limit}
		found, wrong := 0, 0
		for range rounds {
			first := rng.IntN(commits)
			change := func(i int) float64 {
				if i >= first {
					return c.after
				}
				return c.before
			}
			erred := false
			b, _ := search(commits, func(i int) (Outcome, bool) {
				got := o.judge(change(i))
				// At the limit every answer is an error of one kind; count the passes, which are the likelier.
				erred = erred || c.after == limit && got == Good
				return got, true
			})
			good, bad := b.Range()
			linear(commits, func(i int) Outcome { return scan.judge(change(i)) })
			switch {
			case c.after == limit:
				if erred {
					wrong++
				}
			case good >= first || bad < first:
				wrong++
			case bad-good == 1:
				found++
			}
		}
		t.Logf("%s: %d of %d found, %d wrong, %.1f pairs each, a scan takes %.1f", c.name, found, rounds, wrong, float64(o.pairs)/rounds, float64(scan.pairs)/rounds)
		if float64(wrong) > c.mostWrong*rounds+3*math.Sqrt(c.mostWrong*rounds) {
			t.Errorf("%s: %d of %d are wrong", c.name, wrong, rounds)
		}
		if float64(found) < c.leastFound*rounds {
			t.Errorf("%s: only %d of %d found", c.name, found, rounds)
		}
		if float64(o.pairs) > c.mostOfPairs*float64(scan.pairs) {
			t.Errorf("%s: %d pairs, a scan takes %d", c.name, o.pairs, scan.pairs)
		}
	}
}

// Judgements that share the error of one each have that part of it, in both directions.
func TestStepsShareTheError(t *testing.T) {
	const seed = 5
	rng := rand.New(rand.NewPCG(seed, 1))
	base, head := make([]float64, 8), make([]float64, 8)
	for i := range base {
		base[i], head[i] = 100+rng.Float64(), 130+rng.Float64()
	}
	at := func(steps int) Verdict {
		in := Input{Budgets: rules(t, "match: X, unit: ns/op, max_rise: 10%"), Base: read(t, "b", mine("1", run("X", "ns/op", base...))), Head: read(t, "h", mine("1", run("X", "ns/op", head...))), Steps: steps}
		r, err := Judge(in)
		if err != nil {
			t.Fatal(err)
		}
		return r.Verdicts[0]
	}
	one, none, ten := at(1), at(0), at(10)
	if one.Interval.Confidence != 0.95 || none.Interval.Confidence != 0.95 || math.Abs(ten.Interval.Confidence-0.995) > 1e-12 {
		t.Errorf("seed %d: confidence %v, %v and %v", seed, one.Interval.Confidence, none.Interval.Confidence, ten.Interval.Confidence)
	}
	if one.Verdict != Fail || ten.Verdict != Fail || one.Reason == ten.Reason {
		t.Errorf("seed %d: %s and %s: a fail is proved with the same bound", seed, one.Reason, ten.Reason)
	}
}
