package ota

import (
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// A link is what is known of one peer in one ceremony.
type link struct {
	knows   bool // the proposal
	hasVote bool // ours
	decided bool // it knows the outcome
	owed    bool // it asked
	next    time.Duration
	tries   int
}

// direct is up to how many peers votes go from everybody to everybody; beyond, to the coordinator.
const direct = 128

// attempts is how often a peer is told or asked without an answer that helps, some 18 minutes with the
// default Resend, and renewed how many more there are with every epoch that begins. A ceremony that is
// not decided is told and asked about until it times out.
const (
	attempts = 16
	renewed  = 2
)

// renew allows some more attempts, as an epoch has begun: who was away may be back.
func (c *ceremony) renew() {
	c.polls = min(c.polls, attempts-renewed)
	for i := range c.links {
		if l := &c.links[i]; l.tries >= attempts {
			l.tries, l.next = attempts-renewed, 0
		}
	}
}

// handle takes a message of a ceremony from a peer.
func (n *Node) handle(now time.Duration, from int, m *message) error {
	c := n.find(m.id)
	if c == nil {
		if slices.ContainsFunc(n.rec.past, func(p passed) bool { return p.id == m.id }) {
			return nil // through, and without anything left to say
		}
		if m.kind == kindStatus && m.flags&knowsProposal == 0 {
			return nil // neither side knows it: answering would never end
		}
		if m.kind != kindProposal {
			n.strays = append(n.strays, stray{from, m.id})
			return nil
		}
		var err error
		if c, err = n.admit(now, &m.proposal, m.sig); err != nil {
			return err
		}
	}
	l := &c.links[from]
	if m.kind == kindStatus && m.flags&knowsProposal == 0 {
		l.knows, l.owed = false, true
	} else {
		l.knows = true
	}
	l.hasVote = l.hasVote || m.flags&knowsYourVote != 0
	l.decided = m.flags&(knowsCommitted|knowsAborted) != 0
	l.owed = l.owed || m.flags&asks != 0
	for _, p := range m.papers {
		fresh, err := n.count(c, p)
		if err != nil {
			return err
		}
		if fresh && p.reason == Ready && c.outcome == Committed {
			n.spare(now, c, p)
		}
	}
	if n.decide(c) {
		n.save()
	}
	return n.err
}

// A stray is a message of a ceremony that is not known here: whoever sent it has the proposal.
type stray struct {
	from int
	id   ID
}

// needs is what a peer is to be sent without having asked.
type needs struct{ proposal, vote, outcome, poll bool }

func (x needs) any() bool { return x.proposal || x.vote || x.outcome || x.poll }

func (n *Node) needs(c *ceremony, i int) (x needs) {
	l := &c.links[i]
	leads := c.proposal.Coordinator == n.cfg.Self
	peer := n.others()[i]
	if c.outcome != Undecided {
		x.outcome = leads && !l.decided && l.tries < attempts
		x.proposal = x.outcome && !l.knows
		// Our vote may be what the coordinator waits for, also if it was the last that we needed.
		x.vote = peer == c.proposal.Coordinator && c.voted && !l.hasVote && !l.decided && l.tries < attempts
		return x
	}
	if c.given {
		// Others may have come to an end after all; they are asked in turn.
		x.poll = i == c.turn(n) && c.polls < attempts
		return x
	}
	x.proposal = leads && !l.knows
	x.vote = c.voted && !l.hasVote && (leads || len(n.others()) < direct || peer == c.proposal.Coordinator)
	// Whoever does not lead asks the coordinator, and the peer after itself, in case that one is gone.
	x.poll = l.decided || !leads && !x.vote && (peer == c.proposal.Coordinator || i == int(n.rec.epoch+uint64(c.polls))%len(c.links))
	return x
}

// turn is who is asked next about a ceremony that was given up.
func (c *ceremony) turn(n *Node) int { return (int(n.cfg.Self[0]) + c.polls) % len(c.links) }

// due is when something has to be sent or given up in a ceremony.
func (n *Node) due(c *ceremony) time.Duration {
	at := protocols.Never
	if len(c.spare) > 0 {
		at = c.spareAt
	}
	if c.outcome == Undecided && !c.given && c.began > 0 {
		at = min(at, c.began+n.cfg.Policy.Timeout)
	}
	for i := range c.links {
		if n.needs(c, i).any() {
			at = min(at, c.links[i].next)
		}
	}
	return at
}

// exchange sends what peers need and what they asked for.
func (n *Node) exchange(now time.Duration, out *protocols.Output) {
	for _, s := range n.strays {
		n.send(nil, s.from, &message{kind: kindStatus, id: s.id}, out, false)
	}
	n.strays = n.strays[:0]
	for _, c := range n.cers {
		polled := false
		var fresh []int // who gets the proposal for the first time
		for i := range c.links {
			l := &c.links[i]
			x := n.needs(c, i)
			timed := x.any() && now >= l.next
			if !timed && !l.owed {
				continue
			}
			again := l.tries > 0
			if timed {
				l.next = now + n.backoff(l.tries)
				l.tries++
				polled = polled || x.poll
			}
			var papers []ballotPaper
			switch {
			case c.outcome != Undecided && (timed || !l.decided):
				papers = c.papers(c.outcome)
			case c.outcome == Undecided && c.voted && !l.hasVote && (timed && x.vote || l.owed):
				papers = n.mine(c)
			}
			ask := timed && (x.proposal || x.outcome || x.poll || x.vote && again)
			propose := timed && x.proposal || l.owed && !l.knows
			if propose && timed && !again && c.outcome == Undecided {
				fresh = append(fresh, i)
			}
			n.tell(c, i, propose, ask, papers, out, again)
			l.owed = false
		}
		for range n.copies() - 1 {
			for _, i := range fresh {
				n.tell(c, i, true, false, nil, out, true)
			}
		}
		n.passOn(now, c, out)
		if polled {
			if c.polls++; c.given {
				c.links[c.turn(n)].next = now + n.backoff(c.polls)
			}
		}
	}
}

// copies is how often the coordinator sends its proposal when it begins. Whoever has not got it can
// neither vote nor count the votes of others, and finds that out no earlier than when they come. One
// vote more or less, however, seldom matters.
func (n *Node) copies() int {
	const few = 16
	if len(n.others()) < few {
		return 2
	}
	return 3
}

// spare keeps a vote that came after the certificate, where the coordinator passes votes on. The
// certificate of a large group takes several datagrams, and with so many peers somebody always lacks
// one; but any votes that reach the threshold make a certificate, so that these stand in for what was
// lost.
func (n *Node) spare(now time.Duration, c *ceremony, p ballotPaper) {
	if c.proposal.Coordinator != n.cfg.Self || len(n.others()) < direct {
		return
	}
	if len(c.spare) == 0 {
		c.spareAt = now + n.cfg.Resend/16
	}
	c.spare = append(c.spare, p)
}

// passOn sends spare votes to who is not known to have a certificate, once they fill a datagram or the
// first has waited long enough.
func (n *Node) passOn(now time.Duration, c *ceremony, out *protocols.Output) {
	if len(c.spare) == 0 || len(c.spare) < maxVotes && now < c.spareAt {
		return
	}
	for i := range c.links {
		if !c.links[i].decided {
			n.tell(c, i, false, false, c.spare, out, false)
		}
	}
	c.spare = c.spare[:0]
}

// tell sends a peer the proposal, if it is to have that, and votes, or else how things stand. The last of
// these messages may ask for an answer.
func (n *Node) tell(c *ceremony, to int, propose, ask bool, papers []ballotPaper, out *protocols.Output, again bool) {
	say := func(m message, last bool) {
		if m.id = c.id; ask && last {
			m.flags = asks
		}
		n.send(c, to, &m, out, again)
	}
	switch {
	case propose:
		say(message{kind: kindProposal, proposal: c.proposal, sig: c.sig}, len(papers) == 0)
	case len(papers) == 0:
		say(message{kind: kindStatus}, true)
	}
	for len(papers) > 0 {
		part := papers[:min(maxVotes, len(papers))]
		papers = papers[len(part):]
		say(message{kind: kindVotes, papers: part}, len(papers) == 0)
	}
}

// mine is this member's vote.
func (n *Node) mine(c *ceremony) []ballotPaper {
	o := Committed
	if c.own != Ready {
		o = Aborted
	}
	for _, p := range c.papers(o) {
		if int(p.vote.Member) == n.member {
			return []ballotPaper{p}
		}
	}
	return nil
}

func (n *Node) backoff(tries int) time.Duration {
	d := min(n.cfg.Resend<<min(tries, 10), 30*time.Second<<max(min(tries-10, 5), 0))
	return d + time.Duration(n.random().Int64N(int64(d)/8+1))
}

// send puts a message into a datagram, with what is known here of the ceremony.
func (n *Node) send(c *ceremony, to int, m *message, out *protocols.Output, again bool) {
	if c != nil {
		m.flags |= knowsProposal
		switch c.outcome {
		case Committed:
			m.flags |= knowsCommitted
		case Aborted:
			m.flags |= knowsAborted
		}
		if i, ok := n.cfg.Policy.Group.Index(n.others()[to]); ok {
			if c.ready.Has(i) || slices.ContainsFunc(c.refused, func(p ballotPaper) bool { return int(p.vote.Member) == i }) {
				m.flags |= knowsYourVote
			}
		}
	}
	if again {
		n.stats.Resent++
	} else {
		n.stats.Messages++
	}
	b, err := protocols.Envelope{Type: protocols.TypeOTA, Session: m.id.session(), Body: m.append(nil)}.Append(out.Buffer())
	if err != nil {
		return // all messages fit
	}
	out.Datagrams = append(out.Datagrams, protocols.Datagram{To: n.others()[to], Data: b, Message: !again, Again: again})
}
