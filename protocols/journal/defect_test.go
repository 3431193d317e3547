package journal

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// Each test here is named after a defect that other implementations of the protocol have had.

// mute drops what reaches some peers, as if they were off.
type mute struct{}

func (mute) Step(time.Duration, protocols.Input, *protocols.Output) {}

// quietWorld is a world in which some members never answer.
func (t *team) quietWorld(tb testing.TB, opts simnet.Options, cfg Config, silent ...int) *world {
	tb.Helper()
	net, err := simnet.New(opts)
	if err != nil {
		tb.Fatal(err)
	}
	w := &world{team: t, net: net}
	for i, id := range t.Members {
		cfg.Self, cfg.Seed = id, opts.Seed
		n, err := New(t.newLog(tb), cfg)
		if err != nil {
			tb.Fatal(err)
		}
		w.nodes = append(w.nodes, n)
		var node protocols.Node = n
		if slices.Contains(silent, i) {
			node = mute{}
		}
		if err := net.Add(id, node); err != nil {
			tb.Fatal(err)
		}
	}
	return w
}

// check verifies what must hold of every result.
func check(tb testing.TB, r Result, peers int) {
	tb.Helper()
	synced, failed, cancelled, applied, duplicates, sent := 0, 0, 0, 0, 0, 0
	for _, p := range r.Peers {
		switch p.State {
		case Synced:
			synced++
		case Failed:
			failed++
		case Cancelled:
			cancelled++
		default:
			tb.Errorf("peer %v ended %v", p.Peer, p.State)
		}
		if (p.State == Failed) != (p.Err != nil) || p.Ended < p.Started || p.Ended > r.Ended || p.Started < r.Started {
			tb.Errorf("peer %v: %+v", p.Peer, p)
		}
		applied += p.Applied
		duplicates += p.Duplicates
		sent += p.Sent
	}
	if len(r.Peers) != peers || synced != r.Synced || failed != r.Failed || cancelled != r.Cancelled {
		tb.Errorf("%d peers, %d+%d+%d ended; the result says %d+%d+%d", len(r.Peers), synced, failed, cancelled, r.Synced, r.Failed, r.Cancelled)
	}
	if applied != r.Applied || duplicates != r.Duplicates || sent != r.Sent {
		tb.Errorf("sums %d, %d, %d; the result says %d, %d, %d", applied, duplicates, sent, r.Applied, r.Duplicates, r.Sent)
	}
	if (r.Err() == nil) != (synced == peers) {
		tb.Errorf("%d of %d synced, and the error is %v", synced, peers, r.Err())
	}
}

// A sleep of 100 ms after each chunk of peers was most of the time of a sync.
func TestDefectSleepBetweenChunks(t *testing.T) {
	g := newTeam(51, true)
	w := g.world(t, simnet.Ideal(1), Config{})
	for i := range w.nodes {
		g.fill(t, w.nodes[i].log, i, 1, 3)
	}
	w.syncAll(t, 0)
	w.rest(t)
	r := w.only(t, 0)
	check(t, r, 50)
	if err := r.Err(); err != nil || r.Applied != 150 {
		t.Errorf("%v, applied %d, want 150", err, r.Applied)
	}
	// Ten times five sessions of four legs in one room: what time passes is that of the bytes.
	if d := r.Ended - r.Started; d > 5*time.Millisecond {
		t.Errorf("fifty syncs took %v of virtual time in a network without delay", d)
	}
}

// One slow peer held up all that came after it, since chunks waited for their slowest.
func TestDefectHeadOfLine(t *testing.T) {
	g := newTeam(21, true)
	cfg := Config{Attempts: 1, Session: antientropy.Config{Timeout: 10 * time.Second}}
	w := g.quietWorld(t, simnet.Realistic(3), cfg, 1)
	g.fill(t, w.nodes[0].log, 0, 1, 10)
	most := 0
	w.syncAll(t, 0)
	w.net.Run(time.Hour, func() bool {
		k := w.nodes[0].running()
		most = max(most, k)
		for i := range w.nodes[0].tasks {
			if tk := &w.nodes[0].tasks[i]; !tk.running && k < 5 {
				t.Fatalf("%v: %d sessions run while peer %d waits", w.net.Now(), k, tk.peer)
			}
		}
		return false
	})
	r := w.only(t, 0)
	check(t, r, 20)
	if most != 5 {
		t.Errorf("%d sessions at one time, want 5", most)
	}
	if r.Failed != 1 || r.Peers[0].State != Failed {
		t.Fatalf("%d failed, the silent one is %v", r.Failed, r.Peers[0].State)
	}
	for _, p := range r.Peers[1:] {
		if p.State != Synced || p.Ended > 3*time.Second {
			t.Errorf("peer %v: %v at %v, while another was silent", p.Peer, p.State, p.Ended)
		}
	}
}

// A sync with a single peer left it at syncing for good.
func TestDefectSinglePeerStaysSyncing(t *testing.T) {
	g := newTeam(3, true)
	w := g.world(t, simnet.Realistic(1), Config{})
	g.fill(t, w.nodes[1].log, 1, 1, 7)
	if st, ok := w.nodes[0].Status(g.Members[1]); !ok || st.State != Idle {
		t.Errorf("before: %v, %v", st.State, ok)
	}
	w.syncAll(t, 0, g.Members[1])
	if st, _ := w.nodes[0].Status(g.Members[1]); st.State != Syncing {
		t.Errorf("during: %v", st.State)
	}
	w.rest(t)
	r := w.only(t, 0)
	check(t, r, 1)
	st, _ := w.nodes[0].Status(g.Members[1])
	if st.State != Synced || st.Applied != 7 || st.Ended != r.Ended || st.Ended < 50*time.Millisecond {
		t.Errorf("after: %+v", st)
	}
	if st, _ := w.nodes[0].Status(g.Members[2]); st.State != Idle {
		t.Errorf("a peer that nobody asked for: %v", st.State)
	}
}

