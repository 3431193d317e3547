package cli

import (
	"errors"
	"regexp"
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

// A run is one line of the log, with the same keys in the same order, whatever line stands on the terminal.
func TestLogOfRuns(t *testing.T) {
	var b strings.Builder
	p := newShow(Streams{Err: &b, Terminal: true})
	log := p.logger()
	log(measure.Run{Stage: "pairs", Benchmark: "Sync/ops=10", Arm: "base", Pair: 3, Took: 1234567 * time.Microsecond, Values: "100 5 ns/op"})
	p.stage("build head")
	log(measure.Run{Stage: "alone", Benchmark: "Sum", Arm: "head", Values: strings.Repeat("x", maxLogged+1), Err: errors.New("exit status 2")})
	got := regexp.MustCompile(`time=\S+`).ReplaceAllString(b.String(), "time=T")
	want := "time=T level=INFO msg=run stage=pairs benchmark=\"Sync/ops=10\" arm=base pair=3 seconds=1.235 values=\"100 5 ns/op\"\n" +
		"build head ...\r\x1b[Ktime=T level=INFO msg=run stage=alone benchmark=Sum arm=head pair=0 seconds=0 values=\"" + strings.Repeat("x", maxLogged) + " ...\" error=\"exit status 2\"\n"
	if got != want {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}
