package antientropy

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/cells"
	"github.com/perfgate/perfgate/protocols/signature"
)

// A Group is what all replicas of a log agree on beforehand.
type Group struct {
	// ID binds records and their signatures to the group.
	ID [32]byte
	// Epoch and Key determine the digests. Key is secret to the members.
	Epoch uint64
	Key   [32]byte
	// Members are the peers that may write records and take part in a sync; at most 65,535.
	Members []protocols.PeerID
	// Unsigned switches signatures off, for groups whose members trust each other and their
	// transport: any member can then write in another's name.
	Unsigned bool
	// Cells is how many coded cells each log keeps of its records, up to date with every insert, to
	// find a difference that marks do not explain; default 2048. They take 24 bytes each, and find
	// up to about seven differences with ten of them; what is larger takes longer to find.
	Cells int
	// Verifier checks signatures, those of a batch together; nil stands for one of each log's own.
	Verifier signature.Verifier
}

func (g *Group) tag() [32]byte {
	b := append([]byte("perfgate anti-entropy record 1\n"), g.ID[:]...)
	if g.Unsigned {
		b = append(b, 1)
	}
	return sha256.Sum256(b)
}

// maxLead is how far a record's number may be past the highest held of its author. The table of an
// author's records is dense, so a number out of nowhere would cost memory without end.
const maxLead = 1 << 16

// A Log is one replica's set of records: an arena of bytes, fixed headers without pointers, and two
// ways to find a header: by id, and by author and number. Its digest and its coded cells are kept up
// to date with every insert. A Log is not safe for concurrent use.
type Log struct {
	group   Group
	tag     [32]byte
	key     fingerKey
	members []protocols.PeerID // sorted
	number  map[protocols.PeerID]uint32
	arena   arena
	headers []header
	index   []uint32   // by short id, open addressing; header+1, or 0
	authors [][]uint32 // by member, by number-1-base; header+1, or 0
	tracks  []tracker  // by member
	past
	digest  Digest
	cellKey cells.Key
	prefix  *cells.Prefix
	// shortMask has shortBits ones; tests make short ids collide with less.
	shortMask uint64
	folded    uint64
	namer     namer

	// Kept between batches for their memory alone.
	pending  []pending
	due      []due
	messages []byte // what those signatures are of
	shorts   []uint64
	checks   []signature.Check
	checkBuf []byte
	rest     *cells.Prefix // the prefix without what marks explain
	decoder  *cells.Decoder
	cells    cells.Cells
	wide     []byte
	lacking  []run
	pages    []int
}

type header struct {
	id     [32]byte
	off    uint64
	short  uint32
	shape  uint32 // size of the stored form, and in the lowest byte the kind
	author uint32
}

// seq is the number of the record of a header.
func (l *Log) seq(header int) uint64 { return recordSeq(l.body(header)) }

// kind is that of the record, without a look at the arena.
func (h *header) kind() Kind { return Kind(h.shape) }

// NewLog returns an empty log for a group. The error says what is wrong with the members.
func NewLog(g Group) (*Log, error) {
	l := &Log{group: g, tag: g.tag(), key: g.fingerKey(), number: make(map[protocols.PeerID]uint32, len(g.Members))}
	l.members = slices.Clone(g.Members)
	slices.SortFunc(l.members, func(a, b protocols.PeerID) int { return bytes.Compare(a[:], b[:]) })
	if len(l.members) == 0 || len(l.members) > 1<<16-1 {
		return nil, fmt.Errorf("create log: %d members, want 1 to 65535", len(l.members))
	}
	for i, m := range l.members {
		if i > 0 && m == l.members[i-1] {
			return nil, fmt.Errorf("create log: member %v stands twice", m)
		}
		l.number[m] = uint32(i)
	}
	l.authors = make([][]uint32, len(l.members))
	l.past = newPast(len(l.members), g.Epoch)
	l.tracks = make([]tracker, len(l.members))
	l.namer = newNamer(len(l.members))
	l.digest.Epoch = g.Epoch
	if g.Verifier == nil {
		l.group.Verifier = new(signature.Ed25519)
	}
	if g.Cells <= 0 {
		g.Cells = 2048
	}
	l.cellKey, l.shortMask = g.cellKey(), 1<<shortBits-1
	l.prefix = cells.NewNarrowPrefix(l.cellKey, g.Cells)
	return l, nil
}

