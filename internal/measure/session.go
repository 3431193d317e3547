package measure

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Session measures two arms, or one where there is no other, on this machine.
type Session struct {
	Exec Executor
	// Base may be nil.
	Base, Head *Arm
	// CPUs lists the processors to pin to, one worker on each; empty means that the system cannot
	// pin: one worker then, and pairs one after the other.
	CPUs []int
	// Procs is the number of Go processors that every benchmark runs with, as go test -cpu says it; 0
	// is 1. With more, pairs share so many processors, or all there are.
	Procs int
	// Looks are the numbers of pairs after which Ask is asked, in growing order; the last is the most
	// that is measured of a benchmark.
	Looks []int
	// Ask is told of all pairs of one benchmark so far, in the recordings of base and head, and says
	// what more it needs. Nil measures all pairs. It is called from several goroutines.
	Ask func(it Item, base, head *Recording) Need
	// Relinks is in how many other orders of the functions a benchmark is measured when Ask needs
	// that. Zero is in none.
	Relinks int
	// AloneRuns is how often head is run alone for limits on values; 0 is 24.
	AloneRuns int
	// Confidence is written into both recordings as the file configuration key perfgate-confidence, which
	// whoever judges them heeds: "low (quick)". Empty is none.
	Confidence string
	// Target is the time that one process of a pair measures for. Where it is not many of the
	// scheduler's slices these show; longer only costs time.
	Target time.Duration
	// Limit ends one process.
	Limit time.Duration
	// Deadline ends the measuring: what is not measured by then is left out, and the recordings say
	// so. Zero is none.
	Deadline time.Time
	// Seed determines the order of measuring.
	Seed uint64
	// Now is the time written into both recordings.
	Now time.Time
	// Comparisons is how many statistical comparisons will be judged together, which Ask and whoever
	// judges the recordings have to agree on; 0 leaves that open.
	Comparisons int
	// Environment adds to the provenance of both, such as the runner's image.
	Environment [][2]string
	// Narrow adds to the pattern by which Find runs a function, so that not all sub-benchmarks of it run:
	// by the function's name, with the word Benchmark. What shows nothing under its pattern runs whole.
	Narrow map[string]string
	// Renames are the benchmarks that have another name in base: an item has that of head, and the
	// recording of base says what base does.
	Renames []Rename
	// Progress is told what runs; it may be nil. It is called from one goroutine at a time.
	Progress func(Progress)
	// Ran is told of every process that ran a benchmark; it may be nil. It is called from one goroutine
	// at a time, in the order in which processes end.
	Ran func(Run)

	ranMu    sync.Mutex
	id       string
	stopped  string // why measuring ended before its end
	repeated string // why it is done again
	relinker relinker
}

// A Need is what a benchmark needs before its limits are judged.
type Need int

// The needs.
const (
	Nothing Need = iota // no more pairs
	Pairs               // those up to the next look
	Orders              // pairs of binaries with the functions in other orders
)

// ErrDeadline is the error of a session whose Deadline came before it had run each benchmark once.
var ErrDeadline = errors.New("the time limit came before each benchmark had run once")

// Progress says how far a stage is.
type Progress struct {
	Stage       string // find or measure
	Done, Total int    // functions or benchmarks, as the stage says
	Runs        int    // processes so far
	What        string // the benchmark whose measuring ended last
}

// A Run is one process that ran a benchmark, or in the stage find all of one function.
type Run struct {
	// Stage is the step of measuring: find, exact, calibrate, alone, adapt, pairs or layouts.
	Stage     string
	Benchmark string // with its parts, without the word Benchmark
	Arm       string // base or head
	Pair      int    // from 1; 0 where it has no partner
	// Took is how long the process was there.
	Took time.Duration
	// Values are the result lines: iterations, then each value with its unit. With several lines each
	// begins with its name, and "; " stands between them.
	Values string
	// Err says how it failed; nil when it ended well.
	Err error
}

