package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/klauspost/reedsolomon"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
)

// Stats counts what a node did with datagrams of its own; sessions are counted in their results.
type Stats struct {
	Pushes  int // datagrams with fresh records of our own, one for each peer
	Parity  int // datagrams of parity, one for each peer
	Answers int // datagrams with records that somebody had asked for, repeated ones included
	Beacons int // datagrams with marks alone
	Nacks   int // datagrams that ask, repeated ones included
	Silent  int // asked for, but over the allowance of who asked: not answered

	Applied    int // records taken in from pushes, answers and parity
	Duplicates int // pushes and answers without anything new
	Rebuilt    int // pushes recomputed from parity
	GivenUp    int // stretches of records left to a session
	Refused    int // datagrams turned away: malformed, forged, from strangers
}

// A Node keeps one replica of a group's journal in step with the others. It is a protocols.Node.
type Node struct {
	log   *antientropy.Log
	cfg   Config
	self  int
	tag   uint64 // session of our envelopes: the group and its epoch
	pcg   rand.PCG
	rng   rand.Rand // of pcg
	stats Stats

	sessions *antientropy.Node
	sessWake time.Duration

	// Sending. Own records up to pushed have left; the log itself is the queue of the rest.
	pushed   uint64
	paceAt   time.Duration
	group    outGroup
	beaconAt time.Duration
	beacon   int // which of the beacons after a push comes next
	gossipAt time.Duration
	credit   int // thousandths of a datagram that may be spent on repair
	offered  int // pushes, and how many of them were asked for later
	asked    int

	// The last file of the store, by its first record, and how long it is.
	segment    uint64
	segmentLen int

	// Receiving, by author's number: all records up to front are held; seen is the highest number that
	// is held or asked for.
	front, seen []uint64
	asks        []ask
	nonce       uint32
	guard       time.Duration
	rtt, rttvar time.Duration
	groups      []inGroup
	codecs      map[[2]byte]reedsolomon.Encoder

	peers []peer
	tasks []task
	batch *Result // the SyncAll under way
	done  []Result

	// Kept for their memory alone.
	in         message
	body, wire []byte
	shards     [][]byte
}

// A peer is what is known of a member, by number.
type peer struct {
	status Status
	// Of the last nacks answered, as a ring; copies of several may be on their way at one time.
	nonces   [16]uint32
	answered int
	tokens   int           // datagrams that it may ask for
	refill   time.Duration // when tokens was last right
	autoAt   time.Duration // not before this is a session opened for its sake
	autoBad  uint          // how many such sessions in a row brought nothing
}

// New returns a node for a log, which only the node may change from now on. What the log holds of
// its own records, and what the store had of them, counts as known to others. The error says what is
// wrong with the configuration, or wraps what the store said.
func New(log *antientropy.Log, cfg Config) (*Node, error) {
	cfg = cfg.withDefaults()
	self, ok := log.Number(cfg.Self)
	if !ok {
		return nil, fmt.Errorf("create journal node: %v is no member of the group", cfg.Self)
	}
	sessions, err := antientropy.NewNode(log, cfg.Session)
	if err != nil {
		return nil, fmt.Errorf("create journal node: %w", err)
	}
	n := &Node{
		log: log, cfg: cfg, self: self, sessions: sessions, sessWake: protocols.Never,
		pcg:    *rand.NewPCG(cfg.Seed, binary.LittleEndian.Uint64(cfg.Self[:])^uint64(self)<<32^0x6a6f75726e616c),
		paceAt: protocols.Never, beaconAt: protocols.Never, gossipAt: protocols.Never,
		peers: make([]peer, log.Members()),
		guard: cfg.Guard, offered: firstOffered, asked: firstAsked,
	}
	n.rng = *rand.New(&n.pcg)
	marks := make([]uint64, 2*log.Members())
	n.front, n.seen = marks[:log.Members():log.Members()], marks[log.Members():]
	n.group.at = protocols.Never
	if cfg.Store != nil {
		if err := n.restoreOwn(); err != nil {
			return nil, fmt.Errorf("create journal node: restore own records: %w", err)
		}
	}
	n.pushed, n.nonce = log.Reach(self), n.rng.Uint32()
	g := log.Group()
	named := append(make([]byte, 0, 64), "perfgate journal 1\n"...) // on the stack
	h := sha256.Sum256(binary.LittleEndian.AppendUint64(append(named, g.ID[:]...), g.Epoch))
	n.tag = binary.LittleEndian.Uint64(h[:])
	for i := range n.peers {
		n.peers[i].tokens = allowance
		n.front[i] = log.Prefix(i, 0)
		n.seen[i] = log.Reach(i)
	}
	if cfg.Interval > 0 {
		n.gossipAt = n.spread(cfg.Interval)
	}
	return n, nil
}

