// Package session keeps count of the sessions that a peer runs with others: how many there may be, how
// long each may take, how much it may do, and that each ends and gives its room back.
//
// # The life of a session
//
// A peer that wants something opens a session with its participants, and has then some time to
// settle who speaks which protocol; the session is initializing. Once all is settled it is active, and
// what it does is charged to it before it is done: operations and bytes. It ends by success, by
// failure, or because its time ran out, and is terminating for as long as the peers clean up. Then
// it is completed: its room is free for another, and its result waits to be taken.
//
//	          Open                Activate            Terminate             Close
//	(room) ---------> initializing -----> active -----------> terminating -----> completed
//	                       |                 |                 ^         |         ^
//	                       |   Terminate, Step: time ran out   |         +---------+
//	                       +-----------------+-----------------+      Step: lingered
//
// # Laws
//
//   - Capacity bounds initializing, active and terminating sessions together: whatever takes room counts.
//   - Every session ends: Timeout after it was opened if it does not become active, Timeout after
//     that if it does not terminate, and Linger after that at the latest it is completed and its room
//     free. Times are exact to the nanosecond and do not depend on how often Step is called.
//   - After its deadline only Step changes a session; what else is asked of it is refused.
//   - No session is ever charged more than its limits. What is refused, for whatever reason, changes nothing.
//   - Ids are not used twice. An old id reaches no other session.
//   - A result is taken once. Of results that nobody takes the latest are kept, so many as Options say.
//   - Memory is taken when the manager is made, and not after: what succeeds allocates nothing.
//
// # Errors
//
// ErrCapacity and ErrLimit wrap protocols.ErrExhausted: come again later, or do less. A call after
// the deadline wraps protocols.ErrTimeout. ErrTransition and ErrUnknown wrap
// protocols.ErrVerification, as does everything else that no honest caller asks.
//
// # What it does not do
//
// It sends nothing and knows no clock: time is an argument, and NextDeadline says when Step is due.
// It does not authenticate participants. Ids differ within one manager and are no secrets; give managers
// of one peer different seeds.
package session
