package baseline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// DefaultBranch is the branch that keeps baselines where nobody names another.
const DefaultBranch = "perfgate-baselines"

// A Branch is a store in a branch that shares no history with the source. All is done in a repository of
// its own in a temporary directory, with git's plumbing: work tree, index, refs, objects and depth of
// the user's are not touched. A write is a commit on top of the branch's tip, pushed on condition that
// the tip is still that; else it is made anew on top of what came between, so that no writer loses
// anything of another.
type Branch struct {
	// Repo is a directory in the user's repository, of which the remote and how to reach it are read.
	Repo string
	// Name is the branch, without refs/heads/; empty is DefaultBranch.
	Name string
	// Remote is its remote; empty is origin. A repository without it keeps the branch itself.
	Remote string
	// Temp is an empty directory that the store may fill; its owner removes it.
	Temp string
	// Env is the environment of git; nil is that of this process. What would direct git to another
	// repository is left out.
	Env []string
	// Seed is that of the random part of the waits between tries.
	Seed uint64
	// Wait waits between two tries; nil waits by the clock.
	Wait func(ctx context.Context, d time.Duration) error

	rnd    *rand.Rand
	tip    string // the commit last fetched; empty where there is no branch
	synced bool
	// raced is called between reading and pushing, by tests.
	raced func()
}

// Tries is how often a write is tried before it is given up.
const Tries = 20

const (
	gitLimit = 3 * time.Minute // of one git process
	firstGap = 50 * time.Millisecond
	lastGap  = 3 * time.Second
)

// String says which branch.
func (b *Branch) String() string { return "branch " + b.name() }

func (b *Branch) name() string {
	if b.Name == "" {
		return DefaultBranch
	}
	return b.Name
}

func (b *Branch) ref() string { return "refs/heads/" + b.name() }

func (b *Branch) remote() string {
	if b.Remote == "" {
		return "origin"
	}
	return b.Remote
}

// A gitError is a git command that failed.
type gitError struct{ command, stdout, stderr string }

// Error returns the command and what it said of the failure.
func (e gitError) Error() string { return "git " + e.command + ": " + e.stderr }

var (
	// userPart is what of a URL may be a password.
	userPart = regexp.MustCompile(`://[^/@\s]+@`)
	// elsewhere are variables that direct git to another repository than that it is run in.
	elsewhere = regexp.MustCompile(`^GIT_(DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|NAMESPACE|PREFIX|SHALLOW_FILE|CEILING_DIRECTORIES|QUARANTINE_PATH)=`)
)

// said makes one line of what git said, without passwords and control characters.
func said(stderr string) string {
	var lines []string
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(strings.Map(func(r rune) rune {
			if !unicode.IsPrint(r) {
				return -1
			}
			return r
		}, userPart.ReplaceAllString(line, "://")))
		if line != "" && !strings.HasPrefix(line, "hint: ") {
			lines = append(lines, line)
		}
	}
	text := strings.Join(lines, "; ")
	if len(text) > 1000 {
		text = strings.ToValidUTF8(text[:1000], "") + " ..."
	}
	return strings.TrimRight(text, ".")
}

