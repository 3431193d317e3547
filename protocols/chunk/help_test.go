package chunk

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// A transfer is what Server and Fetcher have in common.
type transfer interface {
	Receive(now time.Duration, from protocols.PeerID, body []byte) error
	Flush(now time.Duration, out *protocols.Output)
	Deadline() time.Duration
	Stats() Stats
}

// A node is a transfer on a network.
type node struct {
	transfer
	spoil func(body []byte) // changes what is sent
	done  time.Duration     // when a fetcher had everything
}

func (n *node) Step(now time.Duration, in protocols.Input, out *protocols.Output) {
	if in.Data != nil {
		if e, err := protocols.ParseEnvelope(in.Data); err == nil {
			n.Receive(now, in.From, e.Body)
		}
	}
	n.Flush(now, out)
	if n.spoil != nil {
		for _, d := range out.Datagrams {
			n.spoil(d.Data[protocols.EnvelopeSize:])
		}
	}
	if f, ok := n.transfer.(*Fetcher); ok && n.done == 0 && f.Done() {
		n.done = max(now, 1)
	}
	out.Wake = n.Deadline()
}

func peer(i int) (p protocols.PeerID) {
	binary.BigEndian.PutUint32(p[:], uint32(i+1))
	return p
}

func random(seed, purpose uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, purpose)) }

func content(size int, seed uint64) []byte {
	b := make([]byte, size)
	r := random(seed, 77)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// A swarm is peer 0, which serves a content, and others that fetch it.
type swarm struct {
	net   *simnet.Network
	m     *Manifest
	data  []byte
	nodes []*node
}

func newSwarm(tb testing.TB, opts simnet.Options, cfg func(i int) Config, data []byte, chunk, fetchers int) *swarm {
	tb.Helper()
	m, err := NewManifest(data, chunk)
	if err != nil {
		tb.Fatal(err)
	}
	net, err := simnet.New(opts)
	if err != nil {
		tb.Fatal(err)
	}
	w := &swarm{net: net, m: m, data: data}
	for i := range fetchers + 1 {
		n := &node{}
		if i == 0 {
			s, err := NewServer(cfg(0), m, Bytes{m, data}, random(opts.Seed, 0))
			if err != nil {
				tb.Fatal(err)
			}
			n.transfer = s
		} else {
			f, err := NewFetcher(cfg(i), m.Root(), nil, simnet.Memory{}, random(opts.Seed, uint64(i)))
			if err != nil {
				tb.Fatal(err)
			}
			for j := range fetchers + 1 {
				if j != i {
					f.AddSource(peer(j))
				}
			}
			n.transfer = f
		}
		w.nodes = append(w.nodes, n)
		if err := net.Add(peer(i), n); err != nil {
			tb.Fatal(err)
		}
	}
	return w
}

func (w *swarm) fetcher(i int) *Fetcher { return w.nodes[i].transfer.(*Fetcher) }

// run fetches until all have everything or time is up, and returns when the last one had.
func (w *swarm) run(tb testing.TB, limit time.Duration) time.Duration {
	tb.Helper()
	for i := 1; i < len(w.nodes); i++ {
		n := w.nodes[i]
		w.net.Do(peer(i), func(now time.Duration, out *protocols.Output) {
			n.Flush(now, out)
			out.Wake = n.Deadline()
		})
	}
	w.net.Run(limit, nil)
	last := time.Duration(0)
	for i := 1; i < len(w.nodes); i++ {
		if !w.fetcher(i).Done() {
			return 0
		}
		last = max(last, w.nodes[i].done)
	}
	return last
}
