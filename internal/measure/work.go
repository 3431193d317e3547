package measure

import (
	"context"
	"errors"
	"fmt"
	"math"
	mathrand "math/rand/v2"
	"slices"
	"sync"
)

// Measure measures the items and returns the recordings of base and head; base is nil without one.
// An item that head does not have is not measured further. At the deadline it returns what there is.
func (s *Session) Measure(ctx context.Context, found *Found, items []Item) (base, head *Recording, err error) {
	s.session() // made before several goroutines ask for it
	order := mathrand.New(mathrand.NewPCG(s.Seed, 1))
	works := make([]*work, len(items))
	for i, it := range items {
		works[i] = s.begin(found, it, uint64(i)+2)
	}
	p := s.progress("measure", len(works))
	for _, w := range works {
		if w.done {
			p.done(w.Name)
		}
	}
	bounded, cancel := s.bounded(ctx)
	defer cancel()
	// Round by round, so that the pairs of one benchmark spread over the session and a disturbance
	// of some seconds costs each a pair rather than one all of its.
	for {
		var single, several []*work
		for _, w := range works {
			switch {
			case w.done:
			case w.procs > 1:
				several = append(several, w)
			default:
				single = append(single, w)
			}
		}
		if len(single)+len(several) == 0 {
			break
		}
		for _, part := range []struct {
			works   []*work
			workers [][]int
		}{{single, s.workers()}, {several, [][]int{s.CPUs}}} {
			order.Shuffle(len(part.works), func(i, j int) { part.works[i], part.works[j] = part.works[j], part.works[i] })
			if err := each(bounded, part.workers, part.works, func(w *work, cpus []int) {
				w.cpus = cpus
				if w.procs > 1 {
					w.cpus = s.CPUs[:min(w.procs, len(s.CPUs))]
				}
				w.next(bounded, found)
				p.ran(w.ran)
				w.ran = 0
				if w.done {
					p.done(w.Name)
				}
			}); err != nil {
				if ctx.Err() == nil && errors.Is(err, ErrDeadline) {
					s.stopped = "the time limit was reached"
					break
				}
				return nil, nil, context.Cause(ctx)
			}
		}
		if s.stopped != "" {
			break
		}
	}
	p.end()
	base, head = s.join(found, works)
	return base, head, nil
}

// join puts the lines of all works into two recordings.
func (s *Session) join(found *Found, works []*work) (base, head *Recording) {
	recs := [2]*Recording{nil, s.recording(s.Head)}
	recs[1].take(found.Head)
	if s.Base != nil {
		recs[0] = s.recording(s.Base)
		recs[0].take(found.Base)
	}
	for _, w := range works {
		for arm, rec := range recs {
			if rec == nil {
				continue
			}
			rec.lines = append(rec.lines, w.lines[arm]...)
			// Where nothing more was measured of it, the first run shows that it was there.
			if l, ok := found.first[arm][w.plain()]; ok && len(w.lines[arm]) == 0 {
				rec.lines = append(rec.lines, l)
			}
			if w.failed != nil && w.failedArm == arm {
				rec.fails = slices.DeleteFunc(rec.fails, func(f Failure) bool { return f.Name == w.names[arm] })
				rec.fails = append(rec.fails, *w.failed)
			}
		}
	}
	return recs[0], recs[1]
}

// take copies what the first run found out that is not a result.
func (r *Recording) take(from *Recording) {
	r.Config, r.units, r.fails = slices.Clone(from.Config), slices.Clone(from.units), slices.Clone(from.fails)
}

// A work is an item on its way. Each call of next is one step; which comes next follows from the
// plan of the item and from what Ask says, never from a value that a step showed.
type work struct {
	Item
	s      *Session
	names  [2]string // what it is called in each arm
	bin    [2]*Binary
	rng    *mathrand.Rand
	cpus   []int // of the worker that does the present step
	procs  int   // Go processors that it runs with
	done   bool
	n      [2]int    // iterations of the next run
	ratios []float64 // head over base, in seconds per iteration, of each pair so far
	base   []float64 // seconds per iteration of base in each
	lines  [2][]line
	ran    int    // processes of this step
	step   string // its name, as Run has it
	number int    // of the pair that it runs, from 1

	calibrated  bool
	interleaved bool // the arms of a pair run one after the other
	alone       int  // runs of head alone still to come
	adapt       int  // pairs still to come that are dropped
	pairs       int  // pairs kept
	orders      int  // pairs in other orders still to come

	failed    *Failure
	failedArm int
}

func (w *work) plain() Item { return Item{Package: w.Package, Name: w.Name} }

