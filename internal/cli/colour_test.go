package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Verdicts on a terminal have colours; what goes into a file or a pipe has none, whatever the format.
func TestColour(t *testing.T) {
	result, err := filepath.Abs("../../report/testdata/fail.json")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		colour bool
		args   []string
		want   bool
	}{
		{true, []string{"report", "--result", result}, true},
		{false, []string{"report", "--result", result}, false},
		{true, []string{"report", "--result", result, "--format", "markdown"}, false},
		{true, []string{"report", "--result", result, "--format", "json"}, false},
		{true, []string{"report", "--result", result, "--out", "r.txt"}, false},
	} {
		var out, stderr bytes.Buffer
		Main(context.Background(), append([]string{"perfgate"}, c.args...), Streams{Out: &out, Err: &stderr, Colour: c.colour})
		if file, err := os.ReadFile("r.txt"); err == nil {
			out.Write(file)
		}
		if got := strings.Contains(out.String(), "\x1b[31mFAIL\x1b[0m"); got != c.want || out.Len() == 0 {
			t.Errorf("%v %q: colours %v, want %v", c.colour, c.args, got, c.want)
		}
		if !strings.Contains(out.String(), "FAIL") && !strings.Contains(out.String(), `"fail"`) {
			t.Errorf("%q: no word for the verdict", c.args)
		}
	}
}
