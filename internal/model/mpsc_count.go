package model

// The count of what was sent, by mpscConfig.count: a successor makes it exact.
//
// Producer, after a claim: base = sent, drawn = t, before anything is filled; with padding
// drawn = t+pad before PAD. For each record at p: drawn = p, then base = sent; COMMITTED;
// sent + 1.
//
// Repair, once the owner is known to be dead and word(p) is still as it was: skipped =
// p+1 in each entry whose intent covers p, unless it is a lower one of that intent; then
// the CAS.
//
// Attach, after the death of the last holder: if its intent covers drawn, sent = base,
// word(drawn) is published or skipped, and skipped, loaded after that, is none of this
// intent at or before drawn: sent = base+1. Then intent = 0, skipped = 0, drawn = nothing.

// nowhere is drawn of a producer without a claim: no intent covers it.
func (c *mpscConfig) nowhere() uint8 {
	if c.bug == mpscDrawnZero {
		return 0
	}
	return ^uint8(0)
}

// mpscTally is the count in an entry.
type mpscTally struct {
	sent, drawn, base uint8
	skipped           uint8 // + 1; 0: none
	visible           uint8 // ghost
}

// tell is a step of producer i around the publishing of a record.
func (c *mpscConfig) tell(s *mpscState, i int) string {
	e := &s.end[i]
	switch e.pc {
	case mpscNoteBase:
		e.base, e.pc = e.sent, mpscNoteDrawn
		return "stores base"
	case mpscNoteDrawn:
		if e.drawn, e.pc = e.t, mpscNotePad; c.start(e, i, 0) == e.t || c.bug == mpscPadDrawn {
			c.fill(e, i)
		}
		return "stores drawn"
	case mpscNotePad:
		e.drawn = c.start(e, i, 0)
		c.fill(e, i)
		return "stores drawn, behind the padding"
	case mpscDrawn:
		e.drawn = c.start(e, i, e.j)
		if e.pc = mpscBase; c.bug == mpscBaseFirst {
			e.pc = mpscPublish
		}
		return "stores drawn"
	case mpscBase:
		e.base = e.sent
		switch c.bug {
		case mpscBaseFirst:
			e.pc = mpscDrawn
		case mpscSentFirst:
			e.pc = mpscSent
		default:
			e.pc = mpscPublish
		}
		return "stores base"
	}
	if e.sent++; c.bug == mpscSentFirst {
		e.pc = mpscPublish
	} else {
		c.published(e, i)
	}
	return "counts"
}

// covers tells whether the intent covers position p.
func (e *mpscEntry) covers(p uint8) bool { return p-e.pos < e.count }

// unsure tells whether the record at drawn may be one that is not counted yet.
func (c *mpscConfig) unsure(s *mpscState, e *mpscEntry) bool {
	return e.covers(e.drawn) && e.sent == e.base && !c.unpublished(s.word[e.drawn%mpscGranules], e.drawn)
}

// skippedFirst tells whether the record at drawn was skipped.
func (e *mpscEntry) skippedFirst() bool {
	return e.skipped > 0 && e.covers(e.skipped-1) && e.skipped-1 <= e.drawn
}

// completing is the first look at what the last holder left.
func (c *mpscConfig) completing(s *mpscState, e *mpscEnd) {
	if e.pc = mpscForget; c.unsure(s, &e.mpscEntry) {
		e.pc = mpscComplete
	}
}

// takeEntry is a further step of new producer i.
func (c *mpscConfig) takeEntry(s *mpscState, i int) string {
	e := &s.end[i]
	if e.pc == mpscComplete {
		if e.pc = mpscForget; !e.skippedFirst() {
			e.sent++
		}
		return "loads skipped, makes the count right"
	}
	if e.sent != e.visible {
		s.wrong = miscounted
	}
	e.pos, e.count, e.skipped, e.drawn = 0, 0, 0, c.nowhere()
	c.begin(e, i)
	return "clears its predecessor's intent"
}

// miscounted tells what is wrong with the counts: at any time a successor of a dead
// producer would find the count exact.
func (c *mpscConfig) miscounted(s *mpscState) string {
	for i := range s.end[:2] {
		e := s.end[i].mpscEntry
		if !c.count || s.end[i].alive {
			continue
		}
		if c.unsure(s, &e) && !e.skippedFirst() {
			e.sent++
		}
		if e.sent != e.visible {
			return miscounted.String()
		}
	}
	return ""
}

// mark is the step of repair before a compare-and-swap, all its loads and stores in one:
// a dead producer's intent changes only when a successor clears it, and then it counts no more.
func (c *mpscConfig) mark(s *mpscState, i int) string {
	e := &s.end[i]
	e.pc = mpscFix
	p := e.t + e.i
	if s.word[p%mpscGranules] != e.w[e.i] && c.bug != mpscMarkBlind {
		e.reset(mpscBlocked)
		return "finds the word changed"
	}
	s.mark(p)
	return "notes that it will skip the granule"
}

func (s *mpscState) mark(p uint8) {
	for i := range s.end[:2] {
		o := &s.end[i].mpscEntry
		if !o.covers(p) || o.skipped > 0 && o.covers(o.skipped-1) && o.skipped-1 <= p {
			continue
		}
		o.skipped = p + 1
	}
}
