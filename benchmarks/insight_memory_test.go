package benchmarks

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A shipment sends a whole log over a channel, so many bytes of records in one message.
type shipment struct {
	ch   *protocols.Channel
	log  *antientropy.Log
	size int

	author int
	first  uint64
}

// runHead is what stands before each run of a message: author, first number, records and bytes.
const runHead = 4 + 8 + 4 + 4

// next returns the next message, or nothing at the end.
func (s *shipment) next() []byte {
	msg := s.ch.Buffer()
	if cap(msg) < s.size {
		msg = make([]byte, 0, s.size)
	}
	for s.author < s.log.Members() {
		if s.first > s.log.Reach(s.author) {
			s.author, s.first = s.author+1, 1
			continue
		}
		head := len(msg)
		if s.size-head < runHead {
			break
		}
		msg = append(msg, make([]byte, runHead)...)
		var n int
		if msg, n = s.log.AppendRun(msg, s.author, s.first, math.MaxInt, s.size-len(msg)); n == 0 {
			msg = msg[:head]
			break
		}
		le := binary.LittleEndian
		le.PutUint32(msg[head:], uint32(s.author))
		le.PutUint64(msg[head+4:], s.first)
		le.PutUint32(msg[head+12:], uint32(n))
		le.PutUint32(msg[head+16:], uint32(len(msg)-head-runHead))
		s.first += uint64(n)
	}
	return msg
}

// Step sends as much as the channel has room for.
func (s *shipment) Step(now time.Duration, in protocols.Input, out *protocols.Output) {
	if in.Data != nil {
		if e, err := protocols.ParseEnvelope(in.Data); err == nil {
			s.ch.Receive(now, e.Body)
		}
	}
	for s.ch.Room() {
		msg := s.next()
		if len(msg) == 0 {
			break
		}
		s.ch.SendOwn(msg)
	}
	s.ch.Flush(now, out)
	out.Wake = s.ch.Deadline()
}

// A reception takes what a shipment sends into a log.
type reception struct {
	ch    *protocols.Channel
	log   *antientropy.Log
	every int // messages between two looks at the heap; 0 for none

	err      error
	messages int
	peak     int64
	first    time.Duration // when the first records were in the log
	last     time.Duration
}

// Step applies the messages that are there.
func (r *reception) Step(now time.Duration, in protocols.Input, out *protocols.Output) {
	if in.Data != nil {
		if e, err := protocols.ParseEnvelope(in.Data); err == nil {
			r.ch.Receive(now, e.Body)
		}
	}
	for r.err == nil {
		msg, ok := r.ch.Next()
		if !ok {
			break
		}
		if r.every > 0 && r.messages%r.every == 0 {
			r.peak = max(r.peak, heapInUse())
		}
		r.messages++
		le := binary.LittleEndian
		for rest := msg; len(rest) > 0 && r.err == nil; {
			size := int(le.Uint32(rest[16:]))
			_, r.err = r.log.ApplyRun(int(le.Uint32(rest)), le.Uint64(rest[4:]), int(le.Uint32(rest[12:])), rest[runHead:][:size])
			rest = rest[runHead+size:]
		}
		if r.last = now; r.first == 0 {
			r.first = now
		}
		r.ch.Recycle(msg)
	}
	r.ch.Flush(now, out)
	out.Wake = r.ch.Deadline()
}

// InsightStreaming sends a journal of 25 MB to a peer that has nothing, as one message, or in messages of 64 KiB
// that are made when there is room for them.
func BenchmarkInsightStreaming(b *testing.B) {
	const payload = 2500
	var src, empty, log *antientropy.Log
	ways := []string{"whole", "streamed"}
	for _, way := range ways {
		b.Run(fmt.Sprintf("way=%s/payload=%d/ops=10000", way, payload), func(b *testing.B) {
			if src == nil {
				src, empty, log = journalLog(b, payload, 4), newLog(b), newLog(b)
				log.Reserve(src.Len(), src.Len()*payload)
			}
			want := src.Digest()
			// ready puts both on a network and returns what sends all; looks are for the heap.
			ready := func(way string, looks bool) (ship func() *reception) {
				size, every := 64<<10, 64
				if way == "whole" {
					size, every = src.Bytes()+src.Members()*runHead, 1
				}
				log.CopyFrom(empty)
				opts := protocols.ChannelOptions{MaxMessage: size}
				net, err := simnet.New(simnet.Realistic(1))
				if err != nil {
					b.Fatal(err)
				}
				ids := team().Members
				from := &shipment{log: src, size: size, first: 1, ch: protocols.NewChannel(opts, protocols.TypeJournal, ids[1], 1, rand.New(rand.NewPCG(1, 0)))}
				to := &reception{log: log, ch: protocols.NewChannel(opts, protocols.TypeJournal, ids[0], 1, rand.New(rand.NewPCG(1, 1)))}
				for i, n := range []protocols.Node{from, to} {
					if err := net.Add(ids[i], n); err != nil {
						b.Fatal(err)
					}
				}
				before := int64(0)
				if looks {
					to.every = every
					before = heapInUse()
				}
				return func() *reception {
					net.Do(ids[0], func(now time.Duration, out *protocols.Output) { from.Step(now, protocols.Input{}, out) })
					net.Run(time.Hour, nil)
					if d := log.Digest(); to.err != nil || !d.Equal(&want) {
						b.Fatalf("way %s: %d messages, %v; digest %+v, want %+v", way, to.messages, to.err, d, want)
					}
					to.peak -= min(before, to.peak)
					return to
				}
			}
			b.SetBytes(int64(src.Bytes()))
			for b.Loop() {
				b.StopTimer()
				ship := ready(way, false)
				b.StartTimer()
				ship()
			}
			is := ready(way, true)()
			was := is
			if way != ways[0] {
				was = ready(ways[0], true)()
				b.ReportMetric(gain(float64(was.peak), float64(is.peak)), "mem-gain-%")
			}
			b.ReportMetric(float64(is.peak), "peak-heap-B")
			b.ReportMetric(float64(is.first.Nanoseconds()), "first-ns")
			b.ReportMetric(float64(is.last.Nanoseconds()), "all-ns")
			b.ReportMetric(gain(float64(was.last), float64(is.last)), "gain-%")
			b.ReportMetric(gain(float64(was.first), float64(is.first)), "first-gain-%")
		})
	}
}

