// Package antientropy brings two replicas of a set of signed records to the same set. It finds out
// what differs at a cost that follows the difference, ships both ways only what is missing, and
// never reports success before both sides have shown the same digest.
//
// # The way of one session
//
// The sides take turns, and each turn ends with a show of the digest. The initiator's first turn
// describes its log. The responder works out both halves of the difference, ships what the initiator
// lacks, and wishes for what it lacks itself. The initiator ships that, and both hold everything:
//
//	leg 1  ->  description, show
//	leg 2  <-  wishes, batch ..., show
//	leg 3  ->  batch ..., show
//	leg 4  <-  show: the same
//
// Who is shown the digest that it has shown itself is through; who has not shown it yet says so
// first. Equal replicas are through after leg 2. A round is a pair of legs, there and back. Messages
// carry as much of a turn as fits, so a small one is a single datagram, and the channel below adds
// parity, so that loss seldom costs time.
//
// Who lacks much that many others hold would get it from each of them if it asked several at one time.
// So it tells each of whom it asks (StartAmong): each then sends its own records and a part of those of
// others, and describes its log instead of wishing. When all have answered, the initiator wishes for
// what nobody sent, of each for something else. That costs two legs more where somebody else held it,
// or one of those asked is gone, and none otherwise.
//
// How to describe a log is a ladder:
//
//  1. Marks: the highest number of each author, and which are missing below it. That says exactly
//     what a log holds and takes a few bytes for each author and hole. A log with more than 512
//     holes does not do this.
//  2. Marks and coded cells (package cells), which every log keeps up to date: their number follows
//     the difference, whatever the size of the logs. The first 168 find about a hundred differences
//     beside what lies past the marks. Where they do not suffice, the other side answers with its
//     own description, of as many cells as the difference seems to take: one leg more.
//  3. Ranges, where the difference is larger than the cells of a log can tell: counts and
//     fingerprints of parts of the space of ids, split where they differ. Their short ids are salted
//     for the session, so that records that look alike to cells, by chance or by a member's malice,
//     do not do so again.
//
// Whoever has to describe its log although a step has been tried takes the next one.
//
// Batches are verified whole before anything of them is applied: form, author's membership, number,
// signature, content against id, place in the session, and that no author has two records of one
// number. Any breach ends the session and leaves the log as it was before the batch.
//
// # What it does not do
//
// It does not say when to sync with whom, authenticate the sender of a datagram (the transport's
// work), hide how many records a replica has, or say what may be pruned. One session may be served while
// others change the log: digests are of the moment in which they are sent.
//
// # Pruning
//
// A log may drop what lies at or below a frontier, a number for each author, provided that it holds
// everything below. What still says something stays: the fact that states the value of a key, the
// capability that takes something away. The digest stays that of everything ever held, so replicas
// compare equal whatever each has pruned, and a record at or below the base that comes again is a
// duplicate. Who lacks what is pruned is told so by protocols.ErrPruned and restores the cut instead.
// A Compactor prunes in slices while the log is in use.
//
// A Log holds the records and its digest; a Node runs sessions over protocols.Channel; package
// simnet or a transport drives nodes.
package antientropy
