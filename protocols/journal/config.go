package journal

import (
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
)

// Config says how a node spreads records and when it syncs. A zero field takes the default that its
// comment names.
type Config struct {
	// Self is the node's own name; it must be a member of the group.
	Self protocols.PeerID
	// Seed decides whom retries go to and how timers spread. Nodes should not share it together with
	// Self.
	Seed uint64

	// Parity is the share of datagrams that may be spent to repair loss before anybody asks: 0.2 gives
	// one parity datagram for every five pushes that leave within Window. A lone push is parity's weak
	// side: there a copy is all that helps, and only a share of 1 pays for it. Default 0; at most 1.
	Parity float64
	// Repair is the share of datagrams that may be spent on sending answers more than once, in case
	// one gets lost; what Parity left over is spent so too. Default 0.05. Negative means none.
	Repair float64
	// Window is how long a group of parity stays open; default 3 ms. Longer makes larger groups, which
	// survive more, and later.
	Window time.Duration

	// Quiet is how long after its last push a peer tells how far it has written, for whoever lost the
	// end; default 2 ms. Shorter finds losses sooner and costs a beacon for more of the pushes.
	Quiet time.Duration
	// Beacons is how many such beacons follow, ever further apart; default 6, which takes about 180
	// times Quiet. After that a peer says nothing until there is something new.
	Beacons int
	// Interval is how often a peer compares its marks with those of one other, by chance; default 0:
	// never.
	Interval time.Duration

	// Guard is how long to wait for a missing datagram that may only be late; default 1 ms. It grows
	// where datagrams are seen to overtake each other.
	Guard time.Duration
	// Retry is how long to wait for an answer while round trips are not known; default 250 ms.
	Retry time.Duration
	// Asks is how often the same records are asked for, of the author and of others by turns, before
	// a session takes over; default 4.
	Asks int

	// Concurrent is how many sessions this node has of its own at one time; default 5.
	Concurrent int
	// Attempts is how often a peer is tried in one SyncAll; default 3. It is the only retry there is
	// above datagrams.
	Attempts int
	// Backoff is the wait before the second attempt, doubled for each further one and spread by up to
	// half; default 500 ms.
	Backoff time.Duration
	// Store keeps our own records, so that a number is never given twice; nil keeps none, for peers
	// that never come back after a crash under their old name. A node that starts again should be given
	// another Seed.
	Store protocols.Store
	// Session configures sessions; its Self and Seed are filled in.
	Session antientropy.Config
}

const (
	// A node begins by expecting to be asked for three pushes in a hundred, and remembers how it was for
	// the last lossMemory pushes or so.
	firstOffered, firstAsked = 200, 6
	lossMemory               = 20_000

	// nackCopies is how often one nack is sent, the copies 2 and 10 times Guard later: with one datagram in twenty lost, two would
	// let one publish in eighty among a hundred peers wait for the next round.
	nackCopies = 3

	maxGuard = 64 * time.Millisecond
	// maxGap is the longest stretch of missing records that is asked for; longer ones are a session's
	// work.
	maxGap = 256
	// maxLead bounds how far past what is known a push may be: further, it tells of a gap and is not
	// stored.
	maxLead = 4096
	// maxAsks bounds the stretches asked for at one time, maxGroups the groups of parity kept.
	maxAsks   = 256
	maxGroups = 64
	// groupAge is how long parity is kept for a group that stays incomplete.
	groupAge = 2 * time.Second
	// burst is how many datagrams go to each peer at once; the next ones follow after pace. It is
	// about 300 Mbit/s, which a queue of 1 MiB at 1 Gbit/s never notices.
	burst = 32
	pace  = time.Millisecond
	// Each peer may ask for this many datagrams at once, and for one more every allowancePace.
	allowance     = 128
	allowancePace = time.Millisecond
)

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, missing time.Duration) {
		if *d <= 0 {
			*d = missing
		}
	}
	count := func(v *int, missing int) {
		if *v <= 0 {
			*v = missing
		}
	}
	c.Parity = min(max(c.Parity, 0), 1)
	if c.Repair == 0 {
		c.Repair = 0.05
	}
	c.Repair = min(max(c.Repair, 0), 1)
	set(&c.Window, 3*time.Millisecond)
	set(&c.Quiet, 2*time.Millisecond)
	count(&c.Beacons, 6)
	set(&c.Guard, time.Millisecond)
	set(&c.Retry, 250*time.Millisecond)
	count(&c.Asks, 4)
	count(&c.Concurrent, 5)
	count(&c.Attempts, 3)
	set(&c.Backoff, 500*time.Millisecond)
	c.Session.Self, c.Session.Seed = c.Self, c.Seed
	return c
}
