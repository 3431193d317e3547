package budget

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "rewrite the expected files in testdata")

// sources reads a case: one file, or every file of a folder.
func sources(t *testing.T, path string) []Source {
	t.Helper()
	names := []string{path}
	if filepath.Ext(path) == "" {
		names, _ = filepath.Glob(filepath.Join(path, "*.y*ml"))
	}
	var out []Source
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, Source{filepath.Base(name), data})
	}
	return out
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

// Every example in testdata/err must bite, with the words that stand beside it.
func TestRefused(t *testing.T) {
	cases, _ := filepath.Glob("testdata/err/*")
	ran := 0
	for _, path := range cases {
		name, isText := strings.CutSuffix(path, ".txt")
		if isText {
			if len(sources(t, strings.TrimSuffix(name, ".yaml")+ext(name))) == 0 {
				t.Errorf("%s has no case", path)
			}
			continue
		}
		ran++
		t.Run(filepath.Base(path), func(t *testing.T) {
			in := sources(t, path)
			set, err := Parse(in)
			var ps Problems
			if !errors.As(err, &ps) || len(ps) == 0 {
				t.Fatalf("accepted as %+v", set)
			}
			if !reflect.DeepEqual(set, Set{}) {
				t.Errorf("a partial set %+v", set)
			}
			for _, p := range ps {
				if p.Text == "" || p.Help == "" {
					t.Errorf("no way out in %q", p.Error())
				}
			}
			checkPositions(t, in, ps)
			golden(t, strings.TrimSuffix(path, ".yaml")+".txt", err.Error()+"\n")
		})
	}
	if ran < 100 {
		t.Errorf("only %d cases found", ran)
	}
}

// ext returns the ending of the case that an expected file belongs to.
func ext(name string) string {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return ""
	}
	return ".yaml"
}

// checkPositions fails when a problem points outside of its file, or problems are out of order.
func checkPositions(t testing.TB, in []Source, ps Problems) {
	t.Helper()
	lines := map[string][][]byte{}
	for _, s := range in {
		lines[s.Name] = bytes.Split(s.Data, []byte("\n"))
	}
	for i, p := range ps {
		ls := lines[p.Pos.File]
		if p.Pos.Line < 1 || p.Pos.Line > len(ls) || p.Pos.Column < 1 || p.Pos.Column > len(ls[p.Pos.Line-1])+1 {
			t.Errorf("position outside of the file: %s", p.Error())
		}
		if i > 0 {
			q := ps[i-1].Pos
			if q.File > p.Pos.File || q.File == p.Pos.File && (q.Line > p.Pos.Line || q.Line == p.Pos.Line && q.Column > p.Pos.Column) {
				t.Errorf("out of order: %s after %s", p.Error(), ps[i-1].Error())
			}
		}
	}
}

// Every file in testdata/ok is accepted, and means what stands beside it.
func TestAccepted(t *testing.T) {
	cases, _ := filepath.Glob("testdata/ok/*.yaml")
	cases = append(cases, "testdata/ok/reviewed")
	if len(cases) < 4 {
		t.Fatalf("only %d cases found", len(cases))
	}
	for _, path := range cases {
		t.Run(filepath.Base(path), func(t *testing.T) {
			set, err := Parse(sources(t, path))
			if err != nil {
				t.Fatal(err)
			}
			out, err := json.MarshalIndent(set, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".json", string(out)+"\n")
		})
	}
}

