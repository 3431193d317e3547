package protocols

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

func TestEnvelope(t *testing.T) {
	good, err := Envelope{Type: 1, Session: 0x0102030405060708, Body: []byte("ab")}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := []byte{1, 1, 8, 7, 6, 5, 4, 3, 2, 1, 2, 0, 'a', 'b'}; !bytes.Equal(good, want) {
		t.Errorf("encoded %v, want %v", good, want)
	}
	change := func(at int, v byte) []byte {
		b := bytes.Clone(good)
		b[at] = v
		return b
	}
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"good", good, nil},
		{"largest", must(Envelope{Body: make([]byte, MaxBody)}.Append(nil)), nil},
		{"empty", nil, ErrVerification},
		{"another version", change(0, 2), ErrVersion},
		{"another version, cut short", []byte{2}, ErrVersion},
		{"cut in the header", good[:EnvelopeSize-1], ErrVerification},
		{"cut in the body", good[:len(good)-1], ErrVerification},
		{"a byte more", append(bytes.Clone(good), 0), ErrVerification},
		{"length too long", change(11, 1), ErrVerification},
		{"over the limit", append(must(Envelope{Body: make([]byte, MaxBody)}.Append(nil)), 0), ErrVerification},
	} {
		if _, err := ParseEnvelope(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := (Envelope{Body: make([]byte, MaxBody+1)}).Append(nil); !errors.Is(err, ErrExhausted) {
		t.Errorf("body over the limit: %v", err)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func FuzzDatagram(f *testing.F) {
	for _, fr := range []frame{
		{kind: frameData, seq: 3, next: 2, flags: flagFirst | flagPush, data: []byte("abc")},
		{kind: frameAck, next: 9, words: [maxWindow / 64]uint64{0, 5}},
		{kind: frameAck, serial: 7, lost: 9, next: 9},
		{kind: frameParity, seq: 3, next: 2, group: 64, row: 31, flags: flagPush, data: []byte("sum of")},
		{kind: frameReset, code: ResetBusy},
	} {
		f.Add(must(Envelope{Type: TypeAntiEntropy, Session: 7, Body: fr.append(nil)}.Append(nil)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEnvelope(b)
		if err != nil {
			return
		}
		if again := must(e.Append(nil)); !bytes.Equal(again, b) {
			t.Fatalf("envelope %x re-encodes to %x", b, again)
		}
		fr, err := parseFrame(e.Body)
		if err != nil {
			return
		}
		if again := fr.append(nil); !bytes.Equal(again, e.Body) {
			t.Fatalf("frame %x re-encodes to %x", e.Body, again)
		}
		if IsReset(e.Body) != (fr.kind == frameReset) {
			t.Fatalf("frame %x: reset %v", e.Body, IsReset(e.Body))
		}
	})
}

func TestFrames(t *testing.T) {
	head := func(kind byte, rest ...byte) []byte { return append([]byte{kind, 0, 0, 0, 0, 0, 0, 0, 0, 0}, rest...) }
	for _, b := range [][]byte{
		nil, {1}, head(1), head(1, 0, 0, 0, 0, 0), head(1, 0, 0, 0, 0, 16, 1), head(2), head(2, 9), head(2, 1),
		head(2, 1, 0, 0, 0, 0, 0, 0, 0, 0), {3}, {3, 1, 1}, {4, 0}, head(5, 0, 0, 0, 0, 0, 1),
		append(head(1, 0, 0, 0, 0, 0), make([]byte, MaxFragment+1)...),
		head(4, 0, 0, 0, 0, 1, 0, 0), head(4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0), head(4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		head(4, 0, 0, 0, 0, 65, 0, 0, 0, 0, 0, 0), head(4, 0, 0, 0, 0, 1, 32, 0, 0, 0, 0, 0), head(4, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0),
		append(head(4, 0, 0, 0, 0, 1, 0, 0), make([]byte, MaxFragment+shardHead+1)...),
	} {
		if f, err := parseFrame(b); !errors.Is(err, ErrVerification) {
			t.Errorf("%v: %+v, %v", b, f, err)
		}
	}
	f := frame{kind: frameAck, next: 10, words: [maxWindow / 64]uint64{1 << 0, 1 << 63}}
	for seq, want := range map[uint32]bool{0: true, 9: true, 10: false, 11: true, 12: false, 138: true, 139: false, 500: false} {
		if f.has(seq) != want {
			t.Errorf("%d has arrived: %v, want %v", seq, f.has(seq), want)
		}
	}
}

func TestResetErrorsAreDistinct(t *testing.T) {
	for code, want := range map[byte]error{ResetBusy: ErrExhausted, ResetRefused: ErrVerification, ResetVersion: ErrVersion, ResetClosed: ErrTimeout} {
		var out Output
		AppendReset(&out, PeerID{1}, TypeAntiEntropy, 5, code)
		e, err := ParseEnvelope(out.Datagrams[0].Data)
		if err != nil || e.Session != 5 || !IsReset(e.Body) || Opens(e.Body) {
			t.Fatalf("reset %d: %+v, %v", code, e, err)
		}
		c := NewChannel(ChannelOptions{}, TypeAntiEntropy, PeerID{1}, 5, rand.New(rand.NewPCG(1, 1)))
		if err := c.Receive(0, e.Body); !errors.Is(err, want) {
			t.Errorf("reset %d: %v, want %v", code, err, want)
		}
	}
}

// A datagram that arrives twice fills one place, before and after the gap in front of it is closed.
func TestDuplicatesFillOnePlace(t *testing.T) {
	c := NewChannel(ChannelOptions{}, TypeAntiEntropy, PeerID{1}, 1, rand.New(rand.NewPCG(1, 1)))
	text := "abcdef"
	for i, seq := range []uint32{2, 4, 2, 0, 2, 0, 1, 4, 1, 2, 3, 3, 4, 5, 5} {
		f := frame{kind: frameData, serial: uint16(i), seq: seq, data: []byte{text[seq]}}
		if seq == 0 {
			f.flags = flagFirst
		}
		if seq == 5 {
			f.flags = flagLast
		}
		if err := c.Receive(0, f.append(nil)); err != nil {
			t.Fatal(err)
		}
		held := 0
		for i := range c.slots {
			if c.slots[i].full {
				held++
			}
		}
		if c.gaps != held {
			t.Fatalf("after %d: %d counted beyond the gap, %d held", seq, c.gaps, held)
		}
	}
	if m, ok := c.Next(); !ok || string(m) != text || c.gaps != 0 || c.next != 6 {
		t.Errorf("message %q, %v; %d beyond a gap, waiting for %d", m, ok, c.gaps, c.next)
	}
	if _, ok := c.Next(); ok {
		t.Error("a second message")
	}
}
