package receipt

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"pgregory.net/rapid"
)

func TestChain(t *testing.T) {
	for _, n := range []int{1, 2, 5, 50, MaxDepth} {
		calls := 0
		all := keys(n)
		v := Verifier{Context: [32]byte{1}, Resolve: func(signer protocols.PeerID, epoch uint64) (ed25519.PublicKey, bool) {
			calls++
			return all(signer, epoch)
		}}
		c := chain(t, n)
		report, err := v.Verify(c)
		if err != nil || report.Verified != n || len(report.Signers) != n || calls != n {
			t.Errorf("%d receipts: %+v, %v, %d keys asked for", n, report, err, calls)
		}
	}
}

func TestDepth(t *testing.T) {
	c := chain(t, MaxDepth)
	if longer, err := Append(c, said(100, 100), key(100)); !errors.Is(err, ErrDepth) || !errors.Is(err, protocols.ErrExhausted) || len(longer) != MaxDepth {
		t.Errorf("%d receipts, %v", len(longer), err)
	}
	v := Verifier{Resolve: keys(101)}
	refused(t, v, append(c, c[0]), MaxDepth, ErrDepth, protocols.ErrExhausted)
	v.MaxDepth = 3
	refused(t, v, c[:4], 3, ErrDepth, protocols.ErrExhausted)
	if _, err := v.Verify(c[:3]); err != nil {
		t.Error(err)
	}
}

// TestSignaturesComeLast: what can be told without one is told first, though it stands later.
func TestSignaturesComeLast(t *testing.T) {
	c := chain(t, 10)
	c[0].Signature[0] ^= 1
	c[9].Previous[0] ^= 1
	refused(t, Verifier{Resolve: keys(10)}, c, 9, ErrLinkage, verification)
}

// TestEmptyChain proves nothing, and so is refused where nobody has asked for it.
func TestEmptyChain(t *testing.T) {
	refused(t, Verifier{Resolve: keys(1)}, nil, 0, ErrEmpty, verification)
	if r, err := (&Verifier{AllowEmpty: true}).Verify(nil); err != nil || r.Verified != 0 {
		t.Error(r, err)
	}
}

func TestOrderContextAndVersion(t *testing.T) {
	v := Verifier{Resolve: keys(5)}
	// As a dishonest last peer signs it: Append would refuse.
	last := func(change func(r *Receipt)) []Receipt {
		c := chain(t, 5)
		change(&c[4])
		resign(&c[4], 4)
		return c
	}
	refused(t, v, last(func(r *Receipt) { r.Time = time.Millisecond - 1 }), 4, ErrOrder, verification)
	refused(t, v, last(func(r *Receipt) { r.Time = -1 }), 4, ErrOrder, verification)
	refused(t, v, last(func(r *Receipt) { r.Epoch = 9 }), 4, ErrOrder, verification)
	refused(t, v, last(func(r *Receipt) { r.Context[31] = 1 }), 4, ErrContext, verification)
	refused(t, v, last(func(r *Receipt) { r.Version = 2 }), 4, ErrContext, protocols.ErrVersion)
	for what, r := range map[string]func(r *Receipt){
		"time": func(r *Receipt) { r.Time = 0 }, "epoch": func(r *Receipt) { r.Epoch = 9 }, "context": func(r *Receipt) { r.Context[0]++ },
		"negative": func(r *Receipt) { r.Time = -1 }, "version": func(r *Receipt) { r.Version++ },
	} {
		x := said(4, 4)
		r(&x)
		if c, err := Append(chain(t, 4), x, key(4)); !errors.Is(err, verification) || len(c) != 4 {
			t.Errorf("append with another %s: %v", what, err)
		}
	}
	refused(t, Verifier{Resolve: keys(5), Version: 2}, chain(t, 1), 0, ErrContext, protocols.ErrVersion)
	refused(t, Verifier{Resolve: keys(5), Context: [32]byte{9}}, chain(t, 1), 0, ErrContext, verification)
	refused(t, Verifier{}, chain(t, 1), 0, ErrSigner, verification)
	short := func(protocols.PeerID, uint64) (ed25519.PublicKey, bool) { return []byte("short"), true }
	refused(t, Verifier{Resolve: short}, chain(t, 1), 0, ErrSigner, verification)
	if _, err := Append(nil, said(0, 0), []byte("short")); !errors.Is(err, verification) {
		t.Error(err)
	}
}

