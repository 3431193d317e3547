package measure

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	mathrand "math/rand/v2"
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
	// Pairs counts the pairs that are kept of each timed benchmark. Two more run before them, to
	// find the iteration counts with which both finish together; they are dropped by plan, whatever
	// they show.
	Pairs int
	// Target is the time that one process of a pair measures for. Where it is not many of the
	// scheduler's slices these show; longer only costs time.
	Target time.Duration
	// Limit ends one process.
	Limit time.Duration
	// Seed determines the order of measuring.
	Seed uint64
	// Now is the time written into both recordings.
	Now time.Time
	// Environment adds to the provenance of both, such as the runner's image.
	Environment [][2]string
	// Progress is told what runs; it may be nil. It is called from one goroutine at a time.
	Progress func(Progress)

	id string
}

// Progress says how far a stage is.
type Progress struct {
	Stage       string // find or measure
	Done, Total int
	What        string // the benchmark whose measuring ended last
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
}

const (
	adaptPairs = 2
	aloneRuns  = 24
	exactRuns  = 2
)

// errNoResult says that a benchmark's process ended well and printed no result.
var errNoResult = errors.New("it printed no result line")

// Found is what a first run of every benchmark showed.
type Found struct {
	Items      []Item
	Base, Head *Recording // of the first run; Base is nil without a base
	first      [2]map[Item]line
}

