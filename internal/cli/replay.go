package cli

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/replay"
	"github.com/perfgate/perfgate/internal/sample"
)

func replayCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:  "replay",
		Usage: "score decision rules, perfgate's and those of other tools, on a recording; or make a recording",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "recording", Usage: "`FILES` of benchmark text made with --record, separated by commas; .gz is unpacked"},
			&cli.StringFlag{Name: "limits", Value: "10", Usage: "`LIST` of limits in percent"},
			&cli.IntFlag{Name: "suite", Value: 50, Usage: "benchmarks of a suite"},
			&cli.IntFlag{Name: "suites", Value: 2000, Usage: "suites drawn from the recording"},
			&cli.IntFlag{Name: "pairs", Value: 40, Usage: "most pairs of perfgate's plan; a trial that has fewer may end undecided"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "seed of what is drawn"},
			&cli.StringFlag{Name: "format", Value: "text", Usage: "text, markdown, json or svg"},
			&cli.StringFlag{Name: "out", Usage: "write to `FILE` instead of stdout"},
		}, recordFlags()...),
		Action: func(c *cli.Context) error {
			if c.String("record") != "" {
				return record(c, s)
			}
			if c.String("recording") == "" {
				return misuse("replay needs --recording FILE, or --record FILE to make one; run perfgate replay --help")
			}
			return score(c, s)
		},
	}
}

// score reads recordings and writes how the rules do on them.
func score(c *cli.Context, s Streams) error {
	o := replay.Options{Suite: c.Int("suite"), Suites: c.Int("suites"), Seed: c.Uint64("seed"), Decide: decider(c.Int("pairs")), Pairs: c.Int("pairs")}
	for _, f := range strings.Split(c.String("limits"), ",") {
		x, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(f), "%"), 64)
		if err != nil || x <= 0 || x > 1000 {
			return misuse("--limits: %q is not a percentage over 0", f)
		}
		o.Limits = append(o.Limits, x/100)
	}
	if p := c.Int("pairs"); p < 4 || p > sample.MaxRuns {
		return misuse("--pairs %d is not between 4 and %d", p, sample.MaxRuns)
	}
	if o.Suite < 1 || o.Suites < 1 {
		return misuse("--suite %d or --suites %d is no count from 1 on", o.Suite, o.Suites)
	}
	formats := []string{"text", "markdown", "json", "svg"}
	if !slices.Contains(formats, c.String("format")) {
		return misuse("unknown format %q%s; the formats are %s", c.String("format"), didYouMean(c.String("format"), formats), strings.Join(formats, ", "))
	}
	rec, err := readRecordings(strings.Split(c.String("recording"), ","))
	if err != nil {
		return err
	}
	scores := replay.Evaluate(rec, o)
	var b bytes.Buffer
	switch c.String("format") {
	case "json":
		err = replay.JSON(&b, scores)
	case "svg":
		err = replay.Chart(&b, scores)
	default:
		err = replay.Table(&b, scores, c.String("format") == "markdown")
	}
	if err != nil {
		return notJudged(err)
	}
	if out := c.String("out"); out != "" {
		if err := writeFile(filepath.Clean(out), b.Bytes()); err != nil {
			return misuse("%w; name another file with --out", err)
		}
		return nil
	}
	if _, err := s.Out.Write(b.Bytes()); err != nil {
		return notJudged(fmt.Errorf("write the scores: %w", err))
	}
	return nil
}

// decider is perfgate's own rule as check applies it.
func decider(pairs int) replay.Decider {
	plans := map[int]gate.Plan{}
	return func(ds, wall []float64, limit float64, comparisons int) (replay.Verdict, int) {
		p, ok := plans[comparisons]
		if !ok {
			p = gate.NewPlan(pairs, comparisons)
			plans[comparisons] = p
		}
		d := p.Decide(ds, wall, limit)
		return replay.Verdict(d.Kind), d.Pairs
	}
}

// readRecordings reads recordings as one.
func readRecordings(names []string) (*replay.Recording, error) {
	var readers []io.Reader
	for _, name := range names {
		f, err := os.Open(strings.TrimSpace(name))
		if err != nil {
			return nil, misuse("read the recording: %w; make one with --record FILE", err)
		}
		defer f.Close()
		var r io.Reader = f
		if filepath.Ext(f.Name()) == ".gz" {
			if r, err = gzip.NewReader(f); err != nil {
				return nil, misuse("read the recording in %s: %w; give a file that --record wrote, packed by gzip", name, err)
			}
		}
		// The keys of one file must not reach into the next, which sets them all.
		readers = append(readers, r)
	}
	rec, err := replay.Read(io.MultiReader(readers...))
	if err != nil {
		return nil, misuse("read the recording in %s: %w; give files that --record wrote", strings.Join(names, ", "), err)
	}
	return rec, nil
}
