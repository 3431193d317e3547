package epoch

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/signature"
)

// A Proposal is what a certificate certifies: that an epoch begins, and with what.
type Proposal struct {
	// Epoch is the one that would begin.
	Epoch uint64
	// Attempt tells proposals of one member for one epoch apart.
	Attempt uint32
	// Proposer is the index of the member whose proposal it is.
	Proposer uint16
	// Life is for how many milliseconds the proposal is pursued. Each member counts from when it
	// first heard of it, so that clocks need not agree.
	Life uint32
	// Fence is the last position that an operation of the ending epoch may have, in whatever order
	// the group's operations have.
	Fence uint64
	// Digest binds what else the epoch brings: roster, keys, marks.
	Digest [32]byte
	// Signature is the proposer's.
	Signature [signature.Size]byte
}

// An ID names a proposal: a hash of all that it says.
type ID [32]byte

const (
	contentSize  = 4 + 2 + 4 + 8 + 32
	proposalSize = contentSize + signature.Size
)

func (p *Proposal) appendContent(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, p.Attempt)
	dst = binary.LittleEndian.AppendUint16(dst, p.Proposer)
	dst = binary.LittleEndian.AppendUint32(dst, p.Life)
	dst = binary.LittleEndian.AppendUint64(dst, p.Fence)
	return append(dst, p.Digest[:]...)
}

// append appends the wire form; the epoch is the envelope's session.
func (p *Proposal) append(dst []byte) []byte {
	return append(p.appendContent(dst), p.Signature[:]...)
}

func parseProposal(epoch uint64, b []byte) Proposal {
	return Proposal{
		Epoch:     epoch,
		Attempt:   binary.LittleEndian.Uint32(b),
		Proposer:  binary.LittleEndian.Uint16(b[4:]),
		Life:      binary.LittleEndian.Uint32(b[6:]),
		Fence:     binary.LittleEndian.Uint64(b[10:]),
		Digest:    [32]byte(b[18:]),
		Signature: [signature.Size]byte(b[contentSize:]),
	}
}

// ID returns the proposal's name. The signature is no part of it: it is a function of the rest.
func (p *Proposal) ID() ID {
	var b [8 + contentSize]byte
	binary.LittleEndian.PutUint64(b[:], p.Epoch)
	p.appendContent(b[:8])
	return sha256.Sum256(b[:])
}

func (p *Proposal) life() time.Duration { return time.Duration(p.Life) * time.Millisecond }

// What members sign. Each purpose has bodies of one length.
func proposalStatement(g *quorum.Group, id ID) quorum.Statement {
	return g.State("epoch proposal", id[:])
}

func voteStatement(g *quorum.Group, epoch uint64, round uint32, id ID) quorum.Statement {
	var b [8 + 4 + 32]byte
	binary.LittleEndian.PutUint64(b[:], epoch)
	binary.LittleEndian.PutUint32(b[8:], round)
	copy(b[12:], id[:])
	return g.State("epoch vote", b[:])
}

// reportStatement is about a member's last vote before a round; voted is false if there was none.
func reportStatement(g *quorum.Group, epoch uint64, round uint32, voted bool, in uint32, id ID) quorum.Statement {
	var b [8 + 4 + 1 + 4 + 32]byte
	binary.LittleEndian.PutUint64(b[:], epoch)
	binary.LittleEndian.PutUint32(b[8:], round)
	if voted {
		b[12] = 1
		binary.LittleEndian.PutUint32(b[13:], in)
		copy(b[17:], id[:])
	}
	return g.State("epoch report", b[:])
}
