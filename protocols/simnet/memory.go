package simnet

import (
	"maps"
	"slices"

	"github.com/perfgate/perfgate/protocols"
)

// A Memory is a protocols.Store that nothing happens to, for peers that do not crash. Where crashes are
// the point, a protocols.FileStore on a Disk is.
type Memory map[string][]byte

// Read returns a copy of a file.
func (m Memory) Read(name string) ([]byte, error) {
	b, ok := m[name]
	if !ok {
		return nil, protocols.ErrNotStored // without words, which would be counted as the reader's allocations
	}
	return slices.Clone(b), nil
}

// Write keeps a copy.
func (m Memory) Write(name string, data []byte) error {
	m[name] = slices.Clone(data)
	return nil
}

// Remove takes a file away, if there is one.
func (m Memory) Remove(name string) error {
	delete(m, name)
	return nil
}

// Names lists the files in order.
func (m Memory) Names() ([]string, error) { return slices.Sorted(maps.Keys(m)), nil }
