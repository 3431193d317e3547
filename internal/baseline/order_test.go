package baseline

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// naiveLess orders versions as semver.org words it, letter by letter, with all releases above all
// pre-releases and what is no version below both.
func naiveLess(a, b string) bool {
	type version struct {
		kind    int // 0 no version, 1 pre-release, 2 release
		numbers [3]int
		pre     []string
	}
	parse := func(name string) version {
		name = name[strings.LastIndex(name, "/")+1:]
		rest, ok := strings.CutPrefix(name, "v")
		rest, build, hasBuild := strings.Cut(rest, "+")
		core, pre, hasPre := strings.Cut(rest, "-")
		number := func(s string) (int, bool) {
			n, err := strconv.Atoi(s)
			return n, err == nil && strconv.Itoa(n) == s && n >= 0
		}
		identifiers := func(s string, has, numeric bool) bool {
			for _, id := range strings.Split(s, ".") {
				digits := strings.Trim(id, "0123456789") == ""
				if has && (id == "" || strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" || numeric && digits && len(id) > 1 && id[0] == '0') {
					return false
				}
			}
			return true
		}
		var v version
		parts := strings.Split(core, ".")
		if !ok || len(parts) != 3 || !identifiers(pre, hasPre, true) || !identifiers(build, hasBuild, false) {
			return v
		}
		for i, p := range parts {
			var good bool
			if v.numbers[i], good = number(p); !good {
				return version{}
			}
		}
		v.kind = 2
		if hasPre {
			v.kind, v.pre = 1, strings.Split(pre, ".")
		}
		return v
	}
	x, y := parse(a), parse(b)
	if x.kind != y.kind {
		return x.kind < y.kind
	}
	for i := range x.numbers {
		if x.numbers[i] != y.numbers[i] {
			return x.numbers[i] < y.numbers[i]
		}
	}
	for i := range min(len(x.pre), len(y.pre)) {
		p, q := x.pre[i], y.pre[i]
		if p == q {
			continue
		}
		n, errN := strconv.Atoi(p)
		m, errM := strconv.Atoi(q)
		switch {
		case errN == nil && errM == nil:
			return n < m
		case errN == nil || errM == nil:
			return errN == nil
		}
		return p < q
	}
	if len(x.pre) != len(y.pre) {
		return len(x.pre) < len(y.pre)
	}
	return a < b
}

var versionish = rapid.OneOf(
	rapid.StringMatching(`(sub/)?v[0-3]\.[0-3]\.[01][0-2]?(-(rc|a|1|0|10|2)(\.(1|2|10|b|01))?)?(\+(b|incompatible))?`),
	rapid.StringMatching(`(sub/)?v?[0-3](\.[0-3]){0,3}[-+.]?`),
	rapid.StringMatching(`[a-z/]{1,5}`),
)

func TestCompareAsTheNaiveTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := versionish.Draw(t, "a"), versionish.Draw(t, "b")
		want := 0
		if naiveLess(a, b) {
			want = -1
		} else if naiveLess(b, a) {
			want = +1
		}
		if got := Compare(a, b); got != want {
			t.Fatalf("Compare(%q, %q) = %d, want %d", a, b, got, want)
		}
		if (Compare(a, b) == 0) != (a == b) {
			t.Fatalf("%q and %q are equal", a, b)
		}
	})
}

func TestVersions(t *testing.T) {
	names := []string{"main", "v1.0.0", "v1.10.0", "v2.0.0-rc.1", "v1.9.0", "v1.2", "sub/v3.0.0", "v0.0.0", "v1.10.0+b", "x/sub/v9.0.0", "v2.0.0-rc.1.1"}
	want := []string{"v1.10.0+b", "v1.10.0", "v1.9.0", "v1.0.0", "v0.0.0", "v2.0.0-rc.1.1", "v2.0.0-rc.1"}
	if got := Versions(names, ""); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := Versions(names, "sub/"); !slices.Equal(got, []string{"sub/v3.0.0"}) {
		t.Errorf("got %v", got)
	}
}

// Whatever the name, its file is one element of a path, and tells the name.
func TestNamesAreFiles(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, name string) {
		file := fileName(name)
		if strings.ContainsAny(file, `/\:`) || strings.HasPrefix(file, ".") || len(file) > 255 {
			t.Fatalf("%q has the file %q", name, file)
		}
		if back, ok := nameOf(file); !ok || back != name {
			t.Fatalf("%q has the file %q, which is that of %q", name, file, back)
		}
	}
	for _, name := range []string{"v1.0.0", "sub/v1.0.0", "../../etc/passwd", "..", ".", ".git", "a/../b", `..\x`, "%2e", "C:x", "ä", strings.Repeat("/", maxName)} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		check(t, name)
	}
	rapid.Check(t, func(t *rapid.T) {
		if name := rapid.String().Draw(t, "name"); CheckName(name) == nil {
			check(t, name)
		}
	})
	for _, name := range []string{"", "-x", "a b", "a\n", "a\x00", "\u202e", "\xff", strings.Repeat("a", maxName+1)} {
		if CheckName(name) == nil {
			t.Errorf("%q is a name", name)
		}
	}
	for _, file := range []string{"v1.0.0.txt", "%2.baseline.txt", "%2e.baseline.txt", "%zz.baseline.txt", ".baseline.txt", "a b.baseline.txt", "%76.baseline.txt"} {
		if name, ok := nameOf(file); ok {
			t.Errorf("%s is the record %q", file, name)
		}
	}
}
