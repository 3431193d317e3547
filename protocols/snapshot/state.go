package snapshot

import (
	"encoding/binary"
	"time"
)

// AppendState appends everything that decides what the node does next, but for what chance will
// decide; of its log the digest and the base.
func (n *Node) AppendState(dst []byte) []byte { return n.appendState(dst, true) }

func (n *Node) appendState(dst []byte, times bool) []byte {
	number := func(v uint64) { dst = binary.LittleEndian.AppendUint64(dst, v) }
	when := func(t ...time.Duration) {
		for _, t := range t {
			if times {
				number(uint64(t))
			}
		}
	}
	flags := func(b []bool) {
		for _, b := range b {
			if b {
				dst = append(dst, 1)
			} else {
				dst = append(dst, 0)
			}
		}
	}
	number(n.vote.epoch)
	dst = append(dst, n.vote.statement[:]...)
	number(n.epoch())
	dst = append(dst, n.agreed[:]...)
	if n.fence != nil {
		number(n.fence.Epoch)
		dst = append(dst, n.fence.statement[:]...)
	}
	number(uint64(len(n.rounds)))
	for _, r := range n.rounds {
		number(r.epoch)
		dst = append(dst, r.statement[:]...)
		number(uint64(r.proposer+1)<<32 | uint64(r.introducer))
		dst = append(dst, byte(r.state), byte(r.why), byte(r.attempts), byte(r.tries))
		flags([]bool{r.known, r.mine})
		dst = append(dst, n.bitmap(r.ballot.Votes())...)
		flags(r.answered)
		flags(r.against)
		when(r.until, r.at)
	}
	if s := n.spread; s != nil {
		flags(s.done)
		when(s.at, s.until)
	}
	if g := n.greet; g != nil {
		flags(g.answered)
		number(uint64(g.tries))
		when(g.at)
	}
	if f := n.fetching; f != nil {
		number(f.epoch)
		when(f.at, f.until)
		if f.fetcher != nil {
			dst = f.fetcher.AppendState(dst)
		}
	}
	if n.pruning != nil {
		number(n.pruning.epoch)
	}
	if n.stored != nil {
		number(n.stored.Epoch)
	}
	d := n.log.Digest()
	for _, w := range [...]uint64{d.Ops.Fingerprint[0], d.Facts.Fingerprint[0], d.Caps.Fingerprint[0], d.Count(), uint64(n.log.Len())} {
		number(w)
	}
	for _, b := range n.log.Base() {
		number(b)
	}
	return dst
}
