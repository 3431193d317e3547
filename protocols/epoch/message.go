package epoch

import (
	"encoding/binary"
	"fmt"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/signature"
)

// The kinds of message.
const (
	kindWish        byte = 1
	kindVote        byte = 2
	kindReport      byte = 3
	kindCertificate byte = 4
	kindBeacon      byte = 5
)

// Flags of a message.
const (
	flagAsk   byte = 1 << iota // answer with what you have
	flagVoted                  // of a report: there was a vote
	flagMask  = flagAsk | flagVoted
)

// maxPart is how many votes of a certificate fit into one datagram.
const maxPart = (protocols.MaxBody - 2 - 4 - proposalSize - 1) / quorum.VoteSize

// A message is the body of one envelope, whose session is the epoch.
//
//	wish         1, flags, proposal
//	vote         2, flags, round (4), proposal, the owner's signature of its vote (64), vote
//	report       3, flags, round (4), [round of the last vote (4), proposal, owner's signature,] vote
//	certificate  4, flags, round (4), proposal, number of votes (1), votes
//	beacon       5, flags
//
// The vote at the end of a report is the signature of the report's statement.
type message struct {
	kind     byte
	flags    byte
	epoch    uint64
	round    uint32
	in       uint32 // of a report: the round of the last vote
	proposal Proposal
	owner    [signature.Size]byte
	vote     quorum.Vote
	votes    []byte // of a certificate: encoded
	sealed   []byte // proposal and owner's signature as they came, until open decodes them
}

func (m *message) append(dst []byte) []byte {
	dst = append(dst, m.kind, m.flags)
	switch m.kind {
	case kindWish:
		return m.proposal.append(dst)
	case kindVote:
		dst = binary.LittleEndian.AppendUint32(dst, m.round)
		dst = append(m.proposal.append(dst), m.owner[:]...)
		return m.vote.Append(dst)
	case kindReport:
		dst = binary.LittleEndian.AppendUint32(dst, m.round)
		if m.flags&flagVoted != 0 {
			dst = binary.LittleEndian.AppendUint32(dst, m.in)
			dst = append(m.proposal.append(dst), m.owner[:]...)
		}
		return m.vote.Append(dst)
	case kindCertificate:
		dst = binary.LittleEndian.AppendUint32(dst, m.round)
		dst = append(m.proposal.append(dst), byte(len(m.votes)/quorum.VoteSize))
		return append(dst, m.votes...)
	}
	return dst
}

// parseMessage decodes a message; votes is a part of b. What parses re-encodes to the same bytes.
func parseMessage(epoch uint64, b []byte) (message, error) {
	var m message
	if err := m.parse(epoch, b); err != nil {
		return message{}, err
	}
	m.open()
	return m, nil
}

// open decodes what parse left sealed.
func (m *message) open() {
	if m.sealed == nil {
		return
	}
	m.proposal = parseProposal(m.epoch, m.sealed)
	if len(m.sealed) > proposalSize {
		m.owner = [signature.Size]byte(m.sealed[proposalSize:])
	}
	m.sealed = nil
}

// parse checks a message and decodes it but for the proposal, which stays sealed in a part of b: most
// votes are late, or about the proposal that their receiver voted for.
func (m *message) parse(epoch uint64, b []byte) error {
	bad := func(what string) error {
		return fmt.Errorf("decode epoch message: %s: %w", what, protocols.ErrVerification)
	}
	if len(b) < 2 {
		return bad("cut short")
	}
	*m = message{kind: b[0], flags: b[1], epoch: epoch}
	if m.flags&^flagMask != 0 || m.flags&flagVoted != 0 && m.kind != kindReport {
		return bad("unknown flags")
	}
	b = b[2:]
	size := 0
	switch m.kind {
	case kindWish:
		size = proposalSize
	case kindVote:
		size = 4 + proposalSize + signature.Size + quorum.VoteSize
	case kindReport:
		size = 4 + quorum.VoteSize
		if m.flags&flagVoted != 0 {
			size += 4 + proposalSize + signature.Size
		}
	case kindCertificate:
		size = 4 + proposalSize + 1
		if len(b) < size || b[size-1] == 0 || b[size-1] > maxPart {
			return bad("certificate cut short, empty or too long")
		}
		size += int(b[size-1]) * quorum.VoteSize
	case kindBeacon:
	default:
		return bad("unknown kind")
	}
	if len(b) != size {
		return bad("wrong length")
	}
	if m.kind == kindVote || m.kind == kindReport || m.kind == kindCertificate {
		m.round = binary.LittleEndian.Uint32(b)
		b = b[4:]
	}
	if m.kind == kindReport && m.flags&flagVoted != 0 {
		m.in = binary.LittleEndian.Uint32(b)
		b = b[4:]
		if m.in >= m.round {
			return bad("report of a vote in a round to come")
		}
	}
	switch {
	case m.kind == kindVote || m.flags&flagVoted != 0:
		m.sealed, b = b[:proposalSize+signature.Size], b[proposalSize+signature.Size:]
	case m.kind == kindWish || m.kind == kindCertificate:
		m.sealed, b = b[:proposalSize], b[proposalSize:]
	}
	if m.kind == kindVote || m.kind == kindReport {
		m.vote = quorum.ParseVote(b)
	}
	if m.kind == kindCertificate {
		m.votes = b[1:]
	}
	return nil
}
