package replay

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// fixed is a plain stand-in for perfgate's decision: one look after at most n pairs, a t interval, the
// error of a fail shared out over the comparisons.
func fixed(n int) Decider {
	return func(ds, _ []float64, limit float64, comparisons int) (Verdict, int) {
		k := min(n, len(ds))
		if k < 4 {
			return Inconclusive, k
		}
		m, se := mean(ds[:k]), max(math.Sqrt(variance(ds[:k])/float64(k)), 1e-4)
		switch {
		case m-tQuantile(1-0.05/float64(comparisons), k-1)*se > limit:
			return Fail, k
		case m+tQuantile(0.95, k-1)*se < limit:
			return Pass, k
		}
		return Inconclusive, k
	}
}

// A fake makes recordings: log-normal noise that both halves of a pair share in part, and a machine
// that is slower by another factor for each arm of stored runs.
type fake struct {
	machine                string
	benchmarks, sessions   int
	shares                 []float64
	pairs, runs            int
	shared, alone, between float64
	seed                   uint64
}

func (f fake) text() string {
	var b strings.Builder
	rng := rand.New(rand.NewPCG(f.seed, 7))
	noise := func(sd float64) float64 { return math.Exp(sd * rng.NormFloat64()) }
	fmt.Fprintf(&b, "machine: %s\npkg: example.com/p\n", f.machine)
	for session := 1; session <= f.sessions; session++ {
		fmt.Fprintf(&b, "session: %d\n", session)
		for _, share := range f.shares {
			fmt.Fprintf(&b, "share: %v\n", share)
			line := func(bench int, ns, own float64) {
				fmt.Fprintf(&b, "BenchmarkB%d-2 100 %.6g ns/op %.6g cpu-ns/op %.6g own-ns/op 60000000 process-ns\n", bench, ns, own*0.75, own)
			}
			for bench := range f.benchmarks {
				level := 1000 * float64(bench+1)
				b.WriteString("design: pairs\n")
				for pair := 1; pair <= f.pairs; pair++ {
					both := noise(f.shared)
					for i, arm := range []string{"base", "head"} {
						own := level * both * (1 + share*float64(i)) * noise(f.alone/2)
						fmt.Fprintf(&b, "arm: %s\npair: %d\n", arm, pair)
						line(bench, own*2*noise(f.alone), own)
					}
				}
				b.WriteString("design: stored\n")
				for i, arm := range []string{"base", "head"} {
					mood := noise(f.between)
					for run := 1; run <= f.runs; run++ {
						own := level * mood * (1 + share*float64(i)) * noise(f.shared)
						fmt.Fprintf(&b, "arm: %s\nrun: %d\n", arm, run)
						line(bench, own, own)
					}
				}
			}
		}
	}
	return b.String()
}

func read(t *testing.T, text string) *Recording {
	t.Helper()
	rec, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// rule finds one of the rules.
func rule(t *testing.T, name string, d Design, u Unit) Rule {
	t.Helper()
	for _, r := range Rules(fixed(20), 50) {
		if r.Name == name && r.Design == d && r.Unit == u {
			return r
		}
	}
	t.Fatalf("no rule %s, %s, %s", name, d, u)
	return Rule{}
}

// near reports whether two numbers agree to about the given relative error.
func near(a, b, rel float64) bool { return math.Abs(a-b) <= rel*math.Max(math.Abs(a), math.Abs(b)) }
