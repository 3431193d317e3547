package sample

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/perf/benchfmt"
	"pgregory.net/rapid"
)

// An endless is a text of n lines that is made while it is read.
type endless struct {
	line func(i int) string
	i, n int
	rest string
	// heap is what was in use at its end, in bytes, if count was set.
	count bool
	heap  uint64
}

func (e *endless) Read(b []byte) (int, error) {
	for e.rest == "" {
		if e.i == e.n {
			if e.count && e.heap == 0 {
				e.heap = inUse()
			}
			return 0, io.EOF
		}
		e.rest = e.line(e.i)
		e.i++
	}
	n := copy(b, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// retained reads n lines and returns by how many bytes of the heap more are in use at the end: what the
// Set holds, and what reading it does.
func retained(t *testing.T, n int, line func(i int) string) (*Set, uint64) {
	t.Helper()
	before := inUse()
	text := &endless{line: line, n: n, count: true}
	s, err := Read(text, "f")
	if err != nil {
		t.Fatal(err)
	}
	return s, max(text.heap, before+1) - before
}

// What is kept grows with the number of benchmarks and not with the length of the text, of whatever
// kind its lines are.
func TestMemoryIsBounded(t *testing.T) {
	short, long := 200_000, 2_000_000
	if testing.Short() {
		short, long = 30_000, 300_000
	}
	for _, tt := range []struct {
		name  string
		scale int // how many times fewer lines
		line  func(i int) string
	}{
		{"together", 1, func(i int) string {
			return fmt.Sprintf("pair: %d\nBenchmarkA/n=%d 1 %d ns/op 5 B/op %d cpu-ns/op\n", i, i/1500%20, i, i)
		}},
		{"in turn", 1, func(i int) string {
			return fmt.Sprintf("pair: %d\nlayout: %d\nBenchmarkA/n=%d 1 %d ns/op 5 B/op 7 cpu-ns/op\n", i, i, i%20, i)
		}},
		{"keys", 1, func(i int) string { return fmt.Sprintf("key%d: x\npair:\nBenchmarkA/n=%d 1 5 ns/op\n", i, i%20) }},
		{"failures", 10, func(i int) string {
			return fmt.Sprintf("--- FAIL: BenchmarkA%d\n    why %s\n", i, strings.Repeat("x", 5000))
		}},
		{"panics", 10, func(i int) string { return fmt.Sprintf("panic: %d\ngoroutine %d\n", i, i) }},
		{"chatter", 10, func(i int) string {
			return fmt.Sprintf("# key%d: x\nfatal %d\nstep %d: done\nUnit\u00e9 %d\nBenchmarkX%d\n", i, i, i, i, i)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, small := retained(t, short/tt.scale, tt.line)
			s, big := retained(t, long/tt.scale, tt.line)
			// Chance is a few kilobytes, the bounded lists are some megabytes.
			if big > small*3/2+100_000 {
				t.Errorf("%d bytes are in use at the end of %d lines, %d of %d", small, short/tt.scale, big, long/tt.scale)
			}
			if len(s.Benchmarks) > 20 || len(s.Failures) > MaxNotes+1 || len(s.Damage) > MaxNotes+1 {
				t.Errorf("%d benchmarks, %d failures, %d damaged lines", len(s.Benchmarks), len(s.Failures), len(s.Damage))
			}
			results := 0
			for _, b := range s.Benchmarks {
				results += len(b.Runs) + b.Dropped
				if len(b.Runs) != MaxRuns || cap(b.Runs) > 2*MaxRuns {
					t.Errorf("%s has %d runs with room for %d, %d dropped", b.Name, len(b.Runs), cap(b.Runs), b.Dropped)
				}
				for unit, ms := range b.Samples {
					if len(ms) != len(b.Runs) || cap(ms) > 2*MaxRuns {
						t.Errorf("%s has %d measurements in %s with room for %d", b.Name, len(ms), unit, cap(ms))
					}
				}
			}
			if len(s.Benchmarks) > 0 && results != long/tt.scale {
				t.Errorf("%d result lines are kept or counted, of %d", results, long/tt.scale)
			}
		})
	}
}

// What a Set has to keep of every line, ends.
func TestTooMuch(t *testing.T) {
	for _, tt := range []struct {
		name string
		n    int // lines, one too many
		line func(i int) string
		want string
	}{
		{"benchmarks", MaxBenchmarks + 1, func(i int) string { return fmt.Sprintf("BenchmarkA/n=%d 1 5 ns/op\n", i) }, "line 200001: more than 200000 different benchmarks"},
		{"units", maxUnits + 1, func(i int) string { return fmt.Sprintf("BenchmarkA 1 5 u%dns\n", i) }, "line 1001: more than 1000 different units"},
		{"Unit lines", maxUnits + 1, func(i int) string { return fmt.Sprintf("Unit u%d better=lower\n", i) }, "line 1001: more than 1000 Unit lines"},
		{"damage", maxDamaged + 1, func(i int) string { return fmt.Sprintf("BenchmarkA%d 1 5\n", i) }, "line 10001: more than 10000 lines are damaged"},
		{"one line", 1 << 30, func(i int) string { return "BenchmarkA" }, "line 1 is longer than 64 KiB"},
		{"one line of chatter", 1 << 30, func(i int) string { return "     " }, "line 1 is longer than 64 KiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Read(&endless{line: tt.line, n: tt.n}, "f"); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if tt.n < 1<<30 {
				if _, err := Read(&endless{line: tt.line, n: tt.n - 1}, "f"); err != nil {
					t.Errorf("one less: %v", err)
				}
			}
		})
	}
}

