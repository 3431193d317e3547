package chunk

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/perfgate/perfgate/protocols"
)

const (
	// PieceSize is how much of a chunk fits into one datagram, in bytes.
	PieceSize = 1176
	// MinChunk is the least size of a chunk in bytes.
	MinChunk = 1 << 10
	// MaxChunk is the greatest size of a chunk in bytes.
	MaxChunk = 256 << 10
	// MaxChunks bounds the number of chunks of one content.
	MaxChunks = 1 << 20
	// DefaultChunk is a size of chunk that costs little waiting and few messages, in bytes.
	DefaultChunk = 32 << 10

	fan       = 32 // hashes in a page
	maxPieces = (MaxChunk + PieceSize - 1) / PieceSize
)

// A Hash is a SHA-256.
type Hash = [sha256.Size]byte

// A Root names a content: the hash over its size, its size of chunk and the tree of hashes of its chunks.
type Root Hash

// String returns the first 16 of the 64 hexadecimal digits.
func (r Root) String() string { return fmt.Sprintf("%x", r[:8]) }

// Session is the session of envelopes that deal with this content.
func (r Root) Session() uint64 { return binary.LittleEndian.Uint64(r[:]) }

// A Manifest says of what chunks a content consists. It may be known in part only, while a Fetcher
// gets its pages.
type Manifest struct {
	size  int64
	chunk int
	// levels[0] are the hashes of chunks; each level above has the hashes of the pages of the one
	// below, and the topmost is one page.
	levels [][]Hash
	known  []Bitmap // by level, which pages are known
	root   Root
}

// checkShape returns the number of chunks of a content.
func checkShape(size int64, chunk int) (int, error) {
	if size < 1 || chunk < MinChunk || chunk > MaxChunk || (size-1)/int64(chunk) >= MaxChunks {
		return 0, fmt.Errorf("content of %d bytes in chunks of %d: want at least 1 byte, chunks of %d to %d bytes and at most %d of them: %w",
			size, chunk, MinChunk, MaxChunk, MaxChunks, protocols.ErrVerification)
	}
	return int((size-1)/int64(chunk)) + 1, nil
}

func pages(hashes int) int { return (hashes + fan - 1) / fan }

// newManifest returns a manifest of which nothing is known but its shape.
func newManifest(size int64, chunk int) (*Manifest, error) {
	n, err := checkShape(size, chunk)
	if err != nil {
		return nil, err
	}
	m := &Manifest{size: size, chunk: chunk}
	for {
		m.levels = append(m.levels, make([]Hash, n))
		m.known = append(m.known, newBitmap(pages(n)))
		if n <= fan {
			return m, nil
		}
		n = pages(n)
	}
}

// NewManifest describes content cut into chunks of a size in bytes, the last one shorter. The error
// wraps protocols.ErrVerification when sizes are out of bounds.
func NewManifest(content []byte, chunkSize int) (*Manifest, error) {
	n, err := checkShape(int64(len(content)), chunkSize)
	if err != nil {
		return nil, fmt.Errorf("describe %w", err)
	}
	hashes := make([]Hash, n)
	for i := range hashes {
		hashes[i] = sha256.Sum256(content[i*chunkSize : min((i+1)*chunkSize, len(content))])
	}
	return ManifestOf(int64(len(content)), chunkSize, hashes)
}

// ManifestOf describes content by the hashes of its chunks. The error wraps protocols.ErrVerification
// when sizes are out of bounds or there is not one hash for each chunk.
func ManifestOf(size int64, chunkSize int, hashes []Hash) (*Manifest, error) {
	m, err := newManifest(size, chunkSize)
	if err != nil {
		return nil, fmt.Errorf("describe %w", err)
	}
	if len(hashes) != m.Chunks() {
		return nil, fmt.Errorf("describe content of %d chunks by %d hashes: %w", m.Chunks(), len(hashes), protocols.ErrVerification)
	}
	copy(m.levels[0], hashes)
	for l := range m.levels {
		for p := range m.known[l].n {
			m.known[l].set(p)
			if l+1 < len(m.levels) {
				m.levels[l+1][p] = pageHash(l, m.page(l, p))
			}
		}
	}
	top := len(m.levels) - 1
	m.root = rootHash(size, chunkSize, pageHash(top, m.page(top, 0)))
	return m, nil
}

func pageHash(level int, hashes []Hash) Hash {
	h := sha256.New()
	h.Write([]byte("perfgate manifest page 1\n"))
	h.Write([]byte{byte(level)})
	for i := range hashes {
		h.Write(hashes[i][:])
	}
	return Hash(h.Sum(nil))
}

func rootHash(size int64, chunk int, top Hash) Root {
	b := binary.LittleEndian.AppendUint64([]byte("perfgate manifest root 1\n"), uint64(size))
	b = binary.LittleEndian.AppendUint32(b, uint32(chunk))
	return Root(sha256.Sum256(append(b, top[:]...)))
}

// page returns the hashes of one page.
func (m *Manifest) page(level, p int) []Hash {
	l := m.levels[level]
	return l[p*fan : min((p+1)*fan, len(l))]
}

// Root names the content.
func (m *Manifest) Root() Root { return m.root }

