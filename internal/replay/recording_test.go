package replay

import (
	"reflect"
	"strings"
	"testing"
)

const small = `machine: busy
pkg: example.com/p
design: pairs
share: 0.15
session: 2
arm: base
pair: 2
BenchmarkX/n=1-4 10 200 ns/op 90 cpu-ns/op 100 own-ns/op 0 B/op 0 allocs/op 5000 process-ns
arm: head
BenchmarkX/n=1-4 8 230 ns/op 100 cpu-ns/op 115 own-ns/op 0 B/op 0 allocs/op 6000 process-ns
pair: 1
BenchmarkX/n=1-4 8 231 ns/op 101 cpu-ns/op
arm: base
BenchmarkX/n=1-4 10 201 ns/op 0 cpu-ns/op 0.5 own-ns/op
pair: 3
BenchmarkX/n=1-4 10 202 ns/op
design: stored
run: 2
BenchmarkX/n=1-4 10 203 ns/op
run: 1
BenchmarkX/n=1-4 10 204 ns/op
`

func TestRead(t *testing.T) {
	rec := read(t, small)
	want := &Recording{
		Trials: []Trial{{
			Machine: "busy", Share: 0.15, Session: 2, Package: "example.com/p", Name: "X/n=1",
			Pairs: []Pair{
				{
					Base: Run{Wall: 201, OwnTime: 0.5, HasCPU: true, HasOwn: true, Process: 2010e-9},
					Head: Run{Wall: 231, CPU: 101, HasCPU: true, Process: 8 * 231e-9},
				},
				{
					Base: Run{Wall: 200, CPU: 90, OwnTime: 100, HasCPU: true, HasOwn: true, Process: 5000e-9},
					Head: Run{Wall: 230, CPU: 100, OwnTime: 115, HasCPU: true, HasOwn: true, Process: 6000e-9},
				},
			},
			StoredBase: []Run{{Wall: 204, Process: 2040e-9}, {Wall: 203, Process: 2030e-9}},
		}},
		// Pair 3 has no head, and nothing of head is stored.
		Incomplete: Incomplete{Pairs: 1, Stored: 1},
	}
	for i := range want.Trials[0].Pairs {
		p, q := &rec.Trials[0].Pairs[i], want.Trials[0].Pairs[i]
		for _, at := range [][2]*Run{{&p.Base, &q.Base}, {&p.Head, &q.Head}} {
			if !near(at[0].Process, at[1].Process, 1e-12) {
				t.Errorf("pair %d took %v s, want %v", i, at[0].Process, at[1].Process)
			}
			at[0].Process = at[1].Process
		}
	}
	for i := range want.Trials[0].StoredBase {
		want.Trials[0].StoredBase[i].Process = rec.Trials[0].StoredBase[i].Process
	}
	if !reflect.DeepEqual(rec, want) {
		t.Errorf("got  %+v\nwant %+v", rec, want)
	}
	if own, ok := rec.Trials[0].Pairs[1].Head.Own(); own != 115 || !ok {
		t.Errorf("own time is %v, %v, want 115", own, ok)
	}
	if _, ok := rec.Trials[0].Pairs[0].Head.Own(); ok {
		t.Error("own time of a line that does not say")
	}
}

// TestReadKeepsApart reads lines that differ in one key only.
func TestReadKeepsApart(t *testing.T) {
	line := "BenchmarkX 1 5 ns/op\n"
	text := "machine: quiet\nshare: 0\nsession: 1\ndesign: stored\narm: base\nrun: 1\n" + line
	for _, key := range []string{"machine: busy", "share: 0.1", "session: 2", "pkg: other"} {
		text += key + "\n" + line
	}
	if got := len(read(t, text+"BenchmarkY 1 5 ns/op\n").Trials); got != 6 {
		t.Errorf("%d trials, want 6", got)
	}
}

func TestReadDamage(t *testing.T) {
	const head = "machine: busy\npkg: p\ndesign: pairs\nshare: 0\nsession: 1\narm: base\npair: 1\n"
	for _, c := range []struct{ text, want string }{
		{head + "BenchmarkX 10 5 ns/op 3\n", "line 8: missing units"},
		{head + "BenchmarkX ten 5 ns/op\n", "line 8: "},
		{head + "BenchmarkX 10 5 ns/o\n", "line 8: X has no ns/op"},
		{head + "BenchmarkX 10 0 ns/op\n", "line 8: X has no ns/op above zero"},
		{head + "BenchmarkX 10 -5 ns/op\n", "line 8: -5 ns/op is no time"},
		{head + "BenchmarkX 10 NaN ns/op\n", "line 8: NaN ns/op is no time"},
		{head + "BenchmarkX 10 5 ns/op -1 cpu-ns/op\n", "line 8: -1 cpu-ns/op is no time"},
		{head + "BenchmarkX 10 5 ns/op 0 cpu-ns/op 0 own-ns/op\n", "line 8: X took no time of its own"},
		{head + "BenchmarkX 10 5 ns/op 6 ns/op\n", "line 8: unit ns/op stands twice"},
		{head + "BenchmarkX 10 5 ns/op\nBenchmarkX 10 5 ns/op\n", "line 9: pair 1 of X in base is there twice"},
		{head + "BenchmarkX 10 5 ns/op", "does not end in a new line"},
		{head + "machine:\nBenchmarkX 10 5 ns/op\n", "line 9: there is no machine"},
		{head + "share: some\nBenchmarkX 10 5 ns/op\n", `line 9: share "some"`},
		{head + "share: -0.1\nBenchmarkX 10 5 ns/op\n", `line 9: share "-0.1"`},
		{head + "share: NaN\nBenchmarkX 10 5 ns/op\n", `line 9: share "NaN"`},
		{head + "session: x\nBenchmarkX 10 5 ns/op\n", `line 9: session "x"`},
		{head + "pair:\nBenchmarkX 10 5 ns/op\n", `line 9: pair ""`},
		{head + "design: stored\nBenchmarkX 10 5 ns/op\n", `line 9: run ""`},
		{head + "design: other\nBenchmarkX 10 5 ns/op\n", `line 9: design "other"`},
		{head + "arm: left\nBenchmarkX 10 5 ns/op\n", `line 9: arm "left"`},
	} {
		rec, err := Read(strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || rec != nil {
			t.Errorf("%q\ngives %+v, error %v; want an error with %q", strings.TrimPrefix(c.text, head), rec, err, c.want)
		}
	}
}
