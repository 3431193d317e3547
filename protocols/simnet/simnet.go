// Package simnet is a network in virtual time: a single-threaded event loop that drives protocol
// nodes, delays, loses, doubles and reorders their datagrams as its Options say, stops and restarts
// them, and counts every byte. The same options and seed give the same run bit for bit, on any
// machine.
//
// The Options are the description of the network: what a link does to datagrams, singly and in
// bursts; what connects a peer; partitions; clocks that disagree; crashes, which take a peer's
// memory and what its Disk had not synced. Trace is a hash over everything that happened, with
// States also over what every node thinks after each step; Observe sees each event.
//
// It has no sockets, no clock and no goroutines, and it does not model what a real network stack
// adds (no congestion from outside, no checksum errors, no path changes). Time passes only by
// delay, serialisation, queueing and the stated processing time per datagram; computation itself
// takes none. Package protocols says what a node is; the tests and benchmarks of each protocol sit
// above this package.
package simnet

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// HeaderSize is what IPv4 and UDP add to each datagram, in bytes; it counts as wire bytes and takes
// its time on the link.
const HeaderSize = 28

// A Link describes one direction between two peers.
type Link struct {
	// Delay is one way, added to every datagram.
	Delay time.Duration
	// Jitter adds between nothing and this much more, evenly. Where it exceeds the time between two
	// datagrams they overtake each other.
	Jitter time.Duration
	// Loss and Duplicate are the probabilities, 0 to 1, that a datagram vanishes or arrives twice.
	Loss      float64
	Duplicate float64
	// Burst makes losses come together, beside Loss.
	Burst Burst
	// Reorder is the probability that a datagram is held back by up to HoldBack more, so that later
	// ones overtake it.
	Reorder  float64
	HoldBack time.Duration
	// Rate is in bits per second; 0 means that sending takes no time.
	Rate int64
	// Queue is how many bytes may wait for a link with a Rate; more are dropped. 0 means no bound.
	Queue int
}

// A Burst describes a link that is good or bad at each datagram: a good one turns bad with
// probability Begin, a bad one good with probability End, and a bad one loses the share Loss. The
// mean length is 1/End datagrams.
type Burst struct{ Begin, End, Loss float64 }

// Access is what connects one peer to the network. All its links share it.
type Access struct {
	// Up and Down are in bits per second; 0 means that it takes no time.
	Up, Down int64
	// Queue is how many bytes may wait each way; more are dropped. 0 means no bound.
	Queue int
}

// A Crash stops a peer at a time and starts it again after Back.
type Crash struct {
	Peer protocols.PeerID
	At   time.Duration
	Back time.Duration
}

// A Partition cuts the datagrams between Group and everybody else that are sent from From until
// just before Until.
type Partition struct {
	From, Until time.Duration
	Group       []protocols.PeerID
}

// Options is the description of a network.
type Options struct {
	// Seed decides every random draw. Runs with the same seed and the same options are equal.
	Seed uint64
	// Link is the link between every two peers, each direction its own.
	Link Link
	// Processing is how long a peer is busy with each datagram before it acts on it. A busy peer
	// takes datagrams one after the other.
	Processing time.Duration
	// Partitions may overlap.
	Partitions []Partition
	// Access is how every peer is connected, unless SetAccess says otherwise.
	Access Access
	// Skew is how far apart two peers' clocks may be: each is ahead by a share of it. Drift is by how
	// many parts per million a clock may go too fast or too slow, less than 1,000,000.
	Skew  time.Duration
	Drift int64
	// Crashes of one peer must not overlap. A peer that is down already stays as it is.
	Crashes []Crash
	// States makes the trace cover what the nodes think, not only what they say: each node that is a
	// Stater is asked after each of its steps.
	States bool
	// Observe, where not nil, is called with everything that happens.
	Observe func(Event)
}

