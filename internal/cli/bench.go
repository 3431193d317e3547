package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/sample"
)

// benchText returns the samples that a result rests on, which check leaves beside it, as one text for
// benchstat.
func benchText(s Streams, r gate.Result, result string) ([]byte, error) {
	dir := filepath.Dir(result)
	sides := []struct{ name, file string }{{"base", baseFile}, {"head", headFile}}
	if r.Compared.Base.Kind == "none" {
		sides = sides[1:]
	}
	var in []sample.Side
	for _, side := range sides {
		name := filepath.Join(dir, side.file)
		f, err := openFile(name)
		if errors.Is(err, os.ErrNotExist) {
			return nil, misuse("there is no %s: a result holds medians, and the runs that benchstat compares lie beside it where perfgate check wrote it; of a result of judge, give benchstat the files that were judged", name)
		}
		if err != nil {
			return nil, misuse("read samples: %w", err)
		}
		defer f.Close()
		set, err := sample.Read(f, filepath.ToSlash(name))
		if err != nil {
			return nil, notJudged(fmt.Errorf("read %s: %w", name, err))
		}
		origin := r.Compared.Head
		if side.name == "base" {
			origin = r.Compared.Base
		}
		if set.Provenance["measured"] != origin.Measured || set.Provenance["commit"] != origin.Commit {
			return nil, misuse("%s is not of this result: it was measured at %q, of commit %q; the result says %q and %q", name,
				set.Provenance["measured"], set.Provenance["commit"], origin.Measured, origin.Commit)
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, notJudged(fmt.Errorf("read %s: %w", name, err))
		}
		in = append(in, sample.Side{Name: side.name, File: filepath.ToSlash(name), Text: f})
	}
	var b bytes.Buffer
	layouts, err := sample.Sides(&b, in...)
	if err != nil {
		return nil, notJudged(err)
	}
	renamed := map[string]bool{}
	for _, v := range r.Verdicts {
		if v.RenamedFrom != "" {
			renamed[v.Package+"."+v.Benchmark] = true
		}
	}
	if n := len(renamed); n > 0 {
		fmt.Fprintf(s.Err, "benchstat takes %d benchmarks that were renamed for others in base and in head\n", n)
	}
	if layouts > 0 {
		fmt.Fprintf(s.Err, "left out %d runs in other orders of the functions\n", layouts)
	}
	return b.Bytes(), nil
}
