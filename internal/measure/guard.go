package measure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Guard cleans up for this process when it cannot: killed outright, it leaves test binaries, a
// work tree that git still lists, and whatever a benchmark had started.
//
// It is a process of its own that waits for a pipe to end which only this process holds, whose end
// thus comes with the end of this process, however that comes. Then it reads the list of what there
// is, which this process kept up to date, kills the process groups and removes the directories. The
// list is a file without a name rather than the pipe itself, so that nothing wakes up beside a
// benchmark that is being measured.
//
// The zero value and nil guard nothing, which is also all there is where the system has no sh: what
// is left behind then, the Sweep of a later check removes.
type Guard struct {
	mu    sync.Mutex
	list  *os.File // nil when no process guards
	cmd   *exec.Cmd
	alive io.Closer // the end of the pipe that this process holds
}

// NewGuard starts guarding. The caller calls Close at the end.
func NewGuard() *Guard {
	g := &Guard{}
	temp, err := tempDir()
	if err != nil || strings.Contains(temp, "\n") {
		return g
	}
	list, err := os.CreateTemp(temp, "perfgate-guard-")
	if err != nil {
		return g
	}
	read, err := os.Open(list.Name())
	os.Remove(list.Name())
	if err == nil {
		defer read.Close()
		g.cmd, g.alive, err = startGuard(temp, read)
	}
	if err != nil {
		list.Close()
		return g
	}
	g.list = list
	return g
}

// tempDir is the directory for temporary ones, by the name that git will list it under.
func tempDir() (string, error) {
	dir, err := filepath.Abs(os.TempDir())
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}

// Close ends the guarding. What this process has not cleaned up by then, the guard does. Nothing may
// be run under the guard any more.
func (g *Guard) Close() {
	if g == nil || g.list == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.alive.Close()
	// With nothing left to do it ends at once; what it cannot remove must not hold us up for long.
	stop := time.AfterFunc(30*time.Second, func() { _ = g.cmd.Process.Kill() })
	_ = g.cmd.Wait()
	stop.Stop()
	g.list.Close()
	g.list = nil
}

// tell adds a line to the list.
func (g *Guard) tell(word, value string) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.list == nil || strings.Contains(value, "\n") {
		return
	}
	if _, err := g.list.WriteString(word + " " + value + "\n"); err != nil {
		// A list that is not true is worse than none: it may name a group whose number means another.
		_ = g.cmd.Process.Kill()
	}
}

// started tells of a process that leads a group of its own; ended, that nothing of the group is left.
//
// A number must not stay on the list for longer than it means that group. Where the system can wait
// for the end of a process without reaping it, ended comes before the reaping, and so before
// the number is free; elsewhere right after. In between this process would have to be killed and
// the number used anew.
func (g *Guard) started(pid int) { g.tell("group", strconv.Itoa(pid)) }
func (g *Guard) ended(pid int)   { g.tell("ungroup", strconv.Itoa(pid)) }

// The directories that Sweep knows as ours, by the beginning of their names, and the file in each
// that says whether whoever made it lives.
var kinds = []string{"perfgate-build-", "perfgate-base-"}

const ownerFile = "owner"

// TempDir makes a temporary directory and returns its path. The name begins with perfgate-KIND-,
// where kind is "build" or "base". The caller calls remove when done.
func (g *Guard) TempDir(kind string) (dir string, remove func() error, err error) {
	temp, err := tempDir()
	if err != nil {
		return "", nil, err
	}
	if dir, err = os.MkdirTemp(temp, "perfgate-"+kind+"-"); err != nil {
		return "", nil, err
	}
	g.tell("dir", dir)
	disown := own(dir)
	return dir, func() error {
		disown()
		return os.RemoveAll(dir)
	}, nil
}

