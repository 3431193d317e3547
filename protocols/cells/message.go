package cells

import (
	"encoding/binary"
	"fmt"

	"github.com/perfgate/perfgate/protocols"
)

const (
	// CellSize is the size of a cell in a message, in bytes: sum (8), check (4), count modulo 256 (1).
	CellSize = 13
	// HeaderSize is what a message adds at most, in bytes.
	HeaderSize = 12
	// MaxItems bounds the number of items that a message may speak of.
	MaxItems = 1 << 40
)

// Cells is a message: neighbouring cells of a set. On the wire it is the index of the first (uvarint),
// the number of cells (uvarint), the number of items of the set (uvarint), then the cells.
type Cells struct {
	// From is the index of the first cell of List.
	From int
	// Items is how many items the sender's set has.
	Items uint64
	List  []Cell
}

// AppendCells appends the message of the cells with indices from up to, but without, to. Bounds
// beyond the prefix mean its end.
func (p *Prefix) AppendCells(dst []byte, from, to int) []byte {
	to = min(max(to, 0), len(p.cells))
	from = min(max(from, 0), to)
	c := Cells{From: from, Items: uint64(p.items), List: p.cells[from:to]}
	return c.Append(dst)
}

// Append appends the encoded message.
func (c *Cells) Append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(c.From))
	dst = binary.AppendUvarint(dst, uint64(len(c.List)))
	dst = binary.AppendUvarint(dst, c.Items)
	for i := range c.List {
		dst = binary.LittleEndian.AppendUint64(dst, c.List[i].Sum)
		dst = binary.LittleEndian.AppendUint32(dst, c.List[i].Check)
		dst = append(dst, byte(c.List[i].Count))
	}
	return dst
}

// ParseCells decodes a message. The error wraps protocols.ErrVerification.
func ParseCells(b []byte) (Cells, error) {
	var c Cells
	err := c.Parse(b)
	return c, err
}

// Parse decodes a message into c as ParseCells does, and into its List if that has the room. After
// an error c is empty.
func (c *Cells) Parse(b []byte) error {
	list := c.List[:0]
	*c = Cells{List: list}
	var head [3]uint64
	for i, limit := range [...]uint64{MaxCells, MaxCells, MaxItems} {
		v, n := uvarint(b)
		if n == 0 || v > limit {
			return fmt.Errorf("decode cells: number %d of the header is cut short, too long or over %d: %w", i+1, limit, protocols.ErrVerification)
		}
		head[i], b = v, b[n:]
	}
	n := int(head[1])
	switch {
	case head[0]+head[1] > MaxCells:
		return fmt.Errorf("decode cells: %d cells from %d, at most %d in all: %w", n, head[0], MaxCells, protocols.ErrVerification)
	case len(b) != n*CellSize:
		return fmt.Errorf("decode cells: %d bytes for %d cells of %d: %w", len(b), n, CellSize, protocols.ErrVerification)
	}
	if cap(list) < n {
		list = make([]Cell, 0, n)
	}
	for ; len(b) > 0; b = b[CellSize:] {
		list = append(list, Cell{
			Sum:   binary.LittleEndian.Uint64(b),
			Check: binary.LittleEndian.Uint32(b[8:]),
			Count: int64(int8(b[12])),
		})
	}
	*c = Cells{From: int(head[0]), Items: head[2], List: list}
	return nil
}

// uvarint decodes a number in its shortest form. The length is 0 if b does not begin with one.
func uvarint(b []byte) (v uint64, length int) {
	v, n := binary.Uvarint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return 0, 0
	}
	return v, n
}
