package snapshot

import (
	"encoding/binary"
	"fmt"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
)

// The kinds of message.
const (
	kindCut   byte = 1
	kindVotes byte = 2
	kindAsk   byte = 3
	kindNote  byte = 4
	kindFile  byte = 5
)

// What an ask wants beside votes.
const (
	wantProposal byte = 1 << iota
	wantFile
	wantMask = wantProposal | wantFile
)

// A Reason says why a member does not approve a proposal, or why its proposer gives it up.
type Reason byte

// The reasons.
const (
	// NotYet: records below the frontier are missing; the vote comes when they have arrived.
	NotYet Reason = iota + 1
	// Voted: the member has signed another cut for this epoch, or a later one.
	Voted
	// Stale: the frontier lies below one that is agreed on, or that the member has approved.
	Stale
	// Differs: the member computes another digest.
	Differs
	// Policy: the member knows another policy.
	Policy
	// TimedOut: not enough votes came in time.
	TimedOut
	// Split: so many members voted for others, or refused, that there can be no certificate.
	Split
	// Superseded: the proposer approved a later cut.
	Superseded
	// Withdrawn: the proposer was asked to give it up.
	Withdrawn

	done // not a reason: the member has the certificate
)

// String returns the reason in words.
func (r Reason) String() string {
	if i := int(r) - 1; i >= 0 && i < len(reasons) {
		return reasons[i]
	}
	return fmt.Sprintf("reason %d", byte(r))
}

var reasons = [...]string{
	"records are missing", "another cut was signed", "the frontier is stale", "the digest differs", "the policy differs",
	"timed out", "votes are split", "superseded", "withdrawn", "done",
}

// maxVotes is how many votes fit into one datagram without a proposal.
const maxVotes = (protocols.MaxBody - 1 - 32 - 1) / quorum.VoteSize

// A message is the body of one envelope, whose session is the epoch.
//
//	cut    1, proposer (2), proposal, number of votes (1), votes
//	votes  2, statement (32), number of votes (1), votes
//	ask    3, statement (32; zeros: whatever is agreed on), wants, bitmap of the votes that are held
//	note   4, statement (32), reason
//	file   5, statement (32), root of its blocks (32)
type message struct {
	kind      byte
	epoch     uint64
	proposer  int
	proposal  Proposal
	votes     []byte // encoded
	statement quorum.Statement
	wants     byte
	held      []byte // bitmap
	reason    Reason
	root      [32]byte
}

func (m *message) append(dst []byte) []byte {
	dst = append(dst, m.kind)
	if m.kind == kindCut {
		dst = m.proposal.append(binary.LittleEndian.AppendUint16(dst, uint16(m.proposer)))
		dst = append(dst, byte(len(m.votes)/quorum.VoteSize))
		return append(dst, m.votes...)
	}
	dst = append(dst, m.statement[:]...)
	switch m.kind {
	case kindVotes:
		dst = append(dst, byte(len(m.votes)/quorum.VoteSize))
		return append(dst, m.votes...)
	case kindAsk:
		return append(append(dst, m.wants), m.held...)
	case kindFile:
		return append(dst, m.root[:]...)
	}
	return append(dst, byte(m.reason))
}

// parseMessage decodes a message of a group with so many members; votes and held are parts of b. What
// parses re-encodes to the same bytes.
func parseMessage(epoch uint64, members int, b []byte) (message, error) {
	bad := func(what string) (message, error) {
		return message{}, fmt.Errorf("decode snapshot message: %s: %w", what, protocols.ErrVerification)
	}
	if len(b) < 3 {
		return bad("cut short")
	}
	m := message{kind: b[0], epoch: epoch}
	b = b[1:]
	if m.kind == kindCut {
		m.proposer = int(binary.LittleEndian.Uint16(b))
		var err error
		if m.proposal, b, err = parseProposal(b[2:]); err != nil {
			return message{}, err
		}
		if m.proposal.Epoch != epoch || len(m.proposal.Frontier) != members || m.proposer >= members {
			return bad("proposal of another epoch or group")
		}
	} else {
		if len(b) < 32 {
			return bad("cut short")
		}
		m.statement = quorum.Statement(b[:32])
		b = b[32:]
	}
	if len(b) == 0 {
		return bad("cut short")
	}
	switch m.kind {
	case kindCut, kindVotes:
		n := int(b[0])
		m.votes = b[1:]
		if n == 0 || len(m.votes) != n*quorum.VoteSize {
			return bad("votes of the wrong length")
		}
	case kindAsk:
		m.wants, m.held = b[0], b[1:]
		if m.wants&^wantMask != 0 || len(m.held) != (members+7)/8 || members%8 != 0 && m.held[members/8]>>(members%8) != 0 {
			return bad("unknown wish, or bitmap of the wrong length")
		}
	case kindNote:
		m.reason = Reason(b[0])
		if len(b) != 1 || m.reason < NotYet || m.reason > done {
			return bad("unknown reason")
		}
	case kindFile:
		if len(b) != 32 {
			return bad("wrong length")
		}
		m.root = [32]byte(b)
	default:
		return bad("unknown kind")
	}
	return m, nil
}
