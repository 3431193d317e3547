// Package signature checks Ed25519 signatures, one or many at a time, under one rule, so that
// replicas which check in different ways never disagree.
//
// The usual way to check one signature multiplies nothing by the cofactor of the curve; the fast way
// to check many has to. For signatures that an honest signer made the two agree; somebody can make
// one on purpose on which they do not, and then a replica that checked it in a batch holds what one
// that checked it alone refused. So here every check is the cofactored one of ZIP 215, alone as
// within a batch: S must be canonical, points may be encoded in any way, and
//
//	[8][S]B = [8]R + [8][k]A
//
// The laws: Verify(checks) is true exactly if it is true of each check alone; it is a function of
// its arguments (the factors of a batch come from a hash of all that is checked, not from chance).
//
// Signing stays with crypto/ed25519. The package keeps no keys and does not say whom to trust.
package signature

import (
	"crypto/sha256"
	"crypto/sha512"
	"math/rand/v2"

	"filippo.io/edwards25519"

	"github.com/perfgate/perfgate/protocols"
)

// Size is the length of a signature in bytes.
const Size = 64

// A Check is one question: did the owner of Key sign Message with Signature?
type Check struct {
	Key       protocols.PeerID
	Message   []byte
	Signature []byte
}

// A Verifier answers whether all checks hold. It must not keep the slices.
type Verifier interface {
	Verify(checks []Check) bool
}

// Ed25519 is the Verifier that does the work. The zero value is ready. It keeps the decoded keys it
// has seen, 160 bytes each and at most 4,096, so that members' keys are decoded once. It is not safe
// for concurrent use.
type Ed25519 struct {
	keys    map[protocols.PeerID]*edwards25519.Point
	scalars []*edwards25519.Scalar
	points  []*edwards25519.Point
	owner   map[protocols.PeerID]int
}

const keysKept = 4096

// Verify checks one signature in about the time of crypto/ed25519; in a batch each costs a fifth to a
// third of that.
func (v *Ed25519) Verify(checks []Check) bool {
	if len(checks) == 0 {
		return true
	}
	v.scalars, v.points = v.scalars[:0], v.points[:0]
	v.owner = map[protocols.PeerID]int{}
	base := edwards25519.NewScalar()
	v.scalars, v.points = append(v.scalars, base), append(v.points, edwards25519.NewGeneratorPoint())
	factors := newFactors(checks)
	for i := range checks {
		c := &checks[i]
		a := v.key(&c.Key)
		if a == nil || len(c.Signature) != Size {
			return false
		}
		r, err := new(edwards25519.Point).SetBytes(c.Signature[:32])
		if err != nil {
			return false
		}
		s, err := edwards25519.NewScalar().SetCanonicalBytes(c.Signature[32:])
		if err != nil {
			return false
		}
		z := factors.next()
		base.MultiplyAdd(z, s, base)
		k := challenge(c)
		at, ok := v.owner[c.Key]
		if !ok {
			at = len(v.points)
			v.owner[c.Key] = at
			v.scalars, v.points = append(v.scalars, edwards25519.NewScalar()), append(v.points, a)
		}
		v.scalars[at].MultiplyAdd(z, k, v.scalars[at])
		v.scalars, v.points = append(v.scalars, z), append(v.points, r)
	}
	base.Negate(base)
	sum := new(edwards25519.Point).VarTimeMultiScalarMult(v.scalars, v.points)
	return sum.MultByCofactor(sum).Equal(edwards25519.NewIdentityPoint()) == 1
}

func challenge(c *Check) *edwards25519.Scalar {
	h := sha512.New()
	h.Write(c.Signature[:32])
	h.Write(c.Key[:])
	h.Write(c.Message)
	var sum [64]byte
	k, err := edwards25519.NewScalar().SetUniformBytes(h.Sum(sum[:0]))
	if err != nil {
		panic(err) // only the length can be wrong
	}
	return k
}

// key returns the point of a public key, or nil if it is none.
func (v *Ed25519) key(id *protocols.PeerID) *edwards25519.Point {
	if p, ok := v.keys[*id]; ok {
		return p
	}
	p, err := new(edwards25519.Point).SetBytes(id[:])
	if err != nil {
		return nil
	}
	if v.keys == nil || len(v.keys) >= keysKept {
		v.keys = make(map[protocols.PeerID]*edwards25519.Point)
	}
	v.keys[*id] = p
	return p
}

// Factors of 128 bits keep wrong signatures from cancelling out. They depend on everything that is
// checked, so whoever chooses a signature cannot know its factor before.
type factors struct {
	alone bool
	rng   *rand.ChaCha8
}

func newFactors(checks []Check) factors {
	if len(checks) == 1 {
		return factors{alone: true}
	}
	h := sha256.New()
	var sum [32]byte
	for i := range checks {
		c := &checks[i]
		h.Write(c.Key[:])
		m := sha256.Sum256(c.Message)
		h.Write(m[:])
		m = sha256.Sum256(c.Signature)
		h.Write(m[:])
	}
	h.Sum(sum[:0])
	return factors{rng: rand.NewChaCha8(sum)}
}

func (f *factors) next() *edwards25519.Scalar {
	var b [32]byte
	b[0] = 1
	if !f.alone {
		f.rng.Read(b[:16])
	}
	z, err := edwards25519.NewScalar().SetCanonicalBytes(b[:])
	if err != nil {
		panic(err) // 128 bits are below the order
	}
	return z
}

// Failing returns the places of the checks that do not hold, in order. It halves what fails, so a
// few wrong ones among many cost little.
func Failing(v Verifier, checks []Check) []int {
	var bad []int
	var look func(from, to int)
	look = func(from, to int) {
		switch {
		case from == to || v.Verify(checks[from:to]):
		case to-from == 1:
			bad = append(bad, from)
		default:
			mid := (from + to) / 2
			look(from, mid)
			look(mid, to)
		}
	}
	look(0, len(checks))
	return bad
}
