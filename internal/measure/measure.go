// Package measure turns two versions of a Go module into two files of benchmark text.
//
// It finds the version to compare with, checks it out beside the work tree, builds the benchmarks of
// both versions into test binaries and runs these so that what disturbs one disturbs the other: a
// pair is both versions started together on the same processor, with iteration counts set so that
// they finish together. Where the system cannot pin a process, a pair is one after the other in
// random order.
//
// It neither reads budgets nor judges; it passes on only well-formed result lines of the benchmark
// that it asked for, so that what a benchmark prints cannot pose as the result of another.
//
// Position in the flow: first. What it writes, package sample reads.
package measure

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A Binary is the compiled benchmarks of one package.
type Binary struct {
	Package string // import path
	Dir     string // where it is run: the package's directory
	Path    string
	// Functions lists the top-level benchmarks, with the word Benchmark, in the order of the source.
	Functions []string
	// Digest is the same for two binaries only where they are the same byte for byte, and the files
	// that they may read are.
	Digest string
}

// An Arm is one version, built.
type Arm struct {
	Version  Version
	Go       string // version of the toolchain that built it, such as go1.26.8
	Binaries []Binary
	options  BuildOptions
	out      string
	root     string // of the toolchain
	overlay  string // file for the go command's flag of that name, and what it needs
	// in its environment
	overlayEnv []string
}

// BuildOptions are the ways in which test binaries are built; the zero value is as go test does.
type BuildOptions struct {
	// OwnClock adds to every result line how long the process ran (cpu-ns/op) and how long the operation
	// took without the time for which it waited for a processor (own-ns/op), where system and toolchain
	// allow: see Overlay.
	OwnClock bool
	// LinkFlags are given to the linker.
	LinkFlags string
	// Skip is told of a package that does not build, which is then left out; nil makes that an error of the
	// whole, as it has to be where something is judged.
	Skip func(pkg string, err error)
}

// A BuildError says that a version's benchmarks could not be built.
type BuildError struct {
	Ref    string
	Output string // what the go command printed
}

// Error returns the version and what the go command printed.
func (e BuildError) Error() string {
	return fmt.Sprintf("build the benchmarks of %s:\n%s", e.Ref, e.Output)
}

// buildLimit bounds one go command: a build that hangs must not hang the check.
const buildLimit = 20 * time.Minute