// pool is the line of the benchmarks of memory: syncs that ship twenty records of a hundred.
func pool(b *testing.B) *line {
	l := newLine(b, newDuo(b, 100), simnet.Ideal(1))
	for range 2 { // so that tables and buffers have their size
		l.renew(b, antientropy.Config{})
		l.rewind()
		l.sync(b, 1)
	}
	return l
}

// InsightPooling is a short sync of nodes that begin anew each time, and of those that were there before, with
// the buffers of the syncs before.
func BenchmarkInsightPooling(b *testing.B) {
	const syncs = 50 // to know what each way asks for
	for _, way := range []string{"fresh", "reused"} {
		b.Run("way="+way, func(b *testing.B) {
			l := pool(b)
			one := func(way string) run {
				if way == "fresh" {
					l.renew(b, antientropy.Config{})
				}
				l.rewind()
				return l.sync(b, 1)
			}
			asked := func(way string) uint64 {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				for range syncs {
					one(way)
				}
				runtime.ReadMemStats(&after)
				return after.TotalAlloc - before.TotalAlloc
			}
			was := asked("fresh")
			asked(way) // until all has its size
			is := asked(way)
			var r run
			b.ReportAllocs()
			for b.Loop() {
				r = one(way)
			}
			b.ReportMetric(float64(r.rounds), "rounds/op")
			if way != "fresh" {
				b.ReportMetric(gain(float64(was), float64(is)), "mem-gain-%")
			}
		})
	}
}

// A pauser counts the times that the collector has stopped the program.
type pauser []metrics.Sample

func newPauser() pauser { return pauser{{Name: "/sched/pauses/total/gc:seconds"}} }

func (p pauser) count() (n uint64) {
	metrics.Read(p)
	for _, c := range p[0].Value.Float64Histogram().Counts {
		n += c
	}
	return n
}

// InsightGC is two thousand short syncs of nodes that begin anew each time, while the collector runs as often as
// GOGC says. How long each took by the clock is no exact unit.
func BenchmarkInsightGC(b *testing.B) {
	const syncs = 100 * behind
	for _, gogc := range []struct {
		name    string
		percent int
	}{{"50", 50}, {"100", 100}, {"400", 400}, {"off", -1}} {
		b.Run("gogc="+gogc.name, func(b *testing.B) {
			l := pool(b)
			pauses := newPauser()
			took := make([]time.Duration, syncs)
			met := make([]bool, syncs) // the collector was at work
			defer debug.SetGCPercent(debug.SetGCPercent(gogc.percent))
			var tails, all, worst, stops []float64
			for b.Loop() {
				b.StopTimer()
				runtime.GC() // so that none is under way
				b.StartTimer()
				started := pauses.count()
				before := started
				for i := range syncs {
					l.renew(b, antientropy.Config{})
					l.rewind()
					began := b.Elapsed()
					l.sync(b, 1)
					took[i] = b.Elapsed() - began
					now := pauses.count()
					// Each collection stops the program twice, when it begins to mark and when it ends.
					met[i] = now > before || (now-started)%2 == 1
					before = now
				}
				sorted := slices.Clone(took)
				slices.Sort(sorted)
				p99 := rank(sorted, 99)
				tails = append(tails, float64(p99)/float64(rank(sorted, 50)))
				slow, hit, hitSlow := 0, 0, 0
				for i := range syncs {
					if met[i] {
						hit++
					}
					if took[i] > p99 {
						slow++
						if met[i] {
							hitSlow++
						}
					}
				}
				all = append(all, 100*float64(hit)/syncs)
				worst = append(worst, 100*float64(hitSlow)/float64(max(slow, 1)))
				stops = append(stops, float64(before-started)/2)
			}
			for _, m := range []struct {
				values []float64
				unit   string
			}{{tails, "xtail"}, {all, "gc-%"}, {worst, "tail-gc-%"}, {stops, "gcs/op"}} {
				slices.Sort(m.values)
				b.ReportMetric(m.values[len(m.values)/2], m.unit)
			}
			b.ReportMetric(syncs, "requests")
		})
	}
}
