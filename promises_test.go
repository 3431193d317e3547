package perfgate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// promised is how many rows docs/promises.md has to have: none may get lost.
const promised = 96

// A promise is a row of docs/promises.md with what keeps it: pairs of a kind and a name.
type promise struct {
	row  int
	kept [][2]string
	line string
}

var (
	promiseRow  = regexp.MustCompile(`^\| (\d+) \|`)
	promiseKept = regexp.MustCompile("`([a-z]+):([^`]+)`")
)

func promises(text string) (rows []promise) {
	for line := range strings.Lines(text) {
		m := promiseRow.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		p := promise{line: strings.TrimSpace(line)}
		p.row, _ = strconv.Atoi(m[1])
		for _, k := range promiseKept.FindAllStringSubmatch(line, -1) {
			p.kept = append(p.kept, [2]string{k[1], k[2]})
		}
		rows = append(rows, p)
	}
	return rows
}

// broken says which promises are lost: rows that are not there or there twice, rows that nothing keeps,
// and what keeps one and is gone.
func broken(rows []promise, there func(kind, name string) bool) (out []string) {
	seen := map[int]bool{}
	for _, p := range rows {
		if seen[p.row] {
			out = append(out, fmt.Sprintf("promise %d stands there twice", p.row))
		}
		seen[p.row] = true
		if len(p.kept) == 0 {
			out = append(out, fmt.Sprintf("promise %d is kept by nothing", p.row))
		}
		for _, k := range p.kept {
			if !there(k[0], k[1]) {
				out = append(out, fmt.Sprintf("promise %d is kept by %s %s, which is not there", p.row, k[0], k[1]))
			}
		}
	}
	for row := 1; row <= promised; row++ {
		if !seen[row] {
			out = append(out, fmt.Sprintf("promise %d is gone", row))
		}
	}
	return out
}