// Find runs each of the functions once in each arm, one iteration, and so finds what benchmarks
// there are. Functions have the word Benchmark. A benchmark that one arm did not reach since its
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
				if slices.Contains(functions, f) {
					tasks = append(tasks, &task{arm: i, pkg: b.Package, function: f})
				}
			}
		}
	}
	p := s.progress("find", len(tasks))
	if err := each(ctx, s, tasks, func(t *task, cpu int) {
		t.out = s.run(ctx, s.arms()[t.arm].binary(t.pkg, t.function), cpu, "^"+t.function+"$", "1x")
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
		lines := recs[t.arm].read(t.out.Stdout, t.pkg, 1, func(name string) bool {
			return name == t.function || strings.HasPrefix(name, t.function+"/")
		})
		for _, l := range lines {
			it := Item{Package: t.pkg, Name: l.name}
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
					if it.Package != b.Package || it.Name != f && !strings.HasPrefix(it.Name, f+"/") {
						continue
					}
					if _, ok := found.first[i][it]; ok {
						continue
					}
					retried++
					out := s.run(ctx, &b, s.cpu(0), pattern(it.Name), "1x")
					if err := ctx.Err(); err != nil {
						return context.Cause(ctx)
					}
					lines := recs[i].read(out.Stdout, b.Package, 1, func(name string) bool { return name == it.Name })
					if out.Err == nil && len(lines) == 1 {
						found.first[i][it] = lines[0]
						continue
					}
					single++
					recs[i].fail(it.Name, failureText(out))
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

// Measure measures the items and returns the recordings of base and head; base is nil without one.
// An item that head does not have is not measured further.
func (s *Session) Measure(ctx context.Context, found *Found, items []Item) (base, head *Recording, err error) {
	works, steps := make([]*work, len(items)), 0
	order := mathrand.New(mathrand.NewPCG(s.Seed, 1))
	for i, it := range items {
		w := &work{Item: it, rng: mathrand.New(mathrand.NewPCG(s.Seed, uint64(i)+2))}
		plain := Item{Package: it.Package, Name: it.Name}
		for arm := range 2 {
			first, ok := found.first[arm][plain]
			if !ok {
				continue
			}
			function, _, _ := strings.Cut(it.Name, "/")
			w.bin[arm] = s.arms()[arm].binary(it.Package, function)
			_, inHead := found.first[1][plain]
			// Where nothing more is measured in this arm, this is what shows that it was there.
			if !it.Pairs && (!it.Alone || arm == 0) || !inHead {
				w.lines[arm] = append(w.lines[arm], first)
			}
		}
		w.steps = s.plan(w)
		steps += len(w.steps)
		works[i] = w
	}
	p := s.progress("measure", steps)
	// Round by round, so that the pairs of one benchmark spread over the session and a disturbance
	// of some seconds costs each a pair rather than one all of its.
	for round := 0; ; round++ {
		var now []*work
		for _, w := range works {
			if round < len(w.steps) {
				now = append(now, w)
			}
		}
		if len(now) == 0 {
			break
		}
		order.Shuffle(len(now), func(i, j int) { now[i], now[j] = now[j], now[i] })
		if err := each(ctx, s, now, func(w *work, cpu int) {
			if w.failed == nil {
				w.steps[round](ctx, w, cpu)
			}
			p.done(w.Name)
		}); err != nil {
			return nil, nil, err
		}
	}
	recs := [2]*Recording{nil, s.recording(s.Head)}
	recs[1].take(found.Head)
	if s.Base != nil {
		recs[0] = s.recording(s.Base)
		recs[0].take(found.Base)
	}
	for _, w := range works {
		for arm, rec := range recs {
			if rec == nil {
				continue
			}
			rec.lines = append(rec.lines, w.lines[arm]...)
			if w.failed != nil && w.failedArm == arm {
				rec.fails = slices.DeleteFunc(rec.fails, func(f Failure) bool { return f.Name == w.Name })
				rec.fails = append(rec.fails, *w.failed)
			}
		}
	}
	return recs[0], recs[1], nil
}

// take copies what the first run found out that is not a result.
func (r *Recording) take(from *Recording) {
	r.Config, r.units, r.fails = slices.Clone(from.Config), slices.Clone(from.units), slices.Clone(from.fails)
}

// A work is an item on its way.
type work struct {
	Item
	bin       [2]*Binary
	steps     []step
	rng       *mathrand.Rand
	n         [2]int    // iterations of the next run
	ratios    []float64 // head over base, in seconds per iteration, of each pair so far
	base      []float64 // seconds per iteration of base in each
	lines     [2][]line
	pairs     int
	failed    *Failure
	failedArm int
}

type step func(ctx context.Context, w *work, cpu int)

// plan lists the steps of an item. It depends on nothing that is measured: how often something runs
// must not follow from what came out.
func (s *Session) plan(w *work) []step {
	var steps []step
	if w.bin[1] == nil {
		return nil // that the base had it is known from the first run, and all that will be judged
	}
	if !w.Pairs && !w.Alone {
		for range exactRuns - 1 {
			steps = append(steps, s.exact)
		}
		return steps
	}
	steps = append(steps, s.calibrate)
	pairs := w.Pairs && w.bin[0] != nil
	if !pairs || w.Alone && len(s.CPUs) > 0 {
		for range aloneRuns {
			steps = append(steps, s.alone)
		}
	}
	if pairs {
		for i := range adaptPairs + s.Pairs {
			steps = append(steps, func(ctx context.Context, w *work, cpu int) { s.pair(ctx, w, cpu, i >= adaptPairs) })
		}
	}
	return steps
}

// exact runs each arm once more: a value that is called exact has to repeat.
func (s *Session) exact(ctx context.Context, w *work, cpu int) {
	for arm, b := range w.bin {
		if b == nil {
			continue
		}
		if l, ok := w.one(ctx, s, arm, cpu, "1x"); ok {
			l.pair = exactRuns
			w.lines[arm] = append(w.lines[arm], l)
		}
	}
}

// calibrate finds the iteration counts for Target.
func (s *Session) calibrate(ctx context.Context, w *work, cpu int) {
	for arm, b := range w.bin {
		if b == nil || arm == 0 && !w.Pairs {
			continue
		}
		l, ok := w.one(ctx, s, arm, cpu, (s.Target / 2).String())
		if !ok {
			return
		}
		w.n[arm] = 1
		if l.secPerOp > 0 {
			w.n[arm] = clampN(s.Target.Seconds() / l.secPerOp)
		}
	}
}

func clampN(x float64) int { return int(min(max(math.Round(x), 1), 1e9)) }

// alone runs head by itself.
func (s *Session) alone(ctx context.Context, w *work, cpu int) {
	if l, ok := w.one(ctx, s, 1, cpu, fmt.Sprintf("%dx", w.n[1])); ok {
		w.lines[1] = append(w.lines[1], l)
	}
}

// one runs one arm and takes its line; a failure ends the item.
func (w *work) one(ctx context.Context, s *Session, arm, cpu int, benchtime string) (line, bool) {
	return w.accept(ctx, arm, s.run(ctx, w.bin[arm], cpu, pattern(w.Name), benchtime))
}

func (w *work) accept(ctx context.Context, arm int, out Output) (line, bool) {
	var r Recording
	lines := r.read(out.Stdout, w.Package, 0, func(name string) bool { return name == w.Name })
	if out.Err == nil && len(lines) == 1 {
		return lines[0], true
	}
	if w.failed == nil && ctx.Err() == nil {
		w.failed, w.failedArm = &Failure{Name: w.Name, Text: failureText(out)}, arm
	}
	return line{}, false
}

// pair runs both arms as one pair. The iteration counts follow the ratio seen so far, so that both
// finish together: the slower one alone at the end would look faster than it is.
func (s *Session) pair(ctx context.Context, w *work, cpu int, keep bool) {
	var outs [2]Output
	first := w.rng.IntN(2)
	start := func(arm int) {
		outs[arm] = s.run(ctx, w.bin[arm], cpu, pattern(w.Name), fmt.Sprintf("%dx", w.n[arm]))
	}
	if len(s.CPUs) == 0 {
		start(first)
		start(1 - first)
	} else {
		var wg sync.WaitGroup
		wg.Go(func() { start(first) })
		start(1 - first)
		wg.Wait()
	}
	base, ok := w.accept(ctx, 0, outs[0])
	head, ok2 := w.accept(ctx, 1, outs[1])
	if !ok || !ok2 {
		return
	}
	if base.secPerOp > 0 && head.secPerOp > 0 {
		w.ratios = append(w.ratios, head.secPerOp/base.secPerOp)
		w.base = append(w.base, base.secPerOp)
		target := s.Target.Seconds()
		if len(s.CPUs) > 0 {
			target *= 2 // both shares of one processor together
		}
		w.n[0] = clampN(target / recent(w.base))
		w.n[1] = clampN(float64(w.n[0]) / recent(w.ratios))
	}
	if keep {
		w.pairs++
		base.pair, head.pair = w.pairs, w.pairs
		w.lines[0] = append(w.lines[0], base)
		w.lines[1] = append(w.lines[1], head)
	}
}

// recent returns the median of the last five values: one disturbed pair must not set the next off.
func recent(xs []float64) float64 {
	last := slices.Clone(xs[max(0, len(xs)-5):])
	slices.Sort(last)
	return last[len(last)/2]
}

// run runs one benchmark in a process of its own.
func (s *Session) run(ctx context.Context, b *Binary, cpu int, bench, benchtime string) Output {
	return s.Exec.Run(ctx, Command{
		Path: b.Path,
		Args: []string{
			"-test.run=^$", "-test.bench=" + bench, "-test.benchtime=" + benchtime, "-test.count=1",
			"-test.benchmem", "-test.cpu=1",
		},
		Dir: b.Dir, Env: append(CleanEnv(), "PWD="+b.Dir), CPU: cpu,
		// The testing package's own time limit does not cover benchmarks.
		Limit: s.Limit,
	})
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
		_, isResult := parseLine(s)
		head, _, _ := strings.Cut(s, ":")
		if s = strings.TrimSpace(s); s == "" || isResult || s == "FAIL" || slices.Contains([]string{"goos", "goarch", "pkg", "cpu"}, head) || strings.HasPrefix(s, "Unit ") {
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

func (s *Session) cpu(worker int) int {
	if len(s.CPUs) == 0 {
		return -1
	}
	return s.CPUs[worker]
}

// each runs f on every task, one worker per processor, and returns when all have ended. The error
// is the cause of ctx.
func each[T any](ctx context.Context, s *Session, tasks []T, f func(t T, cpu int)) error {
	queue := make(chan T)
	var wg sync.WaitGroup
	for worker := range max(1, len(s.CPUs)) {
		wg.Go(func() {
			for t := range queue {
				f(t, s.cpu(worker))
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
	method := fmt.Sprintf("%d pairs sharing one processor, iteration counts set to finish together", s.Pairs)
	if len(s.CPUs) == 0 {
		method = fmt.Sprintf("%d pairs, one version after the other in random order", s.Pairs)
	}
	r := &Recording{Provenance: [][2]string{
		{"kind", "measured"}, {"session", s.session()}, {"ref", v.Ref}, {"why", v.Why}, {"commit", commit},
		{"tag", v.Tag}, {"commit-time", v.CommitTime}, {"measured", s.Now.UTC().Format(time.RFC3339)},
		{"go", a.Go}, {"seed", fmt.Sprint(s.Seed)}, {"method", method},
	}}
	r.Provenance = append(r.Provenance, s.Environment...)
	return r
}
