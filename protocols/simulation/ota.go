package simulation

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/ota"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// Purposes of this world's sources of chance.
const (
	forOTA uint64 = 150 + iota
	forOTAWrites
	forOTAHealth
	forOTAContent
)

func otaWorld() *World {
	return &World{
		Name: "ota",
		Laws: `a package becomes active only with a certificate for its proposal, in its time, on its state,
with a version greater than any that was active before; it gives way only to the one before, if it was not healthy;
never two certificates for one state that are valid at one time; once faults have ended every ceremony is decided,
who could activate what was committed and known there has, as long as somebody had it, and an hour after the last
epoch nobody sends any more`,
		Play: playOTA,
	}
}

// An otaRun is a fleet whose members propose, also against each other, while epochs pass.
type otaRun struct {
	*Run
	net     *simnet.Network
	cfg     ota.Config
	ids     []protocols.PeerID
	nodes   []*ota.Node // as they run at present
	base    ota.Package
	running []ota.Package           // what each peer runs, over all its lives
	before  []ota.Package           // and what it ran before that
	floor   []ota.Version           // the greatest that was ever active there
	epoch   uint64                  // of the world
	certify map[[32]byte][]ota.ID   // by state before
	known   map[ota.ID]ota.Proposal // with a certificate
	by      map[ota.Package]ota.Proposal
	started []bool // whether a peer started anew since its package last changed
}

const otaChunk = 1 << 10

func otaContent(r *Run, v ota.Version, flavour uint64) []byte {
	rng := rand.New(rand.NewPCG(r.Seed, forOTAContent<<32|uint64(v.Minor)<<8|flavour))
	b := make([]byte, 1500+rng.IntN(4000))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	if v.Minor > 0 {
		b = append(b, otaContent(r, ota.Version{Major: 1}, 0)...)
	}
	return b
}

func playOTA(r *Run) error {
	rng := r.Source(forOTA)
	size := r.PeersBetween(2, 5)
	w := &otaRun{
		Run: r, ids: r.Cast.IDs(size), nodes: make([]*ota.Node, size), running: make([]ota.Package, size), before: make([]ota.Package, size),
		floor: make([]ota.Version, size), epoch: 10, certify: map[[32]byte][]ota.ID{}, known: map[ota.ID]ota.Proposal{},
		by: map[ota.Package]ota.Proposal{}, started: make([]bool, size),
	}
	group, err := quorum.NewGroup([32]byte{byte(r.Seed)}, w.ids)
	if err != nil {
		return err
	}
	policy := ota.Policy{Group: group, Notice: 2, Timeout: 30 * time.Second, MaxSize: 1 << 20}
	for i := range size {
		policy.Authorities = append(policy.Authorities, ota.Authority{byte(i % (size/2 + 1))})
	}
	w.cfg = ota.Config{
		Policy: policy, Peers: w.ids, Seed: r.Seed, Verifier: r.Cast.Verifier(), Staged: rng.IntN(2) == 0,
		Trial: 20 * time.Second, Starts: 1 + rng.IntN(4),
	}
	if w.net, err = r.Network(w.ids, Faults{Crashes: true, DiskCrashes: true, Partitions: true, Skew: true}); err != nil {
		return err
	}
	for i, id := range w.ids {
		if err := w.net.AddFunc(id, w.build(i)); err != nil {
			return err
		}
	}
	r.StopWithinWrite(w.net, w.ids, r.Source(forOTAWrites))
	if err := w.drive(rng); err != nil {
		return err
	}
	return r.Finish(w.net)
}

// build makes peer i anew at each of its starts, on a package that was there before everything.
func (w *otaRun) build(i int) func(int, *simnet.Disk) (protocols.Node, error) {
	cfg := w.cfg
	cfg.Self, cfg.Key = w.ids[i], w.Cast.Key(i)
	cfg.Check = func(p ota.Package) ota.Health { return w.health(i, p) }
	return func(boot int, disk *simnet.Disk) (protocols.Node, error) {
		w.nodes[i], w.started[i] = nil, boot > 0
		store, err := protocols.NewFileStore(disk)
		if err != nil {
			return nil, err
		}
		first := ota.Version{Major: 1}
		if p, err := ota.Install(store, first, otaContent(w.Run, first, 0), otaChunk); err == nil {
			w.base, w.running[i], w.floor[i] = p, p, first
		} else if !errors.Is(err, protocols.ErrVerification) {
			return nil, err
		}
		n, err := ota.NewNode(cfg, store)
		w.nodes[i] = n
		return n, err
	}
}

// health is the same whenever it is asked for, for one peer and one package.
func (w *otaRun) health(i int, p ota.Package) ota.Health {
	rng := rand.New(rand.NewPCG(w.Seed, forOTAHealth<<32|uint64(i)<<8|uint64(p.Version.Minor)))
	switch rng.IntN(8) {
	case 0:
		return ota.Bad
	case 1:
		return ota.Waiting
	}
	return ota.Good
}

