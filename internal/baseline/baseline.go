// Package baseline keeps the samples of releases, so that later versions can be compared with them.
//
// A record is the text that a run wrote, raw samples and all, under a name, which for a release is its
// tag; a store is a directory of files, or a branch of its own in a git repository. Which record is
// meant is decided by its name or by the order of versions, never by git history: a clone of depth 1
// has none. The package reads records strictly, and judges nothing: whether samples are fit to be a
// baseline, and what a comparison with one proves, package gate decides.
//
// Position in the flow: measure writes samples, baseline keeps them, gate compares with them.
package baseline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/semver"
)

// A Store keeps records by name. Any number of processes may use one at a time.
type Store interface {
	// List returns the names of the records, the one that Compare puts highest first. A store that does
	// not exist yet is empty.
	List(ctx context.Context) ([]string, error)
	// Read returns the text of a record, which nobody has checked. The error is NotFound where there is none.
	Read(ctx context.Context, name string) ([]byte, error)
	// Write stores a record, whole or not at all. The error is Exists where there is one of that name,
	// unless it is to be replaced, and Refused where to try again would not help.
	Write(ctx context.Context, name string, text []byte, replace bool) error
	// Delete removes records; one that is not there is no error.
	Delete(ctx context.Context, names []string) error
	// String says in words which store this is.
	String() string
}

// NotFound is the error of a record that the store, named by In, does not have.
type NotFound struct{ Name, In string }

// Error says which record.
func (e NotFound) Error() string { return fmt.Sprintf("no baseline %s in %s", e.Name, e.In) }

// Exists is the error of a record whose name the store has already.
type Exists struct{ Name, In string }

// Error says which record.
func (e Exists) Error() string { return fmt.Sprintf("%s has a baseline %s already", e.In, e.Name) }

// NoRepository is the error of a branch where there is no git, or no repository, with what git said.
type NoRepository struct{ Text string }

// Error returns what git said and what else could hold the records.
func (e NoRepository) Error() string {
	return "baselines in a branch need a git repository: " + e.Text + "; keep them in a directory with --store dir:PATH"
}

// Refused is the error of a store that does not let a record in, with what it said.
type Refused struct{ Text string }

// Error returns what the store said.
func (e Refused) Error() string { return e.Text }

// MaxRecord bounds the text of a record, in bytes.
const MaxRecord = 256 << 20

const (
	// maxName bounds a name in bytes: three for each, and the suffix, are what a file name may have.
	maxName = 80
	suffix  = ".baseline.txt"
)

// CheckName refuses a name that a record cannot have: one that is empty, over 80 bytes, begins with a
// dash, or has white space or what cannot be printed.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("the name of a baseline is empty")
	case len(name) > maxName:
		return fmt.Errorf("the name of a baseline is over %d bytes: %q ends the part that fits", maxName, strings.ToValidUTF8(name[:maxName], ""))
	case name[0] == '-':
		return fmt.Errorf("%q is not the name of a baseline: it begins with a dash", name)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }):
		return fmt.Errorf("%q is not the name of a baseline: it has white space, or what cannot be printed", name)
	}
	return nil
}

// plain are the bytes of a name that stand in a file name as they are. No path can be made of them.
func plain(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || strings.IndexByte("-_+", b) >= 0
}

// fileName returns the file of a record: one element of a path, whatever the name.
func fileName(name string) string {
	var b strings.Builder
	for i := range len(name) {
		// A dot is as it is, but not the first, which would hide the file.
		if c := name[i]; plain(c) || c == '.' && i > 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String() + suffix
}

// nameOf returns the record whose file it is, if it is one.
func nameOf(file string) (name string, ok bool) {
	rest, ok := strings.CutSuffix(file, suffix)
	if !ok {
		return "", false
	}
	var b strings.Builder
	for i := 0; i < len(rest); i++ {
		if rest[i] != '%' {
			b.WriteByte(rest[i])
			continue
		}
		if i+2 >= len(rest) {
			return "", false
		}
		c, err := strconv.ParseUint(rest[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		b.WriteByte(byte(c))
		i += 2
	}
	name = b.String()
	// Of two spellings of one name the one that would be written counts.
	return name, CheckName(name) == nil && fileName(name) == file
}

// Version splits a name into the directory of a module, which ends in a slash or is empty, and its
// version. It reports whether the name is a version, all three numbers of it: v1.2.3, sub/v1.2.3-rc.1.
func Version(name string) (dir, version string, ok bool) {
	i := strings.LastIndexByte(name, '/') + 1
	version = name[i:]
	return name[:i], version, semver.IsValid(version) && semver.Canonical(version) == strings.TrimSuffix(version, semver.Build(version))
}

// Compare orders names: what is no version lies below every pre-release, a pre-release below every
// release, since it is none yet, and otherwise the higher semantic version higher. Equal versions, and
// what is none, are in the order of their bytes, so that only the same name is equal.
func Compare(a, b string) int {
	_, va, _ := Version(a)
	_, vb, _ := Version(b)
	if c := cmp.Compare(rank(a), rank(b)); c != 0 {
		return c
	}
	if rank(a) > 0 {
		if c := semver.Compare(va, vb); c != 0 {
			return c
		}
	}
	return strings.Compare(a, b)
}

func rank(name string) int {
	_, version, ok := Version(name)
	switch {
	case !ok:
		return 0
	case semver.Prerelease(version) != "":
		return 1
	}
	return 2
}

// Versions returns those names that are versions of the module in the directory, which ends in a slash
// or is empty for the one at the root; the highest first.
func Versions(names []string, dir string) []string {
	var out []string
	for _, name := range names {
		if d, _, ok := Version(name); ok && d == dir {
			out = append(out, name)
		}
	}
	slices.SortFunc(out, highestFirst)
	return out
}

// highestFirst is the order of lists.
func highestFirst(a, b string) int { return Compare(b, a) }
