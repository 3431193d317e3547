package journal

import (
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// asked lists whom the nacks of a victim went to.
func (v *victim) asked() (to []protocols.PeerID) {
	for _, d := range v.sent {
		if d.Data[1] == protocols.TypeJournal && d.Data[protocols.EnvelopeSize] == msgNack {
			to = append(to, d.To)
		}
	}
	return to
}

// Each nack goes out three times; the first to who told, every second one to somebody else; and after four
// a session is left to do it.
func TestAsksAroundAndGivesUp(t *testing.T) {
	g := newTeam(3, true)
	v := g.victim(t, Config{})
	v.give(g.Members[1], message{kind: msgBeacon, marks: []mark{{1, 5}}})
	v.pass(10 * time.Second)
	a, b := g.Members[1], g.Members[2]
	if got := v.asked(); !slices.Equal(got, []protocols.PeerID{a, a, a, b, b, b, a, a, a, b, b, b}) {
		t.Errorf("asked %v", got)
	}
	if st, _ := v.Status(a); st.State != Syncing || v.stats.GivenUp != 1 {
		t.Errorf("given up %d times, and %v with who told", v.stats.GivenUp, st.State)
	}
}

// Where datagrams overtake each other, what is late is not taken for lost a second time.
func TestGuardLearnsFromOvertaking(t *testing.T) {
	g := newTeam(3, true)
	v := g.victim(t, Config{})
	for i, want := range []int{1, 1, 0, 0} {
		seq := uint64(2*i + 1)
		v.sent = nil
		v.give(g.Members[1], v.pushOf(g.Members[1], g.record(1, seq+1, 20)))
		v.pass(3 * time.Millisecond)
		v.give(g.Members[1], v.pushOf(g.Members[1], g.record(1, seq, 20)))
		if got := len(v.asked()); got != want {
			t.Errorf("time %d: %d nacks for what came 3 ms late, want %d; the guard is %v", i, got, want, v.guard)
		}
	}
}

// What is asked for meanwhile does not wait for what was asked before.
func TestEachGapHasItsOwnClock(t *testing.T) {
	g := newTeam(3, true)
	v := g.victim(t, Config{})
	v.give(g.Members[1], v.pushOf(g.Members[1], g.record(1, 2, 20)))
	v.pass(5 * time.Millisecond)
	v.sent = nil
	v.give(g.Members[1], v.pushOf(g.Members[1], g.record(1, 4, 20)))
	v.pass(5 * time.Millisecond)
	if got := len(v.asked()); got != 2 {
		t.Fatalf("%d nacks for the second gap", got)
	}
	e, err := protocols.ParseEnvelope(v.sent[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	var m message
	if err := m.parse(e.Body); err != nil || !slices.Equal(m.ranges, []span{{3, 1}}) {
		t.Errorf("asked for %v, %v; want record 3 alone", m.ranges, err)
	}
}

// The copies of several nacks may come in any order; each is answered once.
func TestCopiesOfNacksAreAnsweredOnce(t *testing.T) {
	g := newTeam(3, true)
	v := g.victim(t, Config{})
	g.fill(t, v.log, 0, 1, 10)
	answers := 0
	for range 3 {
		for seq := uint64(1); seq <= 10; seq++ {
			answers += len(v.give(g.Members[1], message{kind: msgNack, nonce: uint32(seq), ranges: []span{{seq, 1}}}))
		}
	}
	if answers != 10 {
		t.Errorf("%d answers to three copies of ten nacks", answers)
	}
}