func TestCaps(t *testing.T) {
	one := "version: 1\nbudgets:\n"
	many := func(n int) []byte {
		var b strings.Builder
		b.WriteString(one)
		for i := range n {
			fmt.Fprintf(&b, "  - {id: b%d, match: A, unit: ns/op, max_rise: 20%%}\n", i)
		}
		return []byte(b.String())
	}
	suites := func(n, selectors int) []byte {
		var b strings.Builder
		b.Write(many(1))
		b.WriteString("suites:\n")
		for i := range n {
			fmt.Fprintf(&b, "  - {name: s%d, match: [A", i)
			for j := range selectors - 1 {
				fmt.Fprintf(&b, ", A/n=%d", j)
			}
			b.WriteString("]}\n")
		}
		return []byte(b.String())
	}
	full := append(many(1), bytes.Repeat([]byte("#"), maxBytes-len(many(1)))...)
	for _, c := range []struct {
		name string
		data []byte
		want string // part of the error, or "" when accepted
	}{
		{"most budgets", many(maxBudgets), ""},
		{"one budget too many", many(maxBudgets + 1), "a.yaml:5003:5: more than 5000 budgets"},
		{"most suites", suites(maxSuites, 1), ""},
		{"one suite too many", suites(maxSuites+1, 1), "a.yaml:505:5: more than 500 suites"},
		{"most selectors of a suite", suites(1, maxMatch), ""},
		{"one selector too many", suites(1, maxMatch+1), "more than 1000 selectors in a suite"},
		{"largest file", full, ""},
		{"one byte too many", append(full, '\n'), "a.yaml:1:1: file is over 1 MiB"},
		{"nested lists", []byte(strings.Repeat("[", 9000) + strings.Repeat("]", 9000)), "nested more than 8 deep"},
		{"nested beyond the decoder", []byte(strings.Repeat("[", 500000)), "not valid YAML"},
		{"nested by indent", []byte(strings.Repeat("- ", 5000) + "a"), "nested more than 8 deep"},
		{"huge scalar", []byte(one + "  - {id: " + strings.Repeat("x", 900000) + "}"), "is not a slug"},
		{"a line of invisible characters", []byte("# " + strings.Repeat("\u200b", 1000)), "a.yaml:1:3: an invisible or control character U+200B; remove it"},
		{"huge key", []byte(one + "  - {? " + strings.Repeat("x", 900000) + " : 1}"), "unknown key"},
	} {
		_, err := Parse([]Source{{"a.yaml", c.data}})
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %.300v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 1000):
			t.Errorf("%s: want %q, got %.300v", c.name, c.want, err)
		}
	}
}

// Waivers and renames are capped too.
func TestReviewedCaps(t *testing.T) {
	for _, c := range []struct{ file, entry, want string }{
		{"waivers.yaml", "{benchmark: A%d, unit: ns/op, ceiling: 30%%, until: 2026-12-31, reason: r, link: https://example.test/1}", "waivers.yaml:1003:5: more than 1000 waivers"},
		{"renames.yaml", "{from: A%d, to: B%d}", "renames.yaml:1003:5: more than 1000 renames"},
	} {
		for _, n := range []int{1000, 1001} {
			var b strings.Builder
			b.WriteString("version: 1\n" + strings.TrimSuffix(c.file, ".yaml") + ":\n")
			for i := range n {
				b.WriteString("  - " + strings.ReplaceAll(strings.ReplaceAll(c.entry, "%d", fmt.Sprint(i)), "%%", "%") + "\n")
			}
			_, err := Parse([]Source{aside, {c.file, []byte(b.String())}})
			if n == 1000 && err != nil || n > 1000 && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%d of %s: %.300v", n, c.file, err)
			}
		}
	}
}

// What a flag may say of releases.
func TestLastReleases(t *testing.T) {
	for s, want := range map[string]string{
		"last-2-releases": "", "last-50-releases": "", "release": "", "last-releases": "",
		"last-1-releases":  `"last-1-releases" does not say how many releases: write last-2-releases to last-50-releases`,
		"last-51-releases": `"last-51-releases" does not say how many releases: write last-2-releases to last-50-releases`,
		"last-5-release":   `"last-5-release" does not say how many releases: write last-2-releases to last-50-releases`,
	} {
		_, _, err := LastReleases(s)
		if got := fmt.Sprint(err); want == "" && err != nil || want != "" && got != want {
			t.Errorf("%s: %s", s, got)
		}
	}
}

