package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/sample"
)

// Renamed returns the input with the benchmarks of the base called as head calls them, by the renames of
// its budgets, and without these.
func Renamed(in Input) Input {
	j := newJudge(in)
	j.in.Budgets.Renames = nil
	return j.in
}

// newJudge returns the state of a judgement in which the base has the names of head.
func newJudge(in Input) *judge {
	j := &judge{in: in}
	if len(in.Budgets.Renames) == 0 {
		return j
	}
	j.original = map[sample.Key]string{}
	j.in.Base = j.renamed(in.Base)
	j.in.Stored = j.renamed(in.Stored)
	return j
}

// renamed returns a set with the names that head has. A name that is there already stays the one.
func (j *judge) renamed(s *sample.Set) *sample.Set {
	if s == nil {
		return nil
	}
	out := s.Renamed(func(k sample.Key) string {
		to := sample.Key{Package: k.Package, Name: j.headName(k.Name)}
		if to != k && s.Lookup(to) != nil {
			return k.Name
		}
		if to != k && s.Lookup(k) != nil {
			j.original[to] = k.Name
		}
		return to.Name
	})
	// What kept a whole function from running kept what is now in another from running as well.
	for _, r := range j.in.Budgets.Renames {
		for _, f := range s.Failures {
			if f.Name != r.From && f.Name != "" && within(r.From, f.Name) {
				f.Name = r.To
				out.Failures = append(out.Failures, f)
			}
		}
		for _, d := range s.Damage {
			if d.Name != r.From && d.Name != "" && within(r.From, d.Name) {
				d.Name = r.To
				out.Damage = append(out.Damage, d)
			}
		}
	}
	return out
}

// headName is what a benchmark of base is called in head.
func (j *judge) headName(name string) string {
	for _, r := range j.in.Budgets.Renames {
		if to, ok := r.Name(name); ok {
			return to
		}
	}
	return name
}

// checkRenames finds the renames that head or base contradict, and notes those that are done. It needs the
// base as it was measured.
func (j *judge) checkRenames(base *sample.Set) {
	head := j.in.Head
	if len(j.in.Budgets.Renames) == 0 || len(head.Benchmarks) == 0 {
		return
	}
	has := func(s *sample.Set, r budget.Rename) string {
		if s == nil {
			return ""
		}
		i := slices.IndexFunc(s.Benchmarks, func(b *sample.Benchmark) bool { _, ok := r.Name(b.Name); return ok })
		if i < 0 {
			return ""
		}
		return s.Benchmarks[i].Name
	}
	for _, r := range j.in.Budgets.Renames {
		if old := has(head, r); old != "" && !(within(r.To, r.From) && !slices.Contains(names(base), old)) {
			j.errs = append(j.errs, budget.Problem{
				Pos:  r.FromPos,
				Text: fmt.Sprintf("%s is said to be called %s, and head still has %s", r.From, r.To, old),
				Help: "delete the rename, or finish it in head",
			})
			continue
		}
		// Of a part of the benchmarks, or after a run that broke off, nobody knows what is not there.
		whole := !j.inPart() && !j.in.Part
		if whole && !slices.ContainsFunc(head.Benchmarks, func(b *sample.Benchmark) bool { return within(b.Name, r.To) }) {
			if function, _, _ := strings.Cut(r.To, "/"); !j.hides(function) {
				j.errs = append(j.errs, budget.Problem{
					Pos:  r.ToPos,
					Text: fmt.Sprintf("%s is said to be called %s, which head does not have", r.From, r.To),
					Near: budget.Nearest(r.To, names(head)),
					Help: "write the name that it has in head, or delete the rename",
				})
				continue
			}
		}
		if base == nil {
			continue
		}
		switch old := has(base, r); {
		case old != "":
			to := j.headName(old)
			for _, b := range base.Benchmarks {
				if b.Name == to {
					j.errs = append(j.errs, budget.Problem{
						Pos:  r.ToPos,
						Text: fmt.Sprintf("%s is said to be called %s, and the base has both %s and %s", r.From, r.To, old, to),
						Help: "delete the rename: the two are different benchmarks",
					})
					break
				}
			}
		case whole && !broken(base) && !j.in.Recorded:
			j.note("%s: the rename of %s to %s is done, since neither base nor head has %s; delete it", lineOf(r.Pos), r.From, r.To, r.From)
		}
	}
}

func names(s *sample.Set) []string {
	var out []string
	if s != nil {
		for _, b := range s.Benchmarks {
			out = append(out, b.Name)
		}
	}
	return out
}
