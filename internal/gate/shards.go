package gate

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/sample"
)

// ShardLost begins the reason of a verdict on what was not measured since its shard was not merged.
const ShardLost = "not measured: "

// MaxShards is into how many shards a measuring can be divided.
const MaxShards = 1000

// A Shard is one part of a measuring that several machines share: Number, from 1, of Of. The zero value is
// all of it.
type Shard struct{ Number, Of int }

// ParseShard reads 2/5. The error says what is wrong with it.
func ParseShard(text string) (Shard, error) {
	number, of, ok := strings.Cut(text, "/")
	var s Shard
	var err1, err2 error
	s.Number, err1 = strconv.Atoi(number)
	s.Of, err2 = strconv.Atoi(of)
	switch {
	case !ok || err1 != nil || err2 != nil:
		return Shard{}, fmt.Errorf("%.20q is not a shard: write its number and how many there are, such as 2/5", text)
	case s.Of < 1 || s.Of > MaxShards:
		return Shard{}, fmt.Errorf("%.20q is not a shard: there are 1 to %d", text, MaxShards)
	case s.Number < 1 || s.Number > s.Of:
		return Shard{}, fmt.Errorf("%.20q is not a shard: its number is from 1 to %d", text, s.Of)
	}
	return s, nil
}

// String returns the shard as ParseShard reads it.
func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.Number, s.Of) }

