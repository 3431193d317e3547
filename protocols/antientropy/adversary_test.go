package antientropy

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A liar is a member that speaks the channel and says whatever its script wants: answer is given
// each whole message and returns the messages to send back.
type liar struct {
	answer func(session uint64, m message) [][]byte
	ch     *protocols.Channel
	err    error
}

func (l *liar) Step(now time.Duration, in protocols.Input, out *protocols.Output) {
	defer func() {
		if l.ch != nil && l.err == nil {
			out.Wake = l.ch.Deadline()
		}
	}()
	if in.Data != nil && l.err == nil {
		e, err := protocols.ParseEnvelope(in.Data)
		if err != nil {
			panic(err)
		}
		if l.ch == nil {
			l.ch = protocols.NewChannel(protocols.ChannelOptions{MaxMessage: 8 << 20}, protocols.TypeAntiEntropy, in.From, e.Session, rand.New(rand.NewPCG(1, 1)))
		}
		if err := l.ch.Receive(now, e.Body); err != nil {
			l.err = err
			return
		}
		for {
			b, ok := l.ch.Next()
			if !ok {
				break
			}
			m, err := parseMessage(b)
			if err != nil {
				panic(err)
			}
			for _, reply := range l.answer(e.Session, m) {
				if err := l.ch.Send(reply); err != nil {
					panic(err)
				}
			}
		}
	}
	if l.ch != nil && l.err == nil {
		l.err = l.ch.Flush(now, out)
	}
}

// against runs a session of an honest node 0, holding ten records of its own, with a liar, and
// returns how it ended. Whatever the liar does, the honest log must be as it was unless intact says
// how many records it may have gained.
func (t *team) against(tb testing.TB, gained int, answer func(session uint64, m message) [][]byte) (Result, *liar) {
	tb.Helper()
	l := t.log(tb)
	t.add(tb, l, 0, 1, 10)
	before := l.Digest()
	w := t.world(tb, simnet.Ideal(1), Config{}, l)
	crook := &liar{answer: answer}
	if err := w.net.Add(t.Members[1], crook); err != nil {
		tb.Fatal(err)
	}
	err := w.net.Do(t.Members[0], func(now time.Duration, out *protocols.Output) {
		if _, err := w.nodes[0].Start(now, t.Members[1], out); err != nil {
			tb.Fatal(err)
		}
	})
	if err != nil {
		tb.Fatal(err)
	}
	w.net.Run(time.Hour, nil)
	r := w.only(tb, 0)
	if l.Len() != 10+gained || gained == 0 && l.Digest() != before || l.Digest() != l.Recompute() {
		tb.Errorf("the log was changed: %d records, want %d", l.Len(), 10+gained)
	}
	if w.nodes[0].Sessions() != 0 {
		tb.Error("the session was not freed")
	}
	return r, crook
}

// batchOf encodes records as a batch without checking them, in the given order.
func (t *team) batchOf(session, number uint64, rs ...Record) []byte {
	c := newCheck(session, number)
	tag := t.tag()
	b := make([]byte, batchHeader)
	run, runs := 0, 0
	for i, r := range rs {
		id := sha(signed(nil, &tag, &r.Author, r.append(nil, false)))
		c.add(&id)
		if i == 0 || r.Author != rs[i-1].Author {
			run = len(b) + 32
			runs++
			b = append(append(b, r.Author[:]...), 0, 0)
		}
		b[run]++
		b = append(b, r.append(nil, !t.Unsigned)...)
	}
	sum := c.sum()
	copy(b, sum[:])
	b[checkSize] = byte(runs)
	return b
}

