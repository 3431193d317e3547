package ota

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/chunk"
	"github.com/perfgate/perfgate/protocols/signature"
)

// Config says how a node takes part. A zero field takes the default that its comment names.
type Config struct {
	Policy Policy
	// Self is the node's own name, Key its private key: nil where it is no member and has no vote.
	Self protocols.PeerID
	Key  ed25519.PrivateKey
	// Peers are all that take part, members or not; the node itself may be among them. The slice must not
	// be changed any more.
	Peers []protocols.PeerID
	// Seed decides nonces, the choice of chunks and the spread of timers.
	Seed uint64
	// Verifier checks signatures; default a signature.Ed25519 of its own.
	Verifier signature.Verifier
	// Staged makes a member say that it is ready only once the package is staged here. Otherwise it
	// says so when it accepts the proposal, and packages are fetched once the ceremony is committed.
	Staged bool
	// Accept may refuse a proposal that is otherwise in order; default none.
	Accept func(*Proposal) bool
	// Check tells the health of the activated package; default Good.
	Check func(Package) Health
	// Trial is how long the check may wait, default 10 minutes, and Starts how often the peer may start
	// before it was Good, default 3. Then the package is rolled back.
	Trial  time.Duration
	Starts int
	// Resend is how long to wait for an answer the first time; default 500 ms. It doubles up to 30 s.
	Resend time.Duration
	// Chunk is for the transfer of packages; Greetings has a default of 16 here, and more with every epoch.
	Chunk chunk.Config
}

// Stats counts what a node refused and sent.
type Stats struct {
	Refused  int // datagrams that broke the rules, or came from strangers
	Messages int // of ceremonies, sent the first time
	Resent   int // and again
	Patched  int // packages made by a patch
	Fallback int // patches that failed, so that the whole package was fetched
}

// A Node is one peer of the fleet. It is a protocols.Node.
type Node struct {
	cfg       Config
	store     protocols.Store
	rng       *rand.Rand         // nil until something is left to chance
	peers     []protocols.PeerID // without the node itself; nil until it has to do with them
	member    int                // index within the group, -1 if it is none
	rec       record
	cers      []*ceremony
	strays    []stray
	transfers []*chunk.Fetcher
	whole     bool // a patch failed: fetch the whole package
	pieces    int  // of the patch that came
	stalled   time.Duration
	trial     time.Duration
	polled    time.Duration
	err       error
	stats     Stats
}

// Install puts the first package of a peer into its store: what it runs before any upgrade. The error
// wraps protocols.ErrVerification when there is a record already.
func Install(store protocols.Store, v Version, content []byte, chunkSize int) (Package, error) {
	if old, err := load(store); err != nil || old.slots[old.active].Size != 0 {
		return Package{}, fmt.Errorf("install %v: the store has a record: %w", v, protocols.ErrVerification)
	}
	m, err := chunk.Import(store, content, chunkSize)
	if err != nil {
		return Package{}, fmt.Errorf("install %v: %w", v, err)
	}
	p := Package{v, m.Root(), m.Size(), chunkSize}
	r := record{slots: [2]Package{p}, floor: v}
	if err := store.Write(recordName, r.encode()); err != nil {
		return Package{}, fmt.Errorf("install %v: %w", v, err)
	}
	return p, nil
}

// NewNode returns a node that goes on from what the store has. The error wraps
// protocols.ErrVerification when the policy or the record makes no sense, and is the store's own when
// that fails.
func NewNode(cfg Config, store protocols.Store) (*Node, error) {
	var err error
	if cfg.Policy, err = cfg.Policy.check(); err != nil {
		return nil, fmt.Errorf("create node: %w", err)
	}
	if cfg.Verifier == nil {
		cfg.Verifier = new(signature.Ed25519)
	}
	if cfg.Trial <= 0 {
		cfg.Trial = 10 * time.Minute
	}
	if cfg.Starts <= 0 {
		cfg.Starts = 3
	}
	if cfg.Resend <= 0 {
		cfg.Resend = 500 * time.Millisecond
	}
	if cfg.Chunk.Greetings <= 0 {
		cfg.Chunk.Greetings = attempts
	}
	cfg.Chunk.MaxSize = cfg.Policy.MaxSize
	n := &Node{cfg: cfg, store: store, member: -1}
	if i, ok := cfg.Policy.Group.Index(cfg.Self); ok && cfg.Key != nil {
		n.member = i
	}
	if n.rec, err = load(store); err != nil {
		return nil, fmt.Errorf("create node: %w", err)
	}
	for i := range n.rec.open {
		c, err := n.restore(&n.rec.open[i])
		if err != nil {
			return nil, fmt.Errorf("create node: %w", err)
		}
		n.cers = append(n.cers, c)
	}
	if n.rec.phase == Activated {
		n.rec.starts++
		if n.save(); n.err != nil {
			return nil, fmt.Errorf("create node: %w", n.err)
		}
	}
	n.trial = protocols.Never
	return n, nil
}

// others are the peers without the node itself.
func (n *Node) others() []protocols.PeerID {
	if n.peers == nil {
		n.peers = slices.DeleteFunc(slices.Clone(n.cfg.Peers), func(p protocols.PeerID) bool { return p == n.cfg.Self })
	}
	return n.peers
}

func (n *Node) random() *rand.Rand {
	if n.rng == nil {
		n.rng = rand.New(rand.NewPCG(n.cfg.Seed, binary.LittleEndian.Uint64(n.cfg.Self[:])))
	}
	return n.rng
}

