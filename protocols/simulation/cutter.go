package simulation

import (
	"errors"
	"fmt"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/snapshot"
)

// A cutter is a member with all that a replica is made of: a log, what syncs it, and what cuts it.
type cutter struct {
	self  int
	store protocols.Store
	log   *antientropy.Log
	sync  *antientropy.Node
	cut   *snapshot.Node
	own   uint64 // records written by itself

	wakeSync, wakeCut time.Duration
	held              uint64 // records held when the cut was last told of new ones
	seen              int    // compactions that were looked at
	last              error  // of the last session that failed
	broken            error
}

// Step hands what comes to whom it concerns.
func (c *cutter) Step(now time.Duration, in protocols.Input, out *protocols.Output) {
	e, err := protocols.ParseEnvelope(in.Data)
	toSync := in.Data == nil || err == nil && e.Type == protocols.TypeAntiEntropy
	if toSync {
		c.sync.Step(now, in, out)
		c.wakeSync = out.Wake
	}
	if in.Data == nil || !toSync {
		c.cut.Step(now, in, out)
		c.wakeCut = out.Wake
	}
	c.after(now, out)
}

// after does what follows from new records and ended sessions, and a little of the pruning.
func (c *cutter) after(now time.Duration, out *protocols.Output) {
	if n := c.log.Digest(); n.Count() != c.held {
		c.held = n.Count()
		c.cut.Advance(now, out)
		c.wakeCut = out.Wake
	}
	for _, r := range c.sync.TakeResults() {
		if r.Err == nil {
			continue
		}
		c.last = r.Err
		if errors.Is(r.Err, protocols.ErrPruned) {
			c.cut.Fetch(now, out)
			c.wakeCut = out.Wake
		}
	}
	// Small enough that records, sessions and crashes come in between.
	done, err := c.cut.Work(700)
	if err != nil {
		c.broken = fmt.Errorf("member %d cannot prune: %w", c.self, err)
	}
	out.Wake = min(c.wakeSync, c.wakeCut)
	if !done {
		out.Wake = min(out.Wake, now+10*time.Millisecond)
	}
}

// AppendState appends what decides what the member does next.
func (c *cutter) AppendState(dst []byte) []byte {
	return append(c.cut.AppendState(dst), byte(c.sync.Sessions()), byte(c.own))
}
