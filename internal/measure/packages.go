package measure

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A TestPackage is a package whose test files have something that looks like a benchmark function.
type TestPackage struct {
	Path string // import path
	Dir  string // relative to the module's directory, with slashes: "." or "sub/dir"
}

// TestPackages lists the packages of a version, in the order of their paths, whose test files have
// benchmark functions, and builds nothing. What cannot be built is listed too. The error is a BuildError
// where the go command finds the module itself wrong.
func TestPackages(ctx context.Context, x Executor, v Version) ([]TestPackage, error) {
	arm := &Arm{Version: v, out: os.TempDir()}
	list, err := arm.golang(ctx, x, "list", "-e", "-f", "{{$d := .Dir}}{{$p := .ImportPath}}{{range .TestGoFiles}}{{$p}}\t{{$d}}\t{{.}}\n{{end}}{{range .XTestGoFiles}}{{$p}}\t{{$d}}\t{{.}}\n{{end}}", "--", "./...")
	if err != nil {
		return nil, err
	}
	var out []TestPackage
	for line := range strings.SplitSeq(list, "\n") {
		f := strings.Split(strings.TrimRight(line, "\r"), "\t")
		if len(f) != 3 || len(out) > 0 && out[len(out)-1].Path == f[0] {
			continue
		}
		data, err := os.ReadFile(filepath.Join(f[1], f[2]))
		if err != nil {
			return nil, fmt.Errorf("look for benchmarks: %w", err)
		}
		if !bytes.Contains(data, []byte("\nfunc Benchmark")) {
			continue
		}
		dir, err := filepath.Rel(v.Dir, f[1])
		if err != nil {
			return nil, fmt.Errorf("look for benchmarks in %s: %w", f[0], err)
		}
		out = append(out, TestPackage{Path: f[0], Dir: filepath.ToSlash(dir)})
	}
	return out, nil
}

// CommonPattern returns the narrowest package pattern that names all directories, which are as those of
// TestPackage: "./a/b" for one, otherwise "./a/..." or "./...".
func CommonPattern(dirs []string) string {
	if len(dirs) == 0 {
		return "./..."
	}
	common := strings.Split(dirs[0], "/")
	one := true
	for _, d := range dirs[1:] {
		one = one && d == dirs[0]
		parts := strings.Split(d, "/")
		n := 0
		for n < min(len(common), len(parts)) && common[n] == parts[n] {
			n++
		}
		common = common[:n]
	}
	switch {
	case one && dirs[0] == ".":
		return "."
	case one:
		return "./" + dirs[0]
	case len(common) == 0 || common[0] == ".":
		return "./..."
	}
	return "./" + strings.Join(common, "/") + "/..."
}
