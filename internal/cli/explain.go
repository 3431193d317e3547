package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/report"
)

func explainCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "say in plain words what a budget asks, and what its last verdicts mean",
		ArgsUsage: "NAME",
		Flags: []cli.Flag{
			budgetsFlag(),
			&cli.StringFlag{Name: "result", Value: filepath.ToSlash(filepath.Join(outDir, resultFile)), Usage: "result `FILE` of check or judge; without one only the budget is explained"},
		},
		Action: func(c *cli.Context) error {
			switch {
			case !c.Args().Present():
				return misuse("explain needs the id of a budget, or a benchmark; the ids stand in the budget files, and benchmarks in the verdicts")
			case c.NArg() > 1:
				return misuse("explain takes one name, and no %q after it; flags begin with --, and stand before the name", c.Args().Get(1))
			}
			e, err := explanation(c, c.Args().First())
			if err != nil {
				return err
			}
			var b bytes.Buffer
			if err := report.Explain(&b, e); err != nil {
				return misuse("explain %s: %w", e.Name, err)
			}
			if _, err := s.Out.Write(b.Bytes()); err != nil {
				return misuse("write the explanation: %w", err)
			}
			return nil
		},
	}
}

// explanation finds what a name means: a budget of that id, else the budgets and verdicts of the benchmarks
// that it selects.
func explanation(c *cli.Context, name string) (report.Explanation, error) {
	e := report.Explanation{Name: name}
	set, err := readBudgets(c.String("budgets"))
	if err != nil {
		return e, err
	}
	result, err := explained(c, &e)
	if err != nil {
		return e, err
	}
	e.Result = result
	var verdicts []gate.Verdict
	if result != nil {
		verdicts = result.Verdicts
	}
	wanted := func(b budget.Budget) bool { return b.ID == name }
	e.Verdicts = slices.DeleteFunc(slices.Clone(verdicts), func(v gate.Verdict) bool { return v.ID != name })
	if len(e.Verdicts) == 0 && !slices.ContainsFunc(set.Budgets, wanted) {
		sel, err := budget.ParseSelector(name)
		if err != nil {
			return e, unexplained(name, set, verdicts)
		}
		e.Verdicts = slices.DeleteFunc(slices.Clone(verdicts), func(v gate.Verdict) bool { return !sel.Match(v.Benchmark) })
		wanted = func(b budget.Budget) bool { return b.Match.Meets(sel) }
		if len(e.Verdicts) > 0 {
			wanted = func(b budget.Budget) bool {
				return slices.ContainsFunc(e.Verdicts, func(v gate.Verdict) bool { return v.ID == b.ID })
			}
		}
	}
	for _, b := range set.Budgets {
		if wanted(b) {
			e.Rules = append(e.Rules, ruleOf(b, set))
		}
	}
	if len(e.Rules) == 0 && len(e.Verdicts) == 0 {
		return e, unexplained(name, set, verdicts)
	}
	return e, nil
}

// explained reads the result, if there is one. One that was not asked for by its name need not be there.
func explained(c *cli.Context, e *report.Explanation) (*gate.Result, error) {
	name := c.String("result")
	if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) && !c.IsSet("result") {
		e.NoResult = fmt.Sprintf("There is no result in %s yet: run perfgate check, or name one with --result FILE.", name)
		return nil, nil
	}
	r, err := readResult(c)
	if err != nil {
		var told exitError
		if errors.As(err, &told) {
			err = told.err
		}
		return nil, exitError{gate.ExitMisuse, err}
	}
	return &r, nil
}

// unexplained is the error of a name that nothing has.
func unexplained(name string, set budget.Set, verdicts []gate.Verdict) error {
	var names []string
	for _, b := range set.Budgets {
		names = append(names, b.ID, b.Match.Text, b.Match.Name)
	}
	for _, v := range verdicts {
		names = append(names, v.ID, v.Benchmark)
	}
	near := budget.Nearest(name, names)
	if near != "" {
		near = "; did you mean " + report.ASCII(near, 200) + "?"
	}
	return misuse("explain %q: no budget has this id, and none is about such a benchmark%s; the ids stand in %s", name, near, strings.Join(set.Files[:min(len(set.Files), 3)], ", "))
}

// ruleOf is a budget as its file states it.
func ruleOf(b budget.Budget, set budget.Set) report.Rule {
	r := report.Rule{
		ID: b.ID, At: lineOf(b.Pos), Match: b.Match.Text, Unit: b.UnitText,
		Class: string(b.Class), Against: set.Against, Warn: b.OnInconclusive == budget.Warn, Why: b.Why,
	}
	if b.Better != budget.Unknown {
		r.Better = b.Better.String()
	}
	for _, l := range []struct {
		kind  string
		limit *budget.Limit
	}{{"max_rise", b.MaxRise}, {"max_drop", b.MaxDrop}, {"at_most", b.AtMost}, {"at_least", b.AtLeast}} {
		if l.limit != nil {
			r.Limits = append(r.Limits, [2]string{l.kind, l.limit.Text})
		}
	}
	if b.Scales != nil {
		r.With = b.Scales.With
		r.Limits = append(r.Limits, [2]string{"scales", fmt.Sprintf("exponent_at_most %v", b.Scales.ExponentAtMost)})
	}
	if b.IgnoreBelow != nil {
		r.IgnoreBelow = b.IgnoreBelow.Text
	}
	for _, w := range set.Waivers {
		// Growth cannot be waived.
		if plain := b.MaxRise != nil || b.MaxDrop != nil || b.AtMost != nil || b.AtLeast != nil; plain && w.Unit == b.Unit && b.Match.Meets(w.Match) {
			r.Waivers = append(r.Waivers, report.RuleWaiver{
				At: lineOf(w.Pos), Match: w.Match.Text, Ceiling: w.Ceiling.Text, Until: w.Until, Reason: w.Reason, Link: w.Link,
			})
		}
	}
	for _, n := range set.Renames {
		if to, err := budget.ParseSelector(n.To); err == nil && b.Match.Meets(to) {
			r.Renames = append(r.Renames, report.RuleRename{At: lineOf(n.Pos), From: n.From, To: n.To})
		}
	}
	return r
}

func lineOf(p budget.Pos) string { return fmt.Sprintf("%s:%d", p.File, p.Line) }
