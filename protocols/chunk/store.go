package chunk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/perfgate/perfgate/protocols"
)

// Files are named after the first 8 bytes of the root, so that several contents share a store: a chunk
// is c<root>-<number>, a page of the manifest p<root>-<level>-<page>.
func (f *Fetcher) chunkName(i int) string { return chunkName(f.root, i) }

func chunkName(root Root, i int) string { return fmt.Sprintf("c%v-%d", root, i) }

func (f *Fetcher) pageName(level, page int) string {
	return fmt.Sprintf("p%v-%d-%d", f.root, level, page)
}

// restore takes in what an earlier run left, after verifying it.
func (f *Fetcher) restore() error {
	names, err := f.store.Names()
	if err != nil {
		return err
	}
	stored := func(name string) bool {
		_, ok := slices.BinarySearch(names, name)
		return ok
	}
	page := func(level, p int) error {
		name := f.pageName(level, p)
		if !stored(name) {
			return nil
		}
		b, err := f.store.Read(name)
		if err != nil {
			return err
		}
		m, err := parse(b)
		if err == nil && (m.kind != kindPage || m.level != level || m.page != p) {
			err = protocols.ErrVerification
		}
		if err == nil && level == topLevel {
			var top *Manifest
			if top, err = fromTop(f.root, m.size, m.length, m.hashes); err == nil && m.size <= f.cfg.MaxSize {
				f.start(top)
			}
		} else if err == nil {
			err = f.m.addPage(level, p, m.hashes)
		}
		if err != nil {
			return f.store.Remove(name) // damaged: it comes again
		}
		return nil
	}
	if f.m == nil {
		if err := page(topLevel, 0); err != nil || f.m == nil {
			return err
		}
		for l := len(f.m.levels) - 2; l >= 0; l-- {
			for p := range f.m.known[l].n {
				if err := page(l, p); err != nil {
					return err
				}
			}
		}
	}
	for i := range f.m.Chunks() {
		name := f.chunkName(i)
		if !stored(name) || !f.m.known[0].Has(i/fan) {
			continue
		}
		b, err := f.store.Read(name)
		if err != nil {
			return err
		}
		if f.m.Verify(i, b) != nil {
			if err := f.store.Remove(name); err != nil {
				return err
			}
			continue
		}
		f.have.set(i)
	}
	return nil
}

// Chunk returns a chunk that is verified and stored. The error wraps protocols.ErrNotStored when it is
// not, and protocols.ErrVerification when the store has damaged it; then it is fetched again.
func (f *Fetcher) Chunk(i int) ([]byte, error) {
	if !f.have.Has(i) {
		return nil, fmt.Errorf("read chunk %d of %v: %w", i, f.root, protocols.ErrNotStored)
	}
	b, err := f.store.Read(f.chunkName(i))
	if err == nil {
		err = f.m.Verify(i, b)
	}
	if err != nil {
		f.have.clear(i)
		return nil, err
	}
	return b, nil
}

// Content returns the whole content once it is Done. The error wraps protocols.ErrNotStored before.
func (f *Fetcher) Content() ([]byte, error) {
	if !f.Done() {
		return nil, fmt.Errorf("read %v: %w", f.root, protocols.ErrNotStored)
	}
	b := make([]byte, 0, f.m.size)
	for i := range f.m.Chunks() {
		c, err := f.Chunk(i)
		if err != nil {
			return nil, err
		}
		b = append(b, c...)
	}
	return b, nil
}

// Discard removes from a store what a Fetcher of the root left there.
func Discard(store protocols.Store, root Root) error {
	names, err := store.Names()
	if err != nil {
		return fmt.Errorf("discard %v: %w", root, err)
	}
	chunk, page := fmt.Sprintf("c%v-", root), fmt.Sprintf("p%v-", root)
	var errs []error
	for _, n := range names {
		if len(n) > len(chunk) && (n[:len(chunk)] == chunk || n[:len(page)] == page) {
			errs = append(errs, store.Remove(n))
		}
	}
	return errors.Join(errs...)
}

// AppendState appends what decides what the fetcher does next, in short: what it has, what is on its
// way and what it counted.
func (f *Fetcher) AppendState(dst []byte) []byte {
	le := binary.LittleEndian
	for _, w := range f.have.words {
		dst = le.AppendUint64(dst, w)
	}
	for _, fl := range f.flights {
		dst = le.AppendUint64(dst, uint64(fl.chunk)<<32|uint64(fl.left))
	}
	for _, v := range []int64{f.window, int64(f.wake), int64(f.server.wake), f.server.queued, f.server.open, f.stats.Uploaded, f.stats.Downloaded} {
		dst = le.AppendUint64(dst, uint64(v))
	}
	return le.AppendUint64(dst, uint64(f.stats.Offers)<<32|uint64(f.stats.Wants))
}

// Import puts a content into a store as a Fetcher of its root would leave it, and returns its manifest.
func Import(store protocols.Store, content []byte, chunkSize int) (*Manifest, error) {
	m, err := NewManifest(content, chunkSize)
	if err != nil {
		return nil, err
	}
	f := Fetcher{root: m.root}
	for i := range m.Chunks() {
		if err := store.Write(f.chunkName(i), content[i*chunkSize:i*chunkSize+m.Length(i)]); err != nil {
			return nil, fmt.Errorf("import %v: %w", m.root, err)
		}
	}
	for l := range m.levels {
		for p := range m.known[l].n {
			level := l
			if l == len(m.levels)-1 {
				level = topLevel
			}
			b := (&message{kind: kindPage, level: level, page: p, size: m.size, length: m.chunk, hashes: m.page(l, p)}).append(nil)
			if err := store.Write(f.pageName(level, p), b); err != nil {
				return nil, fmt.Errorf("import %v: %w", m.root, err)
			}
		}
	}
	return m, nil
}
