package disk

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/protocols"
)

// The tests of this file run their own binary as a child that writes a series of files and kills
// itself at one of its disk operations; they then look at what it left behind.

// childKey is the variable that makes this binary a child: the end, the store and the directory.
const childKey = "PERFGATE_DISK_CHILD"

func TestMain(m *testing.M) {
	if order := os.Getenv(childKey); order != "" {
		if err := child(order); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// An end is when a child kills itself: before or after its n-th operation, or within its n-th Create,
// when so many of eight parts of the content are written.
type end struct {
	when  string // before, after, within
	n     int
	parts int
}

// A killer is a disk that kills its process.
type killer struct {
	protocols.Disk
	end
	operations, creations int
}

// die does not return: the kernel ends the process before the signal's sender goes on.
func die() {
	p, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = p.Kill()
	}
	panic(fmt.Sprint("still alive: ", err))
}

func (k *killer) do(operation func() error) error {
	k.operations++
	if k.when == "before" && k.operations == k.n {
		die()
	}
	err := operation()
	if k.when == "after" && k.operations == k.n {
		die()
	}
	return err
}

func (k *killer) Create(name string, data []byte) error {
	if k.creations++; k.when == "within" && k.creations == k.n {
		if err := k.Disk.Create(name, data[:len(data)*k.parts/8]); err != nil {
			return err
		}
		die()
	}
	return k.do(func() error { return k.Disk.Create(name, data) })
}

func (k *killer) Sync(name string) error { return k.do(func() error { return k.Disk.Sync(name) }) }

func (k *killer) Rename(from, to string) error {
	return k.do(func() error { return k.Disk.Rename(from, to) })
}

func (k *killer) SyncDir() error           { return k.do(k.Disk.SyncDir) }
func (k *killer) Remove(name string) error { return k.do(func() error { return k.Disk.Remove(name) }) }

// inPlace is a store as nobody should write it: it writes over its files.
type inPlace struct {
	protocols.Store
	disk protocols.Disk
}

func (s inPlace) Write(name string, data []byte) error {
	return errors.Join(s.disk.Create(name, data), s.disk.Sync(name), s.disk.SyncDir())
}

// A step is one call to a store: it writes a file or, with no content, removes it.
type step struct {
	name    string
	content []byte
}

// steps is the series that a child goes through, from the given step on: the same files over and over with
// other contents, of a length from none to some pages.
func steps(from, to int) []step {
	var all []step
	for i := from; i < to; i++ {
		s := step{name: []string{"vote", "block-1", "vote", "slot.a"}[i%4]}
		if i%7 != 5 {
			s.content = bytes.Repeat([]byte{byte(i + 1)}, []int{1, 100, 5000, 0, 70000}[i%5])
		}
		all = append(all, s)
	}
	return all
}

// after returns the files that are there when the first n steps are done.
func after(n int) map[string]string {
	files := map[string]string{}
	for _, s := range steps(0, n) {
		if s.content == nil {
			delete(files, s.name)
		} else {
			files[s.name] = string(s.content)
		}
	}
	return files
}

// child goes through steps and says of each that it is done.
func child(order string) error {
	var k killer
	var kind, dir string
	var from, to int
	if _, err := fmt.Sscan(order, &k.when, &k.n, &k.parts, &kind, &from, &to, &dir); err != nil {
		return err
	}
	d, err := Open(dir)
	if err != nil {
		return err
	}
	k.Disk = d
	files, err := protocols.NewFileStore(&k)
	if err != nil {
		return err
	}
	var store protocols.Store = files
	if kind == "in-place" {
		store = inPlace{files, &k}
	}
	for _, s := range steps(from, to) {
		if s.content == nil {
			err = store.Remove(s.name)
		} else {
			err = store.Write(s.name, s.content)
		}
		if err != nil {
			return err
		}
		if _, err := os.Stdout.WriteString("done\n"); err != nil {
			return err
		}
	}
	return nil
}

// run runs a child and returns how many steps it was through, and whether it reached its end alive.
func run(t *testing.T, e end, kind string, from, to int, dir string) (done int, alive bool) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var complaint strings.Builder
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %d %s %d %d %s", childKey, e.when, e.n, e.parts, kind, from, to, dir))
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if complaint.Len() > 0 {
		t.Fatalf("child: %s", complaint.String())
	}
	return strings.Count(string(out), "done\n"), err == nil
}

