package bottleneck

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
	"pgregory.net/rapid"
)

// A cost is one stack of a made-up profile, the innermost function first, joined by " < ", and its value.
type cost struct {
	stack string
	n     int64 // ticks, objects or waits
	value int64
}

// ticks is a stack of the processor's time of so many ticks.
func ticks(n int64, stack string) cost { return cost{stack, n, n * 10_000_000} }

var types = map[Kind][2]*profile.ValueType{
	CPU:   {{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
	Alloc: {{Type: "alloc_objects", Unit: "count"}, {Type: "alloc_space", Unit: "bytes"}},
	Mutex: {{Type: "contentions", Unit: "count"}, {Type: "delay", Unit: "nanoseconds"}},
	Block: {{Type: "contentions", Unit: "count"}, {Type: "delay", Unit: "nanoseconds"}},
}

// made returns a profile as a process writes it.
func made(t testing.TB, kind Kind, costs ...cost) []byte {
	t.Helper()
	ty := types[kind]
	p := &profile.Profile{SampleType: ty[:], PeriodType: ty[1], Period: 1}
	locs := map[string]*profile.Location{}
	for _, c := range costs {
		s := &profile.Sample{Value: []int64{c.n, c.value}}
		for _, name := range strings.Split(c.stack, " < ") {
			if locs[name] == nil {
				id := uint64(len(locs) + 1)
				f := &profile.Function{ID: id, Name: name}
				p.Function = append(p.Function, f)
				locs[name] = &profile.Location{ID: id, Line: []profile.Line{{Function: f}}}
				p.Location = append(p.Location, locs[name])
			}
			s.Location = append(s.Location, locs[name])
		}
		p.Sample = append(p.Sample, s)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const bench = " < m.BenchmarkX < testing.(*B).runN < runtime.goexit"

// input is a benchmark that ran 102 iterations where a few are 2, so that profiles are of 100.
func input(t testing.TB, profiles map[Kind][]cost) Input {
	in := Input{Name: "X", Iterations: 50, Processors: 1, Wall: 0.02, Own: 0.02, CPU: 0.02}
	for _, k := range []Kind{CPU, Alloc, Mutex, Block} {
		in.Profiles = append(in.Profiles, Raw{Kind: k, Few: 2, Many: 102, Short: made(t, k), Long: made(t, k, profiles[k]...)})
	}
	return in
}

func examine(t testing.TB, in Input) Benchmark {
	t.Helper()
	b, err := Examine(in, Options{Modules: []string{"m", "example.com/own"}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What is said of each of several benchmarks whose truth is known.
func TestWords(t *testing.T) {
	spin := ticks(200, "m.work"+bench)
	for _, c := range []struct {
		name     string
		profiles map[Kind][]cost
		change   func(in *Input)
		bound    Bound
		finds    []string // rule: part of what was seen, or of what to do
	}{
		{"computing", map[Kind][]cost{CPU: {spin}}, nil, Computing, []string{"hot function: m.work itself takes 100 % of the processor's time"}},
		{
			"garbage", map[Kind][]cost{
				CPU:   {ticks(130, "m.work"+bench), ticks(62, "runtime.scanObject < runtime.gcDrain < runtime.gcBgMarkWorker < runtime.goexit"), ticks(8, "runtime.gcAssistAlloc1 < runtime.mallocgc < m.fill"+bench)},
				Alloc: {{"m.fill" + bench, 100, 900 << 20}, {"slices.Grow < m.fill" + bench, 100, 100 << 20}, {"m.other" + bench, 100, 200 << 20}},
			}, nil, Collecting,
			[]string{"garbage collection: takes 35 % of the processor's time: one iteration allocates 12.0 MiB, 83 % of it for m.fill", "garbage collection: reuse what m.fill allocates", "hot function: m.work itself takes 65 %"},
		},
		{
			"allocating", map[Kind][]cost{CPU: {ticks(140, "m.work"+bench), ticks(60, "runtime.nextFreeFast < runtime.mallocgc < runtime.growslice < m.fill"+bench)}}, nil, Allocating,
			[]string{"allocating: takes 30 % of the processor's time, mostly for m.fill", "hot function: m.work"},
		},
		{
			"waiting", map[Kind][]cost{CPU: {ticks(1, "m.work"+bench)}, Block: {{"runtime.selectgo < sync.(*Cond).Wait < net.(*pipe).read < m.ask" + bench, 100, 2e9}}},
			func(in *Input) { in.CPU = 0.0004 }, Waiting,
			[]string{"waiting: no processor is in use for 98 % of the time; 100 % of the waits for locks and channels are in m.ask", "waiting: fewer round trips"},
		},
		{
			"lock", map[Kind][]cost{CPU: {spin}, Mutex: {{"internal/sync.(*Mutex).Unlock < sync.(*Mutex).Unlock < m.(*table).put" + bench, 100, 2e9}}},
			func(in *Input) { in.Processors = 2 }, Locking,
			[]string{"lock: waits for locks take 100 % of the wall time, 100 % of them for what m.(*table).put held", "lock: split it", "hot function: m.work"},
		},
		{
			// All processors are in use: the lock is not what bounds.
			"lock without idling", map[Kind][]cost{CPU: {spin}, Mutex: {{"sync.(*Mutex).Unlock < m.put" + bench, 100, 2e9}}}, nil, Computing, []string{"lock: for what m.put held", "hot function: m.work"},
		},
		{"too little", map[Kind][]cost{CPU: {ticks(29, "m.work"+bench)}}, nil, Unknown, []string{"few samples: rest on 29 samples, and may be off by 19 %"}},
		{
			"library", map[Kind][]cost{CPU: {ticks(120, "crypto/sha256.block < crypto/sha256.Sum256 < m.id < m.work"+bench), ticks(80, "m.work"+bench)}}, nil, Computing,
			[]string{"library: package crypto/sha256 takes 60 % of the processor's time, mostly called from m.id", "hot function: m.work itself takes 40 %"},
		},
		{
			"maps and copies", map[Kind][]cost{CPU: {
				ticks(90, "m.work"+bench), ticks(40, "internal/runtime/maps.(*Map).getWithKey < runtime.mapaccess2 < m.find"+bench), ticks(35, "runtime.memmove < m.copy"+bench),
				ticks(35, "runtime.futex < runtime.notesleep < runtime.findRunnable < runtime.schedule < runtime.mcall"),
			}}, nil, Computing,
			[]string{"maps: maps: 20 % of the processor's time, mostly for m.find", "copies: 18 % of the processor's time, mostly for m.copy", "hand-over: scheduling: 18 %", "hot function: m.work"},
		},
		{
			"growth", map[Kind][]cost{CPU: {spin}}, func(in *Input) {
				in.Growth = []Growth{{Key: "peers", Unit: "msgs/op", Exponent: 1.4, Limit: "exponent_at_most 1.2"}}
			}, Computing, []string{"growth: msgs/op grows with exponent 1.40 over peers; its limit is exponent_at_most 1.2", "growth: profile the smallest and the largest peers", "hot function: m.work"},
		},
		{
			"virtual time", map[Kind][]cost{CPU: {spin}}, func(in *Input) {
				in.Values = []Value{{"delay-%", 84.6}, {"timer-%", 12.9}, {"processing-%", 2.5}}
			}, Computing, []string{"virtual time: 85 % of the virtual time is spent on the wire", "virtual time: fewer legs", "virtual time: 13 % of the virtual time is spent until a timer", "hot function: m.work"},
		},
		{
			"failed on bytes", map[Kind][]cost{CPU: {spin}, Alloc: {{"m.fill" + bench, 1, 100 << 10}}}, func(in *Input) { in.Failed = []string{"B/op: rose"} }, Computing,
			[]string{"allocation site: m.fill allocates 100 % of the 1.0 KiB of one iteration", "hot function: m.work"},
		},
		{"little of it timed", map[Kind][]cost{CPU: {spin}}, func(in *Input) { in.CPU, in.Own = 0.008, 0.008 }, Computing, []string{"timed share: only 40 % of the profiled processor time", "hot function: m.work"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := input(t, c.profiles)
			if c.change != nil {
				c.change(&in)
			}
			b := examine(t, in)
			if b.Bound != c.bound {
				t.Errorf("bounded by %s (%s), want %s", b.Bound, b.BoundWhy, c.bound)
			}
			expected := map[string]bool{}
			for _, want := range c.finds {
				rule, part, _ := strings.Cut(want, ": ")
				expected[rule] = true
				if !slices.ContainsFunc(b.Findings, func(f Finding) bool {
					return f.Rule == rule && (strings.Contains(f.Saw, part) || strings.Contains(f.Next, part))
				}) {
					t.Errorf("nothing found like %q in %+v", want, b.Findings)
				}
			}
			for _, f := range b.Findings {
				if !expected[f.Rule] {
					t.Errorf("found beside: %+v", f)
				}
			}
		})
	}
}

// What a benchmark prepares once is in both profiles, and so in neither share.
func TestPreparingIsTakenOff(t *testing.T) {
	setup, work := ticks(500, "m.prepare"+bench), ticks(200, "m.work"+bench)
	in := input(t, nil)
	in.Profiles[0].Short, in.Profiles[0].Long = made(t, CPU, setup, ticks(4, "m.work"+bench)), made(t, CPU, setup, work, ticks(4, "m.work"+bench))
	b := examine(t, in)
	want := []Function{{Name: "m.work", Flat: 1, Cumulative: 1}}
	if p := b.Profiles[0]; !slices.Equal(p.Functions, want) || p.Total != 2e9/100 || p.Samples != 200 {
		t.Errorf("got %+v", p)
	}
	// 200 out of 1208 counted: the error is that of the difference.
	if i := slices.IndexFunc(b.Findings, func(f Finding) bool { return f.Rule == "few samples" }); i < 0 || !strings.Contains(b.Findings[i].Saw, "off by 17 %") {
		t.Errorf("findings %+v", b.Findings)
	}
}

// Shares are put down to whom they belong: package, origin, itself or what it calls, once in a recursion.
func TestSharesBelong(t *testing.T) {
	b := examine(t, input(t, map[Kind][]cost{CPU: {
		ticks(40, "example.com/own/a.(*T[example.com/other.U]).F < example.com/own/a.walk < example.com/own/a.walk"+bench),
		ticks(30, "example.com/other%2ev2.Do < example.com/own/a.walk"+bench),
		ticks(20, "memeqbody < bytes.Equal < example.com/own/a.walk"+bench),
		ticks(10, "runtime.scanObject < runtime.gcBgMarkWorker"),
		// These are not of the benchmark.
		ticks(50, "runtime.stopTheWorld < runtime.ReadMemStats < testing.(*B).StopTimer < m.BenchmarkX"),
		ticks(50, "compress/flate.(*compressor).deflate < runtime/pprof.profileWriter"),
	}}))
	p := b.Profiles[0]
	if want := []Share{{firstParty, 0.4}, {others, 0.3}, {inRuntime, 0.2}, {workGC, 0.1}}; !slices.Equal(p.Origins, want) {
		t.Errorf("origins %v", p.Origins)
	}
	if want := []Share{{"example.com/own/a", 0.4}, {"example.com/other.v2", 0.3}, {"runtime", 0.3}}; !slices.EqualFunc(p.Packages, want, near) {
		t.Errorf("packages %v", p.Packages)
	}
	if want := []Function{{"example.com/own/a.walk", 0, 0.9}, {"m.BenchmarkX", 0, 0.9}}; !slices.Equal(p.Cumulative[:2], want) {
		t.Errorf("cumulative %v", p.Cumulative)
	}
	if want := []Share{{workCompute, 0.9}, {workGC, 0.1}}; !slices.EqualFunc(b.Work, want, near) {
		t.Errorf("work %v", b.Work)
	}
}

func near(a, b Share) bool {
	return a.Name == b.Name && a.Share-b.Share < 1e-9 && b.Share-a.Share < 1e-9
}

// A wait of what runs benchmarks is none of theirs.
func TestWaitsOfTheHarness(t *testing.T) {
	b := examine(t, input(t, map[Kind][]cost{CPU: {ticks(100, "m.work"+bench)}, Block: {
		{"runtime.chanrecv1 < testing.(*B).run1 < testing.(*B).Run < main.main", 1, 9e9},
		{"runtime.chanrecv1 < m.ask" + bench, 1, 1e9},
		{"sync.(*WaitGroup).Wait < testing.(*B).RunParallel" + bench, 1, 5e9},
	}}))
	if p := b.Profiles[3]; p.Total != 1e9/100 || len(p.Functions) != 1 || p.Functions[0].Name != "m.ask" {
		t.Errorf("%+v", p)
	}
}

// Without the process's own clock, samples tell how much was waiting.
func TestWithoutOwnClock(t *testing.T) {
	in := input(t, map[Kind][]cost{CPU: {ticks(50, "m.work"+bench)}})
	in.Own, in.CPU = 0, 0
	b := examine(t, in)
	if b.Waiting == nil || *b.Waiting != 0.75 || b.CPU != 5e6 || b.Timed != nil || b.Bound != Waiting {
		t.Errorf("%+v", b)
	}
}

// A file that a benchmark's process left is not trusted.
func TestBadProfiles(t *testing.T) {
	var zeros bytes.Buffer
	z := gzip.NewWriter(&zeros)
	chunk := make([]byte, 1<<20)
	for range maxPlain>>20 + 1 {
		if _, err := z.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	good := made(t, CPU, ticks(1, "m.work"))
	for want, data := range map[string][]byte{
		"not compressed":         []byte("hello"),
		"uncompress it":          good[:len(good)-4],
		"over 128 MiB":           zeros.Bytes(),
		"no values of cpu":       made(t, Alloc, cost{"m.work", 1, 1}),
		"leave none":             nil,
		"cpu profile of Y: read": nil,
	} {
		in := input(t, nil)
		in.Name = "Y"
		in.Profiles[0].Long = data
		if want == "leave none" {
			in.Profiles[0].Many = 2
		}
		if _, err := Examine(in, Options{}); strings.HasSuffix(want, "read") {
			if err == nil || !strings.HasPrefix(err.Error(), "read the cpu profile of Y: ") {
				t.Errorf("got %v", err)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Whatever stands in a profile, shares are within 0 and 1, names are short and printable, and the same bytes give
// the same report.
func TestAnyProfile(t *testing.T) {
	word := rapid.OneOf(rapid.StringN(0, 10, 40), rapid.SampledFrom([]string{"m.f", "runtime.mallocgc", "testing.(*B).runN", "m.BenchmarkX", "\x1b[31m.x", strings.Repeat("a", 1000) + ".f", "/", "[", "."}))
	rapid.Check(t, func(rt *rapid.T) {
		in := Input{Name: "X", Iterations: 1, Wall: rapid.Float64Range(0, 10).Draw(rt, "wall"), CPU: rapid.Float64Range(0, 10).Draw(rt, "cpu"), Own: rapid.Float64Range(0, 10).Draw(rt, "own")}
		for _, k := range []Kind{CPU, Alloc, Mutex, Block} {
			draw := func() []byte {
				var costs []cost
				for range rapid.IntRange(0, 5).Draw(rt, "stacks") {
					costs = append(costs, cost{strings.Join(rapid.SliceOfN(word, 1, 5).Draw(rt, "stack"), " < "), rapid.Int64().Draw(rt, "n"), rapid.Int64().Draw(rt, "value")})
				}
				return made(t, k, costs...)
			}
			in.Profiles = append(in.Profiles, Raw{Kind: k, Few: 1, Many: 3, Short: draw(), Long: draw()})
		}
		b, err := Examine(in, Options{Modules: []string{"m"}})
		if err != nil {
			rt.Fatal(err)
		}
		again, _ := Examine(in, Options{Modules: []string{"m"}})
		x, err := json.Marshal(b)
		if y, _ := json.Marshal(again); err != nil || !bytes.Equal(x, y) {
			rt.Fatalf("two reports, %v:\n%s\n%s", err, x, y)
		}
		for _, p := range b.Profiles {
			for _, f := range append(slices.Clone(p.Functions), p.Cumulative...) {
				if !(f.Flat >= 0 && f.Flat <= 1 && f.Cumulative >= 0 && f.Cumulative <= 1) || len(f.Name) > maxName || strings.ContainsRune(f.Name, '\x1b') {
					rt.Fatalf("function %+v", f)
				}
			}
		}
		for _, f := range b.Findings {
			if len(f.Saw) > 500 || len(f.Next) > 300 {
				rt.Fatalf("finding %+v", f)
			}
		}
	})
}

// A wall time of next to nothing makes no number that cannot be written.
func TestNoWallTime(t *testing.T) {
	in := input(t, map[Kind][]cost{Mutex: {{"m.put" + bench, 1, 1e12}}})
	in.Wall = 5e-324
	if _, err := json.Marshal(examine(t, in)); err != nil {
		t.Error(err)
	}
}

// What failed is chosen once, the largest size of what grows, in the order of the failures.
func TestChoose(t *testing.T) {
	there := []Named{{"p", "A/n=1"}, {"p", "G/peers=9/net=x"}, {"p", "G/peers=10/net=x"}, {"p", "G/peers=100/net=y"}, {"q", "A/n=1"}, {"p", "B"}}
	got, left := Choose([]Failure{
		{Package: "p", Benchmark: "G/peers=*/net=x", Unit: "msgs/op", Reason: "grows", Scales: "exponent_at_most 1", Exponent: 1.5},
		{Package: "q", Benchmark: "A/n=1", Unit: "ns/op", Reason: "rose"},
		{Package: "q", Benchmark: "A/n=1", Unit: "B/op", Reason: "rose too"},
		{Benchmark: "B", Unit: "ns/op", Reason: "rose"},
		{Package: "p", Benchmark: "Gone", Unit: "ns/op", Reason: "rose"},
	}, there, 2)
	if left != 1 || len(got) != 2 {
		t.Fatalf("%+v, %d left", got, left)
	}
	if g := got[0]; g.Index != 2 || len(g.Growth) != 1 || g.Growth[0] != (Growth{"peers", "msgs/op", 1.5, "exponent_at_most 1"}) {
		t.Errorf("growth: %+v", g)
	}
	if a := got[1]; a.Index != 4 || !slices.Equal(a.Failed, []string{"ns/op: rose", "B/op: rose too"}) || len(a.Growth) != 0 {
		t.Errorf("%+v", a)
	}
}

// Bytes that are no profile are an error and nothing worse.
func FuzzProfile(f *testing.F) {
	f.Add([]byte{})
	plain, err := uncompress(made(f, CPU, ticks(3, "m.work"+bench)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	f.Fuzz(func(t *testing.T, plain []byte) {
		s := newSums()
		err := eachSample(plain, sampleTypes[CPU], func(sample *profile.Sample, value int64) { s.take(sample, CPU, 1, float64(value), nil) })
		if err != nil {
			return
		}
		if _, err := json.Marshal(s.profile(CPU, 10)); err != nil {
			t.Fatal(err)
		}
	})
}
