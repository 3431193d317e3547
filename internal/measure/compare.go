package measure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// A ComparePlan says how profiles of two versions are taken.
type ComparePlan struct {
	Runs int           // profiles of each version and kind; 0 is 6
	Time time.Duration // of the iterations in each; 0 is 1 s
	// Most is about how long all of it may take: no further run begins after that once there are three. It
	// is an error where three would take longer. Zero is any.
	Most time.Duration
}

// A CompareRun is profiles of base and head that were taken at the same time, on one processor where the
// system can pin. Both did the same number of iterations.
type CompareRun struct {
	Kind ProfileKind
	Arms [2]ProfilePair // base, head
}

// A Comparison is the profiles of one benchmark in both versions.
type Comparison struct {
	Iterations int
	CPU, Alloc []CompareRun
}

const (
	compareRuns = 6
	leastRuns   = 3
	// allocRuns is fewer: every allocation is counted, so that runs differ little.
	allocRuns = 3
	// allocTime bounds the iterations whose allocations are counted one by one, which takes its time.
	allocTime = 150 * time.Millisecond
)

// everyAlloc counts each allocation and not one of so many bytes.
var everyAlloc = []string{"-test.memprofile=%s", "-test.memprofilerate=1"}

// Compare profiles one benchmark in both arms: base and head run together, with the same number of
// iterations, several times. Files are written below dir. The error is the cause of ctx, or says what
// cannot be profiled and why.
func (s *Session) Compare(ctx context.Context, it Item, dir string, plan ComparePlan) (*Comparison, error) {
	if plan.Runs == 0 {
		plan.Runs = compareRuns
	}
	if plan.Time == 0 {
		plan.Time = time.Second
	}
	c := comparing{s: s, it: it, dir: dir, names: [2]string{it.Name, it.Name}}
	other := ""
	for i, arm := range s.arms() {
		for _, name := range s.namesIn(i, it) {
			if b := arm.binary(it.Package, functionOf(name)); b != nil && c.bins[i] == nil {
				c.bins[i], c.names[i] = b, name
			} else if b != nil {
				other = name
			}
		}
		if c.bins[i] == nil {
			return nil, fmt.Errorf("compare profiles of %s: %s does not have it", it.Name, armNames[i])
		}
	}
	workers, began := s.workers(), time.Now()
	// One iteration more or less costs a slow benchmark a lot: find out how long it takes.
	slowest := 0.0
	var quick [2]line
	if err := c.both(ctx, workers[0], func(arm int, cpus []int) (err error) {
		quick[arm], err = c.run(ctx, arm, cpus, (plan.Time / 4).String())
		if err != nil && arm == 0 && other != "" && ctx.Err() == nil {
			// It has the name of head already.
			c.bins[0], c.names[0] = s.Base.binary(it.Package, functionOf(other)), other
			quick[arm], err = c.run(ctx, arm, cpus, (plan.Time / 4).String())
		}
		return err
	}); err != nil {
		return nil, err
	}
	for _, l := range quick {
		slowest = max(slowest, l.seconds())
	}
	many := func(t time.Duration) int {
		return int(min(max(t.Seconds()/max(slowest, 1e-9), fewIterations+leastIterations), 1e9))
	}
	n := many(plan.Time)
	// Two versions share a processor, and so many processors work side by side.
	each1 := 2 * float64(n+fewIterations) * slowest / float64(len(workers))
	if most := plan.Most.Seconds(); most > 0 {
		if leastRuns*each1 > most {
			return nil, fmt.Errorf("compare profiles of %s: %d runs of both versions would take %.0f s, more than %.0f s", it.Name, leastRuns, leastRuns*each1, most)
		}
		c.until = began.Add(plan.Most)
	}
	out := &Comparison{Iterations: n}
	var err error
	if out.Alloc, err = c.take(ctx, AllocProfile, everyAlloc, many(min(plan.Time, allocTime)), min(plan.Runs, allocRuns)); err != nil {
		return nil, err
	}
	if out.CPU, err = c.take(ctx, CPUProfile, profileFlags[CPUProfile], n, plan.Runs); err != nil {
		return nil, err
	}
	return out, nil
}

// A comparing is one Compare on its way.
type comparing struct {
	s     *Session
	it    Item
	dir   string
	bins  [2]*Binary
	names [2]string // of the benchmark, in base and in head
	// until is when no further run begins; zero is never.
	until time.Time
}

