package measure

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/perf/benchfmt"
)

const suite = `package m

import (
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	fmt.Println("Unit steps/op better=lower assume=exact")
	os.Exit(m.Run())
}

var sink int

func BenchmarkSpin(b *testing.B) {
	for b.Loop() {
		for i := range SPIN {
			sink += i
		}
	}
}

func BenchmarkSteps(b *testing.B) {
	for _, n := range []int{10, 20} {
		b.Run(fmt.Sprintf("n=%d/net=a-5", n), func(b *testing.B) {
			for b.Loop() {
				sink++
			}
			b.ReportMetric(float64(n*STEPS), "steps/op")
		})
	}
}

func BenchmarkLoud(b *testing.B) {
	fmt.Println("BenchmarkSpin 	 1000 	 1 ns/op")
	b.Log("BenchmarkSpin 	 1000 	 1 ns/op")
	for b.Loop() {
		sink++
	}
}

func BenchmarkChatty(b *testing.B) {
	fmt.Println("here I am")
	for range b.N {
		sink++
	}
	fmt.Println("and there")
}

func BenchmarkPanics(b *testing.B) {
	for _, k := range []string{"a", "b", "c"} {
		b.Run("k="+k, func(b *testing.B) {
			for b.Loop() {
				sink++
			}
			if k == "b" && PANIC {
				panic("planted trouble")
			}
		})
	}
}

func BenchmarkHangs(b *testing.B) {
	for b.Loop() {
		for HANG {
			sink++
		}
	}
}

func BenchmarkSkips(b *testing.B) { b.Skip("not here") }
`

// build compiles the suite with the constants replaced.
func build(t *testing.T, ref, spin, steps, panics, hang string) *Arm {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs go")
	}
	dir := t.TempDir()
	text := strings.NewReplacer("SPIN", spin, "STEPS", steps, "PANIC", panics, "HANG", hang).Replace(suite)
	for name, data := range map[string]string{"go.mod": "module example.test/m\n\ngo 1.24\n", "m_test.go": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	arm, err := Build(context.Background(), System{}, Version{Dir: dir, Ref: ref, Commit: "c0ffee"}, ".", filepath.Join(dir, "out"), BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return arm
}

func newSession(base, head *Arm) *Session {
	return &Session{
		Exec: System{}, Base: base, Head: head, CPUs: CPUs(), Looks: []int{3}, Target: 5 * time.Millisecond,
		Limit: 2 * time.Second, Seed: 7, Now: time.Unix(1_700_000_000, 0),
	}
}

// values reads a recording back with the reader that everybody uses.
func values(t *testing.T, r *Recording, name, unit string) (vals []float64, pairs []string) {
	t.Helper()
	var b bytes.Buffer
	if _, err := r.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	br := benchfmt.NewReader(&b, "test")
	for br.Scan() {
		switch rec := br.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Errorf("written text does not parse: %v", rec)
		case *benchfmt.Result:
			if rec.Name.String() != name {
				continue
			}
			if v, ok := rec.Value(unit); ok {
				vals = append(vals, v)
				pairs = append(pairs, rec.GetConfig("pair"))
			}
		}
	}
	return vals, pairs
}

func failed(r *Recording) []string {
	var out []string
	for _, f := range r.Failures() {
		out = append(out, f.Name)
	}
	slices.Sort(out)
	return out
}

