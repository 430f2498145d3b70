package model

// step emits what live endpoint i can do next.
func (c *mpmcConfig) step(s *mpmcState, i int, emit func(Step, *mpmcState)) {
	n := *s
	e := &n.end[i]
	do := func(what string) { emit(Step{Who: mpmcNames[i], What: what}, &n) }
	producer := i < 2
	switch e.pc {
	case mpmcAttach:
		e.count, e.pos = 0, 0
		c.begin(e, i)
		do("clears its predecessor's intent")
	case mpmcIdle:
		c.load(&n, i)
		do("loads tail or head")
	case mpmcBlocked:
		c.load(&n, i)
		do("tries again: loads tail or head")
		if producer && c.giveUp {
			n = *s
			e.reset(mpmcDone)
			emit(Step{Who: mpmcNames[i], What: "gives up", Env: true}, &n)
		}
		if c.bug != plainVyukov {
			c.repairs(s, i, emit)
		}
	case mpmcLook:
		do(c.look(&n, i))
	case mpmcReturn:
		e.pos, e.count = 0, 0
		e.reset(mpmcBlocked)
		do("clears its intent, returns full or empty")
	case mpmcIntent:
		e.pos, e.count = e.t, e.k
		if e.pc = mpmcClaim; c.bug == intentAfterClaim {
			e.pc = mpmcPayload
		}
		do("stores its intent")
	case mpmcClaim:
		do(c.claim(&n, i))
	case mpmcPayload, mpmcPayload2, mpmcPublish:
		if producer {
			do(c.write(&n, i))
			if c.abort && s.end[i].pc == mpmcPayload2 {
				n = *s
				e.i, e.skip, e.pc = 0, 1, mpmcPublish
				do("gives its claim up")
			}
		} else {
			do(c.read(&n, i))
		}
	case mpmcScan, mpmcProbe, mpmcFix, mpmcOwn, mpmcSwap, mpmcLoser:
		c.repair(s, i, emit)
	}
}

// reset forgets the registers.
func (e *mpmcEnd) reset(pc mpmcPC) {
	*e = mpmcEnd{pos: e.pos, count: e.count, alive: e.alive, seq: e.seq, pc: pc}
}

// begin is what follows a finished operation.
func (c *mpmcConfig) begin(e *mpmcEnd, i int) {
	if e.reset(mpmcIdle); i < 2 && e.seq == c.quota[i] {
		e.pc = mpmcDone
	}
}

func (c *mpmcConfig) load(s *mpmcState, i int) {
	e := &s.end[i]
	e.reset(mpmcLook)
	if e.t, e.k = s.head, c.batch; i < 2 {
		e.t, e.k = s.tail, min(c.batch, c.quota[i]-e.seq)
	}
}

// look loads the word of ticket t+i.
func (c *mpmcConfig) look(s *mpmcState, i int) string {
	e := &s.end[i]
	t := e.t + e.i
	w, lap := s.word[t%mpmcSlots], t/mpmcSlots
	good := w.lap == lap && (w.state == free) == (i < 2)
	if good && w.state == skipped {
		e.skip |= 1 << e.i
	}
	switch {
	case good:
		e.i++
	case i < 2 && w.lap >= lap, w.lap > lap:
		e.reset(mpmcIdle)
		return "the word is newer: starts again"
	case e.i == 0 && e.count != 0 && c.bug != intentNotCleared:
		e.reset(mpmcReturn)
		return "the word is not there yet: full or empty"
	case e.i == 0:
		e.reset(mpmcBlocked)
		return "the word is not there yet: returns full or empty"
	default:
		e.k = e.i
	}
	if e.i == e.k {
		e.i = 0
		if e.pc = mpmcIntent; c.bug == intentAfterClaim || c.bug == plainVyukov {
			e.pc = mpmcClaim
		}
	}
	return "loads a word"
}

// claim is the compare-and-swap on tail or head.
func (c *mpmcConfig) claim(s *mpmcState, i int) string {
	e, counter := &s.end[i], &s.head
	if i < 2 {
		counter = &s.tail
	}
	if *counter != e.t {
		e.reset(mpmcIdle)
		return "fails to claim"
	}
	*counter += e.k
	if i < 2 {
		e.seq += e.k
	}
	e.pc = mpmcPayload
	if c.bug == intentAfterClaim {
		e.pc = mpmcIntent
	}
	c.nextRead(s, i)
	return "claims"
}

// write fills and publishes the slots of a claim.
func (c *mpmcConfig) write(s *mpmcState, i int) string {
	e := &s.end[i]
	slot := (e.t + e.i) % mpmcSlots
	m := message(i, e.seq-e.k+e.i)
	switch e.pc {
	case mpmcPayload:
		s.payload[slot] = garbage + uint8(i)
		e.pc = mpmcPayload2
		return "writes half a payload"
	case mpmcPayload2:
		s.payload[slot] = m + 1
		if e.i++; e.i < e.k {
			e.pc = mpmcPayload
		} else {
			e.i, e.pc = 0, mpmcPublish
		}
		if c.bug == clearedEarly && e.i == 0 {
			e.count, e.pos = 0, 0
		}
		return "writes the rest of the payload"
	}
	if s.word[slot] = (slotWord{lap: (e.t + e.i) / mpmcSlots, state: committed}); e.skip != 0 {
		s.word[slot].state = skipped
		s.payload[slot] = 0
	} else {
		s.fate[m] = sent
	}
	if e.i++; e.i == e.k {
		c.begin(e, i)
	}
	return "publishes"
}

// nextRead settles which slot of a claim consumer i reads next: not the skipped
// ones.
func (c *mpmcConfig) nextRead(s *mpmcState, i int) {
	e := &s.end[i]
	if i < 2 || e.pc != mpmcPayload {
		return
	}
	for e.i < e.k && e.skip>>e.i&1 != 0 {
		e.i++
	}
	if e.pc = mpmcPayload; e.i == e.k {
		e.i, e.pc = 0, mpmcPublish
		if c.bug == clearedEarly {
			e.count, e.pos = 0, 0
		}
	}
}

// read hands over and frees the slots of a claim or of a redelivery, which has
// w set.
func (c *mpmcConfig) read(s *mpmcState, i int) string {
	e := &s.end[i]
	slot := (e.t + e.i) % mpmcSlots
	if e.pc == mpmcPayload {
		s.deliver(i-2, s.payload[slot], e.cons)
		e.i++
		c.nextRead(s, i)
		return "reads and delivers"
	}
	s.forget(slot)
	s.word[slot] = slotWord{lap: (e.t+e.i)/mpmcSlots + 1}
	if e.i++; e.i == e.k {
		c.begin(e, i)
	}
	return "frees"
}