// run runs git in dir, with more variables and input, and returns its output.
func (b *Branch) run(ctx context.Context, dir string, env []string, input []byte, args ...string) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, gitLimit)
	defer cancel()
	// Hooks belong to repositories, which need not be trusted.
	cmd := exec.CommandContext(limited, "git", append([]string{"-c", "core.hooksPath=" + os.DevNull}, args...)...)
	cmd.Dir = dir
	cmd.WaitDelay = 2 * time.Second
	all := b.Env
	if all == nil {
		all = os.Environ()
	}
	for _, kv := range all {
		if !elsewhere.MatchString(kv) {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(append(cmd.Env, "GIT_TERMINAL_PROMPT=0", "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0"), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		e := gitError{args[0], stdout.String(), said(stderr.String())}
		switch {
		case limited.Err() != nil:
			e.stderr = fmt.Sprintf("no answer in %v", gitLimit)
		case e.stderr == "":
			e.stderr = err.Error()
		}
		return nil, e
	}
	return stdout.Bytes(), nil
}

// git runs a command in the store's own repository. It is started in the user's directory: the address
// of a remote may be relative to it.
func (b *Branch) git(ctx context.Context, input []byte, args ...string) (string, error) {
	out, err := b.run(ctx, b.Repo, []string{
		"GIT_DIR=" + b.dir(), "GIT_INDEX_FILE=" + filepath.Join(b.Temp, "index"),
		"GIT_AUTHOR_NAME=perfgate", "GIT_AUTHOR_EMAIL=perfgate@localhost", "GIT_COMMITTER_NAME=perfgate", "GIT_COMMITTER_EMAIL=perfgate@localhost",
	}, input, args...)
	return strings.TrimSpace(string(out)), err
}

func (b *Branch) dir() string { return filepath.Join(b.Temp, "repo") }

// copied are the settings of the user's repository that say how to reach a remote.
var copied = regexp.MustCompile(`^(http|credential|url|ssh|core\.sshcommand|core\.gitproxy)\b`)

// prepare makes the store's own repository, once.
func (b *Branch) prepare(ctx context.Context) error {
	if b.rnd != nil {
		return nil
	}
	if _, err := exec.LookPath("git"); err != nil {
		return NoRepository{"git is not installed"}
	}
	if _, err := b.run(ctx, b.Repo, nil, nil, "check-ref-format", b.ref()); err != nil || strings.HasPrefix(b.name(), "-") {
		if ctx.Err() != nil {
			return err
		}
		return Refused{fmt.Sprintf("%q is not the name of a branch", b.name())}
	}
	format, err := b.run(ctx, b.Repo, nil, nil, "rev-parse", "--show-object-format")
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		return NoRepository{err.Error()}
	}
	common, err := b.run(ctx, b.Repo, nil, nil, "rev-parse", "--git-common-dir")
	if err != nil {
		return err
	}
	if _, err := b.run(ctx, b.Repo, nil, nil, "init", "--quiet", "--bare", "--template=", "--object-format="+strings.TrimSpace(string(format)), b.dir()); err != nil {
		return err
	}
	// What a CI system wrote into the repository, such as a token in a header, is needed to reach its
	// remote; what stands in the user's own settings is read anyway, and would count twice.
	settings, err := b.run(ctx, b.Repo, nil, nil, "config", "--local", "--includes", "--list", "-z")
	if err != nil {
		return err
	}
	prefix := "remote." + b.remote() + "."
	has := false
	var config strings.Builder
	for kv := range strings.SplitSeq(string(settings), "\x00") {
		key, value, _ := strings.Cut(kv, "\n")
		own := strings.HasPrefix(key, prefix) && (strings.HasSuffix(key, "url") || strings.Contains(key, "proxy"))
		has = has || key == prefix+"url"
		if own || copied.MatchString(key) {
			writeSetting(&config, key, value)
		}
	}
	if !has {
		path := strings.TrimSpace(string(common))
		if !filepath.IsAbs(path) {
			path = filepath.Join(b.Repo, path)
		}
		if path, err = filepath.Abs(path); err != nil {
			return err
		}
		writeSetting(&config, prefix+"url", path)
	}
	// In a file, and not as arguments, which other users of the machine can see.
	f, err := os.OpenFile(filepath.Join(b.dir(), "config"), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("prepare %s: %w", b, err)
	}
	_, err = f.WriteString(config.String())
	if err := errors.Join(err, f.Chmod(0o600), f.Close()); err != nil {
		return fmt.Errorf("prepare %s: %w", b, err)
	}
	b.rnd = rand.New(rand.NewPCG(b.Seed, 0))
	return nil
}

