package snapshot

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/chunk"
)

// A fetching is a snapshot on its way here.
type fetching struct {
	epoch   uint64
	fetcher *chunk.Fetcher
	wrong   []chunk.Root // what turned out not to be the snapshot
	at      time.Duration
	tries   int
	until   time.Duration // renewed with every block
	have    int
}

// Fetch gets the snapshot of the highest cut that is agreed on from whoever has it, and restores the
// log with it. If no records are known to be lacking, it asks everybody first what was agreed on
// meanwhile, as a sync that failed with protocols.ErrPruned suggests. What an earlier run fetched is
// not fetched again. Fetching twice at the same time does nothing.
func (n *Node) Fetch(now time.Duration, out *protocols.Output) {
	n.begin(now, out)
	defer n.end()
	if n.fetching != nil {
		return
	}
	n.fetching = &fetching{epoch: n.epoch(), at: now, until: now + n.cfg.Timeout}
	if !n.Lacks() {
		n.greet = &greeting{at: now}
	}
}

// Fetching reports whether a snapshot is being fetched, and if not, why the last attempt failed: the
// error wraps protocols.ErrTimeout or ErrVerification.
func (n *Node) Fetching() (bool, error) { return n.fetching != nil, n.fetchErr }

func (n *Node) askFiles() {
	f := n.fetching
	f.at = n.now + n.backoff(f.tries)
	f.tries++
	for i := range n.n {
		if i != n.self {
			n.send(i, message{kind: kindAsk, epoch: n.epoch(), statement: n.agreed, wants: wantFile, held: n.bitmap(n.commit.Certificate.Votes)}, f.tries > 1)
		}
	}
}

// offerFile tells a member what its snapshot is called, or that there is a higher one.
func (n *Node) offerFile(to int, m *message) {
	if n.stored == nil || n.stored.Epoch < m.epoch {
		return
	}
	if n.stored.Epoch > m.epoch {
		n.sendCommit(to)
		return
	}
	n.send(to, message{kind: kindFile, epoch: n.stored.Epoch, statement: m.statement, root: [32]byte(n.stored.Manifest.Root())}, false)
}

func (n *Node) onFile(from int, m *message) {
	f, root := n.fetching, chunk.Root(m.root)
	if f == nil || m.epoch != n.epoch() || m.statement != n.agreed || slices.Contains(f.wrong, root) {
		return
	}
	if f.fetcher == nil {
		if n.failed = discardOthers(n.cfg.Store, root); n.failed != nil {
			return
		}
		fetcher, err := chunk.NewFetcher(chunk.Config{RTT: n.cfg.Resend}, root, nil, n.cfg.Store, n.rng)
		if n.failed = err; err != nil {
			return
		}
		f.fetcher = fetcher
	}
	if f.fetcher.Root() == root {
		f.fetcher.AddSource(n.g.Member(from))
	}
}

// onChunk hands a datagram to whom it concerns.
func (n *Node) onChunk(in protocols.Input, e protocols.Envelope) {
	f, err := n.fetching, error(nil)
	switch {
	case f != nil && f.fetcher != nil && f.fetcher.Root().Session() == e.Session:
		err = f.fetcher.Receive(n.now, in.From, e.Body)
	case n.server != nil && n.server.Root().Session() == e.Session:
		err = n.server.Receive(n.now, in.From, e.Body)
	}
	if err != nil {
		n.stats.Refused++
	}
}

// transfer moves blocks, and restores when all are here.
func (n *Node) transfer() {
	if n.server != nil && n.now >= n.server.Deadline() {
		n.server.Flush(n.now, n.out)
	}
	f := n.fetching
	if f == nil {
		return
	}
	if !n.Lacks() {
		if n.greet == nil {
			n.stopFetching(nil) // a sync has brought it, or there was nothing
		}
		return
	}
	if f.epoch != n.epoch() {
		// A higher cut was agreed on meanwhile; those below are soon gone.
		*f = fetching{epoch: n.epoch(), at: n.now, until: n.now + n.cfg.Timeout}
	}
	if f.fetcher != nil {
		if f.fetcher.Done() {
			n.landed()
			return
		}
		if have := f.fetcher.Have(); have.Count() > f.have {
			f.have, f.until = have.Count(), n.now+n.cfg.Timeout
		}
		if n.now >= f.fetcher.Deadline() {
			f.fetcher.Flush(n.now, n.out)
		}
	}
	switch {
	case n.now >= f.until:
		n.stopFetching(fmt.Errorf("fetch snapshot %d: no block within %v: %w", n.epoch(), n.cfg.Timeout, protocols.ErrTimeout))
	case n.now >= f.at:
		n.askFiles()
	}
}

func (n *Node) stopFetching(err error) { n.fetching, n.fetchErr = nil, err }

// landed restores the log from what was fetched, and stores it as this member's own snapshot. Until
// the head is written the one before is what the store has.
func (n *Node) landed() {
	f := n.fetching
	root := f.fetcher.Root()
	b, err := f.fetcher.Content()
	if err != nil {
		n.failed = err // the store has damaged a block; it is fetched again
		return
	}
	m, ok := f.fetcher.Manifest()
	if !ok {
		return
	}
	c := n.commit
	if err := n.restore(c, b); err != nil {
		if errors.Is(err, protocols.ErrVerification) || errors.Is(err, protocols.ErrVersion) {
			// Not the snapshot, though it has the name that somebody gave: ask again, for another.
			n.failed = chunk.Discard(n.cfg.Store, root)
			f.wrong, f.fetcher, f.at, n.fetchErr = append(f.wrong, root), nil, n.now, err
			n.askFiles()
			return
		}
		n.stopFetching(err)
		return
	}
	n.stats.Restored++
	n.stopFetching(nil)
	for i := range m.Chunks() {
		at := i * m.ChunkSize()
		if n.failed = n.cfg.Store.Write(blockName(c.Epoch, i), b[at:at+m.Length(i)]); n.failed != nil {
			return
		}
	}
	if n.failed = n.cfg.Store.Write(headName(c.Epoch), m.Append(c.Append(nil))); n.failed != nil {
		return
	}
	s, err := openStored(n.cfg.Store, c.Epoch)
	if err == nil {
		n.keep(s)
		err = errors.Join(chunk.Discard(n.cfg.Store, root), tidy(n.cfg.Store))
	}
	n.failed = err
}
