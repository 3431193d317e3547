package antientropy

import (
	"bytes"
	"fmt"
	"iter"

	"github.com/perfgate/perfgate/protocols"
)

// High is the highest number held of an author's records, or 0.
func (l *Log) High(author protocols.PeerID) uint64 {
	n, ok := l.number[author]
	if !ok {
		return 0
	}
	return l.high(n)
}

// Record returns the record of an author with a number, which shares the log's memory.
func (l *Log) Record(author protocols.PeerID, seq uint64) (Record, bool) {
	n, ok := l.number[author]
	if !ok {
		return Record{}, false
	}
	h := l.slot(n, seq)
	if h == 0 {
		return Record{}, false
	}
	return parseRecord(l.body(int(h-1)), author, !l.group.Unsigned), true
}

// All ranges over the records by author and number. Records share the log's memory.
func (l *Log) All() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for a, t := range l.authors {
			for _, n := range l.kept[a] {
				if !yield(parseRecord(l.body(int(n-1)), l.members[a], !l.group.Unsigned)) {
					return
				}
			}
			for _, n := range t {
				if n != 0 && !yield(parseRecord(l.body(int(n-1)), l.members[a], !l.group.Unsigned)) {
					return
				}
			}
		}
	}
}

// Marks returns the marks of all authors with records, in order of author.
func (l *Log) Marks() []Mark {
	var m []Mark
	for a := range l.authors {
		if high := l.high(uint32(a)); high > 0 {
			m = append(m, Mark{Author: l.members[a], High: high})
		}
	}
	return m
}

// Compare returns how the sets of two logs relate, record by record, as seen from l. A sync finds
// the same without seeing both. What one side has pruned counts as held there.
func (l *Log) Compare(other *Log) Outcome { return relation(other.lackedBy(l), l.lackedBy(other)) }

// lackedBy counts the records of l that other lacks.
func (l *Log) lackedBy(other *Log) int {
	n := 0
	for i := range l.headers {
		h := &l.headers[i]
		if other.find(&h.id) < 0 && l.seq(i) > other.base[h.author] {
			n++
		}
	}
	return n
}

// Merge adds to l all records of other, each checked, and returns how many were new. It stops at
// the first that fails; the error wraps protocols.ErrVerification, or protocols.ErrPruned when other
// has pruned records that l lacks.
func (l *Log) Merge(other *Log) (added int, err error) {
	for a, n := range other.base {
		if at, ok := l.number[other.members[a]]; n > 0 && (!ok || l.whole[at] < n) {
			return 0, fmt.Errorf("merge logs: %w: %w", protocols.ErrPruned, protocols.ErrVersion)
		}
	}
	for r := range other.All() {
		fresh, err := l.Insert(r)
		if err != nil {
			return added, err
		}
		if fresh {
			added++
		}
	}
	return added, nil
}

// Fact returns the value of a key: of all facts about it, the one with the highest number, and among
// equals that of the greatest author. It depends on the set of records alone. Value shares the
// log's memory.
func (l *Log) Fact(key string) (value []byte, ok bool) {
	var best Record
	for r := range l.All() {
		if r.Kind != Fact {
			continue
		}
		k, v := factParts(r.Payload)
		if string(k) == key && (!ok || r.Seq > best.Seq || r.Seq == best.Seq && bytes.Compare(r.Author[:], best.Author[:]) > 0) {
			best, value, ok = r, v, true
		}
	}
	return value, ok
}

// Caps returns what a subject may do: everything that no capability record takes away. It never
// grows as records are added.
func (l *Log) Caps(subject protocols.PeerID) uint64 {
	mask := ^uint64(0)
	for r := range l.All() {
		if r.Kind == Cap && protocols.PeerID(r.Payload[:32]) == subject {
			mask &= capMask(r.Payload)
		}
	}
	return mask
}
