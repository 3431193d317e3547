package chunk

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A peer that serves wrong bytes is found out at its first whole chunk and not dealt with any more;
// everybody still gets the content, and nothing wrong is ever stored or offered.
func TestPoisonedChunks(t *testing.T) {
	for seed := range uint64(20) {
		data := content(200_000, seed)
		w := newSwarm(t, simnet.Realistic(seed), func(int) Config { return Config{Uplink: NewUplink(20_000_000)} }, data, 16<<10, 5)
		// Peer 5 offers all from the beginning, and sends rubbish.
		bad, err := NewServer(Config{Uplink: NewUplink(50_000_000)}, w.m, Bytes{w.m, data}, random(seed, 99))
		if err != nil {
			t.Fatal(err)
		}
		bad.scatter = false
		w.nodes[5].transfer = bad
		w.nodes[5].spoil = func(body []byte) {
			if body[0] == kindPiece {
				body[pieceHeader] ^= 1
			}
		}
		for i := 1; i < 5; i++ {
			n := w.nodes[i]
			w.net.Do(peer(i), func(now time.Duration, out *protocols.Output) { n.Flush(now, out); out.Wake = n.Deadline() })
		}
		w.net.Run(10*time.Minute, nil)
		wrong := 0
		for i := 1; i < 5; i++ {
			f := w.fetcher(i)
			if b, err := f.Content(); err != nil || !bytes.Equal(b, data) {
				t.Fatalf("seed %d, peer %d: %v", seed, i, err)
			}
			wrong += f.Stats().Wrong
			if f.Stats().Wrong > 0 && !f.Banned(peer(5)) && f.solo.Count() == 0 {
				t.Errorf("seed %d, peer %d: %d wrong chunks and nobody banned", seed, i, f.Stats().Wrong)
			}
			for j := range 5 {
				if f.Banned(peer(j)) {
					t.Errorf("seed %d: peer %d banned the honest %d", seed, i, j)
				}
			}
		}
		if wrong == 0 || wrong > 4*10 {
			t.Errorf("seed %d: %d wrong chunks", seed, wrong)
		}
	}
}

// Whatever anybody sends, state stays bounded and nothing panics.
func TestNoise(t *testing.T) {
	data := content(100_000, 1)
	m, err := NewManifest(data, 4<<10)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	f, err := NewFetcher(Config{MaxPeers: 8}, m.Root(), m, simnet.Memory{}, random(1, 1))
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewServer(Config{MaxPeers: 8, Queue: 10, PerPeer: 4}, m, Bytes{m, data}, random(1, 2))
	if err != nil {
		t.Fatal(err)
	}
	var out protocols.Output
	for i := range 20000 {
		var msg message
		msg.kind = byte(rng.IntN(8))
		msg.offer, msg.flags, msg.credit = uint16(rng.IntN(5)), byte(rng.IntN(4)), rng.IntN(1000)
		msg.bits = []byte{byte(rng.IntN(256)), 1}
		msg.chunk, msg.piece, msg.data = rng.IntN(30), rng.IntN(5), data[:1+rng.IntN(PieceSize)]
		msg.level, msg.page, msg.size, msg.length, msg.hashes = rng.IntN(3), rng.IntN(3), rng.Int64(), rng.IntN(1<<20), []Hash{{1}}
		for range rng.IntN(20) {
			msg.wants = append(msg.wants, request{chunk: rng.IntN(30)})
		}
		body := msg.append(nil)
		if rng.IntN(5) == 0 {
			body[rng.IntN(len(body))] ^= byte(1 << rng.IntN(8))
		}
		now := time.Duration(i) * time.Millisecond
		f.Receive(now, peer(rng.IntN(50)), body)
		s.Receive(now, peer(rng.IntN(50)), body)
		out.Reset()
		if i%10 == 0 {
			f.Flush(now, &out)
			s.Flush(now, &out)
		}
		sources, clients := f.Peers()
		if sources > 8 || clients > 8 || s.Peers() > 8 || len(s.jobs)+len(s.repairs) > 20 || len(f.flights) > 25 || len(f.banned) > 8 || len(f.asks) > 10 {
			t.Fatalf("step %d: %d sources, %d and %d clients, %d jobs, %d flights", i, sources, clients, s.Peers(), len(s.jobs)+len(s.repairs), len(f.flights))
		}
	}
	if f.Have().Count() != 0 {
		t.Errorf("%d chunks of noise were stored", f.Have().Count())
	}
	if s.Stats().Refused == 0 || f.Stats().Refused == 0 {
		t.Error("nothing was refused")
	}
}

