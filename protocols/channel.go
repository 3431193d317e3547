package protocols

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// ChannelOptions bounds a channel. A zero field takes the default that its comment names.
type ChannelOptions struct {
	// Window is how many datagrams may be on their way, at most 448, the default. Too small a
	// window leaves a long path idle.
	Window int
	// MaxMessage bounds a message in bytes, both ways; default 256 KiB.
	MaxMessage int
	// InitialRTO is how long to wait for the first acknowledgement on a path whose round trip is
	// not known; default 300 ms. Shorter than the round trip, it sends everything twice; longer, it
	// costs little, since parity stands in for most of what a timer would send again.
	InitialRTO time.Duration
	// MinRTO and MaxRTO bound the wait once round trips are known; defaults 20 ms and 10 s.
	MinRTO, MaxRTO time.Duration
	// Attempts is how often one datagram is sent before the channel gives up; default 10.
	Attempts int
	// Loss is the share of datagrams that is expected to be lost, at most 0.5, as long as little is
	// measured; default 0.05. Fresh fragments are followed by so much parity that at this loss one
	// flight in a thousand needs anything sent again. Too much sends parity in vain until about a
	// thousand datagrams have shown so; too little costs a timeout for what is lost meanwhile. With
	// a negative Loss no parity is sent, whatever is lost.
	Loss float64
	// Path is what is known of the way to the peer, to be shared by channels to the same one. Nil
	// stands for a new one that knows nothing.
	Path *Path
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
	if o.Loss == 0 || o.Loss > 0.5 {
		o.Loss = 0.05
	}
	if o.Path == nil {
		o.Path = new(Path)
	}
	return o
}

// ChannelStats counts what a channel sent.
type ChannelStats struct {
	Messages        int // messages handed to Send
	Fragments       int // datagrams with a part of a message, each counted once
	Retransmissions int // datagrams with a part that had been sent before
	Parity          int // datagrams that stand in for others, should they be lost
	Acks            int // datagrams that only acknowledge
	Timeouts        int // times that the timer ran out
}

// A Channel carries messages of any length up to MaxMessage to one peer, within one session, whole
// and in order. It cuts them to datagrams, sends again only what is missing (the other side says
// what arrived, also beyond a gap), and adapts its timer to the round trips that it sees.
//
// What is sent for the first time, up to 64 datagrams in a row, is followed by parity: datagrams of
// which any one replaces any one that was lost, as many as the loss on the path calls for, and none
// where nothing is lost. So the usual loss costs bytes and no time. Parity is neither acknowledged
// nor sent again, and the receiver says nothing of a gap before it has seen whether parity fills it.
//
// It begins with a whole window on its way. Where a queue is too short for that, it halves the window
// until it fits, and widens it little by little; the Path remembers that. Meanwhile parity is for the
// loss that was expected beforehand alone, as what a queue drops would be more still.
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
	segs     []segment
	head     int
	base     uint32
	sent     int
	inFlight int // sent, neither acknowledged nor presumed lost
	window   int // allowed in flight: see channel_window.go
	round    round
	lost     int
	tx       uint64 // counts transmissions
	topTx    uint64 // latest transmission known to have arrived
	reorder  uint64 // how many later transmissions must arrive before one is presumed lost
	backoff  uint
	deadline time.Duration
	path     *Path
	before   uint64 // loss expected beforehand, in millionths
	life     uint16 // by chance: a channel to the same peer for the same session after a crash has another
	serial   uint16
	rows     int // of parity for a group of rowsFor fragments at loss rowsAt
	rowsFor  int
	rowsAt   share

	// Receiving.
	peerLife uint16 // of the first frame that came
	met      bool
	next     uint32
	slots    [ring]slot
	gaps     int // datagrams held beyond the first gap
	partial  []byte
	within   bool
	inbox    [][]byte
	unacked  int
	ackNow   bool
	newestAt uint32
	tally    tally
	groups   []group  // with parity that waits for more
	missing  []byte   // scratch
	spare    [][]byte // buffers of fragments and sums
	free     [][]byte // and of messages
}

// minReorder is how many later transmissions must arrive before one is presumed lost, as long as
// the path has not been seen to reorder more than that.
const minReorder = 3

