package simulation

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// seeds is how many runs each world plays in the tests. "go run ./cmd/simulate" plays more.
const seeds = 1000

// A failing run is told in the error; cmd/simulate tells how it came about.
func TestWorlds(t *testing.T) {
	for _, w := range Worlds() {
		t.Run(w.Name, func(t *testing.T) {
			t.Parallel()
			cast := new(Cast)
			n := uint64(seeds)
			if testing.Short() {
				n /= 10
			}
			for seed := range n {
				if err := Play(w, &Run{Seed: seed, Cast: cast}); err != nil {
					t.Errorf("%v\nto see it: go run ./cmd/simulate -world %s -seed %d", err, w.Name, seed)
					return
				}
			}
		})
	}
}

// The same seed is the same run: every event, every byte and what every node thinks after each step.
func TestRunsRepeat(t *testing.T) {
	for _, w := range Worlds() {
		t.Run(w.Name, func(t *testing.T) {
			t.Parallel()
			var traces []uint64
			for seed := range uint64(30) {
				var first, second Run
				var told, again bytes.Buffer
				for _, r := range []*Run{&first, &second} {
					r.Seed, r.States = seed, true
				}
				first.Trace, second.Trace = &told, &again
				if err := Play(w, &first); err != nil {
					t.Fatal(err)
				}
				if err := Play(w, &second); err != nil {
					t.Fatal(err)
				}
				if first.Figures != second.Figures || !bytes.Equal(told.Bytes(), again.Bytes()) {
					t.Fatalf("seed %d: two runs differ: %+v and %+v", seed, first.Figures, second.Figures)
				}
				quiet := Run{Seed: seed, States: true}
				if err := Play(w, &quiet); err != nil || quiet.Figures != first.Figures {
					t.Fatalf("seed %d: watching changes the run: %+v and %+v, %v", seed, quiet.Figures, first.Figures, err)
				}
				if !strings.Contains(told.String(), "state ") {
					t.Fatalf("seed %d: no state in the trace; the nodes of %s are no simnet.Stater", seed, w.Name)
				}
				traces = append(traces, first.Figures.Trace)
			}
			slices.Sort(traces)
			if distinct := len(slices.Compact(traces)); distinct < 30 {
				t.Errorf("30 seeds have %d different runs", distinct)
			}
		})
	}
}

func TestWorldsAreInOrder(t *testing.T) {
	if !slices.IsSortedFunc(Worlds(), func(a, b *World) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("out of order")
	}
}

// What a cast remembers of other runs changes none. Seeds 256 apart have groups of one id, and mostly
// of other members.
func TestCastChangesNoRun(t *testing.T) {
	for _, w := range Worlds() {
		t.Run(w.Name, func(t *testing.T) {
			t.Parallel()
			cast := new(Cast)
			for i := range uint64(60) {
				shared := Run{Seed: i/4 + 256*(i%4), Cast: cast}
				alone := Run{Seed: shared.Seed}
				if err := Play(w, &shared); err != nil {
					t.Fatal(err)
				}
				if err := Play(w, &alone); err != nil || shared.Figures != alone.Figures {
					t.Fatalf("seed %d: %+v with a cast that has played, %+v with a new one, %v", shared.Seed, shared.Figures, alone.Figures, err)
				}
			}
		})
	}
}
