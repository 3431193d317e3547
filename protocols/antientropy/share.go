package antientropy

import (
	"encoding/binary"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

const (
	// minShare and maxShare bound the peers that share what one of them would send.
	minShare, maxShare = 3, 64
	// shareBlock is how many numbers of an author that is not among them fall to the same peer.
	shareBlock = 32
	// minWithheld is how many records must fall to others to be left to them: fewer cost less than the
	// legs that it takes to ask for them where those have them not.
	minWithheld = 32
)

// StartAmong opens a session like Start and tells the peer that the others, of which it is one, are
// asked in the same step, as the caller must do. Each then sends first what falls to it: its own
// records, and a part of those of members that are not asked. For the rest it says what it has. Once
// all have answered, or a quarter of a round trip and at least a millisecond after the first, each is
// asked for what is still missing and was not asked of another. With less than three others, or more
// than 64, it is Start. The errors are the same.
func (n *Node) StartAmong(now time.Duration, peer protocols.PeerID, others []protocols.PeerID, out *protocols.Output) (uint64, error) {
	if len(others) < minShare || len(others) > maxShare {
		others = nil
	}
	return n.start(now, peer, others, out)
}

// queueShare says who else is asked.
func (s *session) queueShare(others []protocols.PeerID) {
	asked := make([]bool, len(s.log.members))
	for _, p := range others {
		if i, ok := s.log.number[p]; ok {
			asked[i] = true
		}
	}
	start, before := len(s.arena), -1
	for i := range asked {
		if asked[i] {
			s.arena = appendAuthor(s.arena, i, before)
			before = i
		}
	}
	s.enqueue(partShare, start)
	s.shares = true
}

// eachShare decodes what queueShare says.
func eachShare(b []byte, f func(member int)) bool {
	r, n := reader{b: b}, 0
	for member := -1; len(r.b) > 0; n++ {
		member = r.author(member)
		if !r.bad && f != nil {
			f(member)
		}
	}
	return !r.bad && n >= minShare && n <= maxShare
}

// withhold leaves out of the spans to be sent what falls to others that are asked at the same time, if
// that is much, and reports whether it did. The other side is then told what we have.
func (s *session) withhold() bool {
	if s.told.share == nil || s.legIn != 1 || !s.log.exact() {
		return false
	}
	self := int(s.log.number[s.cfg.Self])
	asked := make([]bool, len(s.log.authors))
	place, count := -1, 0
	eachShare(s.told.share, func(member int) {
		if member < len(asked) {
			asked[member] = true
			if member == self {
				place = count
			}
			count++
		}
	})
	if place < 0 {
		return false
	}
	var keep []span
	left := uint64(0)
	for _, w := range s.cursor.spans {
		if asked[w.author] {
			if int(w.author) == self {
				keep = append(keep, w)
			} else {
				left += w.last - w.next + 1
			}
			continue
		}
		for next := w.next; next <= w.last; {
			last := min(w.last, next|(shareBlock-1))
			if (int(w.author)+int(next/shareBlock))%count == place {
				keep = append(keep, span{w.author, next, last})
			} else {
				left += last - next + 1
			}
			next = last + 1
		}
	}
	if left < minWithheld {
		return false
	}
	s.cursor.spans = append(s.cursor.spans[:0], keep...)
	return true
}

// awaits reports whether the turn has to wait for the answers of others that were asked at the same
// time, so that what is on its way from them is not asked for.
func (s *session) awaits(now time.Duration, theirs show) bool {
	if !s.shares || s.legIn != 2 || s.until != 0 || s.told.marks == nil || !s.mates((*session).unanswered) {
		return false
	}
	s.waiting, s.theirs = true, theirs
	s.until = now + max((now-s.started)/4, time.Millisecond)
	return true
}

func (s *session) unanswered() bool { return s.legNext < 3 }

// mates reports whether one of the other sessions that were begun together with this one is so.
func (s *session) mates(f func(*session) bool) bool {
	for _, m := range s.node.sessions {
		if m != s && m.shares && m.started == s.started && !m.over && f(m) {
			return true
		}
	}
	return false
}

// resume ends the waiting of sessions that have no reason to wait any more.
func (n *Node) resume(now time.Duration, out *protocols.Output) {
	for i := len(n.sessions) - 1; i >= 0; i-- {
		s := n.sessions[i]
		if !s.waiting || s.over || now < s.until && s.mates((*session).unanswered) {
			continue
		}
		s.waiting = false
		if err := s.decide(now, s.theirs); err != nil {
			s.conclude(now, err)
		}
		n.service(now, s, out)
	}
}

// spare takes out of the wishes of our turn, which follow the arena in want and end in pages, what
// another session that was begun together with this one has asked for and not got yet. That is done
// once: in a later turn we ask for whatever is missing. It returns what is left, and whether anything
// was taken out.
func (s *session) spare(want []byte, pages []int) (left []byte, ends []int, spared bool) {
	if !s.shares || s.legIn != 2 {
		return want, pages, false
	}
	start := len(s.arena)
	var mine []span
	for _, end := range pages {
		eachWish(want[start:end], func(author int, r run) { mine = append(mine, span{uint32(author), r.first, r.last}) })
		start = end
	}
	s.mates(func(m *session) bool {
		if m.legNext < 5 { // its wishes were not answered yet
			mine, spared = subtract(mine, m.wished, spared)
		}
		return false
	})
	s.wished = append(s.wished[:0], mine...)
	if !spared {
		return want, pages, false
	}
	left = want[:len(s.arena)]
	for len(mine) > 0 {
		page := mine[:min(len(mine), maxRuns)]
		mine = mine[len(page):]
		before := -1
		for len(page) > 0 {
			k := 1
			for k < len(page) && page[k].author == page[0].author {
				k++
			}
			left = appendAuthor(left, int(page[0].author), before)
			left = binary.AppendUvarint(left, uint64(k))
			end := uint64(0)
			for _, w := range page[:k] {
				left = binary.AppendUvarint(left, w.next-end)
				left = binary.AppendUvarint(left, w.last-w.next+1)
				end = w.last
			}
			before, page = int(page[0].author), page[k:]
		}
		ends = append(ends, len(left))
	}
	return left, ends, true
}

// subtract returns what is in a and not in b, both in order, and whether that is less than a.
func subtract(a, b []span, less bool) ([]span, bool) {
	var rest []span
	for _, w := range a {
		for _, o := range b {
			if o.author != w.author || o.last < w.next || o.next > w.last {
				continue
			}
			less = true
			if o.next > w.next {
				rest = append(rest, span{w.author, w.next, o.next - 1})
			}
			w.next = o.last + 1
			if w.next > w.last {
				break
			}
		}
		if w.next <= w.last {
			rest = append(rest, w)
		}
	}
	return rest, less
}
