package measure

import "context"

// LastRelease returns the oldest of the last n release tags that are reachable from head, the highest
// versions first and without that of head itself, and how many of the n there are. The error is ErrNoBase
// when there is none.
func (r *Repo) LastRelease(ctx context.Context, head Version, n int) (Version, int, error) {
	if r.Root == "" {
		return Version{}, 0, ErrNoBase{"this is not a git repository, so there is no earlier release; check in a clone"}
	}
	if head.Commit == "" {
		return Version{}, 0, ErrNoBase{"the repository has no commit to compare with; commit first"}
	}
	lines, err := r.git(ctx, r.Root, "tag", "--merged", head.Commit)
	if err != nil {
		return Version{}, 0, err
	}
	oldest, found := Version{}, 0
	for _, tag := range r.releases(lines) {
		if found == n {
			break
		}
		commit, err := r.resolve(ctx, "refs/tags/"+tag)
		if err != nil {
			return Version{}, 0, err
		}
		// A clean tree at the tag itself would be compared with itself.
		if commit != head.Commit || head.Dirty {
			oldest, found = Version{Ref: tag, Commit: commit}, found+1
		}
	}
	if found == 0 {
		return Version{}, 0, ErrNoBase{"no release tag is reachable from head" + r.shallow(ctx)}
	}
	tag := oldest.Ref
	err = r.describe(ctx, &oldest, oldest.Commit)
	oldest.Tag = tag
	return oldest, found, err
}