// The order in which files are given does not matter, and no file is an error of its own.
func TestSources(t *testing.T) {
	if _, err := Parse(nil); err == nil || err.Error() != "no budget files; add a .yaml file with version: 1 and a list of budgets" {
		t.Errorf("no files: %v", err)
	}
	text := "version: 1\nsuite: ./b\nbudgets:\n  - {id: %s, match: A, unit: ns/op, max_rise: 20%%}\n"
	a, b := Source{"a.yaml", fmt.Appendf(nil, text, "a")}, Source{"b.yaml", fmt.Appendf(nil, text, "b")}
	x, err := Parse([]Source{a, b})
	y, err2 := Parse([]Source{b, a})
	if err != nil || err2 != nil || !reflect.DeepEqual(x, y) {
		t.Errorf("%+v %v against %+v %v", x, err, y, err2)
	}
	if x.Suite != "./b" || x.SuitePos != (Pos{"a.yaml", 2, 8}) || x.Against != "release" || x.Budgets[1].ID != "b" || x.Budgets[0].OnInconclusive != Block {
		t.Errorf("%+v", x)
	}
}

// A rename holds for whole parts of a name, and for what has the new name already it does not.
func TestRenameName(t *testing.T) {
	for _, c := range []struct{ from, to, base, head string }{
		{"A", "B", "A", "B"},
		{"A", "B", "A/n=1", "B/n=1"},
		{"A", "B", "AB", ""},
		{"A", "B", "B", ""},
		{"A/n=1", "B/m=1", "A/n=1/net=x", "B/m=1/net=x"},
		{"A/n=1", "B/m=1", "A/n=10", ""},
		{"A/n=1", "B/m=1", "A", ""},
		{"A", "A/mode=all", "A/n=1", "A/mode=all/n=1"},
		{"A", "A/mode=all", "A/mode=all/n=1", ""},
		{"A/mode=all", "A", "A/mode=all/n=1", "A/n=1"},
	} {
		if head, ok := (Rename{From: c.from, To: c.to}).Name(c.base); ok != (c.head != "") || ok && head != c.head || !ok && head != c.base {
			t.Errorf("%+v: %s %v", c, head, ok)
		}
	}
}

// aside is what the fuzzed file is parsed with where it holds no budgets.
var aside = Source{"b.yaml", []byte("version: 1\nbudgets:\n  - {id: b, match: B, unit: ns/op, max_rise: 20%}\n")}

