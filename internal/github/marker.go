package github

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A marker is the first line of our comments. GitHub does not show it; it says whose comment it is
// and which run wrote it.
type marker struct {
	key     string // sanitised
	run     int64
	attempt int
	head    string
	merge   string // the commit that was tested, where that is not head
	fresh   bool   // of a comment that later runs leave as it is
}

// prefix is what comments of this key begin with. The space behind the key keeps it from being the
// beginning of another one. A fresh comment has another prefix, or the first run that keeps one comment
// up to date would delete all that were to stay.
func (m marker) prefix() string {
	if m.fresh {
		return "<!-- perfgate-new:" + m.key + " "
	}
	return "<!-- perfgate:" + m.key + " "
}

// String returns the whole line, without its end.
func (m marker) String() string {
	merge := ""
	if m.merge != "" {
		merge = " merge=" + m.merge
	}
	return fmt.Sprintf("%srun=%d attempt=%d head=%s%s -->", m.prefix(), m.run, m.attempt, m.head, merge)
}

var markerTail = regexp.MustCompile(`^run=(\d{1,18}) attempt=(\d{1,9}) head=[0-9a-f]*(?: merge=[0-9a-f]*)? -->`)

// parse reports whether a comment's text begins with a marker of this key, and which run wrote it.
// Run 0 stands for a marker that is damaged: any run may replace it.
func (m marker) parse(body string) (run int64, attempt int, ok bool) {
	rest, ok := strings.CutPrefix(body, m.prefix())
	if !ok {
		return 0, 0, false
	}
	if f := markerTail.FindStringSubmatch(rest); f != nil {
		run, _ = strconv.ParseInt(f[1], 10, 64) // the pattern keeps both in range
		attempt, _ = strconv.Atoi(f[2])
	}
	return run, attempt, true
}

// olderThan reports whether the run of m is older than another run.
func (m marker) olderThan(run int64, attempt int) bool {
	return m.run < run || m.run == run && m.attempt < attempt
}

// maxKey bounds a key in characters.
const maxKey = 64

// sanitise makes a key of small letters, digits and single dashes, which cannot end the HTML comment
// of a marker. Keys that it has to change get a checksum, so that two never become one.
func sanitise(key string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(key) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() == maxKey {
			break
		}
	}
	clean := strings.Trim(b.String(), "-")
	switch {
	case key == "":
		return "default"
	case clean == key:
		return clean
	}
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(key)))[:12]
	clean = clean[:min(len(clean), maxKey-len(sum)-1)]
	return strings.Trim(clean+"-"+sum, "-")
}
