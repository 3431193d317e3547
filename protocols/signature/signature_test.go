package signature_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/signature"
)

func signer(i int) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0], seed[1] = byte(i), byte(i>>8)
	return ed25519.NewKeyFromSeed(seed)
}

func signed(i int, text string) signature.Check {
	k := signer(i)
	return signature.Check{Key: protocols.PeerID(k.Public().(ed25519.PublicKey)), Message: []byte(text), Signature: ed25519.Sign(k, []byte(text))}
}

func TestSignaturesOfTheStandardLibraryHold(t *testing.T) {
	var v signature.Ed25519
	var all []signature.Check
	for i := range 70 {
		c := signed(i%9, fmt.Sprint("message ", i))
		if !v.Verify([]signature.Check{c}) {
			t.Fatalf("signature %d refused", i)
		}
		all = append(all, c)
	}
	if !v.Verify(all) || !v.Verify(nil) {
		t.Error("the batch was refused")
	}
}

// A batch holds exactly if each of its checks does, wherever a bit was turned.
func TestBatchAgreesWithEach(t *testing.T) {
	var v signature.Ed25519
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "checks")
		var all []signature.Check
		var broken []int
		for i := range n {
			c := signed(rapid.IntRange(0, 4).Draw(t, "signer"), fmt.Sprint("message ", i))
			if rapid.IntRange(0, 5).Draw(t, "break") == 0 {
				bit := rapid.IntRange(0, 8*64+8*9-1).Draw(t, "bit")
				if bit < 8*64 {
					c.Signature[bit/8] ^= 1 << (bit % 8)
				} else {
					c.Message[(bit-8*64)/8] ^= 1 << (bit % 8)
				}
				broken = append(broken, i)
			}
			all = append(all, c)
		}
		for i, c := range all {
			std := ed25519.Verify(c.Key[:], c.Message, c.Signature)
			if got := v.Verify([]signature.Check{c}); got != std || got == slices.Contains(broken, i) {
				t.Fatalf("check %d: %v alone, %v by crypto/ed25519, broken %v", i, got, std, broken)
			}
		}
		if got := v.Verify(all); got != (len(broken) == 0) {
			t.Fatalf("batch of %d: %v, broken %v", n, got, broken)
		}
		if got := signature.Failing(&v, all); !slices.Equal(got, broken) {
			t.Fatalf("failing %v, want %v", got, broken)
		}
	})
}

// Two wrong signatures whose errors cancel in a sum without factors: S up by one here, down there.
func TestErrorsDoNotCancel(t *testing.T) {
	a, b := signed(1, "one"), signed(1, "two")
	add := func(s []byte, by int) {
		carry := by
		for i := range s {
			v := int(s[i]) + carry
			s[i], carry = byte(v), v>>8
		}
	}
	add(a.Signature[32:], +1)
	add(b.Signature[32:], -1)
	if new(signature.Ed25519).Verify([]signature.Check{a, b}) {
		t.Error("two wrong signatures made one right batch")
	}
}

