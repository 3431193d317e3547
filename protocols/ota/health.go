package ota

import (
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// A Health is what a check says of the package that was activated.
type Health int

// What a health check can say.
const (
	Waiting Health = iota // not known yet: ask again
	Good                  // confirm
	Bad                   // roll back
)

// judgeHealth confirms the activated package, or goes back to the one before.
func (n *Node) judgeHealth(now time.Duration, c *ceremony) {
	if n.trial == protocols.Never {
		n.trial = now + n.cfg.Trial
	}
	health := Good
	if n.cfg.Check != nil {
		health = n.cfg.Check(n.Running())
	}
	n.polled = now
	late := now >= n.trial || int(n.rec.starts) > n.cfg.Starts
	switch {
	case health == Good && int(n.rec.starts) <= n.cfg.Starts:
		n.rec.phase, n.trial = Confirmed, protocols.Never
		n.save()
	case health == Bad || late:
		n.rec.active = 1 - n.rec.active
		n.rec.slots[1-n.rec.active] = Package{}
		n.rec.phase, n.trial, n.transfers = RolledBack, protocols.Never, nil
		n.save()
		n.discard(c)
	}
}
