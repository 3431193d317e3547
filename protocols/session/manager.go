package session

import (
	"errors"
	"fmt"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// A Manager holds the sessions of one peer. It is for one goroutine.
type Manager struct {
	opts  Options
	mint  mint
	slots []slot
	peers []protocols.PeerID // MaxParticipants for each slot
	free  int32              // the first of a list by next; none if there is none
	// Slots of live sessions.
	heap   []int32
	serial uint64
	counts [Completed + 1]int
	// Slots of results, a list by prev and next from the oldest to the newest.
	oldest, newest int32
	now            time.Duration
	stats          Stats
}

// none is the end of a list of slots.
const none = -1

// A slot has room for one session, and after it for its result.
type slot struct {
	id         ID // zero if the slot is free
	use        uint64
	serial     uint64 // of the deadline
	deadline   time.Duration
	place      int32 // in the heap
	prev, next int32
	n          int // participants
	state      State
	opened     time.Duration
	ops, bytes int64
	end        ending
}

// An ending is what is known of a session once it terminates.
type ending struct {
	outcome Outcome
	last    State
	cause   error
	at      time.Duration
}

// Stats count what a manager has done since it was made.
type Stats struct {
	Opened    uint64 // sessions
	Refused   uint64 // calls of Open for which there was no room
	Succeeded uint64 // sessions that terminated so
	Failed    uint64
	TimedOut  uint64
	Completed uint64 // sessions whose room was freed
	Dropped   uint64 // results that were not taken in time
}

// New makes a manager. The error wraps protocols.ErrVerification when an option is out of its range.
func New(opts Options) (*Manager, error) {
	if err := opts.complete(); err != nil {
		return nil, err
	}
	n := opts.Capacity + opts.Results
	m := &Manager{
		opts: opts, mint: newMint(opts.Seed, n), slots: make([]slot, n), peers: make([]protocols.PeerID, n*opts.MaxParticipants),
		heap: make([]int32, 0, opts.Capacity), oldest: none, newest: none, free: none,
	}
	for i := n - 1; i >= 0; i-- {
		m.release(int32(i))
	}
	return m, nil
}

// Live returns how many sessions take room: those that are not completed.
func (m *Manager) Live() int { return len(m.heap) }

// Count returns how many sessions are in a state. Those that are completed count until their result is
// taken or dropped.
func (m *Manager) Count(s State) int {
	if s < Initializing || s > Completed {
		return 0
	}
	return m.counts[s]
}

// Stats returns the counts.
func (m *Manager) Stats() Stats { return m.stats }

// Open begins a session between 1 or more distinct participants and returns its id. The error wraps
// ErrCapacity when as many are live as may be, ErrLimit when there are too many participants, and
// protocols.ErrVerification when there is none, or one twice.
func (m *Manager) Open(now time.Duration, participants []protocols.PeerID) (ID, error) {
	now = m.tick(now)
	if len(participants) == 0 {
		return 0, fmt.Errorf("open session: no participants: %w", protocols.ErrVerification)
	}
	if len(participants) > m.opts.MaxParticipants {
		return 0, fmt.Errorf("open session: %d participants, at most %d: %w: %w", len(participants), m.opts.MaxParticipants, ErrLimit, protocols.ErrExhausted)
	}
	for i := range participants {
		for j := range i {
			if participants[i] == participants[j] {
				return 0, fmt.Errorf("open session: participant %v twice: %w", participants[i], protocols.ErrVerification)
			}
		}
	}
	if len(m.heap) == m.opts.Capacity {
		m.stats.Refused++
		return 0, fmt.Errorf("open session: %d are live: %w: %w", len(m.heap), ErrCapacity, protocols.ErrExhausted)
	}
	i := m.free
	s := &m.slots[i]
	m.free = s.next
	for s.id == 0 { // of all ids a single one is zero
		s.use++
		s.id = m.mint.id(int(i), s.use)
	}
	s.opened = now
	s.n = copy(m.participants(i), participants)
	m.enter(s, Initializing)
	m.setDeadline(s, now, m.opts.Timeout)
	m.schedule(i)
	m.stats.Opened++
	return s.id, nil
}

// Activate says that the participants have agreed, and that the session is at work from now on.
// Like all that follow, it wraps ErrUnknown for an id that is not live, ErrTransition in another state, and
// protocols.ErrTimeout after the deadline.
func (m *Manager) Activate(now time.Duration, id ID) error {
	now = m.tick(now)
	i, s, err := m.live("activate", now, id, Initializing, Initializing)
	if err != nil {
		return err
	}
	m.enter(s, Active)
	m.setDeadline(s, now, m.opts.Timeout)
	m.reschedule(i)
	return nil
}

// Charge asks whether an active session may do so many operations more, of so many bytes together, and
// writes them down. The error wraps ErrLimit when they are more than is left; nothing is charged
// then, and a smaller charge may fit.
func (m *Manager) Charge(now time.Duration, id ID, ops, bytes int64) error {
	now = m.tick(now)
	_, s, err := m.live("charge", now, id, Active, Active)
	if err != nil {
		return err
	}
	if ops < 0 || bytes < 0 {
		return fmt.Errorf("charge session %v: %d operations, %d bytes: %w", id, ops, bytes, protocols.ErrVerification)
	}
	if left := m.opts.MaxOps - s.ops; ops > left {
		return fmt.Errorf("charge session %v: %d operations, %d are left: %w: %w", id, ops, left, ErrLimit, protocols.ErrExhausted)
	}
	if left := m.opts.MaxBytes - s.bytes; bytes > left {
		return fmt.Errorf("charge session %v: %d bytes, %d are left: %w: %w", id, bytes, left, ErrLimit, protocols.ErrExhausted)
	}
	s.ops += ops
	s.bytes += bytes
	return nil
}

// Terminate ends a session: with no cause by success, which only an active one can have; else by
// failure, or by timeout if the cause wraps protocols.ErrTimeout. It keeps its room until Close, or
// until it has lingered.
func (m *Manager) Terminate(now time.Duration, id ID, cause error) error {
	now = m.tick(now)
	first, outcome := Initializing, Failure
	switch {
	case cause == nil:
		first, outcome = Active, Success
	case errors.Is(cause, protocols.ErrTimeout):
		outcome = Timeout
	}
	i, s, err := m.live("terminate", now, id, first, Active)
	if err != nil {
		return err
	}
	m.terminate(i, s, ending{outcome: outcome, cause: cause, at: now})
	return nil
}

// Close says that nothing is left to clean up: a terminating session is completed, and gives its room back.
func (m *Manager) Close(now time.Duration, id ID) error {
	now = m.tick(now)
	i, s, err := m.live("close", now, id, Terminating, Terminating)
	if err != nil {
		return err
	}
	m.finish(i, s)
	return nil
}

// An Event is what Step did to a session at its deadline: it is Terminating by Timeout, or Completed,
// with the outcome that it has.
type Event struct {
	At      time.Duration // the deadline, however late Step was called
	ID      ID
	State   State
	Outcome Outcome
}

// Step does what was due by now, in the order in which it was due, and appends an event for each to dst.
// It takes O(log n) for each of them.
func (m *Manager) Step(now time.Duration, dst []Event) []Event {
	now = m.tick(now)
	for len(m.heap) > 0 {
		i := m.heap[0]
		s := &m.slots[i]
		at := s.deadline
		if at > now {
			break
		}
		if s.state == Terminating {
			m.finish(i, s)
			dst = append(dst, Event{at, s.id, Completed, s.end.outcome})
		} else {
			m.terminate(i, s, ending{outcome: Timeout, cause: protocols.ErrTimeout, at: at})
			dst = append(dst, Event{at, s.id, Terminating, Timeout})
		}
	}
	return dst
}

// NextDeadline returns when Step has something to do: protocols.Never if no session is live.
func (m *Manager) NextDeadline() time.Duration {
	if len(m.heap) == 0 {
		return protocols.Never
	}
	return m.slots[m.heap[0]].deadline
}

// tick makes sure that time does not go back.
func (m *Manager) tick(now time.Duration) time.Duration {
	m.now = max(m.now, now)
	return m.now
}

// find returns the slot of an id, none if it has none.
func (m *Manager) find(id ID) int32 {
	if i := m.mint.slot(id); id != 0 && i < len(m.slots) && m.slots[i].id == id {
		return int32(i)
	}
	return none
}

// live finds a session that may be changed, if its state is one of those from first to last.
func (m *Manager) live(what string, now time.Duration, id ID, first, last State) (int32, *slot, error) {
	i := m.find(id)
	if i == none {
		return 0, nil, fmt.Errorf("%s session %v: %w: %w", what, id, ErrUnknown, protocols.ErrVerification)
	}
	s := &m.slots[i]
	switch {
	case s.state < first || s.state > last:
		return 0, nil, fmt.Errorf("%s session %v: it is %v: %w: %w", what, id, s.state, ErrTransition, protocols.ErrVerification)
	case now >= s.deadline:
		return 0, nil, fmt.Errorf("%s session %v: %v after its deadline: %w", what, id, now-s.deadline, protocols.ErrTimeout)
	}
	return i, s, nil
}

func (m *Manager) participants(i int32) []protocols.PeerID {
	n := m.opts.MaxParticipants
	return m.peers[int(i)*n : int(i)*n+n]
}

// enter changes a session's state. State zero is that of a slot without a session.
func (m *Manager) enter(s *slot, to State) {
	m.counts[s.state]--
	m.counts[to]++
	s.state = to
}

func (m *Manager) setDeadline(s *slot, from, wait time.Duration) {
	m.serial++
	s.serial = m.serial
	s.deadline = protocols.Never
	if from < protocols.Never-wait {
		s.deadline = from + wait
	}
}

func (m *Manager) terminate(i int32, s *slot, e ending) {
	e.last = s.state
	s.end = e
	m.enter(s, Terminating)
	m.setDeadline(s, e.at, m.opts.Linger)
	m.reschedule(i)
	switch e.outcome {
	case Success:
		m.stats.Succeeded++
	case Failure:
		m.stats.Failed++
	case Timeout:
		m.stats.TimedOut++
	}
}
