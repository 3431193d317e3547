package simnet

import (
	"fmt"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// A Happening is a kind of event.
type Happening int

// What can happen.
const (
	Sent       Happening = iota + 1 // a peer sent a datagram that will arrive
	Lost                            // one that vanishes
	Cut                             // one that a partition stops
	Overflowed                      // one for which a queue has no room
	Duplicated                      // one that will arrive twice
	Unheard                         // one came to a peer that is down
	Handled                         // a peer took a datagram
	Woken                           // the time came that a node had asked for
	Acted                           // something was started at a peer from outside
	Crashed                         // a peer lost its memory
	Booted                          // and started again
)

// String returns the kind in one word.
func (h Happening) String() string {
	words := [...]string{
		Sent: "sent", Lost: "lost", Cut: "cut", Overflowed: "overflowed", Duplicated: "duplicated", Unheard: "unheard",
		Handled: "handled", Woken: "woken", Acted: "acted", Crashed: "crashed", Booted: "booted",
	}
	if h > 0 && int(h) < len(words) {
		return words[h]
	}
	return fmt.Sprintf("happening %d", int(h))
}

// An Event is one thing that happened. Data is valid during the call only. State is the hash of the
// acting peer's state afterwards where Options.States is set and it is a Stater, else 0.
type Event struct {
	At       time.Duration
	Kind     Happening
	From, To protocols.PeerID // of events at one peer both are that peer
	Data     []byte
	State    uint64
}

// A Stater is a node that can say what decides its further behaviour, always in the same order.
// Digests of large parts will do.
type Stater interface {
	AppendState(dst []byte) []byte
}

// states folds what peer p thinks into the trace and returns its hash.
func (n *Network) states(p *peer) uint64 {
	s, ok := p.node.(Stater)
	if !n.opts.States || !ok {
		return 0
	}
	n.state = s.AppendState(n.state[:0])
	h := hash(0x9e3779b97f4a7c15, uint64(len(n.state)), n.state)
	n.trace = fold(n.trace, h)
	return h
}

func (n *Network) observe(kind Happening, from, to *peer, data []byte, state uint64) {
	if n.opts.Observe != nil {
		n.opts.Observe(Event{At: n.now, Kind: kind, From: from.id, To: to.id, Data: data, State: state})
	}
}