// Sweep removes what earlier checks left behind because they were killed and nothing guarded them:
// their temporary directories, and the work trees that r lists and that are gone. It returns what it
// removed. What belongs to a process that lives, or is not known to be ours, stays.
func Sweep(ctx context.Context, r *Repo) ([]string, error) {
	temp, err := tempDir()
	if err != nil {
		return nil, fmt.Errorf("look for what was left behind: %w", err)
	}
	var out []string
	var errs []error
	for _, kind := range kinds {
		entries, err := filepath.Glob(filepath.Join(escapeGlob(temp), kind+"*"))
		if err != nil {
			errs = append(errs, err)
		}
		for _, dir := range entries {
			release, ok := abandoned(dir)
			if !ok {
				continue
			}
			if err := os.RemoveAll(dir); err != nil {
				errs = append(errs, err)
			} else {
				out = append(out, dir)
			}
			release()
		}
	}
	trees, err := r.lostTrees(ctx)
	errs = append(errs, err)
	for _, tree := range trees {
		if err := r.forget(ctx, tree); err != nil {
			errs = append(errs, err)
		} else {
			out = append(out, tree)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return out, fmt.Errorf("remove what was left behind: %w", err)
	}
	return out, nil
}

// escapeGlob returns the pattern that matches path alone.
func escapeGlob(path string) string {
	if os.PathSeparator == '\\' {
		return path // where a pattern cannot escape
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// trees returns the work trees that git lists for the repository.
func (r *Repo) trees(ctx context.Context) ([]string, error) {
	if r == nil || r.Root == "" {
		return nil, nil
	}
	list, err := r.git(ctx, r.Root, "worktree", "list", "--porcelain")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, line := range strings.Split(list, "\n") {
		if tree, ok := strings.CutPrefix(line, "worktree "); ok {
			out = append(out, filepath.FromSlash(tree))
		}
	}
	return out, nil
}

// lostTrees returns those work trees of checkouts that git lists and that are gone. One of another
// machine, or of a container with a temporary directory of its own, looks the same: to forget it
// there does no harm to its files.
func (r *Repo) lostTrees(ctx context.Context) ([]string, error) {
	trees, err := r.trees(ctx)
	var out []string
	for _, tree := range trees {
		if filepath.Base(tree) != treeDir || !strings.HasPrefix(filepath.Base(filepath.Dir(tree)), "perfgate-base-") {
			continue
		}
		if _, err := os.Lstat(tree); errors.Is(err, os.ErrNotExist) {
			out = append(out, tree)
		}
	}
	return out, err
}

// forget makes git drop the work tree, whose files are gone, from its list. Unlike git worktree
// prune it touches no other, which may be away only because a disk is not mounted. Given twice,
// --force covers one that git was killed in the middle of adding, and that is locked therefore.
func (r *Repo) forget(ctx context.Context, tree string) error {
	_, err := r.git(ctx, r.Root, "worktree", "remove", "--force", "--force", tree)
	return err
}

// guardScript is what guards. Its arguments are the temporary directory; its standard input is the
// pipe and descriptor 3 the list. Everything on the list is only ever data, and is checked again
// before it is acted on: what is removed lies directly below the temporary directory and has our
// prefix.
const guardScript = `
trap '' HUP INT QUIT TERM
while read -r _; do :; done

temp=$1 repo= live=
shift
while IFS= read -r line; do
	value=${line#* }
	case $line in
	'dir '*) set -- "$@" "$value" ;;
	'repo '*) repo=$value ;;
	'group '*)
		case $value in
		'' | *[!0-9]* | 0* | 1) ;;
		*) live="$live $value" ;;
		esac
		;;
	'ungroup '*)
		rest=
		for id in $live; do
			[ "$id" = "$value" ] || rest="$rest $id"
		done
		live=$rest
		;;
	esac
done <&3

for id in $live; do
	kill -s KILL -- "-$id"
done

# The killed may still be at their last system call.
gone() {
	for try in 1 2 3 4 5; do
		rm -rf -- "$1" && return
		sleep 1
	done
}

for dir; do
	base=${dir#"$temp"/}
	case $base in
	*/*) continue ;;
	perfgate-?*) ;;
	*) continue ;;
	esac
	if [ -L "$dir" ] || ! [ -d "$dir" ]; then
		continue
	fi
	case $base in
	perfgate-base-*)
		gone "$dir/tree"
		if [ -n "$repo" ]; then
			git -C "$repo" -c core.hooksPath=/dev/null worktree remove --force --force "$dir/tree"
		fi
		;;
	esac
	gone "$dir"
done
`
