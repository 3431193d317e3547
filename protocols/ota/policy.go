package ota

import (
	"fmt"
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
)

// An Authority is who answers for a member. One authority may have several members.
type Authority [32]byte

// Policy says who decides, and what takes how long. All peers must have the same.
type Policy struct {
	// Group are the members: those whose votes count.
	Group *quorum.Group
	// Authorities names the authority of each member, in the order of the group.
	Authorities []Authority
	// Threshold is how many distinct members must be ready, more than half; default the majority, so
	// 2 of 3.
	Threshold int
	// AuthorityThreshold is to how many distinct authorities these must belong; default the majority
	// of the authorities, and at most Threshold.
	AuthorityThreshold int
	// Notice is how many epochs at least lie between a vote and the activation; default 100.
	Notice uint64
	// Timeout is how long a ceremony may take; default 24 h.
	Timeout time.Duration
	// MaxSize bounds a package in bytes; default 256 MiB.
	MaxSize int64
}

// authorities is how many distinct ones there are.
func (p *Policy) authorities() int {
	const few = 16 // comparing all with all costs less than a map
	if len(p.Authorities) > few {
		seen := make(map[Authority]bool, len(p.Authorities))
		for i := range p.Authorities {
			seen[p.Authorities[i]] = true
		}
		return len(seen)
	}
	n := 0
	for i := range p.Authorities {
		if !slices.Contains(p.Authorities[:i], p.Authorities[i]) {
			n++
		}
	}
	return n
}

func (p Policy) check() (Policy, error) {
	bad := func(format string, args ...any) (Policy, error) {
		return p, fmt.Errorf("check policy: "+format+": %w", append(args, protocols.ErrVerification)...)
	}
	if p.Group == nil {
		return bad("no group")
	}
	n, a := p.Group.Len(), p.authorities()
	if len(p.Authorities) != n {
		return bad("%d authorities for %d members", len(p.Authorities), n)
	}
	if p.Threshold == 0 {
		p.Threshold = p.Group.Majority()
	}
	if p.AuthorityThreshold == 0 {
		p.AuthorityThreshold = min(a/2+1, p.Threshold)
	}
	if p.Threshold < 1 || p.Threshold > n || 2*p.Threshold <= n {
		return bad("%d of %d members; use more than half, so that two ceremonies never both have enough", p.Threshold, n)
	}
	if p.AuthorityThreshold < 1 || p.AuthorityThreshold > a || p.AuthorityThreshold > p.Threshold {
		return bad("%d of %d authorities with %d members", p.AuthorityThreshold, a, p.Threshold)
	}
	if p.Notice == 0 {
		p.Notice = 100
	}
	if p.Timeout <= 0 {
		p.Timeout = 24 * time.Hour
	}
	if p.MaxSize <= 0 {
		p.MaxSize = 256 << 20
	}
	return p, nil
}

// enough reports whether votes, of distinct members, reach both thresholds.
func (p *Policy) enough(votes []quorum.Vote) bool {
	if len(votes) < p.Threshold {
		return false
	}
	seen := make(map[Authority]bool, len(votes))
	for i := range votes {
		seen[p.Authorities[votes[i].Member]] = true
	}
	return len(seen) >= p.AuthorityThreshold
}
