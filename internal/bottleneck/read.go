package bottleneck

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/google/pprof/profile"
)

// The bounds of a profile that is read: its bytes without compression, the frames of a stack that are
// kept, and the length of a name.
const (
	maxPlain  = 128 << 20
	maxFrames = 512
	maxName   = 160
)

// sampleTypes names the value of each kind within a profile, and the factor that makes it nanoseconds
// or bytes.
var sampleTypes = map[Kind][2]string{
	CPU: {"cpu", "nanoseconds"}, Alloc: {"alloc_space", "bytes"}, Mutex: {"delay", "nanoseconds"}, Block: {"delay", "nanoseconds"},
}

// sums are the costs of one iteration, added up in several ways. Since they are differences of two
// profiles, single ones may be below zero.
type sums struct {
	// samples is the difference of two numbers of samples, seen is both together.
	total, samples, seen float64

	origins, packages, flat, cumulative, work map[string]float64
	// near puts a cost down to the first-party function that stands nearest to it. Callers does so for the
	// cost in each package, and for each kind of work.
	near    map[string]float64
	callers map[string]map[string]float64
}

func newSums() *sums {
	return &sums{
		origins: map[string]float64{}, packages: map[string]float64{}, flat: map[string]float64{}, cumulative: map[string]float64{},
		work: map[string]float64{}, near: map[string]float64{}, callers: map[string]map[string]float64{},
	}
}

