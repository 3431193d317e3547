package benchmarks

import (
	"fmt"
	"slices"
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

// newCrowd puts so many peers on a network. Each log has records of others by fill, which may be nil.
func newCrowd(b *testing.B, peers int, opts simnet.Options, cfg journal.Config, fill func(i int, l *antientropy.Log)) *crowd {
	c := &crowd{group: antientropy.Group{ID: [32]byte{1}, Epoch: 1, Key: [32]byte{2}, Unsigned: true}}
	for i := range peers {
		c.group.Members = append(c.group.Members, protocols.PeerID{1, byte(i)})
	}
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
		if err := c.net.Add(id, &watcher{Node: n, c: c}); err != nil {
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

// A spreading is what a panel of publishes cost.
type spreading struct {
	times    []time.Duration // from publish until the last peer had it, of every record, in order
	pushes   int             // datagrams with fresh records
	sends    int             // those, parity and answers
	wire     int64
	requests int
}

var spreadings = map[string]*spreading{}

func spread(b *testing.B, name string, peers, ops int, s simnet.Scenario, cfg journal.Config, worlds, rounds int) *spreading {
	if p := spreadings[name]; p != nil {
		return p
	}
	p := new(spreading)
	for seed := range uint64(worlds) {
		c := newCrowd(b, peers, s.Options(seed+1), cfg, nil)
		for round := range rounds {
			start := c.net.Now()
			c.publish(b, c.batch(round*ops, ops))
			for _, at := range c.out[round*ops:] {
				if at == 0 {
					b.Fatalf("seed %d: a record did not reach all", seed+1)
				}
				p.times = append(p.times, at-start)
			}
			p.requests++
		}
		for _, n := range c.nodes {
			s := n.Stats()
			p.pushes += s.Pushes
			p.sends += s.Pushes + s.Parity + s.Answers
			if n.Log().Len() != ops*rounds || n.Held() != 0 {
				b.Fatalf("seed %d: a log has %d records, want %d; %d things kept", seed+1, n.Log().Len(), ops*rounds, n.Held())
			}
		}
		p.wire += c.net.Total().WireBytes
	}
	slices.Sort(p.times)
	spreadings[name] = p
	return p
}

func (c *crowd) batch(after, count int) []antientropy.Record {
	records := make([]antientropy.Record, count)
	for i := range records {
		records[i] = c.record(0, after+i+1)
	}
	return records
}

// JournalFresh publishes records of 256 bytes to all other peers of a group.
func BenchmarkJournalFresh(b *testing.B) {
	for _, peers := range []int{3, 10, 50, 100} {
		for _, ops := range []int{1, 80} {
			for _, parity := range []int{0, 25} {
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
							worlds, rounds = 10, 10
						}
						p := spread(b, name, peers, ops, s, cfg, worlds, rounds)
						b.ReportMetric(float64(p.requests), "requests")
						b.ReportMetric(float64(p.sends)/float64(p.pushes), "sends/floor")
						b.ReportMetric(float64(p.wire)/float64(p.requests*ops), "wire-B/op")
						flights(b, p.times, s.Options(1).Link.Delay)
					})
				}
			}
		}
	}
}

// flights prints quantiles in nanoseconds and, where there is a delay, as multiples of it.
func flights(b *testing.B, sorted []time.Duration, delay time.Duration) {
	for _, percent := range []int{50, 99} {
		d := rank(sorted, percent)
		b.ReportMetric(float64(d.Nanoseconds()), fmt.Sprintf("p%d-ns", percent))
		if delay > 0 {
			b.ReportMetric(float64(d)/float64(delay), fmt.Sprintf("p%d-flights", percent))
		}
	}
}

// JournalCold has three peers, each with a hundred records that the others lack, sync with all at
// once: each pair in one session.
func BenchmarkJournalCold(b *testing.B) {
	const ops = 100
	for _, s := range simnet.Scenarios() {
		b.Run("peers=3/net="+s.Name, func(b *testing.B) {
			prepare := func(seed uint64) *crowd {
				c := &crowd{}
				for i := range 3 {
					c.group.Members = append(c.group.Members, protocols.PeerID{1, byte(i)})
				}
				members := c.group.Members
				return newCrowd(b, 3, s.Options(seed), journal.Config{}, func(i int, l *antientropy.Log) {
					for seq := range ops {
						r := record(i, seq+1)
						r.Author = members[i]
						if added, err := l.Insert(r); !added || err != nil {
							b.Fatal(added, err)
						}
					}
				})
			}
			run := func(c *crowd) time.Duration {
				for i := range 2 {
					c.net.Do(c.group.Members[i], func(now time.Duration, out *protocols.Output) {
						if err := c.nodes[i].SyncAll(now, c.group.Members[i+1:], out); err != nil {
							b.Fatal(err)
						}
					})
				}
				done := c.net.Run(time.Hour, func() bool {
					return c.nodes[0].Log().Len() == 3*ops && c.nodes[1].Log().Len() == 3*ops && c.nodes[2].Log().Len() == 3*ops
				})
				if !done {
					b.Fatal("the logs did not become equal")
				}
				return c.net.Now()
			}
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				c := prepare(1)
				b.StartTimer()
				run(c)
			}
			b.StopTimer()
			const panel = 400
			times := make([]time.Duration, panel)
			var wire int64
			for i := range times {
				c := prepare(uint64(i + 1))
				times[i] = run(c)
				wire += c.net.Total().WireBytes
			}
			slices.Sort(times)
			b.ReportMetric(panel, "requests")
			b.ReportMetric(float64(wire)/panel, "wire-B/op")
			flights(b, times, s.Options(1).Link.Delay)
		})
	}
}

