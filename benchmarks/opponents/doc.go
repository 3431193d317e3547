// Package opponents runs this module's protocols and what others publish for the same work side by
// side: on the same input, in one process, in turns. It is a module of its own, so that none of the
// opponents comes into the module graph of who uses perfgate.
//
//	go -C benchmarks/opponents test -bench . -benchtime 0.3s -rounds 5
//
// A benchmark is named by the work, then by=SIDE, then what the work is about:
// Reconcile/by=negentropy/ops=10000/diff=100. With -rounds K all of them run K times over, which puts
// the sides in turns K times, and at the end a table is printed: for each work the least time of
// each side, its exact figures, and how many times that is what perfgate took. A ratio above 1 says that
// perfgate needs less. Times in the table are those of the process on processors (cpu-ns/op), in all its
// threads: on a machine that others use too, only these belong to the work. Every benchmark checks its outcome, and the tests of this package check that the
// sides arrive at the same one.
//
// No budget judges these numbers: they say where perfgate stands, not whether a change is good. What
// each side does, and what came, is in README.md beside this file.
package opponents
