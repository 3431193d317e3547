package session

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// Options are the limits of a Manager. Zero means the default.
type Options struct {
	// Seed is what ids are made from.
	Seed uint64
	// Capacity bounds the sessions that are not completed; default 20, at most 1<<20.
	Capacity int
	// Results bounds the results kept until they are taken; default Capacity, at most 1<<20. With no fewer
	// than Capacity nothing is lost to a caller who takes what each Step completed.
	Results int
	// Timeout is how long a session may be initializing, and after that active; default 300 s.
	Timeout time.Duration
	// Linger is how long it may be terminating; default 60 s.
	Linger time.Duration
	// MaxParticipants bounds the participants of a session; default 10, at most 256.
	MaxParticipants int
	// MaxOps bounds the operations charged to a session; default 10,000.
	MaxOps int64
	// MaxBytes bounds the bytes charged to a session; default 10 MiB.
	MaxBytes int64
}

const (
	maxSlots        = 1 << 20
	maxParticipants = 256
)

// complete fills in the defaults and checks the ranges.
func (o *Options) complete() error {
	o.Capacity = cmp.Or(o.Capacity, 20)
	o.Results = cmp.Or(o.Results, o.Capacity)
	o.Timeout = cmp.Or(o.Timeout, 300*time.Second)
	o.Linger = cmp.Or(o.Linger, 60*time.Second)
	o.MaxParticipants = cmp.Or(o.MaxParticipants, 10)
	o.MaxOps = cmp.Or(o.MaxOps, 10000)
	o.MaxBytes = cmp.Or(o.MaxBytes, 10<<20)
	for _, f := range []struct {
		name       string
		value, max int64
	}{
		{"capacity", int64(o.Capacity), maxSlots},
		{"results", int64(o.Results), maxSlots},
		{"participants", int64(o.MaxParticipants), maxParticipants},
		{"timeout", int64(o.Timeout), math.MaxInt64},
		{"linger", int64(o.Linger), math.MaxInt64},
		{"operations", o.MaxOps, math.MaxInt64},
		{"bytes", o.MaxBytes, math.MaxInt64},
	} {
		if f.value < 1 || f.value > f.max {
			return fmt.Errorf("session options: %s %d, want 1 to %d: %w", f.name, f.value, f.max, protocols.ErrVerification)
		}
	}
	return nil
}

// What a Manager refuses. Each comes with the error of package protocols that says what kind it is.
var (
	// ErrCapacity says that as many sessions are live as may be; it comes with protocols.ErrExhausted.
	ErrCapacity = errors.New("no room for another session")
	// ErrLimit says that a session would get more than its limits; it comes with protocols.ErrExhausted.
	ErrLimit = errors.New("over the limit of a session")
	// ErrTransition says that a session's state does not allow it; it comes with protocols.ErrVerification.
	ErrTransition = errors.New("invalid transition")
	// ErrUnknown says that there is no session, or no result, of an id: there never was, or it has been
	// completed, or taken; it comes with protocols.ErrVerification.
	ErrUnknown = errors.New("unknown session")
)

// A State is how far a session has come.
type State byte

// The states in their order. A session never goes back.
const (
	Initializing State = 1 // opened, and not agreed
	Active       State = 2 // at work
	Terminating  State = 3 // ended, cleaning up
	Completed    State = 4 // its room is free; its result waits
)

var stateNames = [...]string{"none", "initializing", "active", "terminating", "completed"}

// String returns the state's name.
func (s State) String() string {
	if int(s) >= len(stateNames) {
		return fmt.Sprintf("state %d", byte(s))
	}
	return stateNames[s]
}

// An Outcome is how a session ended.
type Outcome byte

// The outcomes.
const (
	Success Outcome = 1
	Failure Outcome = 2
	Timeout Outcome = 3 // a Failure whose cause is that time ran out
)

var outcomeNames = [...]string{"none", "success", "failure", "timeout"}

// String returns the outcome's name.
func (o Outcome) String() string {
	if int(o) >= len(outcomeNames) {
		return fmt.Sprintf("outcome %d", byte(o))
	}
	return outcomeNames[o]
}
