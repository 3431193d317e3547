package journal

import (
	"bytes"
	"slices"
	"time"

	"github.com/klauspost/reedsolomon"

	"github.com/perfgate/perfgate/protocols"
)

// An outGroup is the pushes, one after the other, that the next parity will cover. Their bytes are in
// the log.
type outGroup struct {
	first   uint64
	counts  []byte // records of each push
	longest int
	at      time.Duration // when it is closed
}

// An inGroup is parity that arrived for pushes of which some are missing.
type inGroup struct {
	author int
	first  uint64
	counts []byte
	shards [][]byte // by index; nil where none arrived
	have   int
	size   int
	until  time.Duration
}

func (g *inGroup) last() uint64 {
	last := g.first - 1
	for _, c := range g.counts {
		last += uint64(c)
	}
	return last
}

// shard returns an empty buffer that is kept for its memory.
func (n *Node) shard(i int) []byte {
	for len(n.shards) <= i {
		n.shards = append(n.shards, nil)
	}
	return n.shards[i][:0]
}

// codec returns the code of so many data and parity shards.
func (n *Node) codec(data, spare int) (reedsolomon.Encoder, error) {
	key := [2]byte{byte(data), byte(spare)}
	if c := n.codecs[key]; c != nil {
		return c, nil
	}
	// One goroutine: a shard is far smaller than what would be worth a second one.
	c, err := reedsolomon.New(data, spare, reedsolomon.WithMaxGoroutines(1))
	if err != nil {
		return nil, err
	}
	if n.codecs == nil {
		n.codecs = map[[2]byte]reedsolomon.Encoder{}
	}
	n.codecs[key] = c
	return c, nil
}

func (n *Node) addToGroup(now time.Duration, first uint64, count byte, size int, out *protocols.Output) {
	g := &n.group
	if len(g.counts) == 0 {
		g.first, g.longest, g.at = first, 0, now+n.cfg.Window
	}
	g.counts = append(g.counts, count)
	g.longest = max(g.longest, size)
	if len(g.counts) == maxGroup {
		n.closeGroup(out)
	}
}

// closeGroup sends parity over the open group, as much as there is credit for. Of a lone push parity
// is a copy; copies to some peers only would not bring it to all, so they are sent if a share of 1
// pays for them, and otherwise the credit is kept for answers.
func (n *Node) closeGroup(out *protocols.Output) {
	g := &n.group
	k, each := len(g.counts), 1000*(len(n.peers)-1)
	g.at = protocols.Never
	if k == 0 || each == 0 {
		g.counts = g.counts[:0]
		return
	}
	spare := min(max(n.credit, 0)/each, k, maxSpare)
	if k == 1 {
		spare = int(n.cfg.Parity)
	}
	if spare > 0 {
		if c, err := n.codec(k, spare); err == nil {
			seq := g.first
			for i, count := range g.counts {
				run, _ := n.log.AppendRun(n.shard(i), n.self, seq, int(count), MaxRun)
				n.shards[i] = pad(run, g.longest)
				seq += uint64(count)
			}
			for i := range spare {
				n.shards[k+i] = pad(n.shard(k+i), g.longest)
			}
			if c.Encode(n.shards[:k+spare]) == nil {
				for i := range spare {
					m := message{
						kind: msgParity, author: uint16(n.self), first: g.first,
						count: byte(k), spare: byte(spare), index: byte(i), counts: g.counts, data: n.shards[k+i],
					}
					sent := n.sendAll(n.seal(&m), false, out)
					n.stats.Parity += sent
					n.credit -= 1000 * sent
				}
			}
		}
	}
	n.credit = min(n.credit, each)
	g.counts = g.counts[:0]
}

// pad lengthens b to size with zeros.
func pad(b []byte, size int) []byte {
	k := len(b)
	b = slices.Grow(b, max(size-k, 0))[:max(size, k)]
	clear(b[k:])
	return b
}

