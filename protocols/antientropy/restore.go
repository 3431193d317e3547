package antientropy

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/perfgate/perfgate/protocols"
)

// AppendCut appends everything at or below a frontier that a log needs to go on from there, in its one
// encoding:
//
//	members (2), frontier (8 each), digest (128), records, each: member (2), stored form
//	end (2, all ones), number of records (4)
//
// The errors are those of DigestAt.
func (l *Log) AppendCut(dst []byte, f Frontier) ([]byte, error) {
	d, err := l.DigestAt(f)
	if err != nil {
		return dst, err
	}
	dst = appendCutHead(dst, f, &d)
	n := uint32(0)
	l.retained(f, func(header uint32) {
		dst = appendCutRecord(dst, l.headers[header].author, l.body(int(header)))
		n++
	})
	return appendCutEnd(dst, n), nil
}

func appendCutHead(dst []byte, f Frontier, d *Digest) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(f)))
	for _, n := range f {
		dst = binary.LittleEndian.AppendUint64(dst, n)
	}
	return d.append(dst)
}

func appendCutRecord(dst []byte, author uint32, body []byte) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, uint16(author))
	return append(dst, body...)
}

func appendCutEnd(dst []byte, records uint32) []byte {
	dst = append(dst, 0xff, 0xff)
	return binary.LittleEndian.AppendUint32(dst, records)
}

// A cutRecordRef is one record of an encoded cut.
type cutRecordRef struct {
	author uint32
	id     [32]byte
	body   []byte
}

// parseCut decodes what AppendCut made and calls f for every record, in order. What parses re-encodes
// to the same bytes. It checks the form alone.
func parseCut(b []byte, members int, signature bool, f func(author uint32, body []byte) error) (Frontier, Digest, error) {
	bad := func(what string) (Frontier, Digest, error) {
		return nil, Digest{}, fmt.Errorf("decode cut: %s: %w", what, protocols.ErrVerification)
	}
	if len(b) < 2 || int(binary.LittleEndian.Uint16(b)) != members || len(b) < 2+8*members+digestSize {
		return bad("cut short, or of another number of members")
	}
	b = b[2:]
	frontier := make(Frontier, members)
	for i := range frontier {
		frontier[i] = binary.LittleEndian.Uint64(b)
		b = b[8:]
	}
	d := parseDigest(b)
	b = b[digestSize:]
	last, seq := -1, uint64(0)
	for n := uint32(0); ; n++ {
		if len(b) < 6 {
			return bad("cut short")
		}
		author := int(binary.LittleEndian.Uint16(b))
		if author == 0xffff {
			if binary.LittleEndian.Uint32(b[2:]) != n || len(b) != 6 {
				return bad("another number of records than it says, or bytes left over")
			}
			break
		}
		if author != last {
			seq = 0
		}
		body, rest, err := cutRecord(b[2:], signature)
		if err != nil {
			return nil, Digest{}, err
		}
		if author < last || author >= members || recordSeq(body) <= seq || recordSeq(body) > frontier[author] {
			return bad("records out of order or past the frontier")
		}
		last, seq, b = author, recordSeq(body), rest
		if err := f(uint32(author), body); err != nil {
			return nil, Digest{}, err
		}
	}
	return frontier, d, nil
}

// dueAtOnce is how many signatures of a cut are checked together: enough for the batch to pay.
const dueAtOnce = 256

// ReadCut checks an encoded cut and returns what it says. The root is computed from the bytes, so that
// comparing it with one that was agreed on proves every byte. The log is not touched, and only its
// group matters. The error wraps protocols.ErrVerification.
func (l *Log) ReadCut(b []byte) (Cut, error) {
	c, _, err := l.readCut(b)
	return c, err
}

