package antientropy

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/perfgate/perfgate/protocols/cells"
)

// How ranges are split: into how many parts, and up to how many ids are listed instead.
const (
	fanout = 64
	leaf   = 32
)

// A salted index names the records of a log by short ids that hold for one session only. It is made
// from all records when cells have failed: because the difference is too large for them, or because
// records have the same short id otherwise, which they do not have here.
type salted struct {
	*cells.Ranges
	shorts  []uint64
	headers []uint32 // in the order of shorts
}

func newSalted(l *Log, session uint64) *salted {
	h := sha256.Sum256(binary.LittleEndian.AppendUint64(append([]byte("perfgate anti-entropy salt 1\n"), l.cellKey[:]...), session))
	key := cells.Key(h[:16])
	type entry struct {
		short  uint64
		header uint32
	}
	entries := make([]entry, len(l.headers))
	for i := range l.headers {
		entries[i] = entry{key.Short(&l.headers[i].id), uint32(i)}
	}
	slices.SortFunc(entries, func(a, b entry) int {
		if a.short < b.short {
			return -1
		}
		return 1
	})
	x := &salted{shorts: make([]uint64, len(entries)), headers: make([]uint32, len(entries))}
	for i, e := range entries {
		x.shorts[i], x.headers[i] = e.short, e.header
	}
	x.Ranges = cells.NewRanges(x.shorts)
	return x
}

// find calls f for the header with a salted short id.
func (x *salted) find(short uint64, f func(header uint32)) {
	for i, _ := slices.BinarySearch(x.shorts, short); i < len(x.shorts) && x.shorts[i] == short; i++ {
		f(x.headers[i])
	}
}

// onRanges compares ranges with ours, and splits or lists those that differ.
func (s *session) onRanges(b []byte) error {
	remote, err := cells.ParseRanges(b)
	if err != nil {
		return err
	}
	if s.salted == nil || len(remote) == 1 && remote[0].Bits == 0 {
		s.salted = newSalted(s.log, s.id)
	}
	s.told.ranges, s.level = true, byRanges
	reply, enumerate := s.salted.Split(remote, fanout, leaf)
	for page := range slices.Chunk(reply, maxPage) {
		start := len(s.arena)
		s.arena = cells.AppendRanges(s.arena, page)
		s.enqueue(partRanges, start)
	}
	for _, g := range enumerate {
		ids := s.salted.Between(g.Low, g.High())
		if g.Count == 0 {
			for _, id := range ids {
				s.salted.find(id, s.send)
			}
			continue
		}
		start := len(s.arena)
		s.arena = binary.LittleEndian.AppendUint64(append(s.arena, g.Bits), g.Low)
		for _, id := range ids {
			s.arena = binary.LittleEndian.AppendUint64(s.arena, id)
		}
		s.enqueue(partList, start)
	}
	return nil
}

// send arranges for one record to be sent.
func (s *session) send(h uint32) { s.cursor.list, s.sorted = append(s.cursor.list, h), false }

// onList compares what the other side has in a range with what we have.
func (s *session) onList(b []byte) error {
	g, ids := parseList(b)
	if s.salted == nil || g.Low&(^uint64(0)>>g.Bits) != 0 {
		return s.breach("a list of no range")
	}
	s.told.ranges = true
	mine := s.salted.Between(g.Low, g.High())
	for ; len(ids) > 0; ids = ids[8:] {
		id := binary.LittleEndian.Uint64(ids)
		if id < g.Low || id > g.High() {
			return s.breach("a list outside its range")
		}
		for len(mine) > 0 && mine[0] < id {
			s.salted.find(mine[0], s.send)
			mine = mine[1:]
		}
		if len(mine) > 0 && mine[0] == id {
			mine = mine[1:]
			continue
		}
		s.lacks = append(s.lacks, id)
	}
	for _, id := range mine {
		s.salted.find(id, s.send)
	}
	return nil
}

// fromRanges plans by what ranges and lists have shown.
func (s *session) fromRanges() error {
	lacks := s.lacks
	s.lacks = lacks[:0]
	if len(lacks) == 0 && len(s.queue) == 0 && s.cursor.peek() < 0 && !s.told.wishes {
		return s.describe(0) // a log has changed meanwhile
	}
	return s.ask(partSalted, lacks, 8)
}
