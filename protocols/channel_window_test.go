package protocols_test

import (
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// bulky sends some two megabytes over a link, checks that all arrived, and returns what it took.
func bulky(t *testing.T, seed uint64, link simnet.Link, path *protocols.Path) protocols.ChannelStats {
	t.Helper()
	a := newEnd(protocols.PeerID{2}, seed, protocols.ChannelOptions{Path: path})
	b := newEnd(protocols.PeerID{1}, seed+1000, protocols.ChannelOptions{})
	a.script = messages(seed, 64, 64<<10)
	want := a.script
	talk(t, simnet.Options{Seed: seed, Link: link}, a, b)
	if a.err != nil || b.err != nil || !same(want, b.got) {
		t.Fatalf("seed %d: %d of %d messages, %v, %v", seed, len(b.got), len(want), a.err, b.err)
	}
	return a.ch.Stats()
}

// A queue that is shorter than the window does not end a channel, nor fill the link with copies.
func TestDefectShortQueue(t *testing.T) {
	for _, kib := range []int{64, 128, 256} {
		for seed := range uint64(10) {
			s := bulky(t, seed, simnet.Link{Delay: 25 * time.Millisecond, Loss: 0.01, Rate: 10_000_000, Queue: kib << 10}, nil)
			if sent := s.Fragments + s.Retransmissions + s.Parity; sent > 2*s.Fragments {
				t.Errorf("queue of %d KiB, seed %d: %d datagrams for %d fragments: %+v", kib, seed, sent, s.Fragments, s)
			}
		}
	}
}

// A queue that holds what is sent for seconds does not have it sent again and again.
func TestDefectLongQueue(t *testing.T) {
	for seed := range uint64(10) {
		s := bulky(t, seed, simnet.Link{Delay: 25 * time.Millisecond, Loss: 0.01, Rate: 1_000_000, Queue: 1 << 20}, nil)
		if s.Retransmissions > s.Fragments {
			t.Errorf("seed %d: %+v", seed, s)
		}
	}
}

// What one channel found out about the room on the way, the next one knows.
func TestPathRemembersRoom(t *testing.T) {
	for seed := range uint64(10) {
		link := simnet.Link{Delay: 25 * time.Millisecond, Rate: 10_000_000, Queue: 128 << 10}
		path := new(protocols.Path)
		first := bulky(t, seed, link, path)
		second := bulky(t, seed, link, path)
		if second.Retransmissions > first.Retransmissions*2/3 {
			t.Errorf("seed %d: %d copies, and %d the next time", seed, first.Retransmissions, second.Retransmissions)
		}
	}
}

// The usual losses, and the loss of everything for a while, leave the window large enough to fill a
// long path.
func TestWindowSurvivesLoss(t *testing.T) {
	for seed := range uint64(10) {
		path := new(protocols.Path)
		link := simnet.Link{Delay: 100 * time.Millisecond, Loss: 0.05, Rate: 1_000_000_000, Queue: 1 << 20}
		took := func() time.Duration {
			a := newEnd(protocols.PeerID{2}, seed, protocols.ChannelOptions{Path: path})
			b := newEnd(protocols.PeerID{1}, seed+1000, protocols.ChannelOptions{})
			a.script = messages(seed, 64, 64<<10)
			net := talk(t, simnet.Options{Seed: seed, Link: link}, a, b)
			if a.err != nil || len(b.got) != 64 {
				t.Fatalf("seed %d: %v", seed, a.err)
			}
			return net.Now()
		}
		calm := took()
		gone := newEnd(protocols.PeerID{3}, seed, protocols.ChannelOptions{Path: path, Attempts: 5})
		gone.script = messages(seed, 64, 64<<10)
		talk(t, simnet.Options{Seed: seed, Link: link}, gone, newEnd(protocols.PeerID{1}, seed, protocols.ChannelOptions{}))
		if gone.err == nil {
			t.Fatal("nobody is there, and all is well")
		}
		if after := took(); after > 2*calm+200*time.Millisecond {
			t.Errorf("seed %d: %v, and %v after an outage", seed, calm, after)
		}
	}
}
