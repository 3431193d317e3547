package simnet

import (
	"fmt"
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
		return nil, fmt.Errorf("read %s: %w", name, protocols.ErrNotStored)
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
