package ota

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/signature"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// Bugs that clients of update frameworks had, each of them absent here.

func TestThresholds(t *testing.T) {
	for _, c := range []struct {
		members, threshold, authorities int
		ok                              bool
	}{
		{3, 0, 0, true}, {3, 2, 2, true}, {3, 3, 3, true}, {1, 1, 1, true},
		{3, 1, 1, false},  // two ceremonies could both have enough
		{4, 2, 1, false},  // here too
		{3, 4, 1, false},  // more than there are
		{3, -1, 1, false}, // none
		{3, 2, 3, false},  // more authorities than votes
		{3, 2, -1, false},
	} {
		g, a := members(c.members)
		_, err := NewNode(Config{Policy: Policy{Group: g, Authorities: a, Threshold: c.threshold, AuthorityThreshold: c.authorities}, Self: peer(0)}, simnet.Memory{})
		if (err == nil) != c.ok || err != nil && !errors.Is(err, protocols.ErrVerification) {
			t.Errorf("%d of %d, %d authorities: %v", c.threshold, c.members, c.authorities, err)
		}
	}
	g, _ := members(3)
	if _, err := NewNode(Config{Policy: Policy{Group: g}, Self: peer(0)}, simnet.Memory{}); err == nil {
		t.Error("members without authorities")
	}
	p, err := Policy{Group: g, Authorities: []Authority{{1}, {2}, {3}}}.check()
	if err != nil || p.Threshold != 2 || p.AuthorityThreshold != 2 || p.Notice != 100 {
		t.Errorf("defaults %+v, %v", p, err)
	}
}

// One key under two names would be two votes: a group has every key once, and an encoded certificate
// every member.
func TestDuplicateKeys(t *testing.T) {
	if _, err := quorum.NewGroup([32]byte{}, []protocols.PeerID{peer(0), peer(1), peer(0)}); !errors.Is(err, protocols.ErrVerification) {
		t.Errorf("a key twice: %v", err)
	}
	l := newLonely(t, 3, nil)
	p := l.proposal(nil)
	v := l.ready(p.ID(), 1, 1).vote
	policy := l.f.cfg.Policy
	if err := VerifyCommit(policy, new(signature.Ed25519), &p, &quorum.Certificate{Votes: []quorum.Vote{v, v}}); !errors.Is(err, protocols.ErrVerification) {
		t.Errorf("a vote twice: %v", err)
	}
}

// A certificate of one proposal proves nothing of another, whatever differs.
func TestMixAndMatch(t *testing.T) {
	l := newLonely(t, 3, nil)
	p := l.proposal(func(p *Proposal) { p.Patch = &Patch{[32]byte{1}, [32]byte{2}, 3} })
	cert := quorum.Certificate{}
	for i := range 3 {
		cert.Votes = append(cert.Votes, l.ready(p.ID(), i, i).vote)
	}
	for range 3 {
		for i := range cert.Votes[1:] {
			if cert.Votes[i].Member > cert.Votes[i+1].Member {
				cert.Votes[i], cert.Votes[i+1] = cert.Votes[i+1], cert.Votes[i]
			}
		}
	}
	policy, by := l.f.cfg.Policy, new(signature.Ed25519)
	if err := VerifyCommit(policy, by, &p, &cert); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*Proposal){
		"version":     func(p *Proposal) { p.Package.Version.Patch++ },
		"package":     func(p *Proposal) { p.Package.Root[5]++ },
		"size":        func(p *Proposal) { p.Package.Size++ },
		"chunk":       func(p *Proposal) { p.Package.Chunk++ },
		"hard":        func(p *Proposal) { p.Hard = true },
		"activation":  func(p *Proposal) { p.Activation++ },
		"expiry":      func(p *Proposal) { p.Expiry++ },
		"prestate":    func(p *Proposal) { p.Prestate[0]++ },
		"coordinator": func(p *Proposal) { p.Coordinator = peer(2) },
		"nonce":       func(p *Proposal) { p.Nonce++ },
		"patch":       func(p *Proposal) { p.Patch = nil },
		"base":        func(p *Proposal) { p.Patch = &Patch{[32]byte{9}, [32]byte{2}, 3} },
	} {
		q := p
		change(&q)
		if err := VerifyCommit(policy, by, &q, &cert); !errors.Is(err, protocols.ErrVerification) {
			t.Errorf("another %s: %v", what, err)
		}
	}
	other, _ := quorum.NewGroup([32]byte{4}, []protocols.PeerID{peer(0), peer(1), peer(2)})
	policy.Group = other
	if err := VerifyCommit(policy, by, &p, &cert); !errors.Is(err, protocols.ErrVerification) {
		t.Errorf("another group: %v", err)
	}
}