// After a cancellation, peers stayed at syncing and sessions went on.
func TestDefectStaleSyncingAfterCancel(t *testing.T) {
	for at := range 12 {
		g := newTeam(9, true)
		w := g.quietWorld(t, simnet.Realistic(uint64(at)), Config{}, 8)
		for i := range w.nodes {
			g.fill(t, w.nodes[i].log, i, 1, 300)
		}
		w.syncAll(t, 0)
		w.net.Run(time.Duration(at)*25*time.Millisecond, nil)
		w.do(t, 0, func(n *Node, now time.Duration, out *protocols.Output) error { n.Cancel(now, out); return nil })
		if w.nodes[0].Sessions() != 0 || w.nodes[0].Held() != 0 {
			t.Errorf("at %d: %d sessions, %d tasks right after the cancellation", at, w.nodes[0].Sessions(), w.nodes[0].Held())
		}
		r := w.only(t, 0)
		check(t, r, 8)
		if r.Cancelled == 0 || r.Failed != 0 || !errors.Is(r.Err(), protocols.ErrTimeout) {
			t.Errorf("at %d: %d cancelled, %d failed, %v", at, r.Cancelled, r.Failed, r.Err())
		}
		for _, m := range g.Members[1:] {
			if st, _ := w.nodes[0].Status(m); st.State != Synced && st.State != Cancelled {
				t.Errorf("at %d: peer %v is %v", at, m, st.State)
			}
		}
		w.rest(t)
		// Nothing is in the way of the next.
		w.syncAll(t, 0, g.Members[1:8]...)
		w.rest(t)
		r = w.only(t, 0)
		check(t, r, 7)
		if err := r.Err(); err != nil {
			t.Errorf("at %d: after the cancellation: %v", at, err)
		}
	}
}

// An outer retry multiplied with an inner one: three times three sessions for one silent peer.
func TestDefectNestedRetries(t *testing.T) {
	g := newTeam(2, true)
	cfg := Config{Attempts: 3, Session: antientropy.Config{Timeout: time.Second}}
	w := g.quietWorld(t, simnet.Realistic(1), cfg, 1)
	w.syncAll(t, 0)
	opened := map[uint64]bool{}
	w.net.Run(time.Hour, func() bool {
		for i := range w.nodes[0].tasks {
			if tk := w.nodes[0].tasks[i]; tk.running {
				opened[tk.session] = true
			}
		}
		return false
	})
	r := w.only(t, 0)
	check(t, r, 1)
	if len(opened) != 3 || r.Peers[0].Attempts != 3 || r.Failed != 1 {
		t.Errorf("%d sessions, %d attempts for a silent peer, want 3", len(opened), r.Peers[0].Attempts)
	}
	// Waits of 500 ms to 750 ms and of 1 s to 1.5 s lie between three times one second.
	if d := r.Ended - r.Started; d < 4500*time.Millisecond || d > 5300*time.Millisecond {
		t.Errorf("gave up after %v", d)
	}
}

// Who breaks the rules or speaks another version is not asked again.
func TestHopelessPeersAreTriedOnce(t *testing.T) {
	g := newTeam(3, true)
	w := g.world(t, simnet.Ideal(1), Config{})
	other := g.Group
	other.Epoch++
	l, err := antientropy.NewLog(other)
	if err != nil {
		t.Fatal(err)
	}
	w.nodes[1].sessions, err = antientropy.NewNode(l, antientropy.Config{Self: g.Members[1]})
	if err != nil {
		t.Fatal(err)
	}
	w.syncAll(t, 0)
	w.rest(t)
	r := w.only(t, 0)
	check(t, r, 2)
	if p := r.Peers[0]; p.State != Failed || p.Attempts != 1 || !errors.Is(p.Err, protocols.ErrVersion) {
		t.Errorf("a peer of another epoch: %+v", p)
	}
}

// A sync counted as a success if at least one peer was synced.
func TestDefectSuccessHidesFailures(t *testing.T) {
	g := newTeam(5, true)
	cfg := Config{Session: antientropy.Config{Timeout: time.Second}}
	w := g.quietWorld(t, simnet.Ideal(1), cfg, 2, 4)
	w.syncAll(t, 0)
	w.net.Run(time.Hour, nil)
	r := w.only(t, 0)
	check(t, r, 4)
	if r.Synced != 2 || r.Failed != 2 || !errors.Is(r.Err(), protocols.ErrTimeout) {
		t.Errorf("%d synced, %d failed, %v; want 2, 2 and a timeout", r.Synced, r.Failed, r.Err())
	}
}

// A last sync was told as a duration since nobody knew when.
func TestDefectLastSyncIsNoTime(t *testing.T) {
	g := newTeam(2, true)
	w := g.world(t, simnet.Realistic(1), Config{})
	w.publish(t, 0, 1, 10)
	w.rest(t) // some time passes
	at := w.net.Now()
	w.syncAll(t, 0)
	w.rest(t)
	st, _ := w.nodes[0].Status(g.Members[1])
	if st.Started != at || st.Ended <= at {
		t.Errorf("started %v, ended %v; begun at %v", st.Started, st.Ended, at)
	}
}
