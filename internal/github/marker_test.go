package github

import (
	"strings"
	"testing"
)

func TestMarker(t *testing.T) {
	m := marker{key: "default", run: 500, attempt: 2, head: sha}
	for _, c := range []struct {
		body    string
		run     int64
		attempt int
		ok      bool
	}{
		{m.String() + "\ntext", 500, 2, true},
		{m.String(), 500, 2, true},
		{"<!-- perfgate:default damaged -->", 0, 0, true},
		{"<!-- perfgate:default run=99999999999999999999 attempt=1 head= -->", 0, 0, true},
		{"<!-- perfgate:default run=-1 attempt=1 head= -->", 0, 0, true},
		{"> " + m.String(), 0, 0, false},
		{" " + m.String(), 0, 0, false},
		{"<!-- perfgate:default2 run=1 attempt=1 head= -->", 0, 0, false},
		{"<!-- perfgate:other run=1 attempt=1 head= -->", 0, 0, false},
		{"", 0, 0, false},
	} {
		if run, attempt, ok := m.parse(c.body); run != c.run || attempt != c.attempt || ok != c.ok {
			t.Errorf("%q: run %d, attempt %d, %v", c.body, run, attempt, ok)
		}
	}
	for _, c := range []struct {
		run     int64
		attempt int
		older   bool
	}{{499, 9, false}, {500, 1, false}, {500, 2, false}, {500, 3, true}, {501, 1, true}} {
		if got := m.olderThan(c.run, c.attempt); got != c.older {
			t.Errorf("run 500, attempt 2 is older than %d, %d: %v", c.run, c.attempt, got)
		}
	}
}

func TestSanitise(t *testing.T) {
	seen := map[string]string{}
	for _, c := range []struct{ in, begins string }{
		{"", "default"}, {"linux-amd64", "linux-amd64"}, {"Linux", "linux-"}, {"linux", "linux"}, {"a b", "a-b-"}, {"a/b", "a-b-"}, {"a--b", "a-b-"},
		{"--> <script>", "script-"}, {"-->", ""}, {"..", ""}, {"é", ""}, {"\n", ""}, {strings.Repeat("x", 64), strings.Repeat("x", 64)}, {strings.Repeat("x", 65), strings.Repeat("x", 51) + "-"},
	} {
		got := sanitise(c.in)
		if !strings.HasPrefix(got, c.begins) || got == "" || len(got) > maxKey || strings.Contains(got, "--") ||
			strings.Trim(got, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.HasPrefix(got, "-") || strings.HasSuffix(got, "-") {
			t.Errorf("sanitise(%q) = %q", c.in, got)
		}
		if other, ok := seen[got]; ok {
			t.Errorf("%q and %q both become %q", c.in, other, got)
		}
		seen[got] = c.in
	}
}
