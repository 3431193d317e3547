package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols/simulation"
)

// worlds are two that need no network: one breaks a law at every seed from 40 that seven divides.
func worlds() []*simulation.World {
	return []*simulation.World{
		{Name: "broken", Laws: "no seed from 40 is divided by seven", Play: func(r *simulation.Run) error {
			r.Figures.Steps = 2
			r.Say(3*time.Millisecond, "seed is %d, peers %d, net %q", r.Seed, r.Peers, r.Net)
			if r.Seed >= 40 && r.Seed%7 == 0 {
				return errors.New("divided by seven")
			}
			return nil
		}},
		{Name: "sound", Laws: "none\nat all", Play: func(r *simulation.Run) error { r.Figures.Steps = 3; return nil }},
	}
}

func TestRun(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		want []string
	}{
		{"", exitHeld, []string{"broken\n    no seed from 40 is divided by seven\nsound\n    none\n    at all\n"}},
		{"-world broken -seed 41", exitHeld, []string{"3.000ms  seed is 41, peers 0, net \"\"\n", "2 steps", "all laws held\n"}},
		{"-world broken -seed 49 -peers 5 -net stressed", exitBroken, []string{"seed is 49, peers 5, net \"stressed\"\n", "broken: broken, seed 49: divided by seven\n"}},
		{"-world broken -seeds 40", exitHeld, []string{"broken: all laws held in 40 seeds from 0: 80 steps, 0 datagrams\n"}},
		{"-world broken -seeds 100000 -quiet -peers 3 -net ideal", exitBroken, []string{
			"broken: broken, seed 42: divided by seven\nto see it: go run ./cmd/simulate -world broken -seed 42 -peers 3 -net ideal\n",
		}},
		{"-world broken -seeds 10 -from 43", exitBroken, []string{"seed 49"}},
		{"-world sound -seeds 20", exitHeld, []string{"sound: 2 of 20 seeds\n", "sound: 20 of 20 seeds\n", "60 steps"}},
		{"-world all -seeds 50 -quiet", exitBroken, []string{"seed 42", "sound: all laws held in 50 seeds"}},
		{"-world none", exitUsage, []string{"no world \"none\""}},
		{"-world sound -net windy", exitUsage, []string{"-net one of"}},
		{"-world sound -peers -1", exitUsage, []string{"-peers wants"}},
		{"sound", exitUsage, []string{"unexpected argument \"sound\""}},
		{"-nonsense", exitUsage, []string{"-nonsense"}},
	} {
		var out strings.Builder
		code := run(strings.Fields(c.args), &out, &out, worlds())
		if code != c.code {
			t.Errorf("simulate %s: exit code %d, want %d", c.args, code, c.code)
		}
		for _, w := range c.want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("simulate %s: no %q in\n%s", c.args, w, out.String())
			}
		}
		if strings.Contains(c.args, "-quiet") && strings.Contains(out.String(), " of ") {
			t.Errorf("simulate %s: not quiet:\n%s", c.args, out.String())
		}
	}
}
