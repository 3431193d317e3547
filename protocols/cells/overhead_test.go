package cells

import (
	"fmt"
	"testing"
)

// What a difference costs, against the figures published for this kind of code: cells per difference
// at the median and at 19 of 20, with the share of cells lost; and in bytes of messages, at the median. The counts are exact by seed.
func TestOverhead(t *testing.T) {
	for _, c := range []struct {
		d, trials int
		loss      float64
		p50, p95  float64
		within    float64 // relative
		wire      float64 // at most
	}{
		{1, 300, 0, 1, 1, 0, 16},
		{10, 300, 0, 1.6, 2.5, 0.08, 21.2},
		{100, 300, 0, 1.44, 1.65, 0.03, 18.8},
		{1000, 60, 0, 1.38, 1.45, 0.02, 18},
		{100, 300, 0.05, 1.50, 1.75, 0.04, 19.8},
		{1000, 60, 0.05, 1.43, 1.46, 0.03, 18.8},
		{100, 300, 0.20, 1.78, 2.67, 0.10, 23.5},
		{1000, 60, 0.20, 1.66, 1.73, 0.10, 21.8},
	} {
		t.Run(fmt.Sprintf("d=%d/loss=%v", c.d, c.loss), func(t *testing.T) {
			const seed = 1
			rnd := newRand(seed)
			var d *Decoder
			var sent, bytes []float64
			for range c.trials {
				p := newPair(rnd, 8*c.d+64, 50, c.d/2, c.d-c.d/2)
				if d == nil {
					d = NewDecoder(p.local)
				}
				d.Reset(p.local)
				n := p.until(t, d, func() bool { return rnd.Float64() < c.loss })
				p.check(t, d)
				sent = append(sent, float64(n)/float64(c.d))
				bytes = append(bytes, float64(len(p.remote.AppendCells(nil, 0, n)))/float64(c.d))
			}
			p50, p95 := quantile(sent, 0.5), quantile(sent, 0.95)
			t.Logf("seed %d: %.3f cells per difference, at 95 %% %.3f; %.1f bytes per difference, at 95 %% %.1f", seed, p50, p95, quantile(bytes, 0.5), quantile(bytes, 0.95))
			if p50 > c.p50*(1+c.within) || p50 < c.p50*(1-c.within) {
				t.Errorf("seed %d: %.3f cells per difference, published %.2f", seed, p50, c.p50)
			}
			if wire := quantile(bytes, 0.5); wire > c.wire {
				t.Errorf("seed %d: %.2f bytes per difference, want at most %v", seed, wire, c.wire)
			}
			if p95 > c.p95*(1+2*c.within) {
				t.Errorf("seed %d: %.3f cells per difference at 95 %%, published %.2f", seed, p95, c.p95)
			}
		})
	}
}

// Narrow checks mislead a decoder about once in ten thousand differences of a few hundred, and then it
// says so: what it calls done is the difference.
func TestNarrowChecks(t *testing.T) {
	const seed, trials, d = 6, 1000, 200
	rnd := newRand(seed)
	misled := 0
	for range trials {
		local, remote := NewNarrowPrefix(testKey, 3*d), NewNarrowPrefix(testKey, 3*d)
		want := map[uint64]bool{}
		for i := range d {
			short := uint64(rnd.Uint32())
			want[short] = true
			if i%2 == 0 {
				local.Add(short)
			} else {
				remote.Add(short)
			}
		}
		if len(want) < d {
			continue
		}
		c := message(t, remote, 0, 3*d)
		for i := range c.List {
			if c.List[i].Check >= 1<<16 || c.List[i].Sum >= 1<<32 {
				t.Fatalf("seed %d: cell %d is not narrow: %+v", seed, i, c.List[i])
			}
		}
		dec := NewDecoder(local)
		if err := dec.Add(c); err != nil || !dec.Done() {
			misled++
			continue
		}
		for _, short := range append(dec.Remote(), dec.Local()...) {
			if !want[short] {
				t.Fatalf("seed %d: %x is no difference", seed, short)
			}
			delete(want, short)
		}
		if len(want) > 0 {
			t.Fatalf("seed %d: %d differences were not found", seed, len(want))
		}
	}
	if misled > 2 {
		t.Errorf("seed %d: misled %d times in %d", seed, misled, trials)
	}
	t.Logf("seed %d: misled %d times in %d", seed, misled, trials)
}
