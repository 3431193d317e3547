package baseline

import (
	"slices"
	"strings"

	"golang.org/x/mod/semver"
)

// History returns those names that are versions of the module in the directory, as Versions does, the
// lowest first. A pre-release stands in its place between the releases, before its own.
func History(names []string, dir string) []string {
	out := Versions(names, dir)
	slices.SortFunc(out, func(a, b string) int {
		_, va, _ := Version(a)
		_, vb, _ := Version(b)
		if c := semver.Compare(va, vb); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	return out
}

// Releases returns those names that are releases of the module in the directory, the highest first: the
// versions without the pre-releases.
func Releases(names []string, dir string) []string {
	return slices.DeleteFunc(Versions(names, dir), func(name string) bool { return rank(name) < 2 })
}
