package protocols_test

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// An end is a node with one channel: it sends its script as fast as there is room and keeps what
// arrives.
type end struct {
	ch     *protocols.Channel
	script [][]byte
	got    [][]byte
	err    error
}

func newEnd(peer protocols.PeerID, seed uint64, opts protocols.ChannelOptions) *end {
	return &end{ch: protocols.NewChannel(opts, protocols.TypeAntiEntropy, peer, 1, rand.New(rand.NewPCG(seed, 1)))}
}

func (e *end) Step(now time.Duration, in protocols.Input, out *protocols.Output) {
	if e.err != nil {
		return
	}
	if in.Data != nil {
		env, err := protocols.ParseEnvelope(in.Data)
		if err == nil {
			err = e.ch.Receive(now, env.Body)
		}
		if err != nil {
			e.err = err
			return
		}
	}
	for m, ok := e.ch.Next(); ok; m, ok = e.ch.Next() {
		e.got = append(e.got, m)
	}
	for len(e.script) > 0 && e.ch.Room() {
		if e.err = e.ch.Send(e.script[0]); e.err != nil {
			return
		}
		e.script = e.script[1:]
	}
	e.err = e.ch.Flush(now, out)
	out.Wake = e.ch.Deadline()
}

// talk lets two ends talk until nothing is left to happen.
func talk(t *testing.T, opts simnet.Options, a, b *end) *simnet.Network {
	t.Helper()
	net, err := simnet.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range []*end{a, b} {
		if err := net.Add(protocols.PeerID{byte(i + 1)}, e); err != nil {
			t.Fatal(err)
		}
	}
	for i, e := range []*end{a, b} {
		net.Do(protocols.PeerID{byte(i + 1)}, func(now time.Duration, out *protocols.Output) { e.Step(now, protocols.Input{}, out) })
	}
	net.Run(time.Hour, nil)
	return net
}

func messages(seed uint64, n, largest int) [][]byte {
	rng := rand.New(rand.NewPCG(seed, 2))
	out := make([][]byte, n)
	for i := range out {
		out[i] = make([]byte, 8+rng.IntN(largest))
		for j := range out[i] {
			out[i][j] = byte(rng.Uint32())
		}
		binary.LittleEndian.PutUint64(out[i], uint64(i))
	}
	return out
}

func same(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if string(a[i]) != string(b[i]) {
			return false
		}
	}
	return true
}

// Whatever the network does, messages arrive whole, once and in order, and every datagram that was
// sent is accounted for.
func TestChannelDelivers(t *testing.T) {
	ms := time.Millisecond
	for _, c := range []struct {
		name string
		link simnet.Link
	}{
		{"perfect", simnet.Link{}},
		{"delay", simnet.Link{Delay: 50 * ms}},
		{"loss", simnet.Link{Delay: 50 * ms, Loss: 0.05}},
		{"heavy loss", simnet.Link{Delay: 20 * ms, Loss: 0.3}},
		{"duplicates", simnet.Link{Delay: 20 * ms, Duplicate: 0.5}},
		{"reordering", simnet.Link{Delay: 20 * ms, Jitter: 20 * ms}},
		{"narrow", simnet.Link{Delay: 10 * ms, Rate: 2_000_000, Queue: 20_000}},
		{"everything", simnet.Link{Delay: 50 * ms, Jitter: 30 * ms, Loss: 0.1, Duplicate: 0.1, Rate: 50_000_000, Queue: 100_000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			seeds := uint64(20)
			if testing.Short() {
				seeds = 3
			}
			for seed := range seeds {
				opts := protocols.ChannelOptions{Attempts: 30}
				a, b := newEnd(protocols.PeerID{2}, seed, opts), newEnd(protocols.PeerID{1}, seed+99, opts)
				toB, toA := messages(seed, 30, 20_000), messages(seed+7, 50, 300)
				a.script, b.script = toB, toA
				net := talk(t, simnet.Options{Seed: seed, Link: c.link}, a, b)
				if a.err != nil || b.err != nil || !same(b.got, toB) || !same(a.got, toA) {
					t.Fatalf("seed %d: %d of %d and %d of %d messages, %v, %v", seed, len(b.got), len(toB), len(a.got), len(toA), a.err, b.err)
				}
				if a.ch.Pending() != 0 || b.ch.Pending() != 0 || a.ch.Deadline() != protocols.Never {
					t.Fatalf("seed %d: %d and %d datagrams pending, wake at %v", seed, a.ch.Pending(), b.ch.Pending(), a.ch.Deadline())
				}
				for i, s := range []protocols.ChannelStats{a.ch.Stats(), b.ch.Stats()} {
					l := net.Link(protocols.PeerID{byte(i + 1)}, protocols.PeerID{byte(2 - i)})
					if l.Datagrams != s.Fragments+s.Retransmissions+s.Parity+s.Acks || l.Retransmissions != s.Retransmissions || l.Messages != s.Messages {
						t.Errorf("seed %d: the channel counts %+v, the link %+v", seed, s, l)
					}
					if fragments := count(i, toB, toA); s.Fragments != fragments {
						t.Errorf("seed %d: %d fragments, want %d", seed, s.Fragments, fragments)
					}
					if l.Drops() == 0 && l.Duplicated == 0 && c.link.Jitter == 0 && net.Total().Drops() == 0 && s.Retransmissions > 0 {
						t.Errorf("seed %d: %d retransmissions though nothing was lost", seed, s.Retransmissions)
					}
				}
			}
		})
	}
}

