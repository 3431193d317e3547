package cli

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/perfgate/perfgate/internal/measure"
)

// A builder builds both versions in one way: with the processes' own clocks where that works for
// both, else without for both.
type builder struct {
	k        *checker
	ctx      context.Context
	pattern  string
	tmp      string
	ownClock bool
	built    []built
	// skip is told of a package that does not build, which is left out; nil makes that an error.
	skip func(pkg string, err error)
}

// A built version can be built anew.
type built struct {
	name    string
	version measure.Version
}

// build builds a version. Where only the clocks keep it from building, all are built without.
func (b *builder) build(name string, v measure.Version) (*measure.Arm, error) {
	done := b.k.show.stage("build " + name)
	arm, err := b.try(name, v)
	if err == nil {
		done("%s", plural(len(functions(arm)), "function"))
	}
	if err == nil || !b.ownClock || b.ctx.Err() != nil {
		b.built = append(b.built, built{name, v})
		return arm, err
	}
	b.ownClock = false
	arm, plainErr := b.try(name, v)
	if plainErr != nil {
		// It is not the clocks.
		b.ownClock = true
		return nil, plainErr
	}
	done("%s", plural(len(functions(arm)), "function"))
	b.without(err)
	if err := b.again(); err != nil {
		return nil, err
	}
	b.built = append(b.built, built{name, v})
	return arm, nil
}

func (b *builder) try(name string, v measure.Version) (*measure.Arm, error) {
	return measure.Build(b.ctx, b.k.session.Exec, v, b.pattern, filepath.Join(b.tmp, name), measure.BuildOptions{OwnClock: b.ownClock, Skip: b.skip})
}

// without says why times are those of the clock on the wall.
func (b *builder) without(why error) {
	if !errors.Is(why, errors.ErrUnsupported) {
		reason, _, _ := strings.Cut(strings.TrimSpace(why.Error()), "\n")
		b.k.show.line("measuring wall time only, since the processes' own clocks cannot be read: %s", reason)
	}
}

// again builds anew what was built with the clocks.
func (b *builder) again() error {
	for _, v := range b.built {
		arm, err := b.try(v.name, v.version)
		if err != nil {
			return err
		}
		if v.name == "head" {
			b.k.session.Head = arm
		} else {
			b.k.session.Base = arm
		}
	}
	return nil
}

// find runs each function once, and again without the clocks where these are seen to be wrong.
func (b *builder) find(wanted []string) (*measure.Found, error) {
	found, err := b.once(wanted)
	if err != nil || !b.ownClock {
		return found, err
	}
	if why := found.Implausible(b.k.session.Procs); why != "" {
		b.ownClock = false
		b.without(errors.New(why))
		if err := b.again(); err != nil {
			return nil, notJudged(err)
		}
		return b.once(wanted)
	}
	return found, nil
}

// once runs each function once.
func (b *builder) once(wanted []string) (*measure.Found, error) {
	found, err := b.k.session.Find(b.ctx, wanted)
	if errors.Is(err, measure.ErrDeadline) {
		return nil, notJudged(err)
	}
	return found, err
}

// identical lists the packages whose test binaries are the same in both arms.
func identical(base, head *measure.Arm) []string {
	var out []string
	if base == nil {
		return nil
	}
	for _, b := range base.Binaries {
		for _, h := range head.Binaries {
			if b.Package == h.Package && b.Digest != "" && b.Digest == h.Digest {
				out = append(out, b.Package)
			}
		}
	}
	return out
}
