// Package sample reads benchmark text into sets of samples with their environment.
//
// Benchmark text is what `go test -bench` prints and stock benchstat reads: result lines, Unit
// lines and file configuration such as `pair: 7`. The grammar is golang.org/x/perf/benchfmt's; this
// package adds what a gate needs and a viewer does not: it remembers lines that were cut or made
// unreadable, benchmarks that failed, and whether a file that perfgate wrote is whole. It judges
// nothing: package gate decides what such damage means.
//
// Position in the flow: measure (or any `go test -bench` run) writes text, sample reads it, gate
// judges it.
package sample

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchunit"
)

// A Key names one benchmark: Name is without the word Benchmark and without the processor count,
// such as AntiEntropySync/ops=100/net=ideal. Two packages may each have a benchmark of one name.
type Key struct {
	Package string
	Name    string
}

// A Set is every sample of one file of benchmark text.
type Set struct {
	// File is the name the text was read under; used in messages only.
	File string
	// Benchmarks are in order of first appearance.
	Benchmarks []*Benchmark
	// Provenance holds the `# key: value` lines of a file that perfgate wrote: kind, ref, why,
	// commit, tag, commit-time, measured, session and so on. Empty for other files.
	Provenance map[string]string
	// Environment holds goos, goarch and cpu of the first result, and go and runner where known.
	Environment map[string]string
	// Failures are benchmarks, or whole runs, that said they failed.
	Failures []Failure
	// Damage lists what could not be read.
	Damage []Damage

	units benchfmt.UnitMetadataMap
	index map[Key]*Benchmark
	words map[string]string
}

// MaxRuns is how many result lines of one benchmark are kept, the first ones; more than any decision
// waits for. So what a Set takes of memory grows with the number of benchmarks and not with the
// length of the text.
const MaxRuns = 1000

// A Benchmark is the samples of one benchmark, one per unit.
type Benchmark struct {
	Key
	// Runs are the result lines in file order, at most MaxRuns; a unit with fewer measurements was
	// missing from some.
	Runs []Run
	// Dropped counts the result lines that came after MaxRuns.
	Dropped int
	// Samples holds, by tidied unit (sec/op, B/op), the measurements in file order.
	Samples map[string][]Measurement
}

// A Run is how one result line was measured: the values of the file configuration keys in force,
// each empty where the key is not there.
type Run struct {
	Pair   string // lines of base and head with the same are a pair
	Layout string // the seed of the order in which the linker laid out the functions
	Method string // how a pair was run where not as the file's provenance says: interleaved
}

// A Measurement is one number from one result line, in the tidied unit.
type Measurement struct {
	Value float64
	Run   int // index into Runs
}

// A Failure is a benchmark that ended in an error, a crash or a timeout. Name is empty when the
// text does not say which benchmark it was.
type Failure struct {
	Name string
	Line int
	Text string
}

// Damage is a line, or the end of a file, that could not be understood. Name is the benchmark it
// concerns, or empty.
type Damage struct {
	Name string
	Line int
	Text string
}

// Format is the version that perfgate's own sample files carry in their first line,
// `# perfgate-samples: 1`. Such a file ends in `# end: N` with its number of result lines.
const Format = "1"

// Read reads benchmark text. The error is one of reading only: damage inside the text is recorded
// in the Set, since one bad line must not lose the others, nor be forgotten. File is used in
// messages.
func Read(r io.Reader, file string) (*Set, error) {
	s := &Set{
		File:        file,
		Provenance:  map[string]string{},
		Environment: map[string]string{},
		index:       map[Key]*Benchmark{},
		words:       map[string]string{},
	}
	spy := &lineSpy{r: r, set: s}
	br := benchfmt.NewReader(spy, file)
	results, lastResultLine := 0, 0
	for br.Scan() {
		switch rec := br.Result().(type) {
		case *benchfmt.Result:
			results++
			_, lastResultLine = rec.Pos()
			s.add(rec)
		case *benchfmt.SyntaxError:
			s.Damage = append(s.Damage, Damage{Name: spy.nameAt(rec.Line), Line: rec.Line, Text: rec.Msg})
		}
	}
	if err := br.Err(); err != nil {
		return nil, fmt.Errorf("read samples: %w", err)
	}
	s.units = br.Units()
	s.checkEnd(spy, results, lastResultLine)
	for _, key := range []string{"go", "runner"} {
		if v := s.Provenance[key]; v != "" {
			s.Environment[key] = v
		}
	}
	return s, nil
}