// take profiles both arms so many times.
func (c *comparing) take(ctx context.Context, kind ProfileKind, flags []string, many, runs int) ([]CompareRun, error) {
	out := make([]CompareRun, runs)
	errs := make([]error, runs)
	tasks := make([]int, runs)
	for i := range tasks {
		tasks[i] = i
	}
	if err := each(ctx, c.s.workers(), tasks, func(i int, cpus []int) {
		if i >= leastRuns && !c.until.IsZero() && time.Now().After(c.until) {
			return
		}
		out[i].Kind = kind
		for _, n := range []int{fewIterations, many} {
			if errs[i] == nil {
				errs[i] = c.both(ctx, cpus, func(arm int, cpus []int) error {
					return c.profile(ctx, arm, cpus, &out[i].Arms[arm], fmt.Sprintf("%d-%d-%d-%d.pprof", kind, i, arm, n), flags, n)
				})
			}
		}
	}); err != nil {
		return nil, err
	}
	for i, err := range errs {
		if err != nil {
			return nil, err
		}
		if out[i].Arms[0].Long == nil {
			return out[:i], nil // runs begin in their order
		}
		for arm := range out[i].Arms {
			p := &out[i].Arms[arm]
			p.Kind, p.Few, p.Many = kind, fewIterations, many
		}
	}
	return out, nil
}

// both does f for both arms: at once where they are pinned to processors, else one after the other.
func (c *comparing) both(ctx context.Context, cpus []int, f func(arm int, cpus []int) error) error {
	var errs [2]error
	if len(cpus) == 0 {
		for arm := range errs {
			errs[arm] = f(arm, nil)
		}
	} else {
		var wg sync.WaitGroup
		for arm := range errs {
			wg.Go(func() { errs[arm] = f(arm, cpus) })
		}
		wg.Wait()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(errs[:]...)
}

// profile takes one profile.
func (c *comparing) profile(ctx context.Context, arm int, cpus []int, p *ProfilePair, name string, flags []string, n int) error {
	file := filepath.Join(c.dir, name)
	args := make([]string, len(flags))
	for i, f := range flags {
		args[i] = strings.Replace(f, "%s", file, 1)
	}
	if _, err := c.run(ctx, arm, cpus, fmt.Sprintf("%dx", n), args...); err != nil {
		return err
	}
	data, err := readProfile(file)
	if err != nil {
		return fmt.Errorf("compare profiles of %s in %s: %w", c.it.Name, armNames[arm], err)
	}
	if n == fewIterations {
		p.Short = data
	} else {
		p.Long = data
	}
	return nil
}

// run runs the benchmark in one arm.
func (c *comparing) run(ctx context.Context, arm int, cpus []int, benchtime string, flags ...string) (line, error) {
	b, procs := c.bins[arm], max(c.s.Procs, 1)
	out := c.s.Exec.Run(ctx, Command{
		Path: b.Path,
		Args: append([]string{
			"-test.run=^$", "-test.bench=" + pattern(c.names[arm]), "-test.benchtime=" + benchtime, "-test.count=1",
			"-test.benchmem", fmt.Sprintf("-test.cpu=%d", procs), "-test.v",
		}, flags...),
		Dir: b.Dir, Env: append(CleanEnv(), "PWD="+b.Dir), CPUs: cpus, Limit: c.s.Limit,
	})
	if ctx.Err() != nil {
		return line{}, context.Cause(ctx)
	}
	var r Recording
	lines := r.read(out.Stdout, b.Package, procs, func(name string) bool { return name == c.names[arm] })
	if out.Err != nil || len(lines) != 1 {
		return line{}, fmt.Errorf("compare profiles of %s in %s: %s", c.it.Name, armNames[arm], oneLine(failureText(out)))
	}
	return lines[0], nil
}

// Has returns of each name whether the arm's binary of the package has a function of that name, as its
// table of functions says, which lists those too that are inlined everywhere. All are true where the
// binary cannot be read or another way of linking leaves no such table.
func (a *Arm) Has(pkg string, names []string) []bool {
	has := make([]bool, len(names))
	var data []byte
	if i := slices.IndexFunc(a.Binaries, func(b Binary) bool { return b.Package == pkg }); i >= 0 {
		data, _ = os.ReadFile(a.Binaries[i].Path)
	}
	if !bytes.Contains(data, []byte("\x00runtime.main\x00")) {
		for i := range has {
			has[i] = true
		}
		return has
	}
	for i, name := range names {
		// Of a generic function a profile leaves out the types.
		name, _, generic := strings.Cut(name, "[")
		end := "\x00"
		if generic {
			end = "["
		}
		has[i] = bytes.Contains(data, []byte("\x00"+name+end))
	}
	return has
}
