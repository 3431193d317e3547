package epoch

import (
	"fmt"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/signature"
)

func timeout(e *effort) error {
	return fmt.Errorf("propose epoch %d, attempt %d: no quorum within %v: %w", e.proposal.Epoch, e.proposal.Attempt, e.proposal.life(), protocols.ErrTimeout)
}

func refuse(what string) error {
	return fmt.Errorf("take epoch message: %s: %w", what, protocols.ErrVerification)
}

// receive handles a datagram. The error says why it was refused; nothing has changed then.
func (n *Node) receive(in protocols.Input, out *protocols.Output) error {
	from, ok := n.g.Index(in.From)
	if !ok || from == n.self {
		return refuse("from no other member")
	}
	e, err := protocols.ParseEnvelope(in.Data)
	if err != nil {
		return err
	}
	if e.Type != protocols.TypeEpoch {
		return refuse("another protocol")
	}
	m := &n.incoming
	if err = m.parse(e.Session, e.Body); err != nil {
		return err
	}
	switch {
	case m.kind == kindBeacon:
		n.beacon(from, m, out)
		return nil
	case m.kind == kindCertificate:
		m.open()
		return n.part(from, m, out)
	case m.epoch > n.epoch+1:
		n.catchUp(from, out)
		return nil
	case m.epoch <= n.epoch:
		// Late votes for the epoch in force are the rule; others come from who does not know of it.
		if s := n.spread; s != nil && m.epoch == n.epoch && m.kind != kindWish {
			s.heard[from] = true
		}
		if m.epoch < n.epoch || m.flags&flagAsk != 0 || m.kind == kindWish {
			n.sendCertificate(out, from, 0)
		}
		return nil
	}
	if m.kind != kindWish && int(m.vote.Member) != from {
		return refuse("the vote of another member")
	}
	switch m.kind {
	case kindWish:
		m.open()
		err = n.takeWish(m, out)
	case kindVote:
		err = n.takeVote(from, m, out)
	case kindReport:
		m.open()
		err = n.takeReport(from, m, out)
	}
	if err != nil {
		return err
	}
	if m.flags&flagAsk != 0 && n.err == nil {
		if m.epoch <= n.epoch {
			n.sendCertificate(out, from, 0)
		} else {
			n.say(out, from, 0)
		}
	}
	return nil
}

// beacon compares epochs with another member.
func (n *Node) beacon(from int, m *message, out *protocols.Output) {
	switch {
	case m.epoch < n.epoch:
		n.sendCertificate(out, from, 0)
	case m.epoch > n.epoch:
		n.catchUp(from, out)
	case n.spread != nil:
		n.spread.heard[from] = true
	}
	// Who asks after a restart may also have missed what is under way.
	if m.flags&flagAsk != 0 && m.epoch <= n.epoch && n.race.active {
		n.say(out, from, 0)
	}
}

// catchUp asks a member that is ahead, though not at each of its messages.
func (n *Node) catchUp(from int, out *protocols.Output) {
	if n.askedAt != 0 && n.now < n.askedAt+n.cfg.Retry/8 {
		return
	}
	n.askedAt = max(n.now, 1)
	n.send(out, from, &message{kind: kindBeacon, flags: flagAsk, epoch: n.epoch}, false)
}

func (n *Node) takeWish(m *message, out *protocols.Output) error {
	r, p := &n.race, m.proposal
	id := p.ID()
	if r.wish != nil && r.wishID == id {
		return nil
	}
	newer := r.wish == nil || n.now >= r.wishEnd || r.wish.Proposer == p.Proposer && r.wish.Attempt < p.Attempt && int(p.Proposer) != n.self
	if !newer {
		return nil
	}
	if int(p.Proposer) >= n.g.Len() || p.Life > maxLife {
		return refuse("a proposal of no member, or that never ends")
	}
	s := proposalStatement(n.g, id)
	if !n.cfg.Verifier.Verify([]signature.Check{n.check(&s, int(p.Proposer), p.Signature[:])}) {
		return refuse("a proposal that is not its proposer's")
	}
	r.wish, r.wishID, r.wishEnd = &p, id, n.now+p.life()
	n.activate(n.now, r.wishEnd)
	n.lead(out)
	return nil
}

// learn returns the value that a message speaks of, checked together with the message's own
// signature, and whether the value is new here. The owner's signature is its vote.
func (n *Node) learn(m *message, round uint32, own ...signature.Check) (v *value, fresh bool, err error) {
	r := &n.race
	id := m.proposal.ID()
	if v = r.find(round, id); v == nil {
		p := m.proposal
		if int(p.Proposer) >= n.g.Len() || p.Life > maxLife {
			return nil, false, refuse("a proposal of no member, or that never ends")
		}
		owner := n.owner(n.epoch+1, round)
		ps, vs := proposalStatement(n.g, id), voteStatement(n.g, n.epoch+1, round, id)
		own = append(own, n.check(&ps, int(p.Proposer), p.Signature[:]), n.check(&vs, owner, m.owner[:]))
		v, fresh = &value{proposal: p, id: id, round: round, owner: m.owner, vouched: true, statement: vs}, true
	}
	if len(own) > 0 && !n.cfg.Verifier.Verify(own) {
		return nil, false, refuse("a signature that does not hold")
	}
	return v, fresh, nil
}

