package epoch

import (
	"bytes"
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/signature"
)

// A value is a proposal in a round, as the owner of that round put it forward with its vote.
type value struct {
	proposal Proposal
	id       ID
	round    uint32
	owner    [signature.Size]byte // the owner's signature of its vote
	vouched  bool                 // that signature was checked; otherwise there is none

	statement quorum.Statement // of a vote for it, once it was needed
}

// A ballot is the latest vote heard of a member. Votes that can wait are checked together when as
// many are here as a certificate needs.
type ballot struct {
	v       *value
	vote    quorum.Vote
	checked bool
}

// A report is what a member last voted for when it entered a round.
type report struct {
	held  bool
	round uint32
	v     *value // nil: it had not voted
	until time.Duration
}

// A race is the way to the next epoch: one round after the other until a proposal has its quorum.
// All of it is about one epoch, and goes when that begins.
type race struct {
	round   uint32
	last    *value // what this member last voted for
	pending *value // what the owner of this round put forward, until the reports allow a vote
	wish    *Proposal
	wishID  ID
	wishEnd time.Duration
	ballots []ballot // put changes them
	reports []report
	faulty  []bool // who provably voted for two proposals in one round
	cast    int    // how many ballots there are

	// sealed is last's proposal and owner's signature as messages carry them.
	sealed [proposalSize + signature.Size]byte
	// reportVote is this member's signature of its report for reportRound, if that is not 0.
	reportVote  quorum.Vote
	reportRound uint32

	active  bool
	tries   int
	retryAt time.Duration
	until   time.Duration // when to fall silent
}

func newRace(members int) race {
	return race{ballots: make([]ballot, members), reports: make([]report, members), faulty: make([]bool, members)}
}

// reset makes it the race for another epoch.
func (r *race) reset() {
	clear(r.ballots)
	clear(r.reports)
	clear(r.faulty)
	*r = race{ballots: r.ballots, reports: r.reports, faulty: r.faulty}
}

// vote takes down what this member voted for.
func (r *race) vote(v *value) {
	r.last, r.pending = v, nil
	copy(v.proposal.append(r.sealed[:0])[proposalSize:proposalSize+signature.Size], v.owner[:])
}

// known reports whether a vote is for what this member voted for: nothing of it but the vote itself
// need then be decoded.
func (r *race) known(m *message) bool {
	return m.kind == kindVote && r.last != nil && r.last.round == m.round && bytes.Equal(m.sealed, r.sealed[:])
}

// put sets the ballot of a member.
func (r *race) put(member int, b ballot) {
	old := &r.ballots[member]
	if old.v != nil {
		r.cast--
	}
	if *old = b; b.v != nil {
		r.cast++
	}
}

func (r *race) voted() bool { return r.last != nil && r.last.round == r.round }

// name returns a proposal's name, which is at hand for the one this member voted for.
func (r *race) name(p *Proposal) ID {
	if r.last != nil && r.last.proposal == *p {
		return r.last.id
	}
	return p.ID()
}

// find returns the vouched value of a round and id if it is held.
func (r *race) find(round uint32, id ID) *value {
	is := func(v *value) bool { return v != nil && v.vouched && v.round == round && v.id == id }
	if is(r.last) {
		return r.last
	}
	if is(r.pending) {
		return r.pending
	}
	for i := range r.ballots {
		if is(r.ballots[i].v) {
			return r.ballots[i].v
		}
	}
	for i := range r.reports {
		if is(r.reports[i].v) {
			return r.reports[i].v
		}
	}
	return nil
}

// blame notes whose votes in a report and in other reports show that they voted twice.
func (r *race) blame(v *value, owner int) {
	for i := range r.reports {
		w := r.reports[i].v
		if w != nil && w.round == v.round && w.id != v.id {
			r.faulty[owner] = true
		}
	}
}

// count is how many votes a proposal has in a round, unchecked ones included.
func (r *race) count(round uint32, id ID) int {
	n := 0
	var same *value // most ballots share one
	for i := range r.ballots {
		v := r.ballots[i].v
		if v != nil && (v == same || v.round == round && v.id == id) {
			same = v
			n++
		}
	}
	return n
}

// acceptable reports whether nothing but this proposal can have a certificate of an earlier round,
// as the reports for this one show: see the laws in the package comment. More reports never make a
// proposal less acceptable.
func (r *race) acceptable(id ID, threshold, faulty int) bool {
	members := len(r.reports)
	for _, bad := range r.faulty {
		if bad {
			members, threshold, faulty = members-1, threshold-1, faulty-1
		}
	}
	if faulty < 0 {
		return false // more are faulty than there may be: nothing is certain
	}
	// By counting: any other proposal with a certificate would have at least this many reports.
	total := 0
	r.reported(func(*report) { total++ })
	least := threshold + total - members - faulty
	free := least > 0
	r.reported(func(a *report) {
		if a.v == nil || a.v.id == id {
			return
		}
		same := 0
		r.reported(func(b *report) {
			if b.v != nil && b.v.id == a.v.id {
				same++
			}
		})
		free = free && same < least
	})
	if free {
		return true
	}
	// By round: enough members had not voted past a round in which an honest one voted for it.
	found := false
	r.reported(func(a *report) {
		if found || a.v == nil || a.v.id != id {
			return
		}
		witnesses, before := 0, 0
		r.reported(func(b *report) {
			switch {
			case b.v == nil || b.v.round < a.v.round:
				before++
			case b.v.round == a.v.round && b.v.id == id:
				witnesses++
			}
		})
		found = witnesses > faulty && witnesses+before > members+faulty-threshold
	})
	return found
}

// reported calls f for the reports for this round, without those of provably faulty members.
func (r *race) reported(f func(*report)) {
	for i := range r.reports {
		if p := &r.reports[i]; p.held && p.round == r.round && !r.faulty[i] {
			f(p)
		}
	}
}

// choose returns what the owner of this round may put forward, or nil: an unfinished proposal before
// a new one, one that is still pursued before one that is not. The wish comes into question only
// while it is pursued.
func (r *race) choose(now time.Duration, threshold, faulty int) *Proposal {
	wish := r.wish != nil && now < r.wishEnd
	if r.round == 0 {
		if wish {
			return r.wish
		}
		return nil
	}
	var found []*report
	seen := map[ID]bool{}
	r.reported(func(p *report) {
		if p.v == nil || seen[p.v.id] {
			return
		}
		seen[p.v.id] = true
		if r.acceptable(p.v.id, threshold, faulty) {
			found = append(found, p)
		}
	})
	// The latest round first; reports stand in the order of members.
	slices.SortStableFunc(found, func(a, b *report) int { return int(int64(b.v.round) - int64(a.v.round)) })
	for _, p := range found {
		if now < p.until {
			return &p.v.proposal
		}
	}
	if wish && r.acceptable(r.wishID, threshold, faulty) {
		return r.wish
	}
	if wish && len(found) > 0 {
		return &found[0].v.proposal // its time is over, but it may have a certificate, and stands in the way
	}
	return nil
}

// ahead returns the round that at least one honest member has entered, if it is past this one.
func (r *race) ahead(faulty int) (uint32, bool) {
	rounds := make([]uint32, 0, 8)
	for i := range r.ballots {
		at := r.reports[i].round
		if b := &r.ballots[i]; b.v != nil && b.checked {
			at = max(at, b.v.round)
		}
		if at > r.round {
			rounds = append(rounds, at)
		}
	}
	if len(rounds) <= faulty {
		return 0, false
	}
	slices.Sort(rounds)
	return rounds[len(rounds)-1-faulty], true
}
