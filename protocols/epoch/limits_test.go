package epoch

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols/simnet"
)

// run is one epoch, proposed by its owner; it returns the time until the last member holds the
// certificate.
func (w *world) run(t testing.TB, proposer int) time.Duration {
	t.Helper()
	start := w.net.Now()
	want := w.nodes[0].Epoch() + 1
	id := w.propose(t, proposer, Proposal{Digest: [32]byte{7}})
	if !w.net.Run(start+time.Hour, func() bool { return w.all(want) }) {
		t.Fatalf("epoch %d has not begun everywhere", want)
	}
	took := w.net.Now() - start
	if p := w.agree(t, want); p.ID() != id {
		t.Fatalf("epoch %d began with another proposal", want)
	}
	return took
}

// Two legs, in every scenario and size: half within 1.05 of it, 99 of 100 within 1.6. What a member
// needs to process the votes of a quorum one after the other is no leg, and stands beside them.
func TestTwoLegs(t *testing.T) {
	for _, n := range []int{3, 4, 5, 7, 10, 25, 50, 100} {
		team := newTeam(n)
		for _, s := range simnet.Scenarios()[1:] {
			t.Run(fmt.Sprintf("members=%d/net=%s", n, s.Name), func(t *testing.T) {
				runs := 1000
				if n > 10 {
					runs = 500 / n
				}
				var took []time.Duration
				for seed := range runs {
					w := team.world(t, s.Options(uint64(seed)), Config{})
					took = append(took, w.run(t, w.nodes[0].Owner(1)))
				}
				slices.Sort(took)
				o := s.Options(0)
				legs := 2 * o.Link.Delay
				votes := team.group.Majority()
				if n <= 10 {
					votes *= 2
				}
				processing := time.Duration(votes+1) * o.Processing
				p50, p99 := took[(runs+1)/2-1], took[(99*runs+99)/100-1]
				t.Logf("p50 %.4f, p99 %.4f of two legs; last %.4f", float64(p50)/float64(legs), float64(p99)/float64(legs), float64(took[runs-1])/float64(legs))
				if p50 > legs*105/100 && p50 > legs+processing || p99 > legs*160/100 {
					t.Errorf("p50 %v, p99 %v; want %v and %v processing", p50, p99, legs, processing)
				}
			})
		}
	}
}

// A group that relays needs three legs and the processing of what comes in them, and next to never
// waits for a try, also where each twentieth datagram is lost.
func TestThreeLegsWhereRelayed(t *testing.T) {
	const n, runs = 100, 40
	team := newTeam(n)
	for _, s := range simnet.Scenarios()[1:] {
		waited := 0
		o := s.Options(0)
		for seed := range uint64(runs) {
			w := team.world(t, s.Options(seed), Config{Direct: 1})
			if took := w.run(t, w.nodes[0].Owner(1)); took > 3*o.Link.Delay+2*n*o.Processing {
				waited++
			}
			if sent := w.net.Total().Messages; sent > n*n*28/100 {
				t.Fatalf("%s, seed %d: %d messages", s.Name, seed, sent)
			}
		}
		if waited > 1 {
			t.Errorf("%s: %d of %d runs waited for a try", s.Name, waited, runs)
		}
	}
}
