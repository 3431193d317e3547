package journal

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
)

// A State says where a node stands with a peer.
type State int

// The states of a peer. A sync ends in exactly one of the last three.
const (
	// Idle: no sync was asked for yet.
	Idle State = iota
	// Syncing: one is waiting for its turn, for its next attempt, or under way.
	Syncing
	// Synced: the last one ended with both sides showing the same digest.
	Synced
	// Failed: all attempts of the last one failed.
	Failed
	// Cancelled: the last one was ended by Cancel.
	Cancelled
)

// String returns the state in a word.
func (s State) String() string {
	if names := []string{"idle", "syncing", "synced", "failed", "cancelled"}; s >= 0 && int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("state %d", int(s))
}

// A Status says how the last sync with a peer went.
type Status struct {
	State State
	// Err is why it Failed, and nil in every other state. It wraps one of the errors of package
	// protocols.
	Err error
	// Attempts counts sessions that were begun.
	Attempts int
	// Applied, Duplicates and Sent count records over all attempts.
	Applied, Duplicates, Sent int
	// Started and Ended are virtual times; Ended is 0 while Syncing.
	Started, Ended time.Duration
}

// A PeerResult is one peer's part of a Result.
type PeerResult struct {
	Peer protocols.PeerID
	Status
}

// A Result says how a SyncAll ended. Its counts are the sums over its peers.
type Result struct {
	// Peers are in the order in which they were given.
	Peers []PeerResult
	// Synced, Failed and Cancelled count peers; together they are all.
	Synced, Failed, Cancelled int
	// Applied, Duplicates and Sent count records.
	Applied, Duplicates, Sent int
	Started, Ended            time.Duration

	left int
}

// Err returns nil if every peer is synced. Otherwise it says how many are not, and wraps the error of
// the first that failed; ErrTimeout if all the others were cancelled.
func (r *Result) Err() error {
	if r.Synced == len(r.Peers) {
		return nil
	}
	why := fmt.Errorf("cancelled: %w", protocols.ErrTimeout)
	if i := slices.IndexFunc(r.Peers, func(p PeerResult) bool { return p.Err != nil }); i >= 0 {
		why = r.Peers[i].Err
	}
	return fmt.Errorf("sync with %d peers: %d failed, %d cancelled: %w", len(r.Peers), r.Failed, r.Cancelled, why)
}

// A task is a peer to sync with.
type task struct {
	peer      int
	batch     bool // it is part of the SyncAll under way
	at        time.Duration
	running   bool
	cancelled bool
	session   uint64
}

// SyncAll begins a sync with each of the given peers, or with all other members if there are none,
// at most Concurrent at one time: the next begins in the step in which one ends. Its result comes
// from TakeResults. The error wraps ErrExhausted while another SyncAll is under way, and
// ErrVerification when a peer is no other member or stands twice.
func (n *Node) SyncAll(now time.Duration, peers []protocols.PeerID, out *protocols.Output) error {
	defer n.finish(now, out)
	if n.batch != nil {
		return fmt.Errorf("sync with all: another is under way with %d peers left: %w", n.batch.left, protocols.ErrExhausted)
	}
	numbers := make([]int, 0, len(n.peers))
	for _, p := range peers {
		i, ok := n.log.Number(p)
		if !ok || i == n.self || slices.Contains(numbers, i) {
			return fmt.Errorf("sync with all: %v is no other member, or stands twice: %w", p, protocols.ErrVerification)
		}
		numbers = append(numbers, i)
	}
	for i := range n.peers {
		if len(peers) == 0 && i != n.self {
			numbers = append(numbers, i)
		}
	}
	n.batch = &Result{Started: now, left: len(numbers)}
	for _, i := range numbers {
		n.batch.Peers = append(n.batch.Peers, PeerResult{Peer: n.log.Member(i)})
		if t := n.task(i); t != nil {
			t.batch, t.at = true, min(t.at, now) // it is on its way already
			continue
		}
		n.begin(now, task{peer: i, batch: true, at: now})
	}
	n.conclude(now)
	return nil
}

// Cancel ends every sync of this node that has not ended: none waits, both sides of those under way
// are told. The peers end Cancelled.
func (n *Node) Cancel(now time.Duration, out *protocols.Output) {
	defer n.finish(now, out)
	for i := len(n.tasks) - 1; i >= 0; i-- {
		t := &n.tasks[i]
		t.cancelled = true
		if !t.running {
			n.end(now, i, Cancelled, nil)
			continue
		}
		// Our own session ends as if the peer had given it up, and the peer's as if we had.
		name := n.log.Member(t.peer)
		var reset protocols.Output
		protocols.AppendReset(&reset, name, protocols.TypeAntiEntropy, t.session, protocols.ResetClosed)
		protocols.AppendReset(out, name, protocols.TypeAntiEntropy, t.session, protocols.ResetClosed)
		n.sessions.Step(now, protocols.Input{From: name, Data: reset.Datagrams[0].Data}, out)
		n.sessWake = out.Wake
	}
}

// Status returns how the last sync with a peer went, or goes; false for who is no other member.
func (n *Node) Status(p protocols.PeerID) (Status, bool) {
	i, ok := n.log.Number(p)
	if !ok || i == n.self {
		return Status{}, false
	}
	return n.peers[i].status, true
}

