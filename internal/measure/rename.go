package measure

import (
	"slices"
	"strings"
)

// A Rename says that a benchmark of base has another name in head, and with it its sub-benchmarks.
type Rename struct {
	From, To string // with the word Benchmark, and with parts or without
}

// headName is what a benchmark of an arm is called in head.
func (s *Session) headName(arm int, name string) string {
	if arm != 0 {
		return name
	}
	for _, r := range s.Renames {
		// The new name may be a part of the old one, and what has it already stays.
		if of(r.From)(name) && !(of(r.From)(r.To) && of(r.To)(name)) {
			return r.To + name[len(r.From):]
		}
	}
	return name
}

// runs reports whether a function of an arm is among the functions of head that are asked for, or may have
// what is now in one of them.
func (s *Session) runs(arm int, function string, asked []string) bool {
	return slices.Contains(asked, function) || arm == 0 && slices.ContainsFunc(s.Renames, func(r Rename) bool {
		return functionOf(r.From) == function && slices.Contains(asked, functionOf(r.To))
	})
}

// narrow returns what to add to the pattern by which a function of an arm is run at first: nothing where
// parts of it have other names.
func (s *Session) narrow(arm int, function string) string {
	if arm == 0 && slices.ContainsFunc(s.Renames, func(r Rename) bool { return functionOf(r.From) == function }) {
		return ""
	}
	return s.Narrow[function]
}

// nameIn returns the name that an item has in an arm as one of this function, or "" where it is of another.
func (s *Session) nameIn(arm int, it Item, function string) string {
	if of(function)(it.Name) {
		return it.Name
	}
	for _, r := range s.Renames {
		if name := r.From + strings.TrimPrefix(it.Name, r.To); arm == 0 && of(r.To)(it.Name) && of(function)(name) {
			return name
		}
	}
	return ""
}

// namesIn returns the names that an item may have in an arm, the likely one first.
func (s *Session) namesIn(arm int, it Item) []string {
	if arm == 0 {
		for _, r := range s.Renames {
			if of(r.To)(it.Name) {
				return []string{r.From + strings.TrimPrefix(it.Name, r.To), it.Name}
			}
		}
	}
	return []string{it.Name}
}
