// Package protocols holds what every protocol of this tree shares: peers, the envelope around each
// datagram, the contract between a protocol and whatever drives it, and the reliable channel that
// carries long messages over datagrams that may be lost, doubled or reordered.
//
// A protocol is a state machine without I/O. It reads no clock, starts no goroutine, opens no
// socket and draws randomness from a seeded source that it is given, so a run repeats bit for bit.
// The packages below this one are the protocols; package simnet drives them in virtual time.
// Neither knows anything of measuring or of budgets: package benchmarks puts them to work.
//
// This package keeps no replicated state and decides nothing about whom to trust beyond naming
// peers by their key.
package protocols

import (
	"encoding/hex"
	"errors"
	"math"
	"time"
)

// A PeerID names a peer: the 32 bytes of its Ed25519 public key, so that a signature can be checked
// with nothing but the name of who is said to have made it. Where signatures are switched off, any
// 32 bytes that differ between peers serve.
type PeerID [32]byte

// String returns the first 8 of the 64 hexadecimal digits: enough to tell peers of one group apart.
func (p PeerID) String() string { return hex.EncodeToString(p[:4]) }

// The ways in which a protocol fails. Every error of a protocol wraps exactly one of them, since a
// caller acts differently on each: try later, give more room, distrust the peer, upgrade.
var (
	// ErrTimeout says that time ran out while the other side might still have answered.
	ErrTimeout = errors.New("timed out")
	// ErrExhausted says that a bound was reached: attempts, rounds, sessions or queue.
	ErrExhausted = errors.New("limit exhausted")
	// ErrVerification says that what arrived breaks the rules: malformed, forged, from a stranger,
	// or contradicting what is held already.
	ErrVerification = errors.New("verification failed")
	// ErrVersion says that the two sides speak different versions, or key their digests for
	// different epochs.
	ErrVersion = errors.New("version mismatch")
)

// Never is the wake time of a node that waits for messages only.
const Never = time.Duration(math.MaxInt64)

// An Input is what happened: a datagram from a peer or, with Data nil, nothing but the time for
// which the node had asked to be woken. Data is valid during the step only.
type Input struct {
	From PeerID
	Data []byte
}

// A Datagram is one packet to send, of at most MaxDatagram bytes.
type Datagram struct {
	To   PeerID
	Data []byte
	// Message says that a message begins in this datagram; Again that an earlier one with the same
	// content is presumed lost. Both are for counting only and are not sent.
	Message bool
	Again   bool
}

// An Output collects what a node wants done. The driver owns it and hands it to each step emptied
// by Reset; the node appends datagrams and sets Wake.
type Output struct {
	// Datagrams are to be sent in this order.
	Datagrams []Datagram
	// Wake is the time at which the node wants to be stepped next, even if nothing arrives: Never
	// if it need not be. Each step replaces the wish of the one before.
	Wake time.Duration

	free [][]byte
}

// Reset empties the output for the next step. The buffers of datagrams that were in it still belong
// to whoever took them.
func (o *Output) Reset() {
	o.Datagrams = o.Datagrams[:0]
	o.Wake = Never
}

// Buffer returns an empty buffer with room for MaxDatagram bytes, to become the Data of a Datagram.
func (o *Output) Buffer() []byte {
	if n := len(o.free); n > 0 {
		b := o.free[n-1]
		o.free = o.free[:n-1]
		return b[:0]
	}
	return make([]byte, 0, MaxDatagram)
}

// Recycle takes back the buffer of a datagram that nobody reads any more.
func (o *Output) Recycle(b []byte) {
	if cap(b) >= MaxDatagram {
		o.free = append(o.free, b)
	}
}

// A Node is a protocol's state machine for one peer. Step tells it the time since some start, which
// never goes back, and what happened; it appends to out what is to be done. Two nodes built alike
// and stepped alike do the same.
type Node interface {
	Step(now time.Duration, in Input, out *Output)
}