// TakeResults returns the results of the SyncAlls that ended since the last call, oldest first.
func (n *Node) TakeResults() []Result {
	r := n.done
	n.done = nil
	return r
}

func (n *Node) task(peer int) *task {
	i := slices.IndexFunc(n.tasks, func(t task) bool { return t.peer == peer })
	if i < 0 {
		return nil
	}
	return &n.tasks[i]
}

func (n *Node) begin(now time.Duration, t task) {
	n.peers[t.peer].status = Status{State: Syncing, Started: now}
	n.tasks = append(n.tasks, t)
}

// catchUp arranges a session with a peer that has what we lack. Where such sessions bring nothing
// they become rare, so that lies cost little.
func (n *Node) catchUp(now time.Duration, peer int) {
	if n.task(peer) == nil {
		n.begin(now, task{peer: peer, at: max(now, n.peers[peer].autoAt)})
	}
}

// running counts the own sessions under way.
func (n *Node) running() int {
	k := 0
	for i := range n.tasks {
		if n.tasks[i].running {
			k++
		}
	}
	return k
}

// open begins sessions as long as there are peers whose time has come, and places.
func (n *Node) open(now time.Duration, out *protocols.Output) {
	if len(n.tasks) == 0 {
		return
	}
	free := n.cfg.Concurrent - n.running()
	var together []protocols.PeerID
	for i := range n.tasks {
		if t := &n.tasks[i]; !t.running && now >= t.at && len(together) < free {
			together = append(together, n.log.Member(t.peer))
		}
	}
	for i := 0; i < len(n.tasks) && free > 0; i++ {
		t := &n.tasks[i]
		if t.running || now < t.at {
			continue
		}
		n.peers[t.peer].status.Attempts++
		id, err := n.sessions.StartAmong(now, n.log.Member(t.peer), together, out)
		n.sessWake = out.Wake
		if err != nil {
			if n.failed(now, i, err) {
				i--
			}
			continue
		}
		t.running, t.session = true, id
		free--
	}
}

// opening is when open has something to do.
func (n *Node) opening() time.Duration {
	at := protocols.Never
	if len(n.tasks) == 0 || n.running() >= n.cfg.Concurrent {
		return at
	}
	for i := range n.tasks {
		if !n.tasks[i].running {
			at = min(at, n.tasks[i].at)
		}
	}
	return at
}

// collect takes note of the sessions that have ended.
func (n *Node) collect(now time.Duration) {
	if len(n.tasks) == 0 && n.sessions.Sessions() == 0 {
		return
	}
	for _, r := range n.sessions.TakeResults() {
		peer, _ := n.log.Number(r.Peer)
		i := slices.IndexFunc(n.tasks, func(t task) bool { return t.running && t.peer == peer && t.session == r.Session })
		if !r.Initiator || i < 0 {
			continue
		}
		n.ended(now, i, &r)
	}
}

func (n *Node) ended(now time.Duration, i int, r *antientropy.Result) {
	t := &n.tasks[i]
	t.running = false
	p := &n.peers[t.peer]
	p.status.Applied += r.Applied
	p.status.Duplicates += r.Duplicates
	p.status.Sent += r.Sent
	switch {
	case r.Applied > 0:
		p.autoBad, p.autoAt = 0, now
	case !t.batch:
		p.autoAt = now + n.spread(n.cfg.Backoff<<min(p.autoBad, 6))
		p.autoBad++
	}
	switch {
	case r.Err == nil:
		n.end(now, i, Synced, nil)
	case t.cancelled:
		n.end(now, i, Cancelled, nil)
	default:
		n.failed(now, i, r.Err)
	}
}

// failed arranges the next attempt, or ends the task and reports so. A peer that breaks the rules or
// speaks another version will do so again.
func (n *Node) failed(now time.Duration, i int, err error) (over bool) {
	t := &n.tasks[i]
	tries := n.peers[t.peer].status.Attempts
	if tries >= n.cfg.Attempts || !errors.Is(err, protocols.ErrTimeout) && !errors.Is(err, protocols.ErrExhausted) {
		n.end(now, i, Failed, err)
		return true
	}
	t.at = now + n.spread(n.cfg.Backoff<<min(tries-1, 6))
	return false
}

// end gives a peer its final state.
func (n *Node) end(now time.Duration, i int, s State, err error) {
	t := n.tasks[i]
	n.tasks = slices.Delete(n.tasks, i, i+1)
	st := &n.peers[t.peer].status
	st.State, st.Err, st.Ended = s, err, now
	if !t.batch {
		return
	}
	b := n.batch
	k := slices.IndexFunc(b.Peers, func(p PeerResult) bool { return p.Peer == n.log.Member(t.peer) })
	b.Peers[k].Status = *st
	switch s {
	case Synced:
		b.Synced++
	case Failed:
		b.Failed++
	default:
		b.Cancelled++
	}
	b.Applied += st.Applied
	b.Duplicates += st.Duplicates
	b.Sent += st.Sent
	b.left--
	n.conclude(now)
}

// conclude hands the SyncAll over once it has no peers left.
func (n *Node) conclude(now time.Duration) {
	if n.batch.left > 0 {
		return
	}
	n.batch.Ended = now
	if len(n.done) == maxResults {
		n.done = slices.Delete(n.done, 0, 1)
	}
	n.done = append(n.done, *n.batch)
	n.batch = nil
}

// maxResults bounds the results kept for TakeResults.
const maxResults = 64
