package protocols

import (
	"fmt"
	"slices"
	"time"
)

// Receive takes the body of an envelope that arrived from the peer for this session. The error is a
// *ResetError when the peer gave the session up, and otherwise wraps ErrVerification.
func (c *Channel) Receive(now time.Duration, body []byte) error {
	f, err := parseFrame(body)
	if err != nil {
		return err
	}
	if f.kind == frameReset {
		return &ResetError{Code: f.code}
	}
	if !c.met {
		c.met, c.peerLife = true, f.life
	} else if f.life != c.peerLife {
		// The peer began anew since, as after a crash: what either side knows of the other is void.
		return &ResetError{Code: ResetClosed}
	}
	if c.tally.hear(f.serial, c.path) {
		return nil // the network's copy, not the peer's
	}
	c.path.there, c.path.told = f.lost, true
	if err := c.acknowledge(now, &f); err != nil {
		return err
	}
	switch f.kind {
	case frameData:
		if err := c.accept(f.seq, f.flags, f.data); err != nil {
			return err
		}
		return c.mend()
	case frameParity:
		return c.acceptParity(&f)
	}
	return nil
}

// accept takes a fragment in.
func (c *Channel) accept(seq uint32, flags byte, data []byte) error {
	ahead := int32(seq - c.next)
	s := &c.slots[seq%ring]
	switch {
	case ahead < 0 || ahead > 0 && ahead < maxWindow && s.full:
		// The other side did not learn that it arrived.
		c.ackNow = true
		return nil
	case ahead >= maxWindow:
		return fmt.Errorf("receive datagram %d while waiting for %d: %w", seq, c.next, ErrVerification)
	}
	coded := flags&flagCoded != 0
	c.hold(s, seq, flags, data)
	if ahead > 0 {
		s.full = true
		// A gap that was not known makes the sender wait: tell it soon, but not with every datagram,
		// and not before parity had its chance.
		c.ackNow = c.ackNow || !coded && (flags&flagPush != 0 || c.gaps == 0 || seq != c.newestAt+1 || c.unacked >= 1)
		c.newestAt = seq
		c.gaps++
		c.unacked++
		return nil
	}
	c.ackNow = c.ackNow || c.gaps > 0 && !coded
	if err := c.assemble(flags, data); err != nil {
		return err
	}
	for c.gaps > 0 {
		s := &c.slots[c.next%ring]
		if !s.full {
			break
		}
		s.full = false
		c.gaps--
		flags |= s.flags & flagPush
		if err := c.assemble(s.flags, s.data); err != nil {
			return err
		}
	}
	if flags&flagPush != 0 && (c.gaps == 0 || !coded) || c.unacked >= 8 && !coded {
		c.ackNow = true
	}
	return nil
}

// hold keeps a fragment in its slot, past its use: parity may need it.
func (c *Channel) hold(s *slot, seq uint32, flags byte, data []byte) {
	if s.data == nil {
		s.data = c.buffer()
	}
	s.seq, s.held, s.flags, s.data = seq, true, flags, append(s.data[:0], data...)
}

func (c *Channel) buffer() []byte {
	if n := len(c.spare); n > 0 {
		b := c.spare[n-1]
		c.spare = c.spare[:n-1]
		return b[:0]
	}
	return make([]byte, 0, MaxFragment+shardHead)
}

// assemble appends the next fragment in order to the message that it belongs to.
func (c *Channel) assemble(flags byte, data []byte) error {
	c.next++
	c.unacked++
	if s := &c.slots[(c.next-1-groupSize)%ring]; s.held && s.seq == c.next-1-groupSize {
		c.spare = append(c.spare, s.data)
		s.held, s.data = false, nil
	}
	if (flags&flagFirst != 0) == c.within {
		return fmt.Errorf("receive datagram %d: messages overlap: %w", c.next-1, ErrVerification)
	}
	if len(c.partial)+len(data) > c.opts.MaxMessage {
		return fmt.Errorf("receive message over %d bytes: %w", c.opts.MaxMessage, ErrVerification)
	}
	if !c.within {
		c.partial = c.Buffer()
	}
	c.within = true
	if cap(c.partial)-len(c.partial) < len(data) {
		// Doubled, as append would not: how long the message gets is not known.
		c.partial = slices.Grow(c.partial, max(len(c.partial), len(data)))
	}
	c.partial = append(c.partial, data...)
	if flags&flagLast != 0 {
		c.inbox = append(c.inbox, c.partial)
		c.partial, c.within = nil, false
	}
	return nil
}
