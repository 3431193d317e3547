package journal

import (
	"bytes"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
)

func examples(g *team) []message {
	r := g.record(1, 1, 40)
	return []message{
		{kind: msgPush, flags: pushAnswer, author: 1, first: 1, count: 1, data: r.AppendStored(nil)},
		{kind: msgParity, author: 1, first: 1, count: 2, spare: 1, counts: []byte{1, 1}, data: r.AppendStored(nil)},
		{kind: msgBeacon, flags: beaconCompare, marks: []mark{{0, 0}, {1, 1 << 40}}},
		{kind: msgNack, flags: nackRetry, author: 1, nonce: 7, ranges: []span{{1, 2}, {4, 9}}},
	}
}

// What parses re-encodes to the same bytes, and is held in no more than twice its size.
func FuzzMessage(f *testing.F) {
	g := newTeam(3, true)
	for _, m := range examples(g) {
		f.Add(m.append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m message
		if m.parse(b) != nil {
			return
		}
		if again := m.append(nil); !bytes.Equal(again, b) {
			t.Fatalf("%x re-encodes to %x", b, again)
		}
		if held := 16 * (cap(m.marks) + cap(m.ranges)); held > 2*len(b)+64 {
			t.Fatalf("%d bytes held for %d", held, len(b))
		}
	})
}

// Whatever arrives, a node neither fails nor keeps anything for good, and its log stays sound.
func FuzzStep(f *testing.F) {
	g := newTeam(3, true)
	for _, m := range examples(g) {
		f.Add(m.append(nil), m.append(nil))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		v := g.victim(t, Config{Session: antientropy.Config{Timeout: time.Second}})
		for _, body := range [][]byte{a, b, a} {
			if len(body) > protocols.MaxBody {
				return
			}
			data, err := protocols.Envelope{Type: protocols.TypeJournal, Session: v.tag, Body: body}.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			v.raw(g.Members[1], data)
		}
		v.pass(time.Hour)
		if v.Held() != 0 || v.Sessions() != 0 {
			t.Fatalf("%d things and %d sessions are kept", v.Held(), v.Sessions())
		}
		if v.log.Digest() != v.log.Recompute() || v.log.Bytes() > 3*protocols.MaxBody {
			t.Fatalf("%d bytes of records came of three datagrams", v.log.Bytes())
		}
	})
}

// The largest message of every kind fits into a datagram.
func TestMessagesFit(t *testing.T) {
	full := message{kind: msgBeacon}
	for a := range maxMarks {
		full.marks = append(full.marks, mark{uint16(a), 1})
	}
	nack := message{kind: msgNack}
	for i := range maxRanges {
		nack.ranges = append(nack.ranges, span{uint64(3*i + 1), 2})
	}
	counts := bytes.Repeat([]byte{1}, maxGroup)
	for _, m := range []message{
		{kind: msgPush, first: 1, count: 255, data: make([]byte, MaxRun)},
		{kind: msgParity, first: 1, count: maxGroup, spare: maxSpare, counts: counts, data: make([]byte, MaxRun)},
		full, nack,
	} {
		b := m.append(nil)
		if len(b) > protocols.MaxBody {
			t.Errorf("message %d has %d bytes, at most %d", m.kind, len(b), protocols.MaxBody)
		}
		var back message
		if err := back.parse(b); err != nil || !bytes.Equal(back.append(nil), b) {
			t.Errorf("message %d: %v", m.kind, err)
		}
	}
}

func TestMalformedMessages(t *testing.T) {
	g := newTeam(3, true)
	for _, m := range examples(g) {
		b := m.append(nil)
		var back message
		if err := back.parse(b); err != nil {
			t.Fatalf("message %d: %v", m.kind, err)
		}
		for n := range b {
			if err := back.parse(b[:n]); err == nil && m.kind != msgPush && m.kind != msgParity {
				t.Errorf("message %d cut to %d bytes was taken", m.kind, n)
			}
		}
	}
	for name, m := range map[string]message{
		"unknown kind":          {kind: 9},
		"push of nothing":       {kind: msgPush, first: 1, data: []byte{1}},
		"push from zero":        {kind: msgPush, count: 1, data: []byte{1}},
		"push with flags":       {kind: msgPush, flags: 4, first: 1, count: 1, data: []byte{1}},
		"push over the end":     {kind: msgPush, first: ^uint64(0), count: 1, data: []byte{1}},
		"parity out of range":   {kind: msgParity, first: 1, count: 1, spare: 1, index: 1, counts: []byte{1}, data: []byte{1}},
		"parity over nothing":   {kind: msgParity, first: 1, count: 1, spare: 1, counts: []byte{0}, data: []byte{1}},
		"parity without bytes":  {kind: msgParity, first: 1, count: 1, spare: 1, counts: []byte{1}},
		"beacon of nothing":     {kind: msgBeacon},
		"beacon out of order":   {kind: msgBeacon, marks: []mark{{1, 1}, {0, 1}}},
		"beacon with flags":     {kind: msgBeacon, flags: 4, marks: []mark{{1, 1}}},
		"nack with flags":       {kind: msgNack, flags: 2, ranges: []span{{1, 1}}},
		"nack of nothing":       {kind: msgNack},
		"nack of an empty span": {kind: msgNack, ranges: []span{{1, 0}}},
		"nack of touching":      {kind: msgNack, ranges: []span{{1, 2}, {3, 1}}},
		"nack of too many":      {kind: msgNack, ranges: []span{{1, 257}}},
	} {
		var back message
		if err := back.parse(m.append(nil)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
