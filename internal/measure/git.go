package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// A Version is one state of the source: a commit, or the work tree as it stands.
type Version struct {
	Dir        string // directory of the module in this version's tree; empty until checked out
	Ref        string // what a reader knows it by: v1.2.0, main, working tree
	Why        string // how it was chosen
	Commit     string // full hash; empty outside git
	Tag        string // release tag at the commit, or empty
	CommitTime string // RFC 3339, UTC; empty outside git
	Dirty      bool   // the tree differs from the commit
	// Data is not empty where files that a benchmark may read differ from those of the version that it
	// is compared with, though the binaries may be the same.
	Data string
}

// A Repo is the git repository around a module; its zero Root means there is none.
type Repo struct {
	Root   string // top of the work tree
	Module string // directory of the module, relative to Root: "." or "sub/dir"
	Guard  *Guard // removes the checkouts when this process is killed; nil means that nothing does
	exec   Executor
	env    []string
}

// ErrNoBase says that history has nothing to compare with. Its text says why and what to do.
type ErrNoBase struct{ Text string }

// Error returns the text.
func (e ErrNoBase) Error() string { return e.Text }

// Open finds the repository around the directory. A directory outside git is no error.
func Open(ctx context.Context, x Executor, dir string) (*Repo, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, fmt.Errorf("open the module: %w", err)
	}
	r := &Repo{exec: x, env: append(CleanEnv(), "GIT_TERMINAL_PROMPT=0", "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0")}
	root, err := r.git(ctx, dir, "rev-parse", "--show-toplevel")
	if err != nil {
		// Any other failure, such as a tree that git distrusts for its owner, must not look like a
		// module without history.
		if none := strings.Contains(err.Error(), "not a git repository") || errors.Is(err, exec.ErrNotFound); !none {
			return nil, err
		}
		r.Module = dir
		return r, nil
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return nil, fmt.Errorf("open the repository: %w", err)
	}
	r.Root = root
	if r.Module, err = filepath.Rel(root, dir); err != nil {
		return nil, fmt.Errorf("open the repository: %w", err)
	}
	return r, nil
}

// git returns the trimmed output of a git command. Hooks never run: they belong to the repository,
// which need not be trusted.
func (r *Repo) git(ctx context.Context, dir string, args ...string) (string, error) {
	out := r.exec.Run(ctx, Command{
		Path: "git", Args: append([]string{"-c", "core.hooksPath=" + os.DevNull, "-c", "advice.detachedHead=false"}, args...),
		Dir: dir, Env: r.env,
	})
	if out.Err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		if text := strings.TrimSpace(string(out.Stderr)); text != "" {
			return "", fmt.Errorf("git %s: %s", args[0], text)
		}
		return "", fmt.Errorf("git %s: %w", args[0], out.Err)
	}
	return strings.TrimSpace(string(out.Stdout)), nil
}

