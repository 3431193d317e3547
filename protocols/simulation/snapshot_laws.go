package simulation

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
)

// check looks whether the laws hold.
func (w *snapshotRun) check() error {
	for i, c := range w.cutters {
		if c == nil || w.net.Node(w.ids[i]) == nil {
			continue
		}
		// What is written is known to exist from the moment it is counted.
		a, _ := w.members.Index(w.ids[i])
		for seq := w.truth.Frontier()[a] + 1; seq <= c.own; seq++ {
			if _, err := w.truth.Insert(w.record(i, seq)); err != nil {
				return err
			}
		}
	}
	for i, c := range w.cutters {
		if c == nil || w.net.Node(w.ids[i]) == nil {
			continue
		}
		if c.broken != nil {
			return c.broken
		}
		if err := w.checkMember(i, c); err != nil {
			return err
		}
	}
	return nil
}

func (w *snapshotRun) checkMember(i int, c *cutter) error {
	k, ok := c.cut.Committed()
	if k.Epoch < w.reached[i] {
		return fmt.Errorf("member %d fell from epoch %d to %d", i, w.reached[i], k.Epoch)
	}
	if ok && k.Epoch > w.reached[i] {
		w.reached[i] = k.Epoch
		s := k.Statement(w.members)
		before, known := w.agreed[k.Epoch]
		switch {
		case known && before != s:
			return fmt.Errorf("two cuts are agreed on for epoch %d", k.Epoch)
		case !known:
			if err := c.cut.Verify(&k); err != nil {
				return err
			}
			cut, err := w.truth.CutAt(k.Frontier)
			if err != nil || cut.Root != k.Root {
				return fmt.Errorf("the cut of epoch %d is not what a full log computes: %w", k.Epoch, errors.Join(err, protocols.ErrVerification))
			}
			for _, o := range w.cuts {
				low, high := &o, &k
				if o.Epoch > k.Epoch {
					low, high = &k, &o
				}
				if !high.Frontier.Covers(low.Frontier) {
					return fmt.Errorf("the cut of epoch %d at %v does not cover that of epoch %d at %v", high.Epoch, high.Frontier, low.Epoch, low.Frontier)
				}
			}
			w.agreed[k.Epoch] = s
			w.cuts = append(w.cuts, k)
		}
	}
	if n := c.log.Compactions(); n == c.seen {
		return nil
	}
	c.seen = c.log.Compactions()
	base, found := c.log.Base(), false
	for _, k := range w.cuts {
		found = found || k.Frontier.Covers(base) && base.Covers(k.Frontier)
	}
	if !found {
		return fmt.Errorf("member %d is pruned at %v, which nobody agreed on", i, base)
	}
	for r := range c.log.All() {
		if a, _ := w.members.Index(r.Author); r.Kind == antientropy.Op && r.Seq <= base[a] {
			return fmt.Errorf("member %d holds op %d of %v below its base", i, r.Seq, r.Author)
		}
	}
	return nil
}

// same reports whether every member is up and answers as the log that holds everything.
func (w *snapshotRun) same() bool {
	for i, c := range w.cutters {
		if c == nil || w.net.Node(w.ids[i]) == nil || c.log.Digest() != w.truth.Digest() || c.log.Recompute() != w.truth.Digest() || c.cut.Lacks() {
			return false
		}
		for _, key := range []string{"a", "b"} {
			x, _ := c.log.Fact(key)
			y, _ := w.truth.Fact(key)
			if !bytes.Equal(x, y) {
				return false
			}
		}
		for _, id := range w.ids {
			if c.log.Caps(id) != w.truth.Caps(id) {
				return false
			}
		}
	}
	return true
}

func (w *snapshotRun) describeAll() string {
	text := fmt.Sprintf("written %v", w.truth.Frontier())
	for i, c := range w.cutters {
		if c == nil {
			text += fmt.Sprintf("; p%d down", i)
			continue
		}
		k, _ := c.cut.Committed()
		going, err := c.cut.Fetching()
		text += fmt.Sprintf("; p%d epoch %d base %v frontier %v records %d fetching %v %v last sync %v", i, k.Epoch, c.log.Base(), c.log.Frontier(), c.log.Len(), going, err, c.last)
	}
	return text
}
