package receipt_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/receipt"
)

// What it costs to prove the way of a message over five hops, and what a forger gets.
func Example() {
	var private []ed25519.PrivateKey
	for i := range 5 {
		private = append(private, ed25519.NewKeyFromSeed([]byte(fmt.Sprintf("seed of peer %019d", i))))
	}
	// Members are known by their keys here; who is none has no key.
	members := func(signer protocols.PeerID, epoch uint64) (ed25519.PublicKey, bool) {
		for _, k := range private {
			if public := k.Public().(ed25519.PublicKey); protocols.PeerID(public) == signer {
				return public, epoch >= 7
			}
		}
		return nil, false
	}
	var chain []receipt.Receipt
	for i, k := range private {
		r := receipt.Receipt{
			Context: [32]byte{1}, Operation: [32]byte{2}, Version: 1, Epoch: 7, Message: sha256.Sum256([]byte("hello")),
			Signer: protocols.PeerID(k.Public().(ed25519.PublicKey)), Time: time.Duration(i) * 25 * time.Millisecond,
		}
		var err error
		if chain, err = receipt.Append(chain, r, k); err != nil {
			fmt.Println(err)
			return
		}
	}
	wire, err := receipt.AppendChain(nil, chain)
	fmt.Printf("%d bytes per link and %d in all, %v\n", receipt.Size, len(wire), err)
	v := receipt.Verifier{Resolve: members, MinEpoch: 7}
	report, err := v.Verify(chain)
	fmt.Printf("%d signatures verified, of %d signers, %v\n", report.Verified, len(report.Signers), err)

	chain[2].Message = sha256.Sum256([]byte("good bye"))
	_, err = v.Verify(chain)
	fmt.Println(errors.Is(err, receipt.ErrLinkage), err)
	// Output:
	// 243 bytes per link and 1217 in all, <nil>
	// 5 signatures verified, of 5 signers, <nil>
	// true receipt 3: hash of another receipt before it: verification failed
}
