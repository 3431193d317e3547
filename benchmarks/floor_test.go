package benchmarks

import (
	"testing"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/epoch"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/simnet"
	"github.com/perfgate/perfgate/protocols/snapshot"
)

// A floor is the least that the links have to carry for some work, whatever the protocol: payload in its
// encoded form, in as few datagrams as it fits into. Sessions, acknowledgements, checks, finding out who
// lacks what and repeating what is lost are no part of it.
type floor struct {
	datagrams int
	payload   int // in bytes
}

// add has so many copies of a payload sent, each by itself.
func (f *floor) add(copies, payload int) {
	f.datagrams += copies * ((payload + protocols.MaxDatagram - 1) / protocols.MaxDatagram)
	f.payload += copies * payload
}

// wire is the floor in bytes, with a header for each datagram.
func (f *floor) wire() int { return f.payload + f.datagrams*simnet.HeaderSize }

// votesFloor is the least for n members of which every one is to hold the votes of a quorum two legs after
// a proposal: n-1 copies of the proposal with the proposer's vote in it; n-1 members who lack the votes of
// the quorum but for their own and the proposer's; and a proposer who lacks those but for its own.
func votesFloor(n, quorumOf, proposal int) (f floor) {
	f.add(n-1, proposal+quorum.VoteSize)
	f.add((n-1)*(quorumOf-2), quorum.VoteSize)
	f.add(quorumOf-1, quorum.VoteSize)
	return f
}

// relayFloor is the same in three legs: the votes come to one member, who sends all others what they lack
// of the quorum's at once.
func relayFloor(n, quorumOf, proposal int) (f floor) {
	f.add(n-1, proposal+quorum.VoteSize)
	f.add(quorumOf-1, quorum.VoteSize)
	f.add(n-1, (quorumOf-2)*quorum.VoteSize)
	return f
}

// epochProposal is the encoded size of a proposal in bytes: a certificate without round and votes.
func epochProposal() int {
	return len(new(epoch.Certificate).Append(nil)) - 4 - (&quorum.Certificate{}).Size()
}

// cutProposal is the same of a cut by n members.
func cutProposal(n int) int {
	c := snapshot.Commit{Proposal: snapshot.Proposal{Frontier: make([]uint64, n)}}
	return len(c.Append(nil)) - c.Certificate.Size()
}

// recordsFloor is the least for bringing so many records of a workload, in stored form, to each of so many
// peers.
func recordsFloor(peers, records int) (f floor) {
	r := record(0, 1)
	f.add(peers, records*len(r.AppendStored(nil)))
	return f
}

func TestFloors(t *testing.T) {
	for _, c := range []struct {
		name      string
		got       floor
		datagrams int
		payload   int
	}{
		// Two proposals with a vote, and one vote to the proposer: then each of three has two votes.
		{"epoch of 3", votesFloor(3, 2, epochProposal()), 3, 2*(122+66) + 66},
		{"epoch of 10", votesFloor(10, 6, epochProposal()), 9 + 9*4 + 5, 9*(122+66) + (9*4+5)*66},
		{"epoch of 100", votesFloor(100, 51, epochProposal()), 5000, 99*(122+66) + (99*49+50)*66},
		{"epoch of 100, relayed", relayFloor(100, 51, epochProposal()), 99 + 50 + 99*3, 99*(122+66) + 50*66 + 99*49*66},
		{"cut of 3", votesFloor(3, 2, cutProposal(3)), 3, 2*(74+3*8+66) + 66},
		{"80 records to 9", recordsFloor(9, 80), 9 * 18, 9 * 80 * (256 + 13)},
		{"a record to 2", recordsFloor(2, 1), 2, 2 * 269},
	} {
		if want := (floor{c.datagrams, c.payload}); c.got != want {
			t.Errorf("%s: %+v, want %+v", c.name, c.got, want)
		}
	}
	if f := recordsFloor(2, 1); f.wire() != 2*(269+28) {
		t.Errorf("%d bytes on the wire, want %d", f.wire(), 2*(269+28))
	}
}
