package sample

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/perf/benchfmt"
)

// Format is the version that perfgate's own sample files carry in their first line,
// `# perfgate-samples: 1`. Such a file ends in `# end: N` with its number of result lines.
const Format = "1"

// What a text may have of things that fill memory, beyond what a Set keeps: different units, Unit
// lines, provenance keys and damaged lines.
const (
	maxUnits      = 1000
	maxProvenance = 10_000
	maxDamaged    = 10_000
)

// Read reads benchmark text, as a stream. The error is one of reading, or of a text that is not what
// it should be at all: a line of over 64 KiB, more than MaxBenchmarks benchmarks, thousands of units or
// of damaged lines. Damage inside the text is recorded in the Set, since one bad line must not lose
// the others, nor be forgotten. File is used in messages.
func Read(r io.Reader, file string) (*Set, error) {
	s := &Set{
		File:        file,
		Provenance:  map[string]string{},
		Environment: map[string]string{},
		index:       map[Key]*Benchmark{},
	}
	p := &reader{set: s, lines: newLines(r), units: map[string]string{}, words: map[string]string{}}
	if err := p.read(); err != nil {
		return nil, fmt.Errorf("read samples: %w", err)
	}
	for _, key := range []string{"go", "runner"} {
		if v := s.Provenance[key]; v != "" {
			s.Environment[key] = v
		}
	}
	return s, nil
}

// A reader puts a Set together. Lines of one benchmark mostly stand together, so it gathers them and
// adds them in one piece, which then has no room to spare.
type reader struct {
	*lines
	set     *Set
	results int
	damaged int
	failed  int
	// failing is the number of the failure whose indented output follows, counted from 1.
	failing int
	end     string

	bench   *Benchmark // that of the last result line
	name    []byte     // its name as that line has it
	runs    []Run      // of bench, not yet in it
	columns []column

	units map[string]string // from a unit as the text has it to the tidied one
	words map[string]string // one copy of what many runs have
	known [][]Run           // runs of some earlier benchmarks
}

// A column is the measurements in one unit that are not yet in the benchmark.
type column struct {
	unit, alias string // tidied; and as last met otherwise
	ms          []Measurement
}

func (p *reader) read() error {
	br := benchfmt.NewReader(p, p.set.File)
	lastResultLine, metadata := 0, 0
	// A Read returns one line at most, so that the line last handed on is the one of the record.
	for br.Scan() {
		var err error
		switch rec := br.Result().(type) {
		case *benchfmt.Result:
			p.results++
			lastResultLine = p.line
			err = p.add(rec)
		case *benchfmt.SyntaxError:
			p.refused(rec)
		case *benchfmt.UnitMetadata:
			if metadata++; metadata > maxUnits {
				err = fmt.Errorf("line %d: more than %d Unit lines", p.line, maxUnits)
			}
		}
		if err == nil && p.damaged > maxDamaged {
			err = fmt.Errorf("line %d: more than %d lines are damaged", p.line, maxDamaged)
		}
		if err != nil {
			return err
		}
	}
	if err := br.Err(); err != nil {
		return err
	}
	p.flush()
	p.set.units = br.Units()
	p.checkEnd(lastResultLine)
	if n := p.failed - MaxNotes; n > 0 {
		p.set.Failures = append(p.set.Failures, Failure{Line: p.line, Text: fmt.Sprintf("and %d more failures", n)})
	}
	if n := p.damaged - MaxNotes; n > 0 {
		p.set.Damage = append(p.set.Damage, Damage{Line: p.line, Text: fmt.Sprintf("and %d more lines are damaged", n)})
	}
	return nil
}

// Read hands on the next line as far as benchfmt has to see it, and notes those that it skips:
// provenance, failures and the end mark.
func (p *reader) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		if err := p.next(); err != nil {
			return 0, err
		}
		if !p.see(bytes.TrimSuffix(bytes.TrimSuffix(p.text, newline), []byte("\r"))) {
			p.rest = newline // so that lines are still counted
		}
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// add keeps a result.
func (p *reader) add(rec *benchfmt.Result) error {
	var pkg, pair, layout, method []byte
	for i := range rec.Config {
		switch v := rec.Config[i].Value; rec.Config[i].Key {
		case "pkg":
			pkg = v
		case "pair":
			pair = v
		case "layout":
			layout = v
		case "method":
			method = v
		}
	}
	if p.results == 1 {
		for _, k := range []string{"goos", "goarch", "cpu"} {
			if v := rec.GetConfig(k); v != "" {
				p.set.Environment[k] = v
			}
		}
	}
	if p.bench == nil || !bytes.Equal(rec.Name, p.name) || string(pkg) != p.bench.Package {
		p.flush()
		if err := p.enter(pkg, rec.Name); err != nil {
			return err
		}
	}
	run := len(p.bench.Runs) + len(p.runs)
	keep := run < MaxRuns
	if keep {
		p.runs = append(p.runs, Run{Pair: p.intern("pair", pair), Layout: p.intern("layout", layout), Method: p.intern("method", method)})
	} else {
		p.bench.Dropped++
	}
	for i := range rec.Values {
		v := &rec.Values[i]
		c, err := p.column(i, v.Unit)
		if err != nil {
			return err
		}
		if !keep {
			continue
		}
		if n := len(c.ms); n > 0 && c.ms[n-1].Run == run {
			p.note(Damage{Name: p.bench.Name, Line: p.line, Text: "unit " + c.unit + " stands twice on one line"})
			continue
		}
		c.ms = append(c.ms, Measurement{Value: v.Value, Run: run})
	}
	return nil
}

