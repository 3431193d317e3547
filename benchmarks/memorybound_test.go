package benchmarks

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime"
	"sort"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/epoch"
	"github.com/perfgate/perfgate/protocols/journal"
	"github.com/perfgate/perfgate/protocols/ota"
	"github.com/perfgate/perfgate/protocols/receipt"
	"github.com/perfgate/perfgate/protocols/session"
	"github.com/perfgate/perfgate/protocols/simnet"
	"github.com/perfgate/perfgate/protocols/snapshot"
)

// A bound is what a limit was driven to.
type bound struct {
	held func() int // sessions, datagrams, bytes: what the limit counts
	keep any        // what holds it
	// more, where not nil, asks for one more, which must be refused with the error want and leave held as it is.
	more func() error
	want error
}

// always is the held of what does not count itself.
func always(n int) func() int { return func() int { return n } }

// bounds are the limits that MemoryBound drives. What prepare itself makes is not counted.
var bounds = []struct {
	limit   string
	prepare func(b *testing.B) func() bound
}{
	{"sessions", boundSessions}, {"operations", boundOperations}, {"syncs", boundSyncs}, {"answered", boundAnswered}, {"results", boundResults},
	{"concurrent", boundConcurrent}, {"flight", boundFlight}, {"queue", boundQueue}, {"message", boundMessage}, {"reassembly", boundReassembly},
	{"payload", boundPayload}, {"lead", boundLead}, {"receipts", boundReceipts}, {"epochs", boundEpochs}, {"cuts", boundCuts}, {"package", boundPackage},
}

// boundSessions fills a manager.
func boundSessions(b *testing.B) func() bound {
	return func() bound {
		const room = 1000
		m := newSessionManager(b, room)
		for range room {
			if _, err := m.Open(0, sessionPair); err != nil {
				b.Fatal(err)
			}
		}
		more := func() error { _, err := m.Open(0, sessionPair); return err }
		return bound{m.Live, m, more, session.ErrCapacity}
	}
}

// boundOperations charges a session with all that it may do by default.
func boundOperations(b *testing.B) func() bound {
	return func() bound {
		m := newSessionManager(b, 1)
		id, err := m.Open(0, sessionPair)
		if err == nil {
			err = m.Activate(0, id)
		}
		for ops := int64(100); ops > 0; ops /= 10 { // in ever smaller steps, until nothing fits
			for err == nil {
				err = m.Charge(0, id, ops, 0)
			}
			if !errors.Is(err, session.ErrLimit) {
				b.Fatal(err)
			}
			err = nil
		}
		held := func() int { info, _ := m.Get(id); return int(info.Ops) }
		more := func() error { return m.Charge(0, id, 1, 0) }
		return bound{held, m, more, session.ErrLimit}
	}
}

