package ota

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/signature"
)

// A Phase is how far the package of a ceremony is at this peer.
type Phase byte

// The phases, in order; the last two both end it.
const (
	Offered Phase = iota + 1
	Fetched
	Verified
	Staged
	Activated
	Confirmed
	RolledBack
)

// String returns the phase in words.
func (p Phase) String() string {
	words := [...]string{"none", "offered", "fetched", "verified", "staged", "activated", "confirmed", "rolled back"}
	if int(p) < len(words) {
		return words[p]
	}
	return fmt.Sprintf("phase %d", byte(p))
}

// An Outcome is what was decided about a ceremony.
type Outcome byte

// What can be decided.
const (
	Undecided Outcome = iota
	Committed
	Aborted
)

// String returns the outcome in words.
func (o Outcome) String() string { return [...]string{"undecided", "committed", "aborted"}[min(o, 2)] }

// A record is all that a peer must still know after a crash. It is one file, replaced as a whole.
type record struct {
	slots  [2]Package // without a version: empty
	active byte       // which slot runs
	floor  Version    // the greatest that was ever active
	epoch  uint64     // the greatest that was seen
	// The ceremony whose package is being installed, or installed last, if phase is not 0.
	install ID
	phase   Phase
	starts  byte // of the activated package, before it was confirmed
	// Ceremonies that are not through, and those that are and could still be replayed.
	open []saved
	past []passed
}

// A saved ceremony is one that is not through.
type saved struct {
	proposal Proposal
	sig      [signature.Size]byte
	voted    bool // whether own is among the votes, and binds
	own      Reason
	outcome  Outcome
	reason   Reason
	given    bool // given up waiting: no vote to come
	papers   []ballotPaper
}

// A passed ceremony needs no more than its name, until it expires.
type passed struct {
	id      ID
	expiry  uint64
	outcome Outcome
}

const (
	recordName = "ota"
	maxOpen    = 4
	maxPast    = 256
)

func (r *record) encode() []byte {
	le := binary.LittleEndian
	b := []byte{1, r.active, byte(r.phase), r.starts}
	for i := range r.slots {
		b = r.slots[i].append(b)
	}
	b = (&Package{Version: r.floor}).append(b)
	b = le.AppendUint64(b, r.epoch)
	b = append(b, r.install[:]...)
	b = append(b, byte(len(r.open)))
	for i := range r.open {
		s := &r.open[i]
		flags := byte(0)
		if s.voted {
			flags |= 1
		}
		if s.given {
			flags |= 2
		}
		b = append(s.proposal.Append(b), s.sig[:]...)
		b = append(b, flags, byte(s.own), byte(s.outcome), byte(s.reason))
		b = le.AppendUint16(b, uint16(len(s.papers)))
		for j := range s.papers {
			b = s.papers[j].append(b)
		}
	}
	b = le.AppendUint16(b, uint16(len(r.past)))
	for i := range r.past {
		b = append(b, r.past[i].id[:]...)
		b = append(le.AppendUint64(b, r.past[i].expiry), byte(r.past[i].outcome))
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// decodeRecord is the inverse of encode: what decodes re-encodes to the same bytes.
func decodeRecord(b []byte) (r record, err error) {
	le := binary.LittleEndian
	bad := func(what string) (record, error) {
		return record{}, fmt.Errorf("decode record: %s: %w", what, protocols.ErrVerification)
	}
	const fixed = 4 + 3*packageSize + 8 + 32 + 1
	if len(b) < fixed+2+sha256.Size {
		return bad("cut short")
	}
	body := b[:len(b)-sha256.Size]
	if sha256.Sum256(body) != [sha256.Size]byte(b[len(body):]) {
		return bad("damaged")
	}
	if body[0] != 1 {
		return record{}, fmt.Errorf("decode record: form %d: %w", body[0], protocols.ErrVersion)
	}
	r.active, r.phase, r.starts = body[1], Phase(body[2]), body[3]
	body = body[4:]
	for i := range r.slots {
		r.slots[i], body = parsePackage(body), body[packageSize:]
	}
	r.floor, body = parsePackage(body).Version, body[packageSize:]
	r.epoch, r.install = le.Uint64(body), ID(body[8:])
	n := int(body[40])
	body = body[41:]
	if r.active > 1 || r.phase > RolledBack || n > maxOpen {
		return bad("out of bounds")
	}
	for range n {
		var s saved
		if s.proposal, body, err = ParseProposal(body); err != nil {
			return record{}, err
		}
		if len(body) < signature.Size+6 {
			return bad("ceremony cut short")
		}
		s.sig, body = [signature.Size]byte(body), body[signature.Size:]
		s.voted, s.given, s.own, s.outcome, s.reason = body[0]&1 != 0, body[0]&2 != 0, Reason(body[1]), Outcome(body[2]), Reason(body[3])
		k := int(le.Uint16(body[4:]))
		if body[0] > 3 || s.own >= reasons || s.outcome > Aborted || s.reason >= reasons || k > 2*quorum.MaxMembers || len(body) < 6+k*voteSize {
			return bad("ceremony out of bounds")
		}
		if s.papers, err = parsePapers(body[6:6+k*voteSize], k); err != nil {
			return record{}, err
		}
		body = body[6+k*voteSize:]
		r.open = append(r.open, s)
	}
	if len(body) < 2 || len(body) != 2+41*int(le.Uint16(body)) || le.Uint16(body) > maxPast {
		return bad("past out of bounds")
	}
	for body = body[2:]; len(body) > 0; body = body[41:] {
		if Outcome(body[40]) > Aborted {
			return bad("past out of bounds")
		}
		r.past = append(r.past, passed{ID(body), le.Uint64(body[32:]), Outcome(body[40])})
	}
	if again := r.encode(); string(again) != string(b) {
		return bad("not canonical")
	}
	return r, nil
}

func load(store protocols.Store) (record, error) {
	b, err := store.Read(recordName)
	if errors.Is(err, protocols.ErrNotStored) {
		return record{}, nil
	}
	if err != nil {
		return record{}, err
	}
	return decodeRecord(b)
}