// A signature that crypto/ed25519 refuses and a cofactored batch takes must be taken alone as well.
// Key and R are points of order 8, S is 0: [8] of both sides is the identity whatever the message.
func TestSmallOrderAloneAndInBatch(t *testing.T) {
	low, err := hex.DecodeString("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
	if err != nil {
		t.Fatal(err)
	}
	c := signature.Check{Key: protocols.PeerID(low), Signature: append(slices.Clone(low), make([]byte, 32)...)}
	differs := false
	for i := range 16 {
		c.Message = []byte{byte(i)}
		differs = differs || !ed25519.Verify(c.Key[:], c.Message, c.Signature)
		var v signature.Ed25519
		if alone, both := v.Verify([]signature.Check{c}), v.Verify([]signature.Check{c, signed(1, "x")}); !alone || !both {
			t.Errorf("message %d: alone %v, in a batch %v", i, alone, both)
		}
	}
	if !differs {
		t.Error("crypto/ed25519 takes all of them: the case shows nothing")
	}
}

func TestWhatIsNoSignatureIsRefused(t *testing.T) {
	good := signed(1, "text")
	for what, spoil := range map[string]func(*signature.Check){
		"short":           func(c *signature.Check) { c.Signature = c.Signature[:63] },
		"empty":           func(c *signature.Check) { c.Signature = nil },
		"key is no point": func(c *signature.Check) { c.Key = protocols.PeerID{2} },
		"R is no point":   func(c *signature.Check) { copy(c.Signature, make([]byte, 32)); c.Signature[0] = 2 },
		"S not canonical": func(c *signature.Check) { c.Signature[63] |= 0xf0 },
	} {
		c := good
		c.Signature = slices.Clone(good.Signature)
		spoil(&c)
		if new(signature.Ed25519).Verify([]signature.Check{good, c}) {
			t.Errorf("%s: taken", what)
		}
	}
}

// counter counts the checks that reach it.
type counter struct {
	signature.Ed25519
	checks int
}

func (c *counter) Verify(checks []signature.Check) bool {
	c.checks += len(checks)
	return c.Ed25519.Verify(checks)
}

func TestMemoAsksOnce(t *testing.T) {
	var c counter
	m := signature.Memo{Of: &c, Limit: 10}
	bad := signed(3, "bad")
	bad.Message = []byte("other")
	for range 3 {
		if !m.Verify([]signature.Check{signed(1, "a"), signed(2, "b")}) || m.Verify([]signature.Check{signed(1, "a"), bad}) {
			t.Fatal("a memo changed an answer")
		}
	}
	if c.checks != 2+3 {
		t.Errorf("asked %d times, want 2 for what holds and 3 for what does not", c.checks)
	}
	for i := range 100 {
		m.Verify([]signature.Check{signed(4, fmt.Sprint(i))})
	}
	if !m.Verify([]signature.Check{signed(1, "a")}) {
		t.Error("forgetting changed an answer")
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, n := range []int{1, 8, 64, 256} {
		for _, keys := range []int{1, n} {
			b.Run(fmt.Sprintf("signatures=%d/keys=%d", n, keys), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 1))
				var all []signature.Check
				for i := range n {
					all = append(all, signed(i%keys, fmt.Sprint("message ", rng.Uint64())))
				}
				var v signature.Ed25519
				for b.Loop() {
					if !v.Verify(all) {
						b.Fatal("refused")
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/signature")
			})
			if n == 1 {
				break
			}
		}
	}
	b.Run("standard", func(b *testing.B) {
		c := signed(1, "message")
		for b.Loop() {
			if !ed25519.Verify(c.Key[:], c.Message, c.Signature) {
				b.Fatal("refused")
			}
		}
	})
}

// What is noted is believed, and only that: another signature, key or message is asked about, also
// where a message is the digest of a noted one.
func TestMemoBelievesWhatIsNoted(t *testing.T) {
	var c counter
	m := signature.Memo{Of: &c}
	long := signed(1, "a text")
	m.Note(long)
	if !m.Verify([]signature.Check{long}) || c.checks != 0 {
		t.Fatalf("asked %d times about what was noted", c.checks)
	}
	sum := sha256.Sum256(long.Message)
	for what, spoil := range map[string]func(*signature.Check){
		"signature": func(c *signature.Check) { c.Signature = signed(1, "other").Signature },
		"length":    func(c *signature.Check) { c.Signature = c.Signature[:63] },
		"key":       func(c *signature.Check) { c.Key = signed(2, "a text").Key },
		"message":   func(c *signature.Check) { c.Message = []byte("other") },
		"digest":    func(c *signature.Check) { c.Message = sum[:] },
	} {
		other := long
		spoil(&other)
		if m.Verify([]signature.Check{other}) {
			t.Errorf("another %s: taken", what)
		}
	}
}
