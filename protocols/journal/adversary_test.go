package journal

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
)

// A victim is one node that is handed whatever a member or a stranger makes up.
type victim struct {
	*team
	*Node
	now  time.Duration
	sent []protocols.Datagram
}

func (t *team) victim(tb testing.TB, cfg Config) *victim {
	tb.Helper()
	if cfg.Self == (protocols.PeerID{}) {
		cfg.Self = t.Members[0]
	}
	n, err := New(t.newLog(tb), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return &victim{team: t, Node: n}
}

// give hands the node a message from a member and returns what it sends.
func (v *victim) give(from protocols.PeerID, m message) []protocols.Datagram {
	body := m.append(nil)
	data, err := protocols.Envelope{Type: protocols.TypeJournal, Session: v.tag, Body: body}.Append(nil)
	if err != nil {
		panic(err)
	}
	return v.raw(from, data)
}

func (v *victim) raw(from protocols.PeerID, data []byte) []protocols.Datagram {
	var out protocols.Output
	out.Reset()
	v.Step(v.now, protocols.Input{From: from, Data: data}, &out)
	v.sent = append(v.sent, out.Datagrams...)
	return out.Datagrams
}

// pass lets time pass, with all wakings that the node asks for, until it sleeps or the time is over.
func (v *victim) pass(d time.Duration) {
	var out protocols.Output
	until := v.now + d
	for {
		out.Reset()
		v.Step(v.now, protocols.Input{}, &out)
		v.sent = append(v.sent, out.Datagrams...)
		if out.Wake >= until {
			v.now = until
			return
		}
		v.now = max(out.Wake, v.now)
	}
}

// pushOf is a push of records, whether or not they are good.
func (v *victim) pushOf(author protocols.PeerID, records ...antientropy.Record) message {
	a, _ := v.log.Number(author)
	m := message{kind: msgPush, author: uint16(a), first: records[0].Seq, count: byte(len(records))}
	for i := range records {
		m.data = records[i].AppendStored(m.data)
	}
	return m
}

func TestForgedPushesChangeNothing(t *testing.T) {
	g := newTeam(3, false)
	good := g.record(1, 1, 50)
	forge := func(f func(r *antientropy.Record)) antientropy.Record {
		r := g.record(1, 2, 50).Clone()
		f(&r)
		return r
	}
	for _, c := range []struct {
		name string
		bad  antientropy.Record
	}{
		{"content changed", forge(func(r *antientropy.Record) { r.Payload[9] ^= 1 })},
		{"signed by another", forge(func(r *antientropy.Record) { r.Sign(g.Group, g.keys[g.Members[2]]) })},
		{"another author's", func() antientropy.Record { r := g.record(2, 2, 50); r.Author = g.Members[1]; return r }()},
		{"for another group", forge(func(r *antientropy.Record) {
			o := g.Group
			o.ID[0]++
			r.Sign(o, g.keys[r.Author])
		})},
		{"number skipped", g.record(1, 3, 50)},
		{"unknown kind", forge(func(r *antientropy.Record) { r.Kind = 9; r.Sign(g.Group, g.keys[r.Author]) })},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := g.victim(t, Config{})
			m := v.pushOf(g.Members[1], good, c.bad)
			if v.give(g.Members[2], m); v.log.Len() != 0 || v.stats.Refused != 1 || v.Held() != 0 {
				t.Errorf("%d records taken, %d refused: a datagram is applied whole or not at all", v.log.Len(), v.stats.Refused)
			}
			// The good one by itself is welcome, whoever brings it.
			if v.give(g.Members[2], v.pushOf(g.Members[1], good)); v.log.Len() != 1 {
				t.Error("the good record was refused")
			}
		})
	}
	v := g.victim(t, Config{})
	m := v.pushOf(g.Members[1], good)
	m.data = append(m.data, 0)
	if v.give(g.Members[1], m); v.log.Len() != 0 || v.stats.Refused != 1 {
		t.Error("a byte too many was taken")
	}
}

// An author with two records of one number does not replace the first.
func TestEquivocationIsRefused(t *testing.T) {
	g := newTeam(2, false)
	v := g.victim(t, Config{})
	v.give(g.Members[1], v.pushOf(g.Members[1], g.record(1, 1, 50)))
	d := v.log.Digest()
	v.give(g.Members[1], v.pushOf(g.Members[1], g.record(1, 1, 60)))
	if v.log.Digest() != d || v.stats.Refused != 1 || v.stats.Duplicates != 0 {
		t.Errorf("%+v after a second record 1", v.stats)
	}
}

