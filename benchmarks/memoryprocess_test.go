package benchmarks

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/perf/benchfmt"
)

// role is what a process does for MemoryPeak.
var role = flag.String("role", "", "for benchmarks that run themselves: sync, or middle")

// peakResident returns the most memory that a process had for which the system answers when it has done
// the sync of one benchmark and nothing else, in bytes; 0 where the system does not say. Between the two
// stands a third, since Linux counts a process's memory from the fork on, when it is that of its parent.
func peakResident(ctx context.Context, benchmark string) (float64, error) {
	out, _, err := playRole(ctx, benchmark, "middle")
	if err != nil {
		return 0, err
	}
	said := printedResident.FindSubmatch(out)
	if said == nil {
		return 0, nil
	}
	return strconv.ParseFloat(string(said[1]), 64)
}

// playRole runs this program for one benchmark and with one role.
func playRole(ctx context.Context, benchmark, role string) ([]byte, *os.ProcessState, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.CommandContext(ctx, exe, "-test.run=^$", "-test.bench=^"+strings.ReplaceAll(benchmark, "/", "$/^")+"$", "-test.benchtime=1x",
		fmt.Sprintf("-test.cpu=%d", runtime.GOMAXPROCS(0)), "-role="+role)
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("run %v: %w\n%s", cmd.Args, err, out)
	}
	return out, cmd.ProcessState, err
}

var printedResident = regexp.MustCompile(`([0-9.e+]+) peak-rss-B`)

// maxResident is what the system says of a process that has ended, in bytes, or 0.
func maxResident(s *os.ProcessState) float64 {
	usage := reflect.Indirect(reflect.ValueOf(s.SysUsage()))
	if usage.Kind() != reflect.Struct {
		return 0
	}
	field := usage.FieldByName("Maxrss") // of a syscall.Rusage, which some systems have without it
	if !field.IsValid() || !field.CanInt() {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return float64(field.Int())
	}
	return float64(field.Int() << 10)
}

// What is reported of a process is its own: neither the memory of whoever started it, nor nothing.
func TestPeakOfAProcessIsItsOwn(t *testing.T) {
	const large = 128 << 20
	ballast := make([]byte, large)
	for i := 0; i < large; i += 4096 {
		ballast[i] = 1 // so that the system has to give it
	}
	got, err := peakResident(t.Context(), "BenchmarkMemoryPeak/ops=10000/payload=256/net=ideal")
	runtime.KeepAlive(ballast)
	if err != nil {
		t.Fatal(err)
	}
	if got == 0 && runtime.GOOS != "linux" {
		t.Skip("needs a system that says how much memory a process had")
	}
	const least = 2 * largeRecords * payloadSize
	if got < least || got > large/2 {
		t.Errorf("%.0f B; want %d to %d", got, least, large/2)
	}
}

// Units of memory are known: which way is better, and that only counts are exact.
func TestMemoryUnitsAreUnderstood(t *testing.T) {
	want := map[string]bool{ // exact
		"peak-heap-B": false, "peak-rss-B": false, "retained-B": false, "xheap": false,
		"leak-B/cycle": true, "goroutines": true, "held": true, "held-B": false,
	}
	some := "^BenchmarkMemory(Peak|Retained)$/^ops=10000$/^payload=256$|^BenchmarkMemory(Journal|Leak|Bound)$/^(mb=1|protocol=session|limit=queue)$"
	printed(t, some, 5, func(rec *benchfmt.Result, units benchfmt.UnitMetadataMap) {
		for _, v := range rec.Values {
			if v.Unit == "sec/op" {
				continue
			}
			exact, known := want[v.Unit]
			if !known || units.GetBetter(v.Unit) != -1 || exact != isExact(units, v.Unit) || v.Value < 0 {
				t.Errorf("%s: %v %s, direction %d", rec.Name, v.Value, v.Unit, units.GetBetter(v.Unit))
			}
		}
	})
}