// An Item is one benchmark to measure, with its parts: BenchmarkSync/ops=100.
type Item struct {
	Package string
	Name    string
	// Pairs says that it is to be measured in pairs, for limits on the change of what varies; Alone
	// that head is to be measured alone on its processor, for limits on such a value itself: a
	// process that shares its processor takes twice its time. With neither, all that is wanted of
	// the benchmark repeats exactly, and two runs of each arm are enough.
	Pairs, Alone bool
	// Wall says that limits on the change concern something that only the clock on the wall shows, such
	// as a percentile: two pairs run before those that are kept, to find the iteration counts with which
	// both versions finish together, and are dropped by plan, whatever they show.
	Wall bool
	// Seen says that it is only wanted that the benchmark is there: its first run is kept, and it is not
	// measured further, whatever else is said.
	Seen bool
	// Allocs says that limits on the change concern allocations.
	Allocs bool
	// Waiting says that the benchmark waits for something other than a processor. Sharing one would
	// hide that, so that its pairs are one after the other. It is also found out by measuring.
	Waiting bool
}

const (
	adaptPairs = 2
	aloneRuns  = 24
	exactRuns  = 2
	// relinkPairs is how many pairs are measured in each other order of the functions.
	relinkPairs = 6
	// waitingShare is the share of its time that a benchmark which waits does not run, and that of one with
	// several threads.
	waitingShare       = 0.2
	waitingShareOfMany = 0.5
)

// errNoResult says that a benchmark's process ended well and printed no result.
var errNoResult = errors.New("it printed no result line")

// Found is what a first run of every benchmark showed.
type Found struct {
	Items      []Item
	Base, Head *Recording // of the first run; Base is nil without a base
	first      [2]map[Item]line
}

// Implausible says why the readings of the processes' own clocks cannot be right, or is empty: then
// the binaries are to be built without them. Procs is how many processors the first run could use.
func (f *Found) Implausible(procs int) string {
	why, bad, all := "", 0, 0
	for _, lines := range f.first {
		for _, it := range f.Items {
			l := lines[it]
			if l.cpu == 0 {
				continue
			}
			all++
			if err := checkOverlay(l.secPerOp, l.own*1e9, l.cpu*1e9, l.iterations, procs); err != nil {
				bad++
				why = fmt.Sprintf("%s: %v", strings.TrimPrefix(l.name, "Benchmark"), err)
			}
		}
	}
	// A single one may do something strange with its timer.
	if bad*2 <= all {
		return ""
	}
	return why
}

