package opponents

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"testing"

	chunkers "github.com/PlakarKorp/go-cdc-chunkers"
	_ "github.com/PlakarKorp/go-cdc-chunkers/chunkers/fastcdc" // registers itself
	"github.com/perfgate/perfgate/protocols/chunk"
)

// A piece is a chunk: its hash and how long it is.
type piece struct {
	hash [32]byte
	size int
}

// A cutter cuts content into chunks of about a size and hashes each with SHA-256.
type cutter struct {
	by  string
	cut func(content []byte, size int) ([]piece, error)
}

var cutters = []cutter{
	{"perfgate", func(content []byte, size int) ([]piece, error) {
		m, err := chunk.NewManifest(content, size)
		if err != nil {
			return nil, err
		}
		list := make([]piece, m.Chunks())
		for i := range list {
			list[i] = piece{m.Hash(i), m.Length(i)}
		}
		return list, nil
	}},
	{"fastcdc", func(content []byte, size int) (list []piece, err error) {
		c, err := chunkers.NewChunker("fastcdc-v1.0.0", bytes.NewReader(content), &chunkers.ChunkerOpts{MinSize: size / 4, NormalSize: size, MaxSize: 4 * size})
		if err != nil {
			return nil, err
		}
		for {
			b, err := c.Next()
			if len(b) > 0 {
				list = append(list, piece{sha256.Sum256(b), len(b)})
			}
			if errors.Is(err, io.EOF) {
				return list, nil
			}
			if err != nil {
				return nil, err
			}
		}
	}},
}

// fresh is how many bytes of the new content lie in chunks that the old does not have.
func fresh(old, new []piece) (n int) {
	have := map[[32]byte]bool{}
	for _, p := range old {
		have[p.hash] = true
	}
	for _, p := range new {
		if !have[p.hash] {
			n += p.size
			have[p.hash] = true
		}
	}
	return n
}

// check returns an error unless the chunks are the content, one after the other.
func checkPieces(content []byte, list []piece) error {
	for i, p := range list {
		if p.size > len(content) || sha256.Sum256(content[:p.size]) != p.hash {
			return fmt.Errorf("chunk %d of %d bytes is not what its hash says", i, p.size)
		}
		content = content[p.size:]
	}
	if len(content) > 0 {
		return fmt.Errorf("%d bytes are in no chunk", len(content))
	}
	return nil
}

// TestChunks: both cut the whole content, and find content that they have cut before.
func TestChunks(t *testing.T) {
	r := build(t)
	for _, c := range cutters {
		for _, size := range []int{8 << 10, 32 << 10} {
			list, err := c.cut(r.constant, size)
			if err == nil {
				err = checkPieces(r.constant, list)
			}
			if err != nil {
				t.Errorf("%s, chunks of %d: %v", c.by, size, err)
			}
			if n := fresh(list, list); n != 0 {
				t.Errorf("%s, chunks of %d: %d bytes of what was there are new", c.by, size, n)
			}
		}
	}
}

// Chunks cuts a release into chunks and hashes them. How much of it is in chunks that the old release
// does not have is what would be fetched without compression.
func BenchmarkChunks(b *testing.B) {
	r := build(b)
	for _, ch := range changes {
		content := ch.to(r)
		for _, size := range []int{8 << 10, 32 << 10} {
			var sides []side
			for _, c := range cutters {
				sides = append(sides, side{c.by, func(b *clocked) []figure {
					old, err := c.cut(r.old, size)
					if err != nil {
						b.Fatal(err)
					}
					b.SetBytes(int64(len(content)))
					var list []piece
					for b.Loop() {
						if list, err = c.cut(content, size); err != nil {
							b.Fatal(err)
						}
					}
					if err := checkPieces(content, list); err != nil {
						b.Fatal(err)
					}
					n := fresh(old, list)
					return []figure{exactly(n, "size-B/op"), {100 * float64(n) / float64(len(content)), "new-%"}}
				}})
			}
			duel(b, fmt.Sprintf("change=%s/chunk=%d", ch.name, size), sides...)
		}
	}
}
