package gate

import (
	"cmp"
	"strings"

	"github.com/perfgate/perfgate/internal/sample"
)

// result puts the verdicts together and derives the exit code.
func (j *judge) result(cases []*testcase) Result {
	r := Result{
		Version:  Version,
		Problems: []string{},
		Shift:    j.shift,
		Compared: Compared{Base: j.baseSide(), Head: side(j.in.Head)},
		Verdicts: make([]Verdict, 0, len(cases)),
	}
	blocked, failed := false, false
	for _, c := range cases {
		v := c.v
		r.Verdicts = append(r.Verdicts, v)
		blocked = blocked || v.Blocks
		switch v.Verdict {
		case Pass:
			r.Counts.Pass++
		case Fail:
			if v.waived() {
				r.Counts.Waived++
				break
			}
			r.Counts.Fail++
			failed = true
		case Inconclusive:
			r.Counts.Inconclusive++
		case Missing:
			r.Counts.Missing++
		}
		if v.New {
			r.Counts.New++
		}
		if v.Improved {
			r.Counts.Improved++
		}
	}
	if j.lacksBase && !j.in.AllowNoBase {
		j.problem("no base: " + j.in.NoBase)
	}
	// A base file of something else has none of the benchmarks, and all would be new and green.
	if j.in.Base != nil && j.relative && !j.compared && !j.in.Recorded && !j.in.AllowNoBase {
		j.problem("nothing was compared: the base has none of the benchmarks and units that have relative limits; give another --base, or --allow-no-base for the first of its kind")
	}
	if n := absent(cases); n > 0 && n == len(cases) {
		j.problem("nothing was judged: head has none of what the budgets declare, which no policy excuses of all of it")
	}
	r.Problems = append(r.Problems, j.problems...)
	r.Notes = j.notes
	if len(j.in.Budgets.Waivers) > 0 {
		r.Today = j.in.Today
	}
	switch {
	case failed:
		r.ExitCode, r.Outcome = ExitFail, "fail"
	case blocked || len(j.problems) > 0 || len(cases) == 0:
		r.ExitCode, r.Outcome = ExitNotJudged, "not judged"
	default:
		r.ExitCode, r.Outcome = ExitPass, "pass"
	}
	return r
}

// absent counts what head lacks and a policy excuses.
func absent(cases []*testcase) int {
	n := 0
	for _, c := range cases {
		if c.v.Verdict == Missing && c.absent && !c.v.Blocks {
			n++
		}
	}
	return n
}

func (j *judge) baseSide() Side {
	if j.in.Base == nil {
		return Side{Kind: "none", Why: j.in.NoBase}
	}
	s := side(j.in.Base)
	if j.in.Recorded {
		s.Kind, s.Why = "recorded", "recorded in the repository; "+j.in.NoBase
	}
	if j.in.Stored != nil {
		p := j.in.Stored.Provenance
		s.Why += "; exact values are those of its record " + cmp.Or(p["baseline-name"], j.in.Stored.File)
		if t := p["baseline-recorded"]; t != "" {
			s.Why += " of " + t
		}
	}
	return s
}

func side(s *sample.Set) Side {
	p := s.Provenance
	out := Side{
		Kind: p["kind"], Ref: p["ref"], Why: p["why"], Commit: p["commit"], Tag: p["tag"], Method: p["method"],
		CommitTime: p["commit-time"], Measured: p["measured"],
		Environment: s.Environment,
	}
	if out.Kind == "" {
		out.Kind, out.Ref = "file", s.File
	}
	return out
}

// naturalCompare orders names so that ops=100 comes before ops=1000 and ops=1000 before ops=20000.
func naturalCompare(a, b string) int {
	for a != "" && b != "" {
		da, db := digits(a), digits(b)
		if da > 0 && db > 0 {
			na, nb := strings.TrimLeft(a[:da], "0"), strings.TrimLeft(b[:db], "0")
			if len(na) != len(nb) {
				return len(na) - len(nb)
			}
			if c := strings.Compare(na, nb); c != 0 {
				return c
			}
			a, b = a[da:], b[db:]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