// Len is the number of records held: what was pruned is not among them.
func (l *Log) Len() int { return len(l.headers) }

// Bytes is how many bytes of records the log holds, without its tables.
func (l *Log) Bytes() int { return l.arena.used }

// Digest returns the digest as it stands. It reads no record.
func (l *Log) Digest() Digest { return l.digest }

// Folded is how many records were ever hashed into the digest. It counts the work of the digest: one
// for each record held, if none was hashed twice.
func (l *Log) Folded() uint64 { return l.folded }

// Recompute returns the digest computed from all records, those at or below the base as they were
// when they were pruned. It equals Digest.
func (l *Log) Recompute() Digest {
	d := l.floor
	for i := range l.headers {
		if h := &l.headers[i]; l.seq(i) > l.base[h.author] {
			e := l.key.element(&h.id)
			d.sum(h.kind()).add(&e)
		}
	}
	return d
}

// Reserve makes room for so many more records with so many bytes of payload altogether.
func (l *Log) Reserve(records, bytes int) {
	per := recordHeader
	if !l.group.Unsigned {
		per += signatureSize
	}
	l.arena.reserve(bytes + records*per)
	l.headers = slices.Grow(l.headers, records)
	l.growIndex(len(l.headers) + records)
}

// CopyFrom makes l hold what src holds, which must be a log of the same group. It reuses l's memory.
func (l *Log) CopyFrom(src *Log) {
	l.arena.copyFrom(&src.arena)
	l.headers = append(l.headers[:0], src.headers...)
	l.index = append(l.index[:0], src.index...)
	for i := range l.authors {
		l.authors[i] = append(l.authors[i][:0], src.authors[i]...)
		t := &src.tracks[i]
		l.tracks[i] = tracker{held: t.held, runs: append(l.tracks[i].runs[:0], t.runs...), lost: t.lost}
	}
	l.past.copyFrom(&src.past)
	l.prefix.CopyFrom(src.prefix)
	l.shortMask = src.shortMask
	l.digest, l.folded = src.digest, src.folded
}

// Insert adds one record after checking it as if a peer had sent it. It reports whether the record
// is new. The error wraps protocols.ErrVerification.
func (l *Log) Insert(r Record) (added bool, err error) {
	if !l.group.Unsigned && len(r.Signature) != signatureSize {
		return false, fmt.Errorf("insert record %d of %v: signature of %d bytes: %w", r.Seq, r.Author, len(r.Signature), protocols.ErrVerification)
	}
	if len(r.Payload) > MaxPayload {
		return false, fmt.Errorf("insert record %d of %v: payload of %d bytes, at most %d: %w", r.Seq, r.Author, len(r.Payload), MaxPayload, protocols.ErrVerification)
	}
	// Encoded at the end of the arena, where it is to stay; given up there if it fails.
	body := r.append(l.arena.room(recordHeader+len(r.Payload)+len(r.Signature)), !l.group.Unsigned)
	_, _, err = cutRecord(body, !l.group.Unsigned)
	author, member := l.number[r.Author]
	if err == nil && !member {
		err = fmt.Errorf("verify record %d of %v: the author is no member of the group: %w", r.Seq, r.Author, protocols.ErrVerification)
	}
	var id [32]byte
	if err == nil {
		l.due = l.due[:0]
		if id, added, err = l.verify(author, body); err == nil {
			err = l.authenticate()
		}
	}
	if err != nil || !added {
		return false, err
	}
	l.prefix.Add(l.link(author, id, l.arena.commit(body), body))
	return true, nil
}

