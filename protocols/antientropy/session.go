package antientropy

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// A stage is what a session waits for.
type stage int

const (
	waitSummary  stage = iota // both: the other's summary
	exchange                  // both: wanted ids, batches, and the end of them
	waitVerdict               // initiator: done, or buckets
	waitIDs                   // responder: pages of ids
	stageHasEnds              // number of stages
)

// expects lists the messages that each side may receive in each stage.
var expects = map[bool][stageHasEnds][]byte{
	true: { // initiator
		waitSummary: {msgSummary},
		exchange:    {msgWant, msgBatch, msgEnd},
		waitVerdict: {msgDone, msgBuckets},
	},
	false: {
		waitSummary: {msgSummary},
		exchange:    {msgBatch, msgEnd},
		waitIDs:     {msgIDs},
	},
}

type session struct {
	log       *Log
	cfg       *Config
	ch        *protocols.Channel
	peer      protocols.PeerID
	id        uint64
	initiator bool
	stage     stage
	started   time.Duration
	deadline  time.Duration

	legIn, legOut     uint16
	batchIn, batchOut uint64
	shown             Digest // the last digest sent
	cursor            *Cursor
	planned           bool // cursor holds all that is to be sent in this round
	remoteEnd         bool
	endSent           bool
	applied           int
	duplicates        int
	sent              int
	remoteApplied     int

	// For the listing of ids.
	differ  [bucketCount / 8]byte
	mine    []uint32 // headers in the parts that differ, by id; those not yet listed or matched
	listing bool
	last    []byte   // the last id of the page before
	single  []uint32 // headers to send
	wanted  int

	over  bool
	told  bool
	err   error
	ended time.Duration

	compactions int // of the log when the session began
}

func (s *session) result() Result {
	r := Result{
		Peer: s.peer, Session: s.id, Initiator: s.initiator, Converged: s.err == nil, Err: s.err,
		Applied: s.applied, Duplicates: s.duplicates, Sent: s.sent,
		Legs: int(max(s.legIn, s.legOut)), Channel: s.ch.Stats(), Started: s.started, Ended: s.ended,
	}
	r.Rounds = (r.Legs + 1) / 2
	if r.Converged {
		r.Outcome = relation(s.applied, s.remoteApplied)
	}
	return r
}

// conclude ends the session; what comes later cannot change how.
func (s *session) conclude(now time.Duration, err error) {
	if s.over {
		if err != nil {
			// The peer has what it needs, or is gone: only the memory remains to be freed.
			s.deadline = now
		}
		return
	}
	s.over, s.err, s.ended = true, err, now
}

func (s *session) breach(format string, args ...any) error {
	return fmt.Errorf("sync with %v: %s: %w", s.peer, fmt.Sprintf(format, args...), protocols.ErrVerification)
}

func (s *session) send(m message) error {
	m.leg = s.legIn + 1
	s.legOut = m.leg
	return s.ch.Send(m.append(nil))
}

func (s *session) sendSummary() error {
	s.shown = s.log.Digest()
	return s.send(message{kind: msgSummary, digest: s.shown, marks: s.log.Marks()})
}

func (s *session) sendDigest(kind byte) error {
	s.shown = s.log.Digest()
	return s.send(message{kind: kind, digest: s.shown, applied: uint64(s.applied)})
}

