package antientropy

import (
	"fmt"
	"slices"

	"github.com/perfgate/perfgate/protocols"
)

// A Compactor prunes a log while it is in use. Each step copies a little of what stays into new
// memory; between steps the log takes records as always. The last step exchanges the memory, which
// costs the same however large the log is. Dropping a compactor before that changes nothing.
//
// First it looks at everything at or below the cut, to find what still says something, then it copies
// that, then what lies above the cut, up to the record added last.
type Compactor struct {
	sink    Sink
	log     *Log
	cut     Frontier
	reducer reducer
	floor   Digest
	next    *Log // the new memory
	stage   int
	author  int
	at      int // within the author's records, or among all headers
	began   int // compactions when it began
	copied  int64
	most    int

	// For the sink.
	piece []byte
	ids   []byte
	keep  bool
	ended bool
}

// A Sink takes what a Compactor finds at or below the cut while it works, in the encoding of
// Log.AppendCut, piece by piece. The slices are valid during the call only.
type Sink interface {
	// Write takes the next piece. After an error the step ends with it, and the next step tries the
	// same piece again.
	Write(piece []byte) error
	// Close is called once all is written, with what the log found the cut to be, before anything is
	// dropped. After an error nothing is dropped, and the next step calls it again.
	Close(c Cut) error
}

const (
	stageLook = iota
	stagePrepare
	stageKeep
	stageClose
	stageRest
	stageDone
)

const (
	// headerBytes is what looking at or copying a header counts for.
	headerBytes = 56
	// hashBytes is what hashing one into the digest counts for: it takes as long as copying so much.
	hashBytes = 512
)

// NewCompactor returns what prunes the log at a frontier. The errors are those of Log.DigestAt: holes
// below the frontier forbid pruning.
//
// With a sink, nothing is dropped before the sink has closed without an error; it may be nil.
func NewCompactor(l *Log, f Frontier, sink Sink) (*Compactor, error) {
	if err := l.checkCut(f); err != nil {
		return nil, fmt.Errorf("compact log: %w", err)
	}
	return &Compactor{sink: sink, log: l, cut: slices.Clone(f), reducer: newReducer(), floor: l.floor, began: l.compactions}, nil
}

// Copied is how many bytes all steps together looked at or copied, and the most of any one step.
func (c *Compactor) Copied() (total int64, most int) { return c.copied, c.most }

// Step does about budget bytes of work, never more than one record over it, and reports whether the
// log is pruned now. The error wraps protocols.ErrExhausted when the log was compacted or restored
// otherwise meanwhile; this compactor is then of no more use.
func (c *Compactor) Step(budget int) (done bool, err error) {
	if c.stage == stageDone {
		return true, nil
	}
	if c.began != c.log.compactions {
		return false, fmt.Errorf("compact log: it was compacted by somebody else: %w", protocols.ErrExhausted)
	}
	spent := 0
	for spent < budget && c.stage != stageDone {
		switch c.stage {
		case stageLook, stageKeep:
			h := c.below()
			if h < 0 {
				c.stage++
				c.author, c.at = 0, 0
				continue
			}
			n, err := c.one(uint32(h))
			if err != nil {
				c.at--
				return false, err
			}
			spent += n
		case stagePrepare:
			if c.sink != nil {
				c.piece = appendCutHead(c.piece[:0], c.cut, &c.floor)
				if err := c.sink.Write(c.piece); err != nil {
					return false, err
				}
			}
			spent += c.prepare()
			c.stage++
		case stageClose:
			if err := c.closeSink(); err != nil {
				return false, err
			}
			c.stage++
		case stageRest:
			if c.at == len(c.log.headers) {
				c.exchange()
				continue
			}
			h := &c.log.headers[c.at]
			spent += headerBytes
			if c.log.seq(c.at) > c.cut[h.author] {
				spent += c.copy(uint32(c.at))
			}
			c.at++
		}
	}
	c.copied += int64(spent)
	c.most = max(c.most, spent)
	return c.stage == stageDone, nil
}

