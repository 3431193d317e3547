package antientropy

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// What the tracker knows of a table's holes is what a look at the table shows, in whatever order
// records come.
func TestTrackerKnowsTheHoles(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var tr tracker
		var table []uint32
		check := func() {
			got, known := tr.holes(table, 0)
			if want := appendHoles(nil, table, 0); !known || !slices.Equal(got, want) {
				rt.Fatalf("holes %v, known %v; want %v", got, known, want)
			}
		}
		for _, seq := range rapid.SliceOfNDistinct(rapid.Uint64Range(1, 60), 0, 50, rapid.ID[uint64]).Draw(rt, "numbers") {
			tr.add(seq, uint64(len(table)))
			for uint64(len(table)) < seq {
				table = append(table, 0)
			}
			table[seq-1] = 1
			check()
		}
	})
}

// A log with too many holes says so, and finds them again once they are few.
func TestTrackerLosesAndFindsHoles(t *testing.T) {
	g := newTeam(1, true)
	l := g.thinned(t, 4000, nil)
	for seq := uint64(1); seq < 4000-2*20; seq += 2 {
		if l.exact() && seq < 2900 {
			t.Fatalf("exact with %d records of 4000", l.Len())
		}
		g.add(t, l, 0, seq, seq)
	}
	if holes, _ := l.tracks[0].holes(l.authors[0], 0); !l.exact() || len(holes) != 20 || holes[0] != (run{3961, 3961}) {
		t.Errorf("exact %v, holes %v", l.exact(), holes)
	}
	c := g.log(t)
	c.CopyFrom(l)
	g.add(t, c, 0, 3961, 3961)
	if a, b := len(l.tracks[0].runs), len(c.tracks[0].runs); a != 20 || b != 19 {
		t.Errorf("a copy shares its holes: %d and %d", a, b)
	}
}

// What marks tell is the difference of the sets, to the number.
func TestMarksTellTheDifference(t *testing.T) {
	g := newTeam(3, true)
	rapid.Check(t, func(rt *rapid.T) {
		a, b := g.drawLog(rt, "a"), g.drawLog(rt, "b")
		gap := a.compare(nil, nil, b.appendMarks(nil, true))
		if gap.extra {
			rt.Error("a stranger among the members")
		}
		c := Cursor{log: a, spans: gap.send}
		lacks := map[[32]byte]bool{}
		for i := c.peek(); i >= 0; i = c.peek() {
			lacks[a.headers[i].id] = true
			c.advance()
		}
		if n := a.lackedBy(b); len(lacks) != n {
			rt.Errorf("%d records to send, want %d", len(lacks), n)
		}
		for id := range lacks {
			if b.find(&id) >= 0 {
				rt.Errorf("a record to send is there already")
			}
		}
		type name struct {
			author int
			seq    uint64
		}
		got := map[name]bool{}
		start := 0
		for _, end := range gap.pages {
			page := gap.want[start:end]
			start = end
			if err := eachWish(page, func(author int, r run) {
				for seq := r.first; seq <= r.last; seq++ {
					got[name{author, seq}] = true
				}
			}); err != nil {
				rt.Fatal(err)
			}
		}
		want := 0
		for r := range b.All() {
			if _, ok := a.Record(r.Author, r.Seq); ok {
				continue
			}
			want++
			if !got[name{int(a.number[r.Author]), r.Seq}] {
				rt.Errorf("record %d of %v is not wished for", r.Seq, r.Author)
			}
		}
		if len(got) != want {
			rt.Errorf("%d wishes, want %d", len(got), want)
		}
		// Without holes only what lies past the marks is certain.
		loose := a.compare(nil, nil, b.appendMarks(nil, false))
		if len(loose.want) > 0 {
			rt.Error("wishes from marks that are not exact")
		}
	})
}