func TestForgeriesChangeNothing(t *testing.T) {
	for _, unsigned := range []bool{true, false} {
		g := newTeam(3, unsigned)
		stranger := newTeam(4, unsigned).Members[3]
		good := g.record(1, 1)
		forge := func(f func(r *Record)) []Record {
			r := g.record(1, 2).Clone()
			f(&r)
			return []Record{good, r}
		}
		type forgery struct {
			name   string
			signed bool   // only where signatures are checked
			reason string // part of the error: each forgery must fail for its own sake
			batch  func(session uint64) []byte
		}
		records := func(rs []Record) func(uint64) []byte {
			return func(session uint64) []byte { return g.batchOf(session, 0, rs...) }
		}
		corrupt := func(at int) func(uint64) []byte {
			return func(session uint64) []byte {
				b := g.batchOf(session, 0, good)
				b[(at+len(b))%len(b)] ^= 1
				return b
			}
		}
		content, reason := -1, "check does not fit"
		if !unsigned {
			content, reason = -1-signatureSize, "signature" // it is checked first
		}
		for _, c := range []forgery{
			{"author is no member", false, "no member", records([]Record{{Kind: Op, Author: stranger, Seq: 1, Signature: make([]byte, 64)}})},
			{"another record of a number that is held", false, "same number", records([]Record{g.signed(Record{Kind: Op, Author: g.Members[0], Seq: 5, Payload: []byte("other")})})},
			{"number zero", false, "zero or leaps", records([]Record{g.signed(Record{Kind: Op, Author: g.Members[1]})})},
			{"number out of nowhere", false, "zero or leaps", records([]Record{g.signed(Record{Kind: Op, Author: g.Members[1], Seq: 1 << 24})})},
			{"unknown kind", false, "unknown kind", records([]Record{g.signed(Record{Kind: 9, Author: g.Members[1], Seq: 1})})},
			{"capability of a wrong length", false, "capability of", records([]Record{g.signed(Record{Kind: Cap, Author: g.Members[1], Seq: 1, Payload: []byte("x")})})},
			{"fact with a key too long", false, "fact whose key", records([]Record{g.signed(Record{Kind: Fact, Author: g.Members[1], Seq: 1, Payload: []byte{9, 0, 1}})})},
			{"the same record twice", false, "numbers out of order", records([]Record{good, good})},
			{"authors out of order", false, "authors out of order", func(session uint64) []byte {
				rs := []Record{g.record(1, 1), g.record(2, 1)}
				slices.SortFunc(rs, func(a, b Record) int { return -slices.Compare(a.Author[:], b.Author[:]) })
				return g.batchOf(session, 0, rs...)
			}},
			{"another session's batch", false, "check does not fit", func(session uint64) []byte { return g.batchOf(session+1, 0, good) }},
			{"another number's batch", false, "check does not fit", func(session uint64) []byte { return g.batchOf(session, 1, good) }},
			{"a flipped bit of content", false, reason, corrupt(content)},
			{"a flipped bit of the check", false, "check does not fit", corrupt(0)},
			{"cut short", false, "cut short", func(session uint64) []byte { b := g.batchOf(session, 0, good); return b[:len(b)-1] }},
			{"one byte more", false, "left over", func(session uint64) []byte { return append(g.batchOf(session, 0, good), 0) }},
			{"empty", false, "empty", func(session uint64) []byte { return g.batchOf(session, 0) }},
			{"signature by another", true, "signature", records(forge(func(r *Record) { r.Sign(g.Group, g.keys[g.Members[2]]) }))},
			{"signature for another group", true, "signature", records(forge(func(r *Record) {
				other := g.Group
				other.ID[0]++
				r.Sign(other, g.keys[r.Author])
			}))},
			{"signature of an unsigned group", true, "signature", records(forge(func(r *Record) {
				other := g.Group
				other.Unsigned = true
				r.Sign(other, g.keys[r.Author])
			}))},
			{"signature over other content", true, "signature", records(forge(func(r *Record) { r.Payload[0] ^= 1 }))},
		} {
			if c.signed && unsigned {
				continue
			}
			t.Run(fmt.Sprintf("unsigned=%v/%s", unsigned, c.name), func(t *testing.T) {
				r, crook := g.against(t, 0, func(session uint64, m message) [][]byte {
					if m.kind != msgSummary {
						return nil
					}
					summary := message{kind: msgSummary, leg: 2, digest: Digest{Epoch: g.Epoch}}
					batch := message{kind: msgBatch, leg: 2, batch: c.batch(session)}
					return [][]byte{summary.append(nil), batch.append(nil)}
				})
				if r.Converged || !errors.Is(r.Err, protocols.ErrVerification) || !strings.Contains(r.Err.Error(), c.reason) {
					t.Errorf("ended with %v, want a verification failure for %q", r.Err, c.reason)
				}
				if !errors.Is(crook.err, protocols.ErrVerification) {
					t.Errorf("the peer was told %v, want refused", crook.err)
				}
			})
		}
	}
}

