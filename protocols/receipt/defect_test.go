package receipt

import (
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// Each test here is named after a defect that other implementations have had.

var verification = protocols.ErrVerification

// TestDefectSelfSuppliedKey signs in the name of another, and names a signer after a key of one's own.
func TestDefectSelfSuppliedKey(t *testing.T) {
	v := Verifier{Resolve: keys(5)}
	c := chain(t, 3)
	resign(&c[1], 4) // peer 4 says that it is peer 1
	refused(t, v, c, 1, ErrSignature, verification)

	own := said(0, 0)
	own.Signer = protocols.PeerID(key(77).Public().(ed25519.PublicKey))
	c, err := Append(nil, own, key(77))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, v, c, 0, ErrSigner, verification)
}

// TestDefectFreshKeyPerReceipt signs with a key that nobody has seen.
func TestDefectFreshKeyPerReceipt(t *testing.T) {
	c := chain(t, 3)
	resign(&c[2], 1000)
	refused(t, Verifier{Resolve: keys(5)}, c, 2, ErrSignature, verification)
	// One peer signs many receipts with one key.
	c = nil
	for i := range 6 {
		var err error
		if c, err = Append(c, said(i, i%2), key(i%2)); err != nil {
			t.Fatal(err)
		}
	}
	report, err := (&Verifier{Resolve: keys(2)}).Verify(c)
	if err != nil || report.Verified != 6 || len(report.Signers) != 2 || report.Signers[0] != name(0) || report.Signers[1] != name(1) {
		t.Errorf("report %+v, %v", report, err)
	}
}

// TestDefectReattachedPredecessor puts receipts behind others than they were made for.
func TestDefectReattachedPredecessor(t *testing.T) {
	v := Verifier{Resolve: keys(9)}
	a := chain(t, 4)
	other := said(0, 0)
	other.Message[0]++
	b, err := Append(nil, other, key(0))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, v, append(b[:1:1], a[1:]...), 1, ErrLinkage, verification)   // another root
	refused(t, v, append(a[:1:1], a[2:]...), 1, ErrLinkage, verification)   // one left out
	refused(t, v, a[1:], 0, ErrRoot, verification)                          // no root
	refused(t, v, append(a[:2:2], a[0]), 2, ErrRoot, verification)          // a second root
	refused(t, v, append(a[:2:2], a[1], a[2]), 2, ErrLinkage, verification) // one twice
	refused(t, v, []Receipt{a[0], a[2], a[1]}, 1, ErrLinkage, verification) // in another order
	moved := a[1]                                                           // a link turned into a root
	moved.Root, moved.Previous = true, [32]byte{}
	refused(t, v, []Receipt{moved}, 0, ErrSignature, verification)
	moved = a[0] // a root that names something before it, in memory: it has no encoding
	moved.Previous[0] = 1
	resign(&moved, 0)
	refused(t, v, []Receipt{moved}, 0, ErrRoot, verification)
	moved = a[0] // no root, and nothing before it
	moved.Root = false
	resign(&moved, 0)
	refused(t, v, []Receipt{moved}, 0, ErrRoot, verification)
}

// TestDefectSignatureCoversMessageAndTimeOnly changes every other thing that a receipt says, also so that
// the chain's hashes fit again: that needs the signatures of all that follow.
func TestDefectSignatureCoversMessageAndTimeOnly(t *testing.T) {
	v := Verifier{Resolve: keys(9)}
	for what, change := range map[string]func(r *Receipt){
		"operation": func(r *Receipt) { r.Operation[5]++ },
		"epoch":     func(r *Receipt) { r.Epoch++ },
		"message":   func(r *Receipt) { r.Message[31]++ },
		"signer":    func(r *Receipt) { r.Signer = name(8) },
		"time":      func(r *Receipt) { r.Time++ },
		"previous":  func(r *Receipt) { r.Previous[0]++ },
	} {
		c := chain(t, 3)
		change(&c[2])
		want := ErrSignature
		if what == "previous" {
			want = ErrLinkage
		}
		t.Run(what, func(t *testing.T) { refused(t, v, c, 2, want, verification) })
		if what == "previous" {
			continue
		}
		c = chain(t, 3)
		change(&c[1])
		c[2].Time, c[2].Epoch = time.Second, 99
		c[2].Previous = c[1].Hash()
		resign(&c[2], 2) // the last peer helps, the one in the middle does not
		t.Run(what+" in the middle", func(t *testing.T) { refused(t, v, c, 1, ErrSignature, verification) })
	}
}

// TestDefectOnePredecessorIsExamined breaks the signature of each receipt of a chain.
func TestDefectOnePredecessorIsExamined(t *testing.T) {
	for i := range 10 {
		c := chain(t, 10)
		c[i].Signature[7] ^= 1
		refused(t, Verifier{Resolve: keys(10)}, c, i, ErrSignature, verification)
	}
}

// TestDefectOldEpochs refuses what was said under a fence that has moved, and by whom was no signer yet.
func TestDefectOldEpochs(t *testing.T) {
	c := chain(t, 8) // epochs 10 10 10 10 11 11 11 11
	v := Verifier{Resolve: keys(8), MinEpoch: 10}
	if _, err := v.Verify(c); err != nil {
		t.Error(err)
	}
	v.MinEpoch = 11
	refused(t, v, c, 0, ErrFence, verification)
	early := said(0, 110) // a signer from epoch 11 on
	for epoch, want := range map[uint64]error{10: ErrSigner, 11: nil} {
		early.Epoch = epoch
		c, err := Append(nil, early, key(110))
		if err != nil {
			t.Fatal(err)
		}
		v := Verifier{Resolve: keys(111)}
		if want != nil {
			refused(t, v, c, 0, want, verification)
		} else if _, err := v.Verify(c); err != nil {
			t.Error(err)
		}
	}
}
