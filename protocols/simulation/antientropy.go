package simulation

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/simnet"
)

const forAntiEntropy uint64 = 100

func antiEntropyWorld() *World {
	return &World{
		Name: "antientropy",
		Laws: `a log never loses a record, and holds only what its authors wrote;
a sync that reports success names a digest that both had; none among honest members
ends as a breach of the rules; sessions are bounded and freed; when faults and writing have
ended, all logs become one`,
		Play:     playAntiEntropy,
		Describe: antientropy.Describe,
	}
}

// An antiEntropyRun is a group whose members write, sync with each other at random and crash. A log
// outlives a crash, as one on a disk would; sessions do not.
type antiEntropyRun struct {
	*Run
	net   *simnet.Network
	group antientropy.Group
	ids   []protocols.PeerID
	nodes []*antientropy.Node
	logs  []*antientropy.Log
	all   *antientropy.Log // every record that was ever written
	had   []map[antientropy.Digest]bool
	count []uint64
	last  []uint64 // the highest number of each author

	signed *witnessed
}

// maxSyncs bounds the sessions of one node.
const maxSyncs = 4

func playAntiEntropy(r *Run) error {
	rng := r.Source(forAntiEntropy)
	size := r.PeersBetween(2, 6)
	a := &antiEntropyRun{Run: r, ids: r.Cast.IDs(size), last: make([]uint64, size), count: make([]uint64, size)}
	a.group = antientropy.Group{ID: [32]byte{1}, Epoch: r.Seed, Key: [32]byte{byte(r.Seed)}, Members: a.ids}
	a.group.Unsigned = rng.IntN(4) > 0
	// Few cells make ranges of small differences.
	a.group.Cells = []int{8, 64, 256, 2048}[rng.IntN(4)]
	a.signed = &witnessed{Memo: r.Cast.Verifier()}
	a.group.Verifier = a.signed
	var err error
	if a.all, err = antientropy.NewLog(a.group); err != nil {
		return err
	}
	for range a.ids {
		l, err := antientropy.NewLog(a.group)
		if err != nil {
			return err
		}
		a.logs, a.nodes = append(a.logs, l), append(a.nodes, nil)
		a.had = append(a.had, map[antientropy.Digest]bool{})
	}
	if err := a.past(rng); err != nil {
		return err
	}
	if a.net, err = r.Network(a.ids, Faults{Crashes: true, Partitions: true, Skew: true}); err != nil {
		return err
	}
	cfg := antientropy.Config{
		Seed: r.Seed, Batch: 1 + rng.IntN(40), MaxSessions: maxSyncs, Timeout: 20 * time.Second,
		Channel: protocols.ChannelOptions{Loss: []float64{-1, 0.001, 0.05}[rng.IntN(3)]},
	}
	for i, id := range a.ids {
		if err := a.net.AddFunc(id, a.build(i, cfg)); err != nil {
			return err
		}
	}
	if err := a.drive(rng); err != nil {
		return err
	}
	return r.Finish(a.net)
}

// past gives the logs a history: whole, with a few holes, or so full of them that only cells help.
func (a *antiEntropyRun) past(rng *rand.Rand) error {
	records, keep := uint64(rng.IntN(60)), []int{100, 90, 50}[rng.IntN(3)]
	if a.group.Unsigned && rng.IntN(12) == 0 {
		records = 1100 + uint64(rng.IntN(400))
	}
	late := -1 // who missed nearly all of it
	if rng.IntN(4) == 0 {
		records, late = 100+uint64(rng.IntN(200)), rng.IntN(len(a.ids))
	}
	for seq := uint64(1); seq <= records; seq++ {
		author := rng.IntN(1 + rng.IntN(len(a.ids)))
		if records > 1000 {
			author = 0
		}
		if records > 1000 && seq%2 == 0 {
			a.last[author]++ // nobody has it any more
			continue
		}
		rec := a.write(author, rng)
		for i, l := range a.logs {
			if i == late && rng.IntN(20) > 0 || records < 1000 && rng.IntN(100) >= keep || records > 1000 && rng.IntN(50) == 0 {
				continue
			}
			if _, err := l.Insert(rec); err != nil {
				return err
			}
		}
	}
	return nil
}

// write makes an author's next record.
func (a *antiEntropyRun) write(author int, rng *rand.Rand) antientropy.Record {
	a.last[author]++
	rec := antientropy.Record{Kind: antientropy.Op, Author: a.ids[author], Seq: a.last[author]}
	switch rng.IntN(6) {
	case 0:
		rec.Kind, rec.Payload = antientropy.Fact, antientropy.NewFact("key", []byte{byte(rng.Uint32())})
	case 1:
		rec.Kind, rec.Payload = antientropy.Cap, antientropy.NewCap(a.ids[rng.IntN(len(a.ids))], rng.Uint64())
	default:
		rec.Payload = make([]byte, rng.IntN(200))
		if rng.IntN(30) == 0 {
			rec.Payload = make([]byte, rng.IntN(20_000))
		}
		rec.Payload = binary.LittleEndian.AppendUint64(rec.Payload, rng.Uint64())
	}
	if !a.group.Unsigned {
		rec.Sign(a.group, a.Cast.Key(author))
	}
	// The first of each author is checked as it would be anywhere.
	a.signed.own = rec.Seq > 1
	added, err := a.all.Insert(rec)
	a.signed.own = false
	if err != nil || !added {
		panic(fmt.Sprintf("a record that is new is refused: %v", err))
	}
	return rec
}

