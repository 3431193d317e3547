package journal

import (
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// An ask is a stretch of an author's records, lo to hi, some of which are missing.
type ask struct {
	author int
	lo, hi uint64
	teller int // who said that they exist
	target int // who was asked last
	at     time.Duration
	sent   time.Duration
	tries  int
	again  int  // how often the same nack is still to be sent, in case it gets lost
	past   bool // parity over it has come: it is not to wait for more
	nonce  uint32
}

// onPush takes in records.
func (n *Node) onPush(now time.Duration, from int, m *message) {
	a, last := int(m.author), m.first+uint64(m.count)-1
	known := n.known(a)
	if m.first > known+maxLead {
		n.told(now, a, m.first-1, from, n.guard)
		return
	}
	applied, err := n.log.ApplyRun(a, m.first, int(m.count), m.data)
	if err != nil {
		n.stats.Refused++
		return
	}
	n.stats.Applied += applied
	if applied == 0 {
		n.stats.Duplicates++
	}
	n.seen[a] = max(known, last)
	wait := n.guard
	if m.flags&pushParity != 0 {
		// As long as the pushes of a group come, its parity is still behind them.
		wait += n.cfg.Window
		for i := range n.asks {
			if k := &n.asks[i]; k.author == a && k.tries == 0 && !k.past {
				k.at = now + wait
			}
		}
	}
	if m.first > known+1 {
		n.missing(now, a, known+1, m.first-1, from, wait)
	}
	n.settle(now, from, a, m)
	n.rebuildAll(now, a)
}

// known is the highest number of an author's records that is held or asked for.
func (n *Node) known(author int) uint64 {
	n.seen[author] = max(n.seen[author], n.log.Reach(author))
	return n.seen[author]
}

// settle lets go of what a push has filled, and learns from when it came.
func (n *Node) settle(now time.Duration, from, author int, m *message) {
	n.asks = slices.DeleteFunc(n.asks, func(k ask) bool {
		if k.author != author {
			return false
		}
		if m != nil && k.tries > 0 && m.first <= k.hi && m.first+uint64(m.count) > k.lo {
			switch {
			case m.flags&pushAnswer == 0:
				// It was late, not lost.
				n.guard = min(2*n.guard, maxGuard)
			case k.tries == 1 && from == k.target:
				n.observe(now - k.sent)
			}
		}
		_, lacks := n.lacks(k.author, k.lo, k.hi, nil)
		return lacks == 0
	})
}

// observe updates the estimate of how long an answer takes.
func (n *Node) observe(sample time.Duration) {
	if n.rtt == 0 {
		n.rtt, n.rttvar = sample, sample/16
		return
	}
	n.rttvar += (max(sample-n.rtt, n.rtt-sample) - n.rttvar) / 4
	n.rtt += (sample - n.rtt) / 8
}

// lacks counts the records from lo to hi that are not held, and appends their ranges, as many as a
// nack may have.
func (n *Node) lacks(author int, lo, hi uint64, ranges []span) ([]span, int) {
	total := 0
	for seq := lo; seq <= hi; seq++ {
		if n.log.Holds(author, seq) {
			continue
		}
		total++
		k := len(ranges)
		switch {
		case k > 0 && ranges[k-1].first+uint64(ranges[k-1].n) == seq:
			ranges[k-1].n++
		case k < maxRanges:
			ranges = append(ranges, span{seq, 1})
		}
	}
	return ranges, total
}

// told learns from a peer that an author's records go up to high.
func (n *Node) told(now time.Duration, author int, high uint64, from int, wait time.Duration) {
	known := n.known(author)
	lo := n.held(author) + 1
	for i := range n.asks {
		if k := &n.asks[i]; k.author == author {
			lo = known + 1
			if k.tries == 0 {
				k.at = min(k.at, now+wait)
			}
		}
	}
	if high >= lo {
		n.missing(now, author, lo, high, from, wait)
	}
}

// missing arranges that the records lo to hi of an author are asked for unless they come by
// themselves, or leaves them to a session if they are many.
func (n *Node) missing(now time.Duration, author int, lo, hi uint64, from int, wait time.Duration) {
	if hi-lo >= maxGap || len(n.asks) >= maxAsks {
		n.stats.GivenUp++
		n.catchUp(now, from)
		return
	}
	n.seen[author] = max(n.seen[author], hi)
	n.asks = append(n.asks, ask{author: author, lo: lo, hi: hi, teller: from, at: now + wait})
}

// ask sends the nacks that are due.
func (n *Node) ask(now time.Duration, out *protocols.Output) {
	if !slices.ContainsFunc(n.asks, func(k ask) bool { return now >= k.at }) {
		return
	}
	for i := 0; i < len(n.asks); {
		if k := &n.asks[i]; now < k.at || n.nack(now, k, out) {
			i++
			continue
		}
		n.asks = slices.Delete(n.asks, i, i+1)
	}
}

// nack asks for what an ask still lacks, and reports whether to keep it.
func (n *Node) nack(now time.Duration, k *ask, out *protocols.Output) bool {
	ranges, total := n.lacks(k.author, k.lo, k.hi, nil)
	if total == 0 {
		return false
	}
	fresh := k.again == 0
	switch {
	case fresh && k.tries == n.cfg.Asks:
		n.giveUp(now, k)
		return false
	case fresh:
		// Who told knows best; after that anybody may have it, and the teller may be gone.
		k.target = k.teller
		if k.tries%2 == 1 {
			k.target = n.other(k.teller)
		}
		n.nonce++
		k.nonce, k.sent, k.again = n.nonce, now, nackCopies
		k.tries++
	}
	if k.again--; k.again > 0 {
		// The copies follow in growing steps: where many lost something, all first ones go before them.
		k.at = now + n.guard<<(2*(nackCopies-k.again)-1)
	} else {
		wait := n.cfg.Retry
		if n.rtt > 0 {
			wait = n.rtt + 4*n.rttvar + 4*n.guard
		}
		wait <<= max(k.tries-2, 0) // the second goes to somebody else: no reason yet to hold back
		k.at = k.sent + wait + time.Duration(n.rng.Int64N(int64(wait)/8+1))
	}
	m := message{kind: msgNack, author: uint16(k.author), nonce: k.nonce, ranges: ranges}
	if k.tries > 1 {
		m.flags = nackRetry
	}
	n.send(k.target, n.seal(&m), !fresh, out)
	n.stats.Nacks++
	return true
}

// giveUp leaves a stretch to a session with who told of it. If that does not bring it, it was a lie,
// and is forgotten until somebody tells again.
func (n *Node) giveUp(now time.Duration, k *ask) {
	n.stats.GivenUp++
	n.catchUp(now, k.teller)
	high := n.log.Reach(k.author)
	for i := range n.asks {
		if o := &n.asks[i]; o != k && o.author == k.author {
			high = max(high, o.hi)
		}
	}
	n.seen[k.author] = high
}

// onNack answers with what was asked for, as far as it is here and the allowance of who asks goes.
func (n *Node) onNack(now time.Duration, from int, m *message, out *protocols.Output) {
	p := &n.peers[from]
	if slices.Contains(p.nonces[:], m.nonce) {
		return // a copy
	}
	p.nonces[p.answered%len(p.nonces)] = m.nonce
	p.answered++
	if k := int((now - p.refill) / allowancePace); k > 0 {
		p.tokens = min(p.tokens+k, allowance)
		p.refill = now
	}
	copies := n.copies()
	if m.flags&nackRetry != 0 {
		copies = max(copies, 2) // few come so far, and a third round would be long
	}
	for _, r := range m.ranges {
		for r.n > 0 {
			if p.tokens == 0 {
				n.stats.Silent++
				return
			}
			run, count := n.log.AppendRun(n.shard(0), int(m.author), r.first, int(min(r.n, 255)), MaxRun)
			n.shards[0] = run
			if count == 0 {
				if n.log.Holds(int(m.author), r.first) {
					// It fits into no datagram.
					p.tokens--
					n.stats.Beacons++
					n.send(from, n.seal(&message{kind: msgBeacon, flags: beaconSync, marks: []mark{{m.author, r.first}}}), false, out)
				}
				r.first, r.n = r.first+1, r.n-1
				continue
			}
			push := message{kind: msgPush, flags: pushAnswer, author: m.author, first: r.first, count: byte(count), data: run}
			data := n.seal(&push)
			for range copies {
				n.send(from, data, true, out)
				n.credit -= 1000
				n.stats.Answers++
			}
			n.asked++
			p.tokens--
			r.first, r.n = r.first+uint64(count), r.n-uint16(count)
		}
	}
	n.credit = max(n.credit, -1000*len(n.peers))
}

// copies is how often an answer is sent: more than once only where pushes get lost so rarely that the
// share for repair pays for it, and up to three times.
func (n *Node) copies() int {
	share := max(n.cfg.Parity, n.cfg.Repair)
	afford := int(share * float64(n.offered) / float64(n.asked))
	return max(1, min(3, afford, n.credit/1000))
}
