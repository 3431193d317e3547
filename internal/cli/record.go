package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/perfgate/perfgate/internal/measure"
)

func recordFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "record", Usage: "make a recording in `FILE` instead: the benchmarks of --corpus as they are and slowed by known shares"},
		&cli.StringFlag{Name: "corpus", Value: "internal/replay/corpus", Usage: "`DIR` of the benchmarks to record"},
		&cli.StringFlag{Name: "knob", Value: "github.com/perfgate/perfgate/internal/replay/corpus.share", Usage: "`VARIABLE` of the corpus that says by which share its work grows"},
		&cli.StringFlag{Name: "shares", Value: "0,0.15", Usage: "`LIST` of shares of extra work in head, each 0 or more"},
		&cli.IntFlag{Name: "sessions", Value: 1, Usage: "how often each share is recorded"},
		&cli.IntFlag{Name: "first-session", Value: 1, Usage: "number of the first session, to go on with a recording"},
		&cli.StringFlag{Name: "machine", Value: "unknown", Usage: "`WORD` for the state of the machine, such as quiet or busy"},
		&cli.IntFlag{Name: "record-pairs", Value: 40, Usage: "pairs of each benchmark"},
		&cli.IntFlag{Name: "stored-runs", Value: 10, Usage: "runs of each version by itself, those of base before all pairs and those of head after; 0 is none"},
		&cli.DurationFlag{Name: "run-time", Value: 60 * time.Millisecond, Usage: "time that one process of a pair measures for"},
		&cli.DurationFlag{Name: "stored-time", Value: 200 * time.Millisecond, Usage: "time that one run of a version by itself measures for"},
		&cli.StringFlag{Name: "only", Usage: "`LIST` of benchmark functions, instead of all"},
	}
}

// record makes a recording: benchmark text in which the configuration of each section says what was
// measured, as package replay reads it. It is written anew after each session.
func record(c *cli.Context, s Streams) error {
	ctx, show, out := c.Context, newShow(s), filepath.Clean(c.String("record"))
	var shares []float64
	for _, f := range strings.Split(c.String("shares"), ",") {
		x, err := strconv.ParseFloat(strings.TrimSpace(f), 64)
		if err != nil || x < 0 || x > 9 {
			return misuse("--shares: %q is not a number from 0 to 9", f)
		}
		shares = append(shares, x)
	}
	corpus, err := filepath.Abs(c.String("corpus"))
	if err != nil {
		return notJudged(err)
	}
	guard := measure.NewGuard()
	defer guard.Close()
	exec := measure.System{Guard: guard}
	tmp, remove, err := guard.TempDir("build")
	if err != nil {
		return notJudged(fmt.Errorf("make a directory for the test binaries: %w; have TMPDIR name one with room", err))
	}
	defer remove()
	build := func(share float64) (*measure.Arm, error) {
		v := measure.Version{Dir: corpus, Ref: fmt.Sprintf("the corpus with share %v", share)}
		dir := filepath.Join(tmp, fmt.Sprintf("%.4f", share))
		return measure.Build(ctx, exec, v, "./...", dir, measure.BuildOptions{
			OwnClock: true, LinkFlags: fmt.Sprintf("-X=%s=%.4f", c.String("knob"), share),
		})
	}
	base, err := build(0)
	if err != nil {
		return interruptedOr(ctx, notJudged(err))
	}
	heads := map[float64]*measure.Arm{}
	for _, share := range shares {
		if heads[share], err = build(share); err != nil {
			return interruptedOr(ctx, notJudged(err))
		}
	}
	r := recorder{c: c, exec: exec, show: show, base: base, wanted: functions(base)}
	if only := c.String("only"); only != "" {
		r.wanted = slices.DeleteFunc(r.wanted, func(f string) bool {
			return !slices.Contains(strings.Split(only, ","), strings.TrimPrefix(f, "Benchmark"))
		})
	}
	for i := range c.Int("sessions") {
		for _, share := range shares {
			if err := r.session(ctx, heads[share], share, c.Int("first-session")+i); err != nil {
				return interruptedOr(ctx, notJudged(err))
			}
			if err := writeFile(out, r.text); err != nil {
				return misuse("%w; name another file with --record", err)
			}
		}
	}
	show.line("wrote %s", out)
	return nil
}

// A recorder is a recording on its way.
type recorder struct {
	c      *cli.Context
	exec   measure.Executor
	show   *show
	base   *measure.Arm
	wanted []string
	text   []byte
}

// session records one share once: base by itself, the pairs, head by itself.
func (r *recorder) session(ctx context.Context, head *measure.Arm, share float64, number int) error {
	done := r.show.stage(fmt.Sprintf("session %d, share %v", number, share))
	config := [][2]string{
		{"machine", r.c.String("machine")}, {"share", strconv.FormatFloat(share, 'g', -1, 64)}, {"session", strconv.Itoa(number)},
	}
	add := func(rec *measure.Recording, design, arm string) error {
		var b strings.Builder
		err := rec.WriteSection(&b, slices.Concat(config, [][2]string{{"design", design}, {"arm", arm}}))
		r.text = append(r.text, b.String()...)
		return err
	}
	stored := func(arm *measure.Arm, name string) error {
		if r.c.Int("stored-runs") == 0 {
			return nil
		}
		s := r.measurer(nil, arm, r.c.Duration("stored-time"), number)
		s.AloneRuns = r.c.Int("stored-runs")
		_, rec, err := r.measure(ctx, s, measure.Item{Alone: true})
		if err != nil {
			return err
		}
		return add(rec, "stored", name)
	}
	if err := stored(r.base, "base"); err != nil {
		return err
	}
	s := r.measurer(r.base, head, r.c.Duration("run-time"), number)
	s.Looks = []int{r.c.Int("record-pairs")}
	b, h, err := r.measure(ctx, s, measure.Item{Pairs: true})
	if err != nil {
		return err
	}
	if err := add(b, "pairs", "base"); err != nil {
		return err
	}
	if err := add(h, "pairs", "head"); err != nil {
		return err
	}
	if err := stored(head, "head"); err != nil {
		return err
	}
	done("%d benchmark functions", len(r.wanted))
	return nil
}

func (r *recorder) measurer(base, head *measure.Arm, target time.Duration, number int) *measure.Session {
	return &measure.Session{
		Exec: r.exec, Base: base, Head: head, CPUs: measure.CPUs(), Target: target,
		Limit: time.Minute, Seed: uint64(number), Now: time.Now(),
	}
}

func (r *recorder) measure(ctx context.Context, s *measure.Session, how measure.Item) (base, head *measure.Recording, err error) {
	found, err := s.Find(ctx, r.wanted)
	if err != nil {
		return nil, nil, err
	}
	items := slices.Clone(found.Items)
	for i := range items {
		items[i].Pairs, items[i].Alone = how.Pairs, how.Alone
	}
	base, head, err = s.Measure(ctx, found, items)
	if err != nil {
		return nil, nil, err
	}
	for _, rec := range []*measure.Recording{base, head} {
		if rec == nil {
			continue
		}
		for _, f := range rec.Failures() {
			return nil, nil, fmt.Errorf("record %s: %s", f.Name, f.Text)
		}
	}
	return base, head, nil
}
