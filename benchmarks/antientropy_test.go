package benchmarks

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
)

// payloadSize is what one record of a workload carries, in bytes.
const payloadSize = 256

// sizes are the numbers of records that the benchmarks run with.
var sizes = []int{100, 1000, 10000}

// team is a group of four authors, without signatures: these cost far more than all the
// rest, and would hide it.
func team() antientropy.Group {
	g := antientropy.Group{ID: [32]byte{1}, Epoch: 1, Key: [32]byte{2}, Unsigned: true}
	for i := range 4 {
		g.Members = append(g.Members, protocols.PeerID{byte(i + 1)})
	}
	return g
}

func newLog(b *testing.B) *antientropy.Log {
	l, err := antientropy.NewLog(team())
	if err != nil {
		b.Fatal(err)
	}
	return l
}

// record is the operation of an author with a number: a payload unlike any other.
func record(author int, seq int) antientropy.Record {
	payload := make([]byte, payloadSize)
	for i := 0; i < payloadSize; i += 8 {
		binary.LittleEndian.PutUint64(payload[i:], uint64(seq)<<16|uint64(author)<<8|uint64(i))
	}
	return antientropy.Record{Kind: antientropy.Op, Author: team().Members[author], Seq: uint64(seq), Payload: payload}
}

// fill returns a log with so many records of four authors.
func fill(b *testing.B, records int) *antientropy.Log {
	l := newLog(b)
	for i := range records {
		if added, err := l.Insert(record(i%4, i/4+1)); !added || err != nil {
			b.Fatalf("insert record %d: %v, %v", i, added, err)
		}
	}
	return l
}

// DigestCreate computes the digest of a log from all its records, as after a restart. In use it is
// kept up to date instead: see DigestInsert.
func BenchmarkDigestCreate(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("ops=%d", n), func(b *testing.B) {
			l := fill(b, n)
			want, d := l.Digest(), antientropy.Digest{}
			b.SetBytes(int64(n) * payloadSize)
			b.ReportAllocs()
			for b.Loop() {
				d = l.Recompute()
			}
			if !d.Equal(&want) || d.Count() != uint64(n) {
				b.Fatalf("digest %+v, want %+v", d, want)
			}
		})
	}
}

// DigestInsert adds one record to a log with room for it: check, id, tables and digest.
func BenchmarkDigestInsert(b *testing.B) {
	const n = 1000
	empty, l := newLog(b), fill(b, n)
	records := make([]antientropy.Record, n)
	for i := range records {
		records[i] = record(i%4, i/4+1)
	}
	want := l.Digest()
	l.CopyFrom(empty)
	l.Insert(records[0]) // gives the scratch buffer its size
	b.SetBytes(payloadSize)
	b.ReportAllocs()
	i := n
	for b.Loop() {
		if i == n {
			// Emptying costs a few words; it leaves the memory in place.
			l.CopyFrom(empty)
			i = 0
		}
		if added, err := l.Insert(records[i]); !added || err != nil {
			b.Fatal(added, err)
		}
		i++
	}
	for ; i < n; i++ {
		l.Insert(records[i])
	}
	if d := l.Digest(); !d.Equal(&want) {
		b.Fatalf("digest %+v, want %+v", d, want)
	}
}

// DigestCompare compares the digests of two logs of ten thousand records, once equal and once not.
func BenchmarkDigestCompare(b *testing.B) {
	x, y, z := fill(b, 10000), fill(b, 10000), fill(b, 9999)
	same, different := 0, 0
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		p, q, r := x.Digest(), y.Digest(), z.Digest()
		if p.Equal(&q) {
			same++
		}
		if !p.Equal(&r) {
			different++
		}
		n++
	}
	if same != n || different != n {
		b.Fatalf("%d of %d equal, %d of %d different", same, n, different, n)
	}
}

// batchesOf cuts all records of a log into batches of 128, as one session sends them.
func batchesOf(l *antientropy.Log) (batches [][]byte) {
	for c := l.Since(nil); ; {
		batch, records := c.AppendBatch(nil, 1, uint64(len(batches)), 128)
		if records == 0 {
			return batches
		}
		batches = append(batches, batch)
	}
}

// apply adds batches of so many records altogether to a log that has none of them.
func apply(b *testing.B, l *antientropy.Log, batches [][]byte, records int) {
	total := 0
	for i, batch := range batches {
		applied, duplicates, err := l.ApplyBatch(batch, 1, uint64(i))
		if err != nil || duplicates != 0 {
			b.Fatal(duplicates, err)
		}
		total += applied
	}
	if total != records {
		b.Fatalf("applied %d records, want %d", total, records)
	}
}

// AntiEntropyApply takes a thousand records, as they arrive in batches of 128, into an empty log:
// decode, verify without signatures, add.
func BenchmarkAntiEntropyApply(b *testing.B) {
	const n = 1000
	src, empty, l := fill(b, n), newLog(b), fill(b, n)
	batches := batchesOf(src)
	want := src.Digest()
	l.CopyFrom(empty)
	apply(b, l, batches, n) // gives the scratch buffers their size
	b.SetBytes(n * payloadSize)
	b.ReportAllocs()
	for b.Loop() {
		l.CopyFrom(empty)
		apply(b, l, batches, n)
	}
	if d := l.Digest(); !d.Equal(&want) {
		b.Fatalf("digest %+v, want %+v", d, want)
	}
}

// AntiEntropyLoad takes ten thousand records into a new log that finds its memory as it grows: its
// bytes are all that a replica of that size ever asked for, and so no less than what it holds.
func BenchmarkAntiEntropyLoad(b *testing.B) {
	const n = 10000
	src := fill(b, n)
	batches := batchesOf(src)
	want, d := src.Digest(), antientropy.Digest{}
	b.SetBytes(n * payloadSize)
	b.ReportAllocs()
	for b.Loop() {
		l := newLog(b)
		apply(b, l, batches, n)
		d = l.Digest()
	}
	if !d.Equal(&want) {
		b.Fatalf("digest %+v, want %+v", d, want)
	}
}

// AntiEntropyCreate makes a node for a log that is there already.
func BenchmarkAntiEntropyCreate(b *testing.B) {
	l, self := fill(b, 100), team().Members[0]
	var node *antientropy.Node
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if node, err = antientropy.NewNode(l, antientropy.Config{Self: self, Seed: 1}); err != nil {
			b.Fatal(err)
		}
	}
	if node.Log() != l || node.Sessions() != 0 {
		b.Fatalf("the node has another log, or %d sessions", node.Sessions())
	}
}
