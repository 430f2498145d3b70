package model

// produce emits what the live producer can do next.
func (c *spscConfig) produce(s *spscState, emit func(Step, *spscState)) {
	n := *s
	p := &n.p
	do := func(what string) { emit(Step{Who: "producer", What: what}, &n) }
	need := uint8(1)
	if p.seq < c.count {
		need += c.sizes[p.seq]
	}
	switch p.pc {
	case spscTakeTail, spscTakeHead, spscScan:
		c.takeOver(s, emit)
	case spscIdle:
		c.room(p, need)
		do("starts")
	case spscHead, spscBlocked:
		p.head, p.pc = s.head, spscTail
		do("loads head")
	case spscTail:
		n.tail = c.committed(p)
		c.measure(p, need)
		do("stores its position")
	case spscSweep:
		if c.bug != spscNoZero {
			n.cell[(p.end(need)+p.i)%spscWords] = zero
		}
		if p.i++; p.i == p.n {
			p.clean = p.end(need) + p.n
			p.i, p.pc = 0, spscSwept
		}
		do("makes a word zero")
	case spscSwept:
		n.tail = c.committed(p)
		switch {
		case p.lapping != 0:
			p.pc = spscPad
		case c.batch > 1:
			c.staged(p)
		case c.bug == spscLateZero:
			c.sent(p)
		default:
			c.fill(p)
		}
		do("stores its position")
	case spscPad:
		n.cell[p.pos%spscWords] = padding
		p.pos, p.lapping = p.lapping, 0
		c.room(p, need)
		do("writes padding")
	case spscPayload:
		n.cell[(p.pos+1+p.i)%spscWords] = payload | p.seq<<2 | p.i
		if p.i++; p.i == need-1 {
			p.i = 0
			switch {
			case c.bug == spscEarly:
				c.sent(p)
			case c.batch > 1:
				p.pc = spscStage
			default:
				p.pc = spscPublish
			}
		}
		do("writes a word of payload")
	case spscStage:
		if p.staged == 0 && c.bug != spscBatch {
			p.first = p.pos // and kept back
		} else {
			n.cell[p.pos%spscWords] = header | p.seq<<2 | (need - 1)
			if c.bug == spscBatch {
				n.sent++ // visible as soon as those before are
			}
		}
		p.staged++
		if c.sweep(p, p.pos+need, need) {
			p.n = max(p.n, 1)
		} else {
			c.staged(p)
		}
		do("stages")
	case spscPublish:
		at, m := p.pos, p.seq
		if c.batch > 1 {
			at, m = p.first, p.seq-p.staged
		}
		if c.bug != spscBatch {
			n.cell[at%spscWords] = header | m<<2 | c.sizes[m]
			n.sent += max(p.staged, 1)
		}
		switch {
		case c.batch > 1:
			p.staged, p.first = 0, 0
			if p.pc = spscIdle; p.seq == c.count {
				p.pc = spscDone
			}
		case c.bug == spscLateZero && c.sweep(p, p.pos+need, need):
		case c.bug == spscEarly && need > 1:
			p.pc = spscPayload
		default:
			c.sent(p)
		}
		do("publishes")
	}
}

// end is where the record at hand ends, or the padding.
func (p *spscProducer) end(need uint8) uint8 {
	if p.lapping != 0 {
		return p.lapping
	}
	return p.pos + need
}

// room goes on with the record at hand, if there is room for it.
func (c *spscConfig) room(p *spscProducer, need uint8) {
	switch end := p.pos + need; {
	case int8(p.free-end) < 0 && p.pc != spscPad:
		p.pc = spscHead
	case int8(p.free-end) < 0:
		c.full(p)
	case c.batch <= 1 && c.bug != spscLateZero && c.sweep(p, end, need):
	default:
		c.fill(p)
	}
}

func (c *spscConfig) full(p *spscProducer) {
	if p.pc = spscBlocked; p.staged > 0 {
		p.pc = spscPublish
	}
}

