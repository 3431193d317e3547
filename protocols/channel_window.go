package protocols

// A round is what became of datagrams while one window of them was on its way.
type round struct {
	end        uint64 // the last transmission of it
	came, lost int
	cut        bool // the window was reduced for what this round lost
	grown      int  // acknowledged since the window grew last, over all rounds
}

const (
	// crowdedLoss is how many datagrams a round must lose, beyond what parity brought back, to say that
	// there is no room for them, provided that they are more than a fifth of it and an eighth of the
	// window: fewer are the weather.
	crowdedLoss = 8
	// delayed is of how many losses in a round it is likely that they are late and not lost.
	delayed = 64
	// leastRoom is what may be on its way at least, however little room there is.
	leastRoom = 16
	// growth is how many must be acknowledged for each more that a window has than there was room for.
	growth = 64
)

// window is how many datagrams may be on their way, as far as is known, but no more than most.
func (p *Path) window(most int) int {
	if p.room == 0 {
		return most
	}
	return min(p.room, most)
}

// crowded reports whether the way was found to have room for less than a window.
func (c *Channel) crowded() bool { return c.path.window(c.opts.Window) < c.opts.Window }

// open lets more be on its way after so many datagrams were acknowledged: as many more where there was
// room for them, and little by little beyond that.
func (c *Channel) open(news int) {
	if room := c.path.window(c.opts.Window) - c.window; room > 0 {
		c.window += min(news, room)
		return
	}
	if c.window >= c.opts.Window {
		return
	}
	if c.round.grown += news; c.round.grown >= growth {
		c.window = min(c.window+c.round.grown/growth, c.opts.Window)
		c.round.grown %= growth
		c.path.room = c.window
	}
}

// weigh takes note of what arrived and what did not. Once a round it halves the window, if that is more
// than the weather.
func (c *Channel) weigh(came, lost int) {
	r := &c.round
	r.came += came
	r.lost += lost
	if !r.cut && r.lost > crowdedLoss && 4*r.lost > r.came && 8*r.lost > c.window {
		r.cut = true
		c.path.room = max(c.window/2, leastRoom)
		c.window = min(c.window, c.path.room)
	}
	if came > 0 && c.topTx >= r.end {
		*r = round{end: c.tx, grown: r.grown}
	}
}