var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`)

// writeSetting writes a setting as a file of git's configuration has it.
func writeSetting(w *strings.Builder, key, value string) {
	i, j := strings.IndexByte(key, '.'), strings.LastIndexByte(key, '.')
	if i < 0 {
		return
	}
	if i == j {
		fmt.Fprintf(w, "[%s]\n\t%s = \"%s\"\n", key[:i], key[i+1:], escapes.Replace(value))
		return
	}
	sub := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key[i+1 : j])
	fmt.Fprintf(w, "[%s \"%s\"]\n\t%s = \"%s\"\n", key[:i], sub, key[j+1:], escapes.Replace(value))
}

// sync fetches the tip of the branch.
func (b *Branch) sync(ctx context.Context) error {
	if err := b.prepare(ctx); err != nil {
		return err
	}
	found, err := b.git(ctx, nil, "ls-remote", b.remote(), b.ref())
	if err != nil {
		return fmt.Errorf("read %s: %w", b, err)
	}
	if found == "" {
		b.tip, b.synced = "", true
		return nil
	}
	if _, err := b.git(ctx, nil, "fetch", "--quiet", "--no-tags", "--depth=1", b.remote(), "+"+b.ref()+":"+b.ref()); err != nil {
		return fmt.Errorf("read %s: %w", b, err)
	}
	if b.tip, err = b.git(ctx, nil, "rev-parse", "--verify", b.ref()+"^{commit}"); err != nil {
		return fmt.Errorf("read %s: %w", b, err)
	}
	b.synced = true
	return nil
}

// A blob is the file of a record in the tree of the branch.
type blob struct {
	object string
	size   int64
}

// blobs returns the records in the tree last fetched, by their names.
func (b *Branch) blobs(ctx context.Context) (map[string]blob, error) {
	out := map[string]blob{}
	if b.tip == "" {
		return out, nil
	}
	tree, err := b.git(ctx, nil, "ls-tree", "-z", "--long", b.tip)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", b, err)
	}
	for entry := range strings.SplitSeq(tree, "\x00") {
		meta, file, _ := strings.Cut(entry, "\t")
		f := strings.Fields(meta) // mode, type, object, size
		name, ok := nameOf(file)
		if len(f) != 4 || !ok || f[0] != "100644" {
			continue
		}
		size, err := strconv.ParseInt(f[3], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read %s: the size of %s is %q", b, name, f[3])
		}
		out[name] = blob{f[2], size}
	}
	return out, nil
}

// List returns the names of the records that the branch now has; see Store.
func (b *Branch) List(ctx context.Context) ([]string, error) {
	if err := b.sync(ctx); err != nil {
		return nil, err
	}
	blobs, err := b.blobs(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range blobs {
		names = append(names, name)
	}
	slices.SortFunc(names, highestFirst)
	return names, nil
}

// Read returns the text of a record as of the last List, or as of now where there was none; see Store.
func (b *Branch) Read(ctx context.Context, name string) ([]byte, error) {
	if !b.synced {
		if err := b.sync(ctx); err != nil {
			return nil, err
		}
	}
	blobs, err := b.blobs(ctx)
	if err != nil {
		return nil, err
	}
	is, ok := blobs[name]
	switch {
	case !ok:
		return nil, NotFound{name, b.String()}
	case is.size > MaxRecord:
		return nil, fmt.Errorf("read baseline %s: it is over %d MiB", name, MaxRecord>>20)
	}
	text, err := b.run(ctx, b.Repo, []string{"GIT_DIR=" + b.dir()}, nil, "cat-file", "blob", is.object)
	if err != nil {
		return nil, fmt.Errorf("read baseline %s: %w", name, err)
	}
	return text, nil
}

// Write stores a record; see Store.
func (b *Branch) Write(ctx context.Context, name string, text []byte, replace bool) error {
	if err := CheckName(name); err != nil {
		return err
	}
	return b.update(ctx, "Baseline "+name, func(blobs map[string]blob) (string, error) {
		if _, ok := blobs[name]; ok && !replace {
			return "", Exists{name, b.String()}
		}
		object, err := b.git(ctx, text, "hash-object", "-w", "--stdin")
		if err != nil || blobs[name].object == object {
			return "", err
		}
		return fmt.Sprintf("100644 %s\t%s\x00", object, fileName(name)), nil
	})
}

// Delete removes records, all in one commit; see Store.
func (b *Branch) Delete(ctx context.Context, names []string) error {
	return b.update(ctx, "Remove "+strings.Join(names, ", "), func(blobs map[string]blob) (string, error) {
		var edits strings.Builder
		for _, name := range names {
			if old, ok := blobs[name]; ok {
				fmt.Fprintf(&edits, "0 %s\t%s\x00", strings.Repeat("0", len(old.object)), fileName(name))
			}
		}
		return edits.String(), nil
	})
}

// update makes a commit with the edits that change returns, as update-index reads them, and pushes it.
// Where the branch has moved meanwhile it begins again with what is there now. No edits are no commit.
func (b *Branch) update(ctx context.Context, message string, change func(map[string]blob) (edits string, err error)) error {
	var last error
	for try := range Tries {
		if try > 0 {
			if err := b.wait(ctx, try); err != nil {
				return err
			}
		}
		if err := b.sync(ctx); err != nil {
			return err
		}
		blobs, err := b.blobs(ctx)
		if err != nil {
			return err
		}
		edits, err := change(blobs)
		if err != nil || edits == "" {
			return err
		}
		commit, err := b.commit(ctx, message, edits)
		if err != nil {
			return fmt.Errorf("write %s: %w", b, err)
		}
		if b.raced != nil {
			b.raced()
		}
		was := b.tip
		_, last = b.git(ctx, nil, "push", "--quiet", "--porcelain", "--no-verify", "--force-with-lease="+b.ref()+":"+was, b.remote(), commit+":"+b.ref())
		if last == nil {
			b.synced = false // what is read next is read anew
			return nil
		}
		if ctx.Err() != nil {
			return last
		}
		again, err := b.moved(ctx, was, last)
		if err != nil {
			return Refused{fmt.Sprintf("push to %s: %v; and then: %v", b, last, err)}
		}
		if !again {
			return Refused{fmt.Sprintf("push to %s: %s; it needs write access to the repository, in a workflow `permissions: contents: write`, and no rule that keeps others from this branch", b, reason(last))}
		}
	}
	return Refused{fmt.Sprintf("push to %s: others were first %d times, the last time: %s", b, Tries, reason(last))}
}

// commit makes a commit on top of the tip.
func (b *Branch) commit(ctx context.Context, message, edits string) (string, error) {
	read := []string{"read-tree", "--empty"}
	if b.tip != "" {
		read = []string{"read-tree", b.tip}
	}
	if _, err := b.git(ctx, nil, read...); err != nil {
		return "", err
	}
	if _, err := b.git(ctx, []byte(edits), "update-index", "-z", "--index-info"); err != nil {
		return "", err
	}
	tree, err := b.git(ctx, nil, "write-tree")
	if err != nil {
		return "", err
	}
	args := []string{"commit-tree", tree, "-F", "-"}
	if b.tip != "" {
		args = append(args, "-p", b.tip)
	}
	return b.git(ctx, []byte(message+"\n"), args...)
}

// lost is what git says where two pushes met, beside a tip that has moved.
var lost = regexp.MustCompile(`\((stale info|fetch first|non-fast-forward|failed to update ref|incorrect old value provided|remote ref updated since checkout|reference already exists)\)|cannot lock ref|Unable to create '[^']*\.lock'`)

