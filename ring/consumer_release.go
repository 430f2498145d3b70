package ring

import (
	"sync/atomic"

	"annulus/internal/killpoint"
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// received ends a receive that has more to do: wake the producer, look ahead.
func (c *Consumer) received() error {
	if int64(c.ahead-c.pos) < 0 {
		if c.slots {
			c.lookAheadSlots(c.pos, c.slot)
		} else {
			c.lookAhead(c.pos)
		}
	}
	var err error
	if mem.Load(c.arm) != mem.Load(&c.quiet) {
		err = c.releasedSlow()
	}
	c.exit()
	return err
}

// release gives what was peeked back and wakes the producer if it has to be.
func (c *Consumer) release() error {
	c.special = !c.shortWay()
	switch c.form {
	case formTickets:
		c.settle(c.given)
		if s := &c.shared; s.claimed > 0 && announces { // what Unpeek took back
			mem.Publish(&s.line.Intent, s.of(s.held, s.claimed)) // [I1]
		}
	case formCast:
		c.releaseCast()
	case formLanes:
		c.releaseLanes()
		fallthrough
	default:
		mem.Publish(&c.cursor.Position, c.pos) // [C1] pairs with the load in consumed
	}
	killpoint.Here("released")
	c.peeked = false
	c.count()
	if c.over {
		c.drained()
	}
	if mem.Load(c.arm) != mem.Load(&c.quiet) {
		return c.releasedSlow()
	}
	return nil
}

// drained notes that this end of stream was delivered, all before it included.
func (c *Consumer) drained() {
	if c.form != formCast { // each of these has an end of its own
		atomic.StoreUint32(&c.mine.endpoint.Drained, c.overSession)
	}
}

// oneMessage counts a message in tally, above the bytes of it: 2^24 of them, or
// 2^40 bytes, are too many.
const oneMessage = 1 << 40

// count brings the statistics up to date. It is done every few messages and when
// there is none, so that they cost a message one addition; a consumer that is
// killed in between leaves some uncounted.
func (c *Consumer) count() {
	mem.Publish(c.messages, *c.messages+c.folded+c.tally/oneMessage)
	mem.Publish(c.bytes, *c.bytes+c.foldedBytes+c.tally%oneMessage)
	c.tally, c.folded, c.foldedBytes = 0, 0, 0
}

// countOrFold comes every few cache lines. What is peeked is not counted before
// its release; but tally must not run over by then.
func (c *Consumer) countOrFold() {
	if c.form == formLanes {
		c.turnEnds()
	}
	if !c.peeked {
		c.count()
		return
	}
	c.fold()
}

func (c *Consumer) fold() {
	c.folded += c.tally / oneMessage
	c.foldedBytes += c.tally % oneMessage
	c.tally = 0
}

// releasedSlow wakes a producer that waits for space once a quarter of the ring
// is free, so that it does not sleep and wake for every message. A smaller
// space it finds by itself when its slice ends.
func (c *Consumer) releasedSlow() error {
	now := c.pos-c.owed >= c.quarter || c.lanes.wake
	if now {
		c.lanes.wake = false
		c.owed = c.pos
	}
	return c.tell(now)
}

// tellLanes tells the producers of the space that they are owed; the lane at hand is told of
// where it is found empty.
func (c *Consumer) tellLanes() error {
	l := &c.lanes
	owes := !c.peeked
	for i := range l.all {
		a := &l.all[i]
		released := a.pos
		if c.peeked {
			released = mem.Load(&a.consumer.Position)
		}
		owes = owes || i != l.at && a.owed != released
		a.owed = released
	}
	l.owing = c.peeked // the rest, once it is released
	if owes && mem.Load(c.arm) != mem.Load(&c.quiet) {
		return c.signal(true)
	}
	return nil
}

// tell tells the producer of space, if it may wait for some.
func (c *Consumer) tell(now bool) error {
	if c.form == formCast && !c.cast.stays {
		if mem.Load(c.arm)&layout.ArmValid == 0 {
			return c.lost()
		}
		return c.failed
	}
	return c.signal(now)
}
