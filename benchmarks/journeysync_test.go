package benchmarks

import (
	"maps"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/journal"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/simnet"
	"github.com/perfgate/perfgate/protocols/snapshot"
)

// What a group holds when somebody joins it: so many records, cut and pruned, and so many after that.
const (
	joinHistory = 5000
	joinTail    = 500
)

// An estate is what a group has for who joins it.
type estate struct {
	*council
	late   int                // the member that joins, by its place in the group
	stores []simnet.Memory    // of the others, each with the certified snapshot
	full   *antientropy.Log   // what the others hold; nobody writes to it
	digest antientropy.Digest // of that
}

// newEstate has a group of five of six members agree on a cut, prune, and write on.
func newEstate(b *testing.B) *estate {
	e := &estate{council: newCouncil(b, travellers+1, joinHistory, payloadSize), late: travellers}
	net, err := simnet.New(simnet.Ideal(1))
	if err != nil {
		b.Fatal(err)
	}
	var nodes []*snapshot.Node
	for i := range e.late {
		l := e.newLog(b)
		l.CopyFrom(e.log)
		cfg := e.config(i, 1, l)
		e.stores = append(e.stores, simnet.Memory{})
		cfg.Store = e.stores[i]
		n, err := snapshot.NewNode(cfg)
		if err != nil {
			b.Fatal(err)
		}
		nodes, e.full = append(nodes, n), l
		if err := net.Add(e.q.Member(i), n); err != nil {
			b.Fatal(err)
		}
	}
	net.Do(e.q.Member(0), func(now time.Duration, out *protocols.Output) {
		if _, err := nodes[0].Propose(now, e.full.Frontier(), out); err != nil {
			b.Fatal(err)
		}
	})
	net.Run(time.Hour, nil)
	for _, n := range nodes {
		for done := false; !done; {
			if done, err = n.Work(1 << 20); err != nil {
				b.Fatal(err)
			}
		}
		if _, ok := n.Snapshot(); !ok {
			b.Fatal("a member has no snapshot to give")
		}
	}
	for i := range joinTail {
		author := i % 4
		r := record(author, joinHistory/4+i/4+1)
		r.Author = e.q.Member(author)
		if added, err := e.full.Insert(r); !added || err != nil {
			b.Fatal(added, err)
		}
	}
	e.digest = e.full.Digest()
	return e
}

func (c *council) newLog(b *testing.B) *antientropy.Log {
	l, err := antientropy.NewLog(c.group)
	if err != nil {
		b.Fatal(err)
	}
	return l
}

// journalAndCut returns the parts of a member that keeps a log in step and prunes it.
func (c *council) journalAndCut(b *testing.B, i int, seed uint64, l *antientropy.Log, store protocols.Store) (*journal.Node, *snapshot.Node) {
	cfg := c.config(i, seed, l)
	cfg.Store = store
	cut, err := snapshot.NewNode(cfg)
	if err != nil {
		b.Fatal(err)
	}
	j, err := journal.New(l, journal.Config{Self: c.q.Member(i), Seed: seed})
	if err != nil {
		b.Fatal(err)
	}
	return j, cut
}

func membersOf(q *quorum.Group) (ids []protocols.PeerID) {
	for i := range q.Len() {
		ids = append(ids, q.Member(i))
	}
	return ids
}

// join has the sixth member come with nothing: it fetches the snapshot, and then syncs with one of the
// others for what was written after that.
func (e *estate) join(b *testing.B, _ string, opts simnet.Options) passage {
	var replicas []*replica
	for i := range e.late {
		j, cut := e.journalAndCut(b, i, opts.Seed, e.full, maps.Clone(e.stores[i]))
		replicas = append(replicas, &replica{parts: []*part{
			newPart(j, protocols.TypeJournal, protocols.TypeAntiEntropy), newPart(cut, protocols.TypeSnapshot, protocols.TypeChunk),
		}})
	}
	log := e.newLog(b)
	j, cut := e.journalAndCut(b, e.late, opts.Seed, log, simnet.Memory{})
	journals, cuts := newPart(j, protocols.TypeJournal, protocols.TypeAntiEntropy), newPart(cut, protocols.TypeSnapshot, protocols.TypeChunk)
	restored := false
	replicas = append(replicas, &replica{
		parts: []*part{journals, cuts, newAlarm(0, func(now time.Duration, out *protocols.Output) {
			cuts.do(out, func() { cut.Fetch(now, out) })
			out.Wake = protocols.Never
		})},
		then: func(now time.Duration, out *protocols.Output) {
			if restored || cut.Stats().Restored == 0 {
				return
			}
			restored = true
			journals.do(out, func() {
				if err := j.SyncAll(now, []protocols.PeerID{e.q.Member(0)}, out); err != nil {
					b.Fatal(err)
				}
			})
		},
	})
	var r run
	var net *simnet.Network
	return passage{
		walk: func() run {
			net = board(b, opts, membersOf(e.q), replicas)
			if !net.Run(time.Hour, func() bool { d := log.Digest(); return d.Equal(&e.digest) }) {
				b.Fatalf("seed %d: the new replica holds %d records and not what the others hold", opts.Seed, log.Len())
			}
			at := net.Now()
			net.Run(at+time.Hour, nil)
			r = costSince(net, 0, simnet.Counters{})
			r.time = at
			return r
		},
		check: func() {
			if log.Len() != e.full.Len() || log.Recompute() != e.digest || !log.Covers(e.full.Frontier()) || j.Sessions() > 0 {
				b.Fatalf("seed %d: the new replica holds %d records, want %d", opts.Seed, log.Len(), e.full.Len())
			}
		},
	}
}