func TestStrangersGetNothing(t *testing.T) {
	g := newTeam(3, true)
	v := g.victim(t, Config{Self: g.Members[2]})
	g.fill(t, v.log, 0, 1, 10)
	stranger := protocols.PeerID{99}
	messages := []message{
		v.pushOf(g.Members[1], g.record(1, 1, 50)),
		{kind: msgParity, author: 1, first: 1, count: 1, spare: 1, counts: []byte{1}, data: make([]byte, 63)},
		{kind: msgBeacon, flags: beaconCompare, marks: []mark{{0, 0}, {1, 7}}},
		{kind: msgNack, nonce: 1, ranges: []span{{1, 10}}},
	}
	refused := 0
	for _, from := range []protocols.PeerID{stranger, g.Members[2]} {
		for _, m := range messages {
			refused++
			if sent := v.give(from, m); len(sent) != 0 || v.Held() != 0 || v.log.Len() != 10 || v.stats.Refused != refused {
				t.Errorf("from %v: message %d: %d sent, %d held, %d records, %d refused", from, m.kind, len(sent), v.Held(), v.log.Len(), v.stats.Refused)
			}
		}
	}
	for _, m := range messages {
		// A member of another group or epoch is a stranger too.
		data, _ := protocols.Envelope{Type: protocols.TypeJournal, Session: v.tag + 1, Body: m.append(nil)}.Append(nil)
		refused++
		if sent := v.raw(g.Members[1], data); len(sent) != 0 || v.stats.Refused != refused {
			t.Errorf("message %d of another group: %d sent", m.kind, len(sent))
		}
		m.author = 3
		m.marks = []mark{{3, 1}}
		refused++
		if sent := v.give(g.Members[1], m); len(sent) != 0 || v.stats.Refused != refused || v.Held() != 0 {
			t.Errorf("message %d about nobody: %d sent", m.kind, len(sent))
		}
	}
}

// A member may claim that there are records without end.
func TestGapFloodIsBounded(t *testing.T) {
	g := newTeam(40, true)
	for _, c := range []struct {
		name string
		lie  func(i int) message
	}{
		{"far beyond", func(i int) message {
			return message{kind: msgBeacon, marks: []mark{{uint16(i % 40), 1<<63 + uint64(i)}}}
		}},
		{"nearby", func(i int) message { return message{kind: msgBeacon, marks: []mark{{uint16(i % 40), 100}}} }},
		{"every second record", func(i int) message {
			r := g.record(1, uint64(2*i+2), 20)
			return message{kind: msgPush, author: 1, first: r.Seq, count: 1, data: r.AppendStored(nil)}
		}},
		{"leaps", func(i int) message {
			r := g.record(1, uint64(i+1)*5000, 20)
			return message{kind: msgPush, author: 1, first: r.Seq, count: 1, data: r.AppendStored(nil)}
		}},
		{"parity", func(i int) message {
			return message{kind: msgParity, author: 1, first: uint64(1 + i), count: 2, spare: 1, counts: []byte{1, 1}, data: make([]byte, 63)}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := g.victim(t, Config{})
			for i := range 2000 {
				v.give(g.Members[1], c.lie(i))
				if len(v.asks) > maxAsks || len(v.groups) > maxGroups || len(v.tasks) > 1 || v.Sessions() > 1 {
					t.Fatalf("after %d: %d stretches, %d groups, %d tasks, %d sessions", i, len(v.asks), len(v.groups), len(v.tasks), v.Sessions())
				}
				v.pass(time.Millisecond)
			}
			v.pass(time.Hour)
			if v.Held() != 0 || v.Sessions() != 0 {
				t.Errorf("in the end %d things and %d sessions are kept", v.Held(), v.Sessions())
			}
			if c.name == "leaps" && v.log.Len() != 0 {
				t.Errorf("%d records out of nowhere were stored", v.log.Len())
			}
			bytes := 0
			for _, d := range v.sent {
				bytes += len(d.Data)
			}
			// Twelve nacks for each of up to 256 stretches at a time, over two seconds, and a few sessions.
			if len(v.sent) > 10000 || bytes > 1_000_000 {
				t.Errorf("2000 lies made the node send %d datagrams, %d bytes", len(v.sent), bytes)
			}
		})
	}
}

// A small nack may ask for many records, and may come again and again.
func TestNackAmplificationIsBounded(t *testing.T) {
	g := newTeam(3, true)
	v := g.victim(t, Config{Repair: 1})
	for range 8 {
		var out protocols.Output
		out.Reset()
		first := v.log.Reach(0) + 1
		if err := v.Publish(v.now, g.records(0, first, first+31, 1000), &out); err != nil {
			t.Fatal(err)
		}
		v.pass(100 * time.Millisecond)
	}
	nack := message{kind: msgNack, author: 0, ranges: []span{{1, 256}}}
	start, answers := v.now, 0
	for i := range 5000 {
		nack.nonce = uint32(i + 1)
		answers += len(v.give(g.Members[1], nack))
		answers += len(v.give(g.Members[1], nack)) // a repeated nonce is for nothing
		v.now += 100 * time.Microsecond
	}
	spent := int((v.now - start) / allowancePace)
	if answers < allowance || answers > 3*(allowance+spent+1) {
		t.Errorf("%d answers to one peer within %v", answers, v.now-start)
	}
	if v.stats.Silent == 0 {
		t.Error("nothing was left unanswered")
	}
	// Another peer's allowance is its own.
	if got := len(v.give(g.Members[2], nack)); got < allowance {
		t.Errorf("%d answers to another peer, want at least %d", got, allowance)
	}
}

