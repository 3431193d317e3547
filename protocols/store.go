package protocols

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrNotStored says that a store has no file of the name.
var ErrNotStored = errors.New("not stored")

// A Store keeps the few things that a peer must still know after a crash: votes, blocks, slots. A
// node writes what it promises before it sends the promise.
//
// Names have 1 to 64 of the characters a-z, 0-9, dot and dash, and begin with a letter or digit.
type Store interface {
	// Read returns the content of a file, which the caller owns. The error wraps ErrNotStored when
	// there is none.
	Read(name string) ([]byte, error)
	// Write replaces a file as a whole. Once it has returned nil the new content survives a crash;
	// after a crash within it, the file is the old one or the new one, never a part.
	Write(name string, data []byte) error
	// Remove takes a file away, if there is one.
	Remove(name string) error
	// Names lists the files in order.
	Names() ([]string, error)
}

// A Disk is one directory of a file system, as bare as the promises that file systems keep: what was
// not synced may be gone, whole or in part, after a crash, and a rename too until the directory is
// synced. A FileStore makes a Store of it; package disk has the real one, package simnet one that
// forgets.
type Disk interface {
	// Create writes a new file, replacing one of the same name. Nothing of it is durable.
	Create(name string, data []byte) error
	// Sync makes the content of a file durable.
	Sync(name string) error
	// Rename gives a file another name, replacing what had it. It is atomic, and not durable.
	Rename(from, to string) error
	// SyncDir makes creations, renames and removals durable.
	SyncDir() error
	// Remove takes a file away; the error wraps ErrNotStored when there is none.
	Remove(name string) error
	// Read returns the content of a file; the error wraps ErrNotStored when there is none.
	Read(name string) ([]byte, error)
	// Names lists the files in any order.
	Names() ([]string, error)
}

// temporary marks files that were being written. A store's names cannot end so.
const temporary = "~"

// A FileStore keeps each file of a Store as one file of a Disk.
type FileStore struct{ disk Disk }

// NewFileStore returns a store on a disk, and clears away what a crash left half written.
func NewFileStore(d Disk) (*FileStore, error) {
	names, err := d.Names()
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	slices.Sort(names)
	for _, n := range names {
		if strings.HasSuffix(n, temporary) {
			if err := d.Remove(n); err != nil {
				return nil, fmt.Errorf("open store: clear %s: %w", n, err)
			}
		}
	}
	return &FileStore{d}, nil
}

// Read returns the content of a file.
func (s *FileStore) Read(name string) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, fmt.Errorf("read %q: %w", name, err)
	}
	b, err := s.disk.Read(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return b, nil
}

// Write replaces a file: a temporary one is written and synced, takes the name, and the directory is
// synced. In any other order a crash could leave a name without content.
func (s *FileStore) Write(name string, data []byte) error {
	if err := checkName(name); err != nil {
		return fmt.Errorf("write %q: %w", name, err)
	}
	temp := name + temporary
	err := s.disk.Create(temp, data)
	if err == nil {
		err = s.disk.Sync(temp)
	}
	if err == nil {
		err = s.disk.Rename(temp, name)
	}
	if err == nil {
		err = s.disk.SyncDir()
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// Remove takes a file away, if there is one.
func (s *FileStore) Remove(name string) error {
	if err := checkName(name); err != nil {
		return fmt.Errorf("remove %q: %w", name, err)
	}
	err := s.disk.Remove(name)
	if errors.Is(err, ErrNotStored) {
		return nil
	}
	if err == nil {
		err = s.disk.SyncDir()
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return nil
}

// Names lists the files in order.
func (s *FileStore) Names() ([]string, error) {
	names, err := s.disk.Names()
	if err != nil {
		return nil, fmt.Errorf("list store: %w", err)
	}
	names = slices.DeleteFunc(names, func(n string) bool { return strings.HasSuffix(n, temporary) })
	slices.Sort(names)
	return names, nil
}

func checkName(name string) error {
	ok := len(name) >= 1 && len(name) <= 64 && name[0] != '.' && name[0] != '-'
	for _, c := range []byte(name) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-')
	}
	if !ok {
		return fmt.Errorf("no name for a file; use 1 to 64 of a-z, 0-9, dot and dash: %w", ErrVerification)
	}
	return nil
}
