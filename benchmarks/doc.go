// Package benchmarks measures the protocols. It holds benchmark functions only; the budgets that
// judge what they print are in the directory budgets, and perfgate does the judging.
//
// # What is counted
//
// Benchmarks of computation (AntiEntropyCreate, DigestCreate, DigestInsert, DigestCompare, AntiEntropyApply,
// AntiEntropyLoad, JournalEncode, JournalApply, EpochCreate, EpochConfirm, EpochCleanup) print the time,
// bytes and allocations of one call as Go does. An ops= key says how many records one call is about, and
// MB/s how fast it goes through their bytes.
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
// AntiEntropySync tells each channel to expect the loss of its scenario, as one who knows his network
// would. The others leave the default, 5 %, until they have measured:
//
// AntiEntropyLegs/logs=KIND/diffs=N/net=SCENARIO is how close a sync comes to what distance allows.
// Both replicas hold ten thousand records; N differ, half of them on either side. Logs are whole, each
// without the other's newest, so that marks tell what differs, or damaged, with half of all numbers
// missing at both and the differences anywhere, so that only coded cells do. Seeds are 1 to 2000:
//
//	xlimit-p50  time until both replicas hold everything, in units of three one-way delays of the
//	            link, which is the least where each lacks what only the other knows of; median
//	xlimit-p99  the same for 99 %
//
// AntiEntropyFind/logs=KIND/diffs=N is what it costs to find out what differs, without loss or parity:
//
//	cell-B/diff  bytes on the link in one sync both ways, less the records in stored form and the
//	             headers of as many datagrams as they fill, for each difference; mean of 20 keys
//
// AntiEntropyReconcile/ops=N is one sync of logs of N records that differ in a hundred which only cells
// tell, and all that both replicas compute for it; AntiEntropyReconcileMillion has a million, and
// AntiEntropyReconcileSigned a thousand with signatures. Its cpu-ops/s is records applied per second of
// the clock.
//
// JournalPublish/peers=N/ops=B/parity=P/net=SCENARIO is one publish: the first of N peers writes B
// records of 256 bytes at once, which goes on until the network is at rest. Parity is in percent. Its
// time in ns/op is what one publish costs the processor, for all peers together. The panel is of 2,000
// publishes of one record, 40 in each of 50 networks, or 30 of eighty, 3 in each of 10, and then each
// record counts, though those of a publish travel together:
//
//	requests     records published in the panel
//	p50-ns       from the publish until the last of the other peers has a record: over all records
//	xlimit-p50   the same divided by the scenario's one-way delay, which is the physical limit, where
//	             there is one; p95 and p99 likewise
//	sends/floor  datagrams with records, with parity or with answers, for each push that was needed
//	wire-B/op    bytes on all links for one record, beacons and nacks included
//
// JournalCold/peers=3 is three peers with 100 records each that the others lack, and one session for
// each pair, all begun at once; its times last until all three hold all, for which the physical limit
// is three delays; its panel is of 400 runs, or 40 where nothing is left to chance. JournalEncode cuts the records of a log into runs of 64 KiB, way=memcpy copies the
// same bytes in the same pieces; JournalApply takes such runs into an empty log, in cpu-ops/s records
// per second of the clock. JournalMemory prints in log-B/op what one record takes in a log of 10,000,
// tables and unused room included.
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
// SnapshotCertificate/peers=N/net=SCENARIO is one cut that N members agree on, with a majority for a
// threshold, from the proposal until the last member has the certificate; messages and bytes are
// counted until nobody sends any more. SnapshotRestore/net=SCENARIO is one member of four that has
// nothing and fetches the cut of 10,000 records, of which 1,000 are kept. Their units are those of
// AntiEntropySync over panels of K runs, and
//
//	xlimit-p50  p50-ns in units of two one-way delays, which is what a proposal and the votes on it
//	            take at least; xlimit-p95 and xlimit-p99 likewise. Not printed without delay
//	file-B      bytes of the snapshot file
//
// SnapshotCompact prunes half of 10,000 records of 2,500 bytes, in steps of 64 KiB; its counts are exact:
//
//	steps/op     steps
//	copied-B/op  bytes looked at or copied in all of them
//	step-B       bytes of the largest step, which is the one that allocates tables
//	xretained    memory of the log afterwards, tables included, over the bytes of the records kept
//
// SnapshotStep is one of these steps, SnapshotCompute/ops=N the cut of N records computed anew,
// SnapshotVerify a certificate of 67 votes, SnapshotCreate a new member.
//
// EpochBegin/peers=N/votes=WAY/net=SCENARIO is one epoch of N members, proposed by its owner. Votes go
// to all (direct), or to the square root of N members, who send the certificate on (relayed). ns/op is
// what the second epoch on a network costs the processor for all members and the network together, up
// to when all are silent. No signature is made or checked in it: each was before, and is remembered;
// looking it up is counted. The units of the panel are as above, but that
//
//	p50-ns    is until the last member holds the certificate; p95-ns and p99-ns too
//	xlimit-p50    the same in multiples of two one-way delays; not printed where there is no delay
//	msgs/op   counts what is sent twice on purpose once
//
// EpochConfirm is five votes of ten members, which make a certificate, with their signatures checked
// for real; EpochCreate makes a member, EpochCleanup ends a proposal whose time is over.
//
// The Growth benchmarks say how time and cost grow with the group (peers=2 to 100) and with the records
// (ops=100 to 10,000, of digests to 1,000,000); exponents are fitted to them, so that their panels are
// small: 40 runs, with the median in p50-ns, msgs/op and wire-B/op. Those whose name ends in Time have
// no panel: their
// ns/op is what one run costs the processor, on an ideal network and for all peers together.
//
//	GrowthFresh     a publish of 80 records with 25 % of parity, until half of them are with all peers
//	GrowthColdSync  one peer holds all records and syncs with all others, which hold none, five at a
//	                time; until all hold all, under stress
//	GrowthEpoch     an epoch as in EpochBegin; votes=relayed relays them in groups of any size
//	GrowthSync      a sync as in AntiEntropySync
//	GrowthDigest    a digest computed from all records, of 8 bytes each
//	GrowthCompare   the digests of two equal logs compared
//
// An op in ops/s is one record applied at a replica that lacked it; an op in the units per op is one
// sync. A sync that does not converge, or applies another number of records than were missing,
// fails its benchmark.
//
// # Upgrades
//
// OTASpread/peers=N/net=SCENARIO, and OTASpreadLarge for more than ten, brings a package of 2 MB in chunks of 8 KiB from one peer to N others.
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
// The bound counts the bytes of the package alone. Headers cost 4 % and a loss of 5 % another 5 %, which
// no protocol can avoid: the floor is 1.04 of the bound in ideal, 1.05 in realistic and 1.09 in stressed.
// With 100 peers the time until all of them have something to send adds some 4 s of 32.
//
// OTACeremony/peers=N/net=SCENARIO is a proposal until every peer has the certificate, over 400 seeds:
// p50-ns and p95-ns in virtual time, and xlimit-p50 and xlimit-p95 in multiples of two one-way delays.
// Its msgs/op and wire-B/op are of the ceremony alone and up to that moment, without the fetching that
// has begun; what is sent twice on purpose counts once in msgs/op, and each time in wire-B/op.
// OTACeremonyRelayed is the same with votes that go through the coordinator; its limit is two delays too.
// OTAPatch rebuilds a package of a made-up program, 4,000 functions of which one in a hundred differs
// and all addresses shift; patch-%/op is the patch in percent of the package. OTAVerify checks the
// chunks of 256 KiB against their manifest; sha256-x/op is what that takes as a multiple of crypto/sha256
// alone over the same bytes, alternating, median, and its
// ns/op are those of both. OTACreate makes a node of three.
package benchmarks
