package protocols_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// flight returns what an end sends at once.
func flight(e *end, now time.Duration) [][]byte {
	var out protocols.Output
	out.Reset()
	e.Step(now, protocols.Input{}, &out)
	return data(&out)
}

func data(out *protocols.Output) (ds [][]byte) {
	for _, d := range out.Datagrams {
		ds = append(ds, d.Data)
	}
	return ds
}

// A flight of k datagrams with m of parity needs nothing sent again whichever m are lost, and tells
// the sender at once when more are.
func TestParityReplacesWhatIsLost(t *testing.T) {
	for _, k := range []int{1, 2, 7, 30, 64, 100} {
		for seed := range uint64(20) {
			rng := rand.New(rand.NewPCG(seed, uint64(k)))
			a, b := newEnd(protocols.PeerID{2}, seed, protocols.ChannelOptions{}), newEnd(protocols.PeerID{1}, seed, protocols.ChannelOptions{})
			a.script = [][]byte{make([]byte, k*protocols.MaxFragment-rng.IntN(protocols.MaxFragment))}
			for i := range a.script[0] {
				a.script[0][i] = byte(rng.Uint32())
			}
			want := slices.Clone(a.script[0])
			sent := flight(a, 0)
			s := a.ch.Stats()
			groups := (k + 63) / 64
			m := s.Parity / groups
			if s.Fragments != k || len(sent) != k+s.Parity || m == 0 || s.Parity != groups*m {
				t.Fatalf("%+v, %d sent", s, len(sent))
			}
			// Of each group, m are lost; in the last run one more.
			lost := map[int]bool{}
			per := len(sent) / groups
			for g := range groups {
				for _, i := range rng.Perm(per)[:m] {
					lost[g*per+i] = true
				}
			}
			fatal := seed == 19 && groups == 1 && k > m
			if fatal {
				// The last row arrives, and tells that no more is to come.
				lost = map[int]bool{}
				for i := range m + 1 {
					lost[i] = true
				}
			}
			var acks [][]byte
			for i, d := range sent {
				if lost[i] {
					continue
				}
				var out protocols.Output
				out.Reset()
				b.Step(time.Millisecond, protocols.Input{Data: d}, &out)
				acks = append(acks, data(&out)...)
			}
			failed := len(b.got) == 0
			if b.err != nil || failed != fatal || !failed && string(b.got[0]) != string(want) {
				t.Fatalf("k %d, seed %d: %d of %d lost, %d messages, %v", k, seed, len(lost), len(sent), len(b.got), b.err)
			}
			for _, d := range acks {
				var out protocols.Output
				out.Reset()
				a.Step(2*time.Millisecond, protocols.Input{Data: d}, &out)
			}
			if s := a.ch.Stats(); !failed && (s.Retransmissions != 0 || a.ch.Pending() != 0 || a.err != nil) {
				t.Errorf("k %d, seed %d: %+v, %d pending, %v", k, seed, s, a.ch.Pending(), a.err)
			} else if failed && (s.Retransmissions == 0 || s.Timeouts != 0) {
				t.Errorf("k %d, seed %d: more than parity can do is lost, but %+v", k, seed, s)
			}
		}
	}
}

// Over a network that loses what the channel expects, next to nothing is sent again; over one that
// loses nothing, parity stops once that is known.
func TestParityFollowsTheLoss(t *testing.T) {
	for _, c := range []struct {
		loss             float64
		timeouts         int     // at most, in all runs
		parityLo, parity float64 // parity per fragment of the last run
	}{{0, 0, 0, 0}, {0.01, 2, 0.01, 0.12}, {0.05, 6, 0.1, 0.35}} {
		timeouts, again := 0, 0
		var share float64
		for seed := range uint64(10) {
			pa, pb := new(protocols.Path), new(protocols.Path)
			for run := range uint64(30) {
				a, b := newEnd(protocols.PeerID{2}, seed, protocols.ChannelOptions{Path: pa}), newEnd(protocols.PeerID{1}, seed, protocols.ChannelOptions{Path: pb})
				a.script = messages(seed, 3, 40_000)
				b.script = messages(seed, 3, 40_000)
				net := talk(t, simnet.Options{Seed: seed*99 + run, Link: simnet.Link{Delay: 50 * time.Millisecond, Loss: c.loss}}, a, b)
				if a.err != nil || b.err != nil || len(a.got) != 3 || len(b.got) != 3 {
					t.Fatal(a.err, b.err)
				}
				s := a.ch.Stats()
				timeouts += s.Timeouts
				if net.Total().Drops() == 0 {
					again += s.Retransmissions
				}
				share = float64(s.Parity) / float64(s.Fragments)
			}
			if pa.RTT() < 100*time.Millisecond || pa.RTT() > 110*time.Millisecond || pa.Loss() > 2*c.loss {
				t.Errorf("loss %v: measured %v, round trip %v", c.loss, pa.Loss(), pa.RTT())
			}
		}
		if timeouts > c.timeouts || again != 0 || share < c.parityLo || share > c.parity {
			t.Errorf("loss %v: %d timeouts, %d sent again without loss, %v of parity for each", c.loss, timeouts, again, share)
		}
	}
}

