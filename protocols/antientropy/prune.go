package antientropy

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/perfgate/perfgate/protocols"
)

// A Frontier is a cut through the logs of all members: for each, in the order of the sorted group,
// the number of the last record that lies below. It speaks of all records up to there: a frontier
// that a log covers has no holes.
type Frontier []uint64

// Covers reports whether f lies nowhere below g. Frontiers of different groups never do.
func (f Frontier) Covers(g Frontier) bool {
	if len(f) != len(g) {
		return false
	}
	for i := range f {
		if f[i] < g[i] {
			return false
		}
	}
	return true
}

// past is what a log knows of records that it may not hold any more. Records at or below the base
// are gone, but for those that are kept.
type past struct {
	base  Frontier
	whole Frontier   // up to here every record is held or was
	kept  [][]uint32 // by member, in order of number: headers at or below the base; header+1
	floor Digest     // of all records at or below the base, gone or kept

	compactions int
	// blind says that the coded cells lack what came by a snapshot.
	blind bool
}

func newPast(members int, epoch uint64) past {
	return past{
		base: make(Frontier, members), whole: make(Frontier, members), kept: make([][]uint32, members),
		floor: Digest{Epoch: epoch},
	}
}

func (p *past) copyFrom(src *past) {
	p.base, p.whole = append(p.base[:0], src.base...), append(p.whole[:0], src.whole...)
	for i := range p.kept {
		p.kept[i] = append(p.kept[i][:0], src.kept[i]...)
	}
	p.floor, p.blind = src.floor, src.blind
	p.compactions++ // header numbers mean something else now
}

// high is the highest number held, or pruned, of a member's records.
func (l *Log) high(author uint32) uint64 { return l.base[author] + uint64(len(l.authors[author])) }

// slot returns the header of a member's record with a number plus 1, or 0 if it is not held.
func (l *Log) slot(author uint32, seq uint64) uint32 {
	base := l.base[author]
	switch {
	case seq > l.high(author):
		return 0
	case seq > base:
		return l.authors[author][seq-base-1]
	}
	k := l.kept[author]
	at, ok := slices.BinarySearchFunc(k, seq, func(n uint32, seq uint64) int { return cmp.Compare(l.seq(int(n-1)), seq) })
	if !ok {
		return 0
	}
	return k[at]
}

// enter makes n the header plus 1 of a member's record. Those at or below the base come in order.
func (l *Log) enter(author uint32, seq uint64, n uint32) {
	base := l.base[author]
	if seq <= base {
		l.kept[author] = append(l.kept[author], n)
		return
	}
	l.tracks[author].add(seq, l.high(author))
	t := l.authors[author]
	for uint64(len(t)) < seq-base {
		t = append(t, 0)
	}
	t[seq-base-1] = n
	l.authors[author] = t
	w := l.whole[author]
	for w-base < uint64(len(t)) && t[w-base] != 0 {
		w++
	}
	l.whole[author] = w
}

// Base returns the frontier below which records are pruned. The caller owns it.
func (l *Log) Base() Frontier { return slices.Clone(l.base) }

// Frontier returns the highest frontier that the log covers: for each member the number up to which
// every record is held, or was until it was pruned. The caller owns it.
func (l *Log) Frontier() Frontier { return slices.Clone(l.whole) }

// Covers reports whether the log holds, or held, every record at or below a frontier.
func (l *Log) Covers(f Frontier) bool { return l.whole.Covers(f) }

// Compactions is how often the log changed its memory for another. Header numbers do not survive it.
func (l *Log) Compactions() int { return l.compactions }

// sameNumbers returns an error if the log was compacted since the session began. The numbers of
// headers that the session noted would name other records; the next session starts afresh.
func (s *session) sameNumbers() error {
	if s.compactions != s.log.compactions {
		return fmt.Errorf("sync with %v: the log was compacted meanwhile: %w", s.peer, protocols.ErrTimeout)
	}
	return nil
}

// pruned returns the error for a peer that lacks what is pruned here.
func (s *session) pruned() error {
	return fmt.Errorf("sync with %v: it lacks records of before the base: %w: %w", s.peer, protocols.ErrPruned, protocols.ErrVersion)
}

// checkCut says why a frontier cannot be a cut through this log, or nil.
func (l *Log) checkCut(f Frontier) error {
	switch {
	case len(f) != len(l.members):
		return fmt.Errorf("cut through %d logs of %d members: %w", len(f), len(l.members), protocols.ErrVerification)
	case !f.Covers(l.base):
		return fmt.Errorf("cut below what is pruned already: %w: %w", protocols.ErrPruned, protocols.ErrVersion)
	}
	for a := range f {
		if f[a] > l.whole[a] {
			return fmt.Errorf("cut at record %d of %v: held without a hole are those up to %d: %w", f[a], l.members[a], l.whole[a], protocols.ErrTimeout)
		}
	}
	return nil
}

