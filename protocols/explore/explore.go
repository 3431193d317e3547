// Package explore walks through everything that a small system can do: each order in which messages
// can arrive, each loss, each crash, up to a bound. Where a simulation by seed tries many long
// stories, this tries all short ones, breadth first, so that what it finds is among the shortest.
//
// A system is not copied but built anew and led along the same way again: state machines without I/O
// repeat exactly. States that were seen before are not followed.
//
// The package knows nothing of protocols; a System says what can happen in it and checks its laws.
package explore

import (
	"crypto/sha256"
	"fmt"
)

// A System is one run of what is explored. Two systems built alike and led alike are alike.
type System interface {
	// Actions is how many things can happen next; 0 when it is at rest.
	Actions() int
	// Do lets one of them happen, by its place, and checks what must always hold. An error ends the
	// search.
	Do(action int) error
	// State is everything that decides what can happen from here and what comes of it. Two systems
	// of one state must behave alike.
	State() []byte
	// Describe says what an action is.
	Describe(action int) string
}

// Bounds limit a search. A zero field means no bound.
type Bounds struct {
	// States is after how many distinct states the search ends.
	States int
	// Depth is how many actions a way has at most.
	Depth int
}

// A Result says how far a search came.
type Result struct {
	States int // distinct states
	Ways   int // actions tried
	Ends   int // states in which nothing can happen any more
	Depth  int // of the longest way
	Whole  bool
}

// All searches from what build returns. The error is the first that a System returned, with the way
// that led there. Result.Whole says that there is no state that it did not see.
func All(build func() System, b Bounds) (Result, error) {
	var r Result
	seen := map[[32]byte]bool{sha256.Sum256(build().State()): true}
	type way struct {
		before *way
		action int
		length int
	}
	r.Whole = true
	queue := []*way{{}}
	for len(queue) > 0 {
		w := queue[0]
		queue = queue[1:]
		path := make([]int, w.length)
		for at := w; at.length > 0; at = at.before {
			path[at.length-1] = at.action
		}
		start := func() System {
			s := build()
			for _, a := range path {
				if err := s.Do(a); err != nil {
					panic(fmt.Sprintf("a way that held does not hold again: %v", err))
				}
			}
			return s
		}
		r.Depth = max(r.Depth, w.length)
		s := start()
		n := s.Actions()
		switch {
		case n == 0:
			r.Ends++
			continue
		case b.Depth > 0 && w.length >= b.Depth:
			r.Whole = false
			continue
		}
		for a := range n {
			if a > 0 {
				s = start()
			}
			r.Ways++
			if err := s.Do(a); err != nil {
				return r, fmt.Errorf("after%s: %w", story(build(), append(path, a)), err)
			}
			h := sha256.Sum256(s.State())
			if seen[h] {
				continue
			}
			if b.States > 0 && len(seen) >= b.States {
				r.Whole = false
				r.States = len(seen)
				return r, nil
			}
			seen[h] = true
			queue = append(queue, &way{w, a, w.length + 1})
		}
	}
	r.States = len(seen)
	return r, nil
}

// story describes a way.
func story(s System, path []int) string {
	text := ""
	for i, a := range path {
		text += fmt.Sprintf("\n  %d: %s", i+1, s.Describe(a))
		if s.Do(a) != nil {
			break
		}
	}
	return text + "\n"
}
