package simulation

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/simnet"
	"github.com/perfgate/perfgate/protocols/snapshot"
)

const (
	forSnapshot uint64 = 150 + iota
	forSnapshotWrites
)

func snapshotWorld() *World {
	return &World{
		Name: "snapshot",
		Laws: `never two cuts agreed on for one epoch; later ones cover earlier ones; each is what a log that
never dropped anything computes;
a log is pruned at nothing but what was agreed on, and no op below comes back;
when faults have ended all members hold the digest, facts and capabilities of all that was ever written,
whatever each has pruned, restored or lost in crashes; a new cut is agreed on everywhere; no fence is left`,
		Play:     playSnapshot,
		Describe: snapshot.Describe,
	}
}

// A snapshotRun is a group whose members write, sync, propose cuts, prune, crash and restore.
type snapshotRun struct {
	*Run
	group   antientropy.Group
	members *quorum.Group
	net     *simnet.Network
	ids     []protocols.PeerID
	cutters []*cutter
	truth   *antientropy.Log // all that was ever written
	agreed  map[uint64]quorum.Statement
	cuts    []snapshot.Commit // agreed on
	reached []uint64          // the highest epoch of each member, over all its lives
}

func playSnapshot(r *Run) error {
	rng := r.Source(forSnapshot)
	n := r.PeersBetween(2, 6)
	w := &snapshotRun{
		Run: r, ids: r.Cast.IDs(n), cutters: make([]*cutter, n), agreed: map[uint64]quorum.Statement{}, reached: make([]uint64, n),
	}
	w.group = antientropy.Group{ID: [32]byte{byte(r.Seed), 3}, Members: w.ids, Unsigned: true, Cells: 64}
	var err error
	if w.members, err = quorum.NewGroup(w.group.ID, w.ids); err != nil {
		return err
	}
	if w.truth, err = antientropy.NewLog(w.group); err != nil {
		return err
	}
	if w.net, err = r.Network(w.ids, Faults{Crashes: true, DiskCrashes: true, Partitions: true, Skew: true}); err != nil {
		return err
	}
	for i, id := range w.ids {
		if err := w.net.AddFunc(id, w.build(i)); err != nil {
			return err
		}
	}
	r.StopWithinWrite(w.net, w.ids, r.Source(forSnapshotWrites))
	if err := w.live(rng); err != nil {
		return err
	}
	if err := w.settle(rng); err != nil {
		return err
	}
	return r.Finish(w.net)
}

// build makes a member anew at each of its starts: from its snapshot, and from what it wrote itself,
// which it keeps count of. All else was in memory.
func (w *snapshotRun) build(i int) func(int, *simnet.Disk) (protocols.Node, error) {
	return func(boot int, disk *simnet.Disk) (protocols.Node, error) {
		w.cutters[i] = nil
		store, err := protocols.NewFileStore(disk)
		if err != nil {
			return nil, err
		}
		c := &cutter{self: i, store: store}
		if c.log, err = antientropy.NewLog(w.group); err != nil {
			return nil, err
		}
		c.cut, err = snapshot.NewNode(snapshot.Config{
			Key: w.Cast.Key(i), Group: w.members, Log: c.log, Store: store, Verifier: w.Cast.Verifier(),
			Seed: w.Seed, Timeout: 5 * time.Second, Block: 1024,
		})
		if err != nil {
			return nil, err
		}
		c.sync, err = antientropy.NewNode(c.log, antientropy.Config{Self: w.ids[i], Seed: w.Seed + uint64(boot), Timeout: 10 * time.Second})
		if err != nil {
			return nil, err
		}
		b, err := store.Read("own")
		if err != nil && !errors.Is(err, protocols.ErrNotStored) {
			return nil, err
		}
		if len(b) == 8 {
			c.own = binary.LittleEndian.Uint64(b)
		}
		for seq := uint64(1); seq <= c.own; seq++ {
			if _, err := c.log.Insert(w.record(i, seq)); err != nil {
				return nil, err
			}
		}
		w.cutters[i] = c
		return c, nil
	}
}

// record makes what a member writes under a number.
func (w *snapshotRun) record(i int, seq uint64) antientropy.Record {
	r := antientropy.Record{Kind: antientropy.Op, Author: w.ids[i], Seq: seq, Payload: []byte{byte(i), byte(seq), byte(w.Seed)}}
	switch x := (seq + uint64(i)*w.Seed) % 7; {
	case x < 2:
		r.Kind, r.Payload = antientropy.Fact, antientropy.NewFact(string(rune('a'+x)), []byte{byte(i), byte(seq)})
	case x == 2:
		r.Kind, r.Payload = antientropy.Cap, antientropy.NewCap(w.ids[seq%2], ^(uint64(1)<<(seq%16)))
	}
	return r
}

