//go:build unix && !aix && !solaris

package measure

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newGuard returns a guard over a temporary directory of its own, whose name is no easy one.
func newGuard(t *testing.T) (*Guard, string) {
	t.Helper()
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("needs /bin/sh")
	}
	temp := filepath.Join(t.TempDir(), ` a*  "b" $(exit 1) 'c' `)
	if err := os.Mkdir(temp, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", temp)
	temp, err := tempDir()
	if err != nil {
		t.Fatal(err)
	}
	g := NewGuard()
	if g.list == nil {
		t.Fatal("nothing guards")
	}
	t.Cleanup(g.Close)
	return g, temp
}

// hang starts a process that never ends, with a child that holds the pipe which is returned.
func hang(t *testing.T) (*exec.Cmd, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", "sleep 1000 & echo; wait")
	cmd.Stdout = w
	group(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := r.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		killGroup(cmd)
		_ = cmd.Wait()
		r.Close()
	})
	return cmd, r
}

// ends reports whether all that writes to r has ended within a time in which it surely would.
func ends(t *testing.T, r *os.File) bool {
	t.Helper()
	if err := r.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, err := r.Read(make([]byte, 1))
	return !os.IsTimeout(err)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// For the guard it is the same whether this process ends or closes its end of the pipe.
func TestGuardCleansUp(t *testing.T) {
	r := newRepo(t)
	r.commit("one")
	g, temp := newGuard(t)
	cmd, pipe := hang(t)
	g.started(cmd.Process.Pid)
	build, _, err := g.TempDir("build")
	if err != nil {
		t.Fatal(err)
	}
	opened, err := Open(context.Background(), System{}, r.dir)
	if err != nil {
		t.Fatal(err)
	}
	opened.Guard = g
	v := Version{Commit: r.git("rev-parse", "HEAD")}
	if _, err := opened.Checkout(context.Background(), &v); err != nil {
		t.Fatal(err)
	}
	// As git leaves it when it is killed in the middle of adding.
	r.git("worktree", "lock", v.Dir)
	// One that is away, which git worktree prune would forget.
	away := filepath.Join(t.TempDir(), "away")
	r.git("worktree", "add", "--detach", away)
	if err := os.Rename(away, away+"2"); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{build, v.Dir} {
		if !exists(dir) {
			t.Fatalf("%s was not made", dir)
		}
	}

	g.Close()

	if !ends(t, pipe) {
		t.Error("what the benchmark started still runs")
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
		t.Errorf("the temporary directory has %v, %v", left, err)
	}
	list := r.git("worktree", "list", "--porcelain")
	if strings.Contains(list, "perfgate-base-") || !strings.Contains(list, away) {
		t.Errorf("git lists\n%s", list)
	}
}

func TestGuardTouchesNothingElse(t *testing.T) {
	g, temp := newGuard(t)
	cmd, pipe := hang(t)
	g.started(cmd.Process.Pid)
	g.ended(cmd.Process.Pid)
	var stay []string
	keep := func(parts ...string) string {
		dir := filepath.Join(parts...)
		if err := os.MkdirAll(filepath.Join(dir, "d"), 0o700); err != nil {
			t.Fatal(err)
		}
		stay = append(stay, filepath.Join(dir, "d"))
		return dir
	}
	g.tell("dir", keep(temp, "other"))
	g.tell("dir", keep(temp, "perfgate-"))
	g.tell("dir", keep(temp, "other", "perfgate-build-1"))
	g.tell("dir", keep(t.TempDir(), "perfgate-build-1"))
	g.tell("dir", temp)
	g.tell("dir", "")
	link := filepath.Join(temp, "perfgate-base-link")
	keep(temp, "target", "tree")
	if err := os.Symlink("target", link); err != nil {
		t.Fatal(err)
	}
	g.tell("dir", link)
	// A name that would be two lines is not told at all.
	g.tell("dir", "x\ndir "+keep(temp, "perfgate-build-2"))
	g.tell("dir", temp+"/perfgate-build-2/../other")
	gone, _, err := g.TempDir("build")
	if err != nil {
		t.Fatal(err)
	}

	g.Close()

	for _, dir := range stay {
		if !exists(dir) {
			t.Errorf("%s is gone", dir)
		}
	}
	if exists(gone) {
		t.Errorf("%s is still there", gone)
	}
	// What it dies of says whether it was killed before.
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if how := cmd.ProcessState.Sys().(syscall.WaitStatus); how.Signal() != syscall.SIGTERM {
		t.Errorf("a group that had been taken off the list ended by %v", how.Signal())
	}
	if !ends(t, pipe) {
		t.Error("the child of the process still runs")
	}
}

// A second end of the pipe in a benchmark would keep the guard waiting for the benchmark.
func TestGuardPipeIsNotHandedOn(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("needs /proc")
	}
	g, _ := newGuard(t)
	hold := fmt.Sprintf("/proc/self/fd/%d", g.alive.(interface{ Fd() uintptr }).Fd())
	pipe, err := os.Readlink(hold)
	if err != nil || !strings.HasPrefix(pipe, "pipe:") {
		t.Fatalf("%q, %v", pipe, err)
	}
	out := System{Guard: g}.Run(context.Background(), shell(t, "ls -l /proc/self/fd"))
	if out.Err != nil || !strings.Contains(string(out.Stdout), " -> pipe:") || strings.Contains(string(out.Stdout), pipe) {
		t.Errorf("%s is among\n%s%v", pipe, out.Stdout, out.Err)
	}
}