func (s *Session) begin(found *Found, it Item, seed uint64) *work {
	w := &work{Item: it, s: s, names: [2]string{it.Name, it.Name}, rng: mathrand.New(mathrand.NewPCG(s.Seed, seed)), procs: max(s.Procs, 1)}
	for arm := range 2 {
		if l, ok := found.first[arm][w.plain()]; ok {
			w.names[arm] = l.name
			w.bin[arm] = s.arms()[arm].binary(it.Package, functionOf(l.name))
			if l.parallel && len(s.CPUs) > 1 {
				w.procs = max(w.procs, len(s.CPUs))
			}
		}
	}
	w.Pairs = w.Pairs && w.bin[0] != nil
	w.Alone = w.Alone || it.Pairs && !w.Pairs
	// That the base had it is known from the first run, and all that will be judged.
	w.done = w.bin[1] == nil || w.Seen
	w.interleaved = w.Waiting || len(s.CPUs) == 0
	if w.Alone && (!w.Pairs || len(s.CPUs) > 0) {
		w.alone = s.AloneRuns
		if w.alone == 0 {
			w.alone = aloneRuns
		}
	}
	if w.Pairs && w.Wall {
		w.adapt = adaptPairs
	}
	return w
}

// next does one step.
func (w *work) next(ctx context.Context, found *Found) {
	s := w.s
	w.number = 0
	switch {
	case !w.Pairs && !w.Alone:
		w.step = "exact"
		w.exact(ctx, found)
		w.done = true
	case !w.calibrated:
		w.step = "calibrate"
		w.calibrate(ctx)
	case w.alone > 0:
		w.alone--
		w.step = "alone"
		if l, ok := w.one(ctx, 1, fmt.Sprintf("%dx", w.n[1])); ok {
			w.lines[1] = append(w.lines[1], l)
		}
	case !w.Pairs:
	case w.adapt > 0:
		w.adapt--
		w.step = "adapt"
		w.pair(ctx, w.bin)
	case w.orders > 0:
		w.orders--
		w.step = "layouts"
		w.order(ctx)
	default:
		w.step, w.number = "pairs", w.pairs+1
		if b, h, ok := w.pair(ctx, w.bin); ok {
			w.pairs++
			b.pair, h.pair = w.pairs, w.pairs
			w.keep(b, h)
			w.ask(found)
		}
	}
	if w.failed != nil || ctx.Err() != nil {
		w.done = true
		return
	}
	if w.alone == 0 && (!w.Pairs || w.orders == 0 && w.pairs >= s.Looks[len(s.Looks)-1]) {
		w.done = true
	}
}

// keep takes both lines of a pair.
func (w *work) keep(base, head line) {
	if w.interleaved {
		base.method, head.method = interleavedMethod, interleavedMethod
	}
	w.lines[0], w.lines[1] = append(w.lines[0], base), append(w.lines[1], head)
}

// ask finds out after a look what more the item needs.
func (w *work) ask(found *Found) {
	s := w.s
	if s.Ask == nil || !slices.Contains(s.Looks, w.pairs) {
		return
	}
	base, head := s.join(&Found{Base: found.Base, Head: found.Head}, []*work{w})
	switch s.Ask(w.Item, base, head) {
	case Nothing:
		w.done = true
	case Orders:
		if s.relinks() > 0 {
			w.orders = s.relinks() * relinkPairs
		}
		w.pairs = s.Looks[len(s.Looks)-1] // no look is left
		w.done = w.orders == 0
	}
}

// order runs a pair of binaries whose functions lie in another order, and the next time in the next
// order, so that the pairs of one order spread too.
func (w *work) order(ctx context.Context) {
	s := w.s
	n := s.relinks()
	if n == 0 {
		w.orders = 0 // another benchmark found out that the toolchain cannot
		return
	}
	seed := 1 + w.orders%n
	bin, err := s.relinker.link(ctx, s, w.Package, [2]string{functionOf(w.names[0]), functionOf(w.names[1])}, seed)
	if err != nil {
		if ctx.Err() == nil {
			s.relinker.refuse(err)
			w.orders = 0
		}
		return
	}
	w.number = 1 + w.orders/n
	if b, h, ok := w.pair(ctx, bin); ok {
		b.layout, h.layout = seed, seed
		b.pair, h.pair = 1+w.orders/n, 1+w.orders/n
		w.keep(b, h)
	}
}

// exact runs each arm once more: a value that is called exact has to repeat.
func (w *work) exact(ctx context.Context, found *Found) {
	for arm, b := range w.bin {
		if b == nil {
			continue
		}
		first := found.first[arm][w.plain()]
		if l, ok := w.one(ctx, arm, "1x"); ok {
			l.pair = exactRuns
			w.lines[arm] = append(w.lines[arm], first, l)
		}
	}
}

