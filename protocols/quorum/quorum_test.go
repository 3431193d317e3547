package quorum_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/signature"
)

func signer(i int) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = byte(i + 1)
	return ed25519.NewKeyFromSeed(seed)
}

func name(i int) protocols.PeerID {
	return protocols.PeerID(signer(i).Public().(ed25519.PublicKey))
}

func group(t *testing.T, n int) *quorum.Group {
	t.Helper()
	var m []protocols.PeerID
	for i := range n {
		m = append(m, name(i))
	}
	g, err := quorum.NewGroup([32]byte{1}, m)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func vote(t *testing.T, g *quorum.Group, i int, s quorum.Statement) quorum.Vote {
	t.Helper()
	v, err := g.Sign(signer(i), s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Whatever is thrown at a ballot, it counts the distinct members that signed this statement.
func TestBallotCountsDistinctMembers(t *testing.T) {
	g := group(t, 7)
	here, there := g.State("test", []byte("here")), g.State("test", []byte("there"))
	rapid.Check(t, func(rt *rapid.T) {
		threshold := rapid.IntRange(1, 7).Draw(rt, "threshold")
		b, err := g.NewBallot(new(signature.Ed25519), here, threshold)
		if err != nil {
			rt.Fatal(err)
		}
		want := map[uint16]bool{}
		for range rapid.IntRange(0, 20).Draw(rt, "votes") {
			of := rapid.IntRange(0, 6).Draw(rt, "of")
			v := vote(t, g, of, here)
			kind := rapid.SampledFrom([]string{"good", "other statement", "other member", "no member", "turned bit"}).Draw(rt, "kind")
			switch kind {
			case "other statement":
				v = vote(t, g, of, there)
			case "other member":
				v.Member = (v.Member + 1) % 7
			case "no member":
				v.Member = uint16(rapid.IntRange(7, 65535).Draw(rt, "index"))
			case "turned bit":
				bit := rapid.IntRange(0, 511).Draw(rt, "bit")
				v.Signature[bit/8] ^= 1 << (bit % 8)
			}
			fresh, err := b.Add(v)
			if kind == "good" {
				if err != nil || fresh == want[v.Member] {
					rt.Fatalf("good vote: %v, %v", fresh, err)
				}
				want[v.Member] = true
			} else if fresh || err == nil && !want[v.Member] || err != nil && !errors.Is(err, protocols.ErrVerification) {
				rt.Fatalf("%s: %v, %v", kind, fresh, err)
			}
		}
		c, ok := b.Certificate()
		if b.Count() != len(want) || ok != (len(want) >= threshold) || ok != b.Reached() {
			rt.Fatalf("%d votes counted, want %d; certificate %v", b.Count(), len(want), ok)
		}
		if ok {
			by := new(signature.Ed25519)
			if err := g.VerifyCertificate(by, here, &c, threshold); err != nil || len(c.Votes) != threshold {
				rt.Fatal(err)
			}
			if g.VerifyCertificate(by, there, &c, threshold) == nil || threshold < 7 && g.VerifyCertificate(by, here, &c, threshold+1) == nil {
				rt.Fatal("a certificate proves more than was signed")
			}
		}
	})
}

func TestStatementsBindGroupPurposeAndBody(t *testing.T) {
	g := group(t, 3)
	other, err := quorum.NewGroup([32]byte{2}, []protocols.PeerID{name(0), name(1), name(2)})
	if err != nil {
		t.Fatal(err)
	}
	all := []quorum.Statement{
		g.State("a", []byte("b")), g.State("ab", nil), g.State("", []byte("ab")), g.State("a", []byte("c")), other.State("a", []byte("b")),
	}
	for i := range all {
		if slices.Contains(all[:i], all[i]) {
			t.Errorf("statement %d is the same as one before", i)
		}
	}
}

func TestGroupsAndThresholdsAreChecked(t *testing.T) {
	for what, members := range map[string][]protocols.PeerID{
		"empty": nil, "twice": {name(0), name(1), name(0)}, "too many": make([]protocols.PeerID, quorum.MaxMembers+1),
	} {
		if _, err := quorum.NewGroup([32]byte{}, members); !errors.Is(err, protocols.ErrVerification) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for n, want := range map[int]int{1: 1, 2: 2, 3: 2, 4: 3, 5: 3, 100: 51} {
		g := group(t, n)
		if g.Majority() != want {
			t.Errorf("majority of %d is %d, want %d", n, g.Majority(), want)
		}
		for _, m := range []int{-1, 0, n + 1} {
			if _, err := g.NewBallot(nil, quorum.Statement{}, m); !errors.Is(err, protocols.ErrVerification) {
				t.Errorf("threshold %d of %d: %v", m, n, err)
			}
			if err := g.VerifyCertificate(nil, quorum.Statement{}, &quorum.Certificate{}, m); !errors.Is(err, protocols.ErrVerification) {
				t.Errorf("certificate with threshold %d of %d: %v", m, n, err)
			}
		}
	}
	if _, err := group(t, 3).Sign(signer(9), quorum.Statement{}); !errors.Is(err, protocols.ErrVerification) {
		t.Errorf("a stranger signed: %v", err)
	}
}

// A certificate made by hand with one vote twice, or out of order, proves nothing.
func TestVotersTwice(t *testing.T) {
	g := group(t, 3)
	s := g.State("test", nil)
	v := vote(t, g, 0, s)
	by := new(signature.Ed25519)
	c := quorum.Certificate{Votes: []quorum.Vote{v, v}}
	if err := g.VerifyCertificate(by, s, &c, 2); !errors.Is(err, protocols.ErrVerification) {
		t.Errorf("one member twice: %v", err)
	}
	if _, _, err := quorum.ParseCertificate(c.Append(nil)); !errors.Is(err, protocols.ErrVerification) {
		t.Errorf("decoded: %v", err)
	}
}

func FuzzParseCertificate(f *testing.F) {
	c := quorum.Certificate{Votes: []quorum.Vote{{Member: 1}, {Member: 7}}}
	f.Add(append(c.Append(nil), "rest"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, rest, err := quorum.ParseCertificate(b)
		if err != nil {
			return
		}
		if again := append(c.Append(nil), rest...); !bytes.Equal(again, b) || c.Size()+len(rest) != len(b) {
			t.Errorf("%x re-encodes to %x", b, again)
		}
	})
}

// Three of five members agree; the certificate costs 66 bytes a vote.
func Example() {
	var members []protocols.PeerID
	for i := range 5 {
		members = append(members, name(i))
	}
	g, err := quorum.NewGroup([32]byte{1}, members)
	if err != nil {
		panic(err)
	}
	by := new(signature.Ed25519)
	statement := g.State("example", []byte("epoch 7"))
	ballot, err := g.NewBallot(by, statement, g.Majority())
	if err != nil {
		panic(err)
	}
	for i := range 5 {
		v, err := g.Sign(signer(i), statement)
		if err != nil {
			panic(err)
		}
		if _, err := ballot.Add(v); err != nil {
			panic(err)
		}
	}
	c, ok := ballot.Certificate()
	fmt.Println(ballot.Count(), "votes,", ok, len(c.Votes), "in the certificate of", c.Size(), "bytes")
	// Output: 5 votes, true 3 in the certificate of 200 bytes
}
