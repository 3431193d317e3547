package bottleneck

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/google/pprof/profile"
)

// Objects counts allocations; it is read from the profiles of Alloc.
const Objects Kind = "objects"

// A Run is profiles of both versions that were taken together: base, then head.
type Run [2]Raw

// A Side is what one function costs in one version, for one iteration, in nanoseconds, bytes or objects.
type Side struct {
	Own     []float64 // in each run: of itself and of what libraries and the runtime do for it
	All     []float64 // with all that it calls
	Samples int       // ticks or objects behind Own, of all runs
	Behind  int       // those behind All
	Seen    bool      // it stands in a profile
	Inlined bool      // wherever it stands it is inlined
}

// A Compared is one function in both versions.
type Compared struct {
	Name       string
	Sides      [2]Side // base, head
	FirstParty bool
	// In is the function of a library within Own where most of the difference arises; empty where that is the
	// function itself.
	In string
	// For is of the garbage collector the first-party function for which most of the difference arises.
	For string
}

// A Difference is one kind of cost in both versions, by function.
type Difference struct {
	Kind      Kind
	Total     [2][]float64 // of each run, for one iteration
	Samples   [2]int
	Functions []Compared // by name
}

// collected is the name under which the garbage collector's work stands, whoever made the garbage.
const collected = "(garbage collection)"

// Compare adds up what functions cost in runs of both versions. Kind is CPU, Alloc or Objects. What
// libraries and the runtime do is put down to the first-party function that it is done for: that is where a
// cause can be, and spread over all that it calls a change drowns. The garbage collector is a row of its
// own, and so is what is done for nobody. The error says which profile cannot be read.
func Compare(kind Kind, runs []Run, modules []string) (Difference, error) {
	d := Difference{Kind: kind}
	at := map[string]*Compared{}
	others := map[string]map[string]float64{} // head less base, by function and the one within or above it
	for i, run := range runs {
		for side, raw := range run {
			c, err := readCosts(kind, raw, modules)
			if err != nil {
				return d, fmt.Errorf("read the %s profile of %s, run %d: %w", kind, [2]string{"base", "head"}[side], i+1, err)
			}
			d.Total[side] = append(d.Total[side], max(0, c.total))
			d.Samples[side] += count(c.samples)
			for _, name := range slices.Sorted(maps.Keys(c.at)) {
				f, now := at[name], c.at[name]
				if f == nil {
					f = &Compared{Name: name}
					for s := range f.Sides {
						f.Sides[s].Own, f.Sides[s].All = make([]float64, len(runs)), make([]float64, len(runs))
						f.Sides[s].Inlined = true
					}
					f.FirstParty = originOf(packageOf(name), modules) == firstParty
					at[name], others[name] = f, map[string]float64{}
				}
				s := &f.Sides[side]
				s.Own[i] += now.own
				s.All[i] += now.all
				s.Samples += count(now.samples)
				s.Inlined = s.Inlined && now.inlined
				s.Seen = true
				s.Behind += count(now.behind)
				for other, v := range now.others { // any order: each goes to a sum of its own
					others[name][other] += v * float64(2*side-1)
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(at)) {
		f := at[name]
		other, most := "", 0.0
		for _, o := range slices.Sorted(maps.Keys(others[name])) {
			if v := math.Abs(others[name][o]); v > most {
				other, most = o, v
			}
		}
		switch {
		case name == collected:
			f.For = other
		case other != name:
			f.In = other
		}
		for s := range f.Sides {
			f.Sides[s].Inlined = f.Sides[s].Inlined && f.Sides[s].Seen
		}
		d.Functions = append(d.Functions, *f)
	}
	return d, nil
}

// count rounds a difference of counts, which a hostile profile makes as large as it likes.
func count(x float64) int { return int(min(max(0, math.Round(x)), math.MaxInt32)) }

// costs are what one pair of profiles adds up to, for one iteration.
type costs struct {
	total, samples float64
	at             map[string]*oneCost
}

type oneCost struct {
	own, all, samples, behind float64
	inlined                   bool
	others                    map[string]float64
}

// readCosts reads the difference of the two profiles of a pair.
func readCosts(kind Kind, raw Raw, modules []string) (*costs, error) {
	c := &costs{at: map[string]*oneCost{}}
	of, reading := sampleTypes[kind], kind
	if kind == Objects {
		of, reading = [2]string{"alloc_objects", "count"}, Alloc
	}
	err := raw.each(of, func(s *profile.Sample, sign, value float64) {
		if st, inlined := frames(s); len(st) > 0 && !harness(st, reading, modules) {
			c.add(st, inlined, sign*float64(s.Value[0]), value, modules)
		}
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// add puts a cost down to the functions of a stack.
func (c *costs) add(st []string, inlined []bool, samples, v float64, modules []string) {
	c.total += v
	c.samples += samples
	own := slices.IndexFunc(st, func(f string) bool { return originOf(packageOf(f), modules) != inRuntime && !around(f) })
	near := slices.IndexFunc(st, func(f string) bool { return originOf(packageOf(f), modules) == firstParty && !around(f) })
	name, other := "", ""
	switch w := workOf(st); {
	case w == workGC:
		name = collected
		if near >= 0 {
			other = st[near]
		}
	case near >= 0:
		name, other = st[near], st[own]
	case own >= 0:
		name, other = st[own], st[own]
	default:
		name = "(runtime: " + w + ")"
	}
	o := c.cost(name)
	o.own += v
	o.samples += samples
	if other != "" {
		o.others[other] += v
	}
	if name[0] == '(' {
		o.all += v
		o.behind += samples
		o.inlined = false
	}
	seen := map[string]bool{}
	for i, f := range st {
		if originOf(packageOf(f), modules) == inRuntime || around(f) {
			continue
		}
		o := c.cost(f)
		o.inlined = o.inlined && inlined[i]
		if !seen[f] {
			o.all += v
			o.behind += samples
		}
		seen[f] = true
	}
}

func (c *costs) cost(name string) *oneCost {
	o := c.at[name]
	if o == nil {
		o = &oneCost{inlined: true, others: map[string]float64{}}
		c.at[name] = o
	}
	return o
}
