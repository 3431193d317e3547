package budget

import (
	"fmt"
	"regexp"
	"strconv"
)

// The releases that a comparison may reach back.
const (
	minReleases = 2
	maxReleases = 50
)

var lastReleases = regexp.MustCompile(`^last-(-?[0-9]+)-releases?$`)

// LastReleases reports whether what head is compared with is the oldest of its last releases, as
// last-5-releases says, and of how many. The error is that of a number that is not between 2 and 50.
func LastReleases(against string) (n int, ok bool, err error) {
	m := lastReleases.FindStringSubmatch(against)
	if m == nil {
		return 0, false, nil
	}
	n, err = strconv.Atoi(m[1])
	if err != nil || n < minReleases || n > maxReleases || m[0] != fmt.Sprintf("last-%d-releases", n) {
		return 0, true, fmt.Errorf("%q does not say how many releases: write last-%d-releases to last-%d-releases", shorten(against), minReleases, maxReleases)
	}
	return n, true, nil
}
