package opponents

import (
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/hdevalence/ed25519consensus"
	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/signature"
)

// signed returns the votes of n members for one statement.
func signed(n int) (checks []signature.Check) {
	rng := rand.New(rand.NewPCG(uint64(n), 2))
	message := randomID(rng)
	for range n {
		seed := randomID(rng)
		key := ed25519.NewKeyFromSeed(seed[:])
		checks = append(checks, signature.Check{
			Key: protocols.PeerID(key.Public().(ed25519.PublicKey)), Message: message[:], Signature: ed25519.Sign(key, message[:]),
		})
	}
	return checks
}

// A checker is one way to learn whether all signatures hold. It is made once, and may keep keys.
type checker struct {
	by   string
	make func(checks []signature.Check) func([]signature.Check) bool
}

// rule makes curve25519-voi accept what perfgate and ed25519consensus do.
var rule = &voi.Options{Verify: voi.VerifyOptionsZIP_215}

var checkers = []checker{
	{"perfgate", func([]signature.Check) func([]signature.Check) bool {
		return new(signature.Ed25519).Verify
	}},
	{"perfgate-cold", func([]signature.Check) func([]signature.Check) bool {
		return func(checks []signature.Check) bool { return new(signature.Ed25519).Verify(checks) }
	}},
	{"crypto-ed25519", func([]signature.Check) func([]signature.Check) bool {
		return func(checks []signature.Check) bool {
			for i := range checks {
				if !ed25519.Verify(checks[i].Key[:], checks[i].Message, checks[i].Signature) {
					return false
				}
			}
			return true
		}
	}},
	{"ed25519consensus", func([]signature.Check) func([]signature.Check) bool {
		return func(checks []signature.Check) bool {
			v := ed25519consensus.NewPreallocatedBatchVerifier(len(checks))
			for i := range checks {
				v.Add(checks[i].Key[:], checks[i].Message, checks[i].Signature)
			}
			return v.Verify()
		}
	}},
	{"curve25519-voi", func([]signature.Check) func([]signature.Check) bool {
		return func(checks []signature.Check) bool {
			v := voi.NewBatchVerifierWithCapacity(len(checks))
			for i := range checks {
				v.AddWithOptions(checks[i].Key[:], checks[i].Message, checks[i].Signature, rule)
			}
			return v.VerifyBatchOnly(rand.NewChaCha8([32]byte{1}))
		}
	}},
	{"curve25519-voi-expanded", func(known []signature.Check) func([]signature.Check) bool {
		keys := map[protocols.PeerID]*voi.ExpandedPublicKey{}
		for i := range known {
			keys[known[i].Key], _ = voi.NewExpandedPublicKey(known[i].Key[:])
		}
		return func(checks []signature.Check) bool {
			v := voi.NewBatchVerifierWithCapacity(len(checks))
			for i := range checks {
				v.AddExpandedWithOptions(keys[checks[i].Key], checks[i].Message, checks[i].Signature, rule)
			}
			return v.VerifyBatchOnly(rand.NewChaCha8([32]byte{1}))
		}
	}},
}

// TestSignatures: all say yes to what is signed, and no when one signature is wrong.
func TestSignatures(t *testing.T) {
	for _, n := range []int{1, 8, 64} {
		good, bad := signed(n), signed(n)
		bad[n/2].Signature[40] ^= 1
		for _, c := range checkers {
			verify := c.make(good)
			if !verify(good) || verify(bad) {
				t.Errorf("%s, %d signatures: good %v, bad %v", c.by, n, verify(good), verify(bad))
			}
		}
	}
}

// Signatures checks the signatures of so many members of one statement, by the rule of ZIP 215 except in
// crypto/ed25519. Perfgate and curve25519-voi-expanded know the members' keys from before; the others
// decode them each time.
func BenchmarkSignatures(b *testing.B) {
	for _, n := range []int{8, 64, 256} {
		checks := signed(n)
		var sides []side
		for _, c := range checkers {
			sides = append(sides, side{c.by, func(b *clocked) []figure {
				verify := c.make(checks)
				ok := verify(checks)
				for b.Loop() {
					ok = verify(checks) && ok
				}
				if !ok {
					b.Fatal("refused")
				}
				return nil
			}})
		}
		duel(b, fmt.Sprintf("signatures=%d", n), sides...)
	}
}