// measure is makeRoom of the ring, behind its load of head.
func (c *spscConfig) measure(p *spscProducer, need uint8) {
	limit := p.head + spscWords - 1
	if c.bug == spscNoSpare {
		limit++
	}
	lap := p.pos - p.pos%spscWords + spscWords
	wrap := int8(lap-(p.pos+need)) < 0 && int8(limit-(lap+need)) >= 0
	if wrap {
		lap += spscWords
	}
	if p.free = limit; int8(limit-lap) > 0 {
		p.free = lap
	}
	switch {
	case wrap:
		p.lapping = lap - spscWords
		p.clean = p.pos // padding always sweeps
		c.sweep(p, p.lapping, 0)
	case int8(p.free-(p.pos+need)) < 0:
		c.full(p)
	default:
		p.pc = spscPad // room does not load head again
		c.room(p, need)
	}
}

// sweep begins to make the word at end zero, and more behind it, if that is due.
func (c *spscConfig) sweep(p *spscProducer, end, record uint8) bool {
	if int8(p.clean-end) >= 1 {
		return false
	}
	p.i, p.n = 0, 1
	if room := min(c.ahead, p.free-end, spscWords-end%spscWords); int8(p.free-end) > 0 && room > 1 {
		p.n = room
	}
	p.pc = spscSweep
	return true
}

// fill goes on with the payload.
func (c *spscConfig) fill(p *spscProducer) {
	switch p.i = 0; {
	case c.bug == spscEarly:
		p.pc = spscPublish
	case c.sizes[p.seq] > 0:
		p.pc = spscPayload
	case c.batch > 1:
		p.pc = spscStage
	default:
		p.pc = spscPublish
	}
}

// sent goes on behind a record that is published.
func (c *spscConfig) sent(p *spscProducer) {
	p.pos += 1 + c.sizes[p.seq]
	p.i, p.n = 0, 0
	p.seq++
	if p.pc = spscIdle; p.seq == c.count {
		p.pc = spscDone
	}
}

// staged goes on behind a record that is staged.
func (c *spscConfig) staged(p *spscProducer) {
	if c.sent(p); p.staged == c.batch || p.pc == spscDone {
		p.pc = spscPublish
	}
}

func (c *spscConfig) committed(p *spscProducer) uint8 {
	if p.staged > 0 && c.bug != spscAhead && c.bug != spscBatch {
		return p.first
	}
	return p.pos
}

// consume emits what the live consumer can do next.
func (c *spscConfig) consume(s *spscState, emit func(Step, *spscState)) {
	n := *s
	q := &n.c
	do := func(what string) { emit(Step{Who: "consumer", What: what}, &n) }
	i := q.pos % spscWords
	switch q.pc {
	case spscIdle:
		w := s.cell[i]
		switch w & kinds {
		case zero:
			return
		case payload:
			n.wrong = unexpected
		case padding:
			if q.pos += spscWords - i; i == 0 {
				n.wrong = unexpected
			}
		default:
			if q.w = w; i+1+w&3 > spscWords {
				n.wrong = unexpected
			}
			c.read(&n)
		}
		do("loads a header")
	case spscRead:
		if s.cell[i+1+q.i] != payload|q.w&(15<<2)|q.i {
			n.wrong = torn
		}
		q.i++
		c.read(&n)
		do("reads a word of payload")
	case spscRelease:
		q.pos += 1 + q.w&3
		n.head = q.pos
		q.i, q.w, q.late, q.pc = 0, 0, false, spscIdle
		do("stores head")
	}
}

// read goes on with the message at hand, and delivers it when it is read.
func (c *spscConfig) read(s *spscState) {
	q := &s.c
	q.pc = spscRead
	if q.i < q.w&3 || s.wrong != 0 {
		return
	}
	q.pc = spscRelease
	switch m := q.w >> 2 & 15; {
	case m >= s.sent:
		s.wrong = invented
	case m > s.got:
		s.wrong = lost
	case m == s.got:
		s.got++
	case m+1 != s.got || !q.late:
		s.wrong = duplicated
	}
}