// onParity keeps parity until what it covers is here. Only the author itself may send it.
func (n *Node) onParity(now time.Duration, from int, m *message) {
	a := int(m.author)
	if from != a {
		n.stats.Refused++
		return
	}
	g := inGroup{author: a, first: m.first, counts: m.counts, size: len(m.data), until: now + groupAge}
	last := g.last()
	if _, lacks := n.lacks(a, m.first, min(last, m.first+maxLead), nil); lacks == 0 || m.first > n.known(a)+maxLead {
		return
	}
	i := slices.IndexFunc(n.groups, func(o inGroup) bool { return o.author == a && o.first == m.first })
	if i < 0 {
		if len(n.groups) == maxGroups {
			n.groups = slices.Delete(n.groups, 0, 1)
		}
		g.counts = bytes.Clone(m.counts)
		g.shards = make([][]byte, m.spare)
		n.groups = append(n.groups, g)
		i = len(n.groups) - 1
	}
	o := &n.groups[i]
	if len(o.shards) != int(m.spare) || o.size != len(m.data) || !bytes.Equal(o.counts, m.counts) {
		n.stats.Refused++
		return
	}
	if o.shards[m.index] == nil {
		o.shards[m.index] = bytes.Clone(m.data)
		o.have++
	}
	n.rebuildAll(now, a)
	// What parity cannot bring back now is asked for after a moment: more of it may be on its way.
	for i := range n.asks {
		if k := &n.asks[i]; k.author == a && k.lo <= last && k.tries == 0 {
			k.at, k.past = now+n.guard, true
		}
	}
	n.told(now, a, last, from, n.guard)
}

// rebuildAll recomputes what can be of an author's pushes.
func (n *Node) rebuildAll(now time.Duration, author int) {
	if !slices.ContainsFunc(n.groups, func(g inGroup) bool { return g.author == author }) {
		return
	}
	n.groups = slices.DeleteFunc(n.groups, func(g inGroup) bool { return g.author == author && n.rebuild(now, &g) })
}

// rebuild tries to complete a group and reports whether it is of no further use.
func (n *Node) rebuild(now time.Duration, g *inGroup) bool {
	k := len(g.counts)
	seq, missing := g.first, 0
	for i, count := range g.counts {
		run, got := n.log.AppendRun(n.shard(i), g.author, seq, int(count), MaxRun)
		seq += uint64(count)
		if n.shards[i] = run; got != int(count) {
			missing++
			n.shards[i] = run[:0]
			continue
		}
		if len(run) > g.size {
			n.stats.Refused++ // parity over something else
			return true
		}
		n.shards[i] = pad(run, g.size)
	}
	switch {
	case missing == 0:
		return true
	case missing > g.have:
		return false
	}
	c, err := n.codec(k, len(g.shards))
	if err != nil {
		return true
	}
	all := make([][]byte, 0, k+len(g.shards))
	lost := make([]bool, k)
	for i := range k {
		lost[i] = len(n.shards[i]) == 0
		all = append(all, n.shards[i])
	}
	if c.ReconstructData(append(all, g.shards...)) != nil {
		n.stats.Refused++
		return true
	}
	seq = g.first
	for i, count := range g.counts {
		if lost[i] && !n.restore(g.author, seq, int(count), all[i]) {
			n.stats.Refused++
			return true
		}
		seq += uint64(count)
	}
	n.seen[g.author] = max(n.known(g.author), seq-1)
	n.settle(now, g.author, g.author, nil)
	return true
}

// restore takes in a recomputed push, and reports whether it was one.
func (n *Node) restore(author int, first uint64, count int, shard []byte) bool {
	size, err := n.log.RunSize(shard, count)
	if err != nil || slices.ContainsFunc(shard[size:], func(b byte) bool { return b != 0 }) {
		return false
	}
	applied, err := n.log.ApplyRun(author, first, count, shard[:size])
	if err != nil {
		return false
	}
	n.stats.Applied += applied
	n.stats.Rebuilt++
	return true
}

func (n *Node) expireGroups(now time.Duration) {
	if len(n.groups) > 0 {
		n.groups = slices.DeleteFunc(n.groups, func(g inGroup) bool { return now >= g.until })
	}
}
