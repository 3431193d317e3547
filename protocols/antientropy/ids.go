package antientropy

import (
	"crypto/sha256"
	"encoding"
	"hash"

	"github.com/perfgate/perfgate/protocols"
)

// A namer computes the ids of records. What is hashed begins with the group's tag and the author's
// name, which fill one block of SHA-256 together: its state after that block is kept for every author
// of whom a record was seen, so that each record costs a block less.
type namer struct {
	hash  hash.Hash
	after [][]byte // by member; nil for whom no record was seen of
	sum   [sha256.Size]byte
}

func newNamer(members int) namer {
	return namer{hash: sha256.New(), after: make([][]byte, members)}
}

// id returns the SHA-256 of what signed appends. Body is a record's stored form without signature.
func (n *namer) id(tag *[32]byte, author uint32, name *protocols.PeerID, body []byte) [32]byte {
	if n.after[author] == nil {
		n.hash.Reset()
		n.hash.Write(tag[:])
		n.hash.Write(name[:])
		var err error
		if n.after[author], err = n.hash.(encoding.BinaryAppender).AppendBinary(nil); err != nil {
			panic(err) // it has no way to fail
		}
	} else if err := n.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(n.after[author]); err != nil {
		panic(err) // it is what AppendBinary made
	}
	n.hash.Write(body)
	n.hash.Sum(n.sum[:0])
	return n.sum
}
