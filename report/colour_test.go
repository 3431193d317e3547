package report

import (
	"regexp"
	"strings"
	"testing"
)

// Colour adds colours and nothing else, at the beginning of lines and nowhere else, and leaves no verdict
// without.
func TestColour(t *testing.T) {
	code := regexp.MustCompile(`\x1b\[[0-9]+m`)
	for _, name := range names(t) {
		plain := text(t, load(t, name))
		got := string(Colour([]byte(plain)))
		if code.ReplaceAllString(got, "") != plain {
			t.Errorf("%s: more than colours changed", name)
		}
		for _, line := range strings.Split(strings.TrimRight(got, "\n"), "\n") {
			begins := regexp.MustCompile(`^(FAIL|PASS|MISSING|INCONCLUSIVE|NOT JUDGED)\b`).MatchString(line)
			if n := strings.Count(line, "\x1b"); begins || n != 0 && (n != 2 || !strings.HasPrefix(line, "\x1b")) {
				t.Errorf("%s: %q", name, line)
			}
		}
	}
	if got := string(Colour([]byte("FAILING\nPASS: 1\nx FAIL\n"))); got != "FAILING\n\x1b[32mPASS\x1b[0m: 1\nx FAIL\n" {
		t.Errorf("%q", got)
	}
}
