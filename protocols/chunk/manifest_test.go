package chunk

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/perfgate/perfgate/protocols"
)

// The root changes with everything that it covers.
func TestRootCoversEverything(t *testing.T) {
	data := content(5000, 1)
	m, err := NewManifest(data, 1024)
	if err != nil {
		t.Fatal(err)
	}
	roots := []Root{m.Root()}
	for _, other := range [][]byte{append(bytes.Clone(data), 0), data[:4999], append([]byte{^data[0]}, data[1:]...)} {
		o, err := NewManifest(other, 1024)
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, o.Root())
	}
	o, err := NewManifest(data, 1025)
	if err != nil {
		t.Fatal(err)
	}
	roots = append(roots, o.Root())
	for i := range roots {
		for j := range roots[:i] {
			if roots[i] == roots[j] {
				t.Errorf("contents %d and %d have one root", i, j)
			}
		}
	}
}

func TestShapesAreBounded(t *testing.T) {
	for _, c := range []struct {
		size, chunk int
		ok          bool
	}{{0, 1024, false}, {1, 1024, true}, {1, 1023, false}, {1, MaxChunk, true}, {1, MaxChunk + 1, false}} {
		if _, err := NewManifest(make([]byte, c.size), c.chunk); (err == nil) != c.ok || err != nil && !errors.Is(err, protocols.ErrVerification) {
			t.Errorf("%d bytes in chunks of %d: %v", c.size, c.chunk, err)
		}
	}
	if _, err := checkShape(MaxChunks*MaxChunk, MaxChunk); err != nil {
		t.Error(err)
	}
	if _, err := checkShape(MaxChunks*MaxChunk+1, MaxChunk); err == nil {
		t.Error("one chunk too many")
	}
}

// Learned page by page, in any order that is possible, a manifest is the same as one that was known, and
// no other page is taken.
func TestPages(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.SampledFrom([]int{1, 31, 32, 33, 1024, 1025, 2500}).Draw(rt, "chunks")
		hashes := make([]Hash, n)
		for i := range hashes {
			hashes[i] = Hash{byte(i), byte(i >> 8), 1}
		}
		whole, err := ManifestOf(int64(n)*2048, 2048, hashes)
		if err != nil {
			rt.Fatal(err)
		}
		top := len(whole.levels) - 1
		if _, err := fromTop(whole.Root(), whole.size+1, 2048, whole.page(top, 0)); !errors.Is(err, protocols.ErrVerification) {
			rt.Fatalf("another size: %v", err)
		}
		m, err := fromTop(whole.Root(), whole.size, 2048, whole.page(top, 0))
		if err != nil {
			rt.Fatal(err)
		}
		for !m.complete() {
			i := rapid.IntRange(0, n-1).Draw(rt, "chunk")
			l, p, missing := m.lacking(i)
			if !missing {
				for i = range n {
					if l, p, missing = m.lacking(i); missing {
						break
					}
				}
			}
			bad := append([]Hash(nil), whole.page(l, p)...)
			bad[len(bad)-1][7]++
			if err := m.addPage(l, p, bad); !errors.Is(err, protocols.ErrVerification) {
				rt.Fatalf("a wrong page: %v", err)
			}
			if err := m.addPage(l, p, whole.page(l, p)); err != nil {
				rt.Fatal(err)
			}
		}
		if !bytes.Equal(m.Append(nil), whole.Append(nil)) || m.Root() != whole.Root() {
			rt.Fatal("another manifest")
		}
	})
}

func FuzzManifest(f *testing.F) {
	m, err := NewManifest(content(5000, 1), 1024)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseManifest(b)
		if err == nil && !bytes.Equal(m.Append(nil), b) {
			t.Errorf("%x re-encodes to %x", b, m.Append(nil))
		}
	})
}

func FuzzMessage(f *testing.F) {
	for _, m := range []message{
		{kind: kindHave, offer: 3, flags: flagWants, held: 7, first: span, bits: []byte{1, 0, 128}},
		{kind: kindOffer, offer: 9, credit: 4, bits: []byte{255}},
		{kind: kindWant, offer: 9, wants: []request{{chunk: 5}, {7, []byte{0, 4}}}},
		{kind: kindPiece, chunk: 5, piece: 2, data: []byte("data")},
		{kind: kindAsk, level: topLevel},
		{kind: kindPage, level: 1, page: 3, size: 9999, length: 1024, hashes: []Hash{{1}, {2}}},
	} {
		f.Add(m.append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parse(b)
		if err != nil {
			return
		}
		if again := m.append(nil); !bytes.Equal(again, b) {
			t.Errorf("%x re-encodes to %x", b, again)
		}
		if held := 32 * cap(m.hashes); held > 2*len(b) {
			t.Errorf("%d bytes of hashes held for %d", held, len(b))
		}
	})
}
