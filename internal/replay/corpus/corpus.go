// Package corpus has benchmarks of many kinds, on public modules and the standard library, whose work
// can be increased by a share that is known exactly: the evidence for what perfgate finds and what it
// reports in vain. It knows nothing of perfgate and judges nothing. It stands before the flow: its
// test binary is built twice, as base without a share and as head with one, and both are measured.
//
// A benchmark does its operation once per iteration, and once more each time that the shares have
// added up to one: after n iterations it has done n + floor(n*share) operations. Operations are small,
// so that a measurement of 60 ms has some dozens of iterations and the floor costs little. The branch
// that does them is there in both builds, and a share has always six characters: build base with
// 0.0000 by the same flags, and the binaries differ in these characters and their build IDs only.
//
// What an operation is, and its class: compute (instructions and memory of one goroutine), allocating
// (the garbage collector takes part), waiting (for the clock, a socket or another goroutine), parallel
// (several goroutines at once), tiny (less than 20 ns).
//
//	SHA256           compute     hash of 64 KB
//	XXHash           compute     hash of 512 KB, cespare/xxhash
//	Ed25519Verify    compute     one signature
//	BigExp           compute     modular power of 1024-bit numbers, math/big
//	Sort             compute     copy and sort 2000 numbers
//	SortRecords      compute     sort 500 pointers to records by name, through an interface
//	MapCount         compute     count 4000 words in a map
//	Regexp           compute     all matches in 4 KB of a log
//	RandomWalk       compute     512 dependent reads at random places in 32 MB
//	StateMachine     compute     tokens in 16 KB, a hard to foresee branch per byte
//	Matrix           compute     product of two 64x64 matrices of float64
//	BTreeLookup      compute     500 lookups among 10000, google/btree
//	GJSON            compute     four paths in a document of 12 KB, tidwall/gjson
//	ZstdEncode       compute     16 KB of text, klauspost/compress
//	ZstdDecode       compute     64 KB of text, klauspost/compress
//	Gzip             compute     4 KB of text at the default level
//	FileRead         compute     a file of 1 MB from the page cache; most of it in the kernel
//	JSONMarshal      allocating  40 records
//	JSONUnmarshal    allocating  40 records
//	YAMLUnmarshal    allocating  4 records, yaml.v3
//	Markdown         allocating  a page of 2 KB to HTML, yuin/goldmark
//	Template         allocating  a table of 40 rows, text/template
//	ProtoUnmarshal   allocating  a file descriptor of 13 KB, google.golang.org/protobuf
//	Gob              allocating  encode and decode 10 records
//	BTreeInsert      allocating  a new tree of 500, google/btree
//	Roaring          allocating  intersection and union of two bitmaps, RoaringBitmap/roaring
//	BoltPut          allocating  one transaction of 8 values, without fsync, go.etcd.io/bbolt
//	BoltGet          allocating  100 lookups in one transaction, go.etcd.io/bbolt
//	Tree             allocating  a binary tree of 2047 nodes, beside 200000 that stay alive
//	Sleep            waiting     200 µs, which the timers of Linux make 1 ms of
//	TCPEcho          waiting     four times 1 KB to and fro on a loopback connection
//	Backend          waiting     a request that is answered after 200 µs, and a hash of 256 KB
//	HTTPGet          waiting     a page of 2 KB on a loopback connection, net/http
//	PingPong         waiting     100 numbers to and fro on channels between two goroutines
//	Mutex            parallel    four goroutines take one mutex 500 times each
//	Workers          parallel    32 hashes by one goroutine per processor
//	RunParallel      parallel    hash of 128 KB, in testing.B.RunParallel
//	TinyMix          tiny        four dependent rounds of multiplication
//	TinyHash         tiny        hash of 32 bytes that hold the last hash, cespare/xxhash
//	TinyMap          tiny        one lookup in a map of 256, by the last value found
//
// In Sleep and Backend the processors have nothing to do for most of the time; in the other waiting
// benchmarks one goroutine waits while another works.
//
// The operations of a tiny benchmark depend on one another, so that the time of the loop around them
// passes meanwhile; the branch for the additional operation, where it is not foreseen, does not.
//
// Inputs are made from seeds. The network is the loopback within one process, and files lie in
// testing.B.TempDir.
package corpus

import (
	"fmt"
	"strconv"
)

// share is the additional work, as a part of what there is without it: 0.1500 is 15 % more. It is set
// when a test binary is built, with
// -ldflags=-X=github.com/perfgate/perfgate/internal/replay/corpus.share=0.1500
var share = "0.0000"

// whole is a share of one, in the units in which shares are counted.
const whole = 10_000

// parts reads a share: one digit, a point, four digits, no others, so that no share changes the size
// of a binary. It returns it in units of 1/whole.
func parts(share string) (uint64, error) {
	if len(share) == 6 && share[1] == '.' {
		if n, err := strconv.ParseUint(share[:1]+share[2:], 10, 64); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("share %q is not of the form 0.1500", share)
}

// A diffusion says after which iterations to do an operation once more. Its zero value says never.
type diffusion struct {
	step uint64 // the share, in units of 1/whole
	sum  uint64 // what has added up and is not yet done
}

// extra returns how many additional operations follow this iteration. After n iterations the sum of
// what it returned is floor(n*step/whole).
func (d *diffusion) extra() int {
	d.sum += d.step
	n := 0
	for d.sum >= whole {
		d.sum -= whole
		n++
	}
	return n
}