func TestGuardIgnoresSignals(t *testing.T) {
	status := func(pid int) string {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			t.Skip("needs /proc")
		}
		return string(b)
	}
	g, _ := newGuard(t)
	pid := g.cmd.Process.Pid
	// It may not have come to ignoring them yet: signals 1, 2, 3 and 15.
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(status(pid), "SigIgn:\t0000000000004007"); {
		if time.Now().After(deadline) {
			t.Fatal(status(pid))
		}
	}
	if sid, err := unix.Getsid(pid); err != nil || sid != pid {
		t.Errorf("it is in session %d, not in one of its own: %v", sid, err)
	}
	dir, _, err := g.TempDir("build")
	if err != nil {
		t.Fatal(err)
	}
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM} {
		if err := syscall.Kill(-pid, sig); err != nil {
			t.Fatal(err)
		}
	}
	g.Close()
	if exists(dir) {
		t.Error("it did not clean up")
	}
}

// The list must be empty once nothing runs any more, and name every group while it does.
func TestGuardIsToldOfEveryProcess(t *testing.T) {
	g, _ := newGuard(t)
	for _, script := range []string{"exit 0", "exit 3"} {
		System{Guard: g}.Run(context.Background(), shell(t, script))
	}
	// What is left of the group is killed before it is taken off the list, and so cannot hold up the
	// end of the output.
	if out := (System{Guard: g}).Run(context.Background(), shell(t, "sleep 1000 &")); out.Err != nil && runtime.GOOS == "linux" {
		t.Errorf("a process that leaves another behind: %v", out.Err)
	}
	System{Guard: g}.Run(context.Background(), Command{Path: "/nowhere/prog"})
	if _, err := g.list.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 1000)
	n, err := g.list.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data[:n])), "\n")
	if len(lines) != 6 {
		t.Fatalf("%q", lines)
	}
	for i := 0; i < len(lines); i += 2 {
		if !strings.HasPrefix(lines[i], "group ") || lines[i+1] != "un"+lines[i] {
			t.Errorf("%q, then %q", lines[i], lines[i+1])
		}
	}
}

func TestGuardIsOptional(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var none *Guard
	for _, g := range []*Guard{none, {}} {
		dir, remove, err := g.TempDir("build")
		if err != nil || !exists(dir) {
			t.Fatalf("%s, %v", dir, err)
		}
		if err := remove(); err != nil || exists(dir) {
			t.Errorf("%s stays, %v", dir, err)
		}
		g.started(1 << 30)
		g.ended(1 << 30)
		g.Close()
	}
}

func TestSweepLeavesTheLiving(t *testing.T) {
	r := newRepo(t)
	r.commit("one")
	temp := filepath.Join(t.TempDir(), "[a]*")
	if err := os.Mkdir(temp, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", temp)
	opened, err := Open(context.Background(), System{}, r.dir)
	if err != nil {
		t.Fatal(err)
	}
	checkout := func() string {
		v := Version{Commit: r.git("rev-parse", "HEAD")}
		remove, err := opened.Checkout(context.Background(), &v)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = remove() })
		return v.Dir
	}
	lives := checkout()
	// The maker of a directory is dead when nobody holds its lock any more.
	dead := checkout()
	orphan(t, filepath.Dir(dead))
	lost := checkout()
	if err := os.RemoveAll(filepath.Dir(lost)); err != nil {
		t.Fatal(err)
	}
	// Not known to be ours.
	other := filepath.Join(temp, "perfgate-build-other")
	named := filepath.Join(temp, "perfgate-results")
	away := filepath.Join(t.TempDir(), "tree")
	mine := filepath.Join(t.TempDir(), "perfgate-base-mine", "mine")
	for _, dir := range []string{other, named} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	orphan(t, named)
	for _, tree := range []string{away, mine} {
		r.git("worktree", "add", "--detach", tree)
		if err := os.RemoveAll(tree); err != nil {
			t.Fatal(err)
		}
	}

	swept, err := Sweep(context.Background(), opened)
	if err != nil {
		t.Fatal(err)
	}
	if exists(dead) || !exists(lives) || !exists(other) || !exists(named) {
		t.Errorf("dead %v, lives %v, other %v, named %v", exists(dead), exists(lives), exists(other), exists(named))
	}
	list := r.git("worktree", "list", "--porcelain")
	for tree, want := range map[string]bool{lives: true, away: true, mine: true, dead: false, lost: false} {
		if strings.Contains(list, tree+"\n") != want {
			t.Errorf("git lists %s: %v, want %v", tree, !want, want)
		}
	}
	if want := []string{filepath.Dir(dead), dead, lost}; fmt.Sprint(swept) != fmt.Sprint(want) && fmt.Sprint(swept) != fmt.Sprint([]string{want[0], lost, dead}) {
		t.Errorf("swept %q, want %q", swept, want)
	}
	if swept, err := Sweep(context.Background(), &Repo{}); len(swept) != 0 || err != nil {
		t.Errorf("once more: %q, %v", swept, err)
	}
}

// orphan makes the directory look like one whose maker is dead.
func orphan(t *testing.T, dir string) {
	t.Helper()
	name := filepath.Join(dir, ownerFile)
	os.Remove(name)
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}
