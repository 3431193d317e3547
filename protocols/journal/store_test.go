package journal

import (
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// reopen makes member 0's node anew from what its disk has.
func (t *team) reopen(tb testing.TB, disk *simnet.Disk) *Node {
	tb.Helper()
	store, err := protocols.NewFileStore(disk)
	if err != nil {
		tb.Fatal(err)
	}
	n, err := New(t.newLog(tb), Config{Self: t.Members[0], Store: store})
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// However often a peer crashes, and within whichever operation of its disk: what a publish returned
// for is there again, and nothing is there that was not published.
func TestDefectForgottenNumbers(t *testing.T) {
	g := newTeam(2, false)
	for crash := range 40 {
		disk := simnet.NewDisk(uint64(crash))
		n := g.reopen(t, disk)
		published := uint64(0)
		disk.CrashAfter(crash+1, time.Second)
		crashed := disk.Run(func() {
			for range 8 {
				var out protocols.Output
				out.Reset()
				if err := n.Publish(0, g.records(0, published+1, published+3, 9000), &out); err != nil {
					t.Fatal(err)
				}
				published += 3
			}
		})
		if !crashed {
			disk.Crash()
		}
		again := g.reopen(t, disk)
		held := again.log.Reach(again.self)
		if held < published || held > published+3 || again.log.Prefix(again.self, 0) != held {
			t.Errorf("crash at operation %d: %d records are back, %d were published", crash, held, published)
		}
		for seq := uint64(1); seq <= held; seq++ {
			r, _ := again.log.Record(g.Members[0], seq)
			if want := g.record(0, seq, 9000); !slices.Equal(r.Payload, want.Payload) {
				t.Errorf("crash at operation %d: record %d is another", crash, seq)
			}
		}
		// It goes on where it was, and can be opened once more.
		var out protocols.Output
		out.Reset()
		if err := again.Publish(0, g.records(0, held+1, held+30, 9000), &out); err != nil {
			t.Fatal(err)
		}
		disk.Crash()
		if third := g.reopen(t, disk); third.log.Prefix(third.self, 0) != held+30 {
			t.Errorf("crash at operation %d: %d records after the second, want %d", crash, third.log.Len(), held+30)
		}
	}
}

// The number of files follows the bytes, not the publishes.
func TestSegmentsAreFilled(t *testing.T) {
	g := newTeam(2, true)
	disk := simnet.NewDisk(1)
	n := g.reopen(t, disk)
	for seq := uint64(1); seq <= 1000; seq++ {
		var out protocols.Output
		out.Reset()
		if err := n.Publish(0, []antientropy.Record{g.record(0, seq, 200)}, &out); err != nil {
			t.Fatal(err)
		}
	}
	names, err := n.cfg.Store.Names()
	if err != nil || len(names) < 3 || len(names) > 4 {
		t.Errorf("%d files for 200 KB, %v; want 3 or 4", len(names), err)
	}
}

func TestDamagedStoreIsNoted(t *testing.T) {
	g := newTeam(2, false)
	for _, name := range []string{"journal-0000000000000001", "journal-x"} {
		store, err := protocols.NewFileStore(simnet.NewDisk(1))
		if err != nil {
			t.Fatal(err)
		}
		r := g.record(0, 1, 20)
		b := r.AppendStored(nil)
		if name != "journal-x" {
			b[20] ^= 1
		}
		if err := store.Write(name, b); err != nil {
			t.Fatal(err)
		}
		if _, err := New(g.newLog(t), Config{Self: g.Members[0], Store: store}); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
