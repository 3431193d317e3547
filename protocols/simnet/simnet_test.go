package simnet

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

var one, two, three = protocols.PeerID{1}, protocols.PeerID{2}, protocols.PeerID{3}

// A probe notes when what arrived, and answers with what reply returns.
type probe struct {
	at    []time.Duration
	got   []string
	woken []time.Duration
	reply func(in protocols.Input, out *protocols.Output)
}

func (p *probe) Step(now time.Duration, in protocols.Input, out *protocols.Output) {
	if in.Data == nil {
		p.woken = append(p.woken, now)
	} else {
		p.at = append(p.at, now)
		p.got = append(p.got, string(in.Data))
	}
	if p.reply != nil {
		p.reply(in, out)
	}
}

func network(t *testing.T, o Options, probes ...*probe) *Network {
	t.Helper()
	n, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range probes {
		if err := n.Add(protocols.PeerID{byte(i + 1)}, p); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func (n *Network) say(from, to protocols.PeerID, texts ...string) {
	n.Do(from, func(_ time.Duration, out *protocols.Output) {
		for _, s := range texts {
			out.Datagrams = append(out.Datagrams, protocols.Datagram{To: to, Data: append(out.Buffer(), s...)})
		}
	})
}

func TestDelayRateAndProcessingAddUp(t *testing.T) {
	var a, b probe
	// 72 bytes and a header of 28 are 800 bits: 800 us at 1 Mbit/s.
	n := network(t, Options{Link: Link{Delay: 10 * time.Millisecond, Rate: 1_000_000}, Processing: 3 * time.Millisecond}, &a, &b)
	text := string(make([]byte, 72))
	n.say(one, two, text, text, text)
	n.Run(time.Second, nil)
	us := time.Microsecond
	// The second is on the link until 1.6 ms and there at 11.6 ms, but the peer is busy until 13.8 ms.
	if want := []time.Duration{13800 * us, 16800 * us, 19800 * us}; !slices.Equal(b.at, want) {
		t.Errorf("handled at %v, want %v", b.at, want)
	}
	want := Counters{Datagrams: 3, PayloadBytes: 216, WireBytes: 300, Delivered: 3}
	if c := n.Link(one, two); c != want || n.Total() != want || (n.Link(two, one) != Counters{}) {
		t.Errorf("counted %+v, want %+v", c, want)
	}
}

func TestQueueOverflows(t *testing.T) {
	var a, b probe
	n := network(t, Options{Link: Link{Rate: 1_000_000, Queue: 250}}, &a, &b)
	text := string(make([]byte, 72))
	n.say(one, two, text, text, text, text)
	n.Run(time.Second, nil)
	if c := n.Link(one, two); len(b.got) != 2 || c.Overflowed != 2 || c.Drops() != 2 || c.Datagrams != 4 {
		t.Errorf("%d arrived, %+v; want 2 of 4", len(b.got), c)
	}
}

func TestPartitionCutsBothWaysWhileItLasts(t *testing.T) {
	var a, b, c probe
	n := network(t, Options{Partitions: []Partition{{From: 10, Until: 20, Group: []protocols.PeerID{one}}}}, &a, &b, &c)
	at := func(when time.Duration) {
		n.push(event{at: when, kind: eventHandle, from: 1, to: 1}) // time passes
		n.link(1, 1)
		n.Run(when, nil)
		n.say(one, two, "12")
		n.say(two, one, "21")
		n.say(two, three, "23")
	}
	for _, when := range []time.Duration{9, 10, 19, 20} {
		at(when)
	}
	n.Run(time.Second, nil)
	if len(a.got) != 2 || len(c.got) != 4 || n.Link(one, two).Cut != 2 || n.Link(two, one).Cut != 2 || n.Link(two, three).Cut != 0 {
		t.Errorf("arrived: %q %q; cut %d, %d", a.got, c.got, n.Link(one, two).Cut, n.Link(two, one).Cut)
	}
}

func TestShares(t *testing.T) {
	const total = 20_000
	var a, b probe
	o := Options{Seed: 5, Link: Link{Delay: time.Millisecond, Jitter: time.Millisecond, Loss: 0.05, Duplicate: 0.1}}
	n := network(t, o, &a, &b)
	for range total {
		n.say(one, two, "x")
	}
	n.Run(time.Second, nil)
	c := n.Link(one, two)
	near := func(what string, got int, share float64) {
		if want := share * total; math.Abs(float64(got)-want) > 5*math.Sqrt(want) {
			t.Errorf("seed %d: %s %d of %d, want about %.0f", o.Seed, what, got, total, want)
		}
	}
	near("lost", c.Lost, 0.05)
	near("duplicated", c.Duplicated, 0.95*0.1)
	if c.Delivered != total-c.Lost+c.Duplicated || c.Delivered != len(b.got) {
		t.Errorf("%+v does not add up", c)
	}
	early := 0
	for _, at := range b.at {
		if at < time.Millisecond || at > 2*time.Millisecond {
			t.Fatalf("arrived at %v", at)
		}
		if at < 1500*time.Microsecond {
			early++
		}
	}
	near("early", early, 0.5*(0.95*1.1))
}

func TestJitterReorders(t *testing.T) {
	var a, b probe
	n := network(t, Options{Seed: 1, Link: Link{Jitter: time.Millisecond}}, &a, &b)
	n.say(one, two, "a", "b", "c", "d", "e", "f", "g", "h")
	n.Run(time.Second, nil)
	if len(b.got) != 8 || slices.IsSorted(b.got) {
		t.Errorf("arrived as %q", b.got)
	}
}

// Loss must not shift who is duplicated, nor the other way round: each has a source of its own.
func TestPurposesAreIndependent(t *testing.T) {
	arrivals := func(o Options) []string {
		var a, b probe
		o.Seed = 3
		n := network(t, o, &a, &b)
		for i := range 200 {
			n.say(one, two, string(rune('A'+i)))
		}
		n.Run(time.Second, nil)
		return slices.Compact(slices.Sorted(slices.Values(b.got)))
	}
	lossy := arrivals(Options{Link: Link{Loss: 0.3}})
	both := arrivals(Options{Link: Link{Loss: 0.3, Duplicate: 0.4, Jitter: time.Millisecond}})
	if len(lossy) < 100 || !slices.Equal(lossy, both) {
		t.Errorf("lost others when duplicating: %q, %q", lossy, both)
	}
}

func TestWaking(t *testing.T) {
	var a probe
	wish := []time.Duration{30, 10, 25, 40, protocols.Never}
	a.reply = func(_ protocols.Input, out *protocols.Output) {
		out.Wake, wish = wish[0], wish[1:]
	}
	n := network(t, Options{}, &a, &probe{})
	step := func() {
		n.Do(one, func(now time.Duration, out *protocols.Output) { a.reply(protocols.Input{}, out) })
	}
	step() // wake at 30
	step() // no, at 10
	step() // no, at 25
	n.Run(time.Second, nil)
	if want := []time.Duration{25, 40}; !slices.Equal(a.woken, want) || n.Now() != 40 {
		t.Errorf("woken at %v, now %v; want %v", a.woken, n.Now(), want)
	}
}

func TestRunStops(t *testing.T) {
	var a, b probe
	n := network(t, Options{Link: Link{Delay: 10}}, &a, &b)
	n.say(one, two, "a", "b", "c")
	if n.Run(5, nil) || n.Now() != 5 || len(b.got) != 0 {
		t.Errorf("at the limit: %v, %d arrived", n.Now(), len(b.got))
	}
	if !n.Run(time.Second, func() bool { return len(b.got) == 2 }) || len(b.got) != 2 {
		t.Errorf("when done: %d arrived", len(b.got))
	}
	if n.Run(time.Second, nil) || len(b.got) != 3 || n.Now() != 10 || n.Steps() != 3 {
		t.Errorf("at the end: %d arrived, now %v, %d steps", len(b.got), n.Now(), n.Steps())
	}
}

func TestTraceTellsRunsApart(t *testing.T) {
	run := func(o Options, text string) uint64 {
		var a, b probe
		b.reply = func(in protocols.Input, out *protocols.Output) {
			out.Datagrams = append(out.Datagrams, protocols.Datagram{To: one, Data: append(out.Buffer(), "ok"...)})
		}
		n := network(t, o, &a, &b)
		n.say(one, two, text, "and more of it")
		n.Run(time.Second, nil)
		return n.Trace()
	}
	base := Options{Seed: 1, Link: Link{Delay: 1000, Jitter: 1000}}
	again, other, slower := base, base, base
	other.Seed, slower.Link.Delay = 2, 1001
	traces := []uint64{run(base, "text"), run(other, "text"), run(slower, "text"), run(base, "test"), run(base, "text, longer")}
	if run(again, "text") != traces[0] {
		t.Error("the same run has two traces")
	}
	slices.Sort(traces)
	if len(slices.Compact(traces)) != 5 {
		t.Errorf("different runs share a trace: %x", traces)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []Options{
		{Link: Link{Delay: -1}}, {Link: Link{Jitter: -1}}, {Link: Link{Rate: -1}}, {Link: Link{Queue: -1}}, {Processing: -1},
		{Link: Link{Loss: 1.1}}, {Link: Link{Loss: -0.1}}, {Link: Link{Duplicate: 2}}, {Link: Link{Loss: math.NaN()}},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
	n := network(t, Options{}, &probe{})
	if err := n.Add(one, &probe{}); err == nil {
		t.Error("a peer was added twice")
	}
	if err := n.Do(two, nil); err == nil {
		t.Error("an unknown peer acted")
	}
}

func TestScenariosAreThoseOfTheSpecification(t *testing.T) {
	for i, want := range []struct {
		name              string
		delay, processing time.Duration
		loss              float64
	}{
		{"ideal", 0, 0, 0},
		{"realistic", 25 * time.Millisecond, 100 * time.Microsecond, 0.01},
		{"stressed", 100 * time.Millisecond, 500 * time.Microsecond, 0.05},
	} {
		s := Scenarios()[i]
		o := s.Options(77)
		if s.Name != want.name || o.Link.Delay != want.delay || o.Processing != want.processing || o.Link.Loss != want.loss || o.Link.Rate != 1e9 || o.Seed != 77 {
			t.Errorf("%s: %+v", s.Name, o)
		}
	}
}

// The heap against sorting.
func TestHeapSorts(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var h eventHeap
		var want, got []event
		for i := range 200 {
			if rng.IntN(3) == 0 && h.len() > 0 {
				e := h.pop()
				least := slices.IndexFunc(want, func(w event) bool { return w.seq == e.seq })
				for j := range want {
					if want[j].before(&want[least]) {
						t.Fatalf("seed %d: %v came before %v", seed, e, want[j])
					}
				}
				want = slices.Delete(want, least, least+1)
				continue
			}
			e := event{at: time.Duration(rng.IntN(20)), seq: uint64(i)}
			h.push(e)
			want = append(want, e)
		}
		for h.len() > 0 {
			got = append(got, h.pop())
		}
		if len(got) != len(want) || !slices.IsSortedFunc(got, func(a, b event) int {
			if a.before(&b) {
				return -1
			}
			return 1
		}) {
			t.Fatalf("seed %d: not in order", seed)
		}
	}
}
