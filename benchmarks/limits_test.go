package benchmarks

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// newPair returns two replicas that differ in as many records on either side: whole logs, of which each
// lacks the newest of another author, or damaged ones, with half of all numbers missing on both
// sides and the differences anywhere among them. Marks explain the first, only cells the second. The
// seed makes other cells of the same records.
func newPair(b *testing.B, damaged bool, records, differences int, seed uint64) *duo {
	d := &duo{group: team(), missing: differences}
	binary.LittleEndian.PutUint64(d.group.Key[:], seed)
	for _, l := range []**antientropy.Log{&d.from, &d.to, &d.a, &d.b} {
		var err error
		if *l, err = antientropy.NewLog(d.group); err != nil {
			b.Fatal(err)
		}
	}
	insert := func(l *antientropy.Log, author, seq int) {
		if added, err := l.Insert(record(author, seq)); !added || err != nil {
			b.Fatal(added, err)
		}
	}
	if !damaged {
		for side, l := range []*antientropy.Log{d.from, d.to} {
			for i := range records {
				if author := i % 4; author == side || author > 1 || i/4 < records/4-differences/2 {
					insert(l, author, i/4+1)
				}
			}
		}
		return d
	}
	for i := range records {
		for side, l := range []*antientropy.Log{d.from, d.to} {
			// Differences are spread over the log, in turns on either side.
			if step := records / differences; i%step != 0 || i/step >= differences || i/step%2 == side {
				insert(l, i%4, 2*(i/4)+2)
			}
		}
	}
	return d
}

// logs names the two kinds of pairs.
var logs = []struct {
	name    string
	damaged bool
}{{"whole", false}, {"damaged", true}}

// AntiEntropyLegs tells how close a sync comes to what distance allows: the time until both replicas
// hold everything, in units of three one-way delays, which is what it takes where each lacks what
// only the other knows of. A network without delay has no such limit.
func BenchmarkAntiEntropyLegs(b *testing.B) {
	for _, kind := range logs {
		const n = 60 // the most that the first two datagrams of cells find all but always
		for _, s := range simnet.Scenarios()[1:] {
			name := fmt.Sprintf("logs=%s/diffs=%d/net=%s", kind.name, n, s.Name)
			b.Run(name, func(b *testing.B) {
				d := newPair(b, kind.damaged, 10000, n, 1)
				net, nodes := d.prepare(b, s.Options(1))
				d.sync(b, net, nodes, 1)
				for b.Loop() {
					b.StopTimer()
					net, nodes = d.prepare(b, s.Options(1))
					b.StartTimer()
					d.sync(b, net, nodes, 1)
				}
				b.StopTimer()
				runs := d.panel(b, name, s, 2000)
				times := make([]time.Duration, len(runs))
				for i, r := range runs {
					times[i] = r.all
				}
				b.ReportMetric(float64(len(runs)), "requests")
				reportLinks(b, runs, 1, recordsFloor(2, n/2))
				reportTimes(b, times, 3*s.Options(1).Link.Delay)
			})
		}
	}
}

// AntiEntropyFind tells what it costs to find out what differs: all bytes on the wire but the records
// themselves, with their share of headers, for each difference.
func BenchmarkAntiEntropyFind(b *testing.B) {
	for _, kind := range logs {
		for _, n := range []int{100, 1000} {
			b.Run(fmt.Sprintf("logs=%s/diffs=%d", kind.name, n), func(b *testing.B) {
				find := func(d *duo) run {
					b.StopTimer()
					net, nodes := d.prepareWith(b, simnet.Ideal(1), protocols.ChannelOptions{Loss: -1})
					b.StartTimer()
					return d.sync(b, net, nodes, 1)
				}
				d := newPair(b, kind.damaged, 10000, n, 1)
				for b.Loop() {
					find(d)
				}
				b.StopTimer()
				const seeds = 20
				var sum int64
				for seed := range uint64(seeds) {
					sum += find(newPair(b, kind.damaged, 10000, n, seed+1)).wire
				}
				const header = simnet.HeaderSize + protocols.MaxDatagram - protocols.MaxFragment
				records := float64(n*(payloadSize+13)) * (1 + float64(header)/protocols.MaxFragment)
				b.ReportMetric((float64(sum)/seeds-records)/float64(n), "cell-B/diff")
			})
		}
	}
}

// AntiEntropyReconcile is one sync of logs that differ in a hundred records that only cells tell, on
// a network without delay: all that both replicas compute. What it costs must not follow the size of
// the logs.
func BenchmarkAntiEntropyReconcile(b *testing.B) {
	for _, n := range []int{10000, 30000, 100000} {
		b.Run(fmt.Sprintf("ops=%d", n), func(b *testing.B) { reconcile(b, team(), nil, n, 100) })
	}
}

// AntiEntropyReconcileMillion is the same with a million records, which take a gigabyte and some
// seconds to make; no budget asks for it.
func BenchmarkAntiEntropyReconcileMillion(b *testing.B) {
	reconcile(b, team(), nil, 1000000, 100)
}

// AntiEntropyReconcileSigned is the same with signatures, which cost far more than all the rest.
func BenchmarkAntiEntropyReconcileSigned(b *testing.B) {
	g := team()
	g.Unsigned = false
	keys := map[protocols.PeerID]ed25519.PrivateKey{}
	for i := range g.Members {
		key := ed25519.NewKeyFromSeed(binary.LittleEndian.AppendUint64(make([]byte, 24), uint64(i)))
		g.Members[i] = protocols.PeerID(key.Public().(ed25519.PublicKey))
		keys[g.Members[i]] = key
	}
	reconcile(b, g, keys, 1000, 100)
}

// reconcile syncs over and over: before each sync, untimed, each side gets records that the other
// lacks, at places where both had none.
func reconcile(b *testing.B, g antientropy.Group, keys map[protocols.PeerID]ed25519.PrivateKey, records, differences int) {
	make1 := func(i int) antientropy.Record {
		r := record(i%4, i/4+1)
		r.Author = g.Members[i%4]
		if keys != nil {
			r.Sign(g, keys[r.Author])
		}
		return r
	}
	insert := func(l *antientropy.Log, i int) {
		if added, err := l.Insert(make1(i)); !added || err != nil {
			b.Fatal(added, err)
		}
	}
	newLog := func() *antientropy.Log {
		l, err := antientropy.NewLog(g)
		if err != nil {
			b.Fatal(err)
		}
		return l
	}
	// Of every eight numbers, four of each author in turn, only some are there at first.
	base := newLog()
	base.Reserve(records, records*payloadSize)
	for i := range 2 * records {
		if i/4%2 == 1 {
			insert(base, i)
		}
	}
	d := &duo{group: g, from: base, to: base, a: newLog(), b: newLog(), missing: differences}
	var net *simnet.Network
	var nodes [2]*antientropy.Node
	room := min(records, 50000) // as many places are used before all starts anew
	next := room
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		if next+differences > room {
			net, nodes = d.prepare(b, simnet.Ideal(1))
			next = 0
			for _, l := range []*antientropy.Log{d.a, d.b} {
				l.Reserve(room, room*payloadSize)
			}
		}
		for k := range differences {
			insert([]*antientropy.Log{d.a, d.b}[k%2], next/4*8+next%4)
			next++
		}
		b.StartTimer()
		d.sync(b, net, nodes, 1)
	}
	b.ReportMetric(float64(differences)*float64(b.N)/b.Elapsed().Seconds(), "cpu-ops/s")
}
