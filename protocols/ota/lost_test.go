package ota

import (
	"slices"
	"testing"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// Everybody is sent the proposal more than once, the copies after all else, and only the first asks for
// an answer.
func TestProposalGoesOutInCopies(t *testing.T) {
	for peers, copies := range map[int]int{2: 2, 16: 2, 17: 3, 40: 3} {
		f := newFleet(t, simnet.Ideal(1), peers, nil)
		var out protocols.Output
		if _, err := f.nodes[0].Propose(0, offer(), &out); err != nil {
			t.Fatal(err)
		}
		got := map[protocols.PeerID]int{}
		ended := false // what goes out once
		for _, d := range out.Datagrams {
			e, err := protocols.ParseEnvelope(d.Data)
			if err != nil || e.Type != protocols.TypeOTA {
				continue
			}
			m, err := parse(e.Body)
			if err != nil {
				t.Fatal(err)
			}
			ended = ended || d.Again
			switch {
			case m.kind == kindProposal:
				if again := got[d.To] > 0; again != d.Again || again != ended || again && m.flags&asks != 0 {
					t.Errorf("%d peers: proposal %d to %v: counted as a repetition %v, flags %b", peers, got[d.To]+1, d.To, d.Again, m.flags)
				}
				got[d.To]++
			case ended:
				t.Errorf("%d peers: a message of kind %d after the copies", peers, m.kind)
			}
		}
		for i := range peers - 1 {
			if n := got[peer(i+1)]; n != copies {
				t.Errorf("%d peers: %d proposals to peer %d, want %d", peers, n, i+1, copies)
			}
		}
	}
}

// A member that got only the last copy votes at once.
func TestFirstProposalsLost(t *testing.T) {
	f := newFleet(t, simnet.Ideal(1), 5, nil)
	var out protocols.Output
	if _, err := f.nodes[0].Propose(0, offer(), &out); err != nil {
		t.Fatal(err)
	}
	to := slices.DeleteFunc(out.Datagrams, func(d protocols.Datagram) bool { return d.To != peer(1) })
	last := protocols.Input{From: peer(0), Data: to[len(to)-1].Data}
	out = protocols.Output{}
	f.nodes[1].Step(0, last, &out)
	if c := f.nodes[1].cers; len(c) != 1 || !c[0].voted || len(out.Datagrams) < 4 {
		t.Errorf("%d ceremonies, %d datagrams", len(c), len(out.Datagrams))
	}
}

// Votes that the coordinator of a large group gets after the certificate are passed on, once, as soon as
// they fill a datagram or have waited long enough.
func TestSpareVotes(t *testing.T) {
	const peers = direct + 2
	f := newFleet(t, simnet.Ideal(1), peers, nil)
	l := &lonely{t, f, f.nodes[0], 0}
	id := f.propose(t, 0, offer())
	vote := func(i int) (out protocols.Output) {
		m := message{kind: kindVotes, flags: knowsProposal, id: id, papers: []ballotPaper{l.ready(id, i, i)}}
		b, err := protocols.Envelope{Type: protocols.TypeOTA, Session: id.session(), Body: m.append(nil)}.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		l.n.Step(0, protocols.Input{From: peer(i), Data: b}, &out)
		return out
	}
	passed := func(out protocols.Output) (papers, to int) {
		for _, d := range out.Datagrams {
			e, err := protocols.ParseEnvelope(d.Data)
			if m, bad := parse(e.Body); err == nil && bad == nil && e.Type == protocols.TypeOTA && m.kind == kindVotes {
				papers, to = len(m.papers), to+1
			}
		}
		return papers, to
	}
	next := 1
	for ; l.n.find(id).outcome == Undecided; next++ {
		vote(next)
	}
	var out protocols.Output
	for i := range maxVotes {
		if papers, _ := passed(out); papers > 0 {
			t.Fatalf("%d votes are passed on after %d", papers, i)
		}
		out = vote(next + i)
	}
	if papers, to := passed(out); papers != maxVotes || to != peers-1 {
		t.Errorf("a full datagram: %d votes to %d peers", papers, to)
	}
	out = vote(next + maxVotes)
	if papers, _ := passed(out); papers > 0 || out.Wake > l.n.cfg.Resend/16 {
		t.Fatalf("one vote more: %d are passed on, and the node sleeps until %v", papers, out.Wake)
	}
	at := l.n.cfg.Resend / 16
	out = protocols.Output{}
	l.n.Step(at, protocols.Input{}, &out)
	if papers, to := passed(out); papers != 1 || to != peers-1 {
		t.Errorf("what is left: %d votes to %d peers", papers, to)
	}
	out = protocols.Output{}
	l.n.Step(at, protocols.Input{}, &out)
	if papers, _ := passed(out); papers > 0 {
		t.Errorf("%d votes are passed on again", papers)
	}
}

// Where votes go through the coordinator, hardly a ceremony goes by in which no part of a certificate is
// lost: nobody waits for a timer because of it.
func TestLostPartOfCertificate(t *testing.T) {
	opts := simnet.Stressed(1)
	f := newFleet(t, opts, direct+2, nil)
	id := f.propose(t, 0, offer())
	done := func() bool {
		return !slices.ContainsFunc(f.nodes, func(n *Node) bool { s, _ := n.State(id); return s != Done })
	}
	if most := 4 * opts.Link.Delay; !f.net.Run(most, done) {
		t.Errorf("seed %d: not committed everywhere within %v", opts.Seed, most)
	}
}
