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

// A Promise is what a vote or a report binds its member to. In one round of an epoch an honest member
// makes one of each kind, over all its lives.
type Promise struct {
	Report bool
	Epoch  uint64
	Round  uint32
}

// Promised returns the promise in a datagram and what is promised: of a vote the proposal, of a report
// all it says. It is false for other datagrams. Simulations hold members to it.
func Promised(data []byte) (p Promise, what ID, ok bool) {
	e, err := protocols.ParseEnvelope(data)
	if err != nil || e.Type != protocols.TypeEpoch || len(e.Body) == 0 || e.Body[0] != kindVote && e.Body[0] != kindReport {
		return Promise{}, ID{}, false
	}
	m, err := parseMessage(e.Session, e.Body)
	if err != nil {
		return Promise{}, ID{}, false
	}
	p = Promise{Report: m.kind == kindReport, Epoch: m.epoch, Round: m.round}
	if m.kind == kindVote {
		return p, m.proposal.ID(), true
	}
	if m.flags&flagVoted != 0 {
		what = m.proposal.ID()
		what[0] ^= byte(m.in) + 1
	}
	return p, what, true
}