// With a negative Loss exactly the fragments are sent.
func TestNoParityWhereNoneIsWanted(t *testing.T) {
	a := newEnd(protocols.PeerID{2}, 1, protocols.ChannelOptions{Loss: -1})
	a.script = messages(1, 5, 30_000)
	flight(a, 0)
	if s := a.ch.Stats(); s.Parity != 0 || s.Fragments < 10 {
		t.Errorf("%+v", s)
	}
}

// Whatever order, loss and doubling datagrams meet, messages arrive whole, once and in order.
func TestParityKeepsTheOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64Range(0, 1<<20).Draw(rt, "seed")
		opts := protocols.ChannelOptions{Attempts: 50, Loss: rapid.SampledFrom([]float64{0.01, 0.05, 0.3}).Draw(rt, "expected")}
		a, b := newEnd(protocols.PeerID{2}, seed, opts), newEnd(protocols.PeerID{1}, seed+1, opts)
		toB := messages(seed, rapid.IntRange(1, 6).Draw(rt, "messages"), rapid.SampledFrom([]int{10, 3000, 90_000}).Draw(rt, "largest"))
		toA := messages(seed+1, 2, 2000)
		a.script, b.script = slices.Clone(toB), slices.Clone(toA)
		ends := [2]*end{a, b}
		var wires [2][][]byte // to a, to b
		drop, dup := rapid.IntRange(0, 30).Draw(rt, "drop"), rapid.IntRange(0, 20).Draw(rt, "dup")
		mixup := rapid.IntRange(0, 40).Draw(rt, "reorder")
		rng := rand.New(rand.NewPCG(seed, 5))
		now := time.Duration(0)
		step := func(i int, in protocols.Input) {
			var out protocols.Output
			out.Reset()
			ends[i].Step(now, in, &out)
			wires[1-i] = append(wires[1-i], data(&out)...)
		}
		step(0, protocols.Input{})
		step(1, protocols.Input{})
		for turn := 0; a.ch.Pending()+b.ch.Pending()+len(a.script)+len(b.script) > 0; turn++ {
			if turn > 100_000 || a.err != nil || b.err != nil {
				rt.Fatalf("after %d turns: %v, %v", turn, a.err, b.err)
			}
			i := rng.IntN(2)
			if w := wires[i]; len(w) > 0 {
				at := 0
				if rng.IntN(100) < mixup {
					at = rng.IntN(len(w))
				}
				d := w[at]
				if rng.IntN(100) >= dup {
					wires[i] = slices.Delete(w, at, at+1)
				}
				if rng.IntN(100) >= drop {
					step(i, protocols.Input{Data: d})
				}
				continue
			}
			if len(wires[0])+len(wires[1]) == 0 {
				now = max(now, min(a.ch.Deadline(), b.ch.Deadline()))
				step(0, protocols.Input{})
				step(1, protocols.Input{})
			}
		}
		if !same(b.got, toB) || !same(a.got, toA) {
			rt.Fatalf("%d of %d and %d of %d messages", len(b.got), len(toB), len(a.got), len(toA))
		}
	})
}

// The network's second copy of a datagram is answered by nobody: it says nothing new. One that the
// peer sends again is, since its answer must have been lost.
func TestCopiesAreNotAnswered(t *testing.T) {
	a, b := newEnd(protocols.PeerID{2}, 1, protocols.ChannelOptions{Loss: -1}), newEnd(protocols.PeerID{1}, 1, protocols.ChannelOptions{Loss: -1})
	a.script = [][]byte{[]byte("hello")}
	first := flight(a, 0)
	again := flight(a, time.Second)
	if len(first) != 1 || len(again) != 1 || a.ch.Stats().Retransmissions != 1 {
		t.Fatalf("%d and %d datagrams, %+v", len(first), len(again), a.ch.Stats())
	}
	for i, c := range []struct {
		data []byte
		acks int
	}{{first[0], 1}, {first[0], 1}, {again[0], 2}, {again[0], 2}} {
		var out protocols.Output
		out.Reset()
		b.Step(0, protocols.Input{Data: c.data}, &out)
		if n := b.ch.Stats().Acks; n != c.acks || len(b.got) != 1 {
			t.Errorf("arrival %d: %d acknowledgements, %d messages; want %d and 1", i, n, len(b.got), c.acks)
		}
	}
}

// Fragments that parity follows are not acknowledged as they swap places: what is missing may be late, or
// made up for, and the last says all. Without parity every gap that closes in part is told of at once.
func TestCodedFragmentsMaySwap(t *testing.T) {
	for loss, want := range map[float64]bool{0.05: false, -1: true} {
		opts := protocols.ChannelOptions{Loss: loss}
		a, b := newEnd(protocols.PeerID{2}, 1, opts), newEnd(protocols.PeerID{1}, 1, opts)
		a.script = [][]byte{make([]byte, 6*protocols.MaxFragment)}
		sent := flight(a, 0)
		for _, i := range []int{1, 0, 3, 2} {
			var out protocols.Output
			out.Reset()
			b.Step(0, protocols.Input{Data: sent[i]}, &out)
		}
		if got := b.ch.Stats().Acks > 0; got != want || b.err != nil {
			t.Errorf("loss %v: acknowledged %v, want %v; %v", loss, got, want, b.err)
		}
	}
}
