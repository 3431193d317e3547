package bottleneck

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

// run is profiles of both versions of 100 iterations.
func run(t testing.TB, kind Kind, base, head []cost) Run {
	return Run{
		{Kind: kind, Few: 2, Many: 102, Short: made(t, kind), Long: made(t, kind, base...)},
		{Kind: kind, Few: 2, Many: 102, Short: made(t, kind), Long: made(t, kind, head...)},
	}
}

func of(t *testing.T, d Difference, name string) Compared {
	t.Helper()
	i := slices.IndexFunc(d.Functions, func(c Compared) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no %s in %+v", name, d.Functions)
	}
	return d.Functions[i]
}

// What libraries and the runtime do is put down to whom it is done for, the collector and the harness are
// apart, and the parts are the whole.
func TestCompare(t *testing.T) {
	d, err := Compare(CPU, []Run{
		run(t, CPU,
			[]cost{ticks(40, "lib.hash < m.sum"+bench), ticks(10, "runtime.mallocgc < m.sum"+bench), ticks(5, "runtime.gcBgMarkWorker"), ticks(7, "testing.(*B).Loop"+bench)},
			[]cost{ticks(90, "lib.hash < m.sum"+bench), ticks(10, "runtime.mallocgc < m.sum"+bench), ticks(20, "runtime.gcAssistAlloc < runtime.mallocgc < m.fresh < m.sum"+bench), ticks(3, "runtime.findRunnable < runtime.mstart")}),
		run(t, CPU, []cost{ticks(60, "lib.hash < m.sum"+bench)}, nil),
	}, []string{"m"})
	if err != nil {
		t.Fatal(err)
	}
	sum := of(t, d, "m.sum")
	if !slices.Equal(sum.Sides[0].Own, []float64{5e6, 6e6}) || !slices.Equal(sum.Sides[1].Own, []float64{1e7, 0}) || sum.In != "lib.hash" || !sum.FirstParty {
		t.Errorf("%+v", sum)
	}
	if s := sum.Sides[1]; s.All[0] != 1.2e7 || s.Samples != 100 || s.Behind != 120 {
		t.Errorf("%+v", s)
	}
	if gc := of(t, d, "(garbage collection)"); gc.For != "m.fresh" || gc.Sides[0].Own[0] != 5e5 || gc.Sides[1].Own[0] != 2e6 {
		t.Errorf("%+v", gc)
	}
	if of(t, d, "(runtime: scheduling)").Sides[1].Own[0] != 3e5 {
		t.Error("the scheduler is not apart")
	}
	for side := range 2 {
		for i, total := range d.Total[side] {
			parts := 0.0
			for _, f := range d.Functions {
				parts += f.Sides[side].Own[i]
			}
			if total != parts {
				t.Errorf("side %d run %d: the whole is %v, its parts are %v", side, i, total, parts)
			}
		}
	}
}

// Objects and bytes are of one profile.
func TestCompareObjects(t *testing.T) {
	r := run(t, Alloc, []cost{{"m.make" + bench, 100, 102_400}}, []cost{{"m.make" + bench, 200, 204_800}})
	for kind, want := range map[Kind][2]float64{Alloc: {1024, 2048}, Objects: {1, 2}} {
		d, err := Compare(kind, []Run{r}, []string{"m"})
		if err != nil {
			t.Fatal(err)
		}
		if s := of(t, d, "m.make").Sides; s[0].Own[0] != want[0] || s[1].Own[0] != want[1] {
			t.Errorf("%s: %+v", kind, s)
		}
	}
}

// A function is inlined where every place that it stands in says so.
func TestCompareInlined(t *testing.T) {
	f := func(name string) *profile.Function { return &profile.Function{Name: name} }
	inner, outer := profile.Line{Function: f("m.small")}, profile.Line{Function: f("m.big")}
	st, inlined := frames(&profile.Sample{Location: []*profile.Location{{Line: []profile.Line{inner, outer}}, {Line: []profile.Line{inner}}}})
	if !slices.Equal(st, []string{"m.small", "m.big", "m.small"}) || !slices.Equal(inlined, []bool{true, false, false}) {
		t.Errorf("%v %v", st, inlined)
	}
}

// A file that a benchmark's process left is not trusted here either.
func TestCompareBadProfiles(t *testing.T) {
	good := run(t, CPU, nil, nil)
	bad := good
	bad[1].Long = []byte("hello")
	if _, err := Compare(CPU, []Run{good, bad}, nil); err == nil || !strings.Contains(err.Error(), "read the cpu profile of head, run 2: it is not compressed") {
		t.Errorf("got %v", err)
	}
	if _, err := Compare(Objects, []Run{good}, nil); err == nil || !strings.Contains(err.Error(), "no values of alloc_objects") {
		t.Errorf("got %v", err)
	}
}
