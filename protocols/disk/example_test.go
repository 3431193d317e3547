package disk_test

import (
	"fmt"
	"os"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/disk"
)

// A counter counts what reaches a disk.
type counter struct {
	protocols.Disk
	operations, syncs int
}

func (c *counter) Create(name string, data []byte) error {
	c.operations++
	return c.Disk.Create(name, data)
}

func (c *counter) Sync(name string) error {
	c.operations++
	c.syncs++
	return c.Disk.Sync(name)
}

func (c *counter) Rename(from, to string) error {
	c.operations++
	return c.Disk.Rename(from, to)
}

func (c *counter) SyncDir() error {
	c.operations++
	c.syncs++
	return c.Disk.SyncDir()
}

// What a peer pays so that it still knows, after a crash, what it has promised.
func Example() {
	path, err := os.MkdirTemp("", "votes")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(path)
	d, err := disk.Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer d.Close()
	c := &counter{Disk: d}
	store, err := protocols.NewFileStore(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	for epoch := range 10 {
		if err := store.Write("vote", fmt.Appendf(nil, "epoch %d: yes", epoch)); err != nil {
			fmt.Println(err)
			return
		}
	}
	vote, err := store.Read("vote")
	fmt.Printf("%s, %v\n", vote, err)
	fmt.Printf("%d disk operations per write, %d of them wait for the disk\n", c.operations/10, c.syncs/10)
	// Output:
	// epoch 9: yes, <nil>
	// 4 disk operations per write, 2 of them wait for the disk
}
