package chunk

import (
	"bytes"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols/simnet"
)

// In every weather everybody gets the same content.
func TestEverybodyGetsIt(t *testing.T) {
	for _, s := range simnet.Scenarios() {
		for _, n := range []int{1, 3, 8} {
			const rate = 5_000_000
			opts := s.Options(1)
			opts.Access = simnet.Access{Up: rate, Down: 4 * rate, Queue: 256 << 10}
			data := content(300_000, 1)
			w := newSwarm(t, opts, func(int) Config { return Config{Uplink: NewUplink(rate), Down: 4 * rate} }, data, 16<<10, n)
			if w.run(t, time.Hour) == 0 {
				t.Fatalf("%s, %d fetchers, seed 1: not through", s.Name, n)
			}
			for i := 1; i <= n; i++ {
				if b, err := w.fetcher(i).Content(); err != nil || !bytes.Equal(b, data) {
					t.Fatalf("%s, fetcher %d of %d, seed 1: %v", s.Name, i, n, err)
				}
			}
		}
	}
}
