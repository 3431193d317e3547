package benchmarks

import (
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/journal"
	"github.com/perfgate/perfgate/protocols/simnet"
	"github.com/perfgate/perfgate/protocols/snapshot"
)

// A group that writes while it compacts: what it holds at first, how often each member writes, and how
// it prunes.
const (
	compactHistory = 2000
	writePace      = 50 * time.Millisecond
	quietTime      = time.Second // in which it writes and nothing else
	pruneStep      = 16 << 10    // bytes
	prunePace      = 5 * time.Millisecond
)

// compactions keeps what a panel says beside its runs.
var compactions = map[string]*compaction{}

// A compaction is what the panel of JourneyCompact says beside its runs.
type compaction struct {
	step        int             // bytes of the largest
	quiet, busy []time.Duration // from a write until all have it: before the cut was proposed, and then
}

// A compacting is a group that writes.
type compacting struct {
	*council
	b       *testing.B
	seed    uint64
	net     *simnet.Network
	members []*compactor
	cut     antientropy.Frontier
	open    []*writing // that are not with all
	done    []*writing
	over    bool
}

// A writing is a record on its way.
type writing struct {
	author int
	seq    uint64
	at     time.Duration // when it was due
	took   time.Duration // from then until all had it
	left   int
	has    [travellers]bool
}

// A compactor is a member that writes, and prunes its log in steps once a cut was agreed on.
type compactor struct {
	*replica
	of      *compacting
	self    int
	log     *antientropy.Log
	journal *journal.Node
	cut     *snapshot.Node
	work    *antientropy.Compactor
	pruned  bool
	due     time.Duration // when the next write is

	journals, cuts, prunes *part
}

func (m *compactor) write(now time.Duration, out *protocols.Output) {
	out.Wake = protocols.Never
	if m.of.over {
		return
	}
	r := record(0, m.log.Len()*travellers+m.self)
	r.Author, r.Seq = m.of.q.Member(m.self), m.log.Reach(m.self)+1
	if err := m.cut.Admit(r.Seq); err != nil {
		m.of.b.Fatalf("seed %d: member %d must not write: %v", m.of.seed, m.self, err)
	}
	m.of.open = append(m.of.open, &writing{author: m.self, seq: r.Seq, at: m.due, left: travellers - 1})
	m.journals.do(out, func() {
		if err := m.journal.Publish(now, []antientropy.Record{r}, out); err != nil {
			m.of.b.Fatal(err)
		}
	})
	m.due += writePace
	out.Wake = m.due
}

// prune does one step. Until a cut was agreed on, nothing wakes it.
func (m *compactor) prune(now time.Duration, out *protocols.Output) {
	out.Wake = protocols.Never
	done, err := m.work.Step(pruneStep)
	if err != nil {
		m.of.b.Fatalf("seed %d: member %d cannot prune: %v", m.of.seed, m.self, err)
	}
	if m.pruned = done; !done {
		out.Wake = now + prunePace
	}
}

// after takes note of what has come.
func (m *compactor) after(now time.Duration, out *protocols.Output) {
	arrived := false
	m.of.open = slices.DeleteFunc(m.of.open, func(w *writing) bool {
		if w.author == m.self || w.has[m.self] || !m.log.Holds(w.author, w.seq) {
			return false
		}
		w.has[m.self], arrived = true, true
		if w.left--; w.left > 0 {
			return false
		}
		w.took = now - w.at
		m.of.done = append(m.of.done, w)
		return true
	})
	if arrived {
		m.cuts.do(out, func() { m.cut.Advance(now, out) })
	}
	k, ok := m.cut.Committed()
	if !ok || m.work != nil || !m.log.Covers(k.Frontier) {
		return
	}
	var err error
	if m.work, err = antientropy.NewCompactor(m.log, k.Frontier, nil); err != nil {
		m.of.b.Fatal(err)
	}
	m.prunes.wake = now
}

