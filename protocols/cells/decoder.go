package cells

import (
	"errors"
	"fmt"
	"slices"

	"github.com/perfgate/perfgate/protocols"
)

// ErrMoved says that the other set has changed since its cells that were received before: cells of
// the two do not go together. The decoder is as it was. Reset it to go on with the newer cells. It
// comes together with protocols.ErrVerification.
var ErrMoved = errors.New("the other set has changed between its cells")

// A Decoder takes the local set from cells of another and finds the difference.
//
// It reads the local prefix during Add only. Items may be added to it and removed in between: the
// next Add sees that and corrects what was subtracted, so the decoder stays exact. An id that was
// found and has been added since is then listed twice, as remote and as local, which cancels. The
// prefix must not get another key or length; the decoder refuses to go on if it does.
type Decoder struct {
	local   *Prefix
	mixer   mixer
	size    int // length of the prefix
	version uint64
	items   int64 // of the local set, at that version

	other int64 // items of the other set
	known bool  // whether that was told
	err   error

	cells []Cell   // of the other set, less the local one, less what was found; if not received, less what was found
	base  []Cell   // the local cells that were subtracted
	got   []uint64 // a bit for every cell: whether it was received
	count int      // of received cells
	peels int      // since the local set last changed

	found  []item
	remote []uint64
	here   []uint64
	ready  []int32 // cells that may hold a single item
	path   []int32 // of the item at hand
}

// An item was found, and taken from all its cells below len(Decoder.cells).
type item struct {
	short uint64
	check uint32
	count int64 // 1 if only the other side has it, -1 if only this one
	walk  walk  // to the first cell not yet reached
}

// NewDecoder returns a decoder for cells of other sets under the key of the local prefix.
func NewDecoder(local *Prefix) *Decoder {
	d := &Decoder{}
	d.Reset(local)
	return d
}

// Reset forgets all that was received and found. The slices that Remote and Local returned lose
// their meaning.
func (d *Decoder) Reset(local *Prefix) {
	d.local, d.mixer, d.size = local, local.mixer, len(local.cells)
	d.version, d.items = local.version, int64(local.items)
	d.other, d.known, d.err = 0, false, nil
	d.cells, d.base, d.got = d.cells[:0], d.base[:0], d.got[:0]
	d.count, d.peels = 0, 0
	d.found, d.remote, d.here, d.ready = d.found[:0], d.remote[:0], d.here[:0], d.ready[:0]
}

// Add takes more cells of the other set and finds what they allow. Cells that are known already, or
// beyond the local prefix, are passed over. The error wraps protocols.ErrVerification: ErrMoved, or
// that the cells contradict themselves, which stays until Reset.
func (d *Decoder) Add(c *Cells) error {
	switch {
	case d.err != nil:
		return d.err
	case c.From < 0 || c.From > MaxCells || len(c.List) > MaxCells-c.From || c.Items > MaxItems:
		return fmt.Errorf("decode difference: %d cells from %d of %d items are out of bounds: %w", len(c.List), c.From, c.Items, protocols.ErrVerification)
	case d.known && d.other != int64(c.Items):
		return fmt.Errorf("decode difference: %d items, earlier %d: %w: %w", c.Items, d.other, ErrMoved, protocols.ErrVerification)
	case d.local.mixer != d.mixer || len(d.local.cells) != d.size:
		d.err = fmt.Errorf("decode difference: the local prefix has another key or length than at the start: %w", protocols.ErrVerification)
		return d.err
	}
	d.other, d.known = int64(c.Items), true
	if d.version != d.local.version {
		d.rebase()
	}
	to := min(c.From+len(c.List), d.size)
	d.extend(to)
	for i := c.From; i < to; i++ {
		if d.has(i) {
			continue
		}
		d.got[i/64] |= 1 << (i % 64)
		d.count++
		d.base[i] = d.local.cells[i]
		d.cells[i].add(&c.List[i-c.From], 1)
		d.cells[i].add(&d.base[i], -1)
		d.offer(i)
	}
	d.err = d.peel()
	return d.err
}

func (d *Decoder) has(i int) bool { return d.got[i/64]>>(i%64)&1 != 0 }

// add adds n times the cell o.
func (c *Cell) add(o *Cell, n int64) {
	c.Sum ^= o.Sum
	c.Check ^= o.Check
	c.Count += n * o.Count
}

