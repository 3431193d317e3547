package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/perfgate/perfgate/protocols"
)

// MaxFile bounds a file in bytes, when it is written and when it is read.
const MaxFile = 256 << 20

// A Dir is a directory of the file system as a protocols.Disk. It is for one goroutine, and for one
// process at a time.
type Dir struct{ root *os.Root }

var _ protocols.Disk = (*Dir)(nil)

// Open opens a directory, which must exist. Close it when done. The error is the file system's.
func Open(dir string) (*Dir, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open directory: %w", err)
	}
	return &Dir{root}, nil
}

// Close gives the directory back. Nothing is synced by it.
func (d *Dir) Close() error { return d.root.Close() }

// Create writes a file, replacing one of the same name. Nothing of it is durable, and after an error
// a part of it may be there. The error wraps protocols.ErrVerification when the name is none for a
// file of this directory, and protocols.ErrExhausted when data is longer than MaxFile.
func (d *Dir) Create(name string, data []byte) error {
	if len(data) > MaxFile {
		return fmt.Errorf("create %s: %d bytes, at most %d: %w", name, len(data), MaxFile, protocols.ErrExhausted)
	}
	if _, err := d.find(name); err != nil && !errors.Is(err, protocols.ErrNotStored) {
		return fmt.Errorf("create: %w", err)
	}
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	return nil
}

// Sync returns once the content of a file is durable. After an error write the file anew: the file
// system may have forgotten what it could not write.
func (d *Dir) Sync(name string) error {
	if _, err := d.find(name); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	// Windows syncs only what is open for writing.
	f, err := d.root.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	return nil
}

// Rename gives a file another name, replacing what had it: at once, so that nobody ever sees neither,
// and durable only after SyncDir.
func (d *Dir) Rename(from, to string) error {
	if _, err := d.find(from); err != nil {
		return fmt.Errorf("rename: %w", err)
	}
	if _, err := d.find(to); err != nil && !errors.Is(err, protocols.ErrNotStored) {
		return fmt.Errorf("rename %s: %w", from, err)
	}
	if err := d.root.Rename(from, to); err != nil {
		return fmt.Errorf("rename: %w", err)
	}
	return nil
}

// SyncDir returns once creations, renames and removals are durable. On Windows, which has no such
// call, it does nothing.
func (d *Dir) SyncDir() error {
	if err := syncDir(d.root); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}

// Remove takes a file away; the error wraps protocols.ErrNotStored when there is none.
func (d *Dir) Remove(name string) error {
	if _, err := d.find(name); err != nil {
		return fmt.Errorf("remove: %w", err)
	}
	if err := d.root.Remove(name); err != nil {
		return fmt.Errorf("remove: %w", err)
	}
	return nil
}

// Read returns the content of a file, which the caller owns. The error wraps protocols.ErrNotStored
// when there is none, and protocols.ErrExhausted when it is longer than MaxFile.
func (d *Dir) Read(name string) ([]byte, error) {
	info, err := d.find(name)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if info.Size() > MaxFile {
		return nil, fmt.Errorf("read %s: %d bytes, at most %d: %w", name, info.Size(), MaxFile, protocols.ErrExhausted)
	}
	f, err := d.root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	b := make([]byte, info.Size())
	_, err = io.ReadFull(f, b)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return b, nil
}

// Names lists the regular files in any order.
func (d *Dir) Names() ([]string, error) {
	f, err := d.root.Open(".")
	if err != nil {
		return nil, fmt.Errorf("list directory: %w", err)
	}
	entries, err := f.ReadDir(-1)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("list directory: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// find checks a name and what is there under it: opening a pipe, for one, could wait for ever.
func (d *Dir) find(name string) (fs.FileInfo, error) {
	// A colon names a drive or a stream on Windows.
	if strings.Trim(name, ".") == "" || strings.ContainsAny(name, "/\\:\x00") {
		return nil, fmt.Errorf("%q is no name for a file of one directory: %w", name, protocols.ErrVerification)
	}
	info, err := d.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: %w", name, protocols.ErrNotStored)
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file: %w", name, protocols.ErrVerification)
	}
	return info, nil
}
