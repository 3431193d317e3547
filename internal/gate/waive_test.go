package gate

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/perfgate/perfgate/internal/budget"
)

const testDay = "2026-06-15"

// reviewedSet is rules with a file of waivers and one of renames, each a list of entries in flow style.
func reviewedSet(t tester, waivers, renames []string, entries ...string) budget.Set {
	t.Helper()
	file := func(name, key string, entries []string) budget.Source {
		text := "version: 1\n" + key + ":\n"
		for _, e := range entries {
			text += "  - {" + e + "}\n"
		}
		return budget.Source{Name: name, Data: []byte(text)}
	}
	var budgets []string
	for i, e := range entries {
		budgets = append(budgets, fmt.Sprintf("id: b%d, %s", i, e))
	}
	sources := []budget.Source{file("b.yaml", "budgets", budgets)}
	if waivers != nil {
		sources = append(sources, file("waivers.yaml", "waivers", waivers))
	}
	if renames != nil {
		sources = append(sources, file("renames.yaml", "renames", renames))
	}
	set, err := budget.Parse(sources)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// a waiver of a benchmark and unit with a ceiling.
func waiverOf(benchmark, unit, ceiling string) string {
	return fmt.Sprintf("benchmark: %s, unit: %s, ceiling: %s, until: 2026-12-31, reason: r, link: https://example.test/1", benchmark, unit, ceiling)
}

// pairsOf returns base and head whose pairs differ by a ratio, with noise that cancels.
func pairsOf(t tester, name, unit string, ratio float64) (base, head string) {
	var b, h []float64
	for _, x := range []float64{100, 104, 97, 101, 99, 103, 98, 100, 102, 96} {
		b, h = append(b, x), append(h, x*ratio)
	}
	return run(name, unit, b...), run(name, unit, h...)
}

func TestWaived(t *testing.T) {
	exact := "Unit steps/op better=lower assume=exact\nUnit rate/op better=higher assume=exact\n"
	timed := func(ratio float64) [2]string {
		b, h := pairsOf(t, "W", "ns/op", ratio)
		return [2]string{b, h}
	}
	count := func(unit string, base, head float64) [2]string {
		return [2]string{exact + loose("W", unit, base, base), exact + loose("W", unit, head, head)}
	}
	for _, c := range []struct {
		name, budget, waiver string
		samples              [2]string
		code                 int
		waived, beyond       bool
		reason               string // part of what the ceiling's verdict says
	}{
		{"a rise within", "match: W, unit: ns/op, max_rise: 10%", waiverOf("W", "ns/op", "30%"), timed(1.2), 0, true, false, "proved within ceiling 30%"},
		{"a rise beyond", "match: W, unit: ns/op, max_rise: 10%", waiverOf("W", "ns/op", "30%"), timed(1.4), 1, false, true, "proved beyond ceiling 30%"},
		{"a rise to a time within", "match: W, unit: ns/op, max_rise: 10%", waiverOf("W", "ns/op", "130ns"), timed(1.2), 0, true, false, "proved within ceiling 130ns"},
		{"a rise to a time beyond", "match: W, unit: ns/op, max_rise: 10%", waiverOf("W", "ns/op", "105ns"), timed(1.2), 1, false, true, "proved beyond ceiling 105ns"},
		{"an exact rise to the ceiling", "match: W, unit: steps/op, max_rise: 0%", waiverOf("W", "steps/op", "10%"), count("steps/op", 100, 110), 0, true, false, "exactly +10.0 %"},
		{"an exact rise over the ceiling", "match: W, unit: steps/op, max_rise: 0%", waiverOf("W", "steps/op", "10%"), count("steps/op", 100, 111), 1, false, true, "beyond ceiling 10%"},
		{"a drop within", "match: W, unit: rate/op, max_drop: 5%", waiverOf("W", "rate/op", "20%"), count("rate/op", 100, 80), 0, true, false, "within ceiling 20%"},
		{"a drop beyond", "match: W, unit: rate/op, max_drop: 5%", waiverOf("W", "rate/op", "20%"), count("rate/op", 100, 79), 1, false, true, "beyond ceiling 20%"},
		{"a value within", "match: W, unit: steps/op, at_most: 100", waiverOf("W", "steps/op", "120"), count("steps/op", 90, 120), 0, true, false, "exactly within ceiling 120"},
		{"a value beyond", "match: W, unit: steps/op, at_most: 100", waiverOf("W", "steps/op", "120"), count("steps/op", 90, 121), 1, false, true, "exactly beyond ceiling 120"},
		{"a floor within", "match: W, unit: rate/op, at_least: 100", waiverOf("W", "rate/op", "80"), count("rate/op", 90, 80), 0, true, false, "exactly within ceiling 80"},
		{"a floor beyond", "match: W, unit: rate/op, at_least: 100", waiverOf("W", "rate/op", "80"), count("rate/op", 90, 79), 1, false, true, "exactly beyond ceiling 80"},
		{"a value for a limit on the change", "match: W, unit: steps/op, max_rise: 0%", waiverOf("W", "steps/op", "120"), count("steps/op", 100, 119), 0, true, false, "exactly within ceiling 120"},
		{"a change for a limit on the value", "match: W, unit: steps/op, at_most: 100", waiverOf("W", "steps/op", "20%"), count("steps/op", 100, 119), 0, true, false, "within ceiling 20%"},
		{"a change for a limit on the value, beyond", "match: W, unit: steps/op, at_most: 100", waiverOf("W", "steps/op", "20%"), count("steps/op", 100, 121), 1, false, true, "beyond ceiling 20%"},
		{"from zero", "match: W, unit: steps/op, max_rise: 0%", waiverOf("W", "steps/op", "20%"), count("steps/op", 0, 1), 1, false, true, "from zero"},
		{"a new benchmark has no change", "match: W, unit: steps/op, at_most: 100", waiverOf("W", "steps/op", "20%"), [2]string{exact + loose("V", "steps/op", 1, 1), exact + loose("W", "steps/op", 110, 110)}, 1, false, true, "does not have it"},
		{"a limit on the other side stays", "match: W, unit: steps/op, max_rise: 0%, at_least: 90", waiverOf("W", "steps/op", "20%"), count("steps/op", 100, 80), 1, false, true, "beyond at_least 90"},
		{"ignore_below does not widen the ceiling", "match: W, unit: steps/op, at_most: 100, max_rise: 0%, ignore_below: 50", waiverOf("W", "steps/op", "20%"), count("steps/op", 100, 130), 1, false, true, "beyond ceiling 20%"},
		{"a crash", "match: W, unit: steps/op, max_rise: 0%", waiverOf("W", "steps/op", "20%"), [2]string{exact + loose("W", "steps/op", 100, 100), exact + "--- FAIL: BenchmarkW\n    no\n"}, 1, false, true, "did not finish"},
		{"too noisy for the ceiling", "match: W, unit: ns/op, max_rise: 10%", waiverOf("W", "ns/op", "40%"),
			[2]string{run("W", "ns/op", repeat(10, 100)...), run("W", "ns/op", 120, 145, 130, 125, 150, 135, 128, 149, 122, 141)}, 1, false, true, "neither within nor beyond ceiling 40%"},
		{"undecided at the limit, and within the ceiling", "match: W, unit: ns/op, max_rise: 10%", waiverOf("W", "ns/op", "40%"),
			[2]string{run("W", "ns/op", repeat(10, 100)...), run("W", "ns/op", 105, 115, 109, 111, 116, 104, 112, 108, 106, 114)}, 0, false, false, "proved within ceiling 40%"},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := reviewedSet(t, []string{c.waiver}, nil, c.budget)
			in := Input{Budgets: set, Base: read(t, "base", c.samples[0]), Head: read(t, "head", c.samples[1]), Today: testDay}
			r, err := Judge(in)
			if err != nil {
				t.Fatal(err)
			}
			v := r.Verdicts[0]
			if r.ExitCode != c.code || v.waived() != c.waived || v.Waived == nil || v.Waived.Beyond != c.beyond || !strings.Contains(v.Waived.Found, c.reason) {
				t.Fatalf("exit code %d, %s", r.ExitCode, marshal(t, r))
			}
			if n := r.Counts; (n.Waived == 1) != c.waived || (n.Fail == 1) != (c.code == 1) || v.Blocks != (c.code != 0) || len(r.Notes) > 0 {
				t.Errorf("counted as %+v: %s", n, marshal(t, r))
			}
			if w := v.Waived; w.Until != "2026-12-31" || w.Reason != "r" || w.Link != "https://example.test/1" || w.At != "waivers.yaml:3" || r.Today != testDay {
				t.Errorf("%+v on %s", w, r.Today)
			}
			if c.beyond && !strings.Contains(v.Reason, "not within the ceiling") && v.Verdict == Fail {
				t.Errorf("the reason says nothing of the ceiling: %s", v.Reason)
			}
			// Without its waiver the row is what it was.
			in.Budgets.Waivers = nil
			plain, err := Judge(in)
			if err != nil || plain.Verdicts[0].Verdict != v.Verdict || plain.ExitCode == 0 || plain.Today != "" {
				t.Errorf("without: %v %s", err, marshal(t, plain))
			}
		})
	}
}