func (o Options) check() error {
	l := o.Link
	if l.Delay < 0 || l.Jitter < 0 || o.Processing < 0 || l.Rate < 0 || l.Queue < 0 {
		return fmt.Errorf("describe network: negative delay, jitter, processing, rate or queue; use zero or more")
	}
	for _, p := range []float64{l.Loss, l.Duplicate, l.Reorder, l.Burst.Begin, l.Burst.End, l.Burst.Loss} {
		if !(p >= 0 && p <= 1) {
			return fmt.Errorf("describe network: loss, duplicate, reorder or burst of %v is no probability; use 0 to 1", p)
		}
	}
	if l.HoldBack < 0 || o.Skew < 0 || o.Drift < 0 || o.Drift >= million {
		return fmt.Errorf("describe network: negative hold-back, skew or drift, or a drift of 1,000,000 or more")
	}
	for _, c := range o.Crashes {
		if c.At < 0 || c.Back < 0 {
			return fmt.Errorf("describe network: peer %v crashes at %v and is back after %v; use zero or more", c.Peer, c.At, c.Back)
		}
	}
	return o.Access.check()
}

func (a Access) check() error {
	if a.Up < 0 || a.Down < 0 || a.Queue < 0 {
		return fmt.Errorf("describe network: access with negative rate or queue; use zero or more")
	}
	return nil
}

// Counters are exact. For one link they count what its sender sent, except Delivered.
type Counters struct {
	Messages        int   // protocol messages that began on the link
	Datagrams       int   // sent, retransmissions included
	Retransmissions int   // of Datagrams, those that repeat an earlier one
	PayloadBytes    int64 // bytes of datagrams, without HeaderSize
	WireBytes       int64 // the same with HeaderSize each
	Lost            int   // datagrams that vanished by chance
	Cut             int   // by a partition
	Overflowed      int   // because a queue was full
	Unheard         int   // that came to a peer that was down
	Duplicated      int   // datagrams that arrived a second time
	Delivered       int   // arrivals, second ones included
}

func (c *Counters) add(d Counters) {
	c.Messages += d.Messages
	c.Datagrams += d.Datagrams
	c.Retransmissions += d.Retransmissions
	c.PayloadBytes += d.PayloadBytes
	c.WireBytes += d.WireBytes
	c.Lost += d.Lost
	c.Cut += d.Cut
	c.Overflowed += d.Overflowed
	c.Unheard += d.Unheard
	c.Duplicated += d.Duplicated
	c.Delivered += d.Delivered
}

// Drops is how many datagrams never arrived, for whatever reason.
func (c Counters) Drops() int { return c.Lost + c.Cut + c.Overflowed + c.Unheard }

// A Network is a set of nodes and the links between them.
type Network struct {
	opts  Options
	now   time.Duration
	seq   uint64
	queue eventHeap
	peers []*peer
	index map[protocols.PeerID]int
	out   protocols.Output
	state []byte
	trace uint64
	steps int
	err   error
}

type peer struct {
	id        protocols.PeerID
	node      protocols.Node // nil while down
	build     func(boot int, disk *Disk) (protocols.Node, error)
	disk      *Disk
	boot      uint16
	clock     clock
	links     []*link // by index of the receiving peer
	access    Access
	upFree    time.Duration
	downFree  time.Duration
	busyUntil time.Duration
	wake      time.Duration // what the node asked for
	pending   time.Duration // when the earliest wake event in the queue is due
}

type link struct {
	Counters
	loss, dup, jitter, burst, reorder rand.Rand
	sources                           [5]rand.PCG
	bad                               bool
	freeAt                            time.Duration
}

// New returns an empty network. The error says what in opts makes no sense.
func New(opts Options) (*Network, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	return &Network{opts: opts, index: map[protocols.PeerID]int{}, trace: 0x9e3779b97f4a7c15}, nil
}

// Add puts a node on the network under its name. Nodes are to be added before time passes. Adding
// a name twice is an error. A node added so cannot crash.
func (n *Network) Add(id protocols.PeerID, node protocols.Node) error {
	p, err := n.add(id)
	if err == nil {
		p.node = node
	}
	return err
}

