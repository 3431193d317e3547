package antientropy

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sort"

	"github.com/perfgate/perfgate/protocols"
)

// A run is a range of numbers of one author, both ends included.
type run struct{ first, last uint64 }

// maxRuns bounds the holes that are kept track of, for each author and in a description.
const maxRuns = 512

// A tracker knows where an author's table has holes, as long as they are few.
type tracker struct {
	held int   // records in the table
	runs []run // the holes, in order, unless lost
	lost bool  // there were too many to follow
}

// add takes note of a new record with a number; the table ended at last before.
func (t *tracker) add(seq, last uint64) {
	t.held++
	switch {
	case t.lost:
	case seq == last+1:
	case seq > last:
		t.runs = append(t.runs, run{last + 1, seq - 1})
	default:
		i := sort.Search(len(t.runs), func(i int) bool { return t.runs[i].last >= seq })
		switch r := &t.runs[i]; {
		case r.first == r.last:
			t.runs = slices.Delete(t.runs, i, i+1)
		case seq == r.first:
			r.first++
		case seq == r.last:
			r.last--
		default:
			t.runs = slices.Insert(t.runs, i+1, run{seq + 1, r.last})
			t.runs[i].last = seq - 1
		}
	}
	if len(t.runs) > maxRuns {
		t.lost, t.runs = true, t.runs[:0]
	}
}

// holes returns the holes of an author's table. It looks for them if they were lost sight of and
// have become few, and says whether it knows them.
func (t *tracker) holes(table []uint32, base uint64) ([]run, bool) {
	if t.lost && len(table)-t.held <= maxRuns {
		t.runs = appendHoles(t.runs[:0], table, base)
		t.lost = false
	}
	return t.runs, !t.lost
}

// appendHoles lists the holes of a table that begins after base.
func appendHoles(dst []run, table []uint32, base uint64) []run {
	for i := 0; i < len(table); i++ {
		if table[i] != 0 {
			continue
		}
		first := i
		for table[i] == 0 {
			i++ // the last entry is never empty
		}
		dst = append(dst, run{base + uint64(first) + 1, base + uint64(i)})
	}
	return dst
}

// appendRuns encodes runs: their number, and for each how far it begins after the end of the one
// before, and its length; all in shortest form.
func appendRuns(dst []byte, runs []run) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(runs)))
	end := uint64(0)
	for _, r := range runs {
		dst = binary.AppendUvarint(dst, r.first-end)
		dst = binary.AppendUvarint(dst, r.last-r.first+1)
		end = r.last
	}
	return dst
}

// maxSeq bounds the numbers that may be spoken of, so that sums of them do not overflow.
const maxSeq = 1 << 62

// A reader decodes numbers one after the other; after an error it returns zeros.
type reader struct {
	b   []byte
	bad bool
}

// uvarint returns a number in its shortest form, at most limit.
func (r *reader) uvarint(limit uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || n > 1 && r.b[n-1] == 0 || v > limit {
		r.b, r.bad = nil, true
		return 0
	}
	r.b = r.b[n:]
	return v
}

// runs decodes what appendRuns makes, and calls f for each run, all within limit.
func (r *reader) runs(limit uint64, f func(run)) {
	end := uint64(0)
	for n := r.uvarint(maxSeq); n > 0 && !r.bad; n-- {
		gap, length := r.uvarint(maxSeq), r.uvarint(maxSeq)
		// Neighbours would be one run, and another encoding of the same.
		if gap == 0 || gap == 1 && end > 0 || length == 0 || end+gap+length-1 > limit {
			r.bad = true
			return
		}
		f(run{end + gap, end + gap + length - 1})
		end += gap + length - 1
	}
}

// Marks and wishes are lists of authors, by their place among the sorted members. Each begins with
// the distance from the one before.
//
//	marks   exact (1), each: author, high, and if exact, runs of the holes below high
//	wishes  each: author, runs of the numbers

// author decodes the next author after the one before, which is -1 at the start.
func (r *reader) author(before int) int { return before + 1 + int(r.uvarint(1<<16)) }

func appendAuthor(dst []byte, author, before int) []byte {
	return binary.AppendUvarint(dst, uint64(author-before-1))
}

// eachMark decodes marks.
func eachMark(b []byte, f func(author int, high uint64, holes []run)) error {
	if len(b) == 0 || b[0] > 1 {
		return fmt.Errorf("decode marks: cut short: %w", protocols.ErrVerification)
	}
	r := reader{b: b[1:]}
	var holes []run
	total := 0
	for author := -1; len(r.b) > 0; {
		author = r.author(author)
		high := r.uvarint(maxSeq)
		holes = holes[:0]
		if b[0] == 1 && high > 0 {
			r.runs(high-1, func(h run) {
				if total++; f != nil && total <= maxRuns {
					holes = append(holes, h)
				}
			})
		}
		if r.bad || high == 0 || total > maxRuns {
			return fmt.Errorf("decode marks: numbers out of order, cut short or of too many holes: %w", protocols.ErrVerification)
		}
		if f != nil {
			f(author, high, holes)
		}
	}
	return nil
}

// eachWish decodes wishes.
func eachWish(b []byte, f func(author int, r run)) error {
	r := reader{b: b}
	for author := -1; len(r.b) > 0; {
		author = r.author(author)
		none := true
		r.runs(maxSeq, func(w run) {
			none = false
			if f != nil {
				f(author, w)
			}
		})
		if r.bad || none {
			return fmt.Errorf("decode wishes: numbers out of order or cut short: %w", protocols.ErrVerification)
		}
	}
	return nil
}