// Size is the length of the content in bytes.
func (m *Manifest) Size() int64 { return m.size }

// ChunkSize is the length of every chunk but the last, in bytes.
func (m *Manifest) ChunkSize() int { return m.chunk }

// Chunks is the number of chunks.
func (m *Manifest) Chunks() int { return len(m.levels[0]) }

// Length is the length of chunk i in bytes.
func (m *Manifest) Length(i int) int {
	return int(min(int64(m.chunk), m.size-int64(i)*int64(m.chunk)))
}

// Hash is the SHA-256 of chunk i.
func (m *Manifest) Hash(i int) Hash { return m.levels[0][i] }

// Verify checks that data is chunk i. The error wraps protocols.ErrVerification.
func (m *Manifest) Verify(i int, data []byte) error {
	switch {
	case i < 0 || i >= m.Chunks():
		return fmt.Errorf("verify chunk %d of %d: %w", i, m.Chunks(), protocols.ErrVerification)
	case !m.known[0].Has(i / fan):
		return fmt.Errorf("verify chunk %d: its hash is not known yet: %w", i, protocols.ErrVerification)
	case len(data) != m.Length(i) || sha256.Sum256(data) != m.levels[0][i]:
		return fmt.Errorf("verify chunk %d of %v: not what the manifest says: %w", i, m.root, protocols.ErrVerification)
	}
	return nil
}

// pieces is the number of pieces of chunk i.
func (m *Manifest) pieces(i int) int { return (m.Length(i) + PieceSize - 1) / PieceSize }

// complete reports whether every page is known.
func (m *Manifest) complete() bool {
	for l := range m.known {
		if !m.known[l].Full() {
			return false
		}
	}
	return true
}

// lacking returns the topmost page on the way to chunk i that is not known.
func (m *Manifest) lacking(i int) (level, page int, missing bool) {
	at := make([]int, len(m.levels))
	for l := range m.levels {
		i /= fan
		at[l] = i
	}
	for l := len(m.levels) - 1; l >= 0; l-- {
		if !m.known[l].Has(at[l]) {
			return l, at[l], true
		}
	}
	return 0, 0, false
}

// addPage takes in a page below the top, if it is what the page above says.
func (m *Manifest) addPage(level, p int, hashes []Hash) error {
	if level < 0 || level+1 >= len(m.levels) || p < 0 || p >= m.known[level].n || !m.known[level+1].Has(p/fan) {
		return fmt.Errorf("take page %d of level %d: not expected: %w", p, level, protocols.ErrVerification)
	}
	if len(hashes) != len(m.page(level, p)) || pageHash(level, hashes) != m.levels[level+1][p] {
		return fmt.Errorf("take page %d of level %d: not what the page above says: %w", p, level, protocols.ErrVerification)
	}
	copy(m.page(level, p), hashes)
	m.known[level].set(p)
	return nil
}

// fromTop returns what the top page of a root tells.
func fromTop(root Root, size int64, chunk int, hashes []Hash) (*Manifest, error) {
	// The root covers the shape, so nothing is allocated for a size that somebody made up. The
	// level is not known before; the size says it.
	n, err := checkShape(size, chunk)
	if err != nil {
		return nil, fmt.Errorf("take top page: %w", err)
	}
	top := 0
	for n > fan {
		n = pages(n)
		top++
	}
	if len(hashes) != n || rootHash(size, chunk, pageHash(top, hashes)) != root {
		return nil, fmt.Errorf("take top page of %v: not what the root says: %w", root, protocols.ErrVerification)
	}
	m, err := newManifest(size, chunk)
	if err != nil {
		return nil, err
	}
	copy(m.levels[top], hashes)
	m.known[top].set(0)
	m.root = root
	return m, nil
}

// Append appends the encoded manifest, which must be known whole: size (8), size of chunk (4), hashes
// of chunks (32 each).
func (m *Manifest) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(m.size))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(m.chunk))
	for i := range m.levels[0] {
		dst = append(dst, m.levels[0][i][:]...)
	}
	return dst
}

// ParseManifest decodes a whole manifest. What parses re-encodes to the same bytes. The error wraps
// protocols.ErrVerification; whether the root is the wanted one is for the caller to compare.
func ParseManifest(b []byte) (*Manifest, error) {
	if len(b) < 12+sha256.Size || (len(b)-12)%sha256.Size != 0 {
		return nil, fmt.Errorf("decode manifest of %d bytes: %w", len(b), protocols.ErrVerification)
	}
	size, chunk := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint32(b[8:])
	b = b[12:]
	n, err := checkShape(int64(size), int(chunk))
	if err == nil && n != len(b)/sha256.Size {
		err = fmt.Errorf("content of %d chunks with %d hashes: %w", n, len(b)/sha256.Size, protocols.ErrVerification)
	}
	if err != nil {
		return nil, fmt.Errorf("decode manifest: %w", err)
	}
	return ManifestOf(int64(size), int(chunk), parseHashes(b))
}

func parseHashes(b []byte) []Hash {
	h := make([]Hash, len(b)/sha256.Size)
	for i := range h {
		h[i] = Hash(b[i*sha256.Size:])
	}
	return h
}