// JourneyFirstSync is a replica that joins a group of five.
func BenchmarkJourneyFirstSync(b *testing.B) {
	e := newEstate(b)
	travel(b, journeyRuns, 2, e.join, nil)
}

// What is written while a peer is cut off, and for how long it is.
const (
	cutRecords = 500
	cutRounds  = 10
	cutPace    = 100 * time.Millisecond
	cutEnd     = 10 * time.Second
)

// catchUp has all of five peers write while the last is cut off. When that ends, it syncs with all.
func catchUp(b *testing.B, _ string, opts simnet.Options) passage {
	g := crowdGroup(travellers)
	opts.Partitions = []simnet.Partition{{Until: cutEnd, Group: g.Members[travellers-1:]}}
	nodes := make([]*journal.Node, travellers)
	replicas := make([]*replica, travellers)
	for i, id := range g.Members {
		l, err := antientropy.NewLog(g)
		if err != nil {
			b.Fatal(err)
		}
		n, err := journal.New(l, journal.Config{Self: id, Seed: opts.Seed})
		if err != nil {
			b.Fatal(err)
		}
		p := newPart(n, protocols.TypeJournal, protocols.TypeAntiEntropy)
		const each = cutRecords / travellers / cutRounds
		written := 0
		write := newAlarm(0, func(now time.Duration, out *protocols.Output) {
			var records []antientropy.Record
			for range each {
				written++
				r := record(0, written*travellers+i)
				r.Author, r.Seq = id, uint64(written)
				records = append(records, r)
			}
			p.do(out, func() {
				if err := n.Publish(now, records, out); err != nil {
					b.Fatal(err)
				}
			})
			if out.Wake = now + cutPace; written == cutRounds*each {
				out.Wake = protocols.Never
			}
		})
		nodes[i], replicas[i] = n, &replica{parts: []*part{p, write}}
	}
	late := nodes[travellers-1]
	var start time.Duration
	var before simnet.Counters
	var net *simnet.Network
	back := newAlarm(cutEnd, func(now time.Duration, out *protocols.Output) {
		start, before = now, net.Total()
		d, other := nodes[0].Log().Digest(), late.Log().Len()
		for _, n := range nodes[:travellers-1] {
			if x := n.Log().Digest(); !x.Equal(&d) || d.Count() != cutRecords*(travellers-1)/travellers || other != cutRecords/travellers {
				b.Fatalf("seed %d: %d and %d records when the partition heals", opts.Seed, d.Count(), other)
			}
		}
		replicas[travellers-1].parts[0].do(out, func() {
			if err := late.SyncAll(now, nil, out); err != nil {
				b.Fatal(err)
			}
		})
		out.Wake = protocols.Never
	})
	replicas[travellers-1].parts = append(replicas[travellers-1].parts, back)
	net = board(b, opts, g.Members, replicas)
	net.Run(cutEnd-1, nil)
	return passage{
		walk: func() run {
			waits := 0 // all before it hold everything
			if !net.Run(time.Hour, func() bool {
				for waits < travellers && nodes[waits].Log().Len() == cutRecords {
					waits++
				}
				return waits == travellers
			}) {
				b.Fatalf("seed %d: peer %d holds %d records, want %d", opts.Seed, waits, nodes[waits].Log().Len(), cutRecords)
			}
			took := net.Now() - start
			net.Run(time.Hour, nil)
			r := costSince(net, start, before)
			r.time = took
			return r
		},
		check: func() {
			want := late.Log().Digest()
			results := late.TakeResults()
			for i, n := range nodes {
				if d := n.Log().Recompute(); !d.Equal(&want) || n.Held() != 0 || n.Sessions() != 0 || len(results) != 1 || results[0].Err() != nil {
					b.Fatalf("seed %d: peer %d has %d records; syncs %+v", opts.Seed, i, n.Log().Len(), results)
				}
			}
		},
	}
}

// JourneyCatchUp is a peer of five that was cut off while 500 records were written.
func BenchmarkJourneyCatchUp(b *testing.B) { travel(b, journeyRuns, 3, catchUp, nil) }
