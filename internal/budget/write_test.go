package budget

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// bareOf takes away where things stand in a file.
func bareOf(b Budget) Budget {
	b.Pos, b.MatchPos, b.UnitPos, b.BetterPos, b.ClassPos = Pos{}, Pos{}, Pos{}, Pos{}, Pos{}
	for _, l := range []**Limit{&b.MaxRise, &b.MaxDrop, &b.AtMost, &b.AtLeast, &b.IgnoreBelow} {
		if *l != nil {
			c := **l
			c.Pos = Pos{}
			*l = &c
		}
	}
	if b.Scales != nil {
		s := *b.Scales
		s.Pos = Pos{}
		b.Scales = &s
	}
	return b
}

// What is written is read back, whatever the names: a benchmark may be called anything.
func TestDraftIsReadBack(t *testing.T) {
	part := rapid.OneOf(
		rapid.StringMatching(`[ -~]{1,8}`),
		rapid.SampledFrom([]string{"on", "Null", "1e3", "0x10", "~", "- a", "#x", "a: b", "a #b", "é", "日本", "{a", "[", "*x", "&x", "!t", "|", ">", "%", "@", "`", "'", `"`, `\`, ":", "?", ",", "=", "<<", ".inf", "2001-01-01", "1:30", "\U0001F600"}),
	)
	rapid.Check(t, func(t *rapid.T) {
		text := strings.ReplaceAll(rapid.SampledFrom([]string{"A", "Size", "É"}).Draw(t, "function")+"/"+part.Draw(t, "part"), " ", "_")
		sel, err := ParseSelector(text)
		if err != nil {
			return // no selector
		}
		unit := strings.ReplaceAll(strings.TrimSpace(part.Draw(t, "unit")), " ", "-")
		if unit == "" || strings.Contains(unit, "ns") || strings.HasPrefix(unit, "MB") || strings.Contains(unit, "µ") {
			unit = "things/op"
		}
		why := strings.Join(strings.Fields(part.Draw(t, "why")), " ")
		want := Budget{
			ID: "a-1", Match: sel, Unit: unit, UnitText: unit, Better: Higher, Class: Exact, OnInconclusive: Warn, OnMissing: Warn, Why: why,
			MaxDrop: &Limit{Value: 0.25, Text: "25%"},
		}
		d := Draft{
			Comment: []string{"what " + part.Draw(t, "comment") + "\u202e\nversion: 2"}, Suite: "./" + strings.Map(plainPath, text), Against: "merge-base",
			Sections: []Section{{Comment: []string{text}, Budgets: []Budget{want}}}, Left: []string{text + "\r\nbudgets: {}"},
		}
		data := d.Bytes()
		set, err := Parse([]Source{{"b.yaml", data}})
		if err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		if got := bareOf(set.Budgets[0]); len(set.Budgets) != 1 || !reflect.DeepEqual(got, want) || set.Suite != d.Suite || set.Against != d.Against {
			t.Fatalf("got  %+v\nwant %+v\n%s", got, want, data)
		}
	})
}

func plainPath(r rune) rune {
	if strings.ContainsRune("#: ", r) {
		return '_'
	}
	return r
}

// Every key is written.
func TestDraftHasEveryKey(t *testing.T) {
	const text = `version: 1
suite: .
budgets:
  - id: a
    match: A
    unit: ns/op
    better: lower
    class: waiting
    max_rise: 10%
    at_most: 15ms
    ignore_below: 50us
    scales: {with: ops, exponent_at_most: 1.1}
    on_inconclusive: warn
    why: three (or more) in one room, at once

  # others
  - id: b
    match: B
    unit: ops/s
    better: higher
    max_drop: 0%
    at_least: 120
`
	set, err := Parse([]Source{{"b.yaml", []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	d := Draft{Suite: set.Suite, Sections: []Section{{Budgets: set.Budgets[:1]}, {Comment: []string{"others"}, Budgets: set.Budgets[1:]}}}
	if got := string(d.Bytes()); got != text {
		t.Errorf("got\n%s\nwant\n%s", got, text)
	}
}
