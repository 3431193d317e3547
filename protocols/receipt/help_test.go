package receipt

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// key returns the private key of a peer. Its name has nothing to do with the key: a verifier that took
// the one for the other would know nobody.
func key(peer int) ed25519.PrivateKey {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(peer)+1)
	return ed25519.NewKeyFromSeed(seed[:])
}

func name(peer int) protocols.PeerID { return protocols.PeerID{byte(peer + 1), byte(peer >> 8), 0xaa} }

// keys resolves so many peers, each from its epoch on: peer i from epoch i/10.
func keys(peers int) Resolver {
	public := map[protocols.PeerID]ed25519.PublicKey{}
	first := map[protocols.PeerID]uint64{}
	for i := range peers {
		public[name(i)] = key(i).Public().(ed25519.PublicKey)
		first[name(i)] = uint64(i / 10)
	}
	return func(signer protocols.PeerID, epoch uint64) (ed25519.PublicKey, bool) {
		k, ok := public[signer]
		return k, ok && epoch >= first[signer]
	}
}

// said is what a peer says, before it is signed, as the i-th of a chain.
func said(i, peer int) Receipt {
	return Receipt{
		Context: [32]byte{1}, Operation: [32]byte{2}, Version: 1, Epoch: uint64(10 + i/4), Message: sha256.Sum256([]byte("message")),
		Signer: name(peer), Time: time.Duration(i/2) * time.Millisecond,
	}
}

// chain returns a valid chain, of a peer for each receipt.
func chain(tb testing.TB, n int) []Receipt {
	tb.Helper()
	var c []Receipt
	for i := range n {
		var err error
		if c, err = Append(c, said(i, i), key(i)); err != nil {
			tb.Fatal(err)
		}
	}
	return c
}

// resign makes the signature fit what a receipt says now.
func resign(r *Receipt, peer int) {
	copy(r.Signature[:], ed25519.Sign(key(peer), r.AppendTranscript(nil)))
}

// refused checks that a verifier names this link and this reason.
func refused(tb testing.TB, v Verifier, c []Receipt, link int, why, kind error) {
	tb.Helper()
	report, err := v.Verify(c)
	var e *LinkError
	if !errors.As(err, &e) || e.Link != link || e.Why != why || e.Kind != kind || !errors.Is(err, why) || !errors.Is(err, kind) {
		tb.Errorf("error %v, want receipt %d: %v: %v", err, link, why, kind)
	}
	if report.Verified != 0 || report.Signers != nil {
		tb.Errorf("a report of what was refused: %+v", report)
	}
}
