package measure

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// A Recording is the samples of one version, ready to be written as benchmark text.
type Recording struct {
	// Provenance is written as `# key: value` comments in this order, which benchstat skips.
	Provenance [][2]string
	// Config holds goos, goarch and cpu.
	Config [][2]string
	units  []string
	lines  []line // benchmark by benchmark, whatever the order of measuring was
	fails  []Failure
}

// A line is one result.
type line struct {
	pkg  string
	name string // with the word Benchmark
	pair int    // from 1; 0 where there was no partner
	// layout is the seed of the order of the functions, or 0 for the linker's own.
	layout int
	method string // how it was run, where not as the provenance says
	text   string
	// secPerOp, own and cpu are the values of ns/op, own-ns/op and cpu-ns/op in seconds, or 0.
	secPerOp, own, cpu float64
	parallel           bool // it used RunParallel
	iterations         int
	took               time.Duration // of the process
}

// interleavedMethod is the method of pairs whose arms run one after the other.
const interleavedMethod = "interleaved"

// seconds returns the time of one iteration by the process's own clock, or else by that on the wall.
func (l line) seconds() float64 {
	if l.own > 0 {
		return l.own
	}
	return l.secPerOp
}

// A Failure is a benchmark that did not end well. Name has the word Benchmark; it is empty when
// nothing could be run at all.
type Failure struct {
	Name string
	Text string
}

const (
	maxLine  = 4000
	maxUnits = 200
	// maxFailureLines is how much of a benchmark's dying words is kept.
	maxFailureLines = 40
)

// parseLine reads a result line, and reports whether it is one.
func parseLine(s string, procs int) (line, bool) {
	f := strings.Fields(s)
	if len(s) > maxLine || len(f) < 4 || len(f)%2 != 0 || !strings.HasPrefix(f[0], "Benchmark") || !printable(s) {
		return line{}, false
	}
	n, err := strconv.Atoi(f[1])
	if err != nil || n < 1 {
		return line{}, false
	}
	l := line{name: f[0], iterations: n}
	if procs > 1 {
		// The testing package appends the number of processors to a name where it is not 1.
		l.name = strings.TrimSuffix(f[0], fmt.Sprintf("-%d", procs))
	}
	for i := 2; i < len(f); i += 2 {
		v, err := strconv.ParseFloat(f[i], 64)
		if err != nil {
			return line{}, false
		}
		if math.IsInf(v, 0) || math.IsNaN(v) {
			continue
		}
		switch f[i+1] {
		case "ns/op":
			l.secPerOp = v / 1e9
		case unitCPU:
			l.cpu = v / 1e9
		case unitOwn:
			l.own = v / 1e9
		case unitProcs:
			l.parallel = true
		}
	}
	l.text = f[0]
	if i := strings.LastIndexByte(f[0], '-'); procs == 1 && i >= 0 && i+1 < len(f[0]) && strings.Trim(f[0][i+1:], "0123456789") == "" {
		// Readers take a number at the end for the processor count, which is 1 and so not printed.
		l.text += "-1"
	}
	l.text += "\t" + f[1]
	for i := 2; i < len(f); i += 2 {
		if f[i+1] != unitProcs {
			l.text += "\t" + f[i] + " " + f[i+1]
		}
	}
	return l, true
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) })
}

// read takes from a process's output the result lines whose name keep accepts, and what it says of
// units and of the machine.
func (r *Recording) read(out []byte, pkg string, procs int, keep func(name string) bool) []line {
	var got []line
	sc := bufio.NewScanner(bytes.NewReader(out))
	sc.Buffer(nil, maxStdout+1)
	for sc.Scan() {
		s := strings.TrimRight(sc.Text(), "\r")
		if l, ok := parseLine(s, procs); ok {
			if keep(l.name) {
				l.pkg = pkg
				got = append(got, l)
			}
			continue
		}
		if f := strings.Fields(s); len(f) >= 3 && f[0] == "Unit" && len(s) < maxLine && printable(s) {
			u := strings.Join(f, " ")
			if !slices.Contains(r.units, u) && len(r.units) < maxUnits {
				r.units = append(r.units, u)
			}
			continue
		}
		for _, key := range []string{"goos", "goarch", "cpu"} {
			v, ok := strings.CutPrefix(s, key+": ")
			has := slices.ContainsFunc(r.Config, func(kv [2]string) bool { return kv[0] == key })
			if ok && !has && printable(v) && len(v) < 200 {
				r.Config = append(r.Config, [2]string{key, v})
			}
		}
	}
	return got
}

