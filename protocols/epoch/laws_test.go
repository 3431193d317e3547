package epoch

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// Certificates form a semilattice: the order and number of merges do not matter.
func TestMergeLaws(t *testing.T) {
	g := newTeam(5)
	proposals := map[uint64]Proposal{}
	for e := range uint64(4) {
		proposals[e] = g.proposal(g.owner(e, 0), Proposal{Epoch: e})
	}
	some := rapid.Custom(func(t *rapid.T) Certificate {
		e := rapid.Uint64Range(0, 3).Draw(t, "epoch")
		by := rapid.Permutation([]int{0, 1, 2, 3, 4}).Draw(t, "by")[:3]
		return g.certify(proposals[e], rapid.Uint32Range(0, 2).Draw(t, "round"), by...)
	})
	enc := func(c Certificate) string { return string(c.Append(nil)) }
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := some.Draw(t, "a"), some.Draw(t, "b"), some.Draw(t, "c")
		if enc(Merge(a, b)) != enc(Merge(b, a)) {
			t.Fatal("not commutative")
		}
		if enc(Merge(a, Merge(b, c))) != enc(Merge(Merge(a, b), c)) {
			t.Fatal("not associative")
		}
		if enc(Merge(a, a)) != enc(a) {
			t.Fatal("not idempotent")
		}
		m := Merge(a, b)
		if m.Proposal.Epoch != max(a.Proposal.Epoch, b.Proposal.Epoch) || enc(m) != enc(a) && enc(m) != enc(b) {
			t.Fatal("the higher epoch does not win")
		}
		if again, err := ParseCertificate(a.Append(nil)); err != nil || enc(again) != enc(a) {
			t.Fatal(err)
		}
	})
}

// The rules on reports against what they are to find out: every way in which the members that are not
// heard, and those that lie, could have voted is tried; if any of them gives another proposal its
// quorum, the proposal must not be acceptable. All votes are of one round here.
func TestCountingAgainstEveryWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 7).Draw(t, "members")
		f := rapid.IntRange(0, (n-1)/3).Draw(t, "faulty")
		q := rapid.IntRange((n+f)/2+1, n).Draw(t, "quorum")
		r := newRace(n)
		r.round = 1
		values := []*value{nil, {id: ID{1}}, {id: ID{2}}, {id: ID{3}}}
		got := make([]int, n)
		for i := range n {
			got[i] = rapid.IntRange(-1, 3).Draw(t, "report") // -1: not heard
			if got[i] >= 0 {
				r.reports[i] = report{held: true, round: 1, v: values[got[i]]}
			}
		}
		// Could u have a certificate of round 0? Its voters: who reports it, who is not heard, f liars.
		could := func(u int) bool {
			votes, others := 0, 0
			for _, g := range got {
				if g == u || g < 0 {
					votes++
				} else {
					others++
				}
			}
			return votes+min(f, others) >= q
		}
		for w := 1; w <= 3; w++ {
			if !r.acceptable(ID{byte(w)}, q, f) {
				continue
			}
			for u := 1; u <= 4; u++ { // 4: reported by nobody
				if u != w && could(u) {
					t.Fatalf("n=%d f=%d q=%d reports %v: %d is acceptable, but %d may have a certificate", n, f, q, got, w, u)
				}
			}
		}
	})
}

// Equal seeds are equal runs, state by state; other seeds are not.
func TestRunsRepeat(t *testing.T) {
	g := newTeam(5)
	trace := func(seed uint64) uint64 {
		o := simnet.Stressed(seed)
		o.Link.Loss, o.Link.Duplicate, o.Link.Jitter, o.States = 0.3, 0.2, 50*time.Millisecond, true
		w := g.world(t, o, Config{})
		w.propose(t, 0, Proposal{})
		w.propose(t, 3, Proposal{})
		w.net.Run(time.Hour, nil)
		w.agree(t, 1)
		return w.net.Trace()
	}
	for seed := range uint64(20) {
		if a, b := trace(seed), trace(seed); a != b {
			t.Errorf("seed %d: two runs differ", seed)
		}
	}
	if trace(1) == trace(2) {
		t.Error("two seeds, one run")
	}
}

// Far behind is one hop from anybody: a beacon, and the certificate in answer.
func TestFarBehindIsOneHop(t *testing.T) {
	g := newTeam(100)
	ahead, behind := g.node(t, 0, Config{}), g.node(t, 1, Config{})
	var by []int
	for i := range ahead.Quorum() {
		by = append(by, i+20)
	}
	ahead.current = g.certify(g.proposal(3, Proposal{Epoch: 1000}), 4, by...)
	ahead.epoch = 1000
	parts := 0
	for _, s := range g.give(ahead, 0, 1, &message{kind: kindBeacon}) {
		if behind.Epoch() != 0 || s.kind != kindCertificate || s.to != 1 {
			t.Fatalf("part %d: kind %d to %d, epoch %d", parts, s.kind, s.to, behind.Epoch())
		}
		m := s.message
		g.give(behind, 0, 0, &m)
		parts++
	}
	c, _ := behind.Certificate()
	if behind.Epoch() != 1000 || parts != 4 || !bytes.Equal(c.Append(nil), ahead.current.Append(nil)) {
		t.Errorf("epoch %d after %d parts", behind.Epoch(), parts)
	}
	var out protocols.Output
	out.Reset()
	behind.Step(1, protocols.Input{}, &out)
	if behind.parts[0] != nil || len(out.Datagrams) != 0 {
		t.Error("something is left over")
	}
}

// Both rules together, over many rounds and in the worst company: owners put forward what they like
// (a lying one to each member something else), each member sees the reports of some, liars report
// anything to anybody and vote for everything. No two proposals reach the quorum.
func TestNoTwoProposalsReachTheQuorum(t *testing.T) {
	certifiedLater := 0
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 7).Draw(t, "members")
		f := rapid.IntRange(0, (n-1)/3).Draw(t, "faulty")
		q := rapid.IntRange((n+f)/2+1, n).Draw(t, "quorum")
		seed := rapid.Uint64().Draw(t, "seed")
		for run := range uint64(50) {
			rng := rand.New(rand.NewPCG(seed, run))
			last := make([]*value, n) // the first f lie
			certified := map[ID]bool{}
			for round := range uint32(6) {
				was := slices.Clone(last)
				votes := map[ID]int{}
				lies := rng.IntN(n) < f
				put := byte(1 + rng.IntN(3))
				for i := f; i < n; i++ {
					if lies {
						put = byte(1 + rng.IntN(3))
					}
					v := &value{id: ID{put}, round: round}
					r := newRace(n)
					r.round = round
					for j := range n {
						if round == 0 || j != i && rng.IntN(4) == 0 {
							continue
						}
						r.reports[j] = report{held: true, round: round, v: was[j]}
						if j < f {
							r.reports[j].v = nil
							if x := rng.IntN(int(round) + 1); x > 0 {
								r.reports[j].v = &value{id: ID{byte(1 + rng.IntN(3))}, round: uint32(x - 1)}
							}
						}
					}
					if rng.IntN(5) == 0 || round > 0 && !r.acceptable(v.id, q, f) {
						continue
					}
					last[i] = v
					votes[v.id]++
				}
				for id, k := range votes {
					if k+f >= q {
						certified[id] = true
						if round > 0 {
							certifiedLater++
						}
					}
				}
				if len(certified) > 1 {
					t.Fatalf("n=%d f=%d q=%d seed %d: two proposals have a quorum by round %d", n, f, q, seed, round)
				}
			}
		}
	})
	if certifiedLater == 0 {
		t.Error("no later round ever certified: nothing was shown")
	}
}