// heard takes note of a new value: its owner has voted for it.
func (n *Node) heard(v *value) {
	owner := n.owner(n.epoch+1, v.round)
	n.cast(owner, ballot{v, quorum.Vote{Member: uint16(owner), Signature: v.owner}, true})
	n.activate(n.now, n.now+v.proposal.life())
}

// cast puts a vote in its member's place, unless a later one is there. Two votes of one member in one
// round for different proposals show that it is faulty: the first counts.
func (n *Node) cast(member int, b ballot) {
	r := &n.race
	old := &r.ballots[member]
	switch {
	case member == n.self:
	case old.v == nil || old.v.round < b.v.round:
		r.put(member, b)
	case old.v.round == b.v.round && old.v.id != b.v.id && b.checked:
		if n.confirm(member) {
			r.faulty[member] = true
		} else {
			r.put(member, b)
		}
	}
}

// confirm checks a member's vote if that was put off.
func (n *Node) confirm(member int) bool {
	b := &n.race.ballots[member]
	if b.v != nil && !b.checked {
		b.checked = n.cfg.Verifier.Verify([]signature.Check{n.check(n.statement(b.v), member, b.vote.Signature[:])})
		if !b.checked {
			n.race.put(member, ballot{})
			n.stats.Refused++
		}
	}
	return b.v != nil
}

func (n *Node) takeVote(from int, m *message, out *protocols.Output) error {
	r := &n.race
	b := ballot{vote: m.vote}
	if r.known(m) {
		b.v = r.last
	} else {
		m.open()
	}
	if old := &r.ballots[from]; old.v != nil {
		same := old.v.round == m.round && old.vote == m.vote && (old.v == b.v || b.v == nil && old.v.proposal == m.proposal)
		if same || m.round < old.v.round {
			return nil
		}
		n.confirm(from)
		m.open()
	}
	signed := &m.owner
	if b.v != nil {
		signed = &b.v.owner
	}
	if from == n.owner(n.epoch+1, m.round) && *signed != m.vote.Signature {
		return refuse("an owner with two votes at once")
	}
	if b.v == nil {
		b.v = r.find(m.round, r.name(&m.proposal))
	}
	if b.v != nil && m.round == r.round && r.ballots[from].v == nil {
		n.cast(from, b) // the check can wait
	} else {
		m.open()
		s := voteStatement(n.g, n.epoch+1, m.round, r.name(&m.proposal))
		v, fresh, err := n.learn(m, m.round, n.check(&s, from, m.vote.Signature[:]))
		if err != nil {
			return err
		}
		if fresh {
			n.heard(v)
		}
		b.v, b.checked = v, true
		n.cast(from, b)
		n.follow(out)
	}
	epoch := m.epoch
	n.consider(b.v, out)
	if n.epoch < epoch {
		n.tally(b.v, out)
	}
	return nil
}

// follow enters the round in which an honest member is, if that is ahead.
func (n *Node) follow(out *protocols.Output) {
	if round, ok := n.race.ahead(n.cfg.Faulty); ok {
		n.activate(n.now, n.now+patience*n.cfg.Retry)
		n.enter(round, out)
	}
}

func (n *Node) takeReport(from int, m *message, out *protocols.Output) error {
	r := &n.race
	old := &r.reports[from]
	if old.held && old.round >= m.round {
		return nil
	}
	voted := m.flags&flagVoted != 0
	var id ID
	if voted {
		id = m.proposal.ID()
	}
	s := reportStatement(n.g, m.epoch, m.round, voted, m.in, id)
	check := n.check(&s, from, m.vote.Signature[:])
	next := report{held: true, round: m.round}
	if voted {
		v, fresh, err := n.learn(m, m.in, check)
		if err != nil {
			return err
		}
		if fresh {
			n.heard(v)
		}
		next.v, next.until = v, n.now+v.proposal.life()
		next.until = n.firstEnd(v.id, next.until)
		r.blame(v, n.owner(n.epoch+1, v.round))
	} else if !n.cfg.Verifier.Verify([]signature.Check{check}) {
		return refuse("a signature that does not hold")
	}
	*old = next
	n.activate(n.now, n.now+patience*n.cfg.Retry)
	n.follow(out)
	if m.epoch > n.epoch && m.round == r.round {
		n.settle(out)
	}
	return nil
}

// firstEnd is when a proposal's life ends that others may have reported before.
func (n *Node) firstEnd(id ID, until time.Duration) time.Duration {
	r := &n.race
	for i := range r.reports {
		if p := &r.reports[i]; p.v != nil && p.v.id == id {
			until = min(until, p.until)
		}
	}
	if r.wish != nil && r.wishID == id {
		until = min(until, r.wishEnd)
	}
	return until
}
