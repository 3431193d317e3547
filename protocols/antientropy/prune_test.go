package antientropy

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A draft is a record of three authors of which some state facts of a few keys and some take
// capabilities away, again and again.
func (t *team) draft(author int, seq uint64) Record {
	r := Record{Kind: Op, Author: t.Members[author], Seq: seq, Payload: bytes.Repeat([]byte{byte(author), byte(seq)}, 20)}
	switch x := (seq*7 + uint64(author)*3) % 5; {
	case x < 2:
		r.Kind, r.Payload = Fact, NewFact(string(rune('a'+seq%3)), []byte{byte(author), byte(seq)})
	case x == 2:
		r.Kind, r.Payload = Cap, NewCap(t.Members[seq%2], ^(uint64(1)<<(seq%6)))
	}
	return t.signed(r)
}

// alike fails unless two logs answer alike.
func alike(tb rapid.TB, what string, a, b *Log) {
	tb.Helper()
	if a.Digest() != b.Digest() || a.Recompute() != a.Digest() {
		tb.Fatalf("%s: digests differ: %+v, %+v, recomputed %+v", what, a.Digest(), b.Digest(), a.Recompute())
	}
	for _, key := range []string{"a", "b", "c", "none"} {
		x, ok := a.Fact(key)
		y, ok2 := b.Fact(key)
		if ok != ok2 || !bytes.Equal(x, y) {
			tb.Fatalf("%s: fact %s is %v, %v against %v, %v", what, key, x, ok, y, ok2)
		}
	}
	for _, m := range a.members {
		if x, y := a.Caps(m), b.Caps(m); x != y {
			tb.Fatalf("%s: capabilities %b against %b", what, x, y)
		}
	}
	if x, y := a.Marks(), b.Marks(); !slices.Equal(x, y) || !slices.Equal(a.Frontier(), b.Frontier()) {
		tb.Fatalf("%s: marks %v against %v", what, x, y)
	}
}

// drawCut draws a frontier that both logs cover and that lies nowhere below the base.
func drawCut(rt *rapid.T, l *Log) Frontier {
	f := l.Base()
	for a := range f {
		f[a] = rapid.Uint64Range(l.base[a], l.whole[a]).Draw(rt, "cut")
	}
	return f
}

