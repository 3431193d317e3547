package snapshot

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/chunk"
)

// A stored snapshot is a file for each block, named b<epoch>-<number>, and one that says that all are
// there, named s<epoch>, written last: commit, manifest. The one before is kept as long as the store
// has no complete newer one, and one longer, for those who still fetch it.

func blockName(epoch uint64, i int) string { return fmt.Sprintf("b%d-%d", epoch, i) }
func headName(epoch uint64) string         { return fmt.Sprintf("s%d", epoch) }

// snapshotsKept is how many complete snapshots a store keeps.
const snapshotsKept = 2

// A Stored is a snapshot in a store.
type Stored struct {
	Commit
	Manifest *chunk.Manifest

	store protocols.Store
}

// Chunk returns a block. The error wraps protocols.ErrVerification when the store has damaged it.
func (s *Stored) Chunk(i int) ([]byte, error) {
	b, err := s.store.Read(blockName(s.Epoch, i))
	if err != nil {
		return nil, fmt.Errorf("read block %d of snapshot %d: %w", i, s.Epoch, err)
	}
	if err := s.Manifest.Verify(i, b); err != nil {
		return nil, fmt.Errorf("read block %d of snapshot %d: %w", i, s.Epoch, err)
	}
	return b, nil
}

// Bytes returns the whole file.
func (s *Stored) Bytes() ([]byte, error) {
	var all []byte
	for i := range s.Manifest.Chunks() {
		b, err := s.Chunk(i)
		if err != nil {
			return nil, err
		}
		all = append(all, b...)
	}
	return all, nil
}

// openStored reads the head of a snapshot.
func openStored(store protocols.Store, epoch uint64) (*Stored, error) {
	b, err := store.Read(headName(epoch))
	if err != nil {
		return nil, fmt.Errorf("open snapshot %d: %w", epoch, err)
	}
	s := &Stored{store: store}
	if s.Commit, b, err = ParseCommit(b); err == nil {
		s.Manifest, err = chunk.ParseManifest(b)
	}
	if err == nil && s.Epoch != epoch {
		err = fmt.Errorf("it is of epoch %d: %w", s.Epoch, protocols.ErrVerification)
	}
	if err != nil {
		return nil, fmt.Errorf("open snapshot %d: %w", epoch, err)
	}
	return s, nil
}

// epochs lists the complete snapshots of a store, highest first, and the epochs of all blocks.
func epochs(store protocols.Store) (complete []uint64, blocks map[uint64][]string, err error) {
	names, err := store.Names()
	if err != nil {
		return nil, nil, err
	}
	blocks = map[uint64][]string{}
	for _, name := range names {
		number, _, block := strings.Cut(name[1:], "-")
		e, err := strconv.ParseUint(number, 10, 64)
		switch {
		case err != nil:
		case name == headName(e):
			complete = append(complete, e)
		case name[0] == 'b' && block:
			blocks[e] = append(blocks[e], name)
		}
	}
	slices.Sort(complete)
	slices.Reverse(complete)
	return complete, blocks, nil
}

// tidy removes what no complete snapshot needs: heads first, so that what a crash leaves is never a
// head without its blocks. Blocks of an epoch yet to come may be in the making.
func tidy(store protocols.Store) error {
	complete, blocks, err := epochs(store)
	if err != nil {
		return err
	}
	kept := complete[:min(len(complete), snapshotsKept)]
	for _, e := range complete[len(kept):] {
		if err := store.Remove(headName(e)); err != nil {
			return err
		}
	}
	var old []string
	// any order: sorted below.
	for e, names := range blocks {
		if len(complete) > 0 && e < complete[0] && !slices.Contains(kept, e) {
			old = append(old, names...)
		}
	}
	slices.Sort(old)
	for _, name := range old {
		if err := store.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// discardOthers removes what was left of fetching anything but root.
func discardOthers(store protocols.Store, root chunk.Root) error {
	names, err := store.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		of, _, part := strings.Cut(name[1:], "-")
		if (name[0] == 'c' || name[0] == 'p') && part && len(of) == 16 && of != root.String() {
			if err := store.Remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// A blockWriter stores a file block by block while a compactor finds out what is in it. It is an
// antientropy.Sink.
type blockWriter struct {
	store  protocols.Store
	commit *Commit
	block  int
	buf    []byte
	hashes []chunk.Hash
	size   int
	closed bool
}

func newBlockWriter(store protocols.Store, group [32]byte, c *Commit, block int) *blockWriter {
	w := &blockWriter{store: store, commit: c, block: block}
	w.buf = appendFileHeader(make([]byte, 0, 2*block), group, c.Epoch, c.Policy)
	w.size = len(w.buf)
	return w
}

// Write takes a piece. What fails is tried again: nothing of the piece is kept then.
func (w *blockWriter) Write(piece []byte) error {
	if err := w.flush(w.block); err != nil {
		return err
	}
	w.buf = append(w.buf, piece...)
	w.size += len(piece)
	return nil
}

// flush stores whole blocks until less than a limit is left.
func (w *blockWriter) flush(limit int) error {
	for len(w.buf) >= limit && len(w.buf) > 0 {
		b := w.buf[:min(w.block, len(w.buf))]
		if err := w.store.Write(blockName(w.commit.Epoch, len(w.hashes)), b); err != nil {
			return fmt.Errorf("store block %d of snapshot %d: %w", len(w.hashes), w.commit.Epoch, err)
		}
		w.hashes = append(w.hashes, sha256.Sum256(b))
		w.buf = w.buf[:copy(w.buf, w.buf[len(b):])]
	}
	return nil
}

// Close stores the rest and the head. The error wraps protocols.ErrVerification when the log found
// another cut than was agreed on, which must never happen: then nothing may be pruned.
func (w *blockWriter) Close(c antientropy.Cut) error {
	if c.Root != w.commit.Root {
		return fmt.Errorf("store snapshot %d: the log has another cut than was agreed on: %w", w.commit.Epoch, protocols.ErrVerification)
	}
	if !w.closed {
		n := len(w.buf)
		w.buf = appendFileFooter(w.buf, &c, w.size)
		w.size += len(w.buf) - n
		w.closed = true
	}
	if err := w.flush(1); err != nil {
		return err
	}
	m, err := chunk.ManifestOf(int64(w.size), w.block, w.hashes)
	if err != nil {
		return fmt.Errorf("store snapshot %d: %w", w.commit.Epoch, err)
	}
	if err := w.store.Write(headName(w.commit.Epoch), m.Append(w.commit.Append(nil))); err != nil {
		return fmt.Errorf("store snapshot %d: %w", w.commit.Epoch, err)
	}
	return nil
}
