package bottleneck

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The numbers that the rules go by, shares unless said otherwise. They are the ones that docs/profile.md states.
const (
	boundWaiting = 0.50 // of the wall time without a processor: bounded by waiting
	boundGC      = 0.25 // of the processor's time: bounded by garbage collection
	boundAlloc   = 0.30 // the same together with allocating: bounded by allocating
	boundLock    = 0.50 // waits for locks over wall time, where processors idle too
	boundIdle    = 0.20 // of the processors: they idle
	boundTicks   = 30   // samples of the processor below which nothing is said
	boundNoise   = 0.30 // error of the shares beyond which nothing is said

	seeWaiting = 0.20
	seeLock    = 0.10
	seeGC      = 0.10
	seeAlloc   = 0.10
	seeSite    = 0.30 // of allocated bytes in one function
	seeHot     = 0.20 // of the processor's time in one function itself
	seeLibrary = 0.30 // in one package of others
	seeWork    = 0.15 // in maps, copies, hand-overs, system calls
	seeTimed   = 0.50 // less than that of the profile was timed
	seeNoise   = 0.10 // error of the shares, of the whole
)

// facts are what the rules look at.
type facts struct {
	in      Input
	b       *Benchmark
	modules []string
	sums    map[Kind]*sums
}

// work is the share of a kind of work in the processor's time.
func (f *facts) work(name string) float64 {
	if s := f.sums[CPU]; s != nil && s.total > 0 {
		return clamp(s.work[name] / s.total)
	}
	return 0
}

// ticks is how many samples of the processor's time there are.
func (f *facts) ticks() float64 {
	if s := f.sums[CPU]; s != nil {
		return max(0, s.samples)
	}
	return 0
}

// noise is by how much of the whole a share of the processor's time may be off: one standard error of a
// difference of two counts.
func (f *facts) noise() float64 {
	if f.ticks() == 0 {
		return 1
	}
	return clamp(math.Sqrt(f.sums[CPU].seen) / f.ticks())
}

// sampled reports whether there are samples enough to speak of shares of the processor's time.
func (f *facts) sampled() bool { return f.ticks() >= boundTicks && f.noise() <= boundNoise }

// locked is how many goroutines wait for a lock, on average over the wall time.
func (f *facts) locked() float64 {
	if s := f.sums[Mutex]; s != nil && f.in.Wall > 0 {
		return min(max(0, s.total/(f.in.Wall*1e9)), 1e6) // a wall time of next to nothing is none to divide by
	}
	return 0
}

// idle is the share of the processors that nobody used.
func (f *facts) idle() float64 {
	if f.b.Waiting == nil {
		return 0
	}
	own := f.in.Own
	if own == 0 {
		own = f.in.Wall
	}
	return clamp(1 - f.b.CPU/(own*1e9*float64(max(f.in.Processors, 1))))
}

func (f *facts) waiting() float64 {
	if f.b.Waiting == nil {
		return 0
	}
	return *f.b.Waiting
}

// most is the first-party function with the largest share of a cost, its own or in what it calls of
// others; without one, any function. The name is short enough for a sentence.
func (f *facts) most(kind Kind) (name string, share float64) {
	s := f.sums[kind]
	if s == nil {
		return "", 0
	}
	if name, share = first(s.near, s.total); name != "" {
		return name, share
	}
	return first(s.flat, s.total)
}

// caller is who of the first party calls most of a package or a kind of work.
func (f *facts) caller(of string) string {
	s := f.sums[CPU]
	if s == nil {
		return ""
	}
	name, _ := first(s.callers[of], s.total)
	return name
}

func first(parts map[string]float64, total float64) (string, float64) {
	sh := shares(parts, total, 1)
	if len(sh) == 0 {
		return "", 0
	}
	return short(sh[0].Name, 90), sh[0].Share
}

