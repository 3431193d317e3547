package cells

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/perfgate/perfgate/protocols"
)

// A cell that claims an item which its other cells do not have would be taken out and put back for ever.
func TestContradictionEnds(t *testing.T) {
	local := prefixOf(200, 1, 2, 3)
	truth := prefixOf(200, 1, 2, 3)
	c := message(t, truth, 0, 200)
	x := uint64(77)
	mixed := local.mixer.mix(x)
	c.List[0].add(&Cell{x, local.mixer.check(mixed), 1}, 1)
	d := NewDecoder(local)
	err := d.Add(c)
	if !errors.Is(err, protocols.ErrVerification) || errors.Is(err, ErrMoved) || d.Done() {
		t.Fatalf("contradiction: %v, done %v", err, d.Done())
	}
	if again := d.Add(message(t, truth, 0, 200)); again == nil {
		t.Error("the error does not last")
	}
	d.Reset(local)
	if err := d.Add(message(t, truth, 0, 200)); err != nil || !d.Done() {
		t.Errorf("after reset: %v, done %v", err, d.Done())
	}
}

// Cells where the count and the check of the lie are right but it is in a cell it is not mapped to.
func TestItemInAWrongCellIsNotTaken(t *testing.T) {
	local := prefixOf(100)
	for x := range uint64(100) {
		mixed := local.mixer.mix(x)
		w := newWalk(mixed)
		w.next()
		for i := 1; i < 100; i++ {
			for w.at < int64(i) {
				w.next()
			}
			d := NewDecoder(local)
			err := d.Add(&Cells{From: i, Items: 1, List: []Cell{{x, local.mixer.check(mixed), 1}}})
			if mapped := w.at == int64(i); err != nil || mapped != (len(d.Remote()) == 1) {
				t.Fatalf("item %d in cell %d, mapped %v: found %d, %v", x, i, mapped, len(d.Remote()), err)
			}
		}
	}
}

// A check that a sum of items passes by chance, or by intent, does not upset the rest.
func TestWrongCheckIsNotTaken(t *testing.T) {
	local := prefixOf(100)
	d := NewDecoder(local)
	mixed := local.mixer.mix(5)
	for i, c := range []Cell{{5, local.mixer.check(mixed) ^ 1, 1}, {5, local.mixer.check(mixed), 3}, {6, local.mixer.check(mixed), 1}, {5, local.mixer.check(mixed), 0}, {0, 7, 0}, {0, 0, 2}} {
		d.Reset(local)
		if err := d.Add(&Cells{Items: 1, List: []Cell{c}}); err != nil || d.Done() || len(d.Remote())+len(d.Local()) != 0 {
			t.Errorf("cell %d: found %d items, %v", i, len(d.Remote())+len(d.Local()), err)
		}
	}
}

// Where all seems found but one cell says otherwise, nothing is done.
func TestOneCellThatDoesNotFit(t *testing.T) {
	local := prefixOf(100, 1, 2, 3)
	for at := range 100 {
		c := message(t, local, 0, 100)
		c.List[at].Count += 2
		d := NewDecoder(local)
		if err := d.Add(c); err != nil || d.Done() {
			t.Errorf("cell %d does not fit: %v, done %v", at, err, d.Done())
		}
	}
}

