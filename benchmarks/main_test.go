package benchmarks

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// units says of every unit that Go does not know which way is better, and which repeat exactly.
// Readers of benchmark text rename p50-ns to p50-sec, here as in the results.
const units = `Unit rounds/op better=lower assume=exact
Unit msgs/op better=lower assume=exact
Unit wire-B/op better=lower assume=exact
Unit xmsgs better=lower assume=exact
Unit xwire better=lower assume=exact
Unit p50-ns better=lower assume=exact
Unit p95-ns better=lower assume=exact
Unit p99-ns better=lower assume=exact
Unit ops/s better=higher assume=exact
Unit xlimit-p50 better=lower assume=exact
Unit xlimit-p99 better=lower assume=exact
Unit xlimit-p95 better=lower assume=exact
Unit xretained better=lower assume=exact
Unit step-B better=lower assume=exact
Unit copied-B/op better=lower assume=exact
Unit steps/op better=lower assume=exact
Unit file-B better=lower assume=exact
Unit cell-B/diff better=lower assume=exact
Unit sends/floor better=lower assume=exact
Unit log-B/op better=lower assume=exact
Unit state-B better=lower
Unit cpu-ops/s better=higher
Unit requests better=higher assume=exact
Unit signatures/op better=lower assume=exact
Unit bytes/op better=lower assume=exact
Unit sessions better=higher assume=exact
Unit bounds/op better=lower assume=exact
Unit uploads/op better=lower assume=exact
Unit wire-x/op better=lower assume=exact
Unit sha256-x/op better=lower
Unit patch-%/op better=lower assume=exact
Unit link-B-max/op better=lower assume=exact
Unit up-B/op better=lower assume=exact
Unit xpayload better=lower assume=exact
Unit draw-B/s better=lower assume=exact
Unit use-% better=higher assume=exact
Unit came-% better=higher assume=exact
Unit received/applied better=lower assume=exact
Unit speedup better=higher assume=exact
Unit mean-ns better=lower assume=exact
Unit overhead-ns better=lower assume=exact
Unit xslowest better=lower assume=exact
Unit cv-% better=lower assume=exact
Unit xp50-p95 better=lower assume=exact
Unit xquiet better=lower assume=exact
Unit xquiet-p95 better=lower assume=exact
Unit peak-heap-B better=lower
Unit peak-rss-B better=lower
Unit retained-B better=lower
Unit xheap better=lower
Unit r2 better=higher assume=exact
Unit leak-B/cycle better=lower assume=exact
Unit goroutines better=lower assume=exact
Unit held better=lower assume=exact
Unit held-B better=lower
Unit gain-% better=higher assume=exact
Unit tail-gain-% better=higher assume=exact
Unit wire-gain-% better=higher assume=exact
Unit first-gain-% better=higher assume=exact
Unit cpu-gain-% better=higher
Unit xcpu better=lower
Unit mem-gain-% better=higher
Unit hits-% better=higher assume=exact
Unit hashed/op better=lower assume=exact
Unit first-ns better=lower assume=exact
Unit all-ns better=lower assume=exact
Unit again-B/op better=lower assume=exact
Unit xtail better=lower
Unit gc-% better=lower
Unit tail-gc-% better=lower
Unit gcs/op better=lower
Unit delay-% better=higher assume=exact
Unit timer-% better=lower assume=exact
Unit processing-% better=lower assume=exact
Unit digest-% better=lower
`

// The lines are printed with results only: what lists benchmarks reads names and nothing else.
func TestMain(m *testing.M) {
	flag.Parse()
	bench, list := flag.Lookup("test.bench"), flag.Lookup("test.list")
	if bench.Value.String() != "" && list.Value.String() == "" {
		fmt.Print(units)
	}
	os.Exit(m.Run())
}