// intern returns one copy of a word that many lines have.
func (s *Set) intern(word string) string {
	if word == "" {
		return ""
	}
	if w, ok := s.words[word]; ok {
		return w
	}
	if len(s.words) < maxWords {
		s.words[word] = word
	}
	return word
}

// maxWords bounds the words that are shared, so that a text of ever new ones fills no memory.
const maxWords = 1 << 14

func (s *Set) add(rec *benchfmt.Result) {
	_, line := rec.Pos()
	key := Key{Package: rec.GetConfig("pkg"), Name: StripProcs(rec.Name.String())}
	b := s.index[key]
	if b == nil {
		b = &Benchmark{Key: key, Samples: map[string][]Measurement{}}
		s.index[key] = b
		s.Benchmarks = append(s.Benchmarks, b)
	}
	if len(s.Benchmarks) == 1 && len(b.Runs) == 0 {
		for _, k := range []string{"goos", "goarch", "cpu"} {
			if v := rec.GetConfig(k); v != "" {
				s.Environment[k] = v
			}
		}
	}
	if len(b.Runs) == MaxRuns {
		b.Dropped++
		return
	}
	b.Runs = append(b.Runs, Run{
		Pair: s.intern(rec.GetConfig("pair")), Layout: s.intern(rec.GetConfig("layout")), Method: s.intern(rec.GetConfig("method")),
	})
	for i, v := range rec.Values {
		// benchfmt leaves the unit of a value that tidying does not change as it is: 0 ns/op.
		unit := Tidy(v.Unit)
		if slices.ContainsFunc(rec.Values[:i], func(w benchfmt.Value) bool { return Tidy(w.Unit) == unit }) {
			s.Damage = append(s.Damage, Damage{Name: key.Name, Line: line, Text: "unit " + unit + " stands twice on one line"})
			continue
		}
		b.Samples[unit] = append(b.Samples[unit], Measurement{Value: v.Value, Run: len(b.Runs) - 1})
	}
}

// checkEnd records a file that stops before its end. Perfgate's own files say how many result
// lines they have. Other text cannot be checked so, but a last line without its newline that has
// other units than its benchmark's earlier lines was cut inside a unit.
func (s *Set) checkEnd(spy *lineSpy, results, lastResultLine int) {
	if s.Provenance["perfgate-samples"] != "" {
		switch {
		case spy.end == "":
			s.Damage = append(s.Damage, Damage{Line: spy.line, Text: "the file is cut: its last line `# end: N` is missing"})
		case spy.end != strconv.Itoa(results):
			s.Damage = append(s.Damage, Damage{Line: spy.line, Text: fmt.Sprintf("the file says it has %s result lines, %d can be read", spy.end, results)})
		}
		return
	}
	if spy.openLine && lastResultLine == spy.line && len(s.Benchmarks) > 0 {
		name := StripProcs(strings.TrimPrefix(firstField(spy.last), "Benchmark"))
		for _, b := range s.Benchmarks {
			if b.Name != name {
				continue
			}
			for _, unit := range slices.Sorted(maps.Keys(b.Samples)) {
				if len(b.Samples[unit]) != len(b.Runs) {
					s.Damage = append(s.Damage, Damage{Name: name, Line: spy.line, Text: "the last line is cut: no newline, and unit " + unit + " is not on every line of the benchmark"})
					return
				}
			}
		}
	}
}

// Lookup returns the samples of a benchmark, or nil.
func (s *Set) Lookup(k Key) *Benchmark { return s.index[k] }

// Better returns "higher" or "lower" as the text's Unit lines say or, without one, as Go's own
// units are known to be; otherwise "".
func (s *Set) Better(unit string) string {
	switch s.units.GetBetter(unit) {
	case +1:
		return "higher"
	case -1:
		return "lower"
	}
	return ""
}

// Assume returns the value of the Unit line key assume: "exact", "nothing", or "" when no line
// says.
func (s *Set) Assume(unit string) string {
	if m := s.units.Get(unit, "assume"); m != nil {
		return m.Value
	}
	return ""
}

// Failed returns the first failure that concerns the benchmark: its own, or that of the function
// which it is a sub-benchmark of.
func (s *Set) Failed(name string) (Failure, bool) {
	for _, f := range s.Failures {
		if f.Name == name || f.Name != "" && strings.HasPrefix(name, f.Name+"/") {
			return f, true
		}
	}
	return Failure{}, false
}

