package antientropy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// Config says how a node syncs. A zero field takes the default that its comment names.
type Config struct {
	// Self is the node's own name; it must be a member of the group.
	Self protocols.PeerID
	// Seed decides session ids and the spread of timers. Two nodes should not share it together
	// with Self.
	Seed uint64
	// Batch is how many records go into one batch at most; default 128. A batch is verified and
	// applied as one.
	Batch int
	// MaxSessions bounds the sessions at one time, own and others'; default 64.
	MaxSessions int
	// MaxRounds bounds the rounds of one session; default 10. Two suffice unless logs are full of
	// holes and differ in much, or change meanwhile.
	MaxRounds int
	// MaxWanted bounds the records that one session asks for by id, which a peer could otherwise
	// make up without end; default 1,048,576.
	MaxWanted int
	// Timeout ends a session that takes longer; default 120 s.
	Timeout time.Duration
	// Channel bounds datagrams and retransmissions. Its Path is not used: the node keeps one for
	// each peer, so that later sessions begin with what earlier ones learned of the way.
	Channel protocols.ChannelOptions

	level int // how logs are described at first, for tests
}

// A Result says how one session ended.
type Result struct {
	Peer      protocols.PeerID
	Session   uint64
	Initiator bool
	// Converged says that both sides showed the same digest. It is false whenever Err is not nil.
	Converged bool
	// Digest is the one that both showed, if they did. The log may have grown since.
	Digest Digest
	// Err wraps one of the errors of package protocols.
	Err error
	// Outcome is how the replicas related before, from this side; 0 if the session did not
	// converge.
	Outcome Outcome
	// Applied and Duplicates count records received that were new and that were not; Sent those
	// sent.
	Applied, Duplicates, Sent int
	// Legs counts one-way flights of messages that each waited for the one before; Rounds is half
	// of it, rounded up. Acknowledgements and retransmissions are not counted: they are in Channel.
	Legs, Rounds int
	Channel      protocols.ChannelStats
	// Started, HaveAll and Ended are virtual times. HaveAll is when the last record that was missing
	// here arrived, or Started if none was; whether it was the last shows only at the end. The
	// initiator's session lasts until it knows that both sides hold the same.
	Started, HaveAll, Ended time.Duration
}

const (
	closedKept  = 64   // ended sessions remembered, to turn away their late datagrams
	resultsKept = 1024 // results kept for TakeResults
	idleKept    = 4    // ended sessions whose memory is used again
)

type sessionKey struct {
	peer protocols.PeerID
	id   uint64
}

// A closedSession remembers how to answer what still arrives of an ended one: the same as before, in
// case the first answer was lost.
type closedSession struct {
	sessionKey
	code byte
}

// A Node runs the sessions of one replica, as initiator and as responder. It is a protocols.Node.
type Node struct {
	log      *Log
	cfg      Config
	pcg      rand.PCG
	rng      rand.Rand       // of pcg; both lie here, since a node is made often
	sessions []*session      // in order of creation
	closed   []closedSession // the last closedKept, as a ring once there are so many
	closedAt int
	results  []Result
	refused  int
	idle     []*session                           // ended ones, for their memory
	paths    map[protocols.PeerID]*protocols.Path // at most one for each member
}

// NewNode returns a node for a log, which only the node may change from now on.
func NewNode(log *Log, cfg Config) (*Node, error) {
	number, ok := log.number[cfg.Self]
	if !ok {
		return nil, fmt.Errorf("create node: %v is no member of the group", cfg.Self)
	}
	set := func(v *int, missing int) {
		if *v <= 0 {
			*v = missing
		}
	}
	set(&cfg.Batch, 128)
	set(&cfg.MaxSessions, 64)
	set(&cfg.MaxRounds, 10)
	set(&cfg.MaxWanted, 1<<20)
	set(&cfg.Channel.MaxMessage, 256<<10)
	if cfg.Timeout <= 0 {
		cfg.Timeout = 120 * time.Second
	}
	if need := max(maxBatchBytes+MaxPayload+1024, 1024+40*len(log.members)); cfg.Channel.MaxMessage < need {
		return nil, fmt.Errorf("create node: messages of at most %d bytes, a group of %d members needs %d", cfg.Channel.MaxMessage, len(log.members), need)
	}
	seed := binary.LittleEndian.Uint64(cfg.Self[:]) ^ uint64(number)<<32
	n := &Node{log: log, cfg: cfg, pcg: *rand.NewPCG(cfg.Seed, seed)}
	n.rng = *rand.New(&n.pcg)
	return n, nil
}