// read adds up the difference of two profiles, for one iteration.
func read(raw Raw, modules []string) (*sums, error) {
	s := newSums()
	err := raw.each(sampleTypes[raw.Kind], func(sample *profile.Sample, sign, value float64) {
		s.take(sample, raw.Kind, sign, value, modules)
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// take adds a sample, with the sign of its profile and its signed value in one iteration.
func (s *sums) take(sample *profile.Sample, kind Kind, sign, value float64, modules []string) {
	st, _ := frames(sample)
	if len(st) == 0 || harness(st, kind, modules) {
		return
	}
	// The first value counts: ticks of the processor's time, objects, waits.
	s.samples += sign * float64(sample.Value[0])
	s.seen += float64(sample.Value[0])
	s.add(st, kind, value, modules)
}

// each calls do for every sample of both profiles of the pair: with the sign of the profile, and with the signed
// value of the type in one iteration.
func (raw Raw) each(of [2]string, do func(s *profile.Sample, sign, value float64)) error {
	if raw.Few < 0 || raw.Many <= raw.Few {
		return fmt.Errorf("%d iterations less %d leave none", raw.Many, raw.Few)
	}
	for _, half := range []struct {
		data []byte
		sign float64
	}{{raw.Long, +1}, {raw.Short, -1}} {
		plain, err := uncompress(half.data)
		if err != nil {
			return err
		}
		err = eachSample(plain, of, func(s *profile.Sample, value int64) {
			do(s, half.sign, half.sign*float64(value)/float64(raw.Many-raw.Few))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachSample calls do for every sample of a profile with its value of the type, without trusting the profile.
func eachSample(plain []byte, of [2]string, do func(s *profile.Sample, value int64)) error {
	p, err := profile.ParseUncompressed(plain)
	if err != nil {
		return err
	}
	if err := p.CheckValid(); err != nil {
		return err
	}
	at := slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Type == of[0] && t.Unit == of[1] })
	if at < 0 {
		return fmt.Errorf("it has no values of %s in %s", of[0], of[1])
	}
	for _, s := range p.Sample {
		do(s, s.Value[at])
	}
	return nil
}

// uncompress returns the bytes of a profile, of which a few may stand for very many.
func uncompress(data []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("it is not compressed as profiles are: %w", err)
	}
	plain, err := io.ReadAll(io.LimitReader(z, maxPlain+1))
	if err != nil {
		return nil, fmt.Errorf("uncompress it: %w", err)
	}
	if len(plain) > maxPlain {
		return nil, fmt.Errorf("it is over %d MiB", maxPlain>>20)
	}
	return plain, nil
}

// frames lists the functions of a sample, the innermost first, and which of them are inlined.
func frames(s *profile.Sample) (st []string, inlined []bool) {
	for _, loc := range s.Location {
		for i, l := range loc.Line {
			if len(st) == maxFrames {
				return st, inlined
			}
			if l.Function != nil && l.Function.Name != "" {
				st, inlined = append(st, short(l.Function.Name, maxName)), append(inlined, i < len(loc.Line)-1)
			}
		}
	}
	return st, inlined
}

// short cuts a name and takes out what cannot be seen.
func short(name string, limit int) string {
	if name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, "")); len(name) <= limit {
		return name
	}
	return strings.ToValidUTF8(name[:limit-len("…")], "") + "…"
}

// packageOf returns the import path of a function's package: what stands before the first full stop
// after the last slash. Names of assembly have none, and are the runtime's.
func packageOf(function string) string {
	name, _, _ := strings.Cut(function, "[") // type arguments have paths of their own
	if strings.HasPrefix(name, "type:") {
		return "runtime" // made by the compiler
	}
	slash := strings.LastIndexByte(name, '/') + 1
	dot := strings.IndexByte(name[slash:], '.')
	if dot < 0 {
		return "runtime"
	}
	// Full stops in the last element of a path are written so in symbols.
	return strings.ReplaceAll(name[:slash+dot], "%2e", ".")
}

// The origins of a package.
const (
	firstParty = "first-party"
	standard   = "standard library"
	inRuntime  = "runtime"
	others     = "other modules"
)

// originOf says whose a package is.
func originOf(pkg string, modules []string) string {
	for _, m := range modules {
		if pkg == m || strings.HasPrefix(pkg, m+"/") || pkg == m+"_test" {
			return firstParty
		}
	}
	first, _, _ := strings.Cut(pkg, "/")
	switch {
	case pkg == "main":
		return firstParty
	case pkg == "runtime" || strings.HasPrefix(pkg, "runtime/internal/") || strings.HasPrefix(pkg, "internal/runtime/"):
		return inRuntime
	case strings.Contains(first, "."):
		return others
	}
	return standard
}

// waiters are the packages whose functions wait on behalf of their callers.
var waiters = []string{"sync", "internal/sync", "internal/poll", "sync/atomic"}

// owner is the place in a stack that a cost is put down to: the innermost function, or for waits the
// innermost that is not itself a way of waiting.
func owner(st []string, kind Kind, modules []string) int {
	if kind == CPU || kind == Alloc {
		return 0
	}
	for i, f := range st {
		if pkg := packageOf(f); originOf(pkg, modules) != inRuntime && !slices.Contains(waiters, pkg) {
			return i
		}
	}
	return 0
}

// harness reports whether a stack is of what runs benchmarks and writes profiles, rather than of a
// benchmark: package testing, or the writer of profiles, stands nearer to the cost than any code that is
// not of the standard library.
func harness(st []string, kind Kind, modules []string) bool {
	for _, f := range st {
		pkg := packageOf(f)
		if pkg == "testing" || pkg == "testing/internal/testdeps" || pkg == "runtime/pprof" {
			return true
		}
		if o := originOf(pkg, modules); o == others || o == firstParty {
			return false
		}
	}
	// Parked goroutines of the standard library wait for nothing that a benchmark does.
	return kind == Block && st[len(st)-1] == "os/signal.loop"
}

// add puts a cost down to everything that it belongs to.
func (s *sums) add(st []string, kind Kind, v float64, modules []string) {
	own := st[owner(st, kind, modules)]
	pkg := packageOf(own)
	from := originOf(pkg, modules)
	s.total += v
	s.flat[own] += v
	s.packages[pkg] += v
	if kind == CPU {
		w := workOf(st)
		s.work[w] += v
		if w == workGC {
			from = workGC
		}
	}
	s.origins[from] += v
	seen := map[string]bool{} // a function counts once, whatever the recursion
	for _, f := range st {
		if !seen[f] && !around(f) {
			s.cumulative[f] += v
		}
		seen[f] = true
	}
	i := slices.IndexFunc(st, func(f string) bool { return originOf(packageOf(f), modules) == firstParty })
	if i < 0 {
		return
	}
	s.near[st[i]] += v
	for _, of := range []string{pkg, workOf(st)} {
		if s.callers[of] == nil {
			s.callers[of] = map[string]float64{}
		}
		s.callers[of][st[i]] += v
	}
}

// around reports whether a function stands around every benchmark, and so says nothing of one.
func around(f string) bool {
	return packageOf(f) == "testing" || f == "runtime.goexit" || f == "runtime.main" || f == "main.main"
}
