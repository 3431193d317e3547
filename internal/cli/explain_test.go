package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/gate"
)

// A budget is explained with the waivers and renames of the files that may be for it, also where nothing was
// judged yet, and without those that are for others.
func TestExplainRules(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("budgets", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"b.yaml": "version: 1\nbudgets:\n" +
			"  - {id: walk, match: Walk, unit: ns/op, max_rise: 10%}\n" +
			"  - {id: one, match: Walk/n=1, unit: B/op, max_rise: 10%}\n" +
			"  - {id: grows, match: Walk, unit: ns/op, scales: {with: n, exponent_at_most: 1}}\n" +
			"  - {id: run, match: Run, unit: ns/op, max_rise: 10%}\n",
		"waivers.yaml": "version: 1\nwaivers:\n" +
			"  - {benchmark: Walk/n=1, unit: ns/op, ceiling: 40%, until: 2026-12-31, reason: checked now, link: \"https://example.test/7\"}\n",
		"renames.yaml": "version: 1\nrenames:\n  - {from: Go, to: Walk}\n",
	} {
		if err := os.WriteFile("budgets/"+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const waived, renamed = "Walk/n=1: a fail is permitted up to 40%, until 2026-12-31 (budgets/waivers.yaml:3)", "Walk, with all below it, is compared with Go of base"
	for id, want := range map[string][2]bool{"walk": {true, true}, "one": {false, true}, "grows": {false, true}, "run": {}} {
		out, stderr, code := runs("explain", id)
		text := strings.Join(strings.Fields(out), " ")
		if code != gate.ExitPass || strings.Contains(text, waived) != want[0] || strings.Contains(text, renamed) != want[1] {
			t.Errorf("%s: exit code %d, %s%s", id, code, out, stderr)
		}
	}
}
