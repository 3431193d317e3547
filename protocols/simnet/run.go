package simnet

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// Do calls f for one peer at the present time, as its clock shows it, for what starts from outside
// the network, and sends what f puts out. The error says that there is no such peer or that it is
// down. F may come to a crash of the peer's disk; then Do returns nil and the peer is down.
func (n *Network) Do(id protocols.PeerID, f func(now time.Duration, out *protocols.Output)) error {
	i, ok := n.index[id]
	if !ok {
		return fmt.Errorf("act at peer %v: no such peer; add it first", id)
	}
	if n.peers[i].node == nil {
		return fmt.Errorf("act at peer %v: it is down", id)
	}
	n.act(i, Acted, i, nil, f)
	return nil
}

// Crash stops a peer now, as an entry of Options.Crashes does at its time.
func (n *Network) Crash(id protocols.PeerID, back time.Duration) error {
	i, ok := n.index[id]
	if !ok || n.peers[i].build == nil {
		return fmt.Errorf("crash peer %v: no such peer, or one that cannot start again; use AddFunc", id)
	}
	n.crash(i, back)
	return nil
}

// Run steps nodes until nothing is left to happen, the next event would be after limit, or done
// returns true; done may be nil and is asked after every step. It reports whether done did.
func (n *Network) Run(limit time.Duration, done func() bool) bool {
	for n.queue.len() > 0 {
		if n.queue.top().at > limit {
			n.now = limit
			return false
		}
		if n.step(n.queue.pop()) && done != nil && done() {
			return true
		}
	}
	return false
}

// step handles one event and reports whether a node was stepped, started or stopped.
func (n *Network) step(e event) bool {
	p := n.peers[e.to]
	if e.kind == eventWake {
		if e.at != p.pending {
			return false // replaced by an earlier one
		}
		p.pending = protocols.Never
		if p.wake > e.at {
			n.schedule(int(e.to)) // the node has changed its mind since
			return false
		}
		p.wake = protocols.Never
	}
	n.now = e.at
	switch e.kind {
	case eventCrash:
		n.crash(int(e.to), e.back)
		return true
	case eventBoot:
		return n.bootUp(int(e.to))
	case eventWake:
		if p.node == nil {
			return false
		}
		n.mix(uint64(n.now), uint64(e.to)<<8|eventWake, nil)
		n.act(int(e.to), Woken, int(e.to), nil, nil)
	case eventArrive:
		if p.access.Down > 0 {
			at, ok := n.queued(&p.downFree, p.access.Down, p.access.Queue, len(e.data))
			if !ok {
				n.drop(Overflowed, int(e.from), int(e.to), e.data)
				return false
			}
			n.push(event{at: at, kind: eventReceive, from: e.from, to: e.to, data: e.data})
			return false
		}
		return n.receive(p, e)
	case eventReceive:
		return n.receive(p, e)
	case eventHandle:
		return n.handle(p, e)
	}
	return true
}

// receive keeps a peer busy with a datagram, where that takes time.
func (n *Network) receive(p *peer, e event) bool {
	e.boot = p.boot
	if n.opts.Processing == 0 || p.node == nil {
		return n.handle(p, e)
	}
	p.busyUntil = max(p.busyUntil, n.now) + n.opts.Processing
	n.push(event{at: p.busyUntil, kind: eventHandle, boot: p.boot, from: e.from, to: e.to, data: e.data})
	return false
}

// handle gives a datagram to the node, unless it crashed since it took it.
func (n *Network) handle(p *peer, e event) bool {
	if p.node == nil || p.boot != e.boot {
		n.drop(Unheard, int(e.from), int(e.to), e.data)
		return false
	}
	n.peers[e.from].links[e.to].Delivered++
	n.mix(uint64(n.now), uint64(e.from)<<32|uint64(e.to)<<8|eventHandle, e.data)
	n.act(int(e.to), Handled, int(e.from), e.data, nil)
	n.out.Recycle(e.data)
	return true
}