// A root of a content that is larger than allowed costs no memory.
func TestTooLarge(t *testing.T) {
	data := content(50_000, 1)
	w := newSwarm(t, simnet.Ideal(1), func(i int) Config { return Config{MaxSize: 50_000 - int64(i)} }, data, 4<<10, 1)
	if w.run(t, time.Minute) != 0 || !errors.Is(w.fetcher(1).Err(), protocols.ErrExhausted) || w.fetcher(1).m != nil {
		t.Errorf("%v", w.fetcher(1).Err())
	}
}

// A peer behind a thin line does not keep the others waiting: they are through as if it were not there.
func TestSlowPeerDoesNotBlock(t *testing.T) {
	times := func(slow bool) time.Duration {
		data := content(400_000, 1)
		w := newSwarm(t, simnet.Realistic(1), func(int) Config { return Config{Uplink: NewUplink(10_000_000)} }, data, 16<<10, 4)
		if slow {
			if err := w.net.SetAccess(peer(4), simnet.Access{Up: 100_000, Down: 100_000, Queue: 32 << 10}); err != nil {
				t.Fatal(err)
			}
			w.fetcher(4).cfg.Down = 100_000
		}
		if w.run(t, time.Hour) == 0 {
			t.Fatal("not through")
		}
		return max(w.nodes[1].done, w.nodes[2].done, w.nodes[3].done)
	}
	with, without := times(true), times(false)
	if with > without*3/2 {
		t.Errorf("%v beside a slow peer, %v otherwise", with, without)
	}
}

// When everybody has everything, nobody sends any more; also when one source never answered.
func TestQuiet(t *testing.T) {
	data := content(100_000, 1)
	w := newSwarm(t, simnet.Stressed(1), func(int) Config { return Config{} }, data, 16<<10, 4)
	w.fetcher(1).AddSource(peer(1000))
	if w.run(t, time.Hour) == 0 {
		t.Fatal("not through")
	}
	if w.net.Now() > 10*time.Minute {
		t.Errorf("the last datagram at %v", w.net.Now())
	}
}

// A fetcher whose sources have nothing, or are not there, greets each of them as often as it may and then
// only answers; when it is told to greet again, it does so a little.
func TestGreetingsEnd(t *testing.T) {
	data := content(20_000, 1)
	m, err := NewManifest(data, 4<<10)
	if err != nil {
		t.Fatal(err)
	}
	net, err := simnet.New(simnet.Ideal(1))
	if err != nil {
		t.Fatal(err)
	}
	var fetchers []*Fetcher
	for i := range 2 { // peer 0 is not there
		f, err := NewFetcher(Config{Greetings: 6}, m.Root(), nil, simnet.Memory{}, random(1, uint64(i)))
		if err != nil {
			t.Fatal(err)
		}
		f.AddSource(peer(0))
		f.AddSource(peer(1 + 1 - i))
		fetchers = append(fetchers, f)
		net.Add(peer(1+i), &node{transfer: f})
	}
	greet := func() int {
		before := net.Total().Datagrams
		for i, f := range fetchers {
			net.Do(peer(1+i), func(now time.Duration, out *protocols.Output) {
				f.Greet()
				f.Flush(now, out)
				out.Wake = f.Deadline()
			})
		}
		net.Run(1000*time.Hour, nil)
		return net.Total().Datagrams - before
	}
	// The two answer each other: at most 6 greetings each to two, and an answer for those that arrive.
	if n := greet(); n < 12 || n > 36 || net.Now() > time.Hour {
		t.Errorf("%d datagrams until %v", n, net.Now())
	}
	if n := greet(); n < 4 || n > 12 {
		t.Errorf("%d datagrams for another time", n)
	}
	s, err := NewServer(Config{}, m, Bytes{m, data}, random(1, 9))
	if err != nil {
		t.Fatal(err)
	}
	net.Add(peer(0), &node{transfer: s})
	greet()
	if !fetchers[0].Done() || !fetchers[1].Done() {
		t.Error("not through when the source has come")
	}
}
