package measure

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// A Commit is one step of the history.
type Commit struct {
	Hash    string // full
	Subject string // first line of its message
}

// FirstParents lists the commits after good up to and with bad, the oldest first, following at each merge
// the branch that was merged into. The error says that there are more than most, that good is no ancestor
// of bad, or that the clone has only a part of the history, and what to do.
func (r *Repo) FirstParents(ctx context.Context, good, bad Version, most int) ([]Commit, error) {
	span := good.Commit + ".." + bad.Commit
	if base, err := r.git(ctx, r.Root, "merge-base", good.Commit, bad.Commit); err != nil || base != good.Commit {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if note := r.shallow(ctx); note != "" {
			return nil, fmt.Errorf("no way leads from %s to %s%s", good.Ref, bad.Ref, note)
		}
		return nil, fmt.Errorf("%s is no ancestor of %s; name a good commit that %s is built on", good.Ref, bad.Ref, bad.Ref)
	}
	text, err := r.git(ctx, r.Root, "rev-list", "--first-parent", "--count", span)
	if err != nil {
		return nil, err
	}
	switch n, err := strconv.Atoi(text); {
	case err != nil:
		return nil, fmt.Errorf("count the commits: %w", err)
	case n == 0:
		return nil, fmt.Errorf("no commit lies between %s and %s: they are the same", good.Ref, bad.Ref)
	case n > most:
		return nil, fmt.Errorf("%d commits lie between %s and %s, more than %d; name ends that are nearer, or allow more", n, good.Ref, bad.Ref, most)
	}
	text, err = r.git(ctx, r.Root, "log", "--first-parent", "--reverse", "--no-show-signature", "--format=%H %s", span)
	if err != nil {
		return nil, err
	}
	var out []Commit
	for line := range strings.SplitSeq(text, "\n") {
		hash, subject, _ := strings.Cut(line, " ")
		out = append(out, Commit{Hash: hash, Subject: subject})
	}
	return out, nil
}

// Parent returns the first parent of a commit. The error says where there is none.
func (r *Repo) Parent(ctx context.Context, commit string) (Commit, error) {
	text, err := r.git(ctx, r.Root, "log", "-1", "--no-show-signature", "--format=%H %s", commit+"^1")
	if err != nil {
		return Commit{}, fmt.Errorf("find the parent of %s: %w", commit, err)
	}
	text, _, _ = strings.Cut(text, "\n")
	hash, subject, _ := strings.Cut(text, " ")
	return Commit{Hash: hash, Subject: subject}, nil
}
