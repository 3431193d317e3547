package antientropy

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/cells"
)

// A Sum describes a set of records in 40 bytes: how many, and the sum modulo 2^256 of one keyed hash
// for each. A sum has no order, so a set has one Sum however it came about, and one more record
// costs one addition. The key, which outsiders lack, keeps them from looking for records that
// cancel out; members could still do so at about 2^32 work, so a Sum proves agreement among members
// who follow the protocol, and the signatures prove who wrote what.
type Sum struct {
	Count       uint64
	Fingerprint [4]uint64 // least significant first
}

func (s *Sum) add(e *[4]uint64) {
	s.Count++
	var c uint64
	s.Fingerprint[0], c = bits.Add64(s.Fingerprint[0], e[0], 0)
	s.Fingerprint[1], c = bits.Add64(s.Fingerprint[1], e[1], c)
	s.Fingerprint[2], c = bits.Add64(s.Fingerprint[2], e[2], c)
	s.Fingerprint[3], _ = bits.Add64(s.Fingerprint[3], e[3], c)
}

// A Digest describes a whole log: one Sum for each kind of record, under the key of one epoch.
// Digests of different epochs cannot be compared.
type Digest struct {
	Epoch            uint64
	Ops, Facts, Caps Sum
}

// Equal reports whether two digests are of the same epoch and the same sets.
func (d *Digest) Equal(e *Digest) bool { return *d == *e }

// Count is the number of records of all kinds.
func (d *Digest) Count() uint64 { return d.Ops.Count + d.Facts.Count + d.Caps.Count }

func (d *Digest) sum(k Kind) *Sum {
	switch k {
	case Fact:
		return &d.Facts
	case Cap:
		return &d.Caps
	}
	return &d.Ops
}

const (
	sumSize    = 5 * 8
	digestSize = 8 + 3*sumSize
)

func (d *Digest) append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, d.Epoch)
	for _, s := range []*Sum{&d.Ops, &d.Facts, &d.Caps} {
		dst = binary.LittleEndian.AppendUint64(dst, s.Count)
		for _, w := range s.Fingerprint {
			dst = binary.LittleEndian.AppendUint64(dst, w)
		}
	}
	return dst
}

// A show is a digest as it is shown to the other side: the first half of its SHA-256.
type show [16]byte

func (d *Digest) show() show {
	var b [digestSize]byte
	h := sha256.Sum256(d.append(b[:0]))
	return show(h[:16])
}

// A fingerKey keys the hashes of a group's epoch. With an id it fills one block of SHA-256.
type fingerKey [16]byte

func (g *Group) fingerKey() fingerKey {
	b := append([]byte("perfgate anti-entropy fingerprint 1\n"), g.Key[:]...)
	h := sha256.Sum256(binary.LittleEndian.AppendUint64(b, g.Epoch))
	return fingerKey(h[:16])
}

// cellKey keys the short ids and coded cells of a group's epoch.
func (g *Group) cellKey() cells.Key {
	b := append([]byte("perfgate anti-entropy cells 1\n"), g.Key[:]...)
	h := sha256.Sum256(binary.LittleEndian.AppendUint64(b, g.Epoch))
	return cells.Key(h[:16])
}

// element is what the record with this id adds to a Sum.
func (k *fingerKey) element(id *[32]byte) [4]uint64 {
	var b [48]byte
	copy(b[:16], k[:])
	copy(b[16:], id[:])
	h := sha256.Sum256(b[:])
	var e [4]uint64
	for i := range e {
		e[i] = binary.LittleEndian.Uint64(h[8*i:])
	}
	return e
}

// An Outcome says how two sets of records relate, seen from one side.
type Outcome int

// The outcomes. They speak of sets, never of counts: three records and four others are diverged.
const (
	// Equal: both hold the same records.
	Equal Outcome = iota + 1
	// LocalBehind: the remote side holds all of ours, and more.
	LocalBehind
	// RemoteBehind: we hold all of theirs, and more.
	RemoteBehind
	// Diverged: each side holds what the other lacks.
	Diverged
)

// String returns "equal", "local behind", "remote behind" or "diverged".
func (o Outcome) String() string {
	switch o {
	case Equal:
		return "equal"
	case LocalBehind:
		return "local behind"
	case RemoteBehind:
		return "remote behind"
	case Diverged:
		return "diverged"
	}
	return fmt.Sprintf("outcome %d", int(o))
}

// relation returns the outcome for how many records each side lacks.
func relation(hereLacks, thereLacks int) Outcome {
	switch {
	case hereLacks == 0 && thereLacks == 0:
		return Equal
	case thereLacks == 0:
		return LocalBehind
	case hereLacks == 0:
		return RemoteBehind
	}
	return Diverged
}

// A Mark is the highest number that a side holds of one author's records. It claims nothing about
// those below: a damaged log may have holes.
type Mark struct {
	Author protocols.PeerID
	High   uint64
}
