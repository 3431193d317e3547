package prove

import (
	"fmt"
	"math"

	"github.com/perfgate/perfgate/internal/budget"
)

// beyondCeiling makes head worse by twice the ceiling of the waiver that the row has, and by twice the limit
// at least: the waiver must not excuse that. A ceiling of another kind than the limit is tried with the limit
// that it is for, if the budget has it.
func (t *trial) beyondCeiling() []Plant {
	w := t.waiver
	if w == nil || w.Relative != t.relative() {
		return nil
	}
	// One within this limit is for another budget on the same unit.
	if within := w.Ceiling.Value <= t.l.value; within != (t.l.kind == "at_least") {
		return nil
	}
	waived := t.withWaiver()
	head, base := t.in.Head.Clone(), t.in.Base
	k := t.members[0].Key
	if !w.Relative {
		target := max(2*w.Ceiling.Value, 2*t.l.value)
		if t.l.kind == "at_least" {
			target = min(w.Ceiling.Value, t.l.value) / 2
		}
		if target == 0 {
			return nil
		}
		return []Plant{waived.try(Ceiling, fmt.Sprintf("%.4g times the limit", target/t.l.value), Fail, base, t.moveTo(head, base, target))}
	}
	ratio, ok := t.ratio(base, head, 2)
	if !ok {
		return nil // from zero, where no percentage excuses anything
	}
	if t.l.kind == "max_rise" {
		ratio = max(ratio, 1+2*w.Ceiling.Value)
	} else {
		ratio = min(ratio, math.Pow(1-w.Ceiling.Value, 2))
	}
	multiply(head, k, t.b.Unit, always(ratio/t.present(base, head)))
	return []Plant{waived.try(Ceiling, fmt.Sprintf("a change of %+.4g %%", 100*(ratio-1)), Fail, base, head)}
}

// withWaiver is the trial with the waiver of its row, or nil where it has none.
func (t *trial) withWaiver() *trial {
	if t.waiver == nil {
		return nil
	}
	waived := *t
	waived.in.Budgets.Waivers = []budget.Waiver{*t.waiver}
	return &waived
}
