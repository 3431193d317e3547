// Package replay scores decision rules on recordings: perfgate's own and those of other tools, on the
// same measurements. A recording holds benchmarks whose truth is known, since what differs between
// base and head was planted: nothing, or an exact share of extra work. Replay says how often each rule
// turns an unchanged benchmark red, how often it finds a change of a given size, and what that costs
// in seconds of measuring.
//
// It measures nothing, prints nothing and decides nothing that a check uses. The rules of the other
// tools are written anew from what those tools do, reduced to the one question a gate answers: does
// this pair of versions turn the check red? Everything is seeded, so that a recording always gives the
// same scores.
//
// Position in the flow: a recording is benchmark text, made by perfgate; Read takes it apart, Evaluate
// applies the Rules and counts, Table, Chart and JSON show the Scores.
package replay

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"golang.org/x/perf/benchfmt"

	"github.com/perfgate/perfgate/internal/sample"
)

// A Recording is what one file of recorded benchmark text holds.
type Recording struct {
	// Trials are in order of first appearance.
	Trials []Trial
	// Incomplete counts what was recorded by half.
	Incomplete Incomplete
}

// Incomplete counts measurements that lack their counterpart. They take no part in the scores.
type Incomplete struct {
	// Pairs have only a base or only a head.
	Pairs int `json:"pairs"`
	// Stored are trials with stored runs of only one arm.
	Stored int `json:"stored"`
}

// A Trial is one benchmark, measured in both versions on one machine in one session, with one known
// difference between the versions.
type Trial struct {
	// Machine says how the machine was while measuring, such as quiet or busy.
	Machine string
	// Share is the extra work of head as a share of base's: 0.15 for fifteen percent, 0 for none.
	Share float64
	// Session counts independent repetitions, from 1.
	Session int
	// Package and Name say which benchmark, as in sample.Key.
	Package, Name string
	// Pairs are the pairs measured on a shared processor, both halves there, in order of their number.
	Pairs []Pair
	// StoredBase and StoredHead are runs of each version alone, those of the base taken well before
	// those of the head, each in order of their number.
	StoredBase, StoredHead []Run
}

// A Pair is a base and a head run that were measured at once.
type Pair struct {
	Base, Head Run
}

// A Run is one result line.
type Run struct {
	// Wall, CPU and OwnTime are nanoseconds per operation.
	Wall, CPU, OwnTime float64
	// HasCPU and HasOwn say whether the line had them.
	HasCPU, HasOwn bool
	// Alone says that the other arm of the pair did not run at the same time.
	Alone bool
	// Process is how long the whole process took, in seconds; iterations times Wall if the line does
	// not say.
	Process float64
}

// Own returns the time in nanoseconds per operation that the benchmark itself took, without what it
// waited for a processor. ok is false if the line does not say.
func (r Run) Own() (ns float64, ok bool) { return r.OwnTime, r.HasOwn }

// A trialKey tells trials apart.
type trialKey struct {
	machine string
	share   float64
	session int
	key     sample.Key
}

// numbered are the runs of one arm and design of a trial by the number that the recording gives them.
type numbered map[int]Run

// arms are the runs of one trial as they are read.
type arms struct {
	key                    trialKey
	pairBase, pairHead     numbered
	storedBase, storedHead numbered
}

// Read reads a recording: Go benchmark text whose sections set the keys machine, design (pairs or
// stored), share, session, arm (base or head), pair or run, and pkg. A line that cannot be understood,
// a key that is missing and a measurement that is there twice are errors that name the line: a score
// from half a recording would look like any other.
func Read(r io.Reader) (*Recording, error) {
	end := &lastByte{r: r}
	br := benchfmt.NewReader(end, "recording")
	var order []*arms
	index := map[trialKey]*arms{}
	for br.Scan() {
		switch rec := br.Result().(type) {
		case *benchfmt.SyntaxError:
			return nil, fmt.Errorf("read recording: line %d: %s", rec.Line, rec.Msg)
		case *benchfmt.Result:
			if err := add(index, &order, rec); err != nil {
				_, line := rec.Pos()
				return nil, fmt.Errorf("read recording: line %d: %w", line, err)
			}
		}
	}
	if err := br.Err(); err != nil {
		return nil, fmt.Errorf("read recording: %w", err)
	}
	if end.seen && end.last != '\n' {
		return nil, fmt.Errorf("read recording: the last line is cut: it does not end in a new line")
	}
	out := &Recording{}
	for _, a := range order {
		out.Trials = append(out.Trials, a.trial(&out.Incomplete))
	}
	return out, nil
}

// lastByte hands text on unchanged and remembers how it ended.
type lastByte struct {
	r    io.Reader
	last byte
	seen bool
}

func (l *lastByte) Read(b []byte) (int, error) {
	n, err := l.r.Read(b)
	if n > 0 {
		l.last, l.seen = b[n-1], true
	}
	return n, err
}

