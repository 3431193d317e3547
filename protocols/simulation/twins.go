package simulation

import (
	"math/rand/v2"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/epoch"
)

// Twins are two honest nodes with one name. What the first says goes to some members, what the second
// says to others, by seed, and to a few both speak; both hear everything, or each its own part.
type twins struct {
	nodes   [2]*epoch.Node
	hear    [2]map[protocols.PeerID]bool
	wake    [2]time.Duration
	all     bool
	scratch protocols.Output
}

// forgetful is a store that its node alone knows.
type forgetful map[string][]byte

func (m forgetful) Read(name string) ([]byte, error) {
	if b, ok := m[name]; ok {
		return append([]byte(nil), b...), nil
	}
	return nil, protocols.ErrNotStored
}

func (m forgetful) Write(name string, b []byte) error {
	m[name] = append([]byte(nil), b...)
	return nil
}

func (m forgetful) Remove(name string) error {
	delete(m, name)
	return nil
}

func (m forgetful) Names() ([]string, error) { return nil, nil }

func newTwins(cfg epoch.Config, rng *rand.Rand) (*twins, error) {
	t := &twins{all: rng.IntN(2) == 0}
	for i := range t.nodes {
		cfg.Store, cfg.Seed = forgetful{}, rng.Uint64()
		n, err := epoch.NewNode(cfg)
		if err != nil {
			return nil, err
		}
		t.nodes[i], t.hear[i], t.wake[i] = n, map[protocols.PeerID]bool{}, protocols.Never
	}
	for i := range cfg.Group.Len() {
		who := rng.IntN(5)
		t.hear[0][cfg.Group.Member(i)] = who != 1 && who != 2
		t.hear[1][cfg.Group.Member(i)] = who == 0 || who == 1 || who == 2
	}
	return t, nil
}

func (t *twins) propose(now time.Duration, p epoch.Proposal, out *protocols.Output) {
	for i, n := range t.nodes {
		q := p
		q.Digest[31] = byte(i)
		t.let(i, out, func(o *protocols.Output) {
			if _, err := n.Propose(now, q, o); err != nil {
				o.Wake = t.wake[i] // it is at it
			}
		})
	}
	t.finish(out)
}

// Step lets the twins that hear it handle what happened.
func (t *twins) Step(now time.Duration, in protocols.Input, out *protocols.Output) {
	for i, n := range t.nodes {
		if in.Data != nil && (t.all || t.hear[i][in.From]) || in.Data == nil && now >= t.wake[i] {
			t.let(i, out, func(o *protocols.Output) { n.Step(now, in, o) })
		}
	}
	t.finish(out)
}

// let runs a twin and passes on what it says to those that it speaks to.
func (t *twins) let(i int, out *protocols.Output, f func(*protocols.Output)) {
	t.scratch.Reset()
	f(&t.scratch)
	for _, d := range t.scratch.Datagrams {
		if t.hear[i][d.To] {
			out.Datagrams = append(out.Datagrams, d)
		}
	}
	t.wake[i] = t.scratch.Wake
}

func (t *twins) finish(out *protocols.Output) { out.Wake = min(t.wake[0], t.wake[1]) }

// AppendState appends what both think.
func (t *twins) AppendState(dst []byte) []byte {
	return t.nodes[1].AppendState(t.nodes[0].AppendState(dst))
}