// below returns the next header at or below the cut, or -1.
func (c *Compactor) below() int {
	for ; c.author < len(c.cut); c.author, c.at = c.author+1, 0 {
		k := c.log.kept[c.author]
		if c.at < len(k) {
			c.at++
			return int(k[c.at-1] - 1)
		}
		t := c.log.authors[c.author][:c.cut[c.author]-c.log.base[c.author]]
		if i := c.at - len(k); i < len(t) {
			c.at++
			return int(t[i] - 1)
		}
	}
	return -1
}

// one looks at a header at or below the cut, or copies it if it stays.
func (c *Compactor) one(h uint32) (int, error) {
	l := c.log
	if c.stage == stageKeep {
		// Asking twice would get another answer, should the sink have failed in between.
		if !c.keep && !c.reducer.keeps(l, h) {
			return headerBytes, nil
		}
		c.keep = true
		if c.sink != nil {
			c.piece = appendCutRecord(c.piece[:0], l.headers[h].author, l.body(int(h)))
			if err := c.sink.Write(c.piece); err != nil {
				return 0, err
			}
			c.ids = append(c.ids, l.headers[h].id[:]...)
		}
		c.keep = false
		return headerBytes + c.copy(h), nil
	}
	c.reducer.note(l, h)
	if x := &l.headers[h]; l.seq(int(h)) > l.base[x.author] {
		e := l.key.element(&x.id)
		c.floor.sum(x.kind()).add(&e)
		return hashBytes, nil
	}
	return headerBytes, nil
}

// closeSink writes the end. The piece is made by the first attempt only.
func (c *Compactor) closeSink() error {
	if c.sink == nil {
		return nil
	}
	n := len(c.ids) / 32
	if !c.ended {
		if err := c.sink.Write(appendCutEnd(c.piece[:0], uint32(n))); err != nil {
			return err
		}
		c.ended = true
	}
	return c.sink.Close(Cut{
		Frontier: c.cut, Digest: c.floor, Root: cutRoot(c.cut, &c.floor, c.ids), Records: n, Bytes: c.next.arena.used,
		Keys: len(c.reducer.facts), Caps: c.reducer.restrictions(),
	})
}

// prepare allocates the tables, with a little to spare for what is added meanwhile.
func (c *Compactor) prepare() int {
	l := c.log
	n := len(c.reducer.facts)
	next := &Log{group: l.group, key: l.key, authors: make([][]uint32, len(l.members)), tracks: make([]tracker, len(l.members)), past: newPast(len(l.members), l.group.Epoch)}
	next.base, next.whole = slices.Clone(c.cut), slices.Clone(c.cut)
	for a := range next.authors {
		above := int(l.high(uint32(a)) - c.cut[a])
		next.authors[a] = make([]uint32, 0, above+above/32)
		n += above
	}
	n += n/32 + 16
	next.headers = make([]header, 0, n)
	next.growIndex(n)
	if l.arena.used > 4*lastSegment {
		next.arena.reserve(lastSegment) // the small ones to begin with would be a waste
	}
	c.next = next
	return headerBytes*n + 4*len(next.index)
}

func (c *Compactor) copy(h uint32) int {
	x, body := &c.log.headers[h], c.log.body(int(h))
	c.next.attach(x.author, x.id, uint64(x.short), c.next.arena.add(body), body)
	return headerBytes + len(body)
}

// exchange gives the log its new memory.
func (c *Compactor) exchange() {
	l, n := c.log, c.next
	l.arena, l.headers, l.index, l.authors, l.tracks = n.arena, n.headers, n.index, n.authors, n.tracks
	n.floor, n.compactions, n.blind = c.floor, l.compactions+1, l.blind
	l.past = n.past
	c.stage, c.next, c.reducer, c.ids = stageDone, nil, reducer{}, nil
}

// Prune drops, in one go, all records at or below a frontier that say nothing any more: what is left
// of them are the facts that state the value of a key and the capabilities that still take something
// away. The digest stays that of everything ever held. It returns how many records are gone; the
// errors are those of DigestAt.
func (l *Log) Prune(f Frontier) (dropped int, err error) {
	before := l.Len()
	c, err := NewCompactor(l, f, nil)
	if err != nil {
		return 0, err
	}
	for done := false; !done; {
		if done, err = c.Step(1 << 30); err != nil {
			return 0, err
		}
	}
	return before - l.Len(), nil
}
