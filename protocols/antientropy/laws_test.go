package antientropy

import (
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A naive log is a map: obviously a set.
type naive map[[32]byte]Record

// digest adds up the same elements with arithmetic that has no carries to forget.
func (n naive) digest(l *Log) Digest {
	d := Digest{Epoch: l.group.Epoch}
	var sums [4]big.Int
	for id, r := range n {
		e := l.key.element(&id)
		for i := 3; i >= 0; i-- {
			var v big.Int
			sums[r.Kind].Add(&sums[r.Kind], v.Lsh(v.SetUint64(e[i]), uint(64*i)))
		}
		d.sum(r.Kind).Count++
	}
	for _, k := range []Kind{Op, Fact, Cap} {
		v := &sums[k]
		for i := range 4 {
			var word, mask big.Int
			mask.SetUint64(^uint64(0))
			d.sum(k).Fingerprint[i] = word.And(word.Rsh(v, uint(64*i)), &mask).Uint64()
		}
	}
	return d
}

func (n naive) outcome(m naive) Outcome {
	here, there := 0, 0
	for id := range m {
		if _, ok := n[id]; !ok {
			here++
		}
	}
	for id := range n {
		if _, ok := m[id]; !ok {
			there++
		}
	}
	return relation(here, there)
}

func twin(l *Log) naive {
	n := naive{}
	tag := l.group.tag()
	for r := range l.All() {
		n[sha(signed(nil, &tag, &r.Author, r.append(nil, false)))] = r.Clone()
	}
	return n
}

// drawLog draws any set of records of three authors, holes included, in any order.
func (t *team) drawLog(rt *rapid.T, name string) *Log {
	l, err := NewLog(t.Group)
	if err != nil {
		rt.Fatal(err)
	}
	names := rapid.SliceOfNDistinct(rapid.IntRange(0, 3*12-1), 0, 24, rapid.ID[int]).Draw(rt, name)
	for _, n := range names {
		if added, err := l.Insert(t.record(n%3, uint64(n/3)+1)); !added || err != nil {
			rt.Fatal(added, err)
		}
	}
	return l
}

func (t *team) merged(rt *rapid.T, logs ...*Log) *Log {
	l, err := NewLog(t.Group)
	if err != nil {
		rt.Fatal(err)
	}
	for _, other := range logs {
		if _, err := l.Merge(other); err != nil {
			rt.Fatal(err)
		}
	}
	return l
}

func TestLaws(t *testing.T) {
	g := newTeam(3, true)
	rapid.Check(t, func(rt *rapid.T) {
		a, b, c := g.drawLog(rt, "a"), g.drawLog(rt, "b"), g.drawLog(rt, "c")
		ab := g.merged(rt, a, b)
		equal := func(law string, x, y *Log) {
			if x.Digest() != y.Digest() || x.Compare(y) != Equal || x.Caps(g.Members[0]) != y.Caps(g.Members[0]) {
				rt.Errorf("merge is not %s", law)
			}
			v, _ := x.Fact("key")
			if w, _ := y.Fact("key"); !slices.Equal(v, w) {
				rt.Errorf("facts of a merge are not %s", law)
			}
		}
		equal("commutative", ab, g.merged(rt, b, a))
		equal("associative", g.merged(rt, ab, c), g.merged(rt, a, g.merged(rt, b, c)))
		equal("idempotent", g.merged(rt, a, a), a)
		equal("absorbing", g.merged(rt, ab, a), ab)
		if n, err := ab.Merge(a); n != 0 || err != nil {
			rt.Errorf("merging again added %d, %v", n, err)
		}

		mirror := map[Outcome]Outcome{Equal: Equal, LocalBehind: RemoteBehind, RemoteBehind: LocalBehind, Diverged: Diverged}
		if x, y := a.Compare(b), b.Compare(a); y != mirror[x] {
			rt.Errorf("compare is %v one way and %v the other", x, y)
		}
		if o := a.Compare(ab); o != Equal && o != LocalBehind {
			rt.Errorf("a part against the whole: %v", o)
		}
		na, nb := twin(a), twin(b)
		if x, y := a.Compare(b), na.outcome(nb); x != y {
			rt.Errorf("compare says %v, the naive twin %v", x, y)
		}
		da, db := a.Digest(), b.Digest()
		if da.Equal(&db) != (na.outcome(nb) == Equal) {
			rt.Errorf("digests equal: %v, sets: %v", da.Equal(&db), na.outcome(nb))
		}
		if d := na.digest(a); d != da || d != a.Recompute() {
			rt.Errorf("digest %+v, the naive twin's %+v, recomputed %+v", da, d, a.Recompute())
		}
		if a.Caps(g.Members[0])&^(ab.Caps(g.Members[0])) != 0 && ab.Caps(g.Members[0])&^a.Caps(g.Members[0]) != 0 {
			rt.Errorf("capabilities grew")
		}
		if grown := ab.Caps(g.Members[0]) &^ a.Caps(g.Members[0]); grown != 0 {
			rt.Errorf("capabilities %b grew by a merge", grown)
		}

		// A sync is a merge on both sides.
		before := a.Compare(b)
		ra, rb := g.world(t, simnet.Ideal(1), Config{Batch: 4}, a, b).sync(t)
		if a.Digest() != ab.Digest() || ra.Outcome != before || rb.Outcome != mirror[before] {
			rt.Errorf("a sync of %v sides: %v and %v", before, ra.Outcome, rb.Outcome)
		}
	})
}

// What Since names is what marks leave out, and nothing else.
func TestBatchesCarryWhatIsPastTheMarks(t *testing.T) {
	g := newTeam(3, true)
	rapid.Check(t, func(rt *rapid.T) {
		a, b := g.drawLog(rt, "a"), g.drawLog(rt, "b")
		limit := rapid.IntRange(1, 9).Draw(rt, "limit")
		c := a.Since(b.Marks())
		got := g.merged(rt, b)
		want := g.merged(rt, b)
		for r := range a.All() {
			if r.Seq > b.High(r.Author) {
				if _, err := want.Insert(r); err != nil {
					rt.Fatal(err)
				}
			}
		}
		for number := uint64(0); ; number++ {
			batch, n := c.AppendBatch(nil, 1, number, limit)
			if n == 0 {
				break
			}
			applied, duplicates, err := got.ApplyBatch(batch, 1, number)
			if applied != n || duplicates != 0 || err != nil || n > limit {
				rt.Fatalf("batch of %d: applied %d, %d duplicates, %v", n, applied, duplicates, err)
			}
			if applied, duplicates, err := got.ApplyBatch(batch, 1, number); applied != 0 || duplicates != n || err != nil {
				rt.Fatalf("the same batch again: applied %d, %d duplicates, %v", applied, duplicates, err)
			}
		}
		if got.Compare(want) != Equal {
			rt.Errorf("%d records, want %d", got.Len(), want.Len())
		}
	})
}

func TestBatchesAreBoundedInBytes(t *testing.T) {
	g := newTeam(1, true)
	l, other := g.log(t), g.log(t)
	for seq := range uint64(20) {
		if _, err := l.Insert(Record{Kind: Op, Author: g.Members[0], Seq: seq + 1, Payload: make([]byte, MaxPayload)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Insert(Record{Kind: Op, Author: g.Members[0], Seq: 21, Payload: make([]byte, MaxPayload+1)}); err == nil {
		t.Error("a payload over the limit was taken")
	}
	c := l.Since(nil)
	for number := uint64(0); ; number++ {
		b, n := c.AppendBatch(nil, 1, number, 128)
		if n == 0 {
			break
		}
		if len(b) > maxBatchBytes+MaxPayload {
			t.Errorf("batch of %d bytes", len(b))
		}
		if _, _, err := other.ApplyBatch(b, 1, number); err != nil {
			t.Fatal(err)
		}
	}
	if other.Compare(l) != Equal {
		t.Error("not all arrived")
	}
	// And over a network, where batches are messages.
	g.Members = append(g.Members, protocols.PeerID{7})
	l2, l3 := g.log(t), g.log(t)
	if _, err := l2.Merge(l); err != nil {
		t.Fatal(err)
	}
	g.world(t, simnet.Realistic(1), Config{}, l2, l3).sync(t)
}

func TestInsertDoesNotAllocateWithRoom(t *testing.T) {
	g := newTeam(1, true)
	l := g.log(t)
	records := make([]Record, 2000)
	for i := range records {
		records[i] = g.record(0, uint64(i)+1)
		if _, err := l.Insert(records[i]); err != nil {
			t.Fatal(err)
		}
	}
	l.CopyFrom(g.log(t)) // empty again, with the memory of before
	if l.Len() != 0 || l.Digest() != g.log(t).Digest() {
		t.Fatal("not empty")
	}
	i := 0
	if n := testing.AllocsPerRun(1000, func() {
		if added, err := l.Insert(records[i]); !added || err != nil {
			t.Fatal(added, err)
		}
		i++
	}); n != 0 {
		t.Errorf("%v allocations for each insert", n)
	}
}

// Sessions use the memory of those before. What a sync allocates are its two results, which the
// caller keeps, and room for records.
func TestSyncDoesNotAllocate(t *testing.T) {
	for level := byMarks; level <= byCells; level++ {
		g := newTeam(2, true)
		a, b := g.log(t), g.log(t)
		g.add(t, a, 0, 1, 20)
		g.add(t, b, 1, 1, 20)
		for _, l := range []*Log{a, b} {
			l.Reserve(100_000, 1<<24)
		}
		w := g.world(t, simnet.Ideal(1), Config{level: level}, a, b)
		seq := uint64(20)
		one := func() {
			w.start(t, 0, 1)
			w.net.Run(protocols.Never, nil)
			if r, s := w.only(t, 0), w.only(t, 1); !r.Converged || !s.Converged {
				t.Fatal(r.Err, s.Err)
			}
		}
		add := func() {
			seq++
			g.add(t, a, 0, seq, seq)
			g.add(t, b, 1, seq, seq)
		}
		for range 3000 { // until the path is known to lose nothing, and tables have grown
			add()
			one()
		}
		base := testing.AllocsPerRun(50, add)
		if n := testing.AllocsPerRun(200, func() { add(); one() }) - base; n > 2 {
			t.Errorf("level %d: a sync allocates %v times, want 2", level, n)
		}
		if level == byCells && a.Len() < 6000 {
			t.Error("nothing was synced")
		}
	}
}
