package protocols

import (
	"math"
	"time"
)

// A share is the part of all datagrams that is lost, on a scale that is fine where it matters: its
// square, divided by 2^17. The greatest, 255, stands for a half.
type share byte

const shareScale = 1 << 17

// fraction returns the share as a fraction of 2^32.
func (s share) fraction() uint64 { return uint64(s) * uint64(s) << 32 / shareScale }

// shareOf returns the greatest share that is no more than num/den, which must be less than 2^47.
func shareOf(num, den uint64) share {
	q := num * shareScale / den
	r := min(uint64(math.Sqrt(float64(q))), 255)
	for r*r > q {
		r--
	}
	return share(r)
}

const (
	// unlearned is how many datagrams must have been expected for what is measured to count alone.
	unlearned = 1000
	// prejudice is how many datagrams what is expected beforehand counts for, before anything is
	// measured.
	prejudice = 50
	// forgetting is the number of datagrams at which old ones begin to count half.
	forgetting = 4000
)

// A Path is what is known of the way to one peer and back: round trips, and which share of the
// datagrams is lost. Channels to the same peer, one after the other or at one time, can share one;
// each then begins with what the others learned. The zero value knows nothing. A Path is not safe
// for concurrent use.
type Path struct {
	srtt, rtt, rttvar time.Duration // smoothed, with room for variation, variation
	expected, missing uint64        // datagrams from there
	there             share         // lost on the way there, as the other side says
	told              bool
	room              int // for how many datagrams there is room on the way, 0 as long as there was enough
}

// RTT is the smoothed round trip, or 0 if none was measured.
func (p *Path) RTT() time.Duration { return p.srtt }

// Loss is the share of the datagrams sent to the peer that do not arrive, from 0 to 0.5, as the peer
// reported last; 0 before it reported.
func (p *Path) Loss() float64 { return float64(p.there.fraction()) / (1 << 32) }

// report is the share to tell the other side: what was expected beforehand, in millionths, fades as
// more is measured.
func (p *Path) report(before uint64) share {
	w := prejudice * (unlearned - min(p.expected, unlearned)) // in thousandths of a datagram
	// Numerator and denominator are in millionths of a thousandth of a datagram.
	return shareOf((p.missing*1000*1e6+w*before)/1000, (p.expected*1000+w)*1000)
}

// count takes note of datagrams that were expected, and how many of them are missing.
func (p *Path) count(expected, missing int) {
	p.expected += uint64(expected)
	p.missing += uint64(missing)
	if p.expected > forgetting {
		p.expected /= 2
		p.missing /= 2
	}
}

// late takes note of a datagram that counted as missing and came after all.
func (p *Path) late() {
	if p.missing > 0 {
		p.missing--
	}
}

// observe updates the estimate of the round trip as RFC 6298, section 2, does, but for the first:
// half a round trip of variation, as there, is far more than paths have, and short exchanges never
// see enough samples to unlearn it.
func (p *Path) observe(sample, least time.Duration) {
	if p.srtt == 0 {
		p.srtt, p.rttvar = sample, sample/8
	} else {
		p.rttvar += (max(p.srtt-sample, sample-p.srtt) - p.rttvar) / 4
		p.srtt += (sample - p.srtt) / 8
	}
	p.rtt = max(p.srtt+4*p.rttvar, least)
}

// A tally tells from the serial numbers of one channel's datagrams which were lost and which came
// twice.
type tally struct {
	next uint16 // the next serial number
	seen uint64 // bit i: next-1-i has arrived
}

// hear takes note of a datagram and reports whether it is a copy of one that came before.
func (t *tally) hear(serial uint16, p *Path) (copied bool) {
	if ahead := int16(serial - t.next); ahead >= 0 {
		p.count(int(ahead)+1, int(ahead))
		t.seen = t.seen<<(uint(ahead)+1) | 1
		t.next = serial + 1
		return false
	}
	behind := uint16(t.next - 1 - serial)
	if behind >= 64 {
		return false // too long ago to tell
	}
	if t.seen>>behind&1 != 0 {
		return true
	}
	t.seen |= 1 << behind
	p.late()
	return false
}
