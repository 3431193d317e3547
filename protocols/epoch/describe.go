package epoch

import (
	"fmt"

	"github.com/perfgate/perfgate/protocols"
)

// Describe says in a few words what a datagram of this protocol is, for traces.
func Describe(data []byte) string {
	e, err := protocols.ParseEnvelope(data)
	if err != nil {
		return err.Error()
	}
	m, err := parseMessage(e.Session, e.Body)
	if err != nil {
		return err.Error()
	}
	ask := ""
	if m.flags&flagAsk != 0 {
		ask = ", asks"
	}
	id := m.proposal.ID()
	switch m.kind {
	case kindWish:
		return fmt.Sprintf("wish for epoch %d: %x%s", m.epoch, id[:4], ask)
	case kindVote:
		return fmt.Sprintf("vote for epoch %d, round %d: %x%s", m.epoch, m.round, id[:4], ask)
	case kindReport:
		if m.flags&flagVoted == 0 {
			return fmt.Sprintf("report for epoch %d, round %d: no vote%s", m.epoch, m.round, ask)
		}
		return fmt.Sprintf("report for epoch %d, round %d: %x in round %d%s", m.epoch, m.round, id[:4], m.in, ask)
	case kindCertificate:
		return fmt.Sprintf("part of the certificate of epoch %d: %x%s", m.epoch, id[:4], ask)
	}
	return fmt.Sprintf("beacon of epoch %d%s", m.epoch, ask)
}