func count(i int, scripts ...[][]byte) (n int) {
	for _, m := range scripts[i] {
		n += (len(m) + protocols.MaxFragment - 1) / protocols.MaxFragment
	}
	return n
}

// Without parity, only what is lost is sent again: as many datagrams as the network dropped, give or
// take what an acknowledgement's loss costs.
func TestChannelRepeatsSelectively(t *testing.T) {
	lost, again := 0, 0
	var took time.Duration
	for seed := range uint64(30) {
		a, b := newEnd(protocols.PeerID{2}, seed, protocols.ChannelOptions{Loss: -1}), newEnd(protocols.PeerID{1}, seed, protocols.ChannelOptions{Loss: -1})
		a.script = messages(seed, 20, 40_000)
		net := talk(t, simnet.Options{Seed: seed, Link: simnet.Link{Delay: 100 * time.Millisecond, Loss: 0.05}}, a, b)
		if a.err != nil || b.err != nil {
			t.Fatalf("seed %d: %v, %v", seed, a.err, b.err)
		}
		lost += net.Link(protocols.PeerID{1}, protocols.PeerID{2}).Lost
		again += a.ch.Stats().Retransmissions
		took += net.Now()
	}
	// What lies before the last datagram of a flight need not wait for the timer.
	if mean := took / 30; mean > 800*time.Millisecond {
		t.Errorf("a transfer took %v on average, want at most 800ms", mean)
	}
	if lost == 0 || again < lost || float64(again) > 1.15*float64(lost) {
		t.Errorf("%d datagrams lost, %d sent again", lost, again)
	}
}

// A window of data crosses in one flight, not in one round trip for each datagram.
func TestChannelFillsTheWindow(t *testing.T) {
	a, b := newEnd(protocols.PeerID{2}, 1, protocols.ChannelOptions{}), newEnd(protocols.PeerID{1}, 1, protocols.ChannelOptions{})
	a.script = [][]byte{make([]byte, 200_000)}
	net := talk(t, simnet.Options{Link: simnet.Link{Delay: 100 * time.Millisecond}}, a, b)
	if len(b.got) != 1 || net.Now() > 210*time.Millisecond {
		t.Errorf("%d messages after %v, want 1 after one round trip", len(b.got), net.Now())
	}
}

func TestChannelGivesUp(t *testing.T) {
	a, b := newEnd(protocols.PeerID{2}, 1, protocols.ChannelOptions{Attempts: 4}), newEnd(protocols.PeerID{1}, 1, protocols.ChannelOptions{})
	a.script = [][]byte{[]byte("hello")}
	net := talk(t, simnet.Options{Link: simnet.Link{Loss: 1}}, a, b)
	if !errors.Is(a.err, protocols.ErrExhausted) {
		t.Errorf("ended with %v, want %v", a.err, protocols.ErrExhausted)
	}
	if s := a.ch.Stats(); s.Fragments != 1 || s.Retransmissions != 3 || s.Timeouts != 4 {
		t.Errorf("%+v, want 1 + 3 attempts and 4 timeouts", s)
	}
	// 300 ms, doubled each time, and up to a tenth more.
	if lo, hi := 4500*time.Millisecond, 4951*time.Millisecond; net.Now() < lo || net.Now() > hi {
		t.Errorf("gave up after %v, want %v to %v", net.Now(), lo, hi)
	}
}

