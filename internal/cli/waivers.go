package cli

import (
	"fmt"
	"time"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/measure"
)

// today is the day on which waivers have to hold, the same on every machine.
func today() string { return day(time.Now()) }

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// todayOr returns the day that a flag gives, or else today.
func todayOr(flag string) (string, error) {
	if flag == "" {
		return today(), nil
	}
	if _, err := time.Parse(time.DateOnly, flag); err != nil {
		return "", misuse("--today %q is not a day; write it as 2026-12-31", flag)
	}
	return flag, nil
}

// checkWaivers refuses the waivers that are over, or for nothing, before anything is measured.
func checkWaivers(set budget.Set) error {
	if err := gate.CheckWaivers(set, today()); err != nil {
		return exitError{gate.ExitMisuse, err}
	}
	return nil
}

// renames are those of the budget files as measuring wants them.
func renames(set budget.Set) []measure.Rename {
	var out []measure.Rename
	for _, r := range set.Renames {
		out = append(out, measure.Rename{From: "Benchmark" + r.From, To: "Benchmark" + r.To})
	}
	return out
}

// reviewed says how many waivers and renames there are.
func reviewed(set budget.Set) string {
	text := ""
	if n := len(set.Waivers); n > 0 {
		text += fmt.Sprintf(" and %s", plural(n, "waiver"))
	}
	if n := len(set.Renames); n > 0 {
		text += fmt.Sprintf(" and %s", plural(n, "rename"))
	}
	return text
}
