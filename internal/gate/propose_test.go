package gate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/budget"
)

// surveyed proposes for what three texts of result lines say.
func surveyed(t tester, first, base, head string, units ...string) Proposal {
	return Propose(Survey{First: read(t, "first.txt", first), Base: read(t, "base.txt", mine("1", base)), Head: read(t, "head.txt", mine("1", head)), Pairs: 40, Units: units, Seed: 1})
}

// selfPairs prints the pairs of one side: time with a noise of spread sd, and what else each line has.
func selfPairs(name string, n int, sd float64, rng *rand.Rand, more string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "pair: %d\nBenchmark%s 100 %v ns/op%s\n", i+1, name, 1000*math.Exp(sd*rng.NormFloat64()), more)
	}
	return b.String()
}

func sketch(p Proposal) string {
	var out []string
	for _, b := range p.Budgets {
		l := relativeLimit(&b)
		s := fmt.Sprintf("%s: %s %s %s", b.ID, b.Match.Text, b.UnitText, l.Text)
		if b.Class != "" {
			s += " " + string(b.Class)
		}
		out = append(out, s)
	}
	for _, l := range p.Left {
		out = append(out, fmt.Sprintf("- %s %s", l.Benchmark, l.Unit))
	}
	return strings.Join(out, "\n")
}

// What is proposed of twenty pairs holds in checks of the noise behind them, which these pairs only
// sample: unchanged code, also where the functions lie otherwise, is not red and seldom undecided, and
// twice the limit is found.
func TestProposedLimitsHold(t *testing.T) {
	const surveys, checks = 12, 60
	for _, c := range []struct{ sd, tail, low, high float64 }{
		// the spread of one pair, how often it is five times that, and between which limits it may lead
		{0.005, 0, 0.05, 0.10},
		{0.02, 0.05, 0.05, 0.15},
		{0.05, 0.05, 0.10, 0.30},
		{0.12, 0.02, 0.15, 0.50},
	} {
		rng := rand.New(rand.NewPCG(3, math.Float64bits(c.sd)))
		pair := func() float64 {
			if rng.Float64() < c.tail {
				return 5 * c.sd * rng.NormFloat64()
			}
			return c.sd * rng.NormFloat64()
		}
		pairs := func(n int, plus float64) []float64 {
			out := make([]float64, n)
			for i := range out {
				out[i] = pair() + plus
			}
			return out
		}
		plan := NewPlan(40, 50)
		reds, undecided, missed, all := 0, 0, 0, 0
		for range surveys {
			var base, head strings.Builder
			for i, d := range pairs(20, 0) {
				fmt.Fprintf(&base, "pair: %d\nBenchmarkA 100 1000 ns/op\n", i+1)
				fmt.Fprintf(&head, "pair: %d\nBenchmarkA 100 %v ns/op\n", i+1, 1000*math.Exp(d))
			}
			p := surveyed(t, "BenchmarkA 1 1000 ns/op\n", base.String(), head.String())
			if len(p.Budgets) != 1 {
				continue // nothing is held, which is no false promise
			}
			limit := p.Budgets[0].MaxRise.Value
			if limit < c.low || limit > c.high {
				t.Errorf("spread %v: limit %v is not between %v and %v", c.sd, limit, c.low, c.high)
			}
			for i := range checks {
				all++
				shift := layoutAllowance * float64(i%2)
				switch plan.Decide(pairs(40, shift), nil, math.Log1p(limit)).Kind {
				case Fail:
					reds++
				case Inconclusive:
					undecided++
				}
				if plan.Decide(pairs(40, math.Log1p(2*limit)), nil, math.Log1p(limit)).Kind != Fail {
					missed++
				}
			}
		}
		t.Logf("spread %v: of %d checks %d false reds, %d undecided, %d missed", c.sd, all, reds, undecided, missed)
		if all < surveys*checks/2 {
			t.Errorf("spread %v: only %d of %d surveys came to a limit", c.sd, all/checks, surveys)
		}
		// The rule promises 5 % for the suite, so 0.1 % for each of 50.
		if float64(reds) > 0.005*float64(all) || float64(undecided) > 0.03*float64(all) || float64(missed) > 0.05*float64(all) {
			t.Errorf("spread %v: of %d checks %d are falsely red, %d undecided, and %d miss twice the limit", c.sd, all, reds, undecided, missed)
		}
	}
}

