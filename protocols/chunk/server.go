package chunk

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// Content is where a Server finds chunks. The caller owns what Chunk returns.
type Content interface {
	Chunk(i int) ([]byte, error)
}

// Bytes is content in memory.
type Bytes struct {
	Manifest *Manifest
	Data     []byte
}

// Chunk returns a part of Data.
func (b Bytes) Chunk(i int) ([]byte, error) {
	if i < 0 || i >= b.Manifest.Chunks() {
		return nil, fmt.Errorf("read chunk %d of %d: %w", i, b.Manifest.Chunks(), protocols.ErrNotStored)
	}
	at := i * b.Manifest.chunk
	return b.Data[at : at+b.Manifest.Length(i)], nil
}

// A client is a peer that is served, or could be.
type client struct {
	id      protocols.PeerID
	have    Bitmap // by its own account, and what it asked us for
	wants   bool
	hold    time.Duration // is not offered to before
	pause   time.Duration // nor before this, as it refused, unless we have more
	held    int           // chunks than we had then
	turn    uint64        // who was served longest ago is next
	credit  int           // chunks of the offers that are open
	grants  []grant       // these offers, oldest first
	promise []int         // chunks of the offer, where it was scattered
	silent  int           // offers without an answer since it last spoke
	fresh   bool          // it has nothing, and was not sent the top of the manifest
	queued  int           // chunks
}

// A grant is an offer without an answer.
type grant struct {
	number uint16
	at     time.Duration
	chunks int
}

// A job is a chunk to send, or pieces of one.
type job struct {
	to     *client
	chunk  int
	data   []byte
	todo   [(maxPieces + 63) / 64]uint64
	left   int
	again  bool
	served bool
}

// A Server serves one content to whoever says hello. It keeps a little state for each peer, none of
// which must survive.
type Server struct {
	cfg     Config
	root    Root
	m       *Manifest // nil as long as a Fetcher does not know it
	have    *Bitmap
	content Content
	rng     *rand.Rand
	clients []*client
	index   map[protocols.PeerID]*client
	sent    []int32 // by chunk, how often it left, and in how many open offers it is
	promise []int32
	scatter bool // offers what never left first: the content is all here, and nowhere else yet
	repairs []*job
	jobs    []*job
	queued  int64 // bytes
	open    int64 // bytes offered, not yet asked for
	turn    uint64
	rtt     estimate
	accept  float64 // share of offers that are taken up
	ahead   float64 // how many round trips' worth is offered ahead: more where the uplink ran dry
	dry     time.Duration
	number  uint16 // of the last offer
	wake    time.Duration
	stats   *Stats
}

// NewServer returns a server of a content that is all there. Rng decides in what order peers and
// chunks take their turn. The error wraps protocols.ErrVerification when the manifest is not known
// whole.
func NewServer(cfg Config, m *Manifest, content Content, rng *rand.Rand) (*Server, error) {
	if m == nil || !m.complete() {
		return nil, fmt.Errorf("create server: the manifest is not known whole: %w", protocols.ErrVerification)
	}
	have := newBitmap(m.Chunks())
	for i := range m.Chunks() {
		have.set(i)
	}
	s := newServer(cfg.withDefaults(), m.root, content, rng, new(Stats))
	s.start(m, &have)
	s.scatter = true
	return s, nil
}

func newServer(cfg Config, root Root, content Content, rng *rand.Rand, stats *Stats) *Server {
	return &Server{
		cfg: cfg, root: root, content: content, rng: rng, stats: stats, accept: 1, ahead: 1.25,
		index: map[protocols.PeerID]*client{}, turn: 1 << 32, wake: protocols.Never,
	}
}

// start tells a server what there is to serve.
func (s *Server) start(m *Manifest, have *Bitmap) {
	s.m, s.have = m, have
	s.sent, s.promise = make([]int32, m.Chunks()), make([]int32, m.Chunks())
	for _, c := range s.clients {
		c.have = newBitmap(m.Chunks())
	}
}

// Root names the content.
func (s *Server) Root() Root { return s.root }

// Stats returns what was counted so far.
func (s *Server) Stats() Stats { return *s.stats }

// Peers is the number of peers about which something is kept.
func (s *Server) Peers() int { return len(s.clients) }

// Receive takes the body of an envelope. The error wraps protocols.ErrVerification when it breaks the
// rules; it is for counting, the message is dropped.
func (s *Server) Receive(now time.Duration, from protocols.PeerID, body []byte) error {
	m, err := parse(body)
	if err == nil {
		err = s.handle(now, from, &m)
	}
	if err != nil {
		s.stats.Refused++
	}
	return err
}

