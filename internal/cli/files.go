package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/sample"
	"github.com/perfgate/perfgate/report"
)

// maxSamples bounds a file of samples that is kept whole, far above what a large suite prints.
const maxSamples = 256 << 20

// writeFile writes a whole file or leaves what was there: a reader never sees half of one, also
// after a crash.
func writeFile(name string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".perfgate-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", name, err)
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Chmod(0o644); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// readBudgets reads a directory of budget files, or a single one.
func readBudgets(dir string) (budget.Set, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return budget.Set{}, misuse("read budgets: %w; give the directory of the budget files with --budgets", err)
	}
	names := []string{dir}
	if info.IsDir() {
		names = nil
		entries, err := os.ReadDir(dir)
		if err != nil {
			return budget.Set{}, misuse("read budgets: %w; make it readable, or name other budgets with --budgets", err)
		}
		for _, e := range entries {
			if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".yaml" || ext == ".yml") {
				names = append(names, filepath.Join(dir, e.Name()))
			}
		}
		if len(names) == 0 {
			return budget.Set{}, misuse("read budgets: no .yaml file in %s; write one, see docs/budgets.md", dir)
		}
	}
	slices.Sort(names)
	var sources []budget.Source
	for _, name := range names {
		data, err := readCapped(name, 2<<20) // Parse refuses half of that
		if err != nil {
			return budget.Set{}, misuse("read budgets: %w; make it readable, or name other budgets with --budgets", err)
		}
		sources = append(sources, budget.Source{Name: filepath.ToSlash(name), Data: data})
	}
	set, err := budget.Parse(sources)
	if err != nil {
		return set, exitError{gate.ExitMisuse, err}
	}
	return set, nil
}

// suite is the package pattern of the benchmarks: every package, unless the budgets say which.
func suite(set budget.Set) string {
	if set.Suite == "" {
		return "./..."
	}
	return set.Suite
}

// openFile opens a file to read, and no directory.
func openFile(name string) (*os.File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory, not a file", name)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// readCapped reads at most limit bytes of a regular file.
func readCapped(name string, limit int64) ([]byte, error) {
	f, err := openFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(data)) > limit {
		return data[:limit], nil
	}
	return data, nil
}

// readSamples reads a file of benchmark text together with the text, which may not be over maxSamples.
func readSamples(name string) (*sample.Set, []byte, error) {
	data, err := readCapped(name, maxSamples)
	if err != nil {
		return nil, nil, misuse("read samples: %w; perfgate check, perfgate run and go test -bench write such a file", err)
	}
	if len(data) == maxSamples {
		return nil, nil, misuse("read samples: %s is over %d MiB; give one of fewer benchmarks or runs", name, maxSamples>>20)
	}
	set, err := parseSamples(name, data)
	return set, data, err
}

// streamSamples reads a file of benchmark text, of any length.
func streamSamples(name string) (*sample.Set, error) {
	f, err := openFile(name)
	if err != nil {
		return nil, misuse("read samples: %w; perfgate check, perfgate run and go test -bench write such a file", err)
	}
	defer f.Close()
	set, err := sample.Read(f, filepath.ToSlash(name))
	if err != nil {
		return nil, notJudged(fmt.Errorf("read %s: %w", name, err))
	}
	return set, nil
}

// streamBoth reads head and, if it has a name, base; at once, since reading is most of judging. The
// error is that of head if there are two.
func streamBoth(headName, baseName string) (head, base *sample.Set, err error) {
	var wg sync.WaitGroup
	var baseErr error
	if baseName != "" {
		wg.Go(func() { base, baseErr = streamSamples(baseName) })
	}
	head, err = streamSamples(headName)
	wg.Wait()
	if err == nil {
		err = baseErr
	}
	return head, base, err
}

func parseSamples(name string, data []byte) (*sample.Set, error) {
	set, err := sample.Read(bytes.NewReader(data), filepath.ToSlash(name))
	if err != nil {
		return nil, notJudged(fmt.Errorf("read %s: %w", name, err))
	}
	return set, nil
}

// readResult reads the file that the flag --result names.
func readResult(c *cli.Context) (gate.Result, error) {
	if err := required(c, "result"); err != nil {
		return gate.Result{}, err
	}
	name := c.String("result")
	f, err := os.Open(name)
	if err != nil {
		return gate.Result{}, misuse("read the result: %w; perfgate check and perfgate judge --out write one", err)
	}
	defer f.Close()
	r, err := report.Read(f)
	if err != nil {
		return r, notJudged(fmt.Errorf("read the result in %s: %w", name, err))
	}
	return r, nil
}

// output files of a check, in the directory --out.
const (
	baseFile   = "samples-base.txt"
	headFile   = "samples-head.txt"
	resultFile = "result.json"
	reportFile = "report.md"
	pageFile   = "report.html"
	// the record of the base that was measured anew
	storedFile = "samples-baseline.txt"
	// with check --profile, of what failed
	profileFile = "profile.json"
)

// prepareOut makes the output directory and takes away the files of an earlier check: what lies
// there afterwards belongs to this one.
func prepareOut(dir string) error {
	if err := makeOut(dir); err != nil {
		return err
	}
	for _, name := range []string{baseFile, headFile, resultFile, reportFile, pageFile, profileFile, storedFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return misuse("clear the output directory: %w; choose a place where you may write", err)
		}
	}
	return nil
}

// makeOut makes a directory for output, unless it is there.
func makeOut(dir string) error {
	made := false
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		made = true
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return misuse("make the output directory: %w; choose a place where you may write", err)
	}
	if made {
		// Or the next check would find a work tree with files that git does not know.
		if err := writeFile(filepath.Join(dir, ".gitignore"), []byte("*\n")); err != nil {
			return misuse("make the output directory: %w; choose a place where you may write", err)
		}
	}
	return nil
}

// formats are what a result is rendered in. The last is that of the samples beside it.
var formats = []string{"markdown", "html", "text", "json", "junit", benchFormat}

const benchFormat = "bench"

// render returns a result in a format.
func render(r gate.Result, format string) ([]byte, error) {
	var b bytes.Buffer
	var err error
	switch format {
	case "json":
		err = report.JSON(&b, r)
	case "markdown":
		err = report.Markdown(&b, r, maxMarkdown)
	case "text":
		err = report.Text(&b, r)
	case "html":
		err = report.HTML(&b, r)
	case "junit":
		err = report.JUnit(&b, r)
	default:
		return nil, misuse("unknown format %q%s; the formats are %s", format, didYouMean(format, formats), strings.Join(formats, ", "))
	}
	return b.Bytes(), err
}

// maxMarkdown bounds report.md to what a job summary takes.
const maxMarkdown = report.SummaryLimit
