package ring

import (
	"errors"
	"fmt"

	"annulus/internal/killpoint"
	"annulus/internal/mem"
)

// ErrNotPeeked, of ReleaseFirst: so many messages are not peeked. Nothing was released.
var ErrNotPeeked = errors.New("not so many messages are peeked")

// parted is what ReleaseFirst knows of a lane.
type parted struct {
	first tally // what is given back
	exact bool  // what is not counted is what is peeked, as long as the position stays at split
	split uint64
	noted uint64 // the end of its last run
}

// run is what was peeked in a lane before it was left: up to position end, from that of its
// run before or from what is released.
type run struct {
	lane int
	end  uint64
}

// noteRun notes what was peeked in the lane at hand, which is left: in what order messages of
// several lanes were handed out can be seen nowhere else.
func (c *Consumer) noteRun(a *lane) {
	if a.noted != c.pos {
		a.noted = c.pos
		c.lanes.runs = append(c.lanes.runs, run{c.lanes.at, c.pos})
	}
}

// ReleaseFirst gives the first n of the messages that are peeked and not released back
// to the producer, in the order in which they were handed out; n == all of them is Release.
// The others stay peeked, in place and valid, as if they alone had been peeked: a consumer that
// goes before it releases them leaves them, as far as its ring does that, and those only.
//
// ErrNotPeeked, with nothing released, if n is negative or more than are peeked; else the
// errors of Release. It looks at the headers of what it gives back once more, the first time
// since a Release at those of all that is peeked: where they have changed it is
// ErrCorrupt, nothing is released, and in an MPSC ring Release still works.
func (c *Consumer) ReleaseFirst(n int) error {
	c.enter()
	var err error
	if mem.Load(&c.quiet) == 0 {
		err = c.look()
	}
	if err == nil {
		err = c.releaseFirst(n)
	}
	c.exit()
	return err
}

// ReleaseFirst is Consumer.ReleaseFirst.
func (t *ConsumerOf[T]) ReleaseFirst(n int) error { return t.c.ReleaseFirst(n) }

func (c *Consumer) releaseFirst(n int) error {
	var k uint64
	var here *lane
	if c.peeked {
		var err error
		if here, k, err = c.countPeeked(); err != nil {
			return err
		}
	}
	switch {
	case n < 0 || uint64(n) > k:
		return fmt.Errorf("ring %s: %w: the first %d were to be released, %d are peeked", c.ring.name(), ErrNotPeeked, n, k)
	case uint64(n) == k:
		return c.release()
	case n == 0:
		return nil
	case here == nil:
		c.releaseCopies(uint64(n))
		return nil
	}
	return c.releasePart(here, uint64(n))
}

// countPeeked returns how many messages are peeked and makes the counts exact, for
// releasePart, which takes here, the lane at hand or the ring as if it were one; nil where
// what is peeked are copies.
func (c *Consumer) countPeeked() (here *lane, k uint64, err error) {
	c.fold()
	if c.form == formCast && !c.cast.stays {
		return nil, c.folded, nil
	}
	l := &c.lanes
	if here = &c.whole; c.form == formLanes {
		here = &l.all[l.at]
	}
	here.data, here.consumer = c.data, c.cursor
	here.pos, here.owed = c.pos, c.owed
	here.folded, here.foldedBytes = c.folded, c.foldedBytes
	if c.form == formTickets {
		here.pos = c.shared.held + c.given
	}
	for _, i := range l.peeked {
		if i == l.at {
			continue
		}
		if err := c.exact(&l.all[i]); err != nil {
			return nil, 0, err
		}
		k += l.all[i].folded
	}
	err = c.exact(here)
	c.folded, c.foldedBytes = here.folded, here.foldedBytes
	return here, k + here.folded, err
}

// exact counts what was received from a before the first message that is peeked there,
// so that what is not counted is what is peeked. All that is released while something stays
// peeked is released by releasePart, which keeps it so.
func (c *Consumer) exact(a *lane) error {
	place, messages, bytes := c.line(a)
	from := mem.Load(place)
	a.first = tally{start: from, end: from}
	if a.exact && a.split == from {
		return nil
	}
	t := a.first
	if err := c.retrace(a, &t, a.pos, ^uint64(0)); err != nil {
		return err
	}
	mem.Publish(messages, *messages+a.folded-t.messages)
	mem.Publish(bytes, *bytes+a.foldedBytes-t.bytes)
	a.folded, a.foldedBytes = t.messages, t.bytes
	a.exact, a.split = true, from
	return nil
}

