package chunk

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// A source is a peer from which chunks may come.
type source struct {
	id     protocols.PeerID
	have   Bitmap // as far as it said
	hello  time.Duration
	tries  int
	heard  bool
	vain   int           // greetings since a piece came from anybody
	asked  time.Duration // when the last of them was
	credit int           // what is left of its offer
	offer  uint16        // an offer that was not answered yet, if not 0
	until  time.Duration // when the offer lapses
	avoid  time.Duration // nothing is wanted from it before
	last   time.Duration // when its last piece came
	told   bool          // that we have everything
	stash  []byte        // its last offer or account, as long as the manifest is not known
	at     int           // where the stash begins
}

// A Fetcher gets one content from any peer that has chunks of it, keeps what it verified in a store,
// and serves that to others. It is driven by whoever embeds it: Receive what arrives, then Flush;
// Flush again at Deadline.
type Fetcher struct {
	cfg      Config
	root     Root
	m        *Manifest // nil until the top page is known
	store    protocols.Store
	have     Bitmap
	rng      *rand.Rand
	server   *Server
	sources  []*source
	index    map[protocols.PeerID]*source
	banned   []protocols.PeerID // at most MaxPeers, the oldest are forgotten
	count    []int32            // by chunk, how many sources said that they have it
	flights  []*flight
	flying   map[int]*flight
	solo     Bitmap // chunks that came wrong from several sources together
	asks     []ask
	letters  []letter
	window   int64 // bytes that may be on their way
	fast     bool  // the window grows with every chunk, nothing was ever lost to a full queue
	calm     time.Duration
	first    estimate // from wanting a chunk to its first piece
	repair   estimate // from wanting a piece again to its arrival
	wake     time.Duration
	progress time.Duration // when the last piece came
	failed   error
	stats    Stats
}

// An ask is a page of the manifest that is on its way.
type ask struct {
	level, page int
	due         time.Duration
	tries       int
}

// NewFetcher returns a fetcher of the content that a root names. The manifest may be nil; then it is
// fetched too. What the store has from an earlier run is verified and kept. Rng decides among equals
// and spreads timers. The error wraps protocols.ErrVerification when the manifest is not of the root,
// and is the store's own when that fails.
func NewFetcher(cfg Config, root Root, m *Manifest, store protocols.Store, rng *rand.Rand) (*Fetcher, error) {
	f := &Fetcher{
		cfg: cfg.withDefaults(), root: root, store: store, rng: rng,
		index: map[protocols.PeerID]*source{}, flying: map[int]*flight{}, fast: true, wake: protocols.Never,
	}
	f.server = newServer(f.cfg, root, f, rng, &f.stats)
	f.window = 128 << 10
	if m != nil {
		if !m.complete() || m.root != root {
			return nil, fmt.Errorf("create fetcher of %v: the manifest is of another root or not known whole: %w", root, protocols.ErrVerification)
		}
		f.start(m)
	}
	if err := f.restore(); err != nil {
		return nil, fmt.Errorf("create fetcher of %v: %w", root, err)
	}
	f.server.scatter = f.Done()
	return f, nil
}

// start begins with a manifest of which at least the top is known.
func (f *Fetcher) start(m *Manifest) {
	f.m = m
	f.have, f.solo = newBitmap(m.Chunks()), newBitmap(m.Chunks())
	f.count = make([]int32, m.Chunks())
	for _, s := range f.sources {
		s.have = newBitmap(m.Chunks())
		f.learn(s, s.at, s.stash)
		s.stash = nil
	}
	f.server.start(m, &f.have)
	f.window = max(f.window, 2*int64(m.chunk))
}

// Root names the content.
func (f *Fetcher) Root() Root { return f.root }

// Done reports whether all chunks are verified and stored.
func (f *Fetcher) Done() bool { return f.m != nil && f.have.Full() }

// Have says which chunks are verified and stored. The caller must not change it.
func (f *Fetcher) Have() *Bitmap { return &f.have }

// Manifest returns the manifest once it is known whole.
func (f *Fetcher) Manifest() (*Manifest, bool) {
	if f.m == nil || !f.m.complete() {
		return nil, false
	}
	return f.m, true
}

// Err is why the fetcher gave up, or nil: the store failed, or the content is larger than allowed
// (protocols.ErrExhausted).
func (f *Fetcher) Err() error { return f.failed }

// Stats returns what was counted so far, of fetching and of serving.
func (f *Fetcher) Stats() Stats { return f.stats }

// Peers is the number of peers about which something is kept, as sources and as receivers.
func (f *Fetcher) Peers() (sources, clients int) { return len(f.sources), len(f.server.clients) }

// Banned reports whether a peer is not dealt with any more.
func (f *Fetcher) Banned(p protocols.PeerID) bool { return slices.Contains(f.banned, p) }

// AddSource names a peer that may have chunks. One that says hello by itself is taken too, as long as
// there are no more than MaxPeers. Adding a peer twice does nothing.
func (f *Fetcher) AddSource(p protocols.PeerID) {
	if f.index[p] != nil || f.Banned(p) || len(f.sources) >= f.cfg.MaxPeers {
		return
	}
	s := &source{id: p, told: f.Done()}
	if f.m != nil {
		s.have = newBitmap(f.m.Chunks())
	}
	f.sources = append(f.sources, s)
	f.index[p] = s
	f.wake = 0
}

// Receive takes the body of an envelope. The error wraps protocols.ErrVerification or ErrExhausted
// when the message is refused; it is for counting, nothing else follows from it.
func (f *Fetcher) Receive(now time.Duration, from protocols.PeerID, body []byte) error {
	m, err := parse(body)
	if err == nil && f.Banned(from) {
		err = fmt.Errorf("receive from %v, which sent a wrong chunk: %w", from, protocols.ErrVerification)
	}
	if err == nil {
		err = f.handle(now, from, &m)
	}
	if err != nil {
		f.stats.Refused++
	}
	return err
}

