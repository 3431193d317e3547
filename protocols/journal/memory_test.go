package journal

import (
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// Ten thousand records that were pushed to a peer take little more there than their bytes: payload,
// and 40 bytes each of id and clock. Signatures, which this group has not, would only add to both.
func TestMemoryOfTheLog(t *testing.T) {
	for _, c := range []struct {
		size    int
		percent int // of the raw bytes, at most
		grown   int // before Trim, as the memory grew
	}{{256, 120, 150}, {2500, 105, 135}} {
		g := newTeam(4, true)
		a, b := g.newLog(t), g.newLog(t)
		raw := 0
		for author := range 4 {
			for _, r := range g.records(author, 1, 2500, c.size) {
				if _, err := a.Insert(r); err != nil {
					t.Fatal(err)
				}
				raw += len(r.Payload) + 40
			}
		}
		for first := uint64(1); first <= 2500; first++ {
			for author := range 4 {
				run, n := a.AppendRun(nil, author, first, 1, 1<<20)
				if _, err := b.ApplyRun(author, first, n, run); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := b.Footprint() * 100 / raw; got > c.grown {
			t.Errorf("%d B: %d %% of the raw bytes before Trim, at most %d %%", c.size, got, c.grown)
		}
		b.Trim()
		got := float64(b.Footprint()) / float64(raw)
		t.Logf("%d B: %.3f of the raw bytes", c.size, got)
		if got*100 > float64(c.percent) {
			t.Errorf("%d B: %.3f of the raw bytes, at most %d %%", c.size, got, c.percent)
		}
		if b.Digest() != a.Digest() || b.Digest() != b.Recompute() {
			t.Errorf("%d B: the log is another", c.size)
		}
		if added, err := b.Insert(g.record(0, 2501, c.size)); !added || err != nil {
			t.Errorf("%d B: insert after Trim: %v, %v", c.size, added, err)
		}
	}
}

// A node keeps nothing for records that it has sent: the log is its queue.
func TestTheLogIsTheQueue(t *testing.T) {
	g := newTeam(3, true)
	v := g.victim(t, Config{Parity: 0.25})
	var out protocols.Output
	out.Reset()
	if err := v.Publish(0, g.records(0, 1, 2000, 500), &out); err != nil {
		t.Fatal(err)
	}
	if got, most := len(out.Datagrams), 2*(burst+burst/4+1); got > most {
		t.Errorf("%d datagrams at once, at most %d", got, most)
	}
	held := 0
	for _, s := range v.shards {
		held += cap(s)
	}
	if held += cap(v.body) + cap(v.wire); held > 64<<10 {
		t.Errorf("%d bytes are kept beside the log", held)
	}
	v.sent = append(v.sent, out.Datagrams...)
	v.pass(time.Second)
	pushes := 0
	for _, d := range v.sent {
		if d.Data[protocols.EnvelopeSize] == msgPush {
			pushes += int(d.Data[protocols.EnvelopeSize+pushHeader-1])
		}
	}
	if pushes != 2*2000 || v.Held() != 0 {
		t.Errorf("%d records were pushed, want 2000 to each of two peers; %d things kept", pushes, v.Held())
	}
}