// drive has members propose while faults go on, and lets epochs pass; then all becomes calm.
func (w *otaRun) drive(rng *rand.Rand) error {
	const faultsEnd = 10 * time.Second
	minor := uint32(0)
	// The network's time stands still where nothing is left to happen.
	for at := time.Duration(0); at < faultsEnd+20*time.Second; at += time.Duration(rng.Int64N(int64(2 * time.Second))) {
		if rng.IntN(3) == 0 && minor < 4 {
			minor++
			for range 1 + rng.IntN(2) { // sometimes two at once, about different contents
				w.propose(rng, rng.IntN(len(w.ids)), ota.Version{Major: 1, Minor: minor})
			}
		}
		if rng.IntN(2) == 0 {
			w.epoch++
		}
		for i := range w.ids {
			if rng.IntN(3) > 0 {
				w.tell(i)
			}
		}
		if err := w.run(at); err != nil {
			return err
		}
	}
	return w.calm()
}

// calm tells everybody the epoch and waits for what has to come of everything that was begun.
func (w *otaRun) calm() error {
	for range 40 {
		w.epoch++
		for i := range w.ids {
			w.tell(i)
		}
		if err := w.run(w.net.Now() + 2*time.Minute); err != nil {
			return err
		}
		for i, n := range w.nodes {
			if n == nil || n.Err() != nil {
				return fmt.Errorf("peer %d does not run long after the faults", i)
			}
		}
	}
	if err := w.silence(); err != nil {
		return err
	}
	for i, n := range w.nodes {
		for _, id := range w.names() {
			p := w.known[id]
			open := w.epoch >= p.Activation && w.epoch < p.Expiry && p.Prestate == ota.Prestate(w.running[i]) && p.Package.Version.Compare(w.floor[i]) > 0
			if st, _ := n.State(id); open && st != ota.Unknown && w.had(p) && w.proven(id) {
				_, phase := n.Installing()
				return fmt.Errorf("peer %d runs %v at epoch %d and never activated %v, committed for %d to %d (there: %v, %v)",
					i, w.running[i].Version, w.epoch, p.Package.Version, p.Activation, p.Expiry, st, phase)
			} else if st == ota.Collecting || st == ota.Awaiting {
				return fmt.Errorf("peer %d: ceremony %v is %v long after", i, id, st)
			}
		}
	}
	return nil
}

// silence looks whether the network falls silent once no epoch begins any more.
func (w *otaRun) silence() error {
	const bound = time.Hour
	if err := w.run(w.net.Now() + bound); err != nil {
		return err
	}
	before := w.net.Total().Datagrams
	if err := w.run(w.net.Now() + 24*bound); err != nil {
		return err
	}
	if n := w.net.Total().Datagrams - before; n > 0 {
		return fmt.Errorf("%d datagrams within a day, though nothing happened for %v before", n, bound)
	}
	return nil
}

// had reports whether somebody has a package, so that others can get it. Who took it back has not.
func (w *otaRun) had(p ota.Proposal) bool {
	for i, n := range w.nodes {
		if id, phase := n.Installing(); id == p.ID() && phase >= ota.Staged && phase <= ota.Confirmed || w.running[i] == p.Package {
			return true
		}
	}
	return false
}

// proven reports whether somebody still has the certificate. A ceremony that is through gives way to
// newer ones.
func (w *otaRun) proven(id ota.ID) bool {
	for _, n := range w.nodes {
		if _, _, ok := n.Certificate(id); ok {
			return true
		}
	}
	return false
}

// names lists the certified ceremonies in the order of their states' versions.
func (w *otaRun) names() (ids []ota.ID) {
	for minor := uint32(0); minor < 8; minor++ {
		for _, p := range w.ordered(minor) {
			ids = append(ids, p.ID())
		}
	}
	return ids
}

func (w *otaRun) ordered(minor uint32) (ps []ota.Proposal) {
	for _, p := range w.known { // any order: only whether there is one that is wrong matters
		if p.Package.Version.Minor == minor {
			ps = append(ps, p)
		}
	}
	return ps
}

func (w *otaRun) tell(i int) {
	if w.net.Node(w.ids[i]) != nil {
		w.net.Do(w.ids[i], func(now time.Duration, out *protocols.Output) { w.nodes[i].SetEpoch(now, w.epoch, out) })
	}
}

