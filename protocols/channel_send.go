package protocols

import (
	"fmt"
	"time"
)

// acknowledge takes note of what the frame says arrived, and of what must therefore be lost.
func (c *Channel) acknowledge(now time.Duration, f *frame) error {
	if int32(f.next-c.base) > int32(c.sent) {
		return fmt.Errorf("receive acknowledgement up to %d, sent up to %d: %w", f.next, c.base+uint32(c.sent), ErrVerification)
	}
	window := c.segs[c.head : c.head+c.sent]
	news, sample := 0, time.Duration(-1)
	for i := range window {
		s := &window[i]
		if s.acked || !f.has(c.base+uint32(i)) {
			if f.kind == frameData && !s.acked {
				break // such a frame speaks of the beginning only
			}
			continue
		}
		s.acked = true
		news++
		if s.lost {
			c.lost--
		} else {
			c.inFlight--
		}
		if s.tries == 1 {
			// Whether the first or a later copy arrived cannot be told: only single ones count.
			c.topTx = max(c.topTx, s.tx)
			sample = now - s.sentAt
		} else if now-s.sentAt < c.srtt/2 {
			// Too early to be the answer to the second copy: the first one was late, not lost.
			c.reorder = min(2*c.reorder, maxWindow)
		}
		s.data = nil
	}
	if news == 0 {
		return nil
	}
	if sample >= 0 {
		c.observe(sample)
	}
	for c.sent > 0 && c.segs[c.head].acked {
		c.segs[c.head] = segment{}
		c.head++
		c.base++
		c.sent--
	}
	c.backoff = 0
	c.window = min(c.window+news, c.opts.Window)
	lost, late := 0, c.reorder
	if late == minReorder && c.topTx == c.tx && c.sent == c.Pending() {
		// Nothing later is on its way that could tell more, and nothing was ever reordered here:
		// waiting for the timer would cost more than a copy too many.
		late = 1
	}
	window = c.segs[c.head : c.head+c.sent]
	for i := range window {
		if s := &window[i]; !s.acked && !s.lost && s.tx+late <= c.topTx {
			s.lost = true
			lost++
		}
	}
	c.lost += lost
	c.inFlight -= lost
	if lost > 8 && lost > news {
		// Single losses are the weather; losing most of a burst means that a queue is full.
		c.window = max(c.window/2, 2)
	}
	c.arm(now)
	return nil
}

// observe updates the estimate of the round trip as RFC 6298, section 2, does, but for the first:
// half a round trip of variation, as there, is far more than paths have, and short exchanges never
// see enough samples to unlearn it.
func (c *Channel) observe(sample time.Duration) {
	if c.srtt == 0 {
		c.srtt, c.rttvar = sample, sample/8
	} else {
		c.rttvar += (max(c.srtt-sample, sample-c.srtt) - c.rttvar) / 4
		c.srtt += (sample - c.srtt) / 8
	}
	c.rtt = max(c.srtt+4*c.rttvar, c.opts.MinRTO)
}

// timeout is how long to wait from now: the estimate, doubled for every wait in vain, and up to a
// tenth more.
func (c *Channel) timeout() time.Duration {
	d := c.rtt
	if d == 0 {
		d = c.opts.InitialRTO
	}
	d = min(d<<min(c.backoff, 16), c.opts.MaxRTO)
	return d + time.Duration(c.rng.Int64N(int64(d)/10+1))
}

func (c *Channel) arm(now time.Duration) {
	c.deadline = Never
	if c.inFlight > 0 {
		c.deadline = now + c.timeout()
	}
}

// Flush sends what is due at now: datagrams presumed lost, new ones as far as the window allows, and
// an acknowledgement when one is owed. The error wraps ErrExhausted when a datagram was sent in vain
// as often as is allowed.
func (c *Channel) Flush(now time.Duration, out *Output) error {
	if now >= c.deadline {
		c.expire(now)
	}
	first := len(out.Datagrams)
	armed := c.deadline != Never && c.inFlight > 0
	var push int // offset of the flags in the last datagram
	if c.lost > 0 {
		window := c.segs[c.head : c.head+c.sent]
		for i := range window {
			s := &window[i]
			if !s.lost || s.acked {
				continue
			}
			if c.inFlight >= c.window {
				break
			}
			if s.tries >= c.opts.Attempts {
				return fmt.Errorf("send datagram %d: no answer to %d attempts: %w", c.base+uint32(i), s.tries, ErrExhausted)
			}
			c.lost--
			s.lost = false
			c.stats.Retransmissions++
			push = c.emit(now, s, c.base+uint32(i), out)
		}
	}
	for c.inFlight < c.window && c.sent < min(c.opts.Window, c.Pending()) {
		s := &c.segs[c.head+c.sent]
		c.stats.Fragments++
		push = c.emit(now, s, c.base+uint32(c.sent), out)
		c.sent++
	}
	if n := len(out.Datagrams); n > first {
		out.Datagrams[n-1].Data[push] |= flagPush
		if !armed {
			c.arm(now)
		}
		if c.gaps == 0 {
			c.ackNow, c.unacked = false, 0 // the data said it
		}
	}
	if c.ackNow {
		c.ackNow, c.unacked = false, 0
		c.stats.Acks++
		f := frame{kind: frameAck, next: c.next}
		if c.gaps > 0 {
			for i := range uint32(maxWindow - 1) {
				if c.slots[(c.next+1+i)%maxWindow].full {
					f.words[i/64] |= 1 << (i % 64)
				}
			}
		}
		c.put(&f, out, Datagram{})
	}
	return nil
}

// expire presumes lost what was sent a whole timeout ago.
func (c *Channel) expire(now time.Duration) {
	c.stats.Timeouts++
	wait := c.rtt
	if wait == 0 {
		wait = c.opts.InitialRTO
	}
	window := c.segs[c.head : c.head+c.sent]
	found := false
	for i := range window {
		s := &window[i]
		if s.acked || s.lost || found && now-s.sentAt < wait {
			continue
		}
		found = true
		s.lost = true
		c.lost++
		c.inFlight--
	}
	c.backoff++
	c.window = max(c.window/2, 2)
	c.deadline = Never
}

func (c *Channel) emit(now time.Duration, s *segment, seq uint32, out *Output) int {
	again := s.tries > 0
	c.tx++
	s.tx, s.sentAt = c.tx, now
	s.tries++
	c.inFlight++
	f := frame{kind: frameData, seq: seq, next: c.next, flags: s.flags, data: s.data}
	c.put(&f, out, Datagram{Message: s.flags&flagFirst != 0 && !again, Again: again})
	return EnvelopeSize + dataHeader - 1
}

// put writes a frame into a datagram of its own. The body's length is known only afterwards.
func (c *Channel) put(f *frame, out *Output, d Datagram) {
	b := f.append(Envelope{Type: c.typ, Session: c.session}.appendHeader(out.Buffer(), 0))
	n := len(b) - EnvelopeSize
	b[EnvelopeSize-2], b[EnvelopeSize-1] = byte(n), byte(n>>8)
	d.To, d.Data = c.peer, b
	out.Datagrams = append(out.Datagrams, d)
}
