// Package simulation plays each protocol among peers on a simulated network, with faults, and checks
// its laws while it runs.
//
// A seed decides everything: how many peers there are, what they do and when, what the network does
// to them, who crashes within which write. The laws of safety are checked after every step; when the
// faults have ended, what was begun must come to its end. A run that breaks a law returns an error,
// and the same seed breaks it again: with a Trace it tells every event on the way there.
//
//	go run ./cmd/simulate -world epoch -seed 17        one run, told event by event
//	go run ./cmd/simulate -world epoch -seeds 1000000  many, on all processors
//
// The package decides nothing about what a protocol promises: the package of the protocol says it,
// and the world of that name here looks whether it is so.
package simulation

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/signature"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A World is one protocol among peers.
type World struct {
	// Name is that of the protocol's package.
	Name string
	// Laws says in a few lines what is checked.
	Laws string
	// Play plays one run and returns which law it broke, or nil.
	Play func(r *Run) error
	// Describe says in a few words what a datagram is. It may be nil.
	Describe func(data []byte) string
}

// A Run is one seed's course of events. The zero value but for Seed is a run with everything drawn
// from the seed.
type Run struct {
	Seed uint64
	// Peers is how many take part; 0 leaves it to the seed.
	Peers int
	// Net is the name of a scenario of package simnet: the run then has no faults but its loss. Empty
	// means faults by seed.
	Net string
	// Cast has the keys; nil makes new ones. Runs one after the other should share one, as making keys
	// takes longer than a short run.
	Cast *Cast
	// States makes the network's trace cover the states of nodes.
	States bool
	// Trace, where not nil, is told every event.
	Trace io.Writer

	// Figures are what the run came to.
	Figures Figures

	describe func([]byte) string
}

// Figures are exact: the same seed has the same.
type Figures struct {
	Peers    int
	Steps    int           // of nodes
	Time     time.Duration // virtual, until the end
	Trace    uint64        // of the network
	Counters simnet.Counters
}

// Play plays one run of a world. The error names world and seed and says which law was broken.
func Play(w *World, r *Run) error {
	r.Figures = Figures{}
	r.describe = w.Describe
	if r.Cast == nil {
		r.Cast = new(Cast)
	}
	if err := w.Play(r); err != nil {
		return fmt.Errorf("%s, seed %d: %w", w.Name, r.Seed, err)
	}
	return nil
}

// Source returns the run's source of chance for a purpose: what one draws does not shift another.
// Purposes from 1 to 999 are for worlds.
func (r *Run) Source(purpose uint64) *rand.Rand {
	return rand.New(rand.NewPCG(r.Seed, purpose))
}

// Purposes of the package's own sources.
const (
	forPeers  = 1000
	forFaults = 1001
)

// PeersBetween returns how many peers take part: Peers, or between least and most by seed.
func (r *Run) PeersBetween(least, most int) int {
	if r.Peers > 0 {
		return r.Peers
	}
	return least + r.Source(forPeers).IntN(most-least+1)
}

// A Cast has keys to play with, and remembers which signatures hold: in a simulation a hundred peers
// check the same vote. It is not safe for concurrent use.
type Cast struct {
	keys []ed25519.PrivateKey
	ids  []protocols.PeerID
	memo signature.Memo

	group *quorum.Group // of the votes made
	made  map[saying]quorum.Vote
}

// A saying is a statement by a peer.
type saying struct {
	peer      int
	statement quorum.Statement
}

// Key returns the private key of the i-th peer.
func (c *Cast) Key(i int) ed25519.PrivateKey {
	for len(c.keys) <= i {
		seed := make([]byte, ed25519.SeedSize)
		binary.LittleEndian.PutUint64(seed, uint64(len(c.keys)))
		copy(seed[8:], "perfgate simulation")
		c.keys = append(c.keys, ed25519.NewKeyFromSeed(seed))
	}
	return c.keys[i]
}

// ID returns the name of the i-th peer.
func (c *Cast) ID(i int) protocols.PeerID {
	for len(c.ids) <= i {
		c.ids = append(c.ids, protocols.PeerID(c.Key(len(c.ids)).Public().(ed25519.PublicKey)))
	}
	return c.ids[i]
}

// Sign returns the i-th peer's vote for a statement of a group. It is made once, and the verifier need
// not be asked what it knows: that the peer made it.
func (c *Cast) Sign(g *quorum.Group, i int, s quorum.Statement) (quorum.Vote, error) {
	if c.group != g {
		// Two groups can have one id, and members other places in them.
		c.group, c.made = g, make(map[saying]quorum.Vote)
	}
	if v, ok := c.made[saying{i, s}]; ok {
		return v, nil
	}
	v, err := g.Sign(c.Key(i), s)
	if err != nil {
		return v, err
	}
	c.Verifier()
	c.memo.Note(signature.Check{Key: c.ID(i), Message: s[:], Signature: v.Signature[:]})
	c.made[saying{i, s}] = v
	return v, nil
}

// IDs returns the names of the first n peers.
func (c *Cast) IDs(n int) []protocols.PeerID {
	ids := make([]protocols.PeerID, n)
	for i := range ids {
		ids[i] = c.ID(i)
	}
	return ids
}

// A witnessed verifier believes what its owner knows to be signed. While own is set, what it is
// asked about has just been signed by one of the cast, and is remembered rather than checked.
type witnessed struct {
	*signature.Memo
	own bool
}

// Verify reports whether all checks hold.
func (w *witnessed) Verify(checks []signature.Check) bool {
	if !w.own {
		return w.Memo.Verify(checks)
	}
	for _, c := range checks {
		w.Note(c)
	}
	return true
}

// Verifier returns a verifier that remembers what held, for all peers together.
func (c *Cast) Verifier() *signature.Memo {
	if c.memo.Of == nil {
		c.memo.Of = new(signature.Ed25519)
		c.memo.Limit = 1 << 14 // more than a run needs, and little enough to stay at hand
	}
	return &c.memo
}