// Running is the package that is active here.
func (n *Node) Running() Package { return n.rec.slots[n.rec.active] }

// Installing returns the ceremony whose package is or was last being installed here, and how far it is;
// the phase is 0 if there was none.
func (n *Node) Installing() (ID, Phase) { return n.rec.install, n.rec.phase }

// Epoch is the greatest epoch that was seen.
func (n *Node) Epoch() uint64 { return n.rec.epoch }

// Stats returns what was counted so far.
func (n *Node) Stats() Stats { return n.stats }

// Err is why the node stopped, or nil: its store failed.
func (n *Node) Err() error { return n.err }

// Transfers returns the counters of all transfers that go on here, added up.
func (n *Node) Transfers() (s chunk.Stats) {
	for _, f := range n.transfers {
		t := f.Stats()
		s.Pieces += t.Pieces
		s.Duplicates += t.Duplicates
		s.Rerequests += t.Rerequests
		s.Chunks += t.Chunks
		s.Wrong += t.Wrong
		s.Offers += t.Offers
		s.Wants += t.Wants
		s.Refused += t.Refused
		s.Uploaded += t.Uploaded
		s.Downloaded += t.Downloaded
	}
	return s
}

// Fenced reports whether a hard fork was committed whose epoch has come, and the package is not active
// here: the peer must not speak with others as if nothing had happened.
func (n *Node) Fenced() bool {
	for _, c := range n.cers {
		p := &c.proposal
		if c.outcome == Committed && p.Hard && n.rec.epoch >= p.Activation && p.Package.Root != n.Running().Root && p.Package.Version.Compare(n.Running().Version) > 0 {
			return true
		}
	}
	return false
}

// save writes the record; nothing that depends on it may be sent if that fails.
func (n *Node) save() {
	n.rec.open = n.rec.open[:0]
	for _, c := range n.cers {
		n.rec.open = append(n.rec.open, c.saved())
	}
	if err := n.store.Write(recordName, n.rec.encode()); err != nil && n.err == nil {
		n.err = fmt.Errorf("write record: %w", err)
	}
}

// Step takes one datagram, or does what time has made due.
func (n *Node) Step(now time.Duration, in protocols.Input, out *protocols.Output) {
	if in.Data != nil && n.err == nil {
		if err := n.receive(now, in); err != nil {
			n.stats.Refused++
		}
	}
	n.settle(now, out)
}

// SetEpoch tells the node what epoch it is. Smaller ones than before are ignored. A greater one also has
// those asked again who have not answered.
func (n *Node) SetEpoch(now time.Duration, epoch uint64, out *protocols.Output) {
	if epoch > n.rec.epoch {
		n.rec.epoch = epoch
		for _, c := range n.cers {
			c.renew()
		}
		for _, f := range n.transfers {
			f.Greet()
		}
	}
	n.settle(now, out)
}

// settle goes as far as it can without another message, and sends what is due.
func (n *Node) settle(now time.Duration, out *protocols.Output) {
	for n.err == nil && n.advance(now) {
	}
	out.Wake = protocols.Never
	if n.err != nil {
		return
	}
	n.exchange(now, out)
	for _, f := range n.transfers {
		f.Flush(now, out)
		if err := f.Err(); err != nil && !errors.Is(err, protocols.ErrExhausted) && n.err == nil {
			n.err = err // the store's; a content too large is only never had
		}
	}
	out.Wake = n.wake(now)
}

func (n *Node) wake(now time.Duration) time.Duration {
	at := protocols.Never
	for _, f := range n.transfers {
		at = min(at, f.Deadline())
	}
	for _, c := range n.cers {
		at = min(at, n.due(c))
	}
	if c := n.find(n.rec.install); c != nil && n.rec.phase == Offered && n.stalled > 0 && n.patched(c) {
		at = min(at, n.stalled)
	}
	if n.rec.phase == Activated {
		at = min(at, n.trial, n.polled+n.cfg.Resend)
	}
	return at
}

func (n *Node) receive(now time.Duration, in protocols.Input) error {
	e, err := protocols.ParseEnvelope(in.Data)
	if err != nil {
		return err
	}
	from := slices.Index(n.others(), in.From)
	if from < 0 {
		return fmt.Errorf("receive from %v, who does not take part: %w", in.From, protocols.ErrVerification)
	}
	switch e.Type {
	case protocols.TypeChunk:
		for i := range n.rec.slots { // others may be late: what is here whole stays to be had
			if p := &n.rec.slots[i]; p.Size > 0 && p.Root.Session() == e.Session {
				n.transfer(p.Root)
			}
		}
		for _, f := range n.transfers {
			if f.Root().Session() == e.Session {
				f.Receive(now, in.From, e.Body) // counts what it refuses
			}
		}
		return nil
	case protocols.TypeOTA:
		m, err := parse(e.Body)
		if err == nil && m.id.session() != e.Session {
			err = fmt.Errorf("receive from %v: session and id differ: %w", in.From, protocols.ErrVerification)
		}
		if err != nil {
			return err
		}
		return n.handle(now, from, &m)
	}
	return fmt.Errorf("receive from %v: type %d: %w", in.From, e.Type, protocols.ErrVerification)
}

// AppendState appends what decides what the node does next, in short.
func (n *Node) AppendState(dst []byte) []byte {
	dst = append(dst, n.rec.encode()...)
	for _, c := range n.cers {
		for i := range c.links {
			dst = binary.LittleEndian.AppendUint64(dst, uint64(c.links[i].next))
		}
	}
	for _, f := range n.transfers {
		dst = f.AppendState(dst)
	}
	return dst
}
