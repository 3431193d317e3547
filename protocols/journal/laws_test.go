package journal

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/perfgate/perfgate/protocols"
)

// delivered runs a sequence of datagrams into a new node of member 3 and returns it.
func (t *team) delivered(rt *rapid.T, from []int, data [][]byte, order []int) *Node {
	l, err := newLogOf(t)
	if err != nil {
		rt.Fatal(err)
	}
	n, err := New(l, Config{Self: t.Members[3], Seed: 1})
	if err != nil {
		rt.Fatal(err)
	}
	var out protocols.Output
	for i, k := range order {
		out.Reset()
		n.Step(time.Duration(i)*time.Microsecond, protocols.Input{From: t.Members[from[k]], Data: slices.Clone(data[k])}, &out)
	}
	return n
}

// Whatever the order in which pushes and parity come, and however often, the log is the same. Some
// pushes may be missing altogether if parity makes up for them.
func TestOrderOfDeliveryDoesNotMatter(t *testing.T) {
	g := newTeam(4, true)
	rebuilt := 0
	rapid.Check(t, func(rt *rapid.T) {
		var from []int
		var data [][]byte
		records, dropped := 0, 0
		for author := range 3 {
			l, err := newLogOf(g)
			if err != nil {
				rt.Fatal(err)
			}
			n, err := New(l, Config{Self: g.Members[author], Parity: 0.5})
			if err != nil {
				rt.Fatal(err)
			}
			var out protocols.Output
			out.Reset()
			count := rapid.IntRange(0, 60).Draw(rt, "records")
			size := rapid.IntRange(8, 500).Draw(rt, "size")
			if err := n.Publish(0, g.records(author, 1, uint64(count), size), &out); err != nil {
				rt.Fatal(err)
			}
			n.Step(n.cfg.Window, protocols.Input{}, &out)
			records += count
			spare := 0
			for _, d := range out.Datagrams {
				if d.To == g.Members[3] && d.Data[protocols.EnvelopeSize] == msgParity {
					spare++
				}
			}
			for _, d := range out.Datagrams {
				if d.To != g.Members[3] || d.Data[protocols.EnvelopeSize] == msgBeacon {
					continue
				}
				if spare > 0 && d.Data[protocols.EnvelopeSize] == msgPush && count > 0 && rapid.Bool().Draw(rt, "drop") && count <= 40 {
					spare--
					dropped++
					continue
				}
				from, data = append(from, author), append(data, d.Data)
			}
		}
		order := make([]int, len(data))
		for i := range order {
			order[i] = i
		}
		a := rapid.Permutation(order).Draw(rt, "order")
		b := append(rapid.Permutation(order).Draw(rt, "other order"), a...)
		x, y := g.delivered(rt, from, data, a), g.delivered(rt, from, data, b)
		if x.log.Len() != records || y.log.Len() != records {
			rt.Fatalf("%d and %d records, want %d; %d pushes were dropped", x.log.Len(), y.log.Len(), records, dropped)
		}
		if x.log.Digest() != y.log.Digest() || x.log.Digest() != x.log.Recompute() {
			rt.Fatal("two orders, two digests")
		}
		v, ok := x.log.Fact("key")
		v2, ok2 := y.log.Fact("key")
		if string(v) != string(v2) || ok != ok2 || x.log.Caps(g.Members[0]) != y.log.Caps(g.Members[0]) {
			rt.Fatal("two orders, two states")
		}
		if x.stats.Applied != records || y.stats.Applied != records || x.stats.Refused+y.stats.Refused != 0 {
			rt.Fatalf("applied %d and %d, want %d once each", x.stats.Applied, y.stats.Applied, records)
		}
		if len(x.groups) != 0 || len(y.groups) != 0 {
			rt.Fatal("parity of complete groups is kept")
		}
		rebuilt += x.stats.Rebuilt
	})
	if rebuilt == 0 {
		t.Error("nothing was ever rebuilt")
	}
}

// Members take turns writing, with everything delivered or lost as drawn, and settle by sessions:
// always the union, and results that add up.
func TestSessionsSettleWhateverWasLost(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 5).Draw(rt, "peers")
		g := newTeam(n, true)
		opts := foul(rapid.Uint64().Draw(rt, "seed"))
		opts.Link.Loss = rapid.SampledFrom([]float64{0, 0.1, 0.4, 0.9}).Draw(rt, "loss")
		w := g.world(t, opts, Config{Beacons: 1, Asks: 1, Attempts: 20})
		total := 0
		for range rapid.IntRange(1, 6).Draw(rt, "writes") {
			i, count := rapid.IntRange(0, n-1).Draw(rt, "author"), rapid.IntRange(1, 30).Draw(rt, "count")
			w.publish(t, i, count, 50)
			total += count
		}
		w.rest(t)
		if opts.Link.Loss > 0.5 {
			return // being at rest is all that can be asked
		}
		for range 2 {
			w.syncAll(t, 0)
			w.rest(t)
			r := w.only(t, 0)
			if err := r.Err(); err != nil || r.Synced != n-1 {
				rt.Fatalf("%v: %+v", err, r)
			}
		}
		w.same(t, total)
	})
}