// What is judged before a vote, and again before an activation.
func TestVersionsRise(t *testing.T) {
	for _, c := range []struct {
		v    Version
		want Reason
	}{
		{Version{0, 9, 9}, OldVersion}, {v1, OldVersion}, {Version{1, 0, 1}, Ready}, {Version{0, 10, 0}, OldVersion}, {Version{1, 10, 0}, Ready}, {Version{2, 0, 0}, Ready},
	} {
		l := newLonely(t, 3, nil)
		id := l.propose(l.proposal(func(p *Proposal) { p.Package.Version = c.v }), 1)
		if got := l.n.find(id).own; got != c.want {
			t.Errorf("%v after 1.0.0: %v, want %v", c.v, got, c.want)
		}
	}
}

// A peer that is kept from hearing anything does not activate what has expired meanwhile.
func TestFreeze(t *testing.T) {
	f := newFleet(t, simnet.Ideal(1), 3, nil)
	f.propose(t, 0, offer())
	f.net.Run(time.Hour, nil)
	f.phases(t, Staged, v1)
	f.do(t, 2, func(n *Node, now time.Duration, out *protocols.Output) { n.SetEpoch(now, 200, out) })
	n := f.nodes[2]
	if _, p := n.Installing(); p != 0 || n.Running().Version != v1 {
		t.Errorf("%v, runs %v after expiry", p, n.Running().Version)
	}
	f.do(t, 2, func(n *Node, now time.Duration, out *protocols.Output) { n.SetEpoch(now, 150, out) })
	if n.Epoch() != 200 || n.Running().Version != v1 {
		t.Error("an epoch that went back brought it back")
	}
}

// A proposal on another state than the one that runs is not activated, even with a certificate.
func TestPrestate(t *testing.T) {
	f := newFleet(t, simnet.Ideal(1), 3, nil)
	store := simnet.Memory{}
	if _, err := Install(store, Version{1, 0, 5}, []byte("a fork of its own"), 4<<10); err != nil {
		t.Fatal(err)
	}
	n, err := f.build(2, store)
	if err != nil {
		t.Fatal(err)
	}
	*f.nodes[2] = *n
	id := f.propose(t, 0, offer())
	f.net.Run(time.Hour, nil)
	f.epoch(t, 100)
	f.net.Run(2*time.Hour, nil)
	if st, _ := f.nodes[2].State(id); st != Done {
		t.Errorf("ceremony %v", st)
	}
	if _, p := f.nodes[2].Installing(); p != 0 || f.nodes[2].Running().Version != (Version{1, 0, 5}) {
		t.Errorf("%v, runs %v", p, f.nodes[2].Running().Version)
	}
}

// Readiness of an earlier ceremony does not count in a later one about the same package.
func TestStaleReadiness(t *testing.T) {
	l := newLonely(t, 3, nil)
	first := l.proposal(nil)
	second := l.proposal(func(p *Proposal) { p.Nonce = 2 })
	id := l.propose(second, 1)
	old := l.ready(first.ID(), 1, 1)
	l.hear(peer(1), message{kind: kindVotes, id: id, papers: []ballotPaper{old}})
	l.state(id, Awaiting)
	if l.n.Stats().Refused != 1 {
		t.Errorf("%+v", l.n.Stats())
	}
}

// A coordinator that tells everybody something else gets nothing through, and nobody is stuck.
func TestEquivocatingCoordinator(t *testing.T) {
	l := newLonely(t, 3, nil)
	a := l.propose(l.proposal(nil), 1)
	b := l.propose(l.proposal(func(p *Proposal) { p.Package.Root[0] = 7 }), 1)
	if c := l.n.find(b); c.own != Busy || l.n.find(a).own != Ready {
		t.Fatalf("ready for %v and %v", l.n.find(a).own, c.own)
	}
	// Peer 2 was ready for b, so there it is one ready vote of three, and ours is a refusal.
	l.hear(peer(1), message{kind: kindVotes, id: b, papers: []ballotPaper{l.ready(b, 1, 1)}})
	l.state(b, Awaiting)
	if len(l.n.cers) != 2 {
		t.Errorf("%d ceremonies", len(l.n.cers))
	}
	for i := range 20 { // and without end
		l.propose(l.proposal(func(p *Proposal) { p.Nonce = uint64(i) + 9 }), 1)
	}
	if len(l.n.cers) > maxOpen {
		t.Errorf("%d ceremonies, at most %d", len(l.n.cers), maxOpen)
	}
}

