package chunk

import (
	"math/bits"
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// minAccept bounds how much more is offered than can be sent, in the hope that not all of it is taken.
const minAccept = 0.5

// silentOffers is how many offers without an answer end the dealing with a peer, until it speaks.
const silentOffers = 6

// refusedPause is how long after an offer that was refused the next one follows, to a peer for which we
// have nothing new. What it lacks is on its way to it from others; where a round trip takes
// microseconds, offers and refusals would be most of what is sent meanwhile.
const refusedPause = time.Millisecond

// refused notes that a client wants nothing of an offer.
func (s *Server) refused(now time.Duration, c *client, number uint16) {
	if at := slices.IndexFunc(c.grants, func(g grant) bool { return g.number == number }); at >= 0 {
		c.pause, c.held = c.grants[at].at+refusedPause, s.have.Count()
	}
	s.answered(now, c, number, 0)
}

// answered notes that a client reacted to an offer, by asking for so many chunks. What it did not take
// is free for others.
func (s *Server) answered(now time.Duration, c *client, number uint16, taken int) {
	at := slices.IndexFunc(c.grants, func(g grant) bool { return g.number == number })
	if at < 0 {
		return
	}
	s.rtt.observe(now - c.grants[at].at)
	s.settle(c, at, float64(min(taken, c.grants[at].chunks)))
}

// settle closes an offer of which so many chunks were taken.
func (s *Server) settle(c *client, at int, taken float64) {
	g := c.grants[at]
	s.accept = max(s.accept+(taken/float64(g.chunks)-s.accept)/16, minAccept)
	c.credit -= g.chunks
	s.open -= int64(g.chunks) * int64(s.m.chunk)
	c.grants = slices.Delete(c.grants, at, at+1)
	if len(c.grants) == 0 {
		s.release(c)
	}
}

// release takes back what is left of an offer.
func (s *Server) release(c *client) {
	if s.m != nil {
		s.open -= int64(c.credit) * int64(s.m.chunk)
	}
	c.credit, c.grants = 0, c.grants[:0]
	for _, i := range c.promise {
		s.promise[i]--
	}
	c.promise = c.promise[:0]
}

// patience is how long an offer stands.
func (s *Server) patience() time.Duration { return s.rtt.limit(s.cfg.RTT) }

// offer makes offers until the uplink has enough to do for a round trip, and returns when to look again.
func (s *Server) offer(now time.Duration, out *protocols.Output) time.Duration {
	wake := protocols.Never
	if s.m == nil {
		return wake
	}
	for _, c := range s.clients {
		if c.credit > 0 {
			s.expire(now, c)
		}
	}
	if s.have.Count() == 0 {
		return wake
	}
	chunk := int64(s.m.chunk)
	s.adapt(now)
	target := s.cfg.Uplink.room(time.Duration(s.ahead*float64(s.rtt.or(s.cfg.RTT)))+20*time.Millisecond) + 2*chunk
	free := func() float64 { return float64(target-s.queued) - float64(s.open)*s.accept }
	// As long as nobody has answered, each gets a little: all of it would wait for one answer that is lost.
	first := s.rtt.mean == 0
	for free() >= float64(chunk) {
		// Whose turn it is: first those without an open offer.
		var next *client
		rest := 0
		for _, c := range s.clients {
			if c.wants && c.pause > now && c.held == s.have.Count() {
				wake = min(wake, c.pause)
				continue
			}
			if first && c.credit > 0 || !c.wants || c.credit+c.queued >= s.cfg.PerPeer || c.credit == 0 && c.hold > now || !c.have.misses(s.have) {
				if c.wants && c.credit == 0 && c.hold > now {
					wake = min(wake, c.hold)
				}
				continue
			}
			if c.credit == 0 {
				rest++
			}
			if next == nil || (next.credit > 0) != (c.credit > 0) && c.credit == 0 || (next.credit > 0) == (c.credit > 0) && c.turn < next.turn {
				next = c
			}
		}
		if next == nil {
			break
		}
		credit := int(free() / float64(chunk) / s.accept)
		if first {
			credit = 1
		}
		if next.credit == 0 {
			credit /= rest
		}
		s.propose(now, next, max(1, min(credit, s.cfg.PerPeer-next.credit-next.queued)), out)
	}
	for _, c := range s.clients {
		if c.credit > 0 {
			wake = min(wake, c.grants[0].at+s.patience())
		}
	}
	return wake
}

// adapt offers further ahead when the uplink has run dry although offers are open, and less far as long
// as there is always something to send.
func (s *Server) adapt(now time.Duration) {
	switch {
	case s.cfg.Uplink == nil || now < s.dry:
		return
	case len(s.jobs) > 1:
		s.ahead = max(s.ahead-0.01, 1)
	case len(s.jobs) == 0 && s.open > 0 && s.cfg.Uplink.free < now:
		s.ahead = min(s.ahead+0.1, 2)
	}
	s.dry = now + s.rtt.or(s.cfg.RTT)/8
}

// expire takes back offers to which there was no answer.
func (s *Server) expire(now time.Duration, c *client) {
	for len(c.grants) > 0 && now >= c.grants[0].at+s.patience() {
		if c.silent++; c.silent > 1 { // one is lost now and then
			c.hold = now + s.patience()<<min(c.silent, 6)
		}
		c.wants = c.wants && c.silent < silentOffers
		s.settle(c, 0, 0)
	}
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
	s.number = max(s.number+1, 1)
	m.offer = s.number
	c.turn = s.turn
	c.credit += credit
	c.grants = append(c.grants, grant{s.number, now, credit})
	s.turn++
	s.open += int64(credit) * int64(s.m.chunk)
	s.stats.Offers++
	if c.fresh && s.scatter { // not before it is its turn: to many peers, the pages take long
		c.fresh = false
		s.queuePage(c, topLevel, 0)
	}
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
	// Sending makes room for offers.
	for len(s.repairs)+len(s.jobs) > 0 && s.cfg.Uplink.ready(now) {
		s.transmit(now, out)
	}
	s.wake = s.offer(now, out)
	if len(s.repairs)+len(s.jobs) > 0 {
		s.wake = min(s.wake, s.cfg.Uplink.at()-burst/2)
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
