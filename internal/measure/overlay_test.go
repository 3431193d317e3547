package measure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"go/format"
	"go/parser"
	"go/token"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

const timed = `package m

import (
	"testing"
	"time"
)

var (
	sink int
	heap []byte
)

func spin() {
	for i := range 200_000 {
		sink += i
	}
}

func BenchmarkSpinN(b *testing.B) {
	for range b.N {
		spin()
	}
}

func BenchmarkSpinLoop(b *testing.B) {
	for b.Loop() {
		spin()
	}
}

func BenchmarkSleepN(b *testing.B) {
	for range b.N {
		time.Sleep(time.Millisecond)
	}
}

func BenchmarkSleepLoop(b *testing.B) {
	spin()
	for b.Loop() {
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	spin()
}

// What is not timed is some hundred times what is.
func BenchmarkUntimedSpin(b *testing.B) {
	for range b.N {
		b.StopTimer()
		for range 100 {
			spin()
		}
		b.StartTimer()
		spin()
	}
}

func BenchmarkUntimedSleep(b *testing.B) {
	for range b.N {
		b.StopTimer()
		time.Sleep(10 * time.Millisecond)
		b.StartTimer()
		spin()
	}
}

// What is spun before is some twenty times what is timed.
func BenchmarkSetupRunning(b *testing.B) {
	for range 400 {
		spin()
	}
	b.ResetTimer()
	for range b.N {
		spin()
	}
}

func BenchmarkSetupStopped(b *testing.B) {
	for range 400 {
		spin()
	}
	b.StopTimer()
	b.ResetTimer()
	b.StartTimer()
	for range b.N {
		spin()
	}
}

func BenchmarkAllocs(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		for range 3 {
			heap = make([]byte, 64)
		}
	}
}

func BenchmarkAllocsUntimed(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		b.StopTimer()
		heap = make([]byte, 1<<16)
		b.StartTimer()
		for range 3 {
			heap = make([]byte, 64)
		}
	}
}

func BenchmarkOwnMetrics(b *testing.B) {
	for b.Loop() {
		spin()
	}
	b.ReportMetric(12345678, "cpu-ns/op")
	b.ReportMetric(7, "steps/op")
}

func BenchmarkOwnNotion(b *testing.B) {
	for b.Loop() {
		spin()
	}
	b.ReportMetric(5, "ns/op")
}

func BenchmarkParallel(b *testing.B) {
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			time.Sleep(time.Microsecond)
		}
	})
}

func BenchmarkSub(b *testing.B) {
	b.Run("spin", BenchmarkSpinLoop)
	b.Run("sleep", BenchmarkSleepN)
}

// Threads come and go while the timer runs.
func BenchmarkThreads(b *testing.B) {
	for b.Loop() {
		done := make(chan int)
		for range 4 {
			go func() {
				lock()
				sum := 0
				for i := range 200_000 {
					sum += i
				}
				done <- sum
			}()
		}
		for range 4 {
			sink += <-done
		}
	}
}
`

const locked = `package m

import "runtime"

// A goroutine that ends locked takes its thread with it.
func lock() { runtime.LockOSThread() }
`

// compile builds the benchmarks above, with the overlay or without.
func compile(t *testing.T, root, dir, name string, env []string, args ...string) string {
	t.Helper()
	for name, text := range map[string]string{"go.mod": "module example.test/m\n\ngo 1.24\n", "m_test.go": timed, "lock.go": locked} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, name)
	cmd := exec.Command(filepath.Join(root, "bin", "go"), append([]string{"test", "-c", "-trimpath", "-o", out}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "PWD="+dir), env...)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, text)
	}
	return out
}

func goroot(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skip("needs go")
	}
	return strings.TrimSpace(string(out))
}