// whole is the text of all files that a pattern matches.
func whole(t *testing.T, patterns ...string) string {
	t.Helper()
	var b strings.Builder
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s matches no file: %v", pattern, err)
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			b.Write(data)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// keeper knows what of the repository can keep a promise.
func keeper(t *testing.T) func(kind, name string) bool {
	benchmarks := whole(t, "benchmarks/*_test.go")
	budgets := whole(t, "budgets/*.yaml")
	recorded := whole(t, "budgets/baseline.txt")
	scripts := whole(t, "internal/cli/testdata/script/*.txtar")
	workflows := whole(t, ".github/workflows/*.yml")
	tests := whole(t, "*_test.go", "benchmarks/*_test.go", "internal/*/*_test.go", "protocols/*_test.go", "protocols/*/*_test.go", "report/*_test.go")
	word := func(text, before, name, after string) bool {
		return regexp.MustCompile(before + regexp.QuoteMeta(name) + after).MatchString(text)
	}
	return func(kind, name string) bool {
		switch kind {
		case "benchmark": // measured, with its unit where one is named: what is recorded has both
			bench, unit, _ := strings.Cut(name, " ")
			function, _, _ := strings.Cut(bench, "/")
			return word(benchmarks, `(?m)^func Benchmark`, function, `\(b \*testing\.B\)`) &&
				word(recorded, `(?m)^Benchmark`, bench, `[/\t -].*`+regexp.QuoteMeta(unit))
		case "budget":
			return word(budgets, `(?m)^  - id: `, name, `$`)
		case "suite":
			return word(budgets, `(?m)^  - name: `, name, `$`)
		case "command": // with all its flags in one line of a script that is run as a test
			words := strings.Fields(name)
			for line := range strings.Lines(scripts) {
				have := strings.Fields(line)
				if strings.Contains(line, strings.Join(words[:2], " ")) && !slices.ContainsFunc(words[2:], func(w string) bool { return !slices.Contains(have, w) }) {
					return true
				}
			}
			return false
		case "document":
			file, heading, _ := strings.Cut(name, "#")
			data, err := os.ReadFile(file)
			return err == nil && (heading == "" || word(string(data), `(?m)^#+ `, heading, `$`))
		case "test":
			return word(tests, `(?m)^func `, name, `\(t \*testing\.T\)`)
		case "workflow": // and when it runs, where that is named
			name, on, _ := strings.Cut(name, " ")
			return word(workflows, `(?m)^name: `, name, `$`) && (on == "" || word(workflows, `(?m)^  `, on, `:$`))
		case "later": // a command that is still to come: once it is there, its row has to say what keeps it
			return !strings.Contains(scripts, name)
		}
		return false
	}
}

// Every promise is kept by something that is there.
func TestPromises(t *testing.T) {
	rows := promises(whole(t, "docs/promises.md"))
	for _, b := range broken(rows, keeper(t)) {
		t.Errorf("docs/promises.md: %s", b)
	}
}

// Every metric of every protocol is measured: the table of docs/suites.md has no hole, and all of it is
// recorded.
func TestCoverage(t *testing.T) {
	there, rows := keeper(t), 0
	for line := range strings.Lines(whole(t, "docs/suites.md")) {
		kept := promiseKept.FindAllStringSubmatch(line, -1)
		if !strings.HasPrefix(line, "|") || len(kept) == 0 {
			continue
		}
		rows++
		if len(kept) != 5 {
			t.Errorf("docs/suites.md: %d of five protocols in %s", len(kept), line)
		}
		for _, k := range kept {
			if !there(k[1], k[2]) {
				t.Errorf("docs/suites.md: %s %s is not there", k[1], k[2])
			}
		}
	}
	if rows < 12 {
		t.Errorf("docs/suites.md has %d metrics, want 12", rows)
	}
}

// Every benchmark is in a suite, but for those that take longer than a check has.
func TestSuites(t *testing.T) {
	suites, long := whole(t, "budgets/suites.yaml"), []string{"OTASpreadLarge", "OTACeremonyRelayed"}
	found := regexp.MustCompile(`(?m)^func Benchmark(\w+)\(b \*testing\.B\)`).FindAllStringSubmatch(whole(t, "benchmarks/*_test.go"), -1)
	if len(found) < 90 {
		t.Errorf("%d benchmarks were found, want 90 at least", len(found))
	}
	for _, m := range found {
		in := regexp.MustCompile(`(?m)^      - ` + m[1] + `(/|$)`).MatchString(suites)
		if in == slices.Contains(long, m[1]) {
			t.Errorf("benchmark %s: in a suite is %v, which it should not be", m[1], in)
		}
	}
}

// The table of docs/claims.md has the claims of docs/claims/claims.yaml, all of them, in their order, with
// their limits.
func TestClaims(t *testing.T) {
	rows := regexp.MustCompile(`(?m)^\| (.+) \| `+"`"+`.*\| (at most|at least|exponent at most) (\S+) \| .* \| (yes|\*\*no\*\*|\*\*in \d of \d\*\*) \|$`).FindAllStringSubmatch(whole(t, "docs/claims.md"), -1)
	claims := regexp.MustCompile(`(?m)^    (?:scales: \{with: \w+, exponent_at_most: (\S+)\}|at_(?:most|least): (\S+))\n    why: (.+)$`).FindAllStringSubmatch(whole(t, "docs/claims/claims.yaml"), -1)
	if len(claims) < 30 || len(rows) != len(claims) {
		t.Fatalf("%d claims have %d rows", len(claims), len(rows))
	}
	for i, c := range claims {
		if rows[i][1] != c[3] || rows[i][3] != c[1]+c[2] {
			t.Errorf("row %d is of %q at %s, the claim of %q at %s%s", i+1, rows[i][1], rows[i][3], c[3], c[1], c[2])
		}
	}
}

// What is lost is missed.
func TestPromisesBite(t *testing.T) {
	there := keeper(t)
	for _, k := range [][2]string{
		{"benchmark", "DigestCreat"}, {"benchmark", "DigestCreate p42-ns"}, {"benchmark", "Nothing"}, {"budget", "digest-compar"}, {"suite", "simpl"}, {"command", "perfgate check --never"},
		{"command", "perfgate nothing"}, {"document", "docs/nothing.md"}, {"document", "docs/budgets.md#Nothing"}, {"test", "TestNothing"}, {"workflow", "nothing"}, {"workflow", "perf never"}, {"later", "perfgate check"}, {"word", "x"},
	} {
		if there(k[0], k[1]) {
			t.Errorf("%s %s is said to be there", k[0], k[1])
		}
	}
	for _, k := range [][2]string{{"benchmark", "DigestCreate ns/op"}, {"budget", "digest-compare"}, {"command", "perfgate judge --base"}, {"document", "docs/budgets.md#Growth"}, {"test", "TestPromises"}, {"workflow", "perf"}} {
		if !there(k[0], k[1]) {
			t.Errorf("%s %s is said to be gone", k[0], k[1])
		}
	}
	text := "| 1 | a | `test:TestPromises` |\n| 1 | a | `test:TestNothing` |\n| 2 | a | nothing |\n"
	got := broken(promises(text), there)
	for _, want := range []string{"promise 1 stands there twice", "promise 1 is kept by test TestNothing, which is not there", "promise 2 is kept by nothing", "promise 96 is gone"} {
		if !slices.Contains(got, want) {
			t.Errorf("not said: %s; but %q", want, got)
		}
	}
}
