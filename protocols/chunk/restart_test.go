package chunk

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// exchange passes everything between a server and a fetcher until the fetcher is through or stops.
func exchange(s *Server, f *Fetcher, from time.Duration) (now time.Duration) {
	var out protocols.Output
	for now = from; now < from+time.Minute && !f.Done() && f.Err() == nil; now += 10 * time.Millisecond {
		for range 4 {
			out.Reset()
			f.Flush(now, &out)
			for _, d := range out.Datagrams {
				s.Receive(now, peer(1), d.Data[protocols.EnvelopeSize:])
			}
			out.Reset()
			s.Flush(now, &out)
			for _, d := range out.Datagrams {
				f.Receive(now, peer(0), d.Data[protocols.EnvelopeSize:])
			}
		}
	}
	return now
}

// Wherever the power goes out, what was stored before is not fetched again, and the end is the same.
func TestCrashAtEveryDiskOperation(t *testing.T) {
	data := content(60_000, 1)
	m, err := NewManifest(data, 4<<10)
	if err != nil {
		t.Fatal(err)
	}
	life := func(k int) (ops int) {
		disk := simnet.NewDisk(uint64(k))
		disk.CrashAfter(k, 0)
		downloaded := int64(0)
		now := time.Duration(0)
		for start := 1; ; start++ {
			var f *Fetcher
			s, err := NewServer(Config{}, m, Bytes{m, data}, random(1, uint64(start)))
			if err != nil {
				t.Fatal(err)
			}
			crashed := disk.Run(func() {
				store, err := protocols.NewFileStore(disk)
				if err == nil {
					f, err = NewFetcher(Config{}, m.Root(), nil, store, random(2, uint64(start)))
				}
				if err != nil {
					t.Fatal(err)
				}
				f.AddSource(peer(0))
				now = exchange(s, f, now)
			})
			if f != nil {
				downloaded += f.Stats().Downloaded
			}
			if crashed {
				continue
			}
			if b, err := f.Content(); err != nil || !bytes.Equal(b, data) || f.Err() != nil {
				t.Fatalf("crash at %d: %v, %v", k, err, f.Err())
			}
			// Lost is at most what was on its way and the chunk whose writing was cut short.
			if most := int64(len(data) + 60_000); downloaded > most || k == 0 && downloaded != int64(len(data)) {
				t.Fatalf("crash at %d: downloaded %d of %d", k, downloaded, len(data))
			}
			return disk.Ops()
		}
	}
	all := life(0)
	for k := 1; k <= all; k++ {
		life(k)
	}
	if all < 60 {
		t.Errorf("only %d operations", all)
	}
}

// What a store has damaged is noticed, at the start and when it is read for others, and fetched again.
func TestDamagedStore(t *testing.T) {
	data := content(40_000, 1)
	store := simnet.Memory{}
	m, err := Import(store, data, 4<<10)
	if err != nil {
		t.Fatal(err)
	}
	store[chunkName(m.Root(), 3)][100] ^= 1
	f, err := NewFetcher(Config{}, m.Root(), nil, store, random(1, 1))
	if err != nil || f.Have().Count() != m.Chunks()-1 || f.Have().Has(3) {
		t.Fatalf("%d of %d chunks, %v", f.Have().Count(), m.Chunks(), err)
	}
	store[chunkName(m.Root(), 5)][0] ^= 1
	if _, err := f.Chunk(5); !errors.Is(err, protocols.ErrVerification) || f.Have().Has(5) {
		t.Errorf("damaged while it runs: %v", err)
	}
	s, err := NewServer(Config{}, m, Bytes{m, data}, random(1, 2))
	if err != nil {
		t.Fatal(err)
	}
	f.AddSource(peer(0))
	exchange(s, f, 0)
	if b, err := f.Content(); err != nil || !bytes.Equal(b, data) || f.Stats().Chunks != 2 {
		t.Errorf("%v, %+v", err, f.Stats())
	}
	if err := Discard(store, m.Root()); err != nil || len(store) != 0 {
		t.Errorf("%d files left, %v", len(store), err)
	}
}

// The same seed gives the same run.
func TestRunsRepeat(t *testing.T) {
	run := func() uint64 {
		w := newSwarm(t, simnet.Stressed(7), func(int) Config { return Config{Uplink: NewUplink(5_000_000)} }, content(200_000, 1), 16<<10, 6)
		if w.run(t, time.Hour) == 0 {
			t.Fatal("not through")
		}
		return w.net.Trace()
	}
	if a, b := run(), run(); a != b {
		t.Errorf("traces %x and %x", a, b)
	}
}

// One peer fetches 100 kB from another: what that takes without losses.
func Example() {
	data := bytes.Repeat([]byte("content "), 12_500)
	m, err := NewManifest(data, DefaultChunk)
	if err != nil {
		panic(err)
	}
	s, err := NewServer(Config{}, m, Bytes{m, data}, random(1, 1))
	if err != nil {
		panic(err)
	}
	f, err := NewFetcher(Config{}, m.Root(), nil, simnet.Memory{}, random(1, 2))
	if err != nil {
		panic(err)
	}
	net, err := simnet.New(simnet.Ideal(1))
	if err != nil {
		panic(err)
	}
	net.Add(peer(0), &node{transfer: s})
	net.Add(peer(1), &node{transfer: f})
	net.Do(peer(1), func(now time.Duration, out *protocols.Output) {
		f.AddSource(peer(0))
		f.Flush(now, out)
		out.Wake = f.Deadline()
	})
	net.Run(time.Minute, nil)
	st, total := f.Stats(), net.Total()
	fmt.Println(f.Done(), st.Chunks, "chunks in", st.Pieces, "pieces,", st.Duplicates, "twice;", total.Datagrams-st.Pieces, "other datagrams")
	fmt.Printf("%.3f bytes on the wire for each of the content\n", float64(total.WireBytes)/float64(len(data)))
	// Output:
	// true 4 chunks in 86 pieces, 0 twice; 7 other datagrams
	// 1.045 bytes on the wire for each of the content
}