// bench runs benchmarks and returns the values of each result by unit.
func bench(t *testing.T, binary, pattern, count string) map[string]map[string]float64 {
	t.Helper()
	o := System{}.Run(context.Background(), Command{
		Path: binary, Args: []string{"-test.run=^$", "-test.bench=" + pattern, "-test.benchtime=" + count, "-test.cpu=1"},
		Dir: t.TempDir(), Env: os.Environ(), Limit: time.Minute,
	})
	if o.Err != nil {
		t.Fatalf("%v\n%s%s", o.Err, o.Stdout, o.Stderr)
	}
	out := map[string]map[string]float64{}
	for s := range strings.Lines(string(o.Stdout)) {
		if _, ok := parseLine(strings.TrimSpace(s), 1); !ok {
			continue
		}
		f := strings.Fields(s)
		name, _, _ := strings.Cut(strings.TrimPrefix(f[0], "Benchmark"), "-")
		vals := map[string]float64{}
		vals["n"], _ = strconv.ParseFloat(f[1], 64)
		for i := 2; i < len(f); i += 2 {
			vals[f[i+1]], _ = strconv.ParseFloat(f[i], 64)
		}
		if own, ok := vals[unitOwn]; ok {
			vals[blockedTime] = own - vals[unitCPU]
		}
		if len(out[name]) > 0 {
			t.Errorf("%s is printed twice", name)
		}
		out[name] = vals
	}
	if len(out) == 0 {
		t.Fatalf("no results:\n%s%s", o.Stdout, o.Stderr)
	}
	return out
}

// blockedTime is what of its own time a benchmark did not run, on one Go processor.
const blockedTime = "blocked"

// asleep is how long the benchmarks above sleep in each iteration, in nanoseconds.
const asleep = 1e6

func TestOverlay(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs linux")
	}
	root := goroot(t)
	dir := t.TempDir()
	over := filepath.Join(dir, "over")
	if err := os.Mkdir(over, 0o755); err != nil {
		t.Fatal(err)
	}
	path, env, err := Overlay(root, over)
	if err != nil {
		t.Fatal(err)
	}
	binary, plain := compile(t, root, dir, "over.test", env, "-overlay", path), compile(t, root, dir, "plain.test", nil)

	counted := map[string]map[string]float64{}
	for _, c := range []struct{ pattern, count string }{
		{"^Benchmark(Spin|Setup|Sleep|Own|Sub$|Threads)", "20x"}, {"^BenchmarkUntimed", "5x"},
		{"^Benchmark(Allocs|Parallel)", "100x"},
	} {
		for name, vals := range bench(t, binary, c.pattern, c.count) {
			counted[name] = vals
		}
	}
	for _, name := range []string{
		"SpinN", "SpinLoop", "SleepN", "SleepLoop", "UntimedSpin", "UntimedSleep", "SetupRunning", "SetupStopped", "Allocs", "AllocsUntimed",
		"Parallel", "Sub/spin", "Sub/sleep", "Threads",
	} {
		v := counted[name]
		_, ok := v[unitOwn]
		if v == nil || !ok {
			t.Errorf("%s has no %s: %v", name, unitOwn, v)
			continue
		}
		if err := checkOverlay(v["ns/op"]/1e9, v[unitOwn], v[unitCPU], int(v["n"]), runtime.NumCPU()); err != nil {
			t.Errorf("%s: %v: %v", name, err, v)
		}
		if procs, ok := v[unitProcs]; ok != (name == "Parallel") || ok && procs != 1 {
			t.Errorf("%s has %s %g, which only a parallel benchmark should", name, unitProcs, procs)
		}
	}
	if v := counted["OwnNotion"]; v == nil || v[unitOwn] != 0 || v[unitCPU] != 0 {
		t.Errorf("a benchmark that has its own notion of time is said to have taken another: %v", v)
	}
	if len(counted) != 16 {
		t.Errorf("%d results, want 16: a parent has none of its own", len(counted))
	}
	// Shares of the wall time, with room for a machine that is busy with other things.
	for _, name := range []string{"SpinN", "SpinLoop", "Sub/spin", "UntimedSpin", "UntimedSleep", "SetupRunning", "SetupStopped"} {
		if v := counted[name]; v[blockedTime] > v["ns/op"]/2 {
			t.Errorf("%s computes, and was blocked most of the time: %v", name, v)
		}
	}
	// Of a sleep there is at least what was asked for, however long the machine then took to go on.
	// The threads of a process can wait for a processor at the same time, which hides some of it.
	for _, name := range []string{"SleepN", "SleepLoop", "Sub/sleep"} {
		v := counted[name]
		for try := 0; try < 20 && v[blockedTime] < asleep/2; try++ {
			top, _, _ := strings.Cut(name, "/")
			v = bench(t, binary, "^Benchmark"+top+"$", "20x")[name]
		}
		if v[blockedTime] < asleep/2 || v[unitCPU] > v["ns/op"]/2 {
			t.Errorf("%s sleeps, and was not blocked for half of that: %v", name, v)
		}
	}
	// What is spun while the timer stands, or before it is set back, is twenty times as much and more.
	for _, name := range []string{"UntimedSpin", "SetupRunning", "SetupStopped"} {
		if cpu, once := counted[name][unitCPU], counted["SpinN"][unitCPU]; cpu > 7*once {
			t.Errorf("%s takes %g ns, and the spin that it times %g ns", name, cpu, once)
		}
	}
	if v := counted["OwnMetrics"]; v[unitCPU] != 12345678 || v["steps/op"] != 7 {
		t.Errorf("the benchmark's own metrics were changed: %v", v)
	}

	const many = "1000x" // few enough to be quick, enough that what the runtime allocates now and then does not show
	got, want := bench(t, binary, "^BenchmarkAllocs", many), bench(t, plain, "^BenchmarkAllocs", many)
	for _, name := range []string{"Allocs", "AllocsUntimed"} {
		if a, b := got[name]["allocs/op"], want[name]["allocs/op"]; a != b || a != 3 {
			t.Errorf("%s: %g allocs/op, %g without the overlay, want 3", name, a, b)
		}
		// The runtime's own allocations are a few bytes.
		if a, b := got[name]["B/op"], want[name]["B/op"]; a < 192 || a > 200 || b < 192 || b > 200 {
			t.Errorf("%s: %g B/op, %g without the overlay, want 192", name, a, b)
		}
		if _, ok := want[name][unitCPU]; ok {
			t.Errorf("%s has %s without the overlay", name, unitCPU)
		}
	}
}

