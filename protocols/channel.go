package protocols

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// ChannelOptions bounds a channel. A zero field takes the default that its comment names.
type ChannelOptions struct {
	// Window is how many datagrams may be on their way, at most 512, the default. Too small a
	// window leaves a long path idle.
	Window int
	// MaxMessage bounds a message in bytes, both ways; default 256 KiB.
	MaxMessage int
	// InitialRTO is how long to wait for the first acknowledgement; default 300 ms. Shorter than
	// the round trip, it sends everything twice.
	InitialRTO time.Duration
	// MinRTO and MaxRTO bound the wait once round trips are known; defaults 20 ms and 10 s.
	MinRTO, MaxRTO time.Duration
	// Attempts is how often one datagram is sent before the channel gives up; default 10.
	Attempts int
}

func (o ChannelOptions) withDefaults() ChannelOptions {
	if o.Window <= 0 || o.Window > maxWindow {
		o.Window = maxWindow
	}
	if o.MaxMessage <= 0 {
		o.MaxMessage = 256 << 10
	}
	if o.InitialRTO <= 0 {
		o.InitialRTO = 300 * time.Millisecond
	}
	if o.MinRTO <= 0 {
		o.MinRTO = 20 * time.Millisecond
	}
	if o.MaxRTO <= 0 {
		o.MaxRTO = 10 * time.Second
	}
	if o.Attempts <= 0 {
		o.Attempts = 10
	}
	return o
}

// ChannelStats counts what a channel sent.
type ChannelStats struct {
	Messages        int // messages handed to Send
	Fragments       int // datagrams with a part of a message, each counted once
	Retransmissions int // datagrams with a part that had been sent before
	Acks            int // datagrams that only acknowledge
	Timeouts        int // times that the timer ran out
}

// A Channel carries messages of any length up to MaxMessage to one peer, within one session, whole
// and in order. It cuts them to datagrams, sends again only what is missing (the other side says
// what arrived, also beyond a gap), and adapts its timer to the round trips that it sees.
//
// It has no thread of its own. Per step of its owner: Receive each arriving frame, take messages
// with Next, hand over new ones with Send, and at the end Flush, which sends what is due. Deadline
// says when to Flush again.
type Channel struct {
	opts    ChannelOptions
	typ     byte
	peer    PeerID
	session uint64
	rng     *rand.Rand
	stats   ChannelStats

	// Sending: segs[head:] is not acknowledged in one piece; base is the sequence number of
	// segs[head] and sent how many of them were ever sent.
	segs      []segment
	head      int
	base      uint32
	sent      int
	inFlight  int // sent, neither acknowledged nor presumed lost
	window    int // allowed in flight: shrinks when the path seems full
	lost      int
	tx        uint64 // counts transmissions
	topTx     uint64 // latest transmission known to have arrived
	reorder   uint64 // how many later transmissions must arrive before one is presumed lost
	srtt, rtt time.Duration
	rttvar    time.Duration
	backoff   uint
	deadline  time.Duration

	// Receiving.
	next     uint32
	slots    [maxWindow]slot
	gaps     int // datagrams held beyond the first gap
	partial  []byte
	within   bool
	inbox    [][]byte
	unacked  int
	ackNow   bool
	newestAt uint32
}

// minReorder is how many later transmissions must arrive before one is presumed lost, as long as
// the path has not been seen to reorder more than that.
const minReorder = 3

type segment struct {
	data   []byte
	flags  byte
	acked  bool
	lost   bool
	tries  int
	tx     uint64 // latest transmission
	sentAt time.Duration
}

type slot struct {
	full  bool
	flags byte
	data  []byte
}

// NewChannel returns a channel to peer for one session, whose envelopes are of type typ. Rng spreads
// the retransmission timer, so that peers that lost together do not send again together.
func NewChannel(opts ChannelOptions, typ byte, peer PeerID, session uint64, rng *rand.Rand) *Channel {
	opts = opts.withDefaults()
	return &Channel{
		opts: opts, typ: typ, peer: peer, session: session, rng: rng,
		window: opts.Window, reorder: minReorder, deadline: Never,
	}
}

