package baseline

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

const hash = "0123456789abcdef0123456789abcdef01234567"

const samples = `# perfgate-samples: 1
# kind: measured
# commit: ` + hash + `
# tag: v1.0.0
goos: linux
pkg: example.com/a
Unit rounds/op better=lower assume=exact
BenchmarkSync	100	1500 ns/op	2 rounds/op
BenchmarkSync	100	1600 ns/op	2 rounds/op
# end: 2
`

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func record(t testing.TB, name string) []byte {
	t.Helper()
	text, err := Make(name, noon, "", []byte(samples))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestMakeAndRead(t *testing.T) {
	text, err := Make("v1.0.0", noon.Add(time.Millisecond), "a  wide\nspread", []byte(samples))
	if err != nil {
		t.Fatal(err)
	}
	want := "# perfgate-samples: 1\n# perfgate-baseline: 1\n# baseline-name: v1.0.0\n# baseline-recorded: 2026-01-02T12:00:00Z\n# baseline-note: a wide spread\n" +
		strings.TrimPrefix(samples, "# perfgate-samples: 1\n")
	if string(text) != want {
		t.Errorf("got\n%s", text)
	}
	r, err := Read(text, "v1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if r.Name != "v1.0.0" || !r.Recorded.Equal(noon) || r.Note != "a wide spread" || r.Commit != hash || r.Clean() != hash || r.Tag != "v1.0.0" || len(r.Samples.Benchmarks) != 1 {
		t.Errorf("%+v", r)
	}
	// Under another name it is the same record of that name.
	again, err := Make("v2", noon, "", text)
	if err != nil || !bytes.Equal(again, record(t, "v2")) {
		t.Errorf("%v\n%s", err, again)
	}
}

func TestReadIsStrict(t *testing.T) {
	good := string(record(t, "v1.0.0"))
	for _, tt := range []struct{ name, old, new, want string }{
		{"no record", "# perfgate-baseline: 1\n", "", "line 2 is not `# perfgate-baseline: ...`"},
		{"nothing", good, "", "does not begin with"},
		{"only the first line", good, "# perfgate-samples: 1\n", "does not begin with"},
		{"no samples file", "# perfgate-samples: 1\n", "", "line 1 is not `# perfgate-samples"},
		{"newer record", "baseline: 1", "baseline: 2", "version 2 of perfgate-baseline, and this perfgate reads version 1; use a newer perfgate"},
		{"newer samples", "samples: 1", "samples: 7", "version 7 of perfgate-samples"},
		{"no version", "baseline: 1", "baseline: x", `perfgate-baseline "x" is not known`},
		{"another name", "name: v1.0.0", "name: v1.0.1", `says that it is the baseline "v1.0.1"`},
		{"a line twice", "# kind: measured\n", "# kind: measured\n# kind: measured\n", "line 6: kind stands there twice"},
		{"a name further down", "# end", "# baseline-name: v9\n# end", "baseline-name stands there twice"},
		{"a commit further down", "# end", "# commit: ffff\n# end", "commit stands there twice"},
		{"no time", "recorded: 2026-01-02T12:00:00Z", "recorded: yesterday", `"yesterday" is not a time`},
		{"half a commit", hash, hash[:12], "is not a full hash"},
		{"cut", "# end: 2\n", "", "the file is cut"},
		{"a line less", "BenchmarkSync	100	1600 ns/op	2 rounds/op\n", "", "2 result lines, 1 can be read"},
		{"a damaged line", "1600 ns/op", "16x0 ns/op", "line 12: "},
		{"a failure", "# end", "--- FAIL: BenchmarkSync\n    why\n# end", "the run Sync failed: why"},
		{"a crash", "# end", "panic: oh\n# end", "the run failed: panic: oh"},
		{"quick", "goos: linux\n", "goos: linux\nperfgate-confidence: low (quick)\n", "samples of low (quick) confidence are no baseline"},
	} {
		if !strings.Contains(good, tt.old) {
			t.Fatalf("%s: the record has no %q", tt.name, tt.old)
		}
		_, err := Read([]byte(strings.Replace(good, tt.old, tt.new, 1)), "v1.0.0")
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "read baseline v1.0.0: ") {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := Make("v1.0.0", noon, "", []byte("BenchmarkSync 1 5 ns/op\n")); err == nil {
		t.Error("text that says nothing of itself is a record")
	}
	none := strings.NewReplacer("BenchmarkSync	100	1500 ns/op	2 rounds/op\n", "", "BenchmarkSync	100	1600 ns/op	2 rounds/op\n", "", "end: 2", "end: 0").Replace(samples)
	if _, err := Make("v1.0.0", noon, "", []byte(none)); err == nil || !strings.Contains(err.Error(), "no samples") {
		t.Errorf("no samples: %v", err)
	}
	if r, err := Read([]byte(strings.ReplaceAll(good, hash, hash+"+dirty")), "v1.0.0"); err != nil || r.Clean() != "" {
		t.Errorf("%+v, %v", r, err)
	}
}

// What is read is whole and of the name asked for, and stored anew it is the same.
func FuzzRead(f *testing.F) {
	f.Add(record(f, "v1.0.0"), "v1.0.0")
	f.Add([]byte(samples), "v1.0.0")
	f.Add(bytes.Replace(record(f, "x"), []byte("\n"), []byte("\r\n"), -1), "x")
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		r, err := Read(text, name)
		if err != nil {
			if r.Samples != nil || r.Name != "" {
				t.Fatalf("error %v, and a record %+v", err, r)
			}
			return
		}
		if r.Name != name || CheckName(name) != nil || len(r.Samples.Benchmarks) == 0 || len(r.Samples.Failures)+len(r.Samples.Damage) > 0 || r.Samples.Confidence != "" {
			t.Fatalf("%q gives %+v", text, r)
		}
		if !bytes.HasPrefix(text, []byte("# perfgate-samples: 1\n")) {
			return
		}
		again, err := Make(name, r.Recorded, r.Note, text)
		if err != nil {
			t.Fatalf("%q cannot be stored anew: %v", text, err)
		}
		if s, err := Read(again, name); err != nil || len(s.Samples.Benchmarks) != len(r.Samples.Benchmarks) || s.Commit != r.Commit {
			t.Fatalf("%q stored anew is %q: %v", text, again, err)
		}
	})
}
