package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/perfgate/perfgate/internal/bottleneck"
	"github.com/perfgate/perfgate/internal/gate"
)

// profileTitles say what the shares of a kind of profile are of.
var profileTitles = []struct {
	kind        bottleneck.Kind
	title, unit string
}{
	{bottleneck.CPU, "processor time", "ns"},
	{bottleneck.Alloc, "allocated bytes", "B"},
	{bottleneck.Mutex, "waits for locks, at who held them", "ns"},
	{bottleneck.Block, "waits for locks and channels, at who waited", "ns"},
}

// ProfileText writes for a terminal, in printable ASCII, what bounds each benchmark, what was found
// and where its costs arise. The error is one of w.
func ProfileText(w io.Writer, r bottleneck.Report) error {
	var b bytes.Buffer
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "problem: %s\n", ascii(p, maxText))
	}
	for i, x := range r.Benchmarks {
		if i > 0 || len(r.Problems) > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "benchmark %s\n", ascii(x.Name, maxName))
		for _, f := range x.Failed {
			fmt.Fprintf(&b, "  failed: %s\n", ascii(f, maxText))
		}
		fmt.Fprintf(&b, "  bounded by: %s: %s\n", ascii(string(x.Bound), maxName), ascii(x.BoundWhy, maxText))
		fmt.Fprintf(&b, "  one iteration: %s\n", plainASCII(timesOf(x)))
		findingRows(&b, x)
		if len(x.Work) > 0 {
			fmt.Fprintf(&b, "  kinds of work: %s\n", plainASCII(shareList(x.Work, func(s string) string { return ascii(s, maxName) })))
		}
		for _, t := range profileTitles {
			for _, p := range x.Profiles {
				if p.Kind != t.kind {
					continue
				}
				fmt.Fprintf(&b, "  %s: %s\n", t.title, plainASCII(totalOf(p, t.unit)))
				if len(p.Origins) == 0 {
					continue
				}
				fmt.Fprintf(&b, "    by origin: %s\n", plainASCII(shareList(p.Origins, func(s string) string { return ascii(s, maxName) })))
				fmt.Fprintf(&b, "    by package: %s\n", plainASCII(shareList(p.Packages, func(s string) string { return ascii(s, maxName) })))
				functionRows(&b, "itself", p.Functions)
				functionRows(&b, "with what it calls", p.Cumulative)
			}
		}
	}
	if len(r.Benchmarks) == 0 {
		b.WriteString("nothing was profiled\n")
	}
	fmt.Fprintf(&b, "profiled %s (%s)\n", ascii(profiled(r), maxText), plainASCII(count(len(r.Benchmarks), "benchmark")))
	_, err := w.Write(b.Bytes())
	return err
}