func (a *antiEntropyRun) build(i int, cfg antientropy.Config) func(int, *simnet.Disk) (protocols.Node, error) {
	cfg.Self = a.ids[i]
	return func(boot int, _ *simnet.Disk) (protocols.Node, error) {
		cfg.Seed = a.Seed<<8 | uint64(boot)
		n, err := antientropy.NewNode(a.logs[i], cfg)
		a.nodes[i] = n
		return n, err
	}
}

// drive lets members write and sync at random, and then sync until all hold the same.
func (a *antiEntropyRun) drive(rng *rand.Rand) error {
	const faultsEnd = 10 * time.Second
	until := time.Duration(0)
	run := func(most time.Duration) error {
		var broken error
		until = max(a.net.Now(), until) + time.Duration(rng.Int64N(int64(most)))
		a.net.Run(until, func() bool { broken = a.check(); return broken != nil })
		return errors.Join(broken, a.net.Err())
	}
	for range 4 + rng.IntN(12) {
		if author := rng.IntN(len(a.ids)); rng.IntN(2) == 0 {
			if _, err := a.logs[author].Insert(a.write(author, rng)); err != nil {
				return fmt.Errorf("own record is refused: %w", err)
			}
		}
		from, to := rng.IntN(len(a.ids)), []int{rng.IntN(len(a.ids))}
		if rng.IntN(3) == 0 {
			to = rng.Perm(len(a.ids))
		}
		if err := a.start(from, to...); err != nil {
			return err
		}
		if err := run(800 * time.Millisecond); err != nil {
			return err
		}
	}
	until = max(until, faultsEnd)
	for range 200 {
		if err := run(25 * time.Second); err != nil {
			return err
		}
		if a.settled() {
			return a.whole()
		}
		for i := range a.ids {
			if err := a.start(i, (i+1+rng.IntN(len(a.ids)-1))%len(a.ids)); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("%d members do not agree after %v, long after faults ended", len(a.ids), until)
}

// start opens sessions, with all at once, unless a member is down or has as many as it may.
func (a *antiEntropyRun) start(from int, to ...int) error {
	var peers []protocols.PeerID
	for _, i := range to {
		if i != from {
			peers = append(peers, a.ids[i])
		}
	}
	if len(peers) == 0 || a.net.Node(a.ids[from]) == nil {
		return nil
	}
	var failed error
	err := a.net.Do(a.ids[from], func(now time.Duration, out *protocols.Output) {
		a.remember()
		for _, p := range peers {
			if _, err := a.nodes[from].StartAmong(now, p, peers, out); err != nil && !errors.Is(err, protocols.ErrExhausted) {
				failed = err
			}
		}
	})
	return errors.Join(err, failed)
}

// remember notes the digests that logs have now.
func (a *antiEntropyRun) remember() {
	for i, l := range a.logs {
		a.had[i][l.Digest()] = true
	}
}

// check looks at the laws of safety.
func (a *antiEntropyRun) check() error {
	a.remember()
	for i, n := range a.nodes {
		d := a.logs[i].Digest()
		if d.Count() < a.count[i] {
			return fmt.Errorf("the log of member %d lost records: %d of %d are left", i, d.Count(), a.count[i])
		}
		a.count[i] = d.Count()
		if n.Sessions() > maxSyncs {
			return fmt.Errorf("member %d has %d sessions, at most %d", i, n.Sessions(), maxSyncs)
		}
		for _, r := range n.TakeResults() {
			peer := 0
			for a.ids[peer] != r.Peer {
				peer++
			}
			switch {
			case r.Converged && !(a.had[peer][r.Digest] && a.had[i][r.Digest]):
				return fmt.Errorf("member %d reports success with a digest that it or member %d never had", i, peer)
			case r.Converged != (r.Err == nil) || r.Converged != (r.Outcome != 0):
				return fmt.Errorf("member %d reports %+v", i, r)
			case errors.Is(r.Err, protocols.ErrVerification) || errors.Is(r.Err, protocols.ErrVersion):
				return fmt.Errorf("member %d accuses member %d, which is honest: %w", i, peer, r.Err)
			}
		}
	}
	return nil
}

// settled reports whether all logs are one and nobody is in a session.
func (a *antiEntropyRun) settled() bool {
	for i, n := range a.nodes {
		if d, first := a.logs[i].Digest(), a.logs[0].Digest(); n.Sessions() > 0 || !d.Equal(&first) {
			return false
		}
	}
	return true
}

// whole checks that the logs hold exactly what was written, but for what nobody had.
func (a *antiEntropyRun) whole() error {
	l := a.logs[0]
	if d := l.Digest(); d != l.Recompute() {
		return fmt.Errorf("the digest kept is not that of the log")
	}
	if o := l.Compare(a.all); o != antientropy.Equal && o != antientropy.LocalBehind {
		return fmt.Errorf("the logs against all that was written: %v", o)
	}
	for i := range a.logs {
		if o := a.logs[i].Compare(l); o != antientropy.Equal {
			return fmt.Errorf("logs of one digest differ: member %d is %v", i, o)
		}
	}
	return nil
}
