package measure

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// shell returns a command that runs a script.
func shell(t *testing.T, script string) Command {
	t.Helper()
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("needs /bin/sh")
	}
	return Command{Path: "/bin/sh", Args: []string{"-c", script}, Env: CleanEnv()}
}

func TestRunReportsHowItEnded(t *testing.T) {
	out := System{}.Run(context.Background(), shell(t, "echo out; echo err >&2; exit 3"))
	if string(out.Stdout) != "out\n" || string(out.Stderr) != "err\n" || out.Err == nil || !strings.Contains(out.Err.Error(), "3") {
		t.Errorf("%q %q %v", out.Stdout, out.Stderr, out.Err)
	}
}

func TestRunEndsTheWholeFamily(t *testing.T) {
	tests := []struct {
		name string
		end  func(c *Command) context.Context
		want error
	}{
		{"by limit", func(c *Command) context.Context { c.Limit = 300 * time.Millisecond; return context.Background() }, errLimit},
		{"by interrupt", func(c *Command) context.Context {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(300*time.Millisecond, cancel)
			return ctx
		}, context.Canceled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// The grandchild holds the pipe open and says its number.
			c := shell(t, "sleep 1000 & echo $!; wait")
			ctx := tt.end(&c)
			out := System{}.Run(ctx, c)
			if !errors.Is(out.Err, tt.want) {
				t.Errorf("ended with %v, want %v", out.Err, tt.want)
			}
			pid := strings.TrimSpace(string(out.Stdout))
			if pid == "" {
				t.Fatal("the grandchild was not started")
			}
			// A killed process may stay as a zombie until it is reaped.
			gone := func() bool {
				b, err := os.ReadFile("/proc/" + pid + "/stat")
				return err != nil || strings.Contains(string(b), ") Z")
			}
			if _, err := os.Stat("/proc/self"); err != nil {
				t.Skip("needs /proc")
			}
			for deadline := time.Now().Add(10 * time.Second); !gone(); {
				if time.Now().After(deadline) {
					t.Fatalf("grandchild %s still runs", pid)
				}
			}
		})
	}
}

func TestRunCapsOutput(t *testing.T) {
	c := shell(t, "head -c 10000000 /dev/zero; echo done >&2")
	out := System{}.Run(context.Background(), c)
	if out.Err != nil || len(out.Stdout) != maxStdout || !out.Cut || string(out.Stderr) != "done\n" {
		t.Errorf("%d bytes, cut %v, %q, %v", len(out.Stdout), out.Cut, out.Stderr, out.Err)
	}
}

func TestRunPins(t *testing.T) {
	cpus := CPUs()
	if len(cpus) == 0 {
		t.Skip("needs a system that pins")
	}
	for _, cpu := range cpus {
		c := shell(t, "grep Cpus_allowed_list /proc/self/status")
		c.CPUs = []int{cpu}
		out := System{}.Run(context.Background(), c)
		f := strings.Fields(string(out.Stdout))
		if len(f) != 2 || f[1] != strconv.Itoa(cpu) {
			t.Errorf("pinned to %d, runs on %q (%v)", cpu, out.Stdout, out.Err)
		}
	}
	if now := CPUs(); !slices.Equal(now, cpus) {
		t.Errorf("this process may use %v now, %v before", now, cpus)
	}
}

func TestCleanEnvKeepsSecretsBack(t *testing.T) {
	t.Setenv("GITHUB_TOKEN", "secret")
	t.Setenv("GIT_DIR", "/elsewhere")
	t.Setenv("GITHUB_OUTPUT", "/file")
	t.Setenv("PERFGATE_HARMLESS", "1")
	env := strings.Join(CleanEnv(), "\n")
	for _, bad := range []string{"GITHUB_TOKEN", "GIT_DIR", "GITHUB_OUTPUT"} {
		if strings.Contains(env, bad+"=") {
			t.Errorf("%s is handed on", bad)
		}
	}
	if !strings.Contains(env, "PERFGATE_HARMLESS=1") {
		t.Error("a harmless variable is lost")
	}
}
