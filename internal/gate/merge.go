package gate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/sample"
)

// MergeShards completes an input, which has budgets and suites, by the samples of shards: Head, Base, NoBase,
// Stored and Shards. What a shard did not deliver is no error but missing in what is judged. The error says
// which samples do not belong together, or not to these budgets: nothing of that is to be guessed.
func MergeShards(in Input, got []ShardSamples) (Input, error) {
	m := merger{in: in, shards: &Shards{plan: map[string]int{}}}
	if err := m.sort(got); err != nil {
		return in, err
	}
	for _, s := range m.found {
		m.classify(s)
	}
	merged := m.of(ShardMerged)
	if len(merged) == 0 {
		// All failed in one way, as one machine would have: their failures speak.
		merged = m.of(ShardFailed)
		for _, s := range merged {
			s.state, s.reason = ShardMerged, ""
		}
	}
	if err := m.compare(merged); err != nil {
		return in, err
	}
	merged = m.of(ShardMerged)
	if err := m.own(merged); err != nil {
		return in, err
	}
	m.list()
	out := m.in
	out.Shards = m.shards
	if len(merged) == 0 {
		out.Head, out.Base, out.NoBase = &sample.Set{File: "the shards"}, nil, "no shard left samples"
		return out, nil
	}
	// The first with samples speaks for all.
	lead := max(slices.IndexFunc(merged, func(s *shard) bool { return len(s.Head.Benchmarks) > 0 }), 0)
	merged = slices.Concat(merged[lead:], merged[:lead])
	var heads, bases []sample.Part
	for _, s := range merged {
		functions := m.functions(s.id.Number)
		heads = append(heads, sample.Part{Set: s.Head, Functions: functions})
		bases = append(bases, sample.Part{Set: m.asOf(s), Functions: functions})
	}
	out.Head, out.Stored = sample.Merge("the shards", heads), merged[0].Baseline
	switch merged[0].said[shardBase] {
	case shardNone:
		out.Base, out.NoBase = nil, merged[0].said[shardNoBase]
	case shardMeasured:
		out.Base, out.NoBase = sample.Merge("the shards", bases), ""
	default:
		out.Base, out.NoBase = merged[0].Base, ""
	}
	return out, nil
}

// A merger is a merge on its way.
type merger struct {
	in     Input
	shards *Shards
	number int      // of shards
	found  []*shard // each once, by number
}

// A shard is the files of one, and what is made of them.
type shard struct {
	ShardSamples
	id     Shard
	said   map[string]string // by head
	plan   map[string]int
	state  ShardState
	reason string
}

// sort finds out which shards there are.
func (m *merger) sort(got []ShardSamples) error {
	if len(got) == 0 {
		m.shards.stray = append(m.shards.stray, "there is no shard: none of them left samples")
	}
	for _, g := range got {
		s := &shard{ShardSamples: g, said: g.Head.Provenance, plan: map[string]int{}}
		id, err := ParseShard(s.said[ShardKey])
		switch {
		case err == nil:
			s.id = id
		case s.said[ShardKey] == "" && (len(g.Head.Damage) > 0 || len(s.said) == 0 && len(g.Head.Benchmarks) == 0):
			m.shards.stray = append(m.shards.stray, fmt.Sprintf("%s is damaged and does not say which shard it is", g.Head.File))
			continue
		case s.said[ShardKey] == "":
			return fmt.Errorf("%s is of no shard; measure it with --shard, or judge it with --head", g.Head.File)
		default:
			return fmt.Errorf("%s: %w", g.Head.File, err)
		}
		for key, value := range s.said { // any order: each is a function of its own
			if f, ok := strings.CutPrefix(key, shardOf); ok {
				n, err := strconv.Atoi(value)
				if err != nil || n < 1 || n > s.id.Of {
					return fmt.Errorf("%s: shard %.20q of %.100s is none of %d", g.Head.File, value, f, s.id.Of)
				}
				s.plan[f] = n
			}
		}
		if m.number == 0 {
			m.number = s.id.Of
		}
		if s.id.Of != m.number {
			return fmt.Errorf("%s is shard %v and %s is shard %v: they are of different checks", m.found[0].Head.File, m.found[0].id, g.Head.File, s.id)
		}
		if i := slices.IndexFunc(m.found, func(o *shard) bool { return o.id == s.id }); i >= 0 {
			o := m.found[i]
			if o.HeadDigest != s.HeadDigest || o.BaseDigest != s.BaseDigest || o.BaselineDigest != s.BaselineDigest {
				// To choose would be to try until it suits.
				return fmt.Errorf("%s and %s are both shard %v and differ; keep those of the last run alone", o.Head.File, g.Head.File, s.id)
			}
			continue
		}
		m.found = append(m.found, s)
	}
	slices.SortFunc(m.found, func(a, b *shard) int { return a.id.Number - b.id.Number })
	return nil
}