// AddFunc puts a peer on the network that can crash. Build makes its node, now with boot 0 and after
// every crash with one more, from what is left on the disk.
func (n *Network) AddFunc(id protocols.PeerID, build func(boot int, disk *Disk) (protocols.Node, error)) error {
	p, err := n.add(id)
	if err != nil {
		return err
	}
	p.build = build
	p.disk = NewDisk(n.opts.Seed ^ forDisk<<56 ^ uint64(n.index[id]))
	if p.node, err = build(0, p.disk); err != nil {
		return fmt.Errorf("add peer %v: %w", id, err)
	}
	for _, c := range n.opts.Crashes {
		if c.Peer == id {
			n.push(event{at: c.At, kind: eventCrash, to: int32(n.index[id]), back: c.Back})
		}
	}
	return nil
}

func (n *Network) add(id protocols.PeerID) (*peer, error) {
	if _, ok := n.index[id]; ok {
		return nil, fmt.Errorf("add peer %v: there is one already", id)
	}
	if len(n.peers) > maxPeers {
		return nil, fmt.Errorf("add peer %v: there are %d already", id, len(n.peers))
	}
	i := len(n.peers)
	n.index[id] = i
	p := &peer{id: id, wake: protocols.Never, pending: protocols.Never, access: n.opts.Access, clock: n.clock(i)}
	n.peers = append(n.peers, p)
	for _, p := range n.peers {
		for len(p.links) < len(n.peers) {
			p.links = append(p.links, nil)
		}
	}
	return p, nil
}

// maxPeers keeps the purposes of random sources apart.
const maxPeers = 1 << 16

// SetAccess changes how one peer is connected.
func (n *Network) SetAccess(id protocols.PeerID, a Access) error {
	i, ok := n.index[id]
	if !ok {
		return fmt.Errorf("connect peer %v: no such peer; add it first", id)
	}
	if err := a.check(); err != nil {
		return err
	}
	n.peers[i].access = a
	return nil
}

// Node returns the node of a peer, or nil while it is down or where there is none.
func (n *Network) Node(id protocols.PeerID) protocols.Node {
	if i, ok := n.index[id]; ok {
		return n.peers[i].node
	}
	return nil
}

// Disk returns the disk of a peer that was added with AddFunc, or nil.
func (n *Network) Disk(id protocols.PeerID) *Disk {
	if i, ok := n.index[id]; ok {
		return n.peers[i].disk
	}
	return nil
}

// Err is the first error of making a node again after a crash, or nil. The peer stays down.
func (n *Network) Err() error { return n.err }

// purposes of random sources: what one draws does not shift what another will.
const (
	forLoss uint64 = iota + 1
	forDuplicate
	forJitter
	forBurst
	forReorder
	forClock
	forDisk
)

func (n *Network) link(from, to int) *link {
	l := n.peers[from].links[to]
	if l == nil {
		l = new(link) // in one piece: there are many
		for i, r := range [...]*rand.Rand{&l.loss, &l.dup, &l.jitter, &l.burst, &l.reorder} {
			l.sources[i].Seed(n.opts.Seed, (forLoss+uint64(i))<<32|uint64(from)<<16|uint64(to))
			*r = *rand.New(&l.sources[i])
		}
		n.peers[from].links[to] = l
	}
	return l
}

// Now is the virtual time since the start.
func (n *Network) Now() time.Duration { return n.now }

// Steps is how often any node was stepped.
func (n *Network) Steps() int { return n.steps }

// Trace is a hash over everything that happened so far: times, peers and every byte delivered. Two
// runs with one trace were the same run.
func (n *Network) Trace() uint64 { return n.trace }

// Link returns the counters of the link between two peers.
func (n *Network) Link(from, to protocols.PeerID) Counters {
	i, ok := n.index[from]
	j, ok2 := n.index[to]
	if !ok || !ok2 || n.peers[i].links[j] == nil {
		return Counters{}
	}
	return n.peers[i].links[j].Counters
}

// Total returns the counters of all links together.
func (n *Network) Total() Counters {
	var sum Counters
	for _, p := range n.peers {
		for _, l := range p.links {
			if l != nil {
				sum.add(l.Counters)
			}
		}
	}
	return sum
}