func TestSessionMeasuresBothArms(t *testing.T) {
	base := build(t, "base", "2000", "1", "false", "false")
	head := build(t, "head", "2000", "2", "true", "true")
	if !slices.Equal(base.Binaries[0].Functions, []string{"BenchmarkSpin", "BenchmarkSteps", "BenchmarkLoud", "BenchmarkChatty", "BenchmarkPanics", "BenchmarkHangs", "BenchmarkSkips"}) {
		t.Fatalf("functions: %q", base.Binaries[0].Functions)
	}
	s := newSession(base, head)
	var last Progress
	s.Progress = func(p Progress) { last = p }
	ctx := context.Background()
	found, err := s.Find(ctx, base.Binaries[0].Functions)
	if err != nil {
		t.Fatal(err)
	}
	if last.Stage != "find" || last.Done != last.Total || last.Total != 14 {
		t.Errorf("progress ended at %+v", last)
	}
	var names []string
	items := slices.Clone(found.Items)
	for i, it := range items {
		names = append(names, it.Name)
		items[i].Pairs = !strings.HasPrefix(it.Name, "BenchmarkSteps") && it.Name != "BenchmarkLoud"
		items[i].Alone = it.Name == "BenchmarkSpin" || it.Name == "BenchmarkLoud"
	}
	want := []string{"BenchmarkSpin", "BenchmarkSteps/n=10/net=a-5", "BenchmarkSteps/n=20/net=a-5", "BenchmarkLoud", "BenchmarkChatty",
		"BenchmarkPanics/k=a", "BenchmarkPanics/k=b", "BenchmarkPanics/k=c", "BenchmarkHangs"}
	if !slices.Equal(names, want) {
		t.Errorf("items: %q, want %q", names, want)
	}
	b, h, err := s.Measure(ctx, found, items)
	if err != nil {
		t.Fatal(err)
	}
	if last.Stage != "measure" || last.Done != last.Total {
		t.Errorf("progress ended at %+v", last)
	}

	// Exact units: two runs, and the name keeps its own -5.
	if v, p := values(t, b, "Steps/n=20/net=a-5-1", "steps/op"); !slices.Equal(v, []float64{20, 20}) || !slices.Equal(p, []string{"1", "2"}) {
		t.Errorf("base steps %v, pairs %v", v, p)
	}
	if v, _ := values(t, h, "Steps/n=20/net=a-5-1", "steps/op"); !slices.Equal(v, []float64{40, 40}) {
		t.Errorf("head steps %v", v)
	}
	// Timed: as many pairs as asked, none of the two dropped ones; head alone as often as planned.
	pairs, alone := []string{"1", "2", "3"}, make([]string, aloneRuns)
	for i, r := range []*Recording{b, h} {
		want := pairs
		if i == 1 && len(s.CPUs) > 0 {
			want = append(slices.Clone(alone), pairs...)
		}
		if v, p := values(t, r, "Spin", "sec/op"); !slices.Equal(p, want) || slices.Min(v) <= 0 {
			t.Errorf("Spin: values %v, pairs %q", v, p)
		}
		if v, _ := values(t, r, "Spin", "B/op"); len(v) == 0 {
			t.Error("no allocations measured")
		}
		// What Loud prints about Spin is not taken for Spin's.
		if v, _ := values(t, r, "Spin", "sec/op"); slices.Contains(v, 1e-9) {
			t.Error("a forged line was taken")
		}
	}
	// What a benchmark prints does not get into its result line.
	if v, _ := values(t, h, "Chatty", "sec/op"); len(v) != 3 {
		t.Errorf("a benchmark that prints has %d measurements", len(v))
	}
	// Where only the value counts, head is run alone, and the first run shows that base had it.
	if _, p := values(t, b, "Loud", "sec/op"); !slices.Equal(p, []string{"1"}) {
		t.Errorf("Loud in base: pairs %q", p)
	}
	if _, p := values(t, h, "Loud", "sec/op"); !slices.Equal(p, alone) {
		t.Errorf("Loud in head: pairs %q", p)
	}
	// In head, k=b panics: its neighbours are measured all the same.
	if v, _ := values(t, h, "Panics/k=c", "sec/op"); len(v) != 3 {
		t.Errorf("k=c has %d measurements in head", len(v))
	}
	if got := failed(h); !slices.Equal(got, []string{"BenchmarkHangs", "BenchmarkPanics/k=b", "BenchmarkSkips"}) {
		t.Errorf("failures of head: %q", got)
	}
	if got := failed(b); !slices.Equal(got, []string{"BenchmarkSkips"}) {
		t.Errorf("failures of base: %q", got)
	}
	for _, f := range h.Failures() {
		if f.Name == "BenchmarkPanics/k=b" && !strings.Contains(f.Text, "planted trouble") {
			t.Errorf("the failure does not say what happened: %q", f.Text)
		}
		if f.Name == "BenchmarkHangs" && !(strings.Contains(f.Text, "time limit") && strings.Contains(f.Text, "goroutine")) {
			t.Errorf("the failure does not say what happened: %q", f.Text)
		}
	}
	// That the base had it is on record, so that head's failure can be told from a bad benchmark.
	if v, _ := values(t, b, "Hangs", "sec/op"); len(v) == 0 {
		t.Error("the base's run of Hangs is lost")
	}
}