// Items made up to share their cells under one key, so that nothing can be told apart there, are
// spread as any others under a key that their author did not know.
func TestCraftedIDs(t *testing.T) {
	const n, cells = 20, 43
	guess := Key{1: 1}
	rnd := newRand(13)
	var id [32]byte
	under := func(k Key, ids [][32]byte) *Decoder {
		local, remote := NewPrefix(k, 1024), NewPrefix(k, 1024)
		for i := range ids {
			remote.Add(k.Short(&ids[i]))
		}
		d := NewDecoder(local)
		if err := d.Add(message(t, remote, 0, cells)); err != nil {
			t.Fatal(err)
		}
		return d
	}
	var ids [][32]byte
	m := guess.mixer()
	for len(ids) < n {
		binary.LittleEndian.PutUint64(id[:], rnd.Uint64())
		w := newWalk(m.mix(guess.Short(&id)))
		if w.next(); w.at >= cells {
			ids = append(ids, id)
		}
	}
	if d := under(guess, ids); d.Done() || len(d.Remote()) != 0 {
		t.Fatalf("the ids do not do what they were made for: %d found", len(d.Remote()))
	}
	done := 0
	for i := range 20 {
		d := under(Key{byte(i), 2}, ids)
		if d.Done() && len(d.Remote()) == n {
			done++
		}
	}
	if done < 17 {
		t.Errorf("under other keys %d of 20 are decoded from %d cells", done, cells)
	}
}

// Ids that agree in most of their bytes have short ids that do not.
func TestIDsWithACommonPart(t *testing.T) {
	k := testKey
	var shorts []uint64
	for at := range 32 {
		for v := 1; v < 256; v++ {
			id := [32]byte{}
			id[at] = byte(v)
			shorts = append(shorts, k.Short(&id))
		}
	}
	p, q := prefixOf(MaxCells/4, shorts...), prefixOf(MaxCells/4)
	d := NewDecoder(q)
	if err := d.Add(message(t, p, 0, Need(len(shorts)))); err != nil {
		t.Fatal(err)
	}
	if !d.Done() || !slices.Equal(sorted(d.Remote()), sorted(shorts)) {
		t.Errorf("found %d of %d", len(d.Remote()), len(shorts))
	}
}

// Whatever arrives, the decoder ends, holds no more than it was sent, and is done only with a
// difference that explains every cell it got.
func FuzzDecoder(f *testing.F) {
	local := func(n byte) *Prefix {
		p := NewPrefix(testKey, 150)
		for i := range uint64(n % 8) {
			p.Add(i * 0x9e3779b97f4a7c15)
		}
		return p
	}
	f.Add(byte(3), local(5).AppendCells(nil, 0, 20), local(5).AppendCells(nil, 10, 40))
	f.Add(byte(0), local(7).AppendCells(nil, 0, 40), local(6).AppendCells(nil, 40, 50))
	f.Add(byte(7), local(0).AppendCells(nil, 0, 150), []byte{1, 0, 0})
	contradiction := local(1).AppendCells(nil, 0, 90)
	clear(contradiction[3+CellSize:])
	f.Add(byte(0), contradiction, local(1).AppendCells(nil, 60, 120))
	f.Fuzz(func(t *testing.T, n byte, first, second []byte) {
		p := local(n)
		d := NewDecoder(p)
		got := make([]*Cell, p.Len())
		for _, b := range [][]byte{first, second} {
			c, err := ParseCells(b)
			if err != nil {
				continue
			}
			err = d.Add(&c)
			if errors.Is(err, ErrMoved) {
				continue
			}
			for i := range c.List {
				if at := c.From + i; at < len(got) && got[at] == nil {
					got[at] = &c.List[i]
				}
			}
			if found := len(d.Remote()) + len(d.Local()); found > d.Received() {
				t.Fatalf("found %d items in %d cells", found, d.Received())
			}
			if err != nil && (!errors.Is(err, protocols.ErrVerification) || d.Done()) {
				t.Fatalf("done %v, with the error %v", d.Done(), err)
			}
		}
		if !d.Done() {
			if found := len(d.Remote()) + len(d.Local()); d.known && d.Estimate() <= found {
				t.Fatalf("estimates %d with %d found and not done", d.Estimate(), found)
			}
			return
		}
		for _, s := range d.Remote() {
			p.Add(s)
		}
		for _, s := range d.Local() {
			p.Remove(s)
		}
		for i, c := range got {
			if c != nil && (c.Sum != p.cells[i].Sum || c.Check != p.cells[i].Check || int8(c.Count) != int8(p.cells[i].Count)) {
				t.Fatalf("cell %d is not explained by what was found", i)
			}
		}
	})
}
