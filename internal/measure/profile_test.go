package measure

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Every kind of profile is of its own two processes, of the benchmark that was asked for, and is
// compressed as pprof reads it.
func TestProfileTakesEachKindAlone(t *testing.T) {
	s := newSession(nil, build(t, "head", "10000", "1", "false", "false"))
	var log []Command
	s.Exec, s.Target, s.Limit = noting{System{}, &log}, 20*time.Millisecond, time.Minute
	dir := t.TempDir()
	p, err := s.Profile(context.Background(), Item{Package: "example.test/m", Name: "BenchmarkSteps/n=20/net=a-5"}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if p.Iterations < 1 || p.Wall <= 0 || len(p.Pairs) != 4 {
		t.Errorf("%+v", p)
	}
	found := false
	for _, m := range p.Values {
		found = found || m == Metric{"steps/op", 20}
	}
	if !found {
		t.Errorf("values %v lack 20 steps/op", p.Values)
	}
	for i, pair := range p.Pairs {
		if pair.Kind != ProfileKinds()[i] || pair.Few != 2 || pair.Many < 4 {
			t.Errorf("pair %d: %v, %d and %d iterations", i, pair.Kind, pair.Few, pair.Many)
		}
		for _, data := range [][]byte{pair.Short, pair.Long} {
			if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
				t.Errorf("pair %d: %.8x is not compressed", i, data)
			}
		}
	}
	for i, c := range log {
		kinds := 0
		for _, k := range []string{"-test.cpuprofile=", "-test.memprofile=", "-test.mutexprofile=", "-test.blockprofile="} {
			if strings.Contains(strings.Join(c.Args, " "), k) {
				kinds++
			}
		}
		if want := min(i, 1); kinds != want {
			t.Errorf("process %d takes %d profiles, want %d: %q", i, kinds, want, c.Args)
		}
	}
	if left, err := os.ReadDir(dir); len(log) != 9 || err != nil || len(left) != 0 {
		t.Errorf("%d processes, want 9; left behind: %v, %v", len(log), left, err)
	}
	if mods, err := s.Head.Modules(context.Background(), System{}); err != nil || len(mods) != 1 || mods[0] != "example.test/m" {
		t.Errorf("modules %v, %v", mods, err)
	}
}

// A noting executor writes down what it runs.
type noting struct {
	Executor
	log *[]Command
}

func (x noting) Run(ctx context.Context, c Command) Output {
	*x.log = append(*x.log, c)
	return x.Executor.Run(ctx, c)
}

// Where preparing takes longer than what is timed, and where others use the processor, more is run.
func TestProfileRunsEnough(t *testing.T) {
	for _, c := range []struct {
		name, line string
		took       time.Duration
		want       string
	}{
		{"quick", "100 1000000 ns/op", 110 * time.Millisecond, "100x"},
		{"long to prepare", "100 1000000 ns/op", 400 * time.Millisecond, "300x"},
		{"very long to prepare", "100 1000000 ns/op", 10 * time.Second, "400x"},
		{"busy machine", "100 1000000 ns/op 500000 own-ns/op", 110 * time.Millisecond, "200x"},
		{"slow", "1 3e9 ns/op", 4 * time.Second, "4x"},
	} {
		x := &canned{line: c.line, took: c.took}
		s := newSession(nil, &Arm{Binaries: []Binary{{Package: "p", Path: "x", Functions: []string{"BenchmarkX"}}}})
		s.Exec = x
		if _, err := s.Profile(context.Background(), Item{Package: "p", Name: "BenchmarkX"}, t.TempDir()); err != nil {
			t.Fatal(err)
		}
		if x.times[0] != "5ms" || x.times[1] != "2x" || x.times[2] != c.want {
			t.Errorf("%s: benchtimes %v, want 5ms, 2x, %s", c.name, x.times, c.want)
		}
	}
}

// A canned executor prints one result, and writes what it is asked for.
type canned struct {
	line  string
	took  time.Duration
	times []string
	write func(name string) error
}

func (x *canned) Run(_ context.Context, c Command) Output {
	for _, a := range c.Args {
		if v, ok := strings.CutPrefix(a, "-test.benchtime="); ok {
			x.times = append(x.times, v)
		}
		if _, name, ok := strings.Cut(a, "profile="); ok {
			if x.write == nil {
				x.write = func(name string) error { return os.WriteFile(name, []byte("p"), 0o600) }
			}
			if err := x.write(name); err != nil {
				return Output{Err: err}
			}
		}
	}
	return Output{Stdout: []byte("BenchmarkX\t" + x.line + "\n"), Took: x.took}
}

// What a process leaves in place of a profile is not followed, nor read without end.
func TestProfileReadsRegularFilesOnly(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, write := range map[string]func(string) error{
		"no regular file":  func(name string) error { return os.Symlink(secret, name) },
		"wrote no profile": func(string) error { return nil },
		"over 32 MiB":      func(name string) error { return zeros(name, 33<<20) },
	} {
		x := &canned{line: "100 1000000 ns/op", write: write}
		s := newSession(nil, &Arm{Binaries: []Binary{{Package: "p", Path: "x", Functions: []string{"BenchmarkX"}}}})
		s.Exec = x
		if _, err := s.Profile(context.Background(), Item{Package: "p", Name: "BenchmarkX"}, t.TempDir()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// zeros makes a file of so many zeros.
func zeros(name string, size int64) error {
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		return err
	}
	return os.Truncate(name, size)
}

// A benchmark that breaks off says so, and one that is not there too.
func TestProfileSaysWhatIsWrong(t *testing.T) {
	s := newSession(nil, build(t, "head", "10", "1", "true", "false"))
	for name, want := range map[string]string{"BenchmarkPanics/k=b": "planted trouble", "BenchmarkSkips": "no result line", "BenchmarkNone": "no such benchmark"} {
		if _, err := s.Profile(context.Background(), Item{Package: "example.test/m", Name: name}, t.TempDir()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Profile(ctx, Item{Package: "example.test/m", Name: "BenchmarkSpin"}, t.TempDir()); err != context.Canceled {
		t.Errorf("after an interrupt: %v", err)
	}
}
