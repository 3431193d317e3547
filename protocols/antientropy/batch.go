package antientropy

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/perfgate/perfgate/protocols"
)

const (
	// MaxBatch bounds the records that one batch may carry, whatever the sender's setting.
	MaxBatch = 4096
	// maxBatchBytes ends a batch before its record count does. One record always fits.
	maxBatchBytes = 128 << 10

	checkSize   = 16
	batchHeader = checkSize + 2
	runHeader   = 2 + 2
)

// A Cursor walks over records of a log that are to be sent, in order of author and number, and cuts
// them into batches. It holds no copies: records are read when their batch is made.
type Cursor struct {
	log    *Log
	spans  []span
	list   []uint32 // or single headers, in the same order
	spanAt int      // spans and list before these are done with
	listAt int
	err    error
}

type span struct {
	author     uint32
	next, last uint64
}

// Since returns a cursor over the records that lie past the marks: all those of an author without
// one. When some of them are not held any more the cursor is empty and its Err says so: who has these
// marks needs the snapshot first.
func (l *Log) Since(marks []Mark) *Cursor {
	c := &Cursor{log: l}
	for a := range l.authors {
		for len(marks) > 0 && bytes.Compare(marks[0].Author[:], l.members[a][:]) < 0 {
			marks = marks[1:]
		}
		next := uint64(1)
		if len(marks) > 0 && marks[0].Author == l.members[a] {
			next += marks[0].High
		}
		if next != 0 && next <= l.base[a] {
			err := fmt.Errorf("send records of %v from %d: those up to %d are pruned: %w: %w", l.members[a], next, l.base[a], protocols.ErrPruned, protocols.ErrVersion)
			return &Cursor{log: l, err: err}
		}
		if last := l.high(uint32(a)); next != 0 && next <= last {
			c.spans = append(c.spans, span{uint32(a), next, last})
		}
	}
	return c
}

// Err returns nil, or an error that wraps protocols.ErrPruned.
func (c *Cursor) Err() error { return c.err }

// peek returns the header of the next record, or -1 at the end.
func (c *Cursor) peek() int {
	for ; c.spanAt < len(c.spans); c.spanAt++ {
		s := &c.spans[c.spanAt]
		for ; s.next <= s.last; s.next++ {
			if n := c.log.slot(s.author, s.next); n != 0 {
				return int(n - 1)
			}
		}
	}
	if c.listAt < len(c.list) {
		return int(c.list[c.listAt])
	}
	c.spans, c.list, c.spanAt, c.listAt = c.spans[:0], c.list[:0], 0, 0
	return -1
}

func (c *Cursor) advance() {
	if c.spanAt < len(c.spans) {
		c.spans[c.spanAt].next++
	} else {
		c.listAt++
	}
}

// left is at most how many records lie ahead: in spans, holes count.
func (c *Cursor) left() int {
	n := len(c.list) - c.listAt
	for _, s := range c.spans[c.spanAt:] {
		n += int(s.last - s.next + 1)
	}
	return n
}

// AppendBatch appends the next batch, of at most limit records, and returns how many it has; with
// none left it appends nothing. Session and number bind the batch to its place in one session.
//
//	check (16 bytes), runs (2), each run: author (2), records (2), records in stored form
//
// An author is told by its place among the sorted members. Authors ascend from run to run and numbers within a run, so a set of records has one encoding.
func (c *Cursor) AppendBatch(dst []byte, session, number uint64, limit int) ([]byte, int) {
	limit = min(limit, MaxBatch)
	start := len(dst)
	check := newCheck(c.log.checkBuf, session, number)
	n, runs, run := 0, 0, 0
	author, seq := ^uint32(0), uint64(0)
	for n < limit {
		i := c.peek()
		if i < 0 {
			break
		}
		h, body := &c.log.headers[i], c.log.body(i)
		if n > 0 && len(dst)-start+runHeader+len(body) > maxBatchBytes {
			break
		}
		if n > 0 && (h.author < author || h.author == author && recordSeq(body) <= seq) {
			break // what was asked for in several ways is in order only piece by piece
		}
		seq = recordSeq(body)
		if n == 0 {
			// The first record tells how much the batch takes: growing bit by bit would copy it many times.
			dst = slices.Grow(dst, batchHeader+min(runHeader*len(c.spans)+min(limit, c.left())*len(body), maxBatchBytes))
			dst = append(dst, make([]byte, batchHeader)...)
		}
		if h.author != author {
			author = h.author
			run = len(dst) + 2
			runs++
			dst = append(dst, byte(author), byte(author>>8), 0, 0)
		}
		dst = append(dst, body...)
		check.add(&h.id)
		binary.LittleEndian.PutUint16(dst[run:], binary.LittleEndian.Uint16(dst[run:])+1)
		n++
		c.advance()
	}
	if n > 0 {
		c.log.checkBuf = check.b
		sum := check.sum()
		copy(dst[start:], sum[:])
		binary.LittleEndian.PutUint16(dst[start+checkSize:], uint16(runs))
	}
	return dst, n
}

