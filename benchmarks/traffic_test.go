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

// A traffic is what the links of a network carried in a panel of runs.
type traffic struct {
	runs    int
	wire    int64 // on all links
	busiest int64 // on the busiest link of each run
	up      int64 // sent by the peer of each run that sent most
	useful  int64 // payload of records that reached a peer that lacked them
	records int   // that the work of all runs was about
	took    time.Duration
}

// count adds what a network carried in one run, whose work was about so many records, each to be brought
// to so many peers, and was done after some time.
func (t *traffic) count(b *testing.B, net *simnet.Network, peers []protocols.PeerID, records, times int, took time.Duration) {
	var busiest, up, all int64
	for _, from := range peers {
		var sum int64
		for _, to := range peers {
			wire := net.Link(from, to).WireBytes
			busiest = max(busiest, wire)
			sum += wire
		}
		up = max(up, sum)
		all += sum
	}
	if all != net.Total().WireBytes {
		b.Fatalf("links carried %d bytes, and %d altogether", all, net.Total().WireBytes)
	}
	t.runs++
	t.wire += all
	t.busiest += busiest
	t.up += up
	t.records += records
	t.took += took
	t.useful += int64(records * times * payloadSize)
}

func (t *traffic) report(b *testing.B) {
	n := float64(t.records)
	b.ReportMetric(float64(t.busiest)/n, "link-B-max/op")
	b.ReportMetric(float64(t.up)/n, "up-B/op")
	b.ReportMetric(float64(t.wire)/n, "wire-B/op")
	b.ReportMetric(float64(t.wire)/float64(t.useful), "xpayload")
	b.ReportMetric(float64(t.busiest)/t.took.Seconds(), "draw-B/s")
	b.ReportMetric(float64(t.runs), "requests")
}

// trafficWays are kinds of work: a sync of two replicas of a thousand records, three peers that sync what
// each has and the others lack, and a burst of eighty records with parity to nine others.
var trafficWays = []struct {
	name  string
	peers int
	play  func(b *testing.B, opts simnet.Options, t *traffic)
}{
	{"sync", 2, func(b *testing.B, opts simnet.Options, t *traffic) {
		d := duoOf(b, 1000)
		net, nodes := d.prepareWith(b, opts, protocols.ChannelOptions{})
		r := d.sync(b, net, nodes, opts.Seed)
		t.count(b, net, d.group.Members, d.missing, 1, r.time)
	}},
	{"cold", 3, func(b *testing.B, opts simnet.Options, t *traffic) {
		c := newStrangers(b, opts)
		took := c.meet(b)
		t.count(b, c.net, c.group.Members, 3*coldOps, 2, took)
	}},
	{"publish", 10, func(b *testing.B, opts simnet.Options, t *traffic) {
		c := newCrowd(b, 10, opts, journal.Config{Parity: 0.25}, nil)
		c.publish(b, c.batch(0, growthBurst))
		t.count(b, c.net, c.group.Members, growthBurst, 9, slices.Max(c.out))
	}},
}

// LinkUse counts the bytes on each link while peers work until all is said.
func BenchmarkLinkUse(b *testing.B) {
	for _, way := range trafficWays {
		for _, s := range simnet.Scenarios() {
			b.Run(fmt.Sprintf("way=%s/peers=%d/net=%s", way.name, way.peers, s.Name), func(b *testing.B) {
				for b.Loop() {
					way.play(b, s.Options(1), new(traffic))
				}
				var t traffic
				for seed := range uint64(sweepMedian) {
					way.play(b, s.Options(seed+1), &t)
				}
				t.report(b)
			})
		}
	}
}

// duos are kept, for they take longer to make than to sync.
var duos = map[int]*duo{}

func duoOf(b *testing.B, records int) *duo {
	if duos[records] == nil {
		duos[records] = newDuo(b, records)
	}
	return duos[records]
}

