package ota

import (
	"fmt"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols/simnet"
)

// Five peers agree on a package of 23 kB, of which 20 kB are what they run already: what the ceremony and
// the patch cost on a network that loses nothing.
func Example() {
	var tb testing.T
	f := newFleet(&tb, simnet.Ideal(1), 5, nil)
	patch, err := Delta(oldContent, newContent)
	if err != nil {
		panic(err)
	}
	o := offer()
	o.Patch = patch
	f.propose(&tb, 0, o)
	f.net.Run(time.Hour, nil)
	messages, downloaded := 0, int64(0)
	for _, n := range f.nodes {
		messages += n.Stats().Messages + n.Stats().Resent
		downloaded += n.Transfers().Downloaded
	}
	f.epoch(&tb, 100)
	fmt.Println("all run", f.nodes[4].Running().Version, "-", messages, "messages of the ceremony")
	fmt.Println("downloaded", downloaded/4, "of", len(newContent), "bytes each")
	// Output:
	// all run 1.1.0 - 42 messages of the ceremony
	// downloaded 3360 of 23000 bytes each
}
