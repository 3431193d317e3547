package antientropy

import (
	"testing"

	"github.com/perfgate/perfgate/protocols/simnet"
)

// A node remembers the sessions that ended last, and no more than it is to.
func TestClosedSessionsAreRemembered(t *testing.T) {
	team := newTeam(2, true)
	w := team.world(t, simnet.Ideal(1), Config{}, team.log(t), team.log(t))
	var ids []uint64
	for range closedKept + 10 {
		w.sync(t)
		c := w.nodes[1].closed
		newest := c[(w.nodes[1].closedAt+len(c)-1)%len(c)]
		ids = append(ids, newest.id)
	}
	n := w.nodes[1]
	if len(n.closed) != closedKept {
		t.Fatalf("%d sessions are remembered, want %d", len(n.closed), closedKept)
	}
	known := map[uint64]bool{}
	for _, c := range n.closed {
		known[c.id] = true
	}
	for i, id := range ids {
		if want := i >= len(ids)-closedKept; known[id] != want {
			t.Errorf("session %d of %d: remembered %v, want %v", i, len(ids), known[id], want)
		}
	}
}
