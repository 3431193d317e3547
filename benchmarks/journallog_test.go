package benchmarks

import (
	"fmt"
	"slices"
	"testing"

	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/journal"
)

// journalLog returns a log of ten thousand records of one payload size, of so many authors by turns.
func journalLog(b *testing.B, payload, authors int) *antientropy.Log {
	l := newLog(b)
	for i := range 10000 {
		r := record(i%authors, i/authors+1)
		r.Payload = append(r.Payload, make([]byte, max(payload-payloadSize, 0))...)[:payload]
		if added, err := l.Insert(r); !added || err != nil {
			b.Fatal(added, err)
		}
	}
	return l
}

// runsOf cuts all records of a log into runs of at most 64 KiB.
func runsOf(l *antientropy.Log, buf []byte, f func(author int, first uint64, n int, run []byte)) {
	for author := range l.Members() {
		for first := uint64(1); first <= l.Reach(author); {
			var n int
			buf, n = l.AppendRun(buf[:0], author, first, 1<<16, 64<<10)
			f(author, first, n, buf)
			first += uint64(n)
		}
	}
}

// JournalEncode encodes ten thousand records as they are sent, those of one author and those of four
// who wrote by turns, so that each author's lie apart; way=memcpy copies the same
// bytes in the same pieces.
func BenchmarkJournalEncode(b *testing.B) {
	for _, payload := range []int{64, 256, 2500} {
		for _, authors := range []int{1, 4} {
			b.Run(fmt.Sprintf("payload=%d/ops=10000/way=runs/authors=%d", payload, authors), func(b *testing.B) {
				l := journalLog(b, payload, authors)
				b.SetBytes(int64(l.Bytes()))
				b.ReportAllocs()
				total := 0
				buf := make([]byte, 0, 64<<10)
				for b.Loop() {
					total = 0
					runsOf(l, buf, func(_ int, _ uint64, _ int, run []byte) { total += len(run) })
				}
				if total != l.Bytes() {
					b.Fatalf("encoded %d bytes of %d", total, l.Bytes())
				}
			})
		}
		b.Run(fmt.Sprintf("payload=%d/ops=10000/way=memcpy", payload), func(b *testing.B) {
			var bytes []byte
			var sizes []int
			runsOf(journalLog(b, payload, 4), nil, func(_ int, _ uint64, _ int, run []byte) {
				bytes = append(bytes, run...)
				sizes = append(sizes, len(run))
			})
			dst := make([]byte, 64<<10)
			b.SetBytes(int64(len(bytes)))
			b.ReportAllocs()
			for b.Loop() {
				rest := bytes
				for _, size := range sizes {
					rest = rest[copy(dst, rest[:size]):]
				}
			}
		})
	}
}

// JournalApply takes ten thousand unsigned records into an empty log with room for them.
func BenchmarkJournalApply(b *testing.B) {
	for _, payload := range []int{8, 64, 256} {
		b.Run(fmt.Sprintf("payload=%d/ops=10000", payload), func(b *testing.B) {
			src, empty, l := journalLog(b, payload, 4), newLog(b), journalLog(b, payload, 4)
			type run struct {
				author int
				first  uint64
				n      int
				bytes  []byte
			}
			var runs []run
			runsOf(src, nil, func(author int, first uint64, n int, b []byte) {
				runs = append(runs, run{author, first, n, slices.Clone(b)})
			})
			want := src.Digest()
			b.SetBytes(int64(src.Bytes()))
			b.ReportAllocs()
			for b.Loop() {
				l.CopyFrom(empty)
				for _, r := range runs {
					if n, err := l.ApplyRun(r.author, r.first, r.n, r.bytes); n != r.n || err != nil {
						b.Fatal(n, err)
					}
				}
			}
			b.ReportMetric(float64(src.Len())*float64(b.N)/b.Elapsed().Seconds(), "cpu-ops/s")
			if d := l.Digest(); !d.Equal(&want) {
				b.Fatalf("digest %+v, want %+v", d, want)
			}
		})
	}
}

// JournalMemory says what a record takes in a log of ten thousand at rest: all that its tables have
// room for.
func BenchmarkJournalMemory(b *testing.B) {
	for _, payload := range []int{256, 2500} {
		b.Run(fmt.Sprintf("payload=%d/ops=10000", payload), func(b *testing.B) {
			l := journalLog(b, payload, 4)
			for b.Loop() {
				l.Trim()
			}
			b.ReportMetric(float64(l.Footprint())/float64(l.Len()), "log-B/op")
		})
	}
}

// JournalCreate makes a member of a group of three for a log that is there already.
func BenchmarkJournalCreate(b *testing.B) {
	l, err := antientropy.NewLog(crowdGroup(3))
	if err != nil {
		b.Fatal(err)
	}
	var node *journal.Node
	b.ReportAllocs()
	for b.Loop() {
		if node, err = journal.New(l, journal.Config{Self: l.Group().Members[0], Seed: 1}); err != nil {
			b.Fatal(err)
		}
	}
	if node.Log() != l || node.Held() != 0 {
		b.Fatalf("the node has another log, or holds %d things", node.Held())
	}
}