func TestWaiverMistakes(t *testing.T) {
	samples := "Unit steps/op better=lower assume=exact\n" + loose("Walk/n=1", "steps/op", 10, 10) + loose("Walk/n=2", "steps/op", 10, 10) + loose("Run", "other/op", 1, 1)
	budgets := []string{"match: Walk, unit: steps/op, max_rise: 5%, at_most: 100", "match: Run, unit: other/op, at_most: 9, at_least: 1", "match: Walk, unit: steps/op, scales: {with: n, exponent_at_most: 2}"}
	for _, c := range []struct {
		name    string
		waivers []string
		today   string
		want    string
	}{
		{"expired", []string{waiverOf("Walk", "steps/op", "20%")}, "2027-01-01", `waivers.yaml:3:60: waiver of Walk steps/op expired on 2026-12-31; mend`},
		{"the last day", []string{waiverOf("Walk", "steps/op", "20%")}, "2026-12-31", ""},
		{"too long", []string{waiverOf("Walk", "steps/op", "20%")}, "2025-12-29", "holds for more than 366 days"},
		{"a year and a day", []string{waiverOf("Walk", "steps/op", "20%")}, "2025-12-30", ""},
		{"no day", []string{waiverOf("Walk", "steps/op", "20%")}, "", "nobody says which day it is"},
		{"no such function", []string{waiverOf("Wlak", "steps/op", "20%")}, testDay, `did you mean Walk?`},
		{"no such part", []string{waiverOf("Walk/n=3", "steps/op", "20%")}, testDay, `waivers.yaml:3:17: match "Walk/n=3" of waiver of steps/op matches no benchmark; `},
		{"no such unit", []string{waiverOf("Walk", "step/op", "20%")}, testDay, "no budget limits step/op of Walk, so that there is nothing to waive; did you mean steps/op?"},
		{"twice", []string{waiverOf("Walk", "steps/op", "20%"), waiverOf("Walk/n=2", "steps/op", "30%")}, testDay, "waivers.yaml:4:5: Walk/n=2 steps/op is waived already at waivers.yaml:3:5"},
		{"within the limit", []string{waiverOf("Walk", "steps/op", "5%")}, testDay, "the ceiling 5% is within max_rise 5% of budget b0"},
		{"within the value", []string{waiverOf("Walk", "steps/op", "100")}, testDay, "the ceiling 100 is within at_most 100 of budget b0"},
		{"no direction", []string{waiverOf("Run", "other/op", "20%")}, testDay, "nobody says whether other/op is better lower or higher"},
	} {
		in := Input{Budgets: reviewedSet(t, c.waivers, nil, budgets...), Base: read(t, "base", samples), Head: read(t, "head", samples), Today: c.today}
		r, err := Judge(in)
		var ps budget.Problems
		switch {
		case c.want == "" && err != nil, c.want != "" && (!errors.As(err, &ps) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v", c.name, err)
		case c.want == "" && len(r.Notes) != 1:
			t.Errorf("%s: a waiver that is not needed is not told: %v", c.name, r.Notes)
		}
		for _, p := range ps {
			if p.Help == "" || p.Pos.File != "waivers.yaml" || p.Pos.Line == 0 {
				t.Errorf("%s: no place or no way out in %q", c.name, p.Error())
			}
		}
	}
}

// A drop of a hundred percent is all there is.
func TestWaiverOfEverything(t *testing.T) {
	text := "Unit rate/op better=higher assume=exact\n" + loose("W", "rate/op", 10, 10)
	set := reviewedSet(t, []string{waiverOf("W", "rate/op", "100%")}, nil, "match: W, unit: rate/op, max_drop: 5%")
	_, err := Judge(Input{Budgets: set, Base: read(t, "base", text), Head: read(t, "head", text), Today: testDay})
	if err == nil || !strings.Contains(err.Error(), "nothing drops by more than 100%") {
		t.Errorf("%v", err)
	}
}

// A part of the benchmarks, or a run that broke off, does not show whether a waiver is for something.
func TestWaiverOfWhatIsNotThere(t *testing.T) {
	text := "Unit steps/op better=lower assume=exact\n" + loose("A", "steps/op", 1, 1)
	set := reviewedSet(t, []string{waiverOf("B", "steps/op", "20%")}, nil, "match: A, unit: steps/op, max_rise: 0%", "match: B, unit: steps/op, max_rise: 0%")
	broke := read(t, "head", text+"--- FAIL: BenchmarkB\n    no\n")
	if r, err := Judge(Input{Budgets: set, Base: read(t, "base", text), Head: broke, Today: testDay}); err != nil || r.ExitCode != ExitNotJudged {
		t.Errorf("%v %s", err, marshal(t, r))
	}
	a, err := budget.ParseSelector("A")
	if err != nil {
		t.Fatal(err)
	}
	part := Input{Budgets: set, Base: read(t, "base", text), Head: read(t, "head", text), Today: testDay, Suites: []budget.Suite{{Name: "a", Match: []budget.Match{{Selector: a}}}}}
	if r, err := Judge(part); err != nil || r.ExitCode != ExitPass || len(r.Notes) > 0 {
		t.Errorf("%v %s", err, marshal(t, r))
	}
}

// Whatever the samples are: a waiver makes no row worse, excuses only what its ceiling passes, and the same
// head further from its base is never greener.
func TestWaiverProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(0, 30).Draw(t, "limit")
		ceiling := limit + rapid.IntRange(1, 40).Draw(t, "over")
		rise := rapid.Float64Range(-30, 100).Draw(t, "rise")
		n := rapid.IntRange(1, 12).Draw(t, "n")
		unit := rapid.SampledFrom([]string{"ns/op", "steps/op"}).Draw(t, "unit")
		noise := rapid.Float64Range(0, 0.2).Draw(t, "noise")
		var b, h []float64
		for range n {
			x := 100.0
			e := 1.0
			if unit == "ns/op" {
				e += noise * rapid.Float64Range(-1, 1).Draw(t, "e")
			}
			b, h = append(b, x), append(h, x*(1+rise/100)*e)
		}
		lines := "Unit steps/op better=lower assume=exact\n"
		in := Input{
			Budgets: reviewedSet(t, []string{waiverOf("W", unit, fmt.Sprintf("%d%%", ceiling))}, nil, fmt.Sprintf("match: W, unit: %s, max_rise: %d%%", unit, limit)),
			Base:    read(t, "base", lines+run("W", unit, b...)), Head: read(t, "head", lines+run("W", unit, h...)), Today: testDay,
		}
		with, err := Judge(in)
		if err != nil {
			t.Fatal(err)
		}
		plain := in
		plain.Budgets.Waivers = nil
		without, err := Judge(plain)
		if err != nil {
			t.Fatal(err)
		}
		// The ceiling as the only limit.
		wide := in
		wide.Budgets = rules(t, fmt.Sprintf("match: W, unit: %s, max_rise: %d%%", unit, ceiling))
		at, err := Judge(wide)
		if err != nil {
			t.Fatal(err)
		}
		v := with.Verdicts[0]
		if v.Verdict != without.Verdicts[0].Verdict {
			t.Fatalf("the verdict is %s with the waiver and %s without", v.Verdict, without.Verdicts[0].Verdict)
		}
		if green := with.ExitCode == 0; green != (without.ExitCode == 0 || at.ExitCode == 0) {
			t.Fatalf("exit code %d with the waiver, %d without, %d with the ceiling as the limit: %s", with.ExitCode, without.ExitCode, at.ExitCode, marshal(t, with))
		}
		if (len(with.Notes) == 1) != (without.ExitCode == 0) {
			t.Fatalf("notes %v", with.Notes)
		}
	})
}

