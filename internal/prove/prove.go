// Package prove shows of every budget that it can go red.
//
// It plants regressions of known size, gaps and noise into copies of measured samples, has package gate
// judge each copy, and compares the verdict with the one that had to come. It decides nothing about
// measurements itself: a plant is judged by gate.Judge, the whole rule as a check applies it. It does
// not measure and does not print.
//
// Position in the flow: budgets and two sets of samples in, a Proof out, which cli prints.
package prove

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/sample"
)

// A Proof is what came of all plants. The same samples, budgets and seed give the same Proof.
type Proof struct {
	// Version is that of the JSON form.
	Version  int    `json:"version"`
	Seed     uint64 `json:"seed"`
	Proved   int    `json:"proved"`   // rules that can go red
	Unproved int    `json:"unproved"` // rules of which that was not shown
	Rules    []Rule `json:"rules"`    // in the order of the budgets
}

// A Rule is one limit of a budget on one benchmark, or for scales on one group of benchmarks.
type Rule struct {
	ID        string `json:"id"`
	Benchmark string `json:"benchmark"`
	Package   string `json:"package,omitempty"`
	Unit      string `json:"unit"`  // as the budget file says it
	Class     string `json:"class"` // exact, compute or waiting
	Kind      string `json:"kind"`  // max_rise, max_drop, at_most, at_least or scales
	Limit     string `json:"limit"` // the limit as the budget file says it
	At        string `json:"at"`    // file:line of the limit
	// Smallest is the smallest relative change, signed, that 95 of 100 checks would find beyond the
	// limit at the noise of the samples; nil where that is not known. AnyBeyond says that every change
	// beyond the limit is found, since the unit is exact.
	Smallest  *float64 `json:"smallest"`
	AnyBeyond bool     `json:"any_beyond"`
	Plants    []Plant  `json:"plants"`
	Proved    bool     `json:"proved"`
	// Problem says what kept the rule from being proved, and Help what to do; both empty when proved.
	Problem string `json:"problem,omitempty"`
	Help    string `json:"help,omitempty"`
}

// A Plant is one change made to a copy of the samples, and what the gate said.
type Plant struct {
	Name string `json:"name"` // one of the constants of this package
	// Size says in words what was planted.
	Size string `json:"size"`
	Want Want   `json:"want"`
	// Verdict is that of the limit where the plant is beyond it, otherwise that of the whole budget.
	Verdict gate.Kind `json:"verdict"`
	Reason  string    `json:"reason"`
	// ExitCode is what the check would have ended with.
	ExitCode int  `json:"exit_code"`
	OK       bool `json:"ok"`
}

// A Want is the verdict that has to come of a plant.
type Want string

// What is wanted.
const (
	Fail     Want = "fail"
	Missing  Want = "missing"          // and an exit code that is not 0
	Excused  Want = "missing, excused" // where on_missing is warn
	NotPass  Want = "not pass"         // fail or inconclusive: anything but green
	NotFail  Want = "not fail"
	NotGreen Want = "not green" // an exit code that is not 0
	Anything Want = "anything"  // shown as it comes
)

// The names of the plants, in the order in which they are made. The first four are beyond the limit by
// so many times the limit, the next by twice the ceiling of the waiver that the row has; for scales the last three are exponents 0.1, 0.3 and 1 over the limit.
const (
	Near     = "1.2x"
	Half     = "1.5x"
	Twice    = "2x"
	Thrice   = "3x"
	Ceiling  = "2x ceiling"
	Dropped  = "drop"
	Renamed  = "rename"
	Crashed  = "crash"
	NoHead   = "no head"
	NoBase   = "no base"
	Constant = "constant"
	FromZero = "zero"
	Noise15  = "noise 15%"
	Noise40  = "noise 40%"
	Self     = "self"
)

