package report

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/perfgate/perfgate/internal/gate"
)

// A Rule is a budget as its file states it, for Explain. Limits are texts of the file, compared with
// nothing.
type Rule struct {
	ID    string
	At    string // file:line
	Match string // the selector
	Unit  string // as the file says it
	// Better is lower, higher or, where the file leaves it to the suite, empty.
	Better string
	// Class is exact, compute, waiting or, where the file leaves it to the suite, empty.
	Class string
	// Against is what head is compared with, as the files say it: release, merge-base, a ref or a file.
	Against string
	// Limits are the kinds and texts as a verdict has them: max_rise and 20%. That of scales is
	// exponent_at_most 1.1.
	Limits [][2]string
	// IgnoreBelow is the change that relative limits do not count, or empty; With the key of scales, or empty.
	IgnoreBelow, With string
	// Warn says that an inconclusive verdict does not keep a check from passing.
	Warn bool
	Why  string
	// Waivers and Renames are those of the files that may be for benchmarks of the budget.
	Waivers []RuleWaiver
	Renames []RuleRename
}

// A RuleWaiver is a waiver as its file states it, compared with nothing.
type RuleWaiver struct {
	At                                  string // file:line
	Match, Ceiling, Until, Reason, Link string // the selector, and the keys of the file
}

// A RuleRename is a rename as its file states it.
type RuleRename struct {
	At       string // file:line
	From, To string // in base, in head
}

// An Explanation is what Explain tells: some budgets, and what a result says of them.
type Explanation struct {
	// Name is what was asked for.
	Name  string
	Rules []Rule
	// Result is what Verdicts are from; nil where there is none, which NoResult then says in a sentence.
	Result   *gate.Result
	NoResult string
	// Verdicts are those of the result that were asked for, of budgets that may not be among Rules any more.
	Verdicts []gate.Verdict
}

// The most that an explanation tells in full, of what is not a pass and of passes; a pass beyond is a line,
// and beyond those they are counted.
const (
	maxExplained       = 20
	maxExplainedPasses = 2
	maxPassLines       = 50
	explainWidth       = 100
	maxRuleNotes       = 10 // waivers or renames of one budget
)

// Explain writes the budgets in plain words, for a reader who knows no statistics, and their verdicts with
// all numbers, worst first; in printable ASCII only. It shows what the result says and decides nothing.
// The error is one of w.
func Explain(w io.Writer, e Explanation) error {
	x := explainer{}
	left := worstFirst(e.Verdicts)
	for _, r := range e.Rules {
		x.rule(r)
		var of []gate.Verdict
		left = slices.DeleteFunc(left, func(v gate.Verdict) bool {
			if v.ID == r.ID {
				of = append(of, v)
			}
			return v.ID == r.ID
		})
		switch {
		case e.Result == nil:
		case len(of) == 0:
			x.head("verdict")
			x.say("The result holds none of this budget: it judged a part of the budgets, or was made before there was this one. Run the check anew.")
		default:
			if was := strings.Join(limits(of[0]), ", "); was != "" && was != ruleLimits(r) {
				x.head("changed since")
				x.say("The budget says %s now; the result was judged by %s. Judge anew to see what it says of the new limits.", ruleLimits(r), was)
			}
			x.verdicts(of, *e.Result)
		}
	}
	if len(left) > 0 {
		x.title("verdicts of budgets that the files do not have any more")
		x.verdicts(left, *e.Result)
	}
	if e.Result == nil {
		x.head("verdict")
		x.say("%s", e.NoResult)
	} else {
		x.head("to repeat it here")
		x.line("    %s", plainASCII(reproduce(*e.Result)))
	}
	_, err := w.Write(x.b.Bytes())
	return err
}

type explainer struct{ b bytes.Buffer }

func (x *explainer) line(format string, args ...any) { fmt.Fprintf(&x.b, format+"\n", args...) }

func (x *explainer) title(format string, args ...any) {
	if x.b.Len() > 0 {
		x.line("")
	}
	x.line("%s", ascii(fmt.Sprintf(format, args...), 2*maxName))
}

func (x *explainer) head(text string) { x.line("\n  %s", text) }

// say writes sentences, wrapped at words. What stands in them is spelled for a terminal.
func (x *explainer) say(format string, args ...any) { x.wrap("    ", "    ", format, args...) }