// Head describes the work tree.
func (r *Repo) Head(ctx context.Context) (Version, error) {
	if r.Root == "" {
		return Version{Dir: r.Module, Ref: "working tree", Why: "not in a git repository"}, nil
	}
	v := Version{Dir: filepath.Join(r.Root, r.Module), Ref: "working tree"}
	commit, err := r.git(ctx, r.Root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
	if err != nil {
		if ctx.Err() != nil {
			return Version{}, err
		}
		v.Why = "the repository has no commit yet"
		v.Dirty = true
		return v, nil
	}
	if err := r.describe(ctx, &v, commit); err != nil {
		return Version{}, err
	}
	status, err := r.git(ctx, r.Root, "status", "--porcelain")
	if err != nil {
		return Version{}, err
	}
	v.Dirty = status != ""
	if !v.Dirty {
		v.Ref = "HEAD"
		if branch, err := r.git(ctx, r.Root, "symbolic-ref", "--quiet", "--short", "HEAD"); err == nil {
			v.Ref = branch
		}
	}
	return v, nil
}

// describe fills in commit, time and release tag.
func (r *Repo) describe(ctx context.Context, v *Version, commit string) error {
	v.Commit = commit
	stamp, err := r.git(ctx, r.Root, "show", "--no-patch", "--format=%ct", commit)
	if err != nil {
		return err
	}
	if sec, err := strconv.ParseInt(stamp, 10, 64); err == nil {
		v.CommitTime = time.Unix(sec, 0).UTC().Format(time.RFC3339)
	}
	tags, err := r.git(ctx, r.Root, "tag", "--points-at", commit)
	if err != nil {
		return err
	}
	if release := r.releases(tags); len(release) > 0 {
		v.Tag = release[0]
	}
	return nil
}

// tagPrefix is what Go puts before the version in tags of a module that is not at the root.
func (r *Repo) tagPrefix() string {
	if r.Module == "." {
		return ""
	}
	return filepath.ToSlash(r.Module) + "/"
}

// releases returns those lines that are tags of releases of this module, highest first. A
// pre-release is not a release.
func (r *Repo) releases(lines string) []string {
	var out []string
	version := func(tag string) string { return strings.TrimPrefix(tag, r.tagPrefix()) }
	for _, tag := range strings.Fields(lines) {
		v := version(tag)
		if strings.HasPrefix(tag, r.tagPrefix()) && semver.Canonical(v) == v && semver.Prerelease(v) == "" {
			out = append(out, tag)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return semver.Compare(version(b), version(a)) })
	return out
}

// resolve returns the commit that a ref means.
func (r *Repo) resolve(ctx context.Context, ref string) (string, error) {
	if strings.HasPrefix(ref, "-") {
		return "", fmt.Errorf("%q is not a git ref", ref)
	}
	return r.git(ctx, r.Root, "rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{commit}")
}

// maxTags bounds the release tags whose distance is looked at: the nearest is among the highest.
const maxTags = 30

// FindBase chooses what head is compared with. against is release (the nearest release tag, else as
// merge-base), merge-base (the point where head left the default branch, else the parent commit), or
// a git ref. defaultBranch is the name of the branch that head will be merged into, or empty. The
// error is ErrNoBase when history has nothing to offer.
func (r *Repo) FindBase(ctx context.Context, head Version, against, defaultBranch string) (Version, error) {
	if r.Root == "" {
		return Version{}, ErrNoBase{"this is not a git repository, so there is no earlier version; check in a clone, or give --base FILE with recorded samples"}
	}
	switch against {
	case "release", "merge-base":
	default:
		commit, err := r.resolve(ctx, against)
		if err != nil {
			if ctx.Err() != nil {
				return Version{}, err
			}
			return Version{}, ErrNoBase{fmt.Sprintf("git knows no commit %q%s; name a branch, a tag or a commit", against, r.shallow(ctx))}
		}
		v := Version{Ref: against, Why: "asked for"}
		return v, r.describe(ctx, &v, commit)
	}
	if head.Commit == "" {
		return Version{}, ErrNoBase{"the repository has no commit to compare with; commit first"}
	}
	if against == "release" {
		v, err := r.nearestRelease(ctx, head)
		if err != nil || v.Commit != "" {
			return v, err
		}
	}
	if v, err := r.mergeBase(ctx, head, defaultBranch); err != nil || v.Commit != "" {
		return v, err
	}
	if head.Dirty {
		v := Version{Ref: "HEAD", Why: "the last commit: the work tree differs from it"}
		return v, r.describe(ctx, &v, head.Commit)
	}
	if commit, err := r.resolve(ctx, head.Commit+"^1"); err == nil {
		v := Version{Ref: "HEAD~1", Why: "the parent commit: no release tag and no other branch to compare with"}
		return v, r.describe(ctx, &v, commit)
	} else if ctx.Err() != nil {
		return Version{}, err
	}
	if note := r.shallow(ctx); note != "" {
		return Version{}, ErrNoBase{"no earlier version is reachable" + note}
	}
	return Version{}, ErrNoBase{"this is the first commit, so there is no earlier version; give --allow-no-base until there is one"}
}

// shallow returns the way out where history is cut off, or nothing.
func (r *Repo) shallow(ctx context.Context) string {
	if s, _ := r.git(ctx, r.Root, "rev-parse", "--is-shallow-repository"); s == "true" {
		return ": the clone is shallow; fetch the whole history (actions/checkout with fetch-depth: 0, or git fetch --unshallow --tags)"
	}
	return ""
}

// nearestRelease returns the release tag with the fewest commits between it and head.
func (r *Repo) nearestRelease(ctx context.Context, head Version) (Version, error) {
	lines, err := r.git(ctx, r.Root, "tag", "--merged", head.Commit)
	if err != nil {
		return Version{}, err
	}
	best, bestDistance := Version{}, -1
	tags := r.releases(lines)
	for _, tag := range tags[:min(len(tags), maxTags)] {
		commit, err := r.resolve(ctx, "refs/tags/"+tag)
		if err != nil {
			return Version{}, err
		}
		// A clean tree at the tag itself would be compared with itself.
		if commit == head.Commit && !head.Dirty {
			continue
		}
		count, err := r.git(ctx, r.Root, "rev-list", "--count", commit+".."+head.Commit)
		if err != nil {
			return Version{}, err
		}
		if d, err := strconv.Atoi(count); err == nil && (bestDistance < 0 || d < bestDistance) {
			best, bestDistance = Version{Ref: tag, Tag: tag, Commit: commit, Why: "the nearest release tag reachable from head"}, d
		}
	}
	if best.Commit == "" {
		return best, nil
	}
	tag := best.Tag
	err = r.describe(ctx, &best, best.Commit)
	best.Tag = tag
	return best, err
}

// mergeBase returns the commit at which head left the default branch; none when head is a commit of
// that branch.
func (r *Repo) mergeBase(ctx context.Context, head Version, defaultBranch string) (Version, error) {
	candidates := []string{"refs/remotes/origin/HEAD", "refs/remotes/origin/main", "refs/remotes/origin/master", "refs/heads/main", "refs/heads/master"}
	if defaultBranch != "" {
		candidates = []string{"refs/remotes/origin/" + defaultBranch, "refs/heads/" + defaultBranch}
	}
	for _, ref := range candidates {
		if _, err := r.resolve(ctx, ref); err != nil {
			if ctx.Err() != nil {
				return Version{}, err
			}
			continue
		}
		commit, err := r.git(ctx, r.Root, "merge-base", head.Commit, ref)
		if ctx.Err() != nil {
			return Version{}, err
		}
		if err != nil || commit == head.Commit {
			return Version{}, nil // unrelated, or head is on the branch: the next rule decides
		}
		name := strings.TrimPrefix(strings.TrimPrefix(ref, "refs/remotes/"), "refs/heads/")
		v := Version{Ref: name, Why: "the merge base with " + name}
		return v, r.describe(ctx, &v, commit)
	}
	return Version{}, nil
}

// SameData reports whether a benchmark of the work tree can read from files what it could in the other
// version: where nothing but Go source, documentation and what git and CI keep for themselves differs.
// It errs on the side of no.
func (r *Repo) SameData(ctx context.Context, base Version) (bool, error) {
	changed, err := r.git(ctx, r.Root, "diff", "--name-only", "--no-renames", "-z", base.Commit)
	if err != nil {
		return false, err
	}
	added, err := r.git(ctx, r.Root, "ls-files", "--others", "--exclude-standard", "-z")
	if err != nil {
		return false, err
	}
	for name := range strings.SplitSeq(changed+"\x00"+added, "\x00") {
		data := slices.Contains(strings.Split(name, "/"), "testdata")
		source := path.Ext(name) == ".go" || path.Ext(name) == ".md" || strings.HasPrefix(name, ".")
		if name != "" && (data || !source) {
			return false, nil
		}
	}
	return true, nil
}

// treeDir is the directory of the work tree within the temporary one of a checkout.
const treeDir = "tree"

// Checkout puts the commit of v into a work tree of its own and sets v.Dir. The caller calls remove
// when done, also after an interrupt: it does not depend on ctx.
func (r *Repo) Checkout(ctx context.Context, v *Version) (remove func() error, err error) {
	r.Guard.tell("repo", r.Root)
	tmp, removeTmp, err := r.Guard.TempDir("base")
	if err != nil {
		return nil, fmt.Errorf("check out %s: %w", v.Ref, err)
	}
	tree := filepath.Join(tmp, treeDir)
	remove = func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		rm := os.RemoveAll(tree)
		err := r.forget(ctx, tree)
		if err != nil {
			// That git does not know it is none: the checkout may have ended before.
			trees, list := r.trees(ctx)
			if list == nil && !slices.Contains(trees, tree) {
				err = nil
			}
		}
		return errors.Join(rm, err, removeTmp())
	}
	if _, err := r.git(ctx, r.Root, "worktree", "add", "--detach", "--force", tree, v.Commit); err != nil {
		return nil, errors.Join(fmt.Errorf("check out %s: %w", v.Ref, err), remove())
	}
	v.Dir = filepath.Join(tree, r.Module)
	return remove, nil
}
