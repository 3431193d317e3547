package chunk

import (
	"math/bits"
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// silentOffers is how many offers without an answer end the dealing with a peer, until it speaks.
const silentOffers = 6

// answered notes that a client reacted to its offer, by asking for something or not.
func (s *Server) answered(now time.Duration, c *client, taken bool) {
	if c.offered == 0 {
		return
	}
	s.rtt.observe(now - c.offered)
	c.offered = 0
	if taken {
		s.accept += (1 - s.accept) / 16
		return
	}
	s.accept = max(s.accept-s.accept/16, 1./16)
	s.release(c)
}

// release takes back what is left of an offer.
func (s *Server) release(c *client) {
	if s.m != nil {
		s.open -= int64(c.credit) * int64(s.m.chunk)
	}
	c.credit = 0
	for _, i := range c.promise {
		s.promise[i]--
	}
	c.promise = c.promise[:0]
}

// patience is how long an offer stands.
func (s *Server) patience() time.Duration { return 2*s.rtt.limit(s.cfg.RTT) + 100*time.Millisecond }

// offer makes offers until the uplink has enough to do for a round trip, and returns when to look again.
func (s *Server) offer(now time.Duration, out *protocols.Output) time.Duration {
	wake := protocols.Never
	if s.m == nil {
		return wake
	}
	for _, c := range s.clients {
		if c.credit > 0 {
			if now-max(c.offered, 0) >= s.patience() && c.offered > 0 {
				c.silent++
				c.offered = 0
				s.accept = max(s.accept-s.accept/16, 1./16)
				c.hold = now + s.patience()<<min(c.silent, 6)
				s.release(c)
				if c.silent >= silentOffers {
					c.wants = false
				}
			} else if c.offered == 0 && now >= c.hold {
				s.release(c) // it took some of it, and then nothing more
			}
		}
	}
	if s.have.Count() == 0 {
		return wake
	}
	chunk := int64(s.m.chunk)
	target := s.cfg.Uplink.room(s.rtt.or(s.cfg.RTT)*5/4+20*time.Millisecond) + chunk
	var eligible []*client
	for _, c := range s.clients {
		if c.credit > 0 {
			wake = min(wake, max(c.hold, c.offered+s.patience()))
		}
		if !c.wants || c.credit > 0 || c.queued >= s.cfg.PerPeer || !c.have.misses(s.have) {
			continue
		}
		if c.hold > now {
			wake = min(wake, c.hold)
			continue
		}
		eligible = append(eligible, c)
	}
	if len(eligible) == 0 {
		return wake
	}
	slices.SortFunc(eligible, func(a, b *client) int {
		switch {
		case a.turn < b.turn:
			return -1
		case a.turn > b.turn:
			return 1
		}
		return 0
	})
	for i, c := range eligible {
		free := float64(target-s.queued) - float64(s.open)*s.accept
		if free < float64(chunk) {
			return wake // something on its way will make room
		}
		rest := len(eligible) - i
		credit := max(1, min(int(free/float64(chunk)/s.accept)/rest, maxWanted))
		s.propose(now, c, credit, out)
		wake = min(wake, now+s.patience())
	}
	return wake
}

// propose offers a client so many chunks.
func (s *Server) propose(now time.Duration, c *client, credit int, out *protocols.Output) {
	m := message{kind: kindOffer, credit: credit}
	if spans := (s.m.Chunks() + span - 1) / span; spans > 1 {
		m.first = span * s.rng.IntN(spans)
		for range spans { // one with something to offer
			if w := m.first / 64; lacks(&c.have, s.have, w, w+span/64) {
				break
			}
			m.first = (m.first + span) % (spans * span)
		}
	}
	if s.scatter {
		m.bits = s.scattered(c, m.first, 2*credit)
	}
	if m.bits == nil {
		m.bits = s.have.appendSpan(nil, m.first)
	}
	c.turn, c.credit, c.offered, c.hold = s.turn, credit, max(now, 1), now+s.patience()
	s.turn++
	s.open += int64(credit) * int64(s.m.chunk)
	s.stats.Offers++
	put(&s.cfg, s.root, now, c.id, &m, out, protocols.Datagram{Message: true})
}

func lacks(have, of *Bitmap, from, to int) bool {
	for w := from; w < min(to, len(of.words)); w++ {
		if of.words[w]&^have.words[w] != 0 {
			return true
		}
	}
	return false
}

// scattered returns the bits of chunks that never left and are in no other offer, at most so many;
// nil once all have left.
func (s *Server) scattered(c *client, first, count int) []byte {
	set := newBitmap(s.m.Chunks())
	rest := false
	at := first + s.rng.IntN(min(span, s.m.Chunks()-first))
	for range min(span, s.m.Chunks()-first) {
		if s.sent[at] == 0 {
			rest = true
			if s.promise[at] == 0 && !c.have.Has(at) && set.Count() < count {
				set.set(at)
				s.promise[at]++
				c.promise = append(c.promise, at)
			}
		}
		if at++; at == min(first+span, s.m.Chunks()) {
			at = first
		}
	}
	if set.Count() == 0 {
		if !rest {
			s.scatter = s.m.Chunks() > span && s.scatter && slices.Contains(s.sent, 0)
		}
		return nil
	}
	return set.appendSpan(nil, first)
}

// Flush sends what is due: offers, pages of the manifest, pieces.
func (s *Server) Flush(now time.Duration, out *protocols.Output) {
	s.wake = s.offer(now, out)
	for len(s.repairs)+len(s.jobs) > 0 {
		if !s.cfg.Uplink.ready(now) {
			s.wake = min(s.wake, s.cfg.Uplink.at()-burst/2)
			break
		}
		s.transmit(now, out)
	}
}

// transmit sends one piece, or page.
func (s *Server) transmit(now time.Duration, out *protocols.Output) {
	queue := &s.jobs
	at := 0
	if len(s.repairs) > 0 {
		queue = &s.repairs
	} else if !s.jobs[0].served {
		// The next chunk goes to the peer that was sent one longest ago.
		for i, j := range s.jobs {
			if j.to.turn < s.jobs[at].to.turn {
				at = i
			}
		}
		j := s.jobs[at]
		copy(s.jobs[1:at+1], s.jobs[:at])
		s.jobs[0], at = j, 0
		j.served = true
		j.to.turn = s.turn
		s.turn++
	}
	j := (*queue)[at]
	m := message{kind: kindPiece, chunk: j.chunk}
	switch {
	case j.chunk < 0:
		id := -1 - j.chunk
		m = message{kind: kindPage, level: id >> 24, page: id & (1<<24 - 1), size: s.m.size, length: s.m.chunk}
		if l := m.level; l == topLevel {
			m.hashes = s.m.page(len(s.m.levels)-1, 0)
		} else {
			m.hashes = s.m.page(l, m.page)
		}
		j.left = 0
	default:
		if j.data == nil {
			var err error
			if j.data, err = s.content.Chunk(j.chunk); err != nil || len(j.data) != s.m.Length(j.chunk) {
				// Gone or damaged: not to be offered any more. Who asked will ask somebody else.
				s.have.clear(j.chunk)
				s.queued -= int64(j.left) * PieceSize
				j.left = 0
				break
			}
		}
		for w := range j.todo {
			if j.todo[w] != 0 {
				m.piece = 64*w + bits.TrailingZeros64(j.todo[w])
				j.todo[w] &= j.todo[w] - 1
				break
			}
		}
		j.left--
		s.queued -= PieceSize
		m.data = j.data[m.piece*PieceSize : min((m.piece+1)*PieceSize, len(j.data))]
		s.stats.Uploaded += int64(len(m.data))
	}
	if j.left == 0 {
		j.to.queued--
		*queue = slices.Delete(*queue, at, at+1)
	}
	if m.kind == kindPage || len(m.data) > 0 {
		put(&s.cfg, s.root, now, j.to.id, &m, out, protocols.Datagram{Message: m.kind == kindPage || !j.again && m.piece == 0, Again: j.again})
	}
}
