package measure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A ProfileKind is what a profile shows.
type ProfileKind int

// The kinds of profiles, in the order in which they are taken.
const (
	CPUProfile   ProfileKind = iota // where processors are used
	AllocProfile                    // who allocates how many bytes
	MutexProfile                    // who holds locks for which others wait
	BlockProfile                    // who waits for locks and channels
	profileKinds
)

// profileFlags are the flags of a test binary for each kind; %s is the file. A sample is taken of
// every 4 KiB allocated, of every wait for a lock, and of every wait of a microsecond or, by chance, less.
var profileFlags = [profileKinds][]string{
	CPUProfile:   {"-test.cpuprofile=%s"},
	AllocProfile: {"-test.memprofile=%s", "-test.memprofilerate=4096"},
	MutexProfile: {"-test.mutexprofile=%s", "-test.mutexprofilefraction=1"},
	BlockProfile: {"-test.blockprofile=%s", "-test.blockprofilerate=1000"},
}

// ProfileKinds returns all kinds.
func ProfileKinds() []ProfileKind {
	return []ProfileKind{CPUProfile, AllocProfile, MutexProfile, BlockProfile}
}

// A Metric is one value of a result line.
type Metric struct {
	Unit  string
	Value float64
}

// A ProfilePair is two profiles of one kind in the format of pprof, compressed: of few iterations and
// of many. What a benchmark prepares once is in both, so that the difference is that of
// Many-Few iterations.
type ProfilePair struct {
	Kind        ProfileKind
	Few, Many   int // iterations
	Short, Long []byte
}

// A Profiled is what the runs of one benchmark showed.
type Profiled struct {
	Item Item
	// Iterations and Values are of a run without a profile; times are in seconds for one iteration: on
	// the clock on the wall, and by the process's own clock as units own-ns/op and cpu-ns/op say, or 0.
	Iterations     int
	Wall, Own, CPU float64
	Values         []Metric
	Pairs          []ProfilePair // one of each kind
}

const (
	// fewIterations is two and not one: a benchmark that counts to b.N is run once with one iteration
	// before, and both runs should have that.
	fewIterations = 2
	// leastIterations is how many more than a few are run of a benchmark that takes long.
	leastIterations = 2
	// mostTargets is how many times Target is run where preparing takes long.
	mostTargets = 4
	// maxProfile bounds a profile that is read; real ones have less than a hundredth of it.
	maxProfile = 32 << 20
)

// Profile runs one benchmark of head without a profile for as long as Target says, and then for every
// kind of profile twice with fixed iterations, each in a process of its own, so that no kind disturbs
// another. Files are written below dir. The error is the cause of ctx, or says how the benchmark ended.
func (s *Session) Profile(ctx context.Context, it Item, dir string) (*Profiled, error) {
	b := s.Head.binary(it.Package, functionOf(it.Name))
	if b == nil {
		return nil, fmt.Errorf("profile %s: no such benchmark", it.Name)
	}
	procs := max(s.Procs, 1)
	run := func(benchtime string, flags ...string) (line, error) {
		out := s.Exec.Run(ctx, Command{
			Path: b.Path,
			Args: append([]string{
				"-test.run=^$", "-test.bench=" + pattern(it.Name), "-test.benchtime=" + benchtime, "-test.count=1",
				"-test.benchmem", fmt.Sprintf("-test.cpu=%d", procs), "-test.v",
			}, flags...),
			Dir: b.Dir, Env: append(CleanEnv(), "PWD="+b.Dir), Limit: s.Limit,
		})
		if ctx.Err() != nil {
			return line{}, context.Cause(ctx)
		}
		var r Recording
		lines := r.read(out.Stdout, b.Package, procs, func(name string) bool { return name == it.Name })
		if out.Err != nil || len(lines) != 1 {
			return line{}, fmt.Errorf("profile %s: %s", it.Name, oneLine(failureText(out)))
		}
		lines[0].took = out.Took
		return lines[0], nil
	}
	plain, err := run(s.Target.String())
	if err != nil {
		return nil, err
	}
	p := &Profiled{Item: it, Iterations: plain.iterations, Wall: plain.secPerOp, Own: plain.own, CPU: plain.cpu, Values: metrics(plain.text)}
	// What is prepared is sampled too. Where that takes long, more iterations keep it from drowning them.
	many := float64(plain.iterations)
	if timed := plain.secPerOp * many; timed > 0 {
		// On a processor that others use too, fewer iterations fit into the time than ought to.
		many *= plain.secPerOp / plain.seconds() * min(max((plain.took.Seconds()-timed)/timed, 1), mostTargets)
	}
	many = min(max(many, fewIterations+leastIterations), 1e9)
	for _, kind := range ProfileKinds() {
		pair := ProfilePair{Kind: kind, Few: fewIterations, Many: int(many)}
		for _, half := range []struct {
			n    int
			data *[]byte
		}{{pair.Few, &pair.Short}, {pair.Many, &pair.Long}} {
			file := filepath.Join(dir, fmt.Sprintf("%d-%d.pprof", kind, half.n))
			flags := make([]string, len(profileFlags[kind]))
			for i, f := range profileFlags[kind] {
				flags[i] = strings.Replace(f, "%s", file, 1)
			}
			if _, err := run(fmt.Sprintf("%dx", half.n), flags...); err != nil {
				return nil, err
			}
			if *half.data, err = readProfile(file); err != nil {
				return nil, fmt.Errorf("profile %s: %w", it.Name, err)
			}
		}
		p.Pairs = append(p.Pairs, pair)
	}
	return p, nil
}

// readProfile reads and removes a file that a benchmark's process wrote, or put there instead.
func readProfile(name string) ([]byte, error) {
	defer os.Remove(name)
	info, err := os.Lstat(name)
	if err != nil {
		return nil, errors.New("its process wrote no profile")
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("its profile is no regular file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxProfile+1))
	if err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	if len(data) > maxProfile {
		return nil, fmt.Errorf("its profile is over %d MiB", maxProfile>>20)
	}
	return data, nil
}

// metrics lists the values of a result line that parseLine has read.
func metrics(text string) []Metric {
	var out []Metric
	f := strings.Fields(text)
	for i := 2; i+1 < len(f); i += 2 {
		if v, err := strconv.ParseFloat(f[i], 64); err == nil && !math.IsInf(v, 0) && !math.IsNaN(v) {
			out = append(out, Metric{Unit: f[i+1], Value: v})
		}
	}
	return out
}

// Modules returns the paths of the modules that the version is of: one, or those of a workspace.
func (a *Arm) Modules(ctx context.Context, x Executor) ([]string, error) {
	list, err := a.golang(ctx, x, "list", "-m")
	if err != nil {
		return nil, err
	}
	return strings.Fields(list), nil
}