// TestEveryFieldIsInTheTranscript holds for fields that are added too.
func TestEveryFieldIsInTheTranscript(t *testing.T) {
	r := chain(t, 2)[1]
	before := r.AppendTranscript(nil)
	if len(before) != TranscriptSize || len(r.Append(nil)) != Size {
		t.Fatalf("sizes %d, %d", len(before), len(r.Append(nil)))
	}
	v := reflect.ValueOf(&r).Elem()
	for i := range v.NumField() {
		x := r
		f := reflect.ValueOf(&x).Elem().Field(i)
		if f.Kind() == reflect.Array {
			f = f.Index(f.Len() - 1)
		}
		switch f.Kind() {
		case reflect.Bool:
			f.SetBool(!f.Bool())
		case reflect.Int64:
			f.SetInt(f.Int() ^ 1<<40)
		default:
			f.SetUint(f.Uint() ^ 1)
		}
		what := v.Type().Field(i).Name
		if same := bytes.Equal(before, x.AppendTranscript(nil)); same != (what == "Signature") || same != (r.Hash() == x.Hash()) {
			t.Errorf("%s changes; the transcript stays the same: %v", what, same)
		}
		if bytes.Equal(r.Append(nil), x.Append(nil)) {
			t.Errorf("%s changes; the encoding stays the same", what)
		}
	}
}

// TestFormStays pins what is signed: receipts outlive the program that made them.
func TestFormStays(t *testing.T) {
	const want = "b55a1cc704a84e1cf6636e72c54d05e0a3f3292978e808eb3cb18b21c0bcc611"
	if got := chain(t, 2)[1].Hash(); hex.EncodeToString(got[:]) != want {
		t.Errorf("the second receipt's hash is %x, want %s", got, want)
	}
}

// TestEveryBit flips each bit of an encoded chain.
func TestEveryBit(t *testing.T) {
	b, err := AppendChain(nil, chain(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	v := Verifier{Resolve: keys(3)}
	for i := range 8 * len(b) {
		b[i/8] ^= 1 << (i % 8)
		if c, err := ParseChain(b); err == nil {
			if _, err := v.Verify(c); err == nil {
				t.Errorf("bit %d of byte %d may be flipped", i%8, i/8)
			}
		}
		b[i/8] ^= 1 << (i % 8)
	}
}

// TestAnyHonestChainVerifies, and survives the wire.
func TestAnyHonestChainVerifies(t *testing.T) {
	v := Verifier{Resolve: keys(6)}
	rapid.Check(t, func(t *rapid.T) {
		var c []Receipt
		r := Receipt{Version: 1, Context: [32]byte{rapid.Byte().Draw(t, "context")}}
		for range rapid.IntRange(1, 8).Draw(t, "receipts") {
			peer := rapid.IntRange(0, 5).Draw(t, "peer")
			r.Signer = name(peer)
			r.Time += time.Duration(rapid.Int64Range(0, 1<<50).Draw(t, "time"))
			r.Epoch += rapid.Uint64Range(0, 1<<40).Draw(t, "epoch")
			r.Message[3], r.Operation[4] = rapid.Byte().Draw(t, "message"), rapid.Byte().Draw(t, "operation")
			var err error
			if c, err = Append(c, r, key(peer)); err != nil {
				t.Fatal(err)
			}
		}
		b, err := AppendChain(nil, c)
		if err != nil || len(b) != HeaderSize+len(c)*Size {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		again, err := ParseChain(b)
		if err != nil || !reflect.DeepEqual(again, c) {
			t.Fatalf("%v\n%+v\n%+v", err, again, c)
		}
		if report, err := v.Verify(again); err != nil || report.Verified != len(c) {
			t.Fatalf("%+v, %v", report, err)
		}
	})
}
