package gate

import (
	"errors"
	"testing"

	"github.com/perfgate/perfgate/internal/budget"
)

func TestCheckNames(t *testing.T) {
	set := rules(t, "match: Sync/net=ideal, unit: ns/op, max_rise: 10%", "match: Hash, unit: ns/op, max_rise: 10%")
	if err := CheckNames(set, []string{"BenchmarkHash", "BenchmarkSync"}); err != nil {
		t.Errorf("all there: %v", err)
	}
	for _, c := range []struct {
		functions []string
		want      string
	}{
		{[]string{"BenchmarkHash", "BenchmarkSink"}, `b.yaml:3:21: match "Sync/net=ideal" of budget b0 matches no benchmark; write the name of a benchmark of the suite, or delete the budget with the benchmark`},
		{[]string{"BenchmarkSyncs", "BenchmarkHash"}, `b.yaml:3:21: match "Sync/net=ideal" of budget b0 matches no benchmark; did you mean Syncs?; write the name of a benchmark of the suite, or delete the budget with the benchmark`},
		{nil, "b.yaml:3:21: match \"Sync/net=ideal\" of budget b0 matches no benchmark; the suite has no benchmarks at all: is `suite:` right?\n" +
			"b.yaml:4:21: match \"Hash\" of budget b1 matches no benchmark; the suite has no benchmarks at all: is `suite:` right?"},
	} {
		err := CheckNames(set, c.functions)
		var ps budget.Problems
		if !errors.As(err, &ps) || err.Error() != c.want {
			t.Errorf("%v: got %v, want %s", c.functions, err, c.want)
		}
	}
}
