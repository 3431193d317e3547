package antientropy

import (
	"fmt"
	"sort"

	"github.com/perfgate/perfgate/protocols"
)

// What package journal needs of a log beyond a session: runs, which are consecutive records of one
// author in stored form, as they are pushed from peer to peer in single datagrams.

// Group returns what the log was made for. Its members share the caller's memory.
func (l *Log) Group() Group { return l.group }

// Members is the number of members of the group.
func (l *Log) Members() int { return len(l.members) }

// Number is a member's place in the order of names, from 0, the same at every replica; false for a
// stranger.
func (l *Log) Number(p protocols.PeerID) (int, bool) {
	n, ok := l.number[p]
	return int(n), ok
}

// Member returns the name of the member with a number.
func (l *Log) Member(number int) protocols.PeerID { return l.members[number] }

// Reach is the highest number held, or pruned, of the records of the author with a number, or 0.
func (l *Log) Reach(author int) uint64 { return l.high(uint32(author)) }

// Holds reports whether the log has the record seq of an author, or had it until it was pruned.
func (l *Log) Holds(author int, seq uint64) bool {
	return seq > 0 && (seq <= l.base[author] || l.slot(uint32(author), seq) != 0)
}

// Prefix returns the number up to which the log has, or had, all records of an author after the given
// one.
func (l *Log) Prefix(author int, after uint64) uint64 {
	t, base := l.authors[author], l.base[author]
	after = max(after, base)
	for after-base < uint64(len(t)) && t[after-base] != 0 {
		after++
	}
	return after
}

// Footprint is the memory of the log's records and tables in bytes: what their slices have room for.
func (l *Log) Footprint() int {
	n := l.arena.size() + headerBytes*cap(l.headers) + 4*cap(l.index) + cellMemory*l.prefix.Len()
	for a := range l.authors {
		n += 4 * (cap(l.authors[a]) + cap(l.kept[a]))
	}
	return n
}

// AppendStored appends the stored form of the record, with its signature if it has one.
func (r *Record) AppendStored(dst []byte) []byte { return r.append(dst, len(r.Signature) > 0) }

// AppendRun appends the stored forms of an author's records from first on, and returns how many: as
// many as follow each other without a gap, at most limit, within size bytes. Of pruned records there
// are none.
func (l *Log) AppendRun(dst []byte, author int, first uint64, limit, size int) ([]byte, int) {
	t := l.authors[author]
	if first <= l.base[author] || first > l.high(uint32(author)) {
		return dst, 0
	}
	first -= l.base[author]
	// Headers that follow each other lie side by side in a segment of the arena: a stretch of them is
	// one copy.
	n := 0
	for t = t[first-1:]; n < len(t) && n < limit && t[n] != 0; {
		from := t[n] - 1
		start := l.headers[from].off
		end := func(m int) uint64 { h := &l.headers[int(from)+m-1]; return h.off + uint64(h.shape>>8) }
		m, most := 1, min(len(t), limit)-n
		for m < most && t[n+m] == t[n]+uint32(m) && l.headers[int(from)+m].off>>32 == start>>32 {
			if m++; m%16 == 0 && end(m)-start > uint64(size) {
				break // asking every header would take longer than copying
			}
		}
		fits := m
		if end(m)-start > uint64(size) {
			fits = sort.Search(m, func(k int) bool { return end(k+1)-start > uint64(size) })
		}
		if fits > 0 {
			dst = append(dst, l.arena.at(start, uint32(end(fits)-start))...)
			size -= int(end(fits) - start)
			n += fits
		}
		if fits < m {
			break
		}
	}
	return dst, n
}

// RunSize returns how many bytes the first n records at the front of b take. It checks their form
// alone; the error wraps protocols.ErrVerification.
func (l *Log) RunSize(b []byte, n int) (int, error) {
	rest := b
	for range n {
		var err error
		if _, rest, err = cutRecord(rest, !l.group.Unsigned); err != nil {
			return 0, err
		}
	}
	return len(b) - len(rest), nil
}

// CheckRun verifies n consecutive records of an author from first on, as AppendRun makes them, and
// adds none. The error wraps protocols.ErrVerification.
func (l *Log) CheckRun(author int, first uint64, n int, run []byte) error {
	_, err := l.verifyRun(author, first, n, run)
	return err
}

// ApplyRun verifies a run as CheckRun does, and only then adds its records: all or none. It returns
// how many were new. The error wraps protocols.ErrVerification.
func (l *Log) ApplyRun(author int, first uint64, n int, run []byte) (applied int, err error) {
	if applied, err = l.verifyRun(author, first, n, run); err != nil {
		return 0, err
	}
	l.linkPending()
	return applied, nil
}

// verifyRun leaves the records in pending, and returns how many are new.
func (l *Log) verifyRun(author int, first uint64, n int, run []byte) (fresh int, err error) {
	l.pending, l.due = l.pending[:0], l.due[:0]
	rest := run
	for i := range n {
		var body []byte
		if body, rest, err = cutRecord(rest, !l.group.Unsigned); err != nil {
			return 0, err
		}
		if seq := recordSeq(body); seq != first+uint64(i) {
			return 0, fmt.Errorf("decode run: record %d where %d belongs: %w", seq, first+uint64(i), protocols.ErrVerification)
		}
		id, isNew, err := l.verify(uint32(author), body)
		if err != nil {
			return 0, err
		}
		if isNew {
			fresh++
		}
		l.pending = append(l.pending, pending{uint32(author), isNew, id, body})
	}
	if len(rest) > 0 || n == 0 {
		return 0, fmt.Errorf("decode run: %d records and %d bytes left over: %w", n, len(rest), protocols.ErrVerification)
	}
	return fresh, l.authenticate()
}

// Trim gives back the room that the log has for more records. Growing leaves up to a quarter of the
// memory unused, which is worth a copy in a log that has come to rest.
func (l *Log) Trim() {
	l.arena.trim()
	l.headers = exact(l.headers)
	for i, t := range l.authors {
		l.authors[i] = exact(t)
	}
}

func exact[T any](s []T) []T {
	if len(s) == cap(s) {
		return s
	}
	e := make([]T, len(s))
	copy(e, s)
	return e
}
