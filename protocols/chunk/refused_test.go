package chunk

import (
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// While all that a peer lacks is on its way to it, nobody offers it the same again and again, however
// short a round trip is.
func TestDefectOffersWithoutDelay(t *testing.T) {
	const fetchers, chunks = 4, 8
	for seed := range uint64(20) {
		w := newSwarm(t, simnet.Ideal(seed), func(int) Config { return Config{} }, content(chunks*32<<10, seed), 32<<10, fetchers)
		if w.run(t, time.Minute) == 0 {
			t.Fatalf("seed %d: not through", seed)
		}
		offers := 0
		for _, n := range w.nodes {
			offers += n.Stats().Offers
		}
		// Each could offer each chunk to each of the others, and the same once more.
		if most := 2 * chunks * fetchers * (fetchers + 1); offers > most {
			t.Errorf("seed %d: %d offers, want at most %d", seed, offers, most)
		}
	}
}

// A peer that refuses is left in peace for a moment, but told at once of what is new.
func TestRefusedOffer(t *testing.T) {
	data := content(40_000, 1)
	m, err := NewManifest(data, 4<<10)
	if err != nil {
		t.Fatal(err)
	}
	f, err := NewFetcher(Config{}, m.Root(), m, simnet.Memory{}, random(1, 1))
	if err != nil {
		t.Fatal(err)
	}
	f.have.set(0)
	var out protocols.Output
	// One round trip: a message arrives, and what is offered upon it is returned.
	offered := func(now time.Duration, msg message) (offers []message) {
		msg.kind = kindHave
		f.Receive(now, peer(1), msg.append(nil))
		out.Reset()
		f.Flush(now, &out)
		for _, d := range out.Datagrams {
			if o, err := parse(d.Data[protocols.EnvelopeSize:]); err == nil && o.kind == kindOffer {
				offers = append(offers, o)
			}
		}
		return offers
	}
	now := time.Second
	open := offered(now, message{flags: flagHello | flagWants})
	if len(open) == 0 {
		t.Fatal("nothing is offered to one that says hello")
	}
	refuse := func(now time.Duration) (again []message) {
		for _, o := range open {
			again = append(again, offered(now, message{flags: flagWants, offer: o.offer})...)
		}
		return again
	}
	if again := refuse(now + 10*time.Microsecond); len(again) > 0 {
		t.Fatalf("offered again at once: %d", len(again))
	}
	if wake := f.Deadline(); wake > now+refusedPause {
		t.Errorf("looks again at %v, want %v", wake, now+refusedPause)
	}
	now += refusedPause
	if open = offered(now, message{flags: flagWants}); len(open) == 0 {
		t.Fatal("not offered again after the pause")
	}
	refuse(now)
	f.have.set(1)
	if open = offered(now, message{flags: flagWants}); len(open) == 0 {
		t.Error("a new chunk is not offered at once")
	}
}
