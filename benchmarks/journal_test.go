package benchmarks

import (
	"fmt"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/journal"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A crowd is a group of peers on a network, the first of which writes.
type crowd struct {
	group  antientropy.Group
	net    *simnet.Network
	nodes  []*journal.Node
	out    []time.Duration // when each record was with all peers, or 0
	left   []int           // at how many peers it is missing
	writes int
}

// A watcher steps a node and notes which records of the author have come.
type watcher struct {
	*journal.Node
	c    *crowd
	high int
	has  []bool
}

// Step passes what happened on.
func (w *watcher) Step(now time.Duration, in protocols.Input, out *protocols.Output) {
	w.Node.Step(now, in, out)
	log := w.Log()
	if log.Len() == w.high {
		return
	}
	w.high = log.Len()
	for i := len(w.has); i < len(w.c.left); i++ {
		w.has = append(w.has, false)
	}
	for i := max(0, len(w.has)-3*w.c.writes); i < len(w.has); i++ {
		if !w.has[i] && log.Holds(0, uint64(i+1)) {
			w.has[i] = true
			if w.c.left[i]--; w.c.left[i] == 0 {
				w.c.out[i] = now
			}
		}
	}
}

func crowdGroup(peers int) antientropy.Group {
	g := antientropy.Group{ID: [32]byte{1}, Epoch: 1, Key: [32]byte{2}, Unsigned: true}
	for i := range peers {
		g.Members = append(g.Members, protocols.PeerID{1, byte(i)})
	}
	return g
}

// newCrowd puts so many peers on a network. Each log has records of others by fill, which may be nil.
func newCrowd(b *testing.B, peers int, opts simnet.Options, cfg journal.Config, fill func(i int, l *antientropy.Log)) *crowd {
	c := &crowd{group: crowdGroup(peers)}
	var err error
	if c.net, err = simnet.New(opts); err != nil {
		b.Fatal(err)
	}
	for i, id := range c.group.Members {
		l, err := antientropy.NewLog(c.group)
		if err != nil {
			b.Fatal(err)
		}
		if fill != nil {
			fill(i, l)
		}
		cfg.Self, cfg.Seed = id, opts.Seed
		n, err := journal.New(l, cfg)
		if err != nil {
			b.Fatal(err)
		}
		c.nodes = append(c.nodes, n)
		var node protocols.Node = n
		if i > 0 {
			node = &watcher{Node: n, c: c}
		}
		if err := c.net.Add(id, node); err != nil {
			b.Fatal(err)
		}
	}
	return c
}

func (c *crowd) record(author int, seq int) antientropy.Record {
	r := record(author, seq)
	r.Author = c.group.Members[author]
	return r
}

// publish has the first peer write so many records, and runs until the network is at rest.
func (c *crowd) publish(b *testing.B, records []antientropy.Record) {
	c.writes = len(records)
	for range records {
		c.out, c.left = append(c.out, 0), append(c.left, len(c.nodes)-1)
	}
	c.write(b, records)
}

// write is publish without a look at when which record comes.
func (c *crowd) write(b *testing.B, records []antientropy.Record) {
	err := c.net.Do(c.group.Members[0], func(now time.Duration, out *protocols.Output) {
		if err := c.nodes[0].Publish(now, records, out); err != nil {
			b.Fatal(err)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	c.net.Run(c.net.Now()+time.Hour, nil)
}

// spread has the first of so many peers publish so many records, that many times one after the other.
func spread(b *testing.B, peers, ops int, opts simnet.Options, cfg journal.Config, rounds int) (r run) {
	c := newCrowd(b, peers, opts, cfg, nil)
	for round := range rounds {
		start := c.net.Now()
		c.publish(b, c.batch(round*ops, ops))
		for _, at := range c.out[round*ops:] {
			if at == 0 {
				b.Fatalf("seed %d: a record did not reach all", opts.Seed)
			}
			r.records = append(r.records, at-start)
		}
	}
	for _, n := range c.nodes {
		s := n.Stats()
		r.pushes += s.Pushes
		r.sends += s.Pushes + s.Parity + s.Answers
		if n.Log().Len() != ops*rounds || n.Held() != 0 {
			b.Fatalf("seed %d: a log has %d records, want %d; %d things kept", opts.Seed, n.Log().Len(), ops*rounds, n.Held())
		}
	}
	r.count(c.net.Total(), simnet.Counters{})
	return r
}

func (c *crowd) batch(after, count int) []antientropy.Record {
	records := make([]antientropy.Record, count)
	for i := range records {
		records[i] = c.record(0, after+i+1)
	}
	return records
}

// JournalPublish publishes records of 256 bytes to all other peers of a group. Parity is for bursts.
func BenchmarkJournalPublish(b *testing.B) {
	for _, peers := range sizesOf(3, 10, 100) {
		for _, ops := range []int{1, 80} {
			for _, parity := range []int{0, 25} {
				if parity > 0 && ops == 1 {
					continue
				}
				for _, s := range simnet.Scenarios() {
					name := fmt.Sprintf("peers=%d/ops=%d/parity=%d/net=%s", peers, ops, parity, s.Name)
					b.Run(name, func(b *testing.B) {
						cfg := journal.Config{Parity: float64(parity) / 100}
						c := newCrowd(b, peers, s.Options(1), cfg, nil)
						round := 0
						b.ReportAllocs()
						for b.Loop() {
							b.StopTimer()
							records := c.batch(round*ops, ops)
							round++
							b.StartTimer()
							c.publish(b, records)
						}
						b.StopTimer()
						worlds, rounds := 50, 40
						if ops > 1 {
							worlds, rounds = 10, 3
						}
						if *seeds > 0 {
							rounds = 1 // in each of as many worlds
						}
						runs := panelOf("journal/"+name, worlds, func(seed uint64) run { return spread(b, peers, ops, s.Options(seed), cfg, rounds) })
						reportSpread(b, runs, peers-1, ops, rounds, s.Options(1).Link.Delay)
					})
				}
			}
		}
	}
}

// reportSpread prints the exact units of a panel of publishes, so many of so many records in each run.
func reportSpread(b *testing.B, runs []run, peers, ops, rounds int, limit time.Duration) {
	var times []time.Duration
	pushes, sends := 0, 0
	for _, r := range runs {
		times = append(times, r.records...)
		pushes += r.pushes
		sends += r.sends
	}
	b.ReportMetric(float64(len(times)), "requests")
	b.ReportMetric(float64(sends)/float64(pushes), "sends/floor")
	reportLinks(b, runs, ops*rounds, recordsFloor(peers*rounds, ops))
	reportTimes(b, times, limit)
}