// verify checks the stored form of a member's record against the group and the log, but for its
// signature, which it leaves to authenticate, and returns its id and whether it is new.
func (l *Log) verify(author uint32, body []byte) (id [32]byte, fresh bool, err error) {
	seq := recordSeq(body)
	bad := func(what string) ([32]byte, bool, error) {
		return [32]byte{}, false, fmt.Errorf("verify record %d of %v: %s: %w", seq, l.members[author], what, protocols.ErrVerification)
	}
	if seq == 0 || seq > l.high(author)+maxLead {
		return bad("the number is zero or leaps ahead")
	}
	size := len(body)
	if !l.group.Unsigned {
		size -= signatureSize
	}
	id = l.namer.id(&l.tag, author, &l.members[author], body[:size])
	if n := l.slot(author, seq); n != 0 {
		if l.headers[n-1].id != id {
			return bad("another record of this author has the same number")
		}
		return id, false, nil
	}
	if seq <= l.base[author] {
		return id, false, nil // held once, and pruned: never again
	}
	if !l.group.Unsigned {
		if len(l.due) == 0 {
			l.messages = l.messages[:0]
		}
		l.messages = signed(l.messages, &l.tag, &l.members[author], body[:size])
		l.due = append(l.due, due{author, seq, len(l.messages), body[size:]})
	}
	return id, true, nil
}

// A due signature is of a record that verify found to be in order otherwise.
type due struct {
	author    uint32
	seq       uint64
	end       int // of the message in messages
	signature []byte
}

// authenticate checks the signatures that are due, all at once, which costs less than one by one.
// It is the only place where a log looks at signatures.
func (l *Log) authenticate() error {
	if len(l.due) == 0 {
		return nil
	}
	l.checks = l.checks[:0]
	start := 0
	for _, d := range l.due {
		l.checks = append(l.checks, signature.Check{Key: l.members[d.author], Message: l.messages[start:d.end], Signature: d.signature})
		start = d.end
	}
	if l.group.Verifier.Verify(l.checks) {
		return nil
	}
	for i, d := range l.due {
		if !l.group.Verifier.Verify(l.checks[i : i+1]) {
			return fmt.Errorf("verify record %d of %v: the signature is not the author's: %w", d.seq, l.members[d.author], protocols.ErrVerification)
		}
	}
	return fmt.Errorf("verify %d records: their signatures hold one by one, but not together: %w", len(l.due), protocols.ErrVerification)
}

// linkPending makes what is new of the verified records part of the log.
func (l *Log) linkPending() {
	l.shorts = l.shorts[:0]
	for i := range l.pending {
		if p := &l.pending[i]; p.fresh {
			l.shorts = append(l.shorts, l.link(p.author, p.id, l.arena.add(p.body), p.body))
		}
		l.pending[i].body = nil
	}
	l.prefix.AddAll(l.shorts)
}

// link makes a verified record, whose stored form is in the arena at off, part of the log, but for the
// coded cells: it returns the short id that is to be added to these.
func (l *Log) link(author uint32, id [32]byte, off uint64, body []byte) (short uint64) {
	short = l.short(&id)
	l.attach(author, id, short, off, body)
	e := l.key.element(&id)
	l.digest.sum(Kind(body[0])).add(&e)
	l.folded++
	return short
}

// attach enters a record into the tables.
func (l *Log) attach(author uint32, id [32]byte, short, off uint64, body []byte) {
	seq := recordSeq(body)
	l.headers = append(l.headers, header{id: id, short: uint32(short), off: off, shape: uint32(len(body))<<8 | uint32(body[0]), author: author})
	n := uint32(len(l.headers))
	if 4*int(n) > 3*len(l.index) {
		l.growIndex(2 * int(n))
	} else {
		l.place(n)
	}
	l.enter(author, seq, n)
}

func (l *Log) place(n uint32) {
	mask := uint64(len(l.index) - 1)
	i := uint64(l.headers[n-1].short) & mask
	for l.index[i] != 0 {
		i = (i + 1) & mask
	}
	l.index[i] = n
}

// growIndex gives the index room for n records, at most three quarters full.
func (l *Log) growIndex(n int) {
	size := max(len(l.index), 64)
	for 4*n > 3*size {
		size *= 2
	}
	if size > len(l.index) {
		if size <= cap(l.index) {
			l.index = l.index[:size] // memory from before CopyFrom
			clear(l.index)
		} else {
			l.index = make([]uint32, size)
		}
		for i := range l.headers {
			l.place(uint32(i + 1))
		}
	}
}

// find returns the header with an id, or -1.
func (l *Log) find(id *[32]byte) int {
	at := -1
	l.withShort(l.short(id), func(h uint32) {
		if l.headers[h].id == *id {
			at = int(h)
		}
	})
	return at
}

func (l *Log) body(i int) []byte {
	h := &l.headers[i]
	return l.arena.at(h.off, h.shape>>8)
}
