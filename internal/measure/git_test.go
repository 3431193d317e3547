package measure

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A repo is a real git repository in a temporary directory.
type repo struct {
	t   *testing.T
	dir string
}

func newRepo(t *testing.T) repo {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	r := repo{t, t.TempDir()}
	r.git("init", "--quiet", "--initial-branch=main")
	return r
}

func (r repo) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "protocol.file.allow=always"}, args...)...)
	cmd.Dir = r.dir
	cmd.Env = append(CleanEnv(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r repo) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// commit makes a commit that changes file f, and returns its hash.
func (r repo) commit(text string) string {
	r.t.Helper()
	r.write("f", text)
	r.git("add", "-A")
	r.git("commit", "--quiet", "-m", text)
	return r.git("rev-parse", "HEAD")
}

// base opens the repository and finds the base as check does.
func (r repo) base(module, against, branch string) (Version, Version, error) {
	r.t.Helper()
	opened, err := Open(context.Background(), System{}, filepath.Join(r.dir, module))
	if err != nil {
		r.t.Fatal(err)
	}
	head, err := opened.Head(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	v, err := opened.FindBase(context.Background(), head, against, branch)
	return head, v, err
}

func TestFindBase(t *testing.T) {
	tests := []struct {
		name    string
		make    func(r repo) (want string) // the commit wanted
		module  string
		against string
		branch  string
		ref     string // wanted
	}{
		{name: "nearest release", against: "release", ref: "v1.1.0", make: func(r repo) string {
			r.commit("1")
			r.git("tag", "v1.0.0")
			want := r.commit("2")
			r.git("tag", "-m", "annotated", "v1.1.0")
			r.commit("3")
			r.git("tag", "v1.2.0-rc.1") // a pre-release is not a release
			r.git("tag", "nightly")
			r.commit("4")
			return want
		}},
		{name: "nearest and not highest", against: "release", ref: "v1.0.1", make: func(r repo) string {
			r.commit("1")
			r.git("tag", "v2.0.0") // a wrong tag long ago
			r.commit("2")
			want := r.commit("3")
			r.git("tag", "v1.0.1")
			r.commit("4")
			return want
		}},
		{name: "release of another branch does not count", against: "release", ref: "HEAD~1", make: func(r repo) string {
			want := r.commit("1")
			r.git("checkout", "--quiet", "-b", "side")
			r.commit("2")
			r.git("tag", "v9.0.0")
			r.git("checkout", "--quiet", "main")
			r.commit("3")
			return want
		}},
		{name: "clean tree at a release is compared with the one before", against: "release", ref: "v1.0.0", make: func(r repo) string {
			want := r.commit("1")
			r.git("tag", "v1.0.0")
			r.commit("2")
			r.git("tag", "v1.1.0")
			return want
		}},
		{name: "changed tree at a release is compared with it", against: "release", ref: "v1.1.0", make: func(r repo) string {
			r.commit("1")
			r.git("tag", "v1.0.0")
			want := r.commit("2")
			r.git("tag", "v1.1.0")
			r.write("f", "changed")
			return want
		}},
		{name: "tags of the module and not of the root", module: "sub", against: "release", ref: "sub/v0.1.0", make: func(r repo) string {
			r.write("sub/g", "1")
			want := r.commit("1")
			r.git("tag", "sub/v0.1.0")
			r.commit("2")
			r.git("tag", "v5.0.0")
			r.commit("3")
			return want
		}},
		{name: "merge base", against: "release", ref: "main", make: func(r repo) string {
			want := r.commit("1")
			r.git("checkout", "--quiet", "-b", "topic")
			r.commit("2")
			r.commit("3")
			return want
		}},
		{name: "merge base rather than release", against: "merge-base", ref: "main", make: func(r repo) string {
			r.commit("0")
			r.git("tag", "v1.0.0")
			want := r.commit("1")
			r.git("checkout", "--quiet", "-b", "topic")
			r.commit("2")
			return want
		}},
		{name: "merge base with the target of the pull request", against: "merge-base", branch: "release-1", ref: "release-1", make: func(r repo) string {
			r.commit("0")
			r.git("checkout", "--quiet", "-b", "release-1")
			want := r.commit("1")
			r.git("checkout", "--quiet", "-b", "topic")
			r.commit("2")
			return want
		}},
		{name: "parent on the default branch", against: "release", ref: "HEAD~1", make: func(r repo) string {
			want := r.commit("1")
			r.commit("2")
			return want
		}},
		{name: "last commit under a changed tree", against: "release", ref: "HEAD", make: func(r repo) string {
			r.commit("1")
			want := r.commit("2")
			r.write("new.go", "package x")
			return want
		}},
		{name: "a ref", against: "other", ref: "other", make: func(r repo) string {
			want := r.commit("1")
			r.git("branch", "other")
			r.commit("2")
			return want
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRepo(t)
			want := tt.make(r)
			_, got, err := r.base(tt.module, tt.against, tt.branch)
			if err != nil {
				t.Fatal(err)
			}
			if got.Commit != want || got.Ref != tt.ref {
				t.Errorf("base is %s (%s), want %s (%s)", got.Ref, got.Commit, tt.ref, want)
			}
			if got.Why == "" || got.CommitTime == "" {
				t.Errorf("base says neither why nor when: %+v", got)
			}
		})
	}
}

func TestFindBaseHasNone(t *testing.T) {
	tests := []struct {
		name, against, want string
		make                func(r repo) repo
	}{
		{"first commit", "release", "first commit", func(r repo) repo { r.commit("1"); return r }},
		{"no commit", "release", "no commit", func(r repo) repo { return r }},
		{"no such ref", "nosuch", `no commit "nosuch"`, func(r repo) repo { r.commit("1"); return r }},
		{"an option is no ref", "--all", `no commit "--all"`, func(r repo) repo { r.commit("1"); return r }},
		{"depth-1 clone", "release", "fetch-depth: 0", func(r repo) repo {
			r.commit("1")
			r.git("tag", "v1.0.0")
			r.commit("2")
			clone := repo{r.t, filepath.Join(r.t.TempDir(), "clone")}
			r.git("clone", "--quiet", "--depth=1", "file://"+r.dir, clone.dir)
			return clone
		}},
		{"not git", "release", "not a git repository", func(r repo) repo { return repo{r.t, r.t.TempDir()} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := tt.make(newRepo(t))
			_, _, err := r.base("", tt.against, "")
			var none ErrNoBase
			if !errors.As(err, &none) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want no base with %q", err, tt.want)
			}
		})
	}
}

func TestHead(t *testing.T) {
	r := newRepo(t)
	commit := r.commit("1")
	r.git("tag", "v1.0.0")
	head, _, _ := r.base("", "release", "")
	if head.Commit != commit || head.Dirty || head.Tag != "v1.0.0" || head.Ref != "main" {
		t.Errorf("clean: %+v", head)
	}
	r.write("f", "2")
	if head, _, _ = r.base("", "release", ""); !head.Dirty || head.Ref != "working tree" {
		t.Errorf("changed: %+v", head)
	}
}

func TestCheckoutLeavesNothing(t *testing.T) {
	r := newRepo(t)
	r.write("sub/g", "old")
	r.commit("1")
	r.git("tag", "v1.0.0")
	r.write("sub/g", "new")
	r.commit("2")
	// A hook of the repository must not run.
	r.write(".git/hooks/post-checkout", "#!/bin/sh\ntouch "+filepath.Join(r.dir, "hooked")+"\n")
	if err := os.Chmod(filepath.Join(r.dir, ".git/hooks/post-checkout"), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	opened, err := Open(ctx, System{}, filepath.Join(r.dir, "sub"))
	if err != nil {
		t.Fatal(err)
	}
	v := Version{Ref: "v1.0.0", Commit: r.git("rev-parse", "v1.0.0")}
	remove, err := opened.Checkout(ctx, &v)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(v.Dir, "g")); err != nil || string(b) != "old" {
		t.Errorf("sub/g of the base reads %q, %v", b, err)
	}
	cancel() // an interrupt must not keep it from cleaning up
	if err := remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(v.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there", v.Dir)
	}
	if list := r.git("worktree", "list"); strings.Count(list, "\n") != 0 {
		t.Errorf("git still lists a second work tree:\n%s", list)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "hooked")); err == nil {
		t.Error("the hook ran")
	}
}

