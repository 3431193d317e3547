package snapshot

import (
	"encoding/binary"
	"fmt"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
)

// Describe says in a few words what a datagram is, for traces.
func Describe(data []byte) string {
	e, err := protocols.ParseEnvelope(data)
	switch {
	case err != nil:
		return err.Error()
	case e.Type == protocols.TypeChunk:
		return "blocks"
	case e.Type == protocols.TypeAntiEntropy:
		return "sync"
	case e.Type != protocols.TypeSnapshot:
		return fmt.Sprintf("type %d", e.Type)
	}
	// The number of members is not known here; most kinds say it or do not need it.
	members := 0
	if b := e.Body; len(b) > 13 && b[0] == kindCut {
		members = int(binary.LittleEndian.Uint16(b[11:]))
	} else if len(b) > 34 && b[0] == kindAsk {
		return fmt.Sprintf("ask for epoch %d, %x", e.Session, b[1:5])
	}
	m, err := parseMessage(e.Session, members, e.Body)
	if err != nil {
		return err.Error()
	}
	switch m.kind {
	case kindCut:
		s := fmt.Sprintf("cut of epoch %d by %d at %v, votes of", m.epoch, m.proposer, m.proposal.Frontier)
		return s + voters(m.votes)
	case kindVotes:
		return fmt.Sprintf("votes of epoch %d for %x of%s", m.epoch, m.statement[:4], voters(m.votes))
	case kindFile:
		return fmt.Sprintf("file of epoch %d is %x", m.epoch, m.root[:8])
	}
	return fmt.Sprintf("note of epoch %d on %x: %v", m.epoch, m.statement[:4], m.reason)
}

func voters(b []byte) string {
	s := ""
	for ; len(b) > 0; b = b[quorum.VoteSize:] {
		s += fmt.Sprintf(" %d", quorum.ParseVote(b).Member)
	}
	return s
}
