package benchmarks

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/perfgate/perfgate/protocols"
)

func newChannel(opts protocols.ChannelOptions) *protocols.Channel {
	return protocols.NewChannel(opts, protocols.TypeAntiEntropy, protocols.PeerID{1}, 1, rand.New(rand.NewPCG(1, 1)))
}

// crammed returns a channel to a peer that never answers, with so many messages as it has room for.
func crammed(b *testing.B) *protocols.Channel {
	c := newChannel(protocols.ChannelOptions{Loss: -1})
	for c.Room() {
		if err := c.Send(make([]byte, 1000)); err != nil {
			b.Fatal(err)
		}
	}
	return c
}

// boundFlight counts the datagrams that such a channel sends before it hears anything, and has it wait in
// vain until it gives up.
func boundFlight(b *testing.B) func() bound {
	return func() bound {
		c := crammed(b)
		var out protocols.Output
		for range 2 {
			if err := c.Flush(0, &out); err != nil {
				b.Fatal(err)
			}
		}
		held := always(len(out.Datagrams))
		out = protocols.Output{} // what was sent is not the channel's any more
		more := func() error {
			for range 100 {
				out.Reset()
				if err := c.Flush(c.Deadline(), &out); err != nil {
					return err
				}
			}
			return nil
		}
		return bound{held, c, more, protocols.ErrExhausted}
	}
}

// boundQueue counts the datagrams that wait in such a channel.
func boundQueue(b *testing.B) func() bound {
	return func() bound {
		c := crammed(b)
		return bound{held: c.Pending, keep: c}
	}
}

// boundMessage sends a message of as many bytes as one may have by default, and one of a byte more.
func boundMessage(b *testing.B) func() bound {
	return func() bound {
		c := newChannel(protocols.ChannelOptions{})
		const most = 256 << 10
		if err := c.Send(make([]byte, most)); err != nil {
			b.Fatal(err)
		}
		more := func() error { return c.Send(make([]byte, most+1)) }
		return bound{always(most), c, more, protocols.ErrExhausted}
	}
}

// boundReassembly has a peer that may send messages of any length send one of a megabyte to a channel that
// takes no more than the default; held are the bytes of it that were taken.
func boundReassembly(b *testing.B) func() bound {
	return func() bound {
		from, to := newChannel(protocols.ChannelOptions{Loss: -1, MaxMessage: 2 << 20}), newChannel(protocols.ChannelOptions{})
		if err := from.Send(make([]byte, 1<<20)); err != nil {
			b.Fatal(err)
		}
		var there, back protocols.Output
		pass := func(out *protocols.Output, c *protocols.Channel) error {
			for i, d := range out.Datagrams {
				e, err := protocols.ParseEnvelope(d.Data)
				if err == nil {
					err = c.Receive(0, e.Body)
				}
				if err != nil {
					out.Datagrams = out.Datagrams[i:]
					return err
				}
			}
			return nil
		}
		taken := 0
		var err error
		for err == nil && taken < 1000 {
			there.Reset()
			if err := from.Flush(0, &there); err != nil {
				b.Fatal(err)
			}
			sent := len(there.Datagrams)
			if err = pass(&there, to); err != nil {
				sent -= len(there.Datagrams)
			}
			taken += sent
			back.Reset()
			if err := errors.Join(to.Flush(0, &back), pass(&back, from)); err != nil {
				b.Fatal(err)
			}
		}
		return bound{always(taken * protocols.MaxFragment), to, func() error { return err }, protocols.ErrVerification}
	}
}
