package snapshot

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/chunk"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/signature"
)

// A Config says how a node behaves. Key, Group, Log and Store are needed; any other zero field takes
// the default that its comment names.
type Config struct {
	// Key signs approvals; its public half names this member.
	Key ed25519.PrivateKey
	// Self and Sign stand in for Key where the key lives elsewhere: Sign returns this member's vote for
	// a statement.
	Self protocols.PeerID
	Sign func(quorum.Statement) (quorum.Vote, error)
	// Group is who approves, the same members as those of the log.
	Group *quorum.Group
	// Log is what is cut. Its owner inserts records between steps.
	Log *antientropy.Log
	// Store keeps what must survive a crash.
	Store protocols.Store
	// Verifier checks signatures; default signature.Ed25519.
	Verifier signature.Verifier
	// Threshold is how many members have to approve; default a majority.
	Threshold int
	// Policy is the hash of what the members have agreed on otherwise; proposals under another are
	// not approved.
	Policy [32]byte
	// Seed spreads timers and picks whom to ask. Members should not share it.
	Seed uint64
	// Timeout is how long a proposal may take, and how long its proposer goes on telling those who
	// have not answered; default 30 s.
	Timeout time.Duration
	// Resend is the time to the first repetition, which doubles up to ten times itself; default
	// 300 ms. Shorter than the round trip, it sends everything twice.
	Resend time.Duration
	// Attempts is how often a proposal that votes were split over is made again, by the one of its
	// proposers whose statement is the least; default 3.
	Attempts int
	// Twice is up to how many members a group may have for votes, like proposals, to be sent twice at
	// once; default 8. There the loss of one datagram is a vote that is missing.
	Twice int
	// Block is the size of the blocks that a snapshot file is stored and sent in; default 64 KiB.
	Block int
}

func (c Config) withDefaults() Config {
	if c.Verifier == nil {
		c.Verifier = new(signature.Ed25519)
	}
	if c.Threshold == 0 {
		c.Threshold = c.Group.Majority()
	}
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Resend <= 0 {
		c.Resend = 300 * time.Millisecond
	}
	if c.Attempts <= 0 {
		c.Attempts = 3
	}
	if c.Twice <= 0 {
		c.Twice = 8
	}
	if c.Block <= 0 {
		c.Block = 64 << 10
	}
	return c
}

// A Result says how one cut ended at this member.
type Result struct {
	Epoch     uint64
	Statement quorum.Statement
	// Mine says that this member proposed it, Approved that it signed it.
	Mine, Approved bool
	// Err is nil when the cut is agreed on, and wraps protocols.ErrTimeout or ErrExhausted otherwise.
	Err            error
	Reason         Reason // 0 when it is agreed on
	Started, Ended time.Duration
}

// Stats counts what a node did.
type Stats struct {
	Approved  int           // cuts that this member signed
	Refused   int           // datagrams and votes that broke the rules
	Commits   int           // certificates taken in
	Pruned    int           // compactions ended
	Restored  int           // snapshots restored
	FenceHeld time.Duration // how long fences stood altogether
}

const resultsKept = 256

// A Node is one member. It is a protocols.Node.
type Node struct {
	cfg     Config
	g       *quorum.Group
	log     *antientropy.Log
	self, n int
	rng     *rand.Rand
	now     time.Duration
	out     *protocols.Output

	vote    promise // the last vote given
	commit  *Commit // the highest certificate known
	agreed  quorum.Statement
	rounds  []*round
	fence   *Fence
	spread  *spread
	greet   *greeting
	results []Result
	stats   Stats
	failed  error // of the store, last

	pruning  *pruning
	stored   *Stored
	server   *chunk.Server
	fetching *fetching
	fetchErr error
}

// NewNode returns the node of a member, with what its store has from before: the last vote, the highest
// certificate and the snapshot, to which the log is restored if it lags. The error wraps
// protocols.ErrVerification when the configuration makes no sense or what is stored proves wrong.
func NewNode(cfg Config) (*Node, error) {
	bad := func(what string) (*Node, error) {
		return nil, fmt.Errorf("create node: %s: %w", what, protocols.ErrVerification)
	}
	if cfg.Group == nil || cfg.Log == nil || cfg.Store == nil || cfg.Sign == nil && len(cfg.Key) != ed25519.PrivateKeySize {
		return bad("a key, a group, a log and a store are needed")
	}
	if cfg.Group.Len() > MaxMembers {
		return bad(fmt.Sprintf("%d members, at most %d", cfg.Group.Len(), MaxMembers))
	}
	cfg = cfg.withDefaults()
	if err := cfg.Group.CheckThreshold(cfg.Threshold); err != nil {
		return nil, fmt.Errorf("create node: %w", err)
	}
	if cfg.Sign == nil {
		group, key := cfg.Group, cfg.Key
		cfg.Self = protocols.PeerID(key[ed25519.PrivateKeySize-ed25519.PublicKeySize:])
		cfg.Sign = func(s quorum.Statement) (quorum.Vote, error) { return group.Sign(key, s) }
	}
	self, ok := cfg.Group.Index(cfg.Self)
	if !ok {
		return bad("the key is no member's")
	}
	if !sameMembers(cfg.Group, cfg.Log) {
		return bad("the log has other members than the group")
	}
	n := &Node{
		cfg: cfg, g: cfg.Group, log: cfg.Log, self: self, n: cfg.Group.Len(),
		rng: rand.New(rand.NewPCG(cfg.Seed, binary.LittleEndian.Uint64(cfg.Self[:]))),
	}
	if err := n.load(); err != nil {
		return nil, fmt.Errorf("create node: %w", err)
	}
	return n, nil
}

func sameMembers(g *quorum.Group, l *antientropy.Log) bool {
	if l.Members() != g.Len() {
		return false
	}
	for i := range g.Len() {
		if l.Member(i) != g.Member(i) {
			return false
		}
	}
	return true
}

// Committed returns the highest cut that this member knows to be agreed on.
func (n *Node) Committed() (Commit, bool) {
	if n.commit == nil {
		return Commit{}, false
	}
	return *n.commit, true
}

// Lacks reports whether records below what is agreed on are missing here, so that the log needs a
// sync or, where that fails with protocols.ErrPruned, Fetch.
func (n *Node) Lacks() bool { return n.commit != nil && !n.log.Covers(n.commit.Frontier) }

// Stats returns what was counted so far.
func (n *Node) Stats() Stats { return n.stats }

// Rounds is how many proposals hold memory now.
func (n *Node) Rounds() int { return len(n.rounds) }

// Err returns the last error of the store, nil if the last access went well. What could not be stored
// is not acted on; timers try again.
func (n *Node) Err() error { return n.failed }

// TakeResults returns how cuts ended since the last call, oldest first. At most 256 are kept.
func (n *Node) TakeResults() []Result {
	r := n.results
	n.results = nil
	return r
}

// Step takes one datagram, or does what time has made due.
func (n *Node) Step(now time.Duration, in protocols.Input, out *protocols.Output) {
	n.begin(now, out)
	if in.Data != nil {
		n.receive(in)
	}
	n.end()
}

func (n *Node) begin(now time.Duration, out *protocols.Output) { n.now, n.out = now, out }

func (n *Node) end() {
	n.tick()
	n.transfer()
	n.out.Wake = n.wake()
	n.out = nil
}