// Tidy returns unit as Samples is keyed: ns/op is sec/op.
func Tidy(unit string) string {
	_, t := benchunit.Tidy(1, unit)
	return t
}

// StripProcs removes the -N that the testing package appends for a processor count above one.
func StripProcs(name string) string {
	base, parts := benchfmt.Name(name).Parts()
	n := len(base)
	for _, p := range parts {
		if len(p) > 0 && p[0] == '-' {
			break
		}
		n += len(p)
	}
	return name[:n]
}

func firstField(line string) string {
	f, _, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	return f
}

// A lineSpy hands text on unchanged and notes the lines that benchfmt skips: provenance, failures
// and the end mark.
type lineSpy struct {
	r    io.Reader
	set  *Set
	part []byte // the line not yet ended
	line int
	last string
	// names holds, by line number, the benchmark named on each line that benchfmt will refuse: its
	// errors don't say.
	names    map[int]string
	end      string
	openLine bool // the text ended without a newline
	failing  int  // index+1 of the failure whose indented output follows
}

func (p *lineSpy) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	rest := b[:n]
	for {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		if len(p.part) > 0 {
			p.part = append(p.part, rest[:i]...)
			p.see(string(p.part))
			p.part = p.part[:0]
		} else {
			p.see(string(rest[:i]))
		}
		rest = rest[i+1:]
	}
	p.part = append(p.part, rest...)
	if err != nil && len(p.part) > 0 {
		p.openLine = true
		p.see(string(p.part))
		p.part = p.part[:0]
	}
	return n, err
}

const maxFailureText = 2000

func (p *lineSpy) see(line string) {
	p.line++
	line = strings.TrimSuffix(line, "\r")
	p.last = line
	if p.failing > 0 && strings.HasPrefix(line, "    ") {
		f := &p.set.Failures[p.failing-1]
		if len(f.Text) < maxFailureText {
			f.Text += "\n" + strings.TrimSpace(line)
		}
		return
	}
	p.failing = 0
	switch {
	case strings.HasPrefix(line, "Benchmark"):
		name := StripProcs(strings.TrimPrefix(firstField(line), "Benchmark"))
		if _, msg, ok := strings.Cut(line, "panic: "); ok {
			p.fail(name, "panic: "+msg)
		}
		if !wellFormed(line) {
			if p.names == nil {
				p.names = map[int]string{}
			}
			p.names[p.line] = name
		}
	case strings.HasPrefix(line, "# "):
		p.provenance(line[2:])
	case strings.HasPrefix(line, "--- FAIL: Benchmark"):
		p.fail(StripProcs(strings.TrimPrefix(firstField(line[len("--- FAIL: "):]), "Benchmark")), "")
		p.failing = len(p.set.Failures)
	case strings.HasPrefix(line, "panic: "), strings.HasPrefix(line, "fatal error: "), strings.HasPrefix(line, "signal: "):
		p.fail("", line)
	case line == "FAIL", strings.HasPrefix(line, "FAIL\t"), strings.HasPrefix(line, "exit status "):
		// The echo of a failure already known adds nothing.
		if len(p.set.Failures) == 0 {
			p.fail("", line)
		}
	}
}

// wellFormed reports whether a line that begins with Benchmark is a whole result line, or the bare
// name that go test -v prints when a benchmark starts.
func wellFormed(line string) bool {
	f := strings.Fields(line)
	if len(f) < 2 {
		return true
	}
	if _, err := strconv.Atoi(f[1]); err != nil || len(f) < 4 || len(f)%2 != 0 {
		return false
	}
	for i := 2; i < len(f); i += 2 {
		if _, err := strconv.ParseFloat(f[i], 64); err != nil {
			return false
		}
	}
	return true
}

func (p *lineSpy) fail(name, text string) {
	p.set.Failures = append(p.set.Failures, Failure{Name: name, Line: p.line, Text: text})
}

func (p *lineSpy) provenance(text string) {
	key, value, ok := strings.Cut(text, ": ")
	if !ok || key == "" || strings.ContainsAny(key, " \t") {
		return
	}
	if key == "end" {
		p.end = value
		return
	}
	// Only a file that announces itself in its first line carries provenance: a comment in
	// somebody's own text must not.
	if p.set.Provenance["perfgate-samples"] == "" && (key != "perfgate-samples" || p.line != 1) {
		return
	}
	p.set.Provenance[key] = value
}

func (p *lineSpy) nameAt(line int) string { return p.names[line] }
