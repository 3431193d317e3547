package benchmarks

import (
	"fmt"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A duo is two replicas that each lack a tenth of the records, and the memory to sync copies of
// them over and over.
type duo struct {
	group    antientropy.Group
	from, to *antientropy.Log // as they are before a sync
	a, b     *antientropy.Log // copies
	missing  int              // on both sides together
}

func newDuo(b *testing.B, records int) *duo {
	d := &duo{group: team(), from: newLog(b), to: newLog(b), a: newLog(b), b: newLog(b)}
	// Replica 0 lacks the newest of author 1, replica 1 the newest of author 0: what each wrote last.
	lacks := records / 10
	for i := range records {
		author, seq := i%4, i/4+1
		newest := author < 2 && seq > records/4-lacks
		for side, l := range []*antientropy.Log{d.from, d.to} {
			if newest && author != side {
				d.missing++
				continue
			}
			if added, err := l.Insert(record(author, seq)); !added || err != nil {
				b.Fatal(added, err)
			}
		}
	}
	if d.missing != 2*lacks {
		b.Fatalf("%d records are missing, want %d", d.missing, 2*lacks)
	}
	return d
}

// prepare restores the replicas to before the sync and puts them on a network.
func (d *duo) prepare(b *testing.B, opts simnet.Options) (*simnet.Network, [2]*antientropy.Node) {
	// Who runs replicas knows his network. None at all would stand for the default.
	return d.prepareWith(b, opts, protocols.ChannelOptions{Loss: max(opts.Link.Loss, 1e-9)})
}

func (d *duo) prepareWith(b *testing.B, opts simnet.Options, ch protocols.ChannelOptions) (*simnet.Network, [2]*antientropy.Node) {
	d.a.CopyFrom(d.from)
	d.b.CopyFrom(d.to)
	net, err := simnet.New(opts)
	if err != nil {
		b.Fatal(err)
	}
	var nodes [2]*antientropy.Node
	for i, l := range []*antientropy.Log{d.a, d.b} {
		id := d.group.Members[i]
		if nodes[i], err = antientropy.NewNode(l, antientropy.Config{Self: id, Seed: opts.Seed, Channel: ch}); err != nil {
			b.Fatal(err)
		}
		if err := net.Add(id, nodes[i]); err != nil {
			b.Fatal(err)
		}
	}
	return net, nodes
}

// sync runs one sync to its end and checks that it did all it had to.
func (d *duo) sync(b *testing.B, net *simnet.Network, nodes [2]*antientropy.Node, seed uint64) run {
	err := net.Do(d.group.Members[0], func(now time.Duration, out *protocols.Output) {
		if _, err := nodes[0].Start(now, d.group.Members[1], out); err != nil {
			b.Fatal(err)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	net.Run(protocols.Never, nil)
	r, s := nodes[0].TakeResults(), nodes[1].TakeResults()
	if len(r) != 1 || len(s) != 1 || !r[0].Converged || !s[0].Converged {
		b.Fatalf("seed %d: not converged: %+v, %+v", seed, r, s)
	}
	x, y := d.a.Digest(), d.b.Digest()
	if applied := r[0].Applied + s[0].Applied; applied != d.missing || r[0].Outcome != antientropy.Diverged || !x.Equal(&y) {
		b.Fatalf("seed %d: applied %d records, want %d; outcome %v", seed, applied, d.missing, r[0].Outcome)
	}
	one := run{time: r[0].Ended - r[0].Started, all: max(r[0].HaveAll, s[0].HaveAll) - r[0].Started, rounds: r[0].Rounds}
	one.count(net.Total(), simnet.Counters{})
	return one
}

// panelSize is the number of runs, chosen so that a panel takes a few seconds at most.
func panelSize(records int) int {
	if records > 1000 {
		return 400
	}
	return 2000
}

func (d *duo) panel(b *testing.B, name string, s simnet.Scenario, size int) []run {
	return panelOf(name, size, func(seed uint64) run {
		net, nodes := d.prepare(b, s.Options(seed))
		return d.sync(b, net, nodes, seed)
	})
}

// report prints the exact units of a panel.
func report(b *testing.B, runs []run, applied int) {
	var sum run
	for _, r := range runs {
		sum.time += r.time
		sum.rounds += r.rounds
	}
	k := len(runs)
	b.ReportMetric(float64(sum.rounds)/float64(k), "rounds/op")
	b.ReportMetric(float64(applied*k)/sum.time.Seconds(), "ops/s")
	reportRuns(b, runs, 0, recordsFloor(2, applied/2))
}

func BenchmarkAntiEntropySync(b *testing.B) {
	for _, n := range sizes {
		for _, s := range simnet.Scenarios() {
			name := fmt.Sprintf("ops=%d/net=%s", n, s.Name)
			b.Run(name, func(b *testing.B) {
				d := newDuo(b, n)
				// Once for nothing, so that tables and buffers have their size.
				net, nodes := d.prepare(b, s.Options(1))
				d.sync(b, net, nodes, 1)
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					net, nodes = d.prepare(b, s.Options(1))
					b.StartTimer()
					d.sync(b, net, nodes, 1)
				}
				b.StopTimer()
				report(b, d.panel(b, name, s, panelSize(n)), d.missing)
			})
		}
	}
}
