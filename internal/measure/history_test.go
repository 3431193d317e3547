package measure

import (
	"context"
	"strings"
	"testing"
)

// The commits of a search are those of the branch itself; what was merged into it is one step.
func TestFirstParents(t *testing.T) {
	r := newRepo(t)
	first := r.commit("one")
	r.git("checkout", "--quiet", "-b", "side")
	r.git("commit", "--quiet", "--allow-empty", "-m", "aside")
	r.git("checkout", "--quiet", "main")
	r.commit("two")
	r.git("merge", "--quiet", "--no-ff", "-m", "merged", "side")
	last := r.commit("three | \x1b[31mred")
	ctx := context.Background()
	repo, err := Open(ctx, System{}, r.dir)
	if err != nil {
		t.Fatal(err)
	}
	at := func(ref string) Version { return Version{Ref: ref, Commit: r.git("rev-parse", ref)} }
	got, err := repo.FirstParents(ctx, at(first), at("HEAD"), 3)
	if err != nil || len(got) != 3 || got[0].Subject != "two" || got[1].Subject != "merged" || got[2].Hash != last {
		t.Fatalf("%+v %v", got, err)
	}
	if p, err := repo.Parent(ctx, got[1].Hash); err != nil || p != got[0] {
		t.Errorf("%+v %v", p, err)
	}
	if _, err := repo.Parent(ctx, first); err == nil {
		t.Error("the first commit has a parent")
	}
	for want, ends := range map[string][2]string{
		"3 commits lie between " + first + " and HEAD, more than 2": {first, "HEAD"},
		"HEAD is no ancestor of " + first:                           {"HEAD", first},
		"no commit lies between HEAD and main: they are the same":   {"HEAD", "main"},
	} {
		if _, err := repo.FirstParents(ctx, at(ends[0]), at(ends[1]), 2); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
