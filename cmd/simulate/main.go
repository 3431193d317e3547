// Command simulate plays the protocols on a simulated network: one seed, told event by event, or many.
//
//	simulate                              lists the worlds
//	simulate -world epoch -seed 17        plays one run and tells it
//	simulate -world epoch -seeds 1000000  plays runs from seed 0 on all processors
//	simulate -world all -seeds 1000       every world
//
// It exits with 0 when all laws held, 1 when one was broken (the seed is printed) and 2 when it was
// called in a wrong way.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/perfgate/perfgate/protocols/simulation"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr, simulation.Worlds())) }

const (
	exitHeld   = 0
	exitBroken = 1
	exitUsage  = 2
)

type command struct {
	world string
	seed  uint64
	seeds uint64
	from  uint64
	peers int
	net   string
	quiet bool
}

func run(args []string, stdout, stderr io.Writer, worlds []*simulation.World) int {
	var c command
	f := flag.NewFlagSet("simulate", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&c.world, "world", "", "which `protocol` to play, or all")
	f.Uint64Var(&c.seed, "seed", 0, "play this `seed` and tell every event")
	f.Uint64Var(&c.seeds, "seeds", 0, "play this `number` of seeds and tell only the first that breaks a law")
	f.Uint64Var(&c.from, "from", 0, "first `seed` of many")
	f.IntVar(&c.peers, "peers", 0, "how many `peers`; 0 leaves it to the seed")
	f.StringVar(&c.net, "net", "", "`scenario` instead of faults by seed: ideal, realistic or stressed")
	f.BoolVar(&c.quiet, "quiet", false, "tell no events, only what came of it")
	if err := f.Parse(args); err != nil {
		return exitUsage
	}
	switch {
	case f.NArg() > 0:
		fmt.Fprintf(stderr, "simulate: unexpected argument %q; give a world with -world\n", f.Arg(0))
		return exitUsage
	case c.peers < 0 || !slices.Contains([]string{"", "ideal", "realistic", "stressed"}, c.net):
		fmt.Fprintf(stderr, "simulate: -peers wants a number of 1 or more, -net one of ideal, realistic and stressed\n")
		return exitUsage
	case c.world == "":
		for _, w := range worlds {
			fmt.Fprintf(stdout, "%s\n", w.Name)
			for line := range strings.Lines(strings.TrimSpace(w.Laws) + "\n") {
				fmt.Fprintf(stdout, "    %s", line)
			}
		}
		return exitHeld
	}
	if c.world != "all" {
		i := slices.IndexFunc(worlds, func(w *simulation.World) bool { return w.Name == c.world })
		if i < 0 {
			fmt.Fprintf(stderr, "simulate: no world %q; run without arguments to list them\n", c.world)
			return exitUsage
		}
		worlds = worlds[i : i+1]
	}
	code := exitHeld
	for _, w := range worlds {
		if c.seeds > 0 {
			code = max(code, c.many(w, stdout))
		} else {
			code = max(code, c.one(w, stdout))
		}
	}
	return code
}

func (c *command) one(w *simulation.World, stdout io.Writer) int {
	r := simulation.Run{Seed: c.seed, Peers: c.peers, Net: c.net, States: true}
	if !c.quiet {
		r.Trace = stdout
	}
	err := simulation.Play(w, &r)
	f := r.Figures
	fmt.Fprintf(stdout, "%s seed %d: %d peers, %d steps, %d datagrams, %d lost, %v of virtual time, trace %016x\n",
		w.Name, c.seed, f.Peers, f.Steps, f.Counters.Datagrams, f.Counters.Drops(), f.Time, f.Trace)
	if err != nil {
		fmt.Fprintf(stdout, "broken: %v\n", err)
		return exitBroken
	}
	fmt.Fprintln(stdout, "all laws held")
	return exitHeld
}

// many plays seeds on all processors until one breaks a law. Which one is reported does not depend
// on the processors: those before it are played to their end.
func (c *command) many(w *simulation.World, stdout io.Writer) int {
	var next, steps, datagrams atomic.Uint64
	var mu sync.Mutex
	var worst error
	worstSeed := ^uint64(0)
	end := c.from + c.seeds
	next.Store(c.from)
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			cast := new(simulation.Cast)
			for {
				seed := next.Add(1) - 1
				mu.Lock()
				over := seed >= end || seed > worstSeed
				mu.Unlock()
				if over {
					return
				}
				r := simulation.Run{Seed: seed, Peers: c.peers, Net: c.net, Cast: cast}
				err := simulation.Play(w, &r)
				steps.Add(uint64(r.Figures.Steps))
				datagrams.Add(uint64(r.Figures.Counters.Datagrams))
				if done := seed - c.from + 1; done%max(c.seeds/10, 1) == 0 && !c.quiet {
					mu.Lock()
					fmt.Fprintf(stdout, "%s: %d of %d seeds\n", w.Name, done, c.seeds)
					mu.Unlock()
				}
				if err != nil {
					mu.Lock()
					if seed < worstSeed {
						worst, worstSeed = err, seed
					}
					mu.Unlock()
				}
			}
		})
	}
	wait.Wait()
	if worst != nil {
		fmt.Fprintf(stdout, "broken: %v\nto see it: go run ./cmd/simulate -world %s -seed %d", worst, w.Name, worstSeed)
		if c.peers > 0 {
			fmt.Fprintf(stdout, " -peers %d", c.peers)
		}
		if c.net != "" {
			fmt.Fprintf(stdout, " -net %s", c.net)
		}
		fmt.Fprintln(stdout)
		return exitBroken
	}
	fmt.Fprintf(stdout, "%s: all laws held in %d seeds from %d: %d steps, %d datagrams\n", w.Name, c.seeds, c.from, steps.Load(), datagrams.Load())
	return exitHeld
}