// act has peer i do something: f or, where f is nil, a step with what arrived.
func (n *Network) act(i int, kind Happening, from int, data []byte, f func(now time.Duration, out *protocols.Output)) {
	p := n.peers[i]
	n.out.Reset()
	if p.disk == nil {
		n.do(p, from, data, f)
	} else if p.disk.Run(func() { n.do(p, from, data, f) }) {
		for _, d := range n.out.Datagrams {
			n.out.Recycle(d.Data) // it stopped before they left
		}
		n.observe(kind, n.peers[from], p, data, 0)
		n.down(i, p.disk.back)
		return
	}
	n.observe(kind, n.peers[from], p, data, n.states(p))
	for _, d := range n.out.Datagrams {
		n.send(i, d)
	}
	p.wake = protocols.Never
	if n.out.Wake != protocols.Never {
		p.wake = max(p.clock.global(n.out.Wake), n.now)
	}
	n.schedule(i)
}

func (n *Network) do(p *peer, from int, data []byte, f func(now time.Duration, out *protocols.Output)) {
	now := p.clock.local(n.now)
	switch {
	case f != nil:
		f(now, &n.out)
		return
	case data == nil:
		p.node.Step(now, protocols.Input{}, &n.out)
	default:
		p.node.Step(now, protocols.Input{From: n.peers[from].id, Data: data}, &n.out)
	}
	n.steps++
}

func (n *Network) crash(i int, back time.Duration) {
	if p := n.peers[i]; p.node != nil {
		p.disk.Crash()
		n.down(i, back)
	}
}

// down takes a peer's memory. Its disk has been dealt with.
func (n *Network) down(i int, back time.Duration) {
	p := n.peers[i]
	n.mix(uint64(n.now), uint64(i)<<8|eventCrash, nil)
	n.observe(Crashed, p, p, nil, 0)
	p.node = nil
	p.boot++
	p.busyUntil, p.wake, p.pending = 0, protocols.Never, protocols.Never
	n.push(event{at: n.now + back, kind: eventBoot, to: int32(i)})
}

// bootUp starts a peer again. It may come to a crash of its disk while it does.
func (n *Network) bootUp(i int) bool {
	p := n.peers[i]
	if p.node != nil {
		return false
	}
	n.mix(uint64(n.now), uint64(i)<<8|eventBoot, nil)
	n.observe(Booted, p, p, nil, 0)
	var err error
	if p.disk.Run(func() { p.node, err = p.build(int(p.boot), p.disk) }) {
		n.down(i, p.disk.back)
		return true
	}
	if err != nil {
		p.node = nil
		if n.err == nil {
			n.err = fmt.Errorf("start peer %v again: %w", p.id, err)
		}
		return true
	}
	n.act(i, Woken, i, nil, nil)
	return true
}

// schedule makes sure that a wake event is due no later than the node wants. One that is too early
// is left in the queue: pushing for every change would fill it with stale ones.
func (n *Network) schedule(i int) {
	p := n.peers[i]
	if p.wake == protocols.Never || p.pending <= p.wake {
		return
	}
	p.pending = p.wake
	n.push(event{at: p.wake, kind: eventWake, to: int32(i)})
}

func (n *Network) push(e event) {
	n.seq++
	e.seq = n.seq
	n.queue.push(e)
}

// drop counts a datagram that does not arrive.
func (n *Network) drop(why Happening, from, to int, data []byte) {
	l := n.peers[from].links[to]
	switch why {
	case Cut:
		l.Cut++
	case Lost:
		l.Lost++
	case Overflowed:
		l.Overflowed++
	case Unheard:
		l.Unheard++
	}
	n.observe(why, n.peers[from], n.peers[to], data, 0)
	n.out.Recycle(data)
}

// queued returns when so many bytes and a header have passed what is free from then on at a rate, or
// false if the queue before it is too full.
func (n *Network) queued(free *time.Duration, rate int64, queue, size int) (time.Duration, bool) {
	size += HeaderSize
	*free = max(*free, n.now)
	waiting := int64(*free-n.now) * rate / 8 / int64(time.Second)
	if queue > 0 && waiting+int64(size) > int64(queue) {
		return 0, false
	}
	*free += time.Duration(int64(size) * 8 * int64(time.Second) / rate)
	return *free, true
}

