package ota

import (
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/chunk"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// When nobody has the patch any more, the whole package is fetched after a while, and not before.
func TestPatchThatNobodyHas(t *testing.T) {
	patch, err := Delta(oldContent, newContent)
	if err != nil {
		t.Fatal(err)
	}
	f := newFleet(t, simnet.Realistic(1), 3, nil)
	o := offer()
	o.Patch = patch
	id := f.propose(t, 0, o)
	f.do(t, 0, func(n *Node, now time.Duration, out *protocols.Output) {
		n.transfers = nil
		if err := chunk.Discard(n.store, n.find(id).proposal.Patch.Root); err != nil {
			t.Fatal(err)
		}
		out.Wake = n.wake(now)
	})
	f.net.Run(patchPatience-time.Second, nil)
	for i, n := range f.nodes[1:] { // the coordinator has the package itself
		if _, p := n.Installing(); p != Offered || n.Stats().Fallback != 0 {
			t.Errorf("peer %d: %v, %+v", i+1, p, n.Stats())
		}
	}
	f.net.Run(patchPatience+10*time.Second, nil)
	f.phases(t, Staged, v1)
	for i, n := range f.nodes[1:] {
		if n.Stats().Fallback != 1 {
			t.Errorf("peer %d: %+v", i+1, n.Stats())
		}
	}
}
