package snapshot

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/simnet"
)

func TestDefectDuplicateApproversCount(t *testing.T) {
	b := newBench(t, 5, nil)
	p, s := b.propose()
	v := b.sign(1, s)
	b.hear(1, votes(s, p.Epoch, v, v, v))
	b.hear(2, votes(s, p.Epoch, v))
	if b.epoch() != 0 || b.rounds[0].ballot.Count() != 2 {
		t.Errorf("one approver counts %d times", b.rounds[0].ballot.Count()-1)
	}
	b.hear(2, votes(s, p.Epoch, b.sign(2, s)))
	if b.epoch() != 1 {
		t.Error("three distinct approvers of five are not enough")
	}
}

func TestDefectApproversOutsideCount(t *testing.T) {
	b := newBench(t, 3, nil)
	p, s := b.propose()
	stranger := newTeam(t, 9)
	for i := range 9 {
		v, err := stranger.q.Sign(stranger.keys[i], s)
		if err != nil {
			t.Fatal(err)
		}
		if _, member := b.q.Index(stranger.q.Member(i)); member {
			continue
		}
		for m := range uint16(4) {
			v.Member = m // whomever it says to be
			b.hear(1, votes(s, p.Epoch, v))
		}
		e, _ := protocols.Envelope{Type: protocols.TypeSnapshot, Session: 1, Body: (&message{kind: kindVotes, statement: s, votes: v.Append(nil)}).append(nil)}.Append(nil)
		b.out.Reset()
		b.Step(0, protocols.Input{From: stranger.q.Member(i), Data: e}, &b.out)
	}
	if b.epoch() != 0 || b.rounds[0].ballot.Count() != 1 || b.stats.Refused < 12 {
		t.Errorf("strangers approved: %d votes, %d refused", b.rounds[0].ballot.Count(), b.stats.Refused)
	}
}

func TestDefectApprovalsForAnotherProposalCount(t *testing.T) {
	b := newBench(t, 3, nil)
	p, s := b.propose()
	for _, other := range []Proposal{b.proposal(p.Epoch, 9), b.proposal(p.Epoch+1, 10)} {
		v := b.sign(1, other.Statement(b.q))
		b.hear(1, votes(s, p.Epoch, v)) // said to be for this one
		b.hear(1, votes(other.Statement(b.q), other.Epoch, v))
	}
	for _, change := range []func(p *Proposal){
		func(p *Proposal) { p.Epoch++ }, func(p *Proposal) { p.Frontier[1]++ }, func(p *Proposal) { p.Root[5]++ }, func(p *Proposal) { p.Policy[31]++ },
	} {
		q := b.proposal(p.Epoch, 10)
		change(&q)
		if q.Statement(b.q) == s {
			t.Error("two proposals have one statement")
		}
	}
	if b.epoch() != 0 {
		t.Error("approvals of another proposal count")
	}
}

func TestDefectEmptySignaturesCount(t *testing.T) {
	b := newBench(t, 3, nil)
	p, s := b.propose()
	b.hear(1, votes(s, p.Epoch, quorum.Vote{Member: 1}))
	b.hear(2, votes(s, p.Epoch, quorum.Vote{Member: 2}))
	if b.epoch() != 0 {
		t.Error("empty signatures count")
	}
	if _, err := parseMessage(1, 3, append([]byte{kindVotes}, make([]byte, 33)...)); !errors.Is(err, protocols.ErrVerification) {
		t.Errorf("a message without votes: %v", err)
	}
}

// The threshold is what the group asks for, of the members that it has.
func TestDefectQuorumUnused(t *testing.T) {
	for n, want := range map[int]int{1: 1, 2: 2, 3: 2, 4: 3, 7: 4} {
		b := newBench(t, n, nil)
		p, s := b.propose()
		for i := 1; i < n && b.epoch() == 0; i++ {
			if i+1 > want {
				t.Errorf("%d members: %d approvals are not enough", n, i)
			}
			b.hear(i, votes(s, p.Epoch, b.sign(i, s)))
			if b.epoch() != 0 && i+1 < want {
				t.Errorf("%d members: %d approvals were enough, want %d", n, i+1, want)
			}
		}
		if c, ok := b.Committed(); !ok || len(c.Certificate.Votes) != want || b.Verify(&c) != nil {
			t.Errorf("%d members: certificate of %d votes", n, len(c.Certificate.Votes))
		}
	}
}

