package bottleneck

import (
	"slices"
	"strings"
)

// The kinds of work.
const (
	workGC       = "garbage collection"
	workAlloc    = "allocating"
	workLock     = "locking"
	workSchedule = "scheduling"
	workSystem   = "system calls"
	workMap      = "maps"
	workCopy     = "copying and clearing"
	workCompute  = "computing"
)

// works says by which functions a stack of the processor's time is told to be of a kind of work: the
// first row of which one stands anywhere in the stack, or for leaf innermost in it. A name that ends
// with * stands for all that begin so.
var works = []struct {
	work  string
	leaf  bool
	names []string
}{
	{workGC, false, []string{
		"runtime.gcBgMarkWorker*", "runtime.gcAssistAlloc*", "runtime.gcDrain*", "runtime.gcStart*", "runtime.gcMark*", "runtime.gcSweep",
		"runtime.bgsweep", "runtime.bgscavenge", "runtime.sweepone", "runtime.(*sweepLocked).sweep", "runtime.deductSweepCredit",
		"runtime.(*mheap).reclaim*", "runtime.wbBufFlush*", "runtime.gcWriteBarrier*", "runtime.bulkBarrierPreWrite*", "runtime.GC",
	}},
	{workAlloc, false, []string{
		"runtime.mallocgc*", "runtime.newobject", "runtime.makeslice*", "runtime.growslice*", "runtime.rawstring*", "runtime.rawbyteslice",
		"runtime.newarray", "runtime.persistentalloc*",
	}},
	{workLock, false, []string{
		"sync.(*Mutex)*", "sync.(*RWMutex)*", "internal/sync.(*Mutex)*", "runtime.lock2", "runtime.unlock2", "runtime.semacquire*", "runtime.semrelease*",
		"runtime.lockWithRank*",
	}},
	{workSchedule, false, []string{
		"runtime.schedule", "runtime.findRunnable", "runtime.mcall", "runtime.park_m", "runtime.goschedImpl", "runtime.goready*", "runtime.ready",
		"runtime.mstart*", "runtime.sysmon", "runtime.gopark*", "runtime.netpoll*", "runtime.chansend*", "runtime.chanrecv*", "runtime.selectgo*",
	}},
	{workSystem, false, []string{"syscall.*", "internal/runtime/syscall*", "runtime/internal/syscall*", "internal/poll.*"}},
	{workMap, false, []string{"internal/runtime/maps.*", "runtime.map*"}},
	{workCopy, true, []string{"runtime.memmove*", "runtime.memclr*", "runtime.typedmemmove*", "runtime.duffcopy", "runtime.duffzero"}},
}

// workOf returns the kind of work of a stack.
func workOf(st []string) string {
	for _, w := range works {
		in := st
		if w.leaf {
			in = st[:1]
		}
		if slices.ContainsFunc(in, func(f string) bool { return named(f, w.names) }) {
			return w.work
		}
	}
	return workCompute
}

func named(f string, names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		if prefix, ok := strings.CutSuffix(n, "*"); ok {
			return strings.HasPrefix(f, prefix)
		}
		return f == n
	})
}
