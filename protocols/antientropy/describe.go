package antientropy

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/cells"
)

// exact reports whether the log's holes are known and few, so that marks and holes say exactly which
// numbers it holds.
func (l *Log) exact() bool {
	total := 0
	for a := range l.authors {
		holes, known := l.tracks[a].holes(l.authors[a], l.base[a])
		total += len(holes)
		if !known || total > maxRuns {
			return false
		}
	}
	return true
}

// appendMarks describes the log: the highest number of each author and, if exact, all holes.
func (l *Log) appendMarks(dst []byte, exact bool) []byte {
	flag := byte(0)
	if exact {
		flag = 1
	}
	dst = append(dst, flag)
	before := -1
	for a := range l.authors {
		high := l.high(uint32(a))
		if high == 0 {
			continue
		}
		dst = binary.AppendUvarint(appendAuthor(dst, a, before), high)
		before = a
		if exact {
			dst = appendRuns(dst, l.tracks[a].runs)
		}
	}
	return dst
}

// wishPage is how long one part with wishes gets before another is begun, but for one author.
const wishPage = 8 << 10

// A gap is what two sides lack, as far as marks can tell.
type gap struct {
	send  []span // what the other side lacks
	want  []byte // wishes for what we lack, after what was there before
	pages []int  // where each page of them ends
	tail  uint64 // how many numbers it has, or more, past ours
	extra bool   // it speaks of an author whom we do not know
	gone  bool   // it lacks what we have pruned
}

// compare works out what marks of the other side say it lacks and, if they are exact, what we lack.
// Without exactness only numbers past a mark are certain to be lacking. What is to be sent is
// appended to send, wishes to want. The gap lasts until the next one.
func (l *Log) compare(send []span, want, marks []byte) gap {
	g := gap{send: send, want: want, pages: l.pages[:0]}
	exact := marks[0] == 1
	next, before := 0, -1
	start := len(want)
	turn := func() {
		if len(g.want) > start {
			start, before = len(g.want), -1
			g.pages = append(g.pages, start)
		}
	}
	past := func(a int, high uint64) {
		g.gone = g.gone || high < l.base[a]
		if last := l.high(uint32(a)); high < last {
			g.send = append(g.send, span{uint32(a), high + 1, last})
		}
	}
	eachMark(marks, func(author int, high uint64, holes []run) {
		for ; next < author && next < len(l.authors); next++ {
			past(next, 0)
		}
		if author >= len(l.authors) {
			g.extra = true
			return
		}
		next = author + 1
		end := l.high(uint32(author))
		for _, h := range holes {
			g.gone = g.gone || h.first <= l.base[author]
			if last := min(h.last, end); h.first <= last {
				g.send = append(g.send, span{uint32(author), h.first, last})
			}
		}
		past(author, high)
		if !exact {
			g.tail += high - min(high, end)
			return
		}
		table, base := l.authors[author], l.base[author]
		ours, known := l.tracks[author].holes(table, base)
		if !known {
			ours = appendHoles(nil, table, base)
		}
		l.lacking = lacking(l.lacking[:0], ours, end, high, holes)
		for part := range slices.Chunk(l.lacking, maxPage) {
			if len(g.want)-start > wishPage || author == before {
				turn()
			}
			g.want = appendRuns(appendAuthor(g.want, author, before), part)
			before = author
		}
	})
	turn()
	l.pages = g.pages
	for ; next < len(l.authors); next++ {
		past(next, 0)
	}
	return g
}

// lacking appends the numbers up to high that are not among theirs, a list of holes, but are among
// ours, or past the end of our table.
func lacking(want, ours []run, end, high uint64, theirs []run) []run {
	cut := func(w run) {
		for len(theirs) > 0 && theirs[0].last < w.first {
			theirs = theirs[1:]
		}
		for _, h := range theirs {
			if h.first > w.last {
				break
			}
			if h.first > w.first {
				want = append(want, run{w.first, h.first - 1})
			}
			w.first = h.last + 1
		}
		if w.first > w.last {
			return
		}
		if n := len(want); n > 0 && want[n-1].last+1 == w.first {
			want[n-1].last = w.last // a hole at the end, and what lies past it
			return
		}
		want = append(want, w)
	}
	for _, o := range ours {
		if o.first <= high {
			cut(run{o.first, min(o.last, high)})
		}
	}
	if end < high {
		cut(run{end + 1, high})
	}
	return want
}

// shortBits is how long the short ids are that cells sum, wishes name and the index is keyed by. Of a
// million records a few hundred share theirs with another. Such twins cost nothing while both sides
// have both; if one is wished for, both are sent; and of twins of which each side has one, ranges
// tell. So short ids need not be longer, and with checks of 16 bits a cell takes 7 bytes on the wire.
const shortBits = 32

// cellMemory is what a cell takes in memory, in bytes.
const cellMemory = 24

func (l *Log) short(id *[32]byte) uint64 { return l.cellKey.Short(id) & l.shortMask }

// appendCells appends the first cells as a message of package cells, without the bytes of the sums
// and checks that are always zero.
func (l *Log) appendCells(dst []byte, count int) []byte {
	l.wide = l.prefix.AppendCells(l.wide[:0], 0, count)
	head := len(l.wide) - count*cells.CellSize
	dst = append(dst, l.wide[:head]...)
	for b := l.wide[head:]; len(b) > 0; b = b[cells.CellSize:] {
		dst = append(append(dst, b[:shortSize]...), b[8], b[9], b[12])
	}
	return dst
}

// parseCells decodes what appendCells makes, into memory of the log.
func (l *Log) parseCells(b []byte) error {
	r := reader{b: b}
	for range 2 {
		r.uvarint(cells.MaxCells)
	}
	r.uvarint(cells.MaxItems)
	if r.bad || len(r.b)%cellSize != 0 {
		return fmt.Errorf("decode cells: cut short: %w", protocols.ErrVerification)
	}
	l.wide = append(l.wide[:0], b[:len(b)-len(r.b)]...)
	for b := r.b; len(b) > 0; b = b[cellSize:] {
		l.wide = append(append(l.wide, b[:shortSize]...), 0, 0, 0, 0)
		l.wide = append(l.wide, b[shortSize], b[shortSize+1], 0, 0, b[shortSize+2])
	}
	return l.cells.Parse(l.wide)
}

// withShort calls f for all headers with a short id.
func (l *Log) withShort(short uint64, f func(header uint32)) {
	if len(l.index) == 0 {
		return
	}
	mask := uint64(len(l.index) - 1)
	for i := short & mask; l.index[i] != 0; i = (i + 1) & mask {
		if h := l.index[i] - 1; uint64(l.headers[h].short) == short {
			f(h)
		}
	}
}