func TestSessionSeesTheTruth(t *testing.T) {
	base := build(t, "base", "2000", "1", "false", "false")
	head := build(t, "head", "6000", "1", "false", "false")
	s := newSession(base, head)
	s.Looks, s.Target = []int{9}, 20*time.Millisecond
	found, err := s.Find(context.Background(), []string{"BenchmarkSpin"})
	if err != nil {
		t.Fatal(err)
	}
	found.Items[0].Pairs = true
	b, h, err := s.Measure(context.Background(), found, found.Items)
	if err != nil {
		t.Fatal(err)
	}
	bs, _ := values(t, b, "Spin", "sec/op")
	hs, _ := values(t, h, "Spin", "sec/op")
	var ratios []float64
	for i := range bs {
		ratios = append(ratios, hs[i]/bs[i])
	}
	slices.Sort(ratios)
	// Three times the work. Unequal finish alone would read 2 at most: the limits are far wider
	// than the noise of a busy machine and still tell the two apart.
	if m := ratios[len(ratios)/2]; m < 2.2 || m > 4.2 {
		t.Errorf("ratio %v, true 3", m)
	}
}

func TestSessionWithoutBase(t *testing.T) {
	s := newSession(nil, build(t, "head", "2000", "1", "false", "false"))
	found, err := s.Find(context.Background(), []string{"BenchmarkSpin", "BenchmarkSteps"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range found.Items {
		found.Items[i].Pairs = found.Items[i].Name == "BenchmarkSpin"
	}
	b, h, err := s.Measure(context.Background(), found, found.Items)
	if err != nil || b != nil {
		t.Fatalf("base %v, error %v", b, err)
	}
	if v, p := values(t, h, "Spin", "sec/op"); len(v) != aloneRuns || slices.Contains(p, "1") {
		t.Errorf("%d values, pairs %q", len(v), p)
	}
	if v, _ := values(t, h, "Steps/n=10/net=a-5-1", "steps/op"); !slices.Equal(v, []float64{10, 10}) {
		t.Errorf("steps %v", v)
	}
}

// A function runs by its pattern alone, and whole where that shows nothing.
func TestFindIsNarrow(t *testing.T) {
	head := build(t, "head", "1000", "1", "true", "false")
	for _, tt := range []struct {
		function, narrow, found, failed string
	}{
		{"BenchmarkSteps", "", "BenchmarkSteps/n=10/net=a-5 BenchmarkSteps/n=20/net=a-5", ""},
		{"BenchmarkSteps", "/^n=10$", "BenchmarkSteps/n=10/net=a-5", ""},
		{"BenchmarkSteps", "/^n=99$", "BenchmarkSteps/n=10/net=a-5 BenchmarkSteps/n=20/net=a-5", ""},
		{"BenchmarkSteps", "/^n=10$/^net=a-5$/^x$", "BenchmarkSteps/n=10/net=a-5 BenchmarkSteps/n=20/net=a-5", ""},
		{"BenchmarkPanics", "/^k=a$", "BenchmarkPanics/k=a", ""},
		{"BenchmarkPanics", "", "BenchmarkPanics/k=a", "BenchmarkPanics"},
	} {
		s := newSession(nil, head)
		s.Narrow = map[string]string{tt.function: tt.narrow}
		found, err := s.Find(context.Background(), []string{tt.function})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, it := range found.Items {
			names = append(names, it.Name)
		}
		if got := strings.Join(names, " "); got != tt.found || strings.Join(failed(found.Head), " ") != tt.failed {
			t.Errorf("%s%s: found %s, failed %v", tt.function, tt.narrow, got, failed(found.Head))
		}
	}
}

func TestSessionEndsOnInterrupt(t *testing.T) {
	arm := build(t, "head", "2000", "1", "false", "true") // Hangs would take its limit
	s := newSession(nil, arm)
	s.Limit = time.Hour
	why := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(context.Background())
	time.AfterFunc(300*time.Millisecond, func() { cancel(why) })
	if _, err := s.Find(ctx, []string{"BenchmarkHangs"}); !errors.Is(err, why) {
		t.Errorf("ended with %v", err)
	}
}

func TestBuildSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{"go.mod": "module example.test/m\n\ngo 1.24\n", "m_test.go": "package m\n\nfunc broken( {\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Build(context.Background(), System{}, Version{Dir: dir, Ref: "head"}, ".", filepath.Join(dir, "out"), BuildOptions{})
	var be BuildError
	if !errors.As(err, &be) || !strings.Contains(be.Output, "m_test.go:3") {
		t.Errorf("got %v", err)
	}
	arm, err := Build(context.Background(), System{}, Version{Dir: dir, Ref: "head"}, "./nosuch", filepath.Join(dir, "out"), BuildOptions{})
	if err != nil || len(arm.Binaries) != 0 {
		t.Errorf("a version without the suite: %v, %v", arm, err)
	}
}

// A scripted executor answers like a test binary whose arms take known times, and notes what runs
// beside what.
type scripted struct {
	sec map[string]float64 // true seconds per op, by path
	log chan string
}

func (x scripted) Run(_ context.Context, c Command) Output {
	bench, n := "", 1
	for _, a := range c.Args {
		if v, ok := strings.CutPrefix(a, "-test.bench="); ok {
			bench = strings.Trim(v, "^$")
		}
		if v, ok := strings.CutPrefix(a, "-test.benchtime="); ok {
			n, _ = strconv.Atoi(strings.TrimSuffix(v, "x"))
		}
	}
	x.log <- c.Path + " " + strconv.Itoa(n)
	ns := strconv.FormatFloat(x.sec[c.Path]*1e9, 'g', -1, 64)
	return Output{Stdout: []byte(bench + "\t" + strconv.Itoa(max(n, 1)) + "\t" + ns + " ns/op\n")}
}

func TestPairsFinishTogether(t *testing.T) {
	x := scripted{sec: map[string]float64{"base": 1e-6, "head": 2e-6}, log: make(chan string, 1000)}
	arm := func(name string) *Arm {
		return &Arm{Version: Version{Ref: name}, Binaries: []Binary{{Package: "p", Path: name, Functions: []string{"BenchmarkX"}}}}
	}
	s := newSession(arm("base"), arm("head"))
	s.Exec, s.CPUs, s.Target = x, []int{0}, 60*time.Millisecond
	found, err := s.Find(context.Background(), []string{"BenchmarkX"})
	if err != nil {
		t.Fatal(err)
	}
	found.Items[0].Pairs, found.Items[0].Wall = true, true
	if _, _, err := s.Measure(context.Background(), found, found.Items); err != nil {
		t.Fatal(err)
	}
	close(x.log)
	var base, head int // of the last pair
	for l := range x.log {
		path, n, _ := strings.Cut(l, " ")
		if path == "base" {
			base, _ = strconv.Atoi(n)
		} else {
			head, _ = strconv.Atoi(n)
		}
	}
	if base != 120_000 || head != 60_000 {
		t.Errorf("the last pair ran %d and %d iterations, want 120000 and 60000: equal time, twice the target on a shared processor", base, head)
	}
}

func TestFailureTextIsCapped(t *testing.T) {
	out := Output{Stdout: []byte(strings.Repeat("noise\n", 1000) + "BenchmarkX \tpanic: trouble\n"), Err: errors.New("exit status 2")}
	text := failureText(out)
	if !strings.HasPrefix(text, "panic: trouble (exit status 2)\n") || strings.Count(text, "\n") >= maxFailureLines {
		t.Errorf("%d lines: %.80q", strings.Count(text, "\n"), text)
	}
}

func TestPatternMatchesOneBenchmarkOnly(t *testing.T) {
	if got, want := pattern("BenchmarkX/size=1.5(a|b)/n=1"), `^BenchmarkX$/^size=1\.5\(a\|b\)$/^n=1$`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
