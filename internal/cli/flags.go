package cli

import (
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/measure"
	"github.com/perfgate/perfgate/internal/sample"
)

// measureFlags say how to measure.
func measureFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "pairs", Value: 40, Usage: "most pairs measured of a timed benchmark; what is proved earlier ends earlier"},
		&cli.DurationFlag{Name: "run-time", Value: 60 * time.Millisecond, Usage: "time that one process of a pair measures for"},
		&cli.DurationFlag{Name: "limit", Value: 5 * time.Minute, Usage: "longest that one benchmark process may take"},
		&cli.DurationFlag{Name: "time-limit", Usage: "longest that all measuring may take; what is not proved by then is inconclusive"},
		&cli.IntFlag{Name: "cpu", Value: 1, Usage: "Go processors of each benchmark, as go test -cpu has it"},
		&cli.IntFlag{Name: "layouts", Value: 4, Usage: "other orders of the functions in which a close fail has to be seen; 0 is none, else 3 or more"},
		&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "seed of the order of measuring, and of noise that is planted"},
	}
}

// newChecker returns a check that measures as the flags say.
func newChecker(c *cli.Context, s Streams, out string) (*checker, error) {
	k := &checker{
		s: s, budgetsDir: c.String("budgets"), out: filepath.Clean(out), show: newShow(s),
		session: measure.Session{
			CPUs: measure.CPUs(), Procs: c.Int("cpu"), Looks: gate.Looks(c.Int("pairs")), Target: c.Duration("run-time"),
			Limit: c.Duration("limit"), Relinks: c.Int("layouts"), Seed: c.Uint64("seed"), Now: time.Now(),
		},
	}
	if d := c.Duration("time-limit"); d > 0 {
		k.session.Deadline = time.Now().Add(d)
	}
	switch pairs := c.Int("pairs"); {
	case pairs < 4 || pairs > sample.MaxRuns:
		return nil, misuse("--pairs %d is not between 4 and %d", pairs, sample.MaxRuns)
	case k.session.Procs < 1 || k.session.Procs > 1024:
		return nil, misuse("--cpu %d is not between 1 and 1024", k.session.Procs)
	case k.session.Relinks != 0 && k.session.Relinks < gate.MinLayouts || k.session.Relinks > 20:
		return nil, misuse("--layouts %d is neither 0 nor between %d and 20", k.session.Relinks, gate.MinLayouts)
	case c.Duration("time-limit") < 0:
		return nil, misuse("--time-limit %v is negative", c.Duration("time-limit"))
	case k.session.Target < time.Millisecond || k.session.Target > time.Minute:
		return nil, misuse("--run-time %v is not between 1ms and 1m", k.session.Target)
	case k.session.Limit < time.Second:
		return nil, misuse("--limit %v is under 1s", k.session.Limit)
	}
	return k, nil
}
