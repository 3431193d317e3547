package sample

import (
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func read(t *testing.T, text string) *Set {
	t.Helper()
	s, err := Read(strings.NewReader(text), "x.txt")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const whole = `# perfgate-samples: 1
# kind: measured
# ref: v1.2.0
# session: s1
# go: go1.26.8
goos: linux
goarch: amd64
pkg: example.com/a
cpu: Some CPU
Unit rounds/op better=lower assume=exact
pair: 1
BenchmarkSync/ops=100/net=ideal 	100	1500 ns/op	2.000 rounds/op
pair: 2
BenchmarkSync/ops=100/net=ideal-8 	100	1600 ns/op	2.000 rounds/op
# end: 2
`

func TestReadWhole(t *testing.T) {
	s := read(t, whole)
	if len(s.Damage)+len(s.Failures) != 0 {
		t.Fatalf("damage %v, failures %v", s.Damage, s.Failures)
	}
	b := s.Lookup(Key{"example.com/a", "Sync/ops=100/net=ideal"})
	if b == nil || len(b.Runs) != 2 {
		t.Fatalf("benchmark %+v", b)
	}
	if got := b.Samples["sec/op"]; len(got) != 2 || b.Runs[got[0].Run].Pair != "1" || b.Runs[got[1].Run].Pair != "2" || got[1].Value < 1.59e-6 || got[1].Value > 1.61e-6 {
		t.Errorf("sec/op %v", got)
	}
	if s.Better("rounds/op") != "lower" || s.Assume("rounds/op") != "exact" || s.Better("sec/op") != "lower" || s.Better("odd/op") != "" {
		t.Error("directions are wrong")
	}
	if s.Provenance["ref"] != "v1.2.0" || s.Environment["cpu"] != "Some CPU" || s.Environment["go"] != "go1.26.8" {
		t.Errorf("provenance %v, environment %v", s.Provenance, s.Environment)
	}
}

func TestDamage(t *testing.T) {
	tests := []struct {
		name, text string
		of         string // benchmark that the damage names, or "" for the file
		want       string
	}{
		{"end mark lost", strings.TrimSuffix(whole, "# end: 2\n"), "", "the file is cut"},
		{"line lost", strings.Replace(whole, "pair: 2\nBenchmarkSync/ops=100/net=ideal-8 \t100\t1600 ns/op\t2.000 rounds/op\n", "", 1), "", "says it has 2"},
		{"no count", "BenchmarkA/x=1-4 hello\n", "A/x=1", "parsing iteration count"},
		{"no unit", "BenchmarkA 100 12\n", "A", "missing units"},
		{"no number", "BenchmarkA 100 abc ns/op\n", "A", "parsing measurement"},
		{"cut in the unit", "BenchmarkA 100 5 ns/op\nBenchmarkA 100 5 ns/o", "A", "the last line is cut"},
		{"unit twice", "BenchmarkA 100 5 ns/op 6 ns/op\n", "A", "twice"},
		{"unit lines that disagree", "Unit a better=lower\nUnit a better=higher\nBenchmarkA 1 5 a\n", "", "already set"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := read(t, tt.text)
			if len(s.Damage) == 0 || s.Damage[0].Name != tt.of || !strings.Contains(s.Damage[0].Text, tt.want) {
				t.Errorf("damage %+v, want one of %q with %q", s.Damage, tt.of, tt.want)
			}
		})
	}
	for _, fine := range []string{
		"BenchmarkA 100 5 ns/op",                           // no newline, but whole
		"BenchmarkA\nBenchmarkA 100 5 ns/op\n",             // go test -v
		"BenchmarkA 100 5 ns/op\nBenchmarkA 100 6 ns/op",   // the same units
		"hello\nBenchmarkA 100 5 ns/op\r\nPASS\nok x 1s\n", // chatter
	} {
		if s := read(t, fine); len(s.Damage)+len(s.Failures) != 0 || len(s.Benchmarks) != 1 {
			t.Errorf("%q: %+v %+v", fine, s.Damage, s.Failures)
		}
	}
}

// Zero and infinity are the same in every unit, and still belong to the tidied one.
func TestTidiesZero(t *testing.T) {
	s := read(t, "BenchmarkA 1 0 ns/op +Inf MB/s 0 p99-ns\nBenchmarkA 1 5 ns/op 5 MB/s 5 p99-ns\nBenchmarkB 1 0 ns/op 0 sec/op\n")
	for unit, want := range map[string]int{"sec/op": 2, "B/s": 2, "p99-sec": 2, "ns/op": 0, "MB/s": 0} {
		if got := len(s.Benchmarks[0].Samples[unit]); got != want {
			t.Errorf("%d measurements in %s, want %d", got, unit, want)
		}
	}
	if len(s.Damage) != 1 || s.Damage[0].Name != "B" {
		t.Errorf("one unit under two names: damage %+v", s.Damage)
	}
}

func TestFailures(t *testing.T) {
	tests := []struct{ name, text, of, want string }{
		{"named", "--- FAIL: BenchmarkA/x=1-8\n    a_test.go:5: no convergence\nFAIL\n", "A/x=1", "no convergence"},
		{"panic on the result line", "BenchmarkA-8 \tpanic: boom\n\ngoroutine 1\nexit status 2\n", "A", "panic: boom"},
		{"panic alone", "panic: boom\n", "", "panic: boom"},
		{"out of memory", "fatal error: runtime: out of memory\n", "", "out of memory"},
		{"run failed", "BenchmarkA 1 5 ns/op\nFAIL\texample.com/a\t1s\n", "", "FAIL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := read(t, tt.text)
			if len(s.Failures) != 1 || s.Failures[0].Name != tt.of || !strings.Contains(s.Failures[0].Text, tt.want) {
				t.Errorf("failures %+v", s.Failures)
			}
		})
	}
	s := read(t, "--- FAIL: BenchmarkA\nBenchmarkAB 1 5 ns/op\n")
	if _, ok := s.Failed("A/x=1"); !ok {
		t.Error("a failed function must fail its sub-benchmarks")
	}
	if _, ok := s.Failed("AB"); ok {
		t.Error("a failure must not spread to a benchmark whose name begins alike")
	}
}