// journalLog returns a log of ten thousand records of one payload size, of so many authors by turns.
func journalLog(b *testing.B, payload, authors int) *antientropy.Log {
	l := newLog(b)
	for i := range 10000 {
		r := record(i%authors, i/authors+1)
		r.Payload = append(r.Payload, make([]byte, max(payload-payloadSize, 0))...)[:payload]
		if added, err := l.Insert(r); !added || err != nil {
			b.Fatal(added, err)
		}
	}
	return l
}

// runsOf cuts all records of a log into runs of at most 64 KiB.
func runsOf(l *antientropy.Log, buf []byte, f func(author int, first uint64, n int, run []byte)) {
	for author := range l.Members() {
		for first := uint64(1); first <= l.Reach(author); {
			var n int
			buf, n = l.AppendRun(buf[:0], author, first, 1<<16, 64<<10)
			f(author, first, n, buf)
			first += uint64(n)
		}
	}
}

// JournalEncode encodes ten thousand records as they are sent, those of one author and those of four
// who wrote by turns, so that each author's lie apart; way=memcpy copies the same
// bytes in the same pieces.
func BenchmarkJournalEncode(b *testing.B) {
	for _, payload := range []int{64, 256, 2500} {
		var bytes []byte
		var sizes []int
		for _, authors := range []int{1, 4} {
			l := journalLog(b, payload, authors)
			bytes, sizes = bytes[:0], sizes[:0]
			runsOf(l, nil, func(_ int, _ uint64, _ int, run []byte) {
				bytes = append(bytes, run...)
				sizes = append(sizes, len(run))
			})
			b.Run(fmt.Sprintf("payload=%d/ops=10000/way=runs/authors=%d", payload, authors), func(b *testing.B) {
				b.SetBytes(int64(len(bytes)))
				b.ReportAllocs()
				total := 0
				buf := make([]byte, 0, 64<<10)
				for b.Loop() {
					total = 0
					runsOf(l, buf, func(_ int, _ uint64, _ int, run []byte) { total += len(run) })
				}
				if total != l.Bytes() {
					b.Fatalf("encoded %d bytes of %d", total, l.Bytes())
				}
			})
		}
		b.Run(fmt.Sprintf("payload=%d/ops=10000/way=memcpy", payload), func(b *testing.B) {
			dst := make([]byte, 64<<10)
			b.SetBytes(int64(len(bytes)))
			b.ReportAllocs()
			for b.Loop() {
				rest := bytes
				for _, size := range sizes {
					rest = rest[copy(dst, rest[:size]):]
				}
			}
		})
	}
}

// JournalApply takes ten thousand unsigned records into an empty log with room for them.
func BenchmarkJournalApply(b *testing.B) {
	for _, payload := range []int{8, 64, 256} {
		b.Run(fmt.Sprintf("payload=%d/ops=10000", payload), func(b *testing.B) {
			src, empty, l := journalLog(b, payload, 4), newLog(b), journalLog(b, payload, 4)
			type run struct {
				author int
				first  uint64
				n      int
				bytes  []byte
			}
			var runs []run
			runsOf(src, nil, func(author int, first uint64, n int, b []byte) {
				runs = append(runs, run{author, first, n, slices.Clone(b)})
			})
			want := src.Digest()
			b.SetBytes(int64(src.Bytes()))
			b.ReportAllocs()
			for b.Loop() {
				l.CopyFrom(empty)
				for _, r := range runs {
					if n, err := l.ApplyRun(r.author, r.first, r.n, r.bytes); n != r.n || err != nil {
						b.Fatal(n, err)
					}
				}
			}
			if d := l.Digest(); !d.Equal(&want) {
				b.Fatalf("digest %+v, want %+v", d, want)
			}
		})
	}
}

// JournalMemory says what a record takes in a log of ten thousand at rest: all that its tables have
// room for.
func BenchmarkJournalMemory(b *testing.B) {
	for _, payload := range []int{256, 2500} {
		b.Run(fmt.Sprintf("payload=%d/ops=10000", payload), func(b *testing.B) {
			l := journalLog(b, payload, 4)
			for b.Loop() {
				l.Trim()
			}
			b.ReportMetric(float64(l.Footprint())/float64(l.Len()), "log-B/op")
		})
	}
}
