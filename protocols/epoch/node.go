package epoch

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/signature"
)

// A Result is how a proposal of this node ended.
type Result struct {
	// Proposed is the proposal; Certified the one that its epoch began with, if Err is nil.
	Proposed, Certified Proposal
	// Won says that these are the same.
	Won bool
	// Started and Ended are times of the node's clock.
	Started, Ended time.Duration
	// Err wraps protocols.ErrTimeout when the proposal's life ran out. It may still be certified
	// later, if enough members had voted for it.
	Err error
}

// Stats counts since the node was made.
type Stats struct {
	Proposals int // of this member
	Expired   int // of these, those whose life ran out
	Votes     int // of this member, one for each round
	Epochs    int // certificates taken in, each of which began an epoch
	Refused   int // datagrams and votes that broke a rule
}

// A Node is one member. It is a protocols.Node.
type Node struct {
	cfg  Config
	g    *quorum.Group
	self int
	rng  *rand.Rand

	epoch   uint64
	current Certificate // of the epoch in force; without votes before the first
	race    race        // for the epoch after it
	mine    *effort
	spread  *spread
	parts   []*part // by sender: certificates of which a part is here

	now      time.Duration
	booted   bool
	beaconAt time.Duration
	askedAt  time.Duration
	results  []Result
	stats    Stats
	err      error

	// Kept to save their allocations.
	incoming message // being handled
	scratch  []byte
	votes    []byte
	checks   []signature.Check
	of       []int // whose checks these are
	all      []int // see everyone
}

// An effort is a proposal of this node's own.
type effort struct {
	proposal Proposal
	id       ID
	started  time.Duration
	until    time.Duration
}

// NewNode returns a member as it was when its store was last written. The error wraps
// protocols.ErrVerification when the configuration makes no sense or the store does not fit it.
func NewNode(cfg Config) (*Node, error) {
	self, err := cfg.fill()
	if err != nil {
		return nil, err
	}
	n := &Node{
		cfg: cfg, g: cfg.Group, self: self, epoch: cfg.Start, beaconAt: protocols.Never,
		rng: rand.New(rand.NewPCG(cfg.Seed, uint64(self)<<8|uint64(protocols.TypeEpoch))),
	}
	n.race = newRace(n.g.Len())
	if err := n.load(); err != nil {
		return nil, err
	}
	return n, nil
}

// Epoch is the epoch in force. It only rises.
func (n *Node) Epoch() uint64 { return n.epoch }

// Certificate returns the certificate of the epoch in force, and false before the first.
func (n *Node) Certificate() (Certificate, bool) { return n.current, len(n.current.Votes) > 0 }

// Owner is the index of the member whose proposals for an epoch need two legs. Others need one more,
// to tell the owner; where it is down, the next takes its place after two tries.
func (n *Node) Owner(epoch uint64) int { return n.owner(epoch, 0) }

func (n *Node) owner(epoch uint64, round uint32) int {
	return int((epoch%uint64(n.g.Len()) + uint64(round)) % uint64(n.g.Len()))
}

// Quorum is how many votes make a certificate here.
func (n *Node) Quorum() int { return n.cfg.Quorum }

// Stats returns the counters of the node.
func (n *Node) Stats() Stats { return n.stats }

// Err is why the node has stopped, or nil: it stops when its store fails, since it could no longer
// keep what it promises.
func (n *Node) Err() error { return n.err }

// Idle reports whether the node waits for nothing: it is silent until it is spoken to.
func (n *Node) Idle() bool { return !n.race.active && n.mine == nil && n.spread == nil }

// TakeResults returns how this node's proposals ended since the last call.
func (n *Node) TakeResults() []Result {
	r := n.results
	n.results = nil
	return r
}

