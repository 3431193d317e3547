package cells

// MaxCells bounds the cells of a prefix and the index behind the last cell of a message.
const MaxCells = 1 << 16

// A Cell sums the items that are mapped to one index.
type Cell struct {
	// Sum is the exclusive or of their short ids, Check that of their checks.
	Sum   uint64
	Check uint32
	// Count is their number; in a cell that was received, some number between -128 and 127 that
	// differs from it by a multiple of 256. That is enough: decoding adds and compares with one.
	Count int64
}

// A Prefix is the first cells of a set of short ids, kept up to date on every insert. It does not
// hold the items, so it relies on its caller: no item is added twice, not even for two ids with one
// short id, and none removed that is not in it.
type Prefix struct {
	mixer   mixer
	cells   []Cell
	items   int
	version uint64 // counts the changes
}

// NewPrefix returns the prefix of m cells, brought into the range from 1 to MaxCells, of the empty set.
func NewPrefix(key Key, m int) *Prefix {
	return &Prefix{mixer: key.mixer(), cells: make([]Cell, min(max(m, 1), MaxCells))}
}

// NewNarrowPrefix is NewPrefix for cells that are to be sent in less: their checks have 16 bits. So one
// sum of several items in 65,000 passes for an item, and one such in a hundred or more is also in a
// cell that it can be in; a decoder that was so misled is not done, or contradicts itself, and needs
// another way.
func NewNarrowPrefix(key Key, m int) *Prefix {
	p := NewPrefix(key, m)
	p.mixer.bits = 1<<16 - 1
	return p
}

// Add adds an item by its short id.
func (p *Prefix) Add(short uint64) { p.change(short, 1) }

// AddAll adds items by their short ids, as Add would one after the other, in less time.
func (p *Prefix) AddAll(shorts []uint64) {
	n := int64(len(p.cells))
	for ; len(shorts) > 1; shorts = shorts[2:] {
		// A step waits for the one before on the same walk; those of two walks at once overlap.
		a, b := p.mixer.mix(shorts[0]), p.mixer.mix(shorts[1])
		checkA, checkB := p.mixer.check(a), p.mixer.check(b)
		v, w := newWalk(a), newWalk(b)
		for v.at < n && w.at < n {
			p.cells[v.at].put(shorts[0], checkA)
			p.cells[w.at].put(shorts[1], checkB)
			v.next()
			w.next()
		}
		for ; v.at < n; v.next() {
			p.cells[v.at].put(shorts[0], checkA)
		}
		for ; w.at < n; w.next() {
			p.cells[w.at].put(shorts[1], checkB)
		}
		p.items += 2
		p.version += 2
	}
	if len(shorts) > 0 {
		p.Add(shorts[0])
	}
}

func (c *Cell) put(short uint64, check uint32) {
	c.Sum ^= short
	c.Check ^= check
	c.Count++
}

// Remove takes out an item that was added.
func (p *Prefix) Remove(short uint64) { p.change(short, -1) }

func (p *Prefix) change(short uint64, n int64) {
	mixed := p.mixer.mix(short)
	sum := p.mixer.check(mixed)
	for w := newWalk(mixed); w.at < int64(len(p.cells)); w.next() {
		c := &p.cells[w.at]
		c.Sum ^= short
		c.Check ^= sum
		c.Count += n
	}
	p.items += int(n)
	p.version++
}

// Len returns the number of cells.
func (p *Prefix) Len() int { return len(p.cells) }

// Count returns the number of items.
func (p *Prefix) Count() int { return p.items }

// CopyFrom makes p a copy of q, with q's key and length. It allocates only if p was shorter.
func (p *Prefix) CopyFrom(q *Prefix) {
	p.mixer, p.items = q.mixer, q.items
	p.cells = append(p.cells[:0], q.cells...)
	p.version++
}
