package measure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// A Command is one process to run.
type Command struct {
	Path string
	Args []string
	Dir  string
	Env  []string // nil means none at all
	// CPUs are the processors that the process may run on; empty means any. Where the system cannot
	// pin, they are ignored: ask CPUs.
	CPUs []int
	// Limit ends the process and its children when it has run so long. Zero means no limit.
	Limit time.Duration
}

// An Output is what came of a Command.
type Output struct {
	Stdout []byte // cut at 4 MiB
	Stderr []byte // cut at 256 KiB
	Cut    bool   // something was cut
	// Took is the time from the start of the process to its end.
	Took time.Duration
	// Err is nil when the process ended with exit code 0.
	Err error
}

// An Executor runs a process to its end. When ctx ends, the process and its children are killed.
type Executor interface {
	Run(ctx context.Context, c Command) Output
}

// errLimit is the cause of a process that was ended by its Limit.
var errLimit = errors.New("ran into its time limit")

const (
	maxStdout = 4 << 20
	maxStderr = 256 << 10
)

// System runs processes on this machine, each in a process group of its own.
type System struct {
	Guard *Guard // kills what still runs when this process is killed; nil means that nothing does
}

// Run starts the process and waits for it.
func (s System) Run(ctx context.Context, c Command) Output {
	if c.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, c.Limit, fmt.Errorf("%w of %v", errLimit, c.Limit))
		defer cancel()
	}
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Dir = c.Dir
	cmd.Env = c.Env
	if c.Env == nil {
		cmd.Env = []string{}
	}
	stdout, stderr := &capped{limit: maxStdout}, &capped{limit: maxStderr}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	// A grandchild that keeps the pipes open must not hold us up once the process itself is gone.
	cmd.WaitDelay = 2 * time.Second
	group(cmd)
	cmd.Cancel = func() error {
		if errors.Is(context.Cause(ctx), errLimit) {
			askForStacks(cmd) // and WaitDelay ends those that don't follow
		} else {
			killGroup(cmd)
		}
		return nil
	}
	began := time.Now()
	err := startPinned(cmd, c.CPUs)
	if err == nil {
		pid := cmd.Process.Pid
		s.Guard.started(pid)
		if awaitEnd(pid) {
			// Not reaped yet, so its number still means this group and no other.
			killGroup(cmd) // whatever it left behind
			s.Guard.ended(pid)
			err = cmd.Wait()
		} else {
			err = cmd.Wait()
			killGroup(cmd)
			s.Guard.ended(pid)
		}
	}
	if ctx.Err() != nil && err != nil {
		err = context.Cause(ctx)
	}
	return Output{Stdout: stdout.buf.Bytes(), Stderr: stderr.buf.Bytes(), Cut: stdout.cut || stderr.cut, Took: time.Since(began), Err: err}
}

// A capped writer keeps the first bytes and swallows the rest: a child that prints without end must
// neither fill the memory nor be blocked on a full pipe.
type capped struct {
	buf   bytes.Buffer
	limit int
	cut   bool
}

func (w *capped) Write(p []byte) (int, error) {
	keep := min(len(p), w.limit-w.buf.Len())
	w.buf.Write(p[:keep])
	w.cut = w.cut || keep < len(p)
	return len(p), nil
}

// private holds the names of variables that a benchmark has no business with: a benchmark may come
// from a pull request, and so is not to be handed credentials or files that later steps trust.
var private = []string{
	"GITHUB_TOKEN", "GH_TOKEN", "ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
	"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_CACHE_URL", "ACTIONS_RESULTS_URL",
	"GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE",
	"INPUT_TOKEN",
}

// CleanEnv returns this process's environment without credentials and without variables that
// steer the testing package or git.
func CleanEnv() []string {
	var out []string
	for _, kv := range os.Environ() {
		key, _, _ := strings.Cut(kv, "=")
		drop := strings.HasPrefix(key, "GIT_") && key != "GIT_SSL_CAINFO"
		for _, p := range private {
			drop = drop || strings.EqualFold(key, p)
		}
		if !drop {
			out = append(out, kv)
		}
	}
	return out
}