// bounds say what bounds a benchmark: the first row that has something to say.
var bounds = []struct {
	bound Bound
	why   func(f *facts) string
}{
	{Locking, func(f *facts) string {
		if l, i := f.locked(), f.idle(); l >= boundLock && i >= boundIdle {
			return fmt.Sprintf("%.1f goroutines wait for a lock at any time, and %s of the processors' time goes unused", l, percent(i))
		}
		return ""
	}},
	{Waiting, func(f *facts) string {
		if w := f.waiting(); w >= boundWaiting {
			return fmt.Sprintf("no processor is in use for %s of the time", percent(w))
		}
		return ""
	}},
	{Unknown, func(f *facts) string {
		if f.sampled() {
			return ""
		}
		return fmt.Sprintf("%.0f samples of the processor's time, with an error of %s, are too few to say", f.ticks(), percent(f.noise()))
	}},
	{Collecting, func(f *facts) string {
		if g := f.work(workGC); g >= boundGC {
			return fmt.Sprintf("it takes %s of the processor's time", percent(g))
		}
		return ""
	}},
	{Allocating, func(f *facts) string {
		if a, g := f.work(workAlloc), f.work(workGC); a+g >= boundAlloc {
			return fmt.Sprintf("it takes %s of the processor's time, and garbage collection %s", percent(a), percent(g))
		}
		return ""
	}},
	{Computing, func(f *facts) string {
		return fmt.Sprintf("waiting takes %s of the time; of the processor's, garbage collection %s and allocating %s",
			percent(f.waiting()), percent(f.work(workGC)), percent(f.work(workAlloc)))
	}},
}

func (f *facts) bound() (Bound, string) {
	for _, b := range bounds {
		if why := b.why(f); why != "" {
			return b.bound, why
		}
	}
	return Unknown, "no rule applies"
}

// A rule looks at the facts, and says what it saw and what to try; nothing where it does not apply.
type rule struct {
	name string
	see  func(f *facts) []Finding
}

func one(value float64, next, saw string, args ...any) []Finding {
	return []Finding{{Saw: fmt.Sprintf(saw, args...), Value: value, Next: next}}
}

// rules are all of them, in the order in which findings are shown: what fails first, then by how much
// there usually is to gain.
var rules = []rule{
	{"growth", func(f *facts) []Finding {
		var out []Finding
		for _, g := range f.in.Growth {
			key := short(g.Key, 40)
			out = append(out, one(g.Exponent,
				"profile the smallest and the largest "+key+", and look for the function whose share grows: a loop within a loop over "+key,
				"%s grows with exponent %.2f over %s; its limit is %s", short(g.Unit, 40), g.Exponent, key, short(g.Limit, 60))...)
		}
		return out
	}},
	{"virtual time", func(f *facts) []Finding {
		var out []Finding
		for _, v := range f.in.Values {
			for _, u := range units {
				if v.Unit == u.unit && v.Value >= u.atLeast {
					out = append(out, one(v.Value/100, u.next, "%.0f %% of %s", math.Round(v.Value), u.saw)...)
				}
			}
		}
		return out
	}},
	{"waiting", func(f *facts) []Finding {
		w := f.waiting()
		if w < seeWaiting {
			return nil
		}
		saw := fmt.Sprintf("no processor is in use for %s of the time", percent(w))
		if name, share := f.most(Block); name != "" {
			saw += fmt.Sprintf("; %s of the waits for locks and channels are in %s", percent(share), name)
		}
		return one(w, "it waits for something else than a processor: fewer round trips, larger batches, or more of them under way at once", "%s", saw)
	}},
	{"lock", func(f *facts) []Finding {
		l := f.locked()
		if l < seeLock {
			return nil
		}
		name, share := f.most(Mutex)
		return one(l, "hold that lock for less, split it, or give each goroutine its own", "waits for locks take %s of the wall time, %s of them for what %s held", percent(l), percent(share), name)
	}},
	{"garbage collection", func(f *facts) []Finding {
		g := f.work(workGC)
		if g < seeGC {
			return nil
		}
		name, share := f.most(Alloc)
		if name == "" {
			return one(g, "allocate less in each iteration", "garbage collection takes %s of the processor's time", percent(g))
		}
		return one(g, "reuse what "+name+" allocates from one call to the next",
			"garbage collection takes %s of the processor's time: one iteration allocates %s, %s of it for %s", percent(g), byteCount(f.sums[Alloc].total), percent(share), name)
	}},
	{"allocating", func(f *facts) []Finding {
		a := f.work(workAlloc)
		if a < seeAlloc {
			return nil
		}
		saw := fmt.Sprintf("allocating takes %s of the processor's time", percent(a))
		if who := f.caller(workAlloc); who != "" {
			saw += ", mostly for " + who
		}
		return one(a, "make fewer allocations there: one slice with room for all, values instead of pointers", "%s", saw)
	}},
	{"allocation site", func(f *facts) []Finding {
		// Worth a word of its own where allocations are what failed.
		if !slices.ContainsFunc(f.in.Failed, func(s string) bool { return strings.HasPrefix(s, "B/op") || strings.HasPrefix(s, "allocs/op") }) {
			return nil
		}
		name, share := f.most(Alloc)
		if share < seeSite {
			return nil
		}
		return one(share, "look there first for what was not allocated before", "%s allocates %s of the %s of one iteration", name, percent(share), byteCount(f.sums[Alloc].total))
	}},
	{"hot function", func(f *facts) []Finding {
		s := f.sums[CPU]
		if s == nil || !f.sampled() {
			return nil
		}
		for _, sh := range shares(s.flat, s.total, len(s.flat)) {
			if originOf(packageOf(sh.Name), f.modules) == firstParty {
				if sh.Share < seeHot {
					return nil
				}
				return one(sh.Share, "begin there: of all first-party functions it has the most to save", "%s itself takes %s of the processor's time", short(sh.Name, 90), percent(sh.Share))
			}
		}
		return nil
	}},
	{"library", func(f *facts) []Finding {
		s := f.sums[CPU]
		if s == nil || !f.sampled() {
			return nil
		}
		for _, sh := range shares(s.packages, s.total, len(s.packages)) {
			o := originOf(packageOf(sh.Name+".f"), f.modules)
			if o == firstParty || o == inRuntime {
				continue
			}
			if sh.Share < seeLibrary {
				return nil
			}
			saw := fmt.Sprintf("package %s takes %s of the processor's time", short(sh.Name, 90), percent(sh.Share))
			if who := f.caller(sh.Name); who != "" {
				saw += ", mostly called from " + who
			}
			return one(sh.Share, "call it less often: for many at once, only where the result is needed, or once with the result kept", "%s", saw)
		}
		return nil
	}},
	workRule("maps", workMap, "index a slice instead, or look an entry up once and keep it"),
	workRule("copies", workCopy, "hand slices on instead of copies, and give buffers their size at once"),
	workRule("hand-over", workSchedule, "do more for each message between goroutines, or use fewer of them"),
	workRule("system calls", workSystem, "make fewer and larger reads and writes"),
	{"timed share", func(f *facts) []Finding {
		t := f.b.Timed
		if t == nil || *t >= seeTimed || !f.sampled() {
			return nil
		}
		return one(*t, "shares are of all of it: look at what is prepared outside of the timer before believing them",
			"only %s of the profiled processor time was inside the benchmark's timer", percent(*t))
	}},
	{"few samples", func(f *facts) []Finding {
		n := f.noise()
		if n <= seeNoise || f.waiting() >= boundWaiting {
			return nil
		}
		return one(n, "profile for longer with --run-time", "shares of the processor's time rest on %.0f samples, and may be off by %s of the whole", f.ticks(), percent(n))
	}},
}

