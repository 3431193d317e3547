package simulation

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/journal"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// journalWorld: members write, some crash within a write, some sync with all and think better of it.
func journalWorld() *World {
	return &World{
		Name: "journal",
		Laws: `a number of an author never names two records; logs only grow; what a publish made durable is
never lost; what is kept is bounded and freed; a sync with all ends each peer in one state and its
sums are right; when the faults are over, all logs become equal`,
		Play:     playJournal,
		Describe: journal.Describe,
	}
}

// Purposes of the world's sources of chance.
const (
	forJournalPlan = iota + 1
	forJournalDisks
	forJournalBoots
)

// A journalRun is one run of the world.
type journalRun struct {
	*Run
	ids    []protocols.PeerID
	net    *simnet.Network
	group  antientropy.Group
	rng    *rand.Rand
	first  map[recordName]string // what left its author, by name
	lens   []int
	nodes  []*journal.Node // as last seen, to know when a peer has started again
	kept   map[recordName]string
	syncs  []*journal.Node // that have a sync with all under way
	unique uint64
	broken error
}

type recordName struct {
	author protocols.PeerID
	seq    uint64
}

func playJournal(r *Run) error {
	w := &journalRun{Run: r, rng: r.Source(forJournalPlan), first: map[recordName]string{}, kept: map[recordName]string{}}
	n := r.PeersBetween(2, 6)
	w.ids = r.Cast.IDs(n)
	w.group = antientropy.Group{ID: [32]byte{1}, Key: [32]byte{2}, Epoch: 1, Members: w.ids}
	w.group.Unsigned = w.rng.IntN(16) != 0 // signing takes longer than all the rest
	w.group.Verifier = r.Cast.Verifier()
	w.lens, w.nodes, w.syncs = make([]int, n), make([]*journal.Node, n), make([]*journal.Node, n)
	var err error
	if w.net, err = r.Network(w.ids, Faults{Crashes: true, DiskCrashes: true, Partitions: true, Skew: true}); err != nil {
		return err
	}
	boots := r.Source(forJournalBoots)
	cfg := journal.Config{
		Parity: []float64{0, 0.25, 1}[w.rng.IntN(3)], Interval: time.Second,
		Concurrent: 1 + w.rng.IntN(3), // so that peers wait for their turn
		Session:    antientropy.Config{Timeout: 20 * time.Second},
	}
	for _, id := range w.ids {
		err := w.net.AddFunc(id, func(boot int, disk *simnet.Disk) (protocols.Node, error) {
			log, err := antientropy.NewLog(w.group)
			if err != nil {
				return nil, err
			}
			cfg := cfg
			cfg.Self, cfg.Seed = id, boots.Uint64()
			if cfg.Store, err = protocols.NewFileStore(disk); err != nil {
				return nil, err
			}
			return journal.New(log, cfg)
		})
		if err != nil {
			return err
		}
	}
	r.StopWithinWrite(w.net, w.ids, r.Source(forJournalDisks))
	for i := range w.ids {
		w.at(i, func(n *journal.Node, now time.Duration, out *protocols.Output) { n.Start(now, out) })
	}
	for range 4 + w.rng.IntN(12) {
		if w.run(w.net.Now()+time.Duration(w.rng.Int64N(int64(1500*time.Millisecond))), nil); w.broken != nil {
			return w.broken
		}
		w.act(w.rng.IntN(n))
	}
	if w.run(15*time.Second, nil); w.broken != nil {
		return w.broken
	}
	if !w.run(5*time.Minute, w.settled) && w.broken == nil {
		w.broken = fmt.Errorf("five minutes later the logs are not equal: they hold %v records; %d were kept", w.lens, len(w.kept))
	}
	if w.broken != nil {
		return w.broken
	}
	if err := w.final(); err != nil {
		return err
	}
	return r.Finish(w.net)
}

func (w *journalRun) at(i int, f func(n *journal.Node, now time.Duration, out *protocols.Output)) {
	if n, ok := w.net.Node(w.ids[i]).(*journal.Node); ok && n != nil {
		w.net.Do(w.ids[i], func(now time.Duration, out *protocols.Output) { f(n, now, out) })
	}
}

// act has one peer do something.
func (w *journalRun) act(i int) {
	switch w.rng.IntN(8) {
	case 0:
		w.at(i, func(n *journal.Node, now time.Duration, out *protocols.Output) {
			if w.syncs[i] != n && n.SyncAll(now, nil, out) == nil {
				w.syncs[i] = n
			}
		})
	case 1:
		w.at(i, func(n *journal.Node, now time.Duration, out *protocols.Output) {
			n.Cancel(now, out)
			if w.results(i, n); w.syncs[i] == n {
				w.broken = fmt.Errorf("peer %d cancelled a sync with all, which goes on", i)
			}
		})
	default:
		w.publish(i, 1+w.rng.IntN(12), w.rng.IntN(600))
	}
	w.check()
}