// A log that prunes at random, in slices while records arrive, answers as the one that keeps
// everything: the naive twin. So does one that is restored from what the pruned one gives out.
func TestPrunedLogsAnswerAsFullOnes(t *testing.T) {
	for _, unsigned := range []bool{true, false} {
		g := newTeam(3, unsigned)
		rapid.Check(t, func(rt *rapid.T) {
			full, pruned := g.log(t), g.log(t)
			var c *Compactor
			insert := func(author int, seq uint64) {
				r := g.draft(author, seq)
				x, err := full.Insert(r)
				y, err2 := pruned.Insert(r)
				if err != nil || err2 != nil || x != y {
					rt.Fatalf("insert %d of author %d: %v, %v in the full log, %v, %v in the pruned", seq, author, x, err, y, err2)
				}
			}
			for range rapid.IntRange(1, 60).Draw(rt, "steps") {
				switch rapid.SampledFrom([]string{"insert", "insert", "append", "append", "append", "prune", "begin", "step", "step", "restore", "copy", "sync"}).Draw(rt, "do") {
				case "insert": // anywhere: holes, and what is pruned already
					insert(rapid.IntRange(0, 2).Draw(rt, "author"), rapid.Uint64Range(1, 40).Draw(rt, "seq"))
				case "append":
					a := rapid.IntRange(0, 2).Draw(rt, "author")
					at, _ := full.number[g.Members[a]]
					insert(a, full.whole[at]+1)
				case "prune":
					if _, err := pruned.Prune(drawCut(rt, pruned)); err != nil {
						rt.Fatal(err)
					}
				case "begin":
					var err error
					if c, err = NewCompactor(pruned, drawCut(rt, pruned), nil); err != nil {
						rt.Fatal(err)
					}
				case "step":
					if c == nil {
						continue
					}
					done, err := c.Step(rapid.IntRange(1, 2000).Draw(rt, "budget"))
					if errors.Is(err, protocols.ErrExhausted) && c.began != pruned.compactions || done {
						c = nil
					} else if err != nil {
						rt.Fatal(err)
					}
				case "copy":
					l := g.log(t)
					l.CopyFrom(pruned)
					alike(rt, "copy", l, full)
					if c == nil {
						pruned.CopyFrom(l)
					}
				case "restore":
					// Another replica that holds a part restores, and then takes the rest.
					cut := drawCut(rt, pruned)
					at, err := pruned.CutAt(cut)
					if err != nil {
						rt.Fatal(err)
					}
					b, err := pruned.AppendCut(nil, cut)
					if err != nil {
						rt.Fatal(err)
					}
					late := g.log(t)
					for r := range full.All() {
						if rapid.Bool().Draw(rt, "holds") {
							if _, err := late.Insert(r); err != nil {
								rt.Fatal(err)
							}
						}
					}
					if got, err := late.Restore(b, at.Root); err != nil || got.Root != at.Root || got.Records != at.Records || got.Bytes != at.Bytes || got.Keys != at.Keys || !slices.Equal(got.Caps, at.Caps) {
						rt.Fatalf("restore: %+v, %v", got, err)
					}
					if d, err := late.DigestAt(cut); err != nil || d != at.Digest {
						rt.Fatalf("restored digest of the cut %+v, %v, want %+v", d, err, at.Digest)
					}
					// The rest comes by a sync, from one who pruned or one who did not.
					other := g.log(t)
					if other.CopyFrom(full); rapid.Bool().Draw(rt, "from the pruned") && Frontier(late.base).Covers(pruned.base) {
						other.CopyFrom(pruned)
					}
					g.world(t, simnet.Ideal(1), Config{Batch: 4}, late, other).sync(t)
					alike(rt, "restored", late, full)
					again, err := late.AppendCut(nil, cut)
					if err != nil || !bytes.Equal(again, b) {
						rt.Fatalf("a restored log gives out another cut, %v", err)
					}
				case "sync":
					// Someone who holds all up to the base and lacks the rest.
					l := g.log(t)
					for r := range full.All() {
						if at, _ := l.number[r.Author]; r.Seq <= pruned.base[at] || rapid.Bool().Draw(rt, "holds") {
							if _, err := l.Insert(r); err != nil {
								rt.Fatal(err)
							}
						}
					}
					p := g.log(t)
					p.CopyFrom(pruned)
					g.world(t, simnet.Ideal(1), Config{Batch: 4}, p, l).sync(t)
					alike(rt, "synced", l, full)
				}
				alike(rt, "pruned", pruned, full)
				cut := drawCut(rt, pruned)
				x, err := pruned.CutAt(cut)
				y, err2 := full.CutAt(cut)
				if err != nil || err2 != nil || x.Root != y.Root || x.Digest != y.Digest || x.Records != y.Records || x.Keys != y.Keys || !slices.Equal(x.Caps, y.Caps) {
					rt.Fatalf("cut at %v: %+v, %v in the pruned log, %+v, %v in the full", cut, x, err, y, err2)
				}
				naive := Digest{Epoch: g.Epoch}
				for r := range full.All() {
					if at, _ := full.number[r.Author]; r.Seq <= cut[at] {
						id := full.headers[full.slot(at, r.Seq)-1].id
						e := full.key.element(&id)
						naive.sum(r.Kind).add(&e)
					}
				}
				if naive != x.Digest {
					rt.Fatalf("digest at %v is %+v, want %+v", cut, x.Digest, naive)
				}
				for a, n := range pruned.base {
					for seq := uint64(1); seq <= n; seq++ {
						if r, ok := pruned.Record(pruned.members[a], seq); ok && r.Kind == Op {
							rt.Fatalf("op %d of member %d is back", seq, a)
						}
					}
				}
			}
		})
	}
}

func TestHolesForbidPruning(t *testing.T) {
	g := newTeam(2, true)
	l := g.log(t)
	g.add(t, l, 0, 1, 5)
	g.add(t, l, 0, 7, 9)
	at := l.number[g.Members[0]]
	f := make(Frontier, 2)
	f[at] = 6
	if _, err := l.Prune(f); !errors.Is(err, protocols.ErrTimeout) || l.Len() != 8 {
		t.Errorf("pruned over a hole: %v", err)
	}
	if _, err := l.DigestAt(f); !errors.Is(err, protocols.ErrTimeout) {
		t.Errorf("a digest with a hole: %v", err)
	}
	f[at] = 5
	if n, err := l.Prune(f); err != nil || n != 4 {
		t.Errorf("dropped %d, %v, want 4: all but the fact", n, err)
	}
	f[at] = 4
	if _, err := l.Prune(f); !errors.Is(err, protocols.ErrPruned) || !errors.Is(err, protocols.ErrVersion) {
		t.Errorf("pruned below the base: %v", err)
	}
	if _, err := l.Prune(Frontier{1}); !errors.Is(err, protocols.ErrVerification) {
		t.Errorf("a frontier of another group: %v", err)
	}
}

