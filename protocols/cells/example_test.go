package cells_test

import (
	"encoding/binary"
	"fmt"

	"github.com/perfgate/perfgate/protocols/cells"
)

// Two sets of 1,000 ids that differ in ten: what it costs to find out which.
func Example() {
	key := cells.Key{1, 2, 3}
	here, there := cells.NewPrefix(key, 256), cells.NewPrefix(key, 256)
	for i := range uint64(1005) {
		var id [32]byte // the hash of something, usually
		binary.LittleEndian.PutUint64(id[:], i)
		short := key.Short(&id)
		if i >= 5 {
			there.Add(short)
		}
		if i < 1000 {
			here.Add(short)
		}
	}

	decoder := cells.NewDecoder(here)
	bytes := 0
	for at := 0; !decoder.Done(); at += 4 {
		datagram := there.AppendCells(nil, at, at+4)
		bytes += len(datagram)
		message, err := cells.ParseCells(datagram)
		if err != nil {
			panic(err)
		}
		if err := decoder.Add(&message); err != nil {
			panic(err)
		}
	}
	fmt.Printf("%d only there, %d only here\n", len(decoder.Remote()), len(decoder.Local()))
	fmt.Printf("%d cells, %d bytes\n", decoder.Received(), bytes)
	// Output:
	// 5 only there, 5 only here
	// 20 cells, 280 bytes
}