type segment struct {
	data   []byte
	own    []byte // the whole message, in its last segment, if its memory is the channel's
	flags  byte
	acked  bool
	lost   bool
	tries  int
	tx     uint64 // latest transmission
	sentAt time.Duration
}

// ring is how many fragments are held at most: a window past the first gap, and before it as many as
// can belong to one group, whose parity may need them.
const ring = maxWindow + groupSize

type slot struct {
	seq   uint32
	held  bool // data is that of seq
	full  bool // and past the first gap
	flags byte
	data  []byte
}

// NewChannel returns a channel to peer for one session, whose envelopes are of type typ. Rng spreads
// the retransmission timer, so that peers that lost together do not send again together.
func NewChannel(opts ChannelOptions, typ byte, peer PeerID, session uint64, rng *rand.Rand) *Channel {
	c := new(Channel)
	c.Reset(opts, typ, peer, session, rng)
	return c
}

// Reset makes the channel what NewChannel returns, with the memory of what it was.
func (c *Channel) Reset(opts ChannelOptions, typ byte, peer PeerID, session uint64, rng *rand.Rand) {
	opts = opts.withDefaults()
	for i := range c.slots {
		s := &c.slots[i]
		if s.data != nil {
			c.spare = append(c.spare, s.data)
		}
		*s = slot{}
	}
	for _, g := range c.groups {
		c.spare = append(c.spare, g.sums...)
	}
	if len(c.spare) > keptFragments {
		clear(c.spare[keptFragments:])
		c.spare = c.spare[:keptFragments]
	}
	for i := range c.segs {
		c.Recycle(c.segs[i].own)
	}
	clear(c.segs)
	for _, m := range c.inbox {
		c.Recycle(m)
	}
	clear(c.inbox)
	c.Recycle(c.partial)
	clear(c.groups)
	*c = Channel{
		opts: opts, typ: typ, peer: peer, session: session, rng: rng,
		window: opts.Path.window(opts.Window), reorder: minReorder, deadline: Never,
		path: opts.Path, before: uint64(max(opts.Loss, 0) * 1e6),
		segs: c.segs[:0], slots: c.slots, inbox: c.inbox[:0], groups: c.groups[:0],
		missing: c.missing[:0], spare: c.spare, free: c.free,
		life: uint16(rng.Uint64()),
	}
}

const (
	keptMessages  = 8   // buffers of messages that a channel keeps
	keptFragments = 128 // and of fragments, from one session to the next
)

// Buffer returns an empty buffer for a message, or nil. With SendOwn it comes back to the channel once
// the message is acknowledged.
func (c *Channel) Buffer() []byte {
	if n := len(c.free); n > 0 {
		b := c.free[n-1]
		c.free = c.free[:n-1]
		return b
	}
	return nil
}

// Recycle takes back the buffer of a message that Next returned and nobody reads any more.
func (c *Channel) Recycle(b []byte) {
	if cap(b) > 0 && len(c.free) < keptMessages {
		c.free = append(c.free, b[:0])
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

// Send queues a message, which the channel keeps: the caller must not change it again. The error
// wraps ErrExhausted when it is empty or longer than MaxMessage.
func (c *Channel) Send(msg []byte) error { return c.send(msg, nil) }

// SendOwn is Send for a message whose memory becomes the channel's, to be written over: one that
// Buffer returned, or that nobody else has.
func (c *Channel) SendOwn(msg []byte) error { return c.send(msg, msg) }

func (c *Channel) send(msg, own []byte) error {
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
	for rest := msg; len(rest) > 0; flags = 0 {
		n := min(len(rest), MaxFragment)
		s := segment{data: rest[:n:n], flags: flags}
		if rest = rest[n:]; len(rest) == 0 {
			s.flags |= flagLast
			s.own = own
		}
		c.segs = append(c.segs, s)
	}
	return nil
}

// Next returns the next whole message that arrived. The caller owns it, and may give it back by
// Recycle.
func (c *Channel) Next() ([]byte, bool) {
	if len(c.inbox) == 0 {
		return nil, false
	}
	m := c.inbox[0]
	c.inbox = slices.Delete(c.inbox, 0, 1)
	return m, true
}
