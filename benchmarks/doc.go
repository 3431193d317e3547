// Package benchmarks measures the protocols. It holds benchmark functions only; the budgets that
// judge what they print are in the directory budgets, and perfgate does the judging.
//
// # What is counted
//
// Benchmarks of computation (AntiEntropyCreate, DigestCreate, DigestInsert, DigestCompare, AntiEntropyApply,
// AntiEntropyLoad) print the time, bytes and allocations of one call as Go does. An ops= key says how
// many records one call is about, and MB/s how fast it goes through their bytes.
//
// AntiEntropySync/ops=N/net=SCENARIO is one sync of two replicas over the simulated network. Both
// share a history; each holds records of its own that the other lacks: N records exist altogether,
// of four authors, with 256 bytes of payload each, unsigned, and each side misses a tenth of them,
// so that N/5 records are applied. Its time in ns/op is what one such run, always of seed 1, costs
// the processor. All its other units are of virtual time and exact, and come from a panel of runs
// whose seeds are 1 to K, the same in every process:
//
//	requests   K, the number of runs
//	rounds/op  pairs of legs of one sync, mean over the panel; a leg is a one-way flight of messages
//	           that had to wait for the flight before
//	msgs/op    messages of one sync both ways, without acknowledgements and retransmissions; mean
//	wire-B/op  bytes on the link in one sync both ways, all datagrams with 28 bytes of IPv4 and UDP
//	           header each; mean
//	p50-ns     virtual time from the start until the initiator knows that both sides hold the same:
//	           the smallest time that at least half of the runs took no longer than
//	p95-ns     the same for 95 %; p99-ns for 99 %. Printed where at least 20 runs lie beyond
//	ops/s      records applied in all runs, divided by the virtual time of all runs
//
// Receipts and sessions have no network; their counts are exact:
//
//	signatures/op  signatures made or checked in one call: ReceiptVerify/links=N takes a chain of N
//	               receipts as it arrives, ReceiptAppend/links=N signs the N-th, ReceiptRefuse gives
//	               up on a chain of 50 before the first signature
//	bytes/op       bytes of the encoded chain, or of the one receipt that was appended
//	sessions       the most sessions that were live at once: SessionCycle/sessions=N is the life of one
//	               beside N-1 others, SessionExpire/sessions=N that of N which all time out
//
// An op in ops/s is one record applied at a replica that lacked it; an op in the units per op is one
// sync. A sync that does not converge, or applies another number of records than were missing,
// fails its benchmark.
//
// # Upgrades
//
// OTASpread/peers=N/net=SCENARIO brings a package of 2 MB in chunks of 8 KiB from one peer to N others.
// Every peer has 500 kbit/s up and 2 Mbit/s down, beside what the scenario does to links. One run of
// seed 1, in virtual time:
//
//	bounds/op   time until the last peer has everything, in multiples of the least that any protocol
//	            needs: the larger of F/u and N*F/((N+1)*u), for F bits at u bits per second
//	uploads/op  bytes of package that a peer uploaded, the source among them, mean over peers and in
//	            multiples of the package
//	wire-x/op   bytes on the wire, all datagrams with 28 bytes of header each, for each byte of package
//	            and peer
//
// OTACeremony/peers=N/net=SCENARIO is a proposal until every peer has the certificate, over 200 seeds:
// p50-ns and p90-ns in virtual time, and delays/op, the median in multiples of the one-way delay.
// OTAPatch rebuilds a package of a made-up program, 4,000 functions of which one in a hundred differs
// and all addresses shift; patch-%/op is the patch in percent of the package. OTAVerify hashes the
// chunks of 256 KiB, OTACreate makes a node of three.
package benchmarks
