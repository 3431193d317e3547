package baseline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// A Dir is a store of files in a directory, one for each record. It is made when the first record is
// written. Committing what it holds is left to whoever owns the repository.
type Dir struct{ Path string }

// String says which directory.
func (d Dir) String() string { return "directory " + d.Path }

// open opens the directory, out of which no name leads, and no symbolic link either.
func (d Dir) open() (*os.Root, error) {
	root, err := os.OpenRoot(d.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open the store of baselines: %w", err)
	}
	return root, err
}

// List returns the names of the records; see Store.
func (d Dir) List(context.Context) ([]string, error) {
	entries, err := os.ReadDir(d.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the baselines: %w", err)
	}
	var names []string
	for _, e := range entries {
		if name, ok := nameOf(e.Name()); ok && e.Type().IsRegular() {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, highestFirst)
	return names, nil
}

// Read returns the text of a record; see Store.
func (d Dir) Read(_ context.Context, name string) ([]byte, error) {
	root, err := d.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, NotFound{name, d.String()}
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Lstat(fileName(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, NotFound{name, d.String()}
	case err != nil:
		return nil, fmt.Errorf("read baseline %s: %w", name, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("read baseline %s: %s is no regular file", name, filepath.Join(d.Path, fileName(name)))
	}
	f, err := root.Open(fileName(name))
	if err != nil {
		return nil, fmt.Errorf("read baseline %s: %w", name, err)
	}
	defer f.Close()
	return readAll(f, name)
}

// Write stores a record; see Store.
func (d Dir) Write(_ context.Context, name string, text []byte, replace bool) (err error) {
	if err := CheckName(name); err != nil {
		return err
	}
	if err := os.MkdirAll(d.Path, 0o755); err != nil {
		return Refused{fmt.Sprintf("make the store of baselines: %v", err)}
	}
	root, err := d.open()
	if err != nil {
		return err
	}
	defer root.Close()
	tmp, err := os.CreateTemp(d.Path, ".perfgate-*")
	if err != nil {
		return Refused{fmt.Sprintf("write baseline %s: %v", name, err)}
	}
	part := filepath.Base(tmp.Name())
	defer func() {
		_ = root.Remove(part) // gone, where it became the record
		if err != nil && !errors.As(err, &Exists{}) {
			err = Refused{fmt.Sprintf("write baseline %s: %v", name, err)}
		}
	}()
	_, err = tmp.Write(text)
	if ch := tmp.Chmod(0o644); ch != nil && !errors.Is(ch, errors.ErrUnsupported) {
		err = errors.Join(err, ch)
	}
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if replace {
		return root.Rename(part, fileName(name))
	}
	// A link is not made over a file that is there: of two writers one is told.
	if err := root.Link(part, fileName(name)); errors.Is(err, fs.ErrExist) {
		return Exists{name, d.String()}
	} else if err == nil {
		return nil
	}
	// Some file systems have no links.
	if _, err := root.Lstat(fileName(name)); err == nil {
		return Exists{name, d.String()}
	}
	return root.Rename(part, fileName(name))
}

// Delete removes records; see Store.
func (d Dir) Delete(_ context.Context, names []string) error {
	root, err := d.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	for _, name := range names {
		if err := root.Remove(fileName(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Refused{fmt.Sprintf("delete baseline %s: %v", name, err)}
		}
	}
	return nil
}