func TestChannelSpreadsItsTimers(t *testing.T) {
	seen := map[time.Duration]bool{}
	for seed := range uint64(20) {
		a := newEnd(protocols.PeerID{2}, seed, protocols.ChannelOptions{})
		a.script = [][]byte{[]byte("hello")}
		var out protocols.Output
		a.Step(0, protocols.Input{}, &out)
		seen[out.Wake] = true
	}
	if len(seen) < 18 {
		t.Errorf("20 peers wait only %d different times", len(seen))
	}
}

func TestChannelRefuses(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	le := binary.LittleEndian
	serial := uint16(0)
	head := func(kind byte, seq uint32) []byte {
		serial++
		b := append(le.AppendUint16([]byte{kind, 0, 0}, serial), 0)
		return le.AppendUint32(le.AppendUint32(b, 0), seq)
	}
	data := func(seq uint32, flags byte, n int) []byte {
		return append(append(head(1, seq), flags), make([]byte, n)...)
	}
	parity := func(seq uint32, size, row byte, sum ...byte) []byte {
		return append(append(head(4, seq), size, row, 0), sum...)
	}
	const first, last = 1, 2
	for _, c := range []struct {
		name   string
		frames [][]byte
	}{
		{"a datagram beyond the window", [][]byte{data(448, first, 1)}},
		{"a message that does not begin", [][]byte{data(0, 0, 1)}},
		{"a message within another", [][]byte{data(0, first, 1), data(1, first, 1)}},
		{"a message over the limit", [][]byte{data(0, first, 1000), data(1, last, 1)}},
		{"the same, out of order", [][]byte{data(1, last, 1), data(0, first, 1000)}},
		{"an acknowledgement of what was not sent", [][]byte{{2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}}},
		{"parity beyond the window", [][]byte{parity(440, 9, 0, 1, 2, 3, 4)}},
		{"parity of nothing", [][]byte{parity(0, 1, 0, 0, 0, 0, 0)}},
		{"parity longer than it says", [][]byte{parity(0, 1, 0, 200, 200, 200, 200)}},
		{"parity of unequal rows", [][]byte{parity(0, 3, 0, 1, 2, 3, 4), parity(0, 3, 1, 1, 2, 3, 4, 5)}},
		{"parity shorter than its group", [][]byte{data(0, first, 9), parity(0, 2, 0, 1, 2, 3, 4)}},
		{"parity of what never was", [][]byte{parity(1<<32-3, 4, 0, 1, 2, 3, 4)}},
	} {
		ch := protocols.NewChannel(protocols.ChannelOptions{MaxMessage: 1000}, protocols.TypeAntiEntropy, protocols.PeerID{2}, 1, rng)
		var err error
		for _, f := range c.frames {
			if err != nil {
				t.Errorf("%s: refused too early: %v", c.name, err)
			}
			err = ch.Receive(0, f)
		}
		if !errors.Is(err, protocols.ErrVerification) {
			t.Errorf("%s: %v, want %v", c.name, err, protocols.ErrVerification)
		}
		if _, ok := ch.Next(); ok {
			t.Errorf("%s: a message was delivered", c.name)
		}
	}
	ch := protocols.NewChannel(protocols.ChannelOptions{MaxMessage: 1000}, protocols.TypeAntiEntropy, protocols.PeerID{2}, 1, rng)
	for _, n := range []int{0, 1001} {
		if err := ch.Send(make([]byte, n)); !errors.Is(err, protocols.ErrExhausted) {
			t.Errorf("message of %d bytes: %v", n, err)
		}
	}
}

