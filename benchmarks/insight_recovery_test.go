package benchmarks

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/chunk"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// An interruption says what a peer that stops halfway still has when it goes on.
type interruption int

const (
	never   interruption = iota // it does not stop
	restart                     // nothing
	resume                      // what it had taken in
)

// recoveries measures a transfer that is interrupted halfway, as play does it. The plain way begins anew.
func recoveries(b *testing.B, name string, play func(how interruption, opts simnet.Options) run) {
	for how, way := range []string{restart: "restart", resume: "resume"} {
		if way == "" {
			continue
		}
		for _, s := range simnet.Scenarios()[1:] {
			b.Run(fmt.Sprintf("way=%s/net=%s", way, s.Name), func(b *testing.B) {
				for b.Loop() {
					play(interruption(how), s.Options(1))
				}
				panel := func(how interruption) []run {
					return panelOf(fmt.Sprintf("insight/%s/%d/%s", name, how, s.Name), 2*behind, func(seed uint64) run {
						return play(how, s.Options(seed))
					})
				}
				is := panel(interruption(how))
				reportGains(b, panel(restart), is)
				b.ReportMetric(meanWire(is)-meanWire(panel(never)), "again-B/op")
			})
		}
	}
}

// InsightRecovery fetches a package of 256 KB in chunks of 8 KiB. When half of them are verified and stored, the peer
// crashes and comes back, with its store or with an empty one.
func BenchmarkInsightRecovery(b *testing.B) {
	const size = 256_000
	data := noise(size, 1)
	m, err := chunk.NewManifest(data, packChunk)
	if err != nil {
		b.Fatal(err)
	}
	recoveries(b, "chunks", func(how interruption, opts simnet.Options) run {
		opts.Access = simnet.Access{Up: accessUp, Down: accessDown, Queue: 256 << 10}
		net, err := simnet.New(opts)
		if err != nil {
			b.Fatal(err)
		}
		random := func(of uint64) *rand.Rand { return rand.New(rand.NewPCG(opts.Seed, of)) }
		config := func() chunk.Config { return chunk.Config{Uplink: chunk.NewUplink(accessUp), Down: accessDown} }
		server, err := chunk.NewServer(config(), m, chunk.Bytes{Manifest: m, Data: data}, random(0))
		if err != nil {
			b.Fatal(err)
		}
		ids := []protocols.PeerID{{1}, {2}}
		fetching := new(end)
		serving := &carrier{server.Receive, server.Flush, server.Deadline, func() bool { return false }, 0}
		for i, n := range []protocols.Node{serving, fetching} {
			if err := net.Add(ids[i], n); err != nil {
				b.Fatal(err)
			}
		}
		store := simnet.Memory{}
		var f *chunk.Fetcher
		fetch := func(of uint64) {
			if f, err = chunk.NewFetcher(config(), m.Root(), nil, store, random(of)); err != nil {
				b.Fatal(err)
			}
			f.AddSource(ids[0])
			fetching.Node = &carrier{f.Receive, f.Flush, f.Deadline, f.Done, 0}
			net.Do(ids[1], func(now time.Duration, out *protocols.Output) { fetching.Step(now, protocols.Input{}, out) })
		}
		fetch(1)
		if how != never {
			if !net.Run(time.Hour, func() bool { return f.Have().Count() >= m.Chunks()/2 }) {
				b.Fatalf("seed %d: not halfway", opts.Seed)
			}
			if how == restart {
				store = simnet.Memory{}
			}
			fetch(2)
		}
		if !net.Run(time.Hour, f.Done) {
			b.Fatalf("seed %d: not through", opts.Seed)
		}
		if content, err := f.Content(); err != nil || chunkRoot(content) != m.Root() {
			b.Fatalf("seed %d: other content: %v", opts.Seed, err)
		}
		r := run{time: net.Now()}
		net.Run(net.Now()+time.Hour, nil)
		r.wire = net.Total().WireBytes
		return r
	})
}

func chunkRoot(content []byte) chunk.Root {
	m, err := chunk.NewManifest(content, packChunk)
	if err != nil {
		return chunk.Root{}
	}
	return m.Root()
}

// InsightRecoverySync brings a thousand records to a replica that has none. When it has half of them its peer
// crashes and comes back, with its log or with an empty one, and syncs anew.
func BenchmarkInsightRecoverySync(b *testing.B) {
	const records = 1000
	d := &duo{group: team(), from: newLog(b), a: newLog(b), b: newLog(b)}
	recoveries(b, "sync", func(how interruption, opts simnet.Options) run {
		if d.to == nil {
			d.to = fill(b, records)
		}
		l := newLine(b, d, opts)
		cfg := antientropy.Config{Channel: protocols.ChannelOptions{Loss: opts.Link.Loss}}
		l.renew(b, cfg)
		l.rewind()
		start := func() {
			err := l.net.Do(d.group.Members[0], func(now time.Duration, out *protocols.Output) {
				if _, err := l.nodes[0].Start(now, d.group.Members[1], out); err != nil {
					b.Fatal(err)
				}
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		start()
		if how != never {
			if !l.net.Run(time.Hour, func() bool { return d.a.Len() >= records/2 }) {
				b.Fatalf("seed %d: not halfway", opts.Seed)
			}
			if how == restart {
				d.a.CopyFrom(d.from)
			}
			l.renewOne(b, 0, d.a, cfg)
			start()
		}
		if !l.net.Run(time.Hour, func() bool { return d.a.Len() == records }) {
			b.Fatalf("seed %d: %d of %d records", opts.Seed, d.a.Len(), records)
		}
		r := run{time: l.net.Now()}
		l.net.Run(protocols.Never, nil)
		r.wire = l.net.Total().WireBytes
		if x, y := d.a.Digest(), d.b.Digest(); !x.Equal(&y) {
			b.Fatalf("seed %d: not the same in the end", opts.Seed)
		}
		return r
	})
}