// DigestAt returns the digest of exactly the records at or below a frontier. It takes those above out
// of the digest of all, or adds to the digest of the base, whichever hashes fewer. The error wraps
// ErrPruned when records above the frontier are pruned, ErrTimeout when some below are missing, and
// ErrVerification when it is no frontier of this group, all of package protocols.
func (l *Log) DigestAt(f Frontier) (Digest, error) {
	if err := l.checkCut(f); err != nil {
		return Digest{}, err
	}
	above, below := uint64(0), uint64(0)
	for a := range f {
		above += l.high(uint32(a)) - f[a]
		below += f[a] - l.base[a]
	}
	d, subtract := l.floor, above < below
	if subtract {
		d = l.digest
	}
	for a, t := range l.authors {
		at := f[a] - l.base[a]
		part := t[:at]
		if subtract {
			part = t[at:]
		}
		for _, n := range part {
			if n == 0 {
				continue
			}
			h := &l.headers[n-1]
			e := l.key.element(&h.id)
			s := d.sum(h.kind())
			if subtract {
				s.remove(&e)
			} else {
				s.add(&e)
			}
		}
	}
	return d, nil
}

// remove takes out what add put in.
func (s *Sum) remove(e *[4]uint64) {
	negative := [4]uint64{^e[0], ^e[1], ^e[2], ^e[3]}
	for i := range negative {
		if negative[i]++; negative[i] != 0 {
			break
		}
	}
	s.add(&negative)
	s.Count -= 2
}

// A reducer finds which records at or below a cut still say something. It is shown all of them twice
// in order of author and number: note first, then keeps.
type reducer struct {
	facts map[string]uint32 // header that states the value
	caps  map[protocols.PeerID]uint64
}

func newReducer() reducer {
	return reducer{facts: map[string]uint32{}, caps: map[protocols.PeerID]uint64{}}
}

// note looks at a record for the first time.
func (r *reducer) note(l *Log, header uint32) {
	if l.headers[header].kind() != Fact {
		return
	}
	body := l.body(int(header))
	key, _ := factParts(body[recordHeader:])
	best, ok := r.facts[string(key)]
	// Among equal numbers the later author, which is the greater, states the value.
	if !ok || l.seq(int(header)) >= l.seq(int(best)) {
		r.facts[string(key)] = header
	}
}

// keeps reports whether a record has to stay: it states the value of its key, or takes something
// away that none before it took.
func (r *reducer) keeps(l *Log, header uint32) bool {
	switch body := l.body(int(header)); l.headers[header].kind() {
	case Fact:
		key, _ := factParts(body[recordHeader:])
		return r.facts[string(key)] == header
	case Cap:
		return r.restrict(body[recordHeader:])
	}
	return false
}

// restrict applies a capability, and reports whether it takes anything away.
func (r *reducer) restrict(payload []byte) bool {
	subject := protocols.PeerID(payload[:32])
	held, ok := r.caps[subject]
	if !ok {
		held = ^uint64(0)
	}
	left := held & capMask(payload)
	if left != held {
		r.caps[subject] = left
	}
	return left != held
}

func (r *reducer) restrictions() []Restriction {
	var all []Restriction
	for s, m := range r.caps {
		all = append(all, Restriction{s, m})
	}
	slices.SortFunc(all, func(a, b Restriction) int { return bytes.Compare(a.Subject[:], b.Subject[:]) })
	return all
}

// below calls f for the headers held at or below a cut, by author and number.
func (l *Log) below(cut Frontier, f func(header uint32)) {
	for a, t := range l.authors {
		for _, n := range l.kept[a] {
			f(n - 1)
		}
		for _, n := range t[:cut[a]-l.base[a]] {
			f(n - 1)
		}
	}
}

// A Cut says what lies at or below a frontier.
type Cut struct {
	Frontier Frontier
	// Digest is that of all records at or below the frontier.
	Digest Digest
	// Root binds the digest and the records that are still needed once the others are gone, each
	// byte of them: two logs with one root restore alike.
	Root [32]byte
	// Records and Bytes count those.
	Records, Bytes int
	// Keys counts the keys that have a value, and Caps is what is taken away, in order of subject: what
	// the records come to.
	Keys int
	Caps []Restriction
}

// A Restriction is what a subject may do at most.
type Restriction struct {
	Subject protocols.PeerID
	Mask    uint64
}

// CutAt computes the cut at a frontier. The errors are those of DigestAt.
func (l *Log) CutAt(f Frontier) (Cut, error) {
	d, err := l.DigestAt(f)
	if err != nil {
		return Cut{}, err
	}
	c := Cut{Frontier: slices.Clone(f), Digest: d}
	ids := []byte{}
	r := l.retained(f, func(header uint32) {
		ids = append(ids, l.headers[header].id[:]...)
		c.Records++
		c.Bytes += int(l.headers[header].shape >> 8)
	})
	c.Root = cutRoot(f, &d, ids)
	c.Keys, c.Caps = len(r.facts), r.restrictions()
	return c, nil
}

func cutRoot(f Frontier, d *Digest, ids []byte) [32]byte {
	b := []byte("perfgate cut 1\n")
	b = binary.LittleEndian.AppendUint64(b, uint64(len(f)))
	for _, n := range f {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	b = d.append(b)
	h := sha256.Sum256(ids)
	return sha256.Sum256(append(b, h[:]...))
}

// retained calls f for the headers at or below a cut that are still needed once the others are gone,
// by author and number. The cut must have passed checkCut.
func (l *Log) retained(cut Frontier, f func(header uint32)) reducer {
	r := newReducer()
	l.below(cut, func(h uint32) { r.note(l, h) })
	l.below(cut, func(h uint32) {
		if r.keeps(l, h) {
			f(h)
		}
	})
	return r
}
