package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/prove"
	"github.com/perfgate/perfgate/internal/sample"
	"github.com/perfgate/perfgate/report"
)

func proveCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:  "prove",
		Usage: "plant regressions into copies of measured samples and show of every budget that it can go red",
		Flags: append([]cli.Flag{
			budgetsFlag(),
			suiteFlag(),
			budgetFlag(),
			&cli.BoolFlag{Name: "measure", Usage: "measure now, into the directory --samples, as check does"},
			&cli.StringFlag{Name: "samples", Value: ".perfgate", Usage: "`DIR` in which perfgate check left " + baseFile + " and " + headFile},
			&cli.StringFlag{Name: "base", Usage: "`FILE` of benchmark text of base, with --head instead of --samples"},
			&cli.StringFlag{Name: "head", Usage: "`FILE` of benchmark text of head, with --base instead of --samples"},
			&cli.BoolFlag{Name: "json", Usage: "write the proof as JSON to stdout, and the table to stderr"},
		}, measureFlags()...),
		Action: func(c *cli.Context) error {
			set, suites, part, err := readPart(c)
			if err != nil {
				return err
			}
			if c.Bool("measure") {
				if err := measureNow(c, s, set, suites, part); err != nil {
					return err
				}
			}
			base, head, err := readBoth(c)
			if err != nil {
				return err
			}
			in := judgeInput(set, suites, base, head, "", false)
			in.IDs, in.Declared = part.ids, part.declared
			return proveBudgets(s, in, c.Uint64("seed"), c.Bool("json"))
		},
	}
}

// measureNow does what check does but judge: what its verdict would be does not matter, nor that both
// versions may be the same program, which shows the noise as well.
func measureNow(c *cli.Context, s Streams, set budget.Set, suites []budget.Suite, part only) error {
	if c.String("base") != "" || c.String("head") != "" {
		return misuse("prove --measure measures both versions: leave --base and --head out")
	}
	k, err := newPairChecker(c, Streams{Out: io.Discard, Err: s.Err, Terminal: s.Terminal}, c.String("samples"))
	if err != nil {
		return err
	}
	k.budgets, k.suites, k.only, k.anyway = set, suites, part, true
	var e exitError
	if err := k.check(c.Context); err != nil && !(errors.As(err, &e) && e.err == nil) {
		return err
	}
	return nil
}

// readBoth reads the samples of base and head that prove plants into.
func readBoth(c *cli.Context) (base, head *sample.Set, err error) {
	baseName, headName := c.String("base"), c.String("head")
	if (baseName == "") != (headName == "") {
		return nil, nil, misuse("prove needs --base and --head together, or --samples")
	}
	if baseName == "" {
		dir := c.String("samples")
		baseName, headName = filepath.Join(dir, baseFile), filepath.Join(dir, headFile)
		for _, name := range []string{headName, baseName} {
			if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
				continue
			}
			if name == baseName {
				return nil, nil, misuse("read samples: no %s: the check had no base; run perfgate check --base REF, or give other samples with --samples DIR", name)
			}
			return nil, nil, misuse("read samples: no %s; run perfgate check first, or give the directory of its samples with --samples DIR", name)
		}
	}
	if base, _, err = readSamples(baseName); err != nil {
		return nil, nil, err
	}
	head, _, err = readSamples(headName)
	return base, head, err
}

// proveBudgets proves the budgets on two sets of samples, prints the proof and returns the exit code.
func proveBudgets(s Streams, in gate.Input, seed uint64, asJSON bool) error {
	proof, err := prove.Prove(in, seed)
	var problems budget.Problems
	switch {
	case errors.As(err, &problems):
		return exitError{gate.ExitMisuse, err}
	case err != nil:
		return notJudged(err)
	}
	table := proofTable(proof)
	out := s.Out
	if asJSON {
		data, err := json.MarshalIndent(proof, "", "  ")
		if err != nil {
			return notJudged(err)
		}
		if _, err := s.Out.Write(append(data, '\n')); err != nil {
			return notJudged(fmt.Errorf("write the proof: %w", err))
		}
		out = s.Err
	}
	if _, err := io.WriteString(out, table); err != nil {
		return notJudged(fmt.Errorf("write the proof: %w", err))
	}
	if proof.Unproved > 0 {
		return ended(gate.ExitFail)
	}
	return nil
}

