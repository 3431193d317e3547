package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/measure"
)

func lintCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:  "lint",
		Usage: "check budgets without measuring: the files, and that the benchmark functions exist",
		Flags: []cli.Flag{
			budgetsFlag(),
			&cli.StringFlag{Name: "samples", Usage: "check name parts, units and directions against `FILE` of benchmark text, and build nothing"},
			&cli.BoolFlag{Name: "no-build", Usage: "check the files alone"},
		},
		Action: func(c *cli.Context) error {
			set, err := readBudgets(c.String("budgets"))
			if err != nil {
				return err
			}
			if err := checkWaivers(set); err != nil {
				return err
			}
			checked := "the files alone"
			switch {
			case c.String("samples") != "":
				head, err := streamSamples(c.String("samples"))
				if err != nil {
					return err
				}
				if err := gate.Lint(judgeInput(set, nil, nil, head, "lint compares nothing", true)); err != nil {
					return exitError{gate.ExitMisuse, err}
				}
				checked = "names, units and directions against " + c.String("samples")
			case !c.Bool("no-build"):
				tmp, err := os.MkdirTemp("", "perfgate-lint-")
				if err != nil {
					return notJudged(fmt.Errorf("make a directory for the test binaries: %w; have TMPDIR name one with room", err))
				}
				defer os.RemoveAll(tmp)
				dir, err := filepath.Abs(".")
				if err != nil {
					return notJudged(err)
				}
				done := newShow(s).stage("build the suite")
				arm, err := measure.Build(c.Context, measure.System{}, measure.Version{Dir: dir, Ref: "the work tree"}, suite(set), tmp, measure.BuildOptions{})
				var broken measure.BuildError
				if errors.As(err, &broken) {
					err = fmt.Errorf("%w\nlint --no-build checks the files alone", err)
				}
				if err != nil {
					return interruptedOr(c.Context, notJudged(err))
				}
				done("%s", plural(len(functions(arm)), "function"))
				if err := gate.CheckNames(set, functions(arm)); err != nil {
					return exitError{gate.ExitMisuse, err}
				}
				checked = "that the benchmark functions exist; name parts and units need lint --samples"
			}
			suites := ""
			if n := len(set.Suites); n > 0 {
				suites = fmt.Sprintf(" and %d suites", n)
			}
			suites += reviewed(set)
			fmt.Fprintf(s.Err, "%d budgets%s in %d files are valid; checked %s\n", len(set.Budgets), suites, len(set.Files), checked)
			return nil
		},
	}
}
