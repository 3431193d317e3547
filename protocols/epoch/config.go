package epoch

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/signature"
)

// A Config is what a node is made with. Group, Store and one of Key and Sign are needed, everything
// else has a default.
type Config struct {
	// Group is who may propose and vote.
	Group *quorum.Group
	// Key signs what this member says. Its public half names the member.
	Key ed25519.PrivateKey
	// Self and Sign stand in for Key where the key lives elsewhere: Sign returns this member's vote
	// for a statement.
	Self protocols.PeerID
	Sign func(quorum.Statement) (quorum.Vote, error)
	// Verifier checks signatures, default signature.Ed25519.
	Verifier signature.Verifier
	// Store keeps what this member has promised. A node must be given the store of its predecessor
	// after a crash: one that forgets may vote twice.
	Store protocols.Store
	// Start is the epoch in force before any certificate, the same for all members.
	Start uint64
	// Faulty is how many members may do anything at all, such as vote twice; default none. At most a
	// third of the group, exclusive: with more no quorum is both safe and within reach.
	Faulty int
	// Quorum is how many votes make a certificate. The default is the smallest that is safe:
	// (n+Faulty)/2 rounded down, plus 1, which without faulty members is the majority. A smaller one
	// is refused, since two sets of members that have no honest one in common could both reach it.
	Quorum int
	// Direct is up to how many members votes go to all, default 128. In larger groups they go to the
	// square root of as many, who send the certificate on. That is a third leg, so two cannot be met;
	// for it 100 members send 2,700 datagrams rather than 9,900, and two thirds of the bytes.
	Direct int
	// Twice is up to how many members every vote is sent twice, default 10; negative for never. In a
	// small group each vote counts, and to find out that one is lost takes longer than all the rest.
	Twice int
	// Retry is the time until a member repeats itself, default 300 ms. It doubles with each try, up
	// to 30 s, and varies by a tenth. It should be longer than it takes to and fro: two tries make a
	// round.
	Retry time.Duration
	// Beacon is the time between two beacons to a member chosen at random, default none. A group
	// that has long partitions and seldom a new epoch needs them to hear of one it missed.
	Beacon time.Duration
	// Approve is asked before this member first votes for a proposal; nil approves all. It may, for
	// example, compute the digest anew.
	Approve func(Proposal) bool
	// Seed decides the jitter and the choice of members.
	Seed uint64
}

func (c *Config) fill() (self int, err error) {
	refuse := func(format string, args ...any) (int, error) {
		return 0, fmt.Errorf("configure epoch: "+format+": %w", append(args, protocols.ErrVerification)...)
	}
	if c.Group == nil || c.Store == nil {
		return refuse("a group and a store are needed")
	}
	if len(c.Key) == ed25519.PrivateKeySize {
		c.Self = protocols.PeerID(c.Key[ed25519.PrivateKeySize-ed25519.PublicKeySize:])
		if c.Sign == nil {
			group, key := c.Group, c.Key
			c.Sign = func(s quorum.Statement) (quorum.Vote, error) { return group.Sign(key, s) }
		}
	}
	if c.Sign == nil {
		return refuse("a key, or somebody who signs, is needed")
	}
	self, ok := c.Group.Index(c.Self)
	if !ok {
		return refuse("%v is no member of the group", c.Self)
	}
	n := c.Group.Len()
	if c.Faulty < 0 || 3*c.Faulty >= n {
		return refuse("%d faulty members of %d, want fewer than a third", c.Faulty, n)
	}
	least := (n+c.Faulty)/2 + 1
	if c.Quorum == 0 {
		c.Quorum = least
	}
	if c.Quorum < least || c.Quorum > n {
		return refuse("quorum of %d among %d members with %d faulty, want %d to %d", c.Quorum, n, c.Faulty, least, n)
	}
	if c.Retry < 0 || c.Beacon < 0 {
		return refuse("a negative time")
	}
	if c.Verifier == nil {
		c.Verifier = new(signature.Ed25519)
	}
	if c.Direct == 0 {
		c.Direct = 128
	}
	if c.Twice == 0 {
		c.Twice = 10
	}
	if c.Retry == 0 {
		c.Retry = 300 * time.Millisecond
	}
	return self, nil
}

const (
	maxRetry = 30 * time.Second
	// maxLife bounds the life of a proposal in milliseconds: a faulty member's must end, too.
	maxLife = 600_000
	// patience is for how many times Retry a member stays awake that heard of a round and no proposal.
	patience = 8
)
