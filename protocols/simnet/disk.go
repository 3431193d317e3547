package simnet

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// A Disk is a protocols.Disk that forgets in a crash all that a real one may forget: content that
// was not synced is gone, torn or there; of the creations, renames and removals since the last
// SyncDir, which happen in order, some first ones are there and the rest are not. Chance, by seed,
// decides.
type Disk struct {
	rng *rand.Rand
	now []entry // as running programs see it, in order of name
	was []entry // as the directory was last synced
	log [][]entry
	// ops counts operations that change something; at crashAt the program is stopped.
	ops, crashAt int
	back         time.Duration
}

type entry struct {
	name string
	file *file
}

type file struct {
	content []byte
	synced  bool
}

// stopped is what a Disk panics with to stop the program that uses it.
type stopped struct{ disk *Disk }

// NewDisk returns an empty disk.
func NewDisk(seed uint64) *Disk { return &Disk{rng: rand.New(rand.NewPCG(seed, forDisk))} }

// Ops is how many operations have changed or synced something: those at which a crash can be placed.
func (d *Disk) Ops() int { return d.ops }

// CrashAfter stops the peer within the k-th operation from now, which happens or not by chance, and
// starts it again after back. K counts from 1; 0 takes the crash back.
func (d *Disk) CrashAfter(k int, back time.Duration) {
	d.crashAt, d.back = 0, back
	if k > 0 {
		d.crashAt = d.ops + k
	}
}

// Run runs f until it returns or comes to the scheduled crash, which takes away what a crash takes
// away. It reports whether there was one.
func (d *Disk) Run(f func()) (crashed bool) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case stopped:
			if r.disk != d {
				panic(r)
			}
			d.Crash()
			crashed = true
		default:
			panic(r)
		}
	}()
	f()
	return false
}

// Crash makes the disk forget.
func (d *Disk) Crash() {
	d.crashAt = 0
	if n := d.rng.IntN(len(d.log) + 1); n > 0 {
		d.was = d.log[n-1]
	}
	d.log = nil
	// A file with two names, or in two states of the directory, is forgotten once.
	for _, e := range d.was {
		if f := e.file; !f.synced {
			f.synced = true
			switch d.rng.IntN(3) {
			case 0:
				f.content = nil
			case 1:
				f.content = f.content[:d.rng.IntN(len(f.content)+1)]
			}
		}
	}
	d.now = slices.Clone(d.was)
}

// operate counts an operation and performs it, unless the crash comes first.
func (d *Disk) operate(f func()) {
	d.ops++
	if d.ops != d.crashAt {
		f()
		return
	}
	if d.rng.IntN(2) == 0 {
		f()
	}
	panic(stopped{d})
}

// changed notes a state that the directory may be found in after a crash.
func (d *Disk) changed() { d.log = append(d.log, slices.Clone(d.now)) }

func (d *Disk) find(name string) (int, bool) {
	return slices.BinarySearchFunc(d.now, name, func(e entry, n string) int { return strings.Compare(e.name, n) })
}

func (d *Disk) put(name string, f *file) {
	i, ok := d.find(name)
	if ok {
		d.now[i].file = f
	} else {
		d.now = slices.Insert(d.now, i, entry{name, f})
	}
}

func (d *Disk) must(name string) (*file, error) {
	i, ok := d.find(name)
	if !ok {
		return nil, fmt.Errorf("simulated disk: %s: %w", name, protocols.ErrNotStored)
	}
	return d.now[i].file, nil
}

// Create writes a new file.
func (d *Disk) Create(name string, data []byte) error {
	d.operate(func() {
		d.put(name, &file{content: slices.Clone(data)})
		d.changed()
	})
	return nil
}

// Sync makes the content of a file durable.
func (d *Disk) Sync(name string) error {
	f, err := d.must(name)
	if err != nil {
		return err
	}
	d.operate(func() { f.synced = true })
	return nil
}

// Rename gives a file another name.
func (d *Disk) Rename(from, to string) error {
	f, err := d.must(from)
	if err != nil {
		return err
	}
	d.operate(func() {
		d.put(to, f)
		if from != to {
			i, _ := d.find(from)
			d.now = slices.Delete(d.now, i, i+1)
		}
		d.changed()
	})
	return nil
}

// SyncDir makes creations, renames and removals durable.
func (d *Disk) SyncDir() error {
	d.operate(func() { d.was, d.log = slices.Clone(d.now), nil })
	return nil
}

// Remove takes a file away.
func (d *Disk) Remove(name string) error {
	if _, err := d.must(name); err != nil {
		return err
	}
	d.operate(func() {
		i, _ := d.find(name)
		d.now = slices.Delete(d.now, i, i+1)
		d.changed()
	})
	return nil
}

// Read returns the content of a file.
func (d *Disk) Read(name string) ([]byte, error) {
	f, err := d.must(name)
	if err != nil {
		return nil, err
	}
	return slices.Clone(f.content), nil
}

// Names lists the files in order.
func (d *Disk) Names() ([]string, error) {
	var names []string
	for _, e := range d.now {
		names = append(names, e.name)
	}
	return names, nil
}
