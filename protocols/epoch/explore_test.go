package epoch

import (
	"flag"
	"slices"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// Each one more takes some six times as long:
//
//	go test ./protocols/epoch -run Explore -v -explore 1 -timeout 1h
var deeper = flag.Int("explore", 0, "how many deliveries more TestExploreEveryOrder tries")

// The explorer tries every order of events, breadth first, over the nodes themselves: which message
// is delivered next, or never, or once more later (a delivered message stays in the air for as often
// as it may be doubled), whose timer fires, and when one member crashes and comes back with what it
// had written. A scene says with what it begins and how often each thing may happen.
//
// What members think and what is said is numbered as it first comes up. What a member makes of an
// event depends on nothing but its own state, so it is computed once for each state and event, and a
// point in the course of events is a few numbers. Points that were met are not entered again, so that
// orders of events that do not touch each other count once.
type scene struct {
	name       string
	members    int
	faulty     int
	proposers  []int // members that propose at the start, as offsets from the owner
	liar       bool  // the owner of round 0 lies: it says two votes and two reports, and nothing else
	timers     int   // how often any timer may fire
	crashes    int
	doubles    int
	deliveries int // how many messages may arrive
	points     int // at least so many must be found, or the scene shows less than it says
}

type explorer struct {
	*team
	scene
	t       *testing.T
	made    map[quorum.Statement][]quorum.Vote
	minds   []*mind
	known   map[[32]byte]int
	letters []letter
	sent    map[string]int
	out     protocols.Output

	seen      set
	next      []byte // points of the next level, one after the other
	starts    []int
	certified map[ID]bool
	ends      int
	point     point // scratch
	code      []byte
}

func (x *explorer) config(i int, store simnet.Memory) Config {
	cfg := x.team.config(i, Config{Faulty: x.faulty, Twice: -1, Retry: time.Second})
	cfg.Store = store
	cfg.Sign = func(s quorum.Statement) (quorum.Vote, error) {
		if x.made[s] == nil {
			x.made[s] = make([]quorum.Vote, x.members)
		}
		if x.made[s][i] == (quorum.Vote{}) {
			x.made[s][i] = x.sign(i, s)
		}
		return x.made[s][i], nil
	}
	return cfg
}

// visit looks at the point that an event at a member leads to, without the letter in place drop, if
// that is not -1, and keeps it to be entered unless it was met before or the last message has arrived.
func (x *explorer) visit(p *point, i int, f *effect, drop int, last bool) {
	m := x.minds[f.mind]
	if m.certified {
		x.ends++
		x.certified[m.proposal] = true
		for j, o := range p.minds {
			if j != i && o >= 0 && x.minds[o].certified && x.minds[o].proposal != m.proposal {
				x.t.Fatalf("members %d and %d hold certificates of two proposals", i, j)
			}
		}
	}
	if last {
		return
	}
	q := &x.point
	q.minds = append(q.minds[:0], p.minds...)
	q.minds[i] = f.mind
	q.timers, q.crash, q.double = p.timers, p.crash, p.double
	q.air = q.air[:0]
	for k, l := range p.air {
		if k != drop && !(m.certified && x.letters[l].to == i) {
			q.air = append(q.air, l)
		}
	}
	for _, l := range f.sent {
		// What one that holds a certificate answers brings others to the same epoch at most: a
		// certificate is in the air anyway.
		if o := q.minds[x.letters[l].to]; !x.minds[o].certified {
			if at, held := slices.BinarySearch(q.air, l); !held {
				q.air = slices.Insert(q.air, at, l)
			}
		}
	}
	x.code = q.append(x.code[:0])
	if !x.seen.add(digest(x.code)) {
		return
	}
	x.starts = append(x.starts, len(x.next))
	x.next = append(x.next, x.code...)
}

// from tries all that can happen at a point.
func (x *explorer) from(p *point, deliveries int) {
	for k, l := range p.air {
		to := x.letters[l].to
		f := x.effect(p.minds[to], l)
		nothing := f.mind == p.minds[to]
		for _, s := range f.sent {
			_, held := slices.BinarySearch(p.air, s)
			nothing = nothing && (held || x.minds[p.minds[x.letters[s].to]].certified)
		}
		if nothing {
			continue // all that is possible then is possible now
		}
		last := deliveries+1 == x.deliveries
		x.visit(p, to, f, k, last)
		if p.double < x.doubles && !last {
			p.double++
			x.visit(p, to, f, -1, false)
			p.double--
		}
	}
	for i, at := range p.minds {
		if at < 0 || x.minds[at].certified {
			continue
		}
		if p.timers < x.timers && x.minds[at].node.race.active {
			p.timers++
			x.visit(p, i, x.effect(at, fires), -1, false)
			p.timers--
		}
		if p.crash < x.crashes {
			p.crash++
			x.visit(p, i, x.effect(at, crashed), -1, false)
			p.crash--
		}
	}
}

func (x *explorer) start() *point {
	p := &point{minds: make([]int, x.members)}
	owner := x.owner(1, 0)
	for i := range x.members {
		store := simnet.Memory{}
		if p.minds[i] = -1; x.liar && i == owner {
			continue
		}
		n, err := NewNode(x.config(i, store))
		if err != nil {
			x.t.Fatal(err)
		}
		if k := slices.Index(x.proposers, (i-owner+x.members)%x.members); k >= 0 {
			x.out.Reset()
			if _, err := n.Propose(0, Proposal{Attempt: uint32(k)}, &x.out); err != nil {
				x.t.Fatal(err)
			}
			p.air = append(p.air, x.said(i)...)
		}
		p.minds[i] = x.meet(i, n, store)
	}
	for k := range 2 {
		for i := range x.members {
			if !x.liar || i == owner {
				continue
			}
			lie := x.proposal(owner, Proposal{Epoch: 1, Attempt: uint32(k)})
			p.air = append(p.air, x.mail(owner, i, pack(x.voteFor(owner, 0, lie))), x.mail(owner, i, pack(x.reportOf(owner, 1, 1, 0, &lie))))
		}
	}
	slices.Sort(p.air)
	return p
}

func (g *team) explore(t *testing.T, s scene) {
	if s.deliveries += *deeper; testing.Short() {
		s.deliveries, s.points = s.deliveries-1, s.points/8
	}
	x := &explorer{
		team: g, scene: s, t: t, made: map[quorum.Statement][]quorum.Vote{}, known: map[[32]byte]int{}, sent: map[string]int{},
		certified: map[ID]bool{},
	}
	p := x.start()
	x.next, x.starts = p.append(nil), []int{0}
	for depth := 0; len(x.starts) > 0; depth++ {
		level, starts := x.next, append(x.starts, len(x.next))
		x.next, x.starts = nil, nil
		for k := range len(starts) - 1 {
			p.parse(level[starts[k]:starts[k+1]])
			x.from(p, depth-p.timers-p.crash)
		}
	}
	t.Logf("%d deliveries: %d points of %d minds and %d letters, %d ends, %d proposals certified in one course or another",
		s.deliveries, x.seen.len, len(x.minds), len(x.letters), x.ends, len(x.certified))
	if x.seen.len < s.points || x.ends == 0 {
		t.Errorf("%d points, want %d; %d ends", x.seen.len, s.points, x.ends)
	}
	if len(x.certified) < 2 && (len(s.proposers) > 1 || s.liar) {
		t.Errorf("%d proposals certified in one course or another, want 2: there is no race to lose", len(x.certified))
	}
}

func TestExploreEveryOrder(t *testing.T) {
	for _, s := range []scene{
		{name: "three, two propose, one crashes", members: 3, proposers: []int{0, 1}, timers: 2, crashes: 1, deliveries: 7, points: 500_000},
		{name: "three, doubled", members: 3, proposers: []int{0, 1}, timers: 2, doubles: 2, deliveries: 8, points: 500_000},
		{name: "four, one crashes", members: 4, proposers: []int{0, 1}, timers: 1, crashes: 1, deliveries: 6, points: 400_000},
		{name: "four, the owner lies", members: 4, faulty: 1, liar: true, timers: 3, deliveries: 6, points: 400_000},
	} {
		t.Run(s.name, func(t *testing.T) {
			newTeam(s.members).explore(t, s)
		})
	}
}
