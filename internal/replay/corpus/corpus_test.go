package corpus

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// observe, if a test has set it, is put around the operation of a benchmark.
var observe func(op func() int) func() int

// measure does op in a benchmark's loop, with the share of additional ones. op returns something that
// depends on all it has done; it has to be want, before the loop and at its end. What is opaque to the
// compiler here is the function: it is neither inlined nor moved out of the loop.
//
//go:noinline
func measure(b *testing.B, want int, op func() int) {
	b.Helper()
	d := begin(b)
	if observe != nil {
		op = observe(op)
	}
	got := op()
	if got != want {
		b.Fatalf("the operation gives %d before the loop, want %d", got, want)
	}
	for b.Loop() {
		got = op()
		for range d.extra() {
			got = op()
		}
	}
	if got != want {
		b.Fatalf("the operation gives %d after the loop, want %d", got, want)
	}
}

// begin returns the diffusion of the share that this binary is built with.
func begin(tb testing.TB) diffusion {
	tb.Helper()
	n, err := parts(share)
	if err != nil {
		tb.Fatal(err)
	}
	return diffusion{step: n}
}

// seeded returns the generator for the inputs of one benchmark.
func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x636f72707573)) }

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// Of n iterations, floor(n*share) are followed by an additional operation, for every n on the way.
func TestDiffusionIsExact(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, step, n uint64) {
		d, sum := diffusion{step: step}, uint64(0)
		for i := uint64(1); i <= n; i++ {
			sum += uint64(d.extra())
			if want := i * step / whole; sum != want {
				t.Fatalf("step %d: %d additional operations after %d iterations, want %d", step, sum, i, want)
			}
		}
	}
	for text, step := range map[string]uint64{"0.0000": 0, "0.1500": 1500} {
		got, err := parts(text)
		if err != nil || got != step {
			t.Fatalf("share %s is read as %d, %v; want %d", text, got, err, step)
		}
		check(t, got, 5000)
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, rapid.Uint64Range(0, 99_999).Draw(t, "step"), rapid.Uint64Range(0, 3000).Draw(t, "n"))
	})
}

func TestSharesAreOfOneWidth(t *testing.T) {
	for _, text := range []string{"", "0", "0.15", "0.15000", "00.150", "-.1500", "0,1500", "0.15e0", "+.1500", "0.+500", "1500.0"} {
		if n, err := parts(text); err == nil {
			t.Errorf("share %q is read as %d", text, n)
		}
	}
	if n, err := parts("1.0001"); err != nil || n != 10_001 {
		t.Errorf("share 1.0001 is read as %d, %v", n, err)
	}
}

// Each benchmark does, beside its iterations, exactly the additional operations of the share. The
// tiny ones, which have no function that could be observed, find out themselves: what they compute
// names the number of operations.
func TestEveryBenchmarkDoesItsShare(t *testing.T) {
	const n = 40
	before := flag.Lookup("test.benchtime").Value.String()
	must(t, flag.Set("test.benchtime", "40x"))
	built := share
	defer func() {
		must(t, flag.Set("test.benchtime", before))
		share, observe = built, nil
	}()
	for _, f := range benchmarks {
		for _, c := range []struct {
			share string
			extra int64
		}{{"0.0000", 0}, {"0.1500", 6}, {"0.0240", 0}, {"0.0250", 1}} {
			if testing.Short() && c.share != "0.1500" {
				continue
			}
			var count atomic.Int64
			observed := false
			share = c.share
			observe = func(op func() int) func() int {
				// A benchmark without b.Loop is called for one iteration before it is for all.
				count.Store(0)
				observed = true
				return func() int {
					count.Add(1)
					return op()
				}
			}
			if r := testing.Benchmark(f.run); r.N != n {
				t.Errorf("%s ends after %d iterations, want %d; run it with -bench to see why", f.name, r.N, n)
				continue
			}
			if strings.HasPrefix(f.name, "Tiny") {
				if observed {
					t.Errorf("%s: a tiny benchmark calls its operation through a function", f.name)
				}
				continue
			}
			if got := count.Load(); got != 1+n+c.extra {
				t.Errorf("%s with share %s: %d operations, want 1 for the check, %d, and %d", f.name, c.share, got, n, c.extra)
			}
		}
	}
}