// workRule is the rule of a kind of work that is worth a word from seeWork on.
func workRule(name, work, next string) rule {
	return rule{name, func(f *facts) []Finding {
		share := f.work(work)
		if share < seeWork || !f.sampled() {
			return nil
		}
		saw := fmt.Sprintf("%s: %s of the processor's time", work, percent(share))
		if who := f.caller(work); who != "" {
			saw += ", mostly for " + who
		}
		return one(share, next, "%s", saw)
	}}
}

// units are what benchmarks in virtual time print of where that time goes, in percent: computation takes
// none of it, so that no profile can show it.
var units = []struct {
	unit    string
	atLeast float64
	saw     string
	next    string
}{
	{"delay-%", 50, "the virtual time is spent on the wire", "the network bounds it: fewer legs, or more in each of them"},
	{"timer-%", 10, "the virtual time is spent until a timer sends again what was lost", "more parity, so that less has to be sent again, or timers nearer to the round trip"},
	{"processing-%", 30, "the virtual time is spent by peers busy with datagrams", "fewer and larger datagrams"},
	{"digest-%", 20, "the processor's time is spent on digests", "keep digests up to date as records come, instead of computing them anew"},
}

// percent says a share.
func percent(share float64) string {
	switch p := 100 * share; {
	case p > 0 && p < 1:
		return "under 1 %"
	case p > 99 && p < 100:
		return "over 99 %"
	default:
		return fmt.Sprintf("%.0f %%", p)
	}
}

// byteCount says a number of bytes.
func byteCount(n float64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", n/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", n/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", n/(1<<10))
	}
	return fmt.Sprintf("%.0f B", n)
}
