package receipt

import (
	"bytes"
	"errors"
	"testing"
	"unsafe"

	"github.com/perfgate/perfgate/protocols"
)

// What parses has one encoding, and takes no more than twice its size.
func FuzzChain(f *testing.F) {
	for _, n := range []int{0, 1, 3} {
		b, err := AppendChain(nil, chain(f, n))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{form, 1})
	f.Add(bytes.Repeat([]byte{form}, HeaderSize+Size))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseChain(b)
		if err != nil {
			if errors.Is(err, protocols.ErrVersion) == errors.Is(err, protocols.ErrVerification) {
				t.Fatalf("%v is of none or two kinds", err)
			}
			return
		}
		if again, err := AppendChain(nil, c); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x re-encodes to %x, %v", b, again, err)
		}
		if held := cap(c) * int(unsafe.Sizeof(Receipt{})); held > 2*len(b) {
			t.Fatalf("%d bytes held for %d", held, len(b))
		}
		// Any answer will do, but for a crash.
		if _, err := (&Verifier{Resolve: keys(3)}).Verify(c); err == nil && !bytes.Equal(b[HeaderSize:][:32], chain(t, 1)[0].Append(nil)[:32]) {
			t.Fatalf("a forgery: %x", b)
		}
	})
}

func TestParse(t *testing.T) {
	good, err := AppendChain(nil, chain(t, 2))
	if err != nil {
		t.Fatal(err)
	}
	change := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	const root, at = HeaderSize + 32 + 32 + 2 + 8 + 32 + 32 + 8, HeaderSize + 32 + 32 + 2 + 8 + 32 + 32
	for what, c := range map[string]struct {
		b    []byte
		want error
	}{
		"nothing":               {nil, verification},
		"another form":          {change(0, 2), protocols.ErrVersion},
		"no count":              {good[:1], verification},
		"count too small":       {change(1, 1), verification},
		"count too large":       {change(1, 3), verification},
		"cut":                   {good[:len(good)-1], verification},
		"a byte more":           {append(bytes.Clone(good), 0), verification},
		"root of 2":             {change(root, 2), verification},
		"root with predecessor": {change(root+1, 1), verification},
		"negative time":         {change(at+7, 0x80), verification},
		"too many":              {append([]byte{form, MaxDepth + 1}, make([]byte, (MaxDepth+1)*Size)...), verification},
	} {
		if got, err := ParseChain(c.b); !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: %d receipts, %v", what, len(got), err)
		}
	}
	if _, err := Parse(good[HeaderSize:][:Size+1]); !errors.Is(err, verification) {
		t.Error(err)
	}
	if _, err := AppendChain(nil, make([]Receipt, MaxDepth+1)); !errors.Is(err, protocols.ErrExhausted) {
		t.Error(err)
	}
	if c, err := ParseChain([]byte{form, 0}); err != nil || len(c) != 0 {
		t.Errorf("an empty chain: %d, %v", len(c), err)
	}
}
