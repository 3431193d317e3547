package antientropy

import (
	"bytes"
	"testing"

	"github.com/perfgate/perfgate/protocols"
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
	for _, m := range []message{
		{kind: msgSummary, leg: 1, digest: l.Digest(), marks: l.Marks()},
		{kind: msgBatch, leg: 2, batch: batch},
		{kind: msgEnd, leg: 3, digest: l.Digest(), applied: 4},
		{kind: msgDone, leg: 4, digest: l.Digest()},
		{kind: msgBuckets, leg: 4, buckets: l.buckets()},
		{kind: msgIDs, leg: 5, last: true, ids: l.headers[0].id[:]},
		{kind: msgWant, leg: 6, ids: l.headers[0].id[:]},
	} {
		f.Add(m.append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMessage(b)
		if err != nil {
			return
		}
		if again := m.append(nil); !bytes.Equal(again, b) {
			t.Fatalf("%x re-encodes to %x", b, again)
		}
		if held := 40*cap(m.marks) + len(m.ids) + len(m.batch); held > 2*len(b)+64 {
			t.Fatalf("%d bytes held for %d", held, len(b))
		}
	})
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