// A path that reorders is learned: the first burst is mostly sent twice, what follows is not.
func TestChannelLearnsReordering(t *testing.T) {
	fragments, again := 0, 0
	for seed := range uint64(20) {
		a, b := newEnd(protocols.PeerID{2}, seed, protocols.ChannelOptions{}), newEnd(protocols.PeerID{1}, seed, protocols.ChannelOptions{})
		a.script = messages(seed, 60, 40_000)
		talk(t, simnet.Options{Seed: seed, Link: simnet.Link{Delay: 20 * time.Millisecond, Jitter: 5 * time.Millisecond}}, a, b)
		if a.err != nil || b.err != nil {
			t.Fatalf("seed %d: %v, %v", seed, a.err, b.err)
		}
		fragments += a.ch.Stats().Fragments
		again += a.ch.Stats().Retransmissions
	}
	if again > fragments/2 {
		t.Errorf("%d of %d datagrams were sent twice though none was lost", again, fragments)
	}
}

// What fills part of a gap is acknowledged at once, though more is missing: when the other half of what
// was sent again is lost as well, the timer sends that half alone.
func TestChannelTellsOfHalfAGap(t *testing.T) {
	a, b := newEnd(protocols.PeerID{2}, 1, protocols.ChannelOptions{Loss: -1}), newEnd(protocols.PeerID{1}, 1, protocols.ChannelOptions{Loss: -1})
	a.script = [][]byte{make([]byte, 10*protocols.MaxFragment)}
	// carry takes datagrams from one end to the other, but for those in lost, and returns the answers.
	carry := func(to *end, now time.Duration, sent [][]byte, lost ...int) (answers [][]byte) {
		for i, d := range sent {
			if slices.Contains(lost, i) {
				continue
			}
			var out protocols.Output
			out.Reset()
			to.Step(now, protocols.Input{Data: d}, &out)
			answers = append(answers, data(&out)...)
		}
		return answers
	}
	const leg = 50 * time.Millisecond
	sent := flight(a, 0)
	answers := carry(b, leg, sent, 0, 5)
	again := carry(a, 2*leg, answers[len(answers)-1:]) // those before tell less, and are lost
	if len(sent) != 10 || len(again) != 2 {
		t.Fatalf("%d datagrams, %d again; want 10 and 2", len(sent), len(again))
	}
	carry(a, 4*leg, carry(b, 3*leg, again, 1))
	last := flight(a, a.ch.Deadline())
	if a.err != nil || b.err != nil || len(last) != 1 {
		t.Fatalf("%v, %v; %d datagrams after the timer, want the one that is missing", a.err, b.err, len(last))
	}
	carry(b, a.ch.Deadline(), last)
	if len(b.got) != 1 || a.ch.Stats().Retransmissions != 3 {
		t.Fatalf("%d messages, %+v", len(b.got), a.ch.Stats())
	}
}

// A peer that lost its memory and is reached by a late copy of our opening answers in the same session,
// from the beginning. What it says then must not be taken for what it said before.
func TestPeerThatBeganAnew(t *testing.T) {
	channel := func(seed uint64) *protocols.Channel {
		return protocols.NewChannel(protocols.ChannelOptions{}, protocols.TypeAntiEntropy, protocols.PeerID{1}, 5, rand.New(rand.NewPCG(seed, 1)))
	}
	say := func(c *protocols.Channel, text string) []byte {
		if err := c.Send([]byte(text)); err != nil {
			t.Fatal(err)
		}
		var out protocols.Output
		out.Reset()
		if err := c.Flush(0, &out); err != nil {
			t.Fatal(err)
		}
		e, err := protocols.ParseEnvelope(out.Datagrams[0].Data)
		if err != nil {
			t.Fatal(err)
		}
		return e.Body
	}
	here, before, after := channel(1), channel(2), channel(3)
	if err := here.Receive(0, say(before, "one")); err != nil {
		t.Fatal(err)
	}
	if err := here.Receive(0, say(before, "two")); err != nil {
		t.Fatal(err)
	}
	if err := here.Receive(0, say(after, "other")); !errors.Is(err, protocols.ErrTimeout) {
		t.Errorf("after a crash of the peer: %v, want one that wraps %v", err, protocols.ErrTimeout)
	}
}
