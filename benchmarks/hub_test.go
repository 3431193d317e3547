package benchmarks

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A hub is a peer to which all other members of its group come for records at once.
type hub struct {
	group antientropy.Group
	logs  []*antientropy.Log // as they are at first, the hub's in front
	lacks []int              // how many records each lacks
}

// newHub returns one that so many partners lack records of, each of another author and another number.
func newHub(b *testing.B, partners int) *hub {
	const each = 30 // records of each author
	h := &hub{group: crowdGroup(partners + 1), lacks: []int{0}}
	for i := range partners + 1 {
		l, err := antientropy.NewLog(h.group)
		if err != nil {
			b.Fatal(err)
		}
		if i > 0 {
			h.lacks = append(h.lacks, 10+i%10)
		}
		for author := range partners + 1 {
			for seq := range each {
				if author == i && seq >= each-h.lacks[i] {
					break
				}
				r := record(0, author<<16|seq+1)
				r.Author, r.Seq = h.group.Members[author], uint64(seq+1)
				if added, err := l.Insert(r); !added || err != nil {
					b.Fatal(added, err)
				}
			}
		}
		h.logs = append(h.logs, l)
	}
	return h
}

// A service is how a hub served its partners.
type service struct {
	times   []time.Duration // of those that were served, from begin to end
	applied int
	most    int           // sessions that were live at the hub at once
	took    time.Duration // until the last was served
}

// serve has all partners begin a session at once. Of those that are not told that the hub is busy, each must
// get what it lacks and nothing else, and the hub nothing.
func (h *hub) serve(b *testing.B, opts simnet.Options) service {
	net, err := simnet.New(opts)
	if err != nil {
		b.Fatal(err)
	}
	var nodes []*antientropy.Node
	for i, id := range h.group.Members {
		l, err := antientropy.NewLog(h.group)
		if err != nil {
			b.Fatal(err)
		}
		l.CopyFrom(h.logs[i])
		n, err := antientropy.NewNode(l, antientropy.Config{Self: id, Seed: opts.Seed})
		if err != nil {
			b.Fatal(err)
		}
		if err := net.Add(id, n); err != nil {
			b.Fatal(err)
		}
		nodes = append(nodes, n)
	}
	for i, n := range nodes[1:] {
		err := net.Do(h.group.Members[1+i], func(now time.Duration, out *protocols.Output) {
			if _, err := n.Start(now, h.group.Members[0], out); err != nil {
				b.Fatal(err)
			}
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	var s service
	net.Run(time.Hour, func() bool {
		s.most = max(s.most, nodes[0].Sessions())
		return false
	})
	sent := map[protocols.PeerID]int{}
	for _, r := range nodes[0].TakeResults() {
		if r.Err != nil || r.Applied != 0 {
			b.Fatalf("at the hub: %+v", r)
		}
		sent[r.Peer] = r.Sent
	}
	want := h.logs[0].Digest()
	for i, n := range nodes[1:] {
		r := n.TakeResults()
		if len(r) != 1 {
			b.Fatalf("partner %d has results %+v", i, r)
		}
		lacks := h.lacks[1+i]
		if _, served := sent[h.group.Members[1+i]]; !served {
			if !errors.Is(r[0].Err, protocols.ErrExhausted) || r[0].Applied != 0 {
				b.Fatalf("partner %d that was not served: %+v", i, r[0])
			}
			continue
		}
		d := n.Log().Digest()
		if r[0].Err != nil || r[0].Applied != lacks || r[0].Duplicates != 0 || sent[h.group.Members[1+i]] != lacks || !d.Equal(&want) {
			b.Fatalf("partner %d lacks %d records: %+v", i, lacks, r[0])
		}
		s.times = append(s.times, r[0].Ended-r[0].Started)
		s.applied += r[0].Applied
		s.took = max(s.took, r[0].Ended)
	}
	return s
}

// report prints the units of a panel in each run of which so many are served.
func (h *hub) report(b *testing.B, s simnet.Scenario, runs, served int) {
	for b.Loop() {
		h.serve(b, s.Options(1))
	}
	var all service
	for seed := range uint64(runs) {
		v := h.serve(b, s.Options(seed+1))
		if len(v.times) != served {
			b.Fatalf("%d partners were served, want %d", len(v.times), served)
		}
		all.times = append(all.times, v.times...)
		all.applied += v.applied
		all.took += v.took
		all.most = max(all.most, v.most)
	}
	slices.Sort(all.times)
	b.ReportMetric(float64(all.most), "sessions")
	b.ReportMetric(float64(all.applied)/all.took.Seconds(), "ops/s")
	b.ReportMetric(float64(len(all.times)), "requests")
	reportTimes(b, all.times, 2*s.Options(1).Link.Delay)
}

// SessionsConcurrent has so many partners sync with one peer at once.
func BenchmarkSessionsConcurrent(b *testing.B) {
	for _, n := range sessionCounts {
		for _, s := range simnet.Scenarios() {
			b.Run(fmt.Sprintf("sessions=%d/net=%s", n, s.Name), func(b *testing.B) {
				newHub(b, n).report(b, s, max(4, (sweepMedian+n-1)/n), n)
			})
		}
	}
}

// SessionsBeyond has more partners come than a hub has room for: the rest must be told so.
func BenchmarkSessionsBeyond(b *testing.B) {
	b.Run("sessions=100/net=ideal", func(b *testing.B) { newHub(b, 100).report(b, simnet.Scenarios()[0], 1, 64) })
}
