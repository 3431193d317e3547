// Package epoch moves a group of members from one epoch to the next together, as for new keys, a new
// roster, or receipts that are to expire: at most one proposal ever gets a certificate for an epoch,
// whatever the network does, whoever crashes, and with some members lying.
//
// # The way to an epoch
//
// Each epoch has an owner, which changes by turns. The owner sends its proposal to all with its
// vote; each member writes its own vote down and sends it to all, together with the proposal and the
// owner's signature, so that a single vote tells a member all it needs in order to vote. Whoever
// holds the votes of a quorum has a certificate, and the epoch begins there:
//
//	leg 1  owner  -> all  vote (the owner's: it is the proposal of the round)
//	leg 2  all    -> all  vote
//
// In groups above Config.Direct votes go to the square root of as many members, who send the
// certificate on, four to each member, in a third leg. Any other member that proposes tells all what it wishes (one more
// leg), and the owner takes it up.
//
// What is lost is repeated: a member without a certificate repeats its vote to those it has not heard
// of, and they answer with theirs or with the certificate, in parts of 16 votes. After two tries it
// enters the next round, whose owner is the next member. It writes that down and tells all what it
// last voted for; this report promises not to vote in earlier rounds any more. The owner of the
// round puts forward what the reports allow, and members vote for it if their reports allow it too.
//
//	leg 1  all    -> all  report
//	leg 2  owner  -> all  vote
//	leg 3  all    -> all  vote
//
// Who led a proposal to its certificate sends it to those that did not vote until they say that they
// have it. When that is done, or the proposal's life is over, all are silent.
//
// # The laws
//
// Of n members at most f (Config.Faulty) do as they like; q is the quorum, at least (n+f)/2 rounded
// down plus 1. A member that is not faulty votes once in a round, only in the round it is in, which
// never goes back, and writes down both before it says so. Then:
//
// One round certifies one proposal. Two quorums have at least 2q-n > f members in common, so an
// honest one, which voted once.
//
// Later rounds certify the same. Let u be certified in round r, the first with a certificate, by a
// quorum Q. Every honest vote in a round s > r is for u. For suppose it held in all rounds between r
// and s, and an honest member votes for w in s, on reports R for s. An honest member of both Q and R
// voted for u in r and reported at s, so the vote it reports is from a round in [r, s) and for u. A
// vote for w is allowed by one of two rules. By counting: for each proposal other than w, also one
// nobody reports, fewer than q+|R|-n-f reports say that it was voted for last. But Q and R have at
// least q+|R|-n members in common, at most f of them faulty, so u has q+|R|-n-f reports: w is u. By
// round: there is a round x in which more than f reports say that w was voted for last, and these and
// those that report an earlier round or no vote are more than n+f-q. The latter have an honest member
// of Q among them, which reports a round no earlier than r, so x >= r; if x = r it reports w, and
// voted for u; if x > r an honest one of the more than f voted for w in a round between: w is u.
//
// Who provably voted twice in a round is left out: n, f and q are each smaller by one, and the same
// holds of the rest. A proposal's life does not come into it: who finds it over votes less. So an
// expired proposal may still be certified if a quorum may have voted for it, and only then stands in
// the way of another attempt.
//
// Hence certificates of one epoch are of one proposal, and the higher epoch wins: merging
// certificates is commutative, associative and idempotent, and one hop from anybody who has a
// certificate brings any member to its epoch, from however far behind.
//
// # When it ends
//
// With f = 0: as soon as a quorum of members hear each other for long enough and one of them goes on
// proposing. Rounds double in length, one owner puts forward one proposal in each, and the rule by
// round always allows what the latest round has. With f > 0 two legs have their price: nobody can
// always end in two legs with fewer than 5f-1 members. From 5f+1 on the rule by counting always
// allows something. Below (four members with one faulty among them) honest members end whenever the
// owner was honest or can be shown to have voted twice, which its votes do once all honest members
// hear each other; two or more faulty members that divide the honest ones and then fall silent can
// block an epoch. They cannot have two certificates.
//
// # What it does not do
//
// The group is fixed: a new roster is a new group, and a node of its own. The package does not carry
// keys, say when an epoch should end, authenticate the sender of a datagram (the transport's work),
// or order operations: the fence is a number in the group's own order.
//
// NewNode makes a member, Node.Propose begins, Node.Epoch, Node.Certificate and Node.TakeResults tell
// what came, Node.Accept judges operations under the fence, and Merge and Certificate.Verify serve
// whoever is no member.
package epoch