// Parity is the author's alone, and what is recomputed from a forged one is checked like all records.
func TestForgedParity(t *testing.T) {
	g := newTeam(3, false)
	w := g.victim(t, Config{Parity: 0.5})
	var out protocols.Output
	out.Reset()
	records := append(g.records(0, 1, 3, 700), g.record(0, 4, 900)) // the first three are padded
	if err := w.Publish(0, records, &out); err != nil {
		t.Fatal(err)
	}
	w.Step(w.cfg.Window, protocols.Input{}, &out)
	var pushes, parity [][]byte
	for _, d := range out.Datagrams {
		switch {
		case d.To != g.Members[1]:
		case d.Data[protocols.EnvelopeSize] == msgPush:
			pushes = append(pushes, d.Data)
		case d.Data[protocols.EnvelopeSize] == msgParity:
			parity = append(parity, d.Data)
		}
	}
	if len(pushes) != 4 || len(parity) != 2 {
		t.Fatalf("%d pushes and %d parity datagrams, want 4 and 2", len(pushes), len(parity))
	}
	at := protocols.EnvelopeSize + parityHeader + 4 + 20
	for _, c := range []struct {
		name    string
		from    protocols.PeerID
		change  func(b []byte)
		refused int
		held    int
	}{
		{"none", g.Members[0], func([]byte) {}, 0, 4},
		{"content", g.Members[0], func(b []byte) { b[at] ^= 1 }, 1, 2},
		{"padding", g.Members[0], func(b []byte) { b[len(b)-1] ^= 1 }, 1, 2},
		{"from another", g.Members[2], func([]byte) {}, 2, 2},
		{"a length", g.Members[0], func(b []byte) { b[protocols.EnvelopeSize+parityHeader]++ }, 0, 2},
	} {
		cfg := Config{Self: g.Members[1]}
		n, err := New(g.newLog(t), cfg)
		if err != nil {
			t.Fatal(err)
		}
		v := &victim{team: g, Node: n}
		v.raw(g.Members[0], pushes[0])
		v.raw(g.Members[0], pushes[3])
		for _, p := range parity {
			b := bytes.Clone(p)
			c.change(b)
			v.raw(c.from, b)
		}
		if v.stats.Refused < c.refused || v.log.Len() != c.held || v.log.Digest() != v.log.Recompute() {
			t.Errorf("%s: %d refused, %d records held; want %d and %d", c.name, v.stats.Refused, v.log.Len(), c.refused, c.held)
		}
		if c.held < 4 {
			// What was lost is asked for.
			v.pass(20 * time.Millisecond)
			if !slices.ContainsFunc(v.sent, func(d protocols.Datagram) bool {
				return d.Data[1] == protocols.TypeJournal && d.Data[protocols.EnvelopeSize] == msgNack
			}) {
				t.Errorf("%s: nobody was asked", c.name)
			}
		}
	}
}

func TestPublishIsAllOrNothing(t *testing.T) {
	g := newTeam(2, false)
	v := g.victim(t, Config{})
	try := func(what string, records ...antientropy.Record) {
		t.Helper()
		var out protocols.Output
		out.Reset()
		if err := v.Publish(0, records, &out); err == nil || v.log.Len() != 0 || len(out.Datagrams) != 0 {
			t.Errorf("%s: %v; %d records, %d datagrams", what, err, v.log.Len(), len(out.Datagrams))
		}
	}
	bad := g.record(0, 2, 20).Clone()
	bad.Payload[0] ^= 1
	try("a bad signature", g.record(0, 1, 20), bad)
	try("a gap", g.record(0, 1, 20), g.record(0, 3, 20))
	try("not from 1 on", g.record(0, 2, 20))
	try("another's", g.record(1, 1, 20))
	try("too large", g.record(0, 1, antientropy.MaxPayload+1))
	try("unsigned", antientropy.Record{Kind: antientropy.Op, Author: g.Members[0], Seq: 1})
}

// A lie that was given up is forgotten: it does not hide what is missing later.
func TestLiesAreForgotten(t *testing.T) {
	g := newTeam(3, true)
	v := g.victim(t, Config{Session: antientropy.Config{Timeout: time.Second}})
	v.give(g.Members[1], message{kind: msgBeacon, marks: []mark{{2, 100}}})
	v.pass(time.Minute)
	v.sent = nil
	v.give(g.Members[2], v.pushOf(g.Members[2], g.record(2, 2, 20)))
	v.pass(20 * time.Millisecond)
	if len(v.sent) == 0 || v.sent[0].To != g.Members[2] || v.sent[0].Data[protocols.EnvelopeSize] != msgNack {
		t.Errorf("%d datagrams were sent, want a nack for record 1 first", len(v.sent))
	}
}
