package simulation

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/epoch"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/simnet"
)

const (
	forEpoch uint64 = 50 + iota
	forTwins
	forWrites
)

func epochWorld() *World {
	return &World{
		Name: "epoch",
		Laws: `never two certificates for one epoch, not even at members that lie;
no honest member ever votes for two proposals in a round, or reports two things, crashes included;
no member's epoch ever falls, crashes included; every certificate verifies;
when faults have ended and a member goes on proposing, all honest members move on`,
		Play:     playEpoch,
		Describe: epoch.Describe,
	}
}

// An epochRun is a group of which the last so many members are twins: two nodes of one name that
// know nothing of each other, each with some of the others to talk to. Together they vote twice,
// propose twice and report what is not so.
type epochRun struct {
	*Run
	group   *quorum.Group
	net     *simnet.Network
	ids     []protocols.PeerID
	faulty  int
	nodes   []*epoch.Node // as they run at present; nil for twins
	twins   []*twins
	reached []uint64              // the highest epoch of each member, over all its lives
	certify map[uint64]epoch.ID   // by epoch
	checked map[epoch.ID]struct{} // certificates that were verified
	shown   [][2]epoch.Proposal   // that each member's nodes showed last
	said    []map[epoch.Promise]epoch.ID
	broken  error
}

// A witness is an honest member that is held to what it says.
type witness struct {
	*epoch.Node
	run *epochRun
	i   int
}

// Step steps the member and takes down what it promises.
func (w *witness) Step(now time.Duration, in protocols.Input, out *protocols.Output) {
	from := len(out.Datagrams)
	w.Node.Step(now, in, out)
	w.run.listen(w.i, out.Datagrams[from:])
}

func (e *epochRun) listen(i int, ds []protocols.Datagram) {
	for k, d := range ds {
		if k > 0 && bytes.Equal(d.Data, ds[k-1].Data) {
			continue // the same to somebody else
		}
		p, what, ok := epoch.Promised(d.Data)
		if !ok {
			continue
		}
		if was, ok := e.said[i][p]; ok && was != what {
			e.broken = fmt.Errorf("p%d says %x and %x: %+v", i, was[:4], what[:4], p)
		}
		e.said[i][p] = what
	}
}

func playEpoch(r *Run) error {
	rng := r.Source(forEpoch)
	size := r.PeersBetween(3, 8)
	e := &epochRun{Run: r, ids: r.Cast.IDs(size), certify: map[uint64]epoch.ID{}, checked: map[epoch.ID]struct{}{}}
	if r.Net == "" && rng.IntN(2) == 0 {
		e.faulty = size / 4
	}
	e.nodes, e.twins, e.reached = make([]*epoch.Node, size), make([]*twins, size), make([]uint64, size)
	e.shown = make([][2]epoch.Proposal, size)
	for range size {
		e.said = append(e.said, map[epoch.Promise]epoch.ID{})
	}
	var err error
	if e.group, err = quorum.NewGroup([32]byte{byte(r.Seed)}, e.ids); err != nil {
		return err
	}
	if e.net, err = r.Network(e.ids, Faults{Crashes: true, DiskCrashes: true, Partitions: true, Skew: true}); err != nil {
		return err
	}
	cfg := epoch.Config{Group: e.group, Verifier: r.Cast.Verifier(), Faulty: e.faulty, Seed: r.Seed}
	if r.Net == "" {
		if rng.IntN(2) == 0 {
			cfg.Beacon = 3 * time.Second
		}
		if rng.IntN(3) == 0 {
			cfg.Direct = 1
		}
		if rng.IntN(3) == 0 {
			cfg.Twice = -1
		}
	}
	for i, id := range e.ids {
		if err := e.net.AddFunc(id, e.build(i, cfg)); err != nil {
			return err
		}
	}
	r.StopWithinWrite(e.net, e.ids[:size-e.faulty], r.Source(forWrites))
	if err := e.drive(rng); err != nil {
		return err
	}
	return r.Finish(e.net)
}

// build makes member i anew at each of its starts.
func (e *epochRun) build(i int, cfg epoch.Config) func(int, *simnet.Disk) (protocols.Node, error) {
	cfg.Self = e.ids[i]
	cfg.Sign = func(s quorum.Statement) (quorum.Vote, error) { return e.Cast.Sign(e.group, i, s) }
	return func(boot int, disk *simnet.Disk) (protocols.Node, error) {
		if i >= len(e.ids)-e.faulty {
			t, err := newTwins(cfg, e.Source(forTwins+uint64(100*i+boot)))
			e.twins[i] = t
			return t, err
		}
		e.nodes[i] = nil
		store, err := protocols.NewFileStore(disk)
		if err != nil {
			return nil, err
		}
		cfg.Store = store
		n, err := epoch.NewNode(cfg)
		e.nodes[i] = n
		return &witness{n, e, i}, err
	}
}