// Assign returns for each of the benchmark functions the number of the shard, from 1 to of, that measures
// it. It depends on the set of names alone; the numbers of functions differ by one at most; and where
// functions come or go most of the others stay where they were. A function is never divided: its
// sub-benchmarks, and so the sizes of a law, are measured on one machine.
func Assign(functions []string, of int) []int {
	order := slices.Clone(functions)
	slices.SortFunc(order, func(a, b string) int {
		if x, y := hash(a), hash(b); x != y {
			if x < y {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	order = slices.Compact(order)
	each, more := len(order)/of, len(order)%of
	counts, in := make([]int, of), map[string]int{}
	for _, f := range order {
		// Each name likes some shards better than others, and goes to the first with room.
		best, liking := -1, uint64(0)
		for s := range of {
			if counts[s] > each || counts[s] == each && more == 0 {
				continue
			}
			if l := rand.NewPCG(hash(f), uint64(s)).Uint64(); best < 0 || l > liking {
				best, liking = s, l
			}
		}
		if counts[best] == each {
			more--
		}
		counts[best]++
		in[f] = best + 1
	}
	out := make([]int, len(functions))
	for i, f := range functions {
		out[i] = in[f]
	}
	return out
}

func hash(name string) uint64 {
	sum := sha256.Sum256([]byte(name))
	return binary.BigEndian.Uint64(sum[:])
}

// Restrict returns the input of a shard that measures only the functions, which are without the word
// Benchmark: the budgets, the waivers, the renames and the selectors of suites that are about others are
// left out.
func Restrict(in Input, functions []string) Input {
	mine := func(sel budget.Selector) bool { return slices.Contains(functions, sel.Name) }
	parts := func(suites []budget.Suite) []budget.Suite {
		var out []budget.Suite
		for _, s := range suites {
			s.Match = slices.DeleteFunc(slices.Clone(s.Match), func(m budget.Match) bool { return !mine(m.Selector) })
			if len(s.Match) > 0 {
				out = append(out, s)
			}
		}
		return out
	}
	suites := parts(in.Suites)
	in.Budgets.Budgets = slices.DeleteFunc(slices.Clone(in.Budgets.Budgets), func(b budget.Budget) bool {
		// Without suites everything would be asked for.
		return !mine(b.Match) || len(in.Suites) > 0 && len(suites) == 0
	})
	in.Budgets.Waivers = slices.DeleteFunc(slices.Clone(in.Budgets.Waivers), func(w budget.Waiver) bool {
		return !mine(w.Match) || len(in.Suites) > 0 && len(suites) == 0
	})
	// What went to another part is not there any more, and what came from one is run here too.
	in.Budgets.Renames = slices.DeleteFunc(slices.Clone(in.Budgets.Renames), func(r budget.Rename) bool {
		return !slices.Contains(functions, functionOf(r.To)) && !slices.Contains(functions, functionOf(r.From))
	})
	in.Budgets.Suites, in.Suites, in.Part = parts(in.Budgets.Suites), suites, true
	return in
}

// ShardKey is the provenance key under which samples say which shard they are, such as 2/5.
const ShardKey = "shard"

// The other provenance keys of a shard.
const (
	shardBudgets  = "shard-budgets"
	shardSuites   = "shard-suites"
	shardIDs      = "shard-budget-ids"
	shardOptions  = "shard-options"
	shardBase     = "shard-base"
	shardNoBase   = "shard-no-base"
	shardBaseline = "shard-baseline"
	shardOf       = "shard-of." // and a function
)

// The bases of a shard.
const (
	shardMeasured = "measured"
	shardNone     = "none"
)

// A ShardHeader is what a shard writes about itself, so that nothing is merged that does not belong
// together.
type ShardHeader struct {
	Shard   Shard
	Budgets string   // their digest
	Suites  []string // asked for
	IDs     []string // of the budgets asked for; none is all
	Options string   // how was measured, in words that are the same for the same
	// BaseFile is the digest of the samples that head is to be compared with, where they were not
	// measured; NoBase why there is nothing to compare with. Both are empty where a version was measured.
	BaseFile, NoBase string
	Baseline         string // digest of the record of base, or empty
	// Functions are those of all shards, without the word Benchmark, and In the number of the shard of each;
	// none where they are not known, since head does not build.
	Functions []string
	In        []int
}

// Provenance returns the header as keys and values of a file of samples.
func (h ShardHeader) Provenance() [][2]string {
	base := shardMeasured
	switch {
	case h.BaseFile != "":
		base = h.BaseFile
	case h.NoBase != "":
		base = shardNone
	}
	out := [][2]string{
		{ShardKey, h.Shard.String()}, {shardBudgets, h.Budgets}, {shardSuites, strings.Join(h.Suites, " ")}, {shardIDs, strings.Join(h.IDs, " ")}, {shardOptions, h.Options},
		{shardBase, base}, {shardNoBase, h.NoBase}, {shardBaseline, h.Baseline},
	}
	for i, f := range h.Functions {
		out = append(out, [2]string{shardOf + f, strconv.Itoa(h.In[i])})
	}
	return out
}

// ShardSamples are the files that one shard left. A Set is nil where there is no such file, which Head
// always is; a digest is that of the file's bytes.
type ShardSamples struct {
	Name                                   string // of the directory, for messages
	Head, Base, Baseline                   *sample.Set
	HeadDigest, BaseDigest, BaselineDigest string
}

// A ShardState is what came of a shard.
type ShardState string

// The states.
const (
	ShardMerged  ShardState = "merged"  // its samples are judged with those of the others
	ShardDropped ShardState = "dropped" // it left nothing: it did not run, or did not get to its end
	ShardDamaged ShardState = "damaged" // its files are cut or incomplete
	ShardFailed  ShardState = "failed"  // it could not build or compare what the others did
)

// A ShardResult is what came of one shard.
type ShardResult struct {
	Number int        `json:"number"` // from 1
	State  ShardState `json:"state"`
	Reason string     `json:"reason,omitempty"` // why it was not merged
	// Functions counts the benchmark functions that it was to measure, where that is known, and Benchmarks those
	// with samples of head.
	Functions  int `json:"functions"`
	Benchmarks int `json:"benchmarks"`
	// Environment and Measured are as in Side.
	Environment map[string]string `json:"environment,omitempty"`
	Measured    string            `json:"measured,omitempty"`
}

// Shards are the shards that an input was merged from; made by MergeShards.
type Shards struct {
	list  []ShardResult
	plan  map[string]int // the shard of each function
	stray []string       // problems of files that do not say which shard they are of
}

// of returns the number of the shard that was to measure a benchmark; 0 where there are none, or none was.
func (s *Shards) of(name string) int {
	if s == nil {
		return 0
	}
	return s.plan[functionOf(name)]
}

// functionOf returns the function that a benchmark is in.
func functionOf(name string) string {
	function, _, _ := strings.Cut(name, "/")
	return function
}

// lost says why a benchmark was not measured, where its shard was not merged.
func (s *Shards) lost(name string) string {
	n := s.of(name)
	switch {
	case n > 0:
		return s.why(s.list[n-1])
	case s != nil && !slices.ContainsFunc(s.list, func(r ShardResult) bool { return r.State == ShardMerged }):
		return "no shard left samples"
	}
	return ""
}

func (s *Shards) why(r ShardResult) string {
	of := fmt.Sprintf("shard %d of %d", r.Number, len(s.list))
	switch r.State {
	case ShardDropped:
		return of + " was dropped, it left no samples"
	case ShardDamaged:
		return "the samples of " + of + " are damaged: " + r.Reason
	case ShardFailed:
		return of + " failed: " + r.Reason
	}
	return ""
}

// maxNamed is how many functions a problem names.
const maxNamed = 6

// problems says of each shard that was not merged why, and what is missing for it.
func (s *Shards) problems() []string {
	if s == nil {
		return nil
	}
	out := slices.Clone(s.stray)
	for _, r := range s.list {
		why := s.why(r)
		if why == "" {
			continue
		}
		var names []string
		for f, n := range s.plan { // any order: they are sorted
			if n == r.Number {
				names = append(names, f)
			}
		}
		slices.Sort(names)
		if more := len(names) - maxNamed; more > 0 {
			names = append(names[:maxNamed], fmt.Sprintf("%d more", more))
		}
		what := "; it had nothing to measure"
		if len(names) > 0 {
			what = "; it was to measure " + strings.Join(names, ", ")
		} else if len(s.plan) == 0 {
			what = "; what it was to measure is not known"
		}
		out = append(out, why+what)
	}
	return out
}

func (s *Shards) results() []ShardResult {
	if s == nil {
		return nil
	}
	return s.list
}

// checkWhole refuses the samples of one shard where those of all are needed.
func checkWhole(in Input) error {
	part := in.Head.Provenance[ShardKey]
	if part == "" || in.Shards != nil || in.Part {
		return nil
	}
	return budget.Problems{{
		Text: fmt.Sprintf("%s is shard %.20s and not all of what was measured", in.Head.File, part),
		Help: "judge all shards together with perfgate judge --shards DIR",
	}}
}
