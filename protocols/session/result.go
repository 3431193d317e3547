package session

import (
	"fmt"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// A Result is what became of a session.
type Result struct {
	ID      ID
	Outcome Outcome
	// Last is the state in which the session ended: Initializing or Active.
	Last State
	// Cause is why it did not succeed, nil if it did.
	Cause error
	// Ops and Bytes are what was charged, which a session that failed may have done in part.
	Ops, Bytes int64
	// Opened is when it was opened, and Duration the time from then until it terminated.
	Opened, Duration time.Duration
	// Participants are in the order in which they were given.
	Participants []protocols.PeerID
}

// An Info is a look at a session.
type Info struct {
	State State
	// Deadline is when Step changes it, if it is not completed.
	Deadline   time.Duration
	Ops, Bytes int64
	// Participants belong to the manager, and are valid until its next call.
	Participants []protocols.PeerID
}

// Get returns how a session stands, and false when there is none of the id.
func (m *Manager) Get(id ID) (Info, bool) {
	i := m.find(id)
	if i == none {
		return Info{}, false
	}
	s := &m.slots[i]
	return Info{s.state, s.deadline, s.ops, s.bytes, m.participants(i)[:s.n:s.n]}, true
}

// Take hands over the result of a completed session, once, into r, whose memory for participants is
// used again. The error wraps ErrUnknown when there is no such session any more, and ErrTransition
// when it is not completed.
func (m *Manager) Take(id ID, r *Result) error {
	i := m.find(id)
	if i == none {
		return fmt.Errorf("take result of session %v: %w: %w", id, ErrUnknown, protocols.ErrVerification)
	}
	s := &m.slots[i]
	if s.state != Completed {
		return fmt.Errorf("take result of session %v: it is %v: %w: %w", id, s.state, ErrTransition, protocols.ErrVerification)
	}
	*r = Result{
		ID: id, Outcome: s.end.outcome, Last: s.end.last, Cause: s.end.cause, Ops: s.ops, Bytes: s.bytes,
		Opened: s.opened, Duration: s.end.at - s.opened, Participants: append(r.Participants[:0], m.participants(i)[:s.n]...),
	}
	m.drop(i)
	return nil
}

// finish completes a terminating session: its deadline is gone, its result waits.
func (m *Manager) finish(i int32, s *slot) {
	m.unschedule(i)
	m.enter(s, Completed)
	m.stats.Completed++
	s.prev, s.next = m.newest, none
	if m.newest == none {
		m.oldest = i
	} else {
		m.slots[m.newest].next = i
	}
	m.newest = i
	if m.counts[Completed] > m.opts.Results {
		m.drop(m.oldest)
		m.stats.Dropped++
	}
}

// drop takes a result out of the list and frees its slot.
func (m *Manager) drop(i int32) {
	s := &m.slots[i]
	if s.prev == none {
		m.oldest = s.next
	} else {
		m.slots[s.prev].next = s.next
	}
	if s.next == none {
		m.newest = s.prev
	} else {
		m.slots[s.next].prev = s.prev
	}
	m.enter(s, 0)
	m.release(i)
}

// release puts a slot to the free ones, with nothing left in it but how often it was used.
func (m *Manager) release(i int32) {
	m.slots[i] = slot{use: m.slots[i].use, next: m.free}
	m.free = i
}
