package opponents

import (
	"bytes"
	"math/bits"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/perfgate/perfgate/protocols/ota"
)

// A packer makes of a new release what is sent to who has the old one, and the new one of that.
type packer struct {
	by   string
	make func(old, new []byte) ([]byte, error)
	open func(old, packed []byte) ([]byte, error)
}

// delta is what an upgrade sends here: zstd at its best level with the whole old release as what came
// before.
func delta(size int) packer {
	return packer{
		make: ota.Delta,
		open: func(old, packed []byte) ([]byte, error) { return ota.Apply(old, packed, int64(size)) },
	}
}

// quick is the same at zstd's default level.
func quick() packer {
	return packer{
		make: func(old, new []byte) ([]byte, error) {
			e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1),
				zstd.WithWindowSize(1<<bits.Len(uint(len(old)+len(new)))), zstd.WithEncoderDictRaw(1, old))
			if err != nil {
				return nil, err
			}
			return e.EncodeAll(new, nil), e.Close()
		},
		open: func(old, packed []byte) ([]byte, error) {
			d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderDictRaw(1, old))
			if err != nil {
				return nil, err
			}
			defer d.Close()
			return d.DecodeAll(packed, nil)
		},
	}
}

// alone compresses the new release without the old.
func alone(level zstd.EncoderLevel) packer {
	return packer{
		make: func(_, new []byte) ([]byte, error) {
			e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1))
			if err != nil {
				return nil, err
			}
			return e.EncodeAll(new, nil), e.Close()
		},
		open: func(_, packed []byte) ([]byte, error) {
			d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
			if err != nil {
				return nil, err
			}
			defer d.Close()
			return d.DecodeAll(packed, nil)
		},
	}
}

// missing is what of the new release is in content-defined chunks that the old does not have, compressed;
// the receiver copies the rest. Opening is not a matter of one call and is left out.
func missing(old, new []byte) ([]byte, error) {
	const size = 8 << 10
	cut := cutters[1].cut
	x, err := cut(old, size)
	if err != nil {
		return nil, err
	}
	y, err := cut(new, size)
	if err != nil {
		return nil, err
	}
	have := map[[32]byte]bool{}
	for _, p := range x {
		have[p.hash] = true
	}
	var out []byte
	for _, p := range y {
		if !have[p.hash] {
			have[p.hash] = true
			out = append(out, new[:p.size]...)
		}
		new = new[p.size:]
	}
	packed, err := alone(zstd.SpeedBestCompression).make(nil, out)
	// The manifest goes with it: a hash and a length for each chunk.
	return append(packed, make([]byte, 36*len(y))...), err
}

// packers returns the ways to send a release of so many bytes.
func packers(size int) []packer {
	list := []packer{delta(size), quick(), alone(zstd.SpeedBestCompression), alone(zstd.SpeedDefault), {make: missing}}
	for i, by := range []string{"perfgate", "zstd-default-old", "zstd-best", "zstd-default", "fastcdc-zstd-best"} {
		list[i].by = by
	}
	return list
}

// TestDelta: all give back the new release.
func TestDelta(t *testing.T) {
	r := build(t)
	for _, p := range packers(len(r.dependency)) {
		if p.open == nil {
			continue
		}
		packed, err := p.make(r.old, r.dependency)
		if err != nil {
			t.Fatal(p.by, err)
		}
		got, err := p.open(r.old, packed)
		if err != nil || !bytes.Equal(got, r.dependency) {
			t.Errorf("%s: another content, or %v", p.by, err)
		}
	}
}

// DeltaMake makes what is sent. Perfgate is ota.Delta, which is zstd at its best level with the old
// release as dictionary; zstd-default-old is the same at the default level.
func BenchmarkDeltaMake(b *testing.B) {
	r := build(b)
	for _, ch := range changes {
		content := ch.to(r)
		var sides []side
		for _, p := range packers(len(content)) {
			sides = append(sides, side{p.by, func(b *clocked) []figure {
				var packed []byte
				b.SetBytes(int64(len(content)))
				for b.Loop() {
					var err error
					if packed, err = p.make(r.old, content); err != nil {
						b.Fatal(err)
					}
				}
				if p.open != nil {
					if got, err := p.open(r.old, packed); err != nil || !bytes.Equal(got, content) {
						b.Fatal("another content: ", err)
					}
				}
				return []figure{exactly(len(packed), "size-B/op"), {100 * float64(len(packed)) / float64(len(content)), "new-%"}}
			}})
		}
		duel(b, "change="+ch.name, sides...)
	}
}

// DeltaOpen makes the new release of what was sent.
func BenchmarkDeltaOpen(b *testing.B) {
	r := build(b)
	for _, ch := range changes {
		content := ch.to(r)
		var sides []side
		for _, p := range packers(len(content)) {
			if p.open == nil {
				continue
			}
			sides = append(sides, side{p.by, func(b *clocked) []figure {
				packed, err := p.make(r.old, content)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(content)))
				var got []byte
				for b.Loop() {
					if got, err = p.open(r.old, packed); err != nil {
						b.Fatal(err)
					}
				}
				if !bytes.Equal(got, content) {
					b.Fatal("another content")
				}
				return nil
			}})
		}
		duel(b, "change="+ch.name, sides...)
	}
}