func (n *Network) send(from int, d protocols.Datagram) {
	to, ok := n.index[d.To]
	if !ok || to == from {
		n.out.Recycle(d.Data) // nobody there: as on a real network, silence
		return
	}
	l := n.link(from, to)
	l.Datagrams++
	l.PayloadBytes += int64(len(d.Data))
	l.WireBytes += int64(len(d.Data) + HeaderSize)
	if d.Message {
		l.Messages++
	}
	if d.Again {
		l.Retransmissions++
	}
	opts, p := &n.opts.Link, n.peers[from]
	at := n.now
	if p.access.Up > 0 {
		if at, ok = n.queued(&p.upFree, p.access.Up, p.access.Queue, len(d.Data)); !ok {
			n.drop(Overflowed, from, to, d.Data)
			return
		}
	}
	if opts.Rate > 0 {
		on, ok := n.queued(&l.freeAt, opts.Rate, opts.Queue, len(d.Data))
		if !ok {
			n.drop(Overflowed, from, to, d.Data)
			return
		}
		at = max(at, on) // the access passes on what it has while more comes in
	}
	// Every source is asked for every datagram, so that one draw's outcome shifts no other.
	lost := opts.Loss > 0 && l.loss.Float64() < opts.Loss
	twice := opts.Duplicate > 0 && l.dup.Float64() < opts.Duplicate
	if l.burstLoses(opts.Burst) {
		lost = true
	}
	first, second := n.delay(l), time.Duration(0)
	if opts.Duplicate > 0 {
		second = n.delay(l)
	}
	switch {
	case n.cut(from, to):
		n.drop(Cut, from, to, d.Data)
		return
	case lost:
		n.drop(Lost, from, to, d.Data)
		return
	case twice:
		l.Duplicated++
		n.observe(Duplicated, p, n.peers[to], d.Data, 0)
		b := append(n.out.Buffer(), d.Data...)
		n.push(event{at: at + second, kind: eventArrive, from: int32(from), to: int32(to), data: b})
	default:
		n.observe(Sent, p, n.peers[to], d.Data, 0)
	}
	n.push(event{at: at + first, kind: eventArrive, from: int32(from), to: int32(to), data: d.Data})
}

// burstLoses moves the link between good and bad, and reports whether a bad one loses a datagram.
func (l *link) burstLoses(b Burst) bool {
	if b.Begin == 0 && !l.bad {
		return false
	}
	turn, lose := l.burst.Float64(), l.burst.Float64()
	if l.bad {
		l.bad = turn >= b.End
	} else {
		l.bad = turn < b.Begin
	}
	return l.bad && lose < b.Loss
}

func (n *Network) delay(l *link) time.Duration {
	opts := &n.opts.Link
	d := opts.Delay
	if opts.Jitter > 0 {
		d += time.Duration(l.jitter.Int64N(int64(opts.Jitter) + 1))
	}
	if opts.Reorder > 0 {
		held, by := l.reorder.Float64() < opts.Reorder, l.reorder.Int64N(int64(opts.HoldBack)+1)
		if held {
			d += time.Duration(by)
		}
	}
	return d
}

func (n *Network) cut(from, to int) bool {
	for _, p := range n.opts.Partitions {
		if n.now >= p.From && n.now < p.Until &&
			slices.Contains(p.Group, n.peers[from].id) != slices.Contains(p.Group, n.peers[to].id) {
			return true
		}
	}
	return false
}

// mix folds an event into the trace.
func (n *Network) mix(at, what uint64, data []byte) {
	n.trace = hash(fold(n.trace, at), what^uint64(len(data))<<48, data)
}

// hash folds a number and some bytes into h: eight bytes at a time, each through a full
// multiplication, so that any changed bit changes what follows.
func hash(h, what uint64, data []byte) uint64 {
	h = fold(h, what)
	for len(data) >= 8 {
		h = fold(h, binary.LittleEndian.Uint64(data))
		data = data[8:]
	}
	var tail [8]byte
	copy(tail[:], data)
	return fold(h, binary.LittleEndian.Uint64(tail[:]))
}

func fold(h, v uint64) uint64 {
	hi, lo := bits.Mul64(h^v^0xa0761d6478bd642f, 0xe7037ed1a0b428db)
	return hi ^ lo + h
}
