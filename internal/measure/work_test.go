package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A stage plays test binaries whose arms take known times, and notes in order what it is asked to run.
type stage struct {
	mu      sync.Mutex
	runs    []Command
	reply   func(c Command, bench string, n int) string // the rest of the result line
	running int
	most    int // processes at once
	meet    chan struct{}
	refuse  error // of linking anew
}

func (x *stage) Run(_ context.Context, c Command) Output {
	x.mu.Lock()
	x.runs = append(x.runs, c)
	x.running++
	x.most = max(x.most, x.running)
	x.mu.Unlock()
	defer func() {
		x.mu.Lock()
		x.running--
		x.mu.Unlock()
	}()
	if c.Path == "go" {
		if x.refuse != nil {
			return Output{Err: x.refuse}
		}
		return Output{Err: os.WriteFile(c.Args[len(c.Args)-2], []byte(strings.Join(c.Args, " ")), 0o600)}
	}
	if bt := arg(c, "-test.benchtime="); x.meet != nil && strings.HasSuffix(bt, "x") && bt != "1x" {
		// The arms of a pair wait for each other, which they only can when they run at once.
		if strings.HasSuffix(c.Path, "base") {
			x.meet <- struct{}{}
		} else {
			<-x.meet
		}
	}
	bench := strings.Trim(arg(c, "-test.bench="), "^$")
	n, _ := strconv.Atoi(strings.TrimSuffix(arg(c, "-test.benchtime="), "x"))
	n = max(n, 1)
	if procs := arg(c, "-test.cpu="); procs != "1" {
		bench += "-" + procs
	}
	return Output{Stdout: []byte(fmt.Sprintf("%s\t%d\t%s\n", bench, n, x.reply(c, bench, n)))}
}

func arg(c Command, prefix string) string {
	for _, a := range c.Args {
		if v, ok := strings.CutPrefix(a, prefix); ok {
			return v
		}
	}
	return ""
}

// count returns how many commands have the part in their path or arguments.
func (x *stage) count(part string) int {
	n := 0
	for _, c := range x.runs {
		if strings.Contains(c.Path+" "+strings.Join(c.Args, " "), part) {
			n++
		}
	}
	return n
}

// computes is a result line of a benchmark that takes so many nanoseconds on its own and twice in a
// pair.
func computes(ns float64) string {
	return fmt.Sprintf("%v ns/op %v own-ns/op %v cpu-ns/op", 2*ns, ns, ns)
}

// play measures one benchmark and returns what was asked for and what came.
func play(t *testing.T, x *stage, s *Session, it Item) (base, head *Recording) {
	t.Helper()
	dir := t.TempDir()
	arm := func(name string) *Arm {
		return &Arm{Version: Version{Ref: name, Dir: dir}, Binaries: []Binary{{Package: "p", Path: filepath.Join(dir, name), Functions: []string{"BenchmarkX"}}}}
	}
	s.Exec, s.Base, s.Head, s.Limit, s.Seed = x, arm("base"), arm("head"), time.Minute, 7
	if s.Target == 0 {
		s.Target = 60 * time.Millisecond
	}
	found, err := s.Find(context.Background(), []string{"BenchmarkX"})
	if err != nil {
		t.Fatal(err)
	}
	it.Package, it.Name = found.Items[0].Package, found.Items[0].Name
	base, head, err = s.Measure(context.Background(), found, []Item{it})
	if err != nil {
		t.Fatal(err)
	}
	return base, head
}

func provenance(r *Recording, key string) string {
	for _, kv := range r.Provenance {
		if kv[0] == key {
			return kv[1]
		}
	}
	return ""
}

