package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/gate"
)

func junit(t testing.TB, r gate.Result) string {
	t.Helper()
	var b strings.Builder
	if err := JUnit(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// readJUnit reads a file as a continuous-integration server does, strictly.
func readJUnit(t testing.TB, s string) junitSuites {
	t.Helper()
	var got junitSuites
	if err := xml.Unmarshal([]byte(s), &got); err != nil {
		t.Fatalf("%v in %.300q", err, s)
	}
	for d := xml.NewDecoder(strings.NewReader(s)); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return got
}

func TestJUnit(t *testing.T) {
	for _, name := range names(t) {
		r := load(t, name)
		got := readJUnit(t, junit(t, r)).Suite
		var failures, errors, skipped int
		for _, c := range got.Cases {
			if c.Failure != nil {
				failures++
			}
			if c.Error != nil {
				errors++
			}
			if c.Skipped != nil {
				skipped++
			}
		}
		if got.Tests != len(got.Cases) || got.Failures != failures || got.Errors != errors || got.Skipped != skipped {
			t.Errorf("%s: the totals %+v are not those of the cases", name, got.junitTotals)
		}
		if failures != r.Counts.Fail {
			t.Errorf("%s: %d failures of %d", name, failures, r.Counts.Fail)
		}
		// No reader may take for a pass what is none.
		if red := failures+errors > 0; red != (r.ExitCode != gate.ExitPass) {
			t.Errorf("%s: exit code %d, %d failures and %d errors", name, r.ExitCode, failures, errors)
		}
	}
	blocked := load(t, "pass")
	blocked.ExitCode, blocked.Problems = gate.ExitNotJudged, []string{"head: the run failed"}
	if s := junit(t, blocked); readJUnit(t, s).Errors != 1 || !strings.Contains(s, "head: the run failed") {
		t.Errorf("a problem of the whole check is not in error:\n%s", s)
	}
}

func TestHostileJUnit(t *testing.T) {
	for i, s := range append(attacks, "]]>", "\x01\x0b\ufffe\uffff", "\"'") {
		r := hostile(s)
		got := readJUnit(t, junit(t, r))
		if len(got.Suite.Cases) != len(r.Verdicts) {
			t.Errorf("%d: %d cases of %d verdicts", i, len(got.Suite.Cases), len(r.Verdicts))
		}
		for _, c := range got.Suite.Cases {
			if strings.ContainsRune(c.Name, '\ufffd') && !strings.ContainsRune(s, '\ufffd') && !strings.Contains(s, "\xff") {
				t.Errorf("%q became %q", s, c.Name)
			}
		}
	}
}

func TestJUnitTime(t *testing.T) {
	for in, want := range map[string]string{"2026-10-02T14:03:11Z": "2026-10-02T14:03:11", "2026-10-02": "", "x": "", "2026-10-02T14:03:11+": "", "": ""} {
		if got := junitTime(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if fmt.Sprint(readJUnit(t, junit(t, load(t, "fail"))).Suite.Timestamp) == "" {
		t.Error("no timestamp")
	}
}
