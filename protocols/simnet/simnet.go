// Package simnet is a network in virtual time: a single-threaded event loop that drives protocol
// nodes, delays, loses, doubles and reorders their datagrams as its Options say, and counts every
// byte. The same options and seed give the same run bit for bit, on any machine.
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
	// Rate is in bits per second; 0 means that sending takes no time.
	Rate int64
	// Queue is how many bytes may wait for a link with a Rate; more are dropped. 0 means no bound.
	Queue int
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
}

func (o Options) check() error {
	l := o.Link
	if l.Delay < 0 || l.Jitter < 0 || o.Processing < 0 || l.Rate < 0 || l.Queue < 0 {
		return fmt.Errorf("describe network: negative delay, jitter, processing, rate or queue; use zero or more")
	}
	if !(l.Loss >= 0 && l.Loss <= 1 && l.Duplicate >= 0 && l.Duplicate <= 1) {
		return fmt.Errorf("describe network: loss %v or duplicate %v is no probability; use 0 to 1", l.Loss, l.Duplicate)
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
	Overflowed      int   // because the queue was full
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
	c.Duplicated += d.Duplicated
	c.Delivered += d.Delivered
}

// Drops is how many datagrams never arrived, for whatever reason.
func (c Counters) Drops() int { return c.Lost + c.Cut + c.Overflowed }

// A Network is a set of nodes and the links between them.
type Network struct {
	opts  Options
	now   time.Duration
	seq   uint64
	queue eventHeap
	peers []*peer
	index map[protocols.PeerID]int
	out   protocols.Output
	trace uint64
	steps int
}

type peer struct {
	id        protocols.PeerID
	node      protocols.Node
	links     []*link // by index of the receiving peer
	busyUntil time.Duration
	wake      time.Duration // what the node asked for
	pending   time.Duration // when the earliest wake event in the queue is due
}

type link struct {
	Counters
	loss, dup, jitter *rand.Rand
	freeAt            time.Duration
}

// New returns an empty network. The error says what in opts makes no sense.
func New(opts Options) (*Network, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	return &Network{opts: opts, index: map[protocols.PeerID]int{}, trace: 0x9e3779b97f4a7c15}, nil
}

// Add puts a node on the network under its name. Nodes are to be added before time passes. Adding
// a name twice is an error.
func (n *Network) Add(id protocols.PeerID, node protocols.Node) error {
	if _, ok := n.index[id]; ok {
		return fmt.Errorf("add peer %v: there is one already", id)
	}
	n.index[id] = len(n.peers)
	n.peers = append(n.peers, &peer{id: id, node: node, wake: protocols.Never, pending: protocols.Never})
	for _, p := range n.peers {
		for len(p.links) < len(n.peers) {
			p.links = append(p.links, nil)
		}
	}
	return nil
}

// purposes of random sources: what one draws does not shift what another will.
const (
	forLoss uint64 = iota + 1
	forDuplicate
	forJitter
)

func (n *Network) link(from, to int) *link {
	l := n.peers[from].links[to]
	if l == nil {
		source := func(purpose uint64) *rand.Rand {
			return rand.New(rand.NewPCG(n.opts.Seed, purpose<<32|uint64(from)<<16|uint64(to)))
		}
		l = &link{loss: source(forLoss), dup: source(forDuplicate), jitter: source(forJitter)}
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
