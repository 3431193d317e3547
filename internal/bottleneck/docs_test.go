package bottleneck

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// docs/profile.md states every word and rule in the order of the tables, with its number.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/profile.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for line := range strings.Lines(string(text)) {
		if cells, ok := strings.CutPrefix(strings.TrimSpace(line), "| "); ok {
			rows = append(rows, strings.Split(strings.TrimSuffix(cells, " |"), " | "))
		}
	}
	at := 0
	has := func(name string, numbers ...float64) {
		t.Helper()
		i := slices.IndexFunc(rows[at:], func(r []string) bool { return slices.Contains(strings.Split(r[0], ", "), name) })
		if i < 0 {
			t.Fatalf("no row for %s after that of %s", name, rows[at][0])
		}
		at += i
		rest := strings.Join(rows[at][1:], " ")
		for _, n := range numbers {
			if want := fmt.Sprintf("%v", n); !slices.Contains(strings.FieldsFunc(rest, func(r rune) bool { return r == ' ' || r == ',' || r == ';' }), want) {
				t.Errorf("the row of %s does not state %s: %s", name, want, rest)
			}
		}
	}
	boundNumbers := map[Bound][]float64{
		Locking: {100 * boundLock, 100 * boundIdle}, Waiting: {100 * boundWaiting}, Unknown: {boundTicks, 100 * boundNoise},
		Collecting: {100 * boundGC}, Allocating: {100 * boundAlloc},
	}
	for _, b := range bounds {
		has(string(b.bound), boundNumbers[b.bound]...)
	}
	var unit []float64
	for _, u := range units {
		unit = append(unit, u.atLeast)
	}
	numbers := map[string][]float64{
		"virtual time": unit, "waiting": {100 * seeWaiting}, "lock": {100 * seeLock}, "garbage collection": {100 * seeGC}, "allocating": {100 * seeAlloc},
		"allocation site": {100 * seeSite}, "hot function": {100 * seeHot}, "library": {100 * seeLibrary}, "maps": {100 * seeWork},
		"timed share": {100 * seeTimed}, "few samples": {100 * seeNoise},
	}
	for _, r := range rules {
		has(r.name, numbers[r.name]...)
	}
}
