package corpus

import (
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/big"
	"regexp"
	"slices"
	"sort"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/google/btree"
	"github.com/klauspost/compress/zstd"
	"github.com/tidwall/gjson"
)

func BenchmarkSHA256(b *testing.B) {
	if sum := sha256.Sum256([]byte("abc")); hex.EncodeToString(sum[:4]) != "ba7816bf" {
		b.Fatalf("sha256 of abc is %x", sum)
	}
	data := noise(seeded(1), 64<<10)
	h := sha256.New()
	h.Write(data)
	want := int(binary.BigEndian.Uint32(h.Sum(nil)))
	measure(b, want, func() int {
		sum := sha256.Sum256(data)
		return int(binary.BigEndian.Uint32(sum[:]))
	})
}

func BenchmarkXXHash(b *testing.B) {
	data := noise(seeded(2), 512<<10)
	d := xxhash.New()
	for chunk := range slices.Chunk(data, 1000) {
		d.Write(chunk)
	}
	measure(b, int(d.Sum64()), func() int { return int(xxhash.Sum64(data)) })
}

func BenchmarkEd25519Verify(b *testing.B) {
	key := ed25519.NewKeyFromSeed(noise(seeded(3), ed25519.SeedSize))
	public := key.Public().(ed25519.PublicKey)
	message := []byte("the message that is signed")
	signature := ed25519.Sign(key, message)
	if ed25519.Verify(public, []byte("the message that is forged"), signature) {
		b.Fatal("a forged message is accepted")
	}
	measure(b, 1, func() int {
		if ed25519.Verify(public, message, signature) {
			return 1
		}
		return 0
	})
}

func BenchmarkBigExp(b *testing.B) {
	r := seeded(4)
	number := func(n int) *big.Int { return new(big.Int).SetBytes(noise(r, n)) }
	base, exponent, modulus := number(128), number(32), number(128)
	modulus.SetBit(modulus, 0, 1)
	// The same power by squaring, from the highest bit down.
	power := big.NewInt(1)
	for i := exponent.BitLen() - 1; i >= 0; i-- {
		power.Mul(power, power).Mod(power, modulus)
		if exponent.Bit(i) == 1 {
			power.Mul(power, base).Mod(power, modulus)
		}
	}
	var out big.Int
	measure(b, int(power.Uint64()), func() int { return int(out.Exp(base, exponent, modulus).Uint64()) })
}

func BenchmarkSort(b *testing.B) {
	r := seeded(5)
	data, work := make([]int, 2000), make([]int, 2000)
	for i := range data {
		data[i] = r.IntN(1_000_000)
	}
	measure(b, slices.Min(data)*3+slices.Max(data), func() int {
		copy(work, data)
		slices.Sort(work)
		return work[0]*3 + work[len(work)-1]
	})
	if !slices.IsSorted(work) {
		b.Error("not sorted")
	}
}

// byName is a slice in the form that package sort wants.
type byName []*record

func (s byName) Len() int           { return len(s) }
func (s byName) Less(i, j int) bool { return s[i].Name < s[j].Name }
func (s byName) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }

func BenchmarkSortRecords(b *testing.B) {
	var data, work byName
	low, high := "~", ""
	for _, r := range records(seeded(6), 500) {
		data = append(data, &r)
		low, high = min(low, r.Name), max(high, r.Name)
	}
	work = make(byName, len(data))
	measure(b, len(low)*100+len(high), func() int {
		copy(work, data)
		sort.Sort(work)
		return len(work[0].Name)*100 + len(work[len(work)-1].Name)
	})
	if !sort.IsSorted(work) || work[0].Name != low || work[len(work)-1].Name != high {
		b.Error("not sorted")
	}
}

func BenchmarkMapCount(b *testing.B) {
	data := words(seeded(7), 4000)
	counts := map[string]int{}
	distinct := len(slices.Compact(slices.Sorted(slices.Values(data))))
	first := 0
	for _, w := range data {
		if w == data[0] {
			first++
		}
	}
	measure(b, distinct*len(data)+first, func() int {
		clear(counts)
		for _, w := range data {
			counts[w]++
		}
		return len(counts)*len(data) + counts[data[0]]
	})
}

func BenchmarkRegexp(b *testing.B) {
	text, failed := logLines(seeded(8), 4<<10)
	re := regexp.MustCompile(`(?m)^GET /(\w+)/\w+ status=5\d\d took=(\d+)ms$`)
	if failed == 0 {
		b.Fatal("no line to be found")
	}
	measure(b, failed, func() int { return len(re.FindAllStringSubmatchIndex(text, -1)) })
}

// The walk goes through a table of 2^23 places, of which each holds the next: a linear congruential
// generator of full period, so that it can be computed as well where the walk has to be.
func BenchmarkRandomWalk(b *testing.B) {
	const (
		places = 32 << 20 / 4
		steps  = 512
	)
	next := func(at uint32) uint32 { return (at*1664525 + 1013904223) % places }
	table := make([]uint32, places)
	for i := range table {
		table[i] = next(uint32(i))
	}
	at, should := uint32(1), uint32(1)
	measure(b, 0, func() int {
		for range steps {
			at = table[at]
		}
		for range steps {
			should = next(should)
		}
		return int(at) - int(should)
	})
}