func TestDefectThresholdOfZeroOrMoreThanMembers(t *testing.T) {
	for _, threshold := range []int{-1, 4, 100} {
		b := newTeam(t, 3)
		c := b.config(0, b.log())
		c.Threshold = threshold
		if _, err := NewNode(c); !errors.Is(err, protocols.ErrVerification) {
			t.Errorf("threshold %d of 3: %v", threshold, err)
		}
	}
	if b := newBench(t, 5, nil); b.cfg.Threshold != 3 {
		t.Errorf("threshold %d by default, want the majority", b.cfg.Threshold)
	}
}

// The fence falls however a cut ends, and a crash takes it along.
func TestDefectAbortLeavesTheFence(t *testing.T) {
	ends := map[string]func(b *bench, p Proposal, s quorum.Statement){
		"withdrawn": func(b *bench, p Proposal, s quorum.Statement) { b.out.Reset(); b.Withdraw(b.time, &b.out) },
		"timeout":   func(b *bench, p Proposal, s quorum.Statement) { b.wait(b.cfg.Timeout) },
		"commit":    func(b *bench, p Proposal, s quorum.Statement) { b.hear(1, votes(s, 1, b.sign(1, s))) },
		"refused": func(b *bench, p Proposal, s quorum.Statement) {
			b.hear(1, message{kind: kindNote, epoch: 1, statement: s, reason: Differs})
			b.hear(2, message{kind: kindNote, epoch: 1, statement: s, reason: Differs})
		},
		"crash": func(b *bench, p Proposal, s quorum.Statement) { b.Node = b.node(b.cfg) },
	}
	for name, end := range ends {
		b := newBench(t, 3, nil)
		p, s := b.propose()
		if f, ok := b.Fence(); !ok || f.Epoch != 1 {
			t.Fatal("no fence")
		}
		b.time += time.Second
		end(b, p, s)
		if _, ok := b.Fence(); ok || b.Rounds() != 0 {
			t.Errorf("%s: the fence stands, %d rounds", name, b.Rounds())
		}
		if b.out.Reset(); name != "commit" {
			if e, err := b.Propose(b.time, b.Node.log.Frontier(), &b.out); err != nil || e != 2 {
				t.Errorf("%s: propose again: epoch %d, %v", name, e, err)
			}
		}
	}
	// That of an approver falls with the proposer's word, not with a third one's.
	b := newBench(t, 4, nil)
	p := b.proposal(1, 10)
	s := p.Statement(b.q)
	b.hear(1, message{kind: kindCut, epoch: 1, proposer: 1, proposal: p, votes: first(b.sign(1, s))})
	b.hear(2, message{kind: kindNote, epoch: 1, statement: s, reason: Withdrawn})
	if _, ok := b.Fence(); !ok {
		t.Error("a third member took the fence away")
	}
	b.hear(1, message{kind: kindNote, epoch: 1, statement: s, reason: Withdrawn})
	if _, ok := b.Fence(); ok {
		t.Error("the proposer gave up and the fence stands")
	}
}

func first(v quorum.Vote) []byte { return v.Append(nil) }

// While the fence stands, numbers at or below the frontier are refused and others are free, and
// nothing else is proposed.
func TestDefectFenceNeverBlocks(t *testing.T) {
	b := newBench(t, 3, nil)
	if err := b.Admit(4); err != nil {
		t.Errorf("without a fence: %v", err)
	}
	b.propose()
	for seq := uint64(1); seq <= 12; seq++ {
		if err := b.Admit(seq); (err == nil) != (seq > 10) || err != nil && !errors.Is(err, protocols.ErrExhausted) {
			t.Errorf("record %d: %v", seq, err)
		}
	}
	if _, err := b.Propose(0, b.Node.log.Frontier(), &b.out); !errors.Is(err, protocols.ErrExhausted) {
		t.Errorf("two proposals pending: %v", err)
	}
}

func TestDefectNoTimeout(t *testing.T) {
	w := newWorld(t, 3, simnet.Options{Seed: 1, Link: simnet.Link{Loss: 1}}, nil)
	w.propose(0)
	w.net.Run(time.Hour, nil)
	r := w.nodes[0].TakeResults()
	if len(r) != 1 || !errors.Is(r[0].Err, protocols.ErrTimeout) || r[0].Reason != TimedOut || r[0].Ended != 30*time.Second || !r[0].Mine {
		t.Errorf("%+v", r)
	}
}

