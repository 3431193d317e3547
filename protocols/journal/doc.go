// Package journal keeps the replicas of a group of many peers in step: fresh records reach everybody
// in one flight where nothing gets lost, losses are found and filled by who suffers them, and what is
// more than that is left to sessions of package antientropy.
//
// # The way of a record
//
// Its author adds it to its own log and pushes it to every other member: one datagram each, together
// with what else was published at that moment.
//
//	A -> everybody   push(A, 7..9)
//
// Who then misses something asks for it. A gap in an author's numbers shows it; and since after the
// last record nothing follows that could show a gap, the author says some milliseconds later how far
// it has written, and again a few times, ever more rarely:
//
//	A -> everybody   beacon(A: 9)
//	B -> A           nack(A, 7..9)
//	A -> B           push(A, 7..9)
//
// A nack is sent three times, and answered up to three times as far as Config.Repair pays for it, so that
// one more loss costs nothing. Without an answer it goes to another member, then to the author again,
// and in the end a session of anti-entropy takes over, as it does at once for gaps of hundreds of
// records and for records that fit into no datagram.
//
// With Config.Parity the author closes each group of pushes that left within a few milliseconds with
// parity over them, from which who lacks no more pushes than parity datagrams arrived recomputes
// them, asking nobody. The pushes that did arrive are read back from the log, so a group costs the
// receiver no more memory than its parity.
//
// Own records are on the disk, if there is a Store, before anybody is told of them: a number must
// never be given to two records, also not by an author that forgot the first in a crash.
//
// SyncAll syncs with many peers in sessions, a few at a time, and says of each how it ended. Three or
// more that begin together share what they send.
//
// # What can be had
//
// A record that is sent once to each of 99 peers over links that lose one datagram in a hundred
// reaches all of them in one flight 37 times in 100, and 6 times in 1000 where one in twenty is lost.
// All that is missing then comes two flights later, since who lacks it must ask, and nobody is nearer
// than the author. No spending of a quarter more datagrams changes that for a record that goes alone:
// at best 24 peers get a copy, and the other 75 have it at once 47 times in 100. Only a copy for
// everybody does (Parity 1). Where records follow each other within Window, a quarter more is plenty:
// five parity datagrams bring back any five of twenty-five. And with one datagram in twenty lost, having
// all at 99 peers after three flights in 99 of 100 cases takes two or three copies of each answer,
// which is more than six datagrams in a hundred: either Repair is raised, or the last one waits for a
// second nack.
//
// # Laws
//
//   - Every datagram's records are verified, and then applied all or none. Who passes a record on need
//     not be its author; who wrote it is proved by its signature (an unsigned group trusts its members).
//   - The log depends on the set of records alone, not on the way or order in which they came.
//   - A number of an author never names two records, if authors have a Store.
//   - A peer falls silent: a publish is followed by a fixed number of beacons, and lost records are
//     asked for a fixed number of times. Config.Interval makes peers compare marks for good.
//   - Memory is bounded: the log is the queue of what is to be sent, and the number of stretches asked
//     for, groups of parity and sessions is fixed.
//   - What a peer can make others send is bounded: an allowance of datagrams for each, and nothing for
//     strangers.
//   - A sync ends Synced, Failed or Cancelled, and a Result hides no peer that is not synced.
//
// # What it does not do
//
// It does not choose what to write, order records of different authors, authenticate the sender of a
// datagram (the transport's work), adapt to the rate of a link (it sends at most 32 datagrams per
// millisecond to each peer), or relay records of its own accord. If an author falls silent for good
// while some have its last record and others do not, Config.Interval or a SyncAll brings it to all.
package journal