func (x *explainer) item(format string, args ...any) { x.wrap("    - ", "      ", format, args...) }

func (x *explainer) wrap(first, next, format string, args ...any) {
	line := first
	text := quantity.ReplaceAllString(ascii(plainASCII(fmt.Sprintf(format, args...)), 3*maxText), "$1\u00a0$2")
	for i, word := range strings.Split(text, " ") {
		word = strings.ReplaceAll(word, "\u00a0", " ")
		switch {
		case i == 0:
		// A runner obeys a line that begins with ::, behind spaces too: such a word of others begins none.
		case len(line)+1+len(word) > explainWidth && !strings.HasPrefix(word, "::"):
			x.line("%s", line)
			line = next
		default:
			line += " "
		}
		line += word
	}
	x.line("%s", line)
}

// rule tells a budget in words.
func (x *explainer) rule(r Rule) {
	x.title("budget %s (%s)", r.ID, r.At)
	x.head("what it asks")
	x.say("%s", measured(r))
	for _, l := range r.Limits {
		x.item("%s: %s", l[0]+" "+l[1], limitWords(r, l[0], l[1]))
	}
	if len(r.Limits) > 1 {
		x.say("All of these have to hold.")
	}
	if r.Why != "" {
		x.say("Its author says why: %s.", strings.TrimSuffix(r.Why, "."))
	}
	if len(r.Waivers) > 0 {
		x.head("what is waived of it")
	}
	for i, w := range r.Waivers {
		if i == maxRuleNotes {
			x.item("%d more.", len(r.Waivers)-i)
			break
		}
		x.item("%s: %s. Within that a fail does not hold a check up; after that day every check ends with exit code 2 until somebody has looked.", clean(w.Match, maxName),
			permitted(gate.Waived{Ceiling: w.Ceiling, Until: w.Until, Reason: w.Reason, Link: w.Link, At: w.At}))
	}
	if len(r.Renames) > 0 {
		x.head("what has another name in base")
	}
	for i, n := range r.Renames {
		if i == maxRuleNotes {
			x.item("%d more.", len(r.Renames)-i)
			break
		}
		x.item("%s, with all below it, is compared with %s of base (%s).", clean(n.To, maxName), clean(n.From, maxName), clean(n.At, maxName))
	}
	x.head("what a verdict on it means")
	held := "the check ends with exit code 3, until more evidence decides, since this budget says on_inconclusive: block"
	if r.Warn {
		held = "it is shown and does not hold the check up, since this budget says on_inconclusive: warn"
	}
	x.item("pass: the value is shown to lie within every limit.")
	x.item("fail: the value is shown to lie beyond a limit; the check ends with exit code 1.")
	x.item("inconclusive: what was measured shows neither; %s.", held)
	x.item("missing: nothing was measured that could be judged, or there was nothing to compare with; never a pass, exit code 3.")
}

// measured says what is measured and of what.
func measured(r Rule) string {
	name, rest, parts := strings.Cut(r.Match, "/")
	of := "every benchmark of the function Benchmark" + strings.TrimPrefix(name, "Benchmark")
	if parts {
		of += " that has in its name " + strings.ReplaceAll(rest, "/", " and ")
	}
	text := fmt.Sprintf("It is about %s in the unit %s", r.Unit, r.Unit)
	if what := unitWords(r.Unit); what != "" {
		text = fmt.Sprintf("It is about %s, which benchmarks print as %s", what, r.Unit)
	}
	text += ", of " + of + "."
	if r.Better != "" {
		text += fmt.Sprintf(" A %s value is better.", r.Better)
	}
	switch r.Class {
	case "exact":
		text += " The budget says that the value is the same in every run, so that it is compared without statistics."
	case "waiting":
		text += " The budget says that the benchmark waits more than it computes: the two versions run in turn, not at once."
	}
	return text
}

// unitWords says what a unit counts, "" where its name has to speak for itself.
func unitWords(unit string) string {
	quantile, rest, ok := strings.Cut(unit, "-")
	if q, found := strings.CutPrefix(quantile, "p"); ok && found && rest == "ns" {
		if _, err := strconv.ParseFloat(q, 64); err == nil {
			return fmt.Sprintf("the time within which %s %% of the requests are answered", q)
		}
	}
	switch unit {
	case "ns/op", "sec/op":
		return "the time of one operation"
	case "B/op":
		return "the memory allocated by one operation, in bytes"
	case "allocs/op":
		return "how often one operation allocates memory"
	case "MB/s", "B/s":
		return "the bytes handled in a second"
	}
	return ""
}

