package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/perfgate/perfgate/internal/baseline"
	"github.com/perfgate/perfgate/internal/measure"
)

// fromLast returns the oldest of the last n releases before head as the base: of those recorded in the
// store, or where it has none of those that git has tagged. Small steps, each within the budgets, add up
// against it.
func (k *checker) fromLast(ctx context.Context, w *world, n int) (baseSource, error) {
	store, err := openStore(k.store, w.tmp, k.session.Seed)
	if err != nil {
		return baseSource{}, err
	}
	all, err := store.List(ctx)
	if err != nil {
		return baseSource{}, interruptedOr(ctx, storeError(err))
	}
	var oldest baseline.Record
	var text []byte
	found := 0
	for _, name := range baseline.Releases(all, moduleDir(w.repo)) {
		if found == n {
			break
		}
		data, err := store.Read(ctx, name)
		if err != nil {
			return baseSource{}, interruptedOr(ctx, storeError(err))
		}
		r, err := baseline.Read(data, name)
		if err != nil {
			return baseSource{}, notJudged(err)
		}
		if !isHead(w, r) {
			oldest, text, found = r, data, found+1
		}
	}
	if found > 0 {
		return k.fromRecord(ctx, w, store, oldest, text, reach(n, found)+" recorded in "+store.String())
	}
	v, found, err := w.repo.LastRelease(ctx, w.head, n)
	var none measure.ErrNoBase
	switch {
	case err == nil:
		v.Why = reach(n, found) + " tagged in git"
		return baseSource{version: &v}, nil
	case !errors.As(err, &none):
		return baseSource{}, interruptedOr(ctx, notJudged(err))
	case k.base != "":
		return baseSource{}, misuse("--base %s: %s, and %s has none", k.base, none.Text, store)
	}
	return k.recorded(none.Text)
}

// reach says how far back a comparison with the last n releases goes where there are found of them.
func reach(n, found int) string {
	if found < n {
		return fmt.Sprintf("the oldest of the last %d releases, of which there are only %d", n, found)
	}
	return fmt.Sprintf("the oldest of the last %d releases", n)
}
