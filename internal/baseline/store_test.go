package baseline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A world is a bare remote and what clones it.
type world struct {
	t      *testing.T
	remote string
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func newWorld(t *testing.T) world {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
	dir := t.TempDir()
	w := world{t, filepath.Join(dir, "remote.git")}
	git(t, dir, "init", "--quiet", "--bare", "--initial-branch=main", w.remote)
	first := w.clone()
	git(t, first, "checkout", "--quiet", "-B", "main")
	for i := range 3 {
		git(t, first, "commit", "--quiet", "--allow-empty", "-m", fmt.Sprint(i))
	}
	git(t, first, "push", "--quiet", "origin", "main")
	return w
}

func (w world) clone(args ...string) string {
	w.t.Helper()
	dir := filepath.Join(w.t.TempDir(), "clone")
	git(w.t, ".", append(append([]string{"clone", "--quiet"}, args...), "file://"+w.remote, dir)...)
	return dir
}

// branch returns the store as seen from a clone, which does not wait.
func branch(t *testing.T, repo string) *Branch {
	return &Branch{Repo: repo, Temp: t.TempDir(), Seed: 1, Wait: func(context.Context, time.Duration) error { return nil }}
}

func list(t *testing.T, s Store) string {
	t.Helper()
	names, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}

// Both stores do the same.
func TestStores(t *testing.T) {
	w := newWorld(t)
	alone := t.TempDir() // a repository without a remote
	git(t, alone, "init", "--quiet")
	for _, tt := range []struct {
		name string
		s    Store
	}{
		{"dir", Dir{filepath.Join(t.TempDir(), "deep", "store")}},
		{"branch", branch(t, w.clone())},
		{"branch of a shallow clone", &Branch{Name: "other", Repo: w.clone("--depth=1"), Temp: t.TempDir()}},
		{"branch without a remote", branch(t, alone)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, ctx := tt.s, t.Context()
			if got := list(t, s); got != "" {
				t.Fatalf("a store that is not there has %s", got)
			}
			if _, err := s.Read(ctx, "v1.0.0"); !errors.As(err, &NotFound{}) {
				t.Errorf("read: %v", err)
			}
			if err := s.Delete(ctx, []string{"v1.0.0"}); err != nil {
				t.Errorf("delete: %v", err)
			}
			names := []string{"v1.0.0", "../../out", "v1.10.0", "sub/v1.0.0", "v1.9.0"}
			for _, name := range names {
				if err := s.Write(ctx, name, record(t, name), false); err != nil {
					t.Fatal(err)
				}
			}
			if got, want := list(t, s), "v1.10.0 v1.9.0 v1.0.0 sub/v1.0.0 ../../out"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			for _, name := range names {
				if text, err := s.Read(ctx, name); err != nil || string(text) != string(record(t, name)) {
					t.Errorf("%s: %v, %q", name, err, text)
				}
			}
			if err := s.Write(ctx, "v1.0.0", []byte("x"), false); !errors.As(err, &Exists{}) {
				t.Errorf("over another: %v", err)
			}
			if err := s.Write(ctx, "v1.0.0", []byte("x"), true); err != nil {
				t.Errorf("replace: %v", err)
			}
			if text, err := s.Read(ctx, "v1.0.0"); err != nil || string(text) != "x" {
				t.Errorf("replaced: %v, %q", err, text)
			}
			if err := s.Write(ctx, "a b", nil, false); err == nil {
				t.Error("a bad name is stored")
			}
			if err := s.Delete(ctx, []string{"../../out", "v1.0.0", "v7.0.0"}); err != nil {
				t.Error(err)
			}
			if got, want := list(t, s), "v1.10.0 v1.9.0 sub/v1.0.0"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestDirKeepsToItself(t *testing.T) {
	top := t.TempDir()
	d := Dir{filepath.Join(top, "store")}
	if err := d.Write(t.Context(), "../../x", record(t, "../../x"), false); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(top, "secret")
	if err := os.WriteFile(secret, []byte("s"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(d.Path, fileName("v1.0.0"))); err != nil {
		t.Skip("needs symbolic links")
	}
	if text, err := d.Read(t.Context(), "v1.0.0"); err == nil || !strings.Contains(err.Error(), "is no regular file") {
		t.Errorf("read through a link: %q, %v", text, err)
	}
	if got := list(t, d); got != "../../x" {
		t.Errorf("list: %s", got)
	}
	entries, _ := os.ReadDir(top)
	files, _ := os.ReadDir(d.Path)
	if len(entries) != 2 || len(files) != 2 {
		t.Errorf("%v beside the store, %v in it", entries, files)
	}
	if err := (Dir{secret}).Write(t.Context(), "v1.0.0", nil, false); !errors.As(err, &Refused{}) {
		t.Errorf("a file for a directory: %v", err)
	}
	if _, err := (Dir{secret}).List(t.Context()); err == nil {
		t.Error("a file for a directory is listed")
	}
}

// state is all of a repository that a store might touch.
func state(t *testing.T, repo string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(repo, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		fmt.Fprintf(&b, "%s %x\n", name, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestBranchLeavesTheRepositoryAlone(t *testing.T) {
	w := newWorld(t)
	for _, args := range [][]string{nil, {"--depth=1"}} {
		repo := w.clone(args...)
		if err := os.WriteFile(filepath.Join(repo, "new"), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		git(t, repo, "add", "new")
		git(t, repo, "config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
		before := state(t, repo)
		b := branch(t, repo)
		name := fmt.Sprintf("v%d.0.0", len(args))
		if err := b.Write(t.Context(), name, record(t, name), false); err != nil {
			t.Fatal(err)
		}
		if got := list(t, b); !strings.Contains(got, name) {
			t.Errorf("list: %s", got)
		}
		if state(t, repo) != before {
			t.Error("the repository has changed")
		}
	}
	// Two commits one after the other, of nothing but the records.
	if log := git(t, w.remote, "log", "--format=%s|%an|%ae", DefaultBranch); log != "Baseline v1.0.0|perfgate|perfgate@localhost\nBaseline v0.0.0|perfgate|perfgate@localhost" {
		t.Errorf("log:\n%s", log)
	}
	if tree := git(t, w.remote, "ls-tree", "--name-only", DefaultBranch); tree != "v0.0.0.baseline.txt\nv1.0.0.baseline.txt" {
		t.Errorf("tree:\n%s", tree)
	}
}

func TestManyWritersLoseNothing(t *testing.T) {
	w := newWorld(t)
	const writers = 8
	var stores []*Branch
	for i := range writers {
		var args []string
		if i%2 == 0 {
			args = []string{"--depth=1"}
		}
		b := branch(t, w.clone(args...))
		b.Seed = uint64(i)
		stores = append(stores, b)
	}
	// All have read the same tip before the first one pushes.
	var met, wg sync.WaitGroup
	met.Add(writers)
	errs := make([]error, writers)
	for i, b := range stores {
		once := sync.OnceFunc(func() {
			met.Done()
			met.Wait()
		})
		b.raced = once
		wg.Go(func() {
			name := fmt.Sprintf("v1.%d.0", i)
			errs[i] = b.Write(t.Context(), name, record(t, name), false)
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("writer %d: %v", i, err)
		}
	}
	if got, want := list(t, stores[0]), "v1.7.0 v1.6.0 v1.5.0 v1.4.0 v1.3.0 v1.2.0 v1.1.0 v1.0.0"; got != want {
		t.Errorf("got %s", got)
	}
	if n := git(t, w.remote, "rev-list", "--count", "--first-parent", DefaultBranch); n != fmt.Sprint(writers) {
		t.Errorf("%s commits", n)
	}
}

// Of two that record one name, one is told.
func TestTwoOfOneName(t *testing.T) {
	w := newWorld(t)
	a, b := branch(t, w.clone()), branch(t, w.clone())
	a.raced = sync.OnceFunc(func() {
		if err := b.Write(t.Context(), "v1.0.0", []byte("b"), false); err != nil {
			t.Error(err)
		}
	})
	if err := a.Write(t.Context(), "v1.0.0", []byte("a"), false); !errors.As(err, &Exists{}) {
		t.Errorf("error %v", err)
	}
	if text, _ := b.Read(t.Context(), "v1.0.0"); string(text) != "b" {
		t.Errorf("the first one's is now %q", text)
	}
}

func hook(t *testing.T, remote, script string) {
	t.Helper()
	name := filepath.Join(remote, "hooks", "pre-receive")
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestRejectedPushIsNotTriedAgain(t *testing.T) {
	w := newWorld(t)
	hook(t, w.remote, "echo x >>"+w.remote+"/tries\nprintf 'GH006: \\033[31mprotected branch\\n' >&2\nexit 1\n")
	b := branch(t, w.clone())
	err := b.Write(t.Context(), "v1.0.0", record(t, "v1.0.0"), false)
	if !errors.As(err, &Refused{}) || !strings.Contains(err.Error(), "pre-receive hook declined") || !strings.Contains(err.Error(), "GH006: [31mprotected branch") {
		t.Errorf("error %v", err)
	}
	if tries, _ := os.ReadFile(filepath.Join(w.remote, "tries")); string(tries) != "x\n" {
		t.Errorf("tries: %q", tries)
	}
	if got := list(t, b); got != "" {
		t.Errorf("stored nevertheless: %s", got)
	}
}

// Whoever is always second gives up, having waited longer and longer, and says why.
func TestAlwaysSecond(t *testing.T) {
	w := newWorld(t)
	a, b := branch(t, w.clone()), branch(t, w.clone())
	n, waits := 0, []time.Duration{}
	a.raced = func() {
		if err := b.Write(t.Context(), fmt.Sprintf("v0.%d.0", n), []byte("b"), false); err != nil {
			t.Error(err)
		}
		n++
	}
	a.Wait = func(_ context.Context, d time.Duration) error {
		waits = append(waits, d)
		return nil
	}
	err := a.Write(t.Context(), "v1.0.0", []byte("a"), false)
	if !errors.As(err, &Refused{}) || !strings.Contains(err.Error(), "others were first 20 times") {
		t.Errorf("error %v", err)
	}
	if n != Tries || len(waits) != Tries-1 || slices.Max(waits) > lastGap*3/2 || waits[0] > firstGap*3/2 || waits[10] < lastGap/2 {
		t.Errorf("%d tries, waits %v", n, waits)
	}
}

func TestBranchOfNothing(t *testing.T) {
	w := newWorld(t)
	gone := w.clone()
	git(t, gone, "remote", "set-url", "origin", "file://user:secret@"+w.remote+"-gone")
	for name, tt := range map[string]struct {
		b    *Branch
		want string
	}{
		"no repository": {branch(t, t.TempDir()), "not a git repository"},
		"no remote":     {branch(t, gone), "read branch perfgate-baselines"},
		"no branch":     {&Branch{Repo: gone, Temp: t.TempDir(), Name: "a..b"}, `"a..b" is not the name of a branch`},
		"an option":     {&Branch{Repo: gone, Temp: t.TempDir(), Name: "--all"}, `"--all" is not the name of a branch`},
	} {
		_, err := tt.b.List(t.Context())
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: list: %v", name, err)
		}
		if err := tt.b.Write(t.Context(), "v1.0.0", []byte("x"), false); err == nil {
			t.Errorf("%s: stored", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := branch(t, w.clone()).List(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// A token in the settings of the repository reaches git, with all that a value may be made of.
func TestSettingsAreCopied(t *testing.T) {
	w := newWorld(t)
	repo := w.clone()
	git(t, repo, "config", "http.https://git.example.com/.extraheader", `AUTH: basic "a\b" #c;	d`)
	git(t, repo, "config", "core.sshCommand", "ssh -i key")
	git(t, repo, "config", "core.hooksPath", "/evil")
	b := branch(t, repo)
	list(t, b)
	get := func(key string) string { return git(t, b.dir(), "config", "--local", "--default", "", key) }
	if got := get("http.https://git.example.com/.extraheader"); got != `AUTH: basic "a\b" #c;	d` {
		t.Errorf("header %q", got)
	}
	if get("core.sshCommand") != "ssh -i key" || get("core.hooksPath") != "" || get("remote.origin.fetch") != "" {
		t.Error("other settings than those to reach the remote")
	}
	if info, err := os.Stat(filepath.Join(b.dir(), "config")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// What git says is told in one line, without passwords and what a terminal would obey.
func TestSaid(t *testing.T) {
	got := said("fatal: unable to access 'https://user:secret@git.example.com/x/':\x1b[31m no.\nhint: ask\n\nremote: gone.\n")
	if want := "fatal: unable to access 'https://git.example.com/x/':[31m no.; remote: gone"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := len(said(strings.Repeat("ä", 5000))); n > 1010 {
		t.Errorf("%d bytes", n)
	}
}
