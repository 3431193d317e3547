package truth

import (
	"math/rand/v2"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

// A talker exchanges messages with one peer over a channel: the asking side sends one, waits for the
// answer, and begins again, rounds times.
type talker struct {
	ch      *protocols.Channel
	session uint64
	text    []byte
	asks    bool
	rounds  int

	asked time.Duration
	took  []time.Duration
}

// size is so long that a message has three datagrams.
const size = 3000

func newTalker(peer protocols.PeerID, session uint64, asks bool, rounds int, seed uint64) *talker {
	// Without parity, which would leave next to nothing to be sent again.
	opts := protocols.ChannelOptions{InitialRTO: time.Second, Loss: -1}
	rng := rand.New(rand.NewPCG(seed, session))
	return &talker{ch: protocols.NewChannel(opts, protocols.TypeAntiEntropy, peer, session, rng), session: session, text: make([]byte, size), asks: asks, rounds: rounds}
}

func (t *talker) done() bool { return t.asks && len(t.took) == t.rounds }

// begin asks for the first time.
func (t *talker) begin(now time.Duration, out *protocols.Output) {
	if t.asks && t.rounds > 0 {
		t.say(now)
	}
	t.flush(now, out)
}

func (t *talker) say(now time.Duration) {
	t.asked = now
	if err := t.ch.Send(t.text); err != nil {
		panic(err)
	}
}

func (t *talker) flush(now time.Duration, out *protocols.Output) {
	if err := t.ch.Flush(now, out); err != nil {
		panic(err)
	}
	out.Wake = t.ch.Deadline()
}

// Step takes a datagram in or does what is due.
func (t *talker) Step(now time.Duration, in protocols.Input, out *protocols.Output) {
	if in.Data != nil {
		e, err := protocols.ParseEnvelope(in.Data)
		if err == nil && e.Session == t.session { // else it is late, from an exchange before
			err = t.ch.Receive(now, e.Body)
		}
		if err != nil {
			panic(err)
		}
		for {
			if _, ok := t.ch.Next(); !ok {
				break
			}
			if t.asks {
				if t.took = append(t.took, now-t.asked); len(t.took) == t.rounds {
					continue
				}
			}
			t.say(now)
		}
	}
	t.flush(now, out)
}
