package chunk

import (
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// Config says how a Fetcher or Server behaves. A zero field takes the default that its comment names.
type Config struct {
	// Type is that of the envelopes; default protocols.TypeChunk. Their session is Root.Session.
	Type byte
	// Uplink paces what is sent, and may be shared by all Servers and Fetchers of a peer. Nil does
	// not pace: what the receivers' windows allow is sent at once.
	Uplink *Uplink
	// Down is how many bits per second are asked for at most; 0 leaves it to the window, which
	// adapts to losses.
	Down int64
	// MaxPeers bounds the peers that are dealt with, as sources and as receivers each; default 128.
	MaxPeers int
	// MaxSize bounds the content in bytes; default 1 GiB. Larger is refused before any memory is asked for.
	MaxSize int64
	// RTT is the first guess at a round trip; default 200 ms. Much too short, it asks twice for what is
	// on its way; much too long, it leaves the uplink idle at first.
	RTT time.Duration
	// Greetings is how often a source is greeted while no piece comes from anybody, before it is only
	// answered until Greet is called; default 0, which greets without end.
	Greetings int
	// Queue bounds the chunks that wait to be sent, and PerPeer those that wait for one peer; defaults
	// 256 and 64. Wants beyond are dropped, and asked again by their timers.
	Queue, PerPeer int
}

func (c Config) withDefaults() Config {
	set := func(v *int, missing int) {
		if *v <= 0 {
			*v = missing
		}
	}
	if c.Type == 0 {
		c.Type = protocols.TypeChunk
	}
	set(&c.MaxPeers, 128)
	set(&c.Queue, 256)
	set(&c.PerPeer, 64)
	if c.MaxSize <= 0 {
		c.MaxSize = 1 << 30
	}
	if c.RTT <= 0 {
		c.RTT = 200 * time.Millisecond
	}
	return c
}

// Stats counts what was done.
type Stats struct {
	Pieces     int // received, the first time each
	Duplicates int // received, of what was there already or not asked for
	Rerequests int // pieces asked for again
	Chunks     int // verified and stored
	Wrong      int // chunks that were not what the manifest says
	Offers     int // sent
	Wants      int // chunks asked for
	Refused    int // messages that broke the rules, or came from who is not dealt with
	Uploaded   int64
	Downloaded int64 // bytes of pieces, duplicates included, as is Uploaded
}

// headers is what a datagram has on the wire beside the body: envelope, UDP and IPv4, in bytes.
const headers = protocols.EnvelopeSize + 28

// An Uplink paces datagrams to a rate.
type Uplink struct {
	rate int64 // bits per second
	free time.Duration
}

// NewUplink returns an uplink of a rate in bits per second, counted with all headers. It must be
// positive.
func NewUplink(rate int64) *Uplink { return &Uplink{rate: max(rate, 1)} }

// burst is how far ahead of the rate datagrams may be sent, so that not each of them needs a wake-up.
const burst = 3 * time.Millisecond

// ready reports whether another datagram may be sent now.
func (u *Uplink) ready(now time.Duration) bool { return u == nil || u.free <= now+burst }

func (u *Uplink) at() time.Duration {
	if u == nil {
		return 0
	}
	return u.free
}

func (u *Uplink) charge(now time.Duration, body int) {
	if u != nil {
		u.free = max(u.free, now) + time.Duration(int64(body+headers)*8*int64(time.Second)/u.rate)
	}
}

// room is how many bytes may be queued so that the uplink is not idle for a time.
func (u *Uplink) room(d time.Duration) int64 {
	if u == nil {
		return 4 << 20
	}
	return int64(d) / 1000 * (u.rate / 8) / int64(time.Second/1000)
}

// An estimate of a time, as of a round trip.
type estimate struct{ mean, dev time.Duration }

func (e *estimate) observe(d time.Duration) {
	if e.dev == 0 && e.mean == 0 {
		e.mean, e.dev = d, d/4
		return
	}
	e.dev += (max(e.mean-d, d-e.mean) - e.dev) / 4
	e.mean += (d - e.mean) / 8
}

// limit is how long it hardly ever takes.
func (e *estimate) limit(guess time.Duration) time.Duration {
	if e.mean == 0 {
		return 3 * guess
	}
	return max(e.mean+6*e.dev+10*time.Millisecond, 50*time.Millisecond)
}

func (e *estimate) or(guess time.Duration) time.Duration {
	if e.mean == 0 {
		return guess
	}
	return e.mean
}

// put appends a message to out as a datagram of its own.
func put(cfg *Config, root Root, now time.Duration, to protocols.PeerID, m *message, out *protocols.Output, d protocols.Datagram) {
	b := out.Buffer()
	head, err := protocols.Envelope{Type: cfg.Type, Session: root.Session()}.Append(b)
	if err != nil {
		return
	}
	b = m.append(head)
	n := len(b) - protocols.EnvelopeSize
	b[protocols.EnvelopeSize-2], b[protocols.EnvelopeSize-1] = byte(n), byte(n>>8)
	cfg.Uplink.charge(now, n)
	d.To, d.Data = to, b
	out.Datagrams = append(out.Datagrams, d)
}
