package measure

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestCommonPattern(t *testing.T) {
	for _, c := range []struct {
		dirs []string
		want string
	}{
		{nil, "./..."},
		{[]string{"."}, "."},
		{[]string{"a"}, "./a"},
		{[]string{"a/b", "a/b"}, "./a/b"},
		{[]string{"a/b", "a/c"}, "./a/..."},
		{[]string{"a", "a/c"}, "./a/..."},
		{[]string{"ab", "ac"}, "./..."},
		{[]string{".", "a"}, "./..."},
		{[]string{"a", "."}, "./..."},
	} {
		if got := CommonPattern(c.dirs); got != c.want {
			t.Errorf("CommonPattern(%q) = %s, want %s", c.dirs, got, c.want)
		}
	}
}

// A package that does not build is found, and left out of what is built only where that is asked for.
func TestBuildSkips(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":         "module example.test/m\n\ngo 1.24\n",
		"a/a_test.go":    "package a\n\nimport \"testing\"\n\nfunc BenchmarkA(b *testing.B) {}\n",
		"b/b_test.go":    "package b\n\nimport \"testing\"\n\nfunc BenchmarkB(b *testing.B) { nosuch() }\n",
		"c/c_test.go":    "package c\n\nimport \"testing\"\n\nfunc TestC(t *testing.T) {}\n",
		"d/none.go":      "package d\n",
		"e/e_test.go":    "package e_test\n\nimport (\n\t\"testing\"\n\n\t\"example.test/nosuch/x\"\n)\n\nfunc BenchmarkE(b *testing.B) { x.X() }\n",
		"sub/go.mod":     "module example.test/m/sub\n\ngo 1.24\n",
		"sub/f_test.go":  "package f\n\nimport \"testing\"\n\nfunc BenchmarkF(b *testing.B) {}\n",
		"a/more_test.go": "package a\n\nimport \"testing\"\n\nfunc BenchmarkMore(b *testing.B) {}\n",
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	v := Version{Dir: dir, Ref: "the work tree"}
	found, err := TestPackages(t.Context(), System{}, v)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(found); got != "[{example.test/m/a a} {example.test/m/b b} {example.test/m/e e}]" {
		t.Errorf("found %s", got)
	}
	var skipped []string
	arm, err := Build(t.Context(), System{}, v, "./...", t.TempDir(), BuildOptions{Skip: func(pkg string, err error) { skipped = append(skipped, pkg) }})
	if err != nil {
		t.Fatal(err)
	}
	if len(arm.Binaries) != 1 || arm.Binaries[0].Package != "example.test/m/a" || len(arm.Binaries[0].Functions) != 2 {
		t.Errorf("built %+v", arm.Binaries)
	}
	if got := fmt.Sprint(skipped); got != "[example.test/m/b example.test/m/e]" {
		t.Errorf("skipped %s", got)
	}
	if _, err := Build(t.Context(), System{}, v, "./...", t.TempDir(), BuildOptions{}); err == nil {
		t.Error("a package that does not build is no error")
	}
}