// A binary that was built with a share without the right form measures nothing.
func TestWrongShareStopsBenchmarks(t *testing.T) {
	built := share
	defer func() { share = built }()
	share = "0.15"
	for _, f := range benchmarks {
		if r := testing.Benchmark(f.run); r.N != 0 {
			t.Errorf("%s runs with share %q", f.name, share)
		}
	}
}

// The list below and the table in the package comment name the benchmarks that there are, no others.
func TestBenchmarksAreListed(t *testing.T) {
	var declared, listed, described []string
	files, err := filepath.Glob("*_test.go")
	must(t, err)
	for _, name := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		must(t, err)
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Benchmark") {
				declared = append(declared, strings.TrimPrefix(f.Name.Name, "Benchmark"))
			}
		}
	}
	for _, f := range benchmarks {
		listed = append(listed, f.name)
	}
	text, err := os.ReadFile("corpus.go")
	must(t, err)
	for _, m := range regexp.MustCompile(`(?m)^//\t(\w+) +(compute|allocating|waiting|parallel|tiny) +\S`).FindAllSubmatch(text, -1) {
		described = append(described, string(m[1]))
		if tiny := string(m[2]) == "tiny"; tiny != strings.HasPrefix(string(m[1]), "Tiny") {
			t.Errorf("%s is of class %s", m[1], m[2])
		}
	}
	slices.Sort(declared)
	slices.Sort(listed)
	slices.Sort(described)
	if !slices.Equal(declared, listed) || !slices.Equal(declared, described) || len(declared) == 0 {
		t.Errorf("benchmarks\n%s are declared,\n%s are in the list,\n%s in the package comment", declared, listed, described)
	}
}

var benchmarks = []struct {
	name string
	run  func(*testing.B)
}{
	{"SHA256", BenchmarkSHA256},
	{"XXHash", BenchmarkXXHash},
	{"Ed25519Verify", BenchmarkEd25519Verify},
	{"BigExp", BenchmarkBigExp},
	{"Sort", BenchmarkSort},
	{"SortRecords", BenchmarkSortRecords},
	{"MapCount", BenchmarkMapCount},
	{"Regexp", BenchmarkRegexp},
	{"RandomWalk", BenchmarkRandomWalk},
	{"StateMachine", BenchmarkStateMachine},
	{"Matrix", BenchmarkMatrix},
	{"BTreeLookup", BenchmarkBTreeLookup},
	{"GJSON", BenchmarkGJSON},
	{"ZstdEncode", BenchmarkZstdEncode},
	{"ZstdDecode", BenchmarkZstdDecode},
	{"Gzip", BenchmarkGzip},
	{"FileRead", BenchmarkFileRead},
	{"JSONMarshal", BenchmarkJSONMarshal},
	{"JSONUnmarshal", BenchmarkJSONUnmarshal},
	{"YAMLUnmarshal", BenchmarkYAMLUnmarshal},
	{"Markdown", BenchmarkMarkdown},
	{"Template", BenchmarkTemplate},
	{"ProtoUnmarshal", BenchmarkProtoUnmarshal},
	{"Gob", BenchmarkGob},
	{"BTreeInsert", BenchmarkBTreeInsert},
	{"Roaring", BenchmarkRoaring},
	{"BoltPut", BenchmarkBoltPut},
	{"BoltGet", BenchmarkBoltGet},
	{"Tree", BenchmarkTree},
	{"Sleep", BenchmarkSleep},
	{"TCPEcho", BenchmarkTCPEcho},
	{"Backend", BenchmarkBackend},
	{"HTTPGet", BenchmarkHTTPGet},
	{"PingPong", BenchmarkPingPong},
	{"Mutex", BenchmarkMutex},
	{"Workers", BenchmarkWorkers},
	{"RunParallel", BenchmarkRunParallel},
	{"TinyMix", BenchmarkTinyMix},
	{"TinyHash", BenchmarkTinyHash},
	{"TinyMap", BenchmarkTinyMap},
}