// FindingsText writes for a terminal only what bounds each benchmark and what was found. It writes nothing
// where nothing was profiled. The error is one of w.
func FindingsText(w io.Writer, r bottleneck.Report) error {
	var b bytes.Buffer
	for _, x := range r.Benchmarks {
		fmt.Fprintf(&b, "%s is bounded by %s: %s\n", ascii("benchmark "+x.Name, maxName), ascii(string(x.Bound), maxName), ascii(x.BoundWhy, maxText))
		findingRows(&b, x)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func findingRows(b *bytes.Buffer, x bottleneck.Benchmark) {
	for _, f := range x.Findings {
		fmt.Fprintf(b, "  saw: %s\n    next: %s\n", ascii(f.Saw, maxText), ascii(f.Next, maxText))
	}
}

// profiled says which version a report is of, and how it ran.
func profiled(r bottleneck.Report) string {
	side := gate.Side{Ref: r.Ref, Commit: r.Commit}
	parts := []string{textSide(side)}
	if r.Go != "" {
		parts = append(parts, r.Go)
	}
	return strings.Join(append(parts, plainASCII(count(r.Processors, "processor"))), ", ")
}

func functionRows(b *bytes.Buffer, order string, fs []bottleneck.Function) {
	if len(fs) == 0 {
		return
	}
	fmt.Fprintf(b, "     flat     cum  function, most %s first\n", order)
	for _, f := range fs {
		fmt.Fprintf(b, "  %7s %7s  %s\n", plainASCII(shareText(f.Flat)), plainASCII(shareText(f.Cumulative)), ascii(f.Name, maxName))
	}
}

// shareText says a share of a whole, without a sign.
func shareText(share float64) string { return fmt.Sprintf("%.1f\u00a0%%", 100*share) }

func shareList(shares []bottleneck.Share, name func(string) string) string {
	parts := make([]string, len(shares))
	for i, s := range shares {
		parts[i] = name(s.Name) + " " + shareText(s.Share)
	}
	return strings.Join(parts, ", ")
}

// timesOf says how long one iteration takes, and how much of that is waiting.
func timesOf(x bottleneck.Benchmark) string {
	s := fmt.Sprintf("%s on the clock, %s of processor time", value(x.Wall/1e9, "sec/op"), value(x.CPU/1e9, "sec/op"))
	if x.Waiting != nil {
		s += ", waiting " + shareText(*x.Waiting)
	}
	if x.Timed != nil {
		s += "; " + shareText(*x.Timed) + " of the profiled processor time was timed"
	}
	return s
}

func totalOf(p bottleneck.Profile, unit string) string {
	if p.Total <= 0 {
		return "none seen"
	}
	if unit == "ns" {
		return fmt.Sprintf("%s in one iteration, %s in all", value(p.Total/1e9, "sec/op"), count(p.Samples, "sample"))
	}
	return fmt.Sprintf("%s in one iteration", value(p.Total, "B/op"))
}

// ProfileMarkdown writes the same for a job summary, of at most limit bytes: the words and findings of
// all benchmarks first, then the tables, folded away. What does not fit is left out from the end. The
// error is one of w.
func ProfileMarkdown(w io.Writer, r bottleneck.Report, limit int) error {
	p := page{left: limit}
	p.add("## perfgate: what bounds the benchmarks\n")
	problems := section{head: "\n### Not profiled\n\n", most: 10, more: moreItems}
	for _, s := range r.Problems {
		problems.rows = append(problems.rows, "- "+prose(s)+"\n")
	}
	p.table(problems)
	bounds := section{head: "\n| Benchmark | Bounded by | One iteration |\n| :-- | :-- | :-- |\n", more: moreRows}
	for _, x := range r.Benchmarks {
		name := []string{code(x.Name)}
		for _, f := range x.Failed[:min(len(x.Failed), maxNames)] {
			name = append(name, small(prose(f)))
		}
		bounds.rows = append(bounds.rows, row(
			lines(name...),
			lines(bold(prose(string(x.Bound))), prose(x.BoundWhy)),
			lines(timesOf(x), small(shareList(x.Work, prose))),
		))
	}
	p.table(bounds)
	p.table(findingTable(r))
	for _, x := range r.Benchmarks {
		for _, t := range profileTitles {
			for _, pr := range x.Profiles {
				if pr.Kind == t.kind && len(pr.Functions) > 0 {
					p.table(functionTable(x, pr, t.title, totalOf(pr, t.unit)))
				}
			}
		}
	}
	p.add("\nProfiled: " + prose(profiled(r)) + ".\n")
	_, err := io.WriteString(w, p.text.String())
	return err
}

// findingTable lists what the rules saw, and what to try.
func findingTable(r bottleneck.Report) section {
	s := section{head: "\n### What to try\n\n| Benchmark | Seen | Next |\n| :-- | :-- | :-- |\n", more: moreRows}
	for _, x := range r.Benchmarks {
		for _, f := range x.Findings {
			s.rows = append(s.rows, row(code(x.Name), prose(f.Saw), prose(f.Next)))
		}
	}
	return s
}

func functionTable(x bottleneck.Benchmark, p bottleneck.Profile, title, total string) section {
	s := section{
		head: fmt.Sprintf("\n<details><summary>%s: %s, %s</summary>\n\nBy origin: %s. By package: %s.\n\n| Function | Itself | With what it calls |\n| :-- | --: | --: |\n",
			code(x.Name), title, total, shareList(p.Origins, prose), shareList(p.Packages, code)),
		more: moreRows,
		foot: "\n</details>\n",
	}
	listed := map[string]bool{}
	for _, fs := range [][]bottleneck.Function{p.Functions, p.Cumulative} {
		for _, f := range fs {
			if !listed[f.Name] {
				listed[f.Name] = true
				s.rows = append(s.rows, row(code(f.Name), shareText(f.Flat), shareText(f.Cumulative)))
			}
		}
	}
	return s
}

// ProfileJSON writes r as indented JSON with a new line at the end; the same report gives the same bytes.
// The error is one of w, or says that a number cannot be written.
func ProfileJSON(w io.Writer, r bottleneck.Report) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write the profile: %s", describe(err))
	}
	_, err := w.Write(b.Bytes())
	return err
}