// add files one result line under its trial, which it may begin.
func add(index map[trialKey]*arms, order *[]*arms, rec *benchfmt.Result) error {
	run, err := parseRun(rec)
	if err != nil {
		return err
	}
	k := trialKey{
		machine: rec.GetConfig("machine"),
		key:     sample.Key{Package: rec.GetConfig("pkg"), Name: sample.StripProcs(rec.Name.String())},
	}
	if k.machine == "" {
		return fmt.Errorf("there is no machine in force")
	}
	if k.share, err = strconv.ParseFloat(rec.GetConfig("share"), 64); err != nil || !(k.share >= 0) || math.IsInf(k.share, 0) {
		return fmt.Errorf("share %q is not a number from zero up", rec.GetConfig("share"))
	}
	if k.session, err = ordinal(rec, "session"); err != nil {
		return err
	}
	design, arm := rec.GetConfig("design"), rec.GetConfig("arm")
	if arm != "base" && arm != "head" {
		return fmt.Errorf("arm %q is neither base nor head", arm)
	}
	var counter string
	switch design {
	case "pairs":
		counter = "pair"
	case "stored":
		counter = "run"
	default:
		return fmt.Errorf("design %q is neither pairs nor stored", design)
	}
	number, err := ordinal(rec, counter)
	if err != nil {
		return err
	}
	a := index[k]
	if a == nil {
		a = &arms{key: k, pairBase: numbered{}, pairHead: numbered{}, storedBase: numbered{}, storedHead: numbered{}}
		index[k] = a
		*order = append(*order, a)
	}
	into := map[string]numbered{
		"pairs base": a.pairBase, "pairs head": a.pairHead, "stored base": a.storedBase, "stored head": a.storedHead,
	}[design+" "+arm]
	if _, twice := into[number]; twice {
		return fmt.Errorf("%s %d of %s in %s is there twice", counter, number, k.key.Name, arm)
	}
	into[number] = run
	return nil
}

// ordinal reads a key that counts from 1, or from 0.
func ordinal(rec *benchfmt.Result, key string) (int, error) {
	n, err := strconv.Atoi(rec.GetConfig(key))
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s %q is not a whole number", key, rec.GetConfig(key))
	}
	return n, nil
}

func parseRun(rec *benchfmt.Result) (Run, error) {
	var run Run
	hasWall, hasProcess := false, false
	for _, v := range rec.Values {
		value, unit := v.Value, v.Unit
		if v.OrigUnit != "" {
			// As it stands in the file: benchfmt makes seconds of nanoseconds.
			value, unit = v.OrigValue, v.OrigUnit
		}
		var into *float64
		var has *bool
		switch unit {
		case "ns/op":
			into, has = &run.Wall, &hasWall
		case "cpu-ns/op":
			into, has = &run.CPU, &run.HasCPU
		case "own-ns/op":
			into, has = &run.OwnTime, &run.HasOwn
		case "process-ns":
			into, has = &run.Process, &hasProcess
		default:
			continue
		}
		switch {
		case *has:
			return Run{}, fmt.Errorf("unit %s stands twice on one line", unit)
		case math.IsNaN(value), math.IsInf(value, 0), value < 0:
			return Run{}, fmt.Errorf("%v %s is no time", value, unit)
		}
		*into, *has = value, true
	}
	if !hasWall || run.Wall == 0 {
		return Run{}, fmt.Errorf("%s has no ns/op above zero", rec.Name)
	}
	if own, ok := run.Own(); ok && own == 0 {
		return Run{}, fmt.Errorf("%s took no time of its own", rec.Name)
	}
	if !hasProcess {
		run.Process = float64(rec.Iters) * run.Wall
	}
	run.Process /= 1e9
	run.Alone = rec.GetConfig("method") == "interleaved"
	return run, nil
}

// trial puts the runs of one trial in order, and counts those without a counterpart.
func (a *arms) trial(inc *Incomplete) Trial {
	t := Trial{
		Machine: a.key.machine, Share: a.key.share, Session: a.key.session, Package: a.key.key.Package, Name: a.key.key.Name,
		StoredBase: a.storedBase.inOrder(), StoredHead: a.storedHead.inOrder(),
	}
	for _, n := range a.pairBase.numbers() {
		if head, ok := a.pairHead[n]; ok {
			t.Pairs = append(t.Pairs, Pair{Base: a.pairBase[n], Head: head})
		}
	}
	inc.Pairs += len(a.pairBase) + len(a.pairHead) - 2*len(t.Pairs)
	if (len(t.StoredBase) == 0) != (len(t.StoredHead) == 0) {
		inc.Stored++
	}
	return t
}

func (n numbered) numbers() []int {
	var out []int
	for i := range n {
		out = append(out, i)
	}
	slices.SortFunc(out, cmp.Compare[int])
	return out
}

func (n numbered) inOrder() []Run {
	var out []Run
	for _, i := range n.numbers() {
		out = append(out, n[i])
	}
	return out
}