// classify says what can be made of a shard by itself.
func (m *merger) classify(s *shard) {
	s.state = ShardMerged
	damaged := func(format string, args ...any) { s.state, s.reason = ShardDamaged, fmt.Sprintf(format, args...) }
	base := s.said[shardBase]
	switch {
	case cutOff(s.Head) != "":
		damaged("%s", cutOff(s.Head))
	case len(s.plan) == 0 && nameless(s.Head) != "":
		s.state, s.reason = ShardFailed, nameless(s.Head)
	case base == "":
		damaged("%s does not say what it was compared with", s.Head.File)
	case base != shardNone && s.Base == nil:
		damaged("the samples of its base are not beside %s", s.Head.File)
	case base == shardMeasured && cutOff(s.Base) != "":
		damaged("%s", cutOff(s.Base))
	case base != shardNone && base != shardMeasured && base != s.BaseDigest:
		damaged("%s is not the file that was compared with", s.Base.File)
	case s.said[shardBaseline] != s.BaselineDigest:
		damaged("the record of its base is not the one that was compared with")
	}
}

// cutOff returns the damage that makes a whole file unfit.
func cutOff(s *sample.Set) string {
	for _, d := range s.Damage {
		if d.Name == "" {
			return d.At(s) + ": " + d.Text
		}
	}
	return ""
}

// nameless returns the failure of a whole run.
func nameless(s *sample.Set) string {
	for _, f := range s.Failures {
		if f.Name == "" {
			return firstLine(f.Text)
		}
	}
	return ""
}

func (m *merger) of(state ShardState) []*shard {
	return slices.DeleteFunc(slices.Clone(m.found), func(s *shard) bool { return s.state != state })
}

// compare holds the shards to be merged against one another and against the budgets.
func (m *merger) compare(shards []*shard) error {
	if len(shards) == 0 {
		return nil
	}
	var suites []string
	for _, s := range m.in.Suites {
		suites = append(suites, s.Name)
	}
	first := shards[0]
	if i := slices.IndexFunc(shards, func(s *shard) bool { return s.said[shardBase] != shardNone }); i > 0 {
		first = shards[i]
	}
	if first.said[shardBudgets] != m.in.Budgets.Digest {
		return fmt.Errorf("%s was measured by other budgets than those given; judge with the budgets of the tested commit", first.Head.File)
	}
	if got := first.said[shardSuites]; got != strings.Join(suites, " ") {
		return fmt.Errorf("%s is of %s; judge it with the same --suite", first.Head.File, suiteWords(got))
	}
	if got := first.said[shardIDs]; got != strings.Join(m.in.IDs, " ") {
		return fmt.Errorf("%s is of %s; judge it with the same --budget", first.Head.File, idWords(got))
	}
	for _, s := range shards {
		if s.said[shardBase] == shardNone && first.said[shardBase] != shardNone {
			s.state, s.reason = ShardFailed, "it had nothing to compare with: "+s.said[shardNoBase]
			continue
		}
		if b := s.said[shardBase]; b == shardMeasured && (s.said["session"] == "" || s.said["session"] != s.Base.Provenance["session"]) {
			return fmt.Errorf("%s and %s were not measured together", s.Base.File, s.Head.File)
		}
		for _, key := range []struct{ key, word string }{
			{"commit", "commit"}, {shardBudgets, "budgets"}, {shardSuites, "suites"}, {shardIDs, "budgets asked for"}, {shardOptions, "options"},
			{shardBase, "base"}, {shardBaseline, "record of the base"}, {"looks", "looks"}, {"go", "Go version"},
		} {
			if a, b := first.said[key.key], s.said[key.key]; a != b {
				return differ(first, s, key.word, a, b)
			}
		}
		if first.Head.Confidence != s.Head.Confidence {
			return differ(first, s, "confidence", first.Head.Confidence, s.Head.Confidence)
		}
		if first.said[shardBase] == shardMeasured {
			if a, b := first.Base.Provenance["commit"], s.Base.Provenance["commit"]; a != b {
				return differ(first, s, "commit of the base", a, b)
			}
		}
		// A shard without samples says nothing of its machine.
		for _, key := range []string{"goos", "goarch"} {
			if a, b := first.Head.Environment[key], s.Head.Environment[key]; a != b && a != "" && b != "" {
				return differ(first, s, key, a, b)
			}
		}
		if !maps.Equal(first.plan, s.plan) {
			return fmt.Errorf("%s and %s divide the benchmarks differently: they are not of one version", first.Head.File, s.Head.File)
		}
		if err := sameTree(first, s); err != nil {
			return err
		}
	}
	m.shards.plan = first.plan
	return nil
}