// A check binds the ids of a batch, in order, to its place.
type check struct{ b []byte }

func newCheck(buf []byte, session, number uint64) check {
	b := binary.LittleEndian.AppendUint64(buf[:0], session)
	return check{binary.LittleEndian.AppendUint64(b, number)}
}

func (c *check) add(id *[32]byte) { c.b = append(c.b, id[:]...) }

func (c *check) sum() [checkSize]byte {
	h := sha256.Sum256(c.b)
	return [checkSize]byte(h[:])
}

// A pending record is verified and waits for the rest of its batch.
type pending struct {
	author uint32
	fresh  bool
	id     [32]byte
	body   []byte
}

// walkBatch calls f for every record of a batch, in order. It checks the form: lengths, order of
// authors and numbers, nothing left over.
func walkBatch(b []byte, signature bool, f func(author int, body []byte) error) error {
	bad := func(what string) error {
		return fmt.Errorf("decode batch: %s: %w", what, protocols.ErrVerification)
	}
	if len(b) < batchHeader {
		return bad("cut short")
	}
	runs := int(binary.LittleEndian.Uint16(b[checkSize:]))
	if runs == 0 {
		return bad("empty")
	}
	b = b[batchHeader:]
	last, total := -1, 0
	for range runs {
		if len(b) < runHeader {
			return bad("run cut short")
		}
		author := int(binary.LittleEndian.Uint16(b))
		n := int(binary.LittleEndian.Uint16(b[2:]))
		b = b[runHeader:]
		total += n
		if n == 0 || total > MaxBatch {
			return bad(fmt.Sprintf("run of %d records, at most %d in a batch", n, MaxBatch))
		}
		if last >= author {
			return bad("authors out of order")
		}
		last = author
		seq := uint64(0)
		for i := range n {
			body, rest, err := cutRecord(b, signature)
			if err != nil {
				return err
			}
			if i > 0 && recordSeq(body) <= seq {
				return bad("numbers out of order")
			}
			seq, b = recordSeq(body), rest
			if err := f(author, body); err != nil {
				return err
			}
		}
	}
	if len(b) > 0 {
		return bad("bytes left over")
	}
	return nil
}

// ApplyBatch verifies a whole batch, as AppendBatch makes it, and only then adds its records: all or
// none. It returns how many were new and how many were held already. The error wraps
// protocols.ErrVerification.
func (l *Log) ApplyBatch(b []byte, session, number uint64) (applied, duplicates int, err error) {
	l.pending, l.due = l.pending[:0], l.due[:0]
	check := newCheck(l.checkBuf, session, number)
	size := 0
	err = walkBatch(b, !l.group.Unsigned, func(author int, body []byte) error {
		if author >= len(l.members) {
			return fmt.Errorf("verify record %d of author %d: the author is no member of the group: %w", recordSeq(body), author, protocols.ErrVerification)
		}
		id, fresh, err := l.verify(uint32(author), body)
		if err != nil {
			return err
		}
		check.add(&id)
		if fresh {
			size += len(body)
			applied++
		} else {
			duplicates++
		}
		l.pending = append(l.pending, pending{uint32(author), fresh, id, body})
		return nil
	})
	l.checkBuf = check.b
	if err == nil {
		err = l.authenticate()
	}
	if err != nil {
		return 0, 0, err
	}
	if sum := check.sum(); !bytes.Equal(sum[:], b[:checkSize]) {
		return 0, 0, fmt.Errorf("verify batch %d: its check does not fit its records and session: %w", number, protocols.ErrVerification)
	}
	l.linkPending()
	return applied, duplicates, nil
}
