// Package cells finds the difference of two large sets at a cost that follows the difference.
//
// Two peers hold a million ids each and differ in ten. The first sums its ids into cells: cell 0 sums
// all, cell 1 two thirds of them, cell i the share 2/(2+i), which ids being a pseudo-random function
// of the id itself. A sum is the exclusive or of the ids, the same of their checks, and a count.
// It sends some dozen cells, and the second takes its own from them. What both hold is gone, however
// much it was; what is left sums the ten. Some cell is left with one id alone, which its check tells:
// that is a difference found. It is taken out of every other cell it is in, which leaves more cells
// with one id, and so on until all are empty. If that gets stuck, the next cells help: nobody has to
// know beforehand how many differences there are, and a cell that gets lost is merely missed. That
// is a rateless invertible Bloom lookup table (Yang, Gilad, Alizadeh: Practical Rateless Set
// Reconciliation, SIGCOMM 2024).
//
// Sums are taken over short ids of 64 bits, keyed for an epoch, so that whoever makes up ids cannot
// aim at a collision without the key. Who has the key can: two ids with one short id hide each other
// here. So a digest over whole ids has the last word on whether two sets are equal, not this package.
//
// A [Prefix] keeps the first M cells of a set up to date on every insert, so nothing is computed over
// the set when a peer asks. When the difference outgrows the prefix, or is a large part of the set,
// [Ranges] splits it: counts and fingerprints of parts of the space of short ids, split further where
// they differ, in legs of the logarithm of the set.
//
// # Laws
//
//   - A prefix depends on the set alone, not on order; removing undoes adding.
//   - Cells of two sets with the same key subtract to the cells of their difference.
//   - Cells may come in any order, twice, with gaps, and more never hurts. Only cell 0 must not stay
//     lost: it alone proves that nothing is missing.
//   - A decoder that is done lists the symmetric difference of the local set, as of the last Add, and
//     the other set, as of its cells. Whatever it is fed, it ends after work in proportion to
//     the cells it got times their logarithm, as done, not done, or with an error.
//   - A change of the local set in between is made good; one of the other set is told by [ErrMoved].
//     The sender avoids it by sending from a copy ([Prefix.CopyFrom]).
//   - A message that parses re-encodes to the same bytes and takes at most twice its size in memory.
//
// # Use
//
// A [Key] makes short ids; a [Prefix] holds and encodes cells; [Cells] is a message of them; a
// [Decoder] finds the difference, estimates it while it cannot, and [Need] tells how many cells a
// difference takes. [Ranges] and [Range] are the second way. The package keeps no ids: who calls
// it translates short ids back.
package cells