// limitWords says what a limit allows.
func limitWords(r Rule, kind, text string) string {
	small := ""
	if r.IgnoreBelow != "" {
		small = fmt.Sprintf(". A change of less than %s does not count (ignore_below)", r.IgnoreBelow)
	}
	switch kind {
	case "max_rise":
		return fmt.Sprintf("the version judged (head) may be at most %s over the version that it is compared with (base, here: %s)%s", text, r.Against, small)
	case "max_drop":
		return fmt.Sprintf("the version judged (head) may be at most %s under the version that it is compared with (base, here: %s)%s", text, r.Against, small)
	case "at_most":
		return fmt.Sprintf("never over %s, whatever the value was before", text)
	case "at_least":
		return fmt.Sprintf("never under %s, whatever the value was before", text)
	case "scales":
		_, exponent, _ := strings.Cut(text, " ")
		return fmt.Sprintf("as %s grows, the value may grow with %s to the power %s at most%s", r.With, r.With, exponent, tenfold(exponent))
	}
	return text
}

// tenfold says what an exponent means for a size ten times as large.
func tenfold(text string) string {
	k, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return ""
	}
	return fmt.Sprintf(", that is to %s times for ten times the size", number(math.Pow(10, k), 3))
}

func ruleLimits(r Rule) string {
	texts := make([]string, len(r.Limits))
	for i, l := range r.Limits {
		texts[i] = l[0] + " " + l[1]
	}
	return strings.Join(texts, ", ")
}

// verdicts tells verdicts that are in the order of a report.
func (x *explainer) verdicts(vs []gate.Verdict, r gate.Result) {
	passes, full := 0, 0
	var lines []gate.Verdict
	more := 0
	for _, v := range vs {
		switch {
		case v.Verdict != gate.Pass && full < maxExplained:
			full++
			x.verdict(v, r)
		case v.Verdict == gate.Pass && passes < maxExplainedPasses:
			passes++
			x.verdict(v, r)
		case len(lines) < maxPassLines:
			lines = append(lines, v)
		default:
			more++
		}
	}
	if len(lines) == 0 {
		return
	}
	x.head("the others, in short")
	var rows [][]string
	for _, v := range lines {
		row := textRow(v, ascii(v.Benchmark, maxName))
		row[0] = "    " + row[0]
		rows = append(rows, row)
	}
	widths := columnWidths(rows)
	for _, row := range rows {
		writeRow(&x.b, row, widths)
	}
	if more > 0 {
		x.say("%d more are not listed; name one of the benchmarks.", more)
	}
}

// verdict tells one verdict in full.
func (x *explainer) verdict(v gate.Verdict, r gate.Result) {
	word := wordOf(v).text
	if notes := verdictNotes(v); notes != "" {
		word += " (" + notes + ")"
	}
	x.head(fmt.Sprintf("verdict: %s  %s  %s", word, ascii(v.Benchmark, maxName), ascii(v.Unit, maxName)))
	x.item("why: %s.", strings.TrimSuffix(clean(v.Reason, maxText), "."))
	if v.Base != nil || v.Head != nil || v.Identical {
		x.item("values: %s.", valueWords(v))
	}
	for _, l := range v.Limits {
		if len(v.Limits) > 1 && l.Verdict != "" {
			x.item("limit %s %s: %s, %s.", clean(l.Kind, maxName), clean(l.Text, maxName), strings.ToLower(kindWord(l.Verdict).text), clean(l.Reason, maxText))
		}
	}
	if text := sureWords(v); text != "" {
		x.item("how sure: %s", text)
	}
	if text := howWords(v, r); text != "" {
		x.item("how it was found: %s", text)
	}
	if v.Detectable != nil && !v.Identical {
		x.item("what would have been seen: a change of %s would nearly always have been shown to be beyond the limit by this measuring; a smaller one may end inconclusive.", percent(*v.Detectable))
	}
	if l := v.Law; l != nil {
		with := clean(l.With, maxName)
		x.item("growth: the value goes as %s (%s), which is %s times for ten times the size.", lawText(l, with), fitText(l), number(math.Pow(10, l.Exponent), 3))
		if knee := kneeText(l, with); knee != "" {
			x.item("%s: it grows in one way up to there and in another beyond.", knee)
		}
		if f := forecastText(l); f != "" {
			x.item("%s, if nothing changes on the way there.", f)
		}
	}
	if v.RenamedFrom != "" {
		x.item("renamed: in base the benchmark is called %s.", clean(v.RenamedFrom, maxName))
	}
	if v.New {
		x.item("new: base has no such value, so that only limits that need no base were judged; from the next version on there is one.")
	}
	if v.Improved {
		x.item("improved: the value is shown to be better than in base, whatever the limit.")
	}
	for _, warning := range v.Warnings {
		x.item("warning: %s.%s", strings.TrimSuffix(clean(warning, maxText), "."), warningWords(warning))
	}
	if v.Waived != nil {
		x.item("waiver: %s", waivedWords(*v.Waived))
	}
	if text := consequence(v); text != "" {
		x.item("what it does to the check: %s", text)
	}
	if text := nextWords(v, r); text != "" {
		x.item("what to do next: %s", text)
	}
}

