package ota

import (
	"bytes"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols/simnet"
)

// From proposal to confirmation, in every weather, with and without staging before the votes.
func TestUpgrade(t *testing.T) {
	patch, err := Delta(oldContent, newContent)
	if err != nil || len(patch) > 4000 {
		t.Fatal(len(patch), err)
	}
	for _, s := range simnet.Scenarios() {
		for _, staged := range []bool{false, true} {
			for _, p := range [][]byte{nil, patch} {
				f := newFleet(t, s.Options(1), 5, func(c *Config) { c.Staged = staged })
				o := offer()
				o.Patch = p
				id := f.propose(t, 0, o)
				f.net.Run(time.Hour, nil)
				f.phases(t, Staged, v1)
				for i, n := range f.nodes {
					if st, _ := n.State(id); st != Done {
						t.Fatalf("peer %d: ceremony %v", i, st)
					}
				}
				f.epoch(t, 99)
				f.net.Run(2*time.Hour, nil)
				f.phases(t, Staged, v1)
				f.epoch(t, 100)
				f.net.Run(3*time.Hour, nil)
				f.phases(t, Confirmed, v2)
				for i, n := range f.nodes {
					if b, err := n.Content(); err != nil || !bytes.Equal(b, newContent) {
						t.Fatalf("peer %d runs something else: %v", i, err)
					}
					if patched := n.Stats().Patched; patched != min(len(p), 1) && i > 0 {
						t.Errorf("peer %d: %d packages made by patch", i, patched)
					}
				}
			}
		}
	}
}