// A comment in somebody's own text must not pose as provenance.
func TestProvenanceNeedsHeader(t *testing.T) {
	s := read(t, "# commit: forged\n# perfgate-samples: 1\nBenchmarkA 1 5 ns/op\n")
	if len(s.Provenance) != 0 {
		t.Errorf("provenance %v", s.Provenance)
	}
}

func TestStripProcs(t *testing.T) {
	for in, want := range map[string]string{
		"A": "A", "A-8": "A", "A/b-8": "A/b", "A/x=1-16": "A/x=1", "A/x-y": "A/x-y", "A-8/b": "A-8/b", "": "",
	} {
		if got := StripProcs(in); got != want {
			t.Errorf("StripProcs(%q) = %q, want %q", in, got, want)
		}
	}
}

// However the text is cut into reads, it means the same.
func TestReadSizesDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{
			"BenchmarkA 1 5 ns/op\n", "BenchmarkB oops\n", "--- FAIL: BenchmarkC\n", "    why\n", "# a: b\n", "pair: 3\n", "\n", "x",
		})).Draw(t, "lines"), "")
		a, err := Read(strings.NewReader(text), "f")
		if err != nil {
			t.Fatal(err)
		}
		b, err := Read(iotest.OneByteReader(strings.NewReader(text)), "f")
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(a.Damage, b.Damage) || !slices.Equal(a.Failures, b.Failures) || len(a.Benchmarks) != len(b.Benchmarks) {
			t.Fatalf("%+v %+v against %+v %+v", a.Damage, a.Failures, b.Damage, b.Failures)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add(whole)
	f.Add("BenchmarkA 1 NaN ns/op\n--- FAIL: BenchmarkB\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Read(strings.NewReader(text), "f")
		if err != nil {
			return
		}
		for _, b := range s.Benchmarks {
			for u, m := range b.Samples {
				if len(m) == 0 || len(m) > len(b.Runs) {
					t.Fatalf("%s %s: %d measurements on %d lines", b.Name, u, len(m), len(b.Runs))
				}
			}
			if s.Lookup(b.Key) != b {
				t.Fatalf("%v is not found again", b.Key)
			}
		}
	})
}

// The same text always says the same of its damage.
func TestCutLineNamesOneUnit(t *testing.T) {
	text := "BenchmarkA 1 1 ns/op 2 B/op 3 allocs/op 4 a/op 5 z/op\nBenchmarkA 1 1 ns/op 2 B"
	for range 50 {
		s, err := Read(strings.NewReader(text), "f")
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Damage) != 1 || !strings.Contains(s.Damage[0].Text, "unit B ") {
			t.Fatalf("damage: %+v", s.Damage)
		}
	}
}

// Wherever the mark of a quick run stands, it holds for the whole text and for its copies.
func TestConfidence(t *testing.T) {
	for _, tt := range []struct {
		text, want string
		line       int
	}{
		{whole, "", 0},
		{strings.Replace(whole, "goos: linux", "perfgate-confidence: low (quick)\ngoos: linux", 1), "low (quick)", 6},
		{"BenchmarkA 1 1 ns/op\nperfgate-confidence: low\nBenchmarkA 1 1 ns/op\nperfgate-confidence:\n", "low", 2},
		{"perfgate-confidence:\nBenchmarkA 1 1 ns/op\n", "", 0},
		{"# perfgate-confidence: low\nBenchmarkA 1 1 ns/op\n", "", 0},
	} {
		s := read(t, tt.text)
		for _, s := range []*Set{s, s.Clone()} {
			if s.Confidence != tt.want || s.ConfidenceLine != tt.line || len(s.Damage) > 0 {
				t.Errorf("confidence %q in line %d, damage %v, want %q in line %d; of\n%s", s.Confidence, s.ConfidenceLine, s.Damage, tt.want, tt.line, tt.text)
			}
		}
	}
}
