package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/perfgate/perfgate/internal/bottleneck"
	"github.com/perfgate/perfgate/internal/gate"
)

// Limits for Markdown, in bytes.
const (
	// CommentLimit leaves room for a marker within the 65,536 characters of a comment.
	CommentLimit = 60_000
	// SummaryLimit is under the 1 MiB that a job summary takes; a longer one is refused whole.
	SummaryLimit = 1_000_000
)

// The most rows of the tables that are not folded away.
const (
	maxRows  = 25
	maxNames = 6 // benchmarks named in one row
)

// Markdown writes a report for a pull-request comment or a job summary, of at most limit bytes. It
// answers in this order: did it pass, what broke and by how much and how sure, what was not
// measured, what got better, what is waived, what was compared with what, how to repeat it; growth, warnings
// and all verdicts are folded away. What does not fit is left out from the end, whole rows at a time and with their number; a
// table or an element is never cut. The error is one of w.
func Markdown(w io.Writer, r gate.Result, limit int) error {
	return MarkdownProfiled(w, r, bottleneck.Report{}, limit)
}

// MarkdownProfiled writes the same with what was found in profiles of what broke, below what broke.
func MarkdownProfiled(w io.Writer, r gate.Result, seen bottleneck.Report, limit int) error {
	verdicts := worstFirst(r.Verdicts)
	p := page{left: limit}
	if !p.add(headline(r, verdicts)) {
		p.shortest(r)
		_, err := io.WriteString(w, p.text.String())
		return err
	}
	about := comparedTable(r)
	again := repeatText(r, verdicts)
	// A table of many rows leaves these two their room, where there is enough for both.
	reserve := len(about) + len(again)
	if reserve > p.left/2 {
		reserve = 0
	}
	p.left -= reserve
	p.table(problemList(r))
	p.table(brokenTable(verdicts))
	p.table(blameTable(r.Blame))
	p.table(findingTable(seen))
	p.table(waivedTable(verdicts))
	p.table(unjudgedTable(verdicts))
	p.table(betterTable(verdicts))
	p.table(noteList(r))
	p.left += reserve
	p.add(about)
	if !p.add(again) {
		p.add(repeatText(r, nil))
	}
	p.table(lawTable(verdicts))
	p.table(warningList(verdicts))
	p.table(verdictTable(verdicts))
	_, err := io.WriteString(w, p.text.String())
	return err
}

// maxCommands is how many budgets have a command of their own where commands are listed.
const maxCommands = 10

// repeatText gives the command that repeats the check, and one for each budget of those verdicts that
// failed.
func repeatText(r gate.Result, verdicts []gate.Verdict) string {
	var b strings.Builder
	b.WriteString("\n### Repeat it locally\n\n```sh\n" + reproduce(r) + "\n```\n")
	var commands []string
	more := 0
	seen := map[string]bool{}
	for _, v := range verdicts {
		command := reproduceOne(r, v)
		if !failed(v) || command == "" || seen[v.ID] {
			continue
		}
		seen[v.ID] = true
		if len(commands) == maxCommands {
			more++
			continue
		}
		commands = append(commands, command)
	}
	if len(commands) > 0 {
		fmt.Fprintf(&b, "\nEach budget that failed, alone:\n\n```sh\n%s\n```\n", strings.Join(commands, "\n"))
	}
	if more > 0 {
		b.WriteString(moreRows(more))
	}
	return b.String()
}

// A page is a text that grows to a limit.
type page struct {
	text strings.Builder
	left int // bytes
}

// add appends s when all of it fits.
func (p *page) add(s string) bool {
	if len(s) > p.left {
		return false
	}
	p.text.WriteString(s)
	p.left -= len(s)
	return true
}

// shortest writes the outcome in the most words that fit.
func (p *page) shortest(r gate.Result) {
	o := outcome(r)
	text := outcomeText(r)
	for _, s := range []string{"## " + o.symbol + " perfgate: " + text + reservations(r, prose) + "\n", text + reservations(r, prose), text, o.text} {
		if p.add(s) {
			return
		}
	}
}

