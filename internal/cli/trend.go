package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/perfgate/perfgate/internal/baseline"
	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/measure"
	"github.com/perfgate/perfgate/internal/sample"
	"github.com/perfgate/perfgate/report"
)

// maxTrend is how many releases a trend may have.
const maxTrend = 200

// trendFormats are the values of trend --format.
var trendFormats = []string{"text", "html", "json"}

func trendCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:  "trend",
		Usage: "show the history of what is recorded: values, changes and slow drift, as a page or as text",
		Flags: []cli.Flag{
			storeFlag(),
			budgetsFlag(),
			&cli.StringFlag{Name: "samples", Usage: "`FILE` of perfgate run, shown as the present head"},
			&cli.StringSliceFlag{Name: "match", Usage: "only benchmarks that `SELECTOR` matches; may be given more than once"},
			&cli.StringFlag{Name: "unit", Usage: "only values in `UNIT`, as the benchmark prints it"},
			&cli.IntFlag{Name: "last", Value: 50, Usage: "only the last `N` records"},
			&cli.BoolFlag{Name: "by-time", Usage: "all records in the order of their recording, also those that are no versions"},
			&cli.StringFlag{Name: "format", Value: trendFormats[0], Usage: strings.Join(trendFormats, ", ")},
			&cli.StringFlag{Name: "out", Usage: "write to `FILE` instead of stdout"},
		},
		Action: func(c *cli.Context) error {
			format := c.String("format")
			switch n := c.Int("last"); {
			case !slices.Contains(trendFormats, format):
				return misuse("unknown format %q%s; the formats are %s", format, didYouMean(format, trendFormats), strings.Join(trendFormats, ", "))
			case n < 1 || n > maxTrend:
				return misuse("--last %d is not between 1 and %d", n, maxTrend)
			}
			h, err := trendChoice(c)
			if err != nil {
				return err
			}
			if err := checkStore(c.String(storeFlagName)); err != nil {
				return err
			}
			return withStore(c, func(store baseline.Store) error { return trend(c, s, store, h) })
		},
	}
}

// trendChoice reads what of a history is asked for.
func trendChoice(c *cli.Context) (gate.History, error) {
	var h gate.History
	for _, text := range c.StringSlice("match") {
		sel, err := budget.ParseSelector(text)
		if err != nil {
			return h, misuse("--match: %w; write Name/key=value", err)
		}
		h.Match = append(h.Match, sel)
	}
	if unit := c.String("unit"); unit != "" {
		h.Unit = sample.Tidy(unit)
	}
	// Limits are shown where there are some; without budgets there is a history all the same.
	if _, err := os.Stat(c.String("budgets")); err != nil && !c.IsSet("budgets") && errors.Is(err, os.ErrNotExist) {
		return h, nil
	}
	var err error
	h.Budgets, err = readBudgets(c.String("budgets"))
	return h, err
}

// trend shows the history of a store.
func trend(c *cli.Context, s Streams, store baseline.Store, h gate.History) error {
	show := newShow(s)
	records, bad, err := trendRecords(c.Context, store, c.Bool("by-time"), c.Int("last"))
	if err != nil {
		return err
	}
	for _, err := range bad {
		show.line("left out: %v", err)
	}
	for _, r := range records {
		at := cmp.Or(r.Samples.Provenance["commit-time"], r.Recorded.Format(time.RFC3339))
		h.Releases = append(h.Releases, gate.Release{Name: r.Name, Time: at, Commit: r.Commit, Samples: r.Samples})
	}
	if file := c.String("samples"); file != "" {
		head, err := trendHead(file)
		if err != nil {
			return err
		}
		h.Releases = append(h.Releases, head)
	}
	if len(h.Releases) == 0 {
		return notJudged(fmt.Errorf("%s has no records to show; record a release with perfgate baseline record", store))
	}
	t, err := gate.NewTrend(h)
	if err != nil {
		return misuse("%w", err)
	}
	var b bytes.Buffer
	switch c.String("format") {
	case "html":
		err = report.TrendHTML(&b, t)
	case "json":
		err = report.TrendJSON(&b, t)
	default:
		err = report.TrendText(&b, t)
	}
	if err != nil {
		return err
	}
	if out := c.String("out"); out != "" {
		if err := writeFile(filepath.Clean(out), b.Bytes()); err != nil {
			return misuse("%w", err)
		}
	} else if _, err := s.Out.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	switch {
	case len(bad) > 0:
		return notJudged(fmt.Errorf("%d of %d records cannot be read", len(bad), len(bad)+len(records)))
	case len(records) == 0:
		return notJudged(fmt.Errorf("%s has no records to show beside head; record a release with perfgate baseline record", store))
	}
	return nil
}

// trendRecords returns the last records of the store, the oldest first, and the errors of those that
// cannot be read.
func trendRecords(ctx context.Context, store baseline.Store, byTime bool, last int) (records []baseline.Record, bad []error, err error) {
	names, err := store.List(ctx)
	if err != nil {
		return nil, nil, err
	}
	if !byTime {
		names = baseline.History(names, trendModule(ctx))
		names = names[max(0, len(names)-last):]
	}
	for _, name := range names {
		text, err := store.Read(ctx, name)
		if err != nil && ctx.Err() != nil {
			return nil, nil, err
		}
		var r baseline.Record
		if err == nil {
			r, err = baseline.Read(text, name)
		}
		if err != nil {
			bad = append(bad, err)
			continue
		}
		records = append(records, r)
	}
	if byTime {
		slices.SortStableFunc(records, func(a, b baseline.Record) int {
			return cmp.Or(a.Recorded.Compare(b.Recorded), baseline.Compare(a.Name, b.Name))
		})
		records = records[max(0, len(records)-last):]
	}
	return records, bad, nil
}

// trendModule is the directory of the module whose versions are shown.
func trendModule(ctx context.Context) string {
	repo, err := measure.Open(ctx, measure.System{}, ".")
	if err != nil {
		return "" // a store can be read without a repository
	}
	return moduleDir(repo)
}

// trendHead reads the samples of the present head.
func trendHead(file string) (gate.Release, error) {
	set, _, err := readSamples(filepath.Clean(file))
	switch {
	case err != nil:
		return gate.Release{}, err
	case len(set.Damage) > 0:
		return gate.Release{}, notJudged(fmt.Errorf("read %s: line %d: %s", file, set.Damage[0].Line, set.Damage[0].Text))
	case len(set.Benchmarks) == 0:
		return gate.Release{}, notJudged(fmt.Errorf("read %s: it has no samples", file))
	}
	name := "head"
	if set.Confidence != "" {
		name += ", confidence " + set.Confidence
	}
	p := set.Provenance
	return gate.Release{Name: name, Time: cmp.Or(p["commit-time"], p["measured"]), Commit: p["commit"], Head: true, Samples: set}, nil
}