func TestMeasuresUntilNothingIsNeeded(t *testing.T) {
	x := &stage{reply: func(c Command, _ string, _ int) string { return computes(1000) }}
	var asked []string
	s := &Session{CPUs: []int{3}, Looks: []int{4, 6, 8}, Comparisons: 5}
	s.Ask = func(it Item, base, head *Recording) Need {
		_, b := values(t, base, "X", "own-sec/op")
		_, h := values(t, head, "X", "own-sec/op")
		asked = append(asked, fmt.Sprintf("%s %d %d, looks %s, among %s", it.Name, len(b), len(h), provenance(head, "looks"), provenance(base, "comparisons")))
		if len(b) < 6 {
			return Pairs
		}
		return Nothing
	}
	base, head := play(t, x, s, Item{Pairs: true})
	for _, r := range []*Recording{base, head} {
		if _, p := values(t, r, "X", "sec/op"); !slices.Equal(p, []string{"1", "2", "3", "4", "5", "6"}) {
			t.Errorf("pairs %q", p)
		}
	}
	if want := []string{"BenchmarkX 4 4, looks 4 6 8, among 5", "BenchmarkX 6 6, looks 4 6 8, among 5"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
	// Each ran once to be found, once to be calibrated, and six times in a pair; nothing was dropped.
	if len(x.runs) != 2*(1+1+6) {
		t.Errorf("%d processes", len(x.runs))
	}
	for _, c := range x.runs {
		if !slices.Equal(c.CPUs, []int{3}) {
			t.Errorf("on processors %v", c.CPUs)
		}
	}
}

// Without the clocks of the processes, and for what only wall time shows, the first pairs serve to make
// both finish together and are dropped.
func TestWallTimeNeedsTwoPairsMore(t *testing.T) {
	for _, tt := range []struct {
		name string
		wall bool
		line string
	}{{"other units", true, computes(1000)}, {"no clocks", false, "2000 ns/op"}} {
		x := &stage{reply: func(c Command, _ string, _ int) string { return tt.line }}
		_, head := play(t, x, &Session{CPUs: []int{0}, Looks: []int{4}}, Item{Pairs: true, Wall: tt.wall})
		if v, _ := values(t, head, "X", "sec/op"); len(v) != 4 || len(x.runs) != 2*(1+1+2+4) {
			t.Errorf("%s: %d kept of %d processes", tt.name, len(v), len(x.runs))
		}
	}
}

func TestIterationsMakeBothFinishTogether(t *testing.T) {
	x := &stage{reply: func(c Command, _ string, _ int) string {
		if strings.HasSuffix(c.Path, "base") {
			return computes(1000)
		}
		return computes(1500)
	}}
	play(t, x, &Session{CPUs: []int{0}, Looks: []int{4}}, Item{Pairs: true})
	first, last := map[string]string{}, map[string]string{}
	for _, c := range x.runs {
		arm, n := filepath.Base(c.Path), arg(c, "-test.benchtime=")
		if first[arm] == "" && strings.HasSuffix(n, "x") && n != "1x" {
			first[arm] = n
		}
		last[arm] = n
	}
	x.runs = nil
	play(t, x, &Session{CPUs: []int{0}, Looks: []int{4}}, Item{Pairs: true, Allocs: true})
	for _, c := range x.runs {
		if n := arg(c, "-test.benchtime="); strings.HasSuffix(n, "x") && n != "1x" && n != "60000x" {
			t.Errorf("allocations are compared at %s of %s", n, filepath.Base(c.Path))
		}
	}
	// By the runs of each by itself already, so that no pair has to be dropped.
	if first["base"] != "60000x" || first["head"] != "40000x" {
		t.Errorf("the first pair ran %v", first)
	}
	if last["base"] != "60000x" || last["head"] != "40000x" {
		t.Errorf("the last pair ran %v, want 60 ms of each by its own clock", last)
	}
}

// A pair is both at once on one processor, or one after the other where the benchmark waits.
func TestWaitingBenchmarksAreInterleaved(t *testing.T) {
	waits := func(c Command, _ string, _ int) string { return "1000 ns/op 1000 own-ns/op 700 cpu-ns/op" }
	turns := func(c Command, _ string, _ int) string {
		return "1000 ns/op 1000 own-ns/op 1400 cpu-ns/op 2 parallel-procs"
	}
	idles := func(c Command, _ string, _ int) string {
		return "1000 ns/op 1000 own-ns/op 600 cpu-ns/op 2 parallel-procs"
	}
	works := func(c Command, _ string, _ int) string { return "1000 ns/op 1000 own-ns/op 900 cpu-ns/op" }
	for _, tt := range []struct {
		name   string
		cpus   []int
		item   Item
		reply  func(Command, string, int) string
		want   int // processes at once
		method string
	}{
		{"computes", []int{0}, Item{Pairs: true}, works, 2, ""},
		{"waits", []int{0}, Item{Pairs: true}, waits, 1, "interleaved"},
		{"said to wait", []int{0}, Item{Pairs: true, Waiting: true}, works, 1, "interleaved"},
		{"two threads that take turns", []int{0, 1}, Item{Pairs: true}, turns, 2, ""},
		{"two threads that wait", []int{0, 1}, Item{Pairs: true}, idles, 1, "interleaved"},
		{"nothing to pin to", nil, Item{Pairs: true}, works, 1, "interleaved"},
	} {
		x := &stage{reply: tt.reply}
		if tt.want == 2 {
			x.meet = make(chan struct{})
		}
		_, head := play(t, x, &Session{CPUs: tt.cpus, Looks: []int{4}}, tt.item)
		if x.most > tt.want {
			t.Errorf("%s: %d processes at once, want %d", tt.name, x.most, tt.want)
		}
		for _, l := range head.lines {
			if l.method != tt.method {
				t.Errorf("%s: method %q, want %q", tt.name, l.method, tt.method)
			}
		}
	}
}

// What runs in parallel gets all processors for both arms, and keeps its name.
func TestParallelBenchmarksShareAllProcessors(t *testing.T) {
	x := &stage{reply: func(c Command, _ string, _ int) string { return computes(1000) + " 1 parallel-procs" }}
	_, head := play(t, x, &Session{CPUs: []int{0, 1}, Looks: []int{4}}, Item{Pairs: true})
	if v, _ := values(t, head, "X-2", "sec/op"); len(v) != 4 {
		t.Errorf("%d pairs", len(v))
	}
	if got := x.count("-test.cpu=2"); got != 2*(1+4) {
		t.Errorf("%d processes with two Go processors", got)
	}
	for _, c := range x.runs {
		if arg(c, "-test.cpu=") == "2" && !slices.Equal(c.CPUs, []int{0, 1}) {
			t.Errorf("on processors %v", c.CPUs)
		}
	}
	for _, l := range head.lines {
		if strings.Contains(l.text, "parallel-procs") {
			t.Errorf("the mark is passed on: %s", l.text)
		}
	}
	// By wish, as go test -cpu has it, and no more than there are.
	x = &stage{reply: func(c Command, _ string, _ int) string { return computes(1000) }}
	play(t, x, &Session{CPUs: []int{0, 1, 2}, Procs: 2, Looks: []int{4}}, Item{Pairs: true})
	for _, c := range x.runs {
		if arg(c, "-test.cpu=") != "2" || !slices.Equal(c.CPUs, []int{0, 1}) {
			t.Errorf("%q on processors %v", arg(c, "-test.cpu="), c.CPUs)
		}
	}
}

func TestOtherOrdersOfTheFunctions(t *testing.T) {
	x := &stage{reply: func(c Command, _ string, _ int) string { return computes(1000) }}
	s := &Session{CPUs: []int{0}, Looks: []int{4, 8}, Relinks: 3}
	s.Ask = func(_ Item, _, _ *Recording) Need { return Orders }
	base, head := play(t, x, s, Item{Pairs: true})
	if provenance(head, "layouts") != "3" {
		t.Errorf("layouts %q", provenance(head, "layouts"))
	}
	for _, r := range []*Recording{base, head} {
		got := map[string]int{}
		for _, l := range r.lines {
			got[fmt.Sprint(l.layout, "/", l.pair)]++
		}
		want := 4 + 3*relinkPairs
		if len(got) != want || len(r.lines) != want || got["1/1"] != 1 || got["3/6"] != 1 || got["0/4"] != 1 {
			t.Errorf("%d lines: %v", len(r.lines), got)
		}
	}
	var text strings.Builder
	if _, err := head.WriteTo(&text); err != nil || strings.Count(text.String(), "layout: 2\n") != relinkPairs {
		t.Errorf("the text does not say which pairs are of order 2: %v\n%s", err, text.String())
	}
	// Both arms with the same seed, each linked once.
	for seed := 1; seed <= 3; seed++ {
		if got := x.count(fmt.Sprintf("-randlayout=%d ", seed)); got != 2 {
			t.Errorf("seed %d was linked %d times", seed, got)
		}
	}
	// One benchmark may find out what another is in the middle of.
	w := &work{s: s, orders: 5}
	s.relinker.refuse(errors.New("no"))
	if w.order(context.Background()); w.orders != 0 {
		t.Errorf("%d pairs in other orders are still to come, and none can", w.orders)
	}
	// A toolchain that cannot is no reason to fail, nor to promise what will not come.
	x.runs, x.refuse = nil, errors.New("flag provided but not defined: -randlayout")
	s = &Session{CPUs: []int{0}, Looks: []int{4, 8}, Relinks: 3, Ask: s.Ask}
	if _, head = play(t, x, s, Item{Pairs: true}); provenance(head, "layouts") != "" || len(head.lines) != 4 {
		t.Errorf("layouts %q, %d lines", provenance(head, "layouts"), len(head.lines))
	}
}

func TestDeadline(t *testing.T) {
	s := &Session{CPUs: []int{0}, Looks: []int{100}, AloneRuns: 5}
	n := 0
	x := &stage{}
	x.reply = func(c Command, _ string, _ int) string { return computes(1000) }
	s.Progress = func(p Progress) {
		if p.Stage == "measure" && p.Runs > 6 && n == 0 {
			n++
			s.Deadline = time.Time{}
		}
	}
	// The time is up after some pairs: a context that is done by then stands for the clock.
	dir := t.TempDir()
	arm := func(name string) *Arm {
		return &Arm{Version: Version{Ref: name}, Binaries: []Binary{{Package: "p", Path: filepath.Join(dir, name), Functions: []string{"BenchmarkX", "BenchmarkY"}}}}
	}
	s.Exec, s.Base, s.Head, s.Limit, s.Target = x, arm("base"), arm("head"), time.Minute, time.Millisecond
	found, err := s.Find(context.Background(), []string{"BenchmarkX", "BenchmarkY"})
	if err != nil {
		t.Fatal(err)
	}
	items := slices.Clone(found.Items)
	for i := range items {
		items[i].Pairs = true
	}
	s.Deadline = time.Now().Add(-time.Second)
	base, head, err := s.Measure(context.Background(), found, items)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Recording{base, head} {
		if provenance(r, "stopped") == "" {
			t.Error("the recording does not say that time was up")
		}
		// That they were there is known from the first run.
		if len(r.lines) != 2 || len(r.fails) != 0 {
			t.Errorf("%d lines, failures %v", len(r.lines), r.fails)
		}
	}
	if _, err := s.Find(context.Background(), []string{"BenchmarkX"}); !errors.Is(err, ErrDeadline) {
		t.Errorf("the first run ends with %v", err)
	}
	// An interrupt is none.
	why := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(why)
	if _, _, err := s.Measure(ctx, found, items); !errors.Is(err, why) {
		t.Errorf("an interrupt ends with %v", err)
	}
}

// Two binaries pass for the same program only with the same bytes and the same files to read.
func TestDigest(t *testing.T) {
	digest := func(text, data string) string {
		dir := t.TempDir()
		arm := &Arm{Version: Version{Dir: dir, Data: data}}
		b := &Binary{Package: text, Path: filepath.Join(dir, "x")}
		if err := arm.compile(context.Background(), copier{}, b, ""); err != nil {
			t.Fatal(err)
		}
		return b.Digest
	}
	same := digest("a", "")
	if !strings.HasPrefix(same, "sha256:") || digest("a", "") != same || digest("b", "") == same || digest("a", "files") == same {
		t.Errorf("digests %q, %q, %q, %q", same, digest("a", ""), digest("b", ""), digest("a", "files"))
	}
}

// A copier builds a binary that holds the name of its package.
type copier struct{}

func (copier) Run(_ context.Context, c Command) Output {
	return Output{Err: os.WriteFile(c.Args[len(c.Args)-2], []byte(c.Args[len(c.Args)-1]), 0o600)}
}

// Readings of a clock that cannot be are found out, unless only a benchmark here or there is strange.
func TestImplausible(t *testing.T) {
	find := func(lines ...string) *Found {
		f := &Found{first: [2]map[Item]line{{}, {}}}
		for i, text := range lines {
			l, ok := parseLine(fmt.Sprintf("BenchmarkX%d 1000 %s", i, text), 1)
			if !ok {
				t.Fatal(text)
			}
			it := Item{Package: "p", Name: l.name}
			f.Items = append(f.Items, it)
			f.first[1][it] = l
		}
		return f
	}
	good, bad, none := computes(1000), "1000 ns/op 1000 own-ns/op 900000 cpu-ns/op", "1000 ns/op"
	for _, tt := range []struct {
		lines []string
		want  bool
	}{
		{[]string{good, good}, false}, {[]string{good, bad}, false}, {[]string{good, bad, bad}, true}, {[]string{bad}, true},
		{[]string{none, none}, false}, {[]string{none, none, none, bad}, true}, {nil, false},
	} {
		if got := find(tt.lines...).Implausible(1); (got != "") != tt.want {
			t.Errorf("%q: %q", tt.lines, got)
		}
	}
}

// Every process is told of once, with its step, its arm, its pair and the results of the benchmark that
// was asked for alone.
func TestTellsOfEveryRun(t *testing.T) {
	x := &stage{reply: func(Command, string, int) string { return computes(1000) + "\nBenchmarkOther 1 1 ns/op" }}
	s := &Session{CPUs: []int{0}, Looks: []int{4}, AloneRuns: 2}
	var runs []Run
	s.Ran = func(r Run) { runs = append(runs, r) }
	play(t, x, s, Item{Pairs: true, Alone: true, Wall: true})
	if len(runs) != len(x.runs) || len(runs) == 0 {
		t.Fatalf("told of %d runs of %d", len(runs), len(x.runs))
	}
	var steps []string
	for _, r := range runs {
		if r.Benchmark != "X" || r.Err != nil || !strings.HasSuffix(r.Values, " 2000 ns/op 1000 own-ns/op 1000 cpu-ns/op") || strings.Contains(r.Values, "X") {
			t.Errorf("told %+v", r)
		}
		steps = append(steps, fmt.Sprintf("%s %s %d", r.Stage, r.Arm, r.Pair))
	}
	want := []string{"find base 0", "find head 0", "calibrate base 0", "calibrate head 0", "alone head 0", "alone head 0"}
	for range adaptPairs {
		want = append(want, "adapt base 0", "adapt head 0")
	}
	for i := range 4 {
		want = append(want, fmt.Sprintf("pairs base %d", i+1), fmt.Sprintf("pairs head %d", i+1))
	}
	if !slices.Equal(steps, want) {
		t.Errorf("steps\n%q, want\n%q", steps, want)
	}
}

func TestTellsOfFailures(t *testing.T) {
	x := &stage{reply: func(c Command, _ string, n int) string {
		if n > 1 {
			return "no result"
		}
		return computes(1000)
	}}
	var last Run
	s := &Session{CPUs: []int{0}, Looks: []int{4}, Ran: func(r Run) { last = r }}
	play(t, x, s, Item{Pairs: true})
	if last.Stage != "pairs" || last.Values != "" {
		t.Errorf("told %+v", last)
	}
	if s.tell(Run{Benchmark: "BenchmarkX"}, Output{Err: errors.New("it died")}, 1); last.Err == nil {
		t.Errorf("told %+v", last)
	}
}

// What is only to be seen runs once in each arm.
func TestSeenIsNotMeasuredFurther(t *testing.T) {
	x := &stage{reply: func(Command, string, int) string { return computes(1000) }}
	base, head := play(t, x, &Session{CPUs: []int{0}, Looks: []int{4}}, Item{Pairs: true, Alone: true, Seen: true})
	if len(x.runs) != 2 || len(base.lines) != 1 || len(head.lines) != 1 {
		t.Errorf("%d runs, %d lines of base, %d of head", len(x.runs), len(base.lines), len(head.lines))
	}
}

// A recording says that it is of few samples, and how one version was measured.
func TestSaysHowSureAndHowAlone(t *testing.T) {
	for _, tt := range []struct{ confidence, want string }{{"low (quick)", "\nperfgate-confidence: low (quick)\ngoos"}, {"", "\ngoos"}} {
		s := &Session{CPUs: []int{0}, Confidence: tt.confidence, Exec: &stage{reply: func(Command, string, int) string { return computes(1000) + "\ngoos: linux" }}}
		s.Head = &Arm{Version: Version{Ref: "head"}, Binaries: []Binary{{Package: "p", Path: "head", Functions: []string{"BenchmarkX"}}}}
		found, err := s.Find(context.Background(), []string{"BenchmarkX"})
		if err != nil {
			t.Fatal(err)
		}
		_, head, err := s.Measure(context.Background(), found, found.Items)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if _, err := head.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), tt.want) || strings.Count(b.String(), "perfgate-confidence") > 1 || strings.Contains(b.String(), "up to") {
			t.Errorf("confidence %q: %s", tt.confidence, b.String())
		}
	}
}