// handle takes one whole message.
func (s *session) handle(now time.Duration, b []byte) error {
	if err := s.sameNumbers(); err != nil {
		return err
	}
	m, err := parseMessage(b)
	if err != nil {
		return fmt.Errorf("sync with %v: %w", s.peer, err)
	}
	if !slices.Contains(expects[s.initiator][s.stage], m.kind) {
		return s.breach("message of type %d out of turn", m.kind)
	}
	// The initiator's legs are odd, the responder's even; neither may run ahead of its cause.
	if m.leg < s.legIn || m.leg > s.legOut+1 || (m.leg%2 == 0) != s.initiator {
		return s.breach("leg %d after leg %d", m.leg, s.legOut)
	}
	s.legIn = m.leg
	switch m.kind {
	case msgSummary, msgEnd, msgDone:
		if m.digest.Epoch != s.log.digest.Epoch {
			return fmt.Errorf("sync with %v: its epoch is %d, ours %d: %w", s.peer, m.digest.Epoch, s.log.digest.Epoch, protocols.ErrVersion)
		}
	}
	switch m.kind {
	case msgSummary:
		return s.onSummary(now, &m)
	case msgBatch:
		return s.onBatch(&m)
	case msgEnd:
		s.remoteApplied = int(m.applied)
		s.remoteEnd = true
		if !s.initiator {
			return s.onClosing(now, &m)
		}
		if !s.planned {
			s.plan(s.single)
		}
		return nil
	case msgDone:
		if !m.digest.Equal(&s.shown) {
			return s.breach("done with another digest than was shown")
		}
		s.remoteApplied = int(m.applied)
		s.conclude(now, nil)
		return nil
	case msgBuckets:
		return s.onBuckets(&m)
	case msgIDs:
		return s.onIDs(&m)
	}
	return s.onWant(&m)
}

func (s *session) onSummary(now time.Duration, m *message) error {
	if !s.initiator {
		if err := s.sendSummary(); err != nil {
			return err
		}
	}
	if m.digest.Equal(&s.shown) {
		s.conclude(now, nil)
		return nil
	}
	s.stage = exchange
	s.cursor, s.planned = s.log.Since(m.marks), true
	if err := s.cursor.Err(); err != nil {
		return fmt.Errorf("sync with %v: %w", s.peer, err)
	}
	return nil
}

func (s *session) onBatch(m *message) error {
	applied, duplicates, err := s.log.ApplyBatch(m.batch, s.id, s.batchIn)
	if err != nil {
		return fmt.Errorf("sync with %v: %w", s.peer, err)
	}
	s.batchIn++
	s.applied += applied
	s.duplicates += duplicates
	return nil
}

// onClosing compares the initiator's closing digest with the present one.
func (s *session) onClosing(now time.Duration, m *message) error {
	if !s.endSent {
		return s.breach("closed before we had sent everything")
	}
	if d := s.log.Digest(); m.digest.Equal(&d) {
		if err := s.sendDigest(msgDone); err != nil {
			return err
		}
		s.conclude(now, nil)
		return nil
	}
	if err := s.nextRound(waitIDs); err != nil {
		return err
	}
	return s.send(message{kind: msgBuckets, buckets: s.log.buckets()})
}

// nextRound prepares for comparing ids, unless the rounds are used up. Each side counts for itself.
func (s *session) nextRound(next stage) error {
	if rounds := int(s.legIn+1) / 2; rounds >= s.cfg.MaxRounds {
		return fmt.Errorf("sync with %v: digests still differ after %d rounds: %w", s.peer, rounds, protocols.ErrExhausted)
	}
	s.stage = next
	s.cursor, s.planned, s.remoteEnd, s.endSent = nil, false, false, false
	s.mine, s.single, s.last, s.listing = nil, nil, nil, false
	return nil
}

// plan makes the records of these headers what is to be sent in this round.
func (s *session) plan(headers []uint32) {
	slices.SortFunc(headers, func(a, b uint32) int {
		x, y := &s.log.headers[a], &s.log.headers[b]
		return cmp.Or(cmp.Compare(x.author, y.author), cmp.Compare(x.seq, y.seq))
	})
	s.cursor, s.planned = &Cursor{log: s.log, list: headers}, true
}

// onBuckets starts the listing of ids.
func (s *session) onBuckets(m *message) error {
	if err := s.nextRound(exchange); err != nil {
		return err
	}
	s.differ = [len(s.differ)]byte{}
	for i, b := range s.log.buckets() {
		if b != m.buckets[i] {
			s.differ[i/8] |= 1 << (i % 8)
		}
	}
	s.mine, s.listing = s.log.within(&s.differ), true
	return nil
}