// A haul is what one side fetched in bulk from another.
type haul struct {
	took time.Duration // from the first datagram to the last record
	came int           // records
	wire int64         // bytes sent to it, what no queue had room for included
}

// bulk has an empty replica fetch ten thousand records over a link with a rate.
func bulk(b *testing.B, src *antientropy.Log, opts simnet.Options) haul {
	from, to := src.Member(0), src.Member(1)
	first, arrived, log := time.Duration(0), int64(0), newLog(b)
	var h haul
	opts.Observe = func(e simnet.Event) {
		if e.Kind != simnet.Handled || e.From != from {
			return
		}
		if first == 0 {
			first = e.At
		} else {
			arrived += int64(len(e.Data) + simnet.HeaderSize)
		}
		if log.Len() > h.came {
			h.came, h.took = log.Len(), e.At-first
			if could := h.took.Seconds() * float64(opts.Link.Rate) / 8; float64(arrived) > could+1 {
				b.Fatalf("%d bytes came through a link that has room for %.0f", arrived, could)
			}
		}
	}
	net, err := simnet.New(opts)
	if err != nil {
		b.Fatal(err)
	}
	var node *antientropy.Node
	for i, l := range []*antientropy.Log{src, log} {
		id := src.Member(i)
		if node, err = antientropy.NewNode(l, antientropy.Config{Self: id, Seed: opts.Seed}); err != nil {
			b.Fatal(err)
		}
		if err := net.Add(id, node); err != nil {
			b.Fatal(err)
		}
	}
	net.Do(to, func(now time.Duration, out *protocols.Output) {
		if _, err := node.Start(now, from, out); err != nil {
			b.Fatal(err)
		}
	})
	net.Run(time.Hour, nil)
	h.wire = net.Link(from, to).WireBytes
	return h
}

// hauls plays a panel of bulk and prints its sums.
func hauls(b *testing.B, options func(seed uint64) simnet.Options) (share float64) {
	const n, runs = 10000, 5
	src := fill(b, n)
	for b.Loop() {
		bulk(b, src, options(1))
	}
	var sum haul
	for seed := range uint64(runs) {
		h := bulk(b, src, options(seed+1))
		sum.took += h.took
		sum.came += h.came
		sum.wire += h.wire
	}
	payload := float64(sum.came * payloadSize)
	share = float64(sum.came) / (n * runs)
	b.ReportMetric(100*payload/(sum.took.Seconds()*float64(options(1).Link.Rate)/8), "use-%")
	b.ReportMetric(float64(sum.wire)/payload, "xpayload")
	b.ReportMetric(100*share, "came-%")
	b.ReportMetric(runs, "requests")
	return share
}

// LinkBulk fills links of so many kbit/s, with the queue of the scenarios; 40,000 are 5 MB/s.
func BenchmarkLinkBulk(b *testing.B) {
	for _, kbit := range []int{1000, 10000, 40000} {
		for _, s := range simnet.Scenarios() {
			b.Run(fmt.Sprintf("rate=%d/net=%s", kbit, s.Name), func(b *testing.B) {
				share := hauls(b, func(seed uint64) simnet.Options {
					opts := s.Options(seed)
					opts.Link.Rate = int64(kbit) * 1000
					return opts
				})
				if share < 1 {
					b.Fatalf("%.2f of all records came", share)
				}
			})
		}
	}
}

// LinkQueue fills a link of 10 Mbit/s that has room for so many KiB only, where a channel begins with up to
// half a megabyte on its way and has to find out what the queue holds.
func BenchmarkLinkQueue(b *testing.B) {
	for _, kib := range []int{64, 128, 256, 512, 1024} {
		b.Run(fmt.Sprintf("queue=%d", kib), func(b *testing.B) {
			share := hauls(b, func(seed uint64) simnet.Options {
				opts := simnet.Realistic(seed)
				opts.Link.Rate, opts.Link.Queue = 10_000_000, kib<<10
				return opts
			})
			if share < 1 {
				b.Fatalf("%.2f of all records came", share)
			}
		})
	}
}