func valueWords(v gate.Verdict) string {
	if v.Identical {
		return "both versions are the same program, so there is nothing to compare"
	}
	base, head := centres(v)
	text := fmt.Sprintf("base %s -> head %s", base, head)
	if v.TidyUnit == "exponent" {
		text = fmt.Sprintf("exponent of growth in base %s -> head %s", base, head)
	}
	if v.Base == nil {
		text = "head " + head + ", and no base"
	}
	if c := change(v); c != "" {
		text += ", a change of " + c
	}
	return text
}

// sureWords says what the interval means.
func sureWords(v gate.Verdict) string {
	i := v.Interval
	switch {
	case v.Identical:
		return ""
	case i == nil && v.Class == "exact" && v.Head != nil:
		return "as sure as counting: the value repeats in every run, so that any difference comes from the code and not from the machine."
	case i == nil:
		return ""
	}
	wrong := 1 - i.Confidence
	return fmt.Sprintf("measured times scatter, so the change is known as a range: it is %s or more and %s or less. Each of the two is %s %% sure, that is wrong in %s of 1,000 such checks.",
		percent(i.Low), percent(i.High), strconv.FormatFloat(100*i.Confidence, 'g', 4, 64), number(1000*wrong, 1))
}

// howWords says what was measured how.
func howWords(v gate.Verdict, r gate.Result) string {
	var parts []string
	switch {
	case v.Identical:
		parts = append(parts, "the two versions compile to the same bytes, so that neither was measured against the other")
	case v.Pairs > 0 && r.Compared.Head.Kind != "measured":
		parts = append(parts, count(v.Pairs, "pair")+" of measurements, as the files of samples say: what disturbed one of a pair is taken to have disturbed the other")
	case v.Pairs > 0 && v.Interleaved:
		parts = append(parts, count(v.Pairs, "pair")+", one version after the other within a second or so, in random order, since the benchmark waits or the system cannot have both share a processor")
	case v.Pairs > 0:
		parts = append(parts, count(v.Pairs, "pair")+": both versions ran at the same time on the same processor, so that what disturbed one disturbed the other")
	case v.BaseN > 0 && v.HeadN > 0:
		parts = append(parts, fmt.Sprintf("%s of head beside %d of base", count(v.HeadN, "measurement"), v.BaseN))
	case v.HeadN > 0:
		parts = append(parts, count(v.HeadN, "measurement")+" of head alone")
	}
	if v.OwnTime {
		parts = append(parts, "times are by the processes' own clocks, which stand still while another program has the processor")
	}
	if v.Layouts > 0 {
		parts = append(parts, fmt.Sprintf("since the fail was close, it was measured again with the functions in %s within the binary, which alone can move times by some percent", count(v.Layouts, "other order")))
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, "; ") + "."
}

// permitted says what a waiver permits.
func permitted(w gate.Waived) string {
	text := fmt.Sprintf("a fail is permitted up to %s, until %s (%s), because: %s", clean(w.Ceiling, maxName), clean(w.Until, maxName), clean(w.At, maxName), strings.TrimSuffix(clean(w.Reason, maxText), "."))
	if w.Link != "" {
		text += "; see " + clean(w.Link, maxName)
	}
	return text
}

