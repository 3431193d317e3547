package ota

import (
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// Who gets no answer stops asking, asks a little with every epoch that begins, and is through soon after
// the others are back.
func TestSilence(t *testing.T) {
	for _, c := range []struct {
		what     string
		away     []int         // from a time on
		after    time.Duration // when that is
		most     int           // datagrams until silence
		perEpoch int
		whole    bool // all get it in the end
	}{
		{"one peer away", []int{2}, 0, 100, 4, true},
		{"all away from the coordinator", []int{1, 2}, 0, 100, 4, false},
		{"the coordinator away before anybody fetched", []int{0}, 40 * time.Millisecond, 300, 12, true},
		{"nobody away", nil, 0, 100, 0, true},
	} {
		opts := simnet.Ideal(1)
		opts.Link.Delay = 10 * time.Millisecond
		f := newFleet(t, opts, 3, func(c *Config) { c.Policy.Timeout = 10 * time.Minute })
		silence := func(when string, most int) {
			t.Helper()
			before, from := f.sent, f.net.Now()
			f.net.Run(from+1000*time.Hour, nil)
			if n, d := f.sent-before, f.net.Now()-from; n > most || d > 2*time.Hour {
				t.Errorf("%s, %s: %d datagrams in %v until silence, at most %d", c.what, when, n, d, most)
			}
		}
		gone := func(away bool) {
			for _, i := range c.away {
				f.away[i] = away
			}
		}
		gone(c.after == 0)
		id := f.propose(t, 0, offer())
		f.net.Run(c.after, nil)
		gone(true)
		silence("at first", c.most)
		for e := range uint64(5) {
			f.epoch(t, e+1)
			silence("with an epoch", c.perEpoch)
		}
		gone(false)
		f.epoch(t, 50)
		silence("all back", 300)
		for i, n := range f.nodes {
			if st, _ := n.State(id); c.whole && st != Done {
				t.Errorf("%s: peer %d: %v when all are back", c.what, i, st)
			}
		}
		if c.whole {
			f.epoch(t, 100)
			silence("activated", 300)
			f.phases(t, Confirmed, v2)
		}
	}
}

// A member whose own vote is the last that it needs itself still gives it to the coordinator, and asks
// until that one has it: others may be waiting for just this vote.
func TestLastVoteReachesTheCoordinator(t *testing.T) {
	l := newLonely(t, 5, func(c *Config) { c.Staged = true })
	p := l.proposal(nil)
	id := l.propose(p, 1)
	for i := 1; i < 3; i++ {
		l.hear(peer(1), message{kind: kindVotes, id: id, papers: []ballotPaper{l.ready(id, i, i)}})
	}
	l.state(id, Collecting)
	l.n.rec.phase = Verified // its vote comes when the package is staged
	voted := func(out protocols.Output) (asked, found bool) {
		for _, d := range out.Datagrams {
			e, err := protocols.ParseEnvelope(d.Data)
			if err != nil || e.Type != protocols.TypeOTA || d.To != peer(1) {
				continue
			}
			m, err := parse(e.Body)
			for _, v := range m.papers {
				if int(v.vote.Member) == l.n.member && err == nil {
					asked, found = m.flags&asks != 0, true
				}
			}
		}
		return asked, found
	}
	step := func() (out protocols.Output) {
		out.Reset()
		l.n.Step(l.now, protocols.Input{}, &out)
		return out
	}
	_, found := voted(step())
	l.state(id, Done)
	if !found {
		t.Fatal("the coordinator is not told the vote")
	}
	if _, again := voted(step()); again {
		t.Error("told twice at once")
	}
	l.now += time.Minute
	if asked, again := voted(step()); !again || !asked {
		t.Errorf("after a minute: told again %v, and asks %v", again, asked)
	}
	l.hear(peer(1), message{kind: kindStatus, flags: knowsProposal | knowsYourVote, id: id})
	l.now += time.Hour
	if _, again := voted(step()); again {
		t.Error("told again though the coordinator has it")
	}
}
