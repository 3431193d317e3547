package gate

import (
	"fmt"
	"maps"
	"slices"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/sample"
)

// When the spread of a benchmark is far beyond that of its records: this many records at least and the
// last so many at most are looked at, this many runs of each tell a spread, and it has to be over so
// many times the widest of them and over this share of the median.
const (
	spreadRecords = 3
	spreadLast    = 5
	spreadRuns    = 8
	spreadTimes   = 3
	spreadLeast   = 0.10
)

// An Unfit is why samples are no baseline, one sentence each.
type Unfit struct {
	// Reasons are such that only other samples help: a failure, a gap, few runs, exact values that differ.
	Reasons []string
	// Spread are benchmarks whose runs lie much farther apart than in the records before.
	Spread []string
}

// CheckRecord says why head's samples are no baseline, if so. Earlier are the samples of records, the
// last one first; those of another machine count for nothing. What the input says of a base is not
// looked at.
func CheckRecord(in Input, earlier []*sample.Set) Unfit {
	var out Unfit
	if c := in.Head.Confidence; c != "" {
		out.Reasons = append(out.Reasons, fmt.Sprintf("samples of %s confidence are no baseline; measure without --quick", firstLine(c)))
	}
	if part := in.Head.Provenance[ShardKey]; part != "" {
		out.Reasons = append(out.Reasons, fmt.Sprintf("shard %.20s is no baseline but a part of one", part))
	}
	out.Reasons = append(out.Reasons, Unmeasured(in)...)
	for _, d := range in.Head.Damage {
		if d.Name != "" {
			out.Reasons = append(out.Reasons, fmt.Sprintf("%s: %s is damaged: %s", d.At(in.Head), d.Name, d.Text))
		}
	}
	var alike []*sample.Set
	for _, s := range earlier {
		if len(alike) < spreadLast && sameMachine(s, in.Head) {
			alike = append(alike, s)
		}
	}
	for _, b := range in.Head.Benchmarks {
		for _, unit := range slices.Sorted(maps.Keys(b.Samples)) {
			a := newArm(in.Head, b.Key, unit)
			asked, exact := false, in.Head.Assume(unit) == "exact"
			for i := range in.Budgets.Budgets {
				if r := &in.Budgets.Budgets[i]; r.Unit == unit && r.Match.Match(b.Name) {
					asked, exact = true, exact || r.Class == budget.Exact
				}
			}
			switch {
			case exact && varies(a):
				xs := a.values()
				out.Reasons = append(out.Reasons, fmt.Sprintf("%s %s is exact, yet its runs differ: %v to %v", b.Name, unit, slices.Min(xs), slices.Max(xs)))
			case asked && !exact:
				out.Spread = append(out.Spread, spreads(a, b.Key, alike)...)
			}
		}
	}
	return out
}

// sameMachine reports whether two sets were measured on machines that cannot be told apart.
func sameMachine(a, b *sample.Set) bool {
	return !slices.ContainsFunc([]string{"goos", "goarch", "cpu"}, func(k string) bool { return a.Environment[k] != b.Environment[k] })
}

// spreads says so if the values of an arm lie much farther apart than those of the records.
func spreads(a arm, k sample.Key, earlier []*sample.Set) []string {
	now, ok := spread(a)
	if !ok {
		return nil
	}
	var before []float64
	for _, s := range earlier {
		if w, ok := spread(newArm(s, k, a.unit)); ok {
			before = append(before, w)
		}
	}
	if len(before) < spreadRecords || now <= spreadLeast || now <= spreadTimes*slices.Max(before) {
		return nil
	}
	return []string{fmt.Sprintf("the middle half of the runs of %s %s spans %.0f %% of their median, that of the last %d baselines at most %.1f %%", k.Name, a.unit, 100*now, len(before), 100*slices.Max(before))}
}

// spread returns the width of the middle half of the values as a share of their median.
func spread(a arm) (float64, bool) {
	if a.bench == nil || len(a.ms) < spreadRuns {
		return 0, false
	}
	xs := slices.Sorted(slices.Values(a.alone()))
	n, m := len(xs), median(xs)
	if n < spreadRuns || m <= 0 {
		return 0, false
	}
	return (xs[n-1-n/4] - xs[n/4]) / m, true
}

// keep puts the value of the record in the place of that of the base, where the unit is exact and so the
// same on every machine.
func (j *judge) keep(c *testcase) {
	if j.in.Stored == nil || !c.declared || c.class != budget.Exact {
		return
	}
	was := newArm(j.in.Stored, c.key, c.b.Unit)
	if len(was.ms) == 0 {
		return
	}
	if len(c.base.ms) > 0 && varies(arm{ms: slices.Concat(c.base.ms, was.ms)}) {
		c.unlike = fmt.Sprintf("the base measured anew has %v, and its record %v, with which head is compared", centre(c.b.Unit, c.base.values()), centre(c.b.Unit, was.values()))
	}
	c.base = was
}
