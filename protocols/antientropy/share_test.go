package antientropy

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// startAmong has node 0 begin with all the others in one step.
func (w *world) startAmong(tb testing.TB, others []protocols.PeerID) {
	tb.Helper()
	w.net.Do(w.nodes[0].cfg.Self, func(now time.Duration, out *protocols.Output) {
		for _, p := range others {
			if _, err := w.nodes[0].StartAmong(now, p, others, out); err != nil {
				tb.Fatal(err)
			}
		}
	})
}

// received sums up what node 0 got in its sessions, all of which must have converged but for so many.
func (w *world) received(tb testing.TB, failed int) (applied, duplicates, legs int) {
	tb.Helper()
	for _, r := range w.nodes[0].TakeResults() {
		if r.Err != nil {
			failed--
			continue
		}
		applied, duplicates, legs = applied+r.Applied, duplicates+r.Duplicates, max(legs, r.Legs)
	}
	if failed != 0 {
		tb.Fatalf("%d sessions more failed than should", -failed)
	}
	return applied, duplicates, legs
}

// Peers that are asked at the same time and hold the same send each record once altogether, those of an
// author that is not among them too, and nobody waits longer for it.
func TestAnswersAreShared(t *testing.T) {
	g := newTeam(6, true)
	full := g.log(t)
	for author := 1; author < 6; author++ {
		g.add(t, full, author, 1, 150)
	}
	for seed := range uint64(30) {
		for _, s := range simnet.Scenarios() {
			logs := []*Log{g.log(t)}
			least := 3 // equal after two, and the third says so
			if seed%2 == 0 {
				g.add(t, logs[0], 0, 1, 50)
				least = 4
			}
			for range 4 {
				l := g.log(t)
				l.CopyFrom(full)
				logs = append(logs, l)
			}
			w := g.world(t, s.Options(seed), Config{}, logs...)
			w.startAmong(t, g.Members[1:5])
			w.net.Run(time.Hour, nil)
			w.same(t)
			// What is waited for and comes late is asked for once more.
			applied, duplicates, legs := w.received(t, 0)
			if applied != full.Len() || duplicates > full.Len() || s.Name == "ideal" && (duplicates > 0 || legs != least) {
				t.Errorf("%s, seed %d: %d records and %d again in %d legs", s.Name, seed, applied, duplicates, legs)
			}
		}
	}
}

// What falls to a peer that is gone, or has it not, comes from another one that has it.
func TestShareOfOneThatIsGone(t *testing.T) {
	g := newTeam(6, true)
	for seed := range uint64(30) {
		logs := []*Log{g.log(t), g.log(t), g.log(t), g.log(t)}
		for author := 1; author < 6; author++ {
			g.add(t, logs[1], author, 1, 100)
			g.add(t, logs[2], author, 1, 40)
		}
		g.add(t, logs[3], 5, 1, 1)
		w := g.world(t, simnet.Realistic(seed), Config{Timeout: 5 * time.Second}, logs...)
		w.startAmong(t, g.Members[1:5]) // member 4 is not there
		w.net.Run(4*time.Second, nil)
		if n := w.nodes[0].log.Len(); n != 500 {
			t.Fatalf("seed %d: %d records, want 500, before the session with the one that is gone has failed", seed, n)
		}
		w.net.Run(time.Hour, nil)
		if o := logs[0].Compare(logs[1]); o != Equal {
			t.Fatalf("seed %d: %v", seed, o)
		}
		if _, duplicates, _ := w.received(t, 1); duplicates > 10 {
			t.Errorf("seed %d: %d records came again", seed, duplicates)
		}
		for i, n := range w.nodes {
			if n.Sessions() != 0 {
				t.Errorf("seed %d: node %d holds %d sessions", seed, i, n.Sessions())
			}
		}
	}
}

// A share belongs into the first leg, and names between three and 64 members, each once.
func TestShareOutOfPlace(t *testing.T) {
	for _, c := range []struct {
		name string
		body []byte
		ok   bool
	}{
		{"three", []byte{0, 0, 0}, true},
		{"two", []byte{0, 0}, false},
		{"none", nil, false},
		{"64", make([]byte, 64), true},
		{"65", make([]byte, 65), false},
		{"cut short", []byte{0, 0, 0, 0x80}, false},
	} {
		if err := (&part{partShare, c.body}).check(); (err == nil) != c.ok || err != nil && !errors.Is(err, protocols.ErrVerification) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	g := newTeam(4, true)
	l := g.log(t)
	for leg, initiator := range []bool{1: true, 2: false, 3: false} {
		s := session{log: l, cfg: &Config{}, initiator: initiator, legIn: uint16(leg)}
		want := leg != 1 || initiator
		if err := s.take(0, part{partShare, []byte{0, 0, 0}}); errors.Is(err, protocols.ErrVerification) != want {
			t.Errorf("leg %d: %v", leg, err)
		}
	}
}

// Subtracting spans is subtracting their numbers.
func TestSubtract(t *testing.T) {
	rng := random(1)
	for range 2000 {
		spans := func() (s []span, numbers []int) {
			for at := rng.IntN(4); at < 60; at += 2 + rng.IntN(12) {
				end := min(at+rng.IntN(10), 59)
				s = append(s, span{uint32(at / 30), uint64(at), uint64(end)})
				for ; at <= end; at++ {
					numbers = append(numbers, int(s[len(s)-1].author)*100+at)
				}
			}
			return s, numbers
		}
		a, inA := spans()
		b, inB := spans()
		rest, less := subtract(a, b, false)
		var got []int
		for _, w := range rest {
			for n := w.next; n <= w.last; n++ {
				got = append(got, int(w.author)*100+int(n))
			}
		}
		want := slices.DeleteFunc(slices.Clone(inA), func(n int) bool { return slices.Contains(inB, n) })
		if !slices.Equal(got, want) || less != (len(want) < len(inA)) {
			t.Fatalf("%v without %v is %v, %v", a, b, rest, less)
		}
	}
}
