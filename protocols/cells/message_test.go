package cells

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"unsafe"

	"github.com/perfgate/perfgate/protocols"
)

func TestGoldenMessages(t *testing.T) {
	var out bytes.Buffer
	p := NewPrefix(testKey, 300)
	show := func(from, to int) {
		fmt.Fprintf(&out, "%d items, cells %d to %d: %x\n", p.Count(), from, to, p.AppendCells(nil, from, to))
	}
	show(0, 2)
	for i := range uint64(300) {
		p.Add(i * i * 0x123456789abcdef)
	}
	show(0, 3)
	show(150, 152)
	show(299, 400)
	show(300, 300)
	r := NewRanges([]uint64{1, 2, 1 << 40, 1 << 60, 3 << 60, 15 << 60, math.MaxUint64})
	fmt.Fprintf(&out, "all: %x\n", AppendRanges(nil, []Range{r.Whole()}))
	reply, _ := r.Split([]Range{{Count: 9}}, 4, 1)
	fmt.Fprintf(&out, "in four: %x\n", AppendRanges(nil, reply))
	reply, _ = r.Split([]Range{{Bits: 6, Count: 9}, {Low: 15 << 60, Bits: 4, Count: 9}}, 2, 1)
	fmt.Fprintf(&out, "two parts in two: %x\n", AppendRanges(nil, reply))
	golden(t, "messages.txt", out.Bytes())
}

func TestAppendCellsKeepsToThePrefix(t *testing.T) {
	p := prefixOf(10, 1, 2, 3)
	for _, c := range []struct{ from, to, first, n int }{
		{0, 10, 0, 10}, {-5, 3, 0, 3}, {8, 99, 8, 2}, {10, 20, 10, 0}, {99, 100, 10, 0}, {5, 3, 3, 0}, {-2, -1, 0, 0},
	} {
		m := message(t, p, c.from, c.to)
		if m.From != c.first || len(m.List) != c.n || m.Items != 3 {
			t.Errorf("cells %d to %d: %d from %d of %d items, want %d from %d", c.from, c.to, len(m.List), m.From, m.Items, c.n, c.first)
		}
	}
}

// The header is as long as is promised, and a cell too.
func TestSizes(t *testing.T) {
	c := Cells{From: MaxCells, Items: MaxItems}
	if n := len(c.Append(nil)); n > HeaderSize {
		t.Errorf("a header of %d bytes, at most %d promised", n, HeaderSize)
	}
	c = Cells{List: make([]Cell, 10)}
	if n := len(c.Append(nil)); n != 3+10*CellSize {
		t.Errorf("ten cells take %d bytes", n)
	}
}

func TestMessagesThatAreRefused(t *testing.T) {
	good := prefixOf(300, 1, 2, 3).AppendCells(nil, 200, 202)
	for _, c := range []struct {
		name string
		b    []byte
		ok   bool
	}{
		{"good", good, true},
		{"empty", nil, false},
		{"without items", []byte{0, 0}, false},
		{"no cells", []byte{0, 0, 0}, true},
		{"cut short", good[:len(good)-1], false},
		{"a byte more", append(bytes.Clone(good), 0), false},
		{"a cell fewer", good[:len(good)-CellSize], false},
		{"a longer form of a number", append([]byte{0x80, 0}, good[2:]...), false},
		{"a number without end", bytes.Repeat([]byte{0xff}, 20), false},
		{"from beyond all", (&Cells{From: MaxCells + 1}).Append(nil), false},
		{"from at the end", (&Cells{From: MaxCells}).Append(nil), true},
		{"up to the end", (&Cells{From: MaxCells - 1, List: make([]Cell, 1)}).Append(nil), true},
		{"over the end", (&Cells{From: MaxCells - 1, List: make([]Cell, 2)}).Append(nil), false},
		{"too many items", (&Cells{Items: MaxItems + 1}).Append(nil), false},
		{"a number of cells that is not there", []byte{0, 0xff, 0xff, 3, 0}, false},
	} {
		got, err := ParseCells(c.b)
		if c.ok != (err == nil) || err != nil && !errors.Is(err, protocols.ErrVerification) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && (got.From != 0 || got.Items != 0 || len(got.List) != 0) {
			t.Errorf("%s: partial result beside the error", c.name)
		}
	}
}

func TestRangesThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		ok        bool
	}{
		{"none", "", true},
		{"all", "00" + "01000000" + "0200000000000000", true},
		{"one id", "40" + "0102030405060708" + "01000000" + "0200000000000000", true},
		{"cut short", "00" + "01000000" + "02000000000000", false},
		{"more bits than there are", "41" + "010203040506070809" + "01000000" + "0200000000000000", false},
		{"bits beyond the common ones", "04" + "18" + "01000000" + "0200000000000000", false},
		{"in order", "0410" + "01000000" + "0200000000000000" + "0420" + "01000000" + "0200000000000000", true},
		{"out of order", "0420" + "01000000" + "0200000000000000" + "0410" + "01000000" + "0200000000000000", false},
		{"one twice", "0410" + "01000000" + "0200000000000000" + "0410" + "01000000" + "0200000000000000", false},
		{"one in another", "0410" + "01000000" + "0200000000000000" + "0818" + "01000000" + "0200000000000000", false},
		{"something after the last", "04f0" + "01000000" + "0200000000000000" + "00" + "01000000" + "0200000000000000", false},
	} {
		b, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseRanges(b)
		if c.ok != (err == nil) || err != nil && (!errors.Is(err, protocols.ErrVerification) || got != nil) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
}

func FuzzParseCells(f *testing.F) {
	p := prefixOf(300, 1, 2, 3)
	f.Add(p.AppendCells(nil, 0, 3))
	f.Add(p.AppendCells(nil, 200, 201))
	f.Add([]byte{0x80, 0x80, 4, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCells(b)
		if err != nil {
			if !errors.Is(err, protocols.ErrVerification) {
				t.Fatal(err)
			}
			return
		}
		if again := c.Append(nil); !bytes.Equal(again, b) {
			t.Fatalf("%x re-encodes to %x", b, again)
		}
		if size := cap(c.List) * int(unsafe.Sizeof(Cell{})); size > 2*len(b) {
			t.Fatalf("%d bytes take %d", len(b), size)
		}
	})
}

func FuzzParseRanges(f *testing.F) {
	r := NewRanges([]uint64{1, 2, 1 << 40, 1 << 60, 3 << 60, 15 << 60, math.MaxUint64})
	reply, _ := r.Split([]Range{{Count: 9}}, 8, 1)
	f.Add(AppendRanges(nil, reply))
	f.Add(AppendRanges(nil, []Range{r.Whole()}))
	f.Fuzz(func(t *testing.T, b []byte) {
		ranges, err := ParseRanges(b)
		if err != nil {
			return
		}
		if again := AppendRanges(nil, ranges); !bytes.Equal(again, b) {
			t.Fatalf("%x re-encodes to %x", b, again)
		}
		if size := cap(ranges) * int(unsafe.Sizeof(Range{})); size > 2*len(b) {
			t.Fatalf("%d bytes take %d", len(b), size)
		}
		// What parses can be answered, in order again.
		reply, enumerate := r.Split(ranges, 4, 1)
		for _, list := range [][]Range{reply, enumerate} {
			if again, err := ParseRanges(AppendRanges(nil, list)); err != nil || !slices.Equal(again, list) {
				t.Fatalf("the answer does not parse: %v", err)
			}
		}
	})
}