// A member signs only what it has computed.
func TestDefectNoDigestCheck(t *testing.T) {
	b := newBench(t, 3, nil)
	tell := func(p Proposal) []message {
		s := p.Statement(b.q)
		return b.hear(1, message{kind: kindCut, epoch: p.Epoch, proposer: 1, proposal: p, votes: first(b.sign(1, s))})
	}
	wrong := b.proposal(1, 10)
	wrong.Root[0] ^= 1
	if said := tell(wrong); len(said) != 1 || said[0].reason != Differs {
		t.Errorf("another digest: %+v", said)
	}
	missing := b.proposal(1, 10)
	missing.Frontier[0] = 11
	if said := tell(missing); len(said) != 1 || said[0].reason != NotYet {
		t.Errorf("records that are missing: %+v", said)
	}
	b = newBench(t, 3, nil)
	policy := b.proposal(1, 10)
	policy.Policy[0] = 1
	if said := tell(policy); len(said) != 1 || said[0].reason != Policy {
		t.Errorf("another policy: %+v", said)
	}
	if b.stats.Approved != 0 || b.fence != nil {
		t.Error("approved")
	}
	// With the votes of the two others such a cut is agreed on all the same, and then not pruned.
	b = newBench(t, 3, nil)
	s := wrong.Statement(b.q)
	b.hear(1, message{kind: kindCut, epoch: 1, proposer: 1, proposal: wrong, votes: append(first(b.sign(1, s)), first(b.sign(2, s))...)})
	if _, err := b.Work(1 << 20); !errors.Is(err, protocols.ErrVerification) || b.Node.log.Len() != 10 || b.epoch() != 1 {
		t.Errorf("pruned below a cut that differs: %v, %d records", err, b.Node.log.Len())
	}
}

func TestDefectNothingIsPruned(t *testing.T) {
	b := newBench(t, 1, nil)
	b.propose()
	if done, err := b.Work(1 << 20); !done || err != nil {
		t.Fatal(done, err)
	}
	if n := b.Node.log.Len(); n >= 10 || b.stats.Pruned != 1 {
		t.Errorf("%d records of 10 after pruning", n)
	}
	// Nothing is, on the other hand, before there is a certificate, nor while the store fails.
	b = newBench(t, 3, nil)
	b.propose()
	if done, err := b.Work(1 << 20); !done || err != nil || b.Node.log.Len() != 10 {
		t.Error("pruned without a certificate")
	}
}

// A member never signs two cuts of one epoch, also not when asked again after a crash.
func TestNoTwoVotesInAnEpoch(t *testing.T) {
	b := newBench(t, 4, nil)
	p, q := b.proposal(1, 10), b.proposal(1, 9)
	tell := func(from int, p Proposal) []message {
		return b.hear(from, message{kind: kindCut, epoch: 1, proposer: from, proposal: p, votes: first(b.sign(from, p.Statement(b.q)))})
	}
	tell(1, p)
	b.Node = b.node(b.cfg)
	said := tell(2, q)
	if !slices.ContainsFunc(said, func(m message) bool { return m.kind == kindNote && m.reason == Voted }) || b.stats.Approved != 0 {
		t.Errorf("after a vote for another: %+v", said)
	}
	if said := tell(1, p); len(said) == 0 || b.stats.Approved != 1 {
		t.Error("not the same vote again")
	}
}

// Who has approved a cut approves none that does not cover it, also in a later epoch and after a crash:
// the first may be agreed on without its knowledge, and pruned.
func TestLaterCutsCoverEarlierOnes(t *testing.T) {
	b := newBench(t, 4, nil)
	tell := func(from int, p Proposal) []message {
		return b.hear(from, message{kind: kindCut, epoch: p.Epoch, proposer: from, proposal: p, votes: first(b.sign(from, p.Statement(b.q)))})
	}
	tell(1, b.proposal(1, 9))
	b.Node = b.node(b.cfg)
	tell(2, b.proposal(2, 8))
	f := make(antientropy.Frontier, 4)
	f[0] = 8
	if _, err := b.Propose(0, f, &b.out); b.stats.Approved != 0 || !errors.Is(err, protocols.ErrVersion) {
		t.Errorf("approved a cut below one approved before, or proposed it: %v", err)
	}
	tell(3, b.proposal(3, 10))
	if b.stats.Approved != 1 {
		t.Error("a higher cut is not approved")
	}
}