// Log returns the node's log, to be read between steps.
func (n *Node) Log() *antientropy.Log { return n.log }

// Stats returns what was counted so far.
func (n *Node) Stats() Stats { return n.stats }

// Sessions is the number of sessions that hold memory now, own and others'.
func (n *Node) Sessions() int { return n.sessions.Sessions() }

// Held is how many stretches asked for, groups of parity and peers to sync with are kept now: none
// once a network has come to rest.
func (n *Node) Held() int { return len(n.asks) + len(n.groups) + len(n.tasks) + len(n.group.counts) }

// Start arranges the first waking of a node that is to compare marks at an interval. Any other call
// does so too.
func (n *Node) Start(now time.Duration, out *protocols.Output) { n.finish(now, out) }

// Step takes one datagram, or does what time has made due.
func (n *Node) Step(now time.Duration, in protocols.Input, out *protocols.Output) {
	if in.Data != nil {
		n.receive(now, in, out)
	}
	n.finish(now, out)
}

func (n *Node) receive(now time.Duration, in protocols.Input, out *protocols.Output) {
	e, err := protocols.ParseEnvelope(in.Data)
	if err != nil {
		n.stats.Refused++
		return
	}
	if e.Type == protocols.TypeAntiEntropy {
		n.sessions.Step(now, in, out)
		n.sessWake = out.Wake
		return
	}
	from, member := n.log.Number(in.From)
	if e.Type != protocols.TypeJournal || e.Session != n.tag || !member || from == n.self {
		n.stats.Refused++
		return
	}
	if err := n.in.parse(e.Body); err != nil || !n.authorsKnown(&n.in) {
		n.stats.Refused++
		return
	}
	switch m := &n.in; m.kind {
	case msgPush:
		n.onPush(now, from, m)
	case msgParity:
		n.onParity(now, from, m)
	case msgBeacon:
		n.onBeacon(now, from, m, out)
	case msgNack:
		n.onNack(now, from, m, out)
	}
}

func (n *Node) authorsKnown(m *message) bool {
	if k := len(m.marks); k > 0 {
		return int(m.marks[k-1].author) < len(n.peers)
	}
	return int(m.author) < len(n.peers)
}

// finish does what is due and says when to be stepped again.
func (n *Node) finish(now time.Duration, out *protocols.Output) {
	if now >= n.sessWake {
		n.sessions.Step(now, protocols.Input{}, out)
		n.sessWake = out.Wake
	}
	n.collect(now)
	n.open(now, out)
	n.ask(now, out)
	n.push(now, out)
	if now >= n.group.at {
		n.closeGroup(out)
	}
	if now >= n.beaconAt {
		n.sendBeacon(now, out)
	}
	if now >= n.gossipAt {
		n.gossip(now, out)
	}
	n.expireGroups(now)
	wake := min(n.sessWake, n.paceAt, n.group.at, n.beaconAt, n.gossipAt, n.opening())
	for i := range n.asks {
		wake = min(wake, n.asks[i].at)
	}
	for i := range n.groups {
		wake = min(wake, n.groups[i].until)
	}
	out.Wake = wake
}

// seal writes a message into the node's buffer as a whole datagram.
func (n *Node) seal(m *message) []byte {
	n.body = m.append(n.body[:0])
	// Every message is bounded by its own constants; that they fit into a body is tested.
	n.wire, _ = protocols.Envelope{Type: protocols.TypeJournal, Session: n.tag, Body: n.body}.Append(n.wire[:0])
	return n.wire
}

func (n *Node) send(to int, data []byte, again bool, out *protocols.Output) {
	out.Datagrams = append(out.Datagrams, protocols.Datagram{
		To: n.log.Member(to), Data: append(out.Buffer(), data...), Message: !again, Again: again,
	})
}

// sendAll sends one datagram to every other member and returns to how many.
func (n *Node) sendAll(data []byte, again bool, out *protocols.Output) int {
	for to := range n.peers {
		if to != n.self {
			n.send(to, data, again, out)
		}
	}
	return len(n.peers) - 1
}

// spread returns d and up to half more.
func (n *Node) spread(d time.Duration) time.Duration {
	return d + time.Duration(n.rng.Int64N(int64(d)/2+1))
}
