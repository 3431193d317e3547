package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/bottleneck"
)

func ptr(x float64) *float64 { return &x }

// examined is a report of two benchmarks: one that makes garbage and one that waits.
func examined() bottleneck.Report {
	return bottleneck.Report{
		Version: bottleneck.Version, Ref: "working tree", Commit: "0123456789abcdef0123+dirty", Go: "go1.26.1", Processors: 1,
		Problems: []string{"Gone/ops=1 did not end well: exit status 2"},
		Benchmarks: []bottleneck.Benchmark{
			{
				Package: "example.com/m/benchmarks", Name: "Fill/ops=100", Failed: []string{"ns/op: rose by 34 %, beyond 10 %"},
				Bound: bottleneck.Collecting, BoundWhy: "it takes 31 % of the processor's time",
				Iterations: 1000, Wall: 1.2e6, CPU: 1.1e6, Waiting: ptr(0), Timed: ptr(0.93),
				Work: []bottleneck.Share{{Name: "computing", Share: 0.6}, {Name: "garbage collection", Share: 0.31}, {Name: "allocating", Share: 0.09}},
				Profiles: []bottleneck.Profile{
					{
						Kind: bottleneck.CPU, Total: 1.2e6, Samples: 240,
						Origins:    []bottleneck.Share{{Name: "first-party", Share: 0.69}, {Name: "garbage collection", Share: 0.31}},
						Packages:   []bottleneck.Share{{Name: "example.com/m", Share: 0.69}, {Name: "runtime", Share: 0.31}},
						Functions:  []bottleneck.Function{{Name: "example.com/m.(*T[go.shape.int]).fill", Flat: 0.5, Cumulative: 0.69}, {Name: "runtime.scanObject", Flat: 0.31, Cumulative: 0.31}},
						Cumulative: []bottleneck.Function{{Name: "example.com/m/benchmarks.BenchmarkFill.func1", Flat: 0, Cumulative: 0.69}, {Name: "example.com/m.(*T[go.shape.int]).fill", Flat: 0.5, Cumulative: 0.69}},
					},
					{
						Kind: bottleneck.Alloc, Total: 12 << 20, Samples: 9000,
						Origins: []bottleneck.Share{{Name: "first-party", Share: 1}}, Packages: []bottleneck.Share{{Name: "example.com/m", Share: 1}},
						Functions:  []bottleneck.Function{{Name: "example.com/m.(*T[go.shape.int]).fill", Flat: 1, Cumulative: 1}},
						Cumulative: []bottleneck.Function{{Name: "example.com/m.(*T[go.shape.int]).fill", Flat: 1, Cumulative: 1}},
					},
					{Kind: bottleneck.Mutex}, {Kind: bottleneck.Block},
				},
				Findings: []bottleneck.Finding{{
					Rule: "garbage collection", Value: 0.31, Next: "reuse what example.com/m.(*T[go.shape.int]).fill allocates from one call to the next",
					Saw: "garbage collection takes 31 % of the processor's time: one iteration allocates 12.0 MiB, 100 % of it for example.com/m.(*T[go.shape.int]).fill",
				}},
			},
			{
				Name: "Ask", Bound: bottleneck.Waiting, BoundWhy: "no processor is in use for 98 % of the time", Iterations: 100, Wall: 2e7, CPU: 4e5, Waiting: ptr(0.98),
				Profiles: []bottleneck.Profile{{Kind: bottleneck.CPU}, {
					Kind: bottleneck.Block, Total: 1.9e7, Samples: 100,
					Origins: []bottleneck.Share{{Name: "first-party", Share: 1}}, Packages: []bottleneck.Share{{Name: "example.com/m", Share: 1}},
					Functions: []bottleneck.Function{{Name: "example.com/m.ask", Flat: 1, Cumulative: 1}}, Cumulative: []bottleneck.Function{{Name: "example.com/m.ask", Flat: 1, Cumulative: 1}},
				}},
			},
		},
	}
}

func rendered(t *testing.T, r bottleneck.Report, limit int) (text, md, js string) {
	t.Helper()
	var a, b, c bytes.Buffer
	if err := ProfileText(&a, r); err != nil {
		t.Fatal(err)
	}
	if err := ProfileMarkdown(&b, r, limit); err != nil {
		t.Fatal(err)
	}
	if err := ProfileJSON(&c, r); err != nil {
		t.Fatal(err)
	}
	return a.String(), b.String(), c.String()
}

func TestProfileGolden(t *testing.T) {
	text, md, js := rendered(t, examined(), CommentLimit)
	golden(t, "profile/profile.txt", text)
	golden(t, "profile/profile.md", md)
	golden(t, "profile/profile.json", js)
	checkText(t, text)
	checkMarkdown(t, md)
	var back bottleneck.Report
	if err := json.Unmarshal([]byte(js), &back); err != nil || back.Benchmarks[0].Findings[0].Value != 0.31 {
		t.Errorf("%v: %+v", err, back)
	}
}

// Names of functions are written by whoever wrote the benchmark.
func TestProfileHostile(t *testing.T) {
	for _, s := range attacks {
		share := []bottleneck.Share{{Name: s, Share: 0.5}, {Name: s + "2", Share: 0.5}}
		fs := []bottleneck.Function{{Name: s, Flat: 0.5, Cumulative: 1}, {Name: s + "2", Flat: 0.5, Cumulative: 0.5}}
		var ps []bottleneck.Profile
		for _, k := range []bottleneck.Kind{bottleneck.CPU, bottleneck.Alloc, bottleneck.Mutex, bottleneck.Block, bottleneck.Kind(s)} {
			ps = append(ps, bottleneck.Profile{Kind: k, Total: 1, Samples: 1, Origins: share, Packages: share, Functions: fs, Cumulative: fs})
		}
		x := bottleneck.Benchmark{
			Package: s, Name: s, Failed: []string{s}, Bound: bottleneck.Bound(s), BoundWhy: s, Waiting: ptr(1), Timed: ptr(1), Work: share, Profiles: ps,
			Findings: []bottleneck.Finding{{Rule: s, Saw: s, Next: s}},
		}
		r := bottleneck.Report{Ref: s, Commit: s, Go: s, Problems: []string{s}, Benchmarks: []bottleneck.Benchmark{x, x}}
		text, md, _ := rendered(t, r, CommentLimit)
		checkText(t, text)
		checkMarkdown(t, md)
		var short, comment bytes.Buffer
		if err := FindingsText(&short, r); err != nil {
			t.Fatal(err)
		}
		checkText(t, short.String()+"(end)\n")
		if err := MarkdownProfiled(&comment, hostile(s), r, SummaryLimit); err != nil {
			t.Fatal(err)
		}
		checkMarkdown(t, comment.String())
		if !strings.Contains(comment.String(), "### What to try") {
			t.Error("findings are not in the comment")
		}
	}
}

// What does not fit is left out from the end, in whole rows and tables.
func TestProfileLimit(t *testing.T) {
	_, whole, _ := rendered(t, examined(), CommentLimit)
	for limit := 0; limit <= len(whole); limit += 7 {
		_, md, _ := rendered(t, examined(), limit)
		if len(md) > limit {
			t.Fatalf("%d bytes, limit %d", len(md), limit)
		}
		checkMarkdown(t, md)
	}
	text, _, _ := rendered(t, bottleneck.Report{}, CommentLimit)
	if !strings.HasPrefix(text, "nothing was profiled\n") {
		t.Errorf("%q", text)
	}
}
