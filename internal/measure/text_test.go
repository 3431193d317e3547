package measure

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/perf/benchfmt"
)

// FuzzRead: whatever a benchmark prints and however it dies, the file that comes of it parses, has
// as many results as its last line says, and none but those of the benchmark that was asked for.
func FuzzRead(f *testing.F) {
	f.Add([]byte("goos: linux\nUnit x/op better=lower\nBenchmarkX 10 5 ns/op 1 B/op\n"), "exit status 2")
	f.Add([]byte("BenchmarkX-5 10 5 ns/op\nBenchmarkY 10 5 ns/op\nBenchmarkX\x00 10 5 ns/op"), "panic: a\n--- FAIL: BenchmarkY\n# end: 3\n")
	f.Add([]byte("cpu: a\r\npair: 3\n# end: 9\nBenchmarkX 10 NaN ns/op\n\xff\xfe"), "\n\n\u2028BenchmarkX 1 1 ns/op")
	f.Add([]byte("Unit ns/op better=lower better=higher\nUnit a\nBenchmarkX 1 1 ns/op 2 ns/op\n"), "")
	f.Fuzz(func(t *testing.T, out []byte, words string) {
		var r Recording
		r.Provenance = [][2]string{{"why", words}}
		r.lines = r.read(out, "example.test/m", 1, func(name string) bool { return name == "BenchmarkX" || name == "BenchmarkX-5" })
		for i := range r.lines {
			r.lines[i].pair = 1
		}
		r.fail("BenchmarkX", failureText(Output{Stdout: out, Stderr: []byte(words)}))
		r.Fail(words)
		var b bytes.Buffer
		if _, err := r.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		if want := fmt.Sprintf("\n# end: %d\n", len(r.lines)); !strings.HasSuffix(text, want) || strings.Count(text, "\n# end: ") != 1 {
			t.Fatalf("the end mark is not the last line, or not the only one:\n%s", text)
		}
		n := 0
		br := benchfmt.NewReader(strings.NewReader(text), "fuzz")
		for br.Scan() {
			switch rec := br.Result().(type) {
			case *benchfmt.SyntaxError:
				// A Unit line that contradicts itself is passed on, for the reader to complain of.
				if !strings.Contains(text, "Unit ") {
					t.Fatalf("%v in\n%s", rec, text)
				}
			case *benchfmt.Result:
				if name := rec.Name.String(); name != "X" && name != "X-5-1" {
					t.Fatalf("a result of %s in\n%s", rec.Name, text)
				}
				if rec.GetConfig("pair") != "1" || rec.GetConfig("pkg") != "example.test/m" {
					t.Fatalf("a result with the wrong configuration in\n%s", text)
				}
				n++
			}
		}
		if n != len(r.lines) {
			t.Fatalf("%d results are read back, %d were written:\n%s", n, len(r.lines), text)
		}
	})
}