// Git killed in the middle leaves a work tree that is locked; a commit that is not there, none.
func TestCheckoutCutShortLeavesNothing(t *testing.T) {
	r := newRepo(t)
	commit := r.commit("1")
	t.Setenv("TMPDIR", t.TempDir())
	opened, err := Open(context.Background(), System{}, r.dir)
	if err != nil {
		t.Fatal(err)
	}
	v := Version{Ref: "main", Commit: commit}
	remove, err := opened.Checkout(context.Background(), &v)
	if err != nil {
		t.Fatal(err)
	}
	r.git("worktree", "lock", v.Dir)
	if err := remove(); err != nil {
		t.Error(err)
	}
	v = Version{Ref: "none", Commit: strings.Repeat("1", 40)}
	if _, err := opened.Checkout(context.Background(), &v); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want the one error", err)
	}
	if list := r.git("worktree", "list"); strings.Count(list, "\n") != 0 {
		t.Errorf("git still lists a second work tree:\n%s", list)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) != 0 {
		t.Errorf("the temporary directory has %v, %v", left, err)
	}
}

// What a benchmark may read counts, wherever it is and whether git knows it; its own source does not.
func TestSameData(t *testing.T) {
	for _, tt := range []struct {
		file string
		same bool
	}{
		{"a.go", true}, {"sub/b.go", true}, {"README.md", true}, {".github/workflows/ci.yml", true},
		{"data.json", false}, {"sub/testdata/a.go", false}, {"testdata/a.md", false}, {"go.mod", false}, {"sub/.hidden", false},
	} {
		for _, how := range []string{"new", "changed", "committed", "gone"} {
			r := newRepo(t)
			r.write(".gitignore", "")
			if how != "new" {
				r.write(tt.file, "1")
			}
			commit := r.commit("1")
			switch how {
			case "gone":
				r.git("rm", "--quiet", tt.file)
			default:
				r.write(tt.file, "2")
			}
			if how == "committed" {
				r.git("commit", "--quiet", "-a", "-m", "2")
			}
			repo, err := Open(context.Background(), System{}, r.dir)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := repo.SameData(context.Background(), Version{Commit: commit}); err != nil || got != tt.same {
				t.Errorf("%s %s: same %v, want %v (%v)", tt.file, how, got, tt.same, err)
			}
		}
	}
	r := newRepo(t)
	r.commit("1")
	repo, err := Open(context.Background(), System{}, r.dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := repo.SameData(context.Background(), Version{Commit: "nosuch"}); err == nil {
		t.Error("a commit that is not there has the same data")
	}
}
