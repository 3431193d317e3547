package snapshot

import (
	"testing"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A member agrees on two cuts and prunes below each, and crashes within every operation of its disk in
// turn. Whatever had been sent or pruned by then still holds when it is back, and what it can restore
// with the tail of the log is all there ever was.
func TestCrashAtEveryDiskOperation(t *testing.T) {
	crashes := 0
	for seed := range uint64(4) {
		for k := 1; ; k++ {
			b := newBench(t, 3, nil)
			full := b.team.log()
			b.add(full, 0, 1, 40)
			disk := simnet.NewDisk(seed<<16 | uint64(k))
			boot := func() *Node {
				store, err := protocols.NewFileStore(disk)
				if err != nil {
					t.Fatal(err)
				}
				c := b.config(0, b.team.log())
				c.Store, c.Block = store, 1024
				return b.node(c)
			}
			if k == 1 {
				disk.Run(func() { b.Node = boot() })
			}
			b.Node = boot()
			disk.CrashAfter(k, 0)
			sent := map[uint64]quorum.Statement{} // votes that left
			note := func() {
				for _, m := range b.said() {
					if m.kind == kindCut && m.proposer == 0 {
						sent[m.epoch] = m.proposal.Statement(b.q)
					}
				}
			}
			var committed, pruned uint64
			crashed := disk.Run(func() {
				for cut := uint64(1); cut <= 3; cut++ {
					b.add(b.Node.log, 0, 13*(cut-1)+1, 13*cut)
					p, s := b.propose()
					note()
					b.hear(1, votes(s, p.Epoch, b.sign(1, s)))
					committed = b.epoch()
					for done := false; !done; {
						var err error
						if done, err = b.Work(300); err != nil {
							t.Fatal(err)
						}
					}
					pruned = b.stored.Epoch
				}
			})
			base := b.Node.log.Base()
			if crashed {
				crashes++
			}
			var again *Node
			disk.Run(func() { again = boot() })
			for epoch, s := range sent {
				if again.vote.epoch < epoch || again.vote.epoch == epoch && again.vote.statement != s {
					t.Fatalf("seed %d, operation %d: a vote of epoch %d was sent and is forgotten", seed, k, epoch)
				}
			}
			if again.epoch() < committed || again.stored == nil && pruned > 0 || again.stored != nil && again.stored.Epoch < pruned {
				t.Fatalf("seed %d, operation %d: epoch %d was agreed on and %d pruned; after the crash epoch %d", seed, k, committed, pruned, again.epoch())
			}
			if !again.log.Base().Covers(base) {
				t.Fatalf("seed %d, operation %d: pruned up to %v, restored up to %v", seed, k, base, again.log.Base())
			}
			for r := range full.All() {
				if _, err := again.log.Insert(r); err != nil {
					t.Fatal(err)
				}
			}
			alike(t, "after a crash", again.log, full)
			// It goes on: what was agreed on can be pruned now.
			b.Node = again
			for done := false; !done; {
				var err error
				if done, err = b.Work(300); err != nil {
					t.Fatalf("seed %d, operation %d: %v", seed, k, err)
				}
			}
			alike(t, "pruned after a crash", again.log, full)
			names, err := again.cfg.Store.Names()
			if err != nil || len(names) > 2+2*snapshotsKept+4 {
				t.Fatalf("seed %d, operation %d: files %v, %v", seed, k, names, err)
			}
			if !crashed {
				break
			}
		}
	}
	if crashes < 100 {
		t.Errorf("only %d crashes", crashes)
	}
}

// A block that the disk damages does not take the snapshot before along, and none is served.
func TestDamagedSnapshotFallsBack(t *testing.T) {
	b := newBench(t, 1, nil)
	store := b.cfg.Store.(simnet.Memory)
	for cut := uint64(1); cut <= 2; cut++ {
		b.add(b.Node.log, 0, 10*cut+1, 10*cut+10)
		b.propose()
		if done, err := b.Work(1 << 20); !done || err != nil {
			t.Fatal(done, err)
		}
	}
	store["b2-0"][100] ^= 1
	c := b.config(0, b.team.log())
	c.Store = store
	n := b.node(c)
	if n.stored == nil || n.stored.Epoch != 1 || n.log.Base()[0] != 20 || n.Err() == nil {
		t.Errorf("stored %+v, base %v, %v", n.stored, n.log.Base(), n.Err())
	}
	if n.epoch() != 2 || !n.Lacks() {
		t.Errorf("epoch %d, lacks %v: the tail has to come from the others", n.epoch(), n.Lacks())
	}
	if _, err := b.stored.Chunk(0); err == nil {
		t.Error("a damaged block is served")
	}
}
