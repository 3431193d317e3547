package disk

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/protocols"
)

func open(t *testing.T) (*Dir, string) {
	t.Helper()
	path := t.TempDir()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, path
}

// A recorder writes down the operations that reach a disk, and fails one of them.
type recorder struct {
	protocols.Disk
	operations []string
	fail       string
}

var errDisk = errors.New("disk is gone")

func (r *recorder) note(operation string) error {
	r.operations = append(r.operations, operation)
	if operation == r.fail {
		return errDisk
	}
	return nil
}

func (r *recorder) Create(name string, data []byte) error {
	return errors.Join(r.note("create "+name), r.Disk.Create(name, data))
}

func (r *recorder) Sync(name string) error {
	return errors.Join(r.note("sync "+name), r.Disk.Sync(name))
}

func (r *recorder) Rename(from, to string) error {
	return errors.Join(r.note("rename "+from+" "+to), r.Disk.Rename(from, to))
}

func (r *recorder) SyncDir() error { return errors.Join(r.note("syncdir"), r.Disk.SyncDir()) }

func (r *recorder) Remove(name string) error {
	return errors.Join(r.note("remove "+name), r.Disk.Remove(name))
}

// TestOrderOfOperations holds what a killed process cannot show, since what it wrote lives on in the
// kernel: the content is durable before it has the name, and the name before Write returns.
func TestOrderOfOperations(t *testing.T) {
	d, _ := open(t)
	r := &recorder{Disk: d}
	s, err := protocols.NewFileStore(r)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"create vote~", "sync vote~", "rename vote~ vote", "syncdir"}
	for range 2 {
		r.operations = nil
		if err := s.Write("vote", []byte("yes")); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(r.operations, want) {
			t.Fatalf("a write is %q, want %q", r.operations, want)
		}
	}
	// What fails ends the write: nothing takes the name that is not durable.
	for i, operation := range want {
		r.operations, r.fail = nil, operation
		if err := s.Write("vote", []byte("no")); !errors.Is(err, errDisk) || !slices.Equal(r.operations, want[:i+1]) {
			t.Errorf("%s failed: %v, after %q", operation, err, r.operations)
		}
	}
	r.operations, r.fail = nil, ""
	if err := s.Remove("vote"); err != nil || !slices.Equal(r.operations, []string{"remove vote", "syncdir"}) {
		t.Errorf("a removal is %q, %v", r.operations, err)
	}
	if err := s.Remove("vote"); err != nil {
		t.Errorf("removing what is not there: %v", err)
	}
}

