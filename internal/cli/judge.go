package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/sample"
)

func budgetsFlag() *cli.StringFlag {
	return &cli.StringFlag{Name: "budgets", Value: "budgets/", Usage: "`DIR` of budget files, or one file"}
}

func allowNoBaseFlag() *cli.BoolFlag {
	return &cli.BoolFlag{Name: "allow-no-base", Usage: "do not end with 3 only since there is nothing to compare with"}
}

func judgeCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:  "judge",
		Usage: "judge two files of Go benchmark text against the budgets; nothing is measured",
		Flags: []cli.Flag{
			budgetsFlag(),
			suiteFlag(),
			budgetFlag(),
			&cli.StringFlag{Name: "base", Usage: "`FILE` of benchmark text of the version compared with"},
			&cli.StringFlag{Name: "head", Usage: "`FILE` of benchmark text of the version judged (required, unless there are shards)"},
			&cli.StringFlag{Name: "baseline", Usage: "`FILE` of the record of base, whose exact values head is compared with: " + storedFile + " of a check"},
			shardsFlag(),
			&cli.StringFlag{Name: "out", Usage: "write the result to `FILE` and the verdicts to stdout, instead of the result to stdout"},
			allowNoBaseFlag(),
			&cli.StringFlag{Name: "today", Usage: "`DAY` on which waivers have to hold, as 2026-12-31; that of an earlier result repeats it"},
		},
		Action: func(c *cli.Context) error {
			if c.IsSet(shardsFlagName) {
				return judgeShards(c, s)
			}
			if err := required(c, "head"); err != nil {
				return err
			}
			today, err := todayOr(c.String("today"))
			if err != nil {
				return err
			}
			set, suites, part, err := readPart(c)
			if err != nil {
				return err
			}
			head, base, err := streamBoth(c.String("head"), c.String("base"))
			if err != nil {
				return err
			}
			noBase := "no file was given; give one with --base FILE"
			if base != nil {
				noBase = ""
			}
			in := judgeInput(set, suites, base, head, noBase, c.Bool("allow-no-base"))
			in.Today = today
			in.IDs, in.Declared = part.ids, part.declared
			if name := c.String("baseline"); name != "" {
				if in.Stored, err = streamSamples(name); err != nil {
					return err
				}
			}
			result, err := judge(in)
			if err != nil {
				return err
			}
			return deliver(s, result, c.String("out"))
		},
	}
}

// judge calls the gate and sorts its errors into exit codes.
func judge(in gate.Input) (gate.Result, error) {
	result, err := gate.Judge(in)
	if err != nil {
		return result, exitError{gate.ExitMisuse, err}
	}
	return result, nil
}

func judgeInput(set budget.Set, suites []budget.Suite, base, head *sample.Set, noBase string, allow bool) gate.Input {
	in := gate.Input{Budgets: set, Suites: suites, Head: head, Base: base, NoBase: noBase, AllowNoBase: allow, Today: today()}
	return withRecorded(in)
}

// withRecorded heeds what a base says of itself: that it serves exact units only.
func withRecorded(in gate.Input) gate.Input {
	if in.Base != nil && in.Base.Provenance[recordedKey] != "" {
		in.Recorded, in.NoBase = true, in.Base.Provenance[recordedKey]
	}
	return in
}

// deliver writes a result as JSON to a file, with the verdicts on stdout; or as JSON to stdout, with
// the verdicts on stderr. It returns the exit code.
func deliver(s Streams, r gate.Result, out string) error {
	data, err := render(r, "json")
	if err != nil {
		return notJudged(err)
	}
	table, err := render(r, "text")
	if err != nil {
		return notJudged(err)
	}
	if out == "" {
		if _, err := s.Out.Write(data); err != nil {
			return notJudged(fmt.Errorf("write the result: %w", err))
		}
		_, _ = s.Err.Write(table)
		return ended(r.ExitCode)
	}
	if err := writeFile(filepath.Clean(out), data); err != nil {
		return misuse("%w; name another file with --out", err)
	}
	if _, err := s.Out.Write(s.verdicts(table)); err != nil {
		return notJudged(fmt.Errorf("write the verdicts: %w", err))
	}
	return ended(r.ExitCode)
}

func reportCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:  "report",
		Usage: "render a result; ends with the result's exit code",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "result", Usage: "result `FILE` of check or judge (required)"},
			&cli.StringFlag{Name: "format", Usage: "`NAME`: " + strings.Join(formats[:len(formats)-1], ", ") + "; or " + benchFormat + ", the samples of both sides for benchstat", Value: "text"},
			&cli.StringFlag{Name: "out", Usage: "write to `FILE` instead of stdout"},
		},
		Action: func(c *cli.Context) error {
			r, err := readResult(c)
			if err != nil {
				return err
			}
			var data []byte
			if format := c.String("format"); format == benchFormat {
				data, err = benchText(s, r, c.String("result"))
			} else {
				data, err = render(r, format)
			}
			if err != nil {
				return err
			}
			if c.String("format") == "text" && c.String("out") == "" {
				data = s.verdicts(data)
			}
			if out := c.String("out"); out != "" {
				if err := writeFile(filepath.Clean(out), data); err != nil {
					return misuse("%w; name another file with --out", err)
				}
			} else if _, err := s.Out.Write(data); err != nil {
				return notJudged(fmt.Errorf("write the report: %w", err))
			}
			return ended(r.ExitCode)
		},
	}
}
