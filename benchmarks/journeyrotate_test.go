package benchmarks

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/epoch"
	"github.com/perfgate/perfgate/protocols/journal"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// mayWrite is the capability that a revoking record takes away.
const mayWrite uint64 = 1

// A rotation is a group of five on its way to new keys, without the one that lost the right to write.
type rotation struct {
	b        *testing.B
	opts     simnet.Options
	all      *assembly
	net      *simnet.Network
	old      antientropy.Group
	rotators []*rotator
	replicas []*replica
	revoked  int
}

// A rotator is a member: the epochs of the group, and a journal for each.
type rotator struct {
	*replica
	of       *rotation
	self     protocols.PeerID
	key      [32]byte // secret of the group; each epoch has one derived from it
	epochs   *epoch.Node
	journals *part
	log      *antientropy.Log // of the epoch before the last, closed
	journal  *journal.Node    // of the epoch in force
	proposed bool
	entered  bool
}

// roster is who may write by what a log says.
func (r *rotator) roster(l *antientropy.Log) (ids []protocols.PeerID) {
	for i := range l.Members() {
		if id := l.Member(i); l.Caps(id)&mayWrite != 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

// group is that of an epoch: the same records under another key have other digests, and go by another
// name on the wire.
func (r *rotator) group(number uint64, members []protocols.PeerID) antientropy.Group {
	g := r.of.old
	g.Epoch, g.Members = number, members
	g.Key = sha256.Sum256(binary.LittleEndian.AppendUint64(r.key[:], number))
	return g
}

// binding is what a proposal for the next epoch says by its digest: the key and who is in.
func (r *rotator) binding(number uint64) [32]byte {
	g := r.group(number, r.roster(r.journal.Log()))
	h := sha256.New()
	h.Write(g.Key[:])
	for _, id := range g.Members {
		h.Write(id[:])
	}
	return [32]byte(h.Sum(nil))
}

// open begins the journal of an epoch.
func (r *rotator) open(g antientropy.Group) {
	l, err := antientropy.NewLog(g)
	if err != nil {
		r.of.b.Fatal(err)
	}
	n, err := journal.New(l, journal.Config{Self: r.self, Seed: r.of.opts.Seed})
	if err != nil {
		r.of.b.Fatal(err)
	}
	r.journal, r.journals.Node, r.journals.wake = n, n, protocols.Never
}

// after proposes once the revocation is known to be with all, and enters the epoch that was agreed on.
func (r *rotator) after(now time.Duration, out *protocols.Output) {
	for _, result := range r.journal.TakeResults() {
		if result.Err() != nil {
			r.of.b.Fatalf("seed %d: the revocation did not reach all: %v", r.of.opts.Seed, result.Err())
		}
		r.proposed = true
		r.parts[1].do(out, func() {
			p := epoch.Proposal{Digest: r.binding(1), Fence: uint64(r.journal.Log().Len())}
			if _, err := r.epochs.Propose(now, p, out); err != nil {
				r.of.b.Fatal(err)
			}
		})
	}
	if r.epochs.Epoch() == 0 || r.entered {
		return
	}
	r.entered, r.log = true, r.journal.Log()
	if r.self != r.of.all.group.Member(r.of.revoked) {
		r.open(r.group(1, r.roster(r.log)))
	}
}

// write publishes one record of a member in the journal that it has open.
func (r *rotator) write(rec antientropy.Record, now time.Duration, out *protocols.Output) {
	rec.Author = r.self
	rec.Sign(r.journal.Log().Group(), r.of.all.keys[r.self])
	r.journals.do(out, func() {
		if err := r.journal.Publish(now, []antientropy.Record{rec}, out); err != nil {
			r.of.b.Fatal(err)
		}
	})
}

// newRotation makes a group of five, of whom the owner of the next epoch revokes the last.
func (a *assembly) newRotation(b *testing.B, opts simnet.Options) *rotation {
	ro := &rotation{b: b, opts: opts, all: a, revoked: travellers - 1}
	ids := membersOf(a.group)
	ro.old = antientropy.Group{ID: [32]byte{1}, Members: ids, Verifier: a.memo}
	for i, id := range ids {
		r := &rotator{of: ro, self: id, key: [32]byte{3}, journals: newPart(nil, protocols.TypeJournal, protocols.TypeAntiEntropy)}
		cfg := a.config(i, opts.Seed)
		cfg.Approve = func(p epoch.Proposal) bool {
			return p.Digest == r.binding(p.Epoch) && p.Fence == uint64(r.journal.Log().Len())
		}
		var err error
		if r.epochs, err = epoch.NewNode(cfg); err != nil {
			b.Fatal(err)
		}
		r.replica = &replica{parts: []*part{r.journals, newPart(r.epochs, protocols.TypeEpoch)}, then: r.after}
		r.open(r.group(0, ids))
		ro.rotators, ro.replicas = append(ro.rotators, r), append(ro.replicas, r.replica)
	}
	owner := ro.rotators[ro.rotators[0].epochs.Owner(1)]
	owner.parts = append(owner.parts, newAlarm(0, func(now time.Duration, out *protocols.Output) {
		revocation := antientropy.Record{Kind: antientropy.Cap, Seq: 1, Payload: antientropy.NewCap(ids[ro.revoked], ^mayWrite)}
		owner.write(revocation, now, out)
		owner.journals.do(out, func() {
			if err := owner.journal.SyncAll(now, nil, out); err != nil {
				b.Fatal(err)
			}
		})
		out.Wake = protocols.Never
	}))
	return ro
}

// walk runs until all are in the next epoch, and then until all are silent.
func (ro *rotation) walk() run {
	ro.net = board(ro.b, ro.opts, membersOf(ro.all.group), ro.replicas)
	waits := 0
	if !ro.net.Run(time.Minute, func() bool {
		for waits < travellers && ro.rotators[waits].entered {
			waits++
		}
		return waits == travellers
	}) {
		ro.b.Fatalf("seed %d: member %d has not begun the epoch", ro.opts.Seed, waits)
	}
	at := ro.net.Now()
	ro.net.Run(time.Hour, nil)
	r := costSince(ro.net, 0, simnet.Counters{})
	r.time = at
	return r
}

// check has the revoked member write in the epoch before and in the new one, and another member in the
// new one: only the last is taken.
func (ro *rotation) check() {
	fence := uint64(1)
	for i, r := range ro.rotators {
		c, _ := r.epochs.Certificate()
		if c.Proposal.Fence != fence || r.log.Caps(ro.all.group.Member(ro.revoked))&mayWrite != 0 || !r.epochs.Idle() {
			ro.b.Fatalf("seed %d: member %d is in epoch %d with a fence at %d, and does not know the revocation", ro.opts.Seed, i, r.epochs.Epoch(), c.Proposal.Fence)
		}
		if err := r.epochs.Accept(0, fence+1); !errors.Is(err, protocols.ErrVerification) || r.epochs.Accept(0, fence) != nil || r.epochs.Accept(1, fence+1) != nil {
			ro.b.Fatalf("seed %d: member %d takes an op of the old epoch past the fence: %v", ro.opts.Seed, i, err)
		}
	}
	op := antientropy.Record{Kind: antientropy.Op, Payload: make([]byte, payloadSize)}
	r := ro.rotators[ro.revoked]
	op.Seq = r.journal.Log().Reach(ro.number(r)) + 1
	ro.refused(r, op, "an op of the old epoch")
	// Who has been in the group knows its secret, and can make itself a journal of the new epoch.
	r.open(r.group(1, membersOf(ro.all.group)))
	op.Seq = 1
	ro.refused(r, op, "an op of the revoked author")

	ro.act(ro.rotators[0], op)
	for i, r := range ro.rotators[:ro.revoked] {
		if r.journal.Log().Len() != 1 || r.log.Len() != 1 {
			ro.b.Fatalf("seed %d: member %d holds %d records of the new epoch, want the one that a member wrote", ro.opts.Seed, i, r.journal.Log().Len())
		}
	}
}

func (ro *rotation) number(r *rotator) int {
	n, _ := r.journal.Log().Number(r.self)
	return n
}

func (ro *rotation) act(r *rotator, op antientropy.Record) {
	ro.net.Do(r.self, func(now time.Duration, out *protocols.Output) {
		r.write(op, now, out)
		r.Step(now, protocols.Input{}, out)
	})
	ro.net.Run(ro.net.Now()+time.Hour, nil)
}

// refused has a member write an op, which all others must turn away.
func (ro *rotation) refused(by *rotator, op antientropy.Record, what string) {
	var before [travellers]int
	for i, r := range ro.rotators {
		before[i] = r.journal.Stats().Refused
	}
	ro.act(by, op)
	for i, r := range ro.rotators {
		if r == by {
			continue
		}
		if n := r.journal.Stats().Refused - before[i]; n == 0 || r.journal.Log().Len() != 0 || r.log.Len() != 1 {
			ro.b.Fatalf("seed %d: member %d takes %s: %d datagrams refused, %d records in the new epoch, %d in the old", ro.opts.Seed, i, what, n, r.journal.Log().Len(), r.log.Len())
		}
	}
}

// JourneyRotate is a group of five that revokes a member and goes over to new keys without it.
func BenchmarkJourneyRotate(b *testing.B) {
	a := newAssembly(b, travellers)
	travel(b, 20*behind, 4, func(b *testing.B, _ string, opts simnet.Options) passage {
		ro := a.newRotation(b, opts)
		return passage{ro.walk, ro.check}
	}, nil)
}