// drive lets members propose now and then, until all honest ones are some epochs on.
func (e *epochRun) drive(rng *rand.Rand) error {
	const faultsEnd = 10 * time.Second
	goal := 2 + rng.Uint64N(4)
	limit, pace := 20*time.Minute, 2*time.Second
	frail := e.Net == "" && rng.IntN(2) == 0
	if e.Net == "" && rng.IntN(2) == 0 {
		pace /= 10
	}
	for at := time.Duration(0); at < limit; {
		if e.net.Now() > faultsEnd || rng.IntN(3) > 0 || at == 0 {
			from := rng.IntN(len(e.ids))
			if e.Net != "" {
				// With nobody in its way the owner proposes, as it would in use.
				from = int(e.nodes[0].Owner(e.lowest() + 1))
				from = e.place(from)
			}
			if frail && e.net.Now() < faultsEnd && e.twins[from] == nil {
				// It may be stopped in the middle of it, and is soon back.
				e.net.Disk(e.ids[from]).CrashAfter(1+rng.IntN(16), time.Duration(rng.Int64N(int64(pace))))
			}
			if err := e.propose(from, rng); err != nil {
				return err
			}
		}
		// When nothing is left to happen the network's time stands still, this does not.
		at = max(at, e.net.Now()) + time.Duration(rng.Int64N(int64(pace)))
		var broken error
		done := e.net.Run(at, func() bool {
			broken = e.check()
			return broken != nil || e.lowest() >= goal
		})
		if broken != nil || done {
			return broken
		}
		if err := e.net.Err(); err != nil {
			return err
		}
	}
	return fmt.Errorf("%d members, %d of them twins: at epoch %d after %v, want %d", len(e.ids), e.faulty, e.lowest(), limit, goal)
}

// place turns a member's index in the group into its place in the cast.
func (e *epochRun) place(member int) int {
	for i, id := range e.ids {
		if id == e.group.Member(member) {
			return i
		}
	}
	return 0
}

func (e *epochRun) propose(i int, rng *rand.Rand) error {
	if e.net.Node(e.ids[i]) == nil {
		return nil
	}
	p := epoch.Proposal{Attempt: rng.Uint32(), Life: 1000 + rng.Uint32N(30_000), Fence: rng.Uint64(), Digest: [32]byte{byte(i)}}
	return e.net.Do(e.ids[i], func(now time.Duration, out *protocols.Output) {
		if t := e.twins[i]; t != nil {
			t.propose(now, p, out)
			return
		}
		e.Say(now, "p%d proposes epoch %d", i, e.nodes[i].Epoch()+1)
		// While one is under way it is refused, which is as good.
		if _, err := e.nodes[i].Propose(now, p, out); err != nil {
			e.Say(now, "refused: %v", err)
		}
		e.listen(i, out.Datagrams)
	})
}

// lowest is the lowest epoch of an honest member; one that is down has epoch 0.
func (e *epochRun) lowest() uint64 {
	least := ^uint64(0)
	for i := range e.ids[:len(e.ids)-e.faulty] {
		if n := e.nodes[i]; n == nil || e.net.Node(e.ids[i]) == nil {
			return 0
		} else {
			least = min(least, n.Epoch())
		}
	}
	return least
}

func (e *epochRun) check() error {
	if e.broken != nil {
		return e.broken
	}
	for i := range e.ids {
		if t := e.twins[i]; t != nil {
			for k, n := range t.nodes {
				if err := e.one(i, n, &e.shown[i][k]); err != nil {
					return err
				}
			}
			continue
		}
		n := e.nodes[i]
		if n == nil || e.net.Node(e.ids[i]) == nil {
			continue
		}
		if n.Epoch() < e.reached[i] {
			return fmt.Errorf("p%d fell from epoch %d to %d", i, e.reached[i], n.Epoch())
		}
		e.reached[i] = n.Epoch()
		if err := e.one(i, n, &e.shown[i][0]); err != nil {
			return err
		}
		n.TakeResults()
	}
	return nil
}

// one holds a node's certificate against those seen before. Was is the proposal it showed last, which
// need not be looked at again.
func (e *epochRun) one(i int, n *epoch.Node, was *epoch.Proposal) error {
	c, ok := n.Certificate()
	if ok && c.Proposal == *was && was.Epoch == n.Epoch() {
		return nil
	}
	if !ok {
		if n.Epoch() != 0 {
			return fmt.Errorf("p%d is in epoch %d without a certificate", i, n.Epoch())
		}
		return nil
	}
	id := c.Proposal.ID()
	if _, ok := e.checked[id]; !ok {
		if err := c.Verify(e.group, e.Cast.Verifier(), n.Quorum()); err != nil || c.Proposal.Epoch != n.Epoch() {
			return fmt.Errorf("p%d is in epoch %d by a certificate of %d: %v", i, n.Epoch(), c.Proposal.Epoch, err)
		}
		e.checked[id] = struct{}{}
	}
	if other, ok := e.certify[n.Epoch()]; ok && other != id {
		return fmt.Errorf("two certificates for epoch %d: %x and %x", n.Epoch(), other[:4], id[:4])
	}
	e.certify[n.Epoch()] = id
	*was = c.Proposal
	return nil
}
