package model

// repairs emits the starts of repairs by endpoint i: the load of the word of any
// ticket that is taken. The load of tail or head before it needs no step of its own:
// what it found stays true.
func (c *mpmcConfig) repairs(s *mpmcState, i int, emit func(Step, *mpmcState)) {
	first := func(counter uint8) uint8 { return counter - min(counter, mpmcSlots) }
	beyond := uint8(0)
	if c.bug == noTailCheck {
		beyond = 1
	}
	for p := first(s.tail); p < s.tail+beyond; p++ {
		w := s.word[p%mpmcSlots]
		if w.state == free && w.lap == p/mpmcSlots {
			c.startRepair(s, i, p, false, emit)
		}
	}
	for p := first(s.head); p < s.head; p++ {
		w := s.word[p%mpmcSlots]
		if w.state != free && w.lap == p/mpmcSlots && (i >= 2 || !c.mayRedeliver(w)) {
			c.startRepair(s, i, p, true, emit)
		}
	}
}

func (c *mpmcConfig) mayRedeliver(w slotWord) bool {
	return c.redeliver && w.state == committed && w.again < c.again
}

func (c *mpmcConfig) startRepair(s *mpmcState, i int, p uint8, cons bool, emit func(Step, *mpmcState)) {
	if c.lazy && s.owned(p, cons) {
		return
	}
	n := *s
	e := &n.end[i]
	e.reset(mpmcScan)
	e.t, e.cons, e.w = p, cons, s.word[p%mpmcSlots]
	what := "loads the word of a producer ticket, to repair it"
	if cons {
		e.i = 2
		what = "loads the word of a consumer ticket, to repair it"
	}
	emit(Step{Who: mpmcNames[i], What: what}, &n)
}

// owned tells whether a live endpoint has claimed ticket p and not done with it.
func (s *mpmcState) owned(p uint8, cons bool) bool {
	for i := range s.end {
		e := &s.end[i]
		if (i >= 2) == cons && e.alive && e.pc >= mpmcPayload && e.pc <= mpmcPublish && p-e.t < e.k {
			return true
		}
	}
	return false
}

// repair emits the further steps: the scan of the intents that count for this
// ticket, one by one, then the compare-and-swap.
func (c *mpmcConfig) repair(s *mpmcState, i int, emit func(Step, *mpmcState)) {
	n := *s
	e := &n.end[i]
	do := func(what string) { emit(Step{Who: mpmcNames[i], What: what}, &n) }
	last := uint8(2)
	if e.cons {
		last = mpmcEnds
	}
	if c.bug == scanSkipsEntry {
		last--
	}
	switch e.pc {
	case mpmcScan:
		if o := &s.end[e.i]; o.count != 0 && e.t-o.pos < o.count {
			e.pc = mpmcProbe
			do("loads an intent: it covers the ticket")
			return
		}
		c.scanned(e, i, last, &n)
		do("loads an intent: it does not cover the ticket")
	case mpmcProbe:
		alive := s.end[e.i].alive
		if !alive || c.bug == deathByTimeout && int(e.i) != i {
			c.scanned(e, i, last, &n)
			do("takes the owner for dead")
		}
		if alive {
			n = *s
			e.reset(mpmcBlocked)
			do("finds the owner alive")
		}
	case mpmcFix:
		word := &n.word[e.t%mpmcSlots]
		what := "fails to repair"
		if *word == e.w || c.bug == repairByStore {
			what = "repairs"
			if e.cons {
				if m := s.payload[e.t%mpmcSlots]; word.state == committed && m > 0 && m < garbage && n.fate[m-1] == sent {
					n.fate[m-1] = lostInHand
					n.dropped++
				}
				*word = slotWord{lap: e.t/mpmcSlots + 1}
				n.forget(e.t % mpmcSlots)
			} else {
				n.forget(e.t % mpmcSlots)
				*word = slotWord{lap: e.t / mpmcSlots, state: skipped}
			}
		}
		e.reset(mpmcBlocked)
		do(what)
	case mpmcOwn:
		e.pos, e.count = e.t, 1
		if e.pc = mpmcSwap; c.bug == ownAfterSwap {
			e.redelivery()
		}
		do("stores its intent to redeliver")
	case mpmcSwap:
		word := &n.word[e.t%mpmcSlots]
		if *word != e.w {
			if e.reset(mpmcLoser); c.bug == intentNotCleared || c.bug == ownAfterSwap {
				e.reset(mpmcBlocked)
			}
			do("fails to take the message over")
			return
		}
		word.again++
		if e.redelivery(); c.bug == ownAfterSwap {
			e.pc = mpmcOwn
		}
		do("takes the message over")
	case mpmcLoser:
		e.pos, e.count = 0, 0
		e.reset(mpmcBlocked)
		do("clears its intent")
	}
}

// redelivery makes e the owner of consumer ticket t.
func (e *mpmcEnd) redelivery() {
	e.pc, e.i, e.k, e.w = mpmcPayload, 0, 1, slotWord{}
}

// scanned moves on to the next intent, or to what follows the last.
func (c *mpmcConfig) scanned(e *mpmcEnd, i int, last uint8, s *mpmcState) {
	e.pc = mpmcScan
	if e.i++; e.i < last {
		return
	}
	e.i = 0
	if c.bug == wordAfterScan && e.cons {
		e.w = s.word[e.t%mpmcSlots]
		if e.w.state == free || e.w.lap != e.t/mpmcSlots {
			e.reset(mpmcBlocked)
			return
		}
	}
	switch {
	case !e.cons || i < 2 || !c.mayRedeliver(e.w):
		e.pc = mpmcFix
	case c.bug == ownAfterSwap:
		e.pc = mpmcSwap
	default:
		e.pc = mpmcOwn
	}
}
