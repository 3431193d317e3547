package sample

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const baseSide = `# perfgate-samples: 1
# commit: 0123456
goos: linux
perfgate-confidence: low (quick)
Unit steps/op better=lower
pkg: example.test/m
pair: 1
BenchmarkWalk 	100	10.0 ns/op	7 steps/op
pair: 2
BenchmarkWalk 	100	11.0 ns/op	7 steps/op
pair: 3
method: interleaved
BenchmarkWalk 	100	10.5 ns/op	7 steps/op
pair: 4
BenchmarkWalk 	100	10.2 ns/op	7 steps/op
# end: 4
`

const headSide = `# perfgate-samples: 1
goos: linux
Unit steps/op better=lower
pkg: example.test/m
BenchmarkWalk 	100	5.00 ns/op	9 steps/op
pair: 1
BenchmarkWalk 	100	20.0 ns/op	9 steps/op
pair: 2
BenchmarkWalk 	100	22.0 ns/op	9 steps/op
pair: 3
BenchmarkWalk 	100	21.0 ns/op	9 steps/op
pair: 4
BenchmarkWalk 	100	20.4 ns/op	9 steps/op
layout: 2
BenchmarkWalk 	100	99.0 ns/op	9 steps/op
--- FAIL: BenchmarkSum
# end: 6
`

func bothSides(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	layouts, err := Sides(&b, Side{"base", "base.txt", strings.NewReader(baseSide)}, Side{"head", "head.txt", strings.NewReader(headSide)})
	if err != nil || layouts != 1 {
		t.Fatalf("%d results in other orders, %v", layouts, err)
	}
	return b.String()
}

func TestSides(t *testing.T) {
	got, err := Read(strings.NewReader(bothSides(t)), "both.txt")
	if err != nil || len(got.Damage) > 0 || len(got.Benchmarks) != 1 || len(got.Benchmarks[0].Runs) != 9 {
		t.Fatalf("read back: %+v, %v", got, err)
	}
	for _, c := range []struct {
		line string
		n    int
	}{
		{"side: base\n", 1}, {"side: head\n", 1}, {"measured: in pairs\n", 2}, {"measured: alone\n", 1}, {"10.2 ns/op 7 steps/op\n", 1}, {"20.4 ns/op 9 steps/op\n", 1},
		{"perfgate-confidence: low (quick)\n", 1}, {"perfgate-confidence:\n", 1}, {"pair:", 0}, {"method:", 0}, {"layout:", 0}, {"99", 0}, {"FAIL", 0},
	} {
		if n := strings.Count(bothSides(t), c.line); n != c.n {
			t.Errorf("%q is there %d times, want %d", c.line, n, c.n)
		}
	}
}

// Benchstat itself compares the sides, and takes no pair and no version for a table of its own.
func TestBenchstatComparesSides(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs go")
	}
	file := filepath.Join(t.TempDir(), "both.txt")
	text := strings.ReplaceAll(bothSides(t), "perfgate-confidence: low (quick)\n", "")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "run", "golang.org/x/perf/cmd/benchstat", "-col", "side", file)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("benchstat: %v\n%s", err, stderr.String())
	}
	for _, want := range []string{`measured: in pairs`, `base +│ +head`, `Walk +10\.35n ± +∞ ¹ +20\.70n ± +∞ ¹ +\+100\.00% \(p=0\.029 n=4\)`, `Walk +7\.000 ± +∞ ¹ +9\.000`, `measured: alone`} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
