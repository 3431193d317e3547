package antientropy

import (
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

func sha(b []byte) [32]byte { return sha256.Sum256(b) }

func TestErrorsAreTold(t *testing.T) {
	g := newTeam(3, true)
	dead := simnet.Ideal(1)
	dead.Link.Loss = 1
	slow := simnet.Stressed(1)
	slow.Link.Loss = 0
	elsewhere := *g
	elsewhere.Epoch++
	for _, c := range []struct {
		name string
		net  simnet.Options
		cfg  Config
		peer *team
		want error
	}{
		{"dead line, attempts run out", dead, Config{Timeout: time.Hour}, g, protocols.ErrExhausted},
		{"dead line, time runs out", dead, Config{Timeout: time.Second}, g, protocols.ErrTimeout},
		{"slow line", slow, Config{Timeout: 150 * time.Millisecond}, g, protocols.ErrTimeout},
		{"another epoch", simnet.Ideal(1), Config{}, &elsewhere, protocols.ErrVersion},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := g.log(t), c.peer.log(t)
			g.add(t, a, 0, 1, 5)
			w := g.world(t, c.net, c.cfg, a, b)
			w.start(t, 0, 1)
			w.net.Run(2*time.Hour, nil)
			r := w.only(t, 0)
			if r.Converged || !errors.Is(r.Err, c.want) {
				t.Errorf("ended with %v, want %v", r.Err, c.want)
			}
			kinds := 0
			for _, e := range []error{protocols.ErrTimeout, protocols.ErrExhausted, protocols.ErrVerification, protocols.ErrVersion} {
				if errors.Is(r.Err, e) {
					kinds++
				}
			}
			if kinds != 1 {
				t.Errorf("%v is of %d kinds, want one", r.Err, kinds)
			}
			for i, n := range w.nodes {
				if n.Sessions() != 0 {
					t.Errorf("node %d still holds %d sessions", i, n.Sessions())
				}
			}
		})
	}
}

func TestRoundsRunOut(t *testing.T) {
	g := newTeam(2, true)
	g.Cells = 8 // so few that ranges are needed, which take more legs
	a, b := g.thinned(t, 4000, nil), g.thinned(t, 4000, func(seq uint64) bool { return seq%100 == 0 })
	w := g.world(t, simnet.Ideal(1), Config{MaxRounds: 2}, a, b)
	w.start(t, 0, 1)
	w.net.Run(time.Hour, nil)
	for i := range 2 {
		if r := w.only(t, i); !errors.Is(r.Err, protocols.ErrExhausted) {
			t.Errorf("node %d ended with %v, want %v", i, r.Err, protocols.ErrExhausted)
		}
	}
}

func TestWishesRunOut(t *testing.T) {
	for _, cells := range []int{8, 0} {
		g := newTeam(2, true)
		g.Cells = cells
		for _, c := range []struct {
			max  int
			want error
		}{{19 - min(cells, 8)*2, protocols.ErrExhausted}, {20, nil}} { // some of what ranges find is not asked for
			a, b := g.thinned(t, 4000, nil), g.thinned(t, 4000, func(seq uint64) bool { return seq%100 == 0 && seq <= 2000 })
			w := g.world(t, simnet.Ideal(1), Config{MaxWanted: c.max}, a, b)
			w.start(t, 0, 1)
			w.net.Run(time.Hour, nil)
			if r := w.only(t, 1); !errors.Is(r.Err, c.want) || r.Converged != (c.want == nil) {
				t.Errorf("%d cells, at most %d: ended with %v, want %v", cells, c.max, r.Err, c.want)
			}
		}
	}
}