// Find runs each of the functions once in each arm, one iteration, and so finds what benchmarks
// there are. Functions have the word Benchmark and are those of head, where base has another name. A benchmark that one arm did not reach since its
// function broke off before is tried alone.
func (s *Session) Find(ctx context.Context, functions []string) (*Found, error) {
	type task struct {
		arm      int
		pkg      string
		function string
		out      Output
	}
	var tasks []*task
	for i, arm := range s.arms() {
		if arm == nil {
			continue
		}
		for _, b := range arm.Binaries {
			for _, f := range b.Functions {
				if s.runs(i, f, functions) {
					tasks = append(tasks, &task{arm: i, pkg: b.Package, function: f})
				}
			}
		}
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	p := s.progress("find", len(tasks))
	if err := each(ctx, s.workers(), tasks, func(t *task, cpus []int) {
		for _, narrow := range []string{s.narrow(t.arm, t.function), ""} {
			t.out = s.run(ctx, s.arms()[t.arm].binary(t.pkg, t.function), cpus, max(s.Procs, 1), "^"+t.function+"$"+narrow, "1x")
			s.tell(Run{Stage: "find", Benchmark: t.function, Arm: armNames[t.arm]}, t.out, max(s.Procs, 1))
			p.ran(1)
			if narrow == "" || t.out.Err != nil || len(new(Recording).read(t.out.Stdout, t.pkg, max(s.Procs, 1), of(t.function))) > 0 {
				break
			}
		}
		p.done(t.function)
	}); err != nil {
		return nil, err
	}

	found := &Found{Head: s.recording(s.Head), first: [2]map[Item]line{{}, {}}}
	recs := []*Recording{nil, found.Head}
	if s.Base != nil {
		found.Base = s.recording(s.Base)
		recs[0] = found.Base
	}
	broken := [2]map[Item]Failure{{}, {}} // by function
	seen := map[Item]bool{}
	for _, t := range tasks {
		lines := recs[t.arm].read(t.out.Stdout, t.pkg, max(s.Procs, 1), of(t.function))
		for _, l := range lines {
			l.pair = 1
			it := Item{Package: t.pkg, Name: s.headName(t.arm, l.name)}
			if _, twice := found.first[t.arm][it]; twice {
				recs[t.arm].fail(l.name, "it printed more than one result line")
			}
			found.first[t.arm][it] = l
			if !seen[it] {
				seen[it] = true
				found.Items = append(found.Items, it)
			}
		}
		if t.out.Err != nil {
			broken[t.arm][Item{Package: t.pkg, Name: t.function}] = Failure{Name: t.function, Text: failureText(t.out)}
		} else if len(lines) == 0 {
			broken[t.arm][Item{Package: t.pkg, Name: t.function}] = Failure{Name: t.function, Text: errNoResult.Error()}
		}
	}
	if err := s.retry(ctx, found, recs, broken); err != nil {
		return nil, err
	}
	for i, rec := range recs {
		if rec == nil {
			continue
		}
		for _, it := range found.Items {
			if l, ok := found.first[i][it]; ok {
				rec.lines = append(rec.lines, l)
			}
		}
	}
	return found, nil
}

// of reports of a benchmark whether it is in the function.
func of(function string) func(name string) bool {
	return func(name string) bool { return name == function || strings.HasPrefix(name, function+"/") }
}

// retry runs alone what an arm did not reach since the function broke off in an earlier part.
func (s *Session) retry(ctx context.Context, found *Found, recs []*Recording, broken [2]map[Item]Failure) error {
	for i, arm := range s.arms() {
		if arm == nil {
			continue
		}
		for _, b := range arm.Binaries {
			for _, f := range b.Functions {
				failure, ok := broken[i][Item{Package: b.Package, Name: f}]
				if !ok {
					continue
				}
				single, retried := 0, 0
				for _, it := range found.Items {
					name := s.nameIn(i, it, f)
					if it.Package != b.Package || name == "" {
						continue
					}
					if _, ok := found.first[i][it]; ok {
						continue
					}
					retried++
					out := s.run(ctx, &b, s.workers()[0], max(s.Procs, 1), pattern(name), "1x")
					s.tell(Run{Stage: "find", Benchmark: name, Arm: armNames[i]}, out, max(s.Procs, 1))
					if err := ctx.Err(); err != nil {
						return context.Cause(ctx)
					}
					lines := recs[i].read(out.Stdout, b.Package, max(s.Procs, 1), func(line string) bool { return line == name })
					if out.Err == nil && len(lines) == 1 {
						lines[0].pair = 1
						found.first[i][it] = lines[0]
						continue
					}
					single++
					recs[i].fail(name, failureText(out))
				}
				// Nobody can be blamed alone: the function itself failed.
				if single == 0 && !(retried > 0 && failure.Text == errNoResult.Error()) {
					recs[i].fail(failure.Name, failure.Text)
				}
			}
		}
	}
	return nil
}

// run runs one benchmark in a process of its own.
func (s *Session) run(ctx context.Context, b *Binary, cpus []int, procs int, bench, benchtime string) Output {
	return s.Exec.Run(ctx, Command{
		Path: b.Path,
		Args: []string{
			"-test.run=^$", "-test.bench=" + bench, "-test.benchtime=" + benchtime, "-test.count=1",
			"-test.benchmem", fmt.Sprintf("-test.cpu=%d", procs),
			// The name of a benchmark is then printed with its result, and not before it runs: what it prints
			// itself does not come between.
			"-test.v",
		},
		Dir: b.Dir, Env: append(CleanEnv(), "PWD="+b.Dir), CPUs: cpus,
		// The testing package's own time limit does not cover benchmarks.
		Limit: s.Limit,
	})
}

var armNames = [2]string{"base", "head"}

// tell hands r on, with the results that its process printed of the benchmark. It ran with procs Go
// processors.
func (s *Session) tell(r Run, out Output, procs int) {
	if s.Ran == nil {
		return
	}
	var lines []line
	for _, text := range strings.Split(string(out.Stdout), "\n") {
		if l, ok := parseLine(strings.TrimRight(text, "\r"), procs); ok && of(r.Benchmark)(l.name) {
			lines = append(lines, l)
		}
	}
	var values []string
	for _, l := range lines {
		f := strings.Fields(l.text)
		if len(lines) == 1 {
			f = f[1:]
		}
		values = append(values, strings.TrimPrefix(strings.Join(f, " "), "Benchmark"))
	}
	r.Benchmark = strings.TrimPrefix(r.Benchmark, "Benchmark")
	r.Took, r.Values, r.Err = out.Took, strings.Join(values, "; "), out.Err
	s.ranMu.Lock()
	defer s.ranMu.Unlock()
	s.Ran(r)
}

// functionOf returns the benchmark function of a benchmark's name.
func functionOf(name string) string {
	function, _, _ := strings.Cut(name, "/")
	return function
}

// pattern matches one benchmark and no other.
func pattern(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}

// failureText says how a process ended, with its last words.
func failureText(out Output) string {
	reason := errNoResult.Error()
	if out.Err != nil {
		reason = out.Err.Error()
	}
	var words []string
	for _, s := range strings.Split(string(out.Stdout)+"\n"+string(out.Stderr), "\n") {
		_, isResult := parseLine(s, 1)
		head, _, _ := strings.Cut(s, ":")
		if s = strings.TrimSpace(s); s == "" || isResult || isName(s) || strings.HasPrefix(s, "=== RUN ") || s == "FAIL" || slices.Contains([]string{"goos", "goarch", "pkg", "cpu"}, head) || strings.HasPrefix(s, "Unit ") {
			continue
		}
		words = append(words, s)
	}
	// What went wrong comes first in the reason: it is what a short report shows.
	for _, s := range words {
		if _, msg, ok := strings.Cut(s, "panic: "); ok {
			reason = "panic: " + msg + " (" + reason + ")"
			break
		}
	}
	return strings.Join(append([]string{reason}, words[:min(len(words), maxFailureLines-1)]...), "\n")
}

func (s *Session) arms() [2]*Arm { return [2]*Arm{s.Base, s.Head} }

// workers returns the processors of each worker: one each, unless benchmarks run on several.
func (s *Session) workers() [][]int {
	if len(s.CPUs) == 0 {
		return [][]int{nil}
	}
	if s.Procs > 1 {
		return [][]int{s.CPUs[:min(s.Procs, len(s.CPUs))]}
	}
	var out [][]int
	for _, cpu := range s.CPUs {
		out = append(out, []int{cpu})
	}
	return out
}

// bounded returns a context that ends at the deadline too.
func (s *Session) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.Deadline.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadlineCause(ctx, s.Deadline, ErrDeadline)
}