// onIDs matches a page of the other's ids with our own: both are in order, so one pass over the
// pages suffices.
func (s *session) onIDs(m *message) error {
	if !s.listing {
		s.differ, s.listing = m.differ, true
		s.mine = s.log.within(&s.differ)
	} else if s.differ != m.differ {
		return s.breach("pages of ids of different parts")
	}
	var want []byte
	for i := range len(m.ids) / 32 {
		id := m.id(i)
		if s.differ[id[0]/8]>>(id[0]%8)&1 == 0 || s.last != nil && bytes.Compare(s.last, id[:]) >= 0 {
			return s.breach("ids out of order or outside their part")
		}
		s.last = id[:]
		for len(s.mine) > 0 && bytes.Compare(s.log.headers[s.mine[0]].id[:], id[:]) < 0 {
			s.single = append(s.single, s.mine[0])
			s.mine = s.mine[1:]
		}
		if len(s.mine) > 0 && s.log.headers[s.mine[0]].id == *id {
			s.mine = s.mine[1:]
			continue
		}
		want = append(want, id[:]...)
	}
	if s.wanted += len(want) / 32; s.wanted > s.cfg.MaxWanted {
		return fmt.Errorf("sync with %v: more than %d records to ask for: %w", s.peer, s.cfg.MaxWanted, protocols.ErrExhausted)
	}
	if m.last {
		s.stage = exchange
		s.plan(append(s.single, s.mine...))
		s.mine = nil
	}
	if len(want) == 0 {
		return nil
	}
	return s.send(message{kind: msgWant, ids: want})
}

func (s *session) onWant(m *message) error {
	for i := range len(m.ids) / 32 {
		h := s.log.find(m.id(i))
		if h < 0 || s.differ[m.id(i)[0]/8]>>(m.id(i)[0]%8)&1 == 0 || s.remoteEnd || s.planned {
			return s.breach("asked for a record that was not listed")
		}
		s.single = append(s.single, uint32(h))
	}
	if len(s.single) > s.log.Len() {
		return s.breach("asked for records twice")
	}
	return nil
}

// pump queues messages while the channel has room.
func (s *session) pump() error {
	if err := s.sameNumbers(); err != nil {
		return err
	}
	for s.ch.Room() {
		switch {
		case s.initiator && s.listing:
			n := min(len(s.mine), maxIDs)
			m := message{kind: msgIDs, differ: s.differ, last: n == len(s.mine)}
			for _, h := range s.mine[:n] {
				m.ids = append(m.ids, s.log.headers[h].id[:]...)
			}
			s.mine, s.listing = s.mine[n:], !m.last
			if err := s.send(m); err != nil {
				return err
			}
		case s.stage != exchange || !s.planned || s.endSent:
			return nil
		case s.cursor.peek() >= 0:
			m := message{kind: msgBatch}
			var n int
			m.batch, n = s.cursor.AppendBatch(nil, s.id, s.batchOut, s.cfg.Batch)
			s.batchOut++
			s.sent += n
			if err := s.send(m); err != nil {
				return err
			}
		case s.initiator && !s.remoteEnd:
			return nil // the closing digest is to cover what is still on its way here
		default:
			s.endSent = true
			if s.initiator {
				s.stage = waitVerdict
			}
			return s.sendDigest(msgEnd)
		}
	}
	return nil
}

// buckets returns the keyed sums of the records by the first byte of their ids.
func (l *Log) buckets() *[bucketCount]uint64 {
	var b [bucketCount]uint64
	for i := range l.headers {
		id := &l.headers[i].id
		b[id[0]] += l.key.element(id)[0]
	}
	return &b
}

// within returns the headers whose ids lie in the marked parts, in order of id.
func (l *Log) within(differ *[bucketCount / 8]byte) []uint32 {
	var in []uint32
	for i := range l.headers {
		if f := l.headers[i].id[0]; differ[f/8]>>(f%8)&1 != 0 {
			in = append(in, uint32(i))
		}
	}
	slices.SortFunc(in, func(a, b uint32) int { return bytes.Compare(l.headers[a].id[:], l.headers[b].id[:]) })
	return in
}