func (r *Recording) fail(name, text string) {
	if !slices.ContainsFunc(r.fails, func(f Failure) bool { return f.Name == name }) {
		r.fails = append(r.fails, Failure{Name: name, Text: text})
	}
}

// Failures returns the benchmarks that did not end well, in the order found.
func (r *Recording) Failures() []Failure { return slices.Clone(r.fails) }

// Fail records that the version could not be run at all, and why.
func (r *Recording) Fail(text string) { r.fail("", text) }

// WriteTo writes the recording as benchmark text. Its last line says how many results it has, so
// that a file that was cut can be told.
func (r *Recording) WriteTo(w io.Writer) (int64, error) {
	var b bytes.Buffer
	b.WriteString("# perfgate-samples: 1\n")
	for _, kv := range r.Provenance {
		if v := oneLine(kv[1]); v != "" {
			fmt.Fprintf(&b, "# %s: %s\n", kv[0], v)
		}
	}
	for _, kv := range r.Config {
		fmt.Fprintf(&b, "%s: %s\n", kv[0], kv[1])
	}
	for _, u := range r.units {
		fmt.Fprintln(&b, u)
	}
	r.writeLines(&b, false)
	for _, f := range r.fails {
		if f.Name == "" {
			fmt.Fprintf(&b, "FAIL\t%s\n", oneLine(f.Text))
			continue
		}
		fmt.Fprintf(&b, "--- FAIL: %s\n", f.Name)
		lines := strings.Split(strings.TrimSpace(f.Text), "\n")
		for _, s := range lines[:min(len(lines), maxFailureLines)] {
			fmt.Fprintf(&b, "    %s\n", oneLine(s))
		}
	}
	fmt.Fprintf(&b, "# end: %d\n", len(r.lines))
	return b.WriteTo(w)
}

// WriteSection writes the results alone as one section of a longer text, under file configuration of
// its own: what was measured alone is numbered by the key run, and each line says in process-ns how
// long its process took. The sections of a text follow one another without more.
func (r *Recording) WriteSection(w io.Writer, config [][2]string) error {
	var b bytes.Buffer
	for _, kv := range config {
		fmt.Fprintf(&b, "%s: %s\n", kv[0], kv[1])
	}
	r.writeLines(&b, true)
	_, err := b.WriteTo(w)
	return err
}

func (r *Recording) writeLines(b *bytes.Buffer, section bool) {
	now, keys := map[string]string{}, []string{}
	set := func(key, value string) {
		if now[key] != value {
			now[key] = value
			keys = append(keys, key)
			fmt.Fprintln(b, strings.TrimSpace(key+": "+value)) // an empty value takes the key away
		}
	}
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	runs := map[string]int{}
	for _, l := range r.lines {
		set("pkg", l.pkg)
		set("method", l.method)
		set("layout", number(l.layout))
		set("pair", number(l.pair))
		if !section {
			fmt.Fprintln(b, l.text)
			continue
		}
		if l.pair == 0 {
			runs[l.name]++
			set("run", number(runs[l.name]))
		}
		fmt.Fprintf(b, "%s\t%d process-ns\n", l.text, l.took.Nanoseconds())
	}
	if section {
		for _, key := range keys {
			set(key, "")
		}
	}
}

// oneLine makes text safe to stand in one line of the file.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == '\r' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	if len(s) > maxLine {
		s = strings.ToValidUTF8(s[:maxLine], "")
	}
	return strings.TrimSpace(s)
}
