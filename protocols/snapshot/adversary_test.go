package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A liar is a member with a good key that keeps to nothing: it signs any number of cuts, false ones
// too, asks, notes and answers whatever it likes.
type liar struct {
	*team
	self  int
	rng   *rand.Rand
	epoch uint64
	heard [][]byte
	left  int
}

func (l *liar) Step(now time.Duration, in protocols.Input, out *protocols.Output) {
	if in.Data != nil && len(l.heard) < 64 {
		l.heard = append(l.heard, slices.Clone(in.Data))
	}
	out.Wake = protocols.Never
	if l.left == 0 {
		return
	}
	l.left--
	out.Wake = now + 20*time.Millisecond
	for i := range l.q.Len() {
		if i == l.self {
			continue
		}
		m := l.lie(i)
		b, err := protocols.Envelope{Type: protocols.TypeSnapshot, Session: m.epoch, Body: m.append(nil)}.Append(nil)
		if err != nil {
			continue
		}
		switch l.rng.IntN(8) {
		case 0: // something else than a message
			b[protocols.EnvelopeSize+l.rng.IntN(len(b)-protocols.EnvelopeSize)] ^= 1 << l.rng.IntN(8)
		case 1: // what somebody else said
			if len(l.heard) > 0 {
				b = slices.Clone(l.heard[l.rng.IntN(len(l.heard))])
			}
		}
		out.Datagrams = append(out.Datagrams, protocols.Datagram{To: l.q.Member(i), Data: b, Message: true})
	}
}

// lie makes up a message for a member.
func (l *liar) lie(to int) message {
	n := l.q.Len()
	p := Proposal{Epoch: l.epoch + uint64(l.rng.IntN(3)), Frontier: make(antientropy.Frontier, n)}
	p.Frontier[0] = uint64(l.rng.IntN(13))
	p.Root[0] = byte(l.rng.IntN(3)) // none is right
	s := p.Statement(l.q)
	v, err := l.q.Sign(l.keys[l.self], s)
	if err != nil {
		l.tb.Fatal(err)
	}
	switch l.rng.IntN(5) {
	case 0:
		return message{kind: kindCut, epoch: p.Epoch, proposer: l.rng.IntN(n), proposal: p, votes: v.Append(nil)}
	case 1:
		v.Member = uint16(l.rng.IntN(n))
		return votes(s, p.Epoch, v, v)
	case 2:
		return message{kind: kindAsk, epoch: p.Epoch, statement: s, wants: byte(l.rng.IntN(4)), held: make([]byte, (n+7)/8)}
	case 3:
		return message{kind: kindNote, epoch: p.Epoch, statement: s, reason: Reason(1 + l.rng.IntN(int(done)))}
	}
	return message{kind: kindCut, epoch: p.Epoch, proposer: l.self, proposal: p, votes: v.Append(nil)}
}

// With one liar in four, honest members agree on what they computed or on nothing, no two on different
// cuts of one epoch, and their state stays bounded.
func TestOneLiarInFour(t *testing.T) {
	agreed := 0
	for seed := range uint64(60) {
		w := newWorld(t, 4, simnet.Options{Seed: seed, Link: simnet.Link{Delay: 10 * time.Millisecond, Jitter: 5 * time.Millisecond}},
			func(i int, c *Config) { c.Timeout = 2 * time.Second })
		net, err := simnet.New(simnet.Options{Seed: seed, Link: simnet.Link{Delay: 10 * time.Millisecond, Jitter: 5 * time.Millisecond}})
		if err != nil {
			t.Fatal(err)
		}
		w.net = net
		l := &liar{team: w.team, self: 3, rng: rand.New(rand.NewPCG(seed, 9)), epoch: 1, left: 200}
		for i, n := range w.nodes[:3] {
			if err := net.Add(w.q.Member(i), n); err != nil {
				t.Fatal(err)
			}
		}
		if err := net.Add(w.q.Member(3), l); err != nil {
			t.Fatal(err)
		}
		honest := w.nodes[:3]
		cuts := map[uint64]quorum.Statement{}
		w.do(3, func(now time.Duration, out *protocols.Output) { l.Step(now, protocols.Input{}, out) })
		for try := range 6 {
			by := honest[try%3]
			w.do(try%3, func(now time.Duration, out *protocols.Output) {
				if _, err := by.Propose(now, by.log.Frontier(), out); err != nil && !errors.Is(err, protocols.ErrExhausted) {
					t.Fatalf("seed %d: %v", seed, err)
				}
			})
			w.net.Run(w.net.Now()+3*time.Second, func() bool {
				for i, n := range honest {
					if c := n.commit; c != nil {
						if before, ok := cuts[c.Epoch]; ok && before != n.agreed {
							t.Fatalf("seed %d: two cuts of epoch %d", seed, c.Epoch)
						}
						cuts[c.Epoch] = n.agreed
						if cut, err := n.log.CutAt(c.Frontier); err != nil || cut.Root != c.Root {
							t.Fatalf("seed %d: member %d agreed on what it would not compute: %v", seed, i, err)
						}
					}
					if n.Rounds() > 2*4+1 {
						t.Fatalf("seed %d: %d rounds", seed, n.Rounds())
					}
				}
				return false
			})
			l.epoch = max(honest[0].epoch(), honest[1].epoch(), honest[2].epoch()) + 1
		}
		w.net.Run(time.Hour, nil)
		for i, n := range honest {
			if n.fence != nil || n.Rounds() != 0 {
				t.Fatalf("seed %d: member %d at rest with a fence or %d rounds", seed, i, n.Rounds())
			}
		}
		agreed += len(cuts)
	}
	if agreed < 60 {
		t.Errorf("honest members agreed only %d times", agreed)
	}
}

