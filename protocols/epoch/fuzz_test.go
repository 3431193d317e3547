package epoch

import (
	"bytes"
	"testing"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

func FuzzMessage(f *testing.F) {
	g := newTeam(3)
	p := g.proposal(1, Proposal{Epoch: 1, Attempt: 2, Fence: 3})
	c := g.certify(p, 2, 0, 1, 2)
	for _, m := range []*message{
		{kind: kindWish, flags: flagAsk, proposal: p}, g.voteFor(2, 1, p), g.reportOf(1, 1, 4, 2, &p), g.reportOf(1, 1, 4, 0, nil),
		certificatePart(&c), {kind: kindBeacon},
	} {
		f.Add(uint64(1), m.append(nil))
	}
	f.Fuzz(func(t *testing.T, epoch uint64, b []byte) {
		m, err := parseMessage(epoch, b)
		if err != nil {
			return
		}
		if again := m.append(nil); !bytes.Equal(again, b) {
			t.Fatalf("%x re-encodes to %x", b, again)
		}
		if len(m.votes) > len(b) {
			t.Fatalf("%d bytes held for %d", len(m.votes), len(b))
		}
		Describe(pack(&m))
	})
}

func FuzzCertificate(f *testing.F) {
	g := newTeam(3)
	c := g.certify(g.proposal(1, Proposal{Epoch: 1}), 2, 0, 2)
	f.Add(c.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCertificate(b)
		if err != nil {
			return
		}
		if again := c.Append(nil); !bytes.Equal(again, b) {
			t.Fatalf("%x re-encodes to %x", b, again)
		}
	})
}

// Whatever a member sends, and whatever is on its disk, a node neither panics nor moves without a
// certificate.
func FuzzStep(f *testing.F) {
	g := newTeam(4)
	p := g.proposal(1, Proposal{Epoch: 1})
	c := g.certify(p, 0, 0, 1)
	for _, m := range []*message{g.voteFor(1, 0, p), g.reportOf(1, 1, 4, 2, &p), certificatePart(&c), {kind: kindBeacon, flags: flagAsk, epoch: 9}} {
		f.Add(m.epoch, m.append(nil), []byte{})
	}
	f.Add(uint64(1), []byte{}, []byte{1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, epoch uint64, b, disk []byte) {
		cfg := g.config(0, Config{})
		if len(disk) > 0 {
			cfg.Store = simnet.Memory{fileVote: disk}
		}
		n, err := NewNode(cfg)
		if err != nil {
			return
		}
		e := protocols.Envelope{Type: protocols.TypeEpoch, Session: epoch, Body: b}
		if len(b) > protocols.MaxBody {
			return
		}
		data, err := e.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, from := range []int{1, 2} {
			g.raw(n, 0, g.group.Member(from), data)
		}
		if n.Epoch() != 0 {
			t.Fatalf("in epoch %d by two votes of four at most", n.Epoch())
		}
	})
}
