package cli

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/gate"
)

var large = flag.String("large", "", "write base.txt, head.txt and budgets.yaml of 10,000 benchmarks and 40 pairs to this directory, which docs/cost.md measures with")

// A suiteSize says how many benchmarks files of samples are made of, and how many pairs each has.
type suiteSize struct{ functions, sizes, pairs int }

// tenThousand is what docs/cost.md speaks of.
var tenThousand = suiteSize{functions: 100, sizes: 100, pairs: 40}

// write makes base.txt and head.txt of one session of measuring, and a budget for each function, in
// dir. Every line has five units; a hundredth of the benchmarks is a third slower in head.
func (z suiteSize) write(t testing.TB, dir string) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	for _, arm := range []string{"base", "head"} {
		file, err := os.Create(filepath.Join(dir, arm+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		b := bufio.NewWriter(file)
		fmt.Fprintf(b, "# perfgate-samples: 1\n# kind: measured\n# ref: %s\n# session: s1\n# go: go1.26.8\ngoos: linux\ngoarch: amd64\ncpu: Some CPU\n", arm)
		n := 0
		for f := range z.functions {
			if f%10 == 0 {
				fmt.Fprintf(b, "pkg: example.com/p%d\n", f/10)
			}
			for s := range z.sizes {
				ns := 1000 * math.Exp(6*rand.New(rand.NewPCG(uint64(f), uint64(s))).Float64())
				if arm == "head" && (f+s)%100 == 0 {
					ns *= 4.0 / 3
				}
				for p := range z.pairs {
					cpu := ns * math.Exp(0.02*rng.NormFloat64())
					fmt.Fprintf(b, "pair: %d\nBenchmarkF%02d/size=%d/net=ideal\t%d\t%s ns/op\t%d B/op\t%d allocs/op\t%s cpu-ns/op\t%s own-ns/op\n",
						p+1, f, s, int(6e7/ns)+1, asGo(2*cpu*math.Exp(0.05*rng.NormFloat64())), 16*(s+1)+rng.IntN(2), s+1, asGo(cpu), asGo(cpu*(1+0.01*rng.Float64())))
					n++
				}
			}
		}
		fmt.Fprintf(b, "# end: %d\n", n)
		if err := b.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var budgets strings.Builder
	budgets.WriteString("version: 1\nbudgets:\n")
	for f := range z.functions {
		fmt.Fprintf(&budgets, "  - {id: f%02d, match: F%02d, unit: ns/op, max_rise: 10%%}\n", f, f)
	}
	if err := os.WriteFile(filepath.Join(dir, "budgets.yaml"), []byte(budgets.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// asGo returns x with the digits that the testing package prints.
func asGo(x float64) string {
	digits := 0
	for y := x; y < 1000 && digits < 4; y *= 10 {
		digits++
	}
	return strconv.FormatFloat(x, 'f', digits, 64)
}

// judge runs perfgate judge on the files in dir and returns its exit code.
func (z suiteSize) judge(dir string) int {
	return Main(context.Background(), []string{
		"perfgate", "judge", "--budgets", filepath.Join(dir, "budgets.yaml"),
		"--base", filepath.Join(dir, "base.txt"), "--head", filepath.Join(dir, "head.txt"), "--out", filepath.Join(dir, "result.json"),
	}, Streams{Out: io.Discard, Err: io.Discard})
}

// TestWriteLarge judges a small suite like that of docs/cost.md; with -large it writes the large one.
func TestWriteLarge(t *testing.T) {
	if *large != "" {
		tenThousand.write(t, *large)
		return
	}
	dir := t.TempDir()
	z := suiteSize{functions: 3, sizes: 2, pairs: 20}
	z.write(t, dir)
	if code := z.judge(dir); code != gate.ExitFail {
		t.Fatalf("exit code %d, want %d: F00/size=0 is a third slower", code, gate.ExitFail)
	}
	data, err := os.ReadFile(filepath.Join(dir, "result.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"pass": 5`, `"fail": 1`, `"own_time": true`} {
		if !strings.Contains(string(data), want) {
			t.Errorf("the result has no %s", want)
		}
	}
}

// BenchmarkJudge10000x40 is perfgate judge from files to files.
func BenchmarkJudge10000x40(b *testing.B) {
	dir := b.TempDir()
	tenThousand.write(b, dir)
	for b.Loop() {
		if code := tenThousand.judge(dir); code != gate.ExitFail {
			b.Fatalf("exit code %d", code)
		}
	}
}
