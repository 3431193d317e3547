package epoch

import (
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A member is stopped within each of its disk operations in turn, in two epochs. What it said before it went is what it stands by afterwards: no two votes in a round, no
// two reports for one, no epoch that falls; and the group ends.
func TestCrashAtEveryWrite(t *testing.T) {
	for _, victim := range []int{1, 2} { // the owner of epoch 1, and another
		stopped := 0
		for k := 1; ; k++ {
			g := newTeam(3)
			said := map[Promise]ID{} // over all lives
			o := simnet.Realistic(uint64(k))
			o.Link.Duplicate = 0.2
			o.Observe = func(e simnet.Event) {
				if e.From != g.group.Member(victim) || e.Data == nil {
					return
				}
				p, what, ok := Promised(e.Data)
				if was, held := said[p]; ok && held && was != what {
					t.Fatalf("member %d, stopped at operation %d, says two things: %+v", victim, k, p)
				}
				if ok {
					said[p] = what
				}
			}
			net, err := simnet.New(o)
			if err != nil {
				t.Fatal(err)
			}
			nodes := make([]*Node, 3)
			boots, reached := 0, uint64(0)
			for i := range nodes {
				err := net.AddFunc(g.group.Member(i), func(boot int, disk *simnet.Disk) (protocols.Node, error) {
					store, err := protocols.NewFileStore(disk)
					if err != nil {
						return nil, err
					}
					if i == victim {
						boots = boot
					}
					cfg := g.config(i, Config{Retry: 100 * time.Millisecond})
					cfg.Store = store
					nodes[i], err = NewNode(cfg)
					return nodes[i], err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			net.Disk(g.group.Member(victim)).CrashAfter(k, 3*time.Second)
			check := func() bool {
				if n, _ := net.Node(g.group.Member(victim)).(*Node); n != nil {
					if n.Epoch() < reached {
						t.Fatalf("operation %d: epoch fell from %d to %d", k, reached, n.Epoch())
					}
					reached = n.Epoch()
				}
				return false
			}
			for e := uint64(1); e <= 2; e++ {
				// A proposal goes with its proposer if that stops before anybody heard of it: once more then.
				for try := 1; try <= 2; try++ {
					net.Do(g.group.Member(1), func(now time.Duration, out *protocols.Output) {
						if nodes[1].Epoch() < e {
							nodes[1].Propose(now, Proposal{Attempt: uint32(try)}, out)
						}
					})
					net.Run(time.Duration(2*e)*time.Minute+time.Duration(try-2)*time.Minute, check)
				}
				if err := net.Err(); err != nil {
					t.Fatal(err)
				}
				for i, n := range nodes {
					if c, ok := n.Certificate(); n.Epoch() != e || !ok || c.Proposal.Epoch != e {
						t.Fatalf("member %d stopped at operation %d: member %d is in epoch %d, want %d", victim, k, i, n.Epoch(), e)
					}
				}
			}
			if boots == 0 {
				break // it had no operation k
			}
			stopped++
		}
		// Two epochs are two votes and two certificates of four operations each, at the least.
		if stopped < 16 {
			t.Errorf("member %d: stopped at %d operations", victim, stopped)
		}
	}
}