// What is missing by policy does not block, if it is simply not there and something else is.
func TestMissingByPolicy(t *testing.T) {
	unit := "Unit steps/op better=lower assume=exact\n"
	a, b := loose("A", "steps/op", 1, 1), loose("B", "steps/op", 1, 1)
	warn := "unit: steps/op, max_rise: 0%, on_missing: warn"
	for _, c := range []struct {
		name, base, head string
		code             int
		policy           string
	}{
		{"deleted", a + b, a, 0, "on_missing: warn"},
		{"without the unit", a + b, a + loose("B", "paces/op", 1, 1), 0, "on_missing: warn"},
		{"crashed", a + b, a + "--- FAIL: BenchmarkB\n    no\n", 1, ""},
		{"crashed in both", a + "--- FAIL: BenchmarkB\n    no\n", a + "--- FAIL: BenchmarkB\n    no\n", 3, ""},
		{"after a panic", a + b, a + "panic: no\n", 1, ""},
		{"nothing at all", a + b, "", 3, ""},
		{"all of it", b, loose("C", "steps/op", 1, 1), 3, "on_missing: warn"},
		{"no base", "", a + b, 3, ""},
	} {
		set := rules(t, "match: A, unit: steps/op, max_rise: 0%", "match: B, "+warn)
		if c.name == "all of it" {
			set = rules(t, "match: B, "+warn)
		}
		in := Input{Budgets: set, Head: read(t, "head", unit+c.head)}
		if c.base != "" {
			in.Base = read(t, "base", unit+c.base)
		}
		r, err := Judge(in)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		v := r.Verdicts[len(r.Verdicts)-1]
		if r.ExitCode != c.code || v.Policy != c.policy || v.Blocks != (c.policy == "") || v.Verdict == Pass {
			t.Errorf("%s: exit code %d, %s", c.name, r.ExitCode, marshal(t, r))
		}
	}
	// A size that is gone from a growth.
	sizes := func(ns ...int) string {
		out := unit
		for _, n := range ns {
			out += loose(fmt.Sprintf("G/n=%d", n), "steps/op", float64(n), float64(n))
		}
		return out
	}
	grown := rules(t, "match: G, unit: steps/op, on_missing: warn, scales: {with: n, exponent_at_most: 2}", "match: G/n=1, unit: steps/op, at_most: 9")
	r, err := Judge(Input{Budgets: grown, Base: read(t, "base", sizes(1, 2, 4, 8)), Head: read(t, "head", sizes(1, 2, 4))})
	if err != nil || r.ExitCode != 0 || r.Verdicts[0].Policy != "on_missing: warn" {
		t.Errorf("%v %s", err, marshal(t, r))
	}
}

