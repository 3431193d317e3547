package journal

import (
	"fmt"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
)

// Publish adds fresh records of our own to the log, all or none, and sends them to every other
// member, as many in one datagram as fit. Records must be numbered on from the last one. The error
// wraps ErrVerification, or what the store said, and leaves everything as it was.
func (n *Node) Publish(now time.Duration, records []antientropy.Record, out *protocols.Output) error {
	defer n.finish(now, out)
	if len(records) == 0 {
		return nil
	}
	first := n.log.Reach(n.self) + 1
	if n.paceAt == protocols.Never {
		n.pushed = first - 1 // what others gave back to us is not fresh
	}
	var run []byte // all of it is checked before anything of it is kept
	for i := range records {
		r := &records[i]
		if r.Author != n.cfg.Self || r.Seq != first+uint64(i) {
			return fmt.Errorf("publish record %d of %v: want %d of %v: %w", r.Seq, r.Author, first+uint64(i), n.cfg.Self, protocols.ErrVerification)
		}
		if len(r.Payload) > antientropy.MaxPayload {
			return fmt.Errorf("publish record %d: payload of %d bytes, at most %d: %w", r.Seq, len(r.Payload), antientropy.MaxPayload, protocols.ErrVerification)
		}
		run = r.AppendStored(run)
	}
	if n.cfg.Store != nil {
		if err := n.log.CheckRun(n.self, first, len(records), run); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		if err := n.keep(first, run); err != nil {
			return fmt.Errorf("publish: keep own records: %w", err)
		}
	}
	if _, err := n.log.ApplyRun(n.self, first, len(records), run); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	n.seen[n.self] = n.log.Reach(n.self)
	n.paceAt = min(n.paceAt, now)
	return nil
}

// push sends own records that nobody was sent yet, at most a burst of datagrams at a time.
func (n *Node) push(now time.Duration, out *protocols.Output) {
	if now < n.paceAt {
		return
	}
	n.paceAt = protocols.Never
	last := n.log.Reach(n.self)
	for sent := 0; n.pushed < last; sent++ {
		if sent == burst {
			n.paceAt = now + pace
			break
		}
		m := message{kind: msgPush, author: uint16(n.self), first: n.pushed + 1}
		if n.cfg.Parity > 0 {
			m.flags |= pushParity
		}
		run, count := n.log.AppendRun(n.shard(0), n.self, m.first, 255, MaxRun)
		n.shards[0] = run
		if count == 0 {
			// Too large for a datagram: who lacks it fetches it in a session.
			n.pushed++
			n.closeGroup(out)
			n.announce(beaconSync, n.pushed, out)
			continue
		}
		m.count, m.data = byte(count), run
		n.pushed += uint64(count)
		k := n.sendAll(n.seal(&m), false, out)
		n.stats.Pushes += k
		if n.offered += k; n.offered > lossMemory {
			n.offered, n.asked = n.offered/2, max(n.asked/2, 1)
		}
		n.credit += int(max(n.cfg.Parity, n.cfg.Repair)*1000) * k
		if n.cfg.Parity > 0 {
			n.addToGroup(now, m.first, byte(count), len(run), out)
		}
	}
	n.beacon = 0
	n.beaconAt = now + n.cfg.Quiet
	if n.paceAt != protocols.Never {
		n.beaconAt += pace
	}
	if n.cfg.Parity == 0 {
		n.credit = min(n.credit, 1000*len(n.peers))
	}
}

// announce tells everybody how far our own records go.
func (n *Node) announce(flags byte, high uint64, out *protocols.Output) {
	m := message{kind: msgBeacon, flags: flags, marks: []mark{{uint16(n.self), high}}}
	n.stats.Beacons += n.sendAll(n.seal(&m), false, out)
}

// sendBeacon tells how far we have written after a while without pushes. The second beacon comes
// soon, since the first may be lost where the push was; each later one thrice as late as the one
// before.
func (n *Node) sendBeacon(now time.Duration, out *protocols.Output) {
	n.closeGroup(out)
	n.announce(0, n.pushed, out)
	n.beacon++
	gap := n.cfg.Quiet * 3 / 2
	for range n.beacon - 1 {
		gap *= 3
	}
	n.beaconAt = now + gap
	if n.beacon >= n.cfg.Beacons {
		n.beaconAt = protocols.Never
	}
}

// gossip compares marks with one other member. In a large group each such beacon has the marks of
// some of the authors, beginning anywhere.
func (n *Node) gossip(now time.Duration, out *protocols.Output) {
	n.gossipAt = now + n.spread(n.cfg.Interval)
	if len(n.peers) == 1 {
		return
	}
	first, k := 0, len(n.peers)
	if k > maxMarks {
		first, k = n.rng.IntN(k-maxMarks+1), maxMarks
	}
	m := message{kind: msgBeacon, flags: beaconCompare}
	for a := first; a < first+k; a++ {
		m.marks = append(m.marks, mark{uint16(a), n.held(a)})
	}
	n.send(n.other(-1), n.seal(&m), false, out)
	n.stats.Beacons++
}

// held is the number up to which all records of an author are here.
func (n *Node) held(author int) uint64 {
	n.front[author] = n.log.Prefix(author, n.front[author])
	return n.front[author]
}

// other draws a member that is neither this node nor the given one, if there is a third.
func (n *Node) other(but int) int {
	for {
		p := n.rng.IntN(len(n.peers))
		if p != n.self && (p != but || len(n.peers) == 2) {
			return p
		}
	}
}

// onBeacon takes note of how far authors have got.
func (n *Node) onBeacon(now time.Duration, from int, m *message, out *protocols.Output) {
	var ahead []mark
	for _, k := range m.marks {
		a := int(k.author)
		h := n.held(a)
		switch {
		case k.high > h && m.flags&beaconSync != 0:
			n.catchUp(now, from)
		case k.high > h:
			n.told(now, a, k.high, from, n.guard)
		case k.high < h && m.flags&beaconCompare != 0:
			ahead = append(ahead, mark{k.author, h})
		}
	}
	if len(ahead) > 0 {
		n.stats.Beacons++
		n.send(from, n.seal(&message{kind: msgBeacon, marks: ahead}), false, out)
	}
}
