package ota

import (
	"encoding/binary"
	"fmt"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/signature"
)

// A Reason says why a member is not ready, or a ceremony was aborted.
type Reason byte

// What a vote can say.
const (
	Ready      Reason = 0    // no reason: the member is ready
	TimedOut   Reason = iota // not enough votes in time
	Manual                   // somebody asked for it
	Busy                     // another ceremony is not through
	OldVersion               // not greater than what was active before
	OtherState               // the proposal starts from another state
	TooSoon                  // fewer epochs of notice than the policy asks for
	Expired                  // too late to activate
	Unwanted                 // the embedder refused it, or it is out of bounds
	reasons
)

// String returns the reason in words.
func (r Reason) String() string {
	words := [...]string{"ready", "timed out", "manual", "busy", "version not greater", "other state before", "too little notice", "expired", "unwanted"}
	if int(r) < len(words) {
		return words[r]
	}
	return fmt.Sprintf("reason %d", byte(r))
}

// The kinds of message, each the body of one envelope of TypeOTA; the session is the beginning of the id.
//
//	proposal 1, flags (1), id (32), proposal, signature (64)
//	votes    2, flags (1), id (32), then for each: reason (1), vote (66)
//	status   3, flags (1), id (32)
const (
	kindProposal byte = iota + 1
	kindVotes
	kindStatus
)

// Flags say what the sender knows of the ceremony, and what it asks.
const (
	knowsProposal byte = 1 << iota
	knowsYourVote
	knowsCommitted
	knowsAborted
	asks // answer me
	allFlags
)

const (
	header   = 1 + 1 + 32
	voteSize = 1 + quorum.VoteSize
	maxVotes = (protocols.MaxBody - header) / voteSize // in one message
)

// A ballotPaper is a vote with what it says.
type ballotPaper struct {
	reason Reason
	vote   quorum.Vote
}

func (p *ballotPaper) append(dst []byte) []byte { return p.vote.Append(append(dst, byte(p.reason))) }

func parsePapers(b []byte, n int) ([]ballotPaper, error) {
	if len(b) != n*voteSize {
		return nil, fmt.Errorf("decode votes: %d bytes: %w", len(b), protocols.ErrVerification)
	}
	papers := make([]ballotPaper, n)
	for i := range papers {
		papers[i] = ballotPaper{Reason(b[0]), quorum.ParseVote(b[1:])}
		if papers[i].reason >= reasons {
			return nil, fmt.Errorf("decode votes: reason %d: %w", b[0], protocols.ErrVerification)
		}
		b = b[voteSize:]
	}
	return papers, nil
}

type message struct {
	kind     byte
	flags    byte
	id       ID
	proposal Proposal
	sig      [signature.Size]byte
	papers   []ballotPaper
}

func (m *message) append(dst []byte) []byte {
	dst = append(append(dst, m.kind, m.flags), m.id[:]...)
	switch m.kind {
	case kindProposal:
		dst = append(m.proposal.Append(dst), m.sig[:]...)
	case kindVotes:
		for i := range m.papers {
			dst = m.papers[i].append(dst)
		}
	}
	return dst
}

// parse decodes a message. What parses re-encodes to the same bytes.
func parse(b []byte) (m message, err error) {
	if len(b) < header || len(b) > protocols.MaxBody || b[1] >= allFlags {
		return m, fmt.Errorf("decode ota message of %d bytes: %w", len(b), protocols.ErrVerification)
	}
	m.kind, m.flags, m.id = b[0], b[1], ID(b[2:])
	b = b[header:]
	switch m.kind {
	case kindProposal:
		if m.proposal, b, err = ParseProposal(b); err != nil {
			return m, err
		}
		if len(b) != signature.Size || m.proposal.ID() != m.id {
			return m, fmt.Errorf("decode ota message: the proposal is not that of the id, or has no signature: %w", protocols.ErrVerification)
		}
		m.sig = [signature.Size]byte(b)
	case kindVotes:
		m.papers, err = parsePapers(b, len(b)/voteSize)
		if err == nil && len(m.papers) == 0 {
			err = fmt.Errorf("decode ota message: no votes: %w", protocols.ErrVerification)
		}
	case kindStatus:
		if len(b) != 0 {
			err = fmt.Errorf("decode ota message: status of %d bytes: %w", header+len(b), protocols.ErrVerification)
		}
	default:
		err = fmt.Errorf("decode ota message of kind %d: %w", m.kind, protocols.ErrVerification)
	}
	return m, err
}

// session is that of the envelopes that deal with a ceremony.
func (id ID) session() uint64 { return binary.LittleEndian.Uint64(id[:]) }
