package model

// startRepair emits the load of the word at head. The loads of head and tail before
// it need no steps of their own: a head that is behind by then leads to a word that is
// published.
func (c *mpscConfig) startRepair(s *mpscState, i int, emit func(Step, *mpscState)) {
	p := s.head + s.end[i].ahead
	if p >= s.tail || !c.unpublished(s.word[p%mpscGranules], p) {
		return
	}
	n := *s
	e := &n.end[i]
	e.reset(mpscWords)
	e.t = p
	c.takeWord(&n, e)
	emit(Step{Who: mpscNames[i], What: "loads the word at head, to repair it"}, &n)
}

// takeWord notes the next word for the compare-and-swap to come.
func (c *mpscConfig) takeWord(s *mpscState, e *mpscEnd) {
	e.w[e.k] = s.word[(e.t+e.k)%mpscGranules]
	if e.k++; e.k == mpscGranules || c.bug == mpscLengthOfDead {
		e.pc = mpscScan
	}
}

// repair emits the further steps of a repair.
func (c *mpscConfig) repair(s *mpscState, i int, emit func(Step, *mpscState)) {
	n := *s
	e := &n.end[i]
	do := func(what string) { emit(Step{Who: mpscNames[i], What: what}, &n) }
	switch e.pc {
	case mpscWords:
		if p := e.t + e.k; p < s.tail && c.unpublished(s.word[p%mpscGranules], p) {
			c.takeWord(&n, e)
		} else {
			e.pc = mpscScan
		}
		do("loads the next word")
	case mpscScan:
		if o := &s.end[e.i]; c.cover(o, e) < e.k {
			e.pc = mpscProbe
			do("loads an intent: it covers some of it")
			return
		}
		c.scanned(e)
		do("loads an intent: it covers nothing of it")
	case mpscProbe:
		o := &s.end[e.i]
		if !o.alive || c.bug == mpscTimeout && int(e.i) != i {
			if c.bug == mpscLengthOfDead && o.count > e.t-o.pos {
				e.v = o.count - (e.t - o.pos)
			}
			c.scanned(e)
			do("takes the owner for dead")
		}
		if o.alive {
			n = *s
			e.cut(c.cover(o, e))
			if c.scanned(e); e.k == 0 {
				e.reset(mpscBlocked)
			}
			do("finds the owner alive")
		}
	case mpscMark:
		do(c.mark(&n, i))
	case mpscFix:
		c.fix(&n, i)
		do("repairs a granule, if it is as it was")
	}
}

// cover returns the first granule of e's repair that o's intent, as it is now, covers.
func (c *mpscConfig) cover(o, e *mpscEnd) uint8 {
	count := o.count
	if c.bug == mpscNoLength {
		count = min(count, 1)
	}
	for k := range e.k {
		if e.t+k-o.pos < count {
			return k
		}
	}
	return e.k
}

func (e *mpscEnd) cut(k uint8) {
	e.k = k
	clear(e.w[k:])
}

func (c *mpscConfig) scanned(e *mpscEnd) {
	if e.i++; e.i < 2 {
		e.pc = mpscScan
		return
	}
	e.i = 0
	c.toFix(e)
}

func (c *mpscConfig) toFix(e *mpscEnd) {
	if e.pc = mpscFix; c.count && c.bug != mpscNoMark {
		e.pc = mpscMark
	}
}

// fix is one compare-and-swap.
func (c *mpscConfig) fix(s *mpscState, i int) {
	e := &s.end[i]
	p := e.t + e.i
	word := &s.word[p%mpscGranules]
	state := uint8(skipped)
	if c.bug == mpscLengthOfDead {
		if e.v == 0 { // nobody knows
			e.reset(mpscBlocked)
			return
		}
		state = skipRun + e.v
	}
	ok := *word == e.w[e.i]
	if ok || c.bug == mpscByStore {
		*word = mpscWord{c.lap(p), state}
	}
	if !ok || e.i == e.k-1 {
		e.reset(mpscBlocked)
		return
	}
	e.w[e.i] = mpscWord{}
	e.i++
	c.toFix(e)
}
