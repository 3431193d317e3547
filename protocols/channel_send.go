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
		} else if now-s.sentAt < c.path.srtt/2 {
			// Too early to be the answer to the second copy: the first one was late, not lost.
			c.reorder = min(2*c.reorder, maxWindow)
		}
		s.data = nil
	}
	if news == 0 {
		return nil
	}
	if sample >= 0 {
		c.path.observe(sample, c.opts.MinRTO)
	}
	for c.sent > 0 && c.segs[c.head].acked {
		c.Recycle(c.segs[c.head].own)
		c.segs[c.head] = segment{}
		c.head++
		c.base++
		c.sent--
	}
	if sample >= 0 || c.round.lost <= delayed {
		// Else the answers may be to first copies, and the timer be shorter than the queue is long.
		c.backoff = 0
	}
	c.open(news)
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
	c.weigh(news, lost)
	c.arm(now)
	return nil
}

// patience is how long an answer may take.
func (c *Channel) patience() time.Duration {
	if c.path.rtt == 0 {
		return c.opts.InitialRTO
	}
	return max(c.path.rtt, c.opts.MinRTO)
}

// timeout is how long to wait from now: the estimate, doubled for every wait in vain, and up to a
// tenth more.
func (c *Channel) timeout() time.Duration {
	d := min(c.patience()<<min(c.backoff, 16), c.opts.MaxRTO)
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
	if err := c.repeat(now, out); err != nil {
		return err
	}
	c.advance(now, out)
	if len(out.Datagrams) > first {
		if !armed {
			c.arm(now)
		}
		if c.gaps == 0 {
			c.ackNow, c.unacked = false, 0 // the data said it
		}
	}
	if c.ackNow {
		c.ackNow, c.unacked = false, 0
		f := frame{kind: frameAck, next: c.next}
		if c.gaps > 0 {
			for i := range uint32(maxWindow) {
				if c.slots[(c.next+1+i)%ring].full {
					f.words[i/64] |= 1 << (i % 64)
				}
			}
		}
		// One that is lost would have everything sent again, which costs more than a second one.
		for range 1 + min(c.redundancy(1), 1) {
			c.stats.Acks++
			c.put(&f, out, Datagram{})
		}
	}
	return nil
}

// repeat sends again what is presumed lost.
func (c *Channel) repeat(now time.Duration, out *Output) error {
	if c.lost == 0 {
		return nil
	}
	first := len(out.Datagrams)
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
		c.emit(now, s, c.base+uint32(i), s.flags, out)
	}
	if n := len(out.Datagrams); n > first {
		out.Datagrams[n-1].Data[EnvelopeSize+dataHeader-1] |= flagPush
	}
	return nil
}

// advance sends what was never sent, as far as the window allows: in groups of about equal size,
// each followed by its parity.
func (c *Channel) advance(now time.Duration, out *Output) {
	fresh := min(c.window-c.inFlight, min(c.opts.Window, c.Pending())-c.sent)
	if fresh <= 0 {
		return
	}
	for groups := (fresh + groupSize - 1) / groupSize; groups > 0; groups-- {
		n := (fresh + groups - 1) / groups
		fresh -= n
		rows := c.redundancy(n)
		group := c.segs[c.head+c.sent : c.head+c.sent+n]
		for i := range group {
			flags := group[i].flags
			if rows > 0 {
				flags |= flagCoded
			}
			if i == n-1 && (rows > 0 || groups == 1) {
				flags |= flagPush
			}
			c.stats.Fragments++
			c.emit(now, &group[i], c.base+uint32(c.sent+i), flags, out)
		}
		c.parity(group, rows, out)
		c.sent += n
	}
}

// redundancy is how many rows of parity follow a group of n fragments.
func (c *Channel) redundancy(n int) int {
	if c.opts.Loss < 0 {
		return 0
	}
	s := c.path.there
	if !c.path.told || c.crowded() { // parity for what a full queue drops would fill it more
		s = shareOf(c.before, 1e6)
	}
	if c.rowsFor != n || c.rowsAt != s {
		c.rows, c.rowsFor, c.rowsAt = redundancy(n, s), n, s
	}
	return c.rows
}

// parity sends the rows of a group, which is the one that was just sent.
func (c *Channel) parity(group []segment, rows int, out *Output) {
	longest := 0
	for i := range group {
		longest = max(longest, len(group[i].data))
	}
	for row := range rows {
		c.stats.Parity++
		f := frame{kind: frameParity, seq: c.base + uint32(c.sent), next: c.next, group: byte(len(group)), row: byte(row)}
		if row == rows-1 {
			f.flags = flagPush
		}
		c.put(&f, out, Datagram{})
		d := &out.Datagrams[len(out.Datagrams)-1]
		head := len(d.Data)
		d.Data = d.Data[:head+shardHead+longest]
		sum := d.Data[head:]
		clear(sum)
		for i := range group {
			mix(sum, row, i, group[i].flags, group[i].data)
		}
		setBody(d.Data)
	}
}

// expire presumes lost what was sent a whole timeout ago.
func (c *Channel) expire(now time.Duration) {
	c.stats.Timeouts++
	wait := c.patience()
	window := c.segs[c.head : c.head+c.sent]
	found, n := false, 0
	for i := range window {
		s := &window[i]
		if s.acked || s.lost || found && now-s.sentAt < wait {
			continue
		}
		found = true
		s.lost = true
		c.lost++
		c.inFlight--
		n++
	}
	c.weigh(0, n)
	c.backoff++
	c.window = max(c.window/2, 2)
	c.deadline = Never
}

func (c *Channel) emit(now time.Duration, s *segment, seq uint32, flags byte, out *Output) {
	again := s.tries > 0
	c.tx++
	s.tx, s.sentAt = c.tx, now
	s.tries++
	c.inFlight++
	f := frame{kind: frameData, seq: seq, next: c.next, flags: flags, data: s.data}
	c.put(&f, out, Datagram{Message: flags&flagFirst != 0 && !again, Again: again})
}

// put writes a frame into a datagram of its own.
func (c *Channel) put(f *frame, out *Output, d Datagram) {
	f.life, f.serial, f.lost = c.life, c.serial, c.path.report(c.before)
	c.serial++
	d.To, d.Data = c.peer, f.append(Envelope{Type: c.typ, Session: c.session}.appendHeader(out.Buffer(), 0))
	setBody(d.Data)
	out.Datagrams = append(out.Datagrams, d)
}

// setBody writes the length of the body into the envelope that begins b: it is known only once the
// body is there.
func setBody(b []byte) {
	n := len(b) - EnvelopeSize
	b[EnvelopeSize-2], b[EnvelopeSize-1] = byte(n), byte(n>>8)
}