// moved reports whether a push failed since others pushed, so that another try may help.
func (b *Branch) moved(ctx context.Context, was string, failed error) (bool, error) {
	var e gitError
	if errors.As(failed, &e) && lost.MatchString(e.stdout+e.stderr) {
		return true, nil
	}
	now, err := b.git(ctx, nil, "ls-remote", b.remote(), b.ref())
	if err != nil {
		return false, err
	}
	tip, _, _ := strings.Cut(now, "\t")
	return tip != was, nil
}

var rejected = regexp.MustCompile(`(?m)^!\t[^\t]*\t(.*)$`)

// reason is what a push said of its failure: of the ref, and what the remote printed.
func reason(failed error) string {
	var e gitError
	if !errors.As(failed, &e) {
		return fmt.Sprint(failed)
	}
	if m := rejected.FindStringSubmatch(e.stdout); m != nil {
		return said(m[1]) + "; " + e.stderr
	}
	return e.stderr
}

// wait lets others go first: about twice as long after each try, by chance up to half more or less.
func (b *Branch) wait(ctx context.Context, try int) error {
	d := min(firstGap<<min(try-1, 10), lastGap)
	d = d/2 + time.Duration(b.rnd.Int64N(int64(d)))
	if b.Wait != nil {
		return b.Wait(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