// live lets members do what they like while faults come and go.
func (w *snapshotRun) live(rng *rand.Rand) error {
	const faultsEnd = 10 * time.Second
	for w.net.Now() < faultsEnd {
		i := rng.IntN(len(w.ids))
		var err error
		switch what := rng.IntN(10); {
		case what < 4:
			err = w.write(i, 1+rng.IntN(8))
		case what < 8:
			err = w.start(i, rng.IntN(len(w.ids)))
		default:
			err = w.propose(i, rng)
		}
		if err == nil {
			err = w.run(time.Duration(rng.Int64N(int64(400 * time.Millisecond))))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// run lets time pass, with an eye on the laws.
func (w *snapshotRun) run(d time.Duration) error {
	var broken error
	w.net.Run(w.net.Now()+d, func() bool {
		broken = w.check()
		return broken != nil
	})
	if broken != nil {
		return broken
	}
	return w.net.Err()
}

// do acts at a member, unless it is down.
func (w *snapshotRun) do(i int, f func(c *cutter, now time.Duration, out *protocols.Output) error) error {
	if w.net.Node(w.ids[i]) == nil {
		return nil
	}
	var failed error
	err := w.net.Do(w.ids[i], func(now time.Duration, out *protocols.Output) {
		c := w.cutters[i]
		failed = f(c, now, out)
		c.after(now, out)
	})
	return errors.Join(err, failed)
}

func (w *snapshotRun) write(i, n int) error {
	return w.do(i, func(c *cutter, now time.Duration, out *protocols.Output) error {
		for range n {
			seq := c.own + 1
			if err := c.cut.Admit(seq); err != nil {
				return fmt.Errorf("member %d has its own records and must not write: %w", i, err)
			}
			// What may already be known to others is never written anew after a crash: counted first.
			if err := c.store.Write("own", binary.LittleEndian.AppendUint64(nil, seq)); err != nil {
				return err
			}
			c.own = seq
			r := w.record(i, seq)
			added, err := c.log.Insert(r)
			if err != nil || !added {
				return fmt.Errorf("member %d cannot write record %d: added %v, %w", i, seq, added, err)
			}
		}
		return nil
	})
}

func (w *snapshotRun) start(i, j int) error {
	if i == j {
		return nil
	}
	return w.do(i, func(c *cutter, now time.Duration, out *protocols.Output) error {
		_, err := c.sync.Start(now, w.ids[j], out)
		c.wakeSync = out.Wake
		if errors.Is(err, protocols.ErrExhausted) {
			return nil
		}
		return err
	})
}

func (w *snapshotRun) propose(i int, rng *rand.Rand) error {
	return w.do(i, func(c *cutter, now time.Duration, out *protocols.Output) error {
		low, f := make(antientropy.Frontier, len(w.ids)), c.log.Frontier()
		if k, ok := c.cut.Committed(); ok {
			low = k.Frontier
		}
		if !f.Covers(low) {
			return nil // it lags
		}
		if rng.IntN(2) == 0 {
			for a := range f {
				f[a] -= rng.Uint64N(f[a] - low[a] + 1)
			}
		}
		_, err := c.cut.Propose(now, f, out)
		c.wakeCut = out.Wake
		if errors.Is(err, protocols.ErrExhausted) || errors.Is(err, protocols.ErrVersion) {
			return nil
		}
		return err
	})
}

// settle lets the members, now that hardly anything disturbs them, come to one state, and agree once
// more. A crash within a write may still be to come.
func (w *snapshotRun) settle(rng *rand.Rand) error {
	limit := w.net.Now() + 20*time.Minute
	last := uint64(0)
	for e := range w.agreed { // any order: the highest is one
		last = max(last, e)
	}
	for round := 0; !w.same() || w.lowest() <= last; round++ {
		switch {
		case w.net.Now() > limit:
			return fmt.Errorf("members differ or do not agree after %v: %s", limit, w.describeAll())
		case w.same():
			if err := w.propose(rng.IntN(len(w.ids)), rng); err != nil {
				return err
			}
		default:
			for i := range w.ids {
				if err := w.start(i, (i+1+round%(len(w.ids)-1))%len(w.ids)); err != nil {
					return err
				}
			}
		}
		if err := w.run(4 * time.Second); err != nil {
			return err
		}
	}
	if err := w.run(limit); err != nil {
		return err
	}
	for i, c := range w.cutters {
		if c == nil {
			continue
		}
		_, stands := c.cut.Fence()
		if stands || c.cut.Rounds() != 0 || c.sync.Sessions() != 0 {
			return fmt.Errorf("member %d is not at rest: fence %v, %d rounds, %d sessions", i, stands, c.cut.Rounds(), c.sync.Sessions())
		}
	}
	return nil
}

// lowest is the lowest epoch of a member.
func (w *snapshotRun) lowest() uint64 {
	least := ^uint64(0)
	for _, c := range w.cutters {
		k := snapshot.Commit{}
		if c != nil {
			k, _ = c.cut.Committed()
		}
		least = min(least, k.Epoch)
	}
	return least
}