// left reads what is in a directory, as a peer does that starts again.
func left(t *testing.T, dir string) map[string]string {
	t.Helper()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	store, err := protocols.NewFileStore(d)
	if err != nil {
		t.Fatal(err)
	}
	// All that is there, not only what the store lists: nothing half written may stay.
	names, err := d.Names()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, n := range names {
		b, err := store.Read(n)
		if err != nil {
			t.Fatal(err)
		}
		files[n] = string(b)
	}
	return files
}

// brief shows contents by their length and first byte.
func brief(files map[string]string) string {
	var all []string
	for _, n := range slices.Sorted(maps.Keys(files)) {
		all = append(all, fmt.Sprintf("%s: %d of %.1q", n, len(files[n]), files[n]))
	}
	return strings.Join(all, ", ")
}

// whole says whether the files are as after some number of steps, or after one more.
func whole(files map[string]string, done int) bool {
	return maps.Equal(files, after(done)) || maps.Equal(files, after(done+1))
}

const stepsOfChild = 8

// ends calls f for each point at which a child can be killed, until it says that the child has lived.
func ends(f func(e end) (alive bool)) (killed int) {
	for _, e := range []end{{when: "before"}, {when: "after"}, {"within", 0, 0}, {"within", 0, 4}, {"within", 0, 7}, {"within", 0, 8}} {
		for e.n = 1; !f(e); e.n++ {
			killed++
		}
	}
	return killed
}

// TestKilledAtEveryOperation holds the promise of protocols.Store on a real file system.
func TestKilledAtEveryOperation(t *testing.T) {
	killed := ends(func(e end) bool {
		dir := t.TempDir()
		done, alive := run(t, e, "files", 0, stepsOfChild, dir)
		if files := left(t, dir); !whole(files, done) || alive && !maps.Equal(files, after(stepsOfChild)) {
			t.Errorf("killed %s operation %d (%d of 8 parts), %d steps done:\nleft %s\nwant %s\nor   %s",
				e.when, e.n, e.parts, done, brief(files), brief(after(done)), brief(after(done+1)))
		}
		return alive
	})
	// Seven writes of four operations, one removal of a file that is there, of two.
	if want := 2*(7*4+2) + 4*7; killed != want {
		t.Errorf("killed %d times, want %d", killed, want)
	}
}

// TestKillsFindAStoreThatWritesInPlace shows that the test above can fail.
func TestKillsFindAStoreThatWritesInPlace(t *testing.T) {
	torn := 0
	ends(func(e end) bool {
		dir := t.TempDir()
		done, alive := run(t, e, "in-place", 0, stepsOfChild, dir)
		if !whole(left(t, dir), done) {
			torn++
		}
		return alive
	})
	if torn == 0 {
		t.Error("no torn file was found")
	}
}

// TestKilledOverAndOver lets each child go on where the one before was killed, also while it clears away.
func TestKilledOverAndOver(t *testing.T) {
	const seed = 1
	r := rand.New(rand.NewPCG(seed, 0))
	dir, done, killed := t.TempDir(), 0, 0
	for done < 40 {
		e := end{[]string{"before", "after", "within"}[r.IntN(3)], 1 + r.IntN(9), r.IntN(9)}
		more, alive := run(t, e, "files", done, 40, dir)
		done += more
		if !alive {
			killed++
		}
		// Whether the step that was cut short took place is for the next child to do again.
		d, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]string{}
		names, err := d.Names()
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			b, err := d.Read(n)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(n, "~") {
				files[n] = string(b)
			}
		}
		d.Close()
		if !whole(files, done) {
			t.Fatalf("seed %d, killed %s operation %d, %d steps done: left %s", seed, e.when, e.n, done, brief(files))
		}
	}
	if files := left(t, dir); !maps.Equal(files, after(40)) || killed < 5 {
		t.Errorf("seed %d, killed %d times: left %s", seed, killed, brief(files))
	}
}