// deaf returns a node with a thousand records whose datagrams go nowhere.
func deaf(b *testing.B, l *antientropy.Log, self int) *antientropy.Node {
	n, err := antientropy.NewNode(l, antientropy.Config{Self: team().Members[self], Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// boundSyncs has a node begin as many syncs as it may by default, with peers that never answer.
func boundSyncs(b *testing.B) func() bound {
	l := fill(b, 1000)
	return func() bound {
		n := deaf(b, l, 0)
		var out protocols.Output
		begin := func() error {
			out.Reset()
			_, err := n.Start(0, team().Members[1], &out)
			return err
		}
		var err error
		for err == nil && n.Sessions() < 1000 {
			err = begin()
		}
		return bound{n.Sessions, n, begin, protocols.ErrExhausted}
	}
}

// boundAnswered has another peer open sessions with a node, which answers the last with a reset.
func boundAnswered(b *testing.B) func() bound {
	l, other := fill(b, 1000), fill(b, 999)
	var opening [][]byte // the first datagram of each
	for len(opening) < 100 {
		n := deaf(b, other, 1)
		for range 50 {
			var out protocols.Output
			out.Reset()
			if _, err := n.Start(0, team().Members[0], &out); err != nil {
				b.Fatal(err)
			}
			first := out.Datagrams[0].Data
			binary.LittleEndian.PutUint64(first[2:], uint64(len(opening))) // a session of its own
			opening = append(opening, first)
		}
	}
	return func() bound {
		n := deaf(b, l, 0)
		var out protocols.Output
		take := func() error {
			out.Reset()
			n.Step(0, protocols.Input{From: team().Members[1], Data: opening[n.Sessions()+n.Refused()]}, &out)
			if n.Refused() == 0 {
				return nil
			}
			e, err := protocols.ParseEnvelope(out.Datagrams[0].Data)
			if err != nil {
				return err
			}
			// What the peer makes of it.
			c := protocols.NewChannel(protocols.ChannelOptions{}, e.Type, team().Members[0], e.Session, rand.New(rand.NewPCG(1, 1)))
			return c.Receive(0, e.Body)
		}
		var err error
		for err == nil && n.Sessions() < len(opening)-1 {
			err = take()
		}
		return bound{n.Sessions, n, take, protocols.ErrExhausted}
	}
}

// boundResults leaves results of syncs where they are.
func boundResults(b *testing.B) func() bound {
	d := newDuo(b, 100)
	return func() bound {
		net, nodes := d.prepare(b, simnet.Ideal(1))
		d.sync(b, net, nodes, 1)
		for range 1100 {
			doAt(b, net, d.group.Members[0], func(now time.Duration, out *protocols.Output) error {
				_, err := nodes[0].Start(now, d.group.Members[1], out)
				return err
			})
			net.Run(protocols.Never, nil)
			nodes[1].TakeResults()
		}
		r := nodes[0].TakeResults()
		return bound{held: always(len(r)), keep: r}
	}
}

// boundConcurrent has a peer sync with eleven others at once; more wait for their turn.
func boundConcurrent(b *testing.B) func() bound {
	return func() bound {
		c := newCrowd(b, 12, simnet.Ideal(1), journal.Config{}, nil)
		c.publish(b, c.batch(0, 1))
		doAt(b, c.net, c.group.Members[0], func(now time.Duration, out *protocols.Output) error { return c.nodes[0].SyncAll(now, nil, out) })
		most := c.nodes[0].Sessions()
		c.net.Run(c.net.Now()+time.Hour, func() bool {
			most = max(most, c.nodes[0].Sessions())
			return false
		})
		if r := c.nodes[0].TakeResults(); len(r) != 1 || r[0].Synced != 11 {
			b.Fatalf("%+v", r)
		}
		return bound{held: always(most), keep: c.nodes[0]}
	}
}

// boundPayload inserts a record with the largest payload, and one of a byte more.
func boundPayload(b *testing.B) func() bound {
	return func() bound {
		l := newLog(b)
		insert := func(seq, size int) error {
			r := record(0, seq)
			r.Payload = make([]byte, size)
			_, err := l.Insert(r)
			return err
		}
		if err := insert(1, antientropy.MaxPayload); err != nil {
			b.Fatal(err)
		}
		return bound{always(antientropy.MaxPayload), l, func() error { return insert(2, antientropy.MaxPayload+1) }, protocols.ErrVerification}
	}
}

// boundLead inserts the record with the greatest number that an empty log takes; the table of numbers
// grows by all below it.
func boundLead(b *testing.B) func() bound {
	return func() bound {
		l := newLog(b)
		insert := func(seq int) error { _, err := l.Insert(record(0, seq)); return err }
		most := sort.Search(1<<20, func(seq int) bool {
			l = newLog(b)
			return insert(seq+1) != nil
		})
		l = newLog(b)
		if err := insert(most); err != nil {
			b.Fatal(err)
		}
		return bound{always(most), l, func() error { return insert(2*most + 1) }, protocols.ErrVerification}
	}
}

// boundReceipts makes the longest chain.
func boundReceipts(b *testing.B) func() bound {
	t := newTrail(b, 1)
	return func() bound {
		chain := t.chain[:1:1]
		var err error
		add := func() error {
			chain, err = receipt.Append(chain, receiptSaid(len(chain), chain[0].Signer), t.keys[0])
			return err
		}
		for err == nil && len(chain) < 1000 {
			err = add()
		}
		return bound{func() int { return len(chain) }, t, add, protocols.ErrExhausted}
	}
}

// boundEpochs has a member propose as many epochs at once as it may.
func boundEpochs(b *testing.B) func() bound {
	a := newAssembly(b, 10)
	cfg := a.config(0, 1)
	return func() bound {
		var out protocols.Output
		n := proposed(b, cfg, &out)
		more := func() error {
			_, err := n.Propose(0, epoch.Proposal{Attempt: 1}, &out)
			return err
		}
		return bound{always(1), n, more, protocols.ErrExhausted}
	}
}

// boundCuts has a member propose as many cuts at once as it may.
func boundCuts(b *testing.B) func() bound {
	c := newCouncil(b, 10, 100, 64)
	return func() bound {
		n, err := snapshot.NewNode(c.config(0, 1, c.log))
		if err != nil {
			b.Fatal(err)
		}
		var out protocols.Output
		propose := func() error {
			out.Reset()
			_, err := n.Propose(0, c.log.Frontier(), &out)
			return err
		}
		for err == nil && n.Rounds() < 100 {
			err = propose()
		}
		return bound{n.Rounds, n, propose, protocols.ErrExhausted}
	}
}

// boundPackage offers the largest package that a fleet takes, and one of a byte more.
func boundPackage(b *testing.B) func() bound {
	const most = 1 << 20
	policy, ids := otaPolicy(b, 3)
	policy.MaxSize = most
	content := make([]byte, most+1)
	return func() bound {
		store := simnet.Memory{}
		n, err := ota.NewNode(ota.Config{Policy: policy, Self: ids[0], Key: otaKey(0), Peers: ids, Seed: 1}, store)
		if err != nil {
			b.Fatal(err)
		}
		propose := func(size int) error {
			var out protocols.Output
			_, err := n.Propose(0, ota.Offer{Version: ota.Version{Major: 2}, Content: content[:size], Activation: 100, Expiry: 200}, &out)
			return err
		}
		if err := propose(most); err != nil {
			b.Fatal(err)
		}
		return bound{always(most), []any{n, store}, func() error { return propose(most + 1) }, protocols.ErrVerification}
	}
}

// MemoryBound drives what is limited to its limit, and asks for one more.
func BenchmarkMemoryBound(b *testing.B) {
	for _, limit := range bounds {
		b.Run("limit="+limit.limit, func(b *testing.B) {
			drive := limit.prepare(b)
			held := 0
			var bytes []float64
			for b.Loop() {
				before := heapInUse()
				d := drive()
				bytes = append(bytes, float64(max(heapInUse()-before, 0)))
				held = d.held()
				if d.more != nil {
					if err := d.more(); !errors.Is(err, d.want) || d.held() != held {
						b.Fatalf("one more than %d: %v, want %v; then %d", held, err, d.want, d.held())
					}
				}
				runtime.KeepAlive(d.keep)
			}
			b.ReportMetric(float64(held), "held")
			b.ReportMetric(median(bytes), "held-B")
		})
	}
}