// Accept says whether an operation or receipt is still good: one of the epoch in force is, and one of
// the epoch before it up to the fence of the certified proposal. The error wraps
// protocols.ErrVerification for an old one, and protocols.ErrVersion for one of an epoch that this
// member has yet to hear of.
func (n *Node) Accept(epoch, position uint64) error {
	switch {
	case epoch == n.epoch:
		return nil
	case epoch > n.epoch:
		return fmt.Errorf("accept from epoch %d: epoch %d is in force here: %w", epoch, n.epoch, protocols.ErrVersion)
	case epoch == n.epoch-1 && len(n.current.Votes) > 0 && position <= n.current.Proposal.Fence:
		return nil
	}
	return fmt.Errorf("accept position %d of epoch %d: epoch %d is in force, fenced at %d: %w",
		position, epoch, n.epoch, n.current.Proposal.Fence, protocols.ErrVerification)
}

// Propose begins the way to the next epoch with what p says: Digest, Fence, Attempt and Life, by
// default 30 s; the rest is filled in. It returns the name of the proposal; how it ended is in
// TakeResults. One proposal of a node can be under way: while it is, the error wraps
// protocols.ErrExhausted.
func (n *Node) Propose(now time.Duration, p Proposal, out *protocols.Output) (ID, error) {
	n.advance(now)
	defer n.finish(out) // a refusal must not put the node to sleep
	switch {
	case n.err != nil:
		return ID{}, n.err
	case n.mine != nil:
		return ID{}, fmt.Errorf("propose epoch %d: attempt %d is under way: %w", n.epoch+1, n.mine.proposal.Attempt, protocols.ErrExhausted)
	case n.epoch+1 == 0:
		return ID{}, fmt.Errorf("propose after epoch %d: there is no number left: %w", n.epoch, protocols.ErrExhausted)
	}
	if p.Life == 0 {
		p.Life = 30_000
	}
	if p.Life > maxLife {
		return ID{}, fmt.Errorf("propose epoch %d: a life of %d ms, at most %d: %w", n.epoch+1, p.Life, maxLife, protocols.ErrVerification)
	}
	p.Epoch, p.Proposer = n.epoch+1, uint16(n.self)
	id := p.ID()
	v, err := n.cfg.Sign(proposalStatement(n.g, id))
	if err != nil {
		return ID{}, fmt.Errorf("propose epoch %d: %w", p.Epoch, err)
	}
	p.Signature = v.Signature
	n.mine = &effort{p, id, now, now + p.life()}
	n.stats.Proposals++
	n.race.wish, n.race.wishID, n.race.wishEnd = &p, id, n.mine.until
	n.activate(now, n.mine.until)
	if !n.lead(out) {
		n.broadcast(out, &message{kind: kindWish, epoch: p.Epoch, proposal: p}, n.everyone())
	}
	return id, nil
}

// Step handles a datagram or the passing of time.
func (n *Node) Step(now time.Duration, in protocols.Input, out *protocols.Output) {
	if n.err != nil {
		return
	}
	first := !n.booted
	n.advance(now)
	if in.Data != nil {
		if err := n.receive(in, out); err != nil {
			n.stats.Refused++
		}
	} else if first {
		// Woken without having asked for it: this is a restart. Others may have gone on.
		n.broadcast(out, &message{kind: kindBeacon, flags: flagAsk, epoch: n.epoch}, n.some(n.others(nil), 4))
	}
	n.timers(out)
	n.finish(out)
}

func (n *Node) advance(now time.Duration) {
	n.now = now
	if n.booted {
		return
	}
	n.booted = true
	if v := n.race.last; v != nil {
		n.activate(now, now+v.proposal.life())
		n.race.retryAt = now
	} else if n.race.round > 0 {
		n.activate(now, now+patience*n.cfg.Retry)
		n.race.retryAt = now
	}
	if n.cfg.Beacon > 0 {
		n.beaconAt = now + n.jitter(n.cfg.Beacon)
	}
}

// finish sets when to wake.
func (n *Node) finish(out *protocols.Output) {
	if n.err != nil {
		out.Datagrams = out.Datagrams[:0] // what could not be written is not said
		return
	}
	out.Wake = n.beaconAt
	if n.race.active {
		out.Wake = min(out.Wake, n.race.retryAt)
	}
	if n.mine != nil {
		out.Wake = min(out.Wake, n.mine.until)
	}
	if n.spread != nil {
		out.Wake = min(out.Wake, n.spread.at)
	}
}
