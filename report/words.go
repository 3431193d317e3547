package report

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/perfgate/perfgate/internal/gate"
)

// The texts below are of numbers and of our own words; what of them comes from a result is left to
// the caller to escape.

// centres says base and head in turn: "1.20 ms", "1.61 ms".
func centres(v gate.Verdict) (base, head string) {
	base, head = "no base", "not measured"
	switch {
	case v.Identical:
		return "same binary", "same binary"
	case v.Base != nil && v.Head != nil:
		return values(*v.Base, *v.Head, v.TidyUnit)
	case v.Base != nil:
		base = value(*v.Base, v.TidyUnit)
	case v.Head != nil:
		head = value(*v.Head, v.TidyUnit)
	}
	return base, head
}

// change says the relative difference, or nothing where there is none.
func change(v gate.Verdict) string {
	switch {
	case v.Change != nil:
		return percent(*v.Change)
	case v.Base != nil && v.Head != nil && *v.Base == 0 && *v.Head != 0:
		return "from\u00a0zero"
	}
	return ""
}

// evidence says how sure the change is and what it rests on: "+30 % to +38 %, each bound 95 % sure;
// 12 pairs".
func evidence(v gate.Verdict) string {
	var parts []string
	if i := v.Interval; i != nil {
		sure := strconv.FormatFloat(100*i.Confidence, 'g', 4, 64)
		parts = append(parts, fmt.Sprintf("%s to %s, each bound %s\u00a0%% sure", percent(i.Low), percent(i.High), sure))
	} else if v.Class == "exact" && v.Head != nil {
		parts = append(parts, "exact")
	}
	switch {
	case v.Pairs > 0:
		how := ""
		switch {
		case v.Interleaved:
			how = ", one version after the other"
		case v.OwnTime:
			how = " by the processes' own clocks"
		}
		parts = append(parts, count(v.Pairs, "pair")+how)
	case v.BaseN > 0 && v.HeadN > 0:
		parts = append(parts, fmt.Sprintf("%s against %d", count(v.HeadN, "measurement"), v.BaseN))
	case v.HeadN > 0:
		parts = append(parts, count(v.HeadN, "measurement"))
	}
	if v.Layouts > 0 {
		parts = append(parts, "also with the functions in "+count(v.Layouts, "other order"))
	}
	return strings.Join(parts, "; ")
}

// count says a number of things: "1 pair", "12 pairs".
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d\u00a0%s", n, thing)
}

// limits says the limits as the budget file does: "max_rise 20%", "at_most 15ms".
func limits(v gate.Verdict) []string {
	texts := make([]string, len(v.Limits))
	for i, l := range v.Limits {
		texts[i] = l.Kind + " " + l.Text
	}
	return texts
}

// advice says what to do about a verdict that proves nothing; "" where its reason says it.
func advice(v gate.Verdict) string {
	switch {
	case v.Verdict == gate.Missing && strings.HasPrefix(v.Reason, gate.ShardLost):
		return "run its shard again, and judge all of them anew"
	case v.Verdict == gate.Missing && v.Head == nil:
		return "make the benchmark run again, or change its budget"
	case v.Verdict == gate.Missing:
		return "give a base with --base"
	case v.Verdict == gate.Inconclusive && v.Layouts >= gate.MinLayouts:
		return "more pairs would not tell: allow the benchmark as much as the order of the functions moves it, or have it do more per operation"
	case v.Verdict == gate.Inconclusive && v.Detectable != nil && slices.ContainsFunc(v.Limits, allowsNothing):
		return "allow a little more than 0%: of values that vary, no number of pairs proves that nothing changed"
	case v.Verdict == gate.Inconclusive && v.Detectable != nil:
		return fmt.Sprintf("measure more pairs with --pairs; this check would have proved a change of %s", percent(*v.Detectable))
	}
	return ""
}

// allowsNothing reports whether a limit on the change is zero and did not decide.
func allowsNothing(l gate.LimitVerdict) bool {
	return (l.Kind == "max_rise" || l.Kind == "max_drop") && l.Value == 0 && l.Verdict == gate.Inconclusive
}

// verdictNotes are the marks of a verdict beside its word.
func verdictNotes(v gate.Verdict) string {
	var notes []string
	if v.New {
		notes = append(notes, "new")
	}
	if v.Improved {
		notes = append(notes, "improved")
	}
	switch {
	case excused(v):
	case v.Verdict != gate.Pass && !v.Blocks && v.Waived != nil:
		notes = append(notes, "within its waiver")
	case v.Verdict != gate.Pass && !v.Blocks:
		notes = append(notes, "does not block")
	case v.Waived != nil:
		notes = append(notes, "not within its waiver")
	}
	return strings.Join(notes, ", ")
}

// What a command line shows as it is, with no quoting and no way to be read as a flag. Budget files allow
// no other names of suites and ids of budgets.
var (
	safePath  = regexp.MustCompile(`^[A-Za-z0-9_./][A-Za-z0-9_./+-]{0,199}$`)
	safeSuite = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,99}$`)
	safeID    = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,99}$`)
	safeHash  = regexp.MustCompile(`^[0-9a-f]{7,64}$`)
)

// maxCommandSuites is how many suites or budgets a command line names; a longer one judges all.
const maxCommandSuites = 20

// reproduce returns the command that repeats the check on a developer's machine. A part that cannot
// be shown safely is left out.
func reproduce(r gate.Result) string {
	part := ""
	if s := r.Selected; s != nil {
		part = flags("--suite", s.Suites, safeSuite) + flags("--budget", s.IDs, safeID)
	}
	return "perfgate check" + budgetsOf(r) + part + baseOf(r)
}

// reproduceOne returns the command that repeats the check of one verdict's budget alone, or "" where its
// id cannot be shown safely.
func reproduceOne(r gate.Result, v gate.Verdict) string {
	part := flags("--budget", []string{v.ID}, safeID)
	if part == "" {
		return ""
	}
	return "perfgate check" + budgetsOf(r) + part + baseOf(r)
}

// flags returns a flag for each name that may be shown, where these are not too many.
func flags(flag string, names []string, safe *regexp.Regexp) string {
	out := ""
	if len(names) > maxCommandSuites {
		return out
	}
	for _, name := range names {
		if safe.MatchString(name) {
			out += " " + flag + " " + name
		}
	}
	return out
}

// budgetsOf returns the flag that names the budgets of a result.
func budgetsOf(r gate.Result) string {
	if dir := budgetDir(r.Verdicts); dir != "" {
		return " --budgets " + dir
	}
	return ""
}

// baseOf returns the flag that names the base of a result.
func baseOf(r gate.Result) string {
	base := r.Compared.Base
	commit := strings.TrimSuffix(base.Commit, "+dirty")
	switch {
	case base.Kind == "none", base.Kind == "recorded":
	case safeHash.MatchString(commit):
		return " --base " + commit
	case safePath.MatchString(base.Ref):
		return " --base " + base.Ref
	}
	return ""
}

// budgetDir returns the directory of the budget files, which stands in each verdict.
func budgetDir(verdicts []gate.Verdict) string {
	if len(verdicts) == 0 {
		return ""
	}
	file := verdicts[0].At
	if i := strings.LastIndexByte(file, ':'); i >= 0 {
		file = file[:i]
	}
	if dir := path.Dir(file); file != "" && safePath.MatchString(dir) {
		return dir + "/"
	}
	return ""
}
