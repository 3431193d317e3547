package gate

import "github.com/perfgate/perfgate/internal/sample"

// An Evidence is what Judge rests the verdict of one relative limit on.
type Evidence struct {
	// Limit is the logarithm of the largest ratio of head to base that is within the limit, more being
	// worse; infinite where ignore_below excuses every drop.
	Limit float64
	// Logs are the logarithms of the ratios of the pairs, more being worse, in the order of measuring;
	// nil where no pairs are compared.
	Logs []float64
	// Wall are the same by the clock on the wall where Logs are by the processes' own clocks, else nil.
	Wall []float64
	// Plan is the test for as many pairs as a measuring may take.
	Plan Plan
}

// RelativeEvidence returns what the relative limit of the budget with this id rests on for one
// benchmark. It reports false where the benchmark has none that could be compared, or its base is zero.
func RelativeEvidence(in Input, id string, k sample.Key) (Evidence, bool) {
	if in.Head == nil || in.Base == nil {
		return Evidence{}, false
	}
	j := newJudge(in)
	var all []*testcase
	var found *testcase
	for i := range in.Budgets.Budgets {
		b := &in.Budgets.Budgets[i]
		for _, c := range j.cases(b) {
			all = append(all, c)
			if b.ID == id && c.key == k && c.group == nil && relativeLimit(b) != nil {
				found = c
			}
		}
	}
	c := found
	if c == nil || len(j.errs) > 0 || len(c.base.ms) == 0 || len(c.head.ms) == 0 {
		return Evidence{}, false
	}
	base := centre(c.b.Unit, c.shown(c.base))
	if base <= 0 {
		return Evidence{}, false
	}
	j.prepare(all)
	j.alphaFail = j.alpha(c)
	e := Evidence{Limit: c.logLimit(relativeLimit(c.b), base)}
	if p := c.pairing(); p.paired {
		e.Logs, e.Wall, e.Plan = p.logs(c.sign()), p.wallLogs(c.sign()), j.plan(true, len(p.base))
	}
	return e, true
}

// CutSize returns the number after key= in a benchmark name and the name with that number made *, which
// is the name that the verdict of a scales limit has.
func CutSize(name, key string) (size float64, rest string, ok bool) { return cutSize(name, key) }

// Pairs returns how many pairs the last look of the plan waits for; 0 for a plan without looks.
func (p Plan) Pairs() int {
	if len(p.stages) == 0 {
		return 0
	}
	return p.last()
}
