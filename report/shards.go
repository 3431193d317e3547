package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/perfgate/perfgate/internal/gate"
)

// maxShards is how many shards one line names.
const maxShards = 20

// shardNumbers lists the shards of a state by number.
func shardNumbers(r gate.Result, state gate.ShardState) string {
	var out []string
	for _, s := range r.Shards {
		if s.State == state {
			out = append(out, fmt.Sprint(s.Number))
		}
	}
	if more := len(out) - maxShards; more > 0 {
		out = append(out[:maxShards], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(out, ", ")
}

// lostShards says which shards are not among what was judged: "dropped: 3; damaged: 5".
func lostShards(r gate.Result) string {
	var out []string
	for _, state := range []gate.ShardState{gate.ShardDropped, gate.ShardDamaged, gate.ShardFailed} {
		if n := shardNumbers(r, state); n != "" {
			out = append(out, string(state)+": "+n)
		}
	}
	return strings.Join(out, "; ")
}

// textShards says on one line what came of the shards; empty where there are none.
func textShards(r gate.Result) string {
	if len(r.Shards) == 0 {
		return ""
	}
	lost := lostShards(r)
	if lost == "" {
		return fmt.Sprintf("merged from %s", count(len(r.Shards), "shard"))
	}
	return fmt.Sprintf("merged from %d of %s; %s", mergedShards(r), count(len(r.Shards), "shard"), lost)
}

func mergedShards(r gate.Result) int {
	n := 0
	for _, s := range r.Shards {
		if s.State == gate.ShardMerged {
			n++
		}
	}
	return n
}

// shardsCell says the same for a table, with the machines that were not the first one's.
func shardsCell(r gate.Result) string {
	if len(r.Shards) == 0 {
		return ""
	}
	text := fmt.Sprintf("%d, all merged", len(r.Shards))
	if lost := lostShards(r); lost != "" {
		text = fmt.Sprintf("%d, merged %d; %s", len(r.Shards), mergedShards(r), lost)
	}
	cells, others := []string{text}, 0
	for _, s := range r.Shards {
		if s.State != gate.ShardMerged || len(s.Environment) == 0 || maps.Equal(s.Environment, r.Compared.Head.Environment) {
			continue
		}
		if others++; others > maxShards {
			continue
		}
		var facts []string
		for _, key := range slices.Sorted(maps.Keys(s.Environment)) {
			if s.Environment[key] != r.Compared.Head.Environment[key] && len(facts) < maxEnvironment {
				facts = append(facts, prose(key)+" "+code(s.Environment[key]))
			}
		}
		cells = append(cells, fmt.Sprintf("shard %d: %s", s.Number, strings.Join(facts, ", ")))
	}
	if others > maxShards {
		cells = append(cells, fmt.Sprintf("and %d more on other machines", others-maxShards))
	}
	return lines(cells...)
}

// validShards returns what shards cannot be.
func validShards(r gate.Result) error {
	if len(r.Shards) > gate.MaxShards {
		return fmt.Errorf("it has %d shards, more than %d", len(r.Shards), gate.MaxShards)
	}
	for i, s := range r.Shards {
		switch {
		case s.Number != i+1:
			return fmt.Errorf("shard %d is numbered %d", i+1, s.Number)
		case !slices.Contains([]gate.ShardState{gate.ShardMerged, gate.ShardDropped, gate.ShardDamaged, gate.ShardFailed}, s.State):
			return fmt.Errorf("shard %d is %.100q, none of merged, dropped, damaged, failed", s.Number, s.State)
		case s.State != gate.ShardMerged && r.ExitCode == gate.ExitPass:
			return fmt.Errorf("exit_code 0 means a pass, yet shard %d is %s", s.Number, s.State)
		}
	}
	for i, v := range r.Verdicts {
		if v.Shard < 0 || v.Shard > len(r.Shards) {
			return fmt.Errorf("verdict %d (%.100q) is of shard %d of %d", i+1, v.ID, v.Shard, len(r.Shards))
		}
	}
	return nil
}
