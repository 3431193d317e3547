package benchmarks

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// travellers is the group that goes on a journey, and journeyRuns how many runs the panel has of one
// whose median alone is worth its time.
const (
	travellers  = 5
	journeyRuns = 2 * behind
)

// A replica is a peer that runs several protocols under one name, as an application does.
type replica struct {
	parts []*part
	then  func(now time.Duration, out *protocols.Output) // what follows from a step; may be nil
}

// A part is one of them. Datagrams of its types are its own.
type part struct {
	protocols.Node
	types []byte
	wake  time.Duration
}

func newPart(n protocols.Node, types ...byte) *part { return &part{n, types, protocols.Never} }

// An alarm is a part that time alone wakes: it says in out when to ring next.
type alarm func(now time.Duration, out *protocols.Output)

// Step rings.
func (a alarm) Step(now time.Duration, _ protocols.Input, out *protocols.Output) { a(now, out) }

func newAlarm(at time.Duration, ring alarm) *part { return &part{Node: ring, wake: at} }

// Step hands a datagram to whom it concerns, and wakes whoever asked for it.
func (r *replica) Step(now time.Duration, in protocols.Input, out *protocols.Output) {
	var e protocols.Envelope
	if in.Data != nil {
		e, _ = protocols.ParseEnvelope(in.Data) // type 0 where it is none, which nobody takes
	}
	for _, p := range r.parts {
		if in.Data == nil && now >= p.wake || in.Data != nil && slices.Contains(p.types, e.Type) {
			p.do(out, func() { p.Node.Step(now, in, out) })
		}
	}
	if r.then != nil {
		r.then(now, out)
	}
	out.Wake = protocols.Never
	for _, p := range r.parts {
		out.Wake = min(out.Wake, p.wake)
	}
}

// do calls a part and notes when it wants to be woken.
func (p *part) do(out *protocols.Output, f func()) {
	f()
	p.wake = out.Wake
}

// board puts replicas on a network of their own, each with what is due at once.
func board(b *testing.B, opts simnet.Options, ids []protocols.PeerID, replicas []*replica) *simnet.Network {
	net, err := simnet.New(opts)
	if err != nil {
		b.Fatal(err)
	}
	for i, r := range replicas {
		if err := net.Add(ids[i], r); err != nil {
			b.Fatal(err)
		}
	}
	for i := range replicas {
		begin(b, net, ids[i], replicas[i])
	}
	return net
}

// begin steps a replica from outside: alarms that were set anew count from now on.
func begin(b *testing.B, net *simnet.Network, id protocols.PeerID, r *replica) {
	err := net.Do(id, func(now time.Duration, out *protocols.Output) { r.Step(now, protocols.Input{}, out) })
	if err != nil {
		b.Fatal(err)
	}
}

// costSince returns what a network did after another time.
func costSince(net *simnet.Network, start time.Duration, before simnet.Counters) run {
	total := net.Total()
	return run{time: net.Now() - start, messages: total.Messages - before.Messages, wire: total.WireBytes - before.WireBytes}
}

// A passage is a journey that is ready to begin: what goes the way, and what must be true at its end.
type passage struct {
	walk  func() run
	check func()
}

// travel measures a journey in each scenario: what one run of seed 1 costs the processor, and a panel of
// so many runs.
// Legs is how many one-way delays the way takes at least. What a journey has to say beyond that it keeps
// by the name that prepare is given, and more prints.
func travel(b *testing.B, runs, legs int, prepare func(b *testing.B, name string, opts simnet.Options) passage, more func(b *testing.B, name string)) {
	for _, s := range simnet.Scenarios() {
		b.Run(fmt.Sprintf("peers=%d/net=%s", travellers, s.Name), func(b *testing.B) {
			name := b.Name()
			for b.Loop() {
				b.StopTimer()
				p := prepare(b, name, s.Options(1))
				b.StartTimer()
				p.walk()
			}
			b.StopTimer()
			panel := panelOf(name, runs, func(seed uint64) run {
				p := prepare(b, name, s.Options(seed))
				r := p.walk()
				p.check()
				return r
			})
			reportRuns(b, panel, time.Duration(legs)*s.Options(1).Link.Delay, floor{})
			if more != nil {
				more(b, name)
			}
		})
	}
}