// each runs f on every task with so many workers as there are sets of processors, and returns when all
// have ended. The error is the cause of ctx.
func each[T any](ctx context.Context, workers [][]int, tasks []T, f func(t T, cpus []int)) error {
	queue := make(chan T)
	var wg sync.WaitGroup
	for _, cpus := range workers {
		wg.Go(func() {
			for t := range queue {
				f(t, cpus)
			}
		})
	}
feed:
	for _, t := range tasks {
		select {
		case queue <- t:
		case <-ctx.Done():
			break feed
		}
	}
	close(queue)
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// A meter counts the tasks of a stage.
type meter struct {
	mu   sync.Mutex
	p    Progress
	tell func(Progress)
}

func (s *Session) progress(stage string, total int) *meter {
	m := &meter{p: Progress{Stage: stage, Total: total}, tell: s.Progress}
	if m.tell == nil {
		m.tell = func(Progress) {}
	}
	m.tell(m.p)
	return m
}

func (m *meter) done(what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Done++
	m.p.What = strings.TrimPrefix(what, "Benchmark")
	m.tell(m.p)
}

// end says that the stage ends before all is done.
func (m *meter) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.p.Done < m.p.Total {
		m.p.Total = m.p.Done
		m.tell(m.p)
	}
}

func (m *meter) ran(runs int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Runs += runs
	m.tell(m.p)
}