// Build compiles the test binaries of every package that the pattern names and that has tests, into
// directory out. An arm without binaries is a version that has no such benchmarks.
func Build(ctx context.Context, x Executor, v Version, pattern, out string, options BuildOptions) (*Arm, error) {
	if err := os.MkdirAll(out, 0o700); err != nil {
		return nil, fmt.Errorf("build the benchmarks of %s: %w", v.Ref, err)
	}
	arm := &Arm{Version: v, options: options, out: out}
	run := func(args ...string) (string, error) { return arm.golang(ctx, x, args...) }
	version, err := run("env", "GOVERSION", "GOROOT")
	if err != nil {
		return nil, err
	}
	arm.Go, arm.root, _ = strings.Cut(strings.TrimSpace(version), "\n")
	if options.OwnClock {
		if arm.overlay, arm.overlayEnv, err = Overlay(arm.root, out); err != nil {
			return nil, ErrOwnClock{err}
		}
	}
	if strings.HasPrefix(pattern, "./") && !strings.Contains(pattern, "...") {
		// A version from before the suite has no benchmarks, which is not an error of building.
		if _, err := os.Stat(filepath.Join(v.Dir, pattern)); errors.Is(err, os.ErrNotExist) {
			return arm, nil
		}
	}
	find := []string{"list"}
	if options.Skip != nil {
		find = append(find, "-e")
	}
	list, err := run(append(find, "-f", "{{.ImportPath}}\t{{.Dir}}\t{{len .TestGoFiles}}\t{{len .XTestGoFiles}}", "--", pattern)...)
	if err != nil {
		return nil, err
	}
	for i, line := range strings.Split(strings.TrimSpace(list), "\n") {
		f := strings.Split(line, "\t")
		if len(f) != 4 || f[2] == "0" && f[3] == "0" {
			continue
		}
		b := Binary{Package: f[0], Dir: f[1], Path: filepath.Join(out, fmt.Sprintf("%d.test", i))}
		err := arm.compile(ctx, x, &b, "")
		var broken BuildError
		if options.Skip != nil && errors.As(err, &broken) {
			options.Skip(b.Package, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		names := x.Run(ctx, Command{
			Path: b.Path, Args: []string{"-test.list", "^Benchmark"}, Dir: b.Dir, Env: arm.env(), Limit: time.Minute,
		})
		if names.Err != nil {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			err := BuildError{Ref: v.Ref, Output: fmt.Sprintf("list the benchmarks of %s: %v\n%s", b.Package, names.Err, names.Stderr)}
			if options.Skip != nil {
				options.Skip(b.Package, err)
				continue
			}
			return nil, err
		}
		for _, name := range strings.Split(string(names.Stdout), "\n") {
			// TestMain may print lines of its own.
			if isName(name) && !slices.Contains(b.Functions, name) {
				b.Functions = append(b.Functions, name)
			}
		}
		if len(b.Functions) > 0 {
			arm.Binaries = append(arm.Binaries, b)
		}
	}
	return arm, nil
}

func (a *Arm) env() []string { return append(CleanEnv(), "PWD="+a.Version.Dir) }

// golang returns what a go command printed.
func (a *Arm) golang(ctx context.Context, x Executor, args ...string) (string, error) {
	// The go command leaves its temporary files behind when it is killed: here they go with the rest.
	c := Command{Path: "go", Args: args, Dir: a.Version.Dir, Env: append(a.env(), "GOTMPDIR="+a.out), Limit: buildLimit}
	if a.overlay != "" {
		c.Path, c.Env = filepath.Join(a.root, "bin", "go"), append(c.Env, a.overlayEnv...)
	}
	o := x.Run(ctx, c)
	if o.Err == nil {
		return string(o.Stdout), nil
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	text := strings.TrimSpace(string(o.Stderr) + "\n" + string(o.Stdout))
	if text == "" || errors.Is(o.Err, errLimit) {
		text = strings.TrimSpace(text + "\n" + o.Err.Error())
	}
	return "", BuildError{Ref: a.Version.Ref, Output: text}
}

// compile builds the binary b.Path of package b.Package. Paths and the identity of the build are left
// out, so that the same source gives the same bytes in any directory.
func (a *Arm) compile(ctx context.Context, x Executor, b *Binary, linkFlags string) error {
	args := []string{"test", "-c", "-trimpath", "-buildvcs=false", "-ldflags=" + strings.TrimSpace("-buildid= "+a.options.LinkFlags+" "+linkFlags)}
	if a.overlay != "" {
		args = append(args, "-overlay="+a.overlay)
	}
	if _, err := a.golang(ctx, x, append(args, "-o", b.Path, b.Package)...); err != nil {
		return err
	}
	f, err := os.Open(b.Path)
	if err != nil {
		return fmt.Errorf("read the test binary of %s: %w", b.Package, err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("read the test binary of %s: %w", b.Package, err)
	}
	b.Digest = fmt.Sprintf("sha256:%x", h.Sum(nil))
	if a.Version.Data != "" {
		b.Digest += "+" + a.Version.Data
	}
	return nil
}

// ErrOwnClock says that binaries cannot be built with the processes' own clocks on this system or with
// this toolchain.
type ErrOwnClock struct{ Err error }

// Error returns the reason.
func (e ErrOwnClock) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e ErrOwnClock) Unwrap() error { return e.Err }

// isName reports whether s is the name of a benchmark function.
func isName(s string) bool {
	return strings.HasPrefix(s, "Benchmark") && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9' && r < 'A' || r > 'Z' && r < 'a' || r > 'z' && r < 0x80)
	})
}

// binary returns the arm's binary of a package that has the function, or nil.
func (a *Arm) binary(pkg, function string) *Binary {
	if a == nil {
		return nil
	}
	for i := range a.Binaries {
		if b := &a.Binaries[i]; b.Package == pkg && slices.Contains(b.Functions, function) {
			return b
		}
	}
	return nil
}