// enter makes the named benchmark the present one.
func (p *reader) enter(pkg, name []byte) error {
	s := p.set
	p.name = append(p.name[:0], name...)
	name = name[:procs(name)]
	p.bench = s.index[Key{Package: string(pkg), Name: string(name)}]
	if p.bench != nil {
		return nil
	}
	if len(s.Benchmarks) == MaxBenchmarks {
		return fmt.Errorf("line %d: more than %d different benchmarks", p.line, MaxBenchmarks)
	}
	p.bench = &Benchmark{Key: Key{Package: p.share(pkg), Name: string(name)}, Samples: map[string][]Measurement{}}
	s.index[p.bench.Key] = p.bench
	s.Benchmarks = append(s.Benchmarks, p.bench)
	return nil
}

// column returns that of a unit, which mostly is where it was on the line before.
func (p *reader) column(i int, unit string) (*column, error) {
	if i < len(p.columns) {
		if c := &p.columns[i]; c.unit == unit || c.alias == unit {
			return c, nil
		}
	}
	// benchfmt leaves the unit of a value that tidying does not change as it is: 0 ns/op.
	tidied, ok := p.units[unit]
	if !ok {
		if len(p.units) == maxUnits {
			return nil, fmt.Errorf("line %d: more than %d different units", p.line, maxUnits)
		}
		tidied = Tidy(unit)
		p.units[unit] = tidied
	}
	for i := range p.columns {
		if c := &p.columns[i]; c.unit == tidied {
			c.alias = unit
			return c, nil
		}
	}
	p.columns = append(p.columns, column{unit: tidied, alias: unit})
	return &p.columns[len(p.columns)-1], nil
}

// manyColumns is how many units are kept in mind from one benchmark to the next.
const manyColumns = 32

// flush moves what was gathered into the benchmark.
func (p *reader) flush() {
	b := p.bench
	if b == nil {
		return
	}
	if len(b.Runs) == 0 {
		b.Runs = p.shareRuns()
	} else {
		b.Runs = append(b.Runs, p.runs...) // which copies them if they are shared: these have no room
	}
	p.runs = p.runs[:0]
	for i := range p.columns {
		if c := &p.columns[i]; len(c.ms) > 0 {
			b.Samples[c.unit] = append(b.Samples[c.unit], c.ms...)
			c.ms = c.ms[:0]
		}
	}
	if len(p.columns) > manyColumns {
		p.columns = p.columns[:0]
	}
}

// manyKnown is how many different lists of runs are kept in mind: a suite is mostly measured in a few
// ways.
const manyKnown = 8

// shareRuns returns a copy of the gathered runs, the same for benchmarks that were measured alike.
func (p *reader) shareRuns() []Run {
	for i := len(p.known) - 1; i >= 0; i-- {
		if slices.Equal(p.known[i], p.runs) {
			return p.known[i]
		}
	}
	runs := slices.Clip(slices.Clone(p.runs))
	if len(p.known) == manyKnown {
		p.known = slices.Delete(p.known, 0, 1)
	}
	p.known = append(p.known, runs)
	return runs
}

// maxWord bounds a value of a run, and maxWords how many are shared, so that a text of ever new ones
// fills no memory.
const (
	maxWord  = 200
	maxWords = 1 << 14
)

// intern returns the value of a configuration key as a string.
func (p *reader) intern(key string, value []byte) string {
	if len(value) > maxWord {
		// Cut, it may be like another.
		p.note(Damage{Line: p.line, Text: fmt.Sprintf("the value of %s is longer than %d bytes", key, maxWord)})
		value = value[:maxWord]
	}
	return p.share(value)
}

// share returns one copy of a word that many lines have.
func (p *reader) share(word []byte) string {
	if len(word) == 0 {
		return ""
	}
	if w, ok := p.words[string(word)]; ok {
		return w
	}
	w := string(word)
	if len(p.words) < maxWords {
		p.words[w] = w
	}
	return w
}

// note records damage that leaves the rest readable.
func (p *reader) note(d Damage) {
	if p.damaged++; p.damaged <= MaxNotes {
		d.Text = cutText(d.Text)
		p.set.Damage = append(p.set.Damage, d)
	}
}