// The table above would pass if everything were refused.
func TestHonestBatchOfTheForgersIsAccepted(t *testing.T) {
	for _, unsigned := range []bool{true, false} {
		g := newTeam(3, unsigned)
		r, _ := g.against(t, 1, func(session uint64, m message) [][]byte {
			if m.kind != msgSummary {
				return nil
			}
			summary := message{kind: msgSummary, leg: 2, digest: Digest{Epoch: g.Epoch}}
			batch := message{kind: msgBatch, leg: 2, batch: g.batchOf(session, 0, g.record(1, 1))}
			return [][]byte{summary.append(nil), batch.append(nil)}
		})
		if r.Applied != 1 || r.Converged {
			t.Errorf("applied %d, converged %v; want 1 and not converged", r.Applied, r.Converged)
		}
		// The liar never ends its turn: that takes a timeout, nothing else.
		if !errors.Is(r.Err, protocols.ErrTimeout) {
			t.Errorf("ended with %v, want a timeout", r.Err)
		}
	}
}

func TestBreachesOfTheSession(t *testing.T) {
	g := newTeam(2, true)
	opening := message{kind: msgSummary, leg: 2, digest: Digest{Epoch: g.Epoch}}
	summary := opening.append(nil)
	for _, c := range []struct {
		name   string
		reply  func(session uint64) [][]byte
		want   error
		reason string
	}{
		{"done at once", func(uint64) [][]byte { m := message{kind: msgDone, leg: 2}; return [][]byte{m.append(nil)} }, protocols.ErrVerification, "out of turn"},
		{"done for another digest", func(uint64) [][]byte {
			end := message{kind: msgEnd, leg: 2, digest: Digest{Epoch: g.Epoch}}
			done := message{kind: msgDone, leg: 4, digest: Digest{Epoch: g.Epoch}}
			return [][]byte{summary, end.append(nil), done.append(nil)}
		}, protocols.ErrVerification, "done with another digest"},
		{"two summaries", func(uint64) [][]byte { return [][]byte{summary, summary} }, protocols.ErrVerification, "out of turn"},
		{"a batch after the end", func(session uint64) [][]byte {
			end := message{kind: msgEnd, leg: 2, digest: Digest{Epoch: g.Epoch}}
			batch := message{kind: msgBatch, leg: 2, batch: g.batchOf(session, 0, g.record(1, 1))}
			return [][]byte{summary, end.append(nil), batch.append(nil)}
		}, protocols.ErrVerification, "out of turn"},
		{"a leg that nothing caused", func(uint64) [][]byte { m := opening; m.leg = 4; return [][]byte{m.append(nil)} }, protocols.ErrVerification, "leg 4 after leg 1"},
		{"the initiator's leg", func(uint64) [][]byte { m := opening; m.leg = 1; return [][]byte{m.append(nil)} }, protocols.ErrVerification, "leg 1 after leg 1"},
		{"a wish for what was never listed", func(uint64) [][]byte {
			m := message{kind: msgWant, leg: 2, ids: make([]byte, 32)}
			return [][]byte{summary, m.append(nil)}
		}, protocols.ErrVerification, "not listed"},
		{"an unknown message", func(uint64) [][]byte { return [][]byte{{99, 2, 0}} }, protocols.ErrVerification, "unknown type"},
		{"a message over the limit", func(uint64) [][]byte { return [][]byte{summary, make([]byte, 257<<10)} }, protocols.ErrVerification, "over 262144 bytes"},
		{"another epoch", func(uint64) [][]byte {
			m := opening
			m.digest.Epoch++
			return [][]byte{m.append(nil)}
		}, protocols.ErrVersion, "epoch is"},
		{"silence", func(uint64) [][]byte { return nil }, protocols.ErrTimeout, "not through within"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, _ := g.against(t, 0, func(session uint64, m message) [][]byte {
				if m.kind != msgSummary {
					return nil
				}
				return c.reply(session)
			})
			if r.Converged || !errors.Is(r.Err, c.want) || !strings.Contains(r.Err.Error(), c.reason) {
				t.Errorf("ended with %v, want %v for %q", r.Err, c.want, c.reason)
			}
		})
	}
}