// newCompacting has five members write for a while.
func (c *council) newCompacting(b *testing.B, opts simnet.Options) *compacting {
	g := &compacting{council: c, b: b, seed: opts.Seed}
	var replicas []*replica
	for i := range travellers {
		m := &compactor{of: g, self: i, log: c.newLog(b), due: time.Duration(i) * writePace / travellers}
		m.log.CopyFrom(c.log)
		m.journal, m.cut = c.journalAndCut(b, i, opts.Seed, m.log, simnet.Memory{})
		m.journals = newPart(m.journal, protocols.TypeJournal, protocols.TypeAntiEntropy)
		m.cuts = newPart(m.cut, protocols.TypeSnapshot, protocols.TypeChunk)
		m.prunes = newAlarm(protocols.Never, m.prune)
		writes := newAlarm(m.due, m.write)
		m.replica = &replica{parts: []*part{m.journals, m.cuts, m.prunes, writes}, then: m.after}
		g.members, replicas = append(g.members, m), append(replicas, m.replica)
	}
	g.net = board(b, opts, membersOf(c.q), replicas)
	g.net.Run(quietTime/2, nil)
	g.cut = g.members[0].log.Frontier() // long enough ago for all to hold it
	g.net.Run(quietTime, nil)
	return g
}

// walk proposes a cut and runs until all have pruned, and then until nobody writes and sends any more.
func (g *compacting) walk() run {
	start, before := g.net.Now(), g.net.Total()
	first := g.members[0]
	g.net.Do(g.q.Member(0), func(now time.Duration, out *protocols.Output) {
		first.cuts.do(out, func() {
			if _, err := first.cut.Propose(now, g.cut, out); err != nil {
				g.b.Fatal(err)
			}
		})
		first.Step(now, protocols.Input{}, out)
	})
	waits := 0
	if !g.net.Run(time.Minute, func() bool {
		for waits < travellers && g.members[waits].pruned {
			waits++
		}
		return waits == travellers
	}) {
		g.b.Fatalf("seed %d: member %d has not pruned its log", g.seed, waits)
	}
	r := costSince(g.net, start, before)
	g.over = true
	g.net.Run(time.Hour, nil)
	return r
}

// check looks whether anything was lost, and notes how long writes took.
func (g *compacting) check(into *compaction) {
	want := uint64(compactHistory + len(g.done))
	d := g.members[0].log.Recompute()
	for i, m := range g.members {
		if x := m.log.Digest(); len(g.open) > 0 || x != d || x.Count() != want || m.log.Len() >= compactHistory || m.journal.Held() > 0 || m.journal.Sessions() > 0 {
			g.b.Fatalf("seed %d: member %d holds %d of %d records, as %d; %d writes did not reach all", g.seed, i, x.Count(), want, m.log.Len(), len(g.open))
		}
		k, _ := m.cut.Committed()
		if cut, err := m.log.CutAt(g.cut); err != nil || cut.Root != k.Root || !g.cut.Covers(m.log.Base()) {
			g.b.Fatalf("seed %d: member %d is pruned to something else than was agreed on, at %v instead of %v: %v", g.seed, i, m.log.Base(), g.cut, err)
		}
		_, most := m.work.Copied()
		into.step = max(into.step, most)
	}
	for _, w := range g.done {
		if w.at < quietTime {
			into.quiet = append(into.quiet, w.took)
		} else {
			into.busy = append(into.busy, w.took)
		}
	}
}

// JourneyCompact is a group of five that agrees on a cut and prunes below it while all go on writing.
func BenchmarkJourneyCompact(b *testing.B) {
	c := newCouncil(b, travellers, compactHistory, payloadSize)
	prepare := func(b *testing.B, name string, opts simnet.Options) passage {
		if compactions[name] == nil {
			compactions[name] = new(compaction)
		}
		g := c.newCompacting(b, opts)
		return passage{g.walk, func() { g.check(compactions[name]) }}
	}
	travel(b, journeyRuns, 0, prepare, func(b *testing.B, name string) {
		x := compactions[name]
		slices.Sort(x.quiet)
		slices.Sort(x.busy)
		b.ReportMetric(float64(x.step), "step-B")
		b.ReportMetric(float64(rank(x.busy, 50))/float64(rank(x.quiet, 50)), "xquiet")
		b.ReportMetric(float64(rank(x.busy, 95))/float64(rank(x.quiet, 95)), "xquiet-p95")
	})
}
