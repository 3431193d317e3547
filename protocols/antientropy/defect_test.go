package antientropy

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// Each test here is named after a defect that an implementation of the protocol has had, and shows
// that it is absent.

func TestDefectOrderSensitiveHash(t *testing.T) {
	g := newTeam(2, true)
	a, b := g.log(t), g.log(t)
	g.add(t, a, 0, 1, 40)
	g.add(t, a, 1, 1, 40)
	for seq := uint64(40); seq > 0; seq-- {
		g.add(t, b, 1, seq, seq)
		g.add(t, b, 0, seq, seq)
	}
	if a.Digest() != b.Digest() {
		t.Fatal("one set, two digests")
	}
	r, _ := g.world(t, simnet.Ideal(1), Config{}, a, b).sync(t)
	if r.Outcome != Equal || r.Legs != 2 || r.Rounds != 1 || r.Applied != 0 || r.Sent != 0 {
		t.Errorf("equal sets: %+v", r)
	}
}

func TestDefectDirectionFromCounts(t *testing.T) {
	for _, c := range []struct {
		name         string
		a, b         [2]uint64 // how many records of author 0 and 1 each side holds
		want, mirror Outcome
		aGets, bGets int
	}{
		{"three against four others", [2]uint64{3, 0}, [2]uint64{0, 4}, Diverged, Diverged, 4, 3},
		{"same count", [2]uint64{3, 0}, [2]uint64{0, 3}, Diverged, Diverged, 3, 3},
		{"subset", [2]uint64{3, 0}, [2]uint64{3, 2}, LocalBehind, RemoteBehind, 2, 0},
		{"superset", [2]uint64{6, 1}, [2]uint64{2, 1}, RemoteBehind, LocalBehind, 0, 4},
		{"nothing here", [2]uint64{0, 0}, [2]uint64{1, 1}, LocalBehind, RemoteBehind, 2, 0},
		{"nothing there", [2]uint64{1, 0}, [2]uint64{0, 0}, RemoteBehind, LocalBehind, 0, 1},
		{"nothing at all", [2]uint64{0, 0}, [2]uint64{0, 0}, Equal, Equal, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newTeam(2, true)
			a, b := g.log(t), g.log(t)
			for author := range 2 {
				g.add(t, a, author, 1, c.a[author])
				g.add(t, b, author, 1, c.b[author])
			}
			if o := a.Compare(b); o != c.want {
				t.Errorf("compare: %v, want %v", o, c.want)
			}
			ra, rb := g.world(t, simnet.Ideal(1), Config{}, a, b).sync(t)
			if ra.Outcome != c.want || rb.Outcome != c.mirror {
				t.Errorf("outcomes %v and %v, want %v and %v", ra.Outcome, rb.Outcome, c.want, c.mirror)
			}
			if ra.Applied != c.aGets || rb.Applied != c.bGets || ra.Duplicates+rb.Duplicates != 0 {
				t.Errorf("applied %d and %d, want %d and %d; duplicates %d and %d", ra.Applied, rb.Applied, c.aGets, c.bGets, ra.Duplicates, rb.Duplicates)
			}
		})
	}
}

func TestDefectDivergedShipsNothingOrOneBatch(t *testing.T) {
	g := newTeam(2, true)
	a, b := g.log(t), g.log(t)
	g.add(t, a, 0, 1, 700)
	g.add(t, b, 1, 1, 700)
	ra, rb := g.world(t, simnet.Ideal(1), Config{Batch: 128}, a, b).sync(t)
	if ra.Applied != 700 || rb.Applied != 700 || ra.Sent != 700 || rb.Sent != 700 {
		t.Errorf("applied %d and %d, sent %d and %d; want 700 each", ra.Applied, rb.Applied, ra.Sent, rb.Sent)
	}
	// However many batches: they follow each other without waiting.
	if ra.Rounds != 2 || ra.Legs != 4 {
		t.Errorf("%d rounds, %d legs; want 2 and 4", ra.Rounds, ra.Legs)
	}
	// Its description, and six batches, up to two in one message; wishes ahead, as many back, and the
	// last word.
	if m := ra.Channel.Messages; m != 1+4 {
		t.Errorf("%d messages from the initiator, want 5", m)
	}
	if m := rb.Channel.Messages; m != 1+4+1 {
		t.Errorf("%d messages from the responder, want 6", m)
	}
}

// A reply is bounded in what it may hold, whatever the peer sends.
func TestDefectReplyWithoutBound(t *testing.T) {
	g := newTeam(2, true)
	for _, c := range []struct {
		name   string
		batch  func(session uint64) []byte
		reason string
	}{
		{"too many records", func(session uint64) []byte {
			b := make([]byte, checkSize, 1<<20)
			b = append(b, 1, 0)
			b = append(b, 1, 0, 0xff, 0xff)
			return append(b, make([]byte, 1000)...)
		}, "run of 65535 records, at most 4096"},
		{"a payload too long", func(session uint64) []byte {
			b := append(make([]byte, checkSize), 1, 0)
			b = append(b, 1, 0, 1, 0)
			return append(b, byte(Op), 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0)
		}, "payload of 65537 bytes"},
		{"too many bytes", func(uint64) []byte { return make([]byte, 300<<10) }, "message over"},
	} {
		r, _ := g.against(t, 0, func(session uint64, m said) [][]byte {
			if m.leg != 1 {
				return nil
			}
			return [][]byte{say(2, part{partBatch, c.batch(session)})}
		})
		if !errors.Is(r.Err, protocols.ErrVerification) || !strings.Contains(r.Err.Error(), c.reason) {
			t.Errorf("%s: %v, want %q", c.name, r.Err, c.reason)
		}
	}
}

