package antientropy

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// A session is one sync with one peer. The sides take turns: each ends its turn by showing its
// digest, and the other then decides by what it was told (ladder.go) what to say in its own.
type session struct {
	log       *Log
	cfg       *Config
	ch        *protocols.Channel
	pcg       *rand.PCG // of rng, which is the channel's
	rng       *rand.Rand
	peer      protocols.PeerID
	id        uint64
	initiator bool
	started   time.Duration
	deadline  time.Duration

	legIn, legOut uint16
	node          *Node
	// Of sessions that are begun together, see share.go.
	shares  bool
	waiting bool          // our turn has not begun, as answers to others are awaited
	theirs  show          // what is to be decided then
	until   time.Duration // when it begins at the latest
	wished  []span        // what was asked for

	legNext           uint16 // no message of the other side is of an earlier leg from now on
	batchIn, batchOut uint64
	ours              bool     // it is our turn: the other side has shown its digest
	shown             show     // the digest that we showed last
	shownDigest       Digest   // of which that is a part of the hash
	queue             []part   // to be sent before any records
	queued            int      // of which so many were
	arena             []byte   // what is in queue
	held              [][]byte // messages that told refers to
	cursor            Cursor   // records to be sent
	asked             bool     // records that we wished for may arrive before the turn is ours

	told   told     // what the other side told in its turn
	level  int      // how to describe the log next
	misled int      // how often cells contradicted themselves
	lacks  []uint64 // salted ids to wish for
	wanted int      // records wished for by id
	salted *salted
	sorted bool // the single records of cursor are in order

	applied       int
	duplicates    int
	sent          int
	remoteApplied int
	haveAll       time.Duration

	over  bool
	noted bool // the result has been handed over
	err   error
	ended time.Duration

	compactions int // of the log when the session began
}

// told is what one turn of the other side told.
type told struct {
	marks, cells []byte
	share        []byte
	wishes       bool
	ranges       bool
	lastWish     [2]uint64 // author and number, or id
	lastKind     byte
}