func differ(a, b *shard, what, x, y string) error {
	return fmt.Errorf("%s and %s do not belong together in the %s: %.100q of the one and %.100q of the other", a.Head.File, b.Head.File, what, x, y)
}

func suiteWords(names string) string {
	if names == "" {
		return "all benchmarks"
	}
	return "the suites " + names
}

func idWords(ids string) string {
	if ids == "" {
		return "all budgets"
	}
	return "the budgets " + ids
}

// sameTree refuses shards whose work trees differ though they are of one commit, or of none.
func sameTree(a, b *shard) error {
	if commit := a.said["commit"]; commit != "" && !strings.HasSuffix(commit, "+dirty") {
		return nil
	}
	prefix := BinaryKey("")
	for _, key := range slices.Sorted(maps.Keys(a.said)) {
		if x, y := a.said[key], b.said[key]; strings.HasPrefix(key, prefix) && y != "" && x != y {
			return fmt.Errorf("%s and %s do not belong together: %s is not the same program in both work trees", a.Head.File, b.Head.File, strings.TrimPrefix(key, prefix))
		}
	}
	return nil
}

// own makes sure that each shard has samples of its part alone.
func (m *merger) own(shards []*shard) error {
	if len(m.shards.plan) == 0 {
		return nil
	}
	for _, s := range shards {
		for _, set := range []*sample.Set{s.Head, s.Base} {
			if set == nil || set == s.Base && s.said[shardBase] != shardMeasured {
				continue
			}
			for _, b := range set.Benchmarks {
				if !m.mine(s, set, b.Name) {
					return fmt.Errorf("%s is shard %v and has samples of %.100s, which is not of its part", set.File, s.id, b.Name)
				}
			}
		}
	}
	return nil
}

// mine reports whether a set of a shard may have a benchmark: that of the base has it as head calls it, and
// others of a function that one of those was in.
func (m *merger) mine(s *shard, set *sample.Set, name string) bool {
	if m.shards.of(name) == s.id.Number {
		return true
	}
	return set == s.Base && slices.ContainsFunc(m.in.Budgets.Renames, func(r budget.Rename) bool {
		return functionOf(r.From) == functionOf(name) && m.shards.of(r.To) == s.id.Number
	})
}

// asOf returns the base of a shard without what is to be compared in another one.
func (m *merger) asOf(s *shard) *sample.Set {
	if s.Base == nil || len(m.in.Budgets.Renames) == 0 || len(m.shards.plan) == 0 {
		return s.Base
	}
	j := judge{in: m.in}
	return s.Base.Only(func(k sample.Key) bool { return m.shards.of(j.headName(k.Name)) == s.id.Number })
}

func (m *merger) functions(number int) []string {
	var out []string
	for f, n := range m.shards.plan { // any order: they are sorted
		if n == number {
			out = append(out, f)
		}
	}
	slices.Sort(out)
	return out
}

// list puts down what came of each shard.
func (m *merger) list() {
	for n := 1; n <= m.number; n++ {
		r := ShardResult{Number: n, State: ShardDropped, Functions: len(m.functions(n))}
		if i := slices.IndexFunc(m.found, func(s *shard) bool { return s.id.Number == n }); i >= 0 {
			s := m.found[i]
			r.State, r.Reason, r.Measured = s.state, s.reason, s.said["measured"]
			if s.state == ShardMerged {
				r.Benchmarks, r.Environment = len(s.Head.Benchmarks), s.Head.Environment
			}
		}
		m.shards.list = append(m.shards.list, r)
	}
}