func TestFiles(t *testing.T) {
	d, path := open(t)
	long := bytes.Repeat([]byte("long"), 10000)
	for _, content := range [][]byte{long, []byte("short"), {}} {
		if err := errors.Join(d.Create("a", content), d.Sync("a"), d.SyncDir()); err != nil {
			t.Fatal(err)
		}
		if b, err := d.Read("a"); err != nil || !bytes.Equal(b, content) {
			t.Fatalf("read %d bytes, %v; want %d", len(b), err, len(content))
		}
	}
	if err := errors.Join(d.Create("b", long), d.Rename("b", "a")); err != nil {
		t.Fatal(err)
	}
	if b, err := d.Read("a"); err != nil || !bytes.Equal(b, long) {
		t.Fatalf("read %d bytes after a rename, %v", len(b), err)
	}
	if err := os.Mkdir(filepath.Join(path, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if names, err := d.Names(); err != nil || !slices.Equal(names, []string{"a"}) {
		t.Errorf("names %q, %v; want the regular file only", names, err)
	}
	for what, err := range map[string]error{
		"sync": d.Sync("b"), "remove": d.Remove("b"), "rename": d.Rename("b", "c"), "read": second(d.Read("b")),
	} {
		if !errors.Is(err, protocols.ErrNotStored) {
			t.Errorf("%s what is not there: %v", what, err)
		}
	}
	for what, err := range map[string]error{
		"create": d.Create("folder", nil), "sync": d.Sync("folder"), "read": second(d.Read("folder")),
		"rename": d.Rename("folder", "x"), "rename to": d.Rename("a", "folder"), "remove": d.Remove("folder"),
	} {
		if !errors.Is(err, protocols.ErrVerification) {
			t.Errorf("%s a directory: %v", what, err)
		}
	}
	if err := d.Remove("a"); err != nil {
		t.Error(err)
	}
	if _, err := Open(filepath.Join(path, "none")); err == nil {
		t.Error("opened a directory that does not exist")
	}
}

func second[T any](_ T, err error) error { return err }

func TestNamesStayInside(t *testing.T) {
	parent := t.TempDir()
	path := filepath.Join(parent, "files")
	secret := filepath.Join(parent, "secret")
	if err := errors.Join(os.Mkdir(path, 0o700), os.WriteFile(secret, []byte("secret"), 0o600)); err != nil {
		t.Fatal(err)
	}
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Create("a", []byte("a")); err != nil {
		t.Fatal(err)
	}
	names := []string{"../secret", "..", ".", "", "...", "/etc/hostname", secret, "a/../../secret", "b/c", `..\secret`, `c:secret`, "a\x00"}
	if runtime.GOOS != "windows" { // where making a link needs a privilege
		if err := errors.Join(os.Symlink("../secret", filepath.Join(path, "link")), os.Symlink("a", filepath.Join(path, "link-inside"))); err != nil {
			t.Fatal(err)
		}
		names = append(names, "link", "link-inside")
	}
	for _, name := range names {
		for what, err := range map[string]error{
			"create": d.Create(name, []byte("bad")), "sync": d.Sync(name), "rename": d.Rename("a", name), "rename from": d.Rename(name, "b"),
			"remove": d.Remove(name), "read": second(d.Read(name)),
		} {
			if !errors.Is(err, protocols.ErrVerification) {
				t.Errorf("%s %q: %v", what, name, err)
			}
		}
	}
	if b, err := os.ReadFile(secret); err != nil || string(b) != "secret" {
		t.Errorf("a file outside is now %q, %v", b, err)
	}
	if names, err := d.Names(); err != nil || !slices.Equal(names, []string{"a"}) {
		t.Errorf("names %q, %v", names, err)
	}
}

func TestFilesAreBounded(t *testing.T) {
	d, path := open(t)
	if err := d.Create("a", nil); err != nil {
		t.Fatal(err)
	}
	// A hole: no space is used.
	if err := os.Truncate(filepath.Join(path, "a"), MaxFile+1); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Read("a"); !errors.Is(err, protocols.ErrExhausted) {
		t.Errorf("read one byte too many: %v", err)
	}
	if runtime.GOOS == "linux" {
		if err := d.Create("b", make([]byte, MaxFile+1)); !errors.Is(err, protocols.ErrExhausted) { // never touched, so no memory either
			t.Errorf("create with one byte too many: %v", err)
		}
	}
}

// TestOpeningClearsWhatWasHalfWritten leaves whole files as they are.
func TestOpeningClearsWhatWasHalfWritten(t *testing.T) {
	d, path := open(t)
	if err := errors.Join(d.Create("a", []byte("a")), d.Create("a~", []byte("half")), d.Create("b~", nil)); err != nil {
		t.Fatal(err)
	}
	if files := left(t, path); len(files) != 1 || files["a"] != "a" {
		t.Errorf("left %s", brief(files))
	}
}

func TestFilesAreForTheOwnerOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs file modes")
	}
	d, path := open(t)
	if err := d.Create("a", nil); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(path, "a"))
	if err != nil || info.Mode().Perm()&0o077 != 0 || !strings.HasPrefix(info.Mode().String(), "-rw") {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestClosed(t *testing.T) {
	d, _ := open(t)
	if err := errors.Join(d.Create("a", nil), d.SyncDir(), d.Close()); err != nil {
		t.Fatal(err)
	}
	errs := map[string]error{
		"create": d.Create("a", nil), "sync": d.Sync("a"), "rename": d.Rename("a", "b"), "remove": d.Remove("a"),
		"read": second(d.Read("a")), "names": second(d.Names()),
	}
	if runtime.GOOS != "windows" {
		errs["syncdir"] = d.SyncDir()
	}
	for what, err := range errs {
		if err == nil {
			t.Errorf("%s on a closed directory", what)
		}
	}
}
