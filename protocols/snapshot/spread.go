package snapshot

import (
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
)

// relays is about how many members pass a proposal on with their vote in a large group. In a group of
// up to twice as many all do. Who lost the proposal has it from them a leg later, at the time when the
// votes arrive.
const relays = 8

func (n *Node) passesOn(proposer int) bool {
	if n.n <= 2*relays {
		return true
	}
	return ((n.self-proposer+n.n)%n.n)%(n.n/relays) == 1
}

// publish sends this member's fresh vote to all: with the proposal, if it is the proposer's or this
// member passes it on. A proposal goes out twice: it is one datagram of hundreds, and whoever loses
// it learns of it behind all votes.
func (n *Node) publish(r *round, own quorum.Vote) {
	m := message{kind: kindVotes, epoch: r.epoch, statement: r.statement, votes: own.Append(nil)}
	if r.mine || n.passesOn(r.proposer) {
		m = n.cutMessage(r, own)
	}
	for i := range n.n {
		if i == n.self {
			continue
		}
		n.send(i, m, false)
		if r.mine || n.n <= n.cfg.Twice {
			n.send(i, m, true)
		}
	}
}

// cutMessage is the proposal with as many votes as fit, this member's first.
func (n *Node) cutMessage(r *round, own quorum.Vote) message {
	m := message{kind: kindCut, epoch: r.epoch, proposer: max(r.proposer, 0), proposal: r.proposal, votes: own.Append(nil)}
	for _, v := range r.ballot.Votes() {
		if v.Member != own.Member && len(m.votes) < n.fitting(&r.proposal)*quorum.VoteSize {
			m.votes = v.Append(m.votes)
		}
	}
	return m
}

// fitting is how many votes fit beside a proposal.
func (n *Node) fitting(p *Proposal) int {
	return min((protocols.MaxBody-1-2-p.size()-1)/quorum.VoteSize, 255)
}

// sendVotes sends what an ask wants: the proposal, and votes that it lacks until it has enough.
func (n *Node) sendVotes(to int, p *Proposal, s quorum.Statement, votes []quorum.Vote, ask *message) {
	held := 0
	var b []byte
	for _, v := range votes {
		if i := int(v.Member); ask.held[i/8]>>(i%8)&1 == 1 {
			held++
		} else {
			b = v.Append(b)
		}
	}
	if enough := max(n.cfg.Threshold-held, 1) * quorum.VoteSize; len(b) > enough {
		b = b[:enough]
	}
	if p != nil && ask.wants&wantProposal != 0 {
		if len(b) == 0 {
			b = votes[0].Append(nil)
		}
		k := min(len(b), n.fitting(p)*quorum.VoteSize)
		n.send(to, message{kind: kindCut, epoch: ask.epoch, proposer: n.claim(s), proposal: *p, votes: b[:k]}, true)
		b = b[k:]
	}
	for len(b) > 0 {
		k := min(len(b), maxVotes*quorum.VoteSize)
		n.send(to, message{kind: kindVotes, epoch: ask.epoch, statement: s, votes: b[:k]}, true)
		b = b[k:]
	}
}

// claim is whom to name as the proposer of a statement: this member, where it cares that everybody
// hears of it.
func (n *Node) claim(s quorum.Statement) int {
	for _, r := range n.rounds {
		if r.statement == s && r.proposer >= 0 {
			return r.proposer
		}
	}
	return n.self
}

// sendCommit sends the certificate.
func (n *Node) sendCommit(to int) {
	if n.commit == nil {
		return
	}
	all := message{epoch: n.commit.Epoch, wants: wantProposal, held: n.bitmap(nil)}
	n.sendVotes(to, &n.commit.Proposal, n.agreed, n.commit.Certificate.Votes, &all)
}

// ask asks a member for what is missing of a round.
func (n *Node) ask(to int, r *round, again bool) {
	m := message{kind: kindAsk, epoch: r.epoch, statement: r.statement, held: n.bitmap(r.ballot.Votes())}
	if !r.known {
		m.wants = wantProposal
	}
	n.send(to, m, again)
}

func (n *Node) bitmap(votes []quorum.Vote) []byte {
	b := make([]byte, (n.n+7)/8)
	for _, v := range votes {
		b[v.Member/8] |= 1 << (v.Member % 8)
	}
	return b
}

func (n *Node) note(to int, r *round, why Reason) {
	if to >= 0 && to != n.self {
		n.send(to, message{kind: kindNote, epoch: r.epoch, statement: r.statement, reason: why}, false)
	}
}