func FuzzParse(f *testing.F) {
	for _, glob := range []string{"testdata/err/*.yaml", "testdata/ok/*.yaml", "testdata/err/*/*.yaml", "testdata/ok/*/*.y*ml"} {
		names, _ := filepath.Glob(glob)
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	schemas := []*jsonschema.Schema{compiled(f, schemaFile), compiled(f, waiversFile), compiled(f, renamesFile)}
	f.Fuzz(func(t *testing.T, data []byte) {
		for i, in := range [][]Source{{{"a.yaml", data}}, {aside, {"waivers.yaml", data}}, {aside, {"renames.yaml", data}}} {
			set, err := Parse(in)
			again, err2 := Parse(in)
			if !reflect.DeepEqual(set, again) || !reflect.DeepEqual(err, err2) {
				t.Fatalf("%+v %v, then %+v %v", set, err, again, err2)
			}
			if err != nil {
				var ps Problems
				if !errors.As(err, &ps) || len(ps) == 0 || !reflect.DeepEqual(set, Set{}) {
					t.Fatalf("error %v beside %+v", err, set)
				}
				checkPositions(t, in, ps)
				continue
			}
			checkSet(t, set)
			checkReviewed(t, data, set)
			if err := valid(schemas[i], data); err != nil {
				t.Fatalf("the schema refuses what is accepted: %v", err)
			}
		}
	})
}

func checkSet(t *testing.T, set Set) {
	t.Helper()
	if len(set.Budgets) == 0 {
		t.Fatal("accepted without a budget")
	}
	for _, s := range set.Suites {
		if !suiteName.MatchString(s.Name) || len(s.Match) == 0 {
			t.Fatalf("accepted an unusable suite %+v", s)
		}
	}
	for _, b := range set.Budgets {
		if b.ID == "" || b.Unit == "" || b.Match.Name == "" || b.MaxRise == nil && b.MaxDrop == nil && b.AtMost == nil && b.AtLeast == nil && b.Scales == nil {
			t.Fatalf("accepted an unusable budget %+v", b)
		}
		if b.OnInconclusive != Block && b.OnInconclusive != Warn || b.OnMissing != Block && b.OnMissing != Warn {
			t.Fatalf("accepted a policy of %+v", b)
		}
		for _, l := range []*Limit{b.MaxRise, b.MaxDrop, b.AtMost, b.AtLeast, b.IgnoreBelow} {
			if l != nil && !(l.Value >= 0 && l.Value <= math.MaxFloat64) {
				t.Fatalf("accepted the limit %+v", l)
			}
		}
	}
}

// checkReviewed fails when an accepted waiver or rename lacks something, when a position is not where its
// value stands in the file, or when the same entries written out anew are read as others.
func checkReviewed(t *testing.T, data []byte, set Set) {
	t.Helper()
	lines := strings.Split(strings.TrimPrefix(string(data), "\ufeff"), "\n")
	stands := func(what string, pos Pos, text string) {
		t.Helper()
		if pos.Line < 1 || pos.Line > len(lines) {
			t.Fatalf("%s at %+v, outside of the file", what, pos)
		}
		line := []rune(lines[pos.Line-1])
		if pos.Column < 1 || pos.Column > len(line) {
			t.Fatalf("%s at %+v, outside of the line %q", what, pos, string(line))
		}
		// What is quoted or folded begins with its mark.
		rest := string(line[pos.Column-1:])
		if !strings.HasPrefix(rest, text) && !strings.ContainsAny(rest[:1], "\"'|>") && !strings.HasPrefix(text, strings.TrimRight(rest, "\r")) {
			t.Fatalf("%s %q is said to be at %+v, where %q stands", what, text, pos, rest)
		}
	}
	quote := func(s string) string {
		out, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	var waivers, renames strings.Builder
	waivers.WriteString("version: 1\nwaivers:\n")
	renames.WriteString("version: 1\nrenames:\n")
	for _, w := range set.Waivers {
		if w.Match.Name == "" || w.Unit == "" || w.Reason == "" || !strings.HasPrefix(w.Link, "https://") || !(w.Ceiling.Value >= 0 && w.Ceiling.Value <= math.MaxFloat64) {
			t.Fatalf("accepted the waiver %+v", w)
		}
		if day, err := time.Parse(time.DateOnly, w.Until); err != nil || day.Format(time.DateOnly) != w.Until {
			t.Fatalf("accepted the day %q", w.Until)
		}
		stands("benchmark", w.MatchPos, w.Match.Text)
		stands("unit", w.UnitPos, w.UnitText)
		stands("ceiling", w.Ceiling.Pos, w.Ceiling.Text)
		stands("until", w.UntilPos, w.Until)
		fmt.Fprintf(&waivers, "  - {benchmark: %s, unit: %s, ceiling: %s, until: %s, reason: %s, link: %s}\n",
			quote(w.Match.Text), quote(w.UnitText), quote(w.Ceiling.Text), quote(w.Until), quote(w.Reason), quote(w.Link))
	}
	for _, r := range set.Renames {
		if to, ok := r.Name(r.From); r.From == r.To || !ok || to != r.To {
			t.Fatalf("accepted the rename %+v, which makes %q of it", r, to)
		}
		fmt.Fprintf(&renames, "  - {from: %s, to: %s}\n", quote(r.From), quote(r.To))
	}
	sources := []Source{aside}
	if len(set.Waivers) > 0 {
		sources = append(sources, Source{"waivers.yaml", []byte(waivers.String())})
	}
	if len(set.Renames) > 0 {
		sources = append(sources, Source{"renames.yaml", []byte(renames.String())})
	}
	again, err := Parse(sources)
	if err != nil {
		t.Fatalf("written anew it is refused: %v", err)
	}
	if a, b := placeless(set), placeless(again); !reflect.DeepEqual(a.Waivers, b.Waivers) || !reflect.DeepEqual(a.Renames, b.Renames) {
		t.Fatalf("written anew it reads\n%+v\nnot\n%+v", b, a)
	}
}

// placeless is the set without the positions of its waivers and renames.
func placeless(s Set) Set {
	for i := range s.Waivers {
		w := &s.Waivers[i]
		w.Pos, w.MatchPos, w.UnitPos, w.UntilPos, w.Ceiling.Pos = Pos{}, Pos{}, Pos{}, Pos{}, Pos{}
	}
	for i := range s.Renames {
		r := &s.Renames[i]
		r.Pos, r.FromPos, r.ToPos = Pos{}, Pos{}, Pos{}
	}
	return s
}