func TestSessionsAreBounded(t *testing.T) {
	g := newTeam(6, true)
	logs := make([]*Log, 6)
	for i := range logs {
		logs[i] = g.log(t)
		g.add(t, logs[i], i, 1, 50)
	}
	w := g.world(t, simnet.Realistic(1), Config{MaxSessions: 3}, logs...)
	for i := 1; i < 6; i++ {
		w.start(t, i, 0)
	}
	w.net.Run(time.Hour, func() bool {
		if n := w.nodes[0].Sessions(); n > 3 {
			t.Fatalf("%d sessions, at most 3", n)
		}
		return false
	})
	converged, busy := 0, 0
	for i := 1; i < 6; i++ {
		switch r := w.only(t, i); {
		case r.Converged:
			converged++
		case errors.Is(r.Err, protocols.ErrExhausted):
			busy++
		default:
			t.Errorf("node %d: %v", i, r.Err)
		}
	}
	if converged != 3 || busy != 2 {
		t.Errorf("%d converged, %d turned away; want 3 and 2", converged, busy)
	}
	// The places are free again.
	w.start(t, 4, 0)
	w.net.Run(2*time.Hour, nil)
	if r := w.only(t, 4); !r.Converged {
		t.Errorf("after the rush: %v", r.Err)
	}

	for range 3 {
		w.start(t, 0, 1)
	}
	w.net.Do(g.Members[0], func(now time.Duration, out *protocols.Output) {
		if _, err := w.nodes[0].Start(now, g.Members[1], out); !errors.Is(err, protocols.ErrExhausted) {
			t.Errorf("a fourth session: %v, want %v", err, protocols.ErrExhausted)
		}
		if _, err := w.nodes[0].Start(now, protocols.PeerID{1}, out); !errors.Is(err, protocols.ErrVerification) {
			t.Errorf("a session with a stranger: %v, want %v", err, protocols.ErrVerification)
		}
		if _, err := w.nodes[0].Start(now, g.Members[0], out); !errors.Is(err, protocols.ErrVerification) {
			t.Errorf("a session with itself: %v, want %v", err, protocols.ErrVerification)
		}
	})
}

// What belongs to no session costs no memory and is answered at most with a reset.
func TestStrayDatagrams(t *testing.T) {
	g := newTeam(2, true)
	n, err := NewNode(g.log(t), Config{Self: g.Members[0]})
	if err != nil {
		t.Fatal(err)
	}
	pack := func(typ byte, body ...byte) []byte {
		b, err := protocols.Envelope{Type: typ, Session: 7, Body: body}.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	wrongVersion := pack(protocols.TypeAntiEntropy, 3, 1)
	wrongVersion[0]++
	opening := pack(protocols.TypeAntiEntropy, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 42)
	for _, c := range []struct {
		name    string
		from    protocols.PeerID
		data    []byte
		answers int
	}{
		{"noise", g.Members[1], []byte("noise"), 0},
		{"empty", g.Members[1], []byte{}, 0},
		{"another version", g.Members[1], wrongVersion, 0},
		{"another protocol", g.Members[1], pack(99, 1), 0},
		{"a reset", g.Members[1], pack(protocols.TypeAntiEntropy, 3, 1), 0},
		{"the middle of a session", g.Members[1], pack(protocols.TypeAntiEntropy, 1, 5, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 42), 1},
		{"an acknowledgement", g.Members[1], pack(protocols.TypeAntiEntropy, 2, 5, 0, 0, 0, 0, 0, 0, 0), 1},
		{"a stranger's opening", protocols.PeerID{9}, opening, 1},
		{"from ourselves", g.Members[0], opening, 1},
	} {
		var out protocols.Output
		out.Reset()
		n.Step(0, protocols.Input{From: c.from, Data: c.data}, &out)
		if n.Sessions() != 0 || len(out.Datagrams) != c.answers || out.Wake != protocols.Never {
			t.Errorf("%s: %d sessions, %d datagrams, wake %v", c.name, n.Sessions(), len(out.Datagrams), out.Wake)
		}
	}
	if n.Refused() != 9 {
		t.Errorf("%d refused, want 9", n.Refused())
	}
	var out protocols.Output
	n.Step(0, protocols.Input{From: g.Members[1], Data: opening}, &out)
	if rs := n.TakeResults(); len(rs) != 1 || !errors.Is(rs[0].Err, protocols.ErrVerification) || n.Sessions() != 0 {
		t.Errorf("an opening without sense: %+v, %d sessions", rs, n.Sessions())
	}
}
