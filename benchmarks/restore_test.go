package benchmarks

import (
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/simnet"
	"github.com/perfgate/perfgate/protocols/snapshot"
)

// SnapshotRestore brings a member that has nothing to the cut of 1,000 kept records of 10,000, by
// blocks from the three others.
func BenchmarkSnapshotRestore(b *testing.B) {
	for _, s := range simnet.Scenarios() {
		name := "net=" + s.Name
		b.Run(name, func(b *testing.B) {
			c := newCouncil(b, 4, 10000, payloadSize)
			play := func(seed uint64) run { return c.restore(b, s.Options(seed)) }
			var runs []run
			for b.Loop() {
				runs = panelOf("snapshot/restore/"+name, 40, play)
			}
			var least floor
			least.add(1, runs[0].rounds)
			reportRuns(b, runs, 0, least)
			b.ReportMetric(float64(runs[0].rounds), "file-B")
			b.ReportMetric(0, "ns/op") // of a panel that was there already it says nothing
		})
	}
}

// restore returns what the fetching costs; rounds is the size of the file.
func (c *council) restore(b *testing.B, opts simnet.Options) run {
	net, err := simnet.New(opts)
	if err != nil {
		b.Fatal(err)
	}
	nodes := make([]*snapshot.Node, c.q.Len())
	logs := make([]*antientropy.Log, c.q.Len())
	late := len(nodes) - 1
	for i := range nodes {
		if logs[i], err = antientropy.NewLog(c.group); err != nil {
			b.Fatal(err)
		}
		if i != late {
			logs[i].CopyFrom(c.log)
		}
		if nodes[i], err = snapshot.NewNode(c.config(i, opts.Seed, logs[i])); err != nil {
			b.Fatal(err)
		}
		if err := net.Add(c.q.Member(i), nodes[i]); err != nil {
			b.Fatal(err)
		}
	}
	act := func(i int, f func(now time.Duration, out *protocols.Output)) {
		if err := net.Do(c.q.Member(i), f); err != nil {
			b.Fatal(err)
		}
	}
	act(0, func(now time.Duration, out *protocols.Output) {
		if _, err := nodes[0].Propose(now, logs[0].Frontier(), out); err != nil {
			b.Fatal(err)
		}
	})
	net.Run(time.Hour, nil)
	for _, n := range nodes[:late] {
		for done := false; !done; {
			if done, err = n.Work(1 << 20); err != nil {
				b.Fatal(err)
			}
		}
	}
	start, before := net.Now(), net.Total()
	act(late, nodes[late].Fetch)
	if !net.Run(start+time.Hour, func() bool { return !nodes[late].Lacks() }) {
		b.Fatalf("seed %d: not restored", opts.Seed)
	}
	r := run{time: net.Now() - start}
	net.Run(net.Now()+time.Hour, nil)
	r.count(net.Total(), before)
	if x, y := logs[late].Digest(), c.log.Digest(); !x.Equal(&y) {
		b.Fatalf("seed %d: restored something else", opts.Seed)
	}
	s, _ := nodes[0].Snapshot()
	r.rounds = int(s.Manifest.Size())
	return r
}