// ForgetDigests makes binaries that are the same pass for different ones.
func (s *Session) ForgetDigests() {
	for _, arm := range s.arms() {
		if arm == nil {
			continue
		}
		for i := range arm.Binaries {
			arm.Binaries[i].Digest = ""
		}
	}
}

// Again makes the next Measure a session of its own, in another order, which says why there is a
// second one.
func (s *Session) Again(why string) {
	s.id, s.stopped, s.repeated = "", "", why
	s.Seed++
}

// session returns a value that no other session has, by which pairs are told from chance numbers.
func (s *Session) session() string {
	if s.id == "" {
		b := make([]byte, 8)
		rand.Read(b) // never fails
		s.id = hex.EncodeToString(b)
	}
	return s.id
}

// recording starts a recording of an arm.
func (s *Session) recording(a *Arm) *Recording {
	v := a.Version
	commit := v.Commit
	if commit != "" && v.Dirty {
		commit += "+dirty"
	}
	most := 0
	if len(s.Looks) > 0 {
		most = s.Looks[len(s.Looks)-1]
	}
	method := fmt.Sprintf("up to %d pairs sharing one processor, iteration counts set to finish together", most)
	switch {
	case most == 0 && s.Base == nil:
		method = "one version, each process alone on a processor"
	case len(s.CPUs) == 0:
		method = fmt.Sprintf("up to %d pairs, one version after the other in random order", most)
	}
	r := &Recording{}
	if s.Confidence != "" {
		r.Config = [][2]string{{"perfgate-confidence", s.Confidence}}
	}
	r.Provenance = [][2]string{
		{"kind", "measured"}, {"session", s.session()}, {"ref", v.Ref}, {"why", v.Why}, {"commit", commit},
		{"tag", v.Tag}, {"commit-time", v.CommitTime}, {"measured", s.Now.UTC().Format(time.RFC3339)},
		{"go", a.Go}, {"seed", fmt.Sprint(s.Seed)}, {"method", method},
	}
	if len(s.Looks) > 0 && s.Base != nil {
		r.Provenance = append(r.Provenance, [2]string{"looks", strings.Trim(fmt.Sprint(s.Looks), "[]")})
	}
	if s.Comparisons > 0 {
		r.Provenance = append(r.Provenance, [2]string{"comparisons", fmt.Sprint(s.Comparisons)})
	}
	if n := s.relinks(); n > 0 {
		r.Provenance = append(r.Provenance, [2]string{"layouts", fmt.Sprint(n)})
	}
	if s.repeated != "" {
		r.Provenance = append(r.Provenance, [2]string{"repeated", s.repeated})
	}
	if s.stopped != "" {
		r.Provenance = append(r.Provenance, [2]string{"stopped", s.stopped})
	}
	for _, b := range a.Binaries {
		if b.Digest != "" {
			r.Provenance = append(r.Provenance, [2]string{"binary." + b.Package, b.Digest})
		}
	}
	r.Provenance = append(r.Provenance, s.Environment...)
	return r
}
