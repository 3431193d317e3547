package measure

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const renamedSuite = `package m

import "testing"

func BenchmarkOld(b *testing.B) {
	for _, k := range []string{"a", "b", "c"} {
		b.Run(k, func(b *testing.B) {
			for b.Loop() {
			}
			if k == "b" && PANIC {
				panic("planted trouble")
			}
			b.ReportMetric(1, "steps/op")
		})
	}
}

func BenchmarkParts(b *testing.B) {
	b.Run("ops=1", func(b *testing.B) {
		for b.Loop() {
		}
	})
	b.Run("stays", func(b *testing.B) {
		for b.Loop() {
		}
	})
}
`

func buildText(t *testing.T, text string) *Arm {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs go")
	}
	dir := t.TempDir()
	for name, data := range map[string]string{"go.mod": "module example.test/m\n\ngo 1.24\n", "m_test.go": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	arm, err := Build(context.Background(), System{}, Version{Dir: dir, Ref: "r", Commit: "c0ffee"}, ".", filepath.Join(dir, "out"), BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return arm
}

// Both arms run under their own names, also what base's function did not reach, and are one item.
func TestSessionMeasuresRenamed(t *testing.T) {
	base := buildText(t, strings.ReplaceAll(renamedSuite, "PANIC", "true"))
	head := buildText(t, strings.NewReplacer("PANIC", "false", "BenchmarkOld", "BenchmarkNew", "ops=1", "size=1").Replace(renamedSuite))
	s := newSession(base, head)
	s.Renames = []Rename{{"BenchmarkOld", "BenchmarkNew"}, {"BenchmarkParts/ops=1", "BenchmarkParts/size=1"}}
	// What narrows the function of head has names that base does not have.
	s.Narrow = map[string]string{"BenchmarkParts": "/^(?:size=1|stays)$"}
	found, err := s.Find(context.Background(), []string{"BenchmarkNew", "BenchmarkParts"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, it := range found.Items {
		names = append(names, it.Name)
	}
	slices.Sort(names)
	if want := []string{"BenchmarkNew/a", "BenchmarkNew/b", "BenchmarkNew/c", "BenchmarkParts/size=1", "BenchmarkParts/stays"}; !slices.Equal(names, want) {
		t.Errorf("found %v, not %v", names, want)
	}
	if f := failed(found.Base); !slices.Equal(f, []string{"BenchmarkOld/b"}) {
		t.Errorf("of base failed %v", f)
	}
	var items []Item
	for _, it := range found.Items {
		it.Pairs = true
		items = append(items, it)
	}
	b, h, err := s.Measure(context.Background(), found, items)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ base, head string }{{"Old/a", "New/a"}, {"Old/c", "New/c"}, {"Parts/ops=1", "Parts/size=1"}} {
		_, bp := values(t, b, c.base, "sec/op")
		_, hp := values(t, h, c.head, "sec/op")
		// Head is measured alone as well where the base has nothing to pair.
		if want := []string{"1", "2", "3"}; !slices.Equal(bp, want) || !slices.Equal(hp, want) {
			t.Errorf("%s has pairs %v, %s %v", c.base, bp, c.head, hp)
		}
		if vals, _ := values(t, b, c.head, "sec/op"); len(vals) > 0 {
			t.Errorf("base says %s", c.head)
		}
	}
}

func TestRenameNames(t *testing.T) {
	s := &Session{Renames: []Rename{{"BenchmarkA", "BenchmarkB"}, {"BenchmarkC/x=1", "BenchmarkD/y=1"}, {"BenchmarkE", "BenchmarkE/mode=all"}}}
	for base, head := range map[string]string{
		"BenchmarkA": "BenchmarkB", "BenchmarkA/n=1": "BenchmarkB/n=1", "BenchmarkAB": "BenchmarkAB", "BenchmarkC": "BenchmarkC", "BenchmarkC/x=12": "BenchmarkC/x=12",
		"BenchmarkC/x=1/z": "BenchmarkD/y=1/z", "BenchmarkE": "BenchmarkE/mode=all", "BenchmarkE/n=1": "BenchmarkE/mode=all/n=1", "BenchmarkE/mode=all": "BenchmarkE/mode=all",
	} {
		if got := s.headName(0, base); got != head {
			t.Errorf("base's %s is %s in head, not %s", base, got, head)
		}
		if got := s.headName(1, base); got != base {
			t.Errorf("head's %s became %s", base, got)
		}
		if got := s.nameIn(0, Item{Name: head}, functionOf(base)); got != base && functionOf(base) != functionOf(head) {
			t.Errorf("head's %s is %s in base, not %s", head, got, base)
		}
	}
	for head, names := range map[string][]string{
		"BenchmarkB/n=1": {"BenchmarkA/n=1", "BenchmarkB/n=1"}, "BenchmarkD/y=1": {"BenchmarkC/x=1", "BenchmarkD/y=1"}, "BenchmarkD/y=2": {"BenchmarkD/y=2"},
	} {
		if got := s.namesIn(0, Item{Name: head}); !slices.Equal(got, names) {
			t.Errorf("head's %s may be %v in base, not %v", head, got, names)
		}
		if got := s.namesIn(1, Item{Name: head}); !slices.Equal(got, []string{head}) {
			t.Errorf("head's %s may be %v in head", head, got)
		}
	}
	asked := []string{"BenchmarkB", "BenchmarkD"}
	for _, c := range []struct {
		arm      int
		function string
		want     bool
	}{{0, "BenchmarkA", true}, {1, "BenchmarkA", false}, {0, "BenchmarkC", true}, {0, "BenchmarkE", false}, {1, "BenchmarkB", true}, {0, "BenchmarkD", true}} {
		if s.runs(c.arm, c.function, asked) != c.want {
			t.Errorf("%+v", c)
		}
	}
}
