package benchmarks

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/perfgate/perfgate/protocols/antientropy"
)

// A digester knows the digest of a log, and counts what that took.
type digester struct {
	log    *antientropy.Log
	hashed uint64 // records, for digests
	hits   int    // digests for which nothing was hashed when they were asked for
	last   antientropy.Digest
	at     uint64 // how many records had ever been folded into the log when last was right
}

func (d *digester) compute() antientropy.Digest {
	d.hashed += uint64(d.log.Len())
	d.last, d.at = d.log.Recompute(), d.log.Folded()
	return d.last
}

func (d *digester) cached() antientropy.Digest {
	if d.at != d.log.Folded() {
		return d.compute()
	}
	d.hits++
	return d.last
}

func (d *digester) incremental() antientropy.Digest {
	if d.at != 0 { // what the log came with was paid for before
		d.hashed += d.log.Folded() - d.at
	}
	d.at = d.log.Folded()
	d.hits++
	return d.log.Digest()
}

var digestWays = []struct {
	name   string
	digest func(d *digester) antientropy.Digest
}{{"cold", (*digester).compute}, {"cached", (*digester).cached}, {"incremental", (*digester).incremental}}

// InsightDigest compares a log's digest with that of another log over and over, and now and then, by chance one
// time in five, a record comes in between.
func BenchmarkInsightDigest(b *testing.B) {
	const ops, steps = 10000, 60
	rng := rand.New(rand.NewPCG(1, 0))
	var inserts [steps]bool
	compares := 0
	for i := range inserts {
		if inserts[i] = rng.IntN(5) == 0; !inserts[i] {
			compares++
		}
	}
	var base, l *antientropy.Log
	for _, way := range digestWays {
		b.Run(fmt.Sprintf("way=%s/ops=%d", way.name, ops), func(b *testing.B) {
			if base == nil {
				base, l = fill(b, ops), fill(b, ops)
			}
			other := base.Digest()
			// work is all steps of one way.
			work := func(digest func(d *digester) antientropy.Digest) digester {
				d := digester{log: l}
				records := ops
				for _, insert := range inserts {
					if insert {
						if added, err := l.Insert(record(records%4, records/4+1)); !added || err != nil {
							b.Fatal(added, err)
						}
						records++
						continue
					}
					if is := digest(&d); is.Equal(&other) != (records == ops) || is.Count() != uint64(records) {
						b.Fatalf("digest of %d records, want %d: %+v", is.Count(), records, is)
					}
				}
				return d
			}
			var plain func()
			var was, is digester
			if way.name != digestWays[0].name {
				plain = func() { was = work(digestWays[0].digest) }
			}
			versus(b, func() { l.CopyFrom(base) }, plain, func() { is = work(way.digest) })
			if plain == nil {
				was = is
			}
			b.ReportMetric(100*float64(is.hits)/float64(compares), "hits-%")
			b.ReportMetric(float64(is.hashed)/float64(compares), "hashed/op")
			b.ReportMetric(gain(float64(was.hashed), float64(is.hashed)), "gain-%")
		})
	}
}