// isZero tells whether nothing is left in a cell.
func (c *Cell) isZero() bool { return c.Sum == 0 && c.Check == 0 && int8(c.Count) == 0 }

// single tells whether a cell may hold one item alone, as far as its count knows.
func (c *Cell) single() bool { return int8(c.Count) == 1 || int8(c.Count) == -1 }

// offer notes that cell i has changed.
func (d *Decoder) offer(i int) {
	if d.cells[i].single() {
		d.ready = append(d.ready, int32(i))
	}
}

// rebase exchanges the local cells that were subtracted for those of today.
func (d *Decoder) rebase() {
	for i := range d.base {
		if d.has(i) {
			d.cells[i].add(&d.base[i], 1)
			d.base[i] = d.local.cells[i]
			d.cells[i].add(&d.base[i], -1)
			d.offer(i)
		}
	}
	d.version, d.items, d.peels = d.local.version, int64(d.local.items), 0
}

// extend takes the cells below to into work, and what was found out of them. It takes an eighth more
// than before at least, so that what was found is not gone through for every cell that arrives alone.
func (d *Decoder) extend(to int) {
	if to <= len(d.cells) {
		return
	}
	to = min(max(to, len(d.cells)+len(d.cells)/8), d.size)
	d.cells, d.base = grow(d.cells, to), grow(d.base, to)
	d.got = grow(d.got, (to+63)/64)
	for i := range d.found {
		for f := &d.found[i]; f.walk.at < int64(to); f.walk.next() {
			d.cells[f.walk.at].take(f)
		}
	}
}

// grow lengthens s to n, with zeros.
func grow[T any](s []T, n int) []T {
	old := len(s)
	s = slices.Grow(s, max(n-old, 0))[:max(n, old)]
	clear(s[old:])
	return s
}

func (c *Cell) take(f *item) {
	c.Sum ^= f.short
	c.Check ^= f.check
	c.Count -= f.count
}

// peel takes out single items until none is left. In cells that tell the truth each item that is
// taken out empties a received cell for good. So more items than cells are a lie, and the bound that
// makes peeling end.
func (d *Decoder) peel() error {
	for n := len(d.ready); n > 0; n = len(d.ready) {
		at := d.ready[n-1]
		d.ready = d.ready[:n-1]
		c := &d.cells[at]
		if !c.single() {
			continue
		}
		mixed := d.mixer.mix(c.Sum)
		if d.mixer.check(mixed) != c.Check {
			continue
		}
		f := item{short: c.Sum, check: c.Check, count: int64(int8(c.Count)), walk: newWalk(mixed)}
		d.path = d.path[:0]
		in := false
		for ; f.walk.at < int64(len(d.cells)); f.walk.next() {
			d.path = append(d.path, int32(f.walk.at))
			in = in || int32(f.walk.at) == at
		}
		if !in {
			continue // several items whose sum has the right check by chance
		}
		if d.peels++; d.peels > d.count {
			return fmt.Errorf("decode difference: more items than the %d cells can hold: %w", d.count, protocols.ErrVerification)
		}
		for _, i := range d.path {
			d.cells[i].take(&f)
			if d.has(int(i)) {
				d.offer(int(i))
			}
		}
		d.found = append(d.found, f)
		if f.count > 0 {
			d.remote = append(d.remote, f.short)
		} else {
			d.here = append(d.here, f.short)
		}
	}
	return nil
}

// Done tells whether the difference was found whole: the cell that sums everything was received, and
// nothing is left in any cell.
func (d *Decoder) Done() bool {
	if d.err != nil || len(d.cells) == 0 || !d.has(0) || !d.cells[0].isZero() {
		return false
	}
	for i := range d.cells {
		if d.has(i) && !d.cells[i].isZero() {
			return false
		}
	}
	return true
}

// Remote returns the short ids found so far that only the other side has. They are the decoder's,
// until Reset, and are not to be relied on before Done.
func (d *Decoder) Remote() []uint64 { return d.remote }

// Local returns the short ids found so far that only this side has, with the bounds of Remote.
func (d *Decoder) Local() []uint64 { return d.here }

// Received returns how many cells were received.
func (d *Decoder) Received() int { return d.count }
