package simulation

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// Faults says which faults a world's peers are to meet, besides those of links.
type Faults struct {
	// Crashes allows peers to stop and start again, for which they must be added with AddFunc.
	Crashes bool
	// DiskCrashes also stops them within a write of their disk: see Run.StopWithinWrite.
	DiskCrashes bool
	// Partitions allows the network to fall apart for a while.
	Partitions bool
	// Skew allows clocks that disagree.
	Skew bool
	// Until is when the last partition and crash are over; default 10 s.
	Until time.Duration
}

// Network returns a network with the run's scenario, or with faults by seed among these peers.
func (r *Run) Network(ids []protocols.PeerID, f Faults) (*simnet.Network, error) {
	var opts simnet.Options
	if r.Net == "" {
		opts = r.faults(ids, f)
	} else {
		i := slices.IndexFunc(simnet.Scenarios(), func(s simnet.Scenario) bool { return s.Name == r.Net })
		if i < 0 {
			return nil, fmt.Errorf("no scenario %q; use ideal, realistic, stressed or none", r.Net)
		}
		opts = simnet.Scenarios()[i].Options(r.Seed)
	}
	opts.States = r.States
	opts.Observe = r.observer(ids)
	r.Figures.Peers = len(ids)
	return simnet.New(opts)
}

// faults draws a network. Half of the runs have a network that is merely slow, so that the plain
// ways are well trodden too.
func (r *Run) faults(ids []protocols.PeerID, f Faults) simnet.Options {
	rng := r.Source(forFaults)
	ms := func(most int64) time.Duration { return time.Duration(rng.Int64N(most*int64(time.Millisecond) + 1)) }
	some := func(share float64, most float64) float64 {
		if on, v := rng.Float64() < share, rng.Float64()*most; on {
			return v
		}
		return 0
	}
	until := f.Until
	if until <= 0 {
		until = 10 * time.Second
	}
	o := simnet.Options{Seed: r.Seed}
	o.Link.Delay = ms(120)
	o.Link.Jitter = ms(30)
	if rng.IntN(2) == 0 {
		o.Processing = ms(1)
	}
	if rng.IntN(3) == 0 {
		o.Link.Rate, o.Link.Queue = 1_000_000<<rng.IntN(11), 64<<10
	}
	if rng.IntN(2) == 0 {
		o.Link.Loss = some(0.7, 0.2)
		o.Link.Duplicate = some(0.5, 0.2)
		o.Link.Reorder, o.Link.HoldBack = some(0.5, 0.2), ms(500)
		if rng.IntN(4) == 0 {
			o.Link.Burst = simnet.Burst{Begin: some(1, 0.02), End: 0.1 + some(1, 0.4), Loss: 1}
		}
	}
	if f.Skew && rng.IntN(2) == 0 {
		o.Skew, o.Drift = ms(2000), rng.Int64N(500)
	}
	if f.Partitions && rng.IntN(2) == 0 {
		for range 1 + rng.IntN(2) {
			o.Partitions = append(o.Partitions, partition(rng, ids, until))
		}
	}
	if f.Crashes && rng.IntN(2) == 0 {
		for _, i := range rng.Perm(len(ids))[:1+rng.IntN((len(ids)+1)/2)] {
			at := time.Duration(rng.Int64N(int64(until / 2)))
			o.Crashes = append(o.Crashes, simnet.Crash{Peer: ids[i], At: at, Back: time.Duration(rng.Int64N(int64(until / 2)))})
		}
	}
	return o
}

func partition(rng *rand.Rand, ids []protocols.PeerID, until time.Duration) simnet.Partition {
	from := time.Duration(rng.Int64N(int64(until)))
	p := simnet.Partition{From: from, Until: from + time.Duration(rng.Int64N(int64(until-from)))}
	for _, i := range rng.Perm(len(ids))[:1+rng.IntN(max(len(ids)-1, 1))] {
		p.Group = append(p.Group, ids[i])
	}
	return p
}

// StopWithinWrite makes, by seed, some of the peers stop within one of their next writes. The world
// calls it after adding its peers, if it likes also later.
func (r *Run) StopWithinWrite(net *simnet.Network, ids []protocols.PeerID, rng *rand.Rand) {
	if r.Net != "" {
		return
	}
	for _, id := range ids {
		k, back := 1+rng.IntN(24), time.Duration(rng.Int64N(int64(3*time.Second)))
		if rng.IntN(4) == 0 {
			net.Disk(id).CrashAfter(k, back)
		}
	}
}

// Finish takes down what the run came to.
func (r *Run) Finish(net *simnet.Network) error {
	f := &r.Figures
	f.Steps, f.Time, f.Trace, f.Counters = net.Steps(), net.Now(), net.Trace(), net.Total()
	return net.Err()
}

// Say writes a line of the world's own into the trace.
func (r *Run) Say(at time.Duration, format string, args ...any) {
	if r.Trace != nil {
		fmt.Fprintf(r.Trace, "%12s  %s\n", stamp(at), fmt.Sprintf(format, args...))
	}
}

func stamp(at time.Duration) string {
	return fmt.Sprintf("%.3fms", float64(at)/float64(time.Millisecond))
}

// observer returns what counts crashes and tells events, or nil.
func (r *Run) observer(ids []protocols.PeerID) func(simnet.Event) {
	if r.Trace == nil {
		return nil
	}
	name := func(id protocols.PeerID) string {
		if i := slices.Index(ids, id); i >= 0 {
			return fmt.Sprintf("p%d", i)
		}
		return id.String()
	}
	return func(e simnet.Event) {
		what := ""
		if e.Data != nil {
			what = fmt.Sprintf("  %d B", len(e.Data))
			if r.describe != nil {
				what += "  " + r.describe(e.Data)
			} else {
				what += "  " + hex.EncodeToString(e.Data[:min(len(e.Data), 16)])
			}
		}
		who := name(e.To)
		if e.From != e.To {
			who = name(e.From) + " > " + name(e.To)
		}
		state := ""
		if e.State != 0 {
			state = fmt.Sprintf("  state %016x", e.State)
		}
		r.Say(e.At, "%-10s  %-10s%s%s", who, e.Kind, what, state)
	}
}
