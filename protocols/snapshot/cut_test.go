package snapshot

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// work lets a node do all that is left to do.
func (w *world) work(i int) {
	for range 100_000 {
		done, err := w.nodes[i].Work(500)
		if err != nil {
			w.tb.Fatal(err)
		}
		if done {
			return
		}
	}
	w.tb.Fatal("work without end")
}

// alike fails unless two logs answer alike.
func alike(tb testing.TB, what string, a, b *antientropy.Log) {
	tb.Helper()
	if a.Digest() != b.Digest() || a.Recompute() != a.Digest() {
		tb.Fatalf("%s: digests differ", what)
	}
	for _, key := range []string{"a", "b"} {
		x, _ := a.Fact(key)
		y, _ := b.Fact(key)
		if !bytes.Equal(x, y) {
			tb.Fatalf("%s: fact %s is %v against %v", what, key, x, y)
		}
	}
	for i := range a.Members() {
		if a.Caps(a.Member(i)) != b.Caps(b.Member(i)) {
			tb.Fatalf("%s: capabilities differ", what)
		}
	}
}

// The whole way: agree, prune, write on; one that was away takes the snapshot and the tail, and holds
// what it would hold with all of history.
func TestLateMemberHoldsWhatAllHold(t *testing.T) {
	for _, s := range simnet.Scenarios() {
		w := newWorld(t, 4, s.Options(7), func(i int, c *Config) { c.Block = 1024 })
		full := w.log()
		for i := range w.nodes {
			w.nodes[i].log.CopyFrom(w.log()) // empty
		}
		for m := range 4 {
			w.add(full, m, 1, 90)
			for i := range 3 {
				w.add(w.nodes[i].log, m, 1, 90)
			}
		}
		w.propose(0)
		w.net.Run(time.Hour, nil)
		if !w.everywhere(1) {
			t.Fatalf("%s: not everywhere", s.Name)
		}
		late := w.nodes[3]
		if !late.Lacks() {
			t.Fatal("the late member lacks nothing")
		}
		for i := range 3 {
			w.work(i)
			w.add(w.nodes[i].log, i, 91, 95) // everybody writes on
			w.add(full, i, 91, 95)
			if n := w.nodes[i].log; n.Len() > 20 {
				t.Fatalf("%d records after pruning", n.Len())
			}
		}
		if c := w.nodes[0].log.Since(late.log.Marks()); !errors.Is(c.Err(), protocols.ErrPruned) {
			t.Fatalf("sync of the late member: %v", c.Err())
		}
		w.do(3, func(now time.Duration, out *protocols.Output) {
			late.Fetch(now, out)
		})
		w.net.Run(time.Hour, nil)
		if _, err := late.Fetching(); err != nil || late.Lacks() || late.Stats().Restored != 1 {
			t.Fatalf("%s: fetched: %v, lacks %v", s.Name, err, late.Lacks())
		}
		for i := range 3 {
			for _, n := range w.nodes {
				if _, err := n.log.Merge(w.nodes[i].log); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i, n := range w.nodes {
			alike(t, s.Name, n.log, full)
			if _, stands := n.Fence(); stands || n.Rounds() != 0 || n.Err() != nil {
				t.Errorf("member %d: a fence stands, %d rounds, %v", i, n.Rounds(), n.Err())
			}
			// All have stored the same file.
			a, err := n.stored.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			b, _ := w.nodes[0].stored.Bytes()
			if !bytes.Equal(a, b) {
				t.Errorf("member %d stored another file", i)
			}
			c, _ := n.Committed()
			if whole, err := AppendFile(nil, full, w.q.ID(), &c.Proposal); err != nil || !bytes.Equal(whole, a) {
				t.Errorf("the file of the full log differs from what was stored: %v", err)
			}
			// A restart finds everything again.
			l := w.log()
			cfg := w.config(i, l)
			cfg.Store = n.cfg.Store
			again := w.node(cfg)
			if l.Base()[0] == 0 || again.epoch() != 1 || again.Lacks() {
				t.Errorf("member %d after a restart: base %v, epoch %d", i, l.Base(), again.epoch())
			}
			for r := range full.All() {
				if _, err := l.Insert(r); err != nil {
					t.Fatal(err)
				}
			}
			alike(t, "restarted", l, full)
		}
	}
}

// A member that lacks records says so, votes when they have come, and no sooner.
func TestVoteWaitsForRecords(t *testing.T) {
	w := newWorld(t, 3, simnet.Realistic(3), func(i int, c *Config) { c.Threshold = 3 })
	w.add(w.nodes[0].log, 1, 1, 4)
	w.add(w.nodes[1].log, 1, 1, 4)
	w.propose(0)
	w.net.Run(time.Second, nil)
	if w.nodes[2].stats.Approved != 0 || w.nodes[0].epoch() != 0 {
		t.Fatal("approved without the records")
	}
	w.add(w.nodes[2].log, 1, 1, 4)
	w.do(2, w.nodes[2].Advance)
	w.net.Run(time.Hour, nil)
	if !w.everywhere(1) || w.nodes[2].stats.Approved != 1 {
		t.Error("no vote when the records had come")
	}
}

// Proposals at the same time: at most one is agreed on in an epoch, the split one with the least
// statement is made again, and all ends.
func TestCompetingProposals(t *testing.T) {
	again := 0
	for seed := range uint64(200) {
		n := 4 + int(seed%3)
		w := newWorld(t, n, simnet.Realistic(seed), nil)
		for i := range 2 + int(seed%uint64(n-1)) {
			w.add(w.nodes[i].log, i, 1, uint64(20+i))
			for _, o := range w.nodes {
				w.add(o.log, i, 1, uint64(20+i))
			}
		}
		for i := range 2 + int(seed%uint64(n-1)) {
			f := w.nodes[i].log.Frontier()
			f[i]--
			w.do(i, func(now time.Duration, out *protocols.Output) {
				if _, err := w.nodes[i].Propose(now, f, out); err != nil {
					t.Fatal(err)
				}
			})
		}
		w.net.Run(time.Hour, nil)
		if w.net.Now() > 80*time.Second || w.nodes[0].epoch() == 0 {
			t.Fatalf("seed %d: epoch %d after %v", seed, w.nodes[0].epoch(), w.net.Now())
		}
		for i, o := range w.nodes {
			if o.agreed != w.nodes[0].agreed || o.Rounds() != 0 || o.fence != nil {
				t.Fatalf("seed %d: member %d holds another cut, %d rounds or a fence", seed, i, o.Rounds())
			}
		}
		if w.nodes[0].epoch() > 1 {
			again++
		}
	}
	if again == 0 {
		t.Error("no seed split the votes")
	}
}

// Two runs of one seed are the same, bit for bit and state by state.
func TestRunsRepeat(t *testing.T) {
	trace := func() uint64 {
		o := simnet.Stressed(11)
		o.States = true
		w := newWorld(t, 5, o, nil)
		w.propose(1)
		w.propose(2)
		w.net.Run(time.Hour, nil)
		return w.net.Trace()
	}
	if a, b := trace(), trace(); a != b {
		t.Errorf("traces %x and %x", a, b)
	}
}

// A snapshot file that is damaged in any way is refused, with an error that says how.
func TestReadFileRefuses(t *testing.T) {
	w := newTeam(t, 3)
	l := w.log()
	w.add(l, 0, 1, 20)
	cut, err := l.CutAt(l.Frontier())
	if err != nil {
		t.Fatal(err)
	}
	p := &Proposal{Epoch: 4, Frontier: cut.Frontier, Root: cut.Root}
	b, err := AppendFile(nil, l, w.q.ID(), p)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := ReadFile(w.log(), b); err != nil || f.Cut.Root != cut.Root || f.Epoch != 4 || f.Group != w.q.ID() {
		t.Fatalf("%+v, %v", f, err)
	}
	for i := range b {
		if _, err := ReadFile(l, b[:i]); !errors.Is(err, ErrTruncated) || !errors.Is(err, protocols.ErrVerification) {
			t.Fatalf("cut short at %d: %v", i, err)
		}
		bad := slices.Clone(b)
		bad[i] ^= 1 << (i % 8)
		f, err := ReadFile(w.log(), bad)
		switch {
		case err == nil && (f.Cut.Root != cut.Root || f.Group != w.q.ID() || f.Epoch != 4 || f.Policy != p.Policy):
		case errors.Is(err, protocols.ErrVerification), errors.Is(err, protocols.ErrVersion):
		default:
			t.Fatalf("byte %d turned: %v", i, err)
		}
	}
	b[6] = 2
	if _, err := ReadFile(l, b); !errors.Is(err, protocols.ErrVersion) || errors.Is(err, protocols.ErrVerification) {
		t.Errorf("another version: %v", err)
	}
}