func (f *Fetcher) handle(now time.Duration, from protocols.PeerID, m *message) error {
	f.wake = 0
	s := f.index[from]
	switch m.kind {
	case kindHave:
		if s == nil && m.flags&flagHello != 0 {
			f.AddSource(from)
			s = f.index[from]
		}
		if s != nil {
			f.heard(now, s)
			f.learn(s, m.first, m.bits)
		}
		if err := f.server.handle(now, from, m); err != nil {
			return err
		}
		if greeted := s != nil && s.vain > 0 && now < s.asked+f.cfg.RTT; m.flags&flagHello != 0 && !(greeted && f.have.Count() == 0) {
			f.tell(now, from, 0, flagReply, 0) // else our greeting, on its way, says as much
		}
		return nil
	case kindAsk, kindWant:
		return f.server.handle(now, from, m)
	}
	if s == nil {
		return fmt.Errorf("receive from %v, which is no source: %w", from, protocols.ErrVerification)
	}
	f.heard(now, s)
	switch m.kind {
	case kindOffer:
		f.learn(s, m.first, m.bits)
		if now >= s.until {
			s.credit = 0
		}
		s.credit, s.until = min(s.credit+m.credit, f.cfg.PerPeer), now+f.cfg.RTT*5
		if f.m == nil {
			s.offer = m.offer // to be answered when the top is here
			f.askFor(now, topLevel, 0)
		}
		s.told = f.Done() && s.told
		f.consider(now, s, m.offer)
	case kindPiece:
		return f.piece(now, s, m)
	case kindPage:
		return f.page(m)
	}
	return nil
}

func (f *Fetcher) heard(now time.Duration, s *source) {
	s.tries, s.heard = 0, true
	if !f.ceased(s) {
		s.hello = now + f.quiet()<<min(s.vain/4, 4)
	}
}

// quiet is how long a source may say nothing before it is greeted again.
func (f *Fetcher) quiet() time.Duration {
	return 4*time.Second + time.Duration(f.rng.Int64N(int64(time.Second)))
}

// learn notes what a source has.
func (f *Fetcher) learn(s *source, first int, raw []byte) {
	if f.m == nil {
		s.at, s.stash = first, append(s.stash[:0], raw...)
		return
	}
	for w := first / 64; w < len(s.have.words) && w < (first+span)/64; w++ {
		f.tally(w, s.have.words[w], -1)
	}
	s.have.setSpan(first, raw)
	for w := first / 64; w < len(s.have.words) && w < (first+span)/64; w++ {
		f.tally(w, s.have.words[w], +1)
	}
}

func (f *Fetcher) tally(w int, v uint64, by int32) {
	for i := 64 * w; v != 0; i++ {
		if v&1 != 0 {
			f.count[i] += by
		}
		v >>= 1
	}
}

// ban ends all dealing with a peer.
func (f *Fetcher) ban(s *source) {
	if len(f.banned) >= f.cfg.MaxPeers {
		f.banned = slices.Delete(f.banned, 0, 1)
	}
	f.banned = append(f.banned, s.id)
	for first := 0; first < s.have.n; first += span {
		f.learn(s, first, nil)
	}
	delete(f.index, s.id)
	f.sources = slices.DeleteFunc(f.sources, func(o *source) bool { return o == s })
	for _, fl := range f.flights {
		if fl.from == s {
			fl.from = nil
		}
	}
	f.server.forget(s.id)
}

// page takes a page of the manifest.
func (f *Fetcher) page(m *message) error {
	at := slices.IndexFunc(f.asks, func(a ask) bool { return a.level == m.level && a.page == m.page })
	switch {
	case m.level == topLevel && f.m != nil:
		return nil // a second copy
	case m.level == topLevel:
		if m.size > f.cfg.MaxSize {
			// The root says so too: it is no lie of the peer's.
			if _, err := fromTop(f.root, m.size, m.length, m.hashes); err != nil {
				return err
			}
			f.failed = fmt.Errorf("fetch %v: content of %d bytes, at most %d: %w", f.root, m.size, f.cfg.MaxSize, protocols.ErrExhausted)
			return f.failed
		}
		top, err := fromTop(f.root, m.size, m.length, m.hashes)
		if err != nil {
			return err
		}
		f.start(top)
	case f.m == nil:
		return fmt.Errorf("receive page %d of level %d before the top: %w", m.page, m.level, protocols.ErrVerification)
	case m.level < len(f.m.known) && f.m.known[m.level].Has(m.page):
		return nil
	default:
		if err := f.m.addPage(m.level, m.page, m.hashes); err != nil {
			return err
		}
	}
	if at >= 0 {
		f.asks = slices.Delete(f.asks, at, at+1)
	}
	if err := f.store.Write(f.pageName(m.level, m.page), m.append(nil)); err != nil {
		f.failed = fmt.Errorf("fetch %v: %w", f.root, err)
		return f.failed
	}
	// Chunks may have waited for it.
	for _, fl := range slices.Clone(f.flights) {
		if fl.left == 0 {
			f.land(fl)
		}
	}
	return nil
}

// Deadline is the time by which Flush must be called again, or protocols.Never.
func (f *Fetcher) Deadline() time.Duration { return min(f.wake, f.server.wake) }

// Flush sends what is due: greetings, wants, and what the serving side has to send.
func (f *Fetcher) Flush(now time.Duration, out *protocols.Output) {
	f.wake = protocols.Never
	if f.failed != nil {
		return
	}
	f.emit(now, out)
	f.server.Flush(now, out)
}
