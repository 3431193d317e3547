package antientropy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/cells"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// What a side said in one message.
type said struct {
	leg   uint16
	parts []part
}

// get returns the body of the part of a kind, or nil.
func (m said) get(kind byte) []byte {
	for _, p := range m.parts {
		if p.kind == kind {
			return p.body
		}
	}
	return nil
}

func hear(b []byte) (m said, err error) {
	leg, rest, err := parseMessage(b)
	m.leg = leg
	for len(rest) > 0 && err == nil {
		var p part
		p, rest = cutPart(rest)
		m.parts = append(m.parts, p)
	}
	return m, err
}

func say(leg uint16, parts ...part) []byte {
	b := binary.LittleEndian.AppendUint16(nil, leg)
	for _, p := range parts {
		b = appendPart(b, p)
	}
	return b
}

// closes is the part that shows a digest that no log has.
func (t *team) closes() part {
	c := closing{epoch: t.Epoch, show: show{1}}
	return part{partShow, c.append(nil)}
}

// A liar is a member that speaks the channel and says whatever its script wants: answer is given
// each whole message and returns the messages to send back.
type liar struct {
	answer func(session uint64, m said) [][]byte
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
			m, err := hear(b)
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
func (t *team) against(tb testing.TB, gained int, answer func(session uint64, m said) [][]byte) (Result, *liar) {
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

// place is where an author stands among the sorted members, or past them all.
func (t *team) place(author protocols.PeerID) (n int) {
	for _, m := range t.Members {
		if m == author {
			for _, o := range t.Members {
				if bytes.Compare(o[:], m[:]) < 0 {
					n++
				}
			}
			return n
		}
	}
	return len(t.Members)
}

// batchOf encodes records as a batch without checking them, in the given order.
func (t *team) batchOf(session, number uint64, rs ...Record) []byte {
	c := newCheck(nil, session, number)
	tag := t.tag()
	b := make([]byte, batchHeader)
	run, runs := 0, 0
	for i, r := range rs {
		id := sha(signed(nil, &tag, &r.Author, r.append(nil, false)))
		c.add(&id)
		if i == 0 || r.Author != rs[i-1].Author {
			run = len(b) + 2
			runs++
			b = append(b, byte(t.place(r.Author)), 0, 0, 0)
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
				r, crook := g.against(t, 0, func(session uint64, m said) [][]byte {
					if m.leg != 1 {
						return nil
					}
					return [][]byte{say(2, part{partBatch, c.batch(session)})}
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
		r, _ := g.against(t, 1, func(session uint64, m said) [][]byte {
			if m.leg != 1 {
				return nil
			}
			return [][]byte{say(2, part{partBatch, g.batchOf(session, 0, g.record(1, 1))})}
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
	end := g.closes()
	marks := func(exact byte, rest ...byte) part { return part{partMarks, append([]byte{exact}, rest...)} }
	coded := func(n int) part { return part{partCells, g.log(t).appendCells(nil, n)} }
	le := binary.LittleEndian
	for _, c := range []struct {
		name   string
		reply  func(session uint64) [][]byte
		want   error
		reason string
	}{
		{"two ends", func(uint64) [][]byte { return [][]byte{say(2, end, end)} }, protocols.ErrVerification, "out of turn"},
		{"a batch after the end", func(session uint64) [][]byte {
			return [][]byte{say(2, end), say(2, part{partBatch, g.batchOf(session, 0, g.record(1, 1))})}
		}, protocols.ErrVerification, "out of turn"},
		{"a leg that nothing caused", func(uint64) [][]byte { return [][]byte{say(4, end)} }, protocols.ErrVerification, "leg 4 after leg 1"},
		{"the initiator's leg", func(uint64) [][]byte { return [][]byte{say(1, end)} }, protocols.ErrVerification, "leg 1 after leg 1"},
		{"a wish for what was never offered", func(uint64) [][]byte { return [][]byte{say(2, part{partShorts, make([]byte, 4)})} }, protocols.ErrVerification, "not offered"},
		{"a wish by salted id before there is a salt", func(uint64) [][]byte { return [][]byte{say(2, part{partSalted, make([]byte, 8)})} }, protocols.ErrVerification, "not offered"},
		{"a list before there are ranges", func(uint64) [][]byte { return [][]byte{say(2, part{partList, make([]byte, 9)})} }, protocols.ErrVerification, "list of no range"},
		{"a list of a range that is none", func(uint64) [][]byte {
			whole := part{partRanges, cells.AppendRanges(nil, []cells.Range{{}})}
			return [][]byte{say(2, whole, part{partList, append([]byte{0}, le.AppendUint64(nil, 1)...)})}
		}, protocols.ErrVerification, "list of no range"},
		{"a list outside its range", func(uint64) [][]byte {
			whole := part{partRanges, cells.AppendRanges(nil, []cells.Range{{}})}
			list := le.AppendUint64(append([]byte{1}, make([]byte, 8)...), 1<<63)
			return [][]byte{say(2, whole, part{partList, list})}
		}, protocols.ErrVerification, "list outside its range"},
		{"ranges cut short", func(uint64) [][]byte { return [][]byte{say(2, part{partRanges, []byte{0, 1}})} }, protocols.ErrVerification, "decode ranges"},
		{"cells cut short", func(uint64) [][]byte { return [][]byte{say(2, marks(0), part{partCells, []byte{0, 9, 0}}, end)} }, protocols.ErrVerification, "decode cells"},
		{"marks of a stranger", func(uint64) [][]byte { return [][]byte{say(2, marks(1, 9, 1, 0), end)} }, protocols.ErrVerification, "marks of a stranger"},
		{"marks of a stranger, with cells", func(uint64) [][]byte { return [][]byte{say(2, marks(0, 9, 1), coded(9), end)} }, protocols.ErrVerification, "marks of a stranger"},
		{"marks with a hole at the end", func(uint64) [][]byte { return [][]byte{say(2, marks(1, 0, 2, 1, 2, 1), end)} }, protocols.ErrVerification, "decode marks"},
		{"marks with adjacent holes", func(uint64) [][]byte { return [][]byte{say(2, marks(1, 0, 9, 2, 2, 1, 1, 1), end)} }, protocols.ErrVerification, "decode marks"},
		{"marks of nothing", func(uint64) [][]byte { return [][]byte{say(2, marks(0, 0, 0), end)} }, protocols.ErrVerification, "decode marks"},
		{"more holes than may be told", func(uint64) [][]byte {
			var holes []run
			for i := range uint64(maxRuns + 1) {
				holes = append(holes, run{2*i + 1, 2*i + 1})
			}
			return [][]byte{say(2, marks(1, appendRuns([]byte{0, 0xff, 0xff, 0x7f}, holes)...), end)}
		}, protocols.ErrVerification, "too many holes"},
		{"an unknown part", func(uint64) [][]byte { return [][]byte{say(2, part{99, nil})} }, protocols.ErrVerification, "unknown kind 99"},
		{"a part cut short", func(uint64) [][]byte { return [][]byte{say(2, end)[:20]} }, protocols.ErrVerification, "part cut short"},
		{"nothing", func(uint64) [][]byte { return [][]byte{{2, 0}} }, protocols.ErrVerification, "cut short"},
		{"a message over the limit", func(uint64) [][]byte { return [][]byte{make([]byte, 257<<10)} }, protocols.ErrVerification, "over 262144 bytes"},
		{"another epoch", func(uint64) [][]byte {
			c := closing{epoch: g.Epoch + 1}
			return [][]byte{say(2, part{partShow, c.append(nil)})}
		}, protocols.ErrVersion, "epoch is"},
		{"silence", func(uint64) [][]byte { return nil }, protocols.ErrTimeout, "not through within"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, _ := g.against(t, 0, func(session uint64, m said) [][]byte {
				if m.leg != 1 {
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

// Records may be asked for by number or id, each only once in a turn, and as often as there are
// rounds.
func TestWishesAreChecked(t *testing.T) {
	g := newTeam(2, true)
	first := 0
	if bytes.Compare(g.Members[0][:], g.Members[1][:]) > 0 {
		first = 1
	}
	numbers := func(runs ...run) part { return part{partWish, appendRuns(appendAuthor(nil, first, -1), runs)} }
	for _, c := range []struct {
		name   string
		wishes []part
		gets   int // in each round
		reason string
	}{
		{"all", []part{numbers(run{1, 10})}, 10, ""},
		{"two parts", []part{numbers(run{1, 2}), numbers(run{5, 6}, run{9, 9})}, 5, ""},
		{"more than there are", []part{numbers(run{9, 1 << 60})}, 2, ""},
		{"twice", []part{numbers(run{1, 5}), numbers(run{5, 6})}, 0, "twice"},
		{"backwards", []part{numbers(run{4, 5}), numbers(run{1, 2})}, 0, "twice"},
		{"of a stranger", []part{{partWish, appendRuns(appendAuthor(nil, 2, -1), []run{{1, 1}})}}, 0, "stranger"},
		{"none of an author", []part{{partWish, appendRuns(appendAuthor(nil, 0, -1), nil)}}, 0, "decode wishes"},
		{"a number of zero", []part{{partWish, []byte{0, 1, 0, 1}}}, 0, "decode wishes"},
		{"ids out of order", []part{{partShorts, []byte{2, 0, 0, 0, 1, 0, 0, 0}}}, 0, "wrong length or order"},
		{"an unknown id", []part{{partShorts, []byte{1, 0, 0, 0}}}, 0, "not offered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := 0
			r, _ := g.against(t, 0, func(session uint64, m said) [][]byte {
				for _, p := range m.parts {
					if p.kind == partBatch {
						walkBatch(p.body, false, func(int, []byte) error { got++; return nil })
					}
				}
				if m.get(partShow) == nil {
					return nil
				}
				return [][]byte{say(m.leg+1, append(slices.Clone(c.wishes), g.closes())...)}
			})
			switch {
			case r.Converged:
				t.Error("converged with a liar")
			case c.reason == "" && (got != 9*c.gets || !errors.Is(r.Err, protocols.ErrExhausted) || r.Rounds != 10):
				t.Errorf("%d records came in %d rounds, %v; want %d in 10 rounds", got, r.Rounds, r.Err, 9*c.gets)
			case c.reason != "" && (got != 0 || !errors.Is(r.Err, protocols.ErrVerification) || !strings.Contains(r.Err.Error(), c.reason)):
				t.Errorf("%d records came; ended with %v, want %q", got, r.Err, c.reason)
			}
		})
	}
}
