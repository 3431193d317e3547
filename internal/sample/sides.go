package sample

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/perf/benchfmt"
)

// The file configuration that Sides writes.
const (
	// SideKey says which version a result is of: base or head.
	SideKey = "side"
	// HowKey says how a result was measured: in pairs, of which both versions shared a processor, or
	// alone. Times of the one are not to be compared with times of the other.
	HowKey = "measured"
)

// A Side is the benchmark text of one version for Sides.
type Side struct {
	Name string // the value of SideKey
	File string // for messages
	Text io.Reader
}

// Sides writes the results of several texts as one, in the order given, for readers that compare by
// file configuration, such as `benchstat -col side`. Each result is under SideKey and HowKey. What only
// tells one run from another (pair, method, run) is left out, since such a reader would take every run for
// a thing of its own; so are the results taken in other orders of the functions, of which the number is
// returned, and all that is no result. The error names the file and line of what cannot be read.
func Sides(w io.Writer, sides ...Side) (layouts int, err error) {
	out := benchfmt.NewWriter(w)
	for _, side := range sides {
		in := benchfmt.NewReader(side.Text, side.File)
		for in.Scan() {
			switch rec := in.Result().(type) {
			case *benchfmt.Result:
				if rec.GetConfig("layout") != "" {
					layouts++
					continue
				}
				how := "alone"
				if rec.GetConfig("pair") != "" {
					how = "in pairs"
				}
				one := rec.Clone()
				for _, key := range []string{"pair", "method", "run", "layout"} {
					one.SetConfig(key, "")
				}
				setFileConfig(one, SideKey, side.Name)
				setFileConfig(one, HowKey, how)
				if err := out.Write(one); err != nil {
					return layouts, err
				}
			case *benchfmt.UnitMetadata:
				if err := out.Write(rec); err != nil {
					return layouts, err
				}
			case *benchfmt.SyntaxError:
				// What a run said besides its results.
			}
		}
		if err := in.Err(); err != nil {
			return layouts, errors.Join(fmt.Errorf("read %s", side.File), err)
		}
	}
	return layouts, nil
}

// setFileConfig sets a key that the writer writes; those set alone it keeps to itself.
func setFileConfig(r *benchfmt.Result, key, value string) {
	r.SetConfig(key, value)
	if i, ok := r.ConfigIndex(key); ok {
		r.Config[i].File = true
	}
}