// tokens counts words, numbers, quoted strings and comments in a made-up language.
func tokens(text []byte) (count [4]int) {
	const (
		between = iota
		inWord
		inNumber
		inQuote
		inEscape
		inComment
	)
	state := between
	for _, c := range text {
		switch state {
		case inQuote:
			switch c {
			case '"':
				state = between
			case '\\':
				state = inEscape
			}
			continue
		case inEscape:
			state = inQuote
			continue
		case inComment:
			if c == '\n' {
				state = between
			}
			continue
		}
		switch {
		case c >= 'a' && c <= 'z':
			if state != inWord {
				count[0]++
			}
			state = inWord
		case c >= '0' && c <= '9':
			if state != inNumber {
				count[1]++
			}
			state = inNumber
		case c == '"':
			count[2]++
			state = inQuote
		case c == '#':
			count[3]++
			state = inComment
		default:
			state = between
		}
	}
	return count
}

func BenchmarkStateMachine(b *testing.B) {
	if got := tokens([]byte(`ab 12 "c \" 3" x7 # y 8`)); got != [4]int{2, 2, 1, 1} {
		b.Fatalf("tokens are counted as %v", got)
	}
	r := seeded(9)
	const alphabet = `aabcdz00197 ,;+"\#` + "\n\n"
	text := make([]byte, 16<<10)
	for i := range text {
		text[i] = alphabet[r.IntN(len(alphabet))]
	}
	sum := func(count [4]int) int { return count[0] + 3*count[1] + 5*count[2] + 7*count[3] }
	// The same by the expressions that the language is defined by.
	want := [4]int{}
	for _, m := range regexp.MustCompile(`([a-z]+)|([0-9]+)|("(?:[^"\\]|\\(?s:.))*(?:"|\\?$))|(#[^\n]*)`).FindAllSubmatchIndex(text, -1) {
		for i := range want {
			if m[2+2*i] >= 0 {
				want[i]++
			}
		}
	}
	measure(b, sum(want), func() int { return sum(tokens(text)) })
}

func BenchmarkMatrix(b *testing.B) {
	const n = 64
	r := seeded(10)
	var x, y, z [n][n]float64
	for i := range n {
		for j := range n {
			x[i][j], y[i][j] = float64(r.IntN(10)), float64(r.IntN(10))
		}
	}
	// The sum of a product is that of the column sums times the row sums.
	want := 0.0
	for k := range n {
		column, row := 0.0, 0.0
		for i := range n {
			column += x[i][k]
			row += y[k][i]
		}
		want += column * row
	}
	measure(b, int(want), func() int {
		sum := 0.0
		for i := range n {
			for j := range n {
				cell := 0.0
				for k := range n {
					cell += x[i][k] * y[k][j]
				}
				z[i][j] = cell
				sum += cell
			}
		}
		return int(sum)
	})
}

func BenchmarkBTreeLookup(b *testing.B) {
	r := seeded(11)
	tree := btree.NewOrderedG[int](32)
	for _, k := range r.Perm(10_000) {
		tree.ReplaceOrInsert(2 * k)
	}
	keys := make([]int, 500)
	want := 0
	for i := range keys {
		keys[i] = r.IntN(20_000)
		if keys[i]%2 == 0 {
			want++
		}
	}
	measure(b, want, func() int {
		found := 0
		for _, k := range keys {
			if tree.Has(k) {
				found++
			}
		}
		return found
	})
}

func BenchmarkGJSON(b *testing.B) {
	data := records(seeded(12), 60)
	text, err := json.Marshal(data)
	must(b, err)
	want := len(data) + data[59].ID + data[50].Sizes[1].Height + data[40].Sizes[0].Width
	paths := []string{"#", "59.id", "50.sizes.1.height", "40.sizes.0.width"}
	measure(b, want, func() int {
		sum := 0
		for _, p := range paths {
			sum += int(gjson.GetBytes(text, p).Int())
		}
		return sum
	})
}

func BenchmarkZstdEncode(b *testing.B) {
	data := prose(seeded(13), 16<<10)
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	must(b, err)
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	must(b, err)
	defer decoder.Close()
	var out []byte
	out = encoder.EncodeAll(data, out[:0])
	if back, err := decoder.DecodeAll(out, nil); err != nil || !bytes.Equal(back, data) {
		b.Fatalf("not the same after decoding: %v", err)
	}
	measure(b, len(out), func() int {
		out = encoder.EncodeAll(data, out[:0])
		return len(out)
	})
}

func BenchmarkZstdDecode(b *testing.B) {
	data := prose(seeded(14), 64<<10)
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	must(b, err)
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	must(b, err)
	defer decoder.Close()
	packed := encoder.EncodeAll(data, nil)
	out := make([]byte, 0, len(data))
	measure(b, len(data), func() int {
		// An error leaves less than all of the data.
		out, _ = decoder.DecodeAll(packed, out[:0])
		return len(out)
	})
	if !bytes.Equal(out, data) {
		b.Error("not the same after decoding")
	}
}

func BenchmarkGzip(b *testing.B) {
	data := prose(seeded(15), 4<<10)
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	pack := func() int {
		out.Reset()
		w.Reset(&out)
		w.Write(data)
		w.Close()
		return out.Len()
	}
	want := pack()
	r, err := gzip.NewReader(&out)
	must(b, err)
	if back, err := io.ReadAll(r); err != nil || !bytes.Equal(back, data) {
		b.Fatalf("not the same after decoding: %v", err)
	}
	measure(b, want, pack)
}