// Log returns the node's log, to be read between steps.
func (n *Node) Log() *Log { return n.log }

// Sessions is the number of sessions that hold memory now.
func (n *Node) Sessions() int { return len(n.sessions) }

// Refused counts datagrams that were turned away without a session: malformed, from strangers, late
// or too many.
func (n *Node) Refused() int { return n.refused }

// TakeResults returns the results since the last call, oldest first. At most 1,024 are kept.
func (n *Node) TakeResults() []Result {
	r := n.results
	n.results = nil
	return r
}

// Start opens a session with a peer and returns its id. The error wraps ErrExhausted when there are
// as many sessions as there may be, ErrVerification when the peer is no other member.
func (n *Node) Start(now time.Duration, peer protocols.PeerID, out *protocols.Output) (uint64, error) {
	return n.start(now, peer, nil, out)
}

func (n *Node) start(now time.Duration, peer protocols.PeerID, others []protocols.PeerID, out *protocols.Output) (uint64, error) {
	defer func() { out.Wake = n.wake() }()
	if !n.member(peer) {
		return 0, fmt.Errorf("start session with %v: no other member of the group: %w", peer, protocols.ErrVerification)
	}
	if len(n.sessions) >= n.cfg.MaxSessions {
		return 0, fmt.Errorf("start session with %v: %d sessions already: %w", peer, len(n.sessions), protocols.ErrExhausted)
	}
	s := n.open(now, peer, n.rng.Uint64(), true)
	s.ours = true
	if others != nil && s.level == byMarks && s.log.exact() {
		s.queueShare(others)
	}
	if err := s.describe(firstCells); err != nil {
		return 0, err
	}
	n.service(now, s, out)
	return s.id, nil
}

// Step takes one datagram, or does what time has made due.
func (n *Node) Step(now time.Duration, in protocols.Input, out *protocols.Output) {
	if in.Data != nil {
		n.receive(now, in, out)
	}
	for i := len(n.sessions) - 1; i >= 0; i-- {
		if s := n.sessions[i]; now >= min(s.deadline, s.ch.Deadline()) {
			n.service(now, s, out)
		}
	}
	n.resume(now, out)
	out.Wake = n.wake()
}

func (n *Node) wake() time.Duration {
	at := protocols.Never
	for _, s := range n.sessions {
		at = min(at, s.deadline, s.ch.Deadline())
		if s.waiting {
			at = min(at, s.until)
		}
	}
	return at
}

func (n *Node) member(p protocols.PeerID) bool {
	_, ok := n.log.number[p]
	return ok && p != n.cfg.Self
}

func (n *Node) open(now time.Duration, peer protocols.PeerID, id uint64, initiator bool) *session {
	opts := n.cfg.Channel
	if opts.Path = n.paths[peer]; opts.Path == nil {
		if n.paths == nil {
			n.paths = map[protocols.PeerID]*protocols.Path{}
		}
		opts.Path = new(protocols.Path)
		n.paths[peer] = opts.Path
	}
	var s *session
	if last := len(n.idle) - 1; last >= 0 {
		s, n.idle = n.idle[last], n.idle[:last]
	} else {
		s = &session{ch: new(protocols.Channel), pcg: new(rand.PCG)}
		s.rng = rand.New(s.pcg)
	}
	s.pcg.Seed(n.cfg.Seed^id, n.rng.Uint64())
	s.ch.Reset(opts, protocols.TypeAntiEntropy, peer, id, s.rng)
	*s = session{
		node: n, log: n.log, cfg: &n.cfg, ch: s.ch, pcg: s.pcg, rng: s.rng,
		peer: peer, id: id, initiator: initiator, level: n.cfg.level, sorted: true,
		compactions: n.log.compactions, started: now, haveAll: now, deadline: now + n.cfg.Timeout,
		cursor: Cursor{log: n.log, spans: s.cursor.spans[:0], list: s.cursor.list[:0]},
		queue:  s.queue[:0], arena: s.arena[:0], held: s.held[:0], lacks: s.lacks[:0], wished: s.wished[:0],
	}
	n.sessions = append(n.sessions, s)
	return s
}

