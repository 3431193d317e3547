package baseline

import (
	"slices"
	"testing"
)

// A history is in the order of versions, whatever the order of names; pre-releases stand in their place
// and are no releases.
func TestHistory(t *testing.T) {
	names := []string{"v1.10.0", "nightly", "v1.9.0", "sub/v2.0.0", "v1.10.0-rc.1", "v1.2.3+b", "v1.2.3+a", "v2"}
	if got, want := History(names, ""), []string{"v1.2.3+a", "v1.2.3+b", "v1.9.0", "v1.10.0-rc.1", "v1.10.0"}; !slices.Equal(got, want) {
		t.Errorf("History is %v, want %v", got, want)
	}
	if got, want := Releases(names, ""), []string{"v1.10.0", "v1.9.0", "v1.2.3+b", "v1.2.3+a"}; !slices.Equal(got, want) {
		t.Errorf("Releases are %v, want %v", got, want)
	}
	if got, want := History(names, "sub/"), []string{"sub/v2.0.0"}; !slices.Equal(got, want) {
		t.Errorf("History of sub is %v, want %v", got, want)
	}
	if got := History(nil, ""); len(got) != 0 {
		t.Errorf("History of nothing is %v", got)
	}
}
