// Package chunk moves a large content, such as a package or a snapshot, from the peers that have it
// to those that want it. Content is cut into chunks of one size; each is known by its SHA-256, and
// all together by one root, which is the only thing that a peer must learn from somebody it trusts.
//
// # The way of a chunk
//
// Who wants the content says hello to the peers it knows. A peer with room in its uplink offers what
// it has to one that lacks it; that one picks, among what it is offered, the chunk that the fewest
// peers seem to have, and wants it; the peer sends the chunk in pieces of 1,176 bytes:
//
//	leg 1  ->  hello: what I have
//	leg 2  <-  page: the top of the manifest;  offer: what you may have from me, and how much of it
//	leg 3  ->  page wanted;  want: these chunks
//	leg 4  <-  page, piece ...
//	leg 5  ->  want: the pieces that were lost
//
// The receiver decides which chunk comes from whom, as late as possible, so nothing is asked for
// twice and nobody waits in a queue for what somebody else could send. The sender decides whom it
// offers to and so never has more to send than a round trip's worth. Who holds the whole content from
// the beginning offers first what it has never sent, so each chunk leaves it about once and the
// others pass it on. Who received a chunk offers it, like the first one.
//
// The manifest is a tree: pages of up to 32 hashes, each known by the page above, the top by the root.
// Every page fits into a datagram and is verified when it arrives.
//
// # Laws
//
// A chunk is written to the store only after it matched its hash, and offered only after it was
// written. A peer that sent a wrong chunk is not dealt with any more. After a restart what the store
// has is verified again and not fetched again. Whatever arrives, state stays within the bounds of the
// Config. When everybody has everything, nobody sends any more.
//
// # What it does not do
//
// It does not say which roots to trust, authenticate the sender of a datagram, or find peers. Pacing
// keeps to the rate that is configured; without one, only the receiver's window reacts to a full path.
//
// A Manifest describes content, a Fetcher gets and passes it on, a Server only serves it. Neither owns
// a socket: a protocol hands them the bodies of envelopes of TypeChunk and calls Flush.
package chunk
