package antientropy

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/cells"
)

func FuzzMessage(f *testing.F) {
	g := newTeam(2, true)
	l, err := NewLog(g.Group)
	if err != nil {
		f.Fatal(err)
	}
	for seq := range uint64(10) {
		if _, err := l.Insert(g.record(0, seq+1)); err != nil {
			f.Fatal(err)
		}
	}
	batch, _ := l.Since(nil).AppendBatch(nil, 1, 0, 10)
	d := l.Digest()
	c := closing{d.Epoch, d.show(), 7}
	l.Insert(g.record(0, 15))
	f.Add(say(1, part{partMarks, l.appendMarks(nil, true)}, part{partShow, c.append(nil)}))
	f.Add(say(1, part{partMarks, l.appendMarks(nil, false)}, part{partCells, l.appendCells(nil, 9)}, part{partShow, c.append(nil)}))
	f.Add(say(2, part{partWish, appendRuns(appendAuthor(nil, 1, -1), []run{{1, 5}, {9, 9}})}, part{partBatch, batch}))
	f.Add(say(1, part{partShare, []byte{1, 0, 3}}, part{partMarks, l.appendMarks(nil, true)}, part{partShow, c.append(nil)}))
	f.Add(say(2, part{partShorts, make([]byte, 4)}, part{partSalted, make([]byte, 8)}))
	f.Add(say(4, part{partRanges, cells.AppendRanges(nil, []cells.Range{newSalted(l, 1).Whole()})}, part{partList, make([]byte, 17)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := hear(b)
		if err != nil {
			return
		}
		for i, p := range m.parts {
			if again := p.again(); !bytes.Equal(again, p.body) {
				t.Fatalf("part of kind %d: %x re-encodes to %x", p.kind, p.body, again)
			}
			m.parts[i].body = p.again()
		}
		if again := say(m.leg, m.parts...); !bytes.Equal(again, b) {
			t.Fatalf("%x re-encodes to %x", b, again)
		}
	})
}

// again encodes what a part says.
func (p *part) again() (b []byte) {
	switch p.kind {
	case partShow:
		c, _ := parseClosing(p.body)
		return c.append(nil)
	case partMarks:
		b = append(b, p.body[0])
		before := -1
		eachMark(p.body, func(author int, high uint64, holes []run) {
			b = binary.AppendUvarint(appendAuthor(b, author, before), high)
			if before = author; p.body[0] == 1 {
				b = appendRuns(b, holes)
			}
		})
		return b
	case partWish:
		var runs []run
		author, before := -1, -1
		flush := func() {
			if len(runs) > 0 {
				b = appendRuns(appendAuthor(b, author, before), runs)
				before, runs = author, nil
			}
		}
		eachWish(p.body, func(a int, r run) {
			if a != author {
				flush()
			}
			author, runs = a, append(runs, r)
		})
		flush()
		return b
	case partShare:
		before := -1
		eachShare(p.body, func(member int) {
			b = appendAuthor(b, member, before)
			before = member
		})
		return b
	case partShorts:
		for i := 0; i < len(p.body); i += shortSize {
			b = appendNumber(b, number(p.body[i:], shortSize), shortSize)
		}
		return b
	}
	return p.body // those of package cells and batches have their own
}

// A batch that is accepted re-encodes to the same bytes; one that is not leaves no trace.
func FuzzBatch(f *testing.F) {
	for _, unsigned := range []bool{true, false} {
		g := newTeam(3, unsigned)
		l, err := NewLog(g.Group)
		if err != nil {
			f.Fatal(err)
		}
		for seq := range uint64(8) {
			for author := range 3 {
				if _, err := l.Insert(g.record(author, seq+1)); err != nil {
					f.Fatal(err)
				}
			}
		}
		b, _ := l.Since(nil).AppendBatch(nil, 1, 2, 100)
		f.Add(b, unsigned)
		b, _ = l.Since([]Mark{{l.members[0], 3}, {l.members[1], 8}}).AppendBatch(nil, 1, 2, 3)
		f.Add(b, unsigned)
	}
	f.Fuzz(func(t *testing.T, b []byte, unsigned bool) {
		g := newTeam(3, unsigned)
		l := g.log(t)
		held := len(b)
		applied, duplicates, err := l.ApplyBatch(b, 1, 2)
		if err != nil {
			if l.Len() != 0 || l.Digest() != g.log(t).Digest() || l.Bytes() != 0 || applied+duplicates != 0 {
				t.Fatalf("a refused batch left %d records", l.Len())
			}
			return
		}
		if applied != l.Len() || duplicates != 0 || l.Bytes() > held {
			t.Fatalf("applied %d, %d duplicates, %d held in %d bytes for %d", applied, duplicates, l.Len(), l.Bytes(), held)
		}
		if len(b) > maxBatchBytes {
			return // the sender would have cut it
		}
		again, n := l.Since(nil).AppendBatch(nil, 1, 2, MaxBatch)
		if n != applied || !bytes.Equal(again, b) {
			t.Fatalf("%x re-encodes to %x", b, again)
		}
		for r := range l.All() {
			if _, ok := l.Record(r.Author, r.Seq); !ok || r.Author == (protocols.PeerID{}) {
				t.Fatal("a record cannot be found")
			}
		}
	})
}
