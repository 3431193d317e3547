package replay

import (
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Options say what to score.
type Options struct {
	// Limits are shares such as 0.10; none means 0.10 alone.
	Limits []float64
	// Suite is how many benchmarks a suite has, 0 for 50.
	Suite int
	// Suites is how many suites are drawn, 0 for 2000.
	Suites int
	// Seed is where all random numbers come from.
	Seed uint64
	// Pairs is how many pairs perfgate's plan takes at most. Changes are planted by arithmetic only in
	// trials that have as many, where a rule judges pairs, since shorter ones would end undecided for
	// want of pairs; 0 is in all.
	Pairs int
	// Decide is perfgate's own decision; without it its rows are left out.
	Decide Decider
}

func (o Options) withDefaults() Options {
	if len(o.Limits) == 0 {
		o.Limits = []float64{0.10}
	}
	if o.Suite <= 0 {
		o.Suite = 50
	}
	if o.Suites <= 0 {
		o.Suites = 2000
	}
	return o
}

// multiples are the sizes of the changes planted by arithmetic, in limits. Those within it are there for
// the curve: at the limit itself a rule may do what it likes, under it red is false.
var multiples = []float64{0.5, 1, 1.2, 1.5, 2, 3}

// Scores is what the rules of one recording are worth.
type Scores struct {
	// Suite, Suites and Seed are the options they were made with; Resamples is how many bootstrap
	// samples a rule drew that draws them.
	Suite     int    `json:"suite"`
	Suites    int    `json:"suites"`
	Seed      uint64 `json:"seed"`
	Resamples int    `json:"resamples"`
	// Incomplete is what the recording lacks.
	Incomplete Incomplete `json:"incomplete"`
	// Rows are by machine, limit and rule.
	Rows []Score `json:"rows"`
	// Bias is by machine and share.
	Bias []Bias `json:"bias"`
	// Spread is by machine.
	Spread []Spread `json:"spread"`
}

// A Score is one rule on one machine at one limit.
type Score struct {
	Machine  string  `json:"machine"`
	Limit    float64 `json:"limit"`
	Rule     string  `json:"rule"`
	Design   Design  `json:"design"`
	Unit     Unit    `json:"unit"`
	Borrowed bool    `json:"borrowed,omitempty"`
	About    string  `json:"about"`
	// FalseRed counts unchanged trials that the rule failed.
	FalseRed Proportion `json:"falseRed"`
	// SuiteRed says how many suites of unchanged trials have at least one that failed.
	SuiteRed Suites `json:"suiteRed"`
	// Changes are by size: first those recorded, then those planted by arithmetic.
	Changes []Change `json:"changes"`
	// WrongPass counts, over all Changes beyond the limit, those that passed.
	WrongPass Count `json:"wrongPass"`
	// Inconclusive counts unchanged trials on which the rule did not decide.
	Inconclusive Proportion `json:"inconclusive"`
	// MedianSeconds and MeanSeconds are of measuring both versions of an unchanged benchmark.
	MedianSeconds float64 `json:"medianSeconds"`
	MeanSeconds   float64 `json:"meanSeconds"`
	// Unjudged counts trials, changed or not, that were not recorded in the design that the rule needs.
	Unjudged int `json:"unjudged"`
}

// A Count is how many of how many.
type Count struct {
	Count int `json:"count"`
	Total int `json:"total"`
}

// Share is Count of Total, 0 of none.
func (c Count) Share() float64 {
	if c.Total == 0 {
		return 0
	}
	return float64(c.Count) / float64(c.Total)
}

// A Proportion is a Count with the exact (Clopper-Pearson) 95 % interval of the share behind it, which
// takes the trials as independent.
type Proportion struct {
	Count
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

func proportion(count, total int) Proportion {
	low, high := clopperPearson(count, total)
	return Proportion{Count{count, total}, low, high}
}

// Suites are drawn without replacement from the same trials again and again, so that they overlap: there
// is no more in them than in Trials.
type Suites struct {
	Count
	// Size is how many benchmarks each has: fewer than asked for where there are not as many.
	Size int `json:"size"`
	// Trials is how many different ones stand behind all of them.
	Trials int `json:"trials"`
}

// A Change is how a rule judged changes of one size.
type Change struct {
	// Share is the size, 0.15 for fifteen percent more.
	Share float64 `json:"share"`
	// Synthetic says that measured heads of unchanged trials were multiplied by 1 + Share, rather than
	// measured with the extra work in them.
	Synthetic bool `json:"synthetic"`
	// Beyond says that the change is beyond the limit.
	Beyond bool `json:"beyond"`
	// Red, Passed and Inconclusive count verdicts.
	Red          Proportion `json:"red"`
	Passed       Count      `json:"passed"`
	Inconclusive Count      `json:"inconclusive"`
}

// Bias is how changes of a recorded size were measured: the mean over trials of the change that their
// pairs show on average, with the standard error of that mean.
type Bias struct {
	Machine string  `json:"machine"`
	Share   float64 `json:"share"`
	Own     Reading `json:"own"`
	Wall    Reading `json:"wall"`
}

// A Reading is a mean change as a share, with its standard error, over so many trials. Error is 0 where
// there are fewer than two.
type Reading struct {
	Change float64 `json:"change"`
	Error  float64 `json:"error"`
	Trials int     `json:"trials"`
}

// Spread is the standard deviation of the logarithm of head/base within the pairs of an unchanged trial,
// its median over the trials with at least two pairs. A unit that was not recorded is 0.
type Spread struct {
	Machine string  `json:"machine"`
	Own     float64 `json:"own"`
	CPU     float64 `json:"cpu"`
	Wall    float64 `json:"wall"`
	Trials  int     `json:"trials"`
}

// Evaluate applies the rules to a recording and counts.
func Evaluate(rec *Recording, o Options) Scores {
	o = o.withDefaults()
	s := Scores{Suite: o.Suite, Suites: o.Suites, Seed: o.Seed, Resamples: resamples, Incomplete: rec.Incomplete, Rows: []Score{}, Bias: []Bias{}, Spread: []Spread{}}
	rules := Rules(o.Decide, o.Suite)
	for _, machine := range machines(rec) {
		var trials []*Trial
		for i := range rec.Trials {
			if t := &rec.Trials[i]; t.Machine == machine {
				trials = append(trials, t)
			}
		}
		for _, limit := range o.Limits {
			for _, r := range rules {
				s.Rows = append(s.Rows, score(r, trials, limit, o))
			}
		}
		for _, share := range shares(trials) {
			s.Bias = append(s.Bias, bias(machine, share, trials))
		}
		s.Spread = append(s.Spread, spread(machine, trials))
	}
	return s
}

// JSON writes the scores as one indented object.
func JSON(w io.Writer, s Scores) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(s)
}

func machines(rec *Recording) []string {
	var out []string
	for _, t := range rec.Trials {
		if !slices.Contains(out, t.Machine) {
			out = append(out, t.Machine)
		}
	}
	return out
}

// shares lists the recorded shares, growing, with 0 if there are unchanged trials.
func shares(trials []*Trial) []float64 {
	var out []float64
	for _, t := range trials {
		if !slices.Contains(out, t.Share) {
			out = append(out, t.Share)
		}
	}
	slices.Sort(out)
	return out
}

// planted lists the changes to plant by arithmetic at a limit, growing.
func planted(limit float64) []float64 {
	var out []float64
	for _, m := range multiples {
		out = append(out, round(m*limit))
	}
	// At the limit of 10 % these are among them; they stay if the multiples change.
	for _, share := range []float64{0.15, 0.20} {
		if limit == 0.10 && !slices.Contains(out, share) {
			out = append(out, share)
		}
	}
	slices.Sort(out)
	return out
}

// round takes the dust off a share, so that 1.2 * 0.1 is 0.12.
func round(share float64) float64 { return math.Round(share*1e9) / 1e9 }

// beyond reports whether a share is more than the limit, and not just written otherwise.
func beyond(share, limit float64) bool { return share > limit+1e-9 }

// score counts the verdicts of one rule over the trials of one machine.
func score(r Rule, trials []*Trial, limit float64, o Options) Score {
	s := Score{Rule: r.Name, Design: r.Design, Unit: r.Unit, Borrowed: r.Borrowed, About: r.About, Limit: limit, Changes: []Change{}}
	var unchanged []*Trial
	var fails []bool
	var seconds []float64
	undecided := 0
	for _, t := range trials {
		s.Machine = t.Machine
		e, ok := r.evidence(t, o.Seed)
		switch {
		case !ok:
			s.Unjudged++
		case t.Share == 0:
			out := r.Judge(e, limit)
			unchanged = append(unchanged, t)
			fails = append(fails, out.Verdict == Fail)
			seconds = append(seconds, r.seconds(t, out))
			if out.Verdict == Inconclusive {
				undecided++
			}
		}
	}
	red := 0
	for _, f := range fails {
		if f {
			red++
		}
	}
	s.FalseRed = proportion(red, len(fails))
	s.Inconclusive = proportion(undecided, len(fails))
	s.SuiteRed = suites(fails, s.Machine, o)
	if len(seconds) > 0 {
		s.MedianSeconds, s.MeanSeconds = median(seconds), mean(seconds)
	}
	for _, share := range shares(trials) {
		if share == 0 {
			continue
		}
		c := Change{Share: share, Beyond: beyond(share, limit)}
		for _, t := range trials {
			if e, ok := r.evidence(t, o.Seed); ok && t.Share == share {
				c.count(r.Judge(e, limit).Verdict)
			}
		}
		s.add(c)
	}
	for _, share := range planted(limit) {
		c := Change{Share: share, Synthetic: true, Beyond: beyond(share, limit)}
		for _, t := range unchanged {
			if r.Design == Pairs && len(t.Pairs) < o.Pairs {
				continue
			}
			e, _ := r.evidence(t, o.Seed)
			for _, head := range [][]float64{e.Head, e.HeadWall} {
				for i := range head {
					head[i] *= 1 + share
				}
			}
			c.count(r.Judge(e, limit).Verdict)
		}
		s.add(c)
	}
	return s
}

func (c *Change) count(v Verdict) {
	c.Red.Total++
	switch v {
	case Fail:
		c.Red.Count.Count++
	case Pass:
		c.Passed.Count++
	default:
		c.Inconclusive.Count++
	}
}

// add takes in a change whose verdicts are counted, unless there were none.
func (s *Score) add(c Change) {
	n := c.Red.Total
	if n == 0 {
		return
	}
	c.Red = proportion(c.Red.Count.Count, n)
	c.Passed.Total, c.Inconclusive.Total = n, n
	if c.Beyond {
		s.WrongPass.Count += c.Passed.Count
		s.WrongPass.Total += n
	}
	s.Changes = append(s.Changes, c)
}

// evidence takes from a trial what the rule sees. ok is false where it was not recorded.
func (r Rule) evidence(t *Trial, seed uint64) (e Evidence, ok bool) {
	e.Seed = t.seed(seed)
	base, head := t.StoredBase, t.StoredHead
	if r.Design == Pairs {
		base, head = make([]Run, len(t.Pairs)), make([]Run, len(t.Pairs))
		for i, p := range t.Pairs {
			base[i], head[i] = p.Base, p.Head
		}
	}
	if len(base) == 0 || len(head) == 0 {
		return e, false
	}
	own := r.Unit == Own
	for _, run := range slices.Concat(base, head) {
		// One unit for the whole trial: a ratio of two units means nothing.
		_, has := run.Own()
		own = own && has
	}
	e.Base, e.Head = times(base, own), times(head, own)
	if own {
		e.BaseWall, e.HeadWall = times(base, false), times(head, false)
	}
	return e, true
}

func times(runs []Run, own bool) []float64 {
	out := make([]float64, len(runs))
	for i, r := range runs {
		out[i] = r.Wall
		if own {
			out[i], _ = r.Own()
		}
	}
	return out
}

// seed makes random numbers of a trial its own, and the same for a change planted in it.
func (t *Trial) seed(seed uint64) uint64 {
	h := fnv.New64a()
	for _, s := range []string{t.Machine, t.Package, t.Name, strconv.Itoa(t.Session), strconv.FormatFloat(t.Share, 'g', -1, 64)} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	h.Write(binary.LittleEndian.AppendUint64(nil, seed))
	return h.Sum64()
}

// seconds is how long the runs took that an outcome needed. Those of a pair run at once, unless they say
// that they did not.
func (r Rule) seconds(t *Trial, out Outcome) float64 {
	total := 0.0
	if r.Design == Pairs {
		for i, p := range t.Pairs {
			base, head := p.Base.Process, p.Head.Process
			if i >= out.Base {
				base = 0
			}
			if i >= out.Head {
				head = 0
			}
			if p.Base.Alone {
				total += base + head
			} else {
				total += max(base, head)
			}
		}
		return total
	}
	for i := range min(out.Base, len(t.StoredBase)) {
		total += t.StoredBase[i].Process
	}
	for i := range min(out.Head, len(t.StoredHead)) {
		total += t.StoredHead[i].Process
	}
	return total
}

// suites draws suites from unchanged trials. Rules that judged the same trials get the same suites.
func suites(fails []bool, machine string, o Options) Suites {
	n := len(fails)
	out := Suites{Size: min(o.Suite, n), Trials: n}
	if n == 0 {
		return out
	}
	out.Total = o.Suites
	if n <= o.Suite {
		// There is only one.
		out.Total = 1
	}
	h := fnv.New64a()
	h.Write([]byte(machine))
	rng := rand.New(rand.NewPCG(o.Seed, h.Sum64()))
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	for range out.Total {
		red := false
		for i := range out.Size {
			j := i + rng.IntN(n-i)
			order[i], order[j] = order[j], order[i]
			red = red || fails[order[i]]
		}
		if red {
			out.Count.Count++
		}
	}
	return out
}

// logRatios are those of a trial's pairs in the unit that value takes from a run, nil if it is missing
// somewhere.
func logRatios(t *Trial, value func(Run) (float64, bool)) []float64 {
	var out []float64
	for _, p := range t.Pairs {
		b, okb := value(p.Base)
		h, okh := value(p.Head)
		if !okb || !okh || b <= 0 || h <= 0 {
			return nil
		}
		out = append(out, math.Log(h)-math.Log(b))
	}
	return out
}

func wall(r Run) (float64, bool) { return r.Wall, true }
func cpu(r Run) (float64, bool)  { return r.CPU, r.HasCPU }

func bias(machine string, share float64, trials []*Trial) Bias {
	read := func(value func(Run) (float64, bool)) Reading {
		var changes []float64
		for _, t := range trials {
			if ds := logRatios(t, value); t.Share == share && len(ds) > 0 {
				changes = append(changes, math.Expm1(mean(ds)))
			}
		}
		r := Reading{Trials: len(changes)}
		if r.Trials > 0 {
			r.Change = mean(changes)
		}
		if r.Trials > 1 {
			r.Error = math.Sqrt(variance(changes) / float64(r.Trials))
		}
		return r
	}
	return Bias{Machine: machine, Share: share, Own: read(Run.Own), Wall: read(wall)}
}

func spread(machine string, trials []*Trial) Spread {
	out := Spread{Machine: machine}
	typical := func(value func(Run) (float64, bool)) float64 {
		var sds []float64
		for _, t := range trials {
			if ds := logRatios(t, value); t.Share == 0 && len(ds) > 1 {
				sds = append(sds, math.Sqrt(variance(ds)))
			}
		}
		out.Trials = max(out.Trials, len(sds))
		if len(sds) == 0 {
			return 0
		}
		return median(sds)
	}
	out.Own, out.CPU, out.Wall = typical(Run.Own), typical(cpu), typical(wall)
	return out
}

// title says how a rule was measured, for a row of a table or a line of a legend.
func (s Score) title() string {
	var how []string
	how = append(how, string(s.Design))
	if s.Unit == Own {
		how = append(how, "own time")
	} else if s.Design == Pairs {
		how = append(how, "wall time")
	}
	return s.Rule + ", " + strings.Join(how, ", ")
}
