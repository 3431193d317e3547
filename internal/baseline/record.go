package baseline

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perfgate/perfgate/internal/sample"
)

// Schema is the version of the record format, which a record states in its second line.
const Schema = 1

// The provenance keys of a record, beside those of the samples.
const (
	schemaKey   = "perfgate-baseline"
	nameKey     = "baseline-name"
	recordedKey = "baseline-recorded"
	noteKey     = "baseline-note"
	samplesKey  = "perfgate-samples"
)

var ownKeys = []string{schemaKey, nameKey, recordedKey, noteKey}

// A Record is a baseline as it is stored.
type Record struct {
	Name     string
	Recorded time.Time // when it was stored, in UTC, to the second
	Note     string    // in one line; what the one who recorded it accepted
	// Commit is the full hash of what was measured, with "+dirty" where the work tree differed from it;
	// empty outside git. Tag is the release tag that was at the commit, or empty.
	Commit, Tag string
	Samples     *sample.Set
}

// Clean returns the commit, if it is the whole of what was measured.
func (r Record) Clean() string {
	if strings.HasSuffix(r.Commit, "+dirty") {
		return ""
	}
	return r.Commit
}

var commitText = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})(\+dirty)?$`)

// Make returns the text of a record. Samples is the text that a run or a check wrote, or that of another
// record, whose name and time it loses. Note may be empty. What it returns, Read accepts; otherwise
// the error says what is wrong with the samples.
func Make(name string, recorded time.Time, note string, samples []byte) ([]byte, error) {
	first := []byte("# " + samplesKey + ": " + sample.Format + "\n")
	rest, ok := bytes.CutPrefix(samples, first)
	if !ok {
		return nil, fmt.Errorf("the samples do not begin with %q: give the file of a run or a check", bytes.TrimSpace(first))
	}
	note = strings.Join(strings.Fields(note), " ")
	var b bytes.Buffer
	b.Write(first)
	fmt.Fprintf(&b, "# %s: %d\n# %s: %s\n# %s: %s\n", schemaKey, Schema, nameKey, name, recordedKey, recorded.UTC().Format(time.RFC3339))
	if note != "" {
		fmt.Fprintf(&b, "# %s: %s\n", noteKey, note)
	}
	for len(rest) > 0 {
		key, _, ok := provenance(rest)
		if !ok {
			break
		}
		line, after := cutLine(rest)
		if !slices.Contains(ownKeys, key) {
			b.Write(line)
			b.WriteByte('\n')
		}
		rest = after
	}
	b.Write(rest)
	if _, err := Read(b.Bytes(), name); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func cutLine(text []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(text, []byte("\n"))
	return line, rest
}

// provenance returns key and value of the line that a text begins with, if it is one of provenance.
func provenance(text []byte) (key, value string, ok bool) {
	line, _ := cutLine(text)
	s, ok := strings.CutPrefix(string(line), "# ")
	if !ok {
		return "", "", false
	}
	key, value, ok = strings.Cut(s, ": ")
	return key, strings.TrimSuffix(value, "\r"), ok && key != "end"
}

// Head reads the first lines of a record alone: name, time, note, commit and tag, without the samples.
// The text may be cut after them. The errors are those of Read that these lines show.
func Head(text []byte, name string) (Record, error) {
	bad := func(format string, args ...any) (Record, error) {
		return Record{}, fmt.Errorf("read baseline "+name+": "+format, args...)
	}
	keys := map[string]string{}
	for n := 1; len(text) > 0; n++ {
		key, value, ok := provenance(text)
		if !ok {
			break
		}
		if _, twice := keys[key]; twice {
			return bad("line %d: %s stands there twice", n, key)
		}
		if want := []string{samplesKey, schemaKey}; n <= len(want) && key != want[n-1] {
			return bad("line %d is not `# %s: ...`, which every record has there", n, want[n-1])
		}
		if known := map[string]string{samplesKey: sample.Format, schemaKey: strconv.Itoa(Schema)}[key]; known != "" && value != known {
			if v, err := strconv.Atoi(value); err == nil && v > 1 {
				return bad("it is of version %d of %s, and this perfgate reads version %s; use a newer perfgate", v, key, known)
			}
			return bad("line %d: %s %q is not known", n, key, value)
		}
		keys[key] = value
		_, text = cutLine(text)
	}
	r := Record{Name: keys[nameKey], Note: keys[noteKey], Commit: keys["commit"], Tag: keys["tag"]}
	if keys[schemaKey] == "" {
		return bad("it does not begin with `# %s: %s` and `# %s: %d`, as every record does", samplesKey, sample.Format, schemaKey, Schema)
	}
	if r.Name != name {
		return bad("it says that it is the baseline %q", r.Name)
	}
	if err := CheckName(name); err != nil {
		return bad("%w", err)
	}
	var err error
	if r.Recorded, err = time.Parse(time.RFC3339, keys[recordedKey]); err != nil {
		return bad("%s %q is not a time such as 2006-01-02T15:04:05Z", recordedKey, keys[recordedKey])
	}
	if r.Commit != "" && !commitText.MatchString(r.Commit) {
		return bad("commit %q is not a full hash", r.Commit)
	}
	return r, nil
}

// Read reads the record of that name. It is strict: a record that is cut, has a line that cannot be read,
// a benchmark that failed, no benchmark at all, or is of a newer format, is an error, for a comparison
// with half a baseline finds half of what got worse.
func Read(text []byte, name string) (Record, error) {
	bad := func(format string, args ...any) (Record, error) {
		return Record{}, fmt.Errorf("read baseline "+name+": "+format, args...)
	}
	if len(text) > MaxRecord {
		return bad("it is over %d MiB", MaxRecord>>20)
	}
	r, err := Head(text, name)
	if err != nil {
		return Record{}, err
	}
	set, err := sample.Read(bytes.NewReader(text), fileName(name))
	switch {
	case err != nil:
		return bad("%w", err)
	case len(set.Damage) > 0:
		return bad("line %d: %s", set.Damage[0].Line, set.Damage[0].Text)
	case len(set.Failures) > 0:
		f := set.Failures[0]
		what, _, _ := strings.Cut(strings.TrimSpace(f.Text), "\n")
		return bad("line %d: %s failed: %s", f.Line, strings.TrimSpace("the run "+f.Name), what)
	case len(set.Benchmarks) == 0:
		return bad("it has no samples")
	case set.Confidence != "":
		return bad("line %d: samples of %s confidence are no baseline", set.ConfidenceLine, set.Confidence)
	}
	// Provenance further down would speak over that of the first lines.
	for _, kv := range [][2]string{{nameKey, r.Name}, {noteKey, r.Note}, {"commit", r.Commit}, {"tag", r.Tag}} {
		if set.Provenance[kv[0]] != kv[1] {
			return bad("%s stands there twice", kv[0])
		}
	}
	r.Samples = set
	return r, nil
}

// readAll reads a record of at most MaxRecord bytes.
func readAll(r io.Reader, name string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxRecord+1))
	if err == nil && len(text) > MaxRecord {
		err = fmt.Errorf("it is over %d MiB", MaxRecord>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("read baseline %s: %w", name, err)
	}
	return text, nil
}
