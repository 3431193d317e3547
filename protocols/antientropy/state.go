package antientropy

import (
	"encoding/binary"

	"github.com/perfgate/perfgate/protocols"
)

// AppendState appends what decides what the node does next: the digest of its log and where its
// sessions stand. Two nodes that were stepped alike append the same.
func (n *Node) AppendState(dst []byte) []byte {
	d := n.log.Digest()
	dst = d.append(dst)
	le := binary.LittleEndian
	dst = le.AppendUint64(dst, uint64(n.refused))
	for _, s := range n.sessions {
		dst = append(dst, s.peer[:]...)
		dst = le.AppendUint64(dst, s.id)
		dst = le.AppendUint16(le.AppendUint16(dst, s.legIn), s.legOut)
		dst = le.AppendUint64(le.AppendUint64(dst, s.batchIn), s.batchOut)
		dst = append(dst, s.shown[:]...)
		dst = append(dst, byte(s.level), flag(s.ours), flag(s.asked), flag(s.over), flag(s.waiting))
		dst = le.AppendUint64(dst, uint64(s.ch.Pending()))
		dst = le.AppendUint64(dst, uint64(s.ch.Deadline()))
	}
	return dst
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// Describe says in a few words what a datagram is.
func Describe(data []byte) string {
	e, err := protocols.ParseEnvelope(data)
	if err != nil {
		return err.Error()
	}
	return protocols.DescribeFrame(e.Body)
}