// refused records a line that benchfmt could not read.
func (p *reader) refused(rec *benchfmt.SyntaxError) {
	d := Damage{Line: p.line, Text: rec.Msg}
	if line := string(p.text); strings.HasPrefix(line, "Benchmark") {
		d.Name = benchmarkName(line)
		if _, msg, ok := strings.Cut(line, "panic: "); ok {
			p.fail(d.Name, "panic: "+strings.TrimSpace(msg))
		}
	}
	p.note(d)
}

// benchmarkName returns the name in a line that begins with one, as a Key has it.
func benchmarkName(line string) string {
	if i := strings.IndexFunc(line, unicode.IsSpace); i >= 0 {
		line = line[:i]
	}
	return StripProcs(strings.TrimPrefix(line, "Benchmark"))
}

// checkEnd records a file that stops before its end. Perfgate's own files say how many result
// lines they have. Other text cannot be checked so, but a last line without its newline that has
// other units than its benchmark's earlier lines was cut inside a unit.
func (p *reader) checkEnd(lastResultLine int) {
	s := p.set
	if s.Provenance["perfgate-samples"] != "" {
		switch {
		case p.end == "":
			p.note(Damage{Line: p.line, Text: "the file is cut: its last line `# end: N` is missing"})
		case p.end != strconv.Itoa(p.results):
			p.note(Damage{Line: p.line, Text: fmt.Sprintf("the file says it has %.20s result lines, %d can be read", p.end, p.results)})
		}
		return
	}
	if !p.open || lastResultLine != p.line || p.bench.Dropped > 0 {
		return
	}
	for _, unit := range slices.Sorted(maps.Keys(p.bench.Samples)) {
		if len(p.bench.Samples[unit]) != len(p.bench.Runs) {
			p.note(Damage{Name: p.bench.Name, Line: p.line, Text: "the last line is cut: no newline, and unit " + unit + " is not on every line of the benchmark"})
			return
		}
	}
}

// see notes what a line says that benchfmt does not read, and reports whether benchfmt has to see it.
func (p *reader) see(line []byte) bool {
	if p.failing > 0 && bytes.HasPrefix(line, []byte("    ")) {
		f := &p.set.Failures[p.failing-1]
		if len(f.Text) < maxText {
			f.Text = cutText(f.Text + "\n" + string(bytes.TrimSpace(line)))
		}
		return false
	}
	p.failing = 0
	if len(line) == 0 {
		return false
	}
	if bytes.HasPrefix(line, []byte("Benchmark")) || bytes.HasPrefix(line, []byte("Unit")) {
		return true
	}
	if i := bytes.IndexByte(line, ':'); i > 0 && line[0] >= 'a' {
		switch string(line[:i]) {
		// Of other keys benchfmt would keep every one.
		case "goos", "goarch", "cpu", "pkg", "pair", "layout", "method":
			return true
		case ConfidenceKey:
			// It holds for the whole text, wherever it stands.
			if v := bytes.TrimSpace(line[i+1:]); len(v) > 0 && p.set.Confidence == "" {
				p.set.Confidence, p.set.ConfidenceLine = p.share(v[:min(len(v), maxWord)]), p.line
			}
			return true
		}
	}
	switch line[0] {
	case '#', '-', 'p', 'f', 's', 'F', 'e':
		p.speak(string(line))
	}
	return false
}

// speak takes in provenance and failures.
func (p *reader) speak(line string) {
	switch {
	case strings.HasPrefix(line, "# "):
		p.provenance(line[2:])
	case strings.HasPrefix(line, "--- FAIL: Benchmark"):
		p.fail(benchmarkName(line[len("--- FAIL: "):]), "")
		if p.failed <= MaxNotes {
			p.failing = p.failed
		}
	case strings.HasPrefix(line, "panic: "), strings.HasPrefix(line, "fatal error: "), strings.HasPrefix(line, "signal: "):
		p.fail("", line)
	case line == "FAIL", strings.HasPrefix(line, "FAIL\t"), strings.HasPrefix(line, "exit status "):
		// The echo of a failure already known adds nothing.
		if p.failed == 0 {
			p.fail("", line)
		}
	}
}

func (p *reader) fail(name, text string) {
	if p.failed++; p.failed <= MaxNotes {
		p.set.Failures = append(p.set.Failures, Failure{Name: name, Line: p.line, Text: cutText(text)})
	}
}

func (p *reader) provenance(text string) {
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
	known := p.set.Provenance
	if known["perfgate-samples"] == "" && (key != "perfgate-samples" || p.line != 1) {
		return
	}
	if _, again := known[key]; !again && len(known) == maxProvenance {
		p.note(Damage{Line: p.line, Text: fmt.Sprintf("more than %d provenance keys", maxProvenance)})
		return
	}
	known[key] = value
}

// maxText bounds what is kept of a failure or of damage, in bytes.
const maxText = 2000

// cutText returns text as a string of its own, within maxText.
func cutText(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.Clone(strings.ToValidUTF8(text[:maxText], ""))
}
