package chunk

import (
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// flagReply is no flag: an answer.
const flagReply byte = 0

type letter struct {
	to protocols.PeerID
	m  message
	d  protocols.Datagram
}

// send keeps a message for the next Flush.
func (f *Fetcher) send(to protocols.PeerID, m message, d protocols.Datagram) {
	f.letters = append(f.letters, letter{to, m, d})
	f.wake = 0
}

// tell says to a peer what we have and, as long as that is not all, that we want to be offered more
// after a wait.
func (f *Fetcher) tell(now time.Duration, to protocols.PeerID, wait time.Duration, flags byte, offer uint16) {
	m := message{kind: kindHave, offer: offer, flags: flags, wait: wait, held: f.have.Count()}
	if !f.Done() {
		m.flags |= flagWants
	}
	if f.m != nil {
		if spans := (f.m.Chunks() + span - 1) / span; spans > 1 {
			m.first = span * f.rng.IntN(spans)
		}
		m.bits = f.have.appendSpan(nil, m.first)
	}
	f.send(to, m, protocols.Datagram{Message: true})
}

// askFor has a page of the manifest fetched.
func (f *Fetcher) askFor(now time.Duration, level, page int) {
	if i := slices.IndexFunc(f.asks, func(a ask) bool { return a.level == level && a.page == page }); i >= 0 {
		if a := &f.asks[i]; a.due == protocols.Never {
			a.tries, a.due = 0, now
			f.wake = 0
		}
		return
	}
	a := ask{level: level, page: page, due: now}
	if level == topLevel {
		a.due += f.cfg.RTT / 4 // a greeting was probably answered with it
	}
	f.asks = append(f.asks, a)
	f.wake = 0
}

// emit sends what the fetching side has to send.
func (f *Fetcher) emit(now time.Duration, out *protocols.Output) {
	for _, fl := range f.flights {
		if now >= fl.pass || now >= fl.repair {
			f.expire(now, fl)
		}
	}
	for _, s := range f.sources {
		if s.credit > 0 {
			f.consider(now, s, s.offer)
			if f.m != nil {
				s.offer = 0
			}
		}
	}
	if f.m != nil && !f.m.complete() {
		for _, fl := range f.flights {
			if l, p, missing := f.m.lacking(fl.chunk); missing {
				f.askFor(now, l, p)
			}
		}
	}
	for i := range f.asks {
		f.request(now, &f.asks[i])
	}
	f.greet(now)
	for _, l := range f.letters {
		put(&f.cfg, f.root, now, l.to, &l.m, out, l.d)
	}
	clear(f.letters)
	f.letters = f.letters[:0]
	f.wake = f.next()
}

// starving is how long no piece may come from anybody before all sources are greeted again.
const starving = 4 * time.Second

// renewed is how many more greetings Greet allows.
const renewed = 2

// Greet has sources greeted again that are greeted no more: they may have returned, or have got
// something since.
func (f *Fetcher) Greet() {
	if f.Done() || f.cfg.Greetings == 0 {
		return
	}
	for _, s := range f.sources {
		if f.ceased(s) {
			s.vain, s.hello = max(f.cfg.Greetings-renewed, 0), 0
		}
	}
	for i := range f.asks {
		if a := &f.asks[i]; a.due == protocols.Never {
			a.tries, a.due = max(f.cfg.Greetings-renewed, 0), 0
		}
	}
	f.wake = 0
}

// ceased reports whether a source was greeted in vain as often as is allowed.
func (f *Fetcher) ceased(s *source) bool {
	if f.progress > s.asked {
		s.vain = 0
	}
	return f.cfg.Greetings > 0 && s.vain >= f.cfg.Greetings
}

// greet says hello to sources that said nothing for long, or good-bye to all once everything is here.
func (f *Fetcher) greet(now time.Duration) {
	for _, s := range f.sources {
		switch {
		case f.Done() && !s.told:
			s.told = true
			f.tell(now, s.id, 0, flagReply, 0)
		case !f.Done() && now >= s.hello && f.ceased(s):
			s.hello = protocols.Never
		case !f.Done() && now >= s.hello && s.heard && now < f.progress+starving:
			s.hello = now + f.quiet() // it knows us, and chunks come: from whom does not matter
		case !f.Done() && now >= s.hello:
			f.tell(now, s.id, 0, flagHello, 0)
			s.hello = now + f.jitter(min(4*f.cfg.RTT<<min(s.tries, 8), 10*time.Second))
			s.tries++
			s.vain++
			s.asked = now
		}
	}
}

// request asks somebody for a page: who sends a chunk below it, or else who has anything.
func (f *Fetcher) request(now time.Duration, a *ask) {
	if now < a.due {
		return
	}
	if f.cfg.Greetings > 0 && a.tries >= f.cfg.Greetings {
		a.due = protocols.Never
		return
	}
	var to *source
	if a.tries == 0 && a.level != topLevel {
		for _, fl := range f.flights {
			if l, p, missing := f.m.lacking(fl.chunk); missing && fl.from != nil && l == a.level && p == a.page {
				to = fl.from
				break
			}
		}
	}
	if to == nil {
		var can []*source
		for _, s := range f.sources {
			if s.have.Count() > 0 || len(s.stash) > 0 {
				can = append(can, s)
			}
		}
		if len(can) == 0 {
			can = f.sources
		}
		if len(can) == 0 {
			return
		}
		to = can[f.rng.IntN(len(can))]
	}
	a.due = now + f.jitter(2*f.repair.limit(f.cfg.RTT/2))<<min(a.tries, 5)
	f.send(to.id, message{kind: kindAsk, level: a.level, page: a.page}, protocols.Datagram{Message: a.tries == 0, Again: a.tries > 0})
	a.tries++
}

// next is when a timer runs out.
func (f *Fetcher) next() time.Duration {
	at := protocols.Never
	for _, fl := range f.flights {
		if fl.from != nil && fl.left > 0 {
			at = min(at, fl.pass, fl.repair)
		}
	}
	for i := range f.asks {
		if len(f.sources) > 0 {
			at = min(at, f.asks[i].due)
		}
	}
	for _, s := range f.sources {
		if !f.Done() {
			at = min(at, s.hello)
		}
	}
	return at
}
