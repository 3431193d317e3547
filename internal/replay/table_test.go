package replay

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the expected files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not as expected (go test ./internal/replay -update writes it):\n%s", file, got)
	}
}

func shown(t *testing.T) Scores {
	rec := full(t)
	rec.Incomplete = Incomplete{Pairs: 2, Stored: 1}
	// One benchmark was not measured in pairs.
	for i := range rec.Trials {
		if tr := &rec.Trials[i]; tr.Name == "B0" && tr.Session == 1 && tr.Machine == "busy" {
			tr.Pairs = nil
		}
	}
	return Evaluate(rec, Options{Decide: fixed(12), Suite: 5, Seed: 1})
}

func TestTable(t *testing.T) {
	s := shown(t)
	for _, markdown := range []bool{false, true} {
		var b strings.Builder
		if err := Table(&b, s, markdown); err != nil {
			t.Fatal(err)
		}
		golden(t, map[bool]string{false: "table.txt", true: "table.md"}[markdown], b.String())
	}
	var b strings.Builder
	if err := Table(&b, Evaluate(read(t, byHand), Options{}), false); err != nil {
		t.Fatal(err)
	}
	golden(t, "by-hand.txt", b.String())
}

// TestMarkdownNames: what a machine is called comes from a file.
func TestMarkdownNames(t *testing.T) {
	s := Scores{Rows: []Score{{Machine: "a|b <i>`x`", Rule: "r"}}}
	var b strings.Builder
	if err := Table(&b, s, true); err != nil {
		t.Fatal(err)
	}
	if want := "Machine a\\|b \\<i\\>\\`x\\`"; !strings.Contains(b.String(), want) {
		t.Errorf("%s lacks %s", b.String(), want)
	}
}

func TestPercent(t *testing.T) {
	for share, want := range map[float64]string{
		0: "0 %", 1: "100 %", 0.5: "50 %", 0.1234: "12.3 %", 0.0003: "0.03 %", 0.99999: "99.999 %", 0.9995: "99.950 %", 1.5: "150 %", 0.0006: "0.1 %",
	} {
		if got := percent(share); got != want {
			t.Errorf("%v is %s, want %s", share, got, want)
		}
	}
}
