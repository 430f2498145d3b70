package model

// Several records in one claim, by mpscConfig.gather and extend: one claim for what
// fits behind the first record, up to the end of the lap; and a claim of which nothing
// is published grows. Then t = tail; t is not the end of what is held: publish, that was
// all. Room as for any claim, padding first if the end of the lap is in the way.
// intent = {held, claimed+n} (release); CAS(tail, t, t+n), failing: the old intent, then
// publish. Records are published the first first.

// need is the granules that message m of producer i takes at position p, padding included.
func (c *mpscConfig) need(i int, m, p uint8) uint8 {
	k := c.sizes[i][m]
	if at := p % mpscGranules; at+k > mpscGranules {
		k += mpscGranules - at
	}
	return k
}

// end is where the record before record j of a claim ends.
func (c *mpscConfig) end(e *mpscEnd, i int, j uint8) uint8 {
	p := e.t
	for q := range j {
		p += c.need(i, e.seq-e.n+q, p)
	}
	return p
}

// start is where record j of a claim starts.
func (c *mpscConfig) start(e *mpscEnd, i int, j uint8) uint8 {
	p, m := c.end(e, i, j), e.seq-e.n+j
	return p + c.need(i, m, p) - c.sizes[i][m]
}

// gatherMore adds the next message to the claim to come, if it fits.
func (c *mpscConfig) gatherMore(e *mpscEnd, i int, head uint8) {
	if e.seq+1 == c.quota(i) {
		return
	}
	p, k := e.t+e.k, c.sizes[i][e.seq+1]
	if at := p % mpscGranules; at > 0 && at+k <= mpscGranules && p+k-head <= mpscGranules {
		e.k += k
		e.more++
	}
}

// filled is what follows the payload of a record.
func (c *mpscConfig) filled(e *mpscEnd, i int) {
	e.i = 0
	switch e.j++; {
	case e.j < e.n: // the next one
	case c.extend && e.seq < c.quota(i):
		e.pc = mpscGrow
	default:
		c.publishAll(e)
	}
}

// publishAll begins to publish what is held.
func (c *mpscConfig) publishAll(e *mpscEnd) {
	e.j, e.more = 0, 0
	if c.bug == mpscLastFirst {
		e.j = e.n - 1
	}
	c.publishNext(e)
}

func (c *mpscConfig) publishNext(e *mpscEnd) {
	switch {
	case !c.count:
		e.pc = mpscPublish
	case c.bug == mpscBaseFirst:
		e.pc = mpscBase
	default:
		e.pc = mpscDrawn
	}
}

// published is what follows the publishing of a record.
func (c *mpscConfig) published(e *mpscEnd, i int) {
	last := e.n - 1
	if c.bug == mpscLastFirst {
		last = 0
	}
	if e.j == last {
		c.begin(e, i)
		return
	}
	if e.j++; c.bug == mpscLastFirst {
		e.j -= 2
	}
	c.publishNext(e)
}

// grow is a step of producer i to extend its claim.
func (c *mpscConfig) grow(s *mpscState, i int) string {
	e := &s.end[i]
	switch e.pc {
	case mpscGrow:
		if e.pc = mpscGrowRoom; s.tail != e.t+e.k {
			c.publishAll(e)
		}
		return "loads tail, to extend its claim"
	case mpscGrowRoom:
		t := e.t + e.k
		e.more = c.need(i, e.seq, t)
		switch {
		case t+e.more-s.head > mpscGranules:
			c.publishAll(e)
		case c.bug == mpscShortIntent || c.bug == mpscLongLate:
			e.pc = mpscGrowClaim
		default:
			e.pc = mpscGrowIntent
		}
		return "loads head, to extend its claim"
	case mpscGrowIntent:
		e.pos, e.count = e.t, e.k+e.more
		if e.pc = mpscGrowClaim; c.bug == mpscLongLate {
			c.grown(e, i)
		}
		return "stores the longer intent"
	case mpscGrowClaim:
		switch {
		case s.tail == e.t+e.k:
			s.tail += e.more
			if e.pc = mpscGrowIntent; c.bug != mpscLongLate {
				c.grown(e, i)
			}
			return "extends its claim"
		case c.bug == mpscLongLeft || c.bug == mpscShortIntent || c.bug == mpscLongLate:
			c.publishAll(e)
		default:
			e.pc = mpscPutBack
		}
		return "fails to extend its claim"
	}
	e.pos, e.count = e.t, e.k
	c.publishAll(e)
	return "puts its intent back"
}

// grown is what follows an extension by one record.
func (c *mpscConfig) grown(e *mpscEnd, i int) {
	e.k += e.more
	e.more = 1
	c.claimed(e, i)
}