func (n *Node) send(to int, m message, again bool) {
	b, err := protocols.Envelope{Type: protocols.TypeSnapshot, Session: m.epoch}.Append(n.out.Buffer())
	if err != nil {
		return
	}
	b = m.append(b)
	size := len(b) - protocols.EnvelopeSize
	b[protocols.EnvelopeSize-2], b[protocols.EnvelopeSize-1] = byte(size), byte(size>>8)
	n.out.Datagrams = append(n.out.Datagrams, protocols.Datagram{To: n.g.Member(to), Data: b, Message: !again, Again: again})
}

// A spread is the care of a proposer that everybody hears of the certificate.
type spread struct {
	done  []bool
	left  int
	tries int
	at    time.Duration
	until time.Duration
}

func newSpread(n *Node, r *round) *spread {
	s := &spread{done: make([]bool, n.n), left: n.n - 1, at: n.now + n.spreadOut(n.cfg.Resend), until: n.now + n.cfg.Timeout}
	s.done[n.self] = true
	return s
}

func (s *spread) heard(member int) {
	if !s.done[member] {
		s.done[member] = true
		s.left--
	}
}

// A greeting asks everybody, after a restart, what was agreed on meanwhile.
type greeting struct {
	answered []bool
	left     int
	tries    int
	at       time.Duration
}

const greetings = 5

func (g *greeting) heard(member, members int) {
	if g.answered == nil {
		g.answered, g.left = make([]bool, members), members-1
	}
	if !g.answered[member] {
		g.answered[member] = true
		g.left--
	}
}

// spreadOut returns a duration between three quarters and five quarters of d, so that members that
// lost together do not send again together.
func (n *Node) spreadOut(d time.Duration) time.Duration {
	return d*3/4 + time.Duration(n.rng.Int64N(int64(d/2)+1))
}

// backoff is the time to the next repetition after so many.
func (n *Node) backoff(tries int) time.Duration {
	return n.spreadOut(min(n.cfg.Resend<<min(tries, 10), 10*n.cfg.Resend))
}

// tick does what time has made due.
func (n *Node) tick() {
	for i := 0; i < len(n.rounds); i++ {
		r := n.rounds[i]
		switch {
		case n.now >= r.until:
			n.abort(r, TimedOut, r.mine)
			i = -1 // others may be gone too
		case n.now >= r.at:
			r.tries++
			r.at = n.now + n.backoff(r.tries)
			n.repeat(r)
			if n.find(r.epoch, r.statement) != r {
				i = -1
			}
		}
	}
	if s := n.spread; s != nil {
		switch {
		case s.left == 0 || n.now >= s.until:
			n.spread = nil
		case n.now >= s.at:
			s.tries++
			s.at = n.now + n.backoff(s.tries)
			for i := range n.n {
				if !s.done[i] {
					n.sendCommit(i)
				}
			}
		}
	}
	if g := n.greet; g != nil && n.now >= g.at {
		if g.tries == greetings || g.answered != nil && g.left == 0 {
			n.greet = nil
			return
		}
		g.at = n.now + n.backoff(g.tries)
		g.tries++
		for i := range n.n {
			if i != n.self && (g.answered == nil || !g.answered[i]) {
				n.send(i, message{kind: kindAsk, epoch: n.epoch() + 1, wants: wantProposal, held: n.bitmap(nil)}, g.tries > 1)
			}
		}
	}
}

// repeat sends again what may have been lost.
func (n *Node) repeat(r *round) {
	if r.known && (r.state == fresh || r.state == lacking || r.ballot.Reached()) {
		n.consider(r)
		if n.find(r.epoch, r.statement) != r {
			return
		}
	}
	if r.mine {
		if v, ok := n.ownVote(r); ok {
			m := n.cutMessage(r, v)
			for i := range n.n {
				if i != n.self && !r.answered[i] {
					n.send(i, m, true)
				}
			}
		}
	}
	if n.n == 1 {
		return
	}
	// One who must know, and one by chance.
	to := (n.self + 1 + n.rng.IntN(n.n-1)) % n.n
	n.ask(to, r, true)
	if r.proposer >= 0 && r.proposer != n.self && r.proposer != to {
		n.ask(r.proposer, r, true)
	}
}

func (n *Node) ownVote(r *round) (quorum.Vote, bool) {
	for _, v := range r.ballot.Votes() {
		if int(v.Member) == n.self {
			return v, true
		}
	}
	return quorum.Vote{}, false
}

func (n *Node) wake() time.Duration {
	at := protocols.Never
	for _, r := range n.rounds {
		at = min(at, r.until, r.at)
	}
	if s := n.spread; s != nil {
		at = min(at, s.at, s.until)
	}
	if n.greet != nil {
		at = min(at, n.greet.at)
	}
	if n.server != nil {
		at = min(at, n.server.Deadline())
	}
	if f := n.fetching; f != nil && n.Lacks() {
		at = min(at, f.at, f.until)
		if f.fetcher != nil {
			at = min(at, f.fetcher.Deadline())
		}
	}
	return at
}
