package model

// produce emits what live producer i can do next, repairs aside.
func (c *mpscConfig) produce(s *mpscState, i int, emit func(Step, *mpscState)) {
	n := *s
	e := &n.end[i]
	do := func(what string) { emit(Step{Who: mpscNames[i], What: what}, &n) }
	switch e.pc {
	case mpscAttach:
		if c.count {
			c.completing(s, e)
			do("loads its predecessor's drawn, base and the word there")
			return
		}
		e.pos, e.count = 0, 0
		c.begin(e, i)
		do("clears its predecessor's intent")
	case mpscComplete, mpscForget:
		do(c.takeEntry(&n, i))
	case mpscIdle, mpscBlocked:
		e.reset(mpscRoom)
		e.t = s.tail
		do("loads tail")
		if s.end[i].pc == mpscBlocked && c.giveUp {
			n = *s
			e.reset(mpscDone)
			emit(Step{Who: mpscNames[i], What: "gives up", Env: true}, &n)
		}
	case mpscRoom:
		e.k, e.more = c.need(i, e.seq, e.t), 1
		full := int(e.t)+int(e.k)-int(s.head) > mpscGranules
		if c.gather && !full {
			c.gatherMore(e, i, s.head)
		}
		switch {
		case !full && c.bug == mpscLateIntent:
			e.pc = mpscClaim
		case !full:
			e.pc = mpscIntent
		case e.count != 0 && e.stale && c.bug != mpscIntentLeft:
			e.reset(mpscReturn)
		default:
			e.reset(mpscBlocked)
		}
		do("loads head")
	case mpscReturn:
		e.pos, e.count, e.stale = 0, 0, false
		e.reset(mpscBlocked)
		do("clears its intent, returns full")
	case mpscIntent:
		e.pos, e.count = e.t, e.k
		if e.pc = mpscClaim; c.bug == mpscLateIntent {
			c.claimed(e, i)
		}
		do("stores its intent")
	case mpscClaim:
		if n.tail != e.t {
			e.stale = true
			e.reset(mpscIdle)
			do("fails to claim")
			return
		}
		n.tail += e.k
		if c.claimed(e, i); c.bug == mpscLateIntent {
			e.pc, e.i = mpscIntent, 0
			e.seq--
			e.n, e.more = 0, 1
		}
		do("claims")
	case mpscPad:
		p := c.end(e, i, e.j)
		n.word[p%mpscGranules] = mpscWord{c.lap(p), pad}
		e.pc = mpscPayload
		do("publishes padding")
	case mpscPayload:
		m := e.seq - e.n + e.j
		n.data[(c.start(e, i, e.j)+e.i)%mpscGranules] = message(i, m) + 1
		if e.i++; e.i == c.sizes[i][m] {
			c.filled(e, i)
		}
		do("writes a granule of payload")
	case mpscPublish:
		p := c.start(e, i, e.j)
		n.word[p%mpscGranules] = mpscWord{c.lap(p), committed}
		n.fate[message(i, e.seq-e.n+e.j)] = sent
		if c.count {
			e.visible++
		}
		if e.pc = mpscSent; !c.count || c.bug == mpscSentFirst {
			c.published(e, i)
		}
		do("publishes")
	case mpscNoteBase, mpscNoteDrawn, mpscNotePad, mpscDrawn, mpscBase, mpscSent:
		do(c.tell(&n, i))
	default:
		if e.pc >= mpscGrow && e.pc <= mpscPutBack {
			do(c.grow(&n, i))
		}
	}
}

// claimed is what follows a claim.
func (c *mpscConfig) claimed(e *mpscEnd, i int) {
	e.j = e.n
	e.n += e.more
	e.seq += e.more
	e.more = 0
	if c.fill(e, i); c.count && e.j == 0 {
		e.pc = mpscNoteBase
	}
}

// fill begins record j of the claim.
func (c *mpscConfig) fill(e *mpscEnd, i int) {
	if e.pc = mpscPayload; c.start(e, i, e.j) > c.end(e, i, e.j) {
		e.pc = mpscPad
	}
}

func (e *mpscEnd) reset(pc mpscPC) {
	*e = mpscEnd{mpscEntry: e.mpscEntry, alive: e.alive, stale: e.stale, ahead: e.ahead, seq: e.seq, late: e.late, pc: pc}
}

func (c *mpscConfig) begin(e *mpscEnd, i int) {
	if e.reset(mpscIdle); i < 2 && e.seq == c.quota(i) {
		e.pc = mpscDone
	}
}

// consume emits what the live consumer can do next, repairs aside. Its position is
// head: it alone stores that.
func (c *mpscConfig) consume(s *mpscState, emit func(Step, *mpscState)) {
	n := *s
	e := &n.end[2]
	do := func(what string) { emit(Step{Who: mpscNames[2], What: what}, &n) }
	p := s.head + e.ahead
	w := s.word[p%mpscGranules]
	release := func(k uint8) {
		if c.lazy {
			e.ahead += k
			e.reset(mpscIdle)
			return
		}
		if e.k, e.pc = k, mpscRelease; c.bug != mpscNoLap {
			n.head += k
			e.late = false
			e.reset(mpscIdle)
		}
	}
	switch e.pc {
	case mpscAttach:
		e.reset(mpscIdle)
		e.late = true
		do("loads head")
	case mpscIdle, mpscBlocked:
		switch {
		case c.unpublished(w, p):
			if e.pc == mpscBlocked {
				return
			}
			if e.reset(mpscBlocked); e.ahead > 0 && c.bug != mpscHeadLeft {
				e.pc = mpscPassed
			}
		case w.state == committed:
			e.reset(mpscRead)
		case w.state == pad:
			release(mpscGranules - p%mpscGranules)
		case w.state == skipped:
			release(1)
		default:
			release(w.state - skipRun)
		}
		do("loads the word")
	case mpscRead:
		v := s.data[(p+e.i)%mpscGranules]
		if e.i == 0 && v != 0 {
			e.v, e.k = v, c.sizes[(v-1)/2][(v-1)%2] // the length
		}
		if v == 0 || v != e.v || p%mpscGranules+e.k > mpscGranules {
			n.wrong = torn
			do("reads a granule")
			return
		}
		if e.i++; e.i < e.k {
			do("reads a granule")
			return
		}
		m := v - 1
		switch f := &n.fate[m]; {
		case *f == unsent:
			n.wrong = invented
		case *f >= delivered && !e.late:
			n.wrong = duplicated
		case m%2 == 0 && n.fate[m+1] >= delivered:
			n.wrong = reordered
		case m%2 == 1 && n.fate[m-1] < delivered && !c.attach:
			n.wrong = gap
		default:
			*f = delivered
		}
		e.i, e.v = 0, 0
		e.pc = mpscRelease
		do("reads a granule and delivers")
	case mpscRelease:
		if c.bug == mpscNoLap && e.i == 0 {
			n.word[p%mpscGranules] = mpscWord{}
			e.i = 1
			do("clears the word")
			return
		}
		n.head += e.ahead + e.k
		e.late, e.ahead = false, 0
		e.reset(mpscIdle)
		do("stores head")
	case mpscPassed:
		n.head += e.ahead
		e.late, e.ahead = false, 0
		e.reset(mpscBlocked)
		do("stores head: what it stepped over is free")
	}
}
