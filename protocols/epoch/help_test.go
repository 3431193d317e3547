package epoch

import (
	"crypto/ed25519"
	"encoding/binary"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/signature"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A team is a group whose keys the test holds; key i is that of member i. All share what they know of
// signatures.
type team struct {
	group *quorum.Group
	keys  []ed25519.PrivateKey
	memo  *signature.Memo
}

func newTeam(members int) *team {
	t := &team{memo: &signature.Memo{Of: new(signature.Ed25519)}}
	var ids []protocols.PeerID
	byName := map[protocols.PeerID]ed25519.PrivateKey{}
	for i := range members {
		key := keyOf(i)
		id := protocols.PeerID(key.Public().(ed25519.PublicKey))
		ids, byName[id] = append(ids, id), key
	}
	var err error
	if t.group, err = quorum.NewGroup([32]byte{1}, ids); err != nil {
		panic(err)
	}
	for i := range members {
		t.keys = append(t.keys, byName[t.group.Member(i)])
	}
	return t
}

func keyOf(i int) ed25519.PrivateKey {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(i)+1)
	return ed25519.NewKeyFromSeed(seed[:])
}

// config is that of member i, with a store of its own.
func (t *team) config(i int, base Config) Config {
	base.Group, base.Key, base.Verifier, base.Store = t.group, t.keys[i], t.memo, simnet.Memory{}
	return base
}

func (t *team) node(tb testing.TB, i int, base Config) *Node {
	tb.Helper()
	n, err := NewNode(t.config(i, base))
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// A world is a network with one node for each member.
type world struct {
	*team
	net   *simnet.Network
	nodes []*Node
}

func (t *team) world(tb testing.TB, opts simnet.Options, base Config) *world {
	tb.Helper()
	net, err := simnet.New(opts)
	if err != nil {
		tb.Fatal(err)
	}
	w := &world{team: t, net: net}
	base.Seed = opts.Seed
	for i := range t.keys {
		n := t.node(tb, i, base)
		w.nodes = append(w.nodes, n)
		if err := net.Add(t.group.Member(i), n); err != nil {
			tb.Fatal(err)
		}
	}
	return w
}

func (w *world) propose(tb testing.TB, i int, p Proposal) ID {
	tb.Helper()
	var id ID
	err := w.net.Do(w.group.Member(i), func(now time.Duration, out *protocols.Output) {
		var err error
		if id, err = w.nodes[i].Propose(now, p, out); err != nil {
			tb.Fatal(err)
		}
	})
	if err != nil {
		tb.Fatal(err)
	}
	return id
}

// all reports whether every node is in an epoch or past it.
func (w *world) all(epoch uint64) bool {
	for _, n := range w.nodes {
		if n.Epoch() < epoch {
			return false
		}
	}
	return true
}

// agree checks that all nodes hold valid certificates of one proposal for one epoch.
func (w *world) agree(tb testing.TB, epoch uint64) Proposal {
	tb.Helper()
	var first Proposal
	for i, n := range w.nodes {
		c, ok := n.Certificate()
		if !ok || c.Proposal.Epoch != epoch || n.Epoch() != epoch {
			tb.Fatalf("member %d: epoch %d with a certificate of %d (%v), want %d", i, n.Epoch(), c.Proposal.Epoch, ok, epoch)
		}
		if err := c.Verify(w.group, w.memo, n.Quorum()); err != nil {
			tb.Fatalf("member %d: %v", i, err)
		}
		if i == 0 {
			first = c.Proposal
		} else if c.Proposal != first {
			tb.Fatalf("members 0 and %d hold certificates of two proposals for epoch %d", i, epoch)
		}
	}
	return first
}

// proposal makes a signed one, as its proposer would.
func (t *team) proposal(by int, p Proposal) Proposal {
	p.Proposer = uint16(by)
	if p.Life == 0 {
		p.Life = 30_000
	}
	p.Signature = t.sign(by, proposalStatement(t.group, p.ID())).Signature
	return p
}

func (t *team) sign(by int, s quorum.Statement) quorum.Vote {
	v, err := t.group.Sign(t.keys[by], s)
	if err != nil {
		panic(err)
	}
	return v
}

func (t *team) owner(epoch uint64, round uint32) int {
	return int((epoch + uint64(round)) % uint64(t.group.Len()))
}

// voteFor is a member's vote message, whatever that member may have said before.
func (t *team) voteFor(by int, round uint32, p Proposal) *message {
	s := voteStatement(t.group, p.Epoch, round, p.ID())
	return &message{kind: kindVote, epoch: p.Epoch, round: round, proposal: p, owner: t.sign(t.owner(p.Epoch, round), s).Signature, vote: t.sign(by, s)}
}

// reportOf is a member's report; p is nil if it had not voted.
func (t *team) reportOf(by int, epoch uint64, round uint32, in uint32, p *Proposal) *message {
	m := &message{kind: kindReport, epoch: epoch, round: round}
	var id ID
	if p != nil {
		id = p.ID()
		m.flags, m.in, m.proposal = flagVoted, in, *p
		m.owner = t.sign(t.owner(epoch, in), voteStatement(t.group, epoch, in, id)).Signature
	}
	m.vote = t.sign(by, reportStatement(t.group, epoch, round, p != nil, in, id))
	return m
}

// certify makes the certificate of these members' votes.
func (t *team) certify(p Proposal, round uint32, by ...int) Certificate {
	c := Certificate{Proposal: p, Round: round}
	for _, i := range by {
		c.add(t.sign(i, voteStatement(t.group, p.Epoch, round, p.ID())))
	}
	return c
}

func pack(m *message) []byte {
	b, err := protocols.Envelope{Type: protocols.TypeEpoch, Session: m.epoch, Body: m.append(nil)}.Append(nil)
	if err != nil {
		panic(err)
	}
	return b
}

// give lets a node take a message and returns what it says in turn.
func (t *team) give(n *Node, now time.Duration, from int, m *message) []said {
	return t.raw(n, now, t.group.Member(from), pack(m))
}

type said struct {
	to int
	message
}

func (t *team) raw(n *Node, now time.Duration, from protocols.PeerID, b []byte) []said {
	var out protocols.Output
	out.Reset()
	n.Step(now, protocols.Input{From: from, Data: b}, &out)
	return t.read(out.Datagrams)
}

func (t *team) read(ds []protocols.Datagram) (list []said) {
	for _, d := range ds {
		e, err := protocols.ParseEnvelope(d.Data)
		if err != nil {
			panic(err)
		}
		m, err := parseMessage(e.Session, e.Body)
		if err != nil {
			panic(err)
		}
		to, _ := t.group.Index(d.To)
		list = append(list, said{to, m})
	}
	return list
}

func (t *team) start(tb testing.TB, n *Node, now time.Duration, p Proposal) (ID, []said) {
	tb.Helper()
	var out protocols.Output
	out.Reset()
	id, err := n.Propose(now, p, &out)
	if err != nil {
		tb.Fatal(err)
	}
	return id, t.read(out.Datagrams)
}