// An author with two records of one number is found out even though all marks agree.
func TestEquivocationIsFound(t *testing.T) {
	for _, unsigned := range []bool{true, false} {
		g := newTeam(2, unsigned)
		a, b := g.log(t), g.log(t)
		g.add(t, a, 0, 1, 20)
		g.add(t, b, 0, 1, 9)
		other := g.signed(Record{Kind: Op, Author: g.Members[0], Seq: 10, Payload: []byte("told to b only")})
		if _, err := b.Insert(other); err != nil {
			t.Fatal(err)
		}
		g.add(t, b, 0, 11, 20)
		if _, err := a.Insert(other); !errors.Is(err, protocols.ErrVerification) {
			t.Errorf("insert: %v, want a verification failure", err)
		}
		da, db := a.Digest(), b.Digest()
		w := g.world(t, simnet.Realistic(1), Config{}, a, b)
		w.start(t, 0, 1)
		w.net.Run(time.Hour, nil)
		for i := range 2 {
			if r := w.only(t, i); r.Converged || !errors.Is(r.Err, protocols.ErrVerification) || r.Outcome != 0 {
				t.Errorf("unsigned=%v: node %d: %+v", unsigned, i, r)
			}
			if w.nodes[i].Sessions() != 0 {
				t.Errorf("node %d holds on to the session", i)
			}
		}
		if a.Digest() != da || b.Digest() != db {
			t.Error("a log changed")
		}
	}
}

// Ids may be asked for only where they were listed, and each only once.
func TestWishesAreChecked(t *testing.T) {
	g := newTeam(2, true)
	zero := func(m *message) { m.digest = Digest{Epoch: g.Epoch} }
	for _, c := range []struct {
		name   string
		ids    func(listed []byte) [][]byte
		reason string
	}{
		{"what was listed", func(listed []byte) [][]byte { return [][]byte{listed} }, ""},
		{"an unknown id", func(listed []byte) [][]byte { id := slices.Clone(listed[:32]); id[31] ^= 1; return [][]byte{id} }, "not listed"},
		{"an id of a part that does not differ", func([]byte) [][]byte { return [][]byte{make([]byte, 32)} }, "not listed"},
		{"all twice", func(listed []byte) [][]byte { return [][]byte{listed, listed} }, "twice"},
		{"out of order", func(listed []byte) [][]byte { return [][]byte{append(slices.Clone(listed[32:]), listed[:32]...)} }, "out of order"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := 0
			r, _ := g.against(t, 0, func(session uint64, m message) [][]byte {
				reply := message{leg: m.leg + 1}
				zero(&reply)
				switch m.kind {
				case msgSummary:
					// Marks as high as the honest side's, so that it sends nothing of itself.
					reply.kind, reply.marks = msgSummary, []Mark{{g.Members[0], 10}}
					end := reply
					end.kind = msgEnd
					return [][]byte{reply.append(nil), end.append(nil)}
				case msgEnd:
					reply.kind, reply.buckets = msgBuckets, new([bucketCount]uint64)
				case msgIDs:
					if !m.last || len(m.ids) != 10*32 {
						t.Errorf("%d ids listed, want 10 on one page", len(m.ids)/32)
					}
					var out [][]byte
					for _, ids := range c.ids(m.ids) {
						want := message{kind: msgWant, leg: m.leg + 1, ids: ids}
						out = append(out, want.append(nil))
					}
					reply.kind = msgEnd
					return append(out, reply.append(nil))
				case msgBatch:
					walkBatch(m.batch, false, func(*protocols.PeerID, []byte) error { got++; return nil })
					return nil
				}
				return [][]byte{reply.append(nil)}
			})
			switch {
			case r.Converged:
				t.Error("converged with a liar")
			// The liar begins again and again, which takes two rounds each time after the first two.
			case c.reason == "" && (got != 4*10 || !errors.Is(r.Err, protocols.ErrExhausted) || r.Rounds != 10):
				t.Errorf("%d records came in %d rounds, %v; want 40 in 10 rounds", got, r.Rounds, r.Err)
			case c.reason != "" && (got != 0 || !errors.Is(r.Err, protocols.ErrVerification) || !strings.Contains(r.Err.Error(), c.reason)):
				t.Errorf("%d records came; ended with %v, want %q", got, r.Err, c.reason)
			}
		})
	}
}