// releasePart gives back the first n of more messages.
func (c *Consumer) releasePart(here *lane, n uint64) error {
	l := &c.lanes
	gone, last := 0, 0 // runs
	for ; n > 0 && last < len(l.runs); last++ {
		run := &l.runs[last]
		a := &l.all[run.lane]
		had := a.first.messages
		if err := c.retrace(a, &a.first, run.end, n); err != nil {
			return err
		}
		if n -= a.first.messages - had; a.first.end == run.end {
			gone = last + 1
		}
	}
	if n > 0 {
		if err := c.retrace(here, &here.first, here.pos, n); err != nil {
			return err
		}
	}
	for _, run := range l.runs[:last] {
		c.giveBackFirst(&l.all[run.lane])
	}
	c.giveBackFirst(here)
	l.runs = l.runs[:copy(l.runs, l.runs[gone:])]
	c.folded, c.foldedBytes, c.owed = here.folded, here.foldedBytes, here.owed
	if mem.Load(c.arm) == mem.Load(&c.quiet) {
		return nil
	}
	now := l.wake
	l.wake = false
	return c.tell(now)
}

// giveBackFirst is giveBack for what releasePart has found in a, if it was not done yet.
func (c *Consumer) giveBackFirst(a *lane) {
	if t := a.first; t.end != t.start {
		a.first = tally{start: t.end, end: t.end}
		c.giveBack(a, t.end, t.messages, t.bytes)
		a.split = t.end
	}
}

// giveBack releases what is peeked in a up to position end, and counts it.
func (c *Consumer) giveBack(a *lane, end, messages, bytes uint64) {
	place, m, b := c.line(a)
	switch s := &c.shared; c.form {
	case formTickets:
		// The intent gives up what is settled, never the other way round: a ticket that is
		// neither belongs to a dead consumer.
		c.settle(end - s.held)
		if announces {
			mem.Publish(&s.line.Intent, s.of(s.held, s.claimed)) // [I1]
		}
	case formCast:
		mem.Publish(place, end) // [B3]
	default:
		mem.Publish(place, end) // [C1] pairs with the load in consumed
	}
	killpoint.Here("partly")
	mem.Publish(m, *m+messages)
	mem.Publish(b, *b+bytes)
	a.folded -= messages
	a.foldedBytes -= bytes
	if c.form == formTickets {
		end = c.pos - a.folded // of these, owed counts messages
	}
	if end-a.owed >= c.quarter {
		a.owed = end
		c.lanes.wake = true
	}
}

// line returns where others see how far a was released, or the owner does where that is told
// by the slots themselves, and what was received from it.
func (c *Consumer) line(a *lane) (place, messages, bytes *uint64) {
	switch c.form {
	case formLanes:
		return &a.consumer.Position, &a.consumer.Messages, &a.consumer.Bytes
	case formTickets:
		return &c.shared.held, c.messages, c.bytes
	case formCast:
		return c.cast.place, c.messages, c.bytes
	}
	return &c.cursor.Position, c.messages, c.bytes
}

// released is the position up to which all is released.
func (c *Consumer) released() uint64 {
	switch c.form {
	case formTickets:
		return c.pos - c.folded - c.tally/oneMessage
	case formCast:
		return mem.Load(c.cast.place)
	}
	return mem.Load(&c.cursor.Position)
}

// releaseCopies counts the first n of more messages of which private copies are peeked.
// Their producer waits for nobody, and the copies live on until Release.
func (c *Consumer) releaseCopies(n uint64) {
	s := &c.cast
	var bytes uint64
	for _, b := range s.copies[s.gone : s.gone+int(n)] {
		bytes += uint64(len(b))
	}
	mem.Publish(c.messages, *c.messages+n)
	mem.Publish(c.bytes, *c.bytes+bytes)
	c.folded -= n
	c.foldedBytes -= bytes
	if s.gone += int(n); s.gone > len(s.copies)/2 {
		k := copy(s.copies, s.copies[s.gone:])
		clear(s.copies[k:])
		s.copies, s.gone = s.copies[:k], 0
	}
}
