package journal

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// AppendState appends what decides the node's further behaviour: where it stands with its log, with
// what it sends, asks for and waits for. Two nodes alike in it may still differ within their sessions.
func (n *Node) AppendState(dst []byte) []byte {
	put := func(v ...uint64) {
		for _, x := range v {
			dst = binary.LittleEndian.AppendUint64(dst, x)
		}
	}
	at := func(t ...time.Duration) {
		for _, x := range t {
			put(uint64(x))
		}
	}
	d := n.log.Digest()
	put(d.Ops.Count, d.Ops.Fingerprint[0], d.Facts.Count, d.Facts.Fingerprint[0], d.Caps.Count, d.Caps.Fingerprint[0])
	put(n.pushed, uint64(n.beacon), uint64(n.credit), uint64(n.offered), uint64(n.asked), uint64(n.nonce), uint64(len(n.group.counts)))
	at(n.paceAt, n.beaconAt, n.gossipAt, n.sessWake, n.group.at, n.guard, n.rtt, n.rttvar)
	put(n.seen...)
	for i := range n.asks {
		k := &n.asks[i]
		put(uint64(k.author), k.lo, k.hi, uint64(k.target), uint64(k.tries))
		at(k.at, k.sent)
	}
	for i := range n.groups {
		g := &n.groups[i]
		put(uint64(g.author), g.first, uint64(g.have))
		at(g.until)
	}
	for i := range n.tasks {
		t := &n.tasks[i]
		put(uint64(t.peer), t.session)
		at(t.at)
	}
	for i := range n.peers {
		p := &n.peers[i]
		put(uint64(p.status.State), uint64(p.tokens), uint64(p.answered), uint64(p.autoBad))
	}
	return dst
}

// Describe says in a few words what a datagram of this protocol is.
func Describe(data []byte) string {
	e, err := protocols.ParseEnvelope(data)
	if err != nil {
		return err.Error()
	}
	if e.Type == protocols.TypeAntiEntropy {
		return fmt.Sprintf("session %016x", e.Session)
	}
	var m message
	if err := m.parse(e.Body); err != nil || e.Type != protocols.TypeJournal {
		return fmt.Sprintf("type %d: %v", e.Type, err)
	}
	switch m.kind {
	case msgPush:
		what := "push"
		if m.flags&pushAnswer != 0 {
			what = "answer"
		}
		return fmt.Sprintf("%s of %d: %d to %d", what, m.author, m.first, m.first+uint64(m.count)-1)
	case msgParity:
		return fmt.Sprintf("parity %d of %d over %d pushes of %d from %d on", m.index+1, m.spare, m.count, m.author, m.first)
	case msgBeacon:
		return fmt.Sprintf("beacon %v flags %d", m.marks, m.flags)
	}
	return fmt.Sprintf("nack %d of %d: %v", m.nonce, m.author, m.ranges)
}
