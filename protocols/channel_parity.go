package protocols

import (
	"fmt"
	"slices"
)

// maxSums bounds the sums that a channel holds, over all groups. More than a group lacks are never
// held, so an honest sender stays far below.
const maxSums = 2 * groupSize

// A group is one of which fragments are missing, with what parity came of it so far.
type group struct {
	first uint32
	size  int
	rows  []byte
	sums  [][]byte
}

// acceptParity takes one row of a group in.
func (c *Channel) acceptParity(f *frame) error {
	size := int(f.group)
	switch end := int32(f.seq + uint32(size) - c.next); {
	case end <= 0:
		return nil // all of the group has arrived
	case end > maxWindow:
		return fmt.Errorf("receive parity of datagram %d while waiting for %d: %w", f.seq+uint32(size)-1, c.next, ErrVerification)
	}
	if len(c.lacks(f.seq, size)) == 0 {
		return nil
	}
	at := slices.IndexFunc(c.groups, func(g group) bool { return g.first == f.seq && g.size == size })
	held := 0
	for i := range c.groups {
		held += len(c.groups[i].sums)
	}
	if at < 0 && held < maxSums {
		at = len(c.groups)
		c.groups = append(c.groups, group{first: f.seq, size: size})
	}
	if at >= 0 && held < maxSums && !slices.Contains(c.groups[at].rows, f.row) {
		g := &c.groups[at]
		if len(g.sums) > 0 && len(g.sums[0]) != len(f.data) {
			return fmt.Errorf("receive parity of datagram %d: rows of different lengths: %w", f.seq, ErrVerification)
		}
		g.rows = append(g.rows, f.row)
		g.sums = append(g.sums, append(c.buffer(), f.data...))
	}
	if err := c.mend(); err != nil {
		return err
	}
	if f.flags&flagPush != 0 && int32(f.seq+uint32(size)-c.next) > 0 && len(c.lacks(f.seq, size)) > 0 {
		c.ackNow = true // no more is to come: the sender must help
	}
	return nil
}

// lacks lists the fragments of a group that have not arrived, by their place in it.
func (c *Channel) lacks(first uint32, size int) []byte {
	c.missing = c.missing[:0]
	for i := range uint32(size) {
		if ahead := int32(first + i - c.next); ahead >= 0 && !c.slots[(first+i)%ring].full {
			c.missing = append(c.missing, byte(i))
		}
	}
	return c.missing
}

// mend fills the gaps of every group with as much parity as it has gaps.
func (c *Channel) mend() error {
	for i := 0; i < len(c.groups); i++ {
		g := c.groups[i]
		missing := c.lacks(g.first, g.size)
		if len(missing) > len(g.sums) {
			continue
		}
		c.groups = slices.Delete(c.groups, i, i+1)
		if len(missing) > 0 {
			if err := c.repair(&g, missing); err != nil {
				return err
			}
		}
		c.spare = append(c.spare, g.sums...)
		if c.gaps == 0 {
			c.ackNow = true
		}
		i = -1 // one group's fragments may close another's gaps
	}
	return nil
}

func (c *Channel) repair(g *group, missing []byte) error {
	bad := func(what string) error {
		return fmt.Errorf("repair group of datagram %d: %s: %w", g.first, what, ErrVerification)
	}
	sums, n := g.sums[:len(missing)], 0
	for i := range g.size {
		if n < len(missing) && int(missing[n]) == i {
			n++
			continue
		}
		seq := g.first + uint32(i)
		s := &c.slots[seq%ring]
		if !s.held || s.seq != seq {
			return bad("it reaches back too far")
		}
		if shardHead+len(s.data) > len(sums[0]) {
			return bad("a fragment is longer than parity")
		}
		for j, sum := range sums {
			mix(sum, int(g.rows[j]), i, s.flags&shardFlags, s.data)
		}
	}
	solve(sums, g.rows, missing)
	// Copied: taking fragments in lists what is missing anew.
	var order [parityRows]byte
	copy(order[:], missing)
	for j, sum := range sums {
		size, flags := int(sum[0])|int(sum[1])<<8, sum[2]
		if size == 0 || size > len(sum)-shardHead || flags&^shardFlags != 0 {
			return bad("what comes out is no fragment")
		}
		if err := c.accept(g.first+uint32(order[j]), flags|flagCoded, sum[shardHead:shardHead+size]); err != nil {
			return err
		}
	}
	return nil
}
