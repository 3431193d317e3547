package ota

import (
	"fmt"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A crashing peer is driven by hand: it is the only one on a disk that forgets, and every datagram it
// sends reaches its fleet at once. Whenever it stops it starts anew from its store.
type crashing struct {
	tb     testing.TB
	f      *fleet
	disk   *simnet.Disk
	self   int
	n      *Node
	now    time.Duration
	queue  []delivery
	checks []Version // versions whose health was asked for, runs of equals once
	starts int
}

type delivery struct {
	to   int
	from protocols.PeerID
	data []byte
}

// run has the peer act, and restarts it as often as it crashes.
func (c *crashing) run(act func(out *protocols.Output)) {
	var out protocols.Output
	out.Reset()
	if c.disk.Run(func() { act(&out) }) {
		c.boot()
		return
	}
	c.post(c.self, &out)
}

func (c *crashing) boot() {
	for {
		c.starts++
		crashed := c.disk.Run(func() {
			store, err := protocols.NewFileStore(c.disk)
			if err == nil {
				c.n, err = c.f.build(c.self, store)
			}
			if err != nil {
				c.tb.Fatalf("start %d: %v", c.starts, err)
			}
		})
		if !crashed {
			c.run(func(out *protocols.Output) { c.n.Step(c.now, protocols.Input{}, out) })
			return
		}
	}
}

func (c *crashing) post(from int, out *protocols.Output) {
	for _, d := range out.Datagrams {
		for i := range c.f.nodes {
			if peer(i) == d.To {
				c.queue = append(c.queue, delivery{i, peer(from), d.Data})
			}
		}
	}
}

// pump delivers and lets time pass until it reaches a limit.
func (c *crashing) pump(limit time.Duration) {
	for c.now < limit {
		for len(c.queue) > 0 {
			d := c.queue[0]
			c.queue = c.queue[1:]
			c.step(d.to, protocols.Input{From: d.from, Data: d.data})
		}
		c.now += 100 * time.Millisecond
		for i := range c.f.nodes {
			c.step(i, protocols.Input{})
		}
	}
}

func (c *crashing) step(i int, in protocols.Input) {
	if i == c.self {
		c.run(func(out *protocols.Output) { c.n.Step(c.now, in, out) })
		return
	}
	var out protocols.Output
	out.Reset()
	c.f.nodes[i].Step(c.now, in, &out)
	c.post(i, &out)
}

func (c *crashing) epoch(e uint64) {
	for i, n := range c.f.nodes {
		if i == c.self {
			c.run(func(out *protocols.Output) { c.n.SetEpoch(c.now, e, out) })
			continue
		}
		var out protocols.Output
		out.Reset()
		n.SetEpoch(c.now, e, &out)
		c.post(i, &out)
	}
}

// life is a whole upgrade with a crash in the k-th disk operation. It returns how many there were.
func life(tb testing.TB, k int, seed uint64, health Health, staged bool, patch []byte) int {
	tb.Helper()
	f := newFleet(tb, simnet.Ideal(seed), 3, func(c *Config) { c.Staged, c.Starts = staged, 5 })
	c := &crashing{tb: tb, f: f, disk: simnet.NewDisk(seed), self: 1}
	store, err := protocols.NewFileStore(c.disk)
	if err == nil {
		_, err = Install(store, v1, oldContent, 4<<10)
	}
	if err != nil {
		tb.Fatal(err)
	}
	f.health = func(i int, p Package) Health {
		if i != c.self {
			return Good
		}
		if len(c.checks) == 0 || c.checks[len(c.checks)-1] != p.Version {
			c.checks = append(c.checks, p.Version)
		}
		return health
	}
	c.boot()
	ops := c.disk.Ops()
	c.disk.CrashAfter(k, 0)
	var id ID
	var out protocols.Output
	out.Reset()
	o := offer()
	o.Patch = patch
	if id, err = f.nodes[0].Propose(c.now, o, &out); err != nil {
		tb.Fatal(err)
	}
	c.post(0, &out)
	c.pump(20 * time.Second)
	if got := c.n.Running().Version; got != v1 {
		tb.Fatalf("crash at %d, seed %d: runs %v before the epoch", k, seed, got)
	}
	c.epoch(100)
	c.pump(40 * time.Second)
	c.epoch(101)
	c.pump(45 * time.Second)
	where := fmt.Sprintf("crash at operation %d of %d, seed %d, health %v", k, c.disk.Ops()-ops, seed, health)
	_, phase := c.n.Installing()
	want, runs := Confirmed, v2
	if health == Bad {
		want, runs = RolledBack, v1
	}
	if phase != want || c.n.Running().Version != runs || c.n.Err() != nil {
		tb.Fatalf("%s: %v, runs %v, %v; want %v", where, phase, c.n.Running().Version, c.n.Err(), want)
	}
	if len(c.checks) != 1 || c.checks[0] != v2 {
		tb.Fatalf("%s: activated %v", where, c.checks)
	}
	if st, _ := c.n.State(id); st != Done {
		tb.Fatalf("%s: ceremony %v", where, st)
	}
	if _, err := c.n.Content(); err != nil {
		tb.Fatalf("%s: %v", where, err)
	}
	return c.disk.Ops() - ops
}

// Wherever the power goes out, the peer comes back and ends where it would have without.
func TestCrashAtEveryDiskOperation(t *testing.T) {
	patch, err := Delta(oldContent, newContent)
	if err != nil {
		t.Fatal(err)
	}
	crashes := 0
	for _, staged := range []bool{false, true} {
		for _, p := range [][]byte{nil, patch} {
			for _, health := range []Health{Good, Bad} {
				all := life(t, 0, 1, health, staged, p)
				step := 1
				if testing.Short() {
					step = 7
				}
				for k := 1; k <= all; k += step {
					life(t, k, uint64(k), health, staged, p)
					crashes++
				}
			}
		}
	}
	t.Logf("%d crashes", crashes)
}
