package antientropy

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/perfgate/perfgate/protocols"
)

// Work is bounded: no step does more than its budget and one record, but for the one that asks for
// tables; after pruning the memory is what is held.
func TestCompactionIsSliced(t *testing.T) {
	g := newTeam(2, true)
	l := g.log(t)
	payload := make([]byte, 2600)
	const n, budget = 4000, 64 << 10
	for seq := uint64(1); seq <= n; seq++ {
		if _, err := l.Insert(Record{Kind: Op, Author: g.Members[0], Seq: seq, Payload: payload}); err != nil {
			t.Fatal(err)
		}
	}
	f := make(Frontier, 2)
	f[l.number[g.Members[0]]] = n / 2
	c, err := NewCompactor(l, f, nil)
	if err != nil {
		t.Fatal(err)
	}
	steps := 0
	for done := false; !done; steps++ {
		if done, err = c.Step(budget); err != nil {
			t.Fatal(err)
		}
	}
	total, most := c.Copied()
	tables := headerBytes*n + 4*len(l.index)
	if most > budget+len(payload)+recordHeader+2*headerBytes && most > tables {
		t.Errorf("a step of %d bytes, budget %d, tables %d", most, budget, tables)
	}
	if limit := int64(n/2*(len(payload)+recordHeader+hashBytes) + 4*n*headerBytes + tables); total > limit || steps < int(total/(2*budget)) {
		t.Errorf("%d bytes in %d steps, at most %d bytes", total, steps, limit)
	}
	if ratio := float64(l.Footprint()) / float64(l.Bytes()); l.Len() != n/2 || ratio > 1.05 {
		t.Errorf("%d records in %d bytes take %d bytes, ratio %.3f", l.Len(), l.Bytes(), l.Footprint(), ratio)
	}
}

// A moody sink fails every other time.
type moodySink struct {
	b     []byte
	cut   Cut
	calls int
}

func (s *moodySink) mood() error {
	if s.calls++; s.calls%2 == 1 {
		return protocols.ErrExhausted
	}
	return nil
}

func (s *moodySink) Write(b []byte) error {
	if err := s.mood(); err != nil {
		return err
	}
	s.b = append(s.b, b...)
	return nil
}

func (s *moodySink) Close(c Cut) error {
	s.cut = c
	return s.mood()
}

// What a compactor tells its sink is the cut, however often the sink fails; and while it fails
// nothing is dropped.
func TestSinkGetsTheCut(t *testing.T) {
	g := newTeam(3, true)
	l := g.log(t)
	for a := range 3 {
		for seq := uint64(1); seq <= 40; seq++ {
			if _, err := l.Insert(g.draft(a, seq)); err != nil {
				t.Fatal(err)
			}
		}
	}
	f := Frontier{30, 40, 20}
	want, err := l.AppendCut(nil, f)
	if err != nil {
		t.Fatal(err)
	}
	at, err := l.CutAt(f)
	if err != nil {
		t.Fatal(err)
	}
	s := &moodySink{}
	c, err := NewCompactor(l, f, s)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		done, err := c.Step(100)
		if err != nil && (!errors.Is(err, protocols.ErrExhausted) || l.Len() != 120) {
			t.Fatalf("%v, %d records", err, l.Len())
		}
		if done {
			break
		}
	}
	if !bytes.Equal(s.b, want) || s.cut.Root != at.Root || s.cut.Digest != at.Digest || s.cut.Records != at.Records || s.cut.Bytes != at.Bytes || s.cut.Keys != at.Keys || !slices.Equal(s.cut.Caps, at.Caps) || l.Len() != at.Records+30 {
		t.Errorf("the sink got %+v in %d bytes, want %+v in %d", s.cut, len(s.b), at, len(want))
	}
}