// Whoever serves another file than was agreed on is found out, and the right one is taken elsewhere.
func TestWrongFileIsNotRestored(t *testing.T) {
	w := newWorld(t, 3, simnet.Ideal(5), func(i int, c *Config) { c.Block = 1024 })
	w.nodes[2].log.CopyFrom(w.log())
	w.propose(0)
	w.net.Run(time.Hour, nil)
	w.work(0)
	w.work(1)
	// Member 1 serves a file of the same cut with one record turned.
	evil := w.nodes[1]
	b, err := evil.stored.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b[fileHeader+200] ^= 1
	store := simnet.Memory{}
	sink := newBlockWriter(store, w.q.ID(), evil.commit, 1024)
	sink.buf, sink.size, sink.closed = b, len(b), true
	if err := sink.Close(antientropy.Cut{Root: evil.commit.Root}); err != nil {
		t.Fatal(err)
	}
	s, err := openStored(store, 1)
	if err != nil {
		t.Fatal(err)
	}
	evil.keep(s)
	// It answers first.
	late := w.nodes[2]
	w.do(2, func(now time.Duration, out *protocols.Output) {
		late.Fetch(now, out)
		m := message{kind: kindFile, epoch: 1, statement: late.agreed, root: [32]byte(s.Manifest.Root())}
		late.begin(now, out)
		late.onFile(1, &m)
		late.end()
	})
	w.net.Run(time.Hour, nil)
	if going, err := late.Fetching(); going || err != nil || late.Lacks() || late.stats.Restored != 1 {
		t.Fatalf("fetching %v, %v, lacks %v", going, err, late.Lacks())
	}
	alike(t, "restored", late.log, w.nodes[0].log)
}

// Cut off within a transfer, the rest comes later, and what had come does not come again.
func TestTransferResumes(t *testing.T) {
	w := newWorld(t, 3, simnet.Realistic(5), func(i int, c *Config) { c.Block = 1024 })
	for i, n := range w.nodes {
		n.log.CopyFrom(w.log())
		for seq := uint64(1); i < 2 && seq <= 60; seq++ {
			r := antientropy.Record{Kind: antientropy.Fact, Author: w.q.Member(0), Seq: seq, Payload: antientropy.NewFact(fmt.Sprint(seq), bytes.Repeat([]byte{byte(seq)}, 600))}
			if _, err := n.log.Insert(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.propose(0)
	w.net.Run(time.Hour, nil)
	w.work(0)
	w.work(1)
	start := func() {
		w.do(2, func(now time.Duration, out *protocols.Output) {
			w.nodes[2].Fetch(now, out)
		})
	}
	late := w.nodes[2]
	start()
	half := func() bool { return late.fetching != nil && late.fetching.have >= 15 }
	if !w.net.Run(time.Hour, half) {
		t.Fatal("not half way")
	}
	had := late.fetching.have
	// The member crashes; a new one finds the blocks in the store.
	cfg := late.cfg
	cfg.Log = w.log()
	again := w.node(cfg)
	*late = *again
	start()
	w.net.Run(w.net.Now()+200*time.Millisecond, func() bool { return late.fetching != nil && late.fetching.fetcher != nil })
	if f := late.fetching; f == nil || f.fetcher == nil || f.fetcher.Have().Count() < had {
		t.Fatalf("blocks are forgotten")
	}
	w.net.Run(time.Hour, nil)
	if late.Lacks() || late.stats.Restored != 1 {
		t.Fatal("not restored")
	}
	alike(t, "resumed", late.log, w.nodes[0].log)
}

func FuzzParseMessage(f *testing.F) {
	p := Proposal{Epoch: 7, Frontier: make(antientropy.Frontier, 9)}
	for _, m := range []message{
		{kind: kindCut, proposer: 2, proposal: p, votes: make([]byte, 2*quorum.VoteSize)},
		{kind: kindVotes, votes: make([]byte, quorum.VoteSize)},
		{kind: kindAsk, wants: wantFile, held: []byte{255, 1}},
		{kind: kindNote, reason: Differs},
		{kind: kindFile},
	} {
		f.Add(m.append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMessage(7, 9, b)
		if err != nil {
			if !errors.Is(err, protocols.ErrVerification) {
				t.Error(err)
			}
			return
		}
		if again := m.append(nil); !bytes.Equal(again, b) {
			t.Errorf("%x re-encodes to %x", b, again)
		}
	})
}

func FuzzParseCommit(f *testing.F) {
	c := Commit{Proposal: Proposal{Epoch: 7, Frontier: make(antientropy.Frontier, 3)}, Certificate: quorum.Certificate{Votes: []quorum.Vote{{Member: 1}, {Member: 2}}}}
	f.Add(append(c.Append(nil), "rest"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, rest, err := ParseCommit(b)
		if err != nil {
			return
		}
		if again := append(c.Append(nil), rest...); !bytes.Equal(again, b) {
			t.Errorf("%x re-encodes to %x", b, again)
		}
	})
}