// A list that is full says so, under no benchmark's name: whoever is not on it must not look sound.
func TestFullListsSayMore(t *testing.T) {
	s, err := Read(&endless{n: MaxNotes + 5, line: func(i int) string {
		return fmt.Sprintf("BenchmarkA%d oops\n--- FAIL: BenchmarkA%d\n    why\n", i, i)
	}}, "f")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.Damage); n != MaxNotes+1 || s.Damage[n-1] != (Damage{Line: 3 * (MaxNotes + 5), Text: "and 5 more lines are damaged"}) {
		t.Errorf("%d entries of damage, the last %+v", n, s.Damage[n-1])
	}
	if n := len(s.Failures); n != MaxNotes+1 || s.Failures[n-1] != (Failure{Line: 3 * (MaxNotes + 5), Text: "and 5 more failures"}) {
		t.Errorf("%d failures, the last %+v", n, s.Failures[n-1])
	}
	if f := s.Failures[MaxNotes-1]; f.Text != "\nwhy" {
		t.Errorf("the last failure that is kept says %q", f.Text)
	}
}

func TestProvenanceIsBounded(t *testing.T) {
	s, err := Read(&endless{n: maxProvenance + 3, line: func(i int) string {
		if i == 0 {
			return "# perfgate-samples: 1\n"
		}
		return fmt.Sprintf("# k%d: x\n", i)
	}}, "f")
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Provenance) != maxProvenance || len(s.Damage) == 0 || !strings.Contains(s.Damage[0].Text, "more than 10000 provenance keys") {
		t.Errorf("%d keys, damage %+v", len(s.Provenance), s.Damage)
	}
}

func TestLongWords(t *testing.T) {
	s := read(t, "pair: "+strings.Repeat("7", maxWord)+"\nBenchmarkA 1 5 ns/op\npair: "+strings.Repeat("7", maxWord+1)+"\nBenchmarkA 1 5 ns/op\n")
	if len(s.Damage) != 1 || s.Damage[0].Line != 4 || s.Damage[0].Text != "the value of pair is longer than 200 bytes" {
		t.Errorf("damage %+v", s.Damage)
	}
	if n := len(s.Benchmarks[0].Runs[1].Pair); n != maxWord {
		t.Errorf("%d bytes are kept of the word", n)
	}
}

// Benchmarks that share their runs keep their own when one is measured again.
func TestSharedRunsStayApart(t *testing.T) {
	block := func(name string, from, to int) string {
		var b strings.Builder
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, "pair: %d\nBenchmark%s 1 %d ns/op\n", i, name, i)
		}
		return b.String()
	}
	s := read(t, block("A", 0, 5)+block("B", 0, 5)+block("A", 10, 13)+block("B", 20, 22)+block("C", 0, 5))
	want := map[string]string{"A": "0 1 2 3 4 10 11 12", "B": "0 1 2 3 4 20 21", "C": "0 1 2 3 4"}
	for _, b := range s.Benchmarks {
		var pairs []string
		for i, m := range b.Samples["sec/op"] {
			if m.Run != i {
				t.Errorf("%s: measurement %d is of run %d", b.Name, i, m.Run)
			}
			pairs = append(pairs, b.Runs[m.Run].Pair)
		}
		if got := strings.Join(pairs, " "); got != want[b.Name] {
			t.Errorf("%s has pairs %s, want %s", b.Name, got, want[b.Name])
		}
	}
	if len(s.Benchmarks) != 3 {
		t.Errorf("%d benchmarks", len(s.Benchmarks))
	}
}

// The processor count is what benchfmt takes for it.
func TestStripProcsAsBenchfmt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[-0-9A/]{0,6}`).Draw(t, "name")
		base, parts := benchfmt.Name(name).Parts()
		want := string(base)
		for _, p := range parts {
			if strings.HasPrefix(string(p), "-") {
				break
			}
			want += string(p)
		}
		if got := StripProcs(name); got != want {
			t.Fatalf("StripProcs(%q) = %q, want %q", name, got, want)
		}
	})
}