// A proposal that its coordinator did not sign, or by no member, is not even looked at.
func TestForgedProposal(t *testing.T) {
	l := newLonely(t, 3, nil)
	l.state(l.propose(l.proposal(nil), 2), Unknown)
	l.state(l.propose(l.proposal(func(p *Proposal) { p.Coordinator = peer(7) }), 7), Unknown)
	if l.n.Stats().Refused != 2 {
		t.Errorf("%+v", l.n.Stats())
	}
}

// A small patch that unpacks to much more, or to less than it says, costs no more than the package.
func TestDecompressionBomb(t *testing.T) {
	bomb := func(size int, opts ...zstd.EOption) []byte {
		w, err := zstd.NewWriter(nil, append(opts, zstd.WithEncoderConcurrency(1))...)
		if err != nil {
			t.Fatal(err)
		}
		return w.EncodeAll(make([]byte, size), nil)
	}
	big, exact := bomb(64<<20), bomb(1000)
	for what, patch := range map[string][]byte{
		"64 MiB of zeros":        big,
		"a second frame":         append(bytes.Clone(exact), big...),
		"many frames":            bytes.Repeat(bomb(1000), 1000),
		"a window of 512 MiB":    {0x28, 0xb5, 0x2f, 0xfd, 0x80, 0x98, 0xe8, 3, 0, 0, 1, 0, 0},
		"nothing":                nil,
		"a frame without a size": {0x28, 0xb5, 0x2f, 0xfd, 0, 0x58, 1, 0, 0},
	} {
		if b, err := Apply(oldContent, patch, 1000); !errors.Is(err, protocols.ErrVerification) {
			t.Errorf("%s: %d bytes, %v", what, len(b), err)
		}
	}
	allocated := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Apply(oldContent, big, 1000)
		}
	}).AllocedBytesPerOp()
	if allocated > 8<<20 {
		t.Errorf("a bomb asks for %d bytes", allocated)
	}
	if b, err := Apply(oldContent, exact, 1000); err != nil || len(b) != 1000 {
		t.Errorf("an honest one: %d bytes, %v", len(b), err)
	}
}

// Whatever the contents, a patch gives back exactly the new one.
func TestPatchLaw(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		base := rapid.SliceOfN(rapid.Byte(), 0, 5000).Draw(rt, "base")
		content := rapid.SliceOfN(rapid.Byte(), 1, 5000).Draw(rt, "content")
		content = append(content, base[:rapid.IntRange(0, len(base)).Draw(rt, "kept")]...)
		patch, err := Delta(base, content)
		if err != nil {
			rt.Fatal(err)
		}
		if b, err := Apply(base, patch, int64(len(content))); err != nil || !bytes.Equal(b, content) {
			rt.Fatal(err)
		}
		if _, err := Apply(base, patch, int64(len(content))+1); err == nil {
			rt.Fatal("another size")
		}
	})
}

func FuzzMessage(f *testing.F) {
	l := newLonely(f, 3, nil)
	p := l.proposal(func(p *Proposal) { p.Patch = &Patch{[32]byte{1}, [32]byte{2}, 3} })
	for _, m := range []message{
		{kind: kindProposal, id: p.ID(), proposal: p}, {kind: kindStatus, flags: asks, id: p.ID()},
		{kind: kindVotes, id: p.ID(), papers: []ballotPaper{{Ready, quorum.Vote{Member: 1}}, {Manual, quorum.Vote{Member: 2}}}},
	} {
		f.Add(m.append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parse(b)
		if err != nil {
			return
		}
		if again := m.append(nil); !bytes.Equal(again, b) {
			t.Errorf("%x re-encodes to %x", b, again)
		}
		if cap(m.papers)*(voteSize+3) > 2*len(b) {
			t.Errorf("%d votes held for %d bytes", cap(m.papers), len(b))
		}
	})
}

func FuzzRecord(f *testing.F) {
	l := newLonely(f, 3, nil)
	l.propose(l.proposal(nil), 1)
	b, err := l.f.stores[0].Read(recordName)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRecord(b)
		if err == nil && !bytes.Equal(r.encode(), b) {
			t.Errorf("%x re-encodes to %x", b, r.encode())
		}
	})
}

// The same seed gives the same run, state by state.
func TestRunsRepeat(t *testing.T) {
	run := func() uint64 {
		opts := simnet.Stressed(3)
		opts.States = true
		f := newFleet(t, opts, 4, nil)
		f.propose(t, 0, offer())
		f.net.Run(time.Hour, nil)
		f.epoch(t, 100)
		f.net.Run(2*time.Hour, nil)
		f.phases(t, Confirmed, v2)
		return f.net.Trace()
	}
	if a, b := run(), run(); a != b {
		t.Errorf("traces %x and %x", a, b)
	}
}