func (w *otaRun) propose(rng *rand.Rand, i int, v ota.Version) {
	o := ota.Offer{
		Version: v, Content: otaContent(w.Run, v, rng.Uint64N(4)), Hard: rng.IntN(2) == 0, Chunk: otaChunk,
		Activation: w.epoch + 2 + rng.Uint64N(6),
	}
	o.Expiry = o.Activation + 1 + rng.Uint64N(3)
	if rng.IntN(2) == 0 {
		o.Expiry += 1000
	}
	patched := rng.IntN(3) == 0
	if w.net.Node(w.ids[i]) == nil {
		return
	}
	w.net.Do(w.ids[i], func(now time.Duration, out *protocols.Output) {
		n := w.nodes[i]
		if patched {
			// Half of a patch: whoever gets it falls back to the whole package.
			o.Patch = o.Content[:len(o.Content)/2]
			if base, err := n.Content(); err == nil && rng.IntN(16) == 0 { // making one takes longer than the run
				if d, err := ota.Delta(base, o.Content); err == nil {
					o.Patch = d
				}
			}
		}
		id, err := n.Propose(now, o, out)
		w.Say(now, "p%d proposes %v for %d to %d: %v, %v", i, v, o.Activation, o.Expiry, id, err)
	})
}

// run lets time pass, and checks after every step.
func (w *otaRun) run(until time.Duration) error {
	var broken error
	w.net.Run(until, func() bool {
		broken = w.check()
		return broken != nil
	})
	if broken == nil {
		broken = w.check() // also of what was done from outside
	}
	if broken == nil {
		broken = w.net.Err()
	}
	return broken
}

func (w *otaRun) check() error {
	for i, n := range w.nodes {
		if n == nil {
			continue
		}
		for _, id := range n.Ceremonies() {
			if err := w.certified(n, id); err != nil {
				return fmt.Errorf("peer %d: %w", i, err)
			}
		}
		if id, phase := n.Installing(); phase == ota.RolledBack {
			// It may have come and gone within one step.
			if p, ok := w.known[id]; ok && p.Package.Version.Compare(w.floor[i]) > 0 {
				w.floor[i] = p.Package.Version
			}
		}
		now := n.Running()
		if now == w.running[i] {
			continue
		}
		if err := w.changed(i, n, now); err != nil {
			return fmt.Errorf("peer %d at epoch %d, from %v to %v: %w", i, n.Epoch(), w.running[i].Version, now.Version, err)
		}
		w.before[i], w.running[i], w.started[i] = w.running[i], now, false
	}
	return nil
}

// wentBack reports whether a peer may, within one step, have given up what it ran for what it ran before
// and activated p on that: what it gave up was not healthy, and its ceremony is over.
func (w *otaRun) wentBack(i int, n *ota.Node, p ota.Proposal) bool {
	given, ok := w.by[w.running[i]]
	healthy := w.health(i, w.running[i]) == ota.Good && w.cfg.Starts > 4
	return ok && !healthy && n.Epoch() >= given.Expiry && p.Prestate == ota.Prestate(w.before[i])
}

// changed looks whether a peer may run another package than a moment ago.
func (w *otaRun) changed(i int, n *ota.Node, now ota.Package) error {
	_, phase := n.Installing()
	if now == w.before[i] && w.floor[i] == w.running[i].Version {
		switch {
		case phase == ota.Activated || phase == ota.Confirmed: // it may have begun with the next one already
			return fmt.Errorf("back to the one before in phase %v", phase)
		case w.health(i, w.running[i]) == ota.Good && w.cfg.Starts > 4:
			return fmt.Errorf("rolled back though it was healthy")
		}
		return nil
	}
	p, ok := w.by[now]
	switch {
	case !ok:
		return fmt.Errorf("activated without a certificate, in phase %v", phase)
	case p.Package != now:
		return fmt.Errorf("activated another package than was committed")
	case n.Epoch() < p.Activation || n.Epoch() >= p.Expiry && !w.started[i]:
		return fmt.Errorf("activated at epoch %d, which was to be from %d and before %d", n.Epoch(), p.Activation, p.Expiry)
	case p.Prestate != ota.Prestate(w.running[i]) && !w.wentBack(i, n, p):
		return fmt.Errorf("activated on another state than was proposed")
	case now.Version.Compare(w.floor[i]) <= 0:
		return fmt.Errorf("activated a version not greater than %v", w.floor[i])
	}
	if _, err := n.Content(); err != nil {
		return fmt.Errorf("activated and not all there: %w", err)
	}
	w.floor[i] = now.Version
	return nil
}

// certified takes down a certificate that a peer has. Two of one state must not both hold at any epoch.
func (w *otaRun) certified(n *ota.Node, id ota.ID) error {
	if _, ok := w.known[id]; ok {
		return nil
	}
	p, cert, ok := n.Certificate(id)
	if !ok {
		return nil
	}
	if err := ota.VerifyCommit(w.cfg.Policy, w.cfg.Verifier, &p, &cert); err != nil {
		return err
	}
	for _, other := range w.certify[p.Prestate] {
		if q := w.known[other]; q.Expiry > p.Activation && p.Expiry > q.Activation {
			return fmt.Errorf("certificates for %v (%d to %d) and %v (%d to %d) on one state", other, q.Activation, q.Expiry, id, p.Activation, p.Expiry)
		}
	}
	w.certify[p.Prestate] = append(w.certify[p.Prestate], id)
	w.known[id], w.by[p.Package] = p, p
	return nil
}