// proofColumns are the columns of plants, each with the plants that share it.
var proofColumns = []struct {
	head   string
	plants []string
}{
	{"1.2x", []string{prove.Near}},
	{"1.5x", []string{prove.Half}},
	{"2x", []string{prove.Twice}},
	{"3x", []string{prove.Thrice, prove.Ceiling}},
	{"gone", []string{prove.NoBase, prove.NoHead, prove.Renamed, prove.Dropped}},
	{"crash", []string{prove.Crashed}},
	{"const", []string{prove.Constant}},
	{"0to1", []string{prove.FromZero}},
	{"noise", []string{prove.Noise15, prove.Noise40}},
	{"self", []string{prove.Self}},
}

// kindWords are verdicts in a column.
var kindWords = map[gate.Kind]string{gate.Pass: "pass", gate.Fail: "FAIL", gate.Inconclusive: "inc", gate.Missing: "miss", "": "err"}

// Widths of the table, which fits 120 characters.
const (
	proofName = 42
	proofCell = 6
)

// proofTable prints a line for each limit on each benchmark, a line for each that is not proved, and the
// sum.
func proofTable(p prove.Proof) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%-5s%-*s", "", proofName, "planted")
	for _, c := range proofColumns {
		fmt.Fprintf(&b, "%-*s", proofCell, c.head)
	}
	b.WriteString("smallest\n")
	heading := ""
	for _, r := range p.Rules {
		limit := r.Kind + " " + r.Limit
		if h := fmt.Sprintf("%s  %s  %s  %s", cut(report.ASCII(r.ID, 200), 45), cut(report.ASCII(r.Unit, 200), 20), cut(report.ASCII(limit, 200), 25), report.ASCII(r.At, 200)); h != heading {
			heading = h
			b.WriteString(h + "\n")
		}
		ok := "ok"
		if !r.Proved {
			ok = "NOT"
		}
		var line strings.Builder
		fmt.Fprintf(&line, "%-5s%-*s ", ok, proofName-1, cut(report.ASCII(r.Benchmark, 200), proofName-1))
		for _, c := range proofColumns {
			fmt.Fprintf(&line, "%-*s", proofCell, proofWord(r, c.plants))
		}
		line.WriteString(smallestWord(r))
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	for _, r := range p.Rules {
		if !r.Proved {
			fmt.Fprintf(&b, "%s: %s on %s %s; %s\n", report.ASCII(r.At, 200), report.ASCII(r.ID, 200), report.ASCII(r.Benchmark, 200), report.ASCII(r.Problem, 800), report.ASCII(r.Help, 400))
		}
	}
	fmt.Fprintf(&b, "%s proved able to fail, %d not\n", plural(p.Proved, "rule"), p.Unproved)
	return b.String()
}

// proofWord sums up the plants of a column: the first that is not as it must be, with a mark, otherwise
// the last.
func proofWord(r prove.Rule, names []string) string {
	word := "-"
	for _, name := range names {
		i := slices.IndexFunc(r.Plants, func(p prove.Plant) bool { return p.Name == name })
		if i < 0 {
			continue
		}
		word = kindWords[r.Plants[i].Verdict]
		if !r.Plants[i].OK {
			return word + "!"
		}
	}
	return word
}

// smallestWord says what change a rule finds.
func smallestWord(r prove.Rule) string {
	switch {
	case r.AnyBeyond:
		return "any"
	case r.Smallest != nil:
		return fmt.Sprintf("%+.3g %%", 100**r.Smallest)
	}
	return "-"
}

// cut shortens a text of printable ASCII to a width.
func cut(s string, width int) string {
	if len(s) <= width {
		return s
	}
	return s[:width-3] + "..."
}
