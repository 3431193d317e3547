package benchmarks

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/receipt"
)

// A trail is a chain of receipts of as many signers, and who may check it.
type trail struct {
	keys     []ed25519.PrivateKey
	chain    []receipt.Receipt
	verifier receipt.Verifier
}

// receiptSaid is what the i-th signer says of the message, and of the time at which it had it.
func receiptSaid(i int, signer protocols.PeerID) receipt.Receipt {
	return receipt.Receipt{
		Context: [32]byte{1}, Operation: [32]byte{2}, Version: protocols.Version, Epoch: 1, Message: sha256.Sum256([]byte("message")),
		Signer: signer, Time: time.Duration(i) * 25 * time.Millisecond,
	}
}

func newTrail(b *testing.B, links int) *trail {
	t := &trail{}
	public := map[protocols.PeerID]ed25519.PublicKey{}
	for i := range links {
		var seed [ed25519.SeedSize]byte
		binary.LittleEndian.PutUint64(seed[:], uint64(i)+1)
		key := ed25519.NewKeyFromSeed(seed[:])
		id := protocols.PeerID(key.Public().(ed25519.PublicKey))
		t.keys = append(t.keys, key)
		public[id] = key.Public().(ed25519.PublicKey)
		var err error
		if t.chain, err = receipt.Append(t.chain, receiptSaid(i, id), key); err != nil {
			b.Fatal(err)
		}
	}
	t.verifier.Resolve = func(signer protocols.PeerID, epoch uint64) (ed25519.PublicKey, bool) {
		key, ok := public[signer]
		return key, ok && epoch == 1
	}
	return t
}

// wire encodes the trail and reports how long that is.
func (t *trail) wire(b *testing.B) []byte {
	wire, err := receipt.AppendChain(nil, t.chain)
	if err != nil {
		b.Fatal(err)
	}
	return wire
}

// ReceiptVerify takes a chain as it arrives: decode, check every link, check every signature.
func BenchmarkReceiptVerify(b *testing.B) {
	for _, links := range []int{5, 10, 25, 50} {
		b.Run(fmt.Sprintf("links=%d", links), func(b *testing.B) {
			t := newTrail(b, links)
			wire := t.wire(b)
			signatures, n := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				chain, err := receipt.ParseChain(wire)
				if err != nil {
					b.Fatal(err)
				}
				report, err := t.verifier.Verify(chain)
				if err != nil || len(report.Signers) != links {
					b.Fatalf("%d signers, %v", len(report.Signers), err)
				}
				signatures += report.Verified
				n++
			}
			b.ReportMetric(float64(signatures)/float64(n), "signatures/op")
			b.ReportMetric(float64(len(wire)), "bytes/op")
		})
	}
}

// ReceiptAppend signs one receipt at the end of a chain.
func BenchmarkReceiptAppend(b *testing.B) {
	for _, links := range []int{5, 50} {
		b.Run(fmt.Sprintf("links=%d", links), func(b *testing.B) {
			t := newTrail(b, links)
			last := links - 1
			signer := t.chain[last].Signer
			before := len(t.wire(b))
			t.chain = t.chain[:last]
			b.ReportAllocs()
			for b.Loop() {
				chain, err := receipt.Append(t.chain, receiptSaid(last, signer), t.keys[last])
				if err != nil || len(chain) != links {
					b.Fatal(len(chain), err)
				}
			}
			b.ReportMetric(1, "signatures/op")
			b.ReportMetric(float64(before-len(t.wire(b))), "bytes/op")
		})
	}
}

// ReceiptRefuse takes a chain of fifty whose last link names another receipt: that costs no signature.
func BenchmarkReceiptRefuse(b *testing.B) {
	t := newTrail(b, 50)
	t.chain[49].Previous[0]++
	b.ReportAllocs()
	for b.Loop() {
		if _, err := t.verifier.Verify(t.chain); err == nil {
			b.Fatal("not refused")
		}
	}
}