// Prove plants into copies of the samples in, for every budget and each benchmark that it matches, and
// returns what came. Base and head must not be nil. The error is budget.Problems where the budgets do
// not fit the samples, and otherwise says why the samples serve no proof. Seed determines the noise.
func Prove(in gate.Input, seed uint64) (Proof, error) {
	proof := Proof{Version: 1, Seed: seed, Rules: []Rule{}}
	for _, s := range []*sample.Set{in.Base, in.Head} {
		if err := unfit(s); err != nil {
			return proof, err
		}
	}
	result, err := gate.Judge(in)
	if err != nil {
		return proof, err
	}
	in = gate.Renamed(in)
	binaries := in.Head.Provenance
	same := func(pkg string) bool {
		digest := binaries[gate.BinaryKey(pkg)]
		return digest != "" && digest == in.Base.Provenance[gate.BinaryKey(pkg)]
	}
	in.Head = in.Head.Clone()
	// What is planted is another program, and judged among as many comparisons as the whole.
	maps.DeleteFunc(in.Head.Provenance, func(key, _ string) bool { return strings.HasPrefix(key, gate.BinaryKey("")) })
	n := gate.Comparisons(in)
	if m, err := strconv.Atoi(in.Head.Provenance["comparisons"]); err == nil {
		n = max(n, m)
	}
	in.Head.Provenance["comparisons"] = strconv.Itoa(n)
	for i := range in.Budgets.Budgets {
		b := in.Budgets.Budgets[i]
		for _, l := range limits(&b) {
			for _, v := range result.Verdicts {
				if v.ID != b.ID || (v.TidyUnit == "exponent") != (l.kind == "scales") {
					continue
				}
				t := newTrial(in, b, v, l, seed)
				t.same = same(v.Package)
				r := t.prove()
				if r.Proved {
					proof.Proved++
				} else {
					proof.Unproved++
				}
				proof.Rules = append(proof.Rules, r)
			}
		}
	}
	return proof, nil
}

// unfit says why samples serve no proof: where something is broken to begin with, a plant that ends red
// shows nothing.
func unfit(s *sample.Set) error {
	switch {
	case len(s.Failures) > 0:
		f := s.Failures[0]
		what := "the run"
		if f.Name != "" {
			what = f.Name
		}
		return fmt.Errorf("plant into %s: line %d says that %s failed; a proof needs the samples of a check in which everything ran", s.File, f.Line, what)
	case len(s.Damage) > 0:
		return fmt.Errorf("plant into %s: line %d: %s; a proof needs whole files", s.File, s.Damage[0].Line, s.Damage[0].Text)
	case len(s.Benchmarks) == 0:
		return fmt.Errorf("plant into %s: it has no samples", s.File)
	}
	return nil
}

// A limit is one of a budget, with what it is called in a verdict.
type limit struct {
	kind, text string
	value      float64
	pos        budget.Pos
}

// limits lists those of a budget, in the order of its keys in docs/budgets.md.
func limits(b *budget.Budget) []limit {
	var out []limit
	for _, l := range []struct {
		kind string
		*budget.Limit
	}{{"max_rise", b.MaxRise}, {"max_drop", b.MaxDrop}, {"at_most", b.AtMost}, {"at_least", b.AtLeast}} {
		if l.Limit != nil {
			out = append(out, limit{l.kind, l.Text, l.Value, l.Pos})
		}
	}
	if s := b.Scales; s != nil {
		out = append(out, limit{"scales", fmt.Sprintf("%v", s.ExponentAtMost), s.ExponentAtMost, s.Pos})
	}
	return out
}

// A trial is what is tried on one rule. Its sets are copies that hold the benchmarks of the rule, and
// one that the budget is not about, so that a file without them is not an empty one.
type trial struct {
	in      gate.Input
	b       *budget.Budget
	v       gate.Verdict // of the samples as they are
	l       limit
	members []member
	seed    uint64
	// waiver is that of the row, or nil. All other plants are judged without it: the rule by itself has to be
	// able to fail.
	waiver *budget.Waiver
	// same says that base and head were one program, which a check does not measure.
	same bool
	// measured is what the relative limit rests on, before anything is added to the samples.
	measured gate.Evidence
}