func (n *Node) receive(now time.Duration, in protocols.Input, out *protocols.Output) {
	e, err := protocols.ParseEnvelope(in.Data)
	if err != nil || e.Type != protocols.TypeAntiEntropy {
		// Whose session it belongs to cannot be known, so nobody can be told.
		n.refused++
		return
	}
	at := slices.IndexFunc(n.sessions, func(s *session) bool { return s.id == e.Session && s.peer == in.From })
	if at < 0 {
		code := n.admit(in.From, e)
		if code != 0 {
			n.refused++
			if !protocols.IsReset(e.Body) {
				protocols.AppendReset(out, in.From, protocols.TypeAntiEntropy, e.Session, code)
			}
			return
		}
		n.open(now, in.From, e.Session, false)
		at = len(n.sessions) - 1
	}
	s := n.sessions[at]
	if err := s.ch.Receive(now, e.Body); err != nil {
		s.conclude(now, err)
	}
	for {
		b, ok := s.ch.Next()
		if !ok {
			break
		}
		if !s.over {
			if err := s.handle(now, b); err != nil {
				s.conclude(now, err)
			}
		}
		if s.told.marks != nil || s.told.cells != nil || s.told.share != nil {
			s.held = append(s.held, b)
		} else {
			s.ch.Recycle(b)
		}
	}
	n.service(now, s, out)
}

// admit says why a datagram of an unknown session may not open one, or 0.
func (n *Node) admit(from protocols.PeerID, e protocols.Envelope) byte {
	switch {
	case !n.member(from):
		return protocols.ResetRefused
	}
	for _, c := range n.closed {
		if c.code != 0 && c.sessionKey == (sessionKey{from, e.Session}) {
			return c.code
		}
	}
	switch {
	case !protocols.Opens(e.Body):
		return protocols.ResetClosed
	case len(n.sessions) >= n.cfg.MaxSessions:
		return protocols.ResetBusy
	}
	return 0
}

// service sends what a session has to send and, once it is over, lets go of it.
func (n *Node) service(now time.Duration, s *session, out *protocols.Output) {
	if !s.over && now >= s.deadline {
		s.conclude(now, fmt.Errorf("sync with %v: not through within %v: %w", s.peer, n.cfg.Timeout, protocols.ErrTimeout))
	}
	if !s.over {
		if err := s.pump(); err != nil {
			s.conclude(now, err)
		}
	}
	if s.err == nil {
		// Also for what is over: the last message may need sending again, the last one received needs
		// its acknowledgement.
		if err := s.ch.Flush(now, out); err != nil {
			s.conclude(now, fmt.Errorf("sync with %v: %w", s.peer, err))
		}
	}
	if s.over && !s.noted {
		s.noted = true
		if len(n.results) == resultsKept {
			n.results = slices.Delete(n.results, 0, 1)
		}
		n.results = append(n.results, s.result())
		if code := resetCode(s.err); code != 0 {
			protocols.AppendReset(out, s.peer, protocols.TypeAntiEntropy, s.id, code)
		}
	}
	if s.over && (s.err != nil || s.ch.Pending() == 0 || now >= s.deadline) {
		n.sessions = slices.DeleteFunc(n.sessions, func(t *session) bool { return t == s })
		if len(n.idle) < idleKept {
			s.salted = nil
			n.idle = append(n.idle, s)
		}
		code := resetCode(s.err)
		if code == 0 {
			code = protocols.ResetClosed
		}
		c := closedSession{sessionKey{s.peer, s.id}, code}
		if len(n.closed) < closedKept {
			n.closed = append(n.closed, c)
		} else {
			n.closed[n.closedAt] = c
			n.closedAt = (n.closedAt + 1) % closedKept
		}
	}
}

// resetCode is how to tell the peer about an error, or 0 where there is nothing to tell.
func resetCode(err error) byte {
	if err == nil {
		return 0
	}
	var reset *protocols.ResetError
	switch {
	case errors.As(err, &reset):
		return 0
	case errors.Is(err, protocols.ErrVerification):
		return protocols.ResetRefused
	case errors.Is(err, protocols.ErrPruned):
		return protocols.ResetPruned
	case errors.Is(err, protocols.ErrVersion):
		return protocols.ResetVersion
	case errors.Is(err, protocols.ErrExhausted):
		return protocols.ResetBusy
	}
	return protocols.ResetClosed
}