func TestDefectFactsAndCapabilitiesStayBehind(t *testing.T) {
	g := newTeam(2, true)
	a, b := g.log(t), g.log(t)
	insert := func(l *Log, r Record) {
		t.Helper()
		if added, err := l.Insert(r); !added || err != nil {
			t.Fatal(added, err)
		}
	}
	insert(a, Record{Kind: Fact, Author: g.Members[0], Seq: 1, Payload: NewFact("colour", []byte("red"))})
	insert(b, Record{Kind: Fact, Author: g.Members[1], Seq: 1, Payload: NewFact("shape", []byte("round"))})
	insert(b, Record{Kind: Fact, Author: g.Members[1], Seq: 2, Payload: NewFact("colour", []byte("blue"))})
	for i, l := range []*Log{a, b} {
		insert(l, Record{Kind: Fact, Author: l.members[i], Seq: 4, Payload: NewFact("tie", []byte{byte(i)})})
	}
	insert(a, Record{Kind: Cap, Author: g.Members[0], Seq: 2, Payload: NewCap(g.Members[1], 0b0111)})
	insert(b, Record{Kind: Cap, Author: g.Members[1], Seq: 3, Payload: NewCap(g.Members[1], 0b1101)})
	g.world(t, simnet.Ideal(1), Config{}, a, b).sync(t)
	for i, l := range []*Log{a, b} {
		d := l.Digest()
		if d.Ops.Count != 0 || d.Facts.Count != 5 || d.Caps.Count != 2 {
			t.Errorf("replica %d: %+v", i, d)
		}
		if v, ok := l.Fact("colour"); !ok || string(v) != "blue" {
			t.Errorf("replica %d: colour %q", i, v)
		}
		if v, ok := l.Fact("shape"); !ok || string(v) != "round" {
			t.Errorf("replica %d: shape %q", i, v)
		}
		if v, ok := l.Fact("tie"); !ok || v[0] != 1 {
			t.Errorf("replica %d: of two facts with one number, %d wins, want the greater author's", i, v)
		}
		if m := l.Caps(g.Members[1]); m != 0b0101 {
			t.Errorf("replica %d: capabilities %b", i, m)
		}
		if m := l.Caps(g.Members[0]); m != ^uint64(0) {
			t.Errorf("replica %d: capabilities of an unrestricted peer %b", i, m)
		}
	}
}

func TestDefectAppliedAgainEveryRound(t *testing.T) {
	g := newTeam(2, true)
	a, b := g.log(t), g.log(t)
	g.add(t, b, 1, 1, 300)
	w := g.world(t, simnet.Realistic(1), Config{}, a, b)
	if r, _ := w.sync(t); r.Applied != 300 || a.Len() != 300 {
		t.Errorf("applied %d, holds %d; want 300", r.Applied, a.Len())
	}
	if r, _ := w.sync(t); r.Applied != 0 || r.Outcome != Equal || r.Legs != 2 {
		t.Errorf("second sync: %+v", r)
	}
}

func TestDefectSessionsMix(t *testing.T) {
	g := newTeam(4, true)
	logs := make([]*Log, 4)
	for i := range logs {
		logs[i] = g.log(t)
		g.add(t, logs[i], i, 1, 200)
	}
	w := g.world(t, simnet.Stressed(7), Config{}, logs...)
	// Everybody with everybody at once, both ways, and one pair twice.
	sessions := 1
	w.start(t, 0, 1)
	for i := range logs {
		for j := range logs {
			if i != j {
				w.start(t, i, j)
				sessions++
			}
		}
	}
	w.net.Run(time.Hour, nil)
	got := 0
	for i, n := range w.nodes {
		for _, r := range n.TakeResults() {
			if r.Err != nil {
				t.Errorf("node %d with %v: %v", i, r.Peer, r.Err)
			}
			if r.Initiator {
				got++
			}
		}
		if n.Sessions() != 0 {
			t.Errorf("node %d still holds %d sessions", i, n.Sessions())
		}
	}
	if got != sessions {
		t.Errorf("%d sessions ended at their initiator, want %d", got, sessions)
	}
	// A session fixes what two peers held then; a second pass settles what arrived meanwhile.
	for i := range logs[1:] {
		w.start(t, 0, i+1)
		w.net.Run(2*time.Hour, nil)
	}
	for i := range logs[1:] {
		w.start(t, 0, i+1)
		w.net.Run(3*time.Hour, nil)
	}
	w.same(t)
	if logs[0].Len() != 800 {
		t.Errorf("%d records, want 800", logs[0].Len())
	}
}

func TestDefectWholeStateHashedEveryRound(t *testing.T) {
	g := newTeam(2, true)
	a, b := g.log(t), g.log(t)
	g.add(t, a, 0, 1, 2000)
	b.CopyFrom(a)
	g.add(t, b, 1, 1, 10)
	before := a.Folded()
	w := g.world(t, simnet.Ideal(1), Config{}, a, b)
	w.sync(t)
	w.sync(t)
	if n := a.Folded() - before; n != 10 {
		t.Errorf("two syncs hashed %d records into the digest, want the 10 new ones", n)
	}
	if n := a.Folded(); n != uint64(a.Len()) {
		t.Errorf("%d records hashed for %d held", n, a.Len())
	}
}
