package opponents

import (
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/epoch"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/signature"
)

// A decider is a group of members that decides one thing after the other.
type decider interface {
	// restart makes the members anew, with nothing decided.
	restart() error
	// decide returns once all members know the next decision.
	decide() error
	// counted is how many messages there were since the restart, and their bytes.
	counted() (messages, bytes int)
	// decided is what a member knows to be decided, the last one last.
	decided(member int) [][32]byte
}

// content is what the k-th decision says, from 1.
func content(k int) [32]byte { return randomID(rand.New(rand.NewPCG(uint64(k), 3))) }

// epochs decides by protocols/epoch: each decision is one epoch, proposed by its owner. Messages arrive
// at once and in order, and no timer runs.
type epochs struct {
	group    *quorum.Group
	keys     []ed25519.PrivateKey
	verifier signature.Verifier
	votes    map[quorum.Statement]map[int]quorum.Vote // nil: sign anew every time

	nodes           []*epoch.Node
	now             time.Duration
	queue           []parcel
	out             protocols.Output
	messages, bytes int
	history         [][][32]byte
}

type parcel struct {
	from, to int
	data     []byte
}

// newEpochs makes a group of n members. Unsigned leaves out the work of signing and verifying: votes
// that were signed once are remembered, and so are checks that held, so that what is left is the
// protocol. Bytes and messages are the same.
func newEpochs(n int, unsigned bool) (*epochs, error) {
	e := &epochs{verifier: new(signature.Ed25519)}
	if unsigned {
		e.verifier = &signature.Memo{Of: new(signature.Ed25519)}
		e.votes = map[quorum.Statement]map[int]quorum.Vote{}
	}
	names := map[protocols.PeerID]ed25519.PrivateKey{}
	var ids []protocols.PeerID
	for i := range n {
		seed := content(-1 - i)
		key := ed25519.NewKeyFromSeed(seed[:])
		id := protocols.PeerID(key.Public().(ed25519.PublicKey))
		names[id], ids = key, append(ids, id)
	}
	var err error
	if e.group, err = quorum.NewGroup([32]byte{1}, ids); err != nil {
		return nil, err
	}
	for i := range n {
		e.keys = append(e.keys, names[e.group.Member(i)])
	}
	return e, e.restart()
}

func (e *epochs) sign(member int, s quorum.Statement) (quorum.Vote, error) {
	if v, ok := e.votes[s][member]; ok {
		return v, nil
	}
	v, err := e.group.Sign(e.keys[member], s)
	if err == nil && e.votes != nil {
		if e.votes[s] == nil {
			e.votes[s] = map[int]quorum.Vote{}
		}
		e.votes[s][member] = v
	}
	return v, err
}

func (e *epochs) restart() error {
	e.nodes, e.history, e.messages, e.bytes, e.now = nil, make([][][32]byte, e.group.Len()), 0, 0, 0
	for i := range e.keys {
		n, err := epoch.NewNode(epoch.Config{
			Group: e.group, Self: e.group.Member(i), Sign: func(s quorum.Statement) (quorum.Vote, error) { return e.sign(i, s) },
			Verifier: e.verifier, Store: memory{}, Twice: -1, Seed: 1,
		})
		if err != nil {
			return err
		}
		e.nodes = append(e.nodes, n)
	}
	return nil
}

func (e *epochs) decide() error {
	k := e.nodes[0].Epoch() + 1
	owner := e.nodes[0].Owner(k)
	e.now += time.Millisecond
	e.out.Reset()
	if _, err := e.nodes[owner].Propose(e.now, epoch.Proposal{Digest: content(int(k)), Fence: k}, &e.out); err != nil {
		return err
	}
	e.post(owner)
	for i := 0; i < len(e.queue); i++ {
		p := e.queue[i]
		e.out.Reset()
		e.nodes[p.to].Step(e.now, protocols.Input{From: e.group.Member(p.from), Data: p.data}, &e.out)
		e.out.Recycle(p.data)
		e.post(p.to)
	}
	e.queue = e.queue[:0]
	for i, n := range e.nodes {
		c, ok := n.Certificate()
		if !ok || n.Epoch() != k {
			return fmt.Errorf("member %d is in epoch %d, want %d", i, n.Epoch(), k)
		}
		e.history[i] = append(e.history[i], c.Proposal.Digest)
		n.TakeResults()
	}
	return nil
}