// A member is a benchmark of the rule: one, or for scales one for each size.
type member struct {
	sample.Key
	size float64
}

func newTrial(in gate.Input, b budget.Budget, v gate.Verdict, l limit, seed uint64) *trial {
	t := &trial{b: &b, v: v, l: l, seed: seed}
	var bystander sample.Key
	for _, s := range []*sample.Set{in.Head, in.Base} {
		for _, bm := range s.Benchmarks {
			switch {
			case !b.Match.Match(bm.Name):
				if bystander.Name == "" && in.Base.Lookup(bm.Key) != nil && in.Head.Lookup(bm.Key) != nil {
					bystander = bm.Key
				}
			case bm.Package != v.Package || slices.ContainsFunc(t.members, func(m member) bool { return m.Key == bm.Key }):
			case l.kind == "scales":
				if size, rest, ok := gate.CutSize(bm.Name, b.Scales.With); ok && rest == v.Benchmark {
					t.members = append(t.members, member{bm.Key, size})
				}
			case bm.Name == v.Benchmark:
				t.members = append(t.members, member{bm.Key, 1})
			}
		}
	}
	slices.SortStableFunc(t.members, func(x, y member) int {
		if x.size < y.size {
			return -1
		}
		if x.size > y.size {
			return +1
		}
		return strings.Compare(x.Name, y.Name)
	})
	keep := func(k sample.Key) bool {
		return k == bystander || slices.ContainsFunc(t.members, func(m member) bool { return m.Key == k })
	}
	t.in = in
	t.in.Budgets.Budgets = []budget.Budget{b}
	t.in.Budgets.Waivers = nil
	if l.kind != "scales" {
		t.waiver = in.Budgets.Waiver(v.Benchmark, b.Unit)
	}
	t.in.Suites = nil // the benchmarks that follow are of the suites already
	t.in.Base, t.in.Head = in.Base.Only(keep), in.Head.Only(keep)
	t.borrow()
	if t.relative() && len(t.members) == 1 {
		t.measured, _ = gate.RelativeEvidence(t.in, b.ID, t.members[0].Key)
		t.extend()
	}
	return t
}

// rng returns the source of chance for one purpose on this rule.
func (t *trial) rng(purpose string) *rand.Rand {
	h := fnv.New64a()
	for _, s := range []string{t.b.ID, t.v.Package, t.v.Benchmark, t.l.kind, purpose} {
		_, _ = h.Write([]byte(s + "\x00"))
	}
	return rand.New(rand.NewPCG(t.seed, h.Sum64()))
}

// judge returns the verdict on this rule with other samples.
func (t *trial) judge(base, head *sample.Set) (gate.Verdict, int, error) {
	in := t.in
	in.Base, in.Head = base, head
	r, err := gate.Judge(in)
	if err != nil {
		return gate.Verdict{}, gate.ExitMisuse, err
	}
	for _, v := range r.Verdicts {
		if v.Benchmark == t.v.Benchmark && v.Package == t.v.Package && (v.TidyUnit == "exponent") == (t.l.kind == "scales") {
			return v, r.ExitCode, nil
		}
	}
	return gate.Verdict{}, r.ExitCode, fmt.Errorf("the gate says nothing of it")
}

