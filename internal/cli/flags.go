package cli

import (
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/measure"
	"github.com/perfgate/perfgate/internal/sample"
)

// measureFlags say how to measure two versions.
func measureFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.IntFlag{Name: "pairs", Value: 40, Usage: "most pairs measured of a timed benchmark; what is proved earlier ends earlier"},
		&cli.IntFlag{Name: "layouts", Value: 4, Usage: "other orders of the functions in which a close fail has to be seen; 0 is none, else 3 or more"},
	}, aloneFlags()...)
}

// aloneFlags say how to measure one version.
func aloneFlags() []cli.Flag {
	return []cli.Flag{
		&cli.DurationFlag{Name: "run-time", Value: 60 * time.Millisecond, Usage: "time that one process of a timed benchmark measures for"},
		&cli.DurationFlag{Name: "limit", Value: 5 * time.Minute, Usage: "longest that one benchmark process may take"},
		&cli.DurationFlag{Name: "time-limit", Usage: "longest that all measuring may take; what is not proved by then is inconclusive"},
		&cli.IntFlag{Name: "cpu", Value: 1, Usage: "Go processors of each benchmark, as go test -cpu has it"},
		&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "seed of the order of measuring, and of noise that is planted"},
	}
}

const suiteFlagName = "suite"

func suiteFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: suiteFlagName, Usage: "only the benchmarks of the suite `NAME` of the budget files; may be given more than once"}
}

const budgetFlagName = "budget"

func budgetFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: budgetFlagName, Usage: "only the budget of this `ID`; may be given more than once"}
}

// only is the part of the budgets that was asked for by ids; the zero value is all.
type only struct {
	ids      []string
	declared int // budgets there are
}

// readPart reads the budgets as readSet does, and leaves of them those that --budget names.
func readPart(c *cli.Context) (budget.Set, []budget.Suite, only, error) {
	set, suites, err := readSet(c)
	asked := c.StringSlice(budgetFlagName)
	if err != nil || len(asked) == 0 {
		return set, suites, only{}, err
	}
	if len(suites) > 0 {
		return set, nil, only{}, misuse("--budget and --suite each name a part of the budgets: give one of them")
	}
	o := only{declared: len(set.Budgets)}
	set, o.ids, err = gate.Only(set, asked)
	if err != nil {
		return set, nil, o, exitError{gate.ExitMisuse, err}
	}
	return set, nil, o, nil
}

func quickFlag() cli.Flag {
	return &cli.BoolFlag{Name: "quick", Usage: "take the fewest samples that may be judged; they are marked so, and no baseline"}
}

func verboseFlag() cli.Flag {
	return &cli.BoolFlag{Name: "verbose", Usage: "log every run on stderr"}
}

// readSet reads the budgets that the flag --budgets names, and those of their suites that --suite does.
func readSet(c *cli.Context) (budget.Set, []budget.Suite, error) {
	set, err := readBudgets(c.String("budgets"))
	if err != nil {
		return set, nil, err
	}
	suites, err := gate.Suites(set, c.StringSlice(suiteFlagName))
	if err != nil {
		return set, nil, exitError{gate.ExitMisuse, err}
	}
	return set, suites, nil
}

// newChecker returns a check that measures one version as the flags say.
func newChecker(c *cli.Context, s Streams, out string) (*checker, error) {
	if err := refuseTarget(os.Getenv); err != nil {
		return nil, err
	}
	k := &checker{
		s: s, budgetsDir: c.String("budgets"), out: filepath.Clean(out), show: newShow(s), quick: c.Bool("quick"),
		session: measure.Session{
			CPUs: measure.CPUs(), Procs: c.Int("cpu"), Target: c.Duration("run-time"),
			Limit: c.Duration("limit"), Seed: c.Uint64("seed"), Now: time.Now(),
		},
	}
	if d := c.Duration("time-limit"); d > 0 {
		k.session.Deadline = time.Now().Add(d)
	}
	if k.quick {
		k.session.AloneRuns, k.session.Confidence = gate.MinRuns, quickConfidence
	}
	if c.Bool("verbose") {
		k.session.Ran = k.show.logger()
	}
	switch {
	case c.Duration("time-limit") < 0:
		return nil, misuse("--time-limit %v is negative; leave it out for no limit", c.Duration("time-limit"))
	case k.session.Target < time.Millisecond || k.session.Target > time.Minute:
		return nil, misuse("--run-time %v is not between 1ms and 1m", k.session.Target)
	}
	if err := refuseProcess(&k.session); err != nil {
		return nil, err
	}
	return k, nil
}

// refuseProcess refuses what no benchmark process can run with.
func refuseProcess(s *measure.Session) error {
	switch {
	case s.Procs < 1 || s.Procs > 1024:
		return misuse("--cpu %d is not between 1 and 1024", s.Procs)
	case s.Limit < time.Second:
		return misuse("--limit %v is under 1s", s.Limit)
	}
	return nil
}

// refusePairs refuses what no pairs can be judged with.
func refusePairs(pairs, layouts int) error {
	switch {
	case pairs < gate.MinRuns || pairs > sample.MaxRuns:
		return misuse("--pairs %d is not between %d and %d", pairs, gate.MinRuns, sample.MaxRuns)
	case layouts != 0 && layouts < gate.MinLayouts || layouts > 20:
		return misuse("--layouts %d is neither 0 nor between %d and 20", layouts, gate.MinLayouts)
	}
	return nil
}

// quickConfidence is what samples of --quick say of themselves.
const quickConfidence = "low (quick)"

// newPairChecker returns a check that measures two versions as the flags say.
func newPairChecker(c *cli.Context, s Streams, out string) (*checker, error) {
	k, err := newChecker(c, s, out)
	if err != nil {
		return nil, err
	}
	pairs := c.Int("pairs")
	k.session.Relinks = c.Int("layouts")
	if k.quick && c.IsSet("pairs") {
		return nil, misuse("--quick measures %d pairs: leave --pairs out", gate.MinRuns)
	}
	if err := refusePairs(pairs, k.session.Relinks); err != nil {
		return nil, err
	}
	if k.quick {
		pairs = gate.MinRuns
	}
	k.session.Looks = gate.Looks(pairs)
	return k, nil
}
