package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/perfgate/perfgate/internal/measure"
)

// A stage takes as long as it took, though no benchmark was done for most of it; and a log shows once
// a minute that something goes on.
func TestProgressWithoutTerminal(t *testing.T) {
	var b strings.Builder
	now := time.Unix(1e9, 0)
	p := newShow(Streams{Err: &b})
	p.now = func() time.Time { return now }
	for _, s := range []struct {
		after      time.Duration
		done, runs int
	}{{0, 0, 0}, {30 * time.Second, 0, 100}, {35 * time.Second, 0, 200}, {10 * time.Second, 1, 250}, {60 * time.Second, 1, 300}, {5 * time.Second, 2, 310}} {
		now = now.Add(s.after)
		p.progress(measure.Progress{Stage: "measure", Done: s.done, Total: 2, Runs: s.runs})
	}
	want := "measure: 0 of 2 done, 200 runs in 65 s so far\n" +
		"measure: 1 of 2 done, 300 runs in 135 s so far\n" +
		"measure: 310 runs in 140 s\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}
