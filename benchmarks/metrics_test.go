package benchmarks

import (
	"reflect"
	"regexp"
	"testing"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/chunk"
	"github.com/perfgate/perfgate/protocols/epoch"
	"github.com/perfgate/perfgate/protocols/journal"
	"github.com/perfgate/perfgate/protocols/ota"
	"github.com/perfgate/perfgate/protocols/session"
	"github.com/perfgate/perfgate/protocols/simnet"
	"github.com/perfgate/perfgate/protocols/snapshot"
)

// Every counter of every package has a name that monitoring systems take, and no other has the same.
func TestMetricNames(t *testing.T) {
	name := regexp.MustCompile(`^[a-z]+(_[a-z]+)+$`)
	seen := map[string]bool{}
	for prefix, stats := range map[string]any{
		"channel": protocols.ChannelStats{}, "antientropy": antientropy.Result{}, "journal": journal.Stats{}, "snapshot": snapshot.Stats{},
		"ota": ota.Stats{}, "epoch": epoch.Stats{}, "chunk": chunk.Stats{}, "session": session.Stats{}, "network": simnet.Counters{},
	} {
		ms := protocols.Metrics(prefix, stats)
		if n := reflect.TypeOf(stats).NumField(); prefix != "antientropy" && len(ms) != n {
			t.Errorf("%s: %d metrics of %d counters", prefix, len(ms), n)
		}
		for _, m := range ms {
			if !name.MatchString(m.Name) || seen[m.Name] {
				t.Errorf("metric %q of %s: malformed or there twice", m.Name, prefix)
			}
			seen[m.Name] = true
		}
	}
}