func (e *epochs) post(from int) {
	for _, d := range e.out.Datagrams {
		to, _ := e.group.Index(d.To)
		e.queue = append(e.queue, parcel{from, to, d.Data})
		e.messages++
		e.bytes += len(d.Data)
	}
}

func (e *epochs) counted() (messages, bytes int) { return e.messages, e.bytes }
func (e *epochs) decided(member int) [][32]byte  { return e.history[member] }

// A memory is a store that costs nothing and never fails, as raft.MemoryStorage is.
type memory map[string][]byte

func (m memory) Read(name string) ([]byte, error) {
	if b, ok := m[name]; ok {
		return append([]byte(nil), b...), nil
	}
	return nil, protocols.ErrNotStored
}
func (m memory) Write(name string, b []byte) error { m[name] = append(m[name][:0], b...); return nil }
func (m memory) Remove(name string) error          { delete(m, name); return nil }
func (m memory) Names() ([]string, error)          { return nil, nil }

// decisions is how many are made before the members start anew.
const decisions = 64

// agree returns an error unless each member knows the same so many decisions.
func agree(d decider, members, k int) error {
	for i := range members {
		got := d.decided(i)
		if len(got) != k {
			return fmt.Errorf("member %d knows %d decisions, want %d", i, len(got), k)
		}
		for j := range got {
			if got[j] != content(j+1) {
				return fmt.Errorf("member %d has decided something else at %d", i, j+1)
			}
		}
	}
	return nil
}

// TestDecisions: both decide the same, one after the other, and all members know it.
func TestDecisions(t *testing.T) {
	for _, n := range []int{1, 3, 5, 21} {
		e, err := newEpochs(n, true)
		if err != nil {
			t.Fatal(err)
		}
		r, err := newRafts(n, 1)
		if err != nil {
			t.Fatal(err)
		}
		for name, d := range map[string]decider{"epoch": e, "raft": r} {
			for range 5 {
				if err := d.decide(); err != nil {
					t.Fatalf("%s, %d members: %v", name, n, err)
				}
			}
			if err := agree(d, n, 5); err != nil {
				t.Errorf("%s, %d members: %v", name, n, err)
			}
		}
	}
}

// Decision lets a group of so many members decide one thing after the other until all know it, without
// a network, a disk or a clock. It is not the same work on both sides. An epoch is one decision that any
// member may propose, that some may lie about, and of which a certificate of signatures remains; raft
// commits entries of a leader that was elected before, and believes everybody. Perfgate signs and checks
// everything; perfgate-unsigned shows what is left without that; raft-64 commits 64 entries at once and
// is given per entry.
func BenchmarkDecision(b *testing.B) {
	for _, n := range []int{3, 5, 21} {
		run := func(make func() (decider, error), per int) func(b *clocked) []figure {
			return func(b *clocked) []figure {
				d, err := make()
				if err != nil {
					b.Fatal(err)
				}
				// Once for nothing, so that what is remembered is there.
				for range decisions / per {
					if err := d.decide(); err != nil {
						b.Fatal(err)
					}
				}
				messages, bytes := d.counted()
				if err := d.restart(); err != nil {
					b.Fatal(err)
				}
				k := 0
				for b.Loop() {
					if k == decisions {
						b.StopTimer()
						if err := agree(d, n, k); err != nil {
							b.Fatal(err)
						}
						if err := d.restart(); err != nil {
							b.Fatal(err)
						}
						k = 0
						b.StartTimer()
					}
					// With several entries at once the work of all is done at the first.
					if k%per == 0 {
						if err := d.decide(); err != nil {
							b.Fatal(err)
						}
					}
					k++
				}
				k = (k + per - 1) / per * per
				if err := agree(d, n, k); err != nil {
					b.Fatal(err)
				}
				return []figure{{float64(messages) / decisions, "msgs/op"}, {float64(bytes) / decisions, "wire-B/op"}}
			}
		}
		duel(b, fmt.Sprintf("members=%d", n),
			side{"perfgate", run(func() (decider, error) { return newEpochs(n, false) }, 1)},
			side{"perfgate-unsigned", run(func() (decider, error) { return newEpochs(n, true) }, 1)},
			side{"raft", run(func() (decider, error) { return newRafts(n, 1) }, 1)},
			side{"raft-64", run(func() (decider, error) { return newRafts(n, decisions) }, decisions)},
		)
	}
}
