package benchmarks

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// An act is one thing that a peer of a duo did, and what it was due to.
type act struct {
	at   time.Duration
	peer int
	// cause is the index of the act that led to it: for a datagram that which sent it, for a timer the
	// peer's last before, which set it. It is -1 for what began from outside.
	cause int
	kind  simnet.Happening
	// busy is how long the datagram was with the peer before it was acted on.
	busy time.Duration
}

// A flight is a datagram on its way: the act that sent it, and when it will arrive and be acted on.
type flight struct {
	cause          int
	arrives, ready time.Duration
}

// A watch writes down who did what because of what, between two peers of a network that neither jitters,
// doubles nor reorders. It works out for itself when datagrams arrive, and fails the benchmark when
// the network says otherwise.
type watch struct {
	b    *testing.B
	opts simnet.Options
	ids  []protocols.PeerID
	acts []act
	last [2]int // act of each peer
	// free and busy are until when each peer's link is sending, and each peer has datagrams to act on.
	free, busy [2]time.Duration
	flying     [2][]flight // to each peer
}

func (w *watch) peer(id protocols.PeerID) int { return slices.Index(w.ids, id) }

// see is called with every event.
func (w *watch) see(e simnet.Event) {
	from, to := w.peer(e.From), w.peer(e.To)
	switch e.Kind {
	case simnet.Sent, simnet.Lost:
		bits := int64(len(e.Data)+simnet.HeaderSize) * 8
		w.free[from] = max(w.free[from], e.At) + time.Duration(bits*int64(time.Second)/w.opts.Link.Rate)
		if e.Kind == simnet.Lost {
			return // it had its time on the link all the same
		}
		arrives := w.free[from] + w.opts.Link.Delay
		w.busy[to] = max(w.busy[to], arrives) + w.opts.Processing
		w.flying[to] = append(w.flying[to], flight{cause: w.last[from], arrives: arrives, ready: w.busy[to]})
	case simnet.Handled:
		if len(w.flying[to]) == 0 || w.flying[to][0].ready != e.At {
			w.b.Fatalf("a datagram is acted on at %v; in flight are %+v", e.At, w.flying[to])
		}
		f := w.flying[to][0]
		w.flying[to] = w.flying[to][1:]
		w.add(act{at: e.At, peer: to, cause: f.cause, kind: e.Kind, busy: f.ready - f.arrives})
	case simnet.Woken:
		w.add(act{at: e.At, peer: to, cause: w.last[to], kind: e.Kind})
	case simnet.Acted:
		w.add(act{at: e.At, peer: to, cause: -1, kind: e.Kind})
	default:
		w.b.Fatalf("%v at %v: no such thing was to happen", e.Kind, e.At)
	}
}

func (w *watch) add(a act) {
	w.last[a.peer] = len(w.acts)
	w.acts = append(w.acts, a)
}

// A split is where the virtual time of a sync went.
type split struct{ delay, timer, processing time.Duration }

func (s split) total() time.Duration { return s.delay + s.timer + s.processing }

// split follows the causes of what peer 0 did at the end back to the beginning.
func (w *watch) split(began, ended time.Duration) split {
	i := slices.IndexFunc(w.acts, func(a act) bool { return a.peer == 0 && a.at == ended })
	if i < 0 {
		w.b.Fatalf("nothing was done at %v, when the sync ended", ended)
	}
	var s split
	for w.acts[i].cause >= 0 {
		a := w.acts[i]
		took := a.at - w.acts[a.cause].at
		if a.kind == simnet.Woken {
			s.timer += took
		} else {
			s.processing += a.busy
			s.delay += took - a.busy
		}
		i = a.cause
	}
	if s.total() != ended-began {
		w.b.Fatalf("%v of %v are accounted for", s.total(), ended-began)
	}
	return s
}

// WaitSplit is where the time of a sync goes: on the wire, until a timer sends again, or with peers that
// are busy.
func BenchmarkWaitSplit(b *testing.B) {
	for _, s := range simnet.Scenarios() {
		b.Run("net="+s.Name, func(b *testing.B) { waitSplit(b, s, s.Options(1).Link.Loss) })
	}
}

// WaitSplitBare is the same where the channels expect no loss, and so send nothing that would make up for
// it.
func BenchmarkWaitSplitBare(b *testing.B) {
	for _, s := range simnet.Scenarios()[1:] {
		b.Run("net="+s.Name, func(b *testing.B) { waitSplit(b, s, 0) })
	}
}

func waitSplit(b *testing.B, s simnet.Scenario, expected float64) {
	d := newDuo(b, 1000)
	play := func(seed uint64) split {
		w := &watch{b: b, opts: s.Options(seed), ids: d.group.Members[:2], last: [2]int{-1, -1}}
		opts := w.opts
		opts.Observe = w.see
		net, nodes := d.prepareWith(b, opts, protocols.ChannelOptions{Loss: max(expected, 1e-9)})
		return w.split(0, d.sync(b, net, nodes, seed).time)
	}
	size := 400
	if *seeds > 0 {
		size = *seeds
	}
	var sum split
	for i := range size {
		x := play(uint64(i + 1))
		sum.delay += x.delay
		sum.timer += x.timer
		sum.processing += x.processing
	}
	for b.Loop() {
		play(1)
	}
	percent := func(d time.Duration) float64 { return 100 * float64(d) / float64(sum.total()) }
	b.ReportMetric(percent(sum.delay), "delay-%")
	b.ReportMetric(percent(sum.timer), "timer-%")
	b.ReportMetric(percent(sum.processing), "processing-%")
	b.ReportMetric(float64(size), "requests")
}

// DigestShare is a sync of two replicas that do not keep their digests but compute them anew before it,
// on an ideal network: how much of the processor's time that is.
func BenchmarkDigestShare(b *testing.B) {
	for _, n := range []int{100, 1000, 5000, 10000} {
		b.Run(fmt.Sprintf("ops=%d", n), func(b *testing.B) {
			d := newDuo(b, n)
			net, nodes := d.prepare(b, simnet.Ideal(1))
			d.sync(b, net, nodes, 1)
			shares, rounds := make([]float64, 0, 1<<12), 0
			for b.Loop() {
				b.StopTimer()
				net, nodes = d.prepare(b, simnet.Ideal(1))
				b.StartTimer()
				began := b.Elapsed()
				x, y := d.a.Recompute(), d.b.Recompute()
				digested := b.Elapsed()
				rounds = d.sync(b, net, nodes, 1).rounds
				shares = append(shares, 100*float64(digested-began)/float64(max(b.Elapsed()-began, 1)))
				if x.Equal(&y) {
					b.Fatal("replicas that differ have the same digest")
				}
			}
			slices.Sort(shares)
			b.ReportMetric(shares[len(shares)/2], "digest-%")
			b.ReportMetric(float64(rounds), "rounds/op")
		})
	}
}