// try judges one plant.
func (t *trial) try(name, size string, want Want, base, head *sample.Set) Plant {
	p := Plant{Name: name, Size: size, Want: want}
	v, exit, err := t.judge(base, head)
	p.ExitCode = exit
	if err != nil {
		p.Reason = err.Error()
		return p
	}
	p.Verdict, p.Reason = v.Verdict, v.Reason
	if want != Missing && want != Excused && want != NotGreen && name != Crashed {
		for _, l := range v.Limits {
			if l.Kind == t.l.kind {
				p.Verdict, p.Reason = l.Verdict, l.Reason
			}
		}
	}
	switch want {
	case Fail:
		p.OK = p.Verdict == gate.Fail && exit == gate.ExitFail
	case Missing:
		p.OK = p.Verdict == gate.Missing && v.Blocks && exit != gate.ExitPass
	case Excused:
		p.OK = p.Verdict == gate.Missing
	case NotPass:
		p.OK = p.Verdict != gate.Pass
	case NotFail:
		p.OK = p.Verdict != gate.Fail
	case NotGreen:
		p.OK = exit != gate.ExitPass
	case Anything:
		p.OK = true
	}
	return p
}

// prove makes every plant that makes sense for the rule.
func (t *trial) prove() Rule {
	r := Rule{
		ID: t.v.ID, Benchmark: t.v.Benchmark, Package: t.v.Package, Unit: t.v.Unit, Class: t.v.Class,
		Kind: t.l.kind, Limit: t.l.text, At: fmt.Sprintf("%s:%d", t.l.pos.File, t.l.pos.Line),
	}
	if t.relative() && t.v.Class != string(budget.Exact) {
		r.Smallest = t.smallest()
	}
	r.Plants = slices.Concat(t.beyond(), t.beyondCeiling(), t.gaps(), t.constants(), t.fromZero(), t.noisy(), t.self())
	r.Proved = !slices.ContainsFunc(r.Plants, func(p Plant) bool { return !p.OK })
	// Where nothing is beyond the limit, nothing beyond it is found.
	r.AnyBeyond = t.v.Class == string(budget.Exact) && slices.ContainsFunc(r.Plants, func(p Plant) bool { return p.Name == Twice && p.OK })
	r.Problem, r.Help = t.explain(r)
	return r
}

func (t *trial) relative() bool { return t.l.kind == "max_rise" || t.l.kind == "max_drop" }

// explain says of a rule that is not proved what is wrong, by the worst of its plants, and what to do.
func (t *trial) explain(r Rule) (problem, help string) {
	bad := slices.DeleteFunc(slices.Clone(r.Plants), func(p Plant) bool { return p.OK })
	if len(bad) == 0 {
		return "", ""
	}
	p := bad[len(bad)-1]
	if p.Name == Self {
		return fmt.Sprintf("is red by itself: the samples against themselves fail: %s", p.Reason),
			"mend what is beyond the limit, or raise the limit; a rule that is always red tells nothing"
	}
	p = bad[0]
	verdict := string(p.Verdict)
	if verdict == "" {
		verdict = "in an error"
	}
	problem = fmt.Sprintf("cannot go red: %s (%s) ends %s with exit code %d, not %s: %s", p.Name, p.Size, verdict, p.ExitCode, p.Want, p.Reason)
	switch {
	case t.same && p.Verdict == gate.Inconclusive:
		help = "base and head are one program, which a check does not measure: give samples of a check with another --base"
	case p.Verdict == gate.Missing && p.Want != Missing && p.Want != Excused:
		help = "give samples of a check that could compare"
	case p.Verdict == gate.Inconclusive && r.Smallest != nil:
		help = fmt.Sprintf("at this noise a change is found 95 times of 100 from %+.1f %% on: raise the limit, measure more pairs, or make the benchmark quieter", 100**r.Smallest)
	case p.Verdict == gate.Inconclusive:
		help = "the reason says what the samples lack; more measurements or a quieter benchmark help against noise"
	case p.Verdict == gate.Pass && t.b.IgnoreBelow != nil && t.relative():
		help = "lower ignore_below: it excuses what was planted"
	case p.Verdict == gate.Pass:
		help = "lower the limit, or delete the budget: it is no protection"
	default:
		help = "report it with the two files of samples: the gate ought to have seen that"
	}
	if t.b.OnInconclusive == budget.Warn && p.Verdict == gate.Inconclusive {
		help += "; and delete on_inconclusive: warn, with which nothing holds the change up"
	}
	return problem, help
}