func (s *Server) handle(now time.Duration, from protocols.PeerID, m *message) error {
	c := s.index[from]
	if c == nil {
		if c = s.admit(from); c == nil {
			return fmt.Errorf("serve %v: %d peers already: %w", from, len(s.clients), protocols.ErrExhausted)
		}
	}
	c.silent = 0
	s.wake = 0
	switch m.kind {
	case kindHave:
		s.refused(now, c, m.offer)
		c.wants, c.hold = m.flags&flagWants != 0, now+m.wait
		if s.m != nil {
			c.have.setSpan(m.first, m.bits)
		}
		if m.flags&flagHello != 0 {
			c.hold = now
			c.fresh = m.held == 0
		}
	case kindAsk:
		if s.m == nil || m.level != topLevel && (m.level >= len(s.m.known) || !s.m.known[m.level].Has(m.page)) {
			return nil // nothing to say yet
		}
		s.queuePage(c, m.level, m.page)
	case kindWant:
		if s.m == nil {
			return nil
		}
		s.answered(now, c, m.offer, len(m.wants))
		for i := range m.wants {
			if err := s.want(c, &m.wants[i]); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("serve %v: message of kind %d: %w", from, m.kind, protocols.ErrVerification)
	}
	return nil
}

func (s *Server) admit(id protocols.PeerID) *client {
	if len(s.clients) >= s.cfg.MaxPeers {
		at := slices.IndexFunc(s.clients, func(c *client) bool { return !c.wants && c.queued == 0 && c.credit == 0 })
		if at < 0 {
			return nil
		}
		delete(s.index, s.clients[at].id)
		s.clients = slices.Delete(s.clients, at, at+1)
	}
	c := &client{id: id, turn: s.rng.Uint64N(1 << 32)}
	if s.m != nil {
		c.have = newBitmap(s.m.Chunks())
	}
	s.clients = append(s.clients, c)
	s.index[id] = c
	return c
}

// want queues a chunk, or pieces of it, as far as the bounds allow.
func (s *Server) want(c *client, w *request) error {
	if w.chunk >= s.m.Chunks() || !s.have.Has(w.chunk) {
		return fmt.Errorf("serve %v: chunk %d is not here: %w", c.id, w.chunk, protocols.ErrVerification)
	}
	j := &job{to: c, chunk: w.chunk, again: len(w.bits) > 0}
	pieces := s.m.pieces(w.chunk)
	for i := range pieces {
		if len(w.bits) == 0 || i/8 < len(w.bits) && w.bits[i/8]>>(i%8)&1 != 0 {
			j.todo[i/64] |= 1 << (i % 64)
			j.left++
		}
	}
	same := func(o *job) bool { return o.to == c && o.chunk == w.chunk }
	if at := slices.IndexFunc(s.repairs, same); at >= 0 {
		s.merge(s.repairs[at], j)
		return nil
	}
	if at := slices.IndexFunc(s.jobs, same); at >= 0 {
		s.merge(s.jobs[at], j)
		return nil
	}
	if len(s.jobs)+len(s.repairs) >= s.cfg.Queue || c.queued >= s.cfg.PerPeer || j.left == 0 {
		return nil
	}
	c.queued++
	c.have.set(w.chunk)
	s.queued += int64(j.left) * PieceSize
	if j.again && j.left <= pieces/2 {
		s.repairs = append(s.repairs, j)
		return nil
	}
	s.sent[w.chunk]++
	s.jobs = append(s.jobs, j)
	return nil
}

func (s *Server) merge(into, j *job) {
	for i := range into.todo {
		fresh := j.todo[i] &^ into.todo[i]
		if fresh != 0 && into.again {
			into.todo[i] |= fresh
			into.left += bits.OnesCount64(fresh)
			s.queued += int64(bits.OnesCount64(fresh)) * PieceSize
		}
	}
}

// queuePage queues a page of the manifest: a job without data.
func (s *Server) queuePage(c *client, level, page int) {
	id := -1 - (level<<24 | page)
	if c.queued >= s.cfg.PerPeer || len(s.repairs) >= s.cfg.Queue ||
		slices.ContainsFunc(s.repairs, func(o *job) bool { return o.to == c && o.chunk == id }) {
		return
	}
	c.queued++
	s.repairs = append(s.repairs, &job{to: c, chunk: id, left: 1})
}

// Deadline is the time by which Flush must be called again, or protocols.Never.
func (s *Server) Deadline() time.Duration { return s.wake }

// forget drops all that is kept about a peer.
func (s *Server) forget(id protocols.PeerID) {
	c := s.index[id]
	if c == nil {
		return
	}
	s.release(c)
	drop := func(j *job) bool {
		if j.to == c && j.chunk >= 0 {
			s.queued -= int64(j.left) * PieceSize
		}
		return j.to == c
	}
	s.jobs, s.repairs = slices.DeleteFunc(s.jobs, drop), slices.DeleteFunc(s.repairs, drop)
	delete(s.index, id)
	s.clients = slices.DeleteFunc(s.clients, func(o *client) bool { return o == c })
}