// The wider the noise, the wider the limit; few pairs make it wider; and beyond 50 % there is none.
func TestProposedLimitsFollowNoise(t *testing.T) {
	limit := func(n int, sd float64) float64 {
		p := surveyed(t, "BenchmarkA 1 1000 ns/op\n",
			selfPairs("A", n, 0, rand.New(rand.NewPCG(1, 1)), ""), selfPairs("A", n, sd, rand.New(rand.NewPCG(1, 2)), ""))
		if len(p.Budgets) == 0 {
			if len(p.Left) != 1 || !strings.Contains(p.Left[0].Why, "too noisy") {
				t.Errorf("left %+v", p.Left)
			}
			return math.Inf(1)
		}
		return p.Budgets[0].MaxRise.Value
	}
	last := 0.0
	for _, sd := range []float64{0.001, 0.02, 0.05, 0.1, 0.2, 0.8} {
		got := limit(20, sd)
		if got < last {
			t.Errorf("spread %v: limit %v after %v", sd, got, last)
		}
		last = got
	}
	if !math.IsInf(last, 1) {
		t.Errorf("spread 80 %%: limit %v", last)
	}
	if few, many := limit(4, 0.05), limit(40, 0.05); few <= many {
		t.Errorf("limit %v of 4 pairs, %v of 40", few, many)
	}
	// Chi-squared with 19 degrees of freedom is under 11.651 in one of ten.
	if got, want := spreadBound(20), math.Sqrt(19/11.651); math.Abs(got-want) > 0.005 {
		t.Errorf("spreadBound(20) = %v, want %v", got, want)
	}
}

