// Package antientropy brings two replicas of a set of signed records to the same set. It finds out
// what differs at a cost that follows the difference, ships both ways only what is missing, and
// never reports success before both sides have shown the same digest.
//
// # The way of one session
//
// The initiator opens with its digest and its marks: for each author the highest number held. The
// responder answers with its own and, in the same leg, streams the records past the initiator's
// marks. The initiator streams what lies past the responder's, and closes with the digest of what
// it holds now. If that is the responder's digest too, it says so:
//
//	leg 1  ->  summary
//	leg 2  <-  summary, batch ..., end
//	leg 3  ->  batch ..., end
//	leg 4  <-  done
//
// Equal replicas are through after leg 2. A round is a pair of legs, there and back. Marks say
// nothing about holes, so where the digests still differ after leg 3 the responder names, in leg 4,
// one keyed sum for each of 256 parts of the space of ids; the initiator lists its ids in the parts
// that differ, in pages; the responder asks for those it lacks and sends those that were not
// listed; and the closing is as before:
//
//	leg 4  <-  buckets
//	leg 5  ->  ids ...
//	leg 6  <-  want ..., batch ..., end
//	leg 7  ->  batch ..., end
//	leg 8  <-  done
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
