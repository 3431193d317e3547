package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/perfgate/perfgate/internal/gate"
)

// The bounds of a result file. They are those of what can be shown; a file beyond them was not
// written by perfgate.
const (
	MaxBytes    = 40_000_000 // length of a result file
	MaxVerdicts = 20_000     // verdicts in a result
)

// errRerun is the next step of whoever holds a file that cannot be used.
const errRerun = "write it anew with `perfgate check` or `perfgate judge --out FILE`"

// Read reads the one result in r. Fields that this version does not know are let through, since a
// new field does not raise the version. The error names what is wrong: a version, exit code or
// verdict word that this version does not know, a file that is cut off, has something after the
// result, is longer than MaxBytes or holds more than MaxVerdicts verdicts, a number out of range,
// or an exit code and counts that the verdicts contradict.
func Read(r io.Reader) (gate.Result, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return gate.Result{}, fmt.Errorf("read the result: %w", err)
	}
	if len(data) > MaxBytes {
		return gate.Result{}, fmt.Errorf("read the result: it is longer than %d bytes; %s", MaxBytes, errRerun)
	}
	// The exit code is read twice: a file without one must not read as 0, which is a pass.
	var file struct {
		gate.Result
		ExitCode *int `json:"exit_code"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&file); err != nil {
		return gate.Result{}, fmt.Errorf("read the result: %s; %s", describe(err), errRerun)
	}
	if _, err := d.Token(); err != io.EOF {
		return gate.Result{}, fmt.Errorf("read the result: there is something after its end, at byte %d; %s", d.InputOffset(), errRerun)
	}
	if file.Result.Version != gate.Version {
		return gate.Result{}, fmt.Errorf("read the result: its version is %d, this perfgate reads version %d; use the same perfgate to check and to report", file.Result.Version, gate.Version)
	}
	if file.ExitCode == nil {
		return gate.Result{}, fmt.Errorf("read the result: it has no exit_code; %s", errRerun)
	}
	result := file.Result
	result.ExitCode = *file.ExitCode
	if err := valid(result); err != nil {
		return gate.Result{}, fmt.Errorf("read the result: %w; %s", err, errRerun)
	}
	return result, nil
}

// JSON writes r as indented JSON with a newline at the end; the same result gives the same bytes,
// and Read gives it back. The error is one of w, or says why Read would refuse the file.
func JSON(w io.Writer, r gate.Result) error {
	if r.Version != gate.Version {
		return fmt.Errorf("write the result: its version is %d, not %d", r.Version, gate.Version)
	}
	if err := valid(r); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false) // reasons are read by people in this file too
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write the result: %s", describe(err))
	}
	if b.Len() > MaxBytes {
		return fmt.Errorf("write the result: it is longer than %d bytes; judge fewer benchmarks at once", MaxBytes)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// valid returns what no result of a check can be.
func valid(r gate.Result) error {
	if r.ExitCode < 0 || r.ExitCode >= len(outcomes) {
		return fmt.Errorf("exit_code %d is none of 0 to %d", r.ExitCode, len(outcomes)-1)
	}
	if len(r.Verdicts) > MaxVerdicts {
		return fmt.Errorf("it has %d verdicts, more than %d", len(r.Verdicts), MaxVerdicts)
	}
	var n gate.Counts
	blocks := false
	for i, v := range r.Verdicts {
		switch v.Verdict {
		case gate.Pass:
			n.Pass++
		case gate.Fail:
			if excused(v) {
				n.Waived++
			} else {
				n.Fail++
			}
		case gate.Inconclusive:
			n.Inconclusive++
		case gate.Missing:
			n.Missing++
		default:
			return fmt.Errorf("verdict %d (%.100q) is %.100q, none of pass, fail, inconclusive, missing", i+1, v.ID, v.Verdict)
		}
		if v.New {
			n.New++
		}
		if v.Improved {
			n.Improved++
		}
		blocks = blocks || v.Blocks || failed(v)
		if err := validWaived(v); err != nil {
			return fmt.Errorf("verdict %d (%.100q): %w", i+1, v.ID, err)
		}
		for j, l := range v.Limits {
			// A limit that a verdict was reached without has none of its own.
			if l.Verdict != "" && rank(l.Verdict) < 0 {
				return fmt.Errorf("limit %d of verdict %d (%.100q) is %.100q, none of pass, fail, inconclusive, missing", j+1, i+1, v.ID, l.Verdict)
			}
		}
		if !finite(v) {
			return fmt.Errorf("verdict %d (%.100q) has a value that is no number", i+1, v.ID)
		}
	}
	if len(r.Notes) > maxAllNotes {
		return fmt.Errorf("it has %d notes, more than %d", len(r.Notes), maxAllNotes)
	}
	if err := validBlame(r.Blame); err != nil {
		return err
	}
	if s := r.Selected; s != nil {
		ids := map[string]bool{}
		for _, v := range r.Verdicts {
			ids[v.ID] = true
		}
		if len(s.Suites)+len(s.IDs) == 0 || s.Judged != len(ids) || s.Judged > s.Budgets {
			return fmt.Errorf("it says that %d of %d budgets of %d suites and %d ids were judged; its verdicts are of %d", s.Judged, s.Budgets, len(s.Suites), len(s.IDs), len(ids))
		}
	}
	if err := validShards(r); err != nil {
		return err
	}
	switch {
	case n != r.Counts:
		return fmt.Errorf("its counts (%s) are not those of its verdicts (%s)", counts(r.Counts), counts(n))
	case r.ExitCode == gate.ExitPass && (blocks || len(r.Verdicts) == 0):
		return errors.New("exit_code 0 means a pass, which its verdicts are not")
	}
	return nil
}

// finite reports whether every number of v can be written as JSON.
func finite(v gate.Verdict) bool {
	xs := []*float64{v.Base, v.Head, v.Change, v.Detectable}
	if v.Interval != nil {
		xs = append(xs, &v.Interval.Low, &v.Interval.High, &v.Interval.Confidence)
	}
	for i := range v.Limits {
		xs = append(xs, &v.Limits[i].Value)
	}
	if l := v.Law; l != nil {
		xs = append(xs, &l.Factor, &l.Exponent, &l.Scatter, l.R2)
		for i := range l.Points {
			xs = append(xs, &l.Points[i].Size, l.Points[i].Base, &l.Points[i].Head)
		}
		if k := l.Knee; k != nil {
			xs = append(xs, &k.At, &k.Below, &k.Above)
		}
		if f := l.Forecast; f != nil {
			xs = append(xs, &f.Size, &f.Value, &f.Low, &f.High, &f.Confidence)
		}
	}
	for _, x := range xs {
		if x != nil && (math.IsNaN(*x) || math.IsInf(*x, 0)) {
			return false
		}
	}
	return true
}

// describe says without Go words what encoding/json found.
func describe(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF):
		return "the file is empty"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the file is cut off"
	case errors.As(err, &syntax):
		return fmt.Sprintf("it is not JSON: %v, at byte %d", err, syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Sprintf("field %.100q cannot hold a JSON %.40s, at byte %d", kind.Field, kind.Value, kind.Offset)
	}
	return err.Error()
}