// calibrate finds the iteration counts for Target, and whether the benchmark waits: this is the run
// in which it has the processor to itself, as far as other programs leave it.
func (w *work) calibrate(ctx context.Context) {
	w.calibrated = true
	var own [2]float64
	for arm, b := range w.bin {
		if b == nil || arm == 0 && !w.Pairs {
			continue
		}
		l, ok := w.one(ctx, arm, (w.s.Target / 2).String())
		if !ok {
			return
		}
		w.n[arm], own[arm] = 1, l.seconds()
		if own[arm] > 0 {
			w.n[arm] = clampN(w.s.Target.Seconds() / own[arm])
		}
		share := waitingShare
		if w.procs > 1 {
			// Of several threads one may be done while another waits for its processor.
			share = waitingShareOfMany
		}
		w.interleaved = w.interleaved || l.own-l.cpu/float64(w.procs) > share*l.own
		// Without the processes' own clocks nothing but finishing together makes both times right.
		if w.Pairs && l.own == 0 && w.adapt == 0 && !w.Wall {
			w.adapt, w.Wall = adaptPairs, true
		}
	}
	if own[0] > 0 && own[1] > 0 {
		w.finishTogether(own[1] / own[0])
	}
}

// finishTogether sets the iteration counts of a pair by the ratio of head to base. What is allocated
// once in a run counts for each of its operations in proportion: allocations are compared at equal
// counts, which the processes' own clocks allow.
func (w *work) finishTogether(ratio float64) {
	w.n[1] = clampN(float64(w.n[0]) / ratio)
	if w.Allocs && !w.Wall {
		w.n[1] = w.n[0]
	}
}

func clampN(x float64) int { return int(min(max(math.Round(x), 1), 1e9)) }

// one runs one arm and takes its line; a failure ends the item.
func (w *work) one(ctx context.Context, arm int, benchtime string) (line, bool) {
	return w.accept(ctx, arm, w.run(ctx, arm, w.bin[arm], benchtime))
}

func (w *work) run(ctx context.Context, arm int, b *Binary, benchtime string) Output {
	return w.s.run(ctx, b, w.cpus, w.procs, pattern(w.names[arm]), benchtime)
}

func (w *work) accept(ctx context.Context, arm int, out Output) (line, bool) {
	w.ran++
	w.s.tell(Run{Stage: w.step, Benchmark: w.names[arm], Arm: armNames[arm], Pair: w.number}, out, w.procs)
	var r Recording
	lines := r.read(out.Stdout, w.Package, w.procs, func(name string) bool { return name == w.names[arm] })
	if out.Err == nil && len(lines) == 1 {
		lines[0].took = out.Took
		return lines[0], true
	}
	if w.failed == nil && ctx.Err() == nil {
		w.failed, w.failedArm = &Failure{Name: w.names[arm], Text: failureText(out)}, arm
	}
	return line{}, false
}

// pair runs both arms as one pair. The iteration counts follow the ratio seen so far, so that both
// finish together: the slower one alone at the end would look faster than it is.
func (w *work) pair(ctx context.Context, bin [2]*Binary) (base, head line, ok bool) {
	var outs [2]Output
	first := w.rng.IntN(2)
	start := func(arm int) {
		outs[arm] = w.run(ctx, arm, bin[arm], fmt.Sprintf("%dx", w.n[arm]))
	}
	if w.interleaved {
		start(first)
		start(1 - first)
	} else {
		var wg sync.WaitGroup
		wg.Go(func() { start(first) })
		start(1 - first)
		wg.Wait()
	}
	base, ok = w.accept(ctx, 0, outs[0])
	head, ok2 := w.accept(ctx, 1, outs[1])
	if !ok || !ok2 {
		return base, head, false
	}
	if b, h := base.seconds(), head.seconds(); b > 0 && h > 0 {
		w.ratios = append(w.ratios, h/b)
		w.base = append(w.base, b)
		target := w.s.Target.Seconds()
		switch {
		case w.interleaved:
			target *= 2 // what cancels less is measured for longer
		case base.own == 0:
			target *= 2 // both shares of one processor together
		}
		w.n[0] = clampN(target / recent(w.base))
		w.finishTogether(recent(w.ratios))
	}
	return base, head, true
}

// recent returns the median of the last five values: one disturbed pair must not set the next off.
func recent(xs []float64) float64 {
	last := slices.Clone(xs[max(0, len(xs)-5):])
	slices.Sort(last)
	return last[len(last)/2]
}