// Live and from files the same pairs give the same verdict of the ceiling, too: measuring goes on until a
// row that did not pass is told from its ceiling, or the pairs are used up.
func TestPendingAgreesWithJudgeOfWaivers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		change, noise := rapid.Float64Range(0, 0.4).Draw(t, "change"), rapid.Float64Range(0, 0.15).Draw(t, "noise")
		rule := rapid.SampledFrom([]string{"max_rise: 10%", "at_most: 105ns"}).Draw(t, "rule")
		n := 40
		var base, head []float64
		for range n {
			base = append(base, 100*math.Exp(noise*r.NormFloat64()))
			head = append(head, 100*(1+change)*math.Exp(noise*r.NormFloat64()))
		}
		alone := loose("A", "ns/op", 100*(1+change), 101*(1+change), 102*(1+change), 99*(1+change), 100*(1+change))
		budgets := reviewedSet(t, []string{waiverOf("A", "ns/op", "25%")}, nil, "match: A, unit: ns/op, "+rule)
		input := func(n int) Input {
			return Input{Budgets: budgets, Today: testDay, Base: read(t, "base.txt", planned("", run("A", "ns/op", base[:n]...))), Head: read(t, "head.txt", planned("# comparisons: 7\n", alone+run("A", "ns/op", head[:n]...)))}
		}
		for _, k := range Looks(n) {
			if Pending(input(k)) == More {
				continue
			}
			now, err := Judge(input(k))
			if err != nil {
				t.Fatal(err)
			}
			later, err := Judge(input(n))
			if err != nil {
				t.Fatal(err)
			}
			a, b := now.Verdicts[0], later.Verdicts[0]
			if now.ExitCode != later.ExitCode || a.Verdict != b.Verdict || (a.Waived == nil) != (b.Waived == nil) || a.Waived != nil && *a.Waived != *b.Waived {
				t.Fatalf("after %d pairs:\n%s\nafter all:\n%s", k, marshal(t, now), marshal(t, later))
			}
			return
		}
		t.Fatal("still pending after the last look")
	})
}