func waivedWords(w gate.Waived) string {
	text := permitted(w) + "."
	if w.Found != "" {
		text += " Judged by that: " + strings.TrimSuffix(clean(w.Found, maxText), ".")
	}
	switch {
	case !w.Beyond && w.Found == "":
		return text + " It lies within that, so that the check is not held up."
	case !w.Beyond:
		return text + ", so that the check is not held up."
	case w.Found == "":
		return text + " It is not shown to lie within that, so that the verdict counts as without the waiver."
	}
	return text + ". What is not shown to lie within counts as without the waiver."
}

// consequence says what a verdict does to the exit code.
func consequence(v gate.Verdict) string {
	switch {
	case v.Verdict == gate.Pass:
		return ""
	case !v.Blocks && v.Waived != nil:
		return "nothing: it is shown as waived."
	case !v.Blocks:
		return "nothing: the policy lets it be shown and no more."
	case v.Verdict == gate.Fail:
		return "it fails, with exit code 1."
	}
	return "it does not pass; where nothing fails, the exit code is 3."
}

// nextWords says what to do.
func nextWords(v gate.Verdict, r gate.Result) string {
	a := advice(v)
	switch {
	case v.Waived != nil && !v.Waived.Beyond:
		return "nothing now. Before " + clean(v.Waived.Until, maxName) + " ends undo the change, and delete the waiver at " + clean(v.Waived.At, maxName) +
			"; or have a new day agreed there, or the limit raised at " + clean(v.At, maxName) + ". From the next day on every check ends with exit code 2 until somebody has."
	case v.Waived != nil && v.Verdict == gate.Fail:
		return "find where the cost is" + profileWith(v, r) + ", and bring it back within the ceiling, " + clean(v.Waived.Ceiling, maxName) +
			". If more is meant, have a higher ceiling agreed at " + clean(v.Waived.At, maxName) + ", or raise the limit at " + clean(v.At, maxName) + ", in the same change, where it is reviewed."
	case v.Verdict == gate.Fail && v.Head == nil:
		return "make the benchmark run again: it ran in base. Its output stands in the samples of head."
	case v.Verdict == gate.Fail && v.Law != nil:
		return "find what grows: perfgate profile looks at the largest size" + profileWith(v, r) + ". If the growth is meant, raise exponent_at_most in the same change, where it is reviewed."
	case v.Verdict == gate.Fail:
		meant := "raise the limit at " + clean(v.At, maxName)
		if v.Waived == nil {
			meant += ", or waive it for a time in waivers.yaml beside it,"
		}
		return "find where the cost is" + profileWith(v, r) + ", and undo it. If it is meant, " + meant + " in the same change, where it is reviewed."
	case v.Verdict == gate.Inconclusive && a == "":
		return "mend what the reason names, and run the check again."
	case a != "":
		return strings.ToLower(a[:1]) + a[1:] + "."
	}
	return ""
}

// profileWith says the command that profiles a benchmark, "" where its name cannot be shown as it is.
func profileWith(v gate.Verdict, r gate.Result) string {
	if !safePath.MatchString(strings.ReplaceAll(v.Benchmark, "=", "-")) || strings.Contains(v.Benchmark, "*") {
		return ""
	}
	command := " with perfgate profile"
	if dir := budgetDir(r.Verdicts); dir != "" {
		command += " --budgets " + dir
	}
	return command + " --match " + v.Benchmark
}

// warnings explains each warning of the gate, by the words that it holds.
var warnings = []struct{ has, means string }{
	{"how many requests stand behind this quantile is unknown", "A p99 of few requests is the worst of them, and says little. The suite should print how many there were."},
	{"the base measured anew has", "What is kept of a release is what counts for a value that repeats; that it is another one now says that something besides the code changed."},
	{"judged on the first", "The file holds more lines of this benchmark than are ever judged."},
	{"the mere order of the functions", "Adding a function anywhere can shift others in memory and so change their speed. Run the check without --layouts 0 to have that tried."},
	{"have no partner and were left out", "Only what both versions measured together can be compared."},
	{"more than three times better", "A benchmark that fails early or skips its work looks like an improvement of this size."},
	{"judged unpaired", "The two files do not say which lines were measured together; perfgate check writes files that do, and those are judged more surely."},
}

// warningWords explains a warning; "" for one that is not of this version.
func warningWords(text string) string {
	for _, w := range warnings {
		if strings.Contains(text, w.has) {
			return " " + w.means
		}
	}
	return ""
}