func (l *Log) readCut(b []byte) (Cut, []cutRecordRef, error) {
	var c Cut
	var ids []byte
	var records []cutRecordRef
	r := newReducer()
	l.due, l.messages = l.due[:0], l.messages[:0]
	var err error
	c.Frontier, c.Digest, err = parseCut(b, len(l.members), !l.group.Unsigned, func(author uint32, body []byte) error {
		size := len(body)
		if !l.group.Unsigned {
			size -= signatureSize
		}
		id := l.namer.id(&l.tag, author, &l.members[author], body[:size])
		if !l.group.Unsigned {
			l.messages = signed(l.messages, &l.tag, &l.members[author], body[:size])
			l.due = append(l.due, due{author, recordSeq(body), len(l.messages), body[size:]})
			if len(l.due) == dueAtOnce {
				err := l.authenticate()
				l.due, l.messages = l.due[:0], l.messages[:0]
				if err != nil {
					return err
				}
			}
		}
		switch Kind(body[0]) {
		case Fact:
			c.Keys++
		case Cap:
			r.restrict(body[recordHeader:])
		}
		ids = append(ids, id[:]...)
		records = append(records, cutRecordRef{author, id, body})
		c.Records++
		c.Bytes += len(body)
		return nil
	})
	if err == nil {
		err = l.authenticate()
	}
	if err != nil {
		return Cut{}, nil, err
	}
	if c.Digest.Epoch != l.group.Epoch {
		return Cut{}, nil, fmt.Errorf("read cut of epoch %d in epoch %d: %w", c.Digest.Epoch, l.group.Epoch, protocols.ErrVersion)
	}
	c.Root, c.Caps = cutRoot(c.Frontier, &c.Digest, ids), r.restrictions()
	return c, records, nil
}

// Restore makes the log one that holds the cut, pruned at its frontier, and of what it held before all
// that lies above. Root is what was agreed on; the cut must prove it. All or nothing changes. The
// error wraps protocols.ErrVerification, or ErrVersion when the log is pruned above the cut or keyed
// for another epoch.
func (l *Log) Restore(b []byte, root [32]byte) (Cut, error) {
	c, records, err := l.readCut(b)
	switch {
	case err != nil:
		return Cut{}, fmt.Errorf("restore log: %w", err)
	case c.Root != root:
		return Cut{}, fmt.Errorf("restore log: the cut is not the one agreed on: %w", protocols.ErrVerification)
	case !c.Frontier.Covers(l.base):
		return Cut{}, fmt.Errorf("restore log: it is pruned above the cut already: %w", protocols.ErrVersion)
	}
	for i := range records {
		r := &records[i]
		if n := l.slot(r.author, recordSeq(r.body)); n != 0 && l.headers[n-1].id != r.id {
			return Cut{}, fmt.Errorf("restore log: record %d of %v is held with another content: %w", recordSeq(r.body), l.members[r.author], protocols.ErrVerification)
		}
	}
	next := &Log{authors: make([][]uint32, len(l.members)), tracks: make([]tracker, len(l.members)), past: newPast(len(l.members), l.group.Epoch)}
	next.base, next.whole = slices.Clone(c.Frontier), slices.Clone(c.Frontier)
	for i := range records {
		r := &records[i]
		next.attach(r.author, r.id, l.short(&r.id), next.arena.add(r.body), r.body)
	}
	digest := c.Digest
	for i := range l.headers {
		if h := &l.headers[i]; l.seq(i) > c.Frontier[h.author] {
			body := l.body(i)
			next.attach(h.author, h.id, uint64(h.short), next.arena.add(body), body)
			e := l.key.element(&h.id)
			digest.sum(Kind(body[0])).add(&e)
		}
	}
	next.floor, next.compactions, next.blind = c.Digest, l.compactions+1, true
	l.arena, l.headers, l.index, l.authors, l.tracks = next.arena, next.headers, next.index, next.authors, next.tracks
	l.past, l.digest = next.past, digest
	return c, nil
}

// parseDigest decodes the first digestSize bytes of b, of which there must be as many.
func parseDigest(b []byte) Digest {
	d := Digest{Epoch: binary.LittleEndian.Uint64(b)}
	b = b[8:]
	for _, s := range []*Sum{&d.Ops, &d.Facts, &d.Caps} {
		s.Count = binary.LittleEndian.Uint64(b)
		for i := range s.Fingerprint {
			s.Fingerprint[i] = binary.LittleEndian.Uint64(b[8+8*i:])
		}
		b = b[sumSize:]
	}
	return d
}
