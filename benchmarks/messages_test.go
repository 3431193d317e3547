package benchmarks

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/journal"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// An arrival is a datagram as it came over a network.
type arrival struct {
	at   time.Duration
	data []byte
}

// arrivals publishes records from the first member of a group to the second, and returns what came there.
func arrivals(b *testing.B, g antientropy.Group, records []antientropy.Record) (come []arrival) {
	opts := simnet.Ideal(1)
	opts.Observe = func(e simnet.Event) {
		if e.Kind == simnet.Handled && e.To == g.Members[1] {
			come = append(come, arrival{e.At, slices.Clone(e.Data)})
		}
	}
	net, err := simnet.New(opts)
	if err != nil {
		b.Fatal(err)
	}
	var nodes []*journal.Node
	for _, id := range g.Members[:2] {
		nodes = append(nodes, newReceiver(b, g, id))
		if err := net.Add(id, nodes[len(nodes)-1]); err != nil {
			b.Fatal(err)
		}
	}
	net.Do(g.Members[0], func(now time.Duration, out *protocols.Output) {
		if err := nodes[0].Publish(now, records, out); err != nil {
			b.Fatal(err)
		}
	})
	if !net.Run(time.Hour, func() bool { return nodes[1].Log().Len() == len(records) }) {
		b.Fatalf("%d of %d records came", nodes[1].Log().Len(), len(records))
	}
	return come
}

func newReceiver(b *testing.B, g antientropy.Group, self protocols.PeerID) *journal.Node {
	l, err := antientropy.NewLog(g)
	if err != nil {
		b.Fatal(err)
	}
	n, err := journal.New(l, journal.Config{Self: self, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// JournalMessages gives a node with an empty log the datagrams of two hundred records of 256 bytes, as
// another peer published them: decode, verify, merge.
func BenchmarkJournalMessages(b *testing.B) {
	const n = 200
	for _, way := range []string{"unsigned", "signed"} {
		b.Run("way="+way, func(b *testing.B) {
			g := team()
			g.Unsigned = way == "unsigned"
			key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
			if !g.Unsigned {
				g.Members[0] = protocols.PeerID(key.Public().(ed25519.PublicKey))
			}
			records := make([]antientropy.Record, n)
			for i := range records {
				records[i] = record(0, i+1)
				records[i].Author = g.Members[0]
				if !g.Unsigned {
					records[i].Sign(g, key)
				}
			}
			come := arrivals(b, g, records)
			b.SetBytes(n * payloadSize)
			var out protocols.Output
			for b.Loop() {
				b.StopTimer()
				node := newReceiver(b, g, g.Members[1])
				b.StartTimer()
				for _, a := range come {
					out.Reset()
					node.Step(a.at, protocols.Input{From: g.Members[0], Data: a.data}, &out)
				}
				if s := node.Stats(); s.Applied != n || s.Refused != 0 {
					b.Fatalf("%+v", s)
				}
			}
			b.ReportMetric(float64(len(come)), "msgs/op")
			b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "cpu-ops/s")
		})
	}
}

// fact is a record that states the value of a key.
func fact(author, seq int) antientropy.Record {
	r := record(author, seq)
	key := fmt.Sprintf("key %d of %d", seq, author)
	r.Kind = antientropy.Fact
	r.Payload = antientropy.NewFact(key, r.Payload[2+len(key):])
	return r
}

// FactDigest computes the digest of a log of facts from all its records.
func BenchmarkFactDigest(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("ops=%d", n), func(b *testing.B) {
			l := newLog(b)
			for i := range n {
				if added, err := l.Insert(fact(i%4, i/4+1)); !added || err != nil {
					b.Fatal(added, err)
				}
			}
			want, d := l.Digest(), antientropy.Digest{}
			b.SetBytes(int64(l.Bytes()))
			b.ReportAllocs()
			for b.Loop() {
				d = l.Recompute()
			}
			if !d.Equal(&want) || d.Facts.Count != uint64(n) || d.Ops.Count != 0 {
				b.Fatalf("digest %+v, want %+v", d, want)
			}
		})
	}
}