// A section is a run of rows between a fixed head and foot. One without rows is not shown.
type section struct {
	head string
	rows []string
	most int                // rows shown even where there is room for more; 0 for all
	more func(n int) string // the line after the rows when n of them are left out
	foot string
}

// table appends as many rows of a section as fit, and nothing when none does.
func (p *page) table(s section) {
	n := len(s.rows)
	if s.most > 0 {
		n = min(n, s.most)
	}
	length := len(s.head) + len(s.foot)
	for _, row := range s.rows[:n] {
		length += len(row)
	}
	tail := func() string {
		if n == len(s.rows) {
			return ""
		}
		return s.more(len(s.rows) - n)
	}
	for n > 0 && length+len(tail()) > p.left {
		n--
		length -= len(s.rows[n])
	}
	if n > 0 {
		p.add(s.head + strings.Join(s.rows[:n], "") + tail() + s.foot)
	}
}

// headline answers the first question, and names the worst.
func headline(r gate.Result, verdicts []gate.Verdict) string {
	o := outcome(r)
	var b strings.Builder
	fmt.Fprintf(&b, "## %s perfgate: %s", o.symbol, outcomeText(r))
	if !compared(r) {
		b.WriteString(", NOT COMPARED with a base")
	}
	b.WriteString(reservations(r, prose))
	fmt.Fprintf(&b, "\n\n%s: %s.", count(len(r.Verdicts), "verdict"), counts(r.Counts))
	if len(verdicts) > 0 && failed(verdicts[0]) {
		v := verdicts[0]
		fmt.Fprintf(&b, " Worst: %s %s, %s.", code(v.Benchmark), code(v.Unit), prose(v.Reason))
	}
	b.WriteString("\n")
	return b.String()
}

// reservations say in the headline what keeps a result from being the usual one: that a part of the
// budgets was judged, that the samples are few, or that a policy excused something.
func reservations(r gate.Result, escape func(string) string) string {
	out := ""
	if p := part(r, escape); p != "" {
		out += ", " + p
	}
	if r.Confidence != "" {
		out += ", confidence " + escape(r.Confidence)
	}
	for _, p := range policyReservations(r) {
		out += ", " + p
	}
	return out
}

func problemList(r gate.Result) section {
	s := section{
		head: "\n### Problems of the whole check\n\n",
		most: 10,
		more: moreItems,
	}
	for _, p := range r.Problems {
		s.rows = append(s.rows, "- "+prose(p)+"\n")
	}
	return s
}

// moreRows and moreItems are the last line of a table and of a list that are not whole.
func moreRows(n int) string  { return fmt.Sprintf("\n%d more not shown here.\n", n) }
func moreItems(n int) string { return fmt.Sprintf("- and %d more\n", n) }

// row makes a table row of cells that are escaped already.
func row(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// lines puts parts under one another in a cell, leaving out empty ones.
func lines(parts ...string) string {
	return strings.Join(nonEmpty(parts...), "<br>")
}

// small makes a secondary line.
func small(s string) string {
	if s == "" {
		return ""
	}
	return "<sub>" + s + "</sub>"
}

func brokenTable(verdicts []gate.Verdict) section {
	s := section{
		head: "\n### What broke\n\n| Benchmark | Base → head | Change | Limit, and how sure |\n| :-- | :-- | --: | :-- |\n",
		most: maxRows,
		more: moreRows,
	}
	for _, v := range verdicts {
		if !failed(v) {
			continue
		}
		s.rows = append(s.rows, row(
			lines(nameCell(v), code(v.Unit), small(prose(v.Why)), small("budget "+code(v.ID))),
			centresCell(v),
			bold(change(v)),
			lines(bold(prose(strings.Join(limits(v), ", "))), prose(v.Reason), small(evidence(v))),
		))
	}
	return s
}

// centresCell sets base over head: side by side they break anywhere in a narrow column.
func centresCell(v gate.Verdict) string {
	base, head := centres(v)
	return base + "<br>→\u00a0" + head
}

func bold(s string) string {
	if s == "" {
		return ""
	}
	return "<b>" + s + "</b>"
}
