package snapshot

import (
	"errors"
	"fmt"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/chunk"
)

// A pruning is a compaction under way, with the file that it writes.
type pruning struct {
	epoch     uint64
	compactor *antientropy.Compactor
}

// Work does about budget bytes of what is left to do after a commit: storing the snapshot, and pruning
// the log once that is durable. It reports whether nothing is left for now; records that are missing
// are waited for. The log may be read and written between calls, which is all that a writer waits for:
// no call copies more than its budget and one record, but for one that allocates tables and those that
// store a block. The error is the store's, and the next call tries again; it wraps
// protocols.ErrVerification when the log has another cut than was agreed on, and then nothing is ever
// pruned.
func (n *Node) Work(budget int) (done bool, err error) {
	if n.pruning == nil {
		switch {
		case n.commit == nil, n.stored != nil && n.stored.Epoch >= n.commit.Epoch, !n.log.Covers(n.commit.Frontier):
			return true, nil
		case !n.commit.Frontier.Covers(n.log.Base()):
			return true, nil // pruned higher by a snapshot that came from elsewhere
		}
		w := newBlockWriter(n.cfg.Store, n.g.ID(), n.commit, n.cfg.Block)
		c, err := antientropy.NewCompactor(n.log, n.commit.Frontier, w)
		if err != nil {
			return false, fmt.Errorf("prune log: %w", err)
		}
		n.pruning = &pruning{n.commit.Epoch, c}
	}
	done, err = n.pruning.compactor.Step(budget)
	switch {
	case errors.Is(err, protocols.ErrExhausted):
		n.pruning = nil // the log was restored meanwhile
		return false, nil
	case err != nil:
		n.failed = err
		return false, fmt.Errorf("prune log: %w", err)
	case !done:
		return false, nil
	}
	epoch := n.pruning.epoch
	n.pruning = nil
	n.stats.Pruned++
	s, err := openStored(n.cfg.Store, epoch)
	if err == nil {
		n.keep(s)
		err = tidy(n.cfg.Store)
	}
	if n.failed = err; err != nil {
		return false, fmt.Errorf("prune log: %w", err)
	}
	return n.commit.Epoch == epoch, nil
}

// keep makes a snapshot the one that is served.
func (n *Node) keep(s *Stored) {
	n.stored = s
	cfg := chunk.Config{}
	// The manifest came from openStored, so it is known whole.
	if server, err := chunk.NewServer(cfg, s.Manifest, s, n.rng); err == nil {
		n.server = server
	}
}

// Snapshot returns the newest complete snapshot in the store.
func (n *Node) Snapshot() (*Stored, bool) { return n.stored, n.stored != nil }

// loadSnapshot restores the log from the newest snapshot that is whole, and if that one is damaged
// from the one before.
func (n *Node) loadSnapshot() error {
	complete, _, err := epochs(n.cfg.Store)
	if err != nil {
		return err
	}
	for _, e := range complete {
		s, err := n.loadStored(e)
		if err != nil {
			n.failed = err
			continue
		}
		n.keep(s)
		if n.commit == nil || s.Epoch > n.commit.Epoch {
			n.commit, n.agreed = &s.Commit, s.Statement(n.g)
		}
		if err := chunk.Discard(n.cfg.Store, s.Manifest.Root()); err != nil {
			return err
		}
		return tidy(n.cfg.Store)
	}
	return nil
}

func (n *Node) loadStored(epoch uint64) (*Stored, error) {
	s, err := openStored(n.cfg.Store, epoch)
	if err != nil {
		return nil, err
	}
	if err := n.Verify(&s.Commit); err != nil {
		return nil, err
	}
	b, err := s.Bytes()
	if err != nil {
		return nil, err
	}
	return s, n.restore(&s.Commit, b)
}

// restore takes a snapshot file into the log. The commit must have been verified.
func (n *Node) restore(c *Commit, b []byte) error {
	f, err := ReadFile(n.log, b)
	if err != nil {
		return fmt.Errorf("restore snapshot %d: %w", c.Epoch, err)
	}
	if f.Group != n.g.ID() || f.Epoch != c.Epoch || f.Policy != c.Policy || f.Cut.Root != c.Root {
		return fmt.Errorf("restore snapshot %d: the file is not what was agreed on: %w", c.Epoch, protocols.ErrVerification)
	}
	if n.log.Base().Covers(c.Frontier) {
		return nil
	}
	if _, err := n.log.Restore(f.cut, c.Root); err != nil {
		return fmt.Errorf("restore snapshot %d: %w", c.Epoch, err)
	}
	return nil
}
