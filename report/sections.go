package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/perfgate/perfgate/internal/gate"
)

// unjudged reports whether a verdict proves nothing.
func unjudged(v gate.Verdict) bool { return v.Verdict != gate.Fail && v.Verdict != gate.Pass }

// unjudgedTable shows what is missing or inconclusive. Verdicts that share reason and advice share
// a row: without a base, every relative budget says the same.
func unjudgedTable(verdicts []gate.Verdict) section {
	s := section{
		head: "\n### What could not be judged\n\n| Verdict | Benchmarks | Why | What to do |\n| :-- | :-- | :-- | :-- |\n",
		most: maxRows,
		more: moreRows,
	}
	type group struct {
		verdict, reason, advice string
		names                   []string
	}
	var groups []*group
	index := map[[3]string]*group{}
	for _, v := range verdicts {
		if !unjudged(v) {
			continue
		}
		key := [3]string{status(v), prose(v.Reason), advice(v)}
		if v.Verdict == gate.Inconclusive {
			key[1] = lines(key[1], small(evidence(v)))
		}
		g := index[key]
		if g == nil {
			g = &group{verdict: key[0], reason: key[1], advice: key[2]}
			index[key] = g
			groups = append(groups, g)
		}
		g.names = append(g.names, code(v.Benchmark)+" "+code(v.Unit))
	}
	for _, g := range groups {
		names := g.names
		if len(names) > maxNames {
			names = append(slices.Clone(names[:maxNames]), fmt.Sprintf("and %d more", len(names)-maxNames))
		}
		s.rows = append(s.rows, row(g.verdict, lines(names...), g.reason, g.advice))
	}
	return s
}

// betterTable shows what is proved better.
func betterTable(verdicts []gate.Verdict) section {
	s := section{
		head: "\n### What got better\n\n| Benchmark | Base → head | Change | How sure |\n| :-- | :-- | --: | :-- |\n",
		most: maxRows,
		more: moreRows,
	}
	for _, v := range better(verdicts) {
		s.rows = append(s.rows, row(lines(code(v.Benchmark), code(v.Unit)), centresCell(v), bold(change(v)), lines(prose(v.Reason), small(evidence(v)))))
	}
	return s
}

// better returns the verdicts whose change is proved better than none, the largest first.
func better(verdicts []gate.Verdict) []gate.Verdict {
	out := slices.DeleteFunc(slices.Clone(verdicts), func(v gate.Verdict) bool { return !v.Improved || v.Verdict != gate.Pass })
	slices.SortStableFunc(out, func(a, b gate.Verdict) int { return cmp.Compare(badness(a), badness(b)) })
	return out
}

// status is a verdict by symbol and word, with its notes.
func status(v gate.Verdict) string {
	w := wordOf(v)
	return lines(w.symbol+"\u00a0"+w.text, small(verdictNotes(v)))
}

// warningList folds away the doubts about the evidence. The benchmarks with the same doubt share an
// item.
func warningList(verdicts []gate.Verdict) section {
	var texts []string
	names := map[string][]string{}
	total := 0
	for _, v := range verdicts {
		for _, w := range v.Warnings {
			w = prose(w)
			if names[w] == nil {
				texts = append(texts, w)
			}
			names[w] = append(names[w], code(v.Benchmark)+" "+code(v.Unit))
			total++
		}
	}
	s := section{
		head: fmt.Sprintf("\n<details>\n<summary>%s</summary>\n\n", count(total, "warning")),
		more: moreItems,
		foot: "\n</details>\n",
	}
	for _, text := range texts {
		on := names[text]
		tail := ""
		if len(on) > maxNames {
			on, tail = on[:maxNames], fmt.Sprintf(" and %d more", len(on)-maxNames)
		}
		s.rows = append(s.rows, "- "+text+": "+strings.Join(on, ", ")+tail+"\n")
	}
	return s
}

// verdictTable folds away every verdict.
func verdictTable(verdicts []gate.Verdict) section {
	s := section{
		head: fmt.Sprintf("\n<details>\n<summary>All %s</summary>\n\n| Verdict | Benchmark | Base → head | Why |\n| :-- | :-- | :-- | :-- |\n", count(len(verdicts), "verdict")),
		more: moreRows,
		foot: "\n</details>\n",
	}
	packages := manyPackages(verdicts)
	for _, v := range verdicts {
		where := code(v.ID) + " " + code(v.At)
		if packages {
			where += " " + code(v.Package)
		}
		s.rows = append(s.rows, row(
			status(v),
			lines(nameCell(v), code(v.Unit), small(where)),
			lines(centresCell(v), change(v)),
			lines(prose(v.Reason), small(evidence(v))),
		))
	}
	return s
}

// manyPackages reports whether a benchmark's name leaves its package open.
func manyPackages(verdicts []gate.Verdict) bool {
	return slices.ContainsFunc(verdicts, func(v gate.Verdict) bool { return v.Package != verdicts[0].Package })
}

// comparedTable sets base and head side by side, where they come from and where they were measured.
func comparedTable(r gate.Result) string {
	base, head := r.Compared.Base, r.Compared.Head
	var b strings.Builder
	b.WriteString("\n### What was compared\n\n| | Base | Head |\n| :-- | :-- | :-- |\n")
	add := func(name, base, head string) {
		if base != "" || head != "" {
			b.WriteString(row(name, base, head))
		}
	}
	field := func(name string, get func(gate.Side) string) {
		add(name, optionalCode(get(base)), optionalCode(get(head)))
	}
	add("Version", version(base), version(head))
	add("Chosen", prose(base.Why), prose(head.Why))
	field("Commit", func(s gate.Side) string { return shortCommit(s.Commit) })
	field("Tag", func(s gate.Side) string { return s.Tag })
	field("Committed", func(s gate.Side) string { return s.CommitTime })
	field("Measured", func(s gate.Side) string { return s.Measured })
	same := func(base, head string) (string, string) {
		if base != "" && base == head {
			head = "the same"
		}
		return base, head
	}
	be, he := same(environment(base), environment(head))
	add("Environment", be, he)
	bm, hm := same(prose(base.Method), prose(head.Method))
	add("Method", bm, hm)
	add("Shards", shardsCell(r), "")
	return b.String()
}

// version says what a side is: a reference and its kind.
func version(s gate.Side) string {
	if s.Kind == "none" || s.Kind == "" {
		return "none"
	}
	return strings.TrimSpace(optionalCode(s.Ref) + " " + prose(s.Kind))
}

func optionalCode(s string) string {
	if s == "" {
		return ""
	}
	return code(s)
}

// maxEnvironment bounds the facts shown of one machine; perfgate knows five.
const maxEnvironment = 12

func environment(s gate.Side) string {
	var facts []string
	for _, key := range slices.Sorted(maps.Keys(s.Environment)) {
		if len(facts) == maxEnvironment {
			facts = append(facts, fmt.Sprintf("and %d more", len(s.Environment)-maxEnvironment))
			break
		}
		facts = append(facts, prose(key)+" "+code(s.Environment[key]))
	}
	return lines(facts...)
}