func (s *session) result() Result {
	r := Result{
		Peer: s.peer, Session: s.id, Initiator: s.initiator, Converged: s.err == nil, Err: s.err,
		Applied: s.applied, Duplicates: s.duplicates, Sent: s.sent,
		Legs: int(max(s.legIn, s.legOut)), Channel: s.ch.Stats(),
		Started: s.started, HaveAll: s.haveAll, Ended: s.ended,
	}
	r.Rounds = (r.Legs + 1) / 2
	if r.Converged {
		r.Outcome = relation(s.applied, s.remoteApplied)
		r.Digest = s.shownDigest
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

// handle takes one whole message.
func (s *session) handle(now time.Duration, b []byte) error {
	if err := s.sameNumbers(); err != nil {
		return err
	}
	leg, parts, err := parseMessage(b)
	if err != nil {
		return fmt.Errorf("sync with %v: %w", s.peer, err)
	}
	// The initiator's legs are odd, the responder's even; neither may run ahead of its cause.
	if leg < s.legIn || leg > s.legOut+1 || (leg%2 == 0) != s.initiator {
		return s.breach("leg %d after leg %d", leg, s.legOut)
	}
	if leg < s.legNext {
		return s.breach("leg %d out of turn", leg)
	}
	s.legIn = leg
	for len(parts) > 0 && !s.over {
		var p part
		p, parts = cutPart(parts)
		if s.ours && !(p.kind == partBatch && s.asked) {
			return s.breach("part of kind %d out of turn", p.kind)
		}
		if err := s.take(now, p); err != nil {
			return err
		}
	}
	return nil
}

// take takes one part of a message.
func (s *session) take(now time.Duration, p part) error {
	switch p.kind {
	case partShow:
		c, _ := parseClosing(p.body)
		if c.epoch != s.log.digest.Epoch {
			return fmt.Errorf("sync with %v: its epoch is %d, ours %d: %w", s.peer, c.epoch, s.log.digest.Epoch, protocols.ErrVersion)
		}
		s.remoteApplied = int(c.applied)
		s.legNext = s.legIn + 1
		return s.decide(now, c.show)
	case partShare:
		if s.initiator || s.legIn != 1 {
			return s.breach("a share out of turn")
		}
		s.told.share = p.body
	case partMarks:
		s.told.marks = p.body
	case partCells:
		s.told.cells = p.body
	case partBatch:
		applied, duplicates, err := s.log.ApplyBatch(p.body, s.id, s.batchIn)
		if err != nil {
			return fmt.Errorf("sync with %v: %w", s.peer, err)
		}
		s.batchIn++
		s.applied += applied
		s.duplicates += duplicates
		if applied > 0 {
			s.haveAll = now
		}
	case partWish:
		return s.onWish(p.body)
	case partShorts, partSalted:
		return s.onIDs(p)
	case partRanges:
		return s.onRanges(p.body)
	case partList:
		return s.onList(p.body)
	}
	return nil
}

// onWish arranges for records to be sent that were asked for by number. None can be asked for twice
// in one turn.
func (s *session) onWish(b []byte) error {
	s.told.wishes = true
	var err error
	eachWish(b, func(author int, r run) {
		at := [2]uint64{uint64(author), r.first}
		switch {
		case err != nil:
		case author >= len(s.log.authors):
			err = s.breach("asked for records of a stranger")
		case s.told.lastKind == partWish && (at[0] < s.told.lastWish[0] || at[0] == s.told.lastWish[0] && at[1] <= s.told.lastWish[1]):
			err = s.breach("asked for records twice")
		}
		s.told.lastKind, s.told.lastWish = partWish, [2]uint64{at[0], r.last}
		if err == nil && r.first <= s.log.base[author] {
			err = s.pruned()
		}
		if last := min(r.last, s.log.high(uint32(min(author, len(s.log.authors)-1)))); err == nil && r.first <= last {
			s.cursor.spans = append(s.cursor.spans, span{uint32(author), r.first, last})
		}
	})
	return err
}

// onIDs arranges for records to be sent that were asked for by short id.
func (s *session) onIDs(p part) error {
	s.told.wishes = true
	size := shortSize
	if p.kind == partSalted {
		size = 8
	}
	for b := p.body; len(b) > 0; b = b[size:] {
		id := number(b, size)
		if s.told.lastKind == p.kind && id <= s.told.lastWish[0] {
			return s.breach("asked for records twice")
		}
		s.told.lastKind, s.told.lastWish[0] = p.kind, id
		found := false
		send := func(h uint32) { found, s.cursor.list = true, append(s.cursor.list, h) }
		if p.kind == partShorts {
			s.log.withShort(id, send)
		} else if s.salted != nil {
			s.salted.find(id, send)
		}
		if !found && p.kind == partShorts && s.log.compactions > 0 {
			return s.pruned() // cells still speak of it
		}
		if !found {
			return s.breach("asked for a record that was not offered")
		}
	}
	s.sorted = false
	return nil
}

// ask queues wishes by id and accounts for them: a peer could otherwise make ids up without end.
func (s *session) ask(kind byte, ids []uint64, size int) error {
	if len(ids) == 0 {
		return nil
	}
	if s.wanted += len(ids); s.wanted > s.cfg.MaxWanted {
		return fmt.Errorf("sync with %v: more than %d records to ask for: %w", s.peer, s.cfg.MaxWanted, protocols.ErrExhausted)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	for page := range slices.Chunk(ids, maxPage) {
		start := len(s.arena)
		for _, id := range page {
			s.arena = appendNumber(s.arena, id, size)
		}
		s.enqueue(kind, start)
	}
	s.asked = true
	return nil
}

// enqueue queues a part whose body is what was appended to arena since it was that long.
func (s *session) enqueue(kind byte, start int) {
	s.queue = append(s.queue, part{kind, s.arena[start:len(s.arena):len(s.arena)]})
}

// maxPage bounds the ids or ranges in one part.
const maxPage = 4096

// fullMessage is how long a message gets before another is begun, but for one batch.
const fullMessage = 16 << 10

// pump queues messages while the channel has room.
func (s *session) pump() error {
	if err := s.sameNumbers(); err != nil {
		return err
	}
	for !s.waiting && s.ch.Room() {
		leg := s.legIn + 1
		b := binary.LittleEndian.AppendUint16(s.ch.Buffer(), leg)
		if !s.sorted {
			s.cursor.sort()
			s.sorted = true
		}
		// Records that were wished for need not wait for our turn; all else must.
		for len(b) < fullMessage && (s.ours || s.told.wishes) {
			if s.ours && s.queued < len(s.queue) {
				b = appendPart(b, s.queue[s.queued])
				s.queued++
				continue
			}
			if s.cursor.peek() >= 0 {
				start, n := len(b), 0
				b, n = s.cursor.AppendBatch(beginPart(b, partBatch), s.id, s.batchOut, s.cfg.Batch)
				b = endPart(b, start)
				s.batchOut++
				s.sent += n
				if start > messageHeader && start <= protocols.MaxFragment && len(b) > protocols.MaxFragment {
					// What we wish for goes ahead: the other side can begin to send before it has all.
					rest := append(binary.LittleEndian.AppendUint16(s.ch.Buffer(), leg), b[start:]...)
					s.legOut = leg
					if err := s.ch.SendOwn(b[:start]); err != nil {
						return err
					}
					b = rest
				}
				continue
			}
			if s.ours {
				b = s.appendShow(b)
			}
			break
		}
		if len(b) == messageHeader {
			s.ch.Recycle(b)
			return nil
		}
		s.legOut = leg
		if err := s.ch.SendOwn(b); err != nil {
			return err
		}
	}
	return nil
}

// appendShow ends our turn.
func (s *session) appendShow(b []byte) []byte {
	s.ours = false
	s.told = told{}
	for i, m := range s.held {
		s.ch.Recycle(m)
		s.held[i] = nil
	}
	s.held, s.queue, s.queued, s.arena = s.held[:0], s.queue[:0], 0, s.arena[:0]
	d := s.log.Digest()
	s.shown, s.shownDigest = d.show(), d
	c := closing{d.Epoch, s.shown, uint64(s.applied)}
	start := len(b)
	return endPart(c.append(beginPart(b, partShow)), start)
}

// sendShow ends our turn with nothing else to say.
func (s *session) sendShow() error {
	s.legOut = s.legIn + 1
	return s.ch.SendOwn(s.appendShow(binary.LittleEndian.AppendUint16(s.ch.Buffer(), s.legOut)))
}

// sort brings single headers into the order of author and number, each once.
func (c *Cursor) sort() {
	slices.SortFunc(c.list[c.listAt:], func(a, b uint32) int {
		x, y := &c.log.headers[a], &c.log.headers[b]
		return cmp.Or(cmp.Compare(x.author, y.author), cmp.Compare(recordSeq(c.log.body(int(a))), recordSeq(c.log.body(int(b)))))
	})
	c.list = c.list[:c.listAt+len(slices.Compact(c.list[c.listAt:]))]
}
