package chunk

import (
	"time"

	"github.com/perfgate/perfgate/protocols"
)

const (
	tolerance = 3 // pieces that may overtake one before it is presumed lost
	maxRounds = 3
)

// retime asks again for what was overtaken, and sets the timers after a piece arrived.
func (f *Fetcher) retime(now time.Duration, fl *flight) {
	if fl.pass == protocols.Never {
		return
	}
	gap := time.Duration(0)
	if fl.top > fl.bottom {
		gap = (now - fl.begun) / time.Duration(fl.top-fl.bottom)
	}
	if fl.top == fl.got.n-1 {
		fl.pass = now + max(2*gap, time.Millisecond)
	} else {
		fl.pass = now + f.jitter(max(8*gap, 40*time.Millisecond))
	}
	again := false
	for i := 0; i < fl.top-tolerance; i++ {
		again = again || !fl.got.Has(i) && !fl.asked.Has(i)
	}
	if again {
		f.again(now, fl, fl.top-tolerance)
	}
}

// again asks for the missing pieces before a number that were not asked again yet.
func (f *Fetcher) again(now time.Duration, fl *flight, before int) {
	missing := newBitmap(fl.got.n)
	for i := range before {
		if !fl.got.Has(i) && fl.asked.set(i) {
			missing.set(i)
		}
	}
	if missing.Count() == 0 {
		return
	}
	fl.lost += missing.Count()
	f.reask(now, fl, &missing)
	if fl.lost*4 > fl.got.n && fl.got.n >= 8 && now >= f.calm {
		// Single losses are the weather; a quarter of a chunk means that a queue is full.
		f.window, f.fast = max(f.window/2, 2*int64(f.m.chunk)), false
		f.calm = now + f.first.or(f.cfg.RTT)
	}
}

func (f *Fetcher) reask(now time.Duration, fl *flight, missing *Bitmap) {
	f.stats.Rerequests += missing.Count()
	fl.askedAt = now
	fl.repair = now + f.jitter(f.repair.limit(f.cfg.RTT))<<min(fl.rounds, 4)
	f.send(fl.from.id, message{kind: kindWant, wants: []request{{fl.chunk, missing.appendSpan(nil, 0)}}}, protocols.Datagram{Again: true})
}

// expire does what the timers of a flight have made due.
func (f *Fetcher) expire(now time.Duration, fl *flight) {
	if fl.from == nil || fl.left == 0 {
		return
	}
	if now >= fl.pass {
		if late := fl.from.last + f.first.limit(f.cfg.RTT); fl.begun == 0 && now < late {
			fl.pass = late + f.jitter(time.Millisecond) // it is busy with what we wanted before
			return
		}
		if fl.begun == 0 {
			// Nothing came of it: the want was lost, or dropped by a peer that has too much to do.
			if fl.rounds++; fl.rounds >= maxRounds {
				f.drop(now, fl)
				return
			}
			f.stats.Rerequests += fl.left
			fl.pass = now + f.jitter(f.first.limit(f.cfg.RTT))<<fl.rounds
			f.send(fl.from.id, message{kind: kindWant, wants: []request{fl.request()}}, protocols.Datagram{Again: true})
			return
		}
		fl.pass = protocols.Never
		f.again(now, fl, fl.got.n)
		if fl.repair == protocols.Never {
			fl.repair = now + f.jitter(f.repair.limit(f.cfg.RTT)) // what is missing was asked for with the chunk
		}
	}
	if now >= fl.repair {
		fl.rounds++
		if fl.rounds >= maxRounds {
			f.drop(now, fl)
			return
		}
		missing := newBitmap(fl.got.n)
		for i := range fl.got.n {
			if !fl.got.Has(i) && fl.asked.Has(i) {
				missing.set(i)
			}
		}
		fl.repair = protocols.Never
		if missing.Count() > 0 {
			f.reask(now, fl, &missing)
		}
	}
}

// drop gives up on the source of a flight; another that offers the chunk may go on with it.
func (f *Fetcher) drop(now time.Duration, fl *flight) {
	fl.from.avoid = now + f.first.limit(f.cfg.RTT)
	fl.from.credit = 0
	fl.from, fl.before = nil, fl.from
}