// Whoever lacks pruned records is told that it needs the snapshot, on either side of a session, and
// nothing changes.
func TestSessionsSayThatTheSnapshotIsNeeded(t *testing.T) {
	g := newTeam(2, false)
	for _, from := range []int{0, 1} {
		logs := []*Log{g.log(t), g.log(t)}
		g.add(t, logs[0], 0, 1, 20)
		if _, err := logs[0].Prune(logs[0].Frontier()); err != nil {
			t.Fatal(err)
		}
		g.add(t, logs[1], 0, 1, 10)
		if c := logs[0].Since(logs[1].Marks()); !errors.Is(c.Err(), protocols.ErrPruned) || c.peek() >= 0 {
			t.Errorf("since: %v", c.Err())
		}
		w := g.world(t, simnet.Ideal(1), Config{}, logs...)
		w.start(t, from, 1-from)
		w.net.Run(1<<40, nil)
		a, b := w.only(t, 0), w.only(t, 1)
		if !errors.Is(a.Err, protocols.ErrPruned) || !errors.Is(b.Err, protocols.ErrPruned) || a.Converged || b.Converged {
			t.Errorf("started by %d: %v, %v", from, a.Err, b.Err)
		}
		if logs[1].Len() != 10 {
			t.Errorf("the log that lags holds %d records", logs[1].Len())
		}
	}
}

// A session that spans a compaction ends with an error rather than with other records.
func TestCompactionEndsSessions(t *testing.T) {
	g := newTeam(2, true)
	a, b := g.log(t), g.log(t)
	g.add(t, a, 0, 1, 200)
	g.add(t, b, 0, 1, 100)
	w := g.world(t, simnet.Realistic(1), Config{Batch: 1}, a, b)
	w.start(t, 0, 1)
	w.net.Run(60e6, nil)
	if _, err := a.Prune(Frontier(slices.Repeat([]uint64{0}, 2))); err != nil {
		t.Fatal(err)
	}
	w.net.Run(1<<40, nil)
	if r := w.only(t, 0); !errors.Is(r.Err, protocols.ErrTimeout) || r.Converged {
		t.Errorf("%+v", r)
	}
}

// Every wrong bit of a cut is found, and the log stays as it was.
func TestRestoreTakesNothingElse(t *testing.T) {
	g := newTeam(3, false)
	l := g.log(t)
	for a := range 3 {
		for seq := uint64(1); seq <= 12; seq++ {
			if _, err := l.Insert(g.draft(a, seq)); err != nil {
				t.Fatal(err)
			}
		}
	}
	f := l.Frontier()
	at, err := l.CutAt(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.AppendCut(nil, f)
	if err != nil {
		t.Fatal(err)
	}
	late := g.log(t)
	g.add(t, late, 0, 1, 1)
	before := late.Digest()
	for i := range b {
		bad := slices.Clone(b)
		bad[i] ^= 1 << (i % 8)
		if _, err := late.Restore(bad, at.Root); !errors.Is(err, protocols.ErrVerification) && !errors.Is(err, protocols.ErrVersion) || late.Digest() != before {
			t.Fatalf("byte %d turned: %v", i, err)
		}
		if _, err := late.Restore(b[:i], at.Root); !errors.Is(err, protocols.ErrVerification) {
			t.Fatalf("cut short at %d: %v", i, err)
		}
	}
	// The record held differs from what the cut has under its number: somebody wrote two of one number.
	other := g.log(t)
	if _, err := other.Insert(g.signed(Record{Kind: Op, Author: g.Members[1], Seq: 12})); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Restore(b, at.Root); !errors.Is(err, protocols.ErrVerification) || other.Len() != 1 {
		t.Errorf("a record with two contents: %v", err)
	}
	if _, err := late.Restore(b, at.Root); err != nil || late.Digest() != l.Digest() {
		t.Errorf("the cut itself: %v", err)
	}
	if _, err := late.Restore(b, at.Root); err != nil || late.Digest() != l.Digest() {
		t.Errorf("the cut again: %v", err)
	}
}

func FuzzParseCut(f *testing.F) {
	g := newTeam(2, true)
	l, err := NewLog(g.Group)
	if err != nil {
		f.Fatal(err)
	}
	for seq := uint64(1); seq <= 9; seq++ {
		if _, err := l.Insert(g.draft(0, seq)); err != nil {
			f.Fatal(err)
		}
	}
	b, err := l.AppendCut(nil, l.Frontier())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var again []byte
		n := uint32(0)
		frontier, d, err := parseCut(b, 2, false, func(author uint32, body []byte) error {
			again = appendCutRecord(again, author, body)
			n++
			return nil
		})
		if err != nil {
			return
		}
		again = appendCutEnd(append(appendCutHead(nil, frontier, &d), again...), n)
		if !bytes.Equal(again, b) {
			t.Errorf("%x re-encodes to %x", b, again)
		}
	})
}
