package antientropy

import (
	"fmt"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/cells"
)

// The ways to describe a log, each for when the one before did not lead to the same digest.
const (
	byMarks  = iota // marks and all holes, if those are few; otherwise as byCells
	byCells         // marks and coded cells
	byRanges        // salted ranges
)

// firstCells is how many cells a side sends that knows nothing of the difference: with marks, two
// datagrams of them, which find 60 differences all but always and 100 in most cases.
const firstCells = 167

// decide says what to do in our turn.
func (s *session) decide(now time.Duration, theirs show) error {
	s.ours = true
	if s.shown != (show{}) && theirs == s.shown {
		// Both have shown the same. If our log has grown since, that is for another session.
		s.conclude(now, nil)
		return nil
	}
	d := s.log.Digest()
	if mine := d.show(); theirs == mine {
		return s.agree(now, mine)
	}
	if rounds := int(s.legIn+1) / 2; s.legIn > 2 && rounds >= s.cfg.MaxRounds {
		return fmt.Errorf("sync with %v: digests still differ after %d rounds: %w", s.peer, rounds, protocols.ErrExhausted)
	}
	if s.awaits(now, theirs) {
		return nil
	}
	s.asked = false
	switch t := &s.told; {
	case t.marks != nil && t.marks[0] == 1:
		return s.fromMarks(t.marks)
	case t.marks != nil && t.cells != nil:
		return s.fromCells(t.marks, t.cells)
	case t.ranges:
		return s.fromRanges()
	case t.wishes:
		return nil // what is to be sent is on its way already
	}
	return s.describe(firstCells)
}

// agree ends the session: both sides hold the same. The other side is told, unless it knows.
func (s *session) agree(now time.Duration, mine show) error {
	if s.shown != mine {
		if err := s.sendShow(); err != nil {
			return err
		}
	}
	s.conclude(now, nil)
	return nil
}

// describe queues a description of the log, with so many cells if it takes cells.
func (s *session) describe(count int) error {
	switch {
	case s.level == byMarks && s.log.exact():
		s.queueMarks(true)
	case s.level <= byCells && !s.log.blind && count <= s.log.prefix.Len():
		s.level = byCells
		s.queueMarks(false)
		start := len(s.arena)
		s.arena = s.log.appendCells(s.arena, count)
		s.enqueue(partCells, start)
	default:
		s.level = byRanges
		s.salted = newSalted(s.log, s.id)
		s.queue = append(s.queue, part{partRanges, cells.AppendRanges(nil, []cells.Range{s.salted.Whole()})})
	}
	return nil
}

func (s *session) queueMarks(exact bool) {
	start := len(s.arena)
	s.arena = s.log.appendMarks(s.arena, exact)
	s.enqueue(partMarks, start)
}

// fromMarks plans by an exact description.
func (s *session) fromMarks(marks []byte) error {
	start := len(s.arena)
	g := s.log.compare(s.cursor.spans, s.arena, marks)
	s.level = max(s.level, byCells)
	if g.extra {
		return s.breach("marks of a stranger")
	}
	if g.gone {
		return s.pruned()
	}
	s.cursor.spans = g.send
	if s.withhold() {
		s.queueMarks(true) // which says what we wish for, too
		return nil
	}
	want, pages, spared := s.spare(g.want, g.pages)
	s.arena = want
	for _, end := range pages {
		s.queue = append(s.queue, part{partWish, want[start:end:end]})
		s.asked, start = true, end
	}
	if !s.asked && !spared && s.cursor.peek() < 0 {
		// The same numbers, but not the same records.
		return s.describe(firstCells)
	}
	return nil
}

// fromCells plans by coded cells, and where they do not suffice by marks as far as those go.
func (s *session) fromCells(marks, message []byte) error {
	l := s.log
	if err := l.parseCells(message); err != nil {
		return fmt.Errorf("sync with %v: %w", s.peer, err)
	}
	before := len(s.cursor.spans)
	g := l.compare(s.cursor.spans, nil, marks)
	if g.extra {
		return s.breach("marks of a stranger")
	}
	if g.gone {
		return s.pruned()
	}
	if l.blind {
		s.cursor.spans, s.level = g.send, byRanges
		return s.describe(0)
	}
	if l.rest == nil {
		l.rest, l.decoder = cells.NewPrefix(l.cellKey, 1), &cells.Decoder{}
	}
	// What lies past their marks they lack for certain: without it, less is to be found.
	l.rest.CopyFrom(l.prefix)
	for _, tail := range g.send[before:] {
		for _, n := range l.authors[tail.author][tail.next-1-l.base[tail.author] : tail.last-l.base[tail.author]] {
			if n != 0 {
				l.rest.Remove(uint64(l.headers[n-1].short))
			}
		}
	}
	l.decoder.Reset(l.rest)
	err := l.decoder.Add(&l.cells)
	s.cursor.spans = g.send
	if err == nil && l.decoder.Done() {
		s.level = byRanges
		return s.fromDifference(l.decoder.Remote(), l.decoder.Local())
	}
	received := len(l.cells.List)
	// Of what is left, the other side can tell what lies past our marks.
	need := cells.Need(l.decoder.Estimate()-int(min(g.tail, maxSeq))) * 9 / 8
	if err != nil {
		// A sum passed for a record; among more cells it is not likely to do so again.
		s.misled++
		need = 2 * received
	}
	if s.misled > 1 || received >= l.prefix.Len() || need > 2*l.prefix.Len() {
		s.level = byRanges
	}
	return s.describe(min(max(need, received+received/4), max(l.prefix.Len(), received)))
}

// fromDifference plans by the short ids that only the other side and only this one has.
func (s *session) fromDifference(remote, local []uint64) error {
	for _, short := range local {
		found := false
		s.log.withShort(short, func(h uint32) { found = true; s.send(h) })
		if !found {
			return s.pruned()
		}
	}
	if len(remote) == 0 && s.cursor.peek() < 0 {
		// What differs has the same short ids: cells cannot tell it apart.
		return s.describe(0)
	}
	return s.ask(partShorts, remote, shortSize)
}
