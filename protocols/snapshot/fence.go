package snapshot

import (
	"fmt"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/quorum"
)

// A Fence stands while this member has a cut pending, its own or one that it approved. The cut is
// fixed when it is proposed, so nobody has to stop writing: numbers above the frontier are free, and
// who holds all of its own records never uses another. Numbers at or below are spoken for: a writer
// that lost the end of its log in a crash must get it back from the others before it writes again.
// While it stands this member proposes nothing else.
//
// It falls at commit, abort and timeout; a crash takes it along.
type Fence struct {
	Epoch    uint64
	Frontier antientropy.Frontier
	Since    time.Duration

	statement quorum.Statement
}

// Fence returns the fence that stands, if any.
func (n *Node) Fence() (Fence, bool) {
	if n.fence == nil {
		return Fence{}, false
	}
	return *n.fence, true
}

// Admit says whether this member may write a new record with a number: nil, or an error that wraps
// protocols.ErrExhausted when the number lies at or below a fence, or below what is agreed on.
func (n *Node) Admit(seq uint64) error {
	switch {
	case n.fence != nil && seq <= n.fence.Frontier[n.self]:
		return fmt.Errorf("write record %d: the fence stands at %d: %w", seq, n.fence.Frontier[n.self], protocols.ErrExhausted)
	case n.commit != nil && seq <= n.commit.Frontier[n.self]:
		return fmt.Errorf("write record %d: those up to %d are agreed on: %w", seq, n.commit.Frontier[n.self], protocols.ErrExhausted)
	}
	return nil
}

func (n *Node) raise(r *round) {
	n.fall()
	n.fence = &Fence{Epoch: r.proposal.Epoch, Frontier: r.proposal.Frontier, Since: n.now, statement: r.statement}
}

func (n *Node) fall() {
	if n.fence != nil {
		n.stats.FenceHeld += n.now - n.fence.Since
		n.fence = nil
	}
}
