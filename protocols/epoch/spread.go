package epoch

import (
	"math"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// A spread is the care of who led a proposal to its certificate that everybody hears of it: whoever
// did not vote is sent the certificate again and again, until it says that it has it or the
// proposal's life is over. Who voted knows of the epoch and asks by itself.
type spread struct {
	heard []bool
	tries int
	at    time.Duration
	until time.Duration
}

// hand passes on a certificate that is new here. Heard is who need not be told; nil where others see
// to it.
func (n *Node) hand(heard []bool, out *protocols.Output) {
	c := &n.current
	owner := n.owner(n.epoch, c.Round)
	n.spread = nil
	if heard != nil {
		n.spread = &spread{heard: heard, at: n.now + n.jitter(n.cfg.Retry), until: n.now + c.Proposal.life()}
	}
	if n.g.Len() <= n.cfg.Direct {
		return
	}
	k := n.wide()
	paths := min(relayPaths, k)
	for j, a := range n.aggregators(owner) {
		if a != n.self {
			continue
		}
		for i := range n.g.Len() {
			at := (i - owner + n.g.Len()) % n.g.Len() % k
			if i != n.self && (at-j+k)%k < paths {
				n.sendCertificate(out, i, 0)
			}
		}
	}
}

// relayPaths is from how many aggregators each member hears. A certificate of a large group comes in
// parts, of votes that much the same members gave: what is lost from all aggregators at once is found
// missing only at the next try, so there are enough of them that this is rare at 5 % loss.
const relayPaths = 4

// wide is the number of aggregators.
func (n *Node) wide() int { return int(math.Ceil(math.Sqrt(float64(n.g.Len())))) }

// aggregators are the members that collect the votes of a round in a large group, its owner among
// them.
func (n *Node) aggregators(owner int) []int {
	k, size := n.wide(), n.g.Len()
	to := make([]int, k)
	for j := range to {
		to[j] = (owner + j*size/k) % size
	}
	return to
}

// everyone is all members but this, for the caller to read.
func (n *Node) everyone() []int {
	if n.all == nil {
		n.all = n.others(nil)
	}
	return n.all
}

// others is all members but this and those for which skip is true.
func (n *Node) others(skip func(int) bool) []int {
	to := make([]int, 0, n.g.Len())
	for i := range n.g.Len() {
		if i != n.self && (skip == nil || !skip(i)) {
			to = append(to, i)
		}
	}
	return to
}

// some picks up to k members at random, in a random order.
func (n *Node) some(of []int, k int) []int {
	if len(of) <= k {
		return of
	}
	n.rng.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
	return of[:k]
}

// broadcast sends one message to many. All its datagrams are the same bytes, in a buffer too short to
// be taken back by Output.Recycle and written to while others still wait to be sent.
func (n *Node) broadcast(out *protocols.Output, m *message, to []int) {
	n.scratch = m.append(n.scratch[:0])
	b, err := protocols.Envelope{Type: protocols.TypeEpoch, Session: m.epoch, Body: n.scratch}.Append(make([]byte, 0, protocols.EnvelopeSize+len(n.scratch)))
	if err != nil {
		n.err = err // no message is that long
		return
	}
	copies := 1
	if n.g.Len() <= n.cfg.Twice && m.kind != kindBeacon {
		copies = 2
	}
	for again := range copies {
		for _, i := range to {
			if i != n.self {
				out.Datagrams = append(out.Datagrams, protocols.Datagram{To: n.g.Member(i), Data: b, Message: again == 0, Again: again > 0})
			}
		}
	}
}

func (n *Node) send(out *protocols.Output, to int, m *message, again bool) {
	n.scratch = m.append(n.scratch[:0])
	b, err := protocols.Envelope{Type: protocols.TypeEpoch, Session: m.epoch, Body: n.scratch}.Append(out.Buffer())
	if err != nil {
		n.err = err // no message is that long
		return
	}
	out.Datagrams = append(out.Datagrams, protocols.Datagram{To: n.g.Member(to), Data: b, Message: !again, Again: again})
}

// sendCertificate sends the certificate of the epoch in force in parts.
func (n *Node) sendCertificate(out *protocols.Output, to int, flags byte) {
	c := &n.current
	for from := 0; from < len(c.Votes); from += maxPart {
		m := message{kind: kindCertificate, flags: flags, epoch: n.epoch, round: c.Round, proposal: c.Proposal}
		votes := c.Votes[from:min(from+maxPart, len(c.Votes))]
		n.votes = n.votes[:0]
		for i := range votes {
			n.votes = votes[i].Append(n.votes)
		}
		m.votes = n.votes
		n.send(out, to, &m, false)
	}
}

// timers does what is due.
func (n *Node) timers(out *protocols.Output) {
	if e := n.mine; e != nil && n.now >= e.until {
		n.stats.Expired++
		n.results = append(n.results, Result{Proposed: e.proposal, Started: e.started, Ended: n.now, Err: timeout(e)})
		n.mine = nil
	}
	if s := n.spread; s != nil && n.now >= s.at {
		to := n.others(func(i int) bool { return s.heard[i] })
		if len(to) == 0 || n.now >= s.until {
			n.spread = nil
		} else {
			for _, i := range to {
				n.sendCertificate(out, i, flagAsk)
			}
			s.tries++
			s.at = n.now + n.jitter(backoff(n.cfg.Retry, s.tries))
		}
	}
	if n.now >= n.beaconAt {
		n.broadcast(out, &message{kind: kindBeacon, flags: flagAsk, epoch: n.epoch}, n.some(n.others(nil), 1))
		n.beaconAt = n.now + n.jitter(n.cfg.Beacon)
	}
	if r := &n.race; r.active && n.now >= r.retryAt {
		n.retry(out)
	}
}

// roundTries is how often a member repeats itself before it gives up on the owner of a round.
const roundTries = 2

// retry repeats what this member last said to those who have not answered, or goes on to the next
// round.
func (n *Node) retry(out *protocols.Output) {
	r := &n.race
	if n.now >= r.until {
		r.active = false
		return
	}
	if r.tries++; r.tries >= roundTries && n.g.Len() > 1 {
		n.enter(r.round+1, out)
		return
	}
	r.retryAt = n.now + n.interval()
	owner := n.owner(n.epoch+1, r.round)
	silent := n.others(func(i int) bool {
		b := r.ballots[i].v
		return b != nil && b.round >= r.round
	})
	if len(silent) == 0 {
		silent = n.others(nil)
	}
	if owner != n.self || !r.voted() {
		silent = n.some(silent, 8)
	}
	for _, i := range silent {
		n.say(out, i, flagAsk)
	}
}

// say tells a member what this one last said: its vote, its report, or what it knows to be wished.
func (n *Node) say(out *protocols.Output, to int, flags byte) {
	r := &n.race
	if r.round > 0 {
		m, err := n.myReport()
		if err != nil {
			n.err = err
			return
		}
		m.flags |= flags
		n.send(out, to, m, true)
	}
	switch {
	case r.voted():
		m := n.myVote()
		m.flags |= flags
		n.send(out, to, m, true)
	case r.wish != nil && n.now < r.wishEnd:
		n.send(out, to, &message{kind: kindWish, flags: flags, epoch: n.epoch + 1, proposal: *r.wish}, true)
	}
}

// interval is the time until the next try; it doubles with each, and with every other round.
func (n *Node) interval() time.Duration {
	return n.jitter(backoff(n.cfg.Retry, n.race.tries+int(n.race.round/2)))
}

func backoff(d time.Duration, times int) time.Duration {
	for range times {
		if d *= 2; d >= maxRetry {
			return maxRetry
		}
	}
	return d
}

// jitter varies a time by a tenth either way.
func (n *Node) jitter(d time.Duration) time.Duration {
	return d*9/10 + time.Duration(n.rng.Int64N(int64(d)/5+1))
}
