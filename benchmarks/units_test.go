package benchmarks

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols/receipt"
	"golang.org/x/perf/benchfmt"
)

// Every unit that a benchmark prints must be known to readers of benchmark text, and every Unit line
// must be understood by them.
func TestUnitsAreUnderstood(t *testing.T) {
	printed(t, "^BenchmarkAntiEntropySync$/^ops=100$/^net=ideal$", 1, func(rec *benchfmt.Result, units benchfmt.UnitMetadataMap) {
		for _, v := range rec.Values {
			if units.GetBetter(v.Unit) == 0 {
				t.Errorf("unit %s: no line says which way is better", v.Unit)
			}
		}
		for _, unit := range []string{"rounds/op", "msgs/op", "wire-B/op", "xmsgs", "xwire", "p50-sec", "p95-sec", "p99-sec", "ops/s", "requests"} {
			if _, ok := rec.Value(unit); !ok || !isExact(units, unit) {
				t.Errorf("unit %s: printed %v, exact %v; want both", unit, ok, isExact(units, unit))
			}
		}
		for unit, want := range map[string]int{"ops/s": +1, "requests": +1, "p99-sec": -1, "p99-ns": -1, "rounds/op": -1, "wire-B/op": -1} {
			if got := units.GetBetter(unit); got != want {
				t.Errorf("unit %s: direction %d, want %d", unit, got, want)
			}
		}
	})
}

// printed runs benchmarks once in a process of their own, and hands on each result with what the Unit lines
// say. At least so many are wanted, and no line that a reader of benchmark text does not understand.
func printed(t *testing.T, bench string, least int, each func(rec *benchfmt.Result, units benchfmt.UnitMetadataMap)) {
	t.Helper()
	out := output(t, "-test.run=^$", "-test.bench="+bench, "-test.benchtime=1x")
	r := benchfmt.NewReader(strings.NewReader(out), "output")
	results := 0
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Errorf("line %d: %s", rec.Line, rec.Msg)
		case *benchfmt.Result:
			results++
			each(rec, r.Units())
		}
	}
	if err := r.Err(); err != nil || results < least {
		t.Errorf("%d results, %v; want %d\n%s", results, err, least, out)
	}
}

// isExact reports whether a Unit line says that a unit repeats exactly.
func isExact(units benchfmt.UnitMetadataMap, unit string) bool {
	m := units.Get(unit, "assume")
	return m != nil && m.Value == "exact"
}

// What epochs cost is exact and known as such, in every scenario that has a delay.
func TestEpochUnitsAreUnderstood(t *testing.T) {
	printed(t, "^BenchmarkEpochBegin$/^peers=3$/^votes=direct$/^net=stressed$", 1, func(rec *benchfmt.Result, units benchfmt.UnitMetadataMap) {
		for _, unit := range []string{"msgs/op", "wire-B/op", "xmsgs", "xwire", "p50-sec", "p95-sec", "p99-sec", "xlimit-p50", "xlimit-p95", "xlimit-p99"} {
			if _, ok := rec.Value(unit); !ok || units.GetBetter(unit) != -1 || !isExact(units, unit) {
				t.Errorf("unit %s: printed %v, direction %d, exact %v", unit, ok, units.GetBetter(unit), isExact(units, unit))
			}
		}
	})
}

// Counts of receipts and sessions are known units too, and are what the name of the benchmark says.
func TestCountsAreUnderstood(t *testing.T) {
	out := output(t, "-test.run=^$", "-test.bench=^Benchmark(Receipt|SessionCycle$|SessionExpire$)", "-test.benchtime=2x")
	r := benchfmt.NewReader(strings.NewReader(out), "output")
	got := map[string]float64{}
	for r.Scan() {
		rec, ok := r.Result().(*benchfmt.Result)
		if !ok {
			continue
		}
		for _, v := range rec.Values {
			m := r.Units().Get(v.Unit, "assume")
			if r.Units().GetBetter(v.Unit) == 0 {
				t.Errorf("unit %s: no line says which way is better", v.Unit)
			}
			if m != nil && m.Value == "exact" {
				name := string(rec.Name)
				if i := strings.LastIndexByte(name, '-'); i > 0 {
					name = name[:i]
				}
				got[name+" "+v.Unit] = v.Value
			}
		}
	}
	want := map[string]float64{}
	for _, n := range []int{5, 10, 25, 50} {
		want[fmt.Sprintf("ReceiptVerify/links=%d signatures/op", n)] = float64(n)
		want[fmt.Sprintf("ReceiptVerify/links=%d bytes/op", n)] = float64(receipt.HeaderSize + n*receipt.Size)
	}
	for _, n := range []int{5, 50} {
		want[fmt.Sprintf("ReceiptAppend/links=%d signatures/op", n)] = 1
		want[fmt.Sprintf("ReceiptAppend/links=%d bytes/op", n)] = receipt.Size
	}
	for _, n := range sessionCounts {
		want[fmt.Sprintf("SessionCycle/sessions=%d sessions", n)] = float64(n)
		want[fmt.Sprintf("SessionExpire/sessions=%d sessions", n)] = float64(n)
	}
	if err := r.Err(); err != nil || !maps.Equal(got, want) {
		t.Errorf("%v\n%v, want\n%v\n%s", err, got, want, out)
	}
}

// Two processes print the same exact values, whatever the iteration count.
func TestExactUnitsRepeat(t *testing.T) {
	values := func(benchtime string) []benchfmt.Value {
		out := output(t, "-test.run=^$", "-test.bench=^BenchmarkAntiEntropySync$/^ops=100$/^net=stressed$", "-test.benchtime="+benchtime)
		r := benchfmt.NewReader(strings.NewReader(out), "output")
		for r.Scan() {
			if rec, ok := r.Result().(*benchfmt.Result); ok {
				v := slices.Clone(rec.Values)
				return slices.DeleteFunc(v, func(v benchfmt.Value) bool {
					return v.Unit == "sec/op" || v.Unit == "B/op" || v.Unit == "allocs/op"
				})
			}
		}
		t.Fatalf("no result in\n%s", out)
		return nil
	}
	one, many := values("1x"), values("7x")
	if len(one) != 10 || !slices.Equal(one, many) {
		t.Errorf("two runs differ:\n%v\n%v", one, many)
	}
}

// What lists benchmarks takes every line for a name.
func TestListingPrintsNamesOnly(t *testing.T) {
	for line := range strings.Lines(output(t, "-test.list=^Benchmark", "-test.bench=.")) {
		if !strings.HasPrefix(line, "Benchmark") {
			t.Errorf("line %q", line)
		}
	}
	if out := output(t, "-test.run=^$"); strings.Contains(out, "Unit ") {
		t.Errorf("units without results:\n%s", out)
	}
}

// output runs this test binary with other arguments.
func output(t *testing.T, args ...string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), exe, args...).Output()
	if err != nil {
		t.Fatalf("run %v: %v", args, err)
	}
	return string(out)
}

func TestRank(t *testing.T) {
	var d []time.Duration
	for i := range 2000 {
		d = append(d, time.Duration(i+1))
	}
	for percent, want := range map[int]time.Duration{50: 1000, 95: 1900, 99: 1980, 100: 2000} {
		if got := rank(d, percent); got != want {
			t.Errorf("p%d of 1 to 2000 is %d, want %d", percent, got, want)
		}
	}
	if got := rank([]time.Duration{1, 2, 3}, 50); got != 2 {
		t.Errorf("p50 of three is %d, want 2", got)
	}
	if got := rank([]time.Duration{7}, 99); got != 7 {
		t.Errorf("p99 of one is %d, want 7", got)
	}
}