func TestOverlayErrors(t *testing.T) {
	_, _, err := Overlay(t.TempDir(), t.TempDir())
	if runtime.GOOS == "linux" && !errors.Is(err, os.ErrNotExist) || runtime.GOOS != "linux" && !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
	if runtime.GOOS != "linux" {
		return
	}
	path, _, err := Overlay(goroot(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ Replace map[string]string }
	if err := json.Unmarshal(text, &f); err != nil || len(f.Replace) != 2 {
		t.Fatalf("%v: %s", err, text)
	}
	for std, ours := range f.Replace {
		if src, err := os.ReadFile(ours); err != nil || !bytes.Contains(src, []byte("perfgate")) || !filepath.IsAbs(std) {
			t.Errorf("%s is replaced by %s: %v", std, ours, err)
		}
	}
}

// benchmarkGo has all that is looked for.
const benchmarkGo = `package testing

import "runtime"

type B struct {
	start, duration int
}

func (b *B) StartTimer() {
	if !b.timerOn {
		b.start = now()
	}
}

func (b *B) StopTimer() {
	if b.timerOn {
		b.duration += since(b.start)
	}
}

func (b *B) ResetTimer() {
	if b.timerOn {
		b.start = now()
	}
	b.duration = 0
}

func (x *B) launch() {
	x.result = Result{x.N, x.duration, x.extra}
}

func (b *B) RunParallel(body func(*PB)) {
	runtime.GC()
}
`

func TestPatchBenchmark(t *testing.T) {
	out, err := patchBenchmark([]byte(benchmarkGo))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"type B struct { perfgate perfgateTimer;\n",
		"if !b.timerOn {\n\t\tb.perfgate.begin(); b.start = now()\n\t}\n",
		"b.duration += since(b.start); b.perfgate.end()\n",
		"if b.timerOn {\n\t\tb.perfgate.begin(); b.start = now()\n\t}\n\tb.perfgate.reset(); b.duration = 0\n",
		"x.perfgateReport(); x.result = ",
		"RunParallel(body func(*PB)) { b.perfgate.procs = int64(runtime.GOMAXPROCS(0));\n",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"no struct", "type B struct", "type C struct", "type B"},
		{"no StartTimer", ") StartTimer(", ") Start(", "method StartTimer is not found"},
		{"no StopTimer", ") StopTimer(", ") Stop(", "method StopTimer is not found"},
		{"no ResetTimer", ") ResetTimer(", ") Reset(", "method ResetTimer is not found"},
		{"no launch", ") launch(", ") fly(", "method launch is not found"},
		{"no RunParallel", ") RunParallel(", ") Run(", "method RunParallel is not found"},
		{"twice", "func (x *B) launch", "func (x *B) StopTimer() {}\n\nfunc (x *B) launch", "StopTimer is declared twice"},
		{"no receiver", "func (x *B) launch", "func (*B) launch", "method launch has no body or no name"},
		{"of another type", "func (x *B) launch", "func (x *T) launch", "method launch is not found"},
		{"another clock", "b.start = now()", "b.started = now()", "StartTimer has 0 statements of the form b.start ="},
		{"no sum", "b.duration += ", "b.duration = ", "StopTimer has 0 statements of the form b.duration +="},
		{"two sums", "b.duration += since(b.start)", "b.duration += 1\nb.duration += 1", "StopTimer has 2 statements"},
		{"no zero", "b.duration = 0", "", "ResetTimer has 0 statements of the form b.duration ="},
		{"no result", "x.result = ", "_ = ", "launch has 0 statements of the form x.result ="},
		{"one more place", "runtime.GC()", "b.start = now()", "start is set in a place that is not known"},
		{"a clause", "b.duration += since(b.start)", "if b.duration += 1; true {}", "the patched text is wrong"},
		{"no runtime", `import "runtime"`, "", "package runtime is not imported"},
		{"patched", "start, duration int", "start, duration int\nperfgate int", "patched already"},
		{"not Go", "type B", "tipe B", "expected declaration"},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := strings.Replace(benchmarkGo, c.old, c.new, 1)
			if src == benchmarkGo {
				t.Fatal("nothing was replaced")
			}
			out, err := patchBenchmark([]byte(src))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q\n%s", err, c.want, out)
			}
		})
	}
	if _, err := patchBenchmark(out); err == nil {
		t.Error("a patched source is patched once more")
	}
}

