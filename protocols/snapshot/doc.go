// Package snapshot lets a group agree on a cut through its logs, so that each member may drop what
// lies below, and brings members that lack what was dropped up to date.
//
// # The way of a cut
//
// A member proposes a frontier that its log covers, and the root of what lies at or below it. Each
// member that holds everything up to there computes the root itself, writes down that it approves,
// and sends its signature to all. So many signatures of distinct members as the threshold asks for,
// over exactly this group, epoch, frontier, digest and policy, are a certificate, and everybody forms
// it by itself:
//
//	leg 1  ->  cut: proposal and the proposer's vote
//	leg 2  <-> votes, to all
//
// A member that lacks records says so and votes when they have come. One that lost the proposal has
// it from those who pass it on with their votes, or asks whose vote it sees. The proposer repeats
// itself to those it has not heard of; who waits for votes asks for them; after the certificate the
// proposer tells it to whoever has not said that it has it. Then nobody sends any more.
//
// Then each member writes the certificate down and prunes: it stores the snapshot file block by
// block, and only when all of it is durable does the log exchange its memory (Node.Work, a little at
// a time). A member that lags behind what others have pruned fetches the file from any of them
// (Node.Fetch), and the rest by a sync of the logs.
//
// # Laws
//
// A member never signs two cuts of one epoch, nor one of an epoch before that of its last signature,
// whatever crashes: the vote is durable before it is sent. It signs only what it has computed, and no
// frontier below one that it has signed; so cuts that are agreed on lie one above the other. Nothing
// is pruned that does not lie below a certified frontier. Any valid certificate is accepted whenever
// it comes, also after its proposal was given up: agreeing is safe, since what was agreed on was
// computed by an honest member, and only its absence is not certain. The highest one wins.
//
// Proposals of one epoch compete; a member signs the first that it can, and where several can be
// signed the one with the least statement. Where votes are split so that none can win, their proposers
// give up and the one with the least statement proposes again. A fence (see Fence) falls at commit,
// abort and timeout.
//
// # What it does not do
//
// It does not say when to cut, sync logs (package antientropy does), or authenticate the sender of a
// datagram. With a threshold of a majority a cut is right as long as one of those who signed it is
// honest; members that sign two cuts of an epoch can get two certificates of it, both of them right.
package snapshot