// What is measured of a benchmark is what its budget or the ceiling of its waiver asks for.
func TestWants(t *testing.T) {
	for _, c := range []struct {
		ceiling, budget string
		change, value   bool
	}{
		{"30%", "max_rise: 10%", true, false},
		{"30ms", "max_rise: 10%", true, true},
		{"30%", "at_most: 10ms", true, true},
		{"30ms", "at_most: 10ms", false, true},
		{"30%", "scales: {with: n, exponent_at_most: 1}", false, true},
	} {
		set := reviewedSet(t, []string{waiverOf("A/n=1", "ns/op", c.ceiling)}, nil, "match: A, unit: ns/op, "+c.budget)
		b := set.Budgets[0]
		if change, value := Wants(set, b, "A/n=1"); change != c.change || value != c.value {
			t.Errorf("%+v: %v %v", c, change, value)
		}
		change, value := Wants(set, b, "A/n=2")
		if change != (b.MaxRise != nil) || value != (b.AtMost != nil || b.Scales != nil) {
			t.Errorf("%+v, without a waiver: %v %v", c, change, value)
		}
	}
}

// The function that a waiver or a rename names has to be there.
func TestCheckNamesOfReviewed(t *testing.T) {
	set := reviewedSet(t, []string{waiverOf("Hsah", "ns/op", "30%")}, []string{"from: Old, to: Snyc/n=1"}, "match: Sync, unit: ns/op, max_rise: 1%")
	err := CheckNames(set, []string{"BenchmarkHash", "BenchmarkSync"})
	want := "renames.yaml:3:21: Old is said to be called Snyc/n=1, and there is no function Snyc; did you mean Sync?; write the name that it has in head, or delete the rename\n" +
		`waivers.yaml:3:17: match "Hsah" of waiver of ns/op matches no benchmark; did you mean Hash?; write the name of a benchmark of the suite, or delete the waiver with the benchmark`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A shift that all share is not told again where every fail of it is waived.
func TestShiftOfWaived(t *testing.T) {
	var base, head strings.Builder
	for _, name := range []string{"A", "B", "C", "D", "E", "F"} {
		b, h := pairsOf(t, name, "ns/op", 1.2)
		base.WriteString(b)
		head.WriteString(h)
	}
	var entries, waivers []string
	for _, name := range []string{"A", "B", "C", "D", "E", "F"} {
		entries = append(entries, "match: "+name+", unit: ns/op, max_rise: 10%")
		waivers = append(waivers, waiverOf(name, "ns/op", "40%"))
	}
	in := Input{Budgets: reviewedSet(t, waivers, nil, entries...), Base: read(t, "base", base.String()), Head: read(t, "head", head.String()), Today: testDay}
	r, err := Judge(in)
	if err != nil || r.ExitCode != ExitPass || r.Shift == nil || len(r.Problems) > 0 || r.Counts.Waived != 6 {
		t.Errorf("%v %s", err, marshal(t, r))
	}
	in.Budgets.Waivers = in.Budgets.Waivers[1:]
	if r, err = Judge(in); err != nil || r.ExitCode != ExitFail || len(r.Problems) != 1 {
		t.Errorf("%v %s", err, marshal(t, r))
	}
}
