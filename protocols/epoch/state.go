package epoch

import (
	"encoding/binary"
	"time"
)

// AppendState appends everything that decides what the node does next, in a fixed order. Times are
// relative to the last step.
func (n *Node) AppendState(dst []byte) []byte {
	dst = n.appendState(dst)
	r := &n.race
	for _, at := range []time.Duration{r.retryAt, r.until, r.wishEnd, n.beaconAt, n.askedAt} {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(at-n.now))
	}
	dst = append(dst, byte(r.tries), flag(r.active))
	if n.mine != nil {
		dst = append(dst, n.mine.id[:]...)
	}
	if s := n.spread; s != nil {
		dst = append(dst, byte(s.tries))
		for _, h := range s.heard {
			dst = append(dst, flag(h))
		}
	}
	return dst
}

// appendState appends what decides which messages mean what: all but timers.
func (n *Node) appendState(dst []byte) []byte {
	r := &n.race
	dst = binary.LittleEndian.AppendUint64(dst, n.epoch)
	dst = binary.LittleEndian.AppendUint32(dst, r.round)
	dst = append(dst, flag(n.err != nil), flag(r.wish != nil))
	dst = append(dst, r.wishID[:]...)
	dst = appendValue(appendValue(dst, r.last), r.pending)
	for i := range r.ballots {
		b, p := &r.ballots[i], &r.reports[i]
		dst = append(appendValue(dst, b.v), flag(b.checked), flag(r.faulty[i]), flag(p.held))
		dst = appendValue(binary.LittleEndian.AppendUint32(dst, p.round), p.v)
	}
	for i, p := range n.parts {
		if p != nil {
			dst = append(binary.LittleEndian.AppendUint16(dst, uint16(i)), p.id[:]...)
			dst = binary.LittleEndian.AppendUint32(dst, p.c.Round)
			for _, v := range p.c.Votes {
				dst = binary.LittleEndian.AppendUint16(dst, v.Member)
			}
		}
	}
	return dst
}

func appendValue(dst []byte, v *value) []byte {
	if v == nil {
		return append(dst, 0)
	}
	dst = binary.LittleEndian.AppendUint32(append(dst, 1, flag(v.vouched)), v.round)
	return append(dst, v.id[:8]...)
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}