// Stats returns what was counted so far.
func (c *Channel) Stats() ChannelStats { return c.stats }

// Deadline is the time by which Flush must be called again, or Never.
func (c *Channel) Deadline() time.Duration { return c.deadline }

// Pending is the number of datagrams queued or sent that are not acknowledged.
func (c *Channel) Pending() int { return len(c.segs) - c.head }

// Room reports whether it is useful to hand over another message now. An owner that asks first
// never queues more than two windows and one message.
func (c *Channel) Room() bool { return c.Pending() < 2*c.opts.Window }

// Send queues a message, which the channel keeps: the caller must not touch it again. The error
// wraps ErrExhausted when it is empty or longer than MaxMessage.
func (c *Channel) Send(msg []byte) error {
	if len(msg) == 0 || len(msg) > c.opts.MaxMessage {
		return fmt.Errorf("send message of %d bytes, at least 1 and at most %d: %w", len(msg), c.opts.MaxMessage, ErrExhausted)
	}
	c.stats.Messages++
	if c.head > 0 && c.head >= len(c.segs)/2 {
		n := copy(c.segs, c.segs[c.head:])
		clear(c.segs[n:])
		c.segs, c.head = c.segs[:n], 0
	}
	flags := flagFirst
	for len(msg) > 0 {
		n := min(len(msg), MaxFragment)
		if n == len(msg) {
			flags |= flagLast
		}
		c.segs = append(c.segs, segment{data: msg[:n:n], flags: flags})
		msg, flags = msg[n:], 0
	}
	return nil
}

// Next returns the next whole message that arrived. The caller owns it.
func (c *Channel) Next() ([]byte, bool) {
	if len(c.inbox) == 0 {
		return nil, false
	}
	m := c.inbox[0]
	c.inbox = c.inbox[1:]
	return m, true
}

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
	if err := c.acknowledge(now, &f); err != nil {
		return err
	}
	if f.kind == frameData {
		return c.accept(&f)
	}
	return nil
}

// accept takes a fragment in.
func (c *Channel) accept(f *frame) error {
	ahead := int32(f.seq - c.next)
	s := &c.slots[f.seq%maxWindow]
	switch {
	case ahead < 0 || ahead > 0 && ahead < maxWindow && s.full:
		// The other side did not learn that it arrived.
		c.ackNow = true
		return nil
	case ahead >= maxWindow:
		return fmt.Errorf("receive datagram %d while waiting for %d: %w", f.seq, c.next, ErrVerification)
	case ahead > 0:
		s.full, s.flags, s.data = true, f.flags, append(s.data[:0], f.data...)
		// A gap that was not known makes the sender wait: tell it soon, but not with every datagram.
		c.ackNow = c.ackNow || f.flags&flagPush != 0 || c.gaps == 0 || f.seq != c.newestAt+1 || c.unacked >= 1
		c.newestAt = f.seq
		c.gaps++
		c.unacked++
		return nil
	}
	c.ackNow = c.ackNow || c.gaps > 0 || f.flags&flagPush != 0
	if err := c.assemble(f.flags, f.data); err != nil {
		return err
	}
	for c.gaps > 0 {
		s := &c.slots[c.next%maxWindow]
		if !s.full {
			break
		}
		s.full = false
		c.gaps--
		if err := c.assemble(s.flags, s.data); err != nil {
			return err
		}
	}
	if c.unacked >= 8 {
		c.ackNow = true
	}
	return nil
}

// assemble appends the next fragment in order to the message that it belongs to.
func (c *Channel) assemble(flags byte, data []byte) error {
	c.next++
	c.unacked++
	if (flags&flagFirst != 0) == c.within {
		return fmt.Errorf("receive datagram %d: messages overlap: %w", c.next-1, ErrVerification)
	}
	if len(c.partial)+len(data) > c.opts.MaxMessage {
		return fmt.Errorf("receive message over %d bytes: %w", c.opts.MaxMessage, ErrVerification)
	}
	c.within = true
	c.partial = append(c.partial, data...)
	if flags&flagLast != 0 {
		c.inbox = append(c.inbox, c.partial)
		c.partial, c.within = nil, false
	}
	return nil
}
