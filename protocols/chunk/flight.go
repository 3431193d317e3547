package chunk

import (
	"fmt"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// A flight is a chunk on its way.
type flight struct {
	chunk   int
	from    *source // nil when it is free to be asked of another one
	before  *source // who was asked in vain; it may have been slow only
	buf     []byte
	got     Bitmap // pieces
	asked   Bitmap // pieces that were asked for again
	left    int
	by      *source // who sent the pieces so far
	mixed   bool    // or several did
	doubled bool    // its rest was asked of a second source
	wanted  time.Duration
	begun   time.Duration // when the first piece came; 0 before
	bottom  int           // the first piece that came
	top     int           // the last of the first pass that did
	pass    time.Duration // when the first pass is taken to be over
	repair  time.Duration // when what was asked again is late
	askedAt time.Duration
	rounds  int // timers that ran out since the last piece
	lost    int // pieces of the first pass
}

// inFlight is how many bytes are on their way.
func (f *Fetcher) inFlight() (n int64) {
	for _, fl := range f.flights {
		if fl.from != nil {
			n += int64(fl.left) * PieceSize
		}
	}
	return n
}

// maxWindow bounds what may be on its way at any time.
func (f *Fetcher) maxWindow() int64 {
	w := int64(8 << 20)
	if f.cfg.Down > 0 {
		w = int64((2*f.first.or(f.cfg.RTT) + f.cfg.RTT).Seconds() * float64(f.cfg.Down) / 8)
	}
	return max(w, 2*int64(f.m.chunk))
}

// consider asks a source for chunks, as many as it offered and the window allows; what is left of the
// offer is for when the window opens. It answers the offer of a number, if that is not 0, also when it
// wants nothing: the source may then offer to somebody else.
func (f *Fetcher) consider(now time.Duration, s *source, offer uint16) {
	if f.m == nil {
		return
	}
	var wants []request
	flying := f.inFlight()
	full := false
	for s.credit > 0 && len(wants) < maxWanted && now < s.until && now >= s.avoid && f.failed == nil {
		if full = flying > 0 && flying+int64(f.m.chunk) > min(f.window, f.maxWindow()); full {
			break
		}
		i := f.rarest(s)
		if i < 0 {
			break
		}
		fl := f.flying[i]
		if fl == nil {
			fl = &flight{chunk: i, buf: make([]byte, f.m.Length(i)), got: newBitmap(f.m.pieces(i)), asked: newBitmap(f.m.pieces(i)), left: f.m.pieces(i)}
			f.flying[i] = fl
			f.flights = append(f.flights, fl)
		}
		if f.solo.Has(i) {
			fl.got, fl.left, fl.by, fl.mixed = newBitmap(f.m.pieces(i)), f.m.pieces(i), nil, false
		}
		fl.from, fl.wanted, fl.begun, fl.askedAt, fl.rounds, fl.lost, fl.top = s, now, 0, 0, 0, 0, 0
		fl.asked, fl.doubled = newBitmap(fl.got.n), false
		fl.pass, fl.repair = now+f.jitter(f.first.limit(f.cfg.RTT)), protocols.Never
		flying += int64(fl.left) * PieceSize
		s.credit--
		f.stats.Wants++
		wants = append(wants, fl.request())
		if l, p, missing := f.m.lacking(i); missing {
			f.askFor(now, l, p)
		}
	}
	if len(wants) > 0 {
		f.send(s.id, message{kind: kindWant, offer: offer, wants: wants}, protocols.Datagram{Message: true})
		return
	}
	if offer == 0 {
		return
	}
	switch {
	case full || now < s.avoid:
		f.tell(now, s.id, max(f.first.or(f.cfg.RTT)/2, s.avoid-now), flagReply, offer)
	case f.endgame(now, s, offer):
	case f.have.misses(&s.have): // all of it is on its way
		f.tell(now, s.id, f.first.or(f.cfg.RTT), flagReply, offer)
		s.credit = 0
	default:
		f.tell(now, s.id, 0, flagReply, offer)
		s.credit = 0
	}
}

// endgameMost is of how many pieces a chunk may lack that is asked of two sources at once.
const endgameMost = 8

// endgame asks a source that has nothing else to send for the rest of a chunk that another one is
// sending, once all that is missing is on its way: waiting for the one whose datagrams were lost twice
// would cost more than a few pieces too many. It reports whether it found one.
func (f *Fetcher) endgame(now time.Duration, s *source, offer uint16) bool {
	if f.have.Count()+len(f.flights) < f.m.Chunks() || now < s.avoid {
		return false
	}
	for _, fl := range f.flights {
		if fl.from == nil || fl.from == s || fl.begun == 0 || fl.doubled || fl.left == 0 || fl.left > endgameMost || !s.have.Has(fl.chunk) || f.solo.Has(fl.chunk) {
			continue
		}
		fl.doubled, fl.before = true, s
		s.credit = 0
		f.stats.Rerequests += fl.left
		f.send(s.id, message{kind: kindWant, offer: offer, wants: []request{fl.request()}}, protocols.Datagram{Message: true})
		return true
	}
	return false
}

// rarest returns the chunk that the fewest sources have, among those that this one has and nobody is
// sending; -1 if there is none. Among equals, chance decides.
func (f *Fetcher) rarest(s *source) int {
	best, n := -1, f.m.Chunks()
	start := f.rng.IntN(len(s.have.words))
	shift := f.rng.IntN(64)
	for k := range s.have.words {
		w := (start + k) % len(s.have.words)
		if s.have.words[w]&^f.have.words[w] == 0 {
			continue
		}
		for b := range 64 {
			i := 64*w + (b+shift)%64
			if i >= n || !s.have.Has(i) || f.have.Has(i) || best >= 0 && f.count[i] >= f.count[best] {
				continue
			}
			if fl := f.flying[i]; fl == nil || fl.from == nil && fl.left > 0 {
				best = i
			}
		}
	}
	return best
}

// request asks for what is missing of a chunk.
func (fl *flight) request() request {
	if fl.left == fl.got.n {
		return request{chunk: fl.chunk}
	}
	missing := newBitmap(fl.got.n)
	for i := range fl.got.n {
		if !fl.got.Has(i) {
			missing.set(i)
			fl.asked.set(i)
		}
	}
	return request{fl.chunk, missing.appendSpan(nil, 0)}
}

func (f *Fetcher) jitter(d time.Duration) time.Duration {
	return d + time.Duration(f.rng.Int64N(int64(d)/8+1))
}

// piece takes a piece of a chunk.
func (f *Fetcher) piece(now time.Duration, s *source, m *message) error {
	if f.m == nil || m.chunk >= f.m.Chunks() || m.piece >= f.m.pieces(m.chunk) ||
		len(m.data) != min(PieceSize, f.m.Length(m.chunk)-m.piece*PieceSize) {
		return fmt.Errorf("receive piece %d of chunk %d from %v: out of bounds: %w", m.piece, m.chunk, s.id, protocols.ErrVerification)
	}
	f.stats.Downloaded += int64(len(m.data))
	fl, last := f.flying[m.chunk], s.last
	s.last = now
	if fl == nil || fl.from != s && (fl.before != s || f.solo.Has(m.chunk)) || fl.got.Has(m.piece) {
		f.stats.Duplicates++
		return nil
	}
	f.stats.Pieces++
	f.progress = now
	copy(fl.buf[m.piece*PieceSize:], m.data)
	fl.got.set(m.piece)
	fl.left--
	if fl.by == nil {
		fl.by = s
	} else if fl.by != s {
		fl.mixed = true
	}
	if fl.begun == 0 {
		if fl.rounds == 0 && last <= fl.wanted { // else it was busy with what we wanted before
			f.first.observe(now - fl.wanted)
		}
		fl.begun, fl.bottom = now, m.piece
	}
	if fl.asked.Has(m.piece) {
		if fl.rounds == 0 && fl.askedAt > 0 {
			f.repair.observe(now - fl.askedAt)
		}
	} else {
		fl.top = max(fl.top, m.piece)
	}
	fl.rounds = 0
	if fl.left == 0 {
		f.land(fl)
		return f.failed
	}
	f.retime(now, fl)
	return nil
}

// land verifies a chunk that is all there and stores it.
func (f *Fetcher) land(fl *flight) {
	if _, _, missing := f.m.lacking(fl.chunk); missing {
		return // its page is on the way
	}
	delete(f.flying, fl.chunk)
	for i, o := range f.flights {
		if o == fl {
			f.flights = append(f.flights[:i], f.flights[i+1:]...)
			break
		}
	}
	if f.m.Verify(fl.chunk, fl.buf) != nil {
		f.stats.Wrong++
		if fl.mixed {
			f.solo.set(fl.chunk) // who of them it was shows when one sends all of it
		} else if f.index[fl.by.id] == fl.by {
			f.ban(fl.by)
		}
		return
	}
	if err := f.store.Write(f.chunkName(fl.chunk), fl.buf); err != nil {
		f.failed = fmt.Errorf("fetch %v: %w", f.root, err)
		return
	}
	f.have.set(fl.chunk)
	f.stats.Chunks++
	f.server.wake = 0
	if size := int64(len(fl.buf)); f.fast {
		f.window += size
	} else {
		f.window += size * size / f.window
	}
	f.window = min(f.window, f.maxWindow())
}