func TestClocksFormat(t *testing.T) {
	if out, err := format.Source(clocks); err != nil || !bytes.Equal(out, clocks) {
		t.Errorf("clocks.go.txt is not formatted: %v", err)
	}
}

func FuzzPatchBenchmark(f *testing.F) {
	f.Add([]byte(benchmarkGo))
	f.Add([]byte(strings.ReplaceAll(benchmarkGo, "\n", "\r\n")))
	f.Add([]byte("package testing\n//line a.go:9\ntype B struct{}\nfunc (b *B) StartTimer() { b.start = 1 }"))
	if src, err := os.ReadFile(filepath.Join(goroot(f), "src", "testing", "benchmark.go")); err == nil {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		out, err := patchBenchmark(src)
		if err != nil {
			return
		}
		if _, err := parser.ParseFile(token.NewFileSet(), "benchmark.go", out, 0); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		// All that was there is still there.
		for i := range src {
			for len(out) > 0 && out[0] != src[i] {
				out = out[1:]
			}
			if len(out) == 0 {
				t.Fatalf("byte %d is lost", i)
			}
			out = out[1:]
		}
	})
}

func TestCheckOverlay(t *testing.T) {
	const ms = 1e6
	for _, c := range []struct {
		name              string
		sec, own, cpu     float64
		iterations, procs int
		ok                bool
	}{
		{"busy", 1e-3, ms, ms, 100, 1, true},
		{"half of a processor", 1e-3, ms / 2, ms / 2, 100, 1, true},
		{"asleep", 1e-3, ms, 100, 100, 1, true},
		{"no own time", 1e-3, -1, ms, 100, 1, true},
		{"two processors", 1e-3, ms, 2 * ms, 100, 2, true},
		{"tiny", 1e-9, 300, 300, 1, 1, true},
		{"next to nothing", 1e-7, 0, 0, 1, 1, true},
		{"no CPU time", 1e-3, ms, 0, 100, 1, false},
		{"negative", 1e-3, ms, -1, 100, 1, false},
		{"more than there is", 1e-3, ms, 2 * ms, 100, 1, false},
		{"microseconds taken for nanoseconds", 1e-3, ms, 1000 * ms, 100, 4, false},
		{"own time beyond the wall's", 1e-3, 2 * ms, ms, 100, 1, false},
		{"own time under what was run", 1e-3, ms / 2, ms, 100, 1, false},
		{"not a number", 1e-3, ms, math.NaN(), 100, 1, false},
		{"own time is not a number", 1e-3, math.NaN(), ms, 100, 1, false},
		{"no iterations", 1e-3, ms, ms, 0, 1, false},
	} {
		if err := checkOverlay(c.sec, c.own, c.cpu, c.iterations, c.procs); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