func (w *journalRun) publish(i, count, size int) {
	var records []antientropy.Record
	done := false
	w.at(i, func(n *journal.Node, now time.Duration, out *protocols.Output) {
		first := n.Log().Reach(w.number(n, i)) + 1
		for k := range uint64(count) {
			w.unique++
			rec := antientropy.Record{Kind: antientropy.Op, Author: w.ids[i], Seq: first + k, Payload: make([]byte, 8+size)}
			binary.LittleEndian.PutUint64(rec.Payload, w.unique)
			if !w.group.Unsigned {
				rec.Sign(w.group, w.Cast.Key(i))
			}
			records = append(records, rec)
		}
		if err := n.Publish(now, records, out); err != nil {
			w.broken = fmt.Errorf("publish %d records from %d on: %w", count, first, err)
			return
		}
		done = true
	})
	if done && w.net.Node(w.ids[i]) != nil {
		for _, r := range records {
			w.kept[recordName{r.Author, r.Seq}] = string(r.Payload)
		}
	}
}

func (w *journalRun) number(n *journal.Node, i int) int {
	number, _ := n.Log().Number(w.ids[i])
	return number
}

func (w *journalRun) run(until time.Duration, done func() bool) bool {
	ended := w.net.Run(until, func() bool {
		w.check()
		return w.broken != nil || done != nil && done()
	})
	return ended && w.broken == nil
}

// check looks at what has changed since the last step.
func (w *journalRun) check() {
	for i, id := range w.ids {
		n, _ := w.net.Node(id).(*journal.Node)
		if n == nil {
			continue
		}
		if n != w.nodes[i] {
			w.nodes[i], w.lens[i] = n, 0
		}
		log := n.Log()
		if log.Len() < w.lens[i] {
			w.broken = fmt.Errorf("peer %d holds %d records after %d", i, log.Len(), w.lens[i])
		}
		if n.Held() > 1000 || n.Sessions() > 64+5 {
			w.broken = fmt.Errorf("peer %d keeps %d things and %d sessions", i, n.Held(), n.Sessions())
		}
		w.results(i, n)
		if log.Len() == w.lens[i] {
			continue
		}
		w.lens[i] = log.Len()
		for r := range log.All() {
			if r.Author == id {
				continue // what has not left may be lost in a crash, and its number given again
			}
			name := recordName{r.Author, r.Seq}
			if was, ok := w.first[name]; ok && was != string(r.Payload) {
				w.broken = fmt.Errorf("peer %d holds another record %d of %v than was seen before", i, r.Seq, r.Author)
			}
			w.first[name] = string(r.Payload)
		}
	}
}

// results checks what syncs with all ended.
func (w *journalRun) results(i int, n *journal.Node) {
	for _, r := range n.TakeResults() {
		w.syncs[i] = nil
		if err := sums(&r, len(w.ids)-1); err != nil {
			w.broken = fmt.Errorf("peer %d: %w", i, err)
		}
	}
}

// sums checks that a result adds up.
func sums(r *journal.Result, peers int) error {
	states := map[journal.State]int{}
	applied := 0
	for _, p := range r.Peers {
		states[p.State]++
		applied += p.Applied
	}
	ended := states[journal.Synced] + states[journal.Failed] + states[journal.Cancelled]
	if ended != peers || len(r.Peers) != peers || r.Synced != states[journal.Synced] || r.Failed != states[journal.Failed] || r.Cancelled != states[journal.Cancelled] {
		return fmt.Errorf("a sync with %d peers ended them as %v", peers, states)
	}
	if applied != r.Applied || (r.Err() == nil) != (r.Synced == peers) {
		return fmt.Errorf("a sync says that it applied %d records, its peers say %d; error %v", r.Applied, applied, r.Err())
	}
	return nil
}

// settled reports whether all logs are equal and hold all that was kept.
func (w *journalRun) settled() bool {
	for i, id := range w.ids {
		n, _ := w.net.Node(id).(*journal.Node)
		if n == nil || w.lens[i] != w.lens[0] || w.lens[i] < len(w.kept) || w.syncs[i] == n {
			return false
		}
	}
	a := w.nodes[0].Log().Digest()
	for _, n := range w.nodes[1:] {
		if b := n.Log().Digest(); !a.Equal(&b) {
			return false
		}
	}
	return true
}

func (w *journalRun) final() error {
	for i, n := range w.nodes {
		log := n.Log()
		if log.Digest() != log.Recompute() {
			return fmt.Errorf("peer %d: its digest is not that of its records", i)
		}
		found := 0
		for r := range log.All() {
			if was, ok := w.kept[recordName{r.Author, r.Seq}]; ok {
				if found++; was != string(r.Payload) {
					return fmt.Errorf("peer %d: record %d of %v is not what its author published", i, r.Seq, r.Author)
				}
			}
		}
		if found != len(w.kept) {
			return fmt.Errorf("peer %d holds %d of %d records that were published", i, found, len(w.kept))
		}
	}
	return nil
}