func TestProposedUnits(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	lines := func(units string) string { return selfPairs("A", 8, 0, rng, units) }
	for _, c := range []struct{ name, first, base, head, want string }{
		{"Go's own", "", lines(" 16 B/op 2 allocs/op 5 MB/s 7 own-ns/op 7 cpu-ns/op"), "",
			"a-time: A ns/op 5%\na-bytes: A B/op 0%\na-allocs: A allocs/op 0%"},
		{"a direction that nobody knows", "", lines(" 3 hops/op"), "", "a-time: A ns/op 5%\n- A hops/op"},
		{"a Unit line", "", "Unit hops/op better=lower\n" + lines(" 3 hops/op"), "", "a-time: A ns/op 5%\na-hops-op: A hops/op 0% exact"},
		{"declared exact", "", "Unit hits/op better=higher assume=exact\n" + lines(" 3 hits/op"), "", "a-time: A ns/op 5%\na-hits-op: A hits/op 0%"},
		{"declared exact, and is not", "", "Unit hops/op better=lower assume=exact\n" + lines(" 3 hops/op"), strings.Replace(lines(" 3 hops/op"), " 3 hops", " 4 hops", 1),
			"a-time: A ns/op 5%\n- A hops/op"},
		{"of the number of iterations", "BenchmarkA 1 1000 ns/op 9 hops/op\n", "Unit hops/op better=lower\n" + lines(" 3 hops/op"), "", "a-time: A ns/op 5%\n- A hops/op"},
		{"a rate of zero", "", "Unit ops/s better=higher\n" + lines(" 0 ops/s"), "", "a-time: A ns/op 5%\n- A ops/s"},
		{"zero in some runs", "", lines(" 0 B/op"), strings.Replace(lines(" 0 B/op"), " 0 B", " 1 B", 1), "a-time: A ns/op 5%\n- A B/op"},
		{"a few bytes", "", lines(" 1 B/op"), strings.Replace(lines(" 1 B/op"), " 1 B", " 2 B", 1), "a-time: A ns/op 5%\n- A B/op"},
		{"nearly the same", "", lines(" 5000 B/op"), strings.Replace(lines(" 5000 B/op"), " 5000 B", " 5001 B", 1), "a-time: A ns/op 5%\na-bytes: A B/op 1%"},
		{"a quantile of too few", "", "Unit p99-ns better=lower\n" + lines(" 7 p99-ns 100 requests"), "", "a-time: A ns/op 5%\n- A p99-ns"},
		{"a quantile", "", "Unit p99-ns better=lower\n" + lines(" 7 p99-ns 4000 requests"), "", "a-time: A ns/op 5%\na-p99-ns: A p99-ns 0% exact"},
		{"waiting", "", "method: interleaved\n" + lines(" 2 allocs/op"), "", "a-time: A ns/op 5% waiting\na-allocs: A allocs/op 0%"},
		{"slow", "BenchmarkA 1 6000000000 ns/op\n", lines(""), "", "- A "},
		{"failed", "BenchmarkA 1 1000 ns/op\n--- FAIL: BenchmarkA/x\n", lines(""), "", "- A/x "},
		{"negative", "", "Unit hops/op better=lower\n" + lines(" -3 hops/op"), "", "a-time: A ns/op 5%\n- A hops/op"},
		{"few pairs", "", selfPairs("A", 5, 0.001, rng, " 2 allocs/op 128 B/op"), "",
			"a-time: A ns/op 5%\na-bytes: A B/op 1%\n- A allocs/op"},
		{"too few pairs", "", "pair: 1\nBenchmarkA 1 1000 ns/op 2 allocs/op\n", "", "- A ns/op\n- A allocs/op"},
	} {
		t.Run(c.name, func(t *testing.T) {
			head := c.head
			if head == "" {
				head = c.base
			}
			first := c.first
			if first == "" {
				i := strings.Index(c.base, "BenchmarkA")
				first, _, _ = strings.Cut(c.base[i:], "\n")
				first += "\n"
			}
			if got := sketch(surveyed(t, first, c.base, head)); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
	// One unit alone, which may be one that is else left out.
	text := lines(" 5 MB/s 2 allocs/op")
	if got := sketch(surveyed(t, "BenchmarkA 1 1000 ns/op\n", text, text, "B/s")); got != "a-mb-s: A MB/s 5%" {
		t.Errorf("--unit MB/s proposes\n%s", got)
	}
}

// Sub-benchmarks share a budget where their limits are alike; others are named by a part that they have
// in common, and what cannot be held is in none.
func TestProposedSelectors(t *testing.T) {
	sub := func(name string, units string) (string, string, string) {
		base := selfPairs(name, 8, 0, rand.New(rand.NewPCG(1, 1)), units)
		return fmt.Sprintf("Benchmark%s 1 1000 ns/op\n", name), base, base
	}
	all := func(parts ...[2]string) string {
		var first, base, head string
		for _, p := range parts {
			f, b, h := sub(p[0], p[1])
			first, base, head = first+f, base+b, head+h
		}
		return sketch(surveyed(t, first, base, head, "allocs/op"))
	}
	steady, none := " 2 allocs/op", ""
	for _, c := range []struct {
		name  string
		parts [][2]string
		want  string
	}{
		{"alike", [][2]string{{"A/n=1", steady}, {"A/n=2", steady}}, "a-allocs: A allocs/op 0%"},
		{"a part in common", [][2]string{{"A/n=1/k=1", steady}, {"A/n=2/k=1", steady}, {"A/n=1/k=2", none}},
			"a-k-1-allocs: A/k=1 allocs/op 0%"},
		{"each its own", [][2]string{{"A/x", steady}, {"A/y", none}, {"A/z", steady}}, "a-x-allocs: A/x allocs/op 0%\na-z-allocs: A/z allocs/op 0%"},
		{"not to be told apart", [][2]string{{"A/x", steady}, {"A/x/y", none}}, "- A/x allocs/op"},
		{"no selector", [][2]string{{"A/x=", steady}, {"A/y", none}}, "- A/x= allocs/op"},
		{"one name twice", [][2]string{{"Ab", steady}, {"A_b", steady}, {"AB", steady}}, "ab-allocs: Ab allocs/op 0%\na-b-allocs: A_b allocs/op 0%\nab-allocs-2: AB allocs/op 0%"},
	} {
		if got := all(c.parts...); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
	if alike([]held{{limit: 0}, {limit: 0.01}}) || !alike([]held{{limit: 0.05}, {limit: 0.1}}) || alike([]held{{limit: 0.05}, {limit: 0.15}}) {
		t.Error("alike is not what it was")
	}
}

// Ids are such as a budget may have, whatever a function is called.
func TestSlug(t *testing.T) {
	slug := regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,99}$`) // as package budget has it
	p := proposer{ids: map[string]bool{}}
	var seen []string
	for _, name := range []string{"ParseLongName", "Größe", "日本", "A", "a", "", "HTTP2Serve", strings.Repeat("Long", 50), strings.Repeat("Long", 50), "x--y"} {
		id := p.id(budget.Budget{Match: budget.Selector{Name: name}, UnitText: "p99-µs", Unit: "p99-µs"})
		if !slug.MatchString(id) || slices.Contains(seen, id) {
			t.Errorf("%q makes %q, after %q", name, id, seen)
		}
		seen = append(seen, id)
	}
	if got := slugOf("ParseLongName-size=1k"); got != "parse-long-name-size-1k" {
		t.Errorf("slug %q", got)
	}
}

func TestWiden(t *testing.T) {
	p := Proposal{Budgets: []budget.Budget{
		{ID: "a", UnitText: "ns/op", MaxRise: &budget.Limit{Value: 0.30}},
		{ID: "b", UnitText: "allocs/op", MaxRise: &budget.Limit{}},
	}}
	p.Widen("nosuch", "x")
	p.Widen("a", "x")
	if l := p.Budgets[0].MaxRise; l.Value != 0.50 || l.Text != "50%" {
		t.Errorf("after 30 %% comes %+v", l)
	}
	p.Widen("a", "it is so")
	p.Widen("b", "it is so too")
	if len(p.Budgets) != 0 || len(p.Left) != 2 || p.Left[0].Why != "it is so" {
		t.Errorf("%+v", p)
	}
}

// A limit is refused for each of the three reasons by itself.
func TestHolds(t *testing.T) {
	plan := NewPlan(40, 1)
	flat := func(x float64) draw { return draw{own: scaled(make([]float64, 40), 1, x)} }
	even := noise{worst: 1}
	for range played {
		even.draws = append(even.draws, flat(0))
	}
	some := func(n int, x float64) noise {
		out := noise{worst: 1, draws: slices.Clone(even.draws)}
		for i := range n {
			out.draws[i] = flat(x)
		}
		return out
	}
	for _, c := range []struct {
		name  string
		n     noise
		shift float64
		want  bool
	}{
		{"no noise", even, 0.04, true},
		{"the order of the functions at the limit", even, math.Log1p(0.05), false},
		{"a few checks that miss twice the limit", some(playedUndecidedWorst, -0.06), 0.01, true},
		{"too many of these", some(played/5, -0.06), 0.01, false},
		{"red by itself", some(played/4, 0.06), 0, false},
	} {
		if got := c.n.holds(0.05, c.shift, budget.Lower, plan, 0.05); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
